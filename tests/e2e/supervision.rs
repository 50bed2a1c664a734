//! Supervision by ear: caller, agent and supervisor each send a tone of their own, and what every one of them receives is
//! measured in each mode.

use serde_json::{Value, json};

use super::support::SOON;
use super::support::hearing::{Expected, assert_hear};
use super::support::phone::{Account, Phone, Transport};
use super::support::sipp::SippPhone;
use super::support::switch::{Setup, Switch, text_of};
use super::support::wait::wait_until;

const CALLER: f64 = 600.0;
const AGENT: f64 = 1_000.0;
const SUPERVISOR: f64 = 1_400.0;
struct Scene {
    switch: Switch,
    caller: SippPhone,
    agent: SippPhone,
    supervisor: SippPhone,
}

impl Scene {
    /// The caller talks with the agent; the supervisor is registered.
    fn open() -> Self {
        let switch = Setup::default()
            .extension("1001", "")
            .extension("1002", "")
            .extension("1003", "supervises = [\"*\"]\n")
            .start();
        let phone = |number: &str, tone| {
            let account = Account::of(&switch, number, Transport::Udp);
            SippPhone::register(switch.place(), &account, tone)
        };
        let (mut caller, mut agent) = (phone("1001", CALLER), phone("1002", AGENT));
        let supervisor = phone("1003", SUPERVISOR);
        caller.dial("1002");
        agent.answer();
        caller.wait_connected();
        agent.wait_connected();
        Self { switch, caller, agent, supervisor }
    }

    /// The call that is supervised, as shown.
    fn call(&self) -> Value {
        let calls = self.switch.calls();
        let talks = |call: &&Value| call["callee"]["kind"] == "extension";
        calls.iter().find(talks).cloned().expect("a conversation")
    }

    fn path(&self) -> String {
        format!("/api/v1/calls/{}/supervise", text_of(&self.call(), &["call"]))
    }

    /// Waits until the supervisor takes part in this mode.
    fn wait_mode(&self, mode: &str) {
        wait_until(&format!("the mode is {mode}"), SOON, || {
            let supervisor = &self.call()["supervisors"][0];
            supervisor["mode"] == mode && supervisor["joined"] == true
        });
    }

    fn hear(&self, caller: &[f64], agent: &[f64], supervisor: &[f64]) {
        let all = [
            ("the caller", &self.caller, caller),
            ("the agent", &self.agent, agent),
            ("the supervisor", &self.supervisor, supervisor),
        ];
        assert_hear(&all, &[CALLER, AGENT, SUPERVISOR]);
    }

    fn hear_in(&self, mode: &str) {
        self.wait_mode(mode);
        let both = &[CALLER, AGENT];
        match mode {
            "monitor" => self.hear(&[AGENT], &[CALLER], both),
            "whisper" => self.hear(&[AGENT], &[CALLER, SUPERVISOR], both),
            _ => self.hear(&[AGENT, SUPERVISOR], &[CALLER, SUPERVISOR], both),
        }
    }
}

#[test]
fn each_mode_is_heard_by_those_whom_it_is_for_and_changed_by_keys() {
    let mut scene = Scene::open();
    scene.supervisor.dial("*311002");
    scene.supervisor.wait_connected();
    scene.hear_in("monitor");
    for (key, mode) in [('2', "whisper"), ('3', "barge"), ('1', "monitor")] {
        scene.supervisor.rtp().send_digit(key);
        scene.hear_in(mode);
    }
    assert_eq!(scene.caller.rtp().digits() + &scene.agent.rtp().digits(), "", "keys are not heard");
    scene.supervisor.rtp().send_digit('#');
    scene.supervisor.wait_ended();
    let parties: [Expected<'_>; 2] =
        [("the caller", &scene.caller, &[AGENT]), ("the agent", &scene.agent, &[CALLER])];
    assert_hear(&parties, &[CALLER, AGENT, SUPERVISOR]);
    scene.switch.hang_up_all();
    scene.caller.wait_ended();
    scene.agent.wait_ended();
    scene.switch.wait_idle();
}

#[test]
fn each_mode_is_changed_over_http() {
    let mut scene = Scene::open();
    let join = json!({"extension": "1003", "mode": "whisper"});
    let answer = scene.switch.http().post(&scene.path(), &join);
    assert_eq!(answer.status, 201, "{}", answer.text());
    scene.supervisor.answer();
    scene.supervisor.wait_connected();
    scene.hear_in("whisper");
    for mode in ["monitor", "barge"] {
        let answer = scene.switch.http().patch(&scene.path(), &json!({"mode": mode}));
        assert_eq!(answer.status, 204, "{}", answer.text());
        scene.hear_in(mode);
    }
    let answer = scene.switch.http().delete(&scene.path());
    assert_eq!(answer.status, 204, "{}", answer.text());
    scene.supervisor.wait_ended();
    scene.switch.hang_up_all();
    scene.caller.wait_ended();
}
