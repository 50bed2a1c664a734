//! docs/queues.md does what it says: its configuration starts, and its commands run as they are written.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::support::SOON;
use super::support::http::Http;
use super::support::place::Place;
use super::support::process::Process;
use super::support::switch::http_address;
use super::support::wait::wait_for;

const DOCUMENT: &str = include_str!("../../docs/queues.md");

/// The only block of this language.
fn block(language: &str) -> &'static str {
    let fence = format!("```{language}\n");
    let mut blocks = DOCUMENT.split(&fence).skip(1);
    let block = blocks.next().unwrap_or_else(|| panic!("no {language} in the document"));
    assert!(blocks.next().is_none(), "one block of {language}");
    block.split("```").next().unwrap()
}

/// The configuration of the document, with ports of the test's own and a way out for the remote agents.
fn configuration(place: &Place) -> String {
    let (sip, rtp) = (place.port(), place.ports(64));
    let sounds = Path::new(env!("CARGO_MANIFEST_DIR")).join("sounds");
    let text = block("toml");
    assert!(text.contains("udp:127.0.0.1:5060") && text.contains("sip.carrier.example"));
    text.replace("sip.carrier.example", &format!("127.0.0.1:{}", place.port()))
        .replace("udp:127.0.0.1:5060", &format!("udp:127.0.0.1:{sip}"))
        + &format!(
            "\n[http]\nlisten = \"127.0.0.1:0\"\n[media]\nports = \"{rtp}-{}\"\n[sounds]\n\
             directory = \"{}\"\n[store]\npath = \"s.db\"\n[recordings]\ndirectory = \"r\"\n",
            rtp + 63,
            sounds.display()
        )
}

#[test]
fn the_call_centre_of_the_document_works_as_it_is_written() {
    let place = Place::take();
    let file = place.dir().join("acme.toml");
    fs::write(&file, configuration(&place)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_strowger"));
    command.arg("run").arg("--config").arg(&file).current_dir(place.dir());
    let mut switch = Process::spawn("strowger", "this workspace", &mut command);
    let ready = wait_for("the switch is ready", SOON, || {
        assert!(switch.exited().is_none(), "{}", switch.final_log());
        switch.log().lines().find(|line| line.starts_with("ready")).map(str::to_owned)
    });
    let address = http_address(&ready).expect("an HTTP address");

    let script = block("sh");
    assert!(script.contains("http://127.0.0.1:8088/"));
    let script = script.replace("127.0.0.1:8088", &address.to_string());
    let mut shell = Command::new("bash");
    shell.args(["-e", "-x", "-o", "pipefail", "-c", &script]).current_dir(place.dir());
    let output = shell.output().expect("bash and curl are there");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{}", switch.log());
    let answers = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(answers.contains("\"strategy\":\"ring-all\""), "{answers}");
    assert!(answers.contains("begins,from,until,entered"), "{answers}");

    // What the commands have left behind.
    let http = Http::new(address, "acme-admin-token");
    let status = |path: &str| http.get(path).status;
    assert_eq!((status("/api/v1/queues/9002"), status("/api/v1/agents/202")), (404, 404));
    let dora = http.get("/api/v1/agents/201").json();
    assert_eq!((&dora["intent"]["reason"], &dora["has_pin"]), (&"lunch".into(), &true.into()));
    assert_eq!(dora["settings"]["queues"], Value::Array(Vec::new()), "its queue is gone");
    let bob = http.get("/api/v1/agents/102").json();
    assert_eq!(bob["intent"]["status"], "available");
    assert_eq!(http.put("/api/v1/queues/9001", &serde_json::json!({})).status, 409);
    let database = fs::read(place.dir().join("s.db-wal")).unwrap_or_default();
    assert!(!database.windows(6).any(|bytes| bytes == b"468024"), "the PIN lies open");
}
