//! What a newcomer does first with the demo.

use std::fmt::Write;
use std::path::Path;

use strowger_core::vocab::acd::AgentConfig;
use strowger_core::vocab::config::Destination;
use strowger_core::vocab::input::Listener;

use crate::config::Loaded;

/// Whether this is the demo that comes with the program.
pub fn is_demo(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name == "demo.toml")
}

/// Which account to put into a phone, and what to dial.
pub fn text(loaded: &Loaded, listeners: &[Listener]) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut text, loaded, listeners);
    text
}

fn write(out: &mut String, loaded: &Loaded, listeners: &[Listener]) -> std::fmt::Result {
    let core = &loaded.core;
    let Some(server) = listeners.first() else { return Ok(()) };
    writeln!(out, "\nPut one of these accounts into a SIP phone on this machine:")?;
    for extension in &core.extensions {
        let tenant = core.tenants.iter().find(|tenant| tenant.id == extension.key.tenant);
        let prefix = tenant.map_or("", |tenant| tenant.prefix.as_str());
        writeln!(
            out,
            "  {:8} user {prefix}{}  password {}  server {} ({})",
            extension.name,
            extension.key.number,
            extension.password.expose(),
            server.address,
            server.transport,
        )?;
    }
    writeln!(out, "and dial")?;
    for extension in &core.extensions {
        writeln!(out, "  {:8} {}", extension.key.number, extension.name)?;
    }
    for queue in &core.acd.queues {
        let served = |agent: &&AgentConfig| agent.tiers.iter().any(|tier| tier.queue == queue.key);
        let agents: Vec<&str> =
            core.acd.agents.iter().filter(served).map(|agent| agent.name.as_str()).collect();
        writeln!(
            out,
            "  {:8} the queue {} of {}",
            queue.key.number,
            queue.name,
            agents.join(", ")
        )?;
    }
    if !core.acd.agents.is_empty() {
        writeln!(out, "  {:8} as an agent: log in or out of the queues", core.codes.agent_login)?;
    }
    writeln!(out, "  {:8} echo test", core.codes.echo)?;
    for route in &core.routes {
        let number = route.pattern.trim_start_matches('^').trim_end_matches('$');
        if let [Destination::Sound(sound)] = route.to.as_slice() {
            writeln!(out, "  {number:8} {sound}")?;
        }
    }
    let recordings = loaded.shell.recordings.display();
    writeln!(out, "Calls of {} are recorded into {recordings}/.", recorded(loaded))
}

fn recorded(loaded: &Loaded) -> String {
    use strowger_core::vocab::config::RecordPolicy;
    let always = loaded.core.extensions.iter().filter(|e| e.record == RecordPolicy::Always);
    let names: Vec<&str> = always.map(|extension| extension.name.as_str()).collect();
    if names.is_empty() { "nobody".into() } else { names.join(", ") }
}
