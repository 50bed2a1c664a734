//! One queue as it stands: its line, its agents, and who of them is free.

use std::collections::{BTreeMap, BTreeSet};

use crate::vocab::CallId;
use crate::vocab::acd::{AgentKey, QueueConfig, QueueFigures, SkillNeed, Strategy};

use super::agent::{Agent, Score};
use super::book::Book;
use super::handling::Handling;
use super::numbers::{AgentNo, CallerKey, ClassNo, FreeKey, secs};
use super::ordered::Ordered;
use super::same::SameAgent;
use super::skills;

/// Classes kept although nobody with their needs waits.
const SPARE_CLASSES: usize = 32;

/// Callers with the same needs, and the agents that are free for them.
#[derive(Debug, Clone, Default)]
pub(super) struct Class {
    pub needs: Vec<SkillNeed>,
    /// Of these, what callers need besides what the queue does.
    pub extra: Vec<SkillNeed>,
    /// Callers of this class; the first class is the queue's own and stays.
    pub users: usize,
    /// Free agents by level and by the wait after which they are good enough.
    pub free: BTreeMap<(u16, u64), Ordered<FreeKey>>,
    /// Callers that want an agent now.
    pub open: Ordered<CallerKey>,
}

/// Agents of a queue who are logged in.
#[derive(Debug, Clone, Default)]
pub(super) struct Staff {
    /// Logged in, by level.
    pub logged: BTreeMap<u16, usize>,
    /// Of intent available.
    pub available: usize,
    /// Since when none was of intent available.
    pub none_since: Option<u64>,
    /// Load of those logged in, where the strategy looks at it.
    pub scores: Ordered<(u64, u32)>,
}

impl Staff {
    pub fn logged_in(&self) -> usize {
        self.logged.values().sum()
    }

    /// The lowest level that has somebody logged in.
    pub fn lowest(&self) -> Option<u16> {
        self.logged.keys().next().copied()
    }

    /// The middle of the load of those logged in; 0 without any.
    pub fn median(&self) -> u64 {
        let at = |rank| self.scores.nth(rank).map_or(0, |(score, _)| score);
        let count = self.scores.len();
        if count == 0 { 0 } else { at((count - 1) / 2).midpoint(at(count / 2)) }
    }
}

/// Callers of a queue.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    /// Everybody who waits.
    pub all: Ordered<CallerKey>,
    /// ... by the time they joined.
    pub by_joined: Ordered<(u64, CallId)>,
    /// Those for whom nobody rings, by the time from which their limits count.
    pub alone: Ordered<(u64, CallId)>,
    /// Callers for whom somebody rings.
    pub trying: usize,
    /// Callers who talk with an agent.
    pub talking: BTreeSet<CallId>,
}

/// An agent of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Member {
    pub level: u16,
    pub position: u16,
    pub rank: u32,
    pub agent: AgentNo,
}

/// What was counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub book: Book<QueueFigures>,
    pub handling: Handling,
    pub save_at: Option<u64>,
    /// The tenant's day of the scores.
    pub day: u64,
}

/// After whom a walk along the positions goes on.
pub(super) type Walked = (u16, AgentKey);

/// A queue.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    pub config: QueueConfig,
    /// False once it was removed and only conversations of it go on.
    pub defined: bool,
    /// By level, position and id.
    pub crew: Vec<Member>,
    pub staff: Staff,
    pub line: Line,
    pub classes: Vec<Class>,
    /// Agents that could be offered a caller now.
    pub ready: BTreeSet<AgentNo>,
    /// Who was offered last (round-robin).
    pub last: Option<Walked>,
    pub same: SameAgent,
    pub tally: Tally,
    /// As in the index of deadlines.
    pub timer: Option<u64>,
}

impl Queue {
    pub fn new(config: QueueConfig) -> Self {
        let own = Class { needs: config.choice.skills.clone(), ..Class::default() };
        Self {
            config,
            defined: true,
            crew: Vec::new(),
            staff: Staff::default(),
            line: Line::default(),
            classes: vec![own],
            ready: BTreeSet::new(),
            last: None,
            same: SameAgent::default(),
            tally: Tally::default(),
            timer: None,
        }
    }

    pub fn strategy(&self) -> Strategy {
        self.config.choice.strategy
    }

    /// Several agents may ring for one caller.
    pub fn rings_many(&self) -> bool {
        matches!(self.strategy(), Strategy::RingAll | Strategy::RingProgressively)
    }

    /// A caller's place with the priority that it has by now.
    pub fn aged(&self, key: CallerKey, now: u64) -> CallerKey {
        key.aged(now, secs(self.config.choice.aging_secs))
    }

    /// How many stand before a caller by now. Of those who came with the same priority these are the first ones.
    pub fn before(&self, key: &CallerKey, now: u64) -> usize {
        let (all, aging) = (&self.line.all, secs(self.config.choice.aging_secs));
        let own = self.aged(*key, now);
        let mut before = 0;
        let mut next = all.first();
        while let Some(first) = next {
            let bound = match own.priority.0.checked_sub(first.priority.0) {
                Some(lacks) => bound(&own, &first, u64::from(lacks), now, aging),
                None => first.beyond(),
            };
            before += all.rank(&bound).saturating_sub(all.rank(&first));
            next = all.at_or_after(&first.beyond());
        }
        before
    }

    /// How many agents may ring for one caller.
    pub fn ring_max(&self) -> usize {
        if self.rings_many() { usize::from(self.config.choice.ring_all_max.max(1)) } else { 1 }
    }

    /// The wait after which a level is open; 0 where the rules of tiers do not apply.
    pub fn level_wait(&self, level: u16) -> u64 {
        let choice = &self.config.choice;
        let open = self.staff.lowest().is_none_or(|lowest| level <= lowest);
        if open || !choice.tier_rules_apply {
            return 0;
        }
        let times = if choice.tier_rule_wait_multiply_level { u64::from(level) } else { 1 };
        secs(choice.tier_rule_wait_second).saturating_mul(times)
    }

    /// When, after this wait, another level may open next.
    pub fn next_level(&self, waited: u64) -> Option<u64> {
        let choice = &self.config.choice;
        let wait = secs(choice.tier_rule_wait_second);
        if !choice.tier_rules_apply || wait == 0 {
            return None;
        }
        if !choice.tier_rule_wait_multiply_level {
            return (waited < wait).then_some(wait);
        }
        // Levels of the crew are in order.
        let at = self
            .crew
            .partition_point(|member| wait.saturating_mul(u64::from(member.level)) <= waited);
        self.crew.get(at).map(|member| wait.saturating_mul(u64::from(member.level)))
    }

    /// The wait after which an agent may take a caller of a class; `None` never.
    pub fn required_wait(
        &self,
        class: ClassNo,
        level: u16,
        skills: &skills::Skills,
    ) -> Option<u64> {
        let needs = &self.classes.get(class)?.needs;
        let skill = skills::wait_until_enough(needs, skills)?;
        Some(skill.max(self.level_wait(level)))
    }

    /// What the strategy looks at, for an agent at this position with this load.
    pub fn free_key(&self, agent: &Agent, no: AgentNo, position: u16, score: Score) -> FreeKey {
        let idle = agent.past.idle_since;
        let (first, idle_since) = match self.strategy() {
            Strategy::RingAll
            | Strategy::RoundRobin
            | Strategy::TopDown
            | Strategy::SequentiallyByAgentOrder
            | Strategy::RingProgressively => (u64::from(position), 0),
            Strategy::LongestIdleAgent => (idle, 0),
            Strategy::AgentWithLeastTalkTime => (score.talk_ms, idle),
            Strategy::AgentWithFewestCalls => (score.calls, idle),
            Strategy::Random => (0, 0),
            Strategy::Skill => (0, idle),
        };
        FreeKey { first, idle_since, rank: agent.rank, agent: no }
    }

    /// Files a free agent under all classes.
    pub fn file(&mut self, key: FreeKey, level: u16, skills: &skills::Skills) {
        self.ready.insert(key.agent);
        let by_skill = self.strategy() == Strategy::Skill;
        for class in &mut self.classes {
            class.file(key, level, skills, by_skill);
        }
    }

    /// Takes an agent out from under all classes.
    pub fn unfile(&mut self, key: FreeKey, level: u16, skills: &skills::Skills) {
        self.ready.remove(&key.agent);
        let by_skill = self.strategy() == Strategy::Skill;
        for class in &mut self.classes {
            class.unfile(key, level, skills, by_skill);
        }
    }

    /// The class of callers with these needs besides the queue's own, if there is one.
    pub fn find_class(&self, extra: &[SkillNeed]) -> Option<ClassNo> {
        self.classes.iter().position(|class| class.extra == extra)
    }

    /// A new class, in the place of one that nobody uses if there are many. Free agents are not filed under it yet.
    pub fn add_class(&mut self, extra: &[SkillNeed]) -> ClassNo {
        let needs = self.config.choice.skills.iter().chain(extra).cloned().collect();
        let class = Class { needs, extra: extra.to_vec(), ..Class::default() };
        if self.classes.len() > SPARE_CLASSES {
            let unused = self.classes.iter_mut().enumerate().skip(1).find(|(_, c)| c.users == 0);
            if let Some((at, slot)) = unused {
                *slot = class;
                return at;
            }
        }
        self.classes.push(class);
        self.classes.len() - 1
    }

    /// Drops everything that is filed, so that it can be filed anew.
    pub fn clear_agents(&mut self) {
        self.crew.clear();
        self.ready.clear();
        self.staff.logged.clear();
        self.staff.available = 0;
        self.staff.scores = Ordered::default();
        for class in &mut self.classes {
            class.free.clear();
        }
    }
}

/// The end of those who came with the priority of `first` and stand before `own`, whose priority of now is by `lacks`
/// higher than theirs was when they came.
fn bound(own: &CallerKey, first: &CallerKey, lacks: u64, now: u64, aging: u64) -> CallerKey {
    // Who joined before this has grown by so many steps.
    let grown = |steps: u64| match aging {
        0 => (steps == 0).then_some(u64::MAX),
        _ => now.checked_sub(steps.saturating_mul(aging)).map(|at| at.saturating_add(1)),
    };
    let at = |joined: Option<u64>| CallerKey {
        joined: joined.unwrap_or(0),
        seat: CallId(0),
        call: CallId(0),
        ..*first
    };
    let (higher, equal) = (at(grown(lacks.saturating_add(1))), at(grown(lacks)));
    let own = CallerKey { priority: first.priority, ..*own };
    higher.max(equal.min(own))
}

impl Class {
    fn key(&self, key: FreeKey, skills: &skills::Skills, by_skill: bool) -> FreeKey {
        if !by_skill {
            return key;
        }
        FreeKey { first: u64::MAX - skills::total(&self.needs, skills), ..key }
    }

    pub fn file(&mut self, key: FreeKey, level: u16, skills: &skills::Skills, by_skill: bool) {
        if let Some(wait) = skills::wait_until_enough(&self.needs, skills) {
            let key = self.key(key, skills, by_skill);
            self.free.entry((level, wait)).or_default().insert(key);
        }
    }

    fn unfile(&mut self, key: FreeKey, level: u16, skills: &skills::Skills, by_skill: bool) {
        let Some(wait) = skills::wait_until_enough(&self.needs, skills) else { return };
        let key = self.key(key, skills, by_skill);
        if let Some(free) = self.free.get_mut(&(level, wait)) {
            free.remove(&key);
            if free.is_empty() {
                self.free.remove(&(level, wait));
            }
        }
    }

    /// The first caller in order who joined at `latest` or before and whom `fits` accepts, with its priority of now.
    /// `aged` gives a key that priority.
    pub fn first_open(
        &self,
        latest: u64,
        fits: impl Fn(CallId) -> bool,
        aged: impl Fn(CallerKey) -> CallerKey,
    ) -> Option<CallerKey> {
        let mut best = None;
        let mut next = self.open.first();
        while let Some(key) = next {
            let joined = key.joined <= latest;
            next = if joined && !fits(key.call) {
                let call = CallId(key.call.0.saturating_add(1));
                self.open.at_or_after(&CallerKey { call, ..key }).filter(|next| *next != key)
            } else {
                // Nobody further who came with this priority is before it, or has waited longer.
                best = best.into_iter().chain(joined.then(|| aged(key))).min();
                self.open.at_or_after(&key.beyond())
            };
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use super::super::numbers::SECOND;
    use super::super::testing::queue_config;
    use super::*;

    fn queue(change: impl FnOnce(&mut QueueConfig)) -> Queue {
        let mut config = queue_config("9001");
        change(&mut config);
        Queue::new(config)
    }

    fn with_levels(queue: &mut Queue, levels: &[u16], logged: &[u16]) {
        for (at, level) in (0..).zip(levels) {
            queue.crew.push(Member { level: *level, position: 1, rank: at, agent: at });
        }
        for level in logged {
            *queue.staff.logged.entry(*level).or_default() += 1;
        }
    }

    #[test]
    fn a_level_opens_by_its_number_unless_it_is_the_lowest_that_has_somebody() {
        let mut queue = queue(|config| config.choice.tier_rule_wait_second = 10);
        with_levels(&mut queue, &[1, 2, 3], &[2, 3]);
        assert_eq!([1, 2, 3].map(|level| queue.level_wait(level) / SECOND), [0, 0, 30]);
        queue.config.choice.tier_rule_wait_multiply_level = false;
        assert_eq!(queue.level_wait(3), 10 * SECOND);
        queue.config.choice.tier_rules_apply = false;
        assert_eq!(queue.level_wait(3), 0);
    }

    #[test]
    fn the_next_opening_is_the_next_level_that_the_crew_has() {
        let mut queue = queue(|config| config.choice.tier_rule_wait_second = 10);
        with_levels(&mut queue, &[1, 1, 2, 5], &[]);
        let next = |waited: u64| queue.next_level(waited * SECOND).map(|at| at / SECOND);
        assert_eq!([next(0), next(10), next(20), next(50)], [Some(10), Some(20), Some(50), None]);
    }

    #[test]
    fn the_median_lies_in_the_middle() {
        let mut staff = Staff::default();
        assert_eq!(staff.median(), 0);
        for (rank, score) in (0..).zip([10, 2, 6]) {
            staff.scores.insert((score, rank));
        }
        assert_eq!(staff.median(), 6);
        staff.scores.insert((8, 9));
        assert_eq!(staff.median(), 7);
    }

    #[test]
    fn classes_that_nobody_uses_give_way() {
        let mut queue = queue(|_| ());
        let need = |level| [SkillNeed { name: "x".into(), level, relax_secs: 0, relax_by: 0 }];
        let first = queue.add_class(&need(1));
        queue.classes[first].users = 1;
        for level in 2..100 {
            queue.add_class(&need(level));
        }
        assert!(queue.classes.len() <= SPARE_CLASSES + 1);
        assert_eq!(queue.find_class(&need(1)), Some(first));
        assert_eq!(queue.find_class(&[]), Some(0));
    }

    #[test]
    fn whoever_waited_long_enough_is_found_behind_those_who_did_not() {
        let mut class = Class::default();
        let key = |priority, joined, call| CallerKey {
            priority: Reverse(priority),
            joined,
            seat: CallId(call),
            call: CallId(call),
        };
        class.open.insert(key(9, 50, 1));
        class.open.insert(key(9, 60, 2));
        class.open.insert(key(1, 20, 3));
        class.open.insert(key(1, 10, 4));
        let found = |latest, not: u128| {
            class.first_open(latest, |call| call.0 != not, |key| key).map(|key| key.call.0)
        };
        assert_eq!(found(100, 0), Some(1));
        assert_eq!(found(100, 1), Some(2));
        assert_eq!(found(49, 0), Some(4));
        assert_eq!(found(20, 4), Some(3));
        assert_eq!(found(9, 0), None);
    }

    #[test]
    fn a_position_is_that_of_the_sorted_line_at_any_time() {
        for aging in [0, 3, 10] {
            let mut queue = queue(|config| config.choice.aging_secs = aging);
            let mut x = 7_u64;
            let mut keys = Vec::new();
            for call in 0..60 {
                x = x
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                let (priority, joined) =
                    (Reverse((x >> 60) as u32 % 4), (x >> 40) % 30 * SECOND / 2);
                let key = CallerKey { priority, joined, seat: CallId(call), call: CallId(call) };
                queue.line.all.insert(key);
                keys.push(key);
            }
            for now in [15, 16, 20, 33, 100].map(|secs| secs * SECOND) {
                let mut sorted: Vec<CallerKey> =
                    keys.iter().map(|key| queue.aged(*key, now)).collect();
                sorted.sort_unstable();
                for key in &keys {
                    let place = sorted.iter().position(|one| one.call == key.call);
                    assert_eq!(Some(queue.before(key, now)), place, "{aging} {now} {key:?}");
                }
            }
        }
    }
}
