//! Ten agents in ten conditions, and the true reason for each.

use std::collections::BTreeMap;

use strowger_core::acd::{Acd, Act, Offer};
use strowger_core::vocab::acd::{
    AcdConfig, AgentConfig, AgentKey, AgentPlace, Condition, Intent, IntentSource, Join, OfferEnd,
    QueueConfig, QueueKey, SkillNeed, Tier, Times,
};
use strowger_core::vocab::{CallId, Now};

const NOW: Now = Now { mono: 5_000_000_000, wall: 1_000_000 };

fn queue_key(number: &str) -> QueueKey {
    QueueKey { tenant: "t".into(), number: number.into() }
}

fn agent_key(id: u16) -> AgentKey {
    AgentKey { tenant: "t".into(), id: id.to_string() }
}

fn queue(number: &str) -> QueueConfig {
    QueueConfig {
        name: number.into(),
        times: Times { wrap_up_time: Some(100), reject_delay_time: Some(50), ..Times::default() },
        ..QueueConfig::new(queue_key(number))
    }
}

/// Everybody serves 9001, and a queue of its own in which it can be given something to do.
fn agent(id: u16) -> AgentConfig {
    let level = if id == 10 { 2 } else { 1 };
    let tier = |number: String, level| Tier { queue: queue_key(&number), level, position: id };
    AgentConfig {
        places: vec![AgentPlace::Extension(format!("20{id:02}"))],
        tiers: vec![tier("9001".into(), level), tier(format!("91{id:02}"), 1)],
        skills: BTreeMap::from([("german".to_owned(), if id == 9 { 10 } else { 80 })]),
        ..AgentConfig::new(agent_key(id))
    }
}

fn config() -> AcdConfig {
    let mut main = queue("9001");
    main.choice.tier_rule_wait_second = 60;
    let need = SkillNeed { name: "german".into(), level: 50, relax_secs: 0, relax_by: 0 };
    main.choice.skills = vec![need];
    let own = (1..=10).map(|id| queue(&format!("91{id:02}")));
    AcdConfig {
        queues: std::iter::once(main).chain(own).collect(),
        agents: (1..=10).map(agent).collect(),
        ..AcdConfig::default()
    }
}

fn join(acd: &mut Acd, call: u128, queue: &str) {
    let join = Join {
        call: CallId(call),
        queue: queue_key(queue),
        number: String::new(),
        priority: 0,
        skills: Vec::new(),
    };
    acd.join(NOW, join).expect("it may wait");
}

/// A caller of the agent's own queue, and the offer that it gets.
fn offered(acd: &mut Acd, id: u16) -> Offer {
    join(acd, 100 + u128::from(id), &format!("91{id:02}"));
    let mut found = None;
    while let Some(act) = acd.poll() {
        if let Act::Offer(offer) = act {
            assert!(found.is_none(), "one offer");
            found = Some(offer);
        }
    }
    let offer = found.expect("an offer");
    assert_eq!(offer.agent, agent_key(id));
    offer
}

/// Everybody at work, each at something else.
fn busy_desk() -> Acd {
    let mut acd = Acd::new([7; 32]);
    acd.configure(NOW, config());
    for id in (2..=10).filter(|id| *id != 3) {
        acd.set_reachable(NOW, &agent_key(id), true);
    }
    let lunch = Intent::OnBreak { reason: "lunch".into(), sub_state: String::new() };
    for id in 2..=10 {
        let intent = if id == 2 { lunch.clone() } else { Intent::Available };
        acd.set_intent(NOW, &agent_key(id), intent, IntentSource::Api).expect("it exists");
    }
    offered(&mut acd, 4);
    for id in [5, 7] {
        let offer = offered(&mut acd, id);
        assert!(acd.answered(NOW, offer.offer) && acd.bridged(NOW, offer.offer));
    }
    acd.finished(NOW, CallId(107));
    acd.set_other_calls(NOW, &agent_key(6), 1, false);
    let rejected = offered(&mut acd, 8).offer;
    acd.failed(NOW, rejected, OfferEnd::Rejected);
    acd.leave(NOW, CallId(108), strowger_core::acd::Leaving::HungUp);
    acd
}

#[test]
fn ten_agents_in_ten_conditions_are_told_apart() {
    let mut acd = busy_desk();
    join(&mut acd, 1, "9001");
    while let Some(act) = acd.poll() {
        assert!(!matches!(act, Act::Offer(_)), "nobody can be offered: {act:?}");
    }
    let explanation = acd.explain(NOW, &queue_key("9001"), None, 20).expect("the queue exists");
    assert_eq!((explanation.as_of, explanation.callers.len()), (NOW.wall, 1));
    let caller = &explanation.callers[0];
    assert_eq!((caller.call, caller.position, caller.waited_ms), (Some(CallId(1)), 1, 0));
    let found: Vec<(String, Condition)> = caller
        .agents
        .iter()
        .map(|verdict| (verdict.agent.id.clone(), verdict.condition.clone()))
        .collect();
    let expected = [
        Condition::LoggedOut,
        Condition::OnBreak { reason: "lunch".into() },
        Condition::NotReachable,
        Condition::OfferedElsewhere { queue: queue_key("9104"), call: CallId(104) },
        Condition::Talking { queue: queue_key("9105"), call: CallId(105) },
        Condition::OnOtherCall,
        Condition::WrappingUp { until: NOW.wall + 100_000 },
        Condition::CoolingDown { until: NOW.wall + 50_000 },
        Condition::LacksSkill { skill: "german".into(), needed: 50, has: 10 },
        Condition::LevelClosed { level: 2, opens_at: Some(NOW.wall + 120_000) },
    ];
    let expected: Vec<(String, Condition)> =
        (1..=10).zip(expected).map(|(id, condition)| (id.to_string(), condition)).collect();
    assert_eq!(found, expected);
}

#[test]
fn when_the_condition_goes_the_agent_is_rung() {
    for id in [4_u16, 6, 7, 8] {
        let mut acd = busy_desk();
        join(&mut acd, 1, "9001");
        while acd.poll().is_some() {}
        let later = Now { mono: NOW.mono + 2_000_000_000, wall: NOW.wall + 2_000 };
        match id {
            4 => acd.leave(NOW, CallId(104), strowger_core::acd::Leaving::HungUp),
            6 => acd.set_other_calls(NOW, &agent_key(6), 0, false),
            7 => acd.end_wrap_up(NOW, &agent_key(7)).expect("it wraps up"),
            _ => {}
        }
        let later = if id == 8 {
            Now { mono: NOW.mono + 51_000_000_000, wall: NOW.wall + 51_000 }
        } else {
            later
        };
        acd.tick(later);
        let rung = std::iter::from_fn(|| acd.poll()).find_map(|act| match act {
            Act::Offer(offer) if offer.call == CallId(1) => Some(offer.agent.id),
            _ => None,
        });
        assert_eq!(rung, Some(id.to_string()), "agent {id}");
        let explanation = acd.explain(later, &queue_key("9001"), Some(CallId(1)), 1).unwrap();
        let verdict = explanation.callers[0].agents.iter().find(|v| v.agent == agent_key(id));
        assert!(matches!(verdict.map(|v| &v.condition), Some(Condition::Ringing { .. })));
    }
}
