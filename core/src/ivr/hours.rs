//! Business hours: whether somebody is there now.

use crate::vocab::menu::{Holiday, Hours, OpenSpan, Zone};

/// Minutes of a day.
const DAY: u16 = 1_440;

/// A day of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Date {
    year: i64,
    month: u8,
    day: u8,
    /// 0 is Monday.
    weekday: u8,
}

/// Whether these hours are open at a moment, milliseconds since the Unix epoch.
pub fn is_open(hours: &Hours, zone: &Zone, wall: u64) -> bool {
    let minutes = zone.local(wall).div_euclid(60_000);
    let day = minutes.div_euclid(i64::from(DAY));
    let minute = u16::try_from(minutes.rem_euclid(i64::from(DAY))).unwrap_or(0);
    // What began yesterday evening may last into today.
    let today = covers(hours, day, |span| {
        span.from <= minute && (minute < span.to || span.to <= span.from)
    });
    let yesterday = covers(hours, day - 1, |span| span.to <= span.from && minute < span.to);
    today || yesterday
}

/// Whether one of a day's spans is as wanted, and the day is no holiday.
fn covers(hours: &Hours, day: i64, wanted: impl Fn(&OpenSpan) -> bool) -> bool {
    let date = date(day);
    let on_day = |span: &&OpenSpan| span.days & (1 << date.weekday) != 0;
    !hours.holidays.iter().any(|holiday| holiday.holds(date))
        && hours.open.iter().filter(on_day).any(wanted)
}

impl Holiday {
    fn holds(&self, date: Date) -> bool {
        let here = (date.month, date.day);
        let over_new_year = self.last < self.first;
        let (late, early) = (here >= self.first, here <= self.last);
        let Some(year) = self.year.map(i64::from) else {
            return if over_new_year { late || early } else { late && early };
        };
        if over_new_year {
            (late && date.year == year) || (early && date.year == year + 1)
        } else {
            late && early && date.year == year
        }
    }
}

/// The date of a day counted from 1970-01-01, in the Gregorian calendar. The year is taken to begin in March, so that the
/// leap day is its last.
fn date(day: i64) -> Date {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    const FROM_0000_03_01: i64 = 719_468;
    let shifted = day + FROM_0000_03_01;
    let era = shifted.div_euclid(DAYS_OF_400_YEARS);
    let of_era = shifted.rem_euclid(DAYS_OF_400_YEARS);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    Date {
        year: year_of_era + era * 400 + i64::from(month <= 2),
        month: u8::try_from(month).unwrap_or(1),
        day: u8::try_from(day_of_month).unwrap_or(1),
        // The first day was a Thursday.
        weekday: u8::try_from((day + 3).rem_euclid(7)).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;
    const HOUR: u64 = 60 * MINUTE;
    const DAY_MS: u64 = 24 * HOUR;
    /// 2026-11-23, a Monday, 00:00 UTC.
    const MONDAY: u64 = 20_780 * DAY_MS;

    fn weekdays(from: u16, to: u16) -> OpenSpan {
        OpenSpan { days: 0b001_1111, from, to }
    }

    fn hours(open: Vec<OpenSpan>, holidays: Vec<Holiday>) -> Hours {
        let (tenant, name, timezone) = ("t".into(), "office".into(), "Z".into());
        Hours { tenant, name, open, holidays, timezone }
    }

    fn utc() -> Zone {
        Zone { offsets: vec![(0, 0)] }
    }

    #[test]
    fn the_calendar_knows_its_dates() {
        let of = |day| {
            let date = date(day);
            (date.year, date.month, date.day, date.weekday)
        };
        assert_eq!(of(0), (1970, 1, 1, 3));
        assert_eq!(of(11_016), (2000, 2, 29, 1));
        assert_eq!(of(11_017), (2000, 3, 1, 2));
        assert_eq!(of(20_780), (2026, 11, 23, 0));
        assert_eq!(of(-1), (1969, 12, 31, 2));
        assert_eq!(of(47_541), (2100, 3, 1, 0), "2100 has no leap day");
    }

    #[test]
    fn hours_begin_and_end_on_the_minute() {
        let office = hours(vec![weekdays(9 * 60, 17 * 60 + 30)], Vec::new());
        let open = |wall| is_open(&office, &utc(), wall);
        assert!(!open(MONDAY + 9 * HOUR - 1));
        assert!(open(MONDAY + 9 * HOUR));
        assert!(open(MONDAY + 17 * HOUR + 30 * MINUTE - 1));
        assert!(!open(MONDAY + 17 * HOUR + 30 * MINUTE));
        assert!(!open(MONDAY + 5 * DAY_MS + 10 * HOUR), "Saturday");
    }

    #[test]
    fn a_night_shift_reaches_into_the_next_day() {
        let night =
            hours(vec![OpenSpan { days: 0b001_0000, from: 22 * 60, to: 6 * 60 }], Vec::new());
        let friday = MONDAY + 4 * DAY_MS;
        let open = |wall| is_open(&night, &utc(), wall);
        assert!(open(friday + 23 * HOUR) && open(friday + DAY_MS + 5 * HOUR));
        assert!(!open(friday + DAY_MS + 6 * HOUR) && !open(friday + 5 * HOUR));
        assert!(!open(friday + DAY_MS + 23 * HOUR));
    }

    #[test]
    fn holidays_close_by_date_by_year_and_over_new_year() {
        let holiday = |year, first, last| Holiday { year, first, last };
        let always = OpenSpan { days: 0x7f, from: 0, to: DAY };
        let open = |holiday: Holiday, wall| {
            is_open(&hours(vec![always], vec![holiday]), &utc(), wall + 12 * HOUR)
        };
        let every = holiday(None, (11, 23), (11, 24));
        assert!(!open(every, MONDAY) && !open(every, MONDAY + DAY_MS));
        assert!(open(every, MONDAY - DAY_MS) && open(every, MONDAY + 2 * DAY_MS));
        assert!(!open(every, MONDAY + 365 * DAY_MS), "next year too");
        let once = holiday(Some(2026), (11, 23), (11, 23));
        assert!(!open(once, MONDAY) && open(once, MONDAY + 365 * DAY_MS));
        let turn = holiday(Some(2026), (12, 24), (1, 2));
        let christmas = MONDAY + 31 * DAY_MS;
        assert!(open(turn, christmas - DAY_MS) && !open(turn, christmas));
        assert!(!open(turn, christmas + 9 * DAY_MS) && open(turn, christmas + 10 * DAY_MS));
        assert!(open(turn, christmas - 364 * DAY_MS), "January of the same year");
    }

    #[test]
    fn the_zone_moves_the_hours_and_summer_time_moves_them_again() {
        let office = hours(vec![weekdays(9 * 60, 17 * 60)], Vec::new());
        let zone = Zone { offsets: vec![(0, 3_600), (MONDAY + DAY_MS, 7_200)] };
        let open = |wall| is_open(&office, &zone, wall);
        assert!(!open(MONDAY + 8 * HOUR - 1) && open(MONDAY + 8 * HOUR));
        assert!(open(MONDAY + DAY_MS + 7 * HOUR) && !open(MONDAY + DAY_MS + 15 * HOUR));
        let behind = Zone { offsets: vec![(0, -10 * 3_600)] };
        assert!(!is_open(&office, &behind, MONDAY + 9 * HOUR), "it is still Sunday there");
    }
}
