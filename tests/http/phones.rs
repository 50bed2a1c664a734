//! Desk phones over HTTP: definitions, tickets, and what a phone that shows a secret gets.

use sha2::{Digest, Sha256};
use strowger_core::vocab::provision::{
    Fetch, KeyKind, PhoneAccount, PhoneConfig, PhoneKey, PhoneOrder, PhoneSheet, Vendor,
};
use strowger_core::vocab::{Command, CommandError, Done, Secret};

use crate::site::Site;

const MAC: &str = "805ec0123456";

fn sheet(renewed: bool) -> PhoneSheet {
    let account = PhoneAccount {
        user: "4567".into(),
        number: "4567".into(),
        name: "Alice".into(),
        password: Secret::new("sip-password"),
    };
    PhoneSheet {
        phone: PhoneConfig {
            tenant: "t".into(),
            mac: MAC.into(),
            vendor: Vendor::Yealink,
            extensions: vec!["4567".into()],
            keys: Vec::new(),
        },
        accounts: vec![account],
        domain: "pbx.example".into(),
        port: 5060,
        voicemail: "*97".into(),
        pickup: "**".into(),
        group_pickup: "*8".into(),
        renewed,
    }
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn fetched(site: &Site) -> Fetch {
    match site.fake.ordered().pop() {
        Some((_, Command::Fetch(fetch))) => *fetch,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_phone_is_defined_and_gets_a_url_that_is_shown_once() {
    let site = Site::new();
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::Defined)));
    let body = r#"{"vendor": "yealink", "extensions": ["4567"], "keys": [{"kind": "blf", "value": "4568", "label": "Bob"}]}"#;
    let path = "/api/v1/phones/80:5E:C0:12:34:56";
    assert_eq!(site.order("admin-t", "PUT", path, body).status, 204);
    let Some((_, Command::Phone(PhoneOrder::Define(phone)))) = site.fake.ordered().pop() else {
        panic!("nothing was defined")
    };
    let (kind, value, label) = (KeyKind::Blf, "4568".into(), "Bob".into());
    assert_eq!((phone.mac.as_str(), phone.vendor), (MAC, Vendor::Yealink));
    assert_eq!(phone.keys, [PhoneKey { kind, value, label }]);
    let made = site.order("admin-t", "POST", &format!("{path}/ticket"), "");
    assert_eq!(made.status, 201);
    let url = made.json()["url"].as_str().unwrap().to_owned();
    let secret = url.split("/provision/").nth(1).unwrap().trim_end_matches('/').to_owned();
    assert_eq!(secret.len(), 32, "{url}");
    let Some((_, Command::Phone(PhoneOrder::Ticket { mac, digest: kept }))) =
        site.fake.ordered().pop()
    else {
        panic!("no ticket was made")
    };
    assert_eq!((mac.as_str(), kept), (MAC, digest(&secret)), "the switch gets a digest only");
}

#[test]
fn only_administrators_define_phones_and_mistakes_are_explained() {
    let site = Site::new();
    for role in ["supervisor-t", "reader-t", "user-t", "agent-t"] {
        let bearer = format!("Bearer {role}");
        let path = format!("/api/v1/phones/{MAC}/ticket");
        assert_eq!(site.send("POST", &path, &[("Authorization", &bearer)], "").status, 403);
    }
    for (path, body, status) in [
        ("/api/v1/phones/805ec012345", r#"{"vendor": "snom", "extensions": ["1"]}"#, 400),
        ("/api/v1/phones/805ec0123456", r#"{"vendor": "cisco", "extensions": ["1"]}"#, 422),
        ("/api/v1/phones/805ec0123456", r#"{"vendor": "snom", "extensions": []}"#, 422),
    ] {
        assert_eq!(site.order("admin-t", "PUT", path, body).status, status, "{body}");
    }
}

#[test]
fn a_secret_opens_the_settings_and_the_phone_gets_its_own() {
    let site = Site::new();
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::Provisioned(Box::new(sheet(true))))));
    let answer = site.send("GET", &format!("/provision/first/{MAC}.cfg"), &[], "");
    assert_eq!(answer.status, 200);
    let fetch = fetched(&site);
    assert_eq!((fetch.mac.as_str(), fetch.digest), (MAC, digest("first")));
    let text = answer.text();
    assert!(text.contains("account.1.password = sip-password\n"), "{text}");
    let line = text.lines().find(|line| line.contains("auto_provision.server.url")).unwrap();
    let own = line.split("/provision/").nth(1).unwrap().trim_end_matches('/');
    assert_eq!(digest(own), fetch.fresh, "the phone's own secret is in its settings");
    assert!(!text.contains("/provision/first/"));
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::Provisioned(Box::new(sheet(false))))));
    let again = site.send("GET", &format!("/provision/{own}/{MAC}.cfg"), &[], "");
    assert!(again.text().contains(&format!("/provision/{own}/")), "it stays");
}

#[test]
fn wrong_keys_keep_no_phone_from_its_settings() {
    let site = Site::new();
    for _ in 0..11 {
        site.get_as("nonsense", "/api/v1/calls");
    }
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::Provisioned(Box::new(sheet(true))))));
    assert_eq!(site.send("GET", &format!("/provision/first/{MAC}.cfg"), &[], "").status, 200);
}

#[test]
fn wrong_secrets_are_refused_alike_and_counted() {
    let site = Site::new();
    let refused = CommandError::Forbidden("the secret opens nothing".into());
    site.fake.set(|tables| tables.outcome = Some(Err(refused)));
    // What all phones ask for first spends nothing and counts for nothing.
    for _ in 0..20 {
        assert_eq!(site.send("GET", "/provision/guess/y000000000028.cfg", &[], "").status, 200);
    }
    assert!(site.fake.ordered().is_empty());
    assert_eq!(site.send("HEAD", &format!("/provision/guess/{MAC}.cfg"), &[], "").status, 403);
    assert!(site.fake.ordered().is_empty(), "whoever looks spends nothing");
    let mut statuses = Vec::new();
    for guess in 0..12 {
        let path = format!("/provision/guess{guess}/{MAC}.cfg");
        statuses.push(site.send("GET", &path, &[], "").status);
    }
    assert_eq!(statuses[..10], [403; 10]);
    assert_eq!(statuses[10..], [429; 2]);
    // Programs behind the same address go on.
    assert_eq!(site.get("/api/v1/calls").status, 200);
    for _ in 0..10 {
        site.get_as("nonsense", "/api/v1/calls").problem(401);
    }
    site.get("/api/v1/calls").problem(429);
}
