//! What is shown of queues, callers and agents after every step, against what the reference knows.

use strowger_core::vocab::CallId;
use strowger_core::vocab::acd::*;

use super::pair::{Checked, Pair};
use super::reference::*;

impl Model {
    /// In one word what happens to an agent, and until when where that is known.
    fn activity(&self, agent: &Agent) -> (&'static str, Option<u64>) {
        let key = &agent.config.key;
        let held = |caller: &&Caller| {
            let callback = caller.callback.as_ref();
            callback.and_then(|c| c.reserved.as_ref()) == Some(key)
        };
        if let Some(ring) = self.rings.iter().find(|ring| ring.agent == *key) {
            return ("offered", Some(ring.ends));
        }
        if let Some(caller) = self.callers.iter().find(held) {
            return ("offered", caller.callback.as_ref().and_then(|callback| callback.trying));
        }
        if self.talks.iter().any(|talk| talk.agent == *key) {
            return ("talking", None);
        }
        if let Some(wrap) = &agent.wrap {
            return ("wrapping up", Some(wrap.ends.max(wrap.held.unwrap_or(0))));
        }
        match (agent.other_calls, agent.pause > self.now) {
            (0, false) => ("idle", None),
            (0, true) => ("cooling down", Some(agent.pause)),
            _ => ("on other call", None),
        }
    }

    /// The callers of a queue in order, and where each stands; those who talk come last.
    fn members(&self, queue: &QueueKey) -> Vec<(CallId, MemberState)> {
        let state = |caller: &Caller| match &caller.callback {
            Some(_) => MemberState::Callback,
            None if self.rings.iter().any(|ring| ring.call == caller.call) => MemberState::Trying,
            None => MemberState::Waiting,
        };
        let waiting = self.in_order().into_iter().filter(|caller| caller.queue == *queue);
        let mut members: Vec<_> = waiting.map(|caller| (caller.call, state(caller))).collect();
        let talks = self.talks.iter().filter(|talk| talk.queue == *queue);
        let mut talks: Vec<_> = talks.map(|talk| (talk.call, MemberState::Answered)).collect();
        talks.sort_by_key(|(call, _)| *call);
        members.append(&mut talks);
        members
    }
}

fn activity(shown: &Activity) -> (&'static str, Option<u64>) {
    match shown {
        Activity::Idle => ("idle", None),
        Activity::Offered { until, .. } => ("offered", Some(*until)),
        Activity::Talking { .. } => ("talking", None),
        Activity::OnOtherCall => ("on other call", None),
        Activity::WrappingUp { until, .. } => ("wrapping up", Some(*until)),
        Activity::CoolingDown { until } => ("cooling down", Some(*until)),
    }
}

fn place(of: AgentPlace) -> String {
    match of {
        AgentPlace::Extension(number) => format!("extension:{number}"),
        AgentPlace::Number(number) => format!("number:{number}"),
    }
}

impl Pair {
    /// Agents, queues and their members look as the reference says.
    pub fn shown(&mut self) -> Checked {
        for agent in &self.model.agents {
            let key = &agent.config.key;
            let Some(view) = self.acd.agent(self.now, key) else {
                return Err(format!("{key} is not shown"));
            };
            let (what, until) = self.model.activity(agent);
            let until = until.map(|until| self.now.wall + (until - self.now.mono) / 1_000_000);
            let own =
                (&agent.intent, what, until, place(agent.place()), agent.reachable, agent.missed);
            let (shown, ends) = activity(&view.activity);
            let real = (&view.intent, shown, ends, view.place, view.reachable, view.missed);
            if own != real {
                return Err(format!("{key} is shown as {real:?}, is {own:?}"));
            }
            if !self.reached.contains(what) {
                self.reached.insert(what.to_owned());
            }
        }
        let queues: Vec<QueueKey> =
            self.model.config.queues.iter().map(|q| q.key.clone()).collect();
        queues.iter().try_for_each(|key| self.queue_shown(key))
    }

    fn queue_shown(&self, key: &QueueKey) -> Checked {
        let Some(view) = self.acd.queue(self.now, key) else {
            return Err(format!("{key} is not shown"));
        };
        let members = self.acd.members(self.now, key, 0, 1_000);
        let members: Vec<_> =
            members.into_iter().flat_map(|page| page.items).map(|m| (m.call, m.state)).collect();
        let expected = self.model.members(key);
        if members != expected {
            return Err(format!("members of {key} are shown as {members:?}, are {expected:?}"));
        }
        let count = |state: MemberState| expected.iter().filter(|(_, is)| *is == state).count();
        let talking = count(MemberState::Answered);
        let logged_in = |agent: &&Agent| agent.intent != Intent::LoggedOut;
        let logged_in = self.model.serving(key).filter(logged_in).count();
        let own = (expected.len() - talking, talking, logged_in);
        let real = (view.waiting, view.answered, view.agents_logged_in);
        if own == real { Ok(()) } else { Err(format!("{key} is shown as {real:?}, is {own:?}")) }
    }
}
