//! RTCP: each leg has its own, and what video needs crosses the bridge.

use strowger_media::order::{
    CodecKind, MediaEvent, Order, PortId, StreamCodec, StreamId, StreamKind, StreamReport,
};
use strowger_media::rtcp::{
    self, Block, Compound, FMT_ALFB, FMT_FIR, FMT_NACK, PSFB, Packet, RTPFB, SenderInfo,
};
use strowger_media::session::{Dropped, Socket, Verdict};

use crate::lab::{Lab, MS, S, codec, config, header, pcmu, phone};

fn video() -> Vec<StreamCodec> {
    vec![codec(CodecKind::Other, "H264", 90_000, 99)]
}

/// The last compound that left by the odd port of stream `n`.
fn last(lab: &Lab, n: u64) -> Vec<u8> {
    let socket = Socket::rtcp(PortId(n as u32));
    let sent = lab.control.iter().rev().find(|(by, ..)| *by == socket);
    sent.expect("no RTCP was sent").2.clone()
}

fn close(lab: &mut Lab, n: u64) -> StreamReport {
    lab.order(Order::Close { stream: StreamId(n) });
    match lab.events.last() {
        Some(MediaEvent::Closed { report, .. }) => report.clone(),
        other => panic!("{other:?}"),
    }
}

/// Ten seconds of a call in which every fourth packet of phone 1 gets lost.
fn lossy_call() -> Lab {
    let mut lab = Lab::call(pcmu(), pcmu());
    for n in 0..500_u16 {
        if n % 4 != 3 {
            lab.say(1, header(0, n, u32::from(n) * 160, 7), &[0; 160]).unwrap();
        }
        lab.pass(20 * MS);
    }
    lab
}

#[test]
fn a_leg_hears_of_its_own_loss_and_the_other_leg_of_what_it_was_sent() {
    let mut lab = lossy_call();
    let compound = last(&lab, 1);
    let packets: Vec<Packet> = Compound::new(&compound).collect::<Result<_, _>>().unwrap();
    let Packet::Receiver { mut blocks, .. } = packets[0] else { panic!("{packets:?}") };
    let block = blocks.next().unwrap();
    assert_eq!(block.ssrc, 7);
    assert!((60..=68).contains(&block.fraction_lost), "{block:?}");
    assert_eq!(block.cumulative_lost.cast_unsigned(), (block.highest + 1) / 4);

    let compound = last(&lab, 2);
    let Some(Ok(Packet::Sender { ssrc, mut blocks, .. })) = Compound::new(&compound).next() else {
        panic!("{compound:?}")
    };
    assert_eq!(ssrc, lab.heard_at(2)[0].header.ssrc);
    assert_eq!(blocks.next(), None);
    assert!(lab.control.iter().all(|(_, to, _)| to.port() % 2 == 1), "to the odd ports");

    let report = close(&mut lab, 1);
    assert_eq!((report.packets_received, report.packets_lost), (375, 124));
    assert_eq!(report.jitter_us, 0);
    assert_eq!(close(&mut lab, 2).packets_sent, 375);
}

#[test]
fn reports_come_every_five_seconds_on_average_and_a_goodbye_at_the_end() {
    let mut lab = Lab::call(pcmu(), pcmu());
    lab.say(1, header(0, 1, 0, 7), &[0; 160]).unwrap();
    lab.pass(500 * S);
    let to_two = lab.control.iter().filter(|(_, to, _)| to.port() == phone(2).port() + 1).count();
    assert!((85..=115).contains(&to_two), "{to_two}");
    lab.control.clear();
    close(&mut lab, 2);
    let goodbye = Compound::new(&last(&lab, 2)).any(|packet| packet == Ok(Packet::Goodbye));
    assert!(goodbye);
    lab.control.clear();
    close(&mut lab, 1);
    assert!(lab.control.is_empty(), "nothing was ever sent to phone 1");
}

#[test]
fn the_round_trip_comes_from_the_peers_answer() {
    let mut lab = lossy_call();
    let compound = last(&lab, 2);
    let Some(Ok(Packet::Sender { ssrc, ntp, .. })) = Compound::new(&compound).next() else {
        panic!("{compound:?}")
    };
    let sent_at = lab.now;
    // The phone got the report sent last; it waits 100 ms with its own, which takes the rest.
    let report_at = ((ntp >> 32) * S) + (((ntp & 0xffff_ffff) * S) >> 32);
    lab.pass(S);
    let since = lab.now - report_at;
    let held = since - 30 * MS;
    let mut answer = Vec::new();
    let block = Block {
        ssrc,
        fraction_lost: 25,
        cumulative_lost: 3,
        highest: 1,
        jitter: 0,
        last_sr: (ntp >> 16) as u32,
        delay: ((held << 16) / S) as u32,
    };
    rtcp::write_report(&mut answer, 99, None, Some(block));
    assert!(sent_at >= report_at);
    assert_eq!(lab.report(2, &answer), Verdict::Consumed);
    let report = close(&mut lab, 2);
    assert_eq!(report.peer_fraction_lost, Some(25));
    assert!(report.round_trip_us.unwrap().abs_diff(30_000) < 50, "{report:?}");
}

#[test]
fn sender_reports_come_back_as_last_report_and_delay() {
    let mut lab = Lab::call(pcmu(), pcmu());
    lab.say(1, header(0, 1, 0, 7), &[0; 160]).unwrap();
    let mut compound = Vec::new();
    let info = SenderInfo { ntp: 0x1111_2222_3333_4444, timestamp: 0, packets: 1, octets: 160 };
    rtcp::write_report(&mut compound, 7, Some(info), None);
    lab.report(1, &compound);
    let heard_at = lab.now;
    lab.control.clear();
    while lab.control.iter().all(|(_, to, _)| to.port() != phone(1).port() + 1) {
        lab.pass(50 * MS);
        lab.say(1, header(0, 2, 0, 7), &[0; 160]).unwrap();
    }
    let compound = last(&lab, 1);
    let Some(Ok(Packet::Receiver { mut blocks, .. })) = Compound::new(&compound).next() else {
        panic!("{compound:?}")
    };
    let block = blocks.next().unwrap();
    assert_eq!(block.last_sr, 0x2222_3333);
    let passed = (((lab.now - heard_at) << 16) / S) as u32;
    assert!(block.delay.abs_diff(passed) < 65_536 / 10, "{block:?} {passed}");
}

#[test]
fn control_of_strangers_is_refused() {
    let mut lab = Lab::call(pcmu(), pcmu());
    lab.say(1, header(0, 1, 0, 7), &[0; 160]).unwrap();
    let mut compound = Vec::new();
    rtcp::write_report(&mut compound, 7, None, None);
    let socket = Socket::rtcp(PortId(1));
    let far = std::net::SocketAddr::from(([127, 0, 0, 9], 5_003));
    let verdict = lab.engine.receive(lab.now, socket, &mut compound, far);
    assert_eq!(verdict, Verdict::Dropped(Dropped::Refused));
}

#[test]
fn multiplexed_control_shares_the_port() {
    let mut lab = Lab::new();
    for n in [1, 2] {
        lab.open(n, StreamKind::Audio, pcmu());
        let mut shared = config(n, pcmu());
        shared.rtcp_mux = true;
        lab.configure(n, shared);
    }
    lab.order(Order::Bridge { a: StreamId(1), b: StreamId(2) });
    lab.say(1, header(0, 1, 0, 7), &[0; 160]).unwrap();
    lab.pass(8 * S);
    let all_shared = |(socket, to, _): &(Socket, std::net::SocketAddr, Vec<u8>)| {
        *socket == Socket::rtp(socket.port) && to.port().is_multiple_of(2)
    };
    assert!(lab.control.len() >= 2 && lab.control.iter().all(all_shared));
    let mut compound = Vec::new();
    rtcp::write_report(&mut compound, 7, None, None);
    let socket = Socket::rtp(PortId(1));
    assert_eq!(lab.engine.receive(lab.now, socket, &mut compound, phone(1)), Verdict::Consumed);
}

/// Phone 2 sees the video of phone 1 and asks for something; what phone 1 gets to read.
fn feedback(
    packet_type: u8,
    format: u8,
    about: bool,
    fci: impl Fn(u32, u16) -> Vec<u8>,
) -> (u32, Vec<u8>) {
    let mut lab = Lab::new();
    for n in [1, 2] {
        lab.open(n, StreamKind::Video, video());
    }
    lab.order(Order::Bridge { a: StreamId(1), b: StreamId(2) });
    lab.say(1, header(99, 1_000, 0, 7), b"frame").unwrap();
    lab.say(1, header(99, 1_001, 0, 7), b"frame").unwrap();
    let seen = lab.heard_at(2)[1].header;
    let mut compound = Vec::new();
    rtcp::write_report(&mut compound, 55, None, None);
    let media = if about { seen.ssrc } else { 0 };
    let fci = fci(seen.ssrc, seen.sequence);
    rtcp::write_feedback(&mut compound, packet_type, format, (55, media), &fci);
    assert_eq!(lab.report(2, &compound), Verdict::Consumed);
    let got = last(&lab, 1);
    let packets: Vec<Packet> = Compound::new(&got).collect::<Result<_, _>>().unwrap();
    assert!(matches!(packets[0], Packet::Receiver { .. }), "a compound begins with a report");
    let Some(Packet::Feedback { packet_type: kind, format: fmt, media, fci }) = packets.last()
    else {
        panic!("{packets:?}")
    };
    assert_eq!((*kind, *fmt), (packet_type, format));
    (*media, fci.to_vec())
}

#[test]
fn picture_loss_reaches_the_sender() {
    assert_eq!(feedback(PSFB, 1, true, |_, _| Vec::new()), (7, Vec::new()));
}

#[test]
fn an_intra_request_names_the_senders_source() {
    let fci = |ssrc: u32, _| [&ssrc.to_be_bytes()[..], &[9, 0, 0, 0]].concat();
    assert_eq!(feedback(PSFB, FMT_FIR, true, fci), (7, vec![0, 0, 0, 7, 9, 0, 0, 0]));
}

#[test]
fn missing_packets_are_named_by_the_senders_numbers() {
    let fci = |_, sequence: u16| [&sequence.to_be_bytes()[..], &[0, 1]].concat();
    let [high, low] = 1_001_u16.to_be_bytes();
    assert_eq!(feedback(RTPFB, FMT_NACK, true, fci), (7, vec![high, low, 0, 1]));
}

#[test]
fn a_bit_rate_estimate_names_the_senders_source() {
    let fci = |ssrc: u32, _| [&b"REMB\x01\x12\x34\x56"[..], &ssrc.to_be_bytes()].concat();
    let (media, fci) = feedback(PSFB, FMT_ALFB, false, fci);
    assert_eq!(media, 0);
    assert_eq!(&fci[..8], b"REMB\x01\x12\x34\x56");
    assert_eq!(fci[8..], 7_u32.to_be_bytes());
}

#[test]
fn jitter_on_the_record_is_what_the_network_did() {
    let mut lab = Lab::call(pcmu(), pcmu());
    for n in 0..400_u16 {
        let late = if n % 2 == 0 { 0 } else { 8 * MS };
        lab.pass(late);
        lab.say(1, header(0, n, u32::from(n) * 160, 7), &[0; 160]).unwrap();
        lab.pass(20 * MS - late);
    }
    let jitter = close(&mut lab, 1).jitter_us;
    assert!(jitter.abs_diff(8_000) < 300, "{jitter}");
}
