//! Where one test lives: a directory and a block of ports that no other test, in this run or another, holds.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Ports per block; the blocks lie below the switch's own default for media and below Linux's ephemeral ports.
const BLOCK: u16 = 1_024;
const FIRST: u16 = 10_240;
const LAST: u16 = 16_384;

static PLACES: AtomicU32 = AtomicU32::new(0);

/// A directory and a block of ports; both are given back on drop, the directory only when the test passed.
pub struct Place {
    dir: PathBuf,
    first: u16,
    next: Mutex<u16>,
    _lock: File,
}

impl Place {
    /// Takes a free block, waiting for one when all are in use.
    pub fn take() -> Self {
        let (first, lock) = lock_block();
        let number = PLACES.fetch_add(1, Ordering::Relaxed);
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("e2e-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).expect("the test's directory can be made");
        Self { dir, first, next: Mutex::new(first), _lock: lock }
    }

    /// The test's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A new directory for one client.
    pub fn subdir(&self, name: &str) -> PathBuf {
        let dir = self.dir.join(name);
        fs::create_dir_all(&dir).expect("a client's directory can be made");
        dir
    }

    /// `count` neighbouring ports, the first of them even, all free for UDP and TCP on loopback.
    pub fn ports(&self, count: u16) -> u16 {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let mut start = *next + *next % 2;
        while let Some(busy) = (start..start + count).find(|&port| !is_free(port)) {
            start = busy + 1 + (busy + 1) % 2;
            assert!(start + count <= self.first + BLOCK, "the test's block of ports is used up");
        }
        *next = start + count;
        assert!(*next <= self.first + BLOCK, "the test's block of ports is used up");
        start
    }

    /// One port that is free for UDP and TCP on loopback.
    pub fn port(&self) -> u16 {
        self.ports(1)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("kept for inspection: {}", self.dir.display());
        } else if let Err(error) = fs::remove_dir_all(&self.dir) {
            eprintln!("{} could not be removed: {error}", self.dir.display());
        }
    }
}

fn is_free(port: u16) -> bool {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The kernel drops a file lock with its process, so a killed test leaves no block taken.
fn lock_block() -> (u16, File) {
    let locks = std::env::temp_dir().join("strowger-test-ports");
    fs::create_dir_all(&locks).expect("the directory of port locks can be made");
    let blocks = (LAST - FIRST) / BLOCK;
    let offset = u16::try_from(std::process::id() % u32::from(blocks)).unwrap_or(0);
    loop {
        for turn in 0..blocks {
            let first = FIRST + (turn + offset) % blocks * BLOCK;
            let file = File::create(locks.join(first.to_string())).expect("a lock file opens");
            // Programs outside the tests may sit in a block; the next is as good.
            if file.try_lock().is_ok() && (first..first + BLOCK).all(is_free) {
                return (first, file);
            }
        }
        thread::sleep(Duration::from_millis(100));
    }
}
