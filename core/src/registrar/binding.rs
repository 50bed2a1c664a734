//! One registered contact, kept small: a switch has many.

use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::sync::Arc;

use sip::uri::{Scheme, Uri};
use sip::{Flow, Transport};

use crate::vocab::record::RegistrationRecord;
use crate::vocab::{ExtensionKey, Now};

use super::SECOND;

/// Names a binding for as long as it lives; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BindingId(pub(super) u64);

impl BindingId {
    /// A number that spreads evenly, for jitter.
    pub(super) fn scatter(self, over: u64) -> u64 {
        // The finisher of SplitMix64.
        let mut z = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        if over == 0 { 0 } else { (z ^ (z >> 31)) % over }
    }
}

/// Whether the contact answers OPTIONS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Health {
    /// Has not answered yet. Some phones never do, and ring all the same.
    Unknown,
    /// Answered the last one.
    Reachable {
        /// Round trip in microseconds.
        rtt_us: u32,
    },
    /// Has answered, but not the last one.
    Suspect {
        /// Round trip of the last answer in microseconds.
        rtt_us: u32,
    },
    /// Answered once, and missed several in a row; or its host said that nobody listens.
    Unreachable,
}

/// Where the OPTIONS cycle stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Probe {
    /// Not wanted.
    Off,
    /// The next is due.
    Waiting {
        /// Then; monotonic nanoseconds.
        at: u64,
    },
    /// One is under way.
    Sent {
        /// Since then.
        at: u64,
        /// Counts as lost from then on.
        deadline: u64,
    },
}

/// A registered contact.
#[derive(Debug)]
pub(super) struct Binding {
    pub owner: Arc<ExtensionKey>,
    /// Contact URI as registered.
    pub contact: Box<str>,
    pub call_id: Box<str>,
    pub user_agent: Box<str>,
    /// RFC 3327, topmost first; mostly absent.
    pub path: Option<Box<[Box<str>]>>,
    pub flow: Flow,
    /// The flow is a connection that has ended.
    pub severed: bool,
    pub behind_nat: bool,
    pub cseq: u32,
    /// Thousandths.
    pub q: u16,
    /// Digest of `+sip.instance` and `reg-id` (RFC 5626); 0 where the phone sent none.
    pub device: u64,
    /// Last refresh; monotonic nanoseconds, as all below.
    pub refreshed: u64,
    pub expires: u64,
    pub keepalive: Option<u64>,
    pub probe: Probe,
    pub health: Health,
    /// The entry in the timer heap that belongs to it.
    pub hint: u64,
}

impl Binding {
    /// When it has to be looked at.
    pub fn wake(&self) -> u64 {
        let probe = match self.probe {
            Probe::Off => u64::MAX,
            Probe::Waiting { at } => at,
            Probe::Sent { deadline, .. } => deadline,
        };
        self.expires.min(probe).min(self.keepalive.unwrap_or(u64::MAX))
    }

    /// As it is remembered. The end is given in wall time, by the clock of now.
    pub fn record(&self, now: Now) -> RegistrationRecord {
        let left_ms = self.expires.saturating_sub(now.mono).div_ceil(1_000_000);
        RegistrationRecord {
            extension: ExtensionKey::clone(&self.owner),
            contact: self.contact.as_ref().into(),
            q: self.q,
            call_id: self.call_id.as_ref().into(),
            cseq: self.cseq,
            flow: self.flow,
            path: self.path().map(str::to_owned).collect(),
            user_agent: self.user_agent.as_ref().into(),
            expires_at: now.wall.saturating_add(left_ms),
        }
    }

    pub fn path(&self) -> impl Iterator<Item = &str> {
        self.path.iter().flat_map(|path| path.iter()).map(AsRef::as_ref)
    }

    /// Seconds until it ends, rounded up: a binding that still counts never shows 0.
    pub fn seconds_left(&self, now: Now) -> u64 {
        self.expires.saturating_sub(now.mono).div_ceil(SECOND)
    }

    /// `None` before the first answer.
    pub fn reachable(&self) -> Option<bool> {
        match self.health {
            Health::Unknown => None,
            Health::Reachable { .. } | Health::Suspect { .. } => Some(true),
            Health::Unreachable => Some(false),
        }
    }

    /// How it is reached: by its flow; after that connection ended by the datagram address in its Contact, where the
    /// phone is not behind a NAT and did not insist on the stream.
    pub fn way(&self, locals: &[SocketAddr]) -> Option<Flow> {
        if !self.severed {
            return Some(self.flow);
        }
        let uri = Uri::parse(&self.contact).ok()?;
        let datagrams = matches!(uri.transport(), None | Some(Transport::Udp))
            && (uri.param("transport").is_none() || uri.transport().is_some());
        let ip = uri.host()?.ip().filter(|ip| *ip == self.flow.remote.ip())?;
        if uri.scheme() != Scheme::Sip || !datagrams || self.path.is_some() {
            return None;
        }
        let port = uri.port().unwrap_or(Transport::Udp.default_port());
        let local = local_for(locals, ip.is_ipv4())?;
        let remote = SocketAddr::new(ip, port);
        Some(Flow { transport: Transport::Udp, local, remote, generation: 0 })
    }

    pub fn digest(&self, hasher: &mut impl Hasher) {
        self.owner.hash(hasher);
        (&self.contact, &self.call_id, &self.user_agent, &self.path).hash(hasher);
        (self.flow, self.severed, self.cseq, self.q, self.device).hash(hasher);
        (self.refreshed, self.expires, self.keepalive, self.probe, self.health).hash(hasher);
    }

    /// Whether a call could be sent to it at all.
    pub fn is_live(&self, locals: &[SocketAddr]) -> bool {
        !self.severed || self.way(locals).is_some()
    }
}

/// The first of our datagram addresses of a family.
pub(super) fn local_for(locals: &[SocketAddr], ipv4: bool) -> Option<SocketAddr> {
    locals.iter().copied().find(|local| local.is_ipv4() == ipv4)
}

/// Whether a Contact says something else than where its packets come from.
pub(super) fn behind_nat(uri: &Uri<'_>, flow: Flow) -> bool {
    let port = uri.port().unwrap_or(flow.transport.default_port());
    let same_host = uri.host().and_then(|host| host.ip()) == Some(flow.remote.ip().to_canonical());
    !same_host || (!flow.transport.is_reliable() && port != flow.remote.port())
}
