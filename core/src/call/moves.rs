//! Legs that move from one call to another: transfer, pickup, park, conference and supervision are made of these.
//!
//! A conversation is one [`Call`] with one record. Whoever gets another partner leaves its call as a [`Loose`] leg, dialog
//! and media streams open, and comes into another one; all calls of the story carry the same interaction. A loose leg
//! belongs to no call: whoever takes one out puts it somewhere in the same step.

use media::order::Order;
use media::sdp::CodecPolicy;
use sip::endpoint::{Body, Reply};
use sip::message::Message;

use crate::vocab::record::{EndCause, EndedBy, Party};
use crate::vocab::{InteractionId, Plan, Record, TenantId, WorkerId};

use super::attend::{After, Attendance, Note};
use super::finish::completed_elsewhere;
use super::{CALLEE, CALLER, Call, Common, Ctx, Leg, LegMedia, Outcome, Rights, Stage, other};

/// A leg that has left its call: its dialog and its streams, and what it carries on.
#[derive(Debug)]
#[must_use = "a leg that is dropped leaves a party behind who hears nothing any more"]
pub struct Loose {
    pub(crate) leg: Leg,
    pub(crate) worker: WorkerId,
    /// Whose.
    pub tenant: TenantId,
    /// The story that it belongs to.
    pub interaction: InteractionId,
    /// Whose rights its next call carries, unless that says otherwise.
    pub rights: Rights,
    /// Folder of prompts.
    pub language: String,
    /// What was dialled in the call that it left.
    pub dialled: String,
    /// Hops that are left to it: a circle of transfers ends (RFC 3261 section 16.3 step 3).
    pub max_forwards: u8,
    hide_number: bool,
    invite: Option<Message>,
}

impl Loose {
    /// Who it is.
    pub fn party(&self) -> &Party {
        &self.leg.party
    }

    /// Its INVITE usage.
    pub fn sip(&self) -> Option<sip::LegId> {
        self.leg.sip
    }

    /// Whether it has answered, or was answered.
    pub fn is_answered(&self) -> bool {
        self.leg.confirmed
    }
}

/// What becomes of a call that a leg is taken out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// It ends, and so does the other leg.
    End(Outcome),
    /// The other leg stays in this call, attended, and hears nothing until something is said. It may be united again.
    Keep,
}

impl Call {
    /// Whether a side is who the record has as caller.
    pub(crate) fn is_first(&self, side: usize) -> bool {
        (side == CALLER) != self.turned
    }

    /// Where the record has who is at a side.
    pub(crate) fn on_record(&mut self, side: usize) -> &mut Party {
        match self.is_first(side) {
            true => &mut self.record.caller,
            false => &mut self.record.callee,
        }
    }

    /// The side of a call's party that has this INVITE usage.
    pub fn side_with(&self, leg: sip::LegId) -> Option<usize> {
        self.side_of(leg)
    }

    /// The INVITE usage at a side.
    pub fn leg_at(&self, side: usize) -> Option<sip::LegId> {
        self.legs.get(side)?.sip
    }

    /// Whether who is at a side is the record's caller.
    pub fn is_caller_on_record(&self, side: usize) -> bool {
        self.is_first(side)
    }

    /// Whether two parties talk, settled or not.
    pub fn is_talk(&self) -> bool {
        matches!(self.stage, Stage::Talking(_))
    }

    /// Whether [`Call::replace_caller`] is possible.
    pub fn may_change_caller(&self) -> bool {
        let hunting = matches!(&self.stage, Stage::Hunting(hunt) if hunt.looks_for_callee());
        hunting || (self.hears_caller() && self.recordings.is_empty())
    }

    /// From now on a party that hangs up ends the call with this cause; with `None` as ever.
    pub fn parts_by(&mut self, cause: Option<EndCause>) {
        self.parting = cause;
    }

    /// What [`Call::parts_by`] set last.
    pub fn parting(&self) -> Option<EndCause> {
        self.parting
    }

    /// Who sends the caller on, as the next phones are told (RFC 3892).
    pub fn referred_by(&mut self, by: Option<String>) {
        self.diversions.refer_by(by);
    }

    /// Whether two parties talk, and everything about their media is settled.
    pub fn is_settled_talk(&self) -> bool {
        matches!(&self.stage, Stage::Talking(talk) if talk.is_settled())
    }

    /// What the end of the conversation by its callee means; [`After::End`] outside of one.
    pub fn after(&self) -> After {
        if self.keeps_caller() { After::Keep } else { After::End }
    }

    /// Takes a leg out: of a conversation either one, of any other call the caller. Its streams stay open and unbridged;
    /// recordings end. `None` where there is no such leg, where the answer to a description is still on its way, or for
    /// [`Rest::Keep`] where nobody is left to be kept. With [`Rest::End`] the record gets the outcome's cause.
    pub fn take_out(&mut self, ctx: &mut Ctx<'_>, side: usize, rest: Rest) -> Option<Loose> {
        let talking = match &self.stage {
            Stage::Talking(talk) => talk.is_settled().then_some(true)?,
            Stage::Ending(_) | Stage::Over => return None,
            _ => false,
        };
        self.legs.get(side)?.sip?;
        if (rest == Rest::Keep || side == CALLEE) && !talking {
            return None;
        }
        self.end_asking(ctx);
        self.end_mix(ctx);
        self.leave_mix(ctx);
        self.refuse_relays(ctx);
        self.stop_recordings(ctx);
        let loose = self.loosen(ctx, side)?;
        match rest {
            Rest::End(outcome) => self.finish(ctx, outcome, EndedBy::Switch),
            Rest::Keep => self.stay_alone(ctx, side),
        }
        Some(loose)
    }

    fn loosen(&mut self, ctx: &mut Ctx<'_>, side: usize) -> Option<Loose> {
        let fresh = Leg::new(ctx.ids.leg(), Party::Nobody, LegMedia::default());
        let mut leg = std::mem::replace(self.legs.get_mut(side)?, fresh);
        for own in self.legs.iter_mut().chain([&mut leg]) {
            own.holds &= !std::mem::take(&mut own.told_to_hold);
        }
        for stream in leg.media.streams() {
            ctx.out.media(self.worker, Order::Unbridge { stream: stream.id });
        }
        if let Some(stream) = leg.media.audio() {
            ctx.out.media(self.worker, Order::StopPlay { stream });
        }
        self.note_departed(leg.media.take_closing(), self.worker, leg.confirmed);
        Some(Loose {
            leg,
            worker: self.worker,
            tenant: self.tenant.clone(),
            interaction: self.interaction,
            rights: self.rights.clone(),
            language: self.language.clone(),
            dialled: self.record.dialled.clone(),
            max_forwards: self.max_forwards.saturating_sub(1),
            hide_number: self.hide_number && side == CALLER,
            invite: self.invite.take().filter(|_| side == CALLER),
        })
    }

    /// The leg at the other side has been taken out: this one goes on alone.
    fn stay_alone(&mut self, ctx: &mut Ctx<'_>, left: usize) {
        if left == CALLER {
            self.legs.swap(CALLER, CALLEE);
            self.turned = !self.turned;
        }
        self.attended = true;
        self.quieten(ctx);
        self.back_in_attendance(ctx);
    }

    /// What plays to the caller's end plays no longer.
    fn quieten(&self, ctx: &mut Ctx<'_>) {
        if let Some(stream) = self.legs[CALLER].media.audio() {
            ctx.out.media(self.worker, Order::StopPlay { stream });
        }
    }

    /// A new call around a loose leg: it is the caller there, attended; [`Note::Attended`] follows when it can hear.
    pub fn around(ctx: &mut Ctx<'_>, loose: Loose, attendance: Attendance) -> Self {
        let Loose { leg, worker, tenant, interaction, rights, language, dialled, .. } = loose;
        let common = Common {
            caller: leg.party.clone(),
            rights,
            plan: Plan {
                tenant,
                dialled,
                hops: Vec::new(),
                hide_number: loose.hide_number,
                emergency: false,
            },
            record: leg.record,
            language,
            interaction: Some(interaction),
            near: Some(worker),
        };
        let mut call = Self::new(ctx, common, loose.max_forwards);
        call.worker = worker;
        call.legs[CALLER] = leg;
        call.invite = loose.invite;
        call.announce_start(ctx);
        call.attend(ctx, attendance);
        call
    }

    /// An attended caller and a loose leg talk, each answered first if it was not; whoever rang for the caller rings no
    /// longer. The leg comes back where that cannot be, and the caller stays as it was.
    ///
    /// # Errors
    /// The call is not attended, the leg has nothing to be answered with, or its worker cannot be changed.
    pub fn unite(
        &mut self,
        ctx: &mut Ctx<'_>,
        mut loose: Loose,
        after: After,
    ) -> Result<(), Box<Loose>> {
        let attended = matches!(self.stage, Stage::Attending(_)) && self.legs[CALLER].sip.is_some();
        if !attended || !self.make_ready(ctx, &mut loose) {
            return Err(Box::new(loose));
        }
        self.end_candidates(ctx, &completed_elsewhere());
        self.take_in(ctx, CALLEE, loose);
        self.talk_to_callee(ctx, after);
        self.tell_new_ports(ctx, CALLEE);
        Ok(())
    }

    /// Brings a loose leg to the call's worker, and answers it if it has no answer. False if it cannot be.
    pub(crate) fn make_ready(&mut self, ctx: &mut Ctx<'_>, loose: &mut Loose) -> bool {
        if loose.leg.sip.is_none() || !self.bring_home(ctx, loose) {
            return false;
        }
        let leg = &mut loose.leg;
        if leg.confirmed {
            return true;
        }
        let theirs = self.legs[CALLER].media.theirs();
        let body = match theirs {
            _ if leg.described => leg.media.ours_again(),
            Some(theirs) if leg.late_offer => {
                leg.media.offer_from(ctx, theirs, CodecPolicy::default())
            }
            None if leg.late_offer => leg.media.offer_self(ctx),
            Some(theirs) => {
                leg.media.answer_from(ctx, theirs).or_else(|_| leg.media.answer_self(ctx)).ok()
            }
            None => leg.media.answer_self(ctx).ok(),
        };
        let (Some(body), Some(sip)) = (body, leg.sip) else { return false };
        ctx.sip.accept(ctx.now.mono, sip, Reply::new(200).with_body(Body::sdp(body)));
        leg.confirmed = true;
        true
    }

    /// Gives a loose leg ports of the call's worker: what is bridged lies on one.
    fn bring_home(&mut self, ctx: &mut Ctx<'_>, loose: &mut Loose) -> bool {
        if loose.worker == self.worker {
            return true;
        }
        let Some(closed) = loose.leg.media.move_to(ctx, loose.worker, self.worker) else {
            return false;
        };
        self.note_departed(closed, loose.worker, loose.leg.confirmed);
        loose.worker = self.worker;
        loose.leg.moving = loose.leg.confirmed || loose.leg.described;
        true
    }

    /// A loose leg that is ready takes a side of the call.
    pub(crate) fn take_in(&mut self, ctx: &mut Ctx<'_>, side: usize, loose: Loose) {
        if side == CALLEE {
            self.retire_callee(ctx);
        }
        *self.on_record(side) = loose.leg.party.clone();
        self.legs[side] = loose.leg;
        self.returns = None;
    }

    /// A leg that came from another worker is told by re-INVITE where it is heard now.
    pub(crate) fn tell_new_ports(&mut self, ctx: &mut Ctx<'_>, side: usize) {
        let theirs = self.legs[other(side)].media.theirs().cloned();
        let leg = &mut self.legs[side];
        let Some(sip) = leg.sip.filter(|_| leg.moving) else { return };
        let offer = match theirs {
            Some(theirs) => leg.media.offer_from(ctx, &theirs, CodecPolicy::default()),
            None => leg.media.offer_self(ctx),
        };
        if let Some(offer) = offer {
            ctx.sip.reoffer(ctx.now.mono, sip, Some(Body::sdp(offer)));
        }
    }

    /// A loose leg takes the caller's place while somebody is looked for, or while a feature attends the caller; that one's
    /// leg ends. With [`Call::take_notes`] [`Note::NotReached`] tells if nobody answers.
    ///
    /// # Errors
    /// The call is in another stage, or the leg is not answered or cannot change its worker.
    pub fn replace_caller(
        &mut self,
        ctx: &mut Ctx<'_>,
        mut loose: Loose,
        outcome: Outcome,
    ) -> Result<(), Box<Loose>> {
        let hunting = matches!(self.stage, Stage::Hunting(_));
        if !self.may_change_caller() || !loose.leg.confirmed || !self.bring_home(ctx, &mut loose) {
            return Err(Box::new(loose));
        }
        self.end_leg(ctx, CALLER, outcome);
        let gone = std::mem::take(&mut self.legs[CALLER].media);
        self.retire(ctx, gone);
        self.invite = None;
        self.interaction = loose.interaction;
        self.record.interaction = loose.interaction;
        self.hide_number = loose.hide_number;
        self.forget_terms();
        self.attended = true;
        self.take_in(ctx, CALLER, loose);
        self.returns = hunting.then_some(After::End);
        ctx.out.persist(Record::CallOpened(Box::new(self.record.clone())));
        self.tell_new_ports(ctx, CALLER);
        match hunting {
            true => self.hear_progress(ctx),
            false => {
                self.configure_caller(ctx);
                self.speak(ctx);
                self.notes.push(Note::Reached);
            }
        }
        Ok(())
    }

    /// Goes where a plan leads, under these rights, as [`Call::go_to`] does; but when nobody is reached the caller comes
    /// back into attendance with [`Note::NotReached`]. [`Note::Reached`] tells that somebody answered, or a feature took
    /// the caller. `after` is what the callee's end means then.
    pub fn try_to(&mut self, ctx: &mut Ctx<'_>, plan: Plan, rights: Rights, after: After) {
        if !matches!(self.stage, Stage::Attending(_)) {
            return;
        }
        self.rights = rights;
        self.forget_terms();
        self.emergency = plan.emergency;
        self.hide_number |= plan.hide_number;
        self.record.dialled = plan.dialled;
        self.returns = Some(after);
        self.go_to(ctx, plan.hops);
    }

    /// What the order said that began the call held for its first way only.
    fn forget_terms(&mut self) {
        self.shown = None;
        self.ring_secs = None;
    }

    /// Somebody answered, or took the caller.
    pub(crate) fn reached(&mut self) {
        if self.returns.take().is_some() {
            self.notes.push(Note::Reached);
        }
    }

    /// Ends the attempt: for a caller who comes back, by telling so.
    pub(crate) fn unusable(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome) {
        match self.returns {
            Some(_) => self.not_reached(ctx, outcome),
            None => self.fail(ctx, outcome),
        }
    }

    /// Nobody was reached: the caller is back in attendance.
    pub(crate) fn not_reached(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome) {
        self.returns = None;
        self.hops.clear();
        self.end_leg(ctx, CALLEE, outcome);
        self.retire_callee(ctx);
        self.quieten(ctx);
        self.back_in_attendance(ctx);
        self.notes.push(Note::NotReached(outcome));
    }

    /// Ends the call with this cause, by whoever did it.
    pub fn end(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome, by: EndedBy) {
        self.finish(ctx, outcome, by);
    }

    /// The call belongs to the story of another one from now on.
    pub fn join_story(&mut self, interaction: InteractionId) {
        self.interaction = interaction;
        self.record.interaction = interaction;
    }
}
