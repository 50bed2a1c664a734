//! Mixing and transcoding by a worker on real sockets: whoever hears a packet sends the next one, so that the worker's
//! clock paces everybody.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use media::codec::{Decoder, Encoder, audio_rate};
use media::order::{CodecKind, MixId, Order, StreamId, Voices};

use crate::media_pool::{Phone, Rig};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A phone with a tone of its own.
struct Singer {
    phone: Phone,
    kind: CodecKind,
    encoder: Encoder,
    to: SocketAddr,
    hz: f64,
    sung: usize,
    heard: Vec<Vec<u8>>,
}

impl Singer {
    fn new(rig: &mut Rig, stream: u64, kind: CodecKind, hz: f64) -> Self {
        let phone = Phone::new(HERE);
        let mut config = phone.config();
        let codec = config.codecs.first_mut().unwrap();
        codec.kind = kind;
        if kind == CodecKind::G722 {
            (codec.name, codec.receive_pt, codec.send_pt) = ("G722".into(), 9, 9);
        }
        let to = rig.open_with(stream, config).rtp;
        let encoder = Encoder::new(kind).unwrap();
        Self { phone, kind, encoder, to, hz, sung: 0, heard: Vec::new() }
    }

    fn sing(&mut self) {
        let rate = audio_rate(self.kind).unwrap() as usize;
        let samples = rate / 50;
        let first = self.sung * samples;
        let step = std::f64::consts::TAU * self.hz / rate as f64;
        let tone = (first..first + samples).map(|n| ((n as f64 * step).sin() * 6_000.0) as i16);
        let mut payload = Vec::new();
        self.encoder.encode(&tone.collect::<Vec<i16>>(), &mut payload).unwrap();
        self.sung += 1;
        let number = if self.kind == CodecKind::G722 { 9 } else { 0 };
        self.phone.say_as(number, self.to, &payload);
    }

    fn hear(&mut self) {
        let (header, payload, from) = self.phone.hear();
        assert_eq!(from, self.to);
        assert_eq!(header.payload_type, if self.kind == CodecKind::G722 { 9 } else { 0 });
        self.heard.push(payload);
    }

    /// The power of a tone in the last second, in dB of full scale.
    fn power(&self, hz: f64) -> f64 {
        let mut decoder = Decoder::new(self.kind).unwrap();
        let mut pcm = Vec::new();
        for payload in &self.heard {
            decoder.decode(payload, &mut pcm).unwrap();
        }
        let rate = audio_rate(self.kind).unwrap();
        let pcm = &pcm[pcm.len() - rate as usize..];
        let step = std::f64::consts::TAU * hz / f64::from(rate);
        let (mut sine, mut cosine) = (0.0, 0.0);
        for (n, sample) in pcm.iter().enumerate() {
            let window = 1.0 - (std::f64::consts::TAU * n as f64 / pcm.len() as f64).cos();
            let sample = f64::from(*sample) / 32_768.0 * window;
            sine += sample * (n as f64 * step).sin();
            cosine += sample * (n as f64 * step).cos();
        }
        let length = pcm.len() as f64 / 2.0;
        20.0 * ((sine.hypot(cosine)) / length).max(1e-9).log10()
    }

    #[track_caller]
    fn assert_hears(&self, there: &[f64], absent: &[f64]) {
        for hz in there {
            let level = self.power(*hz);
            assert!(level > -20.0, "{hz} Hz is heard at {level} dB");
            for other in absent {
                let other_level = self.power(*other);
                assert!(other_level < level - 30.0, "{other} Hz at {other_level}, {hz} at {level}");
            }
        }
    }
}

#[test]
fn each_of_three_phones_hears_the_two_others_and_then_only_whom_it_may() {
    let mut rig = Rig::new(HERE, 21_220..=21_259);
    let kinds = [CodecKind::Pcmu, CodecKind::G722, CodecKind::Pcmu];
    let tones = [440.0, 1_000.0, 1_900.0];
    let mut singers: Vec<Singer> = (1..)
        .zip(kinds.into_iter().zip(tones))
        .map(|(stream, (kind, hz))| Singer::new(&mut rig, stream, kind, hz))
        .collect();
    let join = |rig: &Rig, n: u64, speaks: u16, hears: u16| {
        let (speaks, hears) = (Voices(speaks), Voices(hears));
        rig.order(Order::Mix { stream: StreamId(n), mix: MixId(1), speaks, hears });
    };
    let sing = |singers: &mut [Singer]| {
        for _ in 0..80 {
            singers.iter_mut().for_each(Singer::hear);
            singers.iter_mut().for_each(Singer::sing);
        }
    };
    (1..=3).for_each(|n| join(&rig, n, 1, 1));
    sing(&mut singers);
    singers[0].assert_hears(&[1_000.0, 1_900.0], &[440.0]);
    singers[1].assert_hears(&[440.0, 1_900.0], &[1_000.0]);
    singers[2].assert_hears(&[440.0, 1_000.0], &[1_900.0]);
    // A caller, an agent, and a supervisor who whispers.
    for (n, speaks, hears) in [(1, 1, 2 | 8), (2, 2, 1 | 4 | 8), (3, 4, 1 | 2)] {
        join(&rig, n, speaks, hears);
    }
    sing(&mut singers);
    singers[0].assert_hears(&[1_000.0], &[440.0, 1_900.0]);
    singers[1].assert_hears(&[440.0, 1_900.0], &[1_000.0]);
    singers[2].assert_hears(&[440.0, 1_000.0], &[1_900.0]);
    rig.pool.shutdown();
}

#[test]
fn a_wideband_phone_and_one_that_has_pcmu_only_hear_each_other() {
    let mut rig = Rig::new(HERE, 21_260..=21_299);
    let mut wide = Singer::new(&mut rig, 1, CodecKind::G722, 440.0);
    let mut narrow = Singer::new(&mut rig, 2, CodecKind::Pcmu, 1_000.0);
    rig.order(Order::Bridge { a: StreamId(1), b: StreamId(2) });
    for _ in 0..3 {
        wide.sing();
        narrow.sing();
    }
    for _ in 0..80 {
        wide.hear();
        narrow.hear();
        wide.sing();
        narrow.sing();
    }
    wide.assert_hears(&[1_000.0], &[440.0]);
    narrow.assert_hears(&[440.0], &[1_000.0]);
    rig.pool.shutdown();
}
