//! What happens, told to webhooks: one task follows the events and asks each webhook's owner what to say.

use std::sync::atomic::Ordering;

use axum::body::Bytes;
use strowger_core::vocab::Event;

use super::app::App;
use super::dialect;
use super::gateway::{Follow, Followed, Task};
use super::native;
use super::outgoing::{Hook, Post, PostError, To};

/// What a webhook is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    /// What has the same one is told in order: the call, mostly.
    pub(super) order_key: String,
    /// Header fields, `Content-Type` among them.
    pub(super) headers: Vec<(String, String)>,
    /// The body.
    pub(super) body: Bytes,
}

/// Says what the webhooks of one owner are told. It hears every event once, in order, of all tenants, and remembers what
/// it needs of them.
pub(super) trait Renderer: Send {
    /// Whose webhooks.
    fn owner(&self) -> &'static str;

    /// An event has happened; called before [`render`](Self::render) with the same one.
    fn hear(&mut self, _event: &Event) {}

    /// What a webhook of the event's tenant is told of it, if anything.
    fn render(&mut self, event: &Event, hook: &Hook) -> Option<Told>;
}

/// The task. It follows from when this returns.
pub(super) fn task(app: &App) -> Task {
    let mut renderers: Vec<Box<dyn Renderer>> = vec![native::webhook_renderer(app)];
    renderers.extend(dialect::renderers(app));
    let follower = app.gateway.follow(None);
    Box::pin(run(app.clone(), renderers, follower))
}

async fn run(app: App, mut renderers: Vec<Box<dyn Renderer>>, mut follower: Box<dyn Follow>) {
    while let Some(followed) = follower.next().await {
        match followed {
            Followed::Event(event) => tell(&app, &mut renderers, &event),
            Followed::Reset(_) => {
                app.figures.webhook_resets.fetch_add(1, Ordering::Relaxed);
                tracing::error!("webhooks fell behind the events; some are not told");
            }
        }
    }
}

fn tell(app: &App, renderers: &mut [Box<dyn Renderer>], event: &Event) {
    for renderer in &mut *renderers {
        renderer.hear(event);
    }
    let Some(tenant) = &event.tenant else { return };
    for hook in app.gateway.hooks(tenant).iter().filter(|hook| hook.enabled) {
        let owner = renderers.iter_mut().find(|renderer| renderer.owner() == hook.owner);
        let Some(told) = owner.and_then(|owner| owner.render(event, hook)) else { continue };
        let Told { order_key, headers, body } = told;
        let (tenant, to) = (tenant.clone(), To::Hook(hook.id.clone()));
        match app.gateway.post(Post { tenant, to, order_key, headers, body }) {
            // It was removed meanwhile.
            Ok(()) | Err(PostError::NoHook) => {}
            Err(error) => tracing::error!(hook = hook.id, "an event is not told: {error:?}"),
        }
    }
}
