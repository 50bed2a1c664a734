//! What the HTTP surface is told of tenants and operators.

use std::sync::{Arc, PoisonError, RwLock};

use crate::api::gateway::{OperatorAccount, TenantNames};
use crate::config::Shell;
use strowger_core::vocab::Config;

/// As they are now; a reload puts others in their place.
#[derive(Debug)]
pub(super) struct Tenants {
    names: RwLock<Arc<[TenantNames]>>,
    operators: RwLock<Arc<[OperatorAccount]>>,
}

impl Tenants {
    pub(super) fn new(core: &Config, shell: &Shell) -> Self {
        Self { names: RwLock::new(names(core, shell)), operators: RwLock::new(operators(shell)) }
    }

    /// Another configuration holds from now on.
    pub(super) fn replace(&self, core: &Config, shell: &Shell) {
        *self.names.write().unwrap_or_else(PoisonError::into_inner) = names(core, shell);
        *self.operators.write().unwrap_or_else(PoisonError::into_inner) = operators(shell);
    }

    pub(super) fn names(&self) -> Arc<[TenantNames]> {
        Arc::clone(&self.names.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether there is such a tenant; the installation itself, which has no name, counts.
    pub(super) fn has(&self, tenant: &str) -> bool {
        tenant.is_empty() || self.names().iter().any(|own| own.tenant == tenant)
    }

    /// One of them is told to nobody from now on.
    pub(super) fn withdraw(&self, tenant: &str) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        *names = names.iter().filter(|own| own.tenant != tenant).cloned().collect();
    }

    pub(super) fn operators(&self) -> Arc<[OperatorAccount]> {
        Arc::clone(&self.operators.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn names(core: &Config, shell: &Shell) -> Arc<[TenantNames]> {
    let one = |tenant: &strowger_core::vocab::config::Tenant| {
        let dispositions = shell.dispositions.iter().filter(|(own, _)| *own == tenant.id);
        let ids = shell.dialect_ids.iter().find(|ids| ids.tenant == tenant.id);
        TenantNames {
            tenant: tenant.id.clone(),
            prefix: tenant.prefix.clone(),
            domain: tenant.domain.clone().unwrap_or_else(|| core.sip.domain.clone()),
            timezone: tenant.timezone.clone(),
            country_code: tenant.country_code.clone(),
            cti_app_id: ids.and_then(|ids| ids.cti_app_id.clone()),
            ringme_client_id: ids.and_then(|ids| ids.ringme_client_id.clone()),
            ringcx_account_id: ids.and_then(|ids| ids.ringcx_account_id.clone()),
            dispositions: dispositions.map(|(_, name)| name.clone()).collect(),
        }
    };
    core.tenants.iter().map(one).collect()
}

fn operators(shell: &Shell) -> Arc<[OperatorAccount]> {
    let one = |own: &crate::config::Operator| OperatorAccount {
        sid: own.sid.clone(),
        auth_token: own.auth_token.clone(),
    };
    shell.operators.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(app: &str) -> crate::config::Loaded {
        let text = format!(
            "sip.domain = \"x\"\n[[operator]]\nsid = \"op\"\nauth_token = \"deep\"\n\
             [[tenant]]\nid = \"t\"\ntimezone = \"Asia/Shanghai\"\ncti_app_id = \"{app}\"\n\
             ringcx_account_id = \"12\"\n[[tenant]]\nid = \"u\"\n"
        );
        crate::config::parse(&text, "f").unwrap()
    }

    #[test]
    fn tenants_are_told_with_their_names_and_a_reload_changes_them() {
        let first = loaded("app-1");
        let tenants = Tenants::new(&first.core, &first.shell);
        let names = tenants.names();
        assert_eq!((&*names[0].tenant, &*names[0].timezone), ("t", "Asia/Shanghai"));
        assert_eq!(names[0].cti_app_id.as_deref(), Some("app-1"));
        assert_eq!(names[0].ringcx_account_id.as_deref(), Some("12"));
        assert_eq!(names[1].tenant, "u");
        assert_eq!(names[1].cti_app_id, None);
        assert_eq!(names[1].domain, "x", "the general one");
        assert_eq!(tenants.operators()[0].sid, "op");
        let second = loaded("app-2");
        tenants.replace(&second.core, &second.shell);
        assert_eq!(tenants.names()[0].cti_app_id.as_deref(), Some("app-2"));
        assert_eq!(names[0].cti_app_id.as_deref(), Some("app-1"), "who asked before has the old");
        tenants.withdraw("t");
        assert!(tenants.has("u") && tenants.has("") && !tenants.has("t"));
    }
}
