//! What is told to the reference: each input changes the lists, then everything is settled.

use strowger_core::acd::Leaving;
use strowger_core::vocab::acd::*;
use strowger_core::vocab::{CallId, Now};

use super::reference::*;
use super::settle::pauses;

impl Agent {
    fn new(config: AgentConfig, now: u64) -> Self {
        Self {
            intent: config.status.clone(),
            config,
            idle_since: now,
            reachable: false,
            other_calls: 0,
            missed: 0,
            unreached: 0,
            pause: 0,
            wrap: None,
            place: 0,
            desk: None,
            day: 0,
            talk_ms: 0,
            calls: 0,
            starts: Default::default(),
        }
    }
}

impl Model {
    pub fn configure(&mut self, now: Now, config: AcdConfig) {
        self.at(now);
        let gone: Vec<QueueKey> = self
            .config
            .queues
            .iter()
            .map(|queue| queue.key.clone())
            .filter(|key| !config.queues.iter().any(|queue| queue.key == *key))
            .collect();
        let leaving: Vec<CallId> =
            self.callers.iter().filter(|c| gone.contains(&c.queue)).map(|c| c.call).collect();
        for call in leaving {
            self.overflow(call, OverflowReason::QueueRemoved);
        }
        self.put_agents(&config);
        let former = std::mem::replace(&mut self.config, config).queues;
        self.former.extend(former.into_iter().filter(|queue| gone.contains(&queue.key)));
        self.withdraw_misplaced();
        self.newcomers_start();
        self.keep_saying();
        let queues: Vec<QueueKey> = self.config.queues.iter().map(|q| q.key.clone()).collect();
        self.turns.retain(|key, _| queues.contains(key));
        self.known.retain(|(key, _), _| queues.contains(key));
        self.settle();
    }

    /// Those who are known stay as they are, with their new definitions.
    fn put_agents(&mut self, config: &AcdConfig) {
        let mut old = std::mem::take(&mut self.agents);
        old.append(&mut self.removed);
        let gone = |agent: &&Agent| !config.agents.iter().any(|one| one.key == agent.config.key);
        let gone: Vec<AgentKey> = old.iter().filter(gone).map(|a| a.config.key.clone()).collect();
        for ring in self.rings.clone().iter().filter(|ring| gone.contains(&ring.agent)) {
            self.cancel(&ring.agent, ring.call, OfferEnd::Withdrawn);
        }
        let talks = |agent: &&Agent| self.talks.iter().any(|t| t.agent == agent.config.key);
        let kept = old.iter().filter(|agent| gone.contains(&agent.config.key));
        self.removed = kept.filter(talks).cloned().collect();
        for one in &config.agents {
            let known = old.iter().find(|agent| agent.config.key == one.key).cloned();
            self.newcomers.extend(known.is_none().then(|| one.key.clone()));
            let mut agent = known.unwrap_or_else(|| Agent::new(one.clone(), self.now));
            agent.config = one.clone();
            agent.config.tiers.retain(|tier| tier.queue.tenant == one.key.tenant);
            if usize::from(agent.place) >= one.places.len() {
                agent.place = 0;
            }
            agent.starts.retain(|queue, _| one.tiers.iter().any(|tier| tier.queue == *queue));
            self.agents.push(agent);
        }
    }

    /// One after the other, the others of before and the newcomers before it counting.
    fn newcomers_start(&mut self) {
        let mut newcomers = std::mem::take(&mut self.newcomers);
        newcomers.sort();
        let all: Vec<AgentKey> = self.agents.iter().map(|a| a.config.key.clone()).collect();
        let mut counted: Vec<AgentKey> =
            all.into_iter().filter(|key| !newcomers.contains(key)).collect();
        for key in newcomers {
            if self.agent(&key).is_some_and(|agent| agent.intent != Intent::LoggedOut) {
                self.start_at_median(&key, &counted);
            }
            counted.push(key);
        }
    }

    /// What is said next keeps its time, unless the new pause ends earlier.
    fn keep_saying(&mut self) {
        let now = self.now;
        for at in 0..self.callers.len() {
            let queue = self.callers[at].queue.clone();
            let (announces, positions) = self.queue(&queue).map(pauses).unwrap_or_default();
            let keep = |old: Option<u64>, every: Option<u64>| {
                every.map(|every| old.map_or(now + every, |old| old.min(now + every)))
            };
            let caller = &mut self.callers[at];
            caller.announce_at = keep(caller.announce_at, announces);
            caller.position_at = keep(caller.position_at, positions);
        }
    }

    /// Offers to agents who have no place in the caller's queue any more.
    fn withdraw_misplaced(&mut self) {
        // Whoever has answered already is bridged all the same.
        let misplaced = |ring: &Ring| {
            let caller = self.callers.iter().find(|c| c.call == ring.call);
            let queue = caller.map(|c| c.queue.clone());
            !ring.answered && queue.is_none_or(|queue| self.tier(&ring.agent, &queue).is_none())
        };
        let rings: Vec<Ring> = self.rings.iter().filter(|ring| misplaced(ring)).cloned().collect();
        for ring in rings {
            self.cancel(&ring.agent, ring.call, OfferEnd::Withdrawn);
        }
        let agents = self.agents.clone();
        for caller in &mut self.callers {
            let queue = caller.queue.clone();
            let Some(callback) = &mut caller.callback else { continue };
            let serves = |key: &AgentKey| {
                let agent = agents.iter().find(|agent| agent.config.key == *key);
                agent.is_some_and(|agent| agent.config.tiers.iter().any(|t| t.queue == queue))
            };
            if callback.reserved.as_ref().is_some_and(|key| !serves(key)) {
                callback.reserved = None;
            }
        }
    }

    pub fn join(&mut self, now: Now, join: Join) -> Result<(), OverflowReason> {
        self.at(now);
        let Some(queue) = self.queue(&join.queue).cloned() else {
            return Err(OverflowReason::QueueRemoved);
        };
        if queue.limits.exit_with_no_av_agents && !self.anybody_logged_in(&join.queue) {
            return Err(OverflowReason::NoAgent);
        }
        let waiting = self.callers.iter().filter(|c| c.queue == join.queue).count();
        if waiting >= usize::from(queue.limits.max_length) {
            return Err(OverflowReason::Full);
        }
        let (announces, positions) = pauses(&queue);
        self.callers.push(Caller {
            call: join.call,
            queue: join.queue,
            joined: self.now,
            first: join.call,
            base: join.priority,
            number: join.number,
            needs: join.skills,
            last: None,
            added: 0,
            alone: false,
            tried: false,
            since: self.now,
            called_back: false,
            callback: None,
            announce_at: announces.map(|every| now.mono + every),
            position_at: positions.map(|every| now.mono + every),
        });
        if queue.voice.start_sound.is_some() {
            self.say(join.call, "start");
        }
        self.settle();
        Ok(())
    }

    pub fn leave(&mut self, now: Now, call: CallId, why: Leaving) {
        self.at(now);
        if self.talks.iter().any(|talk| talk.call == call) {
            if matches!(why, Leaving::HungUp | Leaving::Removed) {
                self.finish(call);
            }
        } else if let Some(at) = self.callers.iter().position(|c| c.call == call) {
            let queue = self.callers[at].queue.clone();
            let parked = self.callers[at].callback.is_some();
            match why {
                _ if parked && why != Leaving::Removed => {}
                Leaving::Callback if self.callers[at].number.is_empty() => {}
                Leaving::Callback => {
                    self.cancel_all(call, OfferEnd::CallerGone);
                    let (reserved, trying) = (None, None);
                    let place = Callback { attempts: 0, not_before: now.mono, reserved, trying };
                    (self.callers[at].callback, self.callers[at].tried) = (Some(place), true);
                }
                // The call of a callback is over; its place is not.
                _ => {
                    self.cancel_all(call, OfferEnd::CallerGone);
                    self.callers.retain(|caller| caller.call != call);
                    let reason = OverflowReason::ExitKey;
                    if why == Leaving::ExitKey {
                        self.seen.push(Seen::Overflow { call, queue, reason });
                    }
                }
            }
        }
        self.settle();
    }

    pub fn prioritise(&mut self, now: Now, call: CallId, priority: u32) -> bool {
        self.at(now);
        let Some(caller) = self.callers.iter_mut().find(|c| c.call == call) else { return false };
        caller.base = priority;
        self.settle();
        true
    }

    pub fn answered(&mut self, now: Now, agent: &AgentKey, call: CallId) -> bool {
        self.at(now);
        let Some(ring) = self.ring_mut(agent, call) else { return false };
        if ring.answered {
            return false;
        }
        (ring.answered, ring.ends) = (true, now.mono + BRIDGE_LIMIT);
        let others: Vec<Ring> =
            self.rings.iter().filter(|r| r.call == call && r.agent != *agent).cloned().collect();
        for other in others {
            self.cancel(&other.agent, call, OfferEnd::WonByAnother);
        }
        self.settle();
        true
    }

    pub fn bridged(&mut self, now: Now, agent: &AgentKey, call: CallId) -> bool {
        self.at(now);
        if !self.ring_mut(agent, call).is_some_and(|ring| ring.answered) {
            return false;
        }
        let Some(at) = self.callers.iter().position(|c| c.call == call) else { return false };
        let caller = self.callers.remove(at);
        self.rings.retain(|ring| ring.call != call);
        let pause = self.now + LEAST_PAUSE;
        let (queue, since) = (caller.queue.clone(), self.now);
        let disposed = false;
        self.talks.push(Talk { agent: agent.clone(), call, queue: queue.clone(), since, disposed });
        let remembers = self.queue(&queue).is_some_and(|q| q.choice.try_same_agent_time > 0);
        if remembers && !caller.number.is_empty() {
            self.known.insert((queue, caller.number), (agent.clone(), since));
        }
        self.roll_day(agent);
        if let Some(agent) = self.agent_mut(agent) {
            (agent.pause, agent.missed, agent.unreached) = (pause, 0, 0);
            agent.calls += 1;
        }
        self.settle();
        true
    }

    pub fn failed(&mut self, now: Now, agent: &AgentKey, call: CallId, end: OfferEnd) -> bool {
        self.at(now);
        let Some(ring) = self.ring_mut(agent, call) else { return false };
        let end = if ring.answered { OfferEnd::Unreachable } else { end };
        self.end_ring(agent, call, end);
        self.settle();
        true
    }

    pub fn finished(&mut self, now: Now, call: CallId) {
        self.leave(now, call, Leaving::HungUp);
    }

    fn finish(&mut self, call: CallId) {
        let Some(at) = self.talks.iter().position(|talk| talk.call == call) else { return };
        let talk = self.talks.remove(at);
        self.removed.retain(|agent| agent.config.key != talk.agent);
        let queue = self.once(&talk.queue).cloned();
        self.roll_day(&talk.agent);
        let spoke = (self.now - talk.since) / 1_000_000;
        let wrap_up = self.time(&talk.agent, Some(&talk.queue), |times| times.wrap_up_time);
        let service = queue.map(|queue| queue.service).filter(|s| s.disposition_required);
        let awaited = service.filter(|_| !talk.disposed);
        let ends = self.now + u64::from(wrap_up.unwrap_or(0)) * SECOND;
        let held = awaited.map(|service| match service.disposition_timeout_secs {
            0 => ends.max(self.now + 300 * SECOND),
            secs => ends.max(self.now + u64::from(secs) * SECOND),
        });
        let now = self.now;
        if let Some(agent) = self.agent_mut(&talk.agent) {
            agent.idle_since = now;
            agent.talk_ms += spoke;
            agent.wrap = Some(Wrap { call: Some(call), ends, held });
        }
    }

    pub fn callback_ready(&mut self, now: Now, call: CallId, as_call: CallId) -> bool {
        self.at(now);
        let Some(caller) = self.callers.iter_mut().find(|c| c.call == call) else { return false };
        let Some(callback) = caller.callback.take_if(|callback| callback.trying.is_some()) else {
            return false;
        };
        (caller.call, caller.since, caller.called_back) = (as_call, now.mono, true);
        let queue = caller.queue.clone();
        let (announces, positions) = self.queue(&queue).map(pauses).unwrap_or_default();
        if let Some(caller) = self.callers.iter_mut().find(|c| c.call == as_call) {
            caller.announce_at = announces.map(|every| now.mono + every);
            caller.position_at = positions.map(|every| now.mono + every);
            caller.alone = callback.reserved.is_some();
        }
        if let Some(agent) = callback.reserved {
            self.offer(&agent, as_call);
        }
        self.settle();
        true
    }

    pub fn callback_failed(&mut self, now: Now, call: CallId) {
        self.at(now);
        self.callback_over(call);
        self.settle();
    }

    pub fn callback_over(&mut self, call: CallId) {
        let now = self.now;
        let Some(caller) = self.callers.iter_mut().find(|c| c.call == call) else { return };
        let Some(callback) = &mut caller.callback else { return };
        if callback.trying.take().is_none() {
            return;
        }
        callback.reserved = None;
        callback.not_before = now + CALLBACK_PAUSE;
        if callback.attempts >= 2 {
            self.callers.retain(|c| c.call != call);
        }
    }

    pub fn set_intent(&mut self, now: Now, key: &AgentKey, intent: Intent) -> Option<bool> {
        self.at(now);
        let changed = self.agent(key)?.intent != intent;
        if changed {
            self.intend(key, intent);
        }
        self.settle();
        Some(changed)
    }

    pub fn intend(&mut self, key: &AgentKey, intent: Intent) {
        let now = self.now;
        let available = intent == Intent::Available;
        let logged_out = intent == Intent::LoggedOut;
        let Some(agent) = self.agent_mut(key) else { return };
        let was_available = agent.intent == Intent::Available;
        let was_logged_out = agent.intent == Intent::LoggedOut;
        agent.intent = intent;
        if available {
            (agent.missed, agent.idle_since) = (0, now);
        }
        if logged_out {
            agent.desk = None;
        }
        if was_logged_out && !logged_out {
            let others: Vec<AgentKey> = self.agents.iter().map(|a| a.config.key.clone()).collect();
            let others: Vec<AgentKey> = others.into_iter().filter(|other| other != key).collect();
            self.start_at_median(key, &others);
        }
        if was_available && !available {
            let rings: Vec<Ring> =
                self.rings.iter().filter(|r| r.agent == *key && !r.answered).cloned().collect();
            for ring in rings {
                self.cancel(key, ring.call, OfferEnd::Withdrawn);
            }
            for callback in self.callers.iter_mut().filter_map(|c| c.callback.as_mut()) {
                callback.reserved.take_if(|agent| agent == key);
            }
        }
    }

    pub fn set_reachable(&mut self, now: Now, key: &AgentKey, reachable: bool) {
        self.at(now);
        if let Some(agent) = self.agent_mut(key) {
            if reachable && !agent.reachable {
                agent.unreached = 0;
            }
            agent.reachable = reachable;
        }
        self.settle();
    }

    pub fn set_other_calls(
        &mut self,
        now: Now,
        key: &AgentKey,
        calls: usize,
        outbound_ended: bool,
    ) {
        self.at(now);
        let taken = self.rings.iter().any(|ring| ring.agent == *key)
            || self.talks.iter().any(|talk| talk.agent == *key)
            || self
                .callers
                .iter()
                .any(|c| c.callback.as_ref().is_some_and(|b| b.reserved.as_ref() == Some(key)));
        let here =
            self.agent(key).is_some_and(|a| a.wrap.is_none() && a.intent != Intent::LoggedOut);
        let idle = here && !taken;
        let wrap_up = self.time(key, None, |times| times.wrap_up_time).unwrap_or(0);
        let ends = self.now + u64::from(wrap_up) * SECOND;
        if let Some(agent) = self.agent_mut(key) {
            agent.other_calls = calls;
            if outbound_ended && agent.config.wrap_up_after_outbound && idle && wrap_up > 0 {
                agent.wrap = Some(Wrap { call: None, ends, held: None });
            }
        }
        self.settle();
    }

    pub fn end_wrap_up(&mut self, now: Now, key: &AgentKey) -> bool {
        self.at(now);
        let free = |wrap: &mut Wrap| wrap.held.is_none();
        let done = self.agent_mut(key).is_some_and(|agent| agent.wrap.take_if(free).is_some());
        self.settle();
        done
    }

    pub fn extend_wrap_up(&mut self, now: Now, key: &AgentKey, secs: u32) -> bool {
        self.at(now);
        let ends = self.now + u64::from(secs) * SECOND;
        let Some(agent) = self.agent_mut(key) else { return false };
        let Some(wrap) = &mut agent.wrap else { return false };
        wrap.ends = ends;
        wrap.held = wrap.held.map(|_| ends);
        self.settle();
        true
    }

    pub fn disposition(&mut self, now: Now, key: &AgentKey, call: CallId) -> bool {
        self.at(now);
        if self.agent(key).is_none() {
            return false;
        }
        let mut talks = self.talks.iter_mut();
        if let Some(talk) = talks.find(|talk| talk.agent == *key && talk.call == call) {
            talk.disposed = true;
            return true;
        }
        let Some(agent) = self.agent_mut(key) else { return false };
        if agent.wrap.as_ref().is_none_or(|wrap| wrap.call != Some(call)) {
            return false;
        }
        agent.wrap.iter_mut().for_each(|wrap| wrap.held = None);
        self.settle();
        true
    }

    pub fn active_place(&mut self, now: Now, key: &AgentKey, place: u8) -> bool {
        self.at(now);
        let Some(agent) = self.agent_mut(key) else { return false };
        if usize::from(place) >= agent.config.places.len() {
            return false;
        }
        agent.place = place;
        self.settle();
        true
    }

    pub fn desk(&mut self, now: Now, key: &AgentKey, extension: Option<String>) -> bool {
        self.at(now);
        let Some(agent) = self.agent_mut(key) else { return false };
        agent.desk = extension;
        true
    }
}
