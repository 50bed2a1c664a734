//! Headers that hold several values, on one line or on many.

use super::lex::ListIter;
use super::{HeaderError, HeaderName, Message, NameAddr, Via};

/// Every value of one header name, across lines and commas, in order.
#[derive(Clone)]
pub struct Values<'a> {
    message: &'a Message,
    name: HeaderName,
    next_entry: usize,
    line: Option<ListIter<'a>>,
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            if let Some(value) = self.line.as_mut().and_then(Iterator::next) {
                return Some(value);
            }
            let rest = self.message.headers.get(self.next_entry..)?;
            let found = rest.iter().position(|entry| entry.id == self.name);
            let Some((at, entry)) = found.and_then(|at| Some((at, rest.get(at)?))) else {
                self.next_entry = usize::MAX;
                return None;
            };
            self.next_entry += at + 1;
            let text = self.message.text(entry.value);
            let split = self.name.is_list();
            self.line = Some(if split { ListIter::new(text) } else { ListIter::whole(text) });
        }
    }
}

/// One value of Contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contact<'a> {
    /// `*`: all bindings (RFC 3261 section 10.2.2).
    Star,
    /// An address.
    Addr(NameAddr<'a>),
}

impl<'a> Contact<'a> {
    /// The address, unless it is `*`.
    pub fn addr(self) -> Option<NameAddr<'a>> {
        match self {
            Self::Star => None,
            Self::Addr(addr) => Some(addr),
        }
    }
}

impl Message {
    /// The values of a header, split at commas outside quotes and brackets where the header is a
    /// list; otherwise one value for each line. Empty list elements are left out.
    pub fn values(&self, name: HeaderName) -> Values<'_> {
        let next_entry = if self.has(name) { 0 } else { usize::MAX };
        Values { message: self, name, next_entry, line: None }
    }

    /// All Via values, the top one first.
    pub fn vias(&self) -> impl Iterator<Item = Result<Via<'_>, HeaderError>> + Clone {
        self.values(HeaderName::Via)
            .map(|text| Via::parse(text).ok_or(HeaderError::malformed(HeaderName::Via)))
    }

    /// The addresses of a list header such as Route, Path or P-Asserted-Identity.
    pub fn addresses(
        &self,
        name: HeaderName,
    ) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> + Clone {
        self.values(name).map(move |text| NameAddr::parse(text).ok_or(HeaderError::malformed(name)))
    }

    /// All Contact values.
    pub fn contacts(&self) -> impl Iterator<Item = Result<Contact<'_>, HeaderError>> + Clone {
        self.values(HeaderName::Contact).map(|text| match text {
            "*" => Ok(Contact::Star),
            text => NameAddr::parse(text)
                .map(Contact::Addr)
                .ok_or(HeaderError::malformed(HeaderName::Contact)),
        })
    }

    /// The first Contact that is an address; `None` when missing, `*` or malformed.
    pub fn contact(&self) -> Option<NameAddr<'_>> {
        self.contacts().next()?.ok()?.addr()
    }

    /// All Route values, the next hop first.
    pub fn routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> + Clone {
        self.addresses(HeaderName::Route)
    }

    /// All Record-Route values in message order.
    pub fn record_routes(&self) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> + Clone {
        self.addresses(HeaderName::RecordRoute)
    }

    /// All Path values (RFC 3327).
    pub fn paths(&self) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> + Clone {
        self.addresses(HeaderName::Path)
    }

    /// The identities that a trusted peer asserts (RFC 3325).
    pub fn p_asserted_identity(
        &self,
    ) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> + Clone {
        self.addresses(HeaderName::PAssertedIdentity)
    }

    /// The identities that a user agent would like asserted (RFC 3325).
    pub fn p_preferred_identity(
        &self,
    ) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> + Clone {
        self.addresses(HeaderName::PPreferredIdentity)
    }

    /// Who diverted the call, the latest first (RFC 5806).
    pub fn diversion(&self) -> impl Iterator<Item = Result<NameAddr<'_>, HeaderError>> + Clone {
        self.addresses(HeaderName::Diversion)
    }

    /// The option tags of Require.
    pub fn require(&self) -> Values<'_> {
        self.values(HeaderName::Require)
    }

    /// The option tags of Proxy-Require.
    pub fn proxy_require(&self) -> Values<'_> {
        self.values(HeaderName::ProxyRequire)
    }

    /// The option tags of Supported.
    pub fn supported(&self) -> Values<'_> {
        self.values(HeaderName::Supported)
    }

    /// Whether Supported or Require names the option tag.
    pub fn supports(&self, option: &str) -> bool {
        let mut tags = self.supported().chain(self.require());
        tags.any(|tag| tag.eq_ignore_ascii_case(option))
    }

    /// The methods of Allow.
    pub fn allow(&self) -> Values<'_> {
        self.values(HeaderName::Allow)
    }

    /// Whether Allow names the method; `None` without an Allow.
    pub fn allows(&self, method: &crate::Method) -> Option<bool> {
        self.header(HeaderName::Allow)?;
        Some(self.allow().any(|name| name == method.as_str()))
    }

    /// The values of Privacy, which semicolons separate (RFC 3323).
    pub fn privacy(&self) -> impl Iterator<Item = &str> + Clone {
        self.headers(HeaderName::Privacy)
            .flat_map(|text| text.split([';', ',']))
            .map(super::lex::trim)
            .filter(|value| !value.is_empty())
    }
}
