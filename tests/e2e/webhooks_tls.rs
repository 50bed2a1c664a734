//! Webhooks over TLS: a receiver whose authority is trusted is told, and no other.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::support::SOON;
use super::support::place::Place;
use super::support::switch::{Setup, Switch};
use super::support::wait::wait_for;

/// What came: the head, and the body.
type Told = (String, Value);

/// A receiver with a certificate of an authority of its own.
struct Secured {
    address: SocketAddr,
    /// The authority's certificate in PEM.
    authority: String,
    told: Receiver<Told>,
}

impl Secured {
    fn start() -> Self {
        let (authority, config) = certified();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, Arc::clone(&config), &tell);
            }
        });
        Self { address, authority, told }
    }

    /// Makes a webhook that is told of menus; returns its path.
    fn hook(&self, switch: &Switch) -> String {
        let url = format!("https://{}/hook", self.address);
        let order = json!({ "url": url, "events": ["menu_changed"] });
        let made = switch.http().post("/api/v1/webhooks", &order);
        assert_eq!(made.status, 201, "{}", made.text());
        format!("/api/v1/webhooks/{}", made.json()["id"].as_str().unwrap())
    }
}

/// An authority's certificate in PEM, and a server at 127.0.0.1 for which it vouches.
pub fn certified() -> (String, Arc<ServerConfig>) {
    let key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(authority, key);
    let own = KeyPair::generate().unwrap();
    let names = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = names.signed_by(&own, &issuer).unwrap();
    let secret = PrivateKeyDer::try_from(own.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .unwrap();
    (pem, Arc::new(config))
}

/// One request, if the client trusts us, and 200 for it.
fn serve(stream: TcpStream, config: Arc<ServerConfig>, tell: &Sender<Told>) -> Option<()> {
    stream.set_read_timeout(Some(SOON)).ok()?;
    let connection = ServerConnection::new(config).ok()?;
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length:"))?;
    let mut body = vec![0; length.trim().parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    tell.send((lower, serde_json::from_slice(&body).ok()?)).ok()?;
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    reader.get_mut().write_all(answer).ok()?;
    reader.get_mut().flush().ok()
}

#[test]
fn a_receiver_is_told_over_tls_where_its_authority_is_trusted() {
    let (trusted, stranger) = (Secured::start(), Secured::start());
    let place = Arc::new(Place::take());
    let authorities = place.dir().join("ca.pem");
    fs::write(&authorities, &trusted.authority).unwrap();
    let webhooks = format!("[webhooks]\nallow_private = true\nca_file = {authorities:?}\n");
    let setup = Setup::default().extension("1001", "").with(&webhooks);
    let switch = Switch::start_in(place, setup);
    trusted.hook(&switch);
    let path = stranger.hook(&switch);
    let menu = json!({ "keys": { "1": "extension:1001" } });
    let put = switch.http().put("/api/v1/menus/main", &menu);
    assert_eq!(put.status, 204, "{}", put.text());
    let (head, body) = trusted.told.recv_timeout(SOON).expect("it is told");
    assert!(head.starts_with("post /hook http/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nwebhook-signature: v1,"), "{head}");
    assert_eq!(body["event"], "menu_changed", "{body}");
    let why = wait_for("what the stranger is not told", SOON, || {
        let rows = switch.http().rows(&format!("{path}/deliveries?state=waiting"));
        rows.first().and_then(|row| row["error"].as_str().map(str::to_owned))
    });
    assert!(why.contains("certificate"), "{why}");
    assert!(stranger.told.try_recv().is_err(), "nothing is said to whom nobody vouches for");
}
