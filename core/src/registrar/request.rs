//! Reads a REGISTER (RFC 3261 section 10.3 steps 6 and 7) before anything is changed.

use std::fmt;

use sip::message::{Contact, NameAddr};
use sip::uri::Uri;
use sip::{HeaderName, Message};

use super::Settings;

/// Longest Contact URI, Call-ID and Path value, in bytes.
const MAX_TEXT: usize = 512;
/// Most Path values.
const MAX_PATH: usize = 4;
/// Longest User-Agent that is kept, in bytes.
const MAX_USER_AGENT: usize = 128;

/// One contact as asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked<'a> {
    pub uri: Uri<'a>,
    pub q: u16,
    /// Seconds granted; 0 removes.
    pub expires: u32,
    pub device: u64,
}

/// What a REGISTER wants.
#[derive(Debug)]
pub(super) enum Wanted<'a> {
    /// No Contact: the list.
    List,
    /// `Contact: *`: no bindings any more.
    Clear,
    /// These added, refreshed or removed.
    Update(Vec<Asked<'a>>),
}

/// Why a REGISTER is refused; nothing has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Something in it is not SIP, or longer than anything reasonable; says what.
    Malformed(&'static str),
    /// Shorter than `min_expires`.
    TooBrief,
    /// An older request arrived after a newer one (section 10.3 step 7).
    OutOfOrder,
    /// More contacts than one extension may have.
    TooManyContacts,
    /// No room for another binding in the whole switch.
    Full,
}

impl Refused {
    /// The status and phrase that answer it.
    pub fn status(self) -> (u16, &'static str) {
        match self {
            Self::Malformed(what) => (400, what),
            Self::TooBrief => (423, "Interval Too Brief"),
            Self::OutOfOrder => (500, "CSeq Out of Order"),
            Self::TooManyContacts => (403, "Too Many Contacts"),
            Self::Full => (503, "Registrar Full"),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.status().1)
    }
}

impl std::error::Error for Refused {}

/// What all contacts of one REGISTER have in common.
#[derive(Debug)]
pub(super) struct Common<'a> {
    pub call_id: &'a str,
    pub cseq: u32,
    pub path: Vec<&'a str>,
    pub user_agent: &'a str,
}

pub(super) fn common(request: &Message) -> Result<Common<'_>, Refused> {
    let call_id = request.call_id().map_err(|_| Refused::Malformed("Bad Call-ID"))?;
    let (cseq, _) = request.cseq().map_err(|_| Refused::Malformed("Bad CSeq"))?;
    let path: Vec<_> = request.values(HeaderName::Path).collect();
    let readable = |value: &&str| {
        NameAddr::parse(value).is_some_and(|a| a.uri().is_ok_and(|uri| uri.is_sip()))
    };
    if call_id.len() > MAX_TEXT {
        return Err(Refused::Malformed("Call-ID Too Long"));
    }
    if path.len() > MAX_PATH || path.iter().any(|value| value.len() > MAX_TEXT) {
        return Err(Refused::Malformed("Path Too Long"));
    }
    if !path.iter().all(readable) {
        return Err(Refused::Malformed("Bad Path"));
    }
    let user_agent = request.header(HeaderName::UserAgent).unwrap_or("");
    let end = (0..=MAX_USER_AGENT.min(user_agent.len()))
        .rev()
        .find(|at| user_agent.is_char_boundary(*at));
    let user_agent = user_agent.get(..end.unwrap_or(0)).unwrap_or("");
    Ok(Common { call_id, cseq, path, user_agent })
}

pub(super) fn wanted<'a>(request: &'a Message, settings: &Settings) -> Result<Wanted<'a>, Refused> {
    let general = request.expires();
    let mut asked: Vec<Asked<'a>> = Vec::new();
    let mut star = false;
    for (count, contact) in request.contacts().enumerate() {
        if count >= usize::from(settings.max_contacts) * 2 {
            return Err(Refused::TooManyContacts);
        }
        match contact.map_err(|_| Refused::Malformed("Bad Contact"))? {
            Contact::Star => star = true,
            Contact::Addr(address) => {
                let one = read(address, general, settings)?;
                // The same contact twice: the later one counts.
                asked.retain(|other| !other.uri.equivalent(&one.uri));
                asked.push(one);
            }
        }
    }
    match (star, asked.is_empty()) {
        (false, true) => Ok(Wanted::List),
        (false, false) => Ok(Wanted::Update(asked)),
        (true, true) if general == Some(0) => Ok(Wanted::Clear),
        // Section 10.3 step 6: `*` stands alone and with Expires 0.
        (true, _) => Err(Refused::Malformed("Bad Use of Contact *")),
    }
}

fn read<'a>(
    address: NameAddr<'a>,
    general: Option<u32>,
    settings: &Settings,
) -> Result<Asked<'a>, Refused> {
    let uri = address.uri().map_err(|_| Refused::Malformed("Bad Contact"))?;
    if !uri.is_sip() {
        return Err(Refused::Malformed("Contact Is Not SIP"));
    }
    if uri.as_str().len() > MAX_TEXT {
        return Err(Refused::Malformed("Contact Too Long"));
    }
    // A malformed value counts as none (section 10.3 step 7).
    let expires = address.expires().or(general).unwrap_or(settings.default_expires);
    if expires > 0 && expires < settings.min_expires {
        return Err(Refused::TooBrief);
    }
    Ok(Asked {
        uri,
        q: address.q().unwrap_or(1000),
        expires: expires.min(settings.max_expires.max(settings.min_expires)),
        device: device(&address),
    })
}

/// FNV-1a over instance and reg-id; compared within one extension only, whose owner gains nothing by a collision.
fn device(address: &NameAddr<'_>) -> u64 {
    let Some(instance) = address.param("+sip.instance").filter(|text| !text.is_empty()) else {
        return 0;
    };
    let fields = [instance, "\0", address.param("reg-id").unwrap_or("")];
    let bytes = fields.iter().flat_map(|field| field.bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash.max(1)
}
