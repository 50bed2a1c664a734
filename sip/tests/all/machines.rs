//! The transitions of the four transaction machines (RFC 3261 section 17, RFC 6026 section 7).

use strowger_sip::transaction::timers::{Base, MS, SECOND, Timers};
use strowger_sip::transaction::{
    Action, Class, InviteClient, InviteServer, NonInviteClient, NonInviteServer, invite_client,
    invite_server, non_invite_client, non_invite_server,
};

fn udp() -> Timers {
    Timers { base: Base::default(), reliable: false }
}

#[test]
fn classes_of_statuses() {
    for (status, class) in [
        (100, Class::Provisional),
        (199, Class::Provisional),
        (200, Class::Success),
        (299, Class::Success),
        (300, Class::Failure),
        (699, Class::Failure),
    ] {
        assert_eq!(Class::of(status), class);
    }
}

#[test]
fn invite_client_rings_and_is_answered() {
    use invite_client::State;
    let (mut machine, _) = InviteClient::start(udp(), 0);
    assert!(matches!(machine.state(), State::Calling { .. }));
    // 17.1.1.2: a 1xx stops retransmission and goes up, as often as it comes.
    for _ in 0..2 {
        assert_eq!(machine.response(MS, Class::Provisional).as_slice(), [Action::Deliver]);
        assert_eq!((machine.state(), machine.deadline()), (&State::Proceeding, None));
    }
    // RFC 6026 7.2: every 2xx goes up, the retransmitted ones and those of other forks too.
    for _ in 0..3 {
        assert_eq!(machine.response(SECOND, Class::Success).as_slice(), [Action::Deliver]);
    }
    assert_eq!(machine.state(), &State::Accepted { until: 33 * SECOND });
    // Anything else is absorbed.
    assert!(machine.response(SECOND, Class::Provisional).is_empty());
    assert!(machine.response(SECOND, Class::Failure).is_empty());
    assert!(machine.transport_failed().is_empty());
    assert_eq!(machine.timeout(33 * SECOND).as_slice(), [Action::Terminate]);
    assert_eq!(machine.state(), &State::Terminated);
    assert!(machine.response(SECOND, Class::Success).is_empty());
}

#[test]
fn invite_client_is_refused() {
    use invite_client::State;
    for ringing in [false, true] {
        let (mut machine, _) = InviteClient::start(udp(), 0);
        if ringing {
            machine.response(MS, Class::Provisional);
        }
        let done = machine.response(MS, Class::Failure);
        assert_eq!(done.as_slice(), [Action::Ack, Action::Deliver]);
        // 17.1.1.2: a repeated final response is acknowledged again and does not go up.
        assert_eq!(machine.response(2 * MS, Class::Failure).as_slice(), [Action::AckAgain]);
        assert!(machine.response(2 * MS, Class::Success).is_empty());
        assert!(machine.response(2 * MS, Class::Provisional).is_empty());
        assert_eq!(machine.state(), &State::Completed { until: 32 * SECOND + MS });
        assert_eq!(machine.transport_failed().as_slice(), [Action::Terminate]);
        assert!(machine.transport_failed().is_empty());
    }
}

#[test]
fn an_answer_that_comes_after_the_patience_goes_up_all_the_same() {
    use invite_client::State;
    for answered in [false, true] {
        let (mut machine, _) = InviteClient::start(udp(), 0);
        assert_eq!(machine.timeout(32 * SECOND).as_slice(), [Action::Timeout]);
        assert_eq!(machine.state(), &State::GivenUp { until: 64 * SECOND });
        for class in [Class::Provisional, Class::Failure] {
            assert!(machine.response(33 * SECOND, class).is_empty());
        }
        let mut end = 64 * SECOND;
        if answered {
            let late = machine.response(40 * SECOND, Class::Success);
            assert_eq!(late.as_slice(), [Action::Deliver]);
            end = 72 * SECOND;
        }
        assert_eq!(machine.deadline(), Some(end));
        assert_eq!(machine.timeout(end).as_slice(), [Action::Terminate]);
        assert_eq!(machine.state(), &State::Terminated);
    }
}

#[test]
fn client_transport_failures_go_up() {
    let failed = [Action::TransportFailed, Action::Terminate];
    let (mut machine, _) = InviteClient::start(udp(), 0);
    assert_eq!(machine.transport_failed().as_slice(), failed);
    assert_eq!(machine.deadline(), None);
    let (mut machine, _) = InviteClient::start(udp(), 0);
    machine.response(0, Class::Provisional);
    assert_eq!(machine.transport_failed().as_slice(), failed);
    let (mut machine, _) = NonInviteClient::start(udp(), 0);
    assert_eq!(machine.transport_failed().as_slice(), failed);
    let (mut machine, _) = NonInviteClient::start(udp(), 0);
    machine.response(0, Class::Success);
    assert_eq!(machine.transport_failed().as_slice(), [Action::Terminate]);
}

#[test]
fn invite_server_refuses() {
    use invite_server::State;
    let (mut machine, first) = InviteServer::start(udp());
    assert_eq!(first.as_slice(), [Action::Deliver]);
    assert_eq!(machine.respond(0, Class::Provisional).as_slice(), [Action::Send]);
    // 17.2.1: a retransmitted INVITE gets the latest provisional response.
    assert_eq!(machine.request_again().as_slice(), [Action::Send]);
    assert!(machine.ack(0).is_empty());
    assert_eq!(machine.respond(0, Class::Failure).as_slice(), [Action::Send]);
    assert_eq!(machine.request_again().as_slice(), [Action::Send]);
    assert!(machine.respond(0, Class::Success).is_empty());
    assert!(machine.ack(SECOND).is_empty());
    assert_eq!(machine.state(), &State::Confirmed { until: 6 * SECOND });
    // Confirmed absorbs ACKs, and INVITEs that come late.
    assert!(machine.ack(SECOND).is_empty());
    assert!(machine.request_again().is_empty());
    assert_eq!(machine.timeout(6 * SECOND).as_slice(), [Action::Terminate]);
    assert_eq!(machine.state(), &State::Terminated);
}

#[test]
fn invite_server_accepts() {
    use invite_server::State;
    let (mut machine, _) = InviteServer::start(udp());
    assert_eq!(machine.respond(0, Class::Success).as_slice(), [Action::Send]);
    assert_eq!(machine.state(), &State::Accepted { until: 32 * SECOND });
    // RFC 6026 7.1: INVITEs are absorbed, ACKs and repeated 2xx pass.
    assert!(machine.request_again().is_empty());
    assert_eq!(machine.ack(0).as_slice(), [Action::Deliver]);
    assert_eq!(machine.respond(0, Class::Success).as_slice(), [Action::Send]);
    assert!(machine.respond(0, Class::Failure).is_empty());
    assert!(machine.respond(0, Class::Provisional).is_empty());
    assert!(machine.transport_failed().is_empty());
    assert_eq!(machine.timeout(32 * SECOND).as_slice(), [Action::Terminate]);
}

#[test]
fn invite_server_loses_its_connection() {
    let (mut machine, _) = InviteServer::start(udp());
    assert_eq!(machine.transport_failed().as_slice(), [Action::TransportFailed, Action::Terminate]);
    let (mut machine, _) = InviteServer::start(udp());
    machine.respond(0, Class::Failure);
    assert_eq!(machine.transport_failed().as_slice(), [Action::Terminate]);
}

#[test]
fn non_invite_client_completes() {
    use non_invite_client::State;
    for class in [Class::Success, Class::Failure] {
        let (mut machine, _) = NonInviteClient::start(udp(), 0);
        assert!(matches!(machine.state(), State::Trying { .. }));
        assert_eq!(machine.response(0, Class::Provisional).as_slice(), [Action::Deliver]);
        assert!(matches!(machine.state(), State::Proceeding { .. }));
        assert_eq!(machine.response(SECOND, class).as_slice(), [Action::Deliver]);
        // 17.1.2.2: Completed absorbs whatever else comes.
        assert!(machine.response(SECOND, class).is_empty());
        assert!(machine.response(SECOND, Class::Provisional).is_empty());
        assert_eq!(machine.state(), &State::Completed { until: 6 * SECOND });
        assert!(machine.timeout(5 * SECOND).is_empty());
        assert_eq!(machine.timeout(6 * SECOND).as_slice(), [Action::Terminate]);
    }
}

#[test]
fn non_invite_server_completes() {
    use non_invite_server::State;
    let (mut machine, first) = NonInviteServer::start(udp(), 0);
    assert_eq!(first.as_slice(), [Action::Deliver]);
    // 17.2.2: in Trying there is nothing to repeat.
    assert!(machine.request_again().is_empty());
    assert_eq!(machine.respond(0, Class::Provisional).as_slice(), [Action::Send]);
    assert_eq!(machine.request_again().as_slice(), [Action::Send]);
    assert_eq!(machine.respond(SECOND, Class::Failure).as_slice(), [Action::Send]);
    assert_eq!(machine.request_again().as_slice(), [Action::Send]);
    assert!(machine.respond(SECOND, Class::Success).is_empty());
    assert_eq!(machine.state(), &State::Completed { until: 33 * SECOND });
    assert_eq!(machine.timeout(33 * SECOND).as_slice(), [Action::Terminate]);
}

#[test]
fn non_invite_server_without_an_answer_ends_with_its_client() {
    let (mut machine, _) = NonInviteServer::start(udp(), 0);
    // RFC 4320 4.2: after the client's timer F no answer is of use.
    assert_eq!(machine.deadline(), Some(32 * SECOND));
    assert_eq!(machine.timeout(32 * SECOND).as_slice(), [Action::Terminate]);
    let (mut machine, _) = NonInviteServer::start(udp(), 0);
    assert_eq!(machine.transport_failed().as_slice(), [Action::Terminate]);
    assert!(machine.transport_failed().is_empty());
}
