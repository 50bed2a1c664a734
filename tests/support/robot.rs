//! A robot: a WebSocket server that says back all audio that it is told.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;
use tungstenite::handshake::server::{Request, Response};
use tungstenite::{Message, WebSocket};

use super::SOON;
use super::wait::wait_for;

/// How often it looks whether it is to say or to end something.
const LOOK: Duration = Duration::from_millis(10);

#[derive(Default)]
struct State {
    /// What came before the first word of each connection: path and Authorization.
    doors: Vec<(String, String)>,
    texts: Vec<Value>,
    frames: Vec<usize>,
    closed: usize,
    stopped: bool,
}

/// A robot that is there until it is dropped. One call at a time.
pub struct Robot {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    say: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl Robot {
    /// Waits for calls at a port of loopback.
    pub fn start(port: u16) -> Self {
        Self::start_with(port, None)
    }

    /// ... over TLS.
    pub fn secured(port: u16, config: Arc<ServerConfig>) -> Self {
        Self::start_with(port, Some(config))
    }

    fn start_with(port: u16, config: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the robot's port is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        listener.set_nonblocking(true).expect("a socket can be made non-blocking");
        let state = Arc::new(Mutex::new(State::default()));
        let (say, said) = channel();
        let shared = Arc::clone(&state);
        let thread = thread::spawn(move || {
            while !lock(&shared).stopped {
                match listener.accept() {
                    Ok((stream, _)) => meet(stream, config.clone(), &shared, &said),
                    Err(_) => thread::sleep(LOOK),
                }
            }
        });
        Self { address, state, say, thread: Some(thread) }
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says something beside the audio.
    pub fn say(&self, word: &Value) {
        self.say.send(Message::text(word.to_string())).expect("the robot is there");
    }

    /// The texts of a type that it was told.
    pub fn told(&self, kind: &str) -> Vec<Value> {
        let state = lock(&self.state);
        state.texts.iter().filter(|text| text["type"] == kind).cloned().collect()
    }

    /// Waits for so many texts of a type, and returns the last of them.
    pub fn wait_told(&self, kind: &str, count: usize) -> Value {
        wait_for(&format!("the robot is told {kind} {count} times"), SOON, || {
            let told = self.told(kind);
            (told.len() >= count).then(|| told.last().cloned()).flatten()
        })
    }

    /// Path and Authorization of each connection.
    pub fn doors(&self) -> Vec<(String, String)> {
        lock(&self.state).doors.clone()
    }

    /// Bytes of each frame that it was told.
    pub fn frames(&self) -> Vec<usize> {
        lock(&self.state).frames.clone()
    }

    /// Connections that have ended with a goodbye.
    pub fn closed(&self) -> usize {
        lock(&self.state).closed
    }
}

impl Drop for Robot {
    fn drop(&mut self) {
        lock(&self.state).stopped = true;
        if let Some(thread) = self.thread.take() {
            let _joined = thread.join();
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn meet(
    stream: TcpStream,
    config: Option<Arc<ServerConfig>>,
    state: &Mutex<State>,
    said: &Receiver<Message>,
) {
    stream.set_nonblocking(false).expect("a socket can be made blocking");
    stream.set_nodelay(true).expect("a socket can be made prompt");
    let socket = stream.try_clone().expect("a socket can be shared");
    match config {
        Some(config) => {
            let connection = ServerConnection::new(config).expect("the certificate is right");
            serve(StreamOwned::new(connection, stream), &socket, state, said);
        }
        None => serve(stream, &socket, state, said),
    }
}

fn serve<S: Read + Write>(
    stream: S,
    below: &TcpStream,
    state: &Mutex<State>,
    said: &Receiver<Message>,
) {
    // The library's own type for a refusal is as large as it is.
    #[allow(clippy::result_large_err)]
    let door = |request: &Request, answer: Response| {
        let authorization = request.headers().get("authorization");
        let authorization = authorization.and_then(|value| value.to_str().ok());
        let authorization = authorization.unwrap_or_default().to_owned();
        lock(state).doors.push((request.uri().to_string(), authorization));
        Ok(answer)
    };
    // Whoever does not trust us goes before a word is said.
    let Ok(mut socket) = tungstenite::accept_hdr(stream, door) else { return };
    below.set_read_timeout(Some(LOOK)).expect("a socket can have a timeout");
    while !lock(state).stopped && converse(&mut socket, state, said).is_ok() {}
}

/// Hears one message and says what is to be said.
fn converse<S: Read + Write>(
    socket: &mut WebSocket<S>,
    state: &Mutex<State>,
    said: &Receiver<Message>,
) -> Result<(), ()> {
    while let Ok(message) = said.try_recv() {
        socket.send(message).map_err(drop)?;
    }
    match socket.read() {
        Ok(Message::Binary(frame)) => {
            lock(state).frames.push(frame.len());
            socket.send(Message::Binary(frame)).map_err(drop)
        }
        Ok(Message::Text(text)) => {
            let text = serde_json::from_str(&text).expect("the switch says JSON");
            lock(state).texts.push(text);
            Ok(())
        }
        Ok(Message::Close(_)) => {
            lock(state).closed += 1;
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(tungstenite::Error::Io(error))
            if matches!(
                error.kind(),
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
            ) =>
        {
            Ok(())
        }
        Err(_) => Err(()),
    }
}
