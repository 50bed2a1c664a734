//! The requests that a trunk sends outside calls.

use sip::Method;
use sip::auth::Credentials;
use sip::endpoint::OutRequest;
use sip::resolve::Target;
use sip::uri::EscapeUser;

use crate::host;
use crate::vocab::config::Trunk;

use super::is_stream;

/// The domain of the account: as configured, else the host without its port.
fn domain(trunk: &Trunk) -> String {
    let own = trunk.domain.as_deref().unwrap_or_else(|| host::split(&trunk.host).0);
    host::in_uri(own)
}

/// The Request-URI of what concerns the carrier as a whole.
fn carrier_uri(trunk: &Trunk, target: Target) -> String {
    let place = trunk.domain.as_deref().map_or_else(
        || match host::split(&trunk.host) {
            (name, Some(port)) => format!("{}:{port}", host::in_uri(name)),
            (name, None) => host::in_uri(name),
        },
        host::in_uri,
    );
    if is_stream(target.transport) {
        format!("sip:{place};transport={}", target.transport.as_param())
    } else {
        format!("sip:{place}")
    }
}

fn credentials(trunk: &Trunk) -> Option<Credentials> {
    let username = trunk.username.clone()?;
    let password = trunk.password.as_ref()?.expose().into();
    Some(Credentials { username, password, realm: None })
}

/// Our address of record at the carrier.
fn account(trunk: &Trunk) -> String {
    let user = trunk.username.as_deref().unwrap_or("ping");
    format!("<sip:{}@{}>", EscapeUser(user), domain(trunk))
}

/// REGISTER (RFC 3261 section 10.2), but for its Contact.
pub(super) fn register(
    trunk: &Trunk,
    target: Target,
    call_id: &str,
    cseq: u32,
    expires: u32,
) -> OutRequest {
    let account = account(trunk);
    let uri = carrier_uri(trunk, target);
    let mut request = OutRequest::new(Method::Register, uri, account.clone(), account);
    request.call_id = Some(call_id.to_owned());
    request.cseq = Some(cseq);
    request.headers.push(("Expires".into(), expires.to_string()));
    request.credentials = credentials(trunk);
    request
}

/// OPTIONS (RFC 3261 section 11), to see whether somebody is there.
pub(super) fn options(trunk: &Trunk, target: Target) -> OutRequest {
    let uri = carrier_uri(trunk, target);
    let to = format!("<{uri}>");
    OutRequest::new(Method::Options, uri, account(trunk), to)
}
