//! The documents name files that exist and all keys of the configuration.

use std::collections::BTreeSet;

use super::root;
use super::source::{Tree, read};

/// What a path of this repository begins with.
const TOPS: &[&str] = &[
    "sip/",
    "media/",
    "core/",
    "src/",
    "config/",
    "sounds/",
    "tests/",
    "benches/",
    "docs/",
    "fuzz/",
    "scripts/",
    "examples/",
    ".config/",
    ".ci/",
];

fn documents() -> Tree {
    read(root(), &["README.md", "CONTRIBUTING.md", "docs"], &[".md"])
}

/// Everything between single backticks, fenced blocks left out.
fn quoted(text: &str) -> Vec<String> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

/// The path that a quotation names, if it names one of ours.
fn path_in(quotation: &str) -> Option<&str> {
    let plain = !quotation.contains([' ', '*', '<', '{', '$', '…']);
    let path = quotation.split_once(':').map_or(quotation, |(path, _)| path);
    (plain && TOPS.iter().any(|top| path.starts_with(top))).then_some(path)
}

#[test]
fn every_path_in_the_documents_exists() {
    let mut missing = Vec::new();
    let mut seen = 0;
    for (document, text) in documents() {
        for quotation in quoted(&text) {
            let Some(path) = path_in(&quotation) else { continue };
            seen += 1;
            if !root().join(path).exists() {
                missing.push(format!("{document}: {path}"));
            }
        }
    }
    assert!(seen > 30, "only {seen} paths were found in the documents");
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

#[test]
fn links_between_documents_lead_somewhere() {
    for (document, text) in documents() {
        let folder = root().join(&document);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let local = !link.is_empty() && !link.contains("://");
            assert!(!local || folder.with_file_name(link).exists(), "{document}: {link}");
        }
    }
}

/// `section.key` of every key of a commented TOML file, those that are commented out included.
fn keys(toml: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in toml.lines() {
        let line = line.trim_start_matches("# ");
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_start_matches('[').split(']').next().unwrap_or("").to_owned();
        } else if let Some((key, _)) = line.split_once(" = ")
            && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        {
            keys.insert(format!("{section}.{key}"));
        }
    }
    keys
}

/// `section.key` of every row of the README's tables of keys.
fn documented(readme: &str) -> BTreeSet<String> {
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let sections = keys(REFERENCE);
    let known: BTreeSet<&str> =
        sections.iter().filter_map(|key| key.rsplit_once('.')).map(|(s, _)| s).collect();
    let is_key =
        |row: &&str| row.rsplit_once('.').is_some_and(|(section, _)| known.contains(section));
    rows.filter(is_key).map(str::to_owned).collect()
}

const REFERENCE: &str = include_str!("../../config/reference.toml");

#[test]
fn the_readme_lists_every_key_of_the_configuration_and_no_other() {
    let readme = std::fs::read_to_string(root().join("README.md")).expect("there is a README");
    let (wanted, found) = (keys(REFERENCE), documented(&readme));
    assert!(wanted.len() > 50, "{wanted:?}");
    let missing: Vec<_> = wanted.difference(&found).collect();
    let unknown: Vec<_> = found.difference(&wanted).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing: {missing:?}; unknown: {unknown:?}");
}

#[test]
fn paths_and_keys_are_found_in_text() {
    let text = "See `src/node/turn.rs` and `core::call`.\n```\n`src/none.rs`\n```\n`a b` `src/x.rs:12` `src/*.rs`";
    let quoted = quoted(text);
    let paths: Vec<_> = quoted.iter().filter_map(|quotation| path_in(quotation)).collect();
    assert_eq!(paths, ["src/node/turn.rs", "src/x.rs"]);
    let keys = keys("[a]\nx = 1 # y\n# z = 2\n[[b.c]]\nlist = [{ q = 1 }]\n");
    assert_eq!(keys.into_iter().collect::<Vec<_>>(), ["a.x", "a.z", "b.c.list"]);
}
