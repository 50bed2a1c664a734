//! A tenant goes, with everything that it has.

use crate::vocab::{CommandError, Config, Done, Now, Principal, Record, Reply, RequestId, Role};

use super::Running;

impl Running {
    /// Removes a tenant that has no calls; answered when nothing of it is on disk any more.
    pub(super) fn remove_tenant(
        &mut self,
        now: Now,
        id: RequestId,
        principal: &Principal,
        (tenant, config): (&str, Config),
    ) {
        let done = self.tenant_removed(now, principal, tenant, config);
        self.desk.out.reply_when_stored(id, Reply::Command(done));
    }

    fn tenant_removed(
        &mut self,
        now: Now,
        principal: &Principal,
        tenant: &str,
        config: Config,
    ) -> Result<Done, CommandError> {
        // A key belongs to a tenant: no key may, not even the tenant's own.
        if principal.role != Role::Admin || !principal.tenant.is_empty() {
            return Err(CommandError::Forbidden("tenants are the installation's to remove".into()));
        }
        if self.is_busy(tenant) {
            let text = format!(
                "tenant {tenant} has calls, or they are being written down; end them first"
            );
            return Err(CommandError::Conflict(text));
        }
        if config.tenants.iter().any(|own| own.id == tenant) {
            return Err(CommandError::Invalid(format!("the configuration still has {tenant}")));
        }
        self.defined.forget_tenant(tenant);
        self.queues.forget_tenant(tenant);
        self.lobby.forget_tenant(tenant);
        self.phones.forget_tenant(tenant);
        self.mwi.forget_tenant(tenant);
        self.dialing.dialer.forget_tenant(tenant);
        self.desk.policy.tenants.remove(tenant);
        // Registrations, trunks, agents, what owners have set: whoever is not in the configuration any more.
        self.reload(now, config);
        // What ends so writes its last lines, which are to go too.
        self.turn_over(now);
        self.desk.out.persist(Record::TenantGone(tenant.to_owned()));
        Ok(Done::Ordered)
    }

    /// Whether something of a tenant is under way that will be written down.
    fn is_busy(&self, tenant: &str) -> bool {
        let rooms = &self.conferences;
        self.calls.iter().any(|call| call.tenant == tenant)
            || rooms.live.keys().any(|room| room.tenant == tenant)
            || rooms.tapes.values().any(|tape| tape.is_of(tenant))
            || self.dialing.dialer.has_attempts(tenant)
    }
}
