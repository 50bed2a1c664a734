//! Each strategy in one and the same call centre: what it does there, no other one does.

use strowger_core::vocab::acd::*;

use crate::acd_scene::*;

/// Six agents with a past. Whom each strategy prefers: position 101; longest idle 102; next in turn 104 (103 was last); fewest
/// calls 105; least talk 106; most skill 103.
fn centre(strategy: Strategy, seed: u8) -> Scene {
    let mut queue = queue(QUEUE);
    queue.choice.strategy = strategy;
    queue.choice.progressive_delay = 3;
    queue.choice.skills =
        vec![SkillNeed { name: "french".to_owned(), level: 10, relax_secs: 0, relax_by: 0 }];
    queue.times.call_timeout = Some(5);
    let mut agents: Vec<AgentConfig> = (1..=6).map(|n| agent(&format!("10{n}"), n)).collect();
    for agent in &mut agents {
        agent.max_no_answer = 0;
    }
    agents[2].skills.insert("french".to_owned(), 90);
    let config = AcdConfig { queues: vec![queue], agents, tenants: Default::default() };
    let mut scene = Scene::new(config, seed);
    let past = [
        ("102", 3, 100.0),
        ("105", 1, 500.0),
        ("106", 3, 10.0),
        ("101", 2, 100.0),
        ("104", 2, 100.0),
        ("103", 2, 100.0),
    ];
    for n in 1..=6 {
        scene.reachable(&format!("10{n}"), false);
    }
    let mut call = 1;
    for (agent, calls, secs) in past {
        scene.reachable(agent, true);
        for _ in 0..calls {
            scene.join(call);
            assert_eq!(scene.answer(agent), call);
            scene.wait(secs);
            scene.finish(call);
            scene.wait(2.0);
            call += 1;
        }
        scene.reachable(agent, false);
    }
    for n in 1..=6 {
        scene.reachable(&format!("10{n}"), true);
    }
    scene.log.clear();
    scene
}

/// Whom a caller's offers go to within twelve seconds when nobody answers.
fn offers(strategy: Strategy, seed: u8) -> Vec<String> {
    let mut scene = centre(strategy, seed);
    let start = scene.secs();
    scene.join(1000);
    scene.wait(12.0);
    let relative = |line: String| {
        let (at, agent) = line.split_once(' ').unwrap();
        format!("{}s {agent}", at.parse::<f64>().unwrap() - start)
    };
    scene.offered().into_iter().map(relative).collect()
}

/// The same with several seeds: only chance differs.
fn outcome(strategy: Strategy) -> Vec<Vec<String>> {
    (0..6).map(|seed| offers(strategy, seed)).collect()
}

/// What is expected holds, and for this strategy only.
fn only(strategy: Strategy, holds: impl Fn(&[Vec<String>]) -> bool) {
    let own = outcome(strategy);
    assert!(holds(&own), "{strategy:?} {own:?}");
    for other in Strategy::ALL.into_iter().filter(|other| *other != strategy) {
        let swapped = outcome(other);
        assert!(!holds(&swapped), "{other:?} does as {strategy:?} should: {swapped:?}");
        assert_ne!(own, swapped);
    }
}

fn exactly(expected: &'static [&'static str]) -> impl Fn(&[Vec<String>]) -> bool {
    move |runs| runs.iter().all(|run| run == expected)
}

fn starting(expected: &'static [&'static str]) -> impl Fn(&[Vec<String>]) -> bool {
    move |runs| {
        runs.iter().all(|run| run.len() >= expected.len() && run[..expected.len()] == *expected)
    }
}

#[test]
fn ring_all_rings_everybody_at_once() {
    only(
        Strategy::RingAll,
        starting(&["0s 101", "0s 102", "0s 103", "0s 104", "0s 105", "0s 106", "6s 101"]),
    );
}

#[test]
fn longest_idle_takes_the_one_whose_last_conversation_ended_first() {
    only(Strategy::LongestIdleAgent, exactly(&["0s 102", "5s 105", "10s 106"]));
}

#[test]
fn round_robin_goes_on_after_the_one_last_offered_in_the_queue() {
    only(Strategy::RoundRobin, exactly(&["0s 104", "5s 105", "10s 106"]));
}

#[test]
fn top_down_walks_from_the_first_position_for_each_caller() {
    only(Strategy::TopDown, exactly(&["0s 101", "5s 102", "10s 103"]));
}

#[test]
fn least_talk_time_takes_the_one_who_has_talked_least_today() {
    only(Strategy::AgentWithLeastTalkTime, exactly(&["0s 106", "5s 101", "10s 106"]));
}

#[test]
fn fewest_calls_takes_the_one_who_has_answered_fewest_today() {
    only(Strategy::AgentWithFewestCalls, starting(&["0s 105", "5s 101", "10s 105"]));
}

#[test]
fn sequentially_always_begins_with_the_lowest_position() {
    only(Strategy::SequentiallyByAgentOrder, exactly(&["0s 101", "5s 102", "10s 101"]));
}

#[test]
fn random_takes_anybody() {
    only(Strategy::Random, |runs| {
        let mut first: Vec<&String> = runs.iter().filter_map(|run| run.first()).collect();
        first.sort();
        first.dedup();
        first.len() > 1
    });
}

#[test]
fn ring_progressively_adds_one_after_another_while_the_first_still_rings() {
    only(Strategy::RingProgressively, starting(&["0s 101", "3s 102", "6s 103", "9s 104"]));
}

#[test]
fn skill_takes_the_best_total_of_what_is_needed() {
    only(Strategy::Skill, starting(&["0s 103"]));
}
