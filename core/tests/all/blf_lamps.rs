//! Keys that show what another phone does (RFC 4235): each step of a call, who may see what, and how it ends.

use strowger_core::vocab::Record;
use strowger_core::vocab::config::Config;

use crate::blf_phone::*;
use crate::common::*;
use crate::exchange::*;

const ALICE: &str = "198.51.100.7:5060";
const BOB: &str = "198.51.100.8:5060";
const CAROL: &str = "198.51.100.9:5060";
const CARRIER: &str = "192.0.2.10:5060";

/// 4568 shares a pickup group with 4567, 4569 does not.
fn config() -> Config {
    let mut config = two_companies();
    config.sip.qualify_secs = 0;
    config.sip.session_expires = 0;
    config.extensions[0].pickup_groups = vec!["sales".into()];
    config.extensions[1].pickup_groups = vec!["other".into(), "sales".into()];
    config.extensions[0].name = "A <\"&'> lice".into();
    config
}

fn open() -> Exchange {
    let mut host = Exchange::new(config());
    host.register("4567", ALICE);
    host.register("4568", BOB);
    host
}

/// Bob's phone watches Alice's, and has been told that she is idle.
fn watching(host: &mut Exchange) -> Watch {
    let watch = host.subscribe("4568", BOB, "4567", "dialog", "");
    assert_eq!(watch.status, 200, "{}", watch.answer);
    let first = host.told(&watch);
    assert_eq!(header(&first, "Content-Type"), "application/dialog-info+xml");
    assert_eq!(header(&first, "Event"), "dialog");
    let (version, entity, shown) = dialogs(body(&first));
    assert_eq!((version, entity.as_str(), shown.len()), (0, "sip:4567@pbx.example", 0));
    assert!(body(&first).contains("<state>terminated</state>"), "what switches lamps off");
    host.run(1);
    watch
}

fn states(notify: &str) -> String {
    lamp(body(notify))
}

#[test]
fn a_key_follows_a_call_through_ringing_answer_hold_and_end() {
    let mut host = open();
    let watch = watching(&mut host);
    let mut caller = host.call_in(CARRIER, "057188881111", "057126200670");
    let invite = host.expect(ALICE, "INVITE ");
    let trying = host.told(&watch);
    assert_eq!(states(&trying), "trying");
    host.run(1);
    host.respond(ALICE, &invite, 180, "");
    let rings = host.told(&watch);
    let (version, _, shown) = dialogs(body(&rings));
    assert_eq!((version, shown.len()), (2, 1));
    let dialog = &shown[0];
    assert_eq!((dialog.state.as_str(), dialog.direction.as_str()), ("early", "recipient"));
    // What a phone needs for INVITE with Replaces: the dialog as the called phone has it (RFC 3891 section 3).
    assert_eq!(dialog.call_id, header(&invite, "Call-ID"));
    assert_eq!(dialog.remote_tag, header(&invite, "From").split("tag=").nth(1).unwrap());
    assert_eq!(dialog.local_tag, format!("u{}", header(&invite, "Call-ID")));
    assert_eq!(dialog.remote, "sip:057188881111@pbx.example");
    assert_eq!(dialog.remote_name, "Caller 057188881111");
    assert!(body(&rings).contains("display=\"A &lt;&quot;&amp;&apos;&gt; lice\""), "{rings}");
    host.run(1);
    let mut alice = host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.expect(ALICE, "ACK ");
    host.confirm(&mut caller);
    let talks = host.told(&watch);
    let (_, _, shown) = dialogs(body(&talks));
    assert_eq!((shown[0].state.as_str(), shown[0].rendering.as_str()), ("confirmed", "yes"));
    host.run(1);
    let hold = sdp(ALICE) + "a=sendonly\r\n";
    host.request(&mut alice, "INVITE", "", &hold);
    let held = host.settled(&watch);
    assert_eq!(dialogs(body(&held)).2[0].rendering, "no", "{held}");
    host.hang_up(&mut caller);
    let ended = host.settled(&watch);
    assert_eq!(states(&ended), "");
    host.drains();
}

#[test]
fn a_caller_is_shown_as_the_one_who_calls() {
    let mut host = open();
    let watch = watching(&mut host);
    host.register("4569", CAROL);
    let mut caller = host.call_from("4567", ALICE, "4569");
    let invite = host.expect(CAROL, "INVITE ");
    assert_eq!(states(&host.settled(&watch)), "proceeding");
    host.respond(CAROL, &invite, 180, "");
    let rings = host.settled(&watch);
    let (_, _, shown) = dialogs(body(&rings));
    assert_eq!((shown[0].state.as_str(), shown[0].direction.as_str()), ("early", "initiator"));
    assert_eq!(shown[0].remote, "sip:4569@pbx.example");
    host.respond(CAROL, &invite, 200, &sdp(CAROL));
    host.confirm(&mut caller);
    assert_eq!(states(&host.settled(&watch)), "confirmed");
    host.hang_up(&mut caller);
    assert_eq!(states(&host.settled(&watch)), "");
}

#[test]
fn each_phone_of_an_extension_that_rings_is_a_dialog() {
    let mut host = open();
    let watch = watching(&mut host);
    host.register("4567", CAROL);
    let mut caller = host.call_in(CARRIER, "057188881111", "057126200670");
    let (first, second) = (host.expect(ALICE, "INVITE "), host.expect(CAROL, "INVITE "));
    host.respond(ALICE, &first, 180, "");
    // The latest to register is asked first.
    assert_eq!(states(&host.settled(&watch)), "trying early");
    host.respond(CAROL, &second, 180, "");
    let both = host.settled(&watch);
    let (_, _, shown) = dialogs(body(&both));
    let ids = [header(&first, "Call-ID"), header(&second, "Call-ID")];
    assert_eq!([shown[1].call_id.as_str(), shown[0].call_id.as_str()], ids);
    host.respond(CAROL, &second, 200, &sdp(CAROL));
    host.expect(CAROL, "ACK ");
    host.confirm(&mut caller);
    let talks = host.settled(&watch);
    let (_, _, shown) = dialogs(body(&talks));
    assert_eq!((shown.len(), shown[0].call_id.as_str()), (1, ids[1]));
    host.hang_up(&mut caller);
}

#[test]
fn who_shares_no_pickup_group_sees_that_there_is_a_call_and_no_more() {
    let mut host = open();
    host.register("4569", CAROL);
    let watch = host.subscribe("4569", CAROL, "4567", "dialog", "");
    host.told(&watch);
    let mut caller = host.call_in(CARRIER, "057188881111", "057126200670");
    host.pick_up(ALICE);
    host.confirm(&mut caller);
    let told = host.settled(&watch);
    let (_, _, shown) = dialogs(body(&told));
    let wanted = Shown {
        state: "confirmed".into(),
        direction: "recipient".into(),
        rendering: "yes".into(),
        ..Shown::default()
    };
    assert_eq!(shown, [wanted]);
    assert!(!told.contains("057188881111"), "{told}");
    host.hang_up(&mut caller);
}

#[test]
fn strangers_and_other_companies_are_refused() {
    let mut host = open();
    for (number, user, status) in [
        ("4568", "7000", 404),
        ("4568", "4999", 404),
        ("4568", "agent-9", 404),
        ("4568", "9002", 404),
    ] {
        let watch = host.subscribe(number, BOB, user, "dialog", "");
        assert_eq!(watch.status, status, "{user}");
    }
    let watch = host.subscribe("4999", BOB, "4567", "dialog", "");
    assert_eq!(watch.status, 407, "a stranger");
    let watch = host.subscribe("4568", BOB, "4567", "dialog", "Accept: text/plain\r\n");
    assert_eq!(watch.status, 406);
    assert!(host.records.iter().all(|record| !matches!(record, Record::Subscribed(_))));
    // Nobody may publish what the switch knows better.
    host.receive(
        BOB,
        &format!(
            "PUBLISH sip:4568@pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP {BOB};branch=z9hG4bKp\r\n\
             From: <sip:4568@pbx.example>;tag=p\r\nTo: <sip:4568@pbx.example>\r\nCall-ID: p\r\n\
             CSeq: 1 PUBLISH\r\nEvent: presence\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        ),
    );
    let refused = host.expect(BOB, "SIP/2.0 405");
    assert!(header(&refused, "Allow").contains("SUBSCRIBE"), "{refused}");
}

#[test]
fn a_fetch_a_refresh_and_an_end() {
    let mut host = open();
    let fetch = host.subscribe("4568", BOB, "4567", "dialog", "Expires: 0\r\n");
    assert_eq!(fetch.status, 200);
    let told = host.told(&fetch);
    assert_eq!(header(&told, "Subscription-State"), "terminated;reason=timeout");
    assert_eq!(states(&told), "");
    let mut watch = watching(&mut host);
    host.run(1000);
    host.ask(&mut watch, "Expires: 600\r\n");
    assert_eq!((watch.status, header(&watch.answer, "Expires")), (200, "600"));
    let again = host.told(&watch);
    assert_eq!(
        (dialogs(body(&again)).0, states(&again)),
        (1, String::new()),
        "the version goes on"
    );
    host.ask(&mut watch, "Expires: 0\r\n");
    assert_eq!(header(&host.told(&watch), "Subscription-State"), "terminated;reason=timeout");
    let mut caller = host.call_in(CARRIER, "057188881111", "057126200670");
    host.pick_up(ALICE);
    host.confirm(&mut caller);
    host.run(5);
    assert_eq!(host.notify(&watch), None);
    host.hang_up(&mut caller);
    host.ask(&mut watch, "");
    assert_eq!(watch.status, 481);
}

#[test]
fn a_watcher_that_says_481_or_nothing_is_told_no_more() {
    for answers in [true, false] {
        let mut host = open();
        let watch = watching(&mut host);
        let _caller = host.call_in(CARRIER, "057188881111", "057126200670");
        let invite = host.expect(ALICE, "INVITE ");
        let told = host.notify(&watch).unwrap();
        if answers {
            host.answer_notify(&watch, &told, 481);
        } else {
            host.run(33);
            while host.notify(&watch).is_some_and(|copy| copy == told) {}
        }
        host.respond(ALICE, &invite, 180, "");
        host.run(2);
        assert_eq!(host.notify(&watch), None);
        let gone = |record: &Record| matches!(record, Record::Unsubscribed { .. });
        assert_eq!(host.records.iter().filter(|record| gone(record)).count(), 1);
    }
}

#[test]
fn changes_are_gathered_and_only_the_latest_is_told() {
    let mut host = open();
    let watch = watching(&mut host);
    let mut caller = host.call_in(CARRIER, "057188881111", "057126200670");
    let first = host.notify(&watch).unwrap();
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 180, "");
    host.respond(ALICE, &invite, 200, &sdp(ALICE));
    host.confirm(&mut caller);
    host.run_ms(300);
    assert_eq!(host.notify(&watch), None, "the one before was not answered");
    host.answer_notify(&watch, &first, 200);
    let next = host.told(&watch);
    assert_eq!((dialogs(body(&next)).0, states(&next)), (2, "confirmed".into()));
    // At most five a second, however often it changes.
    let mut told = 0;
    for _ in 0..20 {
        host.hang_up(&mut caller);
        caller = host.call_in(CARRIER, "057188881111", "057126200670");
        host.pick_up(ALICE);
        host.confirm(&mut caller);
        while let Some(notify) = host.notify(&watch) {
            host.answer_notify(&watch, &notify, 200);
            told += 1;
        }
        host.run_ms(10);
    }
    assert!(told <= 2, "{told} in 200 ms");
    assert_eq!(states(&host.settled(&watch)), "confirmed");
    host.hang_up(&mut caller);
}

#[test]
fn a_full_house_says_when_to_come_again() {
    let mut config = config();
    config.presence.max_per_tenant = 2;
    config.presence.max_per_extension = 2;
    let mut host = Exchange::new(config);
    host.register("4568", BOB);
    let first = host.subscribe("4568", BOB, "4567", "dialog", "");
    host.told(&first);
    let second = host.subscribe("4568", BOB, "4569", "dialog", "");
    assert_eq!(second.status, 200);
    let third = host.subscribe("4567", ALICE, "4569", "dialog", "");
    assert_eq!((third.status, header(&third.answer, "Retry-After")), (503, "60"));
}

#[test]
fn a_phone_with_too_many_loses_the_oldest() {
    let mut config = config();
    config.presence.max_per_extension = 2;
    let mut host = Exchange::new(config);
    host.register("4568", BOB);
    let first = host.subscribe("4568", BOB, "4567", "dialog", "");
    host.told(&first);
    for user in ["4569", "9001"] {
        let watch = host.subscribe("4568", BOB, user, "dialog", "");
        assert_eq!(watch.status, 200);
        host.told(&watch);
    }
    let over = host.told(&first);
    assert!(header(&over, "Subscription-State").starts_with("terminated"), "{over}");
}

#[test]
fn presence_says_who_can_be_reached_and_why_not() {
    let mut host = open();
    let watch = host.subscribe("4568", BOB, "4569", "presence", "");
    let note = |notify: &str| {
        let document = roxmltree::Document::parse(body(notify)).unwrap();
        let text = |name: &str| {
            let found = document.descendants().find(|own| own.tag_name().name() == name);
            found.and_then(|own| own.text()).unwrap_or("").to_owned()
        };
        let activities = document.descendants().find(|own| own.tag_name().name() == "activities");
        let activity = activities.unwrap().first_element_child();
        let activity = activity.map_or("", |own| own.tag_name().name()).to_owned();
        (text("basic"), text("note"), activity)
    };
    let shown = |basic: &str, text: &str, activity: &str| {
        (basic.to_owned(), text.to_owned(), activity.to_owned())
    };
    let first = host.told(&watch);
    assert_eq!(header(&first, "Content-Type"), "application/pidf+xml");
    assert_eq!(note(&first), shown("closed", "Offline", "away"));
    host.run(1);
    host.register("4569", CAROL);
    assert_eq!(note(&host.settled(&watch)), shown("open", "Available", ""));
    let mut caller = host.call_from("4568", BOB, "4569");
    let invite = host.expect(CAROL, "INVITE ");
    host.respond(CAROL, &invite, 180, "");
    assert_eq!(note(&host.settled(&watch)), shown("open", "Ringing", ""));
    host.respond(CAROL, &invite, 200, &sdp(CAROL));
    host.confirm(&mut caller);
    assert_eq!(note(&host.settled(&watch)), shown("open", "On the phone", "on-the-phone"));
    host.hang_up(&mut caller);
    host.register_for("4569", CAROL, 0);
    assert_eq!(note(&host.settled(&watch)), shown("closed", "Offline", "away"));
}
