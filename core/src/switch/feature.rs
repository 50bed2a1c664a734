//! Feature codes: hands a caller who dialled one to whatever it asks for.

use crate::call::{Found, Outcome};
use crate::vocab::record::EndCause;
use crate::vocab::{CallId, Feature, Now};

use super::Running;

impl Running {
    pub(super) fn enter_feature(&mut self, now: Now, id: CallId, feature: &Feature) -> Found {
        match feature {
            Feature::PickUpGroup | Feature::PickUpAt(_) => {
                Found::Nothing(Outcome::of(EndCause::NotFound))
            }
            Feature::Replace(call, side) => self.replace_leg(now, id, *call, usize::from(*side)),
            Feature::DoNotDisturb(_)
            | Feature::Forward { .. }
            | Feature::ForwardOff(_)
            | Feature::Intercom(_) => self.enter_settings(now, id, feature),
            Feature::Supervise(mode, watched) => self.begin_supervision(id, *mode, watched),
        }
    }
}
