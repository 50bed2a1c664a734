//! How calls, records, phones and events look from outside.

mod agent;
mod dial;
mod event;
mod explain;
mod extension;
mod figures;
mod phone;
mod queue;
mod record;

pub(super) use agent::{AgentItem, AgentSettings, IntentItem, TierItem};
pub(super) use dial::{DialNumberItem, DialTaskItem};
pub(super) use event::EventView;
pub(super) use explain::ExplanationItem;
pub(super) use extension::{ExtensionBody, ExtensionItem};
pub(super) use figures::{AgentSums, Columns, IntervalItem, QueueSums, Spans, csv};
pub(super) use phone::{RegistrationItem, TrunkItem};
pub(super) use queue::{MemberItem, QueueItem, QueueSettings};
pub(super) use record::{CallItem, PartyItem, RecordItem, RecordingItem, part_of};
