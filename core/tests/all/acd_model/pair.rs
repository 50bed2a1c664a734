//! The distributor and the reference side by side: both hear the same, and after every step both must have done the same.

use std::collections::{BTreeMap, BTreeSet};

use strowger_core::acd::{Acd, Act};
use strowger_core::vocab::acd::*;
use strowger_core::vocab::{CallId, Now};

use super::events::Told;
use super::look::*;
use super::reference::*;
use super::schedule::*;
use crate::common::EPOCH_MS;

/// Kinds of things that happened, so that a run over many seeds can tell what it never reached.
pub type Reached = BTreeSet<String>;

pub struct Pair {
    pub acd: Acd,
    pub model: Model,
    pub now: Now,
    calls: u128,
    /// Offers that ring or were answered, oldest first.
    pub live: Vec<(OfferId, AgentKey, CallId)>,
    over: Vec<(OfferId, AgentKey, CallId)>,
    gone: Vec<CallId>,
    spoke: BTreeMap<AgentKey, CallId>,
    pub told: Told,
    pub reached: Reached,
}

pub type Checked = Result<(), String>;

macro_rules! demand {
    ($holds:expr, $($what:tt)+) => {
        if !$holds {
            return Err(format!($($what)+));
        }
    };
}

impl Pair {
    pub fn new(schedule: &Schedule) -> Result<Self, String> {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&schedule.seed.to_le_bytes());
        let now = Now { mono: SECOND, wall: EPOCH_MS + schedule.starts_ms };
        let mut pair = Self {
            acd: Acd::new(seed),
            model: Model::default(),
            now,
            calls: 0,
            live: Vec::new(),
            over: Vec::new(),
            gone: Vec::new(),
            spoke: BTreeMap::new(),
            told: Told::default(),
            reached: Reached::new(),
        };
        pair.configure(schedule.config.clone())?;
        for agent in &schedule.reachable {
            pair.reachable(agent, true)?;
        }
        Ok(pair)
    }

    fn reach(&mut self, what: &str) {
        if !self.reached.contains(what) {
            self.reached.insert(what.to_owned());
        }
    }

    /// Compares what both did in one step, and looks at the distributor's own rules.
    fn compare(&mut self, drained: Vec<Act>) -> Checked {
        let mut real = Vec::new();
        for act in drained {
            if let Some(seen) = self.replay(act)? {
                real.push(seen);
            }
        }
        let mut model = std::mem::take(&mut self.model.seen);
        real.sort();
        model.sort();
        // Whether somebody hears a last word in the very moment of leaving is nobody's business.
        let leaves: Vec<CallId> = real.iter().filter_map(overflowed).collect();
        let stays = |seen: &Seen| !matches!(seen, Seen::Say { call, .. } if leaves.contains(call));
        real.retain(stays);
        model.retain(stays);
        demand!(real == model, "at {} ms\n  did  {real:#?}\n  must {model:#?}", self.elapsed());
        for seen in &model {
            self.reach(kind(seen));
        }
        let mut wrong = Vec::new();
        self.acd.audit(self.now, &mut wrong);
        demand!(wrong.is_empty(), "audit: {wrong:?}");
        Ok(())
    }

    fn elapsed(&self) -> u64 {
        self.now.mono / 1_000_000 - 1000
    }

    /// Follows the offers act by act: an agent never holds two, and only a live one is cancelled.
    fn replay(&mut self, act: Act) -> Result<Option<Seen>, String> {
        Ok(match act {
            Act::Offer(offer) => {
                let busy = self.live.iter().find(|(_, agent, _)| *agent == offer.agent);
                demand!(busy.is_none(), "{} is offered twice: {busy:?}", offer.agent);
                let known = self.live.iter().chain(&self.over).any(|(id, ..)| *id == offer.offer);
                demand!(!known, "offer {} again", offer.offer);
                self.live.push((offer.offer, offer.agent.clone(), offer.call));
                Some(Seen::Offer {
                    agent: offer.agent,
                    call: offer.call,
                    queue: offer.queue,
                    place: format!("{:?}", offer.place),
                    ring_ms: offer.ring_ms,
                    confirm: offer.confirm,
                })
            }
            Act::Cancel { offer, call, end } => {
                let Some((_, agent, rung)) = self.end(offer) else {
                    return Err(format!("cancels offer {offer}, which is over"));
                };
                demand!(rung == call, "offer {offer} is for {rung}, cancelled for {call}");
                Some(Seen::Cancel { agent, call, end })
            }
            Act::Overflow { call, queue, reason } => {
                self.gone.push(call);
                Some(Seen::Overflow { call, queue, reason })
            }
            Act::CallBack { call, queue, agent, number, attempt } => {
                Some(Seen::CallBack { call, queue, agent, number, attempt })
            }
            Act::Say { call, what } => said(call, &what),
            Act::Publish { kind, .. } => {
                self.told.event(*kind)?;
                None
            }
            Act::Remember(record) => {
                self.told.record(*record);
                None
            }
        })
    }

    fn end(&mut self, offer: OfferId) -> Option<(OfferId, AgentKey, CallId)> {
        let at = self.live.iter().position(|(id, ..)| *id == offer)?;
        let ended = self.live.remove(at);
        self.over.push(ended.clone());
        Some(ended)
    }

    /// Lets both finish a step: the reference is told whom chance chose.
    fn both<R: PartialEq + std::fmt::Debug>(
        &mut self,
        what: &str,
        real: impl FnOnce(&mut Acd, Now) -> R,
        model: impl FnOnce(&mut Model, Now) -> R,
    ) -> Result<R, String> {
        let answer = real(&mut self.acd, self.now);
        // What is due already happens in the same moment, as in the switch.
        for _ in 0..100 {
            if self.acd.next_deadline().is_some_and(|at| at <= self.now.mono) {
                self.acd.tick(self.now);
            }
        }
        let drained: Vec<Act> = std::iter::from_fn(|| self.acd.poll()).collect();
        self.model.hints = drained.iter().filter_map(chosen).collect();
        let expected = model(&mut self.model, self.now);
        demand!(answer == expected, "{what}: answers {answer:?}, must {expected:?}");
        self.compare(drained).map_err(|wrong| format!("{what}: {wrong}"))?;
        Ok(answer)
    }

    pub fn configure(&mut self, config: AcdConfig) -> Checked {
        let copy = config.clone();
        let gone = |key: &QueueKey| !config.queues.iter().any(|queue| queue.key == *key);
        let queues = self.model.config.queues.iter().map(|queue| queue.key.clone());
        self.told.removed.extend(queues.filter(gone));
        self.told.forget(|key| config.agents.iter().any(|agent| agent.key == *key));
        self.both(
            "configure",
            |acd, now| acd.configure(now, config),
            |m, now| m.configure(now, copy),
        )
    }

    pub fn reachable(&mut self, agent: &AgentKey, reachable: bool) -> Checked {
        self.both(
            "reachable",
            |acd, now| acd.set_reachable(now, agent, reachable),
            |m, now| m.set_reachable(now, agent, reachable),
        )
    }

    /// Time passes, deadline by deadline.
    pub fn wait(&mut self, ms: u64) -> Checked {
        let target = self.now.mono + ms * 1_000_000;
        loop {
            let next = [self.acd.next_deadline(), self.model.next_deadline()];
            let next = next.into_iter().flatten().min().unwrap_or(target).min(target);
            let passed = next.saturating_sub(self.now.mono);
            // Walls show whole milliseconds of the same clock.
            self.now =
                Now { mono: self.now.mono + passed, wall: self.wall(self.now.mono + passed) };
            self.both("tick", |acd, now| acd.tick(now), |m, now| m.tick(now))?;
            let again = self.acd.next_deadline();
            demand!(
                again.is_none_or(|at| at > self.now.mono),
                "wants another tick at once: {again:?}"
            );
            if next == target {
                return Ok(());
            }
        }
    }

    fn wall(&self, mono: u64) -> u64 {
        self.now.wall + (mono / 1_000_000 - self.now.mono / 1_000_000)
    }

    pub fn step(&mut self, step: &Step) -> Checked {
        self.reach(step_kind(step));
        self.act(step)?;
        self.shown()
    }

    fn act(&mut self, step: &Step) -> Checked {
        match step {
            Step::Join { queue, number, priority, skills } => {
                self.calls += 1;
                let number = if *number == 0 { String::new() } else { format!("0301000{number}") };
                let (call, queue, skills) = (CallId(self.calls), queue.clone(), skills.clone());
                let join = Join { call, queue, number, priority: *priority, skills };
                let copy = join.clone();
                let answer =
                    self.both("join", |a, now| a.join(now, join), |m, now| m.join(now, copy))?;
                if let Err(reason) = answer {
                    self.reach(reason.as_str());
                }
                Ok(())
            }
            Step::Leave { nth, why } => {
                let mut calls: Vec<CallId> = self.model.callers.iter().map(|c| c.call).collect();
                if *why == Why::HungUp {
                    calls.extend(self.model.talks.iter().map(|talk| talk.call));
                }
                self.leave(nth_of(&calls, *nth), *why)
            }
            Step::LeaveAgain { nth, why } => self.leave(nth_of(&self.gone, *nth), *why),
            Step::Prioritise { nth, priority } => {
                let calls: Vec<CallId> = self.model.callers.iter().map(|c| c.call).collect();
                let Some(call) = nth_of(&calls, *nth) else { return Ok(()) };
                self.both(
                    "prioritise",
                    |acd, now| acd.prioritise(now, call, *priority),
                    |m, now| m.prioritise(now, call, *priority),
                )?;
                Ok(())
            }
            Step::Report { nth, what } => self.report(nth_of(&self.live, *nth), *what),
            Step::Late { nth, what } => self.report(nth_of(&self.over, *nth), *what),
            Step::Finish { nth } => {
                let calls: Vec<CallId> = self.model.talks.iter().map(|talk| talk.call).collect();
                self.finish(nth_of(&calls, *nth))
            }
            Step::FinishAgain { nth } => self.finish(nth_of(&self.gone, *nth)),
            Step::CallbackReady { nth } => self.callback_ready(*nth),
            Step::CallbackFailed { nth } => {
                let Some(call) = nth_of(&self.callbacks(), *nth) else { return Ok(()) };
                self.both(
                    "callback failed",
                    |acd, now| acd.callback_failed(now, call),
                    |m, now| m.callback_failed(now, call),
                )
            }
            Step::Configure(change) => {
                let mut config = self.model.config.clone();
                apply(&mut config, change);
                self.configure(config)
            }
            Step::Wait { ms } => self.wait(*ms),
            _ => self.agent_step(step),
        }
    }

    fn callbacks(&self) -> Vec<CallId> {
        self.model.callers.iter().filter(|c| c.callback.is_some()).map(|c| c.call).collect()
    }

    pub fn leave(&mut self, call: Option<CallId>, why: Why) -> Checked {
        let Some(call) = call else { return Ok(()) };
        if why == Why::HungUp {
            self.spoke(call);
        }
        let (told, meant) = (leaving(why), leaving(why));
        self.both(
            "leave",
            |acd, now| acd.leave(now, call, told),
            |m, now| m.leave(now, call, meant),
        )?;
        if self.model.caller(call).is_none() {
            self.gone.push(call);
        }
        Ok(())
    }

    /// Notes who spoke with a call last.
    fn spoke(&mut self, call: CallId) {
        if let Some(talk) = self.model.talks.iter().find(|talk| talk.call == call) {
            self.spoke.insert(talk.agent.clone(), call);
        }
    }

    pub fn finish(&mut self, call: Option<CallId>) -> Checked {
        let Some(call) = call else { return Ok(()) };
        self.spoke(call);
        self.both("finished", |a, now| a.finished(now, call), |m, now| m.finished(now, call))?;
        self.gone.push(call);
        Ok(())
    }

    pub fn report(&mut self, offer: Option<(OfferId, AgentKey, CallId)>, what: Report) -> Checked {
        let Some((id, agent, call)) = offer else { return Ok(()) };
        let live = self.live.iter().any(|(one, ..)| *one == id);
        let name = format!("{what:?} of {id}");
        let took = self.both(
            &name,
            |acd, now| match what {
                Report::Answered => acd.answered(now, id),
                Report::Bridged => acd.bridged(now, id),
                Report::Failed(end) => acd.failed(now, id, end),
            },
            |m, now| match what {
                _ if !live => false,
                Report::Answered => m.answered(now, &agent, call),
                Report::Bridged => m.bridged(now, &agent, call),
                Report::Failed(end) => m.failed(now, &agent, call, end),
            },
        )?;
        // What the phone itself ended is not cancelled.
        if took && what != Report::Answered {
            self.end(id);
        }
        Ok(())
    }

    fn callback_ready(&mut self, nth: u8) -> Checked {
        let Some(call) = nth_of(&self.callbacks(), nth) else { return Ok(()) };
        self.calls += 1;
        let as_call = CallId(self.calls);
        self.both(
            "callback ready",
            |acd, now| acd.callback_ready(now, call, as_call),
            |m, now| m.callback_ready(now, call, as_call),
        )?;
        Ok(())
    }

    fn agent_step(&mut self, step: &Step) -> Checked {
        let name = step_kind(step);
        match step {
            Step::Intent { agent, intent } => {
                let (told, meant) = (intent.clone(), intent.clone());
                self.both(
                    name,
                    |acd, now| acd.set_intent(now, agent, told, IntentSource::Api).ok(),
                    |m, now| m.set_intent(now, agent, meant),
                )?;
            }
            Step::EndWrapUp { agent } => {
                self.both(
                    name,
                    |acd, now| acd.end_wrap_up(now, agent).is_ok(),
                    |m, now| m.end_wrap_up(now, agent),
                )?;
            }
            Step::ExtendWrapUp { agent, secs } => {
                self.both(
                    name,
                    |acd, now| acd.extend_wrap_up(now, agent, *secs).is_ok(),
                    |m, now| m.extend_wrap_up(now, agent, *secs),
                )?;
            }
            Step::Disposition { agent, last } => {
                let known = self.spoke.get(agent).copied();
                let call = known.filter(|_| *last).unwrap_or(CallId(u128::MAX));
                self.both(
                    name,
                    |acd, now| acd.disposition(now, agent, call).is_ok(),
                    |m, now| m.disposition(now, agent, call),
                )?;
            }
            Step::Place { agent, place } => {
                self.both(
                    name,
                    |acd, now| acd.active_place(now, agent, *place).is_ok(),
                    |m, now| m.active_place(now, agent, *place),
                )?;
            }
            Step::Desk { agent, extension } => {
                let (told, meant) = (extension.clone(), extension.clone());
                self.both(
                    name,
                    |acd, now| acd.desk(now, agent, told).is_ok(),
                    |m, now| m.desk(now, agent, meant),
                )?;
            }
            Step::Reachable { agent, reachable } => self.reachable(agent, *reachable)?,
            Step::OtherCalls { agent, calls, outbound_ended } => {
                self.both(
                    name,
                    |acd, now| acd.set_other_calls(now, agent, *calls, *outbound_ended),
                    |m, now| m.set_other_calls(now, agent, *calls, *outbound_ended),
                )?;
            }
            _ => {}
        }
        Ok(())
    }
}
