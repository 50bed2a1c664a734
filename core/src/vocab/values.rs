//! Single values that people write, in the file and over HTTP: whether they are sound, or what would be right.

use std::net::IpAddr;
use std::path::{Component, Path};

use media::order::{RECORDED, UPLOADED};
use sip::Transport;

/// Digits only, 1 to 32.
pub fn digits(text: &str) -> Result<(), String> {
    if !text.is_empty() && text.len() <= 32 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    Err(format!("\"{text}\" is no number; write 1 to 32 digits such as \"4567\""))
}

/// An outside number: digits, a leading plus allowed.
pub fn outside_number(text: &str) -> Result<(), String> {
    digits(text.strip_prefix('+').unwrap_or(text)).map_err(|_| {
        format!("\"{text}\" is no outside number; write digits, or + and digits, such as \"+8657126200670\"")
    })
}

/// What an agent keys in to log in: digits, 4 to 16.
pub fn pin(text: &str) -> Result<String, String> {
    let sound = (4..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    sound.then(|| text.to_owned()).ok_or_else(|| "is no PIN; write 4 to 16 digits".to_owned())
}

/// What phones can dial: digits, `*` and `#`, 1 to 16.
pub fn dialable(text: &str) -> Result<(), String> {
    let ok = |b: u8| b.is_ascii_digit() || b == b'*' || b == b'#';
    if (1..=16).contains(&text.len()) && text.bytes().all(ok) {
        return Ok(());
    }
    Err(format!("\"{text}\" cannot be dialled; write 1 to 16 of 0-9, * and # such as \"*43\""))
}

/// A name that can stand in paths, logs and other settings.
pub fn name(text: &str) -> Result<(), String> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    // Names stand in paths, where dots alone are another folder.
    let dots = text.bytes().all(|b| b == b'.');
    if (1..=64).contains(&text.len()) && text.bytes().all(ok) && !dots {
        return Ok(());
    }
    Err(format!("\"{text}\" is no name; write 1 to 64 of a-z, A-Z, 0-9, - _ . such as \"demo\""))
}

/// A host name or an IP address, without a port.
pub fn host(text: &str) -> Result<(), String> {
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    if bare.parse::<IpAddr>().is_ok() || is_host_name(text) {
        return Ok(());
    }
    Err(format!("\"{text}\" is no host; write a name such as \"pbx.example\" or an IP address"))
}

/// `host` or `host:port`, IPv6 in brackets.
pub fn host_port(text: &str) -> Result<(), String> {
    let right = || {
        format!(
            "\"{text}\" is no host; write \"sip.carrier.example\", \"sip.carrier.example:5060\" or \"[2001:db8::1]:5060\""
        )
    };
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (text, None),
    };
    if port.is_some_and(|port| port.parse::<u16>().map_or(true, |port| port == 0)) {
        return Err(right());
    }
    let bracketed = name.starts_with('[');
    if name.contains(':') && !bracketed {
        return Err(right());
    }
    host(name).map_err(|_| right())
}

fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
}

/// A WebSocket's address.
pub fn socket_url(text: &str) -> Result<(), String> {
    let rest = text.strip_prefix("ws://").or_else(|| text.strip_prefix("wss://"));
    let authority = rest.and_then(|rest| rest.split(['/', '?']).next()).unwrap_or_default();
    let visible = text.len() <= 512 && text.bytes().all(|byte| byte.is_ascii_graphic());
    if visible && !text.contains('#') && host_port(authority).is_ok() {
        return Ok(());
    }
    Err(format!("\"{text}\" is no WebSocket address; write e.g. \"wss://robot.example/calls\""))
}

/// An IP address.
pub fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| {
        format!("\"{text}\" is no IP address; write e.g. \"192.0.2.10\" or \"2001:db8::1\"")
    })
}

/// The transport towards a carrier.
pub fn trunk_transport(text: &str) -> Result<Transport, String> {
    match Transport::parse(text) {
        Some(transport @ (Transport::Udp | Transport::Tcp)) => Ok(transport),
        Some(other) => {
            Err(format!("{other} is not available in this version; write \"udp\" or \"tcp\""))
        }
        None => Err(format!("\"{text}\" is no transport; write \"udp\" or \"tcp\"")),
    }
}

/// What a route puts in front of a number.
pub fn prepended(text: &str) -> Result<(), String> {
    let ok = text.len() <= 32
        && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'*' | b'#'));
    ok.then_some(())
        .ok_or_else(|| format!("\"{text}\" cannot be dialled; write at most 32 of 0-9, +, * and #"))
}

/// An extension's number: digits, 1 to 16.
pub fn extension_number(text: &str) -> Result<(), String> {
    let ok = (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    ok.then_some(()).ok_or_else(|| {
        format!("\"{text}\" is no extension number; write 1 to 16 digits such as \"4567\"")
    })
}

/// A codec that the media layer can negotiate, in its registered spelling.
pub fn codec(text: &str) -> Result<String, String> {
    const KNOWN: [&str; 10] =
        ["opus", "G722", "PCMA", "PCMU", "G729", "AMR", "AMR-WB", "iLBC", "GSM", "speex"];
    KNOWN
        .iter()
        .find(|known| known.eq_ignore_ascii_case(text))
        .map(|known| (*known).to_owned())
        .ok_or_else(|| format!("\"{text}\" is no codec; choose from {}", KNOWN.join(", ")))
}

/// A number, or a text with one in it, of which the first three and the last four digits are to be seen; at least four are
/// covered. Shorter numbers are nobody's outside.
pub fn covered(text: &str) -> String {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if digits < 7 {
        return text.to_owned();
    }
    let last = digits - (digits - 7).min(4);
    let mut at = 0;
    let cover = |c: char| {
        if !c.is_ascii_digit() {
            return c;
        }
        at += 1;
        if at <= 3 || at > last { c } else { '*' }
    };
    text.chars().map(cover).collect()
}

/// A prompt's name below the sounds directory, without `.wav`.
pub fn prompt(text: &str) -> Result<(), String> {
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    let sound = text.len() <= 200 && text.split('/').all(part) && !text.ends_with(".wav");
    if sound && !text.contains(char::is_control) {
        return Ok(());
    }
    Err(format!(
        "\"{text}\" is no prompt; write a path below the sounds directory without .wav, such as \"en/thank-you\""
    ))
}

/// A prompt that a tenant may name: one of the sounds directory, or one of its own that came over HTTP. What else was
/// recorded lies beside those, and is everybody's own.
pub fn own_prompt(text: &str, tenant: &str) -> Result<(), String> {
    prompt(text)?;
    let uploaded = || {
        let name = text.strip_prefix(RECORDED)?.strip_prefix(UPLOADED)?;
        let name = name.strip_prefix(tenant)?.strip_prefix('/')?;
        Some(name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    if !text.contains(':') || uploaded() == Some(true) {
        return Ok(());
    }
    Err(format!(
        "\"{text}\" is no prompt; write a path below the sounds directory such as \"en/thank-you\", or the name of a \
         sound that was sent over HTTP"
    ))
}

/// Whether a path stays below the folder that it is relative to, as far as its text tells: links are another matter.
pub fn stays_below(path: &str) -> bool {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    !path.is_empty() && Path::new(path).components().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_number_at_least_four_digits_are_covered() {
        for (number, seen) in [
            ("13812345678", "138****5678"),
            ("057187654321", "057*****4321"),
            ("+8613812345678", "+861******5678"),
            ("Li 057187654321", "Li 057*****4321"),
            ("1234567", "123****"),
            ("8001", "8001"),
            ("*43", "*43"),
            ("", ""),
        ] {
            assert_eq!(covered(number), seen);
        }
    }

    #[test]
    fn a_tenant_names_its_own_sounds_and_nothing_else_that_was_recorded() {
        let name = "0123456789abcdef0123456789abcdef";
        let own = |text: &str| own_prompt(text, "demo").is_ok();
        assert!(own("en/thank-you") && own(&format!("recorded:sounds/demo/{name}")));
        for wrong in [
            String::new(),
            "/var/lib/other".into(),
            "../other".into(),
            "recorded:demo/2026-11-21/call".into(),
            "recorded:/var/lib/other".into(),
            format!("recorded:sounds/dem/{name}"),
            format!("recorded:sounds/demo2/{name}"),
            format!("recorded:sounds/demo/../other/{name}"),
            "recorded:sounds/demo/other".into(),
            "file:x".into(),
        ] {
            assert!(!own(&wrong), "{wrong}");
        }
        assert!(own_prompt(&format!("recorded:sounds//{name}"), "").is_err());
    }

    #[test]
    fn a_path_stays_below_its_folder() {
        assert!(stays_below("demo/2026-11-21/call.wav"));
        for wrong in ["", "/etc/passwd", "..", "a/../b", "./a"] {
            assert!(!stays_below(wrong), "{wrong}");
        }
    }
}
