//! A media engine with simulated phones around it, in virtual time.

use std::net::SocketAddr;

use strowger_media::order::{
    CodecKind, MediaEvent, Order, PortId, StreamCodec, StreamConfig, StreamId, StreamKind,
};
use strowger_media::rtp::{Header, View};
use strowger_media::session::{Dropped, Engine, Request, Settings, Socket, Verdict};

/// A millisecond in ns.
pub const MS: u64 = 1_000_000;
/// A second in ns.
pub const S: u64 = 1_000_000_000;

/// An RTP packet that the engine sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub at: u64,
    pub to: SocketAddr,
    pub header: Header,
    pub payload: Vec<u8>,
}

/// An engine, and what came out of it.
pub struct Lab {
    pub now: u64,
    pub engine: Engine,
    /// RTP by the socket that it left by, in order.
    pub heard: Vec<(Socket, Heard)>,
    /// RTCP, likewise.
    pub control: Vec<(Socket, SocketAddr, Vec<u8>)>,
    pub events: Vec<MediaEvent>,
    pub requests: Vec<Request>,
}

/// Where the phone of a stream is.
pub fn phone(stream: u64) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 5_000 + 2 * stream as u16))
}

/// A codec with one number for both ways.
pub fn codec(kind: CodecKind, name: &str, clock_rate: u32, pt: u8) -> StreamCodec {
    StreamCodec {
        kind,
        name: name.into(),
        clock_rate,
        channels: 1,
        fmtp: String::new(),
        receive_pt: pt,
        send_pt: pt,
    }
}

/// PCMU and events.
pub fn pcmu() -> Vec<StreamCodec> {
    vec![codec(CodecKind::Pcmu, "PCMU", 8_000, 0), events(8_000, 101)]
}

/// PCMA and events.
pub fn pcma() -> Vec<StreamCodec> {
    vec![codec(CodecKind::Pcma, "PCMA", 8_000, 8), events(8_000, 101)]
}

/// Telephone events.
pub fn events(clock_rate: u32, pt: u8) -> StreamCodec {
    codec(CodecKind::TelephoneEvent, "telephone-event", clock_rate, pt)
}

/// What an ordinary answer settles with the phone of `stream`.
pub fn config(stream: u64, codecs: Vec<StreamCodec>) -> StreamConfig {
    StreamConfig {
        remote_rtp: Some(phone(stream)),
        remote_rtcp: None,
        rtcp_mux: false,
        send: true,
        receive: true,
        codecs,
        ptime_ms: 20,
        silence_limit: None,
    }
}

/// A header as phones write it.
pub fn header(pt: u8, sequence: u16, timestamp: u32, ssrc: u32) -> Header {
    Header { marker: false, payload_type: pt, sequence, timestamp, ssrc }
}

impl Lab {
    pub fn new() -> Self {
        let settings = Settings { seed: [3; 32], cname: "strowger@lab".into() };
        Self {
            now: 100 * S,
            engine: Engine::new(settings),
            heard: Vec::new(),
            control: Vec::new(),
            events: Vec::new(),
            requests: Vec::new(),
        }
    }

    /// Two audio streams, 1 on port 1 and 2 on port 2, bridged.
    pub fn call(a: Vec<StreamCodec>, b: Vec<StreamCodec>) -> Self {
        let mut lab = Self::new();
        lab.open(1, StreamKind::Audio, a);
        lab.open(2, StreamKind::Audio, b);
        lab.order(Order::Bridge { a: StreamId(1), b: StreamId(2) });
        lab
    }

    /// Opens stream `n` on port `n`, configured for the phone of that number.
    pub fn open(&mut self, n: u64, kind: StreamKind, codecs: Vec<StreamCodec>) {
        let stream = StreamId(n);
        self.order(Order::Open { stream, port: PortId(n as u32), kind });
        self.order(Order::Configure { stream, config: config(n, codecs) });
    }

    pub fn order(&mut self, order: Order) {
        self.engine.apply(self.now, order);
        self.collect();
    }

    pub fn configure(&mut self, n: u64, config: StreamConfig) {
        self.order(Order::Configure { stream: StreamId(n), config });
    }

    /// The phone of stream `n` sends a packet.
    pub fn say(&mut self, n: u64, header: Header, payload: &[u8]) -> Result<Heard, Dropped> {
        self.say_from(n, phone(n), header, payload)
    }

    /// Somebody sends a packet to stream `n`.
    pub fn say_from(
        &mut self,
        n: u64,
        from: SocketAddr,
        header: Header,
        payload: &[u8],
    ) -> Result<Heard, Dropped> {
        let mut packet = [&header.bytes()[..], payload].concat();
        let socket = Socket::rtp(PortId(n as u32));
        let outcome = match self.engine.receive(self.now, socket, &mut packet, from) {
            Verdict::Forward(transmit) => {
                let heard = read(self.now, transmit.to, transmit.bytes);
                Ok((transmit.socket, heard))
            }
            Verdict::Dropped(reason) => Err(reason),
            Verdict::Consumed => panic!("media was consumed"),
        };
        self.collect();
        outcome.map(|(socket, heard)| {
            self.heard.push((socket, heard.clone()));
            heard
        })
    }

    /// The phone of stream `n` sends a packet that is decoded.
    pub fn speak(&mut self, n: u64, header: Header, payload: &[u8]) {
        let mut packet = [&header.bytes()[..], payload].concat();
        let socket = Socket::rtp(PortId(n as u32));
        let verdict = self.engine.receive(self.now, socket, &mut packet, phone(n));
        assert_eq!(verdict, Verdict::Consumed);
        self.collect();
    }

    /// The phone of stream `n` sends RTCP to the odd port.
    pub fn report(&mut self, n: u64, compound: &[u8]) -> Verdict<'static> {
        let from = SocketAddr::new(phone(n).ip(), phone(n).port() + 1);
        let mut packet = compound.to_vec();
        let socket = Socket::rtcp(PortId(n as u32));
        let verdict = match self.engine.receive(self.now, socket, &mut packet, from) {
            Verdict::Forward(transmit) => panic!("control was forwarded: {transmit:?}"),
            Verdict::Dropped(reason) => Verdict::Dropped(reason),
            Verdict::Consumed => Verdict::Consumed,
        };
        self.collect();
        verdict
    }

    /// Lets time pass, ticking when the engine wants it.
    pub fn pass(&mut self, time: u64) {
        let end = self.now + time;
        while let Some(deadline) = self.engine.next_deadline().filter(|deadline| *deadline <= end) {
            self.now = deadline.max(self.now);
            self.engine.tick(self.now);
            self.collect();
            let next = self.engine.next_deadline();
            assert!(next.is_none_or(|next| next > self.now), "a tick leaves its deadline standing");
        }
        self.now = end;
    }

    /// What left by the RTP socket of stream `n`.
    pub fn heard_at(&self, n: u64) -> Vec<&Heard> {
        let socket = Socket::rtp(PortId(n as u32));
        self.heard.iter().filter(|(by, _)| *by == socket).map(|(_, heard)| heard).collect()
    }

    fn collect(&mut self) {
        let (now, heard, control) = (self.now, &mut self.heard, &mut self.control);
        self.engine.drain(|transmit| {
            if matches!(transmit.bytes, [_, 192..=223, ..]) {
                control.push((transmit.socket, transmit.to, transmit.bytes.to_vec()));
            } else {
                heard.push((transmit.socket, read(now, transmit.to, transmit.bytes)));
            }
        });
        self.events.extend(std::iter::from_fn(|| self.engine.poll_event()));
        self.requests.extend(std::iter::from_fn(|| self.engine.poll_request()));
    }
}

fn read(at: u64, to: SocketAddr, packet: &[u8]) -> Heard {
    let view = View::parse(packet).unwrap();
    let payload = packet[view.payload_start..view.payload_end].to_vec();
    Heard { at, to, header: view.header, payload }
}
