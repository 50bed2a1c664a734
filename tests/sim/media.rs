//! The media workers as the switch knows them: ports in stock, orders taken, events that come late.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use media::order::{
    MediaEvent, Order, PlayId, Port, PortId, RecordingId, StreamId, StreamReport, VoiceEnd,
    VoiceEndReason,
};

use crate::rng::Rng;

const MS: u64 = 1_000_000;

/// One worker with a stock of ports.
#[derive(Debug, Default)]
pub struct Workers {
    streams: BTreeMap<StreamId, Stream>,
    in_use: BTreeSet<PortId>,
    recordings: BTreeMap<RecordingId, StreamId>,
    voices: BTreeMap<RecordingId, StreamId>,
    mixed: BTreeSet<RecordingId>,
    ports: u32,
    /// What is said takes long.
    pub slow: bool,
    /// What the model saw that no worker should ever see.
    pub complaints: Vec<String>,
    /// Orders by kind, to know what a run has reached.
    pub seen: BTreeSet<&'static str>,
}

#[derive(Debug)]
struct Stream {
    port: PortId,
    play: Option<(PlayId, bool)>,
    silence_limit: Option<u64>,
    peer: Option<SocketAddr>,
    bridged: Option<StreamId>,
}

/// Something that the worker will say, and when.
#[derive(Debug)]
pub enum Later {
    Event(MediaEvent),
    Port(Port),
}

fn port(id: u32) -> Port {
    let address = |port: u32| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port as u16);
    Port { id: PortId(id), rtp: address(20_000 + 2 * id), rtcp: address(20_001 + 2 * id) }
}

/// The end of a message's recording.
fn voice_ended(recording: RecordingId, rng: &mut Rng) -> (u64, Later) {
    let error = rng.chance(5).then(|| "disk full".to_owned());
    let end = VoiceEnd { reason: VoiceEndReason::Stopped, sound_ms: rng.between(0, 4_000) };
    let voice = error.is_none().then_some(end);
    let (length_ms, bytes) = (4_000, 64_044);
    let event = MediaEvent::RecordingEnded { recording, length_ms, bytes, error, voice };
    (rng.between(1, 300) * MS, Later::Event(event))
}

impl Workers {
    pub fn new(ports: u32) -> Self {
        Self { ports, ..Self::default() }
    }

    pub fn stock(&self) -> Vec<Port> {
        (0..self.ports).map(port).collect()
    }

    /// Whether those who take their media at these two addresses hear each other.
    pub fn hear_each_other(&self, one: SocketAddr, other: SocketAddr) -> bool {
        let at = |address| move |(_, stream): &(&StreamId, &Stream)| stream.peer == Some(address);
        let bridged = |from, to| {
            let from = self.streams.iter().find(at(from));
            let peer = from.and_then(|(_, stream)| self.streams.get(&stream.bridged?));
            peer.is_some_and(|peer| peer.peer == Some(to))
        };
        bridged(one, other) && bridged(other, one)
    }

    /// Ports that are open now.
    pub fn open(&self) -> usize {
        self.in_use.len()
    }

    /// A stream of somebody who talks or hears music, for events that come from outside.
    pub fn any_stream(&self, rng: &mut Rng) -> Option<StreamId> {
        let listens = |s: &Stream| s.bridged.is_some() || s.play.is_some_and(|(_, repeat)| repeat);
        let bridged: Vec<_> =
            self.streams.iter().filter(|(_, s)| listens(s)).map(|(id, _)| *id).collect();
        (!bridged.is_empty()).then(|| bridged[rng.below(bridged.len() as u64) as usize])
    }

    /// Streams that are to notice silence and whose peers are not among those heard.
    pub fn silent(&self, heard: &BTreeSet<SocketAddr>) -> Vec<StreamId> {
        let dead = |stream: &Stream| {
            stream.silence_limit.is_some() && stream.peer.is_some_and(|peer| !heard.contains(&peer))
        };
        self.streams.iter().filter(|(_, stream)| dead(stream)).map(|(id, _)| *id).collect()
    }

    fn complain(&mut self, what: String) {
        self.complaints.push(what);
    }

    fn stream(&mut self, id: StreamId) -> Option<&mut Stream> {
        if !self.streams.contains_key(&id) {
            self.complaints.push(format!("an order for {id:?}, which is not open"));
        }
        self.streams.get_mut(&id)
    }

    /// Takes an order; what the worker says of it comes after the delays returned (nanoseconds).
    pub fn take(&mut self, order: Order, rng: &mut Rng) -> Vec<(u64, Later)> {
        let mut later = Vec::new();
        match order {
            Order::Open { stream, port, .. } => {
                self.seen.insert("open");
                if !self.in_use.insert(port) {
                    self.complain(format!("{port:?} is opened while in use"));
                }
                let fresh =
                    Stream { port, play: None, silence_limit: None, peer: None, bridged: None };
                if self.streams.insert(stream, fresh).is_some() {
                    self.complain(format!("{stream:?} is opened twice"));
                }
            }
            Order::Configure { stream, config } => {
                self.seen.insert("configure");
                if let Some(stream) = self.stream(stream) {
                    stream.silence_limit = config.silence_limit;
                    stream.peer = config.remote_rtp;
                }
            }
            Order::Bridge { a, b } => {
                self.seen.insert("bridge");
                self.bridge(a, b);
            }
            Order::Unbridge { stream } | Order::Echo { stream } => {
                self.seen.insert("echo");
                self.stream(stream);
            }
            Order::Mix { stream, .. } => {
                self.seen.insert("mix");
                self.leave_bridge(stream);
            }
            Order::Unmix { stream } => self.leave_bridge(stream),
            Order::PlayInMix { mix, play, .. } => {
                let event = MediaEvent::MixPlayEnded { mix, play, error: None };
                later.push((rng.between(1, 4_000) * MS, Later::Event(event)));
            }
            Order::ReadTones { stream, .. } => {
                self.stream(stream);
            }
            Order::Play { stream, play, repeat, .. } => {
                self.seen.insert(if repeat { "loop" } else { "play" });
                if let Some(state) = self.stream(stream) {
                    state.play = Some((play, repeat));
                    let event = MediaEvent::PlayEnded { stream, play, error: None };
                    if !repeat {
                        let (least, most) = if self.slow { (6_000, 9_000) } else { (1, 4_000) };
                        later.push((rng.between(least, most) * MS, Later::Event(event)));
                    }
                }
            }
            Order::StopPlay { stream } => {
                if let Some(stream) = self.stream(stream) {
                    stream.play = None;
                }
            }
            Order::SendDtmf { stream, .. } => {
                self.seen.insert("dtmf");
                self.stream(stream);
            }
            Order::Close { stream } => later.extend(self.close(stream, rng)),
            other => later.extend(self.take_of_recordings(other, rng)),
        }
        later
    }

    /// An order about a recording.
    fn take_of_recordings(&mut self, order: Order, rng: &mut Rng) -> Option<(u64, Later)> {
        match order {
            Order::RecordMix { recording, .. } => {
                self.mixed.insert(recording);
            }
            Order::Record { recording, left, right, .. } => {
                self.seen.insert("record");
                self.stream(left);
                self.stream(right);
                self.recordings.insert(recording, left);
            }
            Order::RecordVoice { recording, stream, .. } => {
                self.seen.insert("voice");
                self.stream(stream);
                self.voices.insert(recording, stream);
            }
            Order::PauseRecord { recording } | Order::ResumeRecord { recording }
                if !self.recordings.contains_key(&recording) =>
            {
                self.complain(format!("{recording:?} pauses or goes on and does not run"));
            }
            Order::StopRecord { recording } if self.voices.remove(&recording).is_some() => {
                return Some(voice_ended(recording, rng));
            }
            Order::StopRecord { recording } => {
                if self.recordings.remove(&recording).is_none() && !self.mixed.remove(&recording) {
                    self.complain(format!("{recording:?} is stopped and does not run"));
                }
                let error = rng.chance(5).then(|| "disk full".to_owned());
                let event = MediaEvent::RecordingEnded {
                    recording,
                    length_ms: 1_000,
                    bytes: 32_044,
                    error,
                    voice: None,
                };
                return Some((rng.between(1, 300) * MS, Later::Event(event)));
            }
            // Nothing is known here of files, and all other orders were taken before.
            _ => {}
        }
        None
    }

    fn leave_bridge(&mut self, id: StreamId) {
        let peer = self.stream(id).and_then(|stream| stream.bridged.take());
        if let Some(peer) = peer.and_then(|peer| self.streams.get_mut(&peer)) {
            peer.bridged = None;
        }
    }

    fn bridge(&mut self, a: StreamId, b: StreamId) {
        for (own, peer) in [(a, b), (b, a)] {
            let earlier = self.stream(own).and_then(|stream| stream.bridged.replace(peer));
            let left = earlier.filter(|earlier| *earlier != peer);
            if let Some(left) = left.and_then(|left| self.streams.get_mut(&left)) {
                left.bridged = None;
            }
        }
    }

    /// What no worker does: one end relays, the other does not know.
    pub fn bridge_one_way(&mut self, a: StreamId, b: StreamId) {
        if let Some(stream) = self.stream(a) {
            stream.bridged = Some(b);
        }
    }

    fn close(&mut self, stream: StreamId, rng: &mut Rng) -> Vec<(u64, Later)> {
        let Some(state) = self.streams.remove(&stream) else {
            self.complain(format!("{stream:?} is closed and not open"));
            return Vec::new();
        };
        if let Some(peer) = state.bridged.and_then(|peer| self.streams.get_mut(&peer)) {
            peer.bridged = None;
        }
        self.in_use.remove(&state.port);
        let spoken: Vec<_> =
            self.voices.iter().filter(|(_, on)| **on == stream).map(|(id, _)| *id).collect();
        let mut later: Vec<_> = spoken
            .into_iter()
            .filter(|id| self.voices.remove(id).is_some())
            .map(|id| voice_ended(id, rng))
            .collect();
        let closed = MediaEvent::Closed { stream, report: StreamReport::default() };
        let back = Later::Port(port(state.port.0));
        later.push((rng.between(1, 50) * MS, Later::Event(closed)));
        later.push((rng.between(2_000, 4_000) * MS, back));
        later
    }

    /// What contradicts itself now.
    pub fn audit(&self) -> Option<String> {
        for (id, stream) in &self.streams {
            let Some(peer) = stream.bridged else { continue };
            let back = self.streams.get(&peer).and_then(|peer| peer.bridged);
            if back != Some(*id) {
                return Some(format!(
                    "{id:?} is bridged to {peer:?}, which is bridged to {back:?}"
                ));
            }
        }
        self.complaints.first().cloned()
    }
}
