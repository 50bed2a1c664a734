//! Sending a request again with a change: credentials, or another interval.

use bytes::Bytes;

use super::client::Belongs;
use super::write::write_via;
use super::{Layer, Owner, Sent};
use crate::Flow;
use crate::auth::{self, Credentials};
use crate::endpoint::slab::Handle;
use crate::message::{HeaderName, Message, Writer};

/// A 401 was answered.
const ANSWERED_401: u8 = 1;
/// A 407 was answered.
const ANSWERED_407: u8 = 2;
/// A challenge that only found our nonce too old was answered.
const ANSWERED_STALE: u8 = 4;

/// What a repeated request has that the first had not.
pub(crate) struct Retry {
    /// Headers that replace those of the same name.
    changes: Vec<(HeaderName, String)>,
    tried: u8,
}

impl Retry {
    /// A retry with these headers instead of the earlier ones.
    pub fn with(changes: Vec<(HeaderName, String)>, sent: &Sent) -> Self {
        Self { changes, tried: sent.tried }
    }
}

impl Layer {
    /// The answer to a 401 or 407. `None` when we have answered one before, other than by a
    /// nonce that was too old, or cannot answer it at all.
    pub fn answer_challenge(
        &mut self,
        sent: &Sent,
        response: &Message,
        credentials: &Credentials,
    ) -> Option<Retry> {
        let (challenge, header, bit) = match response.status()? {
            401 => (HeaderName::WwwAuthenticate, HeaderName::Authorization, ANSWERED_401),
            407 => (HeaderName::ProxyAuthenticate, HeaderName::ProxyAuthorization, ANSWERED_407),
            _ => return None,
        };
        let request = Message::parse(sent.request.clone()).ok()?;
        let cnonce = self.ids.cnonce();
        let answered = auth::answer(
            response.auth(challenge).filter(|params| params.is_digest()),
            request.method()?.as_str(),
            request.request_uri(),
            request.body(),
            credentials,
            &cnonce,
        )?;
        let again = sent.tried & bit != 0;
        if again && !(answered.stale && sent.tried & ANSWERED_STALE == 0) {
            return None;
        }
        let stale = if again { ANSWERED_STALE } else { 0 };
        Some(Retry { changes: vec![(header, answered.value)], tried: sent.tried | bit | stale })
    }

    /// Sends `sent` again, changed, with a new CSeq number, in a transaction of its own.
    pub fn send_again(
        &mut self,
        now: u64,
        sent: &Sent,
        retry: Retry,
        cseq: u32,
        owner: Owner,
    ) -> Option<Handle> {
        let request = Message::parse(sent.request.clone()).ok()?;
        let branch = self.branch(request.request_uri());
        let bytes = self.rewrite(&sent.flow, &request, branch.as_str(), &retry.changes, cseq)?;
        let belongs = Belongs { owner, ticket: sent.ticket, tried: retry.tried };
        let method = request.method()?;
        Some(self.open_client(now, sent.flow, bytes, branch.as_str(), method, belongs))
    }

    pub(super) fn rewrite(
        &mut self,
        flow: &Flow,
        request: &Message,
        branch: &str,
        changes: &[(HeaderName, String)],
        cseq: u32,
    ) -> Option<Bytes> {
        let method = request.method()?;
        self.scratch.clear();
        let mut writer = Writer::request(&mut self.scratch, method, request.request_uri());
        write_via(&mut writer, &self.settings, flow, branch);
        writer.copy_untouched(request, |name, _| {
            let rewritten = matches!(
                name,
                HeaderName::Via
                    | HeaderName::CSeq
                    | HeaderName::ContentLength
                    | HeaderName::ContentType
            );
            !rewritten && changes.iter().all(|(changed, _)| *changed != name)
        });
        writer.header(HeaderName::CSeq, format_args!("{cseq} {method}"));
        for (name, value) in changes {
            writer.header(*name, value);
        }
        let content_type = request.header(HeaderName::ContentType).unwrap_or("");
        writer.finish(content_type, request.body());
        Some(Bytes::copy_from_slice(&self.scratch))
    }
}
