//! The dialler against a simulated call centre: people who answer or do not, agents who talk and finish up, a feed that
//! comes late, a store that fails. 50,000 numbers for each mode; `STROWGER_DIAL_CALLS` makes it more.

mod centre;
mod disk;
mod rng;

use std::collections::BTreeMap;

use strowger_core::dialer::{BOUND, WINDOW};
use strowger_core::vocab::dial::{DialAction, DialEnd, DialMode, DialOutcome, DialState};

use centre::{Centre, SECOND, Scene};

/// Numbers dialled in each mode.
fn calls() -> usize {
    let asked = std::env::var("STROWGER_DIAL_CALLS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(50_000)
}

/// A call centre runs until its numbers are gone; everything that must hold has held after every step.
fn run_out(scene: Scene) -> Centre {
    let mut centre = Centre::open(scene);
    centre.order(DialAction::Start);
    centre.run_until_over();
    assert_eq!(centre.state(), DialState::Ended(DialEnd::Exhausted));
    centre.accounts_for_every_number();
    centre
}

/// Within any thousand answers in a row.
fn most_abandoned(answers: &[bool]) -> u32 {
    let mut most = 0;
    let mut now = 0;
    for (at, abandoned) in answers.iter().enumerate() {
        now += u32::from(*abandoned);
        if at >= WINDOW {
            now -= u32::from(answers[at - WINDOW]);
        }
        most = most.max(now);
    }
    most
}

#[test]
fn a_progressive_task_never_abandons_and_drains() {
    let scene =
        Scene { mode: DialMode::Progressive, agents: 30, numbers: calls(), ..Scene::usual(1) };
    let centre = run_out(scene);
    assert_eq!(most_abandoned(&centre.judged), 0, "one call for each idle agent");
}

#[test]
fn a_ratio_task_keeps_its_ratio_and_drains() {
    let scene = Scene {
        mode: DialMode::Ratio,
        ratio: 250,
        agents: 20,
        numbers: calls(),
        ..Scene::usual(2)
    };
    let centre = run_out(scene);
    assert!(centre.most_lines_each_hundredths > 200, "it uses its ratio");
    assert!(centre.most_lines_each_hundredths <= 250, "and no more");
}

#[test]
fn a_prediction_keeps_its_bound_while_people_change_and_beats_one_by_one() {
    for (seed, agents) in [(3, 25), (4, 60)] {
        let numbers = calls() / 2;
        let scene = Scene { mode: DialMode::Predictive, agents, numbers, ..Scene::usual(seed) };
        let predicted = run_out(scene.clone());
        let most = most_abandoned(&predicted.judged);
        assert!(most <= BOUND, "{most} abandoned in a thousand answers");
        assert!(most > 0, "it takes risks at all");
        let plain = run_out(Scene { mode: DialMode::Progressive, numbers: numbers / 5, ..scene });
        let (busy, plain) = (predicted.busy_permille(), plain.busy_permille());
        assert!(busy > plain + 50, "agents talk {busy} ‰ of their time, {plain} ‰ one by one");
    }
}

#[test]
fn a_prediction_with_few_agents_dials_one_by_one() {
    let scene =
        Scene { mode: DialMode::Predictive, agents: 9, numbers: calls() / 10, ..Scene::usual(5) };
    let centre = run_out(scene);
    assert_eq!(most_abandoned(&centre.judged), 0);
}

#[test]
fn a_broadcast_uses_its_calls_and_never_more() {
    let scene = Scene { mode: DialMode::Broadcast, numbers: calls(), ..Scene::usual(6) };
    let centre = run_out(scene);
    assert_eq!(centre.most_calls, 100, "the limit is reached, and never passed");
}

#[test]
fn a_robot_uses_its_calls_and_never_more() {
    let scene = Scene { mode: DialMode::Robot, limit: 40, numbers: calls(), ..Scene::usual(7) };
    let centre = run_out(scene);
    assert_eq!(centre.most_calls, 40);
    assert!(centre.alone > 0, "some robots were not there");
    assert_eq!(centre.outcomes()[&DialOutcome::Failed], centre.alone);
}

#[test]
fn stop_lets_calls_finish_and_force_stop_ends_them() {
    for (force, mode) in [(false, DialMode::Ratio), (true, DialMode::Predictive)] {
        for seed in 0..40 {
            let scene = Scene { mode, numbers: 2_000, ..Scene::usual(seed) };
            let mut centre = Centre::open(scene);
            centre.order(DialAction::Start);
            centre.run_for((60 + seed) * SECOND);
            centre.order(DialAction::Pause);
            centre.run_for(seed * SECOND);
            centre.order(DialAction::Start);
            centre.run_for(60 * SECOND);
            let dialled = centre.dialled.len();
            centre.order(if force { DialAction::ForceStop } else { DialAction::Stop });
            let stopped_at = centre.now();
            centre.run_until_over();
            let end = if force { DialEnd::ForceStopped } else { DialEnd::Stopped };
            assert_eq!(centre.state(), DialState::Ended(end));
            assert_eq!(centre.dialled.len(), dialled, "nothing is dialled after the stop");
            if force {
                assert!(centre.now() - stopped_at < SECOND, "all calls are ended at once");
            }
            centre.accounts_for_every_number();
        }
    }
}

#[test]
fn after_a_crash_nothing_is_dialled_twice_and_what_was_in_the_air_is_reported() {
    let mut interrupted = 0;
    for seed in 0..60 {
        let scene = Scene { mode: DialMode::Ratio, numbers: 800, ..Scene::usual(100 + seed) };
        let mut centre = Centre::open(scene);
        centre.order(DialAction::Start);
        for crash in 0..3 {
            centre.run_for((5 + seed + 17 * crash) * SECOND);
            centre.crash();
        }
        centre.run_until_over();
        assert_eq!(centre.state(), DialState::Ended(DialEnd::Exhausted));
        centre.accounts_for_every_number();
        let outcomes: BTreeMap<DialOutcome, u64> = centre.outcomes();
        interrupted += outcomes.get(&DialOutcome::Interrupted).copied().unwrap_or(0);
    }
    assert!(interrupted > 100, "calls were in the air: {interrupted}");
}

#[test]
fn two_tasks_share_the_agents_of_a_queue() {
    let scene = Scene {
        mode: DialMode::Progressive,
        tasks: 2,
        agents: 10,
        numbers: 3_000,
        ..Scene::usual(8)
    };
    let centre = run_out(scene);
    assert_eq!(most_abandoned(&centre.judged), 0, "together one call for each agent");
    assert!(centre.shares_permille() > 400, "neither starves");
}
