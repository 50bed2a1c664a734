//! What is known of the time before a restart.

use crate::vocab::Now;
use crate::vocab::acd::{FigureRecord, FigureSubject, IntentRecord};

use super::Acd;
use super::agent::Score;
use super::book::{day_of, midnight};
use super::numbers::AgentNo;

impl Acd {
    /// Intents and figures of an earlier process; once, after the first `configure`. What concerns nobody is left out.
    pub fn restore(&mut self, now: Now, intents: &[IntentRecord], figures: &[FigureRecord]) {
        for record in figures {
            self.restore_figures(now, record);
        }
        let agents: Vec<AgentNo> = self.agent_nos.values().copied().collect();
        for no in agents {
            self.restore_day(now, no);
            self.refresh_agent(now, no);
        }
        for record in intents {
            self.restore_intent(now, record);
        }
        self.settle(now);
    }

    fn restore_figures(&mut self, now: Now, record: &FigureRecord) {
        match (&record.subject, &record.queue, &record.agent) {
            (FigureSubject::Queue(key), Some(figures), _) => {
                let no = self.queue_nos.get(key).copied();
                if let Some(queue) = no.and_then(|no| self.queues.get_mut(no)) {
                    queue.tally.book.restore(now.wall, record.from, figures);
                }
            }
            (FigureSubject::Agent(key), _, Some(figures)) => {
                let no = self.agent_nos.get(key).copied();
                if let Some(agent) = no.and_then(|no| self.agents.get_mut(no)) {
                    agent.account.book.restore(now.wall, record.from, figures);
                }
            }
            _ => {}
        }
    }

    fn restore_day(&mut self, now: Now, no: AgentNo) {
        let Some(agent) = self.agents.get_mut(no) else { return };
        let tenant = self.tenants.get(&agent.config.key.tenant);
        let offset = tenant.map_or(0, |tenant| tenant.utc_offset_secs);
        let sum = agent.account.book.since(midnight(now.wall, offset));
        agent.new_day(day_of(now.wall, offset));
        agent.account.today = Score { talk_ms: sum.talk_ms, calls: sum.answered };
    }

    fn restore_intent(&mut self, now: Now, record: &IntentRecord) {
        let Some(no) = self.defined_agent(&record.agent) else { return };
        if self.agents.get(no).is_some_and(|agent| agent.want.intent != record.intent) {
            self.apply_intent(now, no, record.intent.clone());
        }
        let Some(agent) = self.agents.get_mut(no) else { return };
        agent.want.since = record.since;
        self.places.remove(no, agent);
        agent.phone.desk.clone_from(&record.extension);
        self.places.add(no, agent);
        self.refresh_agent(now, no);
    }
}

#[cfg(test)]
mod tests {
    use crate::vocab::Record;
    use crate::vocab::acd::{Intent, QueueFigures};

    use super::super::Act;
    use super::super::testing::{Bench, bench, on_break};
    use super::*;

    fn records(bench: &mut Bench) -> (Vec<IntentRecord>, Vec<FigureRecord>) {
        let (mut intents, mut figures) = (Vec::new(), Vec::new());
        for act in bench.acts() {
            if let Act::Remember(record) = act {
                match *record {
                    Record::AgentIntent(intent) => intents.push(intent),
                    Record::Counted(counted) => figures.push(*counted),
                    other => panic!("{other:?}"),
                }
            }
        }
        (intents, figures)
    }

    /// What the store would hold: the last of each subject and quarter.
    fn stored(figures: Vec<FigureRecord>) -> Vec<FigureRecord> {
        let by_key =
            figures.into_iter().map(|record| ((record.subject.clone(), record.from), record));
        by_key.collect::<std::collections::BTreeMap<_, _>>().into_values().collect()
    }

    fn morning() -> Bench {
        let mut bench = bench(&[("a", 1, 1), ("b", 1, 2)], |queue| {
            queue.service.service_level_secs = 5;
        });
        for call in 1..4 {
            bench.join(call, "9001");
            bench.pass(4 + u64::try_from(call).expect("small"));
            let agent = if bench.queue("9001").trying == 1 && call % 2 == 1 { "a" } else { "b" };
            bench.talk(agent);
            bench.pass(600);
            bench.finished(call);
            bench.pass(2);
        }
        bench.join(4, "9001");
        bench.leave(4, super::super::Leaving::HungUp);
        bench
    }

    #[test]
    fn figures_and_intents_come_back() {
        let mut before = morning();
        before.intent("b", on_break());
        before.pass(11);
        let counted = before.counted("9001");
        assert_eq!([counted.answered, counted.answered_in_time, counted.abandoned], [3, 1, 1]);
        let agent = before.agent_counted("a");
        assert!(agent.logged_in_ms > 1_800_000 && agent.talk_ms == 1_200_000);
        let (intents, figures) = records(&mut before);
        assert_eq!(intents.len(), 1);
        let mut after = morning_again();
        let now = before.now;
        after.now = now;
        after.acd.restore(now, &intents, &stored(figures));
        after.check();
        assert_eq!(after.counted("9001"), counted);
        assert_eq!(after.agent_counted("a").talk_ms, agent.talk_ms);
        assert_eq!(after.view("b").intent, on_break());
        assert_eq!(after.view("a").intent, Intent::Available);
        let told = |act: &Act| matches!(act, Act::Publish { .. } | Act::Offer(_));
        assert!(!after.acts().iter().any(told), "nothing of it is news");
    }

    fn morning_again() -> Bench {
        let mut bench = bench(&[("a", 1, 1), ("b", 1, 2)], |_| ());
        bench.acts();
        bench
    }

    #[test]
    fn a_quarter_is_kept_soon_after_a_change_and_when_it_is_over() {
        let mut bench = bench(&[("a", 1, 1)], |_| ());
        bench.acts();
        bench.join(1, "9001");
        bench.leave(1, super::super::Leaving::HungUp);
        bench.pass(9);
        assert_eq!(records(&mut bench).1, []);
        bench.pass(1);
        let queue = |record: &FigureRecord| record.queue.clone();
        let kept: Vec<QueueFigures> = records(&mut bench).1.iter().filter_map(queue).collect();
        assert_eq!(kept.len(), 1);
        assert_eq!((kept[0].entered, kept[0].abandoned), (1, 1));
        bench.pass(900);
        let closed = records(&mut bench).1;
        let logged_in: u64 =
            closed.iter().filter_map(|record| record.agent.as_ref()).map(|a| a.logged_in_ms).sum();
        assert!(logged_in >= 900_000, "{logged_in}");
    }

    #[test]
    fn what_concerns_nobody_is_left_out() {
        let (intents, figures) = {
            let mut before = morning();
            before.intent("b", on_break());
            before.pass(11);
            records(&mut before)
        };
        let mut after = bench(&[("z", 1, 1)], |queue| queue.key.number = "9009".into());
        after.acd.restore(after.now, &intents, &figures);
        after.check();
        assert_eq!(after.counted("9009"), QueueFigures::default());
    }
}
