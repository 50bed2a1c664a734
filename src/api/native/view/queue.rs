//! Queues, their parameters and their callers.

use serde::{Deserialize, Serialize};
use strowger_core::vocab::acd::{
    Choice, HangupAction, Limits, MemberState, MemberView, QueueConfig, QueueKey, QueueView,
    Service, SkillNeed, Strategy, Times, Voice, Voicemail, WaitSound, ranges,
};
use strowger_core::vocab::config::Destination;
use utoipa::ToSchema;

use crate::api::extract::Example;
use crate::api::native::check::Check;
use crate::api::problem::Problem;

/// A skill that callers need.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api::native) struct SkillItem {
    /// Its name.
    name: String,
    /// The least level, 1 to 100.
    level: u32,
    /// The level falls whenever so many seconds have been waited; 0 is never.
    #[serde(default)]
    relax_secs: u32,
    /// ... by so much.
    #[serde(default)]
    relax_by: u32,
}

/// All parameters of a queue, as in the configuration file; what is left out has its default. Times are seconds.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[allow(clippy::struct_excessive_bools)]
pub(in crate::api::native) struct QueueSettings {
    /// Shown to people; the number where it is empty.
    name: String,
    /// One of the ten strategies of docs/queues.md.
    strategy: String,
    weight: u32,
    aging_secs: u32,
    ring_all_max: u32,
    progressive_delay: u32,
    tier_rules_apply: bool,
    tier_rule_wait_second: u32,
    tier_rule_wait_multiply_level: bool,
    skip_busy_agents: bool,
    try_same_agent_time: u32,
    skills: Vec<SkillItem>,
    max_length: u32,
    max_wait_time: u32,
    timeout_transfer_dst: Option<String>,
    max_wait_time_with_no_agent: u32,
    no_agent_timeout_transfer_dst: Option<String>,
    exit_with_no_av_agents: bool,
    full_transfer_dst: Option<String>,
    exit_key: Option<String>,
    exit_transfer_dst: Option<String>,
    callback_key: Option<String>,
    /// Classes of routes by which callers from outside are called back.
    callback_classes: Vec<String>,
    disable_answer: bool,
    /// `music` or `ring`.
    sound_type: String,
    sound: Option<String>,
    start_sound: Option<String>,
    announce_sound: Option<String>,
    announce_frequency: u32,
    position_announce_frequency: u32,
    announce_wait: bool,
    agent_announce_sound: Option<String>,
    agent_report_wait_time: bool,
    record_enabled: bool,
    hide_in_caller_id_number: Option<String>,
    hide_in_caller_id_name: Option<String>,
    append_to_cid_name_on_transfer: String,
    /// `transfer`, `quality_rate` or null.
    agent_hangup_action: Option<String>,
    agent_hangup_transfer_dst: Option<String>,
    quality_rate_sound: Option<String>,
    quality_rate_max: u32,
    quality_rate_finish_sound: Option<String>,
    disposition_required: bool,
    disposition_timeout_secs: u32,
    service_level_secs: u32,
    vm_enabled: bool,
    vm_greeting: Option<String>,
    vm_mailto: String,
    vm_attach_file: bool,
    call_timeout: Option<u32>,
    no_answer_delay_time: Option<u32>,
    busy_delay_time: Option<u32>,
    reject_delay_time: Option<u32>,
    wrap_up_time: Option<u32>,
}

impl Default for QueueSettings {
    fn default() -> Self {
        QueueConfig {
            key: QueueKey { tenant: String::new(), number: String::new() },
            name: String::new(),
            choice: Choice::default(),
            limits: Limits::default(),
            voice: Voice::default(),
            service: Service::default(),
            voicemail: Voicemail::default(),
            times: Times::default(),
        }
        .into()
    }
}

impl Example for QueueSettings {
    const EXAMPLE: &'static str =
        r#"{"name": "Support", "strategy": "longest-idle-agent", "max_wait_time": 300}"#;
}

impl From<QueueConfig> for QueueSettings {
    fn from(queue: QueueConfig) -> Self {
        let QueueConfig { name, choice, limits, voice, service, voicemail, times, .. } = queue;
        let to = |to: Option<Destination>| to.map(|to| to.to_string());
        let key = |key: Option<char>| key.map(String::from);
        let skill = |need: SkillNeed| SkillItem {
            name: need.name,
            level: need.level.into(),
            relax_secs: need.relax_secs,
            relax_by: need.relax_by.into(),
        };
        Self {
            name,
            strategy: choice.strategy.as_str().to_owned(),
            weight: choice.weight,
            aging_secs: choice.aging_secs,
            ring_all_max: choice.ring_all_max.into(),
            progressive_delay: choice.progressive_delay,
            tier_rules_apply: choice.tier_rules_apply,
            tier_rule_wait_second: choice.tier_rule_wait_second,
            tier_rule_wait_multiply_level: choice.tier_rule_wait_multiply_level,
            skip_busy_agents: choice.skip_busy_agents,
            try_same_agent_time: choice.try_same_agent_time,
            skills: choice.skills.into_iter().map(skill).collect(),
            max_length: limits.max_length.into(),
            max_wait_time: limits.max_wait_time,
            timeout_transfer_dst: to(limits.timeout_transfer_dst),
            max_wait_time_with_no_agent: limits.max_wait_time_with_no_agent,
            no_agent_timeout_transfer_dst: to(limits.no_agent_timeout_transfer_dst),
            exit_with_no_av_agents: limits.exit_with_no_av_agents,
            full_transfer_dst: to(limits.full_transfer_dst),
            exit_key: key(limits.exit_key),
            exit_transfer_dst: to(limits.exit_transfer_dst),
            callback_key: key(limits.callback_key),
            callback_classes: limits.callback_classes,
            disable_answer: voice.disable_answer,
            sound_type: sound_type(voice.sound_type).to_owned(),
            sound: voice.sound,
            start_sound: voice.start_sound,
            announce_sound: voice.announce_sound,
            announce_frequency: voice.announce_frequency,
            position_announce_frequency: voice.position_announce_frequency,
            announce_wait: voice.announce_wait,
            agent_announce_sound: service.agent_announce_sound,
            agent_report_wait_time: service.agent_report_wait_time,
            record_enabled: service.record_enabled,
            hide_in_caller_id_number: service.hide_in_caller_id_number,
            hide_in_caller_id_name: service.hide_in_caller_id_name,
            append_to_cid_name_on_transfer: service.append_to_cid_name_on_transfer,
            agent_hangup_action: service
                .agent_hangup_action
                .map(|action| hangup_action(action).to_owned()),
            agent_hangup_transfer_dst: to(service.agent_hangup_transfer_dst),
            quality_rate_sound: service.quality_rate_sound,
            quality_rate_max: service.quality_rate_max.into(),
            quality_rate_finish_sound: service.quality_rate_finish_sound,
            disposition_required: service.disposition_required,
            disposition_timeout_secs: service.disposition_timeout_secs,
            service_level_secs: service.service_level_secs,
            vm_enabled: voicemail.enabled,
            vm_greeting: voicemail.greeting,
            vm_mailto: voicemail.mailto,
            vm_attach_file: voicemail.attach_file,
            call_timeout: times.call_timeout,
            no_answer_delay_time: times.no_answer_delay_time,
            busy_delay_time: times.busy_delay_time,
            reject_delay_time: times.reject_delay_time,
            wrap_up_time: times.wrap_up_time,
        }
    }
}

fn sound_type(sound: WaitSound) -> &'static str {
    match sound {
        WaitSound::Music => "music",
        WaitSound::Ring => "ring",
    }
}

fn hangup_action(action: HangupAction) -> &'static str {
    match action {
        HangupAction::Transfer => "transfer",
        HangupAction::QualityRate => "quality_rate",
    }
}

/// A queue as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct QueueItem {
    /// Its number.
    number: String,
    /// Defined in the configuration file, and so not over HTTP.
    from_file: bool,
    /// Callers that wait, those that are being offered and awaited callbacks included.
    waiting: usize,
    /// Of those, how many are being offered now.
    trying: usize,
    /// Callers that talk with an agent.
    answered: usize,
    /// The longest present wait in ms.
    longest_wait_ms: u64,
    /// Agents logged in.
    agents_logged_in: usize,
    /// Agents that could be offered a caller now.
    agents_ready: usize,
    /// Estimated wait of a caller who joins now; null where it cannot be told.
    estimated_wait_secs: Option<u32>,
    /// Its parameters.
    settings: QueueSettings,
}

impl From<QueueView> for QueueItem {
    fn from(view: QueueView) -> Self {
        Self {
            number: view.config.key.number.clone(),
            from_file: view.from_file,
            waiting: view.waiting,
            trying: view.trying,
            answered: view.answered,
            longest_wait_ms: view.longest_wait_ms,
            agents_logged_in: view.agents_logged_in,
            agents_ready: view.agents_ready,
            estimated_wait_secs: view.estimated_wait_secs,
            settings: view.config.into(),
        }
    }
}

/// A caller of a queue.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct MemberItem {
    /// The caller's call.
    call: String,
    /// `waiting`, `trying`, `answered` or `callback`.
    #[schema(value_type = String)]
    state: MemberState,
    /// The caller's number.
    number: String,
    /// From 1; 0 once answered.
    position: usize,
    /// Priority now.
    priority: u32,
    /// Joined, ms since the Unix epoch.
    joined_at: u64,
    /// The agents that ring, or the one that talks.
    agents: Vec<String>,
}

impl From<MemberView> for MemberItem {
    fn from(view: MemberView) -> Self {
        Self {
            call: view.call.to_string(),
            state: view.state,
            number: view.number,
            position: view.position,
            priority: view.priority,
            joined_at: view.joined_at,
            agents: view.agents.into_iter().map(|agent| agent.id).collect(),
        }
    }
}

impl QueueSettings {
    /// The definition of the queue `key`.
    ///
    /// # Errors
    /// 422 with everything that is wrong.
    pub(in crate::api::native) fn define(self, key: QueueKey) -> Result<QueueConfig, Problem> {
        let tenant = key.tenant.clone();
        let mut check = Check::of(&tenant);
        let settings = self;
        let name = check.shown("name", settings.name.clone());
        let queue = QueueConfig {
            name: if name.is_empty() { key.number.clone() } else { name },
            choice: settings.choice(&mut check),
            limits: settings.limits(&mut check, &tenant),
            voice: settings.voice(&mut check),
            service: settings.service(&mut check, &tenant),
            voicemail: settings.voicemail(&mut check),
            times: settings.times(&mut check),
            key,
        };
        contradictions(&mut check, &queue);
        check.finish(queue)
    }

    fn choice(&self, check: &mut Check) -> Choice {
        let strategy = Strategy::from_name(&self.strategy).unwrap_or_else(|| {
            let all = Strategy::ALL.map(Strategy::as_str).join(", ");
            check.wrong("strategy", format!("\"{}\" is none; choose from {all}", self.strategy));
            Strategy::default()
        });
        let mut skills = Vec::new();
        for skill in &self.skills {
            check.name("skills.name", &skill.name);
            skills.push(SkillNeed {
                name: skill.name.clone(),
                level: check.number("skills.level", skill.level, &ranges::SKILL),
                relax_secs: check.number("skills.relax_secs", skill.relax_secs, &ranges::AGING),
                relax_by: check.number("skills.relax_by", skill.relax_by, &ranges::RELAX),
            });
        }
        if skills.len() > ranges::LISTED {
            check.wrong("skills", format!("at most {}", ranges::LISTED));
        }
        let wait = self.tier_rule_wait_second;
        Choice {
            strategy,
            weight: check.number("weight", self.weight, &ranges::WEIGHT),
            aging_secs: check.number("aging_secs", self.aging_secs, &ranges::AGING),
            ring_all_max: check.number("ring_all_max", self.ring_all_max, &ranges::RING_ALL),
            progressive_delay: check.number(
                "progressive_delay",
                self.progressive_delay,
                &ranges::PROGRESSIVE,
            ),
            tier_rules_apply: self.tier_rules_apply,
            tier_rule_wait_second: check.number("tier_rule_wait_second", wait, &ranges::TIER_WAIT),
            tier_rule_wait_multiply_level: self.tier_rule_wait_multiply_level,
            skip_busy_agents: self.skip_busy_agents,
            try_same_agent_time: check.number(
                "try_same_agent_time",
                self.try_same_agent_time,
                &ranges::SAME_AGENT,
            ),
            skills,
        }
    }

    fn limits(&self, check: &mut Check, tenant: &str) -> Limits {
        let no_agent = self.max_wait_time_with_no_agent;
        let max_length = check.number("max_length", self.max_length, &ranges::LENGTH);
        let max_wait_time = check.number("max_wait_time", self.max_wait_time, &ranges::WAIT);
        let no_agent = check.number("max_wait_time_with_no_agent", no_agent, &ranges::WAIT);
        let exit_key = check.key("exit_key", self.exit_key.clone());
        let callback_key = check.key("callback_key", self.callback_key.clone());
        self.callback_classes.iter().for_each(|class| check.name("callback_classes", class));
        let mut to = |key, text: &Option<String>| check.destination(key, text.clone(), tenant);
        Limits {
            max_length,
            max_wait_time,
            timeout_transfer_dst: to("timeout_transfer_dst", &self.timeout_transfer_dst),
            max_wait_time_with_no_agent: no_agent,
            no_agent_timeout_transfer_dst: to(
                "no_agent_timeout_transfer_dst",
                &self.no_agent_timeout_transfer_dst,
            ),
            exit_with_no_av_agents: self.exit_with_no_av_agents,
            full_transfer_dst: to("full_transfer_dst", &self.full_transfer_dst),
            exit_key,
            exit_transfer_dst: to("exit_transfer_dst", &self.exit_transfer_dst),
            callback_key,
            callback_classes: self.callback_classes.clone(),
        }
    }

    fn voice(&self, check: &mut Check) -> Voice {
        let sound_type = match self.sound_type.as_str() {
            "music" => WaitSound::Music,
            "ring" => WaitSound::Ring,
            _ => {
                check.wrong("sound_type", "write \"music\" or \"ring\"");
                WaitSound::default()
            }
        };
        let (announce, position) = (self.announce_frequency, self.position_announce_frequency);
        let announce = check.number("announce_frequency", announce, &ranges::FREQUENCY);
        let position = check.number("position_announce_frequency", position, &ranges::FREQUENCY);
        Voice {
            disable_answer: self.disable_answer,
            sound_type,
            sound: check.prompt("sound", self.sound.clone()),
            start_sound: check.prompt("start_sound", self.start_sound.clone()),
            announce_sound: check.prompt("announce_sound", self.announce_sound.clone()),
            announce_frequency: announce,
            position_announce_frequency: position,
            announce_wait: self.announce_wait,
        }
    }

    fn service(&self, check: &mut Check, tenant: &str) -> Service {
        let action = match self.agent_hangup_action.as_deref() {
            None | Some("") => None,
            Some("transfer") => Some(HangupAction::Transfer),
            Some("quality_rate") => Some(HangupAction::QualityRate),
            Some(_) => {
                check.wrong("agent_hangup_action", "write \"transfer\" or \"quality_rate\"");
                None
            }
        };
        let text = |check: &mut Check, key, text: &Option<String>| {
            text.clone().filter(|text| !text.is_empty()).map(|text| check.shown(key, text))
        };
        let to = self.agent_hangup_transfer_dst.clone();
        let timeout = self.disposition_timeout_secs;
        let finish = self.quality_rate_finish_sound.clone();
        let append = self.append_to_cid_name_on_transfer.clone();
        Service {
            agent_announce_sound: check
                .prompt("agent_announce_sound", self.agent_announce_sound.clone()),
            agent_report_wait_time: self.agent_report_wait_time,
            record_enabled: self.record_enabled,
            hide_in_caller_id_number: text(
                check,
                "hide_in_caller_id_number",
                &self.hide_in_caller_id_number,
            ),
            hide_in_caller_id_name: text(
                check,
                "hide_in_caller_id_name",
                &self.hide_in_caller_id_name,
            ),
            append_to_cid_name_on_transfer: check.shown("append_to_cid_name_on_transfer", append),
            agent_hangup_action: action,
            agent_hangup_transfer_dst: check.destination("agent_hangup_transfer_dst", to, tenant),
            quality_rate_sound: check.prompt("quality_rate_sound", self.quality_rate_sound.clone()),
            quality_rate_max: check.number(
                "quality_rate_max",
                self.quality_rate_max,
                &ranges::RATE,
            ),
            quality_rate_finish_sound: check.prompt("quality_rate_finish_sound", finish),
            disposition_required: self.disposition_required,
            disposition_timeout_secs: check.number(
                "disposition_timeout_secs",
                timeout,
                &ranges::DISPOSITION,
            ),
            service_level_secs: check.number(
                "service_level_secs",
                self.service_level_secs,
                &ranges::SERVICE_LEVEL,
            ),
        }
    }

    fn voicemail(&self, check: &mut Check) -> Voicemail {
        let mailto = self.vm_mailto.as_str();
        let plain = !mailto.contains(|c: char| c.is_control() || c.is_whitespace() || c == ',');
        let sound = mailto.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty() && !host.is_empty() && !host.contains('@') && mailto.len() <= 254
        });
        let good = mailto.is_empty() || sound && plain;
        if !good {
            check.wrong("vm_mailto", "write an address such as \"support@example.com\"");
        }
        Voicemail {
            enabled: self.vm_enabled,
            greeting: check.prompt("vm_greeting", self.vm_greeting.clone()),
            mailto: mailto.to_owned(),
            attach_file: self.vm_attach_file,
        }
    }

    fn times(&self, check: &mut Check) -> Times {
        times(
            check,
            [
                self.call_timeout,
                self.no_answer_delay_time,
                self.busy_delay_time,
                self.reject_delay_time,
                self.wrap_up_time,
            ],
        )
    }
}

/// `call_timeout`, the three delays and `wrap_up_time`, in this order.
pub(in crate::api::native) fn times(check: &mut Check, times: [Option<u32>; 5]) -> Times {
    let [call_timeout, no_answer, busy, reject, wrap_up] = times;
    let mut delay =
        |key, time: Option<u32>, range: &_| time.map(|time| check.number(key, time, range));
    Times {
        call_timeout: delay("call_timeout", call_timeout, &ranges::CALL_TIMEOUT),
        no_answer_delay_time: delay("no_answer_delay_time", no_answer, &ranges::DELAY),
        busy_delay_time: delay("busy_delay_time", busy, &ranges::DELAY),
        reject_delay_time: delay("reject_delay_time", reject, &ranges::DELAY),
        wrap_up_time: delay("wrap_up_time", wrap_up, &ranges::DELAY),
    }
}

/// What is sound by itself and makes no sense together.
fn contradictions(check: &mut Check, queue: &QueueConfig) {
    let (limits, service) = (&queue.limits, &queue.service);
    for (key, destination) in queue.destinations() {
        if *destination == Destination::Queue(queue.key.clone())
            && key != "agent_hangup_transfer_dst"
        {
            check.wrong(key, "leads back into the same queue; write another destination");
        }
    }
    if limits.exit_key.is_some() && limits.exit_key == limits.callback_key {
        check.wrong("callback_key", "is exit_key too; choose another key");
    }
    match service.agent_hangup_action {
        Some(HangupAction::Transfer) if service.agent_hangup_transfer_dst.is_none() => {
            check.wrong("agent_hangup_transfer_dst", "needed by agent_hangup_action");
        }
        Some(HangupAction::QualityRate) if service.quality_rate_sound.is_none() => {
            check.wrong("quality_rate_sound", "needed by agent_hangup_action");
        }
        _ => {}
    }
    if queue.voice.announce_frequency > 0 && queue.voice.announce_sound.is_none() {
        check.wrong("announce_sound", "needed by announce_frequency");
    }
}
