//! `application/dialog-info+xml` (RFC 4235): calls as keys' lamps and pickup want them.
//!
//! A document always has the full state: the watcher never misses a dialog's end. A phone without dialogs is shown with
//! one that is terminated, which phones that look for a `state` element need to switch their lamp off.

use std::fmt::Write;

use bytes::Bytes;
use sip::endpoint::Body;
use sip::uri::EscapeUser;

use super::MAX_DIALOGS;
use super::condition::{Condition, Entity, Lamp};
use super::xml::escaped;
use crate::vocab::watch::{DialogStage, DialogView};

pub(super) const CONTENT_TYPE: &str = "application/dialog-info+xml";

pub(super) fn body(version: u32, entity: &Entity, condition: &Condition) -> Body {
    let text = text(version, entity, condition, MAX_DIALOGS);
    Body { content_type: CONTENT_TYPE.into(), bytes: Bytes::from(text) }
}

/// With `most` dialogs at most: those that can be picked up come first then.
pub(super) fn text(version: u32, entity: &Entity, condition: &Condition, most: usize) -> String {
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n\
         <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"{version}\" state=\"full\" entity=\"{}\">\r\n",
        escaped(&entity.uri)
    );
    let before = out.len();
    match condition {
        Condition::Phone(phone) => {
            let mut dialogs: Vec<&DialogView> = phone.dialogs.iter().collect();
            if dialogs.len() > most {
                dialogs.sort_by_key(|own| (own.initiator, own.stage != DialogStage::Early));
            }
            for dialog in dialogs.into_iter().take(most) {
                add(&mut out, entity, dialog);
            }
        }
        Condition::Lamp { lamp, note, .. } => {
            let stage = match lamp {
                Lamp::Off => None,
                Lamp::Blinking => Some(DialogStage::Early),
                Lamp::Lit => Some(DialogStage::Confirmed),
            };
            if let Some(stage) = stage {
                add_lamp(&mut out, entity, stage, note);
            }
        }
        Condition::Messages { .. } | Condition::Gone => {}
    }
    if out.len() == before {
        out.push_str("<dialog id=\"none\"><state>terminated</state></dialog>\r\n");
    }
    out.push_str("</dialog-info>\r\n");
    out
}

fn add(out: &mut String, entity: &Entity, dialog: &DialogView) {
    let DialogView { id, call_id, local_tag, remote_tag, .. } = dialog;
    let _ = write!(out, "<dialog id=\"{}\"", escaped(id));
    if entity.in_detail {
        let _ = write!(out, " call-id=\"{}\"", escaped(call_id));
        for (name, tag) in [("local-tag", local_tag), ("remote-tag", remote_tag)] {
            if !tag.is_empty() {
                let _ = write!(out, " {name}=\"{}\"", escaped(tag));
            }
        }
    }
    let direction = if dialog.initiator { "initiator" } else { "recipient" };
    let _ = write!(
        out,
        " direction=\"{direction}\">\r\n<state>{}</state>\r\n<local><identity{}>{}</identity>\
         <target uri=\"{}\">",
        dialog.stage.as_str(),
        display(&entity.name),
        escaped(&entity.uri),
        escaped(&entity.uri),
    );
    // RFC 4235 section 4.1.6.2: the callee capability `rendering` says that the user hears nobody.
    let rendering = if dialog.holds { "no" } else { "yes" };
    let _ =
        write!(out, "<param pname=\"+sip.rendering\" pval=\"{rendering}\"/></target></local>\r\n");
    if entity.in_detail {
        let remote = match dialog.number.as_str() {
            "" => "sip:anonymous@anonymous.invalid".to_owned(),
            number => format!("sip:{}@{}", EscapeUser(number), entity.host),
        };
        let remote = escaped(&remote);
        let _ = write!(
            out,
            "<remote><identity{}>{remote}</identity><target uri=\"{remote}\"/></remote>\r\n",
            display(&dialog.name),
        );
    }
    out.push_str("</dialog>\r\n");
}

/// What has no dialogs of its own is shown as one with itself; its name on the display is what is going on.
fn add_lamp(out: &mut String, entity: &Entity, stage: DialogStage, note: &str) {
    let uri = escaped(&entity.uri);
    let _ = write!(
        out,
        "<dialog id=\"lamp\" direction=\"recipient\">\r\n<state>{}</state>\r\n\
         <local><identity{}>{uri}</identity><target uri=\"{uri}\"/></local>\r\n\
         <remote><identity{}>{uri}</identity><target uri=\"{uri}\"/></remote>\r\n</dialog>\r\n",
        stage.as_str(),
        display(&entity.name),
        display(note),
    );
}

fn display(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" display=\"{}\"", escaped(name)) }
}
