//! The server side: challenges, and verdicts about the answers.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr};

use super::digest::{self, Algorithm, Covered, Ha1, Qop};
use super::nonce::{NonceCounts, NonceMint};
use crate::message::{AuthParams, Quoted, unquote};

/// Room for a challenge of usual length.
const CHALLENGE: usize = 192;

/// Stands for no address in particular.
const ANYBODY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// What the server makes of credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// They are right.
    Ok {
        /// Who authenticated.
        user: String,
    },
    /// Nobody can tell: the nonce is too old, of another run or used up. Challenge again with
    /// `stale`, which makes the client try again without asking its owner.
    Stale,
    /// Right, but this nonce count was used before.
    Replay,
    /// The password is wrong.
    Wrong,
    /// There is no such user.
    UnknownUser,
    /// A parameter that the computation needs is missing or unreadable.
    Malformed,
    /// Not for this realm: as if there were none.
    Missing,
}

/// Makes challenges and checks answers. Challenges are stateless; only nonces that have
/// authenticated somebody are remembered, `capacity` of them at most.
pub struct Verifier {
    mint: NonceMint,
    counts: NonceCounts,
    life: u64,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("remembered", &self.counts.len()).finish_non_exhaustive()
    }
}

impl Verifier {
    /// `nonce_life_ns` is how long a nonce may be used; `capacity` how many used nonces are
    /// remembered.
    #[must_use]
    pub fn new(secret: [u8; 32], nonce_life_ns: u64, capacity: usize) -> Self {
        Self {
            mint: NonceMint::new(secret),
            counts: NonceCounts::new(capacity),
            life: nonce_life_ns,
        }
    }

    /// The value of a WWW-Authenticate or Proxy-Authenticate header with a fresh nonce that anybody
    /// may answer.
    pub fn challenge(
        &mut self,
        now: u64,
        realm: &str,
        algorithm: Algorithm,
        stale: bool,
    ) -> String {
        self.challenge_for(now, ANYBODY, realm, algorithm, stale)
    }

    /// Likewise, with a nonce that only this address may answer; from any other it is stale. So a
    /// wrong answer proves that its sender receives what is sent to that address, and nobody can
    /// make somebody else look like a guesser with forged datagrams.
    pub fn challenge_for(
        &mut self,
        now: u64,
        source: IpAddr,
        realm: &str,
        algorithm: Algorithm,
        stale: bool,
    ) -> String {
        let nonce = self.mint.make(now, source);
        let realm = Quoted(realm);
        let stale = if stale { ", stale=true" } else { "" };
        let algorithm = algorithm.as_str();
        let mut value = String::with_capacity(CHALLENGE);
        // Writing to a String does not fail.
        let _ = write!(value, "Digest realm={realm}");
        value.extend([", nonce=\"", &nonce, "\", algorithm=", algorithm, ", qop=\"auth\"", stale]);
        value
    }

    /// Checks the credentials of a request with this method and body, which answer
    /// [`Verifier::challenge`]. `ha1` looks a user up, and gives the hash made with the algorithm
    /// that this user is challenged with.
    pub fn verify(
        &mut self,
        now: u64,
        method: &str,
        body: &[u8],
        header: &AuthParams<'_>,
        realm: &str,
        ha1: impl FnOnce(&str) -> Option<Ha1>,
    ) -> Verdict {
        self.verify_from(now, ANYBODY, (method, body), header, realm, ha1)
    }

    /// Likewise for credentials that answer [`Verifier::challenge_for`] and came from this address.
    pub fn verify_from(
        &mut self,
        now: u64,
        source: IpAddr,
        (method, body): (&str, &[u8]),
        header: &AuthParams<'_>,
        realm: &str,
        ha1: impl FnOnce(&str) -> Option<Ha1>,
    ) -> Verdict {
        let fields = match Fields::read(header) {
            Some(fields) if fields.realm == realm => fields,
            Some(_) => return Verdict::Missing,
            None => return Verdict::Malformed,
        };
        let Some(id) = self.mint.check(&fields.nonce, source) else { return Verdict::Stale };
        let age = now.saturating_sub(id.0);
        if id.0 > now || age > self.life || self.counts.is_forgotten(id) {
            return Verdict::Stale;
        }
        let known = ha1(&fields.username);
        if known.is_some_and(|known| known.hash() != fields.algorithm.hash()) {
            return Verdict::Wrong;
        }
        let kind = fields.algorithm;
        let used = known.unwrap_or_else(|| Ha1::from_password("", realm, "", kind));
        let ours = digest::response(&fields.covered(method, body), &used);
        let right = digest::matches(&ours, &fields.response);
        if known.is_none() {
            return Verdict::UnknownUser;
        }
        if !right {
            return Verdict::Wrong;
        }
        self.counts.expire(now.saturating_sub(self.life));
        // Without qop there is no count: such a nonce is good for one request.
        let fresh = self.counts.note(id, fields.count);
        match (fresh, fields.qop) {
            (true, _) => Verdict::Ok { user: fields.username.into_owned() },
            (false, Some(_)) => Verdict::Replay,
            (false, None) => Verdict::Stale,
        }
    }
}

/// The parameters of an Authorization header that the computation needs.
struct Fields<'a> {
    username: Cow<'a, str>,
    realm: Cow<'a, str>,
    nonce: Cow<'a, str>,
    uri: Cow<'a, str>,
    response: Cow<'a, str>,
    cnonce: Cow<'a, str>,
    nc: Cow<'a, str>,
    count: u32,
    qop: Option<Qop>,
    algorithm: Algorithm,
}

impl<'a> Fields<'a> {
    fn read(header: &AuthParams<'a>) -> Option<Self> {
        let found = Found::in_one_pass(header);
        let algorithm = match found.get(Name::Algorithm) {
            Some(name) => Algorithm::parse(&name)?,
            None => Algorithm::Md5,
        };
        let qop = match found.get(Name::Qop) {
            Some(name) => Some(Qop::parse(&name)?),
            None => None,
        };
        let nc = found.get(Name::Nc).unwrap_or_default();
        let cnonce = found.get(Name::Cnonce).unwrap_or_default();
        let count = match qop {
            Some(_) if nc.len() == 8 && !cnonce.is_empty() => u32::from_str_radix(&nc, 16).ok()?,
            Some(_) => return None,
            None => 0,
        };
        Some(Self {
            username: found.get(Name::Username)?,
            realm: found.get(Name::Realm)?,
            nonce: found.get(Name::Nonce)?,
            uri: found.get(Name::Uri)?,
            response: found.get(Name::Response)?,
            cnonce,
            nc,
            count,
            qop,
            algorithm,
        })
    }

    fn covered<'b>(&'b self, method: &'b str, body: &'b [u8]) -> Covered<'b> {
        Covered {
            algorithm: self.algorithm,
            nonce: &self.nonce,
            cnonce: &self.cnonce,
            nc: &self.nc,
            qop: self.qop,
            method,
            uri: &self.uri,
            body,
        }
    }
}

/// The parameters of interest, in the order of `NAMES`.
#[derive(Clone, Copy)]
enum Name {
    Username,
    Realm,
    Nonce,
    Uri,
    Response,
    Cnonce,
    Nc,
    Qop,
    Algorithm,
}

const NAMES: [&str; 9] =
    ["username", "realm", "nonce", "uri", "response", "cnonce", "nc", "qop", "algorithm"];

/// The first value of each parameter of interest, as written.
struct Found<'a>([Option<&'a str>; NAMES.len()]);

impl<'a> Found<'a> {
    fn in_one_pass(header: &AuthParams<'a>) -> Self {
        let mut found = [None; NAMES.len()];
        for (name, value) in header.iter() {
            let known = NAMES.iter().zip(&mut found);
            for (_, slot) in known.filter(|(known, _)| name.eq_ignore_ascii_case(known)) {
                slot.get_or_insert(value);
            }
        }
        Self(found)
    }

    fn get(&self, name: Name) -> Option<Cow<'a, str>> {
        self.0.get(name as usize).copied().flatten().map(unquote)
    }
}
