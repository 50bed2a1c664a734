//! Signing in and out. The password is the agent's PIN, the phone becomes the agent's desk until it signs out.

use std::net::{IpAddr, Ipv4Addr};

use axum::body::Bytes;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use strowger_core::vocab::acd::{AgentOrder, Intent};
use strowger_core::vocab::command::Meant;
use strowger_core::vocab::{Command, Secret};
use subtle::ConstantTimeEq;

use super::answer::{self, Fault, Refusal};
use super::sessions::{Agent, observer};
use crate::api::app::App;
use crate::api::dialect::common::{self, Named, named};
use crate::api::serve::Remote;

/// Bytes of a password, and of a phone's number.
const LONGEST: usize = 128;

/// What a sign-in says, and from where.
pub(super) struct SignIn {
    password: String,
    phone: String,
    address: IpAddr,
}

impl FromRequest<App> for SignIn {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let local = IpAddr::from(Ipv4Addr::LOCALHOST);
        let address = request.extensions().get::<Remote>().map_or(local, |remote| remote.0.ip());
        let bytes = Bytes::from_request(request, app).await.map_err(|rejection| {
            let refusal =
                Refusal::new(Fault::Parameter, "the body is too long or could not be read");
            match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => refusal.with(StatusCode::PAYLOAD_TOO_LARGE),
                _ => refusal,
            }
        })?;
        let body: Value = serde_json::from_slice(&bytes).map_err(|error| {
            Refusal::new(Fault::SignIn, format!("the body is no JSON: {error}"))
        })?;
        let Value::Object(members) = body else {
            return Err(Refusal::new(Fault::SignIn, "the body: write a JSON object"));
        };
        Ok(Self {
            password: text(&members, "password")?,
            phone: text(&members, "phonenum")?,
            address,
        })
    }
}

fn text(members: &Map<String, Value>, name: &str) -> Result<String, Refusal> {
    let wrong = |why: &str| Err(Refusal::new(Fault::SignIn, format!("{name} {why}")));
    match members.get(name) {
        Some(Value::String(text)) if text.trim().is_empty() => wrong("is empty"),
        Some(Value::String(text)) if text.len() > LONGEST => wrong("is too long"),
        Some(Value::String(text)) => Ok(text.trim().to_owned()),
        Some(_) => wrong("is no text"),
        None => wrong("is missing"),
    }
}

/// `PUT onlineagent/{agentid}`.
pub(super) async fn sign_in(
    State(app): State<App>,
    agent: Named,
    said: SignIn,
) -> Result<Response, Refusal> {
    open(&app, &named(agent), said, false).await
}

/// `PUT onlineagent/{agentid}/forcelogin`: ends a session that there is.
pub(super) async fn force(
    State(app): State<App>,
    agent: Named,
    said: SignIn,
) -> Result<Response, Refusal> {
    open(&app, &named(agent), said, true).await
}

async fn open(app: &App, agent: &str, said: SignIn, force: bool) -> Result<Response, Refusal> {
    let id = answer::number("agentid", agent)?;
    app.attempts.check(said.address, app.now_ms()).map_err(|seconds| {
        let message = "too many wrong passwords came from your address";
        Refusal::new(Fault::Password, message).with(StatusCode::TOO_MANY_REQUESTS).after(seconds)
    })?;
    let agent = recognised(app, id, &said).await?;
    let guid = fresh_guid()?;
    app.dialects.cc_gateway.open(&agent, &guid, force, app.now_ms())?;
    if let Err(error) = take_seat(app, &agent).await {
        app.dialects.cc_gateway.close(&agent);
        return Err(error);
    }
    tracing::info!(tenant = %agent.tenant, agent = %agent.id, "an agent has signed in");
    Ok(answer::signed_in(&agent.id, &guid))
}

async fn pin_of(app: &App, tenant: &str, agent: &str) -> Option<Secret> {
    common::agent(app, &observer(tenant), agent).await.ok()?.config.pin
}

/// The agent with this number, of whichever tenant, whose PIN was given. Where several tenants have such, the phone decides.
async fn recognised(app: &App, id: String, said: &SignIn) -> Result<Agent, Refusal> {
    // All tenants are asked at once: there may be many.
    let tenants = app.gateway.tenants();
    let views = join_all(tenants.iter().map(|names| pin_of(app, &names.tenant, &id))).await;
    let mut known = Vec::new();
    for (names, pin) in tenants.iter().zip(views) {
        let right = pin
            .is_some_and(|pin| bool::from(pin.expose().as_bytes().ct_eq(said.password.as_bytes())));
        if right {
            known.push(names.tenant.clone());
        }
    }
    if known.is_empty() {
        app.attempts.failed(said.address, app.now_ms());
        return Err(Refusal::new(Fault::Password, "no such agent, or another password"));
    }
    let mut seats = Vec::new();
    for tenant in known {
        let meant = common::meant(app, &observer(&tenant), &said.phone).await;
        if let Ok(Meant::Extension(extension)) = meant {
            seats.push(Agent { tenant, id: id.clone(), extension });
        }
    }
    match (seats.pop(), seats.is_empty()) {
        (Some(agent), true) => Ok(agent),
        (Some(_), false) => Err(Refusal::new(
            Fault::SignIn,
            "phonenum: write it with the prefix; several tenants have such an agent and phone",
        )),
        (None, _) => {
            let message = format!("phonenum: {} is no extension", said.phone);
            Err(Refusal::new(Fault::SignIn, message))
        }
    }
}

/// The agent sits at its phone, and takes calls.
async fn take_seat(app: &App, agent: &Agent) -> Result<(), Refusal> {
    let view = common::agent(app, &agent.principal(), &agent.id).await?;
    if view.place != format!("extension:{}", agent.extension) {
        order(app, agent, AgentOrder::Desk(Some(agent.extension.clone()))).await?;
    }
    order(app, agent, AgentOrder::Intent(Intent::Available)).await
}

async fn order(app: &App, agent: &Agent, order: AgentOrder) -> Result<(), Refusal> {
    let command = Command::Agent { agent: agent.id.clone(), order };
    app.gateway.command(agent.principal(), command).await?;
    Ok(())
}

/// `DELETE onlineagent/{agentid}/logout`.
pub(super) async fn sign_out(
    State(app): State<App>,
    agent: Named,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let id = answer::number("agentid", &named(agent))?;
    let sessions = &app.dialects.cc_gateway;
    let agent = sessions.find(&id, answer::guid(&headers), app.now_ms())?;
    order(&app, &agent, AgentOrder::Intent(Intent::LoggedOut)).await?;
    sessions.close(&agent);
    tracing::info!(tenant = %agent.tenant, agent = %agent.id, "an agent has signed out");
    Ok(answer::done(json!({})))
}

/// 128 random bits.
fn fresh_guid() -> Result<String, Refusal> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        tracing::error!("no random bits: {error}");
        Refusal::new(Fault::Failed, "the sign-in failed")
    })?;
    Ok(hex::encode(bytes))
}
