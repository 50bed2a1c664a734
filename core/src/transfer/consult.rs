//! Consultations by order: whose other party waits in which call.

use std::collections::BTreeMap;

use crate::vocab::CallId;
use crate::vocab::record::Party;

/// Somebody asks a third party while the other one hears music.
#[derive(Debug, Clone, PartialEq)]
pub struct Consult {
    /// The call in which the other party waits, while it does.
    pub held: Option<CallId>,
    /// Who asks.
    pub by: Party,
    /// That one goes back to a queue or the like when the conversation ends.
    pub keep: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Consults {
    by_own: BTreeMap<CallId, Consult>,
    by_held: BTreeMap<CallId, CallId>,
}

impl Consults {
    /// One begins: `own` is the call with the third party.
    pub fn begin(&mut self, own: CallId, consult: Consult) {
        if let Some(held) = consult.held {
            self.by_held.insert(held, own);
        }
        self.by_own.insert(own, consult);
    }

    /// The call with the third party, by either call of the consultation.
    pub fn own(&self, call: CallId) -> Option<CallId> {
        let own = self.by_own.contains_key(&call).then_some(call);
        own.or_else(|| self.by_held.get(&call).copied())
    }

    /// A consultation, by the call with the third party.
    pub fn get(&self, own: CallId) -> Option<&Consult> {
        self.by_own.get(&own)
    }

    /// It is over.
    pub fn end(&mut self, own: CallId) -> Option<Consult> {
        let consult = self.by_own.remove(&own)?;
        if let Some(held) = consult.held {
            self.by_held.remove(&held);
        }
        Some(consult)
    }

    /// Whoever was held has hung up. False if nobody was held in this call.
    pub fn held_gone(&mut self, held: CallId) -> bool {
        let Some(own) = self.by_held.remove(&held) else { return false };
        if let Some(consult) = self.by_own.get_mut(&own) {
            consult.held = None;
        }
        true
    }

    /// None is under way.
    pub fn is_idle(&self) -> bool {
        self.by_own.is_empty()
    }

    /// Calls that consultations name must live.
    pub fn audit(&self, lives: impl Fn(CallId) -> bool, wrong: &mut Vec<String>) {
        for call in self.by_own.keys().chain(self.by_held.keys()) {
            if !lives(*call) {
                wrong.push(format!("call {call} is over and still part of a consultation"));
            }
        }
    }
}
