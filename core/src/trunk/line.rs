//! One trunk: its location, its addresses and its registration together.

use std::hash::{Hash, Hasher};
use std::net::SocketAddr;

use sip::Message;
use sip::endpoint::RequestFailure;
use sip::resolve::{Answer, Question, Target};

use crate::host;
use crate::vocab::TrunkKey;
use crate::vocab::command::TrunkView;
use crate::vocab::config::Trunk;

use super::location::{Location, Step};
use super::monitor::Monitor;
use super::registration::{Heard, Registration};
use super::{Change, Families, Report, SECOND, Tools, TrunkTask, Work, is_stream, requests};

/// Whether the trunk takes calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Standing {
    /// Not known yet.
    Starting,
    Up,
    Down {
        reason: String,
    },
}

#[derive(Debug)]
pub(super) struct Line {
    config: Trunk,
    location: Location,
    monitors: Vec<Monitor>,
    registration: Option<Registration>,
    unresolved: bool,
    standing: Standing,
}

impl Line {
    /// Registers where its configuration wants that, unless nobody does any more.
    pub fn new(config: Trunk, families: Families, registers: bool, tools: &mut Tools<'_>) -> Self {
        let registers = registers && config.register;
        let registration = registers.then(|| Registration::new(config.expires, tools));
        let location = Location::new(&config, families);
        let mut line = Self {
            config,
            location,
            monitors: Vec::new(),
            registration,
            unresolved: false,
            standing: Standing::Starting,
        };
        line.advance(tools);
        line
    }

    pub fn key(&self) -> &TrunkKey {
        &self.config.key
    }

    /// Whether the way to the carrier is the same; the rest of a configuration may change under way.
    pub fn is_same_way(&self, trunk: &Trunk) -> bool {
        let way = |trunk: &Trunk| Trunk {
            addresses: Vec::new(),
            max_calls: 0,
            codecs: None,
            e164: false,
            trusted: false,
            original_caller: false,
            transfers: false,
            ..trunk.clone()
        };
        way(&self.config) == way(trunk)
    }

    /// Whether this account at the same carrier is still wanted.
    pub fn is_same_account(&self, trunk: &Trunk) -> bool {
        let account = |trunk: &Trunk| (trunk.host.clone(), trunk.username.clone());
        trunk.register && account(&self.config) == account(trunk)
    }

    pub fn with_config(self, config: Trunk) -> Self {
        Self { config, ..self }
    }

    pub fn is_up(&self) -> bool {
        self.standing == Standing::Up
    }

    pub fn wake(&self) -> u64 {
        let monitors = self.monitors.iter().map(Monitor::wake).min().unwrap_or(u64::MAX);
        let registration = self.registration.as_ref().map_or(u64::MAX, Registration::wake);
        self.location.wake().min(monitors).min(registration)
    }

    fn interval(&self) -> u64 {
        u64::from(self.config.qualify_secs) * SECOND
    }

    /// Best first: usable addresses in the order of the DNS, then the others.
    pub fn targets(&self) -> Vec<Target> {
        let usable = self.monitors.iter().filter(|monitor| monitor.is_usable());
        let others = self.monitors.iter().filter(|monitor| !monitor.is_usable());
        usable.chain(others).map(|monitor| monitor.target).collect()
    }

    /// Whether requests from this source are the carrier's.
    pub fn comes_from(&self, remote: SocketAddr) -> bool {
        let matches = |target: &Target| {
            target.address == remote
                || (is_stream(target.transport) && target.address.ip() == remote.ip())
        };
        self.config.addresses.iter().any(|ip| ip.to_canonical() == remote.ip())
            || self.monitors.iter().any(|monitor| matches(&monitor.target))
    }

    /// Does everything that is due.
    pub fn advance(&mut self, tools: &mut Tools<'_>) {
        let key = &self.config.key;
        let work = &mut *tools.work;
        let ask = |question| work.push_back(Work::Resolve { trunk: key.clone(), question });
        let step = self.location.advance(tools.now, tools.rng, ask);
        self.located(tools, step);
        for at in 0..self.monitors.len() {
            if self.monitors.get_mut(at).is_some_and(|monitor| monitor.advance(tools.now)) {
                self.probe(tools, at);
            }
        }
        self.advance_registration(tools);
        self.judge(tools);
    }

    pub fn resolved(&mut self, tools: &mut Tools<'_>, question: &Question, answer: Answer) {
        let key = &self.config.key;
        let work = &mut *tools.work;
        let ask = |question| work.push_back(Work::Resolve { trunk: key.clone(), question });
        let step = self.location.answer(tools.now, tools.rng, question, answer, ask);
        self.located(tools, step);
        self.judge(tools);
    }

    /// Takes the targets of a resolution; what is known of an address that stays is kept.
    fn located(&mut self, tools: &mut Tools<'_>, step: Step) {
        let targets = match step {
            Step::Pending => return,
            Step::Nowhere => {
                self.unresolved = true;
                return;
            }
            Step::Found(targets) => targets,
        };
        self.unresolved = false;
        let interval = self.interval();
        let mut old = std::mem::take(&mut self.monitors);
        for target in targets {
            let known = old.iter().position(|monitor| monitor.target == target);
            self.monitors.push(match known {
                Some(at) => old.swap_remove(at),
                None => Monitor::new(target, tools.now, interval),
            });
        }
        if let Some(registration) = &mut self.registration {
            registration.located(tools.now);
        }
    }

    fn probe(&mut self, tools: &mut Tools<'_>, at: usize) {
        let task = tools.task();
        let Some(monitor) = self.monitors.get_mut(at) else { return };
        monitor.sent(tools.now, task);
        let target = monitor.target;
        let request = requests::options(&self.config, target);
        let work = self.request(task, target, request, None);
        tools.work.push_back(work);
    }

    fn request(
        &self,
        id: u64,
        target: Target,
        request: sip::endpoint::OutRequest,
        contact_user: Option<String>,
    ) -> Work {
        Work::Request {
            task: TrunkTask { trunk: self.config.key.clone(), id },
            target,
            server_name: host::split(&self.config.host).0.to_owned(),
            request: Box::new(request),
            contact_user,
        }
    }

    fn advance_registration(&mut self, tools: &mut Tools<'_>) {
        let targets = self.targets();
        let Some(registration) = &mut self.registration else { return };
        if let Some(failed) = registration.advance(tools, &targets) {
            self.heard(tools.now, failed, Heard::Silent);
        }
        self.register_if_due(tools);
    }

    fn register_if_due(&mut self, tools: &mut Tools<'_>) {
        let targets = self.targets();
        let Some(registration) = &mut self.registration else { return };
        let Some(to_send) = registration.due(tools.now, &targets) else { return };
        let task = tools.task();
        registration.sent(tools.now, task, to_send.target, &targets);
        let request = requests::register(
            &self.config,
            to_send.target,
            registration.call_id(),
            to_send.cseq,
            to_send.expires,
        );
        let user = self.config.username.clone().unwrap_or_default();
        let work = self.request(task, to_send.target, request, Some(user));
        tools.work.push_back(work);
    }

    /// Takes a held registration back; nobody waits for the answer.
    pub fn unregister(&mut self, tools: &mut Tools<'_>) {
        let targets = self.targets();
        let Some(registration) = self.registration.take() else { return };
        let Some(target) = targets.first().copied().filter(|_| registration.is_valid()) else {
            return;
        };
        let (id, cseq) = (tools.task(), registration.next_cseq());
        let request = requests::register(&self.config, target, registration.call_id(), cseq, 0);
        let user = self.config.username.clone().unwrap_or_default();
        let work = self.request(id, target, request, Some(user));
        tools.work.push_back(work);
    }

    pub fn answered(
        &mut self,
        tools: &mut Tools<'_>,
        task: u64,
        outcome: Result<&Message, RequestFailure>,
    ) {
        let interval = self.interval();
        let targets = self.targets();
        let user = self.config.username.clone().unwrap_or_default();
        let sent_to = self.registration.as_ref().and_then(|own| own.waits_for(task));
        if let (Some(target), Some(registration)) = (sent_to, &mut self.registration) {
            let heard = registration.answered(tools, target, &targets, &user, outcome);
            self.heard(tools.now, target, heard);
            self.register_if_due(tools);
        } else if let Some(monitor) = self.monitors.iter_mut().find(|own| own.waits_for(task)) {
            match outcome.ok().map(|message| (message.status(), message.retry_after())) {
                Some((Some(503), retry_after)) => monitor.refused(tools, retry_after, interval),
                Some((Some(408), _)) | None => monitor.unanswered(tools.now),
                Some(_) => {
                    monitor.answered(tools, interval);
                    self.revived(tools);
                }
            }
        }
        self.judge(tools);
    }

    /// The connection to an address ended.
    pub fn disconnected(&mut self, tools: &mut Tools<'_>, target: Target) {
        if let Some(registration) = &mut self.registration {
            registration.disconnected(tools, target);
        }
    }

    fn revived(&mut self, tools: &mut Tools<'_>) {
        if let Some(registration) = &mut self.registration {
            registration.revived(tools.now);
        }
        self.register_if_due(tools);
    }

    pub fn reported(&mut self, tools: &mut Tools<'_>, target: Target, report: Report) {
        let heard = match report {
            Report::Alive | Report::Overloaded(None) => Heard::Alive,
            Report::Silent => Heard::Silent,
            Report::Overloaded(Some(seconds)) => Heard::Overloaded(seconds),
        };
        self.heard(tools.now, target, heard);
        self.judge(tools);
    }

    fn heard(&mut self, now: u64, target: Target, heard: Heard) {
        let Some(monitor) = self.monitors.iter_mut().find(|own| own.target == target) else {
            return;
        };
        match heard {
            Heard::Alive => monitor.alive(),
            Heard::Silent => monitor.silent(now),
            Heard::Overloaded(seconds) => monitor.rest_for(now, seconds),
        }
    }

    /// Sees whether the trunk takes calls now, and tells when that changed.
    fn judge(&mut self, tools: &mut Tools<'_>) {
        let standing = self.assess();
        if standing == Standing::Starting {
            return;
        }
        let changed = std::mem::discriminant(&standing) != std::mem::discriminant(&self.standing);
        if changed {
            let up = match &standing {
                Standing::Down { reason } => Err(reason.clone()),
                Standing::Up | Standing::Starting => Ok(()),
            };
            tools.changes.push_back(Change { trunk: self.config.key.clone(), up });
        }
        self.standing = standing;
    }

    /// `Starting` where nothing is known for or against.
    fn assess(&self) -> Standing {
        let down = |reason: &str| Standing::Down { reason: reason.to_owned() };
        if self.monitors.is_empty() {
            let reason = format!("{} cannot be resolved", self.config.host);
            return if self.unresolved { down(&reason) } else { Standing::Starting };
        }
        if !self.monitors.iter().any(Monitor::is_usable) {
            let reason = self.monitors.first().and_then(Monitor::reason);
            return down(reason.unwrap_or("no address takes calls"));
        }
        match &self.registration {
            Some(registration) if !registration.is_valid() => match registration.error() {
                Some(error) => down(error),
                None => Standing::Starting,
            },
            _ => Standing::Up,
        }
    }

    pub fn view(&self) -> TrunkView {
        let reason = match &self.standing {
            Standing::Up => None,
            Standing::Starting => Some("starting".to_owned()),
            Standing::Down { reason } => Some(reason.clone()),
        };
        TrunkView {
            trunk: self.config.key.clone(),
            up: self.is_up(),
            registered: self.registration.as_ref().map(Registration::is_valid),
            reason,
            calls: 0,
        }
    }

    pub fn digest(&self, hasher: &mut impl Hasher) {
        self.config.key.hash(hasher);
        self.location.wake().hash(hasher);
        (&self.monitors, &self.registration, self.unresolved, &self.standing).hash(hasher);
    }

    pub fn audit(&self, errors: &mut Vec<String>) {
        if self.standing == Standing::Up && !self.monitors.iter().any(Monitor::is_usable) {
            errors.push(format!("trunk {} is up without a usable address", self.config.key));
        }
        if self.monitors.len() > sip::resolve::MAX_TARGETS {
            errors.push(format!("trunk {} has too many addresses", self.config.key));
        }
    }
}
