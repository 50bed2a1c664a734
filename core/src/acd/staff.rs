//! How many agents of a queue are logged in and available, by level; and the load with which a newcomer starts.

use crate::vocab::Now;
use crate::vocab::acd::Strategy;

use super::agent::{Agent, Score};
use super::book::day_of;
use super::numbers::{AgentNo, QueueNo};
use super::{Acd, Work};

/// An agent as its queues count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub logged_in: bool,
    pub available: bool,
}

impl Standing {
    pub fn of(agent: &Agent) -> Self {
        Self { logged_in: agent.is_logged_in(), available: agent.is_available() }
    }
}

impl Acd {
    /// An agent that stood as `before` stands otherwise now: all its queues count anew. Levels open and close.
    pub(super) fn recount(&mut self, now: Now, no: AgentNo, before: Standing) {
        let Some(agent) = self.agents.get(no) else { return };
        let after = Standing::of(agent);
        if before == after {
            return;
        }
        let places: Vec<(QueueNo, u16)> =
            agent.served.iter().map(|served| (served.queue, served.level)).collect();
        let logs_in = after.logged_in && !before.logged_in;
        if logs_in {
            self.roll_agent(now, no);
        }
        for (queue, level) in places {
            if logs_in {
                self.start_at_median(now, no, queue);
            }
            self.recount_in(now, queue, level, before, after);
        }
    }

    fn recount_in(&mut self, now: Now, no: QueueNo, level: u16, before: Standing, after: Standing) {
        let Some(queue) = self.queues.get_mut(no) else { return };
        self.moved.insert(no);
        let staff = &mut queue.staff;
        let lowest = staff.lowest();
        if after.logged_in && !before.logged_in {
            *staff.logged.entry(level).or_default() += 1;
        } else if before.logged_in
            && !after.logged_in
            && let Some(count) = staff.logged.get_mut(&level)
        {
            *count -= 1;
            if *count == 0 {
                staff.logged.remove(&level);
            }
        }
        staff.available += usize::from(after.available);
        staff.available -= usize::from(before.available);
        if staff.available > 0 {
            staff.none_since = None;
        } else if staff.none_since.is_none() {
            staff.none_since = Some(now.mono);
        }
        if staff.lowest() != lowest && !queue.line.all.is_empty() {
            self.work.push_back(Work::Queue(no));
        }
        self.refresh_queue(no);
    }

    /// Who has done nothing today starts at the median of those who are logged in, not at zero.
    pub(super) fn start_at_median(&mut self, now: Now, no: AgentNo, queue: QueueNo) {
        self.roll_day(now, queue);
        let Some(queue_state) = self.queues.get(queue) else { return };
        let median = queue_state.staff.median();
        let start = match queue_state.strategy() {
            Strategy::AgentWithLeastTalkTime => Score { talk_ms: median, calls: 0 },
            Strategy::AgentWithFewestCalls => Score { talk_ms: 0, calls: median },
            _ => return,
        };
        let Some(agent) = self.agents.get_mut(no) else { return };
        if agent.account.today != Score::default() {
            return;
        }
        if let Some(served) = agent.served.iter_mut().find(|served| served.queue == queue) {
            served.start = start;
        }
    }

    /// Today's figures of an agent are of today.
    pub(super) fn roll_agent(&mut self, now: Now, no: AgentNo) {
        let Some(agent) = self.agents.get_mut(no) else { return };
        let tenant = self.tenants.get(&agent.config.key.tenant);
        agent.new_day(day_of(now.wall, tenant.map_or(0, |tenant| tenant.utc_offset_secs)));
    }

    /// At the tenant's midnight everybody starts anew; noticed when somebody looks, by queues that look at the day's load.
    pub(super) fn roll_day(&mut self, now: Now, no: QueueNo) {
        let Some(queue) = self.queues.get_mut(no) else { return };
        let by_load = Strategy::AgentWithLeastTalkTime;
        if queue.strategy() != by_load && queue.strategy() != Strategy::AgentWithFewestCalls {
            return;
        }
        let offset = self.tenants.get(&queue.config.key.tenant).map_or(0, |t| t.utc_offset_secs);
        let day = day_of(now.wall, offset);
        if queue.tally.day == day {
            return;
        }
        queue.tally.day = day;
        let crew: Vec<AgentNo> = queue.crew.iter().map(|member| member.agent).collect();
        for agent_no in crew {
            self.refresh_agent(now, agent_no);
        }
    }
}

impl Agent {
    /// The day's sums begin anew, unless it is the same day.
    pub(super) fn new_day(&mut self, day: u64) {
        if self.account.day != day {
            self.account.day = day;
            self.account.today = Score::default();
            for served in &mut self.served {
                served.start = Score::default();
            }
        }
    }
}
