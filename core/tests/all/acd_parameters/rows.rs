//! The rows: parameter, two values, what to prepare, and the scenario.

use serde_json::{Value, json};

use super::scenarios::*;
use super::{Base, Row};
use crate::acd_scene::Scene;

fn row(
    path: &'static str,
    values: [Value; 2],
    prepare: fn(&mut Base),
    scenario: fn(&mut Scene),
) -> Row {
    Row { path, values, prepare, scenario }
}

fn as_it_is(_: &mut Base) {}

pub fn rows() -> Vec<Row> {
    let mut rows = choice_rows();
    rows.extend(waiting_rows());
    rows.extend(agent_rows());
    rows.extend(time_rows());
    rows
}

fn choice_rows() -> Vec<Row> {
    vec![
        row("queue.key.tenant", [json!("demo"), json!("other")], as_it_is, one_caller),
        row("queue.key.number", [json!("9001"), json!("9003")], as_it_is, one_caller),
        row("queue.choice.strategy", [json!("ring-all"), json!("top-down")], as_it_is, one_caller),
        row(
            "queue.choice.weight",
            [json!(0), json!(5)],
            serves_both,
            two_queues_wait_for_one_agent,
        ),
        row("queue.choice.aging_secs", [json!(0), json!(5)], one_agent, older_against_urgent),
        row("queue.choice.ring_all_max", [json!(50), json!(2)], ring_all, one_caller),
        row("queue.choice.progressive_delay", [json!(3), json!(8)], progressive, nobody_answers),
        row("queue.choice.tier_rules_apply", [json!(true), json!(false)], levels, first_is_busy),
        row("queue.choice.tier_rule_wait_second", [json!(2), json!(5)], levels, first_is_busy),
        row(
            "queue.choice.tier_rule_wait_multiply_level",
            [json!(true), json!(false)],
            levels,
            first_is_busy,
        ),
        row("queue.choice.skip_busy_agents", [json!(true), json!(false)], one_agent, in_other_call),
        row("queue.choice.try_same_agent_time", [json!(0), json!(600)], top_down, number_returns),
        row("queue.choice.skills[].name", [json!("french"), json!("thai")], skilled, one_caller),
        row("queue.choice.skills[].level", [json!(50), json!(51)], skilled, one_caller),
        row("queue.choice.skills[].relax_secs", [json!(5), json!(9)], too_skilled, nobody_answers),
        row("queue.choice.skills[].relax_by", [json!(10), json!(30)], too_skilled, nobody_answers),
    ]
}

fn waiting_rows() -> Vec<Row> {
    vec![
        row("queue.limits.max_length", [json!(1), json!(2)], one_agent_away, two_callers),
        row("queue.limits.max_wait_time", [json!(5), json!(30)], one_agent_away, minutes_pass),
        row(
            "queue.limits.max_wait_time_with_no_agent",
            [json!(5), json!(30)],
            on_break_all,
            minutes_pass,
        ),
        row(
            "queue.limits.exit_with_no_av_agents",
            [json!(true), json!(false)],
            logged_out,
            one_caller,
        ),
        row("queue.limits.callback_key", [Value::Null, json!("1")], one_agent_away, minutes_pass),
        row(
            "queue.voice.disable_answer",
            [json!(true), json!(false)],
            one_agent_away,
            minutes_pass,
        ),
        row("queue.voice.start_sound", [Value::Null, json!("en/welcome")], as_it_is, one_caller),
        row("queue.voice.announce_sound", [Value::Null, json!("en/soon")], announces, minutes_pass),
        row("queue.voice.announce_frequency", [json!(10), json!(20)], announces, minutes_pass),
        row(
            "queue.voice.position_announce_frequency",
            [json!(10), json!(20)],
            one_agent_away,
            minutes_pass,
        ),
        row(
            "queue.voice.announce_wait",
            [json!(true), json!(false)],
            positions,
            busy_agents_and_a_wait,
        ),
        row(
            "queue.service.disposition_required",
            [json!(true), json!(false)],
            one_agent,
            served_twice,
        ),
        row(
            "queue.service.disposition_timeout_secs",
            [json!(5), json!(9)],
            disposition,
            served_twice,
        ),
        row("queue.service.service_level_secs", [json!(2), json!(9)], one_agent, served_after_five),
    ]
}

fn agent_rows() -> Vec<Row> {
    let mobile = json!([{"number": "+49301234"}]);
    vec![
        row("agent.key.tenant", [json!("demo"), json!("other")], one_agent, one_caller),
        row("agent.key.id", [json!("101"), json!("191")], one_agent, one_caller),
        row("agent.places", [json!([{"extension": "2101"}]), mobile], one_agent, one_caller),
        row(
            "agent.status",
            [json!({"status": "available"}), json!({"status": "logged_out"})],
            one_agent,
            one_caller,
        ),
        row("agent.tiers[].queue.tenant", [json!("demo"), json!("other")], one_agent, one_caller),
        row("agent.tiers[].queue.number", [json!("9001"), json!("9002")], one_agent, one_caller),
        row("agent.tiers[].level", [json!(1), json!(2)], top_down, one_caller),
        row("agent.tiers[].position", [json!(1), json!(7)], top_down, one_caller),
        row("agent.skills", [json!({"french": 50}), json!({})], skilled, one_caller),
        row(
            "agent.wrap_up_after_outbound",
            [json!(true), json!(false)],
            own_wrap_up,
            after_an_own_call,
        ),
        row("agent.confirm_key", [json!("1"), json!("5")], remote, one_caller),
        row("agent.max_no_answer", [json!(1), json!(2)], one_agent, nobody_answers),
    ]
}

fn time_rows() -> Vec<Row> {
    let four = || [json!(4), json!(9)];
    let mut rows = Vec::new();
    rows.push(row("tenant.utc_offset_secs", [json!(0), json!(-7200)], fewest_calls, over_midnight));
    macro_rules! times {
        ($($root:literal),*) => {$(
            rows.push(row(concat!($root, ".times.call_timeout"), four(), one_agent, nobody_answers));
            rows.push(row(concat!($root, ".times.no_answer_delay_time"), four(), one_agent, nobody_answers));
            rows.push(row(concat!($root, ".times.busy_delay_time"), four(), one_agent, is_busy));
            rows.push(row(concat!($root, ".times.reject_delay_time"), four(), one_agent, rejects));
            rows.push(row(concat!($root, ".times.wrap_up_time"), four(), one_agent, served_twice));
        )*};
    }
    times!("queue", "agent", "tenant");
    rows
}
