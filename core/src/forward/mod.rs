//! What becomes of a call for an extension whose owner has set something: it rings, goes elsewhere, or is refused.
//!
//! Everything here is a function of the settings and of what is known of the call. Where a number leads and under whose
//! rights is not decided here.

use std::cmp::Ordering;

use crate::vocab::ExtensionKey;
use crate::vocab::settings::{ExtensionSettings, ForwardWhen, MAX_RING};

/// Whether an extension could ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// A phone is registered, and the extension may have another call.
    Free,
    /// It has as many calls as it may.
    Busy,
    /// No phone is registered.
    Unregistered,
}

/// Why a call goes elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// All calls do.
    All,
    /// It is busy, or refused.
    Busy,
    /// It does not wish to be disturbed.
    DoNotDisturb,
    /// Nobody answered.
    NoAnswer,
    /// No phone is registered, or none can be reached.
    Unregistered,
}

/// What happens to a call that arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival<'a> {
    /// As if nothing were set.
    Usual,
    /// It goes to this number.
    Forward(Why, &'a str),
    /// Nobody is to be disturbed.
    Refuse,
}

/// What happens to a call when it arrives. A forward of all calls wins over do not disturb: nobody is disturbed by it.
pub fn on_arrival(settings: &ExtensionSettings, presence: Presence) -> Arrival<'_> {
    if let Some(to) = settings.forward(ForwardWhen::All) {
        return Arrival::Forward(Why::All, to);
    }
    let elsewhere = |why, when| match settings.forward(when) {
        Some(to) => Arrival::Forward(why, to),
        None => Arrival::Usual,
    };
    if settings.do_not_disturb {
        return match elsewhere(Why::DoNotDisturb, ForwardWhen::Busy) {
            Arrival::Usual => Arrival::Refuse,
            forward => forward,
        };
    }
    match presence {
        Presence::Free => Arrival::Usual,
        Presence::Busy => elsewhere(Why::Busy, ForwardWhen::Busy),
        Presence::Unregistered => match elsewhere(Why::Unregistered, ForwardWhen::Unregistered) {
            Arrival::Usual => elsewhere(Why::Unregistered, ForwardWhen::NoAnswer),
            forward => forward,
        },
    }
}

/// How an extension was tried in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Busy, or refused by hand.
    Busy,
    /// It rang until the time was over.
    NoAnswer,
    /// The phone itself says that it is not available.
    Unavailable,
    /// Its phones did not answer to SIP, or have gone.
    Unreachable,
}

/// Where a call goes that rang in vain.
pub fn on_failure(settings: &ExtensionSettings, failure: Failure) -> Option<(Why, &str)> {
    // Set while it rang: whoever rings no longer wants none of it elsewhere than it is told to now.
    let all = settings.forward(ForwardWhen::All).map(|to| (Why::All, to));
    let to = |why, when| settings.forward(when).map(|to| (why, to));
    let busy = || to(Why::Busy, ForwardWhen::Busy);
    let no_answer = || to(Why::NoAnswer, ForwardWhen::NoAnswer);
    let gone = || to(Why::Unregistered, ForwardWhen::Unregistered);
    all.or_else(|| match failure {
        Failure::Busy => busy(),
        Failure::NoAnswer => no_answer(),
        Failure::Unavailable => busy().or_else(no_answer),
        Failure::Unreachable => gone().or_else(no_answer),
    })
}

/// Why a forward is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// It leads back to somebody who has sent the call on, or to the caller.
    Loop,
    /// The call has been sent on as often as it may.
    TooMany,
}

/// Whether a call may be sent on to an extension (`None`: elsewhere), given the caller's extension, those that have sent
/// it on, and how often that has happened, before it came to us included.
///
/// # Errors
/// See [`Stop`].
pub fn may_follow(
    caller: Option<&ExtensionKey>,
    passed: &[&ExtensionKey],
    to: Option<&ExtensionKey>,
    (count, most): (usize, usize),
) -> Result<(), Stop> {
    let back = |to: &ExtensionKey| caller == Some(to) || passed.contains(&to);
    if to.is_some_and(back) {
        return Err(Stop::Loop);
    }
    match count.cmp(&most) {
        Ordering::Less => Ok(()),
        Ordering::Equal | Ordering::Greater => Err(Stop::TooMany),
    }
}

/// The number that was dialled behind a forward's code, and the seconds behind a `*` after it.
pub fn dialled(text: &str) -> Option<(&str, Option<u16>)> {
    let (number, secs) = match text.rsplit_once('*') {
        Some((number, secs)) => (number, Some(secs)),
        None => (text, None),
    };
    let secs = match secs {
        Some(secs) => Some(secs.parse().ok().filter(|secs| (1..=MAX_RING).contains(secs))?),
        None => None,
    };
    (!number.is_empty()).then_some((number, secs))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn settings(all: &str, busy: &str, no_answer: &str, gone: &str) -> ExtensionSettings {
        let to = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        ExtensionSettings {
            forward_all: to(all),
            forward_busy: to(busy),
            forward_no_answer: to(no_answer),
            forward_unregistered: to(gone),
            ..ExtensionSettings::default()
        }
    }

    #[test]
    fn nothing_set_changes_nothing() {
        let none = ExtensionSettings::default();
        for presence in [Presence::Free, Presence::Busy, Presence::Unregistered] {
            assert_eq!(on_arrival(&none, presence), Arrival::Usual);
        }
        assert_eq!(on_failure(&none, Failure::NoAnswer), None);
    }

    #[test]
    fn each_forward_has_its_moment() {
        let set = settings("", "2", "3", "4");
        assert_eq!(on_arrival(&set, Presence::Free), Arrival::Usual);
        assert_eq!(on_arrival(&set, Presence::Busy), Arrival::Forward(Why::Busy, "2"));
        let gone = Arrival::Forward(Why::Unregistered, "4");
        assert_eq!(on_arrival(&set, Presence::Unregistered), gone);
        assert_eq!(on_failure(&set, Failure::Busy), Some((Why::Busy, "2")));
        assert_eq!(on_failure(&set, Failure::Unavailable), Some((Why::Busy, "2")));
        assert_eq!(on_failure(&set, Failure::NoAnswer), Some((Why::NoAnswer, "3")));
        assert_eq!(on_failure(&set, Failure::Unreachable), Some((Why::Unregistered, "4")));
    }

    #[test]
    fn who_cannot_be_reached_is_one_who_does_not_answer() {
        let set = settings("", "", "3", "");
        let gone = Arrival::Forward(Why::Unregistered, "3");
        assert_eq!(on_arrival(&set, Presence::Unregistered), gone);
        assert_eq!(on_failure(&set, Failure::Unreachable), Some((Why::NoAnswer, "3")));
        assert_eq!(on_failure(&set, Failure::Unavailable), Some((Why::NoAnswer, "3")));
    }

    #[test]
    fn do_not_disturb_is_busy_and_a_forward_of_all_calls_comes_first() {
        let mut set = settings("", "", "3", "");
        set.do_not_disturb = true;
        assert_eq!(on_arrival(&set, Presence::Free), Arrival::Refuse);
        assert_eq!(on_arrival(&set, Presence::Unregistered), Arrival::Refuse);
        set.forward_busy = Some("2".into());
        assert_eq!(on_arrival(&set, Presence::Free), Arrival::Forward(Why::DoNotDisturb, "2"));
        set.forward_all = Some("1".into());
        assert_eq!(on_arrival(&set, Presence::Busy), Arrival::Forward(Why::All, "1"));
    }

    #[test]
    fn what_is_dialled_behind_a_code() {
        assert_eq!(dialled("4568"), Some(("4568", None)));
        assert_eq!(dialled("4568*20"), Some(("4568", Some(20))));
        for bad in ["", "*20", "4568*", "4568*0", "4568*601", "4568*x"] {
            assert_eq!(dialled(bad), None, "{bad}");
        }
    }

    fn key(number: usize) -> ExtensionKey {
        ExtensionKey { tenant: "t".into(), number: number.to_string() }
    }

    proptest! {
        /// Whatever everybody has set, a call comes to rest, and meets nobody twice.
        #[test]
        fn no_graph_of_forwards_is_walked_for_ever(
            edges in prop::collection::vec(prop::option::of(0usize..12), 12),
            first in 0usize..12,
            caller in prop::option::of(0usize..12),
            before in 0usize..7,
        ) {
            let caller = caller.map(key);
            let (mut at, mut passed) = (first, Vec::<ExtensionKey>::new());
            while let Some(next) = edges[at] {
                let to = key(next);
                let own = key(at);
                let mut seen: Vec<&ExtensionKey> = passed.iter().collect();
                seen.push(&own);
                let count = (before + passed.len(), 5);
                if may_follow(caller.as_ref(), &seen, Some(&to), count).is_err() {
                    break;
                }
                prop_assert!(!passed.contains(&own));
                passed.push(own);
                at = next;
            }
            prop_assert!(before + passed.len() <= 5.max(before));
        }
    }
}
