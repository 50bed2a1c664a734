//! Tasks as shown to people.

use std::collections::BTreeMap;

use crate::vocab::TenantId;
use crate::vocab::dial::{DialState, DialTask, DialTaskKey, DialTaskView};

use super::Dialer;

impl Dialer {
    /// One task.
    pub fn view(&self, key: &DialTaskKey) -> Option<DialTaskView> {
        let task = self.tasks.get(key)?;
        let stages = task.calls.iter().filter_map(|id| self.attempts.get(id));
        let ringing = stages.filter(|attempt| attempt.stage.rings()).count();
        Some(task.view(ringing))
    }

    /// Tasks of a tenant by id, and how many there are in all.
    pub fn page(&self, tenant: &str, offset: usize, limit: usize) -> (Vec<DialTaskView>, usize) {
        let keys = || self.tasks.keys().filter(|key| key.tenant == tenant);
        let rows = keys().skip(offset).take(limit).filter_map(|key| self.view(key));
        (rows.collect(), keys().count())
    }

    /// A task of a tenant that is under way and is such a one.
    pub fn live_task(
        &self,
        tenant: &str,
        wanted: impl Fn(&DialTask) -> bool,
    ) -> Option<&DialTaskKey> {
        let lives = |state| matches!(state, DialState::Running | DialState::Stopping);
        let mut own = self.tasks.iter().filter(|(key, _)| key.tenant == tenant);
        let found = own.find(|(_, task)| lives(task.state) && wanted(&task.config));
        found.map(|(key, _)| key)
    }

    /// Numbers of a tenant that are never dialled, and how many there are in all.
    pub fn blocked(&self, tenant: &str, offset: usize, limit: usize) -> (Vec<String>, usize) {
        let Some(own) = self.blocked.get(tenant) else { return (Vec::new(), 0) };
        (own.iter().skip(offset).take(limit).cloned().collect(), own.len())
    }

    /// Calls of tenants that have tasks.
    pub fn calls_by_tenant(&self) -> Vec<(TenantId, u64)> {
        let mut all: BTreeMap<&TenantId, u64> = BTreeMap::new();
        for (key, task) in &self.tasks {
            *all.entry(&key.tenant).or_default() += task.calls.len() as u64;
        }
        all.into_iter().map(|(tenant, calls)| (tenant.clone(), calls)).collect()
    }

    /// Numbers done with since the start, by tenant and outcome.
    pub fn done_by_tenant(&self) -> Vec<(TenantId, String, u64)> {
        let rows = self.done.iter();
        rows.map(|((tenant, outcome), count)| (tenant.clone(), outcome.as_str().to_owned(), *count))
            .collect()
    }

    /// All tasks.
    pub fn views(&self) -> Vec<DialTaskView> {
        self.tasks.keys().filter_map(|key| self.view(key)).collect()
    }
}
