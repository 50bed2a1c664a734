//! SIP over TCP: framing, keep-alives, limits.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::fixture::{LIMIT, Place, request};

fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn options(stream: &TcpStream, cseq: u32) -> String {
    request("OPTIONS", "TCP", stream.local_addr().unwrap(), "4567", cseq, "")
}

/// Reads one message without a body.
fn message(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

/// The peer has closed: nothing more can be read.
fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 16]), Ok(0))
        || stream.read(&mut [0]).is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset)
}

#[test]
fn messages_are_found_however_the_stream_is_cut() {
    let switch = Place::new("").start();
    let mut stream = connect(switch.tcp());
    // Byte by byte, then two in one piece.
    for byte in options(&stream, 1).bytes() {
        stream.write_all(&[byte]).unwrap();
    }
    assert!(message(&mut stream).contains("CSeq: 1 OPTIONS"));
    let both = options(&stream, 2) + &options(&stream, 3);
    stream.write_all(both.as_bytes()).unwrap();
    let (first, second) = (message(&mut stream), message(&mut stream));
    assert!(first.starts_with("SIP/2.0 200 ") && first.contains("CSeq: 2 OPTIONS"), "{first}");
    assert!(second.contains("CSeq: 3 OPTIONS"), "{second}");
}

#[test]
fn a_ping_is_answered_with_a_pong() {
    let switch = Place::new("").start();
    let mut stream = connect(switch.tcp());
    stream.write_all(b"\r\n\r\n").unwrap();
    let mut pong = [0; 2];
    stream.read_exact(&mut pong).unwrap();
    assert_eq!(&pong, b"\r\n");
}

#[test]
fn a_stream_without_framing_is_closed_and_others_go_on() {
    let switch = Place::new("").start();
    let mut good = connect(switch.tcp());
    let mut bad = connect(switch.tcp());
    let text = options(&bad, 1).replace("Content-Length: 0\r\n", "");
    bad.write_all(text.as_bytes()).unwrap();
    assert!(is_closed(&mut bad));
    let text = options(&good, 1);
    good.write_all(text.as_bytes()).unwrap();
    assert!(message(&mut good).starts_with("SIP/2.0 200 "));
}

#[test]
fn one_address_cannot_take_every_connection() {
    let place = Place::new("");
    let limit = "sip.max_connections_per_address = 2\nsip.listen";
    place.write(&place.usual("").replacen("sip.listen", limit, 1));
    let switch = place.start();
    let mut streams = [connect(switch.tcp()), connect(switch.tcp())];
    for stream in &mut streams {
        let text = options(stream, 1);
        stream.write_all(text.as_bytes()).unwrap();
        assert!(message(stream).starts_with("SIP/2.0 200 "));
    }
    assert!(is_closed(&mut connect(switch.tcp())), "a third connection is refused");
    let [first, mut second] = streams;
    first.shutdown(Shutdown::Both).unwrap();
    drop(first);
    // The place is free again once the switch has seen the end.
    let until = std::time::Instant::now() + LIMIT;
    loop {
        let mut third = connect(switch.tcp());
        let text = options(&third, 1);
        let mut byte = [0];
        if third.write_all(text.as_bytes()).is_ok() && third.read(&mut byte).is_ok_and(|n| n == 1) {
            break;
        }
        assert!(std::time::Instant::now() < until, "the place is never free again");
    }
    let text = options(&second, 2);
    second.write_all(text.as_bytes()).unwrap();
    assert!(message(&mut second).starts_with("SIP/2.0 200 "));
}
