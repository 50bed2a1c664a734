//! Taking a call that rings elsewhere, and parking: an extension's phone is rung, and on its answer it has the call.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use strowger_core::vocab::park::{ParkedView, TakeOrder};
use strowger_core::vocab::{Command, Done, Query, Reply};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::begun::{Begun, begun};
use super::view::PartyItem;
use super::{LivePage, NoParams, Refusals, Unread, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Body, CallPath, Example, Params, SlotPath};
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(pick_up))
        .routes(routes!(park))
        .routes(routes!(parking))
        .routes(routes!(retrieve))
}

/// Which extension acts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct At {
    /// Its number; left out, the key's own. Keys of users and agents may name no other.
    #[schema(example = "4568")]
    #[serde(default)]
    extension: Option<String>,
}

impl Example for At {
    const EXAMPLE: &'static str = r#"{"extension": "4568"}"#;
}

fn rung(done: Done) -> Result<Response, Problem> {
    match done {
        Done::Originated { call, interaction } => Ok(begun(call, interaction)),
        _ => Err(unexpected()),
    }
}

/// Takes a call that rings: the extension's phone is rung, answers by itself where it can, and then has the call. The
/// phones that rang stop. Callers of queues too: an agent of the queue has the call as if it had been offered.
#[utoipa::path(post, path = "/api/v1/calls/{call}/pickup", operation_id = "pickUpCall", tag = "calls", request_body = At,
    params(("call" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 201, description = "The extension rings; Location names the call by which it does", body = Begun),
        (status = 404, description = "No such live call or extension", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "Nobody else's phone rings for it, or the extension has no registered phone",
            body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "No extension is named and the key has none", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn pick_up(
    State(app): State<App>,
    Key(principal): Key,
    CallPath(call): CallPath,
    _: Params<NoParams>,
    Body(At { extension }): Body<At>,
) -> Result<Response, Problem> {
    let (tenant, key) = (principal.tenant.clone(), principal.name.clone());
    let done = app
        .gateway
        .command(principal, Command::Take(TakeOrder::PickUp { call, extension }))
        .await?;
    tracing::info!(%tenant, %key, %call, "a call is picked up over HTTP");
    rung(done)
}

/// A call that was parked.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ParkingPlace)]
struct Place {
    /// The number to dial.
    slot: u32,
    /// The call of who waits there.
    call: String,
    /// What it belongs to.
    interaction: String,
}

/// Parks the other party of the extension's call. The extension's end is over; whoever dials the slot has the call.
#[utoipa::path(post, path = "/api/v1/calls/{call}/park", operation_id = "parkCall", tag = "calls", request_body = At,
    params(("call" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 201, description = "It is parked", body = Place),
        (status = 404, description = "No such live call", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "Nobody talks in it, or the extension is not in it", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "Both ends are extensions and none is named", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn park(
    State(app): State<App>,
    Key(principal): Key,
    CallPath(call): CallPath,
    _: Params<NoParams>,
    Body(At { extension }): Body<At>,
) -> Result<Response, Problem> {
    let (tenant, key) = (principal.tenant.clone(), principal.name.clone());
    match app.gateway.command(principal, Command::Take(TakeOrder::Park { call, extension })).await?
    {
        Done::Parked { call: parked, interaction, slot } => {
            tracing::info!(%tenant, %key, %call, slot, "a call is parked over HTTP");
            let (call, interaction) = (parked.to_string(), interaction.to_string());
            Ok((StatusCode::CREATED, Json(Place { slot, call, interaction })).into_response())
        }
        _ => Err(unexpected()),
    }
}

/// Somebody who is parked.
#[derive(Debug, Serialize, ToSchema)]
struct ParkedItem {
    /// The number to dial.
    slot: u32,
    /// The call.
    call: String,
    /// What it belongs to.
    interaction: String,
    /// Who waits.
    caller: PartyItem,
    /// The extension that parked it.
    parker: String,
    /// Since when.
    since: u64,
    /// Nobody came: the parker's phone rings.
    ringing_back: bool,
}

impl From<ParkedView> for ParkedItem {
    fn from(view: ParkedView) -> Self {
        Self {
            slot: view.slot,
            call: view.call.to_string(),
            interaction: view.interaction.to_string(),
            caller: view.caller.into(),
            parker: view.parker.number,
            since: view.since,
            ringing_back: view.ringing_back,
        }
    }
}

/// Parking places of the tenant that are taken, by number. Every key of the tenant sees them: any phone may take them.
#[utoipa::path(get, path = "/api/v1/parking", operation_id = "listParking", tag = "calls",
    responses((status = 200, description = "All of them", body = LivePage<ParkedItem>), Refusals))]
async fn parking(
    State(app): State<App>,
    Key(principal): Key,
    _: Params<NoParams>,
) -> Result<Json<LivePage<ParkedItem>>, Problem> {
    match app.gateway.query(principal, Query::Parking).await {
        Reply::Parking(page) => Ok(LivePage::of(page)),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// Takes who is parked: the extension's phone is rung, answers by itself where it can, and then has the call.
#[utoipa::path(post, path = "/api/v1/parking/{slot}/retrieve", operation_id = "retrieveCall", tag = "calls", request_body = At,
    params(("slot" = String, Path, description = "The number of the place")),
    responses(
        (status = 201, description = "The extension rings; Location names the call by which it does", body = Begun),
        (status = 404, description = "Nobody is parked there, or no such extension", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "The extension has no registered phone", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "No extension is named and the key has none", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn retrieve(
    State(app): State<App>,
    Key(principal): Key,
    SlotPath(slot): SlotPath,
    _: Params<NoParams>,
    Body(At { extension }): Body<At>,
) -> Result<Response, Problem> {
    let (tenant, key) = (principal.tenant.clone(), principal.name.clone());
    let done = app
        .gateway
        .command(principal, Command::Take(TakeOrder::Retrieve { slot, extension }))
        .await?;
    tracing::info!(%tenant, %key, slot, "a parked call is taken over HTTP");
    rung(done)
}
