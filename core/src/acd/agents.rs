//! What happens to agents outside of offers: what they want, whether their phone can be reached, other calls, time.

use crate::vocab::acd::{AgentKey, AgentPlace, Intent, IntentRecord, IntentSource};
use crate::vocab::{EventKind, ExtensionKey, Now, Record};

use super::Acd;
use super::act::{Act, NoSuchAgent};
use super::agent::{State, time};
use super::numbers::{AgentNo, secs};
use super::staff::Standing;

impl Acd {
    /// The agent wants something else. `Ok(true)` if that is a change; twice the same changes nothing and makes no event.
    /// An offer that rings is withdrawn from an agent who takes no more; one that was answered goes on.
    pub fn set_intent(
        &mut self,
        now: Now,
        agent: &AgentKey,
        intent: Intent,
        source: IntentSource,
    ) -> Result<bool, NoSuchAgent> {
        let no = self.defined_agent(agent).ok_or(NoSuchAgent)?;
        let changed = self.change_intent(now, no, intent, source);
        self.settle(now);
        Ok(changed)
    }

    pub(super) fn defined_agent(&self, key: &AgentKey) -> Option<AgentNo> {
        let no = *self.agent_nos.get(key)?;
        self.agents.get(no).filter(|agent| agent.defined).map(|_| no)
    }

    pub(super) fn change_intent(
        &mut self,
        now: Now,
        no: AgentNo,
        intent: Intent,
        source: IntentSource,
    ) -> bool {
        let Some(agent) = self.agents.get(no) else { return false };
        if agent.want.intent == intent {
            return false;
        }
        self.count_time(now, no);
        self.apply_intent(now, no, intent.clone());
        let Some(agent) = self.agents.get(no) else { return false };
        let key = agent.config.key.clone();
        let tenant = key.tenant.clone();
        self.publish(&tenant, EventKind::AgentIntentChanged { agent: key, intent, source });
        self.remember_intent(no);
        true
    }

    /// Sets an intent and what follows from it, without telling anybody.
    pub(super) fn apply_intent(&mut self, now: Now, no: AgentNo, intent: Intent) {
        let Some(agent) = self.agents.get_mut(no) else { return };
        let before = Standing::of(agent);
        if intent == Intent::Available {
            agent.past.idle_since = now.mono;
            agent.past.missed = 0;
        }
        if intent == Intent::LoggedOut && agent.phone.desk.is_some() {
            self.places.remove(no, agent);
            agent.phone.desk = None;
            self.places.add(no, agent);
        }
        agent.want.intent = intent;
        agent.want.since = now.wall;
        let available = agent.is_available();
        self.recount(now, no, before);
        if !available {
            self.withdraw(now, no, false);
        }
        self.refresh_agent(now, no);
        self.schedule_save(now, no);
    }

    pub(super) fn remember_intent(&mut self, no: AgentNo) {
        let Some(agent) = self.agents.get(no) else { return };
        let record = IntentRecord {
            agent: agent.config.key.clone(),
            intent: agent.want.intent.clone(),
            since: agent.want.since,
            extension: agent.phone.desk.clone(),
        };
        self.acts.push_back(Act::Remember(Box::new(Record::AgentIntent(record))));
    }

    /// Whether the agent's phone is registered, or its number leads somewhere. False at first. An offer that rings goes on.
    pub fn set_reachable(&mut self, now: Now, agent: &AgentKey, reachable: bool) {
        let Some(no) = self.defined_agent(agent) else { return };
        if let Some(agent) = self.agents.get_mut(no) {
            if reachable && !agent.phone.reachable {
                agent.past.unreachable = 0;
            }
            agent.phone.reachable = reachable;
        }
        self.refresh_agent(now, no);
        self.settle(now);
    }

    /// How many calls outside the queues the agent's phone is in, and whether an outbound call of its own has just ended:
    /// where that is configured, wrap-up follows.
    pub fn set_other_calls(
        &mut self,
        now: Now,
        agent: &AgentKey,
        calls: usize,
        outbound_ended: bool,
    ) {
        let Some(no) = self.defined_agent(agent) else { return };
        let wraps_up = outbound_ended
            && self.agents.get(no).is_some_and(|agent| {
                let idle = matches!(agent.state, State::Idle | State::CoolingDown { .. });
                idle && agent.config.wrap_up_after_outbound && agent.is_logged_in()
            });
        if let Some(agent) = self.agents.get_mut(no) {
            agent.phone.other_calls = calls;
        }
        if wraps_up {
            self.wrap_up_after_own_call(now, no);
        }
        self.refresh_agent(now, no);
        self.settle(now);
    }

    fn wrap_up_after_own_call(&mut self, now: Now, no: AgentNo) {
        let Some(agent) = self.agents.get_mut(no) else { return };
        let tenant = self.tenants.get(&agent.config.key.tenant).map(|tenant| &tenant.times);
        let layers = [Some(&agent.config.times), None, tenant];
        let wrap_up = secs(time(layers, |times| times.wrap_up_time).unwrap_or(0));
        if wrap_up > 0 {
            agent.state = State::WrappingUp {
                queue: None,
                call: None,
                since: now.mono,
                until: now.mono.saturating_add(wrap_up),
                own_end: None,
            };
        }
    }

    /// Wrap-up or a pause is over.
    pub(super) fn agent_due(&mut self, now: Now, no: AgentNo) {
        match self.agents.get(no).map(|agent| agent.state.clone()) {
            Some(State::WrappingUp { until, .. }) if until <= now.mono => self.wrapped_up(now, no),
            Some(State::CoolingDown { until }) if until <= now.mono => {
                if let Some(agent) = self.agents.get_mut(no) {
                    agent.state = agent.at_rest(now.mono);
                }
            }
            _ => {}
        }
        self.refresh_agent(now, no);
    }

    /// Wrap-up ends; the caller of this refreshes.
    pub(super) fn wrapped_up(&mut self, now: Now, no: AgentNo) {
        self.count_wrap_up(now, no);
        if let Some(agent) = self.agents.get_mut(no) {
            agent.state = agent.at_rest(now.mono);
        }
    }

    /// Where the agent is rung now: the desk where it logged in, else its active place.
    pub fn place(&self, agent: &AgentKey) -> Option<AgentPlace> {
        self.agents.get(self.defined_agent(agent)?)?.place()
    }

    /// The agent who sits at an extension: who logged in there, else whose own phone it is.
    pub fn agent_of_extension(&self, extension: &ExtensionKey) -> Option<&AgentKey> {
        let agent = self.agents.get(self.places.find(extension)?)?;
        Some(&agent.config.key)
    }
}

#[cfg(test)]
mod tests {
    use crate::vocab::acd::{Activity, AgentConfig, OfferEnd};

    use super::super::testing::{Bench, agent_config, agent_key, bench, on_break, queue_config};
    use super::*;

    const ONE: [(&str, u16, u16); 1] = [("a", 1, 1)];

    /// Names of the events since a test looked last.
    fn events(bench: &mut Bench) -> Vec<&'static str> {
        let name = |act| match act {
            Act::Publish { kind, .. } => match *kind {
                EventKind::AgentIntentChanged { .. } => Some("intent"),
                EventKind::AgentActivityChanged { activity, .. } => Some(match activity {
                    Activity::Idle => "idle",
                    Activity::Offered { .. } => "offered",
                    Activity::Talking { .. } => "talking",
                    Activity::OnOtherCall => "other",
                    Activity::WrappingUp { .. } => "wrap-up",
                    Activity::CoolingDown { .. } => "cooling",
                }),
                EventKind::AgentOffered { .. } => Some("offer"),
                EventKind::OfferEnded { .. } => Some("end"),
                EventKind::CallerQueued { .. } => Some("queued"),
                EventKind::CallerLeft { .. } => Some("left"),
                _ => None,
            },
            _ => None,
        };
        bench.acts().into_iter().filter_map(name).collect()
    }

    #[test]
    fn twice_the_same_makes_one_event_and_one_record() {
        let mut bench = bench(&ONE, |_| ());
        bench.acts();
        assert!(bench.intent("a", on_break()));
        assert!(!bench.intent("a", on_break()));
        let acts = bench.acts();
        let records = acts.iter().filter(|act| matches!(act, Act::Remember(_))).count();
        let told = acts.iter().filter(|act| matches!(act, Act::Publish { .. })).count();
        assert_eq!((records, told), (1, 1));
    }

    #[test]
    fn each_change_of_activity_is_told_once() {
        let mut bench = bench(&ONE, |queue| queue.times.wrap_up_time = Some(5));
        events(&mut bench);
        bench.join(1, "9001");
        assert_eq!(events(&mut bench), ["queued", "offered", "offer"]);
        bench.talk("a");
        assert_eq!(events(&mut bench), ["end", "talking", "left"]);
        bench.finished(1);
        bench.pass(5);
        assert_eq!(events(&mut bench), ["wrap-up", "idle"]);
        bench.acd.set_other_calls(bench.now, &agent_key("a"), 1, false);
        bench.acd.set_other_calls(bench.now, &agent_key("a"), 2, false);
        bench.acd.set_other_calls(bench.now, &agent_key("a"), 0, true);
        bench.check();
        assert_eq!(events(&mut bench), ["other", "idle"]);
    }

    #[test]
    fn own_calls_are_wrapped_up_where_that_is_wanted_and_a_pause_outlasts_it() {
        let mut agent: AgentConfig = agent_config("a", &[("9001", 1, 1)]);
        agent.wrap_up_after_outbound = true;
        agent.times.wrap_up_time = Some(2);
        agent.times.no_answer_delay_time = Some(60);
        let mut bench = Bench::new(vec![queue_config("9001")], vec![agent]);
        bench.join(1, "9001");
        let offer = bench.held("a");
        bench.failed(offer, OfferEnd::NoAnswer);
        bench.acd.set_other_calls(bench.now, &agent_key("a"), 0, true);
        bench.check();
        assert!(matches!(bench.activity("a"), Activity::WrappingUp { queue: None, .. }));
        bench.offered();
        bench.pass(59);
        assert_eq!(bench.offered(), "");
        bench.pass(1);
        assert_eq!(bench.offered(), "a");
    }

    #[test]
    fn an_agent_without_a_phone_is_not_offered() {
        let mut bench = bench(&ONE, |_| ());
        bench.acd.set_reachable(bench.now, &agent_key("a"), false);
        bench.join(1, "9001");
        assert_eq!(bench.offered(), "");
        bench.acd.set_reachable(bench.now, &agent_key("a"), true);
        bench.check();
        assert_eq!(bench.offered(), "a");
        bench.acd.set_reachable(bench.now, &agent_key("z"), true);
        let unknown =
            bench.acd.set_intent(bench.now, &agent_key("z"), Intent::Available, IntentSource::Api);
        assert_eq!(unknown, Err(NoSuchAgent));
    }
}
