//! The torture messages of RFC 4475, written out, with the treatment that the RFC names as far
//! as the message layer gives it. What an endpoint adds (420, 483, 415 and so on) is tested there.

mod files;
mod invalid;
pub mod invalid_messages;
mod longreq;
mod other;
pub mod other_messages;
mod valid;
pub mod valid_messages;

use bytes::Bytes;
use strowger_sip::Message;

use invalid_messages::*;
use other_messages::*;
use valid_messages::*;

/// What happens to bytes before any transaction sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// The message goes on.
    Accept,
    /// The request is answered with this status.
    Answer(u16),
    /// Nothing is sent.
    Drop,
}

/// Parses and validates.
pub fn treat(bytes: &[u8]) -> Treatment {
    match Message::parse(Bytes::copy_from_slice(bytes)) {
        Err(error) if error.partial.is_some() => Treatment::Answer(error.kind.status()),
        Err(_) => Treatment::Drop,
        Ok(message) => match message.validate() {
            Ok(()) => Treatment::Accept,
            Err(rejection) if message.is_request() => Treatment::Answer(rejection.status),
            Err(_) => Treatment::Drop,
        },
    }
}

fn parse(bytes: &[u8]) -> Message {
    Message::parse(Bytes::copy_from_slice(bytes)).unwrap()
}

/// Name, bytes and treatment of every message, in the order of the RFC.
pub fn all() -> Vec<(&'static str, Vec<u8>, Treatment)> {
    use Treatment::{Accept, Answer, Drop};
    let long = longreq::message();
    let rows: [(&'static str, &[u8], Treatment); 49] = [
        ("wsinv", WSINV, Accept),
        ("intmeth", INTMETH, Accept),
        ("esc01", ESC01, Accept),
        ("escnull", ESCNULL, Accept),
        ("esc02", ESC02, Accept),
        ("lwsdisp", LWSDISP, Accept),
        ("longreq", &long, Accept),
        ("dblreq", DBLREQ, Accept),
        ("semiuri", SEMIURI, Accept),
        ("transports", TRANSPORTS, Accept),
        ("mpart01", MPART01, Accept),
        ("unreason", UNREASON, Accept),
        ("noreason", NOREASON, Accept),
        ("badinv01", BADINV01, Answer(400)),
        ("clerr", CLERR, Answer(400)),
        ("ncl", NCL, Answer(400)),
        ("scalar02", SCALAR02, Answer(400)),
        ("scalarlg", SCALARLG, Drop),
        ("quotbal", QUOTBAL, Answer(400)),
        ("ltgtruri", LTGTRURI, Answer(400)),
        ("lwsruri", LWSRURI, Answer(400)),
        ("lwsstart", LWSSTART, Answer(400)),
        ("trws", TRWS, Answer(400)),
        ("escruri", ESCRURI, Answer(400)),
        // Only a reader of Date should mind (section 3.1.2.12).
        ("baddate", BADDATE, Accept),
        ("regbadct", REGBADCT, Answer(400)),
        // Liberal, as the section allows: nothing is ambiguous.
        ("badaspec", BADASPEC, Accept),
        ("baddn", BADDN, Answer(400)),
        ("badvers", BADVERS, Answer(505)),
        ("mismatch01", MISMATCH01, Answer(400)),
        ("mismatch02", MISMATCH02, Answer(400)),
        ("bigcode", BIGCODE, Drop),
        ("badbranch", BADBRANCH, Accept),
        ("insuf", INSUF, Answer(400)),
        ("unkscm", UNKSCM, Answer(416)),
        ("novelsc", NOVELSC, Answer(416)),
        ("unksm2", UNKSM2, Answer(400)),
        ("bext01", BEXT01, Accept),
        ("invut", INVUT, Accept),
        ("regaut01", REGAUT01, Accept),
        ("multi01", MULTI01, Answer(400)),
        ("mcl01", MCL01, Answer(400)),
        ("bcast", BCAST, Accept),
        ("zeromf", ZEROMF, Accept),
        ("cparam01", CPARAM01, Accept),
        ("cparam02", CPARAM02, Accept),
        ("regescrt", REGESCRT, Accept),
        ("sdp01", SDP01, Accept),
        ("inv2543", INV2543, Accept),
    ];
    rows.into_iter().map(|(name, bytes, treatment)| (name, bytes.to_vec(), treatment)).collect()
}

#[test]
fn every_message_is_treated_as_the_rfc_says() {
    for (name, bytes, treatment) in all() {
        assert_eq!(treat(&bytes), treatment, "{name}");
    }
}
