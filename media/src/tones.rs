//! Keys that a phone sends as tones in its audio: two tones at once, one of a row and one of a column (ITU-T Q.23),
//! told from speech by their levels (ITU-T Q.24).

use crate::dtmf::KeyPress;

/// Tones of rows and columns, Hz.
const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
const KEYS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];
/// Samples of a block at 8 kHz: 12.75 ms, so that two whole ones lie in the shortest key, of 40 ms.
const BLOCK: usize = 102;
/// Blocks with the same key until it counts, and blocks without it until it is over.
const HITS: u32 = 2;
const MISSES: u32 = 2;
/// Root mean square of the weakest key: -40 dBFS.
const WEAKEST: f32 = 330.0;
/// How much stronger the row may be than the column, and the other way round: 8 and 6 dB.
const ROW_OVER: f32 = 6.3;
const COLUMN_OVER: f32 = 4.0;
/// How much stronger the two tones must be than the others of their group: 8 dB.
const PEAK: f32 = 6.3;
/// Part of all energy that must be in the two tones; speech has it elsewhere too.
const SHARE: f32 = 0.85;

/// Listens for keys in audio.
#[derive(Debug)]
pub struct Detector {
    rate: f32,
    block: usize,
    filters: [Goertzel; 8],
    energy: f32,
    filled: usize,
    /// The key of the blocks before, how many there were, and how many since without it.
    candidate: Option<(char, u32)>,
    pressed: Option<Pressed>,
}

#[derive(Debug, Clone, Copy)]
struct Pressed {
    digit: char,
    blocks: u32,
    misses: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Goertzel {
    coefficient: f32,
    s1: f32,
    s2: f32,
}

impl Goertzel {
    fn add(&mut self, sample: f32) {
        let s0 = sample + self.coefficient * self.s1 - self.s2;
        (self.s2, self.s1) = (self.s1, s0);
    }

    fn power(&mut self) -> f32 {
        let power = self.s1 * self.s1 + self.s2 * self.s2 - self.coefficient * self.s1 * self.s2;
        (self.s1, self.s2) = (0.0, 0.0);
        power
    }
}

impl Detector {
    /// For audio of 8,000 or 16,000 Hz.
    pub fn new(rate: u32) -> Self {
        let block = BLOCK * (rate / 8_000).max(1) as usize;
        let mut filters = [Goertzel::default(); 8];
        for (filter, hz) in filters.iter_mut().zip(ROWS.into_iter().chain(COLUMNS)) {
            filter.coefficient = 2.0 * (std::f32::consts::TAU * hz / rate as f32).cos();
        }
        let rate = rate as f32;
        Self { rate, block, filters, energy: 0.0, filled: 0, candidate: None, pressed: None }
    }

    /// Takes more audio; returns keys that were let go.
    pub fn hear(&mut self, pcm: &[i16], mut pressed: impl FnMut(KeyPress)) {
        for sample in pcm {
            let sample = f32::from(*sample);
            self.energy += sample * sample;
            for filter in &mut self.filters {
                filter.add(sample);
            }
            self.filled += 1;
            if self.filled == self.block {
                let key = self.key();
                self.filled = 0;
                self.energy = 0.0;
                if let Some(press) = self.step(key) {
                    pressed(press);
                }
            }
        }
    }

    /// The key of the block that is complete.
    fn key(&mut self) -> Option<char> {
        let mut powers = [0.0; 8];
        for (power, filter) in powers.iter_mut().zip(&mut self.filters) {
            *power = filter.power();
        }
        let length = self.block as f32;
        if self.energy < WEAKEST * WEAKEST * length {
            return None;
        }
        let (rows, columns) = powers.split_at(4);
        let (row, row_power) = peak(rows)?;
        let (column, column_power) = peak(columns)?;
        let even = row_power <= column_power * ROW_OVER && column_power <= row_power * COLUMN_OVER;
        // A tone alone has the power of its energy times half the length.
        let share = (row_power + column_power) / (self.energy * length / 2.0);
        (even && share >= SHARE).then(|| KEYS.get(row)?.get(column).copied()).flatten()
    }

    fn step(&mut self, key: Option<char>) -> Option<KeyPress> {
        self.candidate = key.map(|key| match self.candidate {
            Some((before, hits)) if before == key => (key, hits + 1),
            _ => (key, 1),
        });
        let mut ended = None;
        if let Some(pressed) = &mut self.pressed {
            pressed.blocks += 1;
            pressed.misses = if key == Some(pressed.digit) { 0 } else { pressed.misses + 1 };
            if pressed.misses < MISSES {
                return None;
            }
            let pressed = *pressed;
            ended = Some(self.press(pressed));
            self.pressed = None;
        }
        if let Some((digit, hits)) = self.candidate.filter(|(_, hits)| *hits >= HITS) {
            self.pressed = Some(Pressed { digit, blocks: hits, misses: 0 });
        }
        ended
    }

    fn press(&self, pressed: Pressed) -> KeyPress {
        let samples = (pressed.blocks - pressed.misses) as f32 * self.block as f32;
        let duration_ms = (samples * 1_000.0 / self.rate).min(60_000.0) as u16;
        KeyPress { digit: pressed.digit, duration_ms }
    }
}

/// The strongest of a group, if it stands out.
fn peak(powers: &[f32]) -> Option<(usize, f32)> {
    let indexed = powers.iter().copied().enumerate();
    let (best, power) = indexed.clone().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let stands_out = indexed.filter(|(n, _)| *n != best).all(|(_, other)| power >= other * PEAK);
    stands_out.then_some((best, power))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Noise(u32);

    impl Noise {
        fn next(&mut self, amplitude: f32) -> f32 {
            self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (self.0.cast_signed() as f32 / i32::MAX as f32) * amplitude
        }
    }

    /// Two tones with their amplitudes, in noise, so long.
    fn tones(rate: u32, tones: [(f32, f32); 2], noise: f32, ms: u32) -> Vec<i16> {
        let mut random = Noise(7);
        let wave = |n: u32, (hz, level): (f32, f32)| {
            level * (std::f32::consts::TAU * hz * n as f32 / rate as f32).sin()
        };
        (0..rate / 1_000 * ms)
            .map(|n| (wave(n, tones[0]) + wave(n, tones[1]) + random.next(noise)) as i16)
            .collect()
    }

    fn heard(rate: u32, pcm: &[i16]) -> Vec<KeyPress> {
        let mut detector = Detector::new(rate);
        let mut presses = Vec::new();
        for piece in pcm.chunks(rate as usize / 50) {
            detector.hear(piece, |press| presses.push(press));
        }
        presses
    }

    #[test]
    fn every_key_is_heard_once_in_noise_at_both_rates() {
        for rate in [8_000, 16_000] {
            let mut pcm = Vec::new();
            let mut wanted = String::new();
            for (row, row_hz) in ROWS.into_iter().enumerate() {
                for (column, column_hz) in COLUMNS.into_iter().enumerate() {
                    pcm.extend(tones(rate, [(row_hz, 4_000.0), (column_hz, 5_000.0)], 800.0, 70));
                    pcm.extend(tones(rate, [(row_hz, 0.0), (column_hz, 0.0)], 800.0, 60));
                    wanted.push(KEYS[row][column]);
                }
            }
            let presses = heard(rate, &pcm);
            let digits: String = presses.iter().map(|press| press.digit).collect();
            assert_eq!(digits, wanted);
            let fits = |press: &KeyPress| (35..=90).contains(&press.duration_ms);
            assert!(presses.iter().all(fits), "{presses:?}");
        }
    }

    #[test]
    fn keys_of_40_ms_count_and_one_held_long_is_one() {
        let mut pcm = tones(8_000, [(770.0, 3_000.0), (1_336.0, 3_000.0)], 0.0, 42);
        pcm.extend([0; 400]);
        pcm.extend(tones(8_000, [(770.0, 3_000.0), (1_336.0, 3_000.0)], 0.0, 1_000));
        pcm.extend([0; 400]);
        let presses = heard(8_000, &pcm);
        assert_eq!(presses.iter().map(|press| press.digit).collect::<String>(), "55");
        assert!(presses[1].duration_ms.abs_diff(1_000) < 40, "{presses:?}");
    }

    #[test]
    fn what_is_no_key_is_not_heard() {
        let twisted = tones(8_000, [(770.0, 8_000.0), (1_336.0, 1_500.0)], 0.0, 200);
        let faint = tones(8_000, [(770.0, 150.0), (1_336.0, 150.0)], 0.0, 200);
        let one = tones(8_000, [(770.0, 8_000.0), (1_336.0, 0.0)], 0.0, 200);
        let between = tones(8_000, [(810.0, 8_000.0), (1_400.0, 8_000.0)], 0.0, 200);
        let buried = tones(8_000, [(770.0, 2_000.0), (1_336.0, 2_000.0)], 8_000.0, 200);
        let short = tones(8_000, [(770.0, 8_000.0), (1_336.0, 8_000.0)], 0.0, 20);
        for (pcm, what) in [twisted, faint, one, between, buried, short]
            .into_iter()
            .zip(["twisted", "faint", "one tone", "between", "buried", "short"])
        {
            let pcm = [pcm, vec![0; 800]].concat();
            assert_eq!(heard(8_000, &pcm), [], "{what}");
        }
    }

    /// Ten minutes of something with the harmonics and the wandering pitch of voices.
    #[test]
    fn voices_are_not_taken_for_keys() {
        let mut random = Noise(99);
        let (mut pitch, mut phase) = (140.0f32, 0.0f32);
        let mut formants = [700.0f32, 1_300.0, 2_500.0];
        let mut pcm = Vec::new();
        for n in 0..8_000 * 600 {
            if n % 160 == 0 {
                pitch = (pitch + random.next(6.0)).clamp(80.0, 320.0);
                for (formant, (low, high)) in
                    formants.iter_mut().zip([(300.0, 950.0), (900.0, 1_800.0), (2_200.0, 2_900.0)])
                {
                    *formant = (*formant + random.next(40.0)).clamp(low, high);
                }
            }
            phase = (phase + pitch / 8_000.0).fract();
            let mut sample = random.next(200.0);
            for harmonic in 1..12u8 {
                let hz = f32::from(harmonic) * pitch;
                // A resonance of 80 Hz.
                let near = |formant: &f32| 1.0 / (1.0 + ((hz - formant) / 40.0).powi(2)).sqrt();
                let level: f32 = formants.iter().map(near).sum();
                let angle = std::f32::consts::TAU * phase * f32::from(harmonic);
                sample += 5_000.0 * level * angle.sin();
            }
            pcm.push(sample.clamp(-32_000.0, 32_000.0) as i16);
        }
        let presses = heard(8_000, &pcm);
        // Q.24 allows some in hours of speech; here none in ten minutes.
        assert!(presses.is_empty(), "{presses:?}");
    }
}
