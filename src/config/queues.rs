//! `[[queue]]`: the parameters stand flat under their own names.

use strowger_core::vocab::acd::{
    Choice, HangupAction, Limits, QueueConfig, QueueKey, Service, SkillNeed, Strategy, Times,
    Voice, Voicemail, WaitSound, ranges,
};

use super::destination::of_queue;
use super::general::checked;
use super::names::{Names, Taken};
use super::table::{At, Table};
use super::values;

/// Queues whose numbers are known; the rest is read when everything that they may name is.
pub(super) type Tables<'d> = Vec<(Option<QueueKey>, Table<'d>)>;

/// Enters the numbers of all queues.
pub(super) fn numbers<'d>(root: &Table<'d>, names: &mut Names) -> Tables<'d> {
    let mut found = Vec::new();
    for table in root.tables("queue", "[[queue]]") {
        let tenant = names.tenant(&table);
        let number = table.required_text("number", "digits such as \"9001\"");
        let valid = checked(&table, "number", number, values::digits);
        if let (Some(tenant), Some(number), Some(())) = (&tenant, number, valid) {
            names.add_number(&table, tenant, number, Taken::Queue);
        }
        let number = number.map(|number| number.value.to_owned());
        found.push((tenant.zip(number).map(|(tenant, number)| QueueKey { tenant, number }), table));
    }
    found
}

/// Everything else of them, by tenant and number.
pub(super) fn queues(tables: Tables<'_>, names: &Names) -> Vec<QueueConfig> {
    let mut queues = Vec::new();
    for (key, table) in tables {
        let name = table.text("name", "a name such as \"Support\"");
        let name = checked(&table, "name", name, shown);
        let known = key.clone().unwrap_or_else(nobody);
        let queue = QueueConfig {
            name: name.unwrap_or_else(|| known.number.clone()),
            choice: choice(&table),
            limits: limits(&table, &known, names),
            voice: voice(&table),
            service: service(&table, &known, names),
            voicemail: voicemail(&table),
            times: times(&table),
            key: known,
        };
        contradictions(&table, &queue);
        queues.extend(key.map(|_| queue));
        table.finish();
    }
    queues.sort_by(|a, b| a.key.cmp(&b.key));
    queues
}

/// Stands in while the rest of a table without a key is looked through for further mistakes.
fn nobody() -> QueueKey {
    QueueKey { tenant: String::new(), number: String::new() }
}

/// A name for people, or a text that replaces one.
pub(super) fn shown(text: &str) -> Result<String, String> {
    let sound = text.len() <= ranges::NAME_BYTES && !text.contains(char::is_control);
    sound.then(|| text.to_owned()).ok_or_else(|| {
        format!("is too long or has control characters; write at most {} bytes", ranges::NAME_BYTES)
    })
}

fn choice(table: &Table<'_>) -> Choice {
    let base = Choice::default();
    let strategy = table.text("strategy", "a strategy such as \"longest-idle-agent\"");
    let number = |key, range, unit| table.number::<u32>(key, range, unit);
    Choice {
        strategy: checked(table, "strategy", strategy, parse_strategy).unwrap_or(base.strategy),
        weight: number("weight", ranges::WEIGHT, "units").unwrap_or(base.weight),
        aging_secs: number("aging_secs", ranges::AGING, "seconds").unwrap_or(base.aging_secs),
        ring_all_max: number("ring_all_max", ranges::RING_ALL, "agents")
            .map_or(base.ring_all_max, narrow),
        progressive_delay: number("progressive_delay", ranges::PROGRESSIVE, "seconds")
            .unwrap_or(base.progressive_delay),
        tier_rules_apply: table.flag("tier_rules_apply").unwrap_or(base.tier_rules_apply),
        tier_rule_wait_second: number("tier_rule_wait_second", ranges::TIER_WAIT, "seconds")
            .unwrap_or(base.tier_rule_wait_second),
        tier_rule_wait_multiply_level: table
            .flag("tier_rule_wait_multiply_level")
            .unwrap_or(base.tier_rule_wait_multiply_level),
        skip_busy_agents: table.flag("skip_busy_agents").unwrap_or(base.skip_busy_agents),
        try_same_agent_time: number("try_same_agent_time", ranges::SAME_AGENT, "seconds")
            .unwrap_or(base.try_same_agent_time),
        skills: skills(table),
    }
}

/// A number whose range fits.
pub(super) fn narrow(number: u32) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

fn parse_strategy(text: &str) -> Result<Strategy, String> {
    Strategy::from_name(text).ok_or_else(|| {
        let all = Strategy::ALL.map(Strategy::as_str).join(", ");
        format!("\"{text}\" is no strategy; choose from {all}")
    })
}

fn skills(table: &Table<'_>) -> Vec<SkillNeed> {
    let mut needs: Vec<SkillNeed> = Vec::new();
    for row in table.tables("skills", "[[queue]] skills") {
        let name = row.required_text("name", "a skill such as \"german\"");
        let valid = checked(&row, "name", name, values::name);
        let percent = |key, range| {
            let level = row.number::<u32>(key, range, "percent");
            level.map(|level| u8::try_from(level).unwrap_or(u8::MAX))
        };
        let level = percent("level", ranges::SKILL).unwrap_or(1);
        let relax_by = percent("relax_by", ranges::RELAX).unwrap_or(0);
        let relax_secs = row.number("relax_secs", ranges::AGING, "seconds").unwrap_or(0);
        if let (Some(name), Some(())) = (name, valid) {
            if needs.iter().any(|need| need.name == name.value) {
                row.wrong(name.line, "name", &format!("\"{}\" stands there twice", name.value));
            }
            needs.push(SkillNeed { name: name.value.to_owned(), level, relax_secs, relax_by });
        }
        row.finish();
    }
    if needs.len() > ranges::LISTED {
        table.wrong(table.line(), "skills", &format!("more than {}", ranges::LISTED));
    }
    needs
}

fn limits(table: &Table<'_>, queue: &QueueKey, names: &Names) -> Limits {
    let base = Limits::default();
    let to = |key| {
        let found = of_queue(table, key, &queue.tenant, names)?;
        let own =
            matches!(&found, strowger_core::vocab::config::Destination::Queue(to) if to == queue);
        if own {
            let line = table.text_again(key).map_or(table.line(), |text| text.line);
            table.wrong(line, key, "leads back into the same queue; write another destination");
        }
        Some(found)
    };
    let wait = |key| table.number::<u32>(key, ranges::WAIT, "seconds").unwrap_or(0);
    Limits {
        max_length: table
            .number::<u32>("max_length", ranges::LENGTH, "callers")
            .map_or(base.max_length, narrow),
        max_wait_time: wait("max_wait_time"),
        timeout_transfer_dst: to("timeout_transfer_dst"),
        max_wait_time_with_no_agent: wait("max_wait_time_with_no_agent"),
        no_agent_timeout_transfer_dst: to("no_agent_timeout_transfer_dst"),
        exit_with_no_av_agents: table
            .flag("exit_with_no_av_agents")
            .unwrap_or(base.exit_with_no_av_agents),
        full_transfer_dst: to("full_transfer_dst"),
        exit_key: key(table, "exit_key"),
        exit_transfer_dst: to("exit_transfer_dst"),
        callback_key: key(table, "callback_key"),
        callback_classes: classes(table).unwrap_or(base.callback_classes),
    }
}

/// Classes of routes.
fn classes(table: &Table<'_>) -> Option<Vec<String>> {
    let field = "callback_classes";
    let texts = table.texts(field, "a list of the routes' classes such as [\"national\"]")?;
    let check = |text: &str| values::name(text).map(|()| text.to_owned());
    Some(texts.into_iter().filter_map(|text| checked(table, field, Some(text), check)).collect())
}

/// A key of a telephone; an empty text is none.
pub(super) fn key(table: &Table<'_>, name: &'static str) -> Option<char> {
    let text = table.text(name, "a key of a telephone such as \"1\"")?;
    checked(table, name, Some(text).filter(|text| !text.value.is_empty()), |text| {
        let mut keys = text.chars();
        match (keys.next(), keys.next()) {
            (Some(key @ ('0'..='9' | '*' | '#')), None) => Ok(key),
            _ => Err(format!("\"{text}\" is no key of a telephone; write one of 0-9, * and #")),
        }
    })
}

fn prompt(table: &Table<'_>, key: &'static str) -> Option<String> {
    let text = table.text(key, "a prompt such as \"en/thank-you\"");
    let text = text.filter(|text| !text.value.is_empty());
    checked(table, key, text, |text| values::prompt(text).map(|()| text.to_owned()))
}

fn voice(table: &Table<'_>) -> Voice {
    let sound_type = table.text("sound_type", "\"music\" or \"ring\"");
    let sound_type = checked(table, "sound_type", sound_type, |text| match text {
        "music" => Ok(WaitSound::Music),
        "ring" => Ok(WaitSound::Ring),
        _ => Err(format!("\"{text}\" is unknown; write \"music\" or \"ring\"")),
    });
    let pause = |key| table.number(key, ranges::FREQUENCY, "seconds").unwrap_or(0);
    Voice {
        disable_answer: table.flag("disable_answer").unwrap_or(false),
        sound_type: sound_type.unwrap_or_default(),
        sound: prompt(table, "sound"),
        start_sound: prompt(table, "start_sound"),
        announce_sound: prompt(table, "announce_sound"),
        announce_frequency: pause("announce_frequency"),
        position_announce_frequency: pause("position_announce_frequency"),
        announce_wait: table.flag("announce_wait").unwrap_or(false),
    }
}

fn service(table: &Table<'_>, queue: &QueueKey, names: &Names) -> Service {
    let base = Service::default();
    let text = |key| {
        let text = table.text(key, "a text").filter(|text| !text.value.is_empty());
        checked(table, key, text, shown)
    };
    let action = table.text("agent_hangup_action", "\"transfer\" or \"quality_rate\"");
    let action = action.filter(|action| !action.value.is_empty());
    let rate = table.number::<u32>("quality_rate_max", ranges::RATE, "digits");
    Service {
        agent_announce_sound: prompt(table, "agent_announce_sound"),
        agent_report_wait_time: table
            .flag("agent_report_wait_time")
            .unwrap_or(base.agent_report_wait_time),
        record_enabled: table.flag("record_enabled").unwrap_or(base.record_enabled),
        hide_in_caller_id_number: text("hide_in_caller_id_number"),
        hide_in_caller_id_name: text("hide_in_caller_id_name"),
        append_to_cid_name_on_transfer: text("append_to_cid_name_on_transfer").unwrap_or_default(),
        agent_hangup_action: checked(table, "agent_hangup_action", action, hangup_action),
        agent_hangup_transfer_dst: of_queue(
            table,
            "agent_hangup_transfer_dst",
            &queue.tenant,
            names,
        ),
        quality_rate_sound: prompt(table, "quality_rate_sound"),
        quality_rate_max: rate
            .map_or(base.quality_rate_max, |rate| u8::try_from(rate).unwrap_or(u8::MAX)),
        quality_rate_finish_sound: prompt(table, "quality_rate_finish_sound"),
        disposition_required: table.flag("disposition_required").unwrap_or(false),
        disposition_timeout_secs: table
            .number("disposition_timeout_secs", ranges::DISPOSITION, "seconds")
            .unwrap_or(base.disposition_timeout_secs),
        service_level_secs: table
            .number("service_level_secs", ranges::SERVICE_LEVEL, "seconds")
            .unwrap_or(base.service_level_secs),
    }
}

fn hangup_action(text: &str) -> Result<HangupAction, String> {
    match text {
        "transfer" => Ok(HangupAction::Transfer),
        "quality_rate" => Ok(HangupAction::QualityRate),
        _ => Err(format!("\"{text}\" is unknown; write \"transfer\" or \"quality_rate\"")),
    }
}

fn voicemail(table: &Table<'_>) -> Voicemail {
    let base = Voicemail::default();
    let mailto = table.text("vm_mailto", "an address such as \"support@example.com\"");
    let mailto = mailto.filter(|mailto| !mailto.value.is_empty());
    Voicemail {
        enabled: table.flag("vm_enabled").unwrap_or(base.enabled),
        greeting: prompt(table, "vm_greeting"),
        mailto: checked(table, "vm_mailto", mailto, address).unwrap_or_default(),
        attach_file: table.flag("vm_attach_file").unwrap_or(base.attach_file),
    }
}

fn address(text: &str) -> Result<String, String> {
    let sound = text.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && values::host(host).is_ok() && text.len() <= 254
    });
    let plain = !text.contains(|c: char| c.is_control() || c.is_whitespace() || c == ',');
    (sound && plain).then(|| text.to_owned()).ok_or_else(|| {
        format!("\"{text}\" is no mail address; write one such as \"support@example.com\"")
    })
}

/// Times of agents; left out, the next that sets them counts.
pub(super) fn times(table: &Table<'_>) -> Times {
    let delay = |key| table.number(key, ranges::DELAY, "seconds");
    Times {
        call_timeout: table.number("call_timeout", ranges::CALL_TIMEOUT, "seconds"),
        no_answer_delay_time: delay("no_answer_delay_time"),
        busy_delay_time: delay("busy_delay_time"),
        reject_delay_time: delay("reject_delay_time"),
        wrap_up_time: delay("wrap_up_time"),
    }
}

/// What is sound by itself and makes no sense together.
fn contradictions(table: &Table<'_>, queue: &QueueConfig) {
    let line = |key| table.text_again(key).map_or(table.line(), |text: At<&str>| text.line);
    let (limits, service, voice) = (&queue.limits, &queue.service, &queue.voice);
    if limits.exit_key.is_some() && limits.exit_key == limits.callback_key {
        let text = "is exit_key too; choose another key";
        table.wrong(line("callback_key"), "callback_key", text);
    }
    match service.agent_hangup_action {
        Some(HangupAction::Transfer) if service.agent_hangup_transfer_dst.is_none() => {
            table
                .require("agent_hangup_transfer_dst", "where agent_hangup_action sends the caller");
        }
        Some(HangupAction::QualityRate) if service.quality_rate_sound.is_none() => {
            table.require("quality_rate_sound", "the question that agent_hangup_action asks");
        }
        _ => {}
    }
    if voice.announce_frequency > 0 && voice.announce_sound.is_none() {
        table.require("announce_sound", "what is said every announce_frequency seconds");
    }
}
