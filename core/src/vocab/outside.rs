//! What a tenant has towards the outside: trunks, the numbers that they deliver, and routes.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::destination::Destination;
use super::{NumberKey, RouteKey, Secret, TenantId, TrunkKey};

/// `[[trunk]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trunk {
    /// Tenant and name.
    pub key: TrunkKey,
    /// `host`, `host:port`; resolved by RFC 3263 when it is a name.
    pub host: String,
    /// `udp`, `tcp` ...; `None` leaves it to DNS, then UDP.
    pub transport: Option<sip::Transport>,
    /// Registers with the carrier.
    pub register: bool,
    /// Account at the carrier.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// Realm and From domain, where it is not the host.
    pub domain: Option<String>,
    /// Source addresses from which its calls come, besides those the host resolves to.
    pub addresses: Vec<IpAddr>,
    /// Channels at a time; 0 is unlimited.
    pub max_calls: u16,
    /// Pause between OPTIONS, in seconds; 0 is off.
    pub qualify_secs: u32,
    /// Registration asked for, in seconds.
    pub expires: u32,
    /// Codec preference, or `None` for the general one.
    pub codecs: Option<Vec<String>>,
    /// Sends and takes numbers as `+E.164`.
    pub e164: bool,
    /// Believes P-Asserted-Identity from it and sends it there.
    pub trusted: bool,
    /// Its REFERs are followed, under its own rights.
    pub transfers: bool,
    /// Takes the number of whoever called, though it is none of ours, for calls that are sent on.
    pub original_caller: bool,
}

/// `[[number]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Number {
    /// The trunk that delivers it.
    pub trunk: TrunkKey,
    /// As delivered, compared after normalising.
    pub number: String,
    /// Where its calls go.
    pub to: Destination,
}

impl Number {
    /// Whose number it is.
    pub fn key(&self) -> NumberKey {
        NumberKey { tenant: self.trunk.tenant.clone(), number: self.number.clone() }
    }
}

/// Who may use a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RouteFrom {
    /// Extensions of the tenant that have its class.
    Extension,
    /// Calls that come in by this trunk.
    Trunk(TrunkKey),
}

/// `[[route]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Whose dial plan.
    pub tenant: TenantId,
    /// Its name; where the file gives none, `file:` and the how many-th of its tenant it is, which no name may look like.
    pub name: String,
    /// Regular expression on the dialled number.
    pub pattern: String,
    /// Class that an extension needs; `None` needs none.
    pub class: Option<String>,
    /// Who may use it.
    pub from: RouteFrom,
    /// Leading digits taken off.
    pub strip: u8,
    /// Put in front after that.
    pub prepend: String,
    /// Where it leads, first to last: the next is tried when one fails.
    pub to: Vec<Destination>,
}

impl Route {
    /// Whose route it is.
    pub fn key(&self) -> RouteKey {
        RouteKey { tenant: self.tenant.clone(), name: self.name.clone() }
    }
}
