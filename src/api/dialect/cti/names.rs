//! The one table of event names: each with its category and what happens in the switch when it is told.

/// A name under which events are subscribed to and sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named {
    /// As clients write it.
    pub(super) name: &'static str,
    /// As subscriptions by category write it.
    pub(super) category: &'static str,
    /// Where it comes from.
    #[allow(dead_code, reason = "the table is for people, and for the test that counts")]
    pub(super) told: Told,
}

/// What the switch says when an event is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// On events of the switch, which are named.
    On(&'static str),
    /// The switch does nothing of the kind, for this reason: it may be subscribed to, and never comes.
    Never(&'static str),
}
use Told::{Never, On};

const fn call(name: &'static str, told: Told) -> Named {
    Named { name, category: "call", told }
}

/// All names: the 39 that the document lists, in its order, and three that its examples subscribe to.
pub(super) const EVENTS: [Named; 42] = [
    Named {
        name: "agent_call_mode_change",
        category: "agent_call_mode",
        told: On("an order to ring the agent at its extension or its mobile"),
    },
    Named {
        name: "acd_agent_state",
        category: "agent_state",
        told: On("AgentIntentChanged, AgentActivityChanged"),
    },
    Named {
        name: "ext_state",
        category: "ext_state",
        told: On("ExtensionOnline, ExtensionOffline"),
    },
    call("agent_breakout", On("CallEnded by an order")),
    call("agent_interrupt", On("Supervision that barges in")),
    call("asr_gather_fail", Never("speech is not recognised")),
    call("asr_gather_succ", Never("speech is not recognised")),
    call("begin", On("CallStarted")),
    call("call_notes", On("CallRated")),
    call("consult_fail", On("CallEnded of such a call that nobody answered")),
    call(
        "consult_succ",
        On("CallAnswered of a call that an extension begins beside the one that it holds"),
    ),
    call("dtmf_gather_fail", On("AttemptFailed, a choice")),
    call("dtmf_gather_succ", On("CallDtmf")),
    call("eavesdrop_fail", On("AttemptFailed, supervision")),
    call("eavesdrop_succ", On("Supervision that listens or whispers")),
    call("end", On("CallEnded")),
    call("end_consult_fail", On("CallEnded of such a call, when whoever was held has gone")),
    call("end_consult_succ", On("CallResumed beside such a call, or its end")),
    call("enqueue_succ", On("CallerQueued")),
    call("extern_succ", On("CallTransferred to a number outside")),
    call("general_hangup", On("CallEnded by the switch")),
    call("hangup_cause", On("CallEnded")),
    call("hold_call", On("CallHeld")),
    call("play_fail", On("PromptFailed")),
    call("play_succ", On("CallAnswered by an announcement")),
    call("record_stop", On("RecordingEnded")),
    call(
        "start_dialout",
        On("CallerAnswered, and CallRinging outside where the agent dialled itself"),
    ),
    call("start_ivr", On("CallAnswered by a menu")),
    call("substitute_fail", On("AttemptFailed, a pickup")),
    call("substitute_succ", On("CallPickedUp")),
    call("three_way_fail", On("AttemptFailed, a conference")),
    call("three_way_succ", On("Conference, somebody joined")),
    call("transfer_agent_fail", On("AttemptFailed, a transfer")),
    call("transfer_agent_succ", On("CallTransferred to an extension")),
    call("user_answer", On("CallAnswered by a number outside")),
    call("user_hangup", On("CallEnded by the number outside")),
    call("user_ringing", On("CallRinging outside")),
    call("voice_mail_fail", On("AttemptFailed, a message")),
    call("voice_mail_succ", On("VoicemailLeft")),
    call("agent_ringing", On("CallerRinging, CallRinging of an agent's phone")),
    call("agent_answer", On("CallerAnswered, CallAnswered or CallerLeft by an agent")),
    call("agent_hangup", On("CallEnded by the agent, OfferEnded without an answer")),
];

/// The event of this name.
pub(super) fn find(name: &str) -> Option<&'static Named> {
    EVENTS.iter().find(|event| event.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_stands_once_and_most_are_told() {
        for (at, event) in EVENTS.iter().enumerate() {
            assert_eq!(EVENTS.iter().position(|other| other.name == event.name), Some(at));
        }
        let told = EVENTS.iter().filter(|event| matches!(event.told, On(_))).count();
        assert_eq!(told, 40);
        let of = |category: &str| EVENTS.iter().filter(|event| event.category == category).count();
        assert_eq!(
            (of("call"), of("agent_state"), of("ext_state"), of("agent_call_mode")),
            (39, 1, 1, 1)
        );
    }
}
