//! All live calls, found by id, by leg, by stream, by connection and by deadline.
//!
//! The indexes are derived: after each step of a call they are brought in line with what the call says of itself, so that
//! nothing can be left behind in them.

use std::collections::{BTreeMap, BTreeSet};

use media::order::{RecordingId, StreamId};
use sip::ClientTx;
use smallvec::SmallVec;

use crate::vocab::{CallId, ConnectId, ExtensionKey, TenantId, WorkerId};

use super::{Call, Line};

/// What a call had in the indexes when it was last seen.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    legs: SmallVec<[sip::LegId; 4]>,
    streams: SmallVec<[StreamId; 4]>,
    connects: SmallVec<[ConnectId; 2]>,
    lines: SmallVec<[Line; 2]>,
    relays: SmallVec<[ClientTx; 1]>,
    recordings: SmallVec<[RecordingId; 1]>,
    rings: bool,
    awaits_ports: bool,
    deadline: Option<u64>,
}

impl Seen {
    fn of(call: &Call) -> Self {
        Self {
            legs: call.sip_legs(),
            streams: call.streams(),
            connects: call.connecting(),
            lines: call.lines(),
            relays: call.relays.iter().map(|(sent, _)| *sent).collect(),
            recordings: call.recordings.iter().map(|own| own.id).collect(),
            rings: call.rings(),
            awaits_ports: matches!(call.stage, super::Stage::AwaitingPorts { .. }),
            deadline: call.deadline(),
        }
    }
}

/// The calls of an extension or a trunk.
#[derive(Debug, Default)]
struct Occupied {
    /// How often it is occupied: a phone that calls itself is so twice by one call.
    count: usize,
    calls: BTreeMap<CallId, usize>,
}

/// All live calls.
#[derive(Debug, Default)]
pub struct Calls {
    calls: BTreeMap<CallId, (Call, Seen)>,
    by_leg: BTreeMap<sip::LegId, CallId>,
    by_stream: BTreeMap<StreamId, CallId>,
    by_connect: BTreeMap<ConnectId, BTreeSet<CallId>>,
    by_relay: BTreeMap<ClientTx, CallId>,
    by_recording: BTreeMap<RecordingId, CallId>,
    lines: BTreeMap<Line, Occupied>,
    by_tenant: BTreeMap<TenantId, BTreeSet<CallId>>,
    /// Calls that ring somewhere, by tenant.
    ringing: BTreeMap<TenantId, BTreeSet<CallId>>,
    awaiting_ports: BTreeSet<CallId>,
    deadlines: BTreeSet<(u64, CallId)>,
    /// Extensions and trunks whose calls changed since somebody asked.
    changed: BTreeSet<Line>,
}

impl Calls {
    /// Calls, oldest first: their ids sort by time.
    pub fn iter(&self) -> impl Iterator<Item = &Call> {
        self.calls.values().map(|(call, _)| call)
    }

    /// Number of calls.
    pub fn len(&self) -> usize {
        self.calls.len()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// One call.
    pub fn get(&self, id: CallId) -> Option<&Call> {
        self.calls.get(&id).map(|(call, _)| call)
    }

    /// The call of an INVITE usage.
    pub fn of_leg(&self, leg: sip::LegId) -> Option<CallId> {
        self.by_leg.get(&leg).copied()
    }

    /// The call of a media stream.
    pub fn of_stream(&self, stream: StreamId) -> Option<CallId> {
        self.by_stream.get(&stream).copied()
    }

    /// The call of a recording.
    pub fn of_recording(&self, recording: RecordingId) -> Option<CallId> {
        self.by_recording.get(&recording).copied()
    }

    /// The call that passed a request on from one leg to the other.
    pub fn of_relay(&self, sent: ClientTx) -> Option<CallId> {
        self.by_relay.get(&sent).copied()
    }

    /// Recordings that are being written.
    pub fn recordings(&self) -> usize {
        self.by_recording.len()
    }

    /// Adds what is inconsistent between the calls and their indexes to `wrong`.
    pub fn audit(&self, wrong: &mut Vec<String>) {
        for (call, seen) in self.calls.values() {
            if Seen::of(call) != *seen {
                wrong.push(format!("call {}: the indexes are out of date", call.id));
            }
        }
        let legs: usize = self.calls.values().map(|(_, seen)| seen.legs.len()).sum();
        let streams: usize = self.calls.values().map(|(_, seen)| seen.streams.len()).sum();
        if legs != self.by_leg.len() || streams != self.by_stream.len() {
            wrong.push("an index of calls holds what no call has".to_owned());
        }
        let ringing = self.calls.values().filter(|(_, seen)| seen.rings).count();
        let awaiting = self.calls.values().filter(|(_, seen)| seen.awaits_ports).count();
        if ringing != self.ringing.values().map(BTreeSet::len).sum::<usize>()
            || awaiting != self.awaiting_ports.len()
        {
            wrong.push("calls that ring or await ports are others than those that do".to_owned());
        }
        if self.by_tenant.values().map(BTreeSet::len).sum::<usize>() != self.calls.len() {
            wrong.push("tenants have other calls than there are".to_owned());
        }
    }

    /// Calls that wait for a connection.
    pub fn waiting_for(&self, connect: ConnectId) -> Vec<CallId> {
        self.by_connect
            .get(&connect)
            .map(|calls| calls.iter().copied().collect())
            .unwrap_or_default()
    }

    /// The worker of an extension's oldest call, where a further one is best: they may be joined.
    pub fn worker_of(&self, extension: &ExtensionKey) -> Option<WorkerId> {
        let line = Line::Extension(extension.clone());
        let call = self.on_line(&line).find(|call| !call.streams().is_empty());
        call.map(|call| call.worker)
    }

    /// The calls of a tenant, oldest first.
    pub fn of_tenant(&self, tenant: &str) -> impl Iterator<Item = &Call> {
        let ids = self.by_tenant.get(tenant).into_iter().flatten();
        ids.filter_map(|id| self.get(*id))
    }

    /// The calls of a tenant that ring somewhere, oldest first.
    pub fn ringing(&self, tenant: &str) -> impl Iterator<Item = &Call> {
        let ids = self.ringing.get(tenant).into_iter().flatten();
        ids.filter_map(|id| self.get(*id))
    }

    /// Calls that occupy an extension or a trunk.
    pub fn load(&self, line: &Line) -> usize {
        self.lines.get(line).map_or(0, |occupied| occupied.count)
    }

    /// The calls that occupy an extension or a trunk, oldest first.
    pub fn on_line(&self, line: &Line) -> impl Iterator<Item = &Call> {
        let ids = self.lines.get(line).into_iter().flat_map(|occupied| occupied.calls.keys());
        ids.filter_map(|id| self.get(*id))
    }

    /// What a call occupies.
    pub fn lines_of(&self, id: CallId) -> &[Line] {
        self.calls.get(&id).map_or(&[], |(_, seen)| &seen.lines)
    }

    /// The extensions and trunks whose calls have changed since the last time.
    pub fn take_changed_lines(&mut self) -> BTreeSet<Line> {
        std::mem::take(&mut self.changed)
    }

    /// Calls that wait for ports, oldest first.
    pub fn awaiting_ports(&self) -> Vec<CallId> {
        self.awaiting_ports.iter().copied().collect()
    }

    /// The next deadline of any call.
    pub fn next_deadline(&self) -> Option<u64> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// A call whose deadline has come; the earliest first, by id among equals.
    pub fn due(&self, now: u64) -> Option<CallId> {
        self.deadlines.first().filter(|(at, _)| *at <= now).map(|(_, id)| *id)
    }

    /// Takes a new call in.
    pub fn insert(&mut self, call: Call) {
        let id = call.id;
        self.by_tenant.entry(call.tenant.clone()).or_default().insert(id);
        self.calls.insert(id, (call, Seen::default()));
        self.refresh(id);
    }

    /// Lets a call act, and brings the indexes in line. Returns `None` if there is no such call.
    pub fn with<R>(&mut self, id: CallId, act: impl FnOnce(&mut Call) -> R) -> Option<R> {
        let (call, _) = self.calls.get_mut(&id)?;
        let result = act(call);
        self.refresh(id);
        Some(result)
    }

    fn refresh(&mut self, id: CallId) {
        let Some((call, seen)) = self.calls.get_mut(&id) else { return };
        let now = if call.is_over() { Seen::default() } else { Seen::of(call) };
        let over = call.is_over();
        if now != *seen {
            let before = std::mem::take(seen);
            let tenant = (before.rings != now.rings).then(|| call.tenant.clone());
            if before.lines != now.lines {
                self.changed.extend(before.lines.iter().chain(&now.lines).cloned());
            }
            self.forget(id, &before);
            self.note(id, &now);
            match tenant {
                Some(tenant) if now.rings => {
                    self.ringing.entry(tenant).or_default().insert(id);
                }
                Some(tenant) => take_out(&mut self.ringing, &tenant, id),
                None => {}
            }
            if let Some((_, seen)) = self.calls.get_mut(&id) {
                *seen = now;
            }
        }
        if over && let Some((call, _)) = self.calls.remove(&id) {
            take_out(&mut self.by_tenant, &call.tenant, id);
        }
    }

    fn forget(&mut self, id: CallId, seen: &Seen) {
        if seen.awaits_ports {
            self.awaiting_ports.remove(&id);
        }
        for leg in &seen.legs {
            self.by_leg.remove(leg);
        }
        for stream in &seen.streams {
            self.by_stream.remove(stream);
        }
        for connect in &seen.connects {
            take_out(&mut self.by_connect, connect, id);
        }
        for line in &seen.lines {
            let Some(occupied) = self.lines.get_mut(line) else { continue };
            occupied.count -= 1;
            if let Some(count) = occupied.calls.get_mut(&id) {
                *count -= 1;
                if *count == 0 {
                    occupied.calls.remove(&id);
                }
            }
            if occupied.count == 0 {
                self.lines.remove(line);
            }
        }
        for sent in &seen.relays {
            self.by_relay.remove(sent);
        }
        for recording in &seen.recordings {
            self.by_recording.remove(recording);
        }
        if let Some(at) = seen.deadline {
            self.deadlines.remove(&(at, id));
        }
    }

    fn note(&mut self, id: CallId, seen: &Seen) {
        if seen.awaits_ports {
            self.awaiting_ports.insert(id);
        }
        self.by_leg.extend(seen.legs.iter().map(|leg| (*leg, id)));
        self.by_stream.extend(seen.streams.iter().map(|stream| (*stream, id)));
        for connect in &seen.connects {
            self.by_connect.entry(*connect).or_default().insert(id);
        }
        for line in &seen.lines {
            let occupied = self.lines.entry(line.clone()).or_default();
            occupied.count += 1;
            *occupied.calls.entry(id).or_default() += 1;
        }
        self.by_relay.extend(seen.relays.iter().map(|sent| (*sent, id)));
        self.by_recording.extend(seen.recordings.iter().map(|recording| (*recording, id)));
        self.deadlines.extend(seen.deadline.map(|at| (at, id)));
    }
}

fn take_out<K: Ord>(index: &mut BTreeMap<K, BTreeSet<CallId>>, key: &K, id: CallId) {
    if let Some(calls) = index.get_mut(key) {
        calls.remove(&id);
        if calls.is_empty() {
            index.remove(key);
        }
    }
}
