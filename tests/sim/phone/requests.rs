//! What a phone sends of its own accord, and what it makes of the answers.

use crate::dialog::{Dialog, Stage};
use crate::lamp::Lamp;
use crate::wire::{Msg, credentials, finish};

use super::{Act, GIVE_UP, Kind, MS, Out, Outgoing, Phone, SECOND, Timer};

impl Phone {
    pub(super) fn retransmit(&mut self, now: u64, branch: &str) -> Vec<Out> {
        let Some(request) = self.outgoing.get_mut(branch) else { return Vec::new() };
        if now >= request.until {
            let dialog = request.dialog;
            self.outgoing.remove(branch);
            if let Some(dialog) = dialog.and_then(|id| self.dialogs.get_mut(&id)) {
                dialog.stage = Stage::Over;
            }
            return Vec::new();
        }
        request.pause = (request.pause * 2).min(4 * SECOND);
        let (bytes, pause) = (request.bytes.clone(), request.pause);
        let again = Out::At(now + pause, Timer::Retransmit(branch.to_owned()));
        if self.tcp { vec![again] } else { vec![Out::Send(bytes), again] }
    }

    /// Sends a request and keeps it until it is answered.
    pub fn send(
        &mut self,
        now: u64,
        branch: String,
        bytes: Vec<u8>,
        dialog: Option<u64>,
        challenged: bool,
    ) -> Vec<Out> {
        let pause = SECOND / 2;
        let request =
            Outgoing { bytes: bytes.clone(), pause, until: now + GIVE_UP, dialog, challenged };
        self.outgoing.insert(branch.clone(), request);
        vec![Out::Send(bytes), Out::At(now + pause, Timer::Retransmit(branch))]
    }

    pub fn branch(&mut self) -> String {
        let number = self.fresh();
        format!("z9hG4bK-{}-{number}", self.index)
    }

    /// Registers, or answers the challenge.
    pub fn register(&mut self, now: u64, challenge: Option<&str>) -> Vec<Out> {
        if self.kind != Kind::Extension {
            return Vec::new();
        }
        let branch = self.branch();
        let uri = "sip:pbx.test";
        let mut head = format!("REGISTER {uri} SIP/2.0\r\n");
        head += &format!("Via: {} {};branch={branch};rport\r\n", self.via(), self.address);
        head += &format!(
            "Max-Forwards: 70\r\nFrom: <sip:{n}@pbx.test>;tag=r{i}\r\n",
            n = self.number,
            i = self.index
        );
        head += &format!(
            "To: <sip:{n}@pbx.test>\r\nCall-ID: reg-{i}\r\n",
            n = self.number,
            i = self.index
        );
        let cseq = self.fresh();
        let expires = if self.away { 0 } else { 120 };
        head += &format!(
            "CSeq: {cseq} REGISTER\r\nContact: {}\r\nExpires: {expires}\r\n",
            self.contact()
        );
        if let Some(challenge) = challenge {
            head += &format!("Authorization: {}\r\n", self.answer(challenge, "REGISTER", uri));
        }
        let bytes = finish(head, "", "");
        self.send(now, branch, bytes, None, challenge.is_some())
    }

    pub fn answer(&mut self, challenge: &str, method: &str, uri: &str) -> String {
        self.nonces += 1;
        credentials(challenge, &self.number, "secret", method, uri, 1)
    }

    pub(super) fn dial(&mut self, now: u64) -> Vec<Out> {
        let next = Out::At(now + self.rng.between(3, 25) * SECOND, Timer::Dial);
        let busy = self.dialogs.values().filter(|dialog| !dialog.is_over()).count() >= 2;
        let ready = self.registered || self.kind != Kind::Extension;
        if busy || !ready || self.targets.is_empty() {
            return vec![next];
        }
        let target = self.targets[self.rng.below(self.targets.len() as u64) as usize].clone();
        let (id, mut out) = self.call(now, &target);
        if self.rng.chance(20) {
            out.push(Out::At(now + self.rng.between(50, 6_000) * MS, Timer::Act(id, Act::Cancel)));
        }
        out.push(next);
        out
    }

    /// Calls a number.
    pub fn call(&mut self, now: u64, target: &str) -> (u64, Vec<Out>) {
        let id = self.fresh();
        let late = self.rng.chance(15);
        let dialog = Dialog::outgoing(id, self, target, late);
        self.dialogs.insert(id, dialog);
        (id, self.invite(now, id, None))
    }

    /// Its user ends a call, as far as it has come.
    pub fn end(&mut self, now: u64, id: u64) -> Vec<Out> {
        let calling = self.dialogs.get(&id).is_some_and(|dialog| dialog.stage == Stage::Calling);
        self.act(now, id, if calling { Act::Cancel } else { Act::HangUp })
    }

    pub(super) fn invite(&mut self, now: u64, id: u64, challenge: Option<&str>) -> Vec<Out> {
        let branch = self.branch();
        let (uri, call_id) = match self.dialogs.get(&id) {
            Some(dialog) => (dialog.request_uri(), dialog.call_id.clone()),
            None => return Vec::new(),
        };
        let authorization = challenge.map(|challenge| self.answer(challenge, "INVITE", &uri));
        let (via, contact, host) = (self.via(), self.contact(), self.address);
        let Some(dialog) = self.dialogs.get_mut(&id) else { return Vec::new() };
        dialog.cseq += 1;
        dialog.invite_branch.clone_from(&branch);
        let mut head =
            format!("INVITE {uri} SIP/2.0\r\nVia: {via} {host};branch={branch};rport\r\n");
        head += &format!("Max-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\n", dialog.from(), dialog.to());
        head += &format!(
            "Call-ID: {call_id}\r\nCSeq: {} INVITE\r\nContact: {contact}\r\n",
            dialog.cseq
        );
        head += "Supported: timer, 100rel\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, PRACK, MESSAGE\r\n";
        if let Some(value) = authorization {
            head += &format!("Proxy-Authorization: {value}\r\n");
        }
        let body = if dialog.late { String::new() } else { dialog.sdp() };
        let bytes = finish(head, "", &body);
        self.send(now, branch, bytes, Some(id), challenge.is_some())
    }

    /// A request within a dialog.
    pub fn in_dialog(
        &mut self,
        now: u64,
        id: u64,
        method: &str,
        more: &str,
        body: &str,
    ) -> Vec<Out> {
        let branch = self.branch();
        let (via, contact, host) = (self.via(), self.contact(), self.address);
        let Some(dialog) = self.dialogs.get_mut(&id) else { return Vec::new() };
        dialog.cseq += 1;
        if method == "INVITE" {
            dialog.invite_branch.clone_from(&branch);
        }
        let mut head = format!("{method} {} SIP/2.0\r\n", dialog.remote);
        head += &format!("Via: {via} {host};branch={branch};rport\r\nMax-Forwards: 70\r\n");
        head += &format!("From: {}\r\nTo: {}\r\n", dialog.from(), dialog.to());
        head += &format!(
            "Call-ID: {}\r\nCSeq: {} {method}\r\nContact: {contact}\r\n",
            dialog.call_id, dialog.cseq
        );
        let bytes = finish(head, more, body);
        self.send(now, branch, bytes, Some(id), true)
    }

    pub(super) fn cancel(&mut self, now: u64, id: u64) -> Vec<Out> {
        let Some(dialog) = self.dialogs.get_mut(&id) else { return Vec::new() };
        // RFC 3261 section 9.1: not before a provisional response.
        if !dialog.progressed {
            return vec![Out::At(now + SECOND, Timer::Act(id, Act::Cancel))];
        }
        dialog.stage = Stage::Cancelling;
        self.seen.insert("cancelled".into());
        let (via, host) = (self.via(), self.address);
        let Some(dialog) = self.dialogs.get(&id) else { return Vec::new() };
        let mut head = format!("CANCEL {} SIP/2.0\r\n", dialog.request_uri());
        head += &format!(
            "Via: {via} {host};branch={};rport\r\nMax-Forwards: 70\r\n",
            dialog.invite_branch
        );
        head += &format!("From: {}\r\nTo: {}\r\n", dialog.from(), dialog.first_to());
        head += &format!("Call-ID: {}\r\nCSeq: {} CANCEL\r\n", dialog.call_id, dialog.cseq);
        let branch = format!("cancel-{}", dialog.invite_branch);
        self.send(now, branch, finish(head, "", ""), None, true)
    }

    pub(super) fn on_response(&mut self, now: u64, msg: &Msg) -> Vec<Out> {
        let status = msg.status().unwrap_or(0);
        self.seen.insert(format!("{} {status}", msg.method()));
        let key = match msg.method() {
            "CANCEL" => format!("cancel-{}", msg.branch()),
            _ => msg.branch(),
        };
        if msg.method() == "INVITE" {
            return self.on_invite_response(now, &key, msg, status);
        }
        let Some(request) = (status >= 200).then(|| self.outgoing.remove(&key)).flatten() else {
            return Vec::new();
        };
        match (msg.method(), status) {
            ("REGISTER", 401) if !request.challenged => {
                self.register(now, Some(msg.get("www-authenticate")))
            }
            ("REGISTER", 200) if self.away => {
                self.registered = false;
                Vec::new()
            }
            ("REGISTER", 200) => {
                self.registered = true;
                let mut out = vec![Out::At(now + 55 * SECOND, Timer::Register)];
                // Every second phone has a key for the first number that it calls, too.
                if self.manner.is_none() && self.index.is_multiple_of(2) && !self.quiet {
                    if self.lamp.is_none()
                        && let Some(number) = self.targets.first().cloned()
                    {
                        let call_id = format!("lamp-{}-{}", self.fresh(), self.index);
                        self.lamp = Some(Lamp::to(&number, call_id));
                    }
                    out.extend(self.watch(now, None));
                }
                out
            }
            ("SUBSCRIBE", _) => self.watched(now, msg, status, request.challenged),
            ("REGISTER", _) => {
                self.registered = false;
                vec![Out::At(now + 5 * SECOND, Timer::Register)]
            }
            ("BYE", _) => {
                if let Some(dialog) = request.dialog.and_then(|id| self.dialogs.get_mut(&id)) {
                    dialog.stage = Stage::Over;
                    dialog.unknown_to_peer = status == 481;
                }
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn on_invite_response(
        &mut self,
        now: u64,
        branch: &str,
        msg: &Msg,
        status: u16,
    ) -> Vec<Out> {
        let Some(id) = self.find(msg, msg.caller_tag()) else { return Vec::new() };
        let Some(dialog) = self.dialogs.get_mut(&id) else { return Vec::new() };
        if status < 200 {
            dialog.progressed = true;
            if let Some(request) = self.outgoing.get_mut(branch) {
                // A provisional response stops retransmission; the phone waits three minutes (Timer C).
                request.until = now + 180 * SECOND;
                request.pause = 90 * SECOND;
            }
            return self.prack(now, id, msg);
        }
        let request = self.outgoing.remove(branch);
        let ack = self.ack(id, msg, status, branch);
        let mut out = vec![Out::Send(ack)];
        let Some(request) = request else { return out };
        let Some(dialog) = self.dialogs.get_mut(&id) else { return out };
        match (dialog.stage, status) {
            (Stage::Calling, 407) if !request.challenged => {
                let challenge = msg.get("proxy-authenticate").to_owned();
                out.extend(self.invite(now, id, Some(&challenge)));
            }
            (Stage::Calling, 200..=299) => {
                dialog.confirm(msg);
                if self.manner.is_some() {
                    return out;
                }
                out.push(Out::At(
                    now + self.rng.between(1, 40) * SECOND,
                    Timer::Act(id, Act::HangUp),
                ));
                if self.rng.chance(30) {
                    let after = self.rng.between(1, 20) * SECOND;
                    out.push(Out::At(now + after, Timer::Act(id, Act::Key)));
                }
                if self.rng.chance(20) {
                    let after = self.rng.between(500, 9_000) * MS;
                    out.push(Out::At(now + after, Timer::Act(id, Act::Transfer)));
                }
                if self.rng.chance(25) {
                    out.push(Out::At(
                        now + self.rng.between(300, 4_000) * MS,
                        Timer::Act(id, Act::Hold),
                    ));
                    out.push(Out::At(
                        now + self.rng.between(4_000, 9_000) * MS,
                        Timer::Act(id, Act::Resume),
                    ));
                }
            }
            (Stage::Cancelling, 200..=299) => {
                dialog.confirm(msg);
                dialog.stage = Stage::Leaving;
                self.seen.insert("200 crossed cancel".into());
                out.extend(self.in_dialog(now, id, "BYE", "", ""));
            }
            (Stage::Calling | Stage::Cancelling, _) => dialog.stage = Stage::Over,
            _ => {
                dialog.changing = false;
                if status == 481 || status == 408 {
                    dialog.stage = Stage::Over;
                }
            }
        }
        out
    }

    /// The ACK: in the transaction for a refusal, end to end for a 200. A late offer is answered in it.
    pub(super) fn ack(&mut self, id: u64, msg: &Msg, status: u16, branch: &str) -> Vec<u8> {
        let own = self.branch();
        let (via, host) = (self.via(), self.address);
        let Some(dialog) = self.dialogs.get_mut(&id) else { return Vec::new() };
        let good = status < 300;
        let uri = if good { msg.contact() } else { dialog.request_uri() };
        let branch = if good { own } else { branch.to_owned() };
        let mut head = format!("ACK {uri} SIP/2.0\r\nVia: {via} {host};branch={branch};rport\r\n");
        head +=
            &format!("Max-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\n", dialog.from(), msg.get("to"));
        head += &format!("Call-ID: {}\r\nCSeq: {} ACK\r\n", dialog.call_id, msg.cseq());
        // The same answer again for a repeated 200, as RFC 3261 section 13.2.2.4 wants the same ACK.
        let first = dialog.answered_late.is_none_or(|cseq| cseq == msg.cseq());
        let body = if good && dialog.late && first {
            self.seen.insert("late offer answered".into());
            dialog.sdp()
        } else {
            String::new()
        };
        finish(head, "", &body)
    }

    pub(super) fn prack(&mut self, now: u64, id: u64, msg: &Msg) -> Vec<Out> {
        let rseq = msg.get("rseq").to_owned();
        let Some(dialog) = self.dialogs.get_mut(&id) else { return Vec::new() };
        if rseq.is_empty() || dialog.pracked.contains(&rseq) {
            return Vec::new();
        }
        dialog.pracked.push(rseq.clone());
        dialog.learn(msg);
        self.seen.insert("prack".into());
        let more = format!("RAck: {rseq} {}\r\n", msg.get("cseq"));
        self.in_dialog(now, id, "PRACK", &more, "")
    }
}
