//! One call between two legs: from the first INVITE to the record.
//!
//! A [`Call`] is a state machine over what its legs report ([`sip::endpoint::Event`]), what the media workers report and
//! the time. It acts at once on the endpoint and orders media through its [`Ctx`]; the only things that it asks of the
//! switch are in [`Wish`]: where a hop leads, and where a redirection may lead.
//!
//! The caller's leg is number 0, the callee's number 1. Each leg remembers what was last described to its peer and what
//! the peer described; everything about media follows from these two.

mod attend;
mod candidates;
pub mod causes;
mod demand;
mod dialogs;
mod divert;
mod events;
mod finish;
pub mod headers;
mod hunt;
mod keys;
mod leg;
mod media;
mod mixed;
mod moves;
mod offered;
mod record;
mod search;
mod service;
mod start;
mod table;
mod taken;
mod talk;

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use ::media::order::StreamId;
use ::media::sdp::CodecPolicy;
use sip::Flow;
use sip::auth::Credentials;
use sip::endpoint::{ClientTx, Endpoint, ServerTx};
use sip::message::Message;
use sip::resolve;
use smallvec::SmallVec;

use crate::ids::Ids;
use crate::outbox::Outbox;
use crate::stock::Stock;
use crate::vocab::command::{CallStage, CallView};
use crate::vocab::record::{CallRecord, EndCause, Party};
use crate::vocab::settings::TenantSettings;
use crate::vocab::{
    CallId, ConnectId, ExtensionKey, Hop, Identity, InteractionId, Now, TenantId, TrunkKey,
    WorkerId, config,
};

pub use attend::{After, AnswerMode, Attendance, Note};
pub use causes::Outcome;
pub use demand::NotRecorded;
pub use divert::{Diversion, Diversions, DivertReason};
pub use leg::Leg;
pub use media::LegMedia;
pub use mixed::Voicing;
pub use moves::{Loose, Rest};
pub use record::RecordingEnd;
pub use start::{Common, Incoming, Originate};
pub use table::Calls;

use attend::Attend;
use candidates::Candidate;
use finish::{Departed, Ending};
use hunt::Hunt;
use record::Recording;
use service::Service;
use talk::Talk;

/// One second in nanoseconds.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// Index of the caller's leg.
pub const CALLER: usize = 0;
/// Index of the callee's leg.
pub const CALLEE: usize = 1;

/// The other leg.
pub(crate) fn other(side: usize) -> usize {
    1 - side
}

/// What a call works with while it handles one event.
pub struct Ctx<'a> {
    /// The moment.
    pub now: Now,
    /// The SIP side.
    pub sip: &'a mut Endpoint,
    /// Free ports.
    pub stock: &'a mut Stock,
    /// Effects.
    pub out: &'a mut Outbox,
    /// Fresh ids.
    pub ids: &'a mut Ids,
    /// Settings.
    pub policy: &'a Policy,
}

/// Settings that hold for every call.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Times and limits.
    pub calls: config::Calls,
    /// Media.
    pub media: config::Media,
    /// Goes into SDP instead of our own address.
    pub external: Option<IpAddr>,
    /// What a party presses to record.
    pub record_code: String,
    /// What tenants have set.
    pub tenants: BTreeMap<TenantId, TenantSettings>,
}

impl Policy {
    /// What somebody of a tenant hears who is held.
    pub fn hold_music(&self, tenant: &str) -> String {
        let own = self.tenants.get(tenant).and_then(|own| own.hold_music.clone());
        own.unwrap_or_else(|| self.media.hold_music.clone())
    }

    /// ... whose other party asks a third one.
    pub fn consult_music(&self, tenant: &str) -> String {
        let own = self.tenants.get(tenant).and_then(|own| own.consult_music.clone());
        own.unwrap_or_else(|| self.hold_music(tenant))
    }
}

/// Whose rights a call carries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rights {
    /// An extension's: it called, or its owner redirected.
    Extension(ExtensionKey),
    /// A carrier's: it reaches its numbers and routes only.
    Trunk(TrunkKey),
}

/// What a call occupies, for the limits of extensions and trunks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Line {
    /// A call of this extension.
    Extension(ExtensionKey),
    /// A channel of this trunk.
    Trunk(TrunkKey),
}

/// What a call asks of the switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Where does this hop lead now? Answered by [`Call::located`].
    Locate(Hop),
    /// A phone of `owner` redirected to this URI: where may that lead? Answered by [`Call::redirected`].
    Redirect {
        /// Who ordered it and whose rights count.
        owner: ExtensionKey,
        /// The Contact of the 3xx.
        uri: String,
    },
    /// The phones of `owner` rang in vain: does it send the call on? Answered by [`Call::divert`] or
    /// [`Call::not_diverted`].
    Unanswered {
        /// Whose phones they were.
        owner: ExtensionKey,
        /// What came of it.
        outcome: Outcome,
    },
    /// This party pressed the code for recording: may it? Answered by [`Call::toggle_recording`] if it may.
    Record(ExtensionKey),
}

/// Where a hop leads.
#[derive(Debug)]
pub enum Found {
    /// To somebody whom SIP reaches.
    Ring(Box<Place>),
    /// The echo test.
    Echo,
    /// A prompt.
    Sound(String),
    /// Into the hands of the switch.
    Attend(Attendance),
    /// Nowhere, now.
    Nothing(Outcome),
    /// Nowhere, and the caller hears why by this prompt.
    Refused(Outcome, String),
}

/// Somebody whom SIP reaches.
#[derive(Debug)]
pub struct Place {
    /// For the record.
    pub party: Party,
    /// What it occupies.
    pub line: Line,
    /// Where to send the INVITE.
    pub targets: VecDeque<Target>,
    /// One target after the other (a carrier's addresses) instead of all at once (an extension's phones).
    pub sequential: bool,
    /// How the caller is shown.
    pub identity: Identity,
    /// Codec preference.
    pub codecs: CodecPolicy,
    /// Gives up after so long; nanoseconds.
    pub ring: u64,
    /// A target that sent nothing at all for so long has failed; nanoseconds.
    pub silence: Option<u64>,
    /// Calls to it are recorded.
    pub record: bool,
    /// Asks the phone to answer by itself.
    pub auto_answer: bool,
}

/// One address to send an INVITE to.
#[derive(Debug, Clone)]
pub struct Target {
    /// Request-URI.
    pub uri: String,
    /// The To header's name-addr.
    pub to: String,
    /// Route set to begin with.
    pub route: Vec<String>,
    /// How to reach it.
    pub via: Reach,
    /// Answers a challenge.
    pub credentials: Option<Credentials>,
    /// The carrier's address, for [`Finding`]s; `None` for phones.
    pub place: Option<resolve::Target>,
}

/// What a call found out about a carrier's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// It answered.
    Heard,
    /// It sent nothing in time, or cannot be reached.
    Silent,
    /// It sent 503, with the seconds of Retry-After if there are any.
    Overloaded(Option<u32>),
}

/// The way to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Over this flow.
    Flow(Flow),
    /// Over a connection that is being opened.
    Connecting(ConnectId),
}

/// Where a call stands.
#[derive(Debug)]
pub(crate) enum Stage {
    /// No ports are free; they are awaited until the deadline.
    AwaitingPorts {
        /// Then it is refused.
        deadline: u64,
    },
    /// Has a wish; the switch answers it before anything else happens.
    Routing,
    /// Looks for somebody who answers.
    Hunting(Box<Hunt>),
    /// The switch itself is the other end.
    Serving(Service),
    /// The caller is in the hands of the switch, which may ring agents meanwhile.
    Attending(Box<Attend>),
    /// Two legs are connected.
    Talking(Talk),
    /// Waits for the last reports.
    Ending(Ending),
    /// The record is written; the table drops it.
    Over,
}

/// One call.
#[derive(Debug)]
pub struct Call {
    /// Names it.
    pub id: CallId,
    /// What it belongs to.
    pub interaction: InteractionId,
    /// Whose.
    pub tenant: TenantId,
    /// Whose rights it carries.
    pub rights: Rights,
    /// Where the caller is found, for a call that the switch was asked to begin; taken when it is rung.
    pub(crate) first: Option<Box<Place>>,
    /// What the caller is taken into as soon as it answers, for a call that the switch was asked to begin.
    pub(crate) attend_first: Option<Attendance>,
    /// Folder of prompts below the sounds directory.
    pub language: String,
    /// The caller's INVITE, until somebody answers: what it says of the caller is needed at each hop.
    pub(crate) invite: Option<Message>,
    /// The caller hides the number.
    pub hide_number: bool,
    /// The number of the tenant's that carriers show to the callee, where an order said which.
    pub shown: Option<String>,
    /// How long the callee may ring, in seconds, where an order said so.
    pub ring_secs: Option<u32>,
    /// Passes every limit.
    pub emergency: bool,
    /// The record as it stands.
    pub record: CallRecord,
    /// Caller and callee.
    pub(crate) legs: [Leg; 2],
    pub(crate) worker: WorkerId,
    /// The worker whose ports are best.
    pub(crate) near: Option<WorkerId>,
    pub(crate) stage: Stage,
    pub(crate) hops: VecDeque<Hop>,
    pub(crate) diversions: Diversions,
    pub(crate) best_failure: Option<Outcome>,
    pub(crate) wish: Option<Wish>,
    pub(crate) max_forwards: u8,
    pub(crate) recordings: SmallVec<[Recording; 1]>,
    /// Recordings so far.
    pub(crate) recorded: u32,
    /// Streams of legs that have left the call, until they report.
    pub(crate) departed: SmallVec<[Departed; 2]>,
    /// The legs stand the other way round than in the record: its callee is leg 0.
    pub(crate) turned: bool,
    /// The caller comes back into attendance when nobody is reached.
    /// With what the end of the conversation means then.
    pub(crate) returns: Option<After>,
    /// The cause that the end of the call has from now on if somebody just hangs up.
    pub(crate) parting: Option<EndCause>,
    /// A feature hears of the call by notes.
    pub(crate) attended: bool,
    pub(crate) notes: Vec<Note>,
    pub(crate) findings: Vec<(TrunkKey, resolve::Target, Finding)>,
    pub(crate) relays: SmallVec<[(ClientTx, ServerTx); 1]>,
}

impl Call {
    /// Takes the question that the call has for the switch, if any.
    pub fn take_wish(&mut self) -> Option<Wish> {
        self.wish.take()
    }

    /// Takes what the call found out about carriers since the last time.
    pub fn take_findings(&mut self) -> Vec<(TrunkKey, resolve::Target, Finding)> {
        std::mem::take(&mut self.findings)
    }

    /// The INVITE that began the call, while it is needed.
    pub fn invite(&self) -> Option<&Message> {
        self.invite.as_ref()
    }

    /// Whether an extension is one of its ends.
    pub fn involves(&self, extension: &ExtensionKey) -> bool {
        let is = |party: &Party| matches!(party, Party::Extension { extension: own, .. } if own == extension);
        let picker = self.record.picked_up_by.as_ref();
        is(&self.record.caller) || is(&self.record.callee) || picker.is_some_and(is)
    }

    /// The call as shown to people.
    pub fn view(&self) -> CallView {
        let stage = match &self.stage {
            Stage::AwaitingPorts { .. } | Stage::Routing => CallStage::Connecting,
            Stage::Hunting(_) if self.record.ringing_at.is_some() => CallStage::Ringing,
            Stage::Hunting(_) => CallStage::Connecting,
            Stage::Serving(_) => CallStage::Announcement,
            Stage::Attending(_) => CallStage::Attended,
            Stage::Talking(_) => CallStage::Talking,
            Stage::Ending(_) | Stage::Over => CallStage::Ending,
        };
        let held = self.legs.iter().any(|leg| leg.holds);
        CallView { record: self.record.clone(), stage, held, supervisors: Vec::new() }
    }

    /// What contradicts the rules, if anything.
    pub fn problem(&self) -> Option<&'static str> {
        let [caller, callee] = &self.legs;
        match &self.stage {
            Stage::Routing if self.wish.is_none() => Some("waits for an answer to no question"),
            Stage::Routing => Some("has a question that nobody answered"),
            Stage::Over => Some("is over and still there"),
            Stage::Talking(_) if caller.sip.is_none() || callee.sip.is_none() => {
                Some("talks with one leg only")
            }
            Stage::Hunting(hunt) if hunt.search.forks.is_empty() => Some("rings nobody"),
            Stage::Attending(_) if caller.sip.is_none() => Some("is attended and has no caller"),
            Stage::Attending(_) if callee.sip.is_some() => Some("is attended and has a callee"),
            Stage::Attending(attend) => attend.candidates.iter().find_map(|own| own.problem()),
            Stage::Ending(_) if caller.sip.is_some() || callee.sip.is_some() => {
                Some("is ending and has a leg")
            }
            Stage::Ending(_) if self.record.end.is_none() => Some("is ending without a cause"),
            _ if self.is_live() && self.record.end.is_some() => Some("has ended and lives"),
            _ => None,
        }
    }

    /// Who is at a side now.
    pub fn at(&self, side: usize) -> &Party {
        self.legs.get(side).map_or(&Party::Nobody, |leg| &leg.party)
    }

    /// True when the call may be dropped.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// True while the call has not begun to end.
    pub fn is_live(&self) -> bool {
        !matches!(self.stage, Stage::Ending(_) | Stage::Over)
    }

    /// When [`Call::on_tick`] is due; monotonic nanoseconds. Every stage that waits has one, but for an unlimited call.
    pub fn deadline(&self) -> Option<u64> {
        match &self.stage {
            Stage::AwaitingPorts { deadline } => Some(*deadline),
            Stage::Hunting(hunt) => hunt.deadline(),
            Stage::Serving(service) => Some(service.deadline),
            Stage::Attending(attend) => attend.deadline(),
            Stage::Talking(talk) => talk.deadline,
            Stage::Ending(ending) => Some(ending.deadline),
            Stage::Routing | Stage::Over => None,
        }
    }

    /// The INVITE usages that belong to the call now.
    pub(crate) fn sip_legs(&self) -> SmallVec<[sip::LegId; 4]> {
        let mut all: SmallVec<[sip::LegId; 4]> =
            self.legs.iter().filter_map(|leg| leg.sip).collect();
        match &self.stage {
            Stage::Hunting(hunt) => all.extend(hunt.search.legs()),
            Stage::Attending(attend) => {
                all.extend(attend.candidates.iter().flat_map(Candidate::sip_legs));
            }
            _ => {}
        }
        all
    }

    /// The media streams that belong to the call now, those that are being closed included.
    pub(crate) fn streams(&self) -> SmallVec<[StreamId; 4]> {
        let candidates = self.candidates().iter().map(|own| &own.leg);
        let legs = self.legs.iter().chain(candidates);
        let mut all: SmallVec<[StreamId; 4]> = SmallVec::new();
        for leg in legs {
            all.extend(leg.media.streams().map(|stream| stream.id));
            all.extend(leg.media.closing().iter().copied());
        }
        all.extend(self.departed.iter().map(|gone| gone.stream));
        all
    }

    /// What the call occupies now.
    pub(crate) fn lines(&self) -> SmallVec<[Line; 2]> {
        if !self.is_live() {
            return SmallVec::new();
        }
        let callee = match &self.stage {
            Stage::Hunting(hunt) => hunt.line(),
            _ => None,
        };
        let mut all = SmallVec::new();
        all.extend(self.legs[CALLER].line());
        all.extend(callee.cloned().or_else(|| self.legs[CALLEE].line()));
        all.extend(self.candidates().iter().map(|own| own.line().clone()));
        all
    }

    /// The connections that the call waits for.
    pub(crate) fn connecting(&self) -> SmallVec<[ConnectId; 2]> {
        let mut all: SmallVec<[ConnectId; 2]> =
            self.first.iter().flat_map(|place| place.connecting()).collect();
        match &self.stage {
            Stage::Hunting(hunt) => all.extend(hunt.search.connecting()),
            Stage::Attending(attend) => {
                all.extend(attend.candidates.iter().flat_map(Candidate::connecting));
            }
            _ => {}
        }
        all
    }

    fn candidates(&self) -> &[Candidate] {
        match &self.stage {
            Stage::Attending(attend) => &attend.candidates,
            _ => &[],
        }
    }

    pub(crate) fn side_of(&self, leg: sip::LegId) -> Option<usize> {
        self.legs.iter().position(|candidate| candidate.sip == Some(leg))
    }

    pub(crate) fn side_of_stream(&self, stream: StreamId) -> Option<usize> {
        self.legs.iter().position(|leg| leg.media.owns(stream))
    }
}
