//! CTI cloud: an agent's client, scripted from the document.

use std::net::TcpStream;
use std::time::Instant;

use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::{Error, HandshakeError, Message, WebSocket};

use super::cti::*;
use super::support::SOON;
use super::support::phone::{Account, Phone, Transport};
use super::support::sipp::SippPhone;
use super::support::switch::Switch;

/// A client of one agent.
pub struct Client {
    socket: WebSocket<TcpStream>,
    token: String,
    serial: u64,
    /// Events in the order in which they came.
    events: Vec<Value>,
    acknowledges: bool,
}

fn connect(switch: &Switch, query: &str) -> Result<WebSocket<TcpStream>, u16> {
    let address = switch.http().address();
    let url = format!("ws://{address}/ccapi/v2/ws/agent?{query}");
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    match tungstenite::client(url.into_client_request().unwrap(), stream) {
        Ok((socket, _)) => Ok(socket),
        Err(HandshakeError::Failure(Error::Http(answer))) => Err(answer.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

impl Client {
    fn open(switch: &Switch, agent: &str) -> Self {
        let query = agent_auth(agent);
        let (_, token) = query.rsplit_once('=').unwrap();
        let token = token.to_owned();
        let socket = connect(switch, &query).expect("the handshake");
        Self { socket, token, serial: 0, events: Vec::new(), acknowledges: true }
    }

    pub fn login(switch: &Switch, agent: &str) -> Self {
        let mut client = Self::open(switch, agent);
        let token = client.token.clone();
        let reply = client.ask(&json!({"Method": "login", "AgentId": agent, "Token": token}));
        assert_eq!(reply["ErrCode"], "000000", "{reply}");
        client
    }

    /// The next message, whatever it is; events are acknowledged and kept.
    fn read(&mut self) -> Value {
        let end = Instant::now() + SOON;
        loop {
            assert!(Instant::now() < end, "only pings came after {:?}", self.events);
            let text = match self.socket.read().expect("a message") {
                Message::Text(text) => text,
                Message::Ping(_) | Message::Pong(_) => continue,
                other => panic!("{other:?}"),
            };
            let message: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(message["Ver"], "1.0", "{message}");
            assert!(message["Timestamp"].as_u64().is_some_and(|at| at > 1_500_000_000_000));
            if message["MsgType"] == "EVT" {
                if self.acknowledges {
                    self.acknowledge(&message);
                }
                let known = self.events.iter().any(|event| event["MsgId"] == message["MsgId"]);
                if !known {
                    self.events.push(message.clone());
                }
            }
            return message;
        }
    }

    fn acknowledge(&mut self, event: &Value) {
        let ack = json!({"Ver": "1.0", "SeqId": event["SeqId"], "MsgId": event["MsgId"],
            "MsgType": "ACK", "Timestamp": now_ms(), "Method": event["Method"]});
        self.socket.send(Message::text(ack.to_string())).unwrap();
    }

    /// Sends a request and waits for its one reply.
    fn ask(&mut self, request: &Value) -> Value {
        self.serial += 1;
        let id = format!("request-{}", self.serial);
        let mut whole = json!({"Ver": "1.0", "UA": "test", "SeqId": self.serial, "MsgId": id,
            "MsgType": "REQ", "AppId": APP, "Timestamp": now_ms()});
        for (name, value) in request.as_object().unwrap() {
            whole[name] = value.clone();
        }
        self.socket.send(Message::text(whole.to_string())).unwrap();
        loop {
            let message = self.read();
            if message["MsgType"] == "REP" {
                assert_eq!(
                    (&message["SeqId"], &message["MsgId"]),
                    (&json!(self.serial), &json!(id))
                );
                return message;
            }
        }
    }

    pub fn done(&mut self, request: &Value) -> Value {
        let reply = self.ask(request);
        assert_eq!(reply["ErrCode"], "000000", "{reply}");
        assert_eq!(reply["Method"], request["Method"], "{reply}");
        reply
    }

    /// Waits for an event; `already` events have been looked at before.
    pub fn wait(&mut self, method: &str, already: &mut usize) -> Value {
        // The server's pings would keep a wait for what never comes alive.
        let end = Instant::now() + SOON;
        while Instant::now() < end {
            while *already < self.events.len() {
                *already += 1;
                let event = self.events[*already - 1].clone();
                if event["Method"] == method {
                    return event;
                }
            }
            self.read();
        }
        panic!("no {method} came, but {:?}", self.events);
    }

    /// Methods of the events so far, changes of states left out: they come beside the calls.
    fn told(&self) -> Vec<String> {
        let methods = self.events.iter().map(|event| event["Method"].as_str().unwrap().to_owned());
        methods.filter(|method| !method.ends_with("StateChange")).collect()
    }

    /// The agent's states so far, the first before them.
    fn states(&self) -> Vec<String> {
        let changes = self.events.iter().filter(|event| event["Method"] == "agentStateChange");
        changes.map(|event| event["CurState"].as_str().unwrap().to_owned()).collect()
    }

    /// The numbers of the events so far: each came once, in order, and none is missing.
    fn numbers(&self) -> Vec<u64> {
        self.events.iter().map(|event| event["SeqId"].as_u64().unwrap()).collect()
    }
}

#[test]
fn an_agent_works_through_its_day() {
    let mut office = Office::open();
    let mut client = Client::login(&office.switch, "101");
    let mut seen = 0;
    let state = client.wait("agentStateChange", &mut seen);
    assert_eq!((&state["CurState"], &state["OldState"]), (&json!("idle"), &json!("offline")));

    // Dials out, talks, and hangs up.
    let reply = client
        .done(&json!({"Method": "dialout", "DestNumber": CUSTOMER, "SpNumber": RELAY,
        "UserData": "order 7"}));
    assert_eq!((&reply["DestNumberLoc"], &reply["UserData"]), (&json!(""), &json!("order 7")));
    let call = reply["CallId"].as_str().unwrap().to_owned();
    let ringing = client.wait("agentRinging", &mut seen);
    let wanted = json!({"AgentNumber": "8001", "DestNumber": CUSTOMER, "DestNumberLoc": "",
        "SpNumber": RELAY, "CallDirection": "outbound", "UserData": "order 7"});
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(ringing[name], *value, "{ringing}");
    }
    office.agent_takes_it();
    client.wait("userAnswered", &mut seen);
    let state = client.done(&json!({"Method": "getState"}));
    assert_eq!(state["CurState"], "talking", "{state}");
    assert_eq!((&state["CurMode"], &state["DestNumber"]), (&json!("voip"), &json!(CUSTOMER)));
    let hold = json!({"call_id": call, "agent_id": "101", "on_succ": "x", "on_failed": "x"});
    let answer = office.post("POST", &format!("agent/hold?{}", bare_auth()), &hold);
    assert_eq!(answer, json!({"code": "000000", "message": "OK", "results": ""}));
    client.done(&json!({"Method": "hangup"}));
    client.wait("userHangup", &mut seen);
    office.phone.wait_ended();
    let outbound = ["agentRinging", "agentAnswered", "userRinging", "userAnswered"];
    let told = client.told();
    assert_eq!(told[..4], outbound);
    let mut ends = told[4..].to_vec();
    ends.sort();
    assert_eq!(ends, ["agnetHangup", "userHangup"], "so spelt where clients were written");
    // The last of the call's state changes has come too, before the queue rings.
    while client.states().last().is_some_and(|state| state != "idle") {
        client.wait("agentStateChange", &mut seen);
    }
    assert_eq!(client.states(), ["idle", "talking", "idle"]);

    // A queue rings it while its connection breaks; nothing is lost.
    client.acknowledges = false;
    let account = Account::of(&office.switch, "8002", Transport::Udp);
    let mut caller = SippPhone::register(office.switch.place(), &account, 700.0);
    caller.dial("9001");
    let rung = client.wait("agentRinging", &mut seen);
    assert_eq!((&rung["DestNumber"], &rung["CallDirection"]), (&json!("8002"), &json!("inbound")));
    let before = client.numbers();
    assert_eq!(before, (1..=before.len() as u64).collect::<Vec<_>>(), "none is missing");
    let unacknowledged = client.events.iter().position(|event| event["MsgId"] == rung["MsgId"]);
    let unacknowledged = before[unacknowledged.unwrap()..].to_vec();
    drop(client);
    office.phone.answer();
    office.phone.wait_connected();
    let mut client = Client::login(&office.switch, "101");
    let mut seen = 0;
    let again = client.wait("agentRinging", &mut seen);
    assert_eq!(again["MsgId"], rung["MsgId"], "the same event, said again");
    client.wait("agentAnswered", &mut seen);
    office.switch.hang_up_all();
    client.wait("userHangup", &mut seen);
    assert_eq!(client.told()[..2], ["agentRinging", "agentAnswered"]);
    // What the first connection did not acknowledge comes again, and goes on without a gap.
    let after = client.numbers();
    assert!(after[0] <= unacknowledged[0], "{after:?} behind {unacknowledged:?}");
    assert!(after.windows(2).all(|pair| pair[1] == pair[0] + 1), "{after:?}");
    while client.states().last().is_none_or(|state| state != "idle") {
        client.wait("agentStateChange", &mut seen);
    }
    assert_eq!(client.states(), ["ringing", "talking", "idle"]);

    // States, and out.
    client.done(&json!({"Method": "setState", "State": "onBreak", "SubState": 3}));
    let wanted = |event: &Value| event["CurState"] == "onBreak";
    let state = loop {
        let event = client.wait("agentStateChange", &mut seen);
        if wanted(&event) {
            break event;
        }
    };
    assert_eq!(state["CurStateSubId"], 3);
    client.done(&json!({"Method": "logout"}));
    let refused = client.ask(&json!({"Method": "getState"}));
    assert_eq!(refused["ErrCode"], "100002", "{refused}");
}

/// Reads until this event has come so often; every other event that came meanwhile.
fn comes(client: &mut Client, msg_id: &Value, times: usize) -> Vec<Value> {
    let (mut count, mut others) = (0, Vec::new());
    while count < times {
        let message = client.read();
        match &message["MsgId"] {
            _ if message["MsgType"] != "EVT" => {}
            own if own == msg_id => count += 1,
            _ => others.push(message),
        }
    }
    others
}

#[test]
fn an_event_is_said_again_until_it_is_acknowledged_and_then_no_more() {
    let switch = switch();
    let mut client = Client::open(&switch, "101");
    client.acknowledges = false;
    assert_eq!(client.ask(&json!({"Method": "login"}))["ErrCode"], "000000");
    let first = client.wait("agentStateChange", &mut 0);
    // Said once: it comes again.
    assert!(comes(&mut client, &first["MsgId"], 1).is_empty());
    client.acknowledge(&first);
    client.done(&json!({"Method": "setState", "State": "onBreak"}));
    let mut known = 1;
    let second = client.wait("agentStateChange", &mut known);
    assert_eq!(second["CurState"], "onBreak");
    // The first, which was said before, would be due before the second is said again.
    assert!(comes(&mut client, &second["MsgId"], 1).is_empty(), "the first comes no more");
}

#[test]
fn an_event_that_nobody_acknowledges_is_said_four_times() {
    let switch = switch();
    let mut client = Client::open(&switch, "101");
    client.acknowledges = false;
    assert_eq!(client.ask(&json!({"Method": "login"}))["ErrCode"], "000000");
    let first = client.wait("agentStateChange", &mut 0);
    // The event itself and three repetitions.
    assert!(comes(&mut client, &first["MsgId"], 3).is_empty());
    client.done(&json!({"Method": "setState", "State": "onBreak"}));
    let second = client.wait("agentStateChange", &mut 1);
    // A fourth repetition would be due before the second is said again.
    assert!(comes(&mut client, &second["MsgId"], 1).is_empty(), "enough");
}

#[test]
fn a_second_login_displaces_the_first() {
    let switch = switch();
    let mut first = Client::login(&switch, "101");
    let mut second = Client::login(&switch, "101");
    let told = loop {
        let message = first.read();
        if message["MsgType"] != "EVT" {
            break message;
        }
    };
    assert_eq!((&told["MsgType"], &told["Method"]), (&json!("NTF"), &json!("disconnect")));
    assert_eq!(told["Reason"], "loginElsewhere");
    assert!(matches!(first.socket.read(), Ok(Message::Close(_)) | Err(_)));
    second.done(&json!({"Method": "getState"}));
}

#[test]
fn what_makes_no_sense_gets_a_reply_and_the_connection_lives() {
    let switch = switch();
    for (query, status) in [
        (agent_auth("101").replace("Sign=", "Sign=0"), 401),
        (agent_auth("404"), 404),
        (agent_auth("101").replace(APP, OTHER), 404),
        (auth(APP), 403),
        (String::new(), 401),
    ] {
        assert_eq!(connect(&switch, &query).err(), Some(status), "{query}");
    }
    let mut client = Client::open(&switch, "101");
    assert_eq!(
        client.ask(&json!({"Method": "getState"}))["ErrCode"],
        "100002",
        "login comes first"
    );
    assert_eq!(client.ask(&json!({"Method": "login", "Token": "0"}))["ErrCode"], "100002");
    assert_eq!(client.ask(&json!({"Method": "login", "AppId": OTHER}))["ErrCode"], "100002");
    assert_eq!(client.ask(&json!({"Method": "login", "AgentId": "102"}))["ErrCode"], "100002");
    assert_eq!(client.ask(&json!({"Method": "login", "State": "asleep"}))["ErrCode"], "000001");
    client.done(&json!({"Method": "login"}));
    assert_eq!(client.ask(&json!({"Method": "dance"}))["ErrCode"], "000001");
    assert_eq!(client.ask(&json!({"Method": 7}))["ErrCode"], "000001");
    assert_eq!(client.ask(&json!({"Method": "dialout"}))["ErrCode"], "000001");
    assert_eq!(client.ask(&json!({"Method": "setState"}))["ErrCode"], "000001");
    for text in ["", "{", "[]", "7"] {
        client.socket.send(Message::text(text)).unwrap();
        let reply = loop {
            let message = client.read();
            if message["MsgType"] == "REP" {
                break message;
            }
        };
        assert!(["100004", "000001"].contains(&reply["ErrCode"].as_str().unwrap()), "{reply}");
    }
    client.done(&json!({"Method": "getState"}));
}
