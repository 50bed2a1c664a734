//! Logs: for people or as JSON, to stderr.

use std::sync::Arc;
use std::time::Duration;

use strowger_core::vocab::record::{CallRecord, Party};
use strowger_core::vocab::{Event, EventKind};
use tracing_subscriber::filter::LevelFilter;

use crate::config::{Log, LogFormat};
use crate::node::events::{Followed, Ring};

/// Lines are written so late at most. The ring holds what a switch at its limit says in that time several times over.
const PAUSE: Duration = Duration::from_millis(50);

/// Starts logging. Only the first call of a process has an effect.
pub fn start(log: &Log) {
    let level = log.level.parse().unwrap_or(LevelFilter::INFO);
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_target(false);
    let started = match log.format {
        LogFormat::Human => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // A second start in one process, as in tests, goes on with the first one's settings.
    drop(started);
}

/// Writes a line for each event that people want to see, until the process ends: two for a call, none for a message.
/// After each look it waits for [`PAUSE`], so that a busy switch does not wake it for every event.
pub async fn follow(ring: Arc<Ring>) {
    let mut follower = ring.follow(None);
    while let Some(mut followed) = follower.next().await {
        loop {
            match followed {
                Followed::Event(event) => line(&event),
                Followed::Reset => tracing::warn!("events came faster than they could be logged"),
            }
            let Some(next) = follower.waiting() else { break };
            followed = next;
        }
        // Whether the time is over or the process is about to end: what has come meanwhile is written.
        let _ = tokio::time::timeout(PAUSE, ring.closed()).await;
    }
}

fn line(event: &Event) {
    match &event.kind {
        EventKind::CallStarted { call, caller, dialled, .. } => {
            tracing::info!(%call, from = %name(caller), to = %dialled, "call started");
        }
        EventKind::CallEnded { record } => ended(record),
        EventKind::TrunkUp { trunk } => tracing::info!(%trunk, "trunk is up"),
        EventKind::TrunkDown { trunk, reason } => tracing::warn!(%trunk, %reason, "trunk is down"),
        EventKind::EmergencyCall { call, caller, number, .. } => {
            tracing::warn!(%call, from = %name(caller), to = %number, "emergency call");
        }
        EventKind::AddressSilenced { address, until } => {
            tracing::warn!(%address, until, "address failed to authenticate too often, silenced");
        }
        EventKind::RecordingEnded { call, path, error: Some(error), .. } => {
            tracing::warn!(%call, %path, %error, "recording ended early");
        }
        EventKind::PromptFailed { call, prompt, why, .. } => {
            tracing::warn!(%call, %prompt, %why, "a prompt could not be played");
        }
        EventKind::VoicemailLeft { message } => {
            tracing::info!(call = %message.call, mailbox = %message.mailbox, "message left");
        }
        EventKind::Reloaded => tracing::info!("configuration loaded again"),
        other => tracing::debug!(event = ?other, "event"),
    }
}

fn ended(record: &CallRecord) {
    let end = record.end.as_ref();
    let talked = record.ended_at.zip(record.answered_at);
    tracing::info!(
        call = %record.call,
        from = %name(&record.caller),
        to = %name(&record.callee),
        cause = end.map_or("", |end| end.cause.as_str()),
        status = end.map_or(0, |end| end.sip_status),
        talked_ms = talked.map_or(0, |(ended, answered)| ended.saturating_sub(answered)),
        "call ended"
    );
}

fn name(party: &Party) -> String {
    match party {
        Party::Extension { extension, .. } => extension.to_string(),
        Party::Trunk { trunk, number, .. } => format!("{number}@{trunk}"),
        Party::Service { name } => name.clone(),
        Party::Nobody => "-".into(),
    }
}
