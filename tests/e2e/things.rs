//! One of each kind of thing that a tenant can have, all there at a time: so that a route that finds nothing finds nothing of
//! what really is there.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use super::restart::wav_files;
use super::support::SOON;
use super::support::http::Answer;
use super::support::phone::{Account, Phone, Transport};
use super::support::sipp::SippPhone;
use super::support::switch::{Setup, Switch, text_of};
use super::support::wait::{wait_for, wait_until};

/// Stands in the names of everything.
pub const MARK: &str = "theirs";
pub const MAC: &str = "805ec0aaaaaa";

const TENANT: &str = "\
[webhooks]
allow_private = true
give_up_secs = 1
[[conference]]
tenant = \"demo\"
name = \"theirs\"
number = \"8000\"
announce = false
[[disposition]]
tenant = \"demo\"
name = \"mine\"
[[trunk]]
tenant = \"demo\"
name = \"theirs\"
host = \"127.0.0.1:9\"
[[number]]
tenant = \"demo\"
trunk = \"theirs\"
number = \"057126200670\"
to = \"extension:1001\"
[[page]]
tenant = \"demo\"
name = \"theirs\"
number = \"8805\"
class = \"internal\"
members = [\"1001\"]
";

/// A tenant's things, and the phones that hold its calls.
pub struct Things {
    pub switch: Switch,
    /// Values of path parameters; those of `{call}` by what stands before it.
    pub parameters: BTreeMap<&'static str, String>,
    talker: SippPhone,
    member: SippPhone,
    waiter: SippPhone,
    /// Hold calls until the end.
    _others: Vec<SippPhone>,
}

/// The tenant `demo` with phones 1001 to 1006, of which 1002 is recorded, and what else a test needs.
pub fn setup() -> Setup {
    let plain = ["1001", "1003", "1004", "1006"];
    let setup = plain.iter().fold(Setup::default(), |setup, number| setup.extension(number, ""));
    setup.extension("1002", "record = \"always\"\n").with(TENANT)
}

/// What an order made.
#[track_caller]
fn done(answer: &Answer) -> Value {
    assert!(answer.status < 300, "{} {}", answer.status, answer.text());
    answer.json()
}

fn id_of(row: &Value) -> String {
    text_of(row, &["id"])
}

impl Things {
    pub fn furnish(setup: Setup) -> Self {
        let switch = setup.start();
        let mut parameters = defined(&switch);
        let phone = |number: &str, tone| {
            let account = Account::of(&switch, number, Transport::Udp);
            let phone = SippPhone::register(switch.place(), &account, tone);
            switch.wait_registered(number);
            phone
        };
        let callee = phone("1002", 1_000.0);
        let (talker, member) = (phone("1001", 600.0), phone("1006", 800.0));
        let (waiter, mut parker) = (phone("1004", 1_200.0), phone("1003", 1_400.0));
        parker.dial("1002");
        let parked = wait_call(&switch, "1003", "talking");
        let path = format!("/api/v1/calls/{parked}/park");
        let slot = done(&switch.http().post(&path, &json!({ "extension": "1002" })));
        parameters.insert("slot", slot["slot"].to_string());
        let others = vec![callee, parker];
        let mut things = Self { switch, parameters, talker, member, waiter, _others: others };
        things.leave_message();
        things.record();
        for kind in ["calls", "conferences", "queues"] {
            things.place(kind);
        }
        things
    }

    /// A message of the waiter's for 1005.
    fn leave_message(&mut self) {
        self.waiter.dial("1005");
        self.waiter.wait_connected();
        let kept = self.switch.place().dir().join("recordings/voicemail/demo/1005");
        wait_until("a message has some length", SOON, || {
            let files = fs::read_dir(&kept).into_iter().flatten().flatten();
            files.filter_map(|file| file.metadata().ok()).any(|data| data.len() > 48_000)
        });
        self.end("1004");
        let path = "/api/v1/mailboxes/1005/messages";
        let message =
            wait_for("a message", SOON, || self.switch.http().rows(path).into_iter().next());
        self.parameters.insert("message", id_of(&message));
    }

    /// A call that is over, recorded, and was told to a webhook in vain.
    fn record(&mut self) {
        self.place("calls");
        self.talker.wait_connected();
        let recordings = self.switch.place().dir().join("recordings");
        wait_until("a second of it is recorded", SOON, || {
            let files = wav_files(&recordings);
            let calls = files.iter().filter(|file| !file.to_string_lossy().contains("voicemail"));
            calls.filter_map(|file| file.metadata().ok()).any(|data| data.len() > 32_000)
        });
        self.end("1001");
        let call = self.parameters["calls"].clone();
        let http = self.switch.http();
        wait_until("its recording is finished", SOON, || {
            let rows = http.rows("/api/v1/recordings");
            rows.iter().any(|row| row["call"] == *call && !row["length_ms"].is_null())
        });
        let path = format!("/api/v1/calls/{call}/disposition");
        done(&http.put(&path, &json!({ "disposition": "mine" })));
        let hook =
            format!("/api/v1/webhooks/{}/deliveries?state=parked", self.parameters["webhook"]);
        let delivery = wait_for("a delivery is given up", SOON, || {
            self.switch.http().rows(&hook).into_iter().next()
        });
        self.parameters.insert("delivery", id_of(&delivery));
        self.parameters.insert("records", call.clone());
        self.parameters.insert("recordings", call);
    }

    /// Brings about the call that this part of a path is about, anew where there was one.
    pub fn place(&mut self, kind: &str) {
        let (phone, own, to, stage) = match kind {
            "calls" => (&mut self.talker, "1001", "1002", "talking"),
            "conferences" => (&mut self.member, "1006", "8000", ""),
            "queues" => (&mut self.waiter, "1004", "9005", ""),
            "pages" => return self.speak(),
            _ => return,
        };
        end(&self.switch, own);
        phone.dial(to);
        phone.wait_connected();
        let call = match kind {
            "calls" => wait_call(&self.switch, own, stage),
            "conferences" => row_of(&self.switch, "/api/v1/conferences/theirs"),
            _ => row_of(&self.switch, "/api/v1/queues/9005/members"),
        };
        let kind = ["calls", "conferences", "queues"].into_iter().find(|known| *known == kind);
        self.parameters.extend(kind.map(|kind| (kind, call)));
    }

    /// Somebody speaks to the page.
    fn speak(&self) {
        let order = json!({ "page": MARK, "from": "1002" });
        let begun = self.switch.http().post("/api/v1/pages", &order);
        // Somebody may speak already.
        assert!(matches!(begun.status, 201 | 409), "{}", begun.text());
        let spoken = || !self.switch.http().get("/api/v1/pages/theirs").json()["spoken"].is_null();
        wait_until("somebody speaks", SOON, spoken);
    }

    fn end(&self, caller: &str) {
        end(&self.switch, caller);
    }

    /// The path with the things' own names in it.
    pub fn path(&self, template: &str) -> String {
        let kind = template.split('/').nth(3).unwrap_or_default();
        let part = |part: &str| {
            let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
                return part.to_owned();
            };
            let name = match (kind, name) {
                // The one of which something was said.
                (_, "call") if template.ends_with("/disposition") => "records",
                (kind, "call") => kind,
                // What a webhook is called is called like what an agent is called.
                ("webhooks", "id") => "webhook",
                (_, name) => name,
            };
            let value = self.parameters.get(name);
            value.unwrap_or_else(|| panic!("{template}: a value for {{{name}}} is needed")).clone()
        };
        template.split('/').map(part).collect::<Vec<_>>().join("/")
    }
}

/// Ends the calls of a caller.
fn end(switch: &Switch, caller: &str) {
    let own = || {
        let calls = switch.calls().into_iter();
        calls.filter(|row| row["caller"]["number"] == caller).collect::<Vec<_>>()
    };
    for call in own() {
        switch.http().delete(&format!("/api/v1/calls/{}", text_of(&call, &["call"])));
    }
    wait_until("the calls of a phone end", SOON, || own().is_empty());
}

/// The call of this caller, in this stage.
fn wait_call(switch: &Switch, caller: &str, stage: &str) -> String {
    wait_for(&format!("{caller} is {stage}"), SOON, || {
        let calls = switch.calls();
        let own =
            calls.iter().find(|row| row["caller"]["number"] == caller && row["stage"] == stage);
        own.map(|row| text_of(row, &["call"]))
    })
}

/// The call of whoever is listed there.
fn row_of(switch: &Switch, path: &str) -> String {
    wait_for(&format!("somebody in {path}"), SOON, || {
        let answer = switch.http().get(path).json();
        let row = answer["members"].get(0).or_else(|| answer["items"].get(0))?;
        Some(text_of(row, &["call"]))
    })
}

/// A dial task of what is there.
pub fn task() -> Value {
    json!({ "mode": "broadcast", "menu": MARK, "caller_number": "057126200670" })
}

/// What is defined over HTTP.
fn defined(switch: &Switch) -> BTreeMap<&'static str, String> {
    let http = switch.http();
    done(&http.put("/api/v1/extensions/1005", &json!({ "name": MARK, "voicemail": true })));
    let queue = json!({ "name": MARK, "exit_with_no_av_agents": false });
    done(&http.put("/api/v1/queues/9005", &queue));
    let tier = json!([{ "queue": "9005", "level": 1, "position": 1 }]);
    let agent = json!({ "name": MARK, "extension": "1005", "queues": tier });
    done(&http.put("/api/v1/agents/1005", &agent));
    done(&http.put("/api/v1/menus/theirs", &json!({ "keys": { "1": "queue:9005" } })));
    let phone = json!({ "vendor": "snom", "extensions": ["1005"] });
    done(&http.put(&format!("/api/v1/phones/{MAC}"), &phone));
    done(&http.post("/api/v1/keys", &json!({ "name": MARK, "role": "admin" })));
    let hook = json!({ "url": "http://127.0.0.1:9/theirs", "events": ["call_ended"] });
    let hook = done(&http.post("/api/v1/webhooks", &hook));
    done(&http.put("/api/v1/dial-tasks/theirs", &task()));
    let number = json!({ "trunk": MARK, "to": "extension:1005" });
    done(&http.put("/api/v1/numbers/9005", &number));
    let route = json!({ "match": "^77", "to": "trunk:theirs" });
    done(&http.put("/api/v1/routes/theirs", &route));
    let row = json!({ "id": "1", "number": "057188881111" });
    let batch = json!({ "numbers": [row], "exhausted": false });
    done(&http.post("/api/v1/dial-tasks/theirs/numbers", &batch));
    done(&http.post("/api/v1/do-not-call", &json!({ "numbers": ["9005"] })));
    let id = hook["id"].as_str().map_or_else(|| hook["id"].to_string(), str::to_owned);
    let parameters = [
        ("conference", MARK.to_owned()),
        ("mailbox", "1005".to_owned()),
        ("key", MARK.to_owned()),
        ("extension", "1005".to_owned()),
        ("mac", MAC.to_owned()),
        ("menu", MARK.to_owned()),
        ("page", MARK.to_owned()),
        ("number", "9005".to_owned()),
        ("queue", "9005".to_owned()),
        ("id", "1005".to_owned()),
        ("task", MARK.to_owned()),
        ("route", MARK.to_owned()),
        ("trunk", MARK.to_owned()),
        ("webhook", id),
    ];
    parameters.into_iter().collect()
}
