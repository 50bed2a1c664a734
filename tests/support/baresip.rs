//! baresip: a configuration directory per phone, driven over its control socket.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::{Value, json};

use super::SOON;
use super::phone::{Account, Phone};
use super::place::Place;
use super::process::Process;
use super::tone::{Audio, sine, write_wav};
use super::wait::{wait_for, wait_until};

/// A registered baresip.
pub struct Baresip {
    process: Process,
    control: TcpStream,
    events: Arc<Mutex<Vec<Value>>>,
    seen: usize,
    domain: String,
    dir: PathBuf,
    tone: f64,
}

impl Baresip {
    /// Starts one and waits for the 200 to its REGISTER.
    pub fn register(place: &Place, account: &Account, tone: f64) -> Self {
        let phone = Self::start(place, account, tone, "");
        wait_until("baresip registers", SOON, || {
            let log = phone.process.log();
            log.contains("} 200 OK") || phone.any("REGISTER_OK")
        });
        phone
    }

    /// Starts one whose account has further parameters; it registers by itself.
    pub fn start(place: &Place, account: &Account, tone: f64, parameters: &str) -> Self {
        Self::start_with(place, account, tone, parameters, "")
    }

    /// Starts one that has this address among its contacts and follows its presence; it prints what changes.
    pub fn start_watching(place: &Place, account: &Account, tone: f64, friend: &str) -> Self {
        let contact = format!("\"Friend\" <{friend}>;presence=p2p\n");
        Self::start_with(place, account, tone, "", &contact)
    }

    fn start_with(
        place: &Place,
        account: &Account,
        tone: f64,
        parameters: &str,
        contacts: &str,
    ) -> Self {
        let control_port = place.port();
        let dir = place.subdir(&format!("baresip-{control_port}"));
        write_wav(&dir.join("tone.wav"), &sine(tone, 120));
        let mut settings = config(place, control_port);
        if parameters.contains("mwi=yes") {
            // A millisecond after it was loaded it looks for accounts once, and subscribes without end for one that has
            // registered by then: it comes first of all, long before the accounts.
            let first = "module g711.so";
            settings = settings.replace(first, &format!("module mwi.so\n{first}"));
        }
        if parameters.contains("audio_codecs=G722") {
            let first = "module g711.so";
            settings = settings.replace(first, &format!("{first}\nmodule g722.so"));
        }
        if !contacts.is_empty() {
            settings += "module_app contact.so\nmodule_app presence.so\n";
        }
        fs::write(dir.join("config"), settings).expect("a file can be written");
        fs::write(dir.join("accounts"), account_line(account, parameters))
            .expect("a file can be written");
        fs::write(dir.join("contacts"), contacts).expect("a file can be written");
        let mut command = Command::new("baresip");
        command.args(["-4", "-f"]).arg(&dir).current_dir(&dir);
        let mut process =
            Process::spawn("baresip", "the Debian package baresip-core", &mut command);
        let control = wait_for("baresip's control socket", SOON, || {
            let log = process.log();
            assert!(process.exited().is_none(), "baresip ended at start: {log}");
            TcpStream::connect(("127.0.0.1", control_port)).ok()
        });
        let events = Arc::default();
        let reader = control.try_clone().expect("a socket can be cloned");
        let sink = Arc::clone(&events);
        thread::spawn(move || collect(reader, &sink));
        Self { process, control, events, seen: 0, domain: account.domain.clone(), dir, tone }
    }

    /// Everything that baresip printed.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Runs a command of its menu.
    pub fn command(&mut self, command: &str, parameters: &str) {
        let text = json!({ "command": command, "params": parameters, "token": "e2e" }).to_string();
        // A netstring, as its control module wants it.
        write!(self.control, "{}:{text},", text.len()).expect("baresip takes commands");
    }

    /// Presses a digit; it goes out as RFC 4733 events.
    pub fn press(&mut self, digit: char) {
        self.command("sndcode", &digit.to_string());
    }

    /// Waits for an event of a type after those already waited for.
    pub fn wait_event(&mut self, kind: &str) {
        let from = self.seen;
        let at = wait_for(&format!("baresip's event {kind}"), SOON, || {
            let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            events.iter().skip(from).position(|e| e["type"] == kind)
        });
        self.seen = from + at + 1;
    }

    /// Whether an event of a type ever came.
    pub fn any(&self, kind: &str) -> bool {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.iter().any(|e| e["type"] == kind)
    }

    /// Waits until it has reported an incoming digit.
    pub fn wait_digit(&mut self, digit: char) {
        self.process.wait_log(&format!("received event: '{digit}'"), SOON);
    }

    /// Holds the call.
    pub fn hold(&mut self) {
        self.command("hold", "");
    }

    /// Takes the call back from hold.
    pub fn resume(&mut self) {
        self.command("resume", "");
    }
}

impl Phone for Baresip {
    fn dial(&mut self, number: &str) {
        let uri = format!("sip:{number}@{}", self.domain);
        self.command("dial", &uri);
    }

    fn answer(&mut self) {
        self.wait_event("CALL_INCOMING");
        self.command("accept", "");
    }

    fn wait_connected(&mut self) {
        self.wait_event("CALL_ESTABLISHED");
    }

    fn hang_up(&mut self) {
        self.command("hangup", "");
    }

    fn wait_ended(&mut self) {
        self.wait_event("CALL_CLOSED");
    }

    fn tone(&self) -> f64 {
        self.tone
    }

    /// The newest of its dumps of decoded audio.
    fn heard(&self) -> Audio {
        let files = fs::read_dir(&self.dir).into_iter().flatten().flatten().map(|e| e.path());
        let mut dumps: Vec<_> =
            files.filter(|path| path.to_string_lossy().ends_with("-dec.wav")).collect();
        dumps.sort();
        dumps.pop().map_or_else(|| Audio::mono(&[]), |path| Audio::growing(&path))
    }
}

fn config(place: &Place, control_port: u16) -> String {
    // Its TLS listener takes the port after the SIP port.
    let sip_port = place.ports(2);
    let rtp = place.ports(16);
    let mut text = String::new();
    let lines = [
        format!("sip_listen 127.0.0.1:{sip_port}"),
        "net_interface 127.0.0.1".to_owned(),
        "call_local_timeout 120".to_owned(),
        "call_max_calls 8".to_owned(),
        "audio_player aubridge,null".to_owned(),
        "audio_alert aubridge,null".to_owned(),
        "audio_source aufile,tone.wav".to_owned(),
        "ausrc_srate 8000".to_owned(),
        "auplay_srate 8000".to_owned(),
        "ausrc_channels 1".to_owned(),
        "auplay_channels 1".to_owned(),
        "audio_txmode poll".to_owned(),
        format!("rtp_ports {rtp}-{}", rtp + 14),
        "module_path /usr/lib/baresip/modules".to_owned(),
        "module g711.so".to_owned(),
        "module aufile.so".to_owned(),
        "module aubridge.so".to_owned(),
        "module sndfile.so".to_owned(),
        "module_app account.so".to_owned(),
        "module_app menu.so".to_owned(),
        "module_app ctrl_tcp.so".to_owned(),
        format!("ctrl_tcp_listen 127.0.0.1:{control_port}"),
    ];
    for line in lines {
        writeln!(text, "{line}").expect("a string takes text");
    }
    text
}

fn account_line(account: &Account, parameters: &str) -> String {
    let Account { user, password, domain, proxy, transport } = account;
    let transport = transport.word();
    let codecs = if parameters.contains("audio_codecs=") { "" } else { ";audio_codecs=PCMU,PCMA" };
    format!(
        "<sip:{user}@{domain};transport={transport}>;auth_user={user};auth_pass={password};\
         outbound=\"sip:{proxy};transport={transport}\";regint=600;answermode=manual\
         {codecs}{parameters}\n"
    )
}

/// Reads netstrings and keeps those that are events.
fn collect(mut stream: TcpStream, events: &Mutex<Vec<Value>>) {
    let mut pending = Vec::new();
    let mut buffer = [0u8; 4096];
    while let Ok(read) = stream.read(&mut buffer) {
        if read == 0 {
            return;
        }
        pending.extend_from_slice(&buffer[..read]);
        while let Some((text, used)) = netstring(&pending) {
            let value: Value = serde_json::from_slice(text).unwrap_or(Value::Null);
            pending.drain(..used);
            if value["event"] == true {
                events.lock().unwrap_or_else(PoisonError::into_inner).push(value);
            }
        }
    }
}

/// The first netstring's content, and how many bytes it takes with its frame.
fn netstring(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let colon = bytes.iter().position(|&b| b == b':')?;
    let length: usize = std::str::from_utf8(&bytes[..colon]).ok()?.trim().parse().ok()?;
    let end = colon + 1 + length;
    (bytes.len() > end).then(|| (&bytes[colon + 1..end], end + 1))
}
