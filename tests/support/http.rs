//! The switch's HTTP surface, as a client with a key sees it.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use ureq::Agent;

/// A client with one key.
pub struct Http {
    agent: Agent,
    address: SocketAddr,
    base: String,
    /// The Authorization header.
    key: String,
}

/// A status and a body.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The ETag header.
    pub etag: Option<String>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; `Null` when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Http {
    /// A client of the server at `address`.
    pub fn new(address: SocketAddr, token: &str) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .into();
        Self { agent, address, base: format!("http://{address}"), key: format!("Bearer {token}") }
    }

    /// Where the server is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The same server with another key.
    pub fn with_token(&self, token: &str) -> Self {
        self.with_key(format!("Bearer {token}"))
    }

    /// The same server as an operator.
    pub fn with_operator(&self, sid: &str, secret: &str) -> Self {
        self.with_key(operator_key(sid, secret))
    }

    fn with_key(&self, key: String) -> Self {
        let (agent, address, base) = (self.agent.clone(), self.address, self.base.clone());
        Self { agent, address, base, key }
    }

    /// GET; panics when the server does not answer at all.
    pub fn get(&self, path: &str) -> Answer {
        self.try_get(path).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// GET that may fail, for servers that are starting or ending.
    pub fn try_get(&self, path: &str) -> Result<Answer, ureq::Error> {
        let request = self.agent.get(format!("{}{path}", self.base));
        read(request.header("Authorization", &self.key).call()?)
    }

    /// GET with a Range header.
    pub fn get_range(&self, path: &str, range: &str) -> Answer {
        let request = self.agent.get(format!("{}{path}", self.base));
        let response = request.header("Authorization", &self.key).header("Range", range).call();
        response.and_then(read).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// GET without a key.
    pub fn get_anonymous(&self, path: &str) -> Answer {
        let response = self.agent.get(format!("{}{path}", self.base)).call();
        response.and_then(read).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    /// POST of a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let request = self.agent.post(format!("{}{path}", self.base));
        let response = request
            .header("Authorization", &self.key)
            .header("Content-Type", "application/json")
            .send(body.to_string());
        response.and_then(read).unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// PUT of a JSON body.
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        let request = self.agent.put(format!("{}{path}", self.base));
        let response = request
            .header("Authorization", &self.key)
            .header("Content-Type", "application/json")
            .send(body.to_string());
        response.and_then(read).unwrap_or_else(|error| panic!("PUT {path}: {error}"))
    }

    /// PUT of a JSON body under a condition.
    pub fn put_if(&self, path: &str, condition: (&str, &str), body: &Value) -> Answer {
        let request = self.agent.put(format!("{}{path}", self.base));
        let response = request
            .header("Authorization", &self.key)
            .header("Content-Type", "application/json")
            .header(condition.0, condition.1)
            .send(body.to_string());
        response.and_then(read).unwrap_or_else(|error| panic!("PUT {path}: {error}"))
    }

    /// PATCH of a JSON body.
    pub fn patch(&self, path: &str, body: &Value) -> Answer {
        let request = self.agent.patch(format!("{}{path}", self.base));
        let response = request
            .header("Authorization", &self.key)
            .header("Content-Type", "application/json")
            .send(body.to_string());
        response.and_then(read).unwrap_or_else(|error| panic!("PATCH {path}: {error}"))
    }

    /// DELETE.
    pub fn delete(&self, path: &str) -> Answer {
        let request = self.agent.delete(format!("{}{path}", self.base));
        let response = request.header("Authorization", &self.key).call();
        response.and_then(read).unwrap_or_else(|error| panic!("DELETE {path}: {error}"))
    }

    /// The rows of a paged list, whatever its envelope calls them.
    pub fn rows(&self, path: &str) -> Vec<Value> {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "GET {path}: {}", answer.text());
        match answer.json() {
            Value::Array(rows) => rows,
            Value::Object(fields) => fields
                .into_iter()
                .find_map(
                    |(_, value)| if let Value::Array(rows) = value { Some(rows) } else { None },
                )
                .unwrap_or_else(|| panic!("GET {path}: no list in the answer")),
            other => panic!("GET {path}: {other}"),
        }
    }
}

/// The Authorization header of an operator.
pub fn operator_key(sid: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{sid}:{secret}")))
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let status = response.status().as_u16();
    let etag = response.headers().get("etag").and_then(|tag| tag.to_str().ok());
    let etag = etag.map(str::to_owned);
    let body = response.body_mut().with_config().limit(256 << 20).read_to_vec()?;
    Ok(Answer { status, etag, body })
}
