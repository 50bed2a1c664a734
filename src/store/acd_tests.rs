//! Intents, figures and definitions against real files.

use std::time::{SystemTime, UNIX_EPOCH};

use strowger_core::vocab::acd::{
    AgentConfig, AgentKey, AgentPlace, FigureRecord, FigureSubject, Intent, IntentRecord,
    QueueConfig, QueueFigures, QueueKey,
};
use strowger_core::vocab::record::Definition;
use strowger_core::vocab::{Record, Restored, Secret};

use super::{IntervalQuery, Reader, Sealer, Sqlite, Store};

const QUARTER: u64 = 900_000;
const DAY: u64 = 86_400_000;

fn queue(number: &str) -> QueueKey {
    QueueKey { tenant: "t".into(), number: number.into() }
}

fn agent(id: &str) -> AgentKey {
    AgentKey { tenant: "t".into(), id: id.into() }
}

fn intent(id: &str, intent: Intent) -> Record {
    Record::AgentIntent(IntentRecord { agent: agent(id), intent, since: 5, extension: None })
}

fn quarter(number: &str, from: u64, entered: u64) -> Record {
    let figures = QueueFigures { entered, ..QueueFigures::default() };
    let subject = FigureSubject::Queue(queue(number));
    Record::Counted(Box::new(FigureRecord { subject, from, queue: Some(figures), agent: None }))
}

fn definition(id: &str, pin: Option<&str>) -> AgentConfig {
    AgentConfig {
        name: "Dora".into(),
        places: vec![AgentPlace::Extension("4567".into())],
        pin: pin.map(Secret::new),
        status: Intent::Available,
        ..AgentConfig::new(agent(id))
    }
}

fn queue_definition(number: &str) -> QueueConfig {
    QueueConfig { name: "Support".into(), ..QueueConfig::new(queue(number)) }
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn open(&self, key: u8) -> Sqlite {
        Sqlite::open(&self.0.path().join("s.db"), Sealer::new([key; 32])).unwrap()
    }

    fn restored(&self, key: u8) -> Restored {
        self.open(key).load().unwrap().restored
    }

    /// Whether a text stands anywhere in the files of the database.
    fn holds(&self, text: &str) -> bool {
        let files = std::fs::read_dir(self.0.path()).unwrap();
        files.flatten().any(|file| {
            let bytes = std::fs::read(file.path()).unwrap();
            bytes.windows(text.len()).any(|bytes| bytes == text.as_bytes())
        })
    }

    fn begins(&self, query: &IntervalQuery) -> (Vec<u64>, Option<u64>) {
        let page = Reader::open(&self.0.path().join("s.db")).unwrap().intervals(query).unwrap();
        (page.rows.iter().map(|row| row.from).collect(), page.next)
    }
}

#[test]
fn the_last_intent_of_each_agent_comes_back() {
    let place = Place::new();
    let lunch = Intent::OnBreak { reason: "lunch".into(), sub_state: String::new() };
    let records = [
        intent("2", Intent::Available),
        intent("1", Intent::Available),
        intent("2", lunch.clone()),
    ];
    place.open(7).commit(&records).unwrap();
    let intents = place.restored(7).intents;
    let found: Vec<_> = intents.into_iter().map(|row| (row.agent.id, row.intent)).collect();
    assert_eq!(found, [("1".to_owned(), Intent::Available), ("2".to_owned(), lunch)]);
}

#[test]
fn figures_of_two_days_come_back_and_a_quarter_replaces_itself() {
    let place = Place::new();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let now = now - now % QUARTER;
    let records = [
        quarter("9001", now, 1),
        quarter("9001", now, 2),
        quarter("9001", now - DAY, 3),
        quarter("9001", now - 2 * DAY - QUARTER, 4),
    ];
    place.open(7).commit(&records).unwrap();
    let figures = place.restored(7).figures;
    let entered: Vec<u64> = figures.iter().map(|row| row.queue.as_ref().unwrap().entered).collect();
    assert_eq!(entered, [3, 2], "oldest first");
}

#[test]
fn figures_are_forgotten_after_400_days() {
    let place = Place::new();
    let mut store = place.open(7);
    let start = 20_000 * DAY;
    let all = IntervalQuery {
        subject: FigureSubject::Queue(queue("9001")),
        from: 0,
        until: u64::MAX,
        limit: 10,
    };
    store.commit(&[quarter("9001", start, 1), quarter("9001", start + DAY, 1)]).unwrap();
    store.commit(&[quarter("9001", start + 400 * DAY, 1)]).unwrap();
    assert_eq!(place.begins(&all).0, [start, start + DAY, start + 400 * DAY]);
    store.commit(&[quarter("9001", start + 401 * DAY, 1)]).unwrap();
    assert_eq!(place.begins(&all).0, [start + DAY, start + 400 * DAY, start + 401 * DAY]);
}

#[test]
fn intervals_are_paged_by_time_within_their_subject() {
    let place = Place::new();
    let mut store = place.open(7);
    let mut records: Vec<Record> = (1..=5).map(|n| quarter("9001", n * QUARTER, n)).collect();
    records.push(quarter("9002", 2 * QUARTER, 9));
    store.commit(&records).unwrap();
    let mut query = IntervalQuery {
        subject: FigureSubject::Queue(queue("9001")),
        from: 2 * QUARTER,
        until: 5 * QUARTER,
        limit: 2,
    };
    assert_eq!(place.begins(&query), (vec![2 * QUARTER, 3 * QUARTER], Some(4 * QUARTER)));
    query.from = 4 * QUARTER;
    assert_eq!(place.begins(&query), (vec![4 * QUARTER], None));
    query.subject = FigureSubject::Agent(agent("9001"));
    assert_eq!(place.begins(&query), (Vec::new(), None));
}

#[test]
fn definitions_come_back_and_a_pin_only_with_its_key() {
    let place = Place::new();
    let first = definition("1", Some("86420975"));
    let second = definition("2", None);
    let records = [
        Record::Defined(Definition::Agent(Box::new(definition("1", Some("11112222"))))),
        Record::Defined(Definition::Agent(Box::new(first.clone()))),
        Record::Defined(Definition::Agent(Box::new(second.clone()))),
        Record::Defined(Definition::Agent(Box::new(definition("3", None)))),
        Record::Undefined(FigureSubject::Agent(agent("3"))),
        Record::Defined(Definition::Queue(Box::new(queue_definition("9001")))),
    ];
    place.open(7).commit(&records).unwrap();
    let expected = |pin: bool| {
        let mut first = first.clone();
        first.pin = first.pin.filter(|_| pin);
        [
            Definition::Queue(Box::new(queue_definition("9001"))),
            Definition::Agent(Box::new(first)),
            Definition::Agent(Box::new(second.clone())),
        ]
    };
    assert_eq!(place.restored(7).definitions, expected(true));
    assert_eq!(place.restored(8).definitions, expected(false), "another key file");
    assert!(place.holds("Dora"));
    assert!(!place.holds("86420975") && !place.holds("11112222"));
}
