//! Tenants as operators define them: those of the file, and those that are made over HTTP.

use std::fmt;

use serde::{Deserialize, Serialize};
use strowger_core::vocab::{CommandError, TenantId};
use utoipa::ToSchema;

use super::extract::Example;
use super::gateway::Later;
use super::keep::{Keep, KeepError};

/// Tenants that may be made over HTTP.
pub const MAX_TENANTS: usize = 1_000;

/// What defines a tenant: the keys of `[[tenant]]` in the configuration, but its keys to this surface.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TenantDefinition {
    /// Digits before an extension's number in its SIP user name; may be left out where there is a `domain`. No two tenants
    /// have the same.
    #[schema(example = "9031046856")]
    pub prefix: Option<String>,
    /// A SIP domain of its own, in which the bare number is enough.
    pub domain: Option<String>,
    /// IANA time zone; UTC unless said.
    pub timezone: Option<String>,
    /// Folder of prompts below the sounds directory; `en` unless said.
    pub language: Option<String>,
    /// For numbers as +E.164, such as `86`.
    pub country_code: Option<String>,
    /// Numbers that pass every limit, leave by any trunk and raise an event.
    pub emergency: Option<Vec<String>>,
    /// A number where parked callers go whom nobody took.
    pub park_to: Option<String>,
    /// Its admins may define trunks over HTTP though other tenants share the switch.
    pub own_trunks: Option<bool>,
    /// The `AppId` by which clients of the CTI cloud name it; its id unless said.
    pub cti_app_id: Option<String>,
    /// The `client_id` by which RingMe's clients name it; its id unless said.
    pub ringme_client_id: Option<String>,
    /// The account by which RingCX's clients name it; its id unless said.
    pub ringcx_account_id: Option<String>,
    /// How long an offer rings, in seconds, where neither agent nor queue says otherwise.
    pub call_timeout: Option<u32>,
    /// An agent's pause after an unanswered offer, in seconds, likewise.
    pub no_answer_delay_time: Option<u32>,
    /// ... after a busy phone.
    pub busy_delay_time: Option<u32>,
    /// ... after a refusal.
    pub reject_delay_time: Option<u32>,
    /// ... after a conversation.
    pub wrap_up_time: Option<u32>,
}

impl Example for TenantDefinition {
    const EXAMPLE: &'static str = r#"{"prefix": "9031046856", "timezone": "Asia/Shanghai"}"#;
}

/// A tenant, and who defined it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantView {
    /// Names it.
    pub id: TenantId,
    /// With every default filled in.
    pub definition: TenantDefinition,
    /// When it was made over HTTP, milliseconds since the Unix epoch; `None` for those of the file.
    pub made_at: Option<u64>,
    /// Why it has no effect: what the file has taken of it.
    pub waits: Option<String>,
}

/// Why a tenant is not made, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TenancyError {
    /// There is no such tenant.
    Unknown,
    /// The definition makes no sense.
    Wrong(String),
    /// It contradicts what there is.
    Conflict(String),
    /// The store does not keep it.
    Keep(KeepError),
    /// The switch refuses.
    Refused(CommandError),
}

impl fmt::Display for TenancyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("there is no such tenant"),
            Self::Wrong(why) | Self::Conflict(why) => f.write_str(why),
            Self::Keep(error) => error.fmt(f),
            Self::Refused(error) => write!(f, "{error:?}"),
        }
    }
}

/// The part of the gateway that knows tenants. Whoever may use it is for the surface to see to.
pub trait Tenancy: Send + Sync {
    /// All tenants, by id.
    fn all_tenants(&self) -> Vec<TenantView>;

    /// Makes a tenant, or changes all of one that was made so; answered when it is on disk and in force. Calls go on.
    /// `with` are documents of the tenant's that are on disk before it exists. True where it is new.
    fn put_tenant(
        &self,
        id: &str,
        definition: TenantDefinition,
        with: Vec<Keep>,
    ) -> Later<'_, Result<bool, TenancyError>>;

    /// Removes a tenant that was made over HTTP and has no calls, with everything that it has; answered when nothing of it is
    /// on disk or to be had any more. Whoever calls it holds [`Keyring::writing`](super::keyring::Keyring).
    fn remove_tenant(&self, id: &str) -> Later<'_, Result<(), TenancyError>>;
}
