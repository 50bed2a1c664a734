//! Dial tasks over HTTP: orders and questions.

use crate::dialer::{Added, OrderError};
use crate::vocab::command::Page;
use crate::vocab::dial::{
    DialAction, DialMode, DialOrder, DialTask, DialTaskKey, MAX_CALLS, RATIOS,
};
use crate::vocab::{CommandError, Done, Now, Principal, Reply, RequestId, Role};

use super::Running;
use super::queries::MAX_ROWS;

/// A number rings so long at least and at most, in seconds.
const RING_SECS: std::ops::RangeInclusive<u32> = 5..=120;

impl Running {
    /// Answered when it is on disk.
    pub(super) fn order_dialling(
        &mut self,
        now: Now,
        id: RequestId,
        principal: &Principal,
        order: DialOrder,
    ) {
        let done = self.dial_order(now, principal, order);
        // What the order has written belongs to this group.
        while let Some(act) = self.dialing.dialer.poll() {
            self.on_dial_act(now, act);
        }
        self.desk.out.reply_when_stored(id, Reply::Command(done));
    }

    fn dial_order(
        &mut self,
        now: Now,
        principal: &Principal,
        order: DialOrder,
    ) -> Result<Done, CommandError> {
        let may = match &order {
            DialOrder::Task { .. } => matches!(principal.role, Role::Supervisor | Role::Admin),
            DialOrder::Put(_) | DialOrder::Delete(_) | DialOrder::Block { .. } => {
                principal.role == Role::Admin
            }
        };
        if !may {
            let text = "only an admin's key may define dial tasks, and a supervisor's direct them";
            return Err(CommandError::Forbidden(text.into()));
        }
        let key = |id: String| DialTaskKey { tenant: principal.tenant.clone(), id };
        match order {
            DialOrder::Put(task) => {
                if task.key.tenant != principal.tenant {
                    return Err(CommandError::Forbidden("the task is another tenant's".into()));
                }
                self.check_dial_task(&task)?;
                self.dialing.dialer.put(*task).map_err(|why| refused(&why))?;
                Ok(Done::Defined)
            }
            DialOrder::Delete(id) => {
                self.dialing.dialer.delete(&key(id)).map_err(|why| refused(&why))?;
                Ok(Done::Defined)
            }
            DialOrder::Task { task, action } => {
                let is_addition = matches!(action, DialAction::Add { .. });
                let key = key(task);
                if action == DialAction::Start
                    && let Some(task) = self.dialing.dialer.task(&key).cloned()
                {
                    self.check_dial_task(&task)?;
                }
                let added = self.dialing.dialer.order(now, &key, action);
                let Added { added, repeated, refused } =
                    added.map_err(|why| refused_of(&key, &why))?;
                if is_addition {
                    return Ok(Done::NumbersAdded { added, repeated, refused });
                }
                Ok(Done::Ordered)
            }
            DialOrder::Block { numbers, blocked } => {
                let tenant = &principal.tenant;
                let numbers: Vec<String> =
                    numbers.iter().map(|number| self.books.canonical(tenant, number)).collect();
                let done = self.dialing.dialer.block(tenant, numbers, blocked);
                done.map_err(|why| refused(&why))?;
                Ok(Done::Defined)
            }
        }
    }

    /// Everything that a task names exists.
    fn check_dial_task(&self, task: &DialTask) -> Result<(), CommandError> {
        let invalid = |text: String| Err(CommandError::Invalid(text));
        let config = self.books.directory.config();
        let tenant = &task.key.tenant;
        if !RATIOS.contains(&task.ratio) {
            return invalid("the ratio is 1.0 to 5.0 calls for each idle agent".into());
        }
        if !(1..=MAX_CALLS).contains(&task.max_calls) {
            return invalid(format!("a task has 1 to {MAX_CALLS} calls at a time"));
        }
        if !RING_SECS.contains(&task.ring_secs) {
            let (least, most) = (RING_SECS.start(), RING_SECS.end());
            return invalid(format!("a number rings {least} to {most} seconds"));
        }
        if self.books.directory.own_number(tenant, &task.caller_number).is_none() {
            return invalid(format!("\"{}\" is no number of the tenant", task.caller_number));
        }
        match task.mode {
            DialMode::Progressive | DialMode::Ratio | DialMode::Predictive => {
                let Some(queue) = &task.queue else {
                    return invalid("a task that wants agents names its queue".into());
                };
                if queue.tenant != *tenant || self.queues.acd.queue_config(queue).is_none() {
                    return invalid(format!("no queue {}", queue.number));
                }
            }
            DialMode::Broadcast => {
                let Some(menu) = &task.menu else {
                    return invalid("a broadcast names the menu that it plays".into());
                };
                if menu.tenant != *tenant || !self.lobby.menus.contains_key(menu) {
                    return invalid(format!("no menu {}", menu.name));
                }
            }
            DialMode::Robot => {
                if self.robot_url(task).is_none() {
                    let right = "name robot_url, here or in the tenant's [[dialer]]";
                    return invalid(format!("a robot's task wants the robot's address: {right}"));
                }
            }
        }
        if let Some(name) = &task.hours
            && !config.hours.iter().any(|hours| hours.tenant == *tenant && hours.name == *name)
        {
            return invalid(format!("no [[hours]] are called \"{name}\""));
        }
        Ok(())
    }

    pub(super) fn dial_tasks_page(
        &self,
        now: Now,
        principal: &Principal,
        offset: usize,
        limit: usize,
    ) -> Reply {
        if !sees_tasks(principal) {
            return Reply::Refused(hidden());
        }
        let (items, total) =
            self.dialing.dialer.page(&principal.tenant, offset, limit.min(MAX_ROWS));
        Reply::DialTasks(Page { items, total, as_of: now.wall })
    }

    pub(super) fn one_dial_task(&self, principal: &Principal, id: String) -> Reply {
        if !sees_tasks(principal) {
            return Reply::Refused(hidden());
        }
        let key = DialTaskKey { tenant: principal.tenant.clone(), id };
        match self.dialing.dialer.view(&key) {
            Some(view) => Reply::DialTask(Box::new(view)),
            None => Reply::Refused(refused_of(&key, &OrderError::NoTask)),
        }
    }

    pub(super) fn do_not_call_page(
        &self,
        now: Now,
        principal: &Principal,
        offset: usize,
        limit: usize,
    ) -> Reply {
        if !sees_tasks(principal) {
            return Reply::Refused(hidden());
        }
        let (items, total) =
            self.dialing.dialer.blocked(&principal.tenant, offset, limit.min(MAX_ROWS));
        Reply::DoNotCall(Page { items, total, as_of: now.wall })
    }
}

fn sees_tasks(principal: &Principal) -> bool {
    matches!(principal.role, Role::ReadOnly | Role::Supervisor | Role::Admin)
}

fn hidden() -> CommandError {
    CommandError::Forbidden("a user's or agent's key does not see dial tasks".into())
}

fn refused_of(key: &DialTaskKey, why: &OrderError) -> CommandError {
    match why {
        OrderError::NoTask => CommandError::NotFound(format!("no dial task {}", key.id)),
        why => refused(why),
    }
}

fn refused(why: &OrderError) -> CommandError {
    match why {
        OrderError::NoTask => CommandError::NotFound("no such dial task".into()),
        OrderError::NotNow(right) => CommandError::Conflict((*right).into()),
        OrderError::TooMany(what, most) => {
            CommandError::Conflict(format!("{what}: {most} at most"))
        }
        OrderError::Ratio => {
            CommandError::Invalid("the ratio is 1.0 to 5.0 calls for each idle agent".into())
        }
    }
}
