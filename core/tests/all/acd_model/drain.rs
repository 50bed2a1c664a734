//! When input stops, everything ends: limits pass, agents answer, and nobody is left over.

use strowger_core::vocab::CallId;
use strowger_core::vocab::acd::*;

use super::pair::{Checked, Pair};
use super::schedule::{AGENTS, Report, Step, Why, agent_key};

/// No limit with its last ring, and no attempt of a callback, lasts longer (early media aside).
const LIMITS_MS: u64 = 150_000;
/// No pause and no wrap-up lasts longer.
const PAUSES_MS: u64 = 310_000;
const PATIENCE: u64 = PAUSES_MS * 1_000_000;

impl Pair {
    pub fn drain(&mut self) -> Checked {
        self.end_conversations()?;
        self.wait(LIMITS_MS)?;
        self.limits_have_passed()?;
        self.agents_answer()?;
        self.the_rest_hangs_up()?;
        self.wait(PAUSES_MS)?;
        self.everything_is_over()
    }

    fn end_conversations(&mut self) -> Checked {
        while let Some(call) = self.model.talks.first().map(|talk| talk.call) {
            self.finish(Some(call))?;
        }
        Ok(())
    }

    /// Whoever had a limit has left by now, agents that nobody answers or not.
    fn limits_have_passed(&mut self) -> Checked {
        let stuck: Vec<CallId> = self
            .model
            .callers
            .iter()
            .filter(|caller| {
                let limits = self.model.queue(&caller.queue).map(|queue| &queue.limits);
                caller.callback.is_none() && limits.is_some_and(|limits| limits.max_wait_time > 0)
            })
            .map(|caller| caller.call)
            .collect();
        if stuck.is_empty() { Ok(()) } else { Err(format!("{stuck:?} outlived their limits")) }
    }

    /// Every agent comes to work and answers whatever it is offered.
    fn agents_answer(&mut self) -> Checked {
        for agent in (0..AGENTS).map(agent_key) {
            self.step(&Step::Intent { agent: agent.clone(), intent: Intent::Available })?;
            self.step(&Step::OtherCalls { agent: agent.clone(), calls: 0, outbound_ended: false })?;
            self.reachable(&agent, true)?;
        }
        // Whoever can be served is served within the longest pause of all (a disposition that nobody gives).
        let mut until = self.now.mono + PATIENCE;
        while !self.model.callers.is_empty() && self.now.mono < until {
            let before = self.model.callers.len();
            while let Some(offer) = self.live.first().cloned() {
                self.report(Some(offer.clone()), Report::Answered)?;
                self.report(Some(offer), Report::Bridged)?;
            }
            for _ in 0..self.model.callers.len() {
                self.step(&Step::CallbackReady { nth: 0 })?;
            }
            self.end_conversations()?;
            if self.model.callers.len() < before {
                until = self.now.mono + PATIENCE;
            }
            let next = self.model.next_deadline().unwrap_or(until).min(until);
            self.wait(next.saturating_sub(self.now.mono).div_ceil(1_000_000).max(1))?;
        }
        Ok(())
    }

    /// Callers whom no agent can serve, in queues without a limit.
    fn the_rest_hangs_up(&mut self) -> Checked {
        while let Some(caller) = self.model.callers.first().cloned() {
            let why = if caller.callback.is_some() { Why::Removed } else { Why::HungUp };
            self.leave(Some(caller.call), why)?;
        }
        Ok(())
    }

    fn everything_is_over(&mut self) -> Checked {
        if !self.live.is_empty() {
            return Err(format!("offers are left over: {:?}", self.live));
        }
        let busy = |agent: &&AgentKey| !self.model.is_idle(agent);
        let keys: Vec<AgentKey> = self.model.agents.iter().map(|a| a.config.key.clone()).collect();
        if let Some(agent) = keys.iter().find(busy) {
            return Err(format!("{agent} never became idle"));
        }
        self.told.settled()?;
        self.shown()
    }
}
