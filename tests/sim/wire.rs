//! Raw SIP in a few lines, independent of the switch's own message layer: what a simulated phone writes and reads.

use md5::{Digest, Md5};

/// A message as lines.
#[derive(Debug, Clone)]
pub struct Msg {
    /// The first line.
    pub start: String,
    headers: Vec<(String, String)>,
    /// What follows the empty line.
    pub body: String,
}

impl Msg {
    /// Reads a whole message; `None` for anything else, e.g. a keep-alive.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let text = String::from_utf8(bytes.to_vec()).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let start = lines.next()?.to_owned();
        let split = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        };
        let headers = lines.map(split).collect::<Option<Vec<_>>>()?;
        (!start.is_empty()).then(|| Self { start, headers, body: body.to_owned() })
    }

    pub fn get(&self, name: &str) -> &str {
        let header = self.headers.iter().find(|(own, _)| own == name);
        header.map_or("", |(_, value)| value)
    }

    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The status, for a response.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.split(' ').next()?.parse().ok()
    }

    /// The method: of the request, or in the CSeq.
    pub fn method(&self) -> &str {
        if self.status().is_some() {
            self.get("cseq").split(' ').nth(1).unwrap_or_default()
        } else {
            self.start.split(' ').next().unwrap_or_default()
        }
    }

    pub fn cseq(&self) -> u32 {
        self.get("cseq").split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    pub fn branch(&self) -> String {
        param(self.get("via"), "branch").unwrap_or_default()
    }

    pub fn contact(&self) -> String {
        uri_in(self.get("contact"))
    }

    pub fn callee_tag(&self) -> Option<String> {
        param(self.get("to"), "tag")
    }

    pub fn caller_tag(&self) -> Option<String> {
        param(self.get("from"), "tag")
    }

    /// A response to this request. `tag` goes into To where it has none.
    pub fn response(&self, status: u16, tag: &str, more: &str, body: &str) -> Vec<u8> {
        let mut out = format!("SIP/2.0 {status} Simulated\r\n");
        for via in self.all("via") {
            out += &format!("Via: {via}\r\n");
        }
        for route in self.all("record-route") {
            out += &format!("Record-Route: {route}\r\n");
        }
        let to = match self.callee_tag() {
            Some(_) => self.get("to").to_owned(),
            None if status == 100 => self.get("to").to_owned(),
            None => format!("{};tag={tag}", self.get("to")),
        };
        out += &format!("From: {}\r\nTo: {to}\r\n", self.get("from"));
        out += &format!("Call-ID: {}\r\nCSeq: {}\r\n", self.get("call-id"), self.get("cseq"));
        finish(out, more, body)
    }
}

/// Adds further header lines and the body to a head.
pub fn finish(mut head: String, more: &str, body: &str) -> Vec<u8> {
    head += more;
    if !body.is_empty() && !more.contains("Content-Type") {
        head += "Content-Type: application/sdp\r\n";
    }
    head += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    head.into_bytes()
}

/// A parameter of a header value, outside the angle brackets.
pub fn param(value: &str, name: &str) -> Option<String> {
    let outside = value.rsplit('>').next().unwrap_or(value);
    outside.split(';').find_map(|part| {
        let (left, right) = part.split_once('=')?;
        (left.trim() == name).then(|| right.trim().to_owned())
    })
}

/// The URI in a name-addr.
pub fn uri_in(value: &str) -> String {
    match (value.find('<'), value.find('>')) {
        (Some(open), Some(close)) if open < close => value[open + 1..close].to_owned(),
        _ => value.split(';').next().unwrap_or_default().trim().to_owned(),
    }
}

fn quoted(value: &str, name: &str) -> String {
    let start = format!("{name}=\"");
    let Some(at) = value.find(&start) else { return String::new() };
    value[at + start.len()..].split('"').next().unwrap_or_default().to_owned()
}

fn hash(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The credentials that answer a challenge with `qop=auth` (RFC 7616 section 3.4).
pub fn credentials(
    challenge: &str,
    user: &str,
    password: &str,
    method: &str,
    uri: &str,
    count: u32,
) -> String {
    let (realm, nonce) = (quoted(challenge, "realm"), quoted(challenge, "nonce"));
    let ha1 = hash(&format!("{user}:{realm}:{password}"));
    let ha2 = hash(&format!("{method}:{uri}"));
    let (nc, cnonce) = (format!("{count:08x}"), "0a4f113b");
    let response = hash(&format!("{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}"));
    format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\", \
         algorithm=MD5, qop=auth, nc={nc}, cnonce=\"{cnonce}\""
    )
}

/// A description of one audio line with two codecs and telephone events.
pub fn sdp(host: &str, port: u16, version: u32, direction: &str) -> String {
    format!(
        "v=0\r\no=- 1 {version} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na={direction}\r\n"
    )
}
