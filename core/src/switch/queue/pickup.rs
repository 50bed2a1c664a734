//! Callers of queues who are picked up.
//!
//! An agent of the queue has the caller as if it had been offered; anybody else takes the caller out of the queue.

use crate::call::{After, Loose};
use crate::vocab::acd::{OfferEnd, QueueKey};
use crate::vocab::{AgentKey, CallId, ExtensionKey, Now};

use super::super::Running;
use super::Stage;

impl Running {
    /// The queue in which a call waits while agents ring for it.
    pub(in super::super) fn rings_in_queue(&self, call: CallId) -> Option<&QueueKey> {
        let visit = self.queues.visits.get(&call)?;
        let waits = matches!(visit.stage, Stage::Waiting) && self.queues.acd.rings(call);
        waits.then_some(&visit.queue)
    }

    /// Whether a call is in a queue, ringing or between two offers.
    pub(in super::super) fn waits_in_queue(&self, call: CallId) -> bool {
        let visit = self.queues.visits.get(&call);
        visit.is_some_and(|visit| matches!(visit.stage, Stage::Waiting))
    }

    /// The agent at an extension, if it serves the queue of this caller.
    pub(in super::super) fn agent_serving(
        &self,
        extension: &ExtensionKey,
        call: CallId,
    ) -> Option<&AgentKey> {
        let agent = self.queues.acd.agent_of_extension(extension)?;
        self.queues.acd.serves(agent, call).then_some(agent)
    }

    /// Whether the agent at an extension may have this caller put through.
    pub(in super::super) fn may_serve(&self, extension: &ExtensionKey, call: CallId) -> bool {
        let agent = self.agent_serving(extension, call);
        let config = agent.and_then(|agent| self.queues.acd.agent_config(agent));
        config.is_some_and(|config| config.group_pickup)
    }

    /// A leg takes a waiting caller. False if it could not be: the leg has ended then.
    pub(in super::super) fn take_from_queue(
        &mut self,
        now: Now,
        id: CallId,
        loose: Loose,
        extension: &ExtensionKey,
    ) -> bool {
        let agent = self.agent_serving(extension, id).cloned();
        let offer = agent.as_ref().and_then(|agent| self.queues.acd.pick_up(now, id, agent));
        let (Some(agent), Some(offer)) = (agent, offer) else {
            return self.take_out_of_queue(now, id, loose);
        };
        let (after, record) = self.after_answer(id);
        self.staff.engage(offer, agent.clone(), Some(extension.clone()));
        if !self.answer_with(now, id, loose, after, record) {
            self.agent_failed(now, id, offer, OfferEnd::Unreachable);
            return false;
        }
        self.dial_served(now, id, Some(agent.id.clone()));
        if let Some(visit) = self.queues.visits.get_mut(&id) {
            visit.stage = Stage::Introducing { offer, agent, play: None, both: true };
        }
        self.agent_connected(now, id, offer);
        true
    }

    /// The picker is no agent of the queue, or has another caller of it.
    fn take_out_of_queue(&mut self, now: Now, id: CallId, loose: Loose) -> bool {
        if !self.answer_with(now, id, loose, After::End, false) {
            return false;
        }
        self.queues.acd.picked_up_outside(now, id);
        self.queues.forget(id);
        true
    }
}
