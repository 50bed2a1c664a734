//! Mixes: who is in them, and bridges whose ends share no codec, which are mixes of two.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::Engine;
use super::line::Line;
use super::mix_extras::{MixPlay, Tape};
use super::speech::Schedule;
use super::stream::Role;
use crate::mix::voice::Groups;
use crate::mix::{Mixer, rate_for};
use crate::order::{MixId, PortId, StreamId, StreamKind, Voices};

/// Mixes work on this grid, so that one wake-up serves many of them but not all, ns.
const GRID: u64 = 5_000_000;
/// What is mixed at a time, ns.
pub(super) const FRAME: u64 = 20_000_000;
/// How often a peer is told that the other end is quiet, ns.
pub(super) const NOISE_INTERVAL: u64 = 200_000_000;
/// Who is later than this goes on from now instead of catching up, ns.
const LATE: u64 = 100_000_000;

/// A stream's place in a mix.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub port: PortId,
    pub speaks: Voices,
    pub hears: Voices,
    /// Its last 20 ms are in the mix.
    pub speaking: bool,
    /// It describes its silence.
    pub noise: Option<u8>,
}

impl Member {
    fn new(port: PortId, speaks: Voices, hears: Voices) -> Self {
        Self { port, speaks, hears, speaking: false, noise: None }
    }
}

/// A mix, or a bridge that is decoded.
#[derive(Debug, Default)]
pub(super) struct Mix {
    /// `None`: a bridge.
    pub id: Option<MixId>,
    pub members: Vec<Member>,
    pub rate: u32,
    /// When the next 20 ms are due; other entries of the schedule are stale.
    pub due: u64,
    /// Members, sets of voices or codecs have changed.
    pub changed: bool,
    pub mixer: Mixer,
    pub groups: Groups,
    pub plays: Vec<MixPlay>,
    pub tapes: Vec<Tape>,
    /// The program that takes part.
    pub line: Option<Box<Line>>,
}

impl Mix {
    /// Whether telephone events of a member are passed on to those who hear it: where only two speak, or its voice is its
    /// own, as in a supervised call; in rooms they disturb. Where some members are marked, theirs alone.
    fn passes_events(&self, from: &Member) -> bool {
        let marked = |member: &Member| member.speaks.intersects(Voices::KEYS);
        if self.members.iter().any(marked) {
            return marked(from);
        }
        let speakers = self.members.iter().filter(|member| member.speaks != Voices::NONE).count();
        let shared =
            |other: &&Member| other.port != from.port && other.speaks.intersects(from.speaks);
        speakers <= 2 || !self.members.iter().any(|other| shared(&other))
    }
}

/// The mixes of one engine.
#[derive(Debug, Default)]
pub(super) struct Mixes {
    slots: Vec<Option<Box<Mix>>>,
    by_id: BTreeMap<MixId, u32>,
    schedule: Schedule,
}

impl Mixes {
    pub fn get(&mut self, slot: u32) -> Option<&mut Mix> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    pub fn look(&self, slot: u32) -> Option<&Mix> {
        self.slots.get(slot as usize)?.as_deref()
    }

    pub fn slot_of(&self, id: MixId) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    /// All slots that may hold a mix.
    pub fn slots(&self) -> std::ops::Range<u32> {
        0..self.slots.len() as u32
    }

    /// When something is due, maybe.
    pub fn next(&self) -> Option<u64> {
        self.schedule.next()
    }

    fn insert(&mut self, now: u64, id: Option<MixId>) -> u32 {
        let free = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        if free == self.slots.len() {
            self.slots.push(None);
        }
        let due = (now / GRID + 1) * GRID;
        let mix = Mix { id, due, rate: 8_000, changed: true, ..Mix::default() };
        if let Some(entry) = self.slots.get_mut(free) {
            *entry = Some(Box::new(mix));
        }
        if let Some(id) = id {
            self.by_id.insert(id, free as u32);
        }
        self.schedule.add(due, PortId(free as u32));
        free as u32
    }

    fn remove(&mut self, slot: u32) -> Option<Box<Mix>> {
        let mix = self.slots.get_mut(slot as usize)?.take()?;
        if let Some(id) = mix.id {
            self.by_id.remove(&id);
        }
        Some(mix)
    }

    /// Takes a mix out for work whose time has come, with that time.
    pub fn pop_due(&mut self, now: u64) -> Option<(u64, u32, Box<Mix>)> {
        while let Some((due, PortId(slot))) = self.schedule.pop_due(now) {
            let Some(entry) = self.slots.get_mut(slot as usize) else { continue };
            if entry.as_ref().is_some_and(|mix| mix.due == due)
                && let Some(mix) = entry.take()
            {
                return Some((due, slot, mix));
            }
        }
        None
    }

    /// Puts a mix back after its work, until the next time.
    pub fn put_back(&mut self, now: u64, slot: u32, mut mix: Box<Mix>) {
        let late = now.saturating_sub(mix.due) > LATE;
        mix.due = if late { (now / GRID + 1) * GRID } else { mix.due + FRAME };
        self.schedule.add(mix.due, PortId(slot));
        if let Some(entry) = self.slots.get_mut(slot as usize) {
            *entry = Some(mix);
        }
    }
}

impl Engine {
    /// Puts a stream into a mix, or changes its place there.
    pub(super) fn mix(&mut self, now: u64, id: StreamId, mix: MixId, voices: (Voices, Voices)) {
        let (speaks, hears) = voices;
        let Some((port, stream)) = self.find_mut(id) else { return };
        if stream.kind != StreamKind::Audio {
            return;
        }
        let (role, within) = (stream.role, stream.mix);
        let known = self.mixes.slot_of(mix);
        if role == Role::Mixed && within == known {
            return self.change_place(known, port, voices);
        }
        self.unbridge(id);
        // Its mix may have ended by that.
        let known = self.mixes.slot_of(mix);
        let slot = known.unwrap_or_else(|| self.mixes.insert(now, Some(mix)));
        self.enter(slot, Member::new(port, speaks, hears));
        if let Some(stream) = self.at(port) {
            stream.role = Role::Mixed;
        }
    }

    fn change_place(&mut self, slot: Option<u32>, port: PortId, voices: (Voices, Voices)) {
        let Some(mix) = slot.and_then(|slot| self.mixes.get(slot)) else { return };
        mix.changed = true;
        let Some(member) = mix.members.iter_mut().find(|member| member.port == port) else {
            return;
        };
        let unmuted = member.speaks == Voices::NONE;
        (member.speaks, member.hears) = voices;
        // What was said while nobody was to hear it stays unheard.
        if unmuted && let Some(ear) = self.at(port).and_then(|stream| stream.ear.as_mut()) {
            ear.restart();
        }
    }

    fn enter(&mut self, slot: u32, member: Member) {
        if let Some(mix) = self.mixes.get(slot) {
            mix.members.push(member);
            mix.changed = true;
        }
        if let Some(stream) = self.at(member.port) {
            stream.mix = Some(slot);
            if let Some(ear) = &mut stream.ear {
                ear.restart();
            }
        }
    }

    /// Takes a stream out of its mix.
    pub(super) fn unmix(&mut self, id: StreamId) {
        let mixed = self.find(id).is_some_and(|(_, stream)| stream.role == Role::Mixed);
        if mixed {
            self.unbridge(id);
        }
    }

    /// Begins to decode what two bridged streams say: one sends what the other does not take.
    pub(super) fn transcode(&mut self, now: u64, a: PortId, b: PortId) {
        let slot = self.mixes.insert(now, None);
        self.enter(slot, Member::new(a, Voices(1), Voices(2)));
        self.enter(slot, Member::new(b, Voices(2), Voices(1)));
    }

    /// A stream leaves what it is in, if anything.
    pub(super) fn leave_mix(&mut self, port: PortId) {
        let Some(slot) = self.at(port).and_then(|stream| stream.mix.take()) else { return };
        let Some(mix) = self.mixes.get(slot) else { return };
        mix.members.retain(|member| member.port != port);
        mix.changed = true;
        if mix.id.is_some() && !mix.members.is_empty() {
            return;
        }
        let Some(mix) = self.mixes.remove(slot) else { return };
        for member in &mix.members {
            if let Some(stream) = self.at(member.port) {
                stream.mix = None;
            }
        }
        self.end_extras(*mix);
    }

    /// A stream has other codecs than before.
    pub(super) fn mix_changed(&mut self, port: PortId) {
        let slot = self.at(port).and_then(|stream| stream.mix);
        if let Some(mix) = slot.and_then(|slot| self.mixes.get(slot)) {
            mix.changed = true;
        }
    }

    /// Who is to hear the telephone events of a member.
    pub(super) fn event_hearers(&mut self, slot: u32, port: PortId) -> SmallVec<[PortId; 4]> {
        let Some(mix) = self.mixes.get(slot) else { return SmallVec::new() };
        let from = mix.members.iter().find(|member| member.port == port);
        let Some(from) = from.filter(|from| mix.passes_events(from)) else {
            return SmallVec::new();
        };
        let hears = |member: &&Member| member.port != port && member.hears.intersects(from.speaks);
        mix.members.iter().filter(hears).map(|member| member.port).collect()
    }

    /// Settles the rate and the sums of a mix after a change.
    pub(super) fn arrange(&mut self, mix: &mut Mix) {
        mix.changed = false;
        let heard = mix.members.iter().map(|member| member.hears);
        let told = mix.line.iter().map(|line| line.hears);
        mix.mixer.wanted(heard.chain(mix.tapes.iter().map(|tape| tape.voices)).chain(told));
        let codec = |member: &Member| {
            let stream = self.streams.get(member.port.0 as usize)?.as_deref()?;
            Some(stream.mixed_codec()?.kind)
        };
        mix.rate = rate_for(mix.members.iter().filter_map(codec));
    }
}
