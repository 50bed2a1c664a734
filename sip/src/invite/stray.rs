//! A 2xx that nobody wants: acknowledged and ended (RFC 3261 section 13.2.2.4).

use crate::Method;
use crate::auth::Credentials;
use crate::dialog::{Dialog, leads_to, towards};
use crate::endpoint::layer::{Layer, Outgoing, Owner, Sent};
use crate::message::{HeaderName, Message};

/// Sends ACK and BYE in the dialog that `response` makes. All that they need stands in it.
pub(crate) fn end(
    layer: &mut Layer,
    now: u64,
    sent: &Sent,
    response: &Message,
    credentials: Option<&Credentials>,
) {
    let (Ok((cseq, _)), Ok(call_id), Some(from)) =
        (response.cseq(), response.call_id(), response.header(HeaderName::From))
    else {
        return;
    };
    let mut dialog = Dialog::from_response(response, cseq, "");
    if dialog.target.is_empty() {
        dialog.target = response.to().map_or("", |to| to.uri_str()).into();
    }
    let behind_nat = !leads_to(dialog.next_hop_uri(), &sent.flow);
    let flow = if behind_nat { sent.flow } else { towards(sent.flow, dialog.next_hop_uri()) };
    let bye_cseq = dialog.next_cseq();
    let hop = dialog.next_hop();
    let ack = Outgoing {
        method: &Method::Ack,
        uri: hop.uri(),
        routes: hop.routes(),
        from,
        to: &dialog.remote,
        call_id,
        cseq,
        max_forwards: 70,
        contact: None,
        lines: &[],
        headers: &[],
        body: None,
    };
    layer.acknowledge(sent.handle, flow, &dialog.remote_tag, &ack);
    let bye = Outgoing { method: &Method::Bye, cseq: bye_cseq, ..ack };
    let owner = Owner::Nobody(credentials.cloned().map(Box::new));
    layer.start_request(now, flow, &bye, owner, 0);
}
