//! The parts of the configuration that the shell keeps for itself.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use sip::Transport;
use strowger_core::vocab::{Role, Secret, TenantId};

use super::regions::Regions;

/// Everything outside the switch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Shell {
    /// `sip.listen`.
    pub listen: Vec<Listen>,
    /// `[sip]`: bounds of stream connections.
    pub streams: Streams,
    /// `[media]`.
    pub media: MediaPorts,
    /// `http.listen`; `None` serves no HTTP.
    pub http: Option<SocketAddr>,
    /// `[http]`: bounds.
    pub http_bounds: HttpBounds,
    /// `http.proxies`: who says who came to it.
    pub http_proxies: Vec<IpAddr>,
    /// `[webhooks]`.
    pub webhooks: Webhooks,
    /// `webhooks.ca_file`: authorities that are trusted beside the system's, in PEM.
    pub ca_file: Option<PathBuf>,
    /// `speech.command`: reads a text and writes WAV; empty where nothing is spoken.
    pub speech: Vec<String>,
    /// `[store]`.
    pub store: StoreFile,
    /// `recordings.directory`.
    pub recordings: PathBuf,
    /// `[recordings]`: how long and how much is kept.
    pub retention: Retention,
    /// `sounds.directory`.
    pub sounds: PathBuf,
    /// `shutdown.drain_secs`: how long calls may go on after SIGTERM.
    pub drain_secs: u32,
    /// `[log]`.
    pub log: Log,
    /// `dns.servers`; empty uses the system's.
    pub dns_servers: Vec<SocketAddr>,
    /// `[[tenant.api_key]]` of all tenants.
    pub api_keys: Vec<ApiKey>,
    /// `[smtp]`; `None` sends no mail.
    pub smtp: Option<Smtp>,
    /// `[[operator]]`.
    pub operators: Vec<Operator>,
    /// The ids by which the dialects name tenants.
    pub dialect_ids: Vec<DialectIds>,
    /// `regions.file`: the provinces and cities of telephone numbers.
    pub regions: Arc<Regions>,
    /// `[[disposition]]`: names by tenant.
    pub dispositions: Vec<(TenantId, String)>,
}

/// Bounds of the HTTP surface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpBounds {
    /// Requests a second of one key, on average; 0 is no limit.
    pub requests_per_second: u32,
    /// Connections at a time.
    pub max_connections: u32,
    /// Event streams and WebSockets of one tenant at a time.
    pub max_streams: u32,
}

impl Default for HttpBounds {
    fn default() -> Self {
        Self { requests_per_second: 1_000, max_connections: 4_096, max_streams: 1_024 }
    }
}

/// Requests of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Webhooks {
    /// Whether they may go to loopback, private and link-local addresses.
    pub allow_private: bool,
    /// How long a delivery is tried again, in seconds.
    pub give_up_secs: u32,
    /// Until an answer is read, in seconds.
    pub timeout_secs: u32,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self { allow_private: false, give_up_secs: 3_600, timeout_secs: 10 }
    }
}

/// What is kept of recordings; 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Files of recordings that began longer ago are removed.
    pub max_age_days: u32,
    /// Files are removed, the oldest first, until no more are left than so many GB (10^9 bytes).
    pub max_gb: u32,
}

/// The mail server that takes our mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smtp {
    /// Its name; the name that its certificate must have.
    pub server: String,
    /// Where it listens.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// Name and password there, where it wants them.
    pub account: Option<(String, Secret)>,
    /// Our own address.
    pub from: String,
}

/// How a connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpTls {
    /// Not at all.
    None,
    /// By STARTTLS (RFC 3207), without which nothing is sent.
    Starttls,
    /// From the first byte (RFC 8314).
    Implicit,
}

/// One SIP listen address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// What is spoken there.
    pub transport: Transport,
    /// Where; port 0 takes any.
    pub address: SocketAddr,
}

/// Bounds of SIP over streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    /// Connections at a time, all listeners together.
    pub max_connections: u32,
    /// Connections at a time from one address.
    pub max_per_address: u32,
    /// A connection without a message or keep-alive for so long is closed, in seconds.
    pub idle_secs: u32,
}

impl Default for Streams {
    fn default() -> Self {
        Self { max_connections: 10_000, max_per_address: 500, idle_secs: 3_900 }
    }
}

/// Where RTP comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaPorts {
    /// Addresses to bind: one, or one of each family.
    pub addresses: Vec<IpAddr>,
    /// First and last port.
    pub ports: (u16, u16),
    /// Threads; 0 is one per processor, less the one that the switch runs on.
    pub workers: u16,
    /// Port pairs that each worker keeps bound ahead of demand.
    pub spare: u16,
}

impl Default for MediaPorts {
    fn default() -> Self {
        let addresses = vec![IpAddr::from([127, 0, 0, 1])];
        Self { addresses, ports: (16_384, 32_767), workers: 0, spare: 64 }
    }
}

/// The database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreFile {
    /// The database file.
    pub path: PathBuf,
    /// Key that seals secrets in the database; made at first start, mode 0600. Beside the database unless said.
    pub key_file: PathBuf,
}

impl Default for StoreFile {
    fn default() -> Self {
        Self { path: "var/strowger.db".into(), key_file: "var/strowger.key".into() }
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Form.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Human, level: "info".into() }
    }
}

/// One key to the HTTP surface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Whose.
    pub tenant: TenantId,
    /// Its name, for the audit log.
    pub name: String,
    /// The bearer token.
    pub token: Secret,
    /// What it may do.
    pub role: Role,
    /// The extension that a `user` key stands for, or the phone of the agent of an `agent` key.
    pub extension: Option<String>,
    /// The agent that an `agent` key stands for.
    pub agent: Option<String>,
}

/// Somebody who may create tenants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// Account id.
    pub sid: String,
    /// Its token.
    pub auth_token: Secret,
}

/// Names that the dialects give to a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialectIds {
    /// The tenant.
    pub tenant: TenantId,
    /// `cti_app_id`.
    pub cti_app_id: Option<String>,
    /// `ringme_client_id`.
    pub ringme_client_id: Option<String>,
    /// `ringcx_account_id`.
    pub ringcx_account_id: Option<String>,
}
