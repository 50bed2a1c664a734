//! Who asks, and what the key allows.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::Ordering;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, StatusCode};
use strowger_core::vocab::{Principal, Role};

use super::app::App;
use super::attempts::Attempts;
use super::problem::Problem;
use super::serve::Remote;

/// The holder of a good key. A handler that takes it is closed to everybody else.
#[derive(Debug, Clone)]
pub(super) struct Key(pub(super) Principal);

impl FromRequestParts<App> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        // Somebody before has looked, and counted.
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let token = token(&parts.headers)?;
        let guard = Guard::look(app, &parts.extensions).map_err(|seconds| {
            let detail = "too many wrong keys came from your address";
            Problem::retry(StatusCode::TOO_MANY_REQUESTS, seconds, detail)
        })?;
        let Some(principal) = app.gateway.holder(token) else {
            guard.failed(app, "an unknown key");
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "the key is unknown"));
        };
        app.pace(&principal).map_err(|seconds| {
            let detail = "the key asks too often; http.requests_per_second says how often";
            Problem::retry(StatusCode::TOO_MANY_REQUESTS, seconds, detail)
        })?;
        Ok(Self(principal))
    }
}

impl Key {
    /// For what stands before a handler: the key of a request, which the handler then finds instead of looking and counting
    /// again.
    pub(super) async fn ahead(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let key = Self::from_request_parts(parts, app).await?;
        parts.extensions.insert(key.clone());
        Ok(key)
    }
}

/// Slows down whoever guesses: the address that a request came from, which may still try.
pub(super) struct Guard {
    address: IpAddr,
    of: fn(&App) -> &Attempts,
}

impl Guard {
    /// The guard of a request, by its extensions.
    ///
    /// # Errors
    /// The seconds until the address may try again.
    pub(super) fn look(app: &App, extensions: &Extensions) -> Result<Self, u32> {
        Self::of(|app| &app.attempts, app, extensions)
    }

    /// The same for secrets of desk phones, which are counted apart: a phone with an old one silences no program behind the
    /// same address.
    ///
    /// # Errors
    /// The seconds until the address may try again.
    pub(super) fn of_phones(app: &App, extensions: &Extensions) -> Result<Self, u32> {
        Self::of(|app| &app.phone_attempts, app, extensions)
    }

    fn of(of: fn(&App) -> &Attempts, app: &App, extensions: &Extensions) -> Result<Self, u32> {
        let local = IpAddr::from(Ipv4Addr::LOCALHOST);
        let address = extensions.get::<Remote>().map_or(local, |remote| remote.0.ip());
        of(app).check(address, app.now_ms()).inspect_err(|_| {
            app.figures.auth_limited.fetch_add(1, Ordering::Relaxed);
        })?;
        Ok(Self { address, of })
    }

    /// It was wrong.
    pub(super) fn failed(&self, app: &App, came_with: &str) {
        app.figures.auth_failures.fetch_add(1, Ordering::Relaxed);
        (self.of)(app).failed(self.address, app.now_ms());
        tracing::info!(address = %self.address, "an HTTP request came with {came_with}");
    }
}

/// The token that a WebSocket of a browser offers as a subprotocol, `bearer.TOKEN`: there no header can be set.
fn offered(headers: &HeaderMap) -> Option<&str> {
    headers.get(UPGRADE)?;
    let offers =
        headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let mut tokens = offers
        .flat_map(|text| text.split(','))
        .filter_map(|one| one.trim().strip_prefix("bearer."));
    tokens.next().filter(|token| !token.is_empty())
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750 section 2.1).
pub(super) fn token(headers: &HeaderMap) -> Result<&str, Problem> {
    let wanted = "send `Authorization: Bearer TOKEN` with the token of a key";
    let unauthorized = || Problem::new(StatusCode::UNAUTHORIZED, wanted);
    let mut values = headers.get_all(AUTHORIZATION).iter().peekable();
    if values.peek().is_none()
        && let Some(token) = offered(headers)
    {
        return Ok(token);
    }
    let (Some(value), None) = (values.next(), values.next()) else { return Err(unauthorized()) };
    let text = value.to_str().map_err(|_| unauthorized())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(unauthorized)?;
    let token = token.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(unauthorized());
    }
    Ok(token)
}

impl Key {
    /// Refuses all but these roles.
    pub(super) fn one_of(&self, roles: &[Role]) -> Result<(), Problem> {
        if roles.contains(&self.0.role) {
            return Ok(());
        }
        let allowed: Vec<&str> = roles.iter().map(|role| role_name(*role)).collect();
        Err(Problem::forbidden(format!("this needs a key with role {}", allowed.join(" or "))))
    }

    /// For what concerns the tenant as a whole: users and agents see only their own extension.
    pub(super) fn sees_tenant(&self) -> Result<(), Problem> {
        self.one_of(&[Role::Admin, Role::Supervisor, Role::ReadOnly])
    }

    /// For one agent's affairs: an agent's key sees its own.
    pub(super) fn sees_agent(&self, id: &str) -> Result<(), Problem> {
        match self.0.role {
            Role::Agent => self.is_agent(id),
            _ => self.sees_tenant(),
        }
    }

    /// For orders about one agent: an agent's key may order about its own.
    pub(super) fn orders_agent(&self, id: &str) -> Result<(), Problem> {
        match self.0.role {
            Role::Agent => self.is_agent(id),
            _ => self.one_of(&[Role::Admin, Role::Supervisor, Role::Agent]),
        }
    }

    fn is_agent(&self, id: &str) -> Result<(), Problem> {
        match self.0.agent.as_deref() {
            Some(own) if own == id => Ok(()),
            Some(own) => Err(Problem::forbidden(format!("the key stands for agent {own} only"))),
            None => Err(Problem::forbidden("the key names no agent, so none is its own")),
        }
    }

    /// The one extension whose affairs the key may see; `None` for all of the tenant's.
    pub(super) fn own_extension(&self) -> Result<Option<&str>, Problem> {
        match (self.0.role, self.0.extension.as_deref()) {
            (Role::User | Role::Agent, None) => {
                Err(Problem::forbidden("the key names no extension, so nothing is its own"))
            }
            (Role::User | Role::Agent, own) => Ok(own),
            _ => Ok(None),
        }
    }
}

/// The surface itself, for what it does for a whole tenant and nobody's key asked for.
pub(super) fn standing_in(tenant: &str, role: Role, name: &str) -> Principal {
    let (tenant, name) = (tenant.to_owned(), name.to_owned());
    Principal { tenant, role, name, extension: None, agent: None }
}

/// As the configuration spells it.
pub(super) fn role_name(role: Role) -> &'static str {
    match role {
        Role::Admin => "admin",
        Role::Supervisor => "supervisor",
        Role::Agent => "agent",
        Role::User => "user",
        Role::ReadOnly => "read-only",
    }
}
