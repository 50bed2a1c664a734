//! `[[conference]]`.

use strowger_core::vocab::conference::{Conference, MOST_MEMBERS};
use strowger_core::vocab::{ConferenceKey, Secret};

use super::general::checked;
use super::names::{Names, Taken};
use super::table::Table;
use super::values;

/// Rooms, by tenant and name.
pub(super) fn conferences(root: &Table<'_>, names: &mut Names) -> Vec<Conference> {
    let mut rooms = Vec::new();
    for table in root.tables("conference", "[[conference]]") {
        let tenant = names.tenant(&table);
        let name = table.required_text("name", "a name such as \"board\"");
        let valid = checked(&table, "name", name, values::name);
        let number = table.text("number", "digits such as \"8000\"");
        let dialled = checked(&table, "number", number, |text| {
            values::digits(text).map(|()| text.to_owned())
        });
        if let (Some(tenant), Some(number), Some(_)) = (&tenant, number, &dialled) {
            names.add_number(&table, tenant, number, Taken::Conference);
        }
        let key = match (&tenant, name, valid) {
            (Some(tenant), Some(name), Some(())) => {
                names.add_conference(&table, tenant, name);
                Some(ConferenceKey { tenant: tenant.clone(), name: name.value.to_owned() })
            }
            _ => None,
        };
        let nobody = || ConferenceKey { tenant: String::new(), name: String::new() };
        let room = room(&table, key.clone().unwrap_or_else(nobody), dialled);
        rooms.extend(key.map(|_| room));
        table.finish();
    }
    rooms.sort_by(|a, b| a.key.cmp(&b.key));
    rooms
}

fn room(table: &Table<'_>, key: ConferenceKey, number: Option<String>) -> Conference {
    let base = Conference::named(key);
    let pin = |key: &'static str| {
        let text = table.text(key, "digits such as \"4711\"");
        let line = text.map_or(table.line(), |text| text.line);
        checked(table, key, text, values::digits).and(text).map(|text| (line, text.value))
    };
    let (pin, admin_pin) = (pin("pin"), pin("admin_pin"));
    if let (Some((_, pin)), Some((line, admin))) = (pin, admin_pin)
        && pin == admin
    {
        table.wrong(line, "admin_pin", "is the pin too; choose another one");
    }
    let music = table.text("music", "a prompt such as \"music/hold\"");
    let secret = |found: Option<(usize, &str)>| found.map(|(_, digits)| Secret::new(digits));
    Conference {
        number,
        pin: secret(pin),
        admin_pin: secret(admin_pin),
        max_members: table
            .number("max_members", 2..=u32::from(MOST_MEMBERS), "members")
            .and_then(|most| u16::try_from(most).ok())
            .unwrap_or(base.max_members),
        record: table.flag("record").unwrap_or(base.record),
        music: checked(table, "music", music, |text| {
            values::prompt(text).map(|()| text.to_owned())
        }),
        announce: table.flag("announce").unwrap_or(base.announce),
        start_muted: table.flag("start_muted").unwrap_or(base.start_muted),
        key: base.key,
    }
}
