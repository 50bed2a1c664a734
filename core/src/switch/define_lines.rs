//! Numbers, routes and trunks that are defined over HTTP.

use crate::route::pattern;
use crate::vocab::config::{Destination, Number, Route, RouteFrom, Trunk};
use crate::vocab::define::{Entry, EntryKey, EntryView, RouteEntry};
use crate::vocab::{CommandError, Now, TrunkKey};

use super::Running;

impl Running {
    /// A number belongs to a trunk of its tenant and to nobody else.
    pub(super) fn check_number(&self, number: &Number) -> Result<(), CommandError> {
        let key = number.key();
        let directory = &self.books.directory;
        self.check_named_trunk("trunk", &number.trunk)?;
        if let Some(same) = directory.own_number(&key.tenant, &key.number)
            && same != key.number
        {
            let text = format!("the tenant has this number already, written {same}");
            return Err(CommandError::Conflict(text));
        }
        if directory.is_anothers(&key) {
            let text = format!("{} is another tenant's number, or may be taken for it", key.number);
            return Err(CommandError::Conflict(text));
        }
        if number.to == Destination::welcome(&key.tenant) {
            return Ok(());
        }
        self.check_destination(&key.tenant, &number.to)
    }

    pub(super) fn check_route(&self, route: &Route) -> Result<(), CommandError> {
        pattern(&route.pattern).map_err(|why| CommandError::Invalid(format!("match: {why}")))?;
        if let RouteFrom::Trunk(trunk) = &route.from {
            self.check_named_trunk("from", trunk)?;
        }
        route.to.iter().try_for_each(|to| self.check_destination(&route.tenant, to))
    }

    fn check_named_trunk(&self, field: &str, key: &TrunkKey) -> Result<(), CommandError> {
        if self.books.directory.trunk(key).is_some() {
            return Ok(());
        }
        Err(CommandError::Invalid(format!("{field}: the tenant has no trunk \"{}\"", key.name)))
    }

    /// What a number or a route leads to exists.
    fn check_destination(&self, tenant: &str, to: &Destination) -> Result<(), CommandError> {
        let missing = match to {
            Destination::Voicemail(key) => {
                self.mailbox_of(key).is_none() && self.queue_of(key).is_none()
            }
            Destination::Ivr(key) => !self.lobby.menus.contains_key(key),
            Destination::Trunk(key) => {
                key.tenant != tenant || self.books.directory.trunk(key).is_none()
            }
            to => self.books.directory.destination(tenant, to).is_err(),
        };
        match missing {
            true => Err(CommandError::Invalid(format!("to: \"{to}\" leads nowhere"))),
            false => Ok(()),
        }
    }

    /// Whose address a call comes from says whose call it is: where several tenants share the switch, its operator says
    /// who may name addresses.
    pub(super) fn check_trunk(&self, key: &TrunkKey) -> Result<(), CommandError> {
        let directory = &self.books.directory;
        let own = directory.tenant(&key.tenant).is_some_and(|tenant| tenant.own_trunks);
        if own || directory.config().tenants.len() == 1 {
            return Ok(());
        }
        let text = "several tenants share this installation; its operator defines trunks, or writes own_trunks = true in this [[tenant]]";
        Err(CommandError::Forbidden(text.into()))
    }

    /// A password that is not given stays as it is; whoever registers needs one.
    pub(super) fn keep_password(&self, trunk: &mut Trunk) -> Result<(), CommandError> {
        let before = match self.defined.get(&EntryKey::Trunk(trunk.key.clone())) {
            Some(Entry::Trunk(before)) => before.password.clone(),
            _ => None,
        };
        let password = trunk.password.take().or(before);
        trunk.password = password.filter(|password| !password.expose().is_empty());
        if trunk.register && trunk.password.is_none() {
            let text = "password: the account's password is needed, or register = false";
            return Err(CommandError::Invalid(text.into()));
        }
        Ok(())
    }

    pub(super) fn put_route(&mut self, entry: RouteEntry) {
        // The pattern was compiled when it was checked.
        let _ = self.books.directory.put_route(entry.route, entry.position);
    }

    pub(super) fn trunk_defined(&mut self, now: Now, trunk: Trunk) {
        self.books.directory.put_trunk(trunk.clone());
        self.books.trunks.put(&trunk, now);
        self.awaken(now, &trunk.key);
        self.tick_trunks(now);
    }

    /// What waited for the trunk is in force, unless its name has been taken meanwhile.
    fn awaken(&mut self, now: Now, trunk: &TrunkKey) {
        for entry in self.defined.waiting_for(trunk) {
            let directory = &mut self.books.directory;
            match &entry {
                Entry::Number(number) => {
                    let key = number.key();
                    let taken = directory.own_number(&key.tenant, &key.number).is_some();
                    if taken || directory.is_anothers(&key) {
                        continue;
                    }
                    directory.put_number((**number).clone());
                }
                Entry::Route(own) if directory.route(&own.route.key()).is_none() => {
                    let _ = directory.put_route(own.route.clone(), own.position);
                }
                _ => continue,
            }
            let key = entry.key();
            self.defined.put(entry);
            self.entry_changed(now, key, true);
        }
    }

    /// Its registration is taken back; calls in progress go on.
    pub(super) fn trunk_gone(&mut self, now: Now, key: &TrunkKey) {
        self.books.directory.remove_trunk(key);
        self.books.trunks.remove(key, now);
        self.tick_trunks(now);
    }

    pub(super) fn number_view(&self, number: &Number) -> EntryView {
        self.seen(Entry::Number(Box::new(number.clone())))
    }

    pub(super) fn route_view(&self, route: &Route, position: Option<u32>) -> EntryView {
        let (route, position) = (route.clone(), position.unwrap_or_default());
        self.seen(Entry::Route(Box::new(RouteEntry { route, position })))
    }

    pub(super) fn trunk_view(&self, trunk: &Trunk) -> EntryView {
        let mut trunk = trunk.clone();
        if let Some(password) = &mut trunk.password {
            *password = Default::default();
        }
        let line = self.books.trunks.view(&trunk.key).map(|mut view| {
            view.calls = self.calls.load(&crate::call::Line::Trunk(view.trunk.clone()));
            view
        });
        EntryView { line, ..self.seen(Entry::Trunk(Box::new(trunk))) }
    }

    fn seen(&self, entry: Entry) -> EntryView {
        let from_file = !self.defined.holds(&entry.key());
        EntryView { entry, from_file, account: None, line: None }
    }
}
