//! The schema, step by step. A step that has been released is never changed; a new one is added below it.

use rusqlite::Connection;

use super::StoreError;

/// Bodies are the records as JSON; the columns beside them are what is searched by.
const STEPS: &[&str] = &[
    "
    CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE registrations (
        tenant TEXT NOT NULL,
        number TEXT NOT NULL,
        contact TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (tenant, number, contact)
    ) WITHOUT ROWID;
    CREATE TABLE calls (
        call TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        ended_at INTEGER,
        caller TEXT,
        callee TEXT,
        body TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX calls_by_time ON calls (tenant, started_at, call);
    CREATE INDEX calls_by_caller ON calls (tenant, caller, started_at) WHERE caller IS NOT NULL;
    CREATE INDEX calls_by_callee ON calls (tenant, callee, started_at) WHERE callee IS NOT NULL;
    CREATE INDEX calls_open ON calls (call) WHERE ended_at IS NULL;
    CREATE TABLE recordings (
        path TEXT PRIMARY KEY,
        call TEXT NOT NULL,
        tenant TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        open INTEGER NOT NULL,
        body TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX recordings_by_time ON recordings (tenant, started_at, path);
    CREATE INDEX recordings_by_call ON recordings (call);
    CREATE INDEX recordings_open ON recordings (path) WHERE open;
",
    "
    CREATE TABLE agent_intents (
        tenant TEXT NOT NULL,
        agent TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (tenant, agent)
    ) WITHOUT ROWID;
    CREATE TABLE figures (
        tenant TEXT NOT NULL,
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        began_at INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (tenant, kind, id, began_at)
    ) WITHOUT ROWID;
    CREATE INDEX figures_by_time ON figures (began_at);
    CREATE TABLE definitions (
        tenant TEXT NOT NULL,
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        body TEXT NOT NULL,
        sealed BLOB,
        PRIMARY KEY (tenant, kind, id)
    ) WITHOUT ROWID;
",
    "
    CREATE TABLE messages (
        id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        mailbox TEXT NOT NULL,
        body TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE greetings (
        tenant TEXT NOT NULL,
        mailbox TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (tenant, mailbox)
    ) WITHOUT ROWID;
    CREATE TABLE mails (
        id TEXT PRIMARY KEY,
        attempts INTEGER NOT NULL,
        next_at INTEGER NOT NULL,
        body TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE menus (
        tenant TEXT NOT NULL,
        name TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (tenant, name)
    ) WITHOUT ROWID;
",
    "
    CREATE TABLE settings (
        tenant TEXT NOT NULL,
        number TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (tenant, number)
    ) WITHOUT ROWID;
",
    "
    CREATE TABLE subscriptions (
        call_id TEXT NOT NULL,
        tag TEXT NOT NULL,
        expires_at INTEGER NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (call_id, tag)
    ) WITHOUT ROWID;
",
    "
    CREATE TABLE phones (mac TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
",
    "
    CREATE INDEX recordings_kept ON recordings (started_at, path)
        WHERE NOT open AND json_extract(body, '$.removed_at') IS NULL;
",
    "
    CREATE TABLE documents (
        tenant TEXT NOT NULL,
        space TEXT NOT NULL,
        key TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (tenant, space, key)
    ) WITHOUT ROWID;
    CREATE TABLE numbers (
        tenant TEXT NOT NULL,
        space TEXT NOT NULL,
        name TEXT NOT NULL,
        number INTEGER NOT NULL,
        PRIMARY KEY (tenant, space, name)
    ) WITHOUT ROWID;
    CREATE UNIQUE INDEX numbers_by_number ON numbers (tenant, space, number);
",
    "
    CREATE INDEX calls_by_interaction ON calls (json_extract(body, '$.interaction'));
    CREATE INDEX recordings_by_interaction ON recordings (json_extract(body, '$.interaction'));
",
    "
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY,
        tenant TEXT NOT NULL,
        hook TEXT NOT NULL,
        order_key TEXT NOT NULL,
        since INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        parked_at INTEGER,
        error TEXT NOT NULL,
        headers TEXT NOT NULL,
        body BLOB NOT NULL
    );
    CREATE INDEX outbox_waiting ON outbox (tenant, hook, id) WHERE parked_at IS NULL;
    CREATE INDEX outbox_parked ON outbox (tenant, hook, id) WHERE parked_at IS NOT NULL;
",
    "
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        tenant TEXT NOT NULL,
        at INTEGER NOT NULL,
        body TEXT NOT NULL
    );
    CREATE INDEX audit_by_tenant ON audit (tenant, id);
    CREATE INDEX audit_by_time ON audit (at);
",
    "
    CREATE TABLE dial_tasks (
        tenant TEXT NOT NULL,
        id TEXT NOT NULL,
        body TEXT NOT NULL,
        sealed BLOB,
        PRIMARY KEY (tenant, id)
    ) WITHOUT ROWID;
    CREATE TABLE dial_numbers (
        tenant TEXT NOT NULL,
        task TEXT NOT NULL,
        seq INTEGER NOT NULL,
        id TEXT NOT NULL,
        stage TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (tenant, task, seq)
    ) WITHOUT ROWID;
    CREATE INDEX dial_numbers_by_id ON dial_numbers (tenant, task, id);
    CREATE INDEX dial_numbers_open ON dial_numbers (tenant, task, seq)
        WHERE stage IN ('waiting', 'dialling');
    CREATE TABLE do_not_call (
        tenant TEXT NOT NULL,
        number TEXT NOT NULL,
        PRIMARY KEY (tenant, number)
    ) WITHOUT ROWID;
",
];

/// Brings a database of any earlier version up to date.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL)",
    )?;
    let version: u32 =
        connection
            .query_row("SELECT coalesce(max(version), 0) FROM migrations", [], |row| row.get(0))?;
    if version as usize > STEPS.len() {
        return Err(StoreError::TooNew(version));
    }
    for (number, step) in (1u32..).zip(STEPS).skip(version as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.execute(
            "INSERT INTO migrations (version, applied_at) VALUES (?1, datetime('now'))",
            [number],
        )?;
        transaction.commit()?;
    }
    Ok(())
}
