//! The page at `/`: what the switch does now, for people.
//!
//! It is one document without anything from elsewhere. Its policy (Content Security Policy Level 3) lets run only what
//! stands in it, by its hash, and lets it ask only this server; what it shows comes from the API, with the reader's key.

use std::sync::OnceLock;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::app::App;

const PAGE: &str = include_str!("status.html");
const STYLE: &str = include_str!("status.css");
const SCRIPT: &str = include_str!("status.js");

pub(super) fn routes() -> Router<App> {
    Router::new().route("/", get(page))
}

/// The document and its policy.
struct Made {
    document: Bytes,
    policy: String,
}

fn made() -> &'static Made {
    static MADE: OnceLock<Made> = OnceLock::new();
    MADE.get_or_init(|| {
        let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
        let document = PAGE.replace("{style}", STYLE).replace("{script}", SCRIPT);
        let policy = format!(
            "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
            hash(SCRIPT),
            hash(STYLE),
        );
        Made { document: document.into(), policy }
    })
}

async fn page() -> Response {
    let made = made();
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, made.policy.as_str()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, made.document.clone()).into_response()
}
