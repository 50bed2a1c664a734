//! Pages: who speaks, and whose phones play it.
//!
//! A page lasts as long as its speaker's call, and has a limit. Phones that answer later hear what is said from then on; when
//! none is left there is nobody to speak to.

use std::collections::BTreeMap;

use media::order::MixId;

use crate::vocab::{CallId, ExtensionKey, PageKey};

/// A page under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// The speaker's call.
    pub speaker: CallId,
    /// Where the voice is.
    pub mix: MixId,
    /// Whose phones are to play it.
    pub phones: Vec<ExtensionKey>,
    /// Over then; monotonic nanoseconds.
    pub until: u64,
    /// The phones' calls, and whether each has answered.
    members: BTreeMap<CallId, bool>,
}

impl Live {
    /// Nobody rings yet.
    pub fn new(speaker: CallId, mix: MixId, phones: Vec<ExtensionKey>, until: u64) -> Self {
        Self { speaker, mix, phones, until, members: BTreeMap::new() }
    }
}

/// What a call is to a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// It speaks.
    Speaker(PageKey),
    /// It plays what is said.
    Member(PageKey),
}

/// What the end of a call means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gone {
    /// The speaker's: these are to end as well.
    Speaker(Vec<CallId>),
    /// That of the last phone: this speaker speaks to nobody.
    Last(CallId),
    /// Others go on.
    One,
}

/// All pages under way.
#[derive(Debug, Default)]
pub struct Pages {
    live: BTreeMap<PageKey, Live>,
    parts: BTreeMap<CallId, Part>,
}

impl Pages {
    /// A page begins. False, and nothing has changed, where it is under way already.
    pub fn begin(&mut self, key: &PageKey, live: Live) -> bool {
        if self.live.contains_key(key) || self.parts.contains_key(&live.speaker) {
            return false;
        }
        self.parts.insert(live.speaker, Part::Speaker(key.clone()));
        self.live.insert(key.clone(), live);
        true
    }

    /// A page under way.
    pub fn get(&self, key: &PageKey) -> Option<&Live> {
        self.live.get(key)
    }

    /// Phones that play a page, and phones that still ring for it.
    pub fn heard(&self, key: &PageKey) -> (usize, usize) {
        let Some(live) = self.live.get(key) else { return (0, 0) };
        let playing = live.members.values().filter(|joined| **joined).count();
        (playing, live.members.len() - playing)
    }

    /// What a call is to a page.
    pub fn part(&self, call: CallId) -> Option<&Part> {
        self.parts.get(&call)
    }

    /// A phone rings for a page.
    pub fn ring(&mut self, key: &PageKey, call: CallId) {
        if let Some(live) = self.live.get_mut(key) {
            live.members.insert(call, false);
            self.parts.insert(call, Part::Member(key.clone()));
        }
    }

    /// A phone plays it from now on. True for the first one.
    pub fn joined(&mut self, key: &PageKey, call: CallId) -> bool {
        let Some(live) = self.live.get_mut(key) else { return false };
        let first = live.members.values().all(|joined| !joined);
        live.members.insert(call, true);
        first
    }

    /// A call is over.
    pub fn gone(&mut self, call: CallId) -> Option<Gone> {
        match self.parts.remove(&call)? {
            Part::Speaker(key) => {
                let members = self.live.remove(&key).map(|live| live.members).unwrap_or_default();
                let members: Vec<CallId> = members.into_keys().collect();
                members.iter().for_each(|member| {
                    self.parts.remove(member);
                });
                Some(Gone::Speaker(members))
            }
            Part::Member(key) => {
                let live = self.live.get_mut(&key)?;
                live.members.remove(&call);
                Some(if live.members.is_empty() { Gone::Last(live.speaker) } else { Gone::One })
            }
        }
    }

    /// The speaker of a page whose time is over.
    pub fn due(&self, now: u64) -> Option<CallId> {
        self.live.values().find(|live| live.until <= now).map(|live| live.speaker)
    }

    /// A speaker who was told to end does so at this moment at the latest.
    pub fn postpone(&mut self, speaker: CallId, until: u64) {
        if let Some(live) = self.live.values_mut().find(|live| live.speaker == speaker) {
            live.until = until;
        }
    }

    /// When something is due; monotonic.
    pub fn next_deadline(&self) -> Option<u64> {
        self.live.values().map(|live| live.until).min()
    }

    /// Nobody speaks.
    pub fn is_idle(&self) -> bool {
        self.live.is_empty() && self.parts.is_empty()
    }

    /// Adds what contradicts itself.
    pub fn audit(&self, lives: impl Fn(CallId) -> bool, wrong: &mut Vec<String>) {
        for call in self.parts.keys().filter(|call| !lives(**call)) {
            wrong.push(format!("call {call} is over and still part of a page"));
        }
        let parts: usize = self.live.values().map(|live| 1 + live.members.len()).sum();
        if parts != self.parts.len() {
            wrong.push("a part of no page".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> PageKey {
        PageKey { tenant: "t".into(), name: name.into() }
    }

    fn live(speaker: u128) -> Live {
        Live::new(CallId(speaker), MixId(1), Vec::new(), 60)
    }

    fn sound(pages: &Pages) {
        let mut wrong = Vec::new();
        pages.audit(|_| true, &mut wrong);
        assert_eq!(wrong, Vec::<String>::new());
    }

    #[test]
    fn a_page_ends_with_its_speaker_and_tells_when_nobody_is_left() {
        let mut pages = Pages::default();
        assert!(pages.begin(&key("all"), live(1)));
        assert!(!pages.begin(&key("all"), live(2)), "one at a time");
        assert!(!pages.begin(&key("hall"), live(1)), "nobody speaks twice");
        for member in 3..6 {
            pages.ring(&key("all"), CallId(member));
        }
        sound(&pages);
        assert!(pages.joined(&key("all"), CallId(3)));
        assert!(!pages.joined(&key("all"), CallId(4)));
        assert_eq!((pages.heard(&key("all")), pages.heard(&key("hall"))), ((2, 1), (0, 0)));
        assert_eq!(pages.gone(CallId(5)), Some(Gone::One));
        assert_eq!(pages.gone(CallId(4)), Some(Gone::One));
        assert_eq!(pages.gone(CallId(3)), Some(Gone::Last(CallId(1))));
        assert_eq!(pages.gone(CallId(3)), None);
        assert_eq!((pages.due(59), pages.due(60)), (None, Some(CallId(1))));
        pages.ring(&key("all"), CallId(6));
        sound(&pages);
        assert_eq!(pages.gone(CallId(1)), Some(Gone::Speaker(vec![CallId(6)])));
        assert!(pages.is_idle());
        assert_eq!(pages.next_deadline(), None);
    }
}
