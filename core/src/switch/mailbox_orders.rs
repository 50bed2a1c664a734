//! Mailboxes over HTTP: what lies in them, and what is ordered about it.

use std::collections::BTreeSet;

use crate::vocab::command::Page;
use crate::vocab::mailbox::{MailboxOrder, MailboxView, MessageRecord};
use crate::vocab::{
    CommandError, Done, MailboxKey, MessageId, Now, Principal, Reply, RequestId, Role,
};

use super::Running;
use super::queries::MAX_ROWS;

impl Running {
    pub(super) fn order_mailbox(
        &mut self,
        now: Now,
        id: RequestId,
        principal: &Principal,
        mailbox: &str,
        order: &MailboxOrder,
    ) {
        let done = self.carry_out(now, principal, mailbox, order);
        self.desk.out.reply_when_stored(id, Reply::Command(done));
    }

    fn carry_out(
        &mut self,
        now: Now,
        principal: &Principal,
        mailbox: &str,
        order: &MailboxOrder,
    ) -> Result<Done, CommandError> {
        if principal.role == Role::ReadOnly {
            return Err(CommandError::Forbidden("the key may only read".into()));
        }
        let key = self.visible_mailbox(principal, mailbox)?;
        let (found, id) = match *order {
            MailboxOrder::Heard(id, heard) => {
                (self.change_message(now, &key, id, |message| message.heard = heard), id)
            }
            MailboxOrder::Delete(id) => (self.delete_message(now, &key, id), id),
        };
        found.then_some(Done::Ordered).ok_or_else(|| no_message(id))
    }

    /// A mailbox that exists and is the key's business; all others are not there for it.
    fn visible_mailbox(
        &self,
        principal: &Principal,
        number: &str,
    ) -> Result<MailboxKey, CommandError> {
        let key = MailboxKey { tenant: principal.tenant.clone(), number: number.to_owned() };
        let own = principal.limited_to().is_none_or(|own| own.number == number);
        let exists = self.mailbox_of(&key).is_some()
            || self.queue_of(&key).is_some()
            || self.lobby.mailboxes.len(&key) > 0;
        if own && exists {
            return Ok(key);
        }
        Err(CommandError::NotFound(format!("no mailbox {number}")))
    }

    pub(super) fn mailboxes_page(
        &self,
        now: Now,
        principal: &Principal,
        offset: usize,
        limit: usize,
    ) -> Reply {
        let tenant = &principal.tenant;
        let config = self.books.directory.config();
        let of_extensions = config.mailboxes.iter().map(|mailbox| &mailbox.key);
        let held = self.lobby.mailboxes.of_tenant(tenant);
        let keys = of_extensions.filter(|key| key.tenant == *tenant).chain(held);
        let mut keys: BTreeSet<MailboxKey> = keys.cloned().collect();
        let queues = self.queues_with_mailbox(tenant);
        keys.extend(queues);
        if let Some(own) = principal.limited_to() {
            keys.retain(|key| key.number == own.number);
        }
        let total = keys.len();
        let rows = keys.into_iter().skip(offset).take(limit.min(MAX_ROWS));
        let items = rows.map(|mailbox| self.mailbox_view(mailbox)).collect();
        Reply::Mailboxes(Page { items, total, as_of: now.wall })
    }

    fn mailbox_view(&self, mailbox: MailboxKey) -> MailboxView {
        let boxes = &self.lobby.mailboxes;
        let most = usize::from(self.books.directory.config().voicemail.max_messages);
        MailboxView {
            counts: boxes.counts(&mailbox),
            full: boxes.len(&mailbox) >= most,
            own_greeting: boxes.greeting(&mailbox).is_some(),
            mailbox,
        }
    }

    pub(super) fn messages_page(
        &self,
        now: Now,
        principal: &Principal,
        mailbox: &str,
        (offset, limit): (usize, usize),
    ) -> Reply {
        let key = match self.visible_mailbox(principal, mailbox) {
            Ok(key) => key,
            Err(error) => return Reply::Refused(error),
        };
        let boxes = &self.lobby.mailboxes;
        let newest = boxes.messages(&key).rev().skip(offset).take(limit.min(MAX_ROWS));
        let items: Vec<MessageRecord> = newest.cloned().collect();
        Reply::Messages(Page { items, total: boxes.len(&key), as_of: now.wall })
    }

    pub(super) fn one_message(&self, principal: &Principal, mailbox: &str, id: MessageId) -> Reply {
        let found = self.visible_mailbox(principal, mailbox).and_then(|key| {
            let message = self.lobby.mailboxes.get(&key, id);
            message.cloned().ok_or_else(|| no_message(id))
        });
        match found {
            Ok(message) => Reply::Message(Box::new(message)),
            Err(error) => Reply::Refused(error),
        }
    }
}

fn no_message(id: MessageId) -> CommandError {
    CommandError::NotFound(format!("no message {id}"))
}
