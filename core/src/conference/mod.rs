//! Conferences: rooms in which several talk.
//!
//! A [`Room`] is told who comes, goes and wants what, and says what is to be done; voices are mixed elsewhere. All members
//! speak one voice and hear it; who is muted or holds speaks none.

mod entry;

pub use entry::{Entry, EntryAct, Heard};

use crate::vocab::CallId;
use crate::vocab::conference::Conference;

/// One second in nanoseconds.
pub(crate) const SECOND: u64 = 1_000_000_000;
/// A room made by order is gone when nobody came for so long.
pub const EMPTY_LIMIT: u64 = 300 * SECOND;
/// Rooms that have somebody, or were made by order, at a time.
pub const MAX_ROOMS: usize = 1_000;

/// The tone for somebody who comes, and for somebody who goes.
const JOINED: &str = "tones/join";
const LEFT: &str = "tones/leave";

/// What is to be done for a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// A member takes its place among the voices, or another one.
    Place {
        /// Whose call.
        call: CallId,
        /// Its voice counts.
        heard: bool,
    },
    /// A member hears music instead of the room, or the room again.
    Music {
        /// Whose call.
        call: CallId,
        /// Music.
        on: bool,
    },
    /// All hear this.
    Tone(&'static str),
    /// The room is recorded from now on.
    Record,
    /// ... and no longer.
    StopRecording,
}

/// Why somebody may not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// It has as many members as it may.
    Full,
    /// It is locked.
    Locked,
}

/// Somebody in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its call.
    pub call: CallId,
    /// Leads.
    pub admin: bool,
    /// Not heard, because it or somebody wants that.
    pub muted: bool,
    /// Has put the room on hold.
    pub held: bool,
    /// Since when, milliseconds since the Unix epoch.
    pub joined_at: u64,
    /// It pressed `*` just now.
    star: bool,
}

/// A room with whoever is in it.
#[derive(Debug)]
pub struct Room {
    config: Conference,
    /// Nobody more may come in.
    pub locked: bool,
    members: Vec<Member>,
    recorded: bool,
}

impl Room {
    /// Nobody is in it.
    pub fn new(config: Conference) -> Self {
        Self { config, locked: false, members: Vec::new(), recorded: false }
    }

    /// What it is.
    pub fn config(&self) -> &Conference {
        &self.config
    }

    /// Who is in it, first come first.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Whether it is being recorded.
    pub fn is_recorded(&self) -> bool {
        self.recorded
    }

    /// Whether somebody more may come in.
    ///
    /// # Errors
    /// See [`Refused`].
    pub fn admits(&self, admin: bool) -> Result<(), Refused> {
        if self.members.len() >= usize::from(self.config.max_members) {
            return Err(Refused::Full);
        }
        if self.locked && !admin {
            return Err(Refused::Locked);
        }
        Ok(())
    }

    /// Somebody comes in.
    pub fn join(&mut self, call: CallId, admin: bool, muted: bool, joined_at: u64) -> Vec<Act> {
        let muted = muted || (self.config.start_muted && !admin);
        self.members.retain(|member| member.call != call);
        self.members.push(Member { call, admin, muted, held: false, joined_at, star: false });
        let mut acts = vec![Act::Place { call, heard: !muted }];
        match self.members.as_slice() {
            [_] => acts.push(Act::Music { call, on: true }),
            [first, _] => {
                acts.push(Act::Music { call: first.call, on: false });
                if self.config.record && !self.recorded {
                    self.recorded = true;
                    acts.push(Act::Record);
                }
            }
            _ => {}
        }
        if self.config.announce && self.members.len() > 1 {
            acts.push(Act::Tone(JOINED));
        }
        acts
    }

    /// Somebody is gone. Nothing happens for who was not there.
    pub fn leave(&mut self, call: CallId) -> Vec<Act> {
        let before = self.members.len();
        self.members.retain(|member| member.call != call);
        let mut acts = Vec::new();
        if self.members.len() == before {
            return acts;
        }
        if self.members.len() < 2 && std::mem::take(&mut self.recorded) {
            acts.push(Act::StopRecording);
        }
        match self.members.as_slice() {
            [] => {}
            [last] => acts.push(Act::Music { call: last.call, on: true }),
            _ if self.config.announce => acts.push(Act::Tone(LEFT)),
            _ => {}
        }
        acts
    }

    /// A member is heard or not from now on; `None` where it is no member.
    pub fn mute(&mut self, call: CallId, muted: bool) -> Option<Vec<Act>> {
        self.change(call, |member| member.muted = muted)
    }

    /// A member has put the room on hold, or is back.
    pub fn hold(&mut self, call: CallId, held: bool) -> Option<Vec<Act>> {
        self.change(call, |member| member.held = held)
    }

    /// All members but those who lead.
    pub fn mute_all(&mut self, muted: bool) -> Vec<Act> {
        let all: Vec<CallId> =
            self.members.iter().filter(|member| !member.admin).map(|member| member.call).collect();
        all.into_iter().filter_map(|call| self.mute(call, muted)).flatten().collect()
    }

    fn change(&mut self, call: CallId, change: impl FnOnce(&mut Member)) -> Option<Vec<Act>> {
        let member = self.members.iter_mut().find(|member| member.call == call)?;
        let heard = |member: &Member| !member.muted && !member.held;
        let before = heard(member);
        change(member);
        let now = heard(member);
        let act = (before != now).then_some(Act::Place { call, heard: now });
        Some(act.into_iter().collect())
    }

    /// A member's key: `*6` mutes and unmutes. What it is from now on, if that changed.
    pub fn key(&mut self, call: CallId, key: char) -> Option<(bool, Vec<Act>)> {
        let member = self.members.iter_mut().find(|member| member.call == call)?;
        let star = std::mem::replace(&mut member.star, key == '*');
        let muted = !member.muted;
        let acts = (star && key == '6').then(|| self.mute(call, muted))??;
        Some((muted, acts))
    }

    /// Begins or ends the recording by order. Nothing is recorded of who is alone.
    pub fn record(&mut self, on: bool) -> Result<Option<Act>, Alone> {
        if on && self.members.len() < 2 {
            return Err(Alone);
        }
        let before = std::mem::replace(&mut self.recorded, on);
        let act = if on { Act::Record } else { Act::StopRecording };
        Ok((before != on).then_some(act))
    }

    /// The recording could go no further.
    pub fn recording_ended(&mut self) {
        self.recorded = false;
    }
}

/// Nobody can be recorded with nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alone;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::ConferenceKey;

    fn room(change: impl FnOnce(&mut Conference)) -> Room {
        let key = ConferenceKey { tenant: "t".into(), name: "r".into() };
        let mut config = Conference::named(key);
        config.announce = false;
        change(&mut config);
        Room::new(config)
    }

    const A: CallId = CallId(1);
    const B: CallId = CallId(2);
    const C: CallId = CallId(3);

    fn place(call: CallId, heard: bool) -> Act {
        Act::Place { call, heard }
    }

    fn music(call: CallId, on: bool) -> Act {
        Act::Music { call, on }
    }

    #[test]
    fn who_is_alone_hears_music_and_two_hear_each_other() {
        let mut room = room(|_| ());
        assert_eq!(room.join(A, false, false, 0), [place(A, true), music(A, true)]);
        assert_eq!(room.join(B, false, false, 0), [place(B, true), music(A, false)]);
        assert_eq!(room.join(C, false, false, 0), [place(C, true)]);
        assert_eq!(room.leave(A), []);
        assert_eq!(room.leave(A), []);
        assert_eq!(room.leave(B), [music(C, true)]);
        assert_eq!(room.leave(C), []);
    }

    #[test]
    fn a_full_room_and_a_locked_one_take_nobody() {
        let mut room = room(|config| config.max_members = 2);
        room.join(A, false, false, 0);
        room.locked = true;
        assert_eq!((room.admits(false), room.admits(true)), (Err(Refused::Locked), Ok(())));
        room.join(B, true, false, 0);
        assert_eq!(room.admits(true), Err(Refused::Full));
    }

    #[test]
    fn mute_and_hold_are_two_reasons_not_to_be_heard() {
        let mut room = room(|_| ());
        room.join(A, false, false, 0);
        assert_eq!(room.mute(A, true), Some(vec![place(A, false)]));
        assert_eq!(room.hold(A, true), Some(Vec::new()));
        assert_eq!(room.mute(A, false), Some(Vec::new()), "still on hold");
        assert_eq!(room.hold(A, false), Some(vec![place(A, true)]));
        assert_eq!(room.mute(B, true), None);
        assert_eq!(room.key(A, '6'), None);
        assert_eq!(room.key(A, '*'), None);
        assert_eq!(room.key(A, '6'), Some((true, vec![place(A, false)])));
        assert_eq!(room.key(A, '6'), None, "the star counts once");
    }

    #[test]
    fn members_begin_muted_where_that_is_wanted_but_for_those_who_lead() {
        let mut room = room(|config| config.start_muted = true);
        assert_eq!(room.join(A, false, false, 0)[0], place(A, false));
        assert_eq!(room.join(B, true, false, 0)[0], place(B, true));
        assert_eq!(room.mute_all(false), [place(A, true)]);
        assert_eq!(room.mute_all(true), [place(A, false)]);
    }

    #[test]
    fn a_recording_needs_two_and_ends_with_the_second_last() {
        let mut room = room(|config| (config.record, config.announce) = (true, true));
        assert_eq!(room.record(true), Err(Alone));
        assert!(!room.join(A, false, false, 0).contains(&Act::Record));
        let acts = room.join(B, false, false, 0);
        assert_eq!(acts[2..], [Act::Record, Act::Tone(JOINED)]);
        assert_eq!(room.record(true), Ok(None));
        assert_eq!(room.join(C, false, false, 0)[1..], [Act::Tone(JOINED)]);
        assert_eq!(room.leave(C), [Act::Tone(LEFT)]);
        assert_eq!(room.leave(B), [Act::StopRecording, music(A, true)]);
        assert!(!room.is_recorded());
    }
}
