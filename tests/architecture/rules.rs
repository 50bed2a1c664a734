//! The rules. What is allowed stands in the tables at the top; everything else is a fault.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Tree, code, line_of, longest_function, uses, words};

/// Each crate: its folder, and the crates of ours that it may use.
const CRATES: &[(&str, &[&str])] = &[
    ("sip", &[]),
    ("media", &[]),
    ("core", &["sip", "media"]),
    ("src", &["sip", "media", "strowger_core"]),
];

/// Modules of the core, and what each may import. Features (registrar, route, trunk, call) never import each other;
/// the switch knows them all.
const CORE: &[(&str, &[&str])] = &[
    ("vocab", &[]),
    ("host", &["vocab"]),
    ("ids", &["vocab"]),
    ("outbox", &["vocab"]),
    ("stock", &["vocab"]),
    ("gate", &["vocab"]),
    ("registrar", &["vocab", "host"]),
    ("route", &["vocab", "host"]),
    ("trunk", &["vocab", "host"]),
    ("acd", &["vocab"]),
    ("voice", &[]),
    ("call", &["vocab", "host", "ids", "outbox", "stock", "voice"]),
    ("mwi", &["vocab"]),
    ("presence", &["vocab"]),
    ("provision", &["vocab"]),
    ("define", &["vocab"]),
    ("pickup", &["vocab"]),
    ("park", &["vocab"]),
    ("page", &["vocab"]),
    ("remind", &["vocab"]),
    ("voicemail", &["vocab", "voice"]),
    ("ivr", &["vocab", "voice"]),
    ("forward", &["vocab"]),
    ("supervise", &["vocab"]),
    ("transfer", &["vocab"]),
    ("conference", &["vocab", "voice"]),
    ("group", &["vocab"]),
    ("dialer", &["vocab"]),
    (
        "switch",
        &[
            "vocab",
            "host",
            "ids",
            "outbox",
            "stock",
            "gate",
            "registrar",
            "route",
            "trunk",
            "call",
            "acd",
            "voice",
            "mwi",
            "presence",
            "provision",
            "define",
            "pickup",
            "park",
            "page",
            "remind",
            "voicemail",
            "ivr",
            "forward",
            "supervise",
            "transfer",
            "conference",
            "group",
            "dialer",
        ],
    ),
];

/// All that the HTTP surface may import of our own: itself. `api::gateway` is its door, which the node implements.
const API: &[&str] = &["api"];
/// ... and of the core.
const API_CORE: &str = "strowger_core::vocab";

/// Modules that are one unit and import each other both ways.
/// - The endpoint holds the legs of `invite` and the subscriptions in its tables, and they write through its
///   transaction layer; through it each reaches the other.
/// - Parameters of a URI and of a header are one grammar (RFC 3261 section 25.1).
const JOINED: &[(&str, &str, &str)] = &[
    ("sip", "endpoint", "invite"),
    ("sip", "endpoint", "subscription"),
    ("sip", "invite", "subscription"),
    ("sip", "message", "uri"),
];

/// Where threads and tasks may be started: in the node, and where a thread belongs to exactly one owner that it ends with.
const MAY_SPAWN: &[&str] = &[
    "src/node/",
    "src/net/stream.rs",        // one task for each connection
    "src/net/media/mod.rs",     // the media workers
    "src/net/media/prompts.rs", // reads prompts for them
    "src/net/media/writer.rs",  // writes recordings for them
    "src/store/writer.rs",      // the one writer of the database
];
const SPAWNS: &[&str] =
    &["::spawn(", ".spawn(", "spawn_blocking(", "spawn_local(", "thread::scope("];

/// Where SQL and its library may stand.
const MAY_SQL: &[&str] = &[
    "src/store/sqlite.rs",
    "src/store/rows.rs",
    "src/store/acd.rs",
    "src/store/documents.rs",
    "src/store/kept.rs",
    "src/store/outbox.rs",
    "src/store/voicemail.rs",
    "src/store/settings.rs",
    "src/store/watch.rs",
    "src/store/provision.rs",
    "src/store/entries.rs",
    "src/store/audit.rs",
    "src/store/tenants.rs",
    "src/store/dial.rs",
    "src/store/migrations.rs",
    "src/store/mod.rs",
    "src/store/tests.rs",
];
const SQL: &[&str] = &[
    "SELECT ",
    "INSERT INTO",
    "INSERT OR",
    "UPDATE ",
    "DELETE FROM",
    "CREATE TABLE",
    "rusqlite::",
];

/// What the pure crates must not touch: clocks, locks, threads, files, sockets, and containers whose order is chance.
const IMPURE: &[&str] = &[
    "Instant",
    "SystemTime",
    "UNIX_EPOCH",
    "Mutex",
    "RwLock",
    "Condvar",
    "OnceLock",
    "LazyLock",
    "OnceCell",
    "thread_local",
    "thread",
    "atomic",
    "mpsc",
    "HashMap",
    "HashSet",
    "RandomState",
    "DefaultHasher",
    "UdpSocket",
    "TcpStream",
    "TcpListener",
    "fs",
    "env",
    "process",
    "println",
    "eprintln",
    "dbg",
    "unsafe",
];
/// Exceptions: by file and word.
const MAY_IMPURE: &[(&str, &str)] = &[
    // Handles by keyed hash; looked up and never iterated, so that its order cannot show.
    ("sip/src/endpoint/ids.rs", "HashMap"),
    // The digest of the state: `DefaultHasher::new()` has a fixed key, and digests are compared within one build only.
    ("core/src/switch/audit.rs", "DefaultHasher"),
];
/// Crates that bring a runtime, a clock or chance.
const IMPURE_CRATES: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "mio",
    "rand",
    "getrandom",
    "fastrand",
    "time",
    "chrono",
    "jiff",
    "instant",
    "quanta",
    "coarsetime",
    "parking_lot",
    "dashmap",
    "crossbeam",
    "crossbeam-channel",
    "rayon",
    "once_cell",
    "lazy_static",
    "rustix",
    "libc",
    "nix",
    "socket2",
];

/// Lines of a file without its tests, and of a function.
const FILE_LINES: usize = 600;
const FUNCTION_LINES: usize = 80;

/// Everything that is wrong, one line each.
pub fn faults(tree: &Tree) -> Vec<String> {
    let mut faults = Vec::new();
    let mut graphs: BTreeMap<&str, Graph> = BTreeMap::new();
    for (path, text) in tree {
        if path.ends_with("Cargo.toml") {
            manifest(path, text, &mut faults);
            continue;
        }
        let Some((folder, module)) = place(path) else { continue };
        let code = code(text, false);
        sizes(path, &code, &mut faults);
        if folder == "src" {
            shell(path, text, &code, &mut faults);
        } else {
            purity(path, &code, &mut faults);
        }
        let found = uses(
            &code,
            &module,
            &["sip", "media", "strowger_core", "strowger_sip", "strowger_media"],
        );
        for other in &found.crates {
            let may =
                CRATES.iter().any(|(own, may)| *own == folder && may.contains(&other.as_str()));
            let is_own_folder = module.first() == Some(other) || folder == other;
            if !may && !is_own_folder && !local(tree, folder, &module, other) {
                faults.push(format!("{path}: {folder} must not use the crate {other}"));
            }
        }
        if folder == "core" {
            core_edges(path, &module, &found.own, &mut faults);
        }
        if path.starts_with("src/api/") {
            api_edges(path, &code, &found.own, &found.crates, &mut faults);
        }
        graphs.entry(folder).or_default().insert(module.join("::"), found.own);
    }
    for (folder, graph) in &graphs {
        cycles(folder, graph, &mut faults);
    }
    faults
}

/// The crate's folder and the module of a source file; `None` for tests.
fn place(path: &str) -> Option<(&'static str, Vec<String>)> {
    let folder = CRATES
        .iter()
        .map(|(folder, _)| *folder)
        .find(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with("/")))?;
    let inner =
        if folder == "src" { path } else { path.strip_prefix(folder)?.strip_prefix('/')? };
    let file = inner.strip_prefix("src/")?.strip_suffix(".rs")?;
    let mut module: Vec<String> = file.split('/').map(str::to_owned).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    (module.last().map(String::as_str) != Some("tests")).then_some((folder, module))
}

/// Whether a name is a module beside the file, below it or at the root of its crate: `media` within `call` is no crate.
fn local(tree: &Tree, folder: &str, module: &[String], name: &String) -> bool {
    let root = if folder == "src" { "src".to_owned() } else { format!("{folder}/src") };
    (0..=module.len()).any(|depth| {
        let below = [std::slice::from_ref(&root), &module[..depth], std::slice::from_ref(name)]
            .concat()
            .join("/");
        tree.contains_key(&format!("{below}.rs")) || tree.contains_key(&format!("{below}/mod.rs"))
    })
}

fn sizes(path: &str, code: &str, faults: &mut Vec<String>) {
    let lines = code.trim_end().lines().count();
    if lines > FILE_LINES {
        faults.push(format!("{path}: {lines} lines; a file has {FILE_LINES} at most"));
    }
    if let Some((lines, name)) = longest_function(code).filter(|(lines, _)| *lines > FUNCTION_LINES)
    {
        faults.push(format!(
            "{path}: fn {name} has {lines} lines; a function has {FUNCTION_LINES} at most"
        ));
    }
}

fn purity(path: &str, code: &str, faults: &mut Vec<String>) {
    for word in IMPURE {
        if MAY_IMPURE.contains(&(path, word)) {
            continue;
        }
        let used = words(code, word).find(|at| {
            let (before, after) = (&code[..*at], &code[at + word.len()..]);
            match *word {
                // Names of modules and macros, which may also name a variable.
                "thread" | "atomic" | "mpsc" | "fs" | "env" | "process" => {
                    before.ends_with("std::")
                }
                "println" | "eprintln" | "dbg" | "thread_local" => after.starts_with('!'),
                _ => !before.ends_with("forbid("),
            }
        });
        if let Some(at) = used {
            faults
                .push(format!("{path}:{}: {word} has no place in a pure crate", line_of(code, at)));
        }
    }
}

fn shell(path: &str, text: &str, only_code: &str, faults: &mut Vec<String>) {
    if !MAY_SPAWN.iter().any(|place| path.starts_with(place))
        && let Some(spawn) = SPAWNS.iter().find(|spawn| only_code.contains(**spawn))
    {
        faults.push(format!("{path}: `{spawn}`: threads and tasks are started elsewhere"));
    }
    if !MAY_SQL.contains(&path) {
        let with_strings = code(text, true);
        if let Some(sql) = SQL.iter().find(|sql| with_strings.contains(**sql)) {
            faults.push(format!("{path}: `{sql}`: SQL stands only in the store"));
        }
    }
}

fn core_edges(path: &str, module: &[String], own: &BTreeSet<String>, faults: &mut Vec<String>) {
    let Some(from) = module.first() else { return };
    let Some((_, may)) = CORE.iter().find(|(name, _)| name == from) else {
        faults.push(format!("{path}: the table of the core's modules does not know {from}"));
        return;
    };
    for to in own.iter().filter_map(|used| used.split("::").next()) {
        if to != from && CORE.iter().any(|(name, _)| *name == to) && !may.contains(&to) {
            faults.push(format!("{path}: {from} must not import {to}"));
        }
    }
}

fn api_edges(
    path: &str,
    code: &str,
    own: &BTreeSet<String>,
    crates: &BTreeSet<String>,
    faults: &mut Vec<String>,
) {
    for used in own {
        let within =
            |allowed: &&&str| used == **allowed || used.starts_with(&format!("{allowed}::"));
        if !API.iter().any(|allowed| within(&allowed)) {
            faults.push(format!("{path}: the HTTP surface must not import {used}"));
        }
    }
    for other in crates.iter().filter(|name| *name != "strowger_core") {
        faults.push(format!("{path}: the HTTP surface must not import {other}"));
    }
    for at in words(code, "strowger_core") {
        if !code[at..].starts_with(API_CORE) {
            faults.push(format!("{path}: of the core the HTTP surface imports {API_CORE} only"));
        }
    }
}

fn manifest(path: &str, text: &str, faults: &mut Vec<String>) {
    let Some(folder) =
        ["sip", "media", "core"].into_iter().find(|own| path == format!("{own}/Cargo.toml"))
    else {
        return;
    };
    let mut dependencies = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            dependencies = line.contains("dependencies") && !line.contains("dev-dependencies");
            continue;
        }
        let name = line.split(['=', '.', ' ']).next().unwrap_or("").trim_matches('"');
        if !dependencies || name.is_empty() || name.starts_with('#') {
            continue;
        }
        if IMPURE_CRATES.contains(&name) {
            faults.push(format!("{path}: {name} has no place in a pure crate"));
        }
        let ours = name.trim_start_matches("strowger-").replace('-', "_");
        let may = CRATES.iter().find(|(own, _)| *own == folder).map_or(&[][..], |(_, may)| may);
        if ["sip", "media", "core"].contains(&ours.as_str()) && !may.contains(&ours.as_str()) {
            faults.push(format!("{path}: {folder} must not depend on {ours}"));
        }
    }
}

type Graph = BTreeMap<String, BTreeSet<String>>;

/// Reports modules of different folders that reach each other both ways.
fn cycles(folder: &str, graph: &Graph, faults: &mut Vec<String>) {
    let edges: Graph = graph
        .iter()
        .map(|(from, used)| {
            let to = used.iter().filter_map(|path| known(graph, path)).filter(|to| to != from);
            (from.clone(), to.collect())
        })
        .collect();
    let reach: Graph = edges.keys().map(|from| (from.clone(), reached(&edges, from))).collect();
    let mut told = BTreeSet::new();
    for (from, reached) in &reach {
        for to in reached.iter().filter(|to| reach.get(*to).is_some_and(|back| back.contains(from)))
        {
            let (a, b) = (top(from), top(to));
            let joined = JOINED
                .iter()
                .any(|(own, x, y)| *own == folder && [(*x, *y), (*y, *x)].contains(&(a, b)));
            if a < b && !joined && told.insert((a.to_owned(), b.to_owned())) {
                faults.push(format!("{folder}: a cycle: {from} and {to} import each other"));
            }
        }
    }
}

fn top(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

/// The deepest module that a path leads through.
fn known(graph: &Graph, path: &str) -> Option<String> {
    let mut path = path;
    loop {
        if graph.contains_key(path) && !path.is_empty() {
            return Some(path.to_owned());
        }
        path = path.rsplit_once("::")?.0;
    }
}

fn reached(edges: &Graph, from: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![from.to_owned()];
    while let Some(next) = open.pop() {
        for to in edges.get(&next).into_iter().flatten() {
            if found.insert(to.clone()) {
                open.push(to.clone());
            }
        }
    }
    found
}
