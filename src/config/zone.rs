//! Time zones: how far a tenant's clock is from UTC.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use strowger_core::vocab::Config;
use strowger_core::vocab::menu::{Hours, Zone};

/// Offset from UTC in seconds at a moment, milliseconds since the Unix epoch. An unknown zone counts as UTC.
pub fn offset_secs(timezone: &str, at_ms: u64) -> i32 {
    let at = i64::try_from(at_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let zone = TimeZone::get(timezone);
    at.zip(zone.ok()).map_or(0, |(at, zone)| zone.to_offset(at).seconds())
}

/// Changes of an offset that are looked ahead, in years.
const YEARS: i64 = 10;

/// The zones of tenants and opening hours as offsets from UTC, for as long as a process may run.
pub fn compiled(tenants: &[String], hours: &[Hours]) -> BTreeMap<String, Zone> {
    let now = Timestamp::now();
    let names = tenants.iter().chain(hours.iter().map(|hours| &hours.timezone));
    names.map(|name| (name.clone(), compile(name, now))).collect()
}

/// The offset a year ago, and every change from then on.
fn compile(name: &str, now: Timestamp) -> Zone {
    let Ok(zone) = TimeZone::get(name) else { return Zone::default() };
    let year = jiff::SignedDuration::from_hours(366 * 24);
    let begin = now.checked_sub(year).unwrap_or(now);
    let years = i32::try_from(YEARS + 1).unwrap_or(1);
    let end = begin.checked_add(year * years).unwrap_or(now);
    let mut offsets = vec![(0, zone.to_offset(begin).seconds())];
    for change in zone.following(begin).take_while(|change| change.timestamp() < end) {
        let at = u64::try_from(change.timestamp().as_millisecond()).unwrap_or(0);
        offsets.push((at, change.offset().seconds()));
    }
    Zone { offsets }
}

/// Sets every tenant's offset as it is at a moment; true where one has changed.
pub fn keep_in_step(core: &mut Config, at_ms: u64) -> bool {
    let mut changed = false;
    for tenant in &core.tenants {
        let Some(acd) = core.acd.tenants.get_mut(&tenant.id) else { continue };
        let offset = offset_secs(&tenant.timezone, at_ms);
        changed |= std::mem::replace(&mut acd.utc_offset_secs, offset) != offset;
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_has_its_summer_and_its_winter() {
        let (winter, summer) = (1_768_435_200_000, 1_784_073_600_000);
        for (zone, expected) in [
            ("UTC", [0, 0]),
            ("Europe/Berlin", [3_600, 7_200]),
            ("Asia/Shanghai", [28_800, 28_800]),
            ("America/St_Johns", [-12_600, -9_000]),
            ("Mars/Olympus", [0, 0]),
        ] {
            assert_eq!([winter, summer].map(|at| offset_secs(zone, at)), expected, "{zone}");
        }
    }

    #[test]
    fn a_compiled_zone_agrees_with_the_library_for_years() {
        let now = Timestamp::from_millisecond(1_795_000_000_000).unwrap();
        for name in ["UTC", "Europe/Berlin", "Asia/Shanghai", "America/St_Johns"] {
            let zone = compile(name, now);
            for week in 0..520 {
                let at = 1_795_000_000_000 + week * 604_800_000;
                assert_eq!(zone.offset_at(at), offset_secs(name, at), "{name} {at}");
            }
        }
        assert_eq!(compile("Mars/Olympus", now), Zone::default());
    }

    #[test]
    fn only_a_change_is_a_change() {
        let text = "sip.domain = \"x\"\ntenant = [{ id = \"t\", timezone = \"Europe/Berlin\" }]\n";
        let mut core = crate::config::parse(text, "f").unwrap().core;
        assert!(keep_in_step(&mut core, 1_768_435_200_000));
        assert!(!keep_in_step(&mut core, 1_768_435_260_000));
        assert!(keep_in_step(&mut core, 1_784_073_600_000));
        assert_eq!(core.acd.tenants["t"].utc_offset_secs, 7_200);
    }
}
