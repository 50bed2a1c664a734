//! Where bindings are kept: by id, by extension and by flow, with the timers that point at them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::net::SocketAddr;
use std::sync::Arc;

use sip::{Flow, Transport};
use smallvec::SmallVec;

use crate::vocab::{ExtensionKey, TenantId};

use super::binding::{Binding, BindingId};

/// A flow in the order in which flows are looked for: by the peer's address first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct FlowKey {
    remote: SocketAddr,
    transport: Transport,
    local: SocketAddr,
    generation: u32,
}

impl From<Flow> for FlowKey {
    fn from(flow: Flow) -> Self {
        let Flow { transport, local, remote, generation } = flow;
        Self { remote, transport, local, generation }
    }
}

/// All bindings.
#[derive(Debug, Default)]
pub(super) struct Table {
    bindings: BTreeMap<BindingId, Box<Binding>>,
    owners: BTreeMap<Arc<ExtensionKey>, SmallVec<[BindingId; 2]>>,
    flows: BTreeSet<(FlowKey, BindingId)>,
    tenants: BTreeMap<TenantId, usize>,
    /// Hints: an entry counts only while its binding names it.
    timers: BinaryHeap<Reverse<(u64, BindingId)>>,
    last_id: u64,
}

impl Table {
    pub fn len(&self) -> usize {
        self.bindings.len()
    }

    pub fn get(&self, id: BindingId) -> Option<&Binding> {
        self.bindings.get(&id).map(AsRef::as_ref)
    }

    /// For changes that concern neither owner nor flow; [`Table::arm`] afterwards.
    pub fn get_mut(&mut self, id: BindingId) -> Option<&mut Binding> {
        self.bindings.get_mut(&id).map(AsMut::as_mut)
    }

    /// The bindings of an extension, oldest first.
    pub fn of(&self, owner: &ExtensionKey) -> impl Iterator<Item = (BindingId, &Binding)> {
        let ids = self.owners.get(owner).map_or(&[][..], SmallVec::as_slice);
        ids.iter().filter_map(|id| Some((*id, self.get(*id)?)))
    }

    /// The bindings on a flow, oldest first.
    pub fn on(&self, flow: Flow) -> impl Iterator<Item = (BindingId, &Binding)> {
        let key = FlowKey::from(flow);
        self.flows
            .range((key, BindingId(0))..=(key, BindingId(u64::MAX)))
            .filter_map(|(_, id)| Some((*id, self.get(*id)?)))
    }

    /// Extensions of a tenant with their bindings, in order of number.
    pub fn of_tenant(&self, tenant: &str) -> impl Iterator<Item = (BindingId, &Binding)> {
        let first = ExtensionKey { tenant: tenant.to_owned(), number: String::new() };
        let end = first.tenant.clone();
        self.owners
            .range::<ExtensionKey, _>(first..)
            .take_while(move |(owner, _)| owner.tenant == end)
            .flat_map(|(_, ids)| ids.iter())
            .filter_map(|id| Some((*id, self.get(*id)?)))
    }

    /// How many bindings a tenant has.
    pub fn count_of_tenant(&self, tenant: &str) -> usize {
        self.tenants.get(tenant).copied().unwrap_or(0)
    }

    /// Every binding, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (BindingId, &Binding)> {
        self.bindings.iter().map(|(id, binding)| (*id, binding.as_ref()))
    }

    /// Every extension that has bindings.
    pub fn owners(&self) -> impl Iterator<Item = &ExtensionKey> {
        self.owners.keys().map(AsRef::as_ref)
    }

    /// The shared key of an extension, so that it is stored once.
    pub fn owner(&self, key: &ExtensionKey) -> Arc<ExtensionKey> {
        let known = self.owners.get_key_value(key).map(|(known, _)| Arc::clone(known));
        known.unwrap_or_else(|| Arc::new(key.clone()))
    }

    pub fn next_id(&mut self) -> BindingId {
        self.last_id += 1;
        BindingId(self.last_id)
    }

    pub fn insert(&mut self, id: BindingId, binding: Binding) {
        self.flows.insert((binding.flow.into(), id));
        self.owners.entry(Arc::clone(&binding.owner)).or_default().push(id);
        *self.tenants.entry(binding.owner.tenant.clone()).or_default() += 1;
        self.bindings.insert(id, Box::new(binding));
        self.arm(id);
    }

    pub fn remove(&mut self, id: BindingId) -> Option<Box<Binding>> {
        let binding = self.bindings.remove(&id)?;
        self.flows.remove(&(binding.flow.into(), id));
        if let Some(ids) = self.owners.get_mut(&binding.owner) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.owners.remove(&binding.owner);
            }
        }
        if let Some(count) = self.tenants.get_mut(&binding.owner.tenant) {
            *count -= 1;
            if *count == 0 {
                self.tenants.remove(&binding.owner.tenant);
            }
        }
        Some(binding)
    }

    /// Moves a binding to another flow.
    pub fn move_to(&mut self, id: BindingId, flow: Flow) {
        let Some(binding) = self.bindings.get_mut(&id) else { return };
        let old = std::mem::replace(&mut binding.flow, flow);
        self.flows.remove(&(old.into(), id));
        self.flows.insert((flow.into(), id));
    }

    /// Sees to it that the binding is looked at when it wants to be. A later wish costs nothing: the earlier hint
    /// fires, finds nothing to do and arms again.
    pub fn arm(&mut self, id: BindingId) {
        let Some(binding) = self.bindings.get_mut(&id) else { return };
        let wake = binding.wake();
        if wake < binding.hint {
            binding.hint = wake;
            self.timers.push(Reverse((wake, id)));
        }
        self.compact();
    }

    /// Leaves only hints that count, when most do not: contacts that come and go quickly leave them behind.
    fn compact(&mut self) {
        if self.timers.len() > 2 * self.bindings.len() + 1024 {
            let bindings = &self.bindings;
            self.timers.retain(|Reverse((at, id))| {
                bindings.get(id).is_some_and(|binding| binding.hint == *at)
            });
        }
    }

    /// The next binding whose hint is due, with the hint taken off. Arm it again afterwards.
    pub fn pop_due(&mut self, now: u64) -> Option<BindingId> {
        while let Some(Reverse((at, id))) = self.timers.peek().copied()
            && at <= now
        {
            self.timers.pop();
            if let Some(binding) = self.bindings.get_mut(&id)
                && binding.hint == at
            {
                binding.hint = u64::MAX;
                return Some(id);
            }
        }
        None
    }

    /// When [`Table::pop_due`] may have something; a hint of a binding that is gone counts too.
    pub fn next_hint(&self) -> Option<u64> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    /// What is wrong with the indexes, if anything.
    pub fn audit(&self, errors: &mut Vec<String>) {
        let listed: usize = self.owners.values().map(SmallVec::len).sum();
        let counted: usize = self.tenants.values().sum();
        if [listed, self.flows.len(), counted] != [self.bindings.len(); 3] {
            errors.push(format!(
                "registrar: {} bindings, {listed} by extension, {} by flow, {counted} by tenant",
                self.bindings.len(),
                self.flows.len(),
            ));
        }
        for (id, binding) in &self.bindings {
            if !self.flows.contains(&(binding.flow.into(), *id)) {
                errors.push(format!("registrar: {id:?} is not found by its flow"));
            }
            if !self.of(&binding.owner).any(|(other, _)| other == *id) {
                errors.push(format!("registrar: {id:?} is not found by its extension"));
            }
            if binding.hint > binding.wake() {
                errors.push(format!("registrar: {id:?} has no live deadline"));
            }
        }
    }
}
