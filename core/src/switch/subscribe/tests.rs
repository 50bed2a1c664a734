//! Phones that watch mailboxes, in real messages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use sip::auth::{Credentials, answer};
use sip::{Flow, HeaderName, Message, Transport};

use crate::Switch;
use crate::vocab::config::{Config, Extension, SharedMailbox, Tenant};
use crate::vocab::input::Listener;
use crate::vocab::{
    Boot, Effect, ExtensionKey, Input, MailboxCounts, MailboxKey, Now, Restored, Secret,
};

const SECOND: u64 = 1_000_000_000;
const PHONE: &str = "198.51.100.7:5060";

fn flow(transport: Transport, generation: u32) -> Flow {
    let (local, remote) = ("192.0.2.1:5060".parse().unwrap(), PHONE.parse().unwrap());
    Flow { transport, local, remote, generation }
}

fn extension(number: &str) -> ExtensionKey {
    ExtensionKey { tenant: "demo".into(), number: number.into() }
}

fn mailbox(number: &str) -> MailboxKey {
    MailboxKey { tenant: "demo".into(), number: number.into() }
}

fn new(new: u32) -> MailboxCounts {
    MailboxCounts { new, ..MailboxCounts::default() }
}

fn account(tenant: &str, number: &str) -> Extension {
    let key = ExtensionKey { tenant: tenant.into(), number: number.into() };
    Extension::new(key, Secret::new("secret"))
}

fn config() -> Config {
    let tenant = |id: &str, prefix: &str| Tenant {
        id: id.into(),
        prefix: prefix.into(),
        ..Tenant::default()
    };
    let mut config = Config {
        tenants: vec![tenant("demo", "903"), tenant("other", "904")],
        extensions: vec![account("demo", "4567"), account("demo", "4568"), account("other", "70")],
        ..Config::default()
    };
    config.sip.domain = "pbx.example".into();
    config.sip.qualify_secs = 0;
    config.sip.keepalive_secs = 0;
    let shared = SharedMailbox { extension: extension("4567"), mailbox: mailbox("9001") };
    config.mwi.shared.push(shared);
    config
}

/// A switch, the phone at `PHONE`, and what the switch sends to it.
struct Host {
    switch: Switch,
    now: u64,
    flow: Flow,
    sent: Vec<(Flow, Message)>,
    branch: u32,
}

impl Host {
    fn new() -> Self {
        Self::with(config(), Vec::new())
    }

    fn with(config: Config, mailboxes: Vec<(MailboxKey, MailboxCounts)>) -> Self {
        let listeners = [Transport::Udp, Transport::Tcp]
            .map(|transport| Listener { transport, address: "192.0.2.1:5060".parse().unwrap() });
        let restored = Restored { mailboxes, ..Restored::default() };
        let boot = Boot { seed: [1; 32], boot: 1, config, listeners: listeners.to_vec(), restored };
        let flow = flow(Transport::Udp, 0);
        let switch = Switch::new();
        let mut host = Self { switch, now: SECOND, flow, sent: Vec::new(), branch: 0 };
        host.input(Input::Boot(Box::new(boot)));
        host
    }

    fn clock(&self) -> Now {
        Now { mono: self.now, wall: self.now / 1_000_000 }
    }

    fn input(&mut self, input: Input) {
        self.switch.handle(self.clock(), input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(effect) = self.switch.poll_effect() {
            if let Effect::Send { flow, bytes } = effect {
                self.sent.push((flow, Message::parse(bytes).unwrap()));
            }
        }
        assert_eq!(self.switch.audit(), Vec::<String>::new());
    }

    /// What was sent since the last look.
    fn take(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.sent).into_iter().map(|(_, message)| message).collect()
    }

    fn pass(&mut self, nanoseconds: u64) -> Vec<Message> {
        let end = self.now + nanoseconds;
        while let Some(deadline) = self.switch.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(deadline);
            self.input(Input::Tick);
        }
        self.now = end;
        self.take()
    }

    fn receive(&mut self, text: &str) -> Vec<Message> {
        let bytes = text.to_owned().into_bytes().into();
        self.input(Input::Packet { flow: self.flow, bytes });
        self.take()
    }

    /// The voicemail has so many messages from now on.
    fn set(&mut self, number: &str, counts: MailboxCounts) -> Vec<Message> {
        let now = self.clock();
        let running = self.switch.running.as_mut().unwrap();
        running.mwi.set_counts(now, mailbox(number), counts);
        running.settle(now);
        self.drain();
        self.take()
    }

    fn watchers(&self) -> usize {
        self.switch.running.as_ref().unwrap().watches.iter().count()
    }

    /// A request with a branch of its own; `to` with the dialog's tag, if there is one.
    fn request(&mut self, ask: &Wanted<'_>, more: &str) -> String {
        self.branch += 1;
        let Wanted { method, uri, user, call, cseq, to } = ask;
        let transport = self.flow.transport.as_via();
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{transport} {PHONE};branch=z9hG4bK{};rport\r\n\
             From: <sip:{user}@pbx.example>;tag=phone\r\nTo: {to}\r\nCall-ID: {call}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:me@{PHONE}>\r\n{more}Content-Length: 0\r\n\r\n",
            self.branch
        )
    }

    /// Sends a request and answers its challenge with this password.
    fn ask(&mut self, mut ask: Wanted<'_>, password: &str, more: &str) -> Vec<Message> {
        let first = self.request(&ask, more);
        let challenge = self.receive(&first).remove(0);
        let proxy = challenge.status() == Some(407);
        if !proxy && challenge.status() != Some(401) {
            return vec![challenge];
        }
        let own = Credentials { username: ask.user.into(), password: password.into(), realm: None };
        let header =
            if proxy { HeaderName::ProxyAuthenticate } else { HeaderName::WwwAuthenticate };
        let value = answer(challenge.auth(header), ask.method, ask.uri, b"", &own, "cn");
        let name = if proxy { "Proxy-Authorization" } else { "Authorization" };
        let more = format!("{more}{name}: {}\r\n", value.unwrap().value);
        ask.cseq += 1;
        let again = self.request(&ask, &more);
        self.receive(&again)
    }

    /// 4567 asks for this mailbox; what is sent to it.
    fn subscribe_to(&mut self, user: &str, call: &str) -> Vec<Message> {
        let uri = format!("sip:{user}@pbx.example");
        let ask = Wanted { uri: &uri, call, ..subscribe() };
        self.ask(ask, "secret", "Event: message-summary\r\n")
    }

    /// A subscription of 4567 whose first NOTIFY is answered; To with our tag, and that NOTIFY.
    fn subscribed(&mut self) -> (String, Message) {
        let sent = self.subscribe_to("9034567", "sub");
        let [ok, notify] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!(ok.status(), Some(200));
        assert!(self.reply(notify, 200).is_empty());
        (ok.header(HeaderName::To).unwrap().to_owned(), notify.clone())
    }

    fn register(&mut self) -> Vec<Message> {
        let uri = "sip:pbx.example";
        let to = "<sip:9034567@pbx.example>";
        self.branch += 1;
        let call = format!("reg{}", self.branch);
        let ask = Wanted { method: "REGISTER", uri, to, call: &call, ..subscribe() };
        let sent = self.ask(ask, "secret", "Expires: 600\r\n");
        assert_eq!(sent[0].status(), Some(200));
        sent
    }

    fn reply(&mut self, request: &Message, status: u16) -> Vec<Message> {
        let header = |name| request.header(name).unwrap();
        let text = format!(
            "SIP/2.0 {status} Text\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Content-Length: 0\r\n\r\n",
            header(HeaderName::Via),
            header(HeaderName::From),
            header(HeaderName::To),
            header(HeaderName::CallId),
            header(HeaderName::CSeq),
        );
        self.receive(&text)
    }
}

/// What a phone asks for.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    method: &'a str,
    uri: &'a str,
    user: &'a str,
    call: &'a str,
    cseq: u32,
    to: &'a str,
}

fn subscribe() -> Wanted<'static> {
    Wanted {
        method: "SUBSCRIBE",
        uri: "sip:9034567@pbx.example",
        user: "9034567",
        call: "sub",
        cseq: 1,
        to: "<sip:9034567@pbx.example>",
    }
}

/// The `Voice-Message` of the one NOTIFY in what was sent.
fn told(sent: &[Message]) -> String {
    let [notify] = sent else { panic!("{sent:?}") };
    assert_eq!(notify.header(HeaderName::Event), Some("message-summary"));
    let body = std::str::from_utf8(notify.body()).unwrap();
    let line = body.lines().find_map(|line| line.strip_prefix("Voice-Message: "));
    line.unwrap().to_owned()
}

fn state(notify: &Message) -> &str {
    notify.header(HeaderName::SubscriptionState).unwrap()
}

#[test]
fn a_phone_is_told_at_once_and_of_each_change() {
    let counts = MailboxCounts { new: 2, old: 8, urgent_new: 1, urgent_old: 0 };
    let mut host = Host::with(config(), vec![(mailbox("4567"), counts)]);
    let (_, first) = host.subscribed();
    let body = "Messages-Waiting: yes\r\nMessage-Account: sip:*97@pbx.example\r\n\
                Voice-Message: 2/8 (1/0)\r\n";
    assert_eq!((first.body(), state(&first)), (body.as_bytes(), "active;expires=3600"));
    host.pass(2 * SECOND);
    let second = host.set("4567", new(3));
    assert_eq!(told(&second), "3/0 (0/0)");
    host.reply(&second[0], 200);
    assert!(host.set("4567", new(3)).is_empty(), "nothing has changed");
    assert!(host.set("4568", new(9)).is_empty(), "somebody else's");
    // At most one a second, and then the latest.
    for count in [4, 5, 6] {
        assert!(host.set("4567", new(count)).is_empty());
    }
    assert!(host.pass(SECOND - 1).is_empty());
    assert_eq!(told(&host.pass(1)), "6/0 (0/0)");
}

#[test]
fn a_lost_notify_comes_again_and_the_latest_counts_after_it() {
    let mut host = Host::new();
    host.subscribed();
    host.pass(2 * SECOND);
    let lost = host.set("4567", new(1));
    let again = host.pass(SECOND / 2);
    assert_eq!(again[0].to_bytes(), lost[0].to_bytes());
    assert!(host.set("4567", new(2)).is_empty());
    let copies = host.pass(3 * SECOND);
    assert!(copies.iter().all(|copy| copy.to_bytes() == lost[0].to_bytes()) && copies.len() == 2);
    let next = host.reply(&lost[0], 200);
    assert_eq!(told(&next), "2/0 (0/0)");
    host.reply(&next[0], 200);
    assert!(host.pass(20 * SECOND).is_empty());
}

#[test]
fn a_phone_without_power_is_given_up() {
    let mut host = Host::new();
    let (to, _) = host.subscribed();
    host.pass(2 * SECOND);
    host.set("4567", new(1));
    host.pass(33 * SECOND);
    assert_eq!(host.watchers(), 0);
    assert!(host.set("4567", new(2)).is_empty());
    // Back again, it learns that its subscription is gone, and begins another.
    let refresh = host.request(&Wanted { to: &to, cseq: 9, ..subscribe() }, EVENT);
    assert_eq!(host.receive(&refresh)[0].status(), Some(481));
    let sent = host.subscribe_to("9034567", "anew");
    assert_eq!(told(&sent[1..]), "2/0 (0/0)");
}

const EVENT: &str = "Event: message-summary\r\n";

#[test]
fn a_refresh_needs_no_password_and_an_end_is_confirmed() {
    let mut host = Host::new();
    let (to, _) = host.subscribed();
    host.pass(3000 * SECOND);
    let refresh = host.request(&Wanted { to: &to, cseq: 9, ..subscribe() }, EVENT);
    let sent = host.receive(&refresh);
    assert_eq!((sent[0].status(), sent[0].expires()), (Some(200), Some(3600)));
    host.reply(&sent[1], 200);
    host.pass(3000 * SECOND);
    assert_eq!(host.watchers(), 1);
    let more = format!("{EVENT}Expires: 0\r\n");
    let end = host.request(&Wanted { to: &to, cseq: 10, ..subscribe() }, &more);
    let sent = host.receive(&end);
    assert_eq!((sent[0].status(), state(&sent[1])), (Some(200), "terminated;reason=timeout"));
    assert_eq!(host.watchers(), 0);
    host.reply(&sent[1], 200);
    assert!(host.set("4567", new(5)).is_empty());
}

#[test]
fn after_a_restart_a_phone_subscribes_anew_and_hears_the_stored_counts() {
    let mut host = Host::new();
    let (to, _) = host.subscribed();
    let mut host = Host::with(config(), vec![(mailbox("4567"), new(4))]);
    let refresh = host.request(&Wanted { to: &to, cseq: 9, ..subscribe() }, EVENT);
    assert_eq!(host.receive(&refresh)[0].status(), Some(481));
    let sent = host.subscribe_to("9034567", "anew");
    assert_eq!(told(&sent[1..]), "4/0 (0/0)");
}

#[test]
fn a_phone_watches_its_own_mailbox_and_those_it_shares() {
    let mut host = Host::new();
    host.set("9001", new(6));
    let mut status = |user: &str| {
        let sent = host.subscribe_to(user, &format!("to{user}"));
        let voice = (sent.len() > 1).then(|| told(&sent[1..]));
        (sent[0].status().unwrap(), voice)
    };
    let own = Some("0/0 (0/0)".to_owned());
    for user in ["9034567", "4567", "*97"] {
        assert_eq!(status(user), (200, own.clone()), "{user}");
    }
    assert_eq!(status("9001"), (200, Some("6/0 (0/0)".to_owned())), "shared with it");
    for user in ["4568", "9034568", "70", "90470", "9002", "nobody"] {
        assert_eq!(status(user), (403, None), "{user}");
    }
}

#[test]
fn strangers_and_unknown_packages_get_nothing() {
    let mut host = Host::new();
    let sent = host.ask(subscribe(), "guess", EVENT);
    assert_eq!((sent.len(), sent[0].status()), (1, Some(407)));
    let sent = host.ask(Wanted { call: "p", ..subscribe() }, "secret", "Event: winfo\r\n");
    assert_eq!(sent[0].status(), Some(489));
    let events = "message-summary, dialog, presence";
    assert_eq!(sent[0].header(HeaderName::AllowEvents), Some(events));
    assert_eq!(host.watchers(), 0);
}

#[test]
fn a_registered_phone_that_never_subscribed_is_told_as_well() {
    let mut host = Host::new();
    assert_eq!(host.register().len(), 1, "nothing waits");
    let sent = host.set("4567", new(1));
    assert_eq!(told(&sent), "1/0 (0/0)");
    assert_eq!(sent[0].request_uri(), format!("sip:me@{PHONE}"));
    assert_eq!(state(&sent[0]), "terminated;reason=noresource");
    assert_eq!(sent[0].to().unwrap().tag(), None);
    // Phones that do not take it say so; nothing follows.
    assert!(host.reply(&sent[0], 481).is_empty());
    // One that subscribes hears of a change once.
    host.subscribed();
    host.pass(2 * SECOND);
    let sent = host.set("4567", new(2));
    assert_eq!((told(&sent), state(&sent[0])), ("2/0 (0/0)".into(), "active;expires=3598"));
}

#[test]
fn messages_that_wait_light_the_lamp_of_a_phone_that_comes_online() {
    let mut host = Host::with(config(), vec![(mailbox("4567"), new(2))]);
    let sent = host.register();
    assert_eq!(told(&sent[1..]), "2/0 (0/0)");
    host.reply(&sent[1], 200);
    assert_eq!(host.register().len(), 1, "it was online");
    let mut quiet = config();
    quiet.mwi.unsolicited = false;
    let mut host = Host::with(quiet, vec![(mailbox("4567"), new(2))]);
    assert_eq!(host.register().len(), 1);
    assert!(host.set("4567", new(3)).is_empty());
}

#[test]
fn who_may_not_watch_any_more_is_told_so() {
    let mut host = Host::new();
    host.subscribed();
    let sent = host.subscribe_to("9001", "shared");
    host.reply(&sent[1], 200);
    let mut less = config();
    less.mwi.shared.clear();
    host.input(Input::Reload(Box::new(less.clone())));
    let sent = host.take();
    assert_eq!((sent.len(), state(&sent[0])), (1, "terminated;reason=rejected"));
    assert_eq!((sent[0].call_id().unwrap(), host.watchers()), ("shared", 1));
    less.extensions.remove(0);
    host.input(Input::Reload(Box::new(less)));
    let sent = host.take();
    assert_eq!(state(&sent[0]), "terminated;reason=rejected");
    assert_eq!(host.watchers(), 0);
}

#[test]
fn a_subscription_follows_its_phone_to_another_connection() {
    let mut host = Host::new();
    let contact = |generation| flow(Transport::Tcp, generation);
    host.flow = contact(1);
    host.input(Input::FlowOpened { flow: host.flow, connect: None });
    host.register();
    host.subscribed();
    host.input(Input::FlowClosed { flow: host.flow, connect: None });
    host.pass(10 * SECOND);
    host.flow = contact(2);
    host.input(Input::FlowOpened { flow: host.flow, connect: None });
    host.register();
    let now = host.clock();
    let running = host.switch.running.as_mut().unwrap();
    running.mwi.set_counts(now, mailbox("4567"), new(1));
    running.settle(now);
    host.drain();
    let [(over, notify)] = &host.sent[..] else { panic!("{:?}", host.sent) };
    assert_eq!((*over, state(notify)), (contact(2), "active;expires=3590"));
}
