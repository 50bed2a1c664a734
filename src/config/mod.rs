//! The configuration file: read whole, checked whole, every error reported at once with its line.
//!
//! [`load`] gives a [`Loaded`]: what the switch gets (`strowger_core::vocab::Config`), what the shell keeps
//! ([`Shell`]) and warnings; or [`Problems`].

mod accounts;
mod acd;
mod dialplan;
mod general;
mod names;
mod problem;
mod shell;
mod table;
mod values;

#[cfg(test)]
mod tests;

use std::path::Path;

use strowger_core::vocab::Config;
use strowger_core::vocab::config::Destination;
use toml::de::DeTable;

pub use problem::{Problem, Problems};
pub use shell::{
    Agent, ApiKey, DialectIds, Listen, Log, LogFormat, MediaPorts, Operator, Queue, Shell,
    StoreFile, Strategy, Streams, Tier,
};

use names::Names;
use table::Reader;

/// A sound configuration.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// What the switch works with.
    pub core: Config,
    /// What the shell works with.
    pub shell: Shell,
    /// What is no error but should be known.
    pub warnings: Vec<Problem>,
}

/// Reads and checks a file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(path: &Path) -> Result<Loaded, Problems> {
    let file = path.display().to_string();
    let whole =
        |text: String| Problems { file: file.clone(), list: vec![Problem { line: 0, text }] };
    let bytes = std::fs::read(path)
        .map_err(|error| whole(format!("cannot be read: {error}; name a file with --config")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = 1 + error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        let text = "not UTF-8 text; save the file as UTF-8".to_owned();
        Problems { file: file.clone(), list: vec![Problem { line, text }] }
    })?;
    let mut loaded = parse(&text, &file)?;
    warn_of_missing_prompts(&mut loaded);
    Ok(loaded)
}

/// A prompt without a file is silence to a caller, which is worth knowing before somebody calls.
fn warn_of_missing_prompts(loaded: &mut Loaded) {
    let Loaded { core, shell, warnings } = loaded;
    let destinations = core.routes.iter().flat_map(|route| &route.to);
    let destinations = destinations.chain(core.numbers.iter().map(|number| &number.to));
    let sounds = destinations.filter_map(|destination| match destination {
        Destination::Sound(name) => Some(name),
        _ => None,
    });
    let mut missing: Vec<String> = sounds
        .chain(std::iter::once(&core.media.hold_music))
        .map(|name| shell.sounds.join(format!("{name}.wav")))
        .filter(|path| !path.is_file())
        .map(|path| format!("{} does not exist; callers will hear nothing", path.display()))
        .collect();
    missing.sort();
    missing.dedup();
    warnings.extend(missing.into_iter().map(|text| Problem { line: 0, text }));
}

/// Checks the text of a configuration; `file` is its name for messages.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(text: &str, file: &str) -> Result<Loaded, Problems> {
    let (document, syntax) = DeTable::parse_recoverable(text);
    let reader = Reader::new(text, &syntax);
    let (core, shell) = read(&reader, document.get_ref());
    let (problems, warnings) = reader.finish();
    let mut problems = problems;
    if problems.is_empty() {
        // What the switch itself makes of it, which it does not check again.
        let Err(error) = strowger_core::route::Directory::new(core.clone()) else {
            return Ok(Loaded { core, shell, warnings });
        };
        problems.push(Problem { line: 0, text: error.to_string() });
    }
    Err(Problems { file: file.to_owned(), list: problems })
}

/// Definitions first, then what refers to them.
fn read<'d>(reader: &'d Reader, document: &'d DeTable<'d>) -> (Config, Shell) {
    let root = reader.root(document);
    let mut shell = Shell::default();
    let mut names = Names::default();
    let sip = general::sip(&root, &mut shell);
    let media = general::media(&root, &mut shell, sip.external_address.is_some());
    let calls = general::calls(&root);
    let codes = general::codes(&root);
    general::services(&root, &mut shell);
    shell.operators = accounts::operators(&root);
    let mut tenants = accounts::tenants(&root, &mut names);
    let (extensions, extension_tables) = accounts::extensions(&root, &mut names, &tenants.list);
    let trunks = dialplan::trunks(&root, &mut names);
    shell.queues = acd::queues(&root, &mut names);
    shell.agents = acd::agents(&root, &mut names);
    let numbers = dialplan::numbers(&root, &mut names);
    let routes = dialplan::routes(&root, &names);
    accounts::shown_numbers(extension_tables, &names);
    shell.api_keys = accounts::api_keys(tenants.take_keys(), &names);
    shell.dialect_ids = tenants.dialect_ids;
    root.finish();
    let tenants = tenants.list;
    let core = Config { sip, media, calls, codes, tenants, extensions, trunks, numbers, routes };
    (core, shell)
}
