//! Orders about one agent: wrap-up, dispositions, places.

use crate::vocab::acd::AgentKey;
use crate::vocab::{CallId, Now};

use super::Acd;
use super::act::OrderError;
use super::agent::{Agent, State};
use super::numbers::secs;

/// Wrap-up is extended to at most so many seconds from now.
const LONGEST_WRAP_UP: u32 = 3_600;

impl Acd {
    fn ordered(&mut self, agent: &AgentKey) -> Result<(u32, &mut Agent), OrderError> {
        let no = self.defined_agent(agent).ok_or(OrderError::NoSuchAgent)?;
        self.agents.get_mut(no).map(|agent| (no, agent)).ok_or(OrderError::NoSuchAgent)
    }

    /// Ends wrap-up now, unless the queue wants a disposition first.
    pub fn end_wrap_up(&mut self, now: Now, agent: &AgentKey) -> Result<(), OrderError> {
        let (no, agent) = self.ordered(agent)?;
        match agent.state {
            State::WrappingUp { own_end: None, .. } => {
                self.wrapped_up(now, no);
                self.refresh_agent(now, no);
                self.settle(now);
                Ok(())
            }
            State::WrappingUp { .. } => Err(OrderError::DispositionRequired),
            _ => Err(OrderError::NotWrappingUp),
        }
    }

    /// Wrap-up ends so many seconds from now, at most 3,600.
    pub fn extend_wrap_up(
        &mut self,
        now: Now,
        agent: &AgentKey,
        seconds: u32,
    ) -> Result<(), OrderError> {
        if seconds > LONGEST_WRAP_UP {
            return Err(OrderError::TooLong);
        }
        let (no, agent) = self.ordered(agent)?;
        let State::WrappingUp { until, own_end, .. } = &mut agent.state else {
            return Err(OrderError::NotWrappingUp);
        };
        *until = now.mono.saturating_add(secs(seconds));
        *own_end = own_end.map(|_| *until);
        self.refresh_agent(now, no);
        self.settle(now);
        Ok(())
    }

    /// What the conversation with `call` was about has been said: a wrap-up that waits for it ends when its own time is
    /// over, and one that is still to come will not wait. What was said is the business of the call's record.
    pub fn disposition(
        &mut self,
        now: Now,
        agent: &AgentKey,
        call: CallId,
    ) -> Result<(), OrderError> {
        let (no, agent) = self.ordered(agent)?;
        match &mut agent.state {
            State::Talking { call: held, disposed, .. } if *held == call => {
                *disposed = true;
                return Ok(());
            }
            State::WrappingUp { call: held, own_end, until, .. } if *held == Some(call) => {
                let Some(end) = own_end.take() else { return Ok(()) };
                *until = end;
            }
            _ => return Err(OrderError::NoSuchConversation),
        }
        self.agent_due(now, no);
        self.settle(now);
        Ok(())
    }

    /// Rings at this one of its places from now on.
    pub fn active_place(
        &mut self,
        now: Now,
        agent: &AgentKey,
        place: u8,
    ) -> Result<(), OrderError> {
        let (no, agent) = self.ordered(agent)?;
        if usize::from(place) >= agent.config.places.len() {
            return Err(OrderError::NoSuchPlace);
        }
        agent.phone.active = place;
        self.refresh_agent(now, no);
        self.settle(now);
        Ok(())
    }

    /// Sits at this extension until it logs out; `None` is its own place again.
    pub fn desk(
        &mut self,
        now: Now,
        agent: &AgentKey,
        extension: Option<String>,
    ) -> Result<(), OrderError> {
        let no = self.defined_agent(agent).ok_or(OrderError::NoSuchAgent)?;
        let agent = self.agents.get_mut(no).ok_or(OrderError::NoSuchAgent)?;
        if agent.phone.desk == extension {
            return Ok(());
        }
        self.places.remove(no, agent);
        agent.phone.desk = extension;
        self.places.add(no, agent);
        self.remember_intent(no);
        self.refresh_agent(now, no);
        self.settle(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::vocab::ExtensionKey;
    use crate::vocab::acd::{Activity, AgentPlace, Intent};

    use super::super::testing::{Bench, agent_key, bench};
    use super::*;

    /// The agent has just talked with call 1.
    fn after_talk(required: bool, wrap_up: u32) -> Bench {
        let mut bench = bench(&[("a", 1, 1)], |queue| {
            queue.times.wrap_up_time = Some(wrap_up);
            queue.service.disposition_required = required;
        });
        bench.join(1, "9001");
        bench.talk("a");
        bench.pass(5);
        bench.finished(1);
        bench
    }

    fn wraps_up(bench: &Bench) -> bool {
        matches!(bench.activity("a"), Activity::WrappingUp { .. })
    }

    #[test]
    fn wrap_up_can_be_extended_and_ended() {
        let mut bench = after_talk(false, 10);
        let a = agent_key("a");
        assert_eq!(bench.acd.extend_wrap_up(bench.now, &a, 3_601), Err(OrderError::TooLong));
        assert_eq!(bench.acd.extend_wrap_up(bench.now, &a, 60), Ok(()));
        bench.pass(59);
        assert!(wraps_up(&bench));
        assert_eq!(bench.acd.end_wrap_up(bench.now, &a), Ok(()));
        bench.check();
        assert_eq!(bench.activity("a"), Activity::Idle);
        assert_eq!(bench.acd.end_wrap_up(bench.now, &a), Err(OrderError::NotWrappingUp));
        let unknown = bench.acd.end_wrap_up(bench.now, &agent_key("z"));
        assert_eq!(unknown, Err(OrderError::NoSuchAgent));
    }

    #[test]
    fn a_required_disposition_holds_the_wrap_up() {
        let mut bench = after_talk(true, 10);
        let a = agent_key("a");
        assert_eq!(bench.acd.end_wrap_up(bench.now, &a), Err(OrderError::DispositionRequired));
        let wrong = bench.acd.disposition(bench.now, &a, CallId(2));
        assert_eq!(wrong, Err(OrderError::NoSuchConversation));
        bench.pass(100);
        assert!(wraps_up(&bench));
        assert_eq!(bench.acd.disposition(bench.now, &a, CallId(1)), Ok(()));
        bench.check();
        assert_eq!(bench.activity("a"), Activity::Idle);
    }

    #[test]
    fn an_early_disposition_leaves_the_wrap_up_its_own_time() {
        let mut bench = after_talk(true, 10);
        assert_eq!(bench.acd.disposition(bench.now, &agent_key("a"), CallId(1)), Ok(()));
        bench.check();
        bench.pass(9);
        assert!(wraps_up(&bench));
        bench.pass(1);
        assert!(!wraps_up(&bench));
    }

    #[test]
    fn a_disposition_that_never_comes_is_awaited_for_five_minutes() {
        let mut bench = after_talk(true, 0);
        bench.pass(299);
        assert!(wraps_up(&bench));
        bench.pass(1);
        assert!(!wraps_up(&bench));
    }

    #[test]
    fn an_agent_sits_at_a_desk_until_it_logs_out() {
        let mut bench = bench(&[("a", 1, 1)], |_| ());
        let a = agent_key("a");
        let at = |number: &str| ExtensionKey { tenant: "demo".into(), number: number.into() };
        assert_eq!(bench.acd.desk(bench.now, &a, Some("4999".into())), Ok(()));
        assert_eq!(bench.acd.place(&a), Some(AgentPlace::Extension("4999".into())));
        assert_eq!(bench.acd.agent_of_extension(&at("4999")), Some(&a));
        assert_eq!(bench.acd.agent_of_extension(&at("4a")), None);
        bench.intent("a", Intent::LoggedOut);
        assert_eq!(bench.acd.agent_of_extension(&at("4a")), Some(&a));
        let place = bench.acd.active_place(bench.now, &a, 1);
        assert_eq!(place, Err(OrderError::NoSuchPlace));
    }
}
