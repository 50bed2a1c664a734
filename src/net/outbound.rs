//! HTTP requests of our own: webhooks, and questions to other systems.
//!
//! Nothing is followed, nothing long is read, and nothing private is reached unless that is allowed: the address is
//! judged after its name is resolved and where the connection is made, so that a name that changes its mind gets nowhere.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tower_service::Service;

use super::dns::Dns;
use super::reach::is_public;

/// Until a connection stands, its TLS not counted.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(30);
/// Connections that nobody uses, for each host.
const SPARE: usize = 4;
/// The longest URL.
pub const URL_BYTES: usize = 2_048;

/// Sends requests.
#[derive(Clone)]
pub struct Outbound {
    /// Made when it is first needed: few switches have webhooks, and authorities take memory.
    sender: Arc<OnceLock<(HttpClient, Connector)>>,
    guard: Guard,
    /// Trusted beside the system's.
    authorities: Arc<[CertificateDer<'static>]>,
}

/// Makes connections, to allowed places only.
pub(super) type Connector = HttpsConnector<HttpConnector<Guard>>;
type HttpClient = Client<Connector, Full<Bytes>>;

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").finish_non_exhaustive()
    }
}

/// What is sent.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// GET, POST and so on.
    pub method: Method,
    /// Where.
    pub url: String,
    /// What is said about the body.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
    /// Until the answer is read.
    pub limit: Duration,
    /// Bytes of an answer's body that are read.
    pub most: usize,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The status.
    pub status: u16,
    /// `Content-Type`, or nothing.
    pub content_type: String,
    /// The body; `None` where it was longer than was asked for.
    pub body: Option<Bytes>,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutboundError {
    /// The URL is none, or leads where requests may not go.
    Refused(String),
    /// Nobody is there.
    Unreachable(String),
    /// Somebody is there but does not answer, or answers what is no HTTP.
    Broken(String),
}

impl std::fmt::Display for OutboundError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Refused(why) | Self::Unreachable(why) | Self::Broken(why)) = self;
        f.write_str(why)
    }
}

impl Outbound {
    /// With these name servers, or the system's.
    ///
    /// # Errors
    /// In words, when the system's cannot be read.
    pub fn new(servers: &[SocketAddr], allow_private: bool) -> Result<Self, String> {
        let allow_private = Arc::new(AtomicBool::new(allow_private));
        let guard = Guard { dns: Dns::new(servers)?, allow_private };
        Ok(Self { sender: Arc::default(), guard, authorities: Arc::default() })
    }

    /// Trusts the certificate authorities of a file in PEM beside the system's.
    ///
    /// # Errors
    /// In words, when it cannot be read or holds something else.
    pub fn trusting(self, file: &Path) -> Result<Self, String> {
        let wrong = |why: &dyn std::fmt::Display| format!("webhooks.ca_file {file:?}: {why}");
        let all = CertificateDer::pem_file_iter(file).map_err(|error| wrong(&error))?;
        let all: Vec<_> = all.collect::<Result<_, _>>().map_err(|error| wrong(&error))?;
        if all.is_empty() {
            return Err(wrong(&"holds no certificate in PEM"));
        }
        let mut roots = RootCertStore::empty();
        for one in &all {
            roots.add(one.clone()).map_err(|error| wrong(&error))?;
        }
        Ok(Self { authorities: all.into(), ..self })
    }

    /// Whether private addresses are reached from now on.
    pub fn allow_private(&self, allowed: bool) {
        self.guard.allow_private.store(allowed, Ordering::Relaxed);
    }

    /// Whether a request could go there: the form of the URL, and where its name leads now.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn check(&self, url: &str) -> Result<(), String> {
        let uri = read(url)?;
        let host = uri.host().unwrap_or_default();
        match literal(host) {
            Some(address) => self.guard.judge(address).map_err(|error| error.to_string()),
            None => self.guard.addresses(host).await.map(|_| ()).map_err(|error| error.to_string()),
        }
    }

    /// Sends one request and reads its answer.
    ///
    /// # Errors
    /// There was none.
    pub async fn send(&self, outgoing: Outgoing) -> Result<Incoming, OutboundError> {
        let limit = outgoing.limit;
        match tokio::time::timeout(limit, self.exchange(outgoing)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(OutboundError::Broken(format!("no answer within {} s", limit.as_secs()))),
        }
    }

    /// A URL that may be asked. The connector judges the addresses of names only: an address in the URL is judged here.
    pub(super) fn judged(&self, url: &str) -> Result<Uri, OutboundError> {
        let uri = read(url).map_err(OutboundError::Refused)?;
        if let Some(address) = uri.host().and_then(literal) {
            let judged = self.guard.judge(address);
            judged.map_err(|error| OutboundError::Refused(error.to_string()))?;
        }
        Ok(uri)
    }

    /// A connector of its own, for what is no request.
    pub(super) fn connector(&self) -> Connector {
        self.sender().1.clone()
    }

    fn sender(&self) -> &(HttpClient, Connector) {
        self.sender.get_or_init(|| sender(self.guard.clone(), &self.authorities))
    }

    async fn exchange(&self, outgoing: Outgoing) -> Result<Incoming, OutboundError> {
        let uri = self.judged(&outgoing.url)?;
        let mut request = Request::new(Full::new(outgoing.body));
        *request.method_mut() = outgoing.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers(&outgoing.headers)?;
        let (client, _) = self.sender();
        let answer = client.request(request).await.map_err(|error| {
            let text = innermost(&error);
            if error.is_connect() {
                OutboundError::Unreachable(text)
            } else {
                OutboundError::Broken(text)
            }
        })?;
        let status = answer.status().as_u16();
        let content_type = answer.headers().get(hyper::header::CONTENT_TYPE);
        let content_type = content_type.and_then(|text| text.to_str().ok()).unwrap_or_default();
        let content_type = content_type.to_owned();
        let body = Limited::new(answer.into_body(), outgoing.most).collect().await;
        let body = match body {
            Ok(whole) => Some(whole.to_bytes()),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => None,
            Err(error) => return Err(OutboundError::Broken(innermost(&*error))),
        };
        Ok(Incoming { status, content_type, body })
    }
}

/// With the system's certificate authorities and these; where there are none, https goes nowhere and http goes on.
fn sender(guard: Guard, authorities: &[CertificateDer<'static>]) -> (HttpClient, Connector) {
    let mut tcp = HttpConnector::new_with_resolver(guard);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!("certificate authorities: {error}");
    }
    let mut roots = RootCertStore::empty();
    let all = found.certs.into_iter().chain(authorities.iter().cloned());
    let (taken, ignored) = roots.add_parsable_certificates(all);
    tracing::debug!(taken, ignored, "certificate authorities");
    let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let tls = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    let client = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(SPARE)
        .build(tls.clone());
    (client, tls)
}

fn headers(pairs: &[(String, String)]) -> Result<HeaderMap, OutboundError> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let wrong = |_| OutboundError::Refused(format!("the header {name} cannot be sent"));
        let key = HeaderName::try_from(name).map_err(|_| wrong(()))?;
        headers.append(key, HeaderValue::try_from(value).map_err(|_| wrong(()))?);
    }
    Ok(headers)
}

/// A URL that a request could go to.
fn read(url: &str) -> Result<Uri, String> {
    const RIGHT: &str = "write e.g. https://example.com/events";
    if url.len() > URL_BYTES {
        return Err(format!("the URL is longer than {URL_BYTES} bytes"));
    }
    let uri: Uri = url.parse().map_err(|error| format!("the URL: {error}; {RIGHT}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(format!("the URL is neither http nor https; {RIGHT}"));
    }
    let authority = uri.authority().map(hyper::http::uri::Authority::as_str).unwrap_or_default();
    if authority.contains('@') {
        return Err(format!("the URL has a name or password in it; {RIGHT}"));
    }
    match uri.host() {
        None | Some("") => Err(format!("the URL has no host; {RIGHT}")),
        Some(_) => Ok(uri),
    }
}

/// The address that a host is, if it is one.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Resolves names, and answers with nothing private unless that is allowed.
#[derive(Clone)]
pub(super) struct Guard {
    dns: Dns,
    allow_private: Arc<AtomicBool>,
}

impl Guard {
    fn judge(&self, address: IpAddr) -> io::Result<()> {
        if is_public(address) || self.allow_private.load(Ordering::Relaxed) {
            return Ok(());
        }
        let text = format!("{address} is no public address, and webhooks.allow_private is not set");
        Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
    }

    async fn addresses(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = self.dns.addresses(host).await.map_err(io::Error::other)?;
        if found.is_empty() {
            return Err(io::Error::other(format!("{host} has no address")));
        }
        // One that is private spoils them all: whoever mixes them means no good, or made a mistake.
        found.iter().try_for_each(|address| self.judge(*address))?;
        Ok(found)
    }
}

impl Service<Name> for Guard {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let guard = self.clone();
        Box::pin(async move {
            let found = guard.addresses(name.as_str()).await?;
            // The connector puts the port in.
            let places: Vec<_> = found.into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
            Ok(places.into_iter())
        })
    }
}

/// The cause that says most.
pub(super) fn innermost(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn private_places_are_refused_however_they_are_written() {
        let outbound = Outbound::new(&[], false).unwrap();
        for url in [
            "http://127.0.0.1/",
            "http://127.0.0.1:8088/x",
            "https://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://169.254.169.254/latest/meta-data",
            "http://localhost:1/",
            "http://192.168.0.1/",
        ] {
            let wrong = outbound.check(url).await.unwrap_err();
            assert!(wrong.contains("is no public address"), "{url}: {wrong}");
            let outgoing = Outgoing {
                method: Method::POST,
                url: url.into(),
                headers: Vec::new(),
                body: Bytes::new(),
                limit: Duration::from_secs(5),
                most: 1,
            };
            let refused = outbound.send(outgoing).await.unwrap_err().to_string();
            assert!(refused.contains("is no public address"), "{url}: {refused}");
        }
        outbound.allow_private(true);
        assert_eq!(outbound.check("http://127.0.0.1/").await, Ok(()));
        assert_eq!(outbound.check("http://localhost/").await, Ok(()));
    }

    #[test]
    fn a_file_without_authorities_is_refused_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let trusting = || Outbound::new(&[], true).unwrap().trusting(&file).unwrap_err();
        assert!(trusting().contains("ca.pem"), "it is not there");
        for text in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            std::fs::write(&file, text).unwrap();
            let why = trusting();
            assert!(why.starts_with("webhooks.ca_file") && why.contains("ca.pem"), "{why}");
        }
    }

    #[tokio::test]
    async fn what_is_no_url_is_refused_with_what_would_be_right() {
        let outbound = Outbound::new(&[], true).unwrap();
        let long = format!("http://1.1.1.1/{}", "x".repeat(URL_BYTES));
        for (url, why) in [
            ("", "URL"),
            ("/events", "neither http nor https"),
            ("ftp://example.com/", "neither http nor https"),
            ("file:///etc/passwd", "URL"),
            ("http://user:secret@example.com/", "password"),
            ("http:///x", "URL"),
            (long.as_str(), "longer than"),
        ] {
            let wrong = outbound.check(url).await.unwrap_err();
            assert!(wrong.contains(why), "{url}: {wrong}");
        }
    }

    /// A name server that answers every question for an IPv4 address with the one that is set.
    async fn name_server(address: Arc<std::sync::Mutex<[u8; 4]>>) -> SocketAddr {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let own = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 512];
            while let Ok((size, from)) = socket.recv_from(&mut buffer).await {
                // The question ends behind the root label, its type and its class (RFC 1035 section 4.1.2).
                let name = buffer[12..size].iter().position(|byte| *byte == 0).unwrap();
                let question = buffer[12..12 + name + 5].to_vec();
                let for_v4 = question[name + 1..name + 3] == [0, 1];
                let mut answer = buffer[..2].to_vec();
                answer.extend([0x81, 0x80, 0, 1, 0, u8::from(for_v4), 0, 0, 0, 0]);
                answer.extend(question);
                if for_v4 {
                    answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
                    answer.extend(*address.lock().unwrap());
                }
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        own
    }

    #[tokio::test]
    async fn a_name_that_changes_its_mind_leads_nowhere() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = Arc::new(std::sync::Mutex::new([1, 1, 1, 1]));
        let server = name_server(Arc::clone(&address)).await;
        let outbound = Outbound::new(&[server], false).unwrap();
        let url = format!("http://rebinding.example:{port}/");
        assert_eq!(outbound.check(&url).await, Ok(()), "it is public when it is looked at");
        *address.lock().unwrap() = [127, 0, 0, 1];
        let outgoing = Outgoing {
            method: Method::POST,
            url,
            headers: Vec::new(),
            body: Bytes::from_static(b"secret"),
            limit: Duration::from_secs(20),
            most: 1,
        };
        let refused = outbound.send(outgoing.clone()).await.unwrap_err().to_string();
        assert!(refused.contains("is no public address"), "{refused}");
        // The listener is really there: allowed, the same request arrives.
        outbound.allow_private(true);
        let sent = tokio::spawn(async move { outbound.send(outgoing).await });
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 4];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut head).await.unwrap();
        assert_eq!(&head, b"POST");
        drop(stream);
        assert!(matches!(sent.await.unwrap(), Err(OutboundError::Broken(_))));
    }

    /// A server that gives each connection the next of these answers, and keeps the last ones open.
    async fn server(answers: Vec<&'static str>) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut held = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = [0; 16];
                tokio::io::AsyncReadExt::read_exact(&mut stream, &mut head).await.unwrap();
                tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await.unwrap();
                held.push(stream);
            }
            std::future::pending::<()>().await;
        });
        address
    }

    #[tokio::test]
    async fn answers_are_read_as_far_as_is_wanted_and_led_nowhere() {
        let answers = vec![
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nhello!",
            "SSH-2.0-OpenSSH_9.2\r\n",
            "",
        ];
        let address = server(answers).await;
        let outbound = Outbound::new(&[], true).unwrap();
        let ask = |limit| Outgoing {
            method: Method::GET,
            url: format!("http://{address}/"),
            headers: vec![("x-own".into(), "1".into())],
            body: Bytes::new(),
            limit,
            most: 5,
        };
        let long = Duration::from_secs(20);
        let led = outbound.send(ask(long)).await.unwrap();
        assert_eq!((led.status, led.body), (302, Some(Bytes::new())));
        let short = outbound.send(ask(long)).await.unwrap();
        assert_eq!((short.content_type.as_str(), short.body), ("text/plain", Some("hello".into())));
        assert_eq!(outbound.send(ask(long)).await.unwrap().body, None, "six bytes are too many");
        let other = outbound.send(ask(long)).await.unwrap_err();
        assert!(matches!(other, OutboundError::Broken(_)), "{other}");
        let silent = outbound.send(ask(Duration::from_secs(1))).await.unwrap_err();
        assert_eq!(silent, OutboundError::Broken("no answer within 1 s".into()));
        let mut wrong = ask(long);
        wrong.headers = vec![("x".into(), "a\r\nb: c".into())];
        assert!(matches!(outbound.send(wrong).await, Err(OutboundError::Refused(_))));
    }
}
