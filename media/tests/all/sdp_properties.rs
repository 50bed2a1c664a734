//! What holds for every offer and answer.

use proptest::prelude::*;
use strowger_media::sdp::{
    Capabilities, Direction, Sdp, answer_towards, local_answer, offer_towards,
};

use crate::sdp_negotiation::{answer_plan, offer_plan};

const CODECS: [&str; 8] = [
    "PCMU/8000",
    "PCMA/8000",
    "G722/8000",
    "opus/48000/2",
    "G729/8000",
    "AMR/8000/1",
    "telephone-event/8000",
    "telephone-event/48000",
];

#[derive(Clone, Debug)]
struct Line {
    audio: bool,
    port: u16,
    codecs: Vec<(u8, usize)>,
    direction: usize,
    mux: bool,
}

fn line() -> impl Strategy<Value = Line> {
    let codecs = prop::collection::btree_map(96u8..128, 0usize..CODECS.len(), 1..7);
    let port = prop_oneof![1 => Just(0u16), 5 => 1024u16..60_000];
    (any::<bool>(), port, codecs, 0usize..5, any::<bool>()).prop_map(
        |(audio, port, codecs, direction, mux)| Line {
            audio,
            port,
            codecs: codecs.into_iter().collect(),
            direction,
            mux,
        },
    )
}

fn description(lines: &[Line]) -> Sdp {
    let mut text =
        "v=0\r\no=a 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n".to_owned();
    for line in lines {
        let kind = if line.audio { "audio" } else { "video" };
        let numbers: Vec<String> = line.codecs.iter().map(|(n, _)| n.to_string()).collect();
        text += &format!("m={kind} {} RTP/AVP {}\r\n", line.port, numbers.join(" "));
        for (number, codec) in &line.codecs {
            text += &format!("a=rtpmap:{number} {}\r\n", CODECS[*codec]);
        }
        let directions = ["a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive", "a=x-nothing"];
        text += &format!("{}\r\n", directions[line.direction]);
        if line.mux {
            text += "a=rtcp-mux\r\n";
        }
    }
    Sdp::parse(text.as_bytes()).unwrap()
}

fn descriptions() -> impl Strategy<Value = Sdp> {
    prop::collection::vec(line(), 0..9).prop_map(|lines| description(&lines))
}

fn check_answer(offer: &Sdp, answer: &Sdp) -> Result<(), TestCaseError> {
    prop_assert_eq!(answer.stream_count(), offer.stream_count());
    for (offered, agreed) in offer.streams().iter().zip(answer.streams()) {
        prop_assert_eq!(offered.kind, agreed.kind);
        prop_assert_eq!(&offered.proto, &agreed.proto);
        prop_assert!(agreed.is_refused() || !offered.is_refused());
        for codec in &agreed.codecs {
            let known = offered.codecs.iter().any(|o| o.payload_type == codec.payload_type);
            prop_assert!(known, "{} was not offered", codec.payload_type);
        }
        if !agreed.is_refused() {
            let allowed = offered.direction.reversed();
            prop_assert_eq!(agreed.direction.and(allowed), agreed.direction);
            prop_assert!(offered.rtcp_mux || !agreed.rtcp_mux);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn an_offer_keeps_the_lines_and_settles_at_once(original in descriptions()) {
        let once = offer_towards(&original, &offer_plan());
        prop_assert_eq!(once.stream_count(), original.stream_count());
        for (before, after) in original.streams().iter().zip(once.streams()) {
            prop_assert_eq!(before.kind, after.kind);
            prop_assert!(!before.is_refused() || after.is_refused());
            let mut numbers: Vec<u8> = after.codecs.iter().map(|c| c.payload_type).collect();
            numbers.sort_unstable();
            numbers.dedup();
            prop_assert_eq!(numbers.len(), after.codecs.len());
        }
        prop_assert_eq!(&offer_towards(&once, &offer_plan()), &once);
        prop_assert_eq!(&Sdp::parse(&once.to_bytes()).unwrap(), &once);
    }

    #[test]
    fn an_answer_fits_its_offer(offer in descriptions(), theirs in descriptions()) {
        if let Ok(answer) = answer_towards(&offer, &theirs, &answer_plan()) {
            check_answer(&offer, &answer)?;
        }
    }

    #[test]
    fn an_answer_to_our_own_offer_comes_back_whole(offer in descriptions()) {
        // The callee takes everything that we offered it.
        let ours = offer_towards(&offer, &offer_plan());
        let answer = answer_towards(&offer, &ours, &answer_plan()).unwrap();
        check_answer(&offer, &answer)?;
        prop_assert_eq!(answer.wanted_ports(), ours.wanted_ports());
    }

    #[test]
    fn our_own_answer_fits_its_offer(offer in descriptions()) {
        let plan = answer_plan();
        let answer = local_answer(&offer, &Capabilities::default(), &plan, Direction::SendRecv);
        if let Ok(answer) = answer {
            check_answer(&offer, &answer)?;
            prop_assert!(answer.wanted_ports().contains(&true));
        }
    }

    #[test]
    fn no_bytes_break_the_parser(body in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Sdp::parse(&body);
        let mut with_head = b"v=0\r\nm=audio 1 RTP/AVP 0\r\n".to_vec();
        with_head.extend_from_slice(&body);
        if let Ok(parsed) = Sdp::parse(&with_head) {
            let offer = offer_towards(&parsed, &offer_plan());
            prop_assert!(Sdp::parse(&offer.to_bytes()).is_ok());
        }
    }
}
