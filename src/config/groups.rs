//! `[[group]]`: phones and numbers that ring for one number.

use strowger_core::route::Directory;
use strowger_core::vocab::group::{Group, GroupMember, GroupStrategy, MAX_MEMBERS, MemberPlace};
use strowger_core::vocab::settings::MAX_RING;
use strowger_core::vocab::{Config, ExtensionKey, GroupKey, TenantId};

use super::destination::of_queue;
use super::general::checked;
use super::names::{Names, Taken};
use super::settings::one_key;
use super::table::{At, Reader, Table};
use super::values;

/// Tables with the names that they define.
pub(super) type Tables<'d> = Vec<(Option<(GroupKey, String)>, Table<'d>)>;

/// Members outside, to be looked at when the dial plan is known.
pub(super) type Outside = Vec<(GroupKey, String, usize)>;

/// Enters names and numbers, so that others may lead to them.
pub(super) fn names<'d>(root: &Table<'d>, names: &mut Names) -> Tables<'d> {
    let mut found = Vec::new();
    for table in root.tables("group", "[[group]]") {
        let tenant = names.tenant(&table);
        let name = table.required_text("name", "a name such as \"sales\"");
        let valid = checked(&table, "name", name, values::name);
        let number = table.required_text("number", "digits such as \"600\"");
        let digits = checked(&table, "number", number, values::digits);
        if let (Some(tenant), Some(name), Some(())) = (&tenant, name, valid) {
            names.add_group(&table, tenant, name);
        }
        if let (Some(tenant), Some(number), Some(())) = (&tenant, number, digits) {
            names.add_number(&table, tenant, number, Taken::Group);
        }
        let key = tenant.zip(name).zip(number).map(|((tenant, name), number)| {
            (GroupKey { tenant, name: name.value.to_owned() }, number.value.to_owned())
        });
        found.push((key, table));
    }
    found
}

/// Everything else of them.
pub(super) fn groups(tables: Tables<'_>, names: &Names) -> (Vec<Group>, Outside) {
    let (mut groups, mut outside) = (Vec::new(), Vec::new());
    for (key, table) in tables {
        let known = key.clone().unwrap_or_else(|| {
            (GroupKey { tenant: String::new(), name: String::new() }, String::new())
        });
        let group = group(&table, known, names, &mut outside);
        groups.extend(key.map(|_| group));
        table.finish();
    }
    (groups, outside)
}

fn group(
    table: &Table<'_>,
    (key, number): (GroupKey, String),
    names: &Names,
    outside: &mut Outside,
) -> Group {
    let base = Group::named(key, &number);
    let tenant = base.key.tenant.clone();
    let classes = table.texts("classes", "a list of names such as [\"national\"]");
    let named = |text: &str| values::name(text).map(|()| text.to_owned());
    let classes = classes.unwrap_or_default().into_iter();
    let classes = classes.filter_map(|text| checked(table, "classes", Some(text), named));
    let confirm = table.text("confirm", "a key such as \"1\"");
    let strategy = table.text("strategy", "\"parallel\", \"sequential\" or \"delayed\"");
    let prefix = table.text("prefix", "a text such as \"Sales:\"");
    let short = |text: &str| {
        let ok = text.chars().count() <= 32 && !text.contains(char::is_control);
        ok.then(|| text.to_owned()).ok_or_else(|| "has more than 32 characters".to_owned())
    };
    Group {
        members: members(table, &base.key, names, outside),
        strategy: checked(table, "strategy", strategy, one_strategy).unwrap_or_default(),
        ring_secs: table.number("ring_secs", 1..=MAX_RING, "seconds").unwrap_or(base.ring_secs),
        timeout_secs: table.number("timeout_secs", 1..=MAX_RING, "seconds"),
        overflow: of_queue(table, "overflow", &tenant, names),
        skip_busy: table.flag("skip_busy").unwrap_or(base.skip_busy),
        follow_forwards: table.flag("follow_forwards").unwrap_or(base.follow_forwards),
        prefix: checked(table, "prefix", prefix, short).unwrap_or_default(),
        classes: classes.collect(),
        confirm: checked(table, "confirm", confirm, one_key),
        ..base
    }
}

fn members(
    table: &Table<'_>,
    key: &GroupKey,
    names: &Names,
    outside: &mut Outside,
) -> Vec<GroupMember> {
    const RIGHT: &str = "a list of extensions and numbers such as [\"4567\", \"4568\"]";
    let listed = table.texts("members", RIGHT).unwrap_or_default();
    if listed.is_empty() {
        table.require("members", RIGHT);
    }
    if listed.len() > MAX_MEMBERS {
        let text = format!("has more than {MAX_MEMBERS} numbers; leave some out");
        table.wrong(table.line(), "members", &text);
    }
    let delays = table.numbers("delays", 0..=MAX_RING, "seconds");
    for (own, _) in &delays {
        if !listed.iter().any(|member| member.value == own.value) {
            let text = format!("\"{}\" is no member; name one of members", own.value);
            table.wrong(own.line, "delays", &text);
        }
    }
    let delay =
        |text: &str| delays.iter().find(|(own, _)| own.value == text).map_or(0, |(_, secs)| *secs);
    let place = |member: At<&str>| place(table, &key.tenant, names, member);
    let mut members = Vec::new();
    for member in listed {
        let Some(place) = place(member) else { continue };
        if let MemberPlace::Outside(number) = &place {
            outside.push((key.clone(), number.clone(), member.line));
        }
        members.push(GroupMember { place, delay_secs: delay(member.value) });
    }
    members
}

fn place(
    table: &Table<'_>,
    tenant: &TenantId,
    names: &Names,
    member: At<&str>,
) -> Option<MemberPlace> {
    if names.is_extension(tenant, member.value) {
        let (tenant, number) = (tenant.clone(), member.value.to_owned());
        return Some(MemberPlace::Extension(ExtensionKey { tenant, number }));
    }
    checked(table, "members", Some(member), values::outside_number)?;
    Some(MemberPlace::Outside(member.value.to_owned()))
}

fn one_strategy(text: &str) -> Result<GroupStrategy, String> {
    match text {
        "parallel" => Ok(GroupStrategy::Parallel),
        "sequential" => Ok(GroupStrategy::Sequential),
        "delayed" => Ok(GroupStrategy::Delayed),
        _ => {
            Err(format!("\"{text}\" is unknown; write \"parallel\", \"sequential\" or \"delayed\""))
        }
    }
}

/// Complains of members that no route of the group's classes reaches.
pub(super) fn check(outside: &Outside, reader: &Reader, config: &Config) {
    if outside.is_empty() {
        return;
    }
    // What makes no directory is reported elsewhere.
    let Ok(directory) = Directory::new(config.clone()) else { return };
    for (key, number, line) in outside {
        let Some(group) = directory.group(key) else { continue };
        if let Err(why) = directory.outside_within(&key.tenant, number, &group.classes) {
            let text = format!(
                "[[group]] members: \"{number}\": {why}; name an extension, or add the class of its route to classes"
            );
            reader.missing(*line, text);
        }
    }
}
