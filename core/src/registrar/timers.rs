//! What happens to bindings with time: their end, OPTIONS and keep-alives.

use sip::Flow;

use crate::vocab::{ExtensionKey, Now, Record};

use super::binding::{Binding, BindingId, Health, Probe};
use super::{Presence, Registrar, SECOND, Settings, forgotten};

/// An OPTIONS without a result after so long is lost; longer than the transaction's own end (RFC 3261 timer F, 32 s).
const PROBE_LIFE: u64 = 40 * SECOND;
/// After a lost OPTIONS the next one follows so soon.
const PROBE_AGAIN: u64 = 5 * SECOND;

/// Something to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Due {
    /// A binding ended: forget it.
    Expired {
        /// For the store.
        record: Record,
        /// The extension lost its last live contact by this.
        presence: Option<Presence>,
    },
    /// Ask whether the contact is there; [`Registrar::qualified`] takes the result.
    Qualify {
        /// Which.
        binding: BindingId,
        /// Request-URI.
        uri: String,
        /// The flow to send on.
        flow: Flow,
        /// Route set, topmost first.
        path: Vec<String>,
    },
    /// Send CRLF CRLF, so that the NAT or the connection stays open (RFC 5626 sections 3.5.1 and 4.4.1).
    KeepAlive {
        /// On this flow.
        flow: Flow,
    },
}

impl Registrar {
    /// When [`Registrar::pop_due`] may have something; monotonic nanoseconds. It may turn out that nothing is to be done.
    pub fn next_deadline(&self) -> Option<u64> {
        self.table.next_hint()
    }

    /// The next thing to do, in order of (deadline, binding); `None` when nothing more is due.
    pub fn pop_due(&mut self, now: Now) -> Option<Due> {
        while let Some(id) = self.table.pop_due(now.mono) {
            let due = self.look_at(now, id);
            // What else is due for the same binding comes with the next call.
            self.table.arm(id);
            if due.is_some() {
                return due;
            }
        }
        None
    }

    fn look_at(&mut self, now: Now, id: BindingId) -> Option<Due> {
        let binding = self.table.get(id)?;
        if binding.expires <= now.mono {
            return self.expire(id);
        }
        if binding.keepalive.is_some_and(|at| at <= now.mono) {
            return self.keep_alive(now.mono, id);
        }
        match binding.probe {
            Probe::Waiting { at } if at <= now.mono => self.probe(now.mono, id),
            Probe::Sent { deadline, .. } if deadline <= now.mono => {
                self.qualified(now, id, false);
                None
            }
            _ => None,
        }
    }

    fn expire(&mut self, id: BindingId) -> Option<Due> {
        let owner = self.table.get(id)?.owner.clone();
        let before = self.is_online(&owner);
        let record = forgotten(self.table.remove(id)?);
        let lost = before && !self.is_online(&owner);
        let presence = lost.then(|| Presence::Offline(ExtensionKey::clone(&owner)));
        Some(Due::Expired { record, presence })
    }

    /// After a change of settings: begins the cycles that were off.
    pub(super) fn start_idle_cycles(&mut self, now: Now) {
        let all: Vec<BindingId> = self.table.iter().map(|(id, _)| id).collect();
        for id in all {
            let Some(binding) = self.table.get_mut(id) else { continue };
            if binding.keepalive.is_none() {
                binding.keepalive = self.settings.keepalive(now.mono, binding);
            }
            if binding.probe == Probe::Off {
                binding.probe = self.settings.first_probe(now.mono, id, binding);
            }
            self.table.arm(id);
        }
    }

    /// Several bindings on one flow need one keep-alive: the oldest of them sends it.
    fn keep_alive(&mut self, now: u64, id: BindingId) -> Option<Due> {
        let pause = u64::from(self.settings.keepalive_secs) * SECOND;
        let binding = self.table.get_mut(id)?;
        binding.keepalive = (pause > 0).then(|| now.saturating_add(pause));
        let flow = binding.flow;
        let sender = self.table.on(flow).find(|(_, other)| other.keepalive.is_some());
        (sender.map(|(sender, _)| sender) == Some(id)).then_some(Due::KeepAlive { flow })
    }

    fn probe(&mut self, now: u64, id: BindingId) -> Option<Due> {
        let enabled = self.settings.qualify_secs > 0;
        let way = self.table.get(id)?.way(&self.settings.locals).filter(|_| enabled);
        let binding = self.table.get_mut(id)?;
        let Some(flow) = way else {
            binding.probe = Probe::Off;
            return None;
        };
        binding.probe = Probe::Sent { at: now, deadline: now.saturating_add(PROBE_LIFE) };
        Some(Due::Qualify {
            binding: id,
            uri: binding.contact.as_ref().to_owned(),
            flow,
            path: binding.path().map(str::to_owned).collect(),
        })
    }

    /// The result of an OPTIONS: whether any final response came. One that nobody waits for any more is ignored.
    pub fn qualified(&mut self, now: Now, id: BindingId, answered: bool) {
        let now = now.mono;
        let pause = u64::from(self.settings.qualify_secs) * SECOND;
        let Some(binding) = self.table.get_mut(id) else { return };
        let Probe::Sent { at, .. } = binding.probe else { return };
        binding.health = match (answered, binding.health) {
            (true, _) => {
                let rtt = now.saturating_sub(at) / 1000;
                Health::Reachable { rtt_us: u32::try_from(rtt).unwrap_or(u32::MAX) }
            }
            (false, Health::Reachable { rtt_us }) => Health::Suspect { rtt_us },
            (false, Health::Suspect { .. } | Health::Unreachable) => Health::Unreachable,
            (false, Health::Unknown) => Health::Unknown,
        };
        let next = match binding.health {
            Health::Suspect { .. } => now.saturating_add(PROBE_AGAIN.min(pause)),
            // From the sending, so that a contact that never answers is not asked twice as often.
            _ => at.saturating_add(pause).max(now.saturating_add(SECOND)),
        };
        binding.probe = if pause > 0 { Probe::Waiting { at: next } } else { Probe::Off };
        self.table.arm(id);
    }
}

impl Settings {
    /// The next keep-alive of a binding that has just spoken; only for contacts behind a NAT and on connections.
    pub(super) fn keepalive(&self, now: u64, binding: &Binding) -> Option<u64> {
        let wanted = self.keepalive_secs > 0
            && !binding.severed
            && (binding.flow.transport.is_reliable() || binding.behind_nat);
        wanted.then(|| now.saturating_add(u64::from(self.keepalive_secs) * SECOND))
    }

    /// The first OPTIONS of a binding. It has just spoken, so that may wait; each binding waits for another time, so
    /// that a restart is followed by no burst.
    pub(super) fn first_probe(&self, now: u64, id: BindingId, binding: &Binding) -> Probe {
        if self.qualify_secs == 0 || !binding.is_live(&self.locals) {
            return Probe::Off;
        }
        let half = u64::from(self.qualify_secs) * SECOND / 2;
        Probe::Waiting { at: now.saturating_add(half + id.scatter(half)) }
    }
}
