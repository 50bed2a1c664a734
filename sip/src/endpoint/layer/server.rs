//! Server transactions: requests in, responses out.

use bytes::Bytes;

use super::{Answer, Layer, Wake, on_flow, together};
use crate::Flow;
use crate::endpoint::head::{Head, response_flow};
use crate::endpoint::ids::Key;
use crate::endpoint::slab::{Handle, KEEP};
use crate::message::{Message, Via};
use crate::transaction::{Action, Class, InviteServer, NonInviteServer};

#[derive(Debug)]
enum Machine {
    Invite(InviteServer),
    Other(NonInviteServer),
}

/// A server transaction. Once it has answered it holds the response and no more of the request.
#[derive(Debug)]
pub(crate) struct ServerRecord {
    machine: Machine,
    key: Key,
    merge: Option<Key>,
    flow: Flow,
    head: Option<Head>,
    /// Our tag, when a leg has none for it.
    tag: Option<Box<str>>,
    last: Bytes,
    leg: Option<Handle>,
    scheduled: u64,
}

/// What a new request is known by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys {
    /// Its transaction.
    pub key: Key,
    /// What all its copies have in common; `None` within a dialog.
    pub merge: Option<Key>,
}

/// An INVITE that a CANCEL or ACK belongs to.
pub(crate) struct Waiting {
    pub leg: Option<Handle>,
    /// Whether no final response was sent yet.
    pub proceeding: bool,
}

impl Layer {
    pub fn find_server(&self, key: Key) -> Option<Handle> {
        self.by_server_key.get(&key).copied()
    }

    /// Whether another copy of the request with this merge key, which came another way, is
    /// being handled (RFC 3261 section 8.2.2.2).
    pub fn is_merged(&self, merge: Option<Key>) -> bool {
        merge.is_some_and(|key| self.by_merge_key.contains_key(&key))
    }

    /// Begins a transaction for a request that has none.
    pub fn open_server(
        &mut self,
        now: u64,
        flow: Flow,
        message: &Message,
        via: &Via<'_>,
        keys: Keys,
        invite: bool,
    ) -> Handle {
        let Keys { key, merge } = keys;
        let timers = self.timers(flow.transport);
        let (machine, _) = if invite {
            let (machine, actions) = InviteServer::start(timers);
            (Machine::Invite(machine), actions)
        } else {
            let (machine, actions) = NonInviteServer::start(timers, now);
            (Machine::Other(machine), actions)
        };
        let handle = self.servers.insert(ServerRecord {
            machine,
            key,
            merge,
            flow: response_flow(flow, via, self.settings.force_rport),
            head: Some(Head::of(message, via, flow.remote)),
            tag: None,
            last: Bytes::new(),
            leg: None,
            scheduled: u64::MAX,
        });
        self.by_server_key.insert(key, handle);
        if flow.transport.is_reliable() {
            self.servers_by_stream.insert((flow, handle));
        }
        if let Some(merge) = merge {
            self.by_merge_key.insert(merge, handle);
        }
        self.schedule_server(handle);
        handle
    }

    /// Whether a request still waits for its final response.
    pub fn is_unanswered(&self, handle: Handle) -> bool {
        self.servers.get(handle).is_some_and(|record| record.head.is_some())
    }

    /// Names the leg that an INVITE transaction belongs to.
    pub fn assign_server(&mut self, handle: Handle, leg: Handle) {
        if let Some(record) = self.servers.get_mut(handle) {
            record.leg = Some(leg);
        }
    }

    pub fn server_flow(&self, handle: Handle) -> Option<Flow> {
        self.servers.get(handle).map(|record| record.flow)
    }

    pub fn waiting(&self, handle: Handle) -> Option<Waiting> {
        let record = self.servers.get(handle)?;
        let proceeding = match &record.machine {
            Machine::Invite(machine) => {
                *machine.state() == crate::transaction::invite_server::State::Proceeding
            }
            Machine::Other(_) => false,
        };
        Some(Waiting { leg: record.leg, proceeding })
    }

    /// The request arrived again.
    pub fn server_again(&mut self, handle: Handle) {
        let Some(record) = self.servers.get_mut(handle) else { return };
        let actions = match &mut record.machine {
            Machine::Invite(machine) => machine.request_again(),
            Machine::Other(machine) => machine.request_again(),
        };
        if actions.contains(&Action::Send) && !record.last.is_empty() {
            let (flow, bytes) = (record.flow, record.last.clone());
            self.send(flow, bytes);
        }
    }

    /// Answers a request; `None` when the transaction is gone or has had its final response.
    /// Returns what was sent.
    pub fn reply(&mut self, now: u64, handle: Handle, answer: &Answer<'_>) -> Option<Bytes> {
        let record = self.servers.get_mut(handle)?;
        let class = Class::of(answer.status);
        let actions = match &mut record.machine {
            Machine::Invite(machine) => machine.respond(now, class),
            Machine::Other(machine) => machine.respond(now, class),
        };
        if !actions.contains(&Action::Send) {
            return None;
        }
        // The answer to an INVITE may be kept by its leg.
        let other = matches!(record.machine, Machine::Other(_));
        let (forget, passing) = (other && answer.forget, other && !answer.forget);
        let key = record.key;
        let head = record.head.take()?;
        let made_up = record.tag.take();
        let mut answer = *answer;
        let tag = match (answer.tag, made_up) {
            ("", Some(tag)) => tag,
            // Every copy of the request hears the same tag.
            ("", None) if forget => self.ids.stateless_tag(key),
            ("", None) => self.ids.tag(),
            _ => Box::default(),
        };
        if answer.tag.is_empty() {
            answer.tag = &tag;
        }
        let bytes = if passing {
            self.write_passing(&head, &answer)
        } else {
            self.write_answer(&head, &answer)
        };
        let record = self.servers.get_mut(handle)?;
        record.last = bytes.clone();
        if class == Class::Provisional {
            record.head = Some(head);
            record.tag = Some(tag).filter(|tag| !tag.is_empty());
        }
        let flow = record.flow;
        self.send(flow, bytes.clone());
        if forget || actions.contains(&Action::Terminate) {
            self.close_server(handle);
        } else {
            self.schedule_server(handle);
        }
        Some(bytes)
    }

    /// Answers a request that gets no transaction; each copy of it gets the same answer
    /// (RFC 3261 section 8.2.7).
    pub fn reply_statelessly(
        &mut self,
        flow: Flow,
        message: &Message,
        via: &Via<'_>,
        answer: &Answer<'_>,
    ) {
        let method = message.method().map_or("", |method| method.as_str());
        let key = self.ids.server_key(message, via, method);
        let tag = self.ids.stateless_tag(key);
        let head = Head::of(message, via, flow.remote);
        let bytes = self.write_answer(&head, &Answer { tag: &tag, ..*answer });
        self.send(response_flow(flow, via, self.settings.force_rport), bytes);
    }

    /// Answers a request whose Via cannot be read: back where it came from.
    pub fn reply_to_unreadable(&mut self, flow: Flow, message: &Message, answer: &Answer<'_>) {
        let tag = self.ids.tag();
        let bytes = self.write_answer(&Head::plain(message), &Answer { tag: &tag, ..*answer });
        self.send(flow, bytes);
    }

    /// An ACK that matches an INVITE by its branch. Returns the leg that wants it: with a 2xx
    /// the ACK is the leg's (RFC 6026 section 7.1).
    pub fn server_ack(&mut self, now: u64, handle: Handle) -> Option<Handle> {
        let record = self.servers.get_mut(handle)?;
        let Machine::Invite(machine) = &mut record.machine else { return None };
        let actions = machine.ack(now);
        let leg = record.leg.filter(|_| actions.contains(&Action::Deliver));
        if actions.contains(&Action::Terminate) {
            self.close_server(handle);
        } else {
            self.schedule_server(handle);
        }
        leg
    }

    /// A timer of this transaction may be due.
    pub fn server_timeout(&mut self, now: u64, handle: Handle, due: u64) {
        let Some(record) = self.servers.get_mut(handle) else { return };
        if record.scheduled != due {
            return;
        }
        record.scheduled = u64::MAX;
        let actions = match &mut record.machine {
            Machine::Invite(machine) => machine.timeout(now),
            Machine::Other(machine) => machine.timeout(now),
        };
        if actions.contains(&Action::Send) {
            let (flow, bytes) = (record.flow, record.last.clone());
            self.send(flow, bytes);
        }
        // A failure whose ACK never comes needs nobody's attention (RFC 3261 section 17.2.1
        // has the user told; it would do nothing).
        if actions.contains(&Action::Terminate) {
            self.close_server(handle);
        } else {
            self.schedule_server(handle);
        }
    }

    /// The stream closed that these requests came on. Returns the legs that lost their caller
    /// before they were answered.
    pub fn servers_lost(&mut self, flow: Flow) -> Vec<Handle> {
        let mut legs = Vec::new();
        for handle in on_flow(&self.servers_by_stream, flow) {
            let Some(record) = self.servers.get_mut(handle) else { continue };
            let actions = match &mut record.machine {
                Machine::Invite(machine) => machine.transport_failed(),
                Machine::Other(machine) => machine.transport_failed(),
            };
            legs.extend(record.leg.filter(|_| actions.contains(&Action::TransportFailed)));
            if actions.contains(&Action::Terminate) {
                self.close_server(handle);
            }
        }
        legs
    }

    fn close_server(&mut self, handle: Handle) {
        let Some(record) = self.servers.remove(handle) else { return };
        self.by_server_key.remove(&record.key);
        if record.flow.transport.is_reliable() {
            self.servers_by_stream.remove(&(record.flow, handle));
        }
        if let Some(merge) = record.merge
            && self.by_merge_key.get(&merge) == Some(&handle)
        {
            self.by_merge_key.remove(&merge);
        }
        if self.servers.is_empty() {
            self.by_server_key.shrink_to(KEEP);
            self.by_merge_key.shrink_to(KEEP);
            self.shelf.shrink();
        }
    }

    fn schedule_server(&mut self, handle: Handle) {
        let Some(record) = self.servers.get_mut(handle) else { return };
        let (due, ending) = match &record.machine {
            Machine::Invite(machine) => (machine.deadline(), machine.is_ending()),
            // It retransmits nothing by itself: all that time brings is its end.
            Machine::Other(machine) => (machine.deadline(), true),
        };
        let due = due.map(|due| if ending { together(due) } else { due });
        if let Some(due) = due
            && due < record.scheduled
        {
            record.scheduled = due;
            self.queue.push(due, Wake::Server(handle));
        }
    }
}
