//! `[[dialer]]`: what holds for all dial tasks of a tenant.

use std::collections::BTreeSet;

use strowger_core::vocab::TenantId;
use strowger_core::vocab::config::Dialer;

use super::general::checked;
use super::names::Names;
use super::table::Table;
use super::values;

/// One for each tenant at most.
pub(super) fn dialers(root: &Table<'_>, names: &Names) -> Vec<Dialer> {
    let mut found: Vec<Dialer> = Vec::new();
    let mut known: BTreeSet<TenantId> = BTreeSet::new();
    for table in root.tables("dialer", "[[dialer]]") {
        let tenant = names.tenant(&table);
        let classes = table.texts("classes", "a list of classes of routes such as [\"national\"]");
        let classes = classes.unwrap_or_default().into_iter();
        let classes = classes.map(|class| class.value.to_owned()).collect();
        let hours = table.text("hours", "the name of [[hours]]");
        let robot = table.text("robot_url", "an address such as \"wss://robot.example/calls\"");
        let sound = checked(&table, "robot_url", robot, values::socket_url);
        let robot_url = sound.and(robot).map(|url| url.value.to_owned());
        if let Some(tenant) = tenant {
            let hours = hours.and_then(|name| names.hours(&table, &tenant, name));
            if known.insert(tenant.clone()) {
                found.push(Dialer { tenant, classes, hours, robot_url });
            } else {
                let text = "has a [[dialer]] already; one holds for all tasks of a tenant";
                table.wrong(table.line(), "tenant", text);
            }
        }
        table.finish();
    }
    found
}
