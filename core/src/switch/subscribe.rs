//! Who subscribes to what: phones that watch mailboxes (RFC 3842), calls (RFC 4235) and each other (RFC 3856).

use std::collections::BTreeSet;

use sip::endpoint::{OutRequest, Reply};
use sip::message::Message;
use sip::subscription::{Ask, Grant, Package, State, SubscriptionId, Terminated};
use sip::{Flow, Method, ServerTx, Transport};

use crate::mwi;
use crate::presence::{self, Condition, Kind, Watcher};
use crate::registrar::Target;
use crate::route::{Directory, host_text};
use crate::vocab::watch::{Resource, Subject, SubscriptionRecord};
use crate::vocab::{AgentKey, ExtensionKey, MailboxKey, Now, QueueKey, Record};

use super::Running;

/// What may be subscribed to.
pub(super) const PACKAGES: [Package; 3] = [mwi::PACKAGE, presence::DIALOG, presence::PRESENCE];

/// The option tag of lists (RFC 4662).
const EVENTLIST: &str = "eventlist";
/// What stands before an agent's id in the user part of a URI.
const AGENT: &str = "agent-";
/// Seconds after which somebody may ask again who found no room.
const RETRY_AFTER: &str = "60";
/// Restored subscriptions are told this long apart, in nanoseconds, so that a start is no storm.
const SPREAD: u64 = 2_000_000;

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
        let mut watcher = match self.wanted(subscriber, message, ask) {
            Ok(watcher) => watcher,
            Err(reply) => return self.desk.sip.respond(now.mono, tx, *reply),
        };
        let seen: Vec<Condition> =
            watcher.subjects.iter().map(|subject| self.derive(now, subject)).collect();
        let rows = watcher.subjects.iter().zip(&seen).collect::<Vec<_>>();
        let grant = Grant {
            expires: ask.expires,
            peer: watcher.extension.to_string(),
            state: State::Active,
            body: Some(self.document(&watcher, 0, true, &rows)),
            list: matches!(watcher.resource, Resource::List { .. }),
        };
        let id = self.desk.sip.accept_subscription(now.mono, tx, flow, message, grant);
        let Some(id) = id else { return };
        let Some(saved) = self.desk.sip.save_subscription(now.mono, id) else { return };
        watcher.dialog = (saved.call_id.to_string(), saved.local_tag.to_string());
        self.store_subscription(now, &watcher, saved);
        let look = |subject: &Subject| {
            let row = watcher.subjects.iter().zip(&seen).find(|(own, _)| *own == subject);
            row.map_or(Condition::Gone, |(_, condition)| condition.clone())
        };
        self.watches.add(id, watcher.clone(), look);
    }

    /// What a SUBSCRIBE is about, or why it is refused.
    fn wanted(
        &self,
        subscriber: ExtensionKey,
        message: &Message,
        ask: &Ask,
    ) -> Result<Watcher, Box<Reply>> {
        let refused = |status| Box::new(Reply::new(status));
        let kind = Kind::named(ask.package.name).ok_or_else(|| refused(489))?;
        let (resource, user) = match kind {
            Kind::Summary => {
                let mailbox = wanted_mailbox(&self.books.directory, &subscriber, message);
                let mailbox = mailbox.ok_or_else(|| refused(403))?;
                let user = mailbox.number.clone();
                (Resource::One(Subject::Mailbox(mailbox)), user)
            }
            _ => self.named_resource(&subscriber, message).ok_or_else(|| refused(404))?,
        };
        if matches!(resource, Resource::List { .. }) && !message.supports(EVENTLIST) {
            // RFC 4662 section 4.3
            return Err(Box::new(Reply::new(421).with_header("Require", EVENTLIST)));
        }
        let limit = self.books.directory.config().presence.max_per_tenant as usize;
        if self.watches.of_tenant(&subscriber.tenant) >= limit {
            return Err(Box::new(Reply::new(503).with_header("Retry-After", RETRY_AFTER)));
        }
        let subjects = self.subjects_of(&subscriber, kind, &resource);
        let subjects = subjects.ok_or_else(|| refused(404))?;
        let (extension, dialog) = (subscriber, Default::default());
        Ok(Watcher { extension, kind, resource, user, subjects, dialog })
    }

    /// What the Request-URI names for a subscriber: something of its own tenant, or nothing.
    fn named_resource(
        &self,
        subscriber: &ExtensionKey,
        message: &Message,
    ) -> Option<(Resource, String)> {
        let uri = message.uri().ok()?;
        let user = uri.user_decoded().unwrap_or_default().into_owned();
        let tenant = &subscriber.tenant;
        let lists = &self.books.directory.config().lists;
        if lists.iter().any(|list| list.tenant == *tenant && list.name == user) {
            return Some((Resource::List { tenant: tenant.clone(), name: user.clone() }, user));
        }
        let named = self.books.directory.extension_by_user(&user, &host_text(&uri));
        let own = named.filter(|extension| extension.key.tenant == *tenant);
        let subject = match own {
            Some(extension) => Some(Subject::Extension(extension.key.clone())),
            None => self.named_subject(subscriber, &user),
        };
        Some((Resource::One(subject?), user))
    }

    /// What a number, an agent or the agents' code means on a key of a phone.
    fn named_subject(&self, subscriber: &ExtensionKey, user: &str) -> Option<Subject> {
        let tenant = subscriber.tenant.clone();
        if *user == *self.books.directory.config().codes.agent_login {
            return Some(Subject::Login(subscriber.clone()));
        }
        if let Some(id) = user.strip_prefix(AGENT) {
            return Some(Subject::Agent(AgentKey { tenant, id: id.to_owned() }));
        }
        let (number, extension) = (user.to_owned(), ExtensionKey { tenant, number: user.into() });
        if self.books.directory.extension(&extension).is_some() {
            return Some(Subject::Extension(extension));
        }
        if self.books.directory.is_parking_place(&extension.tenant, &number) {
            return Some(Subject::Place(extension));
        }
        Some(Subject::Queue(QueueKey { tenant: extension.tenant, number }))
    }

    /// What a subscription is about, as far as the subscriber may know of it: all of its own tenant. `None` where there
    /// is nothing.
    fn subjects_of(
        &self,
        subscriber: &ExtensionKey,
        kind: Kind,
        resource: &Resource,
    ) -> Option<Vec<Subject>> {
        let directory = &self.books.directory;
        directory.extension(subscriber)?;
        match resource {
            Resource::One(Subject::Mailbox(mailbox)) => {
                let may = kind == Kind::Summary && may_watch(directory, subscriber, mailbox);
                may.then(|| vec![Subject::Mailbox(mailbox.clone())])
            }
            _ if kind == Kind::Summary => None,
            Resource::One(subject) => {
                self.is_there(&subscriber.tenant, subject).then(|| vec![subject.clone()])
            }
            Resource::List { tenant, name } if *tenant == subscriber.tenant => {
                let mut lists = directory.config().lists.iter();
                let list = lists.find(|list| list.tenant == *tenant && list.name == *name)?;
                let named = |user: &String| self.named_subject(subscriber, user);
                Some(list.members.iter().filter_map(named).collect())
            }
            Resource::List { .. } => None,
        }
    }

    /// Whether a tenant has this.
    fn is_there(&self, tenant: &str, subject: &Subject) -> bool {
        match subject {
            Subject::Extension(key) | Subject::Login(key) => {
                key.tenant == tenant && self.books.directory.extension(key).is_some()
            }
            Subject::Place(key) => {
                key.tenant == tenant && self.books.directory.is_parking_place(tenant, &key.number)
            }
            Subject::Queue(key) => key.tenant == tenant && self.queues.acd.waiting(key).is_some(),
            Subject::Agent(key) => {
                key.tenant == tenant && self.queues.acd.agent_config(key).is_some()
            }
            Subject::Mailbox(_) => false,
        }
    }

    pub(super) fn on_subscription_ended(&mut self, id: SubscriptionId) {
        if let Some(watcher) = self.watches.remove(id) {
            let (call_id, tag) = watcher.dialog;
            self.desk.out.persist(Record::Unsubscribed { call_id, tag });
        }
    }

    /// What is stored of a subscription is out of date: it was refreshed, say.
    pub(super) fn on_subscription_changed(&mut self, now: Now, id: SubscriptionId) {
        let Some(saved) = self.desk.sip.save_subscription(now.mono, id) else { return };
        let Some(watcher) = self.watches.get(id).cloned() else { return };
        self.store_subscription(now, &watcher, saved);
    }

    fn store_subscription(&mut self, now: Now, watcher: &Watcher, saved: sip::subscription::Saved) {
        let expires_at = now.wall.saturating_add(saved.left.saturating_mul(1000));
        self.desk.out.persist(Record::Subscribed(Box::new(SubscriptionRecord {
            extension: watcher.extension.clone(),
            resource: watcher.resource.clone(),
            user: watcher.user.clone(),
            saved,
            expires_at,
        })));
    }

    /// What the last run left behind: subscriptions go on, and each phone is told the whole state anew.
    pub(super) fn restore_watchers(&mut self, now: Now, records: Vec<SubscriptionRecord>) {
        let mut first_at = now.mono;
        for record in records {
            let SubscriptionRecord { extension, resource, user, mut saved, expires_at } = record;
            let dialog = (saved.call_id.to_string(), saved.local_tag.to_string());
            let kind = Kind::named(&saved.package);
            // The clock may have been set back since.
            saved.left = (expires_at.saturating_sub(now.wall) / 1000).min(3600);
            let subjects = kind.and_then(|kind| self.subjects_of(&extension, kind, &resource));
            first_at = first_at.saturating_add(SPREAD);
            let resumed = match (kind, subjects) {
                (Some(kind), Some(subjects)) => self
                    .desk
                    .sip
                    .resume_subscription(now.mono, saved, first_at)
                    .map(|id| (id, kind, subjects)),
                _ => None,
            };
            let Some((id, kind, subjects)) = resumed else {
                let (call_id, tag) = dialog;
                self.desk.out.persist(Record::Unsubscribed { call_id, tag });
                continue;
            };
            let seen: Vec<_> = subjects.iter().map(|own| self.derive(now, own)).collect();
            let look = |subject: &Subject| {
                let row = subjects.iter().zip(&seen).find(|(own, _)| *own == subject);
                row.map_or(Condition::Gone, |(_, condition)| condition.clone())
            };
            let subjects = subjects.clone();
            let watcher = Watcher { extension, kind, resource, user, subjects, dialog };
            self.watches.add(id, watcher, look);
            self.on_subscription_changed(now, id);
        }
    }

    /// Tells whoever is to know of the mailboxes that have changed. True if there was any.
    pub(super) fn tick_mwi(&mut self, now: Now) -> bool {
        let mut told = false;
        while let Some(mailbox) = self.mwi.pop_due(now) {
            told = true;
            self.watches.touch(Subject::Mailbox(mailbox.clone()));
            let owner = ExtensionKey { tenant: mailbox.tenant, number: mailbox.number };
            self.tell_unasked(now, &owner);
        }
        told
    }

    /// A phone whose connection was lost and that has registered over another one is told over that.
    pub(super) fn follow_connection(&mut self, now: Now, id: SubscriptionId) {
        let (Some(view), Some(watcher)) =
            (self.desk.sip.subscription_view(id), self.watches.get(id))
        else {
            return;
        };
        if view.flow.transport == Transport::Udp || self.flows.is_open(view.flow) {
            return;
        }
        let contacts = self.books.registrar.contacts(&watcher.extension);
        if let Some(now_at) = contacts.into_iter().find(|contact| contact.uri == view.target) {
            self.desk.sip.redirect_subscription(now.mono, id, now_at.flow);
        }
    }

    /// A phone came online. Its subscriptions go over its new connection, and one that never subscribes hears of waiting
    /// messages all the same.
    pub(super) fn greet(&mut self, now: Now, owner: &ExtensionKey) {
        for id in self.watches.of_extension(owner) {
            self.follow_connection(now, id);
        }
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
        let body = self.summary(&mailbox, self.mwi.counts(&mailbox));
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
        self.watches
            .watchers_of(&Subject::Mailbox(mailbox.clone()))
            .filter_map(|id| self.desk.sip.subscription_view(id))
            .any(|view| view.target == contact.uri || view.flow.remote == contact.flow.remote)
    }

    /// After a new configuration: who may not watch any more is told so, and whose list has other members subscribes
    /// anew.
    pub(super) fn revise_watchers(&mut self, now: Now) {
        let all: Vec<_> = self.watches.iter().map(|(id, _)| id).collect();
        self.revise_those(now, all);
        self.watches.touch_all();
    }

    /// Likewise where one extension is new or gone: only what has to do with it is looked at.
    pub(super) fn revise_watchers_of(&mut self, now: Now, key: &ExtensionKey) {
        let subjects = [
            Subject::Extension(key.clone()),
            Subject::Login(key.clone()),
            Subject::Mailbox(mailbox_of(key)),
        ];
        let mut concerned: BTreeSet<_> = self.watches.of_extension(key).into_iter().collect();
        for subject in &subjects {
            concerned.extend(self.watches.watchers_of(subject));
        }
        let lists = self.books.directory.config().lists.iter();
        for list in lists.filter(|list| list.tenant == key.tenant) {
            concerned.extend(self.watches.of_list(&list.tenant, &list.name));
        }
        self.revise_those(now, concerned);
        subjects.into_iter().for_each(|subject| self.watches.touch(subject));
    }

    fn revise_those(&mut self, now: Now, those: impl IntoIterator<Item = SubscriptionId>) {
        let mut over = Vec::new();
        for id in those {
            let Some(watcher) = self.watches.get(id) else { continue };
            match self.subjects_of(&watcher.extension, watcher.kind, &watcher.resource) {
                None => over.push((id, Terminated::Rejected)),
                Some(subjects) if subjects != watcher.subjects => {
                    over.push((id, Terminated::Deactivated));
                }
                Some(_) => {}
            }
        }
        for (id, reason) in over {
            self.on_subscription_ended(id);
            self.desk.sip.notify(now.mono, id, State::terminated(reason), None);
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
    let shared = || directory.shared_with(extension).contains(mailbox);
    directory.extension(extension).is_some() && (mailbox_of(extension) == *mailbox || shared())
}

#[cfg(test)]
mod tests;
