//! What is said: sentences as lists of prompts, by a grammar for each language.
//!
//! A prompt is a name below the sounds directory without its extension. A language is a folder of prompts there; one that
//! has no grammar here is spoken by the English one with its own prompts.

mod english;
mod german;

/// The grammar of a language.
trait Grammar {
    /// A cardinal number as the prompts of its words, without folder.
    fn number(&self, n: u32) -> Vec<String>;
    /// A number of these units: the number as it stands before them, and the right form of their word.
    fn count(&self, n: u32, unit: Unit) -> Vec<String>;
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
}

impl Unit {
    /// The prompt of the word for one, and for several.
    fn word(self, n: u32) -> &'static str {
        match (self, n) {
            (Self::Second, 1) => "second",
            (Self::Second, _) => "seconds",
            (Self::Minute, 1) => "minute",
            (Self::Minute, _) => "minutes",
            (Self::Hour, 1) => "hour",
            (Self::Hour, _) => "hours",
        }
    }
}

fn grammar(language: &str) -> &'static dyn Grammar {
    let base = language.split(['-', '_']).next().unwrap_or(language);
    if base.eq_ignore_ascii_case("de") { &german::German } else { &english::English }
}

fn in_folder(language: &str, names: Vec<String>) -> Vec<String> {
    names.into_iter().map(|name| format!("{language}/{name}")).collect()
}

/// That the call is parked at this number.
pub fn parked_at(language: &str, slot: u32) -> Vec<String> {
    let mut all = prompt(language, "park/parked-at");
    all.extend(digits(language, &slot.to_string()));
    all
}

/// One prompt of a language by its bare name.
pub fn prompt(language: &str, name: &str) -> Vec<String> {
    vec![format!("{language}/{name}")]
}

/// A cardinal number, 0 to 999,999; larger ones are said as 999,999.
pub fn number(language: &str, n: u32) -> Vec<String> {
    in_folder(language, grammar(language).number(n.min(999_999)))
}

/// The name of a telephone's key: `0-9`, `*`, `#`; anything else is silence.
pub fn key(language: &str, key: char) -> Vec<String> {
    match key {
        '*' => prompt(language, "digits/star"),
        '#' => prompt(language, "digits/pound"),
        digit => digit.to_digit(10).map(|digit| number(language, digit)).unwrap_or_default(),
    }
}

/// Digits one by one, as a telephone number or an id is read out.
pub fn digits(language: &str, text: &str) -> Vec<String> {
    text.chars().flat_map(|digit| key(language, digit)).collect()
}

/// "You are caller number three."
pub fn position(language: &str, n: u32) -> Vec<String> {
    let mut said = prompt(language, "you-are-caller-number");
    said.extend(number(language, n));
    said
}

/// "Your estimated wait is four minutes." In whole minutes, rounded up; at least one.
pub fn wait(language: &str, secs: u32) -> Vec<String> {
    let mut said = prompt(language, "estimated-wait");
    let minutes = secs.div_ceil(60).max(1);
    said.extend(in_folder(language, grammar(language).count(minutes, Unit::Minute)));
    said
}

/// "The caller waited ninety seconds." From two minutes on in minutes and seconds.
pub fn waited(language: &str, secs: u32) -> Vec<String> {
    let mut said = prompt(language, "caller-waited");
    said.extend(duration(language, secs));
    said
}

/// A duration: seconds below two minutes, then minutes and seconds, from two hours on hours and minutes.
pub fn duration(language: &str, secs: u32) -> Vec<String> {
    let parts = match secs {
        0..120 => [(0, Unit::Minute), (secs, Unit::Second)],
        120..7200 => [(secs / 60, Unit::Minute), (secs % 60, Unit::Second)],
        _ => [(secs / 3600, Unit::Hour), (secs % 3600 / 60, Unit::Minute)],
    };
    let only_zero = parts.iter().all(|(n, _)| *n == 0);
    let said =
        parts.into_iter().enumerate().filter(|(at, (n, _))| *n > 0 || (only_zero && *at == 1));
    let names = said.flat_map(|(_, (n, unit))| grammar(language).count(n, unit)).collect();
    in_folder(language, names)
}

/// "To be called back and keep your place, press two."
pub fn callback_offer(language: &str, accept: char) -> Vec<String> {
    let mut said = prompt(language, "callback-offer");
    said.extend(key(language, accept));
    said
}

/// "To take this call, press one."
pub fn confirm(language: &str, accept: char) -> Vec<String> {
    let mut said = prompt(language, "to-accept-press");
    said.extend(key(language, accept));
    said
}

/// "Please rate this call: from one, for poor, to five."
pub fn rate(language: &str, best: u8) -> Vec<String> {
    let mut said = prompt(language, "rate-call");
    said.extend(number(language, u32::from(best)));
    said
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(prompts: &[String]) -> String {
        let bare = |prompt: &String| {
            prompt.split_once('/').map(|(_, name)| name.trim_start_matches("digits/").to_owned())
        };
        prompts.iter().filter_map(bare).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn english_numbers_go_from_large_to_small() {
        for (n, words) in [
            (0, "0"),
            (7, "7"),
            (13, "13"),
            (20, "20"),
            (21, "20 1"),
            (99, "90 9"),
            (100, "1 hundred"),
            (101, "1 hundred 1"),
            (342, "3 hundred 40 2"),
            (999, "9 hundred 90 9"),
            (1000, "1 thousand"),
            (12_345, "12 thousand 3 hundred 40 5"),
            (999_999, "9 hundred 90 9 thousand 9 hundred 90 9"),
        ] {
            assert_eq!(said(&number("en", n)), words, "{n}");
        }
    }

    #[test]
    fn german_says_the_ones_before_the_tens() {
        for (n, words) in [
            (0, "0"),
            (1, "1"),
            (12, "12"),
            (20, "20"),
            (21, "ein and 20"),
            (32, "2 and 30"),
            (99, "9 and 90"),
            (100, "ein hundred"),
            (101, "ein hundred 1"),
            (342, "3 hundred 2 and 40"),
            (1000, "ein thousand"),
            (21_001, "ein and 20 thousand 1"),
        ] {
            assert_eq!(said(&number("de", n)), words, "{n}");
        }
    }

    #[test]
    fn units_agree_with_their_number() {
        assert_eq!(said(&wait("en", 0)), "estimated-wait 1 minute");
        assert_eq!(said(&wait("en", 61)), "estimated-wait 2 minutes");
        assert_eq!(said(&waited("en", 0)), "caller-waited 0 seconds");
        assert_eq!(said(&waited("en", 1)), "caller-waited 1 second");
        assert_eq!(said(&waited("en", 95)), "caller-waited 90 5 seconds");
        assert_eq!(said(&waited("en", 125)), "caller-waited 2 minutes 5 seconds");
        assert_eq!(said(&waited("en", 180)), "caller-waited 3 minutes");
        assert_eq!(said(&duration("en", 7260)), "2 hours 1 minute");
        assert_eq!(said(&wait("de", 30)), "estimated-wait eine minute");
        assert_eq!(said(&waited("de", 21)), "caller-waited ein and 20 seconds");
    }

    #[test]
    fn sentences_stay_in_their_folder() {
        for language in ["en", "de", "fr", "en-GB"] {
            let all = [
                position(language, 3),
                wait(language, 300),
                waited(language, 30),
                callback_offer(language, '#'),
                confirm(language, '1'),
                rate(language, 5),
                digits(language, "101*"),
            ];
            for name in all.iter().flatten() {
                assert!(name.starts_with(&format!("{language}/")), "{name}");
            }
        }
        assert_eq!(said(&position("fr", 21)), "you-are-caller-number 20 1");
        assert_eq!(said(&callback_offer("en", '*')), "callback-offer star");
    }

    /// Reads an English number back.
    fn value(prompts: &[String]) -> u32 {
        let (mut all, mut part) = (0, 0);
        for word in said(prompts).split(' ') {
            match word {
                "hundred" => part *= 100,
                "thousand" => {
                    all = part * 1000;
                    part = 0;
                }
                digits => part += digits.parse::<u32>().unwrap_or(0),
            }
        }
        all + part
    }

    proptest! {
        #[test]
        fn every_number_is_heard_as_itself(n in 0u32..1_000_000) {
            prop_assert_eq!(value(&number("en", n)), n);
        }
    }

    #[test]
    fn every_english_prompt_has_its_sound() {
        let sounds = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../sounds");
        let mut all: Vec<String> = (0..1100).flat_map(|n| number("en", n)).collect();
        all.extend((0..200).flat_map(|n| duration("en", n * 61)));
        all.extend([wait("en", 1), waited("en", 1), position("en", 1), rate("en", 9)].concat());
        all.extend([confirm("en", '1'), callback_offer("en", '2'), digits("en", "*#")].concat());
        for name in all {
            assert!(sounds.join(format!("{name}.wav")).is_file(), "{name}");
        }
    }
}
