//! Supervision: who takes part in whose call, and how.
//!
//! A supervised conversation is a mix. Its voices are the parties', and those of supervisors by whom they are for, so that
//! who hears whom follows from bits alone: a supervisor who only monitors has no voice at all. A supervisor has a call of
//! its own; the conversation knows nothing of it.

use std::collections::BTreeMap;

use media::order::Voices;

use crate::vocab::supervise::{Mode, Supervised, Supervisor};
use crate::vocab::{CallId, LegId};

/// Supervisors that one call may have.
pub const MAX_SUPERVISORS: usize = 4;

/// The caller's voice.
const CALLER: u16 = 1;
/// The callee's voice.
const CALLEE: u16 = 2;
/// A supervisor's, for the callee alone.
const TO_CALLEE: u16 = 4;
/// A supervisor's, for everybody.
const TO_BOTH: u16 = 8;
/// A supervisor's, for the caller alone.
const TO_CALLER: u16 = 16;

/// Voices that both parties hear and no supervisor does: of the tone that tells of supervision.
pub const PARTIES: Voices = Voices(TO_CALLEE | TO_CALLER);

/// What a member of a mix says and hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its voice.
    pub speaks: Voices,
    /// The voices that it hears.
    pub hears: Voices,
}

/// The places of caller and callee in a conversation that is supervised. Their keys pass as they did before, a
/// supervisor's never do.
pub fn parties() -> [Place; 2] {
    let speaks = |voice: u16| Voices(voice | Voices::KEYS.0);
    [
        Place { speaks: speaks(CALLER), hears: Voices(CALLEE | TO_BOTH | TO_CALLER) },
        Place { speaks: speaks(CALLEE), hears: Voices(CALLER | TO_BOTH | TO_CALLEE) },
    ]
}

/// The place of a supervisor. Supervisors hear each other only where the parties do.
pub fn place(mode: Mode, agent: Side) -> Place {
    let speaks = match (mode, agent) {
        (Mode::Monitor, _) => 0,
        (Mode::Whisper, Side::Caller) => TO_CALLER,
        (Mode::Whisper, Side::Callee) => TO_CALLEE,
        (Mode::Barge, _) => TO_BOTH,
    };
    Place { speaks: Voices(speaks), hears: Voices(CALLER | CALLEE | TO_BOTH) }
}

/// One of the two parties.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// Who called.
    Caller,
    /// Who was called.
    Callee,
}

/// What a supervisor's key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// Another mode.
    Mode(Mode),
    /// It leaves.
    Leave,
}

/// `1`, `2`, `3` are the modes, `0` and `#` leave; all others mean nothing.
pub fn press(key: char) -> Option<Press> {
    Some(match key {
        '1' => Press::Mode(Mode::Monitor),
        '2' => Press::Mode(Mode::Whisper),
        '3' => Press::Mode(Mode::Barge),
        '0' | '#' => Press::Leave,
        _ => return None,
    })
}

/// What of a call decides who may supervise it.
#[derive(Debug, Clone, Default)]
pub struct Concerned<'a> {
    /// Pickup groups of the extensions that take part.
    pub groups: Vec<&'a str>,
    /// Queues that it came through.
    pub queues: Vec<&'a str>,
}

/// Whether somebody who supervises these may supervise a call.
pub fn may(supervises: &[Supervised], call: &Concerned<'_>) -> bool {
    supervises.iter().any(|scope| match scope {
        Supervised::Everybody => true,
        Supervised::Group(name) => call.groups.contains(&name.as_str()),
        Supervised::Queue(number) => call.queues.contains(&number.as_str()),
    })
}

/// A supervisor's part in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The call that is supervised.
    pub target: CallId,
    /// Whom a whisper is for.
    pub agent: Side,
    /// Its leg: whoever takes its place is somebody else.
    pub leg: LegId,
    /// Who it is, as it was named.
    pub who: Supervisor,
    /// How it takes part.
    pub mode: Mode,
    /// Takes part; before that its phone rings.
    pub joined: bool,
}

/// Why nobody more may supervise a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It has [`MAX_SUPERVISORS`].
    Full,
    /// This one supervises it already.
    Twice,
}

/// Which supervisor is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    /// This call of a supervisor.
    One(CallId),
    /// Nobody supervises, or not this one.
    Nobody,
    /// There are several, and none was named.
    Several,
}

/// All supervisors, by their own calls.
#[derive(Debug, Default)]
pub struct Supervision {
    sessions: BTreeMap<CallId, Session>,
    targets: BTreeMap<CallId, Vec<CallId>>,
}

impl Supervision {
    /// A supervisor is on its way into a call.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn begin(&mut self, supervisor: CallId, session: Session) -> Result<(), Refused> {
        self.admits(session.target, &session.who)?;
        self.end(supervisor);
        self.targets.entry(session.target).or_default().push(supervisor);
        self.sessions.insert(supervisor, session);
        Ok(())
    }

    /// Whether somebody may supervise a call beside those who do.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn admits(&self, target: CallId, who: &Supervisor) -> Result<(), Refused> {
        let mut present = self.of(target);
        if present.any(|(_, own)| own.who == *who) {
            return Err(Refused::Twice);
        }
        if self.of(target).count() >= MAX_SUPERVISORS {
            return Err(Refused::Full);
        }
        Ok(())
    }

    /// The part of a supervisor, by its own call.
    pub fn session(&self, supervisor: CallId) -> Option<&Session> {
        self.sessions.get(&supervisor)
    }

    /// It takes part from now on.
    pub fn join(&mut self, supervisor: CallId) {
        if let Some(session) = self.sessions.get_mut(&supervisor) {
            session.joined = true;
        }
    }

    /// It takes part in another way; false if nothing changes.
    pub fn change(&mut self, supervisor: CallId, mode: Mode) -> bool {
        let Some(session) = self.sessions.get_mut(&supervisor) else { return false };
        std::mem::replace(&mut session.mode, mode) != mode
    }

    /// It takes no part any more.
    pub fn end(&mut self, supervisor: CallId) -> Option<Session> {
        let session = self.sessions.remove(&supervisor)?;
        if let Some(all) = self.targets.get_mut(&session.target) {
            all.retain(|own| *own != supervisor);
            if all.is_empty() {
                self.targets.remove(&session.target);
            }
        }
        Some(session)
    }

    /// Who supervises a call, first come first.
    pub fn of(&self, target: CallId) -> impl Iterator<Item = (CallId, &Session)> {
        let all = self.targets.get(&target).map_or(&[][..], Vec::as_slice);
        all.iter().filter_map(|own| Some((*own, self.sessions.get(own)?)))
    }

    /// Whether anybody takes part in a call now.
    pub fn is_supervised(&self, target: CallId) -> bool {
        self.of(target).any(|(_, session)| session.joined)
    }

    /// The supervisor of a call that is named, or the only one.
    pub fn meant(&self, target: CallId, who: Option<&Supervisor>) -> Meant {
        let named = |own: &Supervisor| who.is_none_or(|who| own == who);
        let mut all = self.of(target).filter(|(_, session)| named(&session.who));
        match (all.next(), all.next()) {
            (Some((call, _)), None) => Meant::One(call),
            (Some(_), Some(_)) => Meant::Several,
            (None, _) => Meant::Nobody,
        }
    }

    /// All supervisors.
    pub fn sessions(&self) -> impl Iterator<Item = (CallId, &Session)> {
        self.sessions.iter().map(|(call, session)| (*call, session))
    }

    /// Nobody supervises.
    pub fn is_idle(&self) -> bool {
        self.sessions.is_empty() && self.targets.is_empty()
    }

    /// What contradicts itself.
    pub fn audit(&self, lives: impl Fn(CallId) -> bool, wrong: &mut Vec<String>) {
        for (supervisor, session) in &self.sessions {
            if !lives(*supervisor) {
                wrong.push(format!("call {supervisor}: supervises and is over"));
            }
            if !lives(session.target) {
                wrong.push(format!("call {}: supervised and over", session.target));
            }
        }
        let listed: usize = self.targets.values().map(Vec::len).sum();
        if listed != self.sessions.len() {
            wrong.push(format!("{listed} supervisors listed, {} known", self.sessions.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(target: u128, number: &str) -> Session {
        Session {
            target: CallId(target),
            agent: Side::Callee,
            leg: LegId(1),
            who: Supervisor::Extension(number.into()),
            mode: Mode::Monitor,
            joined: false,
        }
    }

    fn hears(listener: Place, speaker: Place) -> bool {
        listener.hears.0 & speaker.speaks.0 != 0
    }

    #[test]
    fn only_those_hear_a_supervisor_who_are_meant_to() {
        let [caller, callee] = parties();
        assert!(hears(caller, callee) && hears(callee, caller));
        for (agent, own, customer) in
            [(Side::Callee, callee, caller), (Side::Caller, caller, callee)]
        {
            let heard = |mode| {
                let supervisor = place(mode, agent);
                assert!(hears(supervisor, caller) && hears(supervisor, callee));
                (hears(own, supervisor), hears(customer, supervisor))
            };
            assert_eq!(heard(Mode::Monitor), (false, false));
            assert_eq!(heard(Mode::Whisper), (true, false));
            assert_eq!(heard(Mode::Barge), (true, true));
            let other = place(Mode::Monitor, agent);
            assert!(!hears(other, place(Mode::Whisper, agent)), "a whisper is the agent's alone");
            assert!(hears(other, place(Mode::Barge, agent)));
        }
        let keys = |place: Place| place.speaks.0 & Voices::KEYS.0 != 0;
        assert!(keys(caller) && keys(callee) && !keys(place(Mode::Barge, Side::Callee)));
        assert!(caller.hears.0 & PARTIES.0 != 0 && callee.hears.0 & PARTIES.0 != 0);
        assert_eq!(place(Mode::Barge, Side::Caller).hears.0 & PARTIES.0, 0);
    }

    #[test]
    fn a_call_has_few_supervisors_and_each_once() {
        let mut all = Supervision::default();
        for n in 0..4u32 {
            assert_eq!(all.begin(CallId(10 + u128::from(n)), session(1, &n.to_string())), Ok(()));
        }
        assert_eq!(all.begin(CallId(20), session(1, "9")), Err(Refused::Full));
        assert_eq!(all.begin(CallId(20), session(1, "2")), Err(Refused::Twice));
        assert_eq!(all.begin(CallId(20), session(2, "2")), Ok(()));
        assert_eq!(all.meant(CallId(1), None), Meant::Several);
        let named = |number: &str| Supervisor::Extension(number.into());
        assert_eq!(all.meant(CallId(1), Some(&named("2"))), Meant::One(CallId(12)));
        let outside = Supervisor::Number("2".into());
        assert_eq!(all.meant(CallId(1), Some(&outside)), Meant::Nobody, "no extension");
        assert_eq!(all.meant(CallId(2), None), Meant::One(CallId(20)));
        assert_eq!(all.meant(CallId(2), Some(&named("3"))), Meant::Nobody);
        assert!(!all.is_supervised(CallId(2)));
        all.join(CallId(20));
        assert!(all.is_supervised(CallId(2)));
        assert!(all.change(CallId(20), Mode::Barge) && !all.change(CallId(20), Mode::Barge));
        for call in [10, 11, 12, 13, 20] {
            assert!(all.end(CallId(call)).is_some());
        }
        assert!(all.is_idle() && all.end(CallId(20)).is_none());
    }

    #[test]
    fn rights_follow_groups_and_queues() {
        let call = Concerned { groups: vec!["sales"], queues: vec!["9001"] };
        let scope = |text: &str| [Supervised::parse(text).unwrap()];
        for (text, right) in [
            ("*", true),
            ("sales", true),
            ("support", false),
            ("queue:9001", true),
            ("queue:9002", false),
        ] {
            assert_eq!(may(&scope(text), &call), right, "{text}");
        }
        assert!(!may(&[], &call));
    }

    #[test]
    fn keys_change_the_mode_or_leave() {
        assert_eq!(press('1'), Some(Press::Mode(Mode::Monitor)));
        assert_eq!(press('2'), Some(Press::Mode(Mode::Whisper)));
        assert_eq!(press('3'), Some(Press::Mode(Mode::Barge)));
        assert_eq!((press('0'), press('#')), (Some(Press::Leave), Some(Press::Leave)));
        assert_eq!((press('4'), press('*')), (None, None));
    }
}
