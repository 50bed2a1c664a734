//! Header names: the ones with a meaning to the switch, their compact forms and traits.

use std::fmt;

use super::lex::lower;

macro_rules! names {
    ($($variant:ident $text:literal $short:literal $list:literal,)*) => {
        /// A header name. `Other` stands for every name without a variant; the name as written
        /// stays in the message.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[allow(missing_docs)]
        pub enum HeaderName {
            $($variant,)*
            Other,
        }

        /// Name, compact form (or empty), whether commas separate values.
        const TABLE: &[(HeaderName, &str, &str, bool)] =
            &[$((HeaderName::$variant, $text, $short, $list),)*];
    };
}

names! {
    Accept "Accept" "" true,
    AcceptContact "Accept-Contact" "a" true,
    AcceptEncoding "Accept-Encoding" "" true,
    AcceptLanguage "Accept-Language" "" true,
    AlertInfo "Alert-Info" "" true,
    Allow "Allow" "" true,
    AllowEvents "Allow-Events" "u" true,
    AnswerMode "Answer-Mode" "" false,
    AuthenticationInfo "Authentication-Info" "" false,
    Authorization "Authorization" "" false,
    CallId "Call-ID" "i" false,
    CallInfo "Call-Info" "" true,
    Contact "Contact" "m" true,
    ContentDisposition "Content-Disposition" "" false,
    ContentEncoding "Content-Encoding" "e" true,
    ContentLanguage "Content-Language" "" true,
    ContentLength "Content-Length" "l" false,
    ContentType "Content-Type" "c" false,
    CSeq "CSeq" "" false,
    Date "Date" "" false,
    Diversion "Diversion" "" true,
    ErrorInfo "Error-Info" "" true,
    Event "Event" "o" false,
    Expires "Expires" "" false,
    From "From" "f" false,
    HistoryInfo "History-Info" "" true,
    InReplyTo "In-Reply-To" "" true,
    InfoPackage "Info-Package" "" false,
    Identity "Identity" "y" true,
    Join "Join" "" false,
    MaxForwards "Max-Forwards" "" false,
    MimeVersion "MIME-Version" "" false,
    MinExpires "Min-Expires" "" false,
    MinSe "Min-SE" "" false,
    Organization "Organization" "" false,
    PAssertedIdentity "P-Asserted-Identity" "" true,
    PPreferredIdentity "P-Preferred-Identity" "" true,
    Path "Path" "" true,
    Priority "Priority" "" false,
    Privacy "Privacy" "" false,
    ProxyAuthenticate "Proxy-Authenticate" "" false,
    ProxyAuthorization "Proxy-Authorization" "" false,
    ProxyRequire "Proxy-Require" "" true,
    RAck "RAck" "" false,
    Reason "Reason" "" true,
    RecordRoute "Record-Route" "" true,
    RecvInfo "Recv-Info" "" true,
    RejectContact "Reject-Contact" "j" true,
    ReferSub "Refer-Sub" "" false,
    ReferTo "Refer-To" "r" false,
    ReferredBy "Referred-By" "b" false,
    RemotePartyId "Remote-Party-ID" "" true,
    Replaces "Replaces" "" false,
    ReplyTo "Reply-To" "" false,
    RequestDisposition "Request-Disposition" "d" true,
    Require "Require" "" true,
    RetryAfter "Retry-After" "" false,
    Route "Route" "" true,
    RSeq "RSeq" "" false,
    Server "Server" "" false,
    ServiceRoute "Service-Route" "" true,
    SessionExpires "Session-Expires" "x" false,
    SipEtag "SIP-ETag" "" false,
    SipIfMatch "SIP-If-Match" "" false,
    Subject "Subject" "s" false,
    SubscriptionState "Subscription-State" "" false,
    Supported "Supported" "k" true,
    TargetDialog "Target-Dialog" "" false,
    Timestamp "Timestamp" "" false,
    To "To" "t" false,
    Unsupported "Unsupported" "" true,
    UserAgent "User-Agent" "" false,
    Via "Via" "v" true,
    Warning "Warning" "" true,
    WwwAuthenticate "WWW-Authenticate" "" false,
}

/// Slots of the lookup table; open addressing over at most 100 spellings.
const SLOTS: usize = 256;

/// A spelling and its name; an empty spelling marks a free slot.
type Slot = (&'static str, HeaderName);

static INDEX: [Slot; SLOTS] = build_index();

const fn slot_of(name: &[u8]) -> usize {
    match name {
        [] => 0,
        [only] => lower(*only) as usize,
        [first, second, .., last] => {
            let (first, second, last) = (lower(*first), lower(*second), lower(*last));
            (name.len() * 31 + first as usize * 7 + second as usize * 101 + last as usize * 59)
                % SLOTS
        }
        [first, last] => (lower(*first) as usize * 7 + lower(*last) as usize * 59) % SLOTS,
    }
}

const fn build_index() -> [Slot; SLOTS] {
    let mut index = [("", HeaderName::Other); SLOTS];
    let mut row = 0;
    while row < TABLE.len() {
        let (name, full, short, _) = TABLE[row];
        index = insert(index, full, name);
        if !short.is_empty() {
            index = insert(index, short, name);
        }
        row += 1;
    }
    index
}

const fn insert(
    mut index: [Slot; SLOTS],
    spelling: &'static str,
    name: HeaderName,
) -> [Slot; SLOTS] {
    let mut slot = slot_of(spelling.as_bytes());
    while !index[slot].0.is_empty() {
        slot = (slot + 1) % SLOTS;
    }
    index[slot] = (spelling, name);
    index
}

impl HeaderName {
    /// Finds the variant for a name or compact form; letter case does not matter
    /// (RFC 3261 sections 7.3.1 and 7.3.3).
    pub fn parse(name: &str) -> Self {
        Self::from_bytes(name.as_bytes())
    }

    /// As [`HeaderName::parse`].
    pub(crate) fn from_bytes(name: &[u8]) -> Self {
        let mut slot = slot_of(name);
        while let Some((spelling, id)) = INDEX.get(slot)
            && !spelling.is_empty()
        {
            let spelling = spelling.as_bytes();
            // Nearly every sender writes the registered letter case.
            if spelling == name || spelling.eq_ignore_ascii_case(name) {
                return *id;
            }
            slot = (slot + 1) % SLOTS;
        }
        Self::Other
    }

    /// A bit of its own for each variant.
    #[inline]
    pub(super) const fn bit(self) -> u128 {
        1 << self as u8
    }

    /// The full name as we write it; empty for `Other`.
    pub fn as_str(self) -> &'static str {
        TABLE.get(self as usize).map_or("", |row| row.1)
    }

    /// The compact form, where one is registered.
    pub fn compact(self) -> Option<&'static str> {
        TABLE.get(self as usize).map(|row| row.2).filter(|short| !short.is_empty())
    }

    /// Whether one header line may carry several values separated by commas.
    pub fn is_list(self) -> bool {
        TABLE.get(self as usize).is_some_and(|row| row.3)
    }

    /// Every name with a variant, without `Other`.
    pub fn known() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_finds_its_name() {
        for (row, (name, full, short, _)) in TABLE.iter().enumerate() {
            assert_eq!(*name as usize, row);
            assert_eq!(HeaderName::parse(full), *name);
            assert_eq!(HeaderName::parse(&full.to_ascii_uppercase()), *name);
            if !short.is_empty() {
                assert_eq!(HeaderName::parse(short), *name);
            }
        }
        for unknown in ["", "w", "X-Via", "Vias", "extensionHeader-!.%*+_`'~", "z"] {
            assert_eq!(HeaderName::parse(unknown), HeaderName::Other);
        }
    }
}
