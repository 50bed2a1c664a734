//! The description of the HTTP surface against the surface: Schemathesis makes requests of it, right ones and wrong ones, and
//! finds no answer that is a failure of the server or that the description does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use super::support::http::operator_key;
use super::support::switch::{Setup, Switch, TOKEN};

/// Seconds of requests made up at random, after those that each operation gets by its description.
const SECONDS: &str = "25";

/// Python's tool in an environment of its own below the build folder, made where it is missing.
fn tool() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("schemathesis");
    fs::create_dir_all(&folder).expect("the build folder can be written");
    // Two runs at once make it once.
    let lock = File::create(folder.join("lock")).expect("the build folder can be written");
    lock.lock().expect("a file can be locked");
    let tool = folder.join("venv/bin/st");
    if !tool.exists() {
        let missing = "python3 with venv (Debian: python3-venv)";
        run(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")), missing);
        let pip = folder.join("venv/bin/pip");
        let missing = "schemathesis, from PyPI";
        run(Command::new(pip).args(["install", "--quiet", "schemathesis>=4,<5"]), missing);
    }
    tool
}

fn run(command: &mut Command, missing: &str) {
    let output = command.output().unwrap_or_else(|error| panic!("{missing} is needed: {error}"));
    assert!(output.status.success(), "{missing} is needed: {}", text(&output));
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

/// Something of each kind, so that requests find it.
fn switch() -> Switch {
    Setup::default()
        .http("requests_per_second = 0\n")
        .extension("1001", "voicemail = true\n")
        .extension("1002", "")
        .with(&format!("[[operator]]\nsid = \"{SID}\"\nauth_token = \"{SECRET}\"\n"))
        .with(
            "[[queue]]\ntenant = \"demo\"\nnumber = \"9001\"\nname = \"Support\"\n\
             [[agent]]\ntenant = \"demo\"\nid = \"101\"\nextension = \"1001\"\nqueues = [{ queue = \"9001\" }]\n",
        )
        .start()
}

/// Carries wrong secrets by its nature: after ten of them the address is not listened to for a while.
const GUESSED: &str = "/provision/{secret}/{file}";
/// Events follow for ever.
const ENDLESS: &str = "/api/v1/events";
/// It is asked for what is asked.
const DESCRIPTION: &str = "/api/v1/openapi.json";

/// What is an operator's.
const TENANTS: &str = "^/api/v1/tenants";
const SID: &str = "operator-1";
const SECRET: &str = "operator-secret";

/// The description in a file: it wants a tenant's key, also of those who ask with another.
fn description(switch: &Switch) -> PathBuf {
    let file = switch.place().dir().join("openapi.json");
    fs::write(&file, switch.http().get(DESCRIPTION).body).expect("the folder can be written");
    file
}

type Answers = BTreeMap<String, BTreeSet<u64>>;

/// Asks with the tenant's key what this selects, and finds no failure; the answers of each operation.
fn asked(switch: &Switch, phases: &str, selected: &[&str]) -> Answers {
    asked_as(switch, &format!("Bearer {TOKEN}"), phases, selected)
}

fn asked_as(switch: &Switch, key: &str, phases: &str, selected: &[&str]) -> Answers {
    let report = switch.place().dir().join("asked.ndjson");
    let output = Command::new(tool())
        .arg("run")
        .arg(description(switch))
        .args(["--header", &format!("Authorization: {key}")])
        .args(["--checks", "not_a_server_error,status_code_conformance"])
        .args(["--phases", phases])
        // One worker: Python 3.11 reads sources wrongly in several threads at once ("AST constructor recursion depth").
        .args(["--workers", "1", "--request-timeout", "10"])
        // A wrong token too often, and nobody is answered any more.
        .args(["--generation-with-security-parameters", "false"])
        .args(["--continue-on-failure", "--suppress-health-check", "all", "--no-color"])
        .args(selected)
        // Anything found is found again.
        .args(["--seed", "7", "--generation-database", "none"])
        .args(["--report", "ndjson", "--report-ndjson-path"])
        .arg(&report)
        .args(["--url", &switch.http().url("")])
        .current_dir(switch.place().dir())
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", text(&output));
    answers(&fs::read_to_string(report).expect("it reports"))
}

/// Statuses by operation, `METHOD PATH`; those of other methods, which it tries too, are left out.
fn answers(report: &str) -> Answers {
    let mut all = Answers::new();
    for line in report.lines() {
        let event: Value = serde_json::from_str(line).expect("a line of the report is JSON");
        let recorder = &event["ScenarioFinished"]["recorder"];
        let Some(operation) = recorder["label"].as_str() else { continue };
        let method = operation.split(' ').next();
        let own = recorder["interactions"].as_object().into_iter().flatten();
        let own = own.filter(|(_, one)| one["request"]["method"].as_str() == method);
        let statuses = own.filter_map(|(_, one)| one["response"]["status_code"].as_u64());
        all.entry(operation.to_owned()).or_default().extend(statuses);
    }
    all
}

/// Whether an operation said anything: neither that the key is wrong, nor that there is no such method, nor "later".
fn spoke(statuses: Option<&BTreeSet<u64>>) -> bool {
    let says = |status: &u64| *status < 500 && ![401, 405, 429].contains(status);
    statuses.is_some_and(|all| all.iter().any(says))
}

#[test]
fn the_description_and_the_surface_agree() {
    let switch = switch();
    let document = switch.http().get(DESCRIPTION).json();
    let most =
        ["--exclude-path", GUESSED, "--exclude-path", ENDLESS, "--exclude-path-regex", TENANTS];
    let mut answers = asked(&switch, "examples,coverage", &most);
    let long = [&most[..], &["--max-time", SECONDS]].concat();
    for all in [&answers, &asked(&switch, "fuzzing", &long)] {
        let late: Vec<_> = all.iter().filter(|(_, statuses)| statuses.contains(&429)).collect();
        assert!(late.is_empty(), "the address was silenced: {late:?}");
    }
    // At last what is an operator's: afterwards there are more tenants.
    let theirs = ["--include-path-regex", TENANTS, "--max-time", "10"];
    let key = operator_key(SID, SECRET);
    let theirs = asked_as(&switch, &key, "examples,coverage,fuzzing", &theirs);
    let made = |status: &u64| matches!(status, 200 | 201);
    for operation in ["GET /api/v1/tenants", "PUT /api/v1/tenants/{tenant}"] {
        let statuses = theirs.get(operation).expect("it was asked");
        assert!(statuses.iter().any(made) && !statuses.contains(&429), "{operation}: {statuses:?}");
    }
    answers.extend(theirs);
    // Whoever guesses secrets is not listened to afterwards, not even with a good key.
    let guessed = ["--include-path", GUESSED, "--max-time", "5"];
    answers.extend(asked(&switch, "examples,coverage,fuzzing", &guessed));
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("operations").keys() {
            let operation = format!("{} {path}", method.to_uppercase());
            let right =
                [ENDLESS, DESCRIPTION].contains(&path.as_str()) || spoke(answers.get(&operation));
            assert!(right, "{operation} was not really asked: {:?}", answers.get(&operation));
        }
    }
    assert_eq!(switch.http().get("/healthz").status, 200);
}
