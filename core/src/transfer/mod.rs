//! Transfers under way: what a phone asks for (RFC 3515, RFC 3891), and who waits for what.
//!
//! The party that is transferred tries its way in a call of its own, the *attempt*; whoever transfers it waits in the call
//! that they had, the *home*, until the attempt is decided.

mod consult;
mod refer;

use std::collections::BTreeMap;

use crate::vocab::record::Party;
use crate::vocab::{CallId, ExtensionKey};

pub use consult::{Consult, Consults};
pub use refer::{Asked, ReferTo, Replaced, fragment, subscription_state};

/// How the transferor hears of it: the dialog in which it sent a REFER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its leg.
    pub leg: sip::LegId,
    /// CSeq number of the REFER, which tells several apart (RFC 3515 section 2.4.6).
    pub id: u32,
}

/// One transfer.
#[derive(Debug, Clone, PartialEq)]
pub struct Transfer {
    /// The call in which the transferor waits, while it does.
    pub home: Option<CallId>,
    /// How it hears of the outcome; `None` if it does not want to, or ordered it otherwise.
    pub told: Option<Told>,
    /// Who transfers.
    pub by: Party,
    /// The caller comes back to a queue or the like when the conversation at home ends.
    pub keep: bool,
    /// It is the transferor who is rung, because it has gone and nobody else was reached.
    pub returning: bool,
}

impl Transfer {
    /// The extension to be rung back if the transferor has gone.
    pub fn extension(&self) -> Option<&ExtensionKey> {
        match &self.by {
            Party::Extension { extension, .. } => Some(extension),
            _ => None,
        }
    }
}

/// All transfers under way.
#[derive(Debug, Default)]
pub struct Transfers {
    by_attempt: BTreeMap<CallId, Transfer>,
    by_home: BTreeMap<CallId, CallId>,
}

impl Transfers {
    /// A transfer begins.
    pub fn begin(&mut self, attempt: CallId, transfer: Transfer) {
        if let Some(home) = transfer.home {
            self.by_home.insert(home, attempt);
        }
        self.by_attempt.insert(attempt, transfer);
    }

    /// The transfer whose attempt a call is.
    pub fn of_attempt(&self, attempt: CallId) -> Option<&Transfer> {
        self.by_attempt.get(&attempt)
    }

    /// A transfer is decided.
    pub fn end(&mut self, attempt: CallId) -> Option<Transfer> {
        let transfer = self.by_attempt.remove(&attempt)?;
        if let Some(home) = transfer.home {
            self.by_home.remove(&home);
        }
        Some(transfer)
    }

    /// The transferor has hung up. False if it waits in no such call.
    pub fn leave_home(&mut self, home: CallId) -> bool {
        let Some(attempt) = self.by_home.remove(&home) else { return false };
        if let Some(transfer) = self.by_attempt.get_mut(&attempt) {
            transfer.home = None;
            transfer.told = None;
        }
        true
    }

    /// Whether a call is part of a transfer.
    pub fn has(&self, call: CallId) -> bool {
        self.by_attempt.contains_key(&call) || self.by_home.contains_key(&call)
    }

    /// None is under way.
    pub fn is_idle(&self) -> bool {
        self.by_attempt.is_empty()
    }

    /// Calls that transfers name must live.
    pub fn audit(&self, lives: impl Fn(CallId) -> bool, wrong: &mut Vec<String>) {
        for call in self.by_attempt.keys().chain(self.by_home.keys()) {
            if !lives(*call) {
                wrong.push(format!("call {call} is over and still part of a transfer"));
            }
        }
        let homes = self.by_attempt.values().filter(|transfer| transfer.home.is_some()).count();
        if homes != self.by_home.len() {
            wrong.push("a transfer's home leads nowhere".to_owned());
        }
    }
}
