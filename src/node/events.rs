//! The ring of recent events, and those who follow it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use strowger_core::vocab::{Event, EventKind};
use tokio::sync::Notify;

/// Events kept for those who come back. Older ones are forgotten, and whoever missed them hears `Reset`.
pub const KEPT: usize = 2_048;

/// A place in the stream of events: `boot.seq` in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventId {
    /// Which start of the process.
    pub boot: u64,
    /// Which event of it.
    pub seq: u64,
}

impl EventId {
    /// The place of an event.
    pub fn of(event: &Event) -> Self {
        Self { boot: event.boot, seq: event.seq }
    }
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.boot, self.seq)
    }
}

impl std::str::FromStr for EventId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (boot, seq) = text.split_once('.').unwrap_or((text, ""));
        Ok(Self { boot: boot.parse()?, seq: seq.parse()? })
    }
}

/// What a follower gets.
#[derive(Debug, Clone)]
pub enum Followed {
    /// The next event.
    Event(Arc<Event>),
    /// Events between the last one and the next were forgotten: ask for the present state, then go on.
    Reset,
}

#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<Arc<Event>>,
    last: Option<EventId>,
    closed: bool,
}

/// The ring.
#[derive(Debug, Default)]
pub struct Ring {
    kept: Mutex<Kept>,
    news: Notify,
    end: Notify,
}

impl Ring {
    /// Adds events in order and wakes the followers once.
    pub fn publish(&self, events: impl Iterator<Item = Event>) {
        let mut kept = self.lock();
        for event in events {
            kept.last = Some(EventId::of(&event));
            if kept.events.len() >= KEPT {
                kept.events.pop_front();
            }
            kept.events.push_back(Arc::new(event));
        }
        drop(kept);
        self.news.notify_waiters();
    }

    /// Ends all streams of followers.
    pub fn close(&self) {
        self.lock().closed = true;
        self.news.notify_waiters();
        self.end.notify_waiters();
    }

    /// Waits until nothing more will come.
    pub async fn closed(&self) {
        let mut end = std::pin::pin!(self.end.notified());
        end.as_mut().enable();
        if !self.lock().closed {
            end.await;
        }
    }

    /// Follows from the event after `from`, or from now on.
    pub fn follow(self: &Arc<Self>, from: Option<EventId>) -> Follower {
        let last = from.or(self.lock().last);
        Follower { ring: Arc::clone(self), last }
    }

    /// Whoever comes back as a tenant of the same name finds nothing of one that is gone.
    pub fn forget_tenant(&self, tenant: &str) {
        for event in &mut self.lock().events {
            if event.tenant.as_deref() == Some(tenant) {
                // Nobody's, in its place.
                let (boot, seq, at) = (event.boot, event.seq, event.at);
                let (tenant, kind) = (Some(String::new()), EventKind::Reloaded);
                *event = Arc::new(Event { boot, seq, at, tenant, kind });
            }
        }
    }

    /// Events that it holds now.
    pub fn kept(&self) -> usize {
        self.lock().events.len()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who follows.
#[derive(Debug)]
pub struct Follower {
    ring: Arc<Ring>,
    last: Option<EventId>,
}

impl Follower {
    /// The next event, in order; `None` once the process ends.
    pub async fn next(&mut self) -> Option<Followed> {
        let ring = Arc::clone(&self.ring);
        loop {
            // Registered before the look, so that nothing slips in between.
            let mut news = std::pin::pin!(ring.news.notified());
            news.as_mut().enable();
            if let Some(found) = self.look() {
                return Some(found);
            }
            if ring.lock().closed {
                return None;
            }
            news.await;
        }
    }

    /// The next event, where there is one already.
    pub fn waiting(&mut self) -> Option<Followed> {
        self.look()
    }

    /// The place reached.
    pub fn at(&self) -> Option<EventId> {
        self.last
    }

    fn look(&mut self) -> Option<Followed> {
        let kept = self.ring.lock();
        let Some(newest) = kept.last else {
            // Nothing has happened since the start, so the place is of another one.
            return self.last.take().map(|_| Followed::Reset);
        };
        let Some(last) = self.last else {
            let first = kept.events.front()?;
            self.last = Some(EventId::of(first));
            return Some(Followed::Event(Arc::clone(first)));
        };
        if last == newest {
            return None;
        }
        let next = EventId { boot: last.boot, seq: last.seq.saturating_add(1) };
        let at = kept.events.binary_search_by_key(&next, |event| EventId::of(event));
        match at.ok().and_then(|at| kept.events.get(at)) {
            Some(event) => {
                self.last = Some(next);
                Some(Followed::Event(Arc::clone(event)))
            }
            None => {
                // Forgotten, or of another start, or never published.
                self.last = Some(newest);
                Some(Followed::Reset)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(boot: u64, seq: u64) -> Event {
        Event { boot, seq, at: 0, tenant: None, kind: EventKind::Reloaded }
    }

    async fn seen(follower: &mut Follower) -> String {
        match follower.next().await {
            Some(Followed::Event(event)) => EventId::of(&event).to_string(),
            Some(Followed::Reset) => "reset".into(),
            None => "end".into(),
        }
    }

    #[tokio::test]
    async fn a_follower_sees_every_event_in_order() {
        let ring = Arc::new(Ring::default());
        let mut follower = ring.follow(None);
        let task = tokio::spawn(async move {
            let mut all = Vec::new();
            loop {
                match seen(&mut follower).await {
                    end if end == "end" => return all,
                    id => all.push(id),
                }
            }
        });
        for seq in 1..=100 {
            ring.publish(std::iter::once(event(3, seq)));
            tokio::task::yield_now().await;
        }
        ring.close();
        let all = task.await.unwrap();
        let expected: Vec<String> = (1..=100).map(|seq| format!("3.{seq}")).collect();
        assert_eq!(all, expected);
    }

    #[tokio::test]
    async fn resuming_goes_on_after_the_event_named() {
        let ring = Arc::new(Ring::default());
        ring.publish((1..=5).map(|seq| event(1, seq)));
        let mut follower = ring.follow(Some("1.3".parse().unwrap()));
        assert_eq!(seen(&mut follower).await, "1.4");
        assert_eq!(seen(&mut follower).await, "1.5");
        let mut fresh = ring.follow(None);
        ring.publish(std::iter::once(event(1, 6)));
        assert_eq!(seen(&mut fresh).await, "1.6");
    }

    #[tokio::test]
    async fn what_was_forgotten_is_a_reset() {
        let ring = Arc::new(Ring::default());
        ring.publish((1..=KEPT as u64 + 10).map(|seq| event(2, seq)));
        for from in ["2.5", "1.7", "2.99999"] {
            let mut follower = ring.follow(Some(from.parse().unwrap()));
            assert_eq!(seen(&mut follower).await, "reset", "from {from}");
        }
        let mut follower = ring.follow(Some("2.10".parse().unwrap()));
        assert_eq!(seen(&mut follower).await, "2.11");
        let mut early = Arc::new(Ring::default()).follow(Some("1.7".parse().unwrap()));
        assert_eq!(seen(&mut early).await, "reset");
    }
}
