//! Something that relays RTP, with its calls set up: a switch, the floor, or nothing at all.

use crate::Result;
use crate::floor::Floor;
use crate::load::{self, Outcome, Stream};
use crate::peer::{Kind, Mode, Peer, callees, callers};
use crate::proc::Usage;
use crate::ua::{Bank, Calls};
use std::time::Duration;

/// What is under load.
pub enum Relay {
    /// A switch, with the phones and their calls.
    Switch(Box<Peer>, Bank, Calls),
    /// The bare relay.
    Floor(Floor, Vec<Stream>),
    /// Each stream straight to its other end: what the rig and the kernel alone do to the delay.
    Direct(Vec<Stream>),
}

impl Relay {
    /// A switch with so many calls through it.
    pub fn of(kind: Kind, calls: usize, mode: Mode) -> Result<Relay> {
        let peer = Peer::start(kind, mode)?;
        let bank = Bank::open(peer.sip, 0)?;
        let (from, to) = (callers(calls), callees(calls));
        bank.register_all(&to)?;
        let calls = Calls::set_up(&bank, &from, &to)?;
        Ok(Relay::Switch(Box::new(peer), bank, calls))
    }

    /// The floor for so many calls, on so many threads.
    pub fn floor(calls: usize, threads: usize) -> Result<Relay> {
        let floor = Floor::start(calls, threads)?;
        let mut streams = load::direct(calls)?;
        for (pair, (a, b)) in streams.chunks_exact_mut(2).zip(&floor.calls) {
            pair[0].target = *a;
            pair[1].target = *b;
        }
        Ok(Relay::Floor(floor, streams))
    }

    /// No relay.
    pub fn direct(calls: usize) -> Result<Relay> {
        Ok(Relay::Direct(load::direct(calls)?))
    }

    /// Loads it: what came through, and what the relay had used at the window's two ends.
    pub fn run(&self, warm: Duration, window: Duration) -> Result<(Outcome, Vec<Usage>)> {
        let mut readings = Vec::new();
        let outcome = load::run(self.streams(), warm, window, || readings.extend(self.usage()))?;
        Ok((outcome, readings))
    }

    /// Ends its calls.
    pub fn hang_up(&self) -> Result<()> {
        match self {
            Relay::Switch(_, bank, calls) => calls.hang_up(bank),
            Relay::Floor(..) | Relay::Direct(_) => Ok(()),
        }
    }

    fn streams(&self) -> &[Stream] {
        match self {
            Relay::Switch(_, _, calls) => &calls.streams,
            Relay::Floor(_, streams) | Relay::Direct(streams) => streams,
        }
    }

    fn usage(&self) -> Option<Usage> {
        match self {
            Relay::Switch(peer, ..) => Some(peer.usage()),
            Relay::Floor(floor, _) => Some(Usage::read(&[floor.pid()])),
            Relay::Direct(_) => None,
        }
    }
}
