//! The words of robots: programs elsewhere that talk in the calls of dial tasks.

use std::collections::BTreeMap;

use media::order::MixId;
use serde::{Deserialize, Serialize};

use super::dial::DialNumber;
use super::{CallId, Secret, TenantId, WorkerId};

/// Variables that a robot may note for one call, and bytes of a name or a value.
pub const MAX_VARS: usize = 32;
/// Bytes of a variable's name, and of its value.
pub const MAX_VAR: usize = 256;

/// What is ordered from the connection to a robot. It is named by the mix whose line it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RobotOrder {
    /// Connect. [`RobotWord::Opened`] or [`RobotWord::Lost`] follows.
    Open(Box<RobotCall>),
    /// The callee pressed a key.
    Key {
        /// Whose robot.
        line: MixId,
        /// `0-9`, `*`, `#`, `A-D`.
        key: char,
    },
    /// What the robot asked for is not done.
    Refused {
        /// Whose robot.
        line: MixId,
        /// Why, and what would be right.
        why: String,
    },
    /// The robot's part in the call is over: tell it why, then end the connection. Nothing follows.
    Close {
        /// Whose robot.
        line: MixId,
        /// Why.
        end: RobotEnd,
    },
}

/// Why a robot's part in a call is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RobotEnd {
    /// The call is over.
    Ended,
    /// The callee was given to somebody else.
    Transferred,
}

/// All that a connection to a robot begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RobotCall {
    /// The mix whose line the robot has, on this worker.
    pub line: MixId,
    /// Where the mix will be.
    pub worker: WorkerId,
    /// A `ws://` or `wss://` address.
    pub url: String,
    /// What the robot knows us by; empty: nothing.
    pub token: Secret,
    /// Whose.
    pub tenant: TenantId,
    /// The call.
    pub call: CallId,
    /// The dial task's id.
    pub task: String,
    /// Who was called.
    pub number: DialNumber,
    /// As which number.
    pub caller_number: String,
}

/// What a robot wants, or what becomes of the connection to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RobotWord {
    /// It is there.
    Opened,
    /// It ends the call.
    HangUp,
    /// It gives the callee to somebody else: a number or a destination.
    Transfer(String),
    /// It notes something about the call.
    Vars(BTreeMap<String, String>),
    /// It could not be reached, or the connection is over. Last word.
    Lost,
}
