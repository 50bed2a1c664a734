//! The CTI cloud interface: its scenes, and what a transcript cannot say.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use sha1::{Digest, Sha1};

use super::golden::Scene;
use super::support::place::Place;
use super::support::switch::{Setup, Switch};

pub const APP: &str = "a54a8b77-f12d-4ac9-842d-5b2bef5c4d11";
pub const OTHER: &str = "6f142ddb-47ed-442e-83e7-6d2574d77aa2";
pub const SID: &str = "100200300";
pub const TOKEN: &str = "cti-operator-token";
/// Relay numbers of the application.
pub const RELAY: &str = "057126200670";
pub const SECOND_RELAY: &str = "057126200671";
/// A customer.
pub const CUSTOMER: &str = "057187654321";

/// Two applications of one operator. The first has four extensions, a carrier at `port`, an agent and a queue of the file.
pub fn setup(port: u16) -> Setup {
    let mut setup = Setup::default().tenant(&format!("cti_app_id = \"{APP}\""));
    for number in ["2457", "2458", "8001", "8002"] {
        setup = setup.extension(number, "classes = [\"internal\", \"national\"]\n");
    }
    setup
        .with(&format!("[[operator]]\nsid = \"{SID}\"\nauth_token = \"{TOKEN}\"\n"))
        .with(&format!(
            "[[tenant]]\nid = \"other\"\nprefix = \"9031046857\"\ncti_app_id = \"{OTHER}\"\n"
        ))
        .with(&format!(
            "[[trunk]]\ntenant = \"demo\"\nname = \"carrier\"\nhost = \"127.0.0.1:{port}\"\n\
             transport = \"udp\"\nqualify_secs = 1\n"
        ))
        .with(&format!(
            "[[number]]\ntenant = \"demo\"\ntrunk = \"carrier\"\nnumber = \"{RELAY}\"\nto = \"queue:9001\"\n\
             [[number]]\ntenant = \"demo\"\ntrunk = \"carrier\"\nnumber = \"{SECOND_RELAY}\"\nto = \"echo\"\n"
        ))
        .with(
            "[[route]]\ntenant = \"demo\"\nmatch = \"^0\\\\d{7,12}$\"\nclass = \"national\"\nto = \"trunk:carrier\"\n",
        )
        .with(
            "[[queue]]\ntenant = \"demo\"\nnumber = \"9001\"\nname = \"Support\"\nexit_with_no_av_agents = false\n\
             agent_report_wait_time = false\nrecord_enabled = false\n",
        )
        .with(
            "[[agent]]\ntenant = \"demo\"\nid = \"101\"\nextension = \"8001\"\nname = \"Li\"\n\
             queues = [{ queue = \"9001\" }]\n",
        )
}

pub fn switch() -> Switch {
    let place = Arc::new(Place::take());
    let port = place.port();
    Switch::start_in(place, setup(port))
}

pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right");
    u64::try_from(since.as_millis()).expect("this century")
}

/// The documented signature.
pub fn sign(name: &str, token: &str, stamp: &str) -> String {
    let bytes = Sha1::digest(format!("{name}{token}{stamp}").as_bytes());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The parameters of an address for an application, signed by the operator now.
pub fn auth(app: &str) -> String {
    let stamp = now_ms().to_string();
    format!("Timestamp={stamp}&AppId={app}&Sid={SID}&Sign={}", sign(SID, TOKEN, &stamp))
}

/// ... without an application, as call control has it, in seconds.
pub fn bare_auth() -> String {
    let stamp = (now_ms() / 1_000).to_string();
    format!("Timestamp={stamp}&Sid={SID}&Sign={}", sign(SID, TOKEN, &stamp).to_uppercase())
}

/// ... by an agent's front end.
pub fn agent_auth(agent: &str) -> String {
    let stamp = now_ms().to_string();
    format!("Timestamp={stamp}&AppId={APP}&AgentId={agent}&Sign={}", sign(agent, TOKEN, &stamp))
}

pub fn scene(needs: &str) -> Scene {
    let switch = match needs {
        "nothing" => switch(),
        other => panic!("no scene {other}"),
    };
    Scene::new(&switch)
        .computed("auth", |_| auth(APP))
        .computed("other", |_| auth(OTHER))
        .computed("auth_app_id", |_| auth(APP).replace("AppId", "app_id"))
        .computed("bare", |_| bare_auth())
        .computed("agent", |_| agent_auth("101"))
        .set("app", APP)
        .set("other_app", OTHER)
        .keep(switch)
}
