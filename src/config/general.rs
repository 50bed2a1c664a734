//! The sections that stand once: `[sip]`, `[media]`, `[calls]`, `[codes]`, `[http]`, `[store]` and so on.

use std::net::IpAddr;
use std::path::PathBuf;

use strowger_core::vocab::config::{Calls, Codes, Media, Park, Sip};

use super::shell::{
    HttpBounds, Listen, Log, LogFormat, MediaPorts, Retention, Shell, StoreFile, Streams, Webhooks,
};
use super::table::{At, Table};
use super::values;

/// A text checked by `check`; what it complains about is noted at the text's line.
pub(super) fn checked<T>(
    table: &Table<'_>,
    key: &str,
    text: Option<At<&str>>,
    check: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let text = text?;
    check(text.value).map_err(|wrong| table.wrong(text.line, key, &wrong)).ok()
}

/// `[sip]`, its listen addresses included.
pub(super) fn sip(root: &Table<'_>, shell: &mut Shell) -> Sip {
    let table = root.section("sip");
    shell.listen = listen(&table);
    shell.streams = streams(&table);
    let base = Sip::default();
    let domain = table.required_text("domain", "the name that phones use, such as \"pbx.example\"");
    let domain = checked(&table, "domain", domain, |text| {
        values::host(text).map(|()| text.to_ascii_lowercase())
    });
    let external = table.text("external_address", "an IP address such as \"203.0.113.7\"");
    let sip = Sip {
        domain: domain.unwrap_or(base.domain),
        external_address: checked(&table, "external_address", external, values::address),
        min_expires: table.number("min_expires", 1..=3_600, "seconds").unwrap_or(base.min_expires),
        max_expires: table
            .number("max_expires", 60..=86_400, "seconds")
            .unwrap_or(base.max_expires),
        default_expires: table
            .number("default_expires", 1..=86_400, "seconds")
            .unwrap_or(base.default_expires),
        max_contacts: table
            .number("max_contacts", 1..=100, "contacts")
            .unwrap_or(base.max_contacts),
        qualify_secs: table
            .number("qualify_secs", 0..=3_600, "seconds")
            .unwrap_or(base.qualify_secs),
        keepalive_secs: table
            .number("keepalive_secs", 0..=600, "seconds")
            .unwrap_or(base.keepalive_secs),
        force_rport: table.flag("force_rport").unwrap_or(base.force_rport),
        datagram_limit: table
            .number("datagram_limit", 0..=65_000, "bytes")
            .unwrap_or(base.datagram_limit),
        session_expires: session_expires(&table).unwrap_or(base.session_expires),
        nonce_secs: table.number("nonce_secs", 10..=86_400, "seconds").unwrap_or(base.nonce_secs),
        max_auth_failures: table
            .number("max_auth_failures", 1..=1_000, "failures a minute")
            .unwrap_or(base.max_auth_failures),
        silence_secs: table
            .number("silence_secs", 1..=86_400, "seconds")
            .unwrap_or(base.silence_secs),
    };
    for listen in shell.listen.iter().filter(|listen| listen.address.ip().is_unspecified()) {
        if sip.external_address.is_none() {
            let text = format!(
                "{} is every address, but phones must be told one; name it, or set external_address",
                listen.address
            );
            table.wrong(table.line(), "listen", &text);
        }
    }
    if sip.min_expires > sip.max_expires {
        let text = format!(
            "{} is more than max_expires, {}; make it smaller",
            sip.min_expires, sip.max_expires
        );
        table.wrong(table.line(), "min_expires", &text);
    }
    table.finish();
    sip
}

/// 0 switches session timers off; otherwise RFC 4028 section 4 wants at least 90 seconds.
fn session_expires(table: &Table<'_>) -> Option<u32> {
    let seconds = table.number("session_expires", 0..=86_400, "seconds")?;
    if (1..90).contains(&seconds) {
        let text = format!("{seconds} is too short; write at least 90, or 0 for no session timer");
        table.wrong(table.line(), "session_expires", &text);
    }
    Some(seconds)
}

fn listen(table: &Table<'_>) -> Vec<Listen> {
    const RIGHT: &str = "a list of addresses such as [\"udp:127.0.0.1:5060\"]";
    let Some(texts) = table.texts("listen", RIGHT) else {
        return vec![Listen {
            transport: sip::Transport::Udp,
            address: ([127, 0, 0, 1], 5060).into(),
        }];
    };
    if texts.is_empty() {
        table.wrong(table.line(), "listen", &format!("is empty; write {RIGHT}"));
    }
    let mut found: Vec<Listen> = Vec::new();
    for text in texts {
        let Some(address) = checked(table, "listen", Some(text), values::listen) else { continue };
        let listen = Listen { transport: address.0, address: address.1 };
        if found.contains(&listen) && listen.address.port() != 0 {
            table.wrong(text.line, "listen", &format!("\"{}\" stands there twice", text.value));
        }
        found.push(listen);
    }
    found
}

fn streams(table: &Table<'_>) -> Streams {
    let base = Streams::default();
    Streams {
        max_connections: table
            .number("max_connections", 1..=1_000_000, "connections")
            .unwrap_or(base.max_connections),
        max_per_address: table
            .number("max_connections_per_address", 1..=1_000_000, "connections")
            .unwrap_or(base.max_per_address),
        idle_secs: table
            .number("stream_idle_secs", 10..=86_400, "seconds")
            .unwrap_or(base.idle_secs),
    }
}

/// `[media]`. `external` says that phones are told another address than the one that is bound.
pub(super) fn media(root: &Table<'_>, shell: &mut Shell, external: bool) -> Media {
    let table = root.section("media");
    let base = MediaPorts::default();
    let ports = table.text("ports", "a port range such as \"16384-32767\"");
    shell.media = MediaPorts {
        addresses: media_addresses(&table).unwrap_or(base.addresses),
        ports: checked(&table, "ports", ports, values::ports).unwrap_or(base.ports),
        workers: table.number("workers", 0..=256, "threads").unwrap_or(base.workers),
        spare: table.number("spare_ports", 2..=4_096, "port pairs").unwrap_or(base.spare),
    };
    if shell.media.addresses.iter().any(IpAddr::is_unspecified) && !external {
        let text =
            "is every address, but phones must be told one; name it, or set sip.external_address";
        table.wrong(table.line(), "address", text);
    }
    let base = Media::default();
    let music = table.text("hold_music", "a prompt such as \"music/hold\"");
    let music =
        checked(&table, "hold_music", music, |text| values::prompt(text).map(|()| text.to_owned()));
    let media = Media {
        codecs: codecs(&table).unwrap_or(base.codecs),
        timeout_secs: table
            .number("timeout_secs", 0..=86_400, "seconds")
            .unwrap_or(base.timeout_secs),
        hold_music: music.unwrap_or(base.hold_music),
        inband_dtmf: table.flag("inband_dtmf").unwrap_or(base.inband_dtmf),
        transcode: table.flag("transcode").unwrap_or(base.transcode),
        // Set by `recordings`, where it stands in the file.
        recording_tone: base.recording_tone,
    };
    table.finish();
    media
}

/// Where RTP is bound: an address, or one of each family.
fn media_addresses(table: &Table<'_>) -> Option<Vec<IpAddr>> {
    const RIGHT: &str =
        "an IP address such as \"127.0.0.1\", or one of each family: [\"127.0.0.1\", \"::1\"]";
    let texts = table.text_or_texts("address", RIGHT)?;
    let line = texts.first().map_or(table.line(), |text| text.line);
    let count = texts.len();
    let found: Vec<IpAddr> = texts
        .into_iter()
        .filter_map(|text| checked(table, "address", Some(text), values::address))
        .collect();
    let families = found.iter().filter(|address| address.is_ipv4()).count();
    if found.len() == count && (count == 0 || families > 1 || count - families > 1) {
        table.wrong(line, "address", &format!("must be {RIGHT}"));
        return None;
    }
    (found.len() == count).then_some(found)
}

/// A list of codecs, best first.
pub(super) fn codecs(table: &Table<'_>) -> Option<Vec<String>> {
    const RIGHT: &str = "a list of codecs such as [\"PCMA\", \"PCMU\"]";
    let texts = table.texts("codecs", RIGHT)?;
    if texts.is_empty() {
        table.wrong(table.line(), "codecs", &format!("is empty; write {RIGHT}"));
    }
    let mut codecs: Vec<String> = Vec::new();
    for text in texts {
        let Some(codec) = checked(table, "codecs", Some(text), values::codec) else { continue };
        if codecs.contains(&codec) {
            table.wrong(text.line, "codecs", &format!("\"{codec}\" stands there twice"));
        }
        codecs.push(codec);
    }
    Some(codecs)
}

/// `[calls]`.
pub(super) fn calls(root: &Table<'_>) -> Calls {
    let table = root.section("calls");
    let base = Calls::default();
    let calls = Calls {
        ring_secs: table.number("ring_secs", 1..=600, "seconds").unwrap_or(base.ring_secs),
        trunk_ring_secs: table
            .number("trunk_ring_secs", 1..=600, "seconds")
            .unwrap_or(base.trunk_ring_secs),
        trunk_try_secs: table
            .number("trunk_try_secs", 1..=60, "seconds")
            .unwrap_or(base.trunk_try_secs),
        max_secs: table.number("max_secs", 0..=604_800, "seconds").unwrap_or(base.max_secs),
        max_calls: table.number("max_calls", 1..=1_000_000, "calls").unwrap_or(base.max_calls),
        max_diversions: table
            .number("max_diversions", 0..=20, "diversions")
            .unwrap_or(base.max_diversions),
        announce_failures: table.flag("announce_failures").unwrap_or(base.announce_failures),
        supervise_tone: {
            let tone = table.text("supervise_tone", "a prompt such as \"tones/beep\"");
            let read = |text: &str| values::prompt(text).map(|()| text.to_owned());
            checked(&table, "supervise_tone", tone, read)
        },
        hold_reminder_secs: table
            .number("hold_reminder_secs", 0..=3_600, "seconds")
            .unwrap_or(base.hold_reminder_secs),
    };
    table.finish();
    calls
}

/// `[codes]` and `[park]`: what is dialled for a feature.
pub(super) fn dialled(root: &Table<'_>) -> (Codes, Park) {
    let codes = codes(root);
    let park = park(root, &codes);
    (codes, park)
}

/// `[codes]`.
fn codes(root: &Table<'_>) -> Codes {
    let table = root.section("codes");
    let base = Codes::default();
    let code = |key: &'static str| {
        let text = table.text(key, "what is dialled, such as \"*43\"");
        checked(&table, key, text, |text| values::dialable(text).map(|()| text.to_owned()))
    };
    let codes = Codes {
        echo: code("echo").unwrap_or(base.echo),
        hide_number: code("hide_number").unwrap_or(base.hide_number),
        agent_login: code("agent_login").unwrap_or(base.agent_login),
        voicemail: code("voicemail").unwrap_or(base.voicemail),
        pickup_group: code("pickup_group").unwrap_or(base.pickup_group),
        pickup: code("pickup").unwrap_or(base.pickup),
        dnd_on: code("dnd_on").unwrap_or(base.dnd_on),
        dnd_off: code("dnd_off").unwrap_or(base.dnd_off),
        forward_all: code("forward_all").unwrap_or(base.forward_all),
        forward_all_off: code("forward_all_off").unwrap_or(base.forward_all_off),
        forward_busy: code("forward_busy").unwrap_or(base.forward_busy),
        forward_busy_off: code("forward_busy_off").unwrap_or(base.forward_busy_off),
        forward_no_answer: code("forward_no_answer").unwrap_or(base.forward_no_answer),
        forward_no_answer_off: code("forward_no_answer_off").unwrap_or(base.forward_no_answer_off),
        forward_unregistered: code("forward_unregistered").unwrap_or(base.forward_unregistered),
        forward_unregistered_off: code("forward_unregistered_off")
            .unwrap_or(base.forward_unregistered_off),
        intercom: code("intercom").unwrap_or(base.intercom),
        monitor: code("monitor").unwrap_or(base.monitor),
        whisper: code("whisper").unwrap_or(base.whisper),
        barge: code("barge").unwrap_or(base.barge),
        record: code("record").unwrap_or(base.record),
        park: code("park").unwrap_or(base.park),
    };
    let all = [
        ("echo", &codes.echo),
        ("agent_login", &codes.agent_login),
        ("voicemail", &codes.voicemail),
        ("pickup_group", &codes.pickup_group),
        ("park", &codes.park),
        ("dnd_on", &codes.dnd_on),
        ("dnd_off", &codes.dnd_off),
        ("forward_all_off", &codes.forward_all_off),
        ("forward_busy_off", &codes.forward_busy_off),
        ("forward_no_answer_off", &codes.forward_no_answer_off),
        ("forward_unregistered_off", &codes.forward_unregistered_off),
    ];
    let before_numbers = [
        ("hide_number", &codes.hide_number),
        ("pickup", &codes.pickup),
        ("forward_all", &codes.forward_all),
        ("forward_busy", &codes.forward_busy),
        ("forward_no_answer", &codes.forward_no_answer),
        ("forward_unregistered", &codes.forward_unregistered),
        ("intercom", &codes.intercom),
        ("monitor", &codes.monitor),
        ("whisper", &codes.whisper),
        ("barge", &codes.barge),
    ];
    for (index, (key, code)) in all.into_iter().enumerate() {
        for (prefix, _) in before_numbers.iter().filter(|(_, prefix)| code.starts_with(*prefix)) {
            let text = format!("\"{code}\" begins with {prefix}; choose another code");
            table.wrong(table.line(), key, &text);
        }
        if let Some((other, _)) = all[..index].iter().find(|(_, other)| *other == code) {
            let text = format!("\"{code}\" is {other} too; choose another code");
            table.wrong(table.line(), key, &text);
        }
    }
    table.finish();
    codes
}

/// `[recordings]`.
pub(super) fn recordings(root: &Table<'_>, shell: &mut Shell, media: &mut Media) {
    let table = root.section("recordings");
    let tone = table.text("tone", "a prompt such as \"tones/beep\"");
    let tone = tone.filter(|tone| !tone.value.is_empty());
    let tone = checked(&table, "tone", tone, |text| values::prompt(text).map(|()| text.to_owned()));
    media.recording_tone = tone.unwrap_or_default();
    shell.recordings = path(&table, "directory").unwrap_or_else(|| "var/recordings".into());
    shell.retention = Retention {
        max_age_days: table.number("max_age_days", 0..=36_500, "days").unwrap_or(0),
        max_gb: table.number("max_gb", 0..=1_000_000, "GB").unwrap_or(0),
    };
    table.finish();
}

/// `[http]`, `[store]`, `[sounds]`, `[shutdown]`, `[log]` and `[dns]`.
/// `[park]`.
fn park(root: &Table<'_>, codes: &Codes) -> Park {
    const RIGHT: &str = "a range of numbers such as \"701-799\"";
    let table = root.section("park");
    let base = Park::default();
    let text = table.text("slots", RIGHT);
    let line = text.map_or(table.line(), |text| text.line);
    let slots = checked(&table, "slots", text, |text| {
        let parts = text.split_once('-').and_then(|(first, last)| {
            let read = |text: &str| text.parse::<u32>().ok().filter(|n| n.to_string() == text);
            Some((read(first)?, read(last)?))
        });
        parts
            .filter(|(first, last)| *first > 0 && first <= last && last - first < 1_000)
            .ok_or_else(|| format!("\"{text}\": write {RIGHT}, at most 1000 of them"))
    });
    let (first, last) = slots.unwrap_or((base.first, base.last));
    if codes.park.parse().is_ok_and(|park: u32| (first..=last).contains(&park)) {
        let text = format!("\"{}\" is codes.park too; choose other numbers", codes.park);
        table.wrong(line, "slots", &text);
    }
    let park = Park {
        first,
        last,
        timeout_secs: table
            .number("timeout_secs", 5..=86_400, "seconds")
            .unwrap_or(base.timeout_secs),
        ring_secs: table.number("ring_secs", 5..=600, "seconds").unwrap_or(base.ring_secs),
    };
    table.finish();
    park
}

/// `[http]`, `[store]`, `[recordings]`, `[sounds]`, `[shutdown]`, `[log]` and `[dns]`.
pub(super) fn services(root: &Table<'_>, shell: &mut Shell) {
    shell.operators = super::accounts::operators(root);
    let http = root.section("http");
    let listen = http.text("listen", "an address such as \"127.0.0.1:8088\"");
    shell.http = Some(
        checked(&http, "listen", listen, values::socket)
            .unwrap_or_else(|| ([127, 0, 0, 1], 8088).into()),
    );
    let base = HttpBounds::default();
    shell.http_bounds = HttpBounds {
        requests_per_second: http
            .number("requests_per_second", 0..=1_000_000, "requests")
            .unwrap_or(base.requests_per_second),
        max_connections: http
            .number("max_connections", 1..=1_000_000, "connections")
            .unwrap_or(base.max_connections),
        max_streams: http
            .number("max_streams_per_tenant", 1..=1_000_000, "streams")
            .unwrap_or(base.max_streams),
    };
    let proxies = http.texts("proxies", "a list of addresses such as [\"127.0.0.1\"]");
    let proxies = proxies.unwrap_or_default().into_iter();
    let proxies = proxies.filter_map(|text| checked(&http, "proxies", Some(text), values::address));
    shell.http_proxies = proxies.map(|address| address.to_canonical()).collect();
    http.finish();
    (shell.webhooks, shell.ca_file) = webhooks(root);
    shell.speech = speech(root);
    shell.regions = super::regions::regions(root);
    let store = root.section("store");
    let database = path(&store, "path").unwrap_or_else(|| StoreFile::default().path);
    let key_file = path(&store, "key_file").unwrap_or_else(|| database.with_extension("key"));
    if key_file == database {
        let text = "is the database itself; name another file";
        store.wrong(store.line(), "key_file", text);
    }
    shell.store = StoreFile { path: database, key_file };
    store.finish();
    let sounds = root.section("sounds");
    shell.sounds = path(&sounds, "directory").unwrap_or_else(|| "sounds".into());
    sounds.finish();
    let shutdown = root.section("shutdown");
    shell.drain_secs = shutdown.number("drain_secs", 0..=86_400, "seconds").unwrap_or(60);
    shutdown.finish();
    shell.log = log(root);
    let dns = root.section("dns");
    let servers = dns.texts("servers", "a list of addresses such as [\"192.0.2.53:53\"]");
    let servers = servers.unwrap_or_default().into_iter();
    shell.dns_servers =
        servers.filter_map(|text| checked(&dns, "servers", Some(text), values::socket)).collect();
    dns.finish();
}

/// `[speech]`.
fn speech(root: &Table<'_>) -> Vec<String> {
    let table = root.section("speech");
    let right = "a command with its arguments such as [\"espeak-ng\", \"--stdin\", \"--stdout\"]";
    let command = table.texts("command", right);
    table.finish();
    match command {
        Some(words) => words.into_iter().map(|word| word.value.to_owned()).collect(),
        None => ["espeak-ng", "--stdin", "--stdout"].map(str::to_owned).to_vec(),
    }
}

/// `[webhooks]`.
fn webhooks(root: &Table<'_>) -> (Webhooks, Option<PathBuf>) {
    let table = root.section("webhooks");
    let base = Webhooks::default();
    let webhooks = Webhooks {
        allow_private: table.flag("allow_private").unwrap_or(base.allow_private),
        give_up_secs: table
            .number("give_up_secs", 1..=86_400, "seconds")
            .unwrap_or(base.give_up_secs),
        timeout_secs: table.number("timeout_secs", 1..=60, "seconds").unwrap_or(base.timeout_secs),
    };
    let ca_file = path(&table, "ca_file");
    table.finish();
    (webhooks, ca_file)
}

fn path(table: &Table<'_>, key: &'static str) -> Option<PathBuf> {
    let text = table.text(key, "a path such as \"var/strowger.db\"")?;
    if text.value.is_empty() {
        table.wrong(text.line, key, "is empty; write a path such as \"var/strowger.db\"");
        return None;
    }
    Some(text.value.into())
}

fn log(root: &Table<'_>) -> Log {
    const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
    let table = root.section("log");
    let base = Log::default();
    let format = table.text("format", "\"human\" or \"json\"");
    let format = checked(&table, "format", format, |text| match text {
        "human" => Ok(LogFormat::Human),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("\"{text}\" is no log format; write \"human\" or \"json\"")),
    });
    let level = table.text("level", "a level such as \"info\"");
    let level = checked(&table, "level", level, |text| {
        let known = LEVELS.contains(&text).then(|| text.to_owned());
        known.ok_or_else(|| format!("\"{text}\" is no level; choose from {}", LEVELS.join(", ")))
    });
    table.finish();
    Log { format: format.unwrap_or(base.format), level: level.unwrap_or(base.level) }
}
