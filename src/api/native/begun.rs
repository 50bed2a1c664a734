//! The answer to whatever rings somebody: a call that was begun.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use strowger_core::vocab::{CallId, InteractionId};
use utoipa::ToSchema;

/// The call that was begun.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Begun {
    /// Its id.
    call: String,
    /// What it belongs to; a call that joins another one belongs to the same.
    interaction: String,
}

/// 201, with the call in Location.
pub(super) fn begun(call: CallId, interaction: InteractionId) -> Response {
    let location = format!("/api/v1/calls/{call}");
    let body = Json(Begun { call: call.to_string(), interaction: interaction.to_string() });
    (StatusCode::CREATED, [(LOCATION, location)], body).into_response()
}
