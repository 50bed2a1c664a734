//! What a tenant sets for all of its calls.

use crate::vocab::settings::{TenantSettings, TenantSettingsRecord};
use crate::vocab::{
    CommandError, Done, EventKind, Now, Principal, Record, Reply, RequestId, Role, values,
};

use super::Running;

impl Running {
    /// Sets everything at once, over HTTP.
    pub(super) fn order_tenant_settings(
        &mut self,
        now: Now,
        id: RequestId,
        principal: &Principal,
        settings: TenantSettings,
    ) {
        let done = self.set_for_tenant(now, principal, settings);
        self.desk.out.reply_when_stored(id, Reply::Command(done));
    }

    fn set_for_tenant(
        &mut self,
        now: Now,
        principal: &Principal,
        settings: TenantSettings,
    ) -> Result<Done, CommandError> {
        if principal.role != Role::Admin {
            return Err(CommandError::Forbidden("this needs a key with role admin".into()));
        }
        if let Some(problem) = settings.problem() {
            return Err(CommandError::Invalid(problem));
        }
        let tenant = principal.tenant.clone();
        let foreign = settings.prompts().find_map(|own| values::own_prompt(own, &tenant).err());
        if let Some(why) = foreign {
            return Err(CommandError::Invalid(why));
        }
        if self.books.directory.tenant(&tenant).is_none() {
            return Err(CommandError::NotFound(format!("no tenant {tenant}")));
        }
        let before = self.desk.policy.tenants.insert(tenant.clone(), settings.clone());
        let before = before.unwrap_or_default();
        if before == settings {
            return Ok(Done::Ordered);
        }
        let record = TenantSettingsRecord { tenant: tenant.clone(), settings };
        self.desk.out.persist(Record::TenantSettings(Box::new(record.clone())));
        self.apply_tenant_settings();
        if before.wrap_up_time != record.settings.wrap_up_time {
            self.configure_queues(now);
        }
        let kind = EventKind::TenantSettingsChanged(Box::new(record));
        self.desk.out.publish(now, Some(&tenant), kind);
        Ok(Done::Ordered)
    }

    /// Tells the directory which tenants' phones see no numbers; agents' times are told with the queues.
    pub(super) fn apply_tenant_settings(&mut self) {
        let hiding = self.desk.policy.tenants.iter().filter(|(_, own)| own.hide_numbers);
        let hiding = hiding.map(|(tenant, _)| tenant.clone()).collect();
        self.books.directory.set_hiding(hiding);
    }

    /// What the tenant has set; keys of users and agents need not know.
    pub(super) fn tenant_settings_view(&self, principal: &Principal) -> Reply {
        if matches!(principal.role, Role::User | Role::Agent) {
            let text = "this needs a key with role admin, supervisor or read-only";
            return Reply::Refused(CommandError::Forbidden(text.into()));
        }
        let own = self.desk.policy.tenants.get(&principal.tenant).cloned();
        Reply::TenantSettings(Box::new(own.unwrap_or_default()))
    }
}
