//! Descriptions in the manner of devices in the field, and what is read from them.

use strowger_media::sdp::{CodecKind, Direction, MAX_LENGTH, MediaKind, Sdp, SdpError};

/// A softphone on a Linux desktop: AVPF audio and video, Opus first.
pub const LINPHONE: &str = "v=0\r\no=alice 1532 2871 IN IP4 192.0.2.10\r\ns=Talk\r\n\
c=IN IP4 192.0.2.10\r\nt=0 0\r\na=rtcp-xr:rcvr-rtt=all:10000 stat-summary=loss,dup,jitt,TTL voip-metrics\r\n\
a=record:off\r\nm=audio 7078 RTP/AVPF 96 97 98 0 8 18 101 99 100\r\na=rtpmap:96 opus/48000/2\r\n\
a=fmtp:96 useinbandfec=1\r\na=rtpmap:97 speex/16000\r\na=fmtp:97 vbr=on\r\na=rtpmap:98 speex/8000\r\n\
a=fmtp:98 vbr=on\r\na=fmtp:18 annexb=yes\r\na=rtpmap:101 telephone-event/48000\r\n\
a=rtpmap:99 telephone-event/16000\r\na=rtpmap:100 telephone-event/8000\r\na=rtcp-fb:* trr-int 5000\r\n\
a=rtcp-fb:* ccm tmmbr\r\nm=video 9078 RTP/AVPF 96 97\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 H264/90000\r\n\
a=fmtp:97 profile-level-id=42801F\r\na=rtcp-fb:* trr-int 5000\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:97 ccm fir\r\n";

pub const YEALINK: &str = "v=0\r\no=- 20083 20083 IN IP4 10.1.2.31\r\ns=SDP data\r\nc=IN IP4 10.1.2.31\r\n\
t=0 0\r\nm=audio 11780 RTP/AVP 9 0 8 18 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\n\
a=rtpmap:8 PCMA/8000\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=fmtp:101 0-15\r\n\
a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n";

pub const GRANDSTREAM: &str = "v=0\r\no=8001 8000 8000 IN IP4 192.168.7.44\r\ns=SIP Call\r\n\
c=IN IP4 192.168.7.44\r\nt=0 0\r\nm=audio 5004 RTP/AVP 0 8 4 18 2 97 9 3 101\r\na=sendrecv\r\na=rtcp:5005\r\n\
a=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:4 G723/8000\r\na=rtpmap:18 G729/8000\r\n\
a=fmtp:18 annexb=no\r\na=rtpmap:2 G726-32/8000\r\na=rtpmap:97 iLBC/8000\r\na=fmtp:97 mode=20\r\n\
a=rtpmap:9 G722/8000\r\na=rtpmap:3 GSM/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n";

/// A desk phone that offers SRTP beside clear RTP on one line (best effort).
pub const SNOM_CRYPTO: &str = "v=0\r\no=root 1821 1821 IN IP4 172.16.0.9\r\ns=call\r\nc=IN IP4 172.16.0.9\r\n\
t=0 0\r\nm=audio 57012 RTP/AVP 9 8 0 3 99 112 18 101\r\n\
a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\na=rtpmap:9 G722/8000\r\n\
a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:3 GSM/8000\r\na=rtpmap:99 G726-32/8000\r\n\
a=rtpmap:112 AAL2-G726-32/8000\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\n\
a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

pub const SRTP_ONLY: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.3\r\ns=-\r\nc=IN IP4 198.51.100.3\r\nt=0 0\r\n\
m=audio 20000 RTP/SAVP 8 101\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n\
a=rtpmap:101 telephone-event/8000\r\n";

pub const ASTERISK: &str = "v=0\r\no=- 1209034212 1209034212 IN IP4 203.0.113.20\r\ns=Asterisk\r\n\
c=IN IP4 203.0.113.20\r\nt=0 0\r\nm=audio 14270 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=maxptime:140\r\na=sendrecv\r\n";

pub const FREESWITCH: &str = "v=0\r\no=FreeSWITCH 1731 1732 IN IP4 203.0.113.30\r\ns=FreeSWITCH\r\n\
c=IN IP4 203.0.113.30\r\nt=0 0\r\nm=audio 25344 RTP/AVP 102 9 0 8 103 101\r\na=rtpmap:102 opus/48000/2\r\n\
a=fmtp:102 useinbandfec=1; maxaveragebitrate=30000; maxplaybackrate=48000; ptime=20; minptime=10; maxptime=40\r\n\
a=rtpmap:9 G722/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:103 telephone-event/48000\r\n\
a=fmtp:103 0-16\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=rtcp-mux\r\n\
a=rtcp:25344 IN IP4 203.0.113.30\r\n";

/// A gateway: connection on the media line only, direction of a T.30 fall-back, silence control.
pub const CISCO: &str = "v=0\r\no=CiscoSystemsSIP-GW-UserAgent 4128 9377 IN IP4 10.9.9.1\r\ns=SIP Call\r\nt=0 0\r\n\
m=audio 18336 RTP/AVP 18 8 0 101 19\r\nc=IN IP4 10.9.9.1\r\na=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=yes\r\n\
a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n\
a=rtpmap:19 CN/8000\r\na=silenceSupp:off - - - -\r\n";

/// A mobile carrier: AMR in two packings, bandwidth, comfort noise, no `s=` worth the name.
pub const CARRIER_AMR: &str = "v=0\r\no=- 0 0 IN IP4 198.51.100.80\r\ns=-\r\nc=IN IP4 198.51.100.80\r\nb=AS:49\r\n\
t=0 0\r\nm=audio 41166 RTP/AVP 104 102 8 13 105 101\r\nb=RS:0\r\nb=RR:0\r\na=rtpmap:104 AMR-WB/16000/1\r\n\
a=fmtp:104 mode-change-capability=2;max-red=0\r\na=rtpmap:102 AMR/8000/1\r\n\
a=fmtp:102 mode-change-capability=2;max-red=0\r\na=rtpmap:105 telephone-event/16000\r\na=fmtp:105 0-15\r\n\
a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=maxptime:240\r\na=sendrecv\r\n";

/// A carrier's border element that leaves out `t=` and says everything twice.
pub const NO_TIME_TWO_CONNECTIONS: &str = "v=0\r\no=SBC 55 56 IN IP4 198.51.100.7\r\ns=sip call\r\n\
c=IN IP4 198.51.100.7\r\nm=audio 30012 RTP/AVP 8 101\r\nc=IN IP4 198.51.100.8\r\nc=IN IP4 198.51.100.9\r\n\
a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n";

pub const T38: &str = "v=0\r\no=gw 9 10 IN IP4 192.0.2.77\r\ns=-\r\nc=IN IP4 192.0.2.77\r\nt=0 0\r\n\
m=audio 0 RTP/AVP 8\r\nm=image 6000 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n\
a=T38FaxRateManagement:transferredTCF\r\na=T38FaxMaxBuffer:262\r\na=T38FaxMaxDatagram:90\r\n\
a=T38FaxUdpEC:t38UDPRedundancy\r\n";

/// A browser behind a gateway: ICE, DTLS, bundle.
pub const ICE: &str = "v=0\r\no=- 4611733058 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
a=msid-semantic: WMS stream\r\nm=audio 54400 UDP/TLS/RTP/SAVPF 111 0 8 110\r\nc=IN IP4 192.0.2.5\r\n\
a=rtcp:9 IN IP4 0.0.0.0\r\na=candidate:1 1 udp 2122260223 192.0.2.5 54400 typ host\r\na=ice-ufrag:F7gI\r\n\
a=ice-pwd:x9cml/YzichV2+XlhiMu8g\r\na=fingerprint:sha-256 49:66:12\r\na=setup:actpass\r\na=mid:0\r\na=sendrecv\r\n\
a=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:110 telephone-event/48000\r\na=ssrc:37 cname:x\r\n";

/// A softphone that adds ICE candidates to plain RTP.
pub const ICE_CLEAR: &str = "v=0\r\no=- 3 1 IN IP4 192.0.2.6\r\ns=pjmedia\r\nb=AS:84\r\nt=0 0\r\na=X-nat:0\r\n\
m=audio 4000 RTP/AVP 8 96\r\nc=IN IP4 192.0.2.6\r\nb=TIAS:64000\r\na=rtcp:4001 IN IP4 192.0.2.6\r\na=sendrecv\r\n\
a=rtpmap:8 PCMA/8000\r\na=rtpmap:96 telephone-event/8000\r\na=fmtp:96 0-16\r\na=ssrc:1 cname:a\r\na=ice-ufrag:5\r\n\
a=ice-pwd:6\r\na=candidate:H1 1 UDP 2130706431 192.0.2.6 4000 typ host\r\n";

pub const IPV6: &str = "v=0\r\no=- 7 7 IN IP6 2001:db8::12\r\ns=-\r\nc=IN IP6 2001:db8::12\r\nt=0 0\r\n\
m=audio 16400 RTP/AVP 0 101\r\na=rtcp:16500 IN IP6 2001:db8::13\r\na=rtpmap:101 telephone-event/8000\r\n";

pub const HOLD_BY_ZERO: &str = "v=0\r\no=- 20083 20084 IN IP4 10.1.2.31\r\ns=SDP data\r\nc=IN IP4 0.0.0.0\r\n\
t=0 0\r\nm=audio 11780 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

/// Session-level direction, line feeds only, static payload types without `a=rtpmap`.
pub const BARE: &str = "v=0\no=x 1 1 IN IP4 192.0.2.1\ns= \nc=IN IP4 192.0.2.1\nt=0 0\na=sendonly\nm=audio 4000 RTP/AVP 0 8 18 13\n";

/// Refuses video without naming a format, which the grammar wants.
pub const REFUSES_VIDEO: &str = "v=0\r\no=- 5 5 IN IP4 192.0.2.40\r\ns=-\r\nc=IN IP4 192.0.2.40\r\nt=0 0\r\n\
m=audio 4002 RTP/AVPF 96 100\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:100 telephone-event/8000\r\nm=video 0 RTP/AVPF\r\n";

pub const ALL: [(&str, &str); 17] = [
    ("linphone", LINPHONE),
    ("yealink", YEALINK),
    ("grandstream", GRANDSTREAM),
    ("snom", SNOM_CRYPTO),
    ("srtp only", SRTP_ONLY),
    ("asterisk", ASTERISK),
    ("freeswitch", FREESWITCH),
    ("cisco", CISCO),
    ("carrier amr", CARRIER_AMR),
    ("no time", NO_TIME_TWO_CONNECTIONS),
    ("t38", T38),
    ("ice", ICE),
    ("ice clear", ICE_CLEAR),
    ("ipv6", IPV6),
    ("hold", HOLD_BY_ZERO),
    ("bare", BARE),
    ("refuses video", REFUSES_VIDEO),
];

pub fn sdp(text: &str) -> Sdp {
    Sdp::parse(text.as_bytes()).unwrap()
}

#[test]
fn every_sample_is_read_and_written_back_whole() {
    for (name, text) in ALL {
        let parsed = sdp(text);
        let written = parsed.to_bytes();
        assert_eq!(Sdp::parse(&written).unwrap(), parsed, "{name}");
        let written = String::from_utf8(written).unwrap();
        let mut last_stream = 0;
        for line in text.lines() {
            assert!(written.contains(line.trim_end()), "{name} lost {line:?}");
            if line.starts_with("m=") {
                let place = written.find(line).unwrap();
                assert!(place > last_stream, "{name}: media lines changed places");
                last_stream = place;
            }
        }
    }
}

#[test]
fn codecs_are_named_with_and_without_rtpmap() {
    let stream = &sdp(BARE).streams()[0];
    let names: Vec<_> = stream.codecs.iter().map(|c| (c.name.as_str(), c.clock_rate)).collect();
    assert_eq!(names, [("PCMU", 8000), ("PCMA", 8000), ("G729", 8000), ("CN", 8000)]);
    assert_eq!(stream.direction, Direction::SendOnly);

    let audio = &sdp(LINPHONE).streams()[0];
    assert_eq!(audio.codecs[0].kind, CodecKind::Opus);
    assert_eq!(audio.codecs[0].channels, 2);
    assert_eq!(audio.codecs[0].fmtp.as_deref(), Some("useinbandfec=1"));
    assert_eq!(audio.codecs[5].fmtp.as_deref(), Some("annexb=yes"));
    let events: Vec<_> = audio.telephone_events().map(|c| (c.payload_type, c.clock_rate)).collect();
    assert_eq!(events, [(101, 48_000), (99, 16_000), (100, 8000)]);
}

#[test]
fn addresses_come_from_the_nearest_connection_line() {
    assert_eq!(sdp(CISCO).streams()[0].address.to_string(), "10.9.9.1:18336");
    assert_eq!(sdp(CISCO).streams()[0].rtcp.to_string(), "10.9.9.1:18337");
    let first_of_two = sdp(NO_TIME_TWO_CONNECTIONS).streams()[0].address;
    assert_eq!(first_of_two.to_string(), "198.51.100.8:30012");
    let v6 = &sdp(IPV6).streams()[0];
    assert_eq!(v6.address.to_string(), "[2001:db8::12]:16400");
    assert_eq!(v6.rtcp.to_string(), "[2001:db8::13]:16500");
    let mux = &sdp(FREESWITCH).streams()[0];
    assert!(mux.rtcp_mux);
    assert_eq!(mux.rtcp, mux.address);
}

#[test]
fn hold_by_zero_address_takes_the_listening_away() {
    let stream = &sdp(HOLD_BY_ZERO).streams()[0];
    assert!(stream.address.ip().is_unspecified());
    assert_eq!(stream.direction, Direction::SendOnly);
}

#[test]
fn what_we_carry_and_what_not() {
    let wanted = |text: &str| sdp(text).wanted_ports();
    assert_eq!(wanted(LINPHONE), [true, true]);
    assert_eq!(wanted(T38), [false, true]);
    assert_eq!(sdp(T38).streams()[1].kind, MediaKind::Image);
    assert_eq!(wanted(SRTP_ONLY), [false]);
    assert_eq!(wanted(ICE), [false]);
    assert_eq!(wanted(SNOM_CRYPTO), [true]);
    assert_eq!(wanted(REFUSES_VIDEO), [true, false]);
}

#[test]
fn bounds_are_kept() {
    let long = format!("{YEALINK}a=x:{}\r\n", "y".repeat(MAX_LENGTH));
    assert_eq!(Sdp::parse(long.as_bytes()), Err(SdpError::TooLong(long.len())));
    let many = format!("{BARE}{}", "m=audio 0 RTP/AVP 0\r\n".repeat(8));
    assert_eq!(Sdp::parse(many.as_bytes()), Err(SdpError::TooManyStreams));
    let formats: String = (0..65).map(|n| format!(" {n}")).collect();
    let wide = format!("v=0\r\ns=-\r\nm=audio 4000 RTP/AVP{formats}\r\n");
    assert_eq!(Sdp::parse(wide.as_bytes()), Err(SdpError::TooManyFormats));
}

#[test]
fn nonsense_is_an_error_that_says_where() {
    for garbage in ["", "hello", "v=1\r\n", "v=0\r\nm=audio x RTP/AVP 0\r\n", "v=0\r\nc=IN IP4\r\n"]
    {
        let error = Sdp::parse(garbage.as_bytes()).unwrap_err();
        assert!(
            matches!(&error, SdpError::Syntax(what) if !what.is_empty()),
            "{garbage:?}: {error}"
        );
    }
}

#[test]
fn bytes_that_are_not_utf8_do_not_end_the_call() {
    let mut body = b"v=0\r\no=M\xfcller 1 1 IN IP4 192.0.2.1\r\ns=Anruf f\xfcr".to_vec();
    body.extend_from_slice(b"\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n");
    assert_eq!(Sdp::parse(&body).unwrap().streams()[0].address.port(), 4000);
}
