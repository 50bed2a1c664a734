//! As whom a caller is shown (RFC 3261 section 8.1.1.3, RFC 3323, RFC 3325).
//!
//! Towards a phone: the extension's number and name, or what the carrier says of its caller. Towards a carrier: a number
//! that the tenant owns, never anything that a phone or another carrier wrote.

use std::borrow::Cow;

use sip::Message;
use sip::message::{NameAddr, Quoted};
use sip::uri::EscapeUser;

use super::{Caller, Directory, number};
use crate::host;
use crate::vocab::config::{Extension, Trunk};
use crate::vocab::{ExtensionKey, Hop, Identity, TrunkKey, values};

/// Longest display name that is passed on, in characters.
const MAX_NAME: usize = 64;
/// RFC 3323 section 4.1.1.3.
const ANONYMOUS: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";

/// A caller outside, as its carrier says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its number, normalised; `None` when it is withheld or unknown.
    pub number: Option<String>,
    /// Its name; may be empty.
    pub name: String,
    /// It asked not to be shown.
    pub withheld: bool,
}

impl Directory {
    /// How a caller is shown to the place that a hop leads to. `hide` withholds the number (`*67`, or a withheld call
    /// that is passed on). `incoming` is the INVITE that began the call: its Privacy is honoured, and for a trunk it
    /// says who calls. Emergency calls are never hidden: pass `hide` false and no `incoming` for them.
    pub fn identity(
        &self,
        caller: Caller<'_>,
        hop: &Hop,
        hide: bool,
        incoming: Option<&Message>,
    ) -> Identity {
        let hide = hide || incoming.is_some_and(wants_privacy);
        match (hop, caller) {
            (Hop::Trunk { trunk, .. }, _) => match self.trunk(trunk) {
                Some(trunk) => self.towards_trunk(caller, trunk, hide),
                None => anonymous(None),
            },
            (_, _) if hide => anonymous(None),
            (_, Caller::Extension(key)) => match self.extension(key) {
                Some(extension) => shown(&extension.name, &key.number, &self.host(&key.tenant)),
                None => anonymous(None),
            },
            (_, Caller::Trunk(key)) => {
                let Some(remote) = incoming.map(|message| self.remote(key, message)) else {
                    return anonymous(None);
                };
                match remote.number {
                    Some(number) if !remote.withheld => {
                        self.shown(&key.tenant, &remote.name, &number)
                    }
                    _ => anonymous(None),
                }
            }
        }
    }

    /// Who calls by a trunk: P-Asserted-Identity where the trunk is trusted, else From.
    pub fn remote(&self, trunk: &TrunkKey, incoming: &Message) -> Remote {
        let trusted = self.trunk(trunk).is_some_and(|trunk| trunk.trusted);
        let asserted = incoming.p_asserted_identity().find_map(Result::ok).filter(|_| trusted);
        let withheld = wants_privacy(incoming);
        let Some(address) = asserted.or_else(|| incoming.from().ok()) else {
            return Remote { number: None, name: String::new(), withheld };
        };
        if withheld {
            return Remote { number: None, name: String::new(), withheld };
        }
        let e164 = self.trunk(trunk).is_some_and(|trunk| trunk.e164);
        let country = self.tenant(&trunk.tenant).and_then(|t| t.country_code.as_deref());
        let number = user_of(&address)
            .and_then(|user| number::clean(&user))
            .map(|cleaned| if e164 { number::to_e164(&cleaned, country) } else { cleaned });
        Remote { number, name: tidy(&address.display_name()), withheld }
    }

    /// The number that a call by this trunk is for: the Request-URI's user. A trunk that registered is called at the
    /// contact it registered, whose user is its account; then To names the number.
    pub fn called_number(&self, trunk: &TrunkKey, incoming: &Message) -> Option<String> {
        let user = incoming.uri().ok().and_then(|uri| uri.user_decoded().map(Cow::into_owned));
        let account = self.trunk(trunk).and_then(|trunk| trunk.username.as_deref());
        match user {
            Some(user) if Some(user.as_str()) != account => Some(user),
            user => {
                let to = incoming.to().ok().and_then(|to| user_of(&to).map(Cow::into_owned));
                to.or(user)
            }
        }
    }

    /// Which of several trunks with one address a call came by: the one whose account or number was called, else the
    /// first. A wrong guess gives no rights: every trunk reaches its own numbers only.
    pub fn choose_trunk<'a>(
        &self,
        candidates: &[&'a TrunkKey],
        incoming: &Message,
    ) -> Option<&'a TrunkKey> {
        let user = incoming.uri().ok().and_then(|uri| uri.user_decoded().map(Cow::into_owned));
        let account = |key: &&&TrunkKey| {
            let trunk = self.trunk(key);
            user.is_some() && trunk.is_some_and(|trunk| trunk.username == user)
        };
        let number = |key: &&&TrunkKey| {
            let called = self.called_number(key, incoming);
            called.and_then(|user| number::clean(&user)).is_some_and(|n| self.delivers(key, &n))
        };
        candidates
            .iter()
            .find(account)
            .or_else(|| candidates.iter().find(number))
            .or_else(|| candidates.first())
            .copied()
    }

    /// Only numbers of the tenant are shown to a carrier: the extension's own, else the first that the trunk delivers,
    /// else the account at the carrier.
    fn towards_trunk(&self, caller: Caller<'_>, trunk: &Trunk, hide: bool) -> Identity {
        let extension = match caller {
            Caller::Extension(key) => self.extension(key),
            Caller::Trunk(_) => None,
        };
        match self.owned_caller(extension, trunk).or(trunk.username.as_deref()) {
            Some(number) => self.under_number(extension, number, trunk, hide),
            None => anonymous(hide.then_some("id")),
        }
    }

    fn under_number(
        &self,
        extension: Option<&Extension>,
        number: &str,
        trunk: &Trunk,
        hide: bool,
    ) -> Identity {
        let country = self.tenant(&trunk.key.tenant).and_then(|t| t.country_code.as_deref());
        let account = trunk.username.as_deref() == Some(number);
        let user = match trunk.e164 && !account {
            true => number::to_e164(number, country),
            false => number.to_owned(),
        };
        let name = extension.map_or("", |extension| extension.name.as_str());
        let asserted = name_addr(&tidy(name), &user, carrier_host(trunk));
        if hide {
            let asserted = trunk.trusted.then_some(asserted);
            return Identity { asserted, ..anonymous(Some("id")) };
        }
        Identity {
            from: asserted.clone(),
            asserted: trunk.trusted.then_some(asserted),
            privacy: None,
        }
    }

    /// How an extension's call is shown to a carrier under this number of the tenant's.
    pub fn identity_with_number(&self, trunk: &TrunkKey, shown: &str, hide: bool) -> Identity {
        match self.trunk(trunk) {
            Some(trunk) => self.under_number(None, shown, trunk, hide),
            None => anonymous(None),
        }
    }

    /// How a carrier's caller is shown to a carrier to which an extension has sent the call: by the extension's number,
    /// or as the original caller where the trunk takes such numbers. `original` is its name and number, if shown.
    pub fn identity_of_forwarded(
        &self,
        owner: &ExtensionKey,
        trunk: &TrunkKey,
        original: Option<(&str, &str)>,
        (hide, incoming): (bool, Option<&Message>),
    ) -> Identity {
        let hide = hide || incoming.is_some_and(wants_privacy);
        let Some(trunk) = self.trunk(trunk) else { return anonymous(None) };
        let own = self.towards_trunk(Caller::Extension(owner), trunk, hide);
        match original.filter(|_| trunk.original_caller && !hide) {
            Some((name, number)) => {
                let country =
                    self.tenant(&trunk.key.tenant).and_then(|t| t.country_code.as_deref());
                let number = match trunk.e164 {
                    true => number::to_e164(number, country),
                    false => number.to_owned(),
                };
                Identity { from: name_addr(&tidy(name), &number, carrier_host(trunk)), ..own }
            }
            None => own,
        }
    }

    fn owned_caller(&self, extension: Option<&Extension>, trunk: &Trunk) -> Option<&str> {
        let tenant = &trunk.key.tenant;
        let own = extension
            .filter(|extension| extension.key.tenant == *tenant)
            .and_then(|extension| self.own_number(tenant, extension.caller_number.as_deref()?));
        let first = || self.plans.get(tenant)?.numbers.of_trunk(&trunk.key.name).next();
        own.or_else(|| first().map(|number| number.number.as_str()))
    }

    /// As a number of the tenant's choice among its own; as the trunk's usual one where it is none of them.
    pub fn as_number(&self, number: &str, trunk: &TrunkKey) -> Identity {
        let Some(trunk) = self.trunk(trunk) else { return anonymous(None) };
        let country = self.tenant(&trunk.key.tenant).and_then(|t| t.country_code.as_deref());
        let Some(own) = self.own_number(&trunk.key.tenant, number) else {
            return self.towards_trunk(Caller::Trunk(&trunk.key), trunk, false);
        };
        let user = match trunk.e164 {
            true => number::to_e164(own, country),
            false => own.to_owned(),
        };
        let from = name_addr("", &user, carrier_host(trunk));
        Identity { asserted: trunk.trusted.then(|| from.clone()), from, privacy: None }
    }

    /// A name and number as a phone of the tenant sees them.
    pub fn shown(&self, tenant: &str, name: &str, number: &str) -> Identity {
        let (name, number) = self.seen(tenant, name.to_owned(), number.to_owned());
        shown(&name, &number, &self.host(tenant))
    }

    /// A name and number as phones of the tenant may see them: numbers outside are covered where the tenant wants that.
    pub fn seen(&self, tenant: &str, name: String, number: String) -> (String, String) {
        if self.hiding.contains(tenant) && !self.is_own(tenant, &number) {
            return (values::covered(&name), values::covered(&number));
        }
        (name, number)
    }

    /// Whether a number is an extension of the tenant's.
    fn is_own(&self, tenant: &str, number: &str) -> bool {
        let key = ExtensionKey { tenant: tenant.to_owned(), number: number.to_owned() };
        self.extension(&key).is_some()
    }

    /// Our name in the URIs that a tenant's phones see.
    pub fn host(&self, tenant: &str) -> String {
        let own = self.tenant(tenant).and_then(|tenant| tenant.domain.clone());
        host::in_uri(&own.unwrap_or_else(|| self.config.sip.domain.clone()))
    }
}

/// The domain of the account, else the carrier's host without port.
fn carrier_host(trunk: &Trunk) -> &str {
    trunk.domain.as_deref().unwrap_or_else(|| host::split(&trunk.host).0)
}

fn user_of<'a>(address: &NameAddr<'a>) -> Option<Cow<'a, str>> {
    address.uri().ok()?.user_decoded()
}

/// RFC 3323 section 4.2 and RFC 3325 section 9.3; and the anonymous From of section 4.1.1.3.
fn wants_privacy(incoming: &Message) -> bool {
    let asks =
        |value: &str| ["id", "user", "header"].iter().any(|kind| kind.eq_ignore_ascii_case(value));
    let anonymous = |from: NameAddr<'_>| {
        let Ok(uri) = from.uri() else { return false };
        let name = uri.host().and_then(|host| host.name());
        name.is_some_and(|name| name.eq_ignore_ascii_case("anonymous.invalid"))
            || uri.user().is_some_and(|user| user.eq_ignore_ascii_case("anonymous"))
    };
    incoming.privacy().any(asks) || incoming.from().is_ok_and(anonymous)
}

/// A caller who is not shown (RFC 3323).
pub fn anonymous(privacy: Option<&str>) -> Identity {
    Identity { from: ANONYMOUS.into(), asserted: None, privacy: privacy.map(str::to_owned) }
}

fn shown(name: &str, user: &str, host: &str) -> Identity {
    Identity { from: name_addr(&tidy(name), user, host), asserted: None, privacy: None }
}

fn name_addr(name: &str, user: &str, host: &str) -> String {
    let host = host::in_uri(host);
    if name.is_empty() {
        format!("<sip:{}@{host}>", EscapeUser(user))
    } else {
        format!("{} <sip:{}@{host}>", Quoted(name), EscapeUser(user))
    }
}

/// A display name without control characters, of bounded length.
fn tidy(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(MAX_NAME).collect::<String>().trim().to_owned()
}
