//! What is checked of every request before anything begins (RFC 3261 section 8.2).

use super::ids::Key;
use super::layer::{Answer, Joined, Layer, Line};
use crate::message::{HeaderName, Message, Via};
use crate::{Flow, Method};

/// Why a request is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// 405: not a method of ours.
    Method,
    /// 420: it requires what we do not support.
    Extension,
    /// 406: an INVITE whose sender does not read session descriptions.
    NotAcceptable,
    /// 482: another copy of it is being handled.
    Merged,
    /// 482: it has been here.
    Loop,
    /// 483: it may go no further.
    TooManyHops,
}

impl Layer {
    /// Checks a request of any kind but ACK and CANCEL.
    pub(super) fn check(
        &self,
        message: &Message,
        in_dialog: bool,
        merge: Option<Key>,
    ) -> Result<(), Refusal> {
        let Some(method) = message.method() else { return Ok(()) };
        if !self.settings.allow.contains(method) {
            return Err(Refusal::Method);
        }
        if self.unsupported(message).next().is_some() {
            return Err(Refusal::Extension);
        }
        if in_dialog {
            return Ok(());
        }
        if *method == Method::Invite && !accepts_sdp(message) {
            return Err(Refusal::NotAcceptable);
        }
        if self.is_merged(merge) {
            return Err(Refusal::Merged);
        }
        if self.ids.is_loop(message) {
            return Err(Refusal::Loop);
        }
        // Only what we would pass on can run out of hops.
        let ends_here = matches!(method, Method::Options | Method::Register);
        if message.max_forwards() == Some(0) && !ends_here {
            return Err(Refusal::TooManyHops);
        }
        Ok(())
    }

    fn unsupported<'a>(&'a self, message: &'a Message) -> impl Iterator<Item = &'a str> + Clone {
        let known = |tag: &str| self.settings.supported.iter().any(|s| s.eq_ignore_ascii_case(tag));
        message.require().filter(move |tag| !known(tag))
    }

    /// Answers a request that is not taken.
    pub(super) fn refuse(
        &mut self,
        flow: Flow,
        message: &Message,
        via: &Via<'_>,
        refusal: Refusal,
    ) {
        let value;
        let line: Line<'_>;
        let (status, lines): (u16, &[Line<'_>]) = match refusal {
            Refusal::Method => {
                value = self.allow();
                line = (HeaderName::Allow, &value);
                (405, std::slice::from_ref(&line))
            }
            Refusal::Extension => {
                value = Joined(self.unsupported(message)).to_string();
                line = (HeaderName::Unsupported, &value);
                (420, std::slice::from_ref(&line))
            }
            Refusal::NotAcceptable => {
                line = (HeaderName::Accept, &"application/sdp");
                (406, std::slice::from_ref(&line))
            }
            Refusal::Merged | Refusal::Loop => (482, &[]),
            Refusal::TooManyHops => (483, &[]),
        };
        let reason = match refusal {
            Refusal::Merged => "Request Merged",
            Refusal::Loop => "Loop Detected",
            _ => "",
        };
        let answer = Answer { reason, lines, ..Answer::status(status) };
        self.reply_statelessly(flow, message, via, &answer);
    }

    /// 503 with Retry-After: there is no room for this request.
    pub(super) fn overloaded(&mut self, flow: Flow, message: &Message, via: &Via<'_>) {
        let wait = self.settings.retry_after;
        let lines: [Line<'_>; 1] = [(HeaderName::RetryAfter, &wait)];
        let answer = Answer { lines: &lines, ..Answer::status(503) };
        self.reply_statelessly(flow, message, via, &answer);
    }
}

/// Whether a session description may answer (RFC 3261 section 20.1: it may where nothing is said).
fn accepts_sdp(message: &Message) -> bool {
    if message.header(HeaderName::Accept).is_none() {
        return true;
    }
    let media_type = |value: &str| value.split(';').next().unwrap_or("").trim().to_owned();
    message.values(HeaderName::Accept).map(media_type).any(|accepted| {
        ["application/sdp", "application/*", "*/*", "multipart/mixed"]
            .iter()
            .any(|known| accepted.eq_ignore_ascii_case(known))
    })
}
