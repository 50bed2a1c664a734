//! Seats: create, change, remove, show, list.

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, post};
use serde_json::{Value, json};
use strowger_core::vocab::acd::{AgentOrder, DefinitionOrder, Intent};
use strowger_core::vocab::{AgentKey, Command};

use super::asked::{Asked, AskedByAny};
use super::envelope::{Fault, Outcome, Refusal, found, gone, written};
use super::extensions::{self, Made};
use super::fields::{Fields, missing};
use super::seat::{MOST_EXTENSIONS, Seat};
use super::shelf::SEATS;
use super::sign::Signer;
use crate::api::app::App;
use crate::api::dialect::common;

/// Numbers of extensions that nobody chose: queues begin with 9.
const FREE: std::ops::Range<u32> = 1_000..9_000;
/// Seats that one request may create.
const MOST_AT_ONCE: usize = 100;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/agents", post(create).get(list))
        .route("/agents/{agent}", get(show).put(change).delete(remove))
}

async fn create(asked: Asked) -> Outcome {
    let body = asked.body()?;
    let wanted = match body.objects("Agents")? {
        Some(list) => list,
        None if body.has_any(&["AgentId"]) => vec![body.clone()],
        None => return Err(missing("Agents")),
    };
    if wanted.is_empty() || wanted.len() > MOST_AT_ONCE {
        return Err(Refusal::params(format!("Agents: 1 to {MOST_AT_ONCE} seats")));
    }
    // All are looked at before the first is made.
    let mut bound = Bound::of(&asked).await?;
    let (mut fresh, mut numbers) = (Vec::new(), Vec::new());
    for fields in &wanted {
        let id = asked.agent(&fields.wanted("AgentId")?)?;
        if !bound.agents.insert(id.clone()) {
            return Err(Refusal::new(Fault::Duplicate, format!("{id} for AgentId")));
        }
        let mut seat = Seat { id, doc: super::seat::SeatDoc::default(), agent: None };
        seat.doc.work_id = work_id(fields)?.ok_or_else(|| missing("WorkId"))?;
        read_into(&mut seat, fields)?;
        let create = fields.flag("IsCreateExtension")?.unwrap_or(false);
        match fields.given("Extension")? {
            number if create => {
                let number = bound.make(&seat.id, number)?;
                numbers.push(number.clone());
                seat.doc.extensions.push(number);
            }
            Some(number) => {
                bound.take(&seat.id, &number)?;
                seat.doc.extensions.push(number);
            }
            None => {}
        }
        fresh.push(seat);
    }
    let made = extensions::make(&asked, numbers).await?;
    Seat::save_all(&fresh, &asked).await?;
    let shown = |own: Made| json!({"Extension": own.number, "Password": own.password});
    let made: Vec<Value> = made.into_iter().map(shown).collect();
    written(if made.is_empty() { Value::Null } else { json!({"Extensions": made}) })
}

fn work_id(fields: &Fields) -> Result<Option<String>, Refusal> {
    let id = match fields.given("WorkId")? {
        Some(id) => Some(id),
        None => fields.given("WorkerID")?,
    };
    let sound = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    match id {
        Some(id) if id.chars().count() > 32 || !id.chars().all(sound) => {
            Err(Refusal::params("WorkId: at most 32 letters, digits and _"))
        }
        id => Ok(id),
    }
}

/// Takes over what is given and leaves the rest.
fn read_into(seat: &mut Seat, fields: &Fields) -> Result<(), Refusal> {
    let doc = &mut seat.doc;
    if let Some(id) = work_id(fields)? {
        doc.work_id = id;
    }
    for (name, most, place) in [
        ("Name", 128, &mut doc.name),
        ("Mobile", 32, &mut doc.mobile),
        ("Email", 254, &mut doc.email),
        ("Role", 16, &mut doc.role),
    ] {
        if let Some(text) = fields.short(name, most)? {
            *place = text;
        }
    }
    if !doc.mobile.bytes().all(|byte| byte.is_ascii_digit() || byte == b'+') {
        return Err(Refusal::params("Mobile: write digits"));
    }
    if !doc.email.is_empty() && !doc.email.contains('@') {
        return Err(Refusal::params("Email: write an address such as li@example.com"));
    }
    if !["", "agent", "leader"].contains(&doc.role.as_str()) {
        return Err(Refusal::params("Role: write agent or leader"));
    }
    if let Some(enable) = fields.flag("Enable")? {
        doc.disabled = !enable;
    }
    if let Some(secs) = fields.number("WrapUpTime", 3_600)? {
        doc.wrap_up = u32::try_from(secs).ok();
    }
    Ok(())
}

async fn change(Path(agent): Path<String>, asked: Asked) -> Outcome {
    let id = asked.agent(&agent)?;
    let body = asked.body()?;
    let mut seat = Seat::find(&asked, &id).await?;
    let was_disabled = seat.doc.disabled;
    read_into(&mut seat, body)?;
    seat.save(&asked).await?;
    if seat.doc.disabled && !was_disabled && seat.signed_in() {
        asked.order_agent(&id, AgentOrder::Intent(Intent::LoggedOut)).await?;
    }
    written(Value::Null)
}

async fn remove(Path(agent): Path<String>, asked: Asked) -> Outcome {
    let id = asked.agent(&agent)?;
    let with_extensions = asked.signed.either().flag("IsDelExtensions")?.unwrap_or(false);
    let seat = Seat::look_up(&asked, &id).await?;
    let seat = seat.ok_or_else(|| Refusal::new(Fault::NoData, format!("no agent {id}")))?;
    if !seat.doc.queues.is_empty() || (!seat.doc.extensions.is_empty() && !with_extensions) {
        return Err(Refusal::new(Fault::Bound, ""));
    }
    if seat.agent.is_some() {
        let key = AgentKey { tenant: asked.tenant().to_owned(), id: id.clone() };
        let order = Command::Define(DefinitionOrder::DeleteAgent(key));
        asked.order(order).await.map_err(|no| no.or(Fault::State, Fault::Forbidden))?;
    }
    for extension in &seat.doc.extensions {
        extensions::delete(&asked, extension).await?;
    }
    asked.forget(SEATS, &id).await?;
    gone()
}

async fn show(Path(agent): Path<String>, by: AskedByAny) -> Outcome {
    let asked = by.0;
    let id = asked.agent(&agent)?;
    let seat = Seat::find(&asked, &id).await?;
    found(seat.shown(&asked, &queue_names(&asked).await?, true))
}

/// All seats; of an agent's front end its own.
async fn list(by: AskedByAny) -> Outcome {
    let asked = by.0;
    let seats = match &asked.signed.signer {
        Signer::Account(_) => Seat::all(&asked).await?,
        Signer::Agent(own) => vec![Seat::find(&asked, own).await?],
    };
    let fields = asked.signed.either();
    let total = seats.len();
    let whole = u64::try_from(total).unwrap_or(u64::MAX);
    let size = fields.number("PageSize", 100_000)?.filter(|size| *size > 0).unwrap_or(whole);
    let page = fields.number("PageNum", 1_000_000)?.filter(|page| *page > 0).unwrap_or(1);
    let names = queue_names(&asked).await?;
    let size_rows = usize::try_from(size).unwrap_or(usize::MAX);
    let skip = usize::try_from(page - 1).unwrap_or(usize::MAX).saturating_mul(size_rows);
    let rows = seats.iter().skip(skip).take(size_rows);
    let rows: Vec<Value> = rows.map(|seat| seat.shown(&asked, &names, false)).collect();
    found(json!({
        "CurrPage": page,
        "PageSize": size,
        "Total": total,
        "TotalPage": whole.div_ceil(size.max(1)),
        "AgentList": rows,
    }))
}

/// Names of the application's queues, by number.
async fn queue_names(asked: &Asked) -> Result<BTreeMap<String, String>, Refusal> {
    let queues = asked.queues().await?;
    Ok(queues.into_iter().map(|view| (view.config.key.number, view.config.name)).collect())
}

/// The application's agents, extensions and queues, and whose each extension is.
pub(super) struct Bound {
    agents: BTreeSet<String>,
    extensions: BTreeSet<String>,
    queues: BTreeSet<String>,
    owners: BTreeMap<String, String>,
}

impl Bound {
    pub(super) async fn of(asked: &Asked) -> Result<Self, Refusal> {
        let seats = Seat::all(asked).await?;
        let entries = common::extensions(&asked.app, &asked.principal()).await?;
        let own = |seat: &Seat| {
            let id = seat.id.clone();
            seat.doc.extensions.clone().into_iter().map(move |number| (number, id.clone()))
        };
        Ok(Self {
            owners: seats.iter().flat_map(own).collect(),
            agents: seats.into_iter().map(|seat| seat.id).collect(),
            extensions: entries.iter().map(|view| view.entry.key().id().to_owned()).collect(),
            queues: queue_names(asked).await?.into_keys().collect(),
        })
    }

    /// Whose an extension is.
    fn owner(&self, extension: &str) -> Option<&str> {
        self.owners.get(extension).map(String::as_str)
    }

    /// An agent gets an extension, which exists and is nobody else's.
    ///
    /// # Errors
    /// There is none, or it is another's.
    pub(super) fn take(&mut self, agent: &str, extension: &str) -> Result<(), Refusal> {
        if !self.extensions.contains(extension) {
            return Err(Refusal::new(Fault::NotFound, format!("no extension {extension}")));
        }
        match self.owner(extension) {
            Some(other) if other != agent => {
                let detail = format!("extension {extension} is bound to agent {other}");
                Err(Refusal::new(Fault::VoipBound, detail))
            }
            _ => {
                self.owners.insert(extension.to_owned(), agent.to_owned());
                Ok(())
            }
        }
    }

    /// An agent gets an extension that is yet to be made; where no number is wanted, the first that is free.
    fn make(&mut self, agent: &str, wanted: Option<String>) -> Result<String, Refusal> {
        let taken =
            |number: &String| self.extensions.contains(number) || self.queues.contains(number);
        let number = match wanted {
            Some(number) => {
                extensions::right(&number)?;
                if taken(&number) {
                    return Err(Refusal::new(Fault::NumberExists, number));
                }
                number
            }
            None => {
                let free = FREE.map(|number| number.to_string()).find(|number| !taken(number));
                free.ok_or_else(|| Refusal::new(Fault::NumberExists, "every number is taken"))?
            }
        };
        self.extensions.insert(number.clone());
        self.owners.insert(number.clone(), agent.to_owned());
        Ok(number)
    }
}

/// A seat with these extensions added.
pub(super) fn with_extensions(seat: &mut Seat, more: Vec<String>) -> Result<(), Refusal> {
    for extension in more {
        if !seat.doc.extensions.contains(&extension) {
            seat.doc.extensions.push(extension);
        }
    }
    if seat.doc.extensions.len() > MOST_EXTENSIONS {
        let detail = format!("Extensions: a seat has at most {MOST_EXTENSIONS}");
        return Err(Refusal::params(detail));
    }
    Ok(())
}
