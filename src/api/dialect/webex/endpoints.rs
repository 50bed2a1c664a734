//! A user's endpoints: the registrations of its extension. One of them may be preferred for what programs have rung.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use strowger_core::vocab::record::RegistrationView;
use strowger_core::vocab::{Query, Reply};

use super::asked::{Said, User};
use super::refusal::Refusal;
use crate::api::app::App;
use crate::api::dialect::common::{Named, named};
use crate::api::gateway::MAX_ROWS;
use crate::api::keep::KeepError;

/// Where the preferred endpoints are kept, by extension.
const SPACE: &str = "webex preferred endpoints";

/// A registration's id: the same for as long as the phone registers under the same address.
fn id_of(user: &User, contact: &str) -> String {
    let digest = Sha256::new()
        .chain_update(user.principal.tenant.as_bytes())
        .chain_update([0])
        .chain_update(user.number.as_bytes())
        .chain_update([0])
        .chain_update(contact.as_bytes())
        .finalize();
    hex::encode(&digest[..16])
}

async fn registered(app: &App, user: &User) -> Result<Vec<RegistrationView>, Refusal> {
    let query = Query::Registrations { offset: 0, limit: MAX_ROWS };
    match app.gateway.query(user.principal.clone(), query).await {
        Reply::Registrations(page) => Ok(page.items),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(Refusal::later(StatusCode::SERVICE_UNAVAILABLE, 1, "no answer")),
    }
}

/// The contact behind an endpoint's id.
pub(super) async fn contact_of(app: &App, user: &User, id: &str) -> Result<String, Refusal> {
    let rows = registered(app, user).await?;
    let mut contacts = rows.into_iter().map(|row| row.record.contact);
    contacts.find(|contact| id_of(user, contact) == id).ok_or_else(|| {
        Refusal::wrong(format!(
            "endpointId {id} is none of those that preferredAnswerEndpoint lists"
        ))
    })
}

/// The preferred endpoint's contact, where one is preferred and registered.
pub(super) async fn preferred(app: &App, user: &User) -> Result<Option<String>, Refusal> {
    let kept = kept(app, user).await?;
    let rows = registered(app, user).await?;
    let mut contacts = rows.into_iter().map(|row| row.record.contact);
    Ok(contacts.find(|contact| kept.as_ref() == Some(&id_of(user, contact))))
}

async fn kept(app: &App, user: &User) -> Result<Option<String>, Refusal> {
    let document = app.gateway.kept(&user.principal.tenant, SPACE, &user.number).await;
    let document = document.map_err(unkept)?;
    Ok(document.and_then(|id| id.as_str().map(str::to_owned)))
}

fn unkept(error: KeepError) -> Refusal {
    tracing::error!("the preferred endpoint: {error}");
    Refusal::later(StatusCode::SERVICE_UNAVAILABLE, 5, "the store cannot be used now")
}

/// A user sees its own endpoints.
fn is_own(user: &User, person: &str) -> Result<(), Refusal> {
    if person == "me" || person == user.number {
        return Ok(());
    }
    Err(Refusal::unknown(format!("no person {person}")))
}

/// Lists the endpoints.
pub(super) async fn show(
    State(app): State<App>,
    user: User,
    person: Named,
) -> Result<Json<Value>, Refusal> {
    is_own(&user, &named(person))?;
    let endpoint = |row: RegistrationView| {
        let name = match row.record.user_agent.as_str() {
            "" => format!("Phone {}", user.number),
            name => name.to_owned(),
        };
        json!({ "id": id_of(&user, &row.record.contact), "type": "DEVICE", "name": name })
    };
    let endpoints: Vec<Value> = registered(&app, &user).await?.into_iter().map(endpoint).collect();
    let kept = kept(&app, &user).await?;
    let known = |id: &String| endpoints.iter().any(|own| own["id"] == **id);
    Ok(Json(json!({
        "preferredAnswerEndpointId": kept.filter(known),
        "endpoints": endpoints,
    })))
}

/// Prefers one of them, or none.
pub(super) async fn prefer(
    State(app): State<App>,
    user: User,
    person: Named,
    said: Said,
) -> Result<StatusCode, Refusal> {
    is_own(&user, &named(person))?;
    let wanted = said.text("preferredAnswerEndpointId")?;
    if let Some(id) = wanted {
        contact_of(&app, &user, id).await?;
    }
    let document = wanted.map(Value::from);
    let done = app.gateway.keep(&user.principal.tenant, SPACE, &user.number, document).await;
    done.map_err(unkept)?;
    Ok(StatusCode::NO_CONTENT)
}
