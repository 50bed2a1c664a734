//! Offer and answer through the switch, case by case.

use std::net::{IpAddr, SocketAddr};

use strowger_media::order::{CodecKind, StreamConfig};
use strowger_media::sdp::{
    AnswerPlan, Capabilities, CodecPolicy, Direction, DtmfPolicy, LegDescriptions,
    NegotiationError, OfferPlan, Sdp, SessionOrigin, StreamPorts, StreamRelay, Transform,
    VersionedOrigin, answer_towards, bridge, local_answer, local_offer, offer_towards, terminate,
    with_direction,
};

use crate::sdp_samples::{self as samples, sdp};

const OURS: &str = "203.0.113.1";

pub fn origin() -> SessionOrigin {
    SessionOrigin { session_id: 77, version: 3, address: OURS.parse().unwrap() }
}

fn ports(first: u16, count: u16) -> Vec<Option<StreamPorts>> {
    let ip: IpAddr = OURS.parse().unwrap();
    (0..count).map(|n| Some(StreamPorts::pair(SocketAddr::new(ip, first + 2 * n)))).collect()
}

pub fn offer_plan() -> OfferPlan {
    OfferPlan {
        origin: origin(),
        ports: ports(20_000, 8),
        codecs: CodecPolicy::default(),
        rtcp_mux: true,
    }
}

pub fn answer_plan() -> AnswerPlan {
    AnswerPlan {
        origin: origin(),
        ports: ports(30_000, 8),
        rtcp_mux: true,
        dtmf: DtmfPolicy::Always,
    }
}

fn numbers(description: &Sdp, stream: usize) -> Vec<u8> {
    description.streams()[stream].codecs.iter().map(|codec| codec.payload_type).collect()
}

fn answer_from(lines: &str) -> Sdp {
    sdp(&format!(
        "v=0\r\no=b 1 1 IN IP4 192.0.2.99\r\ns=-\r\nc=IN IP4 192.0.2.99\r\nt=0 0\r\n{lines}"
    ))
}

#[test]
fn an_offer_has_our_address_and_nothing_of_the_callers_transport() {
    let offer = offer_towards(&sdp(samples::ICE_CLEAR), &offer_plan()).to_string();
    assert!(offer.starts_with("v=0\r\no=strowger 77 3 IN IP4 203.0.113.1\r\ns=-\r\n"), "{offer}");
    for gone in ["192.0.2.6", "candidate", "ice-", "ssrc", "a=rtcp:"] {
        assert!(!offer.contains(gone), "{gone} in {offer}");
    }
    for kept in ["b=AS:84", "b=TIAS:64000", "a=X-nat:0", "a=sendrecv", "m=audio 20000 RTP/AVP"] {
        assert!(offer.contains(kept), "{kept} not in {offer}");
    }
    let crypto = offer_towards(&sdp(samples::SNOM_CRYPTO), &offer_plan()).to_string();
    assert!(!crypto.contains("crypto"), "{crypto}");
}

#[test]
fn the_other_law_and_telephone_events_are_added() {
    let bare = sdp("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 8\r\n");
    let offer = offer_towards(&bare, &offer_plan());
    assert_eq!(numbers(&offer, 0), [8, 0, 101]);
    let opus = sdp(
        "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 101\r\na=rtpmap:101 opus/48000/2\r\n",
    );
    let offer = offer_towards(&opus, &offer_plan());
    let events: Vec<_> =
        offer.streams()[0].telephone_events().map(|c| (c.payload_type, c.clock_rate)).collect();
    assert_eq!(events, [(96, 8000), (100, 48_000)]);
    let foreign = sdp("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 18\r\n");
    assert_eq!(numbers(&offer_towards(&foreign, &offer_plan()), 0), [18]);
}

#[test]
fn the_target_sides_preference_orders_and_filters() {
    let mut plan = offer_plan();
    plan.codecs.prefer = vec![CodecKind::Pcma, CodecKind::G722];
    assert_eq!(numbers(&offer_towards(&sdp(samples::YEALINK), &plan), 0), [8, 9, 0, 18, 101]);
    plan.codecs.only_preferred = true;
    assert_eq!(numbers(&offer_towards(&sdp(samples::YEALINK), &plan), 0), [8, 9, 18, 101]);
    plan.codecs.pass_unknown = false;
    assert_eq!(numbers(&offer_towards(&sdp(samples::YEALINK), &plan), 0), [8, 9, 101]);
    // Nothing left: the line goes out unused.
    let g729 = sdp("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 18\r\n");
    assert_eq!(offer_towards(&g729, &plan).wanted_ports(), [false]);
}

#[test]
fn unknown_codecs_and_video_pass_with_their_parameters() {
    let amr = offer_towards(&sdp(samples::CARRIER_AMR), &offer_plan()).to_string();
    assert!(amr.contains("a=fmtp:104 mode-change-capability=2;max-red=0"), "{amr}");
    assert!(amr.contains("b=RS:0"), "{amr}");
    let video = offer_towards(&sdp(samples::LINPHONE), &offer_plan()).to_string();
    for line in [
        "m=video 20002 RTP/AVPF 96 97",
        "a=fmtp:97 profile-level-id=42801F",
        "a=rtcp-fb:96 nack pli",
        "a=rtcp-fb:* trr-int 5000",
    ] {
        assert!(video.contains(line), "{line} not in {video}");
    }
}

#[test]
fn fax_goes_through_both_ways() {
    let offered = sdp(samples::T38);
    let ours = offer_towards(&offered, &offer_plan());
    let text = ours.to_string();
    assert!(text.contains("m=audio 0 RTP/AVP 8\r\nm=image 20002 udptl t38\r\n"), "{text}");
    assert!(text.contains("a=T38FaxUdpEC:t38UDPRedundancy"), "{text}");
    let theirs =
        answer_from("m=audio 0 RTP/AVP 8\r\nm=image 7000 udptl t38\r\na=T38FaxVersion:0\r\n");
    let answer = answer_towards(&offered, &theirs, &answer_plan()).unwrap();
    assert!(answer.to_string().contains("m=image 30002 udptl t38\r\na=T38FaxVersion:0"));
    let agreement = bridge(
        LegDescriptions::we_answered(&answer, &offered),
        LegDescriptions::we_offered(&ours, &theirs),
    )
    .unwrap();
    assert_eq!(agreement.streams[0], None);
    let image = agreement.streams[1].as_ref().unwrap();
    assert_eq!(image.relay, StreamRelay::Opaque);
    assert_eq!(image.second.remote_rtp.unwrap().to_string(), "192.0.2.99:7000");
}

#[test]
fn an_answer_has_the_offers_numbers_and_lines() {
    let offered = sdp(samples::LINPHONE);
    // The callee renumbers Opus and refuses video by leaving the line out.
    let theirs = answer_from(
        "m=audio 5000 RTP/AVPF 120 121\r\na=rtpmap:120 opus/48000/2\r\na=fmtp:120 stereo=0\r\n\
         a=rtpmap:121 telephone-event/48000\r\na=rtcp-fb:120 nack\r\na=ptime:20\r\n",
    );
    let answer = answer_towards(&offered, &theirs, &answer_plan()).unwrap();
    let text = answer.to_string();
    assert_eq!(answer.stream_count(), 2);
    assert_eq!(numbers(&answer, 0), [96, 101]);
    assert!(text.contains("a=fmtp:96 stereo=0"), "{text}");
    assert!(text.contains("a=rtcp-fb:96 nack"), "{text}");
    assert!(text.contains("m=video 0 RTP/AVPF 96 97\r\n"), "{text}");
}

fn g711_call(theirs: &Sdp) -> (Sdp, StreamConfig, StreamConfig, StreamRelay) {
    let offered = sdp(
        "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000\r\n",
    );
    let ours = offer_towards(&offered, &offer_plan());
    let answer = answer_towards(&offered, theirs, &answer_plan()).unwrap();
    let agreement = bridge(
        LegDescriptions::we_answered(&answer, &offered),
        LegDescriptions::we_offered(&ours, theirs),
    )
    .unwrap();
    let stream = agreement.streams[0].clone().unwrap();
    (answer, stream.first, stream.second, stream.relay)
}

#[test]
fn two_laws_are_converted_and_events_renumbered() {
    let theirs = answer_from("m=audio 6000 RTP/AVP 8 96\r\na=rtpmap:96 telephone-event/8000\r\n");
    let (answer, first, second, relay) = g711_call(&theirs);
    assert_eq!(numbers(&answer, 0), [0, 96]);
    assert_eq!(first.codecs[0].kind, CodecKind::Pcmu);
    assert_eq!(second.codecs[0].kind, CodecKind::Pcma);
    assert_eq!(first.remote_rtcp.unwrap().to_string(), "192.0.2.1:4001");
    let StreamRelay::Routes { to_second, to_first } = relay else { panic!("opaque") };
    let seen: Vec<_> = to_second.iter().map(|r| (r.from, r.to, r.transform)).collect();
    assert_eq!(seen, [(0, 8, Transform::MuToA), (96, 96, Transform::Pass)]);
    let seen: Vec<_> = to_first.iter().map(|r| (r.from, r.to, r.transform)).collect();
    assert_eq!(seen, [(8, 0, Transform::AToMu), (96, 96, Transform::Pass)]);
}

#[test]
fn a_peer_without_events_leaves_them_to_the_switch_or_to_the_tones() {
    let theirs = answer_from("m=audio 6000 RTP/AVP 0\r\n");
    let (answer, ..) = g711_call(&theirs);
    assert_eq!(numbers(&answer, 0), [0, 96]);
    let offered = sdp(samples::YEALINK);
    let mut plan = answer_plan();
    plan.dtmf = DtmfPolicy::WithPeer;
    assert_eq!(numbers(&answer_towards(&offered, &theirs, &plan).unwrap(), 0), [0]);
}

#[test]
fn events_of_two_clocks_are_rescaled() {
    let a = sdp(
        "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 96 97\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:97 telephone-event/48000\r\n",
    );
    let b = answer_from(
        "m=audio 6000 RTP/AVP 96 98\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:98 telephone-event/8000\r\n",
    );
    let leg_a =
        local_answer(&a, &Capabilities::default(), &answer_plan(), Direction::SendRecv).unwrap();
    let leg_b =
        local_answer(&b, &Capabilities::default(), &answer_plan(), Direction::SendRecv).unwrap();
    let agreement =
        bridge(LegDescriptions::we_answered(&leg_a, &a), LegDescriptions::we_answered(&leg_b, &b))
            .unwrap();
    let Some(StreamRelay::Routes { to_second, .. }) =
        agreement.streams[0].as_ref().map(|s| &s.relay)
    else {
        panic!("no routes")
    };
    assert_eq!(to_second[1].transform, Transform::RescaleEvent { from: 48_000, to: 8000 });
    assert_eq!((to_second[1].from, to_second[1].to), (97, 98));
}

#[test]
fn nothing_in_common_is_an_error() {
    let offered = sdp("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 18\r\n");
    let theirs = answer_from("m=audio 6000 RTP/AVP 0\r\n");
    assert_eq!(
        answer_towards(&offered, &theirs, &answer_plan()),
        Err(NegotiationError::NoCommonCodec)
    );
    let local = |text: &str| {
        local_answer(&sdp(text), &Capabilities::default(), &answer_plan(), Direction::SendRecv)
    };
    assert_eq!(local(samples::SRTP_ONLY), Err(NegotiationError::NoUsableStream));
    assert_eq!(
        local("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 18\r\n"),
        Err(NegotiationError::NoCommonCodec)
    );
}

#[test]
fn a_refusal_of_everything_is_passed_on() {
    let offered = sdp(samples::YEALINK);
    let theirs = answer_from("m=audio 0 RTP/AVP 8\r\n");
    let answer = answer_towards(&offered, &theirs, &answer_plan()).unwrap();
    assert_eq!(answer.streams()[0].address.port(), 0);
}

#[test]
fn hold_passes_and_is_answered_with_the_right_direction() {
    let held = sdp(samples::HOLD_BY_ZERO);
    let ours = offer_towards(&held, &offer_plan());
    assert_eq!(ours.streams()[0].direction, Direction::SendOnly);
    // A careless callee forgets to say recvonly.
    let theirs = answer_from("m=audio 6000 RTP/AVP 8\r\n");
    let answer = answer_towards(&held, &theirs, &answer_plan()).unwrap();
    assert_eq!(answer.streams()[0].direction, Direction::RecvOnly);
    let config = terminate(LegDescriptions::we_answered(&answer, &held));
    let (_, config) = config[0].clone().unwrap();
    assert_eq!((config.send, config.receive), (false, true));
    assert_eq!(config.remote_rtp, None);
}

#[test]
fn the_switch_answers_with_one_codec_and_its_events() {
    let answer = |text: &str, own_order: bool| {
        let capabilities = Capabilities { own_order, ..Capabilities::default() };
        local_answer(&sdp(text), &capabilities, &answer_plan(), Direction::SendRecv).unwrap()
    };
    assert_eq!(numbers(&answer(samples::YEALINK, false), 0), [9, 101]);
    assert_eq!(numbers(&answer(samples::YEALINK, true), 0), [8, 101]);
    let linphone = answer(samples::LINPHONE, false);
    assert_eq!(numbers(&linphone, 0), [96, 101]);
    assert_eq!(linphone.wanted_ports(), [true, false]);
    let fs = answer(samples::FREESWITCH, false);
    assert_eq!(numbers(&fs, 0), [102, 103]);
    assert!(fs.to_string().contains("a=rtcp-mux"));
}

#[test]
fn our_own_offer_can_be_answered() {
    let ours = local_offer(&Capabilities::default(), &offer_plan(), Direction::SendRecv);
    assert_eq!(numbers(&ours, 0), [8, 0, 9, 96, 101, 100]);
    let theirs = answer_from(
        "m=audio 6000 RTP/AVP 9 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:30\r\n",
    );
    let streams = terminate(LegDescriptions::we_offered(&ours, &theirs));
    let (_, config) = streams[0].clone().unwrap();
    assert_eq!(config.codecs[0].kind, CodecKind::G722);
    assert_eq!(config.ptime_ms, 30);
    assert_eq!(config.codecs.len(), 2);
    assert!(config.send && config.receive);
}

#[test]
fn rtcp_is_named_where_it_is_not_the_next_port() {
    let mut plan = offer_plan();
    let ip: IpAddr = OURS.parse().unwrap();
    plan.ports = vec![Some(StreamPorts {
        rtp: SocketAddr::new(ip, 20_000),
        rtcp: Some(SocketAddr::new(ip, 21_111)),
    })];
    let text = offer_towards(&sdp(samples::GRANDSTREAM), &plan).to_string();
    assert!(text.contains("a=rtcp:21111\r\n"), "{text}");
    assert!(!text.contains("a=rtcp:5005"), "{text}");
}

#[test]
fn versions_grow_only_with_a_change_and_lines_never_vanish() {
    let mut versions = VersionedOrigin::new(5, OURS.parse().unwrap());
    let plan = |origin| OfferPlan { origin, ..offer_plan() };
    let video = versions.stamp(offer_towards(&sdp(samples::LINPHONE), &plan(versions.origin())));
    assert_eq!(video.version(), 1);
    let again = versions.stamp(offer_towards(&sdp(samples::LINPHONE), &plan(versions.origin())));
    assert_eq!(again.version(), 1);
    let audio = versions.stamp(offer_towards(&sdp(samples::YEALINK), &plan(versions.origin())));
    assert_eq!((audio.version(), audio.stream_count()), (2, 2));
    assert!(audio.streams()[1].is_refused());
    let held = with_direction(&audio, Direction::SendOnly, 3);
    assert_eq!(held.streams()[0].direction, Direction::SendOnly);
    assert_eq!(held.version(), 3);
    assert_eq!(held.to_string().matches("a=sendonly").count(), 1);
}

#[test]
fn descriptions_travel_as_text() {
    let plan = offer_plan();
    let offer = offer_towards(&sdp(samples::FREESWITCH), &plan);
    let encoded = serde_json::to_string(&offer).unwrap();
    assert_eq!(serde_json::from_str::<Sdp>(&encoded).unwrap(), offer);
}
