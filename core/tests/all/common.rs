//! What several topics need: messages from text, a clock, a configuration of two companies.

use std::net::SocketAddr;

use sip::{Flow, Message, Transport};
use strowger_core::vocab::acd::QueueConfig;
use strowger_core::vocab::config::{
    Config, Destination, Extension, Number, Route, RouteFrom, Tenant, Trunk,
};
use strowger_core::vocab::{ExtensionKey, Now, QueueKey, Secret, TrunkKey};

pub const SECOND: u64 = 1_000_000_000;
/// Wall time at monotonic zero: 21 November 2026.
pub const EPOCH_MS: u64 = 1_795_219_200_000;

/// A moment, in seconds after the start.
pub fn at(seconds: u64) -> Now {
    Now { mono: seconds * SECOND, wall: EPOCH_MS + seconds * 1000 }
}

pub fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A moment, in nanoseconds after the start.
pub fn moment(mono: u64) -> Now {
    Now { mono, wall: EPOCH_MS + mono / 1_000_000 }
}

pub fn message(lines: &[&str]) -> Message {
    let text = lines.join("\r\n") + "\r\n\r\n";
    Message::parse(text.into_bytes().into()).unwrap()
}

pub fn udp(remote: &str) -> Flow {
    let (local, remote) = (address("192.0.2.1:5060"), address(remote));
    Flow { transport: Transport::Udp, local, remote, generation: 0 }
}

pub fn tcp(remote: &str, generation: u32) -> Flow {
    Flow { transport: Transport::Tcp, generation, ..udp(remote) }
}

pub fn key(tenant: &str, number: &str) -> ExtensionKey {
    ExtensionKey { tenant: tenant.into(), number: number.into() }
}

pub fn trunk_key(tenant: &str, name: &str) -> TrunkKey {
    TrunkKey { tenant: tenant.into(), name: name.into() }
}

pub fn extension(tenant: &str, number: &str, classes: &[&str]) -> Extension {
    Extension {
        name: format!("Phone {number}"),
        classes: classes.iter().map(|class| (*class).to_owned()).collect(),
        ..Extension::new(key(tenant, number), Secret::new("secret"))
    }
}

pub fn trunk(tenant: &str, name: &str, host: &str) -> Trunk {
    Trunk {
        key: trunk_key(tenant, name),
        host: host.into(),
        transport: None,
        register: false,
        username: None,
        password: None,
        domain: None,
        addresses: Vec::new(),
        max_calls: 0,
        qualify_secs: 0,
        expires: 600,
        codecs: None,
        e164: false,
        trusted: false,
        original_caller: false,
        transfers: false,
    }
}

pub fn route(tenant: &str, pattern: &str, class: Option<&str>, to: Vec<Destination>) -> Route {
    Route {
        tenant: tenant.into(),
        name: pattern.into(),
        pattern: pattern.into(),
        class: class.map(str::to_owned),
        from: RouteFrom::Extension,
        strip: 0,
        prepend: String::new(),
        to,
    }
}

pub fn number(trunk: TrunkKey, number: &str, to: Destination) -> Number {
    Number { trunk, number: number.into(), to }
}

pub fn queue(tenant: &str, number: &str) -> QueueConfig {
    let key = QueueKey { tenant: tenant.into(), number: number.into() };
    QueueConfig { name: format!("Queue {number}"), ..QueueConfig::new(key) }
}

pub fn tenant(id: &str, prefix: &str, domain: Option<&str>) -> Tenant {
    Tenant {
        id: id.into(),
        prefix: prefix.into(),
        domain: domain.map(str::to_owned),
        timezone: "Asia/Shanghai".into(),
        language: "en".into(),
        country_code: Some("86".into()),
        emergency: vec!["110".into()],
        park_to: None,
        own_trunks: false,
    }
}

/// Two companies: `demo` with a prefix and no domain, `other` with a domain of its own. Both have an extension 4567 and
/// a trunk `carrier`; `demo` has a second trunk `spare` and a route from `spare` onwards.
pub fn two_companies() -> Config {
    let to = |tenant, name| Destination::Trunk(trunk_key(tenant, name));
    let mut config = Config {
        tenants: vec![
            tenant("demo", "9031046856", None),
            tenant("other", "", Some("other.example")),
        ],
        extensions: vec![
            extension("demo", "4567", &["national"]),
            extension("demo", "4568", &["national", "international"]),
            extension("demo", "4569", &[]),
            extension("other", "4567", &["national"]),
            extension("other", "7000", &["national"]),
        ],
        trunks: vec![
            trunk("demo", "carrier", "192.0.2.10:5060"),
            trunk("demo", "spare", "192.0.2.11:5060"),
            trunk("other", "carrier", "192.0.2.12:5060"),
        ],
        numbers: vec![
            number(
                trunk_key("demo", "carrier"),
                "057126200670",
                Destination::Extension(key("demo", "4567")),
            ),
            number(trunk_key("demo", "spare"), "057126200671", Destination::Echo),
            number(
                trunk_key("other", "carrier"),
                "057126200680",
                Destination::Extension(key("other", "7000")),
            ),
        ],
        routes: vec![
            route("demo", r"^00\d{6,}$", Some("international"), vec![to("demo", "carrier")]),
            route(
                "demo",
                r"^0\d{7,12}$",
                Some("national"),
                vec![to("demo", "carrier"), to("demo", "spare")],
            ),
            route("demo", "^9$", None, vec![Destination::Sound("en/goodbye".into())]),
            route("other", r"^0\d{7,12}$", Some("national"), vec![to("other", "carrier")]),
        ],
        ..Config::default()
    };
    config.acd.queues.push(queue("demo", "9001"));
    config.sip.domain = "pbx.example".into();
    config.routes.push(Route {
        from: RouteFrom::Trunk(trunk_key("demo", "spare")),
        ..route("demo", r"^0571555\d{4}$", None, vec![to("demo", "carrier")])
    });
    config
}
