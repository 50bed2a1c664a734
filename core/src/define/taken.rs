//! What a file has given away, so that nothing that was defined over HTTP stands for it.

use std::collections::{BTreeMap, BTreeSet};

use crate::vocab::config::{Config, Number, Route, RouteFrom, Tenant};
use crate::vocab::define::Entry;
use crate::vocab::{ExtensionKey, NumberKey, RouteKey, TenantId, TrunkKey};

/// Names, numbers and SIP users that are in use.
pub(super) struct Taken {
    tenants: BTreeMap<TenantId, Tenant>,
    /// Of the number space within a tenant.
    inside: BTreeSet<ExtensionKey>,
    /// With the tenant's domain, or none.
    users: BTreeSet<(Option<String>, String)>,
    trunks: BTreeSet<TrunkKey>,
    /// Without a plus.
    outside: BTreeSet<NumberKey>,
    routes: BTreeSet<RouteKey>,
}

impl Taken {
    /// By a file.
    pub fn of(config: &Config) -> Self {
        let key = |tenant: &TenantId, number: &String| ExtensionKey {
            tenant: tenant.clone(),
            number: number.clone(),
        };
        let queues = config.acd.queues.iter().map(|own| key(&own.key.tenant, &own.key.number));
        let groups = config.groups.iter().map(|own| key(&own.key.tenant, &own.number));
        let pages = config.pages.iter().map(|own| key(&own.key.tenant, &own.number));
        let rooms = config.conferences.iter();
        let rooms = rooms.filter_map(|own| Some(key(&own.key.tenant, own.number.as_ref()?)));
        let tenants = config.tenants.iter().map(|own| (own.id.clone(), own.clone()));
        let mut taken = Self {
            tenants: tenants.collect(),
            inside: queues.chain(groups).chain(pages).chain(rooms).collect(),
            users: BTreeSet::new(),
            trunks: config.trunks.iter().map(|own| own.key.clone()).collect(),
            outside: config.numbers.iter().map(bare).collect(),
            routes: config.routes.iter().map(Route::key).collect(),
        };
        for extension in &config.extensions {
            taken.extension(&extension.key);
        }
        taken
    }

    /// Takes what an entry needs for itself, where it is free and what it belongs to exists.
    pub fn take(&mut self, entry: &Entry) -> bool {
        if !self.tenants.contains_key(entry.key().tenant()) {
            return false;
        }
        match entry {
            Entry::Extension(entry) => self.extension(&entry.extension.key),
            Entry::Trunk(trunk) => self.trunks.insert(trunk.key.clone()),
            Entry::Number(number) => {
                self.trunks.contains(&number.trunk) && self.outside.insert(bare(number))
            }
            Entry::Route(entry) => {
                let from = match &entry.route.from {
                    RouteFrom::Trunk(trunk) => self.trunks.contains(trunk),
                    RouteFrom::Extension => true,
                };
                from && self.routes.insert(entry.route.key())
            }
        }
    }

    /// Takes a number and its SIP user, where its tenant exists and both are free.
    fn extension(&mut self, key: &ExtensionKey) -> bool {
        let Some(tenant) = self.tenants.get(&key.tenant) else { return false };
        let user = (tenant.domain.clone(), format!("{}{}", tenant.prefix, key.number));
        let free = !self.inside.contains(key) && !self.users.contains(&user);
        if free {
            self.inside.insert(key.clone());
            self.users.insert(user);
        }
        free
    }
}

fn bare(number: &Number) -> NumberKey {
    let NumberKey { tenant, number } = number.key();
    NumberKey { tenant, number: number.trim_start_matches('+').to_owned() }
}
