//! Queues and agents on keys, lists of many (RFC 4662), and subscriptions that outlive the switch.

use strowger_core::vocab::acd::{AgentOrder, Intent};
use strowger_core::vocab::config::{Config, ResourceList};
use strowger_core::vocab::watch::SubscriptionRecord;
use strowger_core::vocab::{Command, Record, Restored};

use crate::blf_phone::*;
use crate::common::*;
use crate::exchange::*;
use crate::queue_call::{ALICE, BOB, CAROL, customer, hotline, open};

fn config() -> Config {
    let mut config = hotline(|_| {});
    let members = ["4567", "4568", "9001", "agent-101"].map(str::to_owned).to_vec();
    config.lists.push(ResourceList { tenant: "demo".into(), name: "desk".into(), members });
    config
}

fn states(notify: &str) -> String {
    lamp(body(notify))
}

fn wish(host: &mut Exchange, intent: Intent) {
    host.command(Command::Agent { agent: "101".into(), order: AgentOrder::Intent(intent) });
}

#[test]
fn queues_and_agents_have_lamps() {
    let mut host = open(config());
    host.register("4569", CAROL);
    let [queue, agent, other] = ["9001", "agent-101", "agent-102"]
        .map(|user| host.subscribe("4569", CAROL, user, "dialog", ""));
    let login = host.subscribe("4567", ALICE, "*45", "dialog", "");
    for (watch, lamp) in [(&queue, ""), (&agent, ""), (&other, ""), (&login, "confirmed")] {
        assert_eq!(states(&host.told(watch)), lamp, "{}", watch.call_id);
    }
    host.run(1);
    let mut caller = customer(&mut host);
    let waiting = host.settled(&queue);
    assert_eq!(states(&waiting), "early");
    assert!(waiting.contains("1 waiting"), "{waiting}");
    assert_eq!(states(&host.settled(&agent)), "early");
    host.pick_up(ALICE);
    assert_eq!(states(&host.settled(&queue)), "");
    let talking = host.settled(&agent);
    assert!(states(&talking) == "confirmed" && talking.contains("Talking"), "{talking}");
    host.hang_up(&mut caller);
    assert_eq!(states(&host.settled_in(&agent, 60)), "");
    wish(&mut host, Intent::OnBreak { reason: "lunch".into(), sub_state: String::new() });
    let away = host.settled(&agent);
    assert!(states(&away) == "confirmed" && away.contains("On break: lunch"), "{away}");
    assert_eq!(states(&host.settled(&login)), "early");
    wish(&mut host, Intent::LoggedOut);
    assert_eq!(states(&host.settled(&login)), "");
    assert!(host.notify(&other).is_none(), "nothing happened to 102");
}

#[test]
fn one_subscription_watches_a_list() {
    let mut host = open(config());
    host.register("4569", CAROL);
    let watch = host.subscribe("4569", CAROL, "desk", "dialog", "");
    assert_eq!((watch.status, header(&watch.answer, "Require")), (421, "eventlist"));
    let more = "Supported: eventlist\r\nAccept: application/dialog-info+xml, \
                application/rlmi+xml, multipart/related\r\n";
    let watch = host.subscribe("4569", CAROL, "desk", "dialog", more);
    assert_eq!((watch.status, header(&watch.answer, "Require")), (200, "eventlist"));
    let first = host.told(&watch);
    assert_eq!(header(&first, "Require"), "eventlist");
    let (whole, rows) = listed(&first);
    let uris: Vec<&str> = rows.keys().map(String::as_str).collect();
    let all = ["4567", "4568", "9001", "agent-101"].map(|user| format!("sip:{user}@pbx.example"));
    assert_eq!((whole, uris), (true, all.iter().map(String::as_str).collect()));
    assert!(rows.values().all(|row| lamp(row).is_empty()));
    host.run(1);
    let _call = host.call_from("4568", BOB, "4569");
    let told = host.settled(&watch);
    let (whole, rows) = listed(&told);
    assert_eq!((whole, rows.len()), (false, 1), "{told}");
    assert_eq!(lamp(&rows["sip:4568@pbx.example"]), "proceeding");
    let invite = host.expect(CAROL, "INVITE ");
    host.respond(CAROL, &invite, 486, "");
    let mut watch = watch;
    host.run(40);
    while host.notify(&watch).is_some() {}
    host.ask(&mut watch, "Supported: eventlist\r\n");
    assert_eq!(watch.status, 481, "nobody answered the NOTIFYs");
}

#[test]
fn a_refresh_tells_the_whole_list() {
    let mut host = open(config());
    let more = "Supported: eventlist\r\n";
    let mut watch = host.subscribe("4568", BOB, "desk", "presence", more);
    host.told(&watch);
    host.run(100);
    host.ask(&mut watch, more);
    let (whole, rows) = listed(&host.told(&watch));
    assert_eq!((whole, rows.len()), (true, 4));
    assert!(rows["sip:4567@pbx.example"].contains("<basic>open</basic>"));
}

/// What the store has of subscriptions.
fn stored(host: &Exchange) -> Vec<SubscriptionRecord> {
    let mut kept: Vec<SubscriptionRecord> = Vec::new();
    for record in &host.records {
        match record {
            Record::Subscribed(row) => {
                kept.retain(|own| own.saved.call_id != row.saved.call_id);
                kept.push((**row).clone());
            }
            Record::Unsubscribed { call_id, .. } => {
                kept.retain(|own| *own.saved.call_id != **call_id);
            }
            _ => {}
        }
    }
    kept
}

fn number_of(notify: &str) -> u32 {
    header(notify, "CSeq").split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn keys_light_again_when_the_switch_was_started_anew() {
    let mut host = open(config());
    let lamp_of = host.subscribe("4568", BOB, "4567", "dialog;id=3", "");
    host.told(&lamp_of);
    let mut list = host.subscribe("4568", BOB, "desk", "dialog", "Supported: eventlist\r\n");
    host.told(&list);
    let mailbox = host.subscribe("4568", BOB, "*97", "message-summary", "");
    host.told(&mailbox);
    let over = host.subscribe("4568", BOB, "4569", "dialog", "");
    let last = host.notify(&over).unwrap();
    host.answer_notify(&over, &last, 481);
    let rows = stored(&host);
    assert_eq!(rows.len(), 3, "{rows:?}");
    let before = (number_of(&last), 1);
    let registrations = host
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Registered(row) => Some(row.clone()),
            _ => None,
        })
        .collect();
    let restored = Restored { subscriptions: rows, registrations, ..Restored::default() };
    let mut host = Exchange::restored(config(), restored);
    host.run(1);
    let told = host.told(&lamp_of);
    let (version, _, shown) = dialogs(body(&told));
    assert!(number_of(&told) > before.0 && version > before.1, "{told}");
    assert_eq!(shown, []);
    assert_eq!(header(&told, "To"), "<sip:90310468564568@pbx.example>;tag=w");
    assert_eq!(header(&told, "From"), lamp_of.to);
    let (whole, rows) = listed(&host.told(&list));
    assert_eq!((whole, rows.len()), (true, 4));
    assert!(body(&host.told(&mailbox)).contains("Messages-Waiting: no"));
    // It is alive: a change is told, and a refresh is taken in the old dialog.
    let _call = host.call_from("4567", ALICE, "4568");
    assert_eq!(states(&host.settled(&lamp_of)), "proceeding");
    host.ask(&mut list, "Supported: eventlist\r\n");
    assert_eq!(list.status, 200);
    // Once more, from what the second run stored: numbers still rise.
    let again = Restored { subscriptions: stored(&host), ..Restored::default() };
    assert_eq!(again.subscriptions.len(), 3);
    let mut host = Exchange::restored(config(), again);
    host.run(1);
    assert!(number_of(&host.told(&lamp_of)) > number_of(&told));
}

#[test]
fn what_may_not_be_watched_any_more_or_has_expired_is_not_restored() {
    let mut host = open(config());
    for user in ["4567", "desk"] {
        let watch = host.subscribe("4568", BOB, user, "dialog", "Supported: eventlist\r\n");
        host.told(&watch);
    }
    let mut rows = stored(&host);
    rows[0].expires_at = EPOCH_MS;
    let mut less = config();
    less.lists.clear();
    let restored = Restored { subscriptions: rows, ..Restored::default() };
    let mut host = Exchange::restored(less, restored);
    host.run(2);
    assert!(host.take(BOB, "NOTIFY ").is_none());
    let gone = |record: &&Record| matches!(record, Record::Unsubscribed { .. });
    assert_eq!(host.records.iter().filter(gone).count(), 2);
}

#[test]
fn a_phone_whose_connection_went_with_the_old_process_is_told_when_it_refreshes() {
    let mut host = open(config());
    let mut lamp_of = host.subscribe("4568", BOB, "4567", "dialog", "");
    host.told(&lamp_of);
    let mut rows = stored(&host);
    for row in &mut rows {
        row.saved.flow.transport = sip::Transport::Tcp;
    }
    let restored = Restored { subscriptions: rows, ..Restored::default() };
    let mut host = Exchange::restored(config(), restored);
    host.run(5);
    assert!(host.notify(&lamp_of).is_none(), "there is nowhere to send it to");
    host.ask(&mut lamp_of, "Expires: 600\r\n");
    assert_eq!(lamp_of.status, 200);
    host.told(&lamp_of);
}
