//! What is told of whoever a call is begun for: an agent whom an order rings first, or a customer whom a dialling task calls.

use strowger_core::vocab::dial::DialChange;
use strowger_core::vocab::{CallId, EventKind};

use super::{Happening, MOST_CALLS, Story};

impl Story {
    pub(super) fn hear_of_caller(&mut self, out: &mut Vec<Happening>, kind: &EventKind) {
        match kind {
            EventKind::Dial { what, .. } => {
                if let DialChange::Dialled { call, .. } = &**what {
                    self.calls_out(*call);
                }
            }
            EventKind::CallerRinging { call, .. } => match self.is_outside(*call) {
                false => self.tell(out, *call, "agent_ringing"),
                true => self.customer(out, *call, "user_ringing"),
            },
            EventKind::CallerAnswered { call, .. } => match self.is_outside(*call) {
                false => {
                    self.tell(out, *call, "agent_answer");
                    self.tell(out, *call, "start_dialout");
                }
                true => self.customer(out, *call, "user_answer"),
            },
            _ => {}
        }
    }

    /// A dialling task calls a customer, who counts as the caller from then on.
    fn calls_out(&mut self, call: CallId) {
        if self.calls.len() < MOST_CALLS || self.calls.contains_key(&call) {
            let told = self.calls.entry(call).or_default();
            told.dialled = true;
            told.numbers.direction = "outbound";
        }
    }

    fn is_outside(&self, call: CallId) -> bool {
        self.calls.get(&call).is_some_and(|told| told.inbound)
    }

    fn customer(&mut self, out: &mut Vec<Happening>, call: CallId, name: &'static str) {
        self.tell(out, call, "start_dialout");
        self.tell(out, call, name);
    }
}
