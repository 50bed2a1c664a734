//! Tasks are made, told what to do, and removed.

use crate::vocab::dial::{
    DialAction, DialChange, DialNumber, DialNumberRecord, DialState, DialTask, DialTaskKey,
    MAX_BATCH, MAX_BLOCKED, MAX_TASKS, NumberStage, RATIOS,
};
use crate::vocab::{Now, Record, TenantId};

use super::task::{Added, Task};
use super::{Act, Dialer};

/// Why an order about a task is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderError {
    /// There is none.
    NoTask,
    /// It is not in the state for that; says what would be right.
    NotNow(&'static str),
    /// A limit is reached.
    TooMany(&'static str, usize),
    /// The ratio is out of range.
    Ratio,
}

impl Dialer {
    /// Makes a task, or changes one: calls in progress go on as they began.
    ///
    /// # Errors
    /// The tenant has too many, or the queue is to change while the task has calls.
    pub fn put(&mut self, config: DialTask) -> Result<(), OrderError> {
        let key = config.key.clone();
        match self.tasks.get_mut(&key) {
            Some(task) if task.config == config => return Ok(()),
            Some(task) => {
                let moves = task.config.queue != config.queue || task.config.mode != config.mode;
                if moves && !task.calls.is_empty() {
                    let text = "its mode and queue can change only while it has no calls";
                    return Err(OrderError::NotNow(text));
                }
                // Calls beyond a lower limit are left to end.
                task.was_limit_kept = task.calls.len() <= config.max_calls as usize;
                task.config = config;
            }
            None => {
                let own = self.tasks.keys().filter(|own| own.tenant == key.tenant);
                if own.count() >= MAX_TASKS {
                    return Err(OrderError::TooMany("tasks of a tenant", MAX_TASKS));
                }
                self.tasks.insert(key.clone(), Task::new(config));
            }
        }
        self.index(&key);
        self.save(&key);
        self.publish(&key, DialChange::Defined);
        self.touched.insert(key);
        Ok(())
    }

    /// Removes a task with its numbers.
    ///
    /// # Errors
    /// There is none, or it is under way.
    pub fn delete(&mut self, key: &DialTaskKey) -> Result<(), OrderError> {
        let task = self.tasks.get(key).ok_or(OrderError::NoTask)?;
        let over = matches!(task.state, DialState::Ready | DialState::Ended(_) | DialState::Paused);
        if !over || !task.calls.is_empty() {
            return Err(OrderError::NotNow("stop it first, and let its calls end"));
        }
        self.set_due(key, None);
        self.tasks.remove(key);
        self.touched.remove(key);
        self.remember(Record::DialTaskGone(key.clone()));
        self.publish(key, DialChange::Removed);
        Ok(())
    }

    /// Whether a number of a tenant's is being dialled or talked with.
    pub fn has_attempts(&self, tenant: &str) -> bool {
        self.attempts.values().any(|attempt| attempt.task.tenant == tenant)
    }

    /// Forgets the tasks of a tenant that has no attempts, and whom it never dials. Nothing is written.
    pub fn forget_tenant(&mut self, tenant: &str) {
        let own: Vec<DialTaskKey> =
            self.tasks.keys().filter(|key| key.tenant == tenant).cloned().collect();
        for key in &own {
            self.set_due(key, None);
            self.tasks.remove(key);
            self.touched.remove(key);
        }
        self.by_queue.retain(|queue, _| queue.tenant != tenant);
        self.blocked.remove(tenant);
        self.done.retain(|(own, _), _| own != tenant);
    }

    /// Tells a task what to do. What became of numbers that were given is returned.
    ///
    /// # Errors
    /// There is none, or it cannot now.
    pub fn order(
        &mut self,
        now: Now,
        key: &DialTaskKey,
        action: DialAction,
    ) -> Result<Added, OrderError> {
        let state = self.tasks.get(key).ok_or(OrderError::NoTask)?.state;
        match (action, state) {
            (DialAction::Start, _) => self.start(key),
            (DialAction::Pause, DialState::Running) => self.enter(key, DialState::Paused),
            (DialAction::Pause, DialState::Paused) => {}
            (DialAction::Pause, _) => {
                return Err(OrderError::NotNow("only a running task can be paused"));
            }
            (DialAction::Stop | DialAction::ForceStop, DialState::Ready) => {
                return Err(OrderError::NotNow("it was never started"));
            }
            (DialAction::Stop | DialAction::ForceStop, DialState::Ended(_)) => {}
            (DialAction::Stop, DialState::Stopping) => {}
            (DialAction::Stop, _) => self.stop(key),
            (DialAction::ForceStop, _) => self.force_stop(key),
            (DialAction::SetRatio(ratio), _) => self.set_ratio(key, ratio)?,
            (DialAction::Add { numbers, exhausted }, _) => {
                return self.add(now, key, numbers, exhausted);
            }
            (DialAction::FeedFailed, _) => {
                if let Some(task) = self.tasks.get_mut(key) {
                    task.pause_asking(now.mono);
                }
                self.touched.insert(key.clone());
            }
        }
        Ok(Added::default())
    }

    fn start(&mut self, key: &DialTaskKey) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        if task.state == DialState::Running {
            return;
        }
        // Who starts a task that has nothing left means to give it more; the last numbers stay the last ones.
        if matches!(task.state, DialState::Ended(_)) && task.waiting.is_empty() {
            task.exhausted = false;
        }
        task.forced = false;
        task.ask_anew();
        self.enter(key, DialState::Running);
        self.touched.insert(key.clone());
    }

    fn stop(&mut self, key: &DialTaskKey) {
        self.enter(key, DialState::Stopping);
        self.end_if_over(key);
    }

    fn force_stop(&mut self, key: &DialTaskKey) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        task.forced = true;
        let calls: Vec<_> = task.calls.iter().copied().collect();
        if task.state != DialState::Stopping {
            self.enter(key, DialState::Stopping);
        }
        for id in calls {
            let Some(attempt) = self.attempts.get_mut(&id) else { continue };
            attempt.cancelled = true;
            if attempt.call.is_some() {
                self.acts.push_back(Act::HangUp(id));
            }
        }
        self.end_if_over(key);
    }

    fn set_ratio(&mut self, key: &DialTaskKey, ratio: u32) -> Result<(), OrderError> {
        if !RATIOS.contains(&ratio) {
            return Err(OrderError::Ratio);
        }
        let Some(task) = self.tasks.get_mut(key).filter(|task| task.config.ratio != ratio) else {
            return Ok(());
        };
        task.config.ratio = ratio;
        self.save(key);
        self.publish(key, DialChange::Defined);
        self.touched.insert(key.clone());
        Ok(())
    }

    fn add(
        &mut self,
        now: Now,
        key: &DialTaskKey,
        numbers: Vec<DialNumber>,
        exhausted: bool,
    ) -> Result<Added, OrderError> {
        if numbers.len() > MAX_BATCH {
            return Err(OrderError::TooMany("numbers at a time", MAX_BATCH));
        }
        let task = self.tasks.get_mut(key).ok_or(OrderError::NoTask)?;
        let (fresh, added) = task.add(now.mono, numbers);
        // Numbers that found no room now are not the last ones: they are to be given again.
        let exhausted = exhausted && (added.refused == 0 || task.has_all());
        let changed = std::mem::replace(&mut task.exhausted, exhausted) != exhausted;
        for waiting in fresh {
            let record = DialNumberRecord {
                task: key.clone(),
                number: waiting.number,
                seq: waiting.seq,
                stage: NumberStage::Waiting,
            };
            self.remember(Record::DialNumber(Box::new(record)));
        }
        if changed {
            self.save(key);
        }
        self.touched.insert(key.clone());
        self.end_if_over(key);
        Ok(added)
    }

    fn enter(&mut self, key: &DialTaskKey, state: DialState) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        task.state = state;
        if state != DialState::Running {
            self.set_due(key, None);
        }
        self.index(key);
        self.save(key);
        self.publish(key, DialChange::State(state));
    }

    fn save(&mut self, key: &DialTaskKey) {
        if let Some(task) = self.tasks.get(key) {
            let record = Record::DialTask(Box::new(task.record()));
            self.remember(record);
        }
    }

    /// These numbers, in their canonical form, are never dialled for a tenant, or may be again.
    ///
    /// # Errors
    /// There are too many.
    pub fn block(
        &mut self,
        tenant: &TenantId,
        numbers: Vec<String>,
        blocked: bool,
    ) -> Result<(), OrderError> {
        let own = self.blocked.entry(tenant.clone()).or_default();
        if blocked && own.len() + numbers.len() > MAX_BLOCKED {
            return Err(OrderError::TooMany("numbers that are never dialled", MAX_BLOCKED));
        }
        for number in numbers {
            let changed = if blocked { own.insert(number.clone()) } else { own.remove(&number) };
            if changed {
                let tenant = tenant.clone();
                let record = Record::DoNotCall { tenant, number, listed: blocked };
                self.acts.push_back(Act::Remember(Box::new(record)));
            }
        }
        Ok(())
    }

    /// Whether a number, in its canonical form, is never dialled for a tenant.
    pub fn is_blocked(&self, tenant: &str, number: &str) -> bool {
        self.blocked.get(tenant).is_some_and(|own| own.contains(number))
    }
}
