//! What others hand to a worker.

use std::io;
use std::sync::Arc;

use ::media::order::{MixId, Order, RecordingId};
use ::media::player::EncodedPrompt;
use ::media::session::PromptKey;

use super::line::Hearer;
use crate::net::letters::Letters;

/// Orders that may wait for a worker. A worker takes hundreds a millisecond; a full queue means that it hangs.
pub const CAPACITY: usize = 16_384;

/// Letters about programs' lines wait behind so many others at most: orders come first.
const LINES: usize = CAPACITY / 4;

/// The worker's queue is full; nothing was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// Something for a worker.
#[derive(Debug)]
pub enum Letter {
    /// An order of the switch.
    Order(Order),
    /// A prompt that the worker asked for.
    Prompt(PromptKey, Result<Arc<EncodedPrompt>, String>),
    /// About the program on a mix's line.
    Line(MixId, LineLetter),
    /// The writer gave a recording up, and has reported it.
    RecordingFailed(RecordingId),
}

/// Something about a program's line.
#[derive(Debug)]
pub enum LineLetter {
    /// The program is there, and is told through this.
    Open(Hearer),
    /// It says something.
    Says(Vec<u8>),
    /// It takes back what nobody has heard yet.
    Hush,
    /// It is gone.
    Gone,
}

/// One worker's queue.
#[derive(Debug)]
pub struct Inbox {
    letters: Letters<Letter>,
}

impl Inbox {
    /// An empty queue.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self { letters: Letters::new()? })
    }

    /// Queues an order. `Close` always fits: there is one per open stream at most.
    ///
    /// # Errors
    /// When [`CAPACITY`] letters wait already.
    pub fn order(&self, order: Order) -> Result<(), Full> {
        let limit = if matches!(order, Order::Close { .. }) { usize::MAX } else { CAPACITY };
        self.letters.post(Letter::Order(order), limit).map_err(|_| Full)
    }

    /// Queues the answer to something that the worker asked for, which bounds it.
    pub fn answer(&self, letter: Letter) {
        self.letters.post_all(std::iter::once(letter));
    }

    /// Queues something about a line. Its words are lost where the worker does not keep up.
    pub fn line(&self, mix: MixId, letter: LineLetter) {
        let limit = if matches!(letter, LineLetter::Says(_)) { LINES } else { usize::MAX };
        // A worker that is so far behind has greater worries than a word.
        let _ = self.letters.post(Letter::Line(mix, letter), limit);
    }

    /// The queue itself, for the worker.
    pub fn letters(&self) -> &Letters<Letter> {
        &self.letters
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::media::order::StreamId;

    #[test]
    fn only_close_fits_into_a_full_queue() {
        let inbox = Inbox::new().unwrap();
        let other = Order::Unbridge { stream: StreamId(1) };
        for _ in 0..CAPACITY {
            inbox.order(other.clone()).unwrap();
        }
        assert_eq!(inbox.order(other), Err(Full));
        assert_eq!(inbox.order(Order::Close { stream: StreamId(1) }), Ok(()));
    }
}
