//! Entity tags, and the conditions that name them (RFC 9110 sections 8.8.3, 13.1.1 and 13.1.2).
//!
//! A definition is often shown together with what happens to it: a queue with its callers. Its tag has two parts then, one
//! of the definition and one of the rest, with a dot between. A reader's copy is good as long as both are the same; a writer
//! is only in the way of other writers, not of callers, so that a condition of a write compares the first part.

use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::problem::Problem;

/// The tag of a representation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    definition: String,
    live: Option<String>,
}

impl Tag {
    /// The tag of a JSON object whose members `live` are no part of the definition; `count` differs between definitions
    /// that look alike. `None` where it is no object.
    pub(super) fn of(json: &[u8], live: &[&str], count: (u64, u64)) -> Option<Self> {
        let mut members: Map<String, Value> = serde_json::from_slice(json).ok()?;
        let rest: Vec<Option<Value>> = live.iter().map(|name| members.remove(*name)).collect();
        let rest = (!live.is_empty()).then(|| serde_json::to_vec(&rest)).transpose().ok()?;
        let definition = serde_json::to_vec(&(members, count)).ok()?;
        let live = rest.map(|bytes| digest(&bytes, 8));
        Some(Self { definition: digest(&definition, 16), live })
    }

    fn opaque(&self) -> String {
        match &self.live {
            Some(live) => format!("{}.{live}", self.definition),
            None => self.definition.clone(),
        }
    }
}

impl std::fmt::Display for Tag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.opaque())
    }
}

fn digest(bytes: &[u8], length: usize) -> String {
    Sha256::digest(bytes).iter().take(length).map(|byte| format!("{byte:02x}")).collect()
}

/// What a request asks about the present state.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    matches: Option<Named>,
    none_matches: Option<Named>,
}

/// What a condition names.
#[derive(Debug, PartialEq, Eq)]
enum Named {
    /// `*`: whatever there is.
    Any,
    /// One of these; whether a tag is a weak one.
    Tags(Vec<(bool, String)>),
}

/// Which part of a tag counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// All of it.
    Reading,
    /// That of the definition.
    Writing,
}

impl Conditions {
    /// The conditions of a request.
    ///
    /// # Errors
    /// 400: one of them is neither `*` nor a list of tags.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self {
            matches: named(headers, &IF_MATCH)?,
            none_matches: named(headers, &IF_NONE_MATCH)?,
        })
    }

    /// Nothing is asked.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// There must be something already.
    pub(super) fn wants_some(&self) -> bool {
        self.matches.is_some()
    }

    /// Whether `If-Match` holds; it does where there is none.
    pub(super) fn matched(&self, present: &Tag, purpose: For) -> bool {
        // Strong comparison: a weak tag is the same as none (section 8.8.3.2).
        let same = |(weak, text): &(bool, String)| !weak && same(text, present, purpose);
        match &self.matches {
            None | Some(Named::Any) => true,
            Some(Named::Tags(tags)) => tags.iter().any(same),
        }
    }

    /// Whether `If-None-Match` names what there is.
    pub(super) fn excluded(&self, present: &Tag, purpose: For) -> bool {
        match &self.none_matches {
            None => false,
            Some(Named::Any) => true,
            Some(Named::Tags(tags)) => tags.iter().any(|(_, text)| same(text, present, purpose)),
        }
    }
}

fn same(text: &str, present: &Tag, purpose: For) -> bool {
    match purpose {
        For::Reading => text == present.opaque(),
        For::Writing => text.split_once('.').map_or(text, |(first, _)| first) == present.definition,
    }
}

fn named(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Named>, Problem> {
    let mut tags = Vec::new();
    let mut any = false;
    let mut lines = headers.get_all(name).iter().peekable();
    if lines.peek().is_none() {
        return Ok(None);
    }
    let wrong = || {
        let right = "write * or tags in quotes, as the ETag header of a GET has them";
        Problem::bad_request(format!("{name}: {right}"))
    };
    for line in lines {
        let mut rest = line.to_str().map_err(|_| wrong())?;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                break;
            }
            if let Some(behind) = rest.strip_prefix('*') {
                (any, rest) = (true, behind);
                continue;
            }
            let quoted = rest.strip_prefix("W/");
            let weak = quoted.is_some();
            let text = quoted.unwrap_or(rest).strip_prefix('"').ok_or_else(wrong)?;
            let (tag, behind) = text.split_once('"').ok_or_else(wrong)?;
            if !behind.trim_start_matches([' ', '\t']).is_empty()
                && !behind.trim_start_matches([' ', '\t']).starts_with(',')
            {
                return Err(wrong());
            }
            tags.push((weak, tag.to_owned()));
            rest = behind;
        }
    }
    match (any, tags.is_empty()) {
        (true, true) => Ok(Some(Named::Any)),
        (false, false) => Ok(Some(Named::Tags(tags))),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn conditions(name: HeaderName, lines: &[&'static str]) -> Result<Conditions, Problem> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_static(line));
        }
        Conditions::read(&headers)
    }

    fn tag() -> Tag {
        Tag { definition: "ab".into(), live: Some("1".into()) }
    }

    #[test]
    fn a_tag_changes_with_the_definition_and_its_second_part_with_the_rest() {
        let of = |json: &str, count| Tag::of(json.as_bytes(), &["now"], count).unwrap();
        let first = of(r#"{"name": "a", "now": 1}"#, (0, 0));
        assert_eq!(first, of(r#"{"name": "a", "now": 1}"#, (0, 0)));
        let later = of(r#"{"name": "a", "now": 2}"#, (0, 0));
        assert_eq!(first.definition, later.definition);
        assert_ne!(first.to_string(), later.to_string());
        assert_ne!(first.definition, of(r#"{"name": "b", "now": 1}"#, (0, 0)).definition);
        assert_ne!(first.definition, of(r#"{"name": "a", "now": 1}"#, (0, 1)).definition);
        assert_eq!(Tag::of(br#"{"name": "a"}"#, &[], (0, 0)).unwrap().live, None);
        assert_eq!(Tag::of(b"[]", &[], (0, 0)), None);
    }

    #[test]
    fn conditions_are_read_as_the_standard_writes_them() {
        for (lines, writes, reads) in [
            (&["*"][..], true, true),
            (&["\"ab.1\""], true, true),
            (&["\"ab.2\""], true, false),
            (&["\"ab\""], true, false),
            (&["\"x\" , \"ab.1\""], true, true),
            (&["\"x,y\",", "\"ab.1\""], true, true),
            (&["\"\""], false, false),
            (&["W/\"ab.1\""], false, false),
            (&["\"AB.1\""], false, false),
        ] {
            let read = conditions(IF_MATCH, lines).unwrap();
            assert!(read.wants_some() && !read.is_empty());
            assert_eq!(read.matched(&tag(), For::Writing), writes, "{lines:?}");
            assert_eq!(read.matched(&tag(), For::Reading), reads, "{lines:?}");
        }
        let weak = conditions(IF_NONE_MATCH, &["W/\"ab.1\""]).unwrap();
        assert!(weak.excluded(&tag(), For::Reading) && !weak.wants_some());
        assert!(conditions(IF_MATCH, &[]).unwrap().is_empty());
        for wrong in ["", ",", "ab", "\"ab", "*, \"ab\"", "\"a\" \"b\"", "w/\"ab\"", "'ab'"] {
            let lines = [wrong];
            let mut headers = HeaderMap::new();
            headers.insert(IF_MATCH, HeaderValue::from_str(lines[0]).unwrap());
            assert!(Conditions::read(&headers).is_err(), "{wrong:?}");
        }
    }
}
