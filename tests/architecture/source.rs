//! Sources as text: comments, strings and tests taken out, imports and functions found. No parser, only what the rules need.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Files by their path from the root of the repository.
pub type Tree = BTreeMap<String, String>;

/// Reads all files below some folders whose names end in one of `endings`.
pub fn read(root: &Path, folders: &[&str], endings: &[&str]) -> Tree {
    let mut tree = Tree::new();
    let mut open: Vec<String> = folders.iter().map(|folder| (*folder).to_owned()).collect();
    while let Some(path) = open.pop() {
        let full = root.join(&path);
        if full.is_file() {
            if endings.iter().any(|ending| path.ends_with(ending)) {
                tree.insert(path, std::fs::read_to_string(full).expect("sources are text"));
            }
            continue;
        }
        for entry in std::fs::read_dir(&full).into_iter().flatten() {
            let name = entry.expect("a folder can be read").file_name();
            open.push(format!("{path}/{}", name.to_string_lossy()));
        }
    }
    tree
}

/// What is left of a source that runs: comments and tests are blank; strings too unless they are wanted. Lines stay.
pub fn code(text: &str, strings: bool) -> String {
    without_tests(&blanked(text, strings))
}

fn blanked(text: &str, strings: bool) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (length, kept) = if rest.starts_with(b"//") {
            (rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()), false)
        } else if rest.starts_with(b"/*") {
            (find(rest, b"*/", 2), false)
        } else if let Some(length) = raw_string(rest, at.checked_sub(1).map(|at| bytes[at])) {
            (length, strings)
        } else if rest[0] == b'"' {
            (quoted(rest, b'"'), strings)
        } else if is_char(rest) {
            (quoted(rest, b'\''), strings)
        } else {
            (1, true)
        };
        for byte in &rest[..length] {
            out.push(if kept || *byte == b'\n' { *byte } else { b' ' });
        }
        at += length;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn find(text: &[u8], end: &[u8], from: usize) -> usize {
    let found = text[from..].windows(end.len()).position(|window| window == end);
    found.map_or(text.len(), |found| from + found + end.len())
}

fn raw_string(text: &[u8], before: Option<u8>) -> Option<usize> {
    if text[0] != b'r' || before.is_some_and(|byte| byte != b'b' && is_word(byte)) {
        return None;
    }
    let hashes = text[1..].iter().take_while(|byte| **byte == b'#').count();
    if text.get(1 + hashes) != Some(&b'"') {
        return None;
    }
    let end = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
    Some(find(text, &end, 2 + hashes))
}

fn quoted(text: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// A character, not a lifetime: `'a'` or `'\n'`.
fn is_char(text: &[u8]) -> bool {
    if text[0] != b'\'' {
        return false;
    }
    match text.get(1) {
        Some(b'\\') => true,
        Some(byte) if byte.is_ascii() => text.get(2) == Some(&b'\''),
        Some(_) => true,
        None => false,
    }
}

/// Blanks every item under `#[cfg(test)]`.
fn without_tests(text: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(MARK) {
        out.push_str(&rest[..start]);
        let item = &rest[start..];
        let end = item_end(item, MARK.len());
        out.extend(item[..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &item[end..];
    }
    out + rest
}

/// Where the item that begins here ends: at its closing brace, or its semicolon.
fn item_end(text: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate().skip(from) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth <= 1 => return at + 1,
            b'}' => depth -= 1,
            b';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    text.len()
}

pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Places of a whole word.
pub fn words<'t>(text: &'t str, word: &'t str) -> impl Iterator<Item = usize> + 't {
    text.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = at.checked_sub(1).map(|at| text.as_bytes()[at]);
        let after = text.as_bytes().get(at + word.len()).copied();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// 1 for the first line.
pub fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Lines of the longest function, with its name.
pub fn longest_function(code: &str) -> Option<(usize, String)> {
    let functions = words(code, "fn").filter_map(|at| {
        let rest = &code[at..];
        let name = rest[2..].trim_start();
        let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let end = item_end(rest, 2);
        (!name.is_empty()).then(|| (rest[..end].lines().count(), name))
    });
    functions.max()
}

/// What a file reaches for: paths of modules of its own crate (`call::media`) and names of other crates.
pub struct Uses {
    pub own: BTreeSet<String>,
    pub crates: BTreeSet<String>,
}

/// Finds the uses of a file. `module` is its path within the crate; `crates` are the names to look for.
pub fn uses(code: &str, module: &[String], crates: &[&str]) -> Uses {
    let mut own = BTreeSet::new();
    for at in words(code, "crate") {
        for path in paths(&code[at + "crate".len()..]) {
            own.insert(path.join("::"));
        }
    }
    for at in words(code, "super") {
        if !code[..at].trim_end().ends_with("super::") {
            own.extend(from_super(&code[at..], module));
        }
    }
    // A module imports from its children by their bare names.
    for at in words(code, "use") {
        for path in one_path(&code[at + "use".len()..]) {
            if !matches!(path[0].as_str(), "crate" | "super" | "self" | "std") {
                own.insert([module, &path].concat().join("::"));
            }
        }
    }
    let is_used = |name: &&str| {
        words(code, name).any(|at| {
            let before = code[..at].trim_end();
            let is_local = before.ends_with("::") && !before.ends_with(" ::");
            code[at + name.len()..].starts_with("::") && !is_local
        })
    };
    let crates = crates.iter().filter(|name| is_used(name)).map(|name| (*name).to_owned());
    Uses { own, crates: crates.collect() }
}

/// The paths that begin with a chain of `super::` in a module.
fn from_super(mut text: &str, module: &[String]) -> Vec<String> {
    let mut left = module.len();
    while let Some(rest) = text.strip_prefix("super") {
        if !rest.starts_with("::") {
            break;
        }
        left = left.saturating_sub(1);
        match rest.strip_prefix("::") {
            Some(next) if next.starts_with("super") => text = next,
            _ => {
                let base = &module[..left];
                let full = |path: Vec<String>| [base, &path].concat().join("::");
                return paths(rest).into_iter().map(full).collect();
            }
        }
    }
    Vec::new()
}

/// The paths that follow a first name: `::a::b` or `::{a::{b, c}, d}`; without `::` there is none.
fn paths(text: &str) -> Vec<Vec<String>> {
    let Some(text) = text.strip_prefix("::") else { return Vec::new() };
    if let Some(group) = text.strip_prefix('{') {
        return members(group).into_iter().flat_map(one_path).collect();
    }
    one_path(text)
}

fn one_path(text: &str) -> Vec<Vec<String>> {
    let text = text.trim_start();
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if name.is_empty() {
        return Vec::new();
    }
    let deeper = paths(&text[name.len()..]);
    if deeper.is_empty() {
        return vec![vec![name]];
    }
    deeper.into_iter().map(|path| [vec![name.clone()], path].concat()).collect()
}

/// The members of a group, whose opening brace is before the text.
fn members(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => {
                found.push(&text[start..at]);
                return found;
            }
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}
