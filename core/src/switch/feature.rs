//! Feature codes: hands a caller who dialled one to whatever it asks for.

use crate::call::{Found, Outcome, Rights};
use crate::vocab::record::EndCause;
use crate::vocab::{CallId, ExtensionKey, Feature, Now};

use super::Running;
use super::queue::Arrival;

/// Why a code does nothing: for SIP, and the prompt that says it.
pub(super) struct Denied(pub(super) EndCause, pub(super) &'static str);

impl Running {
    /// Somebody dialled a code.
    pub(super) fn enter_feature(&mut self, now: Now, id: CallId, feature: &Feature) -> Arrival {
        match feature {
            Feature::PickUpGroup
            | Feature::PickUpAt(_)
            | Feature::PickUpCall(_)
            | Feature::Park
            | Feature::Retrieve(_) => self.take_or_park(now, id, feature),
            Feature::Replace(call, side) => {
                Arrival::Here(self.replace_leg(now, id, *call, usize::from(*side)))
            }
            Feature::DoNotDisturb(_)
            | Feature::Forward { .. }
            | Feature::ForwardOff(_)
            | Feature::Intercom(_) => Arrival::Here(self.enter_settings(now, id, feature)),
            Feature::Supervise(mode, watched) => {
                Arrival::Here(self.begin_supervision(id, *mode, watched))
            }
        }
    }

    /// Phones of ours may, and whoever they transferred to the code.
    fn take_or_park(&mut self, now: Now, id: CallId, feature: &Feature) -> Arrival {
        let done = match (self.ordered_by(id), feature) {
            (None, _) => Err(Denied(EndCause::Forbidden, "not-allowed")),
            (Some(extension), Feature::Park) => self.park_by_code(now, id, &extension),
            (Some(extension), Feature::Retrieve(slot)) => {
                self.retrieve_by_code(now, id, &extension, *slot)
            }
            // The key of a place that is taken dials like that of a phone that rings.
            (Some(extension), Feature::PickUpAt(number))
                if self.books.directory.is_parking_place(&extension.tenant, number) =>
            {
                self.retrieve_by_code(now, id, &extension, number.parse().unwrap_or_default())
            }
            (Some(extension), _) => self.pick_up_by_code(now, id, &extension, feature),
        };
        done.unwrap_or_else(|Denied(cause, prompt)| {
            let language = self.calls.get(id).map_or("en", |call| call.language.as_str());
            let prompt = format!("{language}/{prompt}");
            Arrival::Here(Found::Refused(Outcome::of(cause), prompt))
        })
    }

    /// Under whose rights a code is dialled.
    fn ordered_by(&self, id: CallId) -> Option<ExtensionKey> {
        match &self.calls.get(id)?.rights {
            Rights::Extension(key) => Some(key.clone()),
            Rights::Trunk(_) => None,
        }
    }
}
