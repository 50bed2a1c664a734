//! Questions to the DNS, asked by hickory-resolver.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use sip::resolve::{Answer, Naptr, Question, Record, RecordKind, Srv};
use tokio::sync::Semaphore;

/// Questions under way at a time; more wait in their tasks.
const AT_A_TIME: usize = 64;
/// One attempt at one server.
const ATTEMPT: Duration = Duration::from_secs(2);
/// Records of one answer that are passed on.
const MOST: usize = 64;

/// Asks the configured servers, or the system's.
#[derive(Debug, Clone)]
pub struct Dns {
    resolver: TokioResolver,
    slots: Arc<Semaphore>,
}

impl Dns {
    /// Servers from the configuration; empty takes those of `/etc/resolv.conf`.
    ///
    /// # Errors
    /// In words, when the system's configuration cannot be read.
    pub fn new(servers: &[SocketAddr]) -> Result<Self, String> {
        let builder = if servers.is_empty() {
            TokioResolver::builder_tokio()
        } else {
            let servers = servers.iter().map(server).collect();
            let config = ResolverConfig::from_parts(None, Vec::new(), servers);
            Ok(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()))
        };
        let mut builder = builder.map_err(|error| error.to_string())?;
        let options = builder.options_mut();
        options.timeout = ATTEMPT;
        options.attempts = 2;
        // The switch remembers answers itself for as long as they hold.
        options.cache_size = 0;
        let resolver = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { resolver, slots: Arc::new(Semaphore::new(AT_A_TIME)) })
    }

    /// The answer to one question; takes some seconds at most.
    pub async fn ask(&self, question: &Question) -> Answer {
        let Ok(_slot) = self.slots.acquire().await else { return Answer::Failed };
        let kind = match question.kind {
            RecordKind::Naptr => RecordType::NAPTR,
            RecordKind::Srv => RecordType::SRV,
            RecordKind::A => RecordType::A,
            RecordKind::Aaaa => RecordType::AAAA,
        };
        // The final dot keeps search domains out.
        let name = format!("{}.", question.name.trim_end_matches('.'));
        match self.resolver.lookup(name, kind).await {
            Ok(found) => {
                let left = found.valid_until().saturating_duration_since(Instant::now());
                let ttl_secs = u32::try_from(left.as_secs()).unwrap_or(u32::MAX);
                let records = found.answers().iter().filter_map(|answer| record(&answer.data));
                Answer::Found { records: records.take(MOST).collect(), ttl_secs }
            }
            Err(error) => {
                tracing::debug!("DNS {kind} {}: {error}", question.name);
                Answer::Failed
            }
        }
    }
}

impl Dns {
    /// The addresses of a host, from the hosts file or the servers.
    ///
    /// # Errors
    /// In words, when there is no answer.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, String> {
        let _slot = self.slots.acquire().await.map_err(|error| error.to_string())?;
        let found = self.resolver.lookup_ip(host).await;
        found.map(|found| found.iter().take(MOST).collect()).map_err(|error| error.to_string())
    }
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let connection = |mut connection: ConnectionConfig| {
        connection.port = address.port();
        connection
    };
    let connections =
        vec![connection(ConnectionConfig::udp()), connection(ConnectionConfig::tcp())];
    NameServerConfig::new(address.ip(), true, connections)
}

fn record(data: &RData) -> Option<Record> {
    match data {
        RData::A(a) => Some(Record::A(a.0)),
        RData::AAAA(aaaa) => Some(Record::Aaaa(aaaa.0)),
        RData::SRV(srv) => Some(Record::Srv(Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: srv.target.to_utf8(),
        })),
        RData::NAPTR(naptr) => Some(Record::Naptr(Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: String::from_utf8_lossy(&naptr.flags).into_owned(),
            service: String::from_utf8_lossy(&naptr.services).into_owned(),
            replacement: naptr.replacement.to_utf8(),
        })),
        _ => None,
    }
}
