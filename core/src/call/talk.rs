//! Two legs that are connected: their media, hold and resume, changes of media, keys, and requests within the dialogs.

use media::order::{Order, StreamId};
use media::sdp::{CodecPolicy, Sdp};
use sip::Method;
use sip::endpoint::{Body, ClientTx, ExtraHeaders, OfferBy, Reply, RequestFailure, ServerTx};
use sip::message::Message;

use crate::vocab::record::{EndCause, RecordingRecord};
use crate::vocab::{EventKind, Now, Record};

use super::headers::{digit_in, info_body, sdp_of};
use super::start::line_kinds;
use super::{CALLEE, CALLER, Call, Ctx, Outcome, SECOND, Stage, other};

/// Requests that may be on their way between the legs at a time.
const MAX_RELAYS: usize = 8;
/// Length of a key press that arrived without one, in ms.
const USUAL_DIGIT_MS: u16 = 160;

/// A conversation.
#[derive(Debug)]
pub(crate) struct Talk {
    /// The longest duration; `None` is unlimited.
    pub(crate) deadline: Option<u64>,
    /// The leg whose change of media the other leg is being asked about.
    asking: Option<usize>,
    /// The caller has not answered the description in our 200 yet (its INVITE had none).
    awaiting_answer: bool,
}

impl Call {
    /// The caller of an originated call has answered: now for the other side.
    pub(crate) fn caller_answered(&mut self, ctx: &mut Ctx<'_>, sdp: Sdp) {
        let caller = &mut self.legs[CALLER];
        caller.media.received(sdp);
        caller.media.configure(ctx, self.worker, None);
        self.next_hop(ctx);
    }

    /// The callee has answered our description.
    pub(crate) fn callee_answered(&mut self, ctx: &mut Ctx<'_>, sdp: Sdp) {
        let [caller, callee] = &mut self.legs;
        if caller.confirmed {
            // What was settled with the caller before stays: an answer that nobody sends is none.
            callee.media.received(sdp);
            self.begin_talk(ctx, false);
            return self.align_caller(ctx);
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
        self.begin_talk(ctx, false);
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
                self.begin_talk(ctx, true);
            }
            _ => self.fail(ctx, Outcome::of(EndCause::Incompatible)),
        }
    }

    fn begin_talk(&mut self, ctx: &mut Ctx<'_>, awaiting_answer: bool) {
        let longest = u64::from(ctx.policy.calls.max_secs) * SECOND;
        self.stage = Stage::Talking(Talk {
            deadline: (longest > 0).then(|| ctx.now.mono + longest),
            asking: None,
            awaiting_answer,
        });
        self.record.answered_at = Some(ctx.now.wall);
        self.invite = None;
        if let Some(stream) = self.legs[CALLER].media.audio() {
            ctx.out.media(self.worker, Order::StopPlay { stream });
        }
        if !awaiting_answer {
            self.settle(ctx, self.silence_limit(ctx));
        }
        let (call, interaction, callee) = (self.id, self.interaction, self.party(CALLEE));
        let kind = EventKind::CallAnswered { call, interaction, callee };
        ctx.out.publish(ctx.now, Some(&self.tenant), kind);
        if self.wants_recording {
            self.start_recording(ctx);
        }
    }

    /// How long a party may be silent before the call counts as dead; never limited while somebody is on hold.
    pub(crate) fn silence_limit(&self, ctx: &Ctx<'_>) -> Option<u64> {
        let held = self.legs.iter().any(|leg| leg.holds);
        let limit = u64::from(ctx.policy.media.timeout_secs) * SECOND;
        (limit > 0 && !held).then_some(limit)
    }

    /// Tells the worker what offer and answer settled on both legs, and bridges line by line.
    pub(crate) fn settle(&mut self, ctx: &mut Ctx<'_>, silence_limit: Option<u64>) {
        for leg in &self.legs {
            leg.media.configure(ctx, self.worker, silence_limit);
        }
        let [caller, callee] = &self.legs;
        for index in 0..caller.media.line_count() {
            if let (Some(a), Some(b)) = (caller.media.line(index), callee.media.line(index)) {
                ctx.out.media(self.worker, Order::Bridge { a, b });
            }
        }
    }

    fn start_recording(&mut self, ctx: &mut Ctx<'_>) {
        let [caller, callee] = &self.legs;
        let (Some(left), Some(right)) = (caller.media.audio(), callee.media.audio()) else {
            return;
        };
        let recording = ctx.ids.recording();
        let path = recording_path(&self.tenant, self.id, ctx.now);
        let order = Order::Record { recording, left, right, path: path.clone() };
        ctx.out.media(self.worker, order);
        ctx.out.persist(Record::RecordingOpened(RecordingRecord {
            call: self.id,
            interaction: self.interaction,
            tenant: self.tenant.clone(),
            path: path.clone(),
            started_at: ctx.now.wall,
            length_ms: None,
            bytes: None,
            error: None,
        }));
        self.recording = Some(recording);
        self.record.recording = Some(path.clone());
        let (call, interaction) = (self.id, self.interaction);
        let kind = EventKind::RecordingStarted { call, interaction, path };
        ctx.out.publish(ctx.now, Some(&self.tenant), kind);
    }

    /// The caller acknowledged our 200, or a leg our 200 to its re-INVITE. A body is the answer to an offer of ours.
    pub(crate) fn acked(&mut self, ctx: &mut Ctx<'_>, side: usize, body: Option<Sdp>) {
        let awaiting = matches!(&self.stage, Stage::Talking(talk) if talk.awaiting_answer);
        match body {
            Some(sdp) => self.legs[side].media.received(sdp),
            None if awaiting && side == CALLER => {
                return self.fail(ctx, Outcome::of(EndCause::Incompatible));
            }
            None => return,
        }
        let awaited = match &mut self.stage {
            Stage::Talking(talk) if side == CALLER => std::mem::take(&mut talk.awaiting_answer),
            _ => false,
        };
        if awaited {
            return self.answer_callee(ctx);
        }
        self.after_change(ctx, side);
        self.begin_service(ctx);
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
        if self.legs[other(side)].media.theirs().is_none() && !self.is_serving() {
            return ctx.sip.refuse_offer(ctx.now.mono, leg, 491);
        }
        let previous = self.legs[side].media.theirs().cloned();
        self.legs[side].media.received(sdp);
        if let Some(body) = self.answer_alone(ctx, side) {
            ctx.sip.answer_offer(ctx.now.mono, leg, Some(Body::sdp(body)));
            return self.after_change(ctx, side);
        }
        if !self.ask_other(ctx, side) {
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
        if self.is_serving() {
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
        let have = self.legs[CALLER].media.line_count();
        let new = kinds.get(have..).unwrap_or_default();
        let needed = new.iter().flatten().count();
        let mut wanted = Vec::with_capacity(2 * needed);
        for leg in &self.legs {
            let Some(family) = leg.media.family() else { return false };
            wanted.extend(std::iter::repeat_n(family, needed));
        }
        let Some(ports) = ctx.stock.take_from(self.worker, &wanted) else { return false };
        let mut ports = ports.into_iter();
        for leg in &mut self.legs {
            leg.media.open(ctx, self.worker, new, &mut ports);
        }
        true
    }

    /// The other leg took the change.
    pub(crate) fn offer_answered(&mut self, ctx: &mut Ctx<'_>, side: usize, message: &Message) {
        let Ok(Some(sdp)) = sdp_of(message) else { return };
        self.legs[side].media.received(sdp);
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
        let Stage::Talking(talk) = &mut self.stage else { return };
        let asked = talk.asking.take() == Some(other(side));
        if let Some(leg) = self.legs[other(side)].sip.filter(|_| asked) {
            ctx.sip.refuse_offer(ctx.now.mono, leg, status);
        }
    }

    /// Media of a leg changed: hold music starts or stops, and the worker is told.
    fn after_change(&mut self, ctx: &mut Ctx<'_>, side: usize) {
        let held = self.legs[side].media.is_held_by_peer();
        let before = std::mem::replace(&mut self.legs[side].holds, held);
        if self.is_serving() {
            let limit = self.silence_limit(ctx);
            return self.legs[side].media.configure(ctx, self.worker, limit);
        }
        self.settle(ctx, self.silence_limit(ctx));
        if held != before {
            self.play_hold_music(ctx, side, held);
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
            let (play, prompts) = (ctx.ids.play(), vec![ctx.policy.media.hold_music.clone()]);
            Order::Play { stream, play, prompts, repeat: true }
        } else {
            Order::StopPlay { stream }
        };
        ctx.out.media(self.worker, order);
    }

    /// A leg's peer pressed a key that arrived as an RFC 4733 event. The relay has passed it on where the other end takes events.
    pub(crate) fn key_pressed(
        &mut self,
        ctx: &mut Ctx<'_>,
        stream: StreamId,
        digit: char,
        ms: u16,
    ) {
        let Some(side) = self.side_of_stream(stream) else { return };
        self.note_key(ctx, side, digit);
        let Some(peer) = self.legs.get(other(side)) else { return };
        if let (Stage::Talking(_), Some(leg), false) =
            (&self.stage, peer.sip, peer.media.takes_events())
        {
            let body = info_body(digit, ms);
            ctx.sip.leg_request(
                ctx.now.mono,
                leg,
                Method::Info,
                ExtraHeaders::default(),
                Some(body),
            );
        }
    }

    fn note_key(&mut self, ctx: &mut Ctx<'_>, side: usize, digit: char) {
        let (call, interaction, by) = (self.id, self.interaction, self.party(side));
        let kind = EventKind::CallDtmf { call, interaction, by, digit };
        ctx.out.publish(ctx.now, Some(&self.tenant), kind);
    }

    /// A request within a leg's dialog: keys by INFO become events for the other end, the rest of INFO and MESSAGE passes.
    pub(crate) fn leg_requested(
        &mut self,
        ctx: &mut Ctx<'_>,
        side: usize,
        tx: ServerTx,
        message: &Message,
    ) {
        if let Some((digit, ms)) = digit_in(message) {
            ctx.sip.respond(ctx.now.mono, tx, Reply::new(200));
            self.note_key(ctx, side, digit);
            return self.send_key(ctx, other(side), digit, ms.unwrap_or(USUAL_DIGIT_MS));
        }
        let passes = matches!(message.method(), Some(Method::Info | Method::Message));
        let peer = self.legs[other(side)].sip.filter(|_| passes && self.relays.len() < MAX_RELAYS);
        let Some(peer) = peer else {
            let status = if passes { 480 } else { 501 };
            return ctx.sip.respond(ctx.now.mono, tx, Reply::new(status));
        };
        let method = message.method().cloned().unwrap_or(Method::Info);
        let body = message.header(sip::HeaderName::ContentType).map(|kind| Body {
            content_type: kind.to_owned().into(),
            bytes: message.body().to_vec().into(),
        });
        let sent = ctx.sip.leg_request(ctx.now.mono, peer, method, ExtraHeaders::default(), body);
        self.relays.push((sent, tx));
    }

    fn send_key(&mut self, ctx: &mut Ctx<'_>, side: usize, digit: char, duration_ms: u16) {
        let leg = &self.legs[side];
        match (leg.media.audio(), leg.media.takes_events(), leg.sip) {
            (Some(stream), true, _) => {
                let digits = digit.to_string();
                ctx.out.media(self.worker, Order::SendDtmf { stream, digits, duration_ms });
            }
            (_, false, Some(sip)) => {
                let body = info_body(digit, duration_ms);
                ctx.sip.leg_request(
                    ctx.now.mono,
                    sip,
                    Method::Info,
                    ExtraHeaders::default(),
                    Some(body),
                );
            }
            _ => {}
        }
    }

    /// A request that was passed on has its answer.
    pub(crate) fn relayed(
        &mut self,
        ctx: &mut Ctx<'_>,
        tx: ClientTx,
        outcome: &Result<Message, RequestFailure>,
    ) {
        let Some(index) = self.relays.iter().position(|(sent, _)| *sent == tx) else { return };
        let (_, waiting) = self.relays.remove(index);
        let status = match outcome {
            Ok(message) => message.status().unwrap_or(500),
            Err(_) => 408,
        };
        ctx.sip.respond(ctx.now.mono, waiting, Reply::new(status));
    }

    /// Answers the requests that can no longer be passed on.
    pub(crate) fn refuse_relays(&mut self, ctx: &mut Ctx<'_>) {
        for (_, waiting) in self.relays.drain(..) {
            ctx.sip.respond(ctx.now.mono, waiting, Reply::new(481));
        }
    }
}

fn is_only_audio(kinds: &[Option<media::order::StreamKind>]) -> bool {
    let mut active = kinds.iter().flatten();
    active.next() == Some(&media::order::StreamKind::Audio) && active.next().is_none()
}

/// `tenant/2026-11-21/<call>.wav`, by UTC.
fn recording_path(tenant: &str, call: crate::vocab::CallId, now: Now) -> String {
    let (year, month, day) = civil_date(now.wall / 86_400_000);
    format!("{tenant}/{year:04}-{month:02}-{day:02}/{call}.wav")
}

/// Year, month and day of a number of days since 1970-01-01 in the Gregorian calendar, counted in eras of 400 years.
fn civil_date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        assert_eq!(civil_date(0), (1970, 1, 1));
        assert_eq!(civil_date(11_016), (2000, 2, 29));
        assert_eq!(civil_date(11_017), (2000, 3, 1));
        assert_eq!(civil_date(20_778), (2026, 11, 21));
    }
}
