//! The floor: a relay that only relays. Epoll, recvfrom and sendto, two sockets a call, no look at
//! the packet. What a relay in user space cannot do better without another kind of I/O.

use crate::Result;
use rustix::event::epoll;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};

/// A running floor relay with the ports of its calls.
pub struct Floor {
    child: Child,
    /// Per call: the address each of the two parties sends to.
    pub calls: Vec<(SocketAddr, SocketAddr)>,
}

impl Floor {
    /// Starts this program again as the relay of `calls` calls, on so many threads.
    pub fn start(calls: usize, threads: usize) -> Result<Floor> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["floor-relay", &calls.to_string(), &threads.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("the floor relay has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let ports: Vec<u16> =
            line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let pairs: Vec<_> = ports.chunks_exact(2).map(|p| (local(p[0]), local(p[1]))).collect();
        let floor = Floor { child, calls: pairs };
        if floor.calls.len() == calls {
            Ok(floor)
        } else {
            Err("the floor relay did not start".into())
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = ended {
            eprintln!("floor relay: {error}");
        }
    }
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// The relay itself: prints the ports in one line, then relays until it is killed.
pub fn relay(calls: usize, threads: usize) -> Result<()> {
    let mut sockets = Vec::with_capacity(calls * 2);
    let mut ports = Vec::with_capacity(calls * 2);
    for _ in 0..calls * 2 {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_nonblocking(true)?;
        ports.push(socket.local_addr()?.port().to_string());
        sockets.push(socket);
    }
    println!("{}", ports.join(" "));
    std::io::stdout().flush()?;
    let each = 2 * calls.div_ceil(threads.max(1)).max(1);
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            sockets.chunks(each).map(|part| scope.spawn(move || relay_on(part))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| "a worker failed")?)
    })
}

/// Neighbours in `sockets` are the two sides of a call.
fn relay_on(sockets: &[UdpSocket]) -> Result<()> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (index, socket) in sockets.iter().enumerate() {
        let data = epoll::EventData::new_u64(index as u64);
        epoll::add(&poll, socket, data, epoll::EventFlags::IN)?;
    }
    let mut peers: Vec<Option<SocketAddr>> = vec![None; sockets.len()];
    let mut events = Vec::with_capacity(512);
    let mut packet = [0u8; 2048];
    loop {
        events.clear();
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None)?;
        for event in &events {
            let here = event.data.u64() as usize;
            let Ok((length, from)) = sockets[here].recv_from(&mut packet) else { continue };
            peers[here] = Some(from);
            let there = here ^ 1;
            if let Some(to) = peers[there]
                && let Err(error) = sockets[there].send_to(&packet[..length], to)
            {
                eprintln!("floor relay: {error}");
            }
        }
    }
}
