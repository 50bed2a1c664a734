//! A queue into a thread that sleeps in epoll: many post, one takes, and an eventfd is written only while the taker
//! sleeps.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::{EventfdFlags, eventfd};

/// Letters on their way to one thread.
///
/// The taker's turn is [`Letters::may_sleep`], sleep until the descriptor is readable, [`Letters::awake`],
/// [`Letters::acknowledge`] if it was readable, [`Letters::take`].
#[derive(Debug)]
pub struct Letters<T> {
    queue: Mutex<VecDeque<T>>,
    waiting: AtomicUsize,
    sleeping: AtomicBool,
    stopped: AtomicBool,
    wake: OwnedFd,
}

impl<T> Letters<T> {
    /// An empty queue.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            queue: Mutex::default(),
            waiting: AtomicUsize::new(0),
            sleeping: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    /// Posts a letter unless `limit` wait already; `usize::MAX` for what is bounded elsewhere.
    ///
    /// # Errors
    /// The letter, when there is no room for it.
    pub fn post(&self, letter: T, limit: usize) -> Result<(), T> {
        let mut queue = self.lock();
        if queue.len() >= limit {
            return Err(letter);
        }
        queue.push_back(letter);
        self.posted(queue);
        Ok(())
    }

    /// Posts letters that are bounded elsewhere, in order and with one wake-up.
    pub fn post_all(&self, letters: impl IntoIterator<Item = T>) {
        let mut queue = self.lock();
        queue.extend(letters);
        self.posted(queue);
    }

    fn posted(&self, queue: MutexGuard<'_, VecDeque<T>>) {
        self.waiting.store(queue.len(), Ordering::SeqCst);
        drop(queue);
        self.rouse();
    }

    /// Makes the taker end after what waits.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.rouse();
    }

    /// The taker is to end.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Letters that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    /// Moves everything that waits into `into`, which is empty.
    pub fn take(&self, into: &mut VecDeque<T>) {
        if self.waiting() == 0 {
            return;
        }
        let mut queue = self.lock();
        std::mem::swap(&mut *queue, into);
        self.waiting.store(0, Ordering::SeqCst);
    }

    /// The taker is about to sleep. False when something came meanwhile: then it must not.
    pub fn may_sleep(&self) -> bool {
        self.sleeping.store(true, Ordering::SeqCst);
        if self.waiting() == 0 && !self.is_stopped() {
            return true;
        }
        self.sleeping.store(false, Ordering::SeqCst);
        false
    }

    /// The taker is awake, whatever woke it.
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
            // It fails only when the counter is full, and then the taker is being woken already.
            let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<T>> {
        // A holder only pushes or swaps: the queue is whole whatever panicked.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> AsFd for Letters<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_full_queue_gives_the_letter_back() {
        let letters = Letters::new().unwrap();
        assert_eq!((letters.post('a', 1), letters.post('b', 1)), (Ok(()), Err('b')));
        letters.post_all(['c', 'd']);
        let mut got = VecDeque::new();
        letters.take(&mut got);
        assert_eq!((got, letters.waiting()), (VecDeque::from(['a', 'c', 'd']), 0));
    }

    #[test]
    fn whoever_is_to_stop_may_not_sleep() {
        let letters = Letters::<()>::new().unwrap();
        assert!(letters.may_sleep());
        letters.stop();
        assert!(letters.is_stopped() && !letters.may_sleep());
    }

    #[test]
    fn no_wake_up_is_lost_and_order_is_kept() {
        const ALL: u64 = 20_000;
        let letters = Arc::new(Letters::new().unwrap());
        let poster = Arc::clone(&letters);
        let sender = std::thread::spawn(move || {
            for n in 0..ALL {
                while poster.post(n, 4_096).is_err() {
                    std::thread::yield_now();
                }
            }
        });
        let (mut got, mut next) = (VecDeque::new(), 0);
        while next < ALL {
            letters.take(&mut got);
            for n in got.drain(..) {
                assert_eq!(n, next);
                next += 1;
            }
            if next < ALL && letters.may_sleep() {
                let limit = rustix::event::Timespec { tv_sec: 10, tv_nsec: 0 };
                let mut fds = [rustix::event::PollFd::new(&*letters, rustix::event::PollFlags::IN)];
                let ready = rustix::event::poll(&mut fds, Some(&limit)).unwrap();
                assert_eq!(ready, 1, "asleep for ever after {next}");
                letters.awake();
                letters.acknowledge();
            }
        }
        sender.join().unwrap();
    }
}
