//! Message waiting lamps: real phones that subscribe to their mailbox, and a restart under them.

use super::support::SOON;
use super::support::baresip::Baresip;
use super::support::phone::{Account, Transport};
use super::support::raw::{RawUa, Text};
use super::support::switch::{DOMAIN, Setup};
use super::support::wait::wait_until;

const EVENT: &str = "Event: message-summary\r\nExpires: 600\r\n";

/// Subscribes with credentials; the NOTIFY that follows has been answered. Returns the 200.
fn subscribe(phone: &mut RawUa, mailbox: &str, call: &str) -> Text {
    let uri = format!("sip:{mailbox}@{DOMAIN}");
    let first = phone.request("SUBSCRIBE", &uri, call, 1, EVENT, "");
    phone.send(&first);
    let challenge = phone.final_response(1);
    let more = phone.credentials(&challenge, "SUBSCRIBE", &uri, 1);
    let second = phone.request("SUBSCRIBE", &uri, call, 2, &format!("{EVENT}{more}"), "");
    phone.send(&second);
    phone.final_response(2)
}

fn notified(phone: &mut RawUa) -> Text {
    let notify = phone.receive_until("a NOTIFY", |text| text.method() == "NOTIFY");
    let header = |name| notify.header(name).expect("a header of every request").to_owned();
    let (via, from, to) = (header("Via"), header("From"), header("To"));
    let (call, cseq) = (header("Call-ID"), header("CSeq"));
    phone.send(&format!(
        "SIP/2.0 200 OK\r\nVia: {via}\r\nFrom: {from}\r\nTo: {to}\r\nCall-ID: {call}\r\n\
         CSeq: {cseq}\r\nContent-Length: 0\r\n\r\n"
    ));
    notify
}

#[test]
fn baresip_shows_its_mailbox() {
    let switch = Setup::default().extension("1001", "").extension("1002", "").start();
    for (number, transport) in [("1001", Transport::Udp), ("1002", Transport::Tcp)] {
        let account = Account::of(&switch, number, transport);
        let phone = Baresip::start(switch.place(), &account, 440.0, ";mwi=yes");
        wait_until("baresip prints what waits", SOON, || {
            let log = phone.log();
            log.contains("Messages-Waiting: no") && log.contains("Voice-Message: 0/0 (0/0)")
        });
    }
}

#[test]
fn a_phone_that_subscribed_before_a_restart_is_told_that_it_is_forgotten() {
    let mut switch = Setup::default().extension("1001", "").extension("1002", "").start();
    let place = switch.place().clone();
    let account = Account::of(&switch, "1001", Transport::Udp);
    let mut phone = RawUa::open(&place, &account);
    let accepted = subscribe(&mut phone, "1001", "before");
    assert_eq!(accepted.status(), 200, "{}", accepted.0);
    let told = notified(&mut phone);
    assert!(told.0.contains("Voice-Message: 0/0 (0/0)"), "{}", told.0);
    let refused = subscribe(&mut phone, "1002", "spy");
    assert_eq!(refused.status(), 403, "nobody watches another's mailbox: {}", refused.0);

    switch.kill();
    switch.restart();
    let uri = format!("sip:1001@{DOMAIN}");
    let refresh = phone.in_dialog("SUBSCRIBE", &uri, "before", 3, &accepted);
    phone.send(&refresh.replace("Content-Length", &format!("{EVENT}Content-Length")));
    assert_eq!(phone.final_response(3).status(), 481);
    let anew = subscribe(&mut phone, "1001", "after");
    assert_eq!(anew.status(), 200, "{}", anew.0);
    notified(&mut phone);
}
