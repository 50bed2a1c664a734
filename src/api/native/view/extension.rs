//! Extensions as they are shown and defined.

use serde::{Deserialize, Serialize};
use strowger_core::vocab::config::{DigestAlgorithm, Extension, RecordPolicy};
use strowger_core::vocab::define::{Entry, EntryView, ExtensionEntry};
use strowger_core::vocab::mailbox::Mailbox;
use strowger_core::vocab::supervise::Supervised;
use strowger_core::vocab::{ExtensionKey, MailboxKey, Secret};
use utoipa::ToSchema;

use crate::api::extract::Example;
use crate::api::native::check::Check;
use crate::api::native::entries::Shown;
use crate::api::problem::Problem;

/// An extension.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct ExtensionItem {
    /// Its number.
    #[schema(example = "4567")]
    number: String,
    /// `file` or `http`: who defined it.
    origin: &'static str,
    /// The SIP user: the tenant's prefix and the number.
    user: String,
    /// The SIP domain.
    domain: String,
    /// Contacts that are registered now.
    contacts: usize,
    /// A PIN opens its mailbox from other phones.
    has_voicemail_pin: bool,
    /// The password that was made for a new extension; shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::api::native) password: Option<String>,
    /// Its definition.
    #[serde(flatten)]
    definition: ExtensionBody,
}

/// What an extension is; the keys are those of `[[extension]]`.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::api::native) struct ExtensionBody {
    /// SIP password, at most 128 bytes. Never shown.
    #[serde(skip_serializing)]
    #[schema(write_only)]
    password: Option<String>,
    /// Shown to those it calls; the number unless said.
    name: String,
    /// Groups within which calls may be picked up.
    pickup_groups: Vec<String>,
    /// May pick up every call of the tenant by its number.
    pickup_any: bool,
    /// `never` (unless said), `always` or `on_demand`.
    #[schema(value_type = Option<String>, example = "never")]
    record: RecordPolicy,
    /// Classes of routes it may use; `["internal"]` unless said.
    classes: Option<Vec<String>>,
    /// Calls at a time, 0 to 1,000; 0 is unlimited.
    max_calls: u16,
    /// `MD5` (unless said) or `SHA-256`.
    #[schema(value_type = Option<String>, example = "MD5")]
    algorithm: DigestAlgorithm,
    /// Number shown to the outside: one of the tenant's numbers.
    caller_number: Option<String>,
    /// Codec preference; the general one unless said.
    codecs: Option<Vec<String>>,
    /// How long it rings, 1 to 600 seconds; the general time unless said.
    ring_secs: Option<u32>,
    /// Whose calls it may supervise: `*`, names of groups, `queue:NUMBER`.
    supervises: Vec<String>,
    /// Has a mailbox.
    voicemail: bool,
    /// 4 to 16 digits that open the mailbox from other phones; an empty text takes the present one away. Never shown.
    #[serde(skip_serializing)]
    #[schema(write_only)]
    voicemail_pin: Option<String>,
    /// Who is told of messages: up to 10 mail addresses with commas.
    voicemail_mailto: String,
    /// The WAV goes with the mail; true unless said.
    voicemail_attach: Option<bool>,
    /// Numbers of other mailboxes that it may watch.
    watch_mailboxes: Vec<String>,
}

impl Example for ExtensionBody {
    const EXAMPLE: &'static str =
        r#"{"name": "Alice", "classes": ["internal", "national"], "voicemail": true}"#;
}

impl Shown for ExtensionItem {
    fn of(view: EntryView) -> Option<Self> {
        let EntryView { entry, from_file, account, .. } = view;
        let ExtensionEntry { extension, mailbox, watch_mailboxes } = entry.into_extension()?;
        let account = account.unwrap_or_default();
        Some(Self {
            number: extension.key.number.clone(),
            origin: if from_file { "file" } else { "http" },
            user: account.user,
            domain: account.domain,
            contacts: account.contacts,
            has_voicemail_pin: mailbox.as_ref().is_some_and(|own| own.pin.is_some()),
            password: None,
            definition: ExtensionBody::of(extension, mailbox, watch_mailboxes),
        })
    }
}

impl ExtensionBody {
    fn of(own: Extension, mailbox: Option<Mailbox>, watch_mailboxes: Vec<String>) -> Self {
        let supervises = own.supervises.iter().map(ToString::to_string).collect();
        Self {
            password: None,
            name: own.name,
            pickup_groups: own.pickup_groups,
            pickup_any: own.pickup_any,
            record: own.record,
            classes: Some(own.classes),
            max_calls: own.max_calls,
            algorithm: own.algorithm,
            caller_number: own.caller_number,
            codecs: own.codecs,
            ring_secs: own.ring_secs,
            supervises,
            voicemail: mailbox.is_some(),
            voicemail_pin: None,
            voicemail_attach: Some(mailbox.as_ref().is_none_or(|own| own.attach)),
            voicemail_mailto: mailbox.map(|own| own.mailto).unwrap_or_default(),
            watch_mailboxes,
        }
    }

    /// The definition of the extension `key`. What the switch checks is not checked here.
    ///
    /// # Errors
    /// 422 with everything that is wrong.
    pub(in crate::api::native) fn define(self, key: ExtensionKey) -> Result<Entry, Problem> {
        let mut check = Check::default();
        if self.password.as_ref().is_some_and(String::is_empty) {
            check.wrong("password", "is empty; write one, or leave it out to have one made");
        }
        if !self.voicemail && (self.voicemail_pin.is_some() || !self.voicemail_mailto.is_empty()) {
            check.wrong("voicemail", "is not true; write it, or leave out what belongs to it");
        }
        let mut supervises = Vec::new();
        for text in &self.supervises {
            match Supervised::parse(text) {
                Some(whom) => supervises.push(whom),
                None => check.wrong(
                    "supervises",
                    format!("\"{text}\"; write *, the name of a group or queue:NUMBER"),
                ),
            }
        }
        let mailbox = self.voicemail.then(|| Mailbox {
            key: MailboxKey { tenant: key.tenant.clone(), number: key.number.clone() },
            pin: self.voicemail_pin.map(Secret::new),
            mailto: self.voicemail_mailto,
            attach: self.voicemail_attach.unwrap_or(true),
        });
        let extension = Extension {
            password: self.password.map(Secret::new).unwrap_or_default(),
            name: if self.name.is_empty() { key.number.clone() } else { self.name },
            pickup_groups: self.pickup_groups,
            pickup_any: self.pickup_any,
            record: self.record,
            classes: self.classes.unwrap_or_else(|| vec!["internal".into()]),
            max_calls: self.max_calls,
            algorithm: self.algorithm,
            caller_number: self.caller_number,
            codecs: self.codecs,
            ring_secs: self.ring_secs,
            supervises,
            key,
        };
        let watch_mailboxes = self.watch_mailboxes;
        let entry = ExtensionEntry { extension, mailbox, watch_mailboxes };
        check.finish(Entry::Extension(Box::new(entry)))
    }
}
