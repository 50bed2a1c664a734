//! `[[page]]`: phones that play what is said.

use strowger_core::vocab::PageKey;
use strowger_core::vocab::page::{MOST_PHONES, Page};

use super::general::checked;
use super::names::{Names, Taken};
use super::table::Table;
use super::values;

/// Pages, by tenant and name.
pub(super) fn pages(root: &Table<'_>, names: &mut Names) -> Vec<Page> {
    let mut pages = Vec::new();
    for table in root.tables("page", "[[page]]") {
        let tenant = names.tenant(&table);
        let name = table.required_text("name", "a name such as \"all\"");
        let valid = checked(&table, "name", name, values::name);
        let number = table.required_text("number", "digits such as \"800\"");
        let digits = checked(&table, "number", number, values::digits);
        if let (Some(tenant), Some(name), Some(())) = (&tenant, name, valid) {
            names.add_page(&table, tenant, name);
        }
        if let (Some(tenant), Some(number), Some(())) = (&tenant, number, digits) {
            names.add_number(&table, tenant, number, Taken::Page);
        }
        let key =
            tenant.zip(name).map(|(tenant, name)| PageKey { tenant, name: name.value.to_owned() });
        let known = key.clone().zip(number).zip(valid.and(digits));
        let nobody = || PageKey { tenant: String::new(), name: String::new() };
        let number = number.map_or("", |number| number.value);
        let page = page(&table, Page::named(key.unwrap_or_else(nobody), number), names);
        pages.extend(known.map(|_| page));
        table.finish();
    }
    pages.sort_by(|a, b| a.key.cmp(&b.key));
    pages
}

fn page(table: &Table<'_>, base: Page, names: &Names) -> Page {
    const RIGHT: &str = "a list of extensions such as [\"4567\", \"4568\"]";
    let listed = table.texts("members", RIGHT).unwrap_or_default();
    if listed.is_empty() {
        table.require("members", RIGHT);
    }
    if listed.len() > MOST_PHONES {
        let text = format!("has more than {MOST_PHONES} numbers; leave some out");
        table.wrong(table.line(), "members", &text);
    }
    let tenant = &base.key.tenant;
    let known = |number| names.extension(table, "members", tenant, number);
    let members = listed.into_iter().filter_map(known).map(|own| own.number).collect();
    let class = table.text("class", "a name such as \"intercom\"");
    Page {
        members,
        class: checked(table, "class", class, |text| values::name(text).map(|()| text.to_owned()))
            .unwrap_or(base.class),
        max_secs: table.number("max_secs", 1..=3_600, "seconds").unwrap_or(base.max_secs),
        key: base.key,
        number: base.number,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{good, says, with_tenant};

    #[test]
    fn a_page_has_a_number_and_phones() {
        let phone = "[[extension]]\nnumber = \"4567\"\npassword = \"x\"\n";
        let page = |more: &str| {
            with_tenant(&format!("{phone}[[page]]\nname = \"all\"\nnumber = \"800\"\n{more}"))
        };
        let core = good(&page("members = [\"4567\"]\nclass = \"boss\"\nmax_secs = 20\n")).core;
        let own = &core.pages[0];
        assert_eq!((own.key.name.as_str(), own.number.as_str()), ("all", "800"));
        assert_eq!(
            (own.members.as_slice(), own.class.as_str()),
            (&["4567".to_owned()][..], "boss")
        );
        assert_eq!(own.max_secs, 20);
        let usual = good(&page("members = [\"4567\"]\n")).core;
        assert_eq!((usual.pages[0].class.as_str(), usual.pages[0].max_secs), ("intercom", 60));
        says(
            &page("members = [\"4568\"]\n"),
            &["f:9: members: tenant t has no [[extension]] \"4568\"; did you mean \"4567\"?"],
        );
        says(
            &page("members = [\"4567\"]\n[[queue]]\nnumber = \"800\"\n"),
            &["f:8: [[page]] number: \"800\" is taken in tenant t already, at line 11; \
                extensions, queues, groups, conferences and pages share one number space"],
        );
    }
}
