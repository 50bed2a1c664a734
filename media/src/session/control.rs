//! RTCP of one leg. It is translated, not copied: each leg has its own reports about its own numbers, and only
//! what a video sender must learn of its receiver crosses the bridge.

use std::net::SocketAddr;

use super::receive::Dropped;
use super::stream::{Role, Stream};
use super::{Engine, Socket};
use crate::order::{PortId, StreamId, StreamKind};
use crate::rtcp::{self, Block, Blocks, Compound, Packet, SenderInfo};
use crate::session::latch::RELATCH_AFTER;

/// Mean time between reports (RFC 3550 section 6.2, the minimum for small sessions), ns.
const INTERVAL: u64 = 5_000_000_000;
/// Longest feedback passed on, in bytes: generous for a NACK list.
const MAX_FEEDBACK: usize = 512;

/// RTCP state of one leg.
#[derive(Debug)]
pub(super) struct Control {
    /// Who sends RTCP to the odd port, and when it last did.
    source: Option<(SocketAddr, u64)>,
    /// The peer's last sender report: middle of its NTP time, and when it came.
    sender_report: Option<(u32, u64)>,
    peer_fraction_lost: Option<u8>,
    round_trip_us: Option<u32>,
    next_report: u64,
    packets_reported: u64,
}

impl Control {
    /// A leg whose first report is due within half an interval, by `chance` (RFC 3550 section 6.3.2).
    pub fn new(now: u64, chance: u32) -> Self {
        let next_report = now + spread(INTERVAL / 2, chance);
        Self {
            source: None,
            sender_report: None,
            peer_fraction_lost: None,
            round_trip_us: None,
            next_report,
            packets_reported: 0,
        }
    }

    /// Loss that the peer last reported, in 1/256.
    pub fn peer_fraction_lost(&self) -> Option<u8> {
        self.peer_fraction_lost
    }

    /// The round trip last measured, in microseconds.
    pub fn round_trip_us(&self) -> Option<u32> {
        self.round_trip_us
    }

    /// Whether RTCP from a trusted host is taken: the first port holds, until silent.
    pub fn admit(&mut self, now: u64, from: SocketAddr) -> bool {
        let free = self.source.is_none_or(|(source, heard)| {
            source == from || now.saturating_sub(heard) >= 3 * RELATCH_AFTER
        });
        if free {
            self.source = Some((from, now));
        }
        free
    }

    fn heard_sender(&mut self, now: u64, ntp: u64) {
        self.sender_report = Some(((ntp >> 16) as u32, now));
    }

    /// Reads what the peer heard of `ssrc`, our source (RFC 3550 section 6.4.1 for the round trip).
    fn heard_blocks(&mut self, now: u64, ssrc: u32, blocks: Blocks<'_>) {
        for block in blocks.filter(|block| block.ssrc == ssrc) {
            self.peer_fraction_lost = Some(block.fraction_lost);
            if block.last_sr == 0 {
                continue;
            }
            let middle = (ntp(now) >> 16) as u32;
            let trip = middle.wrapping_sub(block.last_sr).wrapping_sub(block.delay);
            // A minute and more is a wrong clock, and less than nothing is one too.
            if trip < 60 << 16 {
                self.round_trip_us = Some(((u64::from(trip) * 1_000_000) >> 16) as u32);
            }
        }
    }
}

impl Stream {
    /// Where RTCP for the peer goes.
    fn control_target(&self, port: PortId) -> Option<(Socket, SocketAddr)> {
        let agreed = self.agreed.as_ref()?;
        let rtp = self.latch.target()?;
        if agreed.rtcp_mux {
            return Some((Socket::rtp(port), rtp));
        }
        let learnt = self.control.source.map(|(source, _)| source);
        let above = || Some(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?));
        let to = learnt.or(agreed.remote_rtcp).or_else(above)?;
        Some((Socket::rtcp(port), to))
    }

    /// Writes the report and description that begin every compound of ours.
    fn write_report(&mut self, now: u64, cname: &str, out: &mut Vec<u8>) {
        let packets = self.outgoing.packets();
        let info = (packets > self.control.packets_reported).then(|| SenderInfo {
            ntp: ntp(now),
            timestamp: self.outgoing.report_timestamp(now),
            packets: packets as u32,
            octets: self.outgoing.octets() as u32,
        });
        self.control.packets_reported = packets;
        let heard = self.control.sender_report;
        let block = self.reception.block().map(|block| Block {
            ssrc: block.ssrc,
            fraction_lost: block.fraction_lost,
            cumulative_lost: block.cumulative_lost,
            highest: block.highest,
            jitter: block.jitter,
            last_sr: heard.map_or(0, |(middle, _)| middle),
            delay: heard.map_or(0, |(_, at)| (ntp(now.saturating_sub(at)) >> 16) as u32),
        });
        rtcp::write_report(out, self.outgoing.ssrc(), info, block);
        rtcp::write_description(out, self.outgoing.ssrc(), cname);
    }

    fn is_active(&self) -> bool {
        self.kind != StreamKind::Other && self.outgoing.packets() + self.reception.received() > 0
    }
}

impl Engine {
    /// Reads a compound of the peer on `socket`.
    pub(super) fn read_control(
        &mut self,
        now: u64,
        socket: Socket,
        datagram: &[u8],
    ) -> Result<(), Dropped> {
        for packet in Compound::new(datagram) {
            let packet = packet.map_err(|_| Dropped::Malformed)?;
            let stream = self.at(socket.port).ok_or(Dropped::NoStream)?;
            let ours = stream.outgoing.ssrc();
            match packet {
                Packet::Sender { ssrc, ntp, blocks } => {
                    if stream.reception.ssrc().is_none_or(|heard| heard == ssrc) {
                        stream.control.heard_sender(now, ntp);
                    }
                    stream.control.heard_blocks(now, ours, blocks);
                }
                Packet::Receiver { blocks, .. } => stream.control.heard_blocks(now, ours, blocks),
                Packet::Feedback { packet_type, format, media, fci } => {
                    let feedback = Feedback { packet_type, format, media, fci };
                    self.pass_feedback(now, socket.port, feedback);
                }
                Packet::Goodbye | Packet::Other => {}
            }
        }
        Ok(())
    }

    /// Sends the leg's report when its time has come.
    pub(super) fn report_if_due(&mut self, now: u64, port: PortId) {
        let due = self.at(port).is_some_and(|stream| now >= stream.control.next_report);
        if !due {
            return;
        }
        let chance = self.random_u32();
        let Some(stream) = self.streams.get_mut(port.0 as usize).and_then(Option::as_deref_mut)
        else {
            return;
        };
        stream.control.next_report = now + spread(INTERVAL, chance);
        if !stream.is_active() {
            return;
        }
        if let Some((socket, to)) = stream.control_target(port) {
            let cname = &self.cname;
            self.outbox.push(socket, to, |out| stream.write_report(now, cname, out));
        }
    }

    /// Tells the peer that our source leaves (RFC 3550 section 6.3.7), if it ever spoke.
    pub(super) fn say_goodbye(&mut self, now: u64, id: StreamId) {
        let Some(&port) = self.ports.get(&id) else { return };
        let Some(stream) = self.streams.get_mut(port.0 as usize).and_then(Option::as_deref_mut)
        else {
            return;
        };
        if stream.kind == StreamKind::Other || stream.outgoing.packets() == 0 {
            return;
        }
        if let Some((socket, to)) = stream.control_target(port) {
            let cname = &self.cname;
            self.outbox.push(socket, to, |out| {
                stream.write_report(now, cname, out);
                rtcp::write_goodbye(out, stream.outgoing.ssrc());
            });
        }
    }

    /// Passes a receiver's wishes on to the sender at the bridge's other end, in that leg's numbers.
    fn pass_feedback(&mut self, now: u64, port: PortId, feedback: Feedback<'_>) {
        let Some(stream) = self.at(port) else { return };
        let Role::Bridged(peer) = stream.role else { return };
        if stream.kind != StreamKind::Video || feedback.fci.len() > MAX_FEEDBACK {
            return;
        }
        // REMB names its sources inside and leaves this field zero.
        let ours = stream.outgoing.ssrc();
        if feedback.media != ours && feedback.media != 0 {
            return;
        }
        let mut fci = [0; MAX_FEEDBACK];
        let Some(fci) = fci.get_mut(..feedback.fci.len()) else { return };
        fci.copy_from_slice(feedback.fci);
        if feedback.is_nack() {
            for entry in fci.as_chunks_mut::<4>().0 {
                let ours = u16::from_be_bytes([entry[0], entry[1]]);
                let Some(theirs) = stream.outgoing.original(ours) else { return };
                entry[..2].copy_from_slice(&theirs.to_be_bytes());
            }
        }
        self.send_feedback(now, peer, &feedback, (ours, fci));
    }

    fn send_feedback(
        &mut self,
        now: u64,
        port: PortId,
        feedback: &Feedback<'_>,
        (ours, fci): (u32, &mut [u8]),
    ) {
        let Some(stream) = self.streams.get_mut(port.0 as usize).and_then(Option::as_deref_mut)
        else {
            return;
        };
        let Some(theirs) = stream.reception.ssrc() else { return };
        let Some((socket, to)) = stream.control_target(port) else { return };
        for entry in fci.get_mut(feedback.sources()).unwrap_or_default().as_chunks_mut::<4>().0 {
            if u32::from_be_bytes(*entry) == ours {
                *entry = theirs.to_be_bytes();
            }
        }
        let media = if feedback.media == 0 { 0 } else { theirs };
        let sender = stream.outgoing.ssrc();
        let cname = &self.cname;
        self.outbox.push(socket, to, |out| {
            stream.write_report(now, cname, out);
            let ssrcs = (sender, media);
            rtcp::write_feedback(out, feedback.packet_type, feedback.format, ssrcs, fci);
        });
    }
}

/// Feedback on its way through.
struct Feedback<'a> {
    packet_type: u8,
    format: u8,
    media: u32,
    fci: &'a [u8],
}

impl Feedback<'_> {
    fn is_nack(&self) -> bool {
        (self.packet_type, self.format) == (rtcp::RTPFB, rtcp::FMT_NACK)
    }

    /// Where in the control information SSRCs stand. Entries of FIR and TMMBR alternate between an SSRC
    /// and a word that cannot be told from one only by chance.
    fn sources(&self) -> std::ops::Range<usize> {
        let names_sources = match self.packet_type {
            rtcp::PSFB => matches!(self.format, rtcp::FMT_FIR | rtcp::FMT_ALFB),
            _ => matches!(self.format, rtcp::FMT_TMMBR | rtcp::FMT_TMMBN),
        };
        if names_sources { 0..self.fci.len() } else { 0..0 }
    }
}

/// Half to one and a half of `interval` (RFC 3550 section 6.3.1).
fn spread(interval: u64, chance: u32) -> u64 {
    interval / 2 + ((u64::from(chance & 0xffff) * interval) >> 16)
}

/// Monotonic time as NTP time, 32.32 bits. RFC 3550 section 6.4.1 allows time since the start; all streams of a
/// process share it, so that audio and video can be aligned.
fn ntp(now: u64) -> u64 {
    let seconds = now / 1_000_000_000;
    let fraction = ((now % 1_000_000_000) << 32) / 1_000_000_000;
    seconds << 32 | fraction
}
