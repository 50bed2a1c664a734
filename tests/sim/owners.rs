//! What owners of phones set, and the group that some of them are in.

use strowger_core::vocab::group::{Group, GroupMember, GroupStrategy, MemberPlace};
use strowger_core::vocab::settings::{ExtensionSettings, FollowStep};
use strowger_core::vocab::{Command, GroupKey};

use crate::plan::extension;
use crate::rng::Rng;

/// What is dialled for the group.
pub const GROUP: &str = "600";
/// A number outside.
const MOBILE: &str = "02012345678";

pub fn group(seed: u64) -> Group {
    let member = |number: &str, delay_secs| GroupMember {
        place: MemberPlace::Extension(extension(number)),
        delay_secs,
    };
    let mobile = GroupMember { place: MemberPlace::Outside(MOBILE.into()), delay_secs: 3 };
    Group {
        members: vec![member("4003", 0), member("4005", 2), mobile, member("4006", 5)],
        strategy: match seed % 3 {
            0 => GroupStrategy::Parallel,
            1 => GroupStrategy::Sequential,
            _ => GroupStrategy::Delayed,
        },
        ring_secs: 6,
        classes: vec!["national".into()],
        confirm: Some('1'),
        ..Group::named(GroupKey { tenant: "demo".into(), name: "all".into() }, GROUP)
    }
}

/// Somebody sets something for an extension, or takes everything back.
pub fn order(rng: &mut Rng) -> Command {
    let numbers = ["4003", "4005", "4006"];
    let own = numbers[rng.below(3) as usize];
    let others = ["4001", "4003", "4005", "4006", "9001", GROUP, MOBILE];
    let other = others[rng.below(others.len() as u64) as usize];
    let to = || Some(other.to_owned()).filter(|to| to != own);
    let mut settings = ExtensionSettings { no_answer_secs: Some(5), ..Default::default() };
    match rng.below(8) {
        0 => settings.do_not_disturb = true,
        1 => settings.forward_all = to(),
        2 => settings.forward_busy = to(),
        3 => settings.forward_no_answer = to(),
        4 => settings.forward_unregistered = to(),
        5 => {
            let step = |number: &str, confirm| FollowStep {
                number: number.into(),
                delay_secs: 2,
                ring_secs: 6,
                confirm,
            };
            settings.follow_me = vec![step("4001", None), step(MOBILE, Some('1'))];
        }
        _ => {}
    }
    Command::Settings { extension: own.into(), settings: Box::new(settings) }
}
