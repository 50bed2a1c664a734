//! The configuration file: read whole, checked whole, every error reported at once with its line.
//!
//! [`load`] gives a [`Loaded`]: what the switch gets (`strowger_core::vocab::Config`), what the shell keeps
//! ([`Shell`]) and warnings; or [`Problems`].

mod accounts;
mod agents;
mod conferences;
mod destination;
mod dialers;
mod dialplan;
mod dispositions;
mod general;
mod groups;
mod made;
mod menus;
mod mwi;
mod names;
mod pages;
mod phones;
mod presence;
mod problem;
mod queues;
mod regions;
mod settings;
mod shell;
mod table;
mod values;
mod voicemail;
pub mod zone;

#[cfg(test)]
mod queue_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use strowger_core::vocab::Config;
use strowger_core::vocab::acd::{AcdConfig, AgentConfig, AgentPlace, QueueConfig, TenantAcd};
use strowger_core::vocab::config::Destination;
use strowger_core::vocab::menu::Menu;
use toml::de::DeTable;

pub use made::{MadeTenant, made_tenant, part};
pub use problem::{Problem, Problems};
pub use regions::Regions;
pub use shell::{
    ApiKey, DialectIds, HttpBounds, Listen, Log, LogFormat, MediaPorts, Operator, Retention, Shell,
    Smtp, SmtpTls, StoreFile, Streams, Webhooks,
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
        .chain(Some(&core.media.recording_tone).filter(|tone| !tone.is_empty()))
        .chain(core.acd.queues.iter().flat_map(prompts_of))
        .chain(core.acd.agents.iter().filter_map(|agent| agent.agent_sound.as_ref()))
        .chain(core.menus.iter().flat_map(prompts_of_menu))
        .chain(core.conferences.iter().filter_map(|room| room.music.as_ref()))
        .chain(&core.calls.supervise_tone)
        .map(|name| shell.sounds.join(format!("{name}.wav")))
        .filter(|path| !path.is_file())
        .map(|path| format!("{} does not exist; callers will hear nothing", path.display()))
        .collect();
    missing.sort();
    missing.dedup();
    warnings.extend(missing.into_iter().map(|text| Problem { line: 0, text }));
}

fn prompts_of(queue: &QueueConfig) -> impl Iterator<Item = &String> {
    let (voice, service) = (&queue.voice, &queue.service);
    let destinations = queue.destinations();
    let sounds = destinations.filter_map(|(_, destination)| match destination {
        Destination::Sound(name) => Some(name),
        _ => None,
    });
    [
        &voice.sound,
        &voice.start_sound,
        &voice.announce_sound,
        &service.agent_announce_sound,
        &service.quality_rate_sound,
        &service.quality_rate_finish_sound,
        &queue.voicemail.greeting,
    ]
    .into_iter()
    .flatten()
    .chain(sounds)
}

fn prompts_of_menu(menu: &Menu) -> impl Iterator<Item = &String> {
    let sounds = menu.destinations().filter_map(|destination| match destination {
        Destination::Sound(name) => Some(name),
        _ => None,
    });
    [&menu.greeting, &menu.invalid, &menu.closed_greeting].into_iter().flatten().chain(sounds)
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
    let mut media = general::media(&root, &mut shell, sip.external_address.is_some());
    let calls = general::calls(&root);
    let (codes, park) = general::dialled(&root);
    let mut mwi = mwi::mwi(&root);
    let presence = presence::presence(&root);
    general::recordings(&root, &mut shell, &mut media);
    general::services(&root, &mut shell);
    let mut tenants = accounts::tenants(&root, &mut names);
    let mut mailboxes = Vec::new();
    let mut initial = settings::Initial::default();
    let (extensions, extension_tables) =
        accounts::extensions(&root, &mut names, &tenants.list, &mut mailboxes, &mut initial);
    names.set_mailboxes(&mailboxes);
    let hours = menus::hours(&root, &mut names, &tenants.list);
    let menu_tables = menus::names(&root, &mut names);
    let conferences = conferences::conferences(&root, &mut names);
    let trunks = dialplan::trunks(&root, &mut names);
    let queue_tables = queues::numbers(&root, &mut names);
    let group_tables = groups::names(&root, &mut names);
    let pages = pages::pages(&root, &mut names);
    let agents = agents::agents(&root, &mut names);
    let queues = queues::queues(queue_tables, &names);
    let menus = menus::menus(menu_tables, &names);
    let (groups, outside) = groups::groups(group_tables, &names);
    let voicemail = voicemail::limits(&root);
    shell.smtp = voicemail::smtp(&root);
    voicemail::unsent(reader, &shell, &mailboxes, &queues);
    let numbers = dialplan::numbers(&root, &mut names);
    let routes = dialplan::routes(&root, &mut names);
    let lists = presence::lists(&root, &names);
    let phones = phones::phones(&root, &names);
    mwi.shared = mwi::shared(&extension_tables, &names);
    accounts::shown_numbers(extension_tables, &names);
    shell.api_keys = accounts::api_keys(tenants.take_keys(), &names);
    shell.api_keys.iter_mut().for_each(|key| seat(key, &agents));
    shell.dialect_ids = tenants.dialect_ids;
    shell.dispositions = dispositions::dispositions(&root, &names);
    let (times, tenants) = (tenants.times, tenants.list);
    let mut acd = AcdConfig { queues, agents, tenants: BTreeMap::new() };
    for tenant in &tenants {
        let times = times.get(&tenant.id).copied().unwrap_or_default();
        acd.tenants.insert(tenant.id.clone(), TenantAcd { times, utc_offset_secs: 0 });
    }
    let core = Config {
        zones: zone::compiled(&zones_of(&tenants), &hours),
        sip,
        media,
        calls,
        codes,
        park,
        mwi,
        presence,
        phones,
        lists,
        tenants,
        extensions,
        trunks,
        numbers,
        routes,
        acd,
        voicemail,
        mailboxes,
        menus,
        hours,
        settings: std::mem::take(&mut initial.records),
        conferences,
        pages,
        dialers: dialers::dialers(&root, &names),
        groups,
    };
    root.finish();
    initial.check(reader, &core);
    groups::check(&outside, reader, &core);
    (core, shell)
}

fn zones_of(tenants: &[strowger_core::vocab::config::Tenant]) -> Vec<String> {
    tenants.iter().map(|own| own.timezone.clone()).collect()
}

/// An agent's key sees the calls of the agent's own phone.
fn seat(key: &mut ApiKey, agents: &[AgentConfig]) {
    key.extension = key.extension.take().or_else(|| phone_of(key, agents));
}

fn phone_of(key: &ApiKey, agents: &[AgentConfig]) -> Option<String> {
    let own = |agent: &&AgentConfig| {
        agent.key.tenant == key.tenant && Some(&agent.key.id) == key.agent.as_ref()
    };
    agents.iter().find(own)?.places.iter().find_map(|place| match place {
        AgentPlace::Extension(number) => Some(number.clone()),
        AgentPlace::Number(_) => None,
    })
}
