//! Menus: a greeting, keys that lead on, extensions that may be dialled, business hours.
//!
//! A [`Walk`] is one caller in one menu. It is told what the caller does and says what is to be done; where destinations
//! lead is the switch's business, and so is how many menus one caller may walk through.

mod hours;

#[cfg(test)]
mod tests;

pub use hours::is_open;

use crate::vocab::Now;
use crate::vocab::config::Destination;
use crate::vocab::menu::Menu;
use crate::voice;

/// One second in nanoseconds.
const SECOND: u64 = 1_000_000_000;
/// The longest that anything is said without a word from the media worker, in ns.
const SPEECH_LIMIT: u64 = 900 * SECOND;
/// The most digits of an extension.
const MAX_DIGITS: usize = 16;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The caller can hear and be heard.
    Attended,
    /// What was to be said last has been said.
    Said,
    /// A key: `0-9`, `*`, `#`.
    Key(char),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Say this, instead of what is being said.
    Say(Vec<String>),
    /// Say nothing more.
    Hush,
    /// The caller goes there; the walk is over.
    Go(Destination),
    /// The caller goes to this extension of the tenant; the walk is over.
    Dial(String),
    /// End the call.
    HangUp,
}

/// What some digits are in the tenant's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialled {
    /// There is an extension with this number.
    pub exists: bool,
    /// There are longer ones that begin so.
    pub longer: bool,
}

/// A caller in a menu.
#[derive(Debug)]
pub struct Walk {
    menu: Menu,
    language: String,
    open: bool,
    state: State,
    deadline: u64,
    digits: String,
    /// The greeting was played so often.
    played: u8,
    misses: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    /// Something is said; keys work meanwhile.
    Saying,
    /// A key is awaited.
    Listening,
    /// Last words, then this.
    Leaving,
    Done,
}

impl Walk {
    /// Waits for the caller's media. `open`: within the menu's hours.
    pub fn new(now: Now, menu: Menu, language: &str, open: bool) -> Self {
        let deadline = now.mono.saturating_add(60 * SECOND);
        let (language, digits) = (language.to_owned(), String::new());
        Self { menu, language, open, state: State::Waiting, deadline, digits, played: 0, misses: 0 }
    }

    /// Which menu.
    pub fn menu(&self) -> &Menu {
        &self.menu
    }

    /// How often no key came, or one that leads nowhere.
    pub fn misses(&self) -> u32 {
        self.misses
    }

    /// When [`Self::on_deadline`] is due; monotonic nanoseconds.
    pub fn deadline(&self) -> Option<u64> {
        (self.state != State::Done).then_some(self.deadline)
    }

    /// Something happened. `dialled` says what digits are.
    pub fn on(&mut self, now: Now, heard: Heard, dialled: impl Fn(&str) -> Dialled) -> Vec<Act> {
        match (self.state, heard) {
            (State::Waiting, Heard::Attended) if self.open => self.play(now, Vec::new()),
            (State::Waiting, Heard::Attended) => self.closed(now),
            (State::Saying, Heard::Said) => {
                self.listen(now, self.menu.timeout_secs);
                Vec::new()
            }
            (State::Saying | State::Listening, Heard::Key(key)) => self.key(now, key, dialled),
            (State::Leaving, Heard::Said) => self.leave(),
            _ => Vec::new(),
        }
    }

    /// No key came in time.
    pub fn on_deadline(&mut self, now: Now, dialled: impl Fn(&str) -> Dialled) -> Vec<Act> {
        if self.state == State::Done || now.mono < self.deadline {
            return Vec::new();
        }
        match self.state {
            State::Listening if !self.digits.is_empty() => self.complete(now, dialled),
            State::Listening => self.again(now, false),
            State::Leaving => self.leave(),
            _ => self.finish(Act::HangUp),
        }
    }

    fn finish(&mut self, act: Act) -> Vec<Act> {
        self.state = State::Done;
        vec![act]
    }

    fn listen(&mut self, now: Now, secs: u32) {
        self.state = State::Listening;
        self.deadline = now.mono.saturating_add(u64::from(secs).saturating_mul(SECOND));
    }

    fn say(&mut self, now: Now, state: State, prompts: Vec<String>) -> Vec<Act> {
        self.state = state;
        self.deadline = now.mono.saturating_add(SPEECH_LIMIT);
        vec![Act::Say(prompts)]
    }

    /// The greeting, after some words about what went wrong.
    fn play(&mut self, now: Now, mut words: Vec<String>) -> Vec<Act> {
        self.played = self.played.saturating_add(1);
        self.digits.clear();
        words.extend(self.menu.greeting.clone());
        if !words.is_empty() {
            return self.say(now, State::Saying, words);
        }
        if self.menu.keys.is_empty() && !self.menu.direct_dial {
            // Nothing to hear and nothing to press: it only points the way.
            return self.give_up(now, false);
        }
        self.listen(now, self.menu.timeout_secs);
        Vec::new()
    }

    fn closed(&mut self, now: Now) -> Vec<Act> {
        match self.menu.closed_greeting.clone() {
            Some(greeting) => self.say(now, State::Leaving, vec![greeting]),
            None if self.menu.closed_to.is_some() => self.leave(),
            None => {
                let goodbye = voice::prompt(&self.language, "goodbye");
                self.say(now, State::Leaving, goodbye)
            }
        }
    }

    /// After the last words.
    fn leave(&mut self) -> Vec<Act> {
        let to = self.menu.closed_to.clone().filter(|_| !self.open);
        let act = to.map_or(Act::HangUp, Act::Go);
        self.finish(act)
    }

    fn key(&mut self, now: Now, key: char, dialled: impl Fn(&str) -> Dialled) -> Vec<Act> {
        let barge_in = self.state == State::Saying;
        let is_digit = key.is_ascii_digit() && self.menu.direct_dial;
        if is_digit && self.digits.len() < MAX_DIGITS {
            self.digits.push(key);
            let Dialled { exists, longer } = dialled(&self.digits);
            if longer {
                // More digits may follow; what was dialled so far counts when they do not.
                self.listen(now, self.menu.digit_secs);
                return if barge_in { vec![Act::Hush] } else { Vec::new() };
            }
            if exists {
                let number = std::mem::take(&mut self.digits);
                return self.finish(Act::Dial(number));
            }
            if self.digits.len() > 1 {
                return self.again(now, true);
            }
        } else if key == '#' && !self.digits.is_empty() {
            return self.complete(now, dialled);
        } else if !self.digits.is_empty() {
            return self.again(now, true);
        }
        match self.menu.keys.get(&key).cloned() {
            Some(to) => self.finish(Act::Go(to)),
            None => self.again(now, true),
        }
    }

    /// No more digits come.
    fn complete(&mut self, now: Now, dialled: impl Fn(&str) -> Dialled) -> Vec<Act> {
        let digits = std::mem::take(&mut self.digits);
        if dialled(&digits).exists {
            return self.finish(Act::Dial(digits));
        }
        let mut keys = digits.chars();
        let to = match (keys.next(), keys.next()) {
            (Some(key), None) => self.menu.keys.get(&key).cloned(),
            _ => None,
        };
        match to {
            Some(to) => self.finish(Act::Go(to)),
            None => self.again(now, true),
        }
    }

    /// Once more, or no more.
    fn again(&mut self, now: Now, wrong: bool) -> Vec<Act> {
        self.misses = self.misses.saturating_add(1);
        if self.played >= self.menu.tries {
            return self.give_up(now, wrong);
        }
        let usual = || voice::prompt(&self.language, "menu/invalid");
        let own = self.menu.invalid.clone().map(|prompt| vec![prompt]);
        let words = if wrong { own.unwrap_or_else(usual) } else { Vec::new() };
        self.play(now, words)
    }

    fn give_up(&mut self, now: Now, wrong: bool) -> Vec<Act> {
        let invalid = self.menu.invalid_to.clone().filter(|_| wrong);
        match invalid.or_else(|| self.menu.timeout_to.clone()) {
            Some(to) => self.finish(Act::Go(to)),
            None => {
                let goodbye = voice::prompt(&self.language, "goodbye");
                self.say(now, State::Leaving, goodbye)
            }
        }
    }
}
