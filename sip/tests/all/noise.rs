//! Endpoints in the middle of calls are fed damaged copies of what they said to each other:
//! nothing panics, nothing is written that cannot be read, and nothing stays behind.

use bytes::Bytes;
use rand_core::Rng;
use strowger_sip::endpoint::{Event, OutInvite, Reply};

use crate::link::{Faults, Link, MS, SECOND, Side, sdp, seeds};

/// Pieces that mean something to a SIP parser.
const PIECES: [&str; 16] = [
    "\r\n",
    ";",
    ",",
    "<",
    ">",
    "\"",
    "tag=",
    "z9hG4bK",
    "Require: 100rel\r\n",
    "RSeq: 1\r\n",
    "0",
    "4294967295",
    "BYE",
    "INVITE",
    "Session-Expires: 90\r\n",
    "\u{e9}",
];

fn damage(link: &mut Link, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + link.rng.next_u64() % 4 {
        let at = (link.rng.next_u64() as usize) % (bytes.len() + 1);
        match link.rng.next_u64() % 4 {
            0 => bytes.truncate(at.max(1)),
            1 => {
                let piece = PIECES[(link.rng.next_u64() as usize) % PIECES.len()];
                bytes.splice(at..at, piece.bytes());
            }
            2 => {
                let end = (at + (link.rng.next_u64() as usize) % 20).min(bytes.len());
                bytes.drain(at..end);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = link.rng.next_u64() as u8;
                }
            }
        }
    }
    bytes
}

/// Users who answer everything, and hang up now and then.
fn live(link: &mut Link) {
    for side in [Side::A, Side::B] {
        for event in link.events(side) {
            let now = link.now;
            let roll = link.rng.next_u64() % 10;
            let end = link.end(side);
            match event {
                Event::Invite { leg, .. } if roll == 0 => end.reject(now, leg, Reply::new(486)),
                Event::Invite { leg, .. } => {
                    let reply = Reply { reliable: roll > 5, ..Reply::new(183) };
                    end.provisional(now, leg, reply.with_body(sdp("early")));
                    end.accept(now, leg, Reply::new(200).with_body(sdp("answer")));
                }
                Event::Answered { leg, .. } => {
                    end.ack(now, leg, Some(sdp("late")));
                    end.reoffer(now, leg, Some(sdp("again")));
                }
                Event::OfferAnswered { leg, .. } if roll < 3 => end.bye(now, leg, None),
                Event::Offer { leg, .. } => end.answer_offer(now, leg, Some(sdp("yes"))),
                Event::Request { tx, .. } | Event::LegRequest { tx, .. } => {
                    end.respond(now, tx, Reply::new(200));
                }
                _ => {}
            }
        }
    }
}

#[test]
fn damaged_messages_do_no_harm() {
    for seed in 0..seeds(40) {
        let faults = Faults { lost: 50, repeated: 50, jitter_ms: 100 };
        let mut link = Link::new(5000 + seed, faults);
        link.strict = false;
        let mut heard = 0;
        for round in 0..4 {
            let body = (round % 2 == 0).then(|| sdp("offer"));
            let (now, flow) = (link.now, link.flow(Side::A));
            let out = OutInvite::new("sip:bob@10.0.0.2", "sip:a@a", "sip:b@b", body);
            let leg = link.a.invite(now, flow, out);
            if round == 3 {
                link.a.cancel(now, leg, None);
            }
            let until = link.now + 2 * SECOND;
            while link.step(until) {
                live(&mut link);
                let recent: Vec<_> = link.sent[heard..].to_vec();
                heard = link.sent.len();
                let copies = recent.into_iter().flat_map(|sent| std::iter::repeat_n(sent, 10));
                for (_, side, message) in copies {
                    let bytes = damage(&mut link, &message.to_bytes());
                    let (now, to) = (link.now, side.other());
                    let flow = link.flow(to);
                    link.end(to).receive(now, flow, Bytes::from(bytes));
                }
            }
        }
        // Whoever still talks hangs up; damage may have made calls that nobody else knows.
        for _ in 0..40 {
            link.run(500 * MS);
            live(&mut link);
        }
        hang_up_everything(&mut link);
    }
}

fn hang_up_everything(link: &mut Link) {
    for side in [Side::A, Side::B] {
        for generation in 0..64_u64 {
            for index in 0..64_u64 {
                let leg = strowger_sip::LegId((generation << 32) | index);
                let now = link.now;
                link.end(side).bye(now, leg, None);
            }
        }
    }
    for _ in 0..4 {
        live(link);
        link.run(20 * SECOND);
    }
    link.drain();
}
