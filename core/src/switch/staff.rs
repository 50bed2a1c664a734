//! What the distributor is told of agents' phones: whether they can be reached, and which calls they are in besides.

use std::collections::{BTreeMap, BTreeSet};

use crate::call::{Call, Line, Rights};
use crate::vocab::acd::{AcdConfig, AgentPlace};
use crate::vocab::record::Party;
use crate::vocab::{AgentKey, ExtensionKey, Hop, Now, OfferId};

use super::Running;

/// Which agents a change of a phone or a carrier concerns, and which calls are the queues' own.
#[derive(Debug, Default)]
pub(super) struct Staff {
    /// Agents by the extensions that are their places.
    at: BTreeMap<ExtensionKey, BTreeSet<AgentKey>>,
    /// Agents who are rung outside.
    outside: BTreeSet<AgentKey>,
    /// Offers that ring, and conversations that came of them: the agent and its phone.
    engaged: BTreeMap<OfferId, (AgentKey, Option<ExtensionKey>)>,
    /// How many of those an agent has at a phone.
    busy: BTreeMap<(AgentKey, ExtensionKey), usize>,
    /// Agents of whom something may have changed, and whether an outbound call of their own has just ended.
    looked_at: BTreeMap<AgentKey, bool>,
}

impl Staff {
    /// Takes over who sits where.
    pub(super) fn configure(&mut self, config: &AcdConfig) {
        self.at.clear();
        self.outside.clear();
        for agent in &config.agents {
            for place in &agent.places {
                match place {
                    AgentPlace::Extension(number) => {
                        let tenant = agent.key.tenant.clone();
                        let key = ExtensionKey { tenant, number: number.clone() };
                        self.at.entry(key).or_default().insert(agent.key.clone());
                    }
                    AgentPlace::Number(_) => {
                        self.outside.insert(agent.key.clone());
                    }
                }
            }
            self.look_at(agent.key.clone());
        }
    }

    /// Something may have changed for this agent.
    pub(super) fn look_at(&mut self, agent: AgentKey) {
        self.looked_at.entry(agent).or_default();
    }

    /// An agent is rung.
    pub(super) fn engage(
        &mut self,
        offer: OfferId,
        agent: AgentKey,
        extension: Option<ExtensionKey>,
    ) {
        if let Some(key) = &extension {
            *self.busy.entry((agent.clone(), key.clone())).or_default() += 1;
        }
        self.engaged.insert(offer, (agent, extension));
    }

    /// ... and is no longer, nor in the conversation that came of it.
    pub(super) fn disengage(&mut self, offer: OfferId) {
        let Some((agent, Some(extension))) = self.engaged.remove(&offer) else { return };
        self.look_at(agent.clone());
        let key = (agent, extension);
        if let Some(count) = self.busy.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                self.busy.remove(&key);
            }
        }
    }

    /// Whose offer it is.
    pub(super) fn agent_of(&self, offer: OfferId) -> Option<&AgentKey> {
        self.engaged.get(&offer).map(|(agent, _)| agent)
    }

    /// Offers and conversations; none is left when all calls are over.
    pub(super) fn engagements(&self) -> usize {
        self.engaged.len()
    }
}

impl Running {
    /// A phone came or went, or its calls changed.
    pub(super) fn look_at_phone(&mut self, extension: &ExtensionKey, outbound_ended: bool) {
        self.touch_phone(extension);
        let seated = self.queues.acd.agent_of_extension(extension).cloned();
        let own = self.staff.at.get(extension).into_iter().flatten().cloned();
        for agent in seated.into_iter().chain(own).collect::<BTreeSet<_>>() {
            *self.staff.looked_at.entry(agent).or_default() |= outbound_ended;
        }
    }

    /// A carrier came or went.
    pub(super) fn look_outside(&mut self) {
        let outside = self.staff.outside.iter().cloned();
        for agent in outside.collect::<Vec<_>>() {
            self.staff.look_at(agent);
        }
    }

    /// A call has begun to end: an agent's own outbound call may be followed by wrap-up.
    pub(super) fn note_ended(&mut self, call: &EndedCall) {
        if let Some(extension) = &call.0 {
            self.look_at_phone(extension, true);
        }
    }

    /// Tells the distributor what has changed. True if there was anything.
    pub(super) fn tell_acd(&mut self, now: Now) -> bool {
        for line in self.calls.take_changed_lines() {
            if let Line::Extension(extension) = line {
                self.look_at_phone(&extension, false);
            }
        }
        let mut told = false;
        while let Some((agent, outbound_ended)) = self.staff.looked_at.pop_first() {
            told = true;
            let reachable = self.is_reachable(&agent);
            self.queues.acd.set_reachable(now, &agent, reachable);
            let calls = self.other_calls(&agent);
            self.queues.acd.set_other_calls(now, &agent, calls, outbound_ended);
        }
        told
    }

    /// Whether an agent's phone is registered, or a living carrier leads to its number.
    fn is_reachable(&self, agent: &AgentKey) -> bool {
        match self.queues.acd.place(agent) {
            Some(AgentPlace::Extension(number)) => {
                let key = ExtensionKey { tenant: agent.tenant.clone(), number };
                self.books.directory.extension(&key).is_some()
                    && !self.books.registrar.contacts(&key).is_empty()
            }
            Some(AgentPlace::Number(number)) => {
                let hops = self.books.directory.outside(&agent.tenant, &number);
                hops.unwrap_or_default().iter().any(|hop| match hop {
                    Hop::Trunk { trunk, .. } => self.books.trunks.is_up(trunk),
                    _ => true,
                })
            }
            None => false,
        }
    }

    /// Calls of the agent's phone that are not the distributor's own.
    fn other_calls(&self, agent: &AgentKey) -> usize {
        let Some(AgentPlace::Extension(number)) = self.queues.acd.place(agent) else { return 0 };
        let key = ExtensionKey { tenant: agent.tenant.clone(), number };
        let all = self.calls.load(&Line::Extension(key.clone()));
        let own = self.staff.busy.get(&(agent.clone(), key)).copied().unwrap_or(0);
        all.saturating_sub(own)
    }
}

/// Of a call that has just ended: the extension that had called outside and had been answered.
#[derive(Debug)]
pub(super) struct EndedCall(Option<ExtensionKey>);

impl EndedCall {
    /// What matters of a call that was live before the step and is not any more.
    pub(super) fn of(call: &Call) -> Self {
        let record = &call.record;
        let outbound = match (&record.caller, &call.rights, &record.callee) {
            (Party::Extension { extension, .. }, Rights::Extension(_), Party::Trunk { .. })
                if record.answered_at.is_some() && record.queued.is_empty() =>
            {
                Some(extension.clone())
            }
            _ => None,
        };
        Self(outbound)
    }
}
