//! The load rig: measures Strowger, Kamailio with rtpengine, and a bare relay in one run on loopback.

mod acd;
mod floor;
mod http;
mod load;
mod measure;
mod mix;
mod peer;
mod proc;
mod relay;
mod report;
mod sip;
mod sipp;
mod trace;
mod ua;

use measure::Plan;
use peer::Kind;
use std::error::Error;
use std::process::ExitCode;

/// Anything that goes wrong ends the run with a sentence.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const USAGE: &str = "\
rig COMMAND [--quick] [--only strowger|kamailio]
  all       everything below, then the table (also as target/bench.json)
  register  CPU per registration with digest
  call      CPU, system calls and context switches per call
  rate      highest call rate with less than 1 % failures
  relay     CPU per relayed packet and added delay, with the bare relay as floor
  record    CPU per packet of recorded calls
  memory    idle, per registration, per bridged call
  micro     the message layer's own benchmark
  acd       the call distributor alone: events per second and time of a decision
  http      beside 1,000 live calls: reads and orders over HTTP, events to 1,000 WebSockets
  mix       the media engine alone: transcoding, mixing and supervision, CPU per stream";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rig: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let mut words = arguments.iter().map(String::as_str);
    let command = words.next().ok_or(USAGE)?;
    if command == "floor-relay" {
        let mut number = || -> Result<usize> { Ok(words.next().ok_or(USAGE)?.parse()?) };
        return floor::relay(number()?, number()?);
    }
    if command == "acd" {
        return acd::run(words.any(|word| word == "--quick"));
    }
    if command == "http" {
        std::fs::create_dir_all(peer::scratch())?;
        http::run(words.any(|word| word == "--quick"))?;
        return Ok(std::fs::remove_dir_all(peer::scratch())?);
    }
    if command == "mix" {
        return mix::run(words.any(|word| word == "--quick"));
    }
    let (mut quick, mut kinds) = (false, vec![Kind::Strowger, Kind::Kamailio]);
    while let Some(word) = words.next() {
        match (word, word == "--only") {
            ("--quick", _) => quick = true,
            (_, true) => {
                let name = words.next().ok_or(USAGE)?;
                kinds.retain(|kind| kind.name() == name);
            }
            _ => return Err(USAGE.into()),
        }
    }
    if kinds.is_empty() {
        return Err(USAGE.into());
    }
    let steps = measure::steps(command).ok_or(USAGE)?;
    std::fs::create_dir_all(peer::scratch())?;
    let mut plan = Plan::new(kinds, quick);
    for step in steps {
        plan.step(step);
    }
    if command == "all" {
        mix::run(quick)?;
        http::run(quick)?;
    }
    if plan.results.complete() {
        std::fs::remove_dir_all(peer::scratch())?;
    } else {
        eprintln!("rig: logs are in {}", peer::scratch().display());
    }
    report::show(&plan.results)
}
