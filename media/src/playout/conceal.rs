//! What is heard where packets are missing: the last pitch period again and again, fading away, as G.711 Appendix I
//! does it, without the delay that it adds; and audio made a little shorter where too much waits.

/// Samples at 8 kHz of the longest and the shortest pitch period that is looked for: 66 to 200 Hz.
const LONGEST: usize = 120;
const SHORTEST: usize = 40;
/// Samples at 8 kHz that are compared to find it.
const COMPARED: usize = 160;
/// Samples at 8 kHz that are remembered: three of the longest periods and a quarter of one.
const REMEMBERED: usize = 390;
/// Most periods that are repeated in turns, so that it does not sound like a buzzer.
const PERIODS: usize = 3;
/// Samples at 8 kHz in 10 ms.
const TEN_MS: usize = 80;
/// Silence is reached after so many times 10 ms; the first 10 ms keep their level.
const FADE: usize = 5;

/// The memory of one listener.
#[derive(Debug)]
pub(super) struct Concealer {
    /// Times 8 kHz.
    factor: usize,
    history: Vec<i16>,
    hole: Option<Hole>,
    /// The history at the beginning of the hole.
    before: Vec<i16>,
    /// What the hole would have gone on with, while it heals.
    scratch: Vec<i16>,
}

#[derive(Debug, Clone, Copy)]
struct Hole {
    pitch: usize,
    /// Samples made so far.
    made: usize,
    /// Periods in turn, and where in them we are.
    periods: usize,
    place: usize,
}

impl Concealer {
    /// For audio of 8,000 or 16,000 Hz.
    pub fn new(rate: u32) -> Self {
        let factor = (rate / 8_000).max(1) as usize;
        let history = vec![0; REMEMBERED * factor];
        let before = history.clone();
        Self { factor, history, hole: None, before, scratch: Vec::with_capacity(TEN_MS * factor) }
    }

    /// Notes what was heard; the end of a hole is made smooth in it.
    pub fn heard(&mut self, pcm: &mut [i16]) {
        if let Some(hole) = self.hole {
            self.heal(hole, pcm);
            self.hole = None;
        }
        self.remember(pcm);
    }

    /// Forgets a hole that led into silence.
    pub fn give_up(&mut self) {
        self.hole = None;
    }

    fn remember(&mut self, pcm: &[i16]) {
        let length = self.history.len();
        let new = pcm.get(pcm.len().saturating_sub(length)..).unwrap_or_default();
        self.history.copy_within(new.len().., 0);
        if let Some(end) = self.history.get_mut(length - new.len()..) {
            end.copy_from_slice(new);
        }
    }

    /// Appends so many samples of what may have been said.
    pub fn conceal(&mut self, samples: usize, out: &mut Vec<i16>) {
        let mut hole = self.hole.unwrap_or_else(|| self.begin());
        let start = out.len();
        for _ in 0..samples {
            out.push(hole.next(&self.before, self.factor));
        }
        self.hole = Some(hole);
        if let Some(made) = out.get(start..) {
            self.remember(made);
        }
    }

    fn begin(&mut self) -> Hole {
        self.before.copy_from_slice(&self.history);
        let pitch = self.pitch();
        Hole { pitch, made: 0, periods: 1, place: 0 }
    }

    /// The lag at which the last 20 ms resemble what came before most.
    fn pitch(&self) -> usize {
        let factor = self.factor;
        let likeness = |lag: usize, step: usize| -> f32 {
            let compared = COMPARED * factor;
            let end = self.before.len();
            let now = self.before.get(end - compared..).unwrap_or_default();
            let then = self.before.get(end - compared - lag..end - lag).unwrap_or_default();
            let (mut product, mut energy) = (0.0, 1.0);
            for (a, b) in now.iter().zip(then).step_by(step) {
                let (a, b) = (f32::from(*a), f32::from(*b));
                product += a * b;
                energy += b * b;
            }
            product / energy.sqrt()
        };
        let best = |lags: &mut dyn Iterator<Item = usize>, step: usize| {
            let rated = lags.map(|lag| (lag, likeness(lag, step)));
            rated.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(LONGEST * factor, |(lag, _)| lag)
        };
        let (least, most) = (SHORTEST * factor, LONGEST * factor);
        let coarse = best(&mut (least..=most).step_by(2 * factor), 2 * factor);
        let around = 2 * factor - 1;
        best(&mut (coarse.saturating_sub(around).max(least)..=(coarse + around).min(most)), 1)
    }

    fn heal(&mut self, mut hole: Hole, pcm: &mut [i16]) {
        let lost = hole.made / (TEN_MS * self.factor);
        // 4 ms, and 4 more for each 10 ms that were missing, but no more than 10 ms.
        let length = ((1 + lost) * 32).min(TEN_MS) * self.factor;
        self.scratch.clear();
        for _ in 0..length.min(pcm.len()) {
            self.scratch.push(hole.next(&self.before, self.factor));
        }
        blend(&self.scratch, pcm);
    }
}

impl Hole {
    fn next(&mut self, before: &[i16], factor: usize) -> i16 {
        let cycle = self.pitch * self.periods;
        let quarter = (self.pitch / 4).max(1);
        let start = before.len().saturating_sub(cycle);
        let at = |index: usize| i32::from(before.get(index).copied().unwrap_or_default());
        let mut value = at(start + self.place);
        // The last quarter of a period goes over into what came before the first sample, which comes next.
        let from_end = cycle - self.place;
        if from_end <= quarter {
            let weight = (quarter - from_end + 1) as i32;
            let other = at(start.saturating_sub(from_end));
            value = (value * (quarter as i32 + 1 - weight) + other * weight) / (quarter as i32 + 1);
        }
        let value = value * self.gain(factor) / 1_000;
        self.made += 1;
        self.place += 1;
        if self.place >= cycle {
            self.place = 0;
            self.periods = (1 + self.made / (TEN_MS * factor)).min(PERIODS);
        }
        value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
    }

    /// In thousandths.
    fn gain(&self, factor: usize) -> i32 {
        let ten = TEN_MS * factor;
        let fading = self.made.saturating_sub(ten);
        1_000 - (fading * 1_000 / (FADE * ten)).min(1_000) as i32
    }
}

/// Goes over from one signal into the other within the length of the first.
fn blend(from: &[i16], into: &mut [i16]) {
    let length = from.len() as i32 + 1;
    for (n, (from, into)) in (1..).zip(from.iter().zip(into)) {
        *into = ((i32::from(*from) * (length - n) + i32::from(*into) * n) / length) as i16;
    }
}

/// Takes up to 10 ms out of the beginning of `pcm`, where it resembles itself; says how many samples. `scratch` is for
/// the work.
pub(super) fn shorten(rate: u32, pcm: &mut Vec<i16>, scratch: &mut Vec<i16>) -> usize {
    let factor = (rate / 8_000).max(1) as usize;
    let (least, most, blended) = (SHORTEST / 2 * factor, TEN_MS * factor, TEN_MS / 2 * factor);
    if pcm.len() < most + blended {
        return 0;
    }
    let difference = |lag: usize| -> i64 {
        let pairs = pcm.iter().zip(pcm.iter().skip(lag)).take(blended);
        pairs.map(|(a, b)| (i64::from(*a) - i64::from(*b)).pow(2)).sum()
    };
    let Some(lag) = (least..=most).min_by_key(|lag| difference(*lag)) else { return 0 };
    scratch.clear();
    scratch.extend(pcm.iter().take(blended));
    pcm.drain(..lag);
    blend(scratch, pcm);
    lag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, rate: u32, samples: usize) -> Vec<i16> {
        let step = std::f64::consts::TAU * hz / f64::from(rate);
        (0..samples).map(|n| ((n as f64 * step).sin() * 10_000.0) as i16).collect()
    }

    #[test]
    fn a_tone_goes_on_through_10_ms_and_fades_after_60() {
        for rate in [8_000, 16_000] {
            let factor = rate as usize / 8_000;
            let whole = tone(425.0, rate, 4_000);
            let (known, rest) = whole.split_at(2_000);
            let mut concealer = Concealer::new(rate);
            concealer.heard(&mut known.to_vec());
            let mut made = Vec::new();
            concealer.conceal(600 * factor, &mut made);
            let error = made.iter().zip(rest).take(TEN_MS * factor);
            let error = error.map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs()).max().unwrap();
            assert!(error < 2_500, "{rate}: {error}");
            assert!(made.iter().skip(480 * factor).all(|sample| *sample == 0));
        }
    }

    #[test]
    fn the_end_of_a_hole_is_smooth() {
        let mut concealer = Concealer::new(8_000);
        concealer.heard(&mut [8_000; 400]);
        let mut made = Vec::new();
        concealer.conceal(160, &mut made);
        let mut after = [-8_000; 160];
        concealer.heard(&mut after);
        let joined: Vec<i16> = made.iter().chain(&after).copied().collect();
        let step = joined.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs());
        assert!(step.max().unwrap() < 400);
        assert_eq!(after[159], -8_000);
    }

    #[test]
    fn a_shorter_tone_is_still_a_tone() {
        let mut pcm = tone(400.0, 8_000, 320);
        let cut = shorten(8_000, &mut pcm, &mut Vec::new());
        assert_eq!(cut % 20, 0, "whole periods");
        assert_eq!(pcm.len(), 320 - cut);
        let wanted = tone(400.0, 8_000, 320 - cut);
        let error = pcm.iter().zip(wanted).map(|(a, b)| (i32::from(*a) - i32::from(b)).abs());
        assert!(error.max().unwrap() < 600);
    }
}
