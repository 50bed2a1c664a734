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
    /// A new request, or `None` when too many are under way.
    pub fn open(&self) -> Option<Asked<'_>> {
        let mut waiting = self.lock();
        if waiting.senders.len() >= MOST {
            return None;
        }
        waiting.last += 1;
        let id = RequestId(waiting.last);
        let (sender, receiver) = oneshot::channel();
        waiting.senders.insert(id, sender);
        drop(waiting);
        Some(Asked { id, reply: receiver, requests: self })
    }

    /// Hands a reply to whoever waits for it.
    pub fn answer(&self, id: RequestId, reply: Reply) {
        let sender = self.lock().senders.remove(&id);
        // Whoever asked may have gone away; then nobody misses the reply.
        let _ = sender.map(|sender| sender.send(reply));
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way. When it is dropped, answered or not, its place is free.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Names it.
    pub id: RequestId,
    /// What is answered.
    pub reply: oneshot::Receiver<Reply>,
    requests: &'a Requests,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.requests.lock().senders.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use strowger_core::vocab::Done;

    use super::*;

    #[tokio::test]
    async fn whoever_goes_away_leaves_the_place_to_others() {
        let requests = Requests::default();
        let all: Vec<_> = (0..MOST).map(|_| requests.open().unwrap()).collect();
        assert!(requests.open().is_none());
        // The switch never answers, and those who asked give up.
        drop(all);
        let mut asked = requests.open().unwrap();
        let reply = Reply::Command(Ok(Done::HungUp));
        requests.answer(asked.id, reply.clone());
        assert_eq!((&mut asked.reply).await.unwrap(), reply);
        let gone = requests.open().unwrap();
        let id = gone.id;
        drop(gone);
        // Harmless: nobody misses it.
        requests.answer(id, reply);
    }
}
