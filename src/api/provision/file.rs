//! Which phone a file's name stands for.

use strowger_core::vocab::provision::{PhoneConfig, Vendor};

/// What a phone asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// What all phones of this maker, or of one of its models, ask for.
    Common(Vendor),
    /// The settings of this phone.
    Phone(Vendor, String),
}

/// By the name of the file; `None` where no phone asks so.
pub(super) fn read(name: &str) -> Option<Asked> {
    let lower = name.to_ascii_lowercase();
    let mac = |text: &str| if text.len() == 12 { PhoneConfig::mac(text) } else { None };
    if let Some(rest) = lower.strip_prefix("snom") {
        let rest = rest.strip_suffix(".htm").or_else(|| rest.strip_suffix(".xml"))?;
        return match rest.rsplit_once('-') {
            Some((_, last)) => Some(Asked::Phone(Vendor::Snom, mac(last)?)),
            None => Some(Asked::Common(Vendor::Snom)),
        };
    }
    if let Some(rest) = lower.strip_prefix("cfg") {
        let rest = rest.strip_suffix(".xml").unwrap_or(rest);
        return match mac(rest) {
            Some(mac) => Some(Asked::Phone(Vendor::Grandstream, mac)),
            None => Some(Asked::Common(Vendor::Grandstream)),
        };
    }
    let rest = lower.strip_suffix(".cfg").or_else(|| lower.strip_suffix(".boot"))?;
    let digits = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if rest.strip_prefix('y').is_some_and(digits) {
        return Some(Asked::Common(Vendor::Yealink));
    }
    Some(Asked::Phone(Vendor::Yealink, mac(rest)?))
}
