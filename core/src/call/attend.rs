//! A caller in the hands of the switch itself: in a queue, a menu or a mailbox.
//!
//! The feature decides and the call does: it answers the caller, plays what it is told to, reports keys, rings agents
//! ([`super::candidates`]), and hands the caller over to one of them or to other destinations. What happens it tells in
//! [`Note`]s. All methods here do nothing in a stage that they do not belong to.

use media::order::{MixId, Order, PlayId};
use sip::endpoint::{Body, Reply};

use crate::vocab::acd::OfferEnd;
use crate::vocab::record::{EndCause, EndedBy, Party};
use crate::vocab::{EventKind, Hop, OfferId};

use super::candidates::Candidate;
use super::finish::q850;
use super::record::RecordingEnd;
use super::{CALLEE, CALLER, Call, Ctx, Outcome, SECOND, Stage};

/// A caller without answer is told so often that it still rings: proxies on the way would give up after three minutes
/// (RFC 3261 section 13.3.1.1).
const REMIND: u64 = 60 * SECOND;
/// The longest farewell.
const FAREWELL_LIMIT: u64 = 60 * SECOND;

/// How a caller is taken into attendance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attendance {
    /// Whether and how it is answered.
    pub answer: AnswerMode,
    /// By what, as the call's record shows it until somebody else is the callee: `queue:9001`, `menu:main`.
    pub name: String,
}

/// Whether and how the switch answers a caller; one that has been answered stays so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerMode {
    /// 200.
    Now,
    /// 183 with media: it hears us, and pays nothing yet. 180 where the caller's INVITE allows no early media.
    Early,
    /// 180: nothing can be said.
    Ringing,
    /// Whatever tells it that somebody rings: 180, or nothing more where it can be heard already.
    Ring,
}

/// What the end of the conversation means when the callee ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The call ends.
    End,
    /// The caller goes back into attendance: [`Note::CalleeGone`].
    Keep,
}

/// What an attended call tells the feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The caller's media is settled: something can be said. Once for each time that it is taken into attendance.
    Attended,
    /// What was said to the caller came to its end; `ok` is false if it could not be played.
    Said {
        /// As [`Call::say`] returned it.
        play: PlayId,
        /// Whether all of it was heard.
        ok: bool,
    },
    /// The caller pressed a key.
    Key(char),
    /// The agent's phone rings.
    AgentRinging(OfferId),
    /// The agent's phone answered, and pressed the confirm key where one is wanted.
    AgentAnswered(OfferId),
    /// The agent cannot be had; its leg is over. Never told for what was cancelled by order.
    AgentFailed(OfferId, OfferEnd),
    /// What was said to an agent came to its end.
    AgentSaid {
        /// To whom.
        offer: OfferId,
        /// As [`Call::say_to_agent`] returned it.
        play: PlayId,
    },
    /// What the caller said is in its file, or is not.
    Recorded(RecordingEnd),
    /// Caller and agent talk.
    Connected(OfferId),
    /// The caller reached somebody, or was taken in by a feature ([`Call::try_to`]).
    Reached,
    /// Nobody was reached; the caller is back in attendance ([`Call::try_to`]).
    NotReached(Outcome),
    /// The agent has left the conversation; the caller is back in attendance ([`After::Keep`]).
    CalleeGone,
    /// The caller has put whoever attends it on hold, or is back.
    Held(bool),
    /// A conversation that was mixed is over, or is another one now; also told of calls that nobody attends.
    Parted,
    /// The call ends, for whatever reason; the last note but for the [`Note::Recorded`] of a recording under way.
    CallerGone,
}

/// The caller's side of attendance, and whoever is rung for it.
#[derive(Debug)]
pub(crate) struct Attend {
    media: CallerMedia,
    saying: Option<Saying>,
    next: Next,
    remind_at: Option<u64>,
    /// The caller is a member of it.
    pub(crate) mix: Option<MixId>,
    pub(crate) candidates: Vec<Candidate>,
}

/// How far offer and answer with the caller are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallerMedia {
    /// Nothing was described to it.
    None,
    /// It has our offer in a 200 and answers in its ACK.
    Offered,
    /// It can be heard and hears.
    Settled,
}

#[derive(Debug)]
struct Saying {
    play: PlayId,
    prompts: Vec<String>,
    repeat: bool,
}

/// What happens when the present thing is done.
#[derive(Debug)]
enum Next {
    Stay,
    /// Ends the call after what is being said.
    Leave {
        outcome: Outcome,
        deadline: u64,
    },
    /// Goes there as soon as the caller's media is settled.
    Go(Vec<Hop>),
}

impl Attend {
    fn new() -> Box<Self> {
        Box::new(Self {
            media: CallerMedia::None,
            saying: None,
            next: Next::Stay,
            remind_at: None,
            mix: None,
            candidates: Vec::new(),
        })
    }

    /// The next moment at which something happens by itself.
    pub(crate) fn deadline(&self) -> Option<u64> {
        let leave = match self.next {
            Next::Leave { deadline, .. } => Some(deadline),
            Next::Stay | Next::Go(_) => None,
        };
        let candidates = self.candidates.iter().filter_map(Candidate::deadline);
        candidates.chain(leave).chain(self.remind_at).min()
    }
}

impl Call {
    /// Whether the caller is in attendance and its media is settled.
    pub(crate) fn hears_caller(&self) -> bool {
        matches!(&self.stage, Stage::Attending(attend) if attend.media == CallerMedia::Settled)
    }

    /// Whether the caller is in the hands of a feature and not on its way out of them.
    pub fn needs_attendant(&self) -> bool {
        matches!(&self.stage, Stage::Attending(attend) if matches!(attend.next, Next::Stay))
    }

    /// Takes what happened in attendance since the last time.
    pub fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Takes the caller into attendance.
    pub(crate) fn attend(&mut self, ctx: &mut Ctx<'_>, attendance: Attendance) {
        self.attended = true;
        let party = Party::Service { name: attendance.name };
        self.reached();
        self.record.callee = party.clone();
        self.legs[CALLEE].party = party;
        if self.legs[CALLEE].media.streams().count() > 1 {
            self.legs[CALLEE].media.close(ctx, self.worker);
        }
        self.stage = Stage::Attending(Attend::new());
        if self.legs[CALLER].confirmed {
            return self.caller_described(ctx);
        }
        match attendance.answer {
            AnswerMode::Now => self.answer_now(ctx),
            AnswerMode::Early if self.legs[CALLER].described || self.open_early(ctx) => {
                self.remind(ctx, false);
                self.caller_described(ctx);
            }
            AnswerMode::Ring if self.legs[CALLER].described => {
                self.remind(ctx, false);
                self.caller_described(ctx);
            }
            AnswerMode::Early | AnswerMode::Ringing | AnswerMode::Ring => self.remind(ctx, true),
        }
    }

    /// Answers a caller who has no answer yet.
    pub fn answer_now(&mut self, ctx: &mut Ctx<'_>) {
        if !matches!(self.stage, Stage::Attending(_)) || self.legs[CALLER].confirmed {
            return;
        }
        if !self.accept_caller(ctx) {
            return self.fail(ctx, Outcome::of(EndCause::Incompatible));
        }
        self.note_answer(ctx);
        if let Stage::Attending(attend) = &mut self.stage {
            attend.remind_at = None;
        }
        self.caller_described(ctx);
    }

    fn note_answer(&mut self, ctx: &mut Ctx<'_>) {
        self.record.answered_at.get_or_insert(ctx.now.wall);
        let (call, interaction, callee) = (self.id, self.interaction, self.party(CALLEE));
        let kind = EventKind::CallAnswered { call, interaction, callee };
        ctx.out.publish(ctx.now, Some(&self.tenant), kind);
    }

    /// A caller who came with an answered leg is where it was to come: its record counts as answered from now on.
    pub fn arrived(&mut self, ctx: &mut Ctx<'_>) {
        if self.hears_caller() && self.record.answered_at.is_none() {
            self.note_answer(ctx);
        }
    }

    /// Tells a caller without answer that it rings (still).
    fn remind(&mut self, ctx: &mut Ctx<'_>, at_once: bool) {
        let Stage::Attending(attend) = &mut self.stage else { return };
        attend.remind_at = Some(ctx.now.mono + REMIND);
        if let Some(leg) = self.legs[CALLER].sip.filter(|_| at_once) {
            let status = if self.legs[CALLER].described { 183 } else { 180 };
            ctx.sip.provisional(ctx.now.mono, leg, Reply::new(status));
        }
    }

    /// The caller has our description: if we have its as well, it can hear us.
    pub(crate) fn caller_described(&mut self, ctx: &mut Ctx<'_>) {
        let settled = self.legs[CALLER].media.theirs().is_some();
        if settled {
            self.configure_caller(ctx);
        }
        let Stage::Attending(attend) = &mut self.stage else { return };
        let media = if settled { CallerMedia::Settled } else { CallerMedia::Offered };
        let before = std::mem::replace(&mut attend.media, media);
        if !settled || before == CallerMedia::Settled {
            return;
        }
        match std::mem::replace(&mut attend.next, Next::Stay) {
            Next::Go(hops) => return self.leave_for(ctx, hops),
            Next::Stay => self.notes.push(Note::Attended),
            // Who was let go before it could hear anything hears its last words.
            leave @ Next::Leave { .. } => attend.next = leave,
        }
        self.speak(ctx);
    }

    /// Tells the worker what is settled with the caller. Who is not answered yet may be silent.
    pub(crate) fn configure_caller(&mut self, ctx: &mut Ctx<'_>) {
        let limit = self.silence_limit(ctx).filter(|_| self.legs[CALLER].confirmed);
        self.legs[CALLER].media.configure(ctx, self.worker, limit);
    }

    /// Plays prompts to the caller instead of what plays now. `None` where nothing can be heard.
    pub fn say(&mut self, ctx: &mut Ctx<'_>, prompts: Vec<String>, repeat: bool) -> Option<PlayId> {
        self.legs[CALLER].media.audio()?;
        let Stage::Attending(attend) = &mut self.stage else { return None };
        if attend.media == CallerMedia::None || prompts.is_empty() {
            return None;
        }
        let play = ctx.ids.play();
        attend.saying = Some(Saying { play, prompts, repeat });
        if attend.media == CallerMedia::Settled {
            self.speak(ctx);
        }
        Some(play)
    }

    pub(crate) fn speak(&mut self, ctx: &mut Ctx<'_>) {
        let Stage::Attending(attend) = &self.stage else { return };
        let (Some(saying), Some(stream)) = (&attend.saying, self.legs[CALLER].media.audio()) else {
            return;
        };
        let (play, prompts) = (saying.play, saying.prompts.clone());
        let order = Order::Play { stream, play, prompts, repeat: saying.repeat };
        ctx.out.media(self.worker, order);
    }

    /// Stops what plays to the caller.
    pub fn hush(&mut self, ctx: &mut Ctx<'_>) {
        let Stage::Attending(attend) = &mut self.stage else { return };
        if attend.saying.take().is_none() || attend.media != CallerMedia::Settled {
            return;
        }
        if let Some(stream) = self.legs[CALLER].media.audio() {
            ctx.out.media(self.worker, Order::StopPlay { stream });
        }
    }

    /// A prompt came to its end: the caller's, or a candidate's.
    pub(crate) fn attended_play_ended(&mut self, ctx: &mut Ctx<'_>, play: PlayId, ok: bool) {
        let Stage::Attending(attend) = &mut self.stage else { return };
        if attend.saying.as_ref().is_none_or(|saying| saying.play != play) {
            return self.candidate_play_ended(play);
        }
        attend.saying = None;
        match attend.next {
            Next::Leave { outcome, .. } => self.finish(ctx, outcome, EndedBy::Switch),
            Next::Stay | Next::Go(_) => self.notes.push(Note::Said { play, ok }),
        }
    }

    /// A key of the caller's. False if the caller is not in attendance.
    pub(crate) fn attended_key(&mut self, digit: char) -> bool {
        let attended = matches!(self.stage, Stage::Attending(_));
        if attended {
            self.notes.push(Note::Key(digit));
        }
        attended
    }

    /// Leaves attendance for other destinations; agents who ring for it ring no longer.
    pub fn go_to(&mut self, ctx: &mut Ctx<'_>, hops: Vec<Hop>) {
        if !matches!(self.stage, Stage::Attending(_)) {
            return;
        }
        self.end_candidates(ctx, &q850(Outcome::of(EndCause::Normal)));
        let Stage::Attending(attend) = &mut self.stage else { return };
        if attend.media == CallerMedia::Offered {
            attend.next = Next::Go(hops);
            return;
        }
        self.leave_for(ctx, hops);
    }

    fn leave_for(&mut self, ctx: &mut Ctx<'_>, hops: Vec<Hop>) {
        self.hush(ctx);
        self.leave_mix(ctx);
        self.hops = hops.into();
        self.best_failure = None;
        self.legs[CALLEE].party = Party::Nobody;
        self.record.callee = Party::Nobody;
        self.have_ports(ctx);
    }

    /// Ends the call with this cause: at once, or after what is being said.
    pub fn release(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome, after_saying: bool) {
        if !matches!(self.stage, Stage::Attending(_)) {
            return;
        }
        self.end_candidates(ctx, &q850(outcome));
        let Stage::Attending(attend) = &mut self.stage else { return };
        let speaks = attend.saying.as_ref().is_some_and(|saying| !saying.repeat);
        if after_saying && speaks {
            attend.next = Next::Leave { outcome, deadline: ctx.now.mono + FAREWELL_LIMIT };
            return;
        }
        self.finish(ctx, outcome, EndedBy::Switch);
    }

    /// Something in attendance is due.
    pub(crate) fn attend_timeout(&mut self, ctx: &mut Ctx<'_>) {
        self.candidates_timeout(ctx);
        let Stage::Attending(attend) = &self.stage else { return };
        let due = |at: u64| at <= ctx.now.mono;
        let remind = attend.remind_at.is_some_and(due);
        if let Next::Leave { outcome, deadline } = attend.next
            && due(deadline)
        {
            return self.finish(ctx, outcome, EndedBy::Switch);
        }
        if remind {
            self.remind(ctx, true);
        }
    }

    /// A callee whose leg is over has left the caller behind: back into attendance.
    pub(crate) fn callee_left(&mut self, ctx: &mut Ctx<'_>) {
        self.end_asking(ctx);
        self.end_mix(ctx);
        self.refuse_relays(ctx);
        self.stop_recordings(ctx);
        let hears_music = self.legs[CALLEE].holds;
        self.retire_callee(ctx);
        if let Some(stream) = self.legs[CALLER].media.audio().filter(|_| hears_music) {
            ctx.out.media(self.worker, Order::StopPlay { stream });
        }
        self.back_in_attendance(ctx);
        self.notes.push(Note::CalleeGone);
    }

    /// A caller who was answered is attended (again); nothing is said to it.
    pub(crate) fn back_in_attendance(&mut self, ctx: &mut Ctx<'_>) {
        let settled = self.legs[CALLER].media.theirs().is_some();
        let mut attend = Attend::new();
        attend.media = if settled { CallerMedia::Settled } else { CallerMedia::Offered };
        self.stage = Stage::Attending(attend);
        self.configure_caller(ctx);
    }

    /// Answers the caller with the switch's own description: the one that it has seen already, if any. False if there
    /// is none that fits.
    pub(crate) fn accept_caller(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let caller = &mut self.legs[CALLER];
        let body = if caller.described {
            caller.media.ours_again()
        } else if caller.late_offer {
            caller.media.offer_self(ctx)
        } else {
            caller.media.answer_self(ctx).ok()
        };
        let (Some(body), Some(leg)) = (body, caller.sip) else { return false };
        caller.confirmed = true;
        ctx.sip.accept(ctx.now.mono, leg, Reply::new(200).with_body(Body::sdp(body)));
        true
    }
}
