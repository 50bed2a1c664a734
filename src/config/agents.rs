//! `[[agent]]`.

use std::collections::BTreeMap;

use strowger_core::vocab::acd::{
    AgentConfig, AgentKey, AgentPlace, Intent, QueueKey, Tier, ranges,
};
use strowger_core::vocab::{Secret, TenantId};

use super::general::checked;
use super::names::Names;
use super::queues::{key, narrow, shown, times};
use super::table::Table;
use super::values;

/// `[[agent]]`, by tenant and id.
pub(super) fn agents(root: &Table<'_>, names: &mut Names) -> Vec<AgentConfig> {
    let mut agents = Vec::new();
    for table in root.tables("agent", "[[agent]]") {
        let tenant = names.tenant(&table);
        let id = table.required_text("id", "a name such as \"101\"");
        let valid = checked(&table, "id", id, values::name);
        if let (Some(tenant), Some(id), Some(())) = (&tenant, id, valid) {
            names.add_agent(&table, tenant, id);
        }
        let known = tenant.clone().unwrap_or_default();
        let id = id.map_or_else(String::new, |id| id.value.to_owned());
        let agent = agent(&table, AgentKey { tenant: known, id }, names);
        agents.extend(tenant.and(valid).map(|()| agent));
        table.finish();
    }
    agents.sort_by(|a, b| a.key.cmp(&b.key));
    agents
}

fn agent(table: &Table<'_>, own: AgentKey, names: &mut Names) -> AgentConfig {
    let name = table.text("name", "a name such as \"Alice\"");
    let name = checked(table, "name", name, shown);
    let pin = table.text("pin", "4 to 16 digits");
    let sound = table.text("agent_sound", "a prompt such as \"en/thank-you\"");
    let sound = sound.filter(|sound| !sound.value.is_empty());
    AgentConfig {
        name: name.unwrap_or_else(|| own.id.clone()),
        places: places(table, &own.tenant, names),
        pin: checked(table, "pin", pin, values::pin).map(Secret::new),
        status: status(table),
        tiers: tiers(table, &own.tenant, names),
        skills: skills(table),
        times: times(table),
        wrap_up_after_outbound: table.flag("wrap_up_after_outbound").unwrap_or(false),
        agent_sound: checked(table, "agent_sound", sound, |text| {
            values::prompt(text).map(|()| text.to_owned())
        }),
        confirm_key: key(table, "confirm_key").unwrap_or('1'),
        max_no_answer: table
            .number::<u32>("max_no_answer", ranges::NO_ANSWER, "misses")
            .map_or(3, narrow),
        group_pickup: table.flag("group_pickup").unwrap_or(true),
        key: own,
    }
}

/// One place, or two of which the first is active.
fn places(table: &Table<'_>, tenant: &TenantId, names: &mut Names) -> Vec<AgentPlace> {
    const EXTENSION: &str = "the number of an [[extension]]";
    const NUMBER: &str = "an outside number such as \"+4917012345\"";
    let mut place = |extension: &'static str, number: &'static str| {
        let local = table.text(extension, EXTENSION);
        let remote = table.text(number, NUMBER);
        if let (Some(local), Some(_)) = (local, remote) {
            let text = format!("stands beside {number}; write one of them");
            table.wrong(local.line, extension, &text);
        }
        let outside = |text: &str| values::outside_number(text).map(|()| text.to_owned());
        match (local, remote) {
            (Some(local), _) => {
                let found = names.extension(table, extension, tenant, local)?;
                names.add_seat(table, extension, &found, local);
                Some(AgentPlace::Extension(found.number))
            }
            (None, remote) => checked(table, number, remote, outside).map(AgentPlace::Number),
        }
    };
    let first = place("extension", "number");
    let second = place("second_extension", "second_number");
    let has = |key| table.has(key);
    if !has("extension") && !has("number") {
        table.require("extension", "either an extension, or the number of a remote agent");
    }
    first.into_iter().chain(second).collect()
}

const STATUS: &str = "\"available\", \"on_break\" or \"logged_out\"";

fn status(table: &Table<'_>) -> Intent {
    let reason = table.text("break_reason", "a word such as \"lunch\"");
    let reason = checked(table, "break_reason", reason, break_reason);
    let status = table.text("status", STATUS);
    let wanted = checked(table, "status", status, |text| match text {
        "available" => Ok(Intent::Available),
        "logged_out" => Ok(Intent::LoggedOut),
        "on_break" => Ok(Intent::OnBreak {
            reason: reason.clone().unwrap_or_else(|| "break".into()),
            sub_state: String::new(),
        }),
        _ => Err(format!("\"{text}\" is unknown; write {STATUS}")),
    });
    let wanted = wanted.unwrap_or_default();
    if let (Some(_), Intent::Available | Intent::LoggedOut) = (&reason, &wanted) {
        let line = table.text_again("break_reason").map_or(table.line(), |text| text.line);
        table.wrong(line, "break_reason", "is for status = \"on_break\"; leave it out");
    }
    wanted
}

fn break_reason(text: &str) -> Result<String, String> {
    let sound =
        (1..=ranges::REASON_BYTES).contains(&text.len()) && !text.contains(char::is_control);
    sound
        .then(|| text.to_owned())
        .ok_or_else(|| format!("write 1 to {} bytes such as \"lunch\"", ranges::REASON_BYTES))
}

fn tiers(table: &Table<'_>, tenant: &TenantId, names: &Names) -> Vec<Tier> {
    let mut tiers: Vec<Tier> = Vec::new();
    for row in table.tables("queues", "[[agent]] queues") {
        let queue = row.required_text("queue", "the number of a [[queue]]");
        let level = row.number::<u32>("level", ranges::LEVEL, "levels").map_or(1, narrow);
        let position = row.number::<u32>("position", ranges::POSITION, "positions");
        let position = position.map_or(1, narrow);
        if let Some(queue) = queue
            && let Some(number) = names.queue(&row, "queue", tenant, queue)
        {
            let key = QueueKey { tenant: tenant.clone(), number };
            if tiers.iter().any(|tier| tier.queue == key) {
                row.wrong(queue.line, "queue", &format!("\"{}\" stands there twice", queue.value));
            }
            tiers.push(Tier { queue: key, level, position });
        }
        row.finish();
    }
    tiers
}

/// `{ german = 80, sales = 50 }`.
fn skills(table: &Table<'_>) -> BTreeMap<String, u8> {
    let rows = table.numbers::<u32>("skills", ranges::SKILL, "percent");
    let mut skills = BTreeMap::new();
    for (name, level) in rows {
        let sound = checked(table, "skills", Some(name), values::name);
        if sound.is_some() {
            skills.insert(name.value.to_owned(), u8::try_from(level).unwrap_or(u8::MAX));
        }
    }
    skills
}
