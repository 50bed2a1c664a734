//! Mail about messages in mailboxes, by SMTP (RFC 5321).
//!
//! [`Mailer::send`] makes one attempt and says how it ended; when the next one is due the switch knows.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use lettre::address::Envelope;
use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::AsyncSmtpTransportBuilder;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use strowger_core::vocab::mailbox::{Delivery, MailRecord, MessageRecord};

use crate::config::{Smtp, SmtpTls};

/// A server that says nothing for so long is not there.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The largest file that goes with a mail, in bytes: ten minutes of a message.
const LARGEST: u64 = 10 << 20;
/// Statuses by which a server refuses our account, not the mail (RFC 4954 section 6).
const ACCOUNT: [u16; 4] = [530, 534, 535, 538];

/// Hands mail to the server that is configured.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Address,
    recordings: PathBuf,
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer").field("from", &self.from).finish_non_exhaustive()
    }
}

impl Mailer {
    /// For a server; files are found below `recordings`.
    ///
    /// # Errors
    /// The address or the TLS settings cannot be used, in words.
    pub fn new(smtp: &Smtp, recordings: &Path) -> Result<Self, String> {
        let from: Address = smtp.from.parse().map_err(|error| format!("smtp.from: {error}"))?;
        let parameters = || {
            TlsParameters::new(smtp.server.clone()).map_err(|error| format!("smtp.tls: {error}"))
        };
        let tls = match smtp.tls {
            SmtpTls::None => Tls::None,
            SmtpTls::Starttls => Tls::Required(parameters()?),
            SmtpTls::Implicit => Tls::Wrapper(parameters()?),
        };
        let builder: AsyncSmtpTransportBuilder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&smtp.server);
        let mut builder = builder.port(smtp.port).tls(tls).timeout(Some(TIMEOUT));
        if let Some((name, password)) = &smtp.account {
            let password = password.expose().to_owned();
            builder = builder.credentials(Credentials::new(name.clone(), password));
        }
        Ok(Self { transport: builder.build(), from, recordings: recordings.to_path_buf() })
    }

    /// Makes one attempt for each address. Who got the mail gets it again, under the same Message-ID, when another
    /// address has to be tried again.
    pub async fn send(&self, mail: &MailRecord) -> Delivery {
        let mut worst = Delivery::Taken;
        for to in mail.to.split(',') {
            match (self.send_to(mail, to).await, &worst) {
                (Delivery::Taken, _) | (Delivery::Never(_), Delivery::Later(_)) => {}
                (other, _) => worst = other,
            }
        }
        worst
    }

    async fn send_to(&self, mail: &MailRecord, to: &str) -> Delivery {
        let to: Address = match to.trim().parse() {
            Ok(to) => to,
            Err(error) => return Delivery::Never(format!("{to}: {error}")),
        };
        let envelope = Envelope::new(Some(self.from.clone()), vec![to.clone()]);
        let message = self.compose(mail, to).await;
        let (envelope, message) = match envelope
            .map_err(|error| error.to_string())
            .and_then(|envelope| Ok((envelope, message.map_err(|error| error.to_string())?)))
        {
            Ok(both) => both,
            Err(error) => return Delivery::Never(error),
        };
        match self.transport.send_raw(&envelope, &message.formatted()).await {
            Ok(_) => Delivery::Taken,
            Err(error) => {
                let status = error.status().map(u16::from);
                let account = status.is_some_and(|status| ACCOUNT.contains(&status));
                let text = error.to_string();
                if error.is_permanent() && !account {
                    Delivery::Never(text)
                } else {
                    Delivery::Later(text)
                }
            }
        }
    }

    async fn compose(
        &self,
        mail: &MailRecord,
        to: Address,
    ) -> Result<Message, lettre::error::Error> {
        let about = &mail.message;
        let caller = caller(about);
        let builder = Message::builder()
            .from(Mailbox::new(Some("Voicemail".to_owned()), self.from.clone()))
            .to(Mailbox::new(None, to))
            .message_id(Some(format!("<{}.voicemail@{}>", mail.id, self.from.domain())))
            .subject(format!("Message from {caller} ({})", length(about.length_ms)));
        let text = SinglePart::plain(self.text(mail, &caller));
        let sound = if mail.attach { self.sound(about).await } else { None };
        match sound {
            Some(sound) => {
                let name = format!("{}.wav", about.id);
                let kind = ContentType::parse("audio/wav").unwrap_or(ContentType::TEXT_PLAIN);
                let file = Attachment::new(name).body(sound, kind);
                builder.multipart(MultiPart::mixed().singlepart(text).singlepart(file))
            }
            None => builder.singlepart(text),
        }
    }

    fn text(&self, mail: &MailRecord, caller: &str) -> String {
        let about = &mail.message;
        let urgent = if about.urgent { "The caller says that it is urgent.\n" } else { "" };
        format!(
            "{caller} left a message in mailbox {}.\n\n\
             When: {}\n\
             Length: {}\n\
             {urgent}",
            about.mailbox.number,
            when(about.at, &mail.timezone),
            length(about.length_ms),
        )
    }

    /// The file, unless it is gone or too large: the mail goes without it then.
    async fn sound(&self, about: &MessageRecord) -> Option<Vec<u8>> {
        let path = self.recordings.join(&about.path);
        let size = tokio::fs::metadata(&path).await.ok()?.len();
        if size > LARGEST {
            return None;
        }
        tokio::fs::read(&path).await.ok()
    }
}

/// Who called, for people.
fn caller(about: &MessageRecord) -> String {
    let clean = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
    match (about.name.as_str(), about.number.as_str()) {
        ("", "") => "an unknown caller".to_owned(),
        ("", number) => clean(number),
        (name, "") => clean(name),
        (name, number) => format!("{} ({})", clean(name), clean(number)),
    }
}

/// `1:05`.
fn length(millis: u64) -> String {
    let secs = millis.div_ceil(1_000);
    format!("{}:{:02}", secs / 60, secs % 60)
}

/// The moment as the clock on the wall there showed it.
fn when(at: u64, timezone: &str) -> String {
    let at = i64::try_from(at).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
    let zone = TimeZone::get(timezone).unwrap_or(TimeZone::UTC);
    at.map_or_else(String::new, |at| {
        at.to_zoned(zone).strftime("%A, %-d %B %Y, %H:%M (%Z)").to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_times_are_for_people() {
        assert_eq!(length(0), "0:00");
        assert_eq!(length(4_100), "0:05");
        assert_eq!(length(125_000), "2:05");
        let shown = when(1_795_186_800_000, "Europe/Berlin");
        assert_eq!(shown, "Friday, 20 November 2026, 16:00 (CET)");
        assert!(when(1_795_186_800_000, "Mars/Olympus").ends_with("15:00 (UTC)"));
    }
}
