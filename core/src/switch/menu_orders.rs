//! Menus over HTTP: what there is, and new definitions.

use crate::vocab::command::Page;
use crate::vocab::config::Destination;
use crate::vocab::menu::{Menu, MenuOrder, MenuView};
use crate::vocab::{
    CommandError, Done, EventKind, MenuKey, Now, Principal, Record, Reply, RequestId, Role,
};

use super::Running;
use super::attended::Defined;
use super::queries::MAX_ROWS;

/// Menus of one tenant, those of the file included.
const MAX_MENUS: usize = 500;

impl Running {
    pub(super) fn order_menu(
        &mut self,
        now: Now,
        id: RequestId,
        principal: &Principal,
        order: MenuOrder,
    ) {
        let done = match (principal.role, order) {
            (Role::Admin, MenuOrder::Put(menu)) => self.put_menu(now, principal, *menu),
            (Role::Admin, MenuOrder::Delete(name)) => self.delete_menu(now, principal, name),
            _ => Err(CommandError::Forbidden("only an admin's key may define menus".into())),
        };
        self.desk.out.reply_when_stored(id, Reply::Command(done));
    }

    fn put_menu(
        &mut self,
        now: Now,
        principal: &Principal,
        menu: Menu,
    ) -> Result<Done, CommandError> {
        let key = menu.key.clone();
        if key.tenant != principal.tenant {
            return Err(CommandError::Forbidden("the menu is another tenant's".into()));
        }
        self.check_menu(&menu)?;
        match self.lobby.menus.get(&key) {
            Some(Defined { from_file: true, .. }) => return Err(of_the_file(&key)),
            Some(Defined { menu: before, .. }) if *before == menu => return Ok(Done::Defined),
            Some(_) => {}
            None => {
                let own = self.lobby.menus.keys().filter(|other| other.tenant == key.tenant);
                if own.count() >= MAX_MENUS {
                    let text = format!("a tenant has at most {MAX_MENUS} menus");
                    return Err(CommandError::Conflict(text));
                }
            }
        }
        self.desk.out.persist(Record::MenuDefined(Box::new(menu.clone())));
        self.lobby.menus.insert(key.clone(), Defined { menu, from_file: false });
        self.menu_changed(now, key, true);
        Ok(Done::Defined)
    }

    fn delete_menu(
        &mut self,
        now: Now,
        principal: &Principal,
        name: String,
    ) -> Result<Done, CommandError> {
        let key = MenuKey { tenant: principal.tenant.clone(), name };
        match self.lobby.menus.get(&key) {
            None => return Err(no_menu(&key)),
            Some(Defined { from_file: true, .. }) => return Err(of_the_file(&key)),
            Some(_) => self.menu_is_unused(&key)?,
        }
        self.lobby.menus.remove(&key);
        self.desk.out.persist(Record::MenuUndefined(key.clone()));
        self.menu_changed(now, key, false);
        Ok(Done::Defined)
    }

    fn menu_changed(&mut self, now: Now, menu: MenuKey, exists: bool) {
        let tenant = menu.tenant.clone();
        self.desk.out.publish(now, Some(&tenant), EventKind::MenuChanged { menu, exists });
    }

    /// Everything that a menu names exists; other menus may be made later.
    fn check_menu(&self, menu: &Menu) -> Result<(), CommandError> {
        let directory = &self.books.directory;
        for to in menu.destinations() {
            let missing = match to {
                Destination::Voicemail(key) => {
                    self.mailbox_of(key).is_none() && self.queue_of(key).is_none()
                }
                to => directory.destination(&menu.key.tenant, to).is_err(),
            };
            if missing {
                return Err(CommandError::Invalid(format!("\"{to}\" leads nowhere")));
            }
        }
        if let Some(name) = &menu.hours {
            let mut all = directory.config().hours.iter();
            if !all.any(|hours| hours.tenant == menu.key.tenant && hours.name == *name) {
                let text = format!("no [[hours]] are called \"{name}\"");
                return Err(CommandError::Invalid(text));
            }
        }
        Ok(())
    }

    fn menu_view(&self, now: Now, defined: &Defined) -> MenuView {
        let open = self.is_open(&defined.menu, now.wall);
        MenuView { menu: defined.menu.clone(), from_file: defined.from_file, open }
    }

    pub(super) fn menus_page(
        &self,
        now: Now,
        principal: &Principal,
        offset: usize,
        limit: usize,
    ) -> Reply {
        let own = || {
            let all = self.lobby.menus.iter();
            all.filter(|(key, _)| key.tenant == principal.tenant).map(|(_, defined)| defined)
        };
        let total = own().count();
        let rows = own().skip(offset).take(limit.min(MAX_ROWS));
        let items = rows.map(|defined| self.menu_view(now, defined)).collect();
        Reply::Menus(Page { items, total, as_of: now.wall })
    }

    pub(super) fn one_menu(&self, now: Now, principal: &Principal, name: String) -> Reply {
        let key = MenuKey { tenant: principal.tenant.clone(), name };
        match self.lobby.menus.get(&key) {
            Some(defined) => Reply::Menu(Box::new(self.menu_view(now, defined))),
            None => Reply::Refused(no_menu(&key)),
        }
    }
}

fn no_menu(key: &MenuKey) -> CommandError {
    CommandError::NotFound(format!("no menu {}", key.name))
}

fn of_the_file(key: &MenuKey) -> CommandError {
    CommandError::Conflict(format!(
        "menu {} is defined in the configuration file; change it there",
        key.name
    ))
}
