//! A real browser without a window, driven over WebDriver (W3C) through its own driver.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use super::SOON;
use super::process::Process;
use super::wait::wait_for;

/// Chromium with one page.
pub struct Browser {
    agent: Agent,
    session: String,
    // Ends after the session, which ends when this is dropped.
    _driver: Process,
    /// What both leave behind, in a place whose name is short: a socket is in it.
    _rest: TempDir,
}

impl Browser {
    /// With a window of so many pixels.
    pub fn open(width: u32, height: u32) -> Self {
        let mut command = Command::new("chromedriver");
        let rest = tempfile::tempdir().expect("a directory can be made");
        command.env("TMPDIR", rest.path());
        let driver = Process::spawn("chromedriver", "chromium-driver", command.arg("--port=0"));
        let port: u16 = wait_for("the driver listens", SOON, || {
            let log = driver.log();
            let (_, rest) = log.split_once("started successfully on port ")?;
            rest.split('.').next()?.parse().ok()
        });
        let config = Agent::config_builder().http_status_as_error(false);
        let agent: Agent = config.timeout_global(Some(Duration::from_secs(60))).build().into();
        let base = format!("http://127.0.0.1:{port}/session");
        let size = format!("--window-size={width},{height}");
        let arguments =
            ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", &size];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {
                "args": arguments,
                "mobileEmulation": {"deviceMetrics": {"width": width, "height": height, "pixelRatio": 1.0}},
            },
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let made = post(&agent, &base, &wanted);
        let id = made["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {made}"));
        Self { session: format!("{base}/{id}"), agent, _driver: driver, _rest: rest }
    }

    /// Goes to an address.
    pub fn go(&self, url: &str) {
        self.post("/url", &json!({"url": url}));
    }

    /// What a function's body returns in the page.
    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until an expression is true in the page.
    pub fn wait(&self, what: &str, expression: &str) {
        wait_for(what, SOON, || (self.run(&format!("return {expression}")) == true).then_some(()));
    }

    /// Types into an element, then Enter, as a keyboard does.
    pub fn enter(&self, selector: &str, text: &str) {
        let found = self.post("/element", &json!({"using": "css selector", "value": selector}));
        let element = found.as_object().and_then(|all| all.values().next()?.as_str());
        let element = element.unwrap_or_else(|| panic!("no {selector}: {found}"));
        self.post(
            &format!("/element/{element}/value"),
            &json!({"text": format!("{text}\u{e007}")}),
        );
    }

    /// What the browser complained about since the last time.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({"type": "browser"}));
        let severe =
            log.as_array().into_iter().flatten().filter(|entry| entry["level"] == "SEVERE");
        severe.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        post(&self.agent, &format!("{}{path}", self.session), body)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session; a driver that is gone has ended it, too.
        let _ = self.agent.delete(&self.session).call();
    }
}

fn post(agent: &Agent, url: &str, body: &Value) -> Value {
    let answer = agent.post(url).header("Content-Type", "application/json").send(body.to_string());
    let mut answer = answer.unwrap_or_else(|error| panic!("{url}: {error}"));
    let text = answer.body_mut().read_to_string().unwrap_or_default();
    let mut answer: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{url}: {error}: {text}"));
    answer["value"].take()
}
