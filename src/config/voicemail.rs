//! `[voicemail]`, `[smtp]`, and the mailboxes of extensions.

use strowger_core::vocab::acd::QueueConfig;
use strowger_core::vocab::mailbox::{Mailbox, VoicemailLimits};
use strowger_core::vocab::{ExtensionKey, MailboxKey, Secret};

use super::general::checked;
use super::shell::{Shell, Smtp, SmtpTls};
use super::table::{Reader, Table};
use super::values;

/// `[voicemail]`.
pub(super) fn limits(root: &Table<'_>) -> VoicemailLimits {
    let table = root.section("voicemail");
    let base = VoicemailLimits::default();
    let limits = VoicemailLimits {
        max_secs: table.number("max_secs", 5..=590, "seconds").unwrap_or(base.max_secs),
        silence_secs: table.number("silence_secs", 0..=60, "seconds").unwrap_or(base.silence_secs),
        max_messages: table
            .number("max_messages", 1..=1_000, "messages")
            .unwrap_or(base.max_messages),
    };
    table.finish();
    limits
}

/// The voicemail keys of an `[[extension]]`.
pub(super) fn mailbox(table: &Table<'_>, key: Option<&ExtensionKey>) -> Option<Mailbox> {
    let enabled = table.flag("voicemail").unwrap_or(false);
    let pin = table.text("voicemail_pin", "4 to 16 digits");
    let pin = checked(table, "voicemail_pin", pin, pin_digits);
    let mailto = table.text("voicemail_mailto", "an address such as \"alice@pbx.example\"");
    let mailto = checked(table, "voicemail_mailto", mailto, addresses);
    let attach = table.flag("voicemail_attach").unwrap_or(true);
    if !enabled && (pin.is_some() || mailto.is_some()) {
        let text = "is not set; write voicemail = true, or leave its keys out";
        table.wrong(table.line(), "voicemail", text);
    }
    let ExtensionKey { tenant, number } = key.filter(|_| enabled)?.clone();
    let mailto = mailto.unwrap_or_default();
    Some(Mailbox { key: MailboxKey { tenant, number }, pin, mailto, attach })
}

/// Whom messages shall be mailed to where no server takes mail.
pub(super) fn unsent(
    reader: &Reader,
    shell: &Shell,
    mailboxes: &[Mailbox],
    queues: &[QueueConfig],
) {
    if shell.smtp.is_some() {
        return;
    }
    let extensions = mailboxes.iter().filter(|own| !own.mailto.is_empty());
    let extensions = extensions.map(|own| ("[[extension]] voicemail_mailto", &own.key.number));
    let told = queues.iter().filter(|queue| !queue.voicemail.mailto.is_empty());
    let told = told.map(|queue| ("[[queue]] vm_mailto", &queue.key.number));
    if let Some((key, number)) = extensions.chain(told).next() {
        let text = format!("{key} of {number}: there is no [smtp] server, so that no mail is sent");
        reader.warn(0, text);
    }
}

fn pin_digits(text: &str) -> Result<Secret, String> {
    let ok = (4..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    ok.then(|| Secret::new(text)).ok_or_else(|| "is no PIN; write 4 to 16 digits".to_owned())
}

/// Mail addresses, separated by commas.
pub(super) fn addresses(text: &str) -> Result<String, String> {
    let list: Vec<&str> = text.split(',').map(str::trim).collect();
    let good = |address: &&str| address.parse::<lettre::Address>().is_ok();
    if (1..=10).contains(&list.len()) && list.iter().all(good) {
        return Ok(list.join(","));
    }
    Err(format!(
        "\"{text}\" is no mail address; write e.g. \"alice@pbx.example\", up to 10 with commas"
    ))
}

/// `[smtp]`; without a server no mail is sent.
pub(super) fn smtp(root: &Table<'_>) -> Option<Smtp> {
    let table = root.section("smtp");
    let server = table.text("server", "a host such as \"mail.pbx.example\"");
    let server =
        checked(&table, "server", server, |text| values::host(text).map(|()| text.to_owned()));
    let tls = table.text("tls", "\"none\", \"starttls\" or \"implicit\"");
    let tls = checked(&table, "tls", tls, |text| match text {
        "none" => Ok(SmtpTls::None),
        "starttls" => Ok(SmtpTls::Starttls),
        "implicit" => Ok(SmtpTls::Implicit),
        _ => Err(format!("\"{text}\" is unknown; write \"none\", \"starttls\" or \"implicit\"")),
    });
    let tls = tls.unwrap_or(SmtpTls::Starttls);
    let usual = match tls {
        SmtpTls::None => 25,
        SmtpTls::Starttls => 587,
        SmtpTls::Implicit => 465,
    };
    let port = table.number("port", 1..=65_535, "the port").unwrap_or(usual);
    let username = table.text("username", "the account at the server");
    let password = table.text("password", "its password");
    if username.is_some() != password.is_some() {
        table.wrong(table.line(), "username", "goes with password; write both or none");
    }
    let from = table.text("from", "an address such as \"pbx@pbx.example\"");
    let from = checked(&table, "from", from, |text| {
        let good = text.parse::<lettre::Address>().is_ok();
        let wrong = || format!("\"{text}\" is no mail address; write e.g. \"pbx@pbx.example\"");
        good.then(|| text.to_owned()).ok_or_else(wrong)
    });
    if server.is_some() && from.is_none() {
        table.require("from", "an address such as \"pbx@pbx.example\"");
    }
    table.finish();
    let account = username.zip(password);
    let account =
        account.map(|(name, password)| (name.value.to_owned(), Secret::new(password.value)));
    Some(Smtp { server: server?, port, tls, account, from: from? })
}
