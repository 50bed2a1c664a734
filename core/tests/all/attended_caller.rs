//! A caller in the hands of the switch: how it is answered, what it hears and presses, and how it leaves.

use media::order::{MediaEvent, Order};
use strowger_core::call::{After, AnswerMode, Attendance, Found, Note, Outcome};
use strowger_core::vocab::acd::OfferEnd;
use strowger_core::vocab::record::EndCause;
use strowger_core::vocab::{CallId, Hop, OfferId};

use crate::attended_host::Host;
use crate::attended_phone::*;
use crate::common::*;

const SDP: &str = "Content-Type: application/sdp\r\n";

fn enter(mode: AnswerMode, more: &str, body: &str) -> (Host, CallId) {
    let mut host = Host::new(16);
    host.found = vec![attended(mode)];
    let call = host.call(more, body);
    (host, call)
}

fn plain() -> String {
    sdp("198.51.100.100", &[8, 0, 101])
}

fn offer(host: &mut Host, call: CallId, n: u8) -> Sent {
    host.sent.clear();
    host.act(call, |call, ctx| call.offer_agent(ctx, OfferId(n.into()), place(n), None));
    host.request(&agent(n), "INVITE")
}

fn connect(host: &mut Host, call: CallId, n: u64, after: After) -> bool {
    host.sent.clear();
    host.act(call, |call, ctx| call.connect(ctx, OfferId(n), after, false))
}

fn pick_up(host: &mut Host, invite: &Sent, formats: &[u8]) {
    host.reply(invite, 200, "", &sdp(&invite.to.ip().to_string(), formats));
}

fn say(host: &mut Host, call: CallId, prompt: &str, repeat: bool) -> Option<media::order::PlayId> {
    host.act(call, |call, ctx| call.say(ctx, vec![prompt.into()], repeat))
}

fn go_to_extension(host: &mut Host, call: CallId, n: u8) -> Sent {
    host.sent.clear();
    host.found = vec![Found::Ring(place(n))];
    let hops = vec![Hop::Extension(key("demo", &n.to_string()))];
    host.act(call, |call, ctx| call.go_to(ctx, hops));
    host.request(&agent(n), "INVITE")
}

/// The caller hangs up, the agent's BYE is answered, and nothing is left.
fn end(host: &mut Host, answer: &Sent, n: u8) {
    host.caller_sends(answer, "BYE", "", "");
    let bye = host.request(&agent(n), "BYE");
    host.reply(&bye, 200, "", "");
    host.drained();
}

fn end_alone(host: &mut Host, answer: &Sent) {
    host.caller_sends(answer, "BYE", "", "");
    host.response(CALLER, 200);
    host.drained();
}

#[test]
fn early_media_is_heard_unpaid_and_its_answer_stays_the_answer() {
    let (mut host, call) = enter(AnswerMode::Early, "", &plain());
    let early = host.response(CALLER, 183);
    assert_eq!(host.noted(), [Note::Attended]);
    let caller = host.stream(early.body());
    say(&mut host, call, "music/hold", true).unwrap();
    assert_eq!(host.plays(caller), Some("music/hold"));
    host.dtmf(caller, '9');
    assert_eq!(host.noted(), [Note::Key('9')]);
    host.sent.clear();
    host.wait(61);
    host.response(CALLER, 183);
    let invite = offer(&mut host, call, 1);
    pick_up(&mut host, &invite, &[0]);
    assert!(connect(&mut host, call, 1, After::End));
    let answer = host.response(CALLER, 200);
    assert_eq!(answer.body(), early.body(), "RFC 3261 section 13.2.1");
    host.caller_sends(&answer, "ACK", "", "");
    assert!(host.requests(CALLER, "INVITE").is_empty(), "the relay converts G.711");
    assert_eq!(host.bridged(caller), Some(host.stream(invite.body())));
    end(&mut host, &answer, 1);
    assert_eq!(host.record().answered_at, Some(at(61).wall));
}

#[test]
fn a_caller_who_only_hears_ringing_is_answered_by_the_agent() {
    let (mut host, call) = enter(AnswerMode::Ringing, "", &plain());
    assert!(host.response(CALLER, 180).body().is_empty());
    assert_eq!(host.noted(), []);
    assert_eq!(say(&mut host, call, "music/hold", true), None, "nothing can be heard");
    let invite = offer(&mut host, call, 1);
    pick_up(&mut host, &invite, &[0, 101]);
    assert!(connect(&mut host, call, 1, After::End));
    let answer = host.response(CALLER, 200);
    assert!(answer.body().contains("RTP/AVP 0 "), "the agent's codec first: {}", answer.body());
    host.caller_sends(&answer, "ACK", "", "");
    end(&mut host, &answer, 1);
}

#[test]
fn a_caller_without_answer_may_give_up_or_be_answered_later() {
    for answers in [false, true] {
        let (mut host, call) = enter(AnswerMode::Ringing, "", &plain());
        let invite = offer(&mut host, call, 1);
        host.reply(&invite, 180, "", "");
        if answers {
            host.noted();
            host.act(call, |call, ctx| call.answer_now(ctx));
            let answer = host.response(CALLER, 200);
            assert_eq!(host.noted(), [Note::Attended]);
            host.caller_sends(&answer, "ACK", "", "");
            host.caller_sends(&answer, "BYE", "", "");
        } else {
            host.caller_cancels();
            host.response(CALLER, 487);
            let ack = "ACK sip:9001@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.100:5060;branch=z9hG4bKfirst\r\n\
                       Max-Forwards: 70\r\nFrom: <sip:c@pbx.example>;tag=c\r\nTo: <sip:9001@192.0.2.1>\r\n\
                       Call-ID: caller\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n";
            let sent = host.sent.clone();
            host.receive(CALLER, ack);
            host.sent = sent;
        }
        let cancel = host.request(&agent(1), "CANCEL");
        host.reply(&cancel, 200, "", "");
        host.reply(&invite, 487, "", "");
        assert_eq!(host.noted().last(), Some(&Note::CallerGone));
        host.drained();
        let cause = if answers { EndCause::Normal } else { EndCause::Cancelled };
        assert_eq!(host.record().end.map(|end| end.cause), Some(cause));
    }
}

#[test]
fn a_reliable_183_is_acknowledged_before_the_200() {
    let (mut host, call) = enter(AnswerMode::Early, "Supported: 100rel\r\n", &plain());
    let early = host.response(CALLER, 183);
    let rack = format!("RAck: {} 1 INVITE\r\n", early.header("RSeq"));
    host.act(call, |call, ctx| call.answer_now(ctx));
    assert!(!host.sent.iter().any(|sent| sent.text.starts_with("SIP/2.0 200")));
    host.caller_sends(&early, "PRACK", &rack, "");
    let answers: Vec<_> = host.sent.iter().filter(|s| s.text.starts_with("SIP/2.0 200")).collect();
    assert_eq!(answers.len(), 2, "of PRACK and of INVITE");
    let answer = answers.iter().find(|sent| sent.header("CSeq") == "1 INVITE").unwrap();
    let answer = (*answer).clone();
    host.caller_sends(&answer, "ACK", "", "");
    assert_eq!(host.noted(), [Note::Attended], "once");
    end_alone(&mut host, &answer);
}

#[test]
fn a_caller_without_an_offer_hears_us_when_it_has_answered_ours() {
    let (mut host, call) = enter(AnswerMode::Now, "", "");
    let answer = host.response(CALLER, 200);
    let caller = host.stream(answer.body());
    assert_eq!(host.noted(), []);
    let play = say(&mut host, call, "en/please-wait", false);
    assert_eq!(host.plays(caller), None);
    host.caller_sends(&answer, "ACK", SDP, &sdp("198.51.100.100", &[0, 101]));
    assert_eq!(host.noted(), [Note::Attended]);
    assert_eq!(host.plays(caller), Some("en/please-wait"));
    host.played(caller);
    assert_eq!(host.noted(), [Note::Said { play: play.unwrap(), ok: true }]);
    let invite = offer(&mut host, call, 1);
    pick_up(&mut host, &invite, &[0]);
    assert!(connect(&mut host, call, 1, After::End));
    end(&mut host, &answer, 1);
}

#[test]
fn who_is_let_go_before_its_media_is_settled_hears_the_last_words_and_leaves() {
    let (mut host, call) = enter(AnswerMode::Now, "", "");
    let answer = host.response(CALLER, 200);
    let caller = host.stream(answer.body());
    say(&mut host, call, "en/goodbye", false);
    host.act(call, |call, ctx| call.release(ctx, Outcome::of(EndCause::Normal), true));
    host.caller_sends(&answer, "ACK", SDP, &sdp("198.51.100.100", &[0, 101]));
    assert_eq!(host.plays(caller), Some("en/goodbye"));
    host.played(caller);
    let bye = host.request(CALLER, "BYE");
    host.reply(&bye, 200, "", "");
    host.drained();
}

#[test]
fn an_agent_may_be_faster_than_the_answer_to_our_offer() {
    for mode in [AnswerMode::Now, AnswerMode::Ringing, AnswerMode::Early] {
        let (mut host, call) = enter(mode, "", "");
        let first = host.sent.clone();
        let invite = offer(&mut host, call, 1);
        pick_up(&mut host, &invite, &[8, 101]);
        assert!(connect(&mut host, call, 1, After::End), "{mode:?}");
        if mode == AnswerMode::Now {
            host.sent = first;
        }
        let answer = host.response(CALLER, 200);
        let caller = host.stream(answer.body());
        assert_eq!(host.bridged(caller), None, "{mode:?}");
        host.caller_sends(&answer, "ACK", SDP, &sdp("198.51.100.100", &[8, 101]));
        assert_eq!(host.bridged(caller), Some(host.stream(invite.body())), "{mode:?}");
        end(&mut host, &answer, 1);
    }
}

#[test]
fn a_caller_who_never_describes_itself_is_ended() {
    let (mut host, _) = enter(AnswerMode::Now, "", "");
    let answer = host.response(CALLER, 200);
    host.caller_sends(&answer, "ACK", "", "");
    let bye = host.request(CALLER, "BYE");
    host.reply(&bye, 200, "", "");
    assert_eq!(host.noted(), [Note::CallerGone]);
    host.drained();
}

#[test]
fn hold_update_and_keys_of_a_waiting_caller_are_answered() {
    let (mut host, call) = enter(AnswerMode::Now, "", &plain());
    let answer = host.response(CALLER, 200);
    let caller = host.stream(answer.body());
    host.caller_sends(&answer, "ACK", "", "");
    host.noted();
    host.caller_sends(&answer, "INFO", "Content-Type: application/dtmf\r\n", "#");
    host.response(CALLER, 200);
    assert_eq!(host.noted(), [Note::Key('#')]);
    let held = described("198.51.100.100", &[8, 0, 101], "sendonly");
    host.caller_sends(&answer, "UPDATE", SDP, &held);
    assert!(host.response(CALLER, 200).body().contains("a=recvonly"));
    let unlimited = |host: &Host| {
        host.orders.iter().rev().find_map(|order| match order {
            Order::Configure { stream, config } if *stream == caller => {
                Some(config.silence_limit.is_none())
            }
            _ => None,
        })
    };
    assert_eq!(unlimited(&host), Some(true), "who holds may be silent");
    let invite = offer(&mut host, call, 1);
    assert!(invite.body().contains("a=sendrecv"), "a hold is nobody else's");
    pick_up(&mut host, &invite, &[8]);
    assert!(connect(&mut host, call, 1, After::Keep));
    let agents = host.stream(invite.body());
    assert_eq!(host.plays(agents), Some("music/hold"));
    host.caller_sends(&answer, "UPDATE", SDP, &plain());
    host.response(CALLER, 200);
    assert_eq!(host.plays(agents), None, "resumed");
    assert_eq!(unlimited(&host), Some(false));
    end(&mut host, &answer, 1);
}

#[test]
fn a_change_that_the_switch_cannot_speak_is_refused_and_costs_no_ports() {
    let (mut host, call) = enter(AnswerMode::Now, "", &plain());
    let answer = host.response(CALLER, 200);
    host.caller_sends(&answer, "ACK", "", "");
    let open = host.open();
    let other =
        sdp("198.51.100.100", &[18]) + "m=video 4002 RTP/AVP 99\r\na=rtpmap:99 H264/90000\r\n";
    host.caller_sends(&answer, "INVITE", SDP, &other);
    host.response(CALLER, 488);
    assert_eq!(host.open(), open);
    let invite = offer(&mut host, call, 1);
    assert!(invite.body().contains("RTP/AVP 8 "), "as before: {}", invite.body());
    pick_up(&mut host, &invite, &[8]);
    assert!(connect(&mut host, call, 1, After::End));
    end(&mut host, &answer, 1);
}

#[test]
fn a_session_is_refreshed_while_the_caller_waits() {
    let timer = "Supported: timer\r\nSession-Expires: 1800;refresher=uas\r\n";
    let (mut host, _) = enter(AnswerMode::Now, timer, &plain());
    let answer = host.response(CALLER, 200);
    host.caller_sends(&answer, "ACK", "", "");
    host.sent.clear();
    host.wait(901);
    let refresh = host.sent.iter().find(|sent| sent.to == address(CALLER)).cloned().unwrap();
    let refreshed = refresh.text.starts_with("INVITE ") || refresh.text.starts_with("UPDATE ");
    assert!(refreshed, "{}", refresh.text);
    host.reply(&refresh, 200, "Session-Expires: 1800;refresher=uac\r\n", &plain());
    assert_eq!(host.noted(), [Note::Attended]);
    end_alone(&mut host, &answer);
}

#[test]
fn a_farewell_is_heard_to_its_end() {
    let (mut host, call) = enter(AnswerMode::Now, "", &plain());
    let answer = host.response(CALLER, 200);
    let caller = host.stream(answer.body());
    host.caller_sends(&answer, "ACK", "", "");
    let invite = offer(&mut host, call, 1);
    host.reply(&invite, 180, "", "");
    say(&mut host, call, "en/goodbye", false);
    host.sent.clear();
    host.act(call, |call, ctx| call.release(ctx, Outcome::of(EndCause::NoAnswer), true));
    let cancel = host.request(&agent(1), "CANCEL");
    assert!(host.requests(CALLER, "BYE").is_empty());
    host.reply(&cancel, 200, "", "");
    host.reply(&invite, 487, "", "");
    host.sent.clear();
    host.played(caller);
    let bye = host.request(CALLER, "BYE");
    assert!(bye.header("Reason").starts_with("Q.850;cause=19"));
    host.reply(&bye, 200, "", "");
    assert_eq!(host.noted().last(), Some(&Note::CallerGone));
    host.drained();
    assert_eq!(host.record().end.map(|end| end.cause), Some(EndCause::NoAnswer));
}

#[test]
fn a_caller_without_answer_is_told_the_true_status() {
    let (mut host, call) = enter(AnswerMode::Early, "", &plain());
    host.act(call, |call, ctx| call.release(ctx, Outcome::of(EndCause::Congestion), true));
    assert_eq!(host.response(CALLER, 503).header("Reason"), "Q.850;cause=34");
    host.drained();
    assert_eq!(host.record().answered_at, None);
}

#[test]
fn overflow_leads_an_answered_caller_to_an_extension() {
    let (mut host, call) = enter(AnswerMode::Now, "", &plain());
    let answer = host.response(CALLER, 200);
    let caller = host.stream(answer.body());
    host.caller_sends(&answer, "ACK", "", "");
    // An agent takes the spare port with it, so that the destination needs a new one.
    let invite = offer(&mut host, call, 1);
    host.reply(&invite, 486, "", "");
    assert_eq!(host.open(), 1);
    say(&mut host, call, "music/hold", true);
    let second = go_to_extension(&mut host, call, 2);
    assert_eq!(host.plays(caller), None);
    host.reply(&second, 180, "", "");
    assert_eq!(host.plays(caller), Some("tones/ringback"));
    pick_up(&mut host, &second, &[8]);
    assert_eq!(host.bridged(caller), Some(host.stream(second.body())));
    end(&mut host, &answer, 2);
    assert_eq!(host.record().answered_at, Some(at(0).wall));
}

#[test]
fn overflow_leads_a_caller_without_answer_to_an_extension() {
    for mode in [AnswerMode::Early, AnswerMode::Ringing] {
        let (mut host, call) = enter(mode, "", &plain());
        let provisional = host.sent.clone();
        let invite = offer(&mut host, call, 1);
        host.reply(&invite, 180, "", "");
        let second = go_to_extension(&mut host, call, 2);
        let cancel = host.request(&agent(1), "CANCEL");
        host.reply(&cancel, 200, "", "");
        host.reply(&invite, 487, "", "");
        host.reply(&second, 183, "", &sdp("198.51.100.2", &[8]));
        pick_up(&mut host, &second, &[8]);
        let answer = host.response(CALLER, 200);
        if mode == AnswerMode::Early {
            let early = provisional.iter().find(|sent| sent.text.starts_with("SIP/2.0 183"));
            assert_eq!(early.unwrap().body(), answer.body());
        }
        host.caller_sends(&answer, "ACK", "", "");
        assert_eq!(host.bridged(host.stream(answer.body())), Some(host.stream(second.body())));
        end(&mut host, &answer, 2);
    }
}

#[test]
fn a_caller_may_come_back_into_attendance() {
    let (mut host, call) = enter(AnswerMode::Now, "", &plain());
    let answer = host.response(CALLER, 200);
    host.caller_sends(&answer, "ACK", "", "");
    host.found =
        vec![Found::Nothing(Outcome::of(EndCause::NotRegistered)), attended(AnswerMode::Early)];
    host.noted();
    host.act(call, |call, ctx| call.go_to(ctx, vec![Hop::Echo, Hop::Echo]));
    assert_eq!(host.noted(), [Note::Attended]);
    let invite = offer(&mut host, call, 1);
    pick_up(&mut host, &invite, &[8]);
    assert!(connect(&mut host, call, 1, After::End));
    end(&mut host, &answer, 1);
}

#[test]
fn a_caller_is_sent_on_only_when_its_media_is_settled() {
    let (mut host, call) = enter(AnswerMode::Now, "", "");
    let answer = host.response(CALLER, 200);
    host.found = vec![Found::Ring(place(2))];
    host.act(call, |call, ctx| call.go_to(ctx, vec![Hop::Echo]));
    assert!(host.requests(&agent(2), "INVITE").is_empty());
    host.caller_sends(&answer, "ACK", SDP, &plain());
    let invite = host.request(&agent(2), "INVITE");
    assert!(!invite.body().is_empty());
    pick_up(&mut host, &invite, &[8]);
    end(&mut host, &answer, 2);
}

#[test]
fn a_callback_is_attended_when_the_customer_answers() {
    let mut host = Host::new(16);
    let attendance = Attendance { answer: AnswerMode::Now, name: "queue:9001".into() };
    let call = host.originate(7, Some(attendance));
    let first = host.request(&agent(7), "INVITE");
    host.reply(&first, 180, "", "");
    assert_eq!(host.noted(), []);
    pick_up(&mut host, &first, &[8, 101]);
    assert_eq!(host.noted(), [Note::Attended]);
    let caller = host.stream(first.body());
    say(&mut host, call, "en/callback-greeting", false).unwrap();
    assert_eq!(host.plays(caller), Some("en/callback-greeting"));
    let invite = offer(&mut host, call, 1);
    pick_up(&mut host, &invite, &[8]);
    assert!(connect(&mut host, call, 1, After::Keep));
    host.noted();
    host.agent_sends(&invite, "BYE", "", "");
    assert_eq!(host.noted(), [Note::CalleeGone]);
    host.agent_sends(&first, "BYE", "", "");
    assert_eq!(host.noted(), [Note::CallerGone]);
    host.drained();
}

#[test]
fn a_callback_that_nobody_answers_is_told() {
    let mut host = Host::new(16);
    let attendance = Attendance { answer: AnswerMode::Now, name: "queue:9001".into() };
    host.originate(7, Some(attendance.clone()));
    let first = host.request(&agent(7), "INVITE");
    host.reply(&first, 486, "", "");
    assert_eq!(host.noted(), [Note::CallerGone]);
    host.drained();
    host.originate(7, Some(attendance));
    host.wait(40);
    assert_eq!(host.noted(), [Note::CallerGone]);
    host.drained();
}

#[test]
fn a_message_is_recorded_to_the_end_though_the_caller_hangs_up() {
    let (mut host, call) = enter(AnswerMode::Now, "", &plain());
    let answer = host.response(CALLER, 200);
    host.caller_sends(&answer, "ACK", "", "");
    host.noted();
    let path = "demo/voicemail/1.wav".to_owned();
    let recording =
        host.act(call, |call, ctx| call.record_caller(ctx, path, 60_000, 4_000)).unwrap();
    let stream = host.stream(answer.body());
    let ordered = host.orders.iter().any(|order| {
        matches!(order, Order::RecordVoice { stream: own, max_ms: 60_000, .. } if *own == stream)
    });
    assert!(ordered);
    host.caller_sends(&answer, "BYE", "", "");
    let noted = host.noted();
    let [Note::CallerGone, Note::Recorded(end)] = &noted[..] else { panic!("{noted:?}") };
    assert_eq!((end.recording, end.length_ms), (recording, 1_000));
    host.drained();
    assert_eq!(host.record().recording, None, "it is the mailbox's");
}

#[test]
fn a_recording_that_ends_by_itself_leaves_the_caller_attended() {
    let (mut host, call) = enter(AnswerMode::Now, "", &plain());
    let answer = host.response(CALLER, 200);
    host.caller_sends(&answer, "ACK", "", "");
    host.noted();
    let path = "demo/voicemail/1.wav".to_owned();
    let recording =
        host.act(call, |call, ctx| call.record_caller(ctx, path, 60_000, 4_000)).unwrap();
    let (voice, error) = (None, Some("disk full".to_owned()));
    let (length_ms, bytes) = (0, 0);
    host.media(MediaEvent::RecordingEnded { recording, length_ms, bytes, error, voice });
    assert!(matches!(&host.noted()[..], [Note::Recorded(end)] if end.error.is_some()));
    assert!(say(&mut host, call, "en/goodbye", false).is_some());
    end_alone(&mut host, &answer);
}

#[test]
fn hanging_up_by_order_ends_agents_and_caller() {
    let (mut host, call) = enter(AnswerMode::Now, "", &plain());
    let answer = host.response(CALLER, 200);
    host.caller_sends(&answer, "ACK", "", "");
    let invite = offer(&mut host, call, 1);
    pick_up(&mut host, &invite, &[8]);
    host.sent.clear();
    host.act(call, |call, ctx| call.hang_up(ctx, EndCause::Administrative));
    for to in [CALLER, &agent(1)] {
        let bye = host.request(to, "BYE");
        let rest = host.sent.clone();
        host.reply(&bye, 200, "", "");
        host.sent = rest;
    }
    host.act_if_live(call, |call, ctx| call.cancel_agent(ctx, OfferId(1), OfferEnd::CallerGone));
    assert_eq!(host.noted().last(), Some(&Note::CallerGone));
    host.drained();
}
