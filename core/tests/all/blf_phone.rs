//! Phones that subscribe, with raw messages, and what an XML parser that is not ours makes of what they are told.

use std::collections::BTreeMap;

use sip::Message;
use sip::auth::{Credentials, answer};

use crate::exchange::Exchange;

/// A subscription, as its phone knows it.
#[derive(Debug, Clone)]
pub struct Watch {
    pub at: &'static str,
    pub number: String,
    pub target: String,
    pub event: String,
    pub call_id: String,
    /// To, with our tag once there is one.
    pub to: String,
    pub cseq: u32,
    /// The answer to the last SUBSCRIBE.
    pub status: u16,
    pub answer: String,
}

/// One `dialog` element: its state and attributes, and what its children say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    pub state: String,
    pub direction: String,
    pub call_id: String,
    pub local_tag: String,
    pub remote_tag: String,
    pub remote: String,
    pub remote_name: String,
    pub rendering: String,
}

pub fn header<'a>(text: &'a str, name: &str) -> &'a str {
    let head = text.split("\r\n\r\n").next().unwrap_or("");
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(own, _)| own.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.trim())
}

pub fn body(text: &str) -> &str {
    text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// A `dialog-info` document: version, entity, and its dialogs without those that are terminated.
pub fn dialogs(xml: &str) -> (u32, String, Vec<Shown>) {
    let document = roxmltree::Document::parse(xml).unwrap_or_else(|why| panic!("{why}: {xml}"));
    let root = document.root_element();
    assert_eq!(root.tag_name().name(), "dialog-info");
    assert_eq!(root.tag_name().namespace(), Some("urn:ietf:params:xml:ns:dialog-info"));
    assert_eq!(root.attribute("state"), Some("full"));
    let all = root
        .children()
        .filter(|node| node.has_tag_name(("urn:ietf:params:xml:ns:dialog-info", "dialog")));
    let read = |node: roxmltree::Node<'_, '_>| {
        let attribute = |name: &str| node.attribute(name).unwrap_or("").to_owned();
        let find = |path: &[&str]| {
            path.iter().try_fold(node, |node, name| {
                node.children().find(|child| child.tag_name().name() == *name)
            })
        };
        let text = |path: &[&str]| find(path).and_then(|own| own.text()).unwrap_or("").to_owned();
        assert!(node.attribute("id").is_some_and(|id| !id.is_empty()), "{xml}");
        let of = |path: &[&str], name: &str| {
            find(path).and_then(|own| own.attribute(name)).unwrap_or("").to_owned()
        };
        Shown {
            state: text(&["state"]),
            direction: attribute("direction"),
            call_id: attribute("call-id"),
            local_tag: attribute("local-tag"),
            remote_tag: attribute("remote-tag"),
            remote: text(&["remote", "identity"]),
            remote_name: of(&["remote", "identity"], "display"),
            rendering: of(&["local", "target", "param"], "pval"),
        }
    };
    let shown = all.map(read).filter(|own| own.state != "terminated").collect();
    let version = root.attribute("version").unwrap().parse().unwrap();
    (version, root.attribute("entity").unwrap().to_owned(), shown)
}

/// The states of a document, joined.
pub fn lamp(xml: &str) -> String {
    let (_, _, shown) = dialogs(xml);
    shown.iter().map(|own| own.state.clone()).collect::<Vec<_>>().join(" ")
}

/// The parts of a `multipart/related` body by Content-ID, with their texts.
pub fn parts(notify: &str) -> BTreeMap<String, String> {
    let kind = header(notify, "Content-Type");
    assert!(kind.starts_with("multipart/related;"), "{notify}");
    let boundary =
        kind.split("boundary=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let text = body(notify);
    assert!(text.ends_with(&format!("--{boundary}--\r\n")), "{text}");
    let delimiter = format!("--{boundary}\r\n");
    let pieces = text.split(&delimiter).skip(1);
    let part = |piece: &str| -> (String, String) {
        let piece = piece.split(&format!("--{boundary}--")).next().unwrap();
        let id = header(piece, "Content-ID").trim_matches(['<', '>']).to_owned();
        (id, body(piece).to_owned())
    };
    pieces.map(part).collect()
}

/// The list in a NOTIFY: whether it is whole, and the document of each resource by its URI.
pub fn listed(notify: &str) -> (bool, BTreeMap<String, String>) {
    let parts = parts(notify);
    let start = header(notify, "Content-Type").split("start=\"<").nth(1).unwrap();
    let meta = parts[start.split('>').next().unwrap()].clone();
    let document = roxmltree::Document::parse(&meta).unwrap_or_else(|why| panic!("{why}: {meta}"));
    let root = document.root_element();
    assert_eq!(root.tag_name().namespace(), Some("urn:ietf:params:xml:ns:rlmi"));
    let resources = root.children().filter(|node| node.tag_name().name() == "resource");
    let by_uri = resources.map(|node| -> (String, String) {
        let instance = node.children().find(|own| own.tag_name().name() == "instance").unwrap();
        assert_eq!(instance.attribute("state"), Some("active"));
        let cid = instance.attribute("cid").unwrap();
        (node.attribute("uri").unwrap().to_owned(), parts[cid].clone())
    });
    (root.attribute("fullState") == Some("true"), by_uri.collect())
}

impl Exchange {
    /// A phone subscribes; its credentials are asked for.
    pub fn subscribe(
        &mut self,
        number: &str,
        at: &'static str,
        user: &str,
        event: &str,
        more: &str,
    ) -> Watch {
        let package = event.split(';').next().unwrap();
        let call_id = format!("{package}-{number}-{user}-{}", self.fresh());
        let target = format!("sip:{user}@pbx.example");
        let mut watch = Watch {
            at,
            number: number.into(),
            to: format!("<{target}>"),
            target,
            event: event.into(),
            call_id,
            cseq: 0,
            status: 0,
            answer: String::new(),
        };
        self.ask(&mut watch, more);
        if watch.status == 407 {
            let challenge = Message::parse(watch.answer.clone().into_bytes().into()).unwrap();
            let user = format!("9031046856{number}");
            let own = Credentials { username: user, password: "secret".into(), realm: None };
            let uri = watch.target.clone();
            let done =
                answer(challenge.proxy_authenticate(), "SUBSCRIBE", &uri, b"", &own, "c").unwrap();
            self.ask(&mut watch, &format!("{more}Proxy-Authorization: {}\r\n", done.value));
        }
        watch
    }

    /// Sends a SUBSCRIBE in a subscription or for a new one.
    pub fn ask(&mut self, watch: &mut Watch, more: &str) {
        watch.cseq += 1;
        let Watch { at, number, target, event, call_id, to, cseq, .. } = &*watch;
        let text = format!(
            "SUBSCRIBE {target} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{call_id}{cseq};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:9031046856{number}@pbx.example>;tag=w\r\nTo: {to}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} SUBSCRIBE\r\nContact: <sip:{number}@{at}>\r\n\
             Event: {event}\r\n{more}Content-Length: 0\r\n\r\n"
        );
        self.receive(at, &text);
        let reply = self.expect(at, "SIP/2.0 ");
        watch.status = reply[8..11].parse().unwrap();
        if watch.status == 200 {
            watch.to = header(&reply, "To").to_owned();
        }
        watch.answer = reply;
    }

    /// The next NOTIFY of a subscription, if there is one.
    pub fn notify(&mut self, watch: &Watch) -> Option<String> {
        let to = watch.at.parse().unwrap();
        let index = self.sent.iter().position(|(at, text)| {
            *at == to && text.starts_with("NOTIFY ") && header(text, "Call-ID") == watch.call_id
        })?;
        self.sent.remove(index).map(|(_, text)| text)
    }

    /// Answers a NOTIFY.
    pub fn answer_notify(&mut self, watch: &Watch, notify: &str, status: u16) {
        let text = format!(
            "SIP/2.0 {status} X\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Content-Length: 0\r\n\r\n",
            header(notify, "Via"),
            header(notify, "From"),
            header(notify, "To"),
            header(notify, "Call-ID"),
            header(notify, "CSeq"),
        );
        self.receive(watch.at, &text);
    }

    /// The next NOTIFY, answered.
    #[track_caller]
    pub fn told(&mut self, watch: &Watch) -> String {
        let Some(notify) = self.notify(watch) else { panic!("{} was told nothing", watch.call_id) };
        self.answer_notify(watch, &notify, 200);
        notify
    }

    /// What a phone's key shows once nothing more is told: the last of all NOTIFYs of the next two seconds.
    #[track_caller]
    pub fn settled(&mut self, watch: &Watch) -> String {
        self.settled_in(watch, 2)
    }

    #[track_caller]
    pub fn settled_in(&mut self, watch: &Watch, seconds: u64) -> String {
        let mut last = None;
        for _ in 0..seconds * 10 {
            while let Some(notify) = self.notify(watch) {
                self.answer_notify(watch, &notify, 200);
                last = Some(notify);
            }
            self.run_ms(100);
        }
        last.unwrap_or_else(|| panic!("{} was told nothing", watch.call_id))
    }
}
