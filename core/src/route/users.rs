//! Finds extensions by key and by SIP user without a copy of their names: sorted positions in the configuration.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::vocab::config::{Config, Extension, Tenant};
use crate::vocab::{ExtensionKey, TenantId};

/// Positions of extensions in `config.extensions`, in three orders.
#[derive(Debug, Default)]
pub struct Users {
    /// By tenant and number.
    by_key: Vec<u32>,
    /// By number alone.
    by_number: Vec<u32>,
    /// By prefix and number, as one text.
    by_user: Vec<u32>,
}

/// Prefixes of the tenants.
type Prefixes<'a> = BTreeMap<&'a str, &'a str>;

fn prefix_of<'a>(prefixes: &Prefixes<'a>, extension: &Extension) -> &'a str {
    prefixes.get(extension.key.tenant.as_str()).copied().unwrap_or("")
}

impl Users {
    /// Sorts all extensions. The first key that stands twice is the error.
    pub fn new(config: &Config) -> Result<Self, ExtensionKey> {
        let all = &config.extensions;
        let prefixes: Prefixes<'_> =
            config.tenants.iter().map(|t| (t.id.as_str(), t.prefix.as_str())).collect();
        let positions = || 0..u32::try_from(all.len()).unwrap_or(u32::MAX);
        let mut by_key: Vec<u32> = positions().collect();
        let mut by_number = by_key.clone();
        let mut by_user = by_key.clone();
        let at = |position: &u32| &all[*position as usize];
        by_key.sort_by(|a, b| at(a).key.cmp(&at(b).key));
        by_number.sort_by(|a, b| at(a).key.number.cmp(&at(b).key.number));
        by_user.sort_by(|a, b| {
            let user = |position| {
                let extension = at(position);
                prefix_of(&prefixes, extension).bytes().chain(extension.key.number.bytes())
            };
            user(a).cmp(user(b))
        });
        for pair in by_key.windows(2) {
            if let [a, b] = pair
                && at(a).key == at(b).key
            {
                return Err(at(a).key.clone());
            }
        }
        Ok(Self { by_key, by_number, by_user })
    }

    /// The extension with this tenant and number.
    pub fn get<'a>(&self, config: &'a Config, tenant: &str, number: &str) -> Option<&'a Extension> {
        let found = self.by_key.binary_search_by(|position| {
            compare_key(&config.extensions, *position, tenant, number)
        });
        config.extensions.get(*self.by_key.get(found.ok()?)? as usize)
    }

    /// The only extension with this bare number in the whole switch.
    pub fn unique_number<'a>(&self, config: &'a Config, number: &str) -> Option<&'a Extension> {
        only(&config.extensions, &self.by_number, |extension| {
            extension.key.number.as_str().cmp(number)
        })
    }

    /// The only extension whose prefix and number read so.
    pub fn full_user<'a>(
        &self,
        config: &'a Config,
        tenants: &BTreeMap<TenantId, usize>,
        user: &str,
    ) -> Option<&'a Extension> {
        let prefix = |tenant: &str| {
            let at = tenants.get(tenant)?;
            config.tenants.get(*at).map(|tenant: &Tenant| tenant.prefix.as_str())
        };
        only(&config.extensions, &self.by_user, |extension| {
            let prefix = prefix(&extension.key.tenant).unwrap_or("");
            prefix.bytes().chain(extension.key.number.bytes()).cmp(user.bytes())
        })
    }
}

fn compare_key(all: &[Extension], position: u32, tenant: &str, number: &str) -> Ordering {
    all.get(position as usize).map_or(Ordering::Greater, |extension| {
        let key = &extension.key;
        key.tenant.as_str().cmp(tenant).then_with(|| key.number.as_str().cmp(number))
    })
}

/// The one extension that compares equal; `None` when there are several.
fn only<'a>(
    all: &'a [Extension],
    order: &[u32],
    compare: impl Fn(&Extension) -> Ordering,
) -> Option<&'a Extension> {
    let first = order.partition_point(|position| {
        all.get(*position as usize).is_some_and(|extension| compare(extension).is_lt())
    });
    let equal = |at: usize| {
        let extension = all.get(*order.get(at)? as usize)?;
        compare(extension).is_eq().then_some(extension)
    };
    let found = equal(first)?;
    if equal(first + 1).is_some() { None } else { Some(found) }
}
