//! `application/pidf+xml` (RFC 3863) with activities (RFC 4480): whether somebody can be reached, in words too.

use std::fmt::Write;

use bytes::Bytes;
use sip::endpoint::Body;

use super::condition::{Condition, Entity, Lamp};
use super::xml::escaped;

pub(super) const CONTENT_TYPE: &str = "application/pidf+xml";

pub(super) fn body(entity: &Entity, condition: &Condition) -> Body {
    Body { content_type: CONTENT_TYPE.into(), bytes: Bytes::from(text(entity, condition)) }
}

pub(super) fn text(entity: &Entity, condition: &Condition) -> String {
    let (open, activity, note) = said(condition);
    let basic = if open { "open" } else { "closed" };
    let (uri, note) = (escaped(&entity.uri), escaped(note));
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
         <presence xmlns=\"urn:ietf:params:xml:ns:pidf\" xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
         xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"{uri}\">\r\n\
         <tuple id=\"phone\"><status><basic>{basic}</basic></status><contact>{uri}</contact>\
         <note>{note}</note></tuple>\r\n"
    );
    let activity = activity.map_or_else(String::new, |name| format!("<rpid:{name}/>"));
    let _ = write!(
        out,
        "<dm:person id=\"person\"><rpid:activities>{activity}</rpid:activities>\
         <dm:note>{note}</dm:note></dm:person>\r\n</presence>\r\n"
    );
    out
}

/// Whether it takes calls, its activity (RFC 4480 section 3.2), and both in words.
fn said(condition: &Condition) -> (bool, Option<&'static str>, &str) {
    match condition {
        Condition::Phone(phone) if !phone.registered => (false, Some("away"), "Offline"),
        Condition::Phone(phone) if phone.do_not_disturb => (true, Some("busy"), "Do not disturb"),
        Condition::Phone(phone) if phone.talks() => (true, Some("on-the-phone"), "On the phone"),
        Condition::Phone(phone) if phone.rings() => (true, None, "Ringing"),
        Condition::Phone(phone) if !phone.dialogs.is_empty() => {
            (true, Some("on-the-phone"), "Calling")
        }
        Condition::Phone(_) => (true, None, "Available"),
        Condition::Lamp { lamp, open, note } => {
            (*open, (*lamp == Lamp::Lit).then_some("busy"), note)
        }
        Condition::Messages { .. } | Condition::Gone => (false, None, "Unknown"),
    }
}
