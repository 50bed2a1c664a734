//! What owners of extensions set, over HTTP.

use serde_json::{Value, json};
use strowger_core::vocab::settings::{ExtensionSettings, FollowStep, TenantSettings};
use strowger_core::vocab::{Command, CommandError, Done, Query};

use crate::client::Answer;
use crate::site::{ADMIN, Site};

const PATH: &str = "/api/v1/extensions/4567/settings";

fn put(site: &Site, body: &Value) -> Answer {
    site.order(ADMIN, "PUT", PATH, &body.to_string())
}

fn full() -> ExtensionSettings {
    ExtensionSettings {
        do_not_disturb: true,
        forward_busy: Some("4568".into()),
        no_answer_secs: Some(20),
        follow_me: vec![FollowStep {
            number: "0571".into(),
            delay_secs: 5,
            ring_secs: 30,
            confirm: Some('1'),
        }],
        ..ExtensionSettings::default()
    }
}

#[test]
fn settings_are_shown_and_what_is_shown_can_be_set() {
    let site = Site::new();
    let shown = site.get(PATH).json();
    assert_eq!(
        shown,
        json!({
            "do_not_disturb": true, "forward_all": null, "forward_busy": "4568", "forward_no_answer": null,
            "forward_unregistered": null, "no_answer_secs": 20,
            "follow_me": [{"number": "0571", "delay_secs": 5, "ring_secs": 30, "confirm": "1"}],
        })
    );
    assert_eq!(site.fake.asked().pop().unwrap().1, Query::Settings("4567".into()));
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::Ordered)));
    assert_eq!(put(&site, &shown).status, 204);
    let (_, command) = site.fake.ordered().pop().unwrap();
    let settings = Box::new(full());
    assert_eq!(command, Command::Settings { extension: "4567".into(), settings });
}

#[test]
fn what_is_left_out_is_not_set_and_what_is_wrong_is_said() {
    let site = Site::new();
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::Ordered)));
    assert_eq!(put(&site, &json!({})).status, 204);
    let (_, command) = site.fake.ordered().pop().unwrap();
    let settings = Box::new(ExtensionSettings::default());
    assert_eq!(command, Command::Settings { extension: "4567".into(), settings });
    for (body, right) in [
        (json!({"forward_all": ""}), "forward_all: 1 to 64"),
        (json!({"no_answer_secs": 601}), "1 to 600"),
        (json!({"follow_me": [{"number": "1", "ring_secs": 0}]}), "ring_secs is 1 to 600"),
        (json!({"follow_me": [{"number": "1", "confirm": "x"}]}), "confirm is one key"),
    ] {
        let detail = put(&site, &body).problem(422);
        assert!(detail.contains(right), "{detail}");
    }
    put(&site, &json!({"dnd": true})).problem(400);
    let refused = CommandError::Invalid("forward_all: 8: the number leads nowhere".into());
    site.fake.set(|tables| tables.outcome = Some(Err(refused)));
    let detail = put(&site, &json!({"forward_all": "8"})).problem(422);
    assert!(detail.contains("leads nowhere"), "{detail}");
}

#[test]
fn a_tenant_sets_what_holds_for_all_of_its_calls() {
    let site = Site::new();
    let path = "/api/v1/settings";
    let shown = site.get(path).json();
    assert_eq!(
        shown,
        json!({
            "hold_music": "music/hold", "consult_music": null, "no_answer": null,
            "mailbox_greeting": null, "hide_numbers": true, "wrap_up_time": null,
        })
    );
    site.fake.set(|tables| tables.outcome = Some(Ok(Done::Ordered)));
    assert_eq!(site.order(ADMIN, "PUT", path, &shown.to_string()).status, 204);
    let settings = TenantSettings {
        hold_music: Some("music/hold".into()),
        hide_numbers: true,
        ..TenantSettings::default()
    };
    let (_, command) = site.fake.ordered().pop().unwrap();
    assert_eq!(command, Command::TenantSettings(Box::new(settings)));
    for (body, right) in [
        (json!({"hold_music": "../secret"}), "hold_music"),
        (json!({"no_answer": "bye.wav"}), "no_answer"),
        (json!({"wrap_up_time": 86_401}), "0 to 86400"),
    ] {
        let detail = site.order(ADMIN, "PUT", path, &body.to_string()).problem(422);
        assert!(detail.contains(right), "{detail}");
    }
    site.order(ADMIN, "PUT", path, "{\"music\": 1}").problem(400);
}
