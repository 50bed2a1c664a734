//! Parameters of a query or a body, read in every spelling and form that the document shows.
//!
//! Names are compared without case and underscores, so that `AppId` and `app_id`, `agent_Id` and `AgentId` are one. Numbers
//! may be texts and texts numbers; a list may be a single value.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::envelope::{Fault, Refusal};

/// Parameters by their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(BTreeMap<String, Value>);

/// One spelling for all that mean the same.
fn plain(name: &str) -> String {
    name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

impl Fields {
    /// The parameters of an address; of several with one name the first counts.
    pub(super) fn of_query(pairs: Vec<(String, String)>) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in pairs {
            fields.entry(plain(&name)).or_insert(Value::String(value));
        }
        Self(fields)
    }

    /// The members of an object.
    pub(super) fn of_object(object: Map<String, Value>) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in object {
            fields.entry(plain(&name)).or_insert(value);
        }
        Self(fields)
    }

    /// These, and where something is missing, those.
    pub(super) fn over(mut self, below: &Self) -> Self {
        for (name, value) in &below.0 {
            self.0.entry(name.clone()).or_insert_with(|| value.clone());
        }
        self
    }

    /// A value that is there and not null.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(&plain(name)).filter(|value| !value.is_null())
    }

    /// Whether one of these is given.
    pub(super) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.value(name).is_some())
    }

    /// A text; a number is its digits.
    ///
    /// # Errors
    /// It is neither, or longer than any that is sensible.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Refusal> {
        self.value(name).map(|value| text(name, value)).transpose()
    }

    /// A text that is not empty; an empty one is none.
    ///
    /// # Errors
    /// As of a text.
    pub(super) fn given(&self, name: &str) -> Result<Option<String>, Refusal> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    /// A text of at most so many bytes; it may be empty.
    ///
    /// # Errors
    /// As of a text, or it is longer.
    pub(super) fn short(&self, name: &str, most: usize) -> Result<Option<String>, Refusal> {
        match self.text(name)? {
            Some(text) if text.len() > most => {
                Err(Refusal::params(format!("{name}: at most {most} bytes")))
            }
            text => Ok(text),
        }
    }

    /// A text that is not empty.
    ///
    /// # Errors
    /// It is missing, empty, or no text.
    pub(super) fn wanted(&self, name: &str) -> Result<String, Refusal> {
        self.given(name)?.ok_or_else(|| missing(name))
    }

    /// True or false, also as a text or 0 and 1.
    ///
    /// # Errors
    /// Something else.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let read = match value {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) => match number.as_u64() {
                Some(0) => Some(false),
                Some(1) => Some(true),
                _ => None,
            },
            Value::String(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "1" => Some(true),
                "false" | "0" | "" => Some(false),
                _ => None,
            },
            _ => None,
        };
        read.map(Some).ok_or_else(|| Refusal::params(format!("{name}: write true or false")))
    }

    /// A whole number from 0, also as a text.
    ///
    /// # Errors
    /// Something else, or more than `most`.
    pub(super) fn number(&self, name: &str, most: u64) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let read = match value {
            // Some clients write whole numbers as 20.0.
            Value::Number(number) => number.as_u64().or_else(|| {
                let real = number.as_f64().filter(|real| real.fract() == 0.0 && *real >= 0.0)?;
                format!("{real:.0}").parse().ok()
            }),
            Value::String(text) if text.is_empty() => return Ok(None),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let fits = read.filter(|number| *number <= most);
        fits.map(Some).ok_or_else(|| Refusal::params(format!("{name}: write 0 to {most}")))
    }

    /// A list of texts, or a single one.
    ///
    /// # Errors
    /// Something else.
    pub(super) fn list(&self, name: &str) -> Result<Option<Vec<String>>, Refusal> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Array(items)) => {
                items.iter().map(|item| text(name, item)).collect::<Result<_, _>>().map(Some)
            }
            Some(single) => Ok(Some(vec![text(name, single)?])),
        }
    }

    /// A list of texts that is there and not empty.
    ///
    /// # Errors
    /// Missing, empty, or something else.
    pub(super) fn wanted_list(&self, name: &str) -> Result<Vec<String>, Refusal> {
        self.list(name)?.filter(|list| !list.is_empty()).ok_or_else(|| missing(name))
    }

    /// A list of objects, or a single one.
    ///
    /// # Errors
    /// Something else.
    pub(super) fn objects(&self, name: &str) -> Result<Option<Vec<Self>>, Refusal> {
        let wrong = || Refusal::params(format!("{name}: write a list of objects"));
        let object = |value: &Value| {
            value.as_object().map(|object| Self::of_object(object.clone())).ok_or_else(wrong)
        };
        match self.value(name) {
            None => Ok(None),
            Some(Value::Array(items)) => {
                items.iter().map(object).collect::<Result<_, _>>().map(Some)
            }
            Some(single) => Ok(Some(vec![object(single)?])),
        }
    }

    /// A list of objects that is there.
    ///
    /// # Errors
    /// Missing, or something else.
    pub(super) fn wanted_objects(&self, name: &str) -> Result<Vec<Self>, Refusal> {
        self.objects(name)?.ok_or_else(|| missing(name))
    }

    /// A moment in milliseconds since the Unix epoch; smaller numbers are seconds.
    ///
    /// # Errors
    /// No number.
    pub(super) fn moment(&self, name: &str) -> Result<Option<u64>, Refusal> {
        Ok(self.number(name, u64::MAX / 2_000)?.map(milliseconds))
    }
}

/// The document says milliseconds, its examples have seconds. Seconds reach a hundred thousand million in the year 5138.
pub(super) fn milliseconds(number: u64) -> u64 {
    if number < 100_000_000_000 { number * 1_000 } else { number }
}

/// A parameter without which nothing is done.
pub(super) fn missing(name: &str) -> Refusal {
    Refusal::new(Fault::Blank, format!("{name} is missing"))
}

fn text(name: &str, value: &Value) -> Result<String, Refusal> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => return Err(Refusal::params(format!("{name}: write a text"))),
    };
    if text.len() > 4_096 || text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(Refusal::params(format!("{name}: at most 4096 bytes, no control characters")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        Fields::of_object(value.as_object().unwrap().clone())
    }

    #[test]
    fn names_and_forms_of_the_document_mean_the_same() {
        let read =
            fields(json!({"agent_Id": 10032, "Enable": "true", "Queues": "9008", "Count": "20",
            "StartTime": 1_566_316_800, "EndTime": "1566489599000", "Empty": null}));
        assert_eq!(read.wanted("AgentId").unwrap(), "10032");
        assert_eq!(read.flag("enable").unwrap(), Some(true));
        assert_eq!(read.list("queues").unwrap().unwrap(), ["9008"]);
        assert_eq!(read.number("count", 100).unwrap(), Some(20));
        assert_eq!(read.moment("start_time").unwrap(), Some(1_566_316_800_000));
        assert_eq!(read.moment("EndTime").unwrap(), Some(1_566_489_599_000));
        assert_eq!(read.text("Empty").unwrap(), None);
    }

    #[test]
    fn wrong_types_are_refused_and_never_taken_for_nothing() {
        let read = fields(json!({"a": {}, "b": [[]], "c": -1, "d": 1.5, "e": "x", "f": [1]}));
        assert!(read.text("a").is_err() && read.list("b").is_err() && read.objects("f").is_err());
        assert!(read.number("c", 9).is_err() && read.number("d", 9).is_err());
        assert!(read.flag("e").is_err() && read.number("e", 9).is_err());
        assert_eq!(read.wanted("g").unwrap_err().fault(), Fault::Blank);
    }
}
