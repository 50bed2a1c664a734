//! Where a dialled number leads, as routing tells the call engine.

use serde::{Deserialize, Serialize};

use super::acd::QueueKey;
use super::settings::ForwardWhen;
use super::supervise::Mode;
use super::{
    CallId, ConferenceKey, ExtensionKey, GroupKey, MailboxKey, MenuKey, PageKey, TenantId, TrunkKey,
};

/// What a dialled number means for one caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// In whose dial plan.
    pub tenant: TenantId,
    /// The number as it was understood, feature prefixes taken off.
    pub dialled: String,
    /// Where to try, first to last.
    pub hops: Vec<Hop>,
    /// The caller's number is not shown.
    pub hide_number: bool,
    /// An emergency number: passes every limit.
    pub emergency: bool,
}

/// One place to try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hop {
    /// All contacts of an extension.
    Extension(ExtensionKey),
    /// A carrier.
    Trunk {
        /// Which.
        trunk: TrunkKey,
        /// The number to send there.
        number: String,
    },
    /// The echo test.
    Echo,
    /// A prompt, played once.
    Sound(String),
    /// A queue.
    Queue(QueueKey),
    /// A menu.
    Menu(MenuKey),
    /// A ring group.
    Group(GroupKey),
    /// Leaves a message in a mailbox.
    Voicemail(MailboxKey),
    /// Listens to the caller's own mailbox.
    OwnVoicemail,
    /// An agent logs in or out from this phone.
    AgentLogin,
    /// A conference.
    Conference(ConferenceKey),
    /// Speaks to several phones, which answer by themselves.
    Page(PageKey),
    /// What a feature code asks for.
    Feature(Feature),
}

/// What a feature code asks for, with the number that was dialled after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Feature {
    /// Answers the call that has rung longest in the caller's pickup groups.
    PickUpGroup,
    /// Answers the call that rings at this number, an extension's or a queue's.
    PickUpAt(String),
    /// Answers this call, which rings (RFC 3891: Replaces that names an early dialog).
    PickUpCall(CallId),
    /// The own phones ring no longer, or again.
    DoNotDisturb(bool),
    /// Sets a forward of the own extension.
    Forward {
        /// Which.
        when: ForwardWhen,
        /// As dialled behind the code: where to, and after `*` how long it rings before.
        to: String,
    },
    /// Takes a forward of the own extension back.
    ForwardOff(ForwardWhen),
    /// Takes the place of the party at this side of a conversation (RFC 3891).
    Replace(CallId, u8),
    /// Calls a phone that answers by itself.
    Intercom(ExtensionKey),
    /// Takes part in the call of this extension as a supervisor.
    Supervise(Mode, ExtensionKey),
    /// Parks the caller.
    Park,
    /// Takes who is parked at this number.
    Retrieve(u32),
}

/// How a caller is shown to the called side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The From header's name-addr, without tag.
    pub from: String,
    /// P-Asserted-Identity (RFC 3325), towards those who are trusted with it.
    pub asserted: Option<String>,
    /// Privacy (RFC 3323), e.g. `id`.
    pub privacy: Option<String>,
}
