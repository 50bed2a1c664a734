//! Registrations: how a contact is reached while connections end, time passes and processes restart.

use sip::{Flow, HeaderName, Transport};
use strowger_core::registrar::{Answer, BindingId, Due, Presence, Registrar};
use strowger_core::vocab::config::Sip;
use strowger_core::vocab::input::Listener;
use strowger_core::vocab::record::RegistrationRecord;
use strowger_core::vocab::{Now, Record};

use crate::common::*;
use crate::phone::*;

#[test]
fn a_path_is_kept_and_repeated() {
    let mut registrar = registrar(&quiet());
    let lines = [
        "Contact: <sip:a@h>",
        "Path: <sip:edge.example;lr>, <sip:core.example;lr>",
        "Supported: path",
    ];
    let answer = registrar.register(at(0), udp(PHONE), &me(), &register("a", 1, &lines));
    let path = ["<sip:edge.example;lr>", "<sip:core.example;lr>"];
    assert_eq!(header(&answer, HeaderName::Path), path);
    assert_eq!(registrar.contacts(&me())[0].path, path);
    plain(&mut registrar, 1, 2, "<sip:a@h>");
    assert!(registrar.contacts(&me())[0].path.is_empty(), "a refresh without it drops it");
}

#[test]
fn a_connection_that_ended_takes_its_contacts_along() {
    let mut registrar = registrar(&quiet());
    let flow = tcp("198.51.100.7:40000", 3);
    let contact = ["Contact: <sip:a@10.0.0.5:5060;transport=tcp>"];
    registrar.register(at(0), flow, &me(), &register("a", 1, &contact));
    let other = Flow { generation: 4, ..flow };
    assert!(registrar.flow_closed(at(1), other).is_empty(), "another connection");
    assert!(registrar.is_online(&me()));
    assert_eq!(registrar.flow_closed(at(1), flow), [Presence::Offline(me())]);
    assert!(registrar.flow_closed(at(1), flow).is_empty(), "once");
    assert!(reached(&registrar).is_empty() && !registrar.knows(flow));
    assert_eq!(registrar.len(), 1, "still registered");
    let (rows, _) = registrar.page(at(1), "demo", None, 0, 10);
    assert_eq!(rows[0].reachable, Some(false));
    let back = registrar.register(at(2), other, &me(), &register("a", 2, &contact));
    assert_eq!(back.presence, Some(Presence::Online(me())));
    assert_eq!(registrar.contacts(&me())[0].flow, other);
    sound(&registrar);
}

#[test]
fn a_phone_that_also_listens_for_datagrams_is_called_there() {
    let mut registrar = registrar(&quiet());
    let flow = tcp("198.51.100.7:40000", 1);
    let cases = [
        ("sip:a@198.51.100.7:5070", Some("198.51.100.7:5070")),
        ("sip:a@198.51.100.7", Some("198.51.100.7:5060")),
        ("sip:a@198.51.100.7:5070;transport=tcp", None),
        ("sip:a@198.51.100.7:5070;transport=sctp", None),
        ("sips:a@198.51.100.7:5070", None),
        ("sip:a@10.0.0.1:5070", None),
        ("sip:a@phone.example:5070", None),
        ("sip:a@[2001:db8::1]:5070", None),
    ];
    for (call, (contact, expected)) in cases.into_iter().enumerate() {
        let line = format!("Contact: <{contact}>");
        let call = call.to_string();
        registrar.register(at(0), flow, &me(), &register(&call, 1, &[&line]));
        registrar.flow_closed(at(1), flow);
        let targets = registrar.contacts(&me());
        let remote = targets.first().map(|target| target.flow);
        assert_eq!(remote, expected.map(udp), "{contact}");
        registrar.register(at(2), flow, &me(), &register("x", 1, &["Contact: *", "Expires: 0"]));
    }
}

#[test]
fn nat_and_connections_get_keep_alives() {
    let sip = Sip { keepalive_secs: 25, ..quiet() };
    let mut registrar = registrar(&sip);
    let mut put = |number: &str, flow: Flow, contact: &str| {
        let line = format!("Contact: <{contact}>");
        registrar.register(at(0), flow, &key("demo", number), &register("a", 1, &[&line]));
    };
    put("1", udp("198.51.100.1:5060"), "sip:a@198.51.100.1:5060");
    put("2", udp("198.51.100.2:40000"), "sip:a@192.168.1.2:5060");
    put("3", tcp("198.51.100.3:40000", 7), "sip:a@198.51.100.3:40000;transport=tcp");
    put("4", udp("198.51.100.4:40000"), "sip:a@198.51.100.4:5060");
    // Two accounts of one phone share its flow, which needs one keep-alive.
    put("5", udp("198.51.100.2:40000"), "sip:b@192.168.1.2:5060");
    for round in 1..4 {
        let mut flows = Vec::new();
        while let Some(due) = registrar.pop_due(at(25 * round)) {
            let Due::KeepAlive { flow } = due else { panic!("{due:?}") };
            flows.push(flow.remote.to_string());
        }
        assert_eq!(flows, ["198.51.100.2:40000", "198.51.100.3:40000", "198.51.100.4:40000"]);
    }
    registrar.flow_closed(at(76), tcp("198.51.100.3:40000", 7));
    let mut left = 0;
    while let Some(due) = registrar.pop_due(at(100)) {
        assert!(matches!(due, Due::KeepAlive { .. }));
        left += 1;
    }
    assert_eq!(left, 2, "none on the closed connection");
    // A phone that registers again and again does not put the keep-alive off.
    for second in 101..130 {
        let line = ["Contact: <sip:a@192.168.1.2:5060>"];
        let again = register("a", second, &line);
        registrar.register(at(second.into()), udp("198.51.100.2:40000"), &key("demo", "2"), &again);
    }
    assert!(matches!(registrar.pop_due(at(130)), Some(Due::KeepAlive { .. })));
    sound(&registrar);
}

/// The next OPTIONS with its moment, in nanoseconds.
fn next_qualify(registrar: &mut Registrar) -> (u64, BindingId) {
    loop {
        let deadline = registrar.next_deadline().expect("an OPTIONS is due");
        match registrar.pop_due(moment(deadline)) {
            Some(Due::Qualify { binding, uri, flow, .. }) => {
                assert_eq!((uri.as_str(), flow), ("sip:a@198.51.100.7", udp(PHONE)));
                return (deadline, binding);
            }
            Some(other) => panic!("{other:?}"),
            None => {}
        }
    }
}

#[test]
fn options_show_who_is_reachable() {
    let sip = Sip { qualify_secs: 60, ..quiet() };
    let mut registrar = registrar(&sip);
    plain(&mut registrar, 0, 1, "<sip:a@198.51.100.7>;expires=3600");
    let seen = |registrar: &Registrar| {
        let (rows, total) = registrar.page(at(0), "demo", Some("4567"), 0, 10);
        assert_eq!(total, 1);
        (rows[0].reachable, rows[0].round_trip_us)
    };
    assert_eq!(seen(&registrar), (None, None));
    let (first, binding) = next_qualify(&mut registrar);
    assert!((30 * SECOND..=60 * SECOND).contains(&first), "{first}");
    registrar.qualified(moment(first + 12 * SECOND / 1000), binding, true);
    assert_eq!(seen(&registrar), (Some(true), Some(12_000)));
    registrar.qualified(moment(first + SECOND), binding, false);
    assert_eq!(seen(&registrar), (Some(true), Some(12_000)), "nobody waits for that any more");
    let (second, _) = next_qualify(&mut registrar);
    assert_eq!(second, first + 60 * SECOND);
    registrar.qualified(moment(second + 32 * SECOND), binding, false);
    assert_eq!(seen(&registrar), (Some(true), Some(12_000)), "one may get lost");
    let (third, _) = next_qualify(&mut registrar);
    assert_eq!(third, second + 37 * SECOND);
    // The result never comes: the deadline counts.
    assert_eq!(registrar.pop_due(moment(third + 40 * SECOND - 1)), None);
    assert_eq!(registrar.pop_due(moment(third + 40 * SECOND)), None);
    assert_eq!(seen(&registrar), (Some(false), None));
    assert_eq!(reached(&registrar), ["sip:a@198.51.100.7"], "there is no other");
    let mine = register("b", 1, &["Contact: <sip:b@198.51.100.7>;expires=3600"]);
    registrar.register(moment(third + 41 * SECOND), udp(PHONE), &me(), &mine);
    assert_eq!(reached(&registrar), ["sip:b@198.51.100.7"], "one that may answer is better");
    let refreshed = register("a", 2, &["Contact: <sip:a@198.51.100.7>;expires=3600"]);
    registrar.register(moment(third + 42 * SECOND), udp(PHONE), &me(), &refreshed);
    assert_eq!(reached(&registrar).len(), 2, "it has spoken");
    sound(&registrar);
}

#[test]
fn a_phone_that_never_answers_options_rings_all_the_same() {
    let mut registrar = registrar(&Sip { qualify_secs: 60, ..quiet() });
    plain(&mut registrar, 0, 1, "<sip:a@198.51.100.7>;expires=3600");
    let mut last = 0;
    for round in 1..10 {
        let (when, binding) = next_qualify(&mut registrar);
        assert!(last == 0 || when >= last + 60 * SECOND, "not more often than the others");
        last = when;
        registrar.qualified(moment(when + 32 * SECOND), binding, false);
        let other = register("b", 2 * round, &["Contact: <sip:b@198.51.100.7>"]);
        registrar.register(moment(when), udp(PHONE), &me(), &other);
        assert_eq!(reached(&registrar).len(), 2);
        registrar.register(
            moment(when),
            udp(PHONE),
            &me(),
            &register("b", 2 * round + 1, &["Contact: <sip:b@198.51.100.7>;expires=0"]),
        );
    }
}

#[test]
fn a_host_that_says_nobody_listens_is_believed_until_it_speaks() {
    let mut registrar = registrar(&quiet());
    plain(&mut registrar, 0, 1, "<sip:a@198.51.100.7>");
    assert!(registrar.flow_closed(at(1), udp(PHONE)).is_empty(), "still registered");
    let (rows, _) = registrar.page(at(1), "demo", None, 0, 10);
    assert_eq!(rows[0].reachable, Some(false));
    plain(&mut registrar, 2, 2, "<sip:a@198.51.100.7>");
    let (rows, _) = registrar.page(at(2), "demo", None, 0, 10);
    assert_eq!(rows[0].reachable, None);
}

/// Everything that a registrar asks to remember, as the store would hold it.
fn stored(answers: &[&Answer]) -> Vec<RegistrationRecord> {
    let records = answers.iter().flat_map(|answer| &answer.records);
    records
        .filter_map(|record| match record {
            Record::Registered(record) => Some(record.clone()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_restart_loses_no_registration() {
    let mut before = registrar(&quiet());
    let udp_answer = plain(&mut before, 0, 1, "<sip:a@198.51.100.7>;expires=300;q=0.5");
    let flow = tcp("198.51.100.9:40000", 5);
    let line = ["Contact: <sip:b@198.51.100.9:40000;transport=tcp>", "Path: <sip:edge;lr>"];
    let tcp_answer = before.register(at(0), flow, &me(), &register("b", 9, &line));
    let short = plain(&mut before, 0, 2, "<sip:c@198.51.100.7>;expires=60");

    let mut after = registrar(&quiet());
    // Another process: its monotonic clock begins anew, 100 s later by the wall clock.
    let boot = Now { mono: 7, wall: EPOCH_MS + 100_000 };
    let mut records = stored(&[&udp_answer, &tcp_answer, &short]);
    records.push(records[0].clone());
    let forget = after.restore(boot, records);
    let [Record::Unregistered { contact, .. }] = &forget[..] else { panic!("{forget:?}") };
    assert_eq!(contact, "sip:c@198.51.100.7", "expired meanwhile");
    assert_eq!(after.len(), 2);
    let [target] = &after.contacts(&me())[..] else { panic!() };
    assert_eq!((target.uri.as_str(), target.flow), ("sip:a@198.51.100.7", udp(PHONE)));
    let (rows, total) = after.page(boot, "demo", None, 0, 10);
    assert_eq!((rows.len(), total), (2, 2));
    assert_eq!(rows[0].record.expires_at, EPOCH_MS + 300_000);
    assert_eq!((rows[0].record.q, rows[1].record.path.len()), (500, 1));
    assert_eq!(after.next_deadline(), Some(7 + 200 * SECOND));
    // The order of requests is known still.
    let late = register("b", 9, &["Contact: <sip:b@198.51.100.9:40000;transport=tcp>"]);
    let answer = after.register(boot, flow, &me(), &late);
    assert_eq!(refusal(&answer).0, 500);
    sound(&after);
}

#[test]
fn a_restart_on_other_addresses_keeps_what_can_be_reached() {
    let mut before = registrar(&quiet());
    let records = stored(&[&plain(&mut before, 0, 1, "<sip:a@198.51.100.7>")]);
    let moved = |local: &str| {
        let listener = Listener { transport: Transport::Udp, address: address(local) };
        let mut after = Registrar::new(&quiet(), &[listener]);
        after.restore(at(1), records.clone());
        assert_eq!(after.len(), 1);
        after.contacts(&me()).first().map(|target| target.flow.local.to_string())
    };
    assert_eq!(moved("192.0.2.1:5080").as_deref(), Some("192.0.2.1:5080"));
    assert_eq!(moved("[2001:db8::1]:5060"), None);
}

#[test]
fn a_reload_drops_extensions_that_are_gone_and_starts_cycles() {
    let mut registrar = registrar(&quiet());
    plain(&mut registrar, 0, 1, "<sip:a@10.0.0.1>;expires=3600");
    let other = key("demo", "4568");
    let line = register("b", 1, &["Contact: <sip:b@10.0.0.2>;expires=3600"]);
    registrar.register(at(0), udp(PHONE), &other, &line);
    let sip = Sip { keepalive_secs: 25, qualify_secs: 60, ..quiet() };
    let gone = registrar.retain(at(10), &sip, |key| *key != other);
    let [Record::Unregistered { extension, .. }] = &gone[..] else { panic!("{gone:?}") };
    assert_eq!(*extension, other);
    assert_eq!(registrar.len(), 1);
    assert_eq!(registrar.next_deadline(), Some(35 * SECOND), "the keep-alive begins");
    sound(&registrar);
}

#[test]
fn pages_show_one_company_in_order() {
    let mut registrar = registrar(&quiet());
    for number in ["30", "10", "20"] {
        for tenant in ["demo", "demo2", "other"] {
            let line = register("a", 1, &["Contact: <sip:a@h>, <sip:b@h>"]);
            registrar.register(at(0), udp(PHONE), &key(tenant, number), &line);
        }
    }
    let page = |own, offset, limit| {
        let (rows, total) = registrar.page(at(0), "demo", own, offset, limit);
        let shown: Vec<String> = rows
            .iter()
            .map(|row| format!("{} {}", row.record.extension, row.record.contact))
            .collect();
        (shown.join(", "), total)
    };
    assert_eq!(page(None, 1, 3), ("demo/10 sip:b@h, demo/20 sip:a@h, demo/20 sip:b@h".into(), 6));
    assert_eq!(page(Some("20"), 0, 1), ("demo/20 sip:a@h".into(), 2));
    assert_eq!(page(Some("99"), 0, 10), (String::new(), 0));
    assert_eq!(registrar.page(at(0), "nobody", None, 0, 10), (Vec::new(), 0));
    assert_eq!(registrar.extensions_on(udp(PHONE)).count(), 18);
}

#[test]
fn the_same_requests_give_the_same_digest() {
    let digest = |contacts: &[&str]| {
        use std::hash::Hasher;
        let mut registrar = registrar(&Sip::default());
        for (at, contact) in contacts.iter().enumerate() {
            plain(&mut registrar, at as u64, at as u32 + 1, contact);
        }
        let mut hasher = std::hash::DefaultHasher::new();
        registrar.digest(&mut hasher);
        hasher.finish()
    };
    assert_eq!(digest(&["<sip:a@h>", "<sip:b@h>"]), digest(&["<sip:a@h>", "<sip:b@h>"]));
    assert_ne!(digest(&["<sip:a@h>", "<sip:b@h>"]), digest(&["<sip:a@h>", "<sip:c@h>"]));
}
