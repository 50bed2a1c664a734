//! Client transactions: requests out, responses in.

use bytes::Bytes;
use smallvec::SmallVec;

use super::large::Detour;
use super::{Layer, Outgoing, Wake, on_flow, together};
use crate::auth::Credentials;
use crate::endpoint::ids::Key;
use crate::endpoint::slab::{Handle, KEEP};
use crate::endpoint::{ClientTx, Event, RequestFailure};
use crate::message::{HeaderName, Message, Writer};
use crate::transaction::invite_client::State as InviteState;
use crate::transaction::non_invite_client::State as OtherState;
use crate::transaction::{Action, Actions, Class, InviteClient, NonInviteClient, Timer, Timers};
use crate::{Flow, Method, Transport};

/// The most forks whose 2xx one INVITE remembers to have acknowledged.
const MAX_ACKS: usize = 16;

#[derive(Debug)]
pub(super) enum Machine {
    Invite(InviteClient),
    Other(NonInviteClient),
}

impl Machine {
    pub(super) fn start(invite: bool, timers: Timers, now: u64) -> Self {
        if invite {
            Self::Invite(InviteClient::start(timers, now).0)
        } else {
            Self::Other(NonInviteClient::start(timers, now).0)
        }
    }

    pub(super) fn is_invite(&self) -> bool {
        matches!(self, Self::Invite(_))
    }

    /// Nothing came back yet.
    pub(super) fn is_unanswered(&self) -> bool {
        match self {
            Self::Invite(machine) => matches!(machine.state(), InviteState::Calling { .. }),
            Self::Other(machine) => matches!(machine.state(), OtherState::Trying { .. }),
        }
    }
}

/// What a leg sent a request for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The INVITE that makes the call.
    Invite,
    /// A re-INVITE.
    Reinvite,
    /// An UPDATE.
    Update,
    /// A PRACK.
    Prack,
    /// The BYE.
    Bye,
    /// A request of the owner's in the dialog.
    Request,
}

/// Whom the outcome of a request concerns.
#[derive(Debug, Clone)]
pub(crate) enum Owner {
    /// Nobody; a challenge is answered with these all the same.
    Nobody(Option<Box<Credentials>>),
    /// The endpoint's owner, who may have given credentials.
    User(Option<Box<Credentials>>),
    /// A leg.
    Leg(Handle, Purpose),
    /// A subscription.
    Subscription(Handle),
}

/// A request as it was sent, with what sending it again needs.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub handle: Handle,
    /// The flow that it was meant for, whatever its size made of that.
    pub flow: Flow,
    pub request: Bytes,
    pub ticket: u64,
    /// How challenges were answered so far.
    pub tried: u8,
}

/// A client transaction.
#[derive(Debug)]
pub(crate) struct ClientRecord {
    pub(super) machine: Machine,
    key: Key,
    pub(super) flow: Flow,
    /// Dropped with the final response.
    pub(super) request: Bytes,
    /// It is too large for datagrams, by which it would go otherwise.
    pub(super) detour: Option<Box<Detour>>,
    owner: Owner,
    ticket: u64,
    tried: u8,
    /// The ACK of a failure.
    ack: Bytes,
    /// The ACKs of the 2xx responses, by the hash of the To tag.
    acks: SmallVec<[(Key, Flow, Bytes); 1]>,
    /// When an INVITE that nobody waits for any more is forgotten.
    expires: u64,
    pub(super) scheduled: u64,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happened {
    /// A response came.
    Response,
    /// Nobody answered.
    Timeout,
    /// It could not be sent.
    TransportFailed,
}

/// Something to hand to the owner of a request.
#[derive(Debug)]
pub(crate) struct Up {
    pub owner: Owner,
    pub sent: Sent,
    pub happened: Happened,
}

/// What a new client transaction belongs to.
#[derive(Debug)]
pub(crate) struct Belongs {
    pub owner: Owner,
    pub ticket: u64,
    pub tried: u8,
}

impl Layer {
    /// Writes a request and sends it in a transaction of its own.
    pub fn start_request(
        &mut self,
        now: u64,
        flow: Flow,
        out: &Outgoing<'_>,
        owner: Owner,
        ticket: u64,
    ) -> Handle {
        let branch = self.branch(out.uri);
        let bytes = self.write_request(&flow, branch.as_str(), out);
        let belongs = Belongs { owner, ticket, tried: 0 };
        self.open_client(now, flow, bytes, branch.as_str(), out.method, belongs)
    }

    /// Sends a request that has been written.
    pub(super) fn open_client(
        &mut self,
        now: u64,
        flow: Flow,
        request: Bytes,
        branch: &str,
        method: &Method,
        belongs: Belongs,
    ) -> Handle {
        let detour = self.detour(now, flow, &request, method);
        let waits = detour.is_some();
        let timers = self.timers(if waits { Transport::Tcp } else { flow.transport });
        let machine = Machine::start(*method == Method::Invite, timers, now);
        let key = self.ids.client_key(branch, method.as_str());
        let handle = self.clients.insert(ClientRecord {
            machine,
            key,
            flow,
            request: request.clone(),
            detour,
            owner: belongs.owner,
            ticket: belongs.ticket,
            tried: belongs.tried,
            ack: Bytes::new(),
            acks: SmallVec::new(),
            expires: u64::MAX,
            scheduled: u64::MAX,
        });
        self.by_client_key.insert(key, handle);
        self.clients_by_flow.insert((flow, handle));
        if waits {
            self.wish_for_stream(handle, flow);
        } else {
            self.send(flow, request);
        }
        self.schedule_client(handle);
        handle
    }

    /// Tells the owner that a request of its could not be sent.
    pub fn refuse_to_send(&mut self, tx: ClientTx) {
        self.emit(Event::Response { tx, outcome: Err(RequestFailure::Transport) });
    }

    /// Cancels an INVITE: a CANCEL with the same branch on the same flow (RFC 3261 section 9.1).
    pub fn send_cancel(
        &mut self,
        now: u64,
        invite: Handle,
        reason: Option<&dyn std::fmt::Display>,
    ) {
        let Some(record) = self.clients.get(invite) else { return };
        let flow = record.flow;
        let Ok(request) = Message::parse(record.request.clone()) else { return };
        let Some(branch) = request.top_via().ok().and_then(|via| via.branch()) else { return };
        let bytes = self.write_like_invite(&request, &Method::Cancel, None, reason);
        let belongs = Belongs { owner: Owner::Nobody(None), ticket: 0, tried: 0 };
        self.open_client(now, flow, bytes, branch, &Method::Cancel, belongs);
    }

    /// A CANCEL, or the ACK of a failure: Request-URI, topmost Via, From, Call-ID and Route are
    /// the INVITE's, To is the response's (RFC 3261 sections 9.1 and 17.1.1.3).
    fn write_like_invite(
        &mut self,
        invite: &Message,
        method: &Method,
        to: Option<&str>,
        reason: Option<&dyn std::fmt::Display>,
    ) -> Bytes {
        self.scratch.clear();
        let mut writer = Writer::request(&mut self.scratch, method, invite.request_uri());
        writer.copy(invite, HeaderName::Via);
        writer.header(HeaderName::MaxForwards, 70);
        writer.copy(invite, HeaderName::Route).copy(invite, HeaderName::From);
        match to {
            Some(to) => writer.header(HeaderName::To, to),
            None => writer.copy(invite, HeaderName::To),
        };
        writer.copy(invite, HeaderName::CallId);
        let number = invite.cseq().map_or(0, |(number, _)| number);
        writer.header(HeaderName::CSeq, format_args!("{number} {method}"));
        if *method == Method::Ack {
            writer.copy(invite, HeaderName::Authorization);
            writer.copy(invite, HeaderName::ProxyAuthorization);
        }
        writer.header_opt(HeaderName::Reason, reason);
        writer.finish_empty();
        Bytes::copy_from_slice(&self.scratch)
    }

    /// The transaction that a response belongs to (RFC 3261 section 17.1.3).
    pub fn find_client(&self, response: &Message) -> Option<Handle> {
        let via = response.top_via().ok()?;
        let (_, method) = response.cseq().ok()?;
        let key = self.ids.client_key(via.branch()?, method.as_str());
        self.by_client_key.get(&key).copied()
    }

    /// A response arrived for this transaction.
    pub fn client_response(&mut self, now: u64, handle: Handle, response: &Message) -> Option<Up> {
        let class = Class::of(response.status()?);
        let record = self.clients.get_mut(handle)?;
        let actions = match &mut record.machine {
            Machine::Invite(machine) => machine.response(now, class),
            Machine::Other(machine) => machine.response(now, class),
        };
        if actions.contains(&Action::Ack) {
            self.acknowledge_failure(handle, response);
        }
        self.carry_out(handle, &actions, class == Class::Provisional)
    }

    fn acknowledge_failure(&mut self, handle: Handle, response: &Message) {
        let Some(record) = self.clients.get(handle) else { return };
        let flow = record.flow;
        let Ok(invite) = Message::parse(record.request.clone()) else { return };
        let to = response.header(HeaderName::To);
        let ack = self.write_like_invite(&invite, &Method::Ack, to, None);
        if let Some(record) = self.clients.get_mut(handle) {
            record.ack = ack.clone();
        }
        self.send(flow, ack);
    }

    /// Does what a machine asks for; what concerns the owner is returned.
    fn carry_out(&mut self, handle: Handle, actions: &Actions, keep_request: bool) -> Option<Up> {
        let record = self.clients.get_mut(handle)?;
        let flow = record.flow;
        let mut up = None;
        let mut send = None;
        for action in actions {
            let happened = match action {
                Action::Deliver => Happened::Response,
                Action::Timeout => Happened::Timeout,
                Action::TransportFailed => Happened::TransportFailed,
                Action::Send => {
                    send = Some(record.request.clone());
                    continue;
                }
                Action::AckAgain => {
                    send = Some(record.ack.clone());
                    continue;
                }
                Action::Ack | Action::Terminate => continue,
            };
            let request = if keep_request {
                record.request.clone()
            } else {
                std::mem::take(&mut record.request)
            };
            let flow = record.detour.as_ref().map_or(flow, |detour| detour.datagrams);
            let sent = Sent { handle, flow, request, ticket: record.ticket, tried: record.tried };
            up = Some(Up { owner: record.owner.clone(), sent, happened });
        }
        if let Some(bytes) = send.filter(|bytes| !bytes.is_empty()) {
            self.send(flow, bytes);
        }
        if actions.contains(&Action::Terminate) {
            self.close_client(handle);
        } else {
            self.schedule_client(handle);
        }
        up
    }

    /// Sends the ACK of a 2xx and keeps it for that 2xx's retransmissions.
    pub fn acknowledge(&mut self, invite: Handle, flow: Flow, tag: &str, out: &Outgoing<'_>) {
        let branch = self.branch(out.uri);
        let ack = self.write_request(&flow, branch.as_str(), out);
        let key = self.ids.client_key(tag, "ACK");
        if let Some(record) = self.clients.get_mut(invite)
            && record.acks.len() < MAX_ACKS
        {
            record.acks.push((key, flow, ack.clone()));
        }
        self.send(flow, ack);
    }

    /// Repeats the ACK of a 2xx that came again; false when it was not acknowledged yet.
    pub fn acknowledge_again(&mut self, invite: Handle, tag: &str) -> bool {
        let key = self.ids.client_key(tag, "ACK");
        let Some(record) = self.clients.get(invite) else { return false };
        let known = record.acks.iter().find(|(of, ..)| *of == key);
        let Some((_, flow, ack)) = known.cloned() else { return false };
        self.send(flow, ack);
        true
    }

    /// Nobody waits for the outcome of this INVITE any more. RFC 3261 gives a transaction in
    /// Proceeding no end; this one ends after 64 times T1.
    pub fn abandon(&mut self, now: u64, handle: Handle) {
        let expires = self.end_to_end_timers().start(Timer::B, now);
        if let Some(record) = self.clients.get_mut(handle) {
            record.owner = Owner::Nobody(None);
            record.expires = expires;
        }
        self.schedule_client(handle);
    }

    /// Forgets a transaction whose request was never sent.
    pub fn drop_client(&mut self, handle: Handle) {
        self.close_client(handle);
    }

    /// A timer of this transaction may be due.
    pub fn client_timeout(&mut self, now: u64, handle: Handle, due: u64) -> Option<Up> {
        let record = self.clients.get_mut(handle)?;
        if record.scheduled != due {
            return None;
        }
        record.scheduled = u64::MAX;
        if record.expires <= now {
            self.close_client(handle);
            return None;
        }
        if self.falls_back(now, handle, false) {
            return None;
        }
        let record = self.clients.get_mut(handle)?;
        let actions = match &mut record.machine {
            Machine::Invite(machine) => machine.timeout(now),
            Machine::Other(machine) => machine.timeout(now),
        };
        self.carry_out(handle, &actions, false)
    }

    /// The transactions on a flow that failed.
    pub fn clients_on(&self, flow: Flow) -> Vec<Handle> {
        on_flow(&self.clients_by_flow, flow)
    }

    /// The request could not be sent.
    pub fn client_lost(&mut self, now: u64, handle: Handle) -> Option<Up> {
        if self.falls_back(now, handle, true) {
            return None;
        }
        let record = self.clients.get_mut(handle)?;
        let actions = match &mut record.machine {
            Machine::Invite(machine) => machine.transport_failed(),
            Machine::Other(machine) => machine.transport_failed(),
        };
        self.carry_out(handle, &actions, false)
    }

    fn close_client(&mut self, handle: Handle) {
        if let Some(record) = self.clients.remove(handle) {
            self.by_client_key.remove(&record.key);
            self.clients_by_flow.remove(&(record.flow, handle));
            if self.clients.is_empty() {
                self.by_client_key.shrink_to(KEEP);
            }
        }
    }

    pub(super) fn schedule_client(&mut self, handle: Handle) {
        let Some(record) = self.clients.get_mut(handle) else { return };
        let (due, ending) = match &record.machine {
            Machine::Invite(machine) => (machine.deadline(), machine.is_ending()),
            Machine::Other(machine) => (machine.deadline(), machine.is_ending()),
        };
        let due = due.unwrap_or(u64::MAX).min(record.expires).min(record.patience());
        let due = if ending { together(due) } else { due };
        if due < record.scheduled {
            record.scheduled = due;
            self.queue.push(due, Wake::Client(handle));
        }
    }
}
