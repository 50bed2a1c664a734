//! The 30 digits that name a call here: when it began, to the millisecond (17 digits, UTC), then 13 digits of its id.
//!
//! A call's id begins with the same moment, so that the digits lead back: only calls of that millisecond can be meant, and
//! of those the one whose id gives the rest.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use strowger_core::vocab::CallId;
use strowger_core::vocab::command::CallView;
use strowger_core::vocab::record::CallRecord;

use super::asked::Asked;
use super::refusal::Refusal;
use crate::api::app::App;
use crate::api::dialect::common;
use crate::api::dispositions;
use crate::api::gateway::{MAX_ROWS, RowsQuery};

/// As many as the digits behind the moment can tell apart.
const TAILS: u128 = 10_000_000_000_000;
/// Random bits at the end of an id.
const RANDOM: u32 = 80;

/// The digits of a call.
pub(super) fn of(call: CallId) -> String {
    let ms = u64::try_from(call.0 >> RANDOM).unwrap_or(u64::MAX);
    let tail = (call.0 & ((1 << RANDOM) - 1)) % TAILS;
    let at = common::utc(ms);
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}{:03}{tail:013}",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
}

/// The moment that 30 digits begin with, in milliseconds since the Unix epoch.
fn began(uii: &str) -> Option<u64> {
    if uii.len() != 30 || !uii.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, until: usize| uii.get(from..until)?.parse::<i16>().ok();
    let small = |from, until| part(from, until).and_then(|value| i8::try_from(value).ok());
    let nanos = i32::from(part(14, 17)?) * 1_000_000;
    let at = DateTime::new(
        part(0, 4)?,
        small(4, 6)?,
        small(6, 8)?,
        small(8, 10)?,
        small(10, 12)?,
        small(12, 14)?,
        nanos,
    );
    let at = TimeZone::UTC.to_timestamp(at.ok()?).ok()?;
    u64::try_from(at.as_millisecond()).ok()
}

fn unknown(uii: &str) -> Refusal {
    Refusal::unknown(format!("no active call {uii}"))
}

/// The live call of these digits, if the key may see it.
pub(super) async fn live(app: &App, asked: &Asked, uii: &str) -> Result<CallView, Refusal> {
    began(uii).ok_or_else(|| unknown(uii))?;
    let calls = common::calls(app, &asked.principal).await?;
    let found = calls.into_iter().find(|call| of(call.record.call) == uii);
    found.ok_or_else(|| unknown(uii))
}

/// The finished call of these digits, if the key may see it.
pub(super) async fn finished(app: &App, asked: &Asked, uii: &str) -> Result<CallRecord, Refusal> {
    let from = began(uii).ok_or_else(|| unknown(uii))?;
    let principal = &asked.principal;
    let rows = RowsQuery {
        tenant: principal.tenant.clone(),
        extension: asked.own_extension()?,
        from: Some(from),
        until: Some(from + 1),
        limit: MAX_ROWS,
        ..RowsQuery::default()
    };
    let found = dispositions::finished(app, rows, |record| of(record.call) == uii).await?;
    found.ok_or_else(|| unknown(uii))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_digits_name_a_call_and_its_beginning() {
        let ms = 1_795_280_573_596;
        let call = CallId((u128::from(ms) << RANDOM) | 0xffff_eeee_dddd_cccc_bbbb);
        let uii = of(call);
        assert_eq!(uii.len(), 30);
        assert!(uii.starts_with("20261121170253596"), "{uii}");
        assert_eq!(began(&uii), Some(ms));
        assert_ne!(of(CallId(call.0 ^ 1)), uii);
        for wrong in ["", "1", "99999999999999999999999999999a", "20261321170253596000000000000x"] {
            assert_eq!(began(wrong), None, "{wrong}");
        }
        assert_eq!(began("202613211702535961234567890123"), None, "there is no 13th month");
        assert_eq!(of(CallId(u128::MAX)).len(), 30);
    }
}
