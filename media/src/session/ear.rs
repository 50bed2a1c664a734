//! A stream whose audio is decoded: what its peer says becomes frames, and frames become what its peer hears.

use super::stream::{Role, Stream};
use super::{Engine, Socket};
use crate::codec::resample::Fitting;
use crate::dtmf;
use crate::mix::Gate;
use crate::mix::voice::{Groups, Voice};
use crate::order::{CodecKind, PortId, StreamCodec, Voices};
use crate::playout::{Playout, Taken};
use crate::rtp::Header;
use crate::session::outgoing::{OwnPacket, Place, SourceKey};
use crate::session::payload::Action;

/// How long after an event's packet no audio goes to who hears the event, ns.
const EVENT_PAUSE: u64 = 60_000_000;

/// The listening side.
#[derive(Debug, Default)]
pub(super) struct Ear {
    playout: Playout,
    /// Which numbering of the peer the playout follows.
    epoch: u32,
    fitting: Fitting,
    raw: Vec<i16>,
    /// The last 20 ms at the rate of the mix.
    pub frame: Vec<i16>,
    gate: Gate,
}

impl Ear {
    /// What was heard before is over.
    pub fn restart(&mut self) {
        self.playout.restart();
    }

    /// Fetches 20 ms at `rate`.
    pub fn listen(&mut self, now: u64, rate: u32) -> Taken {
        let taken = self.playout.take(now, &mut self.raw);
        if taken == Taken::Nothing {
            return taken;
        }
        let from = self.playout.rate().unwrap_or(rate);
        if from == rate {
            std::mem::swap(&mut self.raw, &mut self.frame);
            return taken;
        }
        self.frame.clear();
        self.fitting.fit(&self.raw, (from, rate), &mut self.frame);
        taken
    }

    /// Whether the last 20 ms are loud enough to be mixed.
    pub fn is_loud(&mut self) -> bool {
        self.gate.passes(&self.frame)
    }
}

/// The speaking side.
#[derive(Debug, Default)]
pub(super) struct Mouth {
    voice: Option<Voice>,
    /// The last payload was that of a group.
    grouped: bool,
    /// When it last spoke, ns.
    last: u64,
    /// When the peer was last told how quiet it is, ns.
    hushed: u64,
    event: Option<Passing>,
}

/// A telephone event on its way from another stream.
#[derive(Debug, Clone, Copy)]
struct Passing {
    source: SourceKey,
    theirs: u32,
    ours: u32,
    until: u64,
}

/// What somebody is to hear.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hears {
    pub hears: Voices,
    pub rate: u32,
    /// The own voice is in the sum and has to be taken out.
    pub own: bool,
}

impl Mouth {
    /// Where the packet after the last one stands in time.
    fn place(&mut self, now: u64, interval: u64) -> Place {
        let next = now.saturating_sub(self.last) <= interval + interval / 2 && self.last > 0;
        self.last = now;
        if next { Place::Next } else { Place::Fresh }
    }

    /// The encoder for audio that nobody else hears.
    fn own_voice(&mut self, groups: &Groups, hears: Hears, kind: CodecKind) -> Option<&mut Voice> {
        let grouped = std::mem::take(&mut self.grouped);
        let fits = self.voice.as_ref().is_some_and(|voice| voice.fits(kind, hears.rate));
        if grouped || !fits {
            let group = groups.get(hears.hears, kind, hears.rate);
            let forked = group.and_then(|group| group.voice.fork());
            if forked.is_some() || !fits {
                self.voice = forked.or_else(|| Voice::new(kind, hears.rate));
            }
        }
        self.voice.as_mut()
    }
}

impl Stream {
    /// The codec that mixed audio goes out in.
    pub fn mixed_codec(&self) -> Option<&StreamCodec> {
        let mut codecs = self.agreed.as_ref()?.codecs.iter();
        codecs.find(|codec| crate::codec::audio_rate(codec.kind).is_some())
    }

    /// A bridge that is decoded has begun, or the stream is in a mix.
    pub fn is_mixed(&self) -> bool {
        self.mix.is_some()
    }

    /// Whether audio of ours can go to the peer now.
    pub fn may_be_spoken_to(&self, now: u64) -> bool {
        self.speech.is_none() && self.mouth.event.is_none_or(|event| event.until <= now)
    }

    /// The header of the next 20 ms of audio that we made.
    fn spoken(&mut self, now: u64, interval: u64) -> Option<Header> {
        let codec = self.mixed_codec()?;
        let (payload_type, clock_rate) = (codec.send_pt, codec.clock_rate);
        let place = self.mouth.place(now, interval);
        let packet = OwnPacket { payload_type, clock_rate, samples: clock_rate / 50, place };
        Some(self.outgoing.own(now, packet))
    }

    /// The comfort noise that the peer takes in the clock of its audio.
    fn noise_type(&self) -> Option<u8> {
        let clock_rate = self.mixed_codec()?.clock_rate;
        let mut codecs = self.agreed.as_ref()?.codecs.iter();
        let is = |codec: &&StreamCodec| {
            codec.kind == CodecKind::ComfortNoise && codec.clock_rate == clock_rate
        };
        codecs.find(is).map(|codec| codec.send_pt)
    }
}

/// A packet for an ear.
#[derive(Debug, Clone, Copy)]
pub(super) struct ForEar<'p> {
    pub header: Header,
    pub kind: CodecKind,
    pub clock_rate: u32,
    pub payload: &'p [u8],
}

impl Engine {
    /// Whether a packet is decoded here instead of relayed. `position`: of its codec in the list.
    pub(super) fn is_for_ear(&mut self, port: PortId, position: Option<usize>) -> bool {
        let Some(stream) = self.at(port) else { return false };
        let kind = position.and_then(|position| stream.agreed.as_ref()?.codecs.get(position));
        let kind = kind.map(|codec| codec.kind);
        let key = stream.source_key();
        let action = position.and_then(|position| stream.rules.get(position));
        let action = action.map(|rule| rule.action);
        match stream.role {
            Role::Mixed => true,
            Role::Bridged(_) if action == Some(Action::Transcode) => true,
            Role::Bridged(peer) if stream.is_mixed() => match kind {
                Some(CodecKind::ComfortNoise) => true,
                // As long as the audio is relayed, so are the events in between.
                Some(CodecKind::TelephoneEvent) => {
                    self.at(peer).is_some_and(|target| target.outgoing.offsets(key).is_none())
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// Takes a packet whose audio is decoded here.
    pub(super) fn feed_ear(&mut self, now: u64, port: PortId, packet: ForEar<'_>) {
        let Some(stream) = self.at(port) else { return };
        if let (Role::Bridged(peer), false) = (stream.role, stream.is_mixed()) {
            self.transcode(now, port, peer);
        }
        let Some(stream) = self.at(port) else { return };
        let epoch = stream.epoch;
        let ear = stream.ear.get_or_insert_default();
        if ear.epoch != epoch {
            ear.epoch = epoch;
            ear.playout.restart();
        }
        if packet.kind == CodecKind::TelephoneEvent {
            ear.playout.interrupt();
            return self.pass_event(now, port, packet);
        }
        let codec = (packet.kind, packet.clock_rate);
        ear.playout.put(now, codec, &packet.header, packet.payload);
    }

    /// Sends a telephone event on to those in the mix who may hear it.
    fn pass_event(&mut self, now: u64, port: PortId, packet: ForEar<'_>) {
        let Some(stream) = self.at(port) else { return };
        let source = stream.source_key();
        let Some(slot) = stream.mix else { return };
        for hearer in self.event_hearers(slot, port) {
            self.send_event(now, hearer, source, packet);
        }
    }

    fn send_event(&mut self, now: u64, port: PortId, source: SourceKey, packet: ForEar<'_>) {
        let entry = self.streams.get_mut(port.0 as usize);
        let Some(stream) = entry.and_then(|entry| entry.as_deref_mut()) else { return };
        let (Some(to), None) = (stream.target(), &stream.speech) else { return };
        let event = stream.agreed.as_ref().and_then(|agreed| agreed.codecs.event());
        let Some((payload_type, event_rate)) = event.map(|event| (event.send_pt, event.clock_rate))
        else {
            return;
        };
        let clock_rate = stream.mixed_codec().map_or(event_rate, |codec| codec.clock_rate);
        let theirs = packet.header.timestamp;
        let known = |event: &Passing| event.source == source && event.theirs == theirs;
        let known = stream.mouth.event.filter(known);
        let ours = match known {
            Some(event) => event.ours,
            None => stream.outgoing.timestamp_at(now, clock_rate),
        };
        let until = now + EVENT_PAUSE;
        stream.mouth.event = Some(Passing { source, theirs, ours, until });
        let place = Place::At { timestamp: ours, marker: known.is_none() };
        let own = OwnPacket { payload_type, clock_rate, samples: 0, place };
        let header = stream.outgoing.own(now, own);
        stream.outgoing.sent(packet.payload.len());
        self.outbox.push(Socket::rtp(port), to, |out| {
            out.extend_from_slice(&header.bytes());
            let start = out.len();
            out.extend_from_slice(packet.payload);
            if let Some(payload) = out.get_mut(start..) {
                dtmf::rescale(payload, packet.clock_rate, event_rate);
            }
        });
    }

    /// Sends 20 ms of a group's audio, or of audio for this peer alone. `mixed` writes the sum, without what it is given.
    pub(super) fn speak_to(
        &mut self,
        now: u64,
        port: PortId,
        groups: &mut Groups,
        hears: Hears,
        mixed: impl Fn(Option<&[i16]>, &mut Vec<i16>),
    ) {
        let entry = self.streams.get_mut(port.0 as usize);
        let Some(stream) = entry.and_then(|entry| entry.as_deref_mut()) else { return };
        let Some(to) = stream.target().filter(|_| stream.may_be_spoken_to(now)) else { return };
        let Some(kind) = stream.mixed_codec().map(|codec| codec.kind) else { return };
        let (scratch, payload) = (&mut self.frame, &mut self.scratch);
        let payload: &[u8] = if hears.own {
            let own = stream.ear.as_ref().map(|ear| ear.frame.as_slice());
            mixed(own, scratch);
            let voice = stream.mouth.own_voice(groups, hears, kind);
            if !voice.is_some_and(|voice| voice.encode(scratch, payload)) {
                return;
            }
            payload
        } else {
            stream.mouth.grouped = true;
            let write = |frame: &mut Vec<i16>| mixed(None, frame);
            match groups.payload(hears.hears, (kind, hears.rate), write, scratch) {
                Some(payload) => payload,
                None => return,
            }
        };
        let Some(header) = stream.spoken(now, super::mixes::FRAME) else { return };
        stream.outgoing.sent(payload.len());
        self.outbox.push(Socket::rtp(port), to, |out| {
            out.extend_from_slice(&header.bytes());
            out.extend_from_slice(payload);
        });
    }

    /// Tells a peer how quiet the other end is (RFC 3389), now and then. False if it does not understand that.
    pub(super) fn hush(&mut self, now: u64, port: PortId, level: u8) -> bool {
        let entry = self.streams.get_mut(port.0 as usize);
        let Some(stream) = entry.and_then(|entry| entry.as_deref_mut()) else { return true };
        let Some(payload_type) = stream.noise_type() else { return false };
        let Some(to) = stream.target().filter(|_| stream.may_be_spoken_to(now)) else {
            return true;
        };
        let again = now.saturating_sub(stream.mouth.hushed) < super::mixes::NOISE_INTERVAL;
        if again && stream.mouth.last < stream.mouth.hushed {
            return true;
        }
        stream.mouth.hushed = now;
        let clock_rate = stream.mixed_codec().map_or(8_000, |codec| codec.clock_rate);
        let timestamp = stream.outgoing.timestamp_at(now, clock_rate);
        let place = Place::At { timestamp, marker: false };
        let own = OwnPacket { payload_type, clock_rate, samples: 0, place };
        let header = stream.outgoing.own(now, own);
        stream.outgoing.sent(1);
        self.outbox.push(Socket::rtp(port), to, |out| {
            out.extend_from_slice(&header.bytes());
            out.push(level);
        });
        true
    }
}
