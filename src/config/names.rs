//! Everything that the file names, so that references can be checked and nothing is named twice.

use std::collections::{BTreeMap, BTreeSet};

use strowger_core::vocab::mailbox::Mailbox;
use strowger_core::vocab::{ConferenceKey, ExtensionKey, GroupKey, MenuKey, TenantId, TrunkKey};

use super::problem::nearest;
use super::table::{At, Table};
use super::values;

/// What a number within a tenant stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Extension,
    Queue,
    Conference,
    Group,
    Page,
}

/// The names defined so far, with their lines.
#[derive(Debug, Default)]
pub(super) struct Names {
    tenants: BTreeMap<TenantId, usize>,
    numbers: BTreeMap<(TenantId, String), (Taken, usize)>,
    users: BTreeMap<(String, String), usize>,
    trunks: BTreeMap<TrunkKey, usize>,
    agents: BTreeMap<(TenantId, String), usize>,
    menus: BTreeMap<(TenantId, String), usize>,
    hours: BTreeMap<(TenantId, String), usize>,
    conferences: BTreeMap<(TenantId, String), usize>,
    groups: BTreeMap<(TenantId, String), usize>,
    pages: BTreeMap<(TenantId, String), usize>,
    seats: BTreeMap<ExtensionKey, usize>,
    mailboxes: BTreeSet<(TenantId, String)>,
    outside: BTreeMap<(TrunkKey, String), usize>,
    routes: BTreeMap<(TenantId, String), usize>,
}

/// Enters a name, or complains that it stands at an earlier line.
fn enter<K: Ord>(
    map: &mut BTreeMap<K, usize>,
    key: K,
    table: &Table<'_>,
    field: &str,
    name: At<&str>,
) {
    match map.get(&key) {
        Some(line) => {
            let text = format!("\"{}\" is defined already at line {line}; rename one", name.value);
            table.wrong(name.line, field, &text);
        }
        None => {
            map.insert(key, name.line);
        }
    }
}

/// `; defined are a, b` or a guess at what was meant.
fn others<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(meant) = nearest(word, known.clone()) {
        return format!("did you mean \"{meant}\"?");
    }
    let list: Vec<&str> = known.take(8).collect();
    if list.is_empty() { "none is defined".into() } else { format!("defined: {}", list.join(", ")) }
}

impl Names {
    pub(super) fn add_tenant(&mut self, table: &Table<'_>, id: At<&str>) {
        enter(&mut self.tenants, id.value.to_owned(), table, "id", id);
    }

    /// The `tenant` that a table names; it must exist. Where there is only one it may be left out.
    pub(super) fn tenant(&self, table: &Table<'_>) -> Option<TenantId> {
        const RIGHT: &str = "the id of a [[tenant]], such as \"demo\"";
        let Some(name) = table.text("tenant", RIGHT) else {
            let mut all = self.tenants.keys();
            return match (all.next(), all.next()) {
                (Some(only), None) => Some(only.clone()),
                _ => {
                    table.require("tenant", RIGHT);
                    None
                }
            };
        };
        if self.tenants.contains_key(name.value) {
            return Some(name.value.to_owned());
        }
        let known = others(name.value, self.tenants.keys().map(String::as_str));
        let text = format!("[[tenant]] \"{}\" does not exist; {known}", name.value);
        table.reader().missing(name.line, text);
        None
    }

    /// A bare number of the tenant's number space.
    pub(super) fn add_number(
        &mut self,
        table: &Table<'_>,
        tenant: &TenantId,
        number: At<&str>,
        taken: Taken,
    ) {
        let key = (tenant.clone(), number.value.to_owned());
        if let Some((_, line)) = self.numbers.get(&key) {
            let text = format!(
                "\"{}\" is taken in tenant {tenant} already, at line {line}; extensions, queues, groups, conferences and pages share one number space",
                number.value
            );
            table.wrong(number.line, "number", &text);
            return;
        }
        self.numbers.insert(key, (taken, number.line));
    }

    /// The SIP user `prefix + number` must be unique within its domain.
    pub(super) fn add_user(&mut self, table: &Table<'_>, domain: &str, user: String, line: usize) {
        let key = (domain.to_owned(), user);
        if let Some(other) = self.users.get(&key) {
            let text = format!(
                "prefix and number make the SIP user \"{}\", as at line {other}; change a prefix or give the tenants domains",
                key.1
            );
            table.wrong(line, "number", &text);
            return;
        }
        self.users.insert(key, line);
    }

    pub(super) fn extension(
        &self,
        table: &Table<'_>,
        field: &str,
        tenant: &TenantId,
        number: At<&str>,
    ) -> Option<ExtensionKey> {
        self.in_tenant(table, field, tenant, number, Taken::Extension)?;
        Some(ExtensionKey { tenant: tenant.clone(), number: number.value.to_owned() })
    }

    pub(super) fn queue(
        &self,
        table: &Table<'_>,
        field: &str,
        tenant: &TenantId,
        number: At<&str>,
    ) -> Option<String> {
        self.in_tenant(table, field, tenant, number, Taken::Queue)?;
        Some(number.value.to_owned())
    }

    /// Extensions with a mailbox; known before anything leads there.
    pub(super) fn set_mailboxes(&mut self, mailboxes: &[Mailbox]) {
        let keys = mailboxes.iter().map(|own| (own.key.tenant.clone(), own.key.number.clone()));
        self.mailboxes = keys.collect();
    }

    /// The number of a queue, or of an extension that has a mailbox.
    pub(super) fn mailbox(
        &self,
        table: &Table<'_>,
        field: &str,
        tenant: &TenantId,
        number: At<&str>,
    ) -> Option<()> {
        let has_mailbox = |taken: Taken| matches!(taken, Taken::Extension | Taken::Queue);
        let wanted = (tenant.clone(), number.value.to_owned());
        let found = self.numbers.get(&wanted);
        if found.is_some_and(|(taken, _)| *taken == Taken::Extension)
            && !self.mailboxes.contains(&wanted)
        {
            let text = format!(
                "extension {} has no mailbox; write voicemail = true in its [[extension]]",
                number.value
            );
            table.wrong(number.line, field, &text);
            return None;
        }
        if found.is_some_and(|(taken, _)| has_mailbox(*taken)) {
            return Some(());
        }
        let same =
            self.numbers.iter().filter(|((t, _), (taken, _))| t == tenant && has_mailbox(*taken));
        let known = others(number.value, same.map(|((_, number), _)| number.as_str()));
        let text = format!(
            "{field}: tenant {tenant} has no extension or queue \"{}\"; {known}",
            number.value
        );
        table.reader().missing(number.line, text);
        None
    }

    /// A phone is one agent's; others sit there by logging in with their PIN.
    pub(super) fn add_seat(
        &mut self,
        table: &Table<'_>,
        field: &str,
        extension: &ExtensionKey,
        at: At<&str>,
    ) {
        if let Some(line) = self.seats.get(extension) {
            let text = format!(
                "\"{}\" is an agent's phone already, at line {line}; others log in there with their PIN",
                at.value
            );
            table.wrong(at.line, field, &text);
            return;
        }
        self.seats.insert(extension.clone(), at.line);
    }

    fn in_tenant(
        &self,
        table: &Table<'_>,
        field: &str,
        tenant: &TenantId,
        number: At<&str>,
        wanted: Taken,
    ) -> Option<()> {
        let found = self.numbers.get(&(tenant.clone(), number.value.to_owned()));
        if found.is_some_and(|(taken, _)| *taken == wanted) {
            return Some(());
        }
        let what = match wanted {
            Taken::Extension => "[[extension]]",
            Taken::Queue => "[[queue]]",
            Taken::Conference => "[[conference]]",
            Taken::Group => "[[group]]",
            Taken::Page => "[[page]]",
        };
        let same =
            self.numbers.iter().filter(|((t, _), (taken, _))| t == tenant && *taken == wanted);
        let known = others(number.value, same.map(|((_, number), _)| number.as_str()));
        let text = format!("{field}: tenant {tenant} has no {what} \"{}\"; {known}", number.value);
        table.reader().missing(number.line, text);
        None
    }

    pub(super) fn add_menu(&mut self, table: &Table<'_>, tenant: &TenantId, name: At<&str>) {
        enter(&mut self.menus, (tenant.clone(), name.value.to_owned()), table, "name", name);
    }

    /// Menus of the file, by name. Those defined over HTTP are not known here.
    pub(super) fn menu(
        &self,
        table: &Table<'_>,
        field: &str,
        tenant: &TenantId,
        name: At<&str>,
    ) -> Option<MenuKey> {
        self.named(table, (field, "[[menu]]"), &self.menus, tenant, name)?;
        Some(MenuKey { tenant: tenant.clone(), name: name.value.to_owned() })
    }

    pub(super) fn add_page(&mut self, table: &Table<'_>, tenant: &TenantId, name: At<&str>) {
        enter(&mut self.pages, (tenant.clone(), name.value.to_owned()), table, "name", name);
    }

    pub(super) fn add_conference(&mut self, table: &Table<'_>, tenant: &TenantId, name: At<&str>) {
        enter(&mut self.conferences, (tenant.clone(), name.value.to_owned()), table, "name", name);
    }

    pub(super) fn conference(
        &self,
        table: &Table<'_>,
        field: &str,
        tenant: &TenantId,
        name: At<&str>,
    ) -> Option<ConferenceKey> {
        self.named(table, (field, "[[conference]]"), &self.conferences, tenant, name)?;
        Some(ConferenceKey { tenant: tenant.clone(), name: name.value.to_owned() })
    }

    pub(super) fn add_group(&mut self, table: &Table<'_>, tenant: &TenantId, name: At<&str>) {
        enter(&mut self.groups, (tenant.clone(), name.value.to_owned()), table, "name", name);
    }

    pub(super) fn group(
        &self,
        table: &Table<'_>,
        field: &str,
        tenant: &TenantId,
        name: At<&str>,
    ) -> Option<GroupKey> {
        self.named(table, (field, "[[group]]"), &self.groups, tenant, name)?;
        Some(GroupKey { tenant: tenant.clone(), name: name.value.to_owned() })
    }

    /// Whether an extension has this number.
    pub(super) fn is_extension(&self, tenant: &TenantId, number: &str) -> bool {
        let found = self.numbers.get(&(tenant.clone(), number.to_owned()));
        found.is_some_and(|(taken, _)| *taken == Taken::Extension)
    }

    pub(super) fn add_hours(&mut self, table: &Table<'_>, tenant: &TenantId, name: At<&str>) {
        enter(&mut self.hours, (tenant.clone(), name.value.to_owned()), table, "name", name);
    }

    pub(super) fn hours(
        &self,
        table: &Table<'_>,
        tenant: &TenantId,
        name: At<&str>,
    ) -> Option<String> {
        self.named(table, ("hours", "[[hours]]"), &self.hours, tenant, name)?;
        Some(name.value.to_owned())
    }

    fn named(
        &self,
        table: &Table<'_>,
        (field, what): (&str, &str),
        all: &BTreeMap<(TenantId, String), usize>,
        tenant: &TenantId,
        name: At<&str>,
    ) -> Option<()> {
        if all.contains_key(&(tenant.clone(), name.value.to_owned())) {
            return Some(());
        }
        let same = all.keys().filter(|(t, _)| t == tenant);
        let known = others(name.value, same.map(|(_, name)| name.as_str()));
        let text = format!("{field}: tenant {tenant} has no {what} \"{}\"; {known}", name.value);
        table.reader().missing(name.line, text);
        None
    }

    pub(super) fn add_trunk(&mut self, table: &Table<'_>, key: &TrunkKey, name: At<&str>) {
        enter(&mut self.trunks, key.clone(), table, "name", name);
    }

    pub(super) fn trunk(
        &self,
        table: &Table<'_>,
        field: &str,
        tenant: &TenantId,
        name: At<&str>,
    ) -> Option<TrunkKey> {
        let key = TrunkKey { tenant: tenant.clone(), name: name.value.to_owned() };
        if self.trunks.contains_key(&key) {
            return Some(key);
        }
        let same = self.trunks.keys().filter(|key| key.tenant == *tenant);
        let known = others(name.value, same.map(|key| key.name.as_str()));
        let text = format!("{field}: tenant {tenant} has no [[trunk]] \"{}\"; {known}", name.value);
        table.reader().missing(name.line, text);
        None
    }

    pub(super) fn add_agent(&mut self, table: &Table<'_>, tenant: &TenantId, id: At<&str>) {
        enter(&mut self.agents, (tenant.clone(), id.value.to_owned()), table, "id", id);
    }

    pub(super) fn agent(
        &self,
        table: &Table<'_>,
        tenant: &TenantId,
        id: At<&str>,
    ) -> Option<String> {
        if self.agents.contains_key(&(tenant.clone(), id.value.to_owned())) {
            return Some(id.value.to_owned());
        }
        let same = self.agents.keys().filter(|(t, _)| t == tenant);
        let known = others(id.value, same.map(|(_, id)| id.as_str()));
        let text = format!("agent: tenant {tenant} has no [[agent]] \"{}\"; {known}", id.value);
        table.reader().missing(id.line, text);
        None
    }

    pub(super) fn add_outside(&mut self, table: &Table<'_>, trunk: &TrunkKey, number: At<&str>) {
        let key = (trunk.clone(), number.value.trim_start_matches('+').to_owned());
        enter(&mut self.outside, key, table, "number", number);
    }

    pub(super) fn add_route(&mut self, table: &Table<'_>, tenant: &TenantId, name: At<&str>) {
        enter(&mut self.routes, (tenant.clone(), name.value.to_owned()), table, "name", name);
    }

    /// A number that may be shown to the outside must be one of the tenant's own.
    pub(super) fn check_shown(&self, table: &Table<'_>, tenant: &TenantId, number: At<&str>) {
        let bare = number.value.trim_start_matches('+');
        let own = |(trunk, known): &&(TrunkKey, String)| trunk.tenant == *tenant && known == bare;
        if values::outside_number(number.value).is_err() || self.outside.keys().any(|k| own(&k)) {
            return;
        }
        let text = format!(
            "caller_number: tenant {tenant} has no [[number]] \"{}\"; only its own numbers may be shown",
            number.value
        );
        table.reader().missing(number.line, text);
    }
}
