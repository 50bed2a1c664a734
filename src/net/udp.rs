//! SIP over UDP: sockets that belong to the switch's own thread.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use bytes::{Bytes, BytesMut};
use sip::{Flow, Transport};

/// What we ask the system to keep for us while the switch is busy; it may grant less.
const RECEIVE_BUFFER: usize = 4 << 20;
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

    /// Sends a datagram. A full socket buffer loses it, as the network might.
    ///
    /// # Errors
    /// The system's: there is no route, or the message is too large.
    pub fn send(&self, remote: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        match self.socket.send_to(bytes, remote) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
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

    #[test]
    fn a_datagram_arrives_with_its_sender() {
        let (a, b) = pair();
        let mut pool = Pool::default();
        assert!(b.receive(&mut pool).is_none());
        a.send(b.local(), b"hello").unwrap();
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
            a.send(b.local(), &body).unwrap();
            held.push(b.receive(&mut pool).unwrap().1);
        }
        for (n, bytes) in held.iter().enumerate() {
            assert!(bytes.iter().all(|byte| usize::from(*byte) == n % 256), "datagram {n}");
        }
        drop(held);
        let mut blocks = std::collections::BTreeSet::new();
        for _ in 0..1_000 {
            a.send(b.local(), &[1; 1000]).unwrap();
            let (_, bytes) = b.receive(&mut pool).unwrap();
            blocks.insert(bytes.as_ptr() as usize / (4 * BLOCK));
        }
        assert!(blocks.len() <= 4, "{} blocks", blocks.len());
    }

    #[test]
    fn a_message_that_cannot_be_sent_is_an_error() {
        let (a, b) = pair();
        assert!(a.send(b.local(), &vec![0; 70_000]).is_err());
    }
}
