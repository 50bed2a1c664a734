//! The switch: one deterministic state machine over everything that happens.
//!
//! The run loop is [`Switch::handle`], then [`Switch::poll_effect`] until it is empty, then wait until the next input or
//! [`Switch::next_deadline`]. The first input is [`Input::Boot`]. Nothing in here blocks, reads a clock or draws unseeded
//! randomness.
//!
//! The order of work for a SIP message: [`Endpoint::receive`] turns it into events; each event goes to the module of this
//! folder that its kind names (register, incoming, message) or to its call; what the calls want to know is answered in
//! `locate`; what they sent is collected at the end of `handle`.

mod attended;
mod audit;
mod auth;
mod boot;
mod conference;
mod conference_orders;
mod conference_tape;
mod consult;
mod define;
mod define_lines;
mod define_phones;
mod define_uses;
mod dialer;
mod dialer_orders;
mod drain;
mod feature;
mod figures;
mod flows;
mod forward;
mod group;
mod incoming;
mod legs;
mod locate;
mod login;
mod mailbox;
mod mailbox_orders;
mod menu;
mod menu_orders;
mod message;
mod orders;
mod page;
mod park;
mod park_orders;
mod pickup;
mod prompt;
mod provision;
mod queries;
mod queue;
mod recording;
mod register;
mod remind;
mod remove_tenant;
mod responses;
mod robot;
mod staff;
mod streams;
mod subscribe;
mod summons;
mod supervise;
mod supervise_orders;
mod tenant;
mod transfer;
mod transfer_attended;
mod trunks;
mod watch;

use std::collections::{BTreeMap, VecDeque};

use media::order::MediaEvent;
use sip::auth::Verifier;
use sip::endpoint::{ClientTx, Endpoint, Event, Reply};
use sip::message::Message;
use sip::{Flow, Method, ServerTx};

use crate::call::{Call, Calls, Ctx, Note, Policy};
use crate::define::Defined;
use crate::gate::Gate;
use crate::ids::Ids;
use crate::mwi::Mwi;
use crate::outbox::Outbox;
use crate::page::Pages;
use crate::park::Lot;
use crate::presence::Watches;
use crate::provision::Phones;
use crate::registrar::Registrar;
use crate::remind::Reminders;
use crate::route::Directory;
use crate::stock::Stock;
use crate::supervise::Supervision;
use crate::transfer::{Consults, Transfers};
use crate::trunk::Trunks;
use crate::vocab::{CallId, Effect, Input, Now, Record, WorkerId};
use trunks::TrunkErrands;

use attended::Lobby;
use conference::Conferences;
use dialer::Dialing;
use drain::Drain;
use figures::Counters;
use flows::Flows;
use forward::Owners;
use group::Rounds;
use login::Logins;
use message::Deliveries;
use queue::Queues;
use responses::Awaiting;
use robot::Robots;
use staff::{EndedCall, Staff};
use summons::Summons;

/// What calls work with.
struct Desk {
    sip: Endpoint,
    stock: Stock,
    out: Outbox,
    ids: Ids,
    policy: Policy,
}

impl Desk {
    fn ctx(&mut self, now: Now) -> Ctx<'_> {
        Ctx {
            now,
            sip: &mut self.sip,
            stock: &mut self.stock,
            out: &mut self.out,
            ids: &mut self.ids,
            policy: &self.policy,
        }
    }
}

/// Who is who: what the configuration defines, and what of it is alive.
#[derive(Debug)]
struct Books {
    directory: Directory,
    registrar: Registrar,
    trunks: Trunks,
    gate: Gate,
    verifier: Verifier,
}

/// The part that exists after Boot.
struct Running {
    desk: Desk,
    books: Books,
    defined: Defined,
    calls: Calls,
    flows: Flows,
    awaiting: BTreeMap<ClientTx, Awaiting>,
    deliveries: Deliveries,
    mwi: Mwi,
    watches: Watches,
    phones: Phones,
    lobby: Lobby,
    errands: TrunkErrands,
    /// What attended calls told and nobody has heeded yet.
    noted: VecDeque<(CallId, Note)>,
    queues: Queues,
    staff: Staff,
    logins: Logins,
    transfers: Transfers,
    consults: Consults,
    settings: Owners,
    supervision: Supervision,
    conferences: Conferences,
    rounds: Rounds,
    lot: Lot,
    pages: Pages,
    reminders: Reminders,
    summons: Summons,
    dialing: Dialing,
    robots: Robots,
    /// The moment of the last input.
    now: Now,
    counters: Counters,
    drain: Option<Drain>,
}

/// The whole exchange.
#[derive(Default)]
pub struct Switch {
    running: Option<Box<Running>>,
}

impl Switch {
    /// A switch that waits for [`Input::Boot`]; everything before it is ignored.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one input in. The effects are then to be drained by [`Switch::poll_effect`].
    pub fn handle(&mut self, now: Now, input: Input) {
        match (&mut self.running, input) {
            (running @ None, Input::Boot(boot)) => {
                *running = Some(Box::new(Running::boot(now, *boot)));
            }
            (Some(running), input) => running.handle(now, input),
            (None, _) => {}
        }
    }

    /// The next effect, in the order in which they are to be carried out.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.running.as_mut()?.desk.out.pop()
    }

    /// When [`Input::Tick`] is due; monotonic nanoseconds.
    pub fn next_deadline(&self) -> Option<u64> {
        self.running.as_ref()?.next_deadline()
    }
}

impl Running {
    fn handle(&mut self, now: Now, input: Input) {
        self.now = now;
        match input {
            Input::Packet { flow, bytes } => self.on_packet(now, flow, bytes),
            Input::Tick => self.on_tick(now),
            Input::MediaEvent { worker, event } => self.on_media(now, worker, event),
            Input::MediaPorts { worker, ports } => {
                self.desk.stock.add(worker, ports);
                self.serve_port_queue(now);
            }
            Input::Stored { commits, ok } => {
                for commit in commits {
                    self.desk.out.stored(commit, ok);
                    self.dial_written(now, commit, ok);
                }
            }
            Input::FlowOpened { flow, connect } => self.on_flow_opened(now, flow, connect),
            Input::FlowClosed { flow, connect } => self.on_flow_closed(now, flow, connect),
            Input::Resolved { id, answer } => self.on_resolved(now, id, answer),
            Input::Robot { line, word } => self.on_robot(now, line, word),
            Input::Command { id, principal, command } => {
                self.on_command(now, id, &principal, command);
            }
            Input::Query { id, principal, query } => self.on_query(now, id, &principal, query),
            Input::Mailed { id, delivery } => self.mailed(now, id, &delivery),
            Input::RecordingsRemoved(gone) => {
                gone.into_iter()
                    .for_each(|own| self.desk.out.persist(Record::RecordingClosed(own)));
            }
            Input::Reload(config) => self.reload(now, *config),
            Input::Drain { grace_ms } => self.begin_drain(now, grace_ms),
            Input::Boot(_) => {}
        }
        self.settle(now);
    }

    /// Handles what the endpoint has to say until it is silent, then sends what is to be sent.
    fn settle(&mut self, now: Now) {
        self.turn_over(now);
        self.send_mail(now);
        while let Some(output) = self.desk.sip.poll_output() {
            self.counters.sent();
            self.desk.out.push(Effect::Send { flow: output.flow, bytes: output.bytes });
        }
        self.report_drained();
        self.desk.out.flush();
    }

    /// Lets everybody hear of what has happened until nobody has anything to say.
    fn turn_over(&mut self, now: Now) {
        loop {
            while let Some(event) = self.desk.sip.poll_event() {
                self.on_event(now, event);
            }
            if let Some((call, note)) = self.noted.pop_front() {
                self.heed(now, call, &note);
            } else if let Some(act) = self.queues.acd.poll() {
                self.on_act(now, act);
            } else if !self.tell_acd(now)
                && !self.tick_rounds(now)
                && !self.recall_summons(now)
                && !self.tick_mwi(now)
                && !self.tick_dialer(now)
                && !self.tell_watchers(now)
            {
                break;
            }
        }
    }

    /// Something happened to a call in attendance: whoever attends it hears of it.
    fn heed(&mut self, now: Now, call: CallId, note: &Note) {
        let gone = *note == Note::CallerGone;
        if gone {
            self.rounds.gone(call);
            self.queues.gone(call);
        }
        let heeded = self.dial_heeds(now, call, note)
            || self.supervision_heeds(now, call, note)
            || self.conference_heeds(now, call, note)
            || self.page_heeds(now, call, note)
            || (self.transfer_heeds(now, call, note) && !gone)
            || (self.consult_heeds(now, call, note) && !gone)
            || self.queue_heeds(now, call, note)
            || self.login_heeds(now, call, note)
            || self.feature_heeds(now, call, note)
            || self.round_heeds(now, call, note)
            || self.park_heeds(now, call, note)
            || self.summons_heed(now, call, note);
        if !heeded || *note == Note::CallerGone {
            self.heed_in_lobby(now, call, note);
        }
    }

    fn on_event(&mut self, now: Now, event: Event) {
        match event {
            Event::Request { tx, flow, message } => self.on_request(now, tx, flow, &message),
            Event::Invite { leg, flow, message } => self.on_invite(now, leg, flow, &message),
            Event::Response { tx, outcome } => self.on_response(now, tx, outcome),
            Event::StreamWanted { wish, flow } => self.on_stream_wanted(now, wish, flow),
            Event::StreamSilent { flow } => self.flows.refuse(now, flow.remote),
            Event::Subscribe { tx, flow, message, ask } => {
                self.on_subscribe(now, tx, flow, &message, &ask);
            }
            Event::SubscriptionEnded { subscription, .. } => {
                self.on_subscription_ended(subscription);
            }
            Event::SubscriptionChanged { subscription } => {
                self.on_subscription_changed(now, subscription);
            }
            Event::StateWanted { subscription, version, whole } => {
                self.on_state_wanted(now, subscription, version, whole);
            }
            Event::LegRequest { leg, tx, message } if message.method() == Some(&Method::Refer) => {
                self.on_refer(now, leg, tx, &message);
            }
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
            | Event::Ended { leg, .. } => {
                if let Some(call) = self.calls.of_leg(leg) {
                    self.step(now, call, |call, ctx| call.on_sip(ctx, event));
                }
            }
        }
    }

    fn on_request(&mut self, now: Now, tx: ServerTx, flow: Flow, message: &Message) {
        match message.method() {
            Some(Method::Register) => self.on_register(now, tx, flow, message),
            Some(Method::Message) => self.on_message(now, tx, flow, message),
            Some(Method::Options) => {
                let events = subscribe::PACKAGES.map(|package| package.name).join(", ");
                let reply = Reply::new(200)
                    .with_header("Accept", "application/sdp")
                    .with_header("Allow-Events", events);
                self.desk.sip.respond(now.mono, tx, reply);
            }
            _ => self.desk.sip.respond(now.mono, tx, Reply::new(405)),
        }
    }

    /// Lets a call act, and answers what it wants to know.
    fn step(&mut self, now: Now, id: CallId, act: impl FnOnce(&mut Call, &mut Ctx<'_>)) {
        self.let_act(now, id, act);
        self.collect_findings(now, id);
        self.grant_wishes(now, id);
    }

    /// Lets a call act, and keeps what it notes before it may be gone.
    fn let_act(&mut self, now: Now, id: CallId, act: impl FnOnce(&mut Call, &mut Ctx<'_>)) {
        let desk = &mut self.desk;
        let acted = self.calls.with(id, |call| {
            let (lived, mixed) = (call.is_live(), call.mixed());
            act(call, &mut desk.ctx(now));
            let ended = (lived && !call.is_live()).then(|| EndedCall::of(call));
            let parted = ended.is_some() || (mixed.is_some() && call.mixed() != mixed);
            let end = call.record.end.clone().filter(|_| !call.is_live());
            (call.take_notes(), ended, parted, end)
        });
        let Some((notes, ended, parted, end)) = acted else { return };
        if let Some(end) = &end {
            self.dialing.note_end(id, end);
        }
        if parted && self.supervision.of(id).next().is_some() {
            self.noted.push_back((id, Note::Parted));
        }
        self.noted.extend(notes.into_iter().map(|note| (id, note)));
        if let Some(ended) = ended {
            self.note_ended(&ended);
        }
        self.touch_call(id);
        self.look_at_holds(now, id);
        self.look_at_dialled(now, id);
        self.summons.doubt(id);
        self.leave_if_unparked(now, id);
    }

    fn on_media(&mut self, now: Now, _worker: WorkerId, event: MediaEvent) {
        self.look_at_prompts(now, &event);
        let call = match &event {
            MediaEvent::Dtmf { stream, .. }
            | MediaEvent::PlayEnded { stream, .. }
            | MediaEvent::Silent { stream }
            | MediaEvent::Latched { stream, .. }
            | MediaEvent::Closed { stream, .. } => self.calls.of_stream(*stream),
            MediaEvent::RecordingEnded { recording, .. } => self.calls.of_recording(*recording),
            MediaEvent::MixPlayEnded { .. } => None,
        };
        match (call, event) {
            (Some(call), event) => self.step(now, call, |call, ctx| call.on_media(ctx, event)),
            (None, MediaEvent::RecordingEnded { recording, length_ms, bytes, error, .. }) => {
                self.tape_ended(now, recording, (length_ms, bytes, error));
            }
            (None, _) => {}
        }
    }

    fn serve_port_queue(&mut self, now: Now) {
        for call in self.calls.awaiting_ports() {
            self.step(now, call, |call, ctx| call.try_ports(ctx));
        }
    }

    fn on_tick(&mut self, now: Now) {
        self.desk.sip.handle_timeout(now.mono);
        while let Some(call) = self.calls.due(now.mono) {
            self.step(now, call, |call, ctx| call.on_tick(ctx));
        }
        self.tick_lobby(now);
        self.tick_queues(now);
        self.tick_logins(now);
        self.tick_conferences(now);
        self.tick_parking(now);
        self.tick_pages(now);
        self.tick_reminders(now);
        self.tick_robots(now);
        self.tick_registrar(now);
        self.tick_trunks(now);
        self.tick_drain(now);
    }

    fn next_deadline(&self) -> Option<u64> {
        let drain = self.drain.and_then(|drain| drain.next_deadline());
        [
            self.desk.sip.next_deadline(),
            self.calls.next_deadline(),
            self.books.registrar.next_deadline(),
            self.books.trunks.next_deadline(),
            self.mwi.next_deadline(),
            self.lobby.next_deadline(),
            self.queues.next_deadline(),
            self.logins.next_deadline(),
            self.conferences.next_deadline(),
            self.rounds.next_deadline(),
            self.lot.next_deadline(),
            self.pages.next_deadline(),
            self.reminders.next_deadline(),
            self.dialing.dialer.next_deadline(),
            self.robots.next_deadline(),
            drain,
        ]
        .into_iter()
        .flatten()
        .min()
    }
}
