//! A worker's stock of bound RTP and RTCP pairs.
//!
//! Pairs are bound ahead of demand and stay bound: in steady state a call opens and closes no socket. A pair that comes
//! back rests until it has been silent for [`REST`], so that a late packet of the former call reaches nobody, and at
//! most [`REST_MOST`], so that a stranger's packets cannot keep it out of use for ever.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;

use ::media::order::{Port, PortId};
use ::media::session::Socket;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};

use super::io::PacketIo;

/// Silence after which a returned pair is offered again, ns.
pub const REST: u64 = 2_000_000_000;
/// A pair is offered again after this long even when packets still arrive, ns.
pub const REST_MOST: u64 = 30_000_000_000;
/// Rests end on this grid, so that one wake-up serves many pairs, ns.
const GRID: u64 = 250_000_000;
/// Routers forward voice first: DSCP EF (RFC 3246) in the upper six bits.
const EXPEDITED: u8 = 46 << 2;
/// Pairs bound in one turn, so that a burst of calls does not delay packets.
const BIND_AT_ONCE: usize = 16;
/// Numbers tried for one pair in one turn, when others hold them.
const TRIES_AT_ONCE: u16 = 256;

/// The even ports of one address that belong to one worker.
#[derive(Debug, Clone)]
pub struct Range {
    address: IpAddr,
    first: u16,
    pairs: u16,
    next: u16,
    bound: u16,
}

impl Range {
    /// The share of worker `worker` of `workers` in `ports`.
    pub fn share(address: IpAddr, ports: &RangeInclusive<u16>, worker: u16, workers: u16) -> Self {
        let first = ports.start().next_multiple_of(2);
        let last = *ports.end();
        let pairs = if last > first { (last - first).div_ceil(2) } else { 0 };
        let before =
            |worker: u16| (u32::from(pairs) * u32::from(worker) / u32::from(workers.max(1))) as u16;
        Self {
            address,
            first: first + before(worker) * 2,
            pairs: before(worker + 1) - before(worker),
            next: 0,
            bound: 0,
        }
    }

    /// Binds the next pair that can be bound.
    fn bind_next(&mut self) -> io::Result<(SocketAddr, OwnedFd, OwnedFd)> {
        if self.bound == self.pairs {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        for _ in 0..self.pairs.min(TRIES_AT_ONCE) {
            let number = self.first + self.next * 2;
            self.next = (self.next + 1) % self.pairs;
            let rtp = SocketAddr::new(self.address, number);
            match bind_pair(rtp) {
                Ok((even, odd)) => {
                    self.bound += 1;
                    return Ok((rtp, even, odd));
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AddrInUse.into())
    }
}

fn on_grid(time: u64) -> u64 {
    time.next_multiple_of(GRID)
}

fn bind_pair(rtp: SocketAddr) -> io::Result<(OwnedFd, OwnedFd)> {
    let rtcp = SocketAddr::new(rtp.ip(), rtp.port() + 1);
    Ok((bind_one(rtp)?, bind_one(rtcp)?))
}

fn bind_one(address: SocketAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::DGRAM, flags, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
        sockopt::set_ipv6_tclass(&socket, EXPEDITED.into())?;
    } else {
        sockopt::set_ip_tos(&socket, EXPEDITED)?;
    }
    bind(&socket, &address)?;
    Ok(socket)
}

#[derive(Debug)]
struct Resting {
    port: PortId,
    since: u64,
    /// When to look whether it was silent.
    due: u64,
}

/// The stock of one worker.
#[derive(Debug)]
pub struct Stock {
    shelves: Vec<Shelf>,
    /// All pairs that were ever bound, by id.
    ports: Vec<(Port, usize)>,
    /// When a packet last came to a resting pair, by id.
    heard: Vec<u64>,
    resting: VecDeque<Resting>,
    retry_at: u64,
    wanted: usize,
}

/// The pairs of one address.
#[derive(Debug)]
struct Shelf {
    range: Range,
    spare: usize,
}

impl Stock {
    /// A stock that keeps `wanted` pairs of each range spare.
    pub fn new(ranges: Vec<Range>, wanted: usize) -> Self {
        let shelves = ranges.into_iter().map(|range| Shelf { range, spare: 0 }).collect();
        let (ports, heard, resting) = (Vec::new(), Vec::new(), VecDeque::new());
        Self { shelves, ports, heard, resting, retry_at: 0, wanted }
    }

    /// Binds what is missing, a few at a time, and returns the new pairs.
    ///
    /// # Errors
    /// When a shelf could not be filled for another reason than taken ports.
    pub fn refill(&mut self, now: u64, io: &mut impl PacketIo) -> io::Result<Vec<Port>> {
        let mut fresh = Vec::new();
        if now < self.retry_at {
            return Ok(fresh);
        }
        for index in 0..self.shelves.len() {
            while fresh.len() < BIND_AT_ONCE && self.is_short(index) {
                match self.bind(index, io) {
                    Ok(port) => fresh.push(port),
                    Err(error) => {
                        // Nothing more to bind, or no descriptor left: ask again in a second.
                        self.retry_at = now + 1_000_000_000;
                        let hopeless = error.kind() != io::ErrorKind::AddrInUse;
                        return if hopeless && fresh.is_empty() { Err(error) } else { Ok(fresh) };
                    }
                }
            }
        }
        Ok(fresh)
    }

    /// When to try again to bind pairs; `None` while none is missing.
    pub fn refill_at(&self) -> Option<u64> {
        (0..self.shelves.len()).any(|index| self.is_short(index)).then_some(self.retry_at)
    }

    /// Some shelf holds fewer pairs than wanted and could be filled now.
    pub fn wants_refill(&self, now: u64) -> bool {
        now >= self.retry_at && (0..self.shelves.len()).any(|index| self.is_short(index))
    }

    /// A pair is in use now.
    pub fn take(&mut self, port: PortId) {
        if let Some(shelf) = self.shelf_of(port) {
            shelf.spare = shelf.spare.saturating_sub(1);
        }
    }

    /// A pair came back.
    pub fn release(&mut self, now: u64, port: PortId) {
        if let Some(heard) = self.heard.get_mut(port.0 as usize) {
            *heard = now;
            self.resting.push_back(Resting { port, since: now, due: on_grid(now + REST) });
        }
    }

    /// A packet came to a pair that carries no stream.
    pub fn heard(&mut self, now: u64, port: PortId) {
        if let Some(heard) = self.heard.get_mut(port.0 as usize) {
            *heard = now;
        }
    }

    /// When the next resting pair may be ready.
    pub fn next_deadline(&self) -> Option<u64> {
        self.resting.front().map(|resting| resting.due)
    }

    /// The pairs that have rested enough, oldest first.
    pub fn rested(&mut self, now: u64) -> Vec<Port> {
        let mut ready = Vec::new();
        while let Some(resting) = self.resting.front()
            && now >= resting.due
        {
            let Some(Resting { port, since, .. }) = self.resting.pop_front() else { break };
            let slot = port.0 as usize;
            let heard = self.heard.get(slot).copied().unwrap_or(since);
            if now >= heard + REST || now >= since + REST_MOST {
                ready.extend(self.ports.get(slot).map(|(port, _)| *port));
                if let Some(shelf) = self.shelf_of(port) {
                    shelf.spare += 1;
                }
            } else {
                self.resting.push_back(Resting { port, since, due: on_grid(now + REST) });
            }
        }
        ready
    }

    fn is_short(&self, index: usize) -> bool {
        self.shelves
            .get(index)
            .is_some_and(|shelf| shelf.spare < self.wanted && shelf.range.bound < shelf.range.pairs)
    }

    fn shelf_of(&mut self, port: PortId) -> Option<&mut Shelf> {
        let (_, shelf) = self.ports.get(port.0 as usize)?;
        self.shelves.get_mut(*shelf)
    }

    fn bind(&mut self, index: usize, io: &mut impl PacketIo) -> io::Result<Port> {
        let shelf = self.shelves.get_mut(index).ok_or(io::ErrorKind::NotFound)?;
        let (rtp, even, odd) = shelf.range.bind_next()?;
        let id = PortId(self.ports.len() as u32);
        io.add(Socket::rtp(id), even)?;
        io.add(Socket::rtcp(id), odd)?;
        shelf.spare += 1;
        let port = Port { id, rtp, rtcp: SocketAddr::new(rtp.ip(), rtp.port() + 1) };
        self.ports.push((port, index));
        self.heard.push(0);
        Ok(port)
    }
}

#[cfg(test)]
mod tests {
    use super::super::inbox::Inbox;
    use super::super::io::Epoll;
    use super::*;
    use std::net::{Ipv4Addr, UdpSocket};

    const S: u64 = 1_000_000_000;

    fn range(ports: RangeInclusive<u16>, worker: u16, workers: u16) -> Range {
        Range::share(Ipv4Addr::LOCALHOST.into(), &ports, worker, workers)
    }

    fn stock(ports: RangeInclusive<u16>, wanted: usize) -> (Stock, Epoll) {
        let io = Epoll::new(Inbox::new().unwrap().letters()).unwrap();
        (Stock::new(vec![range(ports, 0, 1)], wanted), io)
    }

    #[test]
    fn workers_share_the_whole_range_without_overlap() {
        for (ports, workers) in
            [(16_384..=32_767_u16, 7_u16), (10_001..=10_020, 3), (9_000..=9_001, 1)]
        {
            let mut numbers = Vec::new();
            for worker in 0..workers {
                let range = range(ports.clone(), worker, workers);
                numbers.extend((0..range.pairs).map(|n| range.first + n * 2));
            }
            let first = ports.start().next_multiple_of(2);
            let wanted: Vec<u16> = (first..*ports.end()).step_by(2).collect();
            assert_eq!(numbers, wanted);
        }
        assert_eq!(range(9_001..=9_002, 0, 1).pairs, 0);
        assert_eq!(range(65_534..=65_535, 0, 1).pairs, 1);
    }

    #[test]
    fn a_pair_rests_until_silent_and_the_oldest_comes_first() {
        let (mut stock, mut io) = stock(21_300..=21_319, 2);
        let ports = stock.refill(0, &mut io).unwrap();
        assert_eq!(ports.len(), 2);
        for (at, port) in [(10 * S, ports[1]), (11 * S, ports[0])] {
            stock.take(port.id);
            stock.release(at, port.id);
        }
        assert_eq!(stock.refill(11 * S, &mut io).unwrap().len(), 2);
        assert_eq!(stock.rested(12 * S - 1), []);
        assert_eq!(stock.next_deadline(), Some(12 * S));
        assert_eq!(stock.rested(13 * S), [ports[1], ports[0]]);
    }

    #[test]
    fn a_noisy_pair_rests_longer_but_not_for_ever() {
        let (mut stock, mut io) = stock(21_320..=21_339, 1);
        let port = stock.refill(0, &mut io).unwrap()[0];
        stock.take(port.id);
        stock.release(0, port.id);
        let mut back = None;
        for tenth in 1..600 {
            let now = tenth * S / 10;
            stock.heard(now, port.id);
            if stock.next_deadline().is_some_and(|at| now >= at) && stock.rested(now) == [port] {
                back = Some(now);
                break;
            }
        }
        let back = back.unwrap();
        assert!((REST_MOST..REST_MOST + 2 * REST).contains(&back), "{back}");
    }

    #[test]
    fn numbers_that_others_hold_are_left_out() {
        let _held = UdpSocket::bind((Ipv4Addr::LOCALHOST, 21_341)).unwrap();
        let (mut stock, mut io) = stock(21_340..=21_345, 5);
        let ports = stock.refill(0, &mut io).unwrap();
        let numbers: Vec<u16> = ports.iter().map(|port| port.rtp.port()).collect();
        assert_eq!(numbers, [21_342, 21_344]);
        assert!(!stock.wants_refill(0) && stock.wants_refill(S), "it asks again in a second");
        for port in &ports {
            stock.take(port.id);
        }
        assert_eq!(stock.refill(S, &mut io).unwrap(), []);
    }
}
