//! Parameters that act in calls, sounds, mailboxes and lists: the whole switch with real messages, and what came of each
//! value.

use serde_json::{Value, json};
use strowger_core::vocab::acd::HangupAction;
use strowger_core::vocab::config::{Config, Destination};

use super::calls_scenes::*;
use crate::common::*;
use crate::exchange::Exchange;

/// A parameter, and for each of its values what comes of it.
pub struct Row {
    pub path: &'static str,
    pub values: Vec<(Value, &'static str)>,
    pub prepare: fn(&mut Config),
    pub scenario: fn(&mut Exchange) -> String,
}

fn row<const N: usize>(
    path: &'static str,
    values: [(Value, &'static str); N],
    prepare: fn(&mut Config),
    scenario: fn(&mut Exchange) -> String,
) -> Row {
    Row { path, values: values.into(), prepare, scenario }
}

fn to(number: &str) -> Value {
    serde_json::to_value(Some(Destination::Extension(key("demo", number)))).unwrap()
}

fn as_it_is(_: &mut Config) {}

pub fn rows() -> Vec<Row> {
    let mut rows = exit_rows();
    rows.extend(agent_rows());
    rows.extend(hear_rows());
    rows.extend(hang_up_rows());
    rows.extend(voicemail_rows());
    rows.push(callback_row());
    rows
}

/// Ways out of the queue.
fn exit_rows() -> Vec<Row> {
    vec![
        row(
            "queue.limits.exit_key",
            [(json!("0"), "4569"), (json!("7"), ""), (Value::Null, "")],
            |config| limits(config).exit_transfer_dst = extension_4569(),
            who_rings_after_a_zero,
        ),
        row(
            "queue.limits.exit_transfer_dst",
            [(to("4568"), "4568"), (to("4569"), "4569"), (Value::Null, "")],
            |config| limits(config).exit_key = Some('0'),
            who_rings_after_a_zero,
        ),
        row(
            "queue.limits.full_transfer_dst",
            [(to("4568"), "4568"), (to("4569"), "4569"), (Value::Null, "")],
            |config| limits(config).max_length = 1,
            who_rings_for_a_second_caller,
        ),
        row(
            "queue.limits.no_agent_timeout_transfer_dst",
            [(to("4568"), "4568"), (to("4569"), "4569"), (Value::Null, "")],
            |config| limits(config).max_wait_time_with_no_agent = 5,
            who_rings_after_six_seconds,
        ),
        row(
            "queue.limits.timeout_transfer_dst",
            [(to("4568"), "4568"), (to("4569"), "4569"), (Value::Null, "")],
            |config| limits(config).max_wait_time = 5,
            who_rings_after_six_seconds,
        ),
    ]
}

/// Who may be called back: the caller shows a number inside the country, or one outside, or none that is dialled.
fn callback_row() -> Row {
    row(
        "queue.limits.callback_classes",
        [
            (json!(["national"]), "057188881111: sip:057188881111, 0049301234: no, 110: no"),
            (json!(["international"]), "057188881111: no, 0049301234: sip:0049301234, 110: no"),
            (json!([]), "057188881111: no, 0049301234: no, 110: no"),
        ],
        |config| limits(config).callback_key = Some('2'),
        numbers_called_back,
    )
}

/// What is shown of agents, queues and callers.
fn agent_rows() -> Vec<Row> {
    vec![
        row("agent.name", [(json!("Ann"), "Ann"), (json!("Bea"), "Bea")], as_it_is, agents_name),
        row(
            "agent.pin",
            [
                (json!("2580"), "en/agent-logged-in"),
                (json!("1111"), "en/enter-agent-id en/wrong-pin"),
                (Value::Null, "en/enter-agent-id en/wrong-pin"),
            ],
            as_it_is,
            login_with_2580,
        ),
        row(
            "agent.group_pickup",
            [(json!(true), ""), (json!(false), "en/pickup/not-allowed")],
            as_it_is,
            heard_by_an_agent_who_picks_up,
        ),
        row(
            "queue.name",
            [(json!("Support"), "\"Support\" <sip:9001"), (json!("Sales"), "\"Sales\" <sip:9001")],
            |config| limits(config).callback_key = Some('2'),
            who_calls_back,
        ),
        row(
            "queue.service.hide_in_caller_id_name",
            [
                (Value::Null, "\"Caller 057188881111\" <sip:057188881111"),
                (json!("Support"), "\"Support\" <sip:057188881111"),
            ],
            as_it_is,
            whom_the_agent_sees,
        ),
        row(
            "queue.service.hide_in_caller_id_number",
            [
                (Value::Null, "\"Caller 057188881111\" <sip:057188881111"),
                (json!("9001"), "\"Caller 057188881111\" <sip:9001"),
            ],
            as_it_is,
            whom_the_agent_sees,
        ),
    ]
}

/// What callers and agents hear.
fn hear_rows() -> Vec<Row> {
    vec![
        row(
            "agent.agent_sound",
            [(Value::Null, ""), (json!("acme/hello"), "acme/hello acme/hello")],
            as_it_is,
            heard_after_the_answer,
        ),
        row(
            "queue.service.agent_announce_sound",
            [(Value::Null, ""), (json!("acme/support"), "acme/support music/hold")],
            as_it_is,
            heard_after_the_answer,
        ),
        row(
            "queue.service.agent_report_wait_time",
            [
                (json!(false), ""),
                (json!(true), "en/caller-waited en/digits/7 en/seconds music/hold"),
            ],
            as_it_is,
            heard_after_the_answer,
        ),
        row(
            "queue.service.record_enabled",
            [(json!(false), "0"), (json!(true), "1")],
            as_it_is,
            recordings,
        ),
        row(
            "queue.voice.sound",
            [(Value::Null, "music/hold"), (json!("acme/wait"), "acme/wait")],
            as_it_is,
            heard_while_waiting,
        ),
        row(
            "queue.voice.sound_type",
            [(json!("music"), "music/hold"), (json!("ring"), "tones/ringback")],
            as_it_is,
            heard_while_waiting,
        ),
    ]
}

/// After the agent has hung up.
fn hang_up_rows() -> Vec<Row> {
    vec![
        row(
            "queue.service.agent_hangup_action",
            [
                (Value::Null, "the end"),
                (json!("transfer"), "4569"),
                (json!("quality_rate"), "en/digits/5 en/rate-call"),
            ],
            |config| service(config).agent_hangup_transfer_dst = extension_4569(),
            after_the_agent,
        ),
        row(
            "queue.service.agent_hangup_transfer_dst",
            [(to("4568"), "4568"), (to("4569"), "4569"), (Value::Null, "the end")],
            |config| service(config).agent_hangup_action = Some(HangupAction::Transfer),
            after_the_agent,
        ),
        row(
            "queue.service.append_to_cid_name_on_transfer",
            [
                (json!(""), "\"Caller 057188881111\" <sip:057188881111"),
                (json!(" (sales)"), "\"Caller 057188881111 (sales)\" <sip:057188881111"),
            ],
            |config| {
                service(config).agent_hangup_action = Some(HangupAction::Transfer);
                service(config).agent_hangup_transfer_dst = extension_4569();
            },
            whom_the_next_sees,
        ),
        row(
            "queue.service.quality_rate_sound",
            [(Value::Null, "en/digits/5 en/rate-call"), (json!("acme/rate"), "acme/rate")],
            rated,
            after_the_agent,
        ),
        row(
            "queue.service.quality_rate_max",
            [(json!(5), "Some(3) en/thank-you"), (json!(9), "Some(7) en/thank-you")],
            rated,
            rating_7_then_3,
        ),
        row(
            "queue.service.quality_rate_finish_sound",
            [(Value::Null, "Some(3) en/thank-you"), (json!("acme/bye"), "Some(3) acme/bye")],
            rated,
            rating_7_then_3,
        ),
    ]
}

/// A queue that nobody answers.
fn voicemail_rows() -> Vec<Row> {
    vec![
        row(
            "queue.voicemail.enabled",
            [
                (json!(false), "en/all-agents-busy en/goodbye"),
                (json!(true), "en/voicemail/leave-message tones/beep"),
            ],
            |config| limits(config).max_wait_time = 5,
            heard_after_six_seconds,
        ),
        row(
            "queue.voicemail.greeting",
            [
                (Value::Null, "en/voicemail/leave-message tones/beep"),
                (json!("acme/leave"), "acme/leave tones/beep"),
            ],
            voicemail,
            heard_after_six_seconds,
        ),
        row(
            "queue.voicemail.mailto",
            [
                (json!(""), ""),
                (json!("a@pbx.example"), "a@pbx.example with the message"),
                (json!("b@pbx.example"), "b@pbx.example with the message"),
            ],
            voicemail,
            mail_about_a_message,
        ),
        row(
            "queue.voicemail.attach_file",
            [
                (json!(true), "x@pbx.example with the message"),
                (json!(false), "x@pbx.example without it"),
            ],
            |config| {
                voicemail(config);
                config.acd.queues[0].voicemail.mailto = "x@pbx.example".into();
            },
            mail_about_a_message,
        ),
    ]
}
