//! Each rule fires: one fault of each kind is planted in a small sound tree, and it alone is reported.

use super::rules::faults;
use super::source::Tree;

/// A tree without fault; in strings, comments and tests anything may stand.
fn sound() -> Tree {
    let files = [
        ("sip/Cargo.toml", "[dependencies]\nbytes = \"1\"\n[dev-dependencies]\ntokio = \"1\"\n"),
        ("media/Cargo.toml", "[dependencies]\nhound = \"3\"\n"),
        (
            "core/Cargo.toml",
            "[dependencies]\nsip = { path = \"../sip\" }\nmedia = { path = \"../media\" }\n",
        ),
        (
            "sip/src/message.rs",
            "//! A HashMap.\npub struct Message<'a>(&'a str);\nconst MEDIA: &str = \"media::\";\n",
        ),
        ("media/src/sdp.rs", "pub fn media() -> char { '\"' }\n"),
        ("core/src/vocab/mod.rs", "use sip::Flow;\n"),
        ("core/src/route/mod.rs", "use crate::vocab::{Hop, Now};\nuse media::sdp::Sdp;\n"),
        ("core/src/call/mod.rs", "mod media;\nuse media::Leg;\nuse crate::vocab::Now;\n"),
        ("core/src/call/media.rs", "use super::Call;\nuse super::super::vocab::Hop;\n"),
        (
            "core/src/switch/mod.rs",
            "use crate::{call::Call, route};\n#[cfg(test)]\nmod tests {\n    use std::time::Instant;\n}\n",
        ),
        ("src/api/mod.rs", "use crate::api::gateway::Gateway;\nuse strowger_core::vocab::Query;\n"),
        ("src/api/gateway.rs", "pub trait Gateway {}\n"),
        (
            "src/node/gateway.rs",
            "use super::mailbox::Mailbox;\nuse crate::api::gateway::Gateway;\n",
        ),
        ("src/node/mailbox.rs", "pub struct Mailbox;\n"),
        ("src/node/start.rs", "use crate::api;\nfn go() { std::thread::spawn(|| ()); }\n"),
        ("src/store/sqlite.rs", "const ALL: &str = \"SELECT * FROM calls\";\n"),
        ("src/log.rs", "/// SELECT the level.\npub fn start() {}\n"),
    ];
    files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect()
}

/// Appends to a file of the sound tree, or makes it, and expects exactly this to be found.
#[track_caller]
fn fires(path: &str, text: &str, expected: &str) {
    let mut tree = sound();
    tree.entry(path.to_owned()).or_default().push_str(text);
    let found = faults(&tree);
    assert_eq!(found.len(), 1, "{path}: {text:.100}: {found:#?}");
    assert!(found[0].contains(expected), "{found:#?}");
}

#[test]
fn a_sound_tree_has_no_fault() {
    assert_eq!(faults(&sound()), Vec::<String>::new());
}

#[test]
fn forbidden_crates() {
    fires("sip/src/body.rs", "use media::sdp::Sdp;\n", "sip must not use the crate media");
    fires(
        "media/src/rtp.rs",
        "fn f() -> sip::Flow { todo() }\n",
        "media must not use the crate sip",
    );
    fires(
        "sip/src/a.rs",
        "use strowger_core::Switch;\n",
        "sip must not use the crate strowger_core",
    );
    fires("media/Cargo.toml", "sip = { path = \"../sip\" }\n", "media must not depend on sip");
    fires("sip/src/b.rs", "use ::media::order::Order;\n", "sip must not use the crate media");
}

#[test]
fn forbidden_edges_of_the_core() {
    fires("core/src/call/talk.rs", "use crate::route::Plan;\n", "call must not import route");
    fires("core/src/route/plan.rs", "use crate::{vocab, call};\n", "route must not import call");
    fires(
        "core/src/trunk/mod.rs",
        "use super::registrar::Registrar;\n",
        "trunk must not import registrar",
    );
    fires(
        "core/src/vocab/input.rs",
        "fn f(_: crate::outbox::Outbox) {}\n",
        "vocab must not import outbox",
    );
    fires("core/src/fax.rs", "use crate::vocab::Now;\n", "does not know fax");
}

#[test]
fn forbidden_edges_of_the_http_surface() {
    fires("src/api/calls.rs", "use crate::store::Reader;\n", "must not import store::Reader");
    fires("src/api/calls.rs", "use crate::node::turn::Turn;\n", "must not import node::turn::Turn");
    fires("src/api/calls.rs", "use strowger_core::Switch;\n", "strowger_core::vocab only");
    fires("src/api/calls.rs", "use sip::Flow;\n", "must not import sip");
}

#[test]
fn cycles() {
    let mut shell = sound();
    shell.entry("src/log.rs".into()).or_default().push_str("use crate::node::start::go;\n");
    assert_eq!(faults(&shell), Vec::<String>::new(), "to import what imports you not is no cycle");
    shell.entry("src/node/start.rs".into()).or_default().push_str("use crate::log;\n");
    assert_eq!(faults(&shell), ["src: a cycle: log and node::start import each other"]);
    let mut tree = sound();
    tree.insert("media/src/a.rs".into(), "use crate::b::B;\n".into());
    tree.insert("media/src/b.rs".into(), "use crate::c::{self, C};\n".into());
    tree.insert("media/src/c.rs".into(), "fn f() { super::a::g() }\n".into());
    let found = faults(&tree);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found.iter().all(|fault| fault.contains("a cycle: ")), "{found:#?}");
}

#[test]
fn impure_words() {
    for (text, word) in [
        ("use std::time::Instant;\n", "Instant"),
        ("fn f() { let _ = std::time::SystemTime::now(); }\n", "SystemTime"),
        ("use std::sync::Mutex;\n", "Mutex"),
        ("struct S { a: std::sync::RwLock<u8> }\n", "RwLock"),
        ("thread_local! { static A: u8 = 0; }\n", "thread_local"),
        ("use std::collections::HashMap;\n", "HashMap"),
        ("use std::collections::{BTreeMap, HashSet};\n", "HashSet"),
        ("fn f() { std::thread::yield_now() }\n", "thread"),
        ("fn f() { println!(\"\") }\n", "println"),
    ] {
        for path in ["core/src/route/x.rs", "sip/src/x.rs", "media/src/x.rs"] {
            fires(path, text, word);
        }
    }
}

#[test]
fn impure_crates() {
    fires("core/Cargo.toml", "tokio = { version = \"1\" }\n", "tokio has no place");
    fires("media/Cargo.toml", "rand.workspace = true\n", "rand has no place");
    fires(
        "media/Cargo.toml",
        "[target.'cfg(unix)'.dependencies]\njiff = \"0.2\"\n",
        "jiff has no place",
    );
}

#[test]
fn threads_and_sql_elsewhere() {
    fires("src/log.rs", "fn f() { std::thread::spawn(|| ()); }\n", "started elsewhere");
    fires("src/net/dns.rs", "fn f(r: Runtime) { r.spawn(async {}); }\n", "started elsewhere");
    fires(
        "src/api/calls.rs",
        "fn f() { tokio::task::spawn_blocking(|| ()); }\n",
        "started elsewhere",
    );
    fires("src/store/page.rs", "const Q: &str = r#\"SELECT \"a\" FROM b\"#;\n", "SQL stands only");
    fires("src/config.rs", "use rusqlite::Connection;\n", "SQL stands only");
}

#[test]
fn long_files_and_functions() {
    fires("src/log.rs", &"const A: u8 = 0;\n".repeat(600), "lines; a file has");
    let long = format!("fn long() {{\n{}}}\n", "    step('{');\n".repeat(80));
    fires("media/src/x.rs", &long, "fn long has 82 lines");
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    fn f() {}\n".repeat(700));
    let mut tree = sound();
    tree.insert("src/x.rs".into(), tests);
    assert_eq!(faults(&tree), Vec::<String>::new());
}
