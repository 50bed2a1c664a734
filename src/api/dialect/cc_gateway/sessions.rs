//! Who is signed in. A session lives as long as its agent polls or orders something, and not over a restart.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use sha2::{Digest, Sha256};
use strowger_core::vocab::{ExtensionKey, Principal, Role, TenantId};
use subtle::ConstantTimeEq;
use tokio::sync::Notify;

use super::answer::{Fault, Refusal};
use super::story::Story;
use crate::api::auth::standing_in;

/// A session that nobody has used for so long has expired; milliseconds.
const IDLE: u64 = 30 * 60 * 1_000;
/// Sessions at a time.
const MOST: usize = 10_000;
/// Events that wait for an agent; beyond them the oldest are dropped.
const WAITING: usize = 1_000;
/// Ended sessions that are remembered, so that their Guids are told why.
const ENDED: usize = 10_000;

type Digested = [u8; 32];

fn digest(guid: &str) -> Digested {
    Sha256::digest(guid.as_bytes()).into()
}

/// One agent's sign-in.
#[derive(Debug)]
pub(super) struct Session {
    guid: Digested,
    /// Its phone.
    extension: String,
    used: u64,
    waiting: VecDeque<Value>,
    /// What it was told of its calls.
    story: Story,
    bell: Arc<Notify>,
}

/// Who is signed in, by tenant and agent.
#[derive(Debug, Default)]
pub(in crate::api::dialect) struct Sessions(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    open: BTreeMap<(TenantId, String), Session>,
    /// No session expires before; none is looked at until then.
    expires: u64,
    ended: VecDeque<(Digested, Fault)>,
}

/// A signed-in agent, as it orders.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    pub(super) tenant: TenantId,
    pub(super) id: String,
    pub(super) extension: String,
}

impl Agent {
    /// With the rights of the agent alone.
    pub(super) fn principal(&self) -> Principal {
        Principal {
            tenant: self.tenant.clone(),
            role: Role::Agent,
            name: format!("agent {}", self.id),
            extension: Some(self.extension.clone()),
            agent: Some(self.id.clone()),
        }
    }

    /// With a view of the whole tenant, for questions that an agent's order raises.
    pub(super) fn observer(&self) -> Principal {
        observer(&self.tenant)
    }
}

/// Sees a whole tenant.
pub(super) fn observer(tenant: &str) -> Principal {
    standing_in(tenant, Role::Supervisor, "agents' gateway")
}

impl Sessions {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs an agent in. `force` ends a session that it has already.
    pub(super) fn open(
        &self,
        agent: &Agent,
        guid: &str,
        force: bool,
        now: u64,
    ) -> Result<(), Refusal> {
        let mut inner = self.inner();
        inner.expire(now);
        let key = (agent.tenant.clone(), agent.id.clone());
        if !force && inner.open.contains_key(&key) {
            let message = format!("agent {} is signed in already", agent.id);
            return Err(Refusal::new(Fault::Twice, message));
        }
        if inner.open.len() >= MOST && !inner.open.contains_key(&key) {
            return Err(Refusal::new(Fault::Failed, "too many agents are signed in"));
        }
        let session = Session {
            guid: digest(guid),
            extension: agent.extension.clone(),
            used: now,
            waiting: VecDeque::new(),
            story: Story::default(),
            bell: Arc::default(),
        };
        if let Some(old) = inner.open.insert(key, session) {
            inner.end(old, Fault::SignedOut);
        }
        Ok(())
    }

    /// The agent that a request is of.
    pub(super) fn find(&self, id: &str, guid: Option<&str>, now: u64) -> Result<Agent, Refusal> {
        let mut inner = self.inner();
        inner.expire(now);
        let Some(guid) = guid.map(digest) else {
            return Err(Refusal::new(
                Fault::NotSignedIn,
                format!("agent {id} is not signed in here: no Guid"),
            ));
        };
        let mut of_agent = inner.open.iter_mut().filter(|((_, own), _)| own == id).peekable();
        let some = of_agent.peek().is_some();
        if let Some(((tenant, _), session)) =
            of_agent.find(|(_, session)| bool::from(session.guid.ct_eq(&guid)))
        {
            session.used = now;
            let (tenant, extension) = (tenant.clone(), session.extension.clone());
            return Ok(Agent { tenant, id: id.to_owned(), extension });
        }
        let ended = inner.ended.iter().rev().find(|(old, _)| bool::from(old.ct_eq(&guid)));
        Err(match ended {
            Some((_, Fault::SignedOut)) => {
                Refusal::new(Fault::SignedOut, format!("agent {id} has signed out"))
            }
            Some(_) => Refusal::new(Fault::Expired, "the sign-in has expired; sign in again"),
            None if some => Refusal::new(Fault::Expired, "the Guid is not that of the sign-in"),
            None => Refusal::new(Fault::NotSignedIn, format!("agent {id} is not signed in")),
        })
    }

    /// Signs an agent out.
    pub(super) fn close(&self, agent: &Agent) {
        let mut inner = self.inner();
        if let Some(old) = inner.open.remove(&(agent.tenant.clone(), agent.id.clone())) {
            inner.end(old, Fault::SignedOut);
        }
    }

    /// Signs all agents of a tenant out that is gone.
    pub(in crate::api::dialect) fn forget_tenant(&self, tenant: &str) {
        let mut inner = self.inner();
        let own: Vec<_> = inner.open.extract_if(.., |(whose, _), _| whose == tenant).collect();
        own.into_iter().for_each(|(_, session)| inner.end(session, Fault::SignedOut));
    }

    /// The next event of an agent, or what rings when there is one.
    pub(super) fn take(
        &self,
        agent: &Agent,
        guid: &str,
        now: u64,
    ) -> Result<Result<Value, Arc<Notify>>, Refusal> {
        self.find(&agent.id, Some(guid), now)?;
        let mut inner = self.inner();
        let session = inner.open.get_mut(&(agent.tenant.clone(), agent.id.clone()));
        let Some(session) = session else {
            return Err(Refusal::new(
                Fault::SignedOut,
                format!("agent {} has signed out", agent.id),
            ));
        };
        Ok(session.waiting.pop_front().ok_or_else(|| Arc::clone(&session.bell)))
    }

    /// Ends what nobody uses, also where nobody asks any more.
    pub(super) fn sweep(&self, now: u64) {
        self.inner().expire(now);
    }

    /// Those of a tenant who are signed in.
    pub(super) fn of_tenant(&self, tenant: &str) -> Vec<(String, ExtensionKey)> {
        let inner = self.inner();
        let from = (tenant.to_owned(), String::new());
        let own = inner.open.range(from..).take_while(|((own, _), _)| own == tenant);
        own.map(|((tenant, id), session)| {
            let number = session.extension.clone();
            (id.clone(), ExtensionKey { tenant: tenant.clone(), number })
        })
        .collect()
    }

    /// Adds to what an agent was told, and what it is to be told.
    pub(super) fn tell(
        &self,
        tenant: &str,
        id: &str,
        change: impl FnOnce(&mut Story) -> Vec<Value>,
    ) {
        let mut inner = self.inner();
        let Some(session) = inner.open.get_mut(&(tenant.to_owned(), id.to_owned())) else { return };
        for event in change(&mut session.story) {
            if session.waiting.len() >= WAITING {
                session.waiting.pop_front();
                tracing::warn!(%tenant, agent = %id, "an agent does not fetch its events: one is dropped");
            }
            session.waiting.push_back(event);
        }
        if !session.waiting.is_empty() {
            session.bell.notify_waiters();
        }
    }
}

impl Inner {
    fn expire(&mut self, now: u64) {
        if now < self.expires {
            return;
        }
        let old = |session: &Session| now.saturating_sub(session.used) > IDLE;
        let over: Vec<_> = self
            .open
            .iter()
            .filter(|(_, session)| old(session))
            .map(|(key, _)| key.clone())
            .collect();
        for key in over {
            if let Some(session) = self.open.remove(&key) {
                self.end(session, Fault::Expired);
            }
        }
        // Whoever uses a session or opens one only moves its end away from now.
        let used = self.open.values().map(|session| session.used).min().unwrap_or(now);
        self.expires = used.saturating_add(IDLE + 1);
    }

    fn end(&mut self, session: Session, why: Fault) {
        if self.ended.len() >= ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back((session.guid, why));
        session.bell.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(tenant: &str) -> Agent {
        Agent { tenant: tenant.into(), id: "101".into(), extension: "1002".into() }
    }

    fn refused(result: Result<Agent, Refusal>, code: &str) {
        let shown = format!("{:?}", result.unwrap_err());
        assert!(shown.contains(code), "{shown}");
    }

    #[test]
    fn a_guid_opens_its_own_session_and_nothing_else() {
        let sessions = Sessions::default();
        refused(sessions.find("101", Some("a"), 0), "NotSignedIn");
        sessions.open(&agent("t"), "a", false, 0).unwrap();
        sessions.open(&agent("u"), "b", false, 0).unwrap();
        assert_eq!(sessions.find("101", Some("a"), 0).unwrap().tenant, "t");
        assert_eq!(sessions.find("101", Some("b"), 0).unwrap().tenant, "u");
        refused(sessions.find("101", Some("c"), 0), "Expired");
        refused(sessions.find("101", None, 0), "NotSignedIn");
        refused(sessions.find("102", Some("a"), 0), "NotSignedIn");
        assert!(sessions.open(&agent("t"), "d", false, 0).is_err());
        sessions.open(&agent("t"), "d", true, 0).unwrap();
        refused(sessions.find("101", Some("a"), 0), "SignedOut");
        sessions.close(&agent("t"));
        refused(sessions.find("101", Some("d"), 0), "SignedOut");
        assert!(!format!("{sessions:?}").contains("\"d\""));
    }

    #[test]
    fn a_session_that_nobody_uses_expires() {
        let sessions = Sessions::default();
        sessions.open(&agent("t"), "a", false, 0).unwrap();
        assert!(sessions.find("101", Some("a"), IDLE).is_ok());
        assert!(sessions.find("101", Some("a"), 2 * IDLE).is_ok(), "it was used meanwhile");
        refused(sessions.find("101", Some("a"), 3 * IDLE + 1), "Expired");
    }

    #[test]
    fn a_session_that_nobody_asks_for_ends_with_what_happens_elsewhere() {
        let sessions = Sessions::default();
        sessions.open(&agent("t"), "a", false, 0).unwrap();
        sessions.open(&agent("u"), "b", false, 10).unwrap();
        sessions.sweep(IDLE);
        assert_eq!(sessions.of_tenant("t").len(), 1);
        sessions.sweep(IDLE + 1);
        assert_eq!((sessions.of_tenant("t").len(), sessions.of_tenant("u").len()), (0, 1));
        sessions.sweep(IDLE + 11);
        assert_eq!(sessions.of_tenant("u").len(), 0);
        refused(sessions.find("101", Some("b"), IDLE + 11), "Expired");
    }

    #[test]
    fn events_wait_in_order_and_are_bounded() {
        let sessions = Sessions::default();
        sessions.open(&agent("t"), "a", false, 0).unwrap();
        assert!(sessions.take(&agent("t"), "a", 0).unwrap().is_err());
        for n in 0..=WAITING {
            sessions.tell("t", "101", |_| vec![Value::from(n)]);
        }
        assert_eq!(
            sessions.take(&agent("t"), "a", 0).unwrap().unwrap(),
            1,
            "the oldest is dropped"
        );
        assert_eq!(sessions.take(&agent("t"), "a", 0).unwrap().unwrap(), 2);
        assert_eq!(sessions.of_tenant("t").len(), 1);
        assert!(sessions.of_tenant("").is_empty());
    }
}
