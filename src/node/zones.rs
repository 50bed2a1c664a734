//! Keeps the tenants' midnights where their time zones have them.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use strowger_core::vocab::Input;

use super::clock::wall_ms;
use super::gateway::Shared;
use crate::config::zone;

/// Clocks change on whole minutes.
const EVERY: Duration = Duration::from_secs(60);

/// Gives the switch the same configuration with new offsets when a zone's offset has changed; ends with the process.
pub(super) async fn follow(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let _turn = shared.reload.turn.lock().await;
        let mut core = shared.reload.core.lock().unwrap_or_else(PoisonError::into_inner);
        if zone::keep_in_step(&mut core, wall_ms()) {
            tracing::info!("a time zone has another offset now");
            shared.mailbox.post_always(Input::Reload(Box::new(core.clone())));
        }
    }
}
