//! Applications that an operator creates: each is a tenant of its own from then on.

use std::collections::BTreeSet;

use axum::extract::State;
use serde_json::json;
use strowger_core::vocab::settings::TenantSettings;
use strowger_core::vocab::{Command, Role};

use super::apps::{self, AppDoc};
use super::asked::Signed;
use super::envelope::{Fault, Outcome, Refusal, written};
use super::fields::Fields;
use super::hooks;
use super::shelf::refused;
use super::sign::Signer;
use crate::api::app::{App, wall_ms};
use crate::api::audit::AuditLine;
use crate::api::auth::standing_in;
use crate::api::changes::Name;
use crate::api::dialect::common;
use crate::api::tenancy::{TenancyError, TenantDefinition};

/// `POST apps`. Whoever names an `AppId` of its own gets an application of this id, once; without one each request makes
/// another application, whatever its `Name` is.
pub(super) async fn create(State(app): State<App>, signed: Signed) -> Outcome {
    let Signer::Account(_) = &signed.signer else {
        let detail = "an agent's signature acts only as that agent; sign with Sid";
        return Err(Refusal::new(Fault::Forbidden, detail));
    };
    let fields = signed.body()?;
    fields.wanted("Name")?;
    let (mut doc, mut settings) = (AppDoc::default(), TenantSettings::default());
    apps::read_into(&mut doc, &mut settings, fields)?;
    apps::check_callback(&app, &doc).await?;
    let id = app_id(&signed.query)?;
    // Nobody else makes a tenant of this id meanwhile.
    let change = app.changes.hold(Name::new("", "tenants", &id)).await;
    let prefix = match free_prefix(&app, &id) {
        Ok(prefix) => prefix,
        Err(refusal) => {
            change.nothing();
            return Err(refusal);
        }
    };
    let secret = apps::fresh_secret()?;
    let definition = TenantDefinition {
        prefix: Some(prefix.clone()),
        cti_app_id: Some(id.clone()),
        ..TenantDefinition::default()
    };
    // What is kept of it is there before it is.
    let with = apps::documents(&app, &id, &doc, &secret)?;
    app.gateway.put_tenant(&id, definition, with).await.map_err(not_made)?;
    drop(change);
    let operator = standing_in(&id, Role::Admin, &signed.signer.name());
    app.gateway.note(AuditLine::done(wall_ms(), &operator, "tenant.put", &id));
    if settings != TenantSettings::default() {
        let order = Command::TenantSettings(Box::new(settings.clone()));
        app.order(operator, order).await?;
    }
    hooks::follow_application(&app, &id, &id).await?;
    written(json!({
        "AppId": id,
        "ExtensionPrefix": prefix,
        "Name": doc.name,
        "Memo": doc.memo,
        "Type": doc.kind(),
        "CallbackUrl": doc.callback_url,
        "IsHideUserNum": settings.hide_numbers.to_string(),
        "Secret": secret,
        "WrapUpTime": settings.wrap_up_time.unwrap_or(0).to_string(),
    }))
}

/// The id that the client has given, or a new one.
fn app_id(query: &Fields) -> Result<String, Refusal> {
    let Some(given) = query.given("AppId")? else { return Ok(common::fresh_uuid()) };
    if is_uuid(&given) {
        return Ok(given);
    }
    let right = "write a UUID such as 6f142ddb-47ed-442e-83e7-6d2574d77aa2, or leave it out";
    Err(Refusal::params(format!("AppId: {right}")))
}

fn is_uuid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let mut parts = text.split('-');
    let hex = |part: &str, length| {
        part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    lengths.iter().all(|length| parts.next().is_some_and(|part| hex(part, *length)))
        && parts.next().is_none()
}

/// "9" and nine digits that no tenant has.
///
/// # Errors
/// There is an application of this id.
fn free_prefix(app: &App, id: &str) -> Result<String, Refusal> {
    let all = app.gateway.all_tenants();
    let named = |own: &str| own.eq_ignore_ascii_case(id);
    if all
        .iter()
        .any(|own| named(&own.id) || own.definition.cti_app_id.as_deref().is_some_and(named))
    {
        return Err(Refusal::new(Fault::Duplicate, "there is an application of this AppId"));
    }
    let taken: BTreeSet<String> = all.into_iter().filter_map(|own| own.definition.prefix).collect();
    // Of a thousand million hardly any are taken.
    loop {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(|error| Refusal::internal(&error))?;
        let prefix = format!("9{:09}", u64::from_be_bytes(bytes) % 1_000_000_000);
        if !taken.contains(&prefix) {
            return Ok(prefix);
        }
    }
}

fn not_made(error: TenancyError) -> Refusal {
    match error {
        TenancyError::Unknown => Refusal::new(Fault::NoApp, ""),
        TenancyError::Wrong(why) => Refusal::params(why),
        TenancyError::Conflict(why) => Refusal::new(Fault::Duplicate, why),
        TenancyError::Keep(error) => refused(error),
        TenancyError::Refused(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(id: &str) -> Fields {
        Fields::of_query(vec![("AppId".to_owned(), id.to_owned())])
    }

    #[test]
    fn an_application_has_the_id_that_its_client_gives_or_a_new_one() {
        let given = "6f142ddb-47ed-442e-83e7-6d2574d77aa2";
        assert_eq!(app_id(&query(given)).unwrap(), given);
        let (one, other) = (app_id(&query("")).unwrap(), app_id(&query("")).unwrap());
        assert_ne!(one, other);
        assert!(is_uuid(&one) && one.as_bytes()[14] == b'4', "{one}");
        for wrong in [
            "x",
            "demo",
            "6f142ddb-47ed-442e-83e7-6d2574d77aa",
            &format!("{given}-1"),
            &given.replace('-', "+"),
        ] {
            assert_eq!(app_id(&query(wrong)).unwrap_err().fault(), Fault::Params, "{wrong}");
        }
    }
}
