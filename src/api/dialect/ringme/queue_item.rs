//! A queue's parameters, in the document's words and in ours.

use serde_json::{Map, Value};
use strowger_core::vocab::acd::{
    Choice, HangupAction, Limits, QueueConfig, QueueKey, Service, Strategy, Voicemail, WaitSound,
    ranges,
};
use strowger_core::vocab::config::Destination;

use super::client::Client;
use super::fields::{Fields, Given};
use super::ids::{self, bare, shown};
use super::refusal::Refusal;
use crate::api::app::App;

/// A new queue, with the document's defaults.
pub(super) fn fresh(key: QueueKey, name: String) -> QueueConfig {
    let choice = Choice { strategy: Strategy::RoundRobin, ..Choice::default() };
    let voicemail = Voicemail { enabled: true, ..Voicemail::default() };
    QueueConfig { name, choice, voicemail, ..QueueConfig::new(key) }
}

/// The prompts of a queue under the document's names.
pub(super) fn sounds(queue: &QueueConfig) -> [(&'static str, Option<&String>); 7] {
    let (voice, service) = (&queue.voice, &queue.service);
    [
        ("agent_announce_sound", service.agent_announce_sound.as_ref()),
        ("announce_sound", voice.announce_sound.as_ref()),
        ("quality_rate_finish_sound", service.quality_rate_finish_sound.as_ref()),
        ("quality_rate_sound", service.quality_rate_sound.as_ref()),
        ("sound", voice.sound.as_ref()),
        ("start_sound", voice.start_sound.as_ref()),
        ("vm_greeting", queue.voicemail.greeting.as_ref()),
    ]
}

/// A number, where 0 is that nothing is set.
fn number(value: u32) -> Value {
    if value == 0 { Value::Null } else { value.into() }
}

fn text(value: &str) -> Value {
    if value.is_empty() { Value::Null } else { value.into() }
}

fn place(to: Option<&Destination>) -> Value {
    match to {
        None => Value::Null,
        Some(Destination::Extension(key)) => shown(&key.number).into(),
        Some(Destination::Queue(key)) => shown(&key.number).into(),
        Some(other) => other.to_string().into(),
    }
}

/// Everything but the prompts.
fn values(queue: &QueueConfig) -> [(&'static str, Value); 28] {
    let QueueConfig { choice, limits, voice, service, voicemail, .. } = queue;
    let rating = service.agent_hangup_action == Some(HangupAction::QualityRate);
    let best = u32::from(service.quality_rate_max);
    let action = service.agent_hangup_action.map(|action| match action {
        HangupAction::Transfer => "transfer",
        HangupAction::QualityRate => "quality_rate",
    });
    let sound_type = match voice.sound_type {
        WaitSound::Music => "music",
        WaitSound::Ring => "ring",
    };
    [
        ("agent_hangup_action", action.into()),
        ("agent_hangup_transfer_dst", place(service.agent_hangup_transfer_dst.as_ref())),
        ("agent_report_wait_time", service.agent_report_wait_time.into()),
        ("announce_frequency", number(voice.announce_frequency)),
        ("append_to_cid_name_on_transfer", text(&service.append_to_cid_name_on_transfer)),
        ("disable_answer", voice.disable_answer.into()),
        ("exit_key", limits.exit_key.map(String::from).into()),
        ("exit_transfer_dst", place(limits.exit_transfer_dst.as_ref())),
        ("exit_with_no_av_agents", limits.exit_with_no_av_agents.into()),
        ("hide_in_caller_id_name", service.hide_in_caller_id_name.clone().into()),
        ("hide_in_caller_id_number", service.hide_in_caller_id_number.clone().into()),
        ("max_wait_time", number(limits.max_wait_time)),
        ("max_wait_time_with_no_agent", number(limits.max_wait_time_with_no_agent)),
        ("no_agent_timeout_transfer_dst", place(limits.no_agent_timeout_transfer_dst.as_ref())),
        ("position_announce_frequency", number(voice.position_announce_frequency)),
        ("quality_rate_max", if rating { best.into() } else { Value::Null }),
        ("record_enabled", service.record_enabled.into()),
        ("skip_busy_agents", choice.skip_busy_agents.into()),
        ("sound_type", sound_type.into()),
        ("strategy", choice.strategy.as_str().into()),
        ("tier_rule_wait_multiply_level", choice.tier_rule_wait_multiply_level.into()),
        ("tier_rule_wait_second", number(choice.tier_rule_wait_second)),
        ("tier_rules_apply", choice.tier_rules_apply.into()),
        ("timeout_transfer_dst", place(limits.timeout_transfer_dst.as_ref())),
        ("try_same_agent_time", number(choice.try_same_agent_time)),
        ("vm_attach_file", voicemail.attach_file.into()),
        ("vm_enabled", voicemail.enabled.into()),
        ("vm_mailto", text(&voicemail.mailto)),
    ]
}

/// As the document shows it.
pub(super) async fn show(
    app: &App,
    client: &Client,
    queue: &QueueConfig,
) -> Result<Value, Refusal> {
    let mut item = Map::new();
    let named = sounds(queue);
    let prompts = named.iter().filter_map(|(_, prompt)| prompt.cloned()).collect();
    let mut numbers = client.ids_of(app, ids::SOUNDS, prompts).await?.into_iter();
    for (key, prompt) in named {
        let id = prompt.and_then(|_| numbers.next());
        item.insert(key.into(), id.map_or(Value::Null, Value::from));
    }
    item.extend(values(queue).into_iter().map(|(key, value)| (key.to_owned(), value)));
    Ok(Value::Object(item))
}

/// Changes what is given; what is left out stays, null and 0 are the default.
pub(super) async fn change(
    app: &App,
    client: &Client,
    fields: &Fields,
    queue: &mut QueueConfig,
) -> Result<(), Refusal> {
    choice(fields, &mut queue.choice)?;
    let tenant = queue.key.tenant.clone();
    limits(fields, &mut queue.limits, &tenant)?;
    service(fields, &mut queue.service, &tenant)?;
    voicemail(fields, &mut queue.voicemail)?;
    let voice = &mut queue.voice;
    voice.disable_answer = fields.flag("disable_answer")?.over(voice.disable_answer, false);
    seconds(fields, "announce_frequency", &mut voice.announce_frequency, &ranges::FREQUENCY)?;
    let frequency = &mut voice.position_announce_frequency;
    seconds(fields, "position_announce_frequency", frequency, &ranges::FREQUENCY)?;
    voice.sound_type = match fields.text("sound_type", 16)? {
        Given::Absent => voice.sound_type,
        Given::Null => WaitSound::Music,
        Given::Value(text) if text == "music" => WaitSound::Music,
        Given::Value(text) if text == "ring" => WaitSound::Ring,
        Given::Value(_) => return Err(Refusal::wrong("sound_type", "write music or ring")),
    };
    sound(app, client, fields, "sound", &mut queue.voice.sound).await?;
    sound(app, client, fields, "start_sound", &mut queue.voice.start_sound).await?;
    sound(app, client, fields, "announce_sound", &mut queue.voice.announce_sound).await?;
    sound(app, client, fields, "vm_greeting", &mut queue.voicemail.greeting).await?;
    let service = &mut queue.service;
    let announce = &mut service.agent_announce_sound;
    sound(app, client, fields, "agent_announce_sound", announce).await?;
    sound(app, client, fields, "quality_rate_sound", &mut service.quality_rate_sound).await?;
    let thanks = &mut service.quality_rate_finish_sound;
    sound(app, client, fields, "quality_rate_finish_sound", thanks).await?;
    if queue.voice.sound_type == WaitSound::Ring {
        // Callers hear ringback: what they heard before is forgotten.
        queue.voice.sound = None;
    }
    contradictions(queue)
}

fn contradictions(queue: &QueueConfig) -> Result<(), Refusal> {
    let service = &queue.service;
    if service.agent_hangup_action == Some(HangupAction::Transfer)
        && service.agent_hangup_transfer_dst.is_none()
    {
        let words = "agent_hangup_action transfer needs it";
        return Err(Refusal::wrong("agent_hangup_transfer_dst", words));
    }
    if queue.limits.exit_key.is_some() && queue.limits.exit_key == queue.limits.callback_key {
        return Err(Refusal::wrong("exit_key", "the key offers a callback already"));
    }
    Ok(())
}

fn seconds(
    fields: &Fields,
    key: &str,
    present: &mut u32,
    range: &std::ops::RangeInclusive<u32>,
) -> Result<(), Refusal> {
    *present = fields.long(key, range)?.over(*present, 0);
    Ok(())
}

/// A prompt by its id: one that was uploaded, or that a queue has already.
async fn sound(
    app: &App,
    client: &Client,
    fields: &Fields,
    key: &str,
    present: &mut Option<String>,
) -> Result<(), Refusal> {
    *present = match fields.id(key)? {
        Given::Absent => return Ok(()),
        Given::Null => None,
        Given::Value(id) => Some(prompt(app, client, key, id).await?),
    };
    Ok(())
}

/// The prompt that has an id.
pub(super) async fn prompt(
    app: &App,
    client: &Client,
    key: &str,
    id: u32,
) -> Result<String, Refusal> {
    let name = client.name_of(app, ids::SOUNDS, id.into()).await?;
    let name = name.ok_or_else(|| Refusal::wrong(key, format!("there is no sound {id}")))?;
    match super::sounds::is_there(app, client, &name).await? {
        true => Ok(name),
        false => Err(Refusal::wrong(key, format!("sound {id} has been removed"))),
    }
}

fn choice(fields: &Fields, choice: &mut Choice) -> Result<(), Refusal> {
    choice.strategy = match fields.text("strategy", 64)? {
        Given::Absent => choice.strategy,
        Given::Null => Strategy::RoundRobin,
        Given::Value(name) => Strategy::from_name(&name).ok_or_else(|| {
            let all = Strategy::ALL.map(Strategy::as_str).join(", ");
            Refusal::wrong("strategy", format!("choose from {all}"))
        })?,
    };
    let flags = [
        ("tier_rules_apply", &mut choice.tier_rules_apply),
        ("tier_rule_wait_multiply_level", &mut choice.tier_rule_wait_multiply_level),
        ("skip_busy_agents", &mut choice.skip_busy_agents),
    ];
    for (key, flag) in flags {
        *flag = fields.flag(key)?.over(*flag, true);
    }
    let wait = &mut choice.tier_rule_wait_second;
    seconds(fields, "tier_rule_wait_second", wait, &ranges::TIER_WAIT)?;
    seconds(fields, "try_same_agent_time", &mut choice.try_same_agent_time, &ranges::SAME_AGENT)
}

fn limits(fields: &Fields, limits: &mut Limits, tenant: &str) -> Result<(), Refusal> {
    seconds(fields, "max_wait_time", &mut limits.max_wait_time, &ranges::WAIT)?;
    let alone = &mut limits.max_wait_time_with_no_agent;
    seconds(fields, "max_wait_time_with_no_agent", alone, &ranges::WAIT)?;
    let flag = &mut limits.exit_with_no_av_agents;
    *flag = fields.flag("exit_with_no_av_agents")?.over(*flag, true);
    destination(fields, "timeout_transfer_dst", &mut limits.timeout_transfer_dst, tenant)?;
    let alone = &mut limits.no_agent_timeout_transfer_dst;
    destination(fields, "no_agent_timeout_transfer_dst", alone, tenant)?;
    destination(fields, "exit_transfer_dst", &mut limits.exit_transfer_dst, tenant)?;
    limits.exit_key = match fields.text("exit_key", 8)? {
        Given::Absent => limits.exit_key,
        Given::Null => None,
        Given::Value(text) => match text.as_bytes() {
            [key @ (b'0'..=b'9' | b'*' | b'#')] => Some(char::from(*key)),
            _ => return Err(Refusal::wrong("exit_key", "write one of 0-9, * and #")),
        },
    };
    Ok(())
}

/// A number that can be dialled, `000*103`, or what queues of the configuration lead to.
fn destination(
    fields: &Fields,
    key: &str,
    present: &mut Option<Destination>,
    tenant: &str,
) -> Result<(), Refusal> {
    *present = match fields.text(key, 128)? {
        Given::Absent => return Ok(()),
        Given::Null => None,
        Given::Value(text) => {
            let to = Destination::parse(bare(&text), tenant);
            let words = "write a number that can be dialled, such as 333 or 000*103";
            Some(to.ok_or_else(|| Refusal::wrong(key, words))?)
        }
    };
    Ok(())
}

fn service(fields: &Fields, service: &mut Service, tenant: &str) -> Result<(), Refusal> {
    let flag = &mut service.agent_report_wait_time;
    *flag = fields.flag("agent_report_wait_time")?.over(*flag, true);
    service.record_enabled = fields.flag("record_enabled")?.over(service.record_enabled, true);
    let suffix = fields.text("append_to_cid_name_on_transfer", ranges::NAME_BYTES)?;
    let present = std::mem::take(&mut service.append_to_cid_name_on_transfer);
    service.append_to_cid_name_on_transfer = suffix.over(present, String::new());
    for (key, text) in [
        ("hide_in_caller_id_number", &mut service.hide_in_caller_id_number),
        ("hide_in_caller_id_name", &mut service.hide_in_caller_id_name),
    ] {
        *text = fields.text(key, ranges::NAME_BYTES)?.over_option(text.take());
    }
    service.agent_hangup_action = match fields.text("agent_hangup_action", 32)? {
        Given::Absent => service.agent_hangup_action,
        Given::Null => None,
        Given::Value(text) if text == "transfer" => Some(HangupAction::Transfer),
        Given::Value(text) if text == "quality_rate" => Some(HangupAction::QualityRate),
        Given::Value(_) => {
            return Err(Refusal::wrong("agent_hangup_action", "write transfer or quality_rate"));
        }
    };
    let dst = &mut service.agent_hangup_transfer_dst;
    destination(fields, "agent_hangup_transfer_dst", dst, tenant)?;
    let best = fields.long("quality_rate_max", &(0..=*ranges::RATE.end()))?;
    let best = best.over(service.quality_rate_max.into(), 0);
    service.quality_rate_max = match u8::try_from(best) {
        Ok(best @ 1..) => best,
        _ => Service::default().quality_rate_max,
    };
    Ok(())
}

fn voicemail(fields: &Fields, voicemail: &mut Voicemail) -> Result<(), Refusal> {
    voicemail.enabled = fields.flag("vm_enabled")?.over(voicemail.enabled, true);
    voicemail.attach_file = fields.flag("vm_attach_file")?.over(voicemail.attach_file, true);
    let mailto = fields.text("vm_mailto", 254)?;
    if let Given::Value(address) = &mailto {
        let parts = address.split_once('@');
        let sound = parts.is_some_and(|(user, host)| {
            !user.is_empty() && !host.is_empty() && !host.contains('@') && !address.contains(' ')
        });
        if !sound {
            return Err(Refusal::wrong("vm_mailto", "write an address such as queue@pbx.example"));
        }
    }
    let present = std::mem::take(&mut voicemail.mailto);
    voicemail.mailto = mailto.over(present, String::new());
    Ok(())
}
