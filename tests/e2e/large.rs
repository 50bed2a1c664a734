//! Requests that are too large for a datagram, over real sockets (RFC 3261 section 18.1.1).

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::support::SOON;
use super::support::phone::{Account, Transport};
use super::support::raw::RawUa;
use super::support::switch::{Setup, Switch};
use super::support::wait::wait_for;

/// Every INVITE is too large here.
fn switch() -> Switch {
    let phones = Setup::default().extension("1001", "").extension("1002", "");
    phones.sip("datagram_limit = 300").start()
}

fn phone(switch: &Switch, number: &str) -> RawUa {
    let mut phone = RawUa::open(switch.place(), &Account::of(switch, number, Transport::Udp));
    assert_eq!(phone.register().1.status(), 200);
    phone
}

/// Reads until the head of a message is whole; returns it with whatever of the body came along.
fn head(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut piece = [0; 4_096];
    while !text.windows(4).any(|window| window == b"\r\n\r\n") {
        let length = stream.read(&mut piece).expect("the request arrives");
        assert!(length > 0, "the connection ended: {}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&piece[..length]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// A refusal of this request.
fn busy(request: &str) -> String {
    let names = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
    let kept = request.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
    let lines: String = kept.map(|line| format!("{line}\r\n")).collect();
    let lines = lines.replacen("\r\nCall-ID", ";tag=busy\r\nCall-ID", 1);
    format!("SIP/2.0 486 Busy Here\r\n{lines}Content-Length: 0\r\n\r\n")
}

#[test]
fn a_phone_that_listens_for_connections_gets_a_large_invite_there() {
    let switch = switch();
    let callee = phone(&switch, "1002");
    let listener = TcpListener::bind(callee.local()).expect("the port is free for TCP too");
    listener.set_nonblocking(true).expect("a listener can be asked");
    let mut caller = phone(&switch, "1001");
    caller.invite("1002", 40_000);
    let (mut stream, _) = wait_for("the switch connects", SOON, || listener.accept().ok());
    stream.set_nonblocking(false).expect("a stream can wait");
    stream.set_read_timeout(Some(SOON)).expect("a timeout can be set");
    let invite = head(&mut stream);
    assert!(invite.starts_with("INVITE ") && invite.contains("\r\nVia: SIP/2.0/TCP "), "{invite}");
    stream.write_all(busy(&invite).as_bytes()).expect("the connection is open");
    assert_eq!(caller.final_response(2).status(), 486);
}

#[test]
fn a_phone_that_does_not_gets_it_as_a_datagram_at_once() {
    let switch = switch();
    let mut callee = phone(&switch, "1002");
    let mut caller = phone(&switch, "1001");
    caller.invite("1002", 40_000);
    let invite = callee.receive_until("the INVITE", |text| text.method() == "INVITE");
    assert!(
        invite.header("Via").is_some_and(|via| via.starts_with("SIP/2.0/UDP ")),
        "{}",
        invite.0
    );
    callee.send(&busy(&invite.0));
    assert_eq!(caller.final_response(2).status(), 486);
}
