//! Recording on demand, and what of a conversation is left out of its recording.

use serde::{Deserialize, Serialize};

use super::CallId;

/// What somebody with the right wants of a conversation's recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingAction {
    /// Begin one.
    Start,
    /// Leave out what is said from now on.
    Pause,
    /// End the pause.
    Resume,
    /// End it.
    Stop,
}

/// An order about the recording of a live call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingOrder {
    /// Which call.
    pub call: CallId,
    /// What.
    pub action: RecordingAction,
}

/// Who had a recording begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BegunBy {
    /// The configuration of an extension or a queue.
    #[default]
    Policy,
    /// A party of the call.
    Party,
    /// A supervisor.
    Supervisor,
}

/// A part of a recording in which nothing was recorded; the file holds silence there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Where in the file it begins, in ms.
    pub from_ms: u64,
    /// Where it ends, in ms; `None` while it lasts, and where it lasted to the end.
    pub until_ms: Option<u64>,
}
