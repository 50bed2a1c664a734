//! What one media line says, in types.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use sdp_types::{Attribute, Connection, Media, Session};
use serde::{Deserialize, Serialize};

pub use crate::order::CodecKind;
use crate::order::StreamKind;

/// What a media line carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaKind {
    /// `m=audio`
    Audio,
    /// `m=video`
    Video,
    /// `m=image`, in practice T.38 fax.
    Image,
    /// `m=application`
    Application,
    /// Anything else.
    Other,
}

impl MediaKind {
    /// What it is to the relay.
    pub fn stream_kind(self) -> StreamKind {
        match self {
            Self::Audio => StreamKind::Audio,
            Self::Video => StreamKind::Video,
            Self::Image | Self::Application | Self::Other => StreamKind::Other,
        }
    }
}

/// Who sends, seen from the author of the description (RFC 3264, section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// Both ways; the default.
    SendRecv,
    /// The author only sends: its peer is on hold.
    SendOnly,
    /// The author only listens.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// From "the author sends" and "the author listens".
    pub fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether the author sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the author listens.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same agreement seen from the other end.
    pub fn reversed(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// What both allow, both seen from the same end.
    pub fn and(self, other: Self) -> Self {
        Self::new(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// The attribute's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive]
            .into_iter()
            .find(|direction| direction.as_str().eq_ignore_ascii_case(name))
    }
}

impl CodecKind {
    /// Whether it is one of the two laws of G.711, which convert into each other.
    pub fn is_g711(self) -> bool {
        matches!(self, Self::Pcmu | Self::Pcma)
    }

    /// Whether it carries speech or sound by itself.
    pub fn is_audio(self) -> bool {
        !matches!(self, Self::TelephoneEvent | Self::ComfortNoise)
    }
}

fn kind_of(name: &str) -> CodecKind {
    let known = [
        ("PCMU", CodecKind::Pcmu),
        ("PCMA", CodecKind::Pcma),
        ("G722", CodecKind::G722),
        ("opus", CodecKind::Opus),
        ("telephone-event", CodecKind::TelephoneEvent),
        ("CN", CodecKind::ComfortNoise),
    ];
    let found = known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map_or(CodecKind::Other, |(_, kind)| *kind)
}

/// One format of a media line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Codec {
    /// RTP payload type, 0 to 127.
    pub payload_type: u8,
    /// Encoding name as given; empty for a dynamic number without `a=rtpmap`.
    pub name: String,
    /// RTP clock in Hz; 0 if unknown.
    pub clock_rate: u32,
    /// Channels; 1 if not said.
    pub channels: u8,
    /// Value of `a=fmtp` without the number.
    pub fmtp: Option<String>,
    /// What it is to us.
    pub kind: CodecKind,
}

impl Codec {
    pub(super) fn named(payload_type: u8, name: &str, clock_rate: u32, channels: u8) -> Self {
        let kind = kind_of(name);
        // RFC 3551, section 4.5.2: G.722 has clock 8000; a few devices write the true 16000.
        let clock_rate = if kind == CodecKind::G722 { 8000 } else { clock_rate };
        Self { payload_type, name: name.to_owned(), clock_rate, channels, fmtp: None, kind }
    }

    /// Whether both are the same encoding, whatever their numbers and parameters.
    pub fn same_encoding(&self, other: &Self) -> bool {
        if self.name.is_empty() || other.name.is_empty() {
            return self.payload_type == other.payload_type;
        }
        self.name.eq_ignore_ascii_case(&other.name)
            && self.clock_rate == other.clock_rate
            && self.channels == other.channels
    }

    /// The format of `among` that this one means: the same number first, then the same
    /// parameters, then the same encoding (RFC 3264, section 6.1, lets numbers differ).
    pub fn counterpart<'a>(&self, among: &'a [Self]) -> Option<&'a Self> {
        let mut same = among.iter().filter(|other| self.same_encoding(other));
        let first = same.clone().next()?;
        let by_number = same.clone().find(|other| other.payload_type == self.payload_type);
        Some(by_number.or_else(|| same.find(|other| other.fmtp == self.fmtp)).unwrap_or(first))
    }

    /// `name/clock[/channels]`, the value of `a=rtpmap`.
    pub(super) fn rtpmap(&self) -> String {
        match self.channels {
            0 | 1 => format!("{} {}/{}", self.payload_type, self.name, self.clock_rate),
            n => format!("{} {}/{}/{n}", self.payload_type, self.name, self.clock_rate),
        }
    }

    fn read(media: &Media, payload_type: u8) -> Self {
        let map = values(media, "rtpmap").find_map(|value| numbered(value, payload_type));
        let mut codec = match map {
            Some(map) => {
                let mut parts = map.trim().split('/');
                let name = parts.next().unwrap_or_default();
                let clock = parts.next().and_then(|p| p.trim().parse().ok()).unwrap_or(8000);
                let channels = parts.next().and_then(|p| p.trim().parse().ok()).unwrap_or(1);
                Self::named(payload_type, name, clock, channels)
            }
            None => {
                let (name, clock, channels) = static_payload(payload_type);
                Self::named(payload_type, name, clock, channels)
            }
        };
        let fmtp = values(media, "fmtp").find_map(|value| numbered(value, payload_type));
        codec.fmtp = fmtp.map(|value| value.trim().to_owned());
        codec
    }
}

/// What one media line says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamDescription {
    /// What it carries.
    pub kind: MediaKind,
    /// Transport protocol as given, for instance `RTP/AVP`.
    pub proto: String,
    /// Where the author wants media. Port 0: the stream is refused or not used. Unspecified
    /// address: the author wants none now, or named a host that we do not resolve.
    pub address: SocketAddr,
    /// Where the author wants RTCP: `a=rtcp`, the RTP port itself with mux, or the next port.
    pub rtcp: SocketAddr,
    /// Whether `a=rtcp-mux` is there (RFC 5761).
    pub rtcp_mux: bool,
    /// Who sends. A connection address of 0.0.0.0 (the hold of RFC 2543) has taken the
    /// author's listening away.
    pub direction: Direction,
    /// The formats in the author's order; empty where they are not RTP payload types.
    pub codecs: Vec<Codec>,
    /// `a=ptime` in milliseconds.
    pub ptime: Option<u16>,
}

impl StreamDescription {
    pub(super) fn read(session: &Session, media: &Media) -> Self {
        let named = connection_ip(media.connections.first().or(session.connection.as_ref()));
        let address =
            SocketAddr::new(named.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)), media.port);
        let rtcp_mux = values(media, "rtcp-mux").next().is_some();
        let mut direction = direction_of(session, media);
        if named.is_some_and(|ip| ip.is_unspecified()) {
            direction = direction.and(Direction::SendOnly);
        }
        let mut stream = Self {
            kind: media_kind(&media.media),
            proto: media.proto.clone(),
            address,
            rtcp: rtcp_address(media, address, rtcp_mux),
            rtcp_mux,
            direction,
            codecs: Vec::new(),
            ptime: values(media, "ptime").find_map(|value| value.trim().parse().ok()),
        };
        if stream.is_rtp() {
            let formats = media.fmt.split_ascii_whitespace().filter_map(|f| f.parse::<u8>().ok());
            for number in formats.filter(|number| *number < 128) {
                if stream.codecs.iter().all(|codec| codec.payload_type != number) {
                    stream.codecs.push(Codec::read(media, number));
                }
            }
        }
        stream
    }

    /// Whether the stream is refused or unused (port 0, RFC 3264, section 6).
    pub fn is_refused(&self) -> bool {
        self.address.port() == 0
    }

    /// Whether it is RTP in the clear.
    pub fn is_rtp(&self) -> bool {
        Self::is_rtp_proto(&self.proto)
    }

    pub(super) fn is_rtp_proto(proto: &str) -> bool {
        ["RTP/AVP", "RTP/AVPF"].iter().any(|known| known.eq_ignore_ascii_case(proto))
    }

    /// Whether it is active and of a transport that we relay: RTP in the clear, or datagrams
    /// that are passed unread (T.38 over UDPTL, BFCP over UDP).
    pub fn is_carried(&self) -> bool {
        let opaque = ["udptl", "udp", "UDP/BFCP"];
        !self.is_refused()
            && (self.is_rtp() && !self.codecs.is_empty()
                || opaque.iter().any(|known| known.eq_ignore_ascii_case(&self.proto)))
    }

    /// The codecs that carry sound or pictures, in the author's order.
    pub fn audio_codecs(&self) -> impl Iterator<Item = &Codec> {
        self.codecs.iter().filter(|codec| codec.kind.is_audio())
    }

    /// The telephone-event formats, in the author's order.
    pub fn telephone_events(&self) -> impl Iterator<Item = &Codec> {
        self.codecs.iter().filter(|codec| codec.kind == CodecKind::TelephoneEvent)
    }
}

/// Values of an attribute of a media line; a flag attribute has the empty value.
pub(super) fn values<'a>(media: &'a Media, name: &'a str) -> impl Iterator<Item = &'a str> {
    named(&media.attributes, name).map(|attribute| attribute.value.as_deref().unwrap_or_default())
}

fn named<'a>(list: &'a [Attribute], name: &'a str) -> impl Iterator<Item = &'a Attribute> {
    list.iter().filter(move |attribute| attribute.attribute.eq_ignore_ascii_case(name))
}

/// The rest of `value` if it begins with this payload type number.
fn numbered(value: &str, payload_type: u8) -> Option<&str> {
    let (number, rest) = value.trim_start().split_once([' ', '\t'])?;
    (number.parse::<u8>().ok()? == payload_type).then_some(rest)
}

fn direction_of(session: &Session, media: &Media) -> Direction {
    let find = |list: &[Attribute]| list.iter().find_map(|a| Direction::from_name(&a.attribute));
    find(&media.attributes).or_else(|| find(&session.attributes)).unwrap_or(Direction::SendRecv)
}

/// The address of a `c=` line; nothing if there is none, or a host name.
fn connection_ip(connection: Option<&Connection>) -> Option<IpAddr> {
    let address = connection?.connection_address.split('/').next()?;
    address.trim().parse().ok()
}

/// RFC 3605: `a=rtcp:port [nettype addrtype address]`.
fn rtcp_address(media: &Media, rtp: SocketAddr, mux: bool) -> SocketAddr {
    if mux || rtp.port() == 0 {
        return rtp;
    }
    let mut fields = values(media, "rtcp").next().unwrap_or_default().split_ascii_whitespace();
    let port = fields.next().and_then(|port| port.parse().ok()).filter(|port| *port != 0);
    let ip = fields.nth(2).and_then(|address| address.parse().ok()).unwrap_or(rtp.ip());
    match port {
        Some(port) => SocketAddr::new(ip, port),
        // RFC 3550, section 11: the next higher port; 65535 has none.
        None => SocketAddr::new(rtp.ip(), rtp.port().checked_add(1).unwrap_or(rtp.port())),
    }
}

fn media_kind(name: &str) -> MediaKind {
    match name.to_ascii_lowercase().as_str() {
        "audio" => MediaKind::Audio,
        "video" => MediaKind::Video,
        "image" => MediaKind::Image,
        "application" => MediaKind::Application,
        _ => MediaKind::Other,
    }
}

/// The static assignments of RFC 3551, table 4 and 5, that need no `a=rtpmap`.
fn static_payload(payload_type: u8) -> (&'static str, u32, u8) {
    match payload_type {
        0 => ("PCMU", 8000, 1),
        3 => ("GSM", 8000, 1),
        4 => ("G723", 8000, 1),
        5 => ("DVI4", 8000, 1),
        6 => ("DVI4", 16000, 1),
        7 => ("LPC", 8000, 1),
        8 => ("PCMA", 8000, 1),
        9 => ("G722", 8000, 1),
        10 => ("L16", 44100, 2),
        11 => ("L16", 44100, 1),
        12 => ("QCELP", 8000, 1),
        13 => ("CN", 8000, 1),
        14 => ("MPA", 90000, 1),
        15 => ("G728", 8000, 1),
        16 => ("DVI4", 11025, 1),
        17 => ("DVI4", 22050, 1),
        18 => ("G729", 8000, 1),
        25 => ("CelB", 90000, 1),
        26 => ("JPEG", 90000, 1),
        28 => ("nv", 90000, 1),
        31 => ("H261", 90000, 1),
        32 => ("MPV", 90000, 1),
        33 => ("MP2T", 90000, 1),
        34 => ("H263", 90000, 1),
        _ => ("", 0, 1),
    }
}
