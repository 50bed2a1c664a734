//! What is compared: JSON whole and by value, ids and times by their shape.

use serde_json::Value;

use super::Variables;

/// The kinds of `<kind>` and `<kind:name>`, and what they stand for. Kinds of numbers stand for a JSON number where they are a
/// whole text of JSON, and for digits within a longer text; all others for text.
pub const KINDS: &[(&str, &str)] = &[
    ("int", "a whole number"),
    ("ms", "milliseconds since the Unix epoch, of this century"),
    ("seconds", "seconds since the Unix epoch, of this century"),
    ("digits", "digits, as text"),
    ("ms-text", "milliseconds since the Unix epoch, as text"),
    ("digits30", "thirty digits"),
    ("hex32", "32 digits of hexadecimal, in lower case"),
    ("hex40", "40 digits of hexadecimal"),
    ("uuid", "a UUID"),
    ("time", "2020-05-08T14:40:47.000+0000, or with Z at the end, with or without the fraction"),
    ("date-time", "2020-05-08 14:40:47"),
    ("token", "letters, digits, - and _: at least 16"),
    ("password", "at least eight printable signs"),
    ("path", "signs of a URL's path or query"),
    ("text", "any text, but not none"),
];

const NUMBERS: [&str; 3] = ["int", "ms", "seconds"];

/// The kind and the name of the variable of a text that is a pattern and nothing else.
fn pattern(text: &str) -> Option<(&str, Option<&str>)> {
    let inner = text.strip_prefix('<')?.strip_suffix('>')?;
    let (kind, name) = match inner.split_once(':') {
        Some((kind, name)) => (kind, Some(name)),
        None => (inner, None),
    };
    KINDS.iter().any(|(known, _)| *known == kind).then_some((kind, name))
}

/// Compares a body. What is JSON in the transcript is compared as JSON, all else as text.
pub fn body(expected: &str, actual: &[u8], variables: &mut Variables) -> Result<(), String> {
    let actual = std::str::from_utf8(actual).map_err(|_| "the body is no text".to_owned())?;
    match serde_json::from_str::<Value>(expected) {
        Ok(expected) => {
            let actual = serde_json::from_str(actual)
                .map_err(|error| format!("the body is no JSON: {error}"))?;
            json(&expected, &actual, "", variables)
        }
        Err(error) if expected.starts_with(['{', '[']) => {
            Err(format!("the transcript's body is no JSON: {error}"))
        }
        Err(_) => text(expected, actual, variables).map_err(|why| format!("the body {why}")),
    }
}

/// Compares JSON; `at` says where.
pub fn json(
    expected: &Value,
    actual: &Value,
    at: &str,
    variables: &mut Variables,
) -> Result<(), String> {
    let here = if at.is_empty() { "the body" } else { at };
    match (expected, actual) {
        (Value::Object(wanted), Value::Object(got)) => {
            if let Some(name) = wanted.keys().find(|name| !got.contains_key(*name)) {
                return Err(format!("{here} lacks {name}"));
            }
            if let Some(name) = got.keys().find(|name| !wanted.contains_key(*name)) {
                return Err(format!("{here} has {name} besides"));
            }
            wanted.iter().try_for_each(|(name, value)| {
                json(value, &got[name], &format!("{at}.{name}"), variables)
            })
        }
        (Value::Array(wanted), Value::Array(got)) => {
            if wanted.len() != got.len() {
                return Err(format!("{here} has {} items instead of {}", got.len(), wanted.len()));
            }
            wanted.iter().zip(got).enumerate().try_for_each(|(n, (wanted, got))| {
                json(wanted, got, &format!("{at}[{n}]"), variables)
            })
        }
        (Value::String(wanted), got) => {
            string(wanted, got, variables).map_err(|why| format!("{here} {why}"))
        }
        (wanted, got) if wanted == got => Ok(()),
        (wanted, got) => Err(format!("{here} is {got} instead of {wanted}")),
    }
}

fn string(wanted: &str, got: &Value, variables: &mut Variables) -> Result<(), String> {
    let wrong = || format!("is {got} instead of \"{wanted}\"");
    match (pattern(wanted), got) {
        (Some((kind, name)), Value::Number(number)) if NUMBERS.contains(&kind) => {
            let digits = number.to_string();
            is_of(kind, &digits).then_some(()).ok_or_else(wrong)?;
            capture(name, &digits, variables);
            Ok(())
        }
        (Some((kind, _)), _) if NUMBERS.contains(&kind) => Err(wrong()),
        (_, Value::String(got)) => text(wanted, got, variables),
        _ => Err(wrong()),
    }
}

fn capture(name: Option<&str>, value: &str, variables: &mut Variables) {
    if let Some(name) = name {
        variables.insert(name.to_owned(), value.to_owned());
    }
}

/// Compares text in which patterns may stand; `{name}` is the value of a variable.
pub fn text(wanted: &str, got: &str, variables: &mut Variables) -> Result<(), String> {
    let filled = super::transcript::filled(wanted, variables)?;
    let mut found = Vec::new();
    if !matches(&parts(&filled), got, &mut found) {
        return Err(format!("is \"{got}\" instead of \"{filled}\""));
    }
    for (name, value) in found {
        variables.insert(name, value);
    }
    Ok(())
}

enum Part<'a> {
    Literal(&'a str),
    Kind(&'a str, Option<&'a str>),
}

fn parts(mut text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut from = 0;
    while let Some(open) = text[from..].find('<').map(|at| from + at) {
        let end = text[open..].find('>').map(|at| open + at + 1);
        let found = end.and_then(|end| Some((end, pattern(&text[open..end])?)));
        match found {
            Some((end, (kind, name))) => {
                parts.push(Part::Literal(&text[..open]));
                parts.push(Part::Kind(kind, name));
                (text, from) = (&text[end..], 0);
            }
            None => from = open + 1,
        }
    }
    parts.push(Part::Literal(text));
    parts
}

/// Whether the parts, one after the other, are the whole text.
fn matches(parts: &[Part<'_>], text: &str, found: &mut Vec<(String, String)>) -> bool {
    match parts {
        [] => text.is_empty(),
        [Part::Literal(literal), rest @ ..] => {
            text.strip_prefix(literal).is_some_and(|text| matches(rest, text, found))
        }
        [Part::Kind(kind, name), rest @ ..] => {
            let ends = (1..=text.len()).filter(|end| text.is_char_boundary(*end));
            ends.rev().any(|end| {
                let before = found.len();
                let fits = is_of(kind, &text[..end]);
                if fits && let Some(name) = name {
                    found.push(((*name).to_owned(), text[..end].to_owned()));
                }
                let fits = fits && matches(rest, &text[end..], found);
                if !fits {
                    found.truncate(before);
                }
                fits
            })
        }
    }
}

/// Whether a text has the shape of a kind.
fn is_of(kind: &str, text: &str) -> bool {
    let all = |ok: fn(u8) -> bool| !text.is_empty() && text.bytes().all(ok);
    let digits = all(|b| b.is_ascii_digit());
    let hex = |count| text.len() == count && all(|b| b.is_ascii_hexdigit());
    let lower = text.bytes().all(|b| !b.is_ascii_uppercase());
    let number = || text.parse::<u64>().ok();
    match kind {
        "int" => text.parse::<i64>().is_ok(),
        "ms" | "ms-text" => {
            digits
                && number().is_some_and(|ms| (1_577_836_800_000..4_102_444_800_000).contains(&ms))
        }
        "seconds" => {
            digits && number().is_some_and(|s| (1_577_836_800..4_102_444_800).contains(&s))
        }
        "digits" => digits,
        "digits30" => digits && text.len() == 30,
        "hex32" => hex(32) && lower,
        "hex40" => hex(40),
        "uuid" => like(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"),
        "time" => {
            let zones = ["Z", "+0000", "+00:00"];
            let seconds = |text: &str| {
                let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
                like(whole, "0000-00-00T00:00:00") && fraction.bytes().all(|b| b.is_ascii_digit())
            };
            zones.iter().any(|zone| text.strip_suffix(zone).is_some_and(seconds))
        }
        "date-time" => like(text, "0000-00-00 00:00:00"),
        "token" => text.len() >= 16 && all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)),
        "password" => text.len() >= 8 && all(|b| b.is_ascii_graphic()),
        "path" => all(|b| b.is_ascii_graphic()),
        _ => kind == "text" && !text.trim().is_empty(),
    }
}

/// Whether a text has digits where the sample has 0 and hexadecimal ones where it has x.
fn like(text: &str, sample: &str) -> bool {
    let pairs = text.bytes().zip(sample.bytes());
    text.len() == sample.len()
        && pairs.into_iter().all(|(byte, sample)| match sample {
            b'0' => byte.is_ascii_digit(),
            b'x' => byte.is_ascii_hexdigit(),
            _ => byte == sample,
        })
}
