//! The free RTP ports of all workers, as the switch knows them.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use media::order::Port;

use crate::vocab::WorkerId;

/// Ports in use that one worker handles with ease: 800 audio streams are 40,000 packets a second, a quarter of a core.
const FULL_LOAD: usize = 800;

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

    /// Takes one port for each family wanted, all from one worker: the first that has less than [`FULL_LOAD`] in use, so
    /// that a quiet switch keeps one worker busy instead of waking all of them for a packet each; beyond that the one
    /// with the fewest in use.
    pub fn take(&mut self, wanted: &[Family]) -> Option<(WorkerId, Vec<Port>)> {
        let (worker, _) = self
            .workers
            .iter()
            .filter(|(_, shelf)| shelf.has(wanted))
            .min_by_key(|(worker, shelf)| (shelf.taken.saturating_sub(FULL_LOAD), **worker))?;
        let worker = *worker;
        self.take_from(worker, wanted).map(|ports| (worker, ports))
    }

    /// As [`Self::take`], but from this worker if it has them: legs that will meet should lie on one.
    pub fn take_near(
        &mut self,
        near: Option<WorkerId>,
        wanted: &[Family],
    ) -> Option<(WorkerId, Vec<Port>)> {
        let same = near.and_then(|near| Some((near, self.take_from(near, wanted)?)));
        same.or_else(|| self.take(wanted))
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use media::order::PortId;

    use super::*;

    fn ports(first: u32, count: u32) -> Vec<Port> {
        let at = |port: u32| SocketAddr::from((Ipv4Addr::LOCALHOST, port as u16));
        let port = |id| Port { id: PortId(id), rtp: at(2 * id), rtcp: at(2 * id + 1) };
        (first..first + count).map(port).collect()
    }

    #[test]
    fn one_worker_is_filled_before_the_next_and_then_they_share() {
        let mut stock = Stock::default();
        stock.add(WorkerId(0), ports(0, 1_000));
        stock.add(WorkerId(1), ports(2_000, 1_000));
        let pair = [Family::V4; 2];
        for _ in 0..FULL_LOAD / 2 {
            assert_eq!(stock.take(&pair).map(|(worker, _)| worker), Some(WorkerId(0)));
        }
        let next: Vec<_> = (0..4).filter_map(|_| stock.take(&pair)).map(|(w, _)| w.0).collect();
        assert!(next.contains(&1), "the second worker got none of {next:?}");
    }

    #[test]
    fn both_legs_come_from_a_worker_that_has_enough() {
        let mut stock = Stock::default();
        stock.add(WorkerId(0), ports(0, 1));
        stock.add(WorkerId(1), ports(2_000, 2));
        let taken = stock.take(&[Family::V4; 2]);
        assert_eq!(taken.map(|(worker, ports)| (worker.0, ports.len())), Some((1, 2)));
        assert!(stock.take(&[Family::V4; 2]).is_none());
        assert_eq!((stock.free(), stock.taken()), (1, 2));
    }
}
