//! What dialled numbers mean.

use strowger_core::route::{Caller, Directory, DirectoryError, Plan, Refusal};
use strowger_core::vocab::config::{Config, Destination, RouteFrom};
use strowger_core::vocab::{ExtensionKey, Hop, QueueKey};

use crate::common::*;

fn directory() -> Directory {
    Directory::new(two_companies()).unwrap()
}

fn dial(from: &ExtensionKey, number: &str) -> Result<Plan, Refusal> {
    directory().plan(Caller::Extension(from), number, Some("pbx.example"))
}

fn by_trunk(name: &str, number: &str) -> String {
    format!("{name} {number}")
}

/// Hops as short text.
fn hops(plan: &Plan) -> Vec<String> {
    let text = |hop: &Hop| match hop {
        Hop::Extension(key) => key.to_string(),
        Hop::Trunk { trunk, number } => by_trunk(&trunk.name, number),
        Hop::Echo => "echo".into(),
        Hop::Sound(name) => name.clone(),
        other => format!("{other:?}"),
    };
    plan.hops.iter().map(text).collect()
}

fn changed(change: impl FnOnce(&mut Config)) -> Directory {
    let mut config = two_companies();
    change(&mut config);
    Directory::new(config).unwrap()
}

#[test]
fn an_extension_is_reached_by_number_by_prefix_and_by_uri() {
    let directory = directory();
    let caller = key("demo", "4568");
    let caller = Caller::Extension(&caller);
    for (user, host) in [
        ("4567", Some("pbx.example")),
        ("4567", Some("PBX.EXAMPLE.")),
        ("4567", None),
        ("4567", Some("192.0.2.1")),
        ("4567", Some("[2001:db8::1]")),
        ("4567", Some("localhost")),
        ("4567", Some("")),
        ("45-67", Some("pbx.example")),
        ("90310468564567", Some("pbx.example")),
        ("%34567", Some("pbx.example")),
    ] {
        let plan = directory.plan(caller, user, host).unwrap();
        assert_eq!(hops(&plan), ["demo/4567"], "{user}@{host:?}");
        assert_eq!(plan.dialled, "4567");
        assert_eq!(plan.tenant, "demo");
    }
}

#[test]
fn companies_do_not_see_each_other() {
    let directory = directory();
    let (demo, other) = (key("demo", "4568"), key("other", "7000"));
    let own = directory.plan(Caller::Extension(&other), "4567", None).unwrap();
    assert_eq!(hops(&own), ["other/4567"]);
    for (caller, user, host) in [
        (&demo, "7000", None),
        (&demo, "7000", Some("other.example")),
        (&demo, "4567", Some("other.example")),
        (&other, "4568", None),
        (&other, "90310468564567", None),
        (&demo, "4567", Some("elsewhere.example")),
    ] {
        let plan = directory.plan(Caller::Extension(caller), user, host);
        assert_eq!(plan, Err(Refusal::NotFound), "{caller} to {user}@{host:?}");
    }
}

#[test]
fn users_name_extensions_while_they_are_unambiguous() {
    let directory = directory();
    let find = |user, domain| {
        directory.extension_by_user(user, domain).map(|extension| extension.key.to_string())
    };
    assert_eq!(find("90310468564567", "pbx.example").as_deref(), Some("demo/4567"));
    assert_eq!(find("4568", "pbx.example").as_deref(), Some("demo/4568"), "only one");
    // An empty prefix makes the bare number the full user, which counts first.
    assert_eq!(find("4567", "pbx.example").as_deref(), Some("other/4567"));
    assert_eq!(find("4567", "other.example").as_deref(), Some("other/4567"));
    assert_eq!(find("4568", "other.example"), None, "not in that domain");
    assert_eq!(find("90310468564567", "other.example"), None);
    assert_eq!(find("4570", "pbx.example"), None);

    let both = changed(|config| config.tenants[1].prefix = "77".into());
    assert!(both.extension_by_user("4567", "pbx.example").is_none(), "two have it");
    let other = both.extension_by_user("4567", "other.example").unwrap();
    assert_eq!(other.key, key("other", "4567"), "its own domain decides");
    assert_eq!(both.extension_by_user("774567", "other.example").unwrap().key, other.key);
    assert_eq!(both.extension_by_user("774567", "192.0.2.1").unwrap().key, other.key);
}

#[test]
fn the_first_route_that_matches_decides() {
    let plan = dial(&key("demo", "4567"), "057188880000").unwrap();
    assert_eq!(hops(&plan), ["carrier 057188880000", "spare 057188880000"], "then fails over");
    let abroad = dial(&key("demo", "4568"), "0044123456").unwrap();
    assert_eq!(hops(&abroad), ["carrier 0044123456"]);
    // `^0\d{7,12}$` would match this number too, but the route before it closes it.
    assert_eq!(dial(&key("demo", "4567"), "0044123456"), Err(Refusal::NotAllowed));
    assert_eq!(dial(&key("demo", "4569"), "057188880000"), Err(Refusal::NotAllowed));
    assert_eq!(hops(&dial(&key("demo", "4569"), "9").unwrap()), ["en/goodbye"], "wants no class");
    assert_eq!(dial(&key("demo", "4567"), "12345"), Err(Refusal::NotFound));
}

#[test]
fn plus_is_understood_both_ways() {
    let national = dial(&key("demo", "4567"), "+8657188880000").unwrap();
    assert_eq!(hops(&national)[0], "carrier 057188880000");
    assert_eq!(national.dialled, "+8657188880000");
    assert_eq!(dial(&key("demo", "4567"), "+44 1234 56789"), Err(Refusal::NotAllowed));
    assert_eq!(
        hops(&dial(&key("demo", "4568"), "+44 1234 56789").unwrap())[0],
        "carrier 0044123456789"
    );

    let e164 = changed(|config| config.trunks[0].e164 = true);
    let caller = key("demo", "4568");
    let plan = e164.plan(Caller::Extension(&caller), "057188880000", None).unwrap();
    assert_eq!(hops(&plan), ["carrier +8657188880000", "spare 057188880000"]);
}

#[test]
fn strip_and_prepend_rewrite_the_number() {
    let directory = changed(|config| {
        config.routes[1].strip = 1;
        config.routes[1].prepend = "86".into();
        config.routes[2].strip = 1;
    });
    let caller = key("demo", "4567");
    let plan = directory.plan(Caller::Extension(&caller), "057188880000", None).unwrap();
    assert_eq!(hops(&plan)[0], "carrier 8657188880000");
    let nothing_left = directory.plan(Caller::Extension(&caller), "9", None);
    assert_eq!(nothing_left, Err(Refusal::BadNumber));
    let too_much = changed(|config| config.routes[2].strip = 2);
    assert_eq!(too_much.plan(Caller::Extension(&caller), "9", None), Err(Refusal::BadNumber));
}

#[test]
fn feature_codes() {
    let caller = key("demo", "4567");
    let echo = dial(&caller, "*43").unwrap();
    assert_eq!((hops(&echo), echo.hide_number), (vec!["echo".to_owned()], false));
    let hidden = dial(&caller, "%2A67057188880000").unwrap();
    assert_eq!(hops(&hidden)[0], "carrier 057188880000");
    assert_eq!((hidden.dialled.as_str(), hidden.hide_number), ("057188880000", true));
    let inside = dial(&caller, "*674568").unwrap();
    assert_eq!((hops(&inside), inside.hide_number), (vec!["demo/4568".to_owned()], true));
    assert_eq!(dial(&caller, "*67"), Err(Refusal::BadNumber));
    assert_eq!(dial(&caller, "*67*674568"), Err(Refusal::NotFound));
    let off = changed(|config| config.codes.hide_number = String::new());
    let plan = off.plan(Caller::Extension(&caller), "4568", None).unwrap();
    assert!(!plan.hide_number);
}

#[test]
fn emergency_passes_every_class_and_leaves_by_every_trunk() {
    let poor = key("demo", "4569");
    let plan = dial(&poor, "110").unwrap();
    assert!(plan.emergency);
    assert_eq!(hops(&plan), ["carrier 110", "spare 110"]);
    let hidden = dial(&poor, "*67110").unwrap();
    assert!(hidden.emergency && !hidden.hide_number, "help must know who calls");

    let routed = changed(|config| {
        let to = vec![Destination::Trunk(trunk_key("demo", "spare"))];
        config.routes.insert(0, route("demo", "^110$", Some("nobody"), to));
        config.routes[0].prepend = "0".into();
    });
    let plan = routed.plan(Caller::Extension(&poor), "110", None).unwrap();
    assert_eq!(hops(&plan), ["spare 0110", "carrier 110"], "its route first, then the rest");
    let no_trunk = changed(|config| config.trunks.clear());
    assert_eq!(no_trunk.plan(Caller::Extension(&poor), "110", None), Err(Refusal::NotFound));
}

#[test]
fn nobody_calls_itself() {
    let caller = key("demo", "4567");
    assert_eq!(dial(&caller, "4567"), Err(Refusal::Loop));
    assert_eq!(dial(&caller, "90310468564567"), Err(Refusal::Loop));
    let own = Destination::Extension(caller.clone());
    let only = changed(|config| config.routes[2].to = vec![own.clone()]);
    assert_eq!(only.plan(Caller::Extension(&caller), "9", None), Err(Refusal::Loop));
    let also = changed(|config| config.routes[2].to = vec![own, Destination::Echo]);
    assert_eq!(hops(&also.plan(Caller::Extension(&caller), "9", None).unwrap()), ["echo"]);
}

#[test]
fn what_is_no_number_is_refused() {
    let long = "1".repeat(65);
    for bad in ["", "+", "45/67", "4567@x", "%0d%0a", "4567 ; drop", "ü", long.as_str()] {
        let result = dial(&key("demo", "4568"), bad);
        assert!(
            matches!(result, Err(Refusal::BadNumber)) || bad.contains(';'),
            "{bad:?}: {result:?}"
        );
    }
}

#[test]
fn a_carrier_reaches_its_numbers_in_every_form() {
    let directory = directory();
    let carrier = trunk_key("demo", "carrier");
    for delivered in
        ["057126200670", "+8657126200670", "8657126200670", "57126200670", "008657126200670"]
    {
        let plan = directory.plan(Caller::Trunk(&carrier), delivered, Some("any.example")).unwrap();
        assert_eq!(hops(&plan), ["demo/4567"], "{delivered}");
        assert!(!plan.emergency);
    }
    let exact_first = changed(|config| {
        config.numbers.push(number(carrier.clone(), "8657126200670", Destination::Echo));
    });
    let plan = exact_first.plan(Caller::Trunk(&carrier), "8657126200670", None).unwrap();
    assert_eq!(hops(&plan), ["echo"]);
}

#[test]
fn destinations_of_other_companies_are_dead_ends() {
    let directory = changed(|config| {
        config.routes[2].to = vec![Destination::Extension(key("other", "7000"))];
        config.routes[1].to = vec![Destination::Trunk(trunk_key("other", "carrier"))];
        config.numbers[0].to = Destination::Extension(key("other", "7000"));
    });
    let caller = key("demo", "4567");
    for number in ["9", "057188880000"] {
        let plan = directory.plan(Caller::Extension(&caller), number, None);
        assert_eq!(plan, Err(Refusal::NotFound));
    }
    let carrier = trunk_key("demo", "carrier");
    let plan = directory.plan(Caller::Trunk(&carrier), "057126200670", None);
    assert_eq!(plan, Err(Refusal::NotFound));
}

#[test]
fn a_configuration_that_contradicts_itself_is_refused() {
    let refused = |change: fn(&mut Config)| {
        let mut config = two_companies();
        change(&mut config);
        Directory::new(config).unwrap_err()
    };
    let pattern = refused(|config| config.routes[1].pattern = "^(0".into());
    assert!(matches!(pattern, DirectoryError::Pattern { route: 1, .. }), "{pattern}");
    let huge = refused(|config| config.routes[0].pattern = "(\\d{500}){500}".into());
    assert!(matches!(huge, DirectoryError::Pattern { route: 0, .. }), "{huge}");
    let twice = refused(|config| config.extensions[1].key.number = "4567".into());
    assert_eq!(twice, DirectoryError::Extension(key("demo", "4567")));
    let trunks = refused(|config| config.trunks[1].key.name = "carrier".into());
    assert_eq!(trunks, DirectoryError::Trunk(trunk_key("demo", "carrier")));
    let tenants = refused(|config| config.tenants[1].id = "demo".into());
    assert_eq!(tenants, DirectoryError::Tenant("demo".into()));
}

#[test]
fn a_route_from_another_companys_trunk_is_never_used() {
    let directory = changed(|config| {
        config.routes[4].from = RouteFrom::Trunk(trunk_key("other", "carrier"));
    });
    for trunk in [trunk_key("other", "carrier"), trunk_key("demo", "spare")] {
        let plan = directory.plan(Caller::Trunk(&trunk), "05715550000", None);
        assert_eq!(plan, Err(Refusal::NotFound));
    }
}

fn bare(number: &str) -> Destination {
    Destination::Number(key("demo", number))
}

#[test]
fn queues_share_the_number_space_and_are_set_while_the_switch_runs() {
    let mut directory = directory();
    let caller = key("demo", "4569");
    let dial = |directory: &Directory, number: &str| {
        directory.plan(Caller::Extension(&caller), number, None).map(|plan| plan.hops)
    };
    let queue = |number: &str| QueueKey { tenant: "demo".into(), number: number.into() };
    assert_eq!(dial(&directory, "9001"), Ok(vec![Hop::Queue(queue("9001"))]));
    assert_eq!(dial(&directory, "9002"), Err(Refusal::NotFound));
    directory.set_queues([queue("9002")].into());
    assert_eq!(dial(&directory, "9001"), Err(Refusal::NotFound));
    assert_eq!(dial(&directory, "90310468569002"), Ok(vec![Hop::Queue(queue("9002"))]));
    let other = key("other", "7000");
    assert_eq!(directory.plan(Caller::Extension(&other), "9002", None), Err(Refusal::NotFound));
}

#[test]
fn a_configured_number_means_what_anybody_of_the_tenant_could_dial() {
    let directory = directory();
    let lead = |number: &str| {
        let hops = directory.destination("demo", &bare(number));
        hops.map(|hops| hops.iter().map(|hop| format!("{hop:?}")).collect::<Vec<_>>().join(" "))
    };
    assert!(lead("4567").unwrap().starts_with("Extension("));
    assert!(lead("9001").unwrap().starts_with("Queue("));
    assert_eq!(lead("*43").unwrap(), "Echo");
    assert!(lead("0044123456789").unwrap().contains("carrier"), "whatever its class");
    assert_eq!(lead("*45"), Err(Refusal::NotFound), "nobody logs in by being passed on");
    assert_eq!(lead("*97"), Err(Refusal::NotFound));
    assert_eq!(lead("12345"), Err(Refusal::NotFound));
    let foreign = Destination::Number(key("other", "7000"));
    assert_eq!(directory.destination("demo", &foreign), Err(Refusal::NotFound));
    let trunk = Destination::Trunk(trunk_key("demo", "carrier"));
    assert_eq!(directory.destination("demo", &trunk), Err(Refusal::NotFound), "which number?");
}

#[test]
fn a_carriers_number_may_lead_to_a_number_of_the_configuration_and_nowhere_else() {
    let carrier = trunk_key("demo", "carrier");
    let directory = changed(|config| {
        let own = trunk_key("demo", "carrier");
        config.numbers.push(number(own, "057126200679", bare("057188880000")));
    });
    let dial = |number: &str| directory.plan(Caller::Trunk(&carrier), number, None);
    assert_eq!(
        hops(&dial("057126200679").unwrap()),
        ["carrier 057188880000", "spare 057188880000"]
    );
    assert_eq!(dial("057188880000"), Err(Refusal::NotFound), "the carrier does not choose");
}

#[test]
fn numbers_that_lead_in_a_circle_lead_nowhere() {
    let directory = changed(|config| {
        config.routes.push(route("demo", "^77$", None, vec![bare("78")]));
        config.routes.push(route("demo", "^78$", None, vec![bare("77")]));
    });
    let plan = directory.plan(Caller::Extension(&key("demo", "4567")), "77", None);
    assert_eq!(plan, Err(Refusal::NotFound));
}
