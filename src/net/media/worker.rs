//! A worker: one thread, its sockets, its engine.
//!
//! A turn: wait for packets, orders or a deadline; apply orders; relay what came; do what is due; send and report what
//! came up. Under load the thread naps between turns, so that one wake-up serves several packets.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ::media::order::{MixId, Order, Port};
use ::media::session::{Dropped, Engine, Request, Socket, Verdict};
use rustix::process::setpriority_process;
use rustix::thread::{NanosleepRelativeResult, nanosleep};
use rustix::time::{ClockId, Timespec, clock_gettime};

use super::inbox::{Inbox, Letter, LineLetter};
use super::io::{FULL, PacketIo};
use super::line::Hearer;
use super::prompts::Librarian;
use super::stock::Stock;
use super::writer::Scribe;
use super::{WorkerCounts, WorkerMessage};

/// Packets a second from which naps pay.
const NAP_FROM: u64 = 2_000;
/// Packets that one nap is to gather. To sleep and be woken costs a thread 10 to 20 us, as much as two packets.
const GATHER: u64 = 40;
/// The thread's priority, on the scale of `nice`.
const PRIORITY: i32 = -10;
/// How long the rate of packets is observed, ns.
const RATE_WINDOW: u64 = 100_000_000;

/// Monotonic nanoseconds.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Everything that one worker owns.
pub struct Worker<I, F> {
    /// Counted from 0.
    pub index: u16,
    /// Sockets.
    pub io: I,
    /// Streams.
    pub engine: Engine,
    /// Bound pairs.
    pub stock: Stock,
    /// Where orders arrive.
    pub inbox: Arc<Inbox>,
    /// Where counts are published.
    pub counts: Arc<WorkerCounts>,
    /// The way to the prompts.
    pub librarian: Librarian,
    /// The way to the recordings.
    pub scribe: Scribe,
    /// Where messages go; must not block.
    pub events: F,
    /// The longest nap under load; zero: none.
    pub nap: Duration,
    /// Letters taken from the inbox.
    pub letters: VecDeque<Letter>,
    /// Programs on the lines of mixes.
    pub hearers: BTreeMap<MixId, Hearer>,
    /// The rate of packets.
    pub load: Load,
}

/// How busy the worker is.
#[derive(Debug, Default)]
pub struct Load {
    window: u64,
    packets: u64,
    /// Mean time between packets while there are enough for naps, ns.
    each: Option<u64>,
}

impl Load {
    fn count(&mut self, now: u64, packets: usize) {
        self.packets += packets as u64;
        let passed = now.saturating_sub(self.window);
        if passed >= RATE_WINDOW {
            let enough = self.packets * 1_000_000_000 >= NAP_FROM * passed;
            self.each = enough.then(|| passed / self.packets.max(1));
            self.window = now;
            self.packets = 0;
        }
    }

    /// How long to let packets gather after a turn that had so many; nothing while few come or more wait. The more
    /// come the shorter, from `longest` to half of it.
    fn nap(&self, ready: usize, longest: Duration) -> Option<Duration> {
        let each = self.each.filter(|_| (1..FULL).contains(&ready) && !longest.is_zero())?;
        Some(Duration::from_nanos(GATHER * each).clamp(longest / 2, longest))
    }
}

impl<I: PacketIo, F: Fn(WorkerMessage)> Worker<I, F> {
    /// Runs until the inbox is stopped.
    ///
    /// # Errors
    /// When the packet loop itself fails.
    pub fn run(&mut self) -> io::Result<()> {
        // Voice before everything else, where the system lets us; without it a busy machine is heard earlier.
        let _ = setpriority_process(None, PRIORITY);
        self.counts.publish(&self.io, &self.engine);
        loop {
            let ready = self.wait()?;
            let now = now();
            self.orders(now);
            self.relay(now);
            if self.engine.next_deadline().is_some_and(|deadline| now >= deadline) {
                self.engine.tick(now);
                self.counts.publish(&self.io, &self.engine);
            }
            self.deliver(now);
            self.keep_stock(now);
            if self.inbox.letters().is_stopped() {
                self.engine.finish(now);
                self.deliver(now);
                self.scribe.flush_all();
                return Ok(());
            }
            self.load.count(now, ready);
            if let Some(nap) = self.load.nap(ready, self.nap) {
                sleep(nap);
            }
        }
    }

    fn wait(&mut self) -> io::Result<usize> {
        let timeout = self.timeout();
        let sleeping = timeout.is_none_or(|timeout| timeout != Timespec::default());
        let may_sleep = sleeping && self.inbox.letters().may_sleep();
        let timeout = if may_sleep { timeout } else { Some(Timespec::default()) };
        let turn = self.io.wait(timeout)?;
        self.inbox.letters().awake();
        if turn.woken {
            self.inbox.letters().acknowledge();
        }
        Ok(turn.ready)
    }

    /// One reading of the clock serves all packets of a turn.
    fn relay(&mut self, now: u64) {
        let (engine, stock) = (&mut self.engine, &mut self.stock);
        self.io.relay(|socket: Socket, packet, from| {
            match engine.receive(now, socket, packet, from) {
                Verdict::Forward(transmit) => Some(transmit),
                Verdict::Dropped(Dropped::NoStream) => {
                    stock.heard(now, socket.port);
                    None
                }
                Verdict::Consumed | Verdict::Dropped(_) => None,
            }
        });
    }

    fn timeout(&self) -> Option<Timespec> {
        let deadlines =
            [self.engine.next_deadline(), self.stock.next_deadline(), self.stock.refill_at()];
        let deadline = deadlines.into_iter().flatten().min()?;
        let wait = Duration::from_nanos(deadline.saturating_sub(now()));
        // The kernel wakes up within its timer slack after this; deadlines here are milliseconds.
        Some(Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: i64::from(wait.subsec_nanos()) })
    }

    fn orders(&mut self, now: u64) {
        self.inbox.letters().take(&mut self.letters);
        while let Some(letter) = self.letters.pop_front() {
            match letter {
                Letter::Order(order) => self.order(now, order),
                Letter::Prompt(key, prompt) => self.engine.prompt_loaded(now, &key, prompt),
                Letter::Line(mix, letter) => self.line(mix, letter),
                Letter::RecordingFailed(recording) => {
                    self.scribe.forget(recording);
                    self.engine.recording_failed(recording);
                }
            }
        }
    }

    fn order(&mut self, now: u64, order: Order) {
        if let Order::Open { port, .. } = order {
            self.stock.take(port);
        }
        self.engine.apply(now, order);
    }

    fn line(&mut self, mix: MixId, letter: LineLetter) {
        match letter {
            LineLetter::Open(hearer) => drop(self.hearers.insert(mix, hearer)),
            LineLetter::Says(pcm) => self.engine.line_says(mix, &pcm),
            LineLetter::Hush => self.engine.line_hushes(mix),
            LineLetter::Gone => drop(self.hearers.remove(&mix)),
        }
    }

    /// Sends, does and reports what the engine has for us.
    fn deliver(&mut self, now: u64) {
        let io = &mut self.io;
        self.engine.drain(|transmit| io.send(&transmit));
        while let Some(request) = self.engine.poll_request() {
            match request {
                // Without a route packets are sent one by one with their address, or fail one by one.
                Request::Connect { socket, to } => drop(self.io.connect(socket, Some(to))),
                Request::Disconnect { socket } => drop(self.io.connect(socket, None)),
                Request::Release { port } => self.stock.release(now, port),
                Request::LoadPrompt(key) => {
                    if let Err((key, error)) = self.librarian.ask(key) {
                        self.engine.prompt_loaded(now, &key, Err(error));
                    }
                }
                Request::OpenRecording { recording, path, channels } => {
                    self.scribe.open(recording, path, channels);
                }
                Request::WriteBlock { recording, block } => self.scribe.write(recording, block),
                Request::CloseRecording { recording, rest, voice } => {
                    self.scribe.close(recording, rest, voice);
                }
                Request::RemoveRecording { path } => self.scribe.remove(path),
                Request::LineFrame { mix, frame } => {
                    if let Some(hearer) = self.hearers.get(&mix) {
                        // Nobody listens any more: its letter is on the way.
                        let _ = hearer.send(frame.into());
                    }
                }
            }
        }
        if self.scribe.is_behind() {
            self.scribe.flush();
        }
        while let Some(event) = self.engine.poll_event() {
            (self.events)(WorkerMessage::Event { worker: self.index, event });
        }
    }

    fn keep_stock(&mut self, now: u64) {
        if self.stock.next_deadline().is_some_and(|deadline| now >= deadline) {
            let rested = self.stock.rested(now);
            self.offer(rested);
        }
        if self.stock.wants_refill(now) {
            // A failed filling is tried again; the switch sees a stock that runs low.
            let fresh = self.stock.refill(now, &mut self.io).unwrap_or_default();
            self.offer(fresh);
        }
    }

    /// Reports free pairs to the switch.
    pub fn offer(&self, ports: Vec<Port>) {
        if !ports.is_empty() {
            (self.events)(WorkerMessage::Ports { worker: self.index, ports });
        }
    }
}

/// A shorter sleep is as good.
fn sleep(nap: Duration) {
    let nap = Timespec { tv_sec: 0, tv_nsec: i64::from(nap.subsec_nanos()) };
    match nanosleep(&nap) {
        NanosleepRelativeResult::Ok | NanosleepRelativeResult::Interrupted(_) => {}
        NanosleepRelativeResult::Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_millis(2);

    /// The nap after a tenth of a second with so many packets.
    fn nap(packets: usize, ready: usize) -> Option<Duration> {
        let mut load = Load::default();
        load.count(RATE_WINDOW, packets);
        load.nap(ready, LONGEST)
    }

    #[test]
    fn a_nap_gathers_packets_and_is_shorter_the_more_come() {
        assert_eq!(nap(199, 1), None, "few packets are relayed at once");
        assert_eq!(nap(200, 1), Some(LONGEST));
        assert_eq!(nap(2_500, 25), Some(Duration::from_micros(1_600)));
        assert_eq!(nap(50_000, 200), Some(LONGEST / 2));
        assert_eq!(nap(2_500, 0), None, "an order or a deadline came, no packet");
        assert_eq!(nap(50_000, FULL), None, "more wait");
        let mut load = Load::default();
        load.count(RATE_WINDOW, 2_500);
        assert_eq!(load.nap(25, Duration::ZERO), None, "it is told to take none");
        load.count(2 * RATE_WINDOW, 0);
        assert_eq!(load.nap(25, LONGEST), None, "the load is over");
    }
}
