//! A media engine with one call through it, for the targets that feed it packets.

use std::net::SocketAddr;

use strowger_media::order::{
    CodecKind, Order, PortId, StreamCodec, StreamConfig, StreamId, StreamKind,
};
use strowger_media::session::{Engine, Settings, Socket};

const SECOND: u64 = 1_000_000_000;

/// Two phones in a bridged call, one with PCMU and one with PCMA, both with telephone events.
pub struct Call {
    engine: Engine,
    now: u64,
}

impl Call {
    pub fn new() -> Self {
        let mut call = Self {
            engine: Engine::new(Settings { seed: [7; 32], cname: "strowger@fuzz".into() }),
            now: 100 * SECOND,
        };
        for (n, kind, name, pt) in
            [(1, CodecKind::Pcmu, "PCMU", 0), (2, CodecKind::Pcma, "PCMA", 8)]
        {
            let stream = StreamId(n);
            let port = PortId(n as u32);
            call.order(Order::Open { stream, port, kind: StreamKind::Audio });
            let codecs = vec![
                codec(kind, name, pt),
                codec(CodecKind::TelephoneEvent, "telephone-event", 101),
            ];
            call.order(Order::Configure { stream, config: config(n, codecs) });
        }
        call.order(Order::Bridge { a: StreamId(1), b: StreamId(2) });
        call
    }

    fn order(&mut self, order: Order) {
        self.engine.apply(self.now, order);
        self.collect();
    }

    /// A datagram from one phone to its RTP or RTCP port, 20 ms after the one before.
    pub fn datagram(&mut self, from_first: bool, control: bool, datagram: &[u8]) {
        let n = if from_first { 1 } else { 2 };
        let port = PortId(n as u32);
        let socket = if control { Socket::rtcp(port) } else { Socket::rtp(port) };
        let mut phone = phone(n);
        phone.set_port(phone.port() + u16::from(control));
        let mut packet = datagram.to_vec();
        let before = self.now;
        let _ = self.engine.receive(self.now, socket, &mut packet, phone);
        self.now = before + SECOND / 50;
        self.engine.tick(self.now);
        self.collect();
    }

    fn collect(&mut self) {
        self.engine.drain(|transmit| assert!(transmit.bytes.len() <= 2_048));
        while self.engine.poll_event().is_some() {}
        while self.engine.poll_request().is_some() {}
    }
}

fn phone(stream: u64) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 5_000 + 2 * stream as u16))
}

fn codec(kind: CodecKind, name: &str, pt: u8) -> StreamCodec {
    StreamCodec {
        kind,
        name: name.into(),
        clock_rate: 8_000,
        channels: 1,
        fmtp: String::new(),
        receive_pt: pt,
        send_pt: pt,
    }
}

fn config(stream: u64, codecs: Vec<StreamCodec>) -> StreamConfig {
    StreamConfig {
        remote_rtp: Some(phone(stream)),
        remote_rtcp: None,
        rtcp_mux: false,
        send: true,
        receive: true,
        codecs,
        ptime_ms: 20,
        silence_limit: Some(5 * SECOND),
    }
}

/// Cuts fuzz input into datagrams: a byte of flags, two of length, the datagram.
pub fn datagrams(mut bytes: &[u8], mut each: impl FnMut(u8, &[u8])) {
    while let [flags, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len()).min(1_500);
        let (datagram, tail) = rest.split_at(length);
        each(*flags, datagram);
        bytes = tail;
    }
}
