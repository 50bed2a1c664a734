//! A bank of phones on one UDP socket: registers any number of users, calls, and answers what comes in.

use crate::Result;
use crate::load::Stream;
use crate::sip::{Text, authorization, sdp};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const T1: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_secs(8);

/// The realm and domain of every peer under test.
pub const REALM: &str = "pbx.bench";
/// Every account's password.
pub const PASSWORD: &str = "bench-secret";

/// What callees offer and were offered, by user.
#[derive(Default)]
struct Media {
    ports: BTreeMap<String, u16>,
    offers: BTreeMap<String, SocketAddr>,
}

/// The bank of phones.
pub struct Bank {
    socket: Arc<UdpSocket>,
    server: SocketAddr,
    here: SocketAddr,
    answers: Receiver<Text>,
    media: Arc<Mutex<Media>>,
    stop: Arc<AtomicBool>,
    pump: Option<JoinHandle<()>>,
    next_id: AtomicU64,
}

/// An answered call, seen from the caller.
pub struct Dialog {
    id: u64,
    caller: String,
    to: String,
    target: String,
    route: String,
    /// Where the caller sends its audio.
    pub media: SocketAddr,
}

/// A request within or outside a dialog, before Via and Content-Length.
struct Request<'a> {
    method: &'a str,
    uri: &'a str,
    caller: &'a str,
    to: &'a str,
    id: u64,
    cseq: u32,
    extra: String,
    body: String,
}

impl Bank {
    /// Phones that talk to `server`; `port` 0 takes any.
    pub fn open(server: SocketAddr, port: u16) -> Result<Bank> {
        let socket = Arc::new(UdpSocket::bind(("127.0.0.1", port))?);
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let (sender, answers) = channel();
        let media = Arc::new(Mutex::new(Media::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let pump = {
            let (socket, media, stop) = (socket.clone(), media.clone(), stop.clone());
            std::thread::spawn(move || pump(&socket, &media, &stop, &sender))
        };
        let here = socket.local_addr()?;
        let next_id = AtomicU64::new(1);
        Ok(Bank { socket, server, here, answers, media, stop, pump: Some(pump), next_id })
    }

    /// True once the server answers an OPTIONS.
    pub fn answers_options(&self) -> bool {
        let uri = format!("sip:{REALM}");
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let request = self.request("OPTIONS", &uri, "rig", &uri, id, 1);
        if self.send(&self.write(&request)).is_err() {
            return false;
        }
        self.answer(id, 1, Instant::now() + Duration::from_millis(100)).is_some()
    }

    /// Registers `user` with a contact at this socket.
    pub fn register(&self, user: &str) -> Result<()> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let uri = format!("sip:{REALM}");
        let to = format!("<sip:{user}@{REALM}>");
        let mut request = self.request("REGISTER", &uri, user, &to, id, 1);
        let expires = format!("Contact: <sip:{user}@{}>\r\nExpires: 3600\r\n", self.here);
        request.extra = expires.clone();
        let challenge = self.transact(&request)?;
        request.extra = expires + &answer_to(&challenge, user, "REGISTER", &uri)?;
        request.cseq = 2;
        expect(&self.transact(&request)?, 200)
    }

    /// Registers all of `users`.
    pub fn register_all(&self, users: &[String]) -> Result<()> {
        users.iter().try_for_each(|user| self.register(user))
    }

    /// `caller` calls `callee`, both phones of this bank, audio at the two given ports. Says where each side sends.
    pub fn call(
        &self,
        caller: &str,
        callee: &str,
        ports: (u16, u16),
    ) -> Result<(Dialog, SocketAddr)> {
        self.media().ports.insert(callee.to_owned(), ports.1);
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let uri = format!("sip:{callee}@{REALM}");
        let to = format!("<{uri}>");
        let mut request = self.request("INVITE", &uri, caller, &to, id, 1);
        let common =
            format!("Contact: <sip:{caller}@{}>\r\nContent-Type: application/sdp\r\n", self.here);
        request.extra = common.clone();
        request.body = sdp(ports.0);
        let challenge = self.transact(&request)?;
        let refused_to = challenge.header("to").unwrap_or_default().to_owned();
        let mut ack = self.request("ACK", &uri, caller, &refused_to, id, 1);
        self.send(&self.write(&ack))?;

        request.extra = common + &answer_to(&challenge, caller, "INVITE", &uri)?;
        request.cseq = 2;
        let answer = self.transact(&request)?;
        expect(&answer, 200)?;
        let dialog = dialog_of(id, caller, &answer)?;
        ack = self.in_dialog("ACK", &dialog, 2);
        self.send(&self.write(&ack))?;
        let offered = self.media().offers.get(callee).copied().ok_or("the callee saw no offer")?;
        if dialog.media.port() == ports.1 || offered.port() == ports.0 {
            return Err("the media does not go through the switch".into());
        }
        Ok((dialog, offered))
    }

    /// Ends a call.
    pub fn hang_up(&self, dialog: &Dialog) -> Result<()> {
        expect(&self.transact(&self.in_dialog("BYE", dialog, 3))?, 200)
    }

    fn media(&self) -> std::sync::MutexGuard<'_, Media> {
        self.media.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn request<'a>(
        &self,
        method: &'a str,
        uri: &'a str,
        caller: &'a str,
        to: &'a str,
        id: u64,
        cseq: u32,
    ) -> Request<'a> {
        Request { method, uri, caller, to, id, cseq, extra: String::new(), body: String::new() }
    }

    fn in_dialog<'a>(&self, method: &'a str, dialog: &'a Dialog, cseq: u32) -> Request<'a> {
        let mut request =
            self.request(method, &dialog.target, &dialog.caller, &dialog.to, dialog.id, cseq);
        request.extra = dialog.route.clone();
        request
    }

    fn write(&self, request: &Request<'_>) -> String {
        let Request { method, uri, caller, to, id, cseq, extra, body } = request;
        let here = self.here;
        // An ACK for a 2xx is a transaction of its own; with a CSeq of 2 it needs another branch.
        let own = if *method == "ACK" && *cseq == 2 { "a" } else { "" };
        format!(
            "{method} {uri} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {here};branch=z9hG4bK{}x{id}x{cseq}{own};rport\r\n\
             From: <sip:{caller}@{REALM}>;tag=f{id}\r\nTo: {to}\r\nCall-ID: {id}-{}@rig\r\n\
             CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\n{extra}Content-Length: {}\r\n\r\n{body}",
            here.port(),
            here.port(),
            body.len()
        )
    }

    fn send(&self, text: &str) -> Result<()> {
        self.socket.send_to(text.as_bytes(), self.server)?;
        Ok(())
    }

    /// Sends a request, repeats it while nothing comes, and returns the final response.
    fn transact(&self, request: &Request<'_>) -> Result<Text> {
        let text = self.write(request);
        let end = Instant::now() + PATIENCE;
        let mut wait = T1;
        while Instant::now() < end {
            self.send(&text)?;
            let until = (Instant::now() + wait).min(end);
            wait *= 2;
            while let Some(answer) = self.answer(request.id, request.cseq, until) {
                if answer.status().is_some_and(|status| status >= 200) {
                    return Ok(answer);
                }
            }
        }
        Err(format!("no final response to {} {}", request.method, request.uri).into())
    }

    /// The next response of that Call-ID and CSeq number before `until`.
    fn answer(&self, id: u64, cseq: u32, until: Instant) -> Option<Text> {
        let call_id = format!("{id}-{}@rig", self.here.port());
        loop {
            let left = until.checked_duration_since(Instant::now())?;
            let text = self.answers.recv_timeout(left).ok()?;
            let number = text.header("cseq").and_then(|v| v.split(' ').next()?.parse().ok());
            if text.header("call-id") == Some(&call_id) && number == Some(cseq) {
                return Some(text);
            }
        }
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(pump) = self.pump.take()
            && pump.join().is_err()
        {
            eprintln!("a bank of phones failed");
        }
    }
}

/// Calls set up for media: the dialogs to hang up and the streams to load.
pub struct Calls {
    dialogs: Vec<Dialog>,
    /// Two per call.
    pub streams: Vec<Stream>,
}

impl Calls {
    /// Sets up one call per pair of users.
    pub fn set_up(bank: &Bank, callers: &[String], callees: &[String]) -> Result<Calls> {
        let mut calls = Calls { dialogs: Vec::new(), streams: Vec::new() };
        for (caller, callee) in callers.iter().zip(callees) {
            let (a, b) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
            let ports = (a.local_addr()?.port(), b.local_addr()?.port());
            let (dialog, offered) = bank.call(caller, callee, ports)?;
            calls.streams.push(Stream { socket: a, target: dialog.media });
            calls.streams.push(Stream { socket: b, target: offered });
            calls.dialogs.push(dialog);
        }
        Ok(calls)
    }

    /// Ends them all.
    pub fn hang_up(&self, bank: &Bank) -> Result<()> {
        self.dialogs.iter().try_for_each(|dialog| bank.hang_up(dialog))
    }
}

fn answer_to(challenge: &Text, user: &str, method: &str, uri: &str) -> Result<String> {
    if !matches!(challenge.status(), Some(401 | 407)) {
        return Err(format!("{method}: a challenge was expected: {}", challenge.start).into());
    }
    authorization(challenge, user, PASSWORD, method, uri)
        .ok_or_else(|| format!("{method}: a challenge that cannot be answered").into())
}

fn expect(answer: &Text, status: u16) -> Result<()> {
    if answer.status() == Some(status) {
        return Ok(());
    }
    Err(format!("{status} was expected: {}", answer.start).into())
}

fn dialog_of(id: u64, caller: &str, answer: &Text) -> Result<Dialog> {
    let contact = answer.header("contact").ok_or("an answer without Contact")?;
    let target = contact.split(['<', '>']).nth(1).unwrap_or(contact).to_owned();
    let mut routes: Vec<&str> = answer.all("record-route").collect();
    routes.reverse();
    let route = routes.iter().map(|route| format!("Route: {route}\r\n")).collect();
    let media = answer.media().ok_or("an answer without audio")?;
    let to = answer.header("to").unwrap_or_default().to_owned();
    Ok(Dialog { id, caller: caller.to_owned(), to, target, route, media })
}

/// Reads the socket: responses go to whoever waits, requests are answered here.
fn pump(socket: &UdpSocket, media: &Mutex<Media>, stop: &AtomicBool, answers: &Sender<Text>) {
    let mut buffer = vec![0u8; 65_536];
    while !stop.load(Ordering::Relaxed) {
        let (length, from) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                continue;
            }
            // A refused port is reported on the next receive; the retransmission will tell.
            Err(_) => continue,
        };
        let Some(text) = buffer.get(..length).and_then(Text::read) else { continue };
        if text.status().is_some() {
            if answers.send(text).is_err() {
                return;
            }
            continue;
        }
        for reply in replies(&text, media, socket) {
            if let Err(error) = socket.send_to(reply.as_bytes(), from) {
                eprintln!("phones: {error}");
            }
        }
    }
}

fn replies(request: &Text, media: &Mutex<Media>, socket: &UdpSocket) -> Vec<String> {
    let user = request.request_user().unwrap_or("nobody").to_owned();
    let tag = format!(";tag=u{user}");
    if request.method() == "ACK" {
        return Vec::new();
    }
    if request.method() != "INVITE" {
        return vec![request.response("200 OK", &tag, "", "")];
    }
    let mut media = media.lock().unwrap_or_else(PoisonError::into_inner);
    let port = media.ports.get(&user).copied().unwrap_or(9);
    if let Some(offer) = request.media() {
        media.offers.insert(user.clone(), offer);
    }
    let here = socket.local_addr().map_or(0, |address| address.port());
    let contact = format!("Contact: <sip:{user}@127.0.0.1:{here}>\r\n");
    let with_type = format!("{contact}Content-Type: application/sdp\r\n");
    vec![
        request.response("180 Ringing", &tag, &contact, ""),
        request.response("200 OK", &tag, &with_type, &sdp(port)),
    ]
}
