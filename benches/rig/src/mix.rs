//! Audio that is decoded: what transcoding, mixing and supervision cost, by the media engine alone in one thread of this
//! process. No socket is in these figures; a relayed packet's own are in the table above.

use std::net::SocketAddr;
use std::time::Instant;

use strowger_media::codec::{self, Encoder};
use strowger_media::order::{
    CodecKind, MixId, Order, PortId, StreamCodec, StreamConfig, StreamId, StreamKind, Voices,
};
use strowger_media::rtp::Header;
use strowger_media::session::{Engine, Settings, Socket};

use crate::Result;

const MS: u64 = 1_000_000;
const FRAME: u64 = 20 * MS;
/// Frames before the measurement: buffers fill, and memory is taken that is kept.
const WARM_UP: u64 = 50;
/// Members of a room that speak at the same time.
const SPEAKERS: usize = 3;
/// Calls or rooms of one measurement.
const TIMES: usize = 20;

/// What is measured.
#[derive(Clone, Copy)]
enum Case {
    /// Two ends with these codecs.
    Bridge(CodecKind, CodecKind),
    /// A room of so many.
    Room(CodecKind, usize),
    /// A call of two with a supervisor who whispers.
    Supervised(CodecKind),
}

/// A stream's phone: packets of a tone, or of nothing.
struct Phone {
    port: PortId,
    codec: StreamCodec,
    payloads: Vec<Vec<u8>>,
    packet: Vec<u8>,
}

fn stream_codec(kind: CodecKind) -> StreamCodec {
    let (name, clock_rate, number) = match kind {
        CodecKind::Pcma => ("PCMA", 8_000, 8),
        CodecKind::G722 => ("G722", 8_000, 9),
        CodecKind::Opus => ("opus", 48_000, 96),
        _ => ("PCMU", 8_000, 0),
    };
    StreamCodec {
        kind,
        name: name.into(),
        clock_rate,
        channels: 1,
        fmtp: String::new(),
        receive_pt: number,
        send_pt: number,
    }
}

fn address(port: PortId) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 10_000 + port.0 as u16))
}

impl Phone {
    fn new(port: PortId, kind: CodecKind, speaks: bool) -> Result<Self> {
        let samples = codec::frame_samples(kind).ok_or("no such codec")?;
        let mut encoder = Encoder::new(kind).ok_or("no such codec")?;
        let level = if speaks { 6_000.0 } else { 0.0 };
        let step = 0.11 + f64::from(port.0) * 0.013;
        let mut payloads = Vec::new();
        for frame in 0..50 {
            let first = frame * samples;
            let tone = (first..first + samples).map(|n| ((n as f64 * step).sin() * level) as i16);
            let mut payload = Vec::new();
            encoder.encode(&tone.collect::<Vec<i16>>(), &mut payload).map_err(|e| e.to_string())?;
            payloads.push(payload);
        }
        Ok(Self { port, codec: stream_codec(kind), payloads, packet: Vec::with_capacity(1_500) })
    }

    fn open(&self, engine: &mut Engine, now: u64) -> StreamId {
        let stream = StreamId(u64::from(self.port.0) + 1);
        engine.apply(now, Order::Open { stream, port: self.port, kind: StreamKind::Audio });
        let config = StreamConfig {
            remote_rtp: Some(address(self.port)),
            remote_rtcp: None,
            rtcp_mux: false,
            send: true,
            receive: true,
            codecs: vec![self.codec.clone()],
            ptime_ms: 20,
            silence_limit: None,
        };
        engine.apply(now, Order::Configure { stream, config });
        stream
    }

    /// Writes packet `n`.
    fn write(&mut self, n: u64) {
        let header = Header {
            marker: n == 0,
            payload_type: self.codec.send_pt,
            sequence: n as u16,
            timestamp: (n as u32).wrapping_mul(self.codec.clock_rate / 50),
            ssrc: self.port.0,
        };
        self.packet.clear();
        self.packet.extend(header.bytes());
        let payloads = self.payloads.len().max(1);
        if let Some(payload) = self.payloads.get(n as usize % payloads) {
            self.packet.extend_from_slice(payload);
        }
    }
}

fn build(case: Case, engine: &mut Engine, now: u64) -> Result<Vec<Phone>> {
    let mut phones = Vec::new();
    for turn in 0..TIMES {
        let kinds: Vec<CodecKind> = match case {
            Case::Bridge(a, b) => vec![a, b],
            Case::Room(kind, members) => vec![kind; members],
            Case::Supervised(kind) => vec![kind; 3],
        };
        let mut streams = Vec::new();
        for (place, kind) in kinds.into_iter().enumerate() {
            let speaks = !matches!(case, Case::Room(..)) || place < SPEAKERS;
            let phone = Phone::new(PortId(phones.len() as u32), kind, speaks)?;
            streams.push(phone.open(engine, now));
            phones.push(phone);
        }
        join(case, engine, (now, turn), &streams);
    }
    Ok(phones)
}

fn join(case: Case, engine: &mut Engine, (now, turn): (u64, usize), streams: &[StreamId]) {
    let mix = MixId(turn as u64);
    let places: Vec<(Voices, Voices)> = match case {
        Case::Bridge(..) => {
            if let [a, b] = *streams {
                engine.apply(now, Order::Bridge { a, b });
            }
            return;
        }
        Case::Room(..) => vec![(Voices::ROOM, Voices::ROOM); streams.len()],
        Case::Supervised(_) => {
            vec![
                (Voices(1), Voices(2 | 8)),
                (Voices(2), Voices(1 | 4 | 8)),
                (Voices(4), Voices(1 | 2)),
            ]
        }
    };
    for (stream, (speaks, hears)) in streams.iter().zip(places) {
        engine.apply(now, Order::Mix { stream: *stream, mix, speaks, hears });
    }
}

/// What a case came to.
struct Figures {
    /// CPU of 20 ms of one stream, both ways, in µs: a packet in, and one out.
    stream_us: f64,
    /// Packets that came out for each that went in.
    out: f64,
}

fn measure(case: Case, frames: u64) -> Result<Figures> {
    let settings = Settings { seed: [1; 32], cname: "rig".into() };
    let mut engine = Engine::new(settings);
    let mut now = 1_000 * MS;
    let mut phones = build(case, &mut engine, now)?;
    let (mut spent, mut sent, mut taken) = (0, 0u64, 0u64);
    for n in 0..WARM_UP + frames {
        let mut out = 0;
        phones.iter_mut().for_each(|phone| phone.write(n));
        let began = Instant::now();
        for phone in &mut phones {
            let socket = Socket::rtp(phone.port);
            let verdict = engine.receive(now, socket, &mut phone.packet, address(phone.port));
            out += u64::from(matches!(verdict, strowger_media::session::Verdict::Forward(_)));
        }
        now += FRAME;
        while engine.next_deadline().is_some_and(|due| due <= now) {
            engine.tick(now);
            engine.drain(|_| out += 1);
        }
        if n >= WARM_UP {
            spent += began.elapsed().as_nanos() as u64;
            sent += phones.len() as u64;
            taken += out;
        }
        while engine.poll_event().is_some() || engine.poll_request().is_some() {}
    }
    if taken == 0 {
        return Err("nothing came out".into());
    }
    Ok(Figures { stream_us: spent as f64 / sent as f64 / 1_000.0, out: taken as f64 / sent as f64 })
}

fn cases() -> Vec<(String, Case)> {
    use CodecKind::{G722, Opus, Pcma, Pcmu};
    let mut cases = vec![
        ("bridge, relayed: PCMU and PCMU".to_owned(), Case::Bridge(Pcmu, Pcmu)),
        ("bridge, the other law: PCMU and PCMA".to_owned(), Case::Bridge(Pcmu, Pcma)),
        ("bridge, transcoded: PCMU and G.722".to_owned(), Case::Bridge(Pcmu, G722)),
        ("bridge, transcoded: PCMA and Opus".to_owned(), Case::Bridge(Pcma, Opus)),
        ("bridge, transcoded: G.722 and Opus".to_owned(), Case::Bridge(G722, Opus)),
        ("call with a whispering supervisor, PCMU".to_owned(), Case::Supervised(Pcmu)),
        ("call with a whispering supervisor, G.722".to_owned(), Case::Supervised(G722)),
    ];
    for (kind, name) in [(Pcmu, "8 kHz, PCMU"), (G722, "16 kHz, G.722"), (Opus, "16 kHz, Opus")] {
        for members in [3, 10, 50] {
            let title = format!("room of {members}, {SPEAKERS} speak, {name}");
            cases.push((title, Case::Room(kind, members)));
        }
    }
    cases
}

/// Measures all cases and prints the table.
///
/// # Errors
/// When nothing comes out of the engine.
pub fn run(quick: bool) -> Result<()> {
    let (frames, turns) = if quick { (50, 1) } else { (250, 3) };
    println!("| what | µs per stream and 20 ms | packets out per packet in |");
    println!("|---|---|---|");
    for (title, case) in cases() {
        let mut best: Option<Figures> = None;
        for _ in 0..turns {
            let figures = measure(case, frames)?;
            if best.as_ref().is_none_or(|best| figures.stream_us < best.stream_us) {
                best = Some(figures);
            }
        }
        if let Some(best) = best {
            println!("| {title} | {:.2} | {:.2} |", best.stream_us, best.out);
        }
    }
    Ok(())
}
