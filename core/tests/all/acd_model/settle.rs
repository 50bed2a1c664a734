//! How the reference comes to rest: everything that is due happens, then every caller takes the agents that are its.

use std::cmp::Reverse;

use strowger_core::vocab::acd::*;
use strowger_core::vocab::{CallId, Now};

use super::reference::*;

/// How often a queue announces, and tells positions.
pub fn pauses(queue: &QueueConfig) -> (Option<u64>, Option<u64>) {
    let every = |secs: u32| (secs > 0).then(|| u64::from(secs) * SECOND);
    let announces = every(queue.voice.announce_frequency);
    let positions = every(queue.voice.position_announce_frequency);
    (announces.filter(|_| queue.voice.announce_sound.is_some()), positions)
}

impl Model {
    /// Time passes; what is due by then is seen at the next settling.
    pub fn at(&mut self, now: Now) {
        (self.now, self.wall) = (now.mono, now.wall);
        self.agents.iter_mut().for_each(|agent| {
            let over = |wrap: &Wrap| wrap.ends.max(wrap.held.unwrap_or(0)) <= now.mono;
            if agent.wrap.as_ref().is_some_and(over) {
                agent.wrap = None;
            }
        });
    }

    pub fn tick(&mut self, now: Now) {
        self.at(now);
        self.settle();
    }

    pub fn settle(&mut self) {
        let now = Now { mono: self.now, wall: self.wall };
        self.at(now);
        self.note_deserted();
        self.ring_out();
        self.note_deserted();
        self.give_up_callbacks();
        self.let_go();
        self.speak();
        while let Some((agent, call)) = self.next_match() {
            self.match_up(&agent, call);
        }
    }

    fn note_deserted(&mut self) {
        let keys: Vec<QueueKey> =
            self.config.queues.iter().map(|queue| queue.key.clone()).collect();
        self.deserted.retain(|key, _| keys.contains(key));
        for key in keys {
            let somebody = self.serving(&key).any(|agent| agent.intent == Intent::Available);
            if somebody {
                self.deserted.remove(&key);
            } else {
                self.deserted.entry(key).or_insert(self.now);
            }
        }
    }

    fn ring_out(&mut self) {
        let over: Vec<Ring> =
            self.rings.iter().filter(|ring| ring.ends <= self.now).cloned().collect();
        for ring in over {
            let end = if ring.answered { OfferEnd::Unreachable } else { OfferEnd::NoAnswer };
            self.seen.push(Seen::Cancel { agent: ring.agent.clone(), call: ring.call, end });
            self.end_ring(&ring.agent, ring.call, end);
        }
    }

    fn give_up_callbacks(&mut self) {
        let now = self.now;
        let over = |caller: &&Caller| {
            let callback = caller.callback.as_ref();
            callback.and_then(|c| c.trying).is_some_and(|ends| ends <= now)
        };
        let calls: Vec<CallId> = self.callers.iter().filter(over).map(|c| c.call).collect();
        for call in calls {
            self.callback_over(call);
        }
    }

    /// When a caller's patience, as configured, is over, and by which limit.
    pub fn limits(&self, caller: &Caller) -> Vec<(u64, OverflowReason)> {
        let Some(queue) = self.queue(&caller.queue) else { return Vec::new() };
        if caller.callback.is_some() {
            return Vec::new();
        }
        let mut limits = Vec::new();
        if queue.limits.max_wait_time > 0 {
            let ends = caller.since + u64::from(queue.limits.max_wait_time) * SECOND;
            limits.push((ends, OverflowReason::Timeout));
        }
        if queue.voice.disable_answer && !caller.called_back {
            limits.push((caller.since + EARLY_LIMIT, OverflowReason::Timeout));
        }
        let patience = queue.limits.max_wait_time_with_no_agent;
        if let Some(since) = self.deserted.get(&caller.queue)
            && patience > 0
        {
            let ends = caller.since.max(*since) + u64::from(patience) * SECOND;
            limits.push((ends, OverflowReason::NoAgent));
        }
        limits
    }

    pub fn is_leaving(&self, caller: &Caller) -> Option<OverflowReason> {
        let mut over = self.limits(caller);
        over.retain(|(ends, _)| *ends <= self.now);
        over.sort_by_key(|(_, reason)| *reason);
        over.first().map(|(_, reason)| *reason)
    }

    /// Callers whose limit is over leave, unless somebody rings for them.
    fn let_go(&mut self) {
        for caller in self.callers.clone() {
            let rung = self.rings.iter().any(|ring| ring.call == caller.call);
            if let (Some(reason), false) = (self.is_leaving(&caller), rung) {
                self.overflow(caller.call, reason);
            }
        }
    }

    pub fn say(&mut self, call: CallId, what: &str) {
        self.seen.push(Seen::Say { call, what: what.to_owned() });
    }

    fn speak(&mut self) {
        let now = self.now;
        for caller in self.callers.clone() {
            let silent = caller.callback.is_some()
                || self.is_leaving(&caller).is_some_and(|reason| reason == OverflowReason::Timeout)
                || self.rings.iter().any(|ring| ring.call == caller.call && ring.answered);
            let (Some(queue), false) = (self.queue(&caller.queue), silent) else { continue };
            let (announces, positions) = pauses(queue);
            let next =
                |at: u64, every: u64| if at + every > now { at + every } else { now + every };
            let due = |at: Option<u64>| at.filter(|at| *at <= now);
            if let Some(at) = due(caller.position_at) {
                let position = self.position(caller.call);
                self.say(caller.call, &format!("position {position}"));
                self.change(caller.call, |c| {
                    c.position_at = positions.map(|every| next(at, every))
                });
            }
            if let Some(at) = due(caller.announce_at) {
                self.say(caller.call, "announce");
                self.change(caller.call, |c| {
                    c.announce_at = announces.map(|every| next(at, every))
                });
            }
        }
    }

    fn change(&mut self, call: CallId, change: impl FnOnce(&mut Caller)) {
        if let Some(caller) = self.callers.iter_mut().find(|caller| caller.call == call) {
            change(caller);
        }
    }

    /// From 1, in its queue.
    pub fn position(&self, call: CallId) -> usize {
        let Some(queue) = self.caller(call).map(|caller| caller.queue.clone()) else { return 0 };
        let order = self.in_order();
        let same: Vec<_> = order.iter().filter(|caller| caller.queue == queue).collect();
        same.iter().position(|caller| caller.call == call).map_or(0, |at| at + 1)
    }

    pub fn priority(&self, caller: &Caller) -> u32 {
        let aging = self.queue(&caller.queue).map_or(0, |queue| queue.choice.aging_secs);
        let grown = match aging {
            0 => 0,
            secs => (self.now - caller.joined) / (u64::from(secs) * SECOND),
        };
        caller.base.saturating_add(u32::try_from(grown).unwrap_or(u32::MAX))
    }

    /// All callers, the one with the first claim first.
    pub fn in_order(&self) -> Vec<&Caller> {
        let mut callers: Vec<&Caller> = self.callers.iter().collect();
        callers.sort_by_key(|caller| {
            let weight = self.queue(&caller.queue).map_or(0, |queue| queue.choice.weight);
            (Reverse(weight), Reverse(self.priority(caller)), caller.joined, caller.first)
        });
        callers
    }

    fn next_match(&self) -> Option<(AgentKey, CallId)> {
        self.in_order().into_iter().find_map(|caller| Some((self.choose(caller)?, caller.call)))
    }

    fn match_up(&mut self, agent: &AgentKey, call: CallId) {
        let now = self.now;
        let Some(at) = self.callers.iter().position(|c| c.call == call) else { return };
        let queue = self.callers[at].queue.clone();
        let alone = self.knows(&self.callers[at]).as_ref() == Some(agent);
        let rung = self.rings.iter().any(|ring| ring.call == call);
        let position = self.tier(agent, &queue).map_or(0, |tier| tier.position);
        self.turns.insert(queue.clone(), (position, agent.clone()));
        let caller = &mut self.callers[at];
        (caller.last, caller.added) = (Some((position, agent.clone())), now);
        caller.alone = if rung { caller.alone } else { alone };
        caller.tried |= alone && !rung;
        let Some(callback) = &mut caller.callback else {
            self.offer(agent, call);
            return;
        };
        callback.attempts += 1;
        (callback.reserved, callback.trying) = (Some(agent.clone()), Some(now + CALLBACK_LIMIT));
        let (number, attempt) = (caller.number.clone(), callback.attempts);
        let agent = agent.clone();
        self.seen.push(Seen::CallBack { call, queue, agent, number, attempt });
    }

    pub fn offer(&mut self, key: &AgentKey, call: CallId) {
        let Some(queue) = self.caller(call).map(|caller| caller.queue.clone()) else { return };
        let ring = match self.time(key, Some(&queue), |times| times.call_timeout) {
            None | Some(0) => 20,
            Some(secs) => secs,
        };
        let level = self.tier(key, &queue).map_or(0, |tier| tier.level);
        let Some(agent) = self.agent(key) else { return };
        let place = agent.place();
        let confirm = matches!(place, AgentPlace::Number(_)).then_some(agent.config.confirm_key);
        let ends = self.now + u64::from(ring) * SECOND;
        self.rings.push(Ring { agent: key.clone(), call, ends, level, answered: false });
        self.seen.push(Seen::Offer {
            agent: key.clone(),
            call,
            queue,
            place: format!("{place:?}"),
            ring_ms: u64::from(ring) * 1000,
            confirm,
        });
    }
}
