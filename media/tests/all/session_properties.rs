//! Whatever is ordered and whatever arrives: nothing panics, and everything that begins ends once.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use proptest::prelude::*;
use strowger_media::order::{
    CodecKind, MediaEvent, MixId, Order, PlayId, PortId, RecordingId, StreamId, StreamKind, Voices,
};
use strowger_media::player::EncodedPrompt;
use strowger_media::session::{Dropped, Request, Socket};
use strowger_media::wav::Prompt;

use crate::lab::{Lab, MS, S, codec, config, header, pcma, pcmu, phone};

#[derive(Debug, Clone)]
enum Act {
    Order(Order),
    Packet { port: u32, rtcp: bool, from: u16, bytes: Vec<u8> },
    Wait { ms: u64 },
}

fn stream() -> impl Strategy<Value = StreamId> {
    (1..=4_u64).prop_map(StreamId)
}

fn settings() -> impl Strategy<Value = Order> {
    let codecs = prop_oneof![
        Just(pcmu()),
        Just(pcma()),
        Just(vec![codec(CodecKind::Opus, "opus", 48_000, 111)]),
        Just(vec![codec(CodecKind::Other, "G729", 8_000, 18)]),
        Just(Vec::new()),
    ];
    let flags = proptest::collection::vec(any::<bool>(), 4);
    (1..=4_u64, codecs, flags).prop_map(|(n, codecs, flags)| {
        let mut config = config(n, codecs);
        config.rtcp_mux = flags[0];
        config.send = flags[1];
        config.receive = flags[2];
        if flags[3] {
            config.remote_rtp = None;
        }
        Order::Configure { stream: StreamId(n), config }
    })
}

fn order() -> impl Strategy<Value = Order> {
    let kind =
        prop_oneof![Just(StreamKind::Audio), Just(StreamKind::Video), Just(StreamKind::Other)];
    let play = (stream(), 0..9_u64, any::<bool>()).prop_map(|(stream, play, repeat)| Order::Play {
        stream,
        play: PlayId(play),
        prompts: vec!["a".into(), "b".into()],
        repeat,
    });
    let dial = (stream(), "[0-9*#A-Dx]{0,8}", 0..6_000_u16)
        .prop_map(|(stream, digits, duration_ms)| Order::SendDtmf { stream, digits, duration_ms });
    let record = (0..3_u64, stream(), stream()).prop_map(|(recording, left, right)| {
        Order::Record { recording: RecordingId(recording), left, right, path: "x.wav".into() }
    });
    prop_oneof![
        4 => (stream(), 0..5_u32, kind)
            .prop_map(|(stream, port, kind)| Order::Open { stream, port: PortId(port), kind }),
        4 => settings(),
        3 => (stream(), stream()).prop_map(|(a, b)| Order::Bridge { a, b }),
        1 => stream().prop_map(|stream| Order::Unbridge { stream }),
        1 => stream().prop_map(|stream| Order::Echo { stream }),
        2 => (stream(), 0..2_u64, any::<u8>(), any::<u8>()).prop_map(|(stream, mix, speaks, hears)| {
            let (speaks, hears) = (Voices(speaks.into()), Voices(hears.into()));
            Order::Mix { stream, mix: MixId(mix), speaks, hears }
        }),
        1 => stream().prop_map(|stream| Order::Unmix { stream }),
        1 => (0..2_u64, 0..3_u64).prop_map(|(mix, id)| Order::RecordMix {
            recording: RecordingId(id), mix: MixId(mix), path: "y.wav".into(), voices: Voices::ALL,
        }),
        1 => (0..2_u64, any::<u8>(), any::<u8>()).prop_map(|(mix, speaks, hears)| Order::ConnectLine {
            mix: MixId(mix), speaks: Voices(speaks.into()), hears: Voices(hears.into()),
        }),
        1 => (0..2_u64, any::<u64>()).prop_map(|(mix, play)| Order::PlayInMix {
            mix: MixId(mix), play: PlayId(play), prompts: vec!["a".into()], heard_by: Voices::ALL,
        }),
        2 => play,
        1 => stream().prop_map(|stream| Order::StopPlay { stream }),
        2 => dial,
        2 => record,
        1 => (0..3_u64).prop_map(|id| Order::StopRecord { recording: RecordingId(id) }),
        2 => stream().prop_map(|stream| Order::Close { stream }),
    ]
}

fn packet() -> impl Strategy<Value = Act> {
    let rtp = (any::<[u8; 2]>(), 0..4_u8, proptest::collection::vec(any::<u8>(), 0..200)).prop_map(
        |([first, second], version, rest)| {
            let first = if version == 0 { first } else { 0x80 | first & 0x3f };
            [&[first, second][..], &rest].concat()
        },
    );
    let known = (0..30_u16, prop_oneof![Just(0_u8), Just(8), Just(101), Just(111)]).prop_map(
        |(sequence, pt)| {
            let header = header(pt, sequence, u32::from(sequence) * 160, 7);
            [&header.bytes()[..], &[5, 0x8a, 3, 32]].concat()
        },
    );
    let bytes = prop_oneof![rtp, known];
    (0..5_u32, any::<bool>(), 0..3_u16, bytes).prop_map(|(port, rtcp, from, bytes)| Act::Packet {
        port,
        rtcp,
        from,
        bytes,
    })
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        order().prop_map(Act::Order),
        packet(),
        (0..400_u64).prop_map(|ms| Act::Wait { ms }),
    ]
}

/// Feeds bytes as they are.
fn arrive(lab: &mut Lab, (port, rtcp): (u32, bool), from: SocketAddr, mut bytes: Vec<u8>) {
    let socket = if rtcp { Socket::rtcp(PortId(port)) } else { Socket::rtp(PortId(port)) };
    // Whatever it decides is right as long as nothing breaks.
    let _ = lab.engine.receive(lab.now, socket, &mut bytes, from);
}

/// Answers requests for prompts, the one called `b` sometimes with an error.
fn answer_requests(lab: &mut Lab) {
    for request in lab.requests.clone_prompts() {
        let loaded = if request.name == "b" && lab.now.is_multiple_of(3) {
            Err("gone".to_owned())
        } else {
            let prompt = Prompt::from_samples(8_000, vec![500; 800]).unwrap();
            Ok(EncodedPrompt::encode(&prompt.into(), request.codec).unwrap().into())
        };
        lab.engine.prompt_loaded(lab.now, &request, loaded);
    }
}

trait ClonePrompts {
    fn clone_prompts(&mut self) -> Vec<strowger_media::session::PromptKey>;
}

impl ClonePrompts for Vec<Request> {
    /// Takes the requests for prompts out.
    fn clone_prompts(&mut self) -> Vec<strowger_media::session::PromptKey> {
        let (prompts, rest): (Vec<_>, Vec<_>) = std::mem::take(self)
            .into_iter()
            .partition(|request| matches!(request, Request::LoadPrompt(_)));
        *self = rest;
        let key = |request| match request {
            Request::LoadPrompt(key) => key,
            other => unreachable!("{other:?}"),
        };
        prompts.into_iter().map(key).collect()
    }
}

/// What must have ended when all is over.
#[derive(Default)]
struct Ledger {
    closed: usize,
    released: usize,
}

impl Ledger {
    /// Gives the order, and notes what it owes.
    fn order(&mut self, lab: &mut Lab, order: Order) {
        let named = match &order {
            Order::Open { stream, .. } | Order::Close { stream } => Some(*stream),
            _ => None,
        };
        let is_open = |lab: &Lab| named.is_some_and(|named| lab.engine.report(named).is_some());
        let before = is_open(lab);
        let opens = matches!(order, Order::Open { .. });
        lab.order(order);
        match (opens, before, is_open(lab)) {
            // One end for each opening, at once if it is refused.
            (true, before, after) => {
                self.closed += 1;
                self.released += usize::from(!before && after);
            }
            // Closing what is not open is answered too.
            (false, false, _) => self.closed += usize::from(named.is_some()),
            (false, true, _) => {}
        }
    }
}

proptest! {
    #[test]
    fn everything_that_begins_ends_once(acts in proptest::collection::vec(act(), 1..120)) {
        let mut lab = Lab::new();
        let mut ledger = Ledger::default();
        for act in acts {
            match act {
                Act::Order(order) => ledger.order(&mut lab, order),
                Act::Packet { port, rtcp, from, bytes } => {
                    let from = match from {
                        0 => phone(u64::from(port)),
                        1 => SocketAddr::new(phone(1).ip(), phone(u64::from(port)).port() + 1),
                        _ => SocketAddr::from(([127, 0, 0, 2], 9)),
                    };
                    arrive(&mut lab, (port, rtcp), from, bytes);
                }
                Act::Wait { ms } => lab.pass(ms * MS),
            }
            answer_requests(&mut lab);
        }
        for n in 1..=4 {
            ledger.order(&mut lab, Order::Close { stream: StreamId(n) });
        }
        lab.pass(S);
        prop_assert_eq!(lab.engine.open_streams(), 0);
        prop_assert_eq!(lab.engine.next_deadline(), None);
        let count = |wanted: fn(&Request) -> bool| {
            lab.requests.iter().filter(|request| wanted(request)).count()
        };
        let begun = count(|request| matches!(request, Request::OpenRecording { .. }));
        let ended = count(|request| matches!(request, Request::CloseRecording { .. }));
        prop_assert_eq!(begun, ended);
        prop_assert_eq!(count(|request| matches!(request, Request::Release { .. })), ledger.released);
        let closed = |event: &&MediaEvent| matches!(event, MediaEvent::Closed { .. });
        prop_assert_eq!(lab.events.iter().filter(closed).count(), ledger.closed);
        let mut connected = BTreeMap::new();
        for request in &lab.requests {
            match request {
                Request::Connect { socket, .. } => connected.insert(*socket, true),
                Request::Disconnect { socket } => connected.insert(*socket, false),
                _ => None,
            };
        }
        prop_assert!(connected.values().all(|connected| !connected), "{:?}", connected);
    }

    /// While the phone speaks at least every four seconds, nobody else is ever heard.
    #[test]
    fn a_latch_is_never_stolen(
        acts in proptest::collection::vec((0..5_u16, 0..4_000_u64, any::<bool>()), 1..100),
        natted in any::<bool>(),
    ) {
        let mut lab = Lab::call(pcmu(), pcmu());
        let home = if natted { SocketAddr::from(([127, 0, 0, 1], 7_777)) } else { phone(1) };
        let mut sequence = 0;
        let mut speak = |lab: &mut Lab| {
            sequence += 1;
            let header = header(0, sequence, u32::from(sequence) * 160, 7);
            lab.say_from(1, home, header, &[0; 160]).is_ok()
        };
        prop_assert!(speak(&mut lab));
        for (who, wait, reinvite) in acts {
            let thief = SocketAddr::from(([127, 0, 0, 3], 1_000 + who));
            let theft = lab.say_from(1, thief, header(0, 1, 0, 9), &[0; 160]);
            prop_assert_eq!(theft, Err(Dropped::Refused));
            lab.pass(wait * MS);
            if reinvite {
                lab.configure(1, config(1, pcmu()));
            }
            prop_assert!(speak(&mut lab));
        }
        prop_assert_eq!(lab.say(2, header(0, 1, 0, 8), &[0]).unwrap().to, home);
    }
}
