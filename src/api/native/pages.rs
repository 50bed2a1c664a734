//! Pages: what there is, beginning one, ending one.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use strowger_core::vocab::page::{PageView, Spoken};
use strowger_core::vocab::{CallTerms, Command, Done, Principal, Query, Reply};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::begun::{Begun, begun};
use super::check::dialled;
use super::{LivePage, LiveParams, NoParams, Refusals, Unread, unexpected};
use crate::api::app::App;
use crate::api::auth::Key;
use crate::api::extract::{Body, Example, Params};
use crate::api::problem::Problem;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, begin)).routes(routes!(show, end))
}

/// Phones that play what one says.
#[derive(Debug, Serialize, ToSchema)]
struct PageItem {
    /// Its name.
    #[schema(example = "all")]
    name: String,
    /// What is dialled for it.
    #[schema(example = "800")]
    number: String,
    /// Extensions whose phones play it.
    members: Vec<String>,
    /// The class that an extension must have to speak.
    class: String,
    /// It is over after so many seconds.
    max_secs: u32,
    /// Who speaks; null while nobody does.
    spoken: Option<SpokenItem>,
}

/// A page under way.
#[derive(Debug, Serialize, ToSchema)]
struct SpokenItem {
    /// The call of the phone that speaks; 32 hexadecimal digits.
    call: String,
    /// The number of its extension.
    speaker: Option<String>,
    /// Phones that play it.
    playing: usize,
    /// Phones that have not answered yet.
    ringing: usize,
}

impl From<PageView> for PageItem {
    fn from(PageView { page, spoken }: PageView) -> Self {
        Self {
            name: page.key.name,
            number: page.number,
            members: page.members,
            class: page.class,
            max_secs: page.max_secs,
            spoken: spoken.map(SpokenItem::from),
        }
    }
}

impl From<Spoken> for SpokenItem {
    fn from(Spoken { call, speaker, playing, ringing }: Spoken) -> Self {
        Self { call: call.to_string(), speaker, playing, ringing }
    }
}

/// Pages by name, and who speaks.
#[utoipa::path(get, path = "/api/v1/pages", operation_id = "listPages", tag = "pages", params(LiveParams),
    responses((status = 200, description = "Some of them", body = LivePage<PageItem>), Refusals))]
async fn list(
    State(app): State<App>,
    Key(principal): Key,
    Params(params): Params<LiveParams>,
) -> Result<Json<LivePage<PageItem>>, Problem> {
    let (offset, limit) = params.read()?;
    match app.gateway.query(principal, Query::Pages { offset, limit }).await {
        Reply::Pages(page) => Ok(LivePage::of(page)),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

async fn one(app: &App, principal: &Principal, name: String) -> Result<PageView, Problem> {
    match app.gateway.query(principal.clone(), Query::Page(name)).await {
        Reply::Page(view) => Ok(*view),
        Reply::Refused(error) => Err(error.into()),
        _ => Err(unexpected()),
    }
}

/// One page.
#[utoipa::path(get, path = "/api/v1/pages/{page}", operation_id = "showPage", tag = "pages",
    params(("page" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "It", body = PageItem),
        (status = 404, description = "No such page", body = Problem, content_type = "application/problem+json"),
        Refusals,
    ))]
async fn show(
    State(app): State<App>,
    Key(principal): Key,
    Path(name): Path<String>,
    _: Params<NoParams>,
) -> Result<Json<PageItem>, Problem> {
    Ok(Json(one(&app, &principal, name).await?.into()))
}

/// Who is to speak, and to whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Speech {
    /// The page's name.
    #[schema(example = "all")]
    page: String,
    /// The number of the extension whose phone rings and then speaks.
    #[schema(example = "4567")]
    from: String,
    /// Asks that phone to answer by itself.
    #[serde(default)]
    auto_answer: bool,
}

impl Example for Speech {
    const EXAMPLE: &'static str = r#"{"page": "all", "from": "4567"}"#;
}

/// Begins a page: rings `from`, and when it answers the page's phones play what it says. A user's or agent's key has its
/// own phone ring.
#[utoipa::path(post, path = "/api/v1/pages", operation_id = "beginPage", tag = "pages", request_body = Speech,
    responses(
        (status = 201, description = "It rings; Location names the call that speaks", body = Begun),
        (status = 404, description = "No such page or extension", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "Somebody speaks, or the extension has no registered phone", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "The extension lacks the page's class", body = Problem,
            content_type = "application/problem+json"),
        Unread,
        Refusals,
    ))]
async fn begin(
    State(app): State<App>,
    Key(principal): Key,
    _: Params<NoParams>,
    Body(Speech { page, from, auto_answer }): Body<Speech>,
) -> Result<Response, Problem> {
    dialled("from", &from)?;
    let view = one(&app, &principal, page).await?;
    let (tenant, key) = (principal.tenant.clone(), principal.name.clone());
    let (to, terms) = (view.page.number, CallTerms::default());
    let command = Command::Originate { from, to, auto_answer, terms };
    match app.gateway.command(principal, command).await? {
        Done::Originated { call, interaction } => {
            tracing::info!(%tenant, %key, %call, "a page was begun over HTTP");
            Ok(begun(call, interaction))
        }
        _ => Err(unexpected()),
    }
}

/// Ends a page that is under way: the call that speaks, and with it all phones. A user's or agent's key ends its own
/// extension's.
#[utoipa::path(delete, path = "/api/v1/pages/{page}", operation_id = "endPage", tag = "pages",
    params(("page" = String, Path, description = "Its name")),
    responses(
        (status = 202, description = "It is being ended"),
        (status = 404, description = "No such page, or nobody speaks to it", body = Problem,
            content_type = "application/problem+json"),
        Refusals,
    ))]
async fn end(
    State(app): State<App>,
    Key(principal): Key,
    Path(name): Path<String>,
    _: Params<NoParams>,
) -> Result<StatusCode, Problem> {
    let view = one(&app, &principal, name).await?;
    let name = view.page.key.name;
    let spoken =
        view.spoken.ok_or_else(|| Problem::not_found(format!("nobody speaks to page {name}")))?;
    match app.gateway.command(principal, Command::HangUp { call: spoken.call }).await? {
        Done::HungUp => Ok(StatusCode::ACCEPTED),
        _ => Err(unexpected()),
    }
}
