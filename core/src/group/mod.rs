//! Places that ring at their times until one answers: a ring group's members, or what follows an extension's owner.
//!
//! [`Round`] says whom to ring and whom no longer; who that is and whether it can be rung is the switch's business. A
//! place that is out leaves no gap: when nobody rings any more the next one rings at once.

use std::collections::VecDeque;

use crate::vocab::OfferId;
use crate::vocab::group::{Group, GroupStrategy};
use crate::vocab::settings::FollowStep;

const SECOND: u64 = 1_000_000_000;

/// When one place rings, in nanoseconds from the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The place's position in its list.
    pub place: usize,
    /// Begins.
    pub at: u64,
    /// Rings for so long.
    pub lasts: u64,
}

/// When the members of a group ring.
pub fn turns_of(group: &Group) -> Vec<Turn> {
    let ring = u64::from(group.ring_secs.max(1)) * SECOND;
    let delay = |secs: u16| u64::from(secs) * SECOND;
    let end = group.members.iter().map(|member| delay(member.delay_secs) + ring).max();
    let turn = |(place, secs): (usize, u16)| match group.strategy {
        GroupStrategy::Parallel => Turn { place, at: 0, lasts: ring },
        GroupStrategy::Sequential => Turn { place, at: ring * place as u64, lasts: ring },
        // Whoever rings goes on ringing while others are added.
        GroupStrategy::Delayed => {
            let at = delay(secs);
            Turn { place, at, lasts: end.unwrap_or(ring).saturating_sub(at) }
        }
    };
    let members = group.members.iter().map(|member| member.delay_secs).enumerate();
    let mut turns: Vec<Turn> = members.map(turn).collect();
    let limit = group.timeout_secs.map_or(u64::MAX, |secs| u64::from(secs.max(1)) * SECOND);
    turns.retain(|turn| turn.at < limit);
    for turn in &mut turns {
        turn.lasts = turn.lasts.min(limit - turn.at);
    }
    turns.sort_by_key(|turn| (turn.at, turn.place));
    turns
}

/// When the phones of an extension (place 0) and what follows its owner ring.
pub fn turns_to_follow(phones: u64, steps: &[FollowStep]) -> Vec<Turn> {
    let own = Turn { place: 0, at: 0, lasts: phones };
    let step = |(index, step): (usize, &FollowStep)| Turn {
        place: index + 1,
        at: u64::from(step.delay_secs) * SECOND,
        lasts: u64::from(step.ring_secs.max(1)) * SECOND,
    };
    let mut turns: Vec<Turn> = std::iter::once(own).collect();
    turns.extend(steps.iter().enumerate().map(step));
    turns.sort_by_key(|turn| (turn.at, turn.place));
    turns
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Ring this place under this name.
    Ring(usize, OfferId),
    /// Its time is over.
    Stop(OfferId),
}

/// Who rings and who will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    began: u64,
    waiting: VecDeque<Turn>,
    ringing: Vec<(OfferId, u64)>,
    next: u64,
}

impl Round {
    /// Begins at `now`; the first act is due at once. Names count up from `first`.
    pub fn new(now: u64, turns: Vec<Turn>, first: OfferId) -> Self {
        Self { began: now, waiting: turns.into(), ringing: Vec::new(), next: first.0 }
    }

    /// What is to be done by now, one thing after the other until there is nothing.
    pub fn poll(&mut self, now: u64) -> Option<Act> {
        if let Some(index) = self.ringing.iter().position(|(_, until)| *until <= now) {
            let (offer, _) = self.ringing.remove(index);
            return Some(Act::Stop(offer));
        }
        let turn = *self.waiting.front()?;
        let at = self.began.saturating_add(turn.at);
        if at > now {
            if !self.ringing.is_empty() {
                return None;
            }
            // Nobody rings: the rest moves forward.
            for turn in &mut self.waiting {
                turn.at = turn.at.saturating_sub(at - now);
            }
        }
        self.waiting.pop_front();
        let offer = OfferId(self.next);
        self.next += 1;
        self.ringing.push((offer, now.saturating_add(turn.lasts)));
        Some(Act::Ring(turn.place, offer))
    }

    /// A place cannot be had, or has refused.
    pub fn lost(&mut self, offer: OfferId) {
        self.ringing.retain(|(own, _)| *own != offer);
    }

    /// A place whose time was over is left alone all the same.
    pub fn resume(&mut self, offer: OfferId) {
        self.ringing.push((offer, u64::MAX));
    }

    /// A place has answered: its time no longer runs out.
    pub fn keep(&mut self, offer: OfferId) {
        for (own, until) in &mut self.ringing {
            if *own == offer {
                *until = u64::MAX;
            }
        }
    }

    /// Whether nobody rings and nobody will.
    pub fn is_over(&self) -> bool {
        self.ringing.is_empty() && self.waiting.is_empty()
    }

    /// When [`Round::poll`] has something to say again.
    pub fn next_deadline(&self) -> Option<u64> {
        let ends = self.ringing.iter().map(|(_, until)| *until);
        let next = self.waiting.front().map(|turn| self.began.saturating_add(turn.at));
        ends.chain(next).filter(|at| *at != u64::MAX).min()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vocab::group::{GroupMember, MemberPlace};
    use crate::vocab::{ExtensionKey, GroupKey};

    fn group(strategy: GroupStrategy, delays: &[u16]) -> Group {
        let member = |(index, delay): (usize, &u16)| GroupMember {
            place: MemberPlace::Extension(ExtensionKey {
                tenant: "t".into(),
                number: index.to_string(),
            }),
            delay_secs: *delay,
        };
        Group {
            strategy,
            members: delays.iter().enumerate().map(member).collect(),
            ring_secs: 10,
            ..Group::named(GroupKey { tenant: "t".into(), name: "g".into() }, "600")
        }
    }

    fn turn(place: usize, at: u64, lasts: u64) -> Turn {
        Turn { place, at: at * SECOND, lasts: lasts * SECOND }
    }

    fn acts(round: &mut Round, now: u64) -> Vec<Act> {
        std::iter::from_fn(|| round.poll(now * SECOND)).collect()
    }

    #[test]
    fn each_strategy_has_its_times() {
        let times = |strategy| turns_of(&group(strategy, &[0, 5, 20]));
        assert_eq!(
            times(GroupStrategy::Parallel),
            [turn(0, 0, 10), turn(1, 0, 10), turn(2, 0, 10)]
        );
        assert_eq!(
            times(GroupStrategy::Sequential),
            [turn(0, 0, 10), turn(1, 10, 10), turn(2, 20, 10)]
        );
        assert_eq!(
            times(GroupStrategy::Delayed),
            [turn(0, 0, 30), turn(1, 5, 25), turn(2, 20, 10)]
        );
        let mut short = group(GroupStrategy::Sequential, &[0, 0, 0]);
        short.timeout_secs = Some(15);
        assert_eq!(turns_of(&short), [turn(0, 0, 10), turn(1, 10, 5)]);
    }

    #[test]
    fn one_after_the_other_without_gaps() {
        let turns = turns_of(&group(GroupStrategy::Sequential, &[0, 0, 0]));
        let mut round = Round::new(100 * SECOND, turns, OfferId(7));
        assert_eq!(acts(&mut round, 100), [Act::Ring(0, OfferId(7))]);
        assert_eq!(round.next_deadline(), Some(110 * SECOND));
        // The first refuses after two seconds; the others come earlier.
        round.lost(OfferId(7));
        assert_eq!(acts(&mut round, 102), [Act::Ring(1, OfferId(8))]);
        assert_eq!(acts(&mut round, 111), []);
        assert_eq!(acts(&mut round, 112), [Act::Stop(OfferId(8)), Act::Ring(2, OfferId(9))]);
        assert_eq!(acts(&mut round, 122), [Act::Stop(OfferId(9))]);
        assert!(round.is_over());
    }

    #[test]
    fn who_has_answered_is_not_stopped() {
        let turns = turns_of(&group(GroupStrategy::Parallel, &[0, 0]));
        let mut round = Round::new(0, turns, OfferId(0));
        acts(&mut round, 0);
        round.keep(OfferId(1));
        assert_eq!(acts(&mut round, 10), [Act::Stop(OfferId(0))]);
        assert!(!round.is_over());
        assert_eq!(round.next_deadline(), None);
    }

    proptest! {
        /// Whatever fails and however late time comes, everybody rings at most once and it comes to an end.
        #[test]
        fn a_round_ends(
            delays in prop::collection::vec(0u16..60, 0..8),
            strategy in prop_oneof![
                Just(GroupStrategy::Parallel), Just(GroupStrategy::Sequential), Just(GroupStrategy::Delayed)
            ],
            lost in prop::collection::vec(any::<bool>(), 8),
            late in prop::collection::vec(0u64..30, 64),
        ) {
            let turns = turns_of(&group(strategy, &delays));
            let mut round = Round::new(SECOND, turns, OfferId(0));
            let (mut now, mut rung, mut late) = (SECOND, Vec::new(), late.into_iter());
            loop {
                while let Some(act) = round.poll(now) {
                    if let Act::Ring(place, offer) = act {
                        prop_assert!(!rung.contains(&place));
                        rung.push(place);
                        if lost.get(place) == Some(&true) {
                            round.lost(offer);
                        }
                    }
                }
                let Some(at) = round.next_deadline() else { break };
                prop_assert!(at > now);
                now = at + late.next().unwrap_or(0) * SECOND;
            }
            prop_assert!(round.is_over());
            prop_assert_eq!(rung.len(), delays.len());
        }
    }
}
