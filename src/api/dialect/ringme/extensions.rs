//! Internal numbers of a client: phones and queues.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use strowger_core::vocab::acd::{DefinitionOrder, QueueConfig, QueueKey};
use strowger_core::vocab::config::Extension;
use strowger_core::vocab::define::{Entry, EntryKey, EntryOrder, EntryView, ExtensionEntry};
use strowger_core::vocab::{Command, Done, ExtensionKey, Query, Reply, Secret};

use super::client::Client;
use super::fields::{Fields, Given, Path};
use super::ids::{self, bare, shown};
use super::queue_item::fresh;
use super::queues::changeable;
use super::refusal::{Fault, Refusal};
use crate::api::app::{App, wall_ms};
use crate::api::dialect::common;
use crate::api::gateway::MAX_ROWS;
use crate::api::provision;

/// What we keep of an internal number beside its definition, by the number.
const SPACE: &str = "ringme/extensions";
/// Bytes of a label.
const LABEL: usize = 128;

type Answer = Result<Json<Value>, Refusal>;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    /// Milliseconds since the Unix epoch.
    created_at: Option<u64>,
    label: Option<String>,
    caller_id_name: Option<String>,
    extra_params: Option<String>,
}

impl Kept {
    fn change(&mut self, fields: &Fields) -> Result<(), Refusal> {
        for (key, text, most) in [
            ("label", &mut self.label, LABEL),
            ("caller_id_name", &mut self.caller_id_name, LABEL),
            ("extra_params", &mut self.extra_params, 1_024),
        ] {
            *text = fields.text(key, most)?.over_option(text.take());
        }
        match fields.text("status", 32)? {
            Given::Value(status) if status != "active" => {
                Err(Refusal::wrong("status", "active is the only one here"))
            }
            _ => Ok(()),
        }
    }
}

/// What has an internal number.
enum Internal {
    Phone { own: Box<ExtensionEntry>, from_file: bool },
    Queue { config: Box<QueueConfig>, from_file: bool },
}

fn internal_phone(view: EntryView) -> Option<Internal> {
    let own = Box::new(view.entry.into_extension()?);
    Some(Internal::Phone { own, from_file: view.from_file })
}

impl Internal {
    fn number(&self) -> &str {
        match self {
            Self::Phone { own, .. } => &own.extension.key.number,
            Self::Queue { config, .. } => &config.key.number,
        }
    }

    fn name(&self) -> Option<&str> {
        let name = match self {
            Self::Phone { own, .. } => &own.extension.name,
            Self::Queue { config, .. } => &config.name,
        };
        (!name.is_empty() && name != self.number()).then_some(name)
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Phone { .. } => "phone",
            Self::Queue { .. } => "queue",
        }
    }

    fn is_of_file(&self) -> bool {
        match self {
            Self::Phone { from_file, .. } | Self::Queue { from_file, .. } => *from_file,
        }
    }

    fn show(&self, client: &Client, client_id: &Value, id: u64, kept: Kept) -> Value {
        json!({
            "id": id,
            "client_id": client_id,
            "name": shown(self.number()),
            "label": kept.label.as_deref().or(self.name()),
            "type": self.kind(),
            "status": "active",
            "domain": client.names.domain,
            "create_date": kept.created_at.map(|at| client.moment(at)),
            "caller_id_name": kept.caller_id_name,
            "extra_params": kept.extra_params,
            "ani_rfc3325": false,
            "dial_rule_id": null,
            "dial_rule_limit": null,
            "did_as_transfer_caller_id": null,
            "extension_group_id": null,
            "message_did": null,
        })
    }
}

impl Client {
    async fn kept_number(&self, app: &App, number: &str) -> Result<Kept, Refusal> {
        let kept = app.gateway.kept(self.tenant(), SPACE, number).await?;
        Ok(kept.and_then(|kept| serde_json::from_value(kept).ok()).unwrap_or_default())
    }

    /// What is kept of all numbers.
    async fn kept_numbers(&self, app: &App) -> Result<BTreeMap<String, Kept>, Refusal> {
        let (mut all, mut after) = (BTreeMap::new(), None::<String>);
        loop {
            let rows = app.gateway.kept_all(self.tenant(), SPACE, after.as_deref(), MAX_ROWS);
            let rows = rows.await?;
            let full = rows.len() == MAX_ROWS;
            after = rows.last().map(|(number, _)| number.clone());
            let read = |(number, kept)| (number, serde_json::from_value(kept).unwrap_or_default());
            all.extend(rows.into_iter().map(read));
            if !full {
                return Ok(all);
            }
        }
    }

    async fn keep_number(&self, app: &App, number: &str, kept: &Kept) -> Result<(), Refusal> {
        let document = serde_json::to_value(kept).map_err(|error| Refusal::internal(&error))?;
        Ok(app.gateway.keep(self.tenant(), SPACE, number, Some(document)).await?)
    }

    fn entry(&self, number: &str) -> EntryKey {
        let tenant = self.tenant().to_owned();
        EntryKey::Extension(ExtensionKey { tenant, number: number.to_owned() })
    }

    /// Whoever has a number.
    async fn internal(&self, app: &App, number: &str) -> Result<Internal, Refusal> {
        match self.ask(app, Query::Queue(number.to_owned())).await {
            Ok(Reply::Queue(view)) => {
                return Ok(Internal::Queue {
                    from_file: view.from_file,
                    config: Box::new(view.config),
                });
            }
            Ok(_) => return Err(Refusal::unexpected()),
            Err(refusal) if refusal.is(Fault::NotFound) => {}
            Err(refusal) => return Err(refusal),
        }
        match self.ask(app, Query::Entry(self.entry(number))).await {
            Ok(Reply::Entry(view)) => internal_phone(*view).ok_or_else(Refusal::unexpected),
            Ok(_) => Err(Refusal::unexpected()),
            Err(refusal) if refusal.is(Fault::NotFound) => Err(Refusal::not_found("extension")),
            Err(refusal) => Err(refusal),
        }
    }

    async fn present(&self, app: &App, internal: &Internal, kept: Kept) -> Result<Value, Refusal> {
        let id = self.id_of(app, ids::EXTENSIONS, internal.number()).await?;
        Ok(internal.show(self, &self.number(app).await?, id, kept))
    }

    /// All queues.
    pub(super) async fn queues(&self, app: &App) -> Result<Vec<(QueueConfig, bool)>, Refusal> {
        let queues = common::queues(app, &self.principal).await?;
        Ok(queues.into_iter().map(|view| (view.config, view.from_file)).collect())
    }

    async fn phones(&self, app: &App) -> Result<Vec<EntryView>, Refusal> {
        Ok(common::extensions(app, &self.principal).await?)
    }
}

pub(super) async fn list(State(app): State<App>, client: Client, Path(id): Path<String>) -> Answer {
    client.is(&id)?;
    client.sees()?;
    let phones = client.phones(&app).await?.into_iter();
    let mut all: Vec<Internal> = phones.filter_map(internal_phone).collect();
    let queues = client.queues(&app).await?.into_iter();
    all.extend(
        queues.map(|(config, from_file)| Internal::Queue { config: Box::new(config), from_file }),
    );
    all.sort_by(|one, other| one.number().cmp(other.number()));
    let names = all.iter().map(|one| one.number().to_owned()).collect();
    let ids = client.ids_of(&app, ids::EXTENSIONS, names).await?;
    let client_id = client.number(&app).await?;
    let mut kept = client.kept_numbers(&app).await?;
    let mut items = Vec::with_capacity(all.len());
    for (one, id) in all.iter().zip(ids) {
        let kept = kept.remove(one.number()).unwrap_or_default();
        items.push(one.show(&client, &client_id, id, kept));
    }
    Ok(Json(Value::Array(items)))
}

pub(super) async fn show(
    State(app): State<App>,
    client: Client,
    Path((id, extension)): Path<(String, String)>,
) -> Answer {
    client.is(&id)?;
    client.sees()?;
    let internal = client.internal(&app, &client.extension(&app, &extension).await?).await?;
    let kept = client.kept_number(&app, internal.number()).await?;
    client.present(&app, &internal, kept).await.map(Json)
}

pub(super) async fn create(
    State(app): State<App>,
    client: Client,
    Path(id): Path<String>,
    fields: Fields,
) -> Answer {
    client.is(&id)?;
    client.defines()?;
    let name = fields.needed("name", 64)?;
    let number = bare(&name).to_owned();
    if !(1..=16).contains(&number.len()) || !ids::is_digits(&number) {
        return Err(Refusal::wrong("name", "write 1 to 16 digits, such as 370 or 000*370"));
    }
    let kind = fields.needed("type", 32)?;
    let mut kept = Kept { created_at: Some(wall_ms()), ..Kept::default() };
    kept.change(&fields)?;
    match client.internal(&app, &number).await {
        Ok(_) => return Err(Refusal::new(Fault::Conflict, format!("{number} is taken"))),
        Err(refusal) if refusal.is(Fault::NotFound) => {}
        Err(refusal) => return Err(refusal),
    }
    let mut password = None;
    match kind.as_str() {
        "queue" => {
            let key = QueueKey { tenant: client.tenant().to_owned(), number: number.clone() };
            let name = kept.label.clone().unwrap_or_else(|| number.clone());
            let queue = Box::new(fresh(key, name));
            client.define(&app, DefinitionOrder::PutQueue(queue)).await?;
        }
        "phone" => password = phone(&app, &client, &number, &kept, &fields).await?,
        _ => return Err(Refusal::wrong("type", "write queue or phone")),
    }
    client.keep_number(&app, &number, &kept).await?;
    client.note("an internal number was defined", &number);
    let mut item = client.present(&app, &client.internal(&app, &number).await?, kept).await?;
    if let (Some(members), Some(password)) = (item.as_object_mut(), password) {
        members.insert("password".into(), password.into());
    }
    Ok(Json(item))
}

/// A new phone; where no password was given, ours, which is shown this once.
async fn phone(
    app: &App,
    client: &Client,
    number: &str,
    kept: &Kept,
    fields: &Fields,
) -> Result<Option<String>, Refusal> {
    let given = fields.text("password", 128)?.value();
    let tenant = client.tenant().to_owned();
    let key = ExtensionKey { tenant, number: number.to_owned() };
    let password = Secret::new(given.as_deref().unwrap_or_default());
    let name = name_of(kept, number);
    let extension = Extension { name, ..Extension::new(key, password) };
    let made = provision::fresh().map_err(|_| Refusal::internal(&"no randomness"))?;
    let entry = Entry::of(extension);
    let order = EntryOrder::Put { entry, spare: Secret::new(made.as_str()) };
    match client.order(app, Command::Entry(Box::new(order))).await? {
        Done::Entered { spare, .. } => Ok(spare.then_some(made)),
        _ => Err(Refusal::unexpected()),
    }
}

/// What those see whom it calls.
fn name_of(kept: &Kept, number: &str) -> String {
    let name = kept.caller_id_name.as_ref().or(kept.label.as_ref());
    name.cloned().unwrap_or_else(|| number.to_owned())
}

pub(super) async fn change(
    State(app): State<App>,
    client: Client,
    Path((id, extension)): Path<(String, String)>,
    fields: Fields,
) -> Answer {
    client.is(&id)?;
    client.defines()?;
    let mut internal = client.internal(&app, &client.extension(&app, &extension).await?).await?;
    changeable(internal.is_of_file(), "number")?;
    let number = internal.number().to_owned();
    if let Given::Value(name) = fields.text("name", 64)?
        && bare(&name) != number
    {
        return Err(Refusal::wrong("name", "a number stays; create another internal number"));
    }
    if let Given::Value(kind) = fields.text("type", 32)?
        && kind != internal.kind()
    {
        return Err(Refusal::wrong("type", format!("it is a {} and stays one", internal.kind())));
    }
    let mut kept = client.kept_number(&app, &number).await?;
    kept.change(&fields)?;
    match &mut internal {
        Internal::Queue { config, .. } => {
            config.name = kept.label.clone().unwrap_or_else(|| number.clone());
            client.define(&app, DefinitionOrder::PutQueue(config.clone())).await?;
        }
        Internal::Phone { own, .. } => {
            own.extension.name = name_of(&kept, &number);
            if let Given::Value(password) = fields.text("password", 128)? {
                own.extension.password = Secret::new(password);
            }
            let entry = Entry::Extension(own.clone());
            let order = EntryOrder::Put { entry, spare: Secret::new("") };
            client.order(&app, Command::Entry(Box::new(order))).await?;
        }
    }
    client.keep_number(&app, &number, &kept).await?;
    client.note("an internal number was changed", &number);
    client.present(&app, &internal, kept).await.map(Json)
}

pub(super) async fn remove(
    State(app): State<App>,
    client: Client,
    Path((id, extension)): Path<(String, String)>,
) -> Result<StatusCode, Refusal> {
    client.is(&id)?;
    client.defines()?;
    let internal = client.internal(&app, &client.extension(&app, &extension).await?).await?;
    changeable(internal.is_of_file(), "number")?;
    let number = internal.number().to_owned();
    match internal {
        Internal::Queue { config, .. } => {
            client.define(&app, DefinitionOrder::DeleteQueue(config.key)).await?;
        }
        Internal::Phone { .. } => {
            let order = EntryOrder::Delete(client.entry(&number));
            client.order(&app, Command::Entry(Box::new(order))).await?;
        }
    }
    app.gateway.keep(client.tenant(), SPACE, &number, None).await?;
    client.note("an internal number was removed", &number);
    Ok(StatusCode::NO_CONTENT)
}
