//! How calls, records, phones and events look from outside.

mod agent;
mod dial;
mod event;
mod explain;
mod extension;
mod figures;
mod outside;
mod phone;
mod queue;
mod record;

pub(super) use agent::{AgentItem, AgentSettings, IntentItem, TierItem};
pub(super) use dial::{DialNumberItem, DialTaskItem};
pub(super) use event::EventView;
pub(super) use explain::ExplanationItem;
pub(super) use extension::{ExtensionBody, ExtensionItem};
pub(super) use figures::{AgentSums, Columns, IntervalItem, QueueSums, Spans, csv};
pub(super) use outside::{NumberBody, NumberItem, RouteBody, RouteItem, TrunkBody, TrunkItem};
pub(super) use phone::RegistrationItem;
pub(super) use queue::{MemberItem, QueueItem, QueueSettings};
pub(super) use record::{CallItem, PartyItem, RecordItem, RecordingItem, part_of};
