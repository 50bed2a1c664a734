//! The one way in for everybody but the network.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use strowger_core::vocab::Input;

use crate::net::letters::Letters;

/// What may wait of that which strangers and clients can send. When it is full, streams are read no further and
/// HTTP requests hear 503.
pub const CAPACITY: usize = 8_192;

/// The mailbox is full; the input comes back.
#[derive(Debug)]
pub struct Full(pub Box<Input>);

/// The switch's mailbox.
#[derive(Debug)]
pub struct Mailbox {
    letters: Letters<Input>,
    refused: AtomicU64,
}

impl Mailbox {
    /// An empty mailbox.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self { letters: Letters::new()?, refused: AtomicU64::new(0) })
    }

    /// Posts what others decide about: packets of streams, commands, queries.
    ///
    /// # Errors
    /// [`CAPACITY`] letters wait already.
    pub fn post(&self, input: Input) -> Result<(), Full> {
        self.letters.post(input, CAPACITY).map_err(|input| {
            self.refused.fetch_add(1, Ordering::Relaxed);
            Full(Box::new(input))
        })
    }

    /// Posts what follows from something the switch or the shell did, and is bounded by that: media events by the
    /// streams, commits by the store's queue, connections by their limit.
    pub fn post_always(&self, input: Input) {
        self.letters.post_all(std::iter::once(input));
    }

    /// Posts several of these with one wake-up.
    pub fn post_all(&self, inputs: impl IntoIterator<Item = Input>) {
        self.letters.post_all(inputs);
    }

    /// The queue itself, for the switch's own thread.
    pub fn letters(&self) -> &Letters<Input> {
        &self.letters
    }

    /// Letters refused since the start.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_mailbox_refuses_strangers_and_takes_consequences() {
        let mailbox = Mailbox::new().unwrap();
        for _ in 0..CAPACITY {
            mailbox.post(Input::Tick).unwrap();
        }
        assert!(mailbox.post(Input::Tick).is_err());
        mailbox.post_always(Input::Tick);
        assert_eq!((mailbox.letters().waiting(), mailbox.refused()), (CAPACITY + 1, 1));
    }
}
