//! Numbers as people and carriers write them, and the forms that mean the same.

use smallvec::SmallVec;

/// The longest dialled string that is looked at.
pub const MAX_DIALLED: usize = 64;
/// ITU-T E.164 section 6: country code and national number together.
const MAX_E164: usize = 15;
/// Shorter digits are service and local numbers, which have no international form.
const MIN_E164: usize = 7;
/// The North American country code: no trunk prefix 0, and 011 instead of 00.
const NANP: &str = "1";

/// Ways to write one number.
pub type Ways = SmallVec<[String; 4]>;

/// The ways in which one number may match a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forms {
    /// As good as each other, the one that was dialled first.
    pub first: Ways,
    /// For when no route matches any of those.
    pub then: Ways,
}

/// Takes a URI's user apart: escapes decoded, parameters (`;phone-context=`) cut off, visual separators of a number
/// removed (RFC 3966 section 5.1.1). `None` when it is empty, too long or holds what no number and no name holds.
pub fn clean(user: &str) -> Option<String> {
    let decoded = sip::uri::decode(user);
    let text = decoded.split(';').next().unwrap_or("").trim();
    let is_number = text.bytes().all(|b| is_dialling(b) || is_separator(b));
    let cleaned: String =
        text.chars().filter(|c| !(is_number && c.is_ascii() && is_separator(*c as u8))).collect();
    let in_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let legal = cleaned.bytes().enumerate().all(|(at, b)| match b {
        b'+' => at == 0,
        b => in_name(b) || is_dialling(b),
    });
    (legal && !cleaned.is_empty() && cleaned != "+" && cleaned.len() <= MAX_DIALLED)
        .then_some(cleaned)
}

fn is_dialling(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'*' | b'#' | b'+')
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b'.' | b'(' | b')' | b' ')
}

/// How a number was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// With `+`, `00` or `011`.
    International,
    /// With the country's trunk prefix, or with the full length that the numbering plan fixes.
    National,
    /// Bare digits, which may be anything.
    Bare,
}

/// The digits of the international form (without `+`) and how the number was written.
fn international(number: &str, country: Option<&str>) -> Option<(String, Written)> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let full = |text: &str| {
        (digits(text) && (MIN_E164..=MAX_E164).contains(&text.len())).then(|| text.to_owned())
    };
    if let Some(rest) = number.strip_prefix('+') {
        return Some((full(rest)?, Written::International));
    }
    if !digits(number) {
        return None;
    }
    let Some(country) = country else {
        return Some((full(number.strip_prefix("00")?)?, Written::International));
    };
    if country == NANP {
        return north_american(number, full);
    }
    if let Some(rest) = number.strip_prefix("00") {
        return Some((full(rest)?, Written::International));
    }
    if let Some(rest) = number.strip_prefix('0') {
        return Some((full(&format!("{country}{rest}"))?, Written::National));
    }
    if number.starts_with(country) && number.len() >= country.len() + 8 {
        return Some((full(number)?, Written::Bare));
    }
    (number.len() >= MIN_E164).then_some(())?;
    Some((full(&format!("{country}{number}"))?, Written::Bare))
}

fn north_american(
    number: &str,
    full: impl Fn(&str) -> Option<String>,
) -> Option<(String, Written)> {
    if let Some(rest) = number.strip_prefix("011") {
        return Some((full(rest)?, Written::International));
    }
    match number.len() {
        10 => Some((format!("{NANP}{number}"), Written::National)),
        11 if number.starts_with(NANP) => Some((number.to_owned(), Written::National)),
        _ => None,
    }
}

/// The number as `+E.164` where it has such a form; service numbers and names come back as they are.
pub fn to_e164(number: &str, country: Option<&str>) -> String {
    match international(number, country) {
        Some((digits, _)) => format!("+{digits}"),
        None => number.to_owned(),
    }
}

/// A form in which two ways to write one number are equal, for comparing what a trunk delivers with what it was
/// expected to deliver.
pub fn canonical(number: &str, country: Option<&str>) -> String {
    match international(number, country) {
        Some((digits, _)) => digits,
        None => number.trim_start_matches('+').to_owned(),
    }
}

/// The ways in which routes may expect a number. What was dialled internationally is the same number in each form, so
/// that a route meets it in whichever it was written for: a number of our own country as `+E.164` and national, any
/// other as `+E.164` and with the international prefix. What was dialled nationally is that first of all, and only
/// where no route knows it so, the same number as `+E.164`: a route for `+` is mostly meant for calls abroad. Bare
/// digits have no other form, since they may be local.
pub fn forms(dialled: &str, country: Option<&str>) -> Forms {
    let as_dialled = || std::iter::once(dialled.to_owned()).collect();
    let Some((digits, written)) = international(dialled, country) else {
        return Forms { first: as_dialled(), then: SmallVec::new() };
    };
    let mut others: Ways = SmallVec::new();
    others.push(format!("+{digits}"));
    match country.and_then(|code| Some((code, digits.strip_prefix(code)?))) {
        Some((NANP, rest)) => others.extend([digits.clone(), rest.to_owned()]),
        Some((_, rest)) => others.extend([format!("0{rest}"), rest.to_owned()]),
        None if country == Some(NANP) => others.push(format!("011{digits}")),
        None => others.push(format!("00{digits}")),
    }
    others.retain(|other| *other != dialled);
    match written {
        Written::International => {
            let mut first: Ways = as_dialled();
            first.extend(others);
            Forms { first, then: SmallVec::new() }
        }
        Written::National => Forms { first: as_dialled(), then: others },
        Written::Bare => Forms { first: as_dialled(), then: SmallVec::new() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn separators_and_parameters_go_and_names_stay() {
        assert_eq!(clean("+86 (571) 2620-0670").as_deref(), Some("+8657126200670"));
        assert_eq!(clean("%2B8657126200670;phone-context=x").as_deref(), Some("+8657126200670"));
        assert_eq!(clean("%2A67%234567").as_deref(), Some("*67#4567"));
        assert_eq!(clean("alice.b-c_1").as_deref(), Some("alice.b-c_1"));
        for bad in ["", "+", "-", "45/67", "45\"67", "4+5", "a@b", "ü", "%00", "45%0d%0a67", ";x"]
        {
            assert_eq!(clean(bad), None, "{bad:?}");
        }
        assert_eq!(clean(&"1".repeat(MAX_DIALLED + 1)), None);
    }

    #[test]
    fn every_way_to_write_a_number_is_one_number() {
        let ways =
            ["+8657126200670", "008657126200670", "057126200670", "8657126200670", "57126200670"];
        for way in ways {
            assert_eq!(canonical(way, Some("86")), "8657126200670", "{way}");
            assert_eq!(to_e164(way, Some("86")), "+8657126200670", "{way}");
        }
        for way in ["+12125550100", "12125550100", "2125550100", "01112125550100"] {
            assert_eq!(to_e164(way, Some("1")), "+12125550100", "{way}");
        }
        for service in ["110", "10086", "*43", "alice"] {
            assert_eq!(to_e164(service, Some("86")), service);
        }
        assert_eq!(to_e164("057126200670", None), "057126200670");
    }

    #[test]
    fn routes_see_a_number_in_every_form() {
        let seen = |dialled, country| {
            let forms = forms(dialled, country);
            (forms.first.join(" "), forms.then.join(" "))
        };
        let ways = |first: &str, then: &str| (first.to_owned(), then.to_owned());
        let china = Some("86");
        assert_eq!(
            seen("+8657126200670", china),
            ways("+8657126200670 057126200670 57126200670", "")
        );
        assert_eq!(
            seen("008657126200670", china),
            ways("008657126200670 +8657126200670 057126200670 57126200670", "")
        );
        assert_eq!(seen("057126200670", china), ways("057126200670", "+8657126200670 57126200670"));
        assert_eq!(seen("+442071838750", china), ways("+442071838750 00442071838750", ""));
        assert_eq!(seen("00442071838750", None), ways("00442071838750 +442071838750", ""));
        assert_eq!(seen("4567", china), ways("4567", ""));
        assert_eq!(seen("26200670", china), ways("26200670", ""));
        assert_eq!(seen("2125550100", Some("1")), ways("2125550100", "+12125550100 12125550100"));
        assert_eq!(seen("+442071838750", Some("1")), ways("+442071838750 011442071838750", ""));
    }

    proptest! {
        #[test]
        fn e164_is_a_fixed_point(text in "[+]?[0-9]{1,20}", country in prop::option::of("[1-9][0-9]{0,2}")) {
            let once = to_e164(&text, country.as_deref());
            prop_assert_eq!(to_e164(&once, country.as_deref()), once);
        }

        #[test]
        fn every_form_of_a_number_is_the_same_number(text in "[+]?[0-9]{1,16}", country in "[1-9][0-9]{0,1}") {
            let forms = forms(&text, Some(&country));
            prop_assert_eq!(&forms.first[0], &text);
            for form in forms.first.iter().chain(&forms.then).filter(|form| form.starts_with('+')) {
                prop_assert_eq!(canonical(form, Some(&country)), canonical(&text, Some(&country)));
            }
        }

        #[test]
        fn anything_is_cleaned_or_refused(text in "\\PC{0,80}") {
            if let Some(number) = clean(&text) {
                prop_assert_eq!(clean(&number), Some(number));
            }
        }
    }
}
