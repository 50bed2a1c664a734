//! What an [`Endpoint`](super::Endpoint) is told.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::auth::Credentials;
use crate::message::{Message, Quoted};
use crate::{Flow, Method};

/// A call leg: one INVITE usage with its dialogs, of either direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LegId(pub u64);

/// A request that waits for our answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServerTx(pub u64);

/// A request of ours that waits for an answer; it stays the same when the request is sent
/// again with credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClientTx(pub u64);

/// A request of ours that waits for a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamWish(pub u64);

/// Headers to add: name and value. A name that is not a token is left out, and line ends in a
/// value become spaces.
pub type ExtraHeaders = Vec<(Cow<'static, str>, String)>;

/// A message body and its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Content-Type.
    pub content_type: Cow<'static, str>,
    /// The bytes.
    pub bytes: Bytes,
}

impl Body {
    /// A session description.
    #[must_use]
    pub fn sdp(bytes: impl Into<Bytes>) -> Self {
        Self { content_type: Cow::Borrowed("application/sdp"), bytes: bytes.into() }
    }
}

/// A response to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    /// 101 to 699.
    pub status: u16,
    /// The phrase; the registered one when absent.
    pub reason: Option<String>,
    /// Headers to add.
    pub headers: ExtraHeaders,
    /// The body.
    pub body: Option<Body>,
    /// A whole Contact value. Legs write their own when absent, other responses none.
    pub contact: Option<String>,
    /// Whether a provisional response of a leg is to be acknowledged by PRACK, where the peer
    /// supports it (RFC 3262).
    pub reliable: bool,
    /// Whether the request is forgotten with this answer, so that a challenge needs no memory: a copy of the request is
    /// a new one (RFC 3261 section 8.2.7). Not for INVITE, whose answer waits for its ACK.
    pub forget: bool,
}

impl Reply {
    /// A response with nothing but a status.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: Body) -> Self {
        self.body = Some(body);
        self
    }
}

/// A request to be sent outside a call.
#[derive(Debug, Clone)]
pub struct OutRequest {
    /// Any method but INVITE, ACK and CANCEL.
    pub method: Method,
    /// The Request-URI.
    pub uri: String,
    /// From without a tag: an address in angle brackets, or a bare URI.
    pub from: String,
    /// To without a tag, unless the request belongs to a dialog of the owner's.
    pub to: String,
    /// Route values, the next hop first.
    pub route: Vec<String>,
    /// A whole Contact value, if there is to be one.
    pub contact: Option<String>,
    /// The Call-ID; a fresh one when absent. A registration keeps its own.
    pub call_id: Option<String>,
    /// The CSeq number; 1 when absent.
    pub cseq: Option<u32>,
    /// Headers to add.
    pub headers: ExtraHeaders,
    /// The body.
    pub body: Option<Body>,
    /// What to answer a challenge with.
    pub credentials: Option<Credentials>,
}

impl OutRequest {
    /// A request with nothing but what every one needs.
    #[must_use]
    pub fn new(
        method: Method,
        uri: impl Into<String>,
        from: impl Into<String>,
        to: impl Into<String>,
    ) -> Self {
        Self {
            method,
            uri: uri.into(),
            from: from.into(),
            to: to.into(),
            route: Vec::new(),
            contact: None,
            call_id: None,
            cseq: None,
            headers: ExtraHeaders::new(),
            body: None,
            credentials: None,
        }
    }
}

/// A call to be made.
#[derive(Debug, Clone)]
pub struct OutInvite {
    /// The Request-URI.
    pub uri: String,
    /// From without a tag: an address in angle brackets, or a bare URI.
    pub from: String,
    /// To without a tag.
    pub to: String,
    /// Route values, the next hop first.
    pub route: Vec<String>,
    /// A whole Contact value; our address on the flow when absent.
    pub contact: Option<String>,
    /// Headers to add.
    pub headers: ExtraHeaders,
    /// The offer; `None` asks the peer for one.
    pub body: Option<Body>,
    /// What to answer a challenge with, in the whole call.
    pub credentials: Option<Credentials>,
    /// The session interval to ask for in seconds; `None` takes the settings', 0 is none.
    pub session_expires: Option<u32>,
    /// Max-Forwards, 0 to 255.
    pub max_forwards: u8,
    /// Whether provisional responses may be reliable (RFC 3262).
    pub reliable_provisionals: bool,
}

impl OutInvite {
    /// A call with nothing but what every one needs, and Max-Forwards 70.
    #[must_use]
    pub fn new(
        uri: impl Into<String>,
        from: impl Into<String>,
        to: impl Into<String>,
        body: Option<Body>,
    ) -> Self {
        Self {
            uri: uri.into(),
            from: from.into(),
            to: to.into(),
            route: Vec::new(),
            contact: None,
            headers: ExtraHeaders::new(),
            body,
            credentials: None,
            session_expires: None,
            max_forwards: 70,
            reliable_provisionals: true,
        }
    }
}

/// The name space of a [`Reason`] cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReasonProtocol {
    /// ITU-T Q.850 causes.
    Q850,
    /// SIP status codes.
    Sip,
}

/// Why a call ends (RFC 3326).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Reason {
    /// What `cause` means.
    pub protocol: ReasonProtocol,
    /// The cause.
    pub cause: u16,
    /// Words for people.
    pub text: Option<String>,
}

impl Reason {
    /// The first Reason of a message that has a cause of a kind we know.
    #[must_use]
    pub fn of(message: &Message) -> Option<Self> {
        message.reason_header().find_map(|value| {
            let protocol = match (value.is_q850(), value.is_sip()) {
                (true, _) => ReasonProtocol::Q850,
                (_, true) => ReasonProtocol::Sip,
                _ => return None,
            };
            let text = value.text().map(Cow::into_owned);
            Some(Self { protocol, cause: value.cause?, text })
        })
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let protocol = match self.protocol {
            ReasonProtocol::Q850 => "Q.850",
            ReasonProtocol::Sip => "SIP",
        };
        write!(f, "{protocol};cause={}", self.cause)?;
        match &self.text {
            Some(text) => write!(f, ";text={}", Quoted(text)),
            None => Ok(()),
        }
    }
}

/// Bytes to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Where.
    pub flow: Flow,
    /// One whole message.
    pub bytes: Bytes,
}

/// How much is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Server transactions.
    pub server_transactions: usize,
    /// Client transactions.
    pub client_transactions: usize,
    /// Legs, those included that only wait for an answer to their BYE.
    pub legs: usize,
    /// Subscriptions, those included that only wait for an answer to their last NOTIFY.
    pub subscriptions: usize,
}

impl Counts {
    /// Whether nothing is alive.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.server_transactions == 0
            && self.client_transactions == 0
            && self.legs == 0
            && self.subscriptions == 0
    }
}

/// What the owner may want to know of a leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegView {
    /// The Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The peer's tag; empty until it has one.
    pub remote_tag: String,
    /// The URI that requests to the peer carry; empty until it is known.
    pub remote_target: String,
    /// Where messages go and come from.
    pub flow: Flow,
    /// Whether the call came to us.
    pub incoming: bool,
    /// Where the call stands.
    pub state: LegState,
    /// Whether the peer takes UPDATE.
    pub allows_update: bool,
    /// Whether the peer supports reliable provisional responses.
    pub supports_100rel: bool,
    /// Whether the peer supports Replaces.
    pub supports_replaces: bool,
}

/// What names one dialog of a leg (RFC 3261 section 12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialogIds {
    /// The Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The peer's tag; empty while the peer has none.
    pub remote_tag: String,
}

/// Where a leg stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LegState {
    /// No final response yet.
    Early,
    /// Answered.
    Confirmed,
    /// A BYE or CANCEL is under way.
    Ending,
}
