//! RTP at a steady pace: every stream sends 50 packets of G.711 a second, each with its send time in the payload,
//! and the other end of the call says how many came and how late. The time of arrival is the kernel's, and the
//! receiver looks in from time to time instead of waiting: a relay's send then wakes nobody, as on a real network,
//! and its figures do not depend on where the scheduler puts the receiver.

use crate::Result;
use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt};
use nix::sys::time::TimeSpec;
use rustix::event::epoll;
use std::io::IoSliceMut;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// 12 bytes of header and 20 ms of G.711.
pub const PACKET: usize = 172;
const FRAME: Duration = Duration::from_millis(20);
/// The receiver looks in this often; no socket's buffer fills in that time.
const LOOK_IN: Duration = Duration::from_millis(2);
/// The sender wakes this often within a frame.
const SLOTS: usize = 20;

/// One direction's sender: its socket (which also receives the other direction) and where it sends.
pub struct Stream {
    /// Bound to the port named in the SDP.
    pub socket: UdpSocket,
    /// The anchor, from the other side's SDP.
    pub target: SocketAddr,
}

/// What happened during the measured window.
#[derive(Debug, Default, Clone)]
pub struct Outcome {
    /// Packets sent.
    pub sent: u64,
    /// Of these, packets that arrived.
    pub received: u64,
    /// One-way delay, median, nanoseconds.
    pub p50_ns: u64,
    /// One-way delay, 99 %, nanoseconds.
    pub p99_ns: u64,
}

impl Outcome {
    /// Lost packets in percent.
    pub fn loss_percent(&self) -> f64 {
        100.0 * (self.sent.saturating_sub(self.received)) as f64 / self.sent.max(1) as f64
    }
}

struct Shared {
    sent: AtomicU64,
    stop_sending: AtomicBool,
    stop_receiving: AtomicBool,
}

/// Nanoseconds since 1970: the clock that the kernel stamps packets with.
fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// Sends on all `streams` for `warm`, then for `window`; `sample` is called at both ends of the window.
pub fn run(
    streams: &[Stream],
    warm: Duration,
    window: Duration,
    mut sample: impl FnMut(),
) -> Result<Outcome> {
    let shared = Shared {
        sent: AtomicU64::new(0),
        stop_sending: AtomicBool::new(false),
        stop_receiving: AtomicBool::new(false),
    };
    for stream in streams {
        stream.socket.set_nonblocking(true)?;
        setsockopt(&stream.socket, ReceiveTimestampns, &true)?;
    }
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| send_all(streams, &shared));
        let receiver = scope.spawn(|| receive_all(streams, &shared));
        std::thread::sleep(warm);
        let (from, sent_before) = (now_ns(), shared.sent.load(Ordering::Relaxed));
        sample();
        std::thread::sleep(window);
        sample();
        let (to, sent_after) = (now_ns(), shared.sent.load(Ordering::Relaxed));
        // Packets in flight at the window's end still have to arrive.
        std::thread::sleep(Duration::from_millis(100));
        shared.stop_sending.store(true, Ordering::Relaxed);
        sender.join().map_err(|_| "the RTP sender failed")?;
        std::thread::sleep(Duration::from_millis(200));
        shared.stop_receiving.store(true, Ordering::Relaxed);
        let arrivals = receiver.join().map_err(|_| "the RTP receiver failed")??;
        Ok(summarise(&arrivals, from, to, sent_after - sent_before))
    })
}

/// Send time and delay, nanoseconds, of each packet that came.
type Arrivals = Vec<(u64, u64)>;

fn summarise(arrivals: &Arrivals, from: u64, to: u64, sent: u64) -> Outcome {
    let mut delays: Vec<u64> = arrivals
        .iter()
        .filter(|(at, _)| (from..to).contains(at))
        .map(|(_, delay)| *delay)
        .collect();
    delays.sort_unstable();
    let at = |percent: usize| {
        delays.get((delays.len() * percent / 100).min(delays.len().saturating_sub(1))).copied()
    };
    Outcome {
        sent,
        received: delays.len() as u64,
        p50_ns: at(50).unwrap_or(0),
        p99_ns: at(99).unwrap_or(0),
    }
}

/// Streams are spread over the frame in a shuffled, fixed order, as phones are that know nothing of each other.
fn send_all(streams: &[Stream], shared: &Shared) {
    let mut order: Vec<usize> = (0..streams.len()).collect();
    order.sort_by_key(|&i| (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let slot = FRAME / SLOTS as u32;
    let mut packet = [0x55u8; PACKET];
    let mut step = 0u32;
    let mut due = Instant::now();
    while !shared.stop_sending.load(Ordering::Relaxed) {
        let (frame, part) = (step / SLOTS as u32, step as usize % SLOTS);
        let from = order.len() * part / SLOTS;
        let to = order.len() * (part + 1) / SLOTS;
        for &index in order.get(from..to).unwrap_or_default() {
            fill(&mut packet, index as u32, frame, now_ns());
            let Some(stream) = streams.get(index) else { continue };
            if stream.socket.send_to(&packet, stream.target).is_ok() {
                shared.sent.fetch_add(1, Ordering::Relaxed);
            }
        }
        step += 1;
        due += slot;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

fn fill(packet: &mut [u8; PACKET], stream: u32, frame: u32, now_ns: u64) {
    packet[0] = 0x80;
    packet[1] = 0;
    packet[2..4].copy_from_slice(&(frame as u16).to_be_bytes());
    packet[4..8].copy_from_slice(&(frame * 160).to_be_bytes());
    packet[8..12].copy_from_slice(&(stream + 1).to_be_bytes());
    packet[12..20].copy_from_slice(&now_ns.to_be_bytes());
}

fn receive_all(streams: &[Stream], shared: &Shared) -> Result<Arrivals> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (index, stream) in streams.iter().enumerate() {
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&poll, &stream.socket, data, epoll::EventFlags::IN)?;
    }
    let mut arrivals = Vec::with_capacity(1 << 18);
    let mut events = Vec::with_capacity(1024);
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    while !shared.stop_receiving.load(Ordering::Relaxed) {
        events.clear();
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), Some(&now))?;
        for event in &events {
            let Some(stream) = streams.get(event.data.u64() as usize) else { continue };
            arrivals.extend(receive(&stream.socket));
        }
        if events.is_empty() {
            std::thread::sleep(LOOK_IN);
        }
    }
    Ok(arrivals)
}

/// One packet: when it was sent and how long it took.
fn receive(socket: &UdpSocket) -> Option<(u64, u64)> {
    let mut packet = [0u8; 2048];
    let mut buffers = [IoSliceMut::new(&mut packet)];
    let mut control = nix::cmsg_space!(TimeSpec);
    let flags = MsgFlags::MSG_DONTWAIT;
    let message =
        recvmsg::<()>(socket.as_raw_fd(), &mut buffers, Some(&mut control), flags).ok()?;
    let arrived = message.cmsgs().ok()?.find_map(|part| match part {
        ControlMessageOwned::ScmTimestampns(time) => {
            Some(time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
        }
        _ => None,
    })?;
    if message.bytes != PACKET {
        return None;
    }
    let mut sent = [0u8; 8];
    sent.copy_from_slice(&packet[12..20]);
    let sent = u64::from_be_bytes(sent);
    Some((sent, arrived.saturating_sub(sent)))
}

/// Two streams that send straight to each other: what the rig itself adds to every delay.
pub fn direct(calls: usize) -> Result<Vec<Stream>> {
    let mut streams = Vec::with_capacity(calls * 2);
    for _ in 0..calls {
        let (a, b) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
        let (to_b, to_a) = (b.local_addr()?, a.local_addr()?);
        streams.push(Stream { socket: a, target: to_b });
        streams.push(Stream { socket: b, target: to_a });
    }
    Ok(streams)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_packets_of_a_direct_pair_arrive() {
        let streams = direct(4).unwrap();
        let mut samples = 0;
        let window = Duration::from_millis(200);
        let outcome = run(&streams, Duration::from_millis(40), window, || samples += 1).unwrap();
        assert_eq!(samples, 2);
        assert!(outcome.sent >= 60, "{outcome:?}");
        assert!(outcome.loss_percent() < 5.0, "{outcome:?}");
        assert!(outcome.p50_ns > 0 && outcome.p50_ns <= outcome.p99_ns);
    }

    #[test]
    fn the_window_alone_is_counted() {
        let arrivals = vec![(5, 100), (10, 7), (19, 9), (20, 100)];
        let outcome = summarise(&arrivals, 10, 20, 4);
        assert_eq!((outcome.received, outcome.p50_ns), (2, 9));
        assert!((outcome.loss_percent() - 50.0).abs() < 1e-9);
    }
}
