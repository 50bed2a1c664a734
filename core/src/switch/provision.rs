//! Desk phones: orders of administrators, and phones that fetch their settings.

use sip::Transport;

use crate::provision::Refused;
use crate::vocab::command::Page;
use crate::vocab::provision::{Fetch, PhoneAccount, PhoneConfig, PhoneOrder, PhoneSheet};
use crate::vocab::{CommandError, Done, ExtensionKey, Now, Principal, Reply, RequestId, Role};

use super::Running;
use super::queries::MAX_ROWS;

impl Running {
    /// An order about a phone; answered when it is on disk.
    pub(super) fn order_phone(&mut self, id: RequestId, principal: &Principal, order: PhoneOrder) {
        let done = self.ordered_phone(principal, order);
        self.desk.out.reply_when_stored(id, Reply::Command(done));
    }

    fn ordered_phone(
        &mut self,
        principal: &Principal,
        order: PhoneOrder,
    ) -> Result<Done, CommandError> {
        if principal.role != Role::Admin {
            return Err(CommandError::Forbidden("this needs a key with role admin".into()));
        }
        let tenant = &principal.tenant;
        let record = match order {
            PhoneOrder::Define(phone) => {
                let phone = PhoneConfig { tenant: tenant.clone(), ..phone };
                self.check_phone(&phone)?;
                self.phones.define(phone)
            }
            PhoneOrder::Remove(mac) => self.phones.remove(tenant, &mac),
            PhoneOrder::Ticket { mac, digest } => self.phones.issue(tenant, &mac, digest),
        };
        let record = record.map_err(|why| match why {
            Refused::Unknown => CommandError::NotFound("no such phone".into()),
            Refused::OfFile => CommandError::Conflict(
                "the configuration file defines this phone; change it there".into(),
            ),
            Refused::Taken => {
                CommandError::NotFound("no phone with this MAC address is to be had here".into())
            }
            Refused::Full => {
                CommandError::Busy { retry_after: 3_600, what: "the table of phones".into() }
            }
        })?;
        self.desk.out.persist(record);
        Ok(Done::Defined)
    }

    fn check_phone(&self, phone: &PhoneConfig) -> Result<(), CommandError> {
        if let Some(problem) = phone.problem() {
            return Err(CommandError::Invalid(problem));
        }
        for number in &phone.extensions {
            let key = ExtensionKey { tenant: phone.tenant.clone(), number: number.clone() };
            if self.books.directory.extension(&key).is_none() {
                let text = format!("extensions: the tenant has no extension {number}");
                return Err(CommandError::Invalid(text));
            }
        }
        Ok(())
    }

    /// A phone shows a secret and gets its settings. Whatever is wrong is answered alike.
    pub(super) fn fetch_sheet(&mut self, id: RequestId, fetch: &Fetch) {
        let found = self.phones.fetch(fetch);
        let result = match found {
            None => Err(CommandError::Forbidden("the secret opens nothing".into())),
            Some((phone, spent)) => {
                let sheet = self.sheet(phone, spent.is_some());
                spent.into_iter().for_each(|record| self.desk.out.persist(record));
                Ok(Done::Provisioned(Box::new(sheet)))
            }
        };
        self.desk.out.reply_when_stored(id, Reply::Command(result));
    }

    fn sheet(&self, phone: PhoneConfig, renewed: bool) -> PhoneSheet {
        let directory = &self.books.directory;
        let prefix = directory.tenant(&phone.tenant).map_or("", |own| &own.prefix);
        let account = |number: &String| {
            let key = ExtensionKey { tenant: phone.tenant.clone(), number: number.clone() };
            directory.extension(&key).map(|extension| PhoneAccount {
                user: format!("{prefix}{number}"),
                number: number.clone(),
                name: extension.name.clone(),
                password: extension.password.clone(),
            })
        };
        let accounts = phone.extensions.iter().filter_map(account).collect();
        let listeners = self.flows.listeners();
        let datagrams = listeners.iter().find(|own| own.transport == Transport::Udp);
        let codes = &directory.config().codes;
        PhoneSheet {
            accounts,
            domain: directory.host(&phone.tenant),
            port: datagrams.map_or(5060, |listener| listener.address.port()),
            voicemail: codes.voicemail.clone(),
            pickup: codes.pickup.clone(),
            group_pickup: codes.pickup_group.clone(),
            renewed,
            phone,
        }
    }

    /// Phones of the tenant, without secrets.
    pub(super) fn phones_page(
        &self,
        now: Now,
        principal: &Principal,
        offset: usize,
        limit: usize,
    ) -> Reply {
        if let Err(error) = sees_phones(principal) {
            return Reply::Refused(error);
        }
        let all = self.phones.views(&principal.tenant);
        let total = all.len();
        let items = all.into_iter().skip(offset).take(limit.min(MAX_ROWS)).collect();
        Reply::Phones(Page { items, total, as_of: now.wall })
    }

    /// One phone of the tenant, without secrets.
    pub(super) fn one_phone(&self, principal: &Principal, mac: &str) -> Reply {
        if let Err(error) = sees_phones(principal) {
            return Reply::Refused(error);
        }
        match self.phones.view(&principal.tenant, mac) {
            Some(view) => Reply::Phone(Box::new(view)),
            None => Reply::Refused(CommandError::NotFound("no such phone".into())),
        }
    }
}

fn sees_phones(principal: &Principal) -> Result<(), CommandError> {
    match principal.role {
        Role::Admin | Role::Supervisor | Role::ReadOnly => Ok(()),
        Role::User | Role::Agent => {
            Err(CommandError::Forbidden("keys of users and agents see no phones".into()))
        }
    }
}
