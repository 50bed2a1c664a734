//! Everything of a tenant, when it goes.

use rusqlite::Connection;

use super::StoreError;

/// What has a column for whose it is.
const BY_COLUMN: [&str; 17] = [
    "registrations",
    "calls",
    "recordings",
    "agent_intents",
    "figures",
    "definitions",
    "messages",
    "greetings",
    "menus",
    "settings",
    "documents",
    "numbers",
    "outbox",
    "audit",
    "dial_tasks",
    "dial_numbers",
    "do_not_call",
];

/// What says it in its body, and where there.
const BY_BODY: [(&str, &str); 3] = [
    ("mails", "$.message.mailbox.tenant"),
    ("subscriptions", "$.extension.tenant"),
    ("phones", "$.tenant"),
];

/// Documents of the installation whose keys begin with the tenant and a slash.
const BY_KEY: [&str; 2] = ["keys", "webhooks"];

/// Deletes all rows of a tenant, and what the installation keeps of it: its definition, its keys, its webhooks.
pub(super) fn forget(connection: &Connection, tenant: &str) -> Result<(), StoreError> {
    for table in BY_COLUMN {
        connection.execute(&format!("DELETE FROM {table} WHERE tenant = ?1"), [tenant])?;
    }
    for (table, place) in BY_BODY {
        let sql = format!("DELETE FROM {table} WHERE json_extract(body, '{place}') = ?1");
        connection.execute(&sql, [tenant])?;
    }
    let own = "DELETE FROM documents WHERE tenant = '' AND space = 'tenants' AND key = ?1";
    connection.execute(own, [tenant])?;
    for space in BY_KEY {
        let sql = "DELETE FROM documents WHERE tenant = '' AND space = ?1
                   AND substr(key, 1, length(?2) + 1) = ?2 || '/'";
        connection.execute(sql, [space, tenant])?;
    }
    // Its files are still there: whoever has removed them takes this away.
    let files =
        "INSERT OR REPLACE INTO documents (tenant, space, key, body) VALUES ('', 'gone', ?1, '{}')";
    connection.execute(files, [tenant])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use strowger_core::vocab::Record;

    use super::super::{Sealer, Sqlite, Store};
    use super::*;

    /// All tables with what is in them, but the counters that every start changes.
    fn contents(connection: &Connection) -> Vec<(String, Vec<String>)> {
        let tables =
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'
                      AND name NOT IN ('counters', 'migrations') ORDER BY name";
        let mut statement = connection.prepare(tables).unwrap();
        let names = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let names: Vec<String> = names.map(Result::unwrap).collect();
        let rows = |table: &String| -> Vec<String> {
            let sql = format!("SELECT * FROM {table} ORDER BY 1, 2");
            let mut statement = connection.prepare(&sql).unwrap();
            let columns = statement.column_count();
            let text = |row: &rusqlite::Row<'_>| -> rusqlite::Result<String> {
                let cell = |at| row.get::<_, rusqlite::types::Value>(at).map(|v| format!("{v:?}"));
                Ok((0..columns).map(cell).collect::<rusqlite::Result<Vec<_>>>()?.join(" "))
            };
            let rows = statement.query_map([], text).unwrap();
            rows.map(Result::unwrap).collect()
        };
        names.into_iter().map(|table| (table.clone(), rows(&table))).collect()
    }

    /// A row of a tenant in every table, as the rest of the store writes them.
    fn fill(connection: &Connection, tenant: &str) {
        let body = format!(
            "{{\"tenant\": \"{tenant}\", \"extension\": {{\"tenant\": \"{tenant}\"}}, \
             \"message\": {{\"mailbox\": {{\"tenant\": \"{tenant}\"}}}}}}"
        );
        let mut statement = connection
            .prepare(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'
                      AND name NOT IN ('counters', 'migrations')",
            )
            .unwrap();
        let tables = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        for table in tables.map(Result::unwrap) {
            let columns = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let names: Vec<String> = columns.column_names().map(str::to_owned).collect();
            let value = |name: &String| match name.as_str() {
                "tenant" => format!("'{tenant}'"),
                "body" => format!("'{body}'"),
                // Numbers that are unique in some table, and texts that are.
                "id" | "seq" | "number" | "at" | "since" | "attempts" | "next_at"
                | "expires_at" | "started_at" | "began_at" | "open" => format!("{}", tenant.len()),
                _ => format!("'{tenant}-{name}'"),
            };
            let values: Vec<String> = names.iter().map(value).collect();
            let sql = format!(
                "INSERT INTO {table} ({}) VALUES ({})",
                names.join(", "),
                values.join(", ")
            );
            connection.execute(&sql, []).unwrap();
        }
        for (space, key) in [
            ("tenants", tenant.to_owned()),
            ("keys", format!("{tenant}/first")),
            ("webhooks", format!("{tenant}/a/b")),
        ] {
            let sql = "INSERT INTO documents (tenant, space, key, body) VALUES ('', ?1, ?2, '{}')";
            connection.execute(sql, [space, &key]).unwrap();
        }
    }

    #[test]
    fn nothing_of_a_tenant_is_left_in_any_table_and_everything_of_the_others() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let mut store = Sqlite::open(&path, Sealer::new([7; 32])).unwrap();
        let connection = Connection::open(&path).unwrap();
        // One whose name begins as the other's.
        fill(&connection, "acm");
        let before = contents(&connection);
        assert!(before.iter().all(|(_, rows)| !rows.is_empty()), "{before:?}");
        fill(&connection, "acme");
        assert!(
            contents(&connection).iter().zip(&before).all(|(now, then)| now.1.len() > then.1.len())
        );
        for again in [false, true] {
            store.commit(&[Record::TenantGone("acme".into())]).unwrap();
            let files = "DELETE FROM documents WHERE space = 'gone' AND key = 'acme'";
            assert_eq!(connection.execute(files, []).unwrap(), 1, "its files are to go");
            assert_eq!(contents(&connection), before, "again: {again}");
        }
    }
}
