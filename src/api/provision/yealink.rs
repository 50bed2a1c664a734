//! Yealink, firmware 80 and later: `MAC.cfg`, lines of `name = value`.

use std::fmt::Write;

use strowger_core::vocab::provision::{KeyKind, PhoneAccount, PhoneKey, PhoneSheet};

pub(super) fn settings(sheet: &PhoneSheet, url: &str) -> String {
    let mut out = String::from("#!version:1.0.0.1\n");
    let mut set = |name: &str, value: &str| {
        let _ = writeln!(out, "{name} = {}", line(value));
    };
    set("static.auto_provision.server.url", url);
    for (number, account) in (1..).zip(&sheet.accounts) {
        self::account(&mut set, sheet, number, account);
    }
    // Accounts that a phone had before and has no more.
    for number in sheet.accounts.len() + 1..=4 {
        set(&format!("account.{number}.enable"), "0");
    }
    set("features.pickup.direct_pickup_enable", "1");
    set("features.pickup.direct_pickup_code", &sheet.pickup);
    set("features.pickup.group_pickup_enable", "1");
    set("features.pickup.group_pickup_code", &sheet.group_pickup);
    for (number, key) in (1..).zip(&sheet.phone.keys) {
        self::key(&mut set, sheet, number, key);
    }
    out
}

fn account(
    set: &mut impl FnMut(&str, &str),
    sheet: &PhoneSheet,
    number: usize,
    account: &PhoneAccount,
) {
    let mut own = |name: &str, value: &str| set(&format!("account.{number}.{name}"), value);
    own("enable", "1");
    own("label", &account.number);
    own("display_name", &account.name);
    own("user_name", &account.user);
    own("auth_name", &account.user);
    own("password", account.password.expose());
    own("sip_server.1.address", &sheet.domain);
    own("sip_server.1.port", &sheet.port.to_string());
    own("sip_server.1.transport_type", "0");
    own("sip_server.1.expires", "600");
    own("subscribe_mwi", "1");
    own("subscribe_mwi_to_vm", "1");
    own("blf.subscribe_period", "1800");
    // Picks up by INVITE with Replaces, from what the dialog package says.
    own("dialoginfo_callpickup", "1");
    for (codec, priority) in [("g722", "1"), ("pcma", "2"), ("pcmu", "3")] {
        own(&format!("codec.{codec}.enable"), "1");
        own(&format!("codec.{codec}.priority"), priority);
    }
    set(&format!("voice_mail.number.{number}"), &sheet.voicemail);
}

fn key(set: &mut impl FnMut(&str, &str), sheet: &PhoneSheet, number: usize, key: &PhoneKey) {
    let mut own = |name: &str, value: &str| set(&format!("linekey.{number}.{name}"), value);
    let kind = match key.kind {
        KeyKind::Line => "15",
        KeyKind::Blf => "16",
        KeyKind::SpeedDial => "13",
    };
    own("type", kind);
    own("line", "1");
    own("value", &key.value);
    own("label", &key.label);
    if key.kind == KeyKind::Blf {
        own("extension", &sheet.pickup);
    }
}

/// A value ends with its line.
fn line(value: &str) -> String {
    value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
