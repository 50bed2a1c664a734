//! Where one test lives: a directory and a block of ports that no other test, in this run or another, holds.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Ports per block.
const BLOCK: u16 = 900;
/// Where blocks begin: first above the range from which Linux takes ephemeral ports, where hardly anybody is,
/// then below it.
const REGIONS: [(u16, u16); 2] = [(61_000, 65_500), (10_240, 32_740)];

static PLACES: AtomicU32 = AtomicU32::new(0);

/// A directory and blocks of ports; all are given back on drop, the directory only when the test passed.
pub struct Place {
    dir: PathBuf,
    blocks: Mutex<Blocks>,
}

struct Blocks {
    next: u16,
    end: u16,
    locks: Vec<File>,
}

impl Place {
    /// Takes a free block, waiting for one when all are in use.
    pub fn take() -> Self {
        let number = PLACES.fetch_add(1, Ordering::Relaxed);
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("e2e-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).expect("the test's directory can be made");
        let mut blocks = Blocks { next: 0, end: 0, locks: Vec::new() };
        blocks.grow();
        Self { dir, blocks: Mutex::new(blocks) }
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
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let start = blocks.next + blocks.next % 2;
            if start + count > blocks.end {
                blocks.grow();
                continue;
            }
            // A program outside the tests may have come since the block was taken.
            match (start..start + count).find(|&port| !is_free(port)) {
                Some(busy) => blocks.next = busy + 1,
                None => {
                    blocks.next = start + count;
                    return start;
                }
            }
        }
    }

    /// One port that is free for UDP and TCP on loopback.
    pub fn port(&self) -> u16 {
        self.ports(1)
    }
}

impl Blocks {
    fn grow(&mut self) {
        assert!(self.locks.len() < 4, "a test needs thousands of ports");
        let (first, lock) = lock_block();
        (self.next, self.end) = (first, first + BLOCK);
        self.locks.push(lock);
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

fn busy_in(first: u16) -> u16 {
    (first..first + BLOCK).map(|port| u16::from(!is_free(port))).sum()
}

fn is_free(port: u16) -> bool {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The kernel drops a file lock with its process, so a killed test leaves no block taken.
fn lock_block() -> (u16, File) {
    let locks = std::env::temp_dir().join("strowger-test-ports");
    fs::create_dir_all(&locks).expect("the directory of port locks can be made");
    loop {
        for (first, end) in REGIONS {
            for first in (first..end).step_by(usize::from(BLOCK)) {
                let file = File::create(locks.join(first.to_string())).expect("a lock file opens");
                // Programs outside the tests may sit in a block; the next is as good.
                if file.try_lock().is_ok() && busy_in(first) < BLOCK / 32 {
                    return (first, file);
                }
            }
        }
        thread::sleep(Duration::from_millis(100));
    }
}
