//! Whom a number or address that a program writes means.

use sip::uri::Uri;

use super::{Directory, Scope, clean, host_text};
use crate::vocab::QueueKey;
use crate::vocab::command::Meant;
use crate::vocab::config::{Destination, Tenant};

impl Directory {
    /// Whom a number means: `4567`, prefix and number, an outside number of the tenant that leads to an extension or a queue;
    /// `+861234`, `tel:`, `sip:user@host` and `user@host` alike. The host must be the tenant's or the switch's.
    pub fn meant(&self, tenant: &str, text: &str) -> Option<Meant> {
        let tenant = self.tenant(tenant)?;
        let user = self.user_part(tenant, text.trim())?;
        if let Some(extension) = self.in_tenant(tenant, &user) {
            return Some(Meant::Extension(extension.key.number.clone()));
        }
        let queue = QueueKey { tenant: tenant.id.clone(), number: user };
        if self.queues.contains(&queue) {
            return Some(Meant::Queue(queue.number));
        }
        match &self.number_written(&tenant.id, &queue.number)?.to {
            Destination::Extension(key) => Some(Meant::Extension(key.number.clone())),
            Destination::Queue(key) => Some(Meant::Queue(key.number.clone())),
            Destination::Number(key) if self.extension(key).is_some() => {
                Some(Meant::Extension(key.number.clone()))
            }
            Destination::Number(key) => {
                let key = QueueKey { tenant: key.tenant.clone(), number: key.number.clone() };
                self.queues.contains(&key).then_some(Meant::Queue(key.number))
            }
            _ => None,
        }
    }

    fn user_part(&self, tenant: &Tenant, text: &str) -> Option<String> {
        let lower = text.to_ascii_lowercase();
        let uri =
            match text.contains('@') && !lower.starts_with("sip:") && !lower.starts_with("sips:") {
                true => format!("sip:{text}"),
                false => text.to_owned(),
            };
        if !uri.contains(':') {
            return clean(&uri);
        }
        if let Some(number) = uri.get(..4).filter(|scheme| scheme.eq_ignore_ascii_case("tel:")) {
            return clean(uri.get(number.len()..)?);
        }
        let uri = Uri::parse(&uri).ok()?;
        let ours = match self.scope(Some(&host_text(&uri))) {
            Scope::Any => true,
            Scope::Tenant(own) => own.id == tenant.id,
            Scope::Foreign => false,
        };
        let user = uri.user_decoded().filter(|_| ours)?;
        clean(&user)
    }
}
