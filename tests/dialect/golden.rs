//! Golden transcripts: what a client sends and what it gets, word for word, played against the real switch.
//!
//! A transcript is `tests/dialect/FOLDER/NAME.txt`:
//!
//! ```text
//! # operation: pick up a call that rings at another agent
//! # section: Picking Up a Call for Other Agents
//! # needs: ringing
//! # phones: tests/dialect/cc_gateway_phones.rs the_picker_is_rung
//!
//! > PUT /agentgateway/resource/voicecall/101/snatchpickup?destWorkNo=102
//! > Guid: {guid}
//! >
//! > {"body": "as sent"}
//! < 200
//! < content-type: application/json
//! <
//! < {"message": "success", "retcode": "0", "result": {"callId": "<hex32:call>"}}
//! ! answer
//! ```
//!
//! - `operation` is one of the lines of `tests/dialect/FOLDER/operations.txt`: `operation | section | kind`. The kind is `acts` where
//!   phones notice it, `keeps` where it changes what is kept and no call, `reads`, or `no: why it is not served`. Several
//!   transcripts may show the same operation (its errors, say). Every one that is served has a transcript, and every one that
//!   acts tests with phones; one that is no request with an answer has `acts | FILE TEST ...` instead of a transcript.
//!   `tests/dialect/FOLDER/notes.md`, where it is there, stands above the table in `docs/dialects.md`.
//! - `needs` is a scene of the dialect (its function `scene`), `nothing` where the head says none. `phones` names a file and
//!   the tests in it that make the calls with real phones.
//! - `> ` is the request, `< ` the answer: status, then headers that it must have, then the whole body. Exchanges follow
//!   each other. `! name` is an action of the scene: a phone dials, answers, hangs up.
//! - `{name}` in a request is a variable of the scene, or captured before. In an answer `<kind>` and `<kind:name>` stand for what is
//!   checked by its shape and, with a name, captured; [`shape::KINDS`] lists them. JSON is compared whole, by value.
//!
//! `STROWGER_WRITE_DOCS=1 cargo test --test dialect the_document` writes `docs/dialects.md` anew; `STROWGER_GOLDEN=text` plays
//! only transcripts whose name has this in it.

pub mod document;
mod planted;
pub mod shape;
pub mod transcript;
pub mod wire;

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::support::switch::Switch;
use transcript::{Exchange, Step, Transcript};
use wire::Client;

/// Transcripts that are played at a time.
const AT_ONCE: usize = 3;

/// Values of variables, by name.
pub type Variables = BTreeMap<String, String>;

/// What a transcript needs around it.
pub struct Scene {
    /// Where the requests go.
    pub client: Client,
    /// Values that requests may name.
    pub variables: Variables,
    actions: BTreeMap<&'static str, Action>,
    computed: Vec<(&'static str, Computed)>,
    /// Ends with the scene: phones first, then the switch.
    kept: Vec<Box<dyn Any>>,
}

type Action = Box<dyn FnMut(&mut Variables)>;
type Computed = Box<dyn Fn(&Variables) -> String>;

impl Scene {
    /// Requests go to this switch; it is kept by whoever calls, or by [`Scene::keep`].
    pub fn new(switch: &Switch) -> Self {
        Self {
            client: Client::new(switch.http().address()),
            variables: Variables::new(),
            actions: BTreeMap::new(),
            computed: Vec::new(),
            kept: Vec::new(),
        }
    }

    /// A variable.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A variable that is made anew before each request: a time, a signature.
    pub fn computed(
        mut self,
        name: &'static str,
        value: impl Fn(&Variables) -> String + 'static,
    ) -> Self {
        self.computed.push((name, Box::new(value)));
        self
    }

    /// What `! name` does.
    pub fn action(
        mut self,
        name: &'static str,
        action: impl FnMut(&mut Variables) + 'static,
    ) -> Self {
        self.actions.insert(name, Box::new(action));
        self
    }

    /// Something that lives as long as the scene; what is kept first ends first.
    pub fn keep(mut self, thing: impl Any) -> Self {
        self.kept.push(Box::new(thing));
        self
    }

    /// Plays a transcript; says what is wrong with it.
    pub fn play(&mut self, transcript: &Transcript) -> Result<(), String> {
        for step in &transcript.steps {
            match step {
                Step::Act(name) => {
                    let action = self.actions.get_mut(name.as_str());
                    action.ok_or_else(|| format!("the scene has no action {name}"))?(
                        &mut self.variables,
                    );
                }
                Step::Exchange(exchange) => {
                    for (name, value) in &self.computed {
                        let value = value(&self.variables);
                        self.variables.insert((*name).to_owned(), value);
                    }
                    let request = exchange.request.filled(&self.variables)?;
                    let answer = self.client.send(&request);
                    check(exchange, &answer, &mut self.variables).map_err(|why| {
                        format!("line {}: {why}\n{}", exchange.line, answer.shown())
                    })?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.actions.clear();
        self.kept.drain(..).for_each(drop);
    }
}

/// Compares an answer with what stands in the transcript, and captures what has a name there.
fn check(
    exchange: &Exchange,
    answer: &wire::Answer,
    variables: &mut Variables,
) -> Result<(), String> {
    let expected = &exchange.answer;
    if answer.status != expected.status {
        return Err(format!("status {} instead of {}", answer.status, expected.status));
    }
    for (name, pattern) in &expected.headers {
        let value = answer.header(name).ok_or_else(|| format!("no header {name}"))?;
        shape::text(pattern, value, variables).map_err(|why| format!("header {name}: {why}"))?;
    }
    shape::body(&expected.body, &answer.body, variables)
}

/// One dialect's transcripts.
pub struct Dialect {
    /// Below `tests/dialect`.
    pub folder: &'static str,
    /// As people call it.
    pub title: &'static str,
    /// The paths that it serves.
    pub paths: &'static str,
    /// Makes what a transcript needs.
    pub scene: fn(&str) -> Scene,
}

impl Dialect {
    /// Plays all transcripts of the folder and panics with everything that is wrong.
    pub fn play(&self) {
        let wanted = std::env::var("STROWGER_GOLDEN").unwrap_or_default();
        let files: Vec<PathBuf> = transcripts(self.folder)
            .into_iter()
            .filter(|path| path.to_string_lossy().contains(&wanted))
            .collect();
        assert!(!files.is_empty(), "no transcripts in {}", self.folder);
        let (queue, wrong) = (Mutex::new(files), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    loop {
                        let Some(path) = queue.lock().unwrap().pop() else { return };
                        let played = catch_unwind(|| self.play_file(&path));
                        if let Err(why) = played.unwrap_or_else(|_| Err("panicked".into())) {
                            wrong.lock().unwrap().push(format!("{}: {why}", path.display()));
                        }
                    }
                });
            }
        });
        let wrong = wrong.into_inner().unwrap();
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    }

    fn play_file(&self, path: &Path) -> Result<(), String> {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        let transcript = Transcript::parse(&text)?;
        (self.scene)(&transcript.needs).play(&transcript)
    }
}

/// The transcripts of a folder, by name.
pub fn transcripts(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("tests/dialect").join(folder));
    let mut files: Vec<PathBuf> = entries
        .unwrap_or_else(|error| panic!("tests/dialect/{folder}: {error}"))
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "txt"))
        .filter(|path| path.file_name().is_some_and(|name| name != "operations.txt"))
        .collect();
    files.sort();
    files
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
