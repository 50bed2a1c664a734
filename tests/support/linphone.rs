//! linphonec: the console phone of Linphone, driven by its prompt.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::SOON;
use super::phone::{Account, Phone};
use super::place::Place;
use super::process::Process;
use super::tone::{Audio, sine, write_wav};
use super::wait::wait_until;

/// A registered linphonec.
pub struct Linphone {
    process: Process,
    dir: PathBuf,
    connected: usize,
    ended: usize,
    incoming: usize,
    tone: f64,
}

impl Linphone {
    /// Starts one with its account in its configuration and waits for its registration.
    pub fn register(place: &Place, account: &Account, tone: f64) -> Self {
        let mut phone = Self::start(place, account, tone);
        phone.wait_status("registered, identity=", "linphonec registers");
        phone
    }

    /// Starts one; it registers by itself.
    pub fn start(place: &Place, account: &Account, tone: f64) -> Self {
        Self::start_with(place, account, tone, "")
    }

    /// Starts one whose list of friends has this address, and waits for its registration; it prints how the friend is.
    pub fn start_watching(place: &Place, account: &Account, tone: f64, friend: &str) -> Self {
        let more = format!("\n[friend_0]\nurl=<{friend}>\npol=accept\nsubscribe=1\n");
        let mut phone = Self::start_with(place, account, tone, &more);
        phone.wait_status("registered, identity=", "linphonec registers");
        phone
    }

    fn start_with(place: &Place, account: &Account, tone: f64, more: &str) -> Self {
        let port = place.ports(2);
        let dir = place.subdir(&format!("linphone-{port}"));
        fs::create_dir_all(dir.join(".local/share/linphone")).expect("a directory can be made");
        write_wav(&dir.join("tone.wav"), &sine(tone, 120));
        fs::write(dir.join("linphonerc"), config(place, account, port) + more)
            .expect("a file can be written");
        let mut command = Command::new("linphonec");
        command.arg("-c").arg(dir.join("linphonerc")).env("HOME", &dir).current_dir(&dir);
        // Its sound library makes a directory in any case; here it goes with the test's own.
        command.env("PULSE_RUNTIME_PATH", dir.join("pulse")).env("TMPDIR", &dir);
        let process = Process::spawn("linphonec", "the Debian package linphone-cli", &mut command);
        let mut phone = Self { process, dir, connected: 0, ended: 0, incoming: 0, tone };
        phone.process.wait_log("Warning: video is disabled", SOON);
        phone.type_line("soundcard use files");
        phone.process.wait_log("Using wav files", SOON);
        let tone = phone.dir.join("tone.wav");
        phone.type_line(&format!("play {}", tone.display()));
        let heard = phone.dir.join("heard.wav");
        phone.type_line(&format!("record {}", heard.display()));
        phone
    }

    /// Types a line at its prompt.
    pub fn type_line(&mut self, line: &str) {
        self.process.type_line(line);
    }

    /// Everything that linphonec printed.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Waits for an incoming call without taking it.
    pub fn wait_ringing(&mut self) {
        self.process.wait_log_times("Receiving new incoming call", self.incoming + 1, SOON);
    }

    /// Presses a digit.
    pub fn press(&mut self, digit: char) {
        self.type_line(&digit.to_string());
    }

    /// Waits until it has reported an incoming digit.
    pub fn wait_digit(&mut self, digit: char) {
        self.process.wait_log(&format!("Receiving tone {digit} from"), SOON);
    }

    /// Holds the call.
    pub fn hold(&mut self) {
        self.type_line("pause");
    }

    /// Takes the call back from hold.
    pub fn resume(&mut self) {
        self.type_line("resume");
    }

    fn wait_status(&mut self, text: &str, what: &str) {
        let mut asked = 0;
        wait_until(what, SOON, || {
            // It prints its state only when asked: ask again for each answer that said no.
            if self.process.log().matches("registered").count() >= asked {
                asked += 1;
                self.process.type_line("status register");
            }
            self.process.log().contains(text)
        });
    }
}

impl Phone for Linphone {
    fn dial(&mut self, number: &str) {
        self.type_line(&format!("call {number}"));
    }

    fn answer(&mut self) {
        self.incoming += 1;
        self.process.wait_log_times("Receiving new incoming call", self.incoming, SOON);
        self.type_line("answer");
    }

    fn wait_connected(&mut self) {
        self.connected += 1;
        self.process.wait_log_times("Media streams established", self.connected, SOON);
    }

    fn hang_up(&mut self) {
        self.type_line("terminate");
    }

    fn wait_ended(&mut self) {
        self.ended += 1;
        self.process.wait_log_times(" ended (", self.ended, SOON);
    }

    fn tone(&self) -> f64 {
        self.tone
    }

    fn heard(&self) -> Audio {
        Audio::growing(&self.dir.join("heard.wav"))
    }
}

fn config(place: &Place, account: &Account, port: u16) -> String {
    let Account { user, password, domain, proxy, transport } = account;
    let transport = transport.word();
    let rtp = place.ports(16);
    let tcp = port + 1;
    format!(
        "[sip]\nsip_port={port}\nsip_tcp_port={tcp}\nsip_tls_port=0\nbind_address=127.0.0.1\n\
         default_proxy=0\nguess_hostname=0\ncontact=sip:{user}@127.0.0.1\nregister_only_when_network_is_up=0\n\
         media_encryption=none\n\n\
         [net]\nipv6_enabled=0\n\n\
         [rtp]\naudio_rtp_port={rtp}-{}\n\n\
         [sound]\nechocancellation=0\n\n\
         [misc]\nstore_ec_delay=0\n\n\
         [proxy_0]\nreg_proxy=<sip:{proxy};transport={transport}>\n\
         reg_route=<sip:{proxy};transport={transport};lr>\n\
         reg_identity=sip:{user}@{domain}\nreg_expires=600\nreg_sendregister=1\n\n\
         [auth_info_0]\nusername={user}\npasswd={password}\n\n\
         [audio_codec_0]\nmime=PCMU\nrate=8000\nchannels=1\nenabled=1\n\n\
         [audio_codec_1]\nmime=PCMA\nrate=8000\nchannels=1\nenabled=1\n\n\
         [audio_codec_2]\nmime=opus\nrate=48000\nchannels=2\nenabled=0\n\n\
         [audio_codec_3]\nmime=speex\nrate=16000\nchannels=1\nenabled=0\n\n\
         [audio_codec_4]\nmime=speex\nrate=8000\nchannels=1\nenabled=0\n",
        rtp + 14,
    )
}
