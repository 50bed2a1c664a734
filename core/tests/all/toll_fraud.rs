//! Nobody calls for free: every kind of caller against every kind of destination.

use proptest::prelude::*;
use strowger_core::route::{Caller, Directory, Refusal};
use strowger_core::vocab::{Hop, Plan};

use crate::common::*;

/// What comes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// A phone of the caller's own company.
    Phone,
    /// The switch itself.
    Service,
    /// Leaves by a trunk of the caller's own company.
    Outside,
    NotFound,
    NotAllowed,
    Loop,
}
use Outcome::{Loop, NotAllowed, NotFound, Outside, Phone, Service};

fn outcome(caller: Caller<'_>, plan: &Result<Plan, Refusal>) -> Outcome {
    let plan = match plan {
        Ok(plan) => plan,
        Err(Refusal::NotAllowed) => return NotAllowed,
        Err(Refusal::Loop) => return Loop,
        Err(Refusal::NotFound | Refusal::BadNumber) => return NotFound,
    };
    let kinds: Vec<Outcome> = plan
        .hops
        .iter()
        .map(|hop| match hop {
            Hop::Extension(key) => {
                assert_eq!(&key.tenant, caller.tenant(), "a phone of another company");
                Phone
            }
            Hop::Trunk { trunk, .. } => {
                assert_eq!(&trunk.tenant, caller.tenant(), "a trunk of another company");
                Outside
            }
            _ => Service,
        })
        .collect();
    assert!(kinds.windows(2).all(|pair| pair[0] == pair[1]), "mixed hops {plan:?}");
    kinds[0]
}

/// Columns: an extension with the national class, one with both classes, one with none, the trunk that has a number, the
/// trunk that has a route, a trunk of another company.
const MATRIX: [(&str, [Outcome; 6]); 24] = [
    // Phones.
    ("4567", [Loop, Phone, Phone, NotFound, NotFound, NotFound]),
    ("4568", [Phone, Loop, Phone, NotFound, NotFound, NotFound]),
    ("90310468564568", [Phone, Loop, Phone, NotFound, NotFound, NotFound]),
    ("*674569", [Phone, Phone, Loop, NotFound, NotFound, NotFound]),
    // Phones of the other company.
    ("7000", [NotFound, NotFound, NotFound, NotFound, NotFound, NotFound]),
    // The switch.
    ("*43", [Service, Service, Service, NotFound, NotFound, NotFound]),
    ("*45", [Service, Service, Service, NotFound, NotFound, NotFound]),
    ("*97", [Service, Service, Service, NotFound, NotFound, NotFound]),
    ("9001", [Service, Service, Service, NotFound, NotFound, NotFound]),
    ("90310468569001", [Service, Service, Service, NotFound, NotFound, NotFound]),
    ("9", [Service, Service, Service, NotFound, NotFound, NotFound]),
    // What the companies own.
    ("057126200670", [Outside, Outside, NotAllowed, Phone, NotFound, NotFound]),
    ("057126200671", [Outside, Outside, NotAllowed, NotFound, Service, NotFound]),
    ("057126200680", [Outside, Outside, NotAllowed, NotFound, NotFound, Phone]),
    ("+8657126200670", [Outside, Outside, NotAllowed, Phone, NotFound, NotFound]),
    // Outside.
    ("057188880000", [Outside, Outside, NotAllowed, NotFound, NotFound, NotFound]),
    ("+8657188880000", [Outside, Outside, NotAllowed, NotFound, NotFound, NotFound]),
    ("05715550000", [Outside, Outside, NotAllowed, NotFound, Outside, NotFound]),
    ("0044123456789", [NotAllowed, Outside, NotAllowed, NotFound, NotFound, NotFound]),
    ("+44123456789", [NotAllowed, Outside, NotAllowed, NotFound, NotFound, NotFound]),
    ("*670044123456789", [NotAllowed, Outside, NotAllowed, NotFound, NotFound, NotFound]),
    ("9008881234", [NotFound, NotFound, NotFound, NotFound, NotFound, NotFound]),
    // Emergency.
    ("110", [Outside, Outside, Outside, NotFound, NotFound, NotFound]),
    ("*67110", [Outside, Outside, Outside, NotFound, NotFound, NotFound]),
];

#[test]
fn every_caller_against_every_destination() {
    let directory = Directory::new(two_companies()).unwrap();
    let phones = [key("demo", "4567"), key("demo", "4568"), key("demo", "4569")];
    let trunks =
        [trunk_key("demo", "carrier"), trunk_key("demo", "spare"), trunk_key("other", "carrier")];
    let callers: Vec<Caller<'_>> =
        phones.iter().map(Caller::Extension).chain(trunks.iter().map(Caller::Trunk)).collect();
    for (dialled, expected) in MATRIX {
        for (caller, expected) in callers.iter().zip(expected) {
            for host in [None, Some("pbx.example"), Some("192.0.2.1")] {
                let plan = directory.plan(*caller, dialled, host);
                assert_eq!(
                    outcome(*caller, &plan),
                    expected,
                    "{caller:?} dials {dialled}@{host:?}"
                );
            }
        }
    }
}

#[test]
fn who_is_not_in_the_book_reaches_nothing() {
    let directory = Directory::new(two_companies()).unwrap();
    let strangers = [key("demo", "9999"), key("nobody", "4567"), key("", "")];
    let trunks = [trunk_key("demo", "unknown"), trunk_key("nobody", "carrier")];
    for (dialled, _) in MATRIX {
        for stranger in &strangers {
            let plan = directory.plan(Caller::Extension(stranger), dialled, None);
            assert_eq!(plan, Err(Refusal::NotAllowed), "{stranger} dials {dialled}");
        }
        for trunk in &trunks {
            let plan = directory.plan(Caller::Trunk(trunk), dialled, None);
            assert_eq!(plan, Err(Refusal::NotFound), "{trunk} dials {dialled}");
        }
    }
}

/// Text that people and attackers dial.
fn dialled() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[+]?[0-9]{1,16}",
        2 => "[*#+0-9%;. ()-]{1,20}",
        1 => "(\\*67|%2A67|00|0|\\+86|\\+|110|4567|90310468564567|9|\\*43){1,5}",
        1 => "\\PC{0,12}",
    ]
}

fn leaves(plan: &Result<Plan, Refusal>) -> bool {
    plan.as_ref().is_ok_and(|p| p.hops.iter().any(|hop| matches!(hop, Hop::Trunk { .. })))
}

proptest! {
    /// Every route of `demo` that leads outside wants a class, so that an extension without classes gets out for help
    /// only, and a trunk only by the one route that names it.
    #[test]
    fn whatever_is_dialled_costs_nothing_without_rights(
        number in dialled(),
        host in prop::option::of(prop_oneof![
            Just("pbx.example"), Just("192.0.2.1"), Just("other.example"), Just("evil.example")
        ]),
    ) {
        let directory = Directory::new(two_companies()).unwrap();
        let poor = key("demo", "4569");
        let plan = directory.plan(Caller::Extension(&poor), &number, host);
        if leaves(&plan) {
            let plan = plan.unwrap();
            prop_assert!(plan.emergency && plan.dialled == "110", "{plan:?}");
        }
        let national = key("demo", "4567");
        if let Ok(plan) = directory.plan(Caller::Extension(&national), &number, host) {
            for hop in &plan.hops {
                let abroad = matches!(hop, Hop::Trunk { number, .. } if number.starts_with("00"));
                prop_assert!(!abroad, "{plan:?}");
            }
        }
        for (trunk, may_leave) in
            [(trunk_key("demo", "carrier"), false), (trunk_key("demo", "spare"), true), (trunk_key("other", "carrier"), false)]
        {
            let plan = directory.plan(Caller::Trunk(&trunk), &number, host);
            if leaves(&plan) {
                let sent = plan.unwrap();
                let Hop::Trunk { number, .. } = &sent.hops[0] else { panic!("{sent:?}") };
                prop_assert!(may_leave && number.starts_with("0571555"), "{sent:?}");
            }
        }
    }
}
