//! From a dialled number to the places to try.

use super::lines::{DialPlan, Way};
use super::number::{self, Forms};
use super::{Caller, Directory, Refusal, Scope};
use crate::vocab::config::{Destination, Extension, Number, Route, Tenant};
use crate::vocab::{ExtensionKey, Feature, GroupKey, Hop, MailboxKey, Plan, QueueKey, TrunkKey};

/// The longest number that a route may write.
const MAX_REWRITTEN: usize = number::MAX_DIALLED;
/// Destinations that may name a number which leads to a destination again.
const MAX_DEPTH: u8 = 4;

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

    /// A feature code that a number follows, such as `**4567`.
    fn feature_with_number(&self, tenant: &Tenant, dialled: &str) -> Option<Feature> {
        let code = self.config.codes.pickup.as_str();
        let number = dialled.strip_prefix(code).filter(|rest| !code.is_empty() && !rest.is_empty());
        let bare = number.map(|number| match self.queue_numbered(tenant, number) {
            Some(queue) => queue.number,
            None => self.in_tenant(tenant, number).map_or(number, |own| &own.key.number).to_owned(),
        });
        bare.map(Feature::PickUpAt)
    }

    /// The number that parks, and those of the places.
    pub(super) fn parking(&self, dialled: &str) -> Option<Feature> {
        if dialled == self.config.codes.park {
            return Some(Feature::Park);
        }
        let park = &self.config.park;
        let slot = dialled.parse().ok().filter(|slot| (park.first..=park.last).contains(slot))?;
        // Not "0701", nor "+701".
        (slot.to_string() == dialled).then_some(Feature::Retrieve(slot))
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
        for (code, hop) in [
            (&codes.echo, Hop::Echo),
            (&codes.agent_login, Hop::AgentLogin),
            (&codes.voicemail, Hop::OwnVoicemail),
            (&codes.pickup_group, Hop::Feature(Feature::PickUpGroup)),
        ] {
            if dialled == *code {
                return Ok(plan(dialled, vec![hop]));
            }
        }
        let feature = self.feature_with_number(tenant, &dialled);
        if let Some(feature) = feature.or_else(|| self.feature(tenant, &dialled)) {
            return Ok(plan(dialled, vec![Hop::Feature(feature)]));
        }
        if let Some(feature) = self.supervision(tenant, &dialled) {
            return Ok(plan(dialled, vec![Hop::Feature(feature?)]));
        }
        if let Some(queue) = self.queue_numbered(tenant, &dialled) {
            return Ok(plan(queue.number.clone(), vec![Hop::Queue(queue)]));
        }
        if let Some(room) = self.room_numbered(tenant, &dialled) {
            return Ok(plan(dialled, vec![Hop::Conference(room)]));
        }
        if let Some(page) = self.page_numbered(tenant, &dialled) {
            return Ok(plan(dialled, vec![Hop::Page(page)]));
        }
        if let Some(group) = self.group_numbered(tenant, &dialled) {
            return Ok(plan(dialled, vec![Hop::Group(group)]));
        }
        if let Some(called) = self.in_tenant(tenant, &dialled) {
            if called.key == extension.key {
                return Err(Refusal::Loop);
            }
            return Ok(plan(called.key.number.clone(), self.to_extension(&called.key)));
        }
        if let Some(feature) = self.parking(&dialled) {
            return Ok(plan(dialled, vec![Hop::Feature(feature)]));
        }
        let forms = number::forms(&dialled, tenant.country_code.as_deref());
        let (route, form) = first_match(self.ways_of(tenant), &forms).ok_or(Refusal::NotFound)?;
        if let Some(class) = &route.class
            && !extension.classes.contains(class)
        {
            return Err(Refusal::NotAllowed);
        }
        let hops = self.hops(tenant, route, form, Some(&extension.key), 0)?;
        Ok(plan(dialled, hops))
    }

    /// Where a destination leads that the tenant's own configuration names: under nobody's class, since whoever
    /// configured it has decided. Never to be called with what a caller chose.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] where it does not exist or is not the tenant's own.
    pub fn destination(&self, tenant: &str, to: &Destination) -> Result<Vec<Hop>, Refusal> {
        let tenant = self.tenant(tenant).ok_or(Refusal::NotFound)?;
        match self.places(tenant, to, "", 0) {
            hops if hops.is_empty() => Err(Refusal::NotFound),
            hops => Ok(hops),
        }
    }

    /// Where the tenant itself reaches an outside number: the first route that matches, whatever its class. Only for
    /// numbers that the configuration names.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] where no route leads there.
    pub fn outside(&self, tenant: &str, dialled: &str) -> Result<Vec<Hop>, Refusal> {
        let tenant = self.tenant(tenant).ok_or(Refusal::NotFound)?;
        let dialled = number::clean(dialled).ok_or(Refusal::BadNumber)?;
        self.by_any_route(tenant, &dialled, 0)
    }

    fn by_any_route(&self, tenant: &Tenant, dialled: &str, depth: u8) -> Result<Vec<Hop>, Refusal> {
        let forms = number::forms(dialled, tenant.country_code.as_deref());
        let (route, form) = first_match(self.ways_of(tenant), &forms).ok_or(Refusal::NotFound)?;
        self.hops(tenant, route, form, None, depth)
    }

    /// Where a number leads that a caller from outside claims to have: only by a route without a class or with one of
    /// these, and only by trunks. What a caller claims may be a lie that costs money.
    ///
    /// # Errors
    /// Why it may not be dialled; `NotAllowed` for emergency numbers as well.
    pub fn back_outside(
        &self,
        tenant: &str,
        claimed: &str,
        classes: &[String],
    ) -> Result<Vec<Hop>, Refusal> {
        self.way_outside(tenant, claimed, Some(classes))
    }

    /// Where a number outside is reached that an order names: by trunks only, and by a route of any class where `classes` is
    /// `None`.
    ///
    /// # Errors
    /// As for [`Directory::back_outside`].
    pub fn way_outside(
        &self,
        tenant: &str,
        number: &str,
        classes: Option<&[String]>,
    ) -> Result<Vec<Hop>, Refusal> {
        let tenant = self.tenant(tenant).ok_or(Refusal::NotFound)?;
        let dialled = number::clean(number).ok_or(Refusal::BadNumber)?;
        let forms = number::forms(&dialled, tenant.country_code.as_deref());
        let mut ways = forms.first.iter().chain(&forms.then);
        if tenant.emergency.contains(&dialled) || ways.any(|way| tenant.emergency.contains(way)) {
            return Err(Refusal::NotAllowed);
        }
        let (route, form) = first_match(self.ways_of(tenant), &forms).ok_or(Refusal::NotFound)?;
        let lacks = |class: &String| classes.is_some_and(|own| !own.contains(class));
        if route.class.as_ref().is_some_and(lacks) {
            return Err(Refusal::NotAllowed);
        }
        let mut hops = self.hops(tenant, route, form, None, 0)?;
        hops.retain(|hop| matches!(hop, Hop::Trunk { .. }));
        if hops.is_empty() { Err(Refusal::NotFound) } else { Ok(hops) }
    }

    /// What a bare number of the configuration means: a phone, a queue, the echo test, or the way out by any route.
    fn numbered(&self, tenant: &Tenant, text: &str, depth: u8) -> Vec<Hop> {
        let Some(dialled) = number::clean(text).filter(|_| depth < MAX_DEPTH) else {
            return Vec::new();
        };
        if dialled == self.config.codes.echo {
            return vec![Hop::Echo];
        }
        if let Some(queue) = self.queue_numbered(tenant, &dialled) {
            return vec![Hop::Queue(queue)];
        }
        if let Some(room) = self.room_numbered(tenant, &dialled) {
            return vec![Hop::Conference(room)];
        }
        if let Some(group) = self.group_numbered(tenant, &dialled) {
            return vec![Hop::Group(group)];
        }
        if let Some(called) = self.in_tenant(tenant, &dialled) {
            return self.to_extension(&called.key);
        }
        self.by_any_route(tenant, &dialled, depth + 1).unwrap_or_default()
    }

    /// The queue with this number (bare, or after the tenant's prefix).
    pub(super) fn queue_numbered(&self, tenant: &Tenant, dialled: &str) -> Option<QueueKey> {
        let known = |number: &str| {
            let key = QueueKey { tenant: tenant.id.clone(), number: number.to_owned() };
            self.queues.contains(&key).then_some(key)
        };
        known(dialled).or_else(|| known(dialled.strip_prefix(tenant.prefix.as_str())?))
    }

    /// The ring group with this number (bare, or after the tenant's prefix).
    pub(super) fn group_numbered(&self, tenant: &Tenant, dialled: &str) -> Option<GroupKey> {
        let known =
            |number: &str| self.group_numbers.get(&(tenant.id.clone(), number.to_owned())).cloned();
        known(dialled).or_else(|| known(dialled.strip_prefix(tenant.prefix.as_str())?))
    }

    /// Where a tenant reaches a number outside that its configuration names, by the first route that matches, if that
    /// asks for none but these classes.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn outside_within(
        &self,
        tenant: &str,
        number: &str,
        classes: &[String],
    ) -> Result<Vec<Hop>, Refusal> {
        let tenant = self.tenant(tenant).ok_or(Refusal::NotFound)?;
        let dialled = number::clean(number).ok_or(Refusal::BadNumber)?;
        let forms = number::forms(&dialled, tenant.country_code.as_deref());
        let (route, form) = first_match(self.ways_of(tenant), &forms).ok_or(Refusal::NotFound)?;
        match &route.class {
            Some(class) if !classes.contains(class) => Err(Refusal::NotAllowed),
            _ => self.hops(tenant, route, form, None, 0),
        }
    }

    /// A call that came in by a trunk: its numbers, then its routes.
    fn plan_trunk(&self, trunk: &TrunkKey, dialled: String) -> Result<Plan, Refusal> {
        let tenant = self.tenant(&trunk.tenant).ok_or(Refusal::NotFound)?;
        let dial_plan = self.plans.get(&tenant.id).ok_or(Refusal::NotFound)?;
        let country = tenant.country_code.as_deref();
        let hops = match Self::owned_number(dial_plan, trunk, country, &dialled) {
            Some(number) => match self.places(tenant, &number.to, &dialled, 0) {
                hops if hops.is_empty() => return Err(Refusal::NotFound),
                hops => hops,
            },
            None => {
                let (forms, ways) = (number::forms(&dialled, country), dial_plan.of_trunk(trunk));
                let (route, form) = first_match(ways, &forms).ok_or(Refusal::NotFound)?;
                self.hops(tenant, route, form, None, 0)?
            }
        };
        Ok(Plan { tenant: tenant.id.clone(), dialled, hops, hide_number: false, emergency: false })
    }

    /// The `[[number]]` that a trunk delivers under this text: as written, else in another form of the same number.
    fn owned_number<'a>(
        plan: &'a DialPlan,
        trunk: &TrunkKey,
        country: Option<&str>,
        dialled: &str,
    ) -> Option<&'a Number> {
        let wanted = number::canonical(dialled, country);
        let numbers = || plan.numbers.same_as(&wanted).filter(|own| own.trunk == *trunk);
        numbers().find(|own| own.number == dialled).or_else(|| numbers().next())
    }

    /// Whether a trunk delivers this number.
    pub(super) fn delivers(&self, trunk: &TrunkKey, dialled: &str) -> bool {
        let country = self.tenant(&trunk.tenant).and_then(|t| t.country_code.as_deref());
        self.plans
            .get(&trunk.tenant)
            .and_then(|plan| Self::owned_number(plan, trunk, country, dialled))
            .is_some()
    }

    /// An emergency number leaves by every way there is: the trunks of the routes that match it, whatever their class,
    /// then all other trunks of the tenant with the number as dialled. The caller's number is never hidden.
    fn plan_emergency(&self, tenant: &Tenant, dialled: String) -> Result<Plan, Refusal> {
        let plan = self.plans.get(&tenant.id).ok_or(Refusal::NotFound)?;
        let mut hops = Vec::new();
        for way in plan.of_extensions() {
            if way.pattern.is_match(&dialled)
                && let Ok(found) = self.hops(tenant, &way.route, &dialled, None, 0)
            {
                hops.extend(found);
            }
        }
        for trunk in self.trunks_of(&tenant.id) {
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

    /// The routes of a tenant's extensions.
    fn ways_of(&self, tenant: &Tenant) -> impl Iterator<Item = &Way> + Clone {
        self.plans.get(&tenant.id).into_iter().flat_map(DialPlan::of_extensions)
    }

    /// The destinations of a route, with the number rewritten. What leads back to the caller is left out.
    fn hops(
        &self,
        tenant: &Tenant,
        route: &Route,
        dialled: &str,
        caller: Option<&ExtensionKey>,
        depth: u8,
    ) -> Result<Vec<Hop>, Refusal> {
        let kept = dialled.get(usize::from(route.strip)..).ok_or(Refusal::BadNumber)?;
        let number = format!("{}{kept}", route.prepend);
        if number.is_empty() || number.len() > MAX_REWRITTEN {
            return Err(Refusal::BadNumber);
        }
        let mut looped = false;
        let mut hops = Vec::with_capacity(route.to.len());
        for (to, left) in route.to.iter().zip((0..route.to.len()).rev()) {
            let mut places = self.places(tenant, to, &number, depth);
            if let (true, [Hop::Extension(_), Hop::Voicemail(_)]) = (left > 0, places.as_slice()) {
                // A mailbox takes everybody: only the last phone of a route has one.
                places.pop();
            }
            match places.first() {
                Some(Hop::Extension(key)) if Some(key) == caller => looped = true,
                _ => hops.extend(places),
            }
        }
        match (hops.is_empty(), looped) {
            (false, _) => Ok(hops),
            (true, true) => Err(Refusal::Loop),
            (true, false) => Err(Refusal::NotFound),
        }
    }

    /// The places of a destination; none when it is not the tenant's own or does not exist.
    fn places(&self, tenant: &Tenant, to: &Destination, number: &str, depth: u8) -> Vec<Hop> {
        match to {
            Destination::Number(key) if key.tenant == tenant.id => {
                self.numbered(tenant, &key.number, depth)
            }
            Destination::Extension(key) if key.tenant == tenant.id => self.to_extension(key),
            to => self.hop(tenant, to, number).into_iter().collect(),
        }
    }

    /// An extension's phones, then its mailbox where it has one; nothing where there is no such extension.
    pub fn to_extension(&self, key: &ExtensionKey) -> Vec<Hop> {
        if self.extension(key).is_none() {
            return Vec::new();
        }
        let mailbox = MailboxKey { tenant: key.tenant.clone(), number: key.number.clone() };
        let mailbox = self.mailbox(&mailbox).map(|mailbox| Hop::Voicemail(mailbox.key.clone()));
        std::iter::once(Hop::Extension(key.clone())).chain(mailbox).collect()
    }

    /// A destination other than a number or an extension as a place to try.
    fn hop(&self, tenant: &Tenant, to: &Destination, number: &str) -> Option<Hop> {
        match to {
            Destination::Trunk(key) => {
                let trunk = self.trunk(key).filter(|_| key.tenant == tenant.id)?;
                let number = match number {
                    "" => return None,
                    number if trunk.e164 => number::to_e164(number, tenant.country_code.as_deref()),
                    number => number.to_owned(),
                };
                Some(Hop::Trunk { trunk: key.clone(), number })
            }
            Destination::Echo => Some(Hop::Echo),
            Destination::Sound(name) => Some(Hop::Sound(name.clone())),
            Destination::Queue(key) if key.tenant == tenant.id && self.queues.contains(key) => {
                Some(Hop::Queue(key.clone()))
            }
            Destination::Ivr(key) if key.tenant == tenant.id => Some(Hop::Menu(key.clone())),
            Destination::Group(key) if key.tenant == tenant.id && self.group(key).is_some() => {
                Some(Hop::Group(key.clone()))
            }
            Destination::Voicemail(key) if key.tenant == tenant.id => {
                Some(Hop::Voicemail(key.clone()))
            }
            Destination::Conference(key) if key.tenant == tenant.id => {
                self.conference(key).map(|room| Hop::Conference(room.key.clone()))
            }
            Destination::Queue(_)
            | Destination::Conference(_)
            | Destination::Ivr(_)
            | Destination::Group(_)
            | Destination::Voicemail(_)
            | Destination::Extension(_)
            | Destination::Number(_) => None,
        }
    }
}

/// The first route that matches any way to write the number, and that way. All ways are tried on one route before the
/// next, so that nobody avoids a narrow route by writing the number differently.
fn first_match<'a, 'f>(
    routes: impl Iterator<Item = &'a Way> + Clone,
    forms: &'f Forms,
) -> Option<(&'a Route, &'f str)> {
    [&forms.first, &forms.then].into_iter().find_map(|ways| {
        routes.clone().find_map(|way| {
            let form = ways.iter().find(|form| way.pattern.is_match(form))?;
            Some((&way.route, form.as_str()))
        })
    })
}
