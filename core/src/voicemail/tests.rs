use super::*;
use crate::vocab::mailbox::VoicemailLimits;
use crate::vocab::menu::Zone;
use crate::vocab::{CallId, InteractionId, MailboxKey, Now, Secret};

const MINUTE_MS: u64 = 60_000;

fn at(seconds: u64) -> Now {
    Now { mono: seconds * SECOND, wall: 1_700_000_000_000 + seconds * 1_000 }
}

fn mailbox() -> MailboxKey {
    MailboxKey { tenant: "t".into(), number: "101".into() }
}

fn deposit(full: bool) -> Deposit {
    let about = Leaving {
        mailbox: mailbox(),
        greeting: vec!["hello".into()],
        language: "en".into(),
        full,
        limits: VoicemailLimits::default(),
        number: "0571".into(),
        name: "Bo".into(),
        call: CallId(7),
        interaction: InteractionId(8),
    };
    Deposit::new(at(0), about)
}

fn recorded(sound_ms: Option<u64>) -> Heard {
    let (id, path) = (MessageId(5), "voicemail/5.wav".to_owned());
    Heard::Recorded(Recorded { id, path, length_ms: 9_000, bytes: 144_044, sound_ms })
}

fn said(acts: &[Act]) -> String {
    let lists = acts.iter().filter_map(|act| match act {
        Act::Say(prompts) => Some(prompts.join(" ").replace("en/", "").replace("voicemail/", "")),
        _ => None,
    });
    lists.collect()
}

/// To the point where the caller speaks.
fn speaking() -> Deposit {
    let mut deposit = deposit(false);
    assert_eq!(said(&deposit.on(at(0), Heard::Attended)), "hello tones/beep");
    let acts = deposit.on(at(5), Heard::Said);
    assert_eq!(acts, [Act::Record { max_ms: 180_000, silence_ms: 5_000 }]);
    deposit
}

#[test]
fn a_message_ends_by_the_hash_key_and_can_be_marked_urgent() {
    let mut deposit = speaking();
    assert_eq!(deposit.on(at(9), Heard::Key('5')), []);
    assert_eq!(deposit.on(at(10), Heard::Key('#')), [Act::StopRecording]);
    let acts = deposit.on(at(11), recorded(Some(4_000)));
    let Act::Keep(message) = &acts[0] else { panic!("{acts:?}") };
    assert_eq!((message.id, message.at, message.length_ms), (MessageId(5), at(11).wall, 9_000));
    assert_eq!((message.number.as_str(), message.name.as_str()), ("0571", "Bo"));
    assert!(!message.heard && !message.urgent);
    assert_eq!(said(&acts), "message-saved to-mark-urgent goodbye");
    let acts = deposit.on(at(12), Heard::Key('1'));
    assert_eq!(acts[0], Act::Urgent(MessageId(5)));
    assert_eq!(deposit.on(at(12), Heard::Key('1')), [], "once is enough");
    assert_eq!(deposit.on(at(15), Heard::Said), [Act::HangUp]);
    assert!(deposit.is_over() && deposit.deadline().is_none());
}

#[test]
fn who_hangs_up_has_left_a_message() {
    let mut deposit = speaking();
    assert_eq!(deposit.on(at(20), Heard::Gone), []);
    assert!(!deposit.is_over(), "the recording has not reported yet");
    let acts = deposit.on(at(21), recorded(Some(1_000)));
    assert!(matches!(acts.as_slice(), [Act::Keep(_)]), "{acts:?}");
    assert!(deposit.is_over());
}

#[test]
fn silence_and_failures_leave_no_message_and_no_file() {
    for sound in [Some(999), Some(0), None] {
        let mut deposit = speaking();
        let acts = deposit.on(at(30), recorded(sound));
        assert_eq!(acts[0], Act::Discard("voicemail/5.wav".into()));
        assert_eq!(said(&acts), "nothing-recorded goodbye");
        assert_eq!(deposit.on(at(33), Heard::Key('1')), [], "nothing is there to be urgent");
        let mut gone = speaking();
        gone.on(at(9), Heard::Gone);
        let acts = gone.on(at(9), recorded(sound));
        assert_eq!(acts, [Act::Discard("voicemail/5.wav".into())]);
    }
}

#[test]
fn a_full_mailbox_says_so_and_records_nothing() {
    let mut deposit = deposit(true);
    assert_eq!(said(&deposit.on(at(0), Heard::Attended)), "mailbox-full goodbye");
    assert_eq!(deposit.on(at(3), Heard::Said), [Act::HangUp]);
}

#[test]
fn the_greeting_can_be_skipped_and_who_leaves_during_it_leaves_nothing() {
    let mut hasty = deposit(false);
    hasty.on(at(0), Heard::Attended);
    assert_eq!(said(&hasty.on(at(1), Heard::Key('#'))), "tones/beep");
    assert!(matches!(hasty.on(at(2), Heard::Said)[..], [Act::Record { .. }]));
    let mut gone = deposit(false);
    gone.on(at(0), Heard::Attended);
    assert_eq!(gone.on(at(1), Heard::Gone), []);
    assert!(gone.is_over());
}

#[test]
fn nobody_is_stuck_when_reports_do_not_come() {
    for steps in 0..4 {
        let mut deposit = deposit(false);
        let script = [Heard::Attended, Heard::Said, Heard::Key('#')];
        for heard in script.into_iter().take(steps) {
            deposit.on(at(0), heard);
        }
        let deadline = deposit.deadline().unwrap();
        let now = Now { mono: deadline, wall: 0 };
        assert_eq!(deposit.on_deadline(Now { mono: deadline - 1, wall: 0 }), []);
        assert!(deposit.on_deadline(now).contains(&Act::HangUp), "after {steps} steps");
        assert!(deposit.is_over());
    }
}

fn message(id: u128, heard: bool, urgent: bool) -> MessageRecord {
    MessageRecord {
        id: MessageId(id),
        mailbox: mailbox(),
        number: "10".into(),
        name: String::new(),
        at: at(0).wall - 26 * 60 * MINUTE_MS,
        length_ms: 2_000,
        bytes: 32_044,
        path: format!("voicemail/{id}.wav"),
        heard,
        urgent,
        call: CallId(id),
        interaction: InteractionId(id),
    }
}

fn boxes() -> Mailboxes {
    let mut boxes = Mailboxes::default();
    let all = vec![message(1, true, false), message(2, false, false), message(3, false, true)];
    boxes.restore(all, Vec::new());
    boxes
}

fn visit(pin: Option<&str>) -> Visit {
    let visitor = Visitor {
        mailbox: mailbox(),
        pin: pin.map(Secret::new),
        language: "en".into(),
        zone: Zone { offsets: vec![(0, 3_600)] },
        limits: VoicemailLimits::default(),
    };
    Visit::new(at(0), visitor)
}

fn keys(visit: &mut Visit, boxes: &mut Mailboxes, keys: &str) -> Vec<Act> {
    let mut last = Vec::new();
    for key in keys.chars() {
        last = visit.on(at(1), Heard::Key(key), boxes);
        apply(boxes, &last);
    }
    last
}

/// What the switch does with the mailboxes.
fn apply(boxes: &mut Mailboxes, acts: &[Act]) {
    for act in acts {
        match act {
            Act::MarkHeard(id) => {
                boxes.change(&mailbox(), *id, |message| message.heard = true);
            }
            Act::Delete(id) => {
                boxes.remove(&mailbox(), *id);
            }
            Act::PinTried(good) => boxes.pin_tried(at(1).mono, &mailbox(), *good),
            _ => {}
        }
    }
}

#[test]
fn messages_are_told_new_first_with_their_number_and_time() {
    let (mut visit, mut boxes) = (visit(None), boxes());
    let acts = visit.on(at(0), Heard::Attended, &boxes);
    let counted = "you-have digits/2 new-messages and digits/1 old-message main-menu";
    assert_eq!(said(&acts), counted);
    let first = said(&keys(&mut visit, &mut boxes, "1"));
    // 22:13:20 UTC less 26 hours, an hour later there.
    let when = "yesterday at digits/20 digits/1 digits/13 recorded:3.wav";
    assert_eq!(first, format!("urgent-message from digits/1 digits/0 {when}"));
    assert!(said(&keys(&mut visit, &mut boxes, "2")).ends_with("recorded:2.wav"));
    assert!(said(&keys(&mut visit, &mut boxes, "4")).ends_with("recorded:3.wav"));
    assert!(said(&keys(&mut visit, &mut boxes, "1")).ends_with("recorded:3.wav"));
    assert!(said(&keys(&mut visit, &mut boxes, "22")).ends_with("recorded:1.wav"));
    assert_eq!(said(&keys(&mut visit, &mut boxes, "2")), "no-more-messages main-menu");
    assert_eq!(boxes.counts(&mailbox()).new, 2, "passing a message over is not hearing it");
}

#[test]
fn a_message_is_old_when_it_was_heard_or_kept_and_gone_when_deleted() {
    let (mut visit, mut boxes) = (visit(None), boxes());
    visit.on(at(0), Heard::Attended, &boxes);
    keys(&mut visit, &mut boxes, "1");
    let acts = visit.on(at(9), Heard::Said, &boxes);
    assert_eq!(acts, [Act::MarkHeard(MessageId(3))]);
    apply(&mut boxes, &acts);
    assert_eq!(visit.on(at(9), Heard::Said, &boxes), [], "once");
    let acts = keys(&mut visit, &mut boxes, "29");
    assert_eq!(acts[0], Act::MarkHeard(MessageId(2)));
    let counts = boxes.counts(&mailbox());
    assert_eq!((counts.new, counts.old, counts.urgent_old), (0, 3, 1));
    let acts = keys(&mut visit, &mut boxes, "7");
    assert_eq!(acts[0], Act::Delete(MessageId(1)));
    assert_eq!(said(&acts), "message-deleted no-more-messages main-menu");
    assert_eq!(boxes.len(&mailbox()), 2);
}

#[test]
fn the_pin_opens_three_wrong_ones_do_not_and_nine_close_the_mailbox() {
    let mut boxes = boxes();
    let mut good = visit(Some("2580"));
    assert_eq!(said(&good.on(at(0), Heard::Attended, &boxes)), "enter-pin");
    assert_eq!(said(&keys(&mut good, &mut boxes, "111#")), "wrong-pin enter-pin");
    assert!(said(&keys(&mut good, &mut boxes, "2580#")).starts_with("you-have"));
    for round in 0..3 {
        let mut bad = visit(Some("2580"));
        bad.on(at(0), Heard::Attended, &boxes);
        keys(&mut bad, &mut boxes, "2581#25800#");
        let acts = keys(&mut bad, &mut boxes, "#");
        assert_eq!(said(&acts), "wrong-pin goodbye", "round {round}");
        assert_eq!(keys(&mut bad, &mut boxes, "2580#"), []);
    }
    let mut locked = visit(Some("2580"));
    assert_eq!(said(&locked.on(at(2), Heard::Attended, &boxes)), "locked goodbye");
    let mut later = visit(Some("2580"));
    assert_eq!(said(&later.on(at(700), Heard::Attended, &boxes)), "enter-pin");
}

#[test]
fn a_greeting_is_recorded_heard_and_kept_or_dropped() {
    let file = "voicemail/5.wav".to_owned();
    for (key, expected) in
        [('1', Act::SetGreeting(Some(file.clone()))), ('*', Act::Discard(file.clone()))]
    {
        let (mut visit, mut boxes) = (visit(None), boxes());
        visit.on(at(0), Heard::Attended, &boxes);
        assert_eq!(said(&keys(&mut visit, &mut boxes, "0")), "record-greeting tones/beep");
        let acts = visit.on(at(2), Heard::Said, &boxes);
        assert_eq!(acts, [Act::Record { max_ms: 120_000, silence_ms: 5_000 }]);
        assert_eq!(keys(&mut visit, &mut boxes, "#"), [Act::StopRecording]);
        let acts = visit.on(at(4), recorded(Some(2_000)), &boxes);
        assert_eq!(said(&acts), "recorded:5.wav greeting-menu");
        assert_eq!(visit.on(at(5), Heard::Key(key), &boxes)[0], expected);
    }
    let (mut visit, mut boxes) = (visit(None), boxes());
    visit.on(at(0), Heard::Attended, &boxes);
    assert_eq!(keys(&mut visit, &mut boxes, "07")[0], Act::SetGreeting(None));
    keys(&mut visit, &mut boxes, "0");
    visit.on(at(2), Heard::Said, &boxes);
    visit.on(at(3), Heard::Gone, &boxes);
    let acts = visit.on(at(4), recorded(Some(2_000)), &boxes);
    assert_eq!(acts, [Act::Discard(file)], "nobody said that it is to be kept");
}

#[test]
fn who_presses_nothing_is_asked_again_and_then_let_go() {
    let (mut visit, boxes) = (visit(None), boxes());
    let mut acts = visit.on(at(0), Heard::Attended, &boxes);
    let mut menus = 0;
    for _ in 0..10 {
        menus += usize::from(said(&acts).contains("main-menu"));
        if acts == [Act::HangUp] {
            break;
        }
        visit.on(
            Now { mono: visit.deadline().unwrap() - SPEECH_LIMIT, wall: 0 },
            Heard::Said,
            &boxes,
        );
        let Some(deadline) = visit.deadline() else { break };
        acts = visit.on_deadline(Now { mono: deadline, wall: 0 }, &boxes);
    }
    assert_eq!(menus, 3);
    assert!(visit.is_over());
}
