//! Reads a TOML document table by table, notes every problem with its line and goes on.

use std::cell::RefCell;
use std::ops::{Deref, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Lines, Problem, nearest};

/// A value and the line on which it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its line, from 1.
    pub line: usize,
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Collects what is found while a document is read.
#[derive(Debug)]
pub struct Reader {
    lines: Lines,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    broken: bool,
}

impl Reader {
    /// Begins with the parser's own complaints.
    pub fn new(text: &str, syntax: &[toml::de::Error]) -> Self {
        let lines = Lines::new(text);
        let problems = syntax.iter().map(|error| syntax_problem(&lines, error)).collect();
        Self {
            lines,
            problems: RefCell::new(problems),
            warnings: RefCell::default(),
            broken: !syntax.is_empty(),
        }
    }

    /// Notes something wrong.
    pub fn problem(&self, line: usize, text: impl Into<String>) {
        self.problems.borrow_mut().push(Problem { line, text: text.into() });
    }

    /// Notes something missing or dangling. Where the document's syntax is broken that is most likely
    /// a consequence, so nothing is noted then.
    pub fn missing(&self, line: usize, text: impl Into<String>) {
        if !self.broken {
            self.problem(line, text);
        }
    }

    /// Notes something that is no error.
    pub fn warn(&self, line: usize, text: impl Into<String>) {
        self.warnings.borrow_mut().push(Problem { line, text: text.into() });
    }

    /// Problems and warnings, each in order of lines.
    pub fn finish(self) -> (Vec<Problem>, Vec<Problem>) {
        let sorted = |list: RefCell<Vec<Problem>>| {
            let mut list = list.into_inner();
            list.sort();
            list.dedup();
            list
        };
        (sorted(self.problems), sorted(self.warnings))
    }

    /// The whole document as a table.
    pub fn root<'d>(&'d self, document: &'d DeTable<'d>) -> Table<'d> {
        Table::new(self, "the file".into(), 1, document)
    }
}

fn whole<T: TryFrom<i64>>(integer: &toml::de::DeInteger<'_>) -> Option<T> {
    let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok()?;
    T::try_from(number).ok()
}

fn syntax_problem(lines: &Lines, error: &toml::de::Error) -> Problem {
    let line = error.span().map_or(0, |span| lines.of(span.start));
    Problem { line, text: format!("not TOML: {}", error.message().replace('\n', ", ")) }
}

/// One table of the document. It learns which keys exist by being asked for them.
#[derive(Debug)]
pub struct Table<'d> {
    reader: &'d Reader,
    title: String,
    line: usize,
    entries: Option<&'d DeTable<'d>>,
    known: RefCell<Vec<&'static str>>,
}

impl<'d> Table<'d> {
    fn new(reader: &'d Reader, title: String, line: usize, entries: &'d DeTable<'d>) -> Self {
        Self { reader, title, line, entries: Some(entries), known: RefCell::default() }
    }

    /// The line of its heading.
    pub fn line(&self) -> usize {
        self.line
    }

    /// Where problems go.
    pub fn reader(&self) -> &'d Reader {
        self.reader
    }

    /// Notes a problem with one of the table's values.
    pub fn wrong(&self, line: usize, key: &str, text: &str) {
        self.reader.problem(line, format!("{} {key}: {text}", self.title));
    }

    fn find(&self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.known.borrow_mut().push(key);
        self.entries?.get(key)
    }

    fn line_of(&self, value: &Spanned<DeValue<'_>>) -> usize {
        self.reader.lines.of(value.span().start)
    }

    fn mistyped(&self, key: &str, value: &Spanned<DeValue<'_>>, right: &str) {
        let found = value.get_ref().type_str();
        let article = if found.starts_with(['a', 'i']) { "an" } else { "a" };
        self.wrong(
            self.line_of(value),
            key,
            &format!("{article} {found} where {right} is expected"),
        );
    }

    /// Says that a key must be there.
    pub fn require(&self, key: &str, right: &str) {
        self.reader.missing(self.line, format!("{} lacks {key}: add {right}", self.title));
    }

    /// A text. `right` says what it should be: `a name such as "demo"`.
    pub fn text(&self, key: &'static str, right: &str) -> Option<At<&'d str>> {
        let found = self.find(key)?;
        let DeValue::String(text) = found.get_ref() else {
            self.mistyped(key, found, right);
            return None;
        };
        Some(At { value: text.as_ref(), line: self.line_of(found) })
    }

    /// A text that was asked for before; of another type, it has been reported.
    pub fn text_again(&self, key: &str) -> Option<At<&'d str>> {
        let found = self.entries?.get(key)?;
        let text = found.get_ref().as_str()?;
        Some(At { value: text, line: self.line_of(found) })
    }

    /// A text that must be there and not be empty.
    pub fn required_text(&self, key: &'static str, right: &str) -> Option<At<&'d str>> {
        if self.entries.is_none_or(|entries| !entries.contains_key(key)) {
            self.require(key, right);
        }
        let text = self.text(key, right)?;
        if text.value.is_empty() {
            self.wrong(text.line, key, &format!("is empty; write {right}"));
            return None;
        }
        Some(text)
    }

    /// A list of texts, each with its line.
    pub fn texts(&self, key: &'static str, right: &str) -> Option<Vec<At<&'d str>>> {
        let found = self.find(key)?;
        let DeValue::Array(items) = found.get_ref() else {
            self.mistyped(key, found, right);
            return None;
        };
        let texts = items.iter().filter_map(|item| match item.get_ref() {
            DeValue::String(text) => Some(At { value: text.as_ref(), line: self.line_of(item) }),
            _ => {
                self.mistyped(key, item, right);
                None
            }
        });
        Some(texts.collect())
    }

    /// A text or a list of texts.
    pub fn text_or_texts(&self, key: &'static str, right: &str) -> Option<Vec<At<&'d str>>> {
        match self.entries?.get(key).map(Spanned::get_ref) {
            Some(DeValue::Array(_)) => self.texts(key, right),
            _ => self.text(key, right).map(|text| vec![text]),
        }
    }

    /// A whole number within a range; `unit` is what it counts, for the message.
    pub fn number<T>(&self, key: &'static str, range: RangeInclusive<T>, unit: &str) -> Option<T>
    where
        T: TryFrom<i64> + PartialOrd + std::fmt::Display,
    {
        let found = self.find(key)?;
        let right = format!("a number of {unit} from {} to {}", range.start(), range.end());
        let DeValue::Integer(integer) = found.get_ref() else {
            self.mistyped(key, found, &right);
            return None;
        };
        let number = whole(integer).filter(|n| range.contains(n));
        if number.is_none() {
            let text = format!("{integer} is out of range; write {right}");
            self.wrong(self.line_of(found), key, &text);
        }
        number
    }

    /// Whether the key stands there, whatever its value.
    pub fn has(&self, key: &str) -> bool {
        self.entries.is_some_and(|entries| entries.contains_key(key))
    }

    /// A table of whole numbers under names of the writer's own, in order of the names.
    pub fn numbers<T>(
        &self,
        key: &'static str,
        range: RangeInclusive<T>,
        unit: &str,
    ) -> Vec<(At<&'d str>, T)>
    where
        T: TryFrom<i64> + PartialOrd + std::fmt::Display,
    {
        let Some(found) = self.find(key) else { return Vec::new() };
        let right = format!("a number of {unit} from {} to {}", range.start(), range.end());
        let DeValue::Table(rows) = found.get_ref() else {
            self.mistyped(key, found, "a table of numbers such as { name = 1 }");
            return Vec::new();
        };
        let mut numbers = Vec::new();
        for (name, value) in rows {
            let DeValue::Integer(integer) = value.get_ref() else {
                self.mistyped(key, value, &right);
                continue;
            };
            let number = whole(integer).filter(|number| range.contains(number));
            match number {
                Some(number) => {
                    let line = self.reader.lines.of(name.span().start);
                    numbers.push((At { value: name.get_ref().as_ref(), line }, number));
                }
                None => {
                    let text = format!("{integer} is out of range; write {right}");
                    self.wrong(self.line_of(value), key, &text);
                }
            }
        }
        numbers
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &'static str) -> Option<bool> {
        let found = self.find(key)?;
        let DeValue::Boolean(flag) = found.get_ref() else {
            self.mistyped(key, found, "true or false");
            return None;
        };
        Some(*flag)
    }

    /// A `[section]`; empty where it is absent.
    pub fn section(&self, key: &'static str) -> Table<'d> {
        let title = format!("[{key}]");
        let absent = |line| Table {
            reader: self.reader,
            title: title.clone(),
            line,
            entries: None,
            known: RefCell::default(),
        };
        let Some(found) = self.find(key) else { return absent(self.line) };
        let line = self.line_of(found);
        let DeValue::Table(entries) = found.get_ref() else {
            let text = format!("{key} must be a section: write [{key}] and its keys below");
            self.reader.problem(line, text);
            return absent(line);
        };
        Table::new(self.reader, title, line, entries)
    }

    /// All `[[key]]` tables, in order. `title` is what messages call them.
    pub fn tables(&self, key: &'static str, title: &str) -> Vec<Table<'d>> {
        let Some(found) = self.find(key) else { return Vec::new() };
        let DeValue::Array(items) = found.get_ref() else {
            let text = format!("{title} is a list: write {title} with two pairs of brackets");
            self.reader.problem(self.line_of(found), text);
            return Vec::new();
        };
        let tables = items.iter().filter_map(|item| match item.get_ref() {
            DeValue::Table(entries) => {
                Some(Table::new(self.reader, title.into(), self.line_of(item), entries))
            }
            _ => {
                self.mistyped(key, item, "a table");
                None
            }
        });
        tables.collect()
    }

    /// Reports the keys that nobody asked for. Call it last.
    pub fn finish(self) {
        let known = self.known.into_inner();
        let Some(entries) = self.entries else { return };
        for key in entries.keys() {
            let name = key.get_ref().as_ref();
            if known.contains(&name) {
                continue;
            }
            let right = match nearest(name, known.iter().copied()) {
                Some(meant) => format!("did you mean {meant}?"),
                None => format!("known here: {}", known.join(", ")),
            };
            let line = self.reader.lines.of(key.span().start);
            self.reader.problem(line, format!("{}: unknown key {name}; {right}", self.title));
        }
    }
}
