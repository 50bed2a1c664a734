//! What a phone does with its calls, and with the requests of the switch.

use crate::dialog::{Dialog, Stage};
use crate::wire::Msg;

use super::{Act, GIVE_UP, Kind, MS, Manner, Out, Phone, SECOND, Timer};

impl Phone {
    pub(super) fn act(&mut self, now: u64, id: u64, act: Act) -> Vec<Out> {
        let Some(dialog) = self.dialogs.get_mut(&id) else { return Vec::new() };
        let up = dialog.stage == Stage::Up;
        let ringing = dialog.stage == Stage::Ringing;
        match act {
            Act::Ring if ringing => self.ring(id),
            Act::Answer if ringing => self.accept(now, id),
            Act::Reject(status) if ringing => self.refuse(id, status, ""),
            Act::Redirect if ringing => {
                let to = self.targets.first().cloned().unwrap_or_default();
                self.refuse(id, 302, &format!("Contact: <sip:{to}@pbx.test>\r\n"))
            }
            Act::Cancel if dialog.stage == Stage::Calling => self.cancel(now, id),
            Act::HangUp if up => {
                dialog.stage = Stage::Leaving;
                self.seen.insert("hung up".into());
                self.in_dialog(now, id, "BYE", "", "")
            }
            Act::Hold if up => self.change(now, id, "sendonly"),
            Act::Resume if up => self.change(now, id, "sendrecv"),
            Act::Video if up => {
                dialog.video = true;
                self.seen.insert("video".into());
                self.change(now, id, "sendrecv")
            }
            Act::Key if up => {
                self.seen.insert("key".into());
                if self.kind == Kind::Carrier {
                    self.seen.insert("confirmed".into());
                }
                let more = "Content-Type: application/dtmf-relay\r\n";
                self.in_dialog(now, id, "INFO", more, "Signal=5\r\n")
            }
            Act::Transfer if up => self.refer(now, id),
            Act::RepeatOk => self.repeat_ok(now, id),
            _ => Vec::new(),
        }
    }

    pub(super) fn change(&mut self, now: u64, id: u64, direction: &str) -> Vec<Out> {
        let Some(dialog) = self.dialogs.get_mut(&id) else { return Vec::new() };
        if dialog.changing {
            return Vec::new();
        }
        dialog.changing = true;
        dialog.version += 1;
        dialog.direction = direction.to_owned();
        let body = dialog.sdp();
        self.seen.insert(format!("change {direction}"));
        self.in_dialog(now, id, "INVITE", "", &body)
    }

    pub(super) fn ring(&mut self, id: u64) -> Vec<Out> {
        let contact = self.contact();
        let Some(dialog) = self.dialogs.get_mut(&id) else { return Vec::new() };
        let early = dialog.index % 3 == 0 && !dialog.offer_wanted;
        let body = if early { dialog.sdp() } else { String::new() };
        let status = if early { 183 } else { 180 };
        let more = format!("Contact: {contact}\r\n");
        dialog.respond(status, &more, &body)
    }

    pub(super) fn accept(&mut self, now: u64, id: u64) -> Vec<Out> {
        let contact = self.contact();
        self.seen.insert("answered".into());
        if let Some(manner) = self.manner {
            return self.accept_in_manner(now, id, manner);
        }
        let twice = self.rng.chance(10);
        let talk = self.rng.between(1, 40) * SECOND;
        let hold = self.rng.chance(30).then(|| self.rng.between(500, 5_000) * MS);
        let key = self.rng.chance(30).then(|| self.rng.between(500, 5_000) * MS);
        let mut out = self.say_ok(now, id, &contact);
        let Some(dialog) = self.dialogs.get_mut(&id) else { return Vec::new() };
        if twice {
            self.seen.insert("200 twice".into());
            out.extend(dialog.last_response().map(Out::Send));
        }
        out.push(Out::At(now + talk, Timer::Act(id, Act::HangUp)));
        // Whoever is neither acknowledged nor hung up on gives up in the end.
        out.push(Out::At(now + talk + 40 * SECOND, Timer::Act(id, Act::HangUp)));
        if let Some(after) = hold {
            out.push(Out::At(now + after, Timer::Act(id, Act::Hold)));
            out.push(Out::At(now + 2 * after, Timer::Act(id, Act::Resume)));
        }
        if self.rng.chance(25) {
            let after = self.rng.between(500, 5_000) * MS;
            out.push(Out::At(now + after, Timer::Act(id, Act::Video)));
        }
        if let Some(after) = key {
            out.push(Out::At(now + after, Timer::Act(id, Act::Key)));
        }
        if self.rng.chance(20) {
            let after = self.rng.between(500, 9_000) * MS;
            out.push(Out::At(now + after, Timer::Act(id, Act::Transfer)));
        }
        out
    }

    pub(super) fn say_ok(&mut self, now: u64, id: u64, contact: &str) -> Vec<Out> {
        let Some(dialog) = self.dialogs.get_mut(&id) else { return Vec::new() };
        let body = dialog.sdp();
        let more = format!(
            "Contact: {contact}\r\nAllow: INVITE, ACK, BYE, CANCEL, INFO, UPDATE\r\nSupported: timer\r\n"
        );
        let mut out = dialog.respond(200, &more, &body);
        dialog.stage = Stage::AwaitingAck;
        dialog.ok_until = now + GIVE_UP;
        out.push(Out::At(now + SECOND / 2, Timer::Act(id, Act::RepeatOk)));
        out
    }

    pub(super) fn accept_in_manner(&mut self, now: u64, id: u64, manner: Manner) -> Vec<Out> {
        let contact = self.contact();
        let mut out = self.say_ok(now, id, &contact);
        if let Manner::AnswerAndLeave(_, after) = manner {
            // Again and again: nobody hangs up who is not acknowledged yet.
            for more in [0, 100, 500, 2_000, 8_000, 20_000, 40_000] {
                out.push(Out::At(now + (after + more) * MS, Timer::Act(id, Act::HangUp)));
            }
        }
        out
    }

    /// What comes of an INVITE in a written scene.
    pub(super) fn invited_in_manner(
        &mut self,
        now: u64,
        id: u64,
        msg: &Msg,
        manner: Manner,
    ) -> Vec<Out> {
        let mut out = vec![
            Out::Send(msg.response(100, "", "", "")),
            Out::At(now + 5 * MS, Timer::Act(id, Act::Ring)),
        ];
        match manner {
            Manner::Dead => {
                self.dialogs.remove(&id);
                return Vec::new();
            }
            Manner::Answer(after) | Manner::AnswerAndLeave(after, _) => {
                out.push(Out::At(now + after.max(10) * MS, Timer::Act(id, Act::Answer)));
            }
            Manner::Ring | Manner::Cross => {}
        }
        out
    }

    pub(super) fn repeat_ok(&mut self, now: u64, id: u64) -> Vec<Out> {
        let Some(dialog) = self.dialogs.get_mut(&id) else { return Vec::new() };
        if dialog.stage != Stage::AwaitingAck {
            return Vec::new();
        }
        if now >= dialog.ok_until {
            dialog.stage = Stage::Leaving;
            return self.in_dialog(now, id, "BYE", "", "");
        }
        let again = Out::At(now + SECOND, Timer::Act(id, Act::RepeatOk));
        dialog.last_response().map(Out::Send).into_iter().chain([again]).collect()
    }

    pub(super) fn refuse(&mut self, id: u64, status: u16, more: &str) -> Vec<Out> {
        self.seen.insert(format!("refused {status}"));
        let Some(dialog) = self.dialogs.get_mut(&id) else { return Vec::new() };
        dialog.stage = Stage::Over;
        dialog.respond(status, more, "")
    }

    pub(super) fn on_request(&mut self, now: u64, msg: &Msg) -> Vec<Out> {
        let known = self.find(msg, msg.callee_tag());
        match (msg.method(), known) {
            ("INVITE", Some(id)) if msg.callee_tag().is_some() => self.reinvited(now, id, msg),
            ("INVITE", Some(id)) => self.repeated(id),
            ("INVITE", None) if msg.callee_tag().is_none() => self.invited(now, msg),
            ("ACK", Some(id)) => self.acked(id),
            ("ACK", None) => Vec::new(),
            ("CANCEL", Some(id)) => self.was_cancelled(now, id, msg),
            ("BYE", Some(id)) => {
                if let Some(dialog) = self.dialogs.get_mut(&id) {
                    dialog.stage = Stage::Over;
                    dialog.bye_received = true;
                }
                self.seen.insert("bye received".into());
                vec![Out::Send(msg.response(200, "t", "", ""))]
            }
            ("NOTIFY", Some(_)) if msg.get("event").starts_with("refer") => {
                self.told_of_transfer(msg)
            }
            ("NOTIFY", _) => self.notified(msg),
            ("OPTIONS" | "MESSAGE" | "INFO" | "PRACK", _) => {
                vec![Out::Send(msg.response(200, "t", "", ""))]
            }
            ("UPDATE", Some(id)) => self.updated(id, msg),
            ("REGISTER", _) if self.kind == Kind::Carrier => {
                let more = "Contact: <sip:trunk@127.0.0.1>;expires=300\r\n";
                vec![Out::Send(msg.response(200, "t", more, ""))]
            }
            _ => vec![Out::Send(msg.response(481, "t", "", ""))],
        }
    }

    pub(super) fn repeated(&mut self, id: u64) -> Vec<Out> {
        let last = self.dialogs.get(&id).and_then(Dialog::last_response);
        last.map(Out::Send).into_iter().collect()
    }

    pub(super) fn invited(&mut self, now: u64, msg: &Msg) -> Vec<Out> {
        self.invited += 1;
        let id = self.fresh();
        let dialog = Dialog::incoming(id, self, msg);
        self.dialogs.insert(id, dialog);
        if let Some(manner) = self.manner {
            return self.invited_in_manner(now, id, msg, manner);
        }
        let soon = |phone: &mut Self, low, high| now + phone.rng.between(low, high) * MS;
        let mut out = Vec::new();
        let ring = soon(self, 5, 400);
        match self.rng.below(20) {
            // The dead: no answer at all, not even 100.
            0 => {
                self.seen.insert("ignored".into());
                self.dialogs.remove(&id);
                return out;
            }
            1 => out.push(Out::At(ring, Timer::Act(id, Act::Reject(486)))),
            2 => out.push(Out::At(ring, Timer::Act(id, Act::Reject(603)))),
            3 => out.push(Out::At(ring, Timer::Act(id, Act::Reject(503)))),
            4 => out.push(Out::At(ring, Timer::Act(id, Act::Redirect))),
            // Rings for ever.
            5 => out.push(Out::At(ring, Timer::Act(id, Act::Ring))),
            _ => {
                let answer = soon(self, 400, 9_000);
                out.push(Out::At(ring, Timer::Act(id, Act::Ring)));
                out.push(Out::At(answer, Timer::Act(id, Act::Answer)));
            }
        }
        // Nobody lets it ring for ever.
        out.push(Out::At(now + 180 * SECOND, Timer::Act(id, Act::Reject(480))));
        out.insert(0, Out::Send(msg.response(100, "", "", "")));
        out
    }

    pub(super) fn was_cancelled(&mut self, now: u64, id: u64, msg: &Msg) -> Vec<Out> {
        let mut out = vec![Out::Send(msg.response(200, "t", "", ""))];
        // One in five answers although it was cancelled: its 200 crosses.
        let stubborn = match self.manner {
            Some(manner) => manner == Manner::Cross,
            None => self.rng.chance(20),
        };
        let ringing = self.dialogs.get(&id).is_some_and(|dialog| dialog.stage == Stage::Ringing);
        if ringing && stubborn {
            self.seen.insert("answered after cancel".into());
            out.extend(self.accept(now, id));
            return out;
        }
        if ringing {
            out.extend(self.refuse(id, 487, ""));
        }
        out
    }

    pub(super) fn acked(&mut self, id: u64) -> Vec<Out> {
        if let Some(dialog) = self.dialogs.get_mut(&id) {
            if dialog.stage == Stage::AwaitingAck {
                dialog.stage = Stage::Up;
            }
            dialog.changing = false;
        }
        Vec::new()
    }

    pub(super) fn reinvited(&mut self, _now: u64, id: u64, msg: &Msg) -> Vec<Out> {
        let contact = self.contact();
        let Some(dialog) = self.dialogs.get_mut(&id) else { return Vec::new() };
        if dialog.changing {
            self.seen.insert("glare".into());
            return vec![Out::Send(msg.response(491, "t", "", ""))];
        }
        dialog.version += 1;
        dialog.follow(msg);
        let body = dialog.sdp();
        let more = format!("Contact: {contact}\r\nSupported: timer\r\n");
        vec![Out::Send(msg.response(200, "t", &more, &body))]
    }

    pub(super) fn updated(&mut self, id: u64, msg: &Msg) -> Vec<Out> {
        let contact = self.contact();
        let Some(dialog) = self.dialogs.get_mut(&id) else { return Vec::new() };
        dialog.follow(msg);
        let body = if msg.body.is_empty() { String::new() } else { dialog.sdp() };
        self.seen.insert("update".into());
        vec![Out::Send(msg.response(200, "t", &format!("Contact: {contact}\r\n"), &body))]
    }
}
