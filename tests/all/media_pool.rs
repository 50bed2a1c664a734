//! Media workers on real sockets of the loopback interface.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use media::order::{
    CodecKind, MediaEvent, Order, PlayId, Port, RecordingId, StreamCodec, StreamConfig, StreamId,
    StreamKind,
};
use media::rtp::{Header, View};
use strowger::net::media::{MediaPool, MediaSettings, WorkerMessage};

/// Nothing here takes so long.
const LIMIT: Duration = Duration::from_secs(10);

pub struct Rig {
    pub pool: MediaPool,
    messages: Receiver<WorkerMessage>,
    stock: Vec<Port>,
    files: tempfile::TempDir,
}

impl Rig {
    pub fn new(address: IpAddr, ports: std::ops::RangeInclusive<u16>) -> Self {
        let mut settings = MediaSettings::new(address, ports, [7; 32]);
        settings.workers = 1;
        settings.spare = 4;
        let files = tempfile::tempdir().unwrap();
        settings.sounds = files.path().join("sounds");
        settings.recordings = files.path().join("recordings");
        let (sender, messages) = channel();
        let pool = MediaPool::start(settings, move |message| {
            // The test may have ended already.
            let _ = sender.send(message);
        });
        let mut rig = Self { pool: pool.unwrap(), messages, stock: Vec::new(), files };
        while rig.stock.len() < 4 {
            rig.wait(|_| false);
        }
        rig
    }

    pub fn order(&self, order: Order) {
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

    pub fn open(&mut self, stream: u64, phone: &Phone) -> Port {
        self.open_with(stream, phone.config())
    }

    /// Opens a stream with what was settled for it.
    pub fn open_with(&mut self, stream: u64, config: StreamConfig) -> Port {
        let port = self.stock.remove(0);
        let stream = StreamId(stream);
        self.order(Order::Open { stream, port: port.id, kind: StreamKind::Audio });
        self.order(Order::Configure { stream, config });
        port
    }
}

pub struct Phone {
    socket: UdpSocket,
    pub sequence: u16,
}

impl Phone {
    pub fn new(address: IpAddr) -> Self {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Self { socket, sequence: 0 }
    }

    pub fn config(&self) -> StreamConfig {
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

    pub fn say(&mut self, to: SocketAddr, what: &[u8]) {
        self.say_as(0, to, what);
    }

    /// Sends a payload of a type of 20 ms at 8 kHz.
    pub fn say_as(&mut self, payload_type: u8, to: SocketAddr, what: &[u8]) {
        self.sequence += 1;
        let timestamp = u32::from(self.sequence) * 160;
        let header = Header {
            marker: false,
            payload_type,
            sequence: self.sequence,
            timestamp,
            ssrc: 0xabcd,
        };
        let packet = [&header.bytes(), what].concat();
        self.socket.send_to(&packet, to).unwrap();
    }

    pub fn hear(&self) -> (Header, Vec<u8>, SocketAddr) {
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

/// A call of two phones on the loopback interface, by its ports.
fn call(rig: &mut Rig) -> (Phone, Phone, Port, Port) {
    let address = Ipv4Addr::LOCALHOST.into();
    let (alice, bob) = (Phone::new(address), Phone::new(address));
    let (port_a, port_b) = (rig.open(1, &alice), rig.open(2, &bob));
    rig.order(Order::Bridge { a: StreamId(1), b: StreamId(2) });
    (alice, bob, port_a, port_b)
}

#[test]
fn a_stranger_is_not_heard_once_the_phone_has_spoken() {
    let mut rig = Rig::new(Ipv4Addr::LOCALHOST.into(), 21_100..=21_139);
    let (mut alice, mut bob, port_a, port_b) = call(&mut rig);
    let mut stranger = Phone::new(Ipv4Addr::LOCALHOST.into());
    alice.say(port_a.rtp, b"first");
    assert_eq!(bob.hear().1, b"first");
    for n in 0..50 {
        stranger.say(port_a.rtp, b"theft");
        alice.say(port_a.rtp, &[n]);
        assert_eq!(bob.hear().1, [n]);
    }
    bob.say(port_b.rtp, b"answer");
    assert_eq!(alice.hear().1, b"answer");
    rig.pool.shutdown();
}

#[test]
fn a_prompt_is_read_from_disk_and_heard_to_its_end() {
    let mut rig = Rig::new(Ipv4Addr::LOCALHOST.into(), 21_140..=21_179);
    let (alice, _bob, port_a, _) = call(&mut rig);
    let sounds = rig.files.path().join("sounds/en");
    std::fs::create_dir_all(&sounds).unwrap();
    std::fs::write(sounds.join("tone.wav"), wav(&[1_000; 160 * 10])).unwrap();
    let play = |play, prompt: &str| Order::Play {
        stream: StreamId(1),
        play: PlayId(play),
        prompts: vec![prompt.into()],
        repeat: false,
    };
    rig.order(play(1, "en/tone"));
    let heard: Vec<_> = (0..10).map(|_| alice.hear()).collect();
    for (n, (header, payload, from)) in heard.iter().enumerate() {
        assert_eq!((header.payload_type, payload.len(), *from), (0, 160, port_a.rtp));
        assert_eq!(header.sequence, heard[0].0.sequence.wrapping_add(n as u16));
    }
    let is_end = |event: &MediaEvent| matches!(event, MediaEvent::PlayEnded { .. });
    let end = |rig: &mut Rig| match rig.event(is_end) {
        MediaEvent::PlayEnded { play, error, .. } => (play.0, error),
        _ => unreachable!(),
    };
    assert_eq!(end(&mut rig), (1, None));
    for (n, bad) in [(2, "en/none"), (3, "../../etc/passwd")] {
        rig.order(play(n, bad));
        let (play, error) = end(&mut rig);
        assert_eq!(play, n);
        assert!(error.is_some_and(|error| error.prompt == bad && !error.why.is_empty()));
    }
    rig.pool.shutdown();
}

/// A mono WAV of 8 kHz.
fn wav(samples: &[i16]) -> Vec<u8> {
    let length = samples.len() as u32 * 2;
    let mut file = Vec::from(*b"RIFF");
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(8_000_u32.to_le_bytes());
    file.extend(16_000_u32.to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(length.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}

fn record(id: u64, path: &str) -> Order {
    let (left, right) = (StreamId(1), StreamId(2));
    Order::Record { recording: RecordingId(id), left, right, path: path.into() }
}

fn ended(rig: &mut Rig) -> (u64, u64, Option<String>) {
    match rig.event(|event| matches!(event, MediaEvent::RecordingEnded { .. })) {
        MediaEvent::RecordingEnded { recording, bytes, error, .. } => (recording.0, bytes, error),
        _ => unreachable!(),
    }
}

#[test]
fn a_recording_is_on_disk_when_it_ends_and_when_the_pool_does() {
    let mut rig = Rig::new(Ipv4Addr::LOCALHOST.into(), 21_180..=21_219);
    let (mut alice, mut bob, port_a, port_b) = call(&mut rig);
    rig.order(record(1, "../escape.wav"));
    assert!(matches!(ended(&mut rig), (1, 0, Some(_))));
    rig.order(record(2, "day/two.wav"));
    rig.order(record(3, "three.wav"));
    for _ in 0..30 {
        alice.say(port_a.rtp, &[0x00; 160]);
        bob.hear();
        bob.say(port_b.rtp, &[0x80; 160]);
        alice.hear();
    }
    rig.order(Order::StopRecord { recording: RecordingId(2) });
    let (recording, bytes, error) = ended(&mut rig);
    assert_eq!((recording, error), (2, None));
    let file = std::fs::read(rig.files.path().join("recordings/day/two.wav")).unwrap();
    assert_eq!(file.len() as u64, bytes);
    assert_eq!(file[40..44], (file.len() as u32 - 44).to_le_bytes());
    let frames = file[44..].as_chunks::<4>().0;
    let left = |frame: &&[u8; 4]| i16::from_le_bytes([frame[0], frame[1]]) < -30_000;
    let right = |frame: &&[u8; 4]| i16::from_le_bytes([frame[2], frame[3]]) > 30_000;
    assert!(frames.iter().any(|frame| left(&frame)) && frames.iter().any(|frame| right(&frame)));
    rig.pool.shutdown();
    let three = std::fs::read(rig.files.path().join("recordings/three.wav")).unwrap();
    assert_eq!(three[40..44], (three.len() as u32 - 44).to_le_bytes());
    assert!(three.len() >= file.len());
}

#[test]
fn an_address_that_is_not_ours_is_an_error() {
    let elsewhere = IpAddr::from([192, 0, 2, 1]);
    let settings = MediaSettings::new(elsewhere, 21_080..=21_099, [0; 32]);
    let error = MediaPool::start(settings, |_| {}).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrNotAvailable);
}
