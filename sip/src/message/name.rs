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
const EMPTY: u8 = u8::MAX;

/// For each slot the row of `TABLE`, the high half saying whether it is the compact form.
const INDEX: [(u8, bool); SLOTS] = build_index();

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

const fn build_index() -> [(u8, bool); SLOTS] {
    let mut index = [(EMPTY, false); SLOTS];
    let mut row = 0;
    while row < TABLE.len() {
        index = insert(index, TABLE[row].1.as_bytes(), row, false);
        if !TABLE[row].2.is_empty() {
            index = insert(index, TABLE[row].2.as_bytes(), row, true);
        }
        row += 1;
    }
    index
}

const fn insert(
    mut index: [(u8, bool); SLOTS],
    name: &[u8],
    row: usize,
    compact: bool,
) -> [(u8, bool); SLOTS] {
    let mut slot = slot_of(name);
    while index[slot].0 != EMPTY {
        slot = (slot + 1) % SLOTS;
    }
    index[slot] = (row as u8, compact);
    index
}

impl HeaderName {
    /// Finds the variant for a name or compact form; letter case does not matter
    /// (RFC 3261 sections 7.3.1 and 7.3.3).
    pub fn parse(name: &str) -> Self {
        let mut slot = slot_of(name.as_bytes());
        loop {
            let (row, compact) = INDEX[slot];
            let Some(entry) = TABLE.get(usize::from(row)) else { return Self::Other };
            let spelling = if compact { entry.2 } else { entry.1 };
            if spelling.eq_ignore_ascii_case(name) {
                return entry.0;
            }
            slot = (slot + 1) % SLOTS;
        }
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
        for unknown in ["", "Y", "X-Via", "Vias", "extensionHeader-!.%*+_`'~", "z"] {
            assert_eq!(HeaderName::parse(unknown), HeaderName::Other);
        }
    }
}
