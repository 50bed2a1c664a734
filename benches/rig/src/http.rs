//! The HTTP surface beside 1,000 live calls: reads, orders, and events to 1,000 WebSockets.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Result;
use crate::peer::{Kind, Mode, Peer, callees, callers};
use crate::ua::{Bank, Dialog};

/// The administrator's key of benches/peers/strowger.toml.
const TOKEN: &str = "bench-admin-token";
/// Live calls.
const CALLS: usize = 1_000;
/// Connections that ask at once, each the next question when the last is answered.
const CLIENTS: usize = 8;
/// WebSockets that follow the events.
const SOCKETS: usize = 1_000;
/// Threads that read them.
const READERS: usize = 2;
/// Orders whose events go to all of them; each gives one event.
const ORDERS: usize = 100;
/// Nothing takes so long unless it is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// One row of the table.
struct Row {
    what: &'static str,
    per_second: f64,
    cpu_us: f64,
    note: String,
}

pub fn run(quick: bool) -> Result<()> {
    let (calls, sockets) = if quick { (100, 100) } else { (CALLS, SOCKETS) };
    let spell = Duration::from_secs(if quick { 2 } else { 10 });
    let peer = Peer::start(Kind::Strowger, Mode::ALONE)?;
    let address = peer.http()?;
    let bank = Bank::open(peer.sip, 0)?;
    let dialogs = live(&bank, calls)?;
    let ids = Client::open(address)?.calls(calls)?;
    let mut rows = Vec::new();
    let one: Vec<Question> =
        ids.iter().map(|(id, _)| Question::get(format!("/api/v1/calls/{id}"))).collect();
    rows.push(asked(&peer, address, "one live call", &one, spell)?);
    let page = [Question::get("/api/v1/calls?limit=50".into())];
    rows.push(asked(&peer, address, "50 live calls", &page, spell)?);
    // Each is held and resumed in turn by its caller; the clients share the calls out among them.
    let orders: Vec<Question> =
        ids.iter().flat_map(|call| [order(call, "hold"), order(call, "resume")]).collect();
    rows.push(asked(&peer, address, "hold or resume", &orders, spell)?);
    rows.push(fan_out(&peer, address, &orders, sockets)?);
    dialogs.iter().try_for_each(|dialog| bank.hang_up(dialog))?;
    println!("{calls} live calls, {CLIENTS} connections, {sockets} WebSockets\n");
    println!("| what | a second | server's CPU, µs each | |\n|---|---|---|---|");
    for row in rows {
        println!("| {} | {:.0} | {:.1} | {} |", row.what, row.per_second, row.cpu_us, row.note);
    }
    Ok(())
}

fn live(bank: &Bank, count: usize) -> Result<Vec<Dialog>> {
    let (from, to) = (callers(count), callees(count));
    bank.register_all(&from)?;
    bank.register_all(&to)?;
    // Nobody speaks: only their signalling is of interest.
    let port = |base: usize, n: usize| u16::try_from(base + 2 * n).unwrap_or(9);
    let call = |(n, (from, to)): (usize, (&String, &String))| {
        Ok(bank.call(from, to, (port(40_000, n), port(42_000, n)))?.0)
    };
    from.iter().zip(&to).enumerate().map(call).collect()
}

/// What is asked.
struct Question {
    method: &'static str,
    path: String,
    body: String,
}

impl Question {
    fn get(path: String) -> Self {
        Self { method: "GET", path, body: String::new() }
    }
}

fn order((id, extension): &(String, String), what: &str) -> Question {
    let (path, body) =
        (format!("/api/v1/calls/{id}/{what}"), format!("{{\"extension\":\"{extension}\"}}"));
    Question { method: "POST", path, body }
}

/// Asks all questions over and over on several connections, each connection a part of them in order.
fn asked(
    peer: &Peer,
    address: SocketAddr,
    what: &'static str,
    questions: &[Question],
    spell: Duration,
) -> Result<Row> {
    // Hold and resume of a call stay together.
    let part = questions.len().div_ceil(CLIENTS).next_multiple_of(2);
    let stop = AtomicBool::new(false);
    let (done, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    let before = peer.usage();
    let began = Instant::now();
    std::thread::scope(|scope| -> Result<()> {
        let mut clients = Vec::new();
        for n in 0..CLIENTS {
            let own = questions.get(n * part..((n + 1) * part).min(questions.len()));
            let own = own.filter(|own| !own.is_empty()).unwrap_or(questions);
            let (stop, done, refused) = (&stop, &done, &refused);
            clients.push(scope.spawn(move || -> Result<()> {
                let mut client = Client::open(address)?;
                for question in own.iter().cycle() {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let (status, _) = client.ask(question)?;
                    let count = if status < 300 { done } else { refused };
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            }));
        }
        std::thread::sleep(spell);
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().map_err(|_| "a client has failed")??;
        }
        Ok(())
    })?;
    let took = began.elapsed().as_secs_f64();
    let spent = peer.usage().since(&before);
    let (done, refused) = (done.into_inner(), refused.into_inner());
    if done == 0 {
        return Err(format!("{what}: nothing was answered with 2xx").into());
    }
    let note = if refused > 0 { format!("{refused} refused") } else { String::new() };
    Ok(Row {
        what,
        per_second: done as f64 / took,
        cpu_us: spent.cpu_ns as f64 / 1e3 / (done + refused) as f64,
        note,
    })
}

/// Orders that give one event each, while many WebSockets follow them.
fn fan_out(peer: &Peer, address: SocketAddr, orders: &[Question], sockets: usize) -> Result<Row> {
    // A call that is held already would give no event.
    let mut client = Client::open(address)?;
    for question in orders.iter().take(ORDERS).filter(|one| one.path.ends_with("/resume")) {
        client.ask(question)?;
    }
    let mut followers = Vec::new();
    for _ in 0..sockets {
        followers.push(follow(address)?);
    }
    let wanted = sockets * ORDERS.min(orders.len());
    let (seen, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let before = peer.usage();
    let began = Instant::now();
    let outcome = std::thread::scope(|scope| -> Result<f64> {
        for own in followers.chunks_mut(sockets.div_ceil(READERS)) {
            let (seen, stop) = (&seen, &stop);
            scope.spawn(move || read_all(own, seen, stop));
        }
        let given = orders.iter().take(ORDERS).try_for_each(|question| {
            let (status, body) = client.ask(question)?;
            let bad = || format!("{} was answered with {status}: {body}", question.path).into();
            if status < 300 { Ok(()) } else { Err(bad()) }
        });
        while given.is_ok() && seen.load(Ordering::Relaxed) < wanted && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
        let took = began.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        given.map(|()| took)
    });
    let took = outcome?;
    let spent = peer.usage().since(&before);
    let seen = seen.into_inner();
    if seen < wanted {
        return Err(format!("{seen} of {wanted} events arrived").into());
    }
    Ok(Row {
        what: "event to a WebSocket",
        per_second: seen as f64 / took,
        cpu_us: spent.cpu_ns as f64 / 1e3 / seen as f64,
        note: format!("{} events, orders included", ORDERS.min(orders.len())),
    })
}

/// An open WebSocket, and what has come of a frame that is not whole.
struct Follower {
    stream: TcpStream,
    rest: Vec<u8>,
}

fn follow(address: SocketAddr) -> Result<Follower> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!(
        "GET /api/v1/events?kinds=call_held,call_resumed HTTP/1.1\r\nHost: bench\r\n\
         Authorization: Bearer {TOKEN}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    if !head.starts_with(b"HTTP/1.1 101") {
        return Err(format!("no WebSocket: {}", String::from_utf8_lossy(&head)).into());
    }
    stream.set_nonblocking(true)?;
    Ok(Follower { stream, rest: Vec::new() })
}

fn read_all(followers: &mut [Follower], seen: &AtomicUsize, stop: &AtomicBool) {
    let mut buffer = vec![0; 64 * 1024];
    while !stop.load(Ordering::Relaxed) {
        let mut idle = true;
        for follower in &mut *followers {
            match follower.stream.read(&mut buffer) {
                Ok(length) if length > 0 => {
                    idle = false;
                    follower.rest.extend(buffer.get(..length).unwrap_or_default());
                    seen.fetch_add(texts(&mut follower.rest), Ordering::Relaxed);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                _ => return,
            }
        }
        if idle {
            std::thread::sleep(Duration::from_micros(500));
        }
    }
}

/// Takes the whole frames out and counts those of text (RFC 6455 section 5.2; a server does not mask).
fn texts(rest: &mut Vec<u8>) -> usize {
    let (mut at, mut count) = (0, 0);
    while let Some(&[first, length]) = rest.get(at..at + 2) {
        let (head, length) = match length & 0x7f {
            126 => match rest.get(at + 2..at + 4) {
                Some(&[high, low]) => (4, usize::from(u16::from_be_bytes([high, low]))),
                _ => break,
            },
            short => (2, usize::from(short)),
        };
        if rest.len() < at + head + length {
            break;
        }
        count += usize::from(first & 0x0f == 1);
        at += head + length;
    }
    rest.drain(..at);
    count
}

/// A connection that is kept.
struct Client {
    reader: BufReader<TcpStream>,
}

impl Client {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { reader: BufReader::new(stream) })
    }

    fn ask(&mut self, question: &Question) -> Result<(u16, String)> {
        let Question { method, path, body } = question;
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {TOKEN}\r\n{kind}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.reader.get_mut().write_all(request.as_bytes())?;
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| format!("no answer: {line:?}"))?;
        let mut headers = BTreeMap::new();
        loop {
            line.clear();
            self.reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").map_or(Ok(0), |length| length.parse())?;
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body)?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }

    /// The ids and callers of all live calls.
    fn calls(&mut self, wanted: usize) -> Result<Vec<(String, String)>> {
        let mut found = Vec::new();
        loop {
            let path = format!("/api/v1/calls?limit=200&offset={}", found.len());
            let (status, body) = self.ask(&Question::get(path))?;
            let page: Value = serde_json::from_str(&body)?;
            let items = page["items"].as_array().filter(|_| status == 200);
            let items =
                items.ok_or_else(|| format!("the calls were answered with {status}: {body}"))?;
            if items.is_empty() {
                break;
            }
            found.extend(items.iter().filter_map(|call| {
                let text = |value: &Value| value.as_str().map(str::to_owned);
                Some((text(&call["call"])?, text(&call["caller"]["number"])?))
            }));
        }
        if found.len() == wanted {
            return Ok(found);
        }
        Err(format!("{} of {wanted} calls live", found.len()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_text_are_counted_once_they_are_whole() {
        let mut rest = vec![0x81, 2, b'h', b'i', 0x89, 0, 0x81, 126, 0, 200];
        assert_eq!(texts(&mut rest), 1);
        rest.extend([b'x'; 199]);
        assert_eq!(texts(&mut rest), 0);
        rest.push(b'x');
        assert_eq!((texts(&mut rest), rest.len()), (1, 0));
    }
}
