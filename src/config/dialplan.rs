//! `[[trunk]]`, `[[number]]` and `[[route]]`: where calls come from and go to.

use strowger_core::vocab::config::{Destination, Number, Route, RouteFrom, Trunk};
use strowger_core::vocab::{Secret, TenantId, TrunkKey};

use super::destination::{DESTINATIONS, destination};
use super::general::{checked, codecs};
use super::names::Names;
use super::table::{At, Table};
use super::values;

/// `[[trunk]]`.
pub(super) fn trunks(root: &Table<'_>, names: &mut Names) -> Vec<Trunk> {
    let mut trunks = Vec::new();
    for table in root.tables("trunk", "[[trunk]]") {
        let tenant = names.tenant(&table);
        let name = table.required_text("name", "a name such as \"carrier\"");
        let valid =
            checked(&table, "name", name, |text| values::name(text).map(|()| text.to_owned()));
        let key = tenant.zip(valid).map(|(tenant, name)| TrunkKey { tenant, name });
        if let (Some(key), Some(name)) = (&key, name) {
            names.add_trunk(&table, key, name);
        }
        trunks.extend(trunk(&table, key));
        table.finish();
    }
    trunks
}

fn trunk(table: &Table<'_>, key: Option<TrunkKey>) -> Option<Trunk> {
    let host = table.required_text("host", "the carrier, such as \"sip.carrier.example:5060\"");
    let host =
        checked(table, "host", host, |text| values::host_port(text).map(|()| text.to_owned()));
    let transport = table.text("transport", "\"udp\" or \"tcp\"");
    let transport = checked(table, "transport", transport, values::trunk_transport);
    let domain = table.text("domain", "the carrier's realm, such as \"carrier.example\"");
    let domain =
        checked(table, "domain", domain, |text| values::host(text).map(|()| text.to_owned()));
    let addresses = table.texts("addresses", "a list of IP addresses such as [\"192.0.2.10\"]");
    let addresses = addresses.unwrap_or_default().into_iter();
    let addresses =
        addresses.filter_map(|text| checked(table, "addresses", Some(text), values::address));
    let addresses = addresses.collect();
    let register = table.flag("register").unwrap_or(false);
    let username = table.text("username", "the account at the carrier");
    let password = table.text("password", "the account's password");
    if register && username.is_none_or(|name| name.value.is_empty()) {
        table.require("username", "the account to register, or write register = false");
    }
    if register && password.is_none_or(|password| password.value.is_empty()) {
        table.require("password", "the account's password, or write register = false");
    }
    let max_calls = table.number("max_calls", 0..=10_000, "calls").unwrap_or(0);
    let qualify_secs = table.number("qualify_secs", 0..=3_600, "seconds").unwrap_or(30);
    let expires = table.number("expires", 60..=86_400, "seconds").unwrap_or(600);
    let e164 = table.flag("e164").unwrap_or(false);
    let trusted = table.flag("trusted").unwrap_or(false);
    let original_caller = table.flag("original_caller").unwrap_or(false);
    let transfers = table.flag("transfers").unwrap_or(false);
    let codecs = codecs(table).filter(|codecs| !codecs.is_empty());
    Some(Trunk {
        key: key?,
        host: host?,
        transport,
        register,
        username: username.map(|name| name.value.to_owned()),
        password: password.map(|password| Secret::new(password.value)),
        domain,
        addresses,
        max_calls,
        qualify_secs,
        expires,
        codecs,
        e164,
        trusted,
        original_caller,
        transfers,
    })
}

/// `[[number]]`.
pub(super) fn numbers(root: &Table<'_>, names: &mut Names) -> Vec<Number> {
    let mut numbers = Vec::new();
    for table in root.tables("number", "[[number]]") {
        let tenant = names.tenant(&table);
        let trunk = table.required_text("trunk", "the name of a [[trunk]]");
        let number = table.required_text("number", "digits such as \"057126200670\"");
        let to = table.text("to", DESTINATIONS);
        if let Some(tenant) = tenant {
            let key = trunk.and_then(|name| names.trunk(&table, "trunk", &tenant, name));
            let valid = checked(&table, "number", number, values::outside_number);
            if let (Some(key), Some(number), Some(())) = (&key, number, valid) {
                names.add_outside(&table, key, number);
            }
            let to = match to {
                Some(to) => destination(&table, &tenant, to, names),
                // A menu that is defined over HTTP, if at all.
                None => Some(Destination::welcome(&tenant)),
            };
            if let (Some(trunk), Some(number), Some(to)) = (key, number, to) {
                numbers.push(Number { trunk, number: number.value.to_owned(), to });
            }
        }
        table.finish();
    }
    numbers
}

/// `[[route]]`.
pub(super) fn routes(root: &Table<'_>, names: &mut Names) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for table in root.tables("route", "[[route]]") {
        let tenant = names.tenant(&table);
        let name = table.text("name", "a name such as \"national\"");
        if let Some((tenant, name)) = tenant.as_ref().zip(name)
            && checked(&table, "name", Some(name), values::name).is_some()
        {
            names.add_route(&table, tenant, name);
        }
        let pattern = table.required_text("match", "a pattern such as \"^0[1-9]\\\\d{6,11}$\"");
        let valid = checked(&table, "match", pattern, values::pattern);
        let class = table.text("class", "a class such as \"national\"");
        let class =
            checked(&table, "class", class, |text| values::name(text).map(|()| text.to_owned()));
        let strip = table.number("strip", 0..=32, "digits").unwrap_or(0);
        let prepend = table.text("prepend", "digits to put in front");
        let prepend = checked(&table, "prepend", prepend, |text| {
            values::prepended(text).map(|()| text.to_owned())
        });
        let prepend = prepend.unwrap_or_default();
        let from = table.text("from", "\"extension\" or the name of a [[trunk]]");
        let to = table.text_or_texts("to", DESTINATIONS);
        if to.as_ref().is_none_or(Vec::is_empty) {
            table.require("to", DESTINATIONS);
        }
        if let Some(tenant) = tenant {
            let from = route_from(&table, &tenant, from, names);
            let to = to.unwrap_or_default().into_iter();
            let to = to.filter_map(|to| destination(&table, &tenant, to, names)).collect();
            if let (Some(pattern), Some(()), Some(from)) = (pattern, valid, from) {
                let pattern = pattern.value.to_owned();
                let before = routes.iter().filter(|own| own.tenant == tenant).count();
                let name =
                    name.map_or_else(|| format!("file:{}", before + 1), |own| own.value.into());
                routes.push(Route { tenant, name, pattern, class, from, strip, prepend, to });
            }
        }
        table.finish();
    }
    routes
}

fn route_from(
    table: &Table<'_>,
    tenant: &TenantId,
    from: Option<At<&str>>,
    names: &Names,
) -> Option<RouteFrom> {
    match from {
        None => Some(RouteFrom::Extension),
        Some(from) if from.value == "extension" => Some(RouteFrom::Extension),
        Some(name) => names.trunk(table, "from", tenant, name).map(RouteFrom::Trunk),
    }
}
