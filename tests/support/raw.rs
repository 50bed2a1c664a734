//! A SIP client of a few lines, for what no proper phone does: replays, strangers, reset connections.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};

use super::SOON;
use super::phone::{Account, Transport};
use super::place::Place;

enum Link {
    Udp(UdpSocket),
    Tcp(TcpStream, Vec<u8>),
}

/// One message as text.
#[derive(Debug, Clone)]
pub struct Text(pub String);

impl Text {
    /// The status of a response, 0 for a request.
    pub fn status(&self) -> u16 {
        let word = self.0.strip_prefix("SIP/2.0 ").and_then(|rest| rest.get(..3));
        word.and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// The method of a request, empty for a response.
    pub fn method(&self) -> &str {
        if self.0.starts_with("SIP/2.0") { "" } else { self.0.split(' ').next().unwrap_or("") }
    }

    /// The value of the first header of a name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = self.0.split("\r\n\r\n").next()?;
        head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The port of the audio stream in the body.
    pub fn audio_port(&self) -> Option<u16> {
        let (_, rest) = self.0.split_once("m=audio ")?;
        rest.split(' ').next()?.parse().ok()
    }
}

/// A client with an account, honest or not.
pub struct RawUa {
    link: Link,
    local: SocketAddr,
    account: Account,
    queue: VecDeque<Text>,
    serial: u32,
    name: String,
}

impl RawUa {
    /// Opens its socket.
    pub fn open(place: &Place, account: &Account) -> Self {
        Self::bound(account, place.port())
    }

    /// Opens its socket; a datagram socket at this port.
    pub fn bound(account: &Account, port: u16) -> Self {
        let link = match account.transport {
            Transport::Udp => {
                let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port));
                let socket = socket.expect("a UDP port is free");
                socket.connect(account.proxy).expect("the proxy's address is good");
                Link::Udp(socket)
            }
            Transport::Tcp => {
                let stream = TcpStream::connect(account.proxy).expect("the proxy takes TCP");
                Link::Tcp(stream, Vec::new())
            }
        };
        let local = match &link {
            Link::Udp(socket) => socket.local_addr(),
            Link::Tcp(stream, _) => stream.local_addr(),
        };
        let local = local.expect("a bound socket has an address");
        let name = format!("{}-{}", std::process::id(), local.port());
        Self { link, local, account: account.clone(), queue: VecDeque::new(), serial: 0, name }
    }

    /// Its address.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends text as it is.
    pub fn send(&mut self, text: &str) {
        match &mut self.link {
            Link::Udp(socket) => socket.send(text.as_bytes()).map(drop),
            Link::Tcp(stream, _) => stream.write_all(text.as_bytes()),
        }
        .expect("a message can be sent");
    }

    /// The next message within `limit`.
    pub fn receive(&mut self, limit: Duration) -> Option<Text> {
        let end = Instant::now() + limit;
        loop {
            if let Some(text) = self.queue.pop_front() {
                return Some(text);
            }
            let left = end.checked_duration_since(Instant::now()).filter(|d| !d.is_zero())?;
            self.read(left)?;
        }
    }

    fn read(&mut self, limit: Duration) -> Option<()> {
        let mut buffer = [0u8; 65_536];
        match &mut self.link {
            Link::Udp(socket) => {
                socket.set_read_timeout(Some(limit)).ok()?;
                let length = socket.recv(&mut buffer).ok()?;
                self.queue.push_back(Text(String::from_utf8_lossy(&buffer[..length]).into_owned()));
            }
            Link::Tcp(stream, pending) => {
                stream.set_read_timeout(Some(limit)).ok()?;
                let length = stream.read(&mut buffer).ok().filter(|&length| length > 0)?;
                pending.extend_from_slice(&buffer[..length]);
                while let Some(text) = frame(pending) {
                    self.queue.push_back(text);
                }
            }
        }
        Some(())
    }

    /// Receives until a message satisfies `wanted`; the others are dropped.
    pub fn receive_until(&mut self, what: &str, wanted: impl Fn(&Text) -> bool) -> Text {
        let end = Instant::now() + SOON;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            match self.receive(left) {
                Some(text) if wanted(&text) => return text,
                Some(_) => {}
                None => break,
            }
        }
        panic!("{what} did not arrive at {}", self.local);
    }

    /// The final response to the request with this CSeq number.
    pub fn final_response(&mut self, cseq: u32) -> Text {
        self.receive_until("a final response", |text| {
            let number = text.header("CSeq").and_then(|v| v.split(' ').next()?.parse().ok());
            text.status() >= 200 && number == Some(cseq)
        })
    }

    /// A new number for CSeq, branches and Call-IDs.
    pub fn next(&mut self) -> u32 {
        self.serial += 1;
        self.serial
    }

    /// A request outside a dialog. `extra` are whole header lines, each with its CRLF.
    pub fn request(
        &self,
        method: &str,
        uri: &str,
        call: &str,
        cseq: u32,
        extra: &str,
        body: &str,
    ) -> String {
        let Account { user, domain, .. } = &self.account;
        let to = if method == "REGISTER" { format!("sip:{user}@{domain}") } else { uri.to_owned() };
        let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} {uri} SIP/2.0\r\n\
             Via: SIP/2.0/{} {};branch=z9hG4bK{}x{call}x{cseq}{method};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{user}@{domain}>;tag=t{call}\r\nTo: <{to}>\r\n\
             Call-ID: {call}@{}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:{user}@{};transport={}>\r\n{extra}{content}Content-Length: {}\r\n\r\n{body}",
            self.account.transport.word().to_uppercase(),
            self.local,
            self.name,
            self.name,
            self.local,
            self.account.transport.word(),
            body.len(),
        )
    }

    /// The header that answers a challenge, with this nonce count.
    pub fn credentials(&self, challenge: &Text, method: &str, uri: &str, count: u32) -> String {
        let (given, answer) = match challenge.header("WWW-Authenticate") {
            Some(given) => (given, "Authorization"),
            None => {
                let given = challenge.header("Proxy-Authenticate").expect("a challenge");
                (given, "Proxy-Authorization")
            }
        };
        let realm = parameter(given, "realm").expect("a realm");
        let nonce = parameter(given, "nonce").expect("a nonce");
        let Account { user, password, .. } = &self.account;
        let ha1 = md5(&format!("{user}:{realm}:{password}"));
        let ha2 = md5(&format!("{method}:{uri}"));
        let response = md5(&format!("{ha1}:{nonce}:{count:08x}:c0ffee:auth:{ha2}"));
        format!(
            "{answer}: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", \
             uri=\"{uri}\", response=\"{response}\", algorithm=MD5, cnonce=\"c0ffee\", qop=auth, \
             nc={count:08x}\r\n"
        )
    }

    /// Registers; returns the request that was accepted and the final response to it.
    pub fn register(&mut self) -> (String, Text) {
        let uri = format!("sip:{}", self.account.domain);
        let call = format!("reg{}", self.next());
        let expires = "Expires: 300\r\n";
        let first = self.request("REGISTER", &uri, &call, 1, expires, "");
        self.send(&first);
        let challenge = self.final_response(1);
        assert_eq!(challenge.status(), 401, "a REGISTER is challenged: {}", challenge.0);
        let credentials = self.credentials(&challenge, "REGISTER", &uri, 1);
        let second =
            self.request("REGISTER", &uri, &call, 2, &format!("{expires}{credentials}"), "");
        self.send(&second);
        let response = self.final_response(2);
        (second, response)
    }

    /// Sends an INVITE with credentials; returns its Call-ID's local part. Its CSeq is 2.
    pub fn invite(&mut self, number: &str, rtp: u16) -> String {
        let uri = format!("sip:{number}@{}", self.account.domain);
        let call = format!("call{}", self.next());
        let first = self.request("INVITE", &uri, &call, 1, "", &offer(rtp));
        self.send(&first);
        let challenge = self.final_response(1);
        assert!(matches!(challenge.status(), 401 | 407), "a challenge: {}", challenge.0);
        self.acknowledge(&uri, &call, 1, &challenge);
        let credentials = self.credentials(&challenge, "INVITE", &uri, 1);
        let second = self.request("INVITE", &uri, &call, 2, &credentials, &offer(rtp));
        self.send(&second);
        call
    }

    /// The ACK of a final response; of a 2xx it goes to the Contact, of another to the same URI.
    pub fn acknowledge(&mut self, uri: &str, call: &str, cseq: u32, response: &Text) {
        let contact = response.header("Contact").map(|c| bare_uri(c).to_owned());
        let target = if response.status() < 300 { contact.as_deref() } else { None };
        let target = target.unwrap_or(uri).to_owned();
        let text = self.in_dialog("ACK", &target, call, cseq, response);
        self.send(&text);
    }

    /// A request within the dialog that `response` made.
    pub fn in_dialog(
        &self,
        method: &str,
        uri: &str,
        call: &str,
        cseq: u32,
        response: &Text,
    ) -> String {
        let to = response.header("To").expect("a response has a To");
        let text = self.request(method, uri, call, cseq, "", "");
        let from = text.find("\r\nTo: ").expect("our own request has a To") + 2;
        let end = text[from..].find("\r\n").expect("a line ends") + from;
        let text = format!("{}To: {to}{}", &text[..from], &text[end..]);
        // The ACK of a refusal belongs to the INVITE's transaction and keeps its branch.
        if method == "ACK" && response.status() >= 300 {
            return text.replace(&format!("x{cseq}ACK;rport"), &format!("x{cseq}INVITE;rport"));
        }
        text
    }

    /// Resets the TCP connection: the peer's next read fails, nothing says goodbye.
    pub fn reset(self) {
        if let Link::Tcp(stream, _) = self.link {
            let socket = socket2::Socket::from(stream);
            socket.set_linger(Some(Duration::ZERO)).expect("a socket can be told to reset");
        }
    }
}

/// The URI between angle brackets.
pub fn bare_uri(header: &str) -> &str {
    header.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or(header, |(uri, _)| uri)
}

/// An SDP offer of PCMU at a port of loopback.
pub fn offer(rtp: u16) -> String {
    format!(
        "v=0\r\no=raw 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {rtp} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
    )
}

fn parameter<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(&format!("{name}=\""))?;
    rest.split('"').next()
}

/// Whether digest credentials with qop=auth and MD5 prove this password (RFC 7616 section 3.4.1).
pub fn proves(credentials: &str, method: &str, password: &str) -> bool {
    let value = |name: &str| {
        let fields = credentials.split([',', ' ']).filter_map(|field| field.split_once('='));
        let found = fields.into_iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value.trim_matches('"').to_owned()).unwrap_or_default()
    };
    let ha1 = md5(&format!("{}:{}:{password}", value("username"), value("realm")));
    let ha2 = md5(&format!("{method}:{}", value("uri")));
    let (nonce, nc, cnonce) = (value("nonce"), value("nc"), value("cnonce"));
    value("response") == md5(&format!("{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}"))
}

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Takes one message off a stream's bytes.
fn frame(pending: &mut Vec<u8>) -> Option<Text> {
    while pending.starts_with(b"\r\n") {
        pending.drain(..2);
    }
    let head = pending.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = Text(String::from_utf8_lossy(&pending[..head]).into_owned());
    let body = text.header("Content-Length").or_else(|| text.header("l"));
    let length: usize = body.and_then(|value| value.parse().ok()).unwrap_or(0);
    if pending.len() < head + length {
        return None;
    }
    let whole: Vec<u8> = pending.drain(..head + length).collect();
    Some(Text(String::from_utf8_lossy(&whole).into_owned()))
}
