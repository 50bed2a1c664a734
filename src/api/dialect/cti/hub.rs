//! What this interface remembers while the process runs: each application's live calls, and the agents' connections.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use strowger_core::vocab::acd::{AgentOrder, AgentView, FigureSubject, Intent};
use strowger_core::vocab::{CallId, Command, CommandError, Event, EventKind, Principal, Role};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::asked::Asked;
use super::hooks;
use super::lines::Lines;
use super::seat::{CallMode, extensions_of};
use super::states::Log;
pub(super) use super::story::Note;
use super::story::{Happening, Numbers, Story};
use crate::api::app::{App, wall_ms};
use crate::api::auth::standing_in;
use crate::api::dialect::common;
use crate::api::gateway::{Follow, Followed};

/// How often lost connections are looked after.
const ROUND: Duration = Duration::from_secs(1);

/// How often the switch is asked at the start, which may not have begun yet, and the pause between.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// One for the process.
#[derive(Debug, Default)]
pub(in crate::api) struct Hub {
    told: Mutex<Told>,
    /// The agents' connections.
    pub(super) lines: Lines,
    /// What is to be written of agents' states.
    log: Log,
    /// Held by whoever reads what is kept of an application and writes it again.
    writing: Mutex<()>,
}

/// Applications by tenant, with what has been told of each.
#[derive(Debug, Default)]
pub(super) struct Told {
    stories: BTreeMap<String, Story>,
}

impl Told {
    /// Attaches notes to the events of a call that was just begun.
    pub(super) fn note(
        &mut self,
        tenant: &str,
        call: CallId,
        notes: Vec<Note>,
        relay: Option<String>,
    ) {
        self.stories.entry(tenant.to_owned()).or_default().note(call, notes, relay);
    }

    /// Whose call this is, where it has been told of.
    pub(super) fn tenant_of(&self, call: CallId) -> Option<String> {
        let own = self.stories.iter().find(|(_, story)| story.knows(call));
        own.map(|(tenant, _)| tenant.clone())
    }

    /// An agent's state as it was told last, and its call.
    pub(super) fn agent(&self, tenant: &str, agent: &str) -> (String, Option<(Numbers, Value)>) {
        match self.stories.get(tenant) {
            Some(story) => (story.state(agent), story.call_of(agent)),
            None => ("offline".to_owned(), None),
        }
    }
}

impl Hub {
    /// The process's.
    pub(super) fn of(app: &App) -> &Self {
        &app.dialects.cti
    }

    /// Forgets an application that is gone, and ends its agents' connections.
    pub(in crate::api) async fn forget_tenant(&self, tenant: &str) {
        self.told.lock().await.stories.remove(tenant);
        self.lines.forget_tenant(tenant);
    }

    /// Nobody else changes what is kept of an application until this is given back.
    pub(super) async fn hold_writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().await
    }

    /// Nothing is told until this is given back.
    pub(super) async fn hold_events(&self) -> MutexGuard<'_, Told> {
        self.told.lock().await
    }
}

/// Writes agents' states down until the process ends.
pub(in crate::api) async fn keep_log(app: App) {
    super::states::write(&app, &Hub::of(&app).log).await;
}

/// Tells events until the process ends.
pub(in crate::api) async fn follow(app: App, mut follower: Box<dyn Follow>) {
    if !app.gateway.operators().is_empty() {
        // What agents are already is known before they become something else.
        for names in app.gateway.tenants().iter() {
            let mut tries = 0;
            while !seat_all(&app, &names.tenant).await && tries < TRIES {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    while let Some(followed) = follower.next().await {
        match followed {
            Followed::Event(event) => hear(&app, &event).await,
            Followed::Reset(_) => Hub::of(&app).told.lock().await.stories.clear(),
        }
    }
}

async fn hear(app: &App, event: &Event) {
    // Without operators nobody can ask for anything here.
    if app.gateway.operators().is_empty() {
        return;
    }
    let told = &Hub::of(app).told;
    let Some(tenant) = &event.tenant else {
        if matches!(event.kind, EventKind::Reloaded) {
            // A tenant that comes again under the name of one that is gone begins anew.
            let names = app.gateway.tenants();
            let is_there = |tenant: &String| names.iter().any(|own| own.tenant == *tenant);
            let mut told = told.lock().await;
            told.stories.retain(|tenant, _| is_there(tenant));
            let known: Vec<String> = told.stories.keys().cloned().collect();
            drop(told);
            for tenant in known {
                seat_all(app, &tenant).await;
            }
        }
        return;
    };
    let seated = told.lock().await.stories.get(tenant).is_some_and(|story| story.seated);
    match &event.kind {
        _ if !seated => drop(seat_all(app, tenant).await),
        EventKind::AgentIntentChanged { agent, .. }
        | EventKind::DefinitionChanged { subject: FigureSubject::Agent(agent), .. } => {
            seat(app, tenant, &agent.id).await;
        }
        _ => {}
    }
    let mut told = told.lock().await;
    let story = told.stories.entry(tenant.clone()).or_default();
    let happenings = story.hear(&event.kind);
    let hides = story.hides || !story.seated;
    drop(told);
    for happening in happenings {
        tell(app, tenant, &happening, (event.at, hides));
    }
}

/// Tells something to whoever wants to know: the agent's own connection, which may have to hide customers' numbers, and the
/// application's subscribers, who are to know them.
fn tell(app: &App, tenant: &str, happening: &Happening, (at, hides): (u64, bool)) {
    if let Some(agent) = &happening.agent {
        let covered = hides.then(|| happening.covered());
        Hub::of(app).lines.tell(tenant, agent, covered.as_ref().unwrap_or(happening));
    }
    hooks::post(app, tenant, happening, at);
    Hub::of(app).log.note(tenant, happening, at);
}

/// Something that no event of the switch says: an agent is rung elsewhere from now on.
pub(super) fn mode_changed(asked: &Asked, agent: &str, mode: CallMode, user_data: Value) {
    let happening = Happening {
        name: "agent_call_mode_change",
        agent: Some(agent.to_owned()),
        state: Some((mode.as_str().to_owned(), String::new(), String::new())),
        user_data,
        ..Happening::default()
    };
    tell(&asked.app, asked.tenant(), &happening, (wall_ms(), false));
}

/// Where one agent sits.
async fn seat(app: &App, tenant: &str, agent: &str) {
    let view = common::agent(app, &observer(tenant), agent).await;
    let mut told = Hub::of(app).told.lock().await;
    let Some(story) = told.stories.get_mut(tenant) else { return };
    match view {
        Ok(view) => sit(story, &view),
        Err(CommandError::NotFound(_)) => story.seats.retain(|_, own| own != agent),
        Err(_) => {}
    }
}

fn observer(tenant: &str) -> Principal {
    standing_in(tenant, Role::Admin, "events")
}

/// Where all agents of a tenant sit, what they do, and whether they see customers' numbers. Where the switch does not say
/// it is asked again with the next event.
async fn seat_all(app: &App, tenant: &str) -> bool {
    let who = observer(tenant);
    let answers = (common::agents(app, &who).await, common::settings(app, &who).await);
    let (Ok(agents), Ok(settings)) = answers else { return false };
    let mut told = Hub::of(app).told.lock().await;
    let story = told.stories.entry(tenant.to_owned()).or_default();
    story.seats.clear();
    for view in &agents {
        sit(story, view);
        story.set_state(&view.config.key.id, &view.intent, &view.activity);
    }
    story.hides = settings.hide_numbers;
    story.seated = true;
    true
}

fn sit(story: &mut Story, view: &AgentView) {
    let id = &view.config.key.id;
    story.seats.retain(|_, own| own != id);
    for number in extensions_of(view).chain(view.place.strip_prefix("extension:")) {
        story.seats.insert(number.to_owned(), id.clone());
    }
}

/// Looks after lost connections until the process ends.
pub(in crate::api) async fn look_after_lost(app: App) {
    let mut round = tokio::time::interval(ROUND);
    round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        round.tick().await;
        send_on_break(&app).await;
    }
}

/// Agents whose connection was lost for too long go on a break, so that no caller is offered to an empty chair.
async fn send_on_break(app: &App) {
    let lines = &Hub::of(app).lines;
    for key in lines.lost(Instant::now()) {
        let (tenant, agent) = &key;
        let who = standing_in(tenant, Role::Admin, "a lost connection");
        let available = match common::agent(app, &who, agent).await {
            Ok(view) => view.intent == Intent::Available,
            Err(CommandError::NotFound(_)) => false,
            // The switch is asked again in the next round.
            Err(_) => continue,
        };
        // The agent may be back by now.
        if available && lines.is_lost(&key, Instant::now()) {
            let intent = Intent::OnBreak { reason: "connection".into(), sub_state: String::new() };
            let order = Command::Agent { agent: agent.clone(), order: AgentOrder::Intent(intent) };
            if let Err(error) = app.gateway.command(who, order).await {
                tracing::warn!(%tenant, %agent, "an agent without a connection is not on a break yet: {error:?}");
                continue;
            }
        }
        lines.rests(&key);
    }
}
