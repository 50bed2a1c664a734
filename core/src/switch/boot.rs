//! The beginning, and a new configuration.

use std::collections::{BTreeMap, VecDeque};

use sip::auth::Verifier;
use sip::endpoint::{Advertised, Endpoint, Limits, Settings};
use sip::{Method, Transport};

use super::trunks::TrunkErrands;
use crate::acd::Acd;
use crate::call::{Calls, Policy};
use crate::gate::Gate;
use crate::ids::{Ids, Purpose, seed_for};
use crate::mwi::Mwi;
use crate::outbox::Outbox;
use crate::park::Lot;
use crate::presence::Watches;
use crate::provision::Phones;
use crate::registrar::Registrar;
use crate::route::Directory;
use crate::stock::Stock;
use crate::trunk::Trunks;
use crate::vocab::config::Trunk;
use crate::vocab::define::Entry;
use crate::vocab::input::Listener;
use crate::vocab::record::{CallEnd, EndCause, EndedBy};
use crate::vocab::{Boot, Config, EventKind, ExtensionKey, Now, Record, Restored};

use super::attended::{Defined, Lobby};
use super::figures::Counters;
use super::flows::Flows;
use super::forward::Owners;
use super::group::Rounds;
use super::login::Logins;
use super::message::Deliveries;
use super::queue::{Definitions, Queues};
use super::staff::Staff;
use super::subscribe::PACKAGES;
use super::summons::Summons;
use super::{Books, Desk, Running};

/// Nonces that authenticated somebody and are remembered against replay.
const NONCES_REMEMBERED: usize = 65_536;

impl Running {
    pub(super) fn boot(now: Now, boot: Boot) -> Self {
        let Boot { seed, boot: count, config, listeners, mut restored } = boot;
        let mut config = config;
        let acd = Acd::new(seed_for(seed, Purpose::Distributor));
        let defined = Definitions::restored(std::mem::take(&mut restored.definitions));
        let mut out = Outbox::default();
        out.begin(count);
        let nonce_life = u64::from(config.sip.nonce_secs) * 1_000_000_000;
        let verifier =
            Verifier::new(seed_for(seed, Purpose::Nonces), nonce_life, NONCES_REMEMBERED);
        let desk = Desk {
            sip: Endpoint::new(settings(&config, &listeners), seed_for(seed, Purpose::Endpoint)),
            stock: Stock::default(),
            out,
            ids: Ids::new(seed),
            policy: policy(&config),
        };
        let mut over_http = crate::define::Defined::restored(std::mem::take(&mut restored.entries));
        let shadowed = over_http.merge(&mut config);
        let directory = directory(config, &over_http);
        let config = directory.config();
        let trunks: Vec<Trunk> = directory.trunks().cloned().collect();
        let books = Books {
            gate: Gate::new(config.sip.max_auth_failures, config.sip.silence_secs),
            registrar: Registrar::new(&config.sip, &listeners),
            trunks: Trunks::new(&trunks, &listeners, seed_for(seed, Purpose::Trunks), now),
            directory,
            verifier,
        };
        let mut running = Self {
            desk,
            books,
            defined: over_http,
            calls: Calls::default(),
            flows: Flows::new(listeners),
            awaiting: BTreeMap::new(),
            deliveries: Deliveries::default(),
            mwi: Mwi::default(),
            watches: Watches::default(),
            phones: Phones::default(),
            lobby: Lobby::default(),
            errands: TrunkErrands::default(),
            noted: VecDeque::new(),
            queues: Queues::new(acd, defined),
            staff: Staff::default(),
            logins: Logins::default(),
            transfers: Default::default(),
            consults: Default::default(),
            settings: Owners::default(),
            supervision: crate::supervise::Supervision::default(),
            conferences: super::conference::Conferences::default(),
            rounds: Rounds::default(),
            lot: Lot::default(),
            pages: Default::default(),
            reminders: Default::default(),
            summons: Summons::default(),
            dialing: super::dialer::Dialing::default(),
            robots: super::robot::Robots::default(),
            now,
            counters: Counters::default(),
            drain: None,
        };
        running.tell_shadowed(now, shadowed);
        running.restore(now, restored);
        running.tick_registrar(now);
        running.tick_trunks(now);
        running.settle(now);
        running
    }

    /// What the last run left behind: registrations live on, calls are closed.
    fn restore(&mut self, now: Now, restored: Restored) {
        let Books { registrar, directory, .. } = &mut self.books;
        let mut gone = registrar.restore(now, restored.registrations);
        let known = |key: &ExtensionKey| directory.extension(key).is_some();
        gone.extend(registrar.retain(now, &directory.config().sip, known));
        gone.into_iter().for_each(|record| self.desk.out.persist(record));
        for mut record in restored.open_calls {
            record.ended_at = Some(now.wall.max(record.started_at));
            for visit in record.queued.iter_mut().filter(|visit| visit.left_at.is_none()) {
                visit.left_at = record.ended_at;
                visit.outcome = Some("restart".to_owned());
            }
            record.end = Some(CallEnd {
                cause: EndCause::Restart,
                by: EndedBy::Switch,
                sip_status: 0,
                q850: 41,
            });
            self.desk.out.persist(Record::CallClosed(Box::new(record)));
        }
        self.lobby.mailboxes.restore(restored.messages, restored.greetings);
        self.lobby.outbox.restore(now, restored.mails);
        let held = self.lobby.mailboxes.all_counts();
        self.mwi.restore(restored.mailboxes.into_iter().chain(held).collect());
        for menu in restored.menus {
            self.lobby.menus.insert(menu.key.clone(), Defined { menu, from_file: false });
        }
        self.load_menus();
        self.restore_settings(restored.settings);
        let own = restored.tenant_settings.into_iter().map(|own| (own.tenant, own.settings));
        self.desk.policy.tenants = own.collect();
        self.apply_tenant_settings();
        for record in restored.open_recordings {
            self.desk.out.persist(Record::RecordingClosed(record));
        }
        self.configure_queues(now);
        self.queues.acd.restore(now, &restored.intents, &restored.figures);
        self.restore_watchers(now, restored.subscriptions);
        self.phones.restore(restored.phones);
        self.phones.load(&self.books.directory.config().phones);
        let stored = crate::dialer::Stored {
            tasks: restored.dial_tasks,
            numbers: restored.dial_numbers,
            done: restored.dial_done,
            blocked: restored.do_not_call,
        };
        self.dialing.dialer.restore(now, stored);
    }

    /// Takes a new configuration; calls in progress keep what they have.
    pub(super) fn reload(&mut self, now: Now, mut config: Config) {
        let shadowed = self.defined.merge(&mut config);
        self.tell_shadowed(now, shadowed);
        let listeners = self.flows.listeners().to_vec();
        let fresh = settings(&config, &listeners);
        *self.desk.sip.settings() = fresh;
        let tenants = std::mem::take(&mut self.desk.policy.tenants);
        self.desk.policy = Policy { tenants, ..policy(&config) };
        self.books.gate.configure(config.sip.max_auth_failures, config.sip.silence_secs);
        self.books.directory = directory(config, &self.defined);
        let trunks: Vec<Trunk> = self.books.directory.trunks().cloned().collect();
        self.books.trunks.reconfigure(&trunks, now);
        let directory = &self.books.directory;
        let gone = self
            .books
            .registrar
            .retain(now, &directory.config().sip, |key| directory.extension(key).is_some());
        for record in gone {
            self.desk.out.persist(record);
        }
        self.apply_tenant_settings();
        self.load_menus();
        self.load_settings();
        self.configure_queues(now);
        self.revise_watchers(now);
        self.phones.load(&self.books.directory.config().phones);
        self.dialing.dialer.touch();
        self.revise_reminders(now);
        self.desk.out.publish(now, None, EventKind::Reloaded);
        self.tick_trunks(now);
    }
}

/// The shell hands over checked configurations only, so this does not fail; if it does, nobody can be reached, loudly.
/// Extensions over HTTP are among the configuration's already.
fn directory(config: Config, over_http: &crate::define::Defined) -> Directory {
    let mut directory = match Directory::new(config) {
        Ok(directory) => directory,
        Err(error) => panic!("unchecked configuration: {error}"),
    };
    for entry in over_http.lines() {
        match entry {
            Entry::Number(number) => directory.put_number((**number).clone()),
            Entry::Trunk(trunk) => directory.put_trunk((**trunk).clone()),
            // One whose pattern does not compile was never accepted.
            Entry::Route(own) => drop(directory.put_route(own.route.clone(), own.position)),
            Entry::Extension(_) => {}
        }
    }
    directory
}

fn policy(config: &Config) -> Policy {
    Policy {
        calls: config.calls.clone(),
        media: config.media.clone(),
        external: config.sip.external_address,
        record_code: config.codes.record.clone(),
        tenants: BTreeMap::new(),
    }
}

fn settings(config: &Config, listeners: &[Listener]) -> Settings {
    let advertised = |listener: &Listener| {
        let address = config.sip.external_address?;
        let host = match address {
            std::net::IpAddr::V4(v4) => format!("{v4}:{}", listener.address.port()),
            std::net::IpAddr::V6(v6) => format!("[{v6}]:{}", listener.address.port()),
        };
        let same_family = address.is_ipv4() == listener.address.is_ipv4();
        let (transport, local) = (listener.transport, Some(listener.address));
        same_family.then_some(Advertised { transport, local, host })
    };
    let mut allow = vec![Method::Invite, Method::Ack, Method::Cancel, Method::Bye];
    allow.extend([Method::Register, Method::Options, Method::Prack, Method::Update]);
    allow.extend([Method::Info, Method::Message, Method::Subscribe, Method::Refer]);
    Settings {
        user_agent: concat!("Strowger/", env!("CARGO_PKG_VERSION")).to_owned(),
        advertised: listeners.iter().filter_map(advertised).collect(),
        session_expires: config.sip.session_expires,
        force_rport: config.sip.force_rport,
        datagram_limit: config.sip.datagram_limit as usize,
        allow,
        packages: PACKAGES.to_vec(),
        limits: Limits {
            subscriptions: config.presence.max_subscriptions as usize,
            subscriptions_each: config.presence.max_per_extension as usize,
            ..Limits::default()
        },
        supported: ["100rel", "timer", "replaces", "norefersub", "path", "eventlist"]
            .map(str::to_owned)
            .to_vec(),
        ..Settings::default()
    }
}

/// The transports that the switch listens on, for Contact headers.
pub(super) fn is_stream(transport: Transport) -> bool {
    transport != Transport::Udp
}
