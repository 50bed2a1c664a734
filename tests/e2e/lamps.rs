//! What real phones show of another: the lists of friends of Linphone and baresip follow a phone through a call.

use super::support::SOON;
use super::support::baresip::Baresip;
use super::support::linphone::Linphone;
use super::support::phone::{Account, Phone, Transport};
use super::support::sipp::SippPhone;
use super::support::switch::{DOMAIN, Setup};
use super::support::wait::wait_until;

#[test]
fn linphone_shows_that_a_colleague_comes_talks_and_is_free_again() {
    let switch =
        Setup::default().extension("1001", "").extension("1002", "").extension("1003", "").start();
    let account = |number| Account::of(&switch, number, Transport::Udp);
    let watcher = Linphone::start_watching(
        switch.place(),
        &account("1003"),
        1_400.0,
        &format!("sip:1002@{DOMAIN}"),
    );
    let mut seen = 0;
    let mut shows = |what: &str| {
        wait_until(&format!("Linphone shows {what}"), SOON, || {
            let log = watcher.log();
            let rest = log.get(seen..).unwrap_or_default();
            let line = rest.lines().find(|line| line.contains("1002") && line.contains(what));
            seen += line.map_or(0, |line| rest.find(line).unwrap_or_default() + line.len());
            line.is_some()
        });
    };
    shows(" is Away");
    let mut watched = SippPhone::register(switch.place(), &account("1002"), 1_000.0);
    shows(" is Online");
    let mut caller = SippPhone::register(switch.place(), &account("1001"), 600.0);
    caller.dial("1002");
    caller.wait_connected();
    watched.wait_connected();
    shows(" is On the phone");
    switch.hang_up_all();
    caller.wait_ended();
    shows(" is Online");
}

#[test]
fn baresip_shows_that_a_colleague_comes_talks_and_is_free_again() {
    let switch =
        Setup::default().extension("1001", "").extension("1002", "").extension("1003", "").start();
    let account = |number| Account::of(&switch, number, Transport::Udp);
    let friend = format!("sip:1002@{DOMAIN}");
    let watcher = Baresip::start_watching(switch.place(), &account("1003"), 1_400.0, &friend);
    // The states are in colours.
    let new = |line: &str| line.rsplit(" to ").next().unwrap_or_default().to_owned();
    let mut seen = 0;
    let mut shows = |what: &str| {
        wait_until(&format!("baresip shows {what}"), SOON, || {
            let log = watcher.log();
            let rest = log.get(seen..).unwrap_or_default();
            let line = rest.lines().find(|line| line.contains("1002") && new(line).contains(what));
            seen += line.map_or(0, |line| rest.find(line).unwrap_or_default() + line.len());
            line.is_some()
        });
    };
    // What it is told first it takes silently.
    wait_until("baresip has subscribed", SOON, || {
        let metrics = switch.http().get("/metrics").text();
        metrics.contains("strowger_subscriptions{package=\"presence\"} 1\n")
    });
    let mut watched = SippPhone::register(switch.place(), &account("1002"), 1_000.0);
    shows("Online");
    let mut caller = SippPhone::register(switch.place(), &account("1001"), 600.0);
    caller.dial("1002");
    caller.wait_connected();
    watched.wait_connected();
    shows("Busy");
    switch.hang_up_all();
    caller.wait_ended();
    shows("Online");
}
