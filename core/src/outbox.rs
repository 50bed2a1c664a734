//! Collects the effects of one input, in order; numbers events and groups of records.

use std::collections::{BTreeMap, VecDeque};

use media::order::Order;

use crate::vocab::{
    CommandError, CommitId, Effect, Event, EventKind, Now, Record, Reply, RequestId, TenantId,
    WorkerId,
};

/// Groups of records that may be on their way to the store before new calls are refused.
const MAX_COMMITS_PENDING: u64 = 4096;

/// Effects on their way out.
#[derive(Debug, Default)]
pub struct Outbox {
    effects: VecDeque<Effect>,
    records: Vec<Record>,
    boot: u64,
    events: u64,
    commits: u64,
    commits_pending: u64,
    commits_failed: u64,
    ends: Ends,
    /// Replies that wait for the group of the present input, and for those on their way.
    promised: Vec<(RequestId, Reply)>,
    awaiting: BTreeMap<CommitId, Vec<(RequestId, Reply)>>,
}

/// How calls ended since the start.
#[derive(Debug, Default)]
pub struct Ends {
    /// Those that had been answered.
    pub answered: u64,
    /// All, by cause.
    pub by_cause: BTreeMap<&'static str, u64>,
}

impl Outbox {
    /// Starts the numbering of a run.
    pub fn begin(&mut self, boot: u64) {
        self.boot = boot;
    }

    /// Anything.
    pub fn push(&mut self, effect: Effect) {
        self.effects.push_back(effect);
    }

    /// Tells the world.
    pub fn publish(&mut self, now: Now, tenant: Option<&TenantId>, kind: EventKind) {
        self.events += 1;
        let event = Event {
            boot: self.boot,
            seq: self.events,
            at: now.wall,
            tenant: tenant.cloned(),
            kind,
        };
        self.push(Effect::Publish(Box::new(event)));
    }

    /// Remembers a record; all records of one input go out as one group.
    pub fn persist(&mut self, record: Record) {
        if let Record::CallClosed(call) = &record {
            self.ends.answered += u64::from(call.answered_at.is_some());
            let cause = call.end.as_ref().map_or("failed", |end| end.cause.as_str());
            *self.ends.by_cause.entry(cause).or_default() += 1;
        }
        self.records.push(record);
    }

    /// Orders something from a media worker.
    pub fn media(&mut self, worker: WorkerId, order: Order) {
        self.push(Effect::Media { worker, order });
    }

    /// Answers a command or query.
    pub fn reply(&mut self, id: RequestId, reply: Reply) {
        self.push(Effect::Reply { id, reply: Box::new(reply) });
    }

    /// Answers a command when the records of the present input are on disk; with `Busy` if they are lost.
    pub fn reply_when_stored(&mut self, id: RequestId, reply: Reply) {
        self.promised.push((id, reply));
    }

    /// The group in which the records of the present input go out.
    pub fn present_commit(&self) -> CommitId {
        CommitId(self.commits + 1)
    }

    /// Closes the group of records of the present input.
    pub fn flush(&mut self) {
        let promised = std::mem::take(&mut self.promised);
        if self.records.is_empty() {
            promised.into_iter().for_each(|(id, reply)| self.reply(id, reply));
            return;
        }
        self.commits += 1;
        self.commits_pending += 1;
        if !promised.is_empty() {
            self.awaiting.insert(CommitId(self.commits), promised);
        }
        let records = std::mem::take(&mut self.records);
        self.push(Effect::Persist { commit: CommitId(self.commits), records });
    }

    /// The store is done with a group.
    pub fn stored(&mut self, commit: CommitId, ok: bool) {
        for (id, reply) in self.awaiting.remove(&commit).into_iter().flatten() {
            let lost = || CommandError::Busy { retry_after: 5, what: "the store".into() };
            self.reply(id, if ok { reply } else { Reply::Command(Err(lost())) });
        }
        self.commits_pending = self.commits_pending.saturating_sub(1);
        if !ok {
            self.commits_failed += 1;
        }
    }

    /// Whether the store keeps up, so that a new call's record will find room.
    pub fn has_room(&self) -> bool {
        self.commits_pending < MAX_COMMITS_PENDING
    }

    /// The oldest effect that nobody has taken.
    pub fn pop(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// How calls ended.
    pub fn ends(&self) -> &Ends {
        &self.ends
    }

    /// Events so far, groups on their way, groups lost.
    pub fn counts(&self) -> (u64, u64, u64) {
        (self.events, self.commits_pending, self.commits_failed)
    }
}
