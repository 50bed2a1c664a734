//! Says what a call was about, while it lasts or afterwards, once.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use strowger_core::vocab::Role;

use super::asked::Asked;
use super::refusal::Refusal;
use super::uii;
use crate::api::app::App;
use crate::api::dispositions::{self, Said, Unkept};

/// `POST {uii}/dispositionCall`; `false` where the call has a disposition.
pub(super) async fn set(State(app): State<App>, asked: Asked) -> Result<Json<bool>, Refusal> {
    let record = match uii::live(&app, &asked, &asked.uii).await {
        Ok(view) => view.record,
        Err(refusal) if refusal.is_unknown() => uii::finished(&app, &asked, &asked.uii).await?,
        Err(refusal) => return Err(refusal),
    };
    if asked.principal.role == Role::ReadOnly {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "the key may only read"));
    }
    let said = Said {
        name: asked.wanted("disposition")?.to_owned(),
        notes: asked.text("notes").unwrap_or("").to_owned(),
        callback_at: callback_at(&asked)?,
        phone: asked.text("phone").map(str::to_owned),
    };
    match dispositions::keep(&app, &asked.principal, &record, said).await {
        Ok(()) => Ok(Json(true)),
        Err(Unkept::Already) => Ok(Json(false)),
        Err(Unkept::UnknownName(name)) => {
            Err(Refusal::wrong(format!("disposition {name} is none of the account's")))
        }
        Err(Unkept::Wrong(why)) => Err(Refusal::wrong(why)),
        Err(Unkept::Store(error)) => {
            tracing::error!("a disposition is not kept: {error}");
            Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the store cannot be used now"))
        }
    }
}

/// When to call back: `yyyyMMddHHmmss` on the tenant's clock.
fn callback_at(asked: &Asked) -> Result<Option<u64>, Refusal> {
    let wanted = asked.flag("callback")?;
    match (wanted, asked.text("callBackDTS")) {
        (Some(false), _) | (None, None) => Ok(None),
        (Some(true), None) => Err(Refusal::wrong("callBackDTS is missing: when to call back")),
        (_, Some(text)) => moment(text, &asked.tenant.timezone).map(Some).ok_or_else(|| {
            Refusal::wrong("callBackDTS: write yyyyMMddHHmmss, such as 20261231093000")
        }),
    }
}

fn moment(text: &str, timezone: &str) -> Option<u64> {
    if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize| text.get(from..from + 2)?.parse::<i8>().ok();
    let year = text.get(..4)?.parse().ok()?;
    let at = DateTime::new(year, part(4)?, part(6)?, part(8)?, part(10)?, part(12)?, 0).ok()?;
    let zone = TimeZone::get(timezone).unwrap_or(TimeZone::UTC);
    let at = zone.to_ambiguous_timestamp(at).compatible().ok()?;
    u64::try_from(at.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_is_on_the_tenants_clock() {
        assert_eq!(moment("20260115120000", "UTC"), Some(1_768_478_400_000));
        assert_eq!(moment("20260115120000", "Europe/Berlin"), Some(1_768_474_800_000));
        assert_eq!(moment("20260715120000", "Europe/Berlin"), Some(1_784_109_600_000));
        for wrong in ["", "2026", "20261315120000", "20260115120060x", "2026011512000a"] {
            assert_eq!(moment(wrong, "UTC"), None, "{wrong}");
        }
    }
}
