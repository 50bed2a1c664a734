//! The store against real files in a temporary directory.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use strowger_core::vocab::record::{
    CallEnd, CallRecord, EndCause, EndedBy, Party, RecordingRecord, RegistrationRecord,
};
use strowger_core::vocab::{CallId, CommitId, ExtensionKey, InteractionId, Record};

use super::{
    Change, ChangeError, Changes, Cursor, Group, PageQuery, Reader, Restart, RowKind, RowPage,
    Sealer, Sqlite, Store, StoreError, Writer,
};

fn key(number: &str) -> ExtensionKey {
    ExtensionKey { tenant: "t".into(), number: number.into() }
}

fn registration(number: &str, contact: &str, cseq: u32) -> RegistrationRecord {
    let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
    RegistrationRecord {
        extension: key(number),
        contact: contact.into(),
        q: 1000,
        call_id: "c".into(),
        cseq,
        flow: sip::Flow {
            transport: sip::Transport::Udp,
            local: address(5060),
            remote: address(40_000),
            generation: 0,
        },
        path: Vec::new(),
        user_agent: "test".into(),
        expires_at: 99,
    }
}

fn call(id: u128, tenant: &str, started_at: u64, caller: &str) -> CallRecord {
    let extension = ExtensionKey { tenant: tenant.into(), number: caller.into() };
    CallRecord {
        call: CallId(id),
        interaction: InteractionId(id),
        tenant: tenant.into(),
        caller: Party::Extension { extension, name: "A".into() },
        callee: Party::Service { name: "echo".into() },
        dialled: "*43".into(),
        started_at,
        ringing_at: None,
        answered_at: None,
        ended_at: None,
        end: None,
        quality: Vec::new(),
        recording: None,
        picked_up_by: None,
        dialled_for: None,
        shown: None,
        queued: Vec::new(),
    }
}

fn closed(mut call: CallRecord) -> CallRecord {
    call.ended_at = Some(call.started_at + 1);
    let (cause, by) = (EndCause::Normal, EndedBy::Caller);
    call.end = Some(CallEnd { cause, by, sip_status: 200, q850: 16 });
    call
}

fn recording(path: &str) -> RecordingRecord {
    RecordingRecord {
        begun_by: Default::default(),
        gaps: Vec::new(),
        removed_at: None,
        call: CallId(7),
        interaction: InteractionId(7),
        tenant: "t".into(),
        path: path.into(),
        started_at: 5,
        length_ms: None,
        bytes: None,
        error: None,
    }
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("deep/store.db")
    }
}

fn open(path: &Path) -> (Sqlite, Restart) {
    let mut store = Sqlite::open(path, Sealer::new([7; 32])).expect("opens");
    let restart = store.load().expect("loads");
    (store, restart)
}

#[test]
fn what_was_committed_comes_back_after_a_restart() {
    let place = Place::new();
    let (mut store, first) = open(&place.path());
    assert_eq!(first.boot, 1);
    assert!(first.restored.registrations.is_empty());
    store
        .commit(&[
            Record::Registered(registration("1", "sip:a", 1)),
            Record::Registered(registration("1", "sip:b", 1)),
            Record::Registered(registration("1", "sip:a", 2)),
            Record::CallOpened(Box::new(call(1, "t", 10, "1"))),
            Record::CallOpened(Box::new(call(2, "t", 11, "1"))),
            Record::CallClosed(Box::new(closed(call(2, "t", 11, "1")))),
            Record::RecordingOpened(recording("a.wav")),
            Record::RecordingOpened(recording("b.wav")),
        ])
        .expect("commits");
    let gone = Record::Unregistered { extension: key("1"), contact: "sip:b".into() };
    let ended = RecordingRecord { length_ms: Some(5), ..recording("b.wav") };
    store.commit(&[gone, Record::RecordingClosed(ended)]).expect("commits");
    drop(store);
    let (_store, second) = open(&place.path());
    assert_eq!(second.boot, 2);
    assert_eq!(second.restored.registrations, [registration("1", "sip:a", 2)]);
    assert_eq!(second.restored.open_calls, [call(1, "t", 10, "1")]);
    assert_eq!(second.restored.open_recordings, [recording("a.wav")]);
}

#[test]
fn a_late_opening_does_not_reopen_a_closed_call() {
    let place = Place::new();
    let (mut store, _) = open(&place.path());
    let open_call = call(1, "t", 10, "1");
    store.commit(&[Record::CallClosed(Box::new(closed(open_call.clone())))]).expect("commits");
    store.commit(&[Record::CallOpened(Box::new(open_call))]).expect("commits");
    assert!(store.load().expect("loads").restored.open_calls.is_empty());
}

#[test]
fn a_second_process_is_kept_out() {
    let place = Place::new();
    let (_store, _) = open(&place.path());
    assert!(matches!(Sqlite::open(&place.path(), Sealer::new([7; 32])), Err(StoreError::InUse(_))));
}

#[test]
fn a_later_schema_is_not_touched() {
    let place = Place::new();
    drop(open(&place.path()));
    let connection = rusqlite::Connection::open(place.path()).expect("opens");
    connection.execute("INSERT INTO migrations VALUES (99, '')", []).expect("writes");
    drop(connection);
    assert!(matches!(
        Sqlite::open(&place.path(), Sealer::new([7; 32])),
        Err(StoreError::TooNew(99))
    ));
}

fn ids(page: &RowPage) -> Vec<u128> {
    page.rows.iter().cloned().filter_map(|row| row.into_call()).map(|call| call.call.0).collect()
}

#[test]
fn pages_go_newest_first_without_gap_or_repetition() {
    let place = Place::new();
    let (mut store, _) = open(&place.path());
    // Three calls begin in each millisecond, so that a page may end between twins.
    let calls: Vec<Record> = (0..20u32)
        .map(|n| {
            let caller = if n % 2 == 0 { "1" } else { "2" };
            let record = call(u128::from(n), "t", u64::from(100 + n / 3), caller);
            Record::CallClosed(Box::new(closed(record)))
        })
        .collect();
    store.commit(&calls).expect("commits");
    store
        .commit(&[
            Record::CallClosed(Box::new(closed(call(500, "other", 103, "1")))),
            Record::CallOpened(Box::new(call(501, "t", 999, "1"))),
        ])
        .expect("commits");
    let reader = Reader::open(&place.path()).expect("opens");
    let mut query = PageQuery { limit: 7, ..PageQuery::newest(RowKind::Calls, "t") };
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let page = reader.page(&query).expect("pages");
        seen.extend(ids(&page));
        pages += 1;
        let Some(next) = page.next else { break };
        query.after = Some(next.to_string().parse().expect("a cursor survives its text"));
    }
    assert_eq!(pages, 3);
    assert_eq!(seen, (0..20).rev().collect::<Vec<u128>>());
}

#[test]
fn pages_are_filtered() {
    let place = Place::new();
    let (mut store, _) = open(&place.path());
    let calls: Vec<Record> = (0..10u32)
        .map(|n| {
            let caller = if n % 2 == 0 { "1" } else { "2" };
            Record::CallClosed(Box::new(closed(call(n.into(), "t", u64::from(n), caller))))
        })
        .collect();
    store.commit(&calls).expect("commits");
    let newest = PageQuery::newest(RowKind::Calls, "t");
    let page = |query: &PageQuery| ids(&store.page(query).expect("pages"));
    let extension = Some("2".to_owned());
    assert_eq!(page(&PageQuery { extension, ..newest.clone() }), [9, 7, 5, 3, 1]);
    let span = PageQuery { from: Some(3), until: Some(5), ..newest.clone() };
    assert_eq!(page(&span), [4, 3]);
    assert_eq!(page(&PageQuery { call: Some(CallId(6)), ..newest.clone() }), [6]);
    let own = page(&PageQuery { interaction: Some(InteractionId(4)), ..newest.clone() });
    assert_eq!(own, [4]);
    let every = page(&newest);
    let cause = |cause| PageQuery { cause: Some(cause), ..newest.clone() };
    assert_eq!(page(&cause(EndCause::Normal)), every);
    assert!(page(&cause(EndCause::Busy)).is_empty());
    assert!(page(&PageQuery::newest(RowKind::Calls, "nobody")).is_empty());
}

#[test]
fn a_question_that_takes_too_long_is_given_up_and_the_next_is_answered() {
    let place = Place::new();
    let (mut store, _) = open(&place.path());
    let record = |n: u64| Record::CallClosed(Box::new(closed(call(n.into(), "t", n, "101"))));
    store.commit(&(1..=5_000).map(record).collect::<Vec<_>>()).unwrap();
    let reader = Reader::open(&place.path()).unwrap();
    // No call ended so: all of them have to be looked at.
    let cause = Some(EndCause::Busy);
    let all = PageQuery { cause, ..PageQuery::newest(RowKind::Calls, "t") };
    assert_eq!(ids(&reader.page(&all).unwrap()), []);
    reader.limit(std::time::Duration::ZERO);
    let given_up = reader.page(&all).unwrap_err();
    assert!(matches!(given_up, StoreError::TooLong), "{given_up}");
    reader.limit(std::time::Duration::from_secs(60));
    assert_eq!(ids(&reader.page(&all).unwrap()), []);
}

#[test]
fn calls_are_found_by_what_was_said_of_them_after_a_restart() {
    let place = Place::new();
    let (mut store, _) = open(&place.path());
    // The id of the second was drawn on the day before its record begins.
    let day = 86_400_000;
    let id = |ms: u64, n: u128| (u128::from(ms) << 80) | n;
    let calls = [
        (id(3 * day, 1), 3 * day, "t"),
        (id(4 * day - 1, 2), 4 * day, "t"),
        (id(4 * day, 3), 4 * day, "u"),
        (id(5 * day, 4), 5 * day, "t"),
    ];
    let record = |&(call_id, at, tenant): &(u128, u64, &str)| {
        Record::CallClosed(Box::new(closed(call(call_id, tenant, at, "101"))))
    };
    store.commit(&calls.iter().map(record).collect::<Vec<_>>()).unwrap();
    // The last one as it was written before a day had sixteen parts.
    let space = |call_id: u128| match ((call_id >> 80) / u128::from(day), call_id & 0xf) {
        (day, 4) => format!("dispositions {day}"),
        (day, part) => format!("dispositions {day} {part:x}"),
    };
    let said = |tenant: &str, call_id: u128, name: &str| Changes {
        tenant: tenant.into(),
        list: vec![Change::Put {
            space: space(call_id),
            key: CallId(call_id).to_string(),
            body: format!(r#"{{"disposition":"{name}"}}"#),
        }],
        done: Box::new(|_| {}),
    };
    let groups = [
        said("t", calls[0].0, "sold"),
        said("t", calls[1].0, "sold"),
        said("u", calls[2].0, "sold"),
        said("t", calls[3].0, "lost"),
        // Another tenant's word about somebody's call is nothing.
        said("u", calls[3].0, "sold"),
    ];
    assert_eq!(store.change(&groups).unwrap(), vec![Ok(()); 5]);
    drop(store);
    drop(open(&place.path()));
    let reader = Reader::open(&place.path()).unwrap();
    let found = |tenant: &str, name: &str| {
        let disposition = Some(name.to_owned());
        let query = PageQuery { disposition, ..PageQuery::newest(RowKind::Calls, tenant) };
        ids(&reader.page(&query).unwrap())
    };
    assert_eq!(found("t", "sold"), [calls[1].0, calls[0].0]);
    assert_eq!((found("u", "sold"), found("t", "lost")), (vec![calls[2].0], vec![calls[3].0]));
    assert_eq!(found("t", "sold' OR '1"), []);
}

#[test]
fn recordings_are_listed_once_closed() {
    let place = Place::new();
    let (mut store, _) = open(&place.path());
    let ended = RecordingRecord { length_ms: Some(5), ..recording("b.wav") };
    store
        .commit(&[Record::RecordingOpened(recording("a.wav")), Record::RecordingClosed(ended)])
        .expect("commits");
    let query = PageQuery { call: Some(CallId(7)), ..PageQuery::newest(RowKind::Recordings, "t") };
    let page = store.page(&query).expect("pages");
    let paths: Vec<String> =
        page.rows.into_iter().filter_map(super::Row::into_recording).map(|r| r.path).collect();
    assert_eq!(paths, ["b.wav"]);
    let of_story = |id| {
        let interaction = Some(InteractionId(id));
        let query = PageQuery { interaction, call: None, ..query.clone() };
        store.page(&query).expect("pages").rows.len()
    };
    assert_eq!((of_story(7), of_story(8)), (1, 0));
    let of = |store: &Sqlite, extension: &str| {
        let query = PageQuery { extension: Some(extension.into()), ..query.clone() };
        store.page(&query).expect("pages").rows.len()
    };
    assert_eq!(of(&store, "1"), 0, "a recording without a call is nobody's");
    store.commit(&[Record::CallOpened(Box::new(call(7, "t", 1, "1")))]).expect("commits");
    assert_eq!((of(&store, "1"), of(&store, "3")), (1, 0));
}

#[test]
fn a_text_that_is_no_cursor_is_refused() {
    for text in ["", "5", "-", "5-", "x-y"] {
        assert!(text.parse::<Cursor>().is_err(), "{text}");
    }
}

/// Refuses a record by its contact, as a full disk or a fault would.
struct Faulty(Vec<Record>);

impl Store for Faulty {
    fn load(&mut self) -> Result<Restart, StoreError> {
        Ok(Restart { boot: 1, restored: strowger_core::vocab::Restored::default() })
    }

    fn commit(&mut self, records: &[Record]) -> Result<(), StoreError> {
        let bad = |record: &Record| matches!(record, Record::Registered(r) if r.contact == "bad");
        if records.iter().any(bad) {
            return Err(StoreError::TooNew(0));
        }
        self.0.extend_from_slice(records);
        Ok(())
    }

    fn change(&mut self, _: &[Changes]) -> Result<Vec<Result<(), ChangeError>>, StoreError> {
        Err(StoreError::TooNew(0))
    }

    fn page(&self, _: &PageQuery) -> Result<RowPage, StoreError> {
        Ok(RowPage { rows: Vec::new(), next: None })
    }
}

#[test]
fn every_group_is_answered_and_a_bad_one_harms_no_other() {
    let (done, results) = mpsc::channel();
    let report = move |groups: &[(CommitId, bool)]| {
        groups
            .iter()
            .for_each(|(commit, ok)| done.send((commit.0, *ok)).expect("somebody listens"));
    };
    let writer = Writer::start(Faulty(Vec::new()), report).expect("starts");
    for (commit, contact) in (0..).zip(["good", "bad", "fine"]) {
        let records = vec![Record::Registered(registration("1", contact, 1))];
        writer.write(Group { commit: CommitId(commit), records }).expect("there is room");
    }
    let figures = writer.figures();
    drop(writer);
    let mut results: Vec<(u64, bool)> = results.iter().collect();
    results.sort_unstable();
    assert_eq!(results, [(0, true), (1, false), (2, true)]);
    assert_eq!(figures.lost.load(std::sync::atomic::Ordering::Relaxed), 1);
    assert_eq!(figures.records.load(std::sync::atomic::Ordering::Relaxed), 2);
}

#[test]
fn what_waits_is_written_before_the_writer_ends() {
    let place = Place::new();
    let (store, _) = open(&place.path());
    let writer =
        Writer::start(store, |groups| assert!(groups.iter().all(|(_, ok)| *ok))).expect("starts");
    for n in 0..50 {
        let records = vec![Record::Registered(registration("1", &format!("sip:{n}"), 1))];
        writer.write(Group { commit: CommitId(n), records }).expect("there is room");
    }
    drop(writer);
    assert_eq!(open(&place.path()).1.restored.registrations.len(), 50);
}
