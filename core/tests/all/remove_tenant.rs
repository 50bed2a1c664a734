//! A tenant goes with everything that it has, and one of the same name begins without anything.

use strowger_core::vocab::acd::{AgentPlace, DefinitionOrder};
use strowger_core::vocab::config::Destination;
use strowger_core::vocab::define::{Entry, EntryKind, EntryOrder, ExtensionEntry};
use strowger_core::vocab::dial::{DialMode, DialOrder};
use strowger_core::vocab::mailbox::Mailbox;
use strowger_core::vocab::menu::{Menu, MenuOrder};
use strowger_core::vocab::provision::{PhoneConfig, PhoneOrder, Vendor};
use strowger_core::vocab::settings::{ExtensionSettings, TenantSettings};
use strowger_core::vocab::{
    Command, CommandError, Config, Done, Input, MailboxKey, MenuKey, Principal, Query, Record,
    Reply, Role, Secret,
};

use crate::common::*;
use crate::dial_calls::task;
use crate::exchange::Exchange;

const ALICE: &str = "198.51.100.7:5060";
const BOB: &str = "198.51.100.8:5060";

/// Two tenants; nothing of `demo` is in the file.
fn config() -> Config {
    let mut config = two_companies();
    config.tenants[0].own_trunks = true;
    config.sip.qualify_secs = 0;
    config.sip.session_expires = 0;
    config.extensions.retain(|own| own.key.tenant != "demo");
    config.trunks.retain(|own| own.key.tenant != "demo");
    config.numbers.retain(|own| own.trunk.tenant != "demo");
    config.routes.retain(|own| own.tenant != "demo");
    config.acd.queues.clear();
    config
}

fn without() -> Config {
    let mut config = config();
    config.tenants.retain(|own| own.id != "demo");
    config.acd.tenants.remove("demo");
    config
}

fn remove_as(own: &mut Exchange, principal: Principal) -> Result<Done, CommandError> {
    let command = Command::RemoveTenant { tenant: "demo".into(), config: Box::new(without()) };
    match own.command_by(principal, command) {
        Reply::Command(done) => done,
        other => panic!("{other:?}"),
    }
}

fn remove(own: &mut Exchange) -> Result<Done, CommandError> {
    remove_as(own, Principal { tenant: String::new(), ..Exchange::principal(Role::Admin) })
}

fn done(own: &mut Exchange, command: Command) {
    let reply = own.command(command.clone());
    assert!(matches!(reply, Reply::Command(Ok(_))), "{command:?}: {reply:?}");
}

fn put(entry: Entry) -> Command {
    Command::Entry(Box::new(EntryOrder::Put { entry, spare: Secret::default() }))
}

/// One of everything, over HTTP.
fn furnish(own: &mut Exchange) {
    for number in ["4567", "4568"] {
        let key = MailboxKey { tenant: "demo".into(), number: number.into() };
        let mailbox = Mailbox { key, pin: None, mailto: "a@b.example".into(), attach: false };
        let entry = ExtensionEntry {
            extension: extension("demo", number, &["national"]),
            mailbox: Some(mailbox),
            watch_mailboxes: Vec::new(),
        };
        done(own, put(Entry::Extension(Box::new(entry))));
    }
    done(own, put(Entry::Trunk(Box::new(trunk("demo", "carrier", "192.0.2.10:5060")))));
    let shown = number(trunk_key("demo", "carrier"), "057126200671", Destination::Echo);
    done(own, put(Entry::Number(Box::new(shown))));
    let mut line = queue("demo", "9001");
    line.limits.exit_with_no_av_agents = false;
    done(own, Command::Define(DefinitionOrder::PutQueue(Box::new(line))));
    let place = AgentPlace::Extension("4567".into());
    let agent = crate::queue_call::agent("101", place, 1);
    done(own, Command::Define(DefinitionOrder::PutAgent(Box::new(agent))));
    let menu = Menu::named(MenuKey { tenant: "demo".into(), name: "main".into() });
    done(own, Command::Menu(MenuOrder::Put(Box::new(menu))));
    let phone = PhoneConfig {
        tenant: "demo".into(),
        mac: "805ec0123456".into(),
        vendor: Vendor::Snom,
        extensions: vec!["4567".into()],
        keys: Vec::new(),
    };
    done(own, Command::Phone(PhoneOrder::Define(phone)));
    let settings = ExtensionSettings { do_not_disturb: true, ..Default::default() };
    let settings = Box::new(settings);
    done(own, Command::Settings { extension: "4567".into(), settings });
    let set = TenantSettings { hide_numbers: true, wrap_up_time: Some(7), ..Default::default() };
    done(own, Command::TenantSettings(Box::new(set)));
    done(own, Command::Dial(DialOrder::Put(Box::new(task(DialMode::Ratio)))));
    let numbers = vec!["057100000000".into()];
    done(own, Command::Dial(DialOrder::Block { numbers, blocked: true }));
}

/// Everything that a tenant's administrator can list, in words.
fn everything(own: &mut Exchange) -> Vec<String> {
    let (offset, limit) = (0, 200);
    let entries = [EntryKind::Extension, EntryKind::Number, EntryKind::Route, EntryKind::Trunk]
        .map(|kind| Query::Entries { kind, offset, limit });
    let others = [
        Query::Registrations { offset, limit },
        Query::Calls { offset, limit },
        Query::Trunks,
        Query::Phones { offset, limit },
        Query::Queues { offset, limit },
        Query::Agents { queue: None, offset, limit },
        Query::Mailboxes { offset, limit },
        Query::Menus { offset, limit },
        Query::TenantSettings,
        Query::DialTasks { offset, limit },
        Query::DoNotCall { offset, limit },
    ];
    let ask = |query: Query| {
        let reply = format!("{:?}", own.query(query));
        // When it was asked does not count.
        reply.split("as_of").next().unwrap_or_default().to_owned()
    };
    entries.into_iter().chain(others).map(ask).collect()
}

#[test]
fn nothing_of_a_tenant_is_left_and_one_of_its_name_begins_without_anything() {
    let mut own = Exchange::new(config());
    let bare = everything(&mut own);
    furnish(&mut own);
    own.register("4567", ALICE);
    own.register("4568", BOB);
    let full = everything(&mut own);
    let same = full.iter().zip(&bare).filter(|(full, bare)| full == bare).count();
    assert_eq!(same, 2, "routes and calls are all that it has none of: {full:#?}");

    // A call stands in the way, and so does what is written of it afterwards.
    let mut call = own.call_from("4568", BOB, "9001");
    own.confirm(&mut call);
    let refused = remove(&mut own);
    let Err(CommandError::Conflict(text)) = refused else { panic!("{refused:?}") };
    assert!(text.contains("demo has calls"), "{text}");
    own.hang_up(&mut call);
    own.run(120);
    assert_eq!(everything(&mut own).len(), full.len());
    for role in [Role::Admin, Role::Supervisor, Role::ReadOnly] {
        let refused = remove_as(&mut own, Exchange::principal(role));
        assert!(matches!(refused, Err(CommandError::Forbidden(_))), "{refused:?}");
    }

    assert_eq!(remove(&mut own), Ok(Done::Ordered));
    assert_eq!(own.records.last(), Some(&Record::TenantGone("demo".into())));
    let written = own.records.len();
    own.run(1_000);
    let late: Vec<&Record> = own.records[written..]
        .iter()
        .filter(|record| format!("{record:?}").contains("\"demo\""))
        .collect();
    assert!(late.is_empty(), "{late:?}");
    assert!(!own.registers("4567", "secret", ALICE, 600));
    assert_eq!(remove(&mut own), Ok(Done::Ordered), "again, it does no harm");

    own.input(Input::Reload(Box::new(config())));
    assert_eq!(everything(&mut own), bare);
    assert!(!own.registers("4567", "secret", ALICE, 600));
    // The same can be made again.
    furnish(&mut own);
    own.register("4567", ALICE);
    own.drains();
}
