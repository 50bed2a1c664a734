//! Medians, ratios and the table.

use crate::Result;
use crate::peer::{Kind, workspace};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

/// Every value measured, by figure and by whom.
pub struct Results {
    values: BTreeMap<String, BTreeMap<String, Vec<f64>>>,
    failures: Vec<String>,
    kinds: Vec<Kind>,
    quick: bool,
    /// Lines of the message layer's own benchmark.
    pub micro: Vec<String>,
}

/// What a figure is held against.
enum Goal {
    /// Nothing: shown only.
    None,
    /// At most that share of another peer's figure.
    Of(&'static str, &'static str, f64),
    /// At most that much.
    AtMost(f64),
}

struct Row {
    title: &'static str,
    figure: &'static str,
    digits: usize,
    goal: Goal,
}

const fn row(title: &'static str, figure: &'static str, digits: usize, goal: Goal) -> Row {
    Row { title, figure, digits, goal }
}

/// The table, line by line.
const ROWS: &[Row] = &[
    row(
        "registration with digest, CPU µs",
        "register_us",
        0,
        Goal::Of("register_us", KAMAILIO, 0.5),
    ),
    row(
        "call with digest, media anchored, CPU ms",
        "call_ms",
        2,
        Goal::Of("call_ms", KAMAILIO, 0.5),
    ),
    row("system calls per call", "call_syscalls", 0, Goal::None),
    row("context switches per call", "call_switches", 0, Goal::None),
    row("highest call rate, < 1 % failed, calls/s", "call_rate", 0, Goal::None),
    row(
        "relayed RTP packet, 200 calls, CPU µs",
        "relay_us",
        2,
        Goal::Of("relay_us", KAMAILIO, 0.7),
    ),
    row("the same against the floor", "relay_us", 2, Goal::Of("relay_us", "floor", 1.15)),
    row("the floor with a thread per core", "relay_cores_us", 2, Goal::None),
    row("one-way delay, 50 %, µs", "relay_p50_us", 0, Goal::None),
    row("one-way delay, 99 %, µs", "relay_p99_us", 0, Goal::None),
    row("lost packets, %", "relay_loss", 2, Goal::None),
    row("relayed RTP packet, 50 calls, CPU µs", "relay50_us", 2, Goal::None),
    row(
        "recorded RTP packet, 50 calls, CPU µs",
        "record_us",
        2,
        Goal::Of("relay50_us", STROWGER, 1.5),
    ),
    row("recorded, one-way delay, 99 %, µs", "record_p99_us", 0, Goal::None),
    row("memory idle, MB", "idle_mb", 1, Goal::AtMost(25.0)),
    row("memory per registration, KB", "registration_kb", 2, Goal::AtMost(2.0)),
    row("memory per bridged call, KB", "bridged_kb", 1, Goal::AtMost(60.0)),
];

const STROWGER: &str = "strowger";
const KAMAILIO: &str = "kamailio";

impl Results {
    /// Nothing measured yet.
    pub fn new(kinds: &[Kind], quick: bool) -> Results {
        Results {
            values: BTreeMap::new(),
            failures: Vec::new(),
            kinds: kinds.to_vec(),
            quick,
            micro: Vec::new(),
        }
    }

    /// One more value.
    pub fn add(&mut self, figure: &str, who: &str, value: f64) {
        eprintln!("rig: {who} {figure} {value:.3}");
        let by_peer = self.values.entry(figure.to_owned()).or_default();
        by_peer.entry(who.to_owned()).or_default().push(value);
    }

    /// True if that was measured before.
    pub fn has(&self, figure: &str, who: &str) -> bool {
        self.values.get(figure).is_some_and(|by_peer| by_peer.contains_key(who))
    }

    /// A measurement that did not come to its end.
    pub fn fail(&mut self, who: &str, why: &str) {
        eprintln!("rig: {who}: {why}");
        self.failures.push(format!("{who}: {why}"));
    }

    /// True if everything was measured.
    pub fn complete(&self) -> bool {
        self.failures.is_empty()
    }

    fn median(&self, figure: &str, who: &str) -> Option<f64> {
        let mut values = self.values.get(figure)?.get(who)?.clone();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        if values.len() % 2 == 1 {
            return values.get(middle).copied();
        }
        Some((values.get(middle.checked_sub(1)?)? + values.get(middle)?) / 2.0)
    }

    /// Ratio or value to compare, its bound in words, and whether it is kept.
    fn judge(&self, row: &Row) -> (Option<f64>, String, Option<bool>) {
        let ours = self.median(row.figure, STROWGER);
        match row.goal {
            Goal::None => {
                let theirs = self.median(row.figure, KAMAILIO);
                let ratio =
                    ours.zip(theirs).filter(|(_, theirs)| *theirs > 0.0).map(|(a, b)| a / b);
                (ratio, String::new(), None)
            }
            Goal::AtMost(most) => (None, format!("≤ {most}"), ours.map(|value| value <= most)),
            Goal::Of(figure, who, most) => {
                let ratio = ours.zip(self.median(figure, who)).map(|(a, b)| a / b);
                let of = if who == STROWGER { "own relay" } else { who };
                (ratio, format!("≤ {most} of {of}"), ratio.map(|ratio| ratio <= most))
            }
        }
    }

    fn markdown(&self) -> String {
        let mut text = String::from(
            "| figure | Strowger | Kamailio + rtpengine | floor | no relay | ratio | target | |\n\
             |---|---|---|---|---|---|---|---|\n",
        );
        for row in ROWS.iter().filter(|row| self.values.contains_key(row.figure)) {
            let cell = |who| {
                self.median(row.figure, who)
                    .map_or_else(|| "–".into(), |value| format!("{value:.*}", row.digits))
            };
            let (ratio, target, kept) = self.judge(row);
            let ratio = ratio.map_or_else(|| "–".into(), |ratio| format!("{ratio:.2}"));
            let kept = kept.map_or("", |kept| if kept { "✓" } else { "✗" });
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {ratio} | {target} | {kept} |",
                row.title,
                cell(STROWGER),
                cell(KAMAILIO),
                cell("floor"),
                cell("direct"),
            );
        }
        for line in &self.micro {
            let _ = write!(text, "\n    {line}");
        }
        text
    }

    fn json(&self) -> Value {
        let rows: Vec<Value> = ROWS
            .iter()
            .filter(|row| self.values.contains_key(row.figure))
            .map(|row| {
                let (ratio, target, kept) = self.judge(row);
                json!({ "title": row.title, "figure": row.figure, "ratio": ratio,
                        "target": target, "kept": kept })
            })
            .collect();
        json!({ "machine": machine(), "quick": self.quick, "values": self.values, "rows": rows,
                "failures": self.failures, "micro": self.micro })
    }
}

/// Processor, cores and kernel, with the load that others put on it at the moment.
fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let model = model.trim_start_matches(['\t', ' ', ':']);
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    format!("{model}, {cores} cores, Linux {}, load average {load} at the end", kernel.trim())
}

/// Prints the table and writes target/bench.json. An incomplete run is an error.
pub fn show(results: &Results) -> Result<()> {
    let names: Vec<&str> = results.kinds.iter().map(|kind| kind.name()).collect();
    println!("{}\nmeasured: {}\n\n{}", machine(), names.join(", "), results.markdown());
    let path = workspace().join("target/bench.json");
    fs::create_dir_all(workspace().join("target"))?;
    fs::write(&path, serde_json::to_string_pretty(&results.json())? + "\n")?;
    if results.complete() {
        return Ok(());
    }
    Err(format!("not everything was measured:\n{}", results.failures.join("\n")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges_by_the_median() {
        let mut results = Results::new(&[Kind::Strowger, Kind::Kamailio], false);
        for value in [40.0, 500.0, 41.0] {
            results.add("register_us", STROWGER, value);
        }
        results.add("register_us", KAMAILIO, 100.0);
        let (ratio, _, kept) = results.judge(&ROWS[0]);
        assert_eq!((ratio, kept), (Some(0.41), Some(true)));
        results.add("register_us", STROWGER, 600.0);
        assert_eq!(results.judge(&ROWS[0]).2, Some(false));
        assert!(results.markdown().contains("| ≤ 0.5 of kamailio | ✗ |"));
    }

    #[test]
    fn a_failed_measurement_makes_the_run_incomplete() {
        let mut results = Results::new(&[Kind::Kamailio], true);
        assert!(results.complete());
        results.fail("kamailio", "did not start");
        assert!(!results.complete());
    }
}
