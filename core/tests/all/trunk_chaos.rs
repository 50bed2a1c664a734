//! Carriers that answer anything, late or never: nothing breaks, and when they behave again all is well soon.

use proptest::prelude::*;
use sip::endpoint::RequestFailure;
use sip::resolve::{Answer, Record, RecordKind};
use strowger_core::trunk::Report;
use strowger_core::vocab::config::Trunk;

use crate::carrier::{Bench, Sent, registering};
use crate::common::*;

/// Something that happens.
#[derive(Debug, Clone)]
enum Step {
    Wait {
        ms: u64,
    },
    /// One of the requests under way gets an outcome.
    Outcome {
        which: usize,
        outcome: u8,
    },
    /// One of the questions under way gets an answer.
    Dns {
        which: usize,
        answer: u8,
    },
    Report {
        target: u8,
        report: u8,
    },
    Reload,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0_u64..30_000).prop_map(|ms| Step::Wait { ms }),
        4 => (any::<usize>(), 0_u8..12).prop_map(|(which, outcome)| Step::Outcome { which, outcome }),
        2 => (any::<usize>(), 0_u8..4).prop_map(|(which, answer)| Step::Dns { which, answer }),
        1 => (0_u8..3, 0_u8..4).prop_map(|(target, report)| Step::Report { target, report }),
        1 => Just(Step::Reload),
    ]
}

fn config(expires: u32) -> Vec<Trunk> {
    vec![
        Trunk { expires, qualify_secs: 30, ..registering("c.example:5060") },
        Trunk { qualify_secs: 20, ..trunk("demo", "fixed", "192.0.2.10") },
    ]
}

fn addresses(answer: u8) -> Answer {
    let record = |host: u8| Record::A([192, 0, 2, host].into());
    match answer {
        0 => Answer::Failed,
        1 => Answer::Found { records: vec![record(10), record(11)], ttl_secs: 5 },
        2 => Answer::Found { records: vec![record(11), record(12)], ttl_secs: 60 },
        _ => Answer::Found { records: Vec::new(), ttl_secs: 1 },
    }
}

fn give(bench: &mut Bench, sent: &Sent, outcome: u8) {
    match outcome {
        0 => bench.outcome(sent, Err(RequestFailure::Timeout)),
        1 => bench.outcome(sent, Err(RequestFailure::Transport)),
        2 => bench.answer(sent, "503 Busy", &["Retry-After: 20"]),
        3 => bench.answer(sent, "503 Busy", &[]),
        4 => bench.answer(sent, "423 Interval Too Brief", &["Min-Expires: 900"]),
        5 => bench.answer(sent, "403 Forbidden", &[]),
        6 => bench.answer(sent, "200 OK", &["Expires: 0"]),
        7 => bench.answer(sent, "401 Unauthorized", &["Retry-After: 4000000000"]),
        8 => bench.answer(sent, "302 Moved", &["Contact: <sip:x@y>"]),
        _ => bench.answer(sent, "200 OK", &["Expires: 100"]),
    }
}

fn play(bench: &mut Bench, step: &Step) {
    match step {
        Step::Wait { ms } => bench.run_to(bench.now + ms * 1_000_000),
        Step::Outcome { which, outcome } if !bench.sent.is_empty() => {
            // Some are answered twice: they stay in the list.
            let which = which % bench.sent.len();
            let sent = bench.sent[which].clone();
            give(bench, &sent, *outcome);
        }
        Step::Dns { which, answer } if !bench.asked.is_empty() => {
            let (trunk, question) = bench.asked.swap_remove(which % bench.asked.len());
            let answer = match question.kind {
                RecordKind::A => addresses(*answer),
                _ => Answer::Failed,
            };
            bench.trunks.resolved(moment(bench.now), &trunk, &question, answer);
            bench.drain();
        }
        Step::Report { target, report } => {
            let report = match report {
                0 => Report::Alive,
                1 => Report::Silent,
                2 => Report::Overloaded(None),
                _ => Report::Overloaded(Some(60)),
            };
            for key in [trunk_key("demo", "line"), trunk_key("demo", "fixed")] {
                let Some(target) = bench.trunks.targets(&key).get(usize::from(*target)).copied()
                else {
                    continue;
                };
                bench.trunks.reported(moment(bench.now), &key, target, report);
                bench.drain();
            }
        }
        Step::Reload => {
            let trunks = config(if bench.now.is_multiple_of(2) { 600 } else { 90 });
            bench.trunks.reconfigure(&trunks, moment(bench.now));
            bench.drain();
        }
        Step::Outcome { .. } | Step::Dns { .. } => {}
    }
}

/// Everything is answered at once from now on, for so many seconds.
fn behave(bench: &mut Bench, seconds: u64) {
    let end = bench.now + seconds * SECOND;
    bench.sent.clear();
    loop {
        for (trunk, question) in std::mem::take(&mut bench.asked) {
            let answer = if question.kind == RecordKind::A { addresses(2) } else { Answer::Failed };
            bench.trunks.resolved(moment(bench.now), &trunk, &question, answer);
            bench.drain();
        }
        for sent in std::mem::take(&mut bench.sent) {
            bench.answer(&sent, "200 OK", &["Expires: 1000"]);
        }
        let Some(deadline) = bench.trunks.next_deadline().filter(|deadline| *deadline <= end)
        else {
            return;
        };
        bench.now = bench.now.max(deadline);
        bench.drain();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn all_is_well_soon_after_the_carriers_behave(steps in prop::collection::vec(step(), 1..120)) {
        let mut bench = Bench::new(&config(600));
        for step in &steps {
            play(&mut bench, step);
            // A trunk that is up has an address, and who waits has a deadline (checked by the audit in `drain`).
            for (key, up) in bench.trunks.all_up() {
                prop_assert!(!up || !bench.trunks.targets(&key).is_empty());
            }
        }
        prop_assert!(bench.sent.len() < 4000, "{} requests", bench.sent.len());
        // The longest pause that anybody may have imposed: Retry-After, bounded to an hour.
        behave(&mut bench, 2 * 3600);
        for (key, up) in bench.trunks.all_up() {
            prop_assert!(up, "{key}: {:?}", bench.trunks.views("demo"));
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_digest(steps in prop::collection::vec(step(), 1..60)) {
        use std::hash::Hasher;
        let digest = || {
            let mut bench = Bench::new(&config(600));
            steps.iter().for_each(|step| play(&mut bench, step));
            let mut hasher = std::hash::DefaultHasher::new();
            bench.trunks.digest(&mut hasher);
            hasher.finish()
        };
        prop_assert_eq!(digest(), digest());
    }
}
