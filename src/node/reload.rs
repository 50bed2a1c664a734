//! A new configuration while running: checked whole, then given to the switch in one input.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use strowger_core::vocab::Config;

use super::gateway::Shared;
use super::keys;
use super::tenancy::{self, Made};
use crate::config::{self, Loaded, Problems, Shell};

/// What a reload needs to know.
#[derive(Debug)]
pub(super) struct Reload {
    /// The file.
    pub(super) file: PathBuf,
    /// What is in force outside the switch.
    pub(super) running: Mutex<Shell>,
    /// What the switch works with.
    pub(super) core: Mutex<Config>,
    /// Tenants made over HTTP, which are in both where the file leaves room for them.
    pub(super) made: Mutex<Made>,
    /// One at a time.
    pub(super) turn: tokio::sync::Mutex<()>,
}

/// Why nothing has changed.
#[derive(Debug)]
pub enum ReloadError {
    /// The file is wrong.
    Problems(Problems),
    /// It changes what cannot change while running: the names of the keys.
    Fixed(Vec<&'static str>),
    /// The process cannot do it.
    Failed(String),
}

impl std::fmt::Display for ReloadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Problems(problems) => problems.fmt(f),
            Self::Fixed(keys) => {
                write!(f, "{} can only change with a restart; nothing was changed", keys.join(", "))
            }
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for ReloadError {}

pub(super) async fn reload(shared: &Arc<Shared>) -> Result<(), ReloadError> {
    let _turn = shared.reload.turn.lock().await;
    let file = shared.reload.file.clone();
    let task = tokio::task::spawn_blocking(move || config::load(&file));
    let loaded = task
        .await
        .map_err(|error| ReloadError::Failed(error.to_string()))?
        .map_err(ReloadError::Problems)?;
    let fixed = {
        let running = shared.reload.running.lock().unwrap_or_else(PoisonError::into_inner);
        fixed(&running, &loaded.shell)
    };
    if !fixed.is_empty() {
        return Err(ReloadError::Fixed(fixed));
    }
    // From here on nothing can fail.
    shared.keyring.replace_file(keys::of_file(&loaded));
    let Loaded { mut core, mut shell, warnings } = loaded;
    for warning in warnings {
        tracing::warn!(line = warning.line, "{}", warning.text);
    }
    let mut made = shared.reload.made.lock().unwrap_or_else(PoisonError::into_inner);
    made.join(&mut core, &mut shell);
    drop(made);
    shared.webhooks.allow_private(shell.webhooks.allow_private);
    tenancy::hold(shared, core, shell);
    Ok(())
}

/// The keys that differ and belong to sockets, threads and files that stay as they are.
fn fixed(running: &Shell, wanted: &Shell) -> Vec<&'static str> {
    [
        ("sip.listen", running.listen != wanted.listen),
        (
            "sip.max_connections, sip.max_connections_per_address, sip.stream_idle_secs",
            running.streams != wanted.streams,
        ),
        ("media.address, media.ports, media.workers", running.media != wanted.media),
        ("http.listen", running.http != wanted.http),
        (
            "http.requests_per_second, http.max_connections, http.max_streams_per_tenant",
            running.http_bounds != wanted.http_bounds,
        ),
        ("http.proxies", running.http_proxies != wanted.http_proxies),
        ("smtp", running.smtp != wanted.smtp),
        ("store", running.store != wanted.store),
        ("recordings.directory", running.recordings != wanted.recordings),
        ("sounds.directory", running.sounds != wanted.sounds),
        ("log", running.log != wanted.log),
        ("webhooks.ca_file", running.ca_file != wanted.ca_file),
        ("dns.servers", running.dns_servers != wanted.dns_servers),
    ]
    .into_iter()
    .filter(|(_, differs)| *differs)
    .map(|(key, _)| key)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_sockets_and_files_is_fixed() {
        let running = Shell::default();
        assert!(fixed(&running, &Shell { drain_secs: 9, ..Shell::default() }).is_empty());
        let ca_file = Some("ca.pem".into());
        let moved = Shell { sounds: "other".into(), http: None, ca_file, ..Shell::default() };
        assert_eq!(
            fixed(&Shell { http: Some(([127, 0, 0, 1], 1).into()), ..running }, &moved),
            ["http.listen", "sounds.directory", "webhooks.ca_file"]
        );
    }
}
