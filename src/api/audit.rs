//! The log of what was ordered over HTTP: who, what, when, and how it ended. It never holds what was written, so that no
//! secret can be in it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use strowger_core::vocab::{Command, CommandError, Done, Principal, Role, TenantId};

/// Who did what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// Whose.
    pub tenant: TenantId,
    /// Milliseconds since the Unix epoch.
    pub at: u64,
    /// The name of the key.
    pub key: String,
    /// Its role.
    pub role: Role,
    /// What was ordered, such as `agent.intent` or `entry.put`.
    pub what: String,
    /// Whom or what it was about: a number, an id, a name.
    pub target: String,
    /// `done`, or why not.
    pub outcome: String,
}

impl AuditLine {
    /// Of an order of the switch.
    pub fn of(
        at: u64,
        principal: &Principal,
        (what, target): (String, String),
        outcome: &Result<Done, CommandError>,
    ) -> Self {
        let outcome = match outcome {
            Ok(_) => "done".to_owned(),
            Err(CommandError::NotFound(why)) => format!("not found: {why}"),
            Err(CommandError::Forbidden(why)) => format!("forbidden: {why}"),
            Err(CommandError::Conflict(why)) => format!("conflict: {why}"),
            Err(CommandError::Invalid(why)) => format!("invalid: {why}"),
            Err(CommandError::Busy { what, .. }) => format!("busy: {what}"),
        };
        Self {
            tenant: principal.tenant.clone(),
            at,
            key: principal.name.clone(),
            role: principal.role,
            what,
            target: shortened(target),
            outcome: shortened(outcome),
        }
    }

    /// Of something that the surface did by itself.
    pub fn done(at: u64, principal: &Principal, what: &str, target: &str) -> Self {
        let described = (what.to_owned(), target.to_owned());
        Self::of(at, principal, described, &Ok(Done::Ordered))
    }
}

/// Bytes of one text.
const LONGEST: usize = 256;

fn shortened(mut text: String) -> String {
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

/// What names the target of an order, the first that is there.
const TARGETS: [&str; 13] = [
    "call",
    "agent",
    "queue",
    "mailbox",
    "mac",
    "conference",
    "slot",
    "extension",
    "number",
    "id",
    "name",
    "task",
    "from",
];

/// The name of an order and its target.
pub fn described(command: &Command) -> (String, String) {
    let Ok(value) = serde_json::to_value(command) else { return ("unknown".into(), String::new()) };
    let mut names: Vec<String> = Vec::new();
    let mut rest = &value;
    while let Some((name, inner)) = variant(rest).filter(|_| names.len() < 3) {
        names.push(snake(name));
        // What a removal holds besides is the name of what goes.
        if let Some(gone) =
            inner.as_str().filter(|_| ["Delete", "delete", "Remove"].contains(&name))
        {
            return (names.join("."), gone.to_owned());
        }
        rest = inner;
        if let Some(order) = inner.get("order").or_else(|| inner.get("entry")) {
            names.extend(order.as_str().map(snake));
            rest = order;
        }
    }
    (names.join("."), target(&value, 0).unwrap_or_default())
}

/// A value of an enum with data: an object with one member, which names nobody.
fn variant(value: &Value) -> Option<(&str, &Value)> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    let (name, inner) = members.iter().next()?;
    (inner.is_object() || !TARGETS.contains(&&**name)).then_some((name.as_str(), inner))
}

/// The first member that names somebody, outer ones first.
fn target(value: &Value, depth: usize) -> Option<String> {
    if depth > 6 {
        return None;
    }
    let members = value.as_object()?;
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    // A definition is named by its key, whatever people call it.
    if let Some(named) = members.get("key").and_then(|key| target(key, depth + 1)) {
        return Some(named);
    }
    let named = TARGETS.iter().find_map(|name| members.get(*name).and_then(text));
    named.or_else(|| members.values().find_map(|inner| target(inner, depth + 1)))
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use strowger_core::vocab::acd::{AgentOrder, Intent};
    use strowger_core::vocab::define::{EntryKey, EntryOrder};
    use strowger_core::vocab::menu::MenuOrder;
    use strowger_core::vocab::{CallId, ExtensionKey};

    use super::*;

    #[test]
    fn orders_are_named_with_their_target_and_without_what_they_say() {
        let key = ExtensionKey { tenant: "t".into(), number: "4570".into() };
        let delete = EntryOrder::Delete(EntryKey::Extension(key));
        let intent = AgentOrder::Intent(Intent::Available);
        let from = "4567".to_owned();
        let table: [(Command, &str, &str); 5] = [
            (Command::HangUp { call: CallId(9) }, "hang_up", "00000000000000000000000000000009"),
            (Command::Agent { agent: "101".into(), order: intent }, "agent.intent", "101"),
            (Command::Entry(Box::new(delete)), "entry.delete.extension", "4570"),
            (Command::Menu(MenuOrder::Delete("main".into())), "menu.delete", "main"),
            (
                Command::Agent { agent: from, order: AgentOrder::EndWrapUp },
                "agent.end_wrap_up",
                "4567",
            ),
        ];
        for (command, what, target) in table {
            let (named, about) = described(&command);
            assert!(named.starts_with(what), "{named}");
            assert_eq!(about, target, "{named}");
        }
    }

    #[test]
    fn a_line_is_bounded() {
        let principal = Principal {
            tenant: "t".into(),
            role: Role::Admin,
            name: "boss".into(),
            extension: None,
            agent: None,
        };
        let long = Err(CommandError::Invalid("é".repeat(500)));
        let line = AuditLine::of(1, &principal, ("x".into(), "y".repeat(500)), &long);
        assert!(line.outcome.len() <= 256 && line.target.len() == 256);
    }
}
