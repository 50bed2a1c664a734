//! Numbers, routes and trunks as they are shown and defined.

use serde::{Deserialize, Serialize};
use strowger_core::vocab::command::TrunkView;
use strowger_core::vocab::config::{Destination, Number, Route, RouteFrom, Trunk};
use strowger_core::vocab::define::{Entry, EntryView, RouteEntry};
use strowger_core::vocab::{NumberKey, RouteKey, Secret, TrunkKey, values};
use utoipa::ToSchema;

use crate::api::extract::Example;
use crate::api::native::check::Check;
use crate::api::native::entries::{Shown, origin};
use crate::api::problem::Problem;

/// What numbers and routes lead to.
const DESTINATIONS: &str = "trunk:NAME, extension:NUMBER, queue:NUMBER, ivr:NAME, group:NAME, \
     voicemail:NUMBER, conference:NAME, echo or sound:NAME";
/// Where routes stand that say nothing else.
const POSITION: u32 = 100;

/// A number that a trunk delivers.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct NumberItem {
    /// As the carrier delivers it.
    #[schema(example = "057126200670")]
    number: String,
    /// `file` or `http`: who defined it.
    origin: &'static str,
    /// Its definition.
    #[serde(flatten)]
    definition: NumberBody,
}

/// What a number is; the keys are those of `[[number]]`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api::native) struct NumberBody {
    /// The trunk that delivers it.
    trunk: String,
    /// Where its calls go: `extension:NUMBER`, `queue:NUMBER`, `ivr:NAME` and others; `ivr:welcome` unless said.
    #[serde(default)]
    to: Option<String>,
}

impl Example for NumberBody {
    const EXAMPLE: &'static str = r#"{"trunk": "carrier", "to": "queue:9001"}"#;
}

impl Shown for NumberItem {
    fn of(view: EntryView) -> Option<Self> {
        let Entry::Number(own) = view.entry else { return None };
        let Number { trunk, number, to } = *own;
        let definition = NumberBody { trunk: trunk.name, to: Some(to.to_string()) };
        Some(Self { number, origin: origin(view.from_file), definition })
    }
}

impl NumberBody {
    /// The definition of the number `key`. What the switch checks is not checked here.
    ///
    /// # Errors
    /// 422 with everything that is wrong.
    pub(in crate::api::native) fn define(self, key: NumberKey) -> Result<Entry, Problem> {
        let NumberKey { tenant, number } = key;
        let mut check = Check::default();
        let to = match self.to {
            Some(text) => destination(&mut check, &text, &tenant),
            None => Some(Destination::welcome(&tenant)),
        };
        let to = to.unwrap_or(Destination::Echo);
        let trunk = TrunkKey { tenant, name: self.trunk };
        check.finish(Entry::Number(Box::new(Number { trunk, number, to })))
    }
}

/// As the file's `to` is read, but for what exists.
fn destination(check: &mut Check, text: &str, tenant: &str) -> Option<Destination> {
    let found = Destination::parse(text, tenant);
    let found = found.filter(|found| !matches!(found, Destination::Number(_)));
    match &found {
        Some(Destination::Sound(name)) => {
            if let Err(why) = values::own_prompt(name, tenant) {
                check.wrong("to", why);
            }
        }
        Some(_) => {}
        None => {
            check.wrong("to", format!("\"{text}\" is no destination; write {DESTINATIONS}"));
        }
    }
    found
}

/// A rule of the dial plan.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct RouteItem {
    /// Its name.
    #[schema(example = "national")]
    name: String,
    /// `file` or `http`: who defined it.
    origin: &'static str,
    /// Its definition.
    #[serde(flatten)]
    definition: RouteBody,
}

/// What a route is; the keys are those of `[[route]]`.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api::native) struct RouteBody {
    /// A regular expression on the dialled number; the first route that matches decides.
    #[serde(rename = "match")]
    #[schema(example = "^0\\d{7,12}$")]
    pattern: String,
    /// Routes with a lower one are tried before, 100 unless said; null for those of the file, which come before all.
    #[serde(default)]
    position: Option<u32>,
    /// The class that an extension needs; anybody may use it unless said.
    #[serde(default)]
    class: Option<String>,
    /// `extension` (unless said), or the name of the trunk whose calls may use it.
    #[serde(default)]
    from: Option<String>,
    /// Leading digits taken off, 0 to 32.
    #[serde(default)]
    strip: u8,
    /// Put in front after that.
    #[serde(default)]
    prepend: String,
    /// Where it leads, first to last: the next is tried when one fails.
    #[schema(example = json!(["trunk:carrier"]))]
    to: OneOrMore,
}

/// A text or a list of texts.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub(in crate::api::native) enum OneOrMore {
    /// One.
    One(String),
    /// Several, in order.
    More(Vec<String>),
}

impl Example for RouteBody {
    const EXAMPLE: &'static str =
        r#"{"match": "^0\\d{7,12}$", "class": "national", "to": ["trunk:carrier"]}"#;
}

impl Shown for RouteItem {
    fn of(view: EntryView) -> Option<Self> {
        let Entry::Route(entry) = view.entry else { return None };
        let RouteEntry { route, position } = *entry;
        let from = match route.from {
            RouteFrom::Extension => "extension".to_owned(),
            RouteFrom::Trunk(key) => key.name,
        };
        let definition = RouteBody {
            pattern: route.pattern,
            position: (!view.from_file).then_some(position),
            class: route.class,
            from: Some(from),
            strip: route.strip,
            prepend: route.prepend,
            to: OneOrMore::More(route.to.iter().map(ToString::to_string).collect()),
        };
        Some(Self { name: route.name, origin: origin(view.from_file), definition })
    }
}

impl RouteBody {
    /// The definition of the route `key`. What the switch checks is not checked here.
    ///
    /// # Errors
    /// 422 with everything that is wrong.
    pub(in crate::api::native) fn define(self, key: RouteKey) -> Result<Entry, Problem> {
        let RouteKey { tenant, name } = key;
        let mut check = Check::default();
        let to = match self.to {
            OneOrMore::One(text) => vec![text],
            OneOrMore::More(texts) => texts,
        };
        let to = to.iter().filter_map(|text| destination(&mut check, text, &tenant)).collect();
        let from = match self.from.as_deref() {
            None | Some("extension") => RouteFrom::Extension,
            Some(name) => {
                RouteFrom::Trunk(TrunkKey { tenant: tenant.clone(), name: name.to_owned() })
            }
        };
        let route = Route {
            tenant,
            name,
            pattern: self.pattern,
            class: self.class,
            from,
            strip: self.strip,
            prepend: self.prepend,
            to,
        };
        let position = self.position.unwrap_or(POSITION);
        check.finish(Entry::Route(Box::new(RouteEntry { route, position })))
    }
}

/// A line to a carrier.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api::native) struct TrunkItem {
    /// Its name.
    #[schema(example = "carrier")]
    name: String,
    /// `file` or `http`: who defined it.
    origin: &'static str,
    /// Takes calls.
    up: bool,
    /// Registered with the carrier; null where it does not register.
    registered: Option<bool>,
    /// Why it is down.
    reason: Option<String>,
    /// Channels in use.
    calls: usize,
    /// It has a password.
    has_password: bool,
    /// Its definition.
    #[serde(flatten)]
    definition: TrunkBody,
}

/// What a trunk is; the keys are those of `[[trunk]]`.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::api::native) struct TrunkBody {
    /// The carrier: a name or an address, with a port or without.
    #[schema(example = "sip.carrier.example:5060")]
    host: String,
    /// `udp` or `tcp`; as the DNS says unless said, then UDP.
    #[serde(default)]
    transport: Option<String>,
    /// Registers with the carrier.
    #[serde(default)]
    register: bool,
    /// The account at the carrier.
    #[serde(default)]
    username: Option<String>,
    /// Its password, at most 128 bytes; an empty text takes the present one away. Never shown.
    #[serde(default, skip_serializing)]
    #[schema(write_only)]
    password: Option<String>,
    /// The carrier's realm and the domain of From; the host unless said.
    #[serde(default)]
    domain: Option<String>,
    /// IP addresses from which its calls come, besides those of its host.
    #[serde(default)]
    addresses: Vec<String>,
    /// Calls at a time, 0 to 10,000; 0 is unlimited.
    #[serde(default)]
    max_calls: u16,
    /// Pause between OPTIONS, 0 to 3,600 seconds; 0 is off, 30 unless said.
    #[serde(default)]
    qualify_secs: Option<u32>,
    /// Registration asked for, 60 to 86,400 seconds; 600 unless said.
    #[serde(default)]
    expires: Option<u32>,
    /// Codec preference; the general one unless said.
    #[serde(default)]
    codecs: Option<Vec<String>>,
    /// Sends and takes numbers as `+E.164`.
    #[serde(default)]
    e164: bool,
    /// Believes P-Asserted-Identity from it and sends it there.
    #[serde(default)]
    trusted: bool,
    /// Takes the number of whoever called for calls that are sent on.
    #[serde(default)]
    original_caller: bool,
    /// Its REFERs are followed, under its own rights.
    #[serde(default)]
    transfers: bool,
}

impl Example for TrunkBody {
    const EXAMPLE: &'static str =
        r#"{"host": "sip.carrier.example", "register": true, "username": "u", "password": "p"}"#;
}

impl Shown for TrunkItem {
    fn of(view: EntryView) -> Option<Self> {
        let EntryView { entry: Entry::Trunk(trunk), from_file, line, .. } = view else {
            return None;
        };
        let line = line.unwrap_or_else(|| TrunkView {
            trunk: trunk.key.clone(),
            up: false,
            registered: None,
            reason: None,
            calls: 0,
        });
        Some(Self {
            name: trunk.key.name.clone(),
            origin: origin(from_file),
            up: line.up,
            registered: line.registered,
            reason: line.reason,
            calls: line.calls,
            has_password: trunk.password.is_some(),
            definition: TrunkBody::of(*trunk),
        })
    }
}

impl TrunkBody {
    fn of(own: Trunk) -> Self {
        Self {
            host: own.host,
            transport: own.transport.map(|transport| transport.as_param().to_owned()),
            register: own.register,
            username: own.username,
            password: None,
            domain: own.domain,
            addresses: own.addresses.iter().map(ToString::to_string).collect(),
            max_calls: own.max_calls,
            qualify_secs: Some(own.qualify_secs),
            expires: Some(own.expires),
            codecs: own.codecs,
            e164: own.e164,
            trusted: own.trusted,
            original_caller: own.original_caller,
            transfers: own.transfers,
        }
    }

    /// The definition of the trunk `key`. What the switch checks is not checked here.
    ///
    /// # Errors
    /// 422 with everything that is wrong.
    pub(in crate::api::native) fn define(self, key: TrunkKey) -> Result<Entry, Problem> {
        let mut check = Check::default();
        let mut read = |key: &str, wrong: String| check.wrong(key, wrong);
        let transport = self.transport.as_deref().map(values::trunk_transport);
        let transport =
            transport.and_then(|read_as| read_as.map_err(|why| read("transport", why)).ok());
        let addresses = self.addresses.iter().map(|text| values::address(text));
        let addresses = addresses
            .filter_map(|read_as| read_as.map_err(|why| read("addresses", why)).ok())
            .collect();
        let trunk = Trunk {
            key,
            host: self.host,
            transport,
            register: self.register,
            username: self.username,
            password: self.password.map(Secret::new),
            domain: self.domain,
            addresses,
            max_calls: self.max_calls,
            qualify_secs: self.qualify_secs.unwrap_or(30),
            expires: self.expires.unwrap_or(600),
            codecs: self.codecs,
            e164: self.e164,
            trusted: self.trusted,
            original_caller: self.original_caller,
            transfers: self.transfers,
        };
        check.finish(Entry::Trunk(Box::new(trunk)))
    }
}
