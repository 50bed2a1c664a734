//! Who asks: the holder of a bearer token, a client in the document's words, a tenant in ours.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde_json::Value;
use strowger_core::vocab::{Command, Done, Principal, Query, Reply, Role};

use super::ids;
use super::refusal::{Fault, Refusal};
use super::token;
use crate::api::app::App;
use crate::api::auth::{self, Guard};
use crate::api::gateway::TenantNames;

/// The holder of a good token.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) principal: Principal,
    pub(super) names: TenantNames,
}

impl FromRequestParts<App> for Client {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let words = "send `Authorization: Bearer TOKEN` with an access token";
        let token = auth::token(&parts.headers).map_err(|_| Refusal::new(Fault::Token, words))?;
        let guard = Guard::look(app, &parts.extensions).map_err(guesses)?;
        let principal = match app.gateway.holder(token) {
            Some(principal) => Some(principal),
            None => token::holder(app, token).await?,
        };
        let Some(principal) = principal else {
            guard.failed(app, "an unknown access token");
            return Err(Refusal::new(Fault::Token, "the access token is unknown or too old"));
        };
        app.pace(&principal).map_err(|seconds| {
            Refusal::later(Fault::TooMany, seconds, "the token's key asks too often")
        })?;
        let tenants = app.gateway.tenants();
        let names = tenants.iter().find(|names| names.tenant == principal.tenant);
        let names = names.cloned().unwrap_or_else(|| TenantNames {
            tenant: principal.tenant.clone(),
            ..TenantNames::default()
        });
        Ok(Self { principal, names })
    }
}

/// Whoever guesses has to wait.
pub(super) fn guesses(seconds: u32) -> Refusal {
    Refusal::later(Fault::TooMany, seconds, "too many wrong tokens came from your address")
}

/// What a client calls itself.
pub(super) fn client_id(names: &TenantNames) -> &str {
    names.ringme_client_id.as_deref().unwrap_or(&names.tenant)
}

impl Client {
    /// Whether the path names this client: `@me`, or its id.
    pub(super) fn is(&self, id: &str) -> Result<(), Refusal> {
        if id == "@me" || id == client_id(&self.names) {
            return Ok(());
        }
        Err(Refusal::not_found("client"))
    }

    /// For what concerns the client as a whole.
    pub(super) fn sees(&self) -> Result<(), Refusal> {
        match self.principal.role {
            Role::Admin | Role::Supervisor | Role::ReadOnly => Ok(()),
            Role::User | Role::Agent => {
                Err(Refusal::new(Fault::Scope, "the token is one extension's or agent's"))
            }
        }
    }

    /// For definitions.
    pub(super) fn defines(&self) -> Result<(), Refusal> {
        match self.principal.role {
            Role::Admin => Ok(()),
            _ => Err(Refusal::new(Fault::Scope, "this needs an admin's token")),
        }
    }

    /// For calls.
    pub(super) fn acts(&self) -> Result<(), Refusal> {
        match self.principal.role {
            Role::Admin | Role::Supervisor => Ok(()),
            _ => Err(Refusal::new(Fault::Scope, "this needs a supervisor's or an admin's token")),
        }
    }

    pub(super) fn tenant(&self) -> &str {
        &self.principal.tenant
    }

    /// The client's id as the document shows it: a number.
    pub(super) async fn number(&self, app: &App) -> Result<Value, Refusal> {
        match client_id(&self.names).parse::<u64>() {
            Ok(number) => Ok(number.into()),
            Err(_) => Ok(app.gateway.number("", ids::CLIENTS, self.tenant()).await?.into()),
        }
    }

    pub(super) async fn ask(&self, app: &App, query: Query) -> Result<Reply, Refusal> {
        match app.gateway.query(self.principal.clone(), query).await {
            Reply::Refused(error) => Err(error.into()),
            reply => Ok(reply),
        }
    }

    pub(super) async fn order(&self, app: &App, command: Command) -> Result<Done, Refusal> {
        Ok(app.order(self.principal.clone(), command).await?)
    }

    /// A line of the log for each change.
    pub(super) fn note(&self, what: &'static str, which: &str) {
        let (tenant, key) = (&self.principal.tenant, &self.principal.name);
        tracing::info!(%tenant, %key, which, "{what} over HTTP");
    }
}
