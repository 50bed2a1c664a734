//! Telephone events (RFC 4733): one event for each key press, however its packets fare, and the
//! packets for the digits that we send.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Length of the payload of one event.
pub const PAYLOAD: usize = 4;
/// Most digits that wait to be sent.
pub const MAX_QUEUE: usize = 32;

/// Bit of the payload's second octet that says "this is the end".
const END: u8 = 0x80;
/// Power level of the tones that we claim to send, in -dBm0.
const VOLUME: u8 = 10;
/// How long the rest of an event may fail to arrive before it counts as over, in ns: updates come
/// at least every 50 ms, so that several must have been lost.
const GIVE_UP: u64 = 250_000_000;
/// How far back in seconds a timestamp is a straggler and not a new source's clock.
const STRAGGLER_SECS: u32 = 30;
/// Silence between two digits that we send, in ms.
const PAUSE_MS: u32 = 60;
/// Interval of the updates, in ms.
const UPDATE_MS: u32 = 20;
/// End packets of one event (RFC 4733, section 2.5.1.4).
const END_PACKETS: u8 = 3;

/// A key that was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyPress {
    /// `0-9`, `*`, `#`, `A-D`.
    pub digit: char,
    /// How long it was held, in ms.
    pub duration_ms: u16,
}

/// The character of an event code (RFC 4733, section 3.2); others are not keys.
pub fn digit_of(event: u8) -> Option<char> {
    b"0123456789*#ABCD".get(usize::from(event)).map(|digit| char::from(*digit))
}

/// The event code of a character.
pub fn event_of(digit: char) -> Option<u8> {
    let digit = digit.to_ascii_uppercase();
    (0..16).find(|event| digit_of(*event) == Some(digit))
}

/// One event payload, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EventPayload {
    event: u8,
    end: bool,
    /// In units of the clock.
    duration: u16,
}

impl EventPayload {
    fn read(payload: &[u8]) -> Option<Self> {
        let [event, flags, high, low] = *payload.first_chunk::<PAYLOAD>()?;
        Some(Self { event, end: flags & END != 0, duration: u16::from_be_bytes([high, low]) })
    }

    fn write(self) -> [u8; PAYLOAD] {
        let [high, low] = self.duration.to_be_bytes();
        [self.event, VOLUME | if self.end { END } else { 0 }, high, low]
    }
}

/// An event whose end has not been seen.
#[derive(Clone, Copy, Debug)]
struct Pending {
    event: u8,
    /// Timestamp of the segment that packets speak of now.
    timestamp: u32,
    /// Units of the segments before it, and of this one as far as we know.
    before: u32,
    duration: u16,
    heard_at: u64,
}

/// Makes key presses of event packets.
///
/// An event is known by its timestamp: repeated, reordered and late packets of it say nothing
/// new. It is reported when it ends, when the next one begins, or when its end got lost. Events
/// longer than their 16-bit duration go on in segments (RFC 4733, section 2.5.1.3).
#[derive(Clone, Debug)]
pub struct Receiver {
    clock_rate: u32,
    pending: Option<Pending>,
    /// Timestamp of the last event that is over.
    last: Option<u32>,
}

impl Receiver {
    /// For events with this clock in Hz.
    pub fn new(clock_rate: u32) -> Self {
        Self { clock_rate: clock_rate.max(1000), pending: None, last: None }
    }

    /// Takes the payload of one packet. Returns the key press that is now complete, if any; at
    /// most one becomes so, because an end that comes with a new event waits for [`Self::poll`]
    /// or the next packet.
    pub fn receive(&mut self, now: u64, timestamp: u32, payload: &[u8]) -> Option<KeyPress> {
        let packet = EventPayload::read(payload)?;
        if let Some(pending) = &mut self.pending
            && pending.takes(timestamp, packet)
        {
            pending.heard_at = now;
            return if packet.end { self.finish() } else { None };
        }
        if self.is_old(timestamp) {
            return None;
        }
        let before = self.finish();
        self.begin(now, timestamp, packet);
        if before.is_none() && packet.end { self.finish() } else { before }
    }

    /// Reports a key press whose end packets got lost, once it has been silent for long enough.
    pub fn poll(&mut self, now: u64) -> Option<KeyPress> {
        if self.deadline().is_some_and(|at| at <= now) { self.finish() } else { None }
    }

    /// When [`Self::poll`] wants to be called, in ns.
    pub fn deadline(&self) -> Option<u64> {
        self.pending.map(|pending| pending.heard_at.saturating_add(GIVE_UP))
    }

    fn begin(&mut self, now: u64, timestamp: u32, packet: EventPayload) {
        // A code that is no key is followed too, so that its packets are not taken for others'.
        self.pending = Some(Pending {
            event: packet.event,
            timestamp,
            before: 0,
            duration: packet.duration,
            heard_at: now,
        });
    }

    fn finish(&mut self) -> Option<KeyPress> {
        let pending = self.pending.take()?;
        self.last = Some(pending.timestamp);
        let units = u64::from(pending.before) + u64::from(pending.duration);
        let ms = units * 1000 / u64::from(self.clock_rate);
        let duration_ms = u16::try_from(ms).unwrap_or(u16::MAX);
        Some(KeyPress { digit: digit_of(pending.event)?, duration_ms })
    }

    /// Whether a timestamp belongs to an event that is over, or to one before it.
    fn is_old(&self, timestamp: u32) -> bool {
        let over = self.pending.map(|pending| pending.timestamp).or(self.last);
        let Some(over) = over else { return false };
        over.wrapping_sub(timestamp) <= STRAGGLER_SECS * self.clock_rate
    }
}

impl Pending {
    /// Whether the packet speaks of this event; if so, learns from it.
    fn takes(&mut self, timestamp: u32, packet: EventPayload) -> bool {
        if packet.event != self.event {
            return false;
        }
        let segment = u32::from(u16::MAX);
        if timestamp == self.timestamp {
            // Reordered packets have shorter durations.
            self.duration = self.duration.max(packet.duration);
            return true;
        }
        if timestamp == self.timestamp.wrapping_add(segment) {
            self.before = self.before.saturating_add(segment);
            self.timestamp = timestamp;
            self.duration = packet.duration;
            return true;
        }
        false
    }
}

/// A packet to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPacket {
    /// RTP timestamp: that of the event's beginning.
    pub timestamp: u32,
    /// RTP marker bit: set on the first packet of an event.
    pub marker: bool,
    /// The payload.
    pub payload: [u8; PAYLOAD],
}

#[derive(Clone, Copy, Debug)]
enum Sending {
    Idle,
    /// A key is down.
    Down {
        event: u8,
        /// Timestamp of the segment, and units of the event before it.
        segment: u32,
        before: u32,
    },
    /// The end is told again.
    Ending {
        event: u8,
        segment: u32,
        duration: u16,
        left: u8,
    },
    /// Silence before the next digit.
    Pause {
        until: u32,
    },
}

/// Makes packets of digits, one digit after the other.
#[derive(Clone, Debug)]
pub struct Sender {
    queue: VecDeque<u8>,
    per_ms: u32,
    /// Length of each event in units of the clock.
    length: u32,
    state: Sending,
}

impl Sender {
    /// For events with this clock in Hz, each `duration_ms` long (40 to 5,000).
    pub fn new(clock_rate: u32, duration_ms: u16) -> Self {
        let per_ms = (clock_rate / 1000).max(1);
        let length = u32::from(duration_ms.clamp(40, 5000)) * per_ms;
        Self { queue: VecDeque::new(), per_ms, length, state: Sending::Idle }
    }

    /// Appends digits; what is no key is left out. Returns how many found no room any more.
    pub fn push(&mut self, digits: &str) -> usize {
        let mut dropped = 0;
        for event in digits.chars().filter_map(event_of) {
            if self.queue.len() < MAX_QUEUE {
                self.queue.push_back(event);
            } else {
                dropped += 1;
            }
        }
        dropped
    }

    /// Whether all digits have been sent.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, Sending::Idle) && self.queue.is_empty()
    }

    /// Whether a digit is under way, so that no audio should be sent in its place.
    pub fn is_sending(&self) -> bool {
        matches!(self.state, Sending::Down { .. } | Sending::Ending { .. })
    }

    /// The next packet; to be called every 20 ms with the leg's RTP timestamp of now, in units of
    /// the event's clock.
    pub fn tick(&mut self, timestamp: u32) -> Option<EventPacket> {
        if let Sending::Pause { until } = self.state
            && until.wrapping_sub(timestamp).cast_signed() <= 0
        {
            self.state = Sending::Idle;
        }
        match self.state {
            Sending::Idle => self.press(timestamp),
            Sending::Down { event, segment, before } => {
                Some(self.hold(timestamp, event, segment, before))
            }
            Sending::Ending { event, segment, duration, left } => {
                self.end(timestamp, event, segment, duration, left)
            }
            Sending::Pause { .. } => None,
        }
    }

    fn press(&mut self, timestamp: u32) -> Option<EventPacket> {
        let event = self.queue.pop_front()?;
        self.state = Sending::Down { event, segment: timestamp, before: 0 };
        // The packet covers the 20 ms that begin now.
        let duration = u16::try_from(UPDATE_MS * self.per_ms).unwrap_or(u16::MAX);
        let payload = EventPayload { event, end: false, duration }.write();
        Some(EventPacket { timestamp, marker: true, payload })
    }

    fn hold(&mut self, timestamp: u32, event: u8, segment: u32, before: u32) -> EventPacket {
        let in_segment = timestamp.wrapping_sub(segment).saturating_add(UPDATE_MS * self.per_ms);
        let left = self.length - before.min(self.length);
        if left <= u32::from(u16::MAX) && in_segment >= left {
            let duration = u16::try_from(left).unwrap_or(u16::MAX);
            self.state = Sending::Ending { event, segment, duration, left: END_PACKETS - 1 };
            return end_packet(event, segment, duration);
        }
        match u16::try_from(in_segment) {
            Ok(duration) => {
                let payload = EventPayload { event, end: false, duration }.write();
                EventPacket { timestamp: segment, marker: false, payload }
            }
            // The segment is full: its last word, and the next begins where it ends.
            Err(_) => {
                let payload = EventPayload { event, end: false, duration: u16::MAX }.write();
                let full = u32::from(u16::MAX);
                let next = segment.wrapping_add(full);
                self.state = Sending::Down { event, segment: next, before: before + full };
                EventPacket { timestamp: segment, marker: false, payload }
            }
        }
    }

    fn end(
        &mut self,
        timestamp: u32,
        event: u8,
        segment: u32,
        duration: u16,
        left: u8,
    ) -> Option<EventPacket> {
        if left == 0 {
            let until = timestamp.wrapping_add((PAUSE_MS - UPDATE_MS) * self.per_ms);
            self.state = Sending::Pause { until };
            return None;
        }
        self.state = Sending::Ending { event, segment, duration, left: left - 1 };
        Some(end_packet(event, segment, duration))
    }
}

fn end_packet(event: u8, timestamp: u32, duration: u16) -> EventPacket {
    let payload = EventPayload { event, end: true, duration }.write();
    EventPacket { timestamp, marker: false, payload }
}

/// Rewrites the duration of an event payload for another clock, in place. What does not fit into
/// 16 bits becomes the longest duration: at 48 kHz that is 1.36 s, after which the receiver waits
/// for the end bit, which is kept.
pub fn rescale(payload: &mut [u8], from: u32, to: u32) {
    let Some([_, _, high, low]) = payload.first_chunk_mut::<PAYLOAD>() else { return };
    let units = u64::from(u16::from_be_bytes([*high, *low]));
    let scaled = units * u64::from(to) / u64::from(from.max(1));
    let scaled = u16::try_from(scaled).unwrap_or(u16::MAX);
    [*high, *low] = scaled.to_be_bytes();
}
