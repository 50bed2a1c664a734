//! The client side: the answer to a challenge.

use super::Credentials;
use super::digest::{self, Algorithm, Covered, Ha1, Qop};
use crate::message::{AuthParams, Quoted};

/// An answer to a challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The value of the Authorization or Proxy-Authorization header.
    pub value: String,
    /// Whether the challenge said that only our nonce was too old.
    pub stale: bool,
}

/// Answers the first challenge that we can (RFC 8760 section 2.4: the server lists the one it
/// likes best first). `None` when no challenge is for these credentials, or none has an
/// algorithm that we know. `cnonce` is random text without quotes.
pub fn answer<'a>(
    challenges: impl IntoIterator<Item = AuthParams<'a>>,
    method: &str,
    uri: &str,
    body: &[u8],
    credentials: &Credentials,
    cnonce: &str,
) -> Option<Answered> {
    challenges
        .into_iter()
        .find_map(|challenge| answer_one(&challenge, method, uri, body, credentials, cnonce))
}

fn answer_one(
    challenge: &AuthParams<'_>,
    method: &str,
    uri: &str,
    body: &[u8],
    credentials: &Credentials,
    cnonce: &str,
) -> Option<Answered> {
    let realm = challenge.get("realm")?;
    if credentials.realm.as_ref().is_some_and(|wanted| *wanted != realm) {
        return None;
    }
    let algorithm = match challenge.get("algorithm") {
        Some(name) => Algorithm::parse(&name)?,
        None => Algorithm::Md5,
    };
    let nonce = challenge.get("nonce")?;
    let qop = match challenge.get("qop") {
        Some(offered) => Some(best_qop(&offered)?),
        None => None,
    };
    let user = &credentials.username;
    let ha1 = Ha1::from_password(user, &realm, credentials.password.expose(), algorithm);
    let nc = "00000001";
    let covered = Covered { algorithm, nonce: &nonce, cnonce, nc, qop, method, uri, body };
    let response = digest::response(&covered, &ha1);
    let mut value = format!(
        "Digest username={}, realm={}, nonce={}, uri=\"{uri}\", response=\"{}\", \
         algorithm={}",
        Quoted(user),
        Quoted(&realm),
        Quoted(&nonce),
        response.as_str(),
        algorithm.as_str(),
    );
    if let Some(qop) = qop {
        value.push_str(&format!(", qop={}, nc={nc}, cnonce=\"{cnonce}\"", qop.as_str()));
    } else if algorithm.is_session() {
        value.push_str(&format!(", cnonce=\"{cnonce}\""));
    }
    if let Some(opaque) = challenge.get("opaque") {
        value.push_str(&format!(", opaque={}", Quoted(&opaque)));
    }
    let stale = challenge.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true"));
    Some(Answered { value, stale })
}

/// `auth` where it is offered: proxies may change bodies.
fn best_qop(offered: &str) -> Option<Qop> {
    let mut known = offered.split(',').filter_map(|name| Qop::parse(name.trim()));
    let first = known.next()?;
    if first == Qop::Auth || known.any(|qop| qop == Qop::Auth) {
        return Some(Qop::Auth);
    }
    Some(Qop::AuthInt)
}
