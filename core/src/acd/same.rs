//! Who answered a number last, for `try_same_agent_time`.

use std::collections::{BTreeMap, BTreeSet};

use super::numbers::AgentNo;

/// Numbers remembered per queue; the oldest goes first.
const NUMBERS: usize = 10_000;

/// Who answered which number last in one queue, and when.
#[derive(Debug, Clone, Default)]
pub(super) struct SameAgent {
    by_number: BTreeMap<String, (u64, AgentNo)>,
    by_time: BTreeSet<(u64, String)>,
}

impl SameAgent {
    /// An agent answered this number now. Unknown numbers are not remembered.
    pub fn note(&mut self, now: u64, number: &str, agent: AgentNo) {
        if number.is_empty() {
            return;
        }
        if let Some((at, _)) = self.by_number.insert(number.to_owned(), (now, agent)) {
            self.by_time.remove(&(at, number.to_owned()));
        }
        self.by_time.insert((now, number.to_owned()));
        if self.by_number.len() > NUMBERS
            && let Some((_, oldest)) = self.by_time.pop_first()
        {
            self.by_number.remove(&oldest);
        }
    }

    /// Who answered this number since `earliest`.
    pub fn last(&self, number: &str, earliest: u64) -> Option<AgentNo> {
        self.by_number.get(number).filter(|(at, _)| *at >= earliest).map(|(_, agent)| *agent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_agent_is_remembered_for_a_time_and_a_bounded_number_of_numbers() {
        let mut same = SameAgent::default();
        same.note(1, "555", 7);
        same.note(2, "555", 8);
        assert_eq!(same.last("555", 0), Some(8));
        assert_eq!(same.last("555", 3), None);
        same.note(3, "", 9);
        assert_eq!(same.last("", 0), None);
        for number in 0..2 * NUMBERS as u64 {
            same.note(10 + number, &number.to_string(), 1);
        }
        assert_eq!(same.by_number.len(), NUMBERS);
        assert_eq!(same.by_time.len(), NUMBERS);
        assert_eq!(same.last("555", 0), None, "the oldest are forgotten");
        assert_eq!(same.last("19999", 0), Some(1));
    }
}
