//! Calls everything that reads a message, for tests and fuzz targets: nothing may panic, and
//! what comes out must keep its promises.

use bytes::Bytes;
use strowger_sip::framing::{Frame, StreamFramer};
use strowger_sip::message::{
    Contact, HeaderName, MAX_MESSAGE, Message, NameAddr, Params, Via, unquote,
};
use strowger_sip::uri::{Uri, decode};
use strowger_sip::{Method, Writer};

/// Parses the bytes as a datagram and reads every value of what was readable.
pub fn datagram(bytes: &[u8]) {
    match Message::parse(Bytes::copy_from_slice(bytes)) {
        Ok(message) => {
            read(&message);
            let _ = message.validate();
            assert_rewrites(&message);
        }
        Err(error) => {
            assert!((400..600).contains(&error.kind.status()));
            assert_eq!(one_line(error.kind.phrase()), error.kind.phrase());
            if let Some(partial) = error.partial {
                assert!(partial.is_request() && partial.top_via().is_ok());
                read(&partial);
            }
        }
    }
}

/// Feeds the bytes to a stream framer in pieces of the given sizes, over and over.
pub fn stream(bytes: &[u8], sizes: &[usize]) {
    let mut framer = StreamFramer::new();
    let mut rest = bytes;
    let mut sizes = sizes.iter().copied().map(|size| size.max(1)).cycle();
    while !rest.is_empty() {
        let size = sizes.next().unwrap_or(rest.len()).min(rest.len());
        let (piece, tail) = rest.split_at(size);
        rest = tail;
        framer.feed(piece);
        loop {
            match framer.next_frame() {
                Ok(Some(Frame::Message(message))) => framed(&message),
                Ok(Some(Frame::KeepAlivePing | Frame::Pong)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert!(framer.buffered() <= MAX_MESSAGE + size);
    }
}

/// The framer and the parser agree on where a message ends.
fn framed(bytes: &Bytes) {
    if let Ok(message) = Message::parse(bytes.clone()) {
        let (head, body) = bytes.split_at(bytes.len() - message.body().len());
        assert_eq!(message.body(), body);
        // A head that is not UTF-8 grows when it is read as Latin-1.
        assert!(message.to_bytes().len() == bytes.len() || std::str::from_utf8(head).is_err());
        read(&message);
    }
}

/// No value may hold a line end.
fn one_line(text: &str) -> &str {
    assert!(!text.contains(['\r', '\n']), "{text:?}");
    text
}

fn params(params: Params<'_>) {
    for (name, value) in params.iter() {
        assert!(!name.is_empty() || value.is_some());
        assert!(params.has(name));
        let _ = unquote(one_line(value.unwrap_or("")));
    }
}

fn uri(text: &str) {
    let Ok(uri) = Uri::parse(text) else { return };
    assert_eq!(uri.to_string(), text);
    assert!(uri.equivalent(&uri), "{text:?} is not itself");
    let _ = (uri.user_decoded(), uri.password(), uri.host(), uri.port(), uri.transport());
    params(uri.params());
    for (name, value) in uri.header_fields() {
        let _ = (decode(name), decode(value));
    }
}

fn address(addr: &NameAddr<'_>) {
    let _ = (addr.display_name(), addr.tag(), addr.q(), addr.expires());
    uri(addr.uri_str());
    params(addr.params());
    let text = addr.to_string();
    let again = NameAddr::parse(one_line(&text)).unwrap();
    assert_eq!(again.uri_str(), addr.uri_str());
    assert_eq!(again.tag(), addr.tag());
    assert_eq!(again.display_name(), addr.display_name());
}

fn via(via: &Via<'_>) {
    let _ = (via.known_transport(), via.branch(), via.received(), via.rport(), via.maddr());
    let _ = via.ttl();
    params(via.params);
    let text = via.to_string();
    let again = Via::parse(one_line(&text)).unwrap();
    assert_eq!((again.transport, again.host, again.port), (via.transport, via.host, via.port));
    assert_eq!(again.branch(), via.branch());
}

/// Reads every value of a message.
pub fn read(msg: &Message) {
    one_line(msg.request_uri());
    one_line(msg.reason());
    for (name, id, value) in msg.all_headers() {
        assert!(!name.is_empty());
        assert_eq!(one_line(value).trim_matches([' ', '\t']), value);
        assert!(msg.header(id).is_some() && msg.header_named(name).is_some());
        assert!(msg.values(id).all(|value| one_line(value).len() <= MAX_MESSAGE));
    }
    addresses(msg);
    msg.vias().flatten().for_each(|value| via(&value));
    let _ = (msg.top_via(), msg.call_id(), msg.cseq(), msg.max_forwards(), msg.expires());
    let _ = (msg.session_expires(), msg.min_se(), msg.min_expires(), msg.rseq(), msg.rack());
    let _ = (msg.retry_after(), msg.replaces(), msg.event(), msg.content_type());
    let _ = (msg.supports("timer"), msg.allows(&Method::Update), msg.privacy().count());
    msg.reason_header().for_each(|reason| drop(reason.text()));
    for auth in msg.authorization().chain(msg.www_authenticate()) {
        let _ = (auth.get("nonce"), auth.is_repeated("nonce"), format!("{auth:?}"));
    }
    let parts: usize = msg.body_parts().map(|part| part.content.len()).sum();
    assert!(parts <= msg.body().len());
    assert_eq!(msg.body_bytes(), msg.body());
    assert!(msg.to_bytes().ends_with(msg.body()));
    let detached = msg.detach();
    assert_eq!(detached.to_bytes(), msg.to_bytes());
    assert!(detached.all_headers().eq(msg.all_headers()));
}

fn addresses(msg: &Message) {
    let singles = [msg.from().ok(), msg.to().ok(), msg.refer_to(), msg.referred_by()];
    singles.iter().flatten().for_each(address);
    msg.contacts().flatten().filter_map(Contact::addr).for_each(|addr| address(&addr));
    for list in [HeaderName::Route, HeaderName::RecordRoute, HeaderName::PAssertedIdentity] {
        msg.addresses(list).flatten().for_each(|addr| address(&addr));
    }
    if msg.is_request() {
        uri(msg.request_uri());
    }
}

/// A message written from what was read is read as the same message.
fn assert_rewrites(msg: &Message) {
    let mut buffer = Vec::new();
    let mut writer = match msg.method() {
        Some(method) => Writer::request(&mut buffer, method, msg.request_uri()),
        None => Writer::response(&mut buffer, msg.status().unwrap(), msg.reason()),
    };
    let keep = |id| id != HeaderName::ContentLength;
    writer.copy_untouched(msg, |id, _| keep(id)).finish("", msg.body());
    if buffer.len() > MAX_MESSAGE {
        return;
    }
    let Ok(again) = Message::parse(Bytes::from(buffer)) else {
        // One header more than was read: Content-Length.
        assert!(msg.header(HeaderName::ContentLength).is_none());
        return;
    };
    assert_eq!((again.method(), again.status()), (msg.method(), msg.status()));
    assert_eq!(again.request_uri(), msg.request_uri());
    assert_eq!(again.body(), msg.body());
    let kept = |message: &Message| {
        message
            .all_headers()
            .filter(|(_, id, _)| keep(*id))
            .map(|(name, _, value)| (name.to_owned(), value.to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(kept(&again), kept(msg));
}
