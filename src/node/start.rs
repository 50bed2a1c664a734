//! How the process begins.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::AtomicU8;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use sip::Transport;
use strowger_core::vocab::input::Listener;
use strowger_core::vocab::{Boot, Config, Input, Principal, Query, Role, WorkerId};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{Notify, Semaphore};

use super::clock::{Clock, wall_ms};
use super::effects::Outlets;
use super::gateway::{Gateway, Phase, Shared, ShellFigures};
use super::keys;
use super::mailbox::Mailbox;
use super::reading::Reading;
use super::reload::Reload;
use super::robots::Robots;
use super::tenancy::{self, Made};
use super::tenants::Tenants;
use super::turn::{Turn, TurnFigures};
use super::webhooks::{self, Webhooks};
use super::{Node, Signals, StartError, memory, recordings, retention, speech, zones};
use crate::api;
use crate::api::keyring::Keyring;
use crate::config::{Loaded, Shell, zone};
use crate::mail::Mailer;
use crate::net::dns::Dns;
use crate::net::media::{MediaPool, MediaSettings, WorkerMessage};
use crate::net::outbound::Outbound;
use crate::net::stream::{Limits, Streams};
use crate::net::udp::UdpPort;
use crate::store::{Restart, Sealer, Sqlite, Store, Writer};

/// Threads for TCP, DNS and HTTP; the switch and the media have their own.
const RUNTIME_THREADS: usize = 2;
/// For files, speech and the database's questions, of which there are four each at most of the last two; each lives
/// while there is work for it.
const BLOCKING_THREADS: usize = 16;
/// Deep recursion happens nowhere.
const STACK: usize = 512 * 1024;

/// Everything that is bound before anything runs.
struct Bound {
    datagrams: Vec<UdpPort>,
    streams: Vec<TcpListener>,
    listeners: Vec<Listener>,
    http: Option<TcpListener>,
}

/// Starts a switch from a sound configuration; `file` is loaded again on reload.
///
/// # Errors
/// See [`StartError`]; then nothing is left running.
pub fn start(mut loaded: Loaded, file: &Path) -> Result<Node, StartError> {
    memory::settle();
    let system = |error: &dyn std::fmt::Display| StartError::System(error.to_string());
    let clock = Clock::start();
    let (store, sealer, restart) = open_store(&loaded.shell)?;
    let boots = restart.boot;
    let runtime = runtime().map_err(|error| system(&error))?;
    let entered = runtime.enter();
    let bound = bind(&loaded.shell, &runtime)?;
    let max_calls = u64::from(loaded.core.calls.max_calls);
    let made = join_made(&mut loaded)?;
    let mailbox = Arc::new(Mailbox::new().map_err(|error| system(&error))?);
    // Boot is the first letter in the mailbox; everything below only adds to it.
    mailbox.post_always(Input::Boot(Box::new(boot(
        loaded.core.clone(),
        restart,
        &bound.listeners,
    )?)));
    let limits = stream_limits(&loaded.shell);
    let streams = Streams::new(limits, Arc::clone(&mailbox));
    let media = Arc::new(start_media(&loaded.shell, &mailbox)?);
    let writer = start_writer(store, &mailbox).map_err(|error| system(&error))?;
    let outlets = Outlets {
        runtime: runtime.handle().clone(),
        streams: Arc::clone(&streams),
        dns: Dns::new(&loaded.shell.dns_servers).map_err(StartError::Dns)?,
        writer,
        mailer: mailer(&loaded.shell)?,
        media: Arc::clone(&media),
        robots: robots(&loaded.shell, &runtime, &mailbox)?,
        events: Arc::default(),
        requests: Arc::default(),
        mailbox: Arc::clone(&mailbox),
        figures: Arc::default(),
    };
    let drained = Arc::new(Notify::new());
    let turn_figures = Arc::new(TurnFigures::default());
    let kept = (sealer, boots, made);
    let gateway = gateway(&loaded, file, &outlets, kept, Arc::clone(&turn_figures))?;
    let tell = Arc::clone(&drained);
    let drained_hook = Box::new(move || tell.notify_one());
    let calls = media.calls_allowed().min(max_calls);
    let mailbox_of_turn = Arc::clone(&mailbox);
    let work = (bound.datagrams, mailbox_of_turn, outlets, clock, turn_figures);
    look_after(&runtime, &gateway.shared);
    let log = runtime.spawn(crate::log::follow(Arc::clone(&gateway.shared.ring)));
    let surface = bound.http.is_some().then(|| surface(&gateway, &loaded.shell));
    runtime.spawn(webhooks::run(Arc::clone(&gateway.shared)));
    let turn = spawn_turn(work, drained_hook).map_err(|error| system(&error))?;
    for listener in bound.streams {
        runtime.spawn(Arc::clone(&streams).serve(listener));
    }
    let http = bound.http.as_ref().and_then(|listener| listener.local_addr().ok());
    if let (Some(listener), Some((app, router))) = (bound.http, surface) {
        let handle = runtime.handle().clone();
        let spawn = move |connection| drop(handle.spawn(connection));
        runtime.spawn(api::serve(listener, app, router, spawn));
    }
    let signals = Some(Signals::listen().map_err(|error| system(&error))?);
    drop(entered);
    let listeners = bound.listeners;
    let node = Node {
        runtime,
        turn,
        mailbox,
        media,
        gateway,
        log,
        listeners,
        http,
        calls,
        drained,
        signals,
    };
    first_answer(&node);
    drop(loaded);
    memory::give_back();
    Ok(node)
}

/// Tenants that were made over HTTP, which join the file's.
fn join_made(loaded: &mut Loaded) -> Result<Made, StartError> {
    let mut made = Made::of_store(&loaded.shell.store.path).map_err(StartError::Store)?;
    made.join(&mut loaded.core, &mut loaded.shell);
    zone::keep_in_step(&mut loaded.core, wall_ms());
    Ok(made)
}

/// What goes on beside everything else.
fn look_after(runtime: &Runtime, shared: &Arc<Shared>) {
    runtime.spawn(zones::follow(Arc::clone(shared)));
    runtime.spawn(retention::follow(Arc::clone(shared)));
    runtime.spawn(tenancy::finish(Arc::clone(shared)));
}

/// The HTTP surface. What it follows it follows before the switch says its first word.
fn surface(gateway: &Gateway, shell: &Shell) -> (api::App, axum::Router) {
    let bounds = shell.http_bounds;
    let limits = api::Limits {
        proxies: shell.http_proxies.clone(),
        connections: bounds.max_connections as usize,
        event_streams: bounds.max_streams as usize,
        requests_per_second: bounds.requests_per_second,
        ..api::Limits::default()
    };
    let (app, router) = api::App::open(Arc::new(gateway.clone()), limits);
    for task in app.background() {
        gateway.shared.runtime.spawn(task);
    }
    (app, router)
}

/// The switch has booted when it answers.
fn first_answer(node: &Node) {
    let principal = Principal {
        tenant: String::new(),
        role: Role::ReadOnly,
        name: "start".into(),
        extension: None,
        agent: None,
    };
    let answer = node.runtime.block_on(node.gateway.query(principal, Query::Figures));
    tracing::debug!(?answer, "the switch answers");
    node.gateway.enter(Phase::Ready);
}

fn open_store(shell: &Shell) -> Result<(Sqlite, Sealer, Restart), StartError> {
    let key = &shell.store.key_file;
    let failed = |error| StartError::KeyFile(key.clone(), error);
    ensure_key(key).map_err(failed)?;
    let sealer = Sealer::read(key).map_err(failed)?;
    let mut store = Sqlite::open(&shell.store.path, sealer.clone()).map_err(StartError::Store)?;
    let mut restart = store.load().map_err(StartError::Store)?;
    recordings::measure(&shell.recordings, &mut restart.restored.open_recordings);
    Ok((store, sealer, restart))
}

/// Makes the key at the first start; only its owner may read it. It is there whole or not at all: with half a key the switch
/// would never start again.
fn ensure_key(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if let Ok(metadata) = path.metadata() {
        if metadata.permissions().mode() & 0o077 != 0 {
            return Err(std::io::Error::other("others may read it; set its mode to 0600"));
        }
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(std::io::Error::other)?;
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    match std::fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file =
        std::fs::File::options().create_new(true).write(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{}", hex::encode(key))?;
    file.sync_all()?;
    // Unlike a new name this never takes the place of a key that somebody else has made meanwhile.
    std::fs::hard_link(&unfinished, path)?;
    std::fs::remove_file(&unfinished)
}

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_stack_size(4 * STACK)
        .thread_name("net")
        .enable_all()
        .build()
}

fn bind(shell: &Shell, runtime: &Runtime) -> Result<Bound, StartError> {
    let mut bound =
        Bound { datagrams: Vec::new(), streams: Vec::new(), listeners: Vec::new(), http: None };
    for listen in &shell.listen {
        let name = format!("{}:{}", listen.transport, listen.address);
        let failed = |error| StartError::Listen(name.clone(), error);
        let address = match listen.transport {
            Transport::Udp => {
                let port = UdpPort::bind(listen.address).map_err(failed)?;
                let address = port.local();
                bound.datagrams.push(port);
                address
            }
            _ => {
                let listener = listener(listen.address, runtime).map_err(failed)?;
                let address = listener.local_addr().map_err(failed)?;
                bound.streams.push(listener);
                address
            }
        };
        bound.listeners.push(Listener { transport: listen.transport, address });
    }
    if let Some(address) = shell.http {
        let failed = |error| StartError::Listen(format!("http {address}"), error);
        bound.http = Some(listener(address, runtime).map_err(failed)?);
    }
    Ok(bound)
}

fn listener(address: SocketAddr, runtime: &Runtime) -> std::io::Result<TcpListener> {
    runtime.block_on(TcpListener::bind(address))
}

fn boot(config: Config, restart: Restart, listeners: &[Listener]) -> Result<Boot, StartError> {
    let (seed, listeners) = (random()?, listeners.to_vec());
    Ok(Boot { seed, boot: restart.boot, config, listeners, restored: restart.restored })
}

fn random() -> Result<[u8; 32], StartError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| StartError::System(error.to_string()))?;
    Ok(seed)
}

fn stream_limits(shell: &Shell) -> Limits {
    Limits {
        connections: shell.streams.max_connections as usize,
        per_address: shell.streams.max_per_address as usize,
        idle: Duration::from_secs(shell.streams.idle_secs.into()),
    }
}

fn start_media(shell: &Shell, mailbox: &Arc<Mailbox>) -> Result<MediaPool, StartError> {
    let ports = shell.media.ports.0..=shell.media.ports.1;
    let addresses = &shell.media.addresses;
    let first = addresses.first().copied().unwrap_or(IpAddr::from([127, 0, 0, 1]));
    let mut settings = MediaSettings::new(first, ports, random()?);
    settings.addresses.clone_from(addresses);
    if shell.media.workers > 0 {
        settings.workers = shell.media.workers;
    }
    settings.spare = usize::from(shell.media.spare);
    settings.sounds.clone_from(&shell.sounds);
    settings.recordings.clone_from(&shell.recordings);
    let mailbox = Arc::clone(mailbox);
    let events = move |message| {
        mailbox.post_always(match message {
            WorkerMessage::Ports { worker, ports } => {
                Input::MediaPorts { worker: WorkerId(worker), ports }
            }
            WorkerMessage::Event { worker, event } => {
                Input::MediaEvent { worker: WorkerId(worker), event }
            }
        });
    };
    MediaPool::start(settings, events).map_err(StartError::Media)
}

/// They share their way out, and what is allowed there, with the webhooks.
fn robots(shell: &Shell, runtime: &Runtime, mailbox: &Arc<Mailbox>) -> Result<Robots, StartError> {
    let outbound = Outbound::new(&shell.dns_servers, shell.webhooks.allow_private);
    let outbound = outbound.and_then(|outbound| match &shell.ca_file {
        Some(file) => outbound.trusting(file),
        None => Ok(outbound),
    });
    let outbound = outbound.map_err(StartError::System)?;
    Ok(Robots::new(runtime.handle().clone(), outbound, Arc::clone(mailbox)))
}

fn mailer(shell: &Shell) -> Result<Option<Mailer>, StartError> {
    let made = shell.smtp.as_ref().map(|smtp| Mailer::new(smtp, &shell.recordings));
    made.transpose().map_err(StartError::System)
}

fn start_writer(store: Sqlite, mailbox: &Arc<Mailbox>) -> std::io::Result<Writer> {
    let mailbox = Arc::clone(mailbox);
    Writer::start(store, move |groups| {
        // Those that are on disk in one letter, so that the switch looks up once for all of them.
        let stored = [true, false].into_iter().filter_map(|ok| {
            let of = groups.iter().filter(|group| group.1 == ok);
            let commits: Vec<_> = of.map(|&(commit, _)| commit).collect();
            (!commits.is_empty()).then_some(Input::Stored { commits, ok })
        });
        mailbox.post_all(stored);
    })
}

fn gateway(
    loaded: &Loaded,
    file: &Path,
    outlets: &Outlets,
    (sealer, boots, made): (Sealer, u64, Made),
    turn: Arc<TurnFigures>,
) -> Result<Gateway, StartError> {
    let shell = &loaded.shell;
    let figures = ShellFigures {
        turn,
        outlets: Arc::clone(&outlets.figures),
        writer: outlets.writer.figures(),
        streams: Arc::clone(&outlets.streams),
        mailbox: Arc::clone(&outlets.mailbox),
        robots: outlets.robots.figures(),
    };
    let keyring = Keyring::new(keys::of_file(loaded), random()?);
    keyring.load(keys::of_store(&shell.store.path).map_err(StartError::Store)?);
    let shared = Shared {
        runtime: outlets.runtime.clone(),
        mailbox: Arc::clone(&outlets.mailbox),
        requests: Arc::clone(&outlets.requests),
        ring: Arc::clone(&outlets.events),
        keyring,
        tenants: Tenants::new(&loaded.core, shell),
        phase: AtomicU8::new(Phase::Starting as u8),
        store: shell.store.path.clone(),
        reading: Reading::new(shell.store.path.clone()),
        keeper: outlets.writer.keeper(),
        webhooks: Webhooks::open(shell, &sealer, boots, outlets.robots.outbound())
            .map_err(StartError::System)?,
        sealer,
        recordings: shell.recordings.clone(),
        speakers: Arc::new(Semaphore::new(speech::AT_A_TIME)),
        reload: Reload {
            file: file.to_path_buf(),
            running: Mutex::new(shell.clone()),
            core: Mutex::new(loaded.core.clone()),
            made: Mutex::new(made),
            turn: tokio::sync::Mutex::new(()),
        },
        figures,
        media: Mutex::new(Arc::downgrade(&outlets.media)),
    };
    Ok(Gateway { shared: Arc::new(shared) })
}

type Work = (Vec<UdpPort>, Arc<Mailbox>, Outlets, Clock, Arc<TurnFigures>);

/// The switch's thread. It takes the process with it when it fails: half a switch strands calls.
fn spawn_turn(
    (ports, mailbox, outlets, clock, figures): Work,
    drained: Box<dyn FnMut() + Send>,
) -> std::io::Result<JoinHandle<()>> {
    let turn = Turn::new(ports, mailbox, outlets, clock, figures, drained)?;
    std::thread::Builder::new().name("switch".into()).stack_size(4 * STACK).spawn(move || {
        let loud = AbortOnPanic;
        if let Err(error) = turn.run() {
            tracing::error!("the switch's poller has failed: {error}");
            std::process::abort();
        }
        drop(loud);
    })
}

struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_whole() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("below/s.key");
        std::fs::create_dir(place.path().join("below")).unwrap();
        // What a start that was killed has left.
        std::fs::write(place.path().join("below/s.key.new"), "12").unwrap();
        ensure_key(&path).unwrap();
        let first = std::fs::read(&path).unwrap();
        assert_eq!(first.len(), 65);
        Sealer::read(&path).unwrap();
        ensure_key(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first);
        assert_eq!(std::fs::read_dir(place.path().join("below")).unwrap().count(), 1);
    }
}
