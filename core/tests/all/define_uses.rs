//! Queues and menus over HTTP are not removed from beneath those who lead there.

use strowger_core::vocab::acd::DefinitionOrder;
use strowger_core::vocab::config::Destination;
use strowger_core::vocab::define::{Entry, EntryKey, EntryOrder};
use strowger_core::vocab::menu::{Menu, MenuOrder};
use strowger_core::vocab::{
    Command, CommandError, Done, MailboxKey, MenuKey, NumberKey, QueueKey, Reply, Secret,
};

use crate::common::*;
use crate::exchange::Exchange;

const OWN: &str = "057126209999";

fn open() -> Exchange {
    let mut config = two_companies();
    config.tenants[0].own_trunks = true;
    let mut own = Exchange::new(config);
    define(&mut own, DefinitionOrder::PutQueue(Box::new(queue("demo", "9005")))).unwrap();
    own
}

fn command(own: &mut Exchange, command: Command) -> Result<Done, CommandError> {
    match own.command(command) {
        Reply::Command(done) => done,
        other => panic!("{other:?}"),
    }
}

fn define(own: &mut Exchange, order: DefinitionOrder) -> Result<Done, CommandError> {
    command(own, Command::Define(order))
}

fn menu(own: &mut Exchange, order: MenuOrder) -> Result<Done, CommandError> {
    command(own, Command::Menu(order))
}

fn number_to(own: &mut Exchange, to: Destination) {
    let entry = Entry::Number(Box::new(number(trunk_key("demo", "carrier"), OWN, to)));
    let order = EntryOrder::Put { entry, spare: Secret::default() };
    command(own, Command::Entry(Box::new(order))).unwrap();
}

fn no_number(own: &mut Exchange) {
    let key = EntryKey::Number(NumberKey { tenant: "demo".into(), number: OWN.into() });
    command(own, Command::Entry(Box::new(EntryOrder::Delete(key)))).unwrap();
}

fn queue_key(number: &str) -> QueueKey {
    QueueKey { tenant: "demo".into(), number: number.into() }
}

fn menu_key(name: &str) -> MenuKey {
    MenuKey { tenant: "demo".into(), name: name.into() }
}

fn leading_to(name: &str, to: Destination) -> MenuOrder {
    MenuOrder::Put(Box::new(Menu { timeout_to: Some(to), ..Menu::named(menu_key(name)) }))
}

#[track_caller]
fn held_by(result: Result<Done, CommandError>, who: &str) {
    match result {
        Err(CommandError::Conflict(text)) if text.starts_with(who) => {}
        other => panic!("{who}: {other:?}"),
    }
}

#[test]
fn a_queue_stays_while_anything_leads_there() {
    let mut own = open();
    let key = queue_key("9005");
    let delete = || DefinitionOrder::DeleteQueue(key.clone());
    let mailbox = MailboxKey { tenant: "demo".into(), number: "9005".into() };
    let by_number = Destination::Number(strowger_core::vocab::ExtensionKey {
        tenant: "demo".into(),
        number: "9005".into(),
    });
    for to in [Destination::Queue(key.clone()), Destination::Voicemail(mailbox), by_number] {
        number_to(&mut own, to);
        held_by(define(&mut own, delete()), &format!("number {OWN} uses the queue"));
        no_number(&mut own);
    }
    let to = Destination::Queue(key.clone());
    menu(&mut own, leading_to("main", to.clone())).unwrap();
    held_by(define(&mut own, delete()), "menu main");
    menu(&mut own, MenuOrder::Delete("main".into())).unwrap();
    let mut other = queue("demo", "9006");
    other.limits.timeout_transfer_dst = Some(to.clone());
    define(&mut own, DefinitionOrder::PutQueue(Box::new(other.clone()))).unwrap();
    held_by(define(&mut own, delete()), "queue 9006");
    other.limits.timeout_transfer_dst = None;
    define(&mut own, DefinitionOrder::PutQueue(Box::new(other))).unwrap();
    // What leads to itself holds itself not.
    let mut itself = queue("demo", "9005");
    itself.limits.timeout_transfer_dst = Some(to);
    define(&mut own, DefinitionOrder::PutQueue(Box::new(itself))).unwrap();
    assert_eq!(define(&mut own, delete()), Ok(Done::Defined));
}

#[test]
fn a_menu_stays_while_a_number_or_a_queue_leads_there() {
    let mut own = open();
    let delete = |name: &str| MenuOrder::Delete(name.into());
    let night = Destination::Ivr(menu_key("night"));
    menu(&mut own, leading_to("night", Destination::Echo)).unwrap();
    number_to(&mut own, night.clone());
    held_by(menu(&mut own, delete("night")), &format!("number {OWN}"));
    no_number(&mut own);
    let mut waits = queue("demo", "9005");
    waits.limits.full_transfer_dst = Some(night.clone());
    define(&mut own, DefinitionOrder::PutQueue(Box::new(waits))).unwrap();
    held_by(menu(&mut own, delete("night")), "queue 9005");
    let empty = DefinitionOrder::PutQueue(Box::new(queue("demo", "9005")));
    define(&mut own, empty).unwrap();
    // Menus lead to menus that may be made later, and so does a number that says nothing else.
    menu(&mut own, leading_to("main", night)).unwrap();
    assert_eq!(menu(&mut own, delete("night")), Ok(Done::Defined));
    menu(&mut own, leading_to("welcome", Destination::Echo)).unwrap();
    number_to(&mut own, Destination::welcome("demo"));
    assert_eq!(menu(&mut own, delete("welcome")), Ok(Done::Defined));
}
