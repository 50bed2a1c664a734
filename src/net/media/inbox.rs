//! What others hand to a worker: a bounded queue, and an eventfd that is written only while the worker sleeps.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::media::order::{Order, RecordingId};
use ::media::player::EncodedPrompt;
use ::media::session::PromptKey;
use rustix::event::{EventfdFlags, eventfd};

/// Orders that may wait for a worker. A worker takes hundreds a millisecond; a full queue means that it hangs.
pub const CAPACITY: usize = 16_384;

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
    /// The writer gave a recording up, and has reported it.
    RecordingFailed(RecordingId),
}

/// One worker's queue.
#[derive(Debug)]
pub struct Inbox {
    letters: Mutex<VecDeque<Letter>>,
    waiting: AtomicUsize,
    sleeping: AtomicBool,
    stopped: AtomicBool,
    wake: OwnedFd,
}

impl Inbox {
    /// An empty queue.
    ///
    /// # Errors
    /// When the system has no descriptor left.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            letters: Mutex::default(),
            waiting: AtomicUsize::new(0),
            sleeping: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    /// Queues an order. `Close` always fits: there is one per open stream at most.
    ///
    /// # Errors
    /// When [`CAPACITY`] orders wait already.
    pub fn order(&self, order: Order) -> Result<(), Full> {
        let always = matches!(order, Order::Close { .. });
        self.post(Letter::Order(order), always)
    }

    /// Queues anything; `always` for what is bounded elsewhere.
    ///
    /// # Errors
    /// As [`Inbox::order`].
    pub fn post(&self, letter: Letter, always: bool) -> Result<(), Full> {
        let mut letters = self.lock();
        if letters.len() >= CAPACITY && !always {
            return Err(Full);
        }
        letters.push_back(letter);
        self.waiting.store(letters.len(), Ordering::SeqCst);
        drop(letters);
        self.rouse();
        Ok(())
    }

    /// Makes the worker end after what is queued.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.rouse();
    }

    /// The worker is to end.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Moves everything that waits into `into`, which is empty.
    pub fn take(&self, into: &mut VecDeque<Letter>) {
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut letters = self.lock();
        std::mem::swap(&mut *letters, into);
        self.waiting.store(0, Ordering::SeqCst);
    }

    /// The worker is about to sleep. False when something came meanwhile: then it must not.
    pub fn may_sleep(&self) -> bool {
        self.sleeping.store(true, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) == 0 && !self.is_stopped() {
            return true;
        }
        self.sleeping.store(false, Ordering::SeqCst);
        false
    }

    /// The worker woke up by itself.
    pub fn awake(&self) {
        self.sleeping.store(false, Ordering::SeqCst);
    }

    /// Takes the wake-up out of the descriptor.
    pub fn acknowledge(&self) {
        // Nothing to read only means that the wake-up came twice.
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
    }

    fn rouse(&self) {
        if self.sleeping.swap(false, Ordering::SeqCst) {
            // It cannot fail but by a full counter, and then the worker is woken anyway.
            let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Letter>> {
        // A holder only pushes or swaps; whatever panicked, the queue is whole.
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Inbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::media::order::StreamId;
    use std::sync::Arc;

    fn close(n: u64) -> Order {
        Order::Close { stream: StreamId(n) }
    }

    #[test]
    fn only_close_fits_into_a_full_queue() {
        let inbox = Inbox::new().unwrap();
        let other = Order::Unbridge { stream: StreamId(1) };
        for _ in 0..CAPACITY {
            inbox.order(other.clone()).unwrap();
        }
        assert_eq!(inbox.order(other), Err(Full));
        assert_eq!(inbox.order(close(1)), Ok(()));
    }

    #[test]
    fn no_wake_up_is_lost() {
        let inbox = Arc::new(Inbox::new().unwrap());
        let poster = Arc::clone(&inbox);
        let sender = std::thread::spawn(move || {
            for n in 0..20_000 {
                while poster.order(Order::Unbridge { stream: StreamId(n) }).is_err() {
                    std::thread::yield_now();
                }
            }
        });
        let (mut got, mut next) = (VecDeque::new(), 0);
        while next < 20_000 {
            inbox.take(&mut got);
            for letter in got.drain(..) {
                let Letter::Order(Order::Unbridge { stream }) = letter else { unreachable!() };
                assert_eq!(stream, StreamId(next));
                next += 1;
            }
            if next < 20_000 && inbox.may_sleep() {
                let limit = rustix::event::Timespec { tv_sec: 10, tv_nsec: 0 };
                let mut fds = [rustix::event::PollFd::new(&*inbox, rustix::event::PollFlags::IN)];
                let ready = rustix::event::poll(&mut fds, Some(&limit)).unwrap();
                assert_eq!(ready, 1, "asleep with {next} taken");
                inbox.acknowledge();
            }
        }
        sender.join().unwrap();
    }
}
