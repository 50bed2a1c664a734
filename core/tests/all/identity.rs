//! As whom callers are shown.

use sip::Message;
use strowger_core::route::{Caller, Directory};
use strowger_core::vocab::config::Config;
use strowger_core::vocab::{Hop, Identity};

use crate::common::*;

const HIDDEN: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";

fn invite(headers: &[&str]) -> Message {
    let mut lines = vec![
        "INVITE sip:057126200670@192.0.2.1 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1",
        "To: <sip:057126200670@192.0.2.1>",
        "Call-ID: 1",
        "CSeq: 1 INVITE",
    ];
    lines.extend(headers);
    message(&lines)
}

fn directory(change: impl FnOnce(&mut Config)) -> Directory {
    let mut config = two_companies();
    change(&mut config);
    Directory::new(config).unwrap()
}

fn phone() -> Hop {
    Hop::Extension(key("demo", "4568"))
}

fn out(name: &str) -> Hop {
    Hop::Trunk { trunk: trunk_key("demo", name), number: "057188880000".into() }
}

fn from_phone(directory: &Directory, hop: &Hop, hide: bool) -> Identity {
    directory.identity(Caller::Extension(&key("demo", "4567")), hop, hide, None)
}

#[test]
fn a_phone_shows_its_number_and_name_to_a_phone() {
    let directory = directory(|_| {});
    let shown = from_phone(&directory, &phone(), false);
    assert_eq!(shown.from, "\"Phone 4567\" <sip:4567@pbx.example>");
    assert_eq!((shown.asserted, shown.privacy), (None, None));
    let hidden = from_phone(&directory, &phone(), true);
    assert_eq!(hidden, Identity { from: HIDDEN.into(), asserted: None, privacy: None });
    let other = directory.identity(
        Caller::Extension(&key("other", "7000")),
        &Hop::Extension(key("other", "4567")),
        false,
        None,
    );
    assert_eq!(other.from, "\"Phone 7000\" <sip:7000@other.example>");
}

#[test]
fn a_phone_may_ask_for_privacy_itself() {
    let directory = directory(|_| {});
    let asks = [
        invite(&["From: <sip:4567@pbx.example>;tag=1", "Privacy: id"]),
        invite(&["From: <sip:4567@pbx.example>;tag=1", "Privacy: header;user"]),
        invite(&["From: <sip:anonymous@anonymous.invalid>;tag=1"]),
    ];
    let caller = key("demo", "4567");
    for incoming in &asks {
        let hidden =
            directory.identity(Caller::Extension(&caller), &phone(), false, Some(incoming));
        assert_eq!(hidden.from, HIDDEN);
    }
    let plain = invite(&["From: <sip:4567@pbx.example>;tag=1", "Privacy: none"]);
    let shown = directory.identity(Caller::Extension(&caller), &phone(), false, Some(&plain));
    assert_eq!(shown.from, "\"Phone 4567\" <sip:4567@pbx.example>");
}

#[test]
fn a_carrier_sees_only_numbers_that_are_owned() {
    let plain = directory(|_| {});
    let shown = from_phone(&plain, &out("carrier"), false);
    assert_eq!(shown.from, "\"Phone 4567\" <sip:057126200670@192.0.2.10>");
    assert_eq!(shown.asserted, None, "not trusted");
    assert_eq!(
        from_phone(&plain, &out("spare"), false).from,
        "\"Phone 4567\" <sip:057126200671@192.0.2.11>",
        "the first number of that trunk"
    );
    let own = directory(|config| config.extensions[0].caller_number = Some("057126200671".into()));
    assert_eq!(
        from_phone(&own, &out("carrier"), false).from,
        "\"Phone 4567\" <sip:057126200671@192.0.2.10>"
    );
    // However it is written there, it is shown as the carrier delivers it, and means the same wherever it is asked for.
    for written in ["+8657126200671", "8657126200671"] {
        let own = directory(|config| config.extensions[0].caller_number = Some(written.into()));
        let shown = from_phone(&own, &out("carrier"), false);
        assert!(shown.from.contains("<sip:057126200671@"), "{written} became {}", shown.from);
        assert_eq!(own.outside_number(&key("demo", "4567")), Some("057126200671"), "{written}");
        let shown = own.as_number(written, &trunk_key("demo", "carrier"));
        assert!(shown.from.contains("<sip:057126200671@"), "{written} became {}", shown.from);
        assert_eq!(own.own_number("other", written), None, "{written}");
    }
    for stranger in ["110", "4567", "057126200680", "057100000000"] {
        let forged = directory(|config| {
            config.extensions[0].caller_number = Some(stranger.into());
        });
        let shown = from_phone(&forged, &out("carrier"), false);
        assert!(shown.from.contains("<sip:057126200670@"), "{stranger} became {}", shown.from);
    }
    let account = directory(|config| {
        config.numbers.clear();
        config.trunks[0].username = Some("acct".into());
        config.trunks[0].domain = Some("carrier.example".into());
    });
    let shown = from_phone(&account, &out("carrier"), false);
    assert_eq!(shown.from, "\"Phone 4567\" <sip:acct@carrier.example>");
    assert_eq!(from_phone(&account, &out("spare"), false).from, HIDDEN, "nothing to show");
}

#[test]
fn a_call_passed_on_from_one_carrier_to_another_shows_our_number() {
    let directory = directory(|_| {});
    let incoming = invite(&["From: \"Bank\" <sip:95588@evil.example>;tag=1"]);
    let spare = trunk_key("demo", "spare");
    let shown = directory.identity(Caller::Trunk(&spare), &out("carrier"), false, Some(&incoming));
    assert_eq!(shown.from, "<sip:057126200670@192.0.2.10>");
}

#[test]
fn a_hidden_number_is_asserted_to_trusted_carriers_only() {
    let trusting = directory(|config| {
        config.trunks[0].trusted = true;
        config.trunks[0].e164 = true;
    });
    let asserted = Some("\"Phone 4567\" <sip:+8657126200670@192.0.2.10>".to_owned());
    let shown = from_phone(&trusting, &out("carrier"), false);
    assert_eq!(shown.asserted, asserted);
    assert_eq!(Some(shown.from), asserted);
    let hidden = from_phone(&trusting, &out("carrier"), true);
    assert_eq!(hidden, Identity { from: HIDDEN.into(), asserted, privacy: Some("id".into()) });
    let stranger = from_phone(&trusting, &out("spare"), true);
    assert_eq!(
        stranger,
        Identity { from: HIDDEN.into(), asserted: None, privacy: Some("id".into()) }
    );
}

#[test]
fn a_carriers_caller_is_shown_as_the_carrier_says() {
    let carrier = trunk_key("demo", "carrier");
    let from = "From: \"Bob\" <sip:057155551234@carrier.example>;tag=1";
    let asserted = "P-Asserted-Identity: \"Bob Real\" <sip:+8613800138000@carrier.example>";
    let show = |directory: &Directory, headers: &[&str]| {
        let incoming = invite(headers);
        directory.identity(Caller::Trunk(&carrier), &phone(), false, Some(&incoming)).from
    };
    let plain = directory(|_| {});
    assert_eq!(show(&plain, &[from]), "\"Bob\" <sip:057155551234@pbx.example>");
    assert_eq!(show(&plain, &[from, asserted]), "\"Bob\" <sip:057155551234@pbx.example>");
    assert_eq!(show(&plain, &[from, "Privacy: id"]), HIDDEN);
    assert_eq!(show(&plain, &["From: <sip:anonymous@anonymous.invalid>;tag=1"]), HIDDEN);
    assert_eq!(show(&plain, &["From: <sip:carrier.example>;tag=1"]), HIDDEN, "no number at all");
    assert_eq!(
        show(&plain, &["From: tel:+8613800138000;tag=1"]),
        "<sip:+8613800138000@pbx.example>"
    );
    let trusting = directory(|config| {
        config.trunks[0].trusted = true;
        config.trunks[0].e164 = true;
    });
    assert_eq!(show(&trusting, &[from]), "\"Bob\" <sip:+8657155551234@pbx.example>");
    assert_eq!(show(&trusting, &[from, asserted]), "\"Bob Real\" <sip:+8613800138000@pbx.example>");
    assert_eq!(show(&trusting, &[from, asserted, "Privacy: id"]), HIDDEN);
}

#[test]
fn names_cannot_break_out_of_the_header() {
    let evil = "From: \"a\\\"b\\\\c\" <sip:%22%3cx%0d%0a@carrier.example>;tag=1";
    let carrier = trunk_key("demo", "carrier");
    let directory = directory(|config| {
        config.extensions[0].name = format!("x\" <sip:evil@x>\r\nX: {}", "y".repeat(100));
    });
    let remote = directory.remote(&carrier, &invite(&[evil]));
    assert_eq!((remote.name.as_str(), remote.number), ("a\"b\\c", None));
    let shown = from_phone(&directory, &phone(), false).from;
    assert!(shown.starts_with("\"x\\\" <sip:evil@x>X: yyy") && !shown.contains('\n'), "{shown}");
    assert!(shown.ends_with("\" <sip:4567@pbx.example>") && shown.len() < 110, "{shown}");
    let parsed = sip::message::NameAddr::parse(&shown).unwrap();
    assert_eq!(parsed.uri_str(), "sip:4567@pbx.example");
}

#[test]
fn a_registered_trunk_is_called_at_its_account_and_the_number_stands_in_to() {
    let directory = directory(|config| config.trunks[0].username = Some("acct".into()));
    let carrier = trunk_key("demo", "carrier");
    let mut lines = vec![
        "INVITE sip:acct@192.0.2.1:5060 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1",
        "From: <sip:1@x>;tag=1",
        "To: <sip:057126200670@192.0.2.1>",
        "Call-ID: 1",
        "CSeq: 1 INVITE",
    ];
    let called = |lines: &[&str]| directory.called_number(&carrier, &message(lines));
    assert_eq!(called(&lines).as_deref(), Some("057126200670"));
    lines[0] = "INVITE sip:057126200679@192.0.2.1:5060 SIP/2.0";
    assert_eq!(called(&lines).as_deref(), Some("057126200679"));
    lines[0] = "INVITE sip:192.0.2.1:5060 SIP/2.0";
    assert_eq!(called(&lines).as_deref(), Some("057126200670"));
}

#[test]
fn two_trunks_with_one_address_are_told_apart() {
    let directory = directory(|config| config.trunks[1].username = Some("acct2".into()));
    let keys =
        [trunk_key("demo", "carrier"), trunk_key("demo", "spare"), trunk_key("other", "carrier")];
    let candidates: Vec<_> = keys.iter().collect();
    let chosen = |uri: &str| {
        let line = format!("INVITE {uri} SIP/2.0");
        let incoming = message(&[
            &line,
            "Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1",
            "From: <sip:1@x>;tag=1",
            "To: <sip:192.0.2.1>",
            "Call-ID: 1",
            "CSeq: 1 INVITE",
        ]);
        directory.choose_trunk(&candidates, &incoming).cloned()
    };
    assert_eq!(chosen("sip:acct2@192.0.2.1"), Some(keys[1].clone()), "by account");
    assert_eq!(chosen("sip:+8657126200680@192.0.2.1"), Some(keys[2].clone()), "by number");
    assert_eq!(chosen("sip:12345@192.0.2.1"), Some(keys[0].clone()), "the first");
    assert_eq!(directory.choose_trunk(&[], &invite(&["From: <sip:1@x>;tag=1"])), None);
}

#[test]
fn a_tenant_that_hides_numbers_covers_those_outside_and_no_others() {
    let mut directory = directory(|_| {});
    directory.set_hiding(["demo".to_owned()].into());
    let outside = invite(&["From: \"057188880000\" <sip:057188880000@192.0.2.10>;tag=1"]);
    let carrier = trunk_key("demo", "carrier");
    let shown = directory.identity(Caller::Trunk(&carrier), &phone(), false, Some(&outside));
    assert_eq!(shown.from, "\"057*****0000\" <sip:057*****0000@pbx.example>");
    assert_eq!(
        from_phone(&directory, &phone(), false).from,
        "\"Phone 4567\" <sip:4567@pbx.example>"
    );
    let seen = |tenant: &str| directory.seen(tenant, String::new(), "057188880000".into()).1;
    assert_eq!((seen("demo"), seen("other")), ("057*****0000".into(), "057188880000".into()));
}
