//! Where numbers, routes and queues lead.

use strowger_core::vocab::TenantId;
use strowger_core::vocab::config::Destination;

use super::general::checked;
use super::names::Names;
use super::table::{At, Table};
use super::values;

/// What numbers and routes may lead to.
pub(super) const DESTINATIONS: &str = "trunk:NAME, extension:NUMBER, queue:NUMBER, ivr:NAME, group:NAME, \
     voicemail:NUMBER, conference:NAME, echo or sound:NAME";

/// What callers of a queue may be sent to.
pub(super) const QUEUE_DESTINATIONS: &str = "a number that can be dialled, queue:NUMBER, extension:NUMBER, \
     voicemail:NUMBER, conference:NAME, ivr:NAME, group:NAME, trunk:NAME, echo or sound:NAME";

/// Reads `kind:name` and checks that what it names exists.
pub(super) fn destination(
    table: &Table<'_>,
    tenant: &TenantId,
    text: At<&str>,
    names: &Names,
) -> Option<Destination> {
    read(table, "to", tenant, text, names, DESTINATIONS)
}

/// A queue's destination under `key`: besides what routes know, a bare number.
pub(super) fn of_queue(
    table: &Table<'_>,
    key: &'static str,
    tenant: &TenantId,
    names: &Names,
) -> Option<Destination> {
    let text = table.text(key, QUEUE_DESTINATIONS)?;
    read(table, key, tenant, text, names, QUEUE_DESTINATIONS)
}

fn read(
    table: &Table<'_>,
    key: &str,
    tenant: &TenantId,
    text: At<&str>,
    names: &Names,
    right: &str,
) -> Option<Destination> {
    let (kind, name) = text.value.split_once(':').unwrap_or((text.value, ""));
    let at = At { value: name, line: text.line };
    if !name.is_empty() {
        match kind {
            "trunk" => return names.trunk(table, key, tenant, at).map(Destination::Trunk),
            "extension" => {
                return names.extension(table, key, tenant, at).map(Destination::Extension);
            }
            "queue" => {
                names.queue(table, key, tenant, at)?;
            }
            "voicemail" => names.mailbox(table, key, tenant, at)?,
            "sound" => {
                let sound = checked(table, key, Some(at), values::prompt);
                return sound.map(|()| Destination::Sound(name.to_owned()));
            }
            "ivr" => return names.menu(table, key, tenant, at).map(Destination::Ivr),
            "conference" => {
                return names.conference(table, key, tenant, at).map(Destination::Conference);
            }
            "group" => return names.group(table, key, tenant, at).map(Destination::Group),
            _ => {}
        }
    }
    let bare = |found: &Destination| matches!(found, Destination::Number(_));
    let found = Destination::parse(text.value, tenant);
    let found = found.filter(|found| !bare(found) || right == QUEUE_DESTINATIONS);
    if found.is_none() {
        let message = format!("\"{}\" is no destination; write {right}", text.value);
        table.wrong(text.line, key, &message);
    }
    found
}
