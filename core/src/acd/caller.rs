//! One caller: where it stands, and what it wants.

use smallvec::SmallVec;

use crate::vocab::CallId;
use crate::vocab::acd::{OfferId, Strategy};

use super::announce::Schedule;
use super::numbers::{AgentNo, CallerKey, ClassNo, QueueNo, secs};
use super::queue::{Queue, Walked};

/// Where a caller stands, with what is valid only there. Times are monotonic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stage {
    /// Waits; agents may ring.
    Waiting {
        offers: SmallVec<[OfferId; 1]>,
        /// The returning caller's agent rings, and nobody else.
        exclusive: bool,
        /// When an agent was rung last.
        added: u64,
        /// Its longest wait is over: whoever rings is the last.
        leaving: bool,
    },
    /// An agent answered and is not bridged yet.
    Taken { offer: OfferId, leaving: bool },
    /// Hung up; its place waits for an agent, not before this time.
    Parked { attempts: u8, not_before: u64 },
    /// Is being called back; an agent is reserved unless that was withdrawn meanwhile.
    CallingBack { attempt: u8, offer: Option<OfferId>, until: u64 },
    /// Talks with an agent.
    Talking { agent: AgentNo },
}

impl Stage {
    pub fn waiting() -> Self {
        Self::Waiting { offers: SmallVec::new(), exclusive: false, added: 0, leaving: false }
    }
}

/// How a caller is filed in its queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Filed {
    /// In line under this key.
    pub line: Option<CallerKey>,
    /// Among those that want an agent.
    pub open: Option<(ClassNo, CallerKey)>,
    /// Among those for whom nobody rings.
    pub alone: Option<u64>,
    pub trying: bool,
    pub talking: bool,
}

/// A caller.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub call: CallId,
    /// The call that joined: another one once it was called back.
    pub seat: CallId,
    pub queue: QueueNo,
    pub number: String,
    /// Before aging.
    pub base: u32,
    pub class: ClassNo,
    pub joined: u64,
    /// Milliseconds since the Unix epoch.
    pub joined_wall: u64,
    /// From here its limits count: joined, or called back.
    pub limits_from: u64,
    /// Was called back.
    pub called_back: bool,
    pub stage: Stage,
    pub said: Schedule,
    /// The agent of its last call was tried.
    pub same_tried: bool,
    /// Who was offered to it last (top-down).
    pub walked: Option<Walked>,
    pub filed: Filed,
    /// As in the index of deadlines.
    pub timer: Option<u64>,
}

impl Caller {
    /// Offers that it holds.
    pub fn offers(&self) -> SmallVec<[OfferId; 4]> {
        match &self.stage {
            Stage::Waiting { offers, .. } => offers.iter().copied().collect(),
            Stage::Taken { offer, .. } => SmallVec::from_slice(&[*offer]),
            Stage::CallingBack { offer, .. } => offer.iter().copied().collect(),
            Stage::Parked { .. } | Stage::Talking { .. } => SmallVec::new(),
        }
    }

    pub fn is_waiting(&self) -> bool {
        !matches!(self.stage, Stage::Talking { .. })
    }

    /// Until when no further agent is added to those who ring, in ring-progressively.
    pub fn held(&self, queue: &Queue) -> Option<u64> {
        let Stage::Waiting { offers, added, .. } = &self.stage else { return None };
        let holds = !offers.is_empty() && queue.strategy() == Strategy::RingProgressively;
        let pause = secs(queue.config.choice.progressive_delay.max(1));
        holds.then(|| added.saturating_add(pause))
    }

    /// Wants an agent, or one more.
    pub fn is_open(&self, now: u64, queue: &Queue) -> bool {
        match &self.stage {
            Stage::Waiting { offers, exclusive, leaving, .. } => {
                let more = || !exclusive && offers.len() < queue.ring_max();
                let room = offers.is_empty()
                    || (more() && self.held(queue).is_none_or(|until| until <= now));
                room && !leaving
            }
            Stage::Parked { not_before, .. } => *not_before <= now,
            Stage::Taken { .. } | Stage::CallingBack { .. } | Stage::Talking { .. } => false,
        }
    }

    /// Priority now: one more whenever `aging` nanoseconds have been waited.
    pub fn priority(&self, now: u64, aging: u64) -> u32 {
        let grown = now.saturating_sub(self.joined).checked_div(aging).unwrap_or(0);
        self.base.saturating_add(u32::try_from(grown).unwrap_or(u32::MAX))
    }

    /// Waited so far, in nanoseconds.
    pub fn waited(&self, now: u64) -> u64 {
        now.saturating_sub(self.joined)
    }
}
