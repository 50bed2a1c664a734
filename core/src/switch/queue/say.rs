//! What a waiting caller hears: announcements one after the other, music or ringback between them.

use media::order::PlayId;

use crate::acd::Saying;
use crate::vocab::acd::{QueueConfig, WaitSound};
use crate::vocab::{CallId, Now};
use crate::voice;

use super::super::Running;
use super::{Stage, Visit};

/// Announcements that may wait for their turn; more are dropped.
const MAX_NEXT: usize = 4;
/// What waiting callers hear instead of music.
const RINGBACK: &str = "tones/ringback";

impl Running {
    /// The caller's media is settled.
    pub(super) fn caller_hears(&mut self, now: Now, id: CallId) {
        if let Some(visit) = self.queues.visits.get_mut(&id) {
            visit.hears.ready = true;
            self.say_next(now, id);
        }
    }

    /// The distributor wants something said.
    pub(super) fn say_to_caller(&mut self, now: Now, id: CallId, what: Saying) {
        let Some(config) = self.queues.config_of(id) else { return };
        let Some(visit) = self.queues.visits.get(&id) else { return };
        // Whom nobody can call back is not offered it.
        if what == Saying::CallbackOffer && !self.reaches_back(id) {
            return;
        }
        let prompts = words(config, visit, what);
        let Some(visit) = self.queues.visits.get_mut(&id) else { return };
        let hears = &mut visit.hears;
        if prompts.is_empty()
            || hears.next.len() >= MAX_NEXT
            || !matches!(visit.stage, Stage::Waiting)
        {
            return;
        }
        hears.next.push_back(prompts);
        if hears.ready && hears.playing.is_none() {
            self.say_next(now, id);
        }
    }

    /// An announcement came to its end.
    pub(super) fn caller_heard(&mut self, now: Now, id: CallId, play: PlayId) {
        let Some(visit) = self.queues.visits.get_mut(&id) else { return };
        if visit.hears.playing != Some(play) {
            return;
        }
        visit.hears.playing = None;
        match visit.stage {
            Stage::Waiting => self.say_next(now, id),
            Stage::Rating { .. } => self.await_rating(now, id),
            Stage::Introducing { .. } | Stage::Talking { .. } => {}
        }
    }

    /// The next announcement, else the music.
    pub(super) fn say_next(&mut self, now: Now, id: CallId) {
        let Some(visit) = self.queues.visits.get_mut(&id) else { return };
        let next = visit.hears.next.pop_front();
        if next.is_none() {
            return self.play_music(now, id);
        }
        self.say_now(now, id, next.unwrap_or_default());
    }

    pub(super) fn say_now(&mut self, now: Now, id: CallId, prompts: Vec<String>) {
        let mut play = None;
        self.step(now, id, |call, ctx| play = call.say(ctx, prompts, false));
        if let Some(visit) = self.queues.visits.get_mut(&id) {
            visit.hears.playing = play;
        }
    }

    /// What the caller hears when nothing is being said.
    pub(super) fn play_music(&mut self, now: Now, id: CallId) {
        let own = self.queues.config_of(id).and_then(|config| match config.voice.sound_type {
            WaitSound::Ring => Some(RINGBACK.to_owned()),
            WaitSound::Music => config.voice.sound.clone(),
        });
        let music = own.unwrap_or_else(|| self.desk.policy.media.hold_music.clone());
        if let Some(visit) = self.queues.visits.get_mut(&id) {
            visit.hears.playing = None;
        }
        self.step(now, id, |call, ctx| {
            call.say(ctx, vec![music], true);
        });
    }

    /// Nothing more is announced: an agent is there.
    pub(super) fn cut_announcements(&mut self, now: Now, id: CallId) {
        let Some(visit) = self.queues.visits.get_mut(&id) else { return };
        visit.hears.next.clear();
        if visit.hears.playing.take().is_some() {
            self.play_music(now, id);
        }
    }
}

/// The prompts of an announcement.
fn words(config: &QueueConfig, visit: &Visit, what: Saying) -> Vec<String> {
    let own = |name: &Option<String>| name.iter().cloned().collect();
    match what {
        Saying::Start => own(&config.voice.start_sound),
        Saying::Announce => own(&config.voice.announce_sound),
        Saying::Position(n) => voice::position(&visit.language, n),
        Saying::Wait { secs } => voice::wait(&visit.language, secs),
        Saying::CallbackOffer => match config.limits.callback_key {
            Some(key) => voice::callback_offer(&visit.language, key),
            None => Vec::new(),
        },
    }
}
