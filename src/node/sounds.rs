//! Prompts that came over HTTP: files below the recordings directory, since the sounds directory may be read-only.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use ::media::order::{RECORDED, UPLOADED};
use ::media::wav::Prompt;
use bytes::Bytes;
use tokio::sync::Semaphore;

use super::gateway::Gateway;
use super::speech;
use crate::api::gateway::Later;
use crate::api::sounds::{ALL, KeptSound, LARGEST, MOST, SoundError, Sounds};

impl Sounds for Gateway {
    fn keep_sound(&self, tenant: &str, wav: Bytes) -> Later<'_, Result<KeptSound, SoundError>> {
        let (folder, tenant) = (self.recordings().to_path_buf(), tenant.to_owned());
        Box::pin(beside(move || keep(&folder, &tenant, &wav)))
    }

    fn speak(&self, text: &str) -> Later<'_, Result<Bytes, SoundError>> {
        let running = &self.shared.reload.running;
        let running = running.lock().unwrap_or_else(PoisonError::into_inner);
        let (command, text) = (running.speech.clone(), text.to_owned());
        drop(running);
        let speakers = Arc::clone(&self.shared.speakers);
        Box::pin(in_turn(speakers, move || speech::speak(&command, &text)))
    }

    fn remove_sound(&self, tenant: &str, prompt: &str) -> Later<'_, Result<(), SoundError>> {
        let file = file_of(self.recordings(), tenant, prompt);
        Box::pin(beside(move || match file.map(fs::remove_file) {
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(()),
        }))
    }
}

/// When it is its turn. Work that has begun keeps its place until it has ended, also where nobody waits for it any more.
async fn in_turn<T: Send + 'static>(
    places: Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, SoundError> + Send + 'static,
) -> Result<T, SoundError> {
    let place = places.acquire_owned().await;
    let place = place.map_err(|error| SoundError::Failed(error.to_string()))?;
    let work = move || {
        let done = work();
        drop(place);
        done
    };
    beside(work).await
}

/// On a thread for work that waits.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SoundError> + Send + 'static,
) -> Result<T, SoundError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(SoundError::Failed(error.to_string())))
}

fn keep(recordings: &Path, tenant: &str, wav: &[u8]) -> Result<KeptSound, SoundError> {
    if wav.len() > LARGEST {
        return Err(SoundError::Unfit(format!("{} bytes, at most {LARGEST}", wav.len())));
    }
    let length_ms = match Prompt::read(wav) {
        Ok(prompt) => prompt.length_ms(),
        Err(error) => return Err(SoundError::Unfit(error.to_string())),
    };
    let folder = folder_of(recordings, tenant)
        .ok_or_else(|| SoundError::Failed("the tenant's id is no name of a folder".into()))?;
    fs::create_dir_all(&folder).map_err(failed)?;
    room(&folder, wav.len() as u64)?;
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| SoundError::Failed(error.to_string()))?;
    let name = hex::encode(random);
    write(&folder, &name, wav).map_err(failed)?;
    let prompt = format!("{RECORDED}{UPLOADED}{tenant}/{name}");
    Ok(KeptSound { prompt, bytes: wav.len() as u64, length_ms })
}

/// Whole on disk, or not there at all.
fn write(folder: &Path, name: &str, wav: &[u8]) -> io::Result<()> {
    let (unfinished, whole) =
        (folder.join(format!("{name}.part")), folder.join(format!("{name}.wav")));
    let written = File::create_new(&unfinished)
        .and_then(|mut file| file.write_all(wav).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&unfinished, &whole))
        .and_then(|()| File::open(folder)?.sync_all());
    if written.is_err() {
        // What is left of it counts against the tenant; nobody hears it.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

fn room(folder: &Path, more: u64) -> Result<(), SoundError> {
    let (mut files, mut bytes) = (0, more);
    for entry in fs::read_dir(folder).map_err(failed)? {
        files += 1;
        bytes += entry.and_then(|entry| entry.metadata()).map_err(failed)?.len();
    }
    if files >= MOST || bytes > ALL {
        let text = format!("a tenant has at most {MOST} sounds of {ALL} bytes together");
        return Err(SoundError::Full(text));
    }
    Ok(())
}

/// Where a tenant's files lie; `None` where its id would lead elsewhere.
fn folder_of(recordings: &Path, tenant: &str) -> Option<PathBuf> {
    let plain = !tenant.is_empty() && !tenant.starts_with('.') && !tenant.contains(['/', '\\']);
    plain.then(|| recordings.join(UPLOADED).join(tenant))
}

/// The file of a prompt, if it is one of the tenant's.
fn file_of(recordings: &Path, tenant: &str, prompt: &str) -> Option<PathBuf> {
    let own = prompt.strip_prefix(RECORDED)?.strip_prefix(UPLOADED)?;
    let name = own.strip_prefix(tenant)?.strip_prefix('/')?;
    let sound = name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some(folder_of(recordings, tenant)?.join(format!("{}.wav", sound.then_some(name)?)))
}

fn failed(error: io::Error) -> SoundError {
    SoundError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::sounds::PROMPTS;

    fn wav(rate: u32, samples: u32) -> Vec<u8> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut file = io::Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
        (0..samples).for_each(|_| writer.write_sample(5i16).unwrap());
        writer.finalize().unwrap();
        file.into_inner()
    }

    #[test]
    fn a_wav_is_kept_whole_and_its_own_tenant_removes_it() {
        let place = tempfile::tempdir().unwrap();
        let bytes = wav(8_000, 4_000);
        let kept = keep(place.path(), "demo", &bytes).unwrap();
        assert!(kept.prompt.starts_with(PROMPTS), "{}", kept.prompt);
        assert_eq!((kept.length_ms, kept.bytes), (500, bytes.len() as u64));
        let file = file_of(place.path(), "demo", &kept.prompt).unwrap();
        assert_eq!(fs::read(&file).unwrap(), bytes);
        assert_eq!(file_of(place.path(), "other", &kept.prompt), None);
        assert_eq!(file_of(place.path(), "dem", &kept.prompt), None);
        let climbing = format!("{RECORDED}{UPLOADED}demo/../../../../etc/passwd");
        assert_eq!(file_of(place.path(), "demo", &climbing), None);
        assert_eq!(file_of(place.path(), "demo", "music/hold"), None);
    }

    #[test]
    fn what_cannot_be_played_is_refused_and_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        for unfit in [Vec::new(), b"RIFFrubbish".to_vec(), wav(44_100, 10), wav(8_000, 0)] {
            let refused = keep(place.path(), "demo", &unfit);
            assert!(matches!(refused, Err(SoundError::Unfit(_))), "{refused:?}");
        }
        for tenant in ["", "..", "a/b"] {
            let refused = keep(place.path(), tenant, &wav(8_000, 1));
            assert!(matches!(refused, Err(SoundError::Failed(_))), "{refused:?}");
        }
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn one_speaks_after_the_other_though_its_client_has_gone() {
        let places = Arc::new(Semaphore::new(1));
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let (begun, begins) = tokio::sync::oneshot::channel();
        let first = in_turn(Arc::clone(&places), move || {
            let _ = begun.send(());
            let _ = ends.recv();
            Ok(1)
        });
        let client = tokio::spawn(first);
        begins.await.unwrap();
        client.abort();
        assert!(client.await.unwrap_err().is_cancelled());
        assert_eq!(places.available_permits(), 0, "it goes on speaking");
        let second = tokio::spawn(in_turn(Arc::clone(&places), || Ok(2)));
        end.send(()).unwrap();
        assert_eq!(second.await.unwrap().unwrap(), 2);
    }

    #[test]
    fn a_tenant_has_so_many_and_no_more() {
        let place = tempfile::tempdir().unwrap();
        let folder = folder_of(place.path(), "demo").unwrap();
        fs::create_dir_all(&folder).unwrap();
        (1..MOST).for_each(|n| fs::write(folder.join(n.to_string()), b"").unwrap());
        keep(place.path(), "demo", &wav(8_000, 1)).unwrap();
        let refused = keep(place.path(), "demo", &wav(8_000, 1));
        assert!(matches!(refused, Err(SoundError::Full(_))), "{refused:?}");
        keep(place.path(), "other", &wav(8_000, 1)).unwrap();
    }
}
