//! The exchange that every run simulates: extensions, a carrier with a spare, and a stranger.

use strowger_core::vocab::config::{
    Config, Destination, Extension, Number, RecordPolicy, Route, RouteFrom, Tenant, Trunk,
};
use strowger_core::vocab::supervise::Supervised;
use strowger_core::vocab::{ExtensionKey, Secret, TrunkKey};

use crate::queues::queue_key;

pub const EXTENSIONS: [&str; 6] = ["4001", "4002", "4003", "4004", "4005", "4006"];
/// Carriers by the address of their only host.
pub const CARRIERS: [(&str, &str); 2] = [("alpha", "127.0.2.1"), ("beta", "127.0.2.2")];

pub fn extension(number: &str) -> ExtensionKey {
    ExtensionKey { tenant: "demo".into(), number: number.into() }
}

fn trunk_key(name: &str) -> TrunkKey {
    TrunkKey { tenant: "demo".into(), name: name.into() }
}

fn trunk((name, host): (&str, &str)) -> Trunk {
    Trunk {
        key: trunk_key(name),
        host: format!("{host}:5060"),
        transport: Some(sip::Transport::Udp),
        register: false,
        username: None,
        password: None,
        domain: None,
        addresses: vec![host.parse().expect("an address")],
        max_calls: 3,
        qualify_secs: 30,
        expires: 300,
        codecs: None,
        e164: false,
        trusted: false,
        original_caller: false,
        transfers: false,
    }
}

fn account(number: &str) -> Extension {
    Extension {
        name: format!("Phone {number}"),
        pickup_groups: vec!["all".into()],
        record: if number == "4001" { RecordPolicy::Always } else { RecordPolicy::Never },
        classes: vec!["internal".into(), "national".into(), "intercom".into()],
        max_calls: 4,
        ring_secs: Some(20),
        supervises: if number == "4006" { vec![Supervised::Everybody] } else { Vec::new() },
        ..Extension::new(extension(number), Secret::new("secret"))
    }
}

/// The configuration of a run.
pub fn config(seed: u64) -> Config {
    let mut config = Config::default();
    config.sip.domain = "pbx.test".into();
    config.sip.session_expires = 120;
    config.calls.announce_failures = true;
    config.calls.max_secs = 120;
    config.calls.max_calls = 16;
    config.tenants = vec![Tenant {
        id: "demo".into(),
        prefix: "9031046856".into(),
        timezone: "UTC".into(),
        language: "en".into(),
        ..Tenant::default()
    }];
    config.extensions = EXTENSIONS.iter().map(|number| account(number)).collect();
    config.trunks = CARRIERS.into_iter().map(trunk).collect();
    let number = |number: &str, to| Number { trunk: trunk_key("alpha"), number: number.into(), to };
    config.numbers = vec![
        number("057126200670", Destination::Extension(extension("4002"))),
        number("057126200671", Destination::Queue(queue_key("9001"))),
        number("057126200673", Destination::Queue(queue_key("9003"))),
    ];
    config.acd = crate::queues::acd(seed);
    config.groups = vec![crate::owners::group(seed)];
    config.menus = vec![crate::campaigns::menu()];
    config.conferences = vec![crate::rooms::room()];
    config.pages = vec![crate::rooms::page()];
    (config.park.timeout_secs, config.park.ring_secs) = (10, 5);
    config.calls.hold_reminder_secs = if seed.is_multiple_of(2) { 2 } else { 0 };
    config.routes = vec![
        Route {
            tenant: "demo".into(),
            name: "abroad".into(),
            pattern: r"^00\d{7,12}$".into(),
            class: Some("international".into()),
            from: RouteFrom::Extension,
            strip: 0,
            prepend: String::new(),
            to: vec![Destination::Trunk(trunk_key("alpha"))],
        },
        Route {
            tenant: "demo".into(),
            name: "national".into(),
            pattern: r"^0\d{7,12}$".into(),
            class: Some("national".into()),
            from: RouteFrom::Extension,
            strip: 0,
            prepend: String::new(),
            to: vec![Destination::Trunk(trunk_key("alpha")), Destination::Trunk(trunk_key("beta"))],
        },
    ];
    config
}
