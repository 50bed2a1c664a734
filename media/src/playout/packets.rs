//! Packets that wait to be played, in the order of their numbers.

use crate::order::CodecKind;

/// Packets that may wait: 200 ms of the shortest, and some that are early.
pub(super) const ROOM: usize = 32;
/// Longest payload that is kept: 120 ms of any codec here.
const LONGEST: usize = 1_500;

/// A packet that waits.
#[derive(Debug)]
pub(super) struct Waiting {
    /// `None`: the slot is free.
    sequence: Option<u16>,
    pub kind: CodecKind,
    pub payload: Vec<u8>,
}

/// What became of a packet that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// It waits for its turn.
    Yes,
    /// Its turn is over, or it is there already.
    Late,
    /// It is so far ahead that it begins anew: nothing else waits any more.
    Anew,
}

/// The packets of one source, by number. Memory is kept for the next ones.
#[derive(Debug)]
pub(super) struct Packets {
    slots: Vec<Waiting>,
    count: usize,
    /// The number whose turn it is.
    next: Option<u16>,
}

impl Packets {
    pub fn new() -> Self {
        let free =
            || Waiting { sequence: None, kind: CodecKind::Other, payload: Vec::with_capacity(172) };
        Self { slots: (0..ROOM).map(|_| free()).collect(), count: 0, next: None }
    }

    /// Number of packets that wait.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Takes a packet. `started`: some have been played, so that one before the next is late.
    pub fn put(&mut self, sequence: u16, kind: CodecKind, payload: &[u8], started: bool) -> Kept {
        let next = *self.next.get_or_insert(sequence);
        let ahead = sequence.wrapping_sub(next).cast_signed();
        let mut kept = Kept::Yes;
        if ahead < 0 {
            let reordered = !started && self.first_is_within(sequence);
            if !reordered {
                return Kept::Late;
            }
            self.next = Some(sequence);
        } else if ahead as usize >= ROOM {
            self.clear();
            self.next = Some(sequence);
            kept = Kept::Anew;
        }
        let Some(slot) = self.slots.get_mut(usize::from(sequence) % ROOM) else { return kept };
        if slot.sequence.is_some() {
            return Kept::Late;
        }
        slot.sequence = Some(sequence);
        slot.kind = kind;
        slot.payload.clear();
        slot.payload.extend_from_slice(payload.get(..LONGEST).unwrap_or(payload));
        self.count += 1;
        kept
    }

    /// Whether a packet before all others still leaves room for the last of them.
    fn first_is_within(&self, sequence: u16) -> bool {
        let span = |slot: &Waiting| slot.sequence.map(|own| own.wrapping_sub(sequence));
        self.slots.iter().filter_map(span).all(|span| usize::from(span) < ROOM)
    }

    /// The packet whose turn it is, if it is there; its slot is free afterwards.
    pub fn take(&mut self) -> Option<&Waiting> {
        let next = self.next?;
        let slot = self.slots.get_mut(usize::from(next) % ROOM)?;
        if slot.sequence != Some(next) {
            return None;
        }
        slot.sequence = None;
        self.count -= 1;
        self.next = Some(next.wrapping_add(1));
        Some(slot)
    }

    /// The packet after the one whose turn it is.
    pub fn after_next(&self) -> Option<&Waiting> {
        let after = self.next?.wrapping_add(1);
        self.slots.get(usize::from(after) % ROOM).filter(|slot| slot.sequence == Some(after))
    }

    /// Gives up the packet whose turn it is, and throws it away if it is there.
    pub fn skip(&mut self) {
        if self.take().is_none() {
            self.next = self.next.map(|next| next.wrapping_add(1));
        }
    }

    /// Moves on to the first packet that waits: what lies before it is over.
    pub fn seek(&mut self) {
        let Some(next) = self.next else { return };
        let ahead = |slot: &Waiting| slot.sequence.map(|own| own.wrapping_sub(next));
        if let Some(least) = self.slots.iter().filter_map(ahead).min() {
            self.next = Some(next.wrapping_add(least));
        }
    }

    /// Forgets everything, numbers too.
    pub fn clear(&mut self) {
        for slot in &mut self.slots {
            slot.sequence = None;
        }
        self.count = 0;
        self.next = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(packets: &mut Packets, sequence: u16, started: bool) -> Kept {
        packets.put(sequence, CodecKind::Pcmu, &sequence.to_be_bytes(), started)
    }

    fn take(packets: &mut Packets) -> Option<u16> {
        let payload = &packets.take()?.payload;
        Some(u16::from_be_bytes([payload[0], payload[1]]))
    }

    #[test]
    fn packets_come_out_in_order_across_the_wrap_and_late_ones_are_told() {
        let mut packets = Packets::new();
        for sequence in [65_535, 1, 0, 65_534] {
            assert_eq!(put(&mut packets, sequence, false), Kept::Yes);
        }
        assert_eq!(put(&mut packets, 0, false), Kept::Late, "twice");
        for wanted in [65_534, 65_535, 0, 1] {
            assert_eq!(take(&mut packets), Some(wanted));
        }
        assert_eq!(take(&mut packets), None);
        assert_eq!(put(&mut packets, 1, true), Kept::Late);
        assert_eq!(put(&mut packets, 4, true), Kept::Yes);
        assert_eq!((take(&mut packets), packets.after_next().is_some()), (None, false));
        packets.skip();
        assert!(packets.after_next().is_some());
        packets.seek();
        assert_eq!(take(&mut packets), Some(4));
    }

    #[test]
    fn a_packet_far_ahead_begins_anew() {
        let mut packets = Packets::new();
        put(&mut packets, 10, false);
        assert_eq!(put(&mut packets, 10 + ROOM as u16, true), Kept::Anew);
        assert_eq!((packets.count(), take(&mut packets)), (1, Some(10 + ROOM as u16)));
    }
}
