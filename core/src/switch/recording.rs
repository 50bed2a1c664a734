//! Who may record a call.
//!
//! A party may where its extension has `record = "on_demand"`. A supervisor may wherever anybody's policy allows a
//! recording at all: a call between extensions of which none is ever to be recorded is not.

use crate::call::Call;
use crate::vocab::config::RecordPolicy;
use crate::vocab::recording::{BegunBy, RecordingOrder};
use crate::vocab::{CallId, CommandError, Done, ExtensionKey, Now, Principal, Role};

use super::Running;

impl Running {
    pub(super) fn order_recording(
        &mut self,
        now: Now,
        principal: &Principal,
        order: RecordingOrder,
    ) -> Result<Done, CommandError> {
        let RecordingOrder { call: id, action } = order;
        if principal.role == Role::ReadOnly {
            return Err(CommandError::Forbidden("the key may only read".into()));
        }
        let found = self.calls.get(id).filter(|call| call.is_live() && principal.sees(call));
        let Some(call) = found else {
            return Err(CommandError::NotFound(format!("no live call {id}")));
        };
        let by = match principal.limited_to() {
            Some(own) if self.records_on_demand(&own) => BegunBy::Party,
            Some(own) => {
                let text = format!(
                    "extension {} does not record on demand; its record must be \"on_demand\"",
                    own.number
                );
                return Err(CommandError::Forbidden(text));
            }
            None if self.is_recordable(call) => BegunBy::Supervisor,
            None => {
                let text = "nobody in this call is to be recorded: an extension or the queue must allow it";
                return Err(CommandError::Conflict(text.into()));
            }
        };
        let mut done = Ok(());
        self.step(now, id, |call, ctx| done = call.order_recording(ctx, action, by));
        done.map(|()| Done::Ordered).map_err(|why| CommandError::Conflict(why.to_string()))
    }

    /// A party pressed the code for recording.
    pub(super) fn record_by_code(&mut self, now: Now, id: CallId, extension: &ExtensionKey) {
        if self.records_on_demand(extension) {
            self.let_act(now, id, Call::toggle_recording);
        }
    }

    fn records_on_demand(&self, extension: &ExtensionKey) -> bool {
        self.record_policy(extension) == RecordPolicy::OnDemand
    }

    fn is_recordable(&self, call: &Call) -> bool {
        let allows = |key| self.record_policy(key) != RecordPolicy::Never;
        call.is_on_record() || call.extensions().any(allows)
    }

    fn record_policy(&self, extension: &ExtensionKey) -> RecordPolicy {
        let found = self.books.directory.extension(extension);
        found.map_or(RecordPolicy::Never, |extension| extension.record)
    }
}
