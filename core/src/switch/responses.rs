//! Answers to requests that the switch sent outside calls.

use sip::ClientTx;
use sip::endpoint::RequestFailure;
use sip::message::Message;

use crate::registrar::BindingId;
use crate::trunk::TrunkTask;
use crate::vocab::{CallId, Now};

use super::Running;

/// Who waits for an answer.
#[derive(Debug, Clone)]
pub(super) enum Awaiting {
    /// A contact's OPTIONS.
    Qualify(BindingId),
    /// A trunk's REGISTER or OPTIONS.
    Trunk(TrunkTask),
    /// The last NOTIFY of a transfer, to whoever waits in this call.
    Referrer(CallId),
    /// A text message.
    Delivery(u64),
}

impl Running {
    pub(super) fn on_response(
        &mut self,
        now: Now,
        tx: ClientTx,
        outcome: Result<Message, RequestFailure>,
    ) {
        match self.awaiting.remove(&tx) {
            Some(Awaiting::Qualify(binding)) => {
                let answered = match &outcome {
                    Ok(message) => message.status() != Some(408),
                    Err(_) => false,
                };
                self.books.registrar.qualified(now, binding, answered);
            }
            Some(Awaiting::Trunk(task)) => self.trunk_answered(now, &task, &outcome),
            Some(Awaiting::Referrer(home)) => self.referrer_told(now, home),
            Some(Awaiting::Delivery(id)) => self.delivery_answered(now, id, &outcome),
            None => {
                if let Some(call) = self.calls.of_relay(tx) {
                    self.step(now, call, |call, ctx| call.relayed(ctx, tx, &outcome));
                }
            }
        }
    }
}
