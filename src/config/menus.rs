//! `[[hours]]` and `[[menu]]`.

use std::collections::BTreeMap;

use strowger_core::vocab::MenuKey;
use strowger_core::vocab::config::{Destination, Tenant};
use strowger_core::vocab::menu::{Holiday, Hours, Menu, OpenSpan};

use super::destination::of_queue;
use super::general::checked;
use super::names::Names;
use super::table::{At, Table};
use super::values;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// What the key of a menu looks like in the file, and the key itself.
const KEYS: [(&str, char); 12] = [
    ("key_0", '0'),
    ("key_1", '1'),
    ("key_2", '2'),
    ("key_3", '3'),
    ("key_4", '4'),
    ("key_5", '5'),
    ("key_6", '6'),
    ("key_7", '7'),
    ("key_8", '8'),
    ("key_9", '9'),
    ("key_star", '*'),
    ("key_pound", '#'),
];

/// Menus whose names are known; the rest is read when everything that they may name is.
pub(super) type Tables<'d> = Vec<(Option<MenuKey>, Table<'d>)>;

/// `[[hours]]`, by tenant and name.
pub(super) fn hours(root: &Table<'_>, names: &mut Names, tenants: &[Tenant]) -> Vec<Hours> {
    let mut found = Vec::new();
    for table in root.tables("hours", "[[hours]]") {
        let tenant = names.tenant(&table);
        let name = table.required_text("name", "a name such as \"office\"");
        let valid = checked(&table, "name", name, values::name);
        let open = table.texts("open", "a list of times such as [\"mon-fri 09:00-17:30\"]");
        let open = all(&table, "open", open, span);
        let holidays =
            table.texts("holidays", "a list of days such as [\"12-25\", \"2027-04-05\"]");
        let holidays = all(&table, "holidays", holidays, holiday);
        let timezone = table.text("timezone", "a time zone such as \"Asia/Shanghai\"");
        let own = checked(&table, "timezone", timezone, |text| {
            values::timezone(text).map(|()| text.to_owned())
        });
        if let (Some(tenant), Some(name), Some(())) = (tenant, name, valid) {
            names.add_hours(&table, &tenant, name);
            let of_tenant = tenants.iter().find(|known| known.id == tenant);
            let timezone = own.or_else(|| of_tenant.map(|known| known.timezone.clone()));
            let (name, timezone) = (name.value.to_owned(), timezone.unwrap_or_default());
            found.push(Hours { tenant, name, open, holidays, timezone });
        }
        table.finish();
    }
    found
}

fn all<T>(
    table: &Table<'_>,
    key: &str,
    texts: Option<Vec<At<&str>>>,
    read: fn(&str) -> Result<T, String>,
) -> Vec<T> {
    let texts = texts.unwrap_or_default().into_iter();
    texts.filter_map(|text| checked(table, key, Some(text), read)).collect()
}

/// `mon-fri 09:00-17:30`, `sat 10:00-14:00`, `sun 00:00-24:00`.
fn span(text: &str) -> Result<OpenSpan, String> {
    let wrong = || {
        format!(
            "\"{text}\" is no time of the week; write e.g. \"mon-fri 09:00-17:30\" or \"sat 10:00-14:00\""
        )
    };
    let (days, times) = text.split_once(' ').ok_or_else(wrong)?;
    let (from, to) = times.trim().split_once('-').ok_or_else(wrong)?;
    let days = days_of(&days.to_ascii_lowercase()).ok_or_else(wrong)?;
    let from = minutes(from).filter(|from| *from < 1_440).ok_or_else(wrong)?;
    let to = minutes(to).filter(|to| *to != from).ok_or_else(wrong)?;
    Ok(OpenSpan { days, from, to })
}

fn days_of(text: &str) -> Option<u8> {
    let day = |name: &str| DAYS.iter().position(|day| *day == name);
    let Some((first, last)) = text.split_once('-') else {
        return Some(1 << day(text)?);
    };
    let (first, last) = (day(first)?, day(last)?);
    let count = (last + 7 - first) % 7;
    Some((0..=count).fold(0, |days, step| days | 1 << ((first + step) % 7)))
}

fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |text: &str| (text.len() == 2).then(|| text.parse::<u16>().ok()).flatten();
    let (hour, minute) = (two(hour)?, two(minute)?);
    let sum = hour * 60 + minute;
    (minute < 60 && sum <= 1_440).then_some(sum)
}

/// `12-25`, `2027-04-05`, and `12-24..01-02` for several days.
fn holiday(text: &str) -> Result<Holiday, String> {
    let wrong = || {
        format!("\"{text}\" is no day; write e.g. \"12-25\", \"2027-04-05\" or \"12-24..01-02\"")
    };
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let (year, first) = day(first).ok_or_else(wrong)?;
    let (_, last) = day(last).ok_or_else(wrong)?;
    Ok(Holiday { year, first, last })
}

fn day(text: &str) -> Option<(Option<u16>, (u8, u8))> {
    let parts: Vec<&str> = text.split('-').collect();
    let (year, month, day) = match parts.as_slice() {
        [month, day] => (None, *month, *day),
        [year, month, day] => {
            let four = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
            (Some(year.parse().ok().filter(|_| four)?), *month, *day)
        }
        _ => return None,
    };
    let (month, day): (u8, u8) = (month.parse().ok()?, day.parse().ok()?);
    let longest = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    (1..=longest).contains(&day).then_some((year, (month, day)))
}

/// Enters the names of all menus, so that they may lead to each other.
pub(super) fn names<'d>(root: &Table<'d>, names: &mut Names) -> Tables<'d> {
    let mut found = Vec::new();
    for table in root.tables("menu", "[[menu]]") {
        let tenant = names.tenant(&table);
        let name = table.required_text("name", "a name such as \"main\"");
        let valid = checked(&table, "name", name, values::name);
        if let (Some(tenant), Some(name), Some(())) = (&tenant, name, valid) {
            names.add_menu(&table, tenant, name);
        }
        let name = name.map(|name| name.value.to_owned());
        found.push((tenant.zip(name).map(|(tenant, name)| MenuKey { tenant, name }), table));
    }
    found
}

/// Everything else of them.
pub(super) fn menus(tables: Tables<'_>, names: &Names) -> Vec<Menu> {
    let mut menus = Vec::new();
    for (key, table) in tables {
        let known = key.clone();
        let nobody = || MenuKey { tenant: String::new(), name: String::new() };
        let menu = menu(&table, known.unwrap_or_else(nobody), names);
        if menu.closed_to.is_some() && menu.hours.is_none() {
            let text = "has no effect without hours; name [[hours]], or leave it out";
            table.wrong(table.line(), "closed_to", text);
        }
        menus.extend(key.map(|_| menu));
        table.finish();
    }
    menus
}

fn menu(table: &Table<'_>, key: MenuKey, names: &Names) -> Menu {
    let tenant = key.tenant.clone();
    let to = |field: &'static str| of_queue(table, field, &tenant, names);
    let keys: BTreeMap<char, Destination> =
        KEYS.iter().filter_map(|(field, key)| Some((*key, to(field)?))).collect();
    let base = Menu::named(key);
    let hours = table.text("hours", "the name of [[hours]]");
    Menu {
        keys,
        greeting: prompt(table, "greeting"),
        direct_dial: table.flag("direct_dial").unwrap_or(false),
        timeout_secs: table.number("timeout_secs", 1..=60, "seconds").unwrap_or(base.timeout_secs),
        digit_secs: table.number("digit_secs", 1..=10, "seconds").unwrap_or(base.digit_secs),
        tries: table.number("tries", 1..=10, "times").unwrap_or(base.tries),
        invalid: prompt(table, "invalid"),
        timeout_to: to("timeout_to"),
        invalid_to: to("invalid_to"),
        hours: hours.and_then(|name| names.hours(table, &tenant, name)),
        closed_greeting: prompt(table, "closed_greeting"),
        closed_to: to("closed_to"),
        key: base.key,
    }
}

fn prompt(table: &Table<'_>, key: &'static str) -> Option<String> {
    let text = table.text(key, "a prompt such as \"en/welcome\"");
    checked(table, key, text, |text| values::prompt(text).map(|()| text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_week_are_read() {
        let of = |text| span(text).map(|span| (span.days, span.from, span.to));
        assert_eq!(of("mon-fri 09:00-17:30"), Ok((0b001_1111, 540, 1_050)));
        assert_eq!(of("Sat 10:00-14:00"), Ok((0b010_0000, 600, 840)));
        assert_eq!(of("fri-mon 22:00-06:00"), Ok((0b111_0001, 1_320, 360)));
        assert_eq!(of("sun 00:00-24:00"), Ok((0b100_0000, 0, 1_440)));
        for wrong in [
            "",
            "mon",
            "mon 9:00-17:00",
            "mon 09:00",
            "funday 09:00-10:00",
            "mon 24:00-01:00",
            "mon 09:60-10:00",
            "mon 09:00-09:00",
        ] {
            assert!(of(wrong).unwrap_err().contains("mon-fri 09:00-17:30"), "{wrong}");
        }
    }

    #[test]
    fn holidays_are_read() {
        let of = |text| holiday(text).map(|day| (day.year, day.first, day.last));
        assert_eq!(of("12-25"), Ok((None, (12, 25), (12, 25))));
        assert_eq!(of("2027-04-05"), Ok((Some(2027), (4, 5), (4, 5))));
        assert_eq!(of("12-24..01-02"), Ok((None, (12, 24), (1, 2))));
        for wrong in ["", "25", "13-01", "02-30", "27-04-05", "2027-4", "12-25..", "a-b"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
