//! What the topics of registration need: a phone's REGISTER and what came of it.

use sip::{HeaderName, Message, Transport};
use strowger_core::registrar::{Answer, Registrar};
use strowger_core::vocab::ExtensionKey;
use strowger_core::vocab::config::Sip;
use strowger_core::vocab::input::Listener;

use crate::common::*;

pub const PHONE: &str = "198.51.100.7:5060";

pub fn listener() -> Listener {
    Listener { transport: Transport::Udp, address: address("192.0.2.1:5060") }
}

/// Without OPTIONS and keep-alives, so that only what a test is about happens.
pub fn quiet() -> Sip {
    Sip { qualify_secs: 0, keepalive_secs: 0, max_contacts: 3, ..Sip::default() }
}

pub fn registrar(sip: &Sip) -> Registrar {
    Registrar::new(sip, &[listener()])
}

pub fn register(call_id: &str, cseq: u32, lines: &[&str]) -> Message {
    let (call_id, cseq) = (format!("Call-ID: {call_id}"), format!("CSeq: {cseq} REGISTER"));
    let mut all = vec![
        "REGISTER sip:pbx.example SIP/2.0",
        "Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1",
        "From: <sip:4567@pbx.example>;tag=1",
        "To: <sip:4567@pbx.example>",
        &call_id,
        &cseq,
    ];
    all.extend(lines);
    message(&all)
}

pub fn me() -> ExtensionKey {
    key("demo", "4567")
}

/// Registers one contact over a UDP flow and expects success.
pub fn plain(registrar: &mut Registrar, seconds: u64, cseq: u32, contact: &str) -> Answer {
    let line = format!("Contact: {contact}");
    let answer = registrar.register(at(seconds), udp(PHONE), &me(), &register("a", cseq, &[&line]));
    assert_eq!(answer.reply.status, 200, "{contact}: {:?}", answer.reply.reason);
    answer
}

pub fn header(answer: &Answer, name: HeaderName) -> Vec<&str> {
    let named = answer.reply.headers.iter().filter(|(own, _)| own == name.as_str());
    named.map(|(_, value)| value.as_str()).collect()
}

pub fn contacts(answer: &Answer) -> Vec<&str> {
    header(answer, HeaderName::Contact)
}

pub fn reached(registrar: &Registrar) -> Vec<String> {
    registrar.contacts(&me()).into_iter().map(|target| target.uri).collect()
}

pub fn sound(registrar: &Registrar) {
    let mut errors = Vec::new();
    registrar.audit(&mut errors);
    assert_eq!(errors, Vec::<String>::new());
}

pub fn refusal(answer: &Answer) -> (u16, &str) {
    assert!(answer.records.is_empty() && answer.presence.is_none(), "{answer:?}");
    (answer.reply.status, answer.reply.reason.as_deref().unwrap_or(""))
}
