//! What definitions may say: every mistake of a body is told at once.

use std::ops::RangeInclusive;

use strowger_core::vocab::acd::ranges;
use strowger_core::vocab::config::Destination;
use strowger_core::vocab::values;

use crate::api::extract;
use crate::api::problem::Problem;

/// Collects what is wrong with a body that is sound in form.
#[derive(Debug, Default)]
pub(super) struct Check {
    wrong: Vec<String>,
    /// Whose prompts may be named, beside those of the sounds directory.
    tenant: String,
}

impl Check {
    /// For a body that names prompts.
    pub(super) fn of(tenant: &str) -> Self {
        Self { wrong: Vec::new(), tenant: tenant.to_owned() }
    }

    /// Notes a mistake.
    pub(super) fn wrong(&mut self, key: &str, text: impl std::fmt::Display) {
        self.wrong.push(format!("{key}: {text}"));
    }

    /// A whole number within its range.
    pub(super) fn number<T>(&mut self, key: &str, number: u32, range: &RangeInclusive<u32>) -> T
    where
        T: TryFrom<u32> + Default,
    {
        let fits = T::try_from(number).ok().filter(|_| range.contains(&number));
        fits.unwrap_or_else(|| {
            self.wrong(key, format!("{number}; write {} to {}", range.start(), range.end()));
            T::default()
        })
    }

    /// A name for people, or a text that replaces one.
    pub(super) fn shown(&mut self, key: &str, text: String) -> String {
        if text.len() > ranges::NAME_BYTES || text.contains(char::is_control) {
            let most = ranges::NAME_BYTES;
            self.wrong(key, format!("write at most {most} bytes without control characters"));
        }
        text
    }

    /// An id or the name of a skill.
    pub(super) fn name(&mut self, key: &str, text: &str) {
        if values::name(text).is_err() {
            self.wrong(key, "write 1 to 64 of a-z, A-Z, 0-9, - _ .");
        }
    }

    /// A reason, a sub-state or a disposition.
    pub(super) fn reason(&mut self, key: &str, text: &str, least: usize) {
        let most = ranges::REASON_BYTES;
        if !(least..=most).contains(&text.len()) || text.contains(char::is_control) {
            self.wrong(key, format!("write {least} to {most} bytes such as \"lunch\""));
        }
    }

    /// A prompt below the sounds directory; an empty one is none.
    pub(super) fn prompt(&mut self, key: &str, text: Option<String>) -> Option<String> {
        let text = text.filter(|text| !text.is_empty())?;
        if values::own_prompt(&text, &self.tenant).is_err() {
            self.wrong(
                key,
                "a path below the sounds directory without .wav, such as \"en/thank-you\"",
            );
        }
        Some(text)
    }

    /// Where callers are sent; an empty text is nowhere.
    pub(super) fn destination(
        &mut self,
        key: &str,
        text: Option<String>,
        tenant: &str,
    ) -> Option<Destination> {
        let text = text.filter(|text| !text.is_empty())?;
        let found = Destination::parse(&text, tenant);
        if found.is_none() {
            let right = "a number that can be dialled, queue:NUMBER, extension:NUMBER, \
                voicemail:NUMBER, conference:NAME, ivr:NAME, trunk:NAME, echo or sound:NAME";
            self.wrong(key, format!("\"{text}\" is no destination; write {right}"));
        }
        found
    }

    /// A key of a telephone; an empty text is none.
    pub(super) fn key(&mut self, key: &str, text: Option<String>) -> Option<char> {
        let text = text.filter(|text| !text.is_empty())?;
        let mut keys = text.chars();
        match (keys.next(), keys.next()) {
            (Some(key @ ('0'..='9' | '*' | '#')), None) => Some(key),
            _ => {
                self.wrong(key, format!("\"{text}\" is no key; write one of 0-9, * and #"));
                None
            }
        }
    }

    /// The value, or 422 with everything that is wrong.
    pub(super) fn finish<T>(self, value: T) -> Result<T, Problem> {
        if self.wrong.is_empty() {
            return Ok(value);
        }
        Err(Problem::unprocessable(self.wrong.join("; ")))
    }
}

/// Something to dial; what it means is the switch's business.
pub(super) fn dialled(key: &str, text: &str) -> Result<(), Problem> {
    extract::dialled(key, text).map_err(Problem::unprocessable)
}

/// Digits, 1 to 32.
pub(super) fn is_number(text: &str) -> bool {
    values::digits(text).is_ok()
}

/// Digits, with a leading plus or without.
pub(super) fn is_outside_number(text: &str) -> bool {
    values::outside_number(text).is_ok()
}

/// 4 to 16 digits.
pub(super) fn is_pin(text: &str) -> bool {
    values::pin(text).is_ok()
}
