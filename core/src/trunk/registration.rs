//! Our registration with a carrier (RFC 3261 section 10.2).

use rand_chacha::rand_core::Rng;
use sip::Message;
use sip::endpoint::RequestFailure;
use sip::message::Contact;
use sip::resolve::Target;

use super::{SECOND, Tools};

/// The longest registration that is asked for or believed, in seconds.
const MAX_EXPIRES: u32 = 86_400;
/// A REGISTER without an answer: the next address is tried after so long, and this long is waited for the last one,
/// a little longer than the transaction lives (RFC 3261 timer F, 32 s).
const PATIENCE: u64 = 8 * SECOND;
const LAST_PATIENCE: u64 = 40 * SECOND;
/// Pauses after silence: they double from the first to the longest.
const SILENT_FIRST: u64 = 4 * SECOND;
const SILENT_MAX: u64 = 300 * SECOND;
/// Pauses after a refusal, likewise.
const REFUSED_FIRST: u64 = 60 * SECOND;
const REFUSED_MAX: u64 = 900 * SECOND;
/// Pause after the connection of a registration ended: at least, and at most.
const RECONNECT: (u64, u64) = (SECOND, 3 * SECOND);
/// The longest Retry-After that is obeyed.
const MAX_RETRY_AFTER: u64 = 3600 * SECOND;
/// CSeq numbers that one REGISTER may use up by being challenged.
const CSEQ_STEP: u32 = 4;

/// Where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Stage {
    /// The carrier's address is not known.
    Unlocated,
    /// The next REGISTER is due then.
    Waiting { at: u64, why: Why },
    /// One is under way.
    Sent { task: u64, target: Target, deadline: u64 },
    /// Granted over this address; to be refreshed then.
    Held { refresh_at: u64, target: Target },
}

/// Why a registration waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Why {
    /// It is its turn.
    Turn,
    /// Nobody answered, so that a sign of life is reason enough to try again.
    Silence,
    /// The carrier said no, or named a time.
    Refusal,
}

/// What an outcome says about the address that it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// It answers.
    Alive,
    /// It does not.
    Silent,
    /// It wants to be left alone for so many seconds.
    Overloaded(u32),
}

/// One registration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Registration {
    stage: Stage,
    call_id: String,
    cseq: u32,
    /// Seconds to ask for; grows when the carrier finds it too brief.
    asked: u32,
    /// Until when the carrier holds it.
    valid_until: Option<u64>,
    /// Failures in a row.
    failures: u32,
    /// Addresses that failed in this round.
    tried: Vec<Target>,
    error: Option<String>,
}

/// A REGISTER to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToSend {
    pub target: Target,
    pub cseq: u32,
    pub expires: u32,
}

impl Registration {
    pub fn new(expires: u32, tools: &mut Tools<'_>) -> Self {
        let call_id = format!("{:016x}{:016x}", tools.rng.next_u64(), tools.rng.next_u64());
        Self {
            stage: Stage::Unlocated,
            call_id,
            cseq: 1,
            asked: expires.clamp(1, MAX_EXPIRES),
            valid_until: None,
            failures: 0,
            tried: Vec::new(),
            error: None,
        }
    }

    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    pub fn next_cseq(&self) -> u32 {
        self.cseq
    }

    pub fn is_valid(&self) -> bool {
        self.valid_until.is_some()
    }

    /// What went wrong last; `None` before the first outcome and while all is well.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    pub fn wake(&self) -> u64 {
        let stage = match self.stage {
            Stage::Unlocated => u64::MAX,
            Stage::Waiting { at, .. } => at,
            Stage::Sent { deadline, .. } => deadline,
            Stage::Held { refresh_at, .. } => refresh_at,
        };
        stage.min(self.valid_until.unwrap_or(u64::MAX))
    }

    /// The carrier's address became known.
    pub fn located(&mut self, now: u64) {
        if self.stage == Stage::Unlocated {
            self.stage = Stage::Waiting { at: now, why: Why::Turn };
        }
    }

    /// The carrier showed that it lives again: a registration that waits because of its silence goes on now.
    pub fn revived(&mut self, now: u64) {
        if let Stage::Waiting { at, why: Why::Silence } = &mut self.stage {
            *at = (*at).min(now);
            self.tried.clear();
        }
    }

    /// Ends what is over, and says which address failed by silence, if any.
    pub fn advance(&mut self, tools: &mut Tools<'_>, targets: &[Target]) -> Option<Target> {
        if self.valid_until.is_some_and(|until| until <= tools.now) {
            self.valid_until = None;
            self.error.get_or_insert_with(|| "registration lapsed".to_owned());
        }
        match self.stage {
            Stage::Sent { target, deadline, .. } if deadline <= tools.now => {
                self.silent(tools, target, targets, "no answer to REGISTER");
                Some(target)
            }
            _ => None,
        }
    }

    /// The REGISTER that is due now, if any; [`Registration::sent`] follows.
    pub fn due(&mut self, now: u64, targets: &[Target]) -> Option<ToSend> {
        let at = match self.stage {
            Stage::Waiting { at, .. } | Stage::Held { refresh_at: at, .. } => at,
            Stage::Unlocated | Stage::Sent { .. } => return None,
        };
        if at > now {
            return None;
        }
        let untried = targets.iter().find(|target| !self.tried.contains(target));
        let Some(target) = untried.or_else(|| targets.first()).copied() else {
            self.stage = Stage::Unlocated;
            return None;
        };
        Some(ToSend { target, cseq: self.cseq, expires: self.asked })
    }

    pub fn sent(&mut self, now: u64, task: u64, target: Target, targets: &[Target]) {
        let others = targets.iter().any(|other| *other != target && !self.tried.contains(other));
        let patience = if others { PATIENCE } else { LAST_PATIENCE };
        self.cseq = self.cseq.saturating_add(CSEQ_STEP);
        self.stage = Stage::Sent { task, target, deadline: now.saturating_add(patience) };
    }

    /// The address that a task was sent to, if it is the one under way.
    pub fn waits_for(&self, task: u64) -> Option<Target> {
        match self.stage {
            Stage::Sent { task: own, target, .. } if own == task => Some(target),
            _ => None,
        }
    }

    /// The outcome of the REGISTER under way.
    pub fn answered(
        &mut self,
        tools: &mut Tools<'_>,
        target: Target,
        targets: &[Target],
        user: &str,
        outcome: Result<&Message, RequestFailure>,
    ) -> Heard {
        let Ok(message) = outcome else {
            self.silent(tools, target, targets, "no answer to REGISTER");
            return Heard::Silent;
        };
        if let Ok((cseq, _)) = message.cseq() {
            self.cseq = self.cseq.max(cseq.saturating_add(1));
        }
        let status = message.status().unwrap_or(500);
        match status {
            200..=299 => self.granted(tools, target, message, user),
            423 => self.too_brief(tools, message),
            408 | 500..=599 => {
                let why = describe(message);
                let pause = message.retry_after();
                self.silent(tools, target, targets, &why);
                return match (status, pause) {
                    (503, Some(seconds)) => Heard::Overloaded(seconds),
                    (408, _) => Heard::Silent,
                    _ => Heard::Alive,
                };
            }
            _ => self.refused(tools, message),
        }
        Heard::Alive
    }

    /// The connection that it was made over ended: made again soon, though not in a rush.
    pub fn disconnected(&mut self, tools: &mut Tools<'_>, from: Target) {
        if let Stage::Held { refresh_at, target } = &mut self.stage
            && *target == from
        {
            let soon = tools.now.saturating_add(tools.between(RECONNECT.0, RECONNECT.1));
            *refresh_at = soon.min(*refresh_at);
        }
    }

    fn granted(&mut self, tools: &mut Tools<'_>, target: Target, message: &Message, user: &str) {
        let seconds = granted_seconds(message, user).unwrap_or(self.asked).min(MAX_EXPIRES);
        if seconds == 0 {
            return self.refused(tools, message);
        }
        let life = u64::from(seconds) * SECOND;
        self.failures = 0;
        self.tried.clear();
        self.error = None;
        self.valid_until = Some(tools.now.saturating_add(life));
        // Early enough for several attempts, at another time than other trunks.
        let refresh_at = tools.now + tools.between(life / 10 * 6, life / 10 * 8);
        self.stage = Stage::Held { refresh_at, target };
    }

    /// Section 10.2.8: asks again at once for what the carrier wants at least.
    fn too_brief(&mut self, tools: &mut Tools<'_>, message: &Message) {
        match message.min_expires() {
            Some(least) if least > self.asked && least <= MAX_EXPIRES => {
                self.asked = least;
                self.stage = Stage::Waiting { at: tools.now, why: Why::Turn };
            }
            _ => self.refused(tools, message),
        }
    }

    fn refused(&mut self, tools: &mut Tools<'_>, message: &Message) {
        self.error = Some(format!("registration refused: {}", describe(message)));
        let pause = self.pause(tools, REFUSED_FIRST, REFUSED_MAX);
        let named = message.retry_after().map_or(0, |seconds| u64::from(seconds) * SECOND);
        let pause = pause.max(named.min(MAX_RETRY_AFTER));
        self.tried.clear();
        self.stage = Stage::Waiting { at: tools.now.saturating_add(pause), why: Why::Refusal };
    }

    /// The next address at once, and after the last one a pause.
    fn silent(&mut self, tools: &mut Tools<'_>, target: Target, targets: &[Target], why: &str) {
        self.error = Some(format!("not registered: {why}"));
        self.tried.push(target);
        let at = if targets.iter().any(|other| !self.tried.contains(other)) {
            tools.now
        } else {
            self.tried.clear();
            let pause = self.pause(tools, SILENT_FIRST, SILENT_MAX);
            tools.now.saturating_add(pause)
        };
        self.stage = Stage::Waiting { at, why: Why::Silence };
    }

    /// Doubles with every failure; between half and all of it, so that many clients do not come back together.
    fn pause(&mut self, tools: &mut Tools<'_>, first: u64, longest: u64) -> u64 {
        let full = first.saturating_mul(1 << self.failures.min(16)).min(longest);
        self.failures = self.failures.saturating_add(1);
        tools.between(full / 2, full)
    }
}

fn describe(message: &Message) -> String {
    let reason: String = message.reason().chars().filter(|c| !c.is_control()).take(64).collect();
    format!("{} {reason}", message.status().unwrap_or(0)).trim_end().to_owned()
}

/// What the carrier granted: the expires of our Contact, else the header (section 10.2.4).
fn granted_seconds(message: &Message, user: &str) -> Option<u32> {
    let ours = |contact: &sip::message::NameAddr<'_>| {
        contact.uri().is_ok_and(|uri| uri.user_decoded().as_deref() == Some(user))
    };
    let of_contact = message
        .contacts()
        .filter_map(|contact| contact.ok().and_then(Contact::addr))
        .filter(ours)
        .filter_map(|contact| contact.expires())
        .max();
    of_contact.or_else(|| message.expires())
}
