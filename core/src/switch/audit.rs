//! What never happens: checked by the simulator after every step.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::call::Call;
use crate::vocab::CallId;

use super::responses::Awaiting;
use super::{Running, Switch};

impl Switch {
    /// Looks for violated rules. An empty list is the only good answer.
    pub fn audit(&self) -> Vec<String> {
        self.running.as_ref().map(|running| running.audit()).unwrap_or_default()
    }

    /// A hash of the state: two switches that were fed the same inputs have the same.
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        if let Some(running) = &self.running {
            running.digest(&mut hasher);
        }
        hasher.finish()
    }

    /// What is left of calls, transactions and pending answers, in words.
    pub fn remains(&self) -> String {
        self.running.as_ref().map_or_else(String::new, |running| {
            format!(
                "{} calls, {:?}, {} answers awaited, {} messages, {} ports, {}, {} engagements, logins: {}",
                running.calls.len(),
                running.desk.sip.counts(),
                running.awaiting.len(),
                running.deliveries.len(),
                running.desk.stock.taken(),
                running.queues.remains(),
                running.staff.engagements(),
                !running.logins.is_idle()
            )
        })
    }

    /// True when nothing is left of any call or message, and of transactions only what carriers' health takes.
    pub fn is_idle(&self) -> bool {
        self.running.as_ref().is_none_or(|running| {
            let counts = running.desk.sip.counts();
            running.calls.is_empty()
                && running.queues.is_idle()
                && running.staff.engagements() == 0
                && running.logins.is_idle()
                && running.supervision.is_idle()
                && running.transfers.is_idle()
                && running.conferences.is_idle()
                && running.rounds.is_idle()
                && running.consults.is_idle()
                && running.lot.is_empty()
                && running.pages.is_idle()
                && running.reminders.is_empty()
                && running.summons.len() == 0
                && running.dialing.is_idle()
                && running.robots.is_idle()
                && counts.legs == 0
                && counts.server_transactions == 0
                && running.deliveries.len() == 0
                && running.desk.stock.taken() == 0
                && running.awaiting.len() + running.errands_open()
                    <= 2 * running.books.trunks.all_up().len()
        })
    }
}

impl Running {
    fn audit(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut streams = BTreeSet::new();
        let mut legs = BTreeSet::new();
        let mut open = 0;
        for call in self.calls.iter() {
            self.audit_call(call, &mut wrong);
            for stream in call.streams() {
                open += 1;
                if !streams.insert(stream) {
                    wrong.push(format!("stream {stream:?} belongs to two calls"));
                }
            }
            for leg in call.sip_legs() {
                if !legs.insert(leg) {
                    wrong.push(format!("{leg:?} belongs to two calls"));
                }
            }
        }
        if self.desk.stock.taken() != open {
            wrong.push(format!("{} ports are taken for {open} streams", self.desk.stock.taken()));
        }
        let known = self.desk.sip.counts().legs;
        if legs.len() > known {
            wrong.push(format!("calls hold {} legs, the endpoint has {known}", legs.len()));
        }
        self.books.registrar.audit(&mut wrong);
        self.audit_watchers(&mut wrong);
        self.audit_lobby(&mut wrong);
        self.audit_supervision(&mut wrong);
        self.audit_conferences(&mut wrong);
        self.books.trunks.audit(&mut wrong);
        self.calls.audit(&mut wrong);
        self.queues.acd.audit(self.now, &mut wrong);
        let lives = |call| self.calls.get(call).is_some_and(Call::is_live);
        self.queues.audit(lives, &mut wrong);
        self.transfers.audit(lives, &mut wrong);
        self.consults.audit(lives, &mut wrong);
        self.settings.audit(lives, &mut wrong);
        self.rounds.audit(lives, &mut wrong);
        self.summons.audit(lives, &mut wrong);
        self.audit_summons(&mut wrong);
        self.pages.audit(lives, &mut wrong);
        self.reminders.audit(lives, &mut wrong);
        self.dialing.audit(lives, &mut wrong);
        self.robots.audit(lives, &mut wrong);
        self.lot.audit(|call| self.calls.get(call).is_some_and(Call::waits_attended), &mut wrong);
        wrong
    }

    /// A call that waits for anything has a deadline, or waits for people only; and who is attended is so by somebody.
    fn audit_call(&self, call: &Call, wrong: &mut Vec<String>) {
        if let Some(problem) = call.problem() {
            wrong.push(format!("call {}: {problem}", call.id));
        }
        if call.needs_attendant() && !self.is_attended(call.id) {
            wrong.push(format!("call {}: is attended by nobody", call.id));
        }
    }

    fn is_attended(&self, call: CallId) -> bool {
        let told = |own: &Awaiting| matches!(own, Awaiting::Referrer(home) if *home == call);
        self.queues.attends(call)
            || self.lobby.attends(call)
            || self.conferences.guests.contains_key(&call)
            || self.supervision.session(call).is_some()
            || self.transfers.has(call)
            || self.consults.own(call).is_some()
            || self.lot.of(call).is_some()
            || self.rounds.attends(call)
            || self.summons.attends(call)
            || self.pages.part(call).is_some()
            || self.logins.attends(call)
            || self.settings.attends(call)
            || self.dialing.attends(call)
            || self.robots.attends(call)
            || self.awaiting.values().any(told)
    }

    /// Whoever a mailbox or menu attends is there.
    pub(super) fn audit_lobby(&self, wrong: &mut Vec<String>) {
        let lives = |call| self.calls.get(call).is_some();
        self.lobby.audit(lives, wrong);
    }

    fn digest(&self, hasher: &mut impl Hasher) {
        for call in self.calls.iter() {
            call.id.hash(hasher);
            format!("{:?}", call.record).hash(hasher);
            call.deadline().hash(hasher);
            call.streams().hash(hasher);
        }
        self.books.registrar.digest(hasher);
        self.mwi.digest(hasher);
        self.watches.digest(hasher);
        self.desk.sip.counts().subscriptions.hash(hasher);
        self.books.trunks.digest(hasher);
        self.queues.digest(hasher);
        self.dialing.dialer.digest(hasher);
        self.settings.digest(hasher);
        self.defined.digest(hasher);
        self.rounds.digest(hasher);
        format!("{:?}{:?}", self.lot, self.summons).hash(hasher);
        format!("{:?}{:?}{:?}", self.pages, self.reminders, self.robots).hash(hasher);
        self.desk.out.counts().hash(hasher);
        self.desk.sip.counts().legs.hash(hasher);
        self.desk.sip.next_deadline().hash(hasher);
        self.desk.stock.free().hash(hasher);
    }
}
