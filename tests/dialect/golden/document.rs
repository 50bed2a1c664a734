//! `docs/dialects.md`, made of the transcripts' heads: what of each document is served, and which test shows it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use super::transcript::Transcript;
use super::{Dialect, root, transcripts};

const HEAD: &str = "# Other systems' interfaces\n\n\
    Clients that were written for these systems work with this switch by changing their base address and keys. This page is \
    made of the heads of the transcripts in `tests/dialect`, which are played against the real switch; \
    `STROWGER_WRITE_DOCS=1 cargo test --test dialect the_document` writes it anew. The transcripts show each \
    request with its whole answer.\n";

/// An operation of a document.
#[derive(Debug, Clone)]
struct Operation {
    name: String,
    section: String,
    /// Why it is not served.
    not_served: Option<String>,
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
    let mut shown: BTreeMap<String, Vec<(String, Transcript)>> = BTreeMap::new();
    for path in transcripts(dialect.folder) {
        let name = path.strip_prefix(root()).unwrap_or(&path).to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        let transcript = Transcript::parse(&text).map_err(|why| format!("{name}: {why}"))?;
        if let Some((file, test)) = &transcript.phones {
            let source = fs::read_to_string(root().join(file)).unwrap_or_default();
            if !source.contains(&format!("fn {test}(")) {
                return Err(format!("{name}: there is no test {test} in {file}"));
            }
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

fn operations(list: &str) -> Result<Vec<Operation>, String> {
    let lines = list.lines().filter(|line| !line.trim().is_empty());
    let read = |line: &str| {
        let mut fields = line.split(" | ").map(|field| field.trim().to_owned());
        let name = fields.next().filter(|name| !name.is_empty());
        let section = fields.next();
        let (Some(name), Some(section)) = (name, section) else {
            return Err(format!("operations.txt: `operation | section`, not {line:?}"));
        };
        Ok(Operation { name, section, not_served: fields.next() })
    };
    lines.map(read).collect()
}

fn table(
    operations: &[Operation],
    shown: &BTreeMap<String, Vec<(String, Transcript)>>,
) -> Result<String, String> {
    let mut text = "| operation | section | served | shown by |\n|---|---|---|---|\n".to_owned();
    for Operation { name, section, not_served } in operations {
        let tests = shown.get(name).map_or(&[][..], Vec::as_slice);
        let served = match (not_served, tests) {
            (None, []) => return Err(format!("no transcript shows {name:?}")),
            (Some(_), [_, ..]) => return Err(format!("{name:?} is not served, but shown")),
            (Some(why), []) => format!("no: {why}"),
            (None, _) => "yes".to_owned(),
        };
        if let Some((file, other)) = tests.iter().find(|(_, test)| test.section != *section) {
            return Err(format!("{file}: its section is {:?}, not {section:?}", other.section));
        }
        let mut places: Vec<String> = tests.iter().map(|(file, _)| format!("`{file}`")).collect();
        let phones = tests.iter().filter_map(|(_, test)| test.phones.as_ref());
        let mut phones: Vec<String> =
            phones.map(|(file, test)| format!("with phones: `{test}` in `{file}`")).collect();
        phones.dedup();
        places.extend(phones);
        writeln!(text, "| {name} | {section} | {served} | {} |", places.join(", "))
            .map_err(|error| error.to_string())?;
    }
    let unknown = shown.keys().find(|name| operations.iter().all(|own| own.name != **name));
    match unknown {
        Some(name) => Err(format!("operations.txt does not know {name:?}")),
        None => Ok(text),
    }
}

#[test]
fn a_table_with_something_missing_is_refused() {
    let transcript = |operation: &str, section: &str| {
        let text = format!("# operation: {operation}\n# section: {section}\n> GET /\n< 200\n");
        ("tests/dialect/x/y.txt".to_owned(), Transcript::parse(&text).unwrap())
    };
    let shown = |operation: &str, section: &str| {
        BTreeMap::from([(operation.to_owned(), vec![transcript(operation, section)])])
    };
    let known = |list: &str| operations(list).unwrap();
    let both = known("show | One\nhide | Two | the document says nothing of it\n");
    let text = table(&both, &shown("show", "One")).unwrap();
    assert!(text.contains("| show | One | yes | `tests/dialect/x/y.txt` |"), "{text}");
    assert!(text.contains("| hide | Two | no: the document says nothing of it |  |"), "{text}");
    for (list, shown, why) in [
        ("show | One\nhide | Two\n", shown("show", "One"), "no transcript shows \"hide\""),
        ("show | One | why\n", shown("show", "One"), "not served, but shown"),
        ("show | One\n", shown("show", "Other"), "its section is"),
        ("show | One | why\n", shown("more", "One"), "does not know \"more\""),
    ] {
        let refused = table(&known(list), &shown).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
    assert!(operations("show\n").is_err());
}
