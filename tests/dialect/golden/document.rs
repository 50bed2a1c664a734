//! `docs/dialects.md`, made of the transcripts' heads: what of each document is served, and which test shows it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use super::transcript::{Phones, Transcript};
use super::{Dialect, root, transcripts};

const HEAD: &str = "# Other systems' interfaces\n\n\
    Clients that were written for these systems work with this switch by changing their base address and keys. This page is \
    made of the heads of the transcripts in `tests/dialect`, which are played against the real switch; \
    `STROWGER_WRITE_DOCS=1 cargo test --test dialect the_document` writes it anew. The transcripts show each \
    request with its whole answer. Whatever acts on calls, at once or in the next one, is shown by tests that make them with real \
    SIP phones and listen: the last column names them. What says `keeps` there changes what is kept and no call, what says \
    `reads` nothing.\n";

/// An operation of a document.
#[derive(Debug, Clone)]
struct Operation {
    name: String,
    section: String,
    kind: Kind,
}

/// What an operation is to calls.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Phones notice it, at once or in the next call: tests with phones are due. Named are those of an operation that is no
    /// request with an answer, and so has no transcript.
    Acts(Option<Phones>),
    /// It changes what is kept, and no call.
    Keeps,
    /// It changes nothing.
    Reads,
    /// It is not served, because.
    No(String),
}

/// Compares the document with what it would be; writes it where that is ordered.
pub fn check(dialects: &[Dialect]) {
    let mut text = HEAD.to_owned();
    for dialect in dialects {
        text += &chapter(dialect).unwrap_or_else(|why| panic!("{}: {why}", dialect.folder));
    }
    let path = root().join("docs/dialects.md");
    if std::env::var_os("STROWGER_WRITE_DOCS").is_some() {
        fs::write(&path, &text).expect("the document can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "docs/dialects.md is not what the transcripts say; write it anew with STROWGER_WRITE_DOCS=1"
    );
}

fn chapter(dialect: &Dialect) -> Result<String, String> {
    let folder = root().join("tests/dialect").join(dialect.folder);
    let list = fs::read_to_string(folder.join("operations.txt"))
        .map_err(|error| format!("operations.txt: {error}"))?;
    let operations = operations(&list)?;
    for operation in &operations {
        if let Kind::Acts(Some(phones)) = &operation.kind {
            there(phones).map_err(|why| format!("operations.txt: {why}"))?;
        }
    }
    let mut shown: BTreeMap<String, Vec<(String, Transcript)>> = BTreeMap::new();
    for path in transcripts(dialect.folder) {
        let name = path.strip_prefix(root()).unwrap_or(&path).to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        let transcript = Transcript::parse(&text).map_err(|why| format!("{name}: {why}"))?;
        if let Some(phones) = &transcript.phones {
            there(phones).map_err(|why| format!("{name}: {why}"))?;
        }
        shown.entry(transcript.operation.clone()).or_default().push((name, transcript));
    }
    let notes = fs::read_to_string(folder.join("notes.md")).unwrap_or_default();
    Ok(page(dialect, &notes, table(&operations, &shown)?))
}

fn page(dialect: &Dialect, notes: &str, table: String) -> String {
    let notes = if notes.is_empty() { String::new() } else { format!("\n{}\n", notes.trim()) };
    format!("\n## {}: `{}`\n{notes}\n{table}", dialect.title, dialect.paths)
}

/// Whether the file has these tests.
fn there(phones: &Phones) -> Result<(), String> {
    let source = fs::read_to_string(root().join(&phones.file)).unwrap_or_default();
    let missing =
        phones.tests.iter().find(|test| !source.contains(&format!("#[test]\nfn {test}(")));
    match missing {
        Some(test) => Err(format!("there is no test {test} in {}", phones.file)),
        None => Ok(()),
    }
}

fn operations(list: &str) -> Result<Vec<Operation>, String> {
    let lines = list.lines().filter(|line| !line.trim().is_empty());
    let read = |line: &str| {
        let fields: Vec<&str> = line.split(" | ").map(str::trim).collect();
        let (name, section, kind) = match fields[..] {
            [name, section, "acts"] => (name, section, Kind::Acts(None)),
            [name, section, "acts", phones] => {
                (name, section, Kind::Acts(Some(Phones::parse(phones)?)))
            }
            [name, section, "keeps"] => (name, section, Kind::Keeps),
            [name, section, "reads"] => (name, section, Kind::Reads),
            [name, section, why] if why.starts_with("no: ") => {
                (name, section, Kind::No(why[4..].to_owned()))
            }
            _ => {
                return Err(format!(
                    "operations.txt: `operation | section | acts, keeps, reads or no: why`, not {line:?}"
                ));
            }
        };
        Ok(Operation { name: name.to_owned(), section: section.to_owned(), kind })
    };
    lines.map(read).collect()
}

fn table(
    operations: &[Operation],
    shown: &BTreeMap<String, Vec<(String, Transcript)>>,
) -> Result<String, String> {
    let mut text =
        "| operation | section | served | shown by | shown by phones |\n|---|---|---|---|---|\n"
            .to_owned();
    for operation in operations {
        let Operation { name, section, .. } = operation;
        let tests = shown.get(name).map_or(&[][..], Vec::as_slice);
        let (served, phones) = judged(operation, tests)?;
        if let Some((file, other)) = tests.iter().find(|(_, test)| test.section != *section) {
            return Err(format!("{file}: its section is {:?}, not {section:?}", other.section));
        }
        let places: Vec<String> = tests.iter().map(|(file, _)| format!("`{file}`")).collect();
        writeln!(text, "| {name} | {section} | {served} | {} | {phones} |", places.join(", "))
            .map_err(|error| error.to_string())?;
    }
    let unknown = shown.keys().find(|name| operations.iter().all(|own| own.name != **name));
    match unknown {
        Some(name) => Err(format!("operations.txt does not know {name:?}")),
        None => Ok(text),
    }
}

/// What the table says of an operation: whether it is served, and which tests with phones show it.
fn judged(
    operation: &Operation,
    tests: &[(String, Transcript)],
) -> Result<(String, String), String> {
    let Operation { name, kind, .. } = operation;
    let own = match kind {
        Kind::Acts(own) => own.as_ref(),
        _ => None,
    };
    match (kind, tests) {
        (Kind::No(_), [_, ..]) => return Err(format!("{name:?} is not served, but shown")),
        (Kind::No(why), []) => return Ok((format!("no: {why}"), String::new())),
        (_, []) if own.is_none() => return Err(format!("no transcript shows {name:?}")),
        _ => {}
    }
    let heads = tests.iter().filter_map(|(_, test)| test.phones.as_ref());
    let mut phones: Vec<String> = Vec::new();
    for Phones { file, tests } in own.into_iter().chain(heads) {
        for line in tests.iter().map(|test| format!("`{test}` in `{file}`")) {
            if !phones.contains(&line) {
                phones.push(line);
            }
        }
    }
    let phones = match kind {
        Kind::Acts(_) if phones.is_empty() => {
            return Err(format!("{name:?} acts on calls, and no test with phones shows it"));
        }
        Kind::Keeps if phones.is_empty() => "keeps".to_owned(),
        Kind::Reads if phones.is_empty() => "reads".to_owned(),
        _ => phones.join(", "),
    };
    Ok(("yes".to_owned(), phones))
}

#[test]
fn a_table_with_something_missing_is_refused() {
    let transcript = |operation: &str, section: &str| {
        let phones = if operation == "ring" { "# phones: a.rs it_rings it_ends\n" } else { "" };
        let text =
            format!("# operation: {operation}\n# section: {section}\n{phones}> GET /\n< 200\n");
        ("tests/dialect/x/y.txt".to_owned(), Transcript::parse(&text).unwrap())
    };
    let shown = |operation: &str, section: &str| {
        BTreeMap::from([(operation.to_owned(), vec![transcript(operation, section)])])
    };
    let known = |list: &str| operations(list).unwrap();
    let both = known("show | One | reads\nhide | Two | no: the document says nothing of it\n");
    let text = table(&both, &shown("show", "One")).unwrap();
    assert!(text.contains("| show | One | yes | `tests/dialect/x/y.txt` | reads |"), "{text}");
    assert!(text.contains("| hide | Two | no: the document says nothing of it |  |  |"), "{text}");
    let text = table(&known("ring | One | acts\n"), &shown("ring", "One")).unwrap();
    assert!(text.contains("| `it_rings` in `a.rs`, `it_ends` in `a.rs` |"), "{text}");
    let socket = known("talk | One | acts | b.rs it_talks\n");
    let text = table(&socket, &BTreeMap::new()).unwrap();
    assert!(text.contains("| talk | One | yes |  | `it_talks` in `b.rs` |"), "{text}");
    for (list, shown, why) in [
        ("show | One | reads\nhide | Two | keeps\n", shown("show", "One"), "shows \"hide\""),
        ("show | One | no: why\n", shown("show", "One"), "not served, but shown"),
        ("show | One | reads\n", shown("show", "Other"), "its section is"),
        ("show | One | no: why\n", shown("more", "One"), "does not know \"more\""),
        ("show | One | acts\n", shown("show", "One"), "no test with phones"),
    ] {
        let refused = table(&known(list), &shown).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    for wrong in ["show\n", "show | One\n", "show | One | perhaps\n", "show | One | acts | a.rs\n"]
    {
        assert!(operations(wrong).is_err(), "{wrong}");
    }
    let missing = Phones { file: "tests/dialect/desk.rs".into(), tests: vec!["open".into()] };
    assert!(there(&missing).is_err(), "a function that is no test");
}
