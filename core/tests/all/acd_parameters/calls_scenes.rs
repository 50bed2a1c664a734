//! What happens in calls, in one line each.

use strowger_core::vocab::acd::{HangupAction, Intent, Limits, Service};
use strowger_core::vocab::config::{Config, Destination};

use crate::common::*;
use crate::exchange::*;
use crate::queue_call::*;

pub fn limits(config: &mut Config) -> &mut Limits {
    &mut config.acd.queues[0].limits
}

pub fn service(config: &mut Config) -> &mut Service {
    &mut config.acd.queues[0].service
}

pub fn extension_4569() -> Option<Destination> {
    Some(Destination::Extension(key("demo", "4569")))
}

/// Callers rate their agent.
pub fn rated(config: &mut Config) {
    service(config).agent_hangup_action = Some(HangupAction::QualityRate);
}

/// Callers come to the queue's mailbox after five seconds.
pub fn voicemail(config: &mut Config) {
    limits(config).max_wait_time = 5;
    config.acd.queues[0].voicemail.enabled = true;
}

/// All phones are there, with both agents on a break.
pub fn break_time(host: &mut Exchange) {
    use strowger_core::vocab::Command;
    use strowger_core::vocab::acd::AgentOrder;
    let intent = Intent::OnBreak { reason: "lunch".into(), sub_state: String::new() };
    for agent in ["101", "102"] {
        let order = AgentOrder::Intent(intent.clone());
        host.command(Command::Agent { agent: agent.into(), order });
    }
    phones(host);
}

pub fn phones(host: &mut Exchange) {
    host.register("4567", ALICE);
    host.register("4568", BOB);
    host.register("4569", CAROL);
}

/// Whose phones ring.
fn ringing(host: &mut Exchange) -> String {
    let phones = [("4567", ALICE), ("4568", BOB), ("4569", CAROL)];
    let rings = phones.into_iter().filter(|(_, at)| host.take(at, "INVITE ").is_some());
    rings.map(|(number, _)| number).collect::<Vec<_>>().join(" ")
}

fn heard(host: &Exchange) -> String {
    let mut heard = host.heard();
    heard.sort();
    heard.join(" ")
}

/// Name and number in From.
fn shown(invite: &str) -> String {
    let from = invite.lines().find_map(|line| line.strip_prefix("From: ")).unwrap();
    from.split('@').next().unwrap().to_owned()
}

pub fn who_rings_after_a_zero(host: &mut Exchange) -> String {
    break_time(host);
    let mut caller = customer(host);
    host.press(&mut caller, "0");
    ringing(host)
}

pub fn who_rings_for_a_second_caller(host: &mut Exchange) -> String {
    break_time(host);
    customer(host);
    host.call_in(CARRIER, CUSTOMER, HOTLINE);
    ringing(host)
}

pub fn who_rings_after_six_seconds(host: &mut Exchange) -> String {
    break_time(host);
    customer(host);
    host.run(6);
    ringing(host)
}

pub fn heard_after_six_seconds(host: &mut Exchange) -> String {
    break_time(host);
    customer(host);
    host.run(6);
    heard(host)
}

pub fn agents_name(host: &mut Exchange) -> String {
    agent_view(host, "101").config.name
}

/// The first agent, on a break, dials for the caller who rings at the second.
pub fn heard_by_an_agent_who_picks_up(host: &mut Exchange) -> String {
    use strowger_core::vocab::Command;
    use strowger_core::vocab::acd::AgentOrder;
    let intent = Intent::OnBreak { reason: "lunch".into(), sub_state: String::new() };
    host.command(Command::Agent { agent: "101".into(), order: AgentOrder::Intent(intent) });
    phones(host);
    customer(host);
    let invite = host.expect(BOB, "INVITE ");
    host.respond(BOB, &invite, 180, "");
    host.call_from("4567", ALICE, "**4568");
    host.heard()
        .into_iter()
        .filter(|prompt| prompt.contains("pickup"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Somebody logs in as the first agent at a strange phone.
pub fn login_with_2580(host: &mut Exchange) -> String {
    phones(host);
    let mut call = host.call_from("4569", CAROL, "*45");
    host.confirm(&mut call);
    host.press(&mut call, "101#2580#");
    heard(host)
}

/// An extension is called back by the queue.
pub fn who_calls_back(host: &mut Exchange) -> String {
    host.register("4569", CAROL);
    let mut caller = host.call_from("4569", CAROL, "9001");
    host.confirm(&mut caller);
    host.press(&mut caller, "2");
    host.hear_out();
    let bye = host.expect(CAROL, "BYE ");
    host.respond(CAROL, &bye, 200, "");
    host.register("4567", ALICE);
    host.run(2);
    shown(&host.expect(CAROL, "INVITE "))
}

/// Callers from outside ask to be called back, one after the other.
pub fn numbers_called_back(host: &mut Exchange) -> String {
    let mut called = Vec::new();
    for claimed in ["057188881111", "0049301234", "110"] {
        let mut caller = host.call_in(CARRIER, claimed, HOTLINE);
        host.confirm(&mut caller);
        host.press(&mut caller, "2");
        host.hear_out();
        let Some(bye) = host.take(CARRIER, "BYE ") else {
            host.hang_up(&mut caller);
            called.push(format!("{claimed}: no"));
            continue;
        };
        host.respond(CARRIER, &bye, 200, "");
        host.register_for("4567", ALICE, 60);
        host.run(2);
        let invite = host.expect(CARRIER, "INVITE ");
        let to = invite.split(['@', ' ']).nth(1).unwrap().to_owned();
        host.respond(CARRIER, &invite, 603, "");
        called.push(format!("{claimed}: {to}"));
        // The second attempt ends alike.
        host.run(70);
        host.sent.clear();
    }
    called.join(", ")
}

pub fn whom_the_agent_sees(host: &mut Exchange) -> String {
    phones(host);
    customer(host);
    shown(&host.expect(ALICE, "INVITE "))
}

pub fn heard_while_waiting(host: &mut Exchange) -> String {
    customer(host);
    heard(host)
}

/// The first agent answers after seven seconds.
pub fn heard_after_the_answer(host: &mut Exchange) -> String {
    phones(host);
    customer(host);
    host.run(7);
    host.pick_up(ALICE);
    heard(host)
}

pub fn recordings(host: &mut Exchange) -> String {
    phones(host);
    customer(host);
    host.pick_up(ALICE);
    host.recordings.to_string()
}

/// The agent answers and hangs up.
fn served(host: &mut Exchange) -> Dialog {
    phones(host);
    let caller = customer(host);
    let mut alice = host.pick_up(ALICE);
    host.hang_up(&mut alice);
    caller
}

pub fn after_the_agent(host: &mut Exchange) -> String {
    served(host);
    match (host.take(CARRIER, "BYE "), heard(host)) {
        (Some(_), _) => "the end".to_owned(),
        (None, heard) if heard.is_empty() => ringing(host),
        (None, heard) => heard,
    }
}

pub fn whom_the_next_sees(host: &mut Exchange) -> String {
    served(host);
    shown(&host.expect(CAROL, "INVITE "))
}

/// The caller presses 7, and 3 after that; the first of them that counts is the rating.
pub fn rating_7_then_3(host: &mut Exchange) -> String {
    let mut caller = served(host);
    host.press(&mut caller, "73");
    let thanks = heard(host);
    host.hear_out();
    host.expect(CARRIER, "BYE ");
    let record = host.closed().remove(0);
    format!("{:?} {thanks}", record.queued[0].rating)
}

/// A caller leaves a message in the queue's mailbox; the mails that are sent.
pub fn mail_about_a_message(host: &mut Exchange) -> String {
    break_time(host);
    let mut caller = customer(host);
    host.run(6);
    host.hear_out();
    assert_eq!(host.recordings, 1, "the message is recorded");
    host.run(4);
    host.hang_up(&mut caller);
    host.run(2);
    let how = |attach| if attach { "with the message" } else { "without it" };
    let mails = host.mails.iter().map(|mail| format!("{} {}", mail.to, how(mail.attach)));
    mails.collect::<Vec<_>>().join(" ")
}
