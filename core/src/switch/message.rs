//! Text between extensions (RFC 3428): to all phones of the called one, and back comes the first good answer.

use std::collections::BTreeMap;

use sip::endpoint::{Body, OutRequest, Reply, RequestFailure};
use sip::message::Message;
use sip::{Flow, HeaderName, Method, ServerTx};

use crate::call::{Found, Reach, Rights};
use crate::route::{Caller, host_text};
use crate::vocab::{Hop, Now};

use super::Running;
use super::responses::Awaiting;

/// Messages that may be under way at a time.
const MAX_DELIVERIES: usize = 4096;
/// RFC 3428 section 8 keeps a message below the path's MTU.
const MAX_BODY: usize = 16 * 1024;

/// A message that is being delivered.
#[derive(Debug)]
struct Delivery {
    sender: ServerTx,
    waiting: usize,
}

/// Messages under way.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    under_way: BTreeMap<u64, Delivery>,
    count: u64,
}

impl Deliveries {
    pub(super) fn len(&self) -> usize {
        self.under_way.len()
    }
}

impl Running {
    pub(super) fn on_message(&mut self, now: Now, tx: ServerTx, flow: Flow, message: &Message) {
        let sender = match self.authenticate(now, flow, message) {
            Ok(sender) => sender,
            Err(reply) => return self.desk.sip.respond(now.mono, tx, *reply),
        };
        let status = self.deliver(now, tx, &Rights::Extension(sender), message);
        if let Err(status) = status {
            self.desk.sip.respond(now.mono, tx, Reply::new(status));
        }
    }

    /// Sends the message on; `Err` is the status that answers it at once.
    fn deliver(
        &mut self,
        now: Now,
        tx: ServerTx,
        rights: &Rights,
        message: &Message,
    ) -> Result<(), u16> {
        let Rights::Extension(sender) = rights else { return Err(403) };
        if message.body().len() > MAX_BODY {
            return Err(413);
        }
        if self.deliveries.len() >= MAX_DELIVERIES {
            return Err(503);
        }
        let uri = message.uri().map_err(|_| 400u16)?;
        let user = uri.user_decoded().unwrap_or_default();
        let caller = Caller::Extension(sender);
        let directory = &self.books.directory;
        let plan = directory.plan(caller, &user, Some(&host_text(&uri))).map_err(|_| 404u16)?;
        let Some(hop @ Hop::Extension(key)) = plan.hops.first() else { return Err(403) };
        let identity = directory.identity(caller, hop, plan.hide_number, None);
        let place = match self.locate_extension(key, identity) {
            Found::Ring(place) => place,
            Found::Nothing(outcome) if outcome.status == 486 => return Err(480),
            Found::Nothing(outcome) | Found::Refused(outcome, _) => return Err(outcome.status),
            Found::Echo | Found::Sound(_) | Found::Attend(_) => return Err(403),
        };
        let kind = message.header(HeaderName::ContentType).unwrap_or("text/plain").to_owned();
        let body = Body { content_type: kind.into(), bytes: message.body().to_vec().into() };
        self.deliveries.count += 1;
        let id = self.deliveries.count;
        let mut waiting = 0;
        for target in place.targets {
            let Reach::Flow(flow) = target.via else { continue };
            let mut request =
                OutRequest::new(Method::Message, target.uri, &place.identity.from, target.to);
            request.route = target.route;
            request.body = Some(body.clone());
            let sent = self.desk.sip.request(now.mono, flow, request);
            self.awaiting.insert(sent, Awaiting::Delivery(id));
            waiting += 1;
        }
        let delivery = Delivery { sender: tx, waiting };
        self.deliveries.under_way.insert(id, delivery);
        Ok(())
    }

    /// One phone has answered, or will not.
    pub(super) fn delivery_answered(
        &mut self,
        now: Now,
        id: u64,
        outcome: &Result<Message, RequestFailure>,
    ) {
        let status = match outcome {
            Ok(message) => message.status().unwrap_or(500),
            Err(_) => 480,
        };
        let Some(delivery) = self.deliveries.under_way.get_mut(&id) else { return };
        delivery.waiting -= 1;
        if status < 300 || delivery.waiting == 0 {
            let sender = delivery.sender;
            self.deliveries.under_way.remove(&id);
            self.desk.sip.respond(now.mono, sender, Reply::new(status));
        }
    }
}
