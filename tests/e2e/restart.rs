//! kill -9 in the middle of everything, and what is left after it.

use super::support::SOON;
use super::support::phone::{Account, Phone, Transport};
use super::support::rtp::to_ulaw;
use super::support::sipp::{Scenario, SippPhone};
use super::support::switch::Setup;
use super::support::tone::{Audio, sine};
use super::support::wait::wait_until;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

const CALLS: usize = 50;
/// How long the calls are recorded before the kill.
const RECORDED: f64 = 4.0;

#[test]
fn fifty_recorded_calls_survive_a_kill() {
    let mut switch = Setup::default()
        .extension("1001", "")
        .extension("1002", "record = \"always\"\n")
        .extension("1003", "")
        .start();
    let place = switch.place().clone();
    let account = |number, transport| Account::of(&switch, number, transport);

    let _idle = SippPhone::register(&place, &account("1003", Transport::Tcp), 600.0);
    let mut callees = Scenario::of("stay", &account("1002", Transport::Udp))
        .out_of_call("talk_uas")
        .file("tone.ulaw", tone())
        .start(&place);
    callees.wait_log("registered");
    let callers = Scenario::of("talk", &account("1001", Transport::Udp))
        .calls(50)
        .arg("-r")
        .arg("25")
        .key("target", "1002")
        .file("tone.ulaw", tone())
        .start(&place);
    wait_until("fifty calls talk", SOON, || {
        callers.log().matches("connected").count() == CALLS && switch.calls().len() == CALLS
    });
    let recordings = place.dir().join("recordings");
    wait_until("every recording has grown", Duration::from_secs(30), || {
        let files = wav_files(&recordings);
        files.len() == CALLS && files.iter().all(|file| seconds_in(file) >= RECORDED)
    });
    let before: Vec<_> = wav_files(&recordings).iter().map(|file| seconds_in(file)).collect();
    switch.kill();

    // What a reader finds, before anybody repairs anything.
    let files = wav_files(&recordings);
    assert_eq!(files.len(), CALLS);
    for (file, before) in files.iter().zip(&before) {
        let audio = File::open(file).ok().and_then(Audio::read);
        let audio = audio.unwrap_or_else(|| panic!("{} does not open", file.display()));
        let lost = before - audio.seconds();
        assert!(lost <= 1.0, "{} lost {lost} s of {before}", file.display());
        assert_eq!(audio.channels.len(), 2);
    }

    drop(callers);
    drop(callees);
    switch.restart();
    for number in ["1002", "1003"] {
        assert!(switch.is_registered(number), "{number} is not registered after the restart");
    }
    assert!(switch.calls().is_empty());
    let records = switch.wait_records(CALLS);
    assert_eq!(records.len(), CALLS);
    for record in &records {
        assert!(record.to_string().contains("\"restart\""), "{record}");
        assert!(!record["ended_at"].is_null(), "{record}");
    }
}

#[test]
fn a_restored_registration_rings() {
    let mut switch = Setup::default().extension("1001", "").extension("1002", "").start();
    let place = switch.place().clone();
    let account = |number| Account::of(&switch, number, Transport::Udp);
    let mut callee = SippPhone::register(&place, &account("1002"), 1_000.0);
    let caller_account = account("1001");
    switch.wait_registered("1002");
    // Committed within 200 ms: a second registration that is listed was written after the first.
    let mut caller = SippPhone::register(&place, &caller_account, 600.0);
    wait_until("both are in the store", SOON, || stored(&switch.config(), &["1001", "1002"]));
    switch.kill();
    switch.restart();
    caller.dial("1002");
    caller.wait_connected();
    callee.wait_connected();
    switch.hang_up_all();
    caller.wait_ended();
    callee.wait_ended();
}

/// Whether the database beside the configuration holds these texts.
fn stored(config: &Path, texts: &[&str]) -> bool {
    let files = ["strowger.db", "strowger.db-wal"].map(|name| config.with_file_name(name));
    let bytes: Vec<u8> = files.iter().flat_map(|file| fs::read(file).unwrap_or_default()).collect();
    texts.iter().all(|text| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}

/// Two seconds of a tone as headerless µ-law, which SIPp's streamer plays in a loop.
fn tone() -> Vec<u8> {
    sine(600.0, 2).into_iter().map(to_ulaw).collect()
}

/// Every recording below a directory.
pub fn wav_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            found.extend(wav_files(&entry.path()));
        } else if entry.path().extension().is_some_and(|extension| extension == "wav") {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

/// The length of a stereo recording of 8 kHz by its size on disk.
fn seconds_in(file: &Path) -> f64 {
    let bytes = fs::metadata(file).map_or(0, |meta| meta.len());
    bytes.saturating_sub(44) as f64 / 32_000.0
}
