//! Where bindings are kept: by id, by extension and by flow, with the timers that point at them.

use std::borrow::Borrow;
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

/// FNV-1a over tenant and number. Both come from the configuration: nobody can choose them to collide.
fn digest(owner: &ExtensionKey) -> u64 {
    let bytes = owner.tenant.bytes().chain([0]).chain(owner.number.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// One less; nothing is kept for none.
fn count_down<K: Ord + Borrow<Q>, Q: Ord + ?Sized>(counts: &mut BTreeMap<K, u32>, key: &Q) {
    match counts.get_mut(key) {
        Some(count) if *count > 1 => *count -= 1,
        _ => drop(counts.remove(key)),
    }
}

/// All bindings.
#[derive(Debug, Default)]
pub(super) struct Table {
    bindings: BTreeMap<BindingId, Box<Binding>>,
    /// By a digest of the owner, since comparing numbers is faster than comparing names. Owners with one digest share
    /// an entry, and each takes its own.
    owners: BTreeMap<u64, SmallVec<[BindingId; 2]>>,
    /// The owners in order, with how many bindings each has.
    order: BTreeMap<Arc<ExtensionKey>, u32>,
    flows: BTreeSet<(FlowKey, BindingId)>,
    tenants: BTreeMap<TenantId, u32>,
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
        let ids = self.owners.get(&digest(owner)).map_or(&[][..], SmallVec::as_slice);
        ids.iter()
            .filter_map(|id| Some((*id, self.get(*id)?)))
            .filter(|(_, binding)| *binding.owner == *owner)
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
        self.order
            .range::<ExtensionKey, _>(first..)
            .take_while(move |(owner, _)| owner.tenant == end)
            .flat_map(|(owner, _)| self.of(owner))
    }

    /// How many bindings a tenant has.
    pub fn count_of_tenant(&self, tenant: &str) -> usize {
        self.tenants.get(tenant).map_or(0, |count| *count as usize)
    }

    /// Every binding, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (BindingId, &Binding)> {
        self.bindings.iter().map(|(id, binding)| (*id, binding.as_ref()))
    }

    /// Every extension that has bindings.
    pub fn owners(&self) -> impl Iterator<Item = &ExtensionKey> {
        self.order.keys().map(AsRef::as_ref)
    }

    /// The shared key of an extension, so that it is stored once.
    pub fn owner(&self, key: &ExtensionKey) -> Arc<ExtensionKey> {
        let known = self.order.get_key_value(key).map(|(known, _)| Arc::clone(known));
        known.unwrap_or_else(|| Arc::new(key.clone()))
    }

    pub fn next_id(&mut self) -> BindingId {
        self.last_id += 1;
        BindingId(self.last_id)
    }

    pub fn insert(&mut self, id: BindingId, binding: Binding) {
        self.flows.insert((binding.flow.into(), id));
        self.owners.entry(digest(&binding.owner)).or_default().push(id);
        *self.order.entry(Arc::clone(&binding.owner)).or_default() += 1;
        *self.tenants.entry(binding.owner.tenant.clone()).or_default() += 1;
        self.bindings.insert(id, Box::new(binding));
        self.arm(id);
    }

    pub fn remove(&mut self, id: BindingId) -> Option<Box<Binding>> {
        let binding = self.bindings.remove(&id)?;
        self.flows.remove(&(binding.flow.into(), id));
        let owner = digest(&binding.owner);
        if let Some(ids) = self.owners.get_mut(&owner) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.owners.remove(&owner);
            }
        }
        count_down(&mut self.order, binding.owner.as_ref());
        count_down(&mut self.tenants, &binding.owner.tenant);
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
        let sum = |counts: &mut dyn Iterator<Item = &u32>| counts.sum::<u32>() as usize;
        let ordered = sum(&mut self.order.values());
        let counted = sum(&mut self.tenants.values());
        let found = [listed, ordered, self.flows.len(), counted];
        if found != [self.bindings.len(); 4] {
            errors.push(format!(
                "registrar: {} bindings, by digest, extension, flow and tenant {found:?}",
                self.bindings.len(),
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

#[cfg(test)]
mod tests {
    use super::super::binding::{Health, Probe};
    use super::*;

    /// What the allocator takes for so many bytes: a header, and sizes in steps of 16.
    fn allocated(bytes: usize) -> usize {
        if bytes == 0 { 0 } else { (bytes + 8).next_multiple_of(16).max(32) }
    }

    /// What an entry of a B-tree takes when nodes are filled from left to right: a little more than half full.
    fn entry<T>() -> usize {
        size_of::<T>() * 11 / 6
    }

    /// The target is 2 KB for everything that a registration costs anywhere in the process; this is the part of it that
    /// is kept here.
    #[test]
    fn a_binding_with_all_that_points_at_it_stays_within_1_kb() {
        let texts = [
            "sip:90310468564567@203.0.113.207:5060;transport=udp;ob",
            "0123456789abcdef0123456789abcdef@192.168.100.101",
            "Some Desk Phone SIP-T46U 108.86.0.75 805e0c123456",
            // The owner's tenant and number.
            "demo",
            "4567",
        ];
        let strings: usize = texts.iter().map(|text| allocated(text.len())).sum();
        let binding = allocated(size_of::<Binding>());
        let owner = allocated(size_of::<ExtensionKey>() + 2 * size_of::<usize>());
        let indexes = entry::<(BindingId, Box<Binding>)>()
            + entry::<(u64, SmallVec<[BindingId; 2]>)>()
            + entry::<(Arc<ExtensionKey>, u32)>()
            + entry::<(FlowKey, BindingId)>();
        // A vector that doubles, with a hint that counts and one that is stale.
        let timers = 4 * size_of::<(u64, BindingId)>();
        let total = strings + binding + owner + indexes + timers;
        assert!(total <= 1024, "{binding} + {strings} + {owner} + {indexes} + {timers} = {total}");
    }

    #[test]
    fn owners_with_one_digest_keep_apart() {
        let mut table = Table::default();
        let owners = [("a", "1"), ("b", "1")].map(|(tenant, number)| {
            Arc::new(ExtensionKey { tenant: tenant.into(), number: number.into() })
        });
        for owner in &owners {
            let id = table.next_id();
            table.insert(id, binding(owner, 100));
        }
        // As if both digests were the same.
        let second = table.owners.remove(&digest(&owners[1])).unwrap();
        table.owners.get_mut(&digest(&owners[0])).unwrap().extend(second);
        let found: Vec<BindingId> = table.of(&owners[0]).map(|(id, _)| id).collect();
        assert_eq!(found, [BindingId(1)]);
    }

    #[test]
    fn contacts_that_come_and_go_leave_no_heap_of_hints() {
        let mut table = Table::default();
        let owner = Arc::new(ExtensionKey { tenant: "a".into(), number: "1".into() });
        for round in 0..100_000 {
            let id = table.next_id();
            table.insert(id, binding(&owner, 1_000_000 + round));
            table.remove(id);
        }
        assert!(table.timers.len() <= 1024 + 2, "{}", table.timers.len());
        let id = table.next_id();
        table.insert(id, binding(&owner, 5));
        assert_eq!((table.pop_due(4), table.pop_due(5)), (None, Some(id)));
    }

    fn binding(owner: &Arc<ExtensionKey>, expires: u64) -> Binding {
        let remote = SocketAddr::from(([192, 0, 2, 1], 5060));
        Binding {
            owner: Arc::clone(owner),
            contact: "sip:a@h".into(),
            call_id: "c".into(),
            user_agent: "".into(),
            path: None,
            flow: Flow { transport: Transport::Udp, local: remote, remote, generation: 0 },
            severed: false,
            behind_nat: false,
            cseq: 1,
            q: 1000,
            device: 0,
            refreshed: 0,
            expires,
            keepalive: None,
            probe: Probe::Off,
            health: Health::Unknown,
            hint: u64::MAX,
        }
    }
}
