//! Session descriptions (RFC 8866) and offer/answer (RFC 3264) as a B2BUA needs them.
//!
//! Everything here is a pure function from descriptions to descriptions. The order of work for a
//! call between two legs is: [`Sdp::parse`] the offer of the first leg, [`offer_towards`] the
//! second leg, parse its answer, [`answer_towards`] the first leg. Where the switch itself is the
//! other end, [`local_answer`] and [`local_offer`] take these places. [`terminate`] then gives the
//! settings of each leg's streams for the media worker, and [`understand`] says whether two
//! streams can be bridged.

mod agreement;
mod answer;
mod build;
mod describe;
mod local;
mod offer;
mod plan;
mod versions;

use std::fmt;

use sdp_types::{Origin, Session, Time};
use serde::{Deserialize, Serialize};

pub use agreement::{LegDescriptions, terminate, understand};
pub use answer::answer_towards;
pub use describe::{Codec, CodecKind, Direction, MediaKind, StreamDescription};
pub use local::{Capabilities, local_answer, local_offer, with_direction};
pub use offer::offer_towards;
pub use plan::{AnswerPlan, CodecPolicy, DtmfPolicy, OfferPlan, SessionOrigin, StreamPorts};
pub use versions::VersionedOrigin;

/// Longest body that is parsed, in bytes.
pub const MAX_LENGTH: usize = 16 * 1024;
/// Most media lines in one description.
pub const MAX_STREAMS: usize = 8;
/// Most formats on one media line.
pub const MAX_FORMATS: usize = 64;

/// A session description that keeps every attribute it was given, known or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sdp {
    session: Session,
}

/// Why a body is not a session description that we handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SdpError {
    /// Longer than [`MAX_LENGTH`]; holds the length in bytes.
    TooLong(usize),
    /// More than [`MAX_STREAMS`] media lines.
    TooManyStreams,
    /// More than [`MAX_FORMATS`] formats on one media line.
    TooManyFormats,
    /// Breaks the grammar of RFC 8866; says where.
    Syntax(String),
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(length) => write!(f, "{length} bytes of SDP, at most {MAX_LENGTH}"),
            Self::TooManyStreams => write!(f, "more than {MAX_STREAMS} media lines"),
            Self::TooManyFormats => write!(f, "more than {MAX_FORMATS} formats on a media line"),
            Self::Syntax(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for SdpError {}

/// Why two descriptions do not make a session. All of these are a 488 in SIP terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NegotiationError {
    /// No stream has a codec that both ends know and that we could convert.
    NoCommonCodec,
    /// No stream is of a transport or kind that we carry (for instance only SRTP was offered).
    NoUsableStream,
}

impl fmt::Display for NegotiationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCommonCodec => "no codec in common",
            Self::NoUsableStream => "no media stream that can be carried",
        })
    }
}

impl std::error::Error for NegotiationError {}

impl Sdp {
    /// Parses a message body.
    ///
    /// Tolerant where phones in the field are careless: a missing `t=`, `s=` or `o=` line, several
    /// `c=` lines, bytes that are not UTF-8 (replaced), and a refused media line without formats.
    pub fn parse(body: &[u8]) -> Result<Self, SdpError> {
        if body.len() > MAX_LENGTH {
            return Err(SdpError::TooLong(body.len()));
        }
        let text = tidy(&String::from_utf8_lossy(body))?;
        let mut session =
            Session::parse(text.as_bytes()).map_err(|error| SdpError::Syntax(error.to_string()))?;
        if session.times.is_empty() {
            session.times.push(Time { start_time: 0, stop_time: 0, repeats: Vec::new() });
        }
        Ok(Self { session })
    }

    /// The description as the bytes of a message body, lines ended by CRLF.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        // Writing to a Vec cannot fail.
        let _ = self.session.write(&mut out);
        out
    }

    /// What each media line says, in order.
    pub fn streams(&self) -> Vec<StreamDescription> {
        self.session
            .medias
            .iter()
            .map(|media| StreamDescription::read(&self.session, media))
            .collect()
    }

    /// Number of media lines, refused ones included.
    pub fn stream_count(&self) -> usize {
        self.session.medias.len()
    }

    /// Which media lines need a relay port of ours: active and of a transport that we carry.
    pub fn wanted_ports(&self) -> Vec<bool> {
        self.streams().iter().map(StreamDescription::is_carried).collect()
    }

    /// The `o=` version.
    pub fn version(&self) -> u64 {
        self.session.origin.sess_version
    }

    /// Whether both describe the same session apart from the `o=` version (RFC 3264, section 8).
    pub fn same_but_version(&self, other: &Self) -> bool {
        let (a, b) = (&self.session, &other.session);
        let origin = |session: &Session| {
            let Origin { username, sess_id, nettype, addrtype, unicast_address, .. } =
                session.origin.clone();
            (username, sess_id, nettype, addrtype, unicast_address)
        };
        a.medias == b.medias
            && a.attributes == b.attributes
            && a.connection == b.connection
            && a.bandwidths == b.bandwidths
            && a.session_name == b.session_name
            && (&a.session_description, &a.uri, &a.emails, &a.phones, &a.key)
                == (&b.session_description, &b.uri, &b.emails, &b.phones, &b.key)
            && (&a.times, &a.time_zones) == (&b.times, &b.time_zones)
            && origin(a) == origin(b)
    }

    /// With the media lines of `previous` that this one lacks appended as refused ones: no
    /// description of a dialog may have fewer lines than an earlier one (RFC 3264, section 8).
    pub fn padded_like(mut self, previous: &Self) -> Self {
        let missing = previous.session.medias.iter().skip(self.stream_count());
        self.session.medias.extend(missing.map(build::refused));
        self
    }

    /// The same description with another `o=` version.
    pub fn with_version(mut self, version: u64) -> Self {
        self.session.origin.sess_version = version;
        self
    }
}

/// Checks the bounds and gives refused media lines without formats (`m=video 0 RTP/AVP`) one.
fn tidy(text: &str) -> Result<String, SdpError> {
    let mut out = String::with_capacity(text.len() + 8);
    let mut streams = 0;
    for line in text.lines() {
        out.push_str(line.trim_end_matches('\0'));
        if let Some(fields) = line.strip_prefix("m=") {
            streams += 1;
            let fields = fields.split_ascii_whitespace().count();
            if fields > MAX_FORMATS + 3 {
                return Err(SdpError::TooManyFormats);
            }
            if fields == 3 {
                out.push_str(" 0");
            }
        }
        out.push_str("\r\n");
    }
    if streams > MAX_STREAMS {
        return Err(SdpError::TooManyStreams);
    }
    Ok(out)
}

impl fmt::Display for Sdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

impl std::str::FromStr for Sdp {
    type Err = SdpError;

    fn from_str(text: &str) -> Result<Self, SdpError> {
        Self::parse(text.as_bytes())
    }
}

impl Serialize for Sdp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Sdp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
