//! What the bridges and mixes of a media worker would be: who hears whom, by the orders alone.

use std::collections::{BTreeMap, BTreeSet};

use media::order::{MixId, Order, StreamId, Voices};

/// Open streams and how they are connected.
#[derive(Debug, Default)]
pub struct Mixer {
    open: BTreeSet<StreamId>,
    bridged: BTreeMap<StreamId, StreamId>,
    members: BTreeMap<StreamId, (MixId, Voices, Voices)>,
    /// Programs that were connected to mixes.
    pub lines: Vec<(MixId, Voices, Voices)>,
    /// Prompts that were played into mixes.
    pub announced: Vec<(MixId, Vec<String>, Voices)>,
}

impl Mixer {
    /// An order to the worker.
    pub fn order(&mut self, order: &Order) {
        match *order {
            Order::Open { stream, .. } => {
                assert!(self.open.insert(stream), "{stream:?} is opened twice");
            }
            Order::Bridge { a, b } => {
                for stream in [a, b] {
                    self.known(stream);
                    self.part(stream);
                }
                self.bridged.extend([(a, b), (b, a)]);
            }
            Order::Unbridge { stream } | Order::Unmix { stream } | Order::Echo { stream } => {
                self.known(stream);
                self.part(stream);
            }
            Order::Mix { stream, mix, speaks, hears } => {
                self.known(stream);
                self.part(stream);
                self.members.insert(stream, (mix, speaks, hears));
            }
            Order::PlayInMix { mix, ref prompts, heard_by, .. } => {
                assert!(self.members.values().any(|(own, ..)| *own == mix), "{mix:?} is empty");
                self.announced.push((mix, prompts.clone(), heard_by));
            }
            Order::ConnectLine { mix, speaks, hears } => {
                assert!(self.members.values().any(|(own, ..)| *own == mix), "{mix:?} is empty");
                self.lines.push((mix, speaks, hears));
            }
            Order::Close { stream } => {
                self.part(stream);
                assert!(self.open.remove(&stream), "{stream:?} is closed twice");
            }
            _ => {}
        }
    }

    fn known(&self, stream: StreamId) {
        assert!(self.open.contains(&stream), "{stream:?} is not open");
    }

    fn part(&mut self, stream: StreamId) {
        self.members.remove(&stream);
        if let Some(peer) = self.bridged.remove(&stream) {
            self.bridged.remove(&peer);
        }
    }

    /// Whom a stream's peer hears.
    pub fn hears(&self, stream: StreamId) -> Vec<StreamId> {
        if let Some(peer) = self.bridged.get(&stream) {
            return vec![*peer];
        }
        let Some((mix, _, hears)) = self.members.get(&stream) else { return Vec::new() };
        let heard = |(other, (own, speaks, _)): &(&StreamId, &(MixId, Voices, Voices))| {
            **other != stream && own == mix && speaks.0 & hears.0 != 0
        };
        self.members.iter().filter(heard).map(|(other, _)| *other).collect()
    }

    /// Mixes that have members, with the number of each.
    pub fn mixes(&self) -> BTreeMap<MixId, usize> {
        let mut mixes = BTreeMap::new();
        for (mix, ..) in self.members.values() {
            *mixes.entry(*mix).or_default() += 1;
        }
        mixes
    }

    /// Nothing is open, and nothing connected.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty() && self.bridged.is_empty() && self.members.is_empty()
    }
}
