//! Registrations: what a REGISTER does.

use sip::HeaderName;
use strowger_core::registrar::{Answer, Due, Presence, Registrar};
use strowger_core::vocab::Record;

use crate::common::*;
use crate::phone::*;

#[test]
fn a_phone_registers_and_is_reached_over_its_flow() {
    let mut registrar = registrar(&quiet());
    let answer = registrar.register(
        at(0),
        udp("203.0.113.9:40000"),
        &me(),
        &register(
            "a",
            1,
            &["Contact: <sip:4567@192.168.1.5:5060>;q=0.7", "User-Agent: Desk/1", "Expires: 300"],
        ),
    );
    assert_eq!(answer.reply.status, 200);
    assert_eq!(contacts(&answer), ["<sip:4567@192.168.1.5:5060>;expires=300;q=0.700"]);
    assert_eq!(header(&answer, HeaderName::Date), ["Sat, 21 Nov 2026 00:00:00 GMT"]);
    assert_eq!(answer.presence, Some(Presence::Online(me())));
    let [Record::Registered(record)] = &answer.records[..] else { panic!("{answer:?}") };
    assert_eq!((record.q, record.cseq, record.expires_at), (700, 1, EPOCH_MS + 300_000));
    assert_eq!((record.call_id.as_str(), record.user_agent.as_str()), ("a", "Desk/1"));
    let [target] = &registrar.contacts(&me())[..] else { panic!() };
    assert_eq!(target.uri, "sip:4567@192.168.1.5:5060");
    assert_eq!(target.flow, udp("203.0.113.9:40000"), "the real source, not the Contact");
    assert!(registrar.knows(udp("203.0.113.9:40000")) && !registrar.knows(udp(PHONE)));
    sound(&registrar);
}

#[test]
fn expiry_is_asked_for_bounded_and_kept() {
    let mut registrar = registrar(&quiet());
    let asked = |contact: &str, expires: Option<&str>| {
        let mut fresh = Registrar::new(&quiet(), &[listener()]);
        let mut lines = vec![contact];
        lines.extend(expires);
        fresh.register(at(0), udp(PHONE), &me(), &register("a", 1, &lines))
    };
    let granted = |answer: &Answer| contacts(answer)[0].rsplit_once('=').unwrap().1.to_owned();
    let contact = "Contact: <sip:a@198.51.100.7>";
    assert_eq!(granted(&asked(contact, None)), "600", "the default");
    assert_eq!(granted(&asked(contact, Some("Expires: 120"))), "120");
    assert_eq!(granted(&asked("Contact: <sip:a@h>;expires=90", Some("Expires: 120"))), "90");
    assert_eq!(granted(&asked(contact, Some("Expires: 99999999"))), "3600", "the longest");
    assert_eq!(granted(&asked("Contact: <sip:a@h>;expires=junk", None)), "600", "as none");
    let brief = asked("Contact: <sip:a@h>;expires=59", None);
    assert_eq!(refusal(&brief), (423, "Interval Too Brief"));
    assert_eq!(header(&brief, HeaderName::MinExpires), ["60"]);

    plain(&mut registrar, 0, 1, "<sip:a@198.51.100.7>;expires=100");
    plain(&mut registrar, 50, 2, "<sip:b@198.51.100.7>;expires=100");
    let list = registrar.register(at(51), udp(PHONE), &me(), &register("b", 1, &[]));
    assert_eq!(
        contacts(&list),
        ["<sip:a@198.51.100.7>;expires=49", "<sip:b@198.51.100.7>;expires=99"]
    );
    assert_eq!(registrar.next_deadline(), Some(100 * SECOND));
    assert_eq!(registrar.pop_due(moment(100 * SECOND - 1)), None);
    let gone = registrar.pop_due(at(100)).unwrap();
    let Due::Expired { record: Record::Unregistered { contact, .. }, presence: None } = gone else {
        panic!("{gone:?}")
    };
    assert_eq!(contact, "sip:a@198.51.100.7");
    let last = registrar.pop_due(at(150)).unwrap();
    assert!(matches!(last, Due::Expired { presence: Some(Presence::Offline(_)), .. }), "{last:?}");
    assert_eq!((registrar.len(), registrar.next_deadline()), (0, None));
    sound(&registrar);
}

#[test]
fn star_removes_everything_and_only_with_expires_0() {
    let mut registrar = registrar(&quiet());
    plain(&mut registrar, 0, 1, "<sip:a@h>, <sip:b@h>");
    for wrong in [
        &["Contact: *"][..],
        &["Contact: *", "Expires: 60"],
        &["Contact: *, <sip:a@h>", "Expires: 0"],
        &["Contact: *", "Contact: <sip:a@h>", "Expires: 0"],
    ] {
        let answer = registrar.register(at(1), udp(PHONE), &me(), &register("a", 2, wrong));
        assert_eq!(refusal(&answer), (400, "Bad Use of Contact *"), "{wrong:?}");
    }
    let stale = register("a", 1, &["Contact: *", "Expires: 0"]);
    let answer = registrar.register(at(1), udp(PHONE), &me(), &stale);
    assert_eq!(refusal(&answer), (500, "CSeq Out of Order"));
    let answer = registrar.register(
        at(2),
        udp(PHONE),
        &me(),
        &register("a", 3, &["Contact: *", "Expires: 0"]),
    );
    assert_eq!(answer.reply.status, 200);
    assert!(contacts(&answer).is_empty());
    assert_eq!(answer.records.len(), 2);
    assert_eq!(answer.presence, Some(Presence::Offline(me())));
    assert!(registrar.is_empty() && !registrar.knows(udp(PHONE)));
    sound(&registrar);
}

#[test]
fn one_contact_is_removed_by_expires_0() {
    let mut registrar = registrar(&quiet());
    plain(&mut registrar, 0, 1, "<sip:a@h>, <sip:b@h>");
    let answer = plain(&mut registrar, 1, 2, "<sip:a@H>;expires=0");
    assert_eq!(contacts(&answer), ["<sip:b@h>;expires=599"]);
    assert_eq!(answer.presence, None);
    let again = plain(&mut registrar, 2, 3, "<sip:a@h>;expires=0");
    assert!(again.records.is_empty(), "nothing there to remove");
}

#[test]
fn an_older_request_changes_nothing() {
    let mut registrar = registrar(&quiet());
    plain(&mut registrar, 0, 5, "<sip:a@h>");
    for cseq in [1, 4, 5] {
        let late = register("a", cseq, &["Contact: <sip:a@h>;expires=0"]);
        let answer = registrar.register(at(1), udp(PHONE), &me(), &late);
        assert_eq!(refusal(&answer), (500, "CSeq Out of Order"));
    }
    // One contact out of order spoils the others too (RFC 3261 section 10.3 step 7).
    let mixed = register("a", 5, &["Contact: <sip:new@h>, <sip:a@h>"]);
    let answer = registrar.register(at(1), udp(PHONE), &me(), &mixed);
    assert_eq!(refusal(&answer), (500, "CSeq Out of Order"));
    assert_eq!(reached(&registrar), ["sip:a@h"]);
    // Another Call-ID is another phone or a restarted one.
    let other = register("b", 1, &["Contact: <sip:a@h>;expires=70"]);
    let answer = registrar.register(at(2), udp(PHONE), &me(), &other);
    assert_eq!(contacts(&answer), ["<sip:a@h>;expires=70"]);
    sound(&registrar);
}

#[test]
fn equal_uris_are_one_binding_and_others_are_not() {
    let mut registrar = registrar(&quiet());
    plain(&mut registrar, 0, 1, "<sip:a%62c@Host.Example:5060;transport=TCP>");
    let answer = plain(&mut registrar, 1, 2, "<sip:abc@host.example:5060;Transport=tcp>");
    assert_eq!(contacts(&answer).len(), 1);
    let [Record::Unregistered { contact, .. }, Record::Registered(now)] = &answer.records[..]
    else {
        panic!("{answer:?}")
    };
    assert_eq!(contact, "sip:a%62c@Host.Example:5060;transport=TCP", "the store knows the text");
    assert_eq!(now.contact, "sip:abc@host.example:5060;Transport=tcp");
    let answer = plain(&mut registrar, 2, 3, "<sip:abc@host.example;transport=tcp>");
    assert_eq!(contacts(&answer).len(), 2, "a port differs from none");
}

#[test]
fn contacts_ring_by_q_then_by_freshness() {
    let mut registrar = registrar(&quiet());
    plain(&mut registrar, 0, 1, "<sip:low@h>;q=0.1");
    plain(&mut registrar, 1, 2, "<sip:old@h>");
    plain(&mut registrar, 2, 3, "<sip:new@h>;q=1.0");
    assert_eq!(reached(&registrar), ["sip:new@h", "sip:old@h", "sip:low@h"]);
    plain(&mut registrar, 3, 4, "<sip:old@h>");
    assert_eq!(reached(&registrar), ["sip:old@h", "sip:new@h", "sip:low@h"]);
}

#[test]
fn a_full_extension_lets_the_least_likely_contact_go() {
    let mut registrar = registrar(&quiet());
    plain(&mut registrar, 0, 1, "<sip:a@h>");
    plain(&mut registrar, 1, 2, "<sip:b@h>");
    let line = ["Contact: <sip:c@h;transport=tcp>"];
    let flow = tcp("198.51.100.7:40000", 1);
    registrar.register(at(2), flow, &me(), &register("c", 1, &line));
    let answer = plain(&mut registrar, 3, 3, "<sip:d@h>");
    let evicted = |answer: &Answer| match &answer.records[0] {
        Record::Unregistered { contact, .. } => contact.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(evicted(&answer), "sip:a@h", "the oldest");
    registrar.flow_closed(at(4), flow);
    let answer = plain(&mut registrar, 5, 4, "<sip:e@h>");
    assert_eq!(evicted(&answer), "sip:c@h;transport=tcp", "the one whose connection is gone");
    assert_eq!(reached(&registrar).len(), 3);
    let many = register("z", 1, &["Contact: <sip:1@h>, <sip:2@h>, <sip:3@h>, <sip:4@h>"]);
    let answer = registrar.register(at(6), udp(PHONE), &me(), &many);
    assert_eq!(refusal(&answer), (403, "Too Many Contacts"));
    let flood: Vec<String> = (0..100).map(|n| format!("Contact: <sip:{n}@h>;expires=0")).collect();
    let flood: Vec<&str> = flood.iter().map(String::as_str).collect();
    let answer = registrar.register(at(6), udp(PHONE), &me(), &register("z", 1, &flood));
    assert_eq!(refusal(&answer), (403, "Too Many Contacts"));
    sound(&registrar);
}

#[test]
fn a_device_that_moved_replaces_itself() {
    let mut registrar = registrar(&quiet());
    let instance = "+sip.instance=\"<urn:uuid:1>\"";
    plain(&mut registrar, 0, 1, &format!("<sip:a@10.0.0.1>;{instance};reg-id=1"));
    let moved = register("new", 1, &[&format!("Contact: <sip:a@10.0.0.2>;{instance};reg-id=1")]);
    let answer = registrar.register(at(1), udp("198.51.100.8:5060"), &me(), &moved);
    assert_eq!(contacts(&answer), ["<sip:a@10.0.0.2>;expires=600"]);
    assert!(!registrar.knows(udp(PHONE)) && registrar.knows(udp("198.51.100.8:5060")));
    let second = register("new2", 1, &[&format!("Contact: <sip:a@10.0.0.3>;{instance};reg-id=2")]);
    let answer = registrar.register(at(2), udp(PHONE), &me(), &second);
    assert_eq!(contacts(&answer).len(), 2, "another flow of the same device");
    sound(&registrar);
}

#[test]
fn garbage_is_refused_whole() {
    let mut registrar = registrar(&quiet());
    let long = format!("Contact: <sip:{}@h>", "a".repeat(600));
    let path = format!("Path: {}", ["<sip:p@h;lr>"; 5].join(", "));
    for (wrong, why) in [
        (&["Contact: <sip:a@h"][..], "Bad Contact"),
        (&["Contact: <mailto:a@h>"], "Contact Is Not SIP"),
        (&["Contact: <sip:a@h>, <sip:b@h:port>"], "Bad Contact"),
        (&[long.as_str()], "Contact Too Long"),
        (&["Contact: <sip:a@h>", "Path: <tel:1>"], "Bad Path"),
        (&["Contact: <sip:a@h>", path.as_str()], "Path Too Long"),
    ] {
        let answer = registrar.register(at(0), udp(PHONE), &me(), &register("a", 1, wrong));
        assert_eq!(refusal(&answer), (400, why), "{wrong:?}");
    }
    let long_id = "i".repeat(600);
    let answer = registrar.register(at(0), udp(PHONE), &me(), &register(&long_id, 1, &[]));
    assert_eq!(refusal(&answer), (400, "Call-ID Too Long"));
    let agent = format!("User-Agent: {}", "ü".repeat(100));
    let lines = ["Contact: <sip:a@h>", agent.as_str()];
    let answer = registrar.register(at(0), udp(PHONE), &me(), &register("a", 1, &lines));
    let [Record::Registered(record)] = &answer.records[..] else { panic!("{answer:?}") };
    assert_eq!(record.user_agent, "ü".repeat(64), "128 bytes, whole characters");
}
