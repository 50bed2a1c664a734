//! The door of a room: a PIN by keys, three times at most.

use subtle::ConstantTimeEq;

use crate::vocab::conference::Conference;
use crate::vocab::{Now, Secret};
use crate::voice;

use super::SECOND;

/// Wrong PINs in one call.
const TRIES: u8 = 3;
/// Digits that are listened to.
const LONGEST_PIN: usize = 32;
/// How long a key is awaited.
const KEY_WAIT: u64 = 15 * SECOND;
/// How long anything said lasts at most.
const SPEECH_LIMIT: u64 = 60 * SECOND;

/// What happened to somebody at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Hears and can be heard.
    Attended,
    /// What was to be said has been said.
    Said,
    /// A key.
    Key(char),
}

/// What is to be done with somebody at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryAct {
    /// Say this instead of what is being said.
    Say(Vec<String>),
    /// Say nothing more.
    Hush,
    /// Let in; who leads is `admin`.
    Enter {
        /// Leads.
        admin: bool,
    },
    /// End the call.
    HangUp,
}

/// Somebody at the door of a room.
#[derive(Debug)]
pub struct Entry {
    pin: Option<Secret>,
    admin_pin: Option<Secret>,
    language: String,
    state: State,
    deadline: u64,
}

#[derive(Debug)]
enum State {
    Waiting,
    Pin { digits: String, tries: u8 },
    Leaving,
    Done,
}

impl Entry {
    /// Waits for the caller's media.
    pub fn new(now: Now, room: &Conference, language: &str) -> Self {
        Self {
            pin: room.pin.clone(),
            admin_pin: room.admin_pin.clone(),
            language: language.to_owned(),
            state: State::Waiting,
            deadline: now.mono.saturating_add(SPEECH_LIMIT),
        }
    }

    /// When [`Self::on_deadline`] is due; monotonic nanoseconds.
    pub fn deadline(&self) -> u64 {
        self.deadline
    }

    /// Something happened.
    pub fn on(&mut self, now: Now, heard: Heard) -> Vec<EntryAct> {
        match (&mut self.state, heard) {
            (State::Waiting, Heard::Attended) if self.pin.is_none() && self.admin_pin.is_none() => {
                self.enter(false)
            }
            (State::Waiting, Heard::Attended) => self.ask(now, &["enter-pin"], 0),
            (State::Pin { .. }, Heard::Key(key)) => self.key(now, key),
            (State::Pin { .. }, Heard::Said) => {
                self.deadline = now.mono.saturating_add(KEY_WAIT);
                Vec::new()
            }
            (State::Leaving, Heard::Said) => self.hang_up(),
            _ => Vec::new(),
        }
    }

    /// No key came in time, or something that should have happened did not.
    pub fn on_deadline(&mut self, now: Now) -> Vec<EntryAct> {
        if now.mono < self.deadline {
            return Vec::new();
        }
        match &self.state {
            State::Pin { digits, .. } if !digits.is_empty() => self.entered(now),
            State::Pin { tries, .. } => {
                let tries = *tries;
                self.wrong(now, tries, &["enter-pin"])
            }
            State::Waiting | State::Leaving => self.hang_up(),
            State::Done => Vec::new(),
        }
    }

    /// Says why somebody may not come in, and ends.
    pub fn refuse(&mut self, now: Now, words: &str) -> Vec<EntryAct> {
        self.state = State::Leaving;
        self.deadline = now.mono.saturating_add(SPEECH_LIMIT);
        vec![EntryAct::Say(self.said(&[words, "goodbye"]))]
    }

    fn said(&self, words: &[&str]) -> Vec<String> {
        words.iter().flat_map(|word| voice::prompt(&self.language, word)).collect()
    }

    fn ask(&mut self, now: Now, words: &[&str], tries: u8) -> Vec<EntryAct> {
        self.state = State::Pin { digits: String::new(), tries };
        self.deadline = now.mono.saturating_add(SPEECH_LIMIT);
        vec![EntryAct::Say(self.said(words))]
    }

    fn enter(&mut self, admin: bool) -> Vec<EntryAct> {
        self.state = State::Done;
        vec![EntryAct::Enter { admin }]
    }

    fn hang_up(&mut self) -> Vec<EntryAct> {
        self.state = State::Done;
        vec![EntryAct::HangUp]
    }

    fn key(&mut self, now: Now, key: char) -> Vec<EntryAct> {
        let State::Pin { digits, .. } = &mut self.state else { return Vec::new() };
        self.deadline = now.mono.saturating_add(KEY_WAIT);
        if key == '#' {
            return self.entered(now);
        }
        let first = digits.is_empty();
        if key.is_ascii_digit() && digits.len() < LONGEST_PIN {
            digits.push(key);
        }
        if first { vec![EntryAct::Hush] } else { Vec::new() }
    }

    fn entered(&mut self, now: Now) -> Vec<EntryAct> {
        let State::Pin { digits, tries } = &self.state else { return Vec::new() };
        let is = |pin: &Option<Secret>| {
            let same = |pin: &Secret| pin.expose().as_bytes().ct_eq(digits.as_bytes()).into();
            pin.as_ref().is_some_and(same)
        };
        // Both are compared, so that the time tells nothing.
        let (admin, member) = (is(&self.admin_pin), is(&self.pin));
        let open = self.pin.is_none() && digits.is_empty();
        let tries = *tries;
        if admin || member || open {
            return self.enter(admin);
        }
        self.wrong(now, tries, &["wrong-pin", "enter-pin"])
    }

    fn wrong(&mut self, now: Now, tries: u8, words: &[&str]) -> Vec<EntryAct> {
        if tries + 1 >= TRIES {
            return self.refuse(now, "wrong-pin");
        }
        self.ask(now, words, tries + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::ConferenceKey;

    const NOW: Now = Now { mono: 0, wall: 0 };

    fn entry(pin: Option<&str>, admin: Option<&str>) -> Entry {
        let key = ConferenceKey { tenant: "t".into(), name: "r".into() };
        let mut room = Conference::named(key);
        (room.pin, room.admin_pin) = (pin.map(Secret::new), admin.map(Secret::new));
        Entry::new(NOW, &room, "en")
    }

    fn dial(entry: &mut Entry, keys: &str) -> Vec<EntryAct> {
        keys.chars().flat_map(|key| entry.on(NOW, Heard::Key(key))).collect()
    }

    #[test]
    fn an_open_room_lets_everybody_in() {
        let acts = entry(None, None).on(NOW, Heard::Attended);
        assert_eq!(acts, [EntryAct::Enter { admin: false }]);
    }

    #[test]
    fn pins_let_in_and_tell_who_leads() {
        for (keys, admin) in [("12#", false), ("34#", true)] {
            let mut own = entry(Some("12"), Some("34"));
            assert_eq!(own.on(NOW, Heard::Attended), [EntryAct::Say(vec!["en/enter-pin".into()])]);
            assert_eq!(dial(&mut own, keys), [EntryAct::Hush, EntryAct::Enter { admin }]);
            assert_eq!(dial(&mut own, "1#"), []);
        }
        let mut own = entry(None, Some("34"));
        own.on(NOW, Heard::Attended);
        assert_eq!(dial(&mut own, "#"), [EntryAct::Enter { admin: false }]);
    }

    #[test]
    fn three_wrong_pins_are_enough() {
        let mut own = entry(Some("12"), None);
        own.on(NOW, Heard::Attended);
        for _ in 0..2 {
            let again = vec!["en/wrong-pin".to_owned(), "en/enter-pin".to_owned()];
            assert_eq!(dial(&mut own, "9#"), [EntryAct::Hush, EntryAct::Say(again)]);
        }
        let last = vec!["en/wrong-pin".to_owned(), "en/goodbye".to_owned()];
        assert_eq!(dial(&mut own, "9#"), [EntryAct::Hush, EntryAct::Say(last)]);
        assert_eq!(dial(&mut own, "12#"), [], "too late");
        assert_eq!(own.on(NOW, Heard::Said), [EntryAct::HangUp]);
    }

    #[test]
    fn who_presses_nothing_is_asked_again_and_then_let_go() {
        let mut own = entry(Some("12"), None);
        own.on(NOW, Heard::Attended);
        let (mut asked, mut gone) = (0, false);
        for _ in 0..10 {
            let now = Now { mono: own.deadline(), wall: 0 };
            for act in own.on_deadline(now) {
                asked += u32::from(matches!(act, EntryAct::Say(_)));
                gone |= act == EntryAct::HangUp;
            }
        }
        assert_eq!((asked, gone), (3, true));
    }
}
