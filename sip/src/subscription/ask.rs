//! What a SUBSCRIBE asks for (RFC 6665 sections 3.1 and 4.2.1.1), and what it is granted.

use super::{Package, State};
use crate::endpoint::Body;
use crate::message::{HeaderName, Message};

/// The longest `id` of an Event header that is taken, in bytes.
const MAX_ID: usize = 128;

/// A SUBSCRIBE that can be served, as far as its form goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The package.
    pub package: Package,
    /// The `id` that tells subscriptions of one subscriber apart.
    pub id: Option<String>,
    /// How long, in seconds, within the package's bounds; 0 fetches the state once.
    pub expires: u32,
    /// The type that the body of a NOTIFY is to have.
    pub content_type: &'static str,
}

/// What the owner grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// How long, in seconds: what was asked for, or less. 0 tells the state once.
    pub expires: u32,
    /// Whose subscription it is, for the limit of each: an account, say.
    pub peer: String,
    /// `Pending` or `Active`.
    pub state: State,
    /// The state that the first NOTIFY tells; none is said where it is pending.
    pub body: Option<Body>,
    /// It is a list of resources: all messages of the subscription say so (RFC 4662 section 4.2).
    pub list: bool,
}

/// Why a SUBSCRIBE is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// 489: no such package, or none was named.
    BadEvent,
    /// 423, with this Min-Expires.
    TooBrief(u32),
    /// 406, with the types that there are.
    NotAcceptable(Package),
    /// 400: nowhere to send NOTIFYs to.
    NoContact,
}

impl Ask {
    /// Reads a SUBSCRIBE that begins a subscription.
    pub(crate) fn read(packages: &[Package], subscribe: &Message) -> Result<Self, Refused> {
        let event = subscribe.event().ok_or(Refused::BadEvent)?;
        let known = |package: &&Package| package.name.eq_ignore_ascii_case(event.package);
        let package = *packages.iter().find(known).ok_or(Refused::BadEvent)?;
        let id = event.id().filter(|id| id.len() <= MAX_ID).map(str::to_owned);
        if id.is_none() && event.id().is_some() {
            return Err(Refused::BadEvent);
        }
        if crate::dialog::contact_of(subscribe).is_none() {
            return Err(Refused::NoContact);
        }
        let content_type =
            package.content_type(subscribe).ok_or(Refused::NotAcceptable(package))?;
        let expires = package.grant(wanted(subscribe)).map_err(Refused::TooBrief)?;
        Ok(Self { package, id, expires, content_type })
    }
}

/// The Expires of a SUBSCRIBE. One that is there and too large to read asks for the longest.
pub(super) fn wanted(subscribe: &Message) -> Option<u32> {
    let text = subscribe.header(HeaderName::Expires)?.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| subscribe.expires().unwrap_or(u32::MAX))
}
