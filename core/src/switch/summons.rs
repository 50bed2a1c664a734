//! Phones that the switch rings so that somebody takes a call over: asked for over HTTP, or to tell a parker the place.
//!
//! The phone answers by itself where it can. What it was rung for is done as soon as it has answered; when that has become
//! pointless before, it stops ringing.

use std::collections::{BTreeMap, BTreeSet};

use crate::call::{AnswerMode, Attendance, Call, Found, Note, Originate, Outcome, Rights, SECOND};
use crate::remind::Held;
use crate::vocab::record::EndCause;
use crate::vocab::{CallId, CommandError, Done, ExtensionKey, Identity, InteractionId, Now, Plan};
use crate::voice;

use super::Running;
use super::orders::busy;

/// How long a phone rings to remind of a call on hold.
const REMINDER: u64 = 15 * SECOND;

/// What a phone is rung for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Errand {
    /// To answer a call in place of whoever rings.
    PickUp {
        /// Which.
        target: CallId,
        /// The phone goes on ringing when it cannot be taken any more; whoever answers hears so.
        rings_on: bool,
    },
    /// To take who is parked here.
    Retrieve(u32, CallId),
    /// To hear where a call was parked, while it is there.
    TellSlot(u32, CallId),
    /// To go on with a call that it holds; the side that holds.
    Remind(CallId, usize),
}

impl Errand {
    /// The call that is to be taken.
    pub(super) fn target(&self) -> Option<CallId> {
        match self {
            Self::PickUp { target: call, .. } | Self::Retrieve(_, call) | Self::Remind(call, _) => {
                Some(*call)
            }
            Self::TellSlot(..) => None,
        }
    }

    /// The call on which it depends whether it has a point.
    fn concerns(&self) -> CallId {
        match self {
            Self::PickUp { target: call, .. }
            | Self::Retrieve(_, call)
            | Self::TellSlot(_, call)
            | Self::Remind(call, _) => *call,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::PickUp { .. } => "pickup",
            Self::Retrieve(..) | Self::TellSlot(..) => "park",
            Self::Remind(..) => "hold-reminder",
        }
    }
}

/// Phones that ring for an errand, by their call.
#[derive(Debug, Default)]
pub(super) struct Summons {
    open: BTreeMap<CallId, (ExtensionKey, Errand)>,
    /// The same by the call that they concern.
    by_concern: BTreeMap<CallId, BTreeSet<CallId>>,
    /// Those that may have become pointless.
    doubtful: BTreeSet<CallId>,
}

impl Summons {
    fn add(&mut self, call: CallId, extension: ExtensionKey, errand: Errand) {
        self.by_concern.entry(errand.concerns()).or_default().insert(call);
        self.doubtful.insert(call);
        self.open.insert(call, (extension, errand));
    }

    fn remove(&mut self, call: CallId) -> Option<(ExtensionKey, Errand)> {
        let (extension, errand) = self.open.remove(&call)?;
        self.doubtful.remove(&call);
        let concerns = errand.concerns();
        if let Some(calls) = self.by_concern.get_mut(&concerns) {
            calls.remove(&call);
            if calls.is_empty() {
                self.by_concern.remove(&concerns);
            }
        }
        Some((extension, errand))
    }

    /// A call is not as it was: errands that concern it may be pointless.
    pub(super) fn doubt(&mut self, concern: CallId) {
        if let Some(calls) = self.by_concern.get(&concern) {
            self.doubtful.extend(calls);
        }
    }

    /// All errands may be pointless.
    pub(super) fn doubt_all(&mut self) {
        self.doubtful.extend(self.open.keys());
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Whether a phone rings by this call for an errand.
    pub(super) fn attends(&self, call: CallId) -> bool {
        self.open.contains_key(&call)
    }

    /// Whether a phone rings already to remind of this hold.
    pub(super) fn is_reminded(&self, held: Held) -> bool {
        let calls = self.by_concern.get(&held.0).into_iter().flatten();
        let mut errands = calls.filter_map(|call| self.open.get(call));
        errands.any(|(_, errand)| *errand == Errand::Remind(held.0, held.1))
    }

    /// What the rest of the switch should agree with.
    pub(super) fn audit(&self, lives: impl Fn(CallId) -> bool, wrong: &mut Vec<String>) {
        for call in self.open.keys().filter(|call| !lives(**call)) {
            wrong.push(format!("call {call} is over and still on an errand"));
        }
        let indexed: usize = self.by_concern.values().map(BTreeSet::len).sum();
        if indexed != self.open.len() {
            wrong.push("errands are indexed that nobody is on".to_owned());
        }
    }
}

/// Whom to ring, and how.
pub(super) struct Summon<'a> {
    pub(super) extension: &'a ExtensionKey,
    /// Only this one of its contacts.
    pub(super) contact: Option<&'a str>,
    pub(super) shown: Identity,
    pub(super) errand: Errand,
    pub(super) dialled: String,
    pub(super) interaction: InteractionId,
}

impl Running {
    /// Rings an extension for an errand.
    ///
    /// # Errors
    /// There is no room for the call, or no phone.
    pub(super) fn summon(&mut self, now: Now, summon: Summon<'_>) -> Result<Done, CommandError> {
        let Summon { extension, contact, shown, errand, dialled, interaction } = summon;
        let rights = Rights::Extension(extension.clone());
        self.admit(&rights, false).map_err(|why| busy(&why))?;
        let mut first = match self.locate_extension(extension, shown) {
            Found::Ring(place) => place,
            Found::Nothing(Outcome { cause: EndCause::Busy, .. }) => {
                let text = format!("extension {} has as many calls as it may", extension.number);
                return Err(CommandError::Conflict(text));
            }
            _ => {
                let text = format!("extension {} has no registered phone", extension.number);
                return Err(CommandError::Conflict(text));
            }
        };
        if let Some(contact) = contact {
            first.targets.retain(|target| target.uri == contact);
            if first.targets.is_empty() {
                let text = format!("extension {} has no such phone", extension.number);
                return Err(CommandError::NotFound(text));
            }
        }
        match errand {
            // A conversation is not to begin by itself; and who does not answer is reminded again.
            Errand::Remind(..) => first.ring = REMINDER,
            _ => first.auto_answer = true,
        }
        let plan = Plan {
            tenant: extension.tenant.clone(),
            dialled,
            hops: Vec::new(),
            hide_number: false,
            emergency: false,
        };
        let mut common = self.common(&rights, plan, None);
        common.interaction = Some(interaction);
        let target = errand.target().and_then(|call| self.calls.get(call));
        common.near = target.map(|call| call.worker).or(common.near);
        let attendance = Attendance { answer: AnswerMode::Now, name: errand.name().into() };
        self.counters.call_started();
        let call = Call::originate(
            &mut self.desk.ctx(now),
            Originate { first, attend: Some(attendance), common },
        );
        let done = Done::Originated { call: call.id, interaction: call.interaction };
        self.summons.add(call.id, extension.clone(), errand);
        self.take_in(now, call);
        Ok(done)
    }

    /// Whether a call's notes are an errand's, and heeds them if so.
    pub(super) fn summons_heed(&mut self, now: Now, id: CallId, note: &Note) -> bool {
        if !self.summons.open.contains_key(&id) {
            return false;
        }
        match note {
            Note::Attended => {
                let Some((extension, errand)) = self.summons.remove(id) else { return true };
                self.do_errand(now, id, &extension, &errand);
            }
            Note::CallerGone => {
                self.summons.remove(id);
            }
            _ => {}
        }
        true
    }

    fn do_errand(&mut self, now: Now, id: CallId, extension: &ExtensionKey, errand: &Errand) {
        let language = self.calls.get(id).map_or_else(String::new, |call| call.language.clone());
        let done = match errand {
            Errand::PickUp { target, .. } => self.hand_over(now, id, *target, extension),
            Errand::Retrieve(slot, target) => {
                let there = self.lot.at(&extension.tenant, *slot).map(|parked| parked.call);
                there == Some(*target) && self.retrieve_into(now, id, *target)
            }
            Errand::Remind(held, side) => self.take_back(now, id, (*held, *side)),
            Errand::TellSlot(slot, _) => {
                return self.dismiss_with(now, id, voice::parked_at(&language, *slot));
            }
        };
        if !done {
            self.dismiss_with(now, id, voice::prompt(&language, "pickup/taken"));
        }
    }

    /// Says something to somebody attended, and ends its call.
    fn dismiss_with(&mut self, now: Now, id: CallId, prompts: Vec<String>) {
        self.step(now, id, |call, ctx| {
            call.say(ctx, prompts, false);
            call.release(ctx, Outcome::of(EndCause::Normal), true);
        });
    }

    /// Whether what a phone rings for cannot be done any more.
    fn is_pointless(&self, errand: &Errand) -> bool {
        match errand {
            Errand::PickUp { rings_on: true, .. } => false,
            Errand::PickUp { target, .. } => {
                let rings = self.calls.get(*target).is_some_and(Call::rings);
                !rings && !self.waits_in_queue(*target)
            }
            Errand::Retrieve(_, target) | Errand::TellSlot(_, target) => {
                self.lot.of(*target).is_none()
            }
            Errand::Remind(held, side) => !self.reminders.is_held((*held, *side)),
        }
    }

    /// Phones that ring to take a call stop where it cannot be taken any more. True if one did.
    pub(super) fn recall_summons(&mut self, now: Now) -> bool {
        while let Some(call) = self.summons.doubtful.pop_first() {
            let errand = self.summons.open.get(&call).map(|(_, errand)| errand);
            if errand.is_some_and(|errand| self.is_pointless(errand)) {
                self.summons.remove(call);
                self.step(now, call, Call::call_off);
                return true;
            }
        }
        false
    }

    /// No phone rings for what cannot be done any more.
    pub(super) fn audit_summons(&self, wrong: &mut Vec<String>) {
        for (call, (_, errand)) in &self.summons.open {
            if self.is_pointless(errand) {
                wrong.push(format!("call {call} rings for nothing: {errand:?}"));
            }
        }
    }
}
