//! Callbacks: the caller hangs up and keeps its place; when its turn comes it is rung.

use crate::acd::Leaving;
use crate::call::{AnswerMode, Attendance, Call, Common, Found, Note, Originate, Outcome, Rights};
use crate::route::Caller;
use crate::vocab::acd::QueueKey;
use crate::vocab::record::{EndCause, Party};
use crate::vocab::{CallId, Hop, InteractionId, Now, Plan};
use crate::voice;

use super::super::Running;
use super::join::number_of;
use super::{Hears, Stage, Visit};

/// A caller is rung back for so long; nanoseconds.
const RING: u64 = 25_000_000_000;

/// A caller who hung up and keeps its place.
#[derive(Debug)]
pub(super) struct Parked {
    pub(super) interaction: InteractionId,
    caller: Party,
    language: String,
}

/// A call that rings such a caller back.
#[derive(Debug)]
pub(super) struct Callback {
    /// The call whose place it is.
    place: CallId,
    queue: QueueKey,
}

/// Why a caller is not rung back now.
#[derive(Debug, Clone, Copy)]
enum NotBegun {
    /// The switch, the carriers or the caller have as many calls as they may.
    NoRoom,
    /// Nothing leads to the caller.
    Nowhere,
}

impl Running {
    /// The caller pressed the key for a callback.
    pub(super) fn accept_callback(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get(id) else { return };
        let Some(visit) = self.queues.visits.get(&id) else { return };
        if !self.reaches_back(id) {
            return;
        }
        let (caller, language) = (call.record.caller.clone(), visit.language.clone());
        let interaction = visit.interaction;
        self.queues.acd.leave(now, id, Leaving::Callback);
        self.queues.forget(id);
        // Who was dialled by a task has been served with that.
        self.dial_served(now, id, None);
        let mut prompts = voice::prompt(&language, "callback-accepted");
        prompts.extend(voice::prompt(&language, "goodbye"));
        self.queues.parked.insert(id, Parked { interaction, caller, language });
        let outcome = Outcome::of(EndCause::Normal);
        self.step(now, id, |call, ctx| {
            call.say(ctx, prompts, false);
            call.release(ctx, outcome, true);
        });
    }

    /// Whether the queue may dial the number of this caller, who waits.
    pub(super) fn reaches_back(&self, id: CallId) -> bool {
        let Some(call) = self.calls.get(id) else { return false };
        let Some(visit) = self.queues.visits.get(&id) else { return false };
        match &call.record.caller {
            Party::Extension { .. } => true,
            Party::Trunk { .. } => !self.ways_back(&visit.queue, &visit.number).is_empty(),
            Party::Service { .. } | Party::Nobody => false,
        }
    }

    /// By which trunks a number outside is called back, living ones first.
    fn ways_back(&self, queue: &QueueKey, number: &str) -> Vec<Hop> {
        let Some(config) = self.queues.acd.queue_config(queue) else { return Vec::new() };
        let classes = &config.limits.callback_classes;
        let hops = self.books.directory.back_outside(&queue.tenant, number, classes);
        let mut hops = hops.unwrap_or_default();
        self.books.trunks.living_first(&mut hops);
        hops
    }

    /// The caller's turn has come: an agent is reserved while the caller is rung.
    pub(super) fn call_back(&mut self, now: Now, place: CallId, queue: &QueueKey, number: String) {
        match self.ring_back(now, place, queue, &number) {
            Ok(_) => {}
            Err(NotBegun::NoRoom) => self.queues.acd.callback_postponed(now, place),
            Err(NotBegun::Nowhere) => self.queues.acd.callback_failed(now, place),
        }
    }

    fn ring_back(
        &mut self,
        now: Now,
        place: CallId,
        queue: &QueueKey,
        number: &str,
    ) -> Result<CallId, NotBegun> {
        let parked = self.queues.parked.get(&place).ok_or(NotBegun::Nowhere)?;
        let (caller, language) = (parked.caller.clone(), parked.language.clone());
        let interaction = Some(parked.interaction);
        let rights = match &caller {
            Party::Extension { extension, .. } => Rights::Extension(extension.clone()),
            Party::Trunk { trunk, .. } => Rights::Trunk(trunk.clone()),
            Party::Service { .. } | Party::Nobody => return Err(NotBegun::Nowhere),
        };
        self.admit(&rights, false).map_err(|_| NotBegun::NoRoom)?;
        let name = self.queues.acd.queue_config(queue).map(|config| config.name.clone());
        let found = match &rights {
            Rights::Extension(key) => {
                let name = name.unwrap_or_default();
                let shown = self.books.directory.shown(&queue.tenant, &name, &queue.number);
                self.locate_extension(key, shown)
            }
            Rights::Trunk(key) => {
                let hops = self.ways_back(queue, number);
                self.locate_outside(&hops, |own, hop| {
                    own.books.directory.identity(Caller::Trunk(key), hop, false, None)
                })
            }
        };
        let mut first = match found {
            Found::Ring(first) => first,
            Found::Nothing(outcome) if outcome.cause == EndCause::Congestion => {
                return Err(NotBegun::NoRoom);
            }
            _ => return Err(NotBegun::Nowhere),
        };
        first.ring = RING;
        let plan = Plan {
            tenant: queue.tenant.clone(),
            dialled: queue.number.clone(),
            hops: Vec::new(),
            hide_number: false,
            emergency: false,
        };
        let common =
            Common { caller, rights, plan, record: false, language, interaction, near: None };
        let name = format!("queue:{}", queue.number);
        let attend = Some(Attendance { answer: AnswerMode::Now, name });
        self.counters.call_started();
        let ctx = &mut self.desk.ctx(now);
        let call = Call::originate(ctx, Originate { first, common, attend });
        let id = call.id;
        self.queues.callbacks.insert(id, Callback { place, queue: queue.clone() });
        self.take_in(now, call);
        Ok(id)
    }

    /// The call that rings a caller back was answered, or was not.
    pub(super) fn on_callback_note(&mut self, now: Now, id: CallId, note: &Note) {
        match note {
            Note::Attended => self.called_back(now, id),
            Note::CallerGone => {
                if let Some(callback) = self.queues.callbacks.remove(&id) {
                    self.queues.acd.callback_failed(now, callback.place);
                }
            }
            _ => {}
        }
    }

    /// The caller is back, in its old place.
    fn called_back(&mut self, now: Now, id: CallId) {
        let Some(Callback { place, queue }) = self.queues.callbacks.remove(&id) else { return };
        let Some(call) = self.calls.get(id) else { return };
        let visit = Visit {
            queue: queue.clone(),
            interaction: call.interaction,
            number: number_of(&call.record.caller),
            language: call.language.clone(),
            joined: now.mono,
            hears: Hears { ready: true, ..Hears::default() },
            stage: Stage::Waiting,
            deadline: None,
        };
        let language = visit.language.clone();
        let greeting = voice::prompt(&language, "callback-greeting");
        self.queues.visits.insert(id, visit);
        if self.queues.acd.callback_ready(now, place, id) {
            self.queues.parked.remove(&place);
            self.open_visit(now, id, &queue);
            return self.say_now(now, id, greeting);
        }
        self.queues.forget(id);
        let outcome = Outcome::of(EndCause::Normal);
        self.step(now, id, |call, ctx| {
            call.say(ctx, voice::prompt(&language, "goodbye"), false);
            call.release(ctx, outcome, true);
        });
    }
}
