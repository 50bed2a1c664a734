//! SIPp: its scenarios, its runs and what it counted.

use crate::Result;
use crate::peer::{Peer, free_port, scratch};
use crate::ua::{PASSWORD, REALM};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const REGISTER: &str = include_str!("../../sipp/register.xml");
const CALLER: &str = include_str!("../../sipp/caller.xml");
const CALLEE: &str = include_str!("../../sipp/callee.xml");

/// How fast and how many.
#[derive(Clone, Copy)]
pub struct Pace {
    /// New registrations or calls a second.
    pub rate: u32,
    /// How many in all.
    pub total: u32,
}

/// What a run counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted {
    /// Finished as the scenario wants.
    pub good: u32,
    /// Asked for.
    pub asked: u32,
    /// From the first request to the last answer.
    pub took: Duration,
}

impl Counted {
    /// Failed or unfinished, in percent.
    pub fn failed_percent(&self) -> f64 {
        100.0 * f64::from(self.asked.saturating_sub(self.good)) / f64::from(self.asked.max(1))
    }
}

/// A file of this run with a name of its own.
fn file(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    scratch().join(format!("{}-{name}", NEXT.fetch_add(1, Ordering::Relaxed)))
}

fn scenario(text: &str, name: &str) -> Result<PathBuf> {
    let path = file(name);
    fs::write(&path, text.replace("@REALM@", REALM))?;
    Ok(path)
}

fn sipp(peer: &Peer, scenario: &PathBuf) -> Command {
    let mut command = Command::new("sipp");
    command
        .arg(peer.sip.to_string())
        .arg("-sf")
        .arg(scenario)
        .args(["-i", "127.0.0.1", "-t", "u1", "-nostdin"])
        .env("TERM", "dumb")
        .current_dir(scratch())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// SIPp's own word for "answer the challenge as this user"; it expands it only from a field.
fn credentials(user: &str) -> String {
    format!("[authentication username={user} password={PASSWORD}]")
}

/// Registers `users` in turn at that pace.
pub fn register(peer: &Peer, users: &[String], pace: Pace) -> Result<Counted> {
    let rows = users.iter().map(|user| format!("{user};{}", credentials(user))).collect();
    drive(peer, REGISTER, "register.xml", rows, pace)
}

/// Calls: the pairs of `callers` and `callees` in turn, each call held for `hold`.
pub fn calls(
    peer: &Peer,
    callers: &[String],
    callees: &[String],
    pace: Pace,
    hold: Duration,
) -> Result<Counted> {
    let pairs = callers.iter().zip(callees);
    let rows = pairs.map(|(from, to)| format!("{from};{};{to}", credentials(from))).collect();
    let text = CALLER.replace("@HOLD_MS@", &hold.as_millis().to_string());
    drive(peer, &text, "caller.xml", rows, pace)
}

fn drive(peer: &Peer, text: &str, name: &str, rows: Vec<String>, pace: Pace) -> Result<Counted> {
    let (data, stats) = (file("users.csv"), file("stats.csv"));
    fs::write(&data, format!("SEQUENTIAL\n{}\n", rows.join("\n")))?;
    let limit = Duration::from_secs(u64::from(pace.total / pace.rate.max(1)) + 8);
    let mut command = sipp(peer, &scenario(text, name)?);
    command
        .arg("-inf")
        .arg(&data)
        .args(["-r", &pace.rate.to_string(), "-m", &pace.total.to_string()])
        .args(["-mp", &free_port()?.to_string(), "-l", "20000", "-trace_stat", "-fd", "1", "-stf"])
        .arg(&stats);
    let begun = Instant::now();
    let mut child = command.spawn().map_err(|error| format!("sipp does not start: {error}"))?;
    // What is not finished by then never was; the counts are written once a second.
    while child.try_wait()?.is_none() && begun.elapsed() < limit {
        std::thread::sleep(Duration::from_millis(5));
    }
    let took = begun.elapsed();
    if child.try_wait()?.is_none() {
        child.kill()?;
    }
    let status = child.wait()?;
    let table = fs::read_to_string(&stats)
        .map_err(|error| format!("sipp wrote no counts ({status}): {error}"))?;
    let good = last_of(&table, "SuccessfulCall(C)").ok_or("sipp's counts cannot be read")?;
    Ok(Counted { good, asked: pace.total, took })
}

/// The last row's value in the named column of SIPp's table.
fn last_of(table: &str, column: &str) -> Option<u32> {
    let mut lines = table.lines();
    let index = lines.next()?.split(';').position(|name| name == column)?;
    lines.next_back()?.split(';').nth(index)?.parse().ok()
}

/// SIPp as the phone of every callee; ends when dropped.
pub struct Callee(Child);

impl Callee {
    /// Answers on `port`, where the callees are registered.
    pub fn start(peer: &Peer, port: u16) -> Result<Callee> {
        let mut command = sipp(peer, &scenario(CALLEE, "callee.xml")?);
        // SIPp binds a media port even if it plays nothing; two of them must not want the same.
        command.args(["-aa", "-mp", &free_port()?.to_string()]);
        command.args(["-l", "20000", "-p", &port.to_string()]);
        let mut child = command.spawn().map_err(|error| format!("sipp does not start: {error}"))?;
        std::thread::sleep(Duration::from_millis(300));
        match child.try_wait()? {
            None => Ok(Callee(child)),
            Some(status) => Err(format!("sipp as callee ended: {status}").into()),
        }
    }
}

impl Drop for Callee {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait()) {
            eprintln!("sipp: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_last_row() {
        let table = "A;SuccessfulCall(C);B;\n1;0;2;\n1;37;2;\n";
        assert_eq!(last_of(table, "SuccessfulCall(C)"), Some(37));
        assert_eq!(last_of(table, "C"), None);
    }

    #[test]
    fn unfinished_calls_are_failures() {
        let counted = Counted { good: 99, asked: 100, took: Duration::ZERO };
        assert!((counted.failed_percent() - 1.0).abs() < 1e-9);
    }
}
