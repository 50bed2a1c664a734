//! Supervision of live calls: what is ordered, what is shown, who may.

use serde::{Deserialize, Serialize};

use super::CallId;
use super::record::Party;

/// How a supervisor takes part in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Hears both parties and is heard by nobody.
    Monitor,
    /// Hears both parties and is heard by the agent only.
    Whisper,
    /// Hears and is heard by both.
    Barge,
}

impl Mode {
    /// As it is written in orders, events and names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Monitor => "monitor",
            Self::Whisper => "whisper",
            Self::Barge => "barge",
        }
    }
}

/// Who supervises a call of its tenant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Supervisor {
    /// Whoever has this extension, at its phones.
    Extension(String),
    /// Whoever answers at this number outside.
    Number(String),
}

impl Supervisor {
    /// The number, inside or outside.
    pub fn number(&self) -> &str {
        match self {
            Self::Extension(number) | Self::Number(number) => number,
        }
    }
}

/// Whose calls an extension may supervise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Supervised {
    /// `*`: all of its tenant.
    Everybody,
    /// A name: of extensions that have it among their pickup groups.
    Group(String),
    /// `queue:NUMBER`: calls that came through this queue.
    Queue(String),
}

impl Supervised {
    /// Reads `*`, `queue:NUMBER` or the name of a group.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Everybody);
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        match text.strip_prefix("queue:") {
            Some(number) => {
                let digits = number.bytes().all(|byte| byte.is_ascii_digit());
                let sound = digits && (1..=32).contains(&number.len());
                sound.then(|| Self::Queue(number.to_owned()))
            }
            None => {
                let sound = (1..=64).contains(&text.len()) && text.chars().all(plain);
                sound.then(|| Self::Group(text.to_owned()))
            }
        }
    }
}

impl std::fmt::Display for Supervised {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Everybody => f.write_str("*"),
            Self::Group(name) => f.write_str(name),
            Self::Queue(number) => write!(f, "queue:{number}"),
        }
    }
}

/// What is ordered about the supervision of one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SuperviseOrder {
    /// Rings the supervisor's phone and takes it into the call.
    Join {
        /// The supervisor.
        who: Supervisor,
        /// How it begins.
        mode: Mode,
        /// The extension that a whisper is for, one of the two parties; `None` is the callee where it is an extension,
        /// else the caller.
        agent: Option<String>,
    },
    /// Changes how a supervisor takes part.
    Change {
        /// Which supervisor; `None` where there is only one.
        who: Option<Supervisor>,
        /// From now on.
        mode: Mode,
    },
    /// A supervisor leaves; the call goes on.
    Leave {
        /// Which supervisor; `None` where there is only one.
        who: Option<Supervisor>,
    },
    /// A supervisor takes the agent's place; the agent's leg ends.
    TakeOver {
        /// Which supervisor; `None` where there is only one.
        who: Option<Supervisor>,
    },
    /// The agent's leg, or the whole call, is ended.
    Release(Released),
}

/// What a forced release ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Released {
    /// The agent's leg: a caller of a queue goes on as if the agent had hung up.
    Agent,
    /// Both parties.
    Call,
}

/// What happened to a supervisor's part in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SupervisionChange {
    /// It hears the call from now on.
    Started,
    /// It has another mode.
    Changed,
    /// It takes no part any more.
    Ended,
}

/// A supervisor in a call, as shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SupervisorView {
    /// The supervisor's own call.
    pub call: CallId,
    /// Who it is.
    pub who: Supervisor,
    /// How it takes part.
    pub mode: Mode,
    /// Whom a whisper is for.
    pub agent: Party,
    /// Takes part; before that its phone rings.
    pub joined: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_one_supervises_is_read() {
        assert_eq!(Supervised::parse("*"), Some(Supervised::Everybody));
        assert_eq!(Supervised::parse("sales"), Some(Supervised::Group("sales".into())));
        assert_eq!(Supervised::parse("queue:9001"), Some(Supervised::Queue("9001".into())));
        for wrong in ["", "queue:", "queue:x", "a b", "**"] {
            assert_eq!(Supervised::parse(wrong), None, "{wrong:?}");
        }
    }
}
