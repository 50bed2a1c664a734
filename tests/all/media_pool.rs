//! Media workers on real sockets of the loopback interface.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use media::order::{
    CodecKind, MediaEvent, Order, Port, StreamCodec, StreamConfig, StreamId, StreamKind,
};
use media::rtp::{Header, View};
use strowger::net::media::{MediaPool, MediaSettings, WorkerMessage};

/// Nothing here takes so long.
const LIMIT: Duration = Duration::from_secs(10);

struct Rig {
    pool: MediaPool,
    messages: Receiver<WorkerMessage>,
    stock: Vec<Port>,
}

impl Rig {
    fn new(address: IpAddr, ports: std::ops::RangeInclusive<u16>) -> Self {
        let mut settings = MediaSettings::new(address, ports, [7; 32]);
        settings.workers = 1;
        settings.spare = 4;
        let (sender, messages) = channel();
        let pool = MediaPool::start(settings, move |message| {
            // The test may have ended already.
            let _ = sender.send(message);
        });
        let mut rig = Self { pool: pool.unwrap(), messages, stock: Vec::new() };
        while rig.stock.len() < 4 {
            rig.wait(|_| false);
        }
        rig
    }

    fn order(&self, order: Order) {
        self.pool.order(0, order).unwrap();
    }

    /// Takes one message; ports go into the stock.
    fn wait(&mut self, wanted: impl Fn(&MediaEvent) -> bool) -> Option<MediaEvent> {
        match self.messages.recv_timeout(LIMIT).unwrap() {
            WorkerMessage::Ports { ports, .. } => {
                self.stock.extend(ports);
                None
            }
            WorkerMessage::Event { event, .. } => wanted(&event).then_some(event),
        }
    }

    fn event(&mut self, wanted: impl Fn(&MediaEvent) -> bool) -> MediaEvent {
        let end = Instant::now() + LIMIT;
        loop {
            if let Some(event) = self.wait(&wanted) {
                return event;
            }
            assert!(Instant::now() < end, "the event never came");
        }
    }

    fn open(&mut self, stream: u64, phone: &Phone) -> Port {
        let port = self.stock.remove(0);
        let stream = StreamId(stream);
        self.order(Order::Open { stream, port: port.id, kind: StreamKind::Audio });
        self.order(Order::Configure { stream, config: phone.config() });
        port
    }
}

struct Phone {
    socket: UdpSocket,
    sequence: u16,
}

impl Phone {
    fn new(address: IpAddr) -> Self {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Self { socket, sequence: 0 }
    }

    fn config(&self) -> StreamConfig {
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
            remote_rtp: Some(self.socket.local_addr().unwrap()),
            remote_rtcp: None,
            rtcp_mux: false,
            send: true,
            receive: true,
            codecs: vec![
                codec(CodecKind::Pcmu, "PCMU", 0),
                codec(CodecKind::TelephoneEvent, "telephone-event", 101),
            ],
            ptime_ms: 20,
            silence_limit: None,
        }
    }

    fn say(&mut self, to: SocketAddr, what: &[u8]) {
        self.sequence += 1;
        let timestamp = u32::from(self.sequence) * 160;
        let header = Header {
            marker: false,
            payload_type: 0,
            sequence: self.sequence,
            timestamp,
            ssrc: 0xabcd,
        };
        let packet = [&header.bytes(), what].concat();
        self.socket.send_to(&packet, to).unwrap();
    }

    fn hear(&self) -> (Header, Vec<u8>, SocketAddr) {
        let mut buffer = [0; 2_048];
        let (length, from) = self.socket.recv_from(&mut buffer).unwrap();
        let view = View::parse(&buffer[..length]).unwrap();
        (view.header, buffer[view.payload_start..view.payload_end].to_vec(), from)
    }
}

fn is_closed(event: &MediaEvent) -> bool {
    matches!(event, MediaEvent::Closed { .. })
}

fn a_call_is_relayed(address: IpAddr, ports: std::ops::RangeInclusive<u16>) {
    let mut rig = Rig::new(address, ports);
    let (mut alice, mut bob) = (Phone::new(address), Phone::new(address));
    let port_a = rig.open(1, &alice);
    let port_b = rig.open(2, &bob);
    rig.order(Order::Bridge { a: StreamId(1), b: StreamId(2) });

    for n in 0..20_u8 {
        alice.say(port_a.rtp, &[n; 160]);
        bob.say(port_b.rtp, &[n + 100; 160]);
        let (_, heard, from) = bob.hear();
        assert_eq!((heard, from), (vec![n; 160], port_b.rtp));
        let (_, heard, from) = alice.hear();
        assert_eq!((heard, from), (vec![n + 100; 160], port_a.rtp));
    }
    for stream in [1, 2] {
        rig.order(Order::Close { stream: StreamId(stream) });
        let MediaEvent::Closed { stream: closed, report } = rig.event(is_closed) else {
            unreachable!()
        };
        assert_eq!(closed, StreamId(stream));
        assert_eq!((report.packets_received, report.packets_sent), (20, 20));
        assert_eq!(report.codec.as_deref(), Some("PCMU"));
    }
    // Four were spare; two more were bound for those taken, and the two come back.
    while !(rig.stock.contains(&port_a) && rig.stock.contains(&port_b)) {
        rig.wait(|_| false);
    }
    assert_eq!(rig.stock.len(), 6);
    rig.pool.shutdown();
}

#[test]
fn a_call_over_ipv4_is_relayed_and_its_ports_come_back() {
    a_call_is_relayed(Ipv4Addr::LOCALHOST.into(), 21_000..=21_039);
}

#[test]
fn a_call_over_ipv6_is_relayed_and_its_ports_come_back() {
    a_call_is_relayed(Ipv6Addr::LOCALHOST.into(), 21_040..=21_079);
}

#[test]
fn an_address_that_is_not_ours_is_an_error() {
    let elsewhere = IpAddr::from([192, 0, 2, 1]);
    let settings = MediaSettings::new(elsewhere, 21_080..=21_099, [0; 32]);
    let error = MediaPool::start(settings, |_| {}).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrNotAvailable);
}
