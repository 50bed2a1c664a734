//! Carriers: carries out what the trunk machine wants, and hands it what came of it.

use std::collections::BTreeMap;

use sip::Flow;
use sip::endpoint::{OutRequest, RequestFailure};
use sip::message::Message;
use sip::resolve::{Answer, Question, Target};
use sip::uri::EscapeUser;

use crate::call::{Finding, Reach};
use crate::trunk::{Change, Report, TrunkTask, Work};
use crate::vocab::{CallId, ConnectId, Effect, EventKind, Now, ResolveId, TrunkKey};

use super::Running;
use super::boot::is_stream;
use super::responses::Awaiting;

/// What trunks wait for outside SIP.
#[derive(Debug, Default)]
pub(super) struct TrunkErrands {
    questions: BTreeMap<ResolveId, (TrunkKey, Question)>,
    asked: u64,
    /// Requests that wait for a connection.
    waiting: Vec<(ConnectId, Errand)>,
}

/// A request that a trunk wants sent.
#[derive(Debug)]
struct Errand {
    task: TrunkTask,
    request: Box<OutRequest>,
    contact_user: Option<String>,
}

impl Running {
    /// Does what is due, until nothing is.
    pub(super) fn tick_trunks(&mut self, now: Now) {
        while let Some(work) = self.books.trunks.pop_due(now) {
            match work {
                Work::Resolve { trunk, question } => {
                    self.errands.asked += 1;
                    let id = ResolveId(self.errands.asked);
                    self.errands.questions.insert(id, (trunk, question.clone()));
                    self.desk.out.push(Effect::Resolve { id, question });
                }
                Work::Request { task, target, server_name, request, contact_user } => {
                    let errand = Errand { task, request, contact_user };
                    self.run_errand(now, target, &server_name, errand);
                }
            }
        }
        while let Some(Change { trunk, up }) = self.books.trunks.pop_change() {
            self.look_outside();
            let tenant = trunk.tenant.clone();
            let kind = match up {
                Ok(()) => EventKind::TrunkUp { trunk },
                Err(reason) => EventKind::TrunkDown { trunk, reason },
            };
            self.desk.out.publish(now, Some(&tenant), kind);
        }
    }

    fn run_errand(&mut self, now: Now, target: Target, server_name: &str, errand: Errand) {
        match self.reach(target.transport, target.address, server_name) {
            Some(Reach::Flow(flow)) => self.send_errand(now, flow, errand),
            Some(Reach::Connecting(id)) => self.errands.waiting.push((id, errand)),
            None => self.fail_errand(now, &errand.task),
        }
    }

    fn send_errand(&mut self, now: Now, flow: Flow, errand: Errand) {
        let Errand { task, mut request, contact_user } = errand;
        if let Some(user) = contact_user {
            let host = self.desk.sip.settings().host(&flow).to_string();
            let transport = match is_stream(flow.transport) {
                true => format!(";transport={}", flow.transport.as_param()),
                false => String::new(),
            };
            request.contact = Some(format!("<sip:{}@{host}{transport}>", EscapeUser(&user)));
        }
        let sent = self.desk.sip.request(now.mono, flow, *request);
        self.awaiting.insert(sent, Awaiting::Trunk(task));
    }

    fn fail_errand(&mut self, now: Now, task: &TrunkTask) {
        self.books.trunks.answered(now, task, Err(RequestFailure::Transport));
    }

    pub(super) fn trunk_connected(&mut self, now: Now, id: ConnectId, flow: Option<Flow>) {
        let (ready, waiting) =
            std::mem::take(&mut self.errands.waiting).into_iter().partition(|(own, _)| *own == id);
        self.errands.waiting = waiting;
        let ready: Vec<(ConnectId, Errand)> = ready;
        for (_, errand) in ready {
            match flow {
                Some(flow) => self.send_errand(now, flow, errand),
                None => self.fail_errand(now, &errand.task),
            }
        }
        self.tick_trunks(now);
    }

    pub(super) fn trunk_answered(
        &mut self,
        now: Now,
        task: &TrunkTask,
        outcome: &Result<Message, RequestFailure>,
    ) {
        let outcome = outcome.as_ref().map_err(|failure| *failure);
        self.books.trunks.answered(now, task, outcome);
        self.tick_trunks(now);
    }

    pub(super) fn on_resolved(&mut self, now: Now, id: ResolveId, answer: Answer) {
        if let Some((trunk, question)) = self.errands.questions.remove(&id) {
            self.books.trunks.resolved(now, &trunk, &question, answer);
            self.tick_trunks(now);
        }
    }

    /// What a call found out about carriers counts for their health.
    pub(super) fn collect_findings(&mut self, now: Now, call: CallId) {
        let findings = self.calls.with(call, |call| call.take_findings()).unwrap_or_default();
        if findings.is_empty() {
            return;
        }
        for (trunk, target, finding) in findings {
            let report = match finding {
                Finding::Heard => Report::Alive,
                Finding::Silent => Report::Silent,
                Finding::Overloaded(retry_after) => Report::Overloaded(retry_after),
            };
            self.books.trunks.reported(now, &trunk, target, report);
        }
        self.tick_trunks(now);
    }

    /// Questions and requests that are under way.
    pub(super) fn errands_open(&self) -> usize {
        self.errands.questions.len() + self.errands.waiting.len()
    }
}
