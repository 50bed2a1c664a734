//! Looking for somebody who answers: hop after hop.

use bytes::Bytes;
use media::order::Order;
use sip::Flow;
use sip::endpoint::{Body, Reply};
use sip::message::Message;
use smallvec::SmallVec;

use crate::vocab::record::{EndCause, Party};
use crate::vocab::{ConnectId, EventKind, ExtensionKey, Hop};

use super::finish::q850;
use super::headers::sdp_of;
use super::search::{Common, Search};
use super::{
    CALLEE, CALLER, Call, Ctx, Diversion, DivertReason, Finding, Found, Line, Outcome, Place,
    Stage, Wish,
};

/// What the originating caller hears while the other side rings.
const RINGBACK: &str = "tones/ringback";

/// The search at one place.
#[derive(Debug)]
pub(crate) struct Hunt {
    /// Which leg is being looked for.
    side: usize,
    pub(crate) search: Search,
    ring_deadline: u64,
    /// What tells the caller most of those forks that have failed.
    best: Option<Outcome>,
    /// Provisional statuses that the caller has seen, with and without a description.
    told: SmallVec<[(u16, bool); 4]>,
}

impl Hunt {
    /// The next moment at which the search goes on by itself.
    pub(crate) fn deadline(&self) -> Option<u64> {
        Some(self.search.deadline().map_or(self.ring_deadline, |at| at.min(self.ring_deadline)))
    }

    /// Whether it is the callee who is looked for.
    pub(crate) fn looks_for_callee(&self) -> bool {
        self.side == CALLEE
    }

    /// What the place occupies.
    pub(crate) fn line(&self) -> Option<&Line> {
        Some(&self.search.place.line)
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
        if self.returns.is_some() {
            return self.not_reached(ctx, outcome);
        }
        self.explain_failure(ctx, outcome);
    }

    /// The switch answers [`Wish::Locate`].
    pub fn located(&mut self, ctx: &mut Ctx<'_>, found: Found) {
        if !matches!(self.stage, Stage::Routing) {
            return;
        }
        match found {
            Found::Ring(mut place) => {
                if let Some(secs) = self.ring_secs {
                    place.ring = place.ring.min(u64::from(secs.max(1)) * super::SECOND);
                }
                self.ring(ctx, CALLEE, place);
            }
            Found::Echo => self.start_echo(ctx),
            Found::Sound(name) => self.start_sound(ctx, name),
            Found::Attend(attendance) => self.attend(ctx, attendance),
            Found::Nothing(outcome) => self.hop_failed(ctx, outcome),
            Found::Refused(outcome, prompt) => self.refuse(ctx, outcome, prompt),
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
    pub(crate) fn ring(&mut self, ctx: &mut Ctx<'_>, side: usize, place: Box<Place>) {
        self.legs[side].party = place.party.clone();
        self.legs[side].record = place.record;
        if side == CALLEE {
            self.record.callee = place.party.clone();
            self.match_family(ctx, &place);
            if !self.has_callee_ports(ctx, &place) {
                return self.hop_over(ctx, Outcome::of(EndCause::Congestion));
            }
        }
        let offer = self.offer_for(ctx, side, &place);
        let ring_deadline = ctx.now.mono + place.ring;
        let search = Search::begin(ctx, self.common(), place, offer);
        let hunt = Hunt { side, search, ring_deadline, best: None, told: SmallVec::new() };
        self.stage = Stage::Hunting(Box::new(hunt));
        self.go_on_if_all_failed(ctx, Outcome::of(EndCause::Unreachable));
    }

    /// What all INVITEs of the call have in common.
    pub(crate) fn common(&self) -> Common<'_> {
        Common { max_forwards: self.max_forwards, diversions: &self.diversions }
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

    /// A connection that the call waits for is open, or cannot be had.
    pub fn connected(&mut self, ctx: &mut Ctx<'_>, id: ConnectId, flow: Option<Flow>) {
        let common = Common { max_forwards: self.max_forwards, diversions: &self.diversions };
        if let Some(first) = &mut self.first {
            self.findings.extend(first.unreached(id).filter(|_| flow.is_none()));
            first.connected(id, flow);
        }
        if matches!(self.stage, Stage::Attending(_)) {
            return self.candidates_connected(ctx, id, flow);
        }
        let Stage::Hunting(hunt) = &mut self.stage else { return };
        if flow.is_none() {
            self.findings.extend(hunt.search.unreached(id));
        }
        if !hunt.search.connected(ctx, common, id, flow) {
            self.fork_lost(ctx, Outcome::of(EndCause::Unreachable));
        }
    }

    /// A provisional response arrived.
    pub(crate) fn fork_progress(&mut self, ctx: &mut Ctx<'_>, leg: sip::LegId, message: &Message) {
        if self.candidate_progress(ctx, leg, message) {
            return;
        }
        let status = message.status().unwrap_or(100);
        let Stage::Hunting(hunt) = &mut self.stage else { return };
        if hunt.search.progress(leg, message).is_none() {
            return;
        }
        let outgoing = hunt.side == CALLEE;
        self.found(leg, Finding::Heard);
        if status == 100 {
            return;
        }
        if !outgoing {
            return self.caller_rings(ctx, status);
        }
        if matches!(status, 180..=183) && self.record.ringing_at.is_none() {
            self.record.ringing_at = Some(ctx.now.wall);
            let (call, interaction) = (self.id, self.interaction);
            let kind = EventKind::CallRinging { call, interaction, callee: self.party(CALLEE) };
            ctx.out.publish(ctx.now, Some(&self.tenant), kind);
        }
        self.pass_progress(ctx, status, message);
    }

    /// The phone of whoever the call was begun for: told once.
    fn caller_rings(&mut self, ctx: &mut Ctx<'_>, status: u16) {
        let Stage::Hunting(hunt) = &mut self.stage else { return };
        if hunt.told.is_empty() && matches!(status, 180..=183) {
            hunt.told.push((status, false));
            let (call, interaction) = (self.id, self.interaction);
            let kind = EventKind::CallerRinging { call, interaction, caller: self.party(CALLER) };
            ctx.out.publish(ctx.now, Some(&self.tenant), kind);
        }
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
        if caller.confirmed || caller.described {
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
        self.findings.extend(hunt.search.finding(leg, finding));
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

    /// Who came into the caller's place hears what that one heard.
    pub(crate) fn hear_progress(&mut self, ctx: &mut Ctx<'_>) {
        if self.legs[CALLEE].media.theirs().is_some() {
            self.settle(ctx, None);
        } else {
            self.ring_back(ctx, false);
        }
    }

    /// Takes an early description of the only fork: settles both legs and bridges them.
    fn early_media(&mut self, ctx: &mut Ctx<'_>, message: &Message) -> Option<Bytes> {
        let Stage::Hunting(hunt) = &self.stage else { return None };
        let search = &hunt.search;
        let alone =
            search.forks.len() == 1 && search.place.targets.is_empty() && search.offer.is_some();
        let sdp = sdp_of(message).ok().flatten().filter(|_| alone)?;
        let [caller, callee] = &mut self.legs;
        let answer = if caller.confirmed || caller.described {
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
        if self.candidate_answered(ctx, leg, message) {
            return;
        }
        self.found(leg, Finding::Heard);
        let Stage::Hunting(hunt) = &mut self.stage else { return };
        let side = hunt.side;
        let offered = hunt.search.offer.is_some();
        let place_codecs = hunt.search.place.codecs.clone();
        let sdp = hunt.search.won(ctx, leg, message);
        self.legs[side].sip = Some(leg);
        self.legs[side].confirmed = true;
        let sdp = match sdp {
            Ok(Some(sdp)) => sdp,
            Ok(None) | Err(_) => return self.unusable(ctx, Outcome::of(EndCause::Incompatible)),
        };
        match (side, offered) {
            (CALLER, _) => {
                let (call, interaction) = (self.id, self.interaction);
                let caller = self.party(CALLER);
                let kind = EventKind::CallerAnswered { call, interaction, caller };
                ctx.out.publish(ctx.now, Some(&self.tenant), kind);
                self.caller_answered(ctx, sdp);
            }
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
        if self.candidate_failed(ctx, leg, status, message) {
            return;
        }
        let Stage::Hunting(hunt) = &mut self.stage else { return };
        let Some(failure) = hunt.search.failed(leg, status, message) else { return };
        self.findings.extend(failure.finding);
        if let (300..=399, Line::Extension(owner), Some(message)) =
            (status, &hunt.search.place.line, message)
        {
            let contact = message.contact().map(|contact| contact.uri_str().to_owned());
            if let Some(uri) = contact {
                let owner = owner.clone();
                let diversion = Diversion {
                    by: failure.fork.target.to,
                    outside: None,
                    reason: DivertReason::of_status(status),
                    owner: owner.clone(),
                };
                return self.follow(ctx, owner, diversion, uri);
            }
        }
        if status >= 600 {
            self.end_search(ctx);
        }
        self.fork_lost(ctx, failure.outcome);
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
        hunt.search.cancel(ctx, &q850(Outcome::of(EndCause::NoAnswer)));
    }

    fn fork_lost(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome) {
        let common = Common { max_forwards: self.max_forwards, diversions: &self.diversions };
        let Stage::Hunting(hunt) = &mut self.stage else { return };
        hunt.best = Some(outcome.better(hunt.best));
        if hunt.search.fail_over(ctx, common, outcome) {
            self.best_failure = Some(outcome.better(self.best_failure));
            return;
        }
        self.go_on_if_all_failed(ctx, outcome);
    }

    fn go_on_if_all_failed(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome) {
        let Stage::Hunting(hunt) = &self.stage else { return };
        if hunt.search.forks.is_empty() {
            self.hop_failed(ctx, outcome);
        } else {
            self.best_failure = Some(outcome.better(self.best_failure));
        }
    }

    /// The whole place has failed. The owner of its phones may have the call sent on.
    fn hop_failed(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome) {
        if let Stage::Hunting(hunt) = &self.stage
            && let (CALLEE, Line::Extension(owner)) = (hunt.side, &hunt.search.place.line)
            && !hunt.search.place.auto_answer
        {
            let (owner, outcome) = (owner.clone(), outcome.better(hunt.best));
            self.best_failure = Some(outcome.better(self.best_failure));
            self.stage = Stage::Routing;
            self.wish = Some(Wish::Unanswered { owner, outcome });
            return;
        }
        self.hop_over(ctx, outcome);
    }

    /// Goes on with the places that are left, or gives up.
    pub(crate) fn hop_over(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome) {
        let caller_missing = matches!(&self.stage, Stage::Hunting(hunt) if hunt.side == CALLER);
        let best = outcome.better(self.best_failure);
        self.best_failure = Some(best);
        if caller_missing {
            return self.fail(ctx, best);
        }
        self.legs[CALLEE].party = Party::Nobody;
        // A mailbox takes whoever is not wanted or comes at a bad time.
        let mailbox = matches!(self.hops.front(), Some(Hop::Voicemail(_)));
        if mailbox || (best.may_fail_over() && best.status < 600) {
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
        let reason = q850(Outcome::of(EndCause::Unreachable));
        let Some(silent) = hunt.search.silent(ctx, &reason) else { return };
        self.findings.extend(silent);
        self.fork_lost(ctx, Outcome::of(EndCause::Unreachable));
    }
}
