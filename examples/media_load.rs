//! CPU time that a media worker takes for each relayed packet, beside a bare epoll relay.
//!
//! `cargo run --release --example media_load [calls] [seconds] [nap in us] [worker|floor|both|record|all]`
//!
//! Each call is two sockets that send 50 packets of 172 bytes a second. The worker's own CPU time comes from
//! /proc/self/task/*/schedstat; the delay is from sending a packet to receiving what was relayed of it.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use media::order::{
    CodecKind, Order, RecordingId, StreamCodec, StreamConfig, StreamId, StreamKind,
};
use media::rtp::Header;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::time::Timespec;
use strowger::net::media::{MediaPool, MediaSettings, WorkerMessage};

type Any<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Any<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |n: usize, default: u64| {
        arguments.get(n).and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let calls = number(0, 200) as usize;
    let seconds = number(1, 5);
    let nap = number(2, 1_000);
    let which = arguments.get(3).map_or("both", String::as_str);
    strowger::net::media::raise_open_files();
    let nap = Duration::from_micros(nap);
    if matches!(which, "floor" | "both" | "all") {
        println!("floor:    {}", floor(calls, seconds)?);
    }
    if matches!(which, "worker" | "both" | "all") {
        println!("relayed:  {}", worker(calls, seconds, nap, false)?);
    }
    if matches!(which, "record" | "all") {
        println!("recorded: {}", worker(calls, seconds, nap, true)?);
    }
    Ok(())
}

/// The result of one run.
struct Figures {
    cpu_us: f64,
    sent: u64,
    received: u64,
    delays: Vec<u32>,
    switches: u64,
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |share: usize| self.delays.get(self.delays.len() * share / 100).unwrap_or(&0);
        write!(
            f,
            "{:.2} us a packet, {} sent, {} received, delay {} us at 50 %, {} us at 99 %, {} switches",
            self.cpu_us / self.received as f64,
            self.sent,
            self.received,
            at(50),
            at(99),
            self.switches,
        )
    }
}

/// CPU time in us, and context switches, of the thread named `name`.
fn thread_usage(name: &str) -> Any<(f64, u64)> {
    for task in std::fs::read_dir("/proc/self/task")? {
        let path = task?.path();
        if std::fs::read_to_string(path.join("comm"))?.trim() != name {
            continue;
        }
        let statistics = std::fs::read_to_string(path.join("schedstat"))?;
        let mut fields = statistics.split_whitespace();
        let cpu: f64 = fields.next().ok_or("no CPU time")?.parse()?;
        let turns: u64 = fields.nth(1).ok_or("no turns")?.parse()?;
        return Ok((cpu / 1_000.0, turns));
    }
    Err(format!("no thread {name}").into())
}

/// Resident memory of this process in KB.
fn resident_kb() -> Any<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).ok_or("no figure")?.parse()?)
}

fn phones(calls: usize) -> Any<Vec<UdpSocket>> {
    let bind = |_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
    let phones: Vec<UdpSocket> = (0..calls * 2).map(bind).collect::<Result<_, _>>()?;
    for phone in &phones {
        phone.set_nonblocking(true)?;
    }
    Ok(phones)
}

fn worker(calls: usize, seconds: u64, nap: Duration, recorded: bool) -> Any<Figures> {
    let before = resident_kb()?;
    let directory = tempfile::tempdir()?;
    let phones = phones(calls)?;
    let mut settings = MediaSettings::new(Ipv4Addr::LOCALHOST.into(), 40_000..=49_999, [1; 32]);
    settings.workers = 1;
    settings.spare = calls * 2;
    settings.nap = nap;
    settings.recordings = directory.path().to_owned();
    let (sender, messages) = channel();
    let pool = MediaPool::start(settings, move |message| {
        // The run may be over.
        let _ = sender.send(message);
    })?;
    let mut stock = Vec::new();
    while stock.len() < phones.len() {
        if let WorkerMessage::Ports { ports, .. } =
            messages.recv_timeout(Duration::from_secs(10))?
        {
            stock.extend(ports);
        }
    }
    let mut targets = Vec::new();
    for (n, (phone, port)) in phones.iter().zip(&stock).enumerate() {
        let stream = StreamId(n as u64);
        let order = |order| pool.order(0, order).map_err(|_| "the queue is full");
        order(Order::Open { stream, port: port.id, kind: StreamKind::Audio })?;
        order(Order::Configure { stream, config: config(phone.local_addr()?) })?;
        if n % 2 == 1 {
            let other = StreamId(n as u64 - 1);
            order(Order::Bridge { a: other, b: stream })?;
            if recorded {
                let recording = RecordingId(n as u64);
                let path = format!("{n}.wav");
                order(Order::Record { recording, left: other, right: stream, path })?;
            }
        }
        targets.push(port.rtp);
    }
    let figures = load("media-0", &phones, &targets, seconds)?;
    let grown = resident_kb()?.saturating_sub(before);
    println!("resident memory grew by {} KB a call, the load's own included", grown / calls as u64);
    if recorded {
        let (cpu, _) = thread_usage("recordings")?;
        println!(
            "the writer took {:.2} us for each second of a recording",
            cpu / (seconds + 1) as f64 / calls as f64
        );
    }
    pool.shutdown();
    Ok(figures)
}

fn config(remote: SocketAddr) -> StreamConfig {
    let codec = |kind, name: &str, pt| StreamCodec {
        kind,
        name: name.into(),
        clock_rate: 8_000,
        channels: 1,
        fmtp: String::new(),
        receive_pt: pt,
        send_pt: pt,
    };
    StreamConfig {
        remote_rtp: Some(remote),
        remote_rtcp: None,
        rtcp_mux: false,
        send: true,
        receive: true,
        codecs: vec![
            codec(CodecKind::Pcmu, "PCMU", 0),
            codec(CodecKind::TelephoneEvent, "telephone-event", 101),
        ],
        ptime_ms: 20,
        silence_limit: Some(60_000_000_000),
    }
}

/// The least that a relay in user space can do: wait, receive, send.
fn floor(calls: usize, seconds: u64) -> Any<Figures> {
    let phones = phones(calls)?;
    let relays = self::phones(calls)?;
    let targets: Vec<SocketAddr> =
        relays.iter().map(UdpSocket::local_addr).collect::<Result<_, _>>()?;
    let homes: Vec<SocketAddr> =
        phones.iter().map(UdpSocket::local_addr).collect::<Result<_, _>>()?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (n, relay) in relays.iter().enumerate() {
        epoll::add(&poll, relay, EventData::new_u64(n as u64), EventFlags::IN)?;
    }
    let thread = std::thread::Builder::new().name("floor".into()).spawn(move || {
        let mut events = Vec::with_capacity(256);
        let mut buffer = [0; 2_048];
        while !stopped.load(Ordering::Relaxed) {
            let limit = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
            if epoll::wait(&poll, spare_capacity(&mut events), Some(&limit)).is_err() {
                continue;
            }
            for event in events.drain(..) {
                let n = event.data.u64() as usize;
                if let Ok((length, _)) = relays[n].recv_from(&mut buffer) {
                    let other = n ^ 1;
                    // A lost packet is counted at the other end.
                    let _ = relays[other].send_to(&buffer[..length], homes[other]);
                }
            }
        }
    })?;
    let figures = load("floor", &phones, &targets, seconds)?;
    stop.store(true, Ordering::Relaxed);
    thread.join().map_err(|_| "the relay failed")?;
    Ok(figures)
}

/// Sends from all phones at 50 packets a second each, evenly spread, and receives.
fn load(name: &str, phones: &[UdpSocket], targets: &[SocketAddr], seconds: u64) -> Any<Figures> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (n, phone) in phones.iter().enumerate() {
        epoll::add(&poll, phone.as_fd(), EventData::new_u64(n as u64), EventFlags::IN)?;
    }
    let start = Instant::now();
    let mut events = Vec::with_capacity(512);
    let (mut sent, mut received, mut delays) = (0_u64, 0_u64, Vec::new());
    let mut before = (0.0, 0);
    let warm_up = Duration::from_secs(1);
    let end = warm_up + Duration::from_secs(seconds);
    let (mut next, mut warm) = (0_u64, false);
    let gap = 20_000_000 / phones.len() as u64;
    let mut packet = [0x55; 172];
    let mut buffer = [0; 2_048];
    loop {
        let passed = start.elapsed();
        if passed >= end {
            break;
        }
        if !warm && passed >= warm_up {
            warm = true;
            (sent, received) = (0, 0);
            delays.clear();
            before = thread_usage(name)?;
        }
        while next * gap <= passed.as_nanos() as u64 {
            let n = (next % phones.len() as u64) as usize;
            let round = next / phones.len() as u64;
            let header = Header {
                marker: false,
                payload_type: 0,
                sequence: round as u16,
                timestamp: round as u32 * 160,
                ssrc: n as u32,
            };
            packet[..12].copy_from_slice(&header.bytes());
            packet[12..20].copy_from_slice(&(start.elapsed().as_micros() as u64).to_be_bytes());
            phones[n].send_to(&packet, targets[n])?;
            sent += 1;
            next += 1;
        }
        let limit = Timespec { tv_sec: 0, tv_nsec: 0 };
        epoll::wait(&poll, spare_capacity(&mut events), Some(&limit))?;
        for event in events.drain(..) {
            let n = event.data.u64() as usize;
            if let Ok((length, _)) = phones[n].recv_from(&mut buffer) {
                received += 1;
                if let Some(stamp) = buffer[..length].get(12..20) {
                    let stamp = u64::from_be_bytes(stamp.try_into()?);
                    let now = start.elapsed().as_micros() as u64;
                    delays.push(now.saturating_sub(stamp) as u32);
                }
            }
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    let after = thread_usage(name)?;
    delays.sort_unstable();
    Ok(Figures { cpu_us: after.0 - before.0, sent, received, delays, switches: after.1 - before.1 })
}
