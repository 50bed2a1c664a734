//! Ring groups and follow me: who rings when, who wins, and where callers go whom nobody takes.

use strowger_core::vocab::GroupKey;
use strowger_core::vocab::config::{Config, Destination};
use strowger_core::vocab::group::{Group, GroupMember, GroupStrategy, MemberPlace};
use strowger_core::vocab::mailbox::Mailbox;
use strowger_core::vocab::settings::{ExtensionSettings, FollowStep, SettingsRecord};
use strowger_core::vocab::{MailboxKey, Restored};

use crate::common::*;
use crate::exchange::{Exchange, sdp};

const ALICE: &str = "198.51.100.7:5060";
const BOB: &str = "198.51.100.8:5060";
const CAROL: &str = "198.51.100.9:5060";
const CARRIER: &str = "192.0.2.10:5060";
const SPARE: &str = "192.0.2.11:5060";
const OUTSIDE: &str = "057188880000";

fn member(number: &str, delay_secs: u16) -> GroupMember {
    GroupMember { place: MemberPlace::Extension(key("demo", number)), delay_secs }
}

fn outside(number: &str, delay_secs: u16) -> GroupMember {
    GroupMember { place: MemberPlace::Outside(number.into()), delay_secs }
}

fn group_key() -> GroupKey {
    GroupKey { tenant: "demo".into(), name: "sales".into() }
}

/// Group 600 of these, and what else is changed. Callers come by the carrier's number 057126200670.
fn with(members: Vec<GroupMember>, change: impl FnOnce(&mut Group, &mut Config)) -> Exchange {
    let mut config = two_companies();
    let mut group = Group { members, ring_secs: 10, ..Group::named(group_key(), "600") };
    change(&mut group, &mut config);
    config.numbers[0].to = Destination::Group(group_key());
    config.groups = vec![group];
    let mut own = Exchange::new(config);
    for (number, at) in [("4567", ALICE), ("4568", BOB), ("4569", CAROL)] {
        own.register(number, at);
    }
    own
}

fn call(own: &mut Exchange) -> crate::exchange::Dialog {
    own.call_in(CARRIER, "01088886666", "057126200670")
}

fn set(config: &mut Config, number: &str, how: impl FnOnce(&mut ExtensionSettings)) {
    let mut settings = ExtensionSettings::default();
    how(&mut settings);
    config.settings.push(SettingsRecord { extension: key("demo", number), settings });
}

#[track_caller]
fn nobody_rings(own: &mut Exchange) {
    for at in [ALICE, BOB, CAROL] {
        assert!(own.take(at, "INVITE ").is_none(), "{at} rings");
    }
}

#[test]
fn all_ring_one_wins_and_the_others_miss_nothing() {
    let members = vec![member("4567", 0), member("4568", 0), member("4569", 0)];
    let mut own = with(members, |_, _| {});
    let mut caller = call(&mut own);
    own.expect(CARRIER, "SIP/2.0 180");
    let alice = own.expect(ALICE, "INVITE ");
    let carol = own.expect(CAROL, "INVITE ");
    own.respond(ALICE, &alice, 180, "");
    own.respond(CAROL, &carol, 180, "");
    let mut bob = own.pick_up(BOB);
    own.confirm(&mut caller);
    for at in [ALICE, CAROL] {
        let cancel = own.expect(at, "CANCEL ");
        assert!(cancel.contains("Reason: SIP;cause=200;text=\"Call completed elsewhere\""));
    }
    own.hang_up(&mut bob);
    own.expect(CARRIER, "BYE ");
    let record = own.closed().pop().unwrap();
    assert!(format!("{:?}", record.callee).contains("4568"), "{record:?}");
}

#[test]
fn two_answers_at_once_make_one_conversation() {
    let mut own = with(vec![member("4567", 0), member("4568", 0)], |_, _| {});
    let mut caller = call(&mut own);
    let alice = own.expect(ALICE, "INVITE ");
    let bob = own.expect(BOB, "INVITE ");
    own.respond(ALICE, &alice, 200, &sdp(ALICE));
    own.respond(BOB, &bob, 200, &sdp(BOB));
    own.expect(ALICE, "ACK ");
    own.expect(BOB, "ACK ");
    own.expect(BOB, "BYE ");
    assert!(own.take(ALICE, "BYE ").is_none());
    own.confirm(&mut caller);
}

#[test]
fn one_after_the_other_and_no_gap_where_one_refuses() {
    let members = vec![member("4567", 0), member("4568", 0), member("4569", 0)];
    let mut own = with(members, |group, _| group.strategy = GroupStrategy::Sequential);
    let mut caller = call(&mut own);
    let alice = own.expect(ALICE, "INVITE ");
    own.respond(ALICE, &alice, 180, "");
    nobody_rings(&mut own);
    own.run(2);
    own.respond(ALICE, &alice, 486, "");
    let bob = own.expect(BOB, "INVITE ");
    own.respond(BOB, &bob, 180, "");
    own.run(9);
    nobody_rings(&mut own);
    own.run(1);
    own.expect(BOB, "CANCEL ");
    own.pick_up(CAROL);
    own.confirm(&mut caller);
}

#[test]
fn a_member_who_answers_as_the_next_begins_to_ring_wins_or_is_told_the_end() {
    let members = vec![member("4567", 0), member("4568", 0)];
    let mut own = with(members, |group, _| group.strategy = GroupStrategy::Sequential);
    let mut caller = call(&mut own);
    let alice = own.expect(ALICE, "INVITE ");
    own.respond(ALICE, &alice, 180, "");
    own.run(10);
    // Its CANCEL and its answer cross: it is hung up, and the other one is not disturbed.
    own.expect(ALICE, "CANCEL ");
    let bob = own.expect(BOB, "INVITE ");
    own.respond(ALICE, &alice, 200, &sdp(ALICE));
    own.expect(ALICE, "ACK ");
    own.expect(ALICE, "BYE ");
    assert!(own.take(CARRIER, "SIP/2.0 200").is_none());
    own.respond(BOB, &bob, 200, &sdp(BOB));
    own.confirm(&mut caller);
}

#[test]
fn members_are_added_after_their_delays_and_the_first_rings_on() {
    let members = vec![member("4567", 0), member("4568", 5), member("4569", 15)];
    let mut own = with(members, |group, _| group.strategy = GroupStrategy::Delayed);
    call(&mut own);
    let alice = own.expect(ALICE, "INVITE ");
    own.respond(ALICE, &alice, 180, "");
    own.run(4);
    nobody_rings(&mut own);
    own.run(1);
    let bob = own.expect(BOB, "INVITE ");
    own.respond(BOB, &bob, 180, "");
    own.run(10);
    own.expect(CAROL, "INVITE ");
    assert!(own.take(ALICE, "CANCEL ").is_none());
    own.run(10);
    own.expect(ALICE, "CANCEL ");
    own.expect(BOB, "CANCEL ");
    own.expect(CARRIER, "SIP/2.0 480");
}

#[test]
fn nobody_registered_ends_at_once_or_overflows() {
    let members = || vec![member("4567", 0), member("4568", 5)];
    let gone = |own: &mut Exchange| {
        own.register_for("4567", ALICE, 0);
        own.register_for("4568", BOB, 0);
    };
    for strategy in [GroupStrategy::Parallel, GroupStrategy::Sequential, GroupStrategy::Delayed] {
        let mut own = with(members(), |group, _| group.strategy = strategy);
        gone(&mut own);
        call(&mut own);
        own.expect(CARRIER, "SIP/2.0 480");
    }
    let mut own = with(members(), |group, _| {
        group.overflow = Some(Destination::Extension(key("demo", "4569")));
    });
    gone(&mut own);
    let mut caller = call(&mut own);
    own.pick_up(CAROL);
    own.confirm(&mut caller);
}

#[test]
fn whom_nobody_answers_overflows_and_phones_ring_there_too() {
    let mut own = with(vec![member("4567", 0)], |group, _| {
        group.overflow = Some(Destination::Extension(key("demo", "4568")));
    });
    let mut caller = call(&mut own);
    let alice = own.expect(ALICE, "INVITE ");
    own.respond(ALICE, &alice, 180, "");
    own.run(10);
    own.expect(ALICE, "CANCEL ");
    own.pick_up(BOB);
    own.confirm(&mut caller);
}

#[test]
fn who_hangs_up_where_a_group_overflowed_to_leaves_nothing_behind() {
    let mut own = with(vec![member("4567", 0)], |group, config| {
        let queue = &mut config.acd.queues[0];
        queue.limits.exit_with_no_av_agents = false;
        group.overflow = Some(Destination::Queue(queue.key.clone()));
    });
    let mut caller = call(&mut own);
    own.expect(ALICE, "INVITE ");
    own.run(10);
    own.confirm(&mut caller);
    assert_eq!(own.heard(), ["music/hold"], "it waits in the queue");
    // Every step is audited.
    own.hang_up(&mut caller);
}

#[test]
fn a_group_whose_members_have_no_time_to_ring_leaves_nothing_behind() {
    let mut own = with(vec![member("4567", 30)], |group, _| {
        group.strategy = GroupStrategy::Delayed;
        group.timeout_secs = Some(20);
    });
    call(&mut own);
    own.expect(CARRIER, "SIP/2.0 480");
    own.run(40);
}

#[test]
fn a_member_outside_is_rung_by_the_next_carrier_where_the_first_is_full() {
    let mut own = with(vec![outside(OUTSIDE, 0)], |group, config| {
        group.classes = vec!["national".into()];
        config.trunks[0].max_calls = 1;
    });
    call(&mut own);
    own.expect(SPARE, "INVITE ");
    assert!(own.take(CARRIER, "INVITE ").is_none());
}

#[test]
fn busy_members_are_skipped_where_that_is_wanted() {
    for skip in [true, false] {
        let members = vec![member("4567", 0), member("4568", 0)];
        let mut own = with(members, |group, _| group.skip_busy = skip);
        let mut bob = own.call_from("4568", BOB, "*43");
        own.confirm(&mut bob);
        call(&mut own);
        own.expect(ALICE, "INVITE ");
        assert_eq!(own.take(BOB, "INVITE ").is_none(), skip);
    }
}

#[test]
fn members_who_are_not_to_be_disturbed_or_have_gone_elsewhere_do_not_ring() {
    let members = || vec![member("4567", 0), member("4568", 0), member("4569", 0)];
    let away = |config: &mut Config| {
        set(config, "4567", |set| set.do_not_disturb = true);
        set(config, "4568", |set| set.forward_all = Some(OUTSIDE.into()));
    };
    let mut own = with(members(), |_, config| away(config));
    call(&mut own);
    own.expect(CAROL, "INVITE ");
    nobody_rings(&mut own);
    assert!(own.take(CARRIER, "INVITE ").is_none());
    // Followed where the group says so, under the member's rights.
    let mut own = with(members(), |group, config| {
        group.follow_forwards = true;
        away(config);
    });
    call(&mut own);
    own.expect(CAROL, "INVITE ");
    own.expect(CARRIER, &format!("INVITE sip:{OUTSIDE}@"));
    // Carol has no right to call outside.
    let mut own = with(members(), |group, config| {
        group.follow_forwards = true;
        set(config, "4569", |set| set.forward_all = Some(OUTSIDE.into()));
    });
    call(&mut own);
    own.expect(BOB, "INVITE ");
    assert!(own.take(CARRIER, "INVITE ").is_none());
}

#[test]
fn the_own_number_of_a_caller_does_not_ring_and_the_prefix_is_shown() {
    let mut own = with(vec![member("4567", 0), member("4568", 0)], |group, _| {
        group.prefix = "Sales:".into();
    });
    own.call_from("4567", ALICE, "600");
    let invite = own.expect(BOB, "INVITE ");
    assert!(invite.contains("From: \"Sales: Phone 4567\" <sip:4567@"), "{invite}");
    nobody_rings(&mut own);
}

#[test]
fn members_outside_need_the_groups_class_and_press_a_key() {
    let mut own = with(vec![outside(OUTSIDE, 0)], |_, _| {});
    call(&mut own);
    own.expect(CARRIER, "SIP/2.0 480");
    assert!(own.take(CARRIER, "INVITE ").is_none(), "without the class nobody is called");
    let mut own = with(vec![outside(OUTSIDE, 0), member("4568", 0)], |group, _| {
        group.classes = vec!["national".into()];
        group.confirm = Some('1');
    });
    let mut caller = call(&mut own);
    let invite = own.expect(CARRIER, &format!("INVITE sip:{OUTSIDE}@"));
    let bob = own.expect(BOB, "INVITE ");
    own.respond(BOB, &bob, 180, "");
    let mut mobile = own.respond(CARRIER, &invite, 200, &sdp(CARRIER));
    own.expect(CARRIER, "ACK ");
    assert!(own.take(CARRIER, "SIP/2.0 200").is_none(), "a mailbox there answers in vain");
    assert!(own.take(BOB, "CANCEL ").is_none());
    own.press(&mut mobile, "1");
    own.expect(BOB, "CANCEL ");
    own.confirm(&mut caller);
}

#[test]
fn a_caller_who_gives_up_leaves_no_phone_ringing() {
    let members = vec![member("4567", 0), member("4568", 5)];
    let mut own = with(members, |group, _| group.strategy = GroupStrategy::Delayed);
    let caller = call(&mut own);
    let alice = own.expect(ALICE, "INVITE ");
    own.respond(ALICE, &alice, 180, "");
    own.cancel(&caller);
    own.expect(ALICE, "CANCEL ");
    own.run(20);
    nobody_rings(&mut own);
    assert!(own.switch.remains().contains("0 calls"), "{}", own.switch.remains());
}

#[test]
fn groups_that_overflow_into_each_other_end() {
    let mut config = two_companies();
    let other = GroupKey { tenant: "demo".into(), name: "other".into() };
    let one = |own: GroupKey, number: &str, to: GroupKey| Group {
        members: vec![member("4567", 0)],
        overflow: Some(Destination::Group(to)),
        ..Group::named(own, number)
    };
    config.groups = vec![one(group_key(), "600", other.clone()), one(other, "601", group_key())];
    config.numbers[0].to = Destination::Group(group_key());
    let mut own = Exchange::restored(config, Restored::default());
    call(&mut own);
    own.expect(CARRIER, "SIP/2.0 482");
}

fn follow(number: &str, delay_secs: u16, confirm: Option<char>) -> FollowStep {
    FollowStep { number: number.into(), delay_secs, ring_secs: 20, confirm }
}

/// Alice (4567) is followed to these numbers; she has a mailbox.
fn followed(steps: Vec<FollowStep>) -> Exchange {
    let mut own = with(vec![member("4568", 0)], |_, config| {
        set(config, "4567", |set| {
            set.follow_me = steps;
            set.no_answer_secs = Some(15);
        });
        let key = MailboxKey { tenant: "demo".into(), number: "4567".into() };
        config.mailboxes = vec![Mailbox { key, pin: None, mailto: String::new(), attach: false }];
    });
    own.sent.clear();
    own
}

#[test]
fn an_owner_is_followed_and_the_mailbox_takes_whom_nobody_takes() {
    let mut own = followed(vec![follow("4569", 5, None)]);
    own.call_from("4568", BOB, "4567");
    let alice = own.expect(ALICE, "INVITE ");
    own.respond(ALICE, &alice, 180, "");
    own.run(5);
    let carol = own.expect(CAROL, "INVITE ");
    own.respond(CAROL, &carol, 180, "");
    own.run(10);
    own.expect(ALICE, "CANCEL ");
    own.run(10);
    own.expect(CAROL, "CANCEL ");
    own.expect(BOB, "SIP/2.0 200");
    assert_eq!(own.heard()[0], "en/unavailable");
}

#[test]
fn a_mobile_that_is_followed_to_presses_a_key_and_the_desk_phone_is_told() {
    let mut own = followed(vec![follow(OUTSIDE, 0, Some('1'))]);
    let mut bob = own.call_from("4568", BOB, "4567");
    let alice = own.expect(ALICE, "INVITE ");
    own.respond(ALICE, &alice, 180, "");
    let invite = own.expect(CARRIER, "INVITE ");
    let mut mobile = own.respond(CARRIER, &invite, 200, &sdp(CARRIER));
    own.expect(CARRIER, "ACK ");
    own.press(&mut mobile, "1");
    let cancel = own.expect(ALICE, "CANCEL ");
    assert!(cancel.contains("completed elsewhere"), "{cancel}");
    own.confirm(&mut bob);
    own.hang_up(&mut mobile);
}

#[test]
fn where_no_phone_is_registered_what_follows_rings_at_once() {
    let mut own = followed(vec![follow("4569", 10, None)]);
    own.register_for("4567", ALICE, 0);
    let mut bob = own.call_from("4568", BOB, "4567");
    own.pick_up(CAROL);
    own.confirm(&mut bob);
    // Nobody is followed back to whoever calls.
    let mut own = followed(vec![follow("4568", 0, None)]);
    own.call_from("4568", BOB, "4567");
    own.expect(ALICE, "INVITE ");
    assert!(own.take(BOB, "INVITE ").is_none());
}

#[test]
fn a_group_cannot_be_dialled_by_a_carrier_but_where_its_number_leads() {
    let mut own = with(vec![member("4567", 0)], |_, _| {});
    own.call_in(SPARE, "01088886666", "600");
    own.expect(SPARE, "SIP/2.0 404");
    nobody_rings(&mut own);
}
