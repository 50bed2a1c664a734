//! The agents' connections, and what has been said to each and not been acknowledged yet.
//!
//! A line belongs to an agent and outlives its connections: what the last one has not acknowledged is said again to the
//! next. The session of a connection asks what is due and sends it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::story::Happening;
use crate::api::app::wall_ms;
use crate::api::dialect::common::fresh_uuid;

/// Pause before an event that was not acknowledged is repeated.
const REPEAT: Duration = Duration::from_secs(3);
/// How often it is repeated on one connection.
const REPEATS: u8 = 3;
/// Events that wait for an agent; the oldest go first when there are more.
const MOST_WAITING: usize = 1_000;
/// A connection that is lost for so long sends its agent on a break.
const LOST: Duration = Duration::from_secs(60);
/// What an agent without a connection has not heard is forgotten after so long.
const FORGOTTEN: Duration = Duration::from_secs(3_600);

/// Tenant and agent.
pub(super) type LineKey = (String, String);

/// One connection, of all that there were.
pub(super) type Connection = u64;

#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: Mutex<BTreeMap<LineKey, Line>>,
    connections: AtomicU64,
}

#[derive(Debug, Default)]
struct Line {
    connection: Option<Connection>,
    news: Arc<Notify>,
    waiting: VecDeque<Waiting>,
    last_seq: u64,
    lost_at: Option<Instant>,
    on_break: bool,
}

/// An event that is not acknowledged.
#[derive(Debug)]
struct Waiting {
    msg_id: String,
    text: String,
    /// By whom it was said last, when, and how often.
    said: Option<(Connection, Instant, u8)>,
}

/// What a session has to do now.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// Messages to send, in order.
    pub(super) texts: Vec<String>,
    /// When to look again, if nothing happens before.
    pub(super) next: Option<Instant>,
    /// Another connection has the line.
    pub(super) displaced: bool,
}

impl Line {
    fn is_lost(&self, now: Instant) -> bool {
        !self.on_break && self.lost_at.is_some_and(|at| now >= at + LOST)
    }
}

impl Lines {
    /// A number for a new connection.
    pub(super) fn connection(&self) -> Connection {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The line is this connection's from now on; whoever had it before is displaced. Wakes by the answer.
    pub(super) fn open(&self, key: &LineKey, connection: Connection) -> Arc<Notify> {
        let mut lines = self.lock();
        let line = lines.entry(key.clone()).or_default();
        line.connection = Some(connection);
        line.lost_at = None;
        line.on_break = false;
        // The one before hears that it is over, and the new one has its own bell.
        line.news.notify_waiters();
        line.news.notify_one();
        line.news = Arc::new(Notify::new());
        Arc::clone(&line.news)
    }

    /// An agent is about to sign in: what is said of that before the line is opened waits for it. True if there was no line.
    pub(super) fn expect(&self, key: &LineKey) -> bool {
        let mut lines = self.lock();
        let new = !lines.contains_key(key);
        if new {
            lines.insert(key.clone(), Line { lost_at: Some(Instant::now()), ..Line::default() });
        }
        new
    }

    /// The agent did not sign in after all.
    pub(super) fn forget(&self, key: &LineKey) {
        let mut lines = self.lock();
        if lines.get(key).is_some_and(|line| line.connection.is_none()) {
            lines.remove(key);
        }
    }

    /// An application is gone: whoever has a line of it is displaced.
    pub(super) fn forget_tenant(&self, tenant: &str) {
        self.lock().retain(|(own, _), line| {
            line.news.notify_waiters();
            line.news.notify_one();
            own != tenant
        });
    }

    /// The agent has signed out: nothing waits for it.
    pub(super) fn close(&self, key: &LineKey, connection: Connection) {
        let mut lines = self.lock();
        if lines.get(key).is_some_and(|line| line.connection == Some(connection)) {
            lines.remove(key);
        }
    }

    /// A connection has ended without a word.
    pub(super) fn lose(&self, key: &LineKey, connection: Connection) {
        let mut lines = self.lock();
        if let Some(line) = lines.get_mut(key)
            && line.connection == Some(connection)
        {
            line.connection = None;
            line.lost_at = Some(Instant::now());
        }
    }

    /// Agents whose connection was lost for too long, and who have not been sent on a break for it.
    pub(super) fn lost(&self, now: Instant) -> Vec<LineKey> {
        let mut lines = self.lock();
        lines.retain(|_, line| line.lost_at.is_none_or(|at| now < at + FORGOTTEN));
        let lost = lines.iter().filter(|(_, line)| line.is_lost(now));
        lost.map(|(key, _)| key.clone()).collect()
    }

    /// Whether an agent is still without a connection.
    pub(super) fn is_lost(&self, key: &LineKey, now: Instant) -> bool {
        self.lock().get(key).is_some_and(|line| line.is_lost(now))
    }

    /// A lost agent takes no calls any more.
    pub(super) fn rests(&self, key: &LineKey) {
        if let Some(line) = self.lock().get_mut(key) {
            line.on_break = line.connection.is_none();
        }
    }

    /// Says something to an agent, if it has a line.
    pub(super) fn tell(&self, tenant: &str, agent: &str, happening: &Happening) {
        let Some(body) = message(happening) else { return };
        let mut lines = self.lock();
        let Some(line) = lines.get_mut(&(tenant.to_owned(), agent.to_owned())) else { return };
        line.last_seq += 1;
        let msg_id = fresh_uuid();
        let mut whole = header(line.last_seq, &msg_id, "EVT");
        whole.extend(body);
        if line.waiting.len() >= MOST_WAITING {
            line.waiting.pop_front();
        }
        let text = Value::Object(whole).to_string();
        line.waiting.push_back(Waiting { msg_id, text, said: None });
        line.news.notify_one();
    }

    /// An event has arrived.
    pub(super) fn acknowledge(&self, key: &LineKey, msg_id: &str) {
        if let Some(line) = self.lock().get_mut(key) {
            line.waiting.retain(|waiting| waiting.msg_id != msg_id);
        }
    }

    /// What this connection has to send now.
    pub(super) fn due(&self, key: &LineKey, connection: Connection, now: Instant) -> Due {
        let mut lines = self.lock();
        let mut due = Due::default();
        let Some(line) = lines.get_mut(key).filter(|line| line.connection == Some(connection))
        else {
            due.displaced = true;
            return due;
        };
        for waiting in &mut line.waiting {
            let times = match waiting.said {
                Some((by, at, times)) if by == connection => {
                    if times > REPEATS {
                        continue;
                    }
                    if now < at + REPEAT {
                        due.next = Some(due.next.map_or(at + REPEAT, |next| next.min(at + REPEAT)));
                        continue;
                    }
                    times
                }
                _ => 0,
            };
            waiting.said = Some((connection, now, times + 1));
            due.next = Some(due.next.map_or(now + REPEAT, |next| next.min(now + REPEAT)));
            due.texts.push(waiting.text.clone());
        }
        due
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<LineKey, Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What every message of the server begins with.
pub(super) fn header(seq: u64, msg_id: &str, kind: &str) -> Map<String, Value> {
    let header = json!({
        "Ver": "1.0",
        "SeqId": seq,
        "MsgId": msg_id,
        "MsgType": kind,
        "Timestamp": wall_ms(),
    });
    match header {
        Value::Object(header) => header,
        _ => Map::new(),
    }
}

/// What an agent's client is told of something; `None` for what it is not.
fn message(happening: &Happening) -> Option<Map<String, Value>> {
    let method = match happening.name {
        "agent_ringing" => "agentRinging",
        "agent_answer" => "agentAnswered",
        "user_ringing" => "userRinging",
        "user_answer" => "userAnswered",
        // So spelt where clients were written.
        "agent_hangup" => "agnetHangup",
        "user_hangup" => "userHangup",
        "acd_agent_state" => "agentStateChange",
        "agent_call_mode_change" => "agentCallModeChange",
        "ext_state" => "extensionStateChange",
        _ => return None,
    };
    let numbers = &happening.numbers;
    let body = match (method, &happening.state) {
        ("agnetHangup" | "userHangup", _) => json!({"Reason": happening.reason}),
        ("agentStateChange", Some((now, sub, before))) if now == "onBreak" => json!({
            "CurState": now, "CurStateSubId": sub.parse().unwrap_or(0_u64), "OldState": before,
        }),
        ("agentStateChange", Some((now, _, before))) => {
            json!({"CurState": now, "OldState": before})
        }
        ("agentCallModeChange", Some((now, ..))) => json!({"CurContact": now}),
        ("extensionStateChange", Some((now, _, before))) => {
            json!({"CurState": now, "OldState": before, "Reason": happening.reason})
        }
        _ => json!({
            "AgentNumber": numbers.agent,
            "DestNumber": numbers.dest,
            "DestNumberLoc": "",
            "SpNumber": numbers.relay,
            "CallDirection": numbers.direction,
            "UserData": happening.user_data,
        }),
    };
    let Value::Object(mut body) = body else { return None };
    body.insert("Method".to_owned(), Value::from(method));
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> LineKey {
        ("demo".to_owned(), "101".to_owned())
    }

    fn said(lines: &Lines, connection: Connection, now: Instant) -> Vec<String> {
        let texts = lines.due(&key(), connection, now).texts.into_iter();
        texts
            .map(|text| serde_json::from_str::<Value>(&text).unwrap()["SeqId"].to_string())
            .collect()
    }

    fn tell(lines: &Lines) {
        lines.tell("demo", "101", &Happening { name: "agent_ringing", ..Happening::default() });
    }

    #[tokio::test]
    async fn an_event_is_repeated_until_it_is_acknowledged_and_goes_to_the_next_connection() {
        let lines = Lines::default();
        let first = lines.connection();
        lines.open(&key(), first);
        tell(&lines);
        let mut now = Instant::now();
        assert_eq!(said(&lines, first, now), ["1"]);
        assert!(said(&lines, first, now + REPEAT / 2).is_empty());
        for _ in 0..REPEATS {
            now += REPEAT;
            assert_eq!(said(&lines, first, now), ["1"]);
        }
        assert!(said(&lines, first, now + 9 * REPEAT).is_empty(), "enough");
        lines.lose(&key(), first);
        tell(&lines);
        let second = lines.connection();
        lines.open(&key(), second);
        assert_eq!(said(&lines, second, now), ["1", "2"]);
        let text = lines.lock()[&key()].waiting[0].msg_id.clone();
        lines.acknowledge(&key(), &text);
        assert_eq!(said(&lines, second, now + REPEAT), ["2"]);
    }

    #[tokio::test]
    async fn a_second_connection_displaces_the_first_and_its_end_is_no_loss() {
        let lines = Lines::default();
        let (first, second) = (lines.connection(), lines.connection());
        lines.open(&key(), first);
        lines.open(&key(), second);
        assert!(lines.due(&key(), first, Instant::now()).displaced);
        lines.lose(&key(), first);
        assert!(lines.lost(Instant::now() + LOST).is_empty());
        lines.lose(&key(), second);
        assert!(lines.lost(Instant::now()).is_empty());
        let late = Instant::now() + LOST;
        assert_eq!(lines.lost(late), [key()]);
        assert_eq!(lines.lost(late), [key()], "until it rests");
        lines.rests(&key());
        assert!(lines.lost(late).is_empty(), "once");
        lines.lost(late + FORGOTTEN);
        assert!(lines.lock().is_empty());
    }

    #[tokio::test]
    async fn what_is_said_of_a_sign_in_waits_for_its_connection() {
        let lines = Lines::default();
        tell(&lines);
        assert!(lines.expect(&key()));
        assert!(!lines.expect(&key()));
        tell(&lines);
        let first = lines.connection();
        lines.open(&key(), first);
        assert_eq!(said(&lines, first, Instant::now()), ["1"]);
        lines.forget(&key());
        assert_eq!(lines.lock().len(), 1, "there is a connection");
        lines.close(&key(), first);
        assert!(lines.expect(&key()));
        lines.forget(&key());
        assert!(lines.lock().is_empty());
    }
}
