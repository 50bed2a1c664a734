//! A seat: an agent of the distributor, and what only this interface knows of it.
//!
//! Name, queues, times and places are the agent's own. A seat without an extension can be rung nowhere and is no agent yet:
//! all of it waits in its document until one is bound.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strowger_core::vocab::acd::{
    Activity, AgentConfig, AgentPlace, AgentView, DefinitionOrder, Intent, Tier,
};
use strowger_core::vocab::{AgentKey, Command, QueueKey};

use super::asked::{Asked, if_there};
use super::envelope::{Fault, Refusal};
use super::shelf::SEATS;
use crate::api::dialect::common;

/// Extensions that a seat may have.
pub(super) const MOST_EXTENSIONS: usize = 2;

/// How an agent is rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CallMode {
    /// At its extension.
    #[default]
    Voip,
    /// At its mobile number.
    Cellphone,
}

impl CallMode {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Voip => "voip",
            Self::Cellphone => "cellphone",
        }
    }
}

/// What is kept of a seat.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct SeatDoc {
    pub(super) work_id: String,
    pub(super) mobile: String,
    pub(super) email: String,
    /// `agent` or `leader`; empty is `agent`.
    pub(super) role: String,
    pub(super) disabled: bool,
    /// The relay number of its own; empty is none.
    pub(super) relay: String,
    pub(super) mode: CallMode,
    /// Bound extensions, the active one first.
    pub(super) extensions: Vec<String>,
    /// While it is no agent: its name, queues and wrap-up.
    pub(super) name: String,
    pub(super) queues: Vec<String>,
    pub(super) wrap_up: Option<u32>,
}

/// A seat as it stands.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    pub(super) id: String,
    pub(super) doc: SeatDoc,
    /// The agent, where it is one.
    pub(super) agent: Option<Box<AgentView>>,
}

impl Seat {
    /// Finds a seat.
    ///
    /// # Errors
    /// There is none of this id in the application.
    pub(super) async fn find(asked: &Asked, id: &str) -> Result<Self, Refusal> {
        let seat = Self::look_up(asked, id).await?;
        seat.ok_or_else(|| Refusal::new(Fault::NotFound, format!("no agent {id}")))
    }

    /// A seat, if there is one of this id.
    ///
    /// # Errors
    /// Neither switch nor store can be asked.
    pub(super) async fn look_up(asked: &Asked, id: &str) -> Result<Option<Self>, Refusal> {
        let agent = if_there(common::agent(&asked.app, &asked.principal(), id).await)?;
        let doc: Option<SeatDoc> = asked.kept(SEATS, id).await?;
        if agent.is_none() && doc.is_none() {
            return Ok(None);
        }
        Ok(Some(Self::of(id.to_owned(), doc.unwrap_or_default(), agent.map(Box::new))))
    }

    /// Every seat of the application, by id.
    ///
    /// # Errors
    /// Neither switch nor store can be asked.
    pub(super) async fn all(asked: &Asked) -> Result<Vec<Self>, Refusal> {
        let docs: Vec<(String, SeatDoc)> = asked.all_kept(SEATS).await?;
        let mut docs: BTreeMap<String, SeatDoc> = docs.into_iter().collect();
        let mut seats = Vec::new();
        for view in common::agents(&asked.app, &asked.principal()).await? {
            let id = view.config.key.id.clone();
            let doc = docs.remove(&id).unwrap_or_default();
            seats.push(Self::of(id, doc, Some(Box::new(view))));
        }
        seats.extend(docs.into_iter().map(|(id, doc)| Self::of(id, doc, None)));
        seats.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(seats)
    }

    fn of(id: String, mut doc: SeatDoc, agent: Option<Box<AgentView>>) -> Self {
        if let Some(view) = &agent {
            // The agent may have been changed elsewhere: what it is counts.
            doc.name.clone_from(&view.config.name);
            doc.queues = view.config.tiers.iter().map(|tier| tier.queue.number.clone()).collect();
            doc.wrap_up = view.config.times.wrap_up_time;
            if view.from_file || doc.mode == CallMode::Voip {
                doc.extensions = extensions_of(view).map(str::to_owned).collect();
            }
        }
        Self { id, doc, agent }
    }

    /// The extension that the agent uses.
    pub(super) fn extension(&self) -> Option<&str> {
        let active = self.agent.as_ref().and_then(|view| view.place.strip_prefix("extension:"));
        active.or_else(|| self.doc.extensions.first().map(String::as_str))
    }

    /// Whether it is signed in.
    pub(super) fn signed_in(&self) -> bool {
        self.agent.as_ref().is_some_and(|view| view.intent != Intent::LoggedOut)
    }

    /// Whether the configuration file defines the agent.
    pub(super) fn is_of_file(&self) -> bool {
        self.agent.as_ref().is_some_and(|view| view.from_file)
    }

    /// For what is the agent's own and not only this interface's.
    ///
    /// # Errors
    /// The configuration file defines the agent.
    pub(super) fn changeable(&self) -> Result<(), Refusal> {
        if self.is_of_file() {
            let detail = format!("agent {} is defined by the configuration file", self.id);
            return Err(Refusal::new(Fault::Forbidden, detail));
        }
        Ok(())
    }

    /// Writes the seat: its document, and the agent where it can be rung somewhere.
    ///
    /// # Errors
    /// The configuration file defines the agent, an extension or queue does not exist, or the store cannot be written.
    pub(super) async fn save(&self, asked: &Asked) -> Result<(), Refusal> {
        Self::save_all(std::slice::from_ref(self), asked).await
    }

    /// Writes seats, which takes no longer than one of them. Those for which nothing speaks against it are written also
    /// where others are refused.
    ///
    /// # Errors
    /// As of one; the first counts.
    pub(super) async fn save_all(seats: &[Self], asked: &Asked) -> Result<(), Refusal> {
        let tenant = asked.tenant();
        let mut refused = Vec::new();
        let (mut sound, mut orders) = (Vec::new(), Vec::new());
        for seat in seats {
            match seat.order(tenant) {
                Ok(None) => sound.push(seat),
                Ok(Some(order)) => orders.push((seat, Command::Define(order))),
                Err(refusal) => refused.push(refusal),
            }
        }
        let (ordered, commands): (Vec<&Self>, Vec<Command>) = orders.into_iter().unzip();
        for (seat, outcome) in ordered.into_iter().zip(asked.order_all(commands).await) {
            match outcome {
                Ok(_) => sound.push(seat),
                Err(refusal) => refused.push(refusal),
            }
        }
        let documents = sound.iter().map(|seat| (seat.id.as_str(), &seat.doc));
        asked.keep_all(SEATS, documents).await?;
        refused.into_iter().next().map_or(Ok(()), Err)
    }

    /// What makes the agent what the seat says; `None` where it is that.
    fn order(&self, tenant: &str) -> Result<Option<DefinitionOrder>, Refusal> {
        let key = AgentKey { tenant: tenant.to_owned(), id: self.id.clone() };
        if let Some(view) = self.agent.as_ref().filter(|view| view.from_file) {
            let known = Self::of(self.id.clone(), SeatDoc::default(), Some(view.clone())).doc;
            let own = |doc: &SeatDoc| (doc.name.clone(), doc.queues.clone(), doc.wrap_up);
            if own(&known) != own(&self.doc) {
                self.changeable()?;
            }
            return Ok(None);
        }
        Ok(match self.definition(key.clone()) {
            Some(config) => Some(DefinitionOrder::PutAgent(Box::new(config))),
            None => self.agent.as_ref().map(|_| DefinitionOrder::DeleteAgent(key)),
        })
    }

    /// The agent as it should be; `None` while it can be rung nowhere.
    fn definition(&self, key: AgentKey) -> Option<AgentConfig> {
        let phones = self.doc.extensions.iter().cloned().map(AgentPlace::Extension);
        let places: Vec<AgentPlace> = match self.doc.mode {
            CallMode::Voip => phones.take(MOST_EXTENSIONS).collect(),
            CallMode::Cellphone if self.doc.mobile.is_empty() => phones.collect(),
            CallMode::Cellphone => {
                let mobile = AgentPlace::Number(self.doc.mobile.clone());
                std::iter::once(mobile).chain(phones.take(1)).collect()
            }
        };
        if self.doc.extensions.is_empty() {
            return None;
        }
        let tenant = key.tenant.clone();
        let old = self.agent.as_ref().map(|view| &view.config);
        let tier = |number: &String| {
            let queue = QueueKey { tenant: tenant.clone(), number: number.clone() };
            let known = old.and_then(|old| old.tiers.iter().find(|tier| tier.queue == queue));
            known.cloned().unwrap_or(Tier { queue, level: 1, position: 1 })
        };
        let mut config = old.cloned().unwrap_or_else(|| AgentConfig::new(key));
        config.name.clone_from(&self.doc.name);
        config.tiers = self.doc.queues.iter().map(tier).collect();
        config.times.wrap_up_time = self.doc.wrap_up;
        config.places = places;
        Some(config)
    }

    /// As the document shows seats; `long` writes the id with the application's.
    pub(super) fn shown(
        &self,
        asked: &Asked,
        queues: &BTreeMap<String, String>,
        long: bool,
    ) -> Value {
        let doc = &self.doc;
        let app_id = &asked.app_id;
        let id = if long { format!("{}@{app_id}", self.id) } else { self.id.clone() };
        let list = |items: &[String]| if items.is_empty() { Value::Null } else { json!(items) };
        let named = doc.queues.iter().filter_map(|number| queues.get(number));
        let names: Vec<&str> = named.map(String::as_str).collect();
        let infos: Vec<Value> = doc
            .extensions
            .iter()
            .map(|extension| {
                json!({"Extension": extension, "Number": format!("{}{extension}", asked.names.prefix)})
            })
            .collect();
        let or_null = |text: String| if text.is_empty() { Value::Null } else { Value::from(text) };
        json!({
            "AppId": app_id,
            "AgentId": id,
            "WorkId": doc.work_id,
            "Name": doc.name,
            "Mobile": doc.mobile,
            "Email": doc.email,
            "Role": if doc.role.is_empty() { "agent" } else { &doc.role },
            "Queues": list(&doc.queues),
            "QueuesNames": or_null(names.join(",")),
            "Extensions": list(&doc.extensions),
            "DefSpNumber": doc.relay,
            "State": self.state(),
            "ExtState": self.extension_state(),
            "WrapUpTime": doc.wrap_up.unwrap_or(0),
            "Enable": !doc.disabled,
            "ExtenInfos": if infos.is_empty() { Value::Null } else { json!(infos) },
        })
    }

    /// 0 signed in and idle, 1 after-call work, 2 being rung, 3 in a call, 4 signed out or on a break.
    fn state(&self) -> u8 {
        let Some(view) = &self.agent else { return 4 };
        match (&view.activity, &view.intent) {
            (Activity::Talking { .. } | Activity::OnOtherCall, _) => 3,
            (Activity::Offered { .. }, _) => 2,
            (_, Intent::LoggedOut | Intent::OnBreak { .. }) => 4,
            (Activity::WrappingUp { .. } | Activity::CoolingDown { .. }, _) => 1,
            (Activity::Idle, Intent::Available) => 0,
        }
    }

    /// 0 idle, 1 busy, 2 online (a mobile), 3 offline, 4 none.
    fn extension_state(&self) -> u8 {
        match &self.agent {
            None => 3 + u8::from(self.doc.extensions.is_empty()),
            Some(view) if !view.reachable => 3,
            Some(view) => match view.activity {
                Activity::Talking { .. } | Activity::OnOtherCall | Activity::Offered { .. } => 1,
                _ if view.place.starts_with("number:") => 2,
                _ => 0,
            },
        }
    }
}

/// The phones at which an agent may be rung.
pub(super) fn extensions_of(view: &AgentView) -> impl Iterator<Item = &str> {
    view.config.places.iter().filter_map(|place| match place {
        AgentPlace::Extension(number) => Some(number.as_str()),
        AgentPlace::Number(_) => None,
    })
}
