//! Small things between a schedule, the distributor and the reference.

use strowger_core::acd::{Act, Leaving, Saying};
use strowger_core::vocab::CallId;
use strowger_core::vocab::acd::*;

use super::reference::Seen;
use super::schedule::*;

/// The nth of what there is, around.
pub fn nth_of<T: Clone>(from: &[T], nth: u8) -> Option<T> {
    from.get(usize::from(nth) % from.len().max(1)).cloned()
}

pub fn leaving(why: Why) -> Leaving {
    match why {
        Why::HungUp => Leaving::HungUp,
        Why::ExitKey => Leaving::ExitKey,
        Why::Removed => Leaving::Removed,
        Why::Callback => Leaving::Callback,
    }
}

/// Whom the distributor chose for whom.
pub fn chosen(act: &Act) -> Option<(AgentKey, CallId)> {
    match act {
        Act::Offer(offer) => Some((offer.agent.clone(), offer.call)),
        Act::CallBack { call, agent, .. } => Some((agent.clone(), *call)),
        _ => None,
    }
}

/// What is said as the reference writes it; the estimated wait is a figure and checked elsewhere.
pub fn said(call: CallId, what: &Saying) -> Option<Seen> {
    let what = match what {
        Saying::Start => "start".to_owned(),
        Saying::Announce => "announce".to_owned(),
        Saying::Position(position) => format!("position {position}"),
        Saying::Wait { .. } | Saying::CallbackOffer => return None,
    };
    Some(Seen::Say { call, what })
}

pub fn overflowed(seen: &Seen) -> Option<CallId> {
    match seen {
        Seen::Overflow { call, .. } => Some(*call),
        _ => None,
    }
}

pub fn kind(seen: &Seen) -> &'static str {
    match seen {
        Seen::Offer { confirm: None, .. } => "offer",
        Seen::Offer { .. } => "offer of a remote agent",
        Seen::CallBack { .. } => "callback attempt",
        Seen::Say { .. } => "announcement",
        Seen::Overflow { reason, .. } => reason.as_str(),
        Seen::Cancel { end, .. } => match end {
            OfferEnd::Answered => "cancelled although answered",
            OfferEnd::NoAnswer => "rang out",
            OfferEnd::Busy => "cancelled although busy",
            OfferEnd::Rejected => "cancelled although rejected",
            OfferEnd::Unreachable => "never bridged",
            OfferEnd::CallerGone => "caller gone",
            OfferEnd::WonByAnother => "won by another",
            OfferEnd::Withdrawn => "withdrawn",
        },
    }
}

pub fn step_kind(step: &Step) -> &'static str {
    match step {
        Step::Join { .. } => "join",
        Step::Leave { .. } => "leave",
        Step::LeaveAgain { .. } => "leave again",
        Step::Prioritise { .. } => "prioritise",
        Step::Report { .. } => "report",
        Step::Late { .. } => "late report",
        Step::Finish { .. } => "finish",
        Step::FinishAgain { .. } => "finish again",
        Step::CallbackReady { .. } => "callback ready",
        Step::CallbackFailed { .. } => "callback failed",
        Step::Intent { .. } => "intent",
        Step::EndWrapUp { .. } => "end wrap-up",
        Step::ExtendWrapUp { .. } => "extend wrap-up",
        Step::Disposition { .. } => "disposition",
        Step::Place { .. } => "active place",
        Step::Desk { .. } => "desk",
        Step::Reachable { .. } => "reachable",
        Step::OtherCalls { .. } => "other calls",
        Step::Configure(_) => "configure",
        Step::Wait { .. } => "wait",
    }
}

/// What a change makes of a configuration.
pub fn apply(config: &mut AcdConfig, change: &Change) {
    match change {
        Change::Queue(queue) => {
            config.queues.retain(|one| one.key != queue.key);
            config.queues.push((**queue).clone());
        }
        Change::Tune(key, tune) => {
            for queue in config.queues.iter_mut().filter(|queue| queue.key == *key) {
                match (**tune).clone() {
                    Tune::Strategy(strategy) => queue.choice.strategy = strategy,
                    Tune::ProgressiveDelay(secs) => queue.choice.progressive_delay = secs,
                    Tune::Limits(limits) => queue.limits = limits,
                    Tune::Voice(voice) => queue.voice = voice,
                }
            }
        }
        Change::NoQueue(key) => config.queues.retain(|one| one.key != *key),
        Change::Agent(agent) => {
            config.agents.retain(|one| one.key != agent.key);
            config.agents.push((**agent).clone());
        }
        Change::NoAgent(key) => config.agents.retain(|one| one.key != *key),
        Change::Tier(key, tier) if key.tenant == tier.queue.tenant => {
            for agent in config.agents.iter_mut().filter(|agent| agent.key == *key) {
                agent.tiers.retain(|one| one.queue != tier.queue);
                agent.tiers.push(tier.clone());
            }
        }
        Change::Tier(..) => {}
        Change::NoTier(key, queue) => {
            for agent in config.agents.iter_mut().filter(|agent| agent.key == *key) {
                agent.tiers.retain(|one| one.queue != *queue);
            }
        }
        Change::Tenant(tenant, acd) => {
            config.tenants.insert(tenant.clone(), *acd);
        }
    }
}
