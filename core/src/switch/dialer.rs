//! Dial tasks: brings the dialler, calls and queues together.
//!
//! A number that the dialler wants dialled becomes a call that rings it first. Who answers goes to the task's queue or menu,
//! where the usual features attend; here it is only watched when an agent comes and when the call ends.

use std::collections::BTreeMap;

use crate::call::{AnswerMode, Attendance, Call, Common, Found, Note, Originate, Rights};
use crate::dialer::{Act, AttemptId, Conditions, Dialer, Floor, NotPlaced, Outside};
use crate::route;
use crate::vocab::config;
use crate::vocab::dial::{DialMode, DialNumber, DialOutcome, DialTask};
use crate::vocab::menu::Zone;
use crate::vocab::record::{CallEnd, DialledFor, EndCause, Party};
use crate::vocab::robot::RobotEnd;
use crate::vocab::{CallId, CommitId, EventKind, Hop, Now, Plan};

use super::incoming::NotAdmitted;
use super::{Books, Running};

/// What the switch keeps of dialling.
#[derive(Debug, Default)]
pub(super) struct Dialing {
    pub(super) dialer: Dialer,
    calls: BTreeMap<CallId, Dialled>,
    /// Attempts whose claims are on their way to the disk.
    claims: BTreeMap<CommitId, Vec<AttemptId>>,
}

/// A call of a task.
#[derive(Debug)]
struct Dialled {
    attempt: AttemptId,
    /// What comes of it when it is answered; taken then.
    then: Option<Then>,
    /// Somebody talks with it, or a feature other than its queue has it.
    served: bool,
    /// How it ended.
    end: Option<CallEnd>,
}

/// What comes of an answered call.
#[derive(Debug)]
enum Then {
    /// It goes there.
    Go(Vec<Hop>),
    /// The task's robot talks.
    Robot(Box<DialTask>, DialNumber),
}

impl Dialing {
    /// Whether a call is a task's.
    pub(super) fn has(&self, call: CallId) -> bool {
        self.calls.contains_key(&call)
    }

    /// A call has begun to end.
    pub(super) fn note_end(&mut self, call: CallId, end: &CallEnd) {
        if let Some(dialled) = self.calls.get_mut(&call) {
            dialled.end.get_or_insert_with(|| end.clone());
        }
    }

    /// Whether nothing has been done yet with a number that answered.
    pub(super) fn attends(&self, call: CallId) -> bool {
        self.calls.get(&call).is_some_and(|dialled| dialled.then.is_some())
    }

    /// No call of any task is left.
    pub(super) fn is_idle(&self) -> bool {
        self.dialer.is_idle() && self.calls.is_empty()
    }

    /// What the rest of the switch should agree with.
    pub(super) fn audit(&self, lives: impl Fn(CallId) -> bool, wrong: &mut Vec<String>) {
        self.dialer.audit(wrong);
        for call in self.calls.keys().filter(|call| !lives(**call)) {
            wrong.push(format!("call {call} is over and still a dial task's"));
        }
    }
}

/// What the dialler asks, answered from the parts of the switch.
struct Around<'a> {
    books: &'a Books,
    acd: &'a crate::acd::Acd,
    takes_calls: bool,
    wall: u64,
}

impl Outside for Around<'_> {
    fn conditions(&self, task: &DialTask) -> Conditions {
        let config = self.books.directory.config();
        let usual = config.dialers.iter().find(|own| own.tenant == task.key.tenant);
        let open = [task.hours.as_ref(), usual.and_then(|own| own.hours.as_ref())];
        let open = open.into_iter().flatten().all(|name| {
            let own = |hours: &&crate::vocab::menu::Hours| {
                hours.tenant == task.key.tenant && hours.name == *name
            };
            // Hours that were taken away are not taken for always.
            config.hours.iter().find(own).is_some_and(|hours| {
                let utc = Zone::default();
                let zone = config.zones.get(&hours.timezone).unwrap_or(&utc);
                crate::ivr::is_open(hours, zone, self.wall)
            })
        });
        let floor = task.queue.as_ref().and_then(|queue| self.acd.floor(queue));
        let floor = floor.map(|(idle, working, waiting, wrap_up_ms)| Floor {
            idle,
            working,
            waiting,
            wrap_up_ms,
        });
        Conditions { floor, open, takes_calls: self.takes_calls }
    }

    fn canonical(&self, tenant: &str, number: &str) -> String {
        self.books.canonical(tenant, number)
    }
}

impl Books {
    /// A form in which two ways to write a number are equal for a tenant.
    pub(super) fn canonical(&self, tenant: &str, number: &str) -> String {
        let country = self.directory.tenant(tenant).and_then(|own| own.country_code.as_deref());
        let clean = route::clean(number).unwrap_or_else(|| number.to_owned());
        route::canonical(&clean, country)
    }
}

impl Running {
    /// Lets the dialler look where something has changed, and does what it wants. True if there was anything.
    pub(super) fn tick_dialer(&mut self, now: Now) -> bool {
        if let Some(act) = self.dialing.dialer.poll() {
            self.on_dial_act(now, act);
            return true;
        }
        let takes_calls = self.drain.is_none()
            && self.desk.out.has_room()
            && self.calls.len() < self.desk.policy.calls.max_calls as usize;
        let dialer = &mut self.dialing.dialer;
        self.queues.acd.take_moved(|queue| dialer.touch_queue(queue));
        let (books, acd) = (&self.books, &self.queues.acd);
        let around = Around { books, acd, takes_calls, wall: now.wall };
        self.dialing.dialer.tick(now, &around)
    }

    pub(super) fn on_dial_act(&mut self, now: Now, act: Act) {
        match act {
            Act::Claim { attempt, record } => {
                let commit = self.desk.out.present_commit();
                self.dialing.claims.entry(commit).or_default().push(attempt);
                self.desk.out.persist(crate::vocab::Record::DialNumber(record));
            }
            Act::Dial { attempt, task, number } => {
                if let Err(why) = self.dial(now, attempt, &task, &number) {
                    self.dialing.dialer.not_placed(now, attempt, why);
                }
            }
            Act::HangUp(attempt) => {
                if let Some(call) = self.dialing.dialer.call_of(attempt) {
                    let cause = EndCause::Administrative;
                    self.step(now, call, |call, ctx| call.hang_up(ctx, cause));
                }
            }
            Act::Remember(record) => self.desk.out.persist(*record),
            Act::Publish { task, change } => {
                let tenant = task.tenant.clone();
                let kind = EventKind::Dial { task, what: change };
                self.desk.out.publish(now, Some(&tenant), kind);
            }
        }
    }

    /// Claims are on disk, or are lost.
    pub(super) fn dial_written(&mut self, now: Now, commit: CommitId, ok: bool) {
        for attempt in self.dialing.claims.remove(&commit).into_iter().flatten() {
            self.dialing.dialer.written(now, attempt, ok);
        }
    }

    /// What holds for all dial tasks of a tenant.
    pub(super) fn usual_dialer(&self, tenant: &str) -> Option<&config::Dialer> {
        self.books.directory.config().dialers.iter().find(|own| own.tenant == *tenant)
    }

    /// Classes of routes that a task may use.
    pub(super) fn dial_classes<'a>(&'a self, task: &'a DialTask) -> &'a [String] {
        match self.usual_dialer(&task.key.tenant) {
            Some(usual) if task.classes.is_empty() => &usual.classes,
            _ => &task.classes,
        }
    }

    /// Rings a number.
    fn dial(
        &mut self,
        now: Now,
        attempt: AttemptId,
        task: &DialTask,
        number: &DialNumber,
    ) -> Result<(), NotPlaced> {
        let tenant = &task.key.tenant;
        let directory = &self.books.directory;
        let hops = directory.back_outside(tenant, &number.number, self.dial_classes(task));
        let mut hops = hops.map_err(|_| NotPlaced::Never(DialOutcome::NotAllowed))?;
        self.books.trunks.living_first(&mut hops);
        let mut why = NotPlaced::Never(DialOutcome::NotAllowed);
        for hop in hops {
            let Hop::Trunk { trunk, number: out } = hop else { continue };
            let rights = Rights::Trunk(trunk.clone());
            match self.admit(&rights, false) {
                Ok(()) => {}
                Err(NotAdmitted::Full | NotAdmitted::TooMany) => {
                    why = NotPlaced::Later;
                    continue;
                }
            }
            let shown = self.books.directory.as_number(&task.caller_number, &trunk);
            let Found::Ring(mut first) = self.locate_trunk(&trunk, &out, shown, false) else {
                // The carrier is down or full.
                why = NotPlaced::Later;
                continue;
            };
            first.ring = u64::from(task.ring_secs).saturating_mul(crate::call::SECOND);
            let caller = Party::Trunk { trunk, number: number.number.clone(), name: String::new() };
            self.place_call(now, attempt, task, number, (caller, rights, first));
            return Ok(());
        }
        Err(why)
    }

    fn place_call(
        &mut self,
        now: Now,
        attempt: AttemptId,
        task: &DialTask,
        number: &DialNumber,
        (caller, rights, first): (Party, Rights, Box<crate::call::Place>),
    ) {
        let language = self.books.directory.tenant(&task.key.tenant);
        let language = language.map_or_else(|| "en".to_owned(), |own| own.language.clone());
        let plan = Plan {
            tenant: task.key.tenant.clone(),
            dialled: number.number.clone(),
            hops: Vec::new(),
            hide_number: false,
            emergency: false,
        };
        let common =
            Common { caller, rights, plan, record: false, language, interaction: None, near: None };
        let kind = if task.mode == DialMode::Robot { "robot" } else { "dial-task" };
        let name = format!("{kind}:{}", task.key.id);
        let attend = Some(Attendance { answer: AnswerMode::Now, name });
        self.counters.call_started();
        let mut call =
            Call::originate(&mut self.desk.ctx(now), Originate { first, attend, common });
        let (name, of) = (number.id.clone(), task.key.id.clone());
        call.record.dialled_for =
            Some(DialledFor { task: of, number: name, vars: BTreeMap::new() });
        call.record.shown = Some(task.caller_number.clone());
        let then = Some(match task.mode {
            DialMode::Robot => Then::Robot(Box::new(task.clone()), number.clone()),
            _ => Then::Go(hops_of(task)),
        });
        self.dialing.calls.insert(
            call.id,
            Dialled { attempt, then, served: false, end: call.record.end.clone() },
        );
        self.dialing.dialer.placed(attempt, call.id);
        self.take_in(now, call);
    }

    /// Watches the calls of tasks; true where nobody else is to hear of it.
    pub(super) fn dial_heeds(&mut self, now: Now, id: CallId, note: &Note) -> bool {
        let Some(dialled) = self.dialing.calls.get_mut(&id) else { return false };
        let attempt = dialled.attempt;
        match note {
            Note::Attended => {
                let Some(then) = dialled.then.take() else { return false };
                self.dialing.dialer.answered(now, attempt);
                match then {
                    Then::Go(hops) => self.step(now, id, |call, ctx| call.go_to(ctx, hops)),
                    Then::Robot(task, number) => {
                        self.fetch_robot(now, id, attempt, (task, number));
                    }
                }
                true
            }
            Note::Key(key) => self.robot_key(id, *key),
            Note::AgentAnswered(offer) => {
                let agent = self.staff.agent_of(*offer).map(|agent| agent.id.clone());
                self.dial_served(now, id, agent);
                false
            }
            Note::CallerGone => {
                self.dismiss_robot(id, RobotEnd::Ended);
                let end = self.dialing.calls.remove(&id).and_then(|dialled| dialled.end);
                self.dialing.dialer.ended(now, attempt, outcome_of(end.as_ref()));
                false
            }
            _ => false,
        }
    }
}

impl Running {
    /// A call has acted: where it is a task's, is somebody there for it now? Whoever picks it up counts like an agent, and
    /// so does wherever it was sent, once it is taken there.
    pub(super) fn look_at_dialled(&mut self, now: Now, id: CallId) {
        let Some(dialled) = self.dialing.calls.get(&id) else { return };
        if dialled.served || dialled.then.is_some() {
            return;
        }
        let Some(call) = self.calls.get(id) else { return };
        if call.is_talking() || call.mixed().is_some() || self.lobby.attends(id) {
            self.dial_served(now, id, None);
        }
    }

    /// Somebody is there for a call; the agent, if it is one of the queue.
    pub(super) fn dial_served(&mut self, now: Now, id: CallId, agent: Option<String>) {
        if let Some(dialled) = self.dialing.calls.get_mut(&id) {
            dialled.served = true;
            self.dialing.dialer.served(now, dialled.attempt, agent);
        }
    }
}

/// Where who answers goes.
fn hops_of(task: &DialTask) -> Vec<Hop> {
    match task.mode {
        DialMode::Progressive | DialMode::Ratio | DialMode::Predictive => {
            task.queue.clone().map(Hop::Queue).into_iter().collect()
        }
        DialMode::Broadcast => task.menu.clone().map(Hop::Menu).into_iter().collect(),
        // It stays where it is.
        DialMode::Robot => Vec::new(),
    }
}

/// What the end of a call that nobody answered means for its number.
fn outcome_of(end: Option<&CallEnd>) -> DialOutcome {
    match end.map(|end| end.cause) {
        Some(EndCause::Busy) => DialOutcome::Busy,
        Some(EndCause::NoAnswer | EndCause::Cancelled) => DialOutcome::NoAnswer,
        Some(EndCause::Rejected | EndCause::Forbidden) => DialOutcome::Rejected,
        Some(
            EndCause::NotFound
            | EndCause::NotRegistered
            | EndCause::Unreachable
            | EndCause::Congestion,
        ) => DialOutcome::Unreachable,
        Some(EndCause::Administrative | EndCause::Shutdown) => DialOutcome::Cancelled,
        _ => DialOutcome::Failed,
    }
}
