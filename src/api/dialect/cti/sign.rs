//! Signatures: SHA-1 over who signs, the account's token and the time, in hexadecimal.

use std::sync::atomic::Ordering;

use axum::http::Extensions;
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;

use super::envelope::{Fault, Refusal};
use super::fields::{Fields, milliseconds};
use crate::api::app::{App, wall_ms};
use crate::api::auth::Guard;
use crate::api::gateway::OperatorAccount;

/// How far the time of a signature may be from ours, in milliseconds.
const WINDOW_MS: u64 = 10 * 60 * 1_000;

/// Who has signed a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Signer {
    /// An operator's account, by its id.
    Account(String),
    /// The front end of this agent.
    Agent(String),
}

impl Signer {
    /// Under which name the switch is asked.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Account(sid) => format!("operator {sid}"),
            Self::Agent(agent) => format!("agent {agent}"),
        }
    }
}

/// Who has signed a request, from an address that has not sent too many wrong signatures.
///
/// # Errors
/// Nobody, or the address has to wait first.
pub(super) fn signer(
    app: &App,
    query: &Fields,
    extensions: &Extensions,
) -> Result<Signer, Refusal> {
    let guard = Guard::look(app, extensions).map_err(|seconds| {
        let detail = "too many wrong signatures came from your address";
        Refusal::later(Fault::Guesses, seconds, detail)
    })?;
    check(query, &app.gateway.operators(), wall_ms()).inspect_err(|refusal| {
        // Who signs nothing, or with a clock that is wrong, guesses nothing.
        match refusal.fault() {
            Fault::Sign => guard.failed(app, "a wrong signature"),
            _ => drop(app.figures.auth_failures.fetch_add(1, Ordering::Relaxed)),
        }
    })
}

/// Checks the parameters `Timestamp`, `Sign`, and `Sid` or `AgentId` of an address.
///
/// # Errors
/// One is missing, the time is too far from ours, or the signature is another.
fn check(query: &Fields, operators: &[OperatorAccount], now: u64) -> Result<Signer, Refusal> {
    let refused = |why: &str| Refusal::new(Fault::Unsigned, why);
    let given = |name: &str| query.given(name).ok().flatten();
    let stamp = given("Timestamp").ok_or_else(|| refused("Timestamp is missing"))?;
    let sign = given("Sign").ok_or_else(|| refused("Sign is missing"))?;
    let moment = stamp.parse().ok().filter(|number: &u64| *number < u64::MAX / 2_000);
    let moment = moment.map(milliseconds);
    if moment.is_none_or(|moment| moment.abs_diff(now) > WINDOW_MS) {
        return Err(refused("Timestamp is not within ten minutes of this server's time"));
    }
    let (name, signer) = match (given("Sid"), given("AgentId")) {
        (Some(sid), _) => (sid.clone(), Signer::Account(sid)),
        (None, Some(agent)) => {
            let id = agent.split('@').next().unwrap_or_default().to_owned();
            (agent, Signer::Agent(id))
        }
        (None, None) => return Err(refused("Sid is missing")),
    };
    // All tokens are tried, and each comparison takes the same time: nothing is told by how long it took.
    let sign = sign.to_ascii_lowercase();
    let mut right = false;
    for operator in operators {
        let own = match &signer {
            Signer::Account(sid) => *sid == operator.sid,
            Signer::Agent(_) => true,
        };
        let wanted = signature(&[&name, operator.auth_token.expose(), &stamp]);
        right |= own & bool::from(wanted.as_bytes().ct_eq(sign.as_bytes()));
    }
    let wrong = || Refusal::new(Fault::Sign, "Sign is not SHA1(Sid + AuthToken + Timestamp)");
    right.then_some(signer).ok_or_else(wrong)
}

/// The signature over these texts, one after the other.
pub(super) fn signature(parts: &[&str]) -> String {
    let mut hash = Sha1::new();
    for part in parts {
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use strowger_core::vocab::Secret;

    use super::*;

    const NOW: u64 = 1_566_446_286_123;

    fn operators() -> Vec<OperatorAccount> {
        let account = |sid: &str, token: &str| OperatorAccount {
            sid: sid.into(),
            auth_token: Secret::new(token),
        };
        vec![account("100", "first"), account("200", "second")]
    }

    fn checked(pairs: &[(&str, &str)]) -> Result<Signer, Refusal> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        check(&Fields::of_query(pairs.collect()), &operators(), NOW)
    }

    /// SHA-1 of `abc` (FIPS 180-2, appendix A.1).
    #[test]
    fn the_hash_is_sha1() {
        assert_eq!(signature(&["a", "bc"]), "a9993e364706816aba3e25717850c26c9cd0d89d");
    }

    #[test]
    fn accounts_and_agents_sign_in_seconds_and_milliseconds_in_any_case() {
        for stamp in ["1566446286", "1566446286123", "1566446000", "1566446886000"] {
            let sign = signature(&["200", "second", stamp]);
            let account = Ok(Signer::Account("200".into()));
            let pairs = [("Timestamp", stamp), ("Sid", "200"), ("Sign", &sign)];
            assert_eq!(checked(&pairs), account);
            let upper = sign.to_ascii_uppercase();
            assert_eq!(checked(&[("timestamp", stamp), ("sid", "200"), ("sign", &upper)]), account);
            let sign = signature(&["8001", "first", stamp]);
            let pairs = [("Timestamp", stamp), ("AgentId", "8001"), ("Sign", &sign)];
            assert_eq!(checked(&pairs), Ok(Signer::Agent("8001".into())));
        }
    }

    #[test]
    fn what_is_missing_old_or_another_s_is_refused() {
        let stamp = "1566446286";
        let good = signature(&["200", "second", stamp]);
        let other = signature(&["200", "first", stamp]);
        let old = signature(&["200", "second", "1566445685"]);
        let early = signature(&["200", "second", "1566446887000"]);
        let unsigned: &[&[(&str, &str)]] = &[
            &[],
            &[("Timestamp", stamp), ("Sid", "200")],
            &[("Timestamp", stamp), ("Sign", &good)],
            &[("Sid", "200"), ("Sign", &good)],
            &[("Timestamp", "1566445685"), ("Sid", "200"), ("Sign", &old)],
            &[("Timestamp", "1566446887000"), ("Sid", "200"), ("Sign", &early)],
            &[("Timestamp", "now"), ("Sid", "200"), ("Sign", &good)],
            &[("Timestamp", "18446744073709551615"), ("Sid", "200"), ("Sign", &good)],
        ];
        let wrong: &[&[(&str, &str)]] = &[
            &[("Timestamp", stamp), ("Sid", "200"), ("Sign", &other)],
            &[("Timestamp", stamp), ("Sid", "100"), ("Sign", &good)],
            &[("Timestamp", stamp), ("Sid", "200"), ("Sign", &good[..39])],
        ];
        for (fault, cases) in [(Fault::Unsigned, unsigned), (Fault::Sign, wrong)] {
            for pairs in cases {
                assert_eq!(checked(pairs).unwrap_err().fault(), fault, "{pairs:?}");
            }
        }
        assert_eq!(
            checked(&[("Timestamp", stamp), ("Sid", "200"), ("Sign", &good)]).unwrap(),
            Signer::Account("200".into())
        );
    }
}
