//! Where a carrier is: its host resolved, kept for its TTL, asked again.

use rand_chacha::ChaCha8Rng;
use sip::resolve::{Answer, Question, Request, Resolver, Target};

use crate::vocab::config::Trunk;

use super::{Families, SECOND};

/// How long the DNS may take for one stage.
const PATIENCE: u64 = 10 * SECOND;
/// Bounds of what a TTL may say.
const MIN_HELD: u64 = 5 * SECOND;
const MAX_HELD: u64 = 86_400 * SECOND;
/// Pauses after a name that leads nowhere.
const FIRST_AGAIN: u64 = 5 * SECOND;
const MAX_AGAIN: u64 = 60 * SECOND;

/// Where the search stands.
#[derive(Debug)]
enum Stage {
    /// Questions are out.
    Asking { resolver: Box<Resolver>, asked: Vec<Question>, deadline: u64 },
    /// The targets hold until then.
    Held { until: u64 },
    /// Nothing was found; older targets may be in use still.
    Failed { again: u64 },
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing new.
    Pending,
    /// These targets, best first; not empty.
    Found(Vec<Target>),
    /// The name leads nowhere now.
    Nowhere,
}

/// The search for one host.
#[derive(Debug)]
pub(super) struct Location {
    request: Request,
    stage: Stage,
    failures: u32,
}

impl Location {
    /// Not begun: due at once.
    pub fn new(trunk: &Trunk, families: Families) -> Self {
        let (host, port) = crate::host::split(&trunk.host);
        let request = Request {
            host: host.to_owned(),
            port,
            transport: trunk.transport,
            secure: false,
            ipv4: families.ipv4,
            ipv6: families.ipv6,
        };
        Self { request, stage: Stage::Held { until: 0 }, failures: 0 }
    }

    pub fn wake(&self) -> u64 {
        match &self.stage {
            Stage::Asking { deadline, .. } => *deadline,
            Stage::Held { until } => *until,
            Stage::Failed { again } => *again,
        }
    }

    /// Begins when it is time, and gives up on questions that nobody answered.
    pub fn advance(&mut self, now: u64, rng: &mut ChaCha8Rng, ask: impl FnMut(Question)) -> Step {
        if self.wake() > now {
            return Step::Pending;
        }
        match &mut self.stage {
            Stage::Asking { resolver, asked, .. } => {
                for question in std::mem::take(asked) {
                    resolver.answer(&question, Answer::Failed, rng);
                }
            }
            Stage::Held { .. } | Stage::Failed { .. } => {
                let resolver = Box::new(Resolver::start(self.request.clone()));
                self.stage = Stage::Asking { resolver, asked: Vec::new(), deadline: now };
            }
        }
        self.proceed(now, ask)
    }

    /// Takes an answer in.
    pub fn answer(
        &mut self,
        now: u64,
        rng: &mut ChaCha8Rng,
        question: &Question,
        answer: Answer,
        ask: impl FnMut(Question),
    ) -> Step {
        let Stage::Asking { resolver, asked, .. } = &mut self.stage else { return Step::Pending };
        let Some(at) = asked.iter().position(|other| other == question) else {
            return Step::Pending;
        };
        asked.swap_remove(at);
        resolver.answer(question, answer, rng);
        self.proceed(now, ask)
    }

    /// Asks what the resolver wants to know next, or takes its result.
    fn proceed(&mut self, now: u64, mut ask: impl FnMut(Question)) -> Step {
        let Stage::Asking { resolver, asked, deadline } = &mut self.stage else {
            return Step::Pending;
        };
        while let Some(question) = resolver.poll_question() {
            asked.push(question.clone());
            ask(question);
            *deadline = now.saturating_add(PATIENCE);
        }
        let Some(resolved) = resolver.finished() else { return Step::Pending };
        if resolved.targets.is_empty() {
            let pause = FIRST_AGAIN.saturating_mul(1 << self.failures.min(8)).min(MAX_AGAIN);
            self.failures += 1;
            self.stage = Stage::Failed { again: now.saturating_add(pause) };
            return Step::Nowhere;
        }
        self.failures = 0;
        let until = match resolved.ttl_secs {
            // An address that was written as one.
            u32::MAX => u64::MAX,
            ttl => now.saturating_add((u64::from(ttl) * SECOND).clamp(MIN_HELD, MAX_HELD)),
        };
        self.stage = Stage::Held { until };
        Step::Found(resolved.targets)
    }
}
