//! RFC 4475 section 3.1.1.7: long values in header fields.

use super::{Treatment, parse, treat};

fn repeated(before: &str, middle: &str, count: usize, after: &str) -> String {
    format!("{before}{}{after}", middle.repeat(count))
}

fn caller() -> String {
    "amazinglylongcallername".repeat(5)
}

fn display() -> String {
    repeated("I have a user name of ", "extreme", 10, " proportion")
}

fn tag() -> String {
    repeated("12", "982", 50, "424")
}

fn call_id() -> String {
    repeated("longreq.one", "really", 20, "longcallid")
}

fn branch() -> String {
    repeated("very", "long", 50, "branchvalue")
}

/// The spellings of the Via header names, in order.
const VIA_NAMES: [&str; 33] = [
    "Via:", "v:", "V:", "Via:", "ViA:", "VIa:", "VIA:", "via:", "viA:", "vIa:", "vIA:", "V : ",
    "v : ", "V  :", "v  :", "Via :", "Via  :", "Via:", "Via:", "Via:", "Via:", "Via:", "Via:",
    "Via:", "Via:", "Via:", "Via:", "Via:", "Via:", "Via:", "Via:", "Via:", "Via:",
];

/// The message, with the repetitions that the RFC marks written as such.
pub fn message() -> Vec<u8> {
    let mut lines = vec!["INVITE sip:user@example.com SIP/2.0".to_owned()];
    lines.push(format!(
        "To: \"{}\"<sip:user@example.com:6000;unknownparam1={};{}=shortvalue;{}>",
        display(),
        repeated("very", "long", 20, "value"),
        repeated("longparam", "name", 25, ""),
        repeated("very", "long", 25, "ParameterNameWithNoValue"),
    ));
    lines.push(format!(
        "F: sip:{}@example.net;tag={};{}={};{}",
        caller(),
        tag(),
        repeated("unknownheaderparam", "name", 20, ""),
        repeated("unknowheaderparam", "value", 15, ""),
        repeated("unknownValueless", "paramname", 10, ""),
    ));
    lines.push(format!("Call-ID: {}", call_id()));
    lines.push("CSeq: 3882340 INVITE".to_owned());
    lines.push(format!(
        "{}: {}; {} = {}",
        repeated("Unknown-", "Long", 20, "-Name"),
        repeated("unknown-", "long", 20, "-value"),
        repeated("unknown-", "long", 20, "-parameter-name"),
        repeated("unknown-", "long", 20, "-parameter-value"),
    ));
    for (name, number) in VIA_NAMES.iter().zip((1..=33).rev()) {
        lines.push(format!("{name} SIP/2.0/TCP sip{number}.example.com"));
    }
    lines.push(format!("Via: SIP/2.0/TCP host.example.com;received=192.0.2.5;branch={}", branch()));
    lines.push("Max-Forwards: 70".to_owned());
    lines.push(format!("Contact: <sip:{}@host5.example.net>", caller()));
    lines.push("Content-Type: application/sdp".to_owned());
    lines.push("l: 150".to_owned());
    let body = ["", "v=0", "o=mhandley 29739 7272939 IN IP4 192.0.2.1", "s=-"]
        .into_iter()
        .chain(["c=IN IP4 192.0.2.1", "t=0 0", "m=audio 49217 RTP/AVP 0 12"])
        .chain(["m=video 3227 RTP/AVP 31", "a=rtpmap:31 LPC", ""]);
    lines.extend(body.map(str::to_owned));
    lines.join("\r\n").into_bytes()
}

#[test]
fn long_values_are_read_whole() {
    assert_eq!(treat(&message()), Treatment::Accept);
    let msg = parse(&message());
    let to = msg.to().unwrap();
    assert_eq!(to.display_name(), display());
    let uri = to.uri().unwrap();
    assert_eq!(uri.port(), Some(6000));
    assert_eq!(uri.param("unknownparam1"), Some(repeated("very", "long", 20, "value").as_str()));
    assert_eq!(uri.param(&repeated("longparam", "name", 25, "")), Some("shortvalue"));
    let valueless = repeated("very", "long", 25, "ParameterNameWithNoValue");
    assert_eq!(uri.param(&valueless), Some(""));
    let from = msg.from().unwrap();
    assert_eq!(from.uri().unwrap().user(), Some(caller().as_str()));
    assert_eq!(from.tag(), Some(tag().as_str()));
    assert_eq!(msg.call_id(), Ok(call_id().as_str()));
    let vias: Vec<_> = msg.vias().map(Result::unwrap).collect();
    assert_eq!(vias.len(), 34);
    for (via, number) in vias.iter().zip((1..=33).rev()) {
        assert_eq!(via.host.to_string(), format!("sip{number}.example.com"));
        assert_eq!(via.branch(), None);
    }
    assert_eq!(vias[33].branch(), Some(branch().as_str()));
    assert_eq!(vias[33].received(), Some("192.0.2.5".parse().unwrap()));
    assert_eq!(msg.body().len(), 150);
}
