//! A leg: one INVITE usage with its dialogs.

use std::collections::VecDeque;

use smallvec::SmallVec;

use super::offer::{EarlyOffer, OurInvite, Refresh, Reoffer, TheirInvite, TheirOffer};
use super::prack::Reliable;
use super::session::{Session, Wish};
use crate::auth::Credentials;
use crate::dialog::{Dialog, towards};
use crate::endpoint::layer::{Layer, Line, Outgoing, Owner, Purpose};
use crate::endpoint::slab::Handle;
use crate::endpoint::{Body, DialogIds, ExtraHeaders, LegId, LegState, LegView, Reason};
use crate::message::{HeaderName, Message};
use crate::{Flow, Method};

/// What a leg works with: the layer below and the time.
pub(crate) struct Cx<'a> {
    pub layer: &'a mut Layer,
    pub now: u64,
}

/// Where a leg stands.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Ours, not answered.
    Calling,
    /// Theirs, not answered by us.
    Ringing,
    /// Answered.
    Confirmed,
    /// Over for the owner. `bye` is the BYE that waits for the ACK of our 2xx: a callee may not
    /// send it earlier (RFC 3261 section 15).
    Ending { bye: Option<Option<Reason>> },
    /// To be removed.
    Gone,
}

/// What the peer said it can do.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Peer {
    pub update: bool,
    pub reliable: bool,
    pub timer: bool,
    pub replaces: bool,
}

impl Peer {
    /// Learns from a message of the peer's; one without Allow or Supported changes nothing.
    pub fn learn(&mut self, message: &Message) {
        if let Some(update) = message.allows(&Method::Update) {
            self.update = update;
        }
        if message.header(HeaderName::Supported).is_some() {
            self.reliable = message.supports("100rel");
            self.timer = message.supports("timer");
            self.replaces = message.supports("replaces");
        }
    }
}

/// One dialog of a leg; there are several only while forks of our INVITE ring.
#[derive(Debug)]
pub(crate) struct Fork {
    pub dialog: Dialog,
    /// In order of appearance.
    pub number: u32,
    /// The latest reliable provisional response (RFC 3262 section 4).
    pub rseq: Option<u32>,
    /// Whether it made an offer in one, and had our answer in the PRACK.
    pub answered_late: bool,
}

impl Fork {
    pub fn new(dialog: Dialog, number: u32) -> Self {
        Self { dialog, number, rseq: None, answered_late: false }
    }
}

/// A leg. Its dialogs share Call-ID, our tag and our address.
#[derive(Debug)]
pub(crate) struct Leg {
    pub handle: Handle,
    pub incoming: bool,
    pub phase: Phase,
    pub flow: Flow,
    /// The peer is behind a NAT: it is reached where its packets come from, whatever it says.
    pub symmetric: bool,
    pub call_id: Box<str>,
    /// Our From or To value, tag included.
    pub local: Box<str>,
    pub local_tag: Box<str>,
    pub contact: Box<str>,
    pub peer: Peer,
    pub forks: SmallVec<[Fork; 1]>,
    pub forks_seen: u32,
    pub ours: OurInvite,
    pub theirs: TheirInvite,
    pub our_update: Option<Reoffer>,
    pub their_offer: Option<TheirOffer>,
    pub early_offer: Option<EarlyOffer>,
    /// Whether the first offer was answered in a way that cannot be lost.
    pub negotiated: bool,
    pub queue: VecDeque<Option<Body>>,
    pub reliable: Option<Box<Reliable>>,
    pub session: Option<Session>,
    pub wish: Wish,
    /// The latest description that we sent, for refreshing the session by re-INVITE.
    pub last_sent: Option<Body>,
    /// That of a re-INVITE that we have not answered.
    pub their_refresh: Option<Refresh>,
    pub credentials: Option<Box<Credentials>>,
    pub scheduled: u64,
}

/// A request in a dialog.
pub(crate) struct InDialog<'a> {
    pub method: Method,
    pub purpose: Purpose,
    pub ticket: u64,
    pub lines: &'a [Line<'a>],
    pub headers: &'a ExtraHeaders,
    pub body: Option<&'a Body>,
}

/// No headers to add.
pub(crate) const NO_HEADERS: &ExtraHeaders = &ExtraHeaders::new();

impl InDialog<'_> {
    pub fn new(method: Method, purpose: Purpose) -> Self {
        Self { method, purpose, ticket: 0, lines: &[], headers: NO_HEADERS, body: None }
    }
}

/// Whether a request carries a Contact: those that make dialogs or move their target.
fn has_contact(method: &Method) -> bool {
    !matches!(method, Method::Bye | Method::Prack | Method::Info | Method::Message | Method::Cancel)
}

impl Leg {
    pub fn id(&self) -> LegId {
        LegId(self.handle.raw())
    }

    pub fn is_gone(&self) -> bool {
        matches!(self.phase, Phase::Gone)
    }

    pub fn is_early(&self) -> bool {
        matches!(self.phase, Phase::Calling | Phase::Ringing)
    }

    /// Whether the owner still knows this leg.
    pub fn is_live(&self) -> bool {
        !matches!(self.phase, Phase::Ending { .. } | Phase::Gone)
    }

    /// The fork whose remote tag this is.
    pub fn fork_of(&self, tag: &str) -> Option<usize> {
        self.forks.iter().position(|fork| *fork.dialog.remote_tag == *tag)
    }

    fn flow_to(&self, dialog: &Dialog) -> Flow {
        if self.symmetric { self.flow } else { towards(self.flow, dialog.next_hop_uri()) }
    }

    /// Sends a request in the dialog of a fork, with the dialog's next CSeq number.
    pub fn send(&mut self, cx: &mut Cx<'_>, fork: usize, request: &InDialog<'_>) -> Option<Handle> {
        let number = self.forks.get_mut(fork)?.dialog.next_cseq();
        let dialog = &self.forks.get(fork)?.dialog;
        let flow = self.flow_to(dialog);
        let hop = dialog.next_hop();
        let out = Outgoing {
            method: &request.method,
            uri: hop.uri(),
            routes: hop.routes(),
            from: &self.local,
            to: &dialog.remote,
            call_id: &self.call_id,
            cseq: number,
            max_forwards: 70,
            contact: has_contact(&request.method).then_some(&*self.contact),
            lines: request.lines,
            headers: request.headers,
            body: request.body,
        };
        let owner = Owner::Leg(self.handle, request.purpose);
        Some(cx.layer.start_request(cx.now, flow, &out, owner, request.ticket))
    }

    /// Acknowledges the 2xx of our INVITE `invite`, which had the number `cseq`.
    pub fn acknowledge(
        &mut self,
        cx: &mut Cx<'_>,
        invite: Handle,
        cseq: u32,
        lines: &[Line<'_>],
        body: Option<&Body>,
    ) {
        let Some(Fork { dialog, .. }) = self.forks.first() else { return };
        let flow = self.flow_to(dialog);
        let hop = dialog.next_hop();
        let out = Outgoing {
            method: &Method::Ack,
            uri: hop.uri(),
            routes: hop.routes(),
            from: &self.local,
            to: &dialog.remote,
            call_id: &self.call_id,
            cseq,
            max_forwards: 70,
            contact: None,
            lines,
            headers: NO_HEADERS,
            body,
        };
        cx.layer.acknowledge(invite, flow, &dialog.remote_tag, &out);
    }

    pub fn dialogs(&self) -> Vec<DialogIds> {
        let named = |remote_tag: &str| DialogIds {
            call_id: self.call_id.to_string(),
            local_tag: self.local_tag.to_string(),
            remote_tag: remote_tag.to_owned(),
        };
        if self.forks.is_empty() {
            return vec![named("")];
        }
        self.forks.iter().map(|fork| named(&fork.dialog.remote_tag)).collect()
    }

    pub fn view(&self) -> LegView {
        let fork = self.forks.first();
        let text = |of: fn(&Dialog) -> &str| fork.map_or("", |fork| of(&fork.dialog)).to_owned();
        LegView {
            call_id: self.call_id.to_string(),
            local_tag: self.local_tag.to_string(),
            remote_tag: text(|dialog| &dialog.remote_tag),
            remote_target: text(|dialog| &dialog.target),
            flow: self.flow,
            incoming: self.incoming,
            state: match self.phase {
                Phase::Calling | Phase::Ringing => LegState::Early,
                Phase::Confirmed => LegState::Confirmed,
                Phase::Ending { .. } | Phase::Gone => LegState::Ending,
            },
            allows_update: self.peer.update,
            supports_100rel: self.peer.reliable,
            supports_replaces: self.peer.replaces,
        }
    }
}
