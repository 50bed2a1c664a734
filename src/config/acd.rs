//! `[[queue]]` and `[[agent]]`.

use strowger_core::vocab::TenantId;

use super::general::checked;
use super::names::{Names, Taken};
use super::shell::{Agent, Queue, STRATEGIES, Strategy, Tier};
use super::table::Table;
use super::values;

/// `[[queue]]`.
pub(super) fn queues(root: &Table<'_>, names: &mut Names) -> Vec<Queue> {
    let mut queues = Vec::new();
    for table in root.tables("queue", "[[queue]]") {
        let tenant = names.tenant(&table);
        let number = table.required_text("number", "digits such as \"9001\"");
        let valid = checked(&table, "number", number, values::digits);
        if let (Some(tenant), Some(number), Some(())) = (&tenant, number, valid) {
            names.add_number(&table, tenant, number, Taken::Queue);
        }
        let name = table.text("name", "a name such as \"Support\"");
        let strategy = table.text("strategy", "a strategy such as \"longest-idle-agent\"");
        let strategy = checked(&table, "strategy", strategy, parse_strategy);
        if let (Some(tenant), Some(number)) = (tenant, number) {
            queues.push(Queue {
                tenant,
                number: number.value.to_owned(),
                name: name.map_or(number.value, |name| name.value).to_owned(),
                strategy: strategy.unwrap_or(Strategy("longest-idle-agent")),
            });
        }
        table.finish();
    }
    queues
}

fn parse_strategy(text: &str) -> Result<Strategy, String> {
    let known = STRATEGIES.into_iter().find(|name| *name == text).map(Strategy);
    known.ok_or_else(|| format!("\"{text}\" is no strategy; choose from {}", STRATEGIES.join(", ")))
}

/// `[[agent]]`.
pub(super) fn agents(root: &Table<'_>, names: &mut Names) -> Vec<Agent> {
    let mut agents = Vec::new();
    for table in root.tables("agent", "[[agent]]") {
        let tenant = names.tenant(&table);
        let id = table.required_text("id", "a name such as \"101\"");
        let valid = checked(&table, "id", id, values::name);
        if let (Some(tenant), Some(id), Some(())) = (&tenant, id, valid) {
            names.add_agent(&table, tenant, id);
        }
        let extension = table.text("extension", "the number of an [[extension]]");
        let number = table.text("number", "the outside number of a remote agent");
        if extension.is_some() == number.is_some() {
            table.require("extension", "either an extension, or the number of a remote agent");
        }
        let status = table.text("status", STATUS);
        let status = checked(&table, "status", status, parse_status);
        if let (Some(tenant), Some(id)) = (tenant, id) {
            let extension =
                extension.and_then(|n| names.extension(&table, "extension", &tenant, n));
            let number = checked(&table, "number", number, |text| {
                values::outside_number(text).map(|()| text.to_owned())
            });
            agents.push(Agent {
                id: id.value.to_owned(),
                extension: extension.map(|key| key.number),
                number,
                status: status.unwrap_or_else(|| "logged_out".into()),
                queues: tiers(&table, &tenant, names),
                tenant,
            });
        }
        table.finish();
    }
    agents
}

const STATUS: &str = "\"available\", \"on_break\" or \"logged_out\"";

fn parse_status(text: &str) -> Result<String, String> {
    let known = ["available", "on_break", "logged_out"].contains(&text);
    known.then(|| text.to_owned()).ok_or_else(|| format!("\"{text}\" is unknown; write {STATUS}"))
}

fn tiers(table: &Table<'_>, tenant: &TenantId, names: &Names) -> Vec<Tier> {
    let mut tiers = Vec::new();
    for tier in table.tables("queues", "[[agent]] queues") {
        let queue = tier.required_text("queue", "the number of a [[queue]]");
        let level = tier.number("level", 1..=1_000, "levels").unwrap_or(1);
        let position = tier.number("position", 1..=10_000, "positions").unwrap_or(1);
        let queue = queue.and_then(|number| names.queue(&tier, "queue", tenant, number));
        tiers.extend(queue.map(|queue| Tier { queue, level, position }));
        tier.finish();
    }
    tiers
}
