//! Switches to test, and a phone that writes and reads raw SIP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};

/// Nothing in these tests takes longer, unless something hangs.
pub const LIMIT: Duration = Duration::from_secs(20);

/// A temporary directory with a configuration file in it.
pub struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    /// The usual configuration: two phones, ports of the system's choice; `more` is added at the end.
    pub fn new(more: &str) -> Self {
        let place = Self { directory: tempfile::tempdir().unwrap() };
        place.write(&place.usual(more));
        place
    }

    pub fn usual(&self, more: &str) -> String {
        let base = self.path("");
        let base = base.display();
        let sounds = concat!(env!("CARGO_MANIFEST_DIR"), "/sounds");
        format!(
            "sip.domain = \"pbx.example\"
sip.listen = [\"udp:127.0.0.1:0\", \"tcp:127.0.0.1:0\"]
media = {{ address = \"127.0.0.1\", ports = \"42000-47999\", workers = 1, spare_ports = 4 }}
http.listen = \"127.0.0.1:0\"
store.path = \"{base}store.db\"
recordings.directory = \"{base}recordings\"
sounds.directory = \"{sounds}\"
tenant = [{{ id = \"demo\", prefix = \"90\" }}]
[[extension]]
number = \"4567\"
password = \"secret-1\"
[[extension]]
number = \"4568\"
password = \"secret-2\"
{more}"
        )
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn config(&self) -> PathBuf {
        self.path("strowger.toml")
    }

    pub fn write(&self, text: &str) {
        std::fs::write(self.config(), text).unwrap();
    }

    /// Runs the program to its end.
    pub fn output(&self, what: &str) -> Output {
        program(what, &self.config()).output().unwrap()
    }

    /// Runs the switch and waits until it is ready.
    pub fn start(&self) -> Running {
        let mut child = program("run", &self.config())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let mut running = Running { child, ready: String::new(), errors };
        running.ready = running.log_until("ready ").trim().replacen("ready ", "", 1);
        running
    }
}

fn program(what: &str, config: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strowger"));
    command.arg(what).arg("--config").arg(config);
    command
}

/// A switch in a process of its own; killed when dropped.
pub struct Running {
    child: Child,
    pub ready: String,
    errors: BufReader<std::process::ChildStderr>,
}

impl Running {
    /// The value of a key in the ready line.
    pub fn said(&self, key: &str) -> &str {
        let find = |word: &&str| word.split_once('=').is_some_and(|(k, _)| k == key);
        self.ready.split(' ').find(find).and_then(|word| word.split_once('=')).unwrap().1
    }

    fn address(&self, transport: &str) -> SocketAddr {
        let prefix = format!("{transport}:");
        self.said("sip").split(',').find_map(|a| a.strip_prefix(&prefix)).unwrap().parse().unwrap()
    }

    pub fn udp(&self) -> SocketAddr {
        self.address("udp")
    }

    pub fn tcp(&self) -> SocketAddr {
        self.address("tcp")
    }

    pub fn http(&self) -> SocketAddr {
        self.said("http").parse().unwrap()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// As `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end; the exit code, or `None` where a signal ended it.
    pub fn wait(&mut self) -> Option<i32> {
        let until = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < until, "it does not end");
            std::thread::yield_now();
        }
    }

    /// Reads the log until a line contains the text.
    pub fn log_until(&mut self, text: &str) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            assert!(
                self.errors.read_line(&mut line).unwrap() > 0,
                "it ended before {text}: {seen}"
            );
            if line.contains(text) {
                return line;
            }
            seen.push_str(&line);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The body of an HTTP answer to a GET, and its status.
pub fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    (status, text.split_once("\r\n\r\n").unwrap().1.to_owned())
}

/// A phone on UDP.
pub struct Phone {
    socket: UdpSocket,
    server: SocketAddr,
    number: &'static str,
    password: &'static str,
    cseq: u32,
}

impl Phone {
    pub fn new(server: SocketAddr, number: &'static str, password: &'static str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Self { socket, server, number, password, cseq: 0 }
    }

    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub fn exchange(&self, request: &str) -> String {
        self.socket.send_to(request.as_bytes(), self.server).unwrap();
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// A REGISTER with its headers; `more` are whole lines.
    pub fn register_text(&mut self, more: &str) -> String {
        self.cseq += 1;
        let number = self.number;
        let contact = format!("Contact: <sip:{number}@{}>\r\n{more}", self.address());
        request("REGISTER", "UDP", self.address(), number, self.cseq, &contact)
    }

    /// Registers with digest; the final response.
    pub fn register(&mut self, more: &str) -> String {
        let text = self.register_text(more);
        let challenge = self.exchange(&text);
        assert!(challenge.starts_with("SIP/2.0 401 "), "{challenge}");
        let authorization = self.authorization(&challenge);
        let text = self.register_text(&format!("{more}{authorization}"));
        self.exchange(&text)
    }

    /// RFC 2617 section 3.2.2 with qop=auth, by the phone's own few lines.
    fn authorization(&self, challenge: &str) -> String {
        let of = |key: &str| {
            let (_, rest) = challenge.split_once(&format!("{key}=\"")).unwrap();
            rest.split_once('"').unwrap().0
        };
        let (realm, nonce, user) = (of("realm"), of("nonce"), self.number);
        let a1 = md5(&format!("{user}:{realm}:{}", self.password));
        let a2 = md5("REGISTER:sip:pbx.example");
        let response = md5(&format!("{a1}:{nonce}:00000001:xyz:auth:{a2}"));
        format!(
            "Authorization: Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", \
             uri=\"sip:pbx.example\", response=\"{response}\", algorithm=MD5, qop=auth, \
             nc=00000001, cnonce=\"xyz\"\r\n"
        )
    }
}

fn md5(text: &str) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A request outside a dialog to the switch itself.
pub fn request(
    method: &str,
    transport: &str,
    from: SocketAddr,
    user: &str,
    cseq: u32,
    more: &str,
) -> String {
    format!(
        "{method} sip:pbx.example SIP/2.0\r\n\
         Via: SIP/2.0/{transport} {from};branch=z9hG4bK{user}{}{cseq};rport\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:{user}@pbx.example>;tag=t{user}\r\n\
         To: <sip:{user}@pbx.example>\r\n\
         Call-ID: call-{user}-{}\r\n\
         CSeq: {cseq} {method}\r\n\
         {more}Content-Length: 0\r\n\r\n",
        from.port(),
        from.port(),
    )
}
