//! Deadlines: derived from the states, and fired in order.

use crate::vocab::acd::{FigureSubject, OfferId};
use crate::vocab::{CallId, Now};

use super::Acd;
use super::numbers::{AgentNo, QueueNo};

/// Whose deadline.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Timer {
    /// It rings, or is held, no longer.
    Offer(OfferId),
    /// Wrap-up or pause is over.
    Agent(AgentNo),
    /// A level opens, a limit is reached, something is to be said.
    Caller(CallId),
    /// Nobody has been available for too long.
    Queue(QueueNo),
    /// Figures are to be kept.
    Save(FigureSubject),
}

impl Acd {
    /// Sets or clears the one deadline of somebody; `slot` is what was set before.
    pub(super) fn arm(&mut self, slot: Option<u64>, timer: Timer, at: Option<u64>) {
        if slot == at {
            return;
        }
        match (slot, at) {
            (Some(before), Some(at)) => {
                self.deadlines.remove(&(before, timer.clone()));
                self.deadlines.insert((at, timer));
            }
            (Some(before), None) => {
                self.deadlines.remove(&(before, timer));
            }
            (None, Some(at)) => {
                self.deadlines.insert((at, timer));
            }
            (None, None) => {}
        }
    }

    /// Lets everything happen whose time has come, in order of time; then whoever is free finds its partner.
    pub fn tick(&mut self, now: Now) {
        while let Some((at, _)) = self.deadlines.first()
            && *at <= now.mono
            && let Some((_, timer)) = self.deadlines.pop_first()
        {
            self.fire(now, timer);
        }
        self.announce_due(now);
        self.settle(now);
    }

    /// The deadline is out of the index; whoever it belonged to is asked what holds now.
    fn fire(&mut self, now: Now, timer: Timer) {
        match timer {
            Timer::Offer(offer) => self.offer_due(now, offer),
            Timer::Agent(no) => {
                if let Some(agent) = self.agents.get_mut(no) {
                    agent.timer = None;
                }
                self.agent_due(now, no);
            }
            Timer::Caller(call) => {
                if let Some(caller) = self.callers.get_mut(&call) {
                    caller.timer = None;
                }
                self.caller_due(now, call);
            }
            Timer::Queue(no) => {
                if let Some(queue) = self.queues.get_mut(no) {
                    queue.timer = None;
                }
                self.queue_due(now, no);
            }
            Timer::Save(subject) => self.save_due(now, &subject),
        }
    }
}
