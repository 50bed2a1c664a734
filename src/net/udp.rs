//! SIP over UDP: sockets that belong to the switch's own thread.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use bytes::{Bytes, BytesMut};
use rustix::io::Errno;
use rustix::net::addr::SocketAddrArg;
use rustix::net::{self, MMsgHdr, SendAncillaryBuffer, SendFlags};
use sip::{Flow, Transport};
use smallvec::SmallVec;

/// What we ask the system to keep for us while the switch is busy; it may grant less.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Datagrams that one system call sends at most.
const BURST: usize = 64;
/// On the stack: large pieces of the heap make the allocator tidy up its small ones, and it is slower afterwards.
type Burst<T> = SmallVec<[T; BURST]>;
/// The largest datagram there is.
const LARGEST: usize = 65_536;
/// Datagrams are collected in blocks of this size, which are used again once nobody holds a part.
const BLOCK: usize = 128 << 10;

/// A bound socket.
#[derive(Debug)]
pub struct UdpPort {
    socket: UdpSocket,
    local: SocketAddr,
}

impl UdpPort {
    /// Binds an address; port 0 takes any.
    ///
    /// # Errors
    /// The system's.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        if let Err(error) =
            rustix::net::sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER)
        {
            tracing::debug!("the receive buffer of {address} stays small: {error}");
        }
        let local = socket.local_addr()?;
        Ok(Self { socket, local })
    }

    /// The address that it is really bound to.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// The flow of a datagram from or to `remote`.
    pub fn flow(&self, remote: SocketAddr) -> Flow {
        Flow { transport: Transport::Udp, local: self.local, remote, generation: 0 }
    }

    /// The next datagram, or `None` when none waits. What the kernel reports about earlier sends is skipped.
    pub fn receive(&self, pool: &mut Pool) -> Option<(SocketAddr, Bytes)> {
        loop {
            match self.socket.recv_from(&mut pool.scratch) {
                Ok((length, remote)) => return Some((remote, pool.take(length))),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => tracing::debug!("receiving on {}: {error}", self.local),
            }
        }
    }

    /// Sends datagrams with few system calls. A full socket buffer loses them, as the network might; `failed` hears of
    /// each that the system refuses: there is no route, or it is too large.
    pub fn send(
        &self,
        messages: &[(SocketAddr, Bytes)],
        mut failed: impl FnMut(SocketAddr, io::Error),
    ) {
        let mut rest = messages;
        while let Some((remote, _)) = rest.first() {
            // An error is about the first of them.
            let done = match self.send_some(rest) {
                Ok(sent) => sent.max(1),
                Err(Errno::INTR) => 0,
                Err(Errno::AGAIN | Errno::NOBUFS) => 1,
                Err(error) => {
                    failed(*remote, error.into());
                    1
                }
            };
            rest = rest.get(done..).unwrap_or_default();
        }
    }

    /// Sends the first of `messages` and as many more as one system call takes.
    fn send_some(&self, messages: &[(SocketAddr, Bytes)]) -> Result<usize, Errno> {
        if let [(remote, bytes)] = messages {
            return net::sendto(&self.socket, bytes, SendFlags::DONTWAIT, remote).map(|_| 1);
        }
        let some = || messages.iter().take(BURST);
        let addresses: Burst<_> = some().map(|(remote, _)| remote.as_any()).collect();
        let slices: Burst<_> = some().map(|(_, bytes)| [io::IoSlice::new(bytes)]).collect();
        let mut controls: Burst<_> = some().map(|_| SendAncillaryBuffer::default()).collect();
        let mut headers: Burst<_> = (addresses.iter().zip(&slices).zip(&mut controls))
            .map(|((address, slice), control)| MMsgHdr::new_with_addr(address, slice, control))
            .collect();
        net::sendmmsg(&self.socket, &mut headers, SendFlags::DONTWAIT)
    }
}

impl AsFd for UdpPort {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Memory for datagrams. A block is used again when no datagram in it is held any more, so that in steady state
/// receiving allocates nothing.
#[derive(Debug)]
pub struct Pool {
    scratch: Box<[u8]>,
    block: BytesMut,
}

impl Default for Pool {
    fn default() -> Self {
        Self { scratch: vec![0; LARGEST].into_boxed_slice(), block: BytesMut::with_capacity(BLOCK) }
    }
}

impl Pool {
    fn take(&mut self, length: usize) -> Bytes {
        if self.block.capacity() < length && !self.block.try_reclaim(length) {
            self.block = BytesMut::with_capacity(BLOCK);
        }
        self.block.extend_from_slice(&self.scratch[..length.min(LARGEST)]);
        self.block.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (UdpPort, UdpPort) {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        (UdpPort::bind(any).unwrap(), UdpPort::bind(any).unwrap())
    }

    fn send(port: &UdpPort, to: SocketAddr, bytes: &[u8]) {
        port.send(&[(to, Bytes::copy_from_slice(bytes))], |_, error| panic!("{error}"));
    }

    #[test]
    fn a_datagram_arrives_with_its_sender() {
        let (a, b) = pair();
        let mut pool = Pool::default();
        assert!(b.receive(&mut pool).is_none());
        send(&a, b.local(), b"hello");
        // Loopback delivers within the call that sends.
        let (from, bytes) = b.receive(&mut pool).unwrap();
        assert_eq!((from, &bytes[..]), (a.local(), &b"hello"[..]));
        assert_eq!(b.flow(from).remote, a.local());
    }

    #[test]
    fn what_was_received_stays_as_it_is_and_memory_is_used_again() {
        let (a, b) = pair();
        let mut pool = Pool::default();
        let mut held = Vec::new();
        for n in 0..200u16 {
            let body = [n.to_be_bytes()[1]; 1000];
            send(&a, b.local(), &body);
            held.push(b.receive(&mut pool).unwrap().1);
        }
        for (n, bytes) in held.iter().enumerate() {
            assert!(bytes.iter().all(|byte| usize::from(*byte) == n % 256), "datagram {n}");
        }
        drop(held);
        let mut blocks = std::collections::BTreeSet::new();
        for _ in 0..1_000 {
            send(&a, b.local(), &[1; 1000]);
            let (_, bytes) = b.receive(&mut pool).unwrap();
            blocks.insert(bytes.as_ptr() as usize / (4 * BLOCK));
        }
        assert!(blocks.len() <= 4, "{} blocks", blocks.len());
    }

    #[test]
    fn what_cannot_be_sent_is_reported_and_the_rest_arrives_in_order() {
        let (a, b) = pair();
        let mut pool = Pool::default();
        let large = Bytes::from(vec![0; 70_000]);
        let mut messages: Vec<_> =
            (0..150_u8).map(|n| (b.local(), Bytes::from(vec![n; 10]))).collect();
        for at in [0, 70, 152] {
            messages.insert(at, (b.local(), large.clone()));
        }
        let mut refused = Vec::new();
        a.send(&messages, |remote, _| refused.push(remote));
        assert_eq!(refused, [b.local(); 3]);
        for n in 0..150 {
            assert_eq!(b.receive(&mut pool).unwrap().1, vec![n; 10]);
        }
        assert!(b.receive(&mut pool).is_none());
    }
}
