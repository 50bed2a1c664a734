//! Who sent a request: digest authentication of extensions (RFC 3261 section 22, RFC 7616, RFC 8760).

use std::net::IpAddr;

use sip::auth::{Algorithm, Ha1, Verdict};
use sip::endpoint::Reply;
use sip::message::Message;
use sip::{Flow, Method};

use crate::route::host_text;
use crate::vocab::config::{DigestAlgorithm, Extension};
use crate::vocab::{EventKind, ExtensionKey, Now};

use super::{Books, Running};

impl Running {
    /// The extension that sent a request, or the response that asks for its credentials.
    pub(super) fn authenticate(
        &mut self,
        now: Now,
        flow: Flow,
        message: &Message,
    ) -> Result<ExtensionKey, Box<Reply>> {
        let method = message.method().cloned().unwrap_or(Method::Register);
        let verdict = self.books.check(now, flow.remote.ip(), &method, message);
        let Books { gate, registrar, .. } = &mut self.books;
        match verdict {
            Check::Is(extension) => {
                gate.succeeded(flow.remote, || registrar.knows(flow));
                Ok(extension)
            }
            Check::Nobody { stale, algorithm } => {
                let ip = flow.remote.ip();
                let challenge = self.books.challenge(now, ip, &method, algorithm, stale);
                Err(Box::new(Reply { forget: true, ..challenge }))
            }
            Check::Wrong { algorithm } => {
                self.counters.auth_failed();
                let silenced = gate.failed(now.mono, flow.remote, registrar.knows(flow));
                if let Some(until) = silenced {
                    let until = now.wall + until.saturating_sub(now.mono) / 1_000_000;
                    let address = flow.remote.ip();
                    let kind = EventKind::AddressSilenced { address, until };
                    self.desk.out.publish(now, None, kind);
                }
                let ip = flow.remote.ip();
                Err(Box::new(self.books.challenge(now, ip, &method, algorithm, false)))
            }
        }
    }
}

/// What credentials are worth.
enum Check {
    Is(ExtensionKey),
    /// None, or such as nobody can judge any more.
    Nobody {
        stale: bool,
        algorithm: Algorithm,
    },
    Wrong {
        algorithm: Algorithm,
    },
}

fn algorithm(extension: Option<&Extension>) -> Algorithm {
    match extension.map(|extension| extension.algorithm) {
        Some(DigestAlgorithm::Sha256) => Algorithm::Sha256,
        // An unknown user is challenged like most known ones.
        Some(DigestAlgorithm::Md5) | None => Algorithm::Md5,
    }
}

impl Books {
    fn check(&mut self, now: Now, source: IpAddr, method: &Method, message: &Message) -> Check {
        let Self { directory, verifier, .. } = self;
        let realm = directory.config().sip.domain.as_str();
        let claimed = message.from().ok().and_then(|from| from.uri().ok());
        let (user, host) = match &claimed {
            Some(uri) => (uri.user_decoded().unwrap_or_default(), host_text(uri)),
            None => ("".into(), "".into()),
        };
        let expected = algorithm(directory.extension_by_user(&user, &host));
        let proxy = *method != Method::Register;
        let mut given: smallvec::SmallVec<[_; 2]> = smallvec::SmallVec::new();
        if proxy {
            given.extend(message.proxy_authorization().take(4));
        }
        given.extend(message.authorization().take(4));
        let mut stale = false;
        for credentials in given.iter().filter(|given| given.is_digest()) {
            let mut found = None;
            let ha1 = |user: &str| {
                let extension = directory.extension_by_user(user, &host)?;
                found = Some(extension.key.clone());
                let kind = algorithm(Some(extension));
                Some(Ha1::from_password(user, realm, extension.password.expose(), kind))
            };
            let covered = (method.as_str(), message.body());
            match verifier.verify_from(now.mono, source, covered, credentials, realm, ha1) {
                Verdict::Ok { .. } => {
                    if let Some(key) = found {
                        return Check::Is(key);
                    }
                }
                // A phone that counts wrongly tries again with the new nonce, unasked.
                Verdict::Stale | Verdict::Replay => stale = true,
                Verdict::Missing | Verdict::Malformed => {}
                Verdict::Wrong | Verdict::UnknownUser => {
                    return Check::Wrong { algorithm: expected };
                }
            }
        }
        Check::Nobody { stale, algorithm: expected }
    }

    fn challenge(
        &mut self,
        now: Now,
        source: IpAddr,
        method: &Method,
        algorithm: Algorithm,
        stale: bool,
    ) -> Reply {
        let realm = self.directory.config().sip.domain.as_str();
        let value = self.verifier.challenge_for(now.mono, source, realm, algorithm, stale);
        if *method == Method::Register {
            Reply::new(401).with_header("WWW-Authenticate", value)
        } else {
            Reply::new(407).with_header("Proxy-Authenticate", value)
        }
    }
}
