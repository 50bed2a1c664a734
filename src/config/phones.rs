//! `[[phone]]`: desk phones that fetch their settings.

use strowger_core::vocab::provision::{KeyKind, PhoneConfig, PhoneKey, Vendor};

use super::general::checked;
use super::names::Names;
use super::table::Table;

/// `[[phone]]`, once all extensions are known.
pub(super) fn phones(root: &Table<'_>, names: &Names) -> Vec<PhoneConfig> {
    let mut phones: Vec<PhoneConfig> = Vec::new();
    for table in root.tables("phone", "[[phone]]") {
        let tenant = names.tenant(&table);
        let mac = table.required_text("mac", "a MAC address such as \"80:5e:c0:12:34:56\"");
        let line = mac.map_or(table.line(), |mac| mac.line);
        let mac = checked(&table, "mac", mac, |text| {
            PhoneConfig::mac(text).ok_or_else(|| {
                format!("\"{text}\" is no MAC address; write one such as \"80:5e:c0:12:34:56\"")
            })
        });
        let vendor = table.required_text("vendor", "\"yealink\", \"grandstream\" or \"snom\"");
        let vendor = checked(&table, "vendor", vendor, |text| {
            Vendor::named(text).ok_or_else(|| {
                format!("\"{text}\" is unknown; write \"yealink\", \"grandstream\" or \"snom\"")
            })
        });
        let texts = table.texts("extensions", "a list of numbers such as [\"4567\"]");
        let mut extensions = Vec::new();
        for number in texts.unwrap_or_default() {
            let Some(tenant) = &tenant else { continue };
            let known = names.extension(&table, "extensions", tenant, number);
            extensions.extend(known.map(|key| key.number));
        }
        let keys = table.tables("keys", "[[phone.keys]]");
        let keys = keys.into_iter().filter_map(key).collect();
        if let (Some(tenant), Some(mac), Some(vendor)) = (tenant, mac, vendor) {
            if phones.iter().any(|own| own.mac == mac) {
                table.wrong(line, "mac", &format!("{mac} stands there twice; remove one"));
            }
            let phone = PhoneConfig { tenant, mac, vendor, extensions, keys };
            if let Some(problem) = phone.problem() {
                table.wrong(table.line(), "extensions", &problem);
            }
            phones.push(phone);
        }
        table.finish();
    }
    phones
}

fn key(table: Table<'_>) -> Option<PhoneKey> {
    let kind = table.required_text("kind", "\"line\", \"blf\" or \"speed_dial\"");
    let kind = checked(&table, "kind", kind, |text| {
        KeyKind::named(text).ok_or_else(|| {
            format!("\"{text}\" is unknown; write \"line\", \"blf\" or \"speed_dial\"")
        })
    });
    let text = |key: &'static str, right: &'static str| {
        table.text(key, right).map_or_else(String::new, |text| text.value.to_owned())
    };
    let value = text("value", "a number such as \"4568\", or \"agent-101\"");
    let label = text("label", "what stands beside the key");
    table.finish();
    Some(PhoneKey { kind: kind?, value, label })
}
