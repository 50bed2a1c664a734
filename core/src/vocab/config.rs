//! The configuration that the switch works with: checked, complete, with every default filled in.
//!
//! The shell reads the file and reports its errors; what arrives here is sound: every name that is referred to exists,
//! every pattern compiles, numbers are unique within their tenant.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::acd::AcdConfig;
use super::conference::Conference;
pub use super::destination::Destination;
use super::group::Group;
use super::mailbox::{Mailbox, VoicemailLimits};
use super::menu::{Hours, Menu, Zone};
pub use super::outside::{Number, Route, RouteFrom, Trunk};
use super::page::Page;
pub use super::park::Park;
use super::provision::PhoneConfig;
use super::settings::SettingsRecord;
use super::supervise::Supervised;
use super::{ExtensionKey, MailboxKey, Secret, TenantId};

/// Everything.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Config {
    /// SIP in general.
    pub sip: Sip,
    /// Media in general.
    pub media: Media,
    /// Limits and times of calls.
    pub calls: Calls,
    /// Feature codes.
    pub codes: Codes,
    /// Parking places.
    pub park: Park,
    /// Lamps of mailboxes.
    pub mwi: Mwi,
    /// Limits of subscriptions.
    pub presence: Presence,
    /// Desk phones that fetch their settings.
    pub phones: Vec<PhoneConfig>,
    /// Lists of what a phone's keys show.
    pub lists: Vec<ResourceList>,
    /// Companies.
    pub tenants: Vec<Tenant>,
    /// Phones' accounts.
    pub extensions: Vec<Extension>,
    /// Lines to carriers.
    pub trunks: Vec<Trunk>,
    /// Numbers that trunks deliver.
    pub numbers: Vec<Number>,
    /// Routes in order; the first match wins.
    pub routes: Vec<Route>,
    /// Queues and agents.
    pub acd: AcdConfig,
    /// Limits of all mailboxes.
    pub voicemail: VoicemailLimits,
    /// Mailboxes of extensions.
    pub mailboxes: Vec<Mailbox>,
    /// Menus.
    pub menus: Vec<Menu>,
    /// Opening hours.
    pub hours: Vec<Hours>,
    /// Ring groups.
    pub groups: Vec<Group>,
    /// What owners of extensions have set before they ever set anything.
    pub settings: Vec<SettingsRecord>,
    /// What holds for all dial tasks of a tenant.
    pub dialers: Vec<Dialer>,
    /// Rooms of conferences.
    pub conferences: Vec<Conference>,
    /// What several phones play at once.
    pub pages: Vec<Page>,
    /// Every time zone that a tenant or opening hours name.
    pub zones: BTreeMap<String, Zone>,
}

/// `[[dialer]]`: what holds for all dial tasks of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dialer {
    /// Whose.
    pub tenant: TenantId,
    /// Classes of routes by which tasks dial that name none.
    pub classes: Vec<String>,
    /// Opening hours within which they dial, by name, beside the task's own.
    pub hours: Option<String>,
    /// The WebSocket address of the robot of tasks that name none.
    pub robot_url: Option<String>,
}

/// `[sip]`, as far as the switch is concerned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sip {
    /// Our domain, also the digest realm.
    pub domain: String,
    /// Goes into Contact and SDP behind a NAT.
    pub external_address: Option<IpAddr>,
    /// Shortest registration granted, in seconds (423 below).
    pub min_expires: u32,
    /// Longest registration granted, in seconds.
    pub max_expires: u32,
    /// Registration granted where the phone asks for none, in seconds.
    pub default_expires: u32,
    /// Contacts that one extension may have registered at a time.
    pub max_contacts: u16,
    /// Pause between OPTIONS to a registered contact, in seconds; 0 is off.
    pub qualify_secs: u32,
    /// Pause between keep-alives to contacts behind a NAT, in seconds; 0 is off.
    pub keepalive_secs: u32,
    /// Responses over UDP go to the port that the request came from, though it did not ask for that (RFC 3581).
    pub force_rport: bool,
    /// Requests of more bytes than this go over TCP where the peer accepts it (RFC 3261 section 18.1.1); 0 is never.
    pub datagram_limit: u32,
    /// Session timer offered (RFC 4028), in seconds; 0 is off.
    pub session_expires: u32,
    /// Life of a digest nonce, in seconds.
    pub nonce_secs: u32,
    /// Failed authentications a minute from one address before it is silenced.
    pub max_auth_failures: u32,
    /// How long it is silenced, in seconds.
    pub silence_secs: u32,
}

impl Default for Sip {
    fn default() -> Self {
        Self {
            domain: "localhost".into(),
            external_address: None,
            min_expires: 60,
            max_expires: 3600,
            default_expires: 600,
            max_contacts: 8,
            qualify_secs: 60,
            keepalive_secs: 25,
            force_rport: true,
            datagram_limit: 1300,
            session_expires: 1800,
            nonce_secs: 300,
            max_auth_failures: 10,
            silence_secs: 600,
        }
    }
}

/// `[media]`, as far as the switch is concerned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// Codec preference towards phones and trunks that set none of their own, best first (`PCMU`, `G722`, `opus` ...).
    pub codecs: Vec<String>,
    /// A call whose end sends nothing for so long is ended, in seconds; never while held; 0 is off.
    pub timeout_secs: u32,
    /// Prompt that is looped to a held party, below the sounds directory.
    pub hold_music: String,
    /// Keys that phones send as tones in their audio are heard too.
    pub inband_dtmf: bool,
    /// Where the ends of a call share no codec, the switch converts between PCMU, PCMA, G.722 and Opus.
    pub transcode: bool,
    /// `recordings.tone`: prompt that both parties hear when a recording begins or goes on; empty is none.
    pub recording_tone: String,
}

impl Default for Media {
    fn default() -> Self {
        Self {
            codecs: ["opus", "G722", "PCMA", "PCMU"].map(String::from).to_vec(),
            timeout_secs: 60,
            hold_music: "music/hold".into(),
            inband_dtmf: false,
            transcode: true,
            recording_tone: String::new(),
        }
    }
}

/// `[calls]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calls {
    /// How long a called extension rings, in seconds.
    pub ring_secs: u32,
    /// How long a trunk may take to answer, in seconds.
    pub trunk_ring_secs: u32,
    /// How long a trunk may be silent before the next one is tried, in seconds.
    pub trunk_try_secs: u32,
    /// Longest call, in seconds; 0 is unlimited.
    pub max_secs: u32,
    /// Calls at a time in the whole switch.
    pub max_calls: u32,
    /// Redirections (302) and forwards that one call may follow.
    pub max_diversions: u8,
    /// A failed call is explained by a spoken announcement (true) or by its SIP status alone (false).
    pub announce_failures: bool,
    /// Prompt that both parties hear when somebody begins to supervise their call; `None`: nothing.
    pub supervise_tone: Option<String>,
    /// A phone that holds a call for so long is rung, and again after the same time, in seconds; 0 is off.
    pub hold_reminder_secs: u32,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            ring_secs: 60,
            trunk_ring_secs: 120,
            trunk_try_secs: 6,
            max_secs: 14_400,
            max_calls: 10_000,
            max_diversions: 5,
            announce_failures: false,
            supervise_tone: None,
            hold_reminder_secs: 0,
        }
    }
}

/// `[codes]`: what is dialled for a feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Codes {
    /// Echo test.
    pub echo: String,
    /// Prefix that hides the caller's number for one call.
    pub hide_number: String,
    /// Agents log in and out.
    pub agent_login: String,
    /// The own voicemail.
    pub voicemail: String,
    /// Answers the call that has rung longest in the caller's pickup groups.
    pub pickup_group: String,
    /// Before a number: answers the call that rings there.
    pub pickup: String,
    /// Do not disturb, on.
    pub dnd_on: String,
    /// Do not disturb, off.
    pub dnd_off: String,
    /// Prefix of the number to which all calls go.
    pub forward_all: String,
    /// Takes that back.
    pub forward_all_off: String,
    /// Prefix of the number to which calls go while the extension is busy.
    pub forward_busy: String,
    /// Takes that back.
    pub forward_busy_off: String,
    /// Prefix of the number to which calls go that nobody takes.
    pub forward_no_answer: String,
    /// Takes that back.
    pub forward_no_answer_off: String,
    /// Prefix of the number to which calls go while no phone is registered.
    pub forward_unregistered: String,
    /// Takes that back.
    pub forward_unregistered_off: String,
    /// Prefix of the extension whose phone is to answer by itself.
    pub intercom: String,
    /// Before an extension's number: hears its call.
    pub monitor: String,
    /// Before an extension's number: hears its call and is heard by it alone.
    pub whisper: String,
    /// Before an extension's number: takes part in its call.
    pub barge: String,
    /// Pressed in a call: begins and ends its recording, where the extension records on demand.
    pub record: String,
    /// Parks a call.
    pub park: String,
}

impl Default for Codes {
    fn default() -> Self {
        Self {
            echo: "*43".into(),
            hide_number: "*67".into(),
            agent_login: "*45".into(),
            voicemail: "*97".into(),
            pickup_group: "*8".into(),
            pickup: "**".into(),
            dnd_on: "*70".into(),
            dnd_off: "#70".into(),
            forward_all: "*72".into(),
            forward_all_off: "*73".into(),
            forward_busy: "*90".into(),
            forward_busy_off: "*91".into(),
            forward_no_answer: "*92".into(),
            forward_no_answer_off: "*93".into(),
            forward_unregistered: "*94".into(),
            forward_unregistered_off: "*95".into(),
            intercom: "*80".into(),
            monitor: "*31".into(),
            whisper: "*32".into(),
            barge: "*33".into(),
            record: "*1".into(),
            park: "700".into(),
        }
    }
}

/// Who is told of waiting messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mwi {
    /// Registered phones that never subscribed are told as well.
    pub unsolicited: bool,
    /// Mailboxes that others than their owners may watch.
    pub shared: Vec<SharedMailbox>,
}

impl Default for Mwi {
    fn default() -> Self {
        Self { unsolicited: true, shared: Vec::new() }
    }
}

/// `[presence]`: how many subscriptions there may be, of all packages together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// In all; 503 beyond it.
    pub max_subscriptions: u32,
    /// Of one tenant's phones; 503 beyond it.
    pub max_per_tenant: u32,
    /// Of one extension's phones; beyond it the oldest makes room, as a phone that was started anew has forgotten it.
    pub max_per_extension: u32,
}

impl Default for Presence {
    fn default() -> Self {
        Self { max_subscriptions: 100_000, max_per_tenant: 20_000, max_per_extension: 256 }
    }
}

/// `[[list]]`: what one SUBSCRIBE can watch at once (RFC 4662).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceList {
    /// Whose.
    pub tenant: TenantId,
    /// The user part of its URI.
    pub name: String,
    /// Extensions and queues by number, agents as `agent-ID`, in order.
    pub members: Vec<String>,
}

impl ResourceList {
    /// Members that a list may have: its NOTIFY must fit into a datagram when all of them talk.
    pub const MAX_MEMBERS: usize = 48;
}

/// A mailbox that an extension may watch besides its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedMailbox {
    /// Who may.
    pub extension: ExtensionKey,
    /// Which one, of the same tenant.
    pub mailbox: MailboxKey,
}

/// `[[tenant]]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tenant {
    /// Names it.
    pub id: TenantId,
    /// Digits before the extension number in the SIP user, e.g. `9031046856`; may be empty.
    pub prefix: String,
    /// A SIP domain of its own, if any.
    pub domain: Option<String>,
    /// IANA time zone.
    pub timezone: String,
    /// Folder of prompts below the sounds directory.
    pub language: String,
    /// Country code for +E.164 caller numbers, e.g. `86`.
    pub country_code: Option<String>,
    /// Numbers that pass every limit and raise an event.
    pub emergency: Vec<String>,
    /// Where parked callers go whom nobody took, not even the parker; `None`: the parker is rung again and again.
    pub park_to: Option<Destination>,
    /// Its admins may define trunks over HTTP though other tenants share the switch.
    pub own_trunks: bool,
}

/// When an extension's calls are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordPolicy {
    /// Not at all.
    #[default]
    Never,
    /// From answer to end.
    Always,
    /// When somebody asks for it.
    OnDemand,
}

/// The hash that an account's digest challenge names (RFC 8760).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum DigestAlgorithm {
    /// What every phone knows.
    #[default]
    #[serde(rename = "MD5")]
    Md5,
    /// For phones that know it.
    #[serde(rename = "SHA-256")]
    Sha256,
}

/// `[[extension]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Extension {
    /// Tenant and number.
    pub key: ExtensionKey,
    /// SIP password.
    pub password: Secret,
    /// Shown to those it calls.
    pub name: String,
    /// Groups within which calls may be picked up.
    pub pickup_groups: Vec<String>,
    /// May pick up every call of the tenant by its number, whatever the groups.
    pub pickup_any: bool,
    /// Recording.
    pub record: RecordPolicy,
    /// Classes of routes it may use.
    pub classes: Vec<String>,
    /// Calls at a time; 0 is unlimited.
    pub max_calls: u16,
    /// Digest algorithm.
    pub algorithm: DigestAlgorithm,
    /// Number shown to the outside; must be one of the tenant's `[[number]]`s.
    pub caller_number: Option<String>,
    /// Codec preference, or `None` for the general one.
    pub codecs: Option<Vec<String>>,
    /// How long it rings, in seconds, or `None` for the general time.
    pub ring_secs: Option<u32>,
    /// Whose calls it may monitor, whisper into and barge into.
    pub supervises: Vec<Supervised>,
}

impl Extension {
    /// An extension that is named by its number and calls within the company.
    pub fn new(key: ExtensionKey, password: Secret) -> Self {
        Self {
            name: key.number.clone(),
            key,
            password,
            pickup_groups: Vec::new(),
            pickup_any: false,
            record: RecordPolicy::default(),
            classes: vec!["internal".to_owned()],
            max_calls: 0,
            algorithm: DigestAlgorithm::default(),
            caller_number: None,
            codecs: None,
            ring_secs: None,
            supervises: Vec::new(),
        }
    }
}
