//! Agents' logins and logouts, told to whoever wished to hear of them.
//!
//! What counts is the status that is shown: an agent that comes back from a break logs in. The last one that was told is
//! kept, so that a change just before an end of the process is told after the next start.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;
use strowger_core::vocab::acd::{AgentKey, AgentPlace, AgentView, FigureSubject, IntentSource};
use strowger_core::vocab::{EventKind, Principal, Query, Reply, Role};

use super::agent_item::status;
use super::events::{Method, What, Wish, wishes};
use super::ids;
use super::refusal::Refusal;
use crate::api::app::App;
use crate::api::auth::standing_in;
use crate::api::dialect::common;
use crate::api::gateway::{Follow, Followed};
use crate::api::outgoing::{METHOD, Post, To};

/// The status that was told last, by agents that somebody wishes to hear of.
pub(super) const SPACE: &str = "ringme/told";

/// Whose the webhooks are.
const OWNER: &str = "ringme";

/// Follows the events; ends with the process.
pub(in crate::api::dialect) async fn follow(app: App, mut events: Box<dyn Follow>) {
    let mut teller = Teller { app, shown: BTreeMap::new() };
    teller.begin().await;
    while let Some(followed) = events.next().await {
        match followed {
            Followed::Reset(_) => teller.begin().await,
            Followed::Event(event) => match &event.kind {
                EventKind::AgentIntentChanged { agent, intent, source } => {
                    let source = if *source == IntentSource::Phone { "phone" } else { "api" };
                    teller.changed(agent, status(intent), source).await;
                }
                EventKind::DefinitionChanged { subject: FigureSubject::Agent(agent), exists } => {
                    teller.defined(agent, *exists).await;
                }
                _ => {}
            },
        }
    }
}

/// Addresses that nobody wishes to be told at any longer are forgotten, with what waits for them.
pub(super) async fn forget(app: &App, tenant: &str) -> Result<(), Refusal> {
    let wished: BTreeSet<String> =
        wishes(app, tenant).await?.into_iter().map(|(_, wish)| wish.url).collect();
    for hook in app.gateway.hooks(tenant) {
        if hook.owner == OWNER && !wished.contains(&hook.url) {
            let removed = app.gateway.remove_hook(tenant, &hook.id).await;
            removed.map_err(|error| Refusal::internal(&format!("{error:?}")))?;
        }
    }
    Ok(())
}

struct Teller {
    app: App,
    /// The status that is shown of each agent.
    shown: BTreeMap<AgentKey, &'static str>,
}

fn principal(tenant: &str) -> Principal {
    standing_in(tenant, Role::Admin, "agent events")
}

impl Teller {
    /// Looks at everybody, and tells what was missed.
    async fn begin(&mut self) {
        self.shown.clear();
        let tenants: Vec<String> =
            self.app.gateway.tenants().iter().map(|names| names.tenant.clone()).collect();
        for tenant in tenants {
            self.look(&tenant).await;
            if let Err(refusal) = self.missed(&tenant).await {
                tracing::warn!(tenant, ?refusal, "missed logins of agents could not be told");
            }
        }
    }

    async fn look(&mut self, tenant: &str) {
        let Ok(agents) = common::agents(&self.app, &principal(tenant)).await else { return };
        for view in agents {
            self.shown.insert(view.config.key, status(&view.intent));
        }
    }

    async fn missed(&mut self, tenant: &str) -> Result<(), Refusal> {
        let agents: BTreeSet<String> =
            wishes(&self.app, tenant).await?.into_iter().map(|(_, wish)| wish.agent).collect();
        for id in agents {
            let told = self.app.gateway.kept(tenant, SPACE, &id).await?;
            let key = AgentKey { tenant: tenant.to_owned(), id };
            let Some(shown) = self.shown.get(&key).copied() else { continue };
            if told.is_some_and(|told| told != shown) {
                self.tell(&key, shown, "api").await?;
            }
        }
        Ok(())
    }

    async fn agent(&self, agent: &AgentKey) -> Option<AgentView> {
        let query = Query::Agent(agent.id.clone());
        match self.app.gateway.query(principal(&agent.tenant), query).await {
            Reply::Agent(view) => Some(*view),
            _ => None,
        }
    }

    async fn defined(&mut self, agent: &AgentKey, exists: bool) {
        if !exists {
            self.shown.remove(agent);
        } else if !self.shown.contains_key(agent)
            && let Some(view) = self.agent(agent).await
        {
            self.shown.insert(agent.clone(), status(&view.intent));
        }
    }

    async fn changed(&mut self, agent: &AgentKey, now: &'static str, source: &str) {
        let before = self.shown.insert(agent.clone(), now).unwrap_or("logged_out");
        if before == now {
            return;
        }
        if let Err(refusal) = self.tell(agent, now, source).await {
            tracing::error!(agent = agent.id, ?refusal, "a login or logout could not be told");
        }
    }

    async fn tell(&self, agent: &AgentKey, now: &str, source: &str) -> Result<(), Refusal> {
        let what = if now == "available" { What::AgentLogin } else { What::AgentLogout };
        let all = wishes(&self.app, &agent.tenant).await?;
        let own: Vec<Wish> =
            all.into_iter().map(|(_, wish)| wish).filter(|wish| wish.agent == agent.id).collect();
        if own.is_empty() {
            return Ok(());
        }
        let Some(view) = self.agent(agent).await else { return Ok(()) };
        let body = self.data(&view, now, source).await?;
        for wish in own.into_iter().filter(|wish| wish.event_type == what) {
            let method = match wish.method {
                Method::Get => "GET",
                Method::Post => "POST",
            };
            let kind = "application/x-www-form-urlencoded";
            let post = Post {
                tenant: agent.tenant.clone(),
                to: To::Url { owner: OWNER, url: wish.url },
                order_key: format!("agent {}", agent.id),
                headers: vec![(METHOD.into(), method.into()), ("Content-Type".into(), kind.into())],
                body: body.clone().into(),
            };
            if let Err(error) = self.app.gateway.post(post) {
                tracing::error!(agent = agent.id, "a login or logout is not told: {error:?}");
            }
        }
        let told = Value::from(now);
        Ok(self.app.gateway.keep(&agent.tenant, SPACE, &agent.id, Some(told)).await?)
    }

    /// What is told, as a form.
    async fn data(&self, view: &AgentView, now: &str, source: &str) -> Result<String, Refusal> {
        let (tenant, gateway) = (&view.config.key.tenant, &self.app.gateway);
        let id = gateway.number(tenant, ids::AGENTS, &view.config.key.id).await?;
        let domain = gateway
            .tenants()
            .iter()
            .find(|names| names.tenant == *tenant)
            .map(|names| names.domain.clone());
        let (kind, key, place) = match view.config.places.first() {
            Some(AgentPlace::Number(number)) => ("remote", "agent_number", number.clone()),
            Some(AgentPlace::Extension(number)) => {
                let name = format!("{}@{}", ids::shown(number), domain.unwrap_or_default());
                ("local", "extension_name", name)
            }
            None => ("local", "extension_name", String::new()),
        };
        Ok(form(&[
            ("agent_id", &id.to_string()),
            ("agent_status", now),
            ("agent_type", kind),
            (key, &place),
            ("event_source", source),
        ]))
    }
}

/// `application/x-www-form-urlencoded`, as the URL standard writes it.
fn form(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (key, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        text.push_str(key);
        text.push('=');
        for byte in value.bytes() {
            match byte {
                b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'*' | b'-' | b'.' | b'_' => {
                    text.push(char::from(byte));
                }
                b' ' => text.push('+'),
                // Writing to a text does not fail.
                _ => drop(write!(text, "%{byte:02X}")),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::form;

    #[test]
    fn a_form_is_escaped() {
        let text =
            form(&[("agent_id", "136"), ("extension_name", "000*094@pbx.example"), ("x", "a&b ü")]);
        assert_eq!(text, "agent_id=136&extension_name=000*094%40pbx.example&x=a%26b+%C3%BC");
    }
}
