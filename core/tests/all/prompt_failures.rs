//! Prompts that a worker cannot play: it is told and counted, and nobody is stuck.

use media::order::{MediaEvent, MixId, PlayFault, PlayId};
use strowger_core::vocab::input::Input;
use strowger_core::vocab::transfer::{TalkAct, TalkOrder};
use strowger_core::vocab::{CallId, Command, EventKind, Query, Reply, WorkerId};

use crate::conference_rooms::with_room;
use crate::exchange::*;
use crate::supervise_calls;
use crate::transfer_blind::*;

fn gone(prompt: &str) -> Option<PlayFault> {
    Some(PlayFault { prompt: prompt.into(), why: "no such file".into() })
}

/// Everything that plays now cannot be played.
fn fail_all(host: &mut Exchange) {
    for (stream, (play, prompts, _)) in std::mem::take(&mut host.playing) {
        let event = MediaEvent::PlayEnded { stream, play, error: gone(&prompts[0]) };
        host.input(Input::MediaEvent { worker: WorkerId(0), event });
    }
}

fn told(host: &Exchange) -> Vec<(CallId, String)> {
    let failed = |event: &EventKind| match event {
        EventKind::PromptFailed { call, prompt, why, .. } => {
            assert_eq!(why, "no such file");
            Some((*call, prompt.clone()))
        }
        _ => None,
    };
    host.events.iter().filter_map(failed).collect()
}

fn counted(host: &mut Exchange) -> u64 {
    let Reply::Figures(figures) = host.query(Query::Figures) else { panic!("no figures") };
    figures.prompts_failed
}

#[test]
fn music_that_is_gone_is_told_with_its_call_which_goes_on() {
    let mut host = office(|_| {});
    let (mut customer, _) = customer(&mut host);
    let call = host.live()[0];
    let order = |act| Command::Talk { call, order: TalkOrder { extension: None, act } };
    host.command(order(TalkAct::Hold));
    fail_all(&mut host);
    assert_eq!(told(&host), [(call, "music/hold".to_owned())]);
    host.command(order(TalkAct::Resume));
    host.hang_up(&mut customer);
    ended(&mut host, ALICE);
    // What is said of a call that is over concerns nobody.
    host.drains();
    assert_eq!((told(&host).len(), counted(&mut host)), (1, 1));
}

#[test]
fn a_caller_who_is_told_nothing_is_let_go_all_the_same() {
    let mut host = office(|config| config.calls.announce_failures = true);
    host.call_from("4567", ALICE, "4568");
    let invite = host.expect(BOB, "INVITE ");
    host.respond(BOB, &invite, 486, "");
    host.expect(ALICE, "SIP/2.0 183");
    fail_all(&mut host);
    host.expect(ALICE, "SIP/2.0 486");
    let told = told(&host);
    assert!(matches!(&told[..], [(_, prompt)] if prompt == "en/busy"), "{told:?}");
}

#[test]
fn a_tone_that_a_mix_cannot_play_is_told_with_a_call_of_it() {
    let mut host = supervise_calls::open(with_room(|_| ()));
    supervise_calls::dials(&mut host, "4567", ALICE, "8000");
    supervise_calls::dials(&mut host, "4569", CAROL, "8000");
    host.hear_out();
    let members = host.live();
    let mix = *host.mixer.mixes().keys().next().expect("a room");
    for (mix, times) in [(MixId(mix.0 + 1_000), 0), (mix, 1)] {
        let event = MediaEvent::MixPlayEnded { mix, play: PlayId(1), error: gone("conf/join") };
        host.input(Input::MediaEvent { worker: WorkerId(0), event });
        assert_eq!(told(&host).len(), times, "{mix:?}");
    }
    let (call, prompt) = &told(&host)[0];
    assert!(members.contains(call) && prompt == "conf/join");
}
