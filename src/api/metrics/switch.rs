//! What the switch counts.

use strowger_core::vocab::command::Figures;

use super::family::Family;
use super::{count, gauge};

pub(super) fn families(figures: Figures, tenant: &str) -> Vec<Family> {
    let mut all = calls(&figures);
    all.extend(signalling(&figures));
    all.extend(stores(&figures));
    all.push(trunks(figures, tenant));
    all
}

fn calls(figures: &Figures) -> Vec<Family> {
    vec![
        gauge("strowger_registrations", "Registered contacts", figures.registrations),
        gauge("strowger_calls", "Live calls", figures.calls),
        count("strowger_calls_started", "Calls admitted", figures.calls_started),
        count("strowger_calls_answered", "Calls answered", figures.calls_answered),
        Family::counter("strowger_calls_ended", "Ended calls by cause")
            .by("cause", figures.calls_ended.iter().cloned()),
        gauge("strowger_media_ports_free", "Port pairs in stock", figures.media_ports_free),
        gauge("strowger_media_streams", "Media streams that calls hold", figures.media_streams),
        gauge("strowger_recordings", "Recordings being written", figures.recordings),
        count("strowger_prompts_failed", "Prompts not played", figures.prompts_failed),
        Family::gauge("strowger_subscriptions", "Subscriptions of phones, by package")
            .by("package", figures.subscriptions.iter().cloned()),
    ]
}

fn signalling(figures: &Figures) -> Vec<Family> {
    vec![
        Family::counter(
            "strowger_sip_received",
            "SIP messages received, by method or status class",
        )
        .by("kind", figures.sip_received.iter().cloned()),
        count("strowger_sip_sent", "SIP messages sent", figures.sip_sent),
        Family::counter("strowger_sip_dropped", "SIP messages dropped or refused, by reason")
            .by("reason", figures.sip_dropped.iter().cloned()),
        count("strowger_auth_failures", "Failed SIP authentications", figures.auth_failures),
        gauge("strowger_sip_connections", "SIP stream connections", figures.sip_connections),
    ]
}

fn stores(figures: &Figures) -> Vec<Family> {
    vec![
        gauge(
            "strowger_commits_pending",
            "Groups of records not on disk yet",
            figures.commits_pending,
        ),
        count("strowger_commits_failed", "Groups of records not written", figures.commits_failed),
        count("strowger_events", "Events published", figures.events),
    ]
}

/// Other tenants' trunks are none of the key's business.
fn trunks(figures: Figures, tenant: &str) -> Family {
    let family = Family::gauge("strowger_trunk_up", "1 while the trunk takes calls");
    let own = figures.trunks.into_iter().filter(|(trunk, _)| trunk.tenant == tenant);
    own.fold(family, |family, (trunk, up)| {
        family.with(vec![("tenant", trunk.tenant), ("trunk", trunk.name)], up)
    })
}
