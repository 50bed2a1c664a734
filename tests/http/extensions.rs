//! Extensions over HTTP: shown without secrets, defined, removed.

use strowger_core::vocab::config::{DigestAlgorithm, RecordPolicy};
use strowger_core::vocab::define::{Entry, EntryKey, EntryOrder, ExtensionEntry};
use strowger_core::vocab::{Command, CommandError, Done, ExtensionKey, Secret};

use crate::site::Site;

const PATH: &str = "/api/v1/extensions/4570";

fn entered(created: bool, spare: bool) -> Option<Result<Done, CommandError>> {
    Some(Ok(Done::Entered { created, spare }))
}

fn put(site: &Site) -> (ExtensionEntry, Secret) {
    match site.fake.ordered().pop() {
        Some((_, Command::Entry(order))) => match *order {
            EntryOrder::Put { entry: Entry::Extension(entry), spare } => (*entry, spare),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn extensions_are_shown_with_everything_but_their_secrets() {
    let site = Site::new();
    let page = site.get("/api/v1/extensions").json();
    assert_eq!(page["total"], 1);
    let item = &page["items"][0];
    assert_eq!(*item, site.get("/api/v1/extensions/4567").json());
    let expected = serde_json::json!({
        "number": "4567", "origin": "file", "user": "903104567", "domain": "pbx.example",
        "contacts": 2, "has_voicemail_pin": true, "name": "Alice", "pickup_groups": ["sales"],
        "pickup_any": false, "record": "on_demand", "classes": ["internal", "national"],
        "max_calls": 3, "algorithm": "SHA-256", "caller_number": null, "codecs": null,
        "ring_secs": 20, "supervises": ["queue:9001"], "voicemail": true, "voicemail_mailto": "",
        "voicemail_attach": true, "watch_mailboxes": ["9001"],
    });
    assert_eq!(*item, expected);
    assert_eq!(site.get("/api/v1/extensions/1").problem(404), "no such agent or queue");
    assert_eq!(site.get_as("user-t", "/api/v1/extensions").status, 403);
    assert_eq!(site.get_as("user-t", "/api/v1/extensions/4567").status, 200, "the switch decides");
}

#[test]
fn a_new_extension_gets_a_password_that_is_shown_once() {
    let site = Site::new();
    site.fake.set(|tables| tables.outcome = entered(true, true));
    let answer = site.order("admin-t", "PUT", PATH, r#"{"name": "Bob"}"#);
    assert_eq!(answer.status, 201);
    let (entry, spare) = put(&site);
    let shown = answer.json()["password"].as_str().unwrap().to_owned();
    assert_eq!((shown.as_str(), shown.len()), (spare.expose(), 32));
    let own = &entry.extension;
    assert_eq!(own.key, ExtensionKey { tenant: "t".into(), number: "4570".into() });
    assert_eq!((own.name.as_str(), own.password.expose()), ("Bob", ""));
    assert_eq!(
        (own.classes.as_slice(), own.record),
        (&["internal".to_owned()][..], RecordPolicy::Never)
    );
    assert_eq!((&entry.mailbox, own.algorithm), (&None, DigestAlgorithm::Md5));
    // One that was given, or is kept, is shown to nobody.
    site.fake.set(|tables| tables.outcome = entered(false, false));
    let body = r#"{"password": "given-one", "voicemail": true, "voicemail_pin": "1234"}"#;
    let answer = site.order("admin-t", "PUT", PATH, body);
    assert_eq!((answer.status, answer.json().get("password")), (200, None));
    assert!(!answer.text().contains("given-one") && !answer.text().contains("1234"));
    let (entry, spare) = put(&site);
    assert_eq!(entry.extension.password.expose(), "given-one");
    assert_eq!(entry.mailbox.unwrap().pin.unwrap().expose(), "1234");
    assert!(!crate::site::log().contains(spare.expose()), "no secret is logged");
}

#[test]
fn mistakes_are_explained_before_the_switch_is_asked() {
    let site = Site::new();
    for (body, status, named) in [
        (r#"{"record": "sometimes"}"#, 400, "on_demand"),
        (r#"{"colour": "red"}"#, 400, "colour"),
        (r#"{"password": ""}"#, 422, "password"),
        (r#"{"voicemail_pin": "1234"}"#, 422, "voicemail"),
        (r#"{"supervises": ["every body"]}"#, 422, "queue:NUMBER"),
    ] {
        let detail = site.order("admin-t", "PUT", PATH, body).problem(status);
        assert!(detail.contains(named), "{body}: {detail}");
    }
    assert!(site.fake.ordered().is_empty());
    for role in ["supervisor-t", "reader-t", "user-t", "agent-t"] {
        assert_eq!(site.order(role, "PUT", PATH, "{}").status, 403, "{role}");
        assert_eq!(site.order(role, "DELETE", PATH, "").status, 403, "{role}");
    }
}

#[test]
fn an_extension_is_removed() {
    let site = Site::new();
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::Defined)));
    assert_eq!(site.delete(PATH).status, 204);
    let key = ExtensionKey { tenant: "t".into(), number: "4570".into() };
    let order = EntryOrder::Delete(EntryKey::Extension(key));
    assert_eq!(site.fake.ordered().pop().unwrap().1, Command::Entry(Box::new(order)));
    let file = CommandError::Conflict("the file defines it".into());
    site.fake.set(|tables| tables.outcome = Some(Err(file)));
    assert_eq!(site.delete(PATH).problem(409), "the file defines it");
}
