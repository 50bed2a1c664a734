//! What is published and remembered, by its own rules: each caller comes and leaves once, nothing is told twice, and the
//! figures account for everybody.

use std::collections::{BTreeMap, BTreeSet};

use strowger_core::vocab::acd::*;
use strowger_core::vocab::{CallId, EventKind, Record};

/// What was told so far.
#[derive(Debug, Default)]
pub struct Told {
    waiting: BTreeSet<CallId>,
    /// Places that are kept for a callback.
    parked: BTreeSet<CallId>,
    offers: BTreeMap<OfferId, bool>,
    intents: BTreeMap<AgentKey, Intent>,
    activities: BTreeMap<AgentKey, Activity>,
    /// The last word on each quarter of each queue.
    figures: BTreeMap<(FigureSubject, u64), QueueFigures>,
    /// Queues that were removed: their figures may come in two parts.
    pub removed: BTreeSet<QueueKey>,
}

impl Told {
    pub fn event(&mut self, event: EventKind) -> Result<(), String> {
        let fine = match &event {
            EventKind::CallerQueued { call, .. } => self.waiting.insert(*call),
            EventKind::CallerLeft { call, outcome, .. } if outcome == "callback" => {
                self.waiting.remove(call) && self.parked.insert(*call)
            }
            EventKind::CallerLeft { call, .. } => {
                self.waiting.remove(call) || self.parked.remove(call)
            }
            EventKind::AgentOffered { offer, .. } => self.offers.insert(*offer, true).is_none(),
            EventKind::OfferEnded { offer, .. } => self.offers.insert(*offer, false) == Some(true),
            EventKind::AgentIntentChanged { agent, intent, .. } => {
                self.intents.insert(agent.clone(), intent.clone()).as_ref() != Some(intent)
            }
            EventKind::AgentActivityChanged { agent, activity } => {
                let before = self.activities.insert(agent.clone(), activity.clone());
                before.as_ref() != Some(activity)
            }
            _ => false,
        };
        if fine { Ok(()) } else { Err(format!("told twice, or never begun: {event:?}")) }
    }

    /// An agent whose definition is gone may come back as somebody new.
    pub fn forget(&mut self, known: impl Fn(&AgentKey) -> bool) {
        self.intents.retain(|agent, _| known(agent));
        self.activities.retain(|agent, _| known(agent));
    }

    pub fn record(&mut self, record: Record) {
        let Record::Counted(record) = record else { return };
        if let FigureRecord { subject, from, queue: Some(figures), .. } = *record {
            self.figures.insert((subject, from), figures);
        }
    }

    /// When nobody waits any more: whoever came has left, one way or another, and the figures know how.
    pub fn settled(&self) -> Result<(), String> {
        if !self.waiting.is_empty() {
            return Err(format!("{:?} never left", self.waiting));
        }
        if let Some((offer, _)) = self.offers.iter().find(|(_, live)| **live) {
            return Err(format!("offer {offer} never ended"));
        }
        let mut sums: BTreeMap<&FigureSubject, (u64, u64)> = BTreeMap::new();
        for ((subject, _), figures) in &self.figures {
            let sum = sums.entry(subject).or_default();
            sum.0 += figures.entered;
            sum.1 += figures.answered + figures.abandoned + figures.removed + figures.picked_up;
            sum.1 += figures.overflowed.values().sum::<u64>() + figures.callbacks_given_up;
        }
        let again = |subject: &FigureSubject| match subject {
            FigureSubject::Queue(key) => self.removed.contains(key),
            FigureSubject::Agent(_) => false,
        };
        let wrong = sums.iter().find(|(subject, (came, left))| came != left && !again(subject));
        wrong.map_or(Ok(()), |(subject, sum)| Err(format!("{subject:?}: came and left {sum:?}")))
    }
}
