//! A receiver of webhooks that does what a test wants: takes, dawdles, refuses, leads elsewhere.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// How often one who holds looks whether it is to answer.
const LOOK: Duration = Duration::from_millis(5);

/// How it answers.
#[derive(Debug, Clone)]
pub enum Manner {
    /// With a status, after a while.
    Says(u16, Duration),
    /// Not before it behaves otherwise.
    Holds,
    /// With a redirect to a URL.
    Leads(String),
    /// With 200 and what this makes of the path and the body.
    Gives(fn(&str, &Value) -> Value),
}

/// One request.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub path: String,
    pub body: Vec<u8>,
}

impl Received {
    /// The body.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What names the delivery, over all its attempts.
    pub fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }
}

/// It listens until it is dropped.
pub struct Receiver {
    address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    received: Arc<Mutex<Vec<Received>>>,
    ended: Arc<AtomicBool>,
}

impl Receiver {
    /// At a free port of loopback.
    pub fn start(manner: Manner) -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), manner)
    }

    /// At an address.
    pub fn at(address: SocketAddr, manner: Manner) -> Self {
        let listener = TcpListener::bind(address).expect("the address is free");
        let address = listener.local_addr().expect("it is bound");
        let manner = Arc::new(Mutex::new(manner));
        let (received, ended) =
            (Arc::<Mutex<Vec<Received>>>::default(), Arc::<AtomicBool>::default());
        let (own_manner, own, end) =
            (Arc::clone(&manner), Arc::clone(&received), Arc::clone(&ended));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let (manner, received) = (Arc::clone(&own_manner), Arc::clone(&own));
                let end = Arc::clone(&end);
                thread::spawn(move || serve(&stream, &manner, &received, &end));
            }
        });
        Self { address, manner, received, ended }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Answers otherwise from now on.
    pub fn behave(&self, manner: Manner) {
        *self.manner.lock().expect("nobody panics with it") = manner;
    }

    /// What came and was given its answer, in order.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().expect("nobody panics with it").clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the one who accepts.
        let _ = TcpStream::connect(self.address);
    }
}

/// Requests of one connection, until the other end closes it.
fn serve(
    stream: &TcpStream,
    manner: &Mutex<Manner>,
    received: &Mutex<Vec<Received>>,
    ended: &AtomicBool,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream.try_clone().ok()?;
    loop {
        let request = read(&mut reader)?;
        let mut present = manner.lock().ok()?.clone();
        while matches!(present, Manner::Holds) && !ended.load(Ordering::SeqCst) {
            thread::sleep(LOOK);
            present = manner.lock().ok()?.clone();
        }
        let answer = match present {
            Manner::Holds => return None,
            Manner::Says(status, after) => {
                thread::sleep(after);
                format!("HTTP/1.1 {status} Said\r\nContent-Length: 2\r\n\r\nok")
            }
            Manner::Gives(make) => {
                let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
                let body = make(&request.path, &body).to_string();
                let length = body.len();
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}")
            }
            Manner::Leads(url) => {
                format!("HTTP/1.1 307 Elsewhere\r\nLocation: {url}\r\nContent-Length: 0\r\n\r\n")
            }
        };
        received.lock().ok()?.push(request);
        writer.write_all(answer.as_bytes()).ok()?;
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Received> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(Some(0), |length| length.parse().ok())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Received { method, headers, path, body })
}
