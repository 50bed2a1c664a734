//! What is told of agents and phones: their states.

use strowger_core::vocab::EventKind;
use strowger_core::vocab::acd::{Activity, Intent};

use super::{Happening, Story};

/// An agent's state.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct AgentNow {
    intent: Intent,
    activity: &'static str,
    shown: (String, String),
}

impl Default for AgentNow {
    fn default() -> Self {
        let shown = ("offline".to_owned(), String::new());
        Self { intent: Intent::LoggedOut, activity: "idle", shown }
    }
}

impl Story {
    /// What an agent does now, as it is known from elsewhere.
    pub(in super::super) fn set_state(
        &mut self,
        agent: &str,
        intent: &Intent,
        activity: &Activity,
    ) {
        let activity = activity_name(activity);
        let shown = shown(intent, activity);
        let now = AgentNow { intent: intent.clone(), activity, shown };
        self.states.insert(agent.to_owned(), now);
    }

    /// The state of an agent as it was told last.
    pub(in super::super) fn state(&self, agent: &str) -> String {
        self.states.get(agent).map_or_else(|| "offline".to_owned(), |now| now.shown.0.clone())
    }

    /// What concerns an agent or a phone and no call.
    pub(super) fn hear_of_people(&mut self, out: &mut Vec<Happening>, kind: &EventKind) {
        match kind {
            EventKind::AgentIntentChanged { agent, intent, .. } => {
                self.changed(out, &agent.id, |now| now.intent = intent.clone());
            }
            EventKind::AgentActivityChanged { agent, activity } => {
                let activity = activity_name(activity);
                self.changed(out, &agent.id, |now| now.activity = activity);
            }
            EventKind::TenantSettingsChanged(record) => self.hides = record.settings.hide_numbers,
            EventKind::ExtensionOnline { extension } => {
                self.extension(out, &extension.number, "online");
            }
            EventKind::ExtensionOffline { extension } => {
                self.extension(out, &extension.number, "offline");
            }
            _ => {}
        }
    }

    fn changed(
        &mut self,
        out: &mut Vec<Happening>,
        agent: &str,
        change: impl FnOnce(&mut AgentNow),
    ) {
        let now = self.states.entry(agent.to_owned()).or_default();
        let before = now.shown.clone();
        change(now);
        now.shown = shown(&now.intent, now.activity);
        if now.shown == before {
            return;
        }
        let (state, sub) = now.shown.clone();
        out.push(Happening {
            name: "acd_agent_state",
            agent: Some(agent.to_owned()),
            state: Some((state, sub, before.0)),
            ..Happening::default()
        });
    }

    fn extension(&mut self, out: &mut Vec<Happening>, number: &str, state: &'static str) {
        let before = self.extensions.insert(number.to_owned(), state);
        let before = before.unwrap_or(if state == "online" { "offline" } else { "online" });
        out.push(Happening {
            name: "ext_state",
            agent: self.seats.get(number).cloned(),
            state: Some((state.to_owned(), String::new(), before.to_owned())),
            extension: Some(number.to_owned()),
            reason: if state == "online" { "register" } else { "unregister" }.to_owned(),
            ..Happening::default()
        });
    }
}

fn activity_name(activity: &Activity) -> &'static str {
    match activity {
        Activity::Idle | Activity::CoolingDown { .. } => "idle",
        Activity::Offered { .. } => "ringing",
        Activity::Talking { .. } | Activity::OnOtherCall => "talking",
        Activity::WrappingUp { .. } => "wrapUp",
    }
}

/// `CurState` and its sub-state: a call and what follows it come before what the agent wants.
fn shown(intent: &Intent, activity: &'static str) -> (String, String) {
    match (activity, intent) {
        ("ringing" | "talking" | "wrapUp", _) => (activity.to_owned(), String::new()),
        (_, Intent::LoggedOut) => ("offline".to_owned(), String::new()),
        (_, Intent::Available) => ("idle".to_owned(), String::new()),
        (_, Intent::OnBreak { reason, .. }) if reason == "busy" => {
            ("busy".to_owned(), String::new())
        }
        (_, Intent::OnBreak { sub_state, .. }) => ("onBreak".to_owned(), sub_state.clone()),
    }
}
