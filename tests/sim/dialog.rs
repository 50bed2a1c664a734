//! One call as a simulated phone sees it.

use std::net::SocketAddr;

use crate::phone::{Out, Phone, describe, media_port};
use crate::wire::Msg;

/// Where the call stands for the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its own INVITE is under way.
    Calling,
    /// ... and was cancelled.
    Cancelling,
    /// Somebody calls it.
    Ringing,
    /// Its 200 is not acknowledged yet.
    AwaitingAck,
    /// Connected.
    Up,
    /// It has sent BYE.
    Leaving,
    /// Over.
    Over,
}

/// A call.
#[derive(Debug)]
pub struct Dialog {
    pub index: u64,
    pub call_id: String,
    pub own_tag: String,
    pub stage: Stage,
    pub cseq: u32,
    pub version: u32,
    pub direction: String,
    /// A second line, of video, has come up.
    pub video: bool,
    pub invite_branch: String,
    /// The peer's Contact.
    pub remote: String,
    /// Its INVITE has no description.
    pub late: bool,
    /// The CSeq of that INVITE, once its offer was answered.
    pub answered_late: Option<u32>,
    /// The INVITE that arrived has none.
    pub offer_wanted: bool,
    pub progressed: bool,
    pub changing: bool,
    pub ok_until: u64,
    pub bye_received: bool,
    /// The peer answered our BYE with 481.
    pub unknown_to_peer: bool,
    pub pracked: Vec<String>,
    address: SocketAddr,
    own: String,
    peer: String,
    peer_tag: Option<String>,
    invite: Option<Msg>,
    response: Option<Vec<u8>>,
}

impl Dialog {
    pub fn outgoing(index: u64, phone: &Phone, target: &str, late: bool) -> Self {
        Self {
            index,
            call_id: format!("call-{}-{index}", phone.index),
            own_tag: format!("t{}-{index}", phone.index),
            stage: Stage::Calling,
            cseq: 0,
            version: 1,
            direction: "sendrecv".into(),
            video: false,
            invite_branch: String::new(),
            remote: String::new(),
            late,
            answered_late: None,
            offer_wanted: false,
            progressed: false,
            changing: false,
            ok_until: 0,
            bye_received: false,
            unknown_to_peer: false,
            pracked: Vec::new(),
            address: phone.address,
            own: format!("<sip:{}@pbx.test>", phone.number),
            peer: format!("<sip:{target}@pbx.test>"),
            peer_tag: None,
            invite: None,
            response: None,
        }
    }

    pub fn incoming(index: u64, phone: &Phone, msg: &Msg) -> Self {
        let bare = |value: &str| value.split(";tag=").next().unwrap_or_default().to_owned();
        Self {
            call_id: msg.get("call-id").to_owned(),
            stage: Stage::Ringing,
            remote: msg.contact(),
            offer_wanted: msg.body.is_empty(),
            own: bare(msg.get("to")),
            peer: bare(msg.get("from")),
            peer_tag: msg.caller_tag(),
            invite: Some(msg.clone()),
            ..Self::outgoing(index, phone, "", false)
        }
    }

    pub fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// The switch ended the call and did not say so.
    pub fn was_forgotten(&self) -> bool {
        self.unknown_to_peer && !self.bye_received
    }

    pub fn request_uri(&self) -> String {
        if self.remote.is_empty() { crate::wire::uri_in(&self.peer) } else { self.remote.clone() }
    }

    pub fn from(&self) -> String {
        format!("{};tag={}", self.own, self.own_tag)
    }

    /// The To header, with the peer's tag once it is known.
    pub fn to(&self) -> String {
        match &self.peer_tag {
            Some(tag) => format!("{};tag={tag}", self.peer),
            None => self.peer.clone(),
        }
    }

    /// The To header of the first INVITE.
    pub fn first_to(&self) -> String {
        self.peer.clone()
    }

    pub fn sdp(&self) -> String {
        describe(self.address, self.index, self.version, &self.direction, self.video)
    }

    /// An offer with a second line is answered with a second line (RFC 3264 section 6).
    pub fn follow(&mut self, offer: &Msg) {
        self.video |= offer.body.matches("m=").count() > 1;
    }

    /// Where it takes media.
    pub fn media_address(&self) -> SocketAddr {
        SocketAddr::new(self.address.ip(), media_port(self.index))
    }

    /// Takes the peer's tag and Contact from a response.
    pub fn learn(&mut self, msg: &Msg) {
        self.peer_tag = msg.callee_tag();
        self.remote = msg.contact();
    }

    /// The 200 to its INVITE arrived.
    pub fn confirm(&mut self, msg: &Msg) {
        self.learn(msg);
        self.answered_late = self.late.then(|| msg.cseq());
        self.stage = Stage::Up;
    }

    /// Answers the INVITE that arrived.
    pub fn respond(&mut self, status: u16, more: &str, body: &str) -> Vec<Out> {
        let Some(invite) = &self.invite else { return Vec::new() };
        let bytes = invite.response(status, &self.own_tag, more, body);
        self.response = Some(bytes.clone());
        vec![Out::Send(bytes)]
    }

    pub fn last_response(&self) -> Option<Vec<u8>> {
        self.response.clone()
    }
}
