//! How many system calls a set of processes makes while something runs: perf's tracepoint where the kernel lets
//! us, else strace. Both slow the peer down, so CPU time is measured in another pass.

use crate::Result;
use crate::peer::scratch;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Runs `work` and returns its result with the number of system calls `pids` made meanwhile.
pub fn system_calls<T>(pids: &[u32], work: impl FnOnce() -> Result<T>) -> Result<(u64, T)> {
    let list = pids.iter().map(u32::to_string).collect::<Vec<_>>();
    let file = scratch().join("calls.txt");
    let mut tracer = match perf(&list.join(","), &file)? {
        Some(perf) => perf,
        None => strace(&list, &file)?,
    };
    let outcome = work();
    if let Some(pid) = i32::try_from(tracer.id()).ok().and_then(Pid::from_raw) {
        kill_process(pid, Signal::INT)?;
    }
    tracer.wait()?;
    let text = fs::read_to_string(&file)?;
    let count = read_perf(&text).or_else(|| read_strace(&text));
    Ok((count.ok_or("neither perf nor strace can count system calls here (root may)")?, outcome?))
}

/// perf, unless it ends at once, which is how it says that it may not.
fn perf(pids: &str, file: &Path) -> Result<Option<Child>> {
    let mut command = Command::new("perf");
    command.args(["stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", pids, "-o"]).arg(file);
    let Ok(mut child) = quiet(&mut command) else { return Ok(None) };
    std::thread::sleep(Duration::from_millis(300));
    Ok(if child.try_wait()?.is_none() { Some(child) } else { None })
}

fn strace(pids: &[String], file: &Path) -> Result<Child> {
    let mut command = Command::new("strace");
    command.args(["-c", "-f", "-o"]).arg(file);
    for pid in pids {
        command.args(["-p", pid]);
    }
    let child = quiet(&mut command)
        .map_err(|error| format!("neither perf nor strace starts (package strace): {error}"))?;
    std::thread::sleep(Duration::from_millis(500));
    Ok(child)
}

fn quiet(command: &mut Command) -> std::io::Result<Child> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

fn read_perf(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains("raw_syscalls:sys_enter"))?;
    line.split(',').next()?.parse().ok()
}

fn read_strace(text: &str) -> Option<u64> {
    let line = text.lines().rfind(|line| line.trim_end().ends_with("total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_tools() {
        let perf = "# started\n\n29431,,raw_syscalls:sys_enter,8000,100.00,,\n";
        assert_eq!(read_perf(perf), Some(29_431));
        let strace = "% time seconds usecs/call calls errors syscall\n\
                      100.00    0.012345           3      4321        12 total\n";
        assert_eq!(read_strace(strace), Some(4_321));
        assert_eq!(read_perf(strace), None);
    }
}
