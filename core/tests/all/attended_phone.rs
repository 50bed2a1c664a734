//! What attended calls need of phones: descriptions, messages, and where an agent is found.

use std::net::SocketAddr;

use media::order::{Port, PortId};
use strowger_core::call::{
    AnswerMode, Attendance, Common, Found, Line, Place, Reach, Rights, Target,
};
use strowger_core::vocab::record::Party;
use strowger_core::vocab::{Hop, Identity, Plan};

use crate::common::*;

pub const CALLER: &str = "198.51.100.100:5060";

/// A description with these payload types at an address, sending and receiving.
pub fn sdp(host: &str, formats: &[u8]) -> String {
    described(host, formats, "sendrecv")
}

pub fn described(host: &str, formats: &[u8], direction: &str) -> String {
    let names: Vec<_> = formats.iter().map(u8::to_string).collect();
    let mut text = format!(
        "v=0\r\no=- 7 7 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 4000 RTP/AVP {}\r\n",
        names.join(" ")
    );
    for format in formats {
        let name = match format {
            0 => "PCMU/8000",
            8 => "PCMA/8000",
            9 => "G722/8000",
            101 => "telephone-event/8000",
            _ => "G729/8000",
        };
        text += &format!("a=rtpmap:{format} {name}\r\n");
    }
    text + &format!("a={direction}\r\n")
}

/// The address of an agent's phone.
pub fn agent(n: u8) -> String {
    format!("198.51.100.{n}:5060")
}

/// Where an agent's phone is found.
pub fn place(n: u8) -> Box<Place> {
    let number = n.to_string();
    let extension = key("demo", &number);
    Box::new(Place {
        party: Party::Extension { extension: extension.clone(), name: String::new() },
        line: Line::Extension(extension),
        targets: [target(&agent(n))].into(),
        sequential: false,
        identity: Identity { from: "<sip:c@pbx.example>".into(), asserted: None, privacy: None },
        codecs: Default::default(),
        ring: 30 * SECOND,
        silence: None,
        record: false,
        auto_answer: false,
    })
}

pub fn target(address: &str) -> Target {
    Target {
        uri: format!("sip:a@{address}"),
        to: "<sip:a@pbx.example>".into(),
        route: Vec::new(),
        via: Reach::Flow(udp(address)),
        credentials: None,
        place: None,
    }
}

/// Attendance in this mode.
pub fn attended(answer: AnswerMode) -> Found {
    Found::Attend(Attendance { answer, name: "queue:9001".into() })
}

/// One message that left the switch.
#[derive(Debug, Clone)]
pub struct Sent {
    pub to: SocketAddr,
    pub text: String,
}

impl Sent {
    /// Its headers of these names, as lines.
    pub fn lines(&self, names: &[&str]) -> String {
        let named = |line: &&str| names.iter().any(|name| line.starts_with(&format!("{name}:")));
        self.text.split("\r\n").filter(named).map(|line| format!("{line}\r\n")).collect()
    }

    pub fn header(&self, name: &str) -> &str {
        let start = format!("{name}: ");
        let line = self.text.split("\r\n").find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.text))
    }

    pub fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }
}

/// The port with this number.
pub fn port(n: u16) -> Port {
    Port {
        id: PortId(n.into()),
        rtp: format!("192.0.2.1:{}", 16_384 + 2 * n).parse().unwrap(),
        rtcp: format!("192.0.2.1:{}", 16_385 + 2 * n).parse().unwrap(),
    }
}

/// What a call begins with.
pub fn common() -> Common {
    let caller = key("demo", "100");
    Common {
        caller: Party::Extension { extension: caller.clone(), name: String::new() },
        rights: Rights::Extension(caller),
        plan: Plan {
            tenant: "demo".into(),
            dialled: "9001".into(),
            hops: vec![Hop::Echo],
            hide_number: false,
            emergency: false,
        },
        record: false,
        language: "en".into(),
        interaction: None,
        near: None,
    }
}
