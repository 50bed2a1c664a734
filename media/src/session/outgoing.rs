//! One continuous RTP stream to a peer, whatever it is made of.
//!
//! A leg keeps its SSRC for life. Sequence numbers and timestamps continue when prompts, the bridge or
//! another bridge take turns: at each change of source the offsets are chosen anew, so that the next
//! packet carries the next number and a timestamp as far on as time has passed.

use crate::rtp::Header;

/// What a forwarded packet came from. Another key means another numbering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceKey {
    /// The stream that received it.
    pub stream: u64,
    /// Counts the restarts of that stream's numbering.
    pub epoch: u32,
}

/// The sending state of one leg.
#[derive(Debug, Clone)]
pub struct Outgoing {
    ssrc: u32,
    /// Number of the last packet in order.
    sequence: u16,
    /// Timestamp of the last packet in order.
    timestamp: u32,
    /// How far the timestamp grew by the last packet.
    step: u32,
    clock_rate: u32,
    /// The moment that the timestamp stands for, ns; `None` before the first packet.
    anchor: Option<u64>,
    packets: u64,
    octets: u64,
    from: From,
}

#[derive(Debug, Clone, Copy)]
enum From {
    Nothing,
    Ourselves,
    Relay(Relay),
}

/// How numbers of a relayed source become ours.
#[derive(Debug, Clone, Copy)]
struct Relay {
    key: SourceKey,
    /// The oldest number that belongs to this numbering.
    first: u16,
    sequence_offset: u16,
    timestamp_offset: u32,
    /// Numbers before `skipped` still use the offset before it was lowered by one.
    skipped: Option<u16>,
    /// The telephone event in progress: its timestamp there and here.
    event: Option<(u32, u32)>,
}

/// What kind of timestamp a packet bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// It counts in the clock of the target's audio.
    Shared,
    /// It is a telephone event whose clock is not the one of the target's audio: it is placed by time.
    Event,
}

impl Outgoing {
    /// A stream that begins with random numbers (RFC 3550 section 5.1).
    pub fn new(ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self {
            ssrc,
            sequence,
            timestamp,
            step: 0,
            clock_rate: 0,
            anchor: None,
            packets: 0,
            octets: 0,
            from: From::Nothing,
        }
    }

    /// Our SSRC on this leg.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Packets sent.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Payload bytes sent, for sender reports.
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// The header that a relayed packet gets, or `None` when it belongs to a numbering before the last
    /// change of source.
    pub fn relay(
        &mut self,
        now: u64,
        key: SourceKey,
        header: Header,
        clock_rate: u32,
        timing: Timing,
    ) -> Option<Header> {
        let mut changed = false;
        let mut relay = match self.from {
            From::Relay(relay) if relay.key == key => relay,
            _ => {
                changed = true;
                self.begin(now, key, &header, clock_rate)
            }
        };
        if precedes(header.sequence, relay.first) {
            return None;
        }
        if clock_rate != self.clock_rate && !changed && timing == Timing::Shared {
            relay.timestamp_offset =
                self.timestamp_at(now, clock_rate).wrapping_sub(header.timestamp);
        }
        let timestamp = match timing {
            Timing::Shared => header.timestamp.wrapping_add(relay.timestamp_offset),
            Timing::Event => self.event_timestamp(now, &mut relay, header.timestamp, clock_rate),
        };
        let late = relay.skipped.is_some_and(|skipped| precedes(header.sequence, skipped));
        let sequence =
            header.sequence.wrapping_add(relay.sequence_offset).wrapping_add(u16::from(late));
        if changed || !precedes(sequence, self.sequence.wrapping_add(1)) {
            self.advance(now, sequence, timestamp, clock_rate);
        }
        // Half the number space later the comparisons would turn round: let old bounds go.
        if header.sequence.wrapping_sub(relay.first) > 0x3000 {
            relay.first = header.sequence.wrapping_sub(0x1000);
            relay.skipped = relay.skipped.filter(|skipped| precedes(relay.first, *skipped));
        }
        self.from = From::Relay(relay);
        let marker = header.marker || changed;
        Some(Header { marker, sequence, timestamp, ssrc: self.ssrc, ..header })
    }

    /// A packet of the source in force is left out on purpose: the next one closes the gap.
    pub fn skip(&mut self, key: SourceKey, sequence: u16) {
        if let From::Relay(relay) = &mut self.from
            && relay.key == key
            && precedes(self.sequence, sequence.wrapping_add(relay.sequence_offset))
        {
            relay.sequence_offset = relay.sequence_offset.wrapping_sub(1);
            relay.skipped = Some(sequence);
        }
    }

    /// The header of a packet of our own.
    pub fn own(&mut self, now: u64, own: OwnPacket) -> Header {
        let changed = !matches!(self.from, From::Ourselves);
        let fresh = changed || own.place == Place::Fresh;
        let timestamp = match own.place {
            Place::At { timestamp, .. } => timestamp,
            Place::Next if !changed => self.timestamp.wrapping_add(self.step),
            Place::Next | Place::Fresh => self.timestamp_at(now, own.clock_rate),
        };
        let marker = match own.place {
            Place::At { marker, .. } => marker,
            _ => fresh,
        };
        self.from = From::Ourselves;
        let sequence = self.sequence.wrapping_add(1);
        self.advance(now, sequence, timestamp, own.clock_rate);
        if own.samples > 0 {
            self.step = own.samples;
        }
        Header { marker, payload_type: own.payload_type, sequence, timestamp, ssrc: self.ssrc }
    }

    /// Counts a packet as sent, with its payload length.
    pub fn sent(&mut self, payload: usize) {
        self.packets += 1;
        self.octets += payload as u64;
    }

    /// The number at the source of a packet that we numbered `sequence`.
    pub fn original(&self, sequence: u16) -> Option<u16> {
        match self.from {
            From::Relay(relay) => Some(sequence.wrapping_sub(relay.sequence_offset)),
            _ => None,
        }
    }

    /// How numbers and timestamps of a source are shifted; `None` when it is not the one in force.
    pub fn offsets(&self, key: SourceKey) -> Option<(u16, u32)> {
        match self.from {
            From::Relay(relay) if relay.key == key => {
                Some((relay.sequence_offset, relay.timestamp_offset))
            }
            _ => None,
        }
    }

    /// The timestamp that belongs to `now`, in a clock of `clock_rate` Hz.
    pub fn timestamp_at(&self, now: u64, clock_rate: u32) -> u32 {
        let Some(anchor) = self.anchor else { return self.timestamp };
        let elapsed = units(now.saturating_sub(anchor), clock_rate);
        // The last packet's audio must not be overlaid.
        let least = if self.step == 0 { clock_rate / 50 } else { self.step };
        self.timestamp.wrapping_add(elapsed.max(least))
    }

    /// The timestamp for a sender report: no packet's, but the one of this moment.
    pub fn report_timestamp(&self, now: u64) -> u32 {
        let elapsed = now.saturating_sub(self.anchor.unwrap_or(now));
        self.timestamp.wrapping_add(units(elapsed, self.clock_rate))
    }

    fn begin(&self, now: u64, key: SourceKey, header: &Header, clock_rate: u32) -> Relay {
        let timestamp = self.timestamp_at(now, clock_rate);
        Relay {
            key,
            first: header.sequence,
            sequence_offset: self.sequence.wrapping_add(1).wrapping_sub(header.sequence),
            timestamp_offset: timestamp.wrapping_sub(header.timestamp),
            skipped: None,
            event: None,
        }
    }

    fn event_timestamp(&self, now: u64, relay: &mut Relay, theirs: u32, clock_rate: u32) -> u32 {
        match relay.event {
            Some((there, here)) if there == theirs => here,
            _ => {
                let here = self.timestamp_at(now, clock_rate);
                relay.event = Some((theirs, here));
                here
            }
        }
    }

    fn advance(&mut self, now: u64, sequence: u16, timestamp: u32, clock_rate: u32) {
        let step = timestamp.wrapping_sub(self.timestamp);
        // Silence and events make odd steps: only a packet's usual length counts.
        if step > 0 && step <= clock_rate / 10 {
            self.step = step;
        }
        self.sequence = sequence;
        self.clock_rate = clock_rate;
        // An event's packets bear the time of its beginning.
        if step != 0 || self.anchor.is_none() {
            self.timestamp = timestamp;
            self.anchor = Some(now);
        }
    }
}

/// A packet that we make ourselves.
#[derive(Debug, Clone, Copy)]
pub struct OwnPacket {
    /// Payload type that the peer wants.
    pub payload_type: u8,
    /// Clock of the payload type, Hz.
    pub clock_rate: u32,
    /// Length in clock units.
    pub samples: u32,
    /// Where it stands in time.
    pub place: Place,
}

/// Where a packet of our own stands relative to the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// After a pause: the timestamp follows the clock, and the marker is set.
    Fresh,
    /// Right behind the packet before.
    Next,
    /// A telephone event: all its packets bear the timestamp of its beginning (RFC 4733 section 2.5.1.2).
    At {
        /// That timestamp.
        timestamp: u32,
        /// Set on the first packet of the event.
        marker: bool,
    },
}

/// Whether `a` comes before `b` on the circle of sequence numbers.
fn precedes(a: u16, b: u16) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

fn units(ns: u64, clock_rate: u32) -> u32 {
    (u128::from(ns) * u128::from(clock_rate) / 1_000_000_000) as u32
}
