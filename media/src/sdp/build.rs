//! Pieces of the descriptions that we write.

use std::net::IpAddr;

use sdp_types::{Attribute, Connection, Media, Origin, Session, Time};

use super::describe::{Codec, Direction, StreamDescription};
use super::plan::{SessionOrigin, StreamPorts};

/// Attributes that speak of the author's own transport, keys or packet sources and mean nothing
/// behind a B2BUA: ICE (RFC 8839), SDES and DTLS keys, capability negotiation that leads to them
/// (RFC 5939), bundling onto one transport, and SSRCs, which we choose ourselves.
const OF_THE_AUTHORS_TRANSPORT: [&str; 33] = [
    "candidate",
    "remote-candidates",
    "end-of-candidates",
    "ice-lite",
    "ice-mismatch",
    "ice-ufrag",
    "ice-pwd",
    "ice-options",
    "ice-pacing",
    "crypto",
    "fingerprint",
    "setup",
    "connection",
    "tls-id",
    "identity",
    "key-mgmt",
    "zrtp-hash",
    "encryption",
    "csup",
    "creq",
    "acap",
    "tcap",
    "pcfg",
    "acfg",
    "group",
    "mid",
    "bundle-only",
    "msid",
    "msid-semantic",
    "ssrc",
    "ssrc-group",
    "rtcp",
    "rtcp-mux",
];

/// Attributes whose value begins with a payload type.
const NUMBERED: [&str; 5] = ["rtpmap", "fmtp", "rtcp-fb", "imageattr", "framesize"];

/// Whether an attribute goes to the other side of the switch.
fn passes(attribute: &Attribute) -> bool {
    let name = attribute.attribute.as_str();
    let is = |known: &&str| known.eq_ignore_ascii_case(name);
    !OF_THE_AUTHORS_TRANSPORT.iter().any(is)
        && !name.eq_ignore_ascii_case("rtcp-mux-only")
        && Direction::from_name(name).is_none()
}

/// A new description of ours without media lines.
pub(super) fn session(origin: &SessionOrigin) -> Session {
    let mut ours = Origin::with_ip_addr(origin.session_id, origin.version, origin.address);
    ours.username = Some("strowger".to_owned());
    Session {
        origin: ours,
        session_name: "-".to_owned(),
        session_description: None,
        uri: None,
        emails: Vec::new(),
        phones: Vec::new(),
        connection: Some(Connection::from_ip_addr(origin.address)),
        bandwidths: Vec::new(),
        times: vec![Time { start_time: 0, stop_time: 0, repeats: Vec::new() }],
        time_zones: Vec::new(),
        key: None,
        attributes: Vec::new(),
        medias: Vec::new(),
    }
}

/// The same with what the other leg says of the session as a whole.
pub(super) fn session_like(origin: &SessionOrigin, other: &Session) -> Session {
    let mut ours = session(origin);
    ours.bandwidths = other.bandwidths.clone();
    ours.attributes = other.attributes.iter().filter(|a| passes(a)).cloned().collect();
    ours
}

/// An attribute with a value.
pub(super) fn attribute(name: &str, value: impl Into<String>) -> Attribute {
    Attribute { attribute: name.to_owned(), value: Some(value.into()) }
}

fn flag(name: &str) -> Attribute {
    Attribute { attribute: name.to_owned(), value: None }
}

/// The media line as a refused or unused one: port 0 and nothing else (RFC 3264, section 6).
pub(super) fn refused(media: &Media) -> Media {
    Media {
        port: 0,
        num_ports: None,
        media_title: None,
        connections: Vec::new(),
        bandwidths: Vec::new(),
        key: None,
        attributes: Vec::new(),
        ..media.clone()
    }
}

/// What a media line of ours is made of.
pub(super) struct Line<'a> {
    /// Whose kind, transport and title it has.
    pub like: &'a Media,
    /// Whose bandwidth and attributes it passes on.
    pub from: &'a Media,
    /// Its RTP codecs; `None`: its formats are those of `from`, unread.
    pub codecs: Option<&'a [Codec]>,
    /// Payload types of `from` and what they are called in this line.
    pub numbers: &'a [(u8, u8)],
    pub ports: StreamPorts,
    pub direction: Direction,
    pub rtcp_mux: bool,
}

impl Line<'_> {
    /// Writes it for a session whose `c=` line names `session_address`.
    pub fn build(&self, session_address: IpAddr) -> Media {
        let mut media = refused(self.like);
        media.port = self.ports.rtp.port();
        media.bandwidths = self.from.bandwidths.clone();
        if self.ports.rtp.ip() != session_address {
            media.connections.push(Connection::from_ip_addr(self.ports.rtp.ip()));
        }
        match self.codecs {
            Some(codecs) => {
                let numbers: Vec<String> =
                    codecs.iter().map(|codec| codec.payload_type.to_string()).collect();
                media.fmt = numbers.join(" ");
                media.attributes.extend(codecs.iter().flat_map(codec_attributes));
            }
            None => media.fmt = self.from.fmt.clone(),
        }
        media.attributes.extend(self.from.attributes.iter().filter_map(|a| self.passed_on(a)));
        if StreamDescription::is_rtp_proto(&media.proto) {
            media.attributes.push(flag(self.direction.as_str()));
            self.add_rtcp(&mut media);
        }
        media
    }

    fn passed_on(&self, given: &Attribute) -> Option<Attribute> {
        if !passes(given) {
            return None;
        }
        let is = |known: &&str| known.eq_ignore_ascii_case(&given.attribute);
        if self.codecs.is_none() || !NUMBERED.iter().any(&is) {
            return Some(given.clone());
        }
        // rtpmap and fmtp have been written anew.
        if is(&"rtpmap") || is(&"fmtp") {
            return None;
        }
        let value = given.value.as_deref().unwrap_or_default();
        let (number, rest) = value.split_once(' ').unwrap_or((value, ""));
        let Ok(number) = number.parse::<u8>() else { return Some(given.clone()) };
        let (_, ours) = self.numbers.iter().find(|(theirs, _)| *theirs == number)?;
        Some(attribute(&given.attribute, format!("{ours} {rest}").trim_end()))
    }

    fn add_rtcp(&self, media: &mut Media) {
        if self.rtcp_mux {
            media.attributes.push(flag("rtcp-mux"));
        }
        let rtcp = self.ports.rtcp();
        let ip = rtcp.ip();
        if ip != self.ports.rtp.ip() {
            let family = if ip.is_ipv6() { "IP6" } else { "IP4" };
            media.attributes.push(attribute("rtcp", format!("{} IN {family} {ip}", rtcp.port())));
        } else if Some(rtcp.port()) != self.ports.rtp.port().checked_add(1) {
            media.attributes.push(attribute("rtcp", rtcp.port().to_string()));
        }
    }
}

/// `a=rtpmap` and `a=fmtp` of a codec.
fn codec_attributes(codec: &Codec) -> Vec<Attribute> {
    let mut out = Vec::with_capacity(2);
    if !codec.name.is_empty() {
        out.push(attribute("rtpmap", codec.rtpmap()));
    }
    if let Some(fmtp) = &codec.fmtp {
        out.push(attribute("fmtp", format!("{} {fmtp}", codec.payload_type)));
    }
    out
}

/// The lowest dynamic payload type that no codec of the line has, `wanted` if it is free.
pub(super) fn free_number(codecs: &[Codec], wanted: u8) -> Option<u8> {
    let free = |number: &u8| codecs.iter().all(|codec| codec.payload_type != *number);
    Some(wanted).filter(free).or_else(|| (96..128).find(free))
}

/// A telephone-event format for events 0 to 15 and flash (RFC 4733, section 3.2).
pub(super) fn telephone_event(number: u8, clock_rate: u32) -> Codec {
    let mut codec = Codec::named(number, "telephone-event", clock_rate, 1);
    codec.fmtp = Some("0-16".to_owned());
    codec
}
