//! What an agent is told of its phone: it rings, it is off the hook, with whom it talks, that this is recorded, it is free again.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use strowger_core::vocab::CallId;
use strowger_core::vocab::record::CallRecord;

use crate::api::dialect::common::number_and_name;

/// Voice over the telephone.
const MEDIA_VOICE: u32 = 5;
/// Calls that ring at one phone.
const MOST: usize = 32;

/// Where an agent's phone stands.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// Calls for which it rings.
    rings: BTreeSet<CallId>,
    /// The call in which it talks, and whether its recording was told.
    talks: Option<(CallId, bool)>,
}

fn event(agent: &str, kind: &str, content: Value) -> Value {
    json!({ "eventType": kind, "workNo": agent, "content": content })
}

impl Story {
    /// The phone rings.
    pub(super) fn alerting(&mut self, agent: &str, call: CallId) -> Vec<Value> {
        let known = self.talks.is_some_and(|(talks, _)| talks == call);
        let first = self.rings.is_empty();
        if known || self.rings.len() >= MOST || !self.rings.insert(call) || !first {
            return Vec::new();
        }
        vec![event(agent, "AgentOther_PhoneAlerting", json!({}))]
    }

    /// The agent talks, and whoever it is.
    pub(super) fn talking(
        &mut self,
        agent: &str,
        record: &CallRecord,
        skill: Option<&str>,
        recording: Option<&str>,
    ) -> Vec<Value> {
        let call = record.call;
        if self.talks.is_some_and(|(talks, _)| talks == call) {
            return Vec::new();
        }
        self.rings.clear();
        self.talks = Some((call, false));
        let visit = record.queued.last();
        let id = visit.and_then(|visit| visit.queue.number.parse::<u64>().ok());
        let (caller, _) = number_and_name(&record.caller);
        let incoming = json!({
            "callId": call.to_string(),
            "skillName": skill.unwrap_or(""),
            "skillId": id,
            "caller": caller,
            "called": record.dialled,
            "lastReleaseAgentId": null,
            "mediaType": MEDIA_VOICE,
            "releaseAndReQueueCount": 0,
            "releaseAndReQueueCallFlag": false,
        });
        let mut events = vec![
            event(agent, "AgentOther_PhoneOffhook", json!({ "type": "main" })),
            event(agent, "AgentEvent_Talking", json!({ "callid": call.to_string() })),
            event(agent, "AgentEvent_Incoming_CallInfo", incoming),
        ];
        if let Some(path) = recording {
            events.extend(self.recorded(agent, call, path));
        }
        events
    }

    /// A recording runs.
    pub(super) fn recorded(&mut self, agent: &str, call: CallId, path: &str) -> Vec<Value> {
        match &mut self.talks {
            Some((talks, told)) if *talks == call && !*told => {
                *told = true;
                let content = json!({ "callid": call.to_string(), "fileName": path });
                vec![event(agent, "AgentMediaEvent_Record", content)]
            }
            _ => Vec::new(),
        }
    }

    /// A call is over, by the agent or otherwise. A phone that only rang is told of as well.
    pub(super) fn over(&mut self, agent: &str, call: CallId, by_agent: bool) -> Vec<Value> {
        let talked = self.talks.is_some_and(|(talks, _)| talks == call);
        if talked {
            self.talks = None;
        }
        let rang = self.rings.remove(&call) && self.rings.is_empty();
        if !talked && !rang {
            return Vec::new();
        }
        let state = if by_agent { 2 } else { 3 };
        vec![event(agent, "AgentOther_PhoneRelease", json!({ "phoneState": state }))]
    }

    /// The phone was rung for a call that has become another.
    pub(super) fn led_on(&mut self, call: CallId) {
        self.rings.remove(&call);
    }

    /// Whether the agent talks in this call.
    pub(super) fn talks_in(&self, call: CallId) -> bool {
        self.talks.is_some_and(|(talks, _)| talks == call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(events: &[Value]) -> Vec<&str> {
        events.iter().map(|event| event["eventType"].as_str().unwrap()).collect()
    }

    #[test]
    fn a_phone_that_rings_for_two_calls_alerts_once_and_is_released_once() {
        let mut story = Story::default();
        assert_eq!(kinds(&story.alerting("101", CallId(1))), ["AgentOther_PhoneAlerting"]);
        assert!(story.alerting("101", CallId(2)).is_empty());
        assert!(story.over("101", CallId(1), false).is_empty(), "it rings on");
        let released = story.over("101", CallId(2), false);
        assert_eq!(kinds(&released), ["AgentOther_PhoneRelease"]);
        assert_eq!(released[0]["content"]["phoneState"], 3);
        assert!(story.over("101", CallId(2), false).is_empty(), "once");
    }

    #[test]
    fn a_recording_is_told_of_in_the_conversation_only() {
        let mut story = Story::default();
        assert!(story.recorded("101", CallId(1), "a.wav").is_empty());
        story.talks = Some((CallId(1), false));
        assert_eq!(kinds(&story.recorded("101", CallId(1), "a.wav")), ["AgentMediaEvent_Record"]);
        assert!(story.recorded("101", CallId(1), "b.wav").is_empty(), "its second part");
        assert_eq!(story.over("101", CallId(1), true)[0]["content"]["phoneState"], 2);
    }
}
