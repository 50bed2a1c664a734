//! Prompts from disk: one thread reads and encodes them, once for all workers.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use ::media::order::{CodecKind, RECORDED, UPLOADED};
use ::media::player::{EncodedPrompt, PromptCache};
use ::media::session::PromptKey;
use ::media::wav::Prompt;
use crossbeam_channel::{Receiver, Sender, bounded};
use strowger_core::vocab::values;

use super::inbox::{Inbox, Letter};

/// Prompts that may wait to be loaded.
const CAPACITY: usize = 1_024;
/// Memory for encoded prompts, in bytes; the workers share what is here.
const CACHE: usize = 64 << 20;
/// Longest file: ten minutes of 16 kHz and some more.
const LONGEST_FILE: u64 = 32 << 20;

struct Wish {
    worker: u16,
    key: PromptKey,
}

/// A worker's way to the loader.
#[derive(Clone)]
pub struct Librarian {
    worker: u16,
    wishes: Sender<Wish>,
}

impl Librarian {
    /// Asks for a prompt; it comes by the inbox.
    ///
    /// # Errors
    /// Says why when too many wait.
    pub fn ask(&self, key: PromptKey) -> Result<(), (PromptKey, String)> {
        let wish = Wish { worker: self.worker, key };
        self.wishes
            .try_send(wish)
            .map_err(|full| (full.into_inner().key, "too many prompts are loading".to_owned()))
    }
}

/// The loader thread.
pub struct Loader {
    wishes: Sender<Wish>,
    thread: JoinHandle<()>,
}

impl std::fmt::Debug for Loader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Loader").finish_non_exhaustive()
    }
}

impl Loader {
    /// Starts the thread. Names are sought below `sounds`, or below `recordings` where they say so.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(
        sounds: PathBuf,
        recordings: PathBuf,
        inboxes: Vec<Arc<Inbox>>,
    ) -> io::Result<Self> {
        let (wishes, received) = bounded(CAPACITY);
        let mut shelf = Shelf { sounds, recordings, cache: PromptCache::new(CACHE) };
        let thread = std::thread::Builder::new()
            .name("prompts".into())
            .spawn(move || serve(&mut shelf, &inboxes, &received))?;
        Ok(Self { wishes, thread })
    }

    /// A worker's way here.
    pub fn librarian(&self, worker: u16) -> Librarian {
        Librarian { worker, wishes: self.wishes.clone() }
    }

    /// Waits for the thread; all workers have ended.
    pub fn finish(self) {
        drop(self.wishes);
        // A loader that failed has nothing to lose.
        let _ = self.thread.join();
    }
}

fn serve(shelf: &mut Shelf, inboxes: &[Arc<Inbox>], wishes: &Receiver<Wish>) {
    for Wish { worker, key } in wishes {
        let prompt = shelf.get(&key);
        if let Some(inbox) = inboxes.get(usize::from(worker)) {
            // One per wish, so it always fits.
            inbox.answer(Letter::Prompt(key, prompt));
        }
    }
}

struct Shelf {
    sounds: PathBuf,
    recordings: PathBuf,
    cache: PromptCache,
}

impl Shelf {
    fn get(&mut self, key: &PromptKey) -> Result<Arc<EncodedPrompt>, String> {
        if let Some(prompt) = self.cache.get(&key.name, key.codec) {
            return Ok(prompt);
        }
        let recorded = key.name.strip_prefix(RECORDED);
        let (folder, name) = match recorded {
            Some(name) if !values::stays_below(name) => {
                return Err("the name leads out of the recordings directory".into());
            }
            Some(name) => (&self.recordings, name),
            None => (&self.sounds, key.name.as_str()),
        };
        let prompt = Arc::new(load(folder, name, key.codec)?);
        if recorded.is_some_and(|name| !name.starts_with(UPLOADED)) {
            // Heard once or twice, and then deleted perhaps: not worth the memory, and not to be kept.
            return Ok(prompt);
        }
        if self.cache.insert(&key.name, Arc::clone(&prompt)).is_err() {
            self.cache.clear();
            // Larger than everything: it is not kept.
            let _ = self.cache.insert(&key.name, Arc::clone(&prompt));
        }
        Ok(prompt)
    }
}

fn load(folder: &Path, name: &str, codec: CodecKind) -> Result<EncodedPrompt, String> {
    let name = Path::new(name);
    let climbs = name.components().any(|part| part == Component::ParentDir);
    if climbs || name.as_os_str().is_empty() {
        return Err("the name leads out of the sounds directory".into());
    }
    // Joining an absolute path yields that path.
    let mut file = folder.join(name).into_os_string();
    if name.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("wav")) {
        file.push(".wav");
    }
    // The name is told beside it; where the folder lies on the disk is no client's business.
    let told = |error: io::Error| error.to_string();
    let length = std::fs::metadata(&file).map_err(told)?.len();
    if length > LONGEST_FILE {
        return Err(format!("{length} bytes are too long for a prompt"));
    }
    let bytes = std::fs::read(&file).map_err(told)?;
    let prompt = Arc::new(Prompt::read(&bytes).map_err(|error| error.to_string())?);
    EncodedPrompt::encode(&prompt, codec).ok_or_else(|| format!("{codec:?} cannot be encoded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path) {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut writer = hound::WavWriter::create(path, spec).unwrap();
        (0..800).for_each(|_| writer.write_sample(5i16).unwrap());
        writer.finalize().unwrap();
    }

    #[test]
    fn what_was_recorded_is_sought_below_its_folder_only() {
        let place = tempfile::tempdir().unwrap();
        let folder = |name: &str| place.path().join(name);
        write(&folder("recordings/demo/greeting.wav"));
        write(&folder("elsewhere/secret.wav"));
        let cache = PromptCache::new(CACHE);
        let mut shelf = Shelf { sounds: folder("sounds"), recordings: folder("recordings"), cache };
        let mut get = |name: &str| {
            let key = PromptKey { name: format!("{RECORDED}{name}"), codec: CodecKind::Pcmu };
            shelf.get(&key).map(|_| ())
        };
        assert_eq!(get("demo/greeting"), Ok(()));
        let outside = folder("elsewhere/secret").display().to_string();
        for name in [outside.as_str(), "../elsewhere/secret", "demo/../../elsewhere/secret", ""] {
            let refused = get(name).unwrap_err();
            assert!(refused.contains("leads out of the recordings directory"), "{name}: {refused}");
        }
    }
}
