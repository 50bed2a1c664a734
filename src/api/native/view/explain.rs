//! Why an agent is, or is not, being offered a caller.

use serde::Serialize;
use strowger_core::vocab::acd::{AgentVerdict, CallerVerdict, Condition, Explanation};
use utoipa::ToSchema;

/// Why each agent of a queue is or is not being offered.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct ExplanationItem {
    /// The queue.
    queue: String,
    /// Waiting callers, first to last; without any, one that would join now.
    callers: Vec<CallerReason>,
    /// When this was true.
    as_of: u64,
}

/// One waiting caller.
#[derive(Debug, Serialize, ToSchema)]
struct CallerReason {
    /// The caller's call; null for one who would join now.
    call: Option<String>,
    /// From 1.
    position: usize,
    /// Waited so far.
    waited_ms: u64,
    /// All agents of the queue, by level, position and id.
    agents: Vec<AgentReason>,
}

/// One agent, seen by one caller. The fields from `offer` on belong to the conditions that have them.
#[derive(Debug, Default, Serialize, ToSchema)]
struct AgentReason {
    /// Who.
    agent: String,
    /// Its level in the queue.
    level: u16,
    /// Its position in the queue.
    position: u16,
    /// `ready`, `ringing`, `logged_out`, `on_break`, `not_reachable`, `offered_elsewhere`, `talking`, `on_other_call`,
    /// `wrapping_up`, `cooling_down`, `lacks_skill`, `level_closed`, `enough_ring`, `caller_ahead` or `caller_leaving`.
    condition: &'static str,
    /// The same for people.
    why: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    offer: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<String>,
    /// Ms since the Unix epoch; 0 is without limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skill: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    needed: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    has: Option<u8>,
    /// When the level opens, ms since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    opens_at: Option<u64>,
    /// How many ring.
    #[serde(skip_serializing_if = "Option::is_none")]
    ringing: Option<usize>,
}

impl From<Explanation> for ExplanationItem {
    fn from(explanation: Explanation) -> Self {
        let caller = |caller: CallerVerdict| CallerReason {
            call: caller.call.map(|call| call.to_string()),
            position: caller.position,
            waited_ms: caller.waited_ms,
            agents: caller.agents.into_iter().map(AgentReason::from).collect(),
        };
        Self {
            queue: explanation.queue.number,
            callers: explanation.callers.into_iter().map(caller).collect(),
            as_of: explanation.as_of,
        }
    }
}

impl From<AgentVerdict> for AgentReason {
    fn from(verdict: AgentVerdict) -> Self {
        let AgentVerdict { agent, level, position, condition } = verdict;
        Self { agent: agent.id, level, position, ..Self::of(condition) }
    }
}

impl AgentReason {
    fn plain(condition: &'static str, why: impl Into<String>) -> Self {
        Self { condition, why: why.into(), ..Self::default() }
    }

    /// The condition, its details and a sentence.
    fn of(condition: Condition) -> Self {
        match condition {
            Condition::Ready => {
                Self::plain("ready", "waits for a caller, or is about to be offered this one")
            }
            Condition::Ringing { offer } => {
                Self { offer: Some(offer.0), ..Self::plain("ringing", "rings for this caller") }
            }
            Condition::LoggedOut => Self::plain("logged_out", "is logged out"),
            Condition::OnBreak { reason } => {
                let why = format!("is on break: {reason}");
                Self { reason: Some(reason), ..Self::plain("on_break", why) }
            }
            Condition::NotReachable => Self::plain(
                "not_reachable",
                "its phone is not registered, or its number leads nowhere",
            ),
            Condition::OfferedElsewhere { queue, call } => Self {
                call: Some(call.to_string()),
                ..Self::about("offered_elsewhere", "rings for another caller", queue.number)
            },
            Condition::Talking { queue, call } => Self {
                call: Some(call.to_string()),
                ..Self::about("talking", "talks with another caller", queue.number)
            },
            Condition::OnOtherCall => Self::plain(
                "on_other_call",
                "is in a call outside the queues, and skip_busy_agents is set",
            ),
            Condition::WrappingUp { until } => {
                let why = "finishes what the last conversation left to do";
                Self { until: Some(until), ..Self::plain("wrapping_up", why) }
            }
            Condition::CoolingDown { until } => {
                let why = "pauses after an offer that failed";
                Self { until: Some(until), ..Self::plain("cooling_down", why) }
            }
            Condition::LacksSkill { skill, needed, has } => Self {
                needed: Some(needed),
                has: Some(has),
                skill: Some(skill.clone()),
                ..Self::plain(
                    "lacks_skill",
                    format!("has {has} of {skill}, {needed} is needed now"),
                )
            },
            Condition::LevelClosed { level, opens_at } => Self {
                opens_at,
                ..Self::plain(
                    "level_closed",
                    format!("level {level} is not open for this caller yet"),
                )
            },
            Condition::EnoughRing { ringing } => Self {
                ringing: Some(ringing),
                ..Self::plain("enough_ring", "as many ring for this caller as the strategy allows")
            },
            Condition::CallerAhead { queue, call } => Self {
                call: Some(call.to_string()),
                ..Self::about("caller_ahead", "another caller has the first claim", queue.number)
            },
            Condition::CallerLeaving => {
                Self::plain("caller_leaving", "the caller's maximum wait is over, nobody is added")
            }
        }
    }

    fn about(condition: &'static str, why: &str, queue: String) -> Self {
        Self { queue: Some(queue), ..Self::plain(condition, why) }
    }
}
