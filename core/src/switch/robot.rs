//! Robots: brings the answered calls of dial tasks to programs elsewhere.
//!
//! The callee is attended, and the only member of a mix whose line the program has. The connection to the program is the
//! shell's: it is ordered here, and what the program wants comes back as [`RobotWord`]s. Whichever of call and connection
//! ends first ends the other.

use std::collections::{BTreeMap, BTreeSet};

use media::order::{MixId, Order, Voices};

use crate::call::{Outcome, SECOND, Voicing};
use crate::dialer::AttemptId;
use crate::vocab::config::Destination;
use crate::vocab::dial::{DialNumber, DialTask};
use crate::vocab::record::EndCause;
use crate::vocab::robot::{RobotCall, RobotEnd, RobotOrder, RobotWord};
use crate::vocab::{CallId, Effect, Hop, Now};

use super::Running;

/// The callee's voice.
const CALLEE: Voices = Voices(1);
/// The program's.
const PROGRAM: Voices = Voices(2);
/// A connection that is neither open nor lost by then is lost.
const OPEN_LIMIT: u64 = 30 * SECOND;
/// What a transfer may lead to.
const RIGHT: &str = "write a number that the task may dial, extension:NUMBER, queue:NUMBER, ivr:NAME, group:NAME, \
     voicemail:NUMBER or conference:NAME";

/// A callee with its robot.
#[derive(Debug)]
struct Talk {
    call: CallId,
    attempt: AttemptId,
    task: Box<DialTask>,
    /// The program is there.
    open: bool,
    /// It is over then; monotonic.
    until: Option<u64>,
}

/// All robots that talk, by the mix whose line they have.
#[derive(Debug, Default)]
pub(super) struct Robots {
    talks: BTreeMap<MixId, Talk>,
    lines: BTreeMap<CallId, MixId>,
    due: BTreeSet<(u64, MixId)>,
}

impl Robots {
    fn insert(&mut self, line: MixId, talk: Talk) {
        self.due.extend(talk.until.map(|at| (at, line)));
        self.lines.insert(talk.call, line);
        self.talks.insert(line, talk);
    }

    fn remove(&mut self, call: CallId) -> Option<(MixId, Talk)> {
        let line = self.lines.remove(&call)?;
        let talk = self.talks.remove(&line)?;
        if let Some(at) = talk.until {
            self.due.remove(&(at, line));
        }
        Some((line, talk))
    }

    fn set_until(&mut self, line: MixId, until: Option<u64>) {
        let Some(talk) = self.talks.get_mut(&line) else { return };
        if let Some(at) = std::mem::replace(&mut talk.until, until) {
            self.due.remove(&(at, line));
        }
        self.due.extend(until.map(|at| (at, line)));
    }

    /// When something is due; monotonic nanoseconds.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Whether a robot talks with this callee, or is being fetched.
    pub(super) fn attends(&self, call: CallId) -> bool {
        self.lines.contains_key(&call)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.talks.is_empty()
    }

    /// Each robot has a call that lives.
    pub(super) fn audit(&self, lives: impl Fn(CallId) -> bool, wrong: &mut Vec<String>) {
        for (line, talk) in &self.talks {
            if !lives(talk.call) || self.lines.get(&talk.call) != Some(line) {
                wrong.push(format!("call {} is over and has a robot", talk.call));
            }
            if talk.until.is_some_and(|at| !self.due.contains(&(at, *line))) {
                wrong.push(format!("call {}: a deadline that nobody watches", talk.call));
            }
        }
        if self.lines.len() != self.talks.len() {
            wrong.push("robots and their calls differ".to_owned());
        }
    }
}

impl Running {
    /// Somebody answered a call of a robot's task: the robot is fetched.
    pub(super) fn fetch_robot(
        &mut self,
        now: Now,
        id: CallId,
        attempt: AttemptId,
        (task, number): (Box<DialTask>, DialNumber),
    ) {
        let line = self.desk.ids.mix();
        self.step(now, id, |call, ctx| call.arrived(ctx));
        let Some(worker) = self.calls.get(id).map(|call| call.worker()) else { return };
        let Some(url) = self.robot_url(&task) else {
            return self.lose_robot(now, id, attempt);
        };
        let token = task.robot.as_ref().map(|robot| robot.token.clone()).unwrap_or_default();
        let open = RobotCall {
            line,
            worker,
            url,
            token,
            tenant: task.key.tenant.clone(),
            call: id,
            task: task.key.id.clone(),
            number,
            caller_number: task.caller_number.clone(),
        };
        let until = Some(now.mono + OPEN_LIMIT);
        self.robots.insert(line, Talk { call: id, attempt, task, open: false, until });
        self.order_robot(RobotOrder::Open(Box::new(open)));
    }

    fn order_robot(&mut self, order: RobotOrder) {
        self.desk.out.push(Effect::Robot(order));
    }

    /// Where a task's robot is: its own address, or that of its tenant.
    pub(super) fn robot_url(&self, task: &DialTask) -> Option<String> {
        let own = task.robot.as_ref().and_then(|robot| robot.url.clone());
        let usual = || self.usual_dialer(&task.key.tenant)?.robot_url.clone();
        own.or_else(usual)
    }

    /// A callee pressed a key. False if no robot talks with it.
    pub(super) fn robot_key(&mut self, id: CallId, key: char) -> bool {
        let Some(line) = self.robots.lines.get(&id).copied() else { return false };
        if self.robots.talks.get(&line).is_some_and(|talk| talk.open) {
            self.order_robot(RobotOrder::Key { line, key });
        }
        true
    }

    /// A call leaves its robot, if it has one.
    pub(super) fn dismiss_robot(&mut self, id: CallId, end: RobotEnd) {
        if let Some((line, _)) = self.robots.remove(id) {
            self.order_robot(RobotOrder::Close { line, end });
        }
    }

    /// A robot wants something, or something became of the connection to it.
    pub(super) fn on_robot(&mut self, now: Now, line: MixId, word: RobotWord) {
        let Some(talk) = self.robots.talks.get(&line) else { return };
        let (id, attempt, open) = (talk.call, talk.attempt, talk.open);
        match word {
            RobotWord::Opened if !open => self.robot_opened(now, line),
            RobotWord::HangUp if open => {
                self.step(now, id, |call, ctx| {
                    call.release(ctx, Outcome::of(EndCause::Normal), false);
                });
            }
            RobotWord::Transfer(to) if open => self.robot_transfers(now, line, &to),
            RobotWord::Vars(vars) if open => {
                let mut vars = vars.into_iter();
                // One refusal is enough for all.
                let _ = vars.all(|(name, value)| self.robot_notes(now, line, name, value));
            }
            RobotWord::Lost => {
                // There is nobody to tell.
                let _ = self.robots.remove(id);
                if open {
                    return self.end_with(now, id, EndCause::RobotLost);
                }
                self.lose_robot(now, id, attempt);
            }
            _ => {}
        }
    }

    fn robot_opened(&mut self, now: Now, line: MixId) {
        let longest = u64::from(self.desk.policy.calls.max_secs).saturating_mul(SECOND);
        self.robots.set_until(line, (longest > 0).then(|| now.mono + longest));
        let Some(talk) = self.robots.talks.get_mut(&line) else { return };
        talk.open = true;
        let (id, mut joined) = (talk.call, None);
        let place = Voicing { speaks: CALLEE, hears: PROGRAM };
        self.step(now, id, |call, ctx| {
            joined = call.join_mix(ctx, line, place).then(|| call.worker());
        });
        match joined {
            Some(worker) => {
                let order = Order::ConnectLine { mix: line, speaks: PROGRAM, hears: CALLEE };
                self.desk.out.media(worker, order);
            }
            None => self.end_with(now, id, EndCause::Incompatible),
        }
    }

    /// The robot was never there: the number has failed.
    fn lose_robot(&mut self, now: Now, id: CallId, attempt: AttemptId) {
        self.dialing.dialer.robot_lost(now, attempt);
        self.end_with(now, id, EndCause::RobotLost);
    }

    fn end_with(&mut self, now: Now, id: CallId, cause: EndCause) {
        self.step(now, id, |call, ctx| call.release(ctx, Outcome::of(cause), false));
    }

    fn robot_transfers(&mut self, now: Now, line: MixId, to: &str) {
        let Some(talk) = self.robots.talks.get(&line) else { return };
        let id = talk.call;
        match self.robot_way(&talk.task, to) {
            Ok(hops) => {
                let shown = talk.task.caller_number.clone();
                self.dismiss_robot(id, RobotEnd::Transferred);
                self.step(now, id, |call, ctx| {
                    call.shown = Some(shown);
                    call.go_to(ctx, hops);
                });
            }
            Err(why) => self.order_robot(RobotOrder::Refused { line, why }),
        }
    }

    /// Where a robot may send its callee: within the tenant, or outside under its task's rights.
    fn robot_way(&self, task: &DialTask, to: &str) -> Result<Vec<Hop>, String> {
        let tenant = &task.key.tenant;
        let found = Destination::parse(to, tenant).ok_or_else(|| format!("transfer: {RIGHT}"))?;
        let number = match &found {
            Destination::Number(key) => Some(&key.number),
            Destination::Extension(_)
            | Destination::Queue(_)
            | Destination::Ivr(_)
            | Destination::Group(_)
            | Destination::Voicemail(_)
            | Destination::Conference(_) => None,
            // A trunk wants a number, and a prompt of somebody else's is none of the robot's.
            Destination::Trunk(_) | Destination::Echo | Destination::Sound(_) => {
                return Err(format!("transfer: {RIGHT}"));
            }
        };
        let nowhere = || format!("transfer: {to} leads nowhere; {RIGHT}");
        let directory = &self.books.directory;
        let mut hops = directory.destination(tenant, &found).map_err(|_| nowhere())?;
        if let (true, Some(number)) = (hops.iter().any(is_outside), number) {
            let hops_out = directory.back_outside(tenant, number, self.dial_classes(task));
            hops = hops_out.map_err(|_| format!("transfer: the task may not dial {number}"))?;
        }
        let missing =
            |hop: &Hop| matches!(hop, Hop::Menu(key) if !self.lobby.menus.contains_key(key));
        if hops.iter().any(missing) {
            return Err(nowhere());
        }
        self.books.trunks.living_first(&mut hops);
        Ok(hops)
    }

    /// False where there is no room for it.
    fn robot_notes(&mut self, now: Now, line: MixId, name: String, value: String) -> bool {
        let Some(talk) = self.robots.talks.get(&line) else { return false };
        let id = talk.call;
        if !self.dialing.dialer.noted(talk.attempt, name.clone(), value.clone()) {
            let why = "vars: at most 32 variables, with 256 bytes in a name or a value".to_owned();
            self.order_robot(RobotOrder::Refused { line, why });
            return false;
        }
        self.step(now, id, |call, _| {
            if let Some(own) = &mut call.record.dialled_for {
                own.vars.insert(name, value);
            }
        });
        true
    }

    /// Ends what lasts too long.
    pub(super) fn tick_robots(&mut self, now: Now) {
        while let Some((at, line)) = self.robots.due.first().copied() {
            if at > now.mono {
                return;
            }
            self.robots.set_until(line, None);
            let Some(talk) = self.robots.talks.get(&line) else { return };
            let (id, attempt, open) = (talk.call, talk.attempt, talk.open);
            self.dismiss_robot(id, RobotEnd::Ended);
            match open {
                true => self.end_with(now, id, EndCause::TooLong),
                false => self.lose_robot(now, id, attempt),
            }
        }
    }
}

fn is_outside(hop: &Hop) -> bool {
    matches!(hop, Hop::Trunk { .. })
}
