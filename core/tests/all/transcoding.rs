//! Ends that share no codec: what each of them is offered and answered.

use media::order::{CodecKind, Order};
use strowger_core::call::Found;

use crate::attended_host::Host;
use crate::attended_phone::*;

/// A caller with these formats rings phone 1.
fn ring(formats: &[u8], transcode: bool) -> Host {
    let mut host = Host::new(16);
    host.policy.media.transcode = transcode;
    host.policy.media.inband_dtmf = transcode;
    host.found = vec![Found::Ring(place(1))];
    host.call("", &sdp("198.51.100.100", formats));
    host
}

fn first_codecs(host: &Host) -> Vec<CodecKind> {
    let first = |order: &Order| match order {
        Order::Configure { config, .. } => config.codecs.first().map(|codec| codec.kind),
        _ => None,
    };
    host.orders.iter().filter_map(first).collect()
}

#[test]
fn a_phone_without_the_callers_codecs_is_offered_what_can_be_made_and_each_keeps_its_own() {
    let mut host = ring(&[8, 101], true);
    let invite = host.request(&agent(1), "INVITE");
    assert!(invite.body().contains("RTP/AVP 8 0 96 9 101 100\r\n"), "{}", invite.body());
    host.reply(&invite, 200, "", &sdp("198.51.100.1", &[9, 101]));
    let answer = host.response(CALLER, 200);
    assert!(answer.body().contains("RTP/AVP 8 101\r\n"), "{}", answer.body());
    let codecs = first_codecs(&host);
    assert!(codecs.ends_with(&[CodecKind::Pcma, CodecKind::G722]), "{codecs:?}");
    assert!(host.orders.iter().any(|order| matches!(order, Order::Bridge { .. })));
    let listens = |order: &&Order| matches!(order, Order::ReadTones { on: true, .. });
    assert_eq!(host.orders.iter().filter(listens).count(), 2);
}

#[test]
fn a_shared_codec_is_never_converted() {
    let mut host = ring(&[9, 8, 101], true);
    let invite = host.request(&agent(1), "INVITE");
    host.reply(&invite, 200, "", &sdp("198.51.100.1", &[8, 101]));
    let answer = host.response(CALLER, 200);
    assert!(answer.body().contains("RTP/AVP 8 101\r\n"), "{}", answer.body());
    assert_eq!(first_codecs(&host), [CodecKind::Pcma, CodecKind::Pcma]);
}

#[test]
fn without_conversion_such_a_call_is_refused_and_so_is_one_of_foreign_codecs() {
    for (formats, transcode) in [(&[8, 101][..], false), (&[18, 101][..], true)] {
        let mut host = ring(formats, transcode);
        let invite = host.request(&agent(1), "INVITE");
        assert!(!invite.body().contains("G722"), "{}", invite.body());
        host.reply(&invite, 200, "", &sdp("198.51.100.1", &[9, 101]));
        host.response(CALLER, 488);
    }
}
