//! What is said over a robot's WebSocket beside the audio: JSON texts, one each.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use strowger_core::vocab::robot::{RobotCall, RobotEnd};

/// Bytes of a text of the robot's.
pub const LONGEST: usize = 16 * 1024;
/// Bytes of what it names.
const NAME: usize = 256;

/// What the robot is told.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Told<'a> {
    /// First of all: which call it is.
    Start {
        call: String,
        tenant: &'a str,
        task: &'a str,
        /// The number's name within the task.
        id: &'a str,
        number: &'a str,
        caller_number: &'a str,
        token: &'a str,
        audio: Audio,
    },
    /// The callee pressed a key.
    Dtmf { digit: char },
    /// What it asked for is not done.
    Error { message: &'a str },
    /// Last of all.
    Hangup { reason: RobotEnd },
}

/// The form of the audio, the same both ways.
#[derive(Debug, Serialize)]
pub struct Audio {
    encoding: &'static str,
    rate: u32,
    channels: u8,
    frame_ms: u8,
}

impl<'a> Told<'a> {
    /// The first word.
    pub fn start(call: &'a RobotCall) -> Self {
        let rate = ::media::order::LINE_RATE;
        Self::Start {
            call: call.call.to_string(),
            tenant: &call.tenant,
            task: &call.task,
            id: &call.number.id,
            number: &call.number.number,
            caller_number: &call.caller_number,
            token: call.token.expose(),
            audio: Audio { encoding: "pcm_s16le", rate, channels: 1, frame_ms: 20 },
        }
    }

    /// As it is sent.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What a robot says.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Raw {
    Hangup,
    Clear,
    Transfer { to: String },
    Vars { vars: BTreeMap<String, Value> },
}

/// What a robot wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Said {
    /// The end of the call.
    HangUp,
    /// That nothing more is heard of what it has said so far.
    Clear,
    /// The callee to go there.
    Transfer(String),
    /// These to be noted.
    Vars(BTreeMap<String, String>),
}

/// Reads a text of the robot's.
///
/// # Errors
/// What would be right.
pub fn read(text: &str) -> Result<Said, String> {
    const RIGHT: &str = r#"write {"type": "hangup"}, {"type": "clear"}, {"type": "transfer", "to": "..."} or {"type": "vars", "vars": {...}}"#;
    if text.len() > LONGEST {
        return Err(format!("a text has at most {LONGEST} bytes"));
    }
    let raw = serde_json::from_str(text).map_err(|error| format!("{error}; {RIGHT}"))?;
    Ok(match raw {
        Raw::Hangup => Said::HangUp,
        Raw::Clear => Said::Clear,
        Raw::Transfer { to } if to.len() > NAME => {
            return Err(format!("transfer: a destination has at most {NAME} bytes"));
        }
        Raw::Transfer { to } => Said::Transfer(to),
        Raw::Vars { vars } => {
            let text = |value| match value {
                Value::String(text) => text,
                other => other.to_string(),
            };
            Said::Vars(vars.into_iter().map(|(name, value)| (name, text(value))).collect())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_robot_says_is_read_and_the_rest_is_answered_with_what_would_be_right() {
        assert_eq!(read(r#"{"type": "hangup"}"#), Ok(Said::HangUp));
        assert_eq!(read(r#"{"type": "clear"}"#), Ok(Said::Clear));
        let to = read(r#"{"type": "transfer", "to": "queue:9001"}"#);
        assert_eq!(to, Ok(Said::Transfer("queue:9001".into())));
        let vars = read(r#"{"type": "vars", "vars": {"intent": "yes", "score": 7}}"#);
        let noted = [("intent", "yes"), ("score", "7")];
        let noted = noted.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(vars, Ok(Said::Vars(noted.into())));
        let long = format!(r#"{{"type": "transfer", "to": "{}"}}"#, "1".repeat(NAME + 1));
        for wrong in ["", "hangup", "{}", r#"{"type": "sing"}"#, r#"{"type": "transfer"}"#, &long] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert!(read(&" ".repeat(LONGEST + 1)).unwrap_err().contains("16384"));
    }

    #[test]
    fn what_a_robot_is_told_is_as_documented() {
        let key = Told::Dtmf { digit: '#' }.text();
        assert_eq!(key, r##"{"type":"dtmf","digit":"#"}"##);
        let end = Told::Hangup { reason: RobotEnd::Transferred }.text();
        assert_eq!(end, r#"{"type":"hangup","reason":"transferred"}"#);
    }
}
