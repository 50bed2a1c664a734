//! Robots: a WebSocket for each call of a dial task that a program elsewhere talks in.
//!
//! The switch orders by [`RobotOrder`]s and hears by [`Input::Robot`]; audio goes between the WebSocket and the media worker
//! that has the call, past the switch.

mod session;
mod words;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::media::order::MixId;
use strowger_core::vocab::Input;
use strowger_core::vocab::robot::{RobotEnd, RobotOrder, RobotWord};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::mailbox::Mailbox;
use crate::net::media::MediaPool;
use crate::net::outbound::Outbound;

/// Keys and refusals that wait for a robot; more are lost.
const NOTES: usize = 64;

/// What the switch has to tell a robot.
#[derive(Debug)]
enum Note {
    Key(char),
    Refused(String),
    /// The last.
    Close(RobotEnd),
}

/// Counts since the start.
#[derive(Debug, Default)]
pub struct RobotFigures {
    /// Connected, or being connected.
    pub present: AtomicU64,
    /// Never reached, or lost.
    pub lost: AtomicU64,
    /// Frames that a robot did not take in time.
    pub missed: AtomicU64,
    /// Bytes of audio that came faster than they could be spoken.
    pub refused: AtomicU64,
}

/// What the robots' tasks work with.
#[derive(Clone)]
struct Links {
    outbound: Outbound,
    mailbox: Arc<Mailbox>,
    present: Arc<Mutex<BTreeMap<MixId, mpsc::Sender<Note>>>>,
    figures: Arc<RobotFigures>,
}

/// All robots of the process.
pub struct Robots {
    runtime: Handle,
    links: Links,
}

impl Robots {
    /// None yet.
    pub fn new(runtime: Handle, outbound: Outbound, mailbox: Arc<Mailbox>) -> Self {
        let (present, figures) = (Arc::default(), Arc::default());
        Self { runtime, links: Links { outbound, mailbox, present, figures } }
    }

    /// Counts.
    pub fn figures(&self) -> Arc<RobotFigures> {
        Arc::clone(&self.links.figures)
    }

    /// The way out.
    pub fn outbound(&self) -> Outbound {
        self.links.outbound()
    }

    /// Carries an order out.
    pub fn order(&self, order: RobotOrder, media: &MediaPool) {
        match order {
            RobotOrder::Open(call) => {
                let id = call.line;
                let Some(line) = media.line(call.worker.0, id) else {
                    return self.links.post_always(id, RobotWord::Lost);
                };
                let (notes, received) = mpsc::channel(NOTES);
                self.links.present().insert(id, notes);
                self.links.figures.present.fetch_add(1, Ordering::Relaxed);
                self.runtime.spawn(session::run(self.links.clone(), call, line, received));
            }
            RobotOrder::Key { line, key } => self.links.note(line, Note::Key(key)),
            RobotOrder::Refused { line, why } => self.links.note(line, Note::Refused(why)),
            RobotOrder::Close { line, end } => {
                // The session ends when its sender is gone, should there be no room for the word.
                if let Some(notes) = self.links.take(line) {
                    let _ = notes.try_send(Note::Close(end));
                }
            }
        }
    }
}

impl Links {
    fn present(&self) -> MutexGuard<'_, BTreeMap<MixId, mpsc::Sender<Note>>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, line: MixId, note: Note) {
        if let Some(notes) = self.present().get(&line) {
            // A robot that reads nothing misses keys; it is lost soon.
            let _ = notes.try_send(note);
        }
    }

    fn take(&self, line: MixId) -> Option<mpsc::Sender<Note>> {
        self.present().remove(&line)
    }

    /// A session is over.
    fn gone(&self, line: MixId) {
        self.take(line);
        self.figures.present.fetch_sub(1, Ordering::Relaxed);
    }

    fn outbound(&self) -> Outbound {
        self.outbound.clone()
    }

    fn post_always(&self, line: MixId, word: RobotWord) {
        self.mailbox.post_always(Input::Robot { line, word });
    }

    fn post(&self, input: Input) -> Result<(), ()> {
        self.mailbox.post(input).map_err(drop)
    }

    fn count_lost(&self) {
        self.figures.lost.fetch_add(1, Ordering::Relaxed);
    }

    fn count_missed(&self, frames: u64) {
        self.figures.missed.fetch_add(frames, Ordering::Relaxed);
    }

    fn count_refused(&self, bytes: u64) {
        self.figures.refused.fetch_add(bytes, Ordering::Relaxed);
    }
}
