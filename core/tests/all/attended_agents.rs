//! Agents' phones that are rung beside a waiting caller.

use media::order::Order;
use strowger_core::call::{After, AnswerMode, Line, Note};
use strowger_core::vocab::acd::OfferEnd;
use strowger_core::vocab::record::{EndCause, Party};
use strowger_core::vocab::{CallId, EventKind, OfferId};

use crate::attended_host::Host;
use crate::attended_phone::*;
use crate::common::*;

const INFO: &str = "Content-Type: application/dtmf-relay\r\n";

/// A caller who was answered at once, and its 200.
fn waiting() -> (Host, CallId, Sent) {
    waiting_with(64)
}

fn waiting_with(ports: u16) -> (Host, CallId, Sent) {
    let mut host = Host::new(ports);
    host.found = vec![attended(AnswerMode::Now)];
    let call = host.call("", &sdp("198.51.100.100", &[8, 101]));
    let answer = host.response(CALLER, 200);
    host.caller_sends(&answer, "ACK", "", "");
    assert_eq!(host.noted(), [Note::Attended]);
    (host, call, answer)
}

/// Offers the caller to an agent; its INVITE.
fn offer(host: &mut Host, call: CallId, n: u8, confirm: Option<char>) -> Sent {
    host.sent.clear();
    assert!(host.act(call, |call, ctx| call.offer_agent(
        ctx,
        OfferId(n.into()),
        place(n),
        confirm
    )));
    host.request(&agent(n), "INVITE")
}

fn ring(host: &mut Host, invite: &Sent) {
    host.reply(invite, 180, "", "");
}

fn pick_up(host: &mut Host, invite: &Sent) {
    host.reply(invite, 200, "", &sdp(&invite.to.ip().to_string(), &[8, 101]));
    host.request(&invite.to.to_string(), "ACK");
}

fn connect(host: &mut Host, call: CallId, n: u64, after: After) -> bool {
    host.sent.clear();
    host.act(call, |call, ctx| call.connect(ctx, OfferId(n), after, false))
}

fn hang_up(host: &mut Host, answer: &Sent) {
    host.caller_sends(answer, "BYE", "", "");
    host.response(CALLER, 200);
}

/// The BYEs and CANCELs that went to an agent are answered as phones do.
fn settle_agent(host: &mut Host, n: u8, invite: &Sent) {
    for bye in host.requests(&agent(n), "BYE") {
        host.reply(&bye, 200, "", "");
    }
    for cancel in host.requests(&agent(n), "CANCEL") {
        host.reply(&cancel, 200, "", "");
        host.reply(invite, 487, "", "");
    }
}

#[test]
fn the_agent_who_answers_is_bridged_with_the_caller() {
    let (mut host, call, answer) = waiting();
    let caller = host.stream(answer.body());
    host.act(call, |call, ctx| call.say(ctx, vec!["music/hold".into()], true)).unwrap();
    let invite = offer(&mut host, call, 1, None);
    ring(&mut host, &invite);
    assert_eq!(host.noted(), [Note::AgentRinging(OfferId(1))]);
    assert!(!connect(&mut host, call, 1, After::End), "nobody has answered");
    pick_up(&mut host, &invite);
    assert_eq!(host.noted(), [Note::AgentAnswered(OfferId(1))]);
    assert_eq!(host.plays(caller), Some("music/hold"));
    assert!(connect(&mut host, call, 1, After::End));
    assert_eq!(host.noted(), [Note::Connected(OfferId(1))]);
    assert_eq!(host.bridged(caller), Some(host.stream(invite.body())));
    assert_eq!(host.plays(caller), None);
    assert!(host.sent.is_empty(), "both use PCMA already: {:#?}", host.sent);
    hang_up(&mut host, &answer);
    let bye = host.request(&agent(1), "BYE");
    assert!(bye.header("Reason").starts_with("Q.850;cause=16"));
    host.reply(&bye, 200, "", "");
    assert_eq!(host.noted(), [Note::CallerGone]);
    host.drained();
    let record = host.record();
    assert_eq!(record.end.map(|end| end.cause), Some(EndCause::Normal));
    assert!(matches!(record.callee, Party::Extension { extension, .. } if extension.number == "1"));
    assert_eq!(record.quality.len(), 2);
}

#[test]
fn an_answer_that_crosses_the_cancel_is_ended_at_once() {
    let (mut host, call, answer) = waiting();
    let invite = offer(&mut host, call, 1, None);
    ring(&mut host, &invite);
    host.sent.clear();
    host.act(call, |call, ctx| call.cancel_agent(ctx, OfferId(1), OfferEnd::WonByAnother));
    let cancel = host.request(&agent(1), "CANCEL");
    assert_eq!(cancel.header("Reason"), "SIP;cause=200;text=\"Call completed elsewhere\"");
    host.act(call, |call, ctx| call.cancel_agent(ctx, OfferId(1), OfferEnd::WonByAnother));
    assert_eq!(host.requests(&agent(1), "CANCEL").len(), 1);
    host.reply(&cancel, 200, "", "");
    host.reply(&invite, 200, "", &sdp("198.51.100.1", &[8]));
    host.request(&agent(1), "ACK");
    let bye = host.request(&agent(1), "BYE");
    host.reply(&bye, 200, "", "");
    assert_eq!(host.noted(), [Note::AgentRinging(OfferId(1))]);
    assert_eq!(host.open(), 1, "only the caller's");
    hang_up(&mut host, &answer);
    host.drained();
}

#[test]
fn of_two_answers_one_is_connected_and_the_other_told_so() {
    let (mut host, call, answer) = waiting();
    let first = offer(&mut host, call, 1, None);
    let second = offer(&mut host, call, 2, None);
    let third = offer(&mut host, call, 3, None);
    ring(&mut host, &third);
    assert_ne!(host.stream(first.body()), host.stream(second.body()));
    pick_up(&mut host, &first);
    pick_up(&mut host, &second);
    assert!(connect(&mut host, call, 2, After::End));
    let bye = host.request(&agent(1), "BYE");
    let cancel = host.request(&agent(3), "CANCEL");
    for told in [&bye, &cancel] {
        assert_eq!(told.header("Reason"), "SIP;cause=200;text=\"Call completed elsewhere\"");
    }
    assert!(!connect(&mut host, call, 1, After::End), "it lost");
    host.reply(&bye, 200, "", "");
    host.reply(&cancel, 200, "", "");
    host.reply(&third, 487, "", "");
    assert_eq!(host.open(), 2);
    hang_up(&mut host, &answer);
    settle_agent(&mut host, 2, &second);
    host.drained();
    assert_eq!(host.record().quality.len(), 2, "the losers' streams are none of the record's");
}

#[test]
fn an_agent_who_drops_before_the_bridge_leaves_the_others_ringing() {
    let (mut host, call, answer) = waiting();
    let first = offer(&mut host, call, 1, None);
    let second = offer(&mut host, call, 2, None);
    ring(&mut host, &second);
    pick_up(&mut host, &first);
    host.noted();
    host.agent_sends(&first, "BYE", "", "");
    host.response(&agent(1), 200);
    assert_eq!(host.noted(), [Note::AgentFailed(OfferId(1), OfferEnd::Unreachable)]);
    assert!(!connect(&mut host, call, 1, After::End));
    pick_up(&mut host, &second);
    assert!(connect(&mut host, call, 2, After::End));
    hang_up(&mut host, &answer);
    settle_agent(&mut host, 2, &second);
    host.drained();
}

#[test]
fn when_the_caller_leaves_all_phones_stop_ringing_and_all_ports_come_back() {
    let (mut host, call, answer) = waiting();
    let invites: Vec<_> = (1..=3).map(|n| (n, offer(&mut host, call, n, None))).collect();
    for (_, invite) in &invites {
        ring(&mut host, invite);
    }
    assert_eq!(host.open(), 4);
    hang_up(&mut host, &answer);
    assert_eq!(host.noted().last(), Some(&Note::CallerGone));
    let sent = host.sent.clone();
    for (n, invite) in &invites {
        host.sent = sent.clone();
        host.request(&agent(*n), "CANCEL");
        settle_agent(&mut host, *n, invite);
    }
    assert_eq!(host.noted(), []);
    host.drained();
}

#[test]
fn a_remote_agent_presses_the_key_before_it_counts() {
    for by_info in [false, true] {
        let (mut host, call, answer) = waiting();
        let invite = offer(&mut host, call, 1, Some('1'));
        pick_up(&mut host, &invite);
        let stream = host.stream(invite.body());
        assert_eq!(host.plays(stream), Some("en/to-accept-press"));
        assert!(!connect(&mut host, call, 1, After::End));
        host.dtmf(stream, '2');
        assert_eq!(host.noted(), []);
        if by_info {
            host.agent_sends(&invite, "INFO", INFO, "Signal=1\r\nDuration=100\r\n");
            host.response(&agent(1), 200);
        } else {
            host.dtmf(stream, '1');
        }
        assert_eq!(host.noted(), [Note::AgentAnswered(OfferId(1))]);
        assert_eq!(host.plays(stream), None);
        host.wait(20);
        assert!(connect(&mut host, call, 1, After::End));
        hang_up(&mut host, &answer);
        settle_agent(&mut host, 1, &invite);
        host.drained();
    }
}

#[test]
fn a_mailbox_that_presses_nothing_is_left_alone() {
    let (mut host, call, answer) = waiting();
    let invite = offer(&mut host, call, 1, Some('1'));
    pick_up(&mut host, &invite);
    host.wait(14);
    assert_eq!(host.noted(), []);
    host.sent.clear();
    host.wait(1);
    assert_eq!(host.noted(), [Note::AgentFailed(OfferId(1), OfferEnd::NoAnswer)]);
    settle_agent(&mut host, 1, &invite);
    assert_eq!(host.open(), 1);
    hang_up(&mut host, &answer);
    host.drained();
}

#[test]
fn without_a_free_port_an_agent_cannot_be_reached() {
    let (mut host, call, answer) = waiting_with(2);
    let invite = offer(&mut host, call, 1, None);
    assert_eq!(host.stock.free(), 0);
    let offered = host.act(call, |call, ctx| call.offer_agent(ctx, OfferId(2), place(2), None));
    assert!(offered);
    assert_eq!(host.noted(), [Note::AgentFailed(OfferId(2), OfferEnd::Unreachable)]);
    pick_up(&mut host, &invite);
    assert!(connect(&mut host, call, 1, After::End));
    hang_up(&mut host, &answer);
    settle_agent(&mut host, 1, &invite);
    host.drained();
}

#[test]
fn what_a_phone_answers_says_how_the_offer_ended() {
    let table = [
        (486, true, OfferEnd::Busy),
        (600, true, OfferEnd::Busy),
        (603, true, OfferEnd::Rejected),
        (480, true, OfferEnd::NoAnswer),
        (480, false, OfferEnd::Rejected),
        (302, true, OfferEnd::Rejected),
        (404, false, OfferEnd::Unreachable),
        (503, false, OfferEnd::Unreachable),
        (488, false, OfferEnd::Unreachable),
    ];
    for (status, rings, end) in table {
        let (mut host, call, answer) = waiting();
        let invite = offer(&mut host, call, 1, None);
        if rings {
            ring(&mut host, &invite);
        }
        host.noted();
        host.reply(&invite, status, "", "");
        assert_eq!(host.noted(), [Note::AgentFailed(OfferId(1), end)], "{status}");
        assert_eq!(host.open(), 1, "{status}");
        hang_up(&mut host, &answer);
        host.drained();
    }
}

#[test]
fn a_phone_that_never_answers_anything_is_unreachable() {
    let (mut host, call, answer) = waiting();
    offer(&mut host, call, 1, None);
    host.wait(33);
    assert_eq!(host.noted(), [Note::AgentFailed(OfferId(1), OfferEnd::Unreachable)]);
    hang_up(&mut host, &answer);
    host.drained();
}

#[test]
fn all_phones_of_an_agent_ring_and_one_wins() {
    let (mut host, call, answer) = waiting();
    let mut both = place(1);
    both.targets.push_back(target(&agent(9)));
    host.sent.clear();
    host.act(call, |call, ctx| call.offer_agent(ctx, OfferId(1), both, None));
    let (first, second) = (host.request(&agent(1), "INVITE"), host.request(&agent(9), "INVITE"));
    ring(&mut host, &first);
    ring(&mut host, &second);
    assert_eq!(host.noted(), [Note::AgentRinging(OfferId(1))], "once");
    host.reply(&first, 486, "", "");
    assert_eq!(host.noted(), []);
    pick_up(&mut host, &second);
    assert_eq!(host.noted(), [Note::AgentAnswered(OfferId(1))]);
    assert!(connect(&mut host, call, 1, After::End));
    hang_up(&mut host, &answer);
    settle_agent(&mut host, 9, &second);
    host.drained();
}

#[test]
fn a_carrier_that_says_nothing_is_followed_by_the_next_address() {
    let (mut host, call, answer) = waiting();
    let mut place = place(1);
    place.sequential = true;
    place.silence = Some(6 * SECOND);
    place.targets.push_back(target(&agent(9)));
    host.sent.clear();
    host.act(call, |call, ctx| call.offer_agent(ctx, OfferId(1), place, Some('1')));
    assert!(host.requests(&agent(9), "INVITE").is_empty());
    host.wait(6);
    let second = host.request(&agent(9), "INVITE");
    assert_eq!(host.noted(), []);
    pick_up(&mut host, &second);
    hang_up(&mut host, &answer);
    settle_agent(&mut host, 9, &second);
    host.drained();
}

#[test]
fn an_agent_hears_an_announcement_before_the_caller() {
    let (mut host, call, answer) = waiting();
    let invite = offer(&mut host, call, 1, None);
    let prompts = || vec!["en/caller-waited".to_owned()];
    let say =
        |host: &mut Host| host.act(call, |call, ctx| call.say_to_agent(ctx, OfferId(1), prompts()));
    assert_eq!(say(&mut host), None, "it rings");
    pick_up(&mut host, &invite);
    host.noted();
    let play = say(&mut host).unwrap();
    let stream = host.stream(invite.body());
    assert_eq!(host.plays(stream), Some("en/caller-waited"));
    host.played(stream);
    assert_eq!(host.noted(), [Note::AgentSaid { offer: OfferId(1), play }]);
    say(&mut host).unwrap();
    assert!(connect(&mut host, call, 1, After::End), "the announcement is cut");
    assert_eq!(host.plays(stream), None);
    hang_up(&mut host, &answer);
    settle_agent(&mut host, 1, &invite);
    host.drained();
}

#[test]
fn an_agents_phone_may_change_its_media_before_it_is_connected() {
    let (mut host, call, answer) = waiting();
    let invite = offer(&mut host, call, 1, None);
    pick_up(&mut host, &invite);
    let content = "Content-Type: application/sdp\r\n";
    host.agent_sends(&invite, "INVITE", content, &described("198.51.100.1", &[8], "sendonly"));
    let accepted = host.response(&agent(1), 200);
    assert!(accepted.body().contains("a=recvonly"), "{}", accepted.text);
    assert!(connect(&mut host, call, 1, After::End));
    let caller = host.stream(answer.body());
    assert_eq!(host.plays(caller), Some("music/hold"), "the agent holds");
    hang_up(&mut host, &answer);
    settle_agent(&mut host, 1, &invite);
    host.drained();
}

#[test]
fn a_phone_that_rings_for_an_offer_counts_as_a_call_of_its_extension() {
    let (mut host, call, answer) = waiting();
    let line = |n: &str| Line::Extension(key("demo", n));
    let invite = offer(&mut host, call, 1, None);
    assert_eq!((host.calls.load(&line("1")), host.calls.load(&line("2"))), (1, 0));
    pick_up(&mut host, &invite);
    connect(&mut host, call, 1, After::End);
    assert_eq!(host.calls.load(&line("1")), 1);
    hang_up(&mut host, &answer);
    assert_eq!(host.calls.load(&line("1")), 0);
    settle_agent(&mut host, 1, &invite);
    host.drained();
}

#[test]
fn after_the_agent_the_caller_is_back_with_the_switch() {
    let (mut host, call, answer) = waiting();
    let answered_at = host.calls.get(call).unwrap().record.answered_at;
    let mut recorded = Vec::new();
    for n in 1..=2 {
        let invite = offer(&mut host, call, n, None);
        pick_up(&mut host, &invite);
        host.wait(5);
        let (offer, after) = (OfferId(n.into()), After::Keep);
        assert!(host.act(call, |call, ctx| call.connect(ctx, offer, after, true)));
        host.noted();
        host.agent_sends(&invite, "BYE", "", "");
        host.response(&agent(n), 200);
        assert_eq!(host.noted(), [Note::CalleeGone]);
        assert_eq!(host.open(), 1);
        recorded.push(host.calls.get(call).unwrap().record.recording.clone().unwrap());
    }
    assert_ne!(recorded[0], recorded[1]);
    let ended = |path: &String| {
        let of = |event: &&EventKind| matches!(event, EventKind::RecordingEnded { path: own, .. } if own == path);
        host.events.iter().filter(of).count()
    };
    assert_eq!((ended(&recorded[0]), ended(&recorded[1])), (1, 1));
    let caller = host.stream(answer.body());
    let play = host.act(call, |call, ctx| call.say(ctx, vec!["en/rate-call".into()], false));
    assert_eq!(host.plays(caller), Some("en/rate-call"));
    host.dtmf(caller, '5');
    host.played(caller);
    assert_eq!(host.noted(), [Note::Key('5'), Note::Said { play: play.unwrap(), ok: true }]);
    hang_up(&mut host, &answer);
    assert_eq!(host.noted(), [Note::CallerGone]);
    host.drained();
    let record = host.record();
    assert_eq!(record.answered_at, answered_at);
    assert_eq!(record.quality.len(), 3, "both agents' and the caller's");
}

#[test]
fn a_silent_agent_is_dropped_and_the_caller_kept() {
    let (mut host, call, answer) = waiting();
    let invite = offer(&mut host, call, 1, None);
    pick_up(&mut host, &invite);
    connect(&mut host, call, 1, After::Keep);
    host.noted();
    let stream = host.stream(invite.body());
    host.media(media::order::MediaEvent::Silent { stream });
    let bye = host.request(&agent(1), "BYE");
    host.reply(&bye, 200, "", "");
    assert_eq!(host.noted(), [Note::CalleeGone]);
    hang_up(&mut host, &answer);
    host.drained();
}

#[test]
fn a_caller_whose_phone_is_dead_is_found_while_it_waits() {
    let (mut host, call, answer) = waiting();
    let caller = host.stream(answer.body());
    let invite = offer(&mut host, call, 1, None);
    ring(&mut host, &invite);
    let limited = host.orders.iter().any(|order| {
        matches!(order, Order::Configure { stream, config } if *stream == caller && config.silence_limit.is_some())
    });
    assert!(limited);
    host.media(media::order::MediaEvent::Silent { stream: caller });
    assert_eq!(host.noted().last(), Some(&Note::CallerGone));
    for bye in host.requests(CALLER, "BYE") {
        host.reply(&bye, 200, "", "");
    }
    host.reply(&invite, 487, "", "");
    host.drained();
    assert_eq!(host.record().end.map(|end| end.cause), Some(EndCause::MediaTimeout));
}

#[test]
fn a_caller_answered_with_another_codec_is_asked_to_change() {
    let mut host = Host::new(8);
    host.found = vec![attended(AnswerMode::Now)];
    let call = host.call("", &sdp("198.51.100.100", &[8, 9, 101]));
    let answer = host.response(CALLER, 200);
    assert!(answer.body().contains("RTP/AVP 8 101"), "{}", answer.text);
    host.caller_sends(&answer, "ACK", "", "");
    let invite = offer(&mut host, call, 1, None);
    assert!(invite.body().contains("RTP/AVP 8 "), "what the caller uses comes first");
    host.reply(&invite, 200, "", &sdp("198.51.100.1", &[9]));
    assert!(connect(&mut host, call, 1, After::End));
    let again = host.request(CALLER, "INVITE");
    assert!(again.body().contains("RTP/AVP 9"), "{}", again.text);
    host.reply(&again, 200, "", &sdp("198.51.100.100", &[9, 101]));
    host.request(CALLER, "ACK");
    let caller = host.stream(answer.body());
    let configured = host.orders.iter().rev().find_map(|order| match order {
        Order::Configure { stream, config } if *stream == caller => {
            Some(config.codecs[0].name.clone())
        }
        _ => None,
    });
    assert_eq!(configured.as_deref(), Some("G722"));
    hang_up(&mut host, &answer);
    settle_agent(&mut host, 1, &invite);
    host.drained();
}

#[test]
fn late_orders_for_offers_that_are_over_do_nothing() {
    let (mut host, call, answer) = waiting();
    let invite = offer(&mut host, call, 1, None);
    let twice = host.act(call, |call, ctx| call.offer_agent(ctx, OfferId(1), place(1), None));
    assert!(!twice, "it has that offer");
    pick_up(&mut host, &invite);
    connect(&mut host, call, 1, After::End);
    let late = host.act(call, |call, ctx| call.offer_agent(ctx, OfferId(2), place(2), None));
    assert!(!late, "the caller talks");
    host.act(call, |call, ctx| call.cancel_agent(ctx, OfferId(1), OfferEnd::NoAnswer));
    host.act(call, |call, ctx| call.go_to(ctx, Vec::new()));
    assert!(host.sent.is_empty());
    hang_up(&mut host, &answer);
    settle_agent(&mut host, 1, &invite);
    host.drained();
}
