//! Registrations: requests, and what comes due.

use bytes::Bytes;
use sip::endpoint::{OutRequest, Reply};
use sip::message::Message;
use sip::{Flow, Method, ServerTx};

use crate::registrar::{Due, Presence};
use crate::route::host_text;
use crate::vocab::{Effect, EventKind, ExtensionKey, Now};

use super::Running;
use super::responses::Awaiting;

/// What keeps a NAT's mapping open (RFC 5626 section 3.5.1).
const KEEP_ALIVE: &[u8] = b"\r\n\r\n";

impl Running {
    pub(super) fn on_register(&mut self, now: Now, tx: ServerTx, flow: Flow, message: &Message) {
        let key = match self.authenticate(now, flow, message) {
            Ok(key) => key,
            Err(reply) => return self.desk.sip.respond(now.mono, tx, *reply),
        };
        let Some(extension) = self.books.directory.extension(&key) else {
            return self.desk.sip.respond(now.mono, tx, Reply::new(404));
        };
        if !registers_itself(&self.books.directory, &key, message) {
            return self.desk.sip.respond(now.mono, tx, Reply::new(403));
        }
        let answer = self.books.registrar.register(now, flow, &extension.key, message);
        for record in answer.records {
            self.desk.out.persist(record);
        }
        let came = matches!(answer.presence, Some(Presence::Online(_)));
        self.presence(now, answer.presence);
        self.desk.sip.respond(now.mono, tx, answer.reply);
        if came {
            self.greet(now, &key);
        }
    }

    fn presence(&mut self, now: Now, presence: Option<Presence>) {
        let (extension, kind): (ExtensionKey, fn(ExtensionKey) -> EventKind) = match presence {
            Some(Presence::Online(key)) => {
                (key, |extension| EventKind::ExtensionOnline { extension })
            }
            Some(Presence::Offline(key)) => {
                (key, |extension| EventKind::ExtensionOffline { extension })
            }
            None => return,
        };
        self.look_at_phone(&extension, false);
        let tenant = extension.tenant.clone();
        self.desk.out.publish(now, Some(&tenant), kind(extension));
    }

    pub(super) fn tick_registrar(&mut self, now: Now) {
        while let Some(due) = self.books.registrar.pop_due(now) {
            match due {
                Due::Expired { record, presence } => {
                    self.desk.out.persist(record);
                    self.presence(now, presence);
                }
                Due::KeepAlive { flow } => {
                    let bytes = Bytes::from_static(KEEP_ALIVE);
                    self.desk.out.push(Effect::Send { flow, bytes });
                }
                Due::Qualify { binding, uri, path, flow } => {
                    let host = &self.books.directory.config().sip.domain;
                    let from = format!("<sip:{host}>");
                    let to = format!("<{uri}>");
                    let mut request = OutRequest::new(Method::Options, uri, from, to);
                    request.route = path;
                    let sent = self.desk.sip.request(now.mono, flow, request);
                    self.awaiting.insert(sent, Awaiting::Qualify(binding));
                }
            }
        }
    }

    pub(super) fn registrar_flow_closed(&mut self, now: Now, flow: Flow) {
        for presence in self.books.registrar.flow_closed(now, flow) {
            self.presence(now, Some(presence));
        }
    }
}

/// Whether To names the account that authenticated: nobody registers for another (RFC 3261 section 10.3 step 4).
fn registers_itself(
    directory: &crate::route::Directory,
    key: &ExtensionKey,
    message: &Message,
) -> bool {
    let Some(uri) = message.to().ok().and_then(|to| to.uri().ok()) else { return false };
    let user = uri.user_decoded().unwrap_or_default();
    directory.extension_by_user(&user, &host_text(&uri)).is_some_and(|own| own.key == *key)
}
