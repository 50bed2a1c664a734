//! A party's media: sends a tone as G.711 µ-law from one port, keeps what arrives there, counts it.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::tone::{Audio, sine};

/// Samples in a packet of 20 ms.
const FRAME: usize = 160;
const PERIOD: Duration = Duration::from_millis(20);
/// The payload type of telephone events in the scenarios' SDP.
pub const EVENTS: u8 = 101;

#[derive(Default)]
struct State {
    remote: Option<SocketAddr>,
    closed: bool,
    heard: Vec<i16>,
    packets: usize,
    events: Vec<u8>,
    /// Events to send, each with its remaining packets.
    sending: Vec<u8>,
    last_event: Option<(u8, u32)>,
}

/// One RTP endpoint on loopback.
pub struct RtpPeer {
    port: u16,
    state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

impl RtpPeer {
    /// Opens `port`; sends `tone` (Hz, 0 = silence) once it knows where to.
    pub fn open(port: u16, tone: f64) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).expect("an RTP port is free");
        socket.set_nonblocking(true).expect("a socket can be made non-blocking");
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let thread = thread::spawn(move || run(&socket, &shared, tone));
        Self { port, state, thread: Some(thread) }
    }

    /// The port it receives on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts sending to `remote`.
    pub fn send_to(&self, remote: SocketAddr) {
        lock(&self.state).remote = Some(remote);
    }

    /// Stops sending, keeps listening.
    pub fn stop_sending(&self) {
        lock(&self.state).remote = None;
    }

    /// Sends a digit as RFC 4733 events between the audio.
    pub fn send_digit(&self, digit: char) {
        let code = DIGITS.find(digit).expect("a digit that RFC 4733 numbers");
        lock(&self.state).sending.push(u8::try_from(code).expect("sixteen digits"));
    }

    /// The digits that arrived as RFC 4733 events, each once.
    pub fn digits(&self) -> String {
        lock(&self.state).events.iter().filter_map(|&e| DIGITS.chars().nth(e.into())).collect()
    }

    /// The audio that arrived.
    pub fn heard(&self) -> Audio {
        Audio::mono(&lock(&self.state).heard)
    }

    /// Forgets what arrived so far, to listen afresh.
    pub fn forget(&self) {
        lock(&self.state).heard.clear();
    }

    /// How many RTP packets arrived.
    pub fn packets(&self) -> usize {
        lock(&self.state).packets
    }
}

impl Drop for RtpPeer {
    fn drop(&mut self) {
        lock(&self.state).closed = true;
        if let Some(thread) = self.thread.take() {
            let _joined = thread.join();
        }
    }
}

const DIGITS: &str = "0123456789*#ABCD";

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A packet every 20 ms of real time, as a phone's clock gives them.
fn run(socket: &UdpSocket, state: &Mutex<State>, tone: f64) {
    let samples = if tone > 0.0 { sine(tone, 1) } else { vec![0; 8_000] };
    let ssrc = u32::from(socket.local_addr().map_or(0, |a| a.port())) | 0x5150_0000;
    let start = Instant::now();
    let mut buffer = [0u8; 2048];
    // An event takes eight packets, and eight packets of audio part it from the next.
    let mut current = None;
    for n in 0u32.. {
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            receive(&mut lock(state), &buffer[..length], from);
        }
        let mut now = lock(state);
        if now.closed {
            return;
        }
        if let Some(remote) = now.remote {
            if n % 16 == 0 {
                current = (!now.sending.is_empty()).then(|| now.sending.remove(0));
            }
            drop(now);
            let event = current.filter(|_| n % 16 < 8);
            let packet = match event {
                Some(code) => event_packet(n, ssrc, code),
                None => audio_packet(n, ssrc, &samples),
            };
            // A peer that is gone answers with ICMP; the test sees that in what it hears.
            let _sent = socket.send_to(&packet, remote);
        } else {
            drop(now);
        }
        thread::sleep((start + PERIOD * (n + 1)).saturating_duration_since(Instant::now()));
    }
}

fn receive(state: &mut State, packet: &[u8], _from: SocketAddr) {
    // RTP version 2, RFC 3550 section 5.1; the sources here send neither CSRC nor extension.
    let [first, second, rest @ ..] = packet else { return };
    if first >> 6 != 2 || rest.len() < 10 {
        return;
    }
    let timestamp = u32::from_be_bytes([rest[2], rest[3], rest[4], rest[5]]);
    let payload = &rest[10..];
    state.packets += 1;
    match second & 0x7f {
        0 => state.heard.extend(payload.iter().map(|&byte| from_ulaw(byte))),
        EVENTS => {
            let Some(&code) = payload.first() else { return };
            if state.last_event != Some((code, timestamp)) {
                state.last_event = Some((code, timestamp));
                state.events.push(code);
            }
        }
        _ => {}
    }
}

fn header(n: u32, ssrc: u32, payload_type: u8, timestamp: u32) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend_from_slice(&(n as u16).to_be_bytes());
    packet.extend_from_slice(&timestamp.to_be_bytes());
    packet.extend_from_slice(&ssrc.to_be_bytes());
    packet
}

fn audio_packet(n: u32, ssrc: u32, samples: &[i16]) -> Vec<u8> {
    let mut packet = header(n, ssrc, 0, n.wrapping_mul(FRAME as u32));
    let start = n as usize * FRAME % samples.len();
    packet.extend((0..FRAME).map(|k| to_ulaw(samples[(start + k) % samples.len()])));
    packet
}

/// One of an event's eight packets, which share a timestamp; RFC 4733 section 2.3.
fn event_packet(n: u32, ssrc: u32, code: u8) -> Vec<u8> {
    let step = n % 8;
    let start = n - step;
    // The marker bit tells the first packet of an event; RFC 4733 section 2.5.1.1.
    let marker = if step == 0 { 0x80 } else { 0 };
    let mut packet = header(n, ssrc, EVENTS | marker, start.wrapping_mul(FRAME as u32));
    let end = if step >= 5 { 0x80 } else { 0 };
    let duration = (step + 1) * FRAME as u32;
    packet.extend_from_slice(&[code, end | 10]);
    packet.extend_from_slice(&(duration as u16).to_be_bytes());
    packet
}

/// G.711 µ-law, from ITU-T G.711's definition.
pub fn to_ulaw(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = i32::from(sample).abs().min(32_635) + 132;
    let exponent = (24 - (magnitude as u32).leading_zeros()).min(7);
    let mantissa = (magnitude >> (exponent + 3)) & 0x0f;
    !(sign | (exponent as u8) << 4 | mantissa as u8)
}

fn from_ulaw(byte: u8) -> i16 {
    let byte = !byte;
    let exponent = (byte >> 4) & 7;
    let magnitude = (((i32::from(byte & 0x0f) << 3) + 132) << exponent) - 132;
    (if byte & 0x80 == 0 { magnitude } else { -magnitude }) as i16
}

#[test]
fn ulaw_keeps_a_tone() {
    let tone = sine(1_000.0, 1);
    let back: Vec<i16> = tone.iter().map(|&s| from_ulaw(to_ulaw(s))).collect();
    assert!(tone.iter().zip(&back).all(|(a, b)| (a - b).abs() <= 512));
    assert!(Audio::mono(&back).mean_level(0, 1_000.0) > -7.0);
}

#[test]
fn two_peers_hear_each_other() {
    let place = super::place::Place::take();
    let first = RtpPeer::open(place.port(), 600.0);
    let second = RtpPeer::open(place.port(), 1_000.0);
    first.send_to(SocketAddr::from(([127, 0, 0, 1], second.port())));
    second.send_to(SocketAddr::from(([127, 0, 0, 1], first.port())));
    first.send_digit('5');
    first.send_digit('#');
    let limit = super::SOON;
    super::wait::wait_until("half a second", limit, || first.heard().seconds() > 0.5);
    super::wait::wait_until("both digits", limit, || second.digits() == "5#");
    super::wait::wait_until("the tone", limit, || second.heard().seconds_of(0, 600.0) > 0.3);
    assert!(first.heard().seconds_of(0, 1_000.0) > 0.3);
}
