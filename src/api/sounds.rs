//! Prompts that come over HTTP: checked, kept on disk, and played wherever a prompt may be named.

use std::fmt;

use bytes::Bytes;

use super::gateway::Later;

/// Prompts of one tenant.
pub const MOST: usize = 500;
/// Bytes of a file: ten minutes of 16 kHz and some more.
pub const LARGEST: usize = 20 << 20;
/// Bytes of all files of one tenant.
pub const ALL: u64 = 1 << 30;

/// How the names of these prompts begin.
pub const PROMPTS: &str = "recorded:sounds/";

/// A prompt that is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSound {
    /// The name under which queues and menus play it.
    pub prompt: String,
    /// Size of its file.
    pub bytes: u64,
    /// Length.
    pub length_ms: u64,
}

/// Why a prompt was not kept, or not removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SoundError {
    /// It cannot be played; says what would be right.
    Unfit(String),
    /// The tenant has as much as it may.
    Full(String),
    /// The disk refuses; the reason is for the log.
    Failed(String),
}

impl fmt::Display for SoundError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unfit(why) | Self::Full(why) | Self::Failed(why) => f.write_str(why),
        }
    }
}

/// The part of the gateway that keeps prompts.
pub trait Sounds: Send + Sync {
    /// Keeps a WAV file (mono, 16 bits, 8 or 16 kHz) of a tenant under a new name; answers when it is on disk.
    fn keep_sound(&self, tenant: &str, wav: Bytes) -> Later<'_, Result<KeptSound, SoundError>>;

    /// A text as speech, in a WAV file that [`keep_sound`](Self::keep_sound) takes.
    fn speak(&self, text: &str) -> Later<'_, Result<Bytes, SoundError>>;

    /// Removes what [`keep_sound`](Self::keep_sound) kept for this tenant; does no harm where it is gone.
    fn remove_sound(&self, tenant: &str, prompt: &str) -> Later<'_, Result<(), SoundError>>;
}
