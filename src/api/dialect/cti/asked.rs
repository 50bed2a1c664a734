//! A request: who signed it, for which application, and what it says.

use axum::body::Bytes;
use axum::extract::{FromRequest, Query, Request};
use axum::http::StatusCode;
use futures_util::future::join_all;
use serde_json::Value;

use strowger_core::vocab::{Command, Done, Principal, Query as Question, Reply, Role};

use super::envelope::{Fault, Refusal};
use super::fields::Fields;
use super::sign::{self, Signer};
use crate::api::app::App;
use crate::api::gateway::TenantNames;

/// A request with a good signature. Nothing is said about an application yet.
pub(super) struct Signed {
    /// Who signed.
    pub(super) signer: Signer,
    /// The parameters of the address.
    pub(super) query: Fields,
    /// The members of the body, where there is one.
    body: Option<Fields>,
}

/// A request of an operator for one application.
pub(super) struct Asked {
    /// The application.
    pub(super) tenant: TenantNames,
    /// The id by which it was named.
    pub(super) app_id: String,
    /// Who signed and what was said.
    pub(super) signed: Signed,
}

/// A request for one application that agents' front ends may send too; a handler that takes it looks at the signer.
pub(super) struct AskedByAny(pub(super) Asked);

impl FromRequest<App> for Signed {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let query = query_of(request.uri());
        let signer = sign::signer(app, &query, request.extensions())?;
        in_pace(app, &signer, &query)?;
        let bytes = Bytes::from_request(request, app).await.map_err(|no| match no.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Refusal::new(Fault::TooLarge, "the body is too long"),
            _ => Refusal::new(Fault::NoBody, "the body could not be read"),
        })?;
        Ok(Self { signer, query, body: body_of(&bytes)? })
    }
}

/// Counts a request against the pace of its signer, which each application of an operator has to itself.
///
/// # Errors
/// It asks too often.
pub(super) fn in_pace(app: &App, signer: &Signer, query: &Fields) -> Result<(), Refusal> {
    let tenant = application(app, query).map(|(names, _)| names.tenant).unwrap_or_default();
    app.pace(&principal(&tenant, signer.name())).map_err(|seconds| {
        let detail = "you ask too often; http.requests_per_second says how often";
        Refusal::later(Fault::TooOften, seconds, detail)
    })
}

/// The parameters of an address.
pub(super) fn query_of(uri: &axum::http::Uri) -> Fields {
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
    Fields::of_query(pairs.map(|Query(pairs)| pairs).unwrap_or_default())
}

fn body_of(bytes: &[u8]) -> Result<Option<Fields>, Refusal> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(Some(Fields::of_object(object))),
        Ok(_) => Err(Refusal::params("the body: write a JSON object")),
        Err(error) => Err(Refusal::new(Fault::NoBody, format!("the body is no JSON: {error}"))),
    }
}

impl Signed {
    /// A request that has no body, such as one for a connection.
    pub(super) fn without_body(signer: Signer, query: Fields) -> Self {
        Self { signer, query, body: None }
    }

    /// The body's parameters.
    ///
    /// # Errors
    /// There is none where one is wanted.
    pub(super) fn body(&self) -> Result<&Fields, Refusal> {
        self.body.as_ref().ok_or_else(|| Refusal::new(Fault::NoBody, "a JSON body is wanted"))
    }

    /// The parameters of the body, or where there is none of the address.
    pub(super) fn either(&self) -> Fields {
        self.body.clone().unwrap_or_default().over(&self.query)
    }

    /// Whether there is a body.
    pub(super) fn has_body(&self) -> bool {
        self.body.is_some()
    }

    /// What the request calls itself.
    pub(super) fn msg_id(&self) -> String {
        self.either().text("MsgId").ok().flatten().unwrap_or_default()
    }
}

/// The application that is named.
///
/// # Errors
/// None is named, or there is no such.
pub(super) fn application(app: &App, query: &Fields) -> Result<(TenantNames, String), Refusal> {
    let id = query.text("AppId")?.filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| Refusal::new(Fault::NoAppId, "AppId is missing"))?;
    let tenants = app.gateway.tenants();
    let named = |names: &&TenantNames| *names.cti_app_id.as_ref().unwrap_or(&names.tenant) == id;
    let found = tenants.iter().find(named);
    match found {
        Some(names) => Ok((names.clone(), id)),
        None => Err(Refusal::new(Fault::NoApp, "")),
    }
}

impl FromRequest<App> for AskedByAny {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let signed = Signed::from_request(request, app).await?;
        let (tenant, app_id) = application(app, &signed.query)?;
        Ok(Self(Asked { tenant, app_id, signed }))
    }
}

impl FromRequest<App> for Asked {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let AskedByAny(asked) = AskedByAny::from_request(request, app).await?;
        match asked.signed.signer {
            Signer::Account(_) => Ok(asked),
            Signer::Agent(_) => {
                let detail = "an agent's signature acts only as that agent; sign with Sid";
                Err(Refusal::new(Fault::Forbidden, detail))
            }
        }
    }
}

impl Asked {
    /// The body's parameters.
    ///
    /// # Errors
    /// There is none where one is wanted.
    pub(super) fn body(&self) -> Result<&Fields, Refusal> {
        self.signed.body()
    }

    /// In whose name the switch is asked. Handlers have seen to what an agent's front end may do.
    pub(super) fn principal(&self) -> Principal {
        principal(&self.tenant.tenant, self.signed.signer.name())
    }

    /// The id of an agent, also as `id@AppId`. An agent's front end may name its own only.
    ///
    /// # Errors
    /// No id, or another application's or agent's.
    pub(super) fn agent(&self, text: &str) -> Result<String, Refusal> {
        let (id, app) = text.split_once('@').unwrap_or((text, &self.app_id));
        if !(1..=32).contains(&id.len()) || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::params("AgentId: write 1 to 32 digits"));
        }
        if app != self.app_id {
            return Err(Refusal::new(Fault::NotFound, "no such agent"));
        }
        match &self.signed.signer {
            Signer::Agent(own) if own != id => {
                Err(Refusal::new(Fault::Forbidden, format!("the signature is agent {own}'s")))
            }
            _ => Ok(id.to_owned()),
        }
    }

    /// Orders something of the switch.
    ///
    /// # Errors
    /// The switch refuses.
    pub(super) async fn order(&self, app: &App, command: Command) -> Result<Done, Refusal> {
        Ok(app.order(self.principal(), command).await?)
    }

    /// Orders several things at once, so that one write to disk serves them all; what came of each, in their order.
    pub(super) async fn order_all(
        &self,
        app: &App,
        commands: Vec<Command>,
    ) -> Vec<Result<Done, Refusal>> {
        join_all(commands.into_iter().map(|command| self.order(app, command))).await
    }

    /// Asks the switch something.
    ///
    /// # Errors
    /// There is no such thing, or the switch is busy.
    pub(super) async fn ask(&self, app: &App, question: Question) -> Result<Reply, Refusal> {
        match app.gateway.query(self.principal(), question).await {
            Reply::Refused(error) => Err(error.into()),
            reply => Ok(reply),
        }
    }
}

/// Somebody with all rights within a tenant.
pub(super) fn principal(tenant: &str, name: String) -> Principal {
    Principal { tenant: tenant.to_owned(), role: Role::Admin, name, extension: None, agent: None }
}

/// The switch answered something that was not asked.
pub(super) fn unexpected() -> Refusal {
    Refusal::internal(&"the switch answered something else than was asked")
}
