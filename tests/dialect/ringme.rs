//! RingMe: what its transcripts need around them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::golden::Scene;
use super::golden::wire::{Answer, Client};
use super::support::phone::{Account, Phone, Transport};
use super::support::place::Place;
use super::support::sipp::SippPhone;
use super::support::switch::{Setup, Switch, TOKEN};
use super::support::tone::{sine, write_wav};
use super::support::{SOON, wait::wait_for};

/// Another tenant's key.
pub const OTHER: &str = "e2e-other-77d0a1";

/// Client 12 with three phones, a way out, and a queue and an agent of the file; and client 13.
pub fn setup(carrier: u16) -> Setup {
    let mut setup = Setup::default().tenant("ringme_client_id = \"12\"\n");
    for number in ["094", "117", "333"] {
        setup = setup.extension(number, "");
    }
    setup.with(&format!(
        "[[tenant.api_key]]\nname = \"reader\"\ntoken = \"e2e-reader-5\"\nrole = \"read-only\"\n\
         [[trunk]]\ntenant = \"demo\"\nname = \"out\"\nhost = \"127.0.0.1:{carrier}\"\ntransport = \"udp\"\n\
         qualify_secs = 1\n\
         [[route]]\ntenant = \"demo\"\nmatch = \"^8\\\\d{{10}}$\"\nto = \"trunk:out\"\n\
         [[queue]]\ntenant = \"demo\"\nnumber = \"9001\"\nname = \"Support\"\n\
         [[agent]]\ntenant = \"demo\"\nid = \"901\"\nextension = \"094\"\n\
         [[tenant]]\nid = \"other\"\nringme_client_id = \"13\"\nprefix = \"9031046857\"\n\
         [[tenant.api_key]]\nname = \"admin\"\ntoken = \"{OTHER}\"\nrole = \"admin\"\n\
         [[extension]]\ntenant = \"other\"\nnumber = \"555\"\npassword = \"x\"\n\
         [[queue]]\ntenant = \"other\"\nnumber = \"370\"\n"
    ))
}

/// A switch and one who asks it.
pub struct Site {
    pub switch: Switch,
    pub client: Client,
}

impl Site {
    pub fn start() -> Self {
        let place = Arc::new(Place::take());
        let carrier = place.port();
        // Events are told on this machine.
        let setup = setup(carrier).with("[webhooks]\nallow_private = true\n");
        Self::of(Switch::start_in(place, setup))
    }

    pub fn of(switch: Switch) -> Self {
        let client = Client::new(switch.http().address());
        Self { switch, client }
    }

    /// A request of client 12 that must be answered with 200 or 204.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.client.json(method, &format!("/api/ver1.0{path}"), TOKEN, body);
        assert!(matches!(answer.status, 200 | 204), "{method} {path}: {}", answer.shown());
        answer.json()
    }

    /// The id of one of the phones.
    pub fn phone(&self, number: &str) -> u64 {
        let all = self.ask("GET", "/client/@me/extension/", &Value::Null);
        let name = format!("000*{number}");
        let found = all.as_array().unwrap().iter().find(|item| item["name"] == name.as_str());
        found.unwrap_or_else(|| panic!("{all}"))["id"].as_u64().unwrap()
    }

    pub fn queue(&self, number: &str) -> u64 {
        let body =
            json!({"status": "active", "name": number, "label": "test queue", "type": "queue"});
        self.ask("POST", "/client/@me/extension/", &body)["id"].as_u64().unwrap()
    }

    pub fn local(&self, number: &str, status: &str) -> u64 {
        let body =
            json!({"extension_id": self.phone(number), "call_timeout": 30, "status": status});
        self.ask("POST", "/client/@me/agent/local/", &body)["id"].as_u64().unwrap()
    }

    pub fn remote(&self, number: &str, status: &str) -> u64 {
        let body = json!({"number": number, "call_timeout": 30, "status": status});
        self.ask("POST", "/client/@me/agent/remote/", &body)["id"].as_u64().unwrap()
    }

    pub fn seat(&self, queue: u64, kind: &str, agent: u64, level: u64) {
        let body = json!({"agent_id": agent, "level": level, "position": 1});
        self.ask("POST", &format!("/extension/{queue}/queue/agents/{kind}/"), &body);
    }

    /// Uploads two seconds of a tone, by a form as browsers send it.
    pub fn upload(&self, name: &str, tone: f64) -> Answer {
        upload(self.client, self.switch.place(), name, tone)
    }

    pub fn sound(&self, name: &str, tone: f64) -> u64 {
        let answer = self.upload(name, tone);
        assert_eq!(answer.status, 200, "{}", answer.shown());
        answer.json()["id"].as_u64().unwrap()
    }

    pub fn caller(&self, number: &str, tone: f64) -> SippPhone {
        let account = Account::of(&self.switch, number, Transport::Udp);
        SippPhone::register(self.switch.place(), &account, tone)
    }

    /// Callers of a queue.
    pub fn members(&self, queue: u64) -> Vec<Value> {
        let path = format!("/extension/{queue}/queue/status/members/");
        self.ask("GET", &path, &Value::Null).as_array().unwrap().clone()
    }

    /// Waits until the one caller of a queue stands so, and answers with it.
    pub fn wait_member(&self, queue: u64, state: &str) -> Value {
        wait_for(&format!("a caller who is {state}"), SOON, || {
            self.members(queue).into_iter().find(|member| member["state"] == state)
        })
    }
}

fn upload(client: Client, place: &Place, name: &str, tone: f64) -> Answer {
    let path = place.dir().join(format!("{name}.wav"));
    write_wav(&path, &sine(tone, 2));
    let mut body = format!(
        "--frontier\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n{name}\r\n--frontier\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"{name}.wav\"\r\n\
         Content-Type: audio/wav\r\n\r\n"
    )
    .into_bytes();
    body.extend(std::fs::read(path).unwrap());
    body.extend_from_slice(b"\r\n--frontier--\r\n");
    let key = format!("Bearer {TOKEN}");
    let kind = "multipart/form-data; boundary=frontier";
    let headers = [("Authorization", key.as_str()), ("Content-Type", kind)];
    client.raw("POST", "/api/ver1.0/client/@me/sound/", &headers, &body)
}

/// What a transcript needs.
pub fn scene(needs: &str) -> Scene {
    let site = Site::start();
    let mut scene = Scene::new(&site.switch).set("token", TOKEN).set("reader", "e2e-reader-5");
    let mut set = |name: &str, value: u64| {
        scene.variables.insert(name.to_owned(), value.to_string());
    };
    set("phone", site.phone("117"));
    set("file_queue", site.phone("9001"));
    let mut call = None;
    let mut phone = None;
    match needs {
        "nothing" => {}
        "a queue and two sounds" => {
            set("queue", site.queue("370"));
            set("music", site.sound("music", 440.0));
            set("announcement", site.sound("announcement", 600.0));
        }
        "a queue, and two agents outside it" => {
            set("queue", site.queue("370"));
            set("local", site.local("117", "available"));
            set("remote", site.remote("89215650644", "available"));
        }
        "a queue with two agents" => {
            let (queue, local) = (site.queue("370"), site.local("117", "available"));
            let remote = site.remote("89215650644", "available");
            site.seat(queue, "local", local, 1);
            site.seat(queue, "remote", remote, 2);
            set("queue", queue);
            set("local", local);
            set("remote", remote);
        }
        "a sound" => set("sound", site.sound("music", 440.0)),
        "a caller who waits" => {
            let (queue, local) = (site.queue("370"), site.local("117", "logged_out"));
            site.seat(queue, "local", local, 1);
            let open = json!({"exit_with_no_av_agents": false});
            site.ask("PUT", &format!("/extension/{queue}/queue/"), &open);
            let mut caller = site.caller("333", 600.0);
            caller.dial("370");
            caller.wait_connected();
            let member = site.wait_member(queue, "waiting");
            set("queue", queue);
            call = member["call_api_id"].as_str().map(str::to_owned);
            phone = Some(caller);
        }
        other => panic!("no scene {other:?}"),
    }
    scene.variables.extend(call.map(|call| ("call".to_owned(), call)));
    let (client, place) = (site.client, Arc::clone(site.switch.place()));
    let scene = scene.action("upload", move |variables| {
        let answer = upload(client, &place, "greeting", 600.0);
        assert_eq!(answer.status, 200, "{}", answer.shown());
        variables.insert("sound".into(), answer.json()["id"].to_string());
    });
    let scene = match phone {
        Some(phone) => scene.keep(phone),
        None => scene,
    };
    scene.keep(site.switch)
}
