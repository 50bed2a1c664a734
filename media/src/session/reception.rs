//! What a peer sends, counted: loss, reordering and jitter (RFC 3550 appendix A.1, A.3 and A.8).

use crate::rtp::Header;

/// RFC 3550 A.1: a larger step forward is a restart of the sender, not a loss.
const MAX_DROPOUT: u16 = 3_000;
/// RFC 3550 A.1: a packet so far behind is no late one.
const MAX_MISORDER: u16 = 100;

/// What a packet's sequence number tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// The next one, possibly after lost ones.
    Next,
    /// Late or repeated.
    Late,
    /// The first of a source, or of a source that started anew: numbers continue nothing.
    First,
    /// Fits nowhere; drop it. A second one that follows it is taken as a restart.
    Stray,
}

/// Counts of one incoming source; a new source adds to the sums of the earlier ones.
#[derive(Debug, Clone, Default)]
pub struct Reception {
    source: Option<Source>,
    lost_before: u64,
    received_before: u64,
    jitter_us: u32,
}

#[derive(Debug, Clone)]
struct Source {
    ssrc: u32,
    base: u32,
    /// Highest number seen, extended by the count of wraps in the upper half.
    highest: u32,
    received: u64,
    expected_prior: u32,
    received_prior: u64,
    restart_at: Option<u16>,
    clock_rate: u32,
    transit: Option<u32>,
    /// Sixteen times the jitter in clock units (A.8's integer form).
    jitter: u32,
}

/// The fields of a report block about the peer (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceptionBlock {
    /// The source reported on.
    pub ssrc: u32,
    /// Loss since the last block, in 1/256.
    pub fraction_lost: u8,
    /// Loss since the source began, clamped to 24 bits, signed.
    pub cumulative_lost: i32,
    /// Highest sequence number with its wraps.
    pub highest: u32,
    /// In clock units.
    pub jitter: u32,
}

impl Reception {
    /// Counts a packet by its number.
    pub fn arrived(&mut self, header: &Header) -> Arrival {
        match &mut self.source {
            Some(source) if source.ssrc == header.ssrc => match source.arrived(header.sequence) {
                Arrival::First => self.begin(header),
                arrival => arrival,
            },
            _ => self.begin(header),
        }
    }

    fn begin(&mut self, header: &Header) -> Arrival {
        self.lost_before = self.lost();
        self.received_before = self.received();
        self.jitter_us = self.jitter_us();
        let first = u32::from(header.sequence) + 0x1_0000;
        self.source = Some(Source {
            ssrc: header.ssrc,
            base: first,
            highest: first,
            received: 1,
            expected_prior: 0,
            received_prior: 0,
            restart_at: None,
            clock_rate: 0,
            transit: None,
            jitter: 0,
        });
        Arrival::First
    }

    /// Updates the jitter by a packet of a codec with `clock_rate` Hz that came at `now` ns. Not to be
    /// called for telephone events: their timestamps stand still.
    pub fn timed(&mut self, now: u64, timestamp: u32, clock_rate: u32) {
        if let Some(source) = &mut self.source {
            source.timed(now, timestamp, clock_rate);
        }
    }

    /// The source now heard.
    pub fn ssrc(&self) -> Option<u32> {
        self.source.as_ref().map(|source| source.ssrc)
    }

    /// Packets counted, of all sources.
    pub fn received(&self) -> u64 {
        self.received_before + self.source.as_ref().map_or(0, |source| source.received)
    }

    /// Packets missing, of all sources.
    pub fn lost(&self) -> u64 {
        self.lost_before + self.source.as_ref().map_or(0, Source::lost)
    }

    /// Jitter in microseconds.
    pub fn jitter_us(&self) -> u32 {
        match &self.source {
            Some(source) if source.clock_rate > 0 => {
                let us = u64::from(source.jitter >> 4) * 1_000_000 / u64::from(source.clock_rate);
                u32::try_from(us).unwrap_or(u32::MAX)
            }
            _ => self.jitter_us,
        }
    }

    /// A report block about what came since the last one; `None` before the first packet.
    pub fn block(&mut self) -> Option<ReceptionBlock> {
        self.source.as_mut().map(Source::block)
    }
}

impl Source {
    fn arrived(&mut self, sequence: u16) -> Arrival {
        let step = sequence.wrapping_sub(self.highest as u16);
        if step != 0 && step < MAX_DROPOUT {
            self.highest = self.highest.wrapping_add(u32::from(step));
            self.restart_at = None;
            self.received += 1;
            return Arrival::Next;
        }
        if step == 0 || step > u16::MAX - MAX_MISORDER {
            self.received += 1;
            return Arrival::Late;
        }
        if self.restart_at == Some(sequence) {
            return Arrival::First;
        }
        self.restart_at = Some(sequence.wrapping_add(1));
        Arrival::Stray
    }

    fn timed(&mut self, now: u64, timestamp: u32, clock_rate: u32) {
        if clock_rate != self.clock_rate {
            self.clock_rate = clock_rate;
            self.transit = None;
        }
        // Microseconds first: the product stays below 2^64 for 194 days at 48 kHz and wraps harmlessly.
        let arrival = ((now / 1_000).wrapping_mul(u64::from(clock_rate)) / 1_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(previous) = self.transit.replace(transit) {
            let difference = (transit.wrapping_sub(previous) as i32).unsigned_abs();
            // A step of a second or more is a new time base, not jitter.
            if difference < clock_rate {
                let decay = (self.jitter + 8) >> 4;
                self.jitter = (self.jitter + difference).saturating_sub(decay);
            }
        }
    }

    fn expected(&self) -> u32 {
        self.highest.wrapping_sub(self.base).wrapping_add(1)
    }

    fn lost(&self) -> u64 {
        u64::from(self.expected()).saturating_sub(self.received)
    }

    fn block(&mut self) -> ReceptionBlock {
        let expected = self.expected();
        let expected_interval = expected.wrapping_sub(self.expected_prior);
        let received_interval = self.received - self.received_prior;
        self.expected_prior = expected;
        self.received_prior = self.received;
        let lost_interval = u64::from(expected_interval).saturating_sub(received_interval);
        let fraction = (lost_interval << 8).checked_div(u64::from(expected_interval)).unwrap_or(0);
        let cumulative = i64::from(expected) - self.received.cast_signed();
        ReceptionBlock {
            ssrc: self.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            cumulative_lost: cumulative.clamp(-0x80_0000, 0x7f_ffff) as i32,
            // The wraps are counted from zero; the base starts one wrap up to leave room below.
            highest: self.highest.wrapping_sub(0x1_0000),
            jitter: self.jitter >> 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(ssrc: u32, sequence: u16) -> Header {
        Header { marker: false, payload_type: 0, sequence, timestamp: 0, ssrc }
    }

    #[test]
    fn losses_count_across_the_wrap_and_late_packets_make_them_good() {
        let mut reception = Reception::default();
        for sequence in [65_534, 65_535, 2, 3, 1] {
            reception.arrived(&header(1, sequence));
        }
        assert_eq!(reception.received(), 5);
        assert_eq!(reception.lost(), 1);
        let block = reception.block().unwrap();
        assert_eq!(block.highest, 0x1_0003);
        assert_eq!(block.cumulative_lost, 1);
        assert_eq!(block.fraction_lost, 42);
    }

    #[test]
    fn a_jump_must_be_confirmed_and_a_new_source_keeps_the_sums() {
        let mut reception = Reception::default();
        reception.arrived(&header(1, 10));
        reception.arrived(&header(1, 12));
        assert_eq!(reception.arrived(&header(1, 40_000)), Arrival::Stray);
        assert_eq!(reception.arrived(&header(1, 13)), Arrival::Next);
        assert_eq!(reception.arrived(&header(1, 40_000)), Arrival::Stray);
        assert_eq!(reception.arrived(&header(1, 40_001)), Arrival::First);
        assert_eq!(reception.arrived(&header(2, 5)), Arrival::First);
        assert_eq!((reception.received(), reception.lost()), (5, 1));
    }

    #[test]
    fn jitter_follows_the_formula() {
        let mut reception = Reception::default();
        let mut expected = 0.0;
        let mut previous: Option<i64> = None;
        for n in 0..200_u32 {
            reception.arrived(&header(1, n as u16));
            let delay = i64::from(n % 3) * 40;
            reception.timed((u64::from(n) * 160 + delay as u64) * 125_000, n * 160, 8_000);
            if let Some(previous) = previous {
                expected += ((delay - previous).abs() as f64 - expected) / 16.0;
            }
            previous = Some(delay);
        }
        let difference = f64::from(reception.jitter_us()) / 125.0 - expected;
        assert!(difference.abs() < 1.5, "{difference}");
    }

    proptest! {
        #[test]
        fn counts_stay_in_bounds(sequences in proptest::collection::vec(any::<u16>(), 1..200)) {
            let mut reception = Reception::default();
            for (n, sequence) in sequences.iter().enumerate() {
                reception.arrived(&header(1, *sequence));
                if n % 7 == 0 {
                    let block = reception.block().unwrap();
                    prop_assert!(block.cumulative_lost >= -0x80_0000);
                }
            }
            prop_assert!(reception.received() <= sequences.len() as u64);
        }
    }
}
