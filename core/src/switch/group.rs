//! Ring groups and follow me: callers for whom several places ring at their times.

use std::collections::{BTreeMap, BTreeSet};

use crate::call::{After, AnswerMode, Attendance, Call, Found, Line, Note, Outcome, Place, SECOND};
use crate::group::{Act, Round, turns_of, turns_to_follow};
use crate::vocab::acd::OfferEnd;
use crate::vocab::config::Destination;
use crate::vocab::group::MemberPlace;
use crate::vocab::record::{EndCause, Party};
use crate::vocab::settings::ForwardWhen;
use crate::vocab::{CallId, ExtensionKey, GroupKey, Hop, Identity, Now, OfferId};

use super::Running;

/// What callers hear who can hear already.
const RINGBACK: &str = "tones/ringback";
/// Names of these offers, far from those of the distributor.
const FIRST_OFFER: OfferId = OfferId(1 << 63);
/// Groups that one call may come to, one after the other: what leads in a circle ends.
const MAX_VISITS: u8 = 20;

/// Callers for whom somebody rings.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    open: BTreeMap<CallId, Ringing>,
    due: BTreeSet<(u64, CallId)>,
    /// How many groups a live call has been in.
    visits: BTreeMap<CallId, u8>,
}

/// One caller's round.
#[derive(Debug)]
struct Ringing {
    round: Round,
    places: Vec<Candidate>,
    /// Put before the caller's name.
    prefix: String,
    /// What the places that failed say of all of them.
    best: Option<Outcome>,
    /// Where the caller goes then.
    after: Then,
    /// Its phones' time over `due`.
    due: Option<u64>,
}

/// Whom a place stands for.
#[derive(Debug, Clone)]
struct Candidate {
    hops: Vec<Hop>,
    /// Not rung while it talks.
    skip_busy: bool,
    /// Not rung while its owner does not wish to be disturbed.
    quiet: bool,
    confirm: Option<char>,
}

/// What happens when nobody answers.
#[derive(Debug, Clone)]
enum Then {
    /// There, or to what is left of the route.
    Overflow(Option<Destination>),
    /// As after any call to this extension's phones.
    Owner(ExtensionKey),
}

impl Rounds {
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.open.is_empty() && self.visits.is_empty()
    }

    fn set_due(&mut self, call: CallId) {
        let Some(own) = self.open.get_mut(&call) else { return };
        if let Some(before) = own.due.take() {
            self.due.remove(&(before, call));
        }
        own.due = own.round.next_deadline();
        self.due.extend(own.due.map(|at| (at, call)));
    }

    /// Somebody else has the caller.
    pub(super) fn taken(&mut self, call: CallId) {
        self.close(call);
    }

    /// Whether somebody is sought for this caller.
    pub(super) fn attends(&self, call: CallId) -> bool {
        self.open.contains_key(&call)
    }

    /// A call is over, wherever it was last.
    pub(super) fn gone(&mut self, call: CallId) {
        self.visits.remove(&call);
    }

    fn close(&mut self, call: CallId) -> Option<Ringing> {
        let own = self.open.remove(&call)?;
        if let Some(at) = own.due {
            self.due.remove(&(at, call));
        }
        Some(own)
    }

    pub(super) fn audit(&self, lives: impl Fn(CallId) -> bool, wrong: &mut Vec<String>) {
        for call in self.open.keys().chain(self.visits.keys()).filter(|call| !lives(**call)) {
            wrong.push(format!("call {call} is over and still rings a group"));
        }
        let watched = self.open.values().filter(|own| own.due.is_some()).count();
        if watched != self.due.len() {
            wrong.push("deadlines of groups that nobody rings".to_owned());
        }
    }

    pub(super) fn digest(&self, hasher: &mut impl std::hash::Hasher) {
        use std::hash::Hash;
        format!("{:?}{:?}", self.open, self.due).hash(hasher);
    }
}

impl Running {
    /// A call comes to a ring group.
    pub(super) fn enter_group(&mut self, now: Now, id: CallId, key: &GroupKey) -> Found {
        let Some(group) = self.books.directory.group(key).cloned() else {
            return Found::Nothing(Outcome::of(EndCause::NotFound));
        };
        let visits = self.rounds.visits.get(&id).copied().unwrap_or_default();
        if visits >= MAX_VISITS {
            return Found::Nothing(Outcome::from_status(482));
        }
        let places = group.members.iter().map(|member| {
            let outside = matches!(member.place, MemberPlace::Outside(_));
            Candidate {
                hops: self.member(
                    &group.key.tenant,
                    &member.place,
                    &group.classes,
                    group.follow_forwards,
                ),
                skip_busy: group.skip_busy,
                quiet: true,
                confirm: group.confirm.filter(|_| outside),
            }
        });
        let places = places.collect();
        let round = Round::new(now.mono, turns_of(&group), FIRST_OFFER);
        let after = Then::Overflow(group.overflow);
        let name = format!("group:{}", key.name);
        let found = self.open_round(id, round, places, group.prefix, after, name);
        if matches!(found, Found::Attend(_)) {
            self.rounds.visits.insert(id, visits + 1);
        }
        found
    }

    /// Where a member of a group is rung; nowhere, where its owner has all calls sent on and the group does not follow.
    fn member(
        &self,
        tenant: &str,
        place: &MemberPlace,
        classes: &[String],
        follow: bool,
    ) -> Vec<Hop> {
        let directory = &self.books.directory;
        match place {
            MemberPlace::Outside(number) => {
                let mut hops =
                    directory.outside_within(tenant, number, classes).unwrap_or_default();
                self.books.trunks.living_first(&mut hops);
                hops
            }
            MemberPlace::Extension(key) => {
                let set = self.settings.of(key).and_then(|own| own.forward(ForwardWhen::All));
                match set {
                    None => vec![Hop::Extension(key.clone())],
                    Some(to) if follow => {
                        directory.forward(key, to, None).map(|plan| plan.hops).unwrap_or_default()
                    }
                    Some(_) => Vec::new(),
                }
            }
        }
    }

    /// An extension whose owner is followed: its phones ring, and the numbers besides or after them. `None`: the phones
    /// alone.
    pub(super) fn follow_owner(
        &mut self,
        now: Now,
        id: CallId,
        key: &ExtensionKey,
    ) -> Option<Found> {
        let set = self.settings.of(key).filter(|set| !set.follow_me.is_empty())?;
        let steps = set.follow_me.clone();
        let usual = self.books.directory.extension(key).and_then(|own| own.ring_secs);
        let usual = usual.unwrap_or(self.desk.policy.calls.ring_secs);
        let phones = set.no_answer_secs.map_or(u64::from(usual), u64::from).max(1) * SECOND;
        let own = Candidate {
            hops: vec![Hop::Extension(key.clone())],
            skip_busy: false,
            quiet: true,
            confirm: None,
        };
        let call = self.calls.get(id)?;
        let followed = steps.iter().map(|step| {
            let plan = self.books.directory.forward(key, &step.number, None).ok();
            let hops = plan.map(|plan| plan.hops).unwrap_or_default();
            let back = self.leads_back(call, key, &hops);
            let outside = matches!(hops.first(), Some(Hop::Trunk { .. }));
            Candidate {
                hops: if back { Vec::new() } else { hops },
                skip_busy: false,
                quiet: true,
                confirm: step.confirm.filter(|_| outside),
            }
        });
        let places = std::iter::once(own).chain(followed).collect();
        let round = Round::new(now.mono, turns_to_follow(phones, &steps), FIRST_OFFER);
        let name = format!("follow:{}", key.number);
        Some(self.open_round(id, round, places, String::new(), Then::Owner(key.clone()), name))
    }

    fn open_round(
        &mut self,
        id: CallId,
        round: Round,
        places: Vec<Candidate>,
        prefix: String,
        after: Then,
        name: String,
    ) -> Found {
        self.rounds.close(id);
        if round.is_over() {
            return Found::Nothing(Outcome::of(EndCause::NotRegistered));
        }
        let own = Ringing { round, places, prefix, best: None, after, due: None };
        self.rounds.open.insert(id, own);
        // The first rings as soon as the caller is attended.
        self.rounds.set_due(id);
        Found::Attend(Attendance { answer: AnswerMode::Ring, name })
    }

    /// Whether a call's notes are those of a round, and heeds them if so.
    pub(super) fn round_heeds(&mut self, now: Now, id: CallId, note: &Note) -> bool {
        let Some(own) = self.rounds.open.get_mut(&id) else { return false };
        match *note {
            Note::Attended => {
                let tone = vec![RINGBACK.to_owned()];
                self.step(now, id, |call, ctx| {
                    call.say(ctx, tone, true);
                });
            }
            Note::AgentAnswered(offer) => {
                own.round.keep(offer);
                self.rounds.set_due(id);
                let mut connected = false;
                self.step(now, id, |call, ctx| {
                    connected = call.connect(ctx, offer, After::End, false);
                });
                if connected {
                    self.rounds.close(id);
                } else {
                    self.place_lost(now, id, offer, OfferEnd::Unreachable);
                }
            }
            Note::AgentFailed(offer, end) => self.place_lost(now, id, offer, end),
            Note::Connected(_) | Note::CallerGone => {
                self.rounds.close(id);
            }
            _ => {}
        }
        true
    }

    fn place_lost(&mut self, now: Now, id: CallId, offer: OfferId, end: OfferEnd) {
        let Some(own) = self.rounds.open.get_mut(&id) else { return };
        own.round.lost(offer);
        own.best = Some(outcome_of(end).better(own.best));
        self.go_round(now, id);
    }

    /// What is due in rounds. True if there was anything.
    pub(super) fn tick_rounds(&mut self, now: Now) -> bool {
        let mut ticked = false;
        while let Some((at, id)) = self.rounds.due.first().copied()
            && at <= now.mono
        {
            self.go_round(now, id);
            ticked = true;
        }
        ticked
    }

    /// Rings who is to ring, and ends it when nobody is left.
    fn go_round(&mut self, now: Now, id: CallId) {
        if !self.calls.get(id).is_some_and(Call::is_in_attendance) {
            // Somebody else has taken the caller.
            self.rounds.close(id);
            return;
        }
        loop {
            let Some(own) = self.rounds.open.get_mut(&id) else { return };
            match own.round.poll(now.mono) {
                Some(Act::Ring(place, offer)) => self.ring_place(now, id, place, offer),
                Some(Act::Stop(offer))
                    if self.calls.get(id).is_some_and(|call| call.is_asked(offer)) =>
                {
                    // Has answered and is about to press the key, for which there is a limit of its own.
                    own.round.resume(offer);
                }
                Some(Act::Stop(offer)) => {
                    own.best = Some(outcome_of(OfferEnd::NoAnswer).better(own.best));
                    let end = OfferEnd::NoAnswer;
                    self.step(now, id, |call, ctx| call.cancel_agent(ctx, offer, end));
                }
                None => break,
            }
        }
        self.rounds.set_due(id);
        if self.rounds.open.get(&id).is_some_and(|own| own.round.is_over()) {
            self.nobody_took(now, id);
        }
    }

    fn ring_place(&mut self, now: Now, id: CallId, place: usize, offer: OfferId) {
        let Some(own) = self.rounds.open.get(&id) else { return };
        let Some(candidate) = own.places.get(place).cloned() else { return };
        let prefix = own.prefix.clone();
        let found = self.locate_candidate(id, &candidate, &prefix);
        let taken = match found {
            Ok(place) => {
                let mut taken = false;
                self.step(now, id, |call, ctx| {
                    taken = call.offer_agent(ctx, offer, place, candidate.confirm);
                });
                taken.then_some(()).ok_or(Outcome::of(EndCause::Unreachable))
            }
            Err(outcome) => Err(outcome),
        };
        if let (Err(outcome), Some(own)) = (taken, self.rounds.open.get_mut(&id)) {
            own.round.lost(offer);
            own.best = Some(outcome.better(own.best));
        }
    }

    /// Where a place's phones are now, and how the caller is shown there.
    fn locate_candidate(
        &mut self,
        id: CallId,
        candidate: &Candidate,
        prefix: &str,
    ) -> Result<Box<Place>, Outcome> {
        let found = match candidate.hops.first() {
            Some(hop @ Hop::Extension(key)) => {
                let line = Line::Extension(key.clone());
                let caller = self.calls.get(id).map(|call| &call.record.caller);
                let calls =
                    matches!(caller, Some(Party::Extension { extension, .. }) if extension == key);
                if calls || (candidate.skip_busy && self.calls.load(&line) > 0) {
                    return Err(Outcome::of(EndCause::Busy));
                }
                if candidate.quiet && self.settings.is_quiet(key) {
                    return Err(Outcome::of(EndCause::Rejected));
                }
                let identity = self.identity_with(id, hop, prefix);
                self.locate_extension(key, identity)
            }
            Some(Hop::Trunk { .. }) => {
                self.locate_outside(&candidate.hops, |own, hop| own.identity_for(id, hop))
            }
            // Nothing else rings.
            _ => return Err(Outcome::of(EndCause::NotRegistered)),
        };
        match found {
            Found::Ring(place) => Ok(place),
            Found::Nothing(outcome) => Err(outcome),
            _ => Err(Outcome::of(EndCause::NotRegistered)),
        }
    }

    fn identity_with(&self, id: CallId, hop: &Hop, prefix: &str) -> Identity {
        let usual = self.identity_for(id, hop);
        let Some(call) = self.calls.get(id).filter(|_| !prefix.is_empty()) else { return usual };
        let (name, number) = match &call.record.caller {
            Party::Extension { extension, name } => (name.as_str(), extension.number.as_str()),
            Party::Trunk { number, name, .. } => (name.as_str(), number.as_str()),
            Party::Service { .. } | Party::Nobody => return usual,
        };
        if usual == crate::route::anonymous(None) {
            return usual;
        }
        self.books.directory.shown(&call.tenant, format!("{prefix} {name}").trim(), number)
    }

    fn nobody_took(&mut self, now: Now, id: CallId) {
        let Some(own) = self.rounds.close(id) else { return };
        let outcome = own.best.unwrap_or(Outcome::of(EndCause::NotRegistered));
        let owner = match own.after {
            Then::Owner(key) => Some(key),
            Then::Overflow(Some(to)) => {
                let tenant = self.calls.get(id).map(|call| call.tenant.clone());
                let hops = tenant.map(|tenant| self.books.directory.destination(&tenant, &to));
                if let Some(Ok(mut hops)) = hops {
                    self.books.trunks.living_first(&mut hops);
                    return self.step(now, id, |call, ctx| call.go_to(ctx, hops));
                }
                None
            }
            Then::Overflow(None) => None,
        };
        self.step(now, id, |call, ctx| call.found_nobody(ctx, owner, outcome));
    }
}

/// What the end of one place says of the whole.
fn outcome_of(end: OfferEnd) -> Outcome {
    Outcome::of(match end {
        OfferEnd::Busy => EndCause::Busy,
        OfferEnd::Rejected => EndCause::Rejected,
        OfferEnd::Unreachable => EndCause::Unreachable,
        _ => EndCause::NoAnswer,
    })
}
