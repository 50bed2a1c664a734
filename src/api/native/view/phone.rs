//! Registrations.

use serde::Serialize;
use strowger_core::vocab::record::RegistrationView;
use utoipa::ToSchema;

/// A contact that an extension registered.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct RegistrationItem {
    /// The extension's number.
    number: String,
    /// Contact URI as registered.
    contact: String,
    /// How it is reached: `udp`, `tcp`, `tls`, `ws` or `wss`.
    transport: String,
    /// Where its packets really come from.
    source: String,
    /// Preference among the extension's contacts, 0 to 1.
    q: f32,
    /// What the phone says it is.
    user_agent: String,
    /// When it ends, ms since the Unix epoch.
    expires_at: u64,
    /// Answers OPTIONS; null before the first answer.
    reachable: Option<bool>,
    /// Round trip of the last OPTIONS, in microseconds.
    round_trip_us: Option<u32>,
}

impl From<RegistrationView> for RegistrationItem {
    fn from(view: RegistrationView) -> Self {
        let record = view.record;
        Self {
            number: record.extension.number,
            contact: record.contact,
            transport: record.flow.transport.to_string(),
            source: view.source.to_string(),
            q: f32::from(record.q) / 1_000.0,
            user_agent: record.user_agent,
            expires_at: record.expires_at,
            reachable: view.reachable,
            round_trip_us: view.round_trip_us,
        }
    }
}
