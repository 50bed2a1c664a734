//! Agents' phones that ring beside a waiting caller, each with media of its own, until one of them is connected.
//!
//! An offer that is over has no candidate any more, so that whatever comes back late for it finds nothing.

use media::order::{Order, PlayId, StreamKind};
use media::sdp::CodecPolicy;
use sip::LegId;
use sip::endpoint::Reason;

use crate::stock::Family;
use crate::vocab::acd::OfferEnd;
use crate::vocab::record::EndCause;
use crate::vocab::{ConnectId, OfferId};

use super::attend::{After, Note};
use super::finish::{completed_elsewhere, q850};
use super::search::{Common, Search};
use super::{CALLEE, CALLER, Call, Ctx, Leg, LegMedia, Line, Outcome, Place, SECOND, Stage};

/// Candidates that one caller may have: more than any queue rings at once.
const MAX_CANDIDATES: usize = 64;
/// So long an agent has to press the confirm key.
pub(crate) const CONFIRM_LIMIT: u64 = 15 * SECOND;

/// An agent's phone that is rung for the caller.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) offer: OfferId,
    pub(crate) leg: Leg,
    line: Line,
    pub(crate) confirm: Option<char>,
    pub(crate) play: Option<PlayId>,
    pub(crate) state: State,
}

/// How far it is.
#[derive(Debug)]
pub(crate) enum State {
    Ringing(Box<Ringing>),
    /// Answered; the key is awaited.
    Confirming {
        deadline: u64,
    },
    Answered,
}

/// It has not answered.
#[derive(Debug)]
pub(crate) struct Ringing {
    pub(crate) search: Search,
    /// It said that it rings.
    pub(crate) heard: bool,
    pub(crate) best_failure: Option<Outcome>,
}

impl Candidate {
    /// What it occupies.
    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    /// When it does something by itself.
    pub(crate) fn deadline(&self) -> Option<u64> {
        match &self.state {
            State::Ringing(ringing) => ringing.search.deadline(),
            State::Confirming { deadline } => Some(*deadline),
            State::Answered => None,
        }
    }

    /// Its INVITE usages.
    pub(crate) fn sip_legs(&self) -> impl Iterator<Item = LegId> {
        let search = self.search().into_iter().flat_map(Search::legs);
        self.leg.sip.into_iter().chain(search)
    }

    /// The connections that it waits for.
    pub(crate) fn connecting(&self) -> impl Iterator<Item = ConnectId> {
        self.search().into_iter().flat_map(Search::connecting)
    }

    /// What contradicts itself.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        match &self.state {
            State::Ringing(ringing) if ringing.search.forks.is_empty() => {
                Some("has a candidate that rings nowhere")
            }
            State::Ringing(_) => None,
            _ if self.leg.sip.is_none() => Some("has a candidate without a leg"),
            _ => None,
        }
    }

    fn search(&self) -> Option<&Search> {
        match &self.state {
            State::Ringing(ringing) => Some(&ringing.search),
            _ => None,
        }
    }

    pub(crate) fn owns(&self, leg: LegId) -> bool {
        self.leg.sip == Some(leg) || self.search().is_some_and(|search| search.has(leg))
    }
}

impl Call {
    pub(crate) fn candidate(&mut self, leg: LegId) -> Option<&mut Candidate> {
        let Stage::Attending(attend) = &mut self.stage else { return None };
        attend.candidates.iter_mut().find(|candidate| candidate.owns(leg))
    }

    pub(crate) fn candidate_for(&mut self, offer: OfferId) -> Option<&mut Candidate> {
        let Stage::Attending(attend) = &mut self.stage else { return None };
        attend.candidates.iter_mut().find(|candidate| candidate.offer == offer)
    }

    fn take_candidate(&mut self, wanted: impl Fn(&Candidate) -> bool) -> Option<Candidate> {
        let Stage::Attending(attend) = &mut self.stage else { return None };
        let index = attend.candidates.iter().position(wanted)?;
        Some(attend.candidates.remove(index))
    }

    /// Rings an agent's phone for the caller. With `confirm` it must press this key after the answer. False if the
    /// caller is not in attendance, or has this offer already: nothing is told of it then.
    pub fn offer_agent(
        &mut self,
        ctx: &mut Ctx<'_>,
        offer: OfferId,
        place: Box<Place>,
        confirm: Option<char>,
    ) -> bool {
        let Stage::Attending(attend) = &self.stage else { return false };
        if attend.candidates.iter().any(|candidate| candidate.offer == offer) {
            return false;
        }
        let room = attend.candidates.len() < MAX_CANDIDATES;
        let Some(media) = room.then(|| self.candidate_media(ctx, &place)).flatten() else {
            self.notes.push(Note::AgentFailed(offer, OfferEnd::Unreachable));
            return true;
        };
        let mut leg = Leg::new(ctx.ids.leg(), place.party.clone(), media);
        let body = match self.legs[CALLER].media.theirs() {
            Some(theirs) => leg.media.offer_from(ctx, theirs, self.candidate_codecs(&place)),
            None => leg.media.offer_self(ctx),
        };
        leg.record = place.record;
        let line = place.line.clone();
        let search = Search::begin(ctx, self.common(), place, body);
        if search.forks.is_empty() {
            self.retire(ctx, leg.media);
            self.notes.push(Note::AgentFailed(offer, OfferEnd::Unreachable));
            return true;
        }
        let ringing = Ringing { search, heard: false, best_failure: None };
        let state = State::Ringing(Box::new(ringing));
        if let Stage::Attending(attend) = &mut self.stage {
            let candidate = Candidate { offer, leg, line, confirm, play: None, state };
            attend.candidates.push(candidate);
        }
        true
    }

    /// What the caller uses already comes first, so that it need not change when it is connected.
    fn candidate_codecs(&self, place: &Place) -> CodecPolicy {
        let mut codecs = place.codecs.clone();
        let settled = self.legs[CALLER].media.settled();
        let used = settled.iter().flatten().flat_map(|(_, config)| config.codecs.first());
        for codec in used.filter(|codec| codec.kind.is_audio()) {
            codecs.prefer.retain(|kind| *kind != codec.kind);
            codecs.prefer.insert(0, codec.kind);
        }
        codecs
    }

    /// Audio for a candidate: what the call has to spare for a callee, or another port of its worker.
    fn candidate_media(&mut self, ctx: &mut Ctx<'_>, place: &Place) -> Option<LegMedia> {
        let wanted = place.family();
        let spare = &mut self.legs[CALLEE].media;
        let fits = wanted.is_none_or(|wanted| spare.family() == Some(wanted));
        if let Some(spare) = fits.then(|| spare.take_open()).flatten() {
            return Some(spare);
        }
        let mut kinds = self.wanted_kinds();
        let audio = kinds.iter().position(|kind| *kind == Some(StreamKind::Audio))?;
        for (index, kind) in kinds.iter_mut().enumerate() {
            *kind = kind.filter(|_| index == audio);
        }
        let usual = if ctx.stock.knows(Family::V4) { Family::V4 } else { Family::V6 };
        let same = wanted.and_then(|wanted| ctx.stock.take_from(self.worker, &[wanted]));
        let ports = same.or_else(|| ctx.stock.take_from(self.worker, &[usual]))?;
        let mut media = LegMedia::default();
        media.open(ctx, self.worker, &kinds, &mut ports.into_iter());
        Some(media)
    }

    /// Whether somebody has answered for an offer and is asked for the key.
    pub fn is_asked(&self, offer: OfferId) -> bool {
        let asked = |own: &Candidate| matches!(own.state, State::Confirming { .. });
        self.candidates().iter().any(|own| own.offer == offer && asked(own))
    }

    /// Ends what rings or has answered for an offer. Twice does no harm.
    pub fn cancel_agent(&mut self, ctx: &mut Ctx<'_>, offer: OfferId, end: OfferEnd) {
        let Some(candidate) = self.take_candidate(|own| own.offer == offer) else { return };
        self.end_candidate(ctx, candidate, &reason_of(end));
    }

    /// Ends all candidates, by order: nothing is told of them.
    pub(crate) fn end_candidates(&mut self, ctx: &mut Ctx<'_>, reason: &Reason) {
        let Stage::Attending(attend) = &mut self.stage else { return };
        for candidate in std::mem::take(&mut attend.candidates) {
            self.end_candidate(ctx, candidate, reason);
        }
    }

    fn end_candidate(&mut self, ctx: &mut Ctx<'_>, mut candidate: Candidate, reason: &Reason) {
        if let State::Ringing(ringing) = &mut candidate.state {
            ringing.search.cancel(ctx, reason);
        }
        if let Some(leg) = candidate.leg.sip.take() {
            ctx.sip.bye(ctx.now.mono, leg, Some(reason.clone()));
        }
        self.retire(ctx, candidate.leg.media);
    }

    /// Ends a candidate that can no longer win.
    pub(crate) fn fail_candidate(&mut self, ctx: &mut Ctx<'_>, offer: OfferId, end: OfferEnd) {
        self.cancel_agent(ctx, offer, end);
        self.notes.push(Note::AgentFailed(offer, end));
    }

    /// Confirm keys that did not come, and carriers that said nothing.
    pub(crate) fn candidates_timeout(&mut self, ctx: &mut Ctx<'_>) {
        let common = Common { max_forwards: self.max_forwards, diversions: &self.diversions };
        let Stage::Attending(attend) = &mut self.stage else { return };
        let mut lost = Vec::new();
        for candidate in &mut attend.candidates {
            match &mut candidate.state {
                State::Confirming { deadline } if *deadline <= ctx.now.mono => {
                    lost.push((candidate.offer, OfferEnd::NoAnswer));
                }
                State::Ringing(ringing) => {
                    let outcome = Outcome::of(EndCause::Unreachable);
                    let silent = ringing.search.silent(ctx, &q850(outcome));
                    let is_silent = silent.is_some();
                    self.findings.extend(silent.into_iter().flatten());
                    if is_silent && !ringing.search.fail_over(ctx, common, outcome) {
                        lost.push((candidate.offer, OfferEnd::Unreachable));
                    }
                }
                _ => {}
            }
        }
        for (offer, end) in lost {
            self.fail_candidate(ctx, offer, end);
        }
    }

    /// Plays prompts to an agent who has answered. `None` if there is none.
    pub fn say_to_agent(
        &mut self,
        ctx: &mut Ctx<'_>,
        offer: OfferId,
        prompts: Vec<String>,
    ) -> Option<PlayId> {
        let worker = self.worker;
        let candidate = self.candidate_for(offer)?;
        let stream = candidate.leg.media.audio()?;
        if !matches!(candidate.state, State::Answered) || prompts.is_empty() {
            return None;
        }
        let play = ctx.ids.play();
        candidate.play = Some(play);
        ctx.out.media(worker, Order::Play { stream, play, prompts, repeat: false });
        Some(play)
    }

    /// Connects the caller with the agent who answered this offer; all others ring no longer. False if it cannot be.
    pub fn connect(
        &mut self,
        ctx: &mut Ctx<'_>,
        offer: OfferId,
        after: After,
        record: bool,
    ) -> bool {
        let answered = |own: &Candidate| own.offer == offer && matches!(own.state, State::Answered);
        let Some(winner) = self.take_candidate(answered) else { return false };
        self.end_candidates(ctx, &completed_elsewhere());
        if let Some(stream) = winner.leg.media.audio().filter(|_| winner.play.is_some()) {
            ctx.out.media(self.worker, Order::StopPlay { stream });
        }
        self.retire_callee(ctx);
        *self.on_record(CALLEE) = winner.leg.party.clone();
        self.legs[CALLEE] = winner.leg;
        self.legs[CALLEE].record |= record;
        if !self.talk_to_callee(ctx, after) {
            return false;
        }
        self.notes.push(Note::Connected(offer));
        true
    }
}

/// What an agent's phone is told about the end of an offer.
fn reason_of(end: OfferEnd) -> Reason {
    match end {
        OfferEnd::WonByAnother | OfferEnd::Answered => completed_elsewhere(),
        OfferEnd::NoAnswer => q850(Outcome::of(EndCause::NoAnswer)),
        OfferEnd::Busy => q850(Outcome::of(EndCause::Busy)),
        OfferEnd::Rejected => q850(Outcome::of(EndCause::Rejected)),
        OfferEnd::Unreachable => q850(Outcome::of(EndCause::Unreachable)),
        OfferEnd::CallerGone | OfferEnd::Withdrawn => q850(Outcome::of(EndCause::Normal)),
    }
}
