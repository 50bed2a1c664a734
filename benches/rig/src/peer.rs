//! Starting and ending the switches under test, each with its own configuration on free ports of 127.0.0.1.

use crate::Result;
use crate::proc::{self, Memory, Usage, family};
use crate::ua::{Bank, PASSWORD, REALM};
use rustix::process::{Pid, Signal, kill_process};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const KAMAILIO_CFG: &str = include_str!("../../peers/kamailio.cfg");
const STROWGER_TOML: &str = include_str!("../../peers/strowger.toml");
const PREFIX: &str = "9031046856";
/// Accounts of each kind that exist.
pub const ACCOUNTS: usize = 1000;
const START: Duration = Duration::from_secs(15);
const STOP: Duration = Duration::from_secs(5);

/// Whom we measure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Us.
    Strowger,
    /// Kamailio, with rtpengine in user space for the media.
    Kamailio,
}

impl Kind {
    /// Its name in results and options.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Strowger => "strowger",
            Kind::Kamailio => "kamailio",
        }
    }
}

/// A running switch.
pub struct Peer {
    /// Which one.
    pub kind: Kind,
    /// Where it speaks SIP.
    pub sip: SocketAddr,
    children: Vec<Child>,
    dir: PathBuf,
}

/// What differs between two starts of the same switch.
#[derive(Clone, Copy)]
pub struct Mode {
    /// Record every call.
    pub record: bool,
    /// Its media ports, lowest and highest; peers that run at once must not share them.
    pub ports: (u16, u16),
}

impl Mode {
    /// Alone on the machine: all the ports, no recording.
    pub const ALONE: Mode = Mode { record: false, ports: (10_000, 31_999) };

    /// One of up to four that run at once.
    pub fn beside(place: usize, record: bool) -> Mode {
        let low = 10_000 + 5_500 * (place as u16 % 4);
        Mode { record, ports: (low, low + 5_499) }
    }
}

/// The `n`-th calling account.
pub fn callers(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("{PREFIX}{}", 10_000 + i)).collect()
}

/// The `n`-th called account.
pub fn callees(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("{PREFIX}{}", 20_000 + i)).collect()
}

/// A UDP port of 127.0.0.1 that is free now.
pub fn free_port() -> Result<u16> {
    Ok(UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Where this run keeps its files; removed at its end.
pub fn scratch() -> PathBuf {
    std::env::temp_dir().join(format!("strowger-bench-{}", std::process::id()))
}

/// The workspace this program was built from.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The switch's own program, which is built beside this one.
pub fn strowger_program() -> Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("strowger"))
}

impl Peer {
    /// Starts one and waits until it answers.
    pub fn start(kind: Kind, mode: Mode) -> Result<Peer> {
        let port = free_port()?;
        let dir = scratch().join(format!("{}-{port}", kind.name()));
        fs::create_dir_all(&dir)?;
        let mut peer =
            Peer { kind, sip: SocketAddr::from(([127, 0, 0, 1], port)), children: vec![], dir };
        match kind {
            Kind::Strowger => peer.start_strowger(mode)?,
            Kind::Kamailio => peer.start_kamailio(mode)?,
        }
        Ok(peer)
    }

    /// Every process of it.
    pub fn pids(&self) -> Vec<u32> {
        self.children.iter().flat_map(|child| family(child.id())).collect()
    }

    /// What it has used so far.
    pub fn usage(&self) -> Usage {
        Usage::read(&self.pids())
    }

    /// Where our own speaks HTTP.
    pub fn http(&self) -> Result<SocketAddr> {
        let log = fs::read_to_string(self.dir.join("strowger.log"))?;
        let ready = log.lines().find(|line| line.starts_with("ready")).unwrap_or_default();
        let word = ready.split(' ').find_map(|word| word.strip_prefix("http="));
        Ok(word.ok_or("strowger serves no HTTP")?.parse()?)
    }

    /// Its memory.
    pub fn memory(&self) -> Memory {
        proc::memory(&self.pids())
    }

    fn start_strowger(&mut self, mode: Mode) -> Result<()> {
        let mut config = self.fill(STROWGER_TOML, mode);
        config = config.replace("@SOUNDS@", &workspace().join("sounds").to_string_lossy());
        let record = if mode.record { "always" } else { "never" };
        for (users, record) in [(callers(ACCOUNTS), record), (callees(ACCOUNTS), "never")] {
            for user in users {
                let number = user.strip_prefix(PREFIX).unwrap_or(&user);
                write!(
                    config,
                    "\n[[extension]]\ntenant = \"bench\"\nnumber = \"{number}\"\n\
                     password = \"{PASSWORD}\"\nname = \"Bench {number}\"\nrecord = \"{record}\"\n\
                     classes = [\"internal\"]\n"
                )?;
            }
        }
        let path = self.dir.join("strowger.toml");
        fs::write(&path, config)?;
        let mut command = Command::new(strowger_program()?);
        command.arg("run").arg("--config").arg(&path).current_dir(&self.dir);
        self.spawn(command, "strowger")?;
        let log = self.dir.join("strowger.log");
        self.wait_for("strowger", || {
            fs::read_to_string(&log).is_ok_and(|text| text.lines().any(|l| l.starts_with("ready")))
        })
    }

    fn start_kamailio(&mut self, mode: Mode) -> Result<()> {
        let ng = free_port()?;
        let (low, high) = mode.ports;
        let mut rtpengine = Command::new("rtpengine");
        rtpengine
            .args(["--config-file=none", "--foreground", "--table=-1", "--log-stderr"])
            .args(["--log-level=3", "--interface=127.0.0.1", "--delete-delay=0"])
            .arg(format!("--listen-ng=127.0.0.1:{ng}"))
            .args([format!("--port-min={low}"), format!("--port-max={high}")]);
        // Its own default is four threads at least, which costs it a quarter more on two cores.
        let cores = std::thread::available_parallelism()?;
        rtpengine.arg(format!("--num-threads={cores}"));
        if mode.record {
            let spool = self.dir.join("recordings");
            fs::create_dir_all(&spool)?;
            rtpengine.arg("--recording-method=pcap");
            rtpengine.arg(format!("--recording-dir={}", spool.display()));
        }
        self.spawn(rtpengine, "rtpengine")?;
        // Kamailio tries it once at its own start and sends no media there for a minute if it was not up.
        self.wait_for("rtpengine", || pongs(ng))?;
        let config = self.fill(KAMAILIO_CFG, mode).replace("@NG_PORT@", &ng.to_string());
        let record = if mode.record { " record-call=on" } else { "" };
        let path = self.dir.join("kamailio.cfg");
        fs::write(&path, config.replace("@RECORD@", record))?;
        let mut kamailio = Command::new("kamailio");
        kamailio.args(["-DD", "-E", "-m", "256", "-M", "8", "-f"]).arg(&path);
        kamailio.arg("-Y").arg(&self.dir).arg("-w").arg(&self.dir);
        self.spawn(kamailio, "kamailio")?;
        let probe = Bank::open(self.sip, 0)?;
        self.wait_for("kamailio", || probe.answers_options())
    }

    fn fill(&self, template: &str, mode: Mode) -> String {
        let (low, high) = mode.ports;
        template
            .replace("@SIP_PORT@", &self.sip.port().to_string())
            .replace("@REALM@", REALM)
            .replace("@PASSWORD@", PASSWORD)
            .replace("@PREFIX@", PREFIX)
            .replace("@MEDIA_LOW@", &low.to_string())
            .replace("@MEDIA_HIGH@", &high.to_string())
            .replace("@DIR@", &self.dir.to_string_lossy())
    }

    fn spawn(&mut self, mut command: Command, name: &str) -> Result<()> {
        let log = File::create(self.dir.join(format!("{name}.log")))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().map_err(|error| format!("{name} does not start: {error}"))?;
        self.children.push(child);
        Ok(())
    }

    fn wait_for(&mut self, name: &str, ready: impl Fn() -> bool) -> Result<()> {
        let end = Instant::now() + START;
        while Instant::now() < end {
            if ready() {
                return Ok(());
            }
            for child in &mut self.children {
                if child.try_wait()?.is_some() {
                    return Err(format!("{name} ended at start: {}", self.log_tail(name)).into());
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(format!("{name} was not ready in time: {}", self.log_tail(name)).into())
    }

    /// The last lines that a program wrote.
    pub fn log_tail(&self, name: &str) -> String {
        let text = fs::read_to_string(self.dir.join(format!("{name}.log"))).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }
}

/// True if rtpengine answers a ping on its control port.
fn pongs(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_millis(200)))?;
        socket.send_to(b"rig d7:command4:pinge", ("127.0.0.1", port))?;
        let mut answer = [0u8; 256];
        let length = socket.recv(&mut answer)?;
        Ok(answer.get(..length).is_some_and(|text| text.ends_with(b"d6:result4:ponge")))
    };
    ask().unwrap_or(false)
}

impl Drop for Peer {
    fn drop(&mut self) {
        let family = self.pids();
        // Twice, since Strowger drains at the first.
        for _ in 0..2 {
            for child in &self.children {
                signal(child.id(), Signal::TERM);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let end = Instant::now() + STOP;
        while Instant::now() < end
            && self.children.iter_mut().any(|child| matches!(child.try_wait(), Ok(None)))
        {
            std::thread::sleep(Duration::from_millis(20));
        }
        for pid in family {
            if Path::new(&format!("/proc/{pid}")).exists() {
                signal(pid, Signal::KILL);
            }
        }
        for child in &mut self.children {
            if let Err(error) = child.wait() {
                eprintln!("{}: {error}", self.kind.name());
            }
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended by itself, which is what we want.
        kill_process(pid, signal).ok();
    }
}
