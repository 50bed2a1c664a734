//! Queues and agents in the file: what is wrong with bad ones, and what good ones mean.

use strowger_core::vocab::acd::{
    AgentPlace, HangupAction, Intent, SkillNeed, Strategy, Times, WaitSound,
};
use strowger_core::vocab::config::Destination;

use super::tests::{good, says, with_tenant};

/// A queue with no parameter at its default, and what it names.
const ALL: &str = "[[queue]]
number = \"9001\"
name = \"Support\"
strategy = \"skill\"
weight = 3
aging_secs = 60
ring_all_max = 5
progressive_delay = 7
tier_rules_apply = false
tier_rule_wait_second = 11
tier_rule_wait_multiply_level = false
skip_busy_agents = false
try_same_agent_time = 2592000
skills = [{ name = \"german\", level = 60, relax_secs = 30, relax_by = 20 }]
max_length = 512
max_wait_time = 300
timeout_transfer_dst = \"queue:9002\"
max_wait_time_with_no_agent = 30
no_agent_timeout_transfer_dst = \"voicemail:9001\"
exit_with_no_av_agents = false
full_transfer_dst = \"+49301234\"
exit_key = \"*\"
exit_transfer_dst = \"extension:4567\"
callback_key = \"1\"
callback_classes = [\"international\"]
disable_answer = true
sound_type = \"ring\"
sound = \"music/a\"
start_sound = \"a/b\"
announce_sound = \"a/c\"
announce_frequency = 20
position_announce_frequency = 30
announce_wait = true
agent_announce_sound = \"a/d\"
agent_report_wait_time = false
record_enabled = false
hide_in_caller_id_number = \"1\"
hide_in_caller_id_name = \"hidden\"
append_to_cid_name_on_transfer = \" (s)\"
agent_hangup_action = \"transfer\"
agent_hangup_transfer_dst = \"sound:en/thank-you\"
quality_rate_sound = \"a/e\"
quality_rate_max = 9
quality_rate_finish_sound = \"a/f\"
disposition_required = true
disposition_timeout_secs = 90
service_level_secs = 30
vm_enabled = true
vm_greeting = \"a/g\"
vm_mailto = \"support@example.com\"
vm_attach_file = false
call_timeout = 15
no_answer_delay_time = 1
busy_delay_time = 2
reject_delay_time = 3
wrap_up_time = 4
[[queue]]
number = \"9002\"
[[extension]]
number = \"4567\"
password = \"p\"
";

#[test]
fn every_parameter_of_a_queue_arrives_under_its_name() {
    let text = with_tenant(ALL);
    let loaded = good(&text);
    let queue = &loaded.core.acd.queues[0];
    // Every field stands in the JSON of the definition; where one has its default the file had no effect.
    let other = serde_json::to_value(&loaded.core.acd.queues[1]).unwrap();
    let json = serde_json::to_value(queue).unwrap();
    for (part, fields) in json.as_object().unwrap().iter().filter(|(part, _)| *part != "key") {
        for (field, value) in fields.as_object().into_iter().flatten() {
            assert_ne!((field, value), (field, &other[part][field]), "{part}.{field}");
        }
    }
    assert_eq!(queue.choice.strategy, Strategy::Skill);
    let need = SkillNeed { name: "german".into(), level: 60, relax_secs: 30, relax_by: 20 };
    assert_eq!(queue.choice.skills, [need]);
    assert_eq!(queue.voice.sound_type, WaitSound::Ring);
    assert_eq!(queue.service.agent_hangup_action, Some(HangupAction::Transfer));
    let destinations: Vec<String> =
        queue.destinations().map(|(key, to)| format!("{key} {to}")).collect();
    assert_eq!(
        destinations,
        [
            "timeout_transfer_dst queue:9002",
            "no_agent_timeout_transfer_dst voicemail:9001",
            "full_transfer_dst +49301234",
            "exit_transfer_dst extension:4567",
            "agent_hangup_transfer_dst sound:en/thank-you",
        ]
    );
    assert!(matches!(&queue.limits.full_transfer_dst, Some(Destination::Number(_))));
    let times = Times {
        call_timeout: Some(15),
        no_answer_delay_time: Some(1),
        busy_delay_time: Some(2),
        reject_delay_time: Some(3),
        wrap_up_time: Some(4),
    };
    assert_eq!(queue.times, times);
}

#[test]
fn an_agent_means_what_it_says() {
    let loaded = good(
        "sip.domain = \"x\"
[[tenant]]
id = \"t\"
timezone = \"Asia/Shanghai\"
wrap_up_time = 30
api_key = [{ name = \"a\", token = \"1\", role = \"agent\", agent = \"101\" }]
[[extension]]
number = \"4567\"
password = \"p\"
[[queue]]
number = \"9001\"
[[agent]]
id = \"101\"
name = \"Alice\"
extension = \"4567\"
second_number = \"+4917012345\"
pin = \"135790\"
status = \"on_break\"
break_reason = \"lunch\"
queues = [{ queue = \"9001\", level = 2, position = 3 }]
skills = { german = 80, sales = 1 }
agent_sound = \"a/b\"
confirm_key = \"#\"
max_no_answer = 0
wrap_up_after_outbound = true
call_timeout = 0
[[agent]]
id = \"100\"
number = \"0171234\"
",
    );
    let acd = &loaded.core.acd;
    let ids: Vec<&str> = acd.agents.iter().map(|agent| agent.key.id.as_str()).collect();
    assert_eq!(ids, ["100", "101"], "by id");
    let [remote, alice] = acd.agents.as_slice() else { panic!("two agents") };
    assert_eq!(remote.places, [AgentPlace::Number("0171234".into())]);
    assert_eq!((remote.confirm_key, remote.max_no_answer), ('1', 3));
    assert_eq!((remote.name.as_str(), &remote.status), ("100", &Intent::LoggedOut));
    let number = AgentPlace::Number("+4917012345".into());
    assert_eq!(alice.places, [AgentPlace::Extension("4567".into()), number]);
    assert_eq!(alice.pin.as_ref().map(|pin| pin.expose()), Some("135790"));
    let on_break = Intent::OnBreak { reason: "lunch".into(), sub_state: String::new() };
    assert_eq!(alice.status, on_break);
    assert_eq!((alice.tiers[0].level, alice.tiers[0].position), (2, 3));
    assert_eq!(alice.skills.get("german"), Some(&80));
    assert_eq!((alice.confirm_key, alice.max_no_answer), ('#', 0));
    assert!(alice.wrap_up_after_outbound && alice.agent_sound.is_some());
    assert_eq!(alice.times.call_timeout, Some(0));
    assert_eq!(acd.tenants["t"].times.wrap_up_time, Some(30));
    assert_eq!(loaded.shell.api_keys[0].extension.as_deref(), Some("4567"));
}

#[test]
fn what_is_wrong_with_a_queue() {
    let text = with_tenant(
        "[[queue]]
number = \"9001\"
ring_all_max = 51
try_same_agent_time = 2592001
max_length = 0
timeout_transfer_dst = \"queue:9002\"
no_agent_timeout_transfer_dst = \"somewhere\"
full_transfer_dst = \"queue:9001\"
exit_key = \"10\"
exit_transfer_dst = \"voicemail:8\"
callback_key = \"a\"
sound_type = \"noise\"
sound = \"../x\"
announce_frequency = 10
agent_hangup_action = \"quality_rate\"
quality_rate_max = 10
vm_mailto = \"support\"
skills = [{ name = \"a b\", level = 0 }]
wrapup_time = 3
[[queue]]
number = \"9003\"
exit_key = \"1\"
callback_key = \"1\"
agent_hangup_action = \"transfer\"
position_announce_frequency = \"often\"
",
    );
    let destinations = "a number that can be dialled, queue:NUMBER, extension:NUMBER, voicemail:NUMBER, conference:NAME, ivr:NAME, group:NAME, trunk:NAME, echo or sound:NAME";
    let nowhere = format!(
        "f:9: [[queue]] no_agent_timeout_transfer_dst: \"somewhere\" is no destination; write {destinations}"
    );
    says(
        &text,
        &[
            "f:3: [[queue]] lacks announce_sound: add what is said every announce_frequency seconds",
            "f:3: [[queue]] lacks quality_rate_sound: add the question that agent_hangup_action asks",
            "f:5: [[queue]] ring_all_max: 51 is out of range; write a number of agents from 1 to 50",
            "f:6: [[queue]] try_same_agent_time: 2592001 is out of range; write a number of seconds from 0 to 2592000",
            "f:7: [[queue]] max_length: 0 is out of range; write a number of callers from 1 to 512",
            "f:8: timeout_transfer_dst: tenant t has no [[queue]] \"9002\"; did you mean \"9001\"?",
            &nowhere,
            "f:10: [[queue]] full_transfer_dst: leads back into the same queue; write another destination",
            "f:11: [[queue]] exit_key: \"10\" is no key of a telephone; write one of 0-9, * and #",
            "f:12: exit_transfer_dst: tenant t has no extension or queue \"8\"; defined: 9001, 9003",
            "f:13: [[queue]] callback_key: \"a\" is no key of a telephone; write one of 0-9, * and #",
            "f:14: [[queue]] sound_type: \"noise\" is unknown; write \"music\" or \"ring\"",
            "f:15: [[queue]] sound: \"../x\" is no prompt; write a path below the sounds directory without .wav, such as \"en/thank-you\"",
            "f:18: [[queue]] quality_rate_max: 10 is out of range; write a number of digits from 1 to 9",
            "f:19: [[queue]] vm_mailto: \"support\" is no mail address; write one such as \"support@example.com\"",
            "f:20: [[queue]] skills level: 0 is out of range; write a number of percent from 1 to 100",
            "f:20: [[queue]] skills name: \"a b\" is no name; write 1 to 64 of a-z, A-Z, 0-9, - _ . such as \"demo\"",
            "f:21: [[queue]]: unknown key wrapup_time; did you mean wrap_up_time?",
            "f:22: [[queue]] lacks agent_hangup_transfer_dst: add where agent_hangup_action sends the caller",
            "f:25: [[queue]] callback_key: is exit_key too; choose another key",
            "f:27: [[queue]] position_announce_frequency: a string where a number of seconds from 0 to 3600 is expected",
        ],
    );
}

#[test]
fn what_is_wrong_with_an_agent() {
    let text = with_tenant(
        "[[extension]]
number = \"4567\"
password = \"p\"
[[queue]]
number = \"9001\"
[[agent]]
id = \"1\"
extension = \"4567\"
number = \"0171\"
pin = \"12\"
status = \"available\"
break_reason = \"lunch\"
confirm_key = \"x\"
queues = [{ queue = \"9001\" }, { queue = \"9001\", level = 1001 }]
skills = { german = 101, \"a b\" = 1 }
[[agent]]
id = \"2\"
second_extension = \"4567\"
max_no_answer = -1
",
    );
    says(
        &text,
        &[
            "f:10: [[agent]] extension: stands beside number; write one of them",
            "f:12: [[agent]] pin: is no PIN; write 4 to 16 digits",
            "f:14: [[agent]] break_reason: is for status = \"on_break\"; leave it out",
            "f:15: [[agent]] confirm_key: \"x\" is no key of a telephone; write one of 0-9, * and #",
            "f:16: [[agent]] queues level: 1001 is out of range; write a number of levels from 0 to 1000",
            "f:16: [[agent]] queues queue: \"9001\" stands there twice",
            "f:17: [[agent]] skills: \"a b\" is no name; write 1 to 64 of a-z, A-Z, 0-9, - _ . such as \"demo\"",
            "f:17: [[agent]] skills: 101 is out of range; write a number of percent from 1 to 100",
            "f:18: [[agent]] lacks extension: add either an extension, or the number of a remote agent",
            "f:20: [[agent]] second_extension: \"4567\" is an agent's phone already, at line 10; others log in there with their PIN",
            "f:21: [[agent]] max_no_answer: -1 is out of range; write a number of misses from 0 to 1000",
        ],
    );
}

#[test]
fn a_mailbox_that_is_not_there_and_mail_that_nobody_sends() {
    let phone = "[[extension]]
number = \"4567\"
password = \"p\"
";
    let queue = "[[queue]]
number = \"9001\"
vm_enabled = true
vm_mailto = \"a@pbx.example\"
timeout_transfer_dst = \"voicemail:4567\"
";
    let without = with_tenant(&format!("{phone}{queue}"));
    let text = "[[queue]] timeout_transfer_dst: extension 4567 has no mailbox; write voicemail = true in its [[extension]]";
    says(&without, &[&format!("f:10: {text}")]);
    let loaded = good(&with_tenant(&format!("{phone}voicemail = true\n{queue}")));
    let warned: Vec<_> = loaded.warnings.iter().map(|warning| warning.text.as_str()).collect();
    let text = "[[queue]] vm_mailto of 9001: there is no [smtp] server, so that no mail is sent";
    assert_eq!(warned, [text]);
}
