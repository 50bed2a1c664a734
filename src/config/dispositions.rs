//! `[[disposition]]`: what a conversation may have been about.

use strowger_core::vocab::TenantId;

use super::general::checked;
use super::names::Names;
use super::table::Table;

/// Bytes of a name.
const LONGEST: usize = 64;

/// Names by tenant, in the order of the file.
pub(super) fn dispositions(root: &Table<'_>, names: &Names) -> Vec<(TenantId, String)> {
    let mut all: Vec<(TenantId, String)> = Vec::new();
    for table in root.tables("disposition", "[[disposition]]") {
        let tenant = names.tenant(&table);
        let name = table.required_text("name", "a name such as \"sold\"");
        let line = name.map_or(table.line(), |name| name.line);
        let name = checked(&table, "name", name, |text| sound(text).map(|()| text.to_owned()));
        if let (Some(tenant), Some(name)) = (tenant, name) {
            let own = (tenant, name);
            if all.contains(&own) {
                table.wrong(line, "name", &format!("\"{}\" is defined already; rename one", own.1));
            }
            all.push(own);
        }
        table.finish();
    }
    all
}

fn sound(text: &str) -> Result<(), String> {
    let printable = !text.chars().any(char::is_control) && text.trim() == text;
    match (1..=LONGEST).contains(&text.len()) && printable {
        true => Ok(()),
        false => Err(format!("\"{text}\" is no name; write 1 to {LONGEST} bytes such as \"sold\"")),
    }
}

#[cfg(test)]
mod tests {
    const HEAD: &str = "sip.domain = \"x\"\n[[tenant]]\nid = \"t\"\n[[tenant]]\nid = \"u\"\n";

    fn read(more: &str) -> Result<Vec<(String, String)>, String> {
        let loaded = crate::config::parse(&format!("{HEAD}{more}"), "f");
        loaded.map(|loaded| loaded.shell.dispositions).map_err(|problems| problems.to_string())
    }

    #[test]
    fn names_belong_to_tenants() {
        let two = "[[disposition]]\ntenant = \"t\"\nname = \"sold\"\n\
                   [[disposition]]\ntenant = \"u\"\nname = \"sold\"\n";
        let pair = |tenant: &str| (tenant.to_owned(), "sold".to_owned());
        assert_eq!(read(two), Ok(vec![pair("t"), pair("u")]));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let wrong = read("[[disposition]]\ntenant = \"t\"\nname = \" \"\n").unwrap_err();
        assert!(wrong.contains("f:8: [[disposition]] name"), "{wrong}");
        let twice = "[[disposition]]\ntenant = \"t\"\nname = \"a\"\n".repeat(2);
        let wrong = read(&twice).unwrap_err();
        assert!(wrong.contains("is defined already"), "{wrong}");
    }
}
