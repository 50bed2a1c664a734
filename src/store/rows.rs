//! Pages of finished calls and recordings.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::page::MAX_ROWS;
use super::sqlite::{body, signed};
use super::{Cursor, PageQuery, Row, RowKind, RowPage, StoreError};

/// What was said of a call is a document of its own, kept under the day of the call's id, which begins when the call does, and
/// its last digit (without that digit where it was said before there was one).
const SAID: &str = "EXISTS (SELECT 1 FROM documents WHERE documents.tenant = calls.tenant
     AND documents.space IN (
         'dispositions ' || (calls.started_at / 86400000) || ' ' || substr(calls.call, -1),
         'dispositions ' || (calls.started_at / 86400000 - 1) || ' ' || substr(calls.call, -1),
         'dispositions ' || (calls.started_at / 86400000),
         'dispositions ' || (calls.started_at / 86400000 - 1))
     AND documents.key = calls.call AND json_extract(documents.body, '$.disposition') = ?)";

/// The calls that an extension made, and those that it took: each sort is found by its own index.
const MADE: &str = "caller = ?";
const TOOK: &str = "callee = ? AND caller IS NOT ?";
/// Recordings of them, found by the calls; and the same where few recordings are looked at anyway.
const OF_ITS_CALLS: &str = "call IN (SELECT call FROM calls WHERE tenant = ? AND caller = ?
     UNION ALL SELECT call FROM calls WHERE tenant = ? AND callee = ?)";
const OF_ITS_CALL: &str = "EXISTS (SELECT 1 FROM calls WHERE calls.call = recordings.call
     AND (calls.caller = ? OR calls.callee = ?))";

/// The conditions of a page and the values for their question marks.
#[derive(Clone)]
struct Conditions {
    sql: String,
    values: Vec<Value>,
}

impl Conditions {
    fn add(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
        self.values.extend(values);
    }

    fn with(mut self, sql: &str, values: impl IntoIterator<Item = Value>) -> Self {
        self.add(sql, values);
        self
    }
}

/// The question for a page and the values for its question marks.
fn question(query: &PageQuery, limit: usize) -> (String, Vec<Value>) {
    let (table, name, closed) = match query.kind {
        RowKind::Calls => ("calls", "call", "ended_at IS NOT NULL"),
        RowKind::Recordings => ("recordings", "path", "NOT open"),
    };
    let conditions = conditions(query, name, closed);
    let own = query.extension.as_ref().map(|number| Value::Text(number.clone()));
    let parts = match (own, query.kind, &query.tenant) {
        (None, ..) => vec![conditions],
        (Some(own), RowKind::Calls, _) => {
            vec![
                conditions.clone().with(MADE, [own.clone()]),
                conditions.with(TOOK, [own.clone(), own]),
            ]
        }
        (Some(own), RowKind::Recordings, Some(tenant)) if !names_few(query) => {
            let tenant = Value::Text(tenant.clone());
            vec![conditions.with(OF_ITS_CALLS, [tenant.clone(), own.clone(), tenant, own])]
        }
        (Some(own), RowKind::Recordings, _) => {
            vec![conditions.with(OF_ITS_CALL, [own.clone(), own])]
        }
    };
    let select = |part: &Conditions| {
        format!("SELECT body, started_at, {name} FROM {table} WHERE {}", part.sql)
    };
    let all: Vec<String> = parts.iter().map(select).collect();
    // One row more than wanted tells whether there is a next page.
    let sql = format!(
        "{} ORDER BY started_at DESC, {name} DESC LIMIT {}",
        all.join(" UNION ALL "),
        limit + 1
    );
    (sql, parts.into_iter().flat_map(|part| part.values).collect())
}

pub(super) fn page(connection: &Connection, query: &PageQuery) -> Result<RowPage, StoreError> {
    let limit = query.limit.clamp(1, MAX_ROWS);
    let (sql, values) = question(query, limit);
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut found = Vec::new();
    let mut last = None;
    while let Some(row) = rows.next()? {
        if found.len() == limit {
            return Ok(RowPage { rows: found, next: last });
        }
        found.push(match query.kind {
            RowKind::Calls => Row::Call(body(row, 0)?),
            RowKind::Recordings => Row::Recording(body(row, 0)?),
        });
        last = Some(Cursor { started_at: row.get(1)?, name: row.get(2)? });
    }
    Ok(RowPage { rows: found, next: None })
}

/// Whether it names something of which there are a few rows, with an index of its own.
fn names_few(query: &PageQuery) -> bool {
    query.call.is_some() || query.interaction.is_some()
}

fn conditions(query: &PageQuery, name: &str, closed: &str) -> Conditions {
    let mut conditions = Conditions { sql: closed.to_owned(), values: Vec::new() };
    let text = |text: &String| Value::Text(text.clone());
    if let Some(tenant) = &query.tenant {
        // The tenant's own index is in order of time, and would be read to its end where few rows fit. The plus keeps it
        // out.
        let by_calls = query.extension.is_some() && query.kind == RowKind::Recordings;
        let few = names_few(query) || by_calls;
        conditions.add(if few { "+tenant = ?" } else { "tenant = ?" }, [text(tenant)]);
    }
    if let (Some(cause), RowKind::Calls) = (query.cause, query.kind) {
        let cause = Value::Text(cause.as_str().to_owned());
        conditions.add("json_extract(body, '$.end.cause') = ?", [cause]);
    }
    if let (Some(name), RowKind::Calls) = (&query.disposition, query.kind) {
        conditions.add(SAID, [text(name)]);
    }
    if let Some(call) = query.call {
        conditions.add("call = ?", [Value::Text(call.to_string())]);
    }
    if let Some(interaction) = query.interaction {
        let interaction = Value::Text(interaction.to_string());
        conditions.add("json_extract(body, '$.interaction') = ?", [interaction]);
    }
    if let Some(from) = query.from {
        conditions.add("started_at >= ?", [Value::Integer(signed(from))]);
    }
    if let Some(until) = query.until {
        conditions.add("started_at < ?", [Value::Integer(signed(until))]);
    }
    if let Some(after) = &query.after {
        let values = [Value::Integer(after.started_at), text(&after.name)];
        conditions.add(&format!("(started_at, {name}) < (?, ?)"), values);
    }
    conditions
}

#[cfg(test)]
mod tests {
    use strowger_core::vocab::record::{CallRecord, Party, RecordingRecord};
    use strowger_core::vocab::{CallId, ExtensionKey, InteractionId, Record};

    use super::super::{Sealer, Sqlite, Store};
    use super::*;

    fn party(number: &str) -> Party {
        let extension = ExtensionKey { tenant: "t".into(), number: number.into() };
        Party::Extension { extension, name: String::new() }
    }

    fn call(id: u128, tenant: &str, (caller, callee): (Party, Party)) -> CallRecord {
        CallRecord {
            call: CallId(id),
            interaction: InteractionId(id / 2),
            tenant: tenant.into(),
            caller,
            callee,
            dialled: "1".into(),
            started_at: 1_000 + id as u64 / 2,
            ringing_at: None,
            answered_at: None,
            ended_at: Some(9_000),
            end: None,
            quality: Vec::new(),
            recording: None,
            picked_up_by: None,
            dialled_for: None,
            shown: None,
            queued: Vec::new(),
        }
    }

    fn recording(id: u128, tenant: &str) -> RecordingRecord {
        RecordingRecord {
            call: CallId(id),
            interaction: InteractionId(id / 2),
            tenant: tenant.into(),
            path: format!("{id}.wav"),
            started_at: 1_000 + id as u64,
            length_ms: None,
            bytes: None,
            error: None,
            begun_by: Default::default(),
            gaps: Vec::new(),
            removed_at: None,
        }
    }

    fn query(kind: RowKind) -> PageQuery {
        PageQuery { limit: 2, ..PageQuery::newest(kind, "t") }
    }

    /// All ids, page by page.
    fn found(store: &Sqlite, mut query: PageQuery) -> Vec<u128> {
        let mut ids = Vec::new();
        loop {
            let page = store.page(&query).unwrap();
            ids.extend(page.rows.into_iter().map(|row| match row {
                Row::Call(call) => call.call.0,
                Row::Recording(recording) => recording.call.0,
            }));
            query.after = page.next;
            if query.after.is_none() {
                return ids;
            }
        }
    }

    #[test]
    fn an_extensions_rows_are_those_that_it_made_or_took_each_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let mut store = Sqlite::open(&path, Sealer::new([7; 32])).unwrap();
        let (a, b) = (|| party("1"), || party("2"));
        let mut records: Vec<Record> = [
            (10, "t", (a(), b())),
            (11, "t", (b(), a())),
            (12, "t", (a(), a())),
            (13, "t", (b(), b())),
            (14, "t", (Party::Nobody, a())),
            (15, "t", (a(), Party::Nobody)),
            (16, "u", (a(), b())),
        ]
        .map(|(id, tenant, parties)| Record::CallClosed(Box::new(call(id, tenant, parties))))
        .into();
        let recorded = [(10, "t"), (11, "t"), (12, "t"), (13, "t"), (16, "u")];
        records.extend(recorded.map(|(id, tenant)| Record::RecordingClosed(recording(id, tenant))));
        store.commit(&records).unwrap();
        let of = |kind, number: &str| PageQuery { extension: Some(number.into()), ..query(kind) };
        assert_eq!(found(&store, of(RowKind::Calls, "1")), [15, 14, 12, 11, 10]);
        assert_eq!(found(&store, of(RowKind::Calls, "2")), [13, 11, 10]);
        assert_eq!(found(&store, of(RowKind::Recordings, "1")), [12, 11, 10]);
        let some = PageQuery { from: Some(1_006), until: Some(1_007), ..of(RowKind::Calls, "1") };
        assert_eq!(found(&store, some), [12]);
        for kind in [RowKind::Calls, RowKind::Recordings] {
            let one = PageQuery { call: Some(CallId(11)), ..of(kind, "1") };
            assert_eq!(found(&store, one), [11]);
            let others = PageQuery { call: Some(CallId(13)), ..of(kind, "1") };
            assert_eq!(found(&store, others), []);
            let foreign = PageQuery { call: Some(CallId(16)), ..query(kind) };
            assert_eq!(found(&store, foreign), [], "another tenant's");
            let story = PageQuery { interaction: Some(InteractionId(5)), ..of(kind, "1") };
            assert_eq!(found(&store, story), [11, 10]);
        }
    }

    #[test]
    fn what_finds_few_rows_reads_few() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        drop(Sqlite::open(&path, Sealer::new([7; 32])).unwrap());
        let connection = Connection::open(&path).unwrap();
        let plan = |query: &PageQuery| {
            let (sql, values) = question(query, 50);
            let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let rows = plan.query_map(params_from_iter(values), |row| row.get::<_, String>(3));
            rows.unwrap().collect::<Result<Vec<_>, _>>().unwrap().join("\n")
        };
        let (call, interaction) = (Some(CallId(1)), Some(InteractionId(1)));
        let extension = Some("1".to_owned());
        for kind in [RowKind::Calls, RowKind::Recordings] {
            let all = plan(&query(kind));
            assert!(all.contains("_by_time"), "{all}");
            for few in [
                PageQuery { call, ..query(kind) },
                PageQuery { interaction, ..query(kind) },
                PageQuery { extension: extension.clone(), ..query(kind) },
                PageQuery { extension: extension.clone(), call, ..query(kind) },
                PageQuery { extension: extension.clone(), from: Some(1), ..query(kind) },
            ] {
                let plan = plan(&few);
                assert!(!plan.contains("_by_time") && !plan.contains("SCAN"), "{few:?}\n{plan}");
            }
        }
    }
}
