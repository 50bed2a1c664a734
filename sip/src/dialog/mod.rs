//! A dialog (RFC 3261 section 12): who, in which order, and by which way.

mod route;

use crate::message::{HeaderName, Message, NameAddr};

pub(crate) use route::{NextHop, is_behind_nat, leads_to, towards, uri_in};

/// The most Record-Route values that are followed.
const MAX_ROUTES: usize = 32;

/// The part of a dialog that differs between the forks of one INVITE.
#[derive(Debug)]
pub(crate) struct Dialog {
    /// The peer's From or To value, tag included.
    pub remote: Box<str>,
    pub remote_tag: Box<str>,
    /// The peer's Contact: the Request-URI of what we send.
    pub target: Box<str>,
    /// The route set, our next hop first.
    pub routes: Box<[Box<str>]>,
    /// Our latest CSeq number.
    pub local_cseq: u32,
    /// The peer's latest CSeq number.
    remote_cseq: Option<u32>,
}

impl Dialog {
    /// As the UAS of the request that makes the dialog (12.1.1).
    pub fn from_request(request: &Message) -> Self {
        let from = request.header(HeaderName::From).unwrap_or("");
        let tag = request.from().ok().and_then(|from| from.tag()).unwrap_or("");
        // RFC 2543 knows INVITEs without a Contact; their sender is reached by From.
        let from_uri = request.from().ok().map(|from| from.uri_str());
        Self {
            remote: from.into(),
            remote_tag: tag.into(),
            target: contact_of(request).or(from_uri).unwrap_or("").into(),
            routes: record_routes(request, false),
            local_cseq: 0,
            remote_cseq: request.cseq().ok().map(|(number, _)| number),
        }
    }

    /// As the UAC of a request that `response` answers (12.1.2). `cseq` is the request's
    /// number, `target` its Request-URI, which serves where the response has no Contact.
    pub fn from_response(response: &Message, cseq: u32, target: &str) -> Self {
        let to = response.header(HeaderName::To).unwrap_or("");
        let tag = response.to().ok().and_then(|to| to.tag()).unwrap_or("");
        Self {
            remote: to.into(),
            remote_tag: tag.into(),
            target: contact_of(response).unwrap_or(target).into(),
            routes: record_routes(response, true),
            local_cseq: cseq,
            remote_cseq: None,
        }
    }

    /// One that an earlier process had: the peer and its tag, target, route set, and the latest
    /// CSeq numbers of ours and of the peer's.
    pub fn resumed(
        (remote, remote_tag): (Box<str>, Box<str>),
        target: Box<str>,
        routes: Vec<Box<str>>,
        (local_cseq, remote_cseq): (u32, Option<u32>),
    ) -> Self {
        let routes = routes.into_iter().take(MAX_ROUTES).collect();
        Self { remote, remote_tag, target, routes, local_cseq, remote_cseq }
    }

    /// The peer's latest CSeq number.
    pub fn remote_cseq(&self) -> Option<u32> {
        self.remote_cseq
    }

    /// A 2xx confirms the dialog: the route set is computed anew (13.2.2.4).
    pub fn confirm(&mut self, response: &Message) {
        self.routes = record_routes(response, true);
        self.refresh_target(response);
    }

    /// A target refresh request or its 2xx moves the peer (12.2.1.2, 12.2.2).
    pub fn refresh_target(&mut self, message: &Message) {
        if let Some(target) = contact_of(message)
            && *self.target != *target
        {
            self.target = target.into();
        }
    }

    /// The number of our next request.
    pub fn next_cseq(&mut self) -> u32 {
        self.local_cseq = self.local_cseq.saturating_add(1);
        self.local_cseq
    }

    /// Takes note of a request's number; false when it is out of order (12.2.2).
    pub fn note_remote_cseq(&mut self, number: u32) -> bool {
        if self.remote_cseq.is_some_and(|latest| number < latest) {
            return false;
        }
        self.remote_cseq = Some(number);
        true
    }

    /// The Request-URI and Route values of a request in this dialog (12.2.1.1).
    pub fn next_hop(&self) -> NextHop<'_> {
        NextHop::of(&self.target, &self.routes)
    }

    /// The URI that the next hop is found by: the first route, else the target.
    pub fn next_hop_uri(&self) -> &str {
        self.routes.first().map_or(&*self.target, |route| uri_in(route))
    }
}

/// A Contact that can be a Request-URI.
pub(crate) fn contact_of(message: &Message) -> Option<&str> {
    let contact = message.contact()?;
    contact.uri().ok().filter(|uri| uri.is_sip()).map(|uri| uri.as_str())
}

fn record_routes(message: &Message, reversed: bool) -> Box<[Box<str>]> {
    let readable = |value: &&str| {
        NameAddr::parse(value).is_some_and(|addr| addr.uri().is_ok_and(|uri| uri.is_sip()))
    };
    let values = message.values(HeaderName::RecordRoute).filter(readable).take(MAX_ROUTES);
    let mut routes: Vec<Box<str>> = values.map(Box::from).collect();
    if reversed {
        routes.reverse();
    }
    routes.into_boxed_slice()
}
