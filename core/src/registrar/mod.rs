//! Who is registered and how each contact is reached (RFC 3261 section 10).
//!
//! A binding belongs to an extension and names a Contact; it is reached over the flow that its REGISTER came by, since
//! that works through any NAT. Several contacts of one extension stand side by side. Decisions that the RFCs leave open:
//!
//! - **Full extension.** A phone that comes back with a new address must get in, or a restart would lock it out until
//!   its old contacts expire. So the contact that is least likely alive gives way: first those whose connection ended,
//!   then those that stopped answering OPTIONS, then the one refreshed longest ago.
//! - **One device, one binding.** A contact with the same `+sip.instance` and `reg-id` replaces the earlier one
//!   (RFC 5626 section 6), so that a phone that changed its address does not ring twice.
//! - **A connection that ended** leaves its binding registered but severed: it is called by the datagram address of its
//!   Contact where that can work, else not at all, and counts again when the phone registers again. An extension whose
//!   contacts are all severed is offline.
//! - **A contact that stopped answering OPTIONS** is called only when the extension has no other. One that never
//!   answered any is called like all others: some phones ignore OPTIONS and ring.
//! - **Equal CSeq.** Repetitions are absorbed below, by the transaction; the same number in a new transaction is out of
//!   order (section 10.3 step 7) and changes nothing.

mod binding;
mod date;
mod request;
mod table;
mod timers;
mod update;

use std::hash::{Hash, Hasher};
use std::net::SocketAddr;

use sip::uri::Uri;
use sip::{Flow, Transport};

use crate::vocab::config::Sip;
use crate::vocab::input::Listener;
use crate::vocab::record::{Record, RegistrationRecord, RegistrationView};
use crate::vocab::{ExtensionKey, Now};

pub use binding::BindingId;
pub use request::Refused;
pub use timers::Due;
pub use update::Answer;

use binding::{Binding, Health, Probe, behind_nat, local_for};
use table::Table;

const SECOND: u64 = 1_000_000_000;
/// Bindings in the whole switch, where nothing else is set.
const MAX_BINDINGS: usize = 1_000_000;
/// Most rows of one page.
const MAX_PAGE: usize = 200;

/// What bounds and drives the registrar.
#[derive(Debug)]
struct Settings {
    min_expires: u32,
    max_expires: u32,
    default_expires: u32,
    max_contacts: u16,
    max_bindings: usize,
    qualify_secs: u32,
    keepalive_secs: u32,
    /// Our datagram addresses.
    locals: Vec<SocketAddr>,
}

impl Settings {
    /// As configured; `locals` are the addresses of our UDP listeners.
    fn new(sip: &Sip, locals: Vec<SocketAddr>) -> Self {
        Self {
            min_expires: sip.min_expires,
            max_expires: sip.max_expires,
            default_expires: sip.default_expires,
            max_contacts: sip.max_contacts.max(1),
            max_bindings: MAX_BINDINGS,
            qualify_secs: sip.qualify_secs,
            keepalive_secs: sip.keepalive_secs,
            locals,
        }
    }
}

/// Where to send a request for an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Which binding it is.
    pub binding: BindingId,
    /// Request-URI: the Contact as registered.
    pub uri: String,
    /// The flow to send on.
    pub flow: Flow,
    /// Route set (RFC 3327), topmost first.
    pub path: Vec<String>,
}

/// What became of an extension as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It gained its first live contact.
    Online(ExtensionKey),
    /// It lost its last.
    Offline(ExtensionKey),
}

/// Every registration.
#[derive(Debug)]
pub struct Registrar {
    settings: Settings,
    table: Table,
}

impl Registrar {
    /// Empty.
    pub fn new(sip: &Sip, listeners: &[Listener]) -> Self {
        let datagrams = listeners.iter().filter(|listener| listener.transport == Transport::Udp);
        let locals = datagrams.map(|listener| listener.address).collect();
        Self { settings: Settings::new(sip, locals), table: Table::default() }
    }

    /// Takes back what the store remembers and returns what it may forget: what expired meanwhile, and what is too
    /// much. Contacts on datagrams are reached as before; those on connections are severed until they register again.
    pub fn restore(&mut self, now: Now, records: Vec<RegistrationRecord>) -> Vec<Record> {
        let mut forget = Vec::new();
        for record in records {
            let left_ms = record.expires_at.saturating_sub(now.wall);
            let max_ms = u64::from(self.settings.max_expires) * 1000;
            let others = self.table.of(&record.extension);
            let full = others.count() >= usize::from(self.settings.max_contacts)
                || self.table.len() >= self.settings.max_bindings;
            let doubled =
                self.table.of(&record.extension).any(|(_, b)| *b.contact == record.contact);
            if left_ms == 0 || full || doubled {
                if !doubled {
                    let RegistrationRecord { extension, contact, .. } = record;
                    forget.push(Record::Unregistered { extension, contact });
                }
                continue;
            }
            self.restore_one(now, record, left_ms.min(max_ms));
        }
        forget
    }

    fn restore_one(&mut self, now: Now, record: RegistrationRecord, left_ms: u64) {
        let mut flow = record.flow;
        let mut severed = flow.transport.is_reliable();
        if !severed && !self.settings.locals.contains(&flow.local) {
            match local_for(&self.settings.locals, flow.remote.is_ipv4()) {
                Some(local) => flow.local = local,
                None => severed = true,
            }
        }
        let id = self.table.next_id();
        let path: Box<[Box<str>]> = record.path.into_iter().map(Into::into).collect();
        let behind_nat = Uri::parse(&record.contact).map_or(true, |uri| behind_nat(&uri, flow));
        let mut binding = Binding {
            owner: self.table.owner(&record.extension),
            contact: record.contact.into(),
            call_id: record.call_id.into(),
            user_agent: record.user_agent.into(),
            path: (!path.is_empty()).then_some(path),
            flow,
            severed,
            behind_nat,
            cseq: record.cseq,
            q: record.q,
            device: 0,
            refreshed: now.mono,
            expires: now.mono.saturating_add(left_ms.saturating_mul(1_000_000)),
            keepalive: None,
            probe: Probe::Off,
            health: Health::Unknown,
            hint: u64::MAX,
        };
        binding.keepalive = self.settings.keepalive(now.mono, &binding);
        binding.probe = self.settings.first_probe(now.mono, id, &binding);
        self.table.insert(id, binding);
    }

    /// Where to ring an extension: live contacts by q, then the most recently refreshed first. Those that stopped
    /// answering OPTIONS come only when there is no other.
    pub fn contacts(&self, extension: &ExtensionKey) -> Vec<Target> {
        let locals = &self.settings.locals;
        let mut live: Vec<(BindingId, &Binding, Flow)> = self
            .table
            .of(extension)
            .filter_map(|(id, binding)| Some((id, binding, binding.way(locals)?)))
            .collect();
        let answers = |binding: &Binding| binding.reachable() != Some(false);
        if live.iter().any(|(_, binding, _)| answers(binding)) {
            live.retain(|(_, binding, _)| answers(binding));
        }
        live.sort_by_key(|(id, binding, _)| {
            (std::cmp::Reverse(binding.q), std::cmp::Reverse(binding.refreshed), *id)
        });
        live.into_iter()
            .map(|(id, binding, flow)| Target {
                binding: id,
                uri: binding.contact.as_ref().to_owned(),
                flow,
                path: binding.path().map(str::to_owned).collect(),
            })
            .collect()
    }

    /// Whether the extension has a live contact.
    pub fn is_online(&self, extension: &ExtensionKey) -> bool {
        let locals = &self.settings.locals;
        self.table.of(extension).any(|(_, binding)| binding.is_live(locals))
    }

    /// Whether a live registration came by exactly this flow.
    pub fn knows(&self, flow: Flow) -> bool {
        self.table.on(flow).any(|(_, binding)| !binding.severed)
    }

    /// Whether somebody is registered over this flow who says to be elsewhere.
    pub fn is_behind_nat(&self, flow: Flow) -> bool {
        self.table.on(flow).any(|(_, binding)| binding.behind_nat)
    }

    /// The extensions that are registered over a flow.
    pub fn extensions_on(&self, flow: Flow) -> impl Iterator<Item = &ExtensionKey> {
        self.table.on(flow).map(|(_, binding)| binding.owner.as_ref())
    }

    /// A connection ended, or a datagram could not be delivered. Bindings on a connection are severed; those on
    /// datagrams count as unreachable until they answer OPTIONS or register.
    pub fn flow_closed(&mut self, now: Now, flow: Flow) -> Vec<Presence> {
        let ids: Vec<BindingId> = self.table.on(flow).map(|(id, _)| id).collect();
        let mut changed = Vec::new();
        for id in ids {
            let Some(owner) = self.table.get(id).map(|binding| binding.owner.clone()) else {
                continue;
            };
            let before = self.is_online(&owner);
            if let Some(binding) = self.table.get_mut(id) {
                if flow.transport.is_reliable() {
                    binding.severed = true;
                    binding.keepalive = None;
                    binding.probe = self.settings.first_probe(now.mono, id, binding);
                    binding.health = Health::Unknown;
                } else {
                    binding.health = Health::Unreachable;
                }
            }
            self.table.arm(id);
            if before && !self.is_online(&owner) {
                changed.push(Presence::Offline(ExtensionKey::clone(&owner)));
            }
        }
        changed
    }

    /// Takes a new configuration: drops the bindings of extensions that are no more. Times count from the next REGISTER,
    /// OPTIONS or keep-alive of each contact.
    pub fn retain(
        &mut self,
        now: Now,
        sip: &Sip,
        keep: impl Fn(&ExtensionKey) -> bool,
    ) -> Vec<Record> {
        self.settings = Settings::new(sip, std::mem::take(&mut self.settings.locals));
        let gone: Vec<ExtensionKey> =
            self.table.owners().filter(|owner| !keep(owner)).cloned().collect();
        let mut records = Vec::new();
        for extension in gone {
            records.extend(self.forget(&extension));
        }
        self.start_idle_cycles(now);
        records
    }

    /// Drops the bindings of an extension that is no more.
    pub fn forget(&mut self, extension: &ExtensionKey) -> Vec<Record> {
        let ids: Vec<BindingId> = self.table.of(extension).map(|(id, _)| id).collect();
        ids.into_iter().filter_map(|id| self.table.remove(id)).map(forgotten).collect()
    }

    /// Contacts of a tenant in order of extension, each extension's oldest first, or of one extension only; at most 200
    /// rows. The second value is how many there are in all.
    pub fn page(
        &self,
        now: Now,
        tenant: &str,
        extension: Option<&str>,
        offset: usize,
        limit: usize,
    ) -> (Vec<RegistrationView>, usize) {
        let limit = limit.min(MAX_PAGE);
        let Some(number) = extension else {
            let rows = self.table.of_tenant(tenant).skip(offset).take(limit);
            let items = rows.map(|(_, binding)| view(binding, now)).collect();
            return (items, self.table.count_of_tenant(tenant));
        };
        let key = ExtensionKey { tenant: tenant.to_owned(), number: number.to_owned() };
        let rows = || self.table.of(&key).map(|(_, binding)| view(binding, now));
        (rows().skip(offset).take(limit).collect(), rows().count())
    }

    /// How many contacts are registered.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether nobody is registered.
    pub fn is_empty(&self) -> bool {
        self.table.len() == 0
    }

    /// Feeds everything that later answers depend on to a hash.
    pub fn digest(&self, hasher: &mut impl Hasher) {
        for (id, binding) in self.table.iter() {
            id.hash(hasher);
            binding.digest(hasher);
        }
    }

    /// Adds what is inconsistent inside to `errors`.
    pub fn audit(&self, errors: &mut Vec<String>) {
        self.table.audit(errors);
        if self.table.len() > self.settings.max_bindings {
            errors.push(format!("registrar: {} bindings are too many", self.table.len()));
        }
    }
}

fn forgotten(binding: Box<Binding>) -> Record {
    Record::Unregistered {
        extension: ExtensionKey::clone(&binding.owner),
        contact: binding.contact.into(),
    }
}

fn view(binding: &Binding, now: Now) -> RegistrationView {
    let round_trip_us = match binding.health {
        Health::Reachable { rtt_us } | Health::Suspect { rtt_us } => Some(rtt_us),
        Health::Unknown | Health::Unreachable => None,
    };
    RegistrationView {
        record: binding.record(now),
        source: binding.flow.remote,
        reachable: if binding.severed { Some(false) } else { binding.reachable() },
        round_trip_us,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(registrar: &mut Registrar, number: &str, cseq: u32) -> (u16, usize) {
        let text = format!(
            "REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;tag=1\r\n\
             To: <sip:a@h>\r\nCall-ID: 1\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:a{cseq}@h>\r\n\r\n"
        );
        let message = sip::Message::parse(text.into_bytes().into()).unwrap();
        let key = ExtensionKey { tenant: "t".into(), number: number.into() };
        let remote = SocketAddr::from(([192, 0, 2, 1], 5060));
        let flow = Flow { transport: Transport::Udp, local: remote, remote, generation: 0 };
        let answer = registrar.register(Now { mono: 0, wall: 0 }, flow, &key, &message);
        (
            answer.reply.status,
            answer.reply.headers.iter().filter(|(n, _)| n == "Retry-After").count(),
        )
    }

    #[test]
    fn a_full_switch_refuses_new_contacts_and_keeps_the_old() {
        let mut registrar = Registrar::new(&Sip { max_contacts: 2, ..Sip::default() }, &[]);
        registrar.settings.max_bindings = 3;
        assert_eq!(register(&mut registrar, "1", 1), (200, 0));
        assert_eq!(register(&mut registrar, "1", 2), (200, 0));
        assert_eq!(register(&mut registrar, "2", 1), (200, 0));
        assert_eq!(register(&mut registrar, "3", 1), (503, 1));
        assert_eq!(register(&mut registrar, "2", 5), (503, 1));
        assert_eq!(register(&mut registrar, "1", 3), (200, 0), "takes the place of its own oldest");
        assert_eq!(registrar.len(), 3);
        let mut errors = Vec::new();
        registrar.audit(&mut errors);
        assert_eq!(errors, Vec::<String>::new());
    }
}
