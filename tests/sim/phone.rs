//! A simulated phone or carrier: writes and reads raw SIP, retransmits, and does everything that people and phones do.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::dialog::{Dialog, Stage};
use crate::lamp::Lamp;
use crate::rng::Rng;
use crate::wire::{Msg, credentials, finish, sdp};

pub const MS: u64 = 1_000_000;
pub const SECOND: u64 = 1_000 * MS;
/// Timer F and its kin: a request without an answer is given up.
const GIVE_UP: u64 = 32 * SECOND;

/// What kind of peer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Registers and authenticates.
    Extension,
    /// Is known by its address.
    Carrier,
    /// Nobody: sends calls and has no account.
    Stranger,
}

/// What a phone wants done.
#[derive(Debug)]
pub enum Out {
    Send(Vec<u8>),
    At(u64, Timer),
}

/// What comes back to a phone later.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    Retransmit(String),
    Register,
    /// Registers again after having left.
    Return,
    Dial,
    Act(u64, Act),
}

/// What somebody does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    Ring,
    Answer,
    Reject(u16),
    Redirect,
    Cancel,
    HangUp,
    Hold,
    Resume,
    Video,
    Key,
    Transfer,
    RepeatOk,
}

/// What a phone of a written scene does with whatever comes; its user does nothing but what the scene says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Answers after so many milliseconds.
    Answer(u64),
    /// ... and hangs up so many milliseconds after that.
    AnswerAndLeave(u64, u64),
    /// Rings and rings.
    Ring,
    /// Nothing comes back, not even 100.
    Dead,
    /// Rings, and answers when it is cancelled.
    Cross,
}

/// A request under way.
#[derive(Debug)]
struct Outgoing {
    bytes: Vec<u8>,
    pause: u64,
    until: u64,
    dialog: Option<u64>,
    challenged: bool,
}

/// A phone.
#[derive(Debug)]
pub struct Phone {
    pub index: usize,
    pub kind: Kind,
    pub number: String,
    pub address: SocketAddr,
    pub tcp: bool,
    pub powered: bool,
    /// Does nothing new any more.
    pub quiet: bool,
    pub registered: bool,
    /// Nobody sits here: it is not to register.
    pub away: bool,
    /// In a written scene; a phone without one does what chance wants.
    pub manner: Option<Manner>,
    /// What its key shows.
    pub lamp: Option<Lamp>,
    /// Numbers that it may dial.
    pub targets: Vec<String>,
    pub dialogs: BTreeMap<u64, Dialog>,
    /// Statuses and deeds, to know what a run has reached.
    pub seen: std::collections::BTreeSet<String>,
    /// Lost power or its connection at some time: calls may have ended unheard.
    pub cut_off: bool,
    /// INVITEs that arrived.
    pub invited: u64,
    outgoing: BTreeMap<String, Outgoing>,
    count: u64,
    nonces: u32,
    pub rng: Rng,
}

impl Phone {
    pub fn new(index: usize, kind: Kind, number: &str, address: SocketAddr, rng: Rng) -> Self {
        Self {
            index,
            kind,
            number: number.to_owned(),
            address,
            tcp: false,
            powered: true,
            quiet: false,
            registered: false,
            away: false,
            manner: None,
            lamp: None,
            targets: Vec::new(),
            dialogs: BTreeMap::new(),
            seen: Default::default(),
            cut_off: false,
            invited: 0,
            outgoing: BTreeMap::new(),
            count: 0,
            nonces: 0,
            rng,
        }
    }

    fn fresh(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub fn via(&self) -> &'static str {
        if self.tcp { "SIP/2.0/TCP" } else { "SIP/2.0/UDP" }
    }

    pub fn contact(&self) -> String {
        let transport = if self.tcp { ";transport=tcp" } else { "" };
        format!("<sip:{}@{}{transport}>", self.number, self.address)
    }

    /// Loses power: forgets everything and says nothing.
    pub fn power_off(&mut self) {
        if self.dialogs.values().any(|dialog| dialog.stage == Stage::Up) {
            self.seen.insert(format!("{:?} lost power while talking", self.kind));
        }
        self.powered = false;
        self.cut_off = true;
        self.registered = false;
        self.dialogs.clear();
        self.lamp = None;
        self.outgoing.clear();
        self.seen.insert("power lost".into());
    }

    /// Somebody calls it now.
    pub fn rings(&self) -> bool {
        self.dialogs.values().any(|dialog| dialog.stage == Stage::Ringing)
    }

    /// Its user goes elsewhere: it registers no longer, whatever rings.
    pub fn leave(&mut self, now: u64) -> Vec<Out> {
        self.away = true;
        self.register(now, None)
    }

    /// True when it holds no call and waits for nothing.
    pub fn is_idle(&self) -> bool {
        let calls = self.outgoing.values().filter(|request| request.dialog.is_some());
        self.dialogs.values().all(Dialog::is_over) && calls.count() == 0
    }

    /// What it still waits for, in words.
    pub fn left(&self) -> String {
        let open: Vec<_> = self.dialogs.values().filter(|dialog| !dialog.is_over()).collect();
        format!("{open:?}, waiting for answers to {:?}", self.outgoing)
    }

    /// Something that came to its time.
    pub fn on_timer(&mut self, now: u64, timer: Timer) -> Vec<Out> {
        if !self.powered {
            return Vec::new();
        }
        match timer {
            Timer::Retransmit(branch) => self.retransmit(now, &branch),
            Timer::Register | Timer::Dial | Timer::Return if self.quiet => Vec::new(),
            Timer::Register if self.away => Vec::new(),
            Timer::Register => self.register(now, None),
            Timer::Return => {
                self.away = false;
                self.register(now, None)
            }
            Timer::Dial => self.dial(now),
            Timer::Act(dialog, act) => self.act(now, dialog, act),
        }
    }

    fn retransmit(&mut self, now: u64, branch: &str) -> Vec<Out> {
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

    fn dial(&mut self, now: u64) -> Vec<Out> {
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

    fn invite(&mut self, now: u64, id: u64, challenge: Option<&str>) -> Vec<Out> {
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

    fn act(&mut self, now: u64, id: u64, act: Act) -> Vec<Out> {
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

    fn change(&mut self, now: u64, id: u64, direction: &str) -> Vec<Out> {
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

    fn cancel(&mut self, now: u64, id: u64) -> Vec<Out> {
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

    fn ring(&mut self, id: u64) -> Vec<Out> {
        let contact = self.contact();
        let Some(dialog) = self.dialogs.get_mut(&id) else { return Vec::new() };
        let early = dialog.index % 3 == 0 && !dialog.offer_wanted;
        let body = if early { dialog.sdp() } else { String::new() };
        let status = if early { 183 } else { 180 };
        let more = format!("Contact: {contact}\r\n");
        dialog.respond(status, &more, &body)
    }

    fn accept(&mut self, now: u64, id: u64) -> Vec<Out> {
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

    fn say_ok(&mut self, now: u64, id: u64, contact: &str) -> Vec<Out> {
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

    fn accept_in_manner(&mut self, now: u64, id: u64, manner: Manner) -> Vec<Out> {
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
    fn invited_in_manner(&mut self, now: u64, id: u64, msg: &Msg, manner: Manner) -> Vec<Out> {
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

    fn repeat_ok(&mut self, now: u64, id: u64) -> Vec<Out> {
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

    fn refuse(&mut self, id: u64, status: u16, more: &str) -> Vec<Out> {
        self.seen.insert(format!("refused {status}"));
        let Some(dialog) = self.dialogs.get_mut(&id) else { return Vec::new() };
        dialog.stage = Stage::Over;
        dialog.respond(status, more, "")
    }

    /// Bytes arrived.
    pub fn on_bytes(&mut self, now: u64, bytes: &[u8]) -> Vec<Out> {
        let Some(msg) = Msg::read(bytes).filter(|_| self.powered) else { return Vec::new() };
        if msg.status().is_some() {
            self.on_response(now, &msg)
        } else {
            self.on_request(now, &msg)
        }
    }

    fn find(&self, msg: &Msg, own_tag: Option<String>) -> Option<u64> {
        let call_id = msg.get("call-id");
        self.dialogs
            .values()
            .find(|d| d.call_id == call_id && own_tag.as_deref().is_none_or(|tag| d.own_tag == tag))
            .map(|dialog| dialog.index)
    }

    fn on_request(&mut self, now: u64, msg: &Msg) -> Vec<Out> {
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

    fn repeated(&mut self, id: u64) -> Vec<Out> {
        let last = self.dialogs.get(&id).and_then(Dialog::last_response);
        last.map(Out::Send).into_iter().collect()
    }

    fn invited(&mut self, now: u64, msg: &Msg) -> Vec<Out> {
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

    fn was_cancelled(&mut self, now: u64, id: u64, msg: &Msg) -> Vec<Out> {
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

    fn acked(&mut self, id: u64) -> Vec<Out> {
        if let Some(dialog) = self.dialogs.get_mut(&id) {
            if dialog.stage == Stage::AwaitingAck {
                dialog.stage = Stage::Up;
            }
            dialog.changing = false;
        }
        Vec::new()
    }

    fn reinvited(&mut self, _now: u64, id: u64, msg: &Msg) -> Vec<Out> {
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

    fn updated(&mut self, id: u64, msg: &Msg) -> Vec<Out> {
        let contact = self.contact();
        let Some(dialog) = self.dialogs.get_mut(&id) else { return Vec::new() };
        dialog.follow(msg);
        let body = if msg.body.is_empty() { String::new() } else { dialog.sdp() };
        self.seen.insert("update".into());
        vec![Out::Send(msg.response(200, "t", &format!("Contact: {contact}\r\n"), &body))]
    }

    fn on_response(&mut self, now: u64, msg: &Msg) -> Vec<Out> {
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

    fn on_invite_response(&mut self, now: u64, branch: &str, msg: &Msg, status: u16) -> Vec<Out> {
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
    fn ack(&mut self, id: u64, msg: &Msg, status: u16, branch: &str) -> Vec<u8> {
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

    fn prack(&mut self, now: u64, id: u64, msg: &Msg) -> Vec<Out> {
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

/// Where a phone takes the media of its call with this index.
pub fn media_port(index: u64) -> u16 {
    4_000 + (index % 1_000) as u16 * 2
}

/// The description of a phone at an address.
pub fn describe(
    address: SocketAddr,
    index: u64,
    version: u32,
    direction: &str,
    video: bool,
) -> String {
    let mut text = sdp(&address.ip().to_string(), media_port(index), version, direction);
    if video {
        text += "m=video 6000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
    }
    text
}
