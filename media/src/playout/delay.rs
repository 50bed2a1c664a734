//! How long packets of a source have to wait so that those that come late are still in time.

/// The delay before anything is known, in ms.
const START_MS: u32 = 40;
/// Bounds of the delay, in ms.
const LEAST_MS: u32 = 20;
const MOST_MS: u32 = 200;
/// Packets after which the measured lateness is trusted.
const LEARNING: u32 = 50;
/// The lateness of the latest packet is forgotten by this part with each packet.
const FORGET: i64 = 128;
/// How fast the fastest way may turn out to be slower than we thought, in parts of time: a thousandth covers clocks that
/// differ by 200 ppm and a route that changed.
const DRIFT: i64 = 1_000;
/// A step of so much is another time base, in µs.
const STEP_US: i64 = 2_000_000;

/// Watches arrivals.
#[derive(Debug, Default)]
pub(super) struct Delay {
    base: Option<Base>,
    /// Lateness of late packets, in µs.
    late_us: i64,
    seen: u32,
}

#[derive(Debug, Clone, Copy)]
struct Base {
    timestamp: u32,
    clock_rate: u32,
    /// The last timestamp on a scale that does not wrap, µs.
    media_us: i64,
    /// Smallest difference of arrival and timestamp, µs.
    fastest_us: i64,
    arrival_us: i64,
}

impl Delay {
    /// A packet came at `now` ns.
    pub fn arrived(&mut self, now: u64, timestamp: u32, clock_rate: u32) {
        let arrival_us = (now / 1_000).cast_signed();
        let Some(base) = self.base.as_mut().filter(|base| base.clock_rate == clock_rate) else {
            return self.begin(arrival_us, timestamp, clock_rate);
        };
        let step = i64::from(timestamp.wrapping_sub(base.timestamp).cast_signed());
        let media_us = base.media_us + step * 1_000_000 / i64::from(clock_rate.max(1));
        let late = arrival_us - media_us - base.fastest_us;
        if late.abs() > STEP_US {
            return self.begin(arrival_us, timestamp, clock_rate);
        }
        let elapsed = (arrival_us - base.arrival_us).max(0);
        base.fastest_us += if late < 0 { late } else { late.min(elapsed / DRIFT) };
        (base.timestamp, base.media_us, base.arrival_us) = (timestamp, media_us, arrival_us);
        let late = late.max(0);
        if late > self.late_us {
            self.late_us = late;
        } else {
            self.late_us -= (self.late_us - late) / FORGET;
        }
        self.seen = self.seen.saturating_add(1);
    }

    fn begin(&mut self, arrival_us: i64, timestamp: u32, clock_rate: u32) {
        let (media_us, fastest_us) = (0, arrival_us);
        self.base = Some(Base { timestamp, clock_rate, media_us, fastest_us, arrival_us });
        self.late_us = 0;
        self.seen = 0;
    }

    /// How much should be waiting when play begins, in ms.
    pub fn target_ms(&self) -> u32 {
        let measured = LEAST_MS + u32::try_from(self.late_us / 1_000).unwrap_or(MOST_MS);
        let least = if self.seen < LEARNING { START_MS } else { LEAST_MS };
        measured.clamp(least, MOST_MS)
    }
}

/// Longest audio that may wait, in ms: what is more makes the delay unbearable, and is thrown away.
pub(super) const BOUND_MS: u32 = MOST_MS + 20;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn after(packets: u32, lateness: impl Fn(u32) -> u64) -> u32 {
        let mut delay = Delay::default();
        for n in 0..packets {
            delay.arrived(u64::from(n) * 20 * MS + lateness(n), n.wrapping_mul(160), 8_000);
        }
        delay.target_ms()
    }

    #[test]
    fn the_target_starts_at_40_ms_and_follows_the_lateness_within_its_bounds() {
        assert_eq!(after(10, |_| 0), 40);
        assert_eq!(after(500, |_| 0), 20);
        let jittery = after(500, |n| u64::from(n % 7) * 10 * MS);
        assert!((70..=85).contains(&jittery), "{jittery}");
        assert_eq!(after(500, |n| u64::from(n % 3) * 400 * MS), 200);
    }

    #[test]
    fn a_slow_clock_is_no_jitter() {
        // 200 ppm: 4 us later with each packet.
        assert!(after(5_000, |n| u64::from(n) * 4_000) <= 22);
        assert!(after(5_000, |n| (20_000_000 - u64::from(n) * 4_000).min(20 * MS)) <= 22);
    }
}
