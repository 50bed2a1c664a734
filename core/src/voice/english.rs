//! English: from large to small, and the counted word in its plural.

use super::{Grammar, Unit};

pub(super) struct English;

impl Grammar for English {
    fn number(&self, n: u32) -> Vec<String> {
        match n {
            0..=20 => vec![format!("digits/{n}")],
            21..=99 => {
                let mut words = vec![format!("digits/{}", n / 10 * 10)];
                if !n.is_multiple_of(10) {
                    words.push(format!("digits/{}", n % 10));
                }
                words
            }
            100..=999 => self.scaled(n, 100, "digits/hundred"),
            _ => self.scaled(n, 1000, "digits/thousand"),
        }
    }

    fn count(&self, n: u32, unit: Unit) -> Vec<String> {
        let mut words = self.number(n);
        words.push(unit.word(n).to_owned());
        words
    }
}

impl English {
    /// So many hundreds or thousands, and the rest.
    fn scaled(&self, n: u32, scale: u32, word: &str) -> Vec<String> {
        let mut words = self.number(n / scale);
        words.push(word.to_owned());
        if !n.is_multiple_of(scale) {
            words.extend(self.number(n % scale));
        }
        words
    }
}
