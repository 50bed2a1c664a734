//! What phones see that watch something: its state is looked at where it may have changed, and written when it is told.

use sip::endpoint::Body;
use sip::subscription::{State, SubscriptionId, Terminated};
use sip::uri::EscapeUser;

use crate::call::Line;
use crate::mwi;
use crate::presence::{self, Condition, Entity, Lamp, Member, Phone, Watcher};
use crate::vocab::acd::{Activity, AgentPlace, Intent};
use crate::vocab::record::Party;
use crate::vocab::watch::{DialogView, Resource, Subject};
use crate::vocab::{
    AgentKey, CallId, EventKind, ExtensionKey, MailboxCounts, MailboxKey, Now, QueueKey,
};

use super::Running;

impl Running {
    /// A call has acted: the phones in it may be seen to do something else.
    pub(super) fn touch_call(&mut self, id: CallId) {
        if self.watches.is_empty() {
            return;
        }
        for line in self.calls.lines_of(id) {
            if let Line::Extension(key) = line {
                self.watches.touch(Subject::Extension(key.clone()));
            }
        }
    }

    /// A phone came or went, or got or lost a call.
    pub(super) fn touch_phone(&mut self, extension: &ExtensionKey) {
        if !self.watches.is_empty() {
            self.watches.touch(Subject::Extension(extension.clone()));
        }
    }

    /// Something happened to a queue or an agent.
    pub(super) fn touch_acd(&mut self, kind: &EventKind) {
        if self.watches.is_empty() {
            return;
        }
        match kind {
            EventKind::CallerQueued { queue, .. } => self.touch_queue(queue),
            EventKind::CallerLeft { queue, agent, .. } => {
                self.touch_queue(queue);
                agent.iter().for_each(|agent| self.touch_agent(agent));
            }
            EventKind::AgentOffered { agent, .. }
            | EventKind::OfferEnded { agent, .. }
            | EventKind::AgentActivityChanged { agent, .. } => self.touch_agent(agent),
            EventKind::AgentIntentChanged { agent, .. } => {
                self.touch_agent(agent);
                // The desk that the agent has left is known no more.
                let tenant = agent.tenant.clone();
                let is_desk =
                    |own: &Subject| matches!(own, Subject::Login(key) if key.tenant == tenant);
                self.watches.touch_those(is_desk);
            }
            _ => {}
        }
    }

    fn touch_queue(&mut self, queue: &QueueKey) {
        self.watches.touch(Subject::Queue(queue.clone()));
    }

    fn touch_agent(&mut self, agent: &AgentKey) {
        self.watches.touch(Subject::Agent(agent.clone()));
    }

    /// Tells those who watch what has changed. True if there was anything.
    pub(super) fn tell_watchers(&mut self, now: Now) -> bool {
        let mut told = false;
        while let Some((tenant, slot)) = self.lot.pop_changed() {
            let number = slot.to_string();
            self.watches.touch(Subject::Place(ExtensionKey { tenant, number }));
        }
        while let Some(subject) = self.watches.pop_touched() {
            let condition = self.derive(now, &subject);
            for id in self.watches.look(&subject, condition) {
                told = true;
                self.follow_connection(now, id);
                self.desk.sip.notify(now.mono, id, State::Active, None);
            }
        }
        told
    }

    /// A NOTIFY may leave: what it says is written now.
    pub(super) fn on_state_wanted(
        &mut self,
        now: Now,
        id: SubscriptionId,
        version: u32,
        whole: bool,
    ) {
        let Some((watcher, mut subjects)) = self.watches.take_news(id, whole) else {
            let state = State::terminated(Terminated::Noresource);
            return self.desk.sip.notify(now.mono, id, state, None);
        };
        if subjects.is_empty() {
            subjects.clone_from(&watcher.subjects);
        }
        let rows: Vec<_> =
            subjects.iter().map(|subject| (subject, self.watches.shown(subject))).collect();
        let whole = rows.len() == watcher.subjects.len();
        let body = self.document(&watcher, version, whole, &rows);
        self.desk.sip.supply_state(now.mono, id, body);
    }

    /// The document that tells a watcher of these subjects.
    pub(super) fn document(
        &self,
        watcher: &Watcher,
        version: u32,
        whole: bool,
        rows: &[(&Subject, &Condition)],
    ) -> Body {
        let host = self.books.directory.host(&watcher.extension.tenant);
        let entity = |subject: &Subject, user: &str| Entity {
            uri: format!("sip:{}@{host}", EscapeUser(user)),
            name: self.name_of(subject),
            host: host.clone(),
            in_detail: self.may_pick_up(&watcher.extension, subject),
        };
        match (&watcher.resource, rows) {
            (Resource::One(_), [(Subject::Mailbox(mailbox), Condition::Messages { counts })]) => {
                let [new, old, urgent_new, urgent_old] = *counts;
                self.summary(mailbox, MailboxCounts { new, old, urgent_new, urgent_old })
            }
            (Resource::One(_), [(subject, condition)]) => {
                let entity = entity(subject, &watcher.user);
                presence::document(watcher.kind, version, &entity, condition)
            }
            _ => {
                let list = format!("sip:{}@{host}", EscapeUser(&watcher.user));
                let members: Vec<Member<'_>> = rows
                    .iter()
                    .map(|(subject, condition)| Member {
                        entity: entity(subject, &self.user_of(subject)),
                        condition,
                    })
                    .collect();
                presence::list_document(watcher.kind, version, whole, &list, &members)
            }
        }
    }

    /// How a mailbox stands, for a lamp.
    pub(super) fn summary(&self, mailbox: &MailboxKey, counts: MailboxCounts) -> Body {
        let directory = &self.books.directory;
        let (code, host) = (&directory.config().codes.voicemail, directory.host(&mailbox.tenant));
        mwi::body(&format!("sip:{code}@{host}"), counts)
    }

    /// How something stands now.
    pub(super) fn derive(&self, now: Now, subject: &Subject) -> Condition {
        match subject {
            Subject::Mailbox(mailbox) => Condition::messages(self.mwi.counts(mailbox)),
            Subject::Extension(key) => self.phone(key),
            Subject::Queue(key) => match self.queues.acd.waiting(key) {
                None => Condition::Gone,
                Some(0) => lamp(Lamp::Off, true, "Nobody waits"),
                Some(waiting) => lamp(Lamp::Blinking, true, &format!("{waiting} waiting")),
            },
            Subject::Agent(key) => match self.queues.acd.doing(now, key) {
                None => Condition::Gone,
                Some((intent, activity)) => agent(intent, &activity),
            },
            Subject::Login(desk) => self.login(now, desk),
            Subject::Place(place) => self.place(place),
        }
    }

    fn phone(&self, key: &ExtensionKey) -> Condition {
        if self.books.directory.extension(key).is_none() {
            return Condition::Gone;
        }
        let line = Line::Extension(key.clone());
        let calls = self.calls.on_line(&line);
        let directory = &self.books.directory;
        let seen = |dialog: DialogView| {
            let (name, number) = directory.seen(&key.tenant, dialog.name, dialog.number);
            DialogView { name, number, ..dialog }
        };
        Condition::Phone(Phone {
            registered: self.books.registrar.is_online(key),
            do_not_disturb: self.settings.is_quiet(key),
            dialogs: calls
                .flat_map(|call| call.dialogs_of(&self.desk.sip, key))
                .map(seen)
                .collect(),
        })
    }

    /// A parking place: lit while somebody is there.
    fn place(&self, place: &ExtensionKey) -> Condition {
        if !self.books.directory.is_parking_place(&place.tenant, &place.number) {
            return Condition::Gone;
        }
        let slot = place.number.parse().unwrap_or_default();
        let parked = self.lot.at(&place.tenant, slot).and_then(|own| self.calls.get(own.call));
        match parked.map(|call| &call.record.caller) {
            None => lamp(Lamp::Off, true, "Free"),
            Some(Party::Extension { extension, name }) => {
                lamp(Lamp::Lit, true, &format!("{name} {}", extension.number))
            }
            Some(Party::Trunk { name, number, .. }) => {
                let directory = &self.books.directory;
                let (name, number) = directory.seen(&place.tenant, name.clone(), number.clone());
                lamp(Lamp::Lit, true, format!("{name} {number}").trim())
            }
            Some(Party::Service { .. } | Party::Nobody) => lamp(Lamp::Lit, true, "Taken"),
        }
    }

    /// The agent that sits at a phone now.
    fn login(&self, now: Now, desk: &ExtensionKey) -> Condition {
        let acd = &self.queues.acd;
        let sits = |agent: &&AgentKey| matches!(acd.place(agent), Some(AgentPlace::Extension(number)) if number == desk.number);
        let seated = acd.agent_of_extension(desk).filter(sits);
        match seated.and_then(|agent| acd.doing(now, agent)) {
            Some((Intent::Available, _)) => lamp(Lamp::Lit, true, "Logged in"),
            Some((Intent::OnBreak { .. }, _)) => lamp(Lamp::Blinking, false, "On break"),
            Some((Intent::LoggedOut, _)) | None => lamp(Lamp::Off, false, "Logged out"),
        }
    }

    /// Those who share a pickup group know with whom a phone talks, and can take its calls over; all others of the
    /// tenant know that it does.
    fn may_pick_up(&self, watcher: &ExtensionKey, subject: &Subject) -> bool {
        let Subject::Extension(watched) = subject else { return true };
        let groups = |key| self.books.directory.extension(key).map(|own| &own.pickup_groups);
        let (Some(own), Some(theirs)) = (groups(watcher), groups(watched)) else { return false };
        watcher == watched || own.iter().any(|group| theirs.contains(group))
    }

    fn name_of(&self, subject: &Subject) -> String {
        let name = match subject {
            Subject::Extension(key) | Subject::Login(key) => {
                self.books.directory.extension(key).map(|own| &own.name)
            }
            Subject::Queue(key) => self.queues.acd.queue_config(key).map(|own| &own.name),
            Subject::Agent(key) => self.queues.acd.agent_config(key).map(|own| &own.name),
            Subject::Mailbox(_) | Subject::Place(_) => None,
        };
        name.cloned().unwrap_or_default()
    }

    /// What stands for a member of a list in its URI.
    fn user_of(&self, subject: &Subject) -> String {
        match subject {
            Subject::Extension(key) | Subject::Place(key) => key.number.clone(),
            Subject::Queue(key) => key.number.clone(),
            Subject::Mailbox(key) => key.number.clone(),
            Subject::Agent(key) => format!("agent-{}", key.id),
            Subject::Login(_) => self.books.directory.config().codes.agent_login.clone(),
        }
    }

    /// Who watches something has a subscription, and was shown what is true. Mailboxes are told with a pause.
    pub(super) fn audit_watchers(&self, wrong: &mut Vec<String>) {
        self.mwi.audit(wrong);
        self.watches.audit(wrong);
        for (id, watcher) in self.watches.iter() {
            if self.desk.sip.subscription_view(id).is_none() {
                wrong.push(format!("{} watches without a subscription", watcher.extension));
            }
        }
        for (subject, shown) in self.watches.seen() {
            let truth = self.derive(self.now, subject);
            if truth != *shown && !matches!(subject, Subject::Mailbox(_)) {
                wrong.push(format!("{subject:?} is shown as {shown:?}, and is {truth:?}"));
            }
        }
    }
}

fn lamp(lamp: Lamp, open: bool, note: &str) -> Condition {
    Condition::Lamp { lamp, open, note: note.to_owned() }
}

/// What a supervisor's key shows: dark while the agent can take a call, blinking while one rings, lit while there is no
/// use in sending one.
fn agent(intent: &Intent, activity: &Activity) -> Condition {
    match (activity, intent) {
        (Activity::Offered { .. }, _) => lamp(Lamp::Blinking, true, "Ringing"),
        (Activity::Talking { .. }, _) => lamp(Lamp::Lit, true, "Talking"),
        (Activity::OnOtherCall, _) => lamp(Lamp::Lit, true, "On another call"),
        (Activity::WrappingUp { .. }, _) => lamp(Lamp::Lit, true, "Wrapping up"),
        (_, Intent::LoggedOut) => lamp(Lamp::Lit, false, "Logged out"),
        (_, Intent::OnBreak { reason, .. }) if reason.is_empty() => {
            lamp(Lamp::Lit, false, "On break")
        }
        (_, Intent::OnBreak { reason, .. }) => {
            lamp(Lamp::Lit, false, &format!("On break: {reason}"))
        }
        (Activity::CoolingDown { .. } | Activity::Idle, Intent::Available) => {
            lamp(Lamp::Off, true, "Available")
        }
    }
}

/// The packages by name, with the subscriptions that each has.
pub(super) fn rows(counts: [(&'static str, u64); 3]) -> Vec<(String, u64)> {
    counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}
