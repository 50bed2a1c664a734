//! The distributor against a reference that does the same in the simplest way, over random schedules. A failing seed prints
//! itself and the fewest steps that still fail; `STROWGER_ACD_SEED` repeats it alone, `STROWGER_ACD_SCHEDULES` sets how many run.

mod choose;
mod drain;
mod events;
mod lists;
mod look;
mod orders;
mod pair;
mod reference;
mod schedule;
mod settle;
mod shown;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use pair::{Pair, Reached};
use schedule::Schedule;

/// Runs one schedule to its end and through draining.
fn run(schedule: &Schedule) -> Result<Reached, String> {
    let all = || {
        let mut pair = Pair::new(schedule)?;
        for (at, step) in schedule.steps.iter().enumerate() {
            pair.step(step).map_err(|wrong| format!("step {at}: {wrong}"))?;
        }
        pair.drain().map_err(|wrong| format!("draining: {wrong}"))?;
        Ok(pair.reached)
    };
    catch_unwind(AssertUnwindSafe(all)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text
            .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()))
            .unwrap_or_default())
    })
}

/// Leaves steps out as long as it still fails, larger pieces first.
fn shrink(schedule: &Schedule) -> (Schedule, String) {
    let mut least = schedule.clone();
    let mut wrong = run(&least).err().unwrap_or_default();
    let mut piece = least.steps.len().div_ceil(2).max(1);
    loop {
        let mut shorter = false;
        let mut at = 0;
        while at < least.steps.len() {
            let mut candidate = least.clone();
            candidate.steps.drain(at..(at + piece).min(least.steps.len()));
            match run(&candidate) {
                Err(text) => (least, wrong, shorter) = (candidate, text, true),
                Ok(_) => at += piece,
            }
        }
        match (piece, shorter) {
            (1, false) => return (least, wrong),
            (1, true) => {}
            _ => piece = piece.div_ceil(2),
        }
    }
}

fn fail(seed: u64) -> ! {
    let (least, wrong) = shrink(&Schedule::from_seed(seed));
    panic!(
        "seed {seed}: {wrong}\nsteps {:#?}\nreachable {:?}\nconfiguration {:#?}\nseed {seed}: {wrong}\n\
         STROWGER_ACD_SEED={seed} cargo test -p strowger-core --test all acd_model",
        least.steps, least.reachable, least.config
    );
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Everything that a run over all seeds reaches, or it has tested less than it says.
const MUST_REACH: [&str; 37] = [
    "offer",
    "offer of a remote agent",
    "callback attempt",
    "announcement",
    "rang out",
    "never bridged",
    "caller gone",
    "won by another",
    "withdrawn",
    "timeout",
    "no_agent",
    "full",
    "exit_key",
    "queue_removed",
    "join",
    "leave",
    "leave again",
    "prioritise",
    "report",
    "late report",
    "finish",
    "finish again",
    "callback ready",
    "callback failed",
    "intent",
    "end wrap-up",
    "extend wrap-up",
    "disposition",
    "active place",
    "desk",
    "reachable",
    "other calls",
    "configure",
    "wait",
    "talking",
    "wrapping up",
    "cooling down",
];

#[test]
fn the_distributor_does_what_the_reference_does() {
    if let Some(seed) = number("STROWGER_ACD_SEED") {
        if run(&Schedule::from_seed(seed)).is_err() {
            fail(seed);
        }
        return;
    }
    let schedules = number("STROWGER_ACD_SCHEDULES").unwrap_or(10_000);
    let next = AtomicU64::new(0);
    let (reached, failed) = (Mutex::new(Reached::new()), Mutex::new(None));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut seen = Reached::new();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= schedules {
                        break;
                    }
                    match run(&Schedule::from_seed(seed)) {
                        Ok(more) => seen.extend(more),
                        Err(_) => {
                            *failed.lock().unwrap() = Some(seed);
                            next.store(schedules, Ordering::Relaxed);
                        }
                    }
                }
                reached.lock().unwrap().extend(seen);
            });
        }
    });
    if let Some(seed) = failed.into_inner().unwrap() {
        fail(seed);
    }
    let reached = reached.into_inner().unwrap();
    let never: Vec<_> = MUST_REACH.iter().filter(|what| !reached.contains(**what)).collect();
    assert!(schedules < 1_000 || never.is_empty(), "never reached: {never:?}");
}
