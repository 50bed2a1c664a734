//! The form of a transcript.

use super::Variables;

/// One file.
#[derive(Debug, Clone)]
pub struct Transcript {
    pub operation: String,
    pub section: String,
    /// The scene.
    pub needs: String,
    pub phones: Option<Phones>,
    pub steps: Vec<Step>,
}

/// Tests that make the calls with real phones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phones {
    pub file: String,
    pub tests: Vec<String>,
}

impl Phones {
    /// `FILE TEST`, and further tests of the file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace().map(str::to_owned);
        let (file, tests) = (words.next().unwrap_or_default(), words.collect::<Vec<_>>());
        if tests.is_empty() {
            return Err(format!("phones: a file and tests in it, not {text:?}"));
        }
        Ok(Self { file, tests })
    }
}

/// What happens next.
#[derive(Debug, Clone)]
pub enum Step {
    /// An action of the scene.
    Act(String),
    Exchange(Exchange),
}

/// A request and its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Where it begins in the file, from 1.
    pub line: usize,
    pub request: Request,
    pub answer: Expected,
}

/// What is sent; `{name}` in it is a variable.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// What is expected; `<kind>` in it is a shape.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Transcript {
    /// Reads a file.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut head = Variables::new();
        let mut steps = Vec::new();
        let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line)).peekable();
        while let Some((at, line)) = lines.next() {
            if let Some(words) = line.strip_prefix('#') {
                let (key, value) =
                    words.split_once(':').ok_or(format!("line {at}: # key: value"))?;
                let double = head.insert(key.trim().to_owned(), value.trim().to_owned());
                if double.is_some() {
                    return Err(format!("line {at}: {key} stands twice"));
                }
            } else if let Some(name) = line.strip_prefix("! ") {
                steps.push(Step::Act(name.trim().to_owned()));
            } else if line.starts_with('>') {
                let mut sent = vec![unmarked(line)];
                while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with('>')) {
                    sent.push(unmarked(line));
                }
                let mut got = Vec::new();
                while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with('<')) {
                    got.push(unmarked(line));
                }
                let wrong = |why: String| format!("line {at}: {why}");
                let (request, answer) =
                    (request(&sent).map_err(wrong)?, expected(&got).map_err(wrong)?);
                steps.push(Step::Exchange(Exchange { line: at, request, answer }));
            } else if !line.trim().is_empty() {
                return Err(format!("line {at}: begins with none of # > < !"));
            }
        }
        let mut take = |key: &str| head.remove(key);
        let missing = |key: &str| format!("the head lacks `# {key}:`");
        let phones = take("phones").map(|text| Phones::parse(&text));
        let read = Self {
            operation: take("operation").ok_or_else(|| missing("operation"))?,
            section: take("section").ok_or_else(|| missing("section"))?,
            needs: take("needs").unwrap_or_else(|| "nothing".into()),
            phones: phones.transpose()?,
            steps,
        };
        match head.keys().next() {
            Some(key) => Err(format!("the head has an unknown key {key}")),
            None if read.steps.is_empty() => Err("nothing is sent".into()),
            None => Ok(read),
        }
    }
}

fn unmarked(line: &str) -> &str {
    let rest = &line[1..];
    rest.strip_prefix(' ').unwrap_or(rest)
}

/// A head, then after an empty line the body.
fn parts<'a>(lines: &[&'a str]) -> (Vec<&'a str>, String) {
    let end = lines.iter().position(|line| line.is_empty()).unwrap_or(lines.len());
    let body = lines.get(end + 1..).unwrap_or(&[]).join("\n");
    (lines[..end].to_vec(), body)
}

fn headers(lines: &[&str]) -> Result<Vec<(String, String)>, String> {
    let header = |line: &&str| {
        let (name, value) = line.split_once(':').ok_or(format!("no header: {line}"))?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    lines.iter().map(header).collect()
}

fn request(lines: &[&str]) -> Result<Request, String> {
    let (head, body) = parts(lines);
    let first = head.first().ok_or("an empty request")?;
    let (method, path) = first.split_once(' ').ok_or("a request begins with METHOD PATH")?;
    Ok(Request { method: method.into(), path: path.into(), headers: headers(&head[1..])?, body })
}

fn expected(lines: &[&str]) -> Result<Expected, String> {
    let (head, body) = parts(lines);
    let status = head.first().and_then(|word| word.trim().parse().ok());
    let status = status.ok_or("an answer begins with its status")?;
    Ok(Expected { status, headers: headers(&head[1..])?, body })
}

impl Request {
    /// With variables in their places.
    pub fn filled(&self, variables: &Variables) -> Result<Self, String> {
        let headers = self.headers.iter();
        Ok(Self {
            method: self.method.clone(),
            path: filled(&self.path, variables)?,
            headers: headers
                .map(|(name, value)| Ok((name.clone(), filled(value, variables)?)))
                .collect::<Result<_, String>>()?,
            body: filled(&self.body, variables)?,
        })
    }
}

/// `{name}` is a variable where it is a name and nothing else; other braces stand for themselves.
pub fn filled(text: &str, variables: &Variables) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let name = rest[1..].split('}').next().unwrap_or("");
        let named = !name.is_empty()
            && rest.len() > name.len() + 1
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if named {
            out.push_str(variables.get(name).ok_or(format!("no variable {name}"))?);
            rest = &rest[name.len() + 2..];
        } else {
            out.push('{');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    Ok(out)
}
