//! Robots of dial tasks as the switch knows them: connections that open late or never, wishes, and sudden ends.

use std::collections::{BTreeMap, BTreeSet};

use media::order::MixId;
use strowger_core::vocab::CallId;
use strowger_core::vocab::dial::RobotLink;
use strowger_core::vocab::robot::{MAX_VAR, RobotEnd, RobotOrder, RobotWord};

use crate::phone::{MS, SECOND};
use crate::rng::Rng;

const URL: &str = "wss://robot.test/calls";
const TOKEN: &str = "open sesame";
/// Where a robot sends its callee, and what it may not. Queues that call back would make a second call of one number.
const TO: [&str; 6] =
    ["extension:4002", "extension:4006", "queue:9005", "02012345678", "trunk:alpha", "0012345678"];

/// The robot of a task.
pub fn link() -> RobotLink {
    RobotLink { url: Some(URL.into()), token: strowger_core::vocab::Secret::new(TOKEN) }
}

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Asked for.
    Asked,
    /// The robot is there.
    Open,
    /// It was told the end, or has said its last word.
    Over,
}

/// All robots.
#[derive(Debug)]
pub struct Robots {
    lines: BTreeMap<MixId, (CallId, Stage)>,
    rng: Rng,
    /// They end their calls soon, and send nobody on.
    pub hurried: bool,
    complaints: Vec<String>,
    pub seen: BTreeSet<String>,
}

impl Robots {
    pub fn new(seed: u64) -> Self {
        Self {
            lines: BTreeMap::new(),
            rng: Rng::new(seed ^ 0x0b07),
            hurried: false,
            complaints: Vec::new(),
            seen: BTreeSet::new(),
        }
    }

    /// The process is another one, and all connections are gone with it.
    pub fn forget(&mut self) {
        self.lines.clear();
    }

    fn complain(&mut self, what: String) {
        self.complaints.push(what);
    }

    fn see(&mut self, what: &str) {
        self.seen.insert(format!("robot {what}"));
    }

    fn stage(&self, line: MixId) -> Option<Stage> {
        self.lines.get(&line).map(|(_, stage)| *stage)
    }

    /// Takes an order; what the robot says comes after the delays returned (nanoseconds).
    pub fn take(&mut self, order: RobotOrder) -> Vec<(u64, MixId, RobotWord)> {
        match order {
            RobotOrder::Open(call) => {
                if (call.url.as_str(), call.token.expose()) != (URL, TOKEN) {
                    self.complain(format!("a robot elsewhere is asked for: {call:?}"));
                }
                if self.lines.insert(call.line, (call.call, Stage::Asked)).is_some() {
                    self.complain(format!("{:?} is opened twice", call.line));
                }
                let life = self.life();
                life.into_iter().map(|(at, word)| (at, call.line, word)).collect()
            }
            RobotOrder::Key { line, key } => {
                self.see("key");
                if self.stage(line) != Some(Stage::Open) {
                    self.complain(format!("{line:?} is told of {key} and is not there"));
                }
                Vec::new()
            }
            RobotOrder::Refused { line, why } => {
                self.see("told no");
                if self.stage(line) != Some(Stage::Open) {
                    self.complain(format!("{line:?} is told {why:?} and is not there"));
                }
                Vec::new()
            }
            RobotOrder::Close { line, end } => {
                self.see(match end {
                    RobotEnd::Ended => "told the end",
                    RobotEnd::Transferred => "told the transfer",
                });
                match self.lines.get_mut(&line) {
                    Some((_, stage @ (Stage::Asked | Stage::Open))) => *stage = Stage::Over,
                    _ => self.complain(format!("{line:?} is closed and not open")),
                }
                Vec::new()
            }
        }
    }

    /// What a robot will say, and when. The end of its call may come before any of it.
    fn life(&mut self) -> Vec<(u64, RobotWord)> {
        let soon = self.rng.between(1, 2_000) * MS;
        let mut at = match self.rng.below(10) {
            0 => {
                self.see("refused");
                return vec![(soon, RobotWord::Lost)];
            }
            1 => {
                self.see("silent");
                return Vec::new();
            }
            2 => {
                self.see("late");
                self.rng.between(10, 40) * SECOND
            }
            _ => soon,
        };
        let mut words = vec![(at, RobotWord::Opened)];
        let longest = if self.hurried { 3 } else { 20 };
        for _ in 0..self.rng.below(3) {
            at += self.rng.between(100, longest * 500) * MS;
            let long = self.rng.chance(20);
            let value = if long { "x".repeat(MAX_VAR + 1) } else { "yes".to_owned() };
            let vars = BTreeMap::from([("intent".to_owned(), value)]);
            words.push((at, RobotWord::Vars(vars)));
        }
        at += self.rng.between(500, longest * 1_000) * MS;
        let last = match self.rng.below(10) {
            0..=3 if !self.hurried => {
                let to = TO[self.rng.below(TO.len() as u64) as usize];
                words.push((at, RobotWord::Transfer(to.to_owned())));
                // Where that was refused it gives up.
                at += 5 * SECOND;
                RobotWord::HangUp
            }
            4..=5 => RobotWord::Lost,
            _ => RobotWord::HangUp,
        };
        words.push((at, last));
        words
    }

    /// A word reaches the switch. One that was on its way when the end was told comes too late, and does nothing.
    pub fn says(&mut self, line: MixId, word: &RobotWord) {
        let Some((_, stage)) = self.lines.get_mut(&line) else { return };
        let before = *stage;
        match word {
            RobotWord::Opened if before == Stage::Asked => *stage = Stage::Open,
            RobotWord::Lost => *stage = Stage::Over,
            _ => {}
        }
        let what = match (word, before) {
            (_, Stage::Over) => "said something too late",
            (RobotWord::Lost, Stage::Open) => "died",
            (RobotWord::HangUp, _) => "hung up",
            (RobotWord::Transfer(_), _) => "transferred",
            (RobotWord::Vars(_), _) => "noted",
            _ => return,
        };
        self.see(what);
    }

    /// A mix is given a line.
    pub fn connected(&mut self, line: MixId) {
        self.see("connected");
        if self.stage(line) != Some(Stage::Open) {
            self.complain(format!("{line:?} is connected to no robot"));
        }
    }

    /// What cannot be, after a step. `is_closed` says whether the record of a call is.
    pub fn audit(&self, is_closed: impl Fn(CallId) -> bool) -> Option<String> {
        let untold =
            self.lines.iter().find(|(_, (call, stage))| *stage != Stage::Over && is_closed(*call));
        let untold =
            untold.map(|(_, (call, _))| format!("call {call} is over and its robot was not told"));
        self.complaints.first().cloned().or(untold)
    }

    /// A robot that is left when nothing goes on any more.
    pub fn left(&self) -> Option<CallId> {
        let open = self.lines.values().find(|(_, stage)| *stage != Stage::Over);
        open.map(|(call, _)| *call)
    }
}
