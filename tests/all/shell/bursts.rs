//! Many datagrams at once: every request is answered, whatever mode of waiting the switch is in.

use std::collections::BTreeSet;
use std::net::UdpSocket;

use super::fixture::{LIMIT, Place, request};

/// Sends `count` OPTIONS in one go and returns the CSeq numbers that were answered with 200.
fn burst(socket: &UdpSocket, server: std::net::SocketAddr, from: u32, count: u32) -> BTreeSet<u32> {
    for cseq in from..from + count {
        let text = request("OPTIONS", "UDP", socket.local_addr().unwrap(), "burst", cseq, "");
        socket.send_to(text.as_bytes(), server).unwrap();
    }
    let mut answered = BTreeSet::new();
    let mut buffer = [0; 2048];
    while answered.len() < count as usize {
        let length = socket.recv(&mut buffer).unwrap();
        let text = std::str::from_utf8(&buffer[..length]).unwrap();
        assert!(text.starts_with("SIP/2.0 200 "), "{text}");
        let (_, rest) = text.split_once("CSeq: ").unwrap();
        answered.insert(rest.split(' ').next().unwrap().parse().unwrap());
    }
    answered
}

#[test]
fn every_request_of_a_burst_is_answered() {
    let switch = Place::new("").start();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    // One at a time, then more than a turn takes, then one at a time again.
    for (from, count) in [(1, 1), (10, 1), (100, 150), (300, 150), (500, 1), (600, 1)] {
        let answered = burst(&socket, switch.udp(), from, count);
        assert_eq!(answered, (from..from + count).collect());
    }
}

#[test]
fn two_sockets_share_a_turn() {
    let place = Place::new("");
    let second = "sip.listen = [\"udp:127.0.0.1:0\", \"udp:127.0.0.1:0\", ";
    place.write(&place.usual("").replace("sip.listen = [\"udp:127.0.0.1:0\", ", second));
    let switch = place.start();
    let udp: Vec<std::net::SocketAddr> = switch
        .said("sip")
        .split(',')
        .filter_map(|address| address.strip_prefix("udp:"))
        .map(|address| address.parse().unwrap())
        .collect();
    assert_eq!(udp.len(), 2);
    std::thread::scope(|scope| {
        for server in udp {
            scope.spawn(move || {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                socket.set_read_timeout(Some(LIMIT)).unwrap();
                for round in 0..3 {
                    assert_eq!(burst(&socket, server, 1 + 1_000 * round, 100).len(), 100);
                }
            });
        }
    });
}
