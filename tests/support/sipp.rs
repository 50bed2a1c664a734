//! SIPp: scenarios as child processes, and a phone made of them.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::SOON;
use super::phone::{Account, Phone, Transport};
use super::place::Place;
use super::process::Process;
use super::rtp::RtpPeer;
use super::tone::Audio;
use super::wait::wait_until;

/// One SIPp process to be started.
pub struct Scenario {
    file: PathBuf,
    remote: SocketAddr,
    transport: Transport,
    keys: Vec<(String, String)>,
    more: Vec<String>,
    port: Option<u16>,
    calls: u32,
    files: Vec<(String, Vec<u8>)>,
    answers_options: bool,
}

impl Scenario {
    /// `tests/support/sipp/<name>.xml` against `remote`.
    pub fn new(name: &str, remote: SocketAddr) -> Self {
        Self {
            file: scenario_path(name),
            remote,
            transport: Transport::Udp,
            keys: Vec::new(),
            more: Vec::new(),
            port: None,
            calls: 1,
            files: Vec::new(),
            answers_options: true,
        }
    }

    /// A scenario of an account: its user, domain and password, over its transport.
    pub fn of(name: &str, account: &Account) -> Self {
        let scenario = Self::new(name, account.proxy)
            .key("user", &account.user)
            .key("domain", &account.domain)
            .arg("-au")
            .arg(&account.user)
            .arg("-ap")
            .arg(&account.password)
            .arg("-auth_uri")
            .arg(&account.domain);
        Self { transport: account.transport, ..scenario }
    }

    /// A value for `[name]` in the scenario.
    pub fn key(mut self, name: &str, value: &str) -> Self {
        self.keys.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A further argument of the command line.
    pub fn arg(mut self, argument: &str) -> Self {
        self.more.push(argument.to_owned());
        self
    }

    /// A file in its working directory, where its streamer looks.
    pub fn file(mut self, name: &str, content: Vec<u8>) -> Self {
        self.files.push((name.to_owned(), content));
        self
    }

    /// How many calls before it ends by itself, 1 by default; 0 for no end.
    pub fn calls(mut self, calls: u32) -> Self {
        self.calls = calls;
        self
    }

    /// A server that never ends: a carrier at a port of ours, serving the switch.
    pub fn carrier(name: &str, port: u16, rtp: u16) -> Self {
        let scenario = Self::new(name, SocketAddr::from(([127, 0, 0, 1], port)))
            .key("user", "carrier")
            .key("domain", "carrier.example")
            .key("rtp", &rtp.to_string())
            // A Call-ID that comes again, as that of OPTIONS may, is a new call.
            .arg("-deadcall_wait")
            .arg("0");
        // Its scenarios say themselves what OPTIONS get: silence is an answer, too.
        Self { answers_options: false, ..scenario.port(port).calls(0) }
    }

    /// The scenario for requests that belong to none of its calls.
    pub fn out_of_call(self, name: &str) -> Self {
        let path = scenario_path(name);
        self.arg("-oocsf").arg(&path.to_string_lossy())
    }

    /// The local port; a free one otherwise.
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Starts it.
    pub fn start(self, place: &Place) -> Sipp {
        let port = self.port.unwrap_or_else(|| place.port());
        let name = self.file.file_stem().map(|s| s.to_string_lossy().into_owned());
        let name = format!("sipp-{}-{port}", name.unwrap_or_default());
        let dir = place.subdir(&name);
        for (file, content) in &self.files {
            fs::write(dir.join(file), content).expect("a scenario's file can be written");
        }
        let mut command = Command::new("sipp");
        command.arg(self.remote.to_string()).arg("-sf").arg(&self.file).current_dir(&dir);
        command.args(["-t", if self.transport == Transport::Udp { "u1" } else { "t1" }]);
        command.args(["-i", "127.0.0.1", "-p", &port.to_string(), "-nostdin"]);
        if self.answers_options {
            command.arg("-aa");
        }
        command.args(["-cp", &place.port().to_string(), "-mp", &place.ports(4).to_string()]);
        command.args(["-trace_logs", "-log_file", "log", "-trace_err", "-error_file", "errors"]);
        command.args(["-trace_msg", "-message_file", "messages"]);
        if self.calls > 0 {
            command.args(["-m", &self.calls.to_string()]);
        }
        for (key, value) in &self.keys {
            command.args(["-key", key, value]);
        }
        command.args(&self.more);
        Sipp {
            process: Process::spawn(&name, "the Debian package sip-tester", &mut command),
            dir,
            port,
            name,
        }
    }
}

fn scenario_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/sipp").join(format!("{name}.xml"))
}

/// A running SIPp.
pub struct Sipp {
    process: Process,
    dir: PathBuf,
    port: u16,
    name: String,
}

impl Sipp {
    /// Its SIP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the scenario has logged.
    pub fn log(&self) -> String {
        self.read("log")
    }

    /// Every message that it sent and received.
    pub fn messages(&self) -> String {
        self.read("messages")
    }

    fn read(&self, file: &str) -> String {
        fs::read(self.dir.join(file))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Waits until the scenario has logged `text`; panics early when SIPp ends without.
    pub fn wait_log(&mut self, text: &str) {
        wait_until(&format!("{} logs {text:?}", self.name), SOON, || {
            let ended = self.process.exited().is_some();
            let seen = self.log().contains(text);
            assert!(seen || !ended, "{} ended without logging {text:?}", self.name);
            seen
        });
    }

    /// The RTP port that the other side's SDP named in the newest connected call.
    pub fn wait_remote_rtp(&mut self) -> SocketAddr {
        self.wait_log("connected rtp");
        let log = self.log();
        let word = log.rsplit("connected rtp ").next().unwrap_or("");
        let port = word.split_whitespace().next().and_then(|port| port.parse::<u16>().ok());
        SocketAddr::from(([127, 0, 0, 1], port.unwrap_or_else(|| panic!("no port in {log:?}"))))
    }

    /// Waits for the scenario's end and asserts that it went as written.
    pub fn wait_success(&mut self) {
        let status = self.process.wait_exit(SOON);
        assert!(status.success(), "{} did not go as written: {}", self.name, self.read("errors"));
    }

    /// Waits for the scenario's end with a longer limit.
    pub fn wait_success_within(&mut self, limit: Duration) {
        let status = self.process.wait_exit(limit);
        assert!(status.success(), "{} did not go as written: {}", self.name, self.read("errors"));
    }

    /// How many requests of a method it has received.
    pub fn received(&self, method: &str) -> usize {
        let messages = self.messages();
        let start = format!("{method} ");
        messages
            .split("-----------------------------------------------")
            .filter(|m| m.contains("message received"))
            .filter(|m| m.lines().any(|line| line.starts_with(&start) && line.ends_with("SIP/2.0")))
            .count()
    }

    /// The child process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        if thread::panicking() {
            for file in ["errors", "log", "messages"] {
                let text = self.read(file);
                let from = text.len().saturating_sub(6_000);
                let from = (from..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(0);
                eprintln!("---- {} {file}:\n{}", self.name, &text[from..]);
            }
        }
    }
}

/// A phone played by SIPp: one process holds the registration and takes calls on its flow, another calls.
pub struct SippPhone {
    place: Arc<Place>,
    account: Account,
    waiting: Sipp,
    calling: Option<Sipp>,
    rtp: RtpPeer,
    tone: f64,
}

impl SippPhone {
    /// Registers and stays.
    pub fn register(place: &Arc<Place>, account: &Account, tone: f64) -> Self {
        Self::register_with(place, account, tone, "uas", &[])
    }

    /// Registers and stays; calls meet `scenario`, which may need values of its own.
    pub fn register_with(
        place: &Arc<Place>,
        account: &Account,
        tone: f64,
        scenario: &str,
        keys: &[(&str, &str)],
    ) -> Self {
        let rtp = RtpPeer::open(place.ports(2), tone);
        let start = Scenario::of("stay", account);
        let start = keys.iter().fold(start, |start, (key, value)| start.key(key, value));
        let mut waiting =
            start.out_of_call(scenario).key("rtp", &rtp.port().to_string()).start(place);
        waiting.wait_log("registered");
        Self {
            place: Arc::clone(place),
            account: account.clone(),
            waiting,
            calling: None,
            rtp,
            tone,
        }
    }

    /// Its media.
    pub fn rtp(&self) -> &RtpPeer {
        &self.rtp
    }

    /// The process that holds the registration and takes calls.
    pub fn waiting(&mut self) -> &mut Sipp {
        &mut self.waiting
    }

    /// The process that calls.
    pub fn calling(&mut self) -> &mut Sipp {
        self.calling.as_mut().expect("the phone has dialled")
    }

    /// How many calls it was offered, and how many of them it took.
    pub fn offered(&self) -> (usize, usize) {
        let log = self.waiting.log();
        (log.matches("invite ").count(), log.matches("connected rtp").count())
    }

    /// Calls a number by another scenario than the plain one.
    pub fn dial_by(&mut self, scenario: &str, number: &str) {
        let scenario = Scenario::of(scenario, &self.account)
            .key("target", number)
            .key("rtp", &self.rtp.port().to_string());
        self.calling = Some(scenario.start(&self.place));
    }

    fn active(&mut self) -> &mut Sipp {
        self.calling.as_mut().unwrap_or(&mut self.waiting)
    }
}

impl Phone for SippPhone {
    fn dial(&mut self, number: &str) {
        self.dial_by("uac", number);
    }

    fn answer(&mut self) {
        self.waiting.wait_log("invite");
    }

    fn wait_connected(&mut self) {
        let remote = self.active().wait_remote_rtp();
        self.rtp.send_to(remote);
    }

    /// The scenarios wait for a BYE: an operator ends the call, or the other phone does.
    fn hang_up(&mut self) {
        panic!("a SIPp phone does not hang up");
    }

    fn wait_ended(&mut self) {
        self.active().wait_log("ended");
        if let Some(mut calling) = self.calling.take() {
            calling.wait_success();
        }
    }

    fn tone(&self) -> f64 {
        self.tone
    }

    fn heard(&self) -> Audio {
        self.rtp.heard()
    }
}
