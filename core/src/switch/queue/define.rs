//! What queues and agents there are: those of the file, and those defined over HTTP, which never stand for each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::vocab::acd::{
    AcdConfig, AgentConfig, AgentPlace, DefinitionOrder, FigureSubject, QueueConfig, QueueKey, Tier,
};
use crate::vocab::record::Definition;
use crate::vocab::{
    AgentKey, CommandError, Done, EventKind, ExtensionKey, Now, Principal, Record, Role,
};

use super::super::Running;

/// Queues, and agents, that one tenant may define over HTTP.
const MAX_DEFINED: usize = 10_000;

/// What was defined over HTTP.
#[derive(Debug, Default)]
pub(in super::super) struct Definitions {
    queues: BTreeMap<QueueKey, QueueConfig>,
    agents: BTreeMap<AgentKey, AgentConfig>,
}

impl Definitions {
    /// As the store remembers.
    pub(in super::super) fn restored(definitions: Vec<Definition>) -> Self {
        let mut defined = Self::default();
        for definition in definitions {
            match definition {
                Definition::Queue(queue) => {
                    defined.queues.insert(queue.key.clone(), *queue);
                }
                Definition::Agent(agent) => {
                    defined.agents.insert(agent.key.clone(), *agent);
                }
            }
        }
        defined
    }
}

impl Definitions {
    /// Forgets all of a tenant's.
    pub(super) fn forget_tenant(&mut self, tenant: &str) {
        self.queues.retain(|key, _| key.tenant != tenant);
        self.agents.retain(|key, _| key.tenant != tenant);
    }
}

impl Running {
    /// The distributor works with this from now on. A definition whose id the file has taken, or whose number, waits
    /// without effect until the file lets go of it: the file wins, and an event says so.
    pub(in super::super) fn configure_queues(&mut self, now: Now) {
        let (mut config, shadowed) = self.all_queues();
        for (tenant, own) in &self.desk.policy.tenants {
            if own.wrap_up_time.is_some() {
                config.tenants.entry(tenant.clone()).or_default().times.wrap_up_time =
                    own.wrap_up_time;
            }
        }
        for subject in shadowed {
            let tenant = tenant_of(&subject).clone();
            self.desk.out.publish(now, Some(&tenant), EventKind::DefinitionShadowed { subject });
        }
        self.books
            .directory
            .set_queues(config.queues.iter().map(|queue| queue.key.clone()).collect());
        self.staff.configure(&config);
        self.queues.acd.configure(now, config);
    }

    /// File and store together, and what of the store the file has taken.
    fn all_queues(&self) -> (AcdConfig, Vec<FigureSubject>) {
        let file = &self.books.directory.config().acd;
        let mut all = file.clone();
        let mut shadowed = Vec::new();
        let queues: BTreeSet<&QueueKey> = file.queues.iter().map(|queue| &queue.key).collect();
        for (key, queue) in &self.queues.defined.queues {
            if queues.contains(key) || self.held_by(key).is_some() {
                shadowed.push(FigureSubject::Queue(key.clone()));
            } else {
                all.queues.push(queue.clone());
            }
        }
        let agents: BTreeSet<&AgentKey> = file.agents.iter().map(|agent| &agent.key).collect();
        for (key, agent) in &self.queues.defined.agents {
            if agents.contains(key) {
                shadowed.push(FigureSubject::Agent(key.clone()));
            } else {
                all.agents.push(agent.clone());
            }
        }
        (all, shadowed)
    }

    fn defined_in_force(&self, key: &QueueKey) -> bool {
        self.queues.defined.queues.contains_key(key) && self.held_by(key).is_none()
    }

    /// What else than a queue has the number of one.
    fn held_by(&self, key: &QueueKey) -> Option<&'static str> {
        let holder = self.books.directory.holder_of(&key.tenant, &key.number);
        holder.filter(|holder| *holder != "a queue")
    }

    /// Whether the file defines it.
    pub(super) fn is_of_file(&self, subject: &FigureSubject) -> bool {
        let file = &self.books.directory.config().acd;
        match subject {
            FigureSubject::Queue(key) => file.queues.iter().any(|queue| queue.key == *key),
            FigureSubject::Agent(key) => file.agents.iter().any(|agent| agent.key == *key),
        }
    }

    /// Carries out a definition. It is in force at once; the answer waits for the disk.
    pub(in super::super) fn define(
        &mut self,
        now: Now,
        principal: &Principal,
        order: DefinitionOrder,
    ) -> Result<Done, CommandError> {
        if principal.role != Role::Admin {
            return Err(CommandError::Forbidden("only an admin's key defines".into()));
        }
        let subject = subject_of(&order);
        if *tenant_of(&subject) != principal.tenant {
            return Err(CommandError::Forbidden("the key is another tenant's".into()));
        }
        if self.is_of_file(&subject) {
            let text = "it is defined in the configuration file, and can be changed there only";
            return Err(CommandError::Conflict(text.into()));
        }
        match order {
            DefinitionOrder::PutQueue(queue) => self.put_queue(*queue)?,
            DefinitionOrder::DeleteQueue(key) => self.delete_queue(&key)?,
            DefinitionOrder::PutAgent(agent) => self.put_agent(*agent)?,
            DefinitionOrder::DeleteAgent(key) => self.delete_agent(&key)?,
            DefinitionOrder::PutTier(key, tier) => self.put_tier(&key, tier)?,
            DefinitionOrder::DeleteTier(key, queue) => self.delete_tier(&key, &queue)?,
        }
        self.configure_queues(now);
        let exists = match &subject {
            FigureSubject::Queue(key) => self.queues.defined.queues.contains_key(key),
            FigureSubject::Agent(key) => self.queues.defined.agents.contains_key(key),
        };
        let kind = EventKind::DefinitionChanged { subject, exists };
        self.desk.out.publish(now, Some(&principal.tenant), kind);
        Ok(Done::Defined)
    }

    fn put_queue(&mut self, queue: QueueConfig) -> Result<(), CommandError> {
        let key = queue.key.clone();
        if let Some(holder) = self.held_by(&key) {
            let text = format!("{} is {holder}; queues share their numbers", key.number);
            return Err(CommandError::Conflict(text));
        }
        let clean = crate::route::clean(&key.number);
        if clean.as_deref() != Some(key.number.as_str()) {
            return Err(CommandError::Invalid("a queue's number is what can be dialled".into()));
        }
        let limits = &queue.limits;
        let destinations = [
            ("timeout_transfer_dst", &limits.timeout_transfer_dst),
            ("no_agent_timeout_transfer_dst", &limits.no_agent_timeout_transfer_dst),
            ("full_transfer_dst", &limits.full_transfer_dst),
            ("exit_transfer_dst", &limits.exit_transfer_dst),
            ("agent_hangup_transfer_dst", &queue.service.agent_hangup_transfer_dst),
        ];
        for (name, to) in destinations {
            let known = |to| self.books.directory.destination(&key.tenant, to).is_ok();
            if to.as_ref().is_some_and(|to| !known(to)) {
                return Err(CommandError::Invalid(format!("{name} leads nowhere")));
            }
        }
        let own = self.queues.defined.queues.keys().filter(|own| own.tenant == key.tenant).count();
        if own >= MAX_DEFINED && !self.queues.defined.queues.contains_key(&key) {
            return Err(CommandError::Conflict(format!("a tenant defines {MAX_DEFINED} at most")));
        }
        self.desk.out.persist(Record::Defined(Definition::Queue(Box::new(queue.clone()))));
        self.queues.defined.queues.insert(key, queue);
        Ok(())
    }

    fn delete_queue(&mut self, key: &QueueKey) -> Result<(), CommandError> {
        // One that has no effect beside the file's is in nobody's way.
        if self.defined_in_force(key) {
            self.queue_is_unused(key)?;
        }
        if self.queues.defined.queues.remove(key).is_none() {
            return Err(CommandError::NotFound(format!("no queue {}", key.number)));
        }
        self.desk.out.persist(Record::Undefined(FigureSubject::Queue(key.clone())));
        for agent in self.queues.defined.agents.values_mut() {
            let before = agent.tiers.len();
            agent.tiers.retain(|tier| tier.queue != *key);
            if agent.tiers.len() < before {
                let definition = Definition::Agent(Box::new(agent.clone()));
                self.desk.out.persist(Record::Defined(definition));
            }
        }
        Ok(())
    }

    fn put_agent(&mut self, agent: AgentConfig) -> Result<(), CommandError> {
        let tenant = agent.key.tenant.clone();
        if !(1..=2).contains(&agent.places.len()) {
            return Err(CommandError::Invalid("an agent has one or two places".into()));
        }
        for place in &agent.places {
            self.usable_place(&agent.key, place)?;
        }
        for tier in &agent.tiers {
            self.known_queue(&tier.queue, &tenant)?;
        }
        let agents = &self.queues.defined.agents;
        let own = agents.keys().filter(|key| key.tenant == tenant).count();
        if own >= MAX_DEFINED && !agents.contains_key(&agent.key) {
            return Err(CommandError::Conflict(format!("a tenant defines {MAX_DEFINED} at most")));
        }
        self.keep_agent(agent);
        Ok(())
    }

    /// A place where an agent can be rung, and that is nobody else's.
    fn usable_place(&self, agent: &AgentKey, place: &AgentPlace) -> Result<(), CommandError> {
        let tenant = &agent.tenant;
        match place {
            AgentPlace::Extension(number) => {
                let key = ExtensionKey { tenant: tenant.clone(), number: number.clone() };
                if self.books.directory.extension(&key).is_none() {
                    let text = format!("there is no extension {number}");
                    return Err(CommandError::Invalid(text));
                }
                self.free_seat(agent, place, number)
            }
            AgentPlace::Number(number) => {
                let hops = self.books.directory.outside(tenant, number);
                hops.map(|_| ()).map_err(|_| {
                    let text = format!("no [[route]] leads to the number {number}");
                    CommandError::Invalid(text)
                })
            }
        }
    }

    /// As in the file, a phone is one agent's.
    fn free_seat(
        &self,
        agent: &AgentKey,
        place: &AgentPlace,
        number: &str,
    ) -> Result<(), CommandError> {
        let of_file = self.books.directory.config().acd.agents.iter();
        let mut all = of_file.chain(self.queues.defined.agents.values());
        let sits =
            |own: &&AgentConfig| own.key.tenant == agent.tenant && own.places.contains(place);
        match all.find(|own| own.key != *agent && sits(own)) {
            None => Ok(()),
            Some(other) => Err(CommandError::Conflict(format!(
                "extension {number} is the phone of agent {}; others log in there with their PIN",
                other.key.id
            ))),
        }
    }

    fn known_queue(&self, key: &QueueKey, tenant: &str) -> Result<(), CommandError> {
        let known = key.tenant == tenant && self.queues.acd.queue_config(key).is_some();
        if known {
            return Ok(());
        }
        Err(CommandError::NotFound(format!("no queue {}", key.number)))
    }

    fn keep_agent(&mut self, agent: AgentConfig) {
        self.desk.out.persist(Record::Defined(Definition::Agent(Box::new(agent.clone()))));
        self.queues.defined.agents.insert(agent.key.clone(), agent);
    }

    fn delete_agent(&mut self, key: &AgentKey) -> Result<(), CommandError> {
        if self.queues.defined.agents.remove(key).is_none() {
            return Err(no_agent(key));
        }
        self.desk.out.persist(Record::Undefined(FigureSubject::Agent(key.clone())));
        Ok(())
    }

    fn put_tier(&mut self, key: &AgentKey, tier: Tier) -> Result<(), CommandError> {
        self.known_queue(&tier.queue, &key.tenant)?;
        let agent = self.queues.defined.agents.get(key);
        let mut agent = agent.cloned().ok_or_else(|| no_agent(key))?;
        agent.tiers.retain(|own| own.queue != tier.queue);
        agent.tiers.push(tier);
        self.keep_agent(agent);
        Ok(())
    }

    fn delete_tier(&mut self, key: &AgentKey, queue: &QueueKey) -> Result<(), CommandError> {
        let agent = self.queues.defined.agents.get(key);
        let mut agent = agent.cloned().ok_or_else(|| no_agent(key))?;
        let before = agent.tiers.len();
        agent.tiers.retain(|own| own.queue != *queue);
        if agent.tiers.len() == before {
            let text = format!("agent {} does not serve queue {}", key.id, queue.number);
            return Err(CommandError::NotFound(text));
        }
        self.keep_agent(agent);
        Ok(())
    }
}

fn no_agent(key: &AgentKey) -> CommandError {
    CommandError::NotFound(format!("no agent {}", key.id))
}

fn subject_of(order: &DefinitionOrder) -> FigureSubject {
    match order {
        DefinitionOrder::PutQueue(queue) => FigureSubject::Queue(queue.key.clone()),
        DefinitionOrder::DeleteQueue(key) => FigureSubject::Queue(key.clone()),
        DefinitionOrder::PutAgent(agent) => FigureSubject::Agent(agent.key.clone()),
        DefinitionOrder::DeleteAgent(key)
        | DefinitionOrder::PutTier(key, _)
        | DefinitionOrder::DeleteTier(key, _) => FigureSubject::Agent(key.clone()),
    }
}

fn tenant_of(subject: &FigureSubject) -> &String {
    match subject {
        FigureSubject::Queue(key) => &key.tenant,
        FigureSubject::Agent(key) => &key.tenant,
    }
}
