//! The description of everything that is served, for programs.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::app::App;
use super::auth::Key;
use super::problem::Problem;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Strowger",
        description = "A SIP switch: its calls, records, recordings and events. Times are milliseconds since the \
            Unix epoch. Errors are problem details (RFC 9457)."
    ),
    security(("bearer" = [])),
    modifiers(&Bearer),
    tags(
        (name = "calls", description = "Live calls"),
        (name = "records", description = "Finished calls and their recordings"),
        (name = "voicemail", description = "Mailboxes and their messages"),
        (name = "menus", description = "Menus that callers walk through by keys"),
        (name = "phones", description = "Registrations and desk phones"),
        (name = "trunks", description = "Lines to carriers, their numbers, and routes"),
        (name = "queues", description = "Queues, their callers, and what was counted"),
        (name = "agents", description = "Agents, what they are told, and what was counted"),
        (name = "keys", description = "Keys to this surface"),
        (name = "extensions", description = "Phones' accounts, and what their owners set"),
        (name = "tenants", description = "Tenants themselves, for operators"),
        (name = "tenant", description = "What holds for the tenant as a whole"),
        (name = "events", description = "What happens, as it happens"),
        (name = "process", description = "The process itself"),
        (name = "health", description = "For supervisors of processes"),
    )
)]
struct Description;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The token of a [[tenant.api_key]] in the configuration, or of a key made by POST /api/v1/keys"))
            .build();
        let components = openapi.components.get_or_insert_with(Default::default);
        components.add_security_scheme("bearer", SecurityScheme::Http(scheme));
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Basic)
            .description(Some("sid and auth_token of an [[operator]] in the configuration"))
            .build();
        components.add_security_scheme("operator", SecurityScheme::Http(scheme));
    }
}

/// An empty router that knows the title and the keys.
pub(super) fn base() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Description::openapi())
}

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(describe))
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", operation_id = "describe", tag = "process",
    responses(
        (status = 200, description = "OpenAPI 3.1", body = Object),
        (status = 401, description = "No good key", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "The key asks too often", body = Problem, content_type = "application/problem+json"),
    ))]
async fn describe(State(app): State<App>, _: Key) -> Response {
    ([(CONTENT_TYPE, "application/json")], app.openapi.clone()).into_response()
}
