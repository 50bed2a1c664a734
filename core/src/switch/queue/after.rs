//! The agent has hung up first: the caller is sent on, or asked how it was.

use crate::call::Outcome;
use crate::vocab::acd::HangupAction;
use crate::vocab::record::EndCause;
use crate::vocab::{CallId, EventKind, Hop, Now};
use crate::voice;

use super::super::Running;
use super::Stage;

/// A rating is awaited so long after the question; nanoseconds.
const RATING_LIMIT: u64 = 10_000_000_000;
/// The question and the wait for its answer end by then, whatever is played.
const QUESTION_LIMIT: u64 = 60_000_000_000;

impl Running {
    /// The conversation is over and the caller is still there.
    pub(super) fn agent_left(&mut self, now: Now, id: CallId) {
        let Some(visit) = self.queues.visits.get_mut(&id) else { return };
        let Stage::Talking { offer, agent } = &visit.stage else { return };
        let (offer, agent) = (*offer, agent.clone());
        self.staff.disengage(offer);
        self.queues.acd.finished(now, id);
        let service = self.queues.config_of(id).map(|config| &config.service);
        match service.and_then(|service| service.agent_hangup_action) {
            Some(HangupAction::Transfer) => self.send_on(now, id),
            Some(HangupAction::QualityRate) => {
                if let Some(visit) = self.queues.visits.get_mut(&id) {
                    visit.stage = Stage::Rating { agent };
                }
                self.ask_rating(now, id);
            }
            None => self.end_visit(now, id),
        }
    }

    fn end_visit(&mut self, now: Now, id: CallId) {
        self.queues.forget(id);
        let outcome = Outcome::of(EndCause::Normal);
        self.step(now, id, |call, ctx| call.release(ctx, outcome, false));
    }

    /// To where the queue sends callers whose agent hung up, under a name that says so.
    fn send_on(&mut self, now: Now, id: CallId) {
        let Some(config) = self.queues.config_of(id) else { return self.end_visit(now, id) };
        let (tenant, service) = (config.key.tenant.clone(), &config.service);
        let suffix = service.append_to_cid_name_on_transfer.clone();
        let hops: Option<Vec<Hop>> = service
            .agent_hangup_transfer_dst
            .as_ref()
            .and_then(|to| self.books.directory.destination(&tenant, to).ok());
        let Some(mut hops) = hops else { return self.end_visit(now, id) };
        self.books.trunks.living_first(&mut hops);
        self.queues.forget(id);
        if !suffix.is_empty() {
            self.queues.suffixes.insert(id, suffix);
        }
        self.step(now, id, |call, ctx| call.go_to(ctx, hops));
    }

    fn ask_rating(&mut self, now: Now, id: CallId) {
        let Some(config) = self.queues.config_of(id) else { return self.end_visit(now, id) };
        let service = &config.service;
        let language = self.queues.visits.get(&id).map_or("en", |visit| visit.language.as_str());
        let question = match &service.quality_rate_sound {
            Some(sound) => vec![sound.clone()],
            None => voice::rate(language, service.quality_rate_max),
        };
        self.queues.set_deadline(id, Some(now.mono + QUESTION_LIMIT));
        self.say_now(now, id, question);
        if self.queues.visits.get(&id).is_some_and(|visit| visit.hears.playing.is_none()) {
            self.end_visit(now, id);
        }
    }

    /// The question has been heard.
    pub(super) fn await_rating(&mut self, now: Now, id: CallId) {
        self.queues.set_deadline(id, Some(now.mono + RATING_LIMIT));
    }

    /// The caller pressed a key instead of words.
    pub(super) fn rated(&mut self, now: Now, id: CallId, key: char) {
        let Some(visit) = self.queues.visits.get(&id) else { return };
        let Stage::Rating { agent } = &visit.stage else { return };
        let Some(config) = self.queues.config_of(id) else { return };
        let best = config.service.quality_rate_max;
        let rating = key.to_digit(10).and_then(|digit| u8::try_from(digit).ok());
        let Some(rating) = rating.filter(|rating| (1..=best).contains(rating)) else { return };
        let thanks = match &config.service.quality_rate_finish_sound {
            Some(sound) => vec![sound.clone()],
            None => voice::prompt(&visit.language, "thank-you"),
        };
        let (queue, agent) = (visit.queue.clone(), agent.clone());
        let kind = EventKind::CallRated {
            call: id,
            interaction: visit.interaction,
            queue: queue.clone(),
            agent,
            rating,
        };
        self.calls.with(id, |call| {
            let visits = &mut call.record.queued;
            if let Some(visit) = visits.iter_mut().rev().find(|visit| visit.queue == queue) {
                visit.rating = Some(rating);
            }
        });
        self.desk.out.publish(now, Some(&queue.tenant), kind);
        self.queues.forget(id);
        let outcome = Outcome::of(EndCause::Normal);
        self.step(now, id, |call, ctx| {
            call.say(ctx, thanks, false);
            call.release(ctx, outcome, true);
        });
    }
}
