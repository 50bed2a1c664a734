//! The rules: after every step, and when nothing goes on any more.

use crate::lamp::Lamp;
use crate::phone::{Kind, MS};

use super::World;

impl World {
    pub fn broken(&self, rule: &str) -> ! {
        panic!(
            "seed {} after {} ms: {rule}\nreplay: STROWGER_SIM_SEED={} cargo test -p strowger-core --test sim seeds",
            self.seed,
            self.now / MS,
            self.seed
        );
    }

    /// The rules that hold after every step.
    pub(super) fn audit(&mut self) {
        if let Some(problem) = self.switch.audit().first() {
            self.broken(problem);
        }
        if let Some(problem) = self.board.audit() {
            self.broken(&problem);
        }
        if let Some(problem) = self.rung.audit(self.now, &self.phones) {
            self.broken(&problem);
        }
        if let Some(problem) = self.campaigns.audit().or(self.store.wrong.as_deref()) {
            self.broken(problem);
        }
        let closed = &self.store.closed;
        if let Some(problem) = self.robots.audit(|call| closed.contains_key(&call)) {
            self.broken(&problem);
        }
        if let Some(problem) = self.workers.audit() {
            self.broken(&problem);
        }
        if self.asked.values().any(|replies| *replies > 1) {
            self.broken("a request got two replies");
        }
        if self.store.closed.values().any(|times| *times > 1) {
            self.broken("a call has two records");
        }
        let strangers = self.phones.iter().filter(|phone| phone.kind == Kind::Stranger);
        if strangers.clone().any(|phone| phone.invited > 0) {
            self.broken("an INVITE went to a stranger");
        }
        if self.twin.as_ref().is_some_and(|twin| twin.digest() != self.switch.digest()) {
            self.broken("two processes with the same inputs differ");
        }
    }

    /// The rules that hold once faults have stopped for long enough.
    pub fn check_drained(&self) {
        if let Some(call) =
            self.store.opened.keys().find(|call| !self.store.closed.contains_key(call))
        {
            let record = self.store.calls.get(call);
            self.broken(&format!("call {call} has no closing record: {record:?}, {:?}", self.seen));
        }
        if let Some((id, _)) = self.asked.iter().find(|(_, replies)| **replies != 1) {
            self.broken(&format!("request {id} got no reply"));
        }
        if let Some(call) = self.robots.left() {
            self.broken(&format!("a robot still has call {call}"));
        }
        if self.workers.open() > 0 {
            self.broken(&format!("{} ports never came back", self.workers.open()));
        }
        for phone in &self.phones {
            let forgotten = phone.dialogs.values().find(|dialog| dialog.was_forgotten());
            if let Some(dialog) =
                forgotten.filter(|_| !self.seen.contains("kill") && !phone.cut_off)
            {
                self.broken(&format!(
                    "{} was never told that {} ended",
                    phone.number, dialog.call_id
                ));
            }
            if let Some(wrong) = phone.lamp.as_ref().and_then(Lamp::wrong) {
                self.broken(&format!("on a key of {}: {wrong}", phone.number));
            }
            if !phone.is_idle() {
                self.broken(&format!(
                    "{} {} is stuck: {}",
                    phone.number,
                    phone.address,
                    phone.left()
                ));
            }
        }
        if let Some(problem) = self.board.stuck() {
            self.broken(&problem);
        }
        if !self.switch.is_idle() {
            self.broken(&format!("the switch is not idle: {}", self.switch.remains()));
        }
    }
}
