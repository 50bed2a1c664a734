//! Lists of resources (RFC 4662): one NOTIFY tells of many.

use std::fmt::Write;

use bytes::Bytes;
use sip::endpoint::Body;

use super::condition::{Condition, Entity};
use super::xml::escaped;
use super::{Kind, dialog_info, pidf};

/// No text of ours begins a line with this, and no text of others begins a line at all.
const BOUNDARY: &str = "strowger-part";
/// Dialogs of one member, so that all members fit into a datagram.
const LIST_DIALOGS: usize = 1;
const RLMI: &str = "application/rlmi+xml";

/// One resource of a list.
#[derive(Debug)]
pub struct Member<'a> {
    /// Who.
    pub entity: Entity,
    /// What is known.
    pub condition: &'a Condition,
}

pub(super) fn body(
    kind: Kind,
    version: u32,
    whole: bool,
    list: &str,
    members: &[Member<'_>],
) -> Body {
    let mut meta = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
         <list xmlns=\"urn:ietf:params:xml:ns:rlmi\" uri=\"{}\" version=\"{version}\" fullState=\"{whole}\">\r\n",
        escaped(list)
    );
    let mut parts = String::new();
    for (number, Member { entity, condition }) in members.iter().enumerate() {
        let _ = write!(meta, "<resource uri=\"{}\">", escaped(&entity.uri));
        if !entity.name.is_empty() {
            let _ = write!(meta, "<name>{}</name>", escaped(&entity.name));
        }
        // A resource that is no more has a terminated instance without a state (section 5.5).
        if **condition == Condition::Gone {
            meta.push_str("<instance id=\"1\" state=\"terminated\" reason=\"noresource\"/>");
        } else {
            let _ = write!(
                meta,
                "<instance id=\"1\" state=\"active\" cid=\"{number}@strowger.invalid\"/>"
            );
            let (content_type, text) = match kind {
                Kind::Dialog => {
                    let text = dialog_info::text(version, entity, condition, LIST_DIALOGS);
                    (dialog_info::CONTENT_TYPE, text)
                }
                Kind::Presence | Kind::Summary => {
                    (pidf::CONTENT_TYPE, pidf::text(entity, condition))
                }
            };
            part(&mut parts, &format!("{number}@strowger.invalid"), content_type, &text);
        }
        meta.push_str("</resource>\r\n");
    }
    meta.push_str("</list>\r\n");
    let mut text = String::with_capacity(meta.len() + parts.len() + 256);
    part(&mut text, "list@strowger.invalid", RLMI, &meta);
    let _ = write!(text, "{parts}--{BOUNDARY}--\r\n");
    let content_type = format!(
        "multipart/related;type=\"{RLMI}\";start=\"<list@strowger.invalid>\";boundary=\"{BOUNDARY}\""
    );
    Body { content_type: content_type.into(), bytes: Bytes::from(text) }
}

fn part(out: &mut String, id: &str, content_type: &str, text: &str) {
    let _ = write!(
        out,
        "--{BOUNDARY}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{id}>\r\n\
         Content-Type: {content_type};charset=\"UTF-8\"\r\n\r\n{text}\r\n"
    );
}
