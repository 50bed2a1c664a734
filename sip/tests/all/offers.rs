//! Offers in established calls, and session timers, between two endpoints.

use strowger_sip::endpoint::{EndCause, Event, OfferBy, Settings};
use strowger_sip::{Method, Transport};

use crate::link::{Link, MS, PERFECT, SECOND, Side, ended, is_bye, sdp, talk};

#[test]
fn offers_that_collide_are_both_made_in_the_end() {
    for seed in 0..20 {
        let mut link = Link::new(100 + seed, PERFECT);
        let (caller, callee) = talk(&mut link);
        let (start, first) = (link.now, link.sent.len());
        link.a.reoffer(start, caller, Some(sdp("from a")));
        link.b.reoffer(start, callee, Some(sdp("from b")));
        let mut answered = 0;
        while answered < 2 {
            for side in [Side::A, Side::B] {
                for event in link.events(side) {
                    let now = link.now;
                    match event {
                        Event::Offer { leg, .. } => {
                            link.end(side).answer_offer(now, leg, Some(sdp("yes")));
                        }
                        Event::OfferAnswered { .. } => answered += 1,
                        other => panic!("{other:?}"),
                    }
                }
            }
            assert!(link.step(start + 20 * SECOND), "both offers are made");
        }
        let sent = link.sent[first..].to_vec();
        assert_eq!(sent.iter().filter(|(_, _, m)| m.status() == Some(491)).count(), 2);
        // 14.1: the owner of the Call-ID waits 2.1 to 4 s, the other 0 to 2 s, in 10 ms.
        let second = |side| {
            let mut mine =
                sent.iter().filter(|(_, s, m)| *s == side && m.method() == Some(&Method::Invite));
            mine.nth(1).unwrap().0 - start - 20 * MS
        };
        assert!((2100 * MS..=4000 * MS).contains(&second(Side::A)));
        assert!(second(Side::B) <= 2000 * MS);
        assert_eq!((second(Side::A) % (10 * MS), second(Side::B) % (10 * MS)), (0, 0));
        let now = link.now;
        link.a.bye(now, caller, None);
        link.drain();
    }
}

#[test]
fn a_reoffer_without_a_body_asks_for_one() {
    let mut link = Link::new(15, PERFECT);
    let (caller, callee) = talk(&mut link);
    let now = link.now;
    link.a.reoffer(now, caller, None);
    link.a.reoffer(now, caller, Some(sdp("second")));
    link.wait(Side::B, |event| match event {
        Event::Offer { message, by: OfferBy::Reinvite, .. } => {
            message.body().is_empty().then_some(())
        }
        _ => None,
    });
    let now = link.now;
    link.b.answer_offer(now, callee, Some(sdp("their offer")));
    link.wait(Side::A, |event| match event {
        Event::OfferAnswered { message, .. } => (message.body() == b"their offer").then_some(()),
        _ => None,
    });
    let now = link.now;
    link.a.ack(now, caller, Some(sdp("our answer")));
    link.wait(Side::B, |event| match event {
        Event::Acked { body: Some(body), .. } => (body == "our answer").then_some(()),
        _ => None,
    });
    // The second offer waited for the first.
    link.wait(Side::B, |event| match event {
        Event::Offer { message, .. } => (message.body() == b"second").then_some(()),
        _ => None,
    });
    let now = link.now;
    link.b.refuse_offer(now, callee, 488);
    link.wait(Side::A, |event| {
        matches!(event, Event::OfferRefused { status: 488, .. }).then_some(())
    });
    let now = link.now;
    link.a.bye(now, caller, None);
    link.drain();
}

#[test]
fn a_queue_of_offers_has_an_end() {
    let mut link = Link::new(16, PERFECT);
    let (caller, callee) = talk(&mut link);
    let now = link.now;
    for _ in 0..10 {
        link.a.reoffer(now, caller, Some(sdp("more")));
    }
    let refused = link.events(Side::A).len();
    assert_eq!(refused, 10 - 1 - Settings::default().limits.queued_offers);
    let now = link.now;
    link.b.bye(now, callee, None);
    link.wait(Side::A, ended(caller, is_bye));
    link.drain();
}

fn short_sessions() -> Settings {
    Settings { session_expires: 100, ..Settings::default() }
}

#[test]
fn sessions_are_refreshed_by_update_or_by_reinvite() {
    for update in [true, false] {
        let mut theirs = short_sessions();
        if !update {
            theirs.allow.retain(|method| *method != Method::Update);
        }
        let mut link = Link::with(17, PERFECT, Transport::Udp, short_sessions(), theirs);
        let (caller, callee) = talk(&mut link);
        let until = link.now + 500 * SECOND;
        while link.step(until) {
            let now = link.now;
            for side in [Side::A, Side::B] {
                for event in link.events(side) {
                    match event {
                        Event::Offer { leg, .. } => {
                            link.end(side).answer_offer(now, leg, Some(sdp("same")));
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
        }
        // B chose to refresh every 50 s; A takes UPDATE in both cases.
        let refreshes: Vec<_> =
            link.summary(Side::B).into_iter().filter(|what| what == "UPDATE").collect();
        assert!((9..=10).contains(&refreshes.len()), "{refreshes:?}");
        assert!(link.a.leg_view(caller).is_some() && link.b.leg_view(callee).is_some());
        let now = link.now;
        link.a.bye(now, caller, None);
        link.drain();
    }
}

#[test]
fn a_refresher_without_update_sends_its_description_again() {
    let mut ours = short_sessions();
    ours.allow.retain(|method| *method != Method::Update);
    let mut link = Link::with(18, PERFECT, Transport::Udp, ours, short_sessions());
    let (caller, _) = talk(&mut link);
    let start = link.now;
    link.wait(Side::A, |event| match event {
        Event::Offer { message, by: OfferBy::Reinvite, .. } => {
            (message.body() == b"answer").then_some(())
        }
        _ => None,
    });
    assert!((49 * SECOND..51 * SECOND).contains(&(link.now - start)));
    let now = link.now;
    link.a.answer_offer(now, caller, Some(sdp("offer")));
    link.run(SECOND);
    assert!(link.events(Side::B).is_empty(), "a refresh is no concern of its owner");
    let now = link.now;
    link.a.bye(now, caller, None);
    link.drain();
}

#[test]
fn sessions_expire_on_both_sides() {
    let mut link = Link::with(19, PERFECT, Transport::Udp, short_sessions(), short_sessions());
    let (caller, callee) = talk(&mut link);
    let start = link.now;
    link.drop = Some(Box::new(|_, _| true));
    // A waits for B's refresh until 32 s before the end (RFC 4028 section 10).
    link.wait(Side::A, ended(caller, |cause| matches!(cause, EndCause::SessionExpired)));
    assert!((67 * SECOND..69 * SECOND).contains(&(link.now - start)));
    // B's refresh is not answered: the peer is gone.
    link.wait(Side::B, ended(callee, |cause| matches!(cause, EndCause::Gone(408))));
    assert!((81 * SECOND..83 * SECOND).contains(&(link.now - start)));
    link.drain();
}

#[test]
fn an_interval_that_is_too_small_is_raised() {
    let theirs = Settings { min_se: 300, ..Settings::default() };
    let mut link = Link::with(20, PERFECT, Transport::Udp, short_sessions(), theirs);
    let (caller, callee) = talk(&mut link);
    assert_eq!(link.summary(Side::B)[0], "422 INVITE");
    let invites: Vec<_> =
        link.sent.iter().filter(|(_, _, m)| m.method() == Some(&Method::Invite)).collect();
    assert_eq!(invites.len(), 2);
    let (first, second) = (&invites[0].2, &invites[1].2);
    assert_eq!(second.session_expires().map(|value| value.seconds), Some(300));
    assert_eq!(second.min_se(), Some(300));
    assert_eq!(first.call_id(), second.call_id());
    assert_eq!(second.cseq().unwrap().0, first.cseq().unwrap().0 + 1);
    let now = link.now;
    link.b.bye(now, callee, None);
    link.wait(Side::A, ended(caller, is_bye));
    link.drain();
}

#[test]
fn a_peer_without_session_timers_is_refreshed_for_as_long_as_it_answers() {
    let plain = || {
        let mut settings = Settings { session_expires: 0, ..Settings::default() };
        settings.supported.retain(|option| option != "timer");
        settings
    };
    for ours in [Side::A, Side::B] {
        let (a, b) = match ours {
            Side::A => (short_sessions(), plain()),
            Side::B => (plain(), short_sessions()),
        };
        let mut link = Link::with(30, PERFECT, Transport::Udp, a, b);
        let (caller, callee) = talk(&mut link);
        link.run(500 * SECOND);
        let refreshes = link.summary(ours).into_iter().filter(|what| what == "UPDATE").count();
        assert!((9..=10).contains(&refreshes), "{refreshes} by {ours:?}");
        let leg = if ours == Side::A { caller } else { callee };
        link.drop = Some(Box::new(move |side, _| side != ours));
        link.wait(ours, ended(leg, |cause| matches!(cause, EndCause::Gone(408))));
        // The silent peer knows nothing of timers: its own owner has to end the call.
        link.drop = None;
        let (now, other) = (link.now, ours.other());
        let leg = if other == Side::A { caller } else { callee };
        link.end(other).bye(now, leg, None);
        link.drain();
    }
}
