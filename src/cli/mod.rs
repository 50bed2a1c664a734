//! The command line.

mod guide;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Loaded};
use crate::{log, node};

/// The configuration is wrong.
const WRONG: u8 = 2;

/// A SIP softswitch in which no caller and no agent is ever stuck.
#[derive(Debug, Parser)]
#[command(name = "strowger", version, about)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Run the switch.
    Run(ConfigFile),
    /// Check a configuration file and report everything that is wrong with it.
    Check(ConfigFile),
}

#[derive(Debug, clap::Args)]
struct ConfigFile {
    /// The configuration file.
    #[arg(long, short, value_name = "FILE", default_value = "config/demo.toml")]
    config: PathBuf,
}

/// Does what the command line says. 0: done; 1: it cannot run; 2: the configuration or the command line is wrong.
pub fn main() -> ExitCode {
    match Arguments::parse().what {
        What::Check(file) => check(&file),
        What::Run(file) => run(&file),
    }
}

/// Loads the file and prints its problems and warnings, to stderr.
fn load(file: &ConfigFile) -> Result<Loaded, ExitCode> {
    match config::load(&file.config) {
        Ok(loaded) => {
            for warning in &loaded.warnings {
                let file = file.config.display();
                match warning.line {
                    0 => eprintln!("{file}: warning: {}", warning.text),
                    line => eprintln!("{file}:{line}: warning: {}", warning.text),
                }
            }
            Ok(loaded)
        }
        Err(problems) => {
            eprintln!("{problems}");
            Err(ExitCode::from(WRONG))
        }
    }
}

fn check(file: &ConfigFile) -> ExitCode {
    match load(file) {
        Ok(loaded) => {
            let core = &loaded.core;
            println!(
                "{}: sound: {} tenants, {} extensions, {} trunks, {} numbers, {} routes, {} queues, {} agents",
                file.config.display(),
                core.tenants.len(),
                core.extensions.len(),
                core.trunks.len(),
                core.numbers.len(),
                core.routes.len(),
                core.acd.queues.len(),
                core.acd.agents.len(),
            );
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}

fn run(file: &ConfigFile) -> ExitCode {
    let loaded = match load(file) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    log::start(&loaded.shell.log);
    let guide = guide::is_demo(&file.config).then(|| loaded.clone());
    match node::start(loaded, &file.config) {
        Ok(node) => {
            eprintln!("{}", node.ready_line());
            if let Some(loaded) = guide {
                eprint!("{}", guide::text(&loaded, node.listeners()));
            }
            node.wait();
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("strowger cannot start: {error}");
            ExitCode::FAILURE
        }
    }
}
