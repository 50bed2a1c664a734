//! Ring groups.

use serde::{Deserialize, Serialize};

use super::config::Destination;
use super::{ExtensionKey, GroupKey};

/// Members of one group.
pub const MAX_MEMBERS: usize = 50;

/// In which order members ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupStrategy {
    /// All at once.
    #[default]
    Parallel,
    /// One after the other.
    Sequential,
    /// Each after its delay, and on until the end.
    Delayed,
}

/// Where a member is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberPlace {
    /// A phone of the tenant.
    Extension(ExtensionKey),
    /// A number outside.
    Outside(String),
}

/// A member of a ring group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMember {
    /// Where.
    pub place: MemberPlace,
    /// Seconds after the first, where members are delayed.
    pub delay_secs: u16,
}

/// `[[group]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// `group:NAME`.
    pub key: GroupKey,
    /// What is dialled for it.
    pub number: String,
    /// Who rings.
    pub members: Vec<GroupMember>,
    /// In which order.
    pub strategy: GroupStrategy,
    /// How long a member rings, in seconds; the last one of a delayed group.
    pub ring_secs: u16,
    /// How long all of it lasts at most, in seconds.
    pub timeout_secs: Option<u16>,
    /// Where callers go whom nobody takes.
    pub overflow: Option<Destination>,
    /// Members who talk are not rung.
    pub skip_busy: bool,
    /// Members' forwards of all calls are followed; otherwise a member who forwards all calls is not rung.
    pub follow_forwards: bool,
    /// Put before the caller's name.
    pub prefix: String,
    /// Classes of routes that lead to members outside.
    pub classes: Vec<String>,
    /// The key that members outside must press.
    pub confirm: Option<char>,
}

impl Group {
    /// A group without members and with usual times.
    pub fn named(key: GroupKey, number: &str) -> Self {
        Self {
            key,
            number: number.to_owned(),
            members: Vec::new(),
            strategy: GroupStrategy::default(),
            ring_secs: 20,
            timeout_secs: None,
            overflow: None,
            skip_busy: false,
            follow_forwards: false,
            prefix: String::new(),
            classes: Vec::new(),
            confirm: None,
        }
    }
}
