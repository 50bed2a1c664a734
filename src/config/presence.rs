//! `[presence]`, and `[[list]]`: what phones may watch at once.

use strowger_core::vocab::TenantId;
use strowger_core::vocab::config::{Presence, ResourceList};

use super::general::checked;
use super::names::Names;
use super::table::{At, Table};
use super::values;

/// `[presence]`.
pub(super) fn presence(root: &Table<'_>) -> Presence {
    let table = root.section("presence");
    let base = Presence::default();
    let number = |key: &'static str, most: u32| table.number(key, 1..=most, "subscriptions");
    let presence = Presence {
        max_subscriptions: number("max_subscriptions", 1_000_000).unwrap_or(base.max_subscriptions),
        max_per_tenant: number("max_per_tenant", 1_000_000).unwrap_or(base.max_per_tenant),
        max_per_extension: number("max_per_extension", 10_000).unwrap_or(base.max_per_extension),
    };
    table.finish();
    presence
}

/// `[[list]]`, once all numbers and agents are known.
pub(super) fn lists(root: &Table<'_>, names: &Names) -> Vec<ResourceList> {
    const MEMBERS: &str = "a list such as [\"4567\", \"9001\", \"agent-101\"]";
    let mut lists: Vec<ResourceList> = Vec::new();
    for table in root.tables("list", "[[list]]") {
        let tenant = names.tenant(&table);
        let name = table.required_text("name", "a name such as \"desk\"");
        let line = name.map_or(table.line(), |name| name.line);
        let name = checked(&table, "name", name, |text| list_name(text).map(|()| text.to_owned()));
        let texts = table.texts("members", MEMBERS);
        if texts.is_none() {
            table.require("members", MEMBERS);
        }
        let texts = texts.unwrap_or_default();
        let most = ResourceList::MAX_MEMBERS;
        if texts.len() > most {
            let text = format!("{} members; a list has {most} at most, make two", texts.len());
            table.wrong(table.line(), "members", &text);
        }
        if let (Some(tenant), Some(name)) = (tenant, name) {
            let taken = |list: &ResourceList| list.tenant == tenant && list.name == name;
            if lists.iter().any(taken) {
                table.wrong(line, "name", &format!("\"{name}\" is defined already; rename one"));
            }
            let members = members(&table, &tenant, names, texts);
            lists.push(ResourceList { tenant, name, members });
        }
        table.finish();
    }
    lists
}

/// A name that is no number, so that it hides none.
fn list_name(text: &str) -> Result<(), String> {
    values::name(text)?;
    if text.bytes().all(|byte| byte.is_ascii_digit()) || text.starts_with("agent-") {
        return Err(format!(
            "\"{text}\" could be a number or an agent; write a word such as \"desk\""
        ));
    }
    Ok(())
}

fn members(
    table: &Table<'_>,
    tenant: &TenantId,
    names: &Names,
    texts: Vec<At<&str>>,
) -> Vec<String> {
    let mut members: Vec<String> = Vec::new();
    for text in texts {
        let known = match text.value.strip_prefix("agent-") {
            Some(id) => names.agent(table, tenant, At { value: id, line: text.line }).map(|_| ()),
            None => names.mailbox(table, "members", tenant, text),
        };
        if members.iter().any(|member| member == text.value) {
            table.wrong(text.line, "members", &format!("\"{}\" stands there twice", text.value));
        } else if known.is_some() {
            members.push(text.value.to_owned());
        }
    }
    members
}
