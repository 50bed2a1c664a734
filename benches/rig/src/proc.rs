//! What the kernel counted for a peer: CPU time, context switches, memory.

use std::collections::BTreeMap;
use std::fs;

/// Nanoseconds of one clock tick of `/proc/PID/stat` (USER_HZ is 100 on every Linux we run on).
const TICK_NS: u64 = 10_000_000;

/// A reading of everything a set of processes has used since they started.
#[derive(Default, Clone)]
pub struct Usage {
    /// Per thread: run time in nanoseconds and context switches.
    threads: BTreeMap<u32, (u64, u64)>,
    /// Per process: user and system time in ticks, ended threads included.
    ticks: BTreeMap<u32, u64>,
}

/// What was used between two readings.
#[derive(Clone, Copy)]
pub struct Spent {
    /// User and system time, nanoseconds.
    pub cpu_ns: u64,
    /// Voluntary and involuntary context switches.
    pub switches: u64,
}

impl Usage {
    /// Reads the counters of `pids`, every thread of theirs.
    pub fn read(pids: &[u32]) -> Usage {
        let mut usage = Usage::default();
        for &pid in pids {
            if let Some(ticks) = cpu_ticks(pid) {
                usage.ticks.insert(pid, ticks);
            }
            for tid in thread_ids(pid) {
                let dir = format!("/proc/{pid}/task/{tid}");
                let run = fs::read_to_string(format!("{dir}/schedstat"))
                    .ok()
                    .and_then(|text| text.split_whitespace().next()?.parse().ok());
                if let Some(run) = run {
                    usage.threads.insert(tid, (run, switches(&dir)));
                }
            }
        }
        usage
    }

    /// The difference to an `earlier` reading. schedstat counts nanoseconds but forgets threads that ended;
    /// when one did, the coarser process counter is used if it is larger.
    pub fn since(&self, earlier: &Usage) -> Spent {
        let mut spent = Spent { cpu_ns: 0, switches: 0 };
        for (tid, (run, switches)) in &self.threads {
            let (run0, switches0) = earlier.threads.get(tid).copied().unwrap_or((0, 0));
            spent.cpu_ns += run.saturating_sub(run0);
            spent.switches += switches.saturating_sub(switches0);
        }
        if earlier.threads.keys().any(|tid| !self.threads.contains_key(tid)) {
            let ticks: u64 = self
                .ticks
                .iter()
                .map(|(pid, now)| now - earlier.ticks.get(pid).copied().unwrap_or(0).min(*now))
                .sum();
            spent.cpu_ns = spent.cpu_ns.max(ticks * TICK_NS);
        }
        spent
    }
}

/// `root` and every process below it.
pub fn family(root: u32) -> Vec<u32> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if let Some(parent) = stat_field(pid, 1) {
            parents.push((pid, parent));
        }
    }
    let mut family = vec![root];
    let mut next = 0;
    while let Some(&pid) = family.get(next) {
        family.extend(parents.iter().filter(|(_, p)| *p == u64::from(pid)).map(|(c, _)| *c));
        next += 1;
    }
    family
}

/// Memory of a set of processes, bytes; a page shared by n processes counts as an n-th for each.
#[derive(Clone, Copy, Default)]
pub struct Memory {
    /// Everything resident, program text included.
    pub all: u64,
    /// Data alone: heaps, stacks and shared memory, no files. What grows with use.
    pub data: u64,
}

/// The memory of `pids` together.
pub fn memory(pids: &[u32]) -> Memory {
    let mut memory = Memory::default();
    for pid in pids {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let (Some(name), Some(Ok(kb))) = (words.next(), words.next().map(str::parse::<u64>))
            else {
                continue;
            };
            match name {
                "Pss:" => memory.all += kb * 1024,
                "Pss_Anon:" | "Pss_Shmem:" => memory.data += kb * 1024,
                _ => {}
            }
        }
    }
    memory
}

fn thread_ids(pid: u32) -> Vec<u32> {
    fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

fn switches(dir: &str) -> u64 {
    fs::read_to_string(format!("{dir}/status"))
        .unwrap_or_default()
        .lines()
        .filter(|line| line.contains("voluntary_ctxt_switches"))
        .filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .sum()
}

fn cpu_ticks(pid: u32) -> Option<u64> {
    Some(stat_field(pid, 11)? + stat_field(pid, 12)?)
}

/// A field of `/proc/PID/stat`, counted from the state (0), after the name in brackets.
fn stat_field(pid: u32, field: usize) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    rest.split_whitespace().nth(field)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_work_is_counted() {
        let pids = family(std::process::id());
        let before = Usage::read(&pids);
        let mut x = 1u64;
        for i in 0..30_000_000u64 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(i);
        }
        std::hint::black_box(x);
        let spent = Usage::read(&pids).since(&before);
        assert!(spent.cpu_ns > 1_000_000, "{} ns", spent.cpu_ns);
        let memory = memory(&pids);
        assert!(memory.data > 50_000 && memory.all > memory.data);
    }
}
