//! Looking for somebody who answers: hop after hop, and within a hop all phones at once or one carrier address after the other.

use bytes::Bytes;
use media::order::Order;
use media::sdp::Sdp;
use sip::Flow;
use sip::endpoint::{Body, Reply};
use sip::message::Message;
use smallvec::SmallVec;

use crate::vocab::record::{EndCause, Party};
use crate::vocab::{ConnectId, EventKind, ExtensionKey, Hop};

use super::finish::{completed_elsewhere, q850};
use super::headers::{out_invite, sdp_of};
use super::{
    CALLEE, CALLER, Call, Ctx, Diversion, Finding, Found, Line, Outcome, Place, Reach, Stage,
    Target, Wish,
};

/// What the originating caller hears while the other side rings.
const RINGBACK: &str = "tones/ringback";

/// The search at one place.
#[derive(Debug)]
pub(crate) struct Hunt {
    /// Which leg is being looked for.
    side: usize,
    place: Box<Place>,
    pub(crate) forks: SmallVec<[Fork; 2]>,
    offer: Option<Bytes>,
    ring_deadline: u64,
    silence_deadline: Option<u64>,
    /// Provisional statuses that the caller has seen, with and without a description.
    told: SmallVec<[(u16, bool); 4]>,
}

/// One INVITE on its way.
#[derive(Debug)]
pub(crate) struct Fork {
    pub(crate) sip: Option<sip::LegId>,
    target: Target,
    /// The newest description in its provisional responses: a 200 after a reliable one has none (RFC 3262 section 5).
    early: Option<Box<Sdp>>,
}

impl Hunt {
    /// The next moment at which the search goes on by itself.
    pub(crate) fn deadline(&self) -> Option<u64> {
        Some(self.silence_deadline.map_or(self.ring_deadline, |at| at.min(self.ring_deadline)))
    }

    /// What the place occupies.
    pub(crate) fn line(&self) -> Option<&Line> {
        Some(&self.place.line)
    }

    /// The connections that are awaited.
    pub(crate) fn connecting(&self) -> SmallVec<[ConnectId; 2]> {
        let wait = |fork: &Fork| match fork.target.via {
            Reach::Connecting(id) if fork.sip.is_none() => Some(id),
            _ => None,
        };
        self.forks.iter().filter_map(wait).collect()
    }
}

impl Call {
    /// Goes on to the next hop of the plan, or gives up.
    pub(crate) fn next_hop(&mut self, ctx: &mut Ctx<'_>) {
        self.stage = Stage::Routing;
        match self.hops.pop_front() {
            Some(hop) => self.wish = Some(Wish::Locate(hop)),
            None => self.give_up(ctx),
        }
    }

    fn give_up(&mut self, ctx: &mut Ctx<'_>) {
        let outcome = self.best_failure.unwrap_or(Outcome::of(EndCause::NotFound));
        self.explain_failure(ctx, outcome);
    }

    /// The switch answers [`Wish::Locate`].
    pub fn located(&mut self, ctx: &mut Ctx<'_>, found: Found) {
        if !matches!(self.stage, Stage::Routing) {
            return;
        }
        match found {
            Found::Ring(place) => {
                self.wants_recording |= place.record;
                self.ring(ctx, CALLEE, place);
            }
            Found::Echo => self.start_echo(ctx),
            Found::Sound(name) => self.start_sound(ctx, name),
            Found::Nothing(outcome) => self.hop_failed(ctx, outcome),
        }
    }

    /// The switch answers [`Wish::Redirect`]: with where it may lead, or why nowhere.
    pub fn redirected(&mut self, ctx: &mut Ctx<'_>, to: Result<Vec<Hop>, Outcome>) {
        match to {
            Ok(hops) => {
                for hop in hops.into_iter().rev() {
                    self.hops.push_front(hop);
                }
                self.next_hop(ctx);
            }
            Err(outcome) => self.hop_failed(ctx, outcome),
        }
    }

    /// Rings a place for one of the legs.
    pub(crate) fn ring(&mut self, ctx: &mut Ctx<'_>, side: usize, mut place: Box<Place>) {
        self.legs[side].party = place.party.clone();
        if side == CALLEE {
            self.record.callee = place.party.clone();
        }
        let offer = self.offer_for(ctx, side, &place);
        let count = if place.sequential { 1 } else { place.targets.len() };
        let first: SmallVec<[Target; 2]> =
            place.targets.drain(..count.min(place.targets.len())).collect();
        let ring_deadline = ctx.now.mono + place.ring;
        self.stage = Stage::Hunting(Box::new(Hunt {
            side,
            place,
            forks: SmallVec::new(),
            offer,
            ring_deadline,
            silence_deadline: None,
            told: SmallVec::new(),
        }));
        for target in first {
            self.launch(ctx, target);
        }
        self.go_on_if_all_failed(ctx, Outcome::of(EndCause::Unreachable));
    }

    /// The description for the called side: the caller's, our own for an originated call, none for a late offer.
    fn offer_for(&mut self, ctx: &mut Ctx<'_>, side: usize, place: &Place) -> Option<Bytes> {
        if side == CALLER {
            return self.legs[CALLER].media.offer_self(ctx);
        }
        let [caller, callee] = &mut self.legs;
        let theirs = caller.media.theirs()?;
        callee.media.offer_from(ctx, theirs, place.codecs.clone())
    }

    fn launch(&mut self, ctx: &mut Ctx<'_>, target: Target) {
        let Stage::Hunting(hunt) = &self.stage else { return };
        let silence = hunt.place.silence.map(|limit| ctx.now.mono + limit);
        let sip = match target.via {
            Reach::Flow(flow) => {
                let invite = out_invite(self, &hunt.place, &target, hunt.offer.clone());
                Some(ctx.sip.invite(ctx.now.mono, flow, invite))
            }
            Reach::Connecting(_) => None,
        };
        let Stage::Hunting(hunt) = &mut self.stage else { return };
        hunt.forks.push(Fork { sip, target, early: None });
        hunt.silence_deadline = silence;
    }

    /// A connection that a fork waited for is open, or cannot be had.
    pub fn connected(&mut self, ctx: &mut Ctx<'_>, id: ConnectId, flow: Option<Flow>) {
        let Stage::Hunting(hunt) = &mut self.stage else { return };
        let waits = |fork: &Fork| fork.sip.is_none() && fork.target.via == Reach::Connecting(id);
        let Some(index) = hunt.forks.iter().position(waits) else { return };
        let fork = hunt.forks.remove(index);
        match flow {
            Some(flow) => self.launch(ctx, Target { via: Reach::Flow(flow), ..fork.target }),
            None => self.fork_lost(ctx, Outcome::of(EndCause::Unreachable)),
        }
    }

    /// A provisional response arrived.
    pub(crate) fn fork_progress(&mut self, ctx: &mut Ctx<'_>, leg: sip::LegId, message: &Message) {
        let status = message.status().unwrap_or(100);
        let Stage::Hunting(hunt) = &mut self.stage else { return };
        let Some(fork) = hunt.forks.iter_mut().find(|fork| fork.sip == Some(leg)) else { return };
        if let Ok(Some(sdp)) = sdp_of(message) {
            fork.early = Some(Box::new(sdp));
        }
        hunt.silence_deadline = None;
        let outgoing = hunt.side == CALLEE;
        self.found(leg, Finding::Heard);
        if status == 100 || !outgoing {
            return;
        }
        if matches!(status, 180..=183) && self.record.ringing_at.is_none() {
            self.record.ringing_at = Some(ctx.now.wall);
            let (call, interaction) = (self.id, self.interaction);
            let kind = EventKind::CallRinging { call, interaction, callee: self.party(CALLEE) };
            ctx.out.publish(ctx.now, Some(&self.tenant), kind);
        }
        self.pass_progress(ctx, status, message);
    }

    /// Lets the caller know. Early media passes only while a single fork rings: which of several should be heard?
    fn pass_progress(&mut self, ctx: &mut Ctx<'_>, status: u16, message: &Message) {
        let early = self.early_media(ctx, message);
        let Stage::Hunting(hunt) = &mut self.stage else { return };
        let seen = (status, early.is_some());
        if hunt.told.contains(&seen) {
            return;
        }
        hunt.told.push(seen);
        let caller = &self.legs[CALLER];
        if caller.confirmed {
            self.ring_back(ctx, early.is_some());
        } else if let Some(leg) = caller.sip {
            let reliable = caller.reliable;
            let mut reply = Reply::new(status);
            reply.reliable = reliable && early.is_some();
            if let Some(sdp) = early {
                reply = reply.with_body(Body::sdp(sdp));
            }
            ctx.sip.provisional(ctx.now.mono, leg, reply);
        }
    }

    /// Notes what a fork says about the carrier's address that it was sent to.
    fn found(&mut self, leg: sip::LegId, finding: Finding) {
        let Stage::Hunting(hunt) = &self.stage else { return };
        let Line::Trunk(trunk) = &hunt.place.line else { return };
        let fork = hunt.forks.iter().find(|fork| fork.sip == Some(leg));
        if let Some(place) = fork.and_then(|fork| fork.target.place) {
            self.findings.push((trunk.clone(), place, finding));
        }
    }

    fn ring_back(&mut self, ctx: &mut Ctx<'_>, early: bool) {
        let Some(stream) = self.legs[CALLER].media.audio() else { return };
        if early {
            ctx.out.media(self.worker, Order::StopPlay { stream });
        } else {
            let (play, prompts) = (ctx.ids.play(), vec![RINGBACK.to_owned()]);
            ctx.out.media(self.worker, Order::Play { stream, play, prompts, repeat: true });
        }
    }

    /// Takes an early description of the only fork: settles both legs and bridges them.
    fn early_media(&mut self, ctx: &mut Ctx<'_>, message: &Message) -> Option<Bytes> {
        let Stage::Hunting(hunt) = &self.stage else { return None };
        let alone = hunt.forks.len() == 1 && hunt.place.targets.is_empty() && hunt.offer.is_some();
        let sdp = sdp_of(message).ok().flatten().filter(|_| alone)?;
        let [caller, callee] = &mut self.legs;
        let answer = if caller.confirmed {
            Bytes::new()
        } else {
            caller.media.answer_from(ctx, &sdp).ok()?
        };
        callee.media.received(sdp);
        self.settle(ctx, None);
        Some(answer)
    }

    /// A fork answered: it wins.
    pub(crate) fn fork_answered(&mut self, ctx: &mut Ctx<'_>, leg: sip::LegId, message: &Message) {
        self.found(leg, Finding::Heard);
        let Stage::Hunting(hunt) = &mut self.stage else { return };
        let side = hunt.side;
        let offered = hunt.offer.is_some();
        let place_codecs = hunt.place.codecs.clone();
        let mut early = None;
        for fork in hunt.forks.drain(..) {
            if fork.sip == Some(leg) {
                early = fork.early.map(|sdp| *sdp);
            }
            if let Some(loser) = fork.sip.filter(|sip| *sip != leg) {
                ctx.sip.cancel(ctx.now.mono, loser, Some(completed_elsewhere()));
            }
        }
        self.legs[side].sip = Some(leg);
        self.legs[side].confirmed = true;
        let sdp = match sdp_of(message).map(|sdp| sdp.or(early)) {
            Ok(Some(sdp)) => sdp,
            Ok(None) | Err(_) => return self.fail(ctx, Outcome::of(EndCause::Incompatible)),
        };
        match (side, offered) {
            (CALLER, _) => self.caller_answered(ctx, sdp),
            (_, true) => self.callee_answered(ctx, sdp),
            (_, false) => self.callee_offered(ctx, sdp, &place_codecs),
        }
    }

    /// A fork ended without an answer.
    pub(crate) fn fork_failed(
        &mut self,
        ctx: &mut Ctx<'_>,
        leg: sip::LegId,
        status: u16,
        message: Option<&Message>,
    ) {
        let Stage::Hunting(hunt) = &mut self.stage else { return };
        let Some(index) = hunt.forks.iter().position(|fork| fork.sip == Some(leg)) else { return };
        let heard = message.is_some();
        self.found(
            leg,
            match message {
                Some(message) if status == 503 => Finding::Overloaded(message.retry_after()),
                Some(_) => Finding::Heard,
                None => Finding::Silent,
            },
        );
        let Stage::Hunting(hunt) = &mut self.stage else { return };
        let fork = hunt.forks.remove(index);
        if let (300..=399, Line::Extension(owner), Some(message)) =
            (status, &hunt.place.line, message)
        {
            let contact = message.contact().map(|contact| contact.uri_str().to_owned());
            if let Some(uri) = contact {
                let owner = owner.clone();
                let diversion = Diversion { by: fork.target.to, status };
                return self.follow(ctx, owner, diversion, uri);
            }
        }
        let outcome = match status {
            408 | 503 if !heard => Outcome::of(EndCause::Unreachable),
            status => Outcome::from_status(status),
        };
        if status >= 600 {
            self.end_search(ctx);
        }
        self.fork_lost(ctx, outcome);
    }

    /// A phone redirects: the others stop ringing and its owner's rights decide where it may lead.
    fn follow(
        &mut self,
        ctx: &mut Ctx<'_>,
        owner: ExtensionKey,
        diversion: Diversion,
        uri: String,
    ) {
        self.end_search(ctx);
        if self.diversions.len() >= usize::from(ctx.policy.calls.max_diversions) {
            return self.hop_failed(ctx, Outcome::from_status(482));
        }
        self.diversions.push(diversion);
        self.stage = Stage::Routing;
        self.wish = Some(Wish::Redirect { owner, uri });
    }

    /// Cancels all forks and forgets further targets.
    fn end_search(&mut self, ctx: &mut Ctx<'_>) {
        let Stage::Hunting(hunt) = &mut self.stage else { return };
        hunt.place.targets.clear();
        let reason = q850(Outcome::of(EndCause::NoAnswer));
        for leg in hunt.forks.drain(..).filter_map(|fork| fork.sip) {
            ctx.sip.cancel(ctx.now.mono, leg, Some(reason.clone()));
        }
    }

    fn fork_lost(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome) {
        let Stage::Hunting(hunt) = &mut self.stage else { return };
        let next = match outcome.may_fail_over() && hunt.forks.is_empty() {
            true => hunt.place.targets.pop_front(),
            false => None,
        };
        if let Some(next) = next {
            self.best_failure = Some(outcome.better(self.best_failure));
            return self.launch(ctx, next);
        }
        self.go_on_if_all_failed(ctx, outcome);
    }

    fn go_on_if_all_failed(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome) {
        let Stage::Hunting(hunt) = &self.stage else { return };
        if hunt.forks.is_empty() {
            self.hop_failed(ctx, outcome);
        } else {
            self.best_failure = Some(outcome.better(self.best_failure));
        }
    }

    /// The whole place has failed.
    fn hop_failed(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome) {
        let caller_missing = matches!(&self.stage, Stage::Hunting(hunt) if hunt.side == CALLER);
        let best = outcome.better(self.best_failure);
        self.best_failure = Some(best);
        if caller_missing {
            return self.fail(ctx, best);
        }
        self.legs[CALLEE].party = Party::Nobody;
        if best.may_fail_over() && best.status < 600 {
            self.next_hop(ctx);
        } else {
            self.hops.clear();
            self.give_up(ctx);
        }
    }

    /// A deadline of the search has come.
    pub(crate) fn hunt_timeout(&mut self, ctx: &mut Ctx<'_>) {
        let Stage::Hunting(hunt) = &mut self.stage else { return };
        if ctx.now.mono >= hunt.ring_deadline {
            self.end_search(ctx);
            return self.hop_failed(ctx, Outcome::of(EndCause::NoAnswer));
        }
        hunt.silence_deadline = None;
        let silent: SmallVec<[sip::LegId; 2]> =
            hunt.forks.iter().filter_map(|fork| fork.sip).collect();
        for leg in silent {
            self.found(leg, Finding::Silent);
        }
        let Stage::Hunting(hunt) = &mut self.stage else { return };
        let reason = q850(Outcome::of(EndCause::Unreachable));
        for leg in hunt.forks.drain(..).filter_map(|fork| fork.sip) {
            ctx.sip.cancel(ctx.now.mono, leg, Some(reason.clone()));
        }
        self.fork_lost(ctx, Outcome::of(EndCause::Unreachable));
    }
}
