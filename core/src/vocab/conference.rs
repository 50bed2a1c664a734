//! Conferences: rooms, what is ordered about them, what is shown.

use serde::{Deserialize, Serialize};

use super::record::Party;
use super::{CallId, InteractionId, Secret, TenantId};

/// A room: tenant and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ConferenceKey {
    /// Whose.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
}

/// The most members that a room may be given.
pub const MOST_MEMBERS: u16 = 200;

/// `[[conference]]`, or a room made over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conference {
    /// Tenant and name.
    pub key: ConferenceKey,
    /// What is dialled for it; `None`: only destinations and orders lead there.
    pub number: Option<String>,
    /// What members must enter; `None` opens to everybody.
    pub pin: Option<Secret>,
    /// Who enters this one instead leads the room.
    pub admin_pin: Option<Secret>,
    /// Members at a time, at most [`MOST_MEMBERS`].
    pub max_members: u16,
    /// Recorded from the second member on.
    pub record: bool,
    /// What a member hears who is alone; `None` is the usual music.
    pub music: Option<String>,
    /// A tone tells of those who join and leave.
    pub announce: bool,
    /// Members begin muted, but for those who lead.
    pub start_muted: bool,
}

impl Conference {
    /// With the usual settings.
    pub fn named(key: ConferenceKey) -> Self {
        Self {
            key,
            number: None,
            pin: None,
            admin_pin: None,
            max_members: 32,
            record: false,
            music: None,
            announce: true,
            start_muted: false,
        }
    }
}

/// What is ordered about rooms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ConferenceOrder {
    /// Makes a room that lasts until it is empty.
    Create(Box<Conference>),
    /// Rings a number and takes it into the room.
    Invite {
        /// Which room.
        room: String,
        /// Whatever `rights` could dial.
        to: String,
        /// The extension under whose rights it is dialled.
        rights: String,
        /// Begins muted.
        muted: bool,
    },
    /// Takes the parties of a live call into the room.
    Move {
        /// Which room.
        room: String,
        /// The call.
        call: CallId,
        /// Who of it.
        who: Parties,
    },
    /// A party more for a call of two: both, and the new one, meet in a room of their own.
    Add {
        /// The call.
        call: CallId,
        /// Whatever `rights` could dial.
        to: String,
        /// The extension under whose rights it is dialled.
        rights: String,
    },
    /// About the room.
    Change {
        /// Which room.
        room: String,
        /// Nobody more may come in.
        locked: Option<bool>,
        /// Recorded.
        recording: Option<bool>,
        /// All members but those who lead.
        muted: Option<bool>,
    },
    /// Mutes a member, or lets it be heard again.
    Mute {
        /// Which room.
        room: String,
        /// The member's call.
        call: CallId,
        /// Not heard.
        muted: bool,
    },
    /// Puts a member out.
    Kick {
        /// Which room.
        room: String,
        /// The member's call.
        call: CallId,
    },
    /// Plays prompts to all.
    Announce {
        /// Which room.
        room: String,
        /// Names below the sounds directory.
        prompts: Vec<String>,
    },
    /// Ends the room for all.
    End {
        /// Which room.
        room: String,
    },
}

/// Who of a call of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parties {
    /// Who called; the other's call ends.
    Caller,
    /// Who was called; the other's call ends.
    Callee,
    /// Both.
    Both,
}

/// A room as shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConferenceView {
    /// Tenant and name.
    pub key: ConferenceKey,
    /// What is dialled for it.
    pub number: Option<String>,
    /// The configuration file defines it; others last until they are empty.
    pub from_file: bool,
    /// Needs a PIN.
    pub pin: bool,
    /// Members at a time.
    pub max_members: u16,
    /// What its members' calls belong to, while somebody is there.
    pub interaction: Option<InteractionId>,
    /// Nobody more may come in.
    pub locked: bool,
    /// The recording that runs, below the recordings directory.
    pub recording: Option<String>,
    /// Members, in the order in which they came.
    pub members: Vec<MemberView>,
}

/// A member of a room, as shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemberView {
    /// Its call.
    pub call: CallId,
    /// Who it is.
    pub party: Party,
    /// Leads the room.
    pub admin: bool,
    /// Not heard.
    pub muted: bool,
    /// Has put the room on hold.
    pub held: bool,
    /// Since when, milliseconds since the Unix epoch.
    pub joined_at: u64,
}

/// What happened in a room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConferenceChange {
    /// Somebody came in.
    Joined {
        /// Its call.
        call: CallId,
        /// Who it is.
        party: Party,
    },
    /// Somebody left.
    Left {
        /// Its call.
        call: CallId,
    },
    /// A member is not heard any more, or again.
    Muted {
        /// Its call.
        call: CallId,
        /// Not heard.
        muted: bool,
    },
    /// Nobody more may come in, or again somebody.
    Locked {
        /// Nobody more.
        locked: bool,
    },
    /// A recording runs.
    RecordingStarted,
    /// A recording is closed.
    RecordingEnded,
    /// Nobody is there any more.
    Ended,
}
