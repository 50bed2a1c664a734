//! Mail about messages: sent until somebody has taken it, with growing pauses.

use std::collections::{BTreeMap, BTreeSet};

use crate::vocab::mailbox::{Delivery, MailRecord, WaitingMail};
use crate::vocab::{MessageId, Now, Record};

/// Mails that wait at most; a message whose mail finds no room lies in its mailbox all the same.
const MAX_WAITING: usize = 10_000;
/// Mails that are being sent at a time.
const MAX_SENDING: usize = 4;
/// The pause after the first failure, in ms; it doubles each time.
const FIRST_PAUSE: u64 = 30_000;
/// The longest pause, in ms.
const LONGEST_PAUSE: u64 = 3_600_000;
/// Mail that nobody takes is given up after so long, in ms: five days, as mail servers do.
const PATIENCE: u64 = 5 * 86_400_000;
/// An attempt that has not reported by then has failed, in ms.
const ATTEMPT_LIMIT: u64 = 600_000;

/// Mails on their way.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: BTreeMap<MessageId, Waiting>,
    /// By monotonic nanoseconds.
    due: BTreeSet<(u64, MessageId)>,
    sending: usize,
}

#[derive(Debug)]
struct Waiting {
    mail: MailRecord,
    attempts: u32,
    due: u64,
    sending: bool,
}

impl Outbox {
    /// What the last run had not handed over.
    pub fn restore(&mut self, now: Now, mails: Vec<WaitingMail>) {
        for WaitingMail { mail, attempts, next_at } in mails {
            let wait = next_at.saturating_sub(now.wall).min(LONGEST_PAUSE);
            self.add(mail, attempts, after(now, wait));
        }
    }

    /// Takes a mail in; false when there is no room.
    pub fn queue(&mut self, now: Now, mail: MailRecord) -> bool {
        let room = self.waiting.len() < MAX_WAITING;
        if room {
            self.add(mail, 0, now.mono);
        }
        room
    }

    fn add(&mut self, mail: MailRecord, attempts: u32, due: u64) {
        let id = mail.id;
        self.due.insert((due, id));
        self.waiting.insert(id, Waiting { mail, attempts, due, sending: false });
    }

    /// Forgets the mails about a tenant's messages; one that is being sent may still arrive.
    pub fn forget_tenant(&mut self, tenant: &str) {
        let own = |waiting: &Waiting| waiting.mail.message.mailbox.tenant == tenant;
        let gone = self.waiting.extract_if(.., |_, waiting| own(waiting));
        for (id, waiting) in gone {
            self.due.remove(&(waiting.due, id));
            if waiting.sending {
                self.sending = self.sending.saturating_sub(1);
            }
        }
    }

    /// Mails that wait or are being sent.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// When [`Self::next`] may have something; monotonic nanoseconds.
    pub fn next_deadline(&self) -> Option<u64> {
        self.due.first().filter(|_| self.sending < MAX_SENDING).map(|(at, _)| *at)
    }

    /// The next mail to send now.
    pub fn next(&mut self, now: Now) -> Option<MailRecord> {
        if self.next_deadline()? > now.mono {
            return None;
        }
        let (_, id) = self.due.pop_first()?;
        let waiting = self.waiting.get_mut(&id)?;
        if !std::mem::replace(&mut waiting.sending, true) {
            self.sending += 1;
        }
        waiting.due = after(now, ATTEMPT_LIMIT);
        self.due.insert((waiting.due, id));
        Some(waiting.mail.clone())
    }

    /// How an attempt ended, and what is to be remembered of it.
    pub fn tried(&mut self, now: Now, id: MessageId, delivery: &Delivery) -> Option<Record> {
        let waiting = self.waiting.get_mut(&id)?;
        if std::mem::take(&mut waiting.sending) {
            self.sending = self.sending.saturating_sub(1);
        }
        self.due.remove(&(waiting.due, id));
        waiting.attempts = waiting.attempts.saturating_add(1);
        let old = now.wall.saturating_sub(waiting.mail.message.at) >= PATIENCE;
        if old || !matches!(delivery, Delivery::Later(_)) {
            self.waiting.remove(&id);
            return Some(Record::MailDone(id));
        }
        let doubled = FIRST_PAUSE.checked_shl(waiting.attempts.min(32) - 1);
        let pause = doubled.map_or(LONGEST_PAUSE, |pause| pause.min(LONGEST_PAUSE));
        waiting.due = after(now, pause);
        self.due.insert((waiting.due, id));
        let next_at = now.wall.saturating_add(pause);
        Some(Record::MailTried { id, attempts: waiting.attempts, next_at })
    }
}

fn after(now: Now, millis: u64) -> u64 {
    now.mono.saturating_add(millis.saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::mailbox::MessageRecord;
    use crate::vocab::{CallId, InteractionId, MailboxKey};

    const BEGAN: u64 = 1_700_000_000_000;

    fn at(secs: u64) -> Now {
        Now { mono: secs * 1_000_000_000, wall: BEGAN + secs * 1_000 }
    }

    fn mail(id: u128) -> MailRecord {
        let mailbox = MailboxKey { tenant: "t".into(), number: "101".into() };
        let message = MessageRecord {
            id: MessageId(id),
            mailbox,
            number: String::new(),
            name: String::new(),
            at: BEGAN,
            length_ms: 1,
            bytes: 1,
            path: String::new(),
            heard: false,
            urgent: false,
            call: CallId(1),
            interaction: InteractionId(1),
        };
        let (to, timezone) = ("a@b.example".into(), "UTC".into());
        MailRecord { id: MessageId(id), to, attach: true, message, timezone }
    }

    fn later() -> Delivery {
        Delivery::Later("no route".into())
    }

    #[test]
    fn what_was_taken_is_done_and_what_was_refused_for_good_too() {
        for delivery in [Delivery::Taken, Delivery::Never("no such user".into())] {
            let mut outbox = Outbox::default();
            assert!(outbox.queue(at(0), mail(1)));
            assert_eq!(outbox.next(at(0)).unwrap().id, MessageId(1));
            assert_eq!(outbox.next(at(1)), None, "one attempt at a time");
            let record = outbox.tried(at(2), MessageId(1), &delivery);
            assert_eq!(record, Some(Record::MailDone(MessageId(1))));
            assert!(outbox.is_empty() && outbox.next_deadline().is_none());
            assert_eq!(outbox.tried(at(3), MessageId(1), &delivery), None);
        }
    }

    #[test]
    fn failures_are_tried_again_with_growing_pauses_for_five_days() {
        let mut outbox = Outbox::default();
        outbox.queue(at(0), mail(1));
        let (mut pauses, mut now) = (Vec::new(), at(0));
        loop {
            assert!(outbox.next(now).is_some(), "due at {now:?}");
            match outbox.tried(now, MessageId(1), &later()) {
                Some(Record::MailTried { attempts, next_at, .. }) => {
                    pauses.push((next_at - now.wall) / 1_000);
                    assert_eq!(attempts as usize, pauses.len());
                    let due = outbox.next_deadline().unwrap();
                    assert!(outbox.next(Now { mono: due - 1, ..now }).is_none());
                    now = at(due / 1_000_000_000);
                }
                other => break assert_eq!(other, Some(Record::MailDone(MessageId(1)))),
            }
        }
        assert_eq!(pauses[..9], [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
        assert!(now.wall - BEGAN >= PATIENCE && now.wall - BEGAN < PATIENCE + 2 * LONGEST_PAUSE);
    }

    #[test]
    fn few_are_sent_at_a_time_and_a_lost_attempt_is_made_again() {
        let mut outbox = Outbox::default();
        (0..6).for_each(|id| assert!(outbox.queue(at(0), mail(id))));
        let sent = std::iter::from_fn(|| outbox.next(at(0))).count();
        assert_eq!((sent, outbox.next_deadline()), (MAX_SENDING, None));
        outbox.tried(at(1), MessageId(0), &Delivery::Taken);
        assert!(outbox.next(at(1)).is_some(), "one place is free");
        let mut lost = Outbox::default();
        lost.queue(at(0), mail(1));
        lost.next(at(0));
        assert!(lost.next(at(ATTEMPT_LIMIT / 1_000)).is_some());
    }

    #[test]
    fn a_restart_forgets_none_and_a_full_outbox_takes_none() {
        let mut outbox = Outbox::default();
        let mails = vec![
            WaitingMail { mail: mail(1), attempts: 3, next_at: BEGAN + 90_000 },
            WaitingMail { mail: mail(2), attempts: 0, next_at: BEGAN - 5 },
        ];
        outbox.restore(at(0), mails);
        assert_eq!(outbox.next(at(0)).unwrap().id, MessageId(2));
        assert_eq!(outbox.next(at(89)), None);
        assert_eq!(outbox.next(at(90)).unwrap().id, MessageId(1));
        (10..).take(MAX_WAITING - 2).for_each(|id| assert!(outbox.queue(at(0), mail(id))));
        assert!(!outbox.queue(at(0), mail(5)));
    }
}
