//! Questions to a DNS server of our own, whose packets are made here byte by byte (RFC 1035 section 4).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use sip::resolve::{Answer, Naptr, Question, Record, RecordKind, Srv};
use strowger::net::dns::Dns;

/// One resource record: type and data.
type Entry = (u16, Vec<u8>);

fn name(text: &str) -> Vec<u8> {
    let labels = text.split('.').flat_map(|l| std::iter::once(l.len() as u8).chain(l.bytes()));
    labels.chain(std::iter::once(0)).collect()
}

fn text(value: &str) -> Vec<u8> {
    std::iter::once(value.len() as u8).chain(value.bytes()).collect()
}

fn zone(asked: &str, kind: u16) -> Vec<Entry> {
    let srv = |priority: u16, weight: u16, port: u16, target: &str| {
        let numbers = [priority, weight, port].into_iter().flat_map(u16::to_be_bytes);
        (33, numbers.chain(name(target)).collect())
    };
    match (asked, kind) {
        ("carrier.example", 35) => {
            let mut data = [10u16, 20].into_iter().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
            data.extend([text("s"), text("SIP+D2U"), text("")].concat());
            data.extend(name("_sip._udp.carrier.example"));
            vec![(35, data)]
        }
        ("_sip._udp.carrier.example", 33) => {
            vec![srv(1, 60, 5060, "a.carrier.example"), srv(2, 0, 5070, "b.carrier.example")]
        }
        ("a.carrier.example", 1) => vec![(1, vec![192, 0, 2, 7])],
        ("a.carrier.example", 28) => vec![(28, Ipv6Addr::LOCALHOST.octets().to_vec())],
        _ => Vec::new(),
    }
}

/// Answers from the zone, with a TTL of 300 s; NXDOMAIN for what is not there, silence for `silent.example`.
fn serve(socket: &UdpSocket) {
    let mut buffer = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut buffer) {
        let query = &buffer[..length];
        let mut at = 12;
        let mut labels = Vec::new();
        while query[at] != 0 {
            let end = at + 1 + usize::from(query[at]);
            labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
            at = end;
        }
        let kind = u16::from_be_bytes([query[at + 1], query[at + 2]]);
        let asked = labels.join(".");
        if asked == "silent.example" {
            continue;
        }
        let entries = zone(&asked, kind);
        let code = if entries.is_empty() { 3 } else { 0 };
        let mut reply = query[..2].to_vec();
        reply.extend([0x81, 0x80 | code, 0, 1, 0, entries.len() as u8, 0, 0, 0, 0]);
        reply.extend(&query[12..at + 5]);
        for (kind, data) in entries {
            reply.extend([0xc0, 12]);
            reply.extend(kind.to_be_bytes());
            reply.extend([0, 1, 0, 0, 1, 44]);
            reply.extend((data.len() as u16).to_be_bytes());
            reply.extend(data);
        }
        socket.send_to(&reply, from).unwrap();
    }
}

fn server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || serve(&socket));
    address
}

async fn ask(dns: &Dns, name: &str, kind: RecordKind) -> Answer {
    dns.ask(&Question { name: name.into(), kind }).await
}

fn found(answer: Answer) -> Vec<Record> {
    let Answer::Found { records, ttl_secs } = answer else { panic!("{answer:?}") };
    assert!((290..=300).contains(&ttl_secs), "{ttl_secs}");
    records
}

#[tokio::test]
async fn each_kind_of_record_comes_as_the_server_has_it() {
    let dns = Dns::new(&[server()]).unwrap();
    let naptr = found(ask(&dns, "carrier.example", RecordKind::Naptr).await);
    let expected = Naptr {
        order: 10,
        preference: 20,
        flags: "s".into(),
        service: "SIP+D2U".into(),
        replacement: "_sip._udp.carrier.example".into(),
    };
    assert_eq!(trimmed(naptr), [Record::Naptr(expected)]);
    let srv = found(ask(&dns, "_sip._udp.carrier.example", RecordKind::Srv).await);
    let target = |priority, weight, port, target: &str| {
        Record::Srv(Srv { priority, weight, port, target: target.into() })
    };
    assert_eq!(
        trimmed(srv),
        [target(1, 60, 5060, "a.carrier.example"), target(2, 0, 5070, "b.carrier.example")]
    );
    let a = found(ask(&dns, "a.carrier.example", RecordKind::A).await);
    assert_eq!(a, [Record::A(Ipv4Addr::new(192, 0, 2, 7))]);
    let aaaa = found(ask(&dns, "a.carrier.example", RecordKind::Aaaa).await);
    assert_eq!(aaaa, [Record::Aaaa(Ipv6Addr::LOCALHOST)]);
}

/// Without the dot that ends an absolute name.
fn trimmed(records: Vec<Record>) -> Vec<Record> {
    let trim = |name: String| name.trim_end_matches('.').to_owned();
    let one = |record| match record {
        Record::Naptr(n) => Record::Naptr(Naptr { replacement: trim(n.replacement), ..n }),
        Record::Srv(s) => Record::Srv(Srv { target: trim(s.target), ..s }),
        other => other,
    };
    records.into_iter().map(one).collect()
}

#[tokio::test]
async fn a_name_that_does_not_exist_fails() {
    let dns = Dns::new(&[server()]).unwrap();
    assert_eq!(ask(&dns, "nobody.example", RecordKind::A).await, Answer::Failed);
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up() {
    let dns = Dns::new(&[server()]).unwrap();
    let asked = ask(&dns, "silent.example", RecordKind::A);
    let answer = tokio::time::timeout(Duration::from_secs(30), asked).await.unwrap();
    assert_eq!(answer, Answer::Failed);
}
