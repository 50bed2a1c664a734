//! Writing messages.

use std::borrow::Cow;
use std::fmt::{self, Display};

use bytes::Bytes;

use super::Layer;
use crate::endpoint::api::Body;
use crate::endpoint::head::Head;
use crate::endpoint::ids::Branch;
use crate::endpoint::settings::{ContactOf, Settings};
use crate::message::{HeaderName, Sink, Writer};
use crate::{Flow, Method};

/// A header known by name, and its value.
pub(crate) type Line<'a> = (HeaderName, &'a dyn Display);

/// A response to be written.
#[derive(Default, Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub status: u16,
    /// Empty for the registered phrase.
    pub reason: &'a str,
    /// Our tag, for a To that has none.
    pub tag: &'a str,
    pub contact: Option<&'a str>,
    pub lines: &'a [Line<'a>],
    pub headers: &'a [(Cow<'static, str>, String)],
    pub body: Option<&'a Body>,
    /// The transaction of a request that is no INVITE ends with this answer.
    pub forget: bool,
}

impl Answer<'_> {
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }
}

/// A request to be written.
#[derive(Clone, Copy)]
pub(crate) struct Outgoing<'a> {
    pub method: &'a Method,
    pub uri: &'a str,
    /// Route values, the next hop first.
    pub routes: &'a [Box<str>],
    /// With tags where there are any.
    pub from: &'a str,
    pub to: &'a str,
    pub call_id: &'a str,
    pub cseq: u32,
    pub max_forwards: u8,
    pub contact: Option<&'a str>,
    pub lines: &'a [Line<'a>],
    pub headers: &'a [(Cow<'static, str>, String)],
    pub body: Option<&'a Body>,
}

/// Values joined by commas.
pub(crate) struct Joined<I>(pub I);

impl<I: Iterator<Item: Display> + Clone> Display for Joined<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, item) in self.0.clone().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            item.fmt(f)?;
        }
        Ok(())
    }
}

/// The Via of a request of ours. `rport` asks for a response to where we really are
/// (RFC 3581 section 3).
pub(super) fn write_via<B: Sink>(
    writer: &mut Writer<'_, B>,
    settings: &Settings,
    flow: &Flow,
    branch: &str,
) {
    let (transport, host) = (flow.transport.as_via(), settings.host(flow));
    let value = format_args!("SIP/2.0/{transport} {host};branch={branch};rport");
    writer.header(HeaderName::Via, value);
}

impl Layer {
    /// Writes a response that begins with `head`.
    pub(super) fn write_answer(&mut self, head: &Head, answer: &Answer<'_>) -> Bytes {
        self.compose(head, answer);
        Bytes::copy_from_slice(&self.scratch)
    }

    /// Writes a response that is kept until its transaction ends, and by nobody for longer.
    pub(super) fn write_passing(&mut self, head: &Head, answer: &Answer<'_>) -> Bytes {
        self.compose(head, answer);
        self.shelf.keep(&self.scratch)
    }

    fn compose(&mut self, head: &Head, answer: &Answer<'_>) {
        self.scratch.clear();
        let mut writer = Writer::response(&mut self.scratch, answer.status, answer.reason);
        head.write(&mut writer, answer.status, answer.tag);
        if let Some(contact) = answer.contact {
            writer.header_text(HeaderName::Contact, contact);
        }
        if answer.status != 100 && !self.settings.user_agent.is_empty() {
            writer.header_text(HeaderName::Server, &self.settings.user_agent);
        }
        finish(writer, answer.lines, answer.headers, answer.body);
    }

    /// Writes a request for `flow` with this branch.
    pub(super) fn write_request(&mut self, flow: &Flow, branch: &str, out: &Outgoing<'_>) -> Bytes {
        self.scratch.clear();
        let mut writer = Writer::request(&mut self.scratch, out.method, out.uri);
        write_via(&mut writer, &self.settings, flow, branch);
        writer.header(HeaderName::MaxForwards, out.max_forwards);
        for route in out.routes {
            writer.header(HeaderName::Route, route);
        }
        writer.header(HeaderName::From, out.from);
        writer.header(HeaderName::To, out.to);
        writer.header(HeaderName::CallId, out.call_id);
        writer.header(HeaderName::CSeq, format_args!("{} {}", out.cseq, out.method));
        if let Some(contact) = out.contact {
            writer.header(HeaderName::Contact, contact);
        }
        if !self.settings.user_agent.is_empty() {
            writer.header(HeaderName::UserAgent, &self.settings.user_agent);
        }
        finish(writer, out.lines, out.headers, out.body);
        Bytes::copy_from_slice(&self.scratch)
    }

    /// A fresh branch for a request to this URI.
    pub(super) fn branch(&mut self, uri: &str) -> Branch {
        self.ids.branch(uri)
    }

    /// The Contact for a flow.
    pub fn contact(&self, flow: &Flow) -> Box<str> {
        let contact = ContactOf(self.settings.host(flow), flow.transport);
        contact.to_string().into_boxed_str()
    }

    /// The Allow header's value.
    pub fn allow(&self) -> String {
        Joined(self.settings.allow.iter()).to_string()
    }

    /// The Supported header's value.
    pub fn supported(&self) -> String {
        Joined(self.settings.supported.iter()).to_string()
    }
}

fn finish<B: Sink>(
    mut writer: Writer<'_, B>,
    lines: &[Line<'_>],
    headers: &[(Cow<'static, str>, String)],
    body: Option<&Body>,
) {
    for (name, value) in lines {
        writer.header(*name, value);
    }
    for (name, value) in headers {
        writer.header_named(name, value);
    }
    match body {
        Some(body) => writer.finish(&body.content_type, &body.bytes),
        None => writer.finish_empty(),
    }
}
