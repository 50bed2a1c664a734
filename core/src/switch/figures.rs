//! Counters, and the gauges that are read off the live state.

use std::collections::BTreeMap;

use crate::vocab::Now;
use crate::vocab::command::Figures;

use super::Running;

/// What is counted since the start.
#[derive(Debug, Default)]
pub(super) struct Counters {
    received: BTreeMap<&'static str, u64>,
    dropped: BTreeMap<&'static str, u64>,
    sent: u64,
    auth_failures: u64,
    calls_started: u64,
    prompts_failed: u64,
}

/// The label of a message: its method, or the class of its status.
fn label(bytes: &[u8]) -> &'static str {
    const METHODS: [&str; 12] = [
        "REGISTER",
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "OPTIONS",
        "PRACK",
        "UPDATE",
        "INFO",
        "MESSAGE",
        "SUBSCRIBE",
        "NOTIFY",
    ];
    const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "6xx"];
    if let Some(status) = bytes.strip_prefix(b"SIP/2.0 ") {
        let class = status.first().map_or(0, |digit| usize::from(digit.wrapping_sub(b'1')));
        return CLASSES.get(class).copied().unwrap_or("other");
    }
    METHODS
        .into_iter()
        .find(|method| {
            bytes.strip_prefix(method.as_bytes()).is_some_and(|rest| rest.first() == Some(&b' '))
        })
        .unwrap_or("other")
}

impl Counters {
    pub(super) fn packet(&mut self, bytes: &[u8]) {
        *self.received.entry(label(bytes)).or_default() += 1;
    }

    pub(super) fn dropped(&mut self, why: &'static str) {
        *self.dropped.entry(why).or_default() += 1;
    }

    pub(super) fn sent(&mut self) {
        self.sent += 1;
    }

    pub(super) fn auth_failed(&mut self) {
        self.auth_failures += 1;
    }

    pub(super) fn call_started(&mut self) {
        self.calls_started += 1;
    }

    pub(super) fn prompt_failed(&mut self) {
        self.prompts_failed += 1;
    }
}

fn rows(map: &BTreeMap<&'static str, u64>) -> Vec<(String, u64)> {
    map.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

impl Running {
    pub(super) fn figures(&self, now: Now) -> Figures {
        let gauges = self.queues.acd.gauges(now);
        let (events, commits_pending, commits_failed) = self.desk.out.counts();
        let ends = self.desk.out.ends();
        let trunks = self.books.trunks.all_up();
        Figures {
            registrations: self.books.registrar.len() as u64,
            calls: self.calls.len() as u64,
            calls_started: self.counters.calls_started,
            calls_answered: ends.answered,
            calls_ended: ends.by_cause.iter().map(|(cause, n)| ((*cause).to_owned(), *n)).collect(),
            sip_received: rows(&self.counters.received),
            sip_sent: self.counters.sent,
            sip_dropped: rows(&self.counters.dropped),
            auth_failures: self.counters.auth_failures,
            trunks: trunks.into_iter().map(|(key, up)| (key, u64::from(up))).collect(),
            media_ports_free: self.desk.stock.free() as u64,
            media_streams: self.desk.stock.taken() as u64,
            recordings: self.calls.recordings() as u64,
            prompts_failed: self.counters.prompts_failed,
            subscriptions: super::watch::rows(self.watches.counts()),
            commits_pending,
            commits_failed,
            events,
            sip_connections: self.flows.count() as u64,
            queues: gauges.queues,
            agents: gauges.agents,
            dial_calls: self.dialing.dialer.calls_by_tenant(),
            dial_numbers: self.dialing.dialer.done_by_tenant(),
        }
    }
}
