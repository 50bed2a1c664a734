//! A session description: read, offered to another leg, answered by the switch; what we write can be read again.
#![no_main]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use strowger_media::sdp::{
    AnswerPlan, Capabilities, CodecPolicy, Direction, DtmfPolicy, OfferPlan, Sdp, SessionOrigin,
    StreamPorts, answer_towards, local_answer, offer_towards,
};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(sdp) = Sdp::parse(bytes) else { return };
    let streams = sdp.streams();
    assert_eq!(streams.len(), sdp.stream_count());
    assert_eq!(streams.len(), sdp.wanted_ports().len());
    if streams.len() > 64 {
        return;
    }

    let offer = offer_towards(&sdp, &offer_plan(streams.len()));
    assert_eq!(offer.stream_count(), streams.len(), "an offer keeps every line");
    assert_readable(&offer);
    for ours in [true, false] {
        let capabilities = Capabilities { own_order: ours, ..Capabilities::default() };
        let plan = answer_plan(streams.len());
        if let Ok(answer) = local_answer(&sdp, &capabilities, &plan, Direction::SendRecv) {
            assert_eq!(answer.stream_count(), streams.len(), "an answer has every line");
            assert_readable(&answer);
        }
        if let Ok(answer) = answer_towards(&sdp, &offer, &plan) {
            assert_eq!(answer.stream_count(), streams.len(), "an answer has every line");
            assert_readable(&answer);
        }
    }
});

fn assert_readable(sdp: &Sdp) {
    let again = Sdp::parse(&sdp.to_bytes()).expect("we can read what we write");
    assert_eq!(again.streams().len(), sdp.streams().len());
}

fn origin() -> SessionOrigin {
    SessionOrigin { session_id: 1, version: 1, address: IpAddr::V4(Ipv4Addr::LOCALHOST) }
}

fn ports(lines: usize) -> Vec<Option<StreamPorts>> {
    let port = |line: usize| 10_000 + 2 * line as u16;
    (0..lines)
        .map(|line| Some(StreamPorts::pair(SocketAddr::from(([127, 0, 0, 1], port(line))))))
        .collect()
}

fn offer_plan(lines: usize) -> OfferPlan {
    OfferPlan {
        origin: origin(),
        ports: ports(lines),
        codecs: CodecPolicy::default(),
        rtcp_mux: false,
        transcode: false,
    }
}

fn answer_plan(lines: usize) -> AnswerPlan {
    AnswerPlan {
        origin: origin(),
        ports: ports(lines),
        rtcp_mux: true,
        dtmf: DtmfPolicy::default(),
        transcode: false,
    }
}
