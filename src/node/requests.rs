//! Those who wait for the switch to answer a command or a query.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use strowger_core::vocab::{Reply, RequestId};
use tokio::sync::oneshot;

/// Requests under way at most; more hear that the switch is busy.
pub const MOST: usize = 4_096;

#[derive(Debug, Default)]
struct Waiting {
    last: u64,
    senders: BTreeMap<RequestId, oneshot::Sender<Reply>>,
}

/// The table of who waits.
#[derive(Debug, Default)]
pub struct Requests {
    waiting: Mutex<Waiting>,
}

impl Requests {
    /// A new request, or `None` when too many are under way. Dropping the receiver is harmless.
    pub fn open(&self) -> Option<(RequestId, oneshot::Receiver<Reply>)> {
        let mut waiting = self.lock();
        if waiting.senders.len() >= MOST {
            return None;
        }
        waiting.last += 1;
        let id = RequestId(waiting.last);
        let (sender, receiver) = oneshot::channel();
        waiting.senders.insert(id, sender);
        Some((id, receiver))
    }

    /// Hands a reply to whoever waits for it.
    pub fn answer(&self, id: RequestId, reply: Reply) {
        let sender = self.lock().senders.remove(&id);
        // Whoever asked may have gone away; then nobody misses the reply.
        let _ = sender.map(|sender| sender.send(reply));
    }

    /// Forgets a request that was never posted.
    pub fn withdraw(&self, id: RequestId) {
        self.lock().senders.remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
