//! Questions about the live state.

use crate::call::Call;
use crate::vocab::command::{CallView, Page};
use crate::vocab::{CommandError, Now, Principal, Query, Reply, RequestId};

use super::Running;

/// Rows that one reply holds at most.
pub(super) const MAX_ROWS: usize = 200;

impl Running {
    pub(super) fn on_query(
        &mut self,
        now: Now,
        id: RequestId,
        principal: &Principal,
        query: Query,
    ) {
        let reply = match query {
            Query::Registrations { offset, limit } => {
                let own = principal.limited_to().map(|own| own.number);
                let registrar = &self.books.registrar;
                let limit = limit.min(MAX_ROWS);
                let (items, total) =
                    registrar.page(now, &principal.tenant, own.as_deref(), offset, limit);
                Reply::Registrations(Page { items, total, as_of: now.wall })
            }
            Query::Calls { offset, limit } => self.calls_page(now, principal, offset, limit),
            Query::Call { call } => {
                let found = self.calls.get(call).filter(|call| principal.sees(call));
                match found {
                    Some(call) => Reply::Call(Box::new(self.call_view(principal, call))),
                    None => Reply::Refused(CommandError::NotFound(format!("no live call {call}"))),
                }
            }
            Query::Meant(text) => match self.books.directory.meant(&principal.tenant, &text) {
                Some(meant) => Reply::Meant(meant),
                None => Reply::Refused(CommandError::NotFound(format!(
                    "{text} is no extension and no queue"
                ))),
            },
            Query::Parking => self.parking(now, &principal.tenant),
            Query::OwnNumbers => {
                let own = self.books.directory.numbers_of(&principal.tenant);
                Reply::OwnNumbers(own.map(|number| number.number.clone()).collect())
            }
            Query::Trunks => self.trunks_page(now, principal),
            query @ (Query::Queues { .. }
            | Query::Queue(_)
            | Query::Agents { .. }
            | Query::Agent(_)
            | Query::Members { .. }
            | Query::Explain { .. }
            | Query::Counted(_)) => self.query_queues(now, principal, query),
            Query::Mailboxes { offset, limit } => {
                self.mailboxes_page(now, principal, offset, limit)
            }
            Query::Messages { mailbox, offset, limit } => {
                self.messages_page(now, principal, &mailbox, (offset, limit))
            }
            Query::Message { mailbox, id } => self.one_message(principal, &mailbox, id),
            Query::Menus { offset, limit } => self.menus_page(now, principal, offset, limit),
            Query::Menu(name) => self.one_menu(now, principal, name),
            Query::Pages { offset, limit } => self.pages_page(now, principal, offset, limit),
            Query::Page(name) => self.one_page(principal, name),
            Query::Phones { offset, limit } => self.phones_page(now, principal, offset, limit),
            Query::Phone(mac) => self.one_phone(principal, &mac),
            Query::Entries { kind, offset, limit } => {
                self.entries_page(now, principal, kind, (offset, limit))
            }
            Query::Entry(key) => self.one_entry(principal, &key),
            Query::TenantSettings => self.tenant_settings_view(principal),
            Query::Settings(extension) => self.settings_view(principal, &extension),
            Query::Conferences { offset, limit } => {
                self.conferences_page(now, principal, offset, limit)
            }
            Query::Conference(name) => self.one_conference(principal, name),
            Query::DialTasks { offset, limit } => {
                self.dial_tasks_page(now, principal, offset, limit)
            }
            Query::DialTask(id) => self.one_dial_task(principal, id),
            Query::DoNotCall { offset, limit } => {
                self.do_not_call_page(now, principal, offset, limit)
            }
            Query::Figures => Reply::Figures(Box::new(self.figures(now))),
        };
        self.desk.out.reply(id, reply);
    }

    /// Those who are supervised are not told of it.
    fn call_view(&self, principal: &Principal, call: &Call) -> CallView {
        let told = principal.limited_to().is_none();
        let supervisors = if told { self.supervisors_of(call.id) } else { Vec::new() };
        CallView { supervisors, ..call.view() }
    }

    fn trunks_page(&self, now: Now, principal: &Principal) -> Reply {
        let mut items = self.books.trunks.views(&principal.tenant);
        for view in &mut items {
            let line = crate::call::Line::Trunk(view.trunk.clone());
            view.calls = self.calls.load(&line);
        }
        let total = items.len();
        Reply::Trunks(Page { items, total, as_of: now.wall })
    }

    fn calls_page(&self, now: Now, principal: &Principal, offset: usize, limit: usize) -> Reply {
        let own = || self.calls.of_tenant(&principal.tenant);
        let visible = || own().filter(|call| principal.sees(call));
        let total = visible().count();
        let items: Vec<CallView> = visible()
            .skip(offset)
            .take(limit.min(MAX_ROWS))
            .map(|call| self.call_view(principal, call))
            .collect();
        Reply::Calls(Page { items, total, as_of: now.wall })
    }
}
