//! A child process with its output captured, ended by its own id whatever happens to the test.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::wait::{wait_for, wait_until};

/// How much of each child's output a failing test shows.
const SHOWN: usize = 16_000;

/// A running (or ended) child.
pub struct Process {
    name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    log: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Process {
    /// Starts `command`; a missing program fails naming the Debian package that holds it.
    pub fn spawn(name: &str, package: &str, command: &mut Command) -> Self {
        let spawned =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|error| {
            let program = command.get_program().to_string_lossy();
            panic!("{program} does not start ({error}); it comes with {package}")
        });
        let log = Arc::new(Mutex::new(String::new()));
        let out = child.stdout.take().map(|out| collect(out, Arc::clone(&log)));
        let err = child.stderr.take().map(|err| collect(err, Arc::clone(&log)));
        let readers = out.into_iter().chain(err).collect();
        let stdin = child.stdin.take();
        Self { name: name.to_owned(), child, stdin, log, readers }
    }

    /// The child's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that the child has written so far, both streams in order of arrival.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Everything that a child which has ended wrote.
    pub fn final_log(&mut self) -> String {
        for reader in self.readers.drain(..) {
            let _joined = reader.join();
        }
        self.log()
    }

    /// Writes one line to the child's standard input.
    pub fn type_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("the child's standard input is open");
        writeln!(stdin, "{line}").expect("the child reads its standard input");
    }

    /// Waits until the child has written `text`.
    pub fn wait_log(&mut self, text: &str, limit: Duration) {
        let what = format!("{} says {text:?}", self.name);
        wait_until(&what, limit, || self.log().contains(text));
    }

    /// Waits until the child has written `text` for the `times`th time.
    pub fn wait_log_times(&mut self, text: &str, times: usize, limit: Duration) {
        let what = format!("{} says {text:?} for the {times}th time", self.name);
        wait_until(&what, limit, || self.log().matches(text).count() >= times);
    }

    /// The exit status when the child has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Waits for the child to end by itself.
    pub fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        let what = format!("{} ends", self.name);
        wait_for(&what, limit, || self.exited())
    }

    /// Sends a signal by its name, as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "{} takes signal {name}", self.name);
    }

    /// kill -9, and the wait for the end.
    pub fn kill(&mut self) {
        if self.exited().is_none() {
            self.child.kill().expect("an own child can be killed");
            self.child.wait().expect("a killed child can be waited for");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(SHOWN);
            let from = (from..log.len()).find(|&at| log.is_char_boundary(at)).unwrap_or(0);
            eprintln!("---- {} wrote:\n{}\n----", self.name, &log[from..]);
        }
    }
}

/// As it comes, not by lines: a prompt has no end of line.
fn collect(mut stream: impl Read + Send + 'static, log: Arc<Mutex<String>>) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut buffer = [0u8; 4096];
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            log.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    })
}
