//! What the owner of an [`Endpoint`](super::Endpoint) may choose, and change on reload.

use std::fmt;
use std::net::SocketAddr;

use crate::subscription::Package;
use crate::transaction::Base;
use crate::{Flow, Method, Transport};

/// An address of ours as peers should see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    /// For flows of this transport,
    pub transport: Transport,
    /// and of this local address; `None` for any.
    pub local: Option<SocketAddr>,
    /// `host` or `host:port`, as it goes into Via and Contact.
    pub host: String,
}

/// The most that may be alive at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Server transactions. Requests that start something new are refused beyond it, those of
    /// calls in progress beyond twice as many.
    pub transactions: usize,
    /// Legs; new calls are refused beyond it.
    pub legs: usize,
    /// Subscriptions; new ones are refused beyond it.
    pub subscriptions: usize,
    /// Subscriptions of one peer; beyond it the oldest makes room.
    pub subscriptions_each: usize,
    /// Early dialogs of one outgoing call; further forks go unseen until one of them answers.
    pub forks: usize,
    /// Our offers that wait on one leg while another is under way.
    pub queued_offers: usize,
    /// Provisional responses that wait on one leg for an earlier one's PRACK.
    pub queued_provisionals: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            transactions: 200_000,
            legs: 20_000,
            subscriptions: 100_000,
            subscriptions_each: 256,
            forks: 12,
            queued_offers: 4,
            queued_provisionals: 8,
        }
    }
}

/// Choices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The User-Agent and Server header; empty for none.
    pub user_agent: String,
    /// Our addresses as peers see them; a flow without an entry shows its local address.
    pub advertised: Vec<Advertised>,
    /// The session interval that we ask for, in seconds; 0 for none (RFC 4028).
    pub session_expires: u32,
    /// The least session interval that we accept, in seconds; 90 or more.
    pub min_se: u32,
    /// T1, T2 and T4.
    pub timers: Base,
    /// How much may be alive.
    pub limits: Limits,
    /// The methods that we take. Others are answered 405.
    pub allow: Vec<Method>,
    /// What others may subscribe to. A SUBSCRIBE for anything else is answered 489.
    pub packages: Vec<Package>,
    /// The option tags that we support. A Require of others is answered 420.
    pub supported: Vec<String>,
    /// Whether responses over UDP go to the source port though the request asks for nothing of
    /// the kind (RFC 3581 wants an rport parameter).
    pub force_rport: bool,
    /// The Retry-After of a 503, in seconds.
    pub retry_after: u32,
    /// Requests of more bytes than this take a stream where there is one
    /// (`Event::StreamWanted`); 0 for never. RFC 3261 section 18.1.1 has 1300.
    pub datagram_limit: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            user_agent: "Strowger".to_owned(),
            advertised: Vec::new(),
            session_expires: 1800,
            min_se: 90,
            timers: Base::default(),
            limits: Limits::default(),
            allow: vec![
                Method::Invite,
                Method::Ack,
                Method::Cancel,
                Method::Bye,
                Method::Register,
                Method::Options,
                Method::Prack,
                Method::Update,
                Method::Info,
                Method::Refer,
                Method::Message,
                Method::Subscribe,
                Method::Notify,
            ],
            packages: Vec::new(),
            supported: ["100rel", "timer", "replaces", "norefersub", "path"]
                .map(str::to_owned)
                .to_vec(),
            force_rport: false,
            retry_after: 5,
            datagram_limit: 1300,
        }
    }
}

impl Settings {
    /// What stands for us in Via and Contact on this flow.
    #[must_use]
    pub fn host(&self, flow: &Flow) -> SentBy<'_> {
        let mut fit = self.advertised.iter().filter(|entry| entry.transport == flow.transport);
        let exact = fit.clone().find(|entry| entry.local == Some(flow.local));
        match exact.or_else(|| fit.find(|entry| entry.local.is_none())) {
            Some(entry) => SentBy::Named(&entry.host),
            None => SentBy::Local(flow.local),
        }
    }
}

/// `host[:port]` as it goes into Via and Contact.
#[derive(Debug, Clone, Copy)]
pub enum SentBy<'a> {
    /// From the settings.
    Named(&'a str),
    /// The flow's own address.
    Local(SocketAddr),
}

impl fmt::Display for SentBy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(host) => f.write_str(host),
            Self::Local(address) => address.fmt(f),
        }
    }
}

/// The Contact of a flow where the owner gives none.
pub(crate) struct ContactOf<'a>(pub SentBy<'a>, pub Transport);

impl fmt::Display for ContactOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Transport::Udp => write!(f, "<sip:{}>", self.0),
            other => write!(f, "<sip:{};transport={}>", self.0, other.as_param()),
        }
    }
}
