//! Commands from outside: each gets exactly one reply.

use crate::call::{Call, Common, Found, Originate, Outcome, Place, Rights};
use crate::route::Caller;
use crate::vocab::record::EndCause;
use crate::vocab::{
    CallId, CallTerms, Command, CommandError, Done, ExtensionKey, Now, Principal, Reply, RequestId,
    Role,
};

use super::Running;
use super::incoming::NotAdmitted;

impl Running {
    pub(super) fn on_command(
        &mut self,
        now: Now,
        id: RequestId,
        principal: &Principal,
        command: Command,
    ) {
        let result = match command {
            Command::Originate { from, to, auto_answer, terms } => {
                self.originate(now, principal, from, &to, (auto_answer, terms))
            }
            Command::Talk { call, order } => self.order_talk(now, principal, call, order),
            Command::HangUp { call } => self.hang_up(now, principal, call),
            Command::Record(order) => self.order_recording(now, principal, order),
            Command::Take(order) => self.order_taking(now, principal, order),
            Command::Mailbox { mailbox, order } => {
                return self.order_mailbox(now, id, principal, &mailbox, &order);
            }
            Command::Menu(order) => return self.order_menu(now, id, principal, order),
            Command::Dial(order) => return self.order_dialling(now, id, principal, order),
            Command::Phone(order) => return self.order_phone(id, principal, order),
            Command::Entry(order) => return self.order_entry(now, id, principal, *order),
            Command::Fetch(fetch) => return self.fetch_sheet(id, &fetch),
            Command::Settings { extension, settings } => {
                return self.order_settings(now, id, principal, &extension, *settings);
            }
            Command::TenantSettings(settings) => {
                return self.order_tenant_settings(now, id, principal, *settings);
            }
            Command::RemoveTenant { tenant, config } => {
                return self.remove_tenant(now, id, principal, (&tenant, *config));
            }
            Command::Conference(order) => self.order_conference(now, principal, order),
            Command::Supervise { call, order } => {
                self.order_supervision(now, principal, call, order)
            }
            Command::Agent { agent, order } => self.order_agent(now, principal, agent, order),
            Command::Queue { queue, order } => self.order_queue(now, principal, queue, order),
            Command::Define(order) => {
                let result = self.define(now, principal, order);
                return self.desk.out.reply_when_stored(id, Reply::Command(result));
            }
        };
        self.desk.out.reply(id, Reply::Command(result));
    }

    fn originate(
        &mut self,
        now: Now,
        principal: &Principal,
        from: String,
        to: &str,
        (auto_answer, terms): (bool, CallTerms),
    ) -> Result<Done, CommandError> {
        may_originate(principal, &from, &terms)?;
        let key = ExtensionKey { tenant: principal.tenant.clone(), number: from };
        if self.books.directory.extension(&key).is_none() {
            return Err(CommandError::NotFound(format!("no extension {}", key.number)));
        }
        let shown = terms.shown.map(|number| self.own_number(&key.tenant, &number)).transpose()?;
        let mut plan =
            self.books.directory.plan(Caller::Extension(&key), to, None).map_err(|why| {
                CommandError::Invalid(format!(
                    "{to}: {why}; it must be what {} could dial",
                    key.number
                ))
            })?;
        self.may_speak(&key, &plan)?;
        self.books.trunks.living_first(&mut plan.hops);
        let rights = Rights::Extension(key.clone());
        self.admit(&rights, plan.emergency).map_err(|why| busy(&why))?;
        let mut first = match &terms.at {
            None => self.first_at_phone(&key, &plan.dialled)?,
            Some(number) => self.first_outside(&key, number)?,
        };
        first.auto_answer = auto_answer;
        let common: Common = self.common(&rights, plan, None);
        self.counters.call_started();
        let mut call =
            Call::originate(&mut self.desk.ctx(now), Originate { first, attend: None, common });
        call.record.shown.clone_from(&shown);
        call.shown = shown;
        call.ring_secs = terms.ring_secs;
        let done = Done::Originated { call: call.id, interaction: call.interaction };
        self.take_in(now, call);
        Ok(done)
    }

    /// A number that the tenant has from a carrier, as it is written there.
    fn own_number(&self, tenant: &str, number: &str) -> Result<String, CommandError> {
        let own = self.books.directory.own_number(tenant, number).map(str::to_owned);
        own.ok_or_else(|| {
            CommandError::Invalid(format!("{number} is none of the tenant's numbers"))
        })
    }

    /// The extension's phones, which show who is about to be called.
    fn first_at_phone(
        &self,
        key: &ExtensionKey,
        dialled: &str,
    ) -> Result<Box<Place>, CommandError> {
        let identity = self.books.directory.shown(&key.tenant, "", dialled);
        match self.locate_extension(key, identity) {
            Found::Ring(place) => Ok(place),
            Found::Nothing(Outcome { cause: EndCause::Busy, .. }) => {
                Err(busy(&NotAdmitted::TooMany))
            }
            _ => {
                let text = format!("extension {} has no registered phone", key.number);
                Err(CommandError::Conflict(text))
            }
        }
    }

    /// A number outside at which whoever has the extension is rung instead.
    fn first_outside(
        &mut self,
        key: &ExtensionKey,
        number: &str,
    ) -> Result<Box<Place>, CommandError> {
        let hops = self.books.directory.outside(&key.tenant, number);
        let mut hops = hops.map_err(|why| CommandError::Invalid(format!("{number}: {why}")))?;
        self.books.trunks.living_first(&mut hops);
        let found = self.locate_outside(&hops, |own, hop| {
            own.books.directory.identity(Caller::Extension(key), hop, false, None)
        });
        match found {
            Found::Ring(place) => Ok(place),
            _ => Err(CommandError::Conflict(format!("no carrier takes a call to {number} now"))),
        }
    }

    fn hang_up(
        &mut self,
        now: Now,
        principal: &Principal,
        call: CallId,
    ) -> Result<Done, CommandError> {
        if principal.role == Role::ReadOnly {
            return Err(CommandError::Forbidden("the key may only read".into()));
        }
        let found = self.calls.get(call).filter(|call| call.is_live() && principal.sees(call));
        if found.is_none() {
            return Err(CommandError::NotFound(format!("no live call {call}")));
        }
        self.step(now, call, |call, ctx| call.hang_up(ctx, EndCause::Administrative));
        Ok(Done::HungUp)
    }
}

/// Readers begin no calls, and owners of an extension only from there and as its phones would.
fn may_originate(principal: &Principal, from: &str, terms: &CallTerms) -> Result<(), CommandError> {
    let own = principal.extension.as_deref();
    match principal.role {
        Role::ReadOnly => Err(CommandError::Forbidden("the key may only read".into())),
        Role::User | Role::Agent if own != Some(from) => {
            let text = format!("the key may originate only from {}", own.unwrap_or("nowhere"));
            Err(CommandError::Forbidden(text))
        }
        Role::User | Role::Agent if terms.at.is_some() => {
            Err(CommandError::Forbidden("the key may ring the extension's own phones only".into()))
        }
        _ => Ok(()),
    }
}

pub(super) fn busy(why: &NotAdmitted) -> CommandError {
    let what = match why {
        NotAdmitted::Full => "the switch takes no more calls now",
        NotAdmitted::TooMany => "the extension has as many calls as it may",
    };
    CommandError::Busy { retry_after: 5, what: what.to_owned() }
}

impl Principal {
    /// Whether a call is any of this key's business: its tenant's, and for a user's or agent's key its own extension's.
    pub(super) fn sees(&self, call: &Call) -> bool {
        if call.tenant != self.tenant {
            return false;
        }
        self.limited_to().is_none_or(|own| call.involves(&own))
    }

    /// The one extension that a user's or agent's key may see.
    pub(super) fn limited_to(&self) -> Option<ExtensionKey> {
        match self.role {
            Role::User | Role::Agent => {
                let number = self.extension.clone().unwrap_or_default();
                Some(ExtensionKey { tenant: self.tenant.clone(), number })
            }
            Role::ReadOnly | Role::Supervisor | Role::Admin => None,
        }
    }
}
