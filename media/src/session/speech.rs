//! What the switch itself says to a peer: prompts and digits, paced by the clock. While it speaks, the bridge
//! towards that peer is silent.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::prompts::{PromptKey, Supply, playable};
use super::stream::Stream;
use super::{Engine, Request, Socket};
use crate::dtmf;
use crate::order::{CodecKind, MediaEvent, PlayFault, PlayId, PortId, StreamId};
use crate::player::{EncodedPrompt, Player};
use crate::session::outgoing::{OwnPacket, Place};

/// Speakers start on this grid, so that one wake-up serves many of them, ns.
const GRID: u64 = 10_000_000;
/// Who is later than this starts anew instead of catching up, ns.
const LATE: u64 = 100_000_000;
/// Interval of event packets, ns (RFC 4733 section 2.5.1.2).
const EVENT_INTERVAL: u64 = 20_000_000;

/// Who speaks when. A hint: the stream knows whether an entry still holds.
#[derive(Debug, Default)]
pub(super) struct Schedule(BinaryHeap<Reverse<(u64, u32)>>);

impl Schedule {
    /// Something is due on a port.
    pub fn add(&mut self, due: u64, port: PortId) {
        self.0.push(Reverse((due, port.0)));
    }

    /// When the next packet is due, maybe.
    pub fn next(&self) -> Option<u64> {
        self.0.peek().map(|Reverse((due, _))| *due)
    }

    /// Takes an entry that is due.
    pub fn pop_due(&mut self, now: u64) -> Option<(u64, PortId)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse((due, port))| (due, PortId(port)))
    }
}

/// What is being said on a stream.
#[derive(Debug, Default)]
pub(super) struct Speech {
    /// When its next packet is due; `None` while nothing can be said yet.
    due: Option<u64>,
    fresh: bool,
    play: Option<Play>,
    dial: Option<Dial>,
}

#[derive(Debug)]
struct Play {
    id: PlayId,
    names: Vec<String>,
    repeat: bool,
    /// `None` while prompts are loading or the codec is unknown.
    playing: Option<Playing>,
}

#[derive(Debug)]
struct Playing {
    player: Player,
    codec: CodecKind,
    payload_type: u8,
    clock_rate: u32,
    samples: u32,
}

#[derive(Debug)]
struct Dial {
    sender: dtmf::Sender,
    payload_type: u8,
    event_rate: u32,
    audio_rate: u32,
    /// The moment and the RTP timestamp that the sender's clock counts from.
    began: u64,
    base: u32,
}

impl Dial {
    fn new(now: u64, stream: &Stream, duration_ms: u16) -> Option<Self> {
        let codecs = &stream.agreed.as_ref()?.codecs;
        let event = codecs.event()?;
        let audio_rate = codecs.audio().map_or(event.clock_rate, |audio| audio.clock_rate);
        Some(Self {
            sender: dtmf::Sender::new(event.clock_rate, duration_ms),
            payload_type: event.send_pt,
            event_rate: event.clock_rate.max(1_000),
            audio_rate,
            began: now,
            base: stream.outgoing.timestamp_at(now, audio_rate),
        })
    }

    /// The next packet, its timestamp in the audio's clock.
    fn next(&mut self, now: u64) -> Option<dtmf::EventPacket> {
        let elapsed = now.saturating_sub(self.began) / 1_000_000;
        let packet = self.sender.tick((elapsed * u64::from(self.event_rate / 1_000)) as u32)?;
        let since = u64::from(packet.timestamp) * u64::from(self.audio_rate);
        let since = (since / u64::from(self.event_rate)) as u32;
        Some(dtmf::EventPacket { timestamp: self.base.wrapping_add(since), ..packet })
    }
}

impl Engine {
    /// Plays a list of prompts in place of what played before.
    pub(super) fn play(
        &mut self,
        now: u64,
        stream: StreamId,
        (play, names, repeat): (PlayId, Vec<String>, bool),
    ) {
        let Some((port, found)) = self.find_mut(stream) else {
            let fault = PlayFault::of_all(&names, "the stream is closed");
            return self.end_play(stream, play, Some(fault));
        };
        if names.is_empty() {
            let fault = PlayFault::of_all(&names, "no prompts are named");
            return self.end_play(stream, play, Some(fault));
        }
        let speech = found.speech.get_or_insert_default();
        speech.play = Some(Play { id: play, names, repeat, playing: None });
        self.supply_prompts(now, port);
    }

    /// Stops what plays.
    pub(super) fn stop_play(&mut self, stream: StreamId) {
        let Some((port, stream)) = self.find_mut(stream) else { return };
        if let Some(speech) = &mut stream.speech {
            speech.play = None;
        }
        self.fall_silent(port);
    }

    /// Sends digits after those that are under way.
    pub(super) fn send_dtmf(&mut self, now: u64, stream: StreamId, digits: &str, duration_ms: u16) {
        let Some((port, stream)) = self.find_mut(stream) else { return };
        let under_way = stream.speech.as_mut().and_then(|speech| speech.dial.as_mut());
        if let Some(dial) = under_way {
            // What finds no room is dropped, as the order says.
            dial.sender.push(digits);
            return;
        }
        // The switch knows that this peer reads no events.
        let Some(mut dial) = Dial::new(now, stream, duration_ms) else { return };
        dial.sender.push(digits);
        stream.speech.get_or_insert_default().dial = Some(dial);
        self.schedule_speech(now, port);
    }

    /// Hands in a prompt that was requested, or why it cannot be had.
    pub fn prompt_loaded(
        &mut self,
        now: u64,
        key: &PromptKey,
        prompt: Result<Arc<EncodedPrompt>, String>,
    ) {
        let error = prompt.as_ref().err().cloned();
        self.prompts.loaded(key, prompt.ok());
        self.mix_prompt_loaded(&key.name, error.as_deref());
        for slot in 0..self.streams.len() {
            let port = PortId(slot as u32);
            let Some(stream) = self.at(port) else { continue };
            let waits = stream.speech.as_ref().and_then(|speech| speech.play.as_ref());
            let Some(play) = waits.filter(|play| play.waits_for(&key.name)) else { continue };
            if let Some(error) = &error {
                let (id, play) = (stream.id, play.id);
                self.stop_play(id);
                let fault = PlayFault { prompt: key.name.clone(), why: error.clone() };
                self.end_play(id, play, Some(fault));
            } else {
                self.supply_prompts(now, port);
            }
        }
    }

    /// Forgets all prompts in memory; whoever plays one goes on.
    pub fn forget_prompts(&mut self) {
        self.prompts.forget();
    }

    /// Begins to play when the codec is known and all prompts are there; after a change of codec too.
    pub(super) fn supply_prompts(&mut self, now: u64, port: PortId) {
        let Some(stream) =
            self.streams.get_mut(port.0 as usize).and_then(|entry| entry.as_deref_mut())
        else {
            return;
        };
        let Some(agreed) = &stream.agreed else { return };
        let Some(speech) = &mut stream.speech else { return };
        let Some(play) = &mut speech.play else { return };
        let Some(audio) = agreed.codecs.audio().filter(|audio| playable(audio.kind)) else {
            let fault = PlayFault::of_all(&play.names, "no codec of this stream can be played");
            let (id, play) = (stream.id, play.id);
            self.stop_play(id);
            return self.end_play(id, play, Some(fault));
        };
        if let Some(playing) = &mut play.playing
            && playing.codec == audio.kind
        {
            playing.payload_type = audio.send_pt;
            return;
        }
        play.playing = None;
        match self.prompts.supply(&play.names, audio.kind) {
            Supply::Loading(missing) => {
                self.requests.extend(missing.into_iter().map(Request::LoadPrompt));
            }
            Supply::Ready(prompts) => {
                let player = Player::new(prompts, play.repeat, agreed.ptime_ms);
                let samples = u32::from(player.packet_ms()) * audio.clock_rate / 1_000;
                play.playing = Some(Playing {
                    player,
                    codec: audio.kind,
                    payload_type: audio.send_pt,
                    clock_rate: audio.clock_rate,
                    samples,
                });
                self.schedule_speech(now, port);
            }
        }
    }

    /// Says what is due.
    pub(super) fn speak(&mut self, now: u64) {
        while let Some((due, port)) = self.schedule.pop_due(now) {
            let Some(stream) = self.at(port) else { continue };
            let Some(speech) = stream.speech.as_mut().filter(|speech| speech.due == Some(due))
            else {
                continue;
            };
            speech.due = None;
            let late = now.saturating_sub(due) > LATE;
            speech.fresh |= late;
            let interval = if speech.dial.is_some() {
                self.dial_on(due, port)
            } else {
                self.play_on(due, port)
            };
            match interval {
                Some(_) if late => self.schedule_speech(now, port),
                Some(interval) => self.schedule_at(due + interval, port),
                None => self.fall_silent(port),
            }
        }
    }

    /// Sends the next packet of a prompt; returns when the one after it is due, in ns from now.
    fn play_on(&mut self, now: u64, port: PortId) -> Option<u64> {
        let mut payload = std::mem::take(&mut self.scratch);
        let next = self.next_payload(port, &mut payload);
        match next {
            Next::Packet(packet, interval) => {
                self.send_own(now, port, packet, &payload);
                self.scratch = payload;
                Some(interval)
            }
            Next::End(stream, play) => {
                self.scratch = payload;
                self.end_play(stream, play, None);
                None
            }
            Next::Nothing => {
                self.scratch = payload;
                None
            }
        }
    }

    fn next_payload(&mut self, port: PortId, payload: &mut Vec<u8>) -> Next {
        let Some(stream) = self.at(port) else { return Next::Nothing };
        let id = stream.id;
        let Some(speech) = &mut stream.speech else { return Next::Nothing };
        let Some(play) = &mut speech.play else { return Next::Nothing };
        let Some(playing) = &mut play.playing else { return Next::Nothing };
        if !playing.player.next(payload) {
            let play = play.id;
            speech.play = None;
            return Next::End(id, play);
        }
        let place = if speech.fresh { Place::Fresh } else { Place::Next };
        speech.fresh = false;
        let packet = OwnPacket {
            payload_type: playing.payload_type,
            clock_rate: playing.clock_rate,
            samples: playing.samples,
            place,
        };
        Next::Packet(packet, u64::from(playing.player.packet_ms()) * 1_000_000)
    }

    /// Sends the next packet of the digits under way.
    fn dial_on(&mut self, now: u64, port: PortId) -> Option<u64> {
        let speech = self.at(port)?.speech.as_mut()?;
        let dial = speech.dial.as_mut()?;
        if let Some(event) = dial.next(now) {
            let packet = OwnPacket {
                payload_type: dial.payload_type,
                clock_rate: dial.audio_rate,
                samples: 0,
                place: Place::At { timestamp: event.timestamp, marker: event.marker },
            };
            self.send_own(now, port, packet, &event.payload);
        } else if dial.sender.is_idle() {
            speech.dial = None;
            // A prompt that waited goes on behind the pause.
            speech.fresh = true;
            speech.play.as_ref().and_then(|play| play.playing.as_ref())?;
        }
        Some(EVENT_INTERVAL)
    }

    fn send_own(&mut self, now: u64, port: PortId, packet: OwnPacket, payload: &[u8]) {
        let Some(stream) =
            self.streams.get_mut(port.0 as usize).and_then(|entry| entry.as_deref_mut())
        else {
            return;
        };
        // A held peer hears nothing, but time goes on for the prompt.
        let Some(to) = stream.target() else { return };
        let header = stream.outgoing.own(now, packet);
        stream.outgoing.sent(payload.len());
        self.outbox.push(Socket::rtp(port), to, |out| {
            out.extend_from_slice(&header.bytes());
            out.extend_from_slice(payload);
        });
    }

    /// Lets the bridge speak again when nothing of ours is left to say.
    fn fall_silent(&mut self, port: PortId) {
        if let Some(stream) = self.at(port)
            && stream.speech.as_ref().is_some_and(|speech| speech.is_over())
        {
            stream.speech = None;
        }
    }

    fn schedule_speech(&mut self, now: u64, port: PortId) {
        let due = (now / GRID + 1) * GRID;
        let Some(speech) = self.at(port).and_then(|stream| stream.speech.as_mut()) else { return };
        if speech.due.is_none() {
            speech.fresh = true;
            self.schedule_at(due, port);
        }
    }

    fn schedule_at(&mut self, due: u64, port: PortId) {
        if let Some(speech) = self.at(port).and_then(|stream| stream.speech.as_mut()) {
            speech.due = Some(due);
            self.schedule.add(due, port);
        }
    }

    fn end_play(&mut self, stream: StreamId, play: PlayId, error: Option<PlayFault>) {
        self.events.push_back(MediaEvent::PlayEnded { stream, play, error });
    }
}

/// What a prompt has to say next.
enum Next {
    /// A payload, and how long it lasts in ns.
    Packet(OwnPacket, u64),
    /// It has come to its end.
    End(StreamId, PlayId),
    /// It waits.
    Nothing,
}

impl Play {
    fn waits_for(&self, name: &str) -> bool {
        self.playing.is_none() && self.names.iter().any(|named| named == name)
    }
}

impl Speech {
    fn is_over(&self) -> bool {
        self.play.is_none() && self.dial.is_none()
    }
}
