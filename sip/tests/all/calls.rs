//! Calls between two endpoints.

use strowger_sip::endpoint::{EndCause, Event, OutInvite, Reply};

use crate::link::{Link, PERFECT, SECOND, Side, incoming, sdp};

fn invite(link: &mut Link) -> (strowger_sip::LegId, strowger_sip::LegId) {
    let out = OutInvite::new("sip:bob@10.0.0.2", "sip:alice@a", "sip:bob@b", Some(sdp("offer")));
    let (now, flow) = (link.now, link.flow(Side::A));
    let caller = link.a.invite(now, flow, out);
    let callee = link.wait(Side::B, incoming);
    (caller, callee)
}

#[test]
fn a_call_is_set_up_and_ended() {
    let mut link = Link::new(1, PERFECT);
    let (caller, callee) = invite(&mut link);
    let now = link.now;
    link.b.provisional(now, callee, Reply::new(180));
    link.wait(Side::A, |event| matches!(event, Event::Provisional { .. }).then_some(()));
    let now = link.now;
    link.b.accept(now, callee, Reply::new(200).with_body(sdp("answer")));
    link.wait(Side::A, |event| matches!(event, Event::Answered { .. }).then_some(()));
    link.wait(Side::B, |event| matches!(event, Event::Acked { .. }).then_some(()));
    link.run(SECOND);
    let now = link.now;
    link.a.bye(now, caller, None);
    link.wait(Side::B, |event| match event {
        Event::Ended { leg, cause: EndCause::Bye(_) } => (*leg == callee).then_some(()),
        _ => None,
    });
    link.drain();
    assert_eq!(link.summary(Side::A), ["INVITE", "ACK", "BYE"]);
    assert_eq!(link.summary(Side::B), ["100 INVITE", "180 INVITE", "200 INVITE", "200 BYE"]);
}
