//! An agent logs in or out from a phone: at its own by dialling the code, at any other with id and PIN as well.

use std::collections::{BTreeMap, BTreeSet};

use media::order::PlayId;
use subtle::ConstantTimeEq;

use crate::call::{AnswerMode, Attendance, Found, Note, Outcome, Rights};
use crate::vocab::acd::{Intent, IntentSource};
use crate::vocab::record::EndCause;
use crate::vocab::{AgentKey, CallId, ExtensionKey, Now};
use crate::voice;

use super::Running;

const SECOND: u64 = 1_000_000_000;
/// Ids and PINs are at most so long.
const MAX_DIGITS: usize = 32;
/// Tries in one call.
const ATTEMPTS: u8 = 3;
/// Wrong PINs of one agent, over all calls, before it is shut out ...
const MAX_WRONG: u8 = 9;
/// ... for so long after the last one.
const SHUT_OUT: u64 = 600 * SECOND;
/// So long a key is awaited.
const KEY_LIMIT: u64 = 15 * SECOND;

/// Phones at which somebody is logging in.
#[derive(Debug, Default)]
pub(super) struct Logins {
    open: BTreeMap<CallId, Login>,
    due: BTreeSet<(u64, CallId)>,
    /// Wrong PINs by agent, and when they are forgotten; at most one for each agent that there is.
    wrong: BTreeMap<AgentKey, (u8, u64)>,
}

#[derive(Debug)]
struct Login {
    extension: ExtensionKey,
    language: String,
    /// The id, once it is entered.
    id: Option<String>,
    entered: String,
    attempts: u8,
    play: Option<PlayId>,
    due: u64,
}

impl Logins {
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Whether somebody logs in by this call.
    pub(super) fn attends(&self, call: CallId) -> bool {
        self.open.contains_key(&call)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.open.is_empty()
    }

    fn set_due(&mut self, call: CallId, at: u64) {
        let Some(login) = self.open.get_mut(&call) else { return };
        self.due.remove(&(login.due, call));
        login.due = at;
        self.due.insert((at, call));
    }

    fn close(&mut self, call: CallId) {
        if let Some(login) = self.open.remove(&call) {
            self.due.remove(&(login.due, call));
        }
    }

    fn is_shut_out(&mut self, now: u64, agent: &AgentKey) -> bool {
        self.wrong.retain(|_, (_, until)| *until > now);
        self.wrong.get(agent).is_some_and(|(count, _)| *count >= MAX_WRONG)
    }

    fn count_wrong(&mut self, now: u64, agent: AgentKey) {
        let (count, until) = self.wrong.entry(agent).or_default();
        *count = count.saturating_add(1);
        *until = now + SHUT_OUT;
    }
}

impl Running {
    /// Somebody dialled the code. Only phones of ours may.
    pub(super) fn begin_login(&mut self, now: Now, id: CallId) -> Found {
        let Some(call) = self.calls.get(id) else {
            return Found::Nothing(Outcome::of(EndCause::NotFound));
        };
        let Rights::Extension(extension) = &call.rights else {
            return Found::Nothing(Outcome::of(EndCause::Forbidden));
        };
        let login = Login {
            extension: extension.clone(),
            language: call.language.clone(),
            id: None,
            entered: String::new(),
            attempts: 0,
            play: None,
            due: 0,
        };
        self.logins.open.insert(id, login);
        self.logins.set_due(id, now.mono + 2 * KEY_LIMIT);
        Found::Attend(Attendance { answer: AnswerMode::Now, name: "agent-login".into() })
    }

    /// Whether a call's notes are a login's, and heeds them if so.
    pub(super) fn login_heeds(&mut self, now: Now, id: CallId, note: &Note) -> bool {
        let Some(login) = self.logins.open.get(&id) else { return false };
        match *note {
            Note::Attended => self.greet_agent(now, id),
            Note::Key(key) => self.login_key(now, id, key),
            Note::Said { play, .. } if login.play == Some(play) => {
                self.logins.set_due(id, now.mono + KEY_LIMIT);
            }
            Note::CallerGone => self.logins.close(id),
            _ => {}
        }
        true
    }

    /// An agent's own phone turns it in or out at once; at any other one it says who it is.
    fn greet_agent(&mut self, now: Now, id: CallId) {
        let Some(login) = self.logins.open.get(&id) else { return };
        let Some(agent) = self.queues.acd.agent_of_extension(&login.extension).cloned() else {
            return self.ask_agent(now, id, &["enter-agent-id"]);
        };
        let intent = self.queues.acd.agent(now, &agent).map(|view| view.intent);
        let next = match intent {
            Some(Intent::LoggedOut) | None => Intent::Available,
            Some(Intent::Available | Intent::OnBreak { .. }) => Intent::LoggedOut,
        };
        self.confirm_intent(now, id, &agent, next);
    }

    fn ask_agent(&mut self, now: Now, id: CallId, prompts: &[&str]) {
        let Some(login) = self.logins.open.get(&id) else { return };
        let language = login.language.clone();
        let prompts = prompts.iter().flat_map(|name| voice::prompt(&language, name)).collect();
        let mut play = None;
        self.step(now, id, |call, ctx| play = call.say(ctx, prompts, false));
        if let Some(login) = self.logins.open.get_mut(&id) {
            login.play = play;
            self.logins.set_due(id, now.mono + 2 * KEY_LIMIT);
        }
    }

    fn login_key(&mut self, now: Now, id: CallId, key: char) {
        let Some(login) = self.logins.open.get_mut(&id) else { return };
        if key == '#' {
            return self.login_entered(now, id);
        }
        if login.entered.is_empty() {
            self.step(now, id, crate::call::Call::hush);
        }
        if let Some(login) = self.logins.open.get_mut(&id)
            && login.entered.len() < MAX_DIGITS
        {
            login.entered.push(key);
        }
        self.logins.set_due(id, now.mono + KEY_LIMIT);
    }

    fn login_entered(&mut self, now: Now, id: CallId) {
        let Some(login) = self.logins.open.get_mut(&id) else { return };
        let entered = std::mem::take(&mut login.entered);
        let Some(agent) = login.id.take() else {
            login.id = Some(entered);
            return self.ask_agent(now, id, &["enter-pin"]);
        };
        let (extension, tenant) = (login.extension.clone(), login.extension.tenant.clone());
        let key = AgentKey { tenant, id: agent };
        if !self.pin_is_right(now, &key, &entered) {
            return self.login_failed(now, id);
        }
        self.logins.wrong.remove(&key);
        let acd = &mut self.queues.acd;
        if acd.desk(now, &key, Some(extension.number)).is_ok() {
            self.staff.look_at(key.clone());
            self.confirm_intent(now, id, &key, Intent::Available);
        }
    }

    /// Compares in a time that says nothing about the PIN; an agent without one logs in at its own phone only.
    fn pin_is_right(&mut self, now: Now, agent: &AgentKey, entered: &str) -> bool {
        let config = self.queues.acd.agent_config(agent);
        let pin = config.and_then(|config| config.pin.as_ref()).map(|pin| pin.expose().to_owned());
        let known = config.is_some();
        let expected = pin.as_deref().unwrap_or("");
        let same = bool::from(expected.as_bytes().ct_eq(entered.as_bytes()));
        let right = same && !expected.is_empty() && !self.logins.is_shut_out(now.mono, agent);
        if !right && known {
            self.logins.count_wrong(now.mono, agent.clone());
        }
        right
    }

    fn login_failed(&mut self, now: Now, id: CallId) {
        let Some(login) = self.logins.open.get_mut(&id) else { return };
        login.attempts += 1;
        if login.attempts < ATTEMPTS {
            return self.ask_agent(now, id, &["wrong-pin", "enter-agent-id"]);
        }
        self.end_login(now, id, &["wrong-pin", "goodbye"]);
    }

    /// Says how it stands now, and ends the call.
    fn confirm_intent(&mut self, now: Now, id: CallId, agent: &AgentKey, intent: Intent) {
        let word = match intent {
            Intent::LoggedOut => "agent-logged-out",
            Intent::Available | Intent::OnBreak { .. } => "agent-logged-in",
        };
        let changed = self.queues.acd.set_intent(now, agent, intent, IntentSource::Phone);
        self.end_login(now, id, &[if changed.is_ok() { word } else { "cannot-complete" }]);
    }

    fn end_login(&mut self, now: Now, id: CallId, prompts: &[&str]) {
        let Some(login) = self.logins.open.get(&id) else { return };
        let language = login.language.clone();
        let prompts = prompts.iter().flat_map(|name| voice::prompt(&language, name)).collect();
        self.logins.close(id);
        let outcome = Outcome::of(EndCause::Normal);
        self.step(now, id, |call, ctx| {
            call.say(ctx, prompts, false);
            call.release(ctx, outcome, true);
        });
    }

    /// Nobody pressed a key in time: what is there counts, nothing is a failure.
    pub(super) fn tick_logins(&mut self, now: Now) {
        while let Some((at, id)) = self.logins.due.first().copied()
            && at <= now.mono
        {
            self.logins.set_due(id, now.mono + KEY_LIMIT);
            let entered = self.logins.open.get(&id).is_some_and(|own| !own.entered.is_empty());
            if entered {
                self.login_entered(now, id);
            } else {
                self.login_failed(now, id);
            }
        }
    }
}
