//! What is wrong with a configuration file, line by line.

use std::fmt;

/// One thing to put right (or, as a warning, to know).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Line in the file, from 1; 0 where the file as a whole is meant.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub text: String,
}

/// Everything that is wrong with one file, in order of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// The file's name as given.
    pub file: String,
    /// At least one.
    pub list: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write_located(f, &self.file, problem)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Writes `file:line: text`, or `file: text` where no line is meant.
fn write_located(f: &mut impl fmt::Write, file: &str, problem: &Problem) -> fmt::Result {
    match problem.line {
        0 => write!(f, "{file}: {}", problem.text),
        line => write!(f, "{file}:{line}: {}", problem.text),
    }
}

/// Turns byte offsets into line numbers.
#[derive(Debug)]
pub struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    /// Notes where each line of the text begins.
    pub fn new(text: &str) -> Self {
        let after_breaks =
            text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1);
        Self { starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    /// The line, from 1, that holds the byte at `offset`.
    pub fn of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }
}

/// The candidate nearest to a misspelt word, if one is near enough to be meant.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = 1 + word.chars().count() / 4;
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, remove, replace, swap neighbours) that turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().flat_map(char::to_lowercase).collect();
    let b: Vec<char> = b.chars().flat_map(char::to_lowercase).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replaced = last[j] + usize::from(a[i] != b[j]);
            let mut best = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_lies_on_its_line() {
        let lines = Lines::new("a\nbc\n\nd");
        assert_eq!([0, 1, 2, 4, 5, 6].map(|o| lines.of(o)), [1, 1, 2, 2, 3, 4]);
    }

    #[test]
    fn the_nearest_word_is_the_one_meant() {
        let keys = ["domain", "listen", "external_address"];
        assert_eq!(nearest("domian", keys), Some("domain"));
        assert_eq!(nearest("Listen", keys), Some("listen"));
        assert_eq!(nearest("external_adress", keys), Some("external_address"));
        assert_eq!(nearest("password", keys), None);
    }
}
