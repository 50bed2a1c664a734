//! Agents and their definitions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strowger_core::vocab::Secret;
use strowger_core::vocab::acd::{
    Activity, AgentConfig, AgentKey, AgentPlace, AgentView, Intent, QueueKey, Tier, ranges,
};
use utoipa::ToSchema;

use super::queue::times;
use crate::api::extract::Example;
use crate::api::native::check::{Check, is_number, is_outside_number, is_pin};
use crate::api::problem::Problem;

/// An agent's place in one queue.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api::native) struct TierItem {
    /// The queue's number.
    queue: String,
    /// 0 to 1000, 1 unless said; lower levels first.
    #[serde(default = "one")]
    level: u32,
    /// 0 to 10000, 1 unless said; the order within the level.
    #[serde(default = "one")]
    position: u32,
}

fn one() -> u32 {
    1
}

impl TierItem {
    pub(in crate::api::native) fn new(queue: String, level: u32, position: u32) -> Self {
        Self { queue, level, position }
    }

    pub(in crate::api::native) fn read(&self, check: &mut Check, tenant: &str) -> Tier {
        if !is_number(&self.queue) {
            check.wrong("queue", format!("\"{}\" is no number of a queue", self.queue));
        }
        let queue = QueueKey { tenant: tenant.to_owned(), number: self.queue.clone() };
        Tier {
            queue,
            level: check.number("level", self.level, &ranges::LEVEL),
            position: check.number("position", self.position, &ranges::POSITION),
        }
    }
}

/// What an agent wants to be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api::native) struct IntentItem {
    /// `available`, `on_break` or `logged_out`.
    status: String,
    /// Why, with `on_break`: 1 to 64 bytes; `break` unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// A finer distinction of the tenant's own, with `on_break`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_state: Option<String>,
}

impl Example for IntentItem {
    const EXAMPLE: &'static str = r#"{"status": "on_break", "reason": "lunch"}"#;
}

impl From<Intent> for IntentItem {
    fn from(intent: Intent) -> Self {
        let (status, reason, sub_state) = match intent {
            Intent::Available => ("available", None, None),
            Intent::LoggedOut => ("logged_out", None, None),
            Intent::OnBreak { reason, sub_state } => ("on_break", Some(reason), Some(sub_state)),
        };
        let sub_state = sub_state.filter(|text| !text.is_empty());
        Self { status: status.to_owned(), reason, sub_state }
    }
}

impl IntentItem {
    pub(in crate::api::native) fn read(self, check: &mut Check) -> Intent {
        let plain = self.reason.is_none() && self.sub_state.is_none();
        match self.status.as_str() {
            "available" if plain => Intent::Available,
            "logged_out" if plain => Intent::LoggedOut,
            "available" | "logged_out" => {
                check.wrong("reason", "is for status on_break; leave it out");
                Intent::LoggedOut
            }
            "on_break" => {
                let reason = self.reason.unwrap_or_else(|| "break".into());
                let sub_state = self.sub_state.unwrap_or_default();
                check.reason("reason", &reason, 1);
                check.reason("sub_state", &sub_state, 0);
                Intent::OnBreak { reason, sub_state }
            }
            other => {
                let right = "write \"available\", \"on_break\" or \"logged_out\"";
                check.wrong("status", format!("\"{other}\" is unknown; {right}"));
                Intent::LoggedOut
            }
        }
    }
}

/// An agent's definition, as in the configuration file; what is left out has its default. Times are seconds.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(in crate::api::native) struct AgentSettings {
    /// Shown to people; the id where it is empty.
    name: String,
    /// Its phone; or
    extension: Option<String>,
    /// ... the outside number of a remote agent.
    number: Option<String>,
    /// A second place, chosen by `/place`; or
    second_extension: Option<String>,
    /// ... a number such as a mobile's.
    second_number: Option<String>,
    /// For logging in from any phone, 4 to 16 digits. Never shown. Left out or null, the present one stays; an empty text
    /// takes it away.
    #[serde(skip_serializing)]
    pin: Option<String>,
    /// What it wants at the beginning; later the last order is remembered. `logged_out` unless said.
    status: Option<IntentItem>,
    /// What it serves.
    queues: Vec<TierItem>,
    /// Levels by skill, 1 to 100.
    skills: BTreeMap<String, u32>,
    /// Both sides hear this prompt before they are bridged.
    agent_sound: Option<String>,
    /// A remote agent presses this before it is bridged; `1` unless said.
    confirm_key: Option<String>,
    /// Misses in a row after which it goes on break; 0 is never, 3 unless said.
    max_no_answer: Option<u32>,
    /// May pick up callers of its queues that ring at other agents; true unless said.
    group_pickup: Option<bool>,
    wrap_up_after_outbound: bool,
    call_timeout: Option<u32>,
    no_answer_delay_time: Option<u32>,
    busy_delay_time: Option<u32>,
    reject_delay_time: Option<u32>,
    wrap_up_time: Option<u32>,
}

impl Example for AgentSettings {
    const EXAMPLE: &'static str = r#"{"name": "Alice", "extension": "4567", "queues": [{"queue": "9001", "level": 1, "position": 1}]}"#;
}

impl From<AgentConfig> for AgentSettings {
    fn from(agent: AgentConfig) -> Self {
        let mut places = agent.places.into_iter().map(|place| match place {
            AgentPlace::Extension(number) => (Some(number), None),
            AgentPlace::Number(number) => (None, Some(number)),
        });
        let (extension, number) = places.next().unwrap_or_default();
        let (second_extension, second_number) = places.next().unwrap_or_default();
        let tier =
            |tier: Tier| TierItem::new(tier.queue.number, tier.level.into(), tier.position.into());
        Self {
            name: agent.name,
            extension,
            number,
            second_extension,
            second_number,
            pin: None,
            status: Some(agent.status.into()),
            queues: agent.tiers.into_iter().map(tier).collect(),
            skills: agent.skills.into_iter().map(|(name, level)| (name, level.into())).collect(),
            agent_sound: agent.agent_sound,
            confirm_key: Some(agent.confirm_key.into()),
            max_no_answer: Some(agent.max_no_answer.into()),
            group_pickup: Some(agent.group_pickup),
            wrap_up_after_outbound: agent.wrap_up_after_outbound,
            call_timeout: agent.times.call_timeout,
            no_answer_delay_time: agent.times.no_answer_delay_time,
            busy_delay_time: agent.times.busy_delay_time,
            reject_delay_time: agent.times.reject_delay_time,
            wrap_up_time: agent.times.wrap_up_time,
        }
    }
}

impl AgentSettings {
    /// Whether the present PIN is to stay.
    pub(in crate::api::native) fn keeps_pin(&self) -> bool {
        self.pin.is_none()
    }

    /// The definition of the agent `key`; `pin` is the present one.
    ///
    /// # Errors
    /// 422 with everything that is wrong.
    pub(in crate::api::native) fn define(
        self,
        key: AgentKey,
        pin: Option<Secret>,
    ) -> Result<AgentConfig, Problem> {
        let mut check = Check::of(&key.tenant);
        let places = self.places(&mut check);
        let pin = match &self.pin {
            None => pin,
            Some(text) if text.is_empty() => None,
            Some(text) => {
                if !is_pin(text) {
                    check.wrong("pin", "write 4 to 16 digits");
                }
                Some(Secret::new(text))
            }
        };
        let tiers = self.tiers(&mut check, &key.tenant);
        let skills = self.skills(&mut check);
        let delays = [
            self.call_timeout,
            self.no_answer_delay_time,
            self.busy_delay_time,
            self.reject_delay_time,
            self.wrap_up_time,
        ];
        let name = check.shown("name", self.name);
        let misses = self.max_no_answer.unwrap_or(3);
        let agent = AgentConfig {
            name: if name.is_empty() { key.id.clone() } else { name },
            places,
            pin,
            status: self.status.map_or(Intent::LoggedOut, |status| status.read(&mut check)),
            tiers,
            skills,
            times: times(&mut check, delays),
            wrap_up_after_outbound: self.wrap_up_after_outbound,
            agent_sound: check.prompt("agent_sound", self.agent_sound),
            confirm_key: check.key("confirm_key", self.confirm_key).unwrap_or('1'),
            max_no_answer: check.number("max_no_answer", misses, &ranges::NO_ANSWER),
            group_pickup: self.group_pickup.unwrap_or(true),
            key,
        };
        check.finish(agent)
    }

    fn places(&self, check: &mut Check) -> Vec<AgentPlace> {
        let first = place(check, ("extension", &self.extension), ("number", &self.number));
        if self.extension.is_none() && self.number.is_none() {
            check.wrong("extension", "write an extension, or the number of a remote agent");
        }
        let second = place(
            check,
            ("second_extension", &self.second_extension),
            ("second_number", &self.second_number),
        );
        if first.is_some() && first == second {
            check.wrong("second_extension", "is the first place too; leave it out");
        }
        first.into_iter().chain(second).collect()
    }

    fn tiers(&self, check: &mut Check, tenant: &str) -> Vec<Tier> {
        let mut tiers: Vec<Tier> = Vec::new();
        for item in &self.queues {
            let tier = item.read(check, tenant);
            if tiers.iter().any(|other| other.queue == tier.queue) {
                check.wrong("queues", format!("{} stands there twice", tier.queue.number));
            }
            tiers.push(tier);
        }
        if tiers.len() > ranges::LISTED {
            check.wrong("queues", format!("at most {}", ranges::LISTED));
        }
        tiers
    }

    fn skills(&self, check: &mut Check) -> BTreeMap<String, u8> {
        if self.skills.len() > ranges::LISTED {
            check.wrong("skills", format!("at most {}", ranges::LISTED));
        }
        let mut skills = BTreeMap::new();
        for (name, level) in &self.skills {
            check.name("skills", name);
            skills.insert(name.clone(), check.number("skills", *level, &ranges::SKILL));
        }
        skills
    }
}

fn place(
    check: &mut Check,
    (extension_key, extension): (&str, &Option<String>),
    (number_key, number): (&str, &Option<String>),
) -> Option<AgentPlace> {
    if extension.is_some() && number.is_some() {
        check.wrong(extension_key, format!("stands beside {number_key}; write one of them"));
    }
    if let Some(extension) = extension {
        if !is_number(extension) {
            check.wrong(extension_key, format!("\"{extension}\" is no number of an extension"));
        }
        return Some(AgentPlace::Extension(extension.clone()));
    }
    let number = number.clone()?;
    if !is_outside_number(&number) {
        check.wrong(number_key, "write digits, or + and digits, such as \"+4917012345\"");
    }
    Some(AgentPlace::Number(number))
}

/// An agent as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct AgentItem {
    /// Its id.
    id: String,
    /// Defined in the configuration file, and so not over HTTP.
    from_file: bool,
    /// What it wants.
    intent: IntentItem,
    /// Since when, ms since the Unix epoch.
    intent_since: u64,
    /// What happens to it.
    #[serde(flatten)]
    activity: ActivityItem,
    /// Since when, ms since the Unix epoch.
    activity_since: u64,
    /// Where it is rung now, e.g. `extension:4567`.
    place: String,
    /// It can be reached there.
    reachable: bool,
    /// Offers missed in a row.
    missed: u16,
    /// It has a PIN.
    has_pin: bool,
    /// Its definition.
    settings: AgentSettings,
}

/// What happens to an agent.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct ActivityItem {
    /// `idle`, `offered`, `talking`, `on_other_call`, `wrapping_up` or `cooling_down`.
    activity: &'static str,
    /// The offer, while it is being offered a caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    offer: Option<u64>,
    /// The queue that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<String>,
    /// The caller's call.
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<String>,
    /// It ends by then, ms since the Unix epoch; 0 while a disposition is awaited without limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
}

impl From<Activity> for ActivityItem {
    fn from(activity: Activity) -> Self {
        let none = |activity| Self { activity, offer: None, queue: None, call: None, until: None };
        match activity {
            Activity::Idle => none("idle"),
            Activity::Offered { offer, queue, call, until } => Self {
                offer: Some(offer.0),
                queue: Some(queue.number),
                call: Some(call.to_string()),
                until: Some(until),
                ..none("offered")
            },
            Activity::Talking { queue, call } => {
                Self { queue: Some(queue.number), call: Some(call.to_string()), ..none("talking") }
            }
            Activity::OnOtherCall => none("on_other_call"),
            Activity::WrappingUp { queue, until } => Self {
                queue: queue.map(|queue| queue.number),
                until: Some(until),
                ..none("wrapping_up")
            },
            Activity::CoolingDown { until } => Self { until: Some(until), ..none("cooling_down") },
        }
    }
}

impl From<AgentView> for AgentItem {
    fn from(view: AgentView) -> Self {
        Self {
            id: view.config.key.id.clone(),
            from_file: view.from_file,
            intent: view.intent.into(),
            intent_since: view.intent_since,
            activity: view.activity.into(),
            activity_since: view.activity_since,
            place: view.place,
            reachable: view.reachable,
            missed: view.missed,
            has_pin: view.config.pin.is_some(),
            settings: view.config.into(),
        }
    }
}
