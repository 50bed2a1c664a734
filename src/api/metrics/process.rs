//! What the system says about the process, under the names that every Prometheus client uses.

use std::fs;

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::family::Family;
use super::gauge;

pub(super) fn families(started_at: u64) -> Vec<Family> {
    let files = fs::read_dir("/proc/self/fd").map_or(0, |folder| folder.count() as u64);
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    vec![
        Family::counter("process_cpu_seconds", "Processor time, user and system")
            .with(Vec::new(), cpu_seconds()),
        gauge(
            "process_resident_memory_bytes",
            "Memory in RAM",
            field(&status, "VmRSS:").saturating_mul(1_024),
        ),
        gauge("process_threads", "Threads", field(&status, "Threads:")),
        gauge("process_open_fds", "Open files and sockets", files),
        gauge("process_max_fds", "Files and sockets that may be open", most),
        gauge("process_start_time_seconds", "When it started, since the Unix epoch", started_at),
    ]
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    std::time::Duration::new(seconds, nanos).as_secs_f64()
}

/// A number in proc(5)'s `status`, in its unit there.
fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_threads_and_used_time() {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        assert!(field(&status, "VmRSS:") > 100);
        assert!(field(&status, "Threads:") >= 1);
        assert!(cpu_seconds() > 0.0);
        assert_eq!(field(&status, "Nothing:"), 0);
    }
}
