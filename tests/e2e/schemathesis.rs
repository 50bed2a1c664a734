//! The description of the HTTP surface against the surface: Schemathesis makes requests of it, right ones and wrong ones, and
//! finds no answer that is a failure of the server or that the description does not know.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::support::switch::{Setup, Switch, TOKEN};

/// Seconds that it may take for its requests.
const SECONDS: &str = "45";

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
        .with(
            "[[queue]]\ntenant = \"demo\"\nnumber = \"9001\"\nname = \"Support\"\n\
             [[agent]]\ntenant = \"demo\"\nid = \"101\"\nextension = \"1001\"\nqueues = [{ queue = \"9001\" }]\n",
        )
        .start()
}

#[test]
fn the_description_and_the_surface_agree() {
    let tool = tool();
    let switch = switch();
    let address = switch.http().address();
    let output = Command::new(tool)
        .arg("run")
        .arg(format!("http://{address}/api/v1/openapi.json"))
        .args(["--header", &format!("Authorization: Bearer {TOKEN}")])
        .args(["--checks", "not_a_server_error,status_code_conformance"])
        .args(["--phases", "examples,coverage,fuzzing"])
        // One worker: Python 3.11 reads sources wrongly in several threads at once ("AST constructor recursion depth").
        .args(["--max-time", SECONDS, "--workers", "1", "--request-timeout", "10"])
        // A wrong token too often, and nobody is answered any more.
        .args(["--generation-with-security-parameters", "false"])
        .args(["--continue-on-failure", "--suppress-health-check", "all", "--no-color"])
        // Events follow for ever.
        .args(["--exclude-path", "/api/v1/events"])
        // Anything found is found again.
        .args(["--seed", "7", "--generation-database", "none"])
        .current_dir(switch.place().dir())
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(switch.http().get("/healthz").status, 200);
}
