//! Two legs that are connected: their media, hold and resume, changes of media, keys, and requests within the dialogs.

use media::order::Order;
use media::sdp::{CodecPolicy, Sdp};
use sip::endpoint::{Body, OfferBy, Reply};
use sip::message::Message;

use crate::vocab::EventKind;
use crate::vocab::record::EndCause;
use crate::vocab::recording::BegunBy;

use super::attend::{After, Note};
use super::demand::Pressed;
use super::headers::sdp_of;
use super::mixed::Mixed;
use super::start::line_kinds;
use super::{CALLEE, CALLER, Call, Ctx, Outcome, SECOND, Stage, other};

/// A conversation.
#[derive(Debug)]
pub(crate) struct Talk {
    /// The longest duration; `None` is unlimited.
    pub(crate) deadline: Option<u64>,
    /// The leg whose change of media the other leg is being asked about.
    pub(crate) asking: Option<usize>,
    /// The caller has not answered the description in our 200 yet (its INVITE had none).
    awaiting: Awaiting,
    /// What the callee's end means.
    after: After,
    /// More than the two take part.
    pub(crate) mixed: Option<Mixed>,
    /// What each party pressed last.
    pub(super) pressed: [Pressed; 2],
}

/// For what the caller's answer to the description in our 200 is awaited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Awaiting {
    /// It is not.
    #[default]
    No,
    /// The callee's 200 made the offer and waits for its answer in our ACK.
    ForCallee,
    /// The callee's side is settled.
    ForMedia,
}

impl Talk {
    /// No description's answer is on its way.
    pub(crate) fn is_settled(&self) -> bool {
        self.awaiting == Awaiting::No
    }
}

impl Call {
    /// The caller of an originated call has answered: now for the other side.
    pub(crate) fn caller_answered(&mut self, ctx: &mut Ctx<'_>, sdp: Sdp) {
        let caller = &mut self.legs[CALLER];
        caller.media.received(sdp);
        caller.media.configure(ctx, self.worker, None);
        match self.attend_first.take() {
            Some(attendance) => {
                self.record.answered_at = Some(ctx.now.wall);
                self.attend(ctx, attendance);
            }
            None => self.next_hop(ctx),
        }
    }

    /// The callee has answered our description.
    pub(crate) fn callee_answered(&mut self, ctx: &mut Ctx<'_>, sdp: Sdp) {
        let [caller, callee] = &mut self.legs;
        if caller.confirmed || caller.described {
            // What was settled with the caller before stays: an answer that nobody sends is none.
            callee.media.received(sdp);
            let after = self.returns.unwrap_or(After::End);
            self.talk_to_callee(ctx, after);
            return;
        }
        let answer = caller.media.answer_from(ctx, &sdp);
        callee.media.received(sdp);
        let Ok(answer) = answer else {
            return self.fail(ctx, Outcome::of(EndCause::Incompatible));
        };
        if let Some(leg) = caller.sip {
            ctx.sip.accept(ctx.now.mono, leg, Reply::new(200).with_body(Body::sdp(answer)));
        }
        caller.confirmed = true;
        self.begin_talk(ctx, Awaiting::No, After::End);
    }

    /// Connects the caller, answered or not, with a callee whose own media is settled. False if they have none in common.
    pub(crate) fn talk_to_callee(&mut self, ctx: &mut Ctx<'_>, after: After) -> bool {
        let [caller, callee] = &mut self.legs;
        let late = caller.media.theirs().is_none();
        if !caller.confirmed {
            let theirs = callee.media.theirs();
            let body = match theirs {
                _ if caller.described => caller.media.ours_again(),
                Some(theirs) if late => {
                    caller.media.offer_from(ctx, theirs, CodecPolicy::default())
                }
                Some(theirs) => caller.media.answer_from(ctx, theirs).ok(),
                None => None,
            };
            let (Some(body), Some(leg)) = (body, caller.sip) else {
                self.fail(ctx, Outcome::of(EndCause::Incompatible));
                return false;
            };
            caller.confirmed = true;
            ctx.sip.accept(ctx.now.mono, leg, Reply::new(200).with_body(Body::sdp(body)));
        }
        let awaiting = if late { Awaiting::ForMedia } else { Awaiting::No };
        self.begin_talk(ctx, awaiting, after);
        if !late {
            self.align_caller(ctx);
        }
        for side in [CALLER, CALLEE] {
            if self.legs[side].holds {
                self.play_hold_music(ctx, side, true);
            }
        }
        true
    }

    /// Whether the caller stays when the callee leaves.
    pub(crate) fn keeps_caller(&self) -> bool {
        matches!(&self.stage, Stage::Talking(talk) if talk.after == After::Keep)
    }

    /// A party leaves the conversation: a change that the other one was asked about is refused.
    pub(crate) fn end_asking(&mut self, ctx: &mut Ctx<'_>) {
        let Stage::Talking(talk) = &mut self.stage else { return };
        let asker = talk.asking.take().and_then(|side| self.legs.get(side));
        if let Some(leg) = asker.and_then(|leg| leg.sip) {
            ctx.sip.refuse_offer(ctx.now.mono, leg, 488);
        }
    }

    /// A caller who was answered before the callee was known is asked to use what the callee understands.
    fn align_caller(&mut self, ctx: &mut Ctx<'_>) {
        let [caller, callee] = &mut self.legs;
        if caller.media.understands(&callee.media) {
            return;
        }
        let (Some(leg), Some(theirs)) = (caller.sip, callee.media.theirs()) else { return };
        if let Some(offer) = caller.media.offer_from(ctx, theirs, CodecPolicy::default()) {
            ctx.sip.reoffer(ctx.now.mono, leg, Some(Body::sdp(offer)));
        }
    }

    /// The callee has made an offer in its 200, since the caller had none: it becomes the offer of our 200.
    pub(crate) fn callee_offered(&mut self, ctx: &mut Ctx<'_>, sdp: Sdp, codecs: &CodecPolicy) {
        let [caller, callee] = &mut self.legs;
        let offer = caller.media.offer_from(ctx, &sdp, codecs.clone());
        callee.media.received(sdp);
        match (caller.sip, offer) {
            (Some(leg), Some(offer)) => {
                ctx.sip.accept(ctx.now.mono, leg, Reply::new(200).with_body(Body::sdp(offer)));
                caller.confirmed = true;
                self.begin_talk(ctx, Awaiting::ForCallee, After::End);
            }
            _ => self.fail(ctx, Outcome::of(EndCause::Incompatible)),
        }
    }

    fn begin_talk(&mut self, ctx: &mut Ctx<'_>, awaiting: Awaiting, after: After) {
        let longest = u64::from(ctx.policy.calls.max_secs) * SECOND;
        self.stage = Stage::Talking(Talk {
            deadline: (longest > 0).then(|| ctx.now.mono + longest),
            asking: None,
            awaiting,
            after,
            mixed: None,
            pressed: Default::default(),
        });
        self.record.answered_at.get_or_insert(ctx.now.wall);
        self.reached();
        if after == After::End {
            self.invite = None;
        }
        if let Some(stream) = self.legs[CALLER].media.audio() {
            ctx.out.media(self.worker, Order::StopPlay { stream });
        }
        if awaiting == Awaiting::No {
            self.settle(ctx, self.silence_limit(ctx));
        }
        let (call, interaction, callee) = (self.id, self.interaction, self.party(CALLEE));
        let kind = EventKind::CallAnswered { call, interaction, callee };
        ctx.out.publish(ctx.now, Some(&self.tenant), kind);
        if self.legs.iter().any(|leg| leg.record) {
            self.start_recording(ctx, BegunBy::Policy);
        }
    }

    /// How long a party may be silent before the call counts as dead; never limited while somebody is on hold.
    pub(crate) fn silence_limit(&self, ctx: &Ctx<'_>) -> Option<u64> {
        let held = self.legs.iter().any(|leg| leg.holds);
        let limit = u64::from(ctx.policy.media.timeout_secs) * SECOND;
        (limit > 0 && !held).then_some(limit)
    }

    /// Tells the worker what offer and answer settled on both legs, and connects line by line.
    pub(crate) fn settle(&mut self, ctx: &mut Ctx<'_>, silence_limit: Option<u64>) {
        for leg in &self.legs {
            leg.media.configure(ctx, self.worker, silence_limit);
        }
        self.connect_lines(ctx);
    }

    /// The caller acknowledged our 200, or a leg our 200 to its re-INVITE. A body is the answer to an offer of ours.
    pub(crate) fn acked(&mut self, ctx: &mut Ctx<'_>, side: usize, body: Option<Sdp>) {
        let unsettled = self.legs[side].media.theirs().is_none();
        match body {
            Some(sdp) => self.legs[side].media.received(sdp),
            None if unsettled => return self.fail(ctx, Outcome::of(EndCause::Incompatible)),
            None => return,
        }
        let awaited = match &mut self.stage {
            Stage::Talking(talk) if side == CALLER => std::mem::take(&mut talk.awaiting),
            _ => Awaiting::No,
        };
        if awaited == Awaiting::ForCallee {
            return self.answer_callee(ctx);
        }
        self.after_change(ctx, side);
        if awaited == Awaiting::ForMedia {
            self.align_caller(ctx);
        }
        self.begin_service(ctx);
        if unsettled && side == CALLER {
            self.caller_described(ctx);
        }
    }

    /// The caller's answer goes to the callee in our ACK.
    fn answer_callee(&mut self, ctx: &mut Ctx<'_>) {
        let [caller, callee] = &mut self.legs;
        let answer = caller.media.theirs().map(|sdp| callee.media.answer_from(ctx, sdp));
        match (answer, callee.sip) {
            (Some(Ok(answer)), Some(leg)) => {
                ctx.sip.ack(ctx.now.mono, leg, Some(Body::sdp(answer)));
                self.settle(ctx, self.silence_limit(ctx));
            }
            _ => self.fail(ctx, Outcome::of(EndCause::Incompatible)),
        }
    }

    /// A leg wants other media, or has put us on hold, or resumes.
    pub(crate) fn offered(
        &mut self,
        ctx: &mut Ctx<'_>,
        side: usize,
        message: &Message,
        by: OfferBy,
    ) {
        let Some(leg) = self.legs[side].sip else { return };
        let sdp = match sdp_of(message) {
            Ok(Some(sdp)) => sdp,
            Ok(None) if by == OfferBy::Reinvite => return self.offer_ours(ctx, side, leg),
            Ok(None) => return ctx.sip.answer_offer(ctx.now.mono, leg, None),
            Err(_) => return ctx.sip.refuse_offer(ctx.now.mono, leg, 488),
        };
        if self.legs[other(side)].media.theirs().is_none() && !self.is_alone() {
            return ctx.sip.refuse_offer(ctx.now.mono, leg, 491);
        }
        let previous = self.legs[side].media.theirs().cloned();
        self.legs[side].media.received(sdp);
        if let Some(body) = self.answer_alone(ctx, side) {
            ctx.sip.answer_offer(ctx.now.mono, leg, Some(Body::sdp(body)));
            return self.after_change(ctx, side);
        }
        if self.is_alone() || !self.ask_other(ctx, side) {
            if let Some(previous) = previous {
                self.legs[side].media.received(previous);
            }
            ctx.sip.refuse_offer(ctx.now.mono, leg, 488);
        }
    }

    fn offer_ours(&mut self, ctx: &mut Ctx<'_>, side: usize, leg: sip::LegId) {
        match self.legs[side].media.offer_again() {
            Some(body) => ctx.sip.answer_offer(ctx.now.mono, leg, Some(Body::sdp(body))),
            None => ctx.sip.refuse_offer(ctx.now.mono, leg, 488),
        }
    }

    /// Answers a change that does not concern the other leg: hold, resume, a new address, a refresh.
    fn answer_alone(&mut self, ctx: &mut Ctx<'_>, side: usize) -> Option<bytes::Bytes> {
        if self.is_alone() {
            return self.legs[side].media.answer_self(ctx).ok();
        }
        let theirs = self.legs[other(side)].media.theirs()?.clone();
        let now = line_kinds(self.legs[side].media.theirs()?);
        let same = now == line_kinds(&theirs)
            || (is_only_audio(&now) && is_only_audio(&line_kinds(&theirs)));
        if !same {
            return None;
        }
        self.legs[side].media.answer_from(ctx, &theirs).ok()
    }

    /// Passes a change on to the other leg; its answer comes back in `offer_answered`.
    fn ask_other(&mut self, ctx: &mut Ctx<'_>, side: usize) -> bool {
        let Some(theirs) = self.legs[side].media.theirs().cloned() else { return false };
        if !self.add_lines(ctx, &theirs) {
            return false;
        }
        let Some(leg) = self.legs[other(side)].sip else { return false };
        let Stage::Talking(talk) = &mut self.stage else { return false };
        if talk.asking.is_some() {
            return false;
        }
        let media = &mut self.legs[other(side)].media;
        let Some(offer) = media.offer_from(ctx, &theirs, CodecPolicy::default()) else {
            return false;
        };
        talk.asking = Some(side);
        ctx.sip.reoffer(ctx.now.mono, leg, Some(Body::sdp(offer)));
        true
    }

    /// Opens ports on both legs for media lines that are new.
    fn add_lines(&mut self, ctx: &mut Ctx<'_>, sdp: &Sdp) -> bool {
        let kinds = line_kinds(sdp);
        let mut wanted = Vec::new();
        for leg in &self.legs {
            let Some(family) = leg.media.family() else { return false };
            let needed = kinds.iter().skip(leg.media.line_count()).flatten().count();
            wanted.extend(std::iter::repeat_n(family, needed));
        }
        let Some(ports) = ctx.stock.take_from(self.worker, &wanted) else { return false };
        let mut ports = ports.into_iter();
        for leg in &mut self.legs {
            let new = kinds.get(leg.media.line_count()..).unwrap_or_default();
            leg.media.open(ctx, self.worker, new, &mut ports);
        }
        true
    }

    /// The other leg took the change.
    pub(crate) fn offer_answered(&mut self, ctx: &mut Ctx<'_>, side: usize, message: &Message) {
        let Ok(Some(sdp)) = sdp_of(message) else { return };
        self.legs[side].moving = false;
        self.legs[side].media.received(sdp);
        if self.is_alone() {
            return self.after_change(ctx, side);
        }
        let Stage::Talking(talk) = &mut self.stage else { return };
        if talk.asking.take() == Some(other(side)) {
            let [caller, callee] = &mut self.legs;
            let (asker, asked) =
                if side == CALLER { (callee, &*caller) } else { (caller, &*callee) };
            let answer = asked.media.theirs().map(|theirs| asker.media.answer_from(ctx, theirs));
            match (asker.sip, answer) {
                (Some(leg), Some(Ok(answer))) => {
                    ctx.sip.answer_offer(ctx.now.mono, leg, Some(Body::sdp(answer)));
                }
                (Some(leg), _) => ctx.sip.refuse_offer(ctx.now.mono, leg, 488),
                (None, _) => {}
            }
        }
        self.after_change(ctx, side);
    }

    /// The other leg refused the change: so do we.
    pub(crate) fn offer_refused(&mut self, ctx: &mut Ctx<'_>, side: usize, status: u16) {
        if self.legs[side].moving {
            // It goes on sending to where nobody listens.
            return self.fail(ctx, Outcome::of(EndCause::Incompatible));
        }
        let Stage::Talking(talk) = &mut self.stage else { return };
        let asked = talk.asking.take() == Some(other(side));
        if let Some(leg) = self.legs[other(side)].sip.filter(|_| asked) {
            ctx.sip.refuse_offer(ctx.now.mono, leg, status);
        }
    }

    /// Media of a leg changed: hold music starts or stops, and the worker is told.
    fn after_change(&mut self, ctx: &mut Ctx<'_>, side: usize) {
        let own = &self.legs[side];
        let held = own.media.is_held_by_peer() || own.told_to_hold;
        let before = std::mem::replace(&mut self.legs[side].holds, held);
        if self.is_alone() {
            if held != before && self.attended {
                self.notes.push(Note::Held(held));
            }
            return self.configure_caller(ctx);
        }
        self.settle(ctx, self.silence_limit(ctx));
        if held != before {
            self.play_hold_music(ctx, side, held);
        }
    }

    /// A party holds the other one, or resumes, by order: they do not hear each other meanwhile.
    pub fn hold(&mut self, ctx: &mut Ctx<'_>, side: usize, holds: bool) {
        if matches!(self.stage, Stage::Talking(_)) && self.legs[side].told_to_hold != holds {
            self.legs[side].told_to_hold = holds;
            self.after_change(ctx, side);
        }
    }

    /// The party that is held hears music.
    fn play_hold_music(&mut self, ctx: &mut Ctx<'_>, side: usize, held: bool) {
        let (call, interaction, by) = (self.id, self.interaction, self.party(side));
        let kind = if held {
            EventKind::CallHeld { call, interaction, by }
        } else {
            EventKind::CallResumed { call, interaction, by }
        };
        ctx.out.publish(ctx.now, Some(&self.tenant), kind);
        let Some(stream) = self.legs[other(side)].media.audio() else { return };
        let order = if held {
            let (play, prompts) = (ctx.ids.play(), vec![ctx.policy.hold_music(&self.tenant)]);
            Order::Play { stream, play, prompts, repeat: true }
        } else {
            Order::StopPlay { stream }
        };
        ctx.out.media(self.worker, order);
    }
}

fn is_only_audio(kinds: &[Option<media::order::StreamKind>]) -> bool {
    let mut active = kinds.iter().flatten();
    active.next() == Some(&media::order::StreamKind::Audio) && active.next().is_none()
}
