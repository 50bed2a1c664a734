//! From a dialled number to the places to try.

use regex_lite::Regex;

use super::number::{self, Forms};
use super::{Caller, DialPlan, Directory, Refusal, Scope};
use crate::vocab::config::{Destination, Extension, Number, Route, Tenant};
use crate::vocab::{ExtensionKey, Hop, Plan, TrunkKey};

/// The longest number that a route may write.
const MAX_REWRITTEN: usize = number::MAX_DIALLED;

impl Directory {
    /// What a dialled number means for a caller.
    ///
    /// `dialled_user` is the user of the Request-URI as written. `dialled_host` is its host; `None` where it is known
    /// to mean us, such as the host under which the caller itself registered. A trunk may write any host.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn plan(
        &self,
        caller: Caller<'_>,
        dialled_user: &str,
        dialled_host: Option<&str>,
    ) -> Result<Plan, Refusal> {
        let dialled = number::clean(dialled_user).ok_or(Refusal::BadNumber)?;
        match caller {
            Caller::Extension(key) => {
                let extension = self.extension(key).ok_or(Refusal::NotAllowed)?;
                let tenant = self.tenant(&key.tenant).ok_or(Refusal::NotAllowed)?;
                self.reaches(tenant, dialled_host)?;
                self.plan_extension(extension, tenant, dialled)
            }
            Caller::Trunk(key) => self.plan_trunk(key, dialled),
        }
    }

    /// Extensions call within their own tenant only.
    fn reaches(&self, tenant: &Tenant, host: Option<&str>) -> Result<(), Refusal> {
        match self.scope(host) {
            Scope::Any => Ok(()),
            Scope::Tenant(other) if other.id == tenant.id => Ok(()),
            Scope::Tenant(_) | Scope::Foreign => Err(Refusal::NotFound),
        }
    }

    fn plan_extension(
        &self,
        extension: &Extension,
        tenant: &Tenant,
        dialled: String,
    ) -> Result<Plan, Refusal> {
        let codes = &self.config.codes;
        let hidden = Some(codes.hide_number.as_str())
            .filter(|code| !code.is_empty())
            .and_then(|code| dialled.strip_prefix(code));
        let (dialled, hide_number) = match hidden {
            Some(rest) => (number::clean(rest).ok_or(Refusal::BadNumber)?, true),
            None => (dialled, false),
        };
        if tenant.emergency.contains(&dialled) {
            return self.plan_emergency(tenant, dialled);
        }
        let plan = |dialled: String, hops| Plan {
            tenant: tenant.id.clone(),
            dialled,
            hops,
            hide_number,
            emergency: false,
        };
        if dialled == codes.echo {
            return Ok(plan(dialled, vec![Hop::Echo]));
        }
        if let Some(called) = self.in_tenant(tenant, &dialled) {
            if called.key == extension.key {
                return Err(Refusal::Loop);
            }
            return Ok(plan(called.key.number.clone(), vec![Hop::Extension(called.key.clone())]));
        }
        let forms = number::forms(&dialled, tenant.country_code.as_deref());
        let routes = self.plans.get(&tenant.id).map_or(&[][..], |plan| plan.routes.as_slice());
        let (route, form) = self.first_match(routes, &forms).ok_or(Refusal::NotFound)?;
        if let Some(class) = &route.class
            && !extension.classes.contains(class)
        {
            return Err(Refusal::NotAllowed);
        }
        let hops = self.hops(tenant, route, form, Some(&extension.key))?;
        Ok(plan(dialled, hops))
    }

    /// A call that came in by a trunk: its numbers, then its routes.
    fn plan_trunk(&self, trunk: &TrunkKey, dialled: String) -> Result<Plan, Refusal> {
        let tenant = self.tenant(&trunk.tenant).ok_or(Refusal::NotFound)?;
        let dial_plan = self.plans.get(&tenant.id).ok_or(Refusal::NotFound)?;
        let country = tenant.country_code.as_deref();
        let hops = match self.owned_number(dial_plan, trunk, country, &dialled) {
            Some(number) => vec![self.hop(tenant, &number.to, &dialled).ok_or(Refusal::NotFound)?],
            None => {
                let routes = dial_plan.trunk_routes.get(&trunk.name).map_or(&[][..], Vec::as_slice);
                let forms = number::forms(&dialled, country);
                let (route, form) = self.first_match(routes, &forms).ok_or(Refusal::NotFound)?;
                self.hops(tenant, route, form, None)?
            }
        };
        Ok(Plan { tenant: tenant.id.clone(), dialled, hops, hide_number: false, emergency: false })
    }

    /// The `[[number]]` that a trunk delivers under this text: as written, else in another form of the same number.
    fn owned_number(
        &self,
        plan: &DialPlan,
        trunk: &TrunkKey,
        country: Option<&str>,
        dialled: &str,
    ) -> Option<&Number> {
        let positions = plan.numbers.get(&trunk.name)?;
        let numbers = || positions.iter().filter_map(|at| self.config.numbers.get(*at));
        let wanted = number::canonical(dialled, country);
        numbers()
            .find(|number| number.number == dialled)
            .or_else(|| numbers().find(|n| number::canonical(&n.number, country) == wanted))
    }

    /// Whether a trunk delivers this number.
    pub(super) fn delivers(&self, trunk: &TrunkKey, dialled: &str) -> bool {
        let country = self.tenant(&trunk.tenant).and_then(|t| t.country_code.as_deref());
        self.plans
            .get(&trunk.tenant)
            .and_then(|plan| self.owned_number(plan, trunk, country, dialled))
            .is_some()
    }

    /// An emergency number leaves by every way there is: the trunks of the routes that match it, whatever their class,
    /// then all other trunks of the tenant with the number as dialled. The caller's number is never hidden.
    fn plan_emergency(&self, tenant: &Tenant, dialled: String) -> Result<Plan, Refusal> {
        let plan = self.plans.get(&tenant.id).ok_or(Refusal::NotFound)?;
        let mut hops = Vec::new();
        for (pattern, at) in &plan.routes {
            let Some(route) = self.config.routes.get(*at) else { continue };
            if pattern.is_match(&dialled)
                && let Ok(found) = self.hops(tenant, route, &dialled, None)
            {
                hops.extend(found);
            }
        }
        for trunk in plan.trunks.iter().filter_map(|at| self.config.trunks.get(*at)) {
            let tried =
                |hop: &Hop| matches!(hop, Hop::Trunk { trunk: key, .. } if *key == trunk.key);
            if !hops.iter().any(tried) {
                hops.push(Hop::Trunk { trunk: trunk.key.clone(), number: dialled.clone() });
            }
        }
        if hops.is_empty() {
            return Err(Refusal::NotFound);
        }
        Ok(Plan { tenant: tenant.id.clone(), dialled, hops, hide_number: false, emergency: true })
    }

    /// The first route that matches any way to write the number, and that way. All ways are tried on one route before
    /// the next, so that nobody avoids a narrow route by writing the number differently.
    fn first_match<'a>(
        &'a self,
        routes: &[(Regex, usize)],
        forms: &'a Forms,
    ) -> Option<(&'a Route, &'a str)> {
        [&forms.first, &forms.then].into_iter().find_map(|ways| {
            routes.iter().find_map(|(pattern, at)| {
                let form = ways.iter().find(|form| pattern.is_match(form))?;
                Some((self.config.routes.get(*at)?, form.as_str()))
            })
        })
    }

    /// The destinations of a route, with the number rewritten. What leads back to the caller is left out.
    fn hops(
        &self,
        tenant: &Tenant,
        route: &Route,
        dialled: &str,
        caller: Option<&ExtensionKey>,
    ) -> Result<Vec<Hop>, Refusal> {
        let kept = dialled.get(usize::from(route.strip)..).ok_or(Refusal::BadNumber)?;
        let number = format!("{}{kept}", route.prepend);
        if number.is_empty() || number.len() > MAX_REWRITTEN {
            return Err(Refusal::BadNumber);
        }
        let mut looped = false;
        let mut hops = Vec::with_capacity(route.to.len());
        for hop in route.to.iter().filter_map(|to| self.hop(tenant, to, &number)) {
            match &hop {
                Hop::Extension(key) if Some(key) == caller => looped = true,
                _ => hops.push(hop),
            }
        }
        match (hops.is_empty(), looped) {
            (false, _) => Ok(hops),
            (true, true) => Err(Refusal::Loop),
            (true, false) => Err(Refusal::NotFound),
        }
    }

    /// A destination as a place to try; `None` when it is not the tenant's own or does not exist.
    fn hop(&self, tenant: &Tenant, to: &Destination, number: &str) -> Option<Hop> {
        match to {
            Destination::Trunk(key) => {
                let trunk = self.trunk(key).filter(|_| key.tenant == tenant.id)?;
                let number = if trunk.e164 {
                    number::to_e164(number, tenant.country_code.as_deref())
                } else {
                    number.to_owned()
                };
                Some(Hop::Trunk { trunk: key.clone(), number })
            }
            Destination::Extension(key) => {
                self.extension(key).filter(|_| key.tenant == tenant.id)?;
                Some(Hop::Extension(key.clone()))
            }
            Destination::Echo => Some(Hop::Echo),
            Destination::Sound(name) => Some(Hop::Sound(name.clone())),
        }
    }
}
