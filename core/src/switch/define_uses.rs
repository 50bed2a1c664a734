//! Who names what: nothing is removed from beneath those who lead there.

use crate::vocab::acd::QueueKey;
use crate::vocab::config::Destination;
use crate::vocab::{CommandError, MenuKey, TrunkKey};

use super::Running;

impl Running {
    /// A trunk that numbers or routes name stays; queues and menus lead outside by routes only.
    pub(super) fn trunk_is_unused(&self, key: &TrunkKey) -> Result<(), CommandError> {
        unused(self.books.directory.user_of_trunk(key), "trunk")
    }

    /// A queue stays while anything leads there, or a task dials for it. One that sends callers to itself does not hold
    /// itself.
    pub(super) fn queue_is_unused(&self, key: &QueueKey) -> Result<(), CommandError> {
        let is = |tenant: &str, number: &str| tenant == key.tenant && number == key.number;
        let leads = |to: &Destination| match to {
            Destination::Queue(own) => own == key,
            Destination::Voicemail(own) => is(&own.tenant, &own.number),
            Destination::Number(own) => is(&own.tenant, &own.number),
            _ => false,
        };
        let user = self.line_leading(&key.tenant, leads);
        let user = user.or_else(|| self.queue_leading(&key.tenant, Some(key), leads));
        let user = user.or_else(|| self.menu_leading(&key.tenant, leads));
        let dials =
            || self.dialing.dialer.live_task(&key.tenant, |own| own.queue.as_ref() == Some(key));
        unused(user.or_else(|| dials().map(|own| format!("dial task {}", own.id))), "queue")
    }

    /// Likewise a menu; but menus may name menus that are not there.
    pub(super) fn menu_is_unused(&self, key: &MenuKey) -> Result<(), CommandError> {
        // A number may wait for this one.
        let may_miss = Destination::welcome(&key.tenant);
        let leads =
            |to: &Destination| matches!(to, Destination::Ivr(own) if own == key) && *to != may_miss;
        let user = self.line_leading(&key.tenant, leads);
        let user = user.or_else(|| self.queue_leading(&key.tenant, None, leads));
        let plays =
            || self.dialing.dialer.live_task(&key.tenant, |own| own.menu.as_ref() == Some(key));
        unused(user.or_else(|| plays().map(|own| format!("dial task {}", own.id))), "menu")
    }

    fn line_leading(&self, tenant: &str, leads: impl Fn(&Destination) -> bool) -> Option<String> {
        let directory = &self.books.directory;
        let number = directory.numbers_of(tenant).find(|own| leads(&own.to));
        let mut routes = directory.routes_of(tenant).map(|(route, _)| route);
        let number = number.map(|own| format!("number {}", own.number));
        number.or_else(|| {
            let route = routes.find(|own| own.to.iter().any(&leads));
            route.map(|own| format!("route {}", own.name))
        })
    }

    fn queue_leading(
        &self,
        tenant: &str,
        except: Option<&QueueKey>,
        leads: impl Fn(&Destination) -> bool,
    ) -> Option<String> {
        let mut own = self.queues.acd.queue_configs().filter(|own| own.key.tenant == tenant);
        let queue =
            own.find(|own| Some(&own.key) != except && own.destinations().any(|(_, to)| leads(to)));
        queue.map(|own| format!("queue {}", own.key.number))
    }

    fn menu_leading(&self, tenant: &str, leads: impl Fn(&Destination) -> bool) -> Option<String> {
        let mut own = self.lobby.menus.iter().filter(|(key, _)| key.tenant == tenant);
        let menu = own.find(|(_, own)| own.menu.destinations().any(&leads));
        menu.map(|(key, _)| format!("menu {}", key.name))
    }
}

fn unused(user: Option<String>, what: &str) -> Result<(), CommandError> {
    match user {
        Some(user) => Err(CommandError::Conflict(format!(
            "{user} uses the {what}; remove or change that first"
        ))),
        None => Ok(()),
    }
}
