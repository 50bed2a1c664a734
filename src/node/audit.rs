//! The log of orders: added to through the store's one writer, read by the reader.

use super::gateway::Gateway;
use super::reading::Sort;
use crate::api::audit::AuditLine;
use crate::api::gateway::RowsError;
use crate::store::{Change, Changes, Reader};

impl Gateway {
    /// Adds a line. It is on disk within the store's next groups; nobody waits for it.
    pub(super) fn add_audit(&self, line: &AuditLine) {
        // Of a tenant that has gone meanwhile nothing is left for one of the same name.
        if !self.shared.tenants.has(&line.tenant) {
            return;
        }
        let body = match serde_json::to_string(line) {
            Ok(body) => body,
            Err(error) => return tracing::error!("a line of the audit log was lost: {error}"),
        };
        let lost = |why: &dyn std::fmt::Display| {
            tracing::error!(tenant = %line.tenant, key = %line.key, what = %line.what, "a line of the audit log was lost: {why}");
        };
        let done = |outcome: Result<(), crate::store::ChangeError>| {
            if let Err(error) = outcome {
                tracing::error!(?error, "a line of the audit log was lost");
            }
        };
        let list = vec![Change::Audit { at: line.at, body }];
        let changes = Changes { tenant: line.tenant.clone(), list, done: Box::new(done) };
        if self.shared.keeper.change(changes).is_err() {
            lost(&"the store has too much to do");
        }
    }

    /// Lines with their numbers, newest first.
    pub(super) async fn read_audit(
        &self,
        tenant: String,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(u64, AuditLine)>, RowsError> {
        let ask = move |reader: &Reader| reader.audit(&tenant, before, limit);
        let rows = self.read(Sort::Lookup, ask).await;
        let rows = rows.map_err(super::surface::unread)?.into_iter();
        let line = |(id, text): (u64, String)| {
            let line = serde_json::from_str(&text);
            line.map(|line| (id, line)).map_err(|error| RowsError::Failed(error.to_string()))
        };
        rows.map(line).collect()
    }
}
