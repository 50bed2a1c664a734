//! Webhooks: receivers that are slow, dead and returning, with kill -9 in between.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use super::support::SOON;
use super::support::phone::{Account, Transport};
use super::support::receiver::{Manner, Received, Receiver};
use super::support::rtp::to_ulaw;
use super::support::sipp::Scenario;
use super::support::switch::{Setup, Switch};
use super::support::tone::sine;
use super::support::wait::{wait_for, wait_until};

const AT_ONCE: Manner = Manner::Says(200, Duration::ZERO);
const CALLS: usize = 6;

fn setup(webhooks: &str) -> Setup {
    Setup::default().extension("1001", "").with(&format!("[webhooks]\n{webhooks}\n"))
}

/// Makes a webhook for all that happens in calls; returns its path and secret.
fn hook(switch: &Switch, url: &str) -> (String, String) {
    let events = ["call_started", "call_answered", "call_ended"];
    let made = switch.http().post("/api/v1/webhooks", &json!({"url": url, "events": events}));
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (format!("/api/v1/webhooks/{}", text("id")), text("secret"))
}

/// So many calls that talk, and end when an operator ends them.
fn calls(switch: &Switch, count: usize) {
    let tone = sine(600.0, 2).into_iter().map(to_ulaw).collect();
    let callers = Scenario::of("talk", &Account::of(switch, "1001", Transport::Udp))
        .calls(u32::try_from(count).unwrap())
        .key("target", "*43")
        .file("tone.ulaw", tone)
        .start(switch.place());
    wait_until("the calls talk", SOON, || callers.log().matches("connected").count() == count);
    switch.hang_up_all();
    switch.wait_idle();
}

/// The call that an event is about, and which event it is.
fn about(event: &Value) -> (String, u64) {
    let call = event["call"].as_str().or(event["record"]["call"].as_str());
    let call = call.unwrap_or_else(|| panic!("no call in {event}"));
    let id = event["id"].as_str().unwrap();
    (call.to_owned(), id.split_once('.').unwrap().1.parse().unwrap())
}

/// The ids of the events that came.
fn events(received: &[Received]) -> BTreeSet<String> {
    received.iter().map(|one| one.json()["id"].as_str().unwrap().to_owned()).collect()
}

/// Deliveries that a webhook has not been told, as they are on disk.
fn kept(switch: &Switch, path: &str, state: &str) -> Vec<Value> {
    switch.http().rows(&format!("{path}/deliveries?state={state}&limit=200"))
}

/// Each call's events came in their order, whatever was repeated, and a repetition has the name of the first.
fn assert_in_order(received: &[Received]) {
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for one in received {
        let event = one.json();
        let name = names.entry(one.id().to_owned()).or_default();
        if name.is_empty() {
            *name = event["id"].as_str().unwrap().to_owned();
            let (call, seq) = about(&event);
            let before = last.insert(call, seq);
            assert!(before.is_none_or(|before| before < seq), "{seq} after {before:?}");
        } else {
            assert_eq!(*name, event["id"].as_str().unwrap(), "another event under the same name");
        }
    }
    let distinct: BTreeSet<&String> = names.values().collect();
    assert_eq!(distinct.len(), names.len(), "an event has one name only");
}

#[test]
fn slow_dead_and_returning_receivers_get_everything_in_order_over_a_kill() {
    let mut switch = setup("allow_private = true").start();
    let good = Receiver::start(AT_ONCE);
    let slow = Receiver::start(Manner::Holds);
    let refusing = Receiver::start(Manner::Says(503, Duration::ZERO));
    // A port at which nobody listens until later.
    let dead = SocketAddr::from(([127, 0, 0, 1], switch.place().port()));
    hook(&switch, &good.url());
    let (slow_path, _) = hook(&switch, &slow.url());
    let (refusing_path, _) = hook(&switch, &refusing.url());
    let (dead_path, _) = hook(&switch, &format!("http://{dead}/hook"));

    calls(&switch, CALLS);
    // Started, answered and ended of each call, while the slow one has not answered once.
    let all = 3 * CALLS;
    wait_until("the good receiver has everything", SOON, || events(&good.received()).len() == all);
    assert!(slow.received().is_empty(), "the slow one has taken nothing yet");
    let wanted = events(&good.received());
    assert_in_order(&good.received());
    for path in [&dead_path, &refusing_path] {
        wait_until("what waits is on disk", SOON, || kept(&switch, path, "waiting").len() == all);
    }

    switch.kill();
    switch.restart();
    let returned = Receiver::at(dead, AT_ONCE);
    refusing.behave(AT_ONCE);
    slow.behave(AT_ONCE);
    for receiver in [&slow, &returned, &refusing] {
        wait_until("everything came", Duration::from_secs(60), || {
            events(&receiver.received()).is_superset(&wanted)
        });
        assert_in_order(&receiver.received());
    }
    for path in [&slow_path, &dead_path, &refusing_path] {
        wait_until("nothing is left", SOON, || kept(&switch, path, "waiting").is_empty());
        assert!(kept(&switch, path, "parked").is_empty());
    }
    let metrics = switch.http().get("/metrics").text();
    assert!(metrics.contains("strowger_webhook_kept 0\n"), "{metrics}");
    assert!(metrics.contains("strowger_webhook_dropped_total 0\n"), "{metrics}");
}

#[test]
fn what_nobody_takes_is_parked_and_sent_again_by_hand() {
    let switch = setup("allow_private = true\ngive_up_secs = 1").start();
    let receiver = Receiver::start(Manner::Says(500, Duration::ZERO));
    let (path, _) = hook(&switch, &receiver.url());
    calls(&switch, 1);
    let parked = wait_for("the deliveries are parked", SOON, || {
        let rows = kept(&switch, &path, "parked");
        (rows.len() == 3).then_some(rows)
    });
    assert_eq!(parked[0]["error"], "the answer was 500");
    assert!(parked[0]["attempts"].as_u64().unwrap() >= 2, "{}", parked[0]);
    let body: Value = serde_json::from_str(parked[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["event"], "call_started");
    receiver.behave(AT_ONCE);
    let before = receiver.received().len();
    let first = format!("{path}/deliveries/{}/resend", parked[0]["id"].as_str().unwrap());
    let answer = switch.http().post(&first, &Value::Null);
    assert_eq!((answer.status, answer.json()), (200, json!({"resent": 1})));
    let rest = switch.http().post(&format!("{path}/deliveries/resend"), &Value::Null);
    assert_eq!((rest.status, rest.json()), (200, json!({"resent": 2})));
    let again = wait_for("they come again", SOON, || {
        let all = receiver.received();
        (all.len() == before + 3).then(|| all[before..].to_vec())
    });
    let names: BTreeSet<&str> = again.iter().map(Received::id).collect();
    let expected = parked.iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(names, expected, "under the names that they had");
    wait_until("nothing is left", SOON, || kept(&switch, &path, "parked").is_empty());
}

#[test]
fn redirects_are_not_followed_and_private_places_are_refused() {
    let switch = setup("allow_private = true").start();
    let elsewhere = Receiver::start(AT_ONCE);
    let leading = Receiver::start(Manner::Leads(elsewhere.url()));
    let (path, secret) = hook(&switch, &leading.url());
    calls(&switch, 1);
    wait_until("the redirect is an error", SOON, || {
        kept(&switch, &path, "waiting")
            .first()
            .is_some_and(|row| row["error"] == "the answer was 307")
    });
    assert!(elsewhere.received().is_empty());
    let first = leading.received().remove(0);
    assert!(secret.starts_with("whsec_"));
    assert_eq!(first.headers["content-type"], "application/json");
    assert!(first.headers["user-agent"].starts_with("strowger/"));
    assert!(first.headers["webhook-signature"].starts_with("v1,"), "{first:?}");
    assert!(!first.headers["webhook-signature"].contains(' '), "{first:?}");
    // With another secret the old one goes on signing beside it.
    let order = json!({"url": leading.url(), "secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"});
    assert_eq!(switch.http().put(&path, &order).status, 204);
    wait_until("two signatures come", SOON, || {
        let last = leading.received().pop().unwrap();
        last.headers["webhook-signature"].split(' ').filter(|one| one.starts_with("v1,")).count()
            == 2
    });
    assert!(first.headers["webhook-timestamp"].parse::<u64>().unwrap() > 1_600_000_000);

    let closed = Setup::default().start();
    for url in
        ["http://127.0.0.1:9/", "http://localhost:9/", "https://169.254.169.254/", "http://[::1]/"]
    {
        let refused = closed.http().post("/api/v1/webhooks", &json!({"url": url}));
        assert_eq!(refused.status, 422, "{url}: {}", refused.text());
        assert!(refused.text().contains("no public address"), "{url}: {}", refused.text());
    }
}

/// Has an agent change its mind so often; each time is an event about that agent.
fn changes(switch: &Switch, count: usize) {
    for n in 0..count {
        let status = if n % 2 == 0 { "on_break" } else { "logged_out" };
        let answer = switch.http().put("/api/v1/agents/101/intent", &json!({"status": status}));
        assert_eq!(answer.status, 204, "{}", answer.text());
    }
}

/// Deliveries that wait on disk, all pages.
fn on_disk(switch: &Switch, path: &str) -> usize {
    let (mut count, mut after) = (0, String::new());
    loop {
        let page = switch.http().get(&format!("{path}/deliveries?limit=200{after}")).json();
        count += page["items"].as_array().map_or(0, Vec::len);
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return count,
        }
    }
}

#[test]
fn more_than_memory_holds_comes_in_order_once_the_receiver_is_there() {
    const HALF: usize = 650;
    let desk = "[[queue]]\ntenant = \"demo\"\nnumber = \"9001\"\n[[agent]]\ntenant = \"demo\"\nid = \"101\"\n\
         extension = \"1001\"\nqueues = [{ queue = \"9001\" }]\n";
    let mut switch = setup("allow_private = true").with(desk).start();
    let address = SocketAddr::from(([127, 0, 0, 1], switch.place().port()));
    let order = json!({"url": format!("http://{address}/"), "events": ["agent_intent_changed"]});
    let made = switch.http().post("/api/v1/webhooks", &order).json();
    let path = format!("/api/v1/webhooks/{}", made["id"].as_str().unwrap());
    changes(&switch, HALF);
    wait_until("the first half is on disk", SOON, || on_disk(&switch, &path) == HALF);
    switch.kill();
    switch.restart();
    changes(&switch, HALF);
    wait_until("all is on disk", SOON, || on_disk(&switch, &path) == 2 * HALF);
    let receiver = Receiver::at(address, AT_ONCE);
    wait_until("all came", Duration::from_secs(120), || {
        events(&receiver.received()).len() == 2 * HALF
    });
    let place = |one: &Received| {
        let id = one.json()["id"].as_str().unwrap().to_owned();
        let (boot, seq) = id.split_once('.').unwrap();
        (boot.parse::<u64>().unwrap(), seq.parse::<u64>().unwrap())
    };
    let mut names = BTreeSet::new();
    let received = receiver.received();
    let first: Vec<_> =
        received.iter().filter(|one| names.insert(one.id().to_owned())).map(place).collect();
    assert!(first.is_sorted(), "in order, over memory, disk and the kill");
    assert_eq!(first.len(), 2 * HALF);
    wait_until("nothing is left", SOON, || on_disk(&switch, &path) == 0);
}
