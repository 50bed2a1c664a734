//! What the phones of candidates do: they ring, answer, confirm, refuse, hang up.

use media::order::{Order, PlayId};
use media::sdp::Sdp;
use sip::endpoint::{Body, OfferBy, Reply, ServerTx};
use sip::message::Message;
use sip::{Flow, LegId};

use crate::vocab::acd::OfferEnd;
use crate::vocab::record::EndCause;
use crate::vocab::{ConnectId, EventKind, OfferId, WorkerId};

use super::attend::Note;
use super::candidates::{CONFIRM_LIMIT, Candidate, State};
use super::finish::q850;
use super::headers::{digit_in, sdp_of};
use super::search::Common;
use super::{Call, Ctx, Finding, Leg, Outcome, Stage};

/// Between two repetitions of a question.
const PAUSE: &str = "tones/pause";

impl Call {
    /// A phone of a candidate rings. False if the leg is no candidate's; likewise below.
    pub(crate) fn candidate_progress(
        &mut self,
        ctx: &mut Ctx<'_>,
        leg: LegId,
        message: &Message,
    ) -> bool {
        let Some(candidate) = self.candidate(leg) else { return false };
        let (offer, party) = (candidate.offer, candidate.leg.party.clone());
        let State::Ringing(ringing) = &mut candidate.state else { return true };
        let _ = ringing.search.progress(leg, message);
        let rings = matches!(message.status(), Some(180..=183));
        let first = rings && !ringing.heard;
        ringing.heard |= rings;
        let finding = ringing.search.finding(leg, Finding::Heard);
        self.findings.extend(finding);
        if first {
            self.record.ringing_at.get_or_insert(ctx.now.wall);
            let (call, interaction) = (self.id, self.interaction);
            let kind = EventKind::CallRinging { call, interaction, callee: party };
            ctx.out.publish(ctx.now, Some(&self.tenant), kind);
            self.notes.push(Note::AgentRinging(offer));
        }
        true
    }

    /// A phone of a candidate answered.
    pub(crate) fn candidate_answered(
        &mut self,
        ctx: &mut Ctx<'_>,
        leg: LegId,
        message: &Message,
    ) -> bool {
        let worker = self.worker;
        let Some(candidate) = self.candidate(leg) else { return false };
        let offer = candidate.offer;
        let State::Ringing(ringing) = &mut candidate.state else { return true };
        let finding = ringing.search.finding(leg, Finding::Heard);
        let sdp = ringing.search.won(ctx, leg, message);
        candidate.leg.sip = Some(leg);
        candidate.leg.confirmed = true;
        candidate.state = State::Answered;
        if let Ok(Some(sdp)) = sdp {
            candidate.leg.media.received(sdp);
        }
        candidate.leg.media.configure(ctx, worker, None);
        let heard = candidate.leg.media.settled().iter().any(Option::is_some);
        let confirm = candidate.confirm;
        self.findings.extend(finding);
        match confirm {
            _ if !heard => self.fail_candidate(ctx, offer, OfferEnd::Unreachable),
            Some(key) => self.ask_to_confirm(ctx, offer, key),
            None => self.notes.push(Note::AgentAnswered(offer)),
        }
        true
    }

    fn ask_to_confirm(&mut self, ctx: &mut Ctx<'_>, offer: OfferId, key: char) {
        let mut prompts = crate::voice::confirm(&self.language, key);
        prompts.push(PAUSE.to_owned());
        let (worker, play) = (self.worker, ctx.ids.play());
        let Some(candidate) = self.candidate_for(offer) else { return };
        candidate.state = State::Confirming { deadline: ctx.now.mono + CONFIRM_LIMIT };
        if let Some(stream) = candidate.leg.media.audio() {
            ctx.out.media(worker, Order::Play { stream, play, prompts, repeat: true });
        }
    }

    /// An INVITE to a candidate ended without an answer.
    pub(crate) fn candidate_failed(
        &mut self,
        ctx: &mut Ctx<'_>,
        leg: LegId,
        status: u16,
        message: Option<&Message>,
    ) -> bool {
        let common = Common { max_forwards: self.max_forwards, diversions: &self.diversions };
        let Stage::Attending(attend) = &mut self.stage else { return false };
        let Some(candidate) = attend.candidates.iter_mut().find(|own| own.owns(leg)) else {
            return false;
        };
        let offer = candidate.offer;
        let State::Ringing(ringing) = &mut candidate.state else { return true };
        // An agent's phone that redirects refuses: the offer is for this agent.
        let status = if (300..400).contains(&status) { 603 } else { status };
        let Some(failure) = ringing.search.failed(leg, status, message) else { return true };
        self.findings.extend(failure.finding);
        let outcome = failure.outcome;
        if status >= 600 {
            ringing.search.cancel(ctx, &q850(outcome));
        }
        let best = outcome.better(ringing.best_failure);
        ringing.best_failure = Some(best);
        let over =
            !ringing.search.fail_over(ctx, common, outcome) && ringing.search.forks.is_empty();
        let end = end_of(best, ringing.heard);
        if over {
            self.fail_candidate(ctx, offer, end);
        }
        true
    }

    /// A candidate's phone hung up before it was connected.
    pub(crate) fn candidate_ended(&mut self, ctx: &mut Ctx<'_>, leg: LegId) -> bool {
        let Some(candidate) = self.candidate(leg) else { return false };
        if candidate.leg.sip != Some(leg) {
            return self.candidate_failed(ctx, leg, 408, None);
        }
        candidate.leg.sip = None;
        let offer = candidate.offer;
        self.fail_candidate(ctx, offer, OfferEnd::Unreachable);
        true
    }

    /// A connection that candidates waited for is open, or cannot be had.
    pub(crate) fn candidates_connected(
        &mut self,
        ctx: &mut Ctx<'_>,
        id: ConnectId,
        flow: Option<Flow>,
    ) {
        let common = Common { max_forwards: self.max_forwards, diversions: &self.diversions };
        let Stage::Attending(attend) = &mut self.stage else { return };
        let mut lost = Vec::new();
        for candidate in &mut attend.candidates {
            let State::Ringing(ringing) = &mut candidate.state else { continue };
            let search = &mut ringing.search;
            if flow.is_none() {
                self.findings.extend(search.unreached(id));
            }
            if search.connected(ctx, common, id, flow) {
                continue;
            }
            let outcome = Outcome::of(EndCause::Unreachable);
            if !search.fail_over(ctx, common, outcome) && search.forks.is_empty() {
                let best = outcome.better(ringing.best_failure);
                lost.push((candidate.offer, end_of(best, ringing.heard)));
            }
        }
        for (offer, end) in lost {
            self.fail_candidate(ctx, offer, end);
        }
    }

    pub(crate) fn candidate_play_ended(&mut self, play: PlayId) {
        let Stage::Attending(attend) = &mut self.stage else { return };
        let Some(own) = attend.candidates.iter_mut().find(|own| own.play == Some(play)) else {
            return;
        };
        own.play = None;
        self.notes.push(Note::AgentSaid { offer: own.offer, play });
    }

    /// A candidate pressed a key: on its stream, or by INFO.
    pub(crate) fn candidate_key(
        &mut self,
        ctx: &mut Ctx<'_>,
        owner: impl Fn(&Leg) -> bool,
        digit: char,
    ) {
        let worker = self.worker;
        let Stage::Attending(attend) = &mut self.stage else { return };
        let Some(own) = attend.candidates.iter_mut().find(|own| owner(&own.leg)) else { return };
        if !matches!(own.state, State::Confirming { .. }) || own.confirm != Some(digit) {
            return;
        }
        own.state = State::Answered;
        let offer = own.offer;
        if let Some(stream) = own.leg.media.audio() {
            ctx.out.media(worker, Order::StopPlay { stream });
        }
        self.notes.push(Note::AgentAnswered(offer));
    }

    /// A request in a candidate's dialog.
    pub(crate) fn candidate_requested(
        &mut self,
        ctx: &mut Ctx<'_>,
        leg: LegId,
        tx: ServerTx,
        message: &Message,
    ) {
        let digit = digit_in(message);
        let status = if digit.is_some() { 200 } else { 501 };
        ctx.sip.respond(ctx.now.mono, tx, Reply::new(status));
        if let Some((digit, _)) = digit {
            self.candidate_key(ctx, |own| own.sip == Some(leg), digit);
        }
    }

    /// A candidate that has answered offers other media, or holds.
    pub(crate) fn candidate_offered(
        &mut self,
        ctx: &mut Ctx<'_>,
        leg: LegId,
        message: &Message,
        by: OfferBy,
    ) {
        let worker = self.worker;
        let answered = |own: &&mut Candidate| own.leg.sip == Some(leg);
        match self.candidate(leg).filter(answered) {
            Some(own) => answer_alone(ctx, worker, &mut own.leg, leg, message, by),
            // Before its answer; an offer in a provisional response cannot be refused and is none that we asked for.
            None if by != OfferBy::Early => ctx.sip.refuse_offer(ctx.now.mono, leg, 488),
            None => {}
        }
    }

    /// A candidate answered an offer that it had asked for.
    pub(crate) fn candidate_acked(&mut self, ctx: &mut Ctx<'_>, leg: LegId, body: Option<Sdp>) {
        let worker = self.worker;
        let (Some(own), Some(sdp)) = (self.candidate(leg), body) else { return };
        own.leg.media.received(sdp);
        own.leg.holds = own.leg.media.is_held_by_peer();
        own.leg.media.configure(ctx, worker, None);
    }
}

/// Answers a leg's offer where the switch itself is the other end.
fn answer_alone(
    ctx: &mut Ctx<'_>,
    worker: WorkerId,
    own: &mut Leg,
    leg: LegId,
    message: &Message,
    by: OfferBy,
) {
    let now = ctx.now.mono;
    let body = match sdp_of(message) {
        Ok(Some(sdp)) => {
            let previous = own.media.theirs().cloned();
            own.media.received(sdp);
            let answer = own.media.answer_self(ctx).ok();
            if let (None, Some(previous)) = (&answer, previous) {
                own.media.received(previous);
            }
            answer
        }
        Ok(None) if by == OfferBy::Reinvite => own.media.offer_again(),
        Ok(None) => return ctx.sip.answer_offer(now, leg, None),
        Err(_) => None,
    };
    let Some(body) = body else { return ctx.sip.refuse_offer(now, leg, 488) };
    ctx.sip.answer_offer(now, leg, Some(Body::sdp(body)));
    own.holds = own.media.is_held_by_peer();
    own.media.configure(ctx, worker, None);
}

/// What a failed search means for the offer.
fn end_of(outcome: Outcome, rang: bool) -> OfferEnd {
    match outcome.cause {
        EndCause::Busy => OfferEnd::Busy,
        EndCause::Rejected | EndCause::Forbidden => OfferEnd::Rejected,
        EndCause::NoAnswer if rang => OfferEnd::NoAnswer,
        // 480 without ringing: do not disturb.
        EndCause::NoAnswer => OfferEnd::Rejected,
        _ => OfferEnd::Unreachable,
    }
}
