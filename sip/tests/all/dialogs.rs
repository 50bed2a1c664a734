//! Dialogs and forks, against a peer that speaks in bytes.

use strowger_sip::endpoint::{EndCause, Event, OfferBy, Reply};
use strowger_sip::{HeaderName, LegId, Message, Method};

use crate::link::{SECOND, sdp};
use crate::raw::{CONTACT, Raw, answer, invite, methods, request, response, statuses};

/// A request of the peer's in the dialog that our INVITE made.
fn in_dialog(
    invite: &Message,
    method: &str,
    tag: &str,
    cseq: u32,
    more: &str,
    body: &str,
) -> String {
    let from = invite.header(HeaderName::From).unwrap();
    format!(
        "{method} sip:us@192.0.2.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK-{method}-{cseq}\r\n\
         From: <sip:bob@b>;tag={tag}\r\nTo: {from}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
         {more}Content-Length: {}\r\n\r\n{body}",
        invite.call_id().unwrap(),
        body.len()
    )
}

#[test]
fn forks_ring_and_the_first_to_answer_wins() {
    let mut raw = Raw::new();
    let (leg, ours) = invite(&mut raw, |_| {});
    for (tag, fork) in [("one", 0), ("two", 1), ("one", 0), ("three", 2)] {
        raw.send(response(&ours, 180, tag, CONTACT, "").as_bytes());
        match raw.event() {
            Some(Event::Provisional { leg: which, fork: got, .. }) => {
                assert_eq!((which, got), (leg, fork));
            }
            other => panic!("{other:?}"),
        }
    }
    let sent = answer(&mut raw, &ours, "two", "");
    assert_eq!(methods(&sent), ["ACK"]);
    assert!(matches!(raw.event(), Some(Event::Answered { fork: 1, .. })));
    // Another fork answers as well: it is acknowledged and ended (13.2.2.4).
    let sent = answer(&mut raw, &ours, "three", "");
    assert_eq!(methods(&sent), ["ACK", "BYE"]);
    assert!(sent.iter().all(|m| m.to().unwrap().tag() == Some("three")));
    assert_eq!(sent[0].cseq().unwrap().0, 1);
    assert_eq!(sent[1].cseq().unwrap().0, 2);
    // Their 2xx come again: each gets its ACK again and nothing else.
    for tag in ["two", "three", "two"] {
        let sent = answer(&mut raw, &ours, tag, "");
        assert_eq!(methods(&sent), ["ACK"]);
        assert_eq!(sent[0].to().unwrap().tag(), Some(tag));
    }
    assert!(raw.event().is_none());
    // Our leg goes; a 2xx that strays in later is still acknowledged (RFC 6026).
    raw.end.bye(raw.now, leg, None);
    let bye = raw.outputs().remove(0);
    raw.send(response(&bye, 200, "", "", "").as_bytes());
    assert_eq!(raw.end.counts().legs, 0);
    assert_eq!(methods(&answer(&mut raw, &ours, "two", "")), ["ACK"]);
    assert_eq!(methods(&answer(&mut raw, &ours, "four", "")), ["ACK", "BYE"]);
    raw.pass(100 * SECOND);
    assert!(raw.end.counts().is_empty());
    assert!(answer(&mut raw, &ours, "two", "").is_empty());
}

#[test]
fn requests_follow_the_route_set() {
    let mut raw = Raw::new();
    let (leg, ours) = invite(&mut raw, |out| out.route = vec!["<sip:proxy.example;lr>".into()]);
    assert_eq!(ours.values(HeaderName::Route).collect::<Vec<_>>(), ["<sip:proxy.example;lr>"]);
    let routes = "Record-Route: <sip:p2.example;lr>, <sip:p1.example;lr>\r\n";
    let sent = answer(&mut raw, &ours, "bob", routes);
    // 12.1.2: in reverse; 12.2.1.1: loose routers leave the target in the Request-URI.
    let routes: Vec<_> = sent[0].values(HeaderName::Route).collect();
    assert_eq!(routes, ["<sip:p1.example;lr>", "<sip:p2.example;lr>"]);
    assert_eq!(sent[0].request_uri(), "sip:bob@192.0.2.7:5062");
    raw.end.bye(raw.now, leg, None);
    assert_eq!(raw.outputs()[0].values(HeaderName::Route).count(), 2);
}

#[test]
fn a_strict_router_finds_itself_in_the_request_uri() {
    let mut raw = Raw::new();
    let (_, ours) = invite(&mut raw, |_| {});
    let routes = "Record-Route: <sip:loose.example;lr>, <sip:strict.example>\r\n";
    let ack = answer(&mut raw, &ours, "bob", routes).remove(0);
    assert_eq!(ack.request_uri(), "sip:strict.example");
    let routes: Vec<_> = ack.values(HeaderName::Route).collect();
    assert_eq!(routes, ["<sip:loose.example;lr>", "<sip:bob@192.0.2.7:5062>"]);
}

#[test]
fn a_target_refresh_moves_the_peer() {
    let mut raw = Raw::new();
    let (leg, ours) = invite(&mut raw, |_| {});
    answer(&mut raw, &ours, "bob", "");
    raw.events();
    let more = "Contact: <sip:bob@192.0.2.7:6000>\r\n";
    let sent = raw.send(in_dialog(&ours, "UPDATE", "bob", 1, more, "").as_bytes());
    assert_eq!(statuses(&sent), [200]);
    assert_eq!(raw.end.leg_view(leg).unwrap().remote_target, "sip:bob@192.0.2.7:6000");
    // A re-INVITE moves it when it is accepted, not when it is refused.
    for (cseq, accepted) in [(2, false), (3, true)] {
        let more = format!("Contact: <sip:bob@192.0.2.7:700{cseq}>\r\n");
        let text = in_dialog(&ours, "INVITE", "bob", cseq, &more, "x");
        assert_eq!(statuses(&raw.send(text.as_bytes())), [100]);
        if accepted {
            raw.end.answer_offer(raw.now, leg, Some(sdp("y")));
        } else {
            raw.end.refuse_offer(raw.now, leg, 488);
        }
        let target = raw.end.leg_view(leg).unwrap().remote_target;
        assert_eq!(target == format!("sip:bob@192.0.2.7:700{cseq}"), accepted);
        raw.outputs();
    }
    raw.end.bye(raw.now, leg, None);
    let bye = raw.outputs().remove(0);
    assert_eq!(bye.request_uri(), "sip:bob@192.0.2.7:7003");
    assert_eq!(raw.flows[0].remote, "192.0.2.7:7003".parse().unwrap());
}

#[test]
fn a_peer_behind_a_nat_is_reached_where_it_speaks_from() {
    let mut raw = Raw::new();
    let text = request("INVITE", "1", "").replace("192.0.2.7:5062", "192.168.1.9:5060");
    raw.send(text.as_bytes());
    let Some(Event::Invite { leg, .. }) = raw.event() else { panic!("a call") };
    raw.end.accept(raw.now, leg, Reply::new(200));
    let ok = raw.outputs().remove(0);
    let tag = ok.to().unwrap().tag().unwrap().to_owned();
    let ack = request("ACK", "2", "")
        .replace("<sip:bob@b>", &format!("<sip:bob@b>;tag={tag}"))
        .replace("call-2", "call-1");
    raw.send(ack.as_bytes());
    raw.end.bye(raw.now, leg, None);
    let bye = raw.outputs().remove(0);
    assert_eq!(bye.request_uri(), "sip:alice@192.168.1.9:5060");
    assert_eq!(raw.flows[0], raw.flow);
}

#[test]
fn requests_out_of_order_get_500() {
    let mut raw = Raw::new();
    let (leg, ours) = invite(&mut raw, |_| {});
    answer(&mut raw, &ours, "bob", "");
    raw.events();
    assert!(raw.send(in_dialog(&ours, "INFO", "bob", 10, "", "").as_bytes()).is_empty());
    let Some(Event::LegRequest { tx, .. }) = raw.event() else { panic!("a request") };
    raw.end.respond(raw.now, tx, Reply::new(200));
    assert_eq!(statuses(&raw.outputs()), [200]);
    let sent = raw.send(in_dialog(&ours, "INFO", "bob", 9, "", "").as_bytes());
    assert_eq!(statuses(&sent), [500]);
    // Another tag is another dialog, which we do not have.
    let sent = raw.send(in_dialog(&ours, "BYE", "eve", 11, "", "").as_bytes());
    assert_eq!(statuses(&sent), [481]);
    assert!(raw.end.leg_view(leg).is_some());
    let sent = raw.send(in_dialog(&ours, "BYE", "bob", 12, "", "").as_bytes());
    assert_eq!(statuses(&sent), [200]);
    assert!(matches!(raw.event(), Some(Event::Ended { cause: EndCause::Bye(_), .. })));
}

#[test]
fn offers_that_meet_one_under_way_are_put_off() {
    let mut raw = Raw::new();
    let (leg, ours) = invite(&mut raw, |_| {});
    answer(&mut raw, &ours, "bob", "Allow: INVITE, UPDATE\r\n");
    raw.events();
    // Ours is under way: 491 (14.2, RFC 3311 section 5.2).
    raw.end.reoffer(raw.now, leg, Some(sdp("mine")));
    let mine = raw.outputs().remove(0);
    for (method, cseq) in [("INVITE", 1), ("UPDATE", 2)] {
        let sent = raw.send(in_dialog(&ours, method, "bob", cseq, CONTACT, "x").as_bytes());
        assert_eq!(statuses(&sent), [491], "{method}");
    }
    raw.send(in_dialog(&ours, "ACK", "bob", 1, "", "").as_bytes());
    raw.send(response(&mine, 200, "", CONTACT, "y").as_bytes());
    assert!(matches!(raw.event(), Some(Event::OfferAnswered { .. })));
    // Theirs is under way: 500 with Retry-After up to ten seconds.
    assert_eq!(
        statuses(&raw.send(in_dialog(&ours, "INVITE", "bob", 3, CONTACT, "x").as_bytes())),
        [100]
    );
    for (method, cseq) in [("INVITE", 4), ("UPDATE", 5)] {
        let sent = raw.send(in_dialog(&ours, method, "bob", cseq, CONTACT, "x").as_bytes());
        assert_eq!(statuses(&sent), [500], "{method}");
        assert!(sent[0].retry_after().unwrap() <= 10);
    }
    assert!(matches!(raw.event(), Some(Event::Offer { by: OfferBy::Reinvite, .. })));
    assert!(raw.event().is_none());
    // The peer takes it back (9.2).
    let cancel = in_dialog(&ours, "CANCEL", "bob", 3, "", "")
        .replace("z9hG4bK-CANCEL-3", "z9hG4bK-INVITE-3");
    assert_eq!(statuses(&raw.send(cancel.as_bytes())), [200, 487]);
    assert!(matches!(raw.event(), Some(Event::OfferWithdrawn { .. })));
    raw.end.answer_offer(raw.now, leg, Some(sdp("too late")));
    assert!(raw.outputs().is_empty());
}

#[test]
fn an_update_offers_and_is_answered() {
    let mut raw = Raw::new();
    let (leg, ours) = invite(&mut raw, |_| {});
    answer(&mut raw, &ours, "bob", "");
    raw.events();
    assert!(raw.send(in_dialog(&ours, "UPDATE", "bob", 1, CONTACT, "x").as_bytes()).is_empty());
    assert!(matches!(raw.event(), Some(Event::Offer { by: OfferBy::Update, .. })));
    raw.end.answer_offer(raw.now, leg, Some(sdp("yes")));
    let sent = raw.outputs();
    assert_eq!((statuses(&sent), sent[0].body()), (vec![200], &b"yes"[..]));
    raw.send(in_dialog(&ours, "UPDATE", "bob", 2, CONTACT, "x").as_bytes());
    raw.end.refuse_offer(raw.now, leg, 488);
    assert_eq!(statuses(&raw.outputs()), [488]);
    // The call ends while an offer waits for its owner.
    raw.send(in_dialog(&ours, "UPDATE", "bob", 3, CONTACT, "x").as_bytes());
    raw.end.bye(raw.now, leg, None);
    let sent = raw.outputs();
    assert_eq!((statuses(&sent), methods(&sent)), (vec![487], vec!["BYE".to_owned()]));
}

/// A call of theirs, ringing reliably with a description.
fn ringing(raw: &mut Raw, body: &str) -> (LegId, Message) {
    let more = "Supported: 100rel, timer\r\nAllow: INVITE, UPDATE, PRACK\r\n";
    let text = request("INVITE", "1", more).replace(
        "Content-Length: 0\r\n\r\n",
        &format!("Content-Length: {}\r\n\r\n{body}", body.len()),
    );
    raw.send(text.as_bytes());
    let Some(Event::Invite { leg, .. }) = raw.event() else { panic!("a call") };
    let reply = Reply { reliable: true, ..Reply::new(183) };
    raw.end.provisional(raw.now, leg, reply.with_body(sdp("early")));
    (leg, raw.outputs().remove(0))
}

fn prack(progress: &Message, cseq: u32, rack: &str, body: &str) -> String {
    format!(
        "PRACK sip:us@192.0.2.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bKp{cseq}\r\n\
         From: <sip:alice@a>;tag=alice\r\nTo: {}\r\nCall-ID: call-1\r\nCSeq: {cseq} PRACK\r\n\
         RAck: {rack}\r\nContent-Length: {}\r\n\r\n{body}",
        progress.header(HeaderName::To).unwrap(),
        body.len()
    )
}

#[test]
fn a_prack_must_name_what_it_acknowledges() {
    let mut raw = Raw::new();
    let (leg, progress) = ringing(&mut raw, "offer");
    let rseq = progress.rseq().unwrap();
    assert!(progress.require().any(|tag| tag == "100rel"));
    for (cseq, rack) in [(2, format!("{} 1 INVITE", rseq + 1)), (3, format!("{rseq} 2 INVITE"))] {
        assert_eq!(statuses(&raw.send(prack(&progress, cseq, &rack, "").as_bytes())), [481]);
    }
    let right = format!("{rseq} 1 INVITE");
    assert_eq!(statuses(&raw.send(prack(&progress, 4, &right, "").as_bytes())), [200]);
    assert_eq!(statuses(&raw.send(prack(&progress, 5, &right, "").as_bytes())), [481]);
    assert!(raw.pass(40 * SECOND).is_empty(), "nothing is repeated any more");
    raw.end.accept(raw.now, leg, Reply::new(200));
    assert_eq!(statuses(&raw.outputs()), [200]);
}

#[test]
fn a_prack_may_offer_and_an_update_follow() {
    let mut raw = Raw::new();
    let (leg, progress) = ringing(&mut raw, "offer");
    let right = format!("{} 1 INVITE", progress.rseq().unwrap());
    assert!(raw.send(prack(&progress, 2, &right, "another").as_bytes()).is_empty());
    assert!(matches!(raw.event(), Some(Event::Offer { by: OfferBy::Prack, .. })));
    raw.end.answer_offer(raw.now, leg, Some(sdp("fine")));
    let sent = raw.outputs();
    assert_eq!((statuses(&sent), sent[0].body()), (vec![200], &b"fine"[..]));
    // Both have agreed: we may offer by UPDATE before we answer.
    raw.end.reoffer(raw.now, leg, Some(sdp("moved")));
    let update = raw.outputs().remove(0);
    assert_eq!((update.method(), update.body()), (Some(&Method::Update), &b"moved"[..]));
    raw.send(response(&update, 200, "", CONTACT, "ok").as_bytes());
    assert!(matches!(raw.event(), Some(Event::OfferAnswered { .. })));
}

#[test]
fn an_early_offer_without_an_answer_cannot_be_changed() {
    let mut raw = Raw::new();
    let (leg, progress) = ringing(&mut raw, "");
    // Our offer is in the 183; theirs would cross it.
    let update = prack(&progress, 2, "1 1 INVITE", "x").replace("PRACK", "UPDATE");
    assert_eq!(statuses(&raw.send(update.as_bytes())), [491]);
    let right = format!("{} 1 INVITE", progress.rseq().unwrap());
    assert_eq!(statuses(&raw.send(prack(&progress, 3, &right, "theirs").as_bytes())), [200]);
    assert!(matches!(raw.event(), Some(Event::OfferAnswered { .. })));
    raw.end.accept(raw.now, leg, Reply::new(200));
    assert_eq!(statuses(&raw.outputs()), [200]);
}

#[test]
fn a_caller_may_insist_on_reliability() {
    let mut raw = Raw::new();
    raw.send(request("INVITE", "1", "Require: 100rel\r\n").as_bytes());
    let Some(Event::Invite { leg, .. }) = raw.event() else { panic!("a call") };
    raw.end.provisional(raw.now, leg, Reply::new(180));
    assert!(raw.outputs()[0].rseq().is_some());
}

#[test]
fn a_caller_says_bye_before_the_answer() {
    let mut raw = Raw::new();
    let (_, progress) = ringing(&mut raw, "offer");
    let bye = prack(&progress, 2, "1 1 INVITE", "").replace("PRACK", "BYE");
    assert_eq!(statuses(&raw.send(bye.as_bytes())), [200, 487]);
    assert!(matches!(raw.event(), Some(Event::Ended { cause: EndCause::Bye(_), .. })));
    assert_eq!(raw.end.counts().legs, 0);
}

#[test]
fn responses_that_nobody_waits_for_are_dropped() {
    let mut raw = Raw::new();
    let (leg, ours) = invite(&mut raw, |_| {});
    let right = response(&ours, 180, "bob", CONTACT, "");
    for wrong in [
        right.replace("branch=z9hG4bKsw", "branch=z9hG4bKxx"),
        right.replace("1 INVITE", "1 BYE"),
        right.replacen("Via: ", "Via: SIP/2.0/UDP other;branch=z9hG4bKq\r\nVia: ", 1),
    ] {
        assert!(raw.send(wrong.as_bytes()).is_empty());
        assert!(raw.event().is_none());
    }
    raw.send(right.as_bytes());
    assert!(matches!(raw.event(), Some(Event::Provisional { leg: which, .. }) if which == leg));
}

#[test]
fn a_session_interval_below_ours_gets_422() {
    let mut raw = Raw::new();
    let more = "Supported: timer\r\nSession-Expires: 60\r\n";
    let sent = raw.send(request("INVITE", "1", more).as_bytes());
    assert_eq!((statuses(&sent), sent[0].min_se()), (vec![422], Some(90)));
    assert_eq!(raw.end.counts().legs, 0);
}

/// RFC 4028 section 9, table 2.
#[test]
fn the_refresher_is_chosen_by_the_table() {
    for (supports, asked, refresher, required) in [
        (true, "1000;refresher=uac", "1000;refresher=uac", true),
        (true, "1000;refresher=uas", "1000;refresher=uas", false),
        (true, "1000", "1000;refresher=uas", false),
        (false, "1000", "1000;refresher=uas", false),
    ] {
        let mut raw = Raw::new();
        let supported = if supports { "Supported: timer\r\n" } else { "" };
        let more = format!("{supported}Session-Expires: {asked}\r\n");
        raw.send(request("INVITE", "1", &more).as_bytes());
        let Some(Event::Invite { leg, .. }) = raw.event() else { panic!("a call") };
        raw.end.accept(raw.now, leg, Reply::new(200));
        let ok = raw.outputs().remove(0);
        assert_eq!(ok.header(HeaderName::SessionExpires), Some(refresher), "{asked}");
        assert_eq!(ok.require().any(|tag| tag == "timer"), required, "{asked}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let run = || {
        let mut raw = Raw::new();
        let (_, ours) = invite(&mut raw, |_| {});
        let ack = answer(&mut raw, &ours, "bob", "").remove(0);
        (ours.to_bytes(), ack.to_bytes())
    };
    assert_eq!(run(), run());
}

#[test]
fn an_answer_does_not_wait_for_a_prack_without_a_description() {
    let mut raw = Raw::new();
    raw.send(request("INVITE", "1", "Supported: 100rel\r\n").as_bytes());
    let Some(Event::Invite { leg, .. }) = raw.event() else { panic!("a call") };
    raw.end.provisional(raw.now, leg, Reply { reliable: true, ..Reply::new(180) });
    let progress = raw.outputs().remove(0);
    raw.end.accept(raw.now, leg, Reply::new(200));
    assert_eq!(statuses(&raw.outputs()), [200]);
    // Its PRACK is still taken (RFC 3262 section 3), and the 180 not repeated.
    let ack = prack(&progress, 1, "1 1 INVITE", "").replace("PRACK", "ACK");
    assert!(raw.send(ack.as_bytes()).is_empty());
    assert!(raw.pass(2 * SECOND).is_empty());
    let right = format!("{} 1 INVITE", progress.rseq().unwrap());
    assert_eq!(statuses(&raw.send(prack(&progress, 2, &right, "").as_bytes())), [200]);
    assert!(matches!(raw.event(), Some(Event::Acked { .. })));
}

#[test]
fn a_refresh_does_not_disturb_an_offer_that_waits() {
    let mut raw = Raw::new();
    let (leg, ours) = invite(&mut raw, |_| {});
    answer(&mut raw, &ours, "bob", "");
    raw.events();
    let more = format!("{CONTACT}Supported: timer\r\nSession-Expires: 500;refresher=uac\r\n");
    raw.send(in_dialog(&ours, "INVITE", "bob", 1, &more, "x").as_bytes());
    let sent = raw.send(in_dialog(&ours, "UPDATE", "bob", 2, &more, "").as_bytes());
    assert_eq!(statuses(&sent), [200]);
    raw.end.answer_offer(raw.now, leg, Some(sdp("y")));
    let ok = raw.outputs().remove(0);
    assert_eq!(ok.header(HeaderName::SessionExpires), Some("500;refresher=uac"));
}

#[test]
fn each_fork_that_offers_early_has_its_own_answer() {
    let mut raw = Raw::new();
    let (leg, ours) = invite(&mut raw, |out| out.body = None);
    let early = |tag: &str, rseq: u32| {
        let more = format!("{CONTACT}Require: 100rel\r\nRSeq: {rseq}\r\n");
        response(&ours, 183, tag, &more, "their offer")
    };
    let offers = |raw: &mut Raw| {
        let is_offer = |event: &Event| matches!(event, Event::Offer { by: OfferBy::Early, .. });
        raw.events().iter().filter(|event| is_offer(event)).count()
    };
    assert!(raw.send(early("one", 7).as_bytes()).is_empty());
    // The second waits for the first, and comes again.
    assert!(raw.send(early("two", 70).as_bytes()).is_empty());
    assert_eq!(offers(&mut raw), 1);
    raw.end.answer_offer(raw.now, leg, Some(sdp("for one")));
    let prack = raw.outputs().remove(0);
    assert_eq!((prack.to().unwrap().tag(), prack.body()), (Some("one"), &b"for one"[..]));
    assert!(raw.send(early("two", 70).as_bytes()).is_empty());
    assert_eq!(offers(&mut raw), 1);
    raw.end.answer_offer(raw.now, leg, Some(sdp("for two")));
    assert_eq!(raw.outputs()[0].rack().map(|rack| rack.rseq), Some(70));
    // A third answers at once: its offer is in the 2xx and wants an answer in the ACK.
    assert!(answer(&mut raw, &ours, "three", "").is_empty());
    assert!(matches!(raw.event(), Some(Event::Answered { fork: 2, .. })));
    raw.end.ack(raw.now, leg, Some(sdp("for three")));
    let ack = raw.outputs().remove(0);
    assert_eq!((ack.to().unwrap().tag(), ack.body()), (Some("three"), &b"for three"[..]));
}
