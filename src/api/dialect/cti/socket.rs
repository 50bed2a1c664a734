//! The agents' WebSocket: the handshake, and the session that answers requests and says events.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{Extensions, Uri};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::asked::{Asked, Signed, application, in_pace, query_of};
use super::envelope::{Fault, Refusal, SUCCESS};
use super::fields::Fields;
use super::hub::Hub;
use super::lines::{Connection, Due, LineKey, header};
use super::requests::{self, Step};
use super::seat::Seat;
use super::sign::{self, Signer};
use crate::api::app::App;
use crate::api::dialect::common::fresh_uuid;
use crate::api::socket::{self, POLICY, Said, Socket};

/// Requests whose answers are remembered, for clients that ask again because the answer was lost.
const REMEMBERED: usize = 32;

pub(super) fn routes() -> Router<App> {
    Router::new().route("/ws/agent", get(connect))
}

async fn connect(
    State(app): State<App>,
    uri: Uri,
    extensions: Extensions,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let query = query_of(&uri);
    let signer = sign::signer(&app, &query, &extensions)?;
    in_pace(&app, &signer, &query)?;
    let Signer::Agent(agent) = signer else {
        return Err(Refusal::new(Fault::Forbidden, "sign with AgentId"));
    };
    let names = application(&app, &query)?;
    let sign = query.text("Sign")?.unwrap_or_default().to_ascii_lowercase();
    let signed = Signed::without_body(app.clone(), Signer::Agent(agent.clone()), query);
    let asked = signed.of(names);
    Seat::find(&asked, &agent).await?;
    let upgrade = upgrade.map_err(|no| Refusal::params(no.to_string()))?;
    Ok(socket::open(upgrade, &app, move |socket| async move {
        let connection = Hub::of(&asked.app).lines.connection();
        let key = (asked.tenant().to_owned(), agent);
        let (answered, bell) = (VecDeque::new(), None);
        let session = Session { asked, sign, key, connection, bell, answered };
        session.run(socket).await;
    }))
}

/// One connection of an agent.
pub(super) struct Session {
    pub(super) asked: Asked,
    /// What the token must be.
    sign: String,
    pub(super) key: LineKey,
    connection: Connection,
    /// Rung when there is something to say; there while the agent has signed in on this connection.
    bell: Option<Arc<Notify>>,
    answered: VecDeque<(String, String)>,
}

/// How a connection ended.
enum Left {
    /// The client, or the way to it.
    Gone,
    /// The agent has signed in on another one.
    Displaced,
}

impl Session {
    async fn run(mut self, mut socket: Socket) {
        let left = loop {
            let due = match self.say(&mut socket).await {
                Due { displaced: true, .. } => break Left::Displaced,
                due if due.texts.is_empty() => due.next,
                _ => break Left::Gone,
            };
            let bell = self.bell.clone();
            let rung = async {
                match &bell {
                    Some(bell) => bell.notified().await,
                    None => std::future::pending().await,
                }
            };
            let wake = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                said = socket.next() => {
                    let Some(said) = said else { break Left::Gone };
                    if let Some(reply) = self.heard(&said).await
                        && !socket.text(reply).await
                    {
                        break Left::Gone;
                    }
                }
                () = rung => {}
                () = wake => {}
            }
        };
        Hub::of(&self.asked.app).lines.lose(&self.key, self.connection);
        if let Left::Displaced = left {
            let mut notice = header(1, &fresh_uuid(), "NTF");
            notice.insert("Method".to_owned(), Value::from("disconnect"));
            notice.insert("Reason".to_owned(), Value::from("loginElsewhere"));
            socket.text(Value::Object(notice).to_string()).await;
            socket.close(POLICY, "loginElsewhere").await;
        }
    }

    /// Says what is due. Texts that are left could not be said.
    async fn say(&self, socket: &mut Socket) -> Due {
        if self.bell.is_none() {
            return Due::default();
        }
        let mut due =
            Hub::of(&self.asked.app).lines.due(&self.key, self.connection, Instant::now());
        for text in std::mem::take(&mut due.texts) {
            if !socket.text(text.clone()).await {
                due.texts.push(text);
                break;
            }
        }
        due
    }

    /// The reply to a message; `None` where it wants none.
    async fn heard(&mut self, said: &Said) -> Option<String> {
        let object = match said {
            Said::Text(text) => serde_json::from_str(text),
            Said::Binary(bytes) => serde_json::from_slice(bytes),
        };
        let (fields, sound) = match object {
            Ok(Value::Object(object)) => (Fields::of_object(object), Ok(())),
            Ok(_) => (Fields::default(), Err(Refusal::params("write a JSON object"))),
            Err(error) => {
                let detail = format!("the message is no JSON: {error}");
                (Fields::default(), Err(Refusal::new(Fault::NoBody, detail)))
            }
        };
        let msg_id = fields.text("MsgId").ok().flatten().unwrap_or_default();
        if fields.text("MsgType").ok().flatten().as_deref() == Some("ACK") {
            Hub::of(&self.asked.app).lines.acknowledge(&self.key, &msg_id);
            return None;
        }
        let mut before = self.answered.iter();
        let before = before.find(|(id, _)| !msg_id.is_empty() && *id == msg_id);
        if let Some((_, reply)) = before {
            return Some(reply.clone());
        }
        let outcome = match sound {
            Ok(()) => self.act(&fields).await,
            Err(refusal) => Err(refusal),
        };
        let reply = reply(&fields, &msg_id, outcome);
        if self.answered.len() >= REMEMBERED {
            self.answered.pop_front();
        }
        self.answered.push_back((msg_id, reply.clone()));
        Some(reply)
    }

    /// Carries a request out.
    async fn act(&mut self, fields: &Fields) -> Result<Map<String, Value>, Refusal> {
        self.same_agent(fields)?;
        let method = fields.wanted("Method")?;
        if method != "login" && self.bell.is_none() {
            return Err(Refusal::new(Fault::Forbidden, "send login first"));
        }
        // What the switch says of the sign-in may come before the answer to it.
        let expected = method == "login" && Hub::of(&self.asked.app).lines.expect(&self.key);
        let acted = requests::act(self, &method, fields).await;
        let lines = &Hub::of(&self.asked.app).lines;
        if acted.is_err() && expected {
            lines.forget(&self.key);
        }
        let (body, step) = acted?;
        match step {
            Step::In => self.bell = Some(lines.open(&self.key, self.connection)),
            Step::Out => {
                lines.close(&self.key, self.connection);
                self.bell = None;
            }
            Step::None => {}
        }
        Ok(body)
    }

    /// The application and agent of a message are those of the connection, and the token is its signature.
    fn same_agent(&self, fields: &Fields) -> Result<(), Refusal> {
        if let Some(agent) = fields.given("AgentId")? {
            self.asked.agent(&agent)?;
        }
        if fields.given("AppId")?.is_some_and(|id| id != self.asked.app_id) {
            return Err(Refusal::new(Fault::NoApp, ""));
        }
        match fields.given("Token")? {
            Some(token) => {
                let token = token.to_ascii_lowercase();
                let same = bool::from(token.as_bytes().ct_eq(self.sign.as_bytes()));
                let wrong = || Refusal::new(Fault::Sign, "Token is not the connection's Sign");
                same.then_some(()).ok_or_else(wrong)
            }
            None => Ok(()),
        }
    }
}

/// The answer to a request, under its own ids.
fn reply(fields: &Fields, msg_id: &str, outcome: Result<Map<String, Value>, Refusal>) -> String {
    let seq = fields.number("SeqId", u64::MAX).ok().flatten().unwrap_or(0);
    let mut reply = header(seq, msg_id, "REP");
    let (code, words, body) = match outcome {
        Ok(body) => (SUCCESS, "OK".to_owned(), body),
        Err(refusal) => (refusal.code(), refusal.text(), Map::new()),
    };
    reply.insert("ErrCode".to_owned(), Value::from(code));
    reply.insert("ErrDesc".to_owned(), Value::from(words));
    if let Some(method) = fields.text("Method").ok().flatten() {
        reply.insert("Method".to_owned(), Value::from(method));
    }
    reply.extend(body);
    Value::Object(reply).to_string()
}
