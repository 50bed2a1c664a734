//! The Date header (RFC 3261 section 20.17): phones set their clocks by it.

/// Milliseconds since the Unix epoch as `Sat, 21 Nov 2026 03:40:08 GMT`.
pub(super) fn rfc1123(wall_ms: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = wall_ms / 1000;
    let (days, of_day) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let weekday = DAYS.get((days % 7) as usize).unwrap_or(&"Thu");
    let month = MONTHS.get((month - 1) as usize).unwrap_or(&"Jan");
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let mut text = String::with_capacity(29);
    text.extend([weekday, ", "]);
    two_digits(&mut text, day);
    text.extend([" ", month, " "]);
    two_digits(&mut text, year / 100);
    two_digits(&mut text, year % 100);
    for (before, number) in [(' ', hour), (':', minute), (':', second)] {
        text.push(before);
        two_digits(&mut text, number);
    }
    text.push_str(" GMT");
    text
}

/// Every REGISTER is answered with a date: the formatter's way takes ten times as long.
fn two_digits(text: &mut String, number: u64) {
    for digit in [number / 10 % 10, number % 10] {
        text.push(char::from(b'0' + digit as u8));
    }
}

/// Year, month (1 to 12) and day of a day counted from 1 January 1970. Years are reckoned from March, so that the leap
/// day comes last and months have a regular length.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        assert_eq!(rfc1123(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(rfc1123(951_782_400_000), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(rfc1123(1_795_232_408_999), "Sat, 21 Nov 2026 03:40:08 GMT");
        assert_eq!(rfc1123(1_767_225_599_000), "Wed, 31 Dec 2025 23:59:59 GMT");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut last = civil(0);
        for day in 1..80_000 {
            let next = civil(day);
            assert!(next > last && next.2 <= 31 && (next.2 == last.2 + 1 || next.2 == 1));
            last = next;
        }
    }
}
