//! Keys of parking places: lit while somebody is there, and what pressing them does.

use crate::blf_phone::*;
use crate::exchange::*;
use crate::park_calls::{CUSTOMER, park, talk};
use crate::pickup_calls::{BOB, CAROL, office};

fn watching(host: &mut Exchange, place: &str) -> Watch {
    let watch = host.subscribe("4568", BOB, place, "dialog", "");
    assert_eq!(watch.status, 200, "{}", watch.answer);
    assert_eq!(lamp(body(&host.told(&watch))), "", "nobody is there yet");
    host.run(1);
    watch
}

#[test]
fn a_key_is_lit_while_somebody_is_parked_and_takes_who_is_there() {
    for dialled in ["701", "**701"] {
        let mut host = office(|_| ());
        let (mut caller, _, call) = talk(&mut host);
        let watch = watching(&mut host, "701");
        assert_eq!(park(&mut host, call), 701);
        let lit = host.settled(&watch);
        assert_eq!(lamp(body(&lit)), "confirmed");
        assert!(body(&lit).contains(CUSTOMER), "who is there: {lit}");
        let mut bob = host.call_from("4568", BOB, dialled);
        host.confirm(&mut bob);
        assert_eq!(lamp(body(&host.settled(&watch))), "", "{dialled}");
        host.hang_up(&mut caller);
        let bye = host.expect(BOB, "BYE ");
        host.respond(BOB, &bye, 200, "");
    }
}

#[test]
fn a_key_is_dark_when_the_caller_hangs_up_or_the_parker_has_it_back() {
    let mut host = office(|_| ());
    let (mut caller, _, call) = talk(&mut host);
    let watch = watching(&mut host, "701");
    park(&mut host, call);
    assert_eq!(lamp(body(&host.settled(&watch))), "confirmed");
    host.hang_up(&mut caller);
    assert_eq!(lamp(body(&host.settled(&watch))), "");
    let (_, _, call) = talk(&mut host);
    park(&mut host, call);
    assert_eq!(lamp(body(&host.settled(&watch))), "confirmed");
    host.run(120);
    assert_eq!(host.take(BOB, "NOTIFY "), None, "it stays lit while the parker rings");
    host.pick_up(crate::pickup_calls::ALICE);
    assert_eq!(lamp(body(&host.settled(&watch))), "");
}

#[test]
fn a_number_that_is_no_place_cannot_be_watched() {
    let mut host = office(|config| {
        let key = strowger_core::vocab::GroupKey { tenant: "demo".into(), name: "sales".into() };
        config.groups.push(strowger_core::vocab::group::Group::named(key, "702"));
    });
    for number in ["700", "702", "800", "0701"] {
        let watch = host.subscribe("4568", BOB, number, "dialog", "");
        assert_eq!(watch.status, 404, "{number}");
    }
    let elsewhere = host.subscribe("4569", CAROL, "799", "dialog", "");
    assert_eq!(elsewhere.status, 200);
}
