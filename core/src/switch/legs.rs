//! Legs that move between calls: the few steps that transfer, pickup, park, conference and supervision are made of.

use crate::call::{After, Attendance, Call, Loose, Outcome, Rest};
use crate::vocab::record::EndCause;
use crate::vocab::{CallId, Now};

use super::Running;

impl Running {
    /// Takes a leg out of its call; see [`Call::take_out`].
    pub(super) fn take_out(
        &mut self,
        now: Now,
        call: CallId,
        side: usize,
        rest: Rest,
    ) -> Option<Loose> {
        let mut taken = None;
        self.step(now, call, |call, ctx| taken = call.take_out(ctx, side, rest));
        taken
    }

    /// A new call around a loose leg, attended by whoever asks for it.
    pub(super) fn hold_alone(&mut self, now: Now, loose: Loose, attendance: Attendance) -> CallId {
        let call = Call::around(&mut self.desk.ctx(now), loose, attendance);
        let id = call.id;
        self.counters.call_started();
        self.take_in(now, call);
        id
    }

    /// An attended caller and a loose leg talk; see [`Call::unite`].
    ///
    /// # Errors
    /// They cannot: the leg comes back, and the caller stays as it was.
    pub(super) fn unite(
        &mut self,
        now: Now,
        call: CallId,
        loose: Loose,
        after: After,
    ) -> Result<(), Box<Loose>> {
        let mut rest = Some(loose);
        let mut result = Ok(());
        self.step(now, call, |call, ctx| {
            if let Some(loose) = rest.take() {
                result = call.unite(ctx, loose, after);
            }
        });
        match rest {
            Some(loose) => Err(Box::new(loose)),
            None => result,
        }
    }

    /// A loose leg that nobody wants ends, with a record that says why.
    pub(super) fn let_fall(&mut self, now: Now, loose: Loose, cause: EndCause) {
        use crate::call::AnswerMode;
        let attendance = Attendance { answer: AnswerMode::Ringing, name: "nobody".into() };
        let call = self.hold_alone(now, loose, attendance);
        self.step(now, call, |call, ctx| {
            call.release(ctx, Outcome::of(cause), false);
        });
    }
}
