//! Connections, and datagrams that are lost, repeated and delayed.

use std::net::SocketAddr;

use bytes::Bytes;
use sip::{Flow, Transport};
use strowger_core::vocab::{ConnectId, Input};

use crate::phone::{MS, Out, SECOND, Timer};
use crate::wire::Msg;

use super::{Next, Plant, World, switch_address};

impl World {
    /// The connection of a phone breaks; it comes back by a new one.
    pub(super) fn sever(&mut self, index: usize) {
        let Some((flow, _)) = self.streams.remove(&self.phones[index].address) else { return };
        self.seen.insert("connection lost".into());
        self.phones[index].cut_off = true;
        self.give(Input::FlowClosed { flow, connect: None });
        self.open_stream(index);
        self.at(self.now + SECOND, Next::Phone(index, Timer::Register));
    }

    pub(super) fn open_stream(&mut self, index: usize) {
        self.generation += 1;
        let remote = self.phones[index].address;
        let flow = Flow {
            transport: Transport::Tcp,
            local: switch_address(),
            remote,
            generation: self.generation,
        };
        if let Some((old, _)) = self.streams.insert(remote, (flow, 0)) {
            self.give(Input::FlowClosed { flow: old, connect: None });
        }
        self.give(Input::FlowOpened { flow, connect: None });
    }

    pub(super) fn connected(&mut self, id: ConnectId, remote: SocketAddr, ok: bool) {
        self.generation += u32::from(ok);
        let generation = if ok { self.generation } else { 0 };
        let flow = Flow { transport: Transport::Tcp, local: switch_address(), remote, generation };
        if ok {
            self.streams.insert(remote, (flow, 0));
            self.give(Input::FlowOpened { flow, connect: Some(id) });
        } else {
            self.give(Input::FlowClosed { flow, connect: Some(id) });
        }
    }

    pub(super) fn flow_from(&self, from: SocketAddr) -> Option<Flow> {
        let phone = self.phones.iter().find(|phone| phone.address == from)?;
        if phone.tcp {
            return self.streams.get(&from).map(|(flow, _)| *flow);
        }
        Some(Flow {
            transport: Transport::Udp,
            local: switch_address(),
            remote: from,
            generation: 0,
        })
    }

    pub(super) fn send(&mut self, flow: Flow, bytes: Bytes) {
        let Some(index) = self.phones.iter().position(|phone| phone.address == flow.remote) else {
            return;
        };
        match crate::campaigns::dials(&bytes) {
            Some((called, call_id)) => {
                if self.plant == Some(Plant::DialTwice) {
                    self.campaigns.sent((called.clone(), format!("twin-{call_id}")));
                }
                self.campaigns.sent((called, call_id));
            }
            None => self.rung.sent(index, &bytes),
        }
        if self.is_swallowed(index, &bytes) {
            return;
        }
        if self.plant == Some(Plant::TwoInvites) && bytes.starts_with(b"INVITE") {
            let text = String::from_utf8_lossy(&bytes);
            let other = text
                .replace("Call-ID: ", "Call-ID: twin-")
                .replace("branch=z9hG4bK", "branch=z9hG4bKtwin");
            self.at(self.now + MS, Next::ToPhone(index, other.into_bytes()));
        }
        if flow.transport == Transport::Tcp {
            let Some((open, last)) = self.streams.get_mut(&flow.remote) else { return };
            if *open != flow {
                return;
            }
            *last = (*last + 1).max(self.now + MS);
            let at = *last;
            return self.at(at, Next::ToPhone(index, bytes.to_vec()));
        }
        for at in self.deliveries() {
            self.at(at, Next::ToPhone(index, bytes.to_vec()));
        }
    }

    /// Whether a planted fault keeps this from a phone.
    pub(super) fn is_swallowed(&mut self, index: usize, bytes: &[u8]) -> bool {
        match self.plant {
            Some(Plant::SwallowBye) => bytes.starts_with(b"BYE"),
            Some(Plant::SwallowCancel) => bytes.starts_with(b"CANCEL"),
            Some(Plant::FirstInviteOnly) if bytes.starts_with(b"INVITE") => {
                let call_id = Msg::read(bytes).map(|msg| msg.get("call-id").to_owned());
                let first =
                    self.invites.entry(index).or_insert(call_id.clone().unwrap_or_default());
                call_id.is_some_and(|call_id| *first != call_id)
            }
            _ => false,
        }
    }

    /// When a datagram arrives: never, once or twice.
    pub(super) fn deliveries(&mut self) -> Vec<u64> {
        if self.rng.chance(self.faults.loss) {
            self.seen.insert("loss".into());
            return Vec::new();
        }
        let copies = if self.rng.chance(self.faults.repeat) { 2 } else { 1 };
        if copies == 2 {
            self.seen.insert("repeat".into());
        }
        let delay = self.faults.delay_ms;
        (0..copies).map(|_| self.now + self.rng.between(1, delay.max(1)) * MS).collect()
    }

    pub(super) fn phone_out(&mut self, index: usize, out: Vec<Out>) {
        let address = self.phones[index].address;
        let tcp = self.phones[index].tcp;
        for part in out {
            match part {
                Out::At(at, timer) => self.at(at, Next::Phone(index, timer)),
                Out::Send(bytes) if tcp => {
                    let at = match self.streams.get_mut(&address) {
                        Some((_, last)) => {
                            *last = (*last + 1).max(self.now + MS);
                            *last
                        }
                        None => continue,
                    };
                    self.at(at, Next::ToSwitch(address, bytes));
                }
                Out::Send(bytes) => {
                    for at in self.deliveries() {
                        self.at(at, Next::ToSwitch(address, bytes.clone()));
                    }
                }
            }
        }
    }
}
