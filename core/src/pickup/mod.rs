//! Pickup: which ringing call somebody takes who dials a code or asks over HTTP.
//!
//! A call may be taken by whoever shares a pickup group with a phone that it rings at, by an agent of the queue that it
//! waits in, by the phone that rings itself, and by extensions that may take every call (`pickup_any`). What is asked for
//! decides among those: the own groups, a number, or one call.

use crate::vocab::{CallId, ExtensionKey, QueueKey};

/// A call for which phones ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ringing {
    /// Which.
    pub call: CallId,
    /// Since when, milliseconds since the Unix epoch.
    pub since: u64,
    /// The extensions whose phones ring.
    pub at: Vec<ExtensionKey>,
    /// The queue in which the caller waits.
    pub queue: Option<QueueKey>,
    /// The extension that calls.
    pub caller: Option<ExtensionKey>,
    /// The picker is an agent of that queue.
    pub served: bool,
}

/// Who wants to take a call.
#[derive(Debug, Clone, Copy)]
pub struct Picker<'a> {
    /// The extension that is going to answer.
    pub extension: &'a ExtensionKey,
    /// Its groups.
    pub groups: &'a [String],
    /// It may take every call of its tenant.
    pub any: bool,
}

/// What it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// Whatever rings in its groups.
    Group,
    /// What rings at this number, an extension's or a queue's.
    At(&'a str),
    /// This call.
    Call(CallId),
}

/// Why it gets none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing rings there (any more).
    NothingRings,
    /// Something rings that it may not take.
    NotAllowed,
}

/// The call that is taken: of several the one that has rung longest. `groups` tells the pickup groups of an extension.
///
/// # Errors
/// See [`Refusal`].
pub fn choose<'a>(
    ringing: &[Ringing],
    picker: Picker<'_>,
    wanted: Wanted<'_>,
    groups: impl Fn(&ExtensionKey) -> &'a [String],
) -> Result<CallId, Refusal> {
    let shares = |call: &&Ringing| {
        let mut all = call.at.iter().flat_map(&groups);
        all.any(|group| picker.groups.contains(group))
    };
    let is_meant = |call: &&Ringing| match wanted {
        Wanted::Group => shares(call),
        Wanted::At(number) => {
            let queue = call.queue.as_ref().is_some_and(|queue| queue.number == number);
            queue || call.at.iter().any(|own| own.number == number)
        }
        Wanted::Call(id) => call.call == id,
    };
    let may = |call: &&Ringing| {
        picker.any || call.served || call.at.contains(picker.extension) || shares(call)
    };
    // Nobody answers its own call.
    let foreign = ringing.iter().filter(|call| call.caller.as_ref() != Some(picker.extension));
    let meant: Vec<&Ringing> = foreign.filter(is_meant).collect();
    let best = meant.iter().copied().filter(may).min_by_key(|call| (call.since, call.call));
    best.map(|call| call.call).ok_or(match meant.is_empty() {
        true => Refusal::NothingRings,
        false => Refusal::NotAllowed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: &str) -> ExtensionKey {
        ExtensionKey { tenant: "demo".into(), number: number.into() }
    }

    fn ringing(call: u128, since: u64, at: &[&str]) -> Ringing {
        let at = at.iter().map(|number| key(number)).collect();
        Ringing { call: CallId(call), since, at, queue: None, caller: None, served: false }
    }

    /// 1xx are sales, 2xx support, 3xx in no group; 150 is in both.
    fn groups<'a>(names: &'a [String; 2], extension: &ExtensionKey) -> &'a [String] {
        match extension.number.as_str() {
            "150" => &names[..],
            number if number.starts_with('1') => &names[..1],
            number if number.starts_with('2') => &names[1..],
            _ => &[],
        }
    }

    fn pick(
        ringing: &[Ringing],
        who: &str,
        any: bool,
        wanted: Wanted<'_>,
    ) -> Result<u128, Refusal> {
        let (extension, names) = (key(who), ["sales".to_owned(), "support".to_owned()]);
        let picker = Picker { extension: &extension, groups: groups(&names, &extension), any };
        choose(ringing, picker, wanted, |own| groups(&names, own)).map(|call| call.0)
    }

    #[test]
    fn the_longest_ringing_call_of_the_own_groups_is_taken() {
        let all = [
            ringing(1, 50, &["201"]),
            ringing(2, 40, &["101"]),
            ringing(3, 30, &["102", "301"]),
            ringing(4, 20, &["301"]),
        ];
        assert_eq!(pick(&all, "103", false, Wanted::Group), Ok(3));
        assert_eq!(pick(&all, "203", false, Wanted::Group), Ok(1));
        assert_eq!(pick(&all, "150", false, Wanted::Group), Ok(3), "in both");
        assert_eq!(pick(&all, "302", false, Wanted::Group), Err(Refusal::NothingRings));
        assert_eq!(pick(&all, "302", true, Wanted::Group), Err(Refusal::NothingRings), "no group");
    }

    #[test]
    fn of_two_that_began_together_the_first_call_is_taken() {
        let all = [ringing(2, 40, &["101"]), ringing(1, 40, &["102"])];
        assert_eq!(pick(&all, "103", false, Wanted::Group), Ok(1));
    }

    #[test]
    fn a_number_is_taken_by_its_group_by_itself_and_by_who_may_take_all() {
        let all = [ringing(1, 50, &["101"]), ringing(2, 60, &["301"])];
        let at = Wanted::At;
        assert_eq!(pick(&all, "103", false, at("101")), Ok(1));
        assert_eq!(pick(&all, "203", false, at("101")), Err(Refusal::NotAllowed));
        assert_eq!(pick(&all, "203", true, at("101")), Ok(1));
        assert_eq!(pick(&all, "301", false, at("301")), Ok(2), "its own other phone");
        assert_eq!(pick(&all, "103", true, at("102")), Err(Refusal::NothingRings));
        assert_eq!(pick(&[], "103", true, at("101")), Err(Refusal::NothingRings));
    }

    #[test]
    fn an_agent_takes_what_rings_for_its_queue() {
        let mut call = ringing(1, 50, &["101"]);
        call.queue = Some(QueueKey { tenant: "demo".into(), number: "9001".into() });
        assert_eq!(
            pick(&[call.clone()], "302", false, Wanted::At("9001")),
            Err(Refusal::NotAllowed)
        );
        call.served = true;
        assert_eq!(pick(&[call.clone()], "302", false, Wanted::At("9001")), Ok(1));
        assert_eq!(pick(&[call.clone()], "302", false, Wanted::At("101")), Ok(1));
        assert_eq!(pick(&[call], "302", false, Wanted::Group), Err(Refusal::NothingRings));
    }

    #[test]
    fn nobody_picks_up_its_own_call() {
        let mut call = ringing(1, 50, &["101"]);
        call.caller = Some(key("103"));
        assert_eq!(pick(&[call.clone()], "103", true, Wanted::Group), Err(Refusal::NothingRings));
        assert_eq!(pick(&[call], "103", true, Wanted::Call(CallId(1))), Err(Refusal::NothingRings));
    }

    #[test]
    fn one_call_by_its_id() {
        let all = [ringing(1, 50, &["101"]), ringing(2, 40, &["101"])];
        assert_eq!(pick(&all, "103", false, Wanted::Call(CallId(1))), Ok(1));
        assert_eq!(pick(&all, "203", false, Wanted::Call(CallId(1))), Err(Refusal::NotAllowed));
        assert_eq!(pick(&all, "103", false, Wanted::Call(CallId(9))), Err(Refusal::NothingRings));
    }
}
