//! How long the switch's thread rests between turns: while much comes, one wake-up and warm caches serve many inputs.

use std::time::Duration;

use strowger_core::vocab::Input;

/// Inputs that follow each other faster than this, in nanoseconds, make a busy switch.
const BUSY: u64 = 2_500_000;
/// Longer pauses between inputs count as this, so that a busy hour is recognised soon after a quiet one.
const IDLE: u64 = 8 * BUSY;
/// The shortest nap, in nanoseconds.
const SHORTEST: u64 = 2_000_000;
/// After something that somebody waits for, all that comes is hurried for so long, in nanoseconds.
const HURRY: u64 = 1_000_000_000;

/// How much a nap is to gather, as far as the pace so far tells, and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gathering {
    inputs: u64,
    /// What a message may be delayed, in nanoseconds.
    longest: u64,
}

/// While there are calls and orders. Measured at a thousand messages a second, a registration took a quarter less time
/// with 16 in a turn than with 8. The delay is little beside the half second after which phones repeat themselves (RFC
/// 3261 section 17.1.1.1).
const CALLS: Gathering = Gathering { inputs: 16, longest: 16_000_000 };
/// While phones only register: a program does that beside its owner's life, and many do it at once when a network or a
/// power supply comes back. With 64 in a turn a registration took a tenth less time than with 40, with 128 little less
/// again.
const REGISTRATIONS: Gathering = Gathering { inputs: 64, longest: 64_000_000 };

/// While programs ask over HTTP, each its next question when the last is answered: their pace is ours.
const QUESTIONS: Gathering = Gathering { inputs: 16, longest: SHORTEST };
/// Who asks again within this, in nanoseconds, is such a program.
const ASKING: u64 = 20_000_000;

/// Knows how fast inputs come and whether somebody waits for what they bring.
#[derive(Debug)]
pub struct Pace {
    /// Mean time between inputs, in nanoseconds.
    each: u64,
    /// Inputs of the present turn.
    handled: u64,
    /// When the last turn ended.
    ended: u64,
    /// Until when everything is hurried.
    hurried: u64,
    /// Until when another question is expected.
    asking: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { each: IDLE, handled: 0, ended: 0, hurried: HURRY, asking: 0 }
    }
}

impl Pace {
    /// An input is about to be handled.
    pub fn input(&mut self, now: u64, input: &Input) {
        self.handled += 1;
        if matches!(input, Input::Command { .. } | Input::Query { .. }) {
            self.asking = now.saturating_add(ASKING);
        }
        // While calls go on it is known without a look.
        let known = self.hurried.saturating_sub(now) > HURRY / 2;
        if !known && !can_wait(input) {
            self.hurried = now.saturating_add(HURRY);
        }
    }

    /// A turn is over. An eighth of the new and seven of the old: a short burst does not make the switch busy.
    pub fn turn(&mut self, began: u64, ended: u64) {
        let each = began.saturating_sub(self.ended) / self.handled.max(1);
        self.each = self.each - self.each / 8 + each.min(IDLE) / 8;
        self.handled = 0;
        self.ended = ended;
    }

    /// Whether inputs follow each other fast.
    pub fn is_busy(&self) -> bool {
        self.each < BUSY
    }

    /// How long to let inputs gather; nothing while few come.
    pub fn nap(&self) -> Option<Duration> {
        let Gathering { inputs, longest } = match self.ended {
            ended if ended < self.asking => QUESTIONS,
            ended if ended < self.hurried => CALLS,
            _ => REGISTRATIONS,
        };
        let nap = (inputs * self.each).clamp(SHORTEST, longest);
        self.is_busy().then(|| Duration::from_nanos(nap))
    }
}

/// Whether nobody waits for what this brings: a REGISTER, a keep-alive, the answer to an OPTIONS of ours, and what the
/// store and the clock say.
fn can_wait(input: &Input) -> bool {
    match input {
        Input::Tick | Input::Stored { .. } => true,
        Input::Packet { bytes, .. } => {
            bytes.starts_with(b"REGISTER ")
                || bytes.len() <= 4
                || (bytes.starts_with(b"SIP/2.0 ")
                    && bytes.windows(10).any(|window| window == b" OPTIONS\r\n"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use strowger_core::vocab::{Principal, Query, RequestId, Role};

    use super::*;

    const MS: u64 = 1_000_000;

    fn packet(text: &str) -> Input {
        let any = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
        let transport = sip::Transport::Udp;
        let flow = sip::Flow { transport, local: any, remote: any, generation: 0 };
        Input::Packet { flow, bytes: bytes::Bytes::copy_from_slice(text.as_bytes()) }
    }

    /// A hundred turns of 10 ms with so many inputs of this kind; then the nap.
    fn after(pace: &mut Pace, count: u64, text: &str) -> Option<Duration> {
        for _ in 0..100 {
            let began = pace.ended + 10 * MS;
            for _ in 0..count {
                pace.input(began, &packet(text));
            }
            pace.turn(began, began);
        }
        pace.nap()
    }

    fn near(nap: Option<Duration>, ms: u128) {
        let nap = nap.unwrap().as_millis();
        assert!(nap.abs_diff(ms) <= 1, "{nap} ms instead of {ms}");
    }

    #[test]
    fn a_quiet_switch_never_naps() {
        let mut pace = Pace::default();
        assert_eq!(pace.nap(), None);
        assert_eq!(after(&mut pace, 2, "REGISTER sip:a SIP/2.0"), None);
        assert!(after(&mut pace, 10, "REGISTER sip:a SIP/2.0").is_some());
        assert_eq!(after(&mut pace, 1, "REGISTER sip:a SIP/2.0"), None);
    }

    #[test]
    fn phones_that_only_register_gather_longer_than_calls() {
        let mut pace = Pace::default();
        after(&mut pace, 10, "REGISTER sip:a SIP/2.0");
        near(after(&mut pace, 10, "REGISTER sip:a SIP/2.0"), 64);
        near(after(&mut pace, 10, "\r\n\r\n"), 64);
        near(after(&mut pace, 10, "SIP/2.0 200 OK\r\nCSeq: 7 OPTIONS\r\n\r\n"), 64);
        near(after(&mut pace, 20, "REGISTER sip:a SIP/2.0"), 32);
        near(after(&mut pace, 10, "INVITE sip:a SIP/2.0"), 16);
        near(after(&mut pace, 10, "SIP/2.0 200 OK\r\nCSeq: 7 INVITE\r\n\r\n"), 16);
        near(after(&mut pace, 1_000, "BYE sip:a SIP/2.0"), 2);
        // One call among a thousand registrations hurries everything for a second.
        after(&mut pace, 10, "REGISTER sip:a SIP/2.0");
        after(&mut pace, 10, "REGISTER sip:a SIP/2.0");
        near(pace.nap(), 64);
        pace.input(pace.ended, &packet("ACK sip:a SIP/2.0"));
        near(pace.nap(), 16);
    }

    #[test]
    fn who_asks_again_and_again_waits_little() {
        let mut pace = Pace::default();
        near(after(&mut pace, 10, "INVITE sip:a SIP/2.0"), 16);
        let principal = Principal {
            tenant: "t".into(),
            role: Role::ReadOnly,
            name: "k".into(),
            extension: None,
            agent: None,
        };
        let id = RequestId(1);
        pace.input(pace.ended, &Input::Query { id, principal, query: Query::Figures });
        near(pace.nap(), 2);
        near(after(&mut pace, 10, "INVITE sip:a SIP/2.0"), 16);
    }
}
