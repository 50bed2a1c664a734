//! Relay numbers: the company's own numbers, which customers see when agents call them.

use super::asked::Asked;
use super::envelope::Refusal;
use super::seat::Seat;
use super::shelf::APPLICATION;
use crate::api::app::App;

/// Where the company's default is kept.
const DEFAULT: &str = "default-relay";

/// The company's default, if it has set one.
pub(super) async fn company_default(app: &App, asked: &Asked) -> Result<Option<String>, Refusal> {
    let kept: Option<String> = APPLICATION.get(app, &asked.tenant.tenant, DEFAULT).await?;
    Ok(kept.filter(|number| !number.is_empty()))
}

/// The number that a call shows: the one asked for, else the agent's, else the company's default; `None` leaves it to the
/// carrier that is chosen.
pub(super) async fn choose(
    app: &App,
    asked: &Asked,
    requested: Option<String>,
    seat: &Seat,
) -> Result<Option<String>, Refusal> {
    if requested.is_some() {
        return Ok(requested);
    }
    if !seat.doc.relay.is_empty() {
        return Ok(Some(seat.doc.relay.clone()));
    }
    company_default(app, asked).await
}
