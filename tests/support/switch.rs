//! The switch under test: its own configuration, directory and ports, and its end.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::SOON;
use super::http::Http;
use super::phone::Account;
use super::place::Place;
use super::process::Process;
use super::tone::{sine, write_wav};
use super::wait::{wait_for, wait_until};

/// The SIP domain, which nothing resolves: every client goes by the outbound proxy's address.
pub const DOMAIN: &str = "pbx.example";
/// The tenant's prefix, put before an extension's number to make its SIP user.
pub const PREFIX: &str = "9031046856";
/// The administrator's key.
pub const TOKEN: &str = "e2e-admin-4c1f6a7d90";

/// What a test wants its switch to be.
#[derive(Default, Clone)]
pub struct Setup {
    sip: String,
    media: String,
    http: String,
    tenant: String,
    sections: String,
    sounds: Option<PathBuf>,
}

impl Setup {
    /// Tables of the configuration after the common ones: extensions, trunks, routes.
    pub fn with(mut self, toml: &str) -> Self {
        self.sections.push_str(toml);
        self.sections.push('\n');
        self
    }

    /// An extension with its password, and further keys of its table.
    pub fn extension(self, number: &str, more: &str) -> Self {
        let password = Account::password_of(number);
        self.with(&format!(
            "[[extension]]\ntenant = \"demo\"\nnumber = \"{number}\"\npassword = \"{password}\"\n\
             name = \"Phone {number}\"\n{more}"
        ))
    }

    /// Keys of the `[sip]` table.
    pub fn sip(mut self, keys: &str) -> Self {
        self.sip.push_str(keys);
        self.sip.push('\n');
        self
    }

    /// Keys of the `[http]` table.
    pub fn http(mut self, keys: &str) -> Self {
        self.http.push_str(keys);
        self
    }

    /// Keys of the `[media]` table.
    pub fn media(mut self, keys: &str) -> Self {
        self.media.push_str(keys);
        self.media.push('\n');
        self
    }

    /// Keys of the `[[tenant]]` table of `demo`.
    pub fn tenant(mut self, keys: &str) -> Self {
        self.tenant.push_str(keys);
        self.tenant.push('\n');
        self
    }

    /// Another directory of prompts and music.
    pub fn sounds(mut self, directory: &Path) -> Self {
        self.sounds = Some(directory.to_owned());
        self
    }

    /// Starts the switch and waits until it is ready.
    pub fn start(self) -> Switch {
        Switch::start_in(Arc::new(Place::take()), self)
    }
}

/// A running switch.
pub struct Switch {
    // Before the place: the process ends before its directory goes.
    process: Process,
    sip: SocketAddr,
    http: Http,
    media_ports: (u16, u16),
    setup: Setup,
    place: Arc<Place>,
}

impl Switch {
    /// Starts a switch in a place that already holds, for example, a carrier's port.
    pub fn start_in(place: Arc<Place>, setup: Setup) -> Self {
        let mut attempts = 0;
        loop {
            let sip = SocketAddr::from(([127, 0, 0, 1], place.port()));
            let first = place.ports(512);
            let media_ports = (first, first + 511);
            write_config(&place, sip, media_ports, &setup);
            attempts += 1;
            match launch(&place, SOON) {
                Ok((process, http)) => {
                    return Self { process, sip, http, media_ports, setup, place };
                }
                // Somebody outside the tests was faster.
                Err(log) if log.contains("Address already in use") && attempts < 3 => {}
                Err(log) => panic!("the switch ended at start: {log}"),
            }
        }
    }

    /// Where it listens, UDP and TCP alike.
    pub fn sip(&self) -> SocketAddr {
        self.sip
    }

    /// The HTTP surface with the administrator's key.
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// The test's directory and ports.
    pub fn place(&self) -> &Arc<Place> {
        &self.place
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.place.dir().join("strowger.toml")
    }

    /// The child process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts again after an end, on the same SIP port and with the same store.
    pub fn restart(&mut self) {
        self.process.kill();
        let launched = launch(&self.place, SOON);
        (self.process, self.http) =
            launched.unwrap_or_else(|log| panic!("the switch ended at start: {log}"));
    }

    /// Writes another configuration over the present one, for a reload.
    pub fn rewrite(&mut self, setup: Setup) {
        write_config(&self.place, self.sip, self.media_ports, &setup);
        self.setup = setup;
    }

    /// The setup in use.
    pub fn setup(&self) -> Setup {
        self.setup.clone()
    }

    /// Waits until an extension has a live registration.
    pub fn wait_registered(&self, number: &str) {
        wait_until(&format!("{number} is registered"), SOON, || self.is_registered(number));
    }

    /// Whether the extension has a live registration.
    pub fn is_registered(&self, number: &str) -> bool {
        let quoted = Value::from(number);
        self.http.rows("/api/v1/registrations?limit=200").iter().any(|row| mentions(row, &quoted))
    }

    /// Waits until no call is left.
    pub fn wait_idle(&self) {
        wait_until("all calls end", SOON, || self.calls().is_empty());
    }

    /// The calls in progress.
    pub fn calls(&self) -> Vec<Value> {
        self.http.rows("/api/v1/calls?limit=200")
    }

    /// Ends every call in progress, as an operator does.
    pub fn hang_up_all(&self) {
        for call in self.calls() {
            let id = text_of(&call, &["call", "id"]);
            let answer = self.http.delete(&format!("/api/v1/calls/{id}"));
            assert!(matches!(answer.status, 200..=204), "hang up: {}", answer.text());
        }
    }

    /// Waits until the trunk of this name takes calls, or takes none.
    pub fn wait_trunk(&self, name: &str, up: bool) {
        wait_until(&format!("trunk {name} up: {up}"), SOON, || {
            let trunks = self.http.rows("/api/v1/trunks");
            let named = Value::from(name);
            trunks.iter().any(|row| mentions(row, &named) && row["up"] == up)
        });
    }

    /// Waits for `count` finished call records and returns them, the newest first.
    pub fn wait_records(&self, count: usize) -> Vec<Value> {
        wait_for(&format!("{count} call records"), SOON, || {
            let rows = self.http.rows("/api/v1/records?limit=200");
            (rows.len() >= count).then_some(rows)
        })
    }
}

/// Whether any field of a JSON value equals `wanted`.
pub fn mentions(value: &Value, wanted: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.values().any(|v| mentions(v, wanted)),
        Value::Array(items) => items.iter().any(|v| mentions(v, wanted)),
        other => other == wanted,
    }
}

/// The first of these fields that a row has, as text.
pub fn text_of(row: &Value, fields: &[&str]) -> String {
    let found = fields.iter().map(|field| &row[*field]).find(|value| !value.is_null());
    match found {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => panic!("none of {fields:?} in {row}"),
    }
}

/// A copy of the sounds in which one file is a plain tone, so that a test can tell it.
pub fn sounds_with_tone(place: &Place, file: &str, frequency: f64, seconds: u32) -> PathBuf {
    let copy = place.subdir("sounds");
    copy_tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join("sounds"), &copy);
    write_wav(&copy.join(file), &sine(frequency, seconds));
    copy
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory can be made");
    for entry in fs::read_dir(from).expect("the sounds are there").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a sound can be copied");
        }
    }
}

/// The process and its HTTP surface once it is ready; its output when it ended instead.
fn launch(place: &Place, limit: Duration) -> Result<(Process, Http), String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strowger"));
    command.arg("run").arg("--config").arg(place.dir().join("strowger.toml"));
    command.current_dir(place.dir());
    let mut process = Process::spawn("strowger", "this workspace", &mut command);
    let ready = wait_for("the line `ready` of the switch", limit, || {
        let ended = process.exited().is_some();
        let log = if ended { process.final_log() } else { process.log() };
        let line = log.lines().find(|line| line.starts_with("ready")).map(str::to_owned);
        line.map(Ok).or_else(|| ended.then_some(Err(log)))
    })?;
    let http = http_address(&ready).unwrap_or_else(|| panic!("no HTTP address in {ready:?}"));
    Ok((process, Http::new(http, TOKEN)))
}

/// The HTTP address that a `ready` line names.
pub fn http_address(ready: &str) -> Option<SocketAddr> {
    address_after(ready, "http")
}

/// The first address in a `ready` line that follows the word `scheme`.
pub fn address_after(ready: &str, scheme: &str) -> Option<SocketAddr> {
    let (_, rest) = ready.split_once(scheme)?;
    rest.split(|c: char| c.is_whitespace() || ",;()[]\"".contains(c))
        .map(|word| word.trim_start_matches([':', '/', '=']))
        .find_map(|word| word.parse().ok())
}

fn write_config(place: &Place, sip: SocketAddr, media: (u16, u16), setup: &Setup) {
    let sounds = setup
        .sounds
        .clone()
        .unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("sounds"));
    let text = format!(
        "[sip]\nlisten = [\"udp:{sip}\", \"tcp:{sip}\"]\ndomain = \"{DOMAIN}\"\n{}\n\
         [media]\naddress = \"127.0.0.1\"\nports = \"{}-{}\"\n{}\n\
         [http]\nlisten = \"127.0.0.1:0\"\n{}\n\
         [store]\npath = \"strowger.db\"\n\n\
         [recordings]\ndirectory = \"recordings\"\n\n\
         [sounds]\ndirectory = \"{}\"\n\n\
         [[tenant]]\nid = \"demo\"\nprefix = \"{PREFIX}\"\n{}\n\
         [[tenant.api_key]]\nname = \"admin\"\ntoken = \"{TOKEN}\"\nrole = \"admin\"\n\n{}",
        setup.sip,
        media.0,
        media.1,
        setup.media,
        setup.http,
        sounds.display(),
        setup.tenant,
        setup.sections,
    );
    fs::write(place.dir().join("strowger.toml"), text).expect("the configuration can be written");
}
