//! G.711: both laws by table, and the direct conversion between them.

/// A-law octet to linear, full scale 32,256.
pub static A_TO_LINEAR: [i16; 256] = a_to_linear();
/// Mu-law octet to linear, full scale 32,124.
pub static MU_TO_LINEAR: [i16; 256] = mu_to_linear();
/// Mu-law octet to A-law octet, by table 3 of the Recommendation.
pub static MU_TO_A: [u8; 256] = mu_to_a();
/// A-law octet to mu-law octet, by table 4 of the Recommendation.
pub static A_TO_MU: [u8; 256] = a_to_mu();
/// A-law octet of silence.
pub const A_SILENCE: u8 = 0xd5;
/// Mu-law octet of silence.
pub const MU_SILENCE: u8 = 0xff;

static LINEAR_TO_A: [u8; 4096] = linear_to_a_table();
static LINEAR_TO_MU: [u8; 16_384] = linear_to_mu_table();

/// Linear to A-law; the low four bits of the sample do not matter.
pub fn linear_to_a(sample: i16) -> u8 {
    // A 12-bit index into 4,096 entries.
    LINEAR_TO_A[usize::from(sample as u16 >> 4)]
}

/// Linear to mu-law; the low two bits of the sample do not matter.
pub fn linear_to_mu(sample: i16) -> u8 {
    // A 14-bit index into 16,384 entries.
    LINEAR_TO_MU[usize::from(sample as u16 >> 2)]
}

/// Replaces each octet by what a table says, for instance [`MU_TO_A`].
pub fn convert(payload: &mut [u8], table: &[u8; 256]) {
    for octet in payload {
        *octet = table[usize::from(*octet)];
    }
}

/// Inverts the even bits, as A-law is sent (G.711, table 1, note 2).
const EVEN_BITS: u8 = 0x55;
/// Half of the first mu-law segment's distance to the next, in 16-bit steps: the law's bias.
const MU_BIAS: i32 = 33 << 2;

const fn a_to_linear() -> [i16; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let code = octet as u8 ^ EVEN_BITS;
        let segment = (code >> 4) & 7;
        let step = (code & 15) as i32;
        // The middle of the interval, in steps of 16 of the 16-bit scale.
        let magnitude = match segment {
            0 => (step << 4) + 8,
            _ => ((step << 4) + 0x108) << (segment - 1),
        };
        table[octet] = if code & 0x80 != 0 { magnitude } else { -magnitude } as i16;
        octet += 1;
    }
    table
}

const fn mu_to_linear() -> [i16; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let code = !(octet as u8);
        let segment = (code >> 4) & 7;
        let step = (code & 15) as i32;
        let magnitude = (((step << 3) + MU_BIAS) << segment) - MU_BIAS;
        table[octet] = if code & 0x80 == 0 { magnitude } else { -magnitude } as i16;
        octet += 1;
    }
    table
}

const fn linear_to_a_table() -> [u8; 4096] {
    let mut table = [0; 4096];
    let mut index = 0;
    while index < 4096 {
        let positive = index < 2048;
        // Magnitude in steps of 16; the negative half mirrors by complement.
        let magnitude = if positive { index } else { 4095 - index } as u32;
        let code = if magnitude < 32 {
            magnitude as u8
        } else {
            let segment = 28 - magnitude.leading_zeros();
            ((segment << 4) | ((magnitude >> (segment - 1)) & 15)) as u8
        };
        table[index] = (if positive { code | 0x80 } else { code }) ^ EVEN_BITS;
        index += 1;
    }
    table
}

const fn linear_to_mu_table() -> [u8; 16_384] {
    let mut table = [0; 16_384];
    let mut index = 0;
    while index < 16_384 {
        let positive = index < 8192;
        let magnitude = if positive { index } else { 16_383 - index } as u32 + 33;
        let clipped = if magnitude > 8191 { 8191 } else { magnitude };
        let segment = 26 - clipped.leading_zeros();
        let code = ((segment << 4) | ((clipped >> (segment + 1)) & 15)) as u8;
        table[index] = !(if positive { code } else { code | 0x80 });
        index += 1;
    }
    table
}

/// Decoder output value numbers of the A-law for those of the mu-law, 0 to 127 (G.711, table 3).
const A_NUMBERS: [u8; 128] = [
    1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
    21, 22, 23, 24, 25, 27, 29, 31, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 46, 48, 49, 50,
    51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75,
    76, 77, 78, 79, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99,
    100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118,
    119, 120, 121, 122, 123, 124, 125, 126, 127, 128,
];

/// Decoder output value numbers of the mu-law for those of the A-law, 1 to 128 (G.711, table 4).
const MU_NUMBERS: [u8; 128] = [
    1, 3, 5, 7, 9, 11, 13, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
    32, 33, 33, 34, 34, 35, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 48, 49, 49, 50,
    51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73,
    74, 75, 76, 77, 78, 79, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96,
    97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115,
    116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127,
];

const fn mu_to_a() -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        // All bits are sent inverted, but the sign bit means the same in both laws.
        let number = !(octet as u8) & 0x7f;
        let code = (A_NUMBERS[number as usize] - 1) | (octet as u8 & 0x80);
        table[octet] = code ^ EVEN_BITS;
        octet += 1;
    }
    table
}

const fn a_to_mu() -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let code = octet as u8 ^ EVEN_BITS;
        let number = MU_NUMBERS[(code & 0x7f) as usize];
        table[octet] = (!number & 0x7f) | (code & 0x80);
        octet += 1;
    }
    table
}
