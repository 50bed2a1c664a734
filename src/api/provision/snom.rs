//! Snom: `snomMODEL-MAC.htm`, settings as XML.

use std::fmt::Write;

use strowger_core::vocab::provision::{KeyKind, PhoneSheet};

use super::escaped;

/// A document without settings.
pub(super) const EMPTY: &str =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<settings>\n</settings>\n";
/// Accounts of a phone that are set.
const ACCOUNTS: usize = 4;

pub(super) fn settings(sheet: &PhoneSheet, url: &str) -> String {
    let mut out = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<settings>\n<phone-settings e=\"2\">\n",
    );
    let _ = writeln!(out, "<setting_server perm=\"RW\">{}</setting_server>", escaped(url));
    for at in 0..ACCOUNTS {
        let number = at + 1;
        let mut set = |name: &str, value: &str| {
            let _ =
                writeln!(out, "<{name} idx=\"{number}\" perm=\"RW\">{}</{name}>", escaped(value));
        };
        let Some(account) = sheet.accounts.get(at) else {
            set("user_active", "off");
            continue;
        };
        set("user_active", "on");
        set("user_idle_text", &account.number);
        set("user_realname", &account.name);
        set("user_name", &account.user);
        set("user_pname", &account.user);
        set("user_pass", account.password.expose());
        set("user_host", &sheet.domain);
        set("user_outbound", &format!("{}:{}", sheet.domain, sheet.port));
        set("user_mailbox", &sheet.voicemail);
        set("user_expiry", "600");
        set("codec_priority_list", "g722,pcma,pcmu,telephone-event");
    }
    out.push_str("</phone-settings>\n<functionKeys e=\"2\">\n");
    for (at, key) in sheet.phone.keys.iter().enumerate() {
        let value = match key.kind {
            KeyKind::Line => "line".to_owned(),
            KeyKind::Blf => format!("blf sip:{}@{}|{}", key.value, sheet.domain, sheet.pickup),
            KeyKind::SpeedDial => format!("speed {}", key.value),
        };
        let _ = writeln!(
            out,
            "<fkey idx=\"{at}\" context=\"1\" label=\"{}\" perm=\"RW\">{}</fkey>",
            escaped(&key.label),
            escaped(&value)
        );
    }
    out.push_str("</functionKeys>\n</settings>\n");
    out
}
