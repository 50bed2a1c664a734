//! The switch's own thread: its sockets, its mailbox, its timer, and nothing that could make it wait.
//!
//! A turn takes at most [`TURN`] datagrams and [`TURN`] letters. Everything is received first, then handled, then sent:
//! the same code runs several times while the processor's caches hold it.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rustix::event::{Timespec, epoll};
use sip::{Flow, Transport};
use strowger_core::Switch;
use strowger_core::vocab::{Effect, Input, Now};

use super::clock::Clock;
use super::effects::Outlets;
use super::mailbox::Mailbox;
use super::pace::Pace;
use crate::net::udp::{Pool, UdpPort};

/// Datagrams, and letters, that one turn takes at most.
const TURN: usize = 64;
/// The longest sleep, where the switch names no deadline.
const LONGEST: Duration = Duration::from_secs(3_600);
/// In the poller the mailbox has this number; the sockets have theirs from 0.
const MAILBOX: u64 = u64::MAX;

/// Sees every input before the switch does: for a journal that can be replayed.
pub trait Journal: Send {
    /// What the switch is about to handle.
    fn record(&mut self, now: Now, input: &Input);
}

/// Counts that the thread publishes for the metrics.
#[derive(Debug, Default)]
pub struct TurnFigures {
    /// Turns taken.
    pub turns: AtomicU64,
    /// Datagrams received.
    pub received: AtomicU64,
    /// Datagrams sent.
    pub sent: AtomicU64,
    /// Datagrams that the system refused to send.
    pub unsent: AtomicU64,
    /// The longest turn since the figure was last taken, in microseconds.
    pub longest_us: AtomicU64,
}

/// The thread's belongings.
pub struct Turn {
    switch: Switch,
    ports: Vec<UdpPort>,
    poller: rustix::fd::OwnedFd,
    mailbox: Arc<Mailbox>,
    outlets: Outlets,
    clock: Clock,
    pool: Pool,
    /// Taken from the mailbox and not handled yet.
    letters: VecDeque<Input>,
    /// What the thread itself has to tell the switch.
    own: VecDeque<Input>,
    effects: Vec<Effect>,
    /// Datagrams that this turn received.
    arrived: Vec<(Flow, Bytes)>,
    /// Datagrams to be sent, for each socket.
    outgoing: Vec<Vec<(SocketAddr, Bytes)>>,
    /// Sockets that have something to read.
    ready: Vec<usize>,
    pace: Pace,
    /// Sockets are read until they are empty; otherwise one datagram is read a turn, which saves the system call
    /// that only finds that there is no other.
    eager: bool,
    /// The last turn read as much as it may: more waits.
    full: bool,
    journal: Option<Box<dyn Journal>>,
    figures: Arc<TurnFigures>,
    drained: Box<dyn FnMut() + Send>,
}

impl Turn {
    /// Prepares the thread's work.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub fn new(
        ports: Vec<UdpPort>,
        mailbox: Arc<Mailbox>,
        outlets: Outlets,
        clock: Clock,
        figures: Arc<TurnFigures>,
        drained: Box<dyn FnMut() + Send>,
    ) -> io::Result<Self> {
        let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let readable = epoll::EventFlags::IN;
        for (number, port) in (0..).zip(&ports) {
            epoll::add(&poller, port, epoll::EventData::new_u64(number), readable)?;
        }
        epoll::add(&poller, mailbox.letters(), epoll::EventData::new_u64(MAILBOX), readable)?;
        Ok(Self {
            switch: Switch::new(),
            outgoing: vec![Vec::new(); ports.len()],
            arrived: Vec::with_capacity(TURN),
            ports,
            poller,
            mailbox,
            outlets,
            clock,
            pool: Pool::default(),
            letters: VecDeque::new(),
            own: VecDeque::new(),
            effects: Vec::new(),
            ready: Vec::new(),
            pace: Pace::default(),
            eager: false,
            full: false,
            journal: None,
            figures,
            drained,
        })
    }

    /// Records every input.
    pub fn with_journal(mut self, journal: Box<dyn Journal>) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Takes turns until the mailbox says stop; then everything that waits has been handled.
    ///
    /// # Errors
    /// The poller fails, which leaves nothing to go on with.
    pub fn run(mut self) -> io::Result<()> {
        loop {
            self.nap();
            self.sleep()?;
            let began = self.clock.mono();
            self.read_all();
            self.take_letters();
            self.tick();
            self.send_all();
            self.flush();
            self.note(began);
            if self.mailbox.letters().is_stopped() && !self.has_work() {
                return Ok(());
            }
        }
    }

    fn has_work(&self) -> bool {
        !self.letters.is_empty() || !self.own.is_empty() || self.mailbox.letters().waiting() > 0
    }

    /// Waits for a datagram, a letter or the deadline, unless there is work already.
    fn sleep(&mut self) -> io::Result<()> {
        self.ready.clear();
        let asleep = !self.has_work() && self.mailbox.letters().may_sleep();
        let wait = if asleep { self.until_deadline() } else { Duration::ZERO };
        let limit = Timespec {
            tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: wait.subsec_nanos().into(),
        };
        let mut events = [const { std::mem::MaybeUninit::uninit() }; 16];
        let outcome = epoll::wait(&self.poller, &mut events, Some(&limit));
        self.mailbox.letters().awake();
        let events = match outcome {
            Ok((events, _)) => events,
            Err(rustix::io::Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for event in events {
            match event.data.u64() {
                MAILBOX => self.mailbox.letters().acknowledge(),
                number => self.ready.push(number as usize),
            }
        }
        Ok(())
    }

    /// Rounded up to milliseconds, so that deadlines close together share a wake-up.
    fn until_deadline(&self) -> Duration {
        let Some(deadline) = self.switch.next_deadline() else { return LONGEST };
        let nanos = deadline.saturating_sub(self.clock.mono());
        Duration::from_millis(nanos.div_ceil(1_000_000)).min(LONGEST)
    }

    /// Lets datagrams and letters gather while they come fast.
    fn nap(&mut self) {
        self.eager |= self.pace.is_busy();
        let free = !self.full
            && self.letters.is_empty()
            && self.own.is_empty()
            && !self.mailbox.letters().is_stopped();
        if let Some(nap) = self.pace.nap().filter(|_| free) {
            std::thread::sleep(nap);
        }
    }

    fn read_all(&mut self) {
        let mut left = if self.eager { TURN } else { 1 };
        let mut read = 0;
        for at in 0..self.ready.len() {
            let Some(number) = self.ready.get(at).copied() else { break };
            while left > 0 && self.read(number) {
                left -= 1;
                read += 1;
            }
            left = left.max(1);
        }
        self.eager = read > 1;
        self.full = read >= TURN as u64;
        self.figures.received.fetch_add(read, Ordering::Relaxed);
        let mut arrived = std::mem::take(&mut self.arrived);
        for (flow, bytes) in arrived.drain(..) {
            self.handle(Input::Packet { flow, bytes });
        }
        self.arrived = arrived;
    }

    /// Reads one datagram of one socket; false when there is none.
    fn read(&mut self, number: usize) -> bool {
        let Some(port) = self.ports.get(number) else { return false };
        let Some((remote, bytes)) = port.receive(&mut self.pool) else { return false };
        self.arrived.push((port.flow(remote), bytes));
        true
    }

    fn take_letters(&mut self) {
        if self.letters.is_empty() {
            self.mailbox.letters().take(&mut self.letters);
        }
        for _ in 0..TURN {
            let Some(letter) = self.letters.pop_front() else { break };
            self.handle(letter);
        }
        // What comes of these waits for the next turn.
        for _ in 0..self.own.len() {
            let Some(letter) = self.own.pop_front() else { break };
            self.handle(letter);
        }
    }

    fn tick(&mut self) {
        if self.switch.next_deadline().is_some_and(|deadline| deadline <= self.clock.mono()) {
            self.handle(Input::Tick);
        }
    }

    fn handle(&mut self, input: Input) {
        let now = self.clock.now();
        self.pace.input(now.mono, &input);
        if let Some(journal) = &mut self.journal {
            journal.record(now, &input);
        }
        self.switch.handle(now, input);
        while let Some(effect) = self.switch.poll_effect() {
            match effect {
                Effect::Send { flow, bytes } if flow.transport == Transport::Udp => {
                    self.send(flow, bytes);
                }
                other => self.effects.push(other),
            }
        }
    }

    fn send(&mut self, flow: Flow, bytes: Bytes) {
        match self.ports.iter().position(|port| port.local() == flow.local) {
            Some(number) => self.outgoing[number].push((flow.remote, bytes)),
            None => {
                let error = io::ErrorKind::AddrNotAvailable.into();
                unsent(&self.figures, &mut self.own, flow, &error);
            }
        }
    }

    /// Sends what the turn has gathered.
    fn send_all(&mut self) {
        for (port, messages) in self.ports.iter().zip(&mut self.outgoing) {
            if messages.is_empty() {
                continue;
            }
            self.figures.sent.fetch_add(messages.len() as u64, Ordering::Relaxed);
            port.send(messages, |remote, error| {
                self.figures.sent.fetch_sub(1, Ordering::Relaxed);
                unsent(&self.figures, &mut self.own, port.flow(remote), &error);
            });
            messages.clear();
        }
    }

    fn flush(&mut self) {
        if !self.effects.is_empty() && self.outlets.carry_out(&mut self.effects) {
            (self.drained)();
        }
    }

    fn note(&mut self, began: u64) {
        let ended = self.clock.mono();
        self.pace.turn(began, ended);
        let took = ended.saturating_sub(began) / 1_000;
        self.figures.turns.fetch_add(1, Ordering::Relaxed);
        if took > self.figures.longest_us.load(Ordering::Relaxed) {
            self.figures.longest_us.store(took, Ordering::Relaxed);
        }
    }
}

/// The switch hears of a datagram that could not be sent.
fn unsent(figures: &TurnFigures, own: &mut VecDeque<Input>, flow: Flow, error: &io::Error) {
    figures.unsent.fetch_add(1, Ordering::Relaxed);
    tracing::debug!("a datagram to {} could not be sent: {error}", flow.remote);
    own.push_back(Input::FlowClosed { flow, connect: None });
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").field("ports", &self.ports).finish_non_exhaustive()
    }
}
