//! Phones that transfer: blindly to any number that they may dial, or to somebody whom they talk to on another line.

use crate::dialog::{Dialog, Stage};
use crate::phone::{Out, Phone};
use crate::wire::Msg;

impl Phone {
    /// Sends whoever it talks to elsewhere.
    pub fn refer(&mut self, now: u64, id: u64) -> Vec<Out> {
        let other = self.dialogs.values().find(|own| own.index != id && own.stage == Stage::Up);
        let attended = other.map(replaces);
        let attended = attended.filter(|_| self.rng.chance(80));
        let to = match attended {
            Some(dialog) => {
                self.seen.insert("refer attended".into());
                format!("sip:4001@pbx.test?Replaces={dialog}")
            }
            None => {
                self.seen.insert("refer blind".into());
                let any = self.rng.below(self.targets.len().max(1) as u64) as usize;
                let target = self.targets.get(any).cloned().unwrap_or_default();
                let target = if self.rng.chance(30) { "700".to_owned() } else { target };
                format!("sip:{target}@pbx.test")
            }
        };
        self.in_dialog(now, id, "REFER", &format!("Refer-To: <{to}>\r\n"), "")
    }

    /// Hears how a transfer went.
    pub fn told_of_transfer(&mut self, msg: &Msg) -> Vec<Out> {
        let status = msg.body.split_whitespace().nth(1).unwrap_or_default();
        self.seen.insert(format!("refer told {status}"));
        vec![Out::Send(msg.response(200, "t", "", ""))]
    }
}

/// A dialog as Refer-To names it (RFC 3891 section 3, escaped as RFC 3261 section 19.1.2 wants).
fn replaces(dialog: &Dialog) -> String {
    let tag = dialog.to().split(";tag=").nth(1).unwrap_or_default().to_owned();
    format!("{}%3Bto-tag%3D{tag}%3Bfrom-tag%3D{}", dialog.call_id, dialog.own_tag)
}
