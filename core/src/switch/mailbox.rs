//! Mailboxes: leaving messages, listening to them, and what comes of both.

use media::order::Order;

use crate::call::{AnswerMode, Attendance, Call, Found, Note, Outcome, RecordingEnd, Rights};
use crate::vocab::acd::{QueueConfig, QueueKey};
use crate::vocab::event::Attempt;
use crate::vocab::mailbox::{Delivery, GreetingRecord, MailRecord, Mailbox, MessageRecord};
use crate::vocab::record::{EndCause, Party};
use crate::vocab::{
    CallId, Effect, EventKind, ExtensionKey, MailboxKey, MessageId, Now, Record, WorkerId,
};
use crate::voice;
use crate::voicemail::{Act, Deposit, Heard, Leaving, Recorded, Visit, Visitor};

use super::Running;
use super::attended::{Role, Tape};

/// The worker that removes files; there is always one.
const JANITOR: WorkerId = WorkerId(0);
/// The longest number and name that a message keeps, in bytes.
const MAX_SHOWN: usize = 64;

impl Running {
    /// A call is to leave a message.
    pub(super) fn leave_message(&mut self, now: Now, id: CallId, key: &MailboxKey) -> Found {
        let Some(about) = self.leaving(id, key) else {
            return Found::Nothing(Outcome::of(EndCause::NotFound));
        };
        let deposit = Role::Deposit(Box::new(Deposit::new(now, about)));
        self.lobby.welcome(id, deposit);
        let name = format!("voicemail:{}", key.number);
        Found::Attend(Attendance { answer: AnswerMode::Now, name })
    }

    fn leaving(&self, id: CallId, key: &MailboxKey) -> Option<Leaving> {
        let call = self.calls.get(id)?;
        let limits = self.books.directory.config().voicemail.clone();
        let coming = self.lobby.depositing(|deposit| deposit.mailbox() == key);
        let full = self.lobby.mailboxes.len(key) + coming >= usize::from(limits.max_messages);
        let language = call.language.clone();
        let (number, name) = match &call.record.caller {
            _ if call.hide_number => Default::default(),
            Party::Extension { extension, name } => (extension.number.clone(), name.clone()),
            Party::Trunk { number, name, .. } => (number.clone(), name.clone()),
            Party::Service { .. } | Party::Nobody => Default::default(),
        };
        let dialable = |c: char| c.is_ascii_digit() || matches!(c, '+' | '*' | '#');
        let number = if number.chars().all(dialable) { number } else { String::new() };
        Some(Leaving {
            greeting: self.greeting(key, &language)?,
            mailbox: key.clone(),
            language,
            full,
            limits,
            number: shortened(number),
            name: shortened(name),
            call: id,
            interaction: call.interaction,
        })
    }

    /// What is said before the tone; `None` if there is no such mailbox.
    fn greeting(&self, key: &MailboxKey, language: &str) -> Option<Vec<String>> {
        let own = self.lobby.mailboxes.greeting(key);
        let own = own.map(|path| vec![format!("{}{path}", media::order::RECORDED)]);
        let leave = voice::prompt(language, "voicemail/leave-message");
        let house = self.desk.policy.tenants.get(&key.tenant);
        let house = house.and_then(|house| house.mailbox_greeting.clone());
        let house = house.map(|prompt| vec![prompt]);
        if self.mailbox_of(key).is_some() {
            let usual = || [voice::prompt(language, "unavailable"), leave].concat();
            return Some(own.or(house).unwrap_or_else(usual));
        }
        let queue = self.queue_of(key)?;
        let configured = queue.voicemail.greeting.clone().map(|prompt| vec![prompt]);
        Some(own.or(configured).or(house).unwrap_or(leave))
    }

    /// The mailbox of an extension, where it has one.
    pub(super) fn mailbox_of(&self, key: &MailboxKey) -> Option<&Mailbox> {
        self.books.directory.mailbox(key)
    }

    /// The queue whose mailbox this is.
    pub(super) fn queue_of(&self, key: &MailboxKey) -> Option<&QueueConfig> {
        let MailboxKey { tenant, number } = key.clone();
        self.queues.acd.queue_config(&QueueKey { tenant, number })
    }

    /// Mailboxes of queues that send callers there.
    pub(super) fn queues_with_mailbox(&self, tenant: &str) -> Vec<MailboxKey> {
        let own = self
            .queues
            .acd
            .queue_configs()
            .filter(|queue| queue.key.tenant == tenant && queue.voicemail.enabled);
        let key = |queue: &QueueConfig| MailboxKey {
            tenant: queue.key.tenant.clone(),
            number: queue.key.number.clone(),
        };
        own.map(key).collect()
    }

    /// A call is to listen to its own mailbox.
    pub(super) fn visit_mailbox(&mut self, now: Now, id: CallId) -> Found {
        let Some(visitor) = self.visitor(id) else {
            return Found::Nothing(Outcome::of(EndCause::NotFound));
        };
        let name = format!("voicemail:{}", visitor.mailbox.number);
        self.lobby.welcome(id, Role::Visit(Box::new(Visit::new(now, visitor))));
        Found::Attend(Attendance { answer: AnswerMode::Now, name })
    }

    fn visitor(&self, id: CallId) -> Option<Visitor> {
        let call = self.calls.get(id)?;
        let Rights::Extension(ExtensionKey { tenant, number }) = call.rights.clone() else {
            return None;
        };
        let key = MailboxKey { tenant, number };
        let mailbox = self.mailbox_of(&key)?;
        let config = self.books.directory.config();
        let timezone = &self.books.directory.tenant(&key.tenant)?.timezone;
        Some(Visitor {
            pin: mailbox.pin.clone(),
            mailbox: key,
            language: call.language.clone(),
            zone: config.zones.get(timezone).cloned().unwrap_or_default(),
            limits: config.voicemail.clone(),
        })
    }

    pub(super) fn heed_in_mailbox(&mut self, now: Now, call: CallId, note: &Note) {
        let heard = match note {
            Note::Attended => Heard::Attended,
            Note::Said { .. } => Heard::Said,
            Note::Key(key) => Heard::Key(*key),
            Note::CallerGone => Heard::Gone,
            _ => return,
        };
        self.tell_mailbox(now, call, heard);
    }

    fn tell_mailbox(&mut self, now: Now, call: CallId, heard: Heard) {
        let acts = match self.lobby.with_mailboxes(call) {
            Some((Role::Deposit(deposit), _)) => deposit.on(now, heard),
            Some((Role::Visit(visit), boxes)) => visit.on(now, heard, boxes),
            _ => return,
        };
        self.act_for_mailbox(now, call, acts);
    }

    pub(super) fn mailbox_due(&mut self, now: Now, call: CallId) {
        let acts = match self.lobby.with_mailboxes(call) {
            Some((Role::Deposit(deposit), _)) => deposit.on_deadline(now),
            Some((Role::Visit(visit), boxes)) => visit.on_deadline(now, boxes),
            _ => return,
        };
        self.act_for_mailbox(now, call, acts);
    }

    fn act_for_mailbox(&mut self, now: Now, call: CallId, acts: Vec<Act>) {
        let (key, over, left_nothing) = match self.lobby.role(call) {
            Some(Role::Deposit(own)) => {
                (own.mailbox().clone(), own.is_over(), own.is_over() && !own.has_left_something())
            }
            Some(Role::Visit(visit)) => (visit.mailbox().clone(), visit.is_over(), false),
            _ => return,
        };
        if over {
            self.lobby.dismiss(call);
        }
        if left_nothing {
            self.publish_failure(now, call, Attempt::Message);
        }
        self.lobby.set_due(call);
        for act in acts {
            self.act_for(now, call, &key, act);
        }
    }

    fn act_for(&mut self, now: Now, call: CallId, key: &MailboxKey, act: Act) {
        match act {
            Act::Say(prompts) => self.say_to_guest(now, call, prompts),
            Act::Hush => self.hush_guest(now, call),
            Act::Record { max_ms, silence_ms } => self.tape(now, call, key, (max_ms, silence_ms)),
            Act::StopRecording => self.step(now, call, Call::stop_recording_caller),
            Act::Keep(message) => self.keep(now, *message),
            Act::Urgent(id) => {
                self.change_message(now, key, id, |message| message.urgent = true);
            }
            Act::MarkHeard(id) => {
                self.change_message(now, key, id, |message| message.heard = true);
            }
            Act::Delete(id) => {
                self.delete_message(now, key, id);
            }
            Act::SetGreeting(path) => self.set_greeting(key, path),
            Act::Discard(path) => self.remove_file(path),
            Act::PinTried(good) => self.lobby.mailboxes.pin_tried(now.mono, key, good),
            Act::HangUp => self.let_go(now, call),
        }
    }

    fn tape(&mut self, now: Now, call: CallId, key: &MailboxKey, (max_ms, silence_ms): (u32, u32)) {
        let id = self.desk.ids.message(now);
        let path = format!("voicemail/{}/{}/{id}.wav", key.tenant, key.number);
        let (mut recording, file) = (None, path.clone());
        self.step(now, call, |call, ctx| {
            recording = call.record_caller(ctx, file, max_ms, silence_ms);
        });
        match recording {
            Some(recording) => {
                self.lobby.tapes.insert(recording, Tape { id, path });
            }
            None => self.let_go(now, call),
        }
    }

    /// A guest's recording has ended; one whose guest has left is removed.
    pub(super) fn taped(&mut self, now: Now, call: CallId, end: &RecordingEnd) {
        let Some(Tape { id, path }) = self.lobby.tapes.remove(&end.recording) else { return };
        if self.lobby.role(call).is_none() {
            return self.remove_file(path);
        }
        let sound_ms = end.voice.map(|voice| voice.sound_ms);
        let (length_ms, bytes) = (end.length_ms, end.bytes);
        let recorded = Recorded { id, path, length_ms, bytes, sound_ms };
        self.tell_mailbox(now, call, Heard::Recorded(recorded));
    }

    pub(super) fn remove_file(&mut self, path: String) {
        self.desk.out.media(JANITOR, Order::RemoveRecording { path });
    }

    /// A message comes into its mailbox.
    fn keep(&mut self, now: Now, message: MessageRecord) {
        self.desk.out.persist(Record::Message(Box::new(message.clone())));
        if let Some((to, attach)) = self.told_by_mail(&message.mailbox) {
            let timezone = self.books.directory.tenant(&message.mailbox.tenant);
            let timezone = timezone.map_or("UTC", |tenant| &tenant.timezone).to_owned();
            let mail =
                MailRecord { id: message.id, to, attach, message: message.clone(), timezone };
            if self.lobby.outbox.queue(now, mail.clone()) {
                self.desk.out.persist(Record::MailQueued(Box::new(mail)));
            }
        }
        let mailbox = message.mailbox.clone();
        self.lobby.mailboxes.put(message.clone());
        let kind = EventKind::VoicemailLeft { message: Box::new(message) };
        self.desk.out.publish(now, Some(&mailbox.tenant), kind);
        self.counts_changed(now, &mailbox);
    }

    /// Sends the mail that is due.
    pub(super) fn send_mail(&mut self, now: Now) {
        while let Some(mail) = self.lobby.outbox.next(now) {
            self.desk.out.push(Effect::SendMail(Box::new(mail)));
        }
    }

    /// An attempt to send a mail has ended.
    pub(super) fn mailed(&mut self, now: Now, id: MessageId, delivery: &Delivery) {
        if let Some(record) = self.lobby.outbox.tried(now, id, delivery) {
            self.desk.out.persist(record);
        }
    }

    fn told_by_mail(&self, key: &MailboxKey) -> Option<(String, bool)> {
        let (to, attach) = match self.mailbox_of(key) {
            Some(mailbox) => (&mailbox.mailto, mailbox.attach),
            None => {
                let voicemail = &self.queue_of(key)?.voicemail;
                (&voicemail.mailto, voicemail.attach_file)
            }
        };
        (!to.is_empty()).then(|| (to.clone(), attach))
    }

    /// Changes a message; false if there is no such message.
    pub(super) fn change_message(
        &mut self,
        now: Now,
        key: &MailboxKey,
        id: MessageId,
        change: impl FnOnce(&mut MessageRecord),
    ) -> bool {
        if let Some(changed) = self.lobby.mailboxes.change(key, id, change) {
            self.desk.out.persist(Record::Message(Box::new(changed.clone())));
            self.counts_changed(now, key);
        }
        self.lobby.mailboxes.get(key, id).is_some()
    }

    /// Deletes a message and its file; false if there is no such message.
    pub(super) fn delete_message(&mut self, now: Now, key: &MailboxKey, id: MessageId) -> bool {
        let Some(message) = self.lobby.mailboxes.remove(key, id) else { return false };
        self.desk.out.persist(Record::MessageDeleted(id));
        self.remove_file(message.path);
        self.counts_changed(now, key);
        true
    }

    fn set_greeting(&mut self, key: &MailboxKey, path: Option<String>) {
        let before = self.lobby.mailboxes.set_greeting(key, path.clone());
        let record = GreetingRecord { mailbox: key.clone(), path };
        self.desk.out.persist(Record::Greeting(record));
        if let Some(before) = before {
            self.remove_file(before);
        }
    }

    /// Lamps and followers learn what lies in a mailbox.
    fn counts_changed(&mut self, now: Now, key: &MailboxKey) {
        let counts = self.lobby.mailboxes.counts(key);
        self.mwi.set_counts(now, key.clone(), counts);
        let kind = EventKind::MailboxChanged { mailbox: key.clone(), counts };
        self.desk.out.publish(now, Some(&key.tenant), kind);
    }
}

fn shortened(mut text: String) -> String {
    let mut end = text.len().min(MAX_SHOWN);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}
