//! Answers what calls want to know: where a hop leads now, and where a redirection may lead.

use std::collections::VecDeque;

use media::order::CodecKind;
use media::sdp::CodecPolicy;
use sip::auth::Credentials;
use sip::uri::Uri;

use crate::call::{Call, Found, Line, Outcome, Place, Reach, Rights, SECOND, Target, Wish};
use crate::route::{Caller, anonymous, host_text};
use crate::vocab::config::Trunk;
use crate::vocab::record::{EndCause, Party};
use crate::vocab::{CallId, ExtensionKey, Hop, Identity, Now, TrunkKey};

use super::Running;
use super::forward::SentOn;
use super::incoming::refused;
use super::queue::Arrival;

impl Running {
    /// Answers a call's questions until it has none.
    pub(super) fn grant_wishes(&mut self, now: Now, id: CallId) {
        while let Some(wish) = self.calls.with(id, Call::take_wish).flatten() {
            match wish {
                Wish::Locate(hop) => match self.arrive(now, id, &hop) {
                    Arrival::Here(found) => {
                        self.let_act(now, id, |call, ctx| call.located(ctx, found));
                    }
                    Arrival::Away => {}
                    Arrival::Elsewhere(hops) => {
                        self.let_act(now, id, |call, ctx| call.redirected(ctx, Ok(hops)));
                    }
                    Arrival::SentOn(diversion, hops) => {
                        self.let_act(now, id, |call, ctx| call.divert(ctx, diversion, hops));
                    }
                },
                Wish::Record(extension) => self.record_by_code(now, id, &extension),
                Wish::Redirect { owner, uri } => {
                    let to = self.redirect(id, &owner, &uri);
                    self.let_act(now, id, |call, ctx| call.redirected(ctx, to));
                }
                Wish::Unanswered { owner, outcome } => self.unanswered(now, id, &owner, outcome),
            }
        }
    }

    fn arrive(&mut self, now: Now, id: CallId, hop: &Hop) -> Arrival {
        match hop {
            Hop::Queue(key) => self.join_queue(now, id, key),
            Hop::Extension(key) => match self.sent_on(now, id, key) {
                Some(SentOn::To(diversion, hops)) => Arrival::SentOn(diversion, hops),
                Some(SentOn::Refused(outcome)) => Arrival::Here(Found::Nothing(outcome)),
                None => Arrival::Here(match self.follow_owner(now, id, key) {
                    Some(found) => found,
                    None => self.locate(now, id, hop),
                }),
            },
            Hop::Feature(feature) => self.enter_feature(now, id, feature),
            hop => Arrival::Here(self.locate(now, id, hop)),
        }
    }

    fn locate(&mut self, now: Now, id: CallId, hop: &Hop) -> Found {
        match hop {
            Hop::Echo => Found::Echo,
            Hop::Sound(name) => Found::Sound(name.clone()),
            Hop::Menu(key) => self.enter_menu(now, id, key),
            Hop::Group(key) => self.enter_group(now, id, key),
            Hop::Voicemail(key) => self.leave_message(now, id, key),
            Hop::OwnVoicemail => self.visit_mailbox(now, id),
            Hop::AgentLogin => self.begin_login(now, id),
            Hop::Conference(key) => self.enter_conference(now, id, key),
            Hop::Page(key) => self.enter_page(now, id, key),
            Hop::Queue(_) | Hop::Feature(_) => Found::Nothing(Outcome::of(EndCause::NotFound)),
            Hop::Extension(key) => {
                let identity = self.identity_for(id, hop);
                self.ringing_as_set(key, self.locate_extension(key, identity))
            }
            Hop::Trunk { trunk, number } => {
                let identity = self.identity_for(id, hop);
                let emergency = self.calls.get(id).is_some_and(|call| call.emergency);
                self.locate_trunk(trunk, number, identity, emergency)
            }
        }
    }

    /// How the caller is shown at a hop.
    pub(super) fn identity_for(&self, id: CallId, hop: &Hop) -> Identity {
        let Some(call) = self.calls.get(id) else { return anonymous(None) };
        let caller = match &call.rights {
            Rights::Extension(key) => Caller::Extension(key),
            Rights::Trunk(key) => Caller::Trunk(key),
        };
        let incoming = call.invite().filter(|_| !call.emergency);
        let suffix = self.queues.suffix(id);
        if (incoming.is_none() || suffix.is_some()) && !matches!(hop, Hop::Trunk { .. }) {
            return self.identity_on_record(call, suffix.unwrap_or_default());
        }
        if let (Some(diversion), Hop::Trunk { trunk, .. }) = (call.diversions().last(), hop)
            && matches!(call.rights, Rights::Trunk(_))
        {
            return self.identity_of_forwarded(call, &diversion.owner, trunk);
        }
        if let (Some(shown), Hop::Trunk { trunk, .. }) = (&call.shown, hop) {
            return self.books.directory.identity_with_number(trunk, shown, call.hide_number);
        }
        self.books.directory.identity(caller, hop, call.hide_number, incoming)
    }

    /// A caller whose INVITE is gone, or whose name was added to: as the record knows it.
    fn identity_on_record(&self, call: &Call, suffix: &str) -> Identity {
        let (name, number) = match &call.record.caller {
            Party::Extension { extension, name } => (name, &extension.number),
            Party::Trunk { number, name, .. } if number != "anonymous" => (name, number),
            Party::Trunk { .. } | Party::Service { .. } | Party::Nobody => return anonymous(None),
        };
        if call.hide_number {
            return anonymous(None);
        }
        self.books.directory.shown(&call.tenant, &format!("{name}{suffix}"), number)
    }

    pub(super) fn locate_extension(&self, key: &ExtensionKey, identity: Identity) -> Found {
        let directory = &self.books.directory;
        let Some(extension) = directory.extension(key) else {
            return Found::Nothing(Outcome::of(EndCause::NotFound));
        };
        let line = Line::Extension(key.clone());
        let limit = usize::from(extension.max_calls);
        if limit > 0 && self.calls.load(&line) >= limit {
            return Found::Nothing(Outcome::of(EndCause::Busy));
        }
        let to = format!("<sip:{}@{}>", key.number, directory.host(&key.tenant));
        let targets: VecDeque<Target> = self
            .books
            .registrar
            .contacts(key)
            .into_iter()
            .map(|contact| Target {
                uri: contact.uri,
                to: to.clone(),
                route: contact.path,
                via: Reach::Flow(contact.flow),
                credentials: None,
                place: None,
            })
            .collect();
        if targets.is_empty() {
            return Found::Nothing(Outcome::of(EndCause::NotRegistered));
        }
        let ring = u64::from(extension.ring_secs.unwrap_or(self.desk.policy.calls.ring_secs));
        Found::Ring(Box::new(Place {
            party: self.party_of(key),
            line,
            targets,
            sequential: false,
            identity,
            codecs: self.codecs(extension.codecs.as_deref()),
            ring: ring.max(1) * SECOND,
            silence: None,
            record: self.is_recorded(key),
            auto_answer: false,
        }))
    }

    pub(super) fn locate_trunk(
        &mut self,
        key: &TrunkKey,
        number: &str,
        identity: Identity,
        emergency: bool,
    ) -> Found {
        let Some(trunk) = self.books.directory.trunk(key).cloned() else {
            return Found::Nothing(Outcome::of(EndCause::NotFound));
        };
        let line = Line::Trunk(key.clone());
        let limit = usize::from(trunk.max_calls);
        if limit > 0 && !emergency && self.calls.load(&line) >= limit {
            return Found::Nothing(Outcome::of(EndCause::Congestion));
        }
        let mut targets = VecDeque::new();
        for target in self.books.trunks.targets(key) {
            let host = trunk_host(&trunk);
            if let Some(via) = self.reach(target.transport, target.address, &host) {
                let uri = trunk_uri(number, &trunk, target.transport);
                let to = format!("<sip:{number}@{host}>");
                let credentials = trunk_credentials(&trunk);
                let place = Some(target);
                targets.push_back(Target { uri, to, route: Vec::new(), via, credentials, place });
            }
        }
        if targets.is_empty() {
            return Found::Nothing(Outcome::of(EndCause::Unreachable));
        }
        let times = &self.desk.policy.calls;
        let party =
            Party::Trunk { trunk: key.clone(), number: number.to_owned(), name: String::new() };
        Found::Ring(Box::new(Place {
            party,
            line,
            targets,
            sequential: true,
            identity,
            ring: u64::from(times.trunk_ring_secs.max(1)) * SECOND,
            silence: (times.trunk_try_secs > 0).then(|| u64::from(times.trunk_try_secs) * SECOND),
            codecs: self.codecs(trunk.codecs.as_deref()),
            record: false,
            auto_answer: false,
        }))
    }

    /// The first carrier on a way outside that takes a call now; what the last one said where none does.
    pub(super) fn locate_outside(
        &mut self,
        way: &[Hop],
        shown: impl Fn(&Self, &Hop) -> Identity,
    ) -> Found {
        let mut found = Found::Nothing(Outcome::of(EndCause::Unreachable));
        for hop in way {
            let Hop::Trunk { trunk, number } = hop else { break };
            let identity = shown(self, hop);
            found = self.locate_trunk(trunk, number, identity, false);
            if matches!(found, Found::Ring(_)) {
                break;
            }
        }
        found
    }

    /// Where an owner's phone may redirect to: whatever the owner may forward to, but not back on the way of the call.
    fn redirect(&self, id: CallId, owner: &ExtensionKey, uri: &str) -> Result<Vec<Hop>, Outcome> {
        let uri = Uri::parse(uri).map_err(|_| Outcome::of(EndCause::NotFound))?;
        let user = uri.user_decoded().unwrap_or_default();
        let mut plan =
            self.books.directory.forward(owner, &user, Some(&host_text(&uri))).map_err(refused)?;
        let call = self.calls.get(id);
        if call.is_some_and(|call| self.leads_back(call, owner, &plan.hops)) {
            return Err(Outcome::from_status(482));
        }
        self.books.trunks.living_first(&mut plan.hops);
        Ok(plan.hops)
    }

    fn codecs(&self, own: Option<&[String]>) -> CodecPolicy {
        let names = own.unwrap_or(&self.desk.policy.media.codecs);
        let prefer = names.iter().filter_map(|name| codec_named(name)).collect();
        CodecPolicy { prefer, ..CodecPolicy::default() }
    }
}

/// The codec that a configured name means; names that we only relay have no place in the preference.
fn codec_named(name: &str) -> Option<CodecKind> {
    let known = [
        ("pcmu", CodecKind::Pcmu),
        ("pcma", CodecKind::Pcma),
        ("g722", CodecKind::G722),
        ("opus", CodecKind::Opus),
    ];
    known.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, kind)| *kind)
}

/// The host that names a trunk in URIs.
pub(super) fn trunk_host(trunk: &Trunk) -> String {
    trunk.domain.clone().unwrap_or_else(|| trunk.host.clone())
}

/// The Request-URI of a number at a trunk.
fn trunk_uri(number: &str, trunk: &Trunk, transport: sip::Transport) -> String {
    let host = trunk_host(trunk);
    match transport {
        sip::Transport::Udp => format!("sip:{number}@{host}"),
        stream => format!("sip:{number}@{host};transport={}", stream.as_param()),
    }
}

/// What answers a trunk's challenges.
pub(super) fn trunk_credentials(trunk: &Trunk) -> Option<Credentials> {
    Some(Credentials {
        username: trunk.username.clone()?,
        password: trunk.password.as_ref()?.expose().into(),
        realm: None,
    })
}
