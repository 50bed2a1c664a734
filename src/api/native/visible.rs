//! Which events a key may see.

use std::collections::BTreeSet;

use strowger_core::vocab::acd::FigureSubject;
use strowger_core::vocab::record::Party;
use strowger_core::vocab::{CallId, Event, EventKind, Principal, Role};

/// Calls of the own extension that are remembered at a time; when there are more, the oldest is forgotten, and what
/// names the extension is still seen.
const CALLS: usize = 1_024;

/// The eyes of one stream.
#[derive(Debug)]
pub(super) struct Eyes {
    principal: Principal,
    /// Live calls that the own extension takes part in.
    calls: BTreeSet<CallId>,
}

impl Eyes {
    pub(super) fn new(principal: Principal) -> Self {
        Self { principal, calls: BTreeSet::new() }
    }

    /// Whether the event is any of the key's business. Asked once for every event, in order.
    pub(super) fn see(&mut self, event: &Event) -> bool {
        let role = self.principal.role;
        match &event.tenant {
            None => role == Role::Admin,
            Some(tenant) if *tenant != self.principal.tenant => false,
            Some(_) => match role {
                Role::User | Role::Agent => self.own(&event.kind),
                Role::ReadOnly | Role::Supervisor | Role::Admin => true,
            },
        }
    }

    fn own(&mut self, kind: &EventKind) -> bool {
        if self.is_agents_own(kind) {
            return true;
        }
        let Some(own) = self.principal.extension.as_deref() else { return false };
        let is_own = |party: &Party| matches!(party, Party::Extension { extension, .. } if extension.number == own);
        let (call, named) = match kind {
            EventKind::ExtensionOnline { extension }
            | EventKind::ExtensionOffline { extension } => return extension.number == own,
            EventKind::TrunkUp { .. }
            | EventKind::TrunkDown { .. }
            | EventKind::AddressSilenced { .. }
            | EventKind::CallerQueued { .. }
            | EventKind::CallerLeft { .. }
            | EventKind::AgentOffered { .. }
            | EventKind::OfferEnded { .. }
            | EventKind::AgentIntentChanged { .. }
            | EventKind::AgentActivityChanged { .. }
            | EventKind::CallRated { .. }
            | EventKind::DefinitionChanged { .. }
            | EventKind::DefinitionShadowed { .. }
            | EventKind::MenuChanged { .. }
            | EventKind::TenantSettingsChanged(_)
            | EventKind::EntryChanged { .. }
            | EventKind::EntryShadowed { .. }
            | EventKind::Supervision { .. }
            | EventKind::Dial { .. }
            | EventKind::Conference { .. }
            | EventKind::Reloaded => return false,
            EventKind::SettingsChanged(record) => return record.extension.number == own,
            EventKind::MailboxChanged { mailbox, .. } => return mailbox.number == own,
            EventKind::VoicemailLeft { message } => return message.mailbox.number == own,
            EventKind::CallStarted { call, caller, .. }
            | EventKind::CallerRinging { call, caller, .. }
            | EventKind::CallerAnswered { call, caller, .. }
            | EventKind::EmergencyCall { call, caller, .. } => (*call, is_own(caller)),
            EventKind::CallRinging { call, callee, .. }
            | EventKind::CallAnswered { call, callee, .. } => (*call, is_own(callee)),
            EventKind::CallTransferred { call, by, .. }
            | EventKind::CallHeld { call, by, .. }
            | EventKind::CallResumed { call, by, .. }
            | EventKind::CallDtmf { call, by, .. } => (*call, is_own(by)),
            EventKind::RecordingStarted { call, .. }
            | EventKind::RecordingPaused { call, .. }
            | EventKind::RecordingResumed { call, .. }
            | EventKind::RecordingEnded { call, .. } => (*call, false),
            EventKind::CallRetrieved { call, by, .. } => (*call, is_own(by)),
            EventKind::CallPickedUp { call, by, from, .. } => (*call, is_own(by) || is_own(from)),
            EventKind::CallParked { call, by, parked, .. } => (*call, is_own(by) || is_own(parked)),
            EventKind::ParkingEnded { call, .. }
            | EventKind::AttemptFailed { call, .. }
            | EventKind::PromptFailed { call, .. } => (*call, false),
            EventKind::CallEnded { record } => {
                let known = self.calls.remove(&record.call);
                let picker = record.picked_up_by.as_ref().is_some_and(is_own);
                return known || is_own(&record.caller) || is_own(&record.callee) || picker;
            }
        };
        if named && self.calls.insert(call) && self.calls.len() > CALLS {
            self.calls.pop_first();
        }
        named || self.calls.contains(&call)
    }

    /// What happens to the agent that the key stands for.
    fn is_agents_own(&self, kind: &EventKind) -> bool {
        let about = match kind {
            EventKind::AgentOffered { agent, .. }
            | EventKind::OfferEnded { agent, .. }
            | EventKind::AgentIntentChanged { agent, .. }
            | EventKind::AgentActivityChanged { agent, .. }
            | EventKind::CallRated { agent, .. }
            | EventKind::CallerLeft { agent: Some(agent), .. } => agent,
            EventKind::DefinitionChanged { subject: FigureSubject::Agent(agent), .. } => agent,
            _ => return false,
        };
        self.principal.role == Role::Agent && self.principal.agent.as_ref() == Some(&about.id)
    }
}

#[cfg(test)]
mod tests {
    use strowger_core::vocab::acd::Activity;
    use strowger_core::vocab::{AgentKey, ExtensionKey, InteractionId, OfferId, QueueKey};

    use super::*;

    fn eyes(role: Role, extension: Option<&str>) -> Eyes {
        let extension = extension.map(str::to_owned);
        Eyes::new(Principal { tenant: "t".into(), role, name: "k".into(), extension, agent: None })
    }

    fn event(tenant: Option<&str>, kind: EventKind) -> Event {
        Event { boot: 1, seq: 1, at: 0, tenant: tenant.map(str::to_owned), kind }
    }

    fn party(number: &str) -> Party {
        let extension = ExtensionKey { tenant: "t".into(), number: number.into() };
        Party::Extension { extension, name: String::new() }
    }

    fn started(call: u128, caller: &str) -> EventKind {
        let (call, interaction) = (CallId(call), InteractionId(call));
        EventKind::CallStarted { call, interaction, caller: party(caller), dialled: "1".into() }
    }

    fn dtmf(call: u128, by: &str) -> EventKind {
        let (call, interaction) = (CallId(call), InteractionId(call));
        EventKind::CallDtmf { call, interaction, by: party(by), digit: '1' }
    }

    #[test]
    fn tenants_do_not_see_each_other_and_only_admins_see_the_process() {
        for role in [Role::ReadOnly, Role::User, Role::Agent, Role::Supervisor, Role::Admin] {
            let mut eyes = eyes(role, Some("101"));
            assert!(!eyes.see(&event(Some("other"), started(1, "101"))), "{role:?}");
            assert_eq!(eyes.see(&event(None, EventKind::Reloaded)), role == Role::Admin);
            assert!(eyes.see(&event(Some("t"), started(1, "101"))), "{role:?}");
        }
    }

    #[test]
    fn a_user_sees_the_calls_of_the_own_extension_from_when_it_takes_part() {
        let mut eyes = eyes(Role::User, Some("101"));
        let mut sees = |kind| eyes.see(&event(Some("t"), kind));
        assert!(!sees(started(1, "102")));
        assert!(!sees(dtmf(1, "102")));
        let (call, interaction) = (CallId(1), InteractionId(1));
        assert!(sees(EventKind::CallRinging { call, interaction, callee: party("101") }));
        assert!(sees(dtmf(1, "102")));
        assert!(!sees(started(2, "103")));
        assert!(!sees(dtmf(2, "103")));
        assert!(sees(dtmf(1, "101")));
    }

    #[test]
    fn a_key_without_an_extension_sees_no_call_and_memory_is_bounded() {
        assert!(!eyes(Role::Agent, None).see(&event(Some("t"), started(1, ""))));
        let mut eyes = eyes(Role::User, Some("101"));
        for call in 0..2 * CALLS as u128 {
            assert!(eyes.see(&event(Some("t"), started(call, "101"))));
        }
        assert_eq!(eyes.calls.len(), CALLS);
    }

    #[test]
    fn an_agents_key_sees_what_happens_to_its_own_agent() {
        let mut eyes = eyes(Role::Agent, None);
        eyes.principal.agent = Some("7".into());
        let mut sees = |kind| eyes.see(&event(Some("t"), kind));
        let key = |id: &str| AgentKey { tenant: "t".into(), id: id.into() };
        let queue = QueueKey { tenant: "t".into(), number: "9001".into() };
        for (id, seen) in [("7", true), ("8", false)] {
            let (call, interaction) = (CallId(1), InteractionId(1));
            let (offer, agent) = (OfferId(3), key(id));
            assert_eq!(
                sees(EventKind::AgentActivityChanged { agent, activity: Activity::Idle }),
                seen
            );
            let agent = key(id);
            let queue = queue.clone();
            assert_eq!(
                sees(EventKind::AgentOffered { agent, offer, queue, call, interaction }),
                seen
            );
        }
        let (call, interaction) = (CallId(1), InteractionId(1));
        let number = "1".to_owned();
        assert!(!sees(EventKind::CallerQueued { call, interaction, queue, number, priority: 0 }));
    }
}
