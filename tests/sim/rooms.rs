//! Supervisors and conferences: what is ordered about live calls.

use strowger_core::vocab::conference::{Conference, ConferenceOrder, Parties};
use strowger_core::vocab::page::Page;
use strowger_core::vocab::supervise::{Mode, Released, SuperviseOrder, Supervisor};
use strowger_core::vocab::{CallId, Command, ConferenceKey, PageKey};

use crate::rng::Rng;

/// A room under this number.
pub const ROOM: &str = "8000";

pub fn room() -> Conference {
    let key = ConferenceKey { tenant: "demo".into(), name: "board".into() };
    Conference { number: Some(ROOM.into()), record: true, max_members: 3, ..Conference::named(key) }
}

/// Speaks to several phones.
pub const PAGE: &str = "800";

pub fn page() -> Page {
    let key = PageKey { tenant: "demo".into(), name: "all".into() };
    let members = ["4001", "4003", "4005"].map(str::to_owned).to_vec();
    Page { members, max_secs: 20, ..Page::named(key, PAGE) }
}

/// Somebody supervises a live call, or moves it into a room.
pub fn order(rng: &mut Rng, call: CallId) -> Command {
    let numbers = ["4002", "4003", "4004", "4005"];
    let number = || numbers[(call.0 % 4) as usize].to_owned();
    let mode = [Mode::Monitor, Mode::Whisper, Mode::Barge][rng.below(3) as usize];
    let supervise = |order| Command::Supervise { call, order };
    let room = || "board".to_owned();
    let conference = Command::Conference;
    match rng.below(12) {
        0..=3 => supervise(SuperviseOrder::Join {
            who: Supervisor::Extension(number()),
            mode,
            agent: None,
        }),
        4 => supervise(SuperviseOrder::Change { who: None, mode }),
        5 => supervise(SuperviseOrder::Leave { who: None }),
        6 => supervise(SuperviseOrder::TakeOver { who: None }),
        7 => {
            let what = if rng.chance(50) { Released::Agent } else { Released::Call };
            supervise(SuperviseOrder::Release(what))
        }
        8 => conference(ConferenceOrder::Move { room: room(), call, who: Parties::Both }),
        9 => conference(ConferenceOrder::Add { call, to: number(), rights: "4001".into() }),
        10 => {
            let (to, rights) = (number(), "4001".into());
            conference(ConferenceOrder::Invite { room: room(), to, rights, muted: false })
        }
        _ => conference(ConferenceOrder::End { room: room() }),
    }
}
