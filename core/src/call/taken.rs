//! Somebody else answers a call in place of whoever rings for it.

use smallvec::SmallVec;

use crate::vocab::record::{EndCause, EndedBy, Party};

use super::attend::After;
use super::candidates::State;
use super::finish::completed_elsewhere;
use super::moves::Loose;
use super::{CALLEE, CALLER, Call, Ctx, Line, Outcome, Stage};

impl Call {
    /// Whether the caller is in the hands of a feature, heard already or not.
    pub fn waits_attended(&self) -> bool {
        matches!(self.stage, Stage::Attending(_))
    }

    /// What rings for the caller now; empty where nothing does, or where somebody has answered already.
    pub fn rings_at(&self) -> SmallVec<[Line; 2]> {
        let mut lines = SmallVec::new();
        if self.legs[CALLER].sip.is_none() {
            return lines;
        }
        match &self.stage {
            Stage::Hunting(hunt) if hunt.looks_for_callee() && self.record.ringing_at.is_some() => {
                lines.extend(hunt.line().cloned());
            }
            Stage::Attending(attend) => {
                for candidate in &attend.candidates {
                    match &candidate.state {
                        State::Ringing(ringing) if ringing.heard => {
                            lines.push(candidate.line().clone());
                        }
                        State::Ringing(_) => {}
                        State::Confirming { .. } | State::Answered => return SmallVec::new(),
                    }
                }
            }
            _ => {}
        }
        lines
    }

    /// Whether [`Call::rings_at`] names anything.
    pub(crate) fn rings(&self) -> bool {
        if self.legs[CALLER].sip.is_none() {
            return false;
        }
        match &self.stage {
            Stage::Hunting(hunt) => {
                hunt.looks_for_callee() && self.record.ringing_at.is_some() && hunt.line().is_some()
            }
            Stage::Attending(attend) => {
                let mut rings = false;
                for candidate in &attend.candidates {
                    match &candidate.state {
                        State::Ringing(ringing) => rings |= ringing.heard,
                        State::Confirming { .. } | State::Answered => return false,
                    }
                }
                rings
            }
            _ => false,
        }
    }

    /// A loose leg answers in place of whoever rings: it becomes the callee, and the phones that rang are told that the
    /// call was completed elsewhere. The record keeps who was called and tells who answered.
    ///
    /// # Errors
    /// Nothing rings, or the leg cannot be answered, or shares no codec with a caller who has no answer yet: the leg comes
    /// back, and the call rings on.
    pub fn answered_by(
        &mut self,
        ctx: &mut Ctx<'_>,
        mut loose: Loose,
        after: After,
    ) -> Result<(), Box<Loose>> {
        if self.rings_at().is_empty() || !self.could_talk_to(ctx, &loose) {
            return Err(Box::new(loose));
        }
        if !self.make_ready(ctx, &mut loose) {
            return Err(Box::new(loose));
        }
        let called = match &mut self.stage {
            Stage::Hunting(hunt) => {
                hunt.search.cancel(ctx, &completed_elsewhere());
                Some(self.record.callee.clone())
            }
            _ => None,
        };
        self.end_candidates(ctx, &completed_elsewhere());
        self.hops.clear();
        let picker = loose.party().clone();
        // Without a description of the picker's there is nothing to answer the caller with but our own.
        let answered = self.legs[CALLER].confirmed
            || loose.leg.media.theirs().is_some()
            || self.accept_caller(ctx);
        self.take_in(ctx, CALLEE, loose);
        if let Some(called) = called.filter(|called| *called != Party::Nobody) {
            *self.on_record(CALLEE) = called;
        }
        self.record.picked_up_by = Some(picker);
        if answered {
            self.talk_to_callee(ctx, after);
            self.tell_new_ports(ctx, CALLEE);
        } else {
            self.fail(ctx, Outcome::of(EndCause::Incompatible));
        }
        Ok(())
    }

    /// Whether a caller without answer could be given what the leg described.
    fn could_talk_to(&self, ctx: &Ctx<'_>, loose: &Loose) -> bool {
        let caller = &self.legs[CALLER];
        if caller.confirmed || caller.described || caller.late_offer {
            return true;
        }
        loose.leg.media.theirs().is_none_or(|theirs| caller.media.could_answer(ctx, theirs))
    }

    /// What the call was begun for has become pointless: phones that ring stop, as if somebody else had answered.
    pub fn call_off(&mut self, ctx: &mut Ctx<'_>) {
        if let Stage::Hunting(hunt) = &mut self.stage {
            hunt.search.cancel(ctx, &completed_elsewhere());
        }
        self.finish(ctx, Outcome::of(EndCause::Cancelled), EndedBy::Switch);
    }
}
