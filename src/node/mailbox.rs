//! The one way in for everybody but the network: a bounded queue, and an eventfd that is written only while the
//! switch sleeps.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, eventfd};
use strowger_core::vocab::Input;

/// What may wait of that which strangers and clients can send. When it is full, streams are read no further and
/// HTTP requests hear 503.
pub const CAPACITY: usize = 8_192;

/// The mailbox is full; the input comes back.
#[derive(Debug)]
pub struct Full(pub Box<Input>);

/// The switch's mailbox.
#[derive(Debug)]
pub struct Mailbox {
    letters: Mutex<VecDeque<Input>>,
    waiting: AtomicUsize,
    sleeping: AtomicBool,
    stopped: AtomicBool,
    refused: AtomicU64,
    wake: OwnedFd,
}

impl Mailbox {
    /// An empty mailbox.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            letters: Mutex::default(),
            waiting: AtomicUsize::new(0),
            sleeping: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            refused: AtomicU64::new(0),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    /// Posts what others decide about: packets of streams, commands, queries.
    ///
    /// # Errors
    /// [`CAPACITY`] letters wait already.
    pub fn post(&self, input: Input) -> Result<(), Full> {
        let mut letters = self.lock();
        if letters.len() >= CAPACITY {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Full(Box::new(input)));
        }
        self.push(&mut letters, input);
        drop(letters);
        self.rouse();
        Ok(())
    }

    /// Posts what follows from something the switch or the shell did, and is bounded by that: media events by the
    /// streams, commits by the store's queue, connections by their limit.
    pub fn post_always(&self, input: Input) {
        let mut letters = self.lock();
        self.push(&mut letters, input);
        drop(letters);
        self.rouse();
    }

    fn push(&self, letters: &mut VecDeque<Input>, input: Input) {
        letters.push_back(input);
        self.waiting.store(letters.len(), Ordering::SeqCst);
    }

    /// Tells the switch's thread to end after what waits.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.rouse();
    }

    /// The thread is to end.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Letters that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Letters refused since the start.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Moves everything that waits into `into`, which is empty.
    pub fn take(&self, into: &mut VecDeque<Input>) {
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut letters = self.lock();
        std::mem::swap(&mut *letters, into);
        self.waiting.store(0, Ordering::SeqCst);
    }

    /// The switch is about to sleep. False when something came meanwhile: then it must not.
    pub fn may_sleep(&self) -> bool {
        self.sleeping.store(true, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) == 0 && !self.is_stopped() {
            return true;
        }
        self.sleeping.store(false, Ordering::SeqCst);
        false
    }

    /// The switch is awake.
    pub fn awake(&self) {
        self.sleeping.store(false, Ordering::SeqCst);
    }

    /// Takes the wake-up out of the descriptor.
    pub fn acknowledge(&self) {
        // Nothing to read only means that it was taken before.
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
    }

    fn rouse(&self) {
        if self.sleeping.swap(false, Ordering::SeqCst) {
            // It fails only when the counter is full, and then the switch is being woken already.
            let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Input>> {
        // A holder only pushes or swaps: the queue is whole whatever panicked.
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Mailbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_full_mailbox_refuses_strangers_and_takes_consequences() {
        let mailbox = Mailbox::new().unwrap();
        for _ in 0..CAPACITY {
            mailbox.post(Input::Tick).unwrap();
        }
        assert!(mailbox.post(Input::Tick).is_err());
        mailbox.post_always(Input::Tick);
        assert_eq!((mailbox.waiting(), mailbox.refused()), (CAPACITY + 1, 1));
    }

    #[test]
    fn no_wake_up_is_lost_and_order_is_kept() {
        const LETTERS: u64 = 20_000;
        let mailbox = Arc::new(Mailbox::new().unwrap());
        let poster = Arc::clone(&mailbox);
        let sender = std::thread::spawn(move || {
            for grace_ms in 0..LETTERS {
                while poster.post(Input::Drain { grace_ms }).is_err() {
                    std::thread::yield_now();
                }
            }
        });
        let (mut got, mut next) = (VecDeque::new(), 0);
        while next < LETTERS {
            mailbox.take(&mut got);
            for letter in got.drain(..) {
                assert!(matches!(letter, Input::Drain { grace_ms } if grace_ms == next));
                next += 1;
            }
            if next < LETTERS && mailbox.may_sleep() {
                let mut fds = [rustix::event::PollFd::new(&*mailbox, rustix::event::PollFlags::IN)];
                let limit = rustix::event::Timespec { tv_sec: 10, tv_nsec: 0 };
                let ready = rustix::event::poll(&mut fds, Some(&limit)).unwrap();
                assert_eq!(ready, 1, "asleep for ever after {next}");
                mailbox.awake();
                mailbox.acknowledge();
            }
        }
        sender.join().unwrap();
    }
}
