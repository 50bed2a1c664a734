//! Whether a definition makes sense by itself; what it refers to is the switch's to know.

use crate::vocab::config::{Extension, Number, Route, Trunk};
use crate::vocab::define::{Entry, ExtensionEntry};
use crate::vocab::mailbox::Mailbox;
use crate::vocab::{Secret, values};

/// Names of groups, classes and others that one list may hold.
const MAX_LIST: usize = 64;
/// Bytes of a name that people read.
const MAX_NAME: usize = 128;
/// Bytes of a password.
const MAX_PASSWORD: usize = 128;
/// Bytes of a route's pattern.
const MAX_PATTERN: usize = 1_024;
/// Bytes of a list of mail addresses.
const MAX_MAILTO: usize = 1_024;

/// What is wrong with an entry, in words.
pub fn problem(entry: &Entry) -> Option<String> {
    let checked = match entry {
        Entry::Extension(entry) => extension(entry),
        Entry::Number(entry) => number(entry),
        Entry::Route(entry) => route(&entry.route),
        Entry::Trunk(entry) => trunk(entry),
    };
    checked.err()
}

/// Names the key in front of what is wrong with its value.
fn named<T>(key: &str, checked: Result<T, String>) -> Result<T, String> {
    checked.map_err(|why| format!("{key}: {why}"))
}

fn within<T: PartialOrd + std::fmt::Display>(
    key: &str,
    value: T,
    first: T,
    last: T,
) -> Result<(), String> {
    if value < first || value > last {
        return Err(format!("{key}: {value} is out of range; write {first} to {last}"));
    }
    Ok(())
}

fn list<T>(key: &str, items: &[T], check: impl Fn(&T) -> Result<(), String>) -> Result<(), String> {
    if items.len() > MAX_LIST {
        return Err(format!("{key}: {} are too many; at most {MAX_LIST}", items.len()));
    }
    items.iter().try_for_each(|item| named(key, check(item)))
}

/// Text that people read, and that stands in SIP headers.
fn shown(key: &str, text: &str, longest: usize) -> Result<(), String> {
    if text.len() > longest || text.chars().any(char::is_control) {
        return Err(format!("{key}: write at most {longest} bytes without control characters"));
    }
    Ok(())
}

/// A SIP password.
pub fn password(key: &str, password: &Secret) -> Result<(), String> {
    shown(key, password.expose(), MAX_PASSWORD)
}

fn codecs(codecs: Option<&Vec<String>>) -> Result<(), String> {
    let Some(codecs) = codecs else { return Ok(()) };
    if codecs.is_empty() {
        return Err("codecs: is empty; write a list such as [\"PCMA\"], or leave it out".into());
    }
    list("codecs", codecs, |codec| {
        let known = values::codec(codec)?;
        if known != *codec {
            return Err(format!("\"{codec}\" is written {known}"));
        }
        let twice = codecs.iter().filter(|other| *other == codec).count() > 1;
        if twice { Err(format!("\"{codec}\" stands there twice")) } else { Ok(()) }
    })
}

/// Mail addresses with commas between; none where nobody is told.
fn addresses(text: &str) -> Result<(), String> {
    let good = |address: &str| {
        let plain = !address.contains(|c: char| c.is_control() || c.is_whitespace());
        let parts = address.split_once('@');
        plain && parts.is_some_and(|(user, host)| !user.is_empty() && values::host(host).is_ok())
    };
    let mut all = text.split(',').map(str::trim);
    if text.is_empty() || (text.len() <= MAX_MAILTO && all.clone().count() <= 10 && all.all(good)) {
        return Ok(());
    }
    Err("write up to 10 mail addresses with commas, such as \"alice@pbx.example\"".into())
}

fn extension(entry: &ExtensionEntry) -> Result<(), String> {
    let own: &Extension = &entry.extension;
    named("number", values::extension_number(&own.key.number))?;
    password("password", &own.password)?;
    shown("name", &own.name, MAX_NAME)?;
    list("pickup_groups", &own.pickup_groups, |name| values::name(name))?;
    list("classes", &own.classes, |name| values::name(name))?;
    within("max_calls", own.max_calls, 0, 1_000)?;
    if let Some(secs) = own.ring_secs {
        within("ring_secs", secs, 1, 600)?;
    }
    if let Some(number) = &own.caller_number {
        named("caller_number", values::outside_number(number))?;
    }
    codecs(own.codecs.as_ref())?;
    list("supervises", &own.supervises, |_| Ok(()))?;
    list("watch_mailboxes", &entry.watch_mailboxes, |number| values::digits(number))?;
    entry.mailbox.as_ref().map_or(Ok(()), mailbox)
}

fn mailbox(own: &Mailbox) -> Result<(), String> {
    if let Some(pin) = own.pin.as_ref().filter(|pin| !pin.expose().is_empty()) {
        named("voicemail_pin", values::pin(pin.expose()))?;
    }
    named("voicemail_mailto", addresses(&own.mailto))
}

fn number(own: &Number) -> Result<(), String> {
    named("number", values::outside_number(&own.number))
}

/// Its pattern is compiled by whoever routes.
fn route(own: &Route) -> Result<(), String> {
    named("name", values::name(&own.name))?;
    if own.pattern.is_empty() || own.pattern.len() > MAX_PATTERN {
        return Err(format!("match: write a pattern of 1 to {MAX_PATTERN} bytes"));
    }
    if let Some(class) = &own.class {
        named("class", values::name(class))?;
    }
    within("strip", own.strip, 0, 32)?;
    named("prepend", values::prepended(&own.prepend))?;
    match own.to.len() {
        0 => Err("to: is empty; write where it leads, such as [\"trunk:carrier\"]".into()),
        many if many > MAX_LIST => Err(format!("to: {many} are too many; at most {MAX_LIST}")),
        _ => Ok(()),
    }
}

fn trunk(own: &Trunk) -> Result<(), String> {
    named("name", values::name(&own.key.name))?;
    named("host", values::host_port(&own.host))?;
    let account = own.username.as_deref().unwrap_or_default();
    shown("username", account, MAX_NAME)?;
    if own.register && account.is_empty() {
        return Err("username: the account to register is needed, or register = false".into());
    }
    if let Some(own) = &own.password {
        password("password", own)?;
    }
    if let Some(domain) = &own.domain {
        named("domain", values::host(domain))?;
    }
    list("addresses", &own.addresses, |_| Ok(()))?;
    within("max_calls", own.max_calls, 0, 10_000)?;
    within("qualify_secs", own.qualify_secs, 0, 3_600)?;
    within("expires", own.expires, 60, 86_400)?;
    codecs(own.codecs.as_ref())
}
