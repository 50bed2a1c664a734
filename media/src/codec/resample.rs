//! Changing the rate of PCM between 8, 16 and 48 kHz by a linear-phase polyphase filter.

use std::f64::consts::PI;

/// Taps per phase; with the window below the stop band is 70 dB down.
const TAPS: usize = 32;
/// Edge of the pass band as a part of the lower rate's half.
const CUTOFF: f64 = 0.92;
/// Shape of the Kaiser window.
const BETA: f64 = 7.0;

/// Makes audio of one rate into audio of another, and keeps the filter as long as the two rates stay.
#[derive(Clone, Debug, Default)]
pub struct Fitting(Option<(u32, u32, Resampler)>);

impl Fitting {
    /// Appends `input`, of `from` Hz, to `out` at `to` Hz; nothing where no filter leads from one to the other.
    pub fn fit(&mut self, input: &[i16], (from, to): (u32, u32), out: &mut Vec<i16>) {
        if from == to {
            return out.extend_from_slice(input);
        }
        if !matches!(self.0, Some((own, other, _)) if (own, other) == (from, to)) {
            self.0 = Resampler::new(from, to).map(|made| (from, to, made));
        }
        if let Some((_, _, resampler)) = &mut self.0 {
            resampler.process(input, out);
        }
    }
}

/// Raises or lowers the rate by a whole factor of 1 to 6.
#[derive(Clone, Debug)]
pub struct Resampler {
    up: usize,
    down: usize,
    /// The prototype filter at the higher rate, phase by phase when raising.
    filter: Vec<f32>,
    /// The last input samples that later outputs still need.
    history: Vec<f32>,
}

impl Resampler {
    /// From one rate in Hz to another; `None` unless one is the other times 1 to 6.
    pub fn new(from: u32, to: u32) -> Option<Self> {
        let low = from.min(to);
        if low == 0 || !from.max(to).is_multiple_of(low) || from.max(to) / low > 6 {
            return None;
        }
        let (up, down) = ((to / low) as usize, (from / low) as usize);
        let factor = up.max(down);
        let filter = match factor {
            1 => Vec::new(),
            _ if up > 1 => by_phase(&prototype(factor), up),
            _ => prototype(factor),
        };
        let history = match factor {
            1 => 0,
            _ if up > 1 => TAPS - 1,
            _ => TAPS * down - 1,
        };
        Some(Self { up, down, filter, history: vec![0.0; history] })
    }

    /// Appends the output for these samples. When lowering, what does not fill a whole output
    /// sample waits for the next call.
    pub fn process(&mut self, input: &[i16], out: &mut Vec<i16>) {
        if self.up == self.down {
            out.extend_from_slice(input);
            return;
        }
        self.history.extend(input.iter().map(|sample| f32::from(*sample)));
        let used = if self.up > 1 { self.raise(out) } else { self.lower(out) };
        self.history.drain(..used);
    }

    /// Delay in samples of the output.
    pub fn delay(&self) -> usize {
        self.filter.len() / (2 * self.down)
    }

    fn raise(&self, out: &mut Vec<i16>) -> usize {
        let windows = self.history.windows(TAPS);
        let used = windows.len();
        for window in windows {
            for phase in self.filter.chunks_exact(TAPS) {
                out.push(dot(window, phase));
            }
        }
        used
    }

    fn lower(&self, out: &mut Vec<i16>) -> usize {
        let length = self.filter.len();
        let mut used = 0;
        while let Some(window) = self.history.get(used..used + length) {
            out.push(dot(window, &self.filter));
            used += self.down;
        }
        used
    }
}

fn dot(window: &[f32], taps: &[f32]) -> i16 {
    // Eight sums side by side, so that the compiler can use vector registers.
    let mut sums = [0.0f32; 8];
    for (samples, taps) in window.chunks_exact(8).zip(taps.chunks_exact(8)) {
        for ((sum, sample), tap) in sums.iter_mut().zip(samples).zip(taps) {
            *sum += sample * tap;
        }
    }
    // The cast saturates.
    sums.iter().sum::<f32>().round() as i16
}

/// The taps that each output sample between two input samples needs, last first because a window
/// of input runs forward in time, and louder by the factor for the zeros that are never added.
fn by_phase(prototype: &[f32], factor: usize) -> Vec<f32> {
    let phase = |phase: usize| prototype.iter().skip(phase).step_by(factor);
    (0..factor).flat_map(|p| phase(p).rev().map(|tap| tap * factor as f32)).collect()
}

/// A windowed sinc of `TAPS * factor` taps that passes the lower rate's band; symmetric.
fn prototype(factor: usize) -> Vec<f32> {
    let length = TAPS * factor;
    let middle = (length as f64 - 1.0) / 2.0;
    let edge = CUTOFF / factor as f64;
    let mut taps: Vec<f64> = (0..length)
        .map(|index| {
            let x = index as f64 - middle;
            let sinc = if x == 0.0 { edge } else { (PI * edge * x).sin() / (PI * x) };
            sinc * kaiser(x / middle)
        })
        .collect();
    let sum: f64 = taps.iter().sum();
    taps.iter_mut().for_each(|tap| *tap /= sum);
    taps.iter().map(|tap| *tap as f32).collect()
}

fn kaiser(x: f64) -> f64 {
    bessel(BETA * (1.0 - x * x).max(0.0).sqrt()) / bessel(BETA)
}

/// Modified Bessel function of the first kind and order zero, by its power series.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..40 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}
