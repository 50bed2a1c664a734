//! Calls whose other end is the switch itself: the echo test, a prompt, and the spoken reason why a call failed.

use media::order::{Order, PlayId};
use sip::endpoint::{Body, Reply};

use crate::vocab::EventKind;
use crate::vocab::record::{EndCause, EndedBy, Party};

use super::{CALLEE, CALLER, Call, Ctx, Outcome, Rights, SECOND, Stage};

/// The longest echo test or prompt.
const SERVICE_LIMIT: u64 = 600 * SECOND;
/// The longest explanation of a failure.
const EXPLAIN_LIMIT: u64 = 20 * SECOND;

/// What the switch does for the caller.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) deadline: u64,
    task: Task,
    play: Option<PlayId>,
}

#[derive(Debug, Clone)]
enum Task {
    /// Explains itself, then sends back what it hears.
    Echo,
    /// Plays once and hangs up.
    Sound(String),
    /// Plays, then ends the call for this reason.
    Explain(Outcome, String),
}

impl Call {
    /// Whether the switch itself is the caller's other end.
    pub(crate) fn is_alone(&self) -> bool {
        matches!(self.stage, Stage::Serving(_) | Stage::Attending(_))
    }

    pub(crate) fn start_echo(&mut self, ctx: &mut Ctx<'_>) {
        self.serve(ctx, Task::Echo, "echo".to_owned());
    }

    pub(crate) fn start_sound(&mut self, ctx: &mut Ctx<'_>, name: String) {
        self.serve(ctx, Task::Sound(name.clone()), name);
    }

    /// Answers the caller and begins the service; without a description from the caller it begins with the ACK.
    fn serve(&mut self, ctx: &mut Ctx<'_>, task: Task, name: String) {
        let party = Party::Service { name };
        self.record.callee = party.clone();
        self.legs[CALLEE].party = party.clone();
        let was_confirmed = self.legs[CALLER].confirmed;
        if !was_confirmed && !self.accept_caller(ctx) {
            return self.fail(ctx, Outcome::of(EndCause::Incompatible));
        }
        self.record.answered_at.get_or_insert(ctx.now.wall);
        self.reached();
        self.stage =
            Stage::Serving(Service { deadline: ctx.now.mono + SERVICE_LIMIT, task, play: None });
        let (call, interaction) = (self.id, self.interaction);
        let kind = EventKind::CallAnswered { call, interaction, callee: party };
        ctx.out.publish(ctx.now, Some(&self.tenant), kind);
        if self.legs[CALLER].media.theirs().is_some() {
            self.begin_service(ctx);
        }
    }

    /// The caller's media is settled: the caller may hear something. Does nothing the second time.
    pub(crate) fn begin_service(&mut self, ctx: &mut Ctx<'_>) {
        let prompt = match &self.stage {
            Stage::Serving(Service { play: None, task, .. }) => match task {
                Task::Echo => format!("{}/echo", self.language),
                Task::Sound(name) => name.clone(),
                Task::Explain(_, prompt) => prompt.clone(),
            },
            _ => return,
        };
        let limit = self.silence_limit(ctx);
        self.legs[CALLER].media.configure(ctx, self.worker, limit);
        let Some(stream) = self.legs[CALLER].media.audio() else {
            return self.fail(ctx, Outcome::of(EndCause::Incompatible));
        };
        let play = ctx.ids.play();
        ctx.out.media(self.worker, Order::StopPlay { stream });
        ctx.out
            .media(self.worker, Order::Play { stream, play, prompts: vec![prompt], repeat: false });
        if let Stage::Serving(service) = &mut self.stage {
            service.play = Some(play);
        }
    }

    /// Ends a call that nobody answered: with a spoken reason where that is wanted and possible, and always with its status.
    ///
    /// A caller who has no answer yet hears it as early media, so that the call is neither charged nor logged as answered.
    pub(crate) fn explain_failure(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome) {
        let house = ctx.policy.tenants.get(&self.tenant).and_then(|own| own.no_answer.clone());
        let unanswered = matches!(
            outcome.cause,
            EndCause::NoAnswer | EndCause::Busy | EndCause::Rejected | EndCause::NotRegistered
        );
        let from_outside = matches!(self.rights, Rights::Trunk(_));
        if let Some(prompt) = house.filter(|_| unanswered && from_outside) {
            return self.refuse(ctx, outcome, prompt);
        }
        let caller = &self.legs[CALLER];
        let wanted = ctx.policy.calls.announce_failures || caller.confirmed;
        match outcome.prompt().filter(|_| wanted) {
            Some(name) => self.refuse(ctx, outcome, format!("{}/{name}", self.language)),
            None => self.fail(ctx, outcome),
        }
    }

    /// Ends a call that nobody answered with these words, where the caller can hear them, and with the status.
    pub(crate) fn refuse(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome, prompt: String) {
        if self.returns.is_some() {
            return self.not_reached(ctx, outcome);
        }
        let caller = &self.legs[CALLER];
        if !caller.confirmed && (caller.late_offer || caller.sip.is_none()) {
            return self.fail(ctx, outcome);
        }
        if !caller.confirmed && !caller.described && !self.open_early(ctx) {
            return self.fail(ctx, outcome);
        }
        self.stage = Stage::Serving(Service {
            deadline: ctx.now.mono + EXPLAIN_LIMIT,
            task: Task::Explain(outcome, prompt),
            play: None,
        });
        self.begin_service(ctx);
    }

    /// Describes our media to a caller without answer. False where its INVITE allows none.
    pub(crate) fn open_early(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let caller = &mut self.legs[CALLER];
        let (Ok(body), Some(leg)) = (caller.media.answer_self(ctx), caller.sip) else {
            return false;
        };
        let mut reply = Reply::new(183).with_body(Body::sdp(body));
        reply.reliable = caller.reliable;
        caller.described = true;
        ctx.sip.provisional(ctx.now.mono, leg, reply);
        true
    }

    /// A prompt came to its end.
    pub(crate) fn play_ended(&mut self, ctx: &mut Ctx<'_>, play: PlayId) {
        let task = match &self.stage {
            Stage::Serving(service) if service.play == Some(play) => service.task.clone(),
            _ => return,
        };
        match task {
            Task::Echo => {
                if let Some(stream) = self.legs[CALLER].media.audio() {
                    ctx.out.media(self.worker, Order::Echo { stream });
                }
            }
            Task::Sound(_) => self.finish(ctx, Outcome::of(EndCause::Normal), EndedBy::Switch),
            Task::Explain(outcome, _) => self.fail(ctx, outcome),
        }
    }

    pub(crate) fn service_timeout(&mut self, ctx: &mut Ctx<'_>) {
        let outcome = match &self.stage {
            Stage::Serving(Service { task: Task::Explain(outcome, _), .. }) => *outcome,
            _ => Outcome::of(EndCause::TooLong),
        };
        self.finish(ctx, outcome, EndedBy::Switch);
    }
}
