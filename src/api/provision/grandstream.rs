//! Grandstream GXP21xx: `cfgMAC.xml`, settings by P-number.

use std::fmt::Write;

use strowger_core::vocab::provision::{KeyKind, PhoneSheet};

use super::escaped;

/// A document without settings.
pub(super) const EMPTY: &str =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gs_provision version=\"1\">\n</gs_provision>\n";

/// P-numbers of one account: active, name, server, user, authentication, password, shown name, mailbox.
struct Account([u16; 8]);

const ACCOUNTS: [Account; 4] = [
    Account([271, 270, 47, 35, 36, 34, 3, 33]),
    Account([401, 417, 402, 404, 405, 406, 407, 426]),
    Account([501, 517, 502, 504, 505, 506, 507, 526]),
    Account([601, 617, 602, 604, 605, 606, 607, 626]),
];
/// Multi-purpose keys whose P-numbers stand in one row: the mode of the first, and its account, name and value.
const KEYS: usize = 7;
const FIRST_MODE: usize = 323;
const FIRST_ACCOUNT: usize = 301;

pub(super) fn settings(sheet: &PhoneSheet, url: &str) -> String {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gs_provision version=\"1\">\n<mac>{}</mac>\n\
         <config version=\"1\">\n",
        sheet.phone.mac
    );
    let mut set = |number: usize, value: &str| {
        let _ = writeln!(out, "<P{number}>{}</P{number}>", escaped(value));
    };
    let (scheme, path) = url.split_once("://").unwrap_or(("http", url));
    set(212, if scheme == "https" { "2" } else { "1" });
    set(237, path.trim_end_matches('/'));
    for (at, Account(numbers)) in ACCOUNTS.iter().enumerate() {
        let [active, label, server, user, auth, password, name, mailbox] = numbers.map(usize::from);
        let Some(account) = sheet.accounts.get(at) else {
            set(active, "0");
            continue;
        };
        set(active, "1");
        set(label, &account.number);
        set(server, &format!("{}:{}", sheet.domain, sheet.port));
        set(user, &account.user);
        set(auth, &account.user);
        set(password, account.password.expose());
        set(name, &account.name);
        set(mailbox, &sheet.voicemail);
    }
    // Subscribes to the mailbox, and what stands before the number of a lamp's key that is pressed while it blinks.
    set(99, "1");
    set(1347, &sheet.pickup);
    let keys = sheet.phone.keys.iter().filter(|key| key.kind != KeyKind::Line);
    for (at, key) in keys.take(KEYS).enumerate() {
        set(FIRST_MODE + at, if key.kind == KeyKind::Blf { "1" } else { "0" });
        set(FIRST_ACCOUNT + 3 * at, "0");
        set(FIRST_ACCOUNT + 3 * at + 1, &key.label);
        set(FIRST_ACCOUNT + 3 * at + 2, &key.value);
    }
    out.push_str("</config>\n</gs_provision>\n");
    out
}
