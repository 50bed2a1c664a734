//! What a response repeats of its request, and where it goes.

use std::fmt::Write;
use std::net::SocketAddr;

use smallvec::SmallVec;

use crate::message::{HeaderName, Message, Sink, Via, Writer};
use crate::{Flow, Method, Transport};

/// Each line's name, and where its value ends.
type Lines = SmallVec<[(HeaderName, u32); 7]>;

/// The header lines that every response to a request begins with, in one allocation, so that
/// the request itself need not be kept.
#[derive(Debug)]
pub(crate) struct Head {
    text: Box<str>,
    lines: Lines,
    to_has_tag: bool,
}

impl Head {
    /// Collects them as they are, for a request whose Via cannot be read.
    pub fn plain(message: &Message) -> Self {
        Self::with_vias(message, String::with_capacity(384), SmallVec::new(), 0)
    }

    /// Collects them; the topmost Via says where the request really came from
    /// (RFC 3261 section 18.2.1, RFC 3581 section 4).
    pub fn of(message: &Message, via: &Via<'_>, source: SocketAddr) -> Self {
        let mut text = String::with_capacity(384);
        let mut lines = Lines::new();
        // Writing to a String does not fail.
        let _ = write_top_via(&mut text, via, source);
        lines.push((HeaderName::Via, text.len() as u32));
        Self::with_vias(message, text, lines, 1)
    }

    /// Adds the Vias after the first `written`, and the rest.
    fn with_vias(message: &Message, mut text: String, mut lines: Lines, written: usize) -> Self {
        let mut add = |name, value: &str| {
            text.push_str(value);
            lines.push((name, text.len() as u32));
        };
        for value in message.values(HeaderName::Via).skip(written) {
            add(HeaderName::Via, value);
        }
        if creates_dialogs(message) {
            for value in message.headers(HeaderName::RecordRoute) {
                add(HeaderName::RecordRoute, value);
            }
        }
        for name in [
            HeaderName::From,
            HeaderName::To,
            HeaderName::CallId,
            HeaderName::CSeq,
            HeaderName::Timestamp,
        ] {
            if let Some(value) = message.header(name) {
                add(name, value);
            }
        }
        let to_has_tag = message.to().is_ok_and(|to| to.tag().is_some());
        Self { text: text.into_boxed_str(), lines, to_has_tag }
    }

    /// Writes them. `tag` goes into a To that has none, except in a 100; Record-Route into
    /// responses that make a dialog; Timestamp into 100 (RFC 3261 section 8.2.6).
    pub fn write<B: Sink>(&self, writer: &mut Writer<'_, B>, status: u16, tag: &str) {
        let mut start = 0;
        for (name, end) in &self.lines {
            let value = self.text.get(start..*end as usize).unwrap_or("");
            start = *end as usize;
            match name {
                HeaderName::To if !self.to_has_tag && status != 100 && !tag.is_empty() => {
                    writer.header(*name, format_args!("{value};tag={tag}"))
                }
                HeaderName::RecordRoute if !(101..300).contains(&status) => continue,
                HeaderName::Timestamp if status != 100 => continue,
                _ => writer.header_text(*name, value),
            };
        }
    }
}

fn creates_dialogs(message: &Message) -> bool {
    matches!(
        message.method(),
        Some(Method::Invite | Method::Subscribe | Method::Refer | Method::Notify)
    )
}

/// The Via as received, with `received` and a filled `rport`.
fn write_top_via(text: &mut String, via: &Via<'_>, source: SocketAddr) -> std::fmt::Result {
    text.extend(["SIP/2.0/", via.transport, " ", via.host_text]);
    if let Some(port) = via.port {
        write!(text, ":{port}")?;
    }
    let symmetric = via.rport().is_some();
    for (name, value) in via.params.iter() {
        let ours = name.eq_ignore_ascii_case("received") || name.eq_ignore_ascii_case("rport");
        match value {
            _ if ours => {}
            Some(value) => text.extend([";", name, "=", value]),
            None => text.extend([";", name]),
        }
    }
    if symmetric || via.host.ip() != Some(source.ip()) {
        write!(text, ";received={}", source.ip())?;
    }
    if symmetric {
        write!(text, ";rport={}", source.port())?;
    }
    Ok(())
}

/// Where the responses to a request go: back on a stream; over UDP to the source address and
/// the port that rport or sent-by asks for (RFC 3261 section 18.2.2, RFC 3581 section 4). A
/// `maddr` is not followed: it would let strangers aim our responses at others.
pub(crate) fn response_flow(flow: Flow, via: &Via<'_>, force_rport: bool) -> Flow {
    if flow.transport != Transport::Udp || force_rport || via.rport().is_some() {
        return flow;
    }
    let port = via.port.unwrap_or_else(|| Transport::Udp.default_port());
    Flow { remote: SocketAddr::new(flow.remote.ip(), port), ..flow }
}
