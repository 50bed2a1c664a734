//! What rows prepare, and what happens then. The outcome is what the distributor did, second by second.

use strowger_core::vocab::acd::*;

use super::Base;
use crate::acd_scene::{QUEUE, Scene, caller, on_break, queue_key};

pub fn french(level: u8) -> SkillNeed {
    SkillNeed { name: "french".to_owned(), level, relax_secs: 0, relax_by: 0 }
}

pub fn one_agent(base: &mut Base) {
    base.agents.truncate(1);
}

/// One agent, on a break.
pub fn one_agent_away(base: &mut Base) {
    base.agents.truncate(1);
    on_break_all(base);
}

pub fn on_break_all(base: &mut Base) {
    base.agents.iter_mut().for_each(|agent| agent.status = on_break());
}

pub fn logged_out(base: &mut Base) {
    base.agents.iter_mut().for_each(|agent| agent.status = Intent::LoggedOut);
}

pub fn ring_all(base: &mut Base) {
    base.queue.choice.strategy = Strategy::RingAll;
}

pub fn top_down(base: &mut Base) {
    base.queue.choice.strategy = Strategy::TopDown;
}

pub fn progressive(base: &mut Base) {
    base.queue.choice.strategy = Strategy::RingProgressively;
}

pub fn fewest_calls(base: &mut Base) {
    base.queue.choice.strategy = Strategy::AgentWithFewestCalls;
    base.agents.truncate(2);
}

/// An agent on each level from 1 to 3; levels open after two seconds each.
pub fn levels(base: &mut Base) {
    for (at, agent) in base.agents.iter_mut().enumerate() {
        agent.tiers[0].level = at as u16 + 1;
    }
    base.queue.choice.tier_rule_wait_second = 3;
}

/// One agent who serves a second queue, of weight 1, too.
pub fn serves_both(base: &mut Base) {
    base.agents.truncate(1);
    let support = Tier { queue: queue_key("9002"), level: 1, position: 1 };
    base.agents[0].tiers.push(support);
}

pub fn skilled(base: &mut Base) {
    base.agents.truncate(1);
    base.queue.choice.skills = vec![french(50)];
}

/// More is needed than anybody has, until it relaxes.
pub fn too_skilled(base: &mut Base) {
    base.agents.truncate(1);
    base.queue.choice.skills = vec![SkillNeed { relax_secs: 5, relax_by: 10, ..french(80) }];
}

pub fn announces(base: &mut Base) {
    one_agent_away(base);
    base.queue.voice.announce_sound = Some("en/thank-you".to_owned());
    base.queue.voice.announce_frequency = 10;
}

pub fn positions(base: &mut Base) {
    base.agents.truncate(1);
    base.queue.voice.position_announce_frequency = 10;
}

pub fn disposition(base: &mut Base) {
    base.agents.truncate(1);
    base.queue.service.disposition_required = true;
}

pub fn own_wrap_up(base: &mut Base) {
    base.agents.truncate(1);
    base.agents[0].times.wrap_up_time = Some(10);
}

pub fn remote(base: &mut Base) {
    base.agents.truncate(1);
    base.agents[0].places = vec![AgentPlace::Number("+49301234".to_owned())];
}

pub fn one_caller(scene: &mut Scene) {
    scene.join(1);
}

pub fn two_callers(scene: &mut Scene) {
    scene.join(1);
    scene.join(2);
}

pub fn minutes_pass(scene: &mut Scene) {
    scene.join(1);
    scene.wait(400.0);
}

/// Phones ring and ring.
pub fn nobody_answers(scene: &mut Scene) {
    scene.join(1);
    scene.wait(100.0);
}

pub fn is_busy(scene: &mut Scene) {
    scene.join(1);
    scene.fail("101", OfferEnd::Busy);
    scene.wait(15.0);
}

pub fn rejects(scene: &mut Scene) {
    scene.join(1);
    scene.fail("101", OfferEnd::Rejected);
    scene.wait(15.0);
}

/// Both queues' callers are there before the agent; the one of the other queue waits longer.
pub fn two_queues_wait_for_one_agent(scene: &mut Scene) {
    scene.intent("101", on_break());
    scene.join_queue(1, "9002");
    scene.wait(1.0);
    scene.join(2);
    scene.intent("101", Intent::Available);
}

/// Who has waited long against who came with priority.
pub fn older_against_urgent(scene: &mut Scene) {
    scene.intent("101", on_break());
    scene.join(1);
    scene.wait(20.0);
    scene.join_as(Join { priority: 2, ..caller(2, QUEUE) });
    scene.intent("101", Intent::Available);
}

/// The agent of the first level talks when the next caller comes.
pub fn first_is_busy(scene: &mut Scene) {
    scene.join(1);
    scene.answer("101");
    scene.join(2);
    scene.wait(30.0);
}

pub fn in_other_call(scene: &mut Scene) {
    scene.other_calls("101", 1, false);
    scene.join(1);
}

/// A number that the third agent has served comes again when the first is free.
pub fn number_returns(scene: &mut Scene) {
    let caller = |call| Join { number: "0301234".to_owned(), ..caller(call, QUEUE) };
    scene.intent("101", on_break());
    scene.intent("102", on_break());
    scene.join_as(caller(1));
    scene.answer("103");
    scene.finish(1);
    scene.intent("101", Intent::Available);
    scene.wait(10.0);
    scene.join_as(caller(2));
}

pub fn served_twice(scene: &mut Scene) {
    scene.join(1);
    scene.answer("101");
    scene.wait(10.0);
    scene.join(2);
    scene.finish(1);
    scene.wait(400.0);
}

/// A caller who has been served before makes the wait of the next one known.
pub fn busy_agents_and_a_wait(scene: &mut Scene) {
    scene.join(1);
    scene.answer("101");
    scene.wait(60.0);
    scene.finish(1);
    scene.join(2);
    scene.answer("101");
    scene.join(3);
    scene.wait(60.0);
}

pub fn served_after_five(scene: &mut Scene) {
    scene.join(1);
    scene.wait(5.0);
    scene.answer("101");
    let counted = scene.acd.counted(scene.now, &FigureSubject::Queue(queue_key(QUEUE)));
    scene.log.push(format!("{counted:?}"));
}

pub fn after_an_own_call(scene: &mut Scene) {
    scene.other_calls("101", 1, false);
    scene.wait(5.0);
    scene.other_calls("101", 0, true);
    scene.join(1);
    scene.wait(15.0);
}

/// Before midnight in UTC the first agent answers once and the second three times, after it the first once more.
pub fn over_midnight(scene: &mut Scene) {
    scene.wait(86_400.0 - 3600.0);
    for (call, agent) in [(1, "101"), (2, "102"), (3, "102"), (4, "102")] {
        served_by(scene, call, agent);
    }
    scene.wait(3600.0);
    served_by(scene, 5, "101");
    scene.join(6);
}

/// A short conversation with this one of two agents, the other being away.
fn served_by(scene: &mut Scene, call: u128, agent: &str) {
    let other = if agent == "101" { "102" } else { "101" };
    scene.reachable(other, false);
    scene.join(call);
    scene.answer(agent);
    scene.finish(call);
    scene.wait(30.0);
    scene.reachable(other, true);
}
