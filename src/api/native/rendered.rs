//! Events in JSON, made once for all who follow.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::extract::ws::Utf8Bytes;
use serde_json::Value;
use strowger_core::vocab::Event;

use super::view::EventView;
use crate::api::gateway::EventId;

/// Followers are rarely further apart than so many events.
const KEPT: usize = 64;

/// One event.
#[derive(Debug)]
pub(in crate::api) struct Rendered {
    pub(in crate::api) id: EventId,
    /// `call_started` and so on.
    pub(in crate::api) kind: String,
    /// The JSON.
    pub(in crate::api) text: Utf8Bytes,
    value: Value,
}

impl Rendered {
    pub(in crate::api) fn new(event: &Event) -> Self {
        let value = serde_json::to_value(EventView::from(event)).unwrap_or_default();
        let kind = value["event"].as_str().unwrap_or_default().to_owned();
        Self { id: EventId::of(event), kind, text: value.to_string().into(), value }
    }

    /// What the event says under a name, of itself or of the record that it carries.
    pub(in crate::api) fn field(&self, name: &str) -> Option<&str> {
        let own = self.value.get(name).and_then(Value::as_str);
        own.or_else(|| self.value.get("record")?.get(name)?.as_str())
    }
}

/// The latest events.
#[derive(Debug, Default)]
pub(in crate::api) struct Latest(Mutex<VecDeque<Arc<Rendered>>>);

impl Latest {
    /// An event in JSON; whoever asks first makes it.
    pub(in crate::api) fn rendered(&self, event: &Event) -> Arc<Rendered> {
        let id = EventId::of(event);
        // A holder only searches and pushes: the list is whole whatever panicked.
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = latest.iter().rev().find(|known| known.id == id) {
            return Arc::clone(found);
        }
        let made = Arc::new(Rendered::new(event));
        if latest.len() >= KEPT {
            latest.pop_front();
        }
        latest.push_back(Arc::clone(&made));
        made
    }
}

/// The names of all kinds of events, as their description lists them.
pub(in crate::api) fn kinds() -> &'static BTreeSet<String> {
    static KINDS: OnceLock<BTreeSet<String>> = OnceLock::new();
    KINDS.get_or_init(|| {
        let mut found = BTreeSet::new();
        collect(&EventView::described(), &mut found);
        found
    })
}

/// The constants that `event` may have anywhere in a schema.
fn collect(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            let names = fields.get("properties").and_then(|all| all.get("event")?.get("enum"));
            found.extend(
                names
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(|name| name.as_str().map(str::to_owned)),
            );
            fields.values().for_each(|inner| collect(inner, found));
        }
        Value::Array(all) => all.iter().for_each(|inner| collect(inner, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use strowger_core::vocab::EventKind;

    use super::*;

    #[test]
    fn every_kind_has_a_name() {
        let kinds = kinds();
        assert!(kinds.len() > 40, "{kinds:?}");
        for known in ["call_started", "call_ended", "agent_activity_changed", "reloaded"] {
            assert!(kinds.contains(known), "{known} in {kinds:?}");
        }
    }

    #[test]
    fn an_event_is_rendered_once_and_not_for_ever() {
        let latest = Latest::default();
        let event = |seq| Event { boot: 1, seq, at: 0, tenant: None, kind: EventKind::Reloaded };
        let first = latest.rendered(&event(1));
        assert!(Arc::ptr_eq(&first, &latest.rendered(&event(1))));
        assert_eq!(first.kind, "reloaded");
        for seq in 2..=2 * KEPT as u64 {
            latest.rendered(&event(seq));
        }
        assert_eq!(latest.0.lock().unwrap().len(), KEPT);
        assert!(!Arc::ptr_eq(&first, &latest.rendered(&event(1))));
    }
}
