//! A caller whom no agent took leaves a message in the queue's mailbox, and somebody is told by mail.

use std::fs;
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;

use serde_json::json;

use super::support::SOON;
use super::support::baresip::Baresip;
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::process::Process;
use super::support::switch::{Setup, Switch, text_of};
use super::support::tone::Audio;
use super::support::wait::{wait_for, wait_until};

const CALLER: f64 = 600.0;

/// A mail server that keeps everything below `mail` in the place.
fn mail_server(place: &Place, port: u16) -> Process {
    let mut command = Command::new("aiosmtpd");
    command.args(["-n", "-l", &format!("127.0.0.1:{port}"), "-c", "aiosmtpd.handlers.Mailbox"]);
    command.arg(place.dir().join("mail")).current_dir(place.dir());
    let mut server =
        Process::spawn("aiosmtpd", "the Debian package python3-aiosmtpd", &mut command);
    wait_until("the mail server listens", SOON, || {
        assert!(server.exited().is_none(), "{}", server.final_log());
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    server
}

#[test]
fn a_caller_whom_nobody_took_leaves_a_message_that_is_mailed() {
    let place = Arc::new(Place::take());
    let port = place.port();
    let _server = mail_server(&place, port);
    let setup = Setup::default()
        .extension("1001", "")
        .with(&format!(
            "[smtp]\nserver = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nfrom = \"pbx@pbx.example\"\n"
        ))
        .with(
            "[[queue]]\ntenant = \"demo\"\nnumber = \"9001\"\nexit_with_no_av_agents = false\n\
             max_wait_time = 1\nvm_enabled = true\nvm_mailto = \"support@example.com\"\n",
        );
    let switch = Switch::start_in(place, setup);
    let account = Account::of(&switch, "1001", Transport::Udp);
    let mut caller = Baresip::register(switch.place(), &account, CALLER);
    caller.dial("9001");
    caller.wait_connected();
    let overflowed = || {
        let figures = switch.http().get("/api/v1/queues/9001/figures").json();
        figures["spans"][0]["overflowed"]["timeout"].clone()
    };
    wait_until("the caller has left the queue", SOON, || overflowed() == 1);
    // What is said before the beep is not recorded: two seconds of the caller are there when the file has grown so far.
    wait_until("two seconds of the message", SOON, || recorded(&switch) > 32_000);
    caller.hang_up();
    caller.wait_ended();

    let messages = "/api/v1/mailboxes/9001/messages";
    let message = wait_for("a message", SOON, || switch.http().rows(messages).into_iter().next());
    assert_eq!((&message["number"], &message["heard"]), (&json!("1001"), &json!(false)));
    let path = format!("{messages}/{}/audio", text_of(&message, &["id"]));
    let audio = Audio::read(&switch.http().get(&path).body[..]).expect("a WAV");
    assert!(audio.seconds_of(0, CALLER) > 1.0, "the caller is not heard in the message");

    let mail = wait_for("the mail", SOON, || {
        let new = fs::read_dir(switch.place().dir().join("mail/new")).ok()?;
        new.flatten().find_map(|file| fs::read_to_string(file.path()).ok())
    });
    for part in ["To: support@example.com", "From: ", "pbx@pbx.example", "audio/wav", "1001"] {
        assert!(mail.contains(part), "{part}\n{}", &mail[..mail.len().min(2_000)]);
    }
    let record = &switch.wait_records(1)[0]["queued"][0];
    assert_eq!(record["outcome"], "timeout", "{record}");
}

/// Bytes of the largest file that is being recorded.
fn recorded(switch: &Switch) -> u64 {
    let mut folders = vec![switch.place().dir().join("recordings")];
    let mut largest = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                Ok(metadata) => largest = largest.max(metadata.len()),
                Err(_) => {}
            }
        }
    }
    largest
}
