//! What a REFER asks for, and what its sender is told.

use sip::message::{HeaderName, Message, reason_phrase};
use sip::uri::{Uri, decode};

/// The longest Replaces value that is read, in bytes.
const MAX_REPLACES: usize = 1024;

/// A dialog that the target's side has (RFC 3891 section 6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// Call-ID.
    pub call_id: String,
    /// The tag of whoever gets the INVITE: ours.
    pub to_tag: String,
    /// The other one: the tag of the phone whose dialog it is.
    pub from_tag: String,
}

/// Where a REFER leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferTo {
    /// The number.
    pub user: String,
    /// Its host.
    pub host: Option<String>,
    /// The dialog to be replaced, for an attended transfer.
    pub replaces: Option<Replaced>,
}

/// A REFER as it was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Where to.
    pub to: ReferTo,
    /// The sender wants to hear of the outcome (RFC 4488 section 4).
    pub subscribes: bool,
    /// The CSeq number.
    pub id: u32,
}

impl Asked {
    /// Reads a REFER.
    ///
    /// # Errors
    /// The status that refuses it.
    pub fn read(message: &Message) -> Result<Self, u16> {
        // RFC 3515 section 2.4.1: exactly one Refer-To.
        let mut all = message.headers(HeaderName::ReferTo);
        let one = all.next().is_some() && all.next().is_none();
        let address = message.refer_to().filter(|_| one).ok_or(400_u16)?;
        let uri = address.uri().map_err(|_| 400_u16)?;
        let to = ReferTo::of(&uri)?;
        let silent = message.header(HeaderName::ReferSub);
        let silent = silent.is_some_and(|value| value.trim().eq_ignore_ascii_case("false"));
        let id = message.cseq().map_or(0, |(number, _)| number);
        Ok(Self { to, subscribes: !silent, id })
    }
}

impl ReferTo {
    fn of(uri: &Uri<'_>) -> Result<Self, u16> {
        let method = uri.param("method").is_none_or(|method| method.eq_ignore_ascii_case("INVITE"));
        if !method {
            return Err(501);
        }
        let user = uri.user_decoded().ok_or(404_u16)?.into_owned();
        let mut fields = uri.header_fields();
        let value = fields.find(|(name, _)| decode(name).eq_ignore_ascii_case("Replaces"));
        let replaces = match value {
            Some((_, value)) if value.len() > MAX_REPLACES => return Err(400),
            Some((_, value)) => Some(Replaced::parse(&decode(value)).ok_or(400_u16)?),
            None => None,
        };
        Ok(Self { user, host: None, replaces })
    }
}

impl Replaced {
    /// Reads the value of a Replaces header.
    pub fn parse(value: &str) -> Option<Self> {
        sip::message::Replaces::parse(value).map(|own| Self::of(&own))
    }

    /// Owns what was read.
    pub fn of(own: &sip::message::Replaces<'_>) -> Self {
        Self {
            call_id: own.call_id.to_owned(),
            to_tag: own.to_tag.to_owned(),
            from_tag: own.from_tag.to_owned(),
        }
    }
}

/// The body of a NOTIFY (RFC 3515 section 2.4.5): a status line.
pub fn fragment(status: u16) -> String {
    format!("SIP/2.0 {status} {}\r\n", reason_phrase(status))
}

/// The Subscription-State of a NOTIFY with this status: a final one ends the subscription.
pub fn subscription_state(status: u16, seconds: u64) -> String {
    match status {
        100..=199 => format!("active;expires={seconds}"),
        _ => "terminated;reason=noresource".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refer(lines: &str) -> Message {
        let text = format!(
            "REFER sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\n\
             From: <sip:b@h>;tag=1\r\nTo: <sip:a@h>;tag=2\r\nCall-ID: c\r\nCSeq: 7 REFER\r\n{lines}\
             Content-Length: 0\r\n\r\n"
        );
        Message::parse(text.into()).unwrap()
    }

    #[test]
    fn a_blind_transfer_names_a_number() {
        let asked = Asked::read(&refer("Refer-To: <sip:4568@pbx.example>\r\n")).unwrap();
        assert_eq!(asked.to.user, "4568");
        assert_eq!((asked.to.replaces, asked.subscribes, asked.id), (None, true, 7));
    }

    #[test]
    fn an_attended_one_names_a_dialog_as_well() {
        let to = "Refer-To: <sip:4568@h?Replaces=ab%40c%3Bto-tag%3Dx1%3Bfrom-tag%3Dy2>\r\n";
        let asked = Asked::read(&refer(to)).unwrap();
        let dialog = asked.to.replaces.unwrap();
        assert_eq!(dialog.call_id, "ab@c");
        assert_eq!((dialog.to_tag.as_str(), dialog.from_tag.as_str()), ("x1", "y2"));
    }

    #[test]
    fn nobody_need_be_told() {
        let lines = "Refer-To: <sip:4568@h>\r\nRefer-Sub: false\r\n";
        assert!(!Asked::read(&refer(lines)).unwrap().subscribes);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (lines, status) in [
            ("", 400),
            ("Refer-To: <sip:1@h>\r\nRefer-To: <sip:2@h>\r\n", 400),
            ("Refer-To: nonsense\r\n", 400),
            ("Refer-To: <sip:h>\r\n", 404),
            ("Refer-To: <sip:1@h;method=BYE>\r\n", 501),
            ("Refer-To: <sip:1@h?Replaces=nothing>\r\n", 400),
        ] {
            assert_eq!(Asked::read(&refer(lines)), Err(status), "{lines}");
        }
    }

    #[test]
    fn a_notification_has_a_status_line() {
        assert_eq!(fragment(200), "SIP/2.0 200 OK\r\n");
        assert_eq!(subscription_state(100, 60), "active;expires=60");
        assert!(subscription_state(486, 60).starts_with("terminated"));
    }
}
