//! Keys that peers press: telephone events become events for the switch.

use super::Engine;
use super::receive::is_audio;
use super::stream::Stream;
use crate::codec::{self, Decoder};
use crate::dtmf::{KeyPress, Receiver};
use crate::order::{CodecKind, MediaEvent, PortId, StreamId, StreamKind};
use crate::tones::Detector;

/// A peer that sends events needs no listening to its tones for so long, ns: some phones send both.
const EVENTS_PREVAIL: u64 = 2_000_000_000;

/// The event receiver of a stream, and what it listens to.
#[derive(Debug)]
pub(super) struct Keys {
    receiver: Receiver,
    clock_rate: u32,
    epoch: u32,
}

/// Listens for keys in the audio of a stream.
#[derive(Debug, Default)]
pub(super) struct Tones {
    hearing: Option<(CodecKind, Decoder, Detector)>,
    pcm: Vec<i16>,
    /// When the peer last sent an event, ns.
    event: Option<u64>,
}

impl Tones {
    fn hear(&mut self, now: u64, kind: CodecKind, payload: &[u8], pressed: impl FnMut(KeyPress)) {
        if self.event.is_some_and(|event| now.saturating_sub(event) < EVENTS_PREVAIL) {
            self.hearing = None;
            return;
        }
        if self.hearing.as_ref().is_none_or(|(known, ..)| *known != kind) {
            let made = Decoder::new(kind).zip(codec::audio_rate(kind));
            self.hearing = made.map(|(decoder, rate)| (kind, decoder, Detector::new(rate)));
        }
        let Some((_, decoder, detector)) = &mut self.hearing else { return };
        self.pcm.clear();
        if decoder.decode(payload, &mut self.pcm).is_ok() {
            detector.hear(&self.pcm, pressed);
        }
    }
}

impl Stream {
    /// Reads an event packet.
    pub fn hear_event(
        &mut self,
        now: u64,
        timestamp: u32,
        clock_rate: u32,
        payload: &[u8],
    ) -> Option<KeyPress> {
        if let Some(tones) = &mut self.tones {
            tones.event = Some(now);
        }
        let epoch = self.epoch;
        let same = |keys: &&mut Box<Keys>| keys.clock_rate == clock_rate && keys.epoch == epoch;
        if let Some(keys) = self.keys.as_mut().filter(same) {
            return keys.receiver.receive(now, timestamp, payload);
        }
        // Another clock or source: what was going on there has ended.
        let unfinished = self.keys.take().and_then(|mut keys| keys.receiver.poll(u64::MAX));
        let mut receiver = Receiver::new(clock_rate);
        let pressed = receiver.receive(now, timestamp, payload);
        self.keys = Some(Box::new(Keys { receiver, clock_rate, epoch }));
        unfinished.or(pressed)
    }
}

impl Engine {
    /// Begins or ends to listen for keys in the audio of a peer.
    pub(super) fn read_tones(&mut self, id: StreamId, on: bool) {
        let Some((_, stream)) = self.find_mut(id) else { return };
        match (on && stream.kind == StreamKind::Audio, &stream.tones) {
            (true, None) => stream.tones = Some(Box::default()),
            (true, Some(_)) => {}
            (false, _) => stream.tones = None,
        }
    }

    /// Listens to a payload for keys.
    pub(super) fn hear_tones(&mut self, now: u64, port: PortId, kind: CodecKind, payload: &[u8]) {
        let entry = self.streams.get_mut(port.0 as usize);
        let Some(stream) = entry.and_then(|entry| entry.as_deref_mut()) else { return };
        let id = stream.id;
        let Some(tones) = stream.tones.as_mut().filter(|_| is_audio(kind)) else { return };
        tones.hear(now, kind, payload, |KeyPress { digit, duration_ms }| {
            self.events.push_back(MediaEvent::Dtmf { stream: id, digit, duration_ms });
        });
    }

    /// Reports a key press.
    pub(super) fn report_key(&mut self, stream: StreamId, press: KeyPress) {
        let KeyPress { digit, duration_ms } = press;
        self.events.push_back(MediaEvent::Dtmf { stream, digit, duration_ms });
    }

    /// Ends key presses whose end packets got lost.
    pub(super) fn end_keys(&mut self, now: u64, port: PortId) {
        let Some(stream) = self.at(port) else { return };
        let Some(keys) = &mut stream.keys else { return };
        if let Some(press) = keys.receiver.poll(now) {
            let id = stream.id;
            self.report_key(id, press);
        }
    }
}
