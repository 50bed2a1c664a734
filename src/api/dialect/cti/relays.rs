//! Relay numbers: the company's own numbers, which customers see when agents call them.

use axum::Router;
use axum::extract::Path;
use axum::routing::{get, put};
use serde_json::{Value, json};

use super::asked::Asked;
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

/// The company's default, if it has set one.
async fn company_default(asked: &Asked) -> Result<Option<String>, Refusal> {
    let kept: Option<String> = asked.kept(APPLICATION, DEFAULT).await?;
    Ok(kept.filter(|number| !number.is_empty()))
}

/// The number that a call shows: the one asked for, else the agent's, else the company's default, else any.
///
/// # Errors
/// Neither store nor switch can be asked.
pub(super) async fn choose(
    asked: &Asked,
    requested: Option<String>,
    seat: &Seat,
) -> Result<Option<String>, Refusal> {
    if requested.is_some() {
        return Ok(requested);
    }
    // A default that the company has no longer is none.
    let owned = asked.own_numbers().await?;
    let own = Some(seat.doc.relay.clone()).filter(|number| owned.contains(number));
    if own.is_some() {
        return Ok(own);
    }
    let default = company_default(asked).await?.filter(|number| owned.contains(number));
    if default.is_some() || owned.is_empty() {
        return Ok(default);
    }
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| Refusal::internal(&error))?;
    let at = u64::from_be_bytes(bytes) % owned.len() as u64;
    Ok(usize::try_from(at).ok().and_then(|at| owned.get(at).cloned()))
}

async fn list(asked: Asked) -> Outcome {
    found(json!({
        "SpNumbers": asked.own_numbers().await?,
        "DefSpNumber": company_default(&asked).await?.unwrap_or_default(),
    }))
}

/// The number that the body names, which must be one of the company's.
async fn wanted(asked: &Asked) -> Result<String, Refusal> {
    must_own(asked, "DefSpNumber", asked.body()?.wanted("DefSpNumber")?).await
}

/// Gives the number back that a parameter names, if it is one of the company's.
///
/// # Errors
/// It is none.
pub(super) async fn must_own(asked: &Asked, name: &str, number: String) -> Result<String, Refusal> {
    if asked.own_numbers().await?.contains(&number) {
        return Ok(number);
    }
    Err(Refusal::params(format!("{name}: {number} is none of the company's relay numbers")))
}

async fn set_default(asked: Asked) -> Outcome {
    let number = wanted(&asked).await?;
    asked.keep(APPLICATION, DEFAULT, &number).await?;
    written(Value::Null)
}

async fn remove_default(asked: Asked) -> Outcome {
    asked.forget(APPLICATION, DEFAULT).await?;
    gone()
}

async fn set_own(Path(agent): Path<String>, asked: Asked) -> Outcome {
    let id = asked.agent(&agent)?;
    let mut seat = Seat::find(&asked, &id).await?;
    seat.doc.relay = wanted(&asked).await?;
    asked.keep(SEATS, &id, &seat.doc).await?;
    written(Value::Null)
}

async fn remove_own(Path(agent): Path<String>, asked: Asked) -> Outcome {
    let id = asked.agent(&agent)?;
    let mut seat = Seat::find(&asked, &id).await?;
    seat.doc.relay = String::new();
    asked.keep(SEATS, &id, &seat.doc).await?;
    gone()
}
