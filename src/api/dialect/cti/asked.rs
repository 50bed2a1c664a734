//! A request: who signed it, for which application, and what it says.

use axum::body::Bytes;
use axum::extract::{FromRequest, Query, Request};
use axum::http::StatusCode;
use futures_util::future::join_all;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use strowger_core::vocab::acd::{AgentOrder, QueueView};
use strowger_core::vocab::{Command, CommandError, Done, Principal, Role};

use super::envelope::{Fault, Refusal};
use super::fields::Fields;
use super::shelf::Shelf;
use super::sign::{self, Signer};
use crate::api::app::App;
use crate::api::auth::standing_in;
use crate::api::dialect::common;
use crate::api::gateway::TenantNames;

/// A request with a good signature. Nothing is said about an application yet.
pub(super) struct Signed {
    pub(super) app: App,
    /// Who signed.
    pub(super) signer: Signer,
    /// The parameters of the address.
    pub(super) query: Fields,
    /// The members of the body, where there is one.
    body: Option<Fields>,
}

/// A request of an operator for one application.
pub(super) struct Asked {
    pub(super) app: App,
    /// The application.
    pub(super) names: TenantNames,
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
        Ok(Self { app: app.clone(), signer, query, body: body_of(&bytes)? })
    }
}

/// Counts a request against the pace of its signer, which each application of an operator has to itself.
///
/// # Errors
/// It asks too often.
pub(super) fn in_pace(app: &App, signer: &Signer, query: &Fields) -> Result<(), Refusal> {
    let tenant = application(app, query).map(|names| names.tenant).unwrap_or_default();
    app.pace(&standing_in(&tenant, Role::Admin, &signer.name())).map_err(|seconds| {
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
    pub(super) fn without_body(app: App, signer: Signer, query: Fields) -> Self {
        Self { app, signer, query, body: None }
    }

    /// ... for this application.
    pub(super) fn of(self, names: TenantNames) -> Asked {
        Asked { app: self.app.clone(), app_id: app_id(&names).to_owned(), names, signed: self }
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

    /// What the request calls itself.
    pub(super) fn msg_id(&self) -> String {
        self.either().text("MsgId").ok().flatten().unwrap_or_default()
    }
}

/// The id by which clients name an application.
pub(super) fn app_id(names: &TenantNames) -> &str {
    names.cti_app_id.as_deref().unwrap_or(&names.tenant)
}

/// The application that is named.
///
/// # Errors
/// None is named, or there is no such.
pub(super) fn application(app: &App, query: &Fields) -> Result<TenantNames, Refusal> {
    let id = query.given("AppId")?;
    let id = id.ok_or_else(|| Refusal::new(Fault::NoAppId, "AppId is missing"))?;
    let tenants = app.gateway.tenants();
    let found = tenants.iter().find(|names| app_id(names) == id);
    found.cloned().ok_or_else(|| Refusal::new(Fault::NoApp, ""))
}

impl FromRequest<App> for AskedByAny {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let signed = Signed::from_request(request, app).await?;
        let tenant = application(app, &signed.query)?;
        Ok(Self(signed.of(tenant)))
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

    /// The parameters of an operation whose clients cannot all send a body: of the body, or where there is none of the
    /// address, which then has one of these.
    ///
    /// # Errors
    /// Neither.
    pub(super) fn parameters(&self, names: &[&str]) -> Result<Fields, Refusal> {
        if !self.signed.query.has_any(names) {
            self.body()?;
        }
        Ok(self.signed.either())
    }

    /// The application's tenant.
    pub(super) fn tenant(&self) -> &str {
        &self.names.tenant
    }

    /// In whose name the switch is asked. Handlers have seen to what an agent's front end may do.
    pub(super) fn principal(&self) -> Principal {
        standing_in(self.tenant(), Role::Admin, &self.signed.signer.name())
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
    pub(super) async fn order(&self, command: Command) -> Result<Done, Refusal> {
        Ok(self.app.order(self.principal(), command).await?)
    }

    /// Orders several things at once, so that one write to disk serves them all; what came of each, in their order.
    pub(super) async fn order_all(&self, commands: Vec<Command>) -> Vec<Result<Done, Refusal>> {
        join_all(commands.into_iter().map(|command| self.order(command))).await
    }

    /// Orders something of an agent.
    ///
    /// # Errors
    /// The switch refuses.
    pub(super) async fn order_agent(&self, agent: &str, order: AgentOrder) -> Result<(), Refusal> {
        self.order(Command::Agent { agent: agent.to_owned(), order }).await.map(drop)
    }

    /// A queue, if there is one.
    ///
    /// # Errors
    /// The switch cannot be asked.
    pub(super) async fn queue(&self, number: &str) -> Result<Option<QueueView>, Refusal> {
        if_there(common::queue(&self.app, &self.principal(), number).await)
    }

    /// All queues, by number.
    ///
    /// # Errors
    /// The switch cannot be asked.
    pub(super) async fn queues(&self) -> Result<Vec<QueueView>, Refusal> {
        Ok(common::queues(&self.app, &self.principal()).await?)
    }

    /// The numbers that the company has, in order.
    ///
    /// # Errors
    /// The switch cannot be asked.
    pub(super) async fn own_numbers(&self) -> Result<Vec<String>, Refusal> {
        Ok(common::own_numbers(&self.app, &self.principal()).await?)
    }

    /// One document of a shelf.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) async fn kept<T: DeserializeOwned>(
        &self,
        shelf: Shelf,
        key: &str,
    ) -> Result<Option<T>, Refusal> {
        shelf.get(&self.app, self.tenant(), key).await
    }

    /// All documents of a shelf, by key.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) async fn all_kept<T: DeserializeOwned>(
        &self,
        shelf: Shelf,
    ) -> Result<Vec<(String, T)>, Refusal> {
        shelf.all(&self.app, self.tenant()).await
    }

    /// Writes documents, all or none.
    ///
    /// # Errors
    /// They could not be written.
    pub(super) async fn keep_all<'a, T: Serialize + 'a>(
        &self,
        shelf: Shelf,
        documents: impl Iterator<Item = (&'a str, &'a T)>,
    ) -> Result<(), Refusal> {
        shelf.put_all(&self.app, self.tenant(), documents).await
    }

    /// Writes a document; it is on disk when this is done.
    ///
    /// # Errors
    /// It could not be written.
    pub(super) async fn keep<T: Serialize + Sync>(
        &self,
        shelf: Shelf,
        key: &str,
        document: &T,
    ) -> Result<(), Refusal> {
        shelf.put(&self.app, self.tenant(), key, document).await
    }

    /// Removes a document.
    ///
    /// # Errors
    /// It could not be removed.
    pub(super) async fn forget(&self, shelf: Shelf, key: &str) -> Result<(), Refusal> {
        shelf.remove(&self.app, self.tenant(), key).await
    }
}

/// What is asked for, if it is there.
///
/// # Errors
/// It is not for another reason than that there is no such.
pub(super) fn if_there<T>(found: Result<T, CommandError>) -> Result<Option<T>, Refusal> {
    match found {
        Ok(thing) => Ok(Some(thing)),
        Err(CommandError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The switch answered something that was not asked.
pub(super) fn unexpected() -> Refusal {
    Refusal::internal(&"the switch answered something else than was asked")
}
