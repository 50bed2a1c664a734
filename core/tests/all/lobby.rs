//! Mailboxes and menus in the whole switch, with a carrier's raw messages and a media worker by hand.

use media::order::{
    MediaEvent, Order, Port, PortId, StreamId, StreamReport, VoiceEnd, VoiceEndReason,
};
use strowger_core::Switch;
use strowger_core::vocab::config::Destination;
use strowger_core::vocab::input::{Input, Listener};
use strowger_core::vocab::mailbox::{Delivery, MailRecord, Mailbox, MailboxOrder, MessageRecord};
use strowger_core::vocab::menu::{Menu, MenuOrder};
use strowger_core::vocab::{
    Boot, Command, CommandError, CommitId, Config, Done, Effect, MailboxKey, MenuKey, Principal,
    Query, Record, Reply, RequestId, Restored, Role, WorkerId,
};

use crate::attended_phone::sdp;
use crate::common::*;

const CARRIER: &str = "192.0.2.10:5060";
const MAILBOX: &str = "057126200672";
const MENU: &str = "057126200673";

struct Host {
    switch: Switch,
    now: u64,
    sent: Vec<String>,
    orders: Vec<Order>,
    records: Vec<Record>,
    mails: Vec<MailRecord>,
    replies: Vec<Reply>,
    stored: bool,
    cseq: u32,
}

fn config() -> Config {
    let mut config = two_companies();
    let own = MailboxKey { tenant: "demo".into(), number: "4567".into() };
    let mailto = "a@b.example".into();
    config.mailboxes.push(Mailbox { key: own.clone(), pin: None, mailto, attach: true });
    config.voicemail.max_messages = 2;
    let menu = |name: &str| MenuKey { tenant: "demo".into(), name: name.into() };
    let mut main = Menu::named(menu("main"));
    main.greeting = Some("en/welcome".into());
    main.keys.insert('1', Destination::Voicemail(own.clone()));
    main.keys.insert('2', Destination::Ivr(menu("main")));
    main.direct_dial = true;
    config.menus.push(main);
    let carrier = || trunk_key("demo", "carrier");
    config.numbers.push(number(carrier(), MAILBOX, Destination::Voicemail(own)));
    config.numbers.push(number(carrier(), MENU, Destination::Ivr(menu("main"))));
    config
}

impl Host {
    fn new(config: Config, restored: Restored) -> Self {
        let listener =
            Listener { transport: sip::Transport::Udp, address: address("192.0.2.1:5060") };
        let listeners = vec![listener];
        let boot = Boot { seed: [1; 32], boot: 1, config, listeners, restored };
        let mut host = Self {
            switch: Switch::new(),
            now: 0,
            sent: Vec::new(),
            orders: Vec::new(),
            records: Vec::new(),
            mails: Vec::new(),
            replies: Vec::new(),
            stored: true,
            cseq: 1,
        };
        host.input(Input::Boot(Box::new(boot)));
        let port = |n: u16| Port {
            id: PortId(n.into()),
            rtp: format!("192.0.2.1:{}", 16_384 + 2 * n).parse().unwrap(),
            rtcp: format!("192.0.2.1:{}", 16_385 + 2 * n).parse().unwrap(),
        };
        let ports = (0..64).map(port).collect();
        host.input(Input::MediaPorts { worker: WorkerId(0), ports });
        host
    }

    fn input(&mut self, input: Input) {
        self.switch.handle(moment(self.now), input);
        let (mut commits, mut closed): (Vec<CommitId>, Vec<StreamId>) = Default::default();
        while let Some(effect) = self.switch.poll_effect() {
            match effect {
                Effect::Send { bytes, .. } => {
                    self.sent.push(String::from_utf8(bytes.to_vec()).unwrap());
                }
                Effect::Media { order, .. } => {
                    if let Order::Close { stream } = order {
                        closed.push(stream);
                    }
                    self.orders.push(order);
                }
                Effect::Persist { commit, records } => {
                    self.records.extend(records);
                    commits.push(commit);
                }
                Effect::SendMail(mail) => self.mails.push(*mail),
                Effect::Reply { reply, .. } => self.replies.push(*reply),
                _ => {}
            }
        }
        assert_eq!(self.switch.audit(), Vec::<String>::new());
        for commit in commits {
            self.input(Input::Stored { commits: vec![commit], ok: self.stored });
        }
        for stream in closed {
            let report = StreamReport::default();
            self.media(MediaEvent::Closed { stream, report });
        }
    }

    fn wait(&mut self, seconds: u64) {
        let end = self.now + seconds * SECOND;
        while let Some(deadline) = self.switch.next_deadline().filter(|at| *at <= end) {
            self.now = self.now.max(deadline);
            self.input(Input::Tick);
        }
        self.now = end;
    }

    fn send(&mut self, method: &str, to: &str, tag: &str, more: &str, body: &str) {
        self.sent.clear();
        let cseq = if method == "ACK" { self.cseq } else { self.cseq + 1 };
        self.cseq = cseq;
        let text = format!(
            "{method} sip:{to}@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {CARRIER};branch=z9hG4bK{method}{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: \"Bo\" <sip:01088886666@192.0.2.10>;tag=c\r\n\
             To: <sip:{to}@192.0.2.1>{tag}\r\nCall-ID: {to}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:c@{CARRIER}>\r\n{more}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.input(Input::Packet { flow: udp(CARRIER), bytes: text.into_bytes().into() });
    }

    /// The carrier calls and is answered; returns our tag.
    fn call(&mut self, to: &str) -> String {
        let body = sdp("192.0.2.10", &[8, 101]);
        self.send("INVITE", to, "", "Content-Type: application/sdp\r\n", &body);
        let answer = self.sent.iter().find(|text| text.starts_with("SIP/2.0 200"));
        let answer = answer.unwrap_or_else(|| panic!("no answer: {:#?}", self.sent)).clone();
        let line = answer.lines().find_map(|line| line.strip_prefix("To: ")).unwrap();
        let tag = format!(";tag={}", line.split_once(";tag=").unwrap().1);
        self.send("ACK", to, &tag, "", "");
        tag
    }

    fn stream(&self) -> StreamId {
        let opened = self.orders.iter().rev().find_map(|order| match order {
            Order::Play { stream, .. } => Some(*stream),
            _ => None,
        });
        opened.expect("something plays")
    }

    /// The prompts that play, and their end.
    fn hears(&self) -> Vec<String> {
        let last = self.orders.iter().rev().find_map(|order| match order {
            Order::Play { prompts, .. } => Some(prompts.clone()),
            _ => None,
        });
        last.unwrap_or_default()
    }

    fn played(&mut self) {
        let last = self.orders.iter().rev().find_map(|order| match order {
            Order::Play { stream, play, .. } => Some((*stream, *play)),
            _ => None,
        });
        let (stream, play) = last.unwrap();
        self.media(MediaEvent::PlayEnded { stream, play, error: None });
    }

    fn media(&mut self, event: MediaEvent) {
        self.input(Input::MediaEvent { worker: WorkerId(0), event });
    }

    fn presses(&mut self, digit: char) {
        let stream = self.stream();
        self.media(MediaEvent::Dtmf { stream, digit, duration_ms: 100 });
    }

    /// The recording that runs ends with so much sound.
    fn recorded(&mut self, sound_ms: u64) -> String {
        let last = self.orders.iter().rev().find_map(|order| match order {
            Order::RecordVoice { recording, path, .. } => Some((*recording, path.clone())),
            _ => None,
        });
        let (recording, path) = last.expect("a recording");
        let voice = Some(VoiceEnd { reason: VoiceEndReason::Stopped, sound_ms });
        let (length_ms, bytes, error) = (sound_ms + 500, 64_044, None);
        self.media(MediaEvent::RecordingEnded { recording, length_ms, bytes, error, voice });
        path
    }

    fn messages(&self) -> Vec<&MessageRecord> {
        let kept = self.records.iter().filter_map(|record| match record {
            Record::Message(message) => Some(&**message),
            _ => None,
        });
        kept.collect()
    }

    fn order(&mut self, role: Role, command: Command) -> Result<Done, CommandError> {
        self.input(Input::Command { id: RequestId(1), principal: principal(role), command });
        match self.replies.pop() {
            Some(Reply::Command(done)) => done,
            other => panic!("{other:?}"),
        }
    }

    fn ask(&mut self, role: Role, query: Query) -> Reply {
        self.input(Input::Query { id: RequestId(1), principal: principal(role), query });
        self.replies.pop().expect("a reply")
    }
}

fn principal(role: Role) -> Principal {
    let extension = (role == Role::User).then(|| "4568".to_owned());
    Principal { tenant: "demo".into(), role, name: "k".into(), extension, agent: None }
}

fn listed(host: &mut Host) -> Vec<MessageRecord> {
    let query = Query::Messages { mailbox: "4567".into(), offset: 0, limit: 10 };
    match host.ask(Role::Supervisor, query) {
        Reply::Messages(page) => page.items,
        other => panic!("{other:?}"),
    }
}

/// A caller leaves a message and hangs up.
fn leave(host: &mut Host) -> String {
    let tag = host.call(MAILBOX);
    host.played();
    host.wait(5);
    host.send("BYE", MAILBOX, &tag, "", "");
    host.recorded(4_000)
}

#[test]
fn a_message_is_recorded_kept_mailed_and_listed() {
    let mut host = Host::new(config(), Restored::default());
    host.call(MAILBOX);
    assert_eq!(host.hears(), ["en/unavailable", "en/voicemail/leave-message", "tones/beep"]);
    host.played();
    host.wait(6);
    host.presses('#');
    assert!(host.orders.iter().any(|order| matches!(order, Order::StopRecord { .. })));
    let path = host.recorded(4_000);
    let message = host.messages()[0].clone();
    assert_eq!((message.number.as_str(), message.length_ms), ("01088886666", 4_500));
    assert_eq!(message.path, path);
    assert!(path.starts_with("voicemail/demo/4567/"), "{path}");
    assert_eq!(host.hears()[0], "en/voicemail/message-saved");
    host.presses('1');
    host.played();
    let bye = |text: &String| text.starts_with("BYE ");
    assert!(host.sent.iter().any(bye), "{:#?}", host.sent);
    assert_eq!(host.mails.len(), 1);
    assert_eq!((host.mails[0].to.as_str(), host.mails[0].attach), ("a@b.example", true));
    let list = listed(&mut host);
    assert_eq!((list.len(), list[0].id, list[0].urgent), (1, message.id, true));
}

#[test]
fn mail_that_fails_is_sent_again() {
    let mut host = Host::new(config(), Restored::default());
    leave(&mut host);
    let mail = host.mails.pop().unwrap();
    let delivery = Delivery::Later("away".into());
    host.input(Input::Mailed { id: mail.id, delivery });
    host.wait(29);
    assert!(host.mails.is_empty());
    host.wait(2);
    assert_eq!(host.mails.pop().as_ref(), Some(&mail));
    host.input(Input::Mailed { id: mail.id, delivery: Delivery::Taken });
    assert!(host.records.contains(&Record::MailDone(mail.id)));
    host.wait(7_200);
    assert!(host.mails.is_empty());
}

#[test]
fn silence_leaves_nothing_and_a_full_mailbox_takes_nothing() {
    let mut host = Host::new(config(), Restored::default());
    let tag = host.call(MAILBOX);
    host.played();
    host.send("BYE", MAILBOX, &tag, "", "");
    let path = host.recorded(300);
    assert!(host.messages().is_empty() && host.mails.is_empty());
    assert!(host.orders.contains(&Order::RemoveRecording { path }));
    leave(&mut host);
    leave(&mut host);
    host.call(MAILBOX);
    assert_eq!(host.hears()[0], "en/voicemail/mailbox-full");
    assert_eq!(listed(&mut host).len(), 2);
}

#[test]
fn messages_are_marked_and_deleted_by_those_who_may() {
    let mut host = Host::new(config(), Restored::default());
    let path = leave(&mut host);
    let id = listed(&mut host)[0].id;
    let order = |order| Command::Mailbox { mailbox: "4567".into(), order };
    for (role, hidden) in [(Role::ReadOnly, false), (Role::User, true)] {
        let refused = host.order(role, order(MailboxOrder::Delete(id)));
        assert_eq!(matches!(refused, Err(CommandError::NotFound(_))), hidden, "{refused:?}");
        assert!(refused.is_err());
    }
    assert_eq!(host.order(Role::Admin, order(MailboxOrder::Heard(id, true))), Ok(Done::Ordered));
    assert!(listed(&mut host)[0].heard);
    assert_eq!(host.order(Role::Admin, order(MailboxOrder::Delete(id))), Ok(Done::Ordered));
    assert!(listed(&mut host).is_empty());
    assert!(host.records.contains(&Record::MessageDeleted(id)));
    assert!(host.orders.contains(&Order::RemoveRecording { path }));
    let gone = host.order(Role::Admin, order(MailboxOrder::Delete(id)));
    assert!(matches!(gone, Err(CommandError::NotFound(_))));
}

#[test]
fn a_menu_is_walked_by_events_and_by_info() {
    let mut host = Host::new(config(), Restored::default());
    let tag = host.call(MENU);
    assert_eq!(host.hears(), ["en/welcome"]);
    host.presses('7');
    assert_eq!(host.hears(), ["en/menu/invalid", "en/welcome"]);
    let body = "Signal=1\r\nDuration=160\r\n";
    host.send("INFO", MENU, &tag, "Content-Type: application/dtmf-relay\r\n", body);
    assert_eq!(host.hears()[0], "en/unavailable", "key 1 leads to the mailbox");
}

#[test]
fn menus_that_lead_to_each_other_come_to_an_end() {
    let mut host = Host::new(config(), Restored::default());
    host.call(MENU);
    let mut rounds = 0;
    while host.hears() == ["en/welcome"] && rounds < 100 {
        host.presses('2');
        rounds += 1;
    }
    assert_eq!(rounds, 20);
}

#[test]
fn menus_are_defined_over_http_and_those_of_the_file_are_not() {
    let mut host = Host::new(config(), Restored::default());
    let key = MenuKey { tenant: "demo".into(), name: "night".into() };
    let mut menu = Menu::named(key.clone());
    menu.timeout_to = Some(Destination::Echo);
    let put = |menu: &Menu| Command::Menu(MenuOrder::Put(Box::new(menu.clone())));
    assert!(matches!(host.order(Role::Supervisor, put(&menu)), Err(CommandError::Forbidden(_))));
    assert_eq!(host.order(Role::Admin, put(&menu)), Ok(Done::Defined));
    assert!(host.records.contains(&Record::MenuDefined(Box::new(menu.clone()))));
    let found = host.ask(Role::ReadOnly, Query::Menu("night".into()));
    assert!(matches!(found, Reply::Menu(view) if !view.from_file && view.open));
    menu.key.name = "main".into();
    assert!(matches!(host.order(Role::Admin, put(&menu)), Err(CommandError::Conflict(_))));
    let delete = |name: &str| Command::Menu(MenuOrder::Delete(name.into()));
    assert!(matches!(host.order(Role::Admin, delete("main")), Err(CommandError::Conflict(_))));
    menu.key.name = "bad".into();
    menu.timeout_to = Some(Destination::Extension(key_of("9999")));
    assert!(matches!(host.order(Role::Admin, put(&menu)), Err(CommandError::Invalid(_))));
    host.stored = false;
    let lost = host.order(Role::Admin, delete("night"));
    assert!(matches!(lost, Err(CommandError::Busy { .. })), "not on disk, not promised");
}

fn key_of(number: &str) -> strowger_core::vocab::ExtensionKey {
    key("demo", number)
}
