//! Relay numbers: the company's own numbers, which customers see when agents call them.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, put};
use serde_json::{Value, json};
use strowger_core::vocab::{Query, Reply};

use super::asked::{Asked, unexpected};
use super::envelope::{Outcome, Refusal, found, gone, written};
use super::seat::Seat;
use super::shelf::{APPLICATION, SEATS};
use crate::api::app::App;

/// Where the company's default is kept.
const DEFAULT: &str = "default-relay";

pub(super) fn routes() -> Router<App> {
    let company = || put(set_default).delete(remove_default);
    Router::new()
        .route("/spnumbers", get(list))
        .route("/spnumbers/default", company())
        // The document's examples name something behind it; it is the company's default all the same.
        .route("/spnumbers/default/{id}", company())
        .route("/spnumbers/agent/default/{agent}", put(set_own).delete(remove_own))
}

/// The company's numbers, in order.
async fn owned(app: &App, asked: &Asked) -> Result<Vec<String>, Refusal> {
    match asked.ask(app, Query::OwnNumbers).await? {
        Reply::OwnNumbers(numbers) => Ok(numbers),
        _ => Err(unexpected()),
    }
}

/// The company's default, if it has set one.
async fn company_default(app: &App, asked: &Asked) -> Result<Option<String>, Refusal> {
    let kept: Option<String> = APPLICATION.get(app, &asked.tenant.tenant, DEFAULT).await?;
    Ok(kept.filter(|number| !number.is_empty()))
}

/// The number that a call shows: the one asked for, else the agent's, else the company's default, else any.
///
/// # Errors
/// Neither store nor switch can be asked.
pub(super) async fn choose(
    app: &App,
    asked: &Asked,
    requested: Option<String>,
    seat: &Seat,
) -> Result<Option<String>, Refusal> {
    if requested.is_some() {
        return Ok(requested);
    }
    // A default that the company has no longer is none.
    let owned = owned(app, asked).await?;
    let own = Some(seat.doc.relay.clone()).filter(|number| owned.contains(number));
    if own.is_some() {
        return Ok(own);
    }
    let default = company_default(app, asked).await?.filter(|number| owned.contains(number));
    if default.is_some() || owned.is_empty() {
        return Ok(default);
    }
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| Refusal::internal(&error))?;
    let at = u64::from_be_bytes(bytes) % owned.len() as u64;
    Ok(usize::try_from(at).ok().and_then(|at| owned.get(at).cloned()))
}

async fn list(State(app): State<App>, asked: Asked) -> Outcome {
    found(json!({
        "SpNumbers": owned(&app, &asked).await?,
        "DefSpNumber": company_default(&app, &asked).await?.unwrap_or_default(),
    }))
}

/// The number that the body names, which must be one of the company's.
async fn wanted(app: &App, asked: &Asked) -> Result<String, Refusal> {
    let number = asked.body()?.wanted("DefSpNumber")?;
    if owned(app, asked).await?.contains(&number) {
        return Ok(number);
    }
    Err(Refusal::params(format!("DefSpNumber: {number} is none of the company's relay numbers")))
}

async fn set_default(State(app): State<App>, asked: Asked) -> Outcome {
    let number = wanted(&app, &asked).await?;
    APPLICATION.put(&app, &asked.tenant.tenant, DEFAULT, &number).await?;
    written(Value::Null)
}

async fn remove_default(State(app): State<App>, asked: Asked) -> Outcome {
    APPLICATION.remove(&app, &asked.tenant.tenant, DEFAULT).await?;
    gone()
}

async fn set_own(State(app): State<App>, Path(agent): Path<String>, asked: Asked) -> Outcome {
    let id = asked.agent(&agent)?;
    let mut seat = Seat::find(&asked, &app, &id).await?;
    seat.doc.relay = wanted(&app, &asked).await?;
    SEATS.put(&app, &asked.tenant.tenant, &id, &seat.doc).await?;
    written(Value::Null)
}

async fn remove_own(State(app): State<App>, Path(agent): Path<String>, asked: Asked) -> Outcome {
    let id = asked.agent(&agent)?;
    let mut seat = Seat::find(&asked, &app, &id).await?;
    seat.doc.relay = String::new();
    SEATS.put(&app, &asked.tenant.tenant, &id, &seat.doc).await?;
    gone()
}
