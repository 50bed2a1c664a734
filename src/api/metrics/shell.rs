//! What the process around the switch counts.

use super::family::Family;
use super::{count, gauge, seconds};
use crate::api::gateway::{RobotFigures, ShellFigures, WorkerFigures};

pub(super) fn families(figures: &ShellFigures) -> Vec<Family> {
    let mut all = turn(figures);
    all.extend(streams(figures));
    all.extend(store(figures));
    all.extend(workers(&figures.workers));
    let refused = figures.media_orders_refused;
    all.push(count(
        "strowger_media_orders_refused",
        "Media orders that a worker had no room for",
        refused,
    ));
    all.extend(robots(&figures.robots));
    all
}

fn robots(robots: &RobotFigures) -> Vec<Family> {
    vec![
        gauge("strowger_robots", "Connections to robots", robots.present),
        count("strowger_robots_lost", "Robots not reached, or lost", robots.lost),
        count(
            "strowger_robot_frames_missed",
            "Frames of 20 ms that robots did not take in time",
            robots.missed,
        ),
        count(
            "strowger_robot_bytes_refused",
            "Bytes of audio that robots sent faster than they could be spoken",
            robots.refused,
        ),
    ]
}

fn turn(figures: &ShellFigures) -> Vec<Family> {
    let (mailbox, turn) = (&figures.mailbox, &figures.turn);
    vec![
        gauge("strowger_mailbox_waiting", "Inputs that wait for the switch", mailbox.waiting),
        count("strowger_mailbox_refused", "Inputs refused, mailbox full", mailbox.refused),
        count("strowger_turns", "Turns of the switch's thread", turn.turns),
        Family::gauge("strowger_turn_longest_seconds", "Longest turn since the last scrape")
            .with(Vec::new(), seconds(turn.longest_us)),
        count("strowger_udp_received", "SIP datagrams received", turn.received),
        count("strowger_udp_sent", "SIP datagrams sent", turn.sent),
        count("strowger_udp_unsent", "SIP datagrams that the system refused to send", turn.unsent),
    ]
}

fn streams(figures: &ShellFigures) -> Vec<Family> {
    let streams = &figures.streams;
    vec![
        count("strowger_sip_connections_opened", "SIP stream connections opened", streams.opened),
        count(
            "strowger_sip_connections_refused",
            "SIP stream connections refused by a limit",
            streams.refused,
        ),
        count(
            "strowger_sip_connections_overflowed",
            "SIP stream connections closed because the peer did not read",
            streams.overflowed,
        ),
        count(
            "strowger_sip_unsendable",
            "SIP messages for connections that were gone",
            streams.unsendable,
        ),
    ]
}

fn store(figures: &ShellFigures) -> Vec<Family> {
    let (store, ring) = (&figures.store, &figures.ring);
    vec![
        count("strowger_store_commits", "Transactions of the store", store.commits),
        count("strowger_store_records", "Records written", store.records),
        count("strowger_store_lost", "Groups of records lost", store.lost),
        Family::gauge("strowger_store_slowest_commit_seconds", "Slowest commit since the start")
            .with(Vec::new(), seconds(store.slowest_us)),
        gauge("strowger_event_ring_kept", "Events that can be resumed from", ring.kept),
        gauge("strowger_event_ring_capacity", "Events that the ring can hold", ring.capacity),
    ]
}

fn workers(workers: &[WorkerFigures]) -> Vec<Family> {
    let by = |family: Family, value: fn(&WorkerFigures) -> u64| {
        let rows = workers.iter().enumerate();
        family.by("worker", rows.map(|(number, worker)| (number.to_string(), value(worker))))
    };
    vec![
        by(Family::counter("strowger_media_received", "Media datagrams received"), |worker| {
            worker.received
        }),
        by(Family::counter("strowger_media_sent", "Media datagrams sent"), |worker| worker.sent),
        by(
            Family::counter("strowger_media_unsent", "Media datagrams not sent by the system"),
            |worker| worker.unsent,
        ),
        by(Family::gauge("strowger_media_worker_streams", "Media streams by worker"), |worker| {
            worker.streams
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::metrics::family::encode;

    #[test]
    fn workers_are_told_apart_and_times_are_seconds() {
        let mut figures = ShellFigures::default();
        figures.turn.longest_us = 1_500;
        for sent in [3, 4] {
            figures.workers.push(WorkerFigures { sent, ..WorkerFigures::default() });
        }
        let text = encode(families(&figures)).unwrap();
        for line in [
            "strowger_media_sent_total{worker=\"0\"} 3",
            "strowger_media_sent_total{worker=\"1\"} 4",
            "strowger_turn_longest_seconds 0.0015",
            "# TYPE strowger_media_sent counter",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
