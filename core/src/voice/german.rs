//! German: the ones stand before the tens ("einundzwanzig"), and one has a form of its own before other words.

use super::{Grammar, Unit};

pub(super) struct German;

impl Grammar for German {
    fn number(&self, n: u32) -> Vec<String> {
        match n {
            0..=20 => vec![format!("digits/{n}")],
            21..=99 if n.is_multiple_of(10) => vec![format!("digits/{n}")],
            21..=99 => {
                let mut words = joined(n % 10);
                words.push("digits/and".to_owned());
                words.push(format!("digits/{}", n / 10 * 10));
                words
            }
            100..=999 => self.scaled(n, 100, "digits/hundred"),
            _ => self.scaled(n, 1000, "digits/thousand"),
        }
    }

    fn count(&self, n: u32, unit: Unit) -> Vec<String> {
        // All three units are feminine: "eine Minute".
        let mut words = if n == 1 { vec!["digits/eine".to_owned()] } else { self.number(n) };
        words.push(unit.word(n).to_owned());
        words
    }
}

/// A digit within a longer word: "ein", not "eins".
fn joined(n: u32) -> Vec<String> {
    vec![if n == 1 { "digits/ein".to_owned() } else { format!("digits/{n}") }]
}

impl German {
    fn scaled(&self, n: u32, scale: u32, word: &str) -> Vec<String> {
        let mut words = if n / scale == 1 { joined(1) } else { self.number(n / scale) };
        words.push(word.to_owned());
        if !n.is_multiple_of(scale) {
            words.extend(self.number(n % scale));
        }
        words
    }
}
