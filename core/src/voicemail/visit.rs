//! Listening to the own mailbox by keys.
//!
//! | where | keys |
//! |---|---|
//! | PIN | digits, `#` ends them |
//! | main menu | `1` listen, `0` own greeting, `#` leave |
//! | a message | `1` again, `2` next, `4` the one before, `7` delete, `9` keep, `*` main menu, `#` leave |
//! | greeting | `7` the usual one, `*` main menu; `#` ends the recording |
//! | greeting recorded | `1` keep, `2` again, `*` drop it |

use subtle::ConstantTimeEq;

use crate::vocab::mailbox::VoicemailLimits;
use crate::vocab::menu::Zone;
use crate::vocab::{MailboxKey, MessageId, Now, Secret};

use super::spoken::{self, phrase, phrases};
use super::{Act, BEEP, Heard, Mailboxes, PinCheck, REPORT_LIMIT, Recorded, SECOND, SPEECH_LIMIT};

/// How long a key is awaited after what was said.
const KEY_WAIT: u64 = 8 * SECOND;
/// How long a key is awaited after a message before the keys are told.
const MENU_WAIT: u64 = 3 * SECOND;
/// How often a menu is said to somebody who presses nothing.
const ROUNDS: u8 = 3;
/// Wrong PINs in one call.
const PIN_TRIES: u8 = 3;
/// Digits that are listened to.
const PIN_LENGTH: usize = 16;
/// The longest greeting.
const GREETING_SECS: u32 = 120;

/// Whose mailbox is visited, and how.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The mailbox.
    pub mailbox: MailboxKey,
    /// What opens it; `None` opens to the phone that calls.
    pub pin: Option<Secret>,
    /// Folder of prompts.
    pub language: String,
    /// In which times are said.
    pub zone: Zone,
    /// Limits of recordings.
    pub limits: VoicemailLimits,
}

/// Somebody at the own mailbox.
#[derive(Debug)]
pub struct Visit {
    visitor: Visitor,
    state: State,
    deadline: u64,
    /// Times that the present menu has been said.
    rounds: u8,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Waiting,
    Pin {
        digits: String,
        tries: u8,
    },
    Main,
    Listening {
        list: Vec<MessageId>,
        at: usize,
    },
    /// How to record a greeting, with the tone at its end.
    BeforeGreeting,
    Recording,
    Stopping {
        there: bool,
    },
    Review {
        path: String,
    },
    Leaving,
    Done,
}

impl Visit {
    /// Waits for the caller's media.
    pub fn new(now: Now, visitor: Visitor) -> Self {
        let deadline = now.mono.saturating_add(60 * SECOND);
        Self { visitor, state: State::Waiting, deadline, rounds: 0 }
    }

    /// Which mailbox.
    pub fn mailbox(&self) -> &MailboxKey {
        &self.visitor.mailbox
    }

    /// When [`Self::on_deadline`] is due; monotonic nanoseconds.
    pub fn deadline(&self) -> Option<u64> {
        (self.state != State::Done).then_some(self.deadline)
    }

    /// Nothing more will come of it.
    pub fn is_over(&self) -> bool {
        self.state == State::Done
    }

    /// Something happened.
    pub fn on(&mut self, now: Now, heard: Heard, boxes: &Mailboxes) -> Vec<Act> {
        match heard {
            Heard::Gone => self.gone(now),
            Heard::Attended if self.state == State::Waiting => self.begin(now, boxes),
            Heard::Attended => Vec::new(),
            Heard::Said => self.said(now, boxes),
            Heard::Key(key) => self.key(now, key, boxes),
            Heard::Recorded(end) => self.recorded(now, end),
        }
    }

    /// Nobody pressed a key, or something that should have happened did not.
    pub fn on_deadline(&mut self, now: Now, boxes: &Mailboxes) -> Vec<Act> {
        if self.state == State::Done || now.mono < self.deadline {
            return Vec::new();
        }
        match &self.state {
            State::Pin { digits, .. } if !digits.is_empty() => self.pin_entered(now, boxes),
            State::Pin { .. } | State::Main | State::Listening { .. } | State::Review { .. }
                if self.rounds < ROUNDS =>
            {
                self.rounds += 1;
                self.say_again(now)
            }
            State::Recording | State::Stopping { .. } => {
                self.state = State::Done;
                vec![Act::StopRecording, Act::HangUp]
            }
            State::Waiting | State::Leaving => self.end(),
            State::Review { path } => {
                let mut acts = vec![Act::Discard(path.clone())];
                acts.extend(self.leave(now));
                acts
            }
            _ => self.leave(now),
        }
    }

    fn language(&self) -> &str {
        &self.visitor.language
    }

    fn enter(&mut self, now: Now, state: State) {
        self.state = state;
        self.deadline = now.mono.saturating_add(SPEECH_LIMIT);
    }

    fn end(&mut self) -> Vec<Act> {
        self.state = State::Done;
        vec![Act::HangUp]
    }

    fn leave(&mut self, now: Now) -> Vec<Act> {
        self.leave_with(now, &["goodbye"])
    }

    fn leave_with(&mut self, now: Now, words: &[&str]) -> Vec<Act> {
        let words = phrases(self.language(), words);
        self.enter(now, State::Leaving);
        vec![Act::Say(words)]
    }

    fn begin(&mut self, now: Now, boxes: &Mailboxes) -> Vec<Act> {
        if self.visitor.pin.is_none() {
            return self.open(now, boxes);
        }
        if boxes.pin_check(now.mono, &self.visitor.mailbox) == PinCheck::Locked {
            return self.leave_with(now, &["locked", "goodbye"]);
        }
        self.enter(now, State::Pin { digits: String::new(), tries: 0 });
        vec![Act::Say(phrase(self.language(), "enter-pin"))]
    }

    /// The main menu, with what there is.
    fn open(&mut self, now: Now, boxes: &Mailboxes) -> Vec<Act> {
        self.rounds = 1;
        self.enter(now, State::Main);
        let mut said = spoken::counts(self.language(), boxes.counts(&self.visitor.mailbox));
        said.extend(phrase(self.language(), "main-menu"));
        vec![Act::Say(said)]
    }

    fn say_again(&mut self, now: Now) -> Vec<Act> {
        let language = self.language();
        let said = match &self.state {
            State::Pin { .. } => phrase(language, "enter-pin"),
            State::Main => phrase(language, "main-menu"),
            State::Listening { .. } => phrase(language, "message-menu"),
            State::Review { path } => self.review(path),
            _ => return self.leave(now),
        };
        self.deadline = now.mono.saturating_add(SPEECH_LIMIT);
        vec![Act::Say(said)]
    }

    fn said(&mut self, now: Now, boxes: &Mailboxes) -> Vec<Act> {
        // The keys of a message are told soon after it.
        let fresh = self.rounds == 0 && matches!(self.state, State::Listening { .. });
        self.deadline = now.mono.saturating_add(if fresh { MENU_WAIT } else { KEY_WAIT });
        match &self.state {
            State::BeforeGreeting => {
                let secs = u64::from(GREETING_SECS + 30);
                self.state = State::Recording;
                self.deadline = now.mono.saturating_add(secs * SECOND);
                let silence_ms = self.visitor.limits.silence_secs.saturating_mul(1_000);
                vec![Act::Record { max_ms: GREETING_SECS * 1_000, silence_ms }]
            }
            State::Leaving => self.end(),
            State::Listening { list, at } => {
                // It has been heard to its end.
                let heard = list.get(*at).copied();
                let fresh = heard.filter(|id| {
                    boxes.get(&self.visitor.mailbox, *id).is_some_and(|message| !message.heard)
                });
                fresh.map(Act::MarkHeard).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn key(&mut self, now: Now, key: char, boxes: &Mailboxes) -> Vec<Act> {
        self.rounds = self.rounds.min(1);
        match (&mut self.state, key) {
            (State::Pin { .. }, '#') => self.pin_entered(now, boxes),
            (State::Pin { digits, .. }, '0'..='9') => {
                if digits.len() < PIN_LENGTH {
                    digits.push(key);
                }
                self.deadline = now.mono.saturating_add(KEY_WAIT);
                vec![Act::Hush]
            }
            (State::Main | State::Listening { .. }, '#') => self.leave(now),
            (State::Main, '1') => self.listen(now, boxes),
            (State::Main, '0') => self.before_greeting(now),
            (State::Main | State::BeforeGreeting | State::Listening { .. }, '*') => {
                self.open(now, boxes)
            }
            (State::Listening { .. }, _) => self.message_key(now, key, boxes),
            (State::BeforeGreeting, '7') => {
                let mut acts = vec![Act::SetGreeting(None)];
                acts.extend(self.back_to_main(now, "greeting-usual"));
                acts
            }
            (State::Recording, '#') => {
                self.state = State::Stopping { there: true };
                self.deadline = now.mono.saturating_add(REPORT_LIMIT);
                vec![Act::StopRecording]
            }
            (State::Review { .. }, _) => self.review_key(now, key),
            _ => Vec::new(),
        }
    }

    fn pin_entered(&mut self, now: Now, boxes: &Mailboxes) -> Vec<Act> {
        let State::Pin { digits, tries } = &mut self.state else { return Vec::new() };
        let pin = self.visitor.pin.as_ref().map_or("", Secret::expose);
        let good = bool::from(pin.as_bytes().ct_eq(digits.as_bytes())) && !pin.is_empty();
        digits.clear();
        *tries += 1;
        let tries = *tries;
        let mut acts = vec![Act::PinTried(good)];
        let locked = boxes.pin_check(now.mono, &self.visitor.mailbox) == PinCheck::Locked;
        acts.extend(if good && !locked {
            self.open(now, boxes)
        } else if tries >= PIN_TRIES || locked {
            self.leave_with(now, &["wrong-pin", "goodbye"])
        } else {
            self.deadline = now.mono.saturating_add(SPEECH_LIMIT);
            vec![Act::Say(phrases(self.language(), &["wrong-pin", "enter-pin"]))]
        });
        acts
    }

    fn listen(&mut self, now: Now, boxes: &Mailboxes) -> Vec<Act> {
        let list = boxes.in_order(&self.visitor.mailbox);
        if list.is_empty() {
            return self.back_to_main(now, "no-messages");
        }
        self.play(now, list, 0, boxes, &[])
    }

    /// Says who and when, then the message, then the keys; what is no longer there is passed over.
    fn play(
        &mut self,
        now: Now,
        list: Vec<MessageId>,
        from: usize,
        boxes: &Mailboxes,
        before: &[&str],
    ) -> Vec<Act> {
        let mailbox = &self.visitor.mailbox;
        let here = list.iter().enumerate().skip(from);
        let found = here.filter_map(|(at, id)| Some((at, boxes.get(mailbox, *id)?))).next();
        let mut said = phrases(self.language(), before);
        let Some((at, message)) = found else {
            said.extend(phrases(self.language(), &["no-more-messages", "main-menu"]));
            self.rounds = 1;
            self.enter(now, State::Main);
            return vec![Act::Say(said)];
        };
        said.extend(spoken::message(self.language(), message, &self.visitor.zone, now.wall));
        self.rounds = 0;
        self.enter(now, State::Listening { list, at });
        vec![Act::Say(said)]
    }

    fn message_key(&mut self, now: Now, key: char, boxes: &Mailboxes) -> Vec<Act> {
        let State::Listening { list, at } = &self.state else { return Vec::new() };
        let (list, at) = (list.clone(), *at);
        let Some(id) = list.get(at).copied() else { return self.leave(now) };
        match key {
            '1' => self.play(now, list, at, boxes, &[]),
            '2' => self.play(now, list, at + 1, boxes, &[]),
            '4' => {
                let mailbox = &self.visitor.mailbox;
                let there =
                    |at: &usize| list.get(*at).is_some_and(|id| boxes.get(mailbox, *id).is_some());
                let before = (0..at).rev().find(there).unwrap_or(at);
                self.play(now, list, before, boxes, &[])
            }
            '7' => {
                let mut acts = vec![Act::Delete(id)];
                acts.extend(self.play(now, list, at + 1, boxes, &["message-deleted"]));
                acts
            }
            '9' => {
                let mut acts = vec![Act::MarkHeard(id)];
                acts.extend(self.play(now, list, at + 1, boxes, &["message-kept"]));
                acts
            }
            _ => Vec::new(),
        }
    }

    fn back_to_main(&mut self, now: Now, words: &str) -> Vec<Act> {
        self.rounds = 1;
        self.enter(now, State::Main);
        vec![Act::Say(phrases(self.language(), &[words, "main-menu"]))]
    }

    fn before_greeting(&mut self, now: Now) -> Vec<Act> {
        self.enter(now, State::BeforeGreeting);
        let mut said = phrase(self.language(), "record-greeting");
        said.push(BEEP.to_owned());
        vec![Act::Say(said)]
    }

    fn review(&self, path: &str) -> Vec<String> {
        let mut said = vec![format!("{}{path}", media::order::RECORDED)];
        said.extend(phrase(self.language(), "greeting-menu"));
        said
    }

    fn recorded(&mut self, now: Now, end: Recorded) -> Vec<Act> {
        let there = match self.state {
            State::Recording => true,
            State::Stopping { there } => there,
            _ => return Vec::new(),
        };
        if !there {
            self.state = State::Done;
            return vec![Act::Discard(end.path)];
        }
        if !end.is_worth_keeping() {
            let mut acts = vec![Act::Discard(end.path)];
            acts.extend(self.back_to_main(now, "nothing-recorded"));
            return acts;
        }
        let said = self.review(&end.path);
        self.rounds = 1;
        self.enter(now, State::Review { path: end.path });
        vec![Act::Say(said)]
    }

    fn review_key(&mut self, now: Now, key: char) -> Vec<Act> {
        let State::Review { path } = &self.state else { return Vec::new() };
        let path = path.clone();
        let (first, then) = match key {
            '1' => (Act::SetGreeting(Some(path)), self.back_to_main(now, "greeting-kept")),
            '2' => (Act::Discard(path), self.before_greeting(now)),
            '*' => (Act::Discard(path), self.back_to_main(now, "greeting-dropped")),
            _ => return Vec::new(),
        };
        std::iter::once(first).chain(then).collect()
    }

    fn gone(&mut self, now: Now) -> Vec<Act> {
        match &self.state {
            State::Recording | State::Stopping { .. } => {
                self.state = State::Stopping { there: false };
                self.deadline = now.mono.saturating_add(REPORT_LIMIT);
                Vec::new()
            }
            State::Review { path } => {
                let path = path.clone();
                self.state = State::Done;
                vec![Act::Discard(path)]
            }
            _ => {
                self.state = State::Done;
                Vec::new()
            }
        }
    }
}
