//! The sentences of a mailbox, as lists of prompts.

use crate::vocab::mailbox::MessageRecord;
use crate::vocab::menu::Zone;
use crate::vocab::record::MailboxCounts;
use crate::voice;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// Sentences that others say too.
const COMMON: [&str; 3] = ["goodbye", "enter-pin", "wrong-pin"];

/// One prompt of ours.
pub(super) fn phrase(language: &str, name: &str) -> Vec<String> {
    if COMMON.contains(&name) {
        return voice::prompt(language, name);
    }
    voice::prompt(language, &format!("voicemail/{name}"))
}

/// Several of them.
pub(super) fn phrases(language: &str, names: &[&str]) -> Vec<String> {
    names.iter().flat_map(|name| phrase(language, name)).collect()
}

/// "You have two new messages and one old message."
pub(super) fn counts(language: &str, counts: MailboxCounts) -> Vec<String> {
    if counts.new == 0 && counts.old == 0 {
        return phrase(language, "no-messages");
    }
    let mut said = phrase(language, "you-have");
    for (n, one, many) in
        [(counts.new, "new-message", "new-messages"), (counts.old, "old-message", "old-messages")]
    {
        if n == 0 {
            continue;
        }
        if n == counts.old && counts.new > 0 && many == "old-messages" {
            said.extend(phrase(language, "and"));
        }
        said.extend(voice::number(language, n));
        said.extend(phrase(language, if n == 1 { one } else { many }));
    }
    said
}

/// "New message, from one zero one, today at fourteen zero five", then the message itself.
pub(super) fn message(
    language: &str,
    message: &MessageRecord,
    zone: &Zone,
    wall: u64,
) -> Vec<String> {
    let kind = match (message.urgent, message.heard) {
        (true, _) => "urgent-message",
        (false, false) => "new-message",
        (false, true) => "old-message",
    };
    let mut said = phrase(language, kind);
    if message.number.is_empty() {
        said.extend(phrase(language, "from-unknown"));
    } else {
        said.extend(phrase(language, "from"));
        said.extend(voice::digits(language, &message.number));
    }
    said.extend(time(language, zone.local(message.at), zone.local(wall)));
    said.push(format!("{}{}", media::order::RECORDED, message.path));
    said
}

/// "Today at fourteen zero five", "three days ago at nine hundred"; local times in milliseconds.
fn time(language: &str, at: i64, now: i64) -> Vec<String> {
    let days = now.div_euclid(DAY) - at.div_euclid(DAY);
    let mut said = match days {
        ..=0 => phrase(language, "today"),
        1 => phrase(language, "yesterday"),
        _ => {
            let days = u32::try_from(days).unwrap_or(u32::MAX);
            let mut said = voice::number(language, days);
            said.extend(phrase(language, "days-ago"));
            said
        }
    };
    said.extend(phrase(language, "at"));
    let minutes = u32::try_from(at.rem_euclid(DAY) / 60_000).unwrap_or(0);
    let (hour, minute) = (minutes / 60, minutes % 60);
    said.extend(voice::number(language, hour));
    match minute {
        0 => said.extend(phrase(language, "oclock")),
        1..=9 => {
            said.extend(voice::number(language, 0));
            said.extend(voice::number(language, minute));
        }
        _ => said.extend(voice::number(language, minute)),
    }
    said
}
