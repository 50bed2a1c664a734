//! A call that a proxy forks to two phones which both answer, on a bad link.

use std::collections::BTreeMap;

use bytes::Bytes;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use strowger_sip::endpoint::{EndCause, Endpoint, Event, LegId, OutInvite, Reply, Settings};
use strowger_sip::{Flow, Message, Transport};

use crate::link::{MS, SECOND, sdp, seeds};

const CALLER: usize = 0;

/// The caller, two phones that look like one address, and what is on the way between them.
struct Forking {
    ends: [Endpoint; 3],
    now: u64,
    rng: ChaCha8Rng,
    lost: u64,
    on_way: BTreeMap<(u64, u64), (usize, Bytes)>,
    serial: u64,
    /// Which phone has which tag: where requests of a dialog go.
    tags: BTreeMap<String, usize>,
}

impl Forking {
    fn new(seed: u64, lost: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_be_bytes());
        let end = |number: u8| {
            let mut key = key;
            key[31] = number;
            Endpoint::new(Settings { session_expires: 0, ..Settings::default() }, key)
        };
        Self {
            ends: [end(1), end(2), end(3)],
            now: SECOND,
            rng: ChaCha8Rng::from_seed(key),
            lost,
            on_way: BTreeMap::new(),
            serial: 0,
            tags: BTreeMap::new(),
        }
    }

    fn flow(from: usize) -> Flow {
        let caller = "10.0.0.1:5060".parse().unwrap();
        let phones = "10.0.0.2:5060".parse().unwrap();
        let (local, remote) = if from == CALLER { (caller, phones) } else { (phones, caller) };
        Flow { transport: Transport::Udp, local, remote, generation: 0 }
    }

    /// The proxy: what has no tag goes to both phones, the rest to the phone with the tag.
    fn destinations(&mut self, from: usize, message: &Message) -> Vec<usize> {
        let tag = message.to().ok().and_then(|to| to.tag()).map(str::to_owned);
        if from != CALLER {
            if let (true, Some(tag)) = (!message.is_request(), tag) {
                self.tags.insert(tag, from);
            }
            return vec![CALLER];
        }
        let tag = if message.is_request() {
            tag
        } else {
            message.from().ok().and_then(|from| from.tag()).map(str::to_owned)
        };
        match tag.and_then(|tag| self.tags.get(&tag)) {
            Some(phone) => vec![*phone],
            None => vec![1, 2],
        }
    }

    fn collect(&mut self) {
        for from in 0..3 {
            while let Some(output) = self.ends[from].poll_output() {
                let message = Message::parse(output.bytes.clone()).unwrap();
                for to in self.destinations(from, &message) {
                    if self.rng.next_u64() % 1000 < self.lost {
                        continue;
                    }
                    self.serial += 1;
                    let at = self.now + 10 * MS + self.rng.next_u64() % (50 * MS);
                    self.on_way.insert((at, self.serial), (to, output.bytes.clone()));
                }
            }
        }
    }

    fn step(&mut self, until: u64) -> bool {
        self.collect();
        let arrival = self.on_way.first_key_value().map(|((at, _), _)| *at);
        let deadlines = self.ends.iter().map(Endpoint::next_deadline).chain([arrival]);
        let Some(next) = deadlines.flatten().min().filter(|next| *next <= until) else {
            self.now = until;
            return false;
        };
        self.now = self.now.max(next);
        if arrival == Some(next)
            && let Some((_, (to, bytes))) = self.on_way.pop_first()
        {
            self.ends[to].receive(self.now, Self::flow(to), bytes);
        }
        for end in &mut self.ends {
            end.handle_timeout(self.now);
        }
        true
    }
}

/// What the three users saw.
#[derive(Default)]
struct Seen {
    answered: usize,
    ended: [usize; 3],
    phones: Vec<(usize, LegId)>,
}

fn run(forking: &mut Forking, seen: &mut Seen, nanoseconds: u64) {
    let until = forking.now + nanoseconds;
    while forking.step(until) {
        for end in 0..3 {
            while let Some(event) = forking.ends[end].poll_event() {
                let now = forking.now;
                match event {
                    Event::Invite { leg, .. } => {
                        seen.phones.push((end, leg));
                        forking.ends[end].provisional(now, leg, Reply::new(180));
                        let answer = Reply::new(200).with_body(sdp("answer"));
                        forking.ends[end].accept(now, leg, answer);
                    }
                    Event::Answered { .. } => seen.answered += 1,
                    Event::Ended { cause, .. } => {
                        let expected = matches!(cause, EndCause::Bye(_) | EndCause::NoAck);
                        assert!(expected, "{cause:?}");
                        seen.ended[end] += 1;
                    }
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn one_phone_wins_and_the_other_is_hung_up() {
    let mut both = 0;
    let runs = seeds(200);
    for seed in 0..runs {
        let mut forking = Forking::new(seed, if seed % 2 == 0 { 0 } else { 300 });
        let mut seen = Seen::default();
        let out = OutInvite::new("sip:bob@10.0.0.2", "sip:a@a", "sip:bob@b", Some(sdp("offer")));
        let now = forking.now;
        let leg = forking.ends[CALLER].invite(now, Forking::flow(CALLER), out);
        run(&mut forking, &mut seen, 40 * SECOND);
        forking.lost = 0;
        run(&mut forking, &mut seen, 40 * SECOND);
        assert_eq!(seen.answered, 1, "seed {seed}");
        let winner = forking.ends[CALLER].leg_view(leg).map(|view| view.remote_tag);
        // The winner may have given up waiting for a lost ACK; the other never stays.
        let up =
            seen.phones.iter().filter(|(end, leg)| forking.ends[*end].leg_view(*leg).is_some());
        let up: Vec<_> = up.collect();
        assert!(up.len() <= 1, "seed {seed}: both phones still talk");
        if let [(end, phone)] = up.as_slice() {
            let tag = forking.ends[*end].leg_view(*phone).map(|view| view.local_tag);
            assert_eq!(tag, winner, "seed {seed}");
        }
        both += usize::from(seen.phones.len() == 2);
        let now = forking.now;
        forking.ends[CALLER].bye(now, leg, None);
        run(&mut forking, &mut seen, 120 * SECOND);
        assert_eq!(seen.ended[1] + seen.ended[2], seen.phones.len(), "seed {seed}");
        for end in &forking.ends {
            assert!(end.counts().is_empty(), "seed {seed}: {:?}", end.counts());
        }
    }
    assert!(both as u64 * 4 > runs * 3, "both phones rang in {both} of {runs} runs");
}
