//! A simulated phone or carrier: writes and reads raw SIP, retransmits, and does everything that people and phones do.

mod calls;
mod requests;

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::dialog::{Dialog, Stage};
use crate::lamp::Lamp;
use crate::rng::Rng;
use crate::wire::{Msg, sdp};

pub const MS: u64 = 1_000_000;
pub const SECOND: u64 = 1_000 * MS;
/// Timer F and its kin: a request without an answer is given up.
const GIVE_UP: u64 = 32 * SECOND;

/// What kind of peer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Registers and authenticates.
    Extension,
    /// Is known by its address.
    Carrier,
    /// Nobody: sends calls and has no account.
    Stranger,
}

/// What a phone wants done.
#[derive(Debug)]
pub enum Out {
    Send(Vec<u8>),
    At(u64, Timer),
}

/// What comes back to a phone later.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    Retransmit(String),
    Register,
    /// Registers again after having left.
    Return,
    Dial,
    Act(u64, Act),
}

/// What somebody does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    Ring,
    Answer,
    Reject(u16),
    Redirect,
    Cancel,
    HangUp,
    Hold,
    Resume,
    Video,
    Key,
    Transfer,
    RepeatOk,
}

/// What a phone of a written scene does with whatever comes; its user does nothing but what the scene says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Answers after so many milliseconds.
    Answer(u64),
    /// ... and hangs up so many milliseconds after that.
    AnswerAndLeave(u64, u64),
    /// Rings and rings.
    Ring,
    /// Nothing comes back, not even 100.
    Dead,
    /// Rings, and answers when it is cancelled.
    Cross,
}

/// A request under way.
#[derive(Debug)]
struct Outgoing {
    bytes: Vec<u8>,
    pause: u64,
    until: u64,
    dialog: Option<u64>,
    challenged: bool,
}

/// A phone.
#[derive(Debug)]
pub struct Phone {
    pub index: usize,
    pub kind: Kind,
    pub number: String,
    pub address: SocketAddr,
    pub tcp: bool,
    pub powered: bool,
    /// Does nothing new any more.
    pub quiet: bool,
    pub registered: bool,
    /// Nobody sits here: it is not to register.
    pub away: bool,
    /// In a written scene; a phone without one does what chance wants.
    pub manner: Option<Manner>,
    /// What its key shows.
    pub lamp: Option<Lamp>,
    /// Numbers that it may dial.
    pub targets: Vec<String>,
    pub dialogs: BTreeMap<u64, Dialog>,
    /// Statuses and deeds, to know what a run has reached.
    pub seen: std::collections::BTreeSet<String>,
    /// Lost power or its connection at some time: calls may have ended unheard.
    pub cut_off: bool,
    /// INVITEs that arrived.
    pub invited: u64,
    outgoing: BTreeMap<String, Outgoing>,
    count: u64,
    nonces: u32,
    pub rng: Rng,
}

impl Phone {
    pub fn new(index: usize, kind: Kind, number: &str, address: SocketAddr, rng: Rng) -> Self {
        Self {
            index,
            kind,
            number: number.to_owned(),
            address,
            tcp: false,
            powered: true,
            quiet: false,
            registered: false,
            away: false,
            manner: None,
            lamp: None,
            targets: Vec::new(),
            dialogs: BTreeMap::new(),
            seen: Default::default(),
            cut_off: false,
            invited: 0,
            outgoing: BTreeMap::new(),
            count: 0,
            nonces: 0,
            rng,
        }
    }

    fn fresh(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub fn via(&self) -> &'static str {
        if self.tcp { "SIP/2.0/TCP" } else { "SIP/2.0/UDP" }
    }

    pub fn contact(&self) -> String {
        let transport = if self.tcp { ";transport=tcp" } else { "" };
        format!("<sip:{}@{}{transport}>", self.number, self.address)
    }

    /// Loses power: forgets everything and says nothing.
    pub fn power_off(&mut self) {
        if self.dialogs.values().any(|dialog| dialog.stage == Stage::Up) {
            self.seen.insert(format!("{:?} lost power while talking", self.kind));
        }
        self.powered = false;
        self.cut_off = true;
        self.registered = false;
        self.dialogs.clear();
        self.lamp = None;
        self.outgoing.clear();
        self.seen.insert("power lost".into());
    }

    /// Somebody calls it now.
    pub fn rings(&self) -> bool {
        self.dialogs.values().any(|dialog| dialog.stage == Stage::Ringing)
    }

    /// Its user goes elsewhere: it registers no longer, whatever rings.
    pub fn leave(&mut self, now: u64) -> Vec<Out> {
        self.away = true;
        self.register(now, None)
    }

    /// True when it holds no call and waits for nothing.
    pub fn is_idle(&self) -> bool {
        let calls = self.outgoing.values().filter(|request| request.dialog.is_some());
        self.dialogs.values().all(Dialog::is_over) && calls.count() == 0
    }

    /// What it still waits for, in words.
    pub fn left(&self) -> String {
        let open: Vec<_> = self.dialogs.values().filter(|dialog| !dialog.is_over()).collect();
        format!("{open:?}, waiting for answers to {:?}", self.outgoing)
    }

    /// Something that came to its time.
    pub fn on_timer(&mut self, now: u64, timer: Timer) -> Vec<Out> {
        if !self.powered {
            return Vec::new();
        }
        match timer {
            Timer::Retransmit(branch) => self.retransmit(now, &branch),
            Timer::Register | Timer::Dial | Timer::Return if self.quiet => Vec::new(),
            Timer::Register if self.away => Vec::new(),
            Timer::Register => self.register(now, None),
            Timer::Return => {
                self.away = false;
                self.register(now, None)
            }
            Timer::Dial => self.dial(now),
            Timer::Act(dialog, act) => self.act(now, dialog, act),
        }
    }

    /// Bytes arrived.
    pub fn on_bytes(&mut self, now: u64, bytes: &[u8]) -> Vec<Out> {
        let Some(msg) = Msg::read(bytes).filter(|_| self.powered) else { return Vec::new() };
        if msg.status().is_some() {
            self.on_response(now, &msg)
        } else {
            self.on_request(now, &msg)
        }
    }

    fn find(&self, msg: &Msg, own_tag: Option<String>) -> Option<u64> {
        let call_id = msg.get("call-id");
        self.dialogs
            .values()
            .find(|d| d.call_id == call_id && own_tag.as_deref().is_none_or(|tag| d.own_tag == tag))
            .map(|dialog| dialog.index)
    }
}

/// Where a phone takes the media of its call with this index.
pub fn media_port(index: u64) -> u16 {
    4_000 + (index % 1_000) as u16 * 2
}

/// The description of a phone at an address.
pub fn describe(
    address: SocketAddr,
    index: u64,
    version: u32,
    direction: &str,
    video: bool,
) -> String {
    let mut text = sdp(&address.ip().to_string(), media_port(index), version, direction);
    if video {
        text += "m=video 6000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
    }
    text
}
