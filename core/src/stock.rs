//! The free RTP ports of all workers, as the switch knows them.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use media::order::Port;

use crate::vocab::WorkerId;

/// Free ports by worker, oldest first.
#[derive(Debug, Default)]
pub struct Stock {
    workers: BTreeMap<WorkerId, Shelf>,
}

#[derive(Debug, Default)]
struct Shelf {
    v4: VecDeque<Port>,
    v6: VecDeque<Port>,
    taken: usize,
}

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

impl Shelf {
    fn side(&mut self, family: Family) -> &mut VecDeque<Port> {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }

    fn has(&self, wanted: &[Family]) -> bool {
        let v4 = wanted.iter().filter(|family| **family == Family::V4).count();
        self.v4.len() >= v4 && self.v6.len() >= wanted.len() - v4
    }
}

impl Stock {
    /// A worker reports ports that are free now.
    pub fn add(&mut self, worker: WorkerId, ports: Vec<Port>) {
        let shelf = self.workers.entry(worker).or_default();
        for port in ports {
            shelf.side(Family::of(port.rtp.ip())).push_back(port);
        }
    }

    /// Takes one port for each family wanted, all from the worker with the fewest ports in use.
    pub fn take(&mut self, wanted: &[Family]) -> Option<(WorkerId, Vec<Port>)> {
        let (worker, _) = self
            .workers
            .iter()
            .filter(|(_, shelf)| shelf.has(wanted))
            .min_by_key(|(worker, shelf)| (shelf.taken, **worker))?;
        let worker = *worker;
        self.take_from(worker, wanted).map(|ports| (worker, ports))
    }

    /// Takes ports from one worker, for more streams of a call that it has already.
    pub fn take_from(&mut self, worker: WorkerId, wanted: &[Family]) -> Option<Vec<Port>> {
        let shelf = self.workers.get_mut(&worker)?;
        if !shelf.has(wanted) {
            return None;
        }
        shelf.taken += wanted.len();
        Some(wanted.iter().filter_map(|family| shelf.side(*family).pop_front()).collect())
    }

    /// A stream is closed: one port less in use. The port itself comes back by the worker's report.
    pub fn closed(&mut self, worker: WorkerId) {
        if let Some(shelf) = self.workers.get_mut(&worker) {
            shelf.taken = shelf.taken.saturating_sub(1);
        }
    }

    /// Ports free now.
    pub fn free(&self) -> usize {
        self.workers.values().map(|shelf| shelf.v4.len() + shelf.v6.len()).sum()
    }

    /// Ports in use.
    pub fn taken(&self) -> usize {
        self.workers.values().map(|shelf| shelf.taken).sum()
    }

    /// Whether any worker offers addresses of a family at all.
    pub fn knows(&self, family: Family) -> bool {
        self.workers.values().any(|shelf| match family {
            Family::V4 => !shelf.v4.is_empty(),
            Family::V6 => !shelf.v6.is_empty(),
        })
    }
}
