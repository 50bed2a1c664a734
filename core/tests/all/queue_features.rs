//! What a queue does besides: keys, ratings, callbacks, outside agents, logging in by phone, definitions.

use strowger_core::vocab::acd::{
    AgentOrder, AgentPlace, DefinitionOrder, HangupAction, Intent, IntentRecord, QueueOrder,
};
use strowger_core::vocab::command::{CommandError, Done};
use strowger_core::vocab::conference::{Conference, ConferenceKey};
use strowger_core::vocab::config::Destination;
use strowger_core::vocab::{AgentKey, CallId, Command, EventKind, Record, Reply, Restored, Role};

use crate::common::*;
use crate::exchange::*;
use crate::queue_call::*;

/// The carrier takes the switch's BYE.
#[track_caller]
fn carrier_is_left(host: &mut Exchange) {
    let bye = host.expect(CARRIER, "BYE ");
    host.respond(CARRIER, &bye, 200, "");
}

#[test]
fn the_exit_key_leads_to_its_destination_and_stops_the_agents_phone() {
    let mut host = open(hotline(|queue| {
        queue.limits.exit_key = Some('0');
        queue.limits.exit_transfer_dst = Some(Destination::Number(key("demo", "4569")));
    }));
    host.register("4569", CAROL);
    let mut caller = customer(&mut host);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 180, "");
    host.press(&mut caller, "5");
    assert_eq!(host.take(CAROL, "INVITE "), None, "another key means nothing");
    host.press(&mut caller, "0");
    host.expect(ALICE, "CANCEL ");
    host.pick_up(CAROL);
    host.hang_up(&mut caller);
    host.expect(CAROL, "BYE ");
    let record = host.closed().remove(0);
    assert_eq!(record.queued[0].outcome.as_deref(), Some("exit_key"));
}

fn sent(call: CallId, to: &str) -> Command {
    Command::Queue { queue: "9001".into(), order: QueueOrder::Send(call, to.into()) }
}

#[test]
fn a_caller_is_sent_elsewhere_by_order_and_the_agents_phone_stops() {
    let mut host = open(hotline(|_| ()));
    host.register("4569", CAROL);
    let mut caller = customer(&mut host);
    let invite = host.expect(ALICE, "INVITE ");
    host.respond(ALICE, &invite, 180, "");
    let call = host.live()[0];
    let mut send = |call, to: &str| match host.command(sent(call, to)) {
        Reply::Command(done) => done,
        other => panic!("{other:?}"),
    };
    assert!(matches!(send(call, "4444"), Err(CommandError::Invalid(_))), "nobody has it");
    assert!(matches!(send(call, "no number"), Err(CommandError::Invalid(_))));
    assert!(matches!(send(CallId(7), "4569"), Err(CommandError::NotFound(_))));
    assert_eq!(send(call, "4569"), Ok(Done::Ordered));
    assert!(matches!(send(call, "4569"), Err(CommandError::NotFound(_))), "it is gone from there");
    host.expect(ALICE, "CANCEL ");
    host.pick_up(CAROL);
    host.hang_up(&mut caller);
    host.expect(CAROL, "BYE ");
    let record = host.closed().remove(0);
    assert_eq!(record.queued[0].outcome.as_deref(), Some("removed"));
}

#[test]
fn a_caller_who_would_be_sent_to_a_menu_that_is_not_there_waits_on() {
    let mut host = open(hotline(|_| ()));
    customer(&mut host);
    let call = host.live()[0];
    for nowhere in ["ivr:night", "voicemail:4567", "trunk:carrier"] {
        let reply = host.command(sent(call, nowhere));
        assert!(matches!(reply, Reply::Command(Err(CommandError::Invalid(_)))), "{reply:?}");
    }
    host.pick_up(ALICE);
    assert_eq!(host.bridges.len(), 1);
}

#[test]
fn who_talks_with_an_agent_is_not_sent_elsewhere_by_the_queue() {
    let mut host = open(hotline(|_| ()));
    let mut caller = customer(&mut host);
    host.pick_up(ALICE);
    let call = host.live()[0];
    let refused = host.command(sent(call, "4568"));
    assert!(matches!(refused, Reply::Command(Err(CommandError::Conflict(_)))), "{refused:?}");
    assert_eq!(host.bridges.len(), 1);
    host.hang_up(&mut caller);
}

#[test]
fn who_waits_too_long_is_told_so_and_let_go() {
    let mut host = Exchange::new(hotline(|queue| queue.limits.max_wait_time = 30));
    customer(&mut host);
    host.run(31);
    assert_eq!(host.heard(), ["en/all-agents-busy", "en/goodbye"]);
    host.hear_out();
    carrier_is_left(&mut host);
    assert_eq!(host.closed()[0].queued[0].outcome.as_deref(), Some("timeout"));
    host.drains();
}

#[test]
fn the_agent_hears_what_waits_before_it_is_connected() {
    let mut config = hotline(|queue| {
        queue.service.agent_report_wait_time = true;
        queue.service.record_enabled = true;
        queue.service.hide_in_caller_id_name = Some("Support".into());
    });
    config.acd.agents[0].agent_sound = Some("acme/recorded".into());
    let mut host = open(config);
    let mut caller = customer(&mut host);
    let invite = host.expect(ALICE, "INVITE ");
    assert!(invite.contains("\"Support\" <sip:057188881111@"), "{invite}");
    host.respond(ALICE, &invite, 180, "");
    host.run(7);
    host.respond(ALICE, &invite, 200, &sdp(ALICE));
    let heard = host.heard();
    assert!(heard.join(" ").contains("en/caller-waited en/digits/7 en/seconds"), "{heard:?}");
    assert!(heard.contains(&"music/hold".to_owned()), "the caller still waits");
    assert_eq!(host.bridges, []);
    host.hear_out();
    assert_eq!((host.bridges.len(), host.recordings), (1, 1));
    host.hang_up(&mut caller);
}

#[test]
fn a_caller_whose_agent_hangs_up_rates_the_call() {
    let mut host = open(hotline(|queue| {
        queue.service.agent_hangup_action = Some(HangupAction::QualityRate);
    }));
    let mut caller = customer(&mut host);
    let mut alice = host.pick_up(ALICE);
    host.run(10);
    host.hang_up(&mut alice);
    assert_eq!(host.heard(), ["en/rate-call", "en/digits/5"]);
    host.press(&mut caller, "94");
    assert_eq!(host.heard(), ["en/thank-you"]);
    host.hear_out();
    carrier_is_left(&mut host);
    assert_eq!(host.closed()[0].queued[0].rating, Some(4));
    let rated = |event: &EventKind| matches!(event, EventKind::CallRated { rating: 4, .. });
    assert!(host.events.iter().any(rated));
    host.drains();
}

#[test]
fn nobody_waits_for_ever_for_a_rating() {
    let mut host = open(hotline(|queue| {
        queue.service.agent_hangup_action = Some(HangupAction::QualityRate);
    }));
    customer(&mut host);
    let mut alice = host.pick_up(ALICE);
    host.hang_up(&mut alice);
    host.hear_out();
    host.run(11);
    carrier_is_left(&mut host);
    host.drains();
}

#[test]
fn a_callback_keeps_the_place_and_rings_the_caller_when_an_agent_is_there() {
    let mut host = Exchange::new(hotline(|queue| queue.limits.callback_key = Some('2')));
    let mut caller = customer(&mut host);
    host.press(&mut caller, "2");
    assert_eq!(host.heard(), ["en/callback-accepted", "en/goodbye"]);
    host.hear_out();
    carrier_is_left(&mut host);
    host.run(20);
    host.register("4567", ALICE);
    host.run(2);
    let invite = host.expect(CARRIER, "INVITE ");
    assert!(invite.starts_with("INVITE sip:057188881111@"), "{invite}");
    host.respond(CARRIER, &invite, 180, "");
    let mut back = host.respond(CARRIER, &invite, 200, &sdp(CARRIER));
    host.expect(CARRIER, "ACK ");
    assert_eq!(host.heard(), ["en/callback-greeting"]);
    host.pick_up(ALICE);
    assert_eq!(host.bridges.len(), 1);
    host.hang_up(&mut back);
    let bye = host.expect(ALICE, "BYE ");
    host.respond(ALICE, &bye, 200, "");
    let records = host.closed();
    assert_eq!(records[0].interaction, records[1].interaction, "one matter");
    assert_eq!(records[0].queued[0].outcome.as_deref(), Some("callback"));
    assert_eq!(records[1].queued[0].outcome.as_deref(), Some("answered"));
    host.drains();
}

#[test]
fn a_callback_for_which_the_carrier_has_no_channel_waits_until_it_has_one() {
    let mut config = hotline(|queue| queue.limits.callback_key = Some('2'));
    config.trunks[0].max_calls = 1;
    config.routes[1].to.truncate(1);
    let echo = number(trunk_key("demo", "carrier"), "057126200679", Destination::Echo);
    config.numbers.push(echo);
    let mut host = Exchange::new(config);
    let mut caller = customer(&mut host);
    host.press(&mut caller, "2");
    host.hear_out();
    carrier_is_left(&mut host);
    let mut other = host.call_in(CARRIER, "057188882222", "057126200679");
    host.confirm(&mut other);
    host.register("4567", ALICE);
    host.run(400);
    assert!(host.take(CARRIER, "INVITE ").is_none());
    host.hang_up(&mut other);
    host.run(61);
    host.expect(CARRIER, "INVITE sip:057188881111@");
}

#[test]
fn an_agent_outside_is_connected_once_it_has_pressed_its_key() {
    let mut config = hotline(|_| ());
    config.acd.agents = vec![agent("201", AgentPlace::Number("057199990000".into()), 1)];
    let mut host = Exchange::new(config);
    let mut caller = customer(&mut host);
    let invite = host.expect(CARRIER, "INVITE sip:057199990000@");
    host.respond(CARRIER, &invite, 180, "");
    let mut agent = host.respond(CARRIER, &invite, 200, &sdp(CARRIER));
    host.expect(CARRIER, "ACK ");
    assert_eq!(host.bridges, [], "it may be a mailbox");
    host.press(&mut agent, "1");
    assert_eq!(host.bridges.len(), 1);
    host.hang_up(&mut caller);
    carrier_is_left(&mut host);
}

#[test]
fn an_agent_outside_is_rung_by_the_next_carrier_where_the_first_is_full() {
    let mut config = hotline(|_| ());
    config.acd.agents = vec![agent("201", AgentPlace::Number("057199990000".into()), 1)];
    config.trunks[0].max_calls = 1;
    let mut host = Exchange::new(config);
    customer(&mut host);
    host.expect("192.0.2.11:5060", "INVITE sip:057199990000@");
    assert!(host.take(CARRIER, "INVITE ").is_none());
}

#[test]
fn a_caller_whose_agent_hung_up_leaves_nothing_behind_wherever_it_was_sent() {
    let board = ConferenceKey { tenant: "demo".into(), name: "board".into() };
    let mut config = hotline(|queue| {
        queue.service.agent_hangup_action = Some(HangupAction::Transfer);
        queue.service.agent_hangup_transfer_dst = Some(Destination::Conference(board.clone()));
    });
    config.conferences = vec![Conference::named(board.clone())];
    let mut host = open(config);
    let mut caller = customer(&mut host);
    let mut alice = host.pick_up(ALICE);
    host.hang_up(&mut alice);
    host.hear_out();
    // Every step is audited.
    host.hang_up(&mut caller);
    host.drains();
}

#[test]
fn an_agents_own_phone_logs_it_out_and_in() {
    let mut host = open(hotline(|_| ()));
    for (says, intent) in
        [("en/agent-logged-out", Intent::LoggedOut), ("en/agent-logged-in", Intent::Available)]
    {
        let mut call = host.call_from("4567", ALICE, "*45");
        host.confirm(&mut call);
        assert_eq!(host.heard(), [says]);
        assert_eq!(agent_view(&mut host, "101").intent, intent);
        host.hear_out();
        let bye = host.expect(ALICE, "BYE ");
        host.respond(ALICE, &bye, 200, "");
        host.sent.clear();
    }
    host.drains();
}

#[test]
fn an_agent_logs_in_at_any_phone_with_id_and_pin() {
    let mut host = open(hotline(|_| ()));
    host.register("4569", CAROL);
    let mut call = host.call_from("4569", CAROL, "*45");
    host.confirm(&mut call);
    assert_eq!(host.heard(), ["en/enter-agent-id"]);
    host.press(&mut call, "102#1111#");
    assert_eq!(host.heard(), ["en/wrong-pin", "en/enter-agent-id"]);
    host.press(&mut call, "102#2580#");
    assert_eq!(host.heard(), ["en/agent-logged-in"]);
    assert_eq!(agent_view(&mut host, "102").place, "extension:4569");
    host.hear_out();
    let bye = host.expect(CAROL, "BYE ");
    host.respond(CAROL, &bye, 200, "");
    let mut guess = host.call_from("4569", CAROL, "*45");
    host.confirm(&mut guess);
    assert_eq!(host.heard(), ["en/agent-logged-out"], "it is at home there now");
    host.hang_up(&mut guess);
    host.drains();
}

#[test]
fn three_wrong_pins_end_the_call() {
    let mut host = open(hotline(|_| ()));
    host.register("4569", CAROL);
    let mut call = host.call_from("4569", CAROL, "*45");
    host.confirm(&mut call);
    host.press(&mut call, "102#1#102#2#102#3#");
    assert_eq!(host.heard(), ["en/wrong-pin", "en/goodbye"]);
    host.hear_out();
    host.expect(CAROL, "BYE ");
    assert_eq!(agent_view(&mut host, "102").place, "extension:4568");
}

#[test]
fn queues_are_defined_over_http_and_dialled_at_once() {
    let mut host = open(hotline(|_| ()));
    let mut fresh = queue("demo", "9005");
    fresh.limits.exit_with_no_av_agents = false;
    let put = |queue| Command::Define(DefinitionOrder::PutQueue(Box::new(queue)));
    let reply = host.command(put(fresh.clone()));
    assert_eq!(reply, Reply::Command(Ok(Done::Defined)));
    assert!(host.records.iter().any(|record| matches!(record, Record::Defined(_))));
    let mut call = host.call_from("4567", ALICE, "9005");
    host.confirm(&mut call);
    assert_eq!(host.heard(), ["music/hold"]);
    let deleted = Command::Define(DefinitionOrder::DeleteQueue(fresh.key.clone()));
    assert_eq!(host.command(deleted), Reply::Command(Ok(Done::Defined)));
    host.hear_out();
    host.expect(ALICE, "BYE ");
    for (order, role) in [
        (put(queue("demo", "9001")), Role::Admin),
        (put(queue("demo", "4567")), Role::Admin),
        (put(queue("other", "9005")), Role::Admin),
        (put(fresh), Role::Supervisor),
    ] {
        let reply = host.command_by(Exchange::principal(role), order.clone());
        let refused = matches!(
            reply,
            Reply::Command(Err(CommandError::Conflict(_) | CommandError::Forbidden(_)))
        );
        assert!(refused, "{order:?}: {reply:?}");
    }
}

#[test]
fn a_queue_that_was_defined_over_http_has_its_mailbox() {
    let mut host = open(hotline(|_| ()));
    let mut fresh = queue("demo", "9005");
    fresh.voicemail.enabled = true;
    let order = DefinitionOrder::PutQueue(Box::new(fresh));
    assert_eq!(host.command(Command::Define(order)), Reply::Command(Ok(Done::Defined)));
    let listed = host.query(strowger_core::vocab::Query::Mailboxes { offset: 0, limit: 200 });
    let Reply::Mailboxes(page) = listed else { panic!("{listed:?}") };
    assert!(page.items.iter().any(|view| view.mailbox.number == "9005"), "{page:?}");
    let mut call = host.call_from("4567", ALICE, "9005");
    host.confirm(&mut call);
    assert!(host.heard().iter().any(|prompt| prompt.contains("voicemail")), "{:?}", host.heard());
}

#[test]
fn an_agents_key_orders_about_its_own_agent_only() {
    let mut host = open(hotline(|_| ()));
    let mut principal = Exchange::principal(Role::Agent);
    principal.agent = Some("101".into());
    let order = |agent: &str| Command::Agent {
        agent: agent.into(),
        order: AgentOrder::Intent(Intent::LoggedOut),
    };
    assert_eq!(host.command_by(principal.clone(), order("101")), Reply::Command(Ok(Done::Ordered)));
    let foreign = host.command_by(principal, order("102"));
    assert!(matches!(foreign, Reply::Command(Err(CommandError::Forbidden(_)))), "{foreign:?}");
    assert_eq!(agent_view(&mut host, "101").intent, Intent::LoggedOut);
    assert_eq!(agent_view(&mut host, "102").intent, Intent::Available);
}

#[test]
fn intents_survive_a_restart() {
    let intent = Intent::OnBreak { reason: "lunch".into(), sub_state: String::new() };
    let record = IntentRecord {
        agent: AgentKey { tenant: "demo".into(), id: "101".into() },
        intent: intent.clone(),
        since: EPOCH_MS - 60_000,
        extension: None,
    };
    let restored = Restored { intents: vec![record], ..Restored::default() };
    let mut host = Exchange::restored(hotline(|_| ()), restored);
    assert_eq!(agent_view(&mut host, "101").intent, intent);
    assert_eq!(agent_view(&mut host, "102").intent, Intent::Available);
}

#[test]
fn an_agent_that_could_not_be_rung_is_refused_in_words() {
    let mut host = open(hotline(|_| ()));
    for (place, says) in [
        (seat("4599"), "there is no extension 4599"),
        (
            seat("4567"),
            "extension 4567 is the phone of agent 101; others log in there with their PIN",
        ),
        (AgentPlace::Number("5".into()), "no [[route]] leads to the number 5"),
    ] {
        let order = DefinitionOrder::PutAgent(Box::new(agent("301", place, 1)));
        let reply = host.command(Command::Define(order));
        let Reply::Command(Err(CommandError::Invalid(text) | CommandError::Conflict(text))) = reply
        else {
            panic!("{reply:?}")
        };
        assert_eq!(text, says);
    }
    let order = DefinitionOrder::PutAgent(Box::new(agent("301", seat("4569"), 1)));
    assert_eq!(host.command(Command::Define(order.clone())), Reply::Command(Ok(Done::Defined)));
    let again = host.command(Command::Define(order));
    assert_eq!(again, Reply::Command(Ok(Done::Defined)), "its own phone stays its own");
}
