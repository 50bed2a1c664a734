//! Who is next, by every strategy.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::vocab::acd::{Intent, OfferEnd, QueueConfig, SkillNeed};

use super::super::act::Leaving;
use super::super::testing::{Bench, agent_config, agent_key, bench, on_break, queue_config};
use super::*;

fn by(strategy: Strategy) -> impl FnOnce(&mut QueueConfig) {
    move |config| config.choice.strategy = strategy
}

const THREE: [(&str, u16, u16); 3] = [("a", 1, 1), ("b", 1, 2), ("c", 1, 3)];

/// Agents who are offered callers one after the other, each hanging up at once.
fn rounds(bench: &mut Bench, callers: std::ops::Range<u128>) -> String {
    for call in callers {
        bench.join(call, "9001");
        bench.leave(call, Leaving::HungUp);
        bench.pass(2);
    }
    bench.offered()
}

#[test]
fn ring_all_rings_all_and_adds_whoever_becomes_free() {
    let mut bench = bench(&THREE, by(Strategy::RingAll));
    bench.intent("b", on_break());
    bench.join(1, "9001");
    assert_eq!(bench.offered(), "a c");
    bench.intent("b", Intent::Available);
    assert_eq!(bench.offered(), "b");
    bench.join(2, "9001");
    assert_eq!(bench.offered(), "", "nobody is left for the second");
}

#[test]
fn ring_all_rings_no_more_than_its_maximum() {
    let mut bench = bench(&THREE, |config| {
        config.choice.strategy = Strategy::RingAll;
        config.choice.ring_all_max = 2;
    });
    bench.join(1, "9001");
    bench.join(2, "9001");
    assert_eq!(bench.offers(), [("a".into(), 1), ("b".into(), 1), ("c".into(), 2)]);
}

#[test]
fn the_longest_idle_agent_is_next() {
    let mut bench = bench(&THREE, by(Strategy::LongestIdleAgent));
    for agent in ["b", "a", "c"] {
        bench.intent(agent, on_break());
        bench.pass(1);
        bench.intent(agent, Intent::Available);
    }
    assert_eq!(rounds(&mut bench, 1..3), "b b", "a caller who leaves costs nothing");
    bench.join(3, "9001");
    bench.talk("b");
    bench.finished(3);
    bench.pass(2);
    bench.join(4, "9001");
    bench.pass(21);
    assert_eq!(bench.offered(), "b a c", "it has talked, and a rang out");
    bench.leave(4, Leaving::HungUp);
    bench.pass(2);
    bench.join(5, "9001");
    assert_eq!(bench.offered(), "c");
}

#[test]
fn round_robin_goes_on_where_it_was_whoever_comes_and_goes() {
    let mut bench = bench(&THREE, by(Strategy::RoundRobin));
    assert_eq!(rounds(&mut bench, 1..6), "a b c a b");
    bench.intent("b", Intent::LoggedOut);
    assert_eq!(rounds(&mut bench, 6..8), "c a");
    bench.intent("b", Intent::Available);
    assert_eq!(rounds(&mut bench, 8..9), "b");
    let without: Vec<_> = ["a", "c"].map(|id| agent_config(id, &[("9001", 1, 1)])).into();
    let mut queue = queue_config("9001");
    queue.choice.strategy = Strategy::RoundRobin;
    bench.configure(vec![queue], without);
    assert_eq!(rounds(&mut bench, 9..11), "a c", "the one after position 2 is the first again");
}

#[test]
fn top_down_walks_from_the_first_for_each_caller() {
    let mut bench = bench(&THREE, by(Strategy::TopDown));
    assert_eq!(rounds(&mut bench, 1..4), "a a a");
    bench.join(4, "9001");
    bench.pass(65);
    assert_eq!(bench.offered(), "a b c a", "each rings out for the same caller");
}

#[test]
fn sequentially_always_begins_at_the_lowest() {
    let mut bench = bench(&THREE, by(Strategy::SequentiallyByAgentOrder));
    bench.join(4, "9001");
    bench.pass(65);
    assert_eq!(bench.offered(), "a b a b");
}

#[test]
fn the_least_talk_time_and_the_fewest_calls_are_next() {
    let times = [("a", 30), ("b", 10), ("c", 20)];
    for (strategy, expected) in
        [(Strategy::AgentWithLeastTalkTime, "b"), (Strategy::AgentWithFewestCalls, "c")]
    {
        let mut bench = bench(&THREE, by(strategy));
        for (call, (agent, seconds)) in (1..).zip(times) {
            for other in ["a", "b", "c"].into_iter().filter(|other| *other != agent) {
                bench.intent(other, on_break());
            }
            let calls = if agent == "c" { 1 } else { 2 };
            for part in 0..calls {
                bench.join(call * 10 + part, "9001");
                bench.talk(agent);
                bench.pass(seconds / u64::try_from(calls).expect("small"));
                bench.finished(call * 10 + part);
            }
            for other in ["a", "b", "c"] {
                bench.intent(other, Intent::Available);
            }
        }
        bench.offered();
        bench.join(100, "9001");
        assert_eq!(bench.offered(), expected, "{strategy:?}");
    }
}

#[test]
fn a_newcomer_starts_at_the_median() {
    let mut bench = bench(&THREE, by(Strategy::AgentWithFewestCalls));
    bench.intent("c", Intent::LoggedOut);
    for call in 1..7 {
        bench.join(call, "9001");
        let agent = bench.offered();
        bench.talk(&agent);
        bench.finished(call);
        bench.pass(2);
    }
    bench.intent("c", Intent::Available);
    let mut counts = std::collections::BTreeMap::new();
    for call in 10..16 {
        bench.join(call, "9001");
        let agent = bench.offered();
        bench.talk(&agent);
        bench.finished(call);
        bench.pass(2);
        *counts.entry(agent).or_insert(0) += 1;
    }
    let each: Vec<i32> = counts.into_values().collect();
    assert_eq!(each, [2, 2, 2], "it does not get all of them");
}

#[test]
fn what_somebody_did_yesterday_elsewhere_does_not_count_here_today() {
    let mut fewest = queue_config("9001");
    fewest.choice.strategy = Strategy::AgentWithFewestCalls;
    let queues = vec![fewest, queue_config("9002")];
    let one = |id: &str, queue: &str| agent_config(id, &[(queue, 1, 1)]);
    let mut bench = Bench::new(queues.clone(), vec![one("a", "9001"), one("b", "9002")]);
    bench.intent("a", Intent::Available);
    bench.intent("b", Intent::Available);
    for call in 1..4 {
        bench.join(call, "9002");
        bench.talk("b");
        bench.finished(call);
        bench.pass(2);
    }
    bench.pass(86_400);
    bench.join(10, "9001");
    bench.talk("a");
    bench.finished(10);
    bench.pass(2);
    bench.offered();
    bench.configure(queues, vec![one("a", "9001"), one("b", "9001")]);
    bench.join(11, "9001");
    assert_eq!(bench.offered(), "b", "it has had no call today");
}

#[test]
fn ring_progressively_adds_one_after_the_other() {
    let mut bench = bench(&THREE, by(Strategy::RingProgressively));
    bench.join(1, "9001");
    assert_eq!(bench.offered(), "a");
    bench.pass(10);
    assert_eq!(bench.offered(), "b");
    let first = bench.held("a");
    bench.failed(first, OfferEnd::Busy);
    bench.pass(9);
    assert_eq!(bench.offered(), "");
    bench.pass(1);
    assert_eq!(bench.offered(), "c");
}

#[test]
fn skill_takes_the_best_and_needs_relax() {
    let mut queue = queue_config("9001");
    queue.choice.strategy = Strategy::Skill;
    let need = |level| SkillNeed { name: "french".into(), level, relax_secs: 10, relax_by: 30 };
    let agents = [("a", 40), ("b", 70), ("c", 90)].map(|(id, level)| {
        let mut agent = agent_config(id, &[("9001", 1, 1)]);
        agent.skills.insert("french".into(), level);
        agent
    });
    let mut bench = Bench::new(vec![queue], agents.into());
    assert_eq!(bench.join_with(1, "9001", |join| join.skills.push(need(60))), Ok(()));
    assert_eq!(bench.offered(), "c");
    assert_eq!(bench.join_with(2, "9001", |join| join.skills.push(need(60))), Ok(()));
    assert_eq!(bench.offered(), "b");
    assert_eq!(bench.join_with(3, "9001", |join| join.skills.push(need(60))), Ok(()));
    assert_eq!(bench.offered(), "");
    bench.pass(10);
    assert_eq!(bench.offers(), [("a".into(), 3)], "30 is enough now");
}

#[test]
fn levels_open_by_time_or_when_the_lower_ones_are_used_up() {
    let levels = [("a", 1, 1), ("b", 2, 1), ("c", 3, 1)];
    let mut bench = bench(&levels, |config| config.choice.tier_rule_wait_second = 10);
    bench.intent("a", on_break());
    bench.join(1, "9001");
    bench.pass(19);
    assert_eq!(bench.offered(), "", "level 1 has somebody, on break");
    bench.pass(1);
    assert_eq!(bench.offered(), "b");
    bench.join(2, "9001");
    bench.intent("a", Intent::LoggedOut);
    bench.pass_ms(100);
    assert_eq!(bench.offered(), "", "b is the lowest now, and rings");
    let offer = bench.held("b");
    bench.talk("b");
    assert!(!bench.failed(offer, OfferEnd::Busy));
    bench.finished(1);
    bench.pass(2);
    assert_eq!(bench.offers(), [("b".into(), 2)], "open at once although 20 s are not over");
}

#[test]
fn without_rules_the_next_level_opens_at_once_and_ring_all_stays_in_its_level() {
    let levels = [("a", 1, 1), ("b", 1, 2), ("c", 2, 1)];
    let mut bench = bench(&levels, |config| {
        config.choice.strategy = Strategy::RingAll;
        config.choice.tier_rules_apply = false;
    });
    bench.join(1, "9001");
    assert_eq!(bench.offered(), "a b");
    for agent in ["a", "b"] {
        let offer = bench.held(agent);
        bench.failed(offer, OfferEnd::Rejected);
    }
    assert_eq!(bench.offered(), "c");
}

#[test]
fn a_freed_agent_takes_the_heaviest_queue_then_priority_then_the_longest_wait() {
    let mut light = queue_config("9001");
    light.limits.exit_with_no_av_agents = false;
    let mut heavy = queue_config("9002");
    heavy.limits.exit_with_no_av_agents = false;
    heavy.choice.weight = 5;
    let agent = agent_config("a", &[("9001", 1, 1), ("9002", 1, 1)]);
    let mut bench = Bench::new(vec![light, heavy], vec![agent]);
    bench.intent("a", on_break());
    bench.join(1, "9001");
    assert_eq!(bench.join_with(2, "9001", |join| join.priority = 3), Ok(()));
    bench.join(3, "9002");
    bench.join(4, "9002");
    bench.intent("a", Intent::Available);
    let mut order = Vec::new();
    for _ in 0..4 {
        let call = bench.offers().pop().expect("an offer").1;
        order.push(call);
        bench.leave(call, Leaving::HungUp);
        bench.pass(2);
    }
    assert_eq!(order, [3, 4, 2, 1]);
}

#[test]
fn priority_grows_with_waiting() {
    let mut bench = bench(&THREE[..1], |config| config.choice.aging_secs = 10);
    bench.intent("a", on_break());
    bench.join(1, "9001");
    bench.pass(25);
    assert_eq!(bench.join_with(2, "9001", |join| join.priority = 2), Ok(()));
    assert_eq!(bench.join_with(3, "9001", |join| join.priority = 3), Ok(()));
    let members = bench.acd.members(bench.now, &queue_config("9001").key, 0, 9);
    let order: Vec<_> =
        members.expect("a queue").items.iter().map(|m| (m.call.0, m.priority)).collect();
    assert_eq!(order, [(3, 3), (1, 2), (2, 2)]);
    bench.pass(5);
    bench.intent("a", Intent::Available);
    assert_eq!(bench.offers(), [("a".into(), 1)], "3 by now, and longer there");
}

#[test]
fn a_returning_number_goes_to_its_agent_first() {
    let mut bench = bench(&THREE, |config| {
        config.choice.strategy = Strategy::RingAll;
        config.choice.try_same_agent_time = 60;
    });
    bench.join(1, "9001");
    bench.talk("b");
    bench.finished(1);
    bench.pass(2);
    bench.offered();
    assert_eq!(bench.join_with(2, "9001", |join| join.number = "5551".into()), Ok(()));
    assert_eq!(bench.offered(), "b", "nobody rings beside it");
    bench.pass(20);
    assert_eq!(bench.offered(), "a c", "then as usual, at once");
    bench.leave(2, Leaving::HungUp);
    bench.pass(60);
    assert_eq!(bench.join_with(3, "9001", |join| join.number = "5551".into()), Ok(()));
    assert_eq!(bench.offered(), "a b c", "that is too long ago");
}

#[test]
fn busy_agents_are_offered_only_where_that_is_wanted() {
    for (skips, expected) in [(true, ""), (false, "a")] {
        let mut bench = bench(&THREE[..1], |config| config.choice.skip_busy_agents = skips);
        bench.acd.set_other_calls(bench.now, &agent_key("a"), 1, false);
        bench.join(1, "9001");
        assert_eq!(bench.offered(), expected);
        bench.acd.set_other_calls(bench.now, &agent_key("a"), 0, false);
        bench.check();
        assert_eq!(bench.queue("9001").trying, 1);
    }
}

#[test]
fn a_level_that_opens_while_somebody_else_is_told_its_position_is_not_forgotten() {
    let mut bench = bench(&[("a", 1, 1), ("b", 2, 1)], |config| {
        config.choice.tier_rule_wait_second = 5;
        config.choice.tier_rule_wait_multiply_level = false;
        config.choice.aging_secs = 3;
        config.voice.position_announce_frequency = 6;
    });
    bench.join(1, "9001");
    bench.pass(1);
    bench.join(2, "9001");
    bench.pass(5);
    assert_eq!(bench.offers(), [("a".into(), 1), ("b".into(), 2)]);
}

#[test]
fn a_head_that_nobody_may_take_blocks_nobody() {
    let need = SkillNeed { name: "latin".into(), level: 1, relax_secs: 0, relax_by: 0 };
    let mut bench = bench(&THREE[..1], |_| ());
    bench.intent("a", on_break());
    assert_eq!(bench.join_with(1, "9001", |join| join.skills.push(need)), Ok(()));
    bench.join(2, "9001");
    bench.intent("a", Intent::Available);
    assert_eq!(bench.offers(), [("a".into(), 2)]);
}

fn set(keys: &[(u64, u32)]) -> Ordered<FreeKey> {
    let mut set = Ordered::default();
    for (first, rank) in keys {
        set.insert(FreeKey { first: *first, idle_since: 0, rank: *rank, agent: *rank });
    }
    set
}

#[test]
fn a_walk_goes_on_and_begins_anew_at_the_end() {
    let (one, two) = (set(&[(1, 10), (3, 30)]), set(&[(2, 20)]));
    let good = [&one, &two];
    let after = |first, rank| Some(FreeKey { first, idle_since: 0, rank, agent: 0 });
    assert_eq!(next(&good, None), Some(10));
    assert_eq!(next(&good, after(1, 11)), Some(20));
    assert_eq!(next(&good, after(2, 21)), Some(30));
    assert_eq!(next(&good, after(3, 31)), Some(10));
    assert_eq!(next(&[], None), None);
}

#[test]
fn random_takes_all_alike() {
    let mut rng = ChaCha8Rng::from_seed([1; 32]);
    let (one, two) = (set(&[(0, 0), (0, 1)]), set(&[(0, 2)]));
    let mut counts = [0_u32; 3];
    for _ in 0..3_000 {
        let agent = uniform(&mut rng, &[&one, &two]).expect("somebody");
        counts[agent as usize] += 1;
    }
    assert!(counts.iter().all(|count| (900..1_100).contains(count)), "{counts:?}");
}
