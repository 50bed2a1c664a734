//! Offer and answer through the switch, case by case.

use std::net::{IpAddr, SocketAddr};

use strowger_media::order::{CodecKind, StreamConfig};
use strowger_media::sdp::{
    AnswerPlan, Capabilities, CodecPolicy, Direction, DtmfPolicy, LegDescriptions, MediaKind,
    NegotiationError, OfferPlan, Sdp, SessionOrigin, StreamPorts, VersionedOrigin, answer_towards,
    local_answer, local_offer, offer_towards, terminate, understand, with_direction,
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
        transcode: false,
    }
}

pub fn answer_plan() -> AnswerPlan {
    AnswerPlan {
        origin: origin(),
        ports: ports(30_000, 8),
        rtcp_mux: true,
        dtmf: DtmfPolicy::Always,
        transcode: false,
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
    let first = terminate(LegDescriptions::we_answered(&answer, &offered));
    let second = terminate(LegDescriptions::we_offered(&ours, &theirs));
    assert_eq!((&first[0], &second[0]), (&None, &None));
    let (kind, image) = second[1].clone().unwrap();
    assert_eq!(kind, MediaKind::Image);
    assert_eq!(image.remote_rtp.unwrap().to_string(), "192.0.2.99:7000");
    assert!(understand(&first[1].as_ref().unwrap().1, &image));
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

fn settled(leg: LegDescriptions<'_>) -> StreamConfig {
    terminate(leg)[0].clone().unwrap().1
}

#[test]
fn two_laws_are_settled_for_conversion() {
    let offered = sdp(
        "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0 96\r\na=rtpmap:96 telephone-event/8000\r\n",
    );
    let ours = offer_towards(&offered, &offer_plan());
    let theirs = answer_from("m=audio 6000 RTP/AVP 8 99\r\na=rtpmap:99 telephone-event/8000\r\n");
    let answer = answer_towards(&offered, &theirs, &answer_plan()).unwrap();
    assert_eq!(numbers(&answer, 0), [0, 96]);
    let first = settled(LegDescriptions::we_answered(&answer, &offered));
    let second = settled(LegDescriptions::we_offered(&ours, &theirs));
    assert_eq!(first.codecs[0].kind, CodecKind::Pcmu);
    assert_eq!(second.codecs[0].kind, CodecKind::Pcma);
    // The callee renumbered its events: it hears them as 99 and sends them as we offered.
    assert_eq!((second.codecs[1].receive_pt, second.codecs[1].send_pt), (96, 99));
    assert_eq!(first.remote_rtcp.unwrap().to_string(), "192.0.2.1:4001");
    assert!(understand(&first, &second));
}

#[test]
fn a_peer_without_events_leaves_them_to_the_switch_or_to_the_tones() {
    let theirs = answer_from("m=audio 6000 RTP/AVP 0\r\n");
    let offered = sdp(samples::YEALINK);
    let mut plan = answer_plan();
    assert_eq!(numbers(&answer_towards(&offered, &theirs, &plan).unwrap(), 0), [0, 101]);
    plan.dtmf = DtmfPolicy::WithPeer;
    assert_eq!(numbers(&answer_towards(&offered, &theirs, &plan).unwrap(), 0), [0]);
}

#[test]
fn legs_that_were_negotiated_apart_may_not_understand_each_other() {
    let leg = |text: &str| {
        let offer = sdp(text);
        let capabilities = Capabilities::default();
        let answer = local_answer(&offer, &capabilities, &answer_plan(), Direction::SendRecv);
        settled(LegDescriptions::we_answered(&answer.unwrap(), &offer))
    };
    let (opus, g722, g711) =
        (leg(samples::FREESWITCH), leg(samples::YEALINK), leg(samples::ASTERISK));
    assert!(understand(&opus, &opus) && understand(&g711, &g711));
    // Events in common are not enough.
    assert!(!understand(&g722, &g711) && !understand(&opus, &g711));
}

#[test]
fn both_address_families_are_offered_as_they_are() {
    let mut plan = offer_plan();
    plan.origin.address = "2001:db8::1".parse().unwrap();
    let rtp: SocketAddr = "[2001:db8::1]:4000".parse().unwrap();
    let rtcp: SocketAddr = "[2001:db8::2]:4100".parse().unwrap();
    plan.ports = vec![Some(StreamPorts { rtp, rtcp: Some(rtcp) })];
    let offer = offer_towards(&sdp(samples::YEALINK), &plan);
    let text = offer.to_string();
    for line in [
        "o=strowger 77 3 IN IP6 2001:db8::1",
        "c=IN IP6 2001:db8::1",
        "a=rtcp:4100 IN IP6 2001:db8::2",
    ] {
        assert!(text.contains(line), "{line} not in {text}");
    }
    assert_eq!((offer.streams()[0].address, offer.streams()[0].rtcp), (rtp, rtcp));
    // A stream elsewhere than the session has a line of its own.
    plan.origin.address = OURS.parse().unwrap();
    let offer = offer_towards(&sdp(samples::YEALINK), &plan);
    assert!(
        offer
            .to_string()
            .contains("\r\nm=audio 4000 RTP/AVP 9 0 8 18 101\r\nc=IN IP6 2001:db8::1\r\n")
    );
    assert_eq!(offer.streams()[0].address, rtp);
}

#[test]
fn a_host_name_is_no_hold() {
    let named = sdp("v=0\r\nc=IN IP4 media.example\r\nm=audio 4000 RTP/AVP 8\r\n");
    assert_eq!(named.streams()[0].direction, Direction::SendRecv);
    let answer =
        local_answer(&named, &Capabilities::default(), &answer_plan(), Direction::SendRecv);
    let config = settled(LegDescriptions::we_answered(&answer.unwrap(), &named));
    assert_eq!((config.remote_rtp, config.send), (None, true));
}

#[test]
fn a_full_line_gets_no_more_formats() {
    let numbers: Vec<String> = (0..64).map(|n| n.to_string()).collect();
    let text =
        format!("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP {}\r\n", numbers.join(" "));
    let offer = offer_towards(&sdp(&text), &offer_plan());
    assert_eq!(offer.streams()[0].codecs.len(), 64);
    assert_eq!(Sdp::parse(&offer.to_bytes()), Ok(offer));
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
    let mut stamp = |text: &str| {
        let plan = OfferPlan { origin: versions.origin(), ..offer_plan() };
        versions.stamp(offer_towards(&sdp(text), &plan)).clone()
    };
    assert_eq!(stamp(samples::LINPHONE).version(), 1);
    assert_eq!(stamp(samples::LINPHONE).version(), 1);
    let audio = stamp(samples::YEALINK);
    assert_eq!((audio.version(), audio.stream_count()), (2, 2));
    assert!(audio.streams()[1].is_refused());
    let held = with_direction(&audio, Direction::SendOnly, 3);
    assert_eq!(held.streams()[0].direction, Direction::SendOnly);
    assert_eq!(held.version(), 3);
    assert_eq!(held.to_string().matches("a=sendonly").count(), 1);
    assert!(!held.same_but_version(&audio));
    assert!(with_direction(&held, Direction::SendRecv, 4).same_but_version(&audio));
}

#[test]
fn descriptions_travel_as_text() {
    let plan = offer_plan();
    let offer = offer_towards(&sdp(samples::FREESWITCH), &plan);
    let encoded = serde_json::to_string(&offer).unwrap();
    assert_eq!(serde_json::from_str::<Sdp>(&encoded).unwrap(), offer);
}

#[test]
fn what_we_can_make_is_offered_behind_the_callers_codecs_by_the_targets_preference() {
    let plan = OfferPlan { transcode: true, ..offer_plan() };
    let alaw = sdp(
        "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 8 13 101\r\na=rtpmap:101 telephone-event/8000\r\n",
    );
    assert_eq!(numbers(&offer_towards(&alaw, &plan), 0), [8, 0, 96, 9, 13, 101, 100]);
    let mut picky = plan.clone();
    picky.codecs.prefer = vec![CodecKind::G722, CodecKind::Pcma];
    assert_eq!(numbers(&offer_towards(&alaw, &picky), 0), [8, 0, 9, 96, 13, 101, 100]);
    picky.codecs.only_preferred = true;
    assert_eq!(numbers(&offer_towards(&alaw, &picky), 0), [8, 9, 13, 101]);
    // Nothing of it can be decoded, so nothing can be made of it.
    let foreign = sdp("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 18\r\n");
    assert_eq!(numbers(&offer_towards(&foreign, &plan), 0), [18]);
}

#[test]
fn a_number_that_the_caller_uses_otherwise_is_not_given_another_meaning() {
    let plan = OfferPlan { transcode: true, ..offer_plan() };
    let odd = sdp(
        "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 8 96 9\r\na=rtpmap:96 AMR/8000\r\na=rtpmap:9 iLBC/8000\r\n",
    );
    let offer = offer_towards(&odd, &plan);
    let named: Vec<_> =
        offer.streams()[0].codecs.iter().map(|c| (c.payload_type, c.name.clone())).collect();
    let opus = named.iter().find(|(_, name)| name == "opus").unwrap();
    assert_eq!(opus.0, 97);
    assert!(named.contains(&(9, "iLBC".to_owned())) && !named.iter().any(|(_, n)| n == "G722"));
}

#[test]
fn an_answer_takes_the_callers_first_that_can_be_made_only_where_nothing_is_shared() {
    let plan = AnswerPlan { transcode: true, ..answer_plan() };
    let offer = sdp(
        "v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 18 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n",
    );
    let opus = answer_from(
        "m=audio 7000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n",
    );
    assert_eq!(
        answer_towards(&offer, &opus, &answer_plan()).unwrap_err(),
        NegotiationError::NoCommonCodec
    );
    let answer = answer_towards(&offer, &opus, &plan).unwrap();
    assert_eq!(numbers(&answer, 0), [8, 101]);
    assert!(!answer.to_string().contains("useinbandfec"));
    let shared = answer_from("m=audio 7000 RTP/AVP 9 0\r\n");
    assert_eq!(numbers(&answer_towards(&offer, &shared, &plan).unwrap(), 0), [0, 101]);
    // G.729 cannot be made of anything.
    let only = sdp("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 18\r\n");
    assert_eq!(answer_towards(&only, &opus, &plan).unwrap_err(), NegotiationError::NoCommonCodec);
}
