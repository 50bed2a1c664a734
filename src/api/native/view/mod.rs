//! How calls, records, phones and events look from outside.

mod event;
mod phone;
mod record;

pub(super) use event::EventView;
pub(super) use phone::{RegistrationItem, TrunkItem};
pub(super) use record::{CallItem, PartyItem, RecordItem, RecordingItem};
