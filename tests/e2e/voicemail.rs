//! A message is left, listed, fetched with its tone, mailed; a menu is walked by keys.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::support::SOON;
use super::support::baresip::Baresip;
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::process::Process;
use super::support::sipp::SippPhone;
use super::support::switch::{Setup, Switch};
use super::support::tone::Audio;
use super::support::wait::{wait_for, wait_until};

const TONE: f64 = 600.0;

/// A mail server that puts every mail into a file.
struct MailServer {
    _process: Process,
    port: u16,
    maildir: PathBuf,
}

impl MailServer {
    fn start(place: &Place) -> Self {
        let port = place.port();
        let maildir = place.subdir("mail").join("box");
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-m", "aiosmtpd", "-n", "-l"]).arg(format!("127.0.0.1:{port}"));
        command.args(["-c", "aiosmtpd.handlers.Mailbox"]).arg(&maildir);
        let process = Process::spawn("aiosmtpd", "python3-aiosmtpd", &mut command);
        Self { _process: process, port, maildir }
    }

    fn mails(&self) -> Vec<String> {
        let files = fs::read_dir(self.maildir.join("new")).into_iter().flatten().flatten();
        files.filter_map(|file| fs::read_to_string(file.path()).ok()).collect()
    }
}

fn udp(switch: &Switch, number: &str) -> Account {
    Account::of(switch, number, Transport::Udp)
}

#[test]
fn a_message_is_left_listed_fetched_and_mailed() {
    let place = std::sync::Arc::new(Place::take());
    let server = MailServer::start(&place);
    let smtp = format!(
        "[smtp]\nserver = \"127.0.0.1\"\nport = {}\ntls = \"none\"\nfrom = \"pbx@pbx.example\"\n",
        server.port
    );
    let mailbox = "voicemail = true\nvoicemail_mailto = \"bob@pbx.example\"\n";
    let setup = Setup::default().with(&smtp).extension("1001", "").extension("1002", mailbox);
    let switch = Switch::start_in(place, setup);
    let mut caller = SippPhone::register(switch.place(), &udp(&switch, "1001"), TONE);
    caller.dial("1002");
    caller.wait_connected();
    let recorded = switch.place().dir().join("recordings/voicemail/demo/1002");
    wait_until("three seconds are recorded", SOON, || {
        let files = fs::read_dir(&recorded).into_iter().flatten().flatten();
        files.filter_map(|file| file.metadata().ok()).any(|data| data.len() > 48_000)
    });
    switch.hang_up_all();
    caller.wait_ended();

    let path = "/api/v1/mailboxes/1002/messages";
    let row = wait_for("a message", SOON, || switch.http().rows(path).into_iter().next());
    assert_eq!((&row["number"], &row["heard"]), (&"1001".into(), &false.into()), "{row}");
    let audio = format!("{path}/{}/audio", row["id"].as_str().unwrap());
    let answer = switch.http().get(&audio);
    assert_eq!(answer.status, 200);
    let heard = Audio::read(&answer.body[..]).expect("a message is a WAV");
    assert_eq!(heard.channels.len(), 1, "a message is mono");
    assert!(heard.seconds_of(0, TONE) > 2.0, "the caller's tone is in it");
    assert_eq!(switch.http().get_range(&audio, "bytes=8-11").body, b"WAVE");
    assert_eq!(switch.http().get_anonymous(&audio).status, 401);

    let mail = wait_for("a mail", SOON, || server.mails().into_iter().next());
    assert!(mail.contains("To: bob@pbx.example"), "{mail}");
    assert!(mail.contains("Phone 1001 (1001)"), "{mail}");
    assert!(mail.contains("Content-Type: audio/wav"), "the WAV goes with it");

    assert_eq!(
        switch.http().delete(&format!("{path}/{}", row["id"].as_str().unwrap())).status,
        204
    );
    assert!(switch.http().rows(path).is_empty());
    wait_until("the file is gone", SOON, || {
        fs::read_dir(&recorded).into_iter().flatten().count() == 0
    });
}

#[test]
fn a_menu_is_walked_by_events() {
    let menu = "[[menu]]\ntenant = \"demo\"\nname = \"main\"\ngreeting = \"en/please-wait\"\n\
                key_5 = \"extension:1002\"\n[[route]]\ntenant = \"demo\"\nmatch = \"^800$\"\nto = \"ivr:main\"\n";
    let switch = Setup::default().extension("1001", "").extension("1002", "").with(menu).start();
    let mut callee = SippPhone::register(switch.place(), &udp(&switch, "1002"), TONE);
    let mut caller = Baresip::register(switch.place(), &udp(&switch, "1001"), 1_000.0);
    caller.dial("800");
    caller.wait_connected();
    caller.press('5');
    callee.wait_connected();
    wait_until("both talk", SOON, || callee.heard().seconds_of(0, 1_000.0) > 1.0);
    switch.hang_up_all();
    caller.wait_ended();
    callee.wait_ended();
}
