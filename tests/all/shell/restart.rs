//! What a killed process leaves to the next one.

use super::fixture::{LIMIT, Phone, Place};
use std::path::Path;
use std::time::Instant;

/// Waits until the row is on disk, as another process sees it.
fn wait_for_rows(store: &Path, sql: &str, wanted: i64) {
    let until = Instant::now() + LIMIT;
    let connection = rusqlite::Connection::open(store).unwrap();
    loop {
        let rows: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
        if rows == wanted {
            return;
        }
        assert!(Instant::now() < until, "{rows} rows instead of {wanted}");
        std::thread::yield_now();
    }
}

#[test]
fn a_registration_survives_kill_9() {
    let place = Place::new("");
    let switch = place.start();
    let mut alice = Phone::new(switch.udp(), "4567", "secret-1");
    assert!(alice.register("").starts_with("SIP/2.0 200 "));
    let began = Instant::now();
    wait_for_rows(&place.path("store.db"), "SELECT count(*) FROM registrations", 1);
    assert!(began.elapsed().as_millis() < 1_000, "the commit took {:?}", began.elapsed());
    switch.kill();
    let second = place.start();
    // Her contact is still there: another phone of hers registers and sees both.
    let mut other = Phone::new(second.udp(), "4567", "secret-1");
    let reply = other.register("");
    assert!(reply.contains(&format!("<sip:4567@{}>", alice.address())), "{reply}");
    assert!(reply.contains(&format!("<sip:4567@{}>", other.address())), "{reply}");
}

#[test]
fn an_unregistration_is_remembered_too() {
    let place = Place::new("");
    let switch = place.start();
    let mut alice = Phone::new(switch.udp(), "4567", "secret-1");
    assert!(alice.register("").starts_with("SIP/2.0 200 "));
    assert!(alice.register("Expires: 0\r\n").starts_with("SIP/2.0 200 "));
    wait_for_rows(&place.path("store.db"), "SELECT count(*) FROM registrations", 0);
    switch.kill();
    let second = place.start();
    let mut other = Phone::new(second.udp(), "4567", "secret-1");
    let reply = other.register("");
    assert!(!reply.contains(&format!("<sip:4567@{}>", alice.address())), "{reply}");
}

#[test]
fn what_was_accepted_is_on_disk_after_a_clean_end() {
    let place = Place::new("");
    let mut switch = place.start();
    let mut alice = Phone::new(switch.udp(), "4567", "secret-1");
    assert!(alice.register("").starts_with("SIP/2.0 200 "));
    switch.signal(rustix::process::Signal::TERM);
    assert_eq!(switch.wait(), Some(0));
    wait_for_rows(&place.path("store.db"), "SELECT count(*) FROM registrations", 1);
}
