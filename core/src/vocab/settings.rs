//! What the owner of an extension sets: do not disturb, forwards, follow me. And what a tenant sets for all of its calls.

use serde::{Deserialize, Serialize};

use super::{ExtensionKey, TenantId, values};

/// Numbers that may ring one after the other for one extension.
pub const MAX_FOLLOW: usize = 10;
/// The longest time that something rings, in seconds.
pub const MAX_RING: u16 = 600;
/// The longest wrap-up, in seconds.
pub const MAX_WRAP_UP: u32 = 86_400;

/// What an extension's owner has set. The file gives it for the first start; what is set later is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExtensionSettings {
    /// The phones do not ring.
    pub do_not_disturb: bool,
    /// Where all calls go.
    pub forward_all: Option<String>,
    /// Where calls go that come while the extension is busy, does not wish to be disturbed, or refuses.
    pub forward_busy: Option<String>,
    /// Where calls go that nobody takes.
    pub forward_no_answer: Option<String>,
    /// Where calls go while no phone is registered; without it they go where nobody answers.
    pub forward_unregistered: Option<String>,
    /// How long the phones ring before that, in seconds; `None` is the extension's usual time.
    pub no_answer_secs: Option<u16>,
    /// What rings beside or after the phones, until somebody answers.
    pub follow_me: Vec<FollowStep>,
}

/// A number that is tried for an extension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowStep {
    /// Whatever the extension could dial.
    pub number: String,
    /// Seconds after the phones began to ring.
    pub delay_secs: u16,
    /// Rings for so long, in seconds.
    pub ring_secs: u16,
    /// Whoever answers there must press this key; a machine that answers does not.
    pub confirm: Option<char>,
}

/// The settings of one extension, as the store remembers them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsRecord {
    /// Whose.
    pub extension: ExtensionKey,
    /// What.
    pub settings: ExtensionSettings,
}

/// What a tenant sets for all of its calls, over HTTP. Prompts are names below the sounds directory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TenantSettings {
    /// What somebody hears who is held or parked, or is alone in a conference without music of its own; `None` is
    /// `media.hold_music`.
    pub hold_music: Option<String>,
    /// What somebody hears whose other party asks a third one, by order; `None` is `hold_music`.
    pub consult_music: Option<String>,
    /// What a caller from outside hears at last whom an extension has not answered; `None`: the call just fails.
    pub no_answer: Option<String>,
    /// What mailboxes say that have no greeting of their own; `None` is the usual one.
    pub mailbox_greeting: Option<String>,
    /// Phones of the tenant see numbers outside with most digits covered.
    pub hide_numbers: bool,
    /// How long agents finish a conversation where neither agent nor queue says so, in seconds; `None` is what the file says.
    pub wrap_up_time: Option<u32>,
}

/// The settings of one tenant, as the store remembers them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSettingsRecord {
    /// Whose.
    pub tenant: TenantId,
    /// What.
    pub settings: TenantSettings,
}

impl TenantSettings {
    /// The prompts that it names.
    pub fn prompts(&self) -> impl Iterator<Item = &str> {
        self.named().map(|(_, own)| own)
    }

    /// ... each with its key.
    fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = [
            ("hold_music", &self.hold_music),
            ("consult_music", &self.consult_music),
            ("no_answer", &self.no_answer),
            ("mailbox_greeting", &self.mailbox_greeting),
        ];
        all.into_iter().filter_map(|(key, own)| Some((key, own.as_deref()?)))
    }

    /// What is out of range, in words that say what would be right.
    pub fn problem(&self) -> Option<String> {
        let wrong = self.named().find_map(|(key, own)| Some((key, values::prompt(own).err()?)));
        if let Some((key, why)) = wrong {
            return Some(format!("{key}: {why}"));
        }
        let long = self.wrap_up_time.is_some_and(|secs| secs > MAX_WRAP_UP);
        long.then(|| format!("wrap_up_time: 0 to {MAX_WRAP_UP} seconds"))
    }
}

/// Which forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForwardWhen {
    /// Always.
    All,
    /// While the extension is busy.
    Busy,
    /// When nobody answers.
    NoAnswer,
    /// While no phone is registered.
    Unregistered,
}

impl ExtensionSettings {
    /// The number of one forward.
    pub fn forward(&self, when: ForwardWhen) -> Option<&str> {
        match when {
            ForwardWhen::All => self.forward_all.as_deref(),
            ForwardWhen::Busy => self.forward_busy.as_deref(),
            ForwardWhen::NoAnswer => self.forward_no_answer.as_deref(),
            ForwardWhen::Unregistered => self.forward_unregistered.as_deref(),
        }
    }

    /// Sets one forward, or takes it back.
    pub fn set_forward(&mut self, when: ForwardWhen, to: Option<String>) {
        let forward = match when {
            ForwardWhen::All => &mut self.forward_all,
            ForwardWhen::Busy => &mut self.forward_busy,
            ForwardWhen::NoAnswer => &mut self.forward_no_answer,
            ForwardWhen::Unregistered => &mut self.forward_unregistered,
        };
        *forward = to;
    }

    /// Every number that it names, with the key under which it stands.
    pub fn numbers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let forwards = [
            ("forward_all", &self.forward_all),
            ("forward_busy", &self.forward_busy),
            ("forward_no_answer", &self.forward_no_answer),
            ("forward_unregistered", &self.forward_unregistered),
        ];
        let forwards = forwards.into_iter().filter_map(|(key, to)| Some((key, to.as_deref()?)));
        forwards.chain(self.follow_me.iter().map(|step| ("follow_me", step.number.as_str())))
    }

    /// What is out of range, in words that say what would be right.
    pub fn problem(&self) -> Option<String> {
        let sound = |secs: u16| (1..=MAX_RING).contains(&secs);
        if self.no_answer_secs.is_some_and(|secs| !sound(secs)) {
            return Some(format!("no_answer_secs: 1 to {MAX_RING} seconds"));
        }
        if self.follow_me.len() > MAX_FOLLOW {
            return Some(format!("follow_me: at most {MAX_FOLLOW} numbers"));
        }
        let late = |step: &&FollowStep| !sound(step.ring_secs) || step.delay_secs > MAX_RING;
        if let Some(step) = self.follow_me.iter().find(late) {
            let number = &step.number;
            return Some(format!(
                "follow_me {number}: ring_secs is 1 to {MAX_RING}, delay_secs 0 to {MAX_RING}"
            ));
        }
        let key = |key: char| key.is_ascii_digit() || matches!(key, '*' | '#');
        let wrong = |step: &&FollowStep| step.confirm.is_some_and(|own| !key(own));
        let step = self.follow_me.iter().find(wrong)?;
        Some(format!("follow_me {}: confirm is one key, 0 to 9, * or #", step.number))
    }
}
