//! How a call comes into being: by a leg's INVITE, or because the switch was asked to connect two numbers.

use std::collections::VecDeque;

use media::order::StreamKind;
use media::sdp::Sdp;
use sip::message::Message;
use smallvec::SmallVec;

use crate::stock::Family;
use crate::vocab::record::{CallRecord, EndCause, Party};
use crate::vocab::{EventKind, Plan, Record, WorkerId};

use super::media::kind_of;
use super::{CALLEE, CALLER, Call, Ctx, Leg, LegMedia, Outcome, Place, Rights, SECOND, Stage};

/// How long a call waits for free ports.
const PORT_WAIT: u64 = SECOND / 5;

/// A call that a leg asks for.
#[derive(Debug)]
pub struct Incoming {
    /// The INVITE usage.
    pub leg: sip::LegId,
    /// Its description; `None`: it wants ours first.
    pub offer: Option<Sdp>,
    /// It takes reliable provisional responses.
    pub reliable: bool,
    /// Max-Forwards as it arrived.
    pub max_forwards: u8,
    /// The number leads nowhere: why.
    pub refused: Option<Outcome>,
    /// The INVITE itself, detached from the receive buffer.
    pub invite: Message,
    /// Everything that does not depend on SIP.
    pub common: Common,
}

/// A call that the switch was asked for: rings `first`, then goes where the plan leads.
#[derive(Debug)]
pub struct Originate {
    /// Where the caller's phones are.
    pub first: Box<Place>,
    /// Everything else.
    pub common: Common,
}

/// What both kinds of calls begin with.
#[derive(Debug)]
pub struct Common {
    /// Who calls.
    pub caller: Party,
    /// Whose rights count.
    pub rights: Rights,
    /// Where it leads.
    pub plan: Plan,
    /// The caller's policy wants it recorded.
    pub record: bool,
    /// Folder of prompts below the sounds directory.
    pub language: String,
}

impl Call {
    /// Begins a call that a leg asks for. The caller of this function has admitted it.
    pub fn incoming(ctx: &mut Ctx<'_>, incoming: Incoming) -> Self {
        let mut call = Self::new(ctx, incoming.common, incoming.max_forwards);
        call.invite = Some(incoming.invite);
        call.best_failure = incoming.refused;
        let caller = &mut call.legs[CALLER];
        caller.sip = Some(incoming.leg);
        caller.late_offer = incoming.offer.is_none();
        caller.reliable = incoming.reliable;
        let offer = incoming.offer;
        call.announce_start(ctx);
        call.await_ports(ctx, offer);
        call
    }

    /// Begins a call that the switch was asked for. The caller of this function has admitted it.
    pub fn originate(ctx: &mut Ctx<'_>, originate: Originate) -> Self {
        let mut call = Self::new(ctx, originate.common, 70);
        call.first = Some(originate.first);
        call.announce_start(ctx);
        call.await_ports(ctx, None);
        call
    }

    fn new(ctx: &mut Ctx<'_>, common: Common, max_forwards: u8) -> Self {
        let (id, interaction) = (ctx.ids.call(ctx.now), ctx.ids.interaction(ctx.now));
        let Common { caller, rights, plan, record, language } = common;
        let leg = |ctx: &mut Ctx<'_>, party| Leg::new(ctx.ids.leg(), party, LegMedia::default());
        let legs = [leg(ctx, caller.clone()), leg(ctx, Party::Nobody)];
        Self {
            id,
            interaction,
            tenant: plan.tenant.clone(),
            rights,
            first: None,
            invite: None,
            language,
            hide_number: plan.hide_number,
            emergency: plan.emergency,
            record: CallRecord {
                call: id,
                interaction,
                tenant: plan.tenant,
                caller,
                callee: Party::Nobody,
                dialled: plan.dialled,
                started_at: ctx.now.wall,
                ringing_at: None,
                answered_at: None,
                ended_at: None,
                end: None,
                quality: Vec::new(),
                recording: None,
            },
            legs,
            worker: WorkerId::default(),
            stage: Stage::Routing,
            hops: VecDeque::from(plan.hops),
            diversions: Vec::new(),
            best_failure: None,
            wish: None,
            max_forwards,
            wants_recording: record,
            recording: None,
            findings: Vec::new(),
            relays: SmallVec::new(),
        }
    }

    fn announce_start(&mut self, ctx: &mut Ctx<'_>) {
        ctx.out.persist(Record::CallOpened(Box::new(self.record.clone())));
        let (call, interaction) = (self.id, self.interaction);
        let (caller, number) = (self.record.caller.clone(), self.record.dialled.clone());
        if self.emergency {
            let (caller, number) = (caller.clone(), number.clone());
            let kind = EventKind::EmergencyCall { call, interaction, caller, number };
            ctx.out.publish(ctx.now, Some(&self.tenant), kind);
        }
        let kind = EventKind::CallStarted { call, interaction, caller, dialled: number };
        ctx.out.publish(ctx.now, Some(&self.tenant), kind);
    }

    fn await_ports(&mut self, ctx: &mut Ctx<'_>, offer: Option<Sdp>) {
        if let Some(offer) = offer {
            self.legs[CALLER].media.received(offer);
        }
        let doomed = self.hops.is_empty() && !ctx.policy.calls.announce_failures;
        if let Some(outcome) = self.best_failure.filter(|_| doomed) {
            return self.fail(ctx, outcome);
        }
        self.stage = Stage::AwaitingPorts { deadline: ctx.now.mono + PORT_WAIT };
        self.try_ports(ctx);
    }

    /// Takes ports for both legs, all from one worker, and goes on. Without ports the call keeps waiting.
    pub fn try_ports(&mut self, ctx: &mut Ctx<'_>) {
        if !matches!(self.stage, Stage::AwaitingPorts { .. }) {
            return;
        }
        let kinds = self.wanted_kinds();
        let needed = kinds.iter().flatten().count();
        let usual = if ctx.stock.knows(Family::V4) { Family::V4 } else { Family::V6 };
        let caller_family = self.caller_family().unwrap_or(usual);
        let mut wanted: SmallVec<[Family; 4]> = SmallVec::new();
        wanted.extend(std::iter::repeat_n(caller_family, needed));
        wanted.extend(std::iter::repeat_n(usual, needed));
        let Some((worker, ports)) = ctx.stock.take(&wanted) else { return };
        self.worker = worker;
        let mut ports = ports.into_iter();
        for side in [CALLER, CALLEE] {
            self.legs[side].media.open(ctx, worker, &kinds, &mut ports);
        }
        match self.first.take() {
            Some(place) => self.ring(ctx, CALLER, place),
            None => self.next_hop(ctx),
        }
    }

    /// No ports in time: refused.
    pub(crate) fn ports_missing(&mut self, ctx: &mut Ctx<'_>) {
        self.fail(ctx, Outcome::of(EndCause::Congestion));
    }

    fn wanted_kinds(&self) -> Vec<Option<StreamKind>> {
        match self.legs[CALLER].media.theirs() {
            Some(offer) => line_kinds(offer),
            None => vec![Some(StreamKind::Audio)],
        }
    }

    fn caller_family(&self) -> Option<Family> {
        let offer = self.legs[CALLER].media.theirs()?;
        let line = offer.streams().into_iter().find(|line| !line.is_refused())?;
        Some(Family::of(line.address.ip()))
    }
}

/// The kind of stream that each line of a description needs; `None` where it carries nothing that can be relayed.
pub(crate) fn line_kinds(sdp: &Sdp) -> Vec<Option<StreamKind>> {
    sdp.streams().iter().map(|line| line.is_carried().then(|| kind_of(line.kind))).collect()
}
