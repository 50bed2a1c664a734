//! G.722 at 64 kbit/s (mode 1), by the block diagrams of ITU-T G.722.
//!
//! One octet carries two samples of 16 kHz audio: six bits of ADPCM for the band below 4 kHz and
//! two for the band above it. The names in the comments are the Recommendation's block names.

/// Taps of the quadrature mirror filters (table 11).
const QMF: [i32; 24] = [
    3, -11, -11, 53, 12, -156, 32, 362, -210, -805, 951, 3876, 3876, 951, -805, -210, 362, 32,
    -156, 12, 53, -11, -11, 3,
];

/// 6-bit decision levels of the lower band (Q6, table 14).
const LOW_LEVELS: [i32; 30] = [
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940,
    1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// 6-bit output levels of the lower band by code (QQ6, table 16).
const LOW_OUTPUTS_6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
    -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280,
    11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776,
    2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];
/// 4-bit output levels of the lower band by code (QQ4): what both predictors adapt by.
const LOW_OUTPUTS_4: [i32; 16] = [
    0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584,
    1200, 0,
];
/// Scale factor multipliers of the lower band by 4-bit code (WL through RL42).
const LOW_WEIGHTS: [i32; 16] =
    [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];
/// 2-bit output levels of the upper band (QQ2) and their scale factor multipliers (WH).
const HIGH_OUTPUTS: [i32; 4] = [-7408, -1616, 7408, 1616];
const HIGH_WEIGHTS: [i32; 4] = [798, -214, 798, -214];
/// Mantissas of the antilogarithm (ILB, table 15).
const ANTILOG: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
    2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];

fn saturate(value: i32) -> i32 {
    value.clamp(-32_768, 32_767)
}

fn negative(value: i32) -> bool {
    value < 0
}

/// A value moved towards `up` or `down` by whether two signs agree.
fn by_sign(agree: bool, amount: i32) -> i32 {
    if agree { amount } else { -amount }
}

/// Adaptive quantizer scale and predictor of one band.
#[derive(Clone, Debug)]
struct Band {
    /// Logarithmic scale factor and its upper limit.
    log_scale: i32,
    log_limit: i32,
    /// Right shift of the antilogarithm at log scale zero.
    shift: i32,
    /// Linear scale factor (DET).
    scale: i32,
    /// Prediction, and its part from the zeros.
    prediction: i32,
    zeros: i32,
    /// Two poles with the reconstructed signals and partial ones that move them.
    poles: [i32; 2],
    reconstructed: [i32; 2],
    partial: [i32; 2],
    /// Six zeros and the differences that move them.
    taps: [i32; 6],
    differences: [i32; 6],
}

impl Band {
    fn new(scale: i32, log_limit: i32, shift: i32) -> Self {
        Self {
            log_scale: 0,
            log_limit,
            shift,
            scale,
            prediction: 0,
            zeros: 0,
            poles: [0; 2],
            reconstructed: [0; 2],
            partial: [0; 2],
            taps: [0; 6],
            differences: [0; 6],
        }
    }

    fn low() -> Self {
        Self::new(32, 18_432, 8)
    }

    fn high() -> Self {
        Self::new(8, 22_528, 10)
    }

    /// Quantizer output in the scale of now (INVQAL, INVQBL, INVQAH).
    fn scaled(&self, level: i32) -> i32 {
        (self.scale * level) >> 15
    }

    /// LOGSCL and SCALEL, LOGSCH and SCALEH.
    fn adapt_scale(&mut self, weight: i32) {
        let leaked = (self.log_scale * 127) >> 7;
        self.log_scale = (leaked + weight).clamp(0, self.log_limit);
        let mantissa = ANTILOG[(self.log_scale >> 6 & 31) as usize];
        let shift = self.shift - (self.log_scale >> 11);
        let linear = if shift < 0 { mantissa << -shift } else { mantissa >> shift };
        self.scale = linear << 2;
    }

    /// Block 4: takes the quantized difference and predicts the next sample.
    fn predict(&mut self, difference: i32) {
        let reconstructed = saturate(self.prediction + difference);
        let partial = saturate(self.zeros + difference);
        self.adapt_poles(partial);
        self.adapt_zeros(difference);
        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.partial = [partial, self.partial[0]];

        // FILTEP, FILTEZ, PREDIC
        let weigh = |weight: i32, value: i32| (weight * saturate(value * 2)) >> 15;
        let pole = |index: usize| weigh(self.poles[index], self.reconstructed[index]);
        let poles = saturate(pole(0) + pole(1));
        let taps = self.taps.iter().zip(&self.differences);
        self.zeros = saturate(taps.map(|(tap, difference)| weigh(*tap, *difference)).sum());
        self.prediction = saturate(poles + self.zeros);
    }

    /// UPPOL2 and UPPOL1; the second pole moves first and limits the first.
    fn adapt_poles(&mut self, partial: i32) {
        let agrees = |index: usize| negative(partial) == negative(self.partial[index]);
        let step = saturate(by_sign(!agrees(0), saturate(self.poles[0] << 2)));
        let leaked = (self.poles[1] * 32_512) >> 15;
        let second = (step >> 7) + by_sign(agrees(1), 128) + leaked;
        let second = second.clamp(-12_288, 12_288);
        let leaked = (self.poles[0] * 32_640) >> 15;
        let limit = saturate(15_360 - second);
        let first = saturate(by_sign(agrees(0), 192) + leaked).clamp(-limit, limit);
        self.poles = [first, second];
    }

    /// UPZERO and the shift of the delay line.
    fn adapt_zeros(&mut self, difference: i32) {
        let step = if difference == 0 { 0 } else { 128 };
        for (tap, past) in self.taps.iter_mut().zip(&self.differences) {
            let leaked = (*tap * 32_640) >> 15;
            *tap = saturate(by_sign(negative(*past) == negative(difference), step) + leaked);
        }
        self.differences.copy_within(0..5, 1);
        self.differences[0] = difference;
    }
}

/// Delay line of the band-splitting filters: 24 values, the newest last.
#[derive(Clone, Debug)]
struct Delay([i32; 24]);

impl Delay {
    fn push(&mut self, first: i32, second: i32) {
        self.0.copy_within(2.., 0);
        self.0[22] = first;
        self.0[23] = second;
    }

    /// The two half filters: over the even places of the line and over the odd ones.
    fn sums(&self) -> (i32, i32) {
        let (mut even, mut odd) = (0, 0);
        for (pair, taps) in self.0.chunks_exact(2).zip(QMF.chunks_exact(2)) {
            even += pair[0] * taps[0];
            odd += pair[1] * taps[1];
        }
        (even, odd)
    }
}

/// Encodes 16 kHz audio.
#[derive(Clone, Debug)]
pub struct G722Encoder {
    delay: Delay,
    low: Band,
    high: Band,
}

impl Default for G722Encoder {
    fn default() -> Self {
        Self { delay: Delay([0; 24]), low: Band::low(), high: Band::high() }
    }
}

impl G722Encoder {
    /// Appends one octet for each two samples; an odd last sample is ignored.
    pub fn encode(&mut self, pcm: &[i16], out: &mut Vec<u8>) {
        out.extend(pcm.chunks_exact(2).map(|pair| self.encode_pair(pair[0], pair[1])));
    }

    fn encode_pair(&mut self, first: i16, second: i16) -> u8 {
        self.delay.push(i32::from(first), i32::from(second));
        let (even, odd) = self.delay.sums();
        let low = self.encode_low((odd + even) >> 14);
        let high = self.encode_high((odd - even) >> 14);
        high << 6 | low
    }

    /// The six bits of the lower band.
    fn encode_low(&mut self, sample: i32) -> u8 {
        let difference = saturate(sample - self.low.prediction);
        let magnitude = if negative(difference) { -(difference + 1) } else { difference };
        let above = |level: &&i32| magnitude >= (**level * self.low.scale) >> 12;
        // QUANTL: levels grow, the first is always passed.
        let interval = LOW_LEVELS.iter().skip(1).take_while(above).count() as u8;
        let code = match (negative(difference), interval) {
            (true, 0..=1) => 63 - interval,
            (true, _) => 33 - interval,
            (false, _) => 61 - interval,
        };
        let adapting = usize::from(code >> 2);
        let quantized = self.low.scaled(LOW_OUTPUTS_4[adapting]);
        self.low.adapt_scale(LOW_WEIGHTS[adapting]);
        self.low.predict(quantized);
        code
    }

    /// The two bits of the upper band.
    fn encode_high(&mut self, sample: i32) -> u8 {
        let difference = saturate(sample - self.high.prediction);
        let magnitude = if negative(difference) { -(difference + 1) } else { difference };
        let outer = magnitude >= (564 * self.high.scale) >> 12;
        let code = match (negative(difference), outer) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        let quantized = self.high.scaled(HIGH_OUTPUTS[code]);
        self.high.adapt_scale(HIGH_WEIGHTS[code]);
        self.high.predict(quantized);
        code as u8
    }
}

/// Decodes to 16 kHz audio.
#[derive(Clone, Debug)]
pub struct G722Decoder {
    delay: Delay,
    low: Band,
    high: Band,
}

impl Default for G722Decoder {
    fn default() -> Self {
        Self { delay: Delay([0; 24]), low: Band::low(), high: Band::high() }
    }
}

impl G722Decoder {
    /// Appends two samples for each octet.
    pub fn decode(&mut self, payload: &[u8], out: &mut Vec<i16>) {
        for octet in payload {
            let low = self.decode_low(octet & 0x3f);
            let high = self.decode_high(octet >> 6);
            self.delay.push(low + high, low - high);
            let (even, odd) = self.delay.sums();
            out.push(saturate(odd >> 11) as i16);
            out.push(saturate(even >> 11) as i16);
        }
    }

    fn decode_low(&mut self, code: u8) -> i32 {
        let fine = self.low.scaled(LOW_OUTPUTS_6[usize::from(code & 63)]);
        let sample = (self.low.prediction + fine).clamp(-16_384, 16_383);
        let adapting = usize::from((code & 63) >> 2);
        let quantized = self.low.scaled(LOW_OUTPUTS_4[adapting]);
        self.low.adapt_scale(LOW_WEIGHTS[adapting]);
        self.low.predict(quantized);
        sample
    }

    fn decode_high(&mut self, code: u8) -> i32 {
        let code = usize::from(code & 3);
        let quantized = self.high.scaled(HIGH_OUTPUTS[code]);
        let sample = (self.high.prediction + quantized).clamp(-16_384, 16_383);
        self.high.adapt_scale(HIGH_WEIGHTS[code]);
        self.high.predict(quantized);
        sample
    }
}
