//! The shape of the program, checked against its sources as text: who may import whom, where threads, SQL, clocks and
//! locks may stand, how long files and functions are, and that the documents tell the truth about files and keys.

#![allow(clippy::expect_used, clippy::unwrap_used)]

mod documents;
mod planted;
mod rules;
mod source;

use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_sources_keep_the_rules() {
    let folders = [
        "src",
        "sip/src",
        "media/src",
        "core/src",
        "sip/Cargo.toml",
        "media/Cargo.toml",
        "core/Cargo.toml",
    ];
    let tree = source::read(root(), &folders, &[".rs", ".toml"]);
    assert!(tree.len() > 100, "only {} files were read", tree.len());
    let faults = rules::faults(&tree);
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}
