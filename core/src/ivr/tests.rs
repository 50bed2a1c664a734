use super::*;
use crate::vocab::{ExtensionKey, MenuKey};

fn at(millis: u64) -> Now {
    Now { mono: millis * 1_000_000, wall: millis }
}

fn to(number: &str) -> Destination {
    Destination::Extension(ExtensionKey { tenant: "t".into(), number: number.into() })
}

fn menu() -> Menu {
    let mut menu = Menu::named(MenuKey { tenant: "t".into(), name: "main".into() });
    menu.greeting = Some("welcome".into());
    menu.keys.insert('1', to("201"));
    menu.keys.insert('#', to("202"));
    menu.tries = 2;
    menu
}

/// The tenant has 10, 101 and 305.
fn dialled(digits: &str) -> Dialled {
    let numbers = ["10", "101", "305"];
    let longer = numbers.iter().any(|n| n.starts_with(digits) && n.len() > digits.len());
    Dialled { exists: numbers.contains(&digits), longer }
}

struct Caller {
    walk: Walk,
    now: Now,
}

impl Caller {
    fn in_menu(menu: Menu) -> (Self, Vec<Act>) {
        Self::at_hours(menu, true)
    }

    fn at_hours(menu: Menu, open: bool) -> (Self, Vec<Act>) {
        let mut walk = Walk::new(at(0), menu, "en", open);
        let acts = walk.on(at(0), Heard::Attended, dialled);
        (Self { walk, now: at(0) }, acts)
    }

    fn hears(&mut self) -> Vec<Act> {
        self.walk.on(self.now, Heard::Said, dialled)
    }

    fn presses(&mut self, keys: &str) -> Vec<Act> {
        let mut acts = Vec::new();
        for key in keys.chars() {
            acts.extend(self.walk.on(self.now, Heard::Key(key), dialled));
        }
        acts
    }

    /// Nothing happens until the deadline; returns the seconds that passed.
    fn waits(&mut self) -> (u64, Vec<Act>) {
        let deadline = self.walk.deadline().unwrap();
        let early = Now { mono: deadline - 1, wall: 0 };
        assert_eq!(self.walk.on_deadline(early, dialled), [], "not before its time");
        let passed = (deadline - self.now.mono) / SECOND;
        self.now = Now { mono: deadline, wall: 0 };
        (passed, self.walk.on_deadline(self.now, dialled))
    }
}

fn say(prompts: &[&str]) -> Vec<Act> {
    vec![Act::Say(prompts.iter().map(|prompt| (*prompt).to_owned()).collect())]
}

#[test]
fn a_key_leads_on_while_the_greeting_plays_and_after_it() {
    let (mut caller, acts) = Caller::in_menu(menu());
    assert_eq!(acts, say(&["welcome"]));
    assert_eq!(caller.presses("1"), [Act::Go(to("201"))]);
    assert_eq!(caller.presses("1"), [], "it is over");
    let (mut caller, _) = Caller::in_menu(menu());
    assert_eq!(caller.hears(), []);
    assert_eq!(caller.presses("#"), [Act::Go(to("202"))]);
}

#[test]
fn who_presses_nothing_hears_it_again_and_then_leaves() {
    let (mut caller, _) = Caller::in_menu(menu());
    caller.hears();
    assert_eq!(caller.waits(), (5, say(&["welcome"])));
    caller.hears();
    assert_eq!(caller.waits(), (5, say(&["en/goodbye"])));
    assert_eq!(caller.hears(), [Act::HangUp]);
    let (mut caller, _) =
        Caller::in_menu(Menu { timeout_to: Some(to("9")), timeout_secs: 2, tries: 1, ..menu() });
    caller.hears();
    assert_eq!(caller.waits(), (2, vec![Act::Go(to("9"))]));
}

#[test]
fn wrong_keys_are_told_and_lead_to_their_own_place_in_the_end() {
    let own = Menu {
        invalid: Some("wrong".into()),
        invalid_to: Some(to("8")),
        timeout_to: Some(to("9")),
        ..menu()
    };
    let (mut caller, _) = Caller::in_menu(own.clone());
    assert_eq!(caller.presses("5"), say(&["wrong", "welcome"]));
    assert_eq!(caller.presses("5"), [Act::Go(to("8"))]);
    let (mut caller, _) = Caller::in_menu(Menu { invalid_to: None, ..own });
    caller.presses("5");
    assert_eq!(caller.presses("6"), [Act::Go(to("9"))]);
    let (mut caller, _) = Caller::in_menu(menu());
    assert_eq!(caller.presses("5"), say(&["en/menu/invalid", "welcome"]));
}

#[test]
fn extensions_are_dialled_where_that_is_allowed() {
    let direct = Menu { direct_dial: true, ..menu() };
    let (mut caller, _) = Caller::in_menu(direct.clone());
    assert_eq!(caller.presses("305"), [Act::Hush, Act::Dial("305".into())]);
    let (mut caller, _) = Caller::in_menu(direct.clone());
    assert_eq!(caller.presses("101"), [Act::Hush, Act::Dial("101".into())]);
    let (mut caller, _) = Caller::in_menu(menu());
    assert_eq!(caller.presses("3"), say(&["en/menu/invalid", "welcome"]), "not allowed here");
}

#[test]
fn a_shorter_number_or_a_key_counts_when_no_digit_follows() {
    let direct = Menu { direct_dial: true, ..menu() };
    for (keys, expected) in [("10", Act::Dial("10".into())), ("1", Act::Go(to("201")))] {
        let (mut caller, _) = Caller::in_menu(direct.clone());
        caller.presses(keys);
        assert_eq!(caller.waits(), (3, vec![expected.clone()]), "{keys}");
        let (mut caller, _) = Caller::in_menu(direct.clone());
        let acts = caller.presses(&format!("{keys}#"));
        assert_eq!(acts.last(), Some(&expected), "{keys}#");
    }
    let (mut caller, _) = Caller::in_menu(direct);
    caller.presses("30");
    let (_, acts) = caller.waits();
    assert_eq!(acts, say(&["en/menu/invalid", "welcome"]), "30 is nobody");
    assert_eq!(caller.presses("39"), [Act::Hush, Act::Say(vec!["en/goodbye".into()])]);
}

#[test]
fn outside_the_hours_there_is_no_menu() {
    let closed =
        Menu { closed_greeting: Some("closed".into()), closed_to: Some(to("7")), ..menu() };
    let (mut caller, acts) = Caller::at_hours(closed.clone(), false);
    assert_eq!(acts, say(&["closed"]));
    assert_eq!(caller.presses("1"), []);
    assert_eq!(caller.hears(), [Act::Go(to("7"))]);
    let (_, acts) = Caller::at_hours(Menu { closed_greeting: None, ..closed }, false);
    assert_eq!(acts, [Act::Go(to("7"))]);
    let (mut caller, acts) = Caller::at_hours(menu(), false);
    assert_eq!(acts, say(&["en/goodbye"]));
    assert_eq!(caller.hears(), [Act::HangUp]);
}

#[test]
fn a_menu_without_words_and_keys_points_the_way_at_once() {
    let mut pointer = Menu::named(MenuKey { tenant: "t".into(), name: "night".into() });
    pointer.timeout_to = Some(to("6"));
    let (_, acts) = Caller::in_menu(pointer);
    assert_eq!(acts, [Act::Go(to("6"))]);
}

#[test]
fn nobody_is_stuck_when_the_media_worker_says_nothing() {
    let (mut caller, _) = Caller::in_menu(menu());
    let (_, acts) = caller.waits();
    assert_eq!(acts, [Act::HangUp]);
    assert_eq!(caller.walk.deadline(), None);
}
