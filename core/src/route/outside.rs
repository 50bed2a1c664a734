//! Trunks, numbers and routes: what there is, and changes of single ones while the switch runs.

use super::lines::{Rank, overlap, tail};
use super::{Directory, DirectoryError, compile, number};
use crate::vocab::config::{Destination, Number, Route, RouteFrom, Trunk};
use crate::vocab::{NumberKey, RouteKey, TrunkKey};

impl Directory {
    /// Takes over what the file defines, in its order.
    pub(super) fn take_lines(
        &mut self,
        (trunks, numbers, routes): (Vec<Trunk>, Vec<Number>, Vec<Route>),
    ) -> Result<(), DirectoryError> {
        for (at, trunk) in trunks.into_iter().enumerate() {
            if self.trunks.contains_key(&trunk.key) {
                return Err(DirectoryError::Trunk(trunk.key));
            }
            self.trunks.insert(trunk.key.clone(), (Rank::File(at), trunk));
        }
        for (at, number) in numbers.into_iter().enumerate() {
            self.rank_number(Rank::File(at), number);
        }
        for (at, route) in routes.into_iter().enumerate() {
            let pattern = compile(&route.pattern)
                .map_err(|why| DirectoryError::Pattern { route: at, why })?;
            let plan = self.plans.entry(route.tenant.clone()).or_default();
            plan.put_route(Rank::File(at), pattern, route);
        }
        Ok(())
    }

    fn country(&self, tenant: &str) -> Option<&str> {
        self.tenant(tenant)?.country_code.as_deref()
    }

    fn rank_number(&mut self, rank: Rank, number: Number) {
        let key = number.key();
        let canonical = number::canonical(&key.number, self.country(&key.tenant));
        if let Some(tail) = tail(&key.number) {
            self.claims.entry(tail.to_owned()).or_default().insert(key.clone());
        }
        self.plans.entry(key.tenant).or_default().numbers.put(rank, number, canonical);
    }

    /// A trunk.
    pub fn trunk(&self, key: &TrunkKey) -> Option<&Trunk> {
        self.trunks.get(key).map(|(_, trunk)| trunk)
    }

    /// Trunks of all tenants, by name.
    pub fn trunks(&self) -> impl Iterator<Item = &Trunk> {
        self.trunks.values().map(|(_, trunk)| trunk)
    }

    /// Trunks of a tenant: the file's in its order, then the others.
    pub fn trunks_of(&self, tenant: &str) -> Vec<&Trunk> {
        let first = TrunkKey { tenant: tenant.to_owned(), name: String::new() };
        let from = self.trunks.range(first..).take_while(|(key, _)| key.tenant == tenant);
        let mut own: Vec<&(Rank, Trunk)> = from.map(|(_, own)| own).collect();
        own.sort_by_key(|(rank, _)| rank);
        own.into_iter().map(|(_, trunk)| trunk).collect()
    }

    /// Adds a trunk, or replaces it whole.
    pub fn put_trunk(&mut self, trunk: Trunk) {
        let rank = Rank::Later(0, trunk.key.name.clone());
        self.trunks.insert(trunk.key.clone(), (rank, trunk));
    }

    /// Removes a trunk. False where there is none.
    pub fn remove_trunk(&mut self, key: &TrunkKey) -> bool {
        self.trunks.remove(key).is_some()
    }

    /// What numbers and routes of the tenant still say about a trunk.
    pub fn user_of_trunk(&self, key: &TrunkKey) -> Option<String> {
        let plan = self.plans.get(&key.tenant)?;
        let leads = |to: &Destination| matches!(to, Destination::Trunk(own) if own == key);
        let number = plan.numbers.of_trunk(&key.name).next();
        let number = number.or_else(|| plan.numbers.all().find(|own| leads(&own.to)));
        let mut routes = plan.routes().map(|(route, _)| route);
        let uses = |route: &&Route| {
            route.to.iter().any(leads) || matches!(&route.from, RouteFrom::Trunk(own) if own == key)
        };
        number
            .map(|own| format!("number {}", own.number))
            .or_else(|| routes.find(uses).map(|own| format!("route {}", own.name)))
    }

    /// A number as it is written; where several trunks of the file deliver it, the first of them.
    pub fn number(&self, key: &NumberKey) -> Option<&Number> {
        let canonical = number::canonical(&key.number, self.country(&key.tenant));
        let mut same = self.plans.get(&key.tenant)?.numbers.same_as(&canonical);
        same.find(|own| own.number == key.number)
    }

    /// A number that the tenant has from a carrier, however it is written.
    pub fn number_written(&self, tenant: &str, written: &str) -> Option<&Number> {
        let plan = self.plans.get(tenant)?;
        let cleaned = number::clean(written)?;
        plan.numbers.same_as(&number::canonical(&cleaned, self.country(tenant))).next()
    }

    /// A number that the tenant has from a carrier, as written there.
    pub fn own_number(&self, tenant: &str, number: &str) -> Option<&str> {
        self.number_written(tenant, number).map(|own| own.number.as_str())
    }

    /// The numbers that a tenant has from its carriers: the file's in its order, then the others.
    pub fn numbers_of<'a>(&'a self, tenant: &str) -> impl Iterator<Item = &'a Number> + Clone {
        self.plans.get(tenant).into_iter().flat_map(|plan| plan.numbers.all())
    }

    /// Whether a tenant other than this one has the number already, or one that carriers may write like it.
    pub fn is_anothers(&self, key: &NumberKey) -> bool {
        let claims = tail(&key.number).and_then(|tail| self.claims.get(tail));
        let mut others = claims.into_iter().flatten().filter(|own| own.tenant != key.tenant);
        others.any(|own| overlap(&own.number, &key.number))
    }

    /// Adds a number, or replaces it.
    pub fn put_number(&mut self, number: Number) {
        self.rank_number(Rank::Later(0, number.number.clone()), number);
    }

    /// Removes a number that is none of the file's. False where there is none.
    pub fn remove_number(&mut self, key: &NumberKey) -> bool {
        let canonical = number::canonical(&key.number, self.country(&key.tenant));
        let rank = Rank::Later(0, key.number.clone());
        let plan = self.plans.get_mut(&key.tenant);
        if plan.and_then(|plan| plan.numbers.remove(&rank, &canonical)).is_none() {
            return false;
        }
        if let Some(tail) = tail(&key.number)
            && let Some(claims) = self.claims.get_mut(tail)
        {
            claims.remove(key);
            if claims.is_empty() {
                self.claims.remove(tail);
            }
        }
        true
    }

    /// A route, and its position where it is none of the file's.
    pub fn route(&self, key: &RouteKey) -> Option<(&Route, Option<u32>)> {
        self.plans.get(&key.tenant)?.route(&key.name)
    }

    /// The routes of a tenant in the order in which they are tried, as [`Directory::route`] gives them.
    pub fn routes_of<'a>(
        &'a self,
        tenant: &str,
    ) -> impl Iterator<Item = (&'a Route, Option<u32>)> + Clone {
        self.plans.get(tenant).into_iter().flat_map(|plan| plan.routes())
    }

    /// Adds a route, or replaces the one of its name.
    ///
    /// # Errors
    /// What is wrong with its pattern; then nothing has changed.
    pub fn put_route(&mut self, route: Route, position: u32) -> Result<(), String> {
        let pattern = compile(&route.pattern)?;
        let rank = Rank::Later(position, route.name.clone());
        let plan = self.plans.entry(route.tenant.clone()).or_default();
        plan.put_route(rank, pattern, route);
        Ok(())
    }

    /// Removes a route. False where there is none.
    pub fn remove_route(&mut self, key: &RouteKey) -> bool {
        self.plans.get_mut(&key.tenant).is_some_and(|plan| plan.remove_route(&key.name))
    }
}
