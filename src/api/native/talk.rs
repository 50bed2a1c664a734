//! Orders about a conversation: transfer, consultation, hold.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use strowger_core::vocab::transfer::{TalkAct, TalkOrder};
use strowger_core::vocab::{CallId, Command, Done, Principal};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::check::dialled;
use super::{NoParams, Refusals, Unread, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Body, CallPath, Example, Params};
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(transfer))
        .routes(routes!(consult))
        .routes(routes!(complete))
        .routes(routes!(end))
        .routes(routes!(hold))
        .routes(routes!(resume))
}

/// Where the other party goes, or who is asked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TransferErrand)]
struct Errand {
    /// Whatever the extension could dial, or `extension:`, `queue:`, `ivr:` or `voicemail:` and a name.
    #[schema(example = "4568")]
    to: String,
    /// The extension that acts; may be left out where only one end is an extension, or the key is its own.
    #[serde(default)]
    extension: Option<String>,
}

impl Example for Errand {
    const EXAMPLE: &'static str = r#"{"to": "4568", "extension": "4567"}"#;
}

/// Which end acts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Acting {
    /// The extension that acts; may be left out where only one end is an extension, or the key is its own.
    #[serde(default)]
    extension: Option<String>,
}

impl Example for Acting {
    const EXAMPLE: &'static str = r#"{"extension": "4567"}"#;
}

async fn order(
    app: &App,
    principal: Principal,
    call: CallId,
    order: TalkOrder,
    what: &'static str,
) -> Result<StatusCode, Problem> {
    if let Some(extension) = &order.extension {
        dialled("extension", extension)?;
    }
    let (tenant, key) = (principal.tenant.clone(), principal.name.clone());
    match app.gateway.command(principal, Command::Talk { call, order }).await? {
        Done::Ordered => {
            tracing::info!(%tenant, %key, %call, "{what} over HTTP");
            Ok(StatusCode::ACCEPTED)
        }
        _ => Err(unexpected()),
    }
}

/// The other party goes to somebody else. If nobody is reached both talk again.
#[utoipa::path(post, path = "/api/v1/calls/{call}/transfer", operation_id = "transfer", tag = "calls",
    request_body = Errand, params(("call" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 202, description = "The other party is on its way; events tell the outcome"),
        (status = 404, description = "No such live call", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "It is no conversation now", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "The extension could not dial `to`, or is not in the call", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn transfer(
    State(app): State<App>,
    Key(principal): Key,
    CallPath(call): CallPath,
    _: Params<NoParams>,
    Body(Errand { to, extension }): Body<Errand>,
) -> Result<StatusCode, Problem> {
    dialled("to", &to)?;
    let wanted = TalkOrder { extension, act: TalkAct::Transfer { to } };
    order(&app, principal, call, wanted, "a party is transferred").await
}

/// The other party hears music while the extension's own phone talks to somebody else.
#[utoipa::path(post, path = "/api/v1/calls/{call}/consult", operation_id = "consult", tag = "calls",
    request_body = Errand, params(("call" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 202, description = "That one is rung; events tell the outcome"),
        (status = 404, description = "No such live call", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "It is no conversation now", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "The extension could not dial `to`, or is not in the call", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn consult(
    State(app): State<App>,
    Key(principal): Key,
    CallPath(call): CallPath,
    _: Params<NoParams>,
    Body(Errand { to, extension }): Body<Errand>,
) -> Result<StatusCode, Problem> {
    dialled("to", &to)?;
    let wanted = TalkOrder { extension, act: TalkAct::Consult { to } };
    order(&app, principal, call, wanted, "somebody is consulted").await
}

/// Connects who was held with who was consulted, now or as soon as that one answers. Either of the two calls may be named.
#[utoipa::path(post, path = "/api/v1/calls/{call}/consult/complete", operation_id = "completeConsult", tag = "calls",
    params(("call" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 202, description = "They talk, or will"),
        (status = 404, description = "No such live call", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "Nobody is consulted there", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn complete(
    State(app): State<App>,
    Key(principal): Key,
    CallPath(call): CallPath,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    let wanted = TalkOrder { extension: None, act: TalkAct::CompleteConsult };
    order(&app, principal, call, wanted, "a consultation is completed").await
}

/// Goes back to who was held; who was consulted is let go. Either of the two calls may be named.
#[utoipa::path(post, path = "/api/v1/calls/{call}/consult/end", operation_id = "endConsult", tag = "calls",
    params(("call" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 202, description = "Both talk again"),
        (status = 404, description = "No such live call", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "Nobody is consulted there", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn end(
    State(app): State<App>,
    Key(principal): Key,
    CallPath(call): CallPath,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    let wanted = TalkOrder { extension: None, act: TalkAct::EndConsult };
    order(&app, principal, call, wanted, "a consultation is ended").await
}

/// The other party hears music until it is resumed; neither hears the other. Twice does no harm.
#[utoipa::path(post, path = "/api/v1/calls/{call}/hold", operation_id = "hold", tag = "calls",
    request_body = Acting, params(("call" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 202, description = "It is on hold"),
        (status = 404, description = "No such live call", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "It is no conversation now", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "The extension is not in the call", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn hold(
    State(app): State<App>,
    Key(principal): Key,
    CallPath(call): CallPath,
    _: Params<NoParams>,
    Body(Acting { extension }): Body<Acting>,
) -> Result<StatusCode, Problem> {
    let wanted = TalkOrder { extension, act: TalkAct::Hold };
    order(&app, principal, call, wanted, "a party is put on hold").await
}

/// Takes back what `hold` did; a hold of the phone itself stays.
#[utoipa::path(post, path = "/api/v1/calls/{call}/resume", operation_id = "resume", tag = "calls",
    request_body = Acting, params(("call" = String, Path, description = "32 hexadecimal digits")),
    responses(
        (status = 202, description = "Both talk"),
        (status = 404, description = "No such live call", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "It is no conversation now", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "The extension is not in the call", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn resume(
    State(app): State<App>,
    Key(principal): Key,
    CallPath(call): CallPath,
    _: Params<NoParams>,
    Body(Acting { extension }): Body<Acting>,
) -> Result<StatusCode, Problem> {
    let wanted = TalkOrder { extension, act: TalkAct::Resume };
    order(&app, principal, call, wanted, "a party is resumed").await
}
