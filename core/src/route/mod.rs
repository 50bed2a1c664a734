//! Where a dialled number leads, and as whom a caller is shown.
//!
//! [`Directory`] is built from a configuration; what is made over HTTP while the switch runs is set in it (`revise`).
//! What it answers depends on nothing else, so it can be asked at any time.
//!
//! **Nobody calls for free.** A call from a trunk reaches the `[[number]]`s of that trunk and the routes whose `from`
//! names it, nothing else: no extension number, no feature code, no other trunk. An extension reaches its own tenant's
//! extensions, the feature codes and the tenant's routes. The first route that matches decides: where its class is
//! missing the call is refused, and no later route is looked at, so that a catch-all cannot open what a narrow route
//! closed. Emergency numbers pass every class. Destinations that the tenant's own configuration names ask for no class.

mod codes;
mod features;
mod identity;
mod lines;
mod meant;
mod number;
mod outside;
mod plan;
mod revise;
mod users;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use regex_lite::{Regex, RegexBuilder};

use sip::uri::Uri;

use crate::vocab::conference::Conference;
use crate::vocab::config::{Config, Extension, Tenant, Trunk};
use crate::vocab::group::Group;
use crate::vocab::mailbox::Mailbox;
use crate::vocab::{
    ConferenceKey, ExtensionKey, GroupKey, MailboxKey, NumberKey, PageKey, QueueKey, TenantId,
    TrunkKey,
};

pub use crate::vocab::{Hop, Identity, Plan};
pub use identity::{Remote, anonymous};
pub use number::{MAX_DIALLED, canonical, clean, to_e164};

use lines::{DialPlan, Rank};
use users::Users;

/// The most memory that one route's pattern may compile to, in bytes.
const MAX_PATTERN: usize = 256 * 1024;

/// Who calls, and thereby whose rights count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller<'a> {
    /// An extension, or somebody who acts for it.
    Extension(&'a ExtensionKey),
    /// A carrier.
    Trunk(&'a TrunkKey),
}

impl<'a> Caller<'a> {
    /// In whose dial plan the call runs.
    pub fn tenant(&self) -> &'a TenantId {
        match self {
            Self::Extension(key) => &key.tenant,
            Self::Trunk(key) => &key.tenant,
        }
    }
}

/// Why a dialled number leads nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing is there, for this caller.
    NotFound,
    /// The route wants a class that the caller lacks.
    NotAllowed,
    /// No number, or one that a route shortened to nothing.
    BadNumber,
    /// It leads only back to the caller.
    Loop,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "the number leads nowhere",
            Self::NotAllowed => "the caller lacks the route's class",
            Self::BadNumber => "not a number",
            Self::Loop => "the number leads back to its caller",
        })
    }
}

impl std::error::Error for Refusal {}

/// The host of a URI as text, without port; empty where a URI has none.
pub fn host_text<'a>(uri: &Uri<'a>) -> Cow<'a, str> {
    match uri.host() {
        Some(host) => match host.name() {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(host.to_string()),
        },
        None => Cow::Borrowed(""),
    }
}

/// Why a configuration makes no directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryError {
    /// The pattern of the route at this position does not compile.
    Pattern {
        /// Position in `routes`.
        route: usize,
        /// What is wrong.
        why: String,
    },
    /// Two extensions have one key.
    Extension(ExtensionKey),
    /// Two trunks have one key.
    Trunk(TrunkKey),
    /// Two tenants have one id.
    Tenant(TenantId),
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern { route, why } => write!(f, "route {}: {why}", route + 1),
            Self::Extension(key) => write!(f, "extension {key} stands twice"),
            Self::Trunk(key) => write!(f, "trunk {key} stands twice"),
            Self::Tenant(id) => write!(f, "tenant {id} stands twice"),
        }
    }
}

impl std::error::Error for DirectoryError {}

/// Compiles a route's pattern, as the directory does; for checking a configuration.
///
/// # Errors
/// Says what is wrong with it.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).size_limit(MAX_PATTERN).build().map_err(|error| error.to_string())
}

/// Whether this is a pattern for dialled numbers, or what would be right.
///
/// # Errors
/// Says so in words.
pub fn pattern(text: &str) -> Result<(), String> {
    compile(text).map(|_| ()).map_err(|error| {
        let lines = error.lines().rev().find(|line| !line.trim().is_empty());
        let reason = lines.unwrap_or(&error).trim().trim_start_matches("error: ");
        format!("\"{text}\" is no pattern: {reason}; write e.g. \"^0[1-9]\\\\d{{6,11}}$\"")
    })
}

/// Everything that routing knows.
#[derive(Debug)]
pub struct Directory {
    /// Without trunks, numbers, routes and shared mailboxes, which are below.
    config: Config,
    users: Users,
    tenants: BTreeMap<TenantId, usize>,
    trunks: BTreeMap<TrunkKey, (Rank, Trunk)>,
    plans: BTreeMap<TenantId, DialPlan>,
    /// Mailboxes that extensions may watch besides their own.
    shared: BTreeMap<ExtensionKey, Vec<MailboxKey>>,
    /// Numbers of all tenants by their ends.
    claims: BTreeMap<String, BTreeSet<NumberKey>>,
    queues: BTreeSet<QueueKey>,
    mailboxes: BTreeMap<MailboxKey, usize>,
    /// Rooms by what is dialled for them.
    rooms: BTreeMap<ExtensionKey, ConferenceKey>,
    pages: BTreeMap<PageKey, usize>,
    /// Pages by what is dialled for them.
    page_numbers: BTreeMap<ExtensionKey, PageKey>,
    groups: BTreeMap<GroupKey, usize>,
    /// Groups by what is dialled for them.
    group_numbers: BTreeMap<(TenantId, String), GroupKey>,
    /// Positions of extensions by tenant and number, for those who dial digit by digit.
    in_order: Vec<u32>,
    /// Tenants whose phones see no numbers outside.
    hiding: BTreeSet<TenantId>,
}

impl Directory {
    /// Takes the configuration over: it is kept once and read through [`Directory::config`].
    ///
    /// # Errors
    /// See [`DirectoryError`]. A checked configuration gives none.
    pub fn new(mut config: Config) -> Result<Self, DirectoryError> {
        let users = Users::new(&config).map_err(DirectoryError::Extension)?;
        let mut tenants = BTreeMap::new();
        let mut plans = BTreeMap::<TenantId, DialPlan>::new();
        for (at, tenant) in config.tenants.iter().enumerate() {
            if tenants.insert(tenant.id.clone(), at).is_some() {
                return Err(DirectoryError::Tenant(tenant.id.clone()));
            }
            plans.insert(tenant.id.clone(), DialPlan::default());
        }
        let outside = (
            std::mem::take(&mut config.trunks),
            std::mem::take(&mut config.numbers),
            std::mem::take(&mut config.routes),
        );
        let queues = config.acd.queues.iter().map(|queue| queue.key.clone()).collect();
        let mailboxes = config.mailboxes.iter().enumerate();
        let mailboxes = mailboxes.map(|(at, mailbox)| (mailbox.key.clone(), at)).collect();
        let numbered = |room: &Conference| {
            let (tenant, number) = (room.key.tenant.clone(), room.number.clone()?);
            Some((ExtensionKey { tenant, number }, room.key.clone()))
        };
        let rooms = config.conferences.iter().filter_map(numbered).collect();
        let (pages, page_numbers) = codes::indexed_pages(&config.pages);
        let mut groups = BTreeMap::new();
        let mut group_numbers = BTreeMap::new();
        for (at, group) in config.groups.iter().enumerate() {
            groups.insert(group.key.clone(), at);
            let number = (group.key.tenant.clone(), group.number.clone());
            group_numbers.insert(number, group.key.clone());
        }
        let in_order = revise::in_order(&config.extensions);
        let mut shared = BTreeMap::<ExtensionKey, Vec<MailboxKey>>::new();
        for own in std::mem::take(&mut config.mwi.shared) {
            shared.entry(own.extension).or_default().push(own.mailbox);
        }
        let mut directory = Self {
            config,
            users,
            tenants,
            trunks: BTreeMap::new(),
            plans,
            shared,
            claims: BTreeMap::new(),
            queues,
            mailboxes,
            rooms,
            pages,
            page_numbers,
            groups,
            group_numbers,
            in_order,
            hiding: BTreeSet::new(),
        };
        directory.take_lines(outside)?;
        Ok(directory)
    }

    /// The numbers that lead to queues from now on.
    pub fn set_queues(&mut self, queues: BTreeSet<QueueKey>) {
        self.queues = queues;
    }

    /// Tenants whose phones see no numbers outside from now on.
    pub fn set_hiding(&mut self, hiding: BTreeSet<TenantId>) {
        self.hiding = hiding;
    }

    /// The configuration that it was made from, but for trunks, numbers, routes and shared mailboxes: those are asked for by
    /// name.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// An extension by tenant and number.
    pub fn extension(&self, key: &ExtensionKey) -> Option<&Extension> {
        self.users.get(&self.config, &key.tenant, &key.number)
    }

    /// The extension that a SIP user names: prefix and number always; the bare number in its tenant's own domain, and
    /// anywhere else while no other tenant has the same. `domain` is the host of the URI (or a digest realm).
    pub fn extension_by_user(&self, user: &str, domain: &str) -> Option<&Extension> {
        let user = sip::uri::decode(user);
        let full = self.users.full_user(&self.config, &self.tenants, &user);
        match self.scope(Some(domain)) {
            Scope::Tenant(tenant) => full
                .filter(|extension| extension.key.tenant == tenant.id)
                .or_else(|| self.in_tenant(tenant, &user)),
            Scope::Any | Scope::Foreign => {
                full.or_else(|| self.users.unique_number(&self.config, &user))
            }
        }
    }

    /// The mailbox of an extension, where it has one.
    pub fn mailbox(&self, key: &MailboxKey) -> Option<&Mailbox> {
        self.config.mailboxes.get(*self.mailboxes.get(key)?)
    }

    /// A room of the configuration.
    pub fn conference(&self, key: &ConferenceKey) -> Option<&Conference> {
        self.config.conferences.iter().find(|room| room.key == *key)
    }

    /// A ring group.
    pub fn group(&self, key: &GroupKey) -> Option<&Group> {
        self.config.groups.get(*self.groups.get(key)?)
    }

    /// Whether a ring group of the tenant has this number.
    pub fn is_group_number(&self, tenant: &str, number: &str) -> bool {
        self.group_numbers.contains_key(&(tenant.to_owned(), number.to_owned()))
    }

    /// Whether a tenant has an extension with these digits, and whether it has longer ones that begin so.
    pub fn extensions_like(&self, tenant: &str, digits: &str) -> (bool, bool) {
        let key = ExtensionKey { tenant: tenant.to_owned(), number: digits.to_owned() };
        let at = |position: &u32| {
            self.config.extensions.get(*position as usize).map(|extension| &extension.key)
        };
        let first = self.in_order.partition_point(|position| at(position) < Some(&key));
        let mut from = self.in_order.iter().skip(first).filter_map(at);
        let like =
            |found: &ExtensionKey| found.tenant == tenant && found.number.starts_with(digits);
        match from.next().filter(|found| like(found)) {
            Some(first) if first.number == digits => (true, from.next().is_some_and(like)),
            first => (false, first.is_some()),
        }
    }

    /// Extensions of a tenant, by number.
    pub fn extensions_of<'a>(
        &'a self,
        tenant: &'a str,
    ) -> impl Iterator<Item = &'a Extension> + Clone {
        let at = |position: &u32| self.config.extensions.get(*position as usize);
        let first = self.in_order.partition_point(|position| {
            at(position).is_some_and(|own| own.key.tenant.as_str() < tenant)
        });
        let from = self.in_order.get(first..).unwrap_or_default().iter().filter_map(at);
        from.take_while(move |own| own.key.tenant == tenant)
    }

    /// A tenant.
    pub fn tenant(&self, id: &str) -> Option<&Tenant> {
        self.config.tenants.get(*self.tenants.get(id)?)
    }

    /// Whether a URI's host means this switch: the domain, a tenant's domain, any address and `localhost`. Addresses are
    /// not compared with our own, since those behind a port forwarding are not known to us.
    pub fn is_ours(&self, host: &str) -> bool {
        !matches!(self.scope(Some(host)), Scope::Foreign)
    }

    /// The number (bare, or after the tenant's prefix) of an extension of this tenant.
    fn in_tenant(&self, tenant: &Tenant, user: &str) -> Option<&Extension> {
        let bare = |number| self.users.get(&self.config, &tenant.id, number);
        let prefixed = || user.strip_prefix(tenant.prefix.as_str()).and_then(bare);
        bare(user).or_else(prefixed)
    }

    fn scope(&self, host: Option<&str>) -> Scope<'_> {
        // A tel URI has no host.
        let host = host.map_or("", |host| host.trim_end_matches('.'));
        if host.is_empty() {
            return Scope::Any;
        }
        let has_domain = |tenant: &&Tenant| {
            tenant.domain.as_deref().is_some_and(|domain| domain.eq_ignore_ascii_case(host))
        };
        if let Some(tenant) = self.config.tenants.iter().find(has_domain) {
            return Scope::Tenant(tenant);
        }
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        let ours = host.eq_ignore_ascii_case(&self.config.sip.domain)
            || host.eq_ignore_ascii_case("localhost");
        if ours || literal { Scope::Any } else { Scope::Foreign }
    }
}

/// What a host in a URI means.
#[derive(Debug, Clone, Copy)]
enum Scope<'a> {
    /// The switch as a whole.
    Any,
    /// One tenant.
    Tenant(&'a Tenant),
    /// Somebody else.
    Foreign,
}
