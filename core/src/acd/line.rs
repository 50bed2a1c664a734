//! Callers come, leave and talk.

use crate::vocab::acd::{Join, OfferEnd, OverflowReason, SkillNeed};
use crate::vocab::{CallId, EventKind, InteractionId, Now};

use super::Acd;
use super::act::{Act, Leaving, Saying};
use super::agent::{State, time};
use super::announce::Schedule;
use super::caller::{Caller, Filed, Stage};
use super::numbers::{AgentNo, ClassNo, MS, QueueNo, secs};

/// Bounds on what a caller brings along; more is cut.
const NUMBER_BYTES: usize = 64;
const SKILLS: usize = 16;

/// A disposition is awaited for so many seconds where nothing else is set.
const DISPOSITION: u32 = 300;

impl Acd {
    /// A caller wants to be queued. Refused at once, and counted, when the queue is full or has nobody; `QueueRemoved`
    /// when there is no such queue. A call that is in the distributor already is taken out first.
    pub fn join(&mut self, now: Now, join: Join) -> Result<(), OverflowReason> {
        let no = self.queue_nos.get(&join.queue).copied().ok_or(OverflowReason::QueueRemoved)?;
        if !self.queues.get(no).is_some_and(|queue| queue.defined) {
            return Err(OverflowReason::QueueRemoved);
        }
        self.expel(now, join.call);
        let entered = self.enter(now, no, join);
        self.settle(now);
        entered
    }

    fn enter(&mut self, now: Now, no: QueueNo, join: Join) -> Result<(), OverflowReason> {
        self.count_entered(now, no);
        let Some(queue) = self.queues.get(no) else { return Err(OverflowReason::QueueRemoved) };
        let limits = &queue.config.limits;
        let refused = if limits.exit_with_no_av_agents && queue.staff.logged_in() == 0 {
            Some(OverflowReason::NoAgent)
        } else if queue.line.all.len() >= usize::from(limits.max_length) {
            Some(OverflowReason::Full)
        } else {
            None
        };
        if let Some(reason) = refused {
            self.count_refused(now, no, reason);
            return Err(reason);
        }
        self.stand_in_line(now, no, join);
        Ok(())
    }

    fn stand_in_line(&mut self, now: Now, no: QueueNo, join: Join) {
        let mut skills = join.skills;
        skills.truncate(SKILLS);
        let class = self.class_for(no, &skills);
        let Some(queue) = self.queues.get_mut(no) else { return };
        if let Some(class) = queue.classes.get_mut(class) {
            class.users += 1;
        }
        let mut number = join.number;
        while number.len() > NUMBER_BYTES {
            number.pop();
        }
        let (call, base) = (join.call, join.priority);
        let event = EventKind::CallerQueued {
            call,
            interaction: InteractionId::default(),
            queue: join.queue,
            number: number.clone(),
            priority: base,
        };
        let caller = Caller {
            call,
            seat: call,
            queue: no,
            number,
            base,
            class,
            joined: now.mono,
            joined_wall: now.wall,
            limits_from: now.mono,
            called_back: false,
            stage: Stage::waiting(),
            said: Schedule::new(now.mono, &queue.config),
            same_tried: false,
            walked: None,
            filed: Filed::default(),
            timer: None,
        };
        let tenant = queue.config.key.tenant.clone();
        let starts = queue.config.voice.start_sound.is_some();
        self.callers.insert(call, caller);
        self.publish(&tenant, event);
        if starts {
            self.say(call, Saying::Start);
        }
        self.refresh_caller(now, call);
    }

    /// The class of callers with these needs; a new one knows all free agents.
    pub(super) fn class_for(&mut self, no: QueueNo, extra: &[SkillNeed]) -> ClassNo {
        let Some(queue) = self.queues.get_mut(no) else { return 0 };
        if let Some(class) = queue.find_class(extra) {
            return class;
        }
        let at = queue.add_class(extra);
        let by_skill = queue.strategy() == crate::vocab::acd::Strategy::Skill;
        let ready = queue.ready.clone();
        for agent in ready {
            let Some(agent) = self.agents.get(agent) else { continue };
            let Some(served) = agent.served_in(no) else { continue };
            let skills = &agent.config.skills;
            if let (Some(key), Some(class)) = (served.filed, queue.classes.get_mut(at)) {
                class.file(key, served.level, skills, by_skill);
            }
        }
        at
    }

    /// A caller leaves. `Callback` keeps the place; `HungUp` also ends a conversation. Unknown calls: nothing.
    pub fn leave(&mut self, now: Now, call: CallId, why: Leaving) {
        let Some(caller) = self.callers.get(&call) else { return };
        let talking = matches!(caller.stage, Stage::Talking { .. });
        let waits = matches!(caller.stage, Stage::Waiting { .. } | Stage::Taken { .. });
        match why {
            Leaving::HungUp | Leaving::Removed if talking => self.hang_up(now, call),
            Leaving::HungUp if waits => {
                self.end_offers_of(now, call, OfferEnd::CallerGone);
                self.count_abandoned(now, call);
                self.drop_caller(call);
            }
            Leaving::Removed => {
                self.end_offers_of(now, call, OfferEnd::CallerGone);
                self.count_removed(now, call);
                self.drop_caller(call);
            }
            Leaving::ExitKey if waits => {
                self.end_offers_of(now, call, OfferEnd::CallerGone);
                self.overflow(now, call, OverflowReason::ExitKey);
            }
            Leaving::Callback if waits => self.park(now, call),
            // The call of a callback is over; its place is not.
            Leaving::HungUp | Leaving::ExitKey | Leaving::Callback => {}
        }
        self.settle(now);
    }

    /// The conversation is over for the agent, whoever ended it: wrap-up begins. A caller who still waits has hung up.
    pub fn finished(&mut self, now: Now, call: CallId) {
        self.leave(now, call, Leaving::HungUp);
    }

    /// Whatever a call still did here ends without a word to the switch: it comes anew.
    fn expel(&mut self, now: Now, call: CallId) {
        let Some(caller) = self.callers.get(&call) else { return };
        if matches!(caller.stage, Stage::Talking { .. }) {
            return self.hang_up(now, call);
        }
        self.end_offers_of(now, call, OfferEnd::CallerGone);
        self.count_removed(now, call);
        self.drop_caller(call);
    }

    /// Another base priority for a waiting caller. False if there is none.
    pub fn prioritise(&mut self, now: Now, call: CallId, priority: u32) -> bool {
        let waits = self.callers.get_mut(&call).filter(|caller| caller.is_waiting());
        let Some(caller) = waits else { return false };
        caller.base = priority;
        self.refresh_caller(now, call);
        self.settle(now);
        true
    }

    /// A caller leaves for another destination.
    pub(super) fn overflow(&mut self, now: Now, call: CallId, reason: OverflowReason) {
        self.end_offers_of(now, call, OfferEnd::CallerGone);
        self.count_overflowed(now, call, reason);
        let Some(caller) = self.callers.get(&call) else { return };
        let gone = matches!(caller.stage, Stage::Parked { .. } | Stage::CallingBack { .. });
        let queue = self.queues.get(caller.queue).map(|queue| queue.config.key.clone());
        if let Some(queue) = queue.filter(|_| !gone) {
            self.acts.push_back(Act::Overflow { call, queue, reason });
        }
        self.drop_caller(call);
    }

    fn hang_up(&mut self, now: Now, call: CallId) {
        let Some(caller) = self.callers.get(&call) else { return };
        let Stage::Talking { agent } = caller.stage else { return };
        self.after_talk(now, agent, call);
        self.drop_caller(call);
    }

    /// An agent's conversation is over.
    fn after_talk(&mut self, now: Now, no: AgentNo, call: CallId) {
        let Some(agent) = self.agents.get(no) else { return };
        let State::Talking { call: with, queue, since, disposed } = agent.state else { return };
        if with != call {
            return;
        }
        self.count_talk(now, no, queue, now.mono.saturating_sub(since) / MS);
        let (wrap_up, held) = self.wrap_up_of(no, queue, disposed);
        let Some(agent) = self.agents.get_mut(no) else { return };
        agent.past.idle_since = now.mono;
        let own_end = now.mono.saturating_add(wrap_up);
        agent.state = if wrap_up.max(held.unwrap_or(0)) == 0 {
            agent.at_rest(now.mono)
        } else {
            State::WrappingUp {
                queue: Some(queue),
                call: Some(call),
                since: now.mono,
                until: now.mono.saturating_add(held.unwrap_or(0)).max(own_end),
                own_end: held.map(|_| own_end),
            }
        };
        self.refresh_agent(now, no);
        self.bury_agent(now, no);
    }

    /// How long an agent wraps up after a conversation, and how long that waits for a disposition, if it does; in
    /// nanoseconds.
    fn wrap_up_of(&self, no: AgentNo, queue: QueueNo, disposed: bool) -> (u64, Option<u64>) {
        let Some(agent) = self.agents.get(no) else { return (0, None) };
        let queue = self.queues.get(queue).map(|queue| &queue.config);
        let tenant = self.tenants.get(&agent.config.key.tenant).map(|tenant| &tenant.times);
        let layers = [Some(&agent.config.times), queue.map(|queue| &queue.times), tenant];
        let wrap_up = secs(time(layers, |times| times.wrap_up_time).unwrap_or(0));
        let service = queue.map(|queue| &queue.service);
        let held = service.filter(|service| service.disposition_required && !disposed);
        let timeout = held.map(|service| match service.disposition_timeout_secs {
            0 => secs(DISPOSITION),
            seconds => secs(seconds),
        });
        (wrap_up, timeout)
    }
}

#[cfg(test)]
mod tests {
    use crate::vocab::acd::{Activity, Intent};

    use super::super::testing::{bench, on_break};
    use super::*;

    const ONE: [(&str, u16, u16); 1] = [("a", 1, 1)];

    #[test]
    fn every_caller_is_counted_once_however_it_leaves() {
        let mut bench = bench(&ONE, |queue| queue.limits.max_length = 4);
        for call in 1..6 {
            let _ = bench.try_join(call, "9001");
        }
        bench.talk("a");
        bench.leave(2, Leaving::HungUp);
        bench.leave(3, Leaving::ExitKey);
        bench.leave(4, Leaving::Removed);
        bench.leave(99, Leaving::HungUp);
        let counted = bench.counted("9001");
        assert_eq!(
            [counted.entered, counted.answered, counted.abandoned, counted.removed],
            [5, 1, 1, 1]
        );
        assert_eq!(counted.overflowed[&OverflowReason::Full], 1);
        assert_eq!(counted.overflowed[&OverflowReason::ExitKey], 1);
        assert_eq!(bench.queue("9001").waiting, 0);
        assert_eq!(bench.queue("9001").answered, 1);
    }

    #[test]
    fn nobody_is_queued_where_nobody_is_logged_in() {
        let mut bench = bench(&ONE, |_| ());
        bench.intent("a", on_break());
        bench.join(1, "9001");
        bench.intent("a", Intent::LoggedOut);
        assert_eq!(bench.try_join(2, "9001"), Err(OverflowReason::NoAgent));
        assert_eq!(bench.try_join(3, "9002"), Err(OverflowReason::QueueRemoved));
        assert_eq!(bench.queue("9001").waiting, 1, "who waits goes on waiting");
    }

    #[test]
    fn wrap_up_follows_a_conversation_and_the_agent_is_free_after_it() {
        let mut bench = bench(&ONE, |queue| queue.times.wrap_up_time = Some(15));
        bench.join(1, "9001");
        bench.join(2, "9001");
        bench.talk("a");
        bench.pass(30);
        bench.finished(1);
        bench.finished(1);
        assert!(matches!(bench.activity("a"), Activity::WrappingUp { queue: Some(_), .. }));
        bench.offered();
        bench.pass(14);
        assert_eq!(bench.offered(), "");
        bench.pass(1);
        assert_eq!(bench.offers(), [("a".into(), 2)]);
        assert_eq!(bench.counted("9001").talk_ms, 30_000);
        assert_eq!(bench.counted("9001").wrap_up_ms, 15_000);
        assert_eq!(bench.agent_counted("a").wrap_up_ms, 15_000);
    }

    #[test]
    fn a_call_that_comes_again_is_in_one_place_only() {
        let mut bench = bench(&ONE, |_| ());
        bench.join(1, "9001");
        bench.talk("a");
        bench.join(1, "9001");
        assert_eq!(bench.queue("9001").answered, 0);
        bench.join(1, "9001");
        assert_eq!(bench.queue("9001").waiting, 1);
        assert_eq!(bench.counted("9001").entered, 3);
    }

    #[test]
    fn a_caller_can_be_put_first() {
        let mut bench = bench(&ONE, |_| ());
        bench.intent("a", on_break());
        bench.join(1, "9001");
        bench.join(2, "9001");
        assert!(bench.acd.prioritise(bench.now, CallId(2), 7));
        assert!(!bench.acd.prioritise(bench.now, CallId(3), 7));
        bench.intent("a", Intent::Available);
        assert_eq!(bench.offers(), [("a".into(), 2)]);
    }

    #[test]
    fn what_a_caller_brings_along_is_bounded() {
        let mut bench = bench(&ONE, |_| ());
        let need = SkillNeed { name: "x".into(), level: 1, relax_secs: 0, relax_by: 0 };
        let joined = bench.join_with(1, "9001", |join| {
            join.number = "\u{e9}".repeat(1_000);
            join.skills = vec![need; 1_000];
        });
        assert_eq!(joined, Ok(()));
        let caller = &bench.acd.callers[&CallId(1)];
        assert_eq!(caller.number.len(), NUMBER_BYTES);
        let queue = bench.acd.queues.get(caller.queue).expect("its queue");
        assert_eq!(queue.classes[caller.class].needs.len(), SKILLS);
    }
}
