//! What one follower of events gets, whatever carries it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Deserialize;
use strowger_core::vocab::{Principal, Secret};
use tokio::time::{Instant, timeout_at};
use utoipa::IntoParams;

use super::rendered::{Rendered, kinds};
use super::visible::Eyes;
use crate::api::app::App;
use crate::api::gateway::{EventId, Follow, Followed};
use crate::api::problem::Problem;
use crate::api::seats::Seat;

/// Where to go on, and what of it is wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventParams {
    /// The id of the last event seen. The Last-Event-ID header counts more.
    pub(super) from: Option<String>,
    /// Only these kinds, with commas between them: `call_started,call_ended`.
    kinds: Option<String>,
    /// Only what names this call.
    call: Option<String>,
    /// Only what names this queue.
    queue: Option<String>,
    /// Only what names this agent.
    agent: Option<String>,
}

/// What of the events is wanted.
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// Empty for all.
    kinds: BTreeSet<String>,
    /// Names of fields, and what each must say.
    fields: Vec<(&'static str, String)>,
}

impl Filter {
    pub(super) fn read(params: &EventParams) -> Result<Self, Problem> {
        let kinds = match &params.kinds {
            None => BTreeSet::new(),
            Some(text) => {
                let names: Vec<String> =
                    text.split(',').map(|kind| kind.trim().to_owned()).collect();
                known_kinds(&names)
                    .map_err(|wrong| Problem::bad_request(format!("kinds: {wrong}")))?;
                names.into_iter().collect()
            }
        };
        let fields = [("call", &params.call), ("queue", &params.queue), ("agent", &params.agent)];
        let fields = fields.into_iter().filter_map(|(name, wanted)| Some((name, wanted.clone()?)));
        Ok(Self { kinds, fields: fields.collect() })
    }

    fn takes(&self, event: &Rendered) -> bool {
        let kind = self.kinds.is_empty() || self.kinds.contains(&event.kind);
        kind && self.fields.iter().all(|(name, wanted)| event.field(name) == Some(wanted))
    }
}

/// Refuses what is no kind of event, and says which there are.
pub(super) fn known_kinds(names: &[String]) -> Result<(), String> {
    let unknown = names.iter().find(|name| !kinds().contains(*name));
    let Some(unknown) = unknown else { return Ok(()) };
    let known: Vec<&str> = kinds().iter().map(String::as_str).collect();
    let short: String = unknown.chars().take(64).collect();
    Err(format!("there is no event {short:?}; there are {}", known.join(", ")))
}

/// With what a stream was opened. Once that opens no more, or something else, the stream is over.
pub(super) struct Pass {
    holder: Principal,
    token: Secret,
    /// The keys as they were when it was last looked at.
    generation: u64,
    /// When it is looked at though no key has changed: time ends tokens too.
    due: Instant,
}

impl Pass {
    pub(super) fn new(app: &App, holder: Principal, token: &str) -> Self {
        let generation = app.gateway.keyring().generation();
        Self { holder, token: Secret::new(token), generation, due: Instant::now() }
    }

    /// Whether it still opens.
    fn holds(&mut self, app: &App) -> bool {
        let (generation, now) = (app.gateway.keyring().generation(), Instant::now());
        if generation == self.generation && now < self.due {
            return true;
        }
        self.generation = generation;
        self.due = now + app.limits.heartbeat;
        app.gateway.holder(self.token.expose()).as_ref() == Some(&self.holder)
    }
}

/// One stream.
pub(super) struct Feed {
    pass: Pass,
    follower: Box<dyn Follow>,
    eyes: Eyes,
    filter: Filter,
    /// When something has to be said, so that both ends know that the other lives.
    due: Instant,
    /// The last event that came, seen or not.
    last: Option<EventId>,
    /// Nothing has come yet.
    fresh: bool,
    over: bool,
    app: App,
    _seat: Seat,
}

/// What is to be said.
pub(super) enum Step {
    /// An event.
    Event(Arc<Rendered>),
    /// Events are missing up to this place. Whoever fell out of the ring is too slow: nothing more comes then.
    Reset(Option<EventId>),
    /// Nothing has happened for a while; carries the place reached, so that a client to whom little happens need not
    /// start over when it comes back.
    Still(Option<EventId>),
    /// The key opens no more: nothing more comes then.
    ShutOut,
}

impl Feed {
    /// Begins to follow after `from`, or from now on.
    pub(super) fn open(
        app: &App,
        pass: Pass,
        filter: Filter,
        from: Option<EventId>,
    ) -> Result<Self, Problem> {
        let seat = Seat::take(app, &pass.holder.tenant)?;
        Ok(Self {
            follower: app.gateway.follow(from),
            eyes: Eyes::new(pass.holder.clone()),
            pass,
            filter,
            due: Instant::now() + app.limits.heartbeat,
            last: from,
            fresh: true,
            over: false,
            app: app.clone(),
            _seat: seat,
        })
    }

    /// The next thing to say; `None` when the stream is over. May be dropped while it waits, and nothing is lost.
    pub(super) async fn next(&mut self) -> Option<Step> {
        if self.over {
            return None;
        }
        let step = loop {
            let next = timeout_at(self.due, self.follower.next()).await;
            if !self.pass.holds(&self.app) {
                self.over = true;
                break Step::ShutOut;
            }
            match next {
                Err(_) => break Step::Still(self.last),
                Ok(None) => return None,
                Ok(Some(Followed::Reset(at))) => break self.reset(at),
                Ok(Some(Followed::Event(event))) => {
                    self.fresh = false;
                    self.last = Some(EventId::of(&event));
                    if self.eyes.see(&event) {
                        let rendered = self.app.latest.rendered(&event);
                        if self.filter.takes(&rendered) {
                            self.app.figures.events_sent.fetch_add(1, Ordering::Relaxed);
                            break Step::Event(rendered);
                        }
                    }
                }
            }
        };
        self.due = Instant::now() + self.app.limits.heartbeat;
        Some(step)
    }

    /// It fell out of the ring, not having read for too long.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Who begins outside the ring goes on from now; who falls out of it later is too slow, and the stream ends.
    fn reset(&mut self, at: Option<EventId>) -> Step {
        self.app.figures.event_resets.fetch_add(1, Ordering::Relaxed);
        self.over = !self.fresh;
        self.fresh = false;
        self.last = at;
        Step::Reset(at)
    }
}
