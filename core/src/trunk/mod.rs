//! Lines to carriers: where they are (RFC 3263), whether they live, and our registrations with them.
//!
//! Every trunk has a state of its own and nothing is shared between two, so that a dead carrier delays nobody else. A
//! trunk is **up** while at least one of its addresses takes requests and, where it registers, its registration holds.
//!
//! - An address is **down** after three unanswered OPTIONS in a row and up again with the first answer; while it fails it
//!   is asked more often, so that its return is noticed within seconds.
//! - An address that failed a call **rests**: for as long as a 503 says in Retry-After, else for half a minute or until
//!   it answers OPTIONS, whichever comes first. Resting addresses are tried last. A 503 without Retry-After says nothing
//!   about the next call (RFC 3261 section 21.5.4) and puts nobody to rest.
//! - A registration is refreshed well before it ends. A refusal is repeated slowly, since carriers lock accounts out; a
//!   carrier that is silent is tried at its other addresses at once and then again with growing pauses, or as soon as it
//!   answers OPTIONS.
//! - Calls are believed to come from a carrier by their source: the exact address and port that its host resolves to, the
//!   address alone where we reach it over connections (their ports are arbitrary), or an address that `addresses` lists.

mod line;
mod location;
mod monitor;
mod registration;
mod requests;

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sip::endpoint::{OutRequest, RequestFailure};
use sip::resolve::{Answer, Question, Target};
use sip::{Flow, Message, Transport};

use crate::vocab::command::TrunkView;
use crate::vocab::config::Trunk;
use crate::vocab::input::Listener;
use crate::vocab::{Hop, Now, TrunkKey};

use line::Line;

const SECOND: u64 = 1_000_000_000;

/// A request of a trunk that is under way; comes back with its outcome.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TrunkTask {
    /// Whose.
    pub trunk: TrunkKey,
    /// Which.
    id: u64,
}

/// Something that a trunk wants done.
#[derive(Debug, Clone)]
pub enum Work {
    /// Ask the DNS; [`Trunks::resolved`] takes the answer.
    Resolve {
        /// For whom.
        trunk: TrunkKey,
        /// What.
        question: Question,
    },
    /// Send a REGISTER or OPTIONS; [`Trunks::answered`] takes the outcome.
    Request {
        /// Names it.
        task: TrunkTask,
        /// Where to.
        target: Target,
        /// The name that a TLS certificate must have.
        server_name: String,
        /// What. A REGISTER still needs its Contact, which depends on the flow.
        request: Box<OutRequest>,
        /// User of that Contact; `None` where none is needed.
        contact_user: Option<String>,
    },
}

/// A trunk came up or went down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub trunk: TrunkKey,
    /// `Err` says why it is down.
    pub up: Result<(), String>,
}

/// What a call found out about one address of a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// It sent any response but 503.
    Alive,
    /// It sent nothing in time, or could not be reached.
    Silent,
    /// It sent 503, with the seconds of Retry-After if there are any.
    Overloaded(Option<u32>),
}

/// What a trunk works with besides its own state.
#[derive(Debug)]
pub(super) struct Tools<'a> {
    now: u64,
    rng: &'a mut ChaCha8Rng,
    work: &'a mut VecDeque<Work>,
    changes: &'a mut VecDeque<Change>,
    tasks: &'a mut u64,
}

impl Tools<'_> {
    fn task(&mut self) -> u64 {
        *self.tasks += 1;
        *self.tasks
    }

    /// Evenly from `from` to `to`.
    fn between(&mut self, from: u64, to: u64) -> u64 {
        use rand_chacha::rand_core::Rng;
        from + self.rng.next_u64() % (to.saturating_sub(from) + 1)
    }
}

/// Which address families we can send from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Families {
    ipv4: bool,
    ipv6: bool,
}

impl Families {
    fn of(listeners: &[Listener]) -> Self {
        let ipv4 = listeners.iter().any(|listener| listener.address.is_ipv4());
        let ipv6 = listeners.iter().any(|listener| listener.address.is_ipv6());
        if ipv4 || ipv6 { Self { ipv4, ipv6 } } else { Self { ipv4: true, ipv6: true } }
    }
}

/// A trunk with its own randomness: what happens to one changes nothing for another.
#[derive(Debug)]
struct Seat {
    line: Line,
    rng: ChaCha8Rng,
}

impl Seat {
    fn key(&self) -> &TrunkKey {
        self.line.key()
    }
}

/// All trunks.
#[derive(Debug)]
pub struct Trunks {
    /// Sorted by key.
    seats: Vec<Seat>,
    families: Families,
    seed: [u8; 32],
    /// How often a configuration was taken in.
    takes: u64,
    /// The switch is on its way out, and nothing registers any more.
    withdrawn: bool,
    work: VecDeque<Work>,
    changes: VecDeque<Change>,
    tasks: u64,
    /// The least deadline of all lines.
    wake: u64,
}

impl Trunks {
    /// Every trunk of the configuration, about to look for its carrier.
    pub fn new(trunks: &[Trunk], listeners: &[Listener], seed: [u8; 32], now: Now) -> Self {
        let mut this = Self {
            seats: Vec::new(),
            families: Families::of(listeners),
            seed,
            takes: 0,
            withdrawn: false,
            work: VecDeque::new(),
            changes: VecDeque::new(),
            tasks: 0,
            wake: u64::MAX,
        };
        this.reconfigure(trunks, now);
        this
    }

    /// Takes a new configuration. Trunks whose way to the carrier is the same go on undisturbed. An account that is no
    /// more is unregistered; one that only changed is not, since the new registration takes the old one's place and must
    /// not be overtaken by its removal.
    pub fn reconfigure(&mut self, trunks: &[Trunk], now: Now) {
        self.takes += 1;
        let mut old = std::mem::take(&mut self.seats);
        let mut seats = Vec::with_capacity(trunks.len());
        for trunk in trunks {
            let same = old.iter().position(|seat| seat.line.is_same_way(trunk));
            seats.push(match same {
                Some(at) => {
                    let Seat { line, rng } = old.swap_remove(at);
                    Seat { line: line.with_config(trunk.clone()), rng }
                }
                None => self.take_in(trunk, now),
            });
        }
        for Seat { mut line, mut rng } in old {
            if !trunks.iter().any(|trunk| line.is_same_account(trunk)) {
                line.unregister(&mut self.tools(now, &mut rng));
            }
        }
        seats.sort_by(|a, b| a.key().cmp(b.key()));
        self.seats = seats;
        self.rearm();
    }

    /// Adds a trunk or replaces one, as [`Trunks::reconfigure`] does, and leaves the others alone.
    pub fn put(&mut self, trunk: &Trunk, now: Now) {
        self.takes += 1;
        let place = self.seats.binary_search_by(|seat| seat.key().cmp(&trunk.key));
        let old = place.ok().map(|at| self.seats.remove(at));
        let seat = match old {
            Some(Seat { line, rng }) if line.is_same_way(trunk) => {
                Seat { line: line.with_config(trunk.clone()), rng }
            }
            old => {
                let leaves = |seat: &Seat| !seat.line.is_same_account(trunk);
                if let Some(Seat { mut line, mut rng }) = old.filter(leaves) {
                    line.unregister(&mut self.tools(now, &mut rng));
                }
                self.take_in(trunk, now)
            }
        };
        let at = place.unwrap_or_else(|at| at).min(self.seats.len());
        self.seats.insert(at, seat);
        self.rearm();
    }

    /// Removes a trunk, whose registration is taken back. What is under way for it is forgotten.
    pub fn remove(&mut self, trunk: &TrunkKey, now: Now) {
        if let Ok(at) = self.seats.binary_search_by(|seat| seat.key().cmp(trunk)) {
            let Seat { mut line, mut rng } = self.seats.remove(at);
            line.unregister(&mut self.tools(now, &mut rng));
            self.rearm();
        }
    }

    /// A new trunk. Its stream of random numbers follows from its name, and from how often the configuration was taken in,
    /// since a Call-ID must not come back with a CSeq that begins anew.
    fn take_in(&mut self, trunk: &Trunk, now: Now) -> Seat {
        let mut rng = ChaCha8Rng::from_seed(self.seed);
        let name = [trunk.key.tenant.as_str(), "/", trunk.key.name.as_str()];
        let bytes = name.iter().flat_map(|part| part.bytes());
        let stream = bytes.fold(self.takes, |stream: u64, byte| {
            stream.wrapping_mul(0x0100_0000_01b3).wrapping_add(u64::from(byte))
        });
        rng.set_stream(stream);
        let (families, registers) = (self.families, !self.withdrawn);
        let line = Line::new(trunk.clone(), families, registers, &mut self.tools(now, &mut rng));
        Seat { line, rng }
    }

    fn tools<'a>(&'a mut self, now: Now, rng: &'a mut ChaCha8Rng) -> Tools<'a> {
        let Self { work, changes, tasks, .. } = self;
        Tools { now: now.mono, rng, work, changes, tasks }
    }

    /// When [`Trunks::pop_due`] may have something; monotonic nanoseconds.
    pub fn next_deadline(&self) -> Option<u64> {
        if !self.work.is_empty() {
            return Some(0);
        }
        (self.wake != u64::MAX).then_some(self.wake)
    }

    /// The next thing to do; `None` when nothing more is due. To be drained after every call that changes something,
    /// and [`Trunks::pop_change`] after it.
    pub fn pop_due(&mut self, now: Now) -> Option<Work> {
        if self.wake <= now.mono {
            for at in 0..self.seats.len() {
                self.with(at, now, |line, tools| {
                    if line.wake() <= tools.now {
                        line.advance(tools);
                    }
                });
            }
            self.rearm();
        }
        self.work.pop_front()
    }

    /// The next trunk that came up or went down since the last call.
    pub fn pop_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// The answer to [`Work::Resolve`].
    pub fn resolved(&mut self, now: Now, trunk: &TrunkKey, question: &Question, answer: Answer) {
        self.update(trunk, now, |line, tools| line.resolved(tools, question, answer));
    }

    /// The outcome of [`Work::Request`]. One that nobody waits for any more is ignored.
    pub fn answered(
        &mut self,
        now: Now,
        task: &TrunkTask,
        outcome: Result<&Message, RequestFailure>,
    ) {
        self.update(&task.trunk, now, |line, tools| line.answered(tools, task.id, outcome));
    }

    /// What a call found out about an address of a trunk.
    pub fn reported(&mut self, now: Now, trunk: &TrunkKey, target: Target, report: Report) {
        self.update(trunk, now, |line, tools| line.reported(tools, target, report));
    }

    /// A connection ended. A carrier that knows us by it cannot call us any more, so that a registration made over it is
    /// made again soon.
    pub fn flow_closed(&mut self, now: Now, flow: Flow) {
        if !is_stream(flow.transport) {
            return;
        }
        let target = Target { transport: flow.transport, address: flow.remote };
        for at in 0..self.seats.len() {
            self.with(at, now, |line, tools| line.disconnected(tools, target));
        }
        self.rearm();
    }

    /// Takes every registration back, on the way out.
    pub fn withdraw(&mut self, now: Now) {
        self.withdrawn = true;
        for at in 0..self.seats.len() {
            self.with(at, now, Line::unregister);
        }
        self.rearm();
    }

    /// Where to send a call, best first: addresses that live, then those that do not, since a call is lost otherwise.
    /// Empty while the host is not resolved.
    pub fn targets(&self, trunk: &TrunkKey) -> Vec<Target> {
        self.line(trunk).map(Line::targets).unwrap_or_default()
    }

    /// Whether the trunk takes calls. One that is down should be tried only when no other place is left.
    pub fn is_up(&self, trunk: &TrunkKey) -> bool {
        self.line(trunk).is_some_and(Line::is_up)
    }

    /// Puts places that lead to trunks which are down after all others: they are tried when nothing else is left.
    pub fn living_first(&self, hops: &mut [Hop]) {
        hops.sort_by_key(|hop| matches!(hop, Hop::Trunk { trunk, .. } if !self.is_up(trunk)));
    }

    /// The trunks that a request from this source may come by; usually none or one.
    pub fn identify(&self, remote: SocketAddr) -> Vec<&TrunkKey> {
        let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
        self.lines().filter(|line| line.comes_from(remote)).map(Line::key).collect()
    }

    /// The trunks of a tenant in order of name. Channels in use are not known here: `calls` is 0.
    pub fn views(&self, tenant: &str) -> Vec<TrunkView> {
        let own = self.lines().filter(|line| line.key().tenant == tenant);
        own.map(Line::view).collect()
    }

    /// One trunk, likewise.
    pub fn view(&self, trunk: &TrunkKey) -> Option<TrunkView> {
        self.line(trunk).map(Line::view)
    }

    /// Every trunk and whether it takes calls.
    pub fn all_up(&self) -> Vec<(TrunkKey, bool)> {
        self.lines().map(|line| (line.key().clone(), line.is_up())).collect()
    }

    /// Feeds everything that later answers depend on to a hash.
    pub fn digest(&self, hasher: &mut impl Hasher) {
        (self.tasks, self.wake, self.work.len()).hash(hasher);
        for line in self.lines() {
            line.digest(hasher);
        }
    }

    /// Adds what is inconsistent inside to `errors`.
    pub fn audit(&self, errors: &mut Vec<String>) {
        let least = self.lines().map(Line::wake).min().unwrap_or(u64::MAX);
        if least != self.wake {
            errors.push(format!("trunks: wakes at {} instead of {least}", self.wake));
        }
        for line in self.lines() {
            line.audit(errors);
        }
    }

    fn line(&self, trunk: &TrunkKey) -> Option<&Line> {
        let at = self.seats.binary_search_by(|seat| seat.key().cmp(trunk)).ok()?;
        self.seats.get(at).map(|seat| &seat.line)
    }

    fn lines(&self) -> impl Iterator<Item = &Line> {
        self.seats.iter().map(|seat| &seat.line)
    }

    fn update(&mut self, trunk: &TrunkKey, now: Now, act: impl FnOnce(&mut Line, &mut Tools<'_>)) {
        if let Ok(at) = self.seats.binary_search_by(|seat| seat.key().cmp(trunk)) {
            self.with(at, now, act);
            self.rearm();
        }
    }

    fn with(&mut self, at: usize, now: Now, act: impl FnOnce(&mut Line, &mut Tools<'_>)) {
        let Self { seats, work, changes, tasks, .. } = self;
        if let Some(Seat { line, rng }) = seats.get_mut(at) {
            act(line, &mut Tools { now: now.mono, rng, work, changes, tasks });
        }
    }

    fn rearm(&mut self) {
        self.wake = self.lines().map(Line::wake).min().unwrap_or(u64::MAX);
    }
}

fn is_stream(transport: Transport) -> bool {
    transport.is_reliable()
}
