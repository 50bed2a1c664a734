//! What the switch tells of a tenant, told as this interface tells it. Knows of each live call what has been told already.

mod caller;
mod people;

use std::collections::BTreeMap;

use serde_json::Value;
use strowger_core::vocab::acd::OfferEnd;
use strowger_core::vocab::conference::ConferenceChange;
use strowger_core::vocab::event::Attempt;
use strowger_core::vocab::record::{CallRecord, EndCause, EndedBy, Party};
use strowger_core::vocab::supervise::{Mode, SupervisionChange};
use strowger_core::vocab::{CallId, EventKind, values};

use people::AgentNow;

/// Live calls that are remembered of a tenant.
const MOST_CALLS: usize = 20_000;

/// Something to tell.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Happening {
    /// One of the names of the table.
    pub(super) name: &'static str,
    pub(super) call: Option<CallId>,
    pub(super) agent: Option<String>,
    pub(super) numbers: Numbers,
    /// Attached by whoever began the call.
    pub(super) user_data: Value,
    /// Why, where something ends.
    pub(super) reason: String,
    /// The state now, its sub-state and the one before, where a state changes.
    pub(super) state: Option<(String, String, String)>,
    /// The number of an extension whose state changes.
    pub(super) extension: Option<String>,
}

/// The numbers of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Numbers {
    /// The agent's extension.
    pub(super) agent: String,
    /// The number outside.
    pub(super) dest: String,
    /// The company's own number in it.
    pub(super) relay: String,
    /// `outbound`, `inbound` or `internal`.
    pub(super) direction: &'static str,
}

impl Numbers {
    /// As agents see them who are not to know customers' numbers.
    fn covered(&self) -> Self {
        Self { dest: values::covered(&self.dest), ..self.clone() }
    }
}

impl Happening {
    /// ... and what happens with them.
    pub(super) fn covered(&self) -> Self {
        Self { numbers: self.numbers.covered(), ..self.clone() }
    }
}

/// Attached to the events of a call: to one, or to all.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Note {
    pub(super) event: Option<String>,
    pub(super) data: Value,
}

/// A live call.
#[derive(Debug, Clone, Default)]
struct Told {
    agent: Option<String>,
    numbers: Numbers,
    notes: Vec<Note>,
    names: Vec<&'static str>,
    /// Who called is outside, or was called from here before anybody else.
    inbound: bool,
    /// By a dialling task.
    dialled: bool,
    consults: bool,
    held: bool,
    /// Whoever was held meanwhile has gone.
    forsaken: bool,
}

/// A tenant's live calls and its agents' states.
#[derive(Debug, Clone, Default)]
pub(super) struct Story {
    calls: BTreeMap<CallId, Told>,
    /// Agents by the extension where they are rung.
    pub(super) seats: BTreeMap<String, String>,
    /// What each agent was last.
    states: BTreeMap<String, AgentNow>,
    extensions: BTreeMap<String, &'static str>,
    /// The seats are known.
    pub(super) seated: bool,
    /// Agents do not see customers' numbers.
    pub(super) hides: bool,
}

impl Story {
    /// What is known of the call that an agent is in, as the agent may see it.
    pub(super) fn call_of(&self, agent: &str) -> Option<(Numbers, Value)> {
        let mine = |told: &&Told| told.agent.as_deref() == Some(agent);
        // Ids begin with the time: of several calls the newest is at the agent's ear.
        let told = self.calls.values().rfind(mine)?;
        let numbers = match self.hides {
            true => told.numbers.covered(),
            false => told.numbers.clone(),
        };
        Some((numbers, told.data("")))
    }

    /// Attaches notes to a call that has just begun, and says what number it shows.
    pub(super) fn note(&mut self, call: CallId, notes: Vec<Note>, relay: Option<String>) {
        if self.calls.len() < MOST_CALLS {
            let told = self.calls.entry(call).or_default();
            told.notes = notes;
            told.numbers.relay = relay.unwrap_or_default();
        }
    }

    /// Whether a call is one of the tenant's that have been told of.
    pub(super) fn knows(&self, call: CallId) -> bool {
        self.calls.contains_key(&call)
    }

    /// Calls that are remembered.
    #[cfg(test)]
    pub(super) fn calls(&self) -> usize {
        self.calls.len()
    }

    /// An event of the switch, as zero or more of ours in order.
    pub(super) fn hear(&mut self, kind: &EventKind) -> Vec<Happening> {
        let mut out = Vec::new();
        match kind {
            EventKind::CallStarted { call, caller, dialled, .. } => {
                self.begun(*call, caller, dialled);
                self.tell(&mut out, *call, "begin");
            }
            EventKind::Dial { .. }
            | EventKind::CallerRinging { .. }
            | EventKind::CallerAnswered { .. } => self.hear_of_caller(&mut out, kind),
            EventKind::CallRinging { call, callee, .. } => self.rings(&mut out, *call, callee),
            EventKind::CallAnswered { call, callee, .. } => self.answered(&mut out, *call, callee),
            EventKind::CallerQueued { call, number, .. } => {
                if let Some(told) = self.calls.get_mut(call) {
                    told.is_customer(number);
                }
                self.tell(&mut out, *call, "enqueue_succ");
            }
            EventKind::AgentOffered { agent, call, .. } => {
                if let Some(told) = self.calls.get_mut(call) {
                    told.agent = Some(agent.id.clone());
                }
            }
            EventKind::CallerLeft { call, agent: Some(agent), outcome, .. }
                if outcome == "answered" =>
            {
                if let Some(told) = self.calls.get_mut(call) {
                    told.agent = Some(agent.id.clone());
                }
                self.tell(&mut out, *call, "agent_answer");
            }
            EventKind::OfferEnded { agent, call, end, .. } => {
                self.offer_ended(&mut out, &agent.id, *call, *end);
            }
            EventKind::CallTransferred { call, into, .. } => {
                let outside = self.calls.get(into).is_some_and(|told| told.has("user_answer"));
                let name = if outside { "extern_succ" } else { "transfer_agent_succ" };
                self.tell(&mut out, *call, name);
            }
            EventKind::AttemptFailed { call, attempt, .. } => {
                self.failed(&mut out, *call, *attempt);
            }
            EventKind::CallPickedUp { call, .. } => self.tell(&mut out, *call, "substitute_succ"),
            EventKind::PromptFailed { call, .. } => self.again(&mut out, *call, "play_fail"),
            EventKind::CallHeld { call, .. } => {
                if let Some(told) = self.calls.get_mut(call) {
                    told.held = true;
                }
                self.again(&mut out, *call, "hold_call");
            }
            EventKind::CallResumed { call, .. } => self.resumed(&mut out, *call),
            EventKind::CallDtmf { call, .. } => self.again(&mut out, *call, "dtmf_gather_succ"),
            EventKind::RecordingEnded { call, .. } => self.again(&mut out, *call, "record_stop"),
            EventKind::CallRated { call, .. } => self.again(&mut out, *call, "call_notes"),
            EventKind::Supervision { call, mode, change: SupervisionChange::Started, .. } => {
                let name = match mode {
                    Mode::Barge => "agent_interrupt",
                    _ => "eavesdrop_succ",
                };
                self.again(&mut out, *call, name);
            }
            EventKind::Conference { what: ConferenceChange::Joined { call, .. }, .. } => {
                self.tell(&mut out, *call, "three_way_succ");
            }
            EventKind::VoicemailLeft { message } => {
                out.push(Happening {
                    name: "voice_mail_succ",
                    call: Some(message.call),
                    numbers: Numbers { dest: message.number.clone(), ..Numbers::default() },
                    ..Happening::default()
                });
            }
            EventKind::CallEnded { record } => self.ended(&mut out, record),
            other => self.hear_of_people(&mut out, other),
        }
        out
    }

    fn begun(&mut self, call: CallId, caller: &Party, dialled: &str) {
        if self.calls.len() >= MOST_CALLS && !self.calls.contains_key(&call) {
            return;
        }
        let told = self.calls.entry(call).or_default();
        match caller {
            Party::Extension { extension, .. } => {
                told.agent = self.seats.get(&extension.number).cloned();
                told.numbers.agent.clone_from(&extension.number);
                dialled.clone_into(&mut told.numbers.dest);
                told.numbers.direction = "outbound";
            }
            Party::Trunk { number, .. } => {
                told.inbound = true;
                told.numbers.dest.clone_from(number);
                if !told.dialled {
                    dialled.clone_into(&mut told.numbers.relay);
                    told.numbers.direction = "inbound";
                }
            }
            Party::Service { .. } | Party::Nobody => {}
        }
        let (caller, held) = (told.numbers.agent.clone(), !told.inbound);
        // Somebody who calls beside a call that it holds consults.
        let consults = held
            && !caller.is_empty()
            && self
                .calls
                .iter()
                .any(|(id, told)| *id != call && told.held && told.numbers.agent == caller);
        if let Some(told) = self.calls.get_mut(&call) {
            told.consults = consults;
        }
    }

    fn rings(&mut self, out: &mut Vec<Happening>, call: CallId, callee: &Party) {
        let seats = &self.seats;
        let Some(told) = self.calls.get_mut(&call) else { return };
        match callee {
            Party::Extension { extension, .. } => {
                if !told.inbound && told.numbers.agent != extension.number {
                    told.numbers.direction = "internal";
                }
                let agent = seats.get(&extension.number).cloned();
                if told.inbound {
                    told.numbers.agent.clone_from(&extension.number);
                    told.agent = agent.or(told.agent.take());
                }
                let rung = told.agent.clone();
                if rung.is_some() {
                    self.again(out, call, "agent_ringing");
                }
            }
            // An agent who is rung at its mobile, or the customer.
            Party::Trunk { number, .. } if told.inbound && told.agent.is_some() => {
                told.numbers.agent.clone_from(number);
                self.again(out, call, "agent_ringing");
            }
            Party::Trunk { .. } => {
                self.tell(out, call, "start_dialout");
                self.tell(out, call, "user_ringing");
            }
            Party::Service { .. } | Party::Nobody => {}
        }
    }

    fn answered(&mut self, out: &mut Vec<Happening>, call: CallId, callee: &Party) {
        let Some(told) = self.calls.get_mut(&call) else { return };
        let consults = told.consults;
        match callee {
            Party::Service { name } if name.starts_with("ivr:") => {
                self.tell(out, call, "start_ivr")
            }
            Party::Service { name } if name.starts_with("queue:") => {}
            Party::Service { .. } => self.tell(out, call, "play_succ"),
            Party::Nobody => {}
            Party::Extension { .. } => {
                if told.inbound {
                    self.tell(out, call, "agent_answer");
                }
            }
            Party::Trunk { .. } if told.inbound => self.tell(out, call, "agent_answer"),
            Party::Trunk { .. } => {
                self.tell(out, call, "start_dialout");
                self.tell(out, call, "user_answer");
            }
        }
        if consults {
            self.tell(out, call, "consult_succ");
        }
    }

    fn resumed(&mut self, out: &mut Vec<Happening>, call: CallId) {
        let Some(told) = self.calls.get_mut(&call) else { return };
        told.held = false;
        let agent = told.numbers.agent.clone();
        let beside = |told: &&mut Told| told.consults && told.numbers.agent == agent;
        if let Some(consultation) = self.calls.values_mut().find(beside) {
            // Its end says it no more.
            consultation.names.push("end_consult_succ");
            self.again(out, call, "end_consult_succ");
        }
    }

    /// What was tried with a call, which may be over by now.
    fn failed(&mut self, out: &mut Vec<Happening>, call: CallId, attempt: Attempt) {
        let name = match attempt {
            Attempt::Transfer => "transfer_agent_fail",
            Attempt::Choice => "dtmf_gather_fail",
            Attempt::Message => "voice_mail_fail",
            Attempt::Supervision => "eavesdrop_fail",
            Attempt::Conference => "three_way_fail",
            Attempt::Pickup => "substitute_fail",
        };
        match self.calls.contains_key(&call) {
            true => self.again(out, call, name),
            false => out.push(Told::default().happening(call, name)),
        }
    }

    fn offer_ended(&mut self, out: &mut Vec<Happening>, agent: &str, call: CallId, end: OfferEnd) {
        let reason = match end {
            OfferEnd::Answered => return,
            OfferEnd::NoAnswer => "noAnswer",
            OfferEnd::Busy => "busy",
            OfferEnd::Rejected => "reject",
            OfferEnd::Unreachable => "unreachable",
            OfferEnd::CallerGone => "userHangup",
            OfferEnd::WonByAnother => "answeredElsewhere",
            OfferEnd::Withdrawn => "withdrawn",
        };
        let Some(told) = self.calls.get_mut(&call) else { return };
        let whole = Told { agent: Some(agent.to_owned()), ..told.clone() };
        let mut happening = whole.happening(call, "agent_hangup");
        reason.clone_into(&mut happening.reason);
        out.push(happening);
        // What becomes of the caller concerns this agent no longer.
        if told.agent.as_deref() == Some(agent) {
            told.agent = None;
            told.numbers.agent.clear();
        }
    }

    fn ended(&mut self, out: &mut Vec<Happening>, record: &CallRecord) {
        let Some(told) = self.calls.remove(&record.call) else { return };
        let Some(end) = &record.end else { return };
        let reason = reason(end.cause);
        let mut say = |name: &'static str| {
            let mut happening = told.happening(record.call, name);
            reason.clone_into(&mut happening.reason);
            out.push(happening);
        };
        let user_first = match end.by {
            EndedBy::Caller => Some(told.inbound),
            EndedBy::Callee => Some(!told.inbound),
            EndedBy::Switch => None,
        };
        if end.cause == EndCause::Administrative {
            say("agent_breakout");
        }
        // Both ends are told of, who hung up first; a party that was moved on has not hung up.
        let moved = matches!(
            end.cause,
            EndCause::Transferred | EndCause::PickedUp | EndCause::Parked | EndCause::Conferenced
        );
        match (told.consults, told.has("consult_succ"), told.has("end_consult_succ")) {
            (true, false, _) => say("consult_fail"),
            (true, true, false) if !moved && told.forsaken => say("end_consult_fail"),
            (true, true, false) if !moved => say("end_consult_succ"),
            _ => {}
        }
        // The agent has nobody to go back to; one that it has sent away itself, or that rings it back, is another matter.
        let lost = match user_first {
            Some(user_first) => user_first,
            None => end.cause != EndCause::Normal,
        };
        if told.held && !moved && lost {
            let beside = |own: &&mut Told| own.consults && own.numbers.agent == told.numbers.agent;
            self.calls.values_mut().filter(beside).for_each(|own| own.forsaken = true);
        }
        // A caller whom no agent had leaves none behind.
        let agent = told.agent.is_some() || !told.numbers.agent.is_empty();
        let agent = agent.then_some("agent_hangup");
        if user_first.is_none() && !moved {
            say("general_hangup");
        }
        match user_first {
            _ if moved => agent.into_iter().for_each(&mut say),
            Some(true) => ["user_hangup"].into_iter().chain(agent).for_each(&mut say),
            _ => agent.into_iter().chain(["user_hangup"]).for_each(&mut say),
        }
        say("hangup_cause");
        say("end");
    }

    /// Tells something of a call once.
    fn tell(&mut self, out: &mut Vec<Happening>, call: CallId, name: &'static str) {
        if self.calls.get(&call).is_some_and(|told| !told.has(name)) {
            self.again(out, call, name);
        }
    }

    /// ... or as often as it happens.
    fn again(&mut self, out: &mut Vec<Happening>, call: CallId, name: &'static str) {
        if let Some(told) = self.calls.get_mut(&call) {
            if !told.has(name) {
                told.names.push(name);
            }
            out.push(told.happening(call, name));
        }
    }
}

impl Told {
    /// Whoever waits in a queue is the customer, also at an extension of the company's.
    fn is_customer(&mut self, number: &str) {
        if !self.inbound {
            self.inbound = true;
            self.agent = None;
            self.numbers = Numbers {
                dest: number.to_owned(),
                relay: std::mem::take(&mut self.numbers.dest),
                direction: "inbound",
                ..Numbers::default()
            };
        }
    }

    fn has(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    /// What is attached to events of this name, or else to all.
    fn data(&self, name: &str) -> Value {
        let named = self.notes.iter().find(|note| note.event.as_deref() == Some(name));
        let any = || self.notes.iter().find(|note| note.event.is_none());
        named.or_else(any).map_or(Value::from(""), |note| note.data.clone())
    }

    fn happening(&self, call: CallId, name: &'static str) -> Happening {
        Happening {
            name,
            call: Some(call),
            agent: self.agent.clone(),
            numbers: self.numbers.clone(),
            user_data: self.data(name),
            ..Happening::default()
        }
    }
}

/// `Reason` of a call's end.
pub(super) fn reason(cause: EndCause) -> &'static str {
    match cause {
        EndCause::Normal => "normal",
        EndCause::Cancelled => "cancel",
        EndCause::Busy => "busy",
        EndCause::NoAnswer => "noAnswer",
        EndCause::Rejected => "reject",
        EndCause::NotFound => "numberNotExist",
        EndCause::NotRegistered => "offline",
        EndCause::Unreachable => "unreachable",
        EndCause::Forbidden => "forbidden",
        EndCause::Congestion => "congestion",
        EndCause::Transferred => "transfer",
        EndCause::PickedUp => "pickup",
        EndCause::Administrative => "forced",
        other => other.as_str(),
    }
}

#[cfg(test)]
#[path = "story_tests.rs"]
mod tests;
