//! How a call comes into being: by a leg's INVITE, or because the switch was asked to connect two numbers.

use std::collections::VecDeque;

use media::order::StreamKind;
use media::sdp::Sdp;
use sip::message::Message;
use smallvec::SmallVec;

use crate::stock::Family;
use crate::vocab::record::{CallRecord, EndCause, Party};
use crate::vocab::{EventKind, InteractionId, Plan, Record, WorkerId};

use super::media::kind_of;
use super::{
    CALLEE, CALLER, Call, Ctx, Diversions, Leg, LegMedia, Outcome, Place, Reach, Rights, SECOND,
    Stage,
};

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
    /// Takes the caller into attendance when it answers, instead of going where the plan leads. The feature is told by
    /// [`super::Note::CallerGone`] if it does not.
    pub attend: Option<super::Attendance>,
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
    /// What it belongs to, where it grew out of another call.
    pub interaction: Option<InteractionId>,
    /// The worker whose ports are best: that of a call that it may be joined with.
    pub near: Option<WorkerId>,
}

impl Call {
    /// Begins a call that a leg asks for. The caller of this function has admitted it.
    pub fn incoming(ctx: &mut Ctx<'_>, incoming: Incoming) -> Self {
        let mut call = Self::new(ctx, incoming.common, incoming.max_forwards);
        call.diversions = Diversions::of(&call.rights, &incoming.invite);
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
        call.attended = originate.attend.is_some();
        call.attend_first = originate.attend;
        call.announce_start(ctx);
        call.await_ports(ctx, None);
        call
    }

    pub(crate) fn new(ctx: &mut Ctx<'_>, common: Common, max_forwards: u8) -> Self {
        let (id, fresh) = (ctx.ids.call(ctx.now), ctx.ids.interaction(ctx.now));
        let Common { caller, rights, plan, record, language, interaction, near } = common;
        let interaction = interaction.unwrap_or(fresh);
        let leg = |ctx: &mut Ctx<'_>, party| Leg::new(ctx.ids.leg(), party, LegMedia::default());
        let mut legs = [leg(ctx, caller.clone()), leg(ctx, Party::Nobody)];
        legs[CALLER].record = record;
        Self {
            id,
            interaction,
            tenant: plan.tenant.clone(),
            rights,
            first: None,
            attend_first: None,
            invite: None,
            language,
            hide_number: plan.hide_number,
            shown: None,
            ring_secs: None,
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
                picked_up_by: None,
                dialled_for: None,
                shown: None,
                queued: Vec::new(),
            },
            legs,
            worker: WorkerId::default(),
            near,
            stage: Stage::Routing,
            hops: VecDeque::from(plan.hops),
            diversions: Diversions::default(),
            best_failure: None,
            wish: None,
            max_forwards,
            recordings: SmallVec::new(),
            recorded: 0,
            departed: SmallVec::new(),
            turned: false,
            returns: None,
            parting: None,
            attended: false,
            notes: Vec::new(),
            findings: Vec::new(),
            relays: SmallVec::new(),
        }
    }

    pub(crate) fn announce_start(&mut self, ctx: &mut Ctx<'_>) {
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
        self.have_ports(ctx);
    }

    /// Goes on as soon as both legs have ports.
    pub(crate) fn have_ports(&mut self, ctx: &mut Ctx<'_>) {
        self.stage = Stage::AwaitingPorts { deadline: ctx.now.mono + PORT_WAIT };
        self.try_ports(ctx);
    }

    /// Takes ports for the legs that have none, all from one worker, and goes on. Without ports the call keeps waiting.
    pub fn try_ports(&mut self, ctx: &mut Ctx<'_>) {
        if !matches!(self.stage, Stage::AwaitingPorts { .. }) {
            return;
        }
        let kinds = self.wanted_kinds();
        let needed = kinds.iter().flatten().count();
        let usual = if ctx.stock.knows(Family::V4) { Family::V4 } else { Family::V6 };
        let caller_family = self.caller_family().unwrap_or(usual);
        let mut wanted: SmallVec<[Family; 4]> = SmallVec::new();
        let missing = |side: usize| self.legs[side].media.family().is_none();
        let (first, second) = (missing(CALLER), missing(CALLEE));
        wanted.extend(std::iter::repeat_n(caller_family, if first { needed } else { 0 }));
        wanted.extend(std::iter::repeat_n(usual, if second { needed } else { 0 }));
        let taken = match first {
            true => ctx.stock.take_near(self.near, &wanted),
            false => ctx.stock.take_from(self.worker, &wanted).map(|ports| (self.worker, ports)),
        };
        let Some((worker, ports)) = taken else { return };
        self.worker = worker;
        let mut ports = ports.into_iter();
        for (side, missing) in [(CALLER, first), (CALLEE, second)] {
            if missing {
                self.legs[side].media.open(ctx, worker, &kinds, &mut ports);
            }
        }
        match self.first.take() {
            Some(place) => self.ring(ctx, CALLER, place),
            None => self.next_hop(ctx),
        }
    }

    /// Gives the callee's leg ports of the family in which its phone is reached, where the workers have such.
    pub(crate) fn match_family(&mut self, ctx: &mut Ctx<'_>, place: &Place) {
        let media = &mut self.legs[CALLEE].media;
        let Some(wanted) =
            place.family().filter(|wanted| media.family().is_some_and(|f| f != *wanted))
        else {
            return;
        };
        let kinds = media.kinds();
        let count = kinds.iter().flatten().count();
        let Some(ports) = ctx.stock.take_from(self.worker, &vec![wanted; count]) else { return };
        media.close(ctx, self.worker);
        media.open(ctx, self.worker, &kinds, &mut ports.into_iter());
    }

    /// Whether the callee's leg has ports. Those that it had may have gone to somebody who rang for the caller.
    pub(crate) fn has_callee_ports(&mut self, ctx: &mut Ctx<'_>, place: &Place) -> bool {
        if self.legs[CALLEE].media.family().is_some() {
            return true;
        }
        let kinds = self.wanted_kinds();
        let usual = if ctx.stock.knows(Family::V4) { Family::V4 } else { Family::V6 };
        let wanted = vec![place.family().unwrap_or(usual); kinds.iter().flatten().count()];
        let Some(ports) = ctx.stock.take_from(self.worker, &wanted) else { return false };
        self.legs[CALLEE].media.open(ctx, self.worker, &kinds, &mut ports.into_iter());
        true
    }

    /// No ports in time: refused.
    pub(crate) fn ports_missing(&mut self, ctx: &mut Ctx<'_>) {
        self.unusable(ctx, Outcome::of(EndCause::Congestion));
    }

    /// What the media lines of a leg are to carry.
    pub(crate) fn wanted_kinds(&self) -> Vec<Option<StreamKind>> {
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

impl Place {
    /// The address family in which it is reached, if that is known.
    pub(crate) fn family(&self) -> Option<Family> {
        self.targets.iter().find_map(|target| match target.via {
            Reach::Flow(flow) => Some(Family::of(flow.remote.ip())),
            Reach::Connecting(_) => None,
        })
    }
}

/// The kind of stream that each line of a description needs; `None` where it carries nothing that can be relayed.
pub(crate) fn line_kinds(sdp: &Sdp) -> Vec<Option<StreamKind>> {
    sdp.streams().iter().map(|line| line.is_carried().then(|| kind_of(line.kind))).collect()
}
