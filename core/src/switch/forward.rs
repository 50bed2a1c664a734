//! Do not disturb and forwards: what owners of extensions have set, and what it means for calls.

use std::collections::{BTreeMap, BTreeSet};

use crate::call::{
    AnswerMode, Attendance, Call, Diversion, DivertReason, Found, Line, Note, Outcome, Rights,
    SECOND,
};
use crate::forward::{self, Arrival, Failure, Presence, Stop, Why};
use crate::vocab::config::Extension;
use crate::vocab::record::{EndCause, Party};
use crate::vocab::settings::{ExtensionSettings, ForwardWhen, SettingsRecord};
use crate::vocab::{
    CallId, CommandError, Done, EventKind, ExtensionKey, Feature, Hop, Identity, Now, Plan,
    Principal, Record, Reply, RequestId, Role, TrunkKey,
};
use crate::voice;

use super::Running;
use super::incoming::refused;

/// So long after an emergency call its caller is rung by everybody, whatever is set there (RFC 7090).
const CALLBACK: u64 = 3_600 * SECOND;
/// The class of those who may have others' phones answer by themselves.
const INTERCOM: &str = "intercom";

/// What owners have set.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// By the file.
    initial: BTreeMap<ExtensionKey, ExtensionSettings>,
    /// By themselves, which then counts.
    own: BTreeMap<ExtensionKey, ExtensionSettings>,
    /// Extensions that have called for help, until when they are called back.
    helped: BTreeMap<ExtensionKey, u64>,
    /// Calls that are told something and end then.
    told: BTreeMap<CallId, Vec<String>>,
}

impl Owners {
    /// What holds for an extension now, if anything was ever set.
    pub(super) fn of(&self, key: &ExtensionKey) -> Option<&ExtensionSettings> {
        self.own.get(key).or_else(|| self.initial.get(key))
    }

    /// Whether an extension's phones are not to ring.
    pub(super) fn is_quiet(&self, key: &ExtensionKey) -> bool {
        self.of(key).is_some_and(|own| own.do_not_disturb)
    }

    /// What was set for an extension counts no more. True if there was anything.
    pub(super) fn forget(&mut self, key: &ExtensionKey) -> bool {
        self.helped.remove(key);
        self.own.remove(key).is_some()
    }

    fn is_helped(&self, now: Now, key: &ExtensionKey) -> bool {
        self.helped.get(key).is_some_and(|until| *until > now.mono)
    }

    /// Whether a call is to be told something.
    pub(super) fn attends(&self, call: CallId) -> bool {
        self.told.contains_key(&call)
    }

    /// Calls that the rest of the switch should know.
    pub(super) fn audit(&self, lives: impl Fn(CallId) -> bool, wrong: &mut Vec<String>) {
        for call in self.told.keys().filter(|call| !lives(**call)) {
            wrong.push(format!("call {call} is over and still told something"));
        }
    }

    pub(super) fn digest(&self, hasher: &mut impl std::hash::Hasher) {
        use std::hash::Hash;
        format!("{self:?}").hash(hasher);
    }
}

impl Running {
    /// What the file says; what owners of extensions that are gone had set is forgotten.
    pub(super) fn load_settings(&mut self) {
        let Self { settings, books, .. } = self;
        let directory = &books.directory;
        let initial = directory.config().settings.iter().cloned();
        settings.initial = initial.map(|own| (own.extension, own.settings)).collect();
        settings.own.retain(|key, _| directory.extension(key).is_some());
        settings.helped.retain(|key, _| directory.extension(key).is_some());
    }

    /// What the last run left behind.
    pub(super) fn restore_settings(&mut self, records: Vec<SettingsRecord>) {
        self.settings.own = records.into_iter().map(|own| (own.extension, own.settings)).collect();
        self.load_settings();
    }

    /// A call comes to an extension: where it goes instead, or why nowhere. `None`: its phones ring.
    pub(super) fn sent_on(&mut self, now: Now, id: CallId, key: &ExtensionKey) -> Option<SentOn> {
        let settings = self.settings.of(key)?;
        let call = self.calls.get(id)?;
        if matches!(call.rights, Rights::Trunk(_)) && self.settings.is_helped(now, key) {
            return None;
        }
        let (why, to) = match forward::on_arrival(settings, self.readiness(key)) {
            Arrival::Usual => return None,
            Arrival::Refuse => return Some(SentOn::Refused(do_not_disturb())),
            Arrival::Forward(why, to) => (why, to.to_owned()),
        };
        Some(self.lead_on(id, key, why, &to))
    }

    /// The phones of an extension rang in vain.
    pub(super) fn unanswered(
        &mut self,
        now: Now,
        id: CallId,
        owner: &ExtensionKey,
        outcome: Outcome,
    ) {
        let set = self.settings.of(owner).zip(failure(outcome));
        let next = set.and_then(|(set, failure)| forward::on_failure(set, failure));
        let next = next.map(|(why, to)| (why, to.to_owned()));
        let next = next.map(|(why, to)| self.lead_on(id, owner, why, &to));
        self.let_act(now, id, |call, ctx| match next {
            Some(SentOn::To(diversion, hops)) => call.divert(ctx, diversion, hops),
            Some(SentOn::Refused(outcome)) => call.not_diverted(ctx, outcome),
            None => call.not_diverted(ctx, outcome),
        });
    }

    /// A place with the time for which its owner has it ring.
    pub(super) fn ringing_as_set(&self, key: &ExtensionKey, found: Found) -> Found {
        let secs = self.settings.of(key).and_then(|own| own.no_answer_secs);
        match (found, secs) {
            (Found::Ring(mut place), Some(secs)) => {
                place.ring = u64::from(secs) * SECOND;
                Found::Ring(place)
            }
            (found, _) => found,
        }
    }

    /// A phone that is to answer by itself: for those who have the right, and not where nobody is to be disturbed.
    fn intercom(&mut self, id: CallId, own: &ExtensionKey, called: &ExtensionKey) -> Found {
        let directory = &self.books.directory;
        let may = |own: &Extension| own.classes.iter().any(|class| class == INTERCOM);
        if !directory.extension(own).is_some_and(may) {
            return Found::Nothing(Outcome::of(EndCause::Forbidden));
        }
        if own == called {
            return Found::Nothing(Outcome::from_status(482));
        }
        if self.settings.is_quiet(called) {
            return Found::Nothing(do_not_disturb());
        }
        let identity = self.identity_for(id, &Hop::Extension(called.clone()));
        match self.locate_extension(called, identity) {
            Found::Ring(mut place) => {
                place.auto_answer = true;
                Found::Ring(place)
            }
            found => found,
        }
    }

    /// How the caller of a carrier's call is shown where an extension has sent it to a carrier.
    pub(super) fn identity_of_forwarded(
        &self,
        call: &Call,
        owner: &ExtensionKey,
        trunk: &TrunkKey,
    ) -> Identity {
        let original = match &call.record.caller {
            Party::Trunk { number, name, .. } if number != "anonymous" => {
                Some((name.as_str(), number.as_str()))
            }
            _ => None,
        };
        self.books.directory.identity_of_forwarded(
            owner,
            trunk,
            original,
            (call.hide_number, call.invite()),
        )
    }

    fn readiness(&self, key: &ExtensionKey) -> Presence {
        let limit = self.books.directory.extension(key).map_or(0, |own| usize::from(own.max_calls));
        if self.books.registrar.contacts(key).is_empty() {
            Presence::Unregistered
        } else if limit > 0 && self.calls.load(&Line::Extension(key.clone())) >= limit {
            Presence::Busy
        } else {
            Presence::Free
        }
    }

    /// Where a forward leads under its owner's rights.
    fn lead_on(&self, id: CallId, owner: &ExtensionKey, why: Why, to: &str) -> SentOn {
        let plan = match self.books.directory.forward(owner, to, None) {
            Ok(plan) => plan,
            Err(refusal) => return SentOn::Refused(refused(refusal)),
        };
        let Plan { mut hops, .. } = plan;
        let most = usize::from(self.desk.policy.calls.max_diversions);
        if let Some(Err(stop)) = self.calls.get(id).map(|call| may_go(call, owner, &hops, most)) {
            return SentOn::Refused(stopped(stop));
        }
        self.books.trunks.living_first(&mut hops);
        let directory = &self.books.directory;
        let diversion = Diversion {
            by: format!("<sip:{}@{}>", owner.number, directory.host(&owner.tenant)),
            outside: directory.outside_number(owner).map(str::to_owned),
            reason: reason(why),
            owner: owner.clone(),
        };
        SentOn::To(diversion, hops)
    }

    /// Whether a call would come back to its caller, or to somebody who has sent it on.
    pub(super) fn leads_back(&self, call: &Call, owner: &ExtensionKey, hops: &[Hop]) -> bool {
        may_go(call, owner, hops, usize::MAX).is_err()
    }

    /// Somebody who called for help is called back whatever is set.
    pub(super) fn remember_emergency(&mut self, now: Now, id: CallId) {
        let Some(call) = self.calls.get(id).filter(|call| call.emergency) else { return };
        let Rights::Extension(key) = &call.rights else { return };
        self.settings.helped.retain(|_, until| *until > now.mono);
        self.settings.helped.insert(key.clone(), now.mono + CALLBACK);
    }

    /// A feature code was dialled: it is carried out, and what came of it is said.
    pub(super) fn enter_settings(&mut self, now: Now, id: CallId, feature: &Feature) -> Found {
        let Some(call) = self.calls.get(id) else {
            return Found::Nothing(Outcome::of(EndCause::NotFound));
        };
        let Rights::Extension(own) = call.rights.clone() else {
            return Found::Nothing(Outcome::of(EndCause::Forbidden));
        };
        let language = call.language.clone();
        let (name, prompts) = match feature {
            Feature::DoNotDisturb(on) => {
                self.change(now, &own, |set| set.do_not_disturb = *on);
                let word = if *on { "forward/dnd-on" } else { "forward/dnd-off" };
                ("do-not-disturb", voice::prompt(&language, word))
            }
            Feature::ForwardOff(when) => {
                self.change(now, &own, |set| set.set_forward(*when, None));
                let word = format!("forward/{}-off", word(*when));
                ("forward", voice::prompt(&language, &word))
            }
            Feature::Forward { when, to } => {
                ("forward", self.set_forward(now, &own, *when, to, &language))
            }
            Feature::Intercom(called) => {
                let called = called.clone();
                return self.intercom(id, &own, &called);
            }
            _ => return Found::Nothing(Outcome::of(EndCause::NotFound)),
        };
        self.settings.told.insert(id, prompts);
        Found::Attend(Attendance { answer: AnswerMode::Now, name: name.to_owned() })
    }

    /// Sets a forward as dialled, if its owner could dial that number; what is said about it.
    fn set_forward(
        &mut self,
        now: Now,
        own: &ExtensionKey,
        when: ForwardWhen,
        dialled: &str,
        language: &str,
    ) -> Vec<String> {
        let found = forward::dialled(dialled)
            .filter(|(_, secs)| secs.is_none() || when == ForwardWhen::NoAnswer)
            .filter(|(to, _)| self.books.directory.forward(own, to, None).is_ok());
        let Some((to, secs)) = found else {
            return voice::prompt(language, "forward/not-possible");
        };
        self.change(now, own, |set| {
            set.set_forward(when, Some(to.to_owned()));
            set.no_answer_secs = secs.or(set.no_answer_secs);
        });
        let mut said = voice::prompt(language, &format!("forward/{}-on", word(when)));
        said.extend(voice::digits(language, to));
        said
    }

    /// Changes what is set for an extension; on disk soon.
    fn change(&mut self, now: Now, key: &ExtensionKey, how: impl FnOnce(&mut ExtensionSettings)) {
        let mut settings = self.settings.of(key).cloned().unwrap_or_default();
        how(&mut settings);
        if self.settings.of(key) == Some(&settings) {
            return;
        }
        let record = SettingsRecord { extension: key.clone(), settings: settings.clone() };
        self.desk.out.persist(Record::Settings(Box::new(record.clone())));
        self.settings.own.insert(key.clone(), settings);
        let kind = EventKind::SettingsChanged(Box::new(record));
        self.desk.out.publish(now, Some(&key.tenant), kind);
        self.look_at_phone(key, false);
    }

    /// Whether a call's notes are those of a feature code, and heeds them if so.
    pub(super) fn feature_heeds(&mut self, now: Now, id: CallId, note: &Note) -> bool {
        match note {
            Note::Attended => {
                let Some(prompts) = self.settings.told.remove(&id) else { return false };
                self.step(now, id, |call, ctx| {
                    call.say(ctx, prompts, false);
                    call.release(ctx, Outcome::of(EndCause::Normal), true);
                });
                true
            }
            Note::CallerGone => self.settings.told.remove(&id).is_some(),
            _ => self.settings.told.contains_key(&id),
        }
    }

    /// Sets everything at once, over HTTP.
    pub(super) fn order_settings(
        &mut self,
        now: Now,
        id: RequestId,
        principal: &Principal,
        extension: &str,
        settings: ExtensionSettings,
    ) {
        let done = self.set_all(now, principal, extension, settings);
        self.desk.out.reply_when_stored(id, Reply::Command(done));
    }

    fn set_all(
        &mut self,
        now: Now,
        principal: &Principal,
        extension: &str,
        settings: ExtensionSettings,
    ) -> Result<Done, CommandError> {
        if principal.role == Role::ReadOnly {
            return Err(CommandError::Forbidden("the key may only read".into()));
        }
        let key = self.settable(principal, extension)?;
        if let Some(problem) = settings.problem() {
            return Err(CommandError::Invalid(problem));
        }
        let before = self.settings.of(&key).cloned().unwrap_or_default();
        let known: BTreeSet<_> = before.numbers().collect();
        for named in settings.numbers().filter(|named| !known.contains(named)) {
            let (field, number) = named;
            if let Err(why) = self.books.directory.forward(&key, number, None) {
                let text = format!(
                    "{field}: {number}: {why}; it must be what {} could dial, and no feature code",
                    key.number
                );
                return Err(CommandError::Invalid(text));
            }
        }
        self.change(now, &key, |own| *own = settings);
        Ok(Done::Ordered)
    }

    /// What is set for an extension.
    pub(super) fn settings_view(&self, principal: &Principal, extension: &str) -> Reply {
        match self.settable(principal, extension) {
            Ok(extension) => {
                let settings = self.settings.of(&extension).cloned().unwrap_or_default();
                Reply::Settings(Box::new(SettingsRecord { extension, settings }))
            }
            Err(error) => Reply::Refused(error),
        }
    }

    /// An extension that is the key's business; all others are not there for it.
    fn settable(&self, principal: &Principal, number: &str) -> Result<ExtensionKey, CommandError> {
        let key = ExtensionKey { tenant: principal.tenant.clone(), number: number.to_owned() };
        let own = principal.limited_to().is_none_or(|own| own == key);
        if own && self.books.directory.extension(&key).is_some() {
            return Ok(key);
        }
        Err(CommandError::NotFound(format!("no extension {number}")))
    }
}

/// What becomes of a call that does not ring.
#[derive(Debug)]
pub(super) enum SentOn {
    /// It goes there.
    To(Diversion, Vec<Hop>),
    /// It goes nowhere.
    Refused(Outcome),
}

/// Whether a call may go on from an extension to these places.
fn may_go(call: &Call, owner: &ExtensionKey, hops: &[Hop], most: usize) -> Result<(), Stop> {
    let to = hops.first().and_then(|hop| match hop {
        Hop::Extension(key) => Some(key),
        _ => None,
    });
    let caller = match &call.record.caller {
        Party::Extension { extension, .. } => Some(extension),
        _ => None,
    };
    let way = call.diversions();
    let mut passed: Vec<&ExtensionKey> = way.owners().collect();
    passed.push(owner);
    forward::may_follow(caller, &passed, to, (way.len(), most))
}

/// The caller of somebody who does not wish to be disturbed: 480, and the next place of a route is tried.
fn do_not_disturb() -> Outcome {
    Outcome { cause: EndCause::Rejected, status: 480, q850: 21 }
}

fn stopped(stop: Stop) -> Outcome {
    match stop {
        Stop::Loop | Stop::TooMany => Outcome::from_status(482),
    }
}

/// What a failed attempt was, where it may be followed by a forward.
fn failure(outcome: Outcome) -> Option<Failure> {
    match outcome.cause {
        EndCause::Busy | EndCause::Rejected => Some(Failure::Busy),
        // 18 is the phone's own 480; 19 is ours, when the time was over.
        EndCause::NoAnswer if outcome.q850 == 18 => Some(Failure::Unavailable),
        EndCause::NoAnswer => Some(Failure::NoAnswer),
        EndCause::Unreachable | EndCause::NotRegistered => Some(Failure::Unreachable),
        _ => None,
    }
}

fn reason(why: Why) -> DivertReason {
    match why {
        Why::All => DivertReason::Unconditional,
        Why::Busy => DivertReason::Busy,
        Why::DoNotDisturb => DivertReason::DoNotDisturb,
        Why::NoAnswer => DivertReason::NoAnswer,
        Why::Unregistered => DivertReason::Unavailable,
    }
}

/// The prompts' name of a forward.
fn word(when: ForwardWhen) -> &'static str {
    match when {
        ForwardWhen::All => "all",
        ForwardWhen::Busy => "busy",
        ForwardWhen::NoAnswer => "no-answer",
        ForwardWhen::Unregistered => "unregistered",
    }
}
