//! A whole switch under a virtual clock, with phones and carriers whose every message a test writes and reads.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

use media::order::{
    MediaEvent, Order, PlayId, Port, PortId, RecordingId, StreamConfig, StreamId, VoiceEnd,
    VoiceEndReason,
};
use sip::Message;
use sip::auth::{Credentials, answer};
use sip::resolve::Question;
use strowger_core::Switch;
use strowger_core::vocab::input::{Input, Listener};
use strowger_core::vocab::mailbox::MailRecord;
use strowger_core::vocab::record::CallRecord;
use strowger_core::vocab::robot::RobotOrder;
use strowger_core::vocab::{
    Boot, CallId, Command, Config, ConnectId, Effect, EventKind, Principal, Query, Record, Reply,
    RequestId, ResolveId, Restored, Role, WorkerId,
};

use crate::common::*;
use crate::mixer::Mixer;

/// A switch with what came out of it.
pub struct Exchange {
    pub switch: Switch,
    pub now: u64,
    pub sent: VecDeque<(SocketAddr, String)>,
    pub events: Vec<EventKind>,
    pub records: Vec<Record>,
    pub recordings: usize,
    /// Whether each pause began or ended.
    pub pauses: Vec<bool>,
    /// Keys that were sent as events, with the stream whose peer hears them.
    pub keys: Vec<(StreamId, char)>,
    pub bridges: Vec<(StreamId, StreamId)>,
    /// How each stream was configured last.
    pub configured: BTreeMap<StreamId, StreamConfig>,
    /// What plays, by stream.
    pub playing: BTreeMap<StreamId, (PlayId, Vec<String>, bool)>,
    /// Mail that was to be sent.
    pub mails: Vec<MailRecord>,
    /// What was ordered from robots.
    pub robots: Vec<RobotOrder>,
    /// Connections that were to be opened, where a test answers for the network; else nobody accepts any.
    pub connects: Option<Vec<(ConnectId, SocketAddr)>>,
    /// What was to be asked of the DNS.
    pub asked: Vec<(ResolveId, Question)>,
    /// Messages that are being recorded.
    messages: BTreeSet<RecordingId>,
    /// Who is bridged to whom, and who is in which mix.
    pub mixer: Mixer,
    ports: BTreeMap<StreamId, PortId>,
    replies: BTreeMap<RequestId, Reply>,
    later: VecDeque<Input>,
    count: u32,
}

/// One end of a dialog, as a phone sees it.
#[derive(Debug, Clone)]
pub struct Dialog {
    pub at: &'static str,
    pub call_id: String,
    pub local: String,
    pub remote: String,
    pub target: String,
    pub cseq: u32,
    branch: String,
}

pub fn sdp(at: &str) -> String {
    let ip = address(at).ip();
    format!(
        "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101\r\n\
         a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    )
}

fn with_body(head: String, body: &str) -> String {
    let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!("{head}{content}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn parsed(text: &str) -> Message {
    Message::parse(text.as_bytes().to_vec().into()).unwrap()
}

fn header<'a>(text: &'a str, name: &str) -> &'a str {
    let line = text.lines().find(|line| {
        line.split_once(':').is_some_and(|(own, _)| own.trim().eq_ignore_ascii_case(name))
    });
    line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
}

impl Exchange {
    pub fn new(config: Config) -> Self {
        Self::restored(config, Restored::default())
    }

    pub fn restored(config: Config, restored: Restored) -> Self {
        let listener =
            Listener { transport: sip::Transport::Udp, address: address("192.0.2.1:5060") };
        let listeners = vec![listener];
        let boot = Boot { seed: [1; 32], boot: 1, config, listeners, restored };
        let mut own = Self {
            switch: Switch::new(),
            now: 0,
            sent: VecDeque::new(),
            events: Vec::new(),
            records: Vec::new(),
            recordings: 0,
            pauses: Vec::new(),
            keys: Vec::new(),
            bridges: Vec::new(),
            configured: BTreeMap::new(),
            playing: BTreeMap::new(),
            mails: Vec::new(),
            robots: Vec::new(),
            connects: None,
            asked: Vec::new(),
            messages: BTreeSet::new(),
            mixer: Mixer::default(),
            ports: BTreeMap::new(),
            replies: BTreeMap::new(),
            later: VecDeque::new(),
            count: 0,
        };
        own.input(Input::Boot(Box::new(boot)));
        let ports = (0..64).map(port).collect();
        own.input(Input::MediaPorts { worker: WorkerId(0), ports });
        own
    }

    pub fn input(&mut self, input: Input) {
        self.later.push_back(input);
        while let Some(input) = self.later.pop_front() {
            self.switch.handle(moment(self.now), input);
            while let Some(effect) = self.switch.poll_effect() {
                self.carry_out(effect);
            }
            assert_eq!(self.switch.audit(), Vec::<String>::new());
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Send { flow, bytes } => {
                let text = String::from_utf8(bytes.to_vec()).unwrap();
                self.sent.push_back((flow.remote, text));
            }
            Effect::Publish(event) => self.events.push(event.kind),
            Effect::Persist { commit, records } => {
                self.records.extend(records);
                self.later.push_back(Input::Stored { commits: vec![commit], ok: true });
            }
            Effect::Media { order, .. } => self.order(order),
            Effect::SendMail(mail) => self.mails.push(*mail),
            Effect::Robot(order) => self.robots.push(order),
            Effect::Connect { id, remote, .. } => match &mut self.connects {
                Some(connects) => connects.push((id, remote)),
                None => {
                    let flow = tcp(&remote.to_string(), 0);
                    self.later.push_back(Input::FlowClosed { flow, connect: Some(id) });
                }
            },
            Effect::Resolve { id, question } => self.asked.push((id, question)),
            Effect::Reply { id, reply } => {
                assert!(self.replies.insert(id, *reply).is_none(), "two replies to {id}");
            }
            _ => {}
        }
    }

    /// What a media worker would do.
    fn order(&mut self, order: Order) {
        self.mixer.order(&order);
        match order {
            Order::Open { stream, port, .. } => {
                self.ports.insert(stream, port);
            }
            Order::Play { stream, play, prompts, repeat } => {
                self.playing.insert(stream, (play, prompts, repeat));
            }
            Order::StopPlay { stream } => {
                self.playing.remove(&stream);
            }
            Order::Configure { stream, config } => {
                self.configured.insert(stream, config);
            }
            Order::Bridge { a, b } => self.bridges.push((a, b)),
            Order::Record { .. } | Order::RecordMix { .. } => self.recordings += 1,
            Order::RecordVoice { recording, .. } => {
                self.recordings += 1;
                self.messages.insert(recording);
            }
            Order::SendDtmf { stream, digits, .. } => {
                self.keys.extend(digits.chars().map(|digit| (stream, digit)));
            }
            Order::PauseRecord { .. } => self.pauses.push(true),
            Order::ResumeRecord { .. } => self.pauses.push(false),
            Order::StopRecord { recording } => {
                let spoken = VoiceEnd { reason: VoiceEndReason::Stopped, sound_ms: 5_000 };
                let event = MediaEvent::RecordingEnded {
                    recording,
                    length_ms: 6_000,
                    bytes: 96_044,
                    error: None,
                    voice: self.messages.remove(&recording).then_some(spoken),
                };
                self.later.push_back(Input::MediaEvent { worker: WorkerId(0), event });
            }
            Order::Close { stream } => {
                self.playing.remove(&stream);
                let event = MediaEvent::Closed { stream, report: Default::default() };
                self.later.push_back(Input::MediaEvent { worker: WorkerId(0), event });
                if let Some(id) = self.ports.remove(&stream) {
                    let ports = vec![port(id.0 as u16)];
                    self.later.push_back(Input::MediaPorts { worker: WorkerId(0), ports });
                }
            }
            _ => {}
        }
    }

    /// Lets time pass, tick by tick.
    pub fn run(&mut self, seconds: u64) {
        self.run_ms(seconds * 1000);
    }

    pub fn run_ms(&mut self, ms: u64) {
        let end = self.now + ms * (SECOND / 1000);
        while let Some(deadline) = self.switch.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(deadline);
            self.input(Input::Tick);
        }
        self.now = end;
    }

    /// Nothing happens for a while, not even a tick, as on a machine that sleeps.
    pub fn oversleep(&mut self, seconds: u64) {
        self.now += seconds * SECOND;
        self.input(Input::Tick);
    }

    pub fn receive(&mut self, at: &str, text: &str) {
        let bytes = text.to_owned().into_bytes().into();
        self.input(Input::Packet { flow: udp(at), bytes });
    }

    /// Takes the first message to this address that begins so; `None` if there is none.
    pub fn take(&mut self, at: &str, begins: &str) -> Option<String> {
        let wanted =
            |(to, text): &(SocketAddr, String)| *to == address(at) && text.starts_with(begins);
        let index = self.sent.iter().position(wanted)?;
        self.sent.remove(index).map(|(_, text)| text)
    }

    #[track_caller]
    pub fn expect(&mut self, at: &str, begins: &str) -> String {
        self.take(at, begins).unwrap_or_else(|| {
            let first = |(to, text): &(SocketAddr, String)| {
                format!("{to} {}", text.lines().next().unwrap_or(""))
            };
            let sent: Vec<String> = self.sent.iter().map(first).collect();
            panic!("no {begins:?} to {at}; sent were {sent:#?}")
        })
    }

    pub fn fresh(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    /// A phone registers.
    pub fn register(&mut self, number: &str, at: &'static str) {
        self.register_for(number, at, 3600);
    }

    pub fn register_for(&mut self, number: &str, at: &'static str, expires: u32) {
        assert!(self.registers(number, "secret", at, expires), "{number} could not register");
    }

    /// A phone answers what was taken back from it: that is acknowledged and ended.
    #[track_caller]
    pub fn answer_crosses(&mut self, at: &'static str, invite: &str) {
        self.respond(at, invite, 200, &sdp(at));
        self.expect(at, "ACK ");
        let bye = self.expect(at, "BYE ");
        self.respond(at, &bye, 200, "");
    }

    /// A phone registers that says to be at `contact` and speaks from `at`.
    pub fn register_from(&mut self, number: &str, contact: &str, at: &'static str) {
        assert!(self.registers_at(number, "secret", contact, at, 3600));
    }

    /// Whether a phone with this password may register.
    pub fn registers(
        &mut self,
        number: &str,
        password: &str,
        at: &'static str,
        expires: u32,
    ) -> bool {
        self.registers_at(number, password, at, at, expires)
    }

    fn registers_at(
        &mut self,
        number: &str,
        password: &str,
        contact: &str,
        at: &'static str,
        expires: u32,
    ) -> bool {
        let user = format!("9031046856{number}");
        let mut authorization = String::new();
        for _ in 0..2 {
            let cseq = self.fresh();
            let head = format!(
                "REGISTER sip:pbx.example SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bKr{cseq};rport\r\n\
                 Max-Forwards: 70\r\nFrom: <sip:{user}@pbx.example>;tag=r{cseq}\r\n\
                 To: <sip:{user}@pbx.example>\r\nCall-ID: reg-{at}\r\nCSeq: {cseq} REGISTER\r\n\
                 Contact: <sip:{number}@{contact}>\r\nExpires: {expires}\r\n{authorization}"
            );
            self.receive(at, &with_body(head, ""));
            let reply = self.expect(at, "SIP/2.0 ");
            if reply.starts_with("SIP/2.0 200") {
                return true;
            }
            let challenge = parsed(&reply);
            let own = Credentials {
                username: user.as_str().into(),
                password: password.into(),
                realm: None,
            };
            let uri = "sip:pbx.example";
            let done =
                answer(challenge.www_authenticate(), "REGISTER", uri, b"", &own, "c").unwrap();
            authorization = format!("Authorization: {}\r\n", done.value);
        }
        false
    }

    /// A carrier calls one of our numbers.
    pub fn call_in(&mut self, at: &'static str, from: &str, number: &str) -> Dialog {
        self.call_in_with(at, from, number, "")
    }

    /// ... with these header lines.
    pub fn call_in_with(
        &mut self,
        at: &'static str,
        from: &str,
        number: &str,
        more: &str,
    ) -> Dialog {
        let n = self.fresh();
        let target = format!("sip:{number}@192.0.2.1");
        let dialog = Dialog {
            at,
            call_id: format!("in-{n}"),
            local: format!("\"Caller {from}\" <sip:{from}@carrier.example>;tag=c{n}"),
            remote: format!("<{target}>"),
            target,
            cseq: 1,
            branch: format!("z9hG4bKi{n}"),
        };
        let text = self.request_text(&dialog, "INVITE", more, &sdp(at));
        self.receive(at, &text);
        dialog
    }

    /// A registered phone calls.
    pub fn call_from(&mut self, number: &str, at: &'static str, dialled: &str) -> Dialog {
        self.call_with(number, at, dialled, "")
    }

    /// ... and says more in its INVITE.
    pub fn call_with(
        &mut self,
        number: &str,
        at: &'static str,
        dialled: &str,
        more: &str,
    ) -> Dialog {
        let n = self.fresh();
        let user = format!("9031046856{number}");
        let target = format!("sip:{dialled}@pbx.example");
        let mut dialog = Dialog {
            at,
            call_id: format!("out-{n}"),
            local: format!("<sip:{user}@pbx.example>;tag=p{n}"),
            remote: format!("<{target}>"),
            target: target.clone(),
            cseq: 1,
            branch: format!("z9hG4bKo{n}"),
        };
        let text = self.request_text(&dialog, "INVITE", "", &sdp(at));
        self.receive(at, &text);
        let reply = self.expect(at, "SIP/2.0 407");
        let mut ack = dialog.clone();
        ack.remote = header(&reply, "To").to_owned();
        let text = self.request_text(&ack, "ACK", "", "");
        self.receive(at, &text);
        let own =
            Credentials { username: user.as_str().into(), password: "secret".into(), realm: None };
        let challenge = parsed(&reply);
        let body = sdp(at);
        let done =
            answer(challenge.proxy_authenticate(), "INVITE", &target, body.as_bytes(), &own, "c")
                .unwrap();
        dialog.cseq += 1;
        dialog.branch += "b";
        let more = format!("{more}Proxy-Authorization: {}\r\n", done.value);
        let text = self.request_text(&dialog, "INVITE", &more, &body);
        self.receive(at, &text);
        dialog
    }

    fn request_text(&mut self, dialog: &Dialog, method: &str, more: &str, body: &str) -> String {
        let Dialog { at, call_id, local, remote, target, cseq, branch } = dialog;
        let head = format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch={branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: {local}\r\nTo: {remote}\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:x@{at}>\r\n{more}"
        );
        with_body(head, body)
    }

    /// The caller gives up before the answer.
    pub fn cancel(&mut self, dialog: &Dialog) {
        let text = self.request_text(dialog, "CANCEL", "", "");
        self.receive(dialog.at, &text);
    }

    /// The caller acknowledges the failure of its INVITE.
    pub fn respond_ack(&mut self, dialog: &Dialog) {
        let text = self.request_text(dialog, "ACK", "", "");
        self.receive(dialog.at, &text);
    }

    /// The caller takes the switch's 200 and acknowledges it.
    #[track_caller]
    pub fn confirm(&mut self, dialog: &mut Dialog) {
        let ok = self.expect(dialog.at, "SIP/2.0 200");
        assert!(header(&ok, "CSeq").ends_with("INVITE"), "{ok}");
        dialog.remote = header(&ok, "To").to_owned();
        let contact = header(&ok, "Contact").trim_start_matches('<');
        dialog.target = contact.split('>').next().unwrap_or("").to_owned();
        dialog.branch += "a";
        let text = self.request_text(dialog, "ACK", "", "");
        self.receive(dialog.at, &text);
    }

    /// A request within a dialog; the answer is not looked at.
    pub fn request(&mut self, dialog: &mut Dialog, method: &str, more: &str, body: &str) {
        dialog.cseq += 1;
        dialog.branch += "r";
        let text = self.request_text(dialog, method, more, body);
        self.receive(dialog.at, &text);
    }

    /// The caller gives up before the answer, and sees the 200.
    #[track_caller]
    pub fn give_up(&mut self, dialog: &Dialog) {
        self.cancel(dialog);
        let answers = |(to, text): &(SocketAddr, String)| {
            *to == address(dialog.at)
                && text.starts_with("SIP/2.0 200")
                && header(text, "CSeq").ends_with("CANCEL")
        };
        let index = self.sent.iter().position(answers).expect("the CANCEL is answered");
        self.sent.remove(index);
    }

    /// A phone stops ringing, since somebody else has the call.
    #[track_caller]
    pub fn stops_ringing(&mut self, at: &'static str, invite: &str) {
        let cancel = self.expect(at, "CANCEL ");
        assert!(cancel.contains("Reason: SIP;cause=200"), "{cancel}");
        self.respond(at, &cancel, 200, "");
        self.respond(at, invite, 487, "");
        self.expect(at, "ACK ");
    }

    /// The live calls' ids.
    pub fn live(&mut self) -> Vec<CallId> {
        match self.query(Query::Calls { offset: 0, limit: 200 }) {
            Reply::Calls(page) => page.items.into_iter().map(|view| view.record.call).collect(),
            other => panic!("{other:?}"),
        }
    }

    /// Hangs up, and sees the 200.
    #[track_caller]
    pub fn hang_up(&mut self, dialog: &mut Dialog) {
        self.request(dialog, "BYE", "", "");
        self.expect(dialog.at, "SIP/2.0 200");
    }

    /// A phone's response to a request that it got.
    pub fn respond(&mut self, at: &'static str, request: &str, status: u16, body: &str) -> Dialog {
        self.respond_from(at, request, status, &format!("sip:x@{at}"), body)
    }

    /// A phone sends its caller elsewhere.
    pub fn redirect(&mut self, at: &'static str, request: &str, contact: &str) {
        self.respond_from(at, request, 302, contact, "");
    }

    fn respond_from(
        &mut self,
        at: &'static str,
        request: &str,
        status: u16,
        contact: &str,
        body: &str,
    ) -> Dialog {
        let tag = format!(";tag=u{}", header(request, "Call-ID"));
        let to = match header(request, "To") {
            to if to.contains("tag=") => to.to_owned(),
            to => format!("{to}{tag}"),
        };
        let vias: Vec<&str> = request.lines().filter(|line| line.starts_with("Via:")).collect();
        let head = format!(
            "SIP/2.0 {status} X\r\n{}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Contact: <{contact}>\r\n",
            vias.join("\r\n"),
            header(request, "From"),
            header(request, "Call-ID"),
            header(request, "CSeq"),
        );
        let text = with_body(head, body);
        self.receive(at, &text);
        let contact = header(request, "Contact").trim_start_matches('<');
        Dialog {
            at,
            call_id: header(request, "Call-ID").to_owned(),
            local: to,
            remote: header(request, "From").to_owned(),
            target: contact.split('>').next().unwrap_or("").to_owned(),
            cseq: 100,
            branch: format!("z9hG4bKu{}", self.count),
        }
    }

    /// The phone at this address takes the call that rings there.
    #[track_caller]
    pub fn pick_up(&mut self, at: &'static str) -> Dialog {
        let invite = self.expect(at, "INVITE ");
        self.respond(at, &invite, 180, "");
        let dialog = self.respond(at, &invite, 200, &sdp(at));
        self.expect(at, "ACK ");
        dialog
    }

    /// Everything that is being said comes to its end, and what follows from that as well; music goes on.
    pub fn hear_out(&mut self) {
        while let Some(stream) =
            self.playing.iter().find(|(_, (_, _, repeat))| !repeat).map(|(stream, _)| *stream)
        {
            let Some((play, _, _)) = self.playing.remove(&stream) else { return };
            let event = MediaEvent::PlayEnded { stream, play, error: None };
            self.input(Input::MediaEvent { worker: WorkerId(0), event });
        }
    }

    /// All prompts that play now.
    pub fn heard(&self) -> Vec<String> {
        self.playing.values().flat_map(|(_, prompts, _)| prompts.clone()).collect()
    }

    /// Whom a phone hears, by the addresses of their media; prompts instead where any play to it.
    pub fn hears(&self, at: &str) -> Vec<String> {
        let ip = address(at).ip();
        let streams = self
            .configured
            .iter()
            .filter(|(_, own)| own.remote_rtp.is_some_and(|own| own.ip() == ip));
        let open = streams.map(|(stream, _)| *stream).filter(|own| self.ports.contains_key(own));
        let mut heard: Vec<String> = Vec::new();
        for stream in open {
            match self.playing.get(&stream) {
                Some((_, prompts, _)) => heard.extend(prompts.clone()),
                None => heard.extend(self.mixer.hears(stream).iter().filter_map(|from| {
                    let remote = self.configured.get(from)?.remote_rtp?;
                    Some(remote.ip().to_string())
                })),
            }
        }
        heard.sort();
        heard
    }

    /// Keys pressed in a dialog, by INFO.
    pub fn press(&mut self, dialog: &mut Dialog, keys: &str) {
        for key in keys.chars() {
            dialog.cseq += 1;
            dialog.branch += "k";
            let Dialog { at, call_id, local, remote, target, cseq, branch } = dialog.clone();
            let body = format!("Signal={key}\r\nDuration=160\r\n");
            let text = format!(
                "INFO {target} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch={branch};rport\r\n\
                 Max-Forwards: 70\r\nFrom: {local}\r\nTo: {remote}\r\nCall-ID: {call_id}\r\n\
                 CSeq: {cseq} INFO\r\nContent-Type: application/dtmf-relay\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            self.receive(at, &text);
            self.expect(at, "SIP/2.0 200");
        }
    }

    pub fn principal(role: Role) -> Principal {
        Principal { tenant: "demo".into(), role, name: "test".into(), extension: None, agent: None }
    }

    pub fn command_by(&mut self, principal: Principal, command: Command) -> Reply {
        let id = RequestId(self.fresh().into());
        self.input(Input::Command { id, principal, command });
        self.replies.remove(&id).expect("one reply")
    }

    pub fn command(&mut self, command: Command) -> Reply {
        self.command_by(Self::principal(Role::Admin), command)
    }

    pub fn query(&mut self, query: Query) -> Reply {
        self.query_by(Self::principal(Role::Admin), query)
    }

    pub fn query_by(&mut self, principal: Principal, query: Query) -> Reply {
        let id = RequestId(self.fresh().into());
        self.input(Input::Query { id, principal, query });
        self.replies.remove(&id).expect("one reply")
    }

    /// The records of calls that are over, in order.
    pub fn closed(&self) -> Vec<CallRecord> {
        let closed = |record: &Record| match record {
            Record::CallClosed(call) => Some((**call).clone()),
            _ => None,
        };
        self.records.iter().filter_map(closed).collect()
    }

    /// Nothing is left of any call once time has passed.
    #[track_caller]
    pub fn drains(&mut self) {
        self.run(120);
        assert!(self.switch.is_idle(), "{}", self.switch.remains());
    }
}

fn port(n: u16) -> Port {
    Port {
        id: PortId(n.into()),
        rtp: format!("192.0.2.1:{}", 16384 + 2 * n).parse().unwrap(),
        rtcp: format!("192.0.2.1:{}", 16385 + 2 * n).parse().unwrap(),
    }
}
