//! Whatever subscribers, the owner and the network do: every subscription ends, none is told
//! anything after its end, there is one NOTIFY at a time, and numbers rise.

use std::collections::BTreeMap;

use proptest::prelude::*;
use strowger_sip::endpoint::{Event, Limits};
use strowger_sip::subscription::{Grant, Package, State, SubscriptionId, Terminated};
use strowger_sip::{HeaderName, Message};

use crate::link::SECOND;
use crate::raw::{Raw, response};
use crate::subscriptions::{SUMMARY, notifier, subscribe, text};

/// What happens next; the first number chooses whom it happens to.
#[derive(Debug, Clone, Copy)]
enum Step {
    Subscribe(u32),
    Refresh(u8, u32),
    Tell(u8, u8),
    End(u8),
    Answer(u8, u16, bool),
    Lose,
    Pass(u32),
}

fn expires() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0), Just(30), 60..200u32, Just(9000)]
}

fn step() -> impl Strategy<Value = Step> {
    let statuses = prop_oneof![
        4 => Just(200u16),
        1 => Just(481u16),
        1 => Just(503u16),
        1 => Just(500u16),
        1 => Just(100u16)
    ];
    prop_oneof![
        2 => expires().prop_map(Step::Subscribe),
        2 => (any::<u8>(), expires()).prop_map(|(who, expires)| Step::Refresh(who, expires)),
        6 => (any::<u8>(), any::<u8>()).prop_map(|(who, body)| Step::Tell(who, body)),
        1 => any::<u8>().prop_map(Step::End),
        6 => (any::<u8>(), statuses, any::<bool>())
            .prop_map(|(who, status, later)| Step::Answer(who, status, later)),
        1 => Just(Step::Lose),
        3 => (1..100_000u32).prop_map(Step::Pass),
    ]
}

/// What a subscriber has seen.
#[derive(Debug, Default)]
struct Seen {
    tag: Option<String>,
    cseq: u32,
    highest: u32,
    terminated: bool,
    /// The NOTIFY that it has not answered finally.
    open: Option<Message>,
}

struct Play {
    raw: Raw,
    seen: BTreeMap<String, Seen>,
    live: Vec<SubscriptionId>,
    /// Grants that told us an id, and ends that we heard of or ordered.
    begun: usize,
    ended: usize,
}

impl Play {
    fn new() -> Self {
        let package = Package { pace: SECOND, ..SUMMARY };
        let limits = Limits { subscriptions: 6, subscriptions_each: 4, ..Limits::default() };
        let (seen, live) = (BTreeMap::new(), Vec::new());
        Self { raw: notifier(package, limits), seen, live, begun: 0, ended: 0 }
    }

    fn step(&mut self, step: Step) {
        let sent = match step {
            Step::Subscribe(expires) => {
                let call = format!("call{}", self.seen.len());
                let packet = subscribe(&call, 1, "", &format!("Expires: {expires}\r\n"));
                self.seen.insert(call, Seen { cseq: 1, ..Seen::default() });
                self.raw.send(packet.as_bytes())
            }
            Step::Refresh(who, expires) => {
                let Some((call, seen)) = pick(&mut self.seen, who) else { return };
                let Some(tag) = &seen.tag else { return };
                seen.cseq += 1;
                let more = format!("Expires: {expires}\r\n");
                let packet = subscribe(call, seen.cseq, tag, &more);
                self.raw.send(packet.as_bytes())
            }
            Step::Tell(who, body) => {
                let Some(id) = self.one(who) else { return };
                self.raw.end.notify(self.raw.now, id, State::Active, text(&body.to_string()));
                self.raw.outputs()
            }
            Step::End(who) => {
                let Some(id) = self.one(who) else { return };
                self.live.retain(|live| *live != id);
                self.ended += 1;
                let state = State::terminated(Terminated::Deactivated);
                self.raw.end.notify(self.raw.now, id, state, None);
                self.raw.outputs()
            }
            Step::Answer(who, status, later) => self.answer(who, status, later),
            Step::Lose => {
                self.raw.end.flow_closed(self.raw.now, self.raw.flow);
                self.raw.outputs()
            }
            Step::Pass(milliseconds) => self.raw.pass(u64::from(milliseconds) * SECOND / 1000),
        };
        self.look(sent);
        self.serve();
    }

    fn one(&self, who: u8) -> Option<SubscriptionId> {
        let count = self.live.len().max(1);
        self.live.get(usize::from(who) % count).copied()
    }

    fn answer(&mut self, who: u8, status: u16, later: bool) -> Vec<Message> {
        let Some((_, seen)) = pick(&mut self.seen, who) else { return Vec::new() };
        let Some(notify) = seen.open.clone() else { return Vec::new() };
        if status >= 200 {
            seen.open = None;
        }
        let more = if later { "Retry-After: 7\r\n" } else { "" };
        self.raw.send(response(&notify, status, "", more, "").as_bytes())
    }

    /// Grants what is asked for, and notes what has ended.
    fn serve(&mut self) {
        while let Some(event) = self.raw.event() {
            match event {
                Event::Subscribe { tx, flow, message, ask } => {
                    let peer = if ask.expires % 2 == 0 { "even" } else { "odd" }.to_owned();
                    let (state, body) = (State::Active, text("first"));
                    let grant = Grant { expires: ask.expires, peer, state, body, list: false };
                    let now = self.raw.now;
                    let id = self.raw.end.accept_subscription(now, tx, flow, &message, grant);
                    self.begun += usize::from(id.is_some());
                    self.live.extend(id);
                }
                Event::SubscriptionEnded { subscription, .. } => {
                    let before = self.live.len();
                    self.live.retain(|live| *live != subscription);
                    assert_eq!(self.live.len() + 1, before, "its end is heard of once");
                    self.ended += 1;
                }
                other => panic!("{other:?}"),
            }
            let sent = self.raw.outputs();
            self.look(sent);
        }
    }

    /// Each subscriber looks at what it gets.
    fn look(&mut self, sent: Vec<Message>) {
        for message in sent {
            let Some(seen) = self.seen.get_mut(message.call_id().unwrap()) else {
                panic!("{message:?} is for nobody")
            };
            let (number, _) = message.cseq().unwrap();
            if message.status() == Some(200) {
                seen.tag = message.to().unwrap().tag().map(str::to_owned);
            }
            if message.is_request() {
                let again =
                    seen.open.as_ref().is_some_and(|open| open.to_bytes() == message.to_bytes());
                if again {
                    continue;
                }
                assert!(!seen.terminated, "a NOTIFY after the last one: {message:?}");
                assert!(number > seen.highest, "{number} after {}", seen.highest);
                seen.highest = number;
                let state = message.header(HeaderName::SubscriptionState).unwrap();
                seen.terminated = state.starts_with("terminated");
                seen.open = Some(message);
            }
        }
        assert!(self.raw.end.counts().subscriptions <= 6);
    }
}

fn pick(seen: &mut BTreeMap<String, Seen>, who: u8) -> Option<(&String, &mut Seen)> {
    let count = seen.len().max(1);
    seen.iter_mut().nth(usize::from(who) % count)
}

proptest! {
    #[test]
    fn every_subscription_ends_and_nothing_follows_its_end(
        steps in proptest::collection::vec(step(), 1..120)
    ) {
        let mut play = Play::new();
        for step in steps {
            play.step(step);
        }
        // Two hours are the longest; 300 s the longest Retry-After, and NOTIFYs time out.
        for _ in 0..100 {
            play.step(Step::Pass(100_000));
        }
        prop_assert!(play.raw.end.counts().is_empty(), "{:?}", play.raw.end.counts());
        prop_assert_eq!(play.begun, play.ended);
        prop_assert!(play.live.is_empty());
        prop_assert!(play.raw.end.next_deadline().is_none());
    }
}
