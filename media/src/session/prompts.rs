//! Prompts in memory, and those that are on their way.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::order::CodecKind;
use crate::player::{EncodedPrompt, PLAYABLE, PromptCache};

/// Memory that encoded prompts may take, in bytes; when it is used up, all are forgotten and loaded anew.
const CACHE: usize = 64 << 20;

/// A prompt in one codec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptKey {
    /// Name below the sounds directory, or absolute path, without `.wav`.
    pub name: String,
    /// What it is encoded in.
    pub codec: CodecKind,
}

/// What is to be had of a list of prompts.
#[derive(Debug)]
pub(super) enum Supply {
    /// All of them.
    Ready(Vec<Arc<EncodedPrompt>>),
    /// Some are still loading; these are to be requested now.
    Loading(Vec<PromptKey>),
}

/// The prompts of one engine.
#[derive(Debug)]
pub(super) struct Prompts {
    cache: PromptCache,
    /// Requested and not there yet, with the codecs requested.
    loading: BTreeMap<String, Vec<CodecKind>>,
}

impl Default for Prompts {
    fn default() -> Self {
        Self { cache: PromptCache::new(CACHE), loading: BTreeMap::new() }
    }
}

impl Prompts {
    /// Looks for all `names`.
    pub fn supply(&mut self, names: &[String], codec: CodecKind) -> Supply {
        let mut ready = Vec::new();
        let mut missing = Vec::new();
        for name in names {
            match self.cache.get(name, codec) {
                Some(prompt) => ready.push(prompt),
                None => missing.extend(self.request(name, codec)),
            }
        }
        if ready.len() == names.len() { Supply::Ready(ready) } else { Supply::Loading(missing) }
    }

    fn request(&mut self, name: &str, codec: CodecKind) -> Option<PromptKey> {
        let codecs = self.loading.entry(name.to_owned()).or_default();
        if codecs.contains(&codec) {
            return None;
        }
        codecs.push(codec);
        Some(PromptKey { name: name.to_owned(), codec })
    }

    /// Takes what was requested.
    pub fn loaded(&mut self, key: &PromptKey, prompt: Option<Arc<EncodedPrompt>>) {
        if let Some(codecs) = self.loading.get_mut(&key.name) {
            codecs.retain(|codec| *codec != key.codec);
            if codecs.is_empty() {
                self.loading.remove(&key.name);
            }
        }
        if let Some(prompt) = prompt
            && self.cache.insert(&key.name, Arc::clone(&prompt)).is_err()
        {
            self.cache.clear();
            // A prompt that is larger than the whole cache is loaded for each playing.
            let _ = self.cache.insert(&key.name, prompt);
        }
    }

    /// Forgets all: the files may have changed.
    pub fn forget(&mut self) {
        self.cache.clear();
    }
}

/// Whether prompts can be had in a codec.
pub(super) fn playable(codec: CodecKind) -> bool {
    PLAYABLE.contains(&codec) && crate::codec::audio_rate(codec).is_some()
}
