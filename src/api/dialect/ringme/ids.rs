//! Numbers for what we call by names: made once and kept.

use super::client::Client;
use super::refusal::Refusal;
use crate::api::app::App;

/// Of tenants; the installation's own.
pub(super) const CLIENTS: &str = "ringme/client";
/// Of extensions and queues, by their numbers.
pub(super) const EXTENSIONS: &str = "ringme/extension";
/// Of agents, by their ids.
pub(super) const AGENTS: &str = "ringme/agent";
/// Of events, by random names.
pub(super) const EVENTS: &str = "ringme/event";
/// Of prompts, by their names.
pub(super) const SOUNDS: &str = "ringme/sound";

/// Before the number of an extension, in the names that the document shows: `000*370`.
const BEFORE: &str = "000*";

/// The name of an extension.
pub(super) fn shown(number: &str) -> String {
    format!("{BEFORE}{number}")
}

/// The number in `000*370`, in `0005*103`, or the number itself.
pub(super) fn bare(name: &str) -> &str {
    match name.split_once('*') {
        Some((before, number)) if !before.is_empty() && is_digits(before) && is_digits(number) => {
            number
        }
        _ => name,
    }
}

/// 1 to 32 digits.
pub(super) fn is_digits(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Client {
    /// The number of a name.
    pub(super) async fn id_of(&self, app: &App, space: &str, name: &str) -> Result<u64, Refusal> {
        Ok(app.gateway.number(self.tenant(), space, name).await?)
    }

    /// The numbers of names, in their order.
    pub(super) async fn ids_of(
        &self,
        app: &App,
        space: &str,
        names: Vec<String>,
    ) -> Result<Vec<u64>, Refusal> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        Ok(app.gateway.numbers(self.tenant(), space, names).await?)
    }

    /// The name that has a number, if one has.
    pub(super) async fn name_of(
        &self,
        app: &App,
        space: &str,
        number: u64,
    ) -> Result<Option<String>, Refusal> {
        Ok(app.gateway.name_of(self.tenant(), space, number).await?)
    }

    /// ... that is written in a path.
    pub(super) async fn named(
        &self,
        app: &App,
        space: &str,
        what: &str,
        text: &str,
    ) -> Result<String, Refusal> {
        let missing = || Refusal::not_found(what);
        let number = text.parse().ok().filter(|_| is_digits(text)).ok_or_else(missing)?;
        self.name_of(app, space, number).await?.ok_or_else(missing)
    }

    /// The number of the extension or queue in a path: its id, or its name with a star.
    pub(super) async fn extension(&self, app: &App, text: &str) -> Result<String, Refusal> {
        match bare(text) {
            number if number != text => Ok(number.to_owned()),
            _ => self.named(app, EXTENSIONS, "extension", text).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_star_are_numbers() {
        for (name, number) in
            [("370", "370"), ("000*370", "370"), ("0005*103", "103"), ("*43", "*43"), ("1*", "1*")]
        {
            assert_eq!(bare(name), number);
        }
        assert_eq!(bare(&shown("370")), "370");
    }
}
