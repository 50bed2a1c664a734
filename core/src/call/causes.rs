//! The one table between SIP statuses, Q.850 causes, our own causes and what the caller hears.
//!
//! Sources: RFC 3398 section 8.2.6.1 (status to cause) and ITU-T Q.850.

use crate::vocab::record::EndCause;

/// How an attempt ended that did not lead to a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// In our own words.
    pub cause: EndCause,
    /// What the caller is told by SIP.
    pub status: u16,
    /// What the caller is told by Q.850.
    pub q850: u16,
}

impl Outcome {
    /// With the status and Q.850 value that belong to the cause.
    pub fn of(cause: EndCause) -> Self {
        let (status, q850, _) = for_cause(cause);
        Self { cause, status, q850 }
    }

    /// From a final response of the called side. 401 and 407 are our own failure with a carrier, not the caller's.
    pub fn from_status(status: u16) -> Self {
        let (cause, q850) = meaning(status);
        let status = match status {
            401 | 407 => 503,
            300..=399 => 480,
            487 => 480,
            other => other,
        };
        Self { cause, status, q850 }
    }

    /// Prompt that explains it, below the tenant's language folder; `None` where silence says more.
    pub fn prompt(&self) -> Option<&'static str> {
        for_cause(self.cause).2
    }

    /// Which of two failures tells the caller more: the one from somebody who was reached (RFC 3261 section 16.7 step 6).
    pub fn better(self, than: Option<Self>) -> Self {
        match than {
            Some(than) if than.weight() >= self.weight() => than,
            _ => self,
        }
    }

    fn weight(&self) -> u8 {
        match self.cause {
            EndCause::Rejected if self.status >= 600 => 9,
            EndCause::Busy => 8,
            EndCause::Rejected => 7,
            EndCause::NoAnswer => 6,
            EndCause::Incompatible => 5,
            EndCause::NotFound | EndCause::Forbidden => 4,
            EndCause::Congestion => 3,
            EndCause::Unreachable => 2,
            _ => 1,
        }
    }

    /// Whether the next place of a route is worth a try: the carrier failed, not the number.
    pub fn may_fail_over(&self) -> bool {
        matches!(self.status, 408 | 480 | 500..=599)
            || matches!(
                self.cause,
                EndCause::NotRegistered
                    | EndCause::Unreachable
                    | EndCause::Congestion
                    | EndCause::NoAnswer
            )
    }
}

/// Status to cause and Q.850, RFC 3398 section 8.2.6.1.
fn meaning(status: u16) -> (EndCause, u16) {
    use EndCause::*;
    match status {
        300..=399 => (Failed, 23),
        401 | 402 | 407 => (Failed, 21),
        403 => (Forbidden, 21),
        404 | 604 => (NotFound, 1),
        405 => (Failed, 63),
        406 | 415 => (Incompatible, 79),
        408 => (Unreachable, 102),
        410 => (NotFound, 22),
        480 => (NoAnswer, 18),
        481 => (Failed, 41),
        482 | 483 => (Failed, 25),
        484 => (NotFound, 28),
        485 => (NotFound, 1),
        486 | 600 => (Busy, 17),
        487 => (NoAnswer, 19),
        488 | 606 => (Incompatible, 88),
        503 => (Congestion, 41),
        500 => (Failed, 41),
        501 => (Failed, 79),
        502 => (Failed, 38),
        504 => (Unreachable, 102),
        505 | 513 => (Failed, 127),
        603 | 607 | 608 => (Rejected, 21),
        _ => (Failed, 127),
    }
}

/// Cause to status, Q.850 and prompt.
fn for_cause(cause: EndCause) -> (u16, u16, Option<&'static str>) {
    use EndCause::*;
    match cause {
        Normal => (487, 16, None),
        Cancelled => (487, 16, None),
        Busy => (486, 17, Some("busy")),
        NoAnswer => (480, 19, Some("no-answer")),
        Rejected => (603, 21, Some("unavailable")),
        NotFound => (404, 1, Some("not-in-service")),
        NotRegistered => (480, 20, Some("unavailable")),
        Unreachable => (480, 27, Some("unavailable")),
        Forbidden => (403, 21, Some("not-allowed")),
        Congestion => (503, 34, Some("lines-busy")),
        Incompatible => (488, 88, None),
        MediaTimeout => (500, 102, None),
        SessionExpired => (500, 102, None),
        TooLong => (500, 16, None),
        Transferred | PickedUp | Parked | Conferenced => (487, 16, None),
        RobotLost => (500, 41, None),
        Administrative => (480, 31, None),
        Shutdown => (503, 38, None),
        Restart => (500, 41, None),
        Failed => (500, 41, Some("cannot-complete")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_final_status_has_a_cause_and_a_status_for_the_caller() {
        for status in 300..700 {
            let outcome = Outcome::from_status(status);
            assert!((400..700).contains(&outcome.status), "{status} became {}", outcome.status);
            assert!((1..=127).contains(&outcome.q850), "{status} became cause {}", outcome.q850);
        }
    }

    #[test]
    fn statuses_of_rfc_3398_map_to_its_causes() {
        let table = [
            (400, 127),
            (402, 21),
            (404, 1),
            (405, 63),
            (406, 79),
            (408, 102),
            (410, 22),
            (415, 79),
            (480, 18),
            (481, 41),
            (482, 25),
            (483, 25),
            (484, 28),
            (485, 1),
            (486, 17),
            (500, 41),
            (501, 79),
            (502, 38),
            (503, 41),
            (504, 102),
            (505, 127),
            (600, 17),
            (603, 21),
            (604, 1),
        ];
        for (status, q850) in table {
            assert_eq!(Outcome::from_status(status).q850, q850, "status {status}");
        }
    }

    const PAGE: &str = include_str!("../../../docs/calls.md");

    /// The cells of the table below a heading of the page, without its head.
    fn table(heading: &str) -> Vec<Vec<&'static str>> {
        let (_, section) = PAGE.split_once(&format!("\n## {heading}\n")).expect(heading);
        let section = section.split("\n## ").next().unwrap_or("");
        let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix('|'));
        rows.skip(1).map(|row| row.split('|').map(str::trim).collect()).collect()
    }

    fn names(cell: &str, status: u16) -> bool {
        cell.split(", ").any(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            matches!((first.parse::<u16>(), last.parse()), (Ok(a), Ok(b)) if (a..=b).contains(&status))
        })
    }

    #[test]
    fn the_page_has_every_final_response_as_it_is() {
        let rows = table("Final responses of the called side");
        for status in 300..700 {
            let mut named = rows.iter().filter(|row| names(row[0], status));
            let row = named.next().or(rows.last()).unwrap();
            assert!(named.next().is_none(), "{status} stands twice");
            let outcome = Outcome::from_status(status);
            let gets = if outcome.status == status {
                "the same".into()
            } else {
                outcome.status.to_string()
            };
            let next = if outcome.may_fail_over() { "yes" } else { "no" };
            assert_eq!(
                row[1..],
                [&gets, &outcome.q850.to_string(), outcome.cause.as_str(), next],
                "{status}"
            );
        }
    }

    #[test]
    fn the_page_has_every_cause_as_it_is() {
        let rows = table("Causes");
        // What the error of an unknown name lists are all causes that there are.
        let all = serde_json::from_str::<EndCause>("\"?\"").unwrap_err().to_string();
        assert_eq!(all.matches('`').count() / 2 - 1, rows.len(), "{all}");
        for row in rows {
            let cause: EndCause = serde_json::from_str(&format!("\"{}\"", row[0])).expect(row[0]);
            let (status, q850, prompt) = for_cause(cause);
            let expected = [status.to_string(), q850.to_string(), prompt.unwrap_or("").to_owned()];
            assert_eq!(row[1..4], expected, "{}", row[0]);
        }
    }

    #[test]
    fn a_busy_phone_tells_more_than_a_silent_one() {
        let busy = Outcome::from_status(486);
        let silent = Outcome::of(EndCause::Unreachable);
        assert_eq!(silent.better(Some(busy)), busy);
        assert_eq!(busy.better(Some(silent)), busy);
    }

    #[test]
    fn a_dead_carrier_fails_over_and_a_busy_number_does_not() {
        assert!(Outcome::from_status(503).may_fail_over());
        assert!(Outcome::from_status(408).may_fail_over());
        assert!(!Outcome::from_status(486).may_fail_over());
        assert!(!Outcome::from_status(404).may_fail_over());
        assert!(!Outcome::from_status(603).may_fail_over());
    }
}
