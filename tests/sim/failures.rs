//! What people report of other queues, year after year. Each failure has a scene of its name that leads to it, played over
//! networks that lose, repeat and delay, and a planted fault with which that test fails.

use strowger_core::vocab::acd::{AcdConfig, Activity, QueueConfig, Strategy};

use crate::phone::Manner;
use crate::stage::{Scene, Stage, plain, play, staff};
use crate::world::Plant;

/// A queue with two agents.
fn one_queue(strategy: Strategy) -> AcdConfig {
    let agents = vec![staff("101", "4001", &[("9101", 1)]), staff("102", "4002", &[("9101", 2)])];
    AcdConfig { queues: vec![plain("9101", strategy)], agents, ..AcdConfig::default() }
}

fn top_down() -> AcdConfig {
    one_queue(Strategy::TopDown)
}

/// A queue with one agent.
fn one_agent() -> AcdConfig {
    let mut acd = top_down();
    acd.agents.truncate(1);
    acd
}

/// Two queues with the same agent.
fn two_queues() -> AcdConfig {
    let queues: Vec<QueueConfig> =
        ["9101", "9102"].map(|number| plain(number, Strategy::TopDown)).into();
    let agents = vec![staff("101", "4001", &[("9101", 1), ("9102", 1)])];
    AcdConfig { queues, agents, ..AcdConfig::default() }
}

/// A phone that is dead, rings for ever or answers too late never keeps its agent from the next caller.
#[test]
fn agents_stuck_in_receiving() {
    let scene = Scene {
        acd: top_down,
        play: |stage| {
            stage.longest_offer = Some(8_500);
            let manner = [Manner::Dead, Manner::Ring, Manner::Cross][stage.seed() as usize % 3];
            stage.manner("4001", manner);
            stage.manner("4002", Manner::Answer(300));
            stage.call("4003", "9101");
            stage.until("the other agent has the caller", 60, |stage| stage.served_by("102") == 1);
            stage.manner("4001", Manner::Answer(300));
            stage.call("4005", "9101");
            let limit = "the agent of the bad phone has the next caller";
            stage.until(limit, 120, |stage| stage.served_by("101") == 1);
        },
    };
    play(&scene, Plant::EndlessOffer, "is shown as receiving for");
}

/// The caller hangs up, the agent's phone has no power to say so, and hours later nobody is listed.
#[test]
fn callers_listed_as_answered_after_hanging_up() {
    let scene = Scene {
        acd: one_agent,
        play: |stage| {
            stage.manner("4001", Manner::Answer(300));
            let caller = stage.call("4003", "9101");
            stage.until("they talk", 60, |stage| stage.served() == 1 && stage.is_up(caller));
            stage.world.look();
            let phone = stage.index("4001");
            stage.world.power(phone, false);
            stage.end(caller);
            let gone = |stage: &Stage| stage.dialog(caller).is_over();
            stage.until("the caller has hung up", 60, gone);
            stage.world.phones.iter_mut().for_each(|phone| phone.quiet = true);
            for minutes in [1, 60, 120] {
                stage.pass(minutes * 60);
                stage.world.look();
            }
        },
    };
    play(&scene, Plant::StaleList, "is over and listed");
}

/// The caller leaves while the agent is rung, and the agent's answer crosses the CANCEL or never comes: the phone falls
/// silent, and nobody is bridged.
#[test]
fn zombie_calls_to_agents_after_the_caller_left() {
    let scene = Scene {
        acd: one_agent,
        play: |stage| {
            let manner = [Manner::Ring, Manner::Cross][stage.seed() as usize % 2];
            stage.manner("4001", manner);
            let caller = stage.call("4003", "9101");
            stage.until("the agent rings", 60, |stage| stage.phone("4001").rings());
            stage.until("the caller waits", 60, |stage| stage.is_up(caller));
            stage.end(caller);
            stage.until("nobody waits", 60, Stage::nobody_waits);
            stage.pass(80);
            stage.until("the phone is silent", 60, |stage| stage.phone("4001").is_idle());
            assert!(!stage.world.workers.seen.contains("bridge"), "nobody is bridged");
        },
    };
    play(&scene, Plant::SwallowCancel, "after its offer was over");
}

/// The winner of a ring-all hangs up before the bridge: the other is rung again, and the caller never hears of it.
#[test]
fn ring_all_winner_who_hangs_up_and_takes_every_phone_with_him() {
    let scene = Scene {
        acd: || {
            let mut acd = one_queue(Strategy::RingAll);
            acd.queues[0].service.agent_report_wait_time = true;
            acd
        },
        play: |stage| {
            stage.world.workers.slow = true;
            stage.manner("4001", Manner::AnswerAndLeave(1_000, 200));
            stage.manner("4002", Manner::Answer(5_000));
            let caller = stage.call("4003", "9101");
            let gone = |stage: &Stage| stage.phone("4001").seen.contains("hung up");
            stage.until("the winner hangs up", 60, gone);
            stage.manner("4001", Manner::Ring);
            let other = |stage: &Stage| stage.served_by("102") == 1;
            stage.until("the other agent has the caller", 120, other);
            assert!(stage.is_up(caller), "the caller has waited on");
        },
    };
    play(&scene, Plant::FirstInviteOnly, "not within 120 s: the other agent has the caller");
}

/// The last of the list has no phone: the list begins anew, for this caller and for the next.
#[test]
fn queue_stops_when_the_last_agent_of_a_top_down_list_is_away() {
    let scene = Scene {
        acd: || {
            let mut acd = top_down();
            acd.agents.push(staff("103", "4004", &[("9101", 3)]));
            acd
        },
        play: |stage| {
            let last = stage.index("4004");
            stage.world.at_phone(last, |phone, now| ((), phone.leave(now)));
            stage.until("the last is away", 60, |stage| !stage.phone("4004").registered);
            stage.manner("4001", Manner::Answer(300));
            stage.manner("4002", Manner::Answer(300));
            let first = stage.call("4003", "9101");
            stage.call("4005", "9101");
            stage.call("4006", "9101");
            stage.until("both agents talk", 90, |stage| stage.served() == 2);
            stage.until("the first talks", 60, |stage| stage.is_up(first));
            stage.end(first);
            stage.until("the third is served", 120, |stage| stage.served() == 3);
        },
    };
    play(&scene, Plant::FirstInviteOnly, "not within");
}

/// The process stands still for 25 seconds, with everything that was due in them.
#[test]
fn dispatcher_that_sleeps() {
    let scene = Scene {
        acd: || one_queue(Strategy::LongestIdleAgent),
        play: |stage| {
            for from in ["4003", "4005", "4006"] {
                stage.call(from, "9101");
            }
            stage.until("both agents are rung", 60, |stage| stage.world.board.offers.len() == 2);
            stage.world.sleep(25);
            stage.pass(26);
            stage.manner("4001", Manner::Answer(300));
            stage.manner("4002", Manner::Answer(300));
            stage.until("both agents talk", 90, |stage| stage.served() == 2);
        },
    };
    play(&scene, Plant::Freeze, "not within 90 s: both agents talk");
}

/// Two queues want the same two agents in opposite order, with callers who come at one instant.
#[test]
fn deadlock_of_two_queues() {
    let scene = Scene {
        acd: || {
            let mut acd = two_queues();
            acd.agents = vec![
                staff("101", "4001", &[("9101", 1), ("9102", 2)]),
                staff("102", "4002", &[("9101", 2), ("9102", 1)]),
            ];
            acd
        },
        play: |stage| {
            stage.manner("4001", Manner::Answer(300));
            stage.manner("4002", Manner::Answer(300));
            for round in 1..=3 {
                let callers = [stage.call("4003", "9101"), stage.call("4005", "9102")];
                let both = "both callers talk";
                stage.until(both, 90, |stage| {
                    stage.served() == 2 * round && callers.iter().all(|one| stage.is_up(*one))
                });
                callers.into_iter().for_each(|caller| stage.end(caller));
                let over = |stage: &Stage| callers.iter().all(|one| stage.dialog(*one).is_over());
                stage.until("both have hung up", 60, over);
            }
        },
    };
    play(&scene, Plant::Freeze, "not within 90 s: both callers talk");
}

/// An agent who wraps up for one queue is not rung by the other.
#[test]
fn wrap_up_ignored_by_another_queue() {
    let scene = Scene {
        acd: || {
            let mut acd = two_queues();
            acd.agents[0].times.wrap_up_time = Some(30);
            acd
        },
        play: |stage| {
            stage.manner("4001", Manner::Answer(300));
            let first = stage.call("4003", "9101");
            stage.until("they talk", 60, |stage| stage.served() == 1 && stage.is_up(first));
            stage.call("4005", "9102");
            stage.end(first);
            let wraps_up =
                |stage: &Stage| matches!(stage.activity("101"), Some(Activity::WrappingUp { .. }));
            stage.until("the agent wraps up", 60, wraps_up);
            stage.until("the other queue's caller is served", 90, |stage| stage.served() == 2);
        },
    };
    play(&scene, Plant::LongerWrapUp, "is rung while it wraps up");
}

/// Callers of two queues and one agent: one offer at a time, and one call at the phone.
#[test]
fn agent_rung_by_two_queues() {
    let scene = Scene {
        acd: two_queues,
        play: |stage| {
            stage.manner("4001", Manner::AnswerAndLeave(2_000, 4_000));
            stage.call("4003", "9101");
            stage.call("4005", "9102");
            stage.until("both were served", 120, |stage| stage.served() == 2);
        },
    };
    play(&scene, Plant::TwoInvites, "rings for two callers at once");
}

#[test]
fn bridged_without_sound() {
    let scene = Scene {
        acd: one_agent,
        play: |stage| {
            stage.manner("4001", Manner::Answer(300));
            let caller = stage.call("4003", "9101");
            stage.until("they are connected", 60, |stage| stage.served() == 1);
            stage.until("they hear each other", 40, |stage| {
                let own = stage.dialog(caller).media_address();
                let mut others = stage.phone("4001").dialogs.values();
                others
                    .any(|dialog| stage.world.workers.hear_each_other(own, dialog.media_address()))
            });
        },
    };
    play(&scene, Plant::HalfBridge, "is bridged to");
}

/// Whoever hangs up first, the other is told.
#[test]
fn bridged_without_hang_up_of_the_other_side() {
    let scene = Scene {
        acd: one_agent,
        play: |stage| {
            stage.manner("4001", Manner::AnswerAndLeave(300, 3_000));
            let caller = stage.call("4003", "9101");
            let told = |stage: &Stage| stage.dialog(caller).bye_received;
            stage.until("the caller is told", 120, told);
            stage.manner("4001", Manner::Answer(300));
            let caller = stage.call("4003", "9101");
            let talk = |stage: &Stage| stage.served() == 2 && stage.is_up(caller);
            stage.until("they talk", 90, talk);
            stage.end(caller);
            stage.until("the agent is told", 90, |stage| stage.phone("4001").is_idle());
        },
    };
    play(&scene, Plant::SwallowBye, "not within 120 s: the caller is told");
}
