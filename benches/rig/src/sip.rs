//! The few lines of SIP that the rig's own phones need: read a message, build one, answer a challenge.
//! On purpose independent of the switch's parser.

use md5::{Digest, Md5};
use std::fmt::Write as _;
use std::net::SocketAddr;

/// A message taken apart into lines.
#[derive(Debug, Clone)]
pub struct Text {
    /// Request line or status line.
    pub start: String,
    headers: Vec<(String, String)>,
    /// SDP or nothing.
    pub body: String,
}

impl Text {
    /// Reads one datagram; None for what is no SIP message (keep-alives).
    pub fn read(bytes: &[u8]) -> Option<Text> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let start = lines.next()?.to_owned();
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (long_name(name.trim()), value.trim().to_owned()))
            .collect();
        Some(Text { start, headers, body: body.to_owned() })
    }

    /// The first header of that (lower-case) name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Every header of that (lower-case) name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        self.start.strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
    }

    /// The method of a request.
    pub fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    /// The user in the request URI.
    pub fn request_user(&self) -> Option<&str> {
        let uri = self.start.split(' ').nth(1)?;
        uri.strip_prefix("sip:")?.split('@').next()
    }

    /// Where the SDP wants its audio.
    pub fn media(&self) -> Option<SocketAddr> {
        let line = |prefix: &str| self.body.lines().find_map(|l| l.trim_end().strip_prefix(prefix));
        let address = line("c=IN IP4 ")?.parse().ok()?;
        let port = line("m=audio ")?.split(' ').next()?.parse().ok()?;
        Some(SocketAddr::new(address, port))
    }

    /// A response to this request: its Via, From, To, Call-ID, CSeq and Record-Route, To with `tag` if it has none.
    pub fn response(&self, status: &str, tag: &str, extra: &str, body: &str) -> String {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for (name, value) in &self.headers {
            let kept = ["via", "from", "call-id", "cseq", "record-route"].contains(&name.as_str());
            if kept {
                let _ = write!(text, "{name}: {value}\r\n");
            } else if name == "to" {
                let tag = if value.contains(";tag=") { "" } else { tag };
                let _ = write!(text, "to: {value}{tag}\r\n");
            }
        }
        let _ = write!(text, "{extra}Content-Length: {}\r\n\r\n{body}", body.len());
        text
    }
}

fn long_name(name: &str) -> String {
    match name {
        "v" => "via".into(),
        "f" => "from".into(),
        "t" => "to".into(),
        "i" => "call-id".into(),
        "m" => "contact".into(),
        "l" => "content-length".into(),
        "c" => "content-type".into(),
        _ => name.to_ascii_lowercase(),
    }
}

/// An SDP body that offers PCMU and PCMA at `port`.
pub fn sdp(port: u16) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=sendrecv\r\n"
    )
}

/// The header that answers `challenge` (a 401 or 407), MD5, with qop=auth when it is offered (RFC 7616).
pub fn authorization(
    challenge: &Text,
    user: &str,
    password: &str,
    method: &str,
    uri: &str,
) -> Option<String> {
    let (offer, header) = match challenge.header("proxy-authenticate") {
        Some(offer) => (offer, "Proxy-Authorization"),
        None => (challenge.header("www-authenticate")?, "Authorization"),
    };
    let realm = parameter(offer, "realm")?;
    let nonce = parameter(offer, "nonce")?;
    let ha1 = hex(&format!("{user}:{realm}:{password}"));
    let ha2 = hex(&format!("{method}:{uri}"));
    let common = format!(
        "{header}: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\""
    );
    if parameter(offer, "qop").is_some() {
        let response = hex(&format!("{ha1}:{nonce}:00000001:b3c1:auth:{ha2}"));
        return Some(format!(
            "{common}, response=\"{response}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"b3c1\"\r\n"
        ));
    }
    let response = hex(&format!("{ha1}:{nonce}:{ha2}"));
    Some(format!("{common}, response=\"{response}\", algorithm=MD5\r\n"))
}

fn parameter<'a>(offer: &'a str, name: &str) -> Option<&'a str> {
    let offer = offer.strip_prefix("Digest ").unwrap_or(offer);
    offer.split(',').find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"'))
    })
}

fn hex(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: &str = "SIP/2.0 407 Proxy Authentication Required\r\nv: SIP/2.0/UDP h\r\n\
        Proxy-Authenticate: Digest realm=\"testrealm@host.com\", nonce=\"dcd98b71\", qop=\"auth\"\r\n\r\n";

    #[test]
    fn reads_and_answers_a_challenge() {
        let text = Text::read(CHALLENGE.as_bytes()).unwrap();
        assert_eq!(text.status(), Some(407));
        assert_eq!(text.header("via"), Some("SIP/2.0/UDP h"));
        let answer = authorization(&text, "Mufasa", "secret", "INVITE", "sip:x").unwrap();
        assert!(answer.starts_with("Proxy-Authorization: Digest username=\"Mufasa\""));
        assert!(answer.contains("nc=00000001"));
    }

    #[test]
    fn the_digest_without_qop_is_that_of_rfc_2617() {
        // HA1 of RFC 2617 section 3.5's user, realm and password.
        let ha1 = hex("Mufasa:testrealm@host.com:Circle Of Life");
        assert_eq!(ha1, "939e7578ed9e3c518a452acee763bce9");
    }

    #[test]
    fn finds_the_media_address() {
        let bytes = format!("SIP/2.0 200 OK\r\nTo: x\r\n\r\n{}", sdp(4000));
        let media = Text::read(bytes.as_bytes()).unwrap().media();
        assert_eq!(media, Some(SocketAddr::from(([127, 0, 0, 1], 4000))));
    }
}
