//! Whatever phones do and however their NOTIFYs fare: once it is quiet, each key shows what is true.

use proptest::prelude::*;

use crate::blf_phone::*;
use crate::common::*;
use crate::exchange::*;

const PHONES: [(&str, &str); 3] =
    [("4567", "198.51.100.7:5060"), ("4568", "198.51.100.8:5060"), ("4569", "198.51.100.9:5060")];
const WATCHER: &str = "198.51.100.20:5060";

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Phone `.0` calls phone `.1`.
    Call(usize, usize),
    /// The oldest INVITE at a phone is answered so.
    Answer(usize, u16),
    /// A caller whose call was answered hangs up.
    HangUp(u8),
    Register(usize, bool),
    /// A NOTIFY is answered so; the oldest first.
    Take(u16),
    Refresh,
    Pass(u32),
}

fn step() -> impl Strategy<Value = Step> {
    let phone = || 0..3usize;
    let statuses = prop_oneof![4 => Just(200u16), 1 => Just(500u16), 1 => Just(503u16)];
    prop_oneof![
        4 => (phone(), phone()).prop_map(|(a, b)| Step::Call(a, b)),
        6 => (phone(), prop_oneof![Just(180u16), Just(183), Just(200), Just(486)])
            .prop_map(|(who, status)| Step::Answer(who, status)),
        2 => any::<u8>().prop_map(Step::HangUp),
        1 => (phone(), any::<bool>()).prop_map(|(who, on)| Step::Register(who, on)),
        4 => statuses.prop_map(Step::Take),
        1 => Just(Step::Refresh),
        3 => (1..2000u32).prop_map(Step::Pass),
    ]
}

struct Play {
    host: Exchange,
    watches: Vec<Watch>,
    last: Vec<Option<String>>,
    invites: [Vec<String>; 3],
    answered: Vec<Dialog>,
    failures: [u8; 3],
}

impl Play {
    fn new() -> Self {
        let mut config = two_companies();
        config.sip.qualify_secs = 0;
        config.sip.session_expires = 0;
        config.extensions[0].pickup_groups = vec!["all".into()];
        config.extensions[1].pickup_groups = vec!["all".into()];
        config.extensions[2].pickup_groups = vec!["all".into()];
        let mut host = Exchange::new(config);
        for (number, at) in PHONES {
            host.register(number, at);
        }
        let watch =
            |(number, _): (&str, &str)| host.subscribe("4568", WATCHER, number, "dialog", "");
        let watches = PHONES.map(watch).to_vec();
        let last = vec![None; 3];
        let invites = Default::default();
        Self { host, watches, last, invites, answered: Vec::new(), failures: [0; 3] }
    }

    fn step(&mut self, step: Step) {
        let Self { host, .. } = self;
        match step {
            Step::Call(from, to) => {
                host.call_from(PHONES[from].0, PHONES[from].1, PHONES[to].0);
            }
            Step::Answer(who, status) => {
                let at = PHONES[who].1;
                while let Some(invite) = host.take(at, "INVITE ") {
                    self.invites[who].push(invite);
                }
                let Some(invite) = self.invites[who].first().cloned() else { return };
                let body = if status == 200 { sdp(at) } else { String::new() };
                let dialog = host.respond(at, &invite, status, &body);
                if status >= 200 {
                    self.invites[who].remove(0);
                }
                if status == 200 && host.take(at, "ACK ").is_some() {
                    self.answered.push(dialog);
                }
            }
            Step::HangUp(who) => {
                if self.answered.is_empty() {
                    return;
                }
                let index = usize::from(who) % self.answered.len();
                let mut dialog = self.answered.remove(index);
                host.request(&mut dialog, "BYE", "", "");
            }
            Step::Register(who, on) => {
                let (number, at) = PHONES[who];
                while host.take(at, "SIP/2.0 ").is_some() {}
                host.register_for(number, at, if on { 600 } else { 0 });
            }
            Step::Take(status) => self.take(status),
            Step::Refresh => {
                for watch in &mut self.watches {
                    while host.take(WATCHER, "SIP/2.0 ").is_some() {}
                    host.ask(watch, "");
                }
            }
            Step::Pass(ms) => host.run_ms(ms.into()),
        }
    }

    /// Each watcher answers one NOTIFY; not three in a row so that it is given up.
    fn take(&mut self, status: u16) {
        for (n, watch) in self.watches.iter().enumerate() {
            let Some(notify) = self.host.notify(watch) else { continue };
            let status = if self.failures[n] >= 2 { 200 } else { status };
            self.failures[n] = if status == 200 { 0 } else { self.failures[n] + 1 };
            self.host.answer_notify(watch, &notify, status);
            if status == 200 {
                self.last[n] = Some(notify);
            }
        }
    }

    fn is_refused(&mut self) -> bool {
        self.watches.iter().any(|watch| watch.status != 200)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn when_all_is_quiet_the_last_notify_is_the_truth(
        steps in proptest::collection::vec(step(), 1..60)
    ) {
        let mut play = Play::new();
        prop_assert!(!play.is_refused());
        for step in steps {
            play.step(step);
        }
        for _ in 0..80 {
            play.take(200);
            play.host.run_ms(100);
        }
        for (n, watch) in play.watches.clone().iter_mut().enumerate() {
            // What a subscriber who comes now is told is the truth: nothing of it was told before.
            let fresh = play.host.subscribe("4569", WATCHER, PHONES[n].0, "dialog", "");
            let truth = play.host.told(&fresh);
            while let Some(notify) = play.host.notify(watch) {
                play.host.answer_notify(watch, &notify, 200);
                play.last[n] = Some(notify);
            }
            let last = play.last[n].clone().unwrap_or_else(|| panic!("{watch:?} heard nothing"));
            prop_assert_eq!(dialogs(body(&last)).2, dialogs(body(&truth)).2);
        }
    }
}
