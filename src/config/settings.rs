//! What an `[[extension]]` has set before its owner ever sets anything: do not disturb, forwards, follow me.

use strowger_core::route::Directory;
use strowger_core::vocab::settings::{
    ExtensionSettings, FollowStep, MAX_FOLLOW, MAX_RING, SettingsRecord,
};
use strowger_core::vocab::{Config, ExtensionKey};

use super::general::checked;
use super::table::{Reader, Table};

/// Numbers that settings name, to be looked at when the dial plan is known.
#[derive(Debug, Default)]
pub(super) struct Initial {
    pub(super) records: Vec<SettingsRecord>,
    numbers: Vec<(ExtensionKey, &'static str, String, usize)>,
}

impl Initial {
    /// Reads the keys of one extension.
    pub(super) fn read(&mut self, table: &Table<'_>, key: Option<&ExtensionKey>) {
        const RIGHT: &str = "a number that the extension could dial, such as \"4568\"";
        let mut named = Vec::new();
        let mut number = |field: &'static str| {
            let text = table.text(field, RIGHT);
            let sound = |text: &str| callable(text);
            let number = checked(table, field, text, sound)?;
            named.extend(text.map(|text| (field, number.clone(), text.line)));
            Some(number)
        };
        let mut settings = ExtensionSettings {
            forward_all: number("forward_all"),
            forward_busy: number("forward_busy"),
            forward_no_answer: number("forward_no_answer"),
            forward_unregistered: number("forward_unregistered"),
            do_not_disturb: table.flag("do_not_disturb").unwrap_or(false),
            no_answer_secs: table.number("no_answer_secs", 1..=MAX_RING, "seconds"),
            follow_me: Vec::new(),
        };
        for step in table.tables("follow_me", "[[extension.follow_me]]") {
            let text = step.required_text("number", RIGHT);
            let sound = |text: &str| callable(text);
            let number = checked(&step, "number", text, sound);
            let delay_secs = step.number("delay_secs", 0..=MAX_RING, "seconds").unwrap_or(0);
            let ring_secs = step.number("ring_secs", 1..=MAX_RING, "seconds").unwrap_or(30);
            let confirm = step.text("confirm", "a key such as \"1\"");
            let confirm = checked(&step, "confirm", confirm, one_key);
            if let (Some(number), Some(text)) = (number, text) {
                named.push(("follow_me", number.clone(), text.line));
                settings.follow_me.push(FollowStep { number, delay_secs, ring_secs, confirm });
            }
            step.finish();
        }
        if settings.follow_me.len() > MAX_FOLLOW {
            let text = format!("has more than {MAX_FOLLOW} numbers; leave some out");
            table.wrong(table.line(), "follow_me", &text);
        }
        let Some(key) = key.filter(|_| settings != ExtensionSettings::default()) else { return };
        let own = named.into_iter().map(|(field, number, line)| (key.clone(), field, number, line));
        self.numbers.extend(own);
        self.records.push(SettingsRecord { extension: key.clone(), settings });
    }

    /// Complains of numbers that their owners could not dial.
    pub(super) fn check(&self, reader: &Reader, config: &Config) {
        if self.numbers.is_empty() {
            return;
        }
        // What makes no directory is reported elsewhere.
        let Ok(directory) = Directory::new(config.clone()) else { return };
        for (key, field, number, line) in &self.numbers {
            if let Err(why) = directory.forward(key, number, None) {
                let text = format!(
                    "[[extension]] {field}: \"{number}\": {why}; write a number that {} could dial, and no feature code",
                    key.number
                );
                reader.missing(*line, text);
            }
        }
    }
}

/// A number that somebody may call: with `+` as well, and longer than a code.
fn callable(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    let ok = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'*' | b'#');
    if (1..=32).contains(&digits.len()) && digits.bytes().all(ok) {
        return Ok(text.to_owned());
    }
    Err(format!("\"{text}\" is no number; write up to 32 digits such as \"057188880000\""))
}

pub(super) fn one_key(text: &str) -> Result<char, String> {
    let mut characters = text.chars();
    let key = characters.next().filter(|_| characters.next().is_none());
    let key = key.filter(|key| key.is_ascii_digit() || matches!(key, '*' | '#'));
    key.ok_or_else(|| format!("\"{text}\" is no key; write one of 0-9, * and #"))
}
