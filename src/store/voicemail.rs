//! What is kept of voicemail and menus: messages, greetings, mail on its way, menus defined over HTTP.

use rusqlite::{Connection, params};
use strowger_core::vocab::mailbox::{GreetingRecord, MailRecord, MessageRecord, WaitingMail};
use strowger_core::vocab::menu::Menu;
use strowger_core::vocab::record::MailboxCounts;
use strowger_core::vocab::{MailboxKey, MenuKey, MessageId, Record, Restored};

use super::StoreError;
use super::sqlite::{bodies, body, signed, unsigned};

/// Writes a record of this file's kinds; all others are not its business.
pub(super) fn write(connection: &Connection, record: &Record) -> Result<(), StoreError> {
    match record {
        Record::Message(message) => write_message(connection, message)?,
        Record::MessageDeleted(id) => delete(connection, "DELETE FROM messages WHERE id = ?1", id)?,
        Record::Greeting(greeting) => write_greeting(connection, greeting)?,
        Record::MailQueued(mail) => queue_mail(connection, mail)?,
        Record::MailTried { id, attempts, next_at } => {
            let mut statement = connection
                .prepare_cached("UPDATE mails SET attempts = ?2, next_at = ?3 WHERE id = ?1")?;
            statement.execute(params![id.to_string(), attempts, signed(*next_at)])?;
        }
        Record::MailDone(id) => delete(connection, "DELETE FROM mails WHERE id = ?1", id)?,
        Record::MenuDefined(menu) => write_menu(connection, menu)?,
        Record::MenuUndefined(MenuKey { tenant, name }) => {
            let mut statement =
                connection.prepare_cached("DELETE FROM menus WHERE tenant = ?1 AND name = ?2")?;
            statement.execute(params![tenant, name])?;
        }
        _ => {}
    }
    Ok(())
}

fn delete(connection: &Connection, sql: &str, id: &MessageId) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.execute([id.to_string()])?;
    Ok(())
}

fn write_message(connection: &Connection, message: &MessageRecord) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO messages (id, tenant, mailbox, body) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let MailboxKey { tenant, number } = &message.mailbox;
    let body = serde_json::to_string(message)?;
    statement.execute(params![message.id.to_string(), tenant, number, body])?;
    Ok(())
}

fn write_greeting(connection: &Connection, greeting: &GreetingRecord) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO greetings (tenant, mailbox, body) VALUES (?1, ?2, ?3)",
    )?;
    let MailboxKey { tenant, number } = &greeting.mailbox;
    statement.execute(params![tenant, number, serde_json::to_string(greeting)?])?;
    Ok(())
}

/// A mail that is queued already keeps its attempts.
fn queue_mail(connection: &Connection, mail: &MailRecord) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "INSERT OR IGNORE INTO mails (id, attempts, next_at, body) VALUES (?1, 0, 0, ?2)",
    )?;
    statement.execute(params![mail.id.to_string(), serde_json::to_string(mail)?])?;
    Ok(())
}

fn write_menu(connection: &Connection, menu: &Menu) -> Result<(), StoreError> {
    let mut statement = connection
        .prepare_cached("INSERT OR REPLACE INTO menus (tenant, name, body) VALUES (?1, ?2, ?3)")?;
    let body = serde_json::to_string(menu)?;
    statement.execute(params![menu.key.tenant, menu.key.name, body])?;
    Ok(())
}

/// Adds what the last run left to `restored`.
pub(super) fn load(connection: &Connection, restored: &mut Restored) -> Result<(), StoreError> {
    restored.messages = bodies(connection, "SELECT body FROM messages ORDER BY id")?;
    restored.greetings = bodies(connection, "SELECT body FROM greetings ORDER BY tenant, mailbox")?;
    restored.menus = bodies(connection, "SELECT body FROM menus ORDER BY tenant, name")?;
    restored.mailboxes = counts(&restored.messages);
    let mut statement =
        connection.prepare("SELECT body, attempts, next_at FROM mails ORDER BY id")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (mail, attempts) = (body(row, 0)?, row.get(1)?);
        restored.mails.push(WaitingMail { mail, attempts, next_at: unsigned(row.get(2)?) });
    }
    Ok(())
}

fn counts(messages: &[MessageRecord]) -> Vec<(MailboxKey, MailboxCounts)> {
    let mut counts = std::collections::BTreeMap::<MailboxKey, MailboxCounts>::new();
    for message in messages {
        let own = counts.entry(message.mailbox.clone()).or_default();
        let urgent = u32::from(message.urgent);
        if message.heard {
            own.old += 1;
            own.urgent_old += urgent;
        } else {
            own.new += 1;
            own.urgent_new += urgent;
        }
    }
    counts.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use strowger_core::vocab::{CallId, InteractionId};

    use super::super::{Sealer, Sqlite, Store};
    use super::*;

    fn message(id: u128, heard: bool, urgent: bool) -> MessageRecord {
        MessageRecord {
            id: MessageId(id),
            mailbox: MailboxKey { tenant: "t".into(), number: "101".into() },
            number: "102".into(),
            name: "Bo".into(),
            at: 5,
            length_ms: 2_000,
            bytes: 32_044,
            path: format!("voicemail/t/101/{id}.wav"),
            heard,
            urgent,
            call: CallId(1),
            interaction: InteractionId(2),
        }
    }

    #[test]
    fn messages_greetings_mails_and_menus_survive_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.db");
        let open = || Sqlite::open(&path, Sealer::new([7; 32])).unwrap();
        let mailbox = message(1, false, false).mailbox;
        let greeting = |path: Option<&str>| GreetingRecord {
            mailbox: mailbox.clone(),
            path: path.map(str::to_owned),
        };
        let mail = |id| MailRecord {
            id: MessageId(id),
            to: "a@b.example".into(),
            attach: true,
            message: message(id, false, false),
            timezone: "UTC".into(),
        };
        let menu = |name: &str| Menu::named(MenuKey { tenant: "t".into(), name: name.into() });
        let records = [
            Record::Message(Box::new(message(1, false, false))),
            Record::Message(Box::new(message(2, false, true))),
            Record::Message(Box::new(message(3, false, false))),
            Record::Message(Box::new(message(1, true, false))),
            Record::MessageDeleted(MessageId(3)),
            Record::Greeting(greeting(Some("old.wav"))),
            Record::Greeting(greeting(Some("new.wav"))),
            Record::MailQueued(Box::new(mail(1))),
            Record::MailQueued(Box::new(mail(2))),
            Record::MailTried { id: MessageId(1), attempts: 4, next_at: 99 },
            Record::MailQueued(Box::new(mail(1))),
            Record::MailDone(MessageId(2)),
            Record::MenuDefined(Box::new(menu("a"))),
            Record::MenuDefined(Box::new(menu("b"))),
            Record::MenuUndefined(menu("b").key),
        ];
        let mut store = open();
        store.load().unwrap();
        store.commit(&records).unwrap();
        drop(store);
        let restored = open().load().unwrap().restored;
        assert_eq!(restored.messages, [message(1, true, false), message(2, false, true)]);
        assert_eq!(restored.greetings, [greeting(Some("new.wav"))]);
        assert_eq!(restored.menus, [menu("a")]);
        let waiting = WaitingMail { mail: mail(1), attempts: 4, next_at: 99 };
        assert_eq!(restored.mails, [waiting]);
        let counts = MailboxCounts { new: 1, old: 1, urgent_new: 1, urgent_old: 0 };
        assert_eq!(restored.mailboxes, [(mailbox, counts)]);
    }
}
