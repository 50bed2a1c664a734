//! Calls between phones of raw messages, with a feature that decides by hand: what the switch does around a call, as
//! small as can be, and a media worker that never sleeps.

use std::collections::BTreeMap;

use media::order::{MediaEvent, Order, PortId, RecordingId, StreamId, StreamReport};
use sip::endpoint::{Event, Settings};
use sip::{Endpoint, Flow, LegId, Message};
use strowger_core::call::headers::sdp_of;
use strowger_core::call::{
    After, Attendance, Call, Calls, Common, Ctx, Found, Incoming, Loose, Note, Originate, Outcome,
    Policy, Rest, Wish,
};
use strowger_core::ids::Ids;
use strowger_core::outbox::Outbox;
use strowger_core::stock::Stock;
use strowger_core::vocab::record::{CallRecord, EndCause};
use strowger_core::vocab::{CallId, Effect, EventKind, Record, WorkerId};

use crate::attended_phone::*;
use crate::common::*;

const WORKER: WorkerId = WorkerId(0);

/// Calls, with everything around them.
pub struct Host {
    sip: Endpoint,
    pub stock: Stock,
    out: Outbox,
    ids: Ids,
    pub policy: Policy,
    pub calls: Calls,
    pub now: u64,
    pub sent: Vec<Sent>,
    pub notes: Vec<Note>,
    pub orders: Vec<Order>,
    pub events: Vec<EventKind>,
    pub records: Vec<Record>,
    /// How the next hops are answered; then nothing is found.
    pub found: Vec<Found>,
    /// Where the next calls' ports are best.
    pub near: Option<WorkerId>,
    open: BTreeMap<StreamId, (WorkerId, PortId)>,
    recordings: Vec<RecordingId>,
    cseq: u32,
}

impl Host {
    /// With so many ports.
    pub fn new(ports: u16) -> Self {
        let settings = Settings::default();
        let mut stock = Stock::default();
        stock.add(WORKER, (0..ports).map(port).collect());
        Self {
            sip: Endpoint::new(settings, [3; 32]),
            stock,
            out: Outbox::default(),
            ids: Ids::new([4; 32]),
            policy: Policy::default(),
            calls: Calls::default(),
            now: 0,
            sent: Vec::new(),
            notes: Vec::new(),
            orders: Vec::new(),
            events: Vec::new(),
            records: Vec::new(),
            found: Vec::new(),
            near: None,
            open: BTreeMap::new(),
            recordings: Vec::new(),
            cseq: 100,
        }
    }

    /// A second worker, with ports of its own.
    pub fn second_worker(&mut self, ports: u16) {
        self.stock.add(WorkerId(1), (1_000..1_000 + ports).map(port).collect());
    }

    /// Takes a leg out of a call.
    pub fn take_out(&mut self, id: CallId, side: usize, rest: Rest) -> Option<Loose> {
        self.act(id, |call, ctx| call.take_out(ctx, side, rest))
    }

    /// A new call around a loose leg.
    pub fn around(&mut self, loose: Loose, attendance: Attendance) -> CallId {
        let Self { sip, stock, out, ids, policy, .. } = self;
        let mut ctx = Ctx { now: moment(self.now), sip, stock, out, ids, policy };
        let call = Call::around(&mut ctx, loose, attendance);
        let id = call.id;
        self.calls.insert(call);
        self.act(id, |_, _| ());
        id
    }

    /// An attended caller and a loose leg talk.
    pub fn unite(&mut self, id: CallId, loose: Loose, after: After) -> Result<(), Box<Loose>> {
        self.act(id, |call, ctx| call.unite(ctx, loose, after))
    }

    /// Lets a call act as the feature wants it; returns what it says.
    pub fn act<R>(&mut self, id: CallId, act: impl FnOnce(&mut Call, &mut Ctx<'_>) -> R) -> R {
        let result = self.step(id, act).expect("a call");
        self.settle();
        result
    }

    /// Likewise, for a call that may be over.
    pub fn act_if_live(&mut self, id: CallId, act: impl FnOnce(&mut Call, &mut Ctx<'_>)) {
        self.step(id, act);
        self.settle();
    }

    fn step<R>(&mut self, id: CallId, act: impl FnOnce(&mut Call, &mut Ctx<'_>) -> R) -> Option<R> {
        let (result, mut wish) = self.once(id, act)?;
        while let Some(asked) = wish {
            if let Wish::Unanswered { outcome, .. } = asked {
                let over = |call: &mut Call, ctx: &mut Ctx<'_>| call.not_diverted(ctx, outcome);
                wish = self.once(id, over).and_then(|(_, wish)| wish);
                continue;
            }
            assert!(matches!(asked, Wish::Locate(_)), "nobody grants {asked:?}");
            let nothing = Found::Nothing(Outcome::of(EndCause::NotFound));
            let next = if self.found.is_empty() { nothing } else { self.found.remove(0) };
            wish = self.once(id, |call, ctx| call.located(ctx, next)).and_then(|(_, wish)| wish);
        }
        Some(result)
    }

    fn once<R>(
        &mut self,
        id: CallId,
        act: impl FnOnce(&mut Call, &mut Ctx<'_>) -> R,
    ) -> Option<(R, Option<Wish>)> {
        let Self { sip, stock, out, ids, policy, .. } = self;
        let mut ctx = Ctx { now: moment(self.now), sip, stock, out, ids, policy };
        let (result, notes, wish) = self.calls.with(id, |call| {
            let result = act(call, &mut ctx);
            (result, call.take_notes(), call.take_wish())
        })?;
        self.notes.extend(notes);
        Some((result, wish))
    }

    fn settle(&mut self) {
        loop {
            self.out.flush();
            if let Some(event) = self.sip.poll_event() {
                self.on_event(event);
            } else if let Some(output) = self.sip.poll_output() {
                let text = String::from_utf8(output.bytes.to_vec()).unwrap();
                self.sent.push(Sent { to: output.flow.remote, text });
            } else if let Some(effect) = self.out.pop() {
                self.on_effect(effect);
            } else {
                break;
            }
        }
        self.check();
    }

    fn check(&self) {
        let mut wrong = Vec::new();
        self.calls.audit(&mut wrong);
        wrong.extend(self.calls.iter().filter_map(|call| call.problem().map(str::to_owned)));
        assert_eq!(wrong, Vec::<String>::new());
    }

    fn on_event(&mut self, event: Event) {
        let leg = match &event {
            Event::Invite { leg, message, .. } => return self.on_invite(*leg, message),
            Event::Request { .. } | Event::Response { .. } => return,
            Event::Provisional { leg, .. }
            | Event::Answered { leg, .. }
            | Event::Failed { leg, .. }
            | Event::Acked { leg, .. }
            | Event::Cancelled { leg, .. }
            | Event::Offer { leg, .. }
            | Event::OfferWithdrawn { leg }
            | Event::OfferAnswered { leg, .. }
            | Event::OfferRefused { leg, .. }
            | Event::LegRequest { leg, .. }
            | Event::Ended { leg, .. } => *leg,
            _ => return,
        };
        if let Some(call) = self.calls.of_leg(leg) {
            self.step(call, |call, ctx| call.on_sip(ctx, event));
        }
    }

    fn on_invite(&mut self, leg: LegId, message: &Message) {
        let incoming = Incoming {
            leg,
            offer: sdp_of(message).unwrap(),
            reliable: message.supports("100rel"),
            max_forwards: 70,
            refused: None,
            invite: message.detach(),
            common: Common { near: self.near, ..common() },
        };
        let Self { sip, stock, out, ids, policy, .. } = self;
        let mut ctx = Ctx { now: moment(self.now), sip, stock, out, ids, policy };
        let call = Call::incoming(&mut ctx, incoming);
        let id = call.id;
        self.calls.insert(call);
        self.step(id, |_, _| ());
    }

    /// Begins a call of the switch's own to the phone of an agent, who is the caller.
    pub fn originate(&mut self, n: u8, attend: Option<Attendance>) -> CallId {
        let originate =
            Originate { first: place(n), attend, common: Common { near: self.near, ..common() } };
        let Self { sip, stock, out, ids, policy, .. } = self;
        let mut ctx = Ctx { now: moment(self.now), sip, stock, out, ids, policy };
        let call = Call::originate(&mut ctx, originate);
        let id = call.id;
        self.calls.insert(call);
        self.act(id, |_, _| ());
        id
    }

    fn on_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Publish(event) => self.events.push(event.kind),
            Effect::Persist { records, .. } => self.records.extend(records),
            Effect::Media { worker, order } => {
                self.on_order(worker, &order);
                self.orders.push(order);
            }
            _ => {}
        }
    }

    fn on_order(&mut self, worker: WorkerId, order: &Order) {
        match order {
            Order::Open { stream, port, .. } => {
                assert!(
                    self.open.insert(*stream, (worker, *port)).is_none(),
                    "{stream:?} is opened twice"
                );
            }
            Order::Close { stream } => {
                let (own, port) = self.open.remove(stream).expect("an open stream");
                assert_eq!(own, worker, "{stream:?} lies on another worker");
                let report = StreamReport { packets_received: 1, ..StreamReport::default() };
                self.media(MediaEvent::Closed { stream: *stream, report });
                self.stock.add(worker, vec![self::port(port.0 as u16)]);
            }
            Order::Bridge { a, b } => {
                let on = |stream| self.open.get(stream).map(|(worker, _)| *worker);
                assert_eq!((on(a), on(b)), (Some(worker), Some(worker)), "bridged across workers");
            }
            Order::Record { recording, .. } | Order::RecordVoice { recording, .. } => {
                self.recordings.push(*recording);
            }
            Order::StopRecord { recording } => {
                let index = self.recordings.iter().position(|own| own == recording);
                self.recordings.remove(index.expect("a recording"));
                let (recording, voice, error) = (*recording, None, None);
                let (length_ms, bytes) = (1_000, 16_044);
                let event =
                    MediaEvent::RecordingEnded { recording, length_ms, bytes, error, voice };
                self.media(event);
            }
            _ => {}
        }
    }

    /// A media worker reports.
    pub fn media(&mut self, event: MediaEvent) {
        let call = match &event {
            MediaEvent::Dtmf { stream, .. }
            | MediaEvent::PlayEnded { stream, .. }
            | MediaEvent::Silent { stream }
            | MediaEvent::Latched { stream, .. }
            | MediaEvent::Closed { stream, .. } => self.calls.of_stream(*stream),
            MediaEvent::RecordingEnded { recording, .. } => self.calls.of_recording(*recording),
            MediaEvent::MixPlayEnded { .. } => None,
        };
        let call = call.unwrap_or_else(|| panic!("{event:?} reaches nobody"));
        self.step(call, |call, ctx| call.on_media(ctx, event));
        self.settle();
    }

    /// What is played to a stream comes to its end.
    pub fn played(&mut self, stream: StreamId) {
        let last = self.orders.iter().rev().find_map(|order| match order {
            Order::Play { stream: own, play, .. } if *own == stream => Some(*play),
            _ => None,
        });
        self.media(MediaEvent::PlayEnded { stream, play: last.expect("a prompt"), error: None });
    }

    /// A key, as the worker hears it.
    pub fn dtmf(&mut self, stream: StreamId, digit: char) {
        self.media(MediaEvent::Dtmf { stream, digit, duration_ms: 100 });
    }

    /// Time passes.
    pub fn wait(&mut self, seconds: u64) {
        let end = self.now + seconds * SECOND;
        loop {
            let next = [self.sip.next_deadline(), self.calls.next_deadline()];
            let Some(next) = next.into_iter().flatten().min().filter(|at| *at <= end) else {
                break;
            };
            self.now = self.now.max(next);
            self.sip.handle_timeout(self.now);
            while let Some(call) = self.calls.due(self.now) {
                self.step(call, |call, ctx| call.on_tick(ctx));
            }
            self.settle();
        }
        self.now = end;
    }

    /// A message arrives; what was sent before is forgotten.
    pub fn receive(&mut self, from: &str, text: &str) {
        self.sent.clear();
        let flow: Flow = udp(from);
        self.sip.receive(self.now, flow, text.to_owned().into_bytes().into());
        self.settle();
    }

    /// The caller calls. What it says more, and what it offers; returns its call.
    pub fn call(&mut self, more: &str, body: &str) -> CallId {
        let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let text = format!(
            "INVITE sip:9001@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER};branch=z9hG4bKfirst\r\n\
             Max-Forwards: 70\r\nFrom: <sip:c@pbx.example>;tag=c\r\nTo: <sip:9001@192.0.2.1>\r\n\
             Call-ID: caller\r\nCSeq: 1 INVITE\r\nContact: <sip:c@{CALLER}>\r\n{more}{content}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.receive(CALLER, &text);
        self.calls.iter().last().expect("a call").id
    }

    /// The caller sends a request in its dialog, which `answer` (a response of ours) established.
    pub fn caller_sends(&mut self, answer: &Sent, method: &str, more: &str, body: &str) {
        let cseq = if method == "ACK" { 1 } else { self.next_cseq() };
        let method_cseq = format!("{cseq} {method}");
        let text = format!(
            "{method} sip:9001@192.0.2.1:5060 SIP/2.0\r\n\
             Via: SIP/2.0/UDP {CALLER};branch=z9hG4bKc{method}{cseq}\r\nMax-Forwards: 70\r\n\
             From: <sip:c@pbx.example>;tag=c\r\nTo: {}\r\nCall-ID: caller\r\nCSeq: {method_cseq}\r\n\
             Contact: <sip:c@{CALLER}>\r\n{more}Content-Length: {}\r\n\r\n{body}",
            answer.header("To"),
            body.len()
        );
        self.receive(CALLER, &text);
    }

    /// The caller gives up before the answer.
    pub fn caller_cancels(&mut self) {
        let text = format!(
            "CANCEL sip:9001@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {CALLER};branch=z9hG4bKfirst\r\n\
             Max-Forwards: 70\r\nFrom: <sip:c@pbx.example>;tag=c\r\nTo: <sip:9001@192.0.2.1>\r\n\
             Call-ID: caller\r\nCSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n"
        );
        self.receive(CALLER, &text);
    }

    fn next_cseq(&mut self) -> u32 {
        self.cseq += 1;
        self.cseq
    }

    /// The phone that got a request answers it.
    pub fn reply(&mut self, request: &Sent, status: u16, more: &str, body: &str) {
        let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let lines = request.lines(&["Via", "From", "Call-ID", "CSeq"]);
        let to = request.header("To");
        let tag = if to.contains(";tag=") { "" } else { ";tag=phone" };
        let text = format!(
            "SIP/2.0 {status} X\r\n{lines}To: {to}{tag}\r\nContact: <sip:a@{}>\r\n{more}{content}\
             Content-Length: {}\r\n\r\n{body}",
            request.to,
            body.len()
        );
        self.receive(&request.to.to_string(), &text);
    }

    /// The phone that answered our INVITE sends a request in the dialog.
    pub fn agent_sends(&mut self, invite: &Sent, method: &str, more: &str, body: &str) {
        let cseq = self.next_cseq();
        let call_id = invite.lines(&["Call-ID"]);
        let text = format!(
            "{method} sip:x@192.0.2.1:5060 SIP/2.0\r\n\
             Via: SIP/2.0/UDP {};branch=z9hG4bKa{cseq}\r\nMax-Forwards: 70\r\nFrom: {};tag=phone\r\n\
             To: {}\r\n{call_id}CSeq: {cseq} {method}\r\nContact: <sip:a@{}>\r\n{more}\
             Content-Length: {}\r\n\r\n{body}",
            invite.to,
            invite.header("To"),
            invite.header("From"),
            invite.to,
            body.len()
        );
        self.receive(&invite.to.to_string(), &text);
    }

    /// The last request of a method to an address, and that there is one.
    pub fn request(&self, to: &str, method: &str) -> Sent {
        self.requests(to, method).pop().unwrap_or_else(|| panic!("no {method}: {:#?}", self.sent))
    }

    pub fn requests(&self, to: &str, method: &str) -> Vec<Sent> {
        let start = format!("{method} ");
        let fits = |sent: &&Sent| sent.to == address(to) && sent.text.starts_with(&start);
        self.sent.iter().filter(fits).cloned().collect()
    }

    /// The response with this status that was sent to an address.
    pub fn response(&self, to: &str, status: u16) -> Sent {
        let start = format!("SIP/2.0 {status} ");
        let fits = |sent: &&Sent| sent.to == address(to) && sent.text.starts_with(&start);
        let found = self.sent.iter().rfind(fits).cloned();
        found.unwrap_or_else(|| panic!("no {status}: {:#?}", self.sent))
    }

    /// The stream whose port a description names.
    pub fn stream(&self, description: &str) -> StreamId {
        let line = description.split("\r\n").find_map(|line| line.strip_prefix("m=audio "));
        let number: u16 = line.and_then(|line| line.split(' ').next()).unwrap().parse().unwrap();
        let id = PortId(u32::from(number - 16_384) / 2);
        let found = self.open.iter().find(|(_, (_, port))| *port == id);
        *found.unwrap_or_else(|| panic!("nothing is open at {number}")).0
    }

    /// Streams that are open.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// What was noted since the last time.
    pub fn noted(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Streams that are bridged, by the last order for each.
    pub fn bridged(&self, a: StreamId) -> Option<StreamId> {
        self.orders.iter().rev().find_map(|order| match order {
            Order::Bridge { a: left, b } if *left == a => Some(*b),
            Order::Bridge { a: left, b } if *b == a => Some(*left),
            _ => None,
        })
    }

    /// What plays on a stream now: its first prompt.
    pub fn plays(&self, wanted: StreamId) -> Option<&str> {
        let last = self.orders.iter().rev().find(|order| match order {
            Order::Play { stream, .. } | Order::StopPlay { stream } => *stream == wanted,
            _ => false,
        });
        match last {
            Some(Order::Play { prompts, .. }) => prompts.first().map(String::as_str),
            _ => None,
        }
    }

    /// Nothing is left of any call: every leg was told its end and every port is back.
    pub fn drained(&mut self) {
        self.wait(120);
        assert!(self.calls.is_empty(), "{:#?}", self.calls.iter().collect::<Vec<_>>());
        assert_eq!(self.stock.taken(), 0, "ports are taken");
        assert_eq!(self.open(), 0, "streams are open");
        let counts = self.sip.counts();
        assert_eq!((counts.legs, counts.server_transactions), (0, 0), "{counts:?}");
    }

    /// The one record that each call left.
    pub fn records_of<const N: usize>(&self, calls: [CallId; N]) -> [CallRecord; N] {
        calls.map(|id| {
            let closed = self.records.iter().filter_map(|record| match record {
                Record::CallClosed(record) if record.call == id => Some((**record).clone()),
                _ => None,
            });
            let all: Vec<_> = closed.collect();
            assert_eq!(all.len(), 1, "{all:?}");
            all.into_iter().next().unwrap()
        })
    }

    /// The one record that there is.
    pub fn record(&self) -> CallRecord {
        let closed = self.records.iter().filter_map(|record| match record {
            Record::CallClosed(record) => Some((**record).clone()),
            _ => None,
        });
        let all: Vec<_> = closed.collect();
        assert_eq!(all.len(), 1, "{all:?}");
        all.into_iter().next().unwrap()
    }
}
