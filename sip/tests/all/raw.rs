//! One endpoint, spoken to in bytes.

use bytes::Bytes;
use strowger_sip::endpoint::{Endpoint, Event, OutInvite, Settings};
use strowger_sip::{Flow, LegId, Message, Transport};

use crate::link::{SECOND, sdp};

/// An endpoint at 192.0.2.1:5060, its clock, and the peer at 192.0.2.7:5062.
pub struct Raw {
    pub end: Endpoint,
    pub now: u64,
    pub flow: Flow,
    /// The flows of what `send` and `pass` returned last.
    pub flows: Vec<Flow>,
}

impl Raw {
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    pub fn with(settings: Settings) -> Self {
        let flow = Flow {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().unwrap(),
            remote: "192.0.2.7:5062".parse().unwrap(),
            generation: 0,
        };
        Self { end: Endpoint::new(settings, [9; 32]), now: SECOND, flow, flows: Vec::new() }
    }

    /// Hands in bytes and returns what is sent at once.
    pub fn send(&mut self, bytes: &[u8]) -> Vec<Message> {
        self.end.receive(self.now, self.flow, Bytes::copy_from_slice(bytes));
        self.outputs()
    }

    /// Lets time pass, deadline by deadline.
    pub fn pass(&mut self, nanoseconds: u64) -> Vec<Message> {
        let until = self.now + nanoseconds;
        while let Some(due) = self.end.next_deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.end.handle_timeout(self.now);
        }
        self.now = until;
        self.outputs()
    }

    pub fn outputs(&mut self) -> Vec<Message> {
        self.flows.clear();
        let mut list = Vec::new();
        while let Some(output) = self.end.poll_output() {
            self.flows.push(output.flow);
            list.push(Message::parse(output.bytes).expect("we write what we can read"));
        }
        list
    }

    pub fn event(&mut self) -> Option<Event> {
        self.end.poll_event()
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.end.poll_event()).collect()
    }
}

pub fn statuses(messages: &[Message]) -> Vec<u16> {
    messages.iter().filter_map(Message::status).collect()
}

pub fn methods(messages: &[Message]) -> Vec<String> {
    messages.iter().filter_map(|m| m.method().map(|method| method.to_string())).collect()
}

/// A request with the headers that every one needs, and more.
pub fn request(method: &str, branch: &str, more: &str) -> String {
    format!(
        "{method} sip:bob@192.0.2.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.7:5062;branch=z9hG4bK{branch}\r\n\
         From: <sip:alice@a>;tag=alice\r\nTo: <sip:bob@b>\r\nCall-ID: call-{branch}\r\n\
         CSeq: 1 {method}\r\nContact: <sip:alice@192.0.2.7:5062>\r\n{more}\
         Content-Length: 0\r\n\r\n"
    )
}

/// A response to a request of ours.
pub fn response(request: &Message, status: u16, tag: &str, more: &str, body: &str) -> String {
    let header = |name: &str| request.header_named(name).unwrap_or("").to_owned();
    let to = header("To");
    let tag =
        if tag.is_empty() || to.contains(";tag=") { String::new() } else { format!(";tag={tag}") };
    format!(
        "SIP/2.0 {status} Text\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\n\
         CSeq: {}\r\n{more}Content-Length: {}\r\n\r\n{body}",
        header("Via"),
        header("From"),
        header("Call-ID"),
        header("CSeq"),
        body.len()
    )
}

/// Sends an INVITE of ours and returns it.
pub fn invite(raw: &mut Raw, change: impl FnOnce(&mut OutInvite)) -> (LegId, Message) {
    let mut out = OutInvite::new("sip:bob@b", "sip:alice@a", "sip:bob@b", Some(sdp("offer")));
    change(&mut out);
    let leg = raw.end.invite(raw.now, raw.flow, out);
    (leg, raw.outputs().remove(0))
}

pub const CONTACT: &str = "Contact: <sip:bob@192.0.2.7:5062>\r\n";

pub fn answer(raw: &mut Raw, invite: &Message, tag: &str, more: &str) -> Vec<Message> {
    raw.send(response(invite, 200, tag, &format!("{CONTACT}{more}"), "answer").as_bytes())
}
