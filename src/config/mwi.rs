//! `[mwi]`, and the mailboxes that an `[[extension]]` watches besides its own.

use strowger_core::vocab::config::{Mwi, SharedMailbox};
use strowger_core::vocab::{ExtensionKey, MailboxKey, TenantId};

use super::names::Names;
use super::table::Table;

/// `[mwi]`, without what is shared.
pub(super) fn mwi(root: &Table<'_>) -> Mwi {
    let table = root.section("mwi");
    let base = Mwi::default();
    let unsolicited = table.flag("unsolicited").unwrap_or(base.unsolicited);
    table.finish();
    Mwi { unsolicited, ..base }
}

/// `watch_mailboxes` of every extension, once all numbers are known.
pub(super) fn shared(tables: &[(TenantId, Table<'_>)], names: &Names) -> Vec<SharedMailbox> {
    const RIGHT: &str = "a list of numbers of extensions or queues such as [\"9001\"]";
    let mut shared = Vec::new();
    for (tenant, table) in tables {
        let Some(own) = table.text_again("number") else { continue };
        let extension = ExtensionKey { tenant: tenant.clone(), number: own.value.to_owned() };
        for number in table.texts("watch_mailboxes", RIGHT).unwrap_or_default() {
            let known = names.mailbox(table, "watch_mailboxes", tenant, number);
            let (tenant, number) = (tenant.clone(), number.value.to_owned());
            let mailbox = MailboxKey { tenant, number };
            shared.extend(known.map(|()| SharedMailbox { extension: extension.clone(), mailbox }));
        }
    }
    shared
}
