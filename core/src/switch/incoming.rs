//! A new call comes in: who calls, what was dialled, is it admitted.

use std::net::SocketAddr;

use sip::endpoint::Reply;
use sip::message::Message;
use sip::{Flow, LegId};

use crate::call::headers::{BodyError, sdp_of};
use crate::call::{Call, Common, Incoming, Line, Outcome, Rights};
use crate::route::{Caller, Refusal, host_text};
use crate::vocab::config::RecordPolicy;
use crate::vocab::record::{EndCause, Party};
use crate::vocab::{CallId, ExtensionKey, Feature, Hop, Now, Plan, TrunkKey};

use super::Running;

/// Seconds after which a refused caller may try again.
const RETRY_AFTER: &str = "5";

/// Why a call is not even begun.
pub(super) enum NotAdmitted {
    /// The switch is full, or on its way out.
    Full,
    /// The caller has as many calls as it may.
    TooMany,
}

impl Running {
    pub(super) fn on_invite(&mut self, now: Now, leg: LegId, flow: Flow, message: &Message) {
        let rights = match self.identify(now, flow, message) {
            Ok(rights) => rights,
            Err(reply) => return self.desk.sip.reject(now.mono, leg, *reply),
        };
        let offer = match sdp_of(message) {
            Ok(offer) => offer,
            Err(BodyError::NotSdp) => {
                let reply = Reply::new(415).with_header("Accept", "application/sdp");
                return self.desk.sip.reject(now.mono, leg, reply);
            }
            Err(BodyError::BadSdp) => return self.desk.sip.reject(now.mono, leg, Reply::new(488)),
        };
        if offer.as_ref().is_some_and(|offer| !offer.wanted_ports().contains(&true)) {
            return self.desk.sip.reject(now.mono, leg, Reply::new(488));
        }
        let (plan, refused) = match self.replacing(&rights, message) {
            Ok(None) => self.plan_for(&rights, message),
            Ok(Some(plan)) => (plan, None),
            Err(status) => return self.desk.sip.reject(now.mono, leg, Reply::new(status)),
        };
        if let Err(refusal) = self.admit(&rights, plan.emergency) {
            let reply = match refusal {
                NotAdmitted::Full => Reply::new(503).with_header("Retry-After", RETRY_AFTER),
                NotAdmitted::TooMany => Reply::new(486),
            };
            return self.desk.sip.reject(now.mono, leg, reply);
        }
        let companion = self.companion(&plan);
        let mut common = self.common(&rights, plan, Some(message));
        if let Some(companion) = companion.and_then(|id| self.calls.get(id)) {
            common.interaction = Some(companion.interaction);
            common.near = Some(companion.worker());
        }
        let incoming = Incoming {
            leg,
            offer,
            reliable: message.supports("100rel")
                || message.require().any(|tag| tag.eq_ignore_ascii_case("100rel")),
            max_forwards: message.max_forwards().unwrap_or(70).min(255) as u8,
            refused,
            invite: message.detach(),
            common,
        };
        self.counters.call_started();
        let call = Call::incoming(&mut self.desk.ctx(now), incoming);
        self.take_in(now, call);
    }

    pub(super) fn take_in(&mut self, now: Now, call: Call) {
        let id = call.id;
        self.calls.insert(call);
        self.remember_emergency(now, id);
        self.let_act(now, id, |_, _| {});
        self.grant_wishes(now, id);
    }

    /// The call that a plan leads into, where it joins one: they are one story.
    fn companion(&self, plan: &Plan) -> Option<CallId> {
        match plan.hops.first()? {
            Hop::Feature(Feature::Supervise(_, watched)) => {
                self.conversation_of(watched).map(|(call, _)| call)
            }
            Hop::Conference(key) => self.companion_in(key),
            _ => None,
        }
    }

    /// A carrier by its address, anybody else by credentials.
    fn identify(&mut self, now: Now, flow: Flow, message: &Message) -> Result<Rights, Box<Reply>> {
        if let Some(trunk) = self.trunk_of(flow.remote, message) {
            return Ok(Rights::Trunk(trunk));
        }
        self.authenticate(now, flow, message).map(Rights::Extension)
    }

    fn trunk_of(&self, remote: SocketAddr, message: &Message) -> Option<TrunkKey> {
        let candidates = self.books.trunks.identify(remote);
        self.books.directory.choose_trunk(&candidates, message).cloned()
    }

    /// Where the call leads. A number that leads nowhere makes a call too: its caller hears why and it is on record.
    fn plan_for(&self, rights: &Rights, message: &Message) -> (Plan, Option<Outcome>) {
        let directory = &self.books.directory;
        let uri = message.uri().ok();
        let user = uri.as_ref().and_then(|uri| uri.user_decoded()).unwrap_or_default().into_owned();
        let host = uri.as_ref().map(host_text);
        let (caller, dialled) = match rights {
            Rights::Extension(key) => (Caller::Extension(key), user),
            Rights::Trunk(key) => {
                (Caller::Trunk(key), directory.called_number(key, message).unwrap_or(user))
            }
        };
        // The name under which a phone knows us may be one that we do not know.
        let own = message.from().ok().and_then(|from| from.uri().ok());
        let own = own.as_ref().map(host_text);
        let host = host.filter(|host| directory.is_ours(host) || own.as_ref() != Some(host));
        match directory.plan(caller, &dialled, host.as_deref()) {
            Ok(mut plan) => {
                // A carrier that is down is the last resort.
                self.books.trunks.living_first(&mut plan.hops);
                (plan, None)
            }
            Err(refusal) => {
                let plan = Plan {
                    tenant: caller.tenant().clone(),
                    dialled: dialled.chars().take(64).collect(),
                    hops: Vec::new(),
                    hide_number: false,
                    emergency: false,
                };
                (plan, Some(refused(refusal)))
            }
        }
    }

    /// Whether there is room for another call of this caller.
    pub(super) fn admit(&self, rights: &Rights, emergency: bool) -> Result<(), NotAdmitted> {
        if self.drain.is_some() || !self.desk.out.has_room() {
            return Err(NotAdmitted::Full);
        }
        if emergency {
            return Ok(());
        }
        if self.calls.len() >= self.desk.policy.calls.max_calls as usize {
            return Err(NotAdmitted::Full);
        }
        let (line, limit) = match rights {
            Rights::Extension(key) => {
                let limit = self.books.directory.extension(key).map_or(0, |own| own.max_calls);
                (Line::Extension(key.clone()), limit)
            }
            Rights::Trunk(key) => {
                let limit = self.books.directory.trunk(key).map_or(0, |trunk| trunk.max_calls);
                (Line::Trunk(key.clone()), limit)
            }
        };
        match limit {
            0 => Ok(()),
            limit if self.calls.load(&line) < usize::from(limit) => Ok(()),
            _ => Err(NotAdmitted::TooMany),
        }
    }

    /// What does not depend on how the call came in.
    pub(super) fn common(&self, rights: &Rights, plan: Plan, message: Option<&Message>) -> Common {
        let directory = &self.books.directory;
        let (caller, record) = match rights {
            Rights::Extension(key) => (self.party_of(key), self.is_recorded(key)),
            Rights::Trunk(trunk) => {
                let remote = message.map(|message| directory.remote(trunk, message));
                let (number, name) =
                    remote.map_or_else(Default::default, |remote| (remote.number, remote.name));
                let number = number.unwrap_or_else(|| "anonymous".to_owned());
                (Party::Trunk { trunk: trunk.clone(), number, name }, false)
            }
        };
        let language = directory.tenant(&plan.tenant).map_or("en", |tenant| &tenant.language);
        let (language, rights) = (language.to_owned(), rights.clone());
        let near = match &rights {
            Rights::Extension(key) => self.calls.worker_of(key),
            Rights::Trunk(_) => None,
        };
        Common { caller, rights, record, language, plan, interaction: None, near }
    }

    pub(super) fn party_of(&self, key: &ExtensionKey) -> Party {
        let name = self.books.directory.extension(key).map(|extension| extension.name.clone());
        Party::Extension { extension: key.clone(), name: name.unwrap_or_default() }
    }

    pub(super) fn is_recorded(&self, key: &ExtensionKey) -> bool {
        let extension = self.books.directory.extension(key);
        extension.is_some_and(|extension| extension.record == RecordPolicy::Always)
    }
}

/// What a caller is told whose number leads nowhere.
pub(super) fn refused(refusal: Refusal) -> Outcome {
    match refusal {
        Refusal::NotFound => Outcome::of(EndCause::NotFound),
        Refusal::NotAllowed => Outcome::of(EndCause::Forbidden),
        Refusal::BadNumber => Outcome::from_status(484),
        Refusal::Loop => Outcome::from_status(482),
    }
}
