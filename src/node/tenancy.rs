//! Tenants that are made over HTTP: documents of the installation, joined with every configuration that is loaded.
//!
//! The file wins: a tenant whose name, prefix, domain or other id it has taken waits without effect until the file lets go
//! of it, as what is defined over HTTP within a tenant does.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use strowger_core::vocab::{Command, Config, Input, Principal, Query, Role, TenantId};

use super::clock::wall_ms;
use super::gateway::{Gateway, Shared};
use super::keeping::kept_together;
use crate::api::gateway::Later;
use crate::api::keep::{Keep, KeepError, Keeping};
use crate::api::tenancy::{MAX_TENANTS, Tenancy, TenancyError, TenantDefinition, TenantView};
use crate::config::{MadeTenant, Shell, made_tenant, part, zone};
use crate::store::{Reader, StoreError};

/// The space of the installation's documents that holds them, by id.
const SPACE: &str = "tenants";

/// ... and those of tenants whose files are still to be removed.
const GONE: &str = "gone";

/// A tenant as the store keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    definition: TenantDefinition,
    made_at: u64,
}

#[derive(Debug, Clone)]
struct One {
    kept: Kept,
    /// As it was read by the rules of this version.
    sound: Result<MadeTenant, String>,
    /// Why it has no effect.
    waits: Option<String>,
}

/// All that were made, in force or not.
#[derive(Debug, Default)]
pub(super) struct Made(BTreeMap<TenantId, One>);

/// Reads a definition by the rules of the file.
fn read(id: &str, definition: &TenantDefinition) -> Result<MadeTenant, String> {
    let written = serde_json::to_value(definition).map_err(|error| error.to_string())?;
    let named = Value::from(id);
    let members = written.as_object().into_iter().flatten();
    let members = members.map(|(key, value)| (key.as_str(), value));
    made_tenant(std::iter::once(("id", &named)).chain(members))
}

/// A definition with every default filled in.
fn written(own: &MadeTenant) -> TenantDefinition {
    let MadeTenant { tenant, ids, times } = own.clone();
    TenantDefinition {
        prefix: Some(tenant.prefix),
        domain: tenant.domain,
        timezone: Some(tenant.timezone),
        language: Some(tenant.language),
        country_code: tenant.country_code,
        emergency: Some(tenant.emergency),
        park_to: tenant.park_to.map(|to| to.to_string()),
        own_trunks: Some(tenant.own_trunks),
        cti_app_id: ids.cti_app_id,
        ringme_client_id: ids.ringme_client_id,
        ringcx_account_id: ids.ringcx_account_id,
        call_timeout: times.call_timeout,
        no_answer_delay_time: times.no_answer_delay_time,
        busy_delay_time: times.busy_delay_time,
        reject_delay_time: times.reject_delay_time,
        wrap_up_time: times.wrap_up_time,
    }
}

impl Made {
    /// What the last run left.
    ///
    /// # Errors
    /// The store's.
    pub(super) fn of_store(path: &Path) -> Result<Self, StoreError> {
        let documents = Reader::open(path)?.documents("", SPACE, None, 10 * MAX_TENANTS)?;
        let one = |(id, text): (String, String)| {
            let kept: Kept = serde_json::from_str(&text)?;
            let sound = read(&id, &kept.definition);
            Ok((id, One { kept, sound, waits: None }))
        };
        Ok(Self(documents.into_iter().map(one).collect::<Result<_, StoreError>>()?))
    }

    /// Joins all for which a file's configuration leaves room; the others wait.
    pub(super) fn join(&mut self, core: &mut Config, shell: &mut Shell) {
        for (id, one) in &mut self.0 {
            let problem = match &one.sound {
                Ok(own) => own.clash(core, shell),
                Err(why) => Some(why.clone()),
            };
            if let (None, Ok(own)) = (&problem, &one.sound) {
                own.join(core, shell);
            }
            if let Some(why) = &problem {
                tracing::warn!(tenant = %id, "a tenant made over HTTP has no effect: {why}");
            }
            one.waits = problem;
        }
    }

    fn is_in_force(&self, id: &str) -> bool {
        self.0.get(id).is_some_and(|one| one.waits.is_none())
    }

    /// Whether a tenant may become as this one, beside a configuration that is without it.
    fn judge(&self, own: &MadeTenant, core: &Config, shell: &Shell) -> Result<(), TenancyError> {
        let id = &own.tenant.id;
        if !self.0.contains_key(id) && self.0.len() >= MAX_TENANTS {
            let text = format!("{MAX_TENANTS} tenants may be made over HTTP; remove one first");
            return Err(TenancyError::Conflict(text));
        }
        let waiting = self.0.iter().filter(|(other, one)| *other != id && one.waits.is_some());
        let mut waiting = waiting.filter_map(|(_, one)| one.sound.as_ref().ok());
        let clash = own.clash(core, shell);
        match clash.or_else(|| waiting.find_map(|other| own.clash_with(&other.tenant, &other.ids)))
        {
            Some(why) => Err(TenancyError::Conflict(why)),
            None => Ok(()),
        }
    }
}

impl Tenancy for Gateway {
    fn all_tenants(&self) -> Vec<TenantView> {
        let shared = &self.shared;
        let shell = locked(&shared.reload.running);
        let core = locked(&shared.reload.core);
        let made = locked(&shared.reload.made);
        let mut all: BTreeMap<TenantId, TenantView> = BTreeMap::new();
        for (id, one) in made.0.iter().filter(|(_, one)| one.waits.is_some()) {
            let definition = one.sound.as_ref().map(written);
            let view = TenantView {
                id: id.clone(),
                definition: definition.unwrap_or_else(|_| one.kept.definition.clone()),
                made_at: Some(one.kept.made_at),
                waits: one.waits.clone(),
            };
            all.insert(id.clone(), view);
        }
        // One of the file stands before one of the same name that waits for it.
        for own in core.tenants.iter().filter_map(|own| MadeTenant::of(&core, &shell, &own.id)) {
            let of_http = made.0.get(&own.tenant.id).filter(|one| one.waits.is_none());
            let view = TenantView {
                id: own.tenant.id.clone(),
                definition: written(&own),
                made_at: of_http.map(|one| one.kept.made_at),
                waits: None,
            };
            all.insert(view.id.clone(), view);
        }
        all.into_values().collect()
    }

    fn put_tenant(
        &self,
        id: &str,
        definition: TenantDefinition,
        with: Vec<Keep>,
    ) -> Later<'_, Result<bool, TenancyError>> {
        let id = id.to_owned();
        Box::pin(async move { put(self, id, definition, with).await })
    }

    fn remove_tenant(&self, id: &str) -> Later<'_, Result<(), TenancyError>> {
        let id = id.to_owned();
        Box::pin(async move { remove(self, id).await })
    }
}

/// The installation, for what it orders by itself.
fn installation(role: Role) -> Principal {
    let name = "tenants".to_owned();
    Principal { tenant: String::new(), role, name, extension: None, agent: None }
}

/// First nobody is let in any more, then the switch forgets the tenant and the store deletes it in one piece: whatever
/// happens meanwhile, it is there whole or not at all, and may be removed again.
async fn remove(gateway: &Gateway, id: TenantId) -> Result<(), TenancyError> {
    let shared = &gateway.shared;
    let _turn = shared.reload.turn.lock().await;
    let (mut core, shell, _) = without(shared, &id)?;
    if !locked(&shared.reload.made).0.contains_key(&id) {
        return Err(TenancyError::Unknown);
    }
    let before = locked(&shared.reload.core).clone();
    let keys = shared.keyring.take(&id);
    shared.tenants.withdraw(&id);
    zone::keep_in_step(&mut core, wall_ms());
    let config = Box::new(core.clone());
    let command = Command::RemoveTenant { tenant: id.clone(), config };
    if let Err(error) = gateway.command(installation(Role::Admin), command).await {
        shared.keyring.load(keys);
        let running = locked(&shared.reload.running).clone();
        shared.tenants.replace(&before, &running);
        return Err(TenancyError::Refused(error));
    }
    locked(&shared.reload.made).0.remove(&id);
    *locked(&shared.reload.running) = shell;
    *locked(&shared.reload.core) = core;
    shared.webhooks.forget_tenant(&id).await;
    shared.ring.forget_tenant(&id);
    forget_files(gateway, id).await;
    Ok(())
}

/// Removes the files of tenants that were removed just before the process ended.
pub(super) async fn finish(shared: Arc<Shared>) {
    let gateway = Gateway { shared: Arc::clone(&shared) };
    let _turn = shared.reload.turn.lock().await;
    let gone = gateway.kept_all("", GONE, None, 10 * MAX_TENANTS).await;
    for (id, _) in gone.unwrap_or_default() {
        forget_files(&gateway, id).await;
    }
}

/// Its recordings, messages and sounds. What cannot be removed is found by nobody, and the log says so.
async fn forget_files(gateway: &Gateway, id: TenantId) {
    let recordings = gateway.shared.recordings.clone();
    let folders = [id.clone(), format!("voicemail/{id}"), format!("sounds/{id}")];
    let removed = tokio::task::spawn_blocking(move || {
        let mut all = true;
        for folder in folders.map(|folder| recordings.join(folder)) {
            match std::fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    let folder = folder.display();
                    tracing::error!(%folder, "files of a tenant that is gone are left: {error}");
                    all = false;
                }
                _ => {}
            }
        }
        all
    });
    if removed.await.unwrap_or(false)
        && let Err(error) = gateway.keep("", GONE, &id, None).await
    {
        tracing::warn!(tenant = %id, "its files will be looked for again: {error}");
    }
}

/// Whoever held it only read or replaced what is in it.
fn locked<T>(mutex: &std::sync::Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What holds now, but for one tenant that was made over HTTP; true where that is in force.
///
/// # Errors
/// The file defines it.
fn without(shared: &Shared, id: &str) -> Result<(Config, Shell, bool), TenancyError> {
    let mut core = locked(&shared.reload.core).clone();
    let mut shell = locked(&shared.reload.running).clone();
    let in_force = locked(&shared.reload.made).is_in_force(id);
    if in_force {
        part(&mut core, &mut shell, id);
    } else if core.tenants.iter().any(|own| own.id == id) {
        let text = format!("the configuration file defines tenant {id}; change it there");
        return Err(TenancyError::Conflict(text));
    }
    Ok((core, shell, in_force))
}

async fn put(
    gateway: &Gateway,
    id: TenantId,
    definition: TenantDefinition,
    with: Vec<Keep>,
) -> Result<bool, TenancyError> {
    let shared = &gateway.shared;
    let _turn = shared.reload.turn.lock().await;
    let sound = read(&id, &definition).map_err(TenancyError::Wrong)?;
    let (mut core, mut shell, in_force) = without(shared, &id)?;
    let before = {
        let made = locked(&shared.reload.made);
        made.judge(&sound, &core, &shell)?;
        made.0.get(&id).cloned()
    };
    let made_at = before.as_ref().map_or_else(wall_ms, |one| one.kept.made_at);
    let kept = Kept { definition, made_at };
    if !with.is_empty() {
        kept_together(gateway, id.clone(), with).await.map_err(TenancyError::Keep)?;
    }
    let same = before.as_ref().is_some_and(|one| one.kept.definition == kept.definition);
    if same && in_force {
        return Ok(false);
    }
    let document = serde_json::to_value(&kept);
    let document =
        document.map_err(|error| TenancyError::Keep(KeepError::Failed(error.to_string())))?;
    gateway.keep("", SPACE, &id, Some(document)).await.map_err(TenancyError::Keep)?;
    // From here on nothing can fail.
    sound.join(&mut core, &mut shell);
    locked(&shared.reload.made).0.insert(id, One { kept, sound: Ok(sound), waits: None });
    hold(shared, core, shell);
    settled(gateway).await;
    Ok(before.is_none())
}

/// This configuration holds from now on. Whoever calls it has the turn.
pub(super) fn hold(shared: &Arc<Shared>, mut core: Config, shell: Shell) {
    zone::keep_in_step(&mut core, wall_ms());
    shared.tenants.replace(&core, &shell);
    *locked(&shared.reload.running) = shell;
    locked(&shared.reload.core).clone_from(&core);
    shared.mailbox.post_always(Input::Reload(Box::new(core)));
}

/// Waits until the switch has taken in what was posted before: whoever is answered then finds it in force.
async fn settled(gateway: &Gateway) {
    drop(gateway.query(installation(Role::ReadOnly), Query::Figures).await);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn definition(prefix: &str) -> TenantDefinition {
        TenantDefinition { prefix: Some(prefix.into()), ..TenantDefinition::default() }
    }

    fn made(tenants: &[(&str, &str)]) -> Made {
        let one = |(id, prefix): &(&str, &str)| {
            let definition = definition(prefix);
            let sound = read(id, &definition);
            let kept = Kept { definition, made_at: 1 };
            ((*id).to_owned(), One { kept, sound, waits: None })
        };
        Made(tenants.iter().map(one).collect())
    }

    fn loaded(tenants: &str) -> (Config, Shell) {
        let text = format!("sip.domain = \"x\"\n{tenants}");
        let loaded = crate::config::parse(&text, "f").unwrap();
        (loaded.core, loaded.shell)
    }

    fn ids(core: &Config) -> Vec<&str> {
        core.tenants.iter().map(|own| own.id.as_str()).collect()
    }

    #[test]
    fn the_file_wins_and_what_it_lets_go_of_is_in_force_again() {
        let mut made = made(&[("a", "91"), ("b", "92"), ("c", "x")]);
        let (mut core, mut shell) = loaded("[[tenant]]\nid = \"f\"\nprefix = \"90\"\n");
        made.join(&mut core, &mut shell);
        assert_eq!(ids(&core), ["f", "a", "b"]);
        assert!(made.0["c"].waits.as_ref().unwrap().contains("prefix: \"x\""));
        // The file takes a name of one and the prefix of another.
        let (mut core, mut shell) = loaded(
            "[[tenant]]\nid = \"a\"\nprefix = \"90\"\n[[tenant]]\nid = \"g\"\nprefix = \"92\"\n",
        );
        made.join(&mut core, &mut shell);
        assert_eq!(ids(&core), ["a", "g"]);
        assert!(!made.is_in_force("a") && !made.is_in_force("b"));
        // Nobody else gets meanwhile what they have.
        let third = read("d", &definition("91")).unwrap();
        let refused = made.judge(&third, &core, &shell).unwrap_err();
        assert_eq!(refused.to_string(), "prefix: is that of tenant a; write another");
        let (mut core, mut shell) = loaded("");
        made.join(&mut core, &mut shell);
        assert_eq!(ids(&core), ["a", "b"]);
        assert!(made.is_in_force("a") && made.is_in_force("b"));
    }

    #[test]
    fn what_is_shown_makes_the_same_tenant_again() {
        let definition = TenantDefinition {
            domain: Some("A.example".into()),
            timezone: Some("Europe/Berlin".into()),
            emergency: Some(vec!["112".into()]),
            park_to: Some("9001".into()),
            wrap_up_time: Some(7),
            ringcx_account_id: Some("12".into()),
            ..TenantDefinition::default()
        };
        let own = read("a", &definition).unwrap();
        let shown = written(&own);
        assert_eq!(
            (shown.language.as_deref(), shown.park_to.as_deref()),
            (Some("en"), Some("9001"))
        );
        assert_eq!(read("a", &shown), Ok(own));
    }

    #[test]
    fn there_is_a_bound() {
        let full: Vec<String> = (0..MAX_TENANTS).map(|n| format!("t{n}")).collect();
        let full: Vec<(&str, String)> =
            full.iter().zip(10_000..).map(|(id, n)| (id.as_str(), n.to_string())).collect();
        let full: Vec<(&str, &str)> = full.iter().map(|(id, n)| (*id, n.as_str())).collect();
        let made = made(&full);
        let (core, shell) = loaded("");
        let judged = |id: &str| made.judge(&read(id, &definition("9")).unwrap(), &core, &shell);
        assert!(judged("new").unwrap_err().to_string().contains("1000 tenants"));
        assert_eq!(judged("t7"), Ok(()));
    }
}
