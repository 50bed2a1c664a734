//! Questions about queues and agents.

use crate::vocab::acd::{AgentView, FigureSubject, QueueKey, QueueView};
use crate::vocab::{AgentKey, CallId, CommandError, Now, Principal, Query, Reply, Role};

use super::super::Running;

/// Rows that one reply holds at most.
const MAX_ROWS: usize = 200;
/// Callers that one explanation covers at most.
const MAX_EXPLAINED: usize = 20;

impl Running {
    /// Answers a question about queues or agents; others are none of this.
    pub(in super::super) fn query_queues(
        &self,
        now: Now,
        principal: &Principal,
        query: Query,
    ) -> Reply {
        if principal.role == Role::User {
            let text = "the key of an extension sees no queues";
            return Reply::Refused(CommandError::Forbidden(text.into()));
        }
        let tenant = &principal.tenant;
        let queue = |number: String| QueueKey { tenant: tenant.clone(), number };
        let acd = &self.queues.acd;
        match query {
            Query::Queues { offset, limit } => {
                let mut page = acd.queues(now, tenant, offset, limit.min(MAX_ROWS));
                page.items.iter_mut().for_each(|view| self.mark_queue(view));
                Reply::Queues(page)
            }
            Query::Queue(number) => match acd.queue(now, &queue(number.clone())) {
                Some(mut view) => {
                    self.mark_queue(&mut view);
                    Reply::Queue(Box::new(view))
                }
                None => no_queue(&number),
            },
            Query::Agents { queue: number, offset, limit } => {
                self.agents_page(now, principal, number.map(queue), offset, limit.min(MAX_ROWS))
            }
            Query::Agent(id) => self.agent_reply(now, principal, id),
            Query::Members { queue: number, offset, limit } => {
                let page = acd.members(now, &queue(number.clone()), offset, limit.min(MAX_ROWS));
                page.map_or_else(|| no_queue(&number), Reply::Members)
            }
            Query::Explain { queue: number, call, limit } => {
                self.explained(now, &queue(number), call, limit)
            }
            Query::Counted(subject) => self.counted(now, principal, &subject),
            _ => Reply::Refused(CommandError::NotFound("no such thing".into())),
        }
    }

    fn mark_queue(&self, view: &mut QueueView) {
        view.from_file = self.is_of_file(&FigureSubject::Queue(view.config.key.clone()));
    }

    fn mark_agent(&self, view: &mut AgentView) {
        view.from_file = self.is_of_file(&FigureSubject::Agent(view.config.key.clone()));
    }

    fn agents_page(
        &self,
        now: Now,
        principal: &Principal,
        queue: Option<QueueKey>,
        offset: usize,
        limit: usize,
    ) -> Reply {
        if principal.role == Role::Agent {
            let text = "an agent's key sees its own agent only";
            return Reply::Refused(CommandError::Forbidden(text.into()));
        }
        if let Some(key) = queue.as_ref().filter(|key| self.queues.acd.queue(now, key).is_none()) {
            return no_queue(&key.number);
        }
        let acd = &self.queues.acd;
        let mut page = acd.agents(now, &principal.tenant, queue.as_ref(), offset, limit);
        page.items.iter_mut().for_each(|view| self.mark_agent(view));
        Reply::Agents(page)
    }

    fn agent_reply(&self, now: Now, principal: &Principal, id: String) -> Reply {
        let own = principal.role != Role::Agent || principal.agent.as_deref() == Some(&id);
        let key = AgentKey { tenant: principal.tenant.clone(), id };
        match self.queues.acd.agent(now, &key).filter(|_| own) {
            Some(mut view) => {
                self.mark_agent(&mut view);
                Reply::Agent(Box::new(view))
            }
            None => Reply::Refused(CommandError::NotFound(format!("no agent {}", key.id))),
        }
    }

    fn explained(&self, now: Now, key: &QueueKey, call: Option<CallId>, limit: usize) -> Reply {
        let acd = &self.queues.acd;
        match (acd.explain(now, key, call, limit.min(MAX_EXPLAINED)), call) {
            (Some(explanation), _) => Reply::Explanation(Box::new(explanation)),
            (None, Some(call)) if acd.queue(now, key).is_some() => {
                let text = format!("call {call} does not wait in queue {}", key.number);
                Reply::Refused(CommandError::NotFound(text))
            }
            (None, _) => no_queue(&key.number),
        }
    }

    fn counted(&self, now: Now, principal: &Principal, subject: &FigureSubject) -> Reply {
        let (tenant, own) = match subject {
            FigureSubject::Queue(key) => (&key.tenant, principal.role != Role::Agent),
            FigureSubject::Agent(key) => {
                let own = principal.agent.as_deref() == Some(&key.id);
                (&key.tenant, principal.role != Role::Agent || own)
            }
        };
        let visible = *tenant == principal.tenant && own;
        let counted = visible.then(|| self.queues.acd.counted(now, subject)).flatten();
        match counted {
            Some(counted) => Reply::Counted(Box::new(counted)),
            None => Reply::Refused(CommandError::NotFound("no such queue or agent".into())),
        }
    }
}

fn no_queue(number: &str) -> Reply {
    Reply::Refused(CommandError::NotFound(format!("no queue {number}")))
}
