//! The codes of supervision, and the numbers of conferences.

use crate::vocab::config::Tenant;
use crate::vocab::supervise::Mode;
use crate::vocab::{ConferenceKey, ExtensionKey, Feature};

use super::{Directory, Refusal};

impl Directory {
    /// Whose call a code before an extension's number means, and how; `None` where it is no such code.
    pub(super) fn supervision(
        &self,
        tenant: &Tenant,
        dialled: &str,
    ) -> Option<Result<Feature, Refusal>> {
        let codes = &self.config.codes;
        let modes = [
            (&codes.monitor, Mode::Monitor),
            (&codes.whisper, Mode::Whisper),
            (&codes.barge, Mode::Barge),
        ];
        modes.into_iter().find_map(|(code, mode)| {
            let number = dialled.strip_prefix(code.as_str()).filter(|_| !code.is_empty())?;
            let called = self.in_tenant(tenant, number).ok_or(Refusal::NotFound);
            Some(called.map(|called| Feature::Supervise(mode, called.key.clone())))
        })
    }

    /// The room with this number (bare, or after the tenant's prefix).
    pub(super) fn room_numbered(&self, tenant: &Tenant, dialled: &str) -> Option<ConferenceKey> {
        let known = |number: &str| {
            let key = ExtensionKey { tenant: tenant.id.clone(), number: number.to_owned() };
            self.rooms.get(&key).cloned()
        };
        known(dialled).or_else(|| known(dialled.strip_prefix(tenant.prefix.as_str())?))
    }
}
