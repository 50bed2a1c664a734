//! What ties a program on a mix's line to the worker that has the mix.

use std::sync::Arc;

use ::media::order::MixId;
use tokio::sync::broadcast;

use super::inbox::{Inbox, LineLetter};

/// Frames that wait for a program: a good second. A program that does not keep up misses the oldest. A power of two, since
/// the channel would make it one.
pub const WAITING: usize = 64;

/// Where the worker puts frames; never full, since the oldest make room.
pub type Hearer = broadcast::Sender<Arc<[u8]>>;

/// A program's end of its line. The worker forgets it when it is dropped.
#[derive(Debug)]
pub struct LineEnd {
    mouth: LineMouth,
    frames: broadcast::Receiver<Arc<[u8]>>,
    missed: u64,
}

/// The way on which a program speaks.
#[derive(Debug, Clone)]
pub struct LineMouth {
    mix: MixId,
    inbox: Arc<Inbox>,
}

impl LineEnd {
    pub(super) fn open(mix: MixId, inbox: Arc<Inbox>) -> Self {
        let (hearer, frames) = broadcast::channel(WAITING);
        inbox.line(mix, LineLetter::Open(hearer));
        Self { mouth: LineMouth { mix, inbox }, frames, missed: 0 }
    }

    /// One without a worker: nothing is heard, and what is said is lost.
    #[cfg(test)]
    pub fn loose(mix: MixId) -> Self {
        Self::open(mix, Arc::new(Inbox::new().expect("a descriptor is left")))
    }

    /// The next 20 ms of what is said: 16-bit PCM at 8 kHz. `None` when nothing more will come.
    pub async fn hear(&mut self) -> Option<Arc<[u8]>> {
        loop {
            match self.frames.recv().await {
                Ok(frame) => return Some(frame),
                Err(broadcast::error::RecvError::Lagged(missed)) => self.missed += missed,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// Frames that made room for later ones.
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// The way on which the program speaks.
    pub fn mouth(&self) -> LineMouth {
        self.mouth.clone()
    }
}

impl LineMouth {
    /// Says something: 16-bit PCM at 8 kHz.
    pub fn say(&self, pcm: Vec<u8>) {
        self.inbox.line(self.mix, LineLetter::Says(pcm));
    }

    /// Takes back what nobody has heard yet.
    pub fn hush(&self) {
        self.inbox.line(self.mix, LineLetter::Hush);
    }
}

impl Drop for LineEnd {
    fn drop(&mut self) {
        self.mouth.inbox.line(self.mouth.mix, LineLetter::Gone);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::super::inbox::Letter;
    use super::*;

    fn letters(inbox: &Inbox) -> VecDeque<Letter> {
        let mut letters = VecDeque::new();
        inbox.letters().take(&mut letters);
        letters
    }

    #[tokio::test]
    async fn a_program_that_does_not_keep_up_misses_the_oldest_frames() {
        let inbox = Arc::new(Inbox::new().unwrap());
        let mut line = LineEnd::open(MixId(3), Arc::clone(&inbox));
        let hearer = match letters(&inbox).pop_front() {
            Some(Letter::Line(MixId(3), LineLetter::Open(hearer))) => hearer,
            other => panic!("{other:?}"),
        };
        for n in 0..80_u8 {
            hearer.send(Arc::from([n])).unwrap();
        }
        let first = line.hear().await.unwrap();
        assert_eq!((first[0], line.missed()), (16, 16));
        line.mouth().say(vec![1, 2]);
        drop(line);
        let said: Vec<Letter> = letters(&inbox).into();
        assert!(
            matches!(
                &said[..],
                [Letter::Line(_, LineLetter::Says(pcm)), Letter::Line(_, LineLetter::Gone)] if pcm == &[1, 2]
            ),
            "{said:?}"
        );
        assert!(hearer.send(Arc::from([0])).is_err(), "nobody is there");
    }
}
