//! Locating a SIP server (RFC 3263 section 4) as a pure machine.
//!
//! The owner starts a [`Resolver`], asks the DNS whatever [`Resolver::poll_question`] yields,
//! hands each answer to [`Resolver::answer`], and finds the ordered targets in
//! [`Resolver::finished`]. All questions of one stage are asked at once.

mod plan;
mod record;
mod srv;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use rand_core::Rng;
use serde::{Deserialize, Serialize};

use crate::Transport;

pub use record::{Answer, Naptr, Question, Record, RecordKind, Srv};

use plan::Place;

/// The most targets that one resolution yields.
pub const MAX_TARGETS: usize = 16;
/// The most services, and the most server hosts, that are followed.
const MAX_FOLLOWED: usize = 8;
/// How long a failure is remembered, in seconds (RFC 2308 section 5 bounds it to hours).
const NEGATIVE_TTL: u32 = 30;

/// One place to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The transport to use there.
    pub transport: Transport,
    /// The address and port.
    pub address: SocketAddr,
}

/// What a resolution yields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    /// Where to send, best first; empty when the name leads nowhere.
    pub targets: Vec<Target>,
    /// How long this holds, in seconds: the least TTL on the way.
    pub ttl_secs: u32,
}

/// What is to be located.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// A host name, or an address with or without brackets.
    pub host: String,
    /// The port, when the URI names one.
    pub port: Option<u16>,
    /// The transport, when the URI or the configuration names one.
    pub transport: Option<Transport>,
    /// Whether only TLS will do (a sips URI).
    pub secure: bool,
    /// Whether IPv4 addresses can be reached.
    pub ipv4: bool,
    /// Whether IPv6 addresses can be reached.
    pub ipv6: bool,
}

/// What the questions now outstanding are for.
#[derive(Debug)]
enum Stage {
    /// NAPTR of the host (4.1).
    Services,
    /// SRV of each service (4.2).
    Servers {
        names: Vec<(Transport, String)>,
        found: Vec<Vec<Srv>>,
    },
    /// A and AAAA of each host.
    Addresses {
        places: Vec<Place>,
        found: Vec<Vec<IpAddr>>,
    },
    Done(Vec<Target>),
}

/// One resolution in progress.
#[derive(Debug)]
pub struct Resolver {
    request: Request,
    stage: Stage,
    questions: VecDeque<Question>,
    outstanding: Vec<Question>,
    ttl_secs: u32,
}

impl Resolver {
    /// Begins; an address literal is finished at once.
    #[must_use]
    pub fn start(request: Request) -> Self {
        let mut this = Self {
            stage: Stage::Services,
            request,
            questions: VecDeque::new(),
            outstanding: Vec::new(),
            ttl_secs: u32::MAX,
        };
        this.first_stage();
        this
    }

    /// Takes the next question to ask.
    pub fn poll_question(&mut self) -> Option<Question> {
        let question = self.questions.pop_front()?;
        self.outstanding.push(question.clone());
        Some(question)
    }

    /// The answer to a question; an unknown or repeated one is ignored. `rng` orders servers of
    /// equal priority by weight (RFC 2782).
    pub fn answer(&mut self, question: &Question, answer: Answer, rng: &mut impl Rng) {
        let Some(at) = self.outstanding.iter().position(|asked| asked == question) else { return };
        self.outstanding.swap_remove(at);
        if let Answer::Found { records, ttl_secs } = answer {
            self.ttl_secs = self.ttl_secs.min(ttl_secs);
            self.take(question, records);
        } else if self.services_unanswered(question) {
            self.enter_servers(plan::default_services(&self.request));
        }
        if self.outstanding.is_empty() && self.questions.is_empty() {
            self.advance(rng);
        }
    }

    /// The result, once every question is answered.
    #[must_use]
    pub fn finished(&self) -> Option<Resolved> {
        let Stage::Done(targets) = &self.stage else { return None };
        let ttl = if targets.is_empty() { self.ttl_secs.min(NEGATIVE_TTL) } else { self.ttl_secs };
        Some(Resolved { targets: targets.clone(), ttl_secs: ttl })
    }

    fn first_stage(&mut self) {
        let request = &self.request;
        let transport = plan::transport_without_dns(request);
        if let Some(ip) = plan::literal(&request.host) {
            let port = request.port.unwrap_or_else(|| transport.default_port());
            let target = Target { transport, address: SocketAddr::new(ip, port) };
            self.stage = Stage::Done(vec![target]);
            return;
        }
        // 4.2: an explicit port means no SRV.
        if let Some(port) = request.port {
            let place = Place { transport, host: request.host.clone(), port };
            return self.enter_addresses(vec![place]);
        }
        if request.transport.is_some() {
            let service = plan::service_name(transport, &request.host);
            return self.enter_servers(vec![(transport, service)]);
        }
        self.questions.push_back(Question::new(&request.host, RecordKind::Naptr));
    }

    fn services_unanswered(&self, question: &Question) -> bool {
        question.kind == RecordKind::Naptr && matches!(self.stage, Stage::Services)
    }

    fn take(&mut self, question: &Question, records: Vec<Record>) {
        match &mut self.stage {
            Stage::Services => {
                let mut names = plan::services(&self.request, &records);
                if names.is_empty() {
                    names = plan::default_services(&self.request);
                }
                self.enter_servers(names);
            }
            Stage::Servers { names, found } => {
                for ((_, name), list) in names.iter().zip(found.iter_mut()) {
                    if *name == question.name && list.is_empty() {
                        list.extend(records.iter().filter_map(Record::as_srv).cloned());
                        list.truncate(MAX_FOLLOWED);
                    }
                }
            }
            Stage::Addresses { places, found } => {
                for (place, list) in places.iter().zip(found.iter_mut()) {
                    if place.host == question.name {
                        list.extend(records.iter().filter_map(Record::address));
                        list.truncate(MAX_TARGETS);
                    }
                }
            }
            Stage::Done(_) => {}
        }
    }

    fn advance(&mut self, rng: &mut impl Rng) {
        match &mut self.stage {
            Stage::Services | Stage::Done(_) => {}
            Stage::Servers { names, found } => {
                let lists = names.iter().map(|(transport, _)| *transport).zip(found.drain(..));
                let mut places = Vec::new();
                for (transport, servers) in lists {
                    places.extend(srv::in_order(servers, rng).into_iter().map(|server| Place {
                        transport,
                        host: server.target,
                        port: server.port,
                    }));
                }
                places.truncate(MAX_FOLLOWED);
                if places.is_empty() {
                    // 4.2: no SRV records at all, so the host's own addresses are used.
                    places.push(plan::host_itself(&self.request));
                }
                self.enter_addresses(places);
            }
            Stage::Addresses { places, found } => {
                let mut targets = plan::targets(places, found);
                targets.truncate(MAX_TARGETS);
                self.stage = Stage::Done(targets);
            }
        }
    }

    fn enter_servers(&mut self, mut names: Vec<(Transport, String)>) {
        names.truncate(MAX_FOLLOWED);
        self.questions.extend(names.iter().map(|(_, name)| Question::new(name, RecordKind::Srv)));
        let found = vec![Vec::new(); names.len()];
        self.stage = Stage::Servers { names, found };
    }

    fn enter_addresses(&mut self, places: Vec<Place>) {
        let mut found = Vec::with_capacity(places.len());
        for place in &places {
            found.push(plan::literal(&place.host).into_iter().collect::<Vec<_>>());
            if plan::literal(&place.host).is_some() {
                continue;
            }
            for (wanted, kind) in
                [(self.request.ipv4, RecordKind::A), (self.request.ipv6, RecordKind::Aaaa)]
            {
                let question = Question::new(&place.host, kind);
                if wanted && !self.questions.contains(&question) {
                    self.questions.push_back(question);
                }
            }
        }
        if self.questions.is_empty() {
            self.stage = Stage::Done(plan::targets(&places, &found));
            return;
        }
        self.stage = Stage::Addresses { places, found };
    }
}
