//! Subscriptions, notifier's side (RFC 6665).

use bytes::Bytes;
use strowger_sip::endpoint::{Body, Event, Limits, Reply, RequestFailure, Settings};
use strowger_sip::subscription::{
    Grant, Package, State, SubscriptionEnd, SubscriptionId, Terminated,
};
use strowger_sip::{Flow, HeaderName, Message, ServerTx};

use crate::link::{MS, SECOND};
use crate::raw::{Raw, response, statuses};

pub const SUMMARY: Package = Package {
    name: "message-summary",
    content_types: &["application/simple-message-summary"],
    default_expires: 3600,
    min_expires: 60,
    max_expires: 7200,
    pace: 0,
    asks: false,
};

pub fn text(body: &str) -> Option<Body> {
    let content_type = "application/simple-message-summary".into();
    Some(Body { content_type, bytes: Bytes::copy_from_slice(body.as_bytes()) })
}

pub fn notifier(package: Package, limits: Limits) -> Raw {
    Raw::with(Settings { packages: vec![package], limits, ..Settings::default() })
}

fn fresh() -> Raw {
    notifier(SUMMARY, Limits::default())
}

/// A SUBSCRIBE; without `tag` it begins a subscription.
pub fn subscribe(call: &str, cseq: u32, tag: &str, more: &str) -> String {
    let to_tag = if tag.is_empty() { String::new() } else { format!(";tag={tag}") };
    let event = if more.contains("Event:") { "" } else { "Event: message-summary\r\n" };
    format!(
        "SUBSCRIBE sip:4567@192.0.2.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK{call}{cseq}\r\n\
         From: <sip:4567@pbx>;tag=phone\r\nTo: <sip:4567@pbx>{to_tag}\r\nCall-ID: {call}\r\n\
         CSeq: {cseq} SUBSCRIBE\r\nContact: <sip:4567@192.0.2.7:5062>\r\n{event}{more}\
         Content-Length: 0\r\n\r\n"
    )
}

/// What a new subscriber asks for.
fn asked(raw: &mut Raw) -> (ServerTx, Flow, Message, u32) {
    match raw.event() {
        Some(Event::Subscribe { tx, flow, message, ask }) => (tx, flow, message, ask.expires),
        other => panic!("{other:?}"),
    }
}

fn grant(expires: u32, body: &str) -> Grant {
    Grant { expires, peer: "4567".into(), state: State::Active, body: text(body), list: false }
}

/// Grants what is asked for; returns the subscription and what was sent.
pub fn granted(raw: &mut Raw, body: &str) -> (Option<SubscriptionId>, Vec<Message>) {
    let (tx, flow, message, expires) = asked(raw);
    let id = raw.end.accept_subscription(raw.now, tx, flow, &message, grant(expires, body));
    (id, raw.outputs())
}

/// A subscription, its dialog's tag of ours, and its first NOTIFY, answered.
fn subscribed(raw: &mut Raw, more: &str) -> (SubscriptionId, String, Message) {
    assert!(raw.send(subscribe("s", 1, "", more).as_bytes()).is_empty());
    let (id, sent) = granted(raw, "0");
    let [ok, notify] = &sent[..] else { panic!("{sent:?}") };
    let tag = ok.to().unwrap().tag().unwrap().to_owned();
    assert!(raw.send(response(notify, 200, "", "", "").as_bytes()).is_empty());
    (id.expect("a subscription"), tag, notify.clone())
}

fn state_of(notify: &Message) -> &str {
    notify.header(HeaderName::SubscriptionState).unwrap()
}

fn tell(raw: &mut Raw, id: SubscriptionId, body: &str) -> Vec<Message> {
    raw.end.notify(raw.now, id, State::Active, text(body));
    raw.outputs()
}

/// The one NOTIFY in what was sent: its state, body and number.
fn one(sent: &[Message]) -> (&str, &str, u32) {
    let [notify] = sent else { panic!("{sent:?}") };
    let body = std::str::from_utf8(notify.body()).unwrap();
    (state_of(notify), body, notify.cseq().unwrap().0)
}

fn over(raw: &mut Raw) -> Option<SubscriptionEnd> {
    raw.events().into_iter().find_map(|event| match event {
        Event::SubscriptionEnded { cause, .. } => Some(cause),
        _ => None,
    })
}

#[test]
fn a_subscriber_is_told_the_state_at_once_and_in_its_dialog() {
    let mut raw = fresh();
    let more =
        "Record-Route: <sip:proxy.example;lr>\r\nEvent: message-summary;id=7\r\nExpires: 600\r\n";
    assert!(raw.send(subscribe("s", 1, "", more).as_bytes()).is_empty());
    let (id, sent) = granted(&mut raw, "Messages-Waiting: no\r\n");
    assert!(id.is_some());
    let [ok, notify] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!(ok.status(), Some(200));
    assert_eq!((ok.expires(), ok.contact().unwrap().uri_str()), (Some(600), "sip:192.0.2.1:5060"));
    let tag = ok.to().unwrap().tag().unwrap();
    assert_eq!(notify.request_uri(), "sip:4567@192.0.2.7:5062");
    assert_eq!(notify.header(HeaderName::Route), Some("<sip:proxy.example;lr>"));
    assert_eq!(notify.header(HeaderName::From), Some(&*format!("<sip:4567@pbx>;tag={tag}")));
    assert_eq!(notify.header(HeaderName::To), Some("<sip:4567@pbx>;tag=phone"));
    assert_eq!((notify.call_id(), notify.cseq().unwrap().0), (Ok("s"), 1));
    assert_eq!(notify.header(HeaderName::Event), Some("message-summary;id=7"));
    assert_eq!(state_of(notify), "active;expires=600");
    assert_eq!(notify.header(HeaderName::ContentType), Some("application/simple-message-summary"));
    assert_eq!(notify.contact().unwrap().uri_str(), "sip:192.0.2.1:5060");
    assert_eq!(notify.body(), b"Messages-Waiting: no\r\n");
}

#[test]
fn changes_wait_for_the_notify_before_them_and_only_the_latest_is_told() {
    let mut raw = fresh();
    let (id, ..) = subscribed(&mut raw, "");
    let first = tell(&mut raw, id, "1");
    assert_eq!(one(&first), ("active;expires=3600", "1", 2));
    for body in ["2", "3", "4"] {
        assert!(tell(&mut raw, id, body).is_empty());
    }
    let again = raw.pass(600 * MS);
    assert_eq!(again[0].to_bytes(), first[0].to_bytes(), "a retransmission");
    let next = raw.send(response(&first[0], 200, "", "", "").as_bytes());
    assert_eq!(one(&next), ("active;expires=3600", "4", 3));
    assert!(raw.send(response(&next[0], 200, "", "", "").as_bytes()).is_empty());
}

#[test]
fn a_refresh_prolongs_and_moves_and_is_told_again() {
    let mut raw = fresh();
    let (_, tag, _) = subscribed(&mut raw, "Expires: 100\r\n");
    raw.pass(90 * SECOND);
    raw.flow.remote = "192.0.2.7:5070".parse().unwrap();
    let again = subscribe("s", 2, &tag, "Expires: 200\r\n").replace("5062", "5070");
    let sent = raw.send(again.as_bytes());
    assert_eq!(sent[0].status(), Some(200));
    assert_eq!((sent[0].expires(), sent[0].to().unwrap().tag()), (Some(200), Some(&*tag)));
    assert_eq!(one(&sent[1..]), ("active;expires=200", "0", 2));
    assert_eq!(sent[1].request_uri(), "sip:4567@192.0.2.7:5070");
    assert_eq!(raw.flows[1].remote, raw.flow.remote);
    raw.send(response(&sent[1], 200, "", "", "").as_bytes());
    assert!(raw.pass(199 * SECOND).is_empty());
    assert_eq!(one(&raw.pass(SECOND)).0, "terminated;reason=timeout");
}

#[test]
fn what_does_not_fit_the_dialog_is_refused_in_it() {
    let mut raw = fresh();
    let (_, tag, _) = subscribed(&mut raw, "");
    let mut status = |cseq, tag: &str, more: &str| {
        let sent = raw.send(subscribe("s", cseq, tag, more).as_bytes());
        (sent[0].status().unwrap(), sent.len())
    };
    assert_eq!(status(5, &tag, "Expires: 59\r\n"), (423, 1));
    assert_eq!(status(4, &tag, ""), (500, 1));
    assert_eq!(status(6, &tag, "Event: message-summary;id=2\r\n"), (403, 1));
    assert_eq!(status(7, "other", ""), (481, 1));
    assert_eq!(status(8, &tag, ""), (200, 2));
}

#[test]
fn an_unsubscriber_is_told_the_state_a_last_time() {
    let mut raw = fresh();
    let (id, tag, _) = subscribed(&mut raw, "");
    let sent = raw.send(subscribe("s", 2, &tag, "Expires: 0\r\n").as_bytes());
    assert_eq!((sent[0].status(), sent[0].expires()), (Some(200), Some(0)));
    assert_eq!(one(&sent[1..]), ("terminated;reason=timeout", "0", 2));
    assert_eq!(over(&mut raw), Some(SubscriptionEnd::Unsubscribed));
    assert!(tell(&mut raw, id, "5").is_empty());
    let late = raw.send(subscribe("s", 3, &tag, "").as_bytes());
    assert_eq!(statuses(&late), [481]);
    assert!(raw.send(response(&sent[1], 200, "", "", "").as_bytes()).is_empty());
    assert_eq!(raw.end.counts().subscriptions, 0);
    assert_eq!(statuses(&raw.send(subscribe("s", 4, &tag, "").as_bytes())), [481]);
}

#[test]
fn expiry_ends_with_timeout_after_the_notify_that_is_on_its_way() {
    let mut raw = fresh();
    let (id, ..) = subscribed(&mut raw, "Expires: 60\r\n");
    raw.pass(59 * SECOND);
    let pending = tell(&mut raw, id, "1");
    let sent = raw.pass(2 * SECOND);
    assert!(sent.iter().all(|again| again.to_bytes() == pending[0].to_bytes()));
    assert_eq!(over(&mut raw), Some(SubscriptionEnd::Expired));
    let last = raw.send(response(&pending[0], 200, "", "", "").as_bytes());
    assert_eq!(one(&last), ("terminated;reason=timeout", "1", 3));
    // Nobody answers it: gone all the same, and heard of once only.
    raw.pass(33 * SECOND);
    assert_eq!((over(&mut raw), raw.end.counts().subscriptions), (None, 0));
}

#[test]
fn the_owner_ends_with_its_own_reason() {
    let mut raw = fresh();
    let (id, ..) = subscribed(&mut raw, "");
    let state = State::Terminated { reason: Terminated::Probation, retry_after: Some(30) };
    raw.end.notify(raw.now, id, state, None);
    let sent = raw.outputs();
    assert_eq!(one(&sent), ("terminated;reason=probation;retry-after=30", "0", 2));
    assert_eq!(over(&mut raw), None);
    assert!(raw.end.subscription_view(id).is_none());
}

#[test]
fn a_fetch_is_told_once() {
    let mut raw = fresh();
    raw.send(subscribe("s", 1, "", "Expires: 0\r\n").as_bytes());
    let (id, sent) = granted(&mut raw, "7");
    assert_eq!((id, sent[0].status(), sent[0].expires()), (None, Some(200), Some(0)));
    assert_eq!(one(&sent[1..]), ("terminated;reason=timeout", "7", 1));
    raw.send(response(&sent[1], 200, "", "", "").as_bytes());
    assert_eq!((raw.end.counts().subscriptions, over(&mut raw)), (0, None));
}

#[test]
fn what_cannot_be_served_is_refused_before_anybody_is_asked() {
    let mut raw = fresh();
    let mut refused = |call: &str, more: &str, name: HeaderName| {
        let sent = raw.send(subscribe(call, 1, "", more).as_bytes());
        assert!(raw.event().is_none());
        (sent[0].status().unwrap(), sent[0].header(name).unwrap_or("").to_owned())
    };
    let events = HeaderName::AllowEvents;
    assert_eq!(refused("a", "Event: presence\r\n", events), (489, "message-summary".into()));
    assert_eq!(refused("b", "Expires: 59\r\n", HeaderName::MinExpires), (423, "60".into()));
    let types = "application/simple-message-summary";
    let more = "Accept: application/pidf+xml\r\n";
    assert_eq!(refused("c", more, HeaderName::Accept), (406, types.into()));
    let bare = subscribe("d", 1, "", "").replace("Event: message-summary\r\n", "");
    assert_eq!(statuses(&raw.send(bare.as_bytes())), [489]);
    let nowhere = subscribe("e", 1, "", "").replace("Contact", "X-Contact");
    assert_eq!(statuses(&raw.send(nowhere.as_bytes())), [400]);
    assert!(raw.end.counts().is_empty());
}

#[test]
fn the_owner_refuses_and_grants_once_only() {
    let mut raw = fresh();
    raw.send(subscribe("s", 1, "", "").as_bytes());
    let (tx, flow, message, _) = asked(&mut raw);
    raw.end.respond(raw.now, tx, Reply::new(403));
    assert_eq!(statuses(&raw.outputs()), [403]);
    let late = raw.end.accept_subscription(raw.now, tx, flow, &message, grant(60, ""));
    assert_eq!((late, raw.outputs().len(), raw.end.counts().subscriptions), (None, 0, 0));
}

#[test]
fn what_a_failed_notify_means() {
    let ends = [401, 404, 405, 407, 408, 410, 416, 480, 481, 485, 489, 501, 604];
    for status in ends {
        let mut raw = fresh();
        let (id, ..) = subscribed(&mut raw, "");
        let sent = tell(&mut raw, id, "1");
        let again = raw.send(response(&sent[0], status, "", "Retry-After: 5\r\n", "").as_bytes());
        assert!(again.is_empty(), "{status}");
        assert_eq!(over(&mut raw), Some(SubscriptionEnd::Refused(status)));
        assert_eq!(raw.end.counts().subscriptions, 0);
    }
    for status in [400, 403, 500, 503, 600] {
        let mut raw = fresh();
        let (id, ..) = subscribed(&mut raw, "");
        for body in ["1", "2", "3"] {
            assert_eq!(over(&mut raw), None);
            let sent = tell(&mut raw, id, body);
            assert_eq!(one(&sent).1, body);
            assert!(raw.send(response(&sent[0], status, "", "", "").as_bytes()).is_empty());
        }
        assert_eq!(over(&mut raw), Some(SubscriptionEnd::Refused(status)), "thrice in a row");
    }
}

#[test]
fn retry_after_is_waited_for_and_the_latest_state_is_told_then() {
    let mut raw = fresh();
    let (id, ..) = subscribed(&mut raw, "");
    let sent = tell(&mut raw, id, "1");
    raw.send(response(&sent[0], 503, "", "Retry-After: 20 (busy)\r\n", "").as_bytes());
    assert!(tell(&mut raw, id, "2").is_empty());
    assert!(raw.pass(20 * SECOND - 1).is_empty());
    assert_eq!(one(&raw.pass(1)).1, "2");
}

#[test]
fn silence_and_a_lost_connection_end_a_subscription() {
    let mut raw = fresh();
    let (id, ..) = subscribed(&mut raw, "");
    tell(&mut raw, id, "1");
    raw.pass(32 * SECOND);
    assert_eq!(over(&mut raw), Some(SubscriptionEnd::Lost(RequestFailure::Timeout)));
    let (id, ..) = {
        raw.send(subscribe("t", 1, "", "").as_bytes());
        granted(&mut raw, "0")
    };
    raw.end.flow_closed(raw.now, raw.flow);
    assert_eq!(over(&mut raw), Some(SubscriptionEnd::Lost(RequestFailure::Transport)));
    assert!(raw.end.subscription_view(id.unwrap()).is_none());
    assert_eq!(raw.end.counts().subscriptions, 0);
}

#[test]
fn a_pace_holds_back_changes_but_no_answer_to_a_subscribe() {
    let mut raw = notifier(Package { pace: SECOND, ..SUMMARY }, Limits::default());
    let (id, tag, _) = subscribed(&mut raw, "");
    raw.pass(300 * MS);
    assert!(tell(&mut raw, id, "1").is_empty());
    assert!(tell(&mut raw, id, "2").is_empty());
    let sent = raw.pass(700 * MS);
    assert_eq!(one(&sent).1, "2");
    raw.send(response(&sent[0], 200, "", "", "").as_bytes());
    let sent = raw.send(subscribe("s", 2, &tag, "").as_bytes());
    assert_eq!(one(&sent[1..]).1, "2");
    raw.send(response(&sent[1], 200, "", "", "").as_bytes());
    assert!(tell(&mut raw, id, "3").is_empty());
    raw.end.notify(raw.now, id, State::terminated(Terminated::Noresource), None);
    assert_eq!(one(&raw.outputs()), ("terminated;reason=noresource", "3", 4));
}

#[test]
fn a_peers_oldest_subscription_makes_room_and_a_full_table_says_503() {
    let limits = Limits { subscriptions: 3, subscriptions_each: 2, ..Limits::default() };
    let mut raw = notifier(SUMMARY, limits);
    let mut firsts = Vec::new();
    for call in ["a", "b", "c"] {
        raw.send(subscribe(call, 1, "", "").as_bytes());
        let (id, sent) = granted(&mut raw, "0");
        assert!(id.is_some(), "{call}");
        firsts.push((id.unwrap(), sent));
    }
    // The first has never answered its NOTIFY and gets no second one.
    assert_eq!(firsts[2].1.len(), 2);
    assert_eq!(over(&mut raw), Some(SubscriptionEnd::Displaced));
    assert!(raw.end.subscription_view(firsts[0].0).is_none());
    raw.send(response(&firsts[1].1[1], 200, "", "", "").as_bytes());
    raw.send(subscribe("d", 1, "", "").as_bytes());
    let (_, sent) = granted(&mut raw, "0");
    let told = state_of(&sent[0]);
    assert_eq!((sent[0].call_id().unwrap(), told), ("b", "terminated;reason=rejected"));
    assert_eq!(over(&mut raw), Some(SubscriptionEnd::Displaced));
    for (peer, wanted) in [("other", 200), ("third", 503)] {
        raw.send(subscribe(peer, 1, "", "").as_bytes());
        let (tx, flow, message, expires) = asked(&mut raw);
        let grant = Grant { peer: peer.into(), ..grant(expires, "0") };
        raw.end.accept_subscription(raw.now, tx, flow, &message, grant);
        let sent = raw.outputs();
        assert_eq!(sent[0].status(), Some(wanted), "{peer}");
        assert_eq!(sent[0].retry_after(), (wanted == 503).then_some(5));
    }
    raw.pass(40 * SECOND);
    assert!(raw.end.counts().is_empty(), "nobody answers: {:?}", raw.end.counts());
}

#[test]
fn a_repeated_subscribe_gets_the_same_answer_and_no_second_subscription() {
    let mut raw = fresh();
    raw.send(subscribe("s", 1, "", "").as_bytes());
    let (_, sent) = granted(&mut raw, "0");
    let again = raw.send(subscribe("s", 1, "", "").as_bytes());
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].to_bytes(), sent[0].to_bytes());
    assert_eq!((raw.event().is_none(), raw.end.counts().subscriptions), (true, 1));
}
