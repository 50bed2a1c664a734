//! The registrar against a model that does the same in the simplest way: a list of contacts that is searched from end to
//! end, with no timers and no indexes.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sip::{Flow, HeaderName, Message, Transport};
use strowger_core::registrar::{Due, Presence, Registrar};
use strowger_core::vocab::config::Sip;
use strowger_core::vocab::input::Listener;
use strowger_core::vocab::{ExtensionKey, Record};

use crate::common::*;

const MAX_CONTACTS: usize = 3;
const MIN_EXPIRES: u32 = 60;

/// One contact of one extension as the model knows it.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    extension: u8,
    contact: String,
    call: u8,
    cseq: u32,
    q: u16,
    flow: Flow,
    severed: bool,
    /// Its host said that nobody listens.
    silent: bool,
    ends: u64,
    refreshed: u64,
    /// Order of arrival.
    order: u64,
}

#[derive(Debug, Default)]
struct Model {
    rows: Vec<Row>,
    orders: u64,
}

/// One contact in a REGISTER.
#[derive(Debug, Clone)]
struct Asked {
    contact: u8,
    expires: u32,
    q: u16,
}

#[derive(Debug, Clone)]
enum Step {
    Register { extension: u8, call: u8, cseq: u32, flow: u8, asked: Vec<Asked> },
    Clear { extension: u8, call: u8, cseq: u32, flow: u8 },
    Close { flow: u8 },
    Wait { seconds: u64 },
    Restart,
}

fn uri(contact: u8) -> String {
    // TCP contacts, so that no contact is reached by datagram after its connection ended.
    format!("sip:c{contact}@10.0.0.{contact};transport=tcp")
}

fn flow(number: u8) -> Flow {
    let remote = format!("198.51.100.{number}:5060");
    if number.is_multiple_of(2) { udp(&remote) } else { tcp(&remote, 1) }
}

fn owner(extension: u8) -> ExtensionKey {
    key("demo", &extension.to_string())
}

impl Model {
    fn expire(&mut self, now: u64) {
        self.rows.retain(|row| row.ends > now);
    }

    fn of(&self, extension: u8) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.extension == extension)
    }

    fn online(&self, extension: u8) -> bool {
        self.of(extension).any(|row| !row.severed)
    }

    /// Whether a request of this number may change a row.
    fn in_order(row: &Row, call: u8, cseq: u32) -> bool {
        row.call != call || row.cseq < cseq
    }

    fn clear(&mut self, extension: u8, call: u8, cseq: u32) -> u16 {
        if !self.of(extension).all(|row| Self::in_order(row, call, cseq)) {
            return 500;
        }
        self.rows.retain(|row| row.extension != extension);
        200
    }

    fn register(
        &mut self,
        now: u64,
        extension: u8,
        (call, cseq): (u8, u32),
        flow: Flow,
        asked: &[Asked],
    ) -> u16 {
        if asked.iter().any(|one| one.expires > 0 && one.expires < MIN_EXPIRES) {
            return 423;
        }
        // The last of each contact counts.
        let mut wanted: Vec<&Asked> = Vec::new();
        for one in asked {
            wanted.retain(|other| other.contact != one.contact);
            wanted.push(one);
        }
        let named = |row: &Row| wanted.iter().any(|one| uri(one.contact) == row.contact);
        if !self.of(extension).filter(|row| named(row)).all(|row| Self::in_order(row, call, cseq)) {
            return 500;
        }
        let kept = wanted.iter().filter(|one| one.expires > 0).count();
        let known = |one: &Asked| self.of(extension).any(|row| row.contact == uri(one.contact));
        let adds = wanted.iter().any(|one| one.expires > 0 && !known(one));
        if adds && kept > MAX_CONTACTS {
            return 403;
        }
        let mut idle: Vec<Row> = self.of(extension).filter(|row| !named(row)).cloned().collect();
        idle.sort_by_key(|row| (!row.severed, !row.silent, row.refreshed, row.order));
        if adds {
            let excess = (idle.len() + kept).saturating_sub(MAX_CONTACTS);
            for gone in idle.iter().take(excess) {
                self.rows.retain(|row| row != gone);
            }
        }
        for one in wanted {
            self.put(now, extension, (call, cseq), flow, one);
        }
        200
    }

    fn put(&mut self, now: u64, extension: u8, (call, cseq): (u8, u32), flow: Flow, one: &Asked) {
        let contact = uri(one.contact);
        let same = |row: &Row| row.extension == extension && row.contact == contact;
        let order = self.rows.iter().find(|row| same(row)).map(|row| row.order);
        let at = self.rows.iter().position(same);
        if one.expires == 0 {
            self.rows.retain(|row| !same(row));
            return;
        }
        self.orders += 1;
        let row = Row {
            extension,
            contact: contact.clone(),
            call,
            cseq,
            q: one.q,
            flow,
            severed: false,
            silent: false,
            ends: now + u64::from(one.expires) * SECOND,
            refreshed: now,
            order: order.unwrap_or(self.orders),
        };
        match at {
            Some(at) => self.rows[at] = row,
            None => self.rows.push(row),
        }
    }

    /// Contacts of an extension as they are to be rung.
    fn rung(&self, extension: u8) -> Vec<(String, Flow)> {
        let mut live: Vec<&Row> = self.of(extension).filter(|row| !row.severed).collect();
        if live.iter().any(|row| !row.silent) {
            live.retain(|row| !row.silent);
        }
        live.sort_by_key(|row| {
            (std::cmp::Reverse(row.q), std::cmp::Reverse(row.refreshed), row.order)
        });
        live.into_iter().map(|row| (row.contact.clone(), row.flow)).collect()
    }
}

fn request(call: u8, cseq: u32, contacts: &[String], expires: &str) -> Message {
    let (call, cseq) = (format!("Call-ID: {call}"), format!("CSeq: {cseq} REGISTER"));
    let mut lines = vec![
        "REGISTER sip:pbx.example SIP/2.0",
        "Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1",
        "From: <sip:x@pbx.example>;tag=1",
        "To: <sip:x@pbx.example>",
        &call,
        &cseq,
        expires,
    ];
    lines.extend(contacts.iter().map(String::as_str));
    message(&lines)
}

/// What the store holds, kept by applying records.
type Store = BTreeMap<(ExtensionKey, String), strowger_core::vocab::record::RegistrationRecord>;

fn store(records: Vec<Record>, into: &mut Store) {
    for record in records {
        match record {
            Record::Registered(record) => {
                into.insert((record.extension.clone(), record.contact.clone()), record);
            }
            Record::Unregistered { extension, contact } => {
                assert!(into.remove(&(extension, contact)).is_some(), "forgets what it never told");
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Both together, compared after every step.
struct Pair {
    real: Registrar,
    model: Model,
    store: Store,
    now: u64,
    sip: Sip,
    online: BTreeMap<ExtensionKey, bool>,
}

impl Pair {
    fn new() -> Self {
        let sip = Sip {
            qualify_secs: 0,
            keepalive_secs: 0,
            min_expires: MIN_EXPIRES,
            max_contacts: MAX_CONTACTS as u16,
            ..Sip::default()
        };
        Self {
            real: empty(&sip),
            model: Model::default(),
            store: Store::new(),
            now: 0,
            sip,
            online: BTreeMap::new(),
        }
    }

    /// Presence is told exactly when it changes.
    fn presence(&mut self, presence: Presence) {
        let (extension, online) = match presence {
            Presence::Online(extension) => (extension, true),
            Presence::Offline(extension) => (extension, false),
        };
        let before = self.online.insert(extension, online).unwrap_or(false);
        assert_ne!(before, online, "told twice");
    }

    fn request(&mut self, extension: u8, flow_number: u8, message: &Message, expected: u16) {
        let answer =
            self.real.register(moment(self.now), flow(flow_number), &owner(extension), message);
        assert_eq!(answer.reply.status, expected);
        if expected == 200 {
            let listed = answer.reply.headers.iter();
            let listed = listed.filter(|(name, _)| name == HeaderName::Contact.as_str()).count();
            assert_eq!(listed, self.model.of(extension).count());
        } else {
            assert!(answer.records.is_empty());
        }
        store(answer.records, &mut self.store);
        if let Some(presence) = answer.presence {
            self.presence(presence);
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Register { extension, call, cseq, flow: number, asked } => {
                let contacts: Vec<String> = asked
                    .iter()
                    .map(|one| {
                        let (uri, q) = (uri(one.contact), one.q / 100);
                        format!("Contact: <{uri}>;q=0.{q};expires={}", one.expires)
                    })
                    .collect();
                let message = request(*call, *cseq, &contacts, "Expires: 60");
                let number = *number;
                let order = (*call, *cseq);
                let expected =
                    self.model.register(self.now, *extension, order, flow(number), asked);
                self.request(*extension, number, &message, expected);
            }
            Step::Clear { extension, call, cseq, flow } => {
                let message = request(*call, *cseq, &["Contact: *".to_owned()], "Expires: 0");
                let expected = self.model.clear(*extension, *call, *cseq);
                self.request(*extension, *flow, &message, expected);
            }
            Step::Close { flow: number } => {
                let closed = flow(*number);
                for row in self.model.rows.iter_mut().filter(|row| row.flow == closed) {
                    match closed.transport {
                        Transport::Tcp => row.severed = true,
                        _ => row.silent = true,
                    }
                }
                for presence in self.real.flow_closed(moment(self.now), closed) {
                    self.presence(presence);
                }
            }
            Step::Wait { seconds } => self.wait(*seconds),
            Step::Restart => self.restart(),
        }
    }

    fn wait(&mut self, seconds: u64) {
        self.now += seconds * SECOND;
        self.model.expire(self.now);
        while let Some(due) = self.real.pop_due(moment(self.now)) {
            let Due::Expired { record, presence } = due else { panic!("{due:?}") };
            store(vec![record], &mut self.store);
            if let Some(presence) = presence {
                self.presence(presence);
            }
        }
    }

    /// The process dies and comes back with what the store holds.
    fn restart(&mut self) {
        self.real = empty(&self.sip);
        let records = self.store.values().cloned().collect();
        assert!(self.real.restore(moment(self.now), records).is_empty());
        // Order of arrival and freshness are not remembered: the store's order counts.
        let mut rows = std::mem::take(&mut self.model.rows);
        rows.sort_by_key(|row| (owner(row.extension), row.contact.clone()));
        for (order, row) in rows.iter_mut().enumerate() {
            (row.order, row.refreshed) = (order as u64, self.now);
            row.severed = row.flow.transport == Transport::Tcp;
            row.silent = false;
        }
        self.model.orders = rows.len() as u64;
        self.model.rows = rows;
        self.online = (0..3).map(|n| (owner(n), self.model.online(n))).collect();
    }

    fn compare(&self) {
        let mut errors = Vec::new();
        self.real.audit(&mut errors);
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(self.real.len(), self.model.rows.len());
        assert_eq!(self.store.len(), self.model.rows.len(), "the store knows what is registered");
        for extension in 0..3 {
            let targets = self.real.contacts(&owner(extension)).into_iter();
            let rung: Vec<_> = targets.map(|target| (target.uri, target.flow)).collect();
            assert_eq!(rung, self.model.rung(extension), "extension {extension}");
            let online = self.model.online(extension);
            assert_eq!(self.real.is_online(&owner(extension)), online);
            assert_eq!(self.online.get(&owner(extension)).copied().unwrap_or(false), online);
        }
        for number in 0..4 {
            let live = |row: &Row| row.flow == flow(number) && !row.severed;
            assert_eq!(self.real.knows(flow(number)), self.model.rows.iter().any(live));
        }
        let next = self.model.rows.iter().map(|row| row.ends).min();
        assert!(self.real.next_deadline() <= next || next.is_none(), "wakes up in time");
    }
}

fn empty(sip: &Sip) -> Registrar {
    let listener = Listener { transport: Transport::Udp, address: address("192.0.2.1:5060") };
    Registrar::new(sip, &[listener])
}

fn asked() -> impl Strategy<Value = Asked> {
    let expires = prop_oneof![2 => Just(0_u32), 1 => Just(30), 6 => 60_u32..400];
    (0_u8..5, expires, 0_u16..10).prop_map(|(contact, expires, q)| Asked {
        contact,
        expires,
        q: q * 100,
    })
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0_u8..3, 0_u8..3, 1_u32..12, 0_u8..4, prop::collection::vec(asked(), 1..5)).prop_map(
            |(extension, call, cseq, flow, asked)| Step::Register { extension, call, cseq, flow, asked }
        ),
        1 => (0_u8..3, 0_u8..3, 1_u32..12, 0_u8..4)
            .prop_map(|(extension, call, cseq, flow)| Step::Clear { extension, call, cseq, flow }),
        2 => (0_u8..4).prop_map(|flow| Step::Close { flow }),
        3 => (0_u64..200).prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_registrar_does_what_the_model_does(steps in prop::collection::vec(steps(), 1..60)) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.step(step);
            pair.compare();
        }
        // Once nobody registers any more, everything ends.
        pair.wait(400);
        pair.compare();
        prop_assert_eq!(pair.real.len(), 0);
        prop_assert_eq!(pair.real.next_deadline(), None);
    }
}
