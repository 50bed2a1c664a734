//! Who subscribes to what: phones that watch mailboxes (RFC 3842), and what they are told.

use sip::endpoint::{OutRequest, Reply};
use sip::message::Message;
use sip::subscription::{Ask, Grant, State, SubscriptionId, Terminated};
use sip::{Flow, Method, ServerTx, Transport};

use crate::mwi::{self, Watcher};
use crate::registrar::Target;
use crate::route::{Directory, host_text};
use crate::vocab::{ExtensionKey, MailboxKey, Now};

use super::Running;

/// What may be subscribed to.
pub(super) const PACKAGES: [sip::subscription::Package; 1] = [mwi::PACKAGE];

impl Running {
    /// A SUBSCRIBE that begins something; refreshes are the endpoint's.
    pub(super) fn on_subscribe(
        &mut self,
        now: Now,
        tx: ServerTx,
        flow: Flow,
        message: &Message,
        ask: &Ask,
    ) {
        let subscriber = match self.authenticate(now, flow, message) {
            Ok(subscriber) => subscriber,
            Err(reply) => return self.desk.sip.respond(now.mono, tx, *reply),
        };
        let wanted = wanted_mailbox(&self.books.directory, &subscriber, message);
        let Some(mailbox) = wanted.filter(|_| ask.package.name == mwi::PACKAGE_NAME) else {
            return self.desk.sip.respond(now.mono, tx, Reply::new(403));
        };
        let grant = Grant {
            expires: ask.expires,
            peer: subscriber.to_string(),
            state: State::Active,
            body: Some(self.summary(&mailbox)),
        };
        let id = self.desk.sip.accept_subscription(now.mono, tx, flow, message, grant);
        if let Some(id) = id {
            self.mwi.watch(id, Watcher { mailbox, extension: subscriber });
        }
    }

    pub(super) fn on_subscription_ended(&mut self, id: SubscriptionId) {
        self.mwi.forget(id);
    }

    fn summary(&self, mailbox: &MailboxKey) -> sip::endpoint::Body {
        let directory = &self.books.directory;
        let (code, host) = (&directory.config().codes.voicemail, directory.host(&mailbox.tenant));
        mwi::body(&format!("sip:{code}@{host}"), self.mwi.counts(mailbox))
    }

    /// Tells whoever is to know of the mailboxes that have changed.
    pub(super) fn tick_mwi(&mut self, now: Now) {
        while let Some(mailbox) = self.mwi.pop_due(now) {
            let body = self.summary(&mailbox);
            let watchers: Vec<SubscriptionId> = self.mwi.watchers_of(&mailbox).collect();
            for id in watchers {
                self.follow_connection(id);
                self.desk.sip.notify(now.mono, id, State::Active, Some(body.clone()));
            }
            let owner = ExtensionKey { tenant: mailbox.tenant, number: mailbox.number };
            self.tell_unasked(now, &owner);
        }
    }

    /// A phone whose connection was lost and that has registered over another one is told over that.
    fn follow_connection(&mut self, id: SubscriptionId) {
        let (Some(view), Some(watcher)) =
            (self.desk.sip.subscription_view(id), self.mwi.watcher(id))
        else {
            return;
        };
        if view.flow.transport == Transport::Udp || self.flows.is_open(view.flow) {
            return;
        }
        let contacts = self.books.registrar.contacts(&watcher.extension);
        if let Some(now_at) = contacts.into_iter().find(|contact| contact.uri == view.target) {
            self.desk.sip.redirect_subscription(id, now_at.flow);
        }
    }

    /// A phone came online. One that never subscribes hears of waiting messages all the same.
    pub(super) fn greet_with_messages(&mut self, now: Now, owner: &ExtensionKey) {
        if self.mwi.counts(&mailbox_of(owner)).new > 0 {
            self.tell_unasked(now, owner);
        }
    }

    /// NOTIFY outside any dialog, to registered phones that have no subscription to their mailbox. No RFC has it; many
    /// phones take it. Its answer means nothing.
    fn tell_unasked(&mut self, now: Now, owner: &ExtensionKey) {
        let directory = &self.books.directory;
        if !directory.config().mwi.unsolicited || directory.extension(owner).is_none() {
            return;
        }
        let mailbox = mailbox_of(owner);
        let body = self.summary(&mailbox);
        let host = directory.host(&owner.tenant);
        for contact in self.books.registrar.contacts(owner) {
            if self.is_watched_by(&mailbox, &contact) {
                continue;
            }
            let from = format!("<sip:{}@{host}>", owner.number);
            let mut request =
                OutRequest::new(Method::Notify, contact.uri.as_str(), &from, from.clone());
            request.route = contact.path;
            request.headers = vec![
                ("Event".into(), mwi::PACKAGE_NAME.into()),
                ("Subscription-State".into(), "terminated;reason=noresource".into()),
            ];
            request.body = Some(body.clone());
            self.desk.sip.request(now.mono, contact.flow, request);
        }
    }

    /// Whether the phone behind a contact has a subscription to the mailbox.
    fn is_watched_by(&self, mailbox: &MailboxKey, contact: &Target) -> bool {
        self.mwi
            .watchers_of(mailbox)
            .filter_map(|id| self.desk.sip.subscription_view(id))
            .any(|view| view.target == contact.uri || view.flow.remote == contact.flow.remote)
    }

    /// After a new configuration: who may not watch any more is told so.
    pub(super) fn revise_watchers(&mut self, now: Now) {
        let directory = &self.books.directory;
        let refused: Vec<SubscriptionId> = self
            .mwi
            .watchers()
            .filter(|(_, watcher)| !may_watch(directory, &watcher.extension, &watcher.mailbox))
            .map(|(id, _)| id)
            .collect();
        for id in refused {
            self.mwi.forget(id);
            let state = State::terminated(Terminated::Rejected);
            self.desk.sip.notify(now.mono, id, state, None);
        }
    }
}

fn mailbox_of(owner: &ExtensionKey) -> MailboxKey {
    MailboxKey { tenant: owner.tenant.clone(), number: owner.number.clone() }
}

/// The mailbox that a SUBSCRIBE is about: the subscriber's own, under its own name, that of the voicemail or none, or
/// one that it shares. `None` for all others, whether they exist or not.
fn wanted_mailbox(
    directory: &Directory,
    subscriber: &ExtensionKey,
    subscribe: &Message,
) -> Option<MailboxKey> {
    let uri = subscribe.uri().ok()?;
    let user = uri.user_decoded().unwrap_or_default();
    if user.is_empty() || *user == *directory.config().codes.voicemail {
        return Some(mailbox_of(subscriber));
    }
    let named = directory.extension_by_user(&user, &host_text(&uri));
    let number = match named {
        Some(extension) if extension.key.tenant == subscriber.tenant => &*extension.key.number,
        // The bare number may be another tenant's as well; a queue's is nobody's.
        _ => &*user,
    };
    let mailbox = MailboxKey { tenant: subscriber.tenant.clone(), number: number.to_owned() };
    may_watch(directory, subscriber, &mailbox).then_some(mailbox)
}

/// Whether an extension may know of a mailbox: its own, or one that the configuration shares with it.
fn may_watch(directory: &Directory, extension: &ExtensionKey, mailbox: &MailboxKey) -> bool {
    let shared = || {
        let list = directory.config().mwi.shared.iter();
        list.filter(|share| share.extension == *extension).any(|share| share.mailbox == *mailbox)
    };
    directory.extension(extension).is_some() && (mailbox_of(extension) == *mailbox || shared())
}

#[cfg(test)]
mod tests;
