//! DNS questions and answers as data.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// The record types that locating a SIP server needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecordKind {
    /// RFC 3403.
    Naptr,
    /// RFC 2782.
    Srv,
    /// IPv4 address.
    A,
    /// IPv6 address.
    Aaaa,
}

/// One question for the DNS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Question {
    /// The domain name, without a final dot.
    pub name: String,
    /// The record type.
    pub kind: RecordKind,
}

impl Question {
    pub(super) fn new(name: &str, kind: RecordKind) -> Self {
        Self { name: name.trim_end_matches('.').to_owned(), kind }
    }
}

/// What the DNS said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Records of the type asked for, possibly none.
    Found {
        /// The records.
        records: Vec<Record>,
        /// The least TTL among them, in seconds.
        ttl_secs: u32,
    },
    /// No such name, or no answer.
    Failed,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A NAPTR record.
    Naptr(Naptr),
    /// An SRV record.
    Srv(Srv),
    /// An A record.
    A(Ipv4Addr),
    /// An AAAA record.
    Aaaa(Ipv6Addr),
}

impl Record {
    pub(super) fn as_srv(&self) -> Option<&Srv> {
        match self {
            Self::Srv(srv) => Some(srv),
            _ => None,
        }
    }

    pub(super) fn as_naptr(&self) -> Option<&Naptr> {
        match self {
            Self::Naptr(naptr) => Some(naptr),
            _ => None,
        }
    }

    pub(super) fn address(&self) -> Option<IpAddr> {
        match self {
            Self::A(ip) => Some(IpAddr::V4(*ip)),
            Self::Aaaa(ip) => Some(IpAddr::V6(*ip)),
            _ => None,
        }
    }
}

/// A NAPTR record (RFC 3403 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Naptr {
    /// Lower orders come first.
    pub order: u16,
    /// Lower preferences come first within an order.
    pub preference: u16,
    /// `s` for SIP.
    pub flags: String,
    /// `SIP+D2U` and its kin (RFC 3263 section 4.1, RFC 7118 section 5.2.4).
    pub service: String,
    /// The name whose SRV records follow.
    pub replacement: String,
}

/// An SRV record (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Srv {
    /// Lower priorities come first.
    pub priority: u16,
    /// The share of load within a priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host; a single dot means that the service is not offered.
    pub target: String,
}
