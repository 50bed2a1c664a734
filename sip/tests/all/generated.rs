//! Properties over generated, mutated and arbitrary messages.

use std::fmt::Write;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use strowger_sip::message::{HeaderName, Message, Quoted};
use strowger_sip::uri::{EscapeUser, Uri};
use strowger_sip::{Method, Writer};

use crate::exercise;
use crate::torture;

/// A request by its parts.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: Method,
    pub user: String,
    pub host: String,
    pub port: Option<u16>,
    pub display: String,
    pub tag: String,
    pub branch: String,
    pub call_id: String,
    pub cseq: u32,
    pub extra: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The Request-URI.
    pub fn uri(&self) -> String {
        let mut text = format!("sip:{}@{}", EscapeUser(&self.user), self.host);
        if let Some(port) = self.port {
            write!(text, ":{port}").unwrap();
        }
        text
    }

    /// The message as we write it.
    pub fn bytes(&self) -> Bytes {
        let mut buffer = Vec::new();
        let mut writer = Writer::request(&mut buffer, &self.method, self.uri());
        writer
            .header(
                HeaderName::Via,
                format_args!("SIP/2.0/UDP {};branch=z9hG4bK{}", self.host, self.branch),
            )
            .header(HeaderName::MaxForwards, 70)
            .header(
                HeaderName::From,
                format_args!("{} <sip:a@b.example>;tag={}", Quoted(&self.display), self.tag),
            )
            .header(HeaderName::To, format_args!("<{}>", self.uri()))
            .header(HeaderName::CallId, &self.call_id)
            .header(HeaderName::CSeq, format_args!("{} {}", self.cseq, self.method));
        for (name, value) in &self.extra {
            writer.header_named(name, value);
        }
        writer.finish("application/octet-stream", &self.body);
        Bytes::from(buffer)
    }
}

fn method() -> impl Strategy<Value = Method> {
    let known = vec!["INVITE", "REGISTER", "OPTIONS", "BYE", "MESSAGE", "UPDATE", "INFO"];
    prop_oneof![
        select(known).prop_map(Method::parse),
        "[A-Z][A-Z0-9._-]{0,12}".prop_map(|name| Method::parse(&name)),
    ]
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9-]{0,10}[a-z0-9](\\.[a-z]{2,6}){0,2}",
        any::<[u8; 4]>().prop_map(|octets| std::net::Ipv4Addr::from(octets).to_string()),
        any::<[u8; 16]>().prop_map(|octets| format!("[{}]", std::net::Ipv6Addr::from(octets))),
    ]
}

/// Requests of all kinds that we write.
pub fn request() -> impl Strategy<Value = Request> {
    let extra = ("X-[A-Za-z]{1,8}", "[!-~]([ -~]{0,30}[!-~])?");
    let ids = ("[a-z0-9]{1,10}", "[a-zA-Z0-9]{0,20}", "[a-zA-Z0-9-]{1,20}(@[a-z.]{1,9})?");
    (
        (method(), "[ -~]{1,12}", host(), any::<Option<u16>>(), "[ -~é-ü]{0,16}"),
        (ids, 0u32..1 << 31),
        (vec(extra, 0..8), vec(any::<u8>(), 0..64)),
    )
        .prop_map(|((method, user, host, port, display), (ids, cseq), (extra, body))| {
            let (tag, branch, call_id) = ids;
            Request { method, user, host, port, display, tag, branch, call_id, cseq, extra, body }
        })
}

fn valid_bytes() -> impl Strategy<Value = Vec<u8>> {
    let torture: Vec<_> = torture::all().into_iter().map(|(_, bytes, _)| bytes).collect();
    prop_oneof![select(torture), request().prop_map(|request| request.bytes().to_vec())]
}

/// One change to a message.
#[derive(Clone, Debug)]
enum Mutation {
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, usize),
    Truncate(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let pieces: Vec<&[u8]> = vec![
        b"\r\n",
        b"\r",
        b"\n",
        b"\r\n ",
        b",",
        b";",
        b"<",
        b">",
        b"\"",
        b"\\",
        b":",
        b"@",
        b"%",
        b"=",
        b" ",
        b"\t",
        b"\0",
        b"[",
        b"]",
        b"\xff",
        b"\xc3\xa9",
        b"l: 9\r\n",
        b"--",
        b"?",
        b"/",
    ];
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        (any::<Index>(), select(pieces)).prop_map(|(at, p)| Mutation::Insert(at, p.to_vec())),
        (any::<Index>(), 1usize..20).prop_map(|(at, count)| Mutation::Remove(at, count)),
        (any::<Index>(), 1usize..80).prop_map(|(at, count)| Mutation::Repeat(at, count)),
        any::<Index>().prop_map(Mutation::Truncate),
    ]
}

fn mutate(bytes: &mut Vec<u8>, mutation: &Mutation) {
    if bytes.is_empty() {
        return;
    }
    match mutation {
        Mutation::Replace(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Mutation::Insert(at, piece) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, piece.iter().copied());
        }
        Mutation::Remove(at, count) => {
            let at = at.index(bytes.len());
            bytes.drain(at..(at + count).min(bytes.len()));
        }
        Mutation::Repeat(at, count) => {
            let at = at.index(bytes.len());
            let piece = bytes[at..(at + count).min(bytes.len())].to_vec();
            bytes.splice(at..at, piece);
        }
        Mutation::Truncate(at) => bytes.truncate(at.index(bytes.len())),
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(request in request()) {
        let msg = Message::parse(request.bytes()).unwrap();
        prop_assert_eq!(msg.validate(), Ok(()));
        prop_assert_eq!(msg.method(), Some(&request.method));
        let uri = msg.uri().unwrap();
        let user = uri.user_decoded().unwrap();
        prop_assert_eq!(user.as_ref(), request.user.as_str());
        let text = request.uri();
        prop_assert_eq!(uri.host(), Uri::parse(&text).unwrap().host());
        prop_assert_eq!(uri.port(), request.port);
        let from = msg.from().unwrap();
        let display = from.display_name();
        prop_assert_eq!(display.as_ref(), request.display.as_str());
        prop_assert_eq!(from.tag(), Some(request.tag.as_str()));
        let to = msg.to().unwrap();
        prop_assert!(to.uri().unwrap().equivalent(&uri));
        prop_assert_eq!(msg.call_id(), Ok(request.call_id.as_str()));
        prop_assert_eq!(msg.cseq(), Ok((request.cseq, request.method.clone())));
        let branch = format!("z9hG4bK{}", request.branch);
        prop_assert_eq!(msg.top_via().unwrap().branch(), Some(branch.as_str()));
        let extra: Vec<_> = msg
            .all_headers()
            .filter(|(name, ..)| name.starts_with("X-"))
            .map(|(name, _, value)| (name.to_owned(), value.to_owned()))
            .collect();
        prop_assert_eq!(extra, request.extra.clone());
        prop_assert_eq!(msg.body(), request.body.as_slice());
        exercise::datagram(&request.bytes());
    }

    #[test]
    fn mutated_messages_keep_the_promises(
        bytes in valid_bytes(),
        mutations in vec(mutation(), 1..8),
        sizes in vec(1usize..300, 1..4),
    ) {
        let mut bytes = bytes;
        mutations.iter().for_each(|mutation| mutate(&mut bytes, mutation));
        exercise::datagram(&bytes);
        exercise::stream(&bytes, &sizes);
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..600)) {
        exercise::datagram(&bytes);
        exercise::stream(&bytes, &[7]);
        let mut headed = b"INVITE sip:a SIP/2.0\r\n".to_vec();
        headed.extend_from_slice(&bytes);
        exercise::datagram(&headed);
    }

    #[test]
    fn values_of_arbitrary_text_do_no_harm(value in "[\"<>,;:@%=\\\\ a-c1/?\\[\\]\t.é]{0,40}") {
        for name in ["Via", "From", "Contact", "CSeq", "Route", "WWW-Authenticate", "Replaces"] {
            let text = format!("OPTIONS sip:a SIP/2.0\r\n{name}: {value}\r\nTo: {value}\r\n\r\n");
            exercise::datagram(text.as_bytes());
        }
        exercise::datagram(format!("OPTIONS {value} SIP/2.0\r\n\r\n").as_bytes());
    }

    #[test]
    fn a_stream_yields_its_messages_however_it_is_cut(
        requests in vec(request(), 1..4),
        sizes in vec(1usize..200, 1..5),
    ) {
        use strowger_sip::framing::{Frame, StreamFramer};
        let messages: Vec<_> = requests.iter().map(Request::bytes).collect();
        let stream = messages.concat();
        let mut framer = StreamFramer::new();
        let mut out = Vec::new();
        let mut rest = stream.as_slice();
        for size in sizes.iter().cycle() {
            let (piece, tail) = rest.split_at((*size).min(rest.len()));
            framer.feed(piece);
            while let Some(frame) = framer.next_frame().unwrap() {
                out.push(frame);
            }
            rest = tail;
            if rest.is_empty() {
                break;
            }
        }
        let expected: Vec<_> = messages.into_iter().map(Frame::Message).collect();
        prop_assert_eq!(out, expected);
    }
}
