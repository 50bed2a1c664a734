//! G.711 against the Recommendation's own definitions, for every sample and every octet.

use strowger_media::codec::g711::{
    A_SILENCE, A_TO_LINEAR, A_TO_MU, MU_SILENCE, MU_TO_A, MU_TO_LINEAR, convert, linear_to_a,
    linear_to_mu,
};

/// Intervals of the positive half as table 1a or 2a lists them: (how many, how wide).
fn decision_values(rows: &[(usize, i32)]) -> Vec<i32> {
    let mut values = vec![0];
    for (count, width) in rows {
        for _ in 0..*count {
            values.push(values.last().unwrap() + width);
        }
    }
    values
}

/// Table 1a, full scale 4096; one unit is 8 steps of 16-bit audio.
const A_LAW: [(usize, i32); 7] =
    [(32, 2), (16, 4), (16, 8), (16, 16), (16, 32), (16, 64), (16, 128)];
/// Table 2a, full scale 8159; one unit is 4 steps of 16-bit audio.
const MU_LAW: [(usize, i32); 9] =
    [(1, 1), (15, 2), (16, 4), (16, 8), (16, 16), (16, 32), (16, 64), (16, 128), (16, 256)];

/// Number of the interval that holds a magnitude.
fn interval(values: &[i32], magnitude: i32) -> u8 {
    let number = values.partition_point(|value| *value <= magnitude) - 1;
    number.min(127) as u8
}

/// Magnitude in units of 16-bit steps; the negative half mirrors by complement, as in G.191.
fn magnitude(sample: i16, unit: i32) -> i32 {
    let sample = i32::from(sample);
    (if sample < 0 { !sample } else { sample }) / unit
}

#[test]
fn every_sample_falls_into_its_a_law_interval() {
    let values = decision_values(&A_LAW);
    assert_eq!(values.last(), Some(&4096));
    for sample in i16::MIN..=i16::MAX {
        let number = interval(&values, magnitude(sample, 8));
        let sign = if sample < 0 { 0 } else { 0x80 };
        assert_eq!(linear_to_a(sample), (number | sign) ^ 0x55, "{sample}");
    }
}

#[test]
fn every_sample_falls_into_its_mu_law_interval() {
    let values = decision_values(&MU_LAW);
    assert_eq!(values.last(), Some(&8159));
    for sample in i16::MIN..=i16::MAX {
        let number = interval(&values, magnitude(sample, 4));
        let sign = if sample < 0 { 0 } else { 0x80 };
        assert_eq!(linear_to_mu(sample), (!number & 0x7f) | sign, "{sample}");
    }
}

#[test]
fn every_octet_is_the_middle_of_its_interval() {
    let a = decision_values(&A_LAW);
    let mu = decision_values(&MU_LAW);
    for number in 0..128usize {
        let octet = number as u8 | 0x80;
        let middle = (a[number] + a[number + 1]) * 8 / 2;
        assert_eq!(i32::from(A_TO_LINEAR[usize::from(octet ^ 0x55)]), middle);
        assert_eq!(i32::from(A_TO_LINEAR[usize::from(number as u8 ^ 0x55)]), -middle);
        // The first mu-law interval is silence itself (table 2a, note).
        let middle = if number == 0 { 0 } else { (mu[number] + mu[number + 1]) * 4 / 2 };
        let octet = !(number as u8);
        assert_eq!(i32::from(MU_TO_LINEAR[usize::from(octet)]), middle);
        assert_eq!(i32::from(MU_TO_LINEAR[usize::from(octet & 0x7f)]), -middle);
    }
}

#[test]
fn decoded_octets_encode_to_themselves() {
    for octet in 0..=255u8 {
        assert_eq!(linear_to_a(A_TO_LINEAR[usize::from(octet)]), octet);
        // Negative zero has no sample of its own.
        if octet != 0x7f {
            assert_eq!(linear_to_mu(MU_TO_LINEAR[usize::from(octet)]), octet);
        }
    }
    assert_eq!(linear_to_a(0), A_SILENCE);
    assert_eq!(linear_to_mu(0), MU_SILENCE);
}

/// G.711, section 3: "only the octets which correspond to" these output values change when
/// converted there and back, and of those only the last bit.
#[test]
fn conversion_there_and_back_changes_the_listed_numbers_only() {
    let mut changed = Vec::new();
    for number in 0..128u8 {
        for sign in [0, 0x80] {
            let octet = (!number & 0x7f) | sign;
            let back = A_TO_MU[usize::from(MU_TO_A[usize::from(octet)])];
            assert_eq!((octet ^ back) & 0xfe, 0);
            if octet != back && sign == 0 {
                assert_eq!(!back & 0x7f, number + 1);
                changed.push(number);
            }
        }
    }
    assert_eq!(changed, [0, 2, 4, 6, 8, 10, 12, 14]);
    changed.clear();
    for number in 1..=128u8 {
        for sign in [0, 0x80] {
            let octet = ((number - 1) | sign) ^ 0x55;
            let back = MU_TO_A[usize::from(A_TO_MU[usize::from(octet)])];
            assert_eq!((octet ^ back) & 0xfe, 0);
            if octet != back && sign == 0 {
                changed.push(number);
            }
        }
    }
    assert_eq!(changed, [26, 28, 30, 32, 45, 47, 63, 80]);
}

#[test]
fn conversion_keeps_the_sound() {
    let mut payload: Vec<u8> = (0..=255).collect();
    convert(&mut payload, &MU_TO_A);
    for (mu, a) in (0..=255u8).zip(&payload) {
        let (before, after) = (MU_TO_LINEAR[usize::from(mu)], A_TO_LINEAR[usize::from(*a)]);
        let allowed = 16.0 + f64::from(before).abs() * 0.04;
        assert!(f64::from(before - after).abs() <= allowed, "{mu}: {before} became {after}");
        assert!(before == 0 || (before < 0) == (after < 0));
    }
}
