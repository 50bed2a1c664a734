//! Requests outside calls: ours, and answers to theirs.

use super::layer::{Answer, Outgoing, Owner, Up};
use super::slab::Handle;
use super::{ClientTx, Endpoint, OutRequest, Reply, ServerTx};
use crate::auth::Credentials;
use crate::invite::{bracketed, with_tag};
use crate::message::Message;
use crate::{Flow, Method};

impl Endpoint {
    /// Answers a request, provisionally or finally. Nothing happens when it has had its final
    /// answer, or when its sender has given up.
    pub fn respond(&mut self, now: u64, tx: ServerTx, reply: Reply) {
        let answer = Answer {
            status: reply.status.clamp(100, 699),
            reason: reply.reason.as_deref().unwrap_or(""),
            tag: "",
            contact: reply.contact.as_deref(),
            lines: &[],
            headers: &reply.headers,
            body: reply.body.as_ref(),
            forget: reply.forget,
        };
        self.layer.reply(now, Handle::from_raw(tx.0), &answer);
    }

    /// Sends a request; its final response comes as `Event::Response`. A challenge is answered
    /// with the request's credentials: once, and once more when only our nonce was too old.
    /// INVITE, ACK and CANCEL belong to legs and are not sent.
    pub fn request(&mut self, now: u64, flow: Flow, request: OutRequest) -> ClientTx {
        let ticket = self.layer.ticket();
        let tx = ClientTx(ticket);
        let full = self.layer.client_count() >= self.layer.settings.limits.transactions;
        if full || matches!(request.method, Method::Invite | Method::Ack | Method::Cancel) {
            self.layer.refuse_to_send(tx);
            return tx;
        }
        let routes: Vec<Box<str>> =
            request.route.iter().map(|route| route.as_str().into()).collect();
        let hop = crate::dialog::NextHop::of(&request.uri, &routes);
        let tag = self.layer.ids.tag();
        let from =
            if has_tag(&request.from) { request.from } else { with_tag(&request.from, &tag) };
        let call_id = request.call_id.unwrap_or_else(|| self.layer.ids.call_id());
        let out = Outgoing {
            method: &request.method,
            uri: hop.uri(),
            routes: hop.routes(),
            from: &from,
            to: &bracketed(&request.to),
            call_id: &call_id,
            cseq: request.cseq.unwrap_or(1),
            max_forwards: 70,
            contact: request.contact.as_deref(),
            lines: &[],
            headers: &request.headers,
            body: request.body.as_ref(),
        };
        let owner = Owner::User(request.credentials.map(Box::new));
        self.layer.start_request(now, flow, &out, owner, ticket);
        tx
    }

    /// The outcome of a request of the owner's.
    pub(super) fn request_outcome(
        &mut self,
        now: u64,
        up: &Up,
        response: Option<&Message>,
        credentials: Option<Box<Credentials>>,
    ) {
        if let (Some(credentials), Some(response)) = (credentials, response) {
            let owner = Owner::User(Some(credentials.clone()));
            if self.answer_challenge(now, up, response, &credentials, owner) {
                return;
            }
        }
        self.tell_response(up, response);
    }

    /// Answers a challenge outside dialogs; false when there is none or it cannot be answered.
    pub(super) fn answer_challenge(
        &mut self,
        now: u64,
        up: &Up,
        response: &Message,
        credentials: &Credentials,
        owner: Owner,
    ) -> bool {
        let Some(retry) = self.layer.answer_challenge(&up.sent, response, credentials) else {
            return false;
        };
        let cseq = response.cseq().map_or(1, |(number, _)| number.saturating_add(1));
        self.layer.send_again(now, &up.sent, retry, cseq, owner).is_some()
    }
}

/// Whether the owner gives a From with the tag of a dialog of its own.
fn has_tag(from: &str) -> bool {
    crate::message::NameAddr::parse(from).is_some_and(|addr| addr.tag().is_some())
}
