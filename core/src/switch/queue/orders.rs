//! Orders about agents and queues from outside: who may, and what the distributor says to it.

use crate::acd::{Leaving, OrderError};
use crate::call::Outcome;
use crate::vocab::acd::{AgentOrder, Intent, IntentSource, QueueKey, QueueOrder};
use crate::vocab::config::Destination;
use crate::vocab::record::EndCause;
use crate::vocab::{AgentKey, CallId, CommandError, Done, ExtensionKey, Now, Principal, Role};

use super::super::Running;

type Ordered = Result<Done, CommandError>;

/// Bytes of a break's reason and sub-state, and of a disposition.
const MAX_TEXT: usize = 64;

impl Running {
    pub(in super::super) fn order_agent(
        &mut self,
        now: Now,
        principal: &Principal,
        id: String,
        order: AgentOrder,
    ) -> Ordered {
        may_order(principal, &id)?;
        let agent = AgentKey { tenant: principal.tenant.clone(), id };
        let acd = &mut self.queues.acd;
        let done = match order {
            AgentOrder::Intent(intent) => {
                let intent = checked(intent)?;
                let changed = acd.set_intent(now, &agent, intent, IntentSource::Api);
                changed.map(|_| ()).map_err(|_| OrderError::NoSuchAgent)
            }
            AgentOrder::EndWrapUp => acd.end_wrap_up(now, &agent),
            AgentOrder::ExtendWrapUp(secs) => acd.extend_wrap_up(now, &agent, secs),
            AgentOrder::Disposition { call, code } => {
                short(&code, "a disposition")?;
                acd.disposition(now, &agent, call)
            }
            AgentOrder::ActivePlace(place) => acd.active_place(now, &agent, place),
            AgentOrder::Desk(extension) => {
                if let Some(number) = &extension {
                    self.known_extension(&agent, number)?;
                }
                self.queues.acd.desk(now, &agent, extension)
            }
        };
        done.map_err(|why| refused(why, &agent))?;
        self.staff.look_at(agent);
        Ok(Done::Ordered)
    }

    fn known_extension(&self, agent: &AgentKey, number: &str) -> Result<(), CommandError> {
        let key = ExtensionKey { tenant: agent.tenant.clone(), number: number.to_owned() };
        match self.books.directory.extension(&key) {
            Some(_) => Ok(()),
            None => Err(CommandError::NotFound(format!("no extension {number}"))),
        }
    }

    pub(in super::super) fn order_queue(
        &mut self,
        now: Now,
        principal: &Principal,
        number: String,
        order: QueueOrder,
    ) -> Ordered {
        if !matches!(principal.role, Role::Supervisor | Role::Admin) {
            return Err(CommandError::Forbidden("the key may not order queues".into()));
        }
        let key = QueueKey { tenant: principal.tenant.clone(), number };
        if self.queues.acd.queue(now, &key).is_none() {
            return Err(CommandError::NotFound(format!("no queue {}", key.number)));
        }
        let (QueueOrder::Remove(call)
        | QueueOrder::Send(call, _)
        | QueueOrder::Prioritise(call, _)) = &order;
        if self.queues.acd.queue_of(*call) != Some(&key) {
            let text = format!("call {call} is not in queue {}", key.number);
            return Err(CommandError::NotFound(text));
        }
        match order {
            QueueOrder::Remove(call) => self.remove_caller(now, call),
            QueueOrder::Send(call, to) => self.send_caller(now, call, &key.tenant, &to)?,
            QueueOrder::Prioritise(call, priority) => {
                if !self.queues.acd.prioritise(now, call, priority) {
                    return Err(CommandError::Conflict(format!("call {call} does not wait")));
                }
            }
        }
        Ok(Done::Ordered)
    }

    /// As if the queue itself led there.
    fn send_caller(
        &mut self,
        now: Now,
        call: CallId,
        tenant: &str,
        to: &str,
    ) -> Result<(), CommandError> {
        if !self.waits_in_queue(call) {
            return Err(CommandError::Conflict(format!("call {call} does not wait")));
        }
        let nowhere = || CommandError::Invalid(format!("\"{to}\" leads nowhere"));
        let to = Destination::parse(to, tenant).ok_or_else(nowhere)?;
        let hops = self.books.directory.destination(tenant, &to);
        let mut hops = hops.map_err(|_| nowhere())?;
        if !hops.iter().all(|hop| self.exists(hop)) {
            return Err(nowhere());
        }
        self.books.trunks.living_first(&mut hops);
        self.queues.acd.leave(now, call, Leaving::Removed);
        self.queues.forget(call);
        self.step(now, call, |call, ctx| call.go_to(ctx, hops));
        Ok(())
    }

    fn remove_caller(&mut self, now: Now, call: CallId) {
        self.queues.acd.leave(now, call, Leaving::Removed);
        self.queues.forget(call);
        let outcome = Outcome::of(EndCause::Administrative);
        self.step(now, call, |call, ctx| {
            call.release(ctx, outcome, false);
            call.hang_up(ctx, EndCause::Administrative);
        });
    }
}

/// An agent's key orders about its own agent, a supervisor's about all.
fn may_order(principal: &Principal, id: &str) -> Result<(), CommandError> {
    let own = principal.agent.as_deref();
    match principal.role {
        Role::Supervisor | Role::Admin => Ok(()),
        Role::Agent if own == Some(id) => Ok(()),
        Role::Agent => {
            let text = format!("the key orders only about agent {}", own.unwrap_or("nobody"));
            Err(CommandError::Forbidden(text))
        }
        Role::ReadOnly | Role::User => {
            Err(CommandError::Forbidden("the key may not order agents".into()))
        }
    }
}

fn short(text: &str, what: &str) -> Result<(), CommandError> {
    match text.len() {
        0..=MAX_TEXT => Ok(()),
        _ => Err(CommandError::Invalid(format!("{what} has at most {MAX_TEXT} bytes"))),
    }
}

fn checked(intent: Intent) -> Result<Intent, CommandError> {
    if let Intent::OnBreak { reason, sub_state } = &intent {
        short(reason, "a reason")?;
        short(sub_state, "a sub-state")?;
    }
    Ok(intent)
}

fn refused(why: OrderError, agent: &AgentKey) -> CommandError {
    let id = &agent.id;
    match why {
        OrderError::NoSuchAgent => CommandError::NotFound(format!("no agent {id}")),
        OrderError::NotWrappingUp => {
            CommandError::Conflict(format!("agent {id} is not wrapping up"))
        }
        OrderError::DispositionRequired => {
            CommandError::Conflict("the queue wants a disposition first".into())
        }
        OrderError::NoSuchConversation => {
            CommandError::Conflict(format!("agent {id} has no such conversation to dispose of"))
        }
        OrderError::NoSuchPlace => {
            CommandError::Invalid(format!("agent {id} has no such place; places count from 0"))
        }
        OrderError::TooLong => CommandError::Invalid("wrap-up ends within 3600 seconds".into()),
    }
}
