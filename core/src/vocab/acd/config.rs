//! Queues and agents as defined: in the file, or over HTTP.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::config::Destination;
use super::super::{Secret, TenantId};
use super::{AgentKey, Intent, QueueKey};

/// How a queue chooses among its eligible agents.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Everybody at once, up to `ring_all_max`.
    RingAll,
    /// Whoever has been idle longest.
    #[default]
    LongestIdleAgent,
    /// By position, after the one last offered in this queue.
    RoundRobin,
    /// By position, from the first for each caller.
    TopDown,
    /// The least talk time today.
    AgentWithLeastTalkTime,
    /// The fewest calls answered today.
    AgentWithFewestCalls,
    /// By level and position, always from the lowest.
    SequentiallyByAgentOrder,
    /// Any.
    Random,
    /// The first, and another one every `progressive_delay` seconds.
    RingProgressively,
    /// The best total of the required skills.
    Skill,
}

impl Strategy {
    /// All, in the order of the documents.
    pub const ALL: [Self; 10] = [
        Self::RingAll,
        Self::LongestIdleAgent,
        Self::RoundRobin,
        Self::TopDown,
        Self::AgentWithLeastTalkTime,
        Self::AgentWithFewestCalls,
        Self::SequentiallyByAgentOrder,
        Self::Random,
        Self::RingProgressively,
        Self::Skill,
    ];

    /// As written in the configuration and over HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RingAll => "ring-all",
            Self::LongestIdleAgent => "longest-idle-agent",
            Self::RoundRobin => "round-robin",
            Self::TopDown => "top-down",
            Self::AgentWithLeastTalkTime => "agent-with-least-talk-time",
            Self::AgentWithFewestCalls => "agent-with-fewest-calls",
            Self::SequentiallyByAgentOrder => "sequentially-by-agent-order",
            Self::Random => "random",
            Self::RingProgressively => "ring-progressively",
            Self::Skill => "skill",
        }
    }

    /// By its name; there is no silent fallback for an unknown one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|strategy| strategy.as_str() == name)
    }
}

/// What waiting callers hear when nothing is being said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitSound {
    /// `sound`, or the hold music.
    #[default]
    Music,
    /// Ringback.
    Ring,
}

/// What happens to a caller whose agent hung up first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HangupAction {
    /// Goes to `agent_hangup_transfer_dst`.
    Transfer,
    /// Is asked for a rating.
    QualityRate,
}

/// A skill that is needed, and how much of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkillNeed {
    /// Its name.
    pub name: String,
    /// The least level, 1 to 100.
    pub level: u8,
    /// The level falls by `relax_by` whenever so many seconds have been waited; 0 never. At 0 the skill is not needed.
    #[serde(default)]
    pub relax_secs: u32,
    /// How much it falls each time.
    #[serde(default)]
    pub relax_by: u8,
}

/// A queue's voicemail, where a caller goes who found no other destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Voicemail {
    /// `vm_enabled`.
    pub enabled: bool,
    /// `vm_greeting`: prompt below the sounds directory; `None` plays the usual one.
    pub greeting: Option<String>,
    /// `vm_mailto`: who is told; empty tells nobody.
    pub mailto: String,
    /// `vm_attach_file`: the WAV goes with the mail.
    pub attach_file: bool,
}

impl Default for Voicemail {
    fn default() -> Self {
        Self { enabled: false, greeting: None, mailto: String::new(), attach_file: true }
    }
}

/// A queue. Times are seconds; 0 is "off" unless said otherwise. Prompts are names below the sounds directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueConfig {
    /// Tenant and number.
    pub key: QueueKey,
    /// Its name.
    pub name: String,
    /// Who is offered next.
    pub choice: Choice,
    /// Limits of waiting, and where callers go then.
    pub limits: Limits,
    /// What callers hear while they wait.
    pub voice: Voice,
    /// What happens from an agent's answer on.
    pub service: Service,
    /// Where nothing else is set.
    pub voicemail: Voicemail,
    /// Times of agents who set none of their own.
    pub times: Times,
}

impl QueueConfig {
    /// A queue of which nothing is said.
    pub fn new(key: QueueKey) -> Self {
        Self {
            key,
            name: String::new(),
            choice: Choice::default(),
            limits: Limits::default(),
            voice: Voice::default(),
            service: Service::default(),
            voicemail: Voicemail::default(),
            times: Times::default(),
        }
    }

    /// Where it may send callers, each under the name of its parameter.
    pub fn destinations(&self) -> impl Iterator<Item = (&'static str, &Destination)> {
        let (limits, service) = (&self.limits, &self.service);
        [
            ("timeout_transfer_dst", &limits.timeout_transfer_dst),
            ("no_agent_timeout_transfer_dst", &limits.no_agent_timeout_transfer_dst),
            ("full_transfer_dst", &limits.full_transfer_dst),
            ("exit_transfer_dst", &limits.exit_transfer_dst),
            ("agent_hangup_transfer_dst", &service.agent_hangup_transfer_dst),
        ]
        .into_iter()
        .filter_map(|(key, destination)| Some((key, destination.as_ref()?)))
    }
}

/// Who is offered next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// Order among eligible agents.
    pub strategy: Strategy,
    /// Among the queues of an agent who becomes free the heaviest comes first. Default 0.
    pub weight: u32,
    /// A caller's priority grows by one whenever so many seconds have been waited.
    pub aging_secs: u32,
    /// Agents that ring at once in ring-all, 1 to 50. Default 50.
    pub ring_all_max: u16,
    /// Pause before ring-progressively adds an agent, at least 1. Default 10.
    pub progressive_delay: u32,
    /// Levels open by waiting time (true) or as soon as nobody of the open ones is eligible (false). Default true.
    pub tier_rules_apply: bool,
    /// Waiting time after which a level opens.
    pub tier_rule_wait_second: u32,
    /// ... times the level. Default true.
    pub tier_rule_wait_multiply_level: bool,
    /// Agents in a call outside the queues are not offered. Default true.
    pub skip_busy_agents: bool,
    /// A returning number goes first to the agent who answered it last within this time, 1 to 2,592,000.
    pub try_same_agent_time: u32,
    /// Skills that every caller of this queue needs.
    pub skills: Vec<SkillNeed>,
}

impl Default for Choice {
    fn default() -> Self {
        Self {
            strategy: Strategy::default(),
            weight: 0,
            aging_secs: 0,
            ring_all_max: 50,
            progressive_delay: 10,
            tier_rules_apply: true,
            tier_rule_wait_second: 0,
            tier_rule_wait_multiply_level: true,
            skip_busy_agents: true,
            try_same_agent_time: 0,
            skills: Vec::new(),
        }
    }
}

/// Limits of waiting, and where callers go then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Callers that wait at most, 1 to 512. Default 128.
    pub max_length: u16,
    /// Longest wait.
    pub max_wait_time: u32,
    /// Where a caller goes after that.
    pub timeout_transfer_dst: Option<Destination>,
    /// Longest unbroken time with no agent whose intent is available.
    pub max_wait_time_with_no_agent: u32,
    /// Where a caller goes after that, or when nobody is logged in and `exit_with_no_av_agents` is set.
    pub no_agent_timeout_transfer_dst: Option<Destination>,
    /// Nobody is queued while no agent is logged in. Default true.
    pub exit_with_no_av_agents: bool,
    /// Where a caller goes who finds the queue full.
    pub full_transfer_dst: Option<Destination>,
    /// The key that leaves the queue: `0-9`, `*` or `#`.
    pub exit_key: Option<char>,
    /// ... to here.
    pub exit_transfer_dst: Option<Destination>,
    /// A callback is offered, and this key accepts it.
    pub callback_key: Option<char>,
    /// A caller from outside is called back by routes of these classes, and by those without a class: the number is one
    /// that the caller chose. Default `national`.
    pub callback_classes: Vec<String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_length: 128,
            max_wait_time: 0,
            timeout_transfer_dst: None,
            max_wait_time_with_no_agent: 0,
            no_agent_timeout_transfer_dst: None,
            exit_with_no_av_agents: true,
            full_transfer_dst: None,
            exit_key: None,
            exit_transfer_dst: None,
            callback_key: None,
            callback_classes: vec!["national".to_owned()],
        }
    }
}

/// What callers hear while they wait.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Voice {
    /// The call stays unanswered: ringing or early media, at most five minutes.
    pub disable_answer: bool,
    /// Music or ringback.
    pub sound_type: WaitSound,
    /// The music; `None` is the hold music.
    pub sound: Option<String>,
    /// Played first, once.
    pub start_sound: Option<String>,
    /// Played every `announce_frequency`.
    pub announce_sound: Option<String>,
    /// Pause between its beginnings.
    pub announce_frequency: u32,
    /// Pause between announcements of the position.
    pub position_announce_frequency: u32,
    /// The estimated wait follows the position.
    pub announce_wait: bool,
}

/// What happens from an agent's answer on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Service {
    /// The agent hears this first.
    pub agent_announce_sound: Option<String>,
    /// ... then how long the caller has waited. Default true.
    pub agent_report_wait_time: bool,
    /// Recorded from the bridge on. Default true.
    pub record_enabled: bool,
    /// Replaces the caller's number towards agents; `None` shows it.
    pub hide_in_caller_id_number: Option<String>,
    /// Replaces the caller's name towards agents; `None` shows it.
    pub hide_in_caller_id_name: Option<String>,
    /// Appended to the caller's name when an agent transfers the call.
    pub append_to_cid_name_on_transfer: String,
    /// When the agent hangs up first.
    pub agent_hangup_action: Option<HangupAction>,
    /// For `transfer`.
    pub agent_hangup_transfer_dst: Option<Destination>,
    /// For `quality_rate`: the question.
    pub quality_rate_sound: Option<String>,
    /// The highest digit, 1 to 9.
    pub quality_rate_max: u8,
    /// Thanks.
    pub quality_rate_finish_sound: Option<String>,
    /// Wrap-up lasts until a disposition is set.
    pub disposition_required: bool,
    /// ... or this time is over; 0 means 300.
    pub disposition_timeout_secs: u32,
    /// Service level: answered within so many seconds. Default 20.
    pub service_level_secs: u32,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            agent_announce_sound: None,
            agent_report_wait_time: true,
            record_enabled: true,
            hide_in_caller_id_number: None,
            hide_in_caller_id_name: None,
            append_to_cid_name_on_transfer: String::new(),
            agent_hangup_action: None,
            agent_hangup_transfer_dst: None,
            quality_rate_sound: None,
            quality_rate_max: 5,
            quality_rate_finish_sound: None,
            disposition_required: false,
            disposition_timeout_secs: 0,
            service_level_secs: 20,
        }
    }
}

/// Where an agent is rung.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentPlace {
    /// A phone of ours.
    Extension(String),
    /// An outside number, by the tenant's routes under no extension's class; confirmed by a key.
    Number(String),
}

/// An agent's place in one queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// The queue.
    pub queue: QueueKey,
    /// Lower levels first.
    pub level: u16,
    /// The order within the level.
    pub position: u16,
}

/// An agent as defined. Times are seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentConfig {
    /// Tenant and id.
    pub key: AgentKey,
    /// Shown to people.
    pub name: String,
    /// Where it is rung: one or two places, the first being active unless another is chosen by command.
    pub places: Vec<AgentPlace>,
    /// For logging in from a phone; `None` allows that from the agent's own phone only.
    pub pin: Option<Secret>,
    /// Intent at first start; later the one last ordered is remembered.
    pub status: Intent,
    /// What it serves.
    pub tiers: Vec<Tier>,
    /// Levels by skill, 1 to 100.
    pub skills: BTreeMap<String, u8>,
    /// Its own times.
    pub times: Times,
    /// Wrap-up follows own outbound calls too.
    pub wrap_up_after_outbound: bool,
    /// Both sides hear this before they are bridged.
    pub agent_sound: Option<String>,
    /// A remote agent presses this before it is bridged. Default `1`.
    pub confirm_key: char,
    /// Misses in a row after which it goes on break; 0 never. Default 3.
    pub max_no_answer: u16,
    /// May pick up callers of its queues that ring at other agents. Pickup groups of its phone are another matter.
    #[serde(default = "yes")]
    pub group_pickup: bool,
}

impl AgentConfig {
    /// An agent who is signed out, is rung nowhere and serves no queue.
    pub fn new(key: AgentKey) -> Self {
        Self {
            key,
            name: String::new(),
            places: Vec::new(),
            pin: None,
            status: Intent::LoggedOut,
            tiers: Vec::new(),
            skills: BTreeMap::new(),
            times: Times::default(),
            wrap_up_after_outbound: false,
            agent_sound: None,
            confirm_key: '1',
            max_no_answer: 3,
            group_pickup: true,
        }
    }
}

fn yes() -> bool {
    true
}

/// Times in seconds that may be set on an agent, on a queue and on a tenant; the first that is set counts, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Times {
    /// How long an offer rings; 0 means 20, as does nothing at all.
    pub call_timeout: Option<u32>,
    /// Pause after an unanswered offer.
    pub no_answer_delay_time: Option<u32>,
    /// Pause after a busy phone.
    pub busy_delay_time: Option<u32>,
    /// Pause after a refusal.
    pub reject_delay_time: Option<u32>,
    /// After a conversation.
    pub wrap_up_time: Option<u32>,
}

/// Everything that the distributor is configured with.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AcdConfig {
    /// Queues, by tenant and number.
    pub queues: Vec<QueueConfig>,
    /// Agents, by tenant and id.
    pub agents: Vec<AgentConfig>,
    /// What holds for whole tenants.
    pub tenants: BTreeMap<TenantId, TenantAcd>,
}

/// What holds for all queues and agents of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TenantAcd {
    /// Times where neither agent nor queue sets its own.
    pub times: Times,
    /// Offset of the tenant's midnight from UTC in seconds, now; the shell keeps it in step with the time zone.
    pub utc_offset_secs: i32,
}
