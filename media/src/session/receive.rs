//! The path of a packet: classify, latch, count, observe, route, rewrite, forward. Nothing here allocates.

use std::net::SocketAddr;

use super::stream::{Protection, Role, Stream};
use super::{Channel, Engine, Request, Socket, Transmit};
use crate::codec::g711;
use crate::dtmf;
use crate::order::{CodecKind, MediaEvent, PortId, StreamKind};
use crate::rtp::{Header, Kind, View};
use crate::session::ear::ForEar;
use crate::session::latch::Admission;
use crate::session::outgoing::{SourceKey, Timing};
use crate::session::payload::{self, Action, Rule};

/// What becomes of a datagram.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict<'p> {
    /// Send this now; the bytes are the packet's own buffer, rewritten.
    Forward(Transmit<'p>),
    /// It served its purpose here.
    Consumed,
    /// Nothing happens with it.
    Dropped(Dropped),
}

/// Why a datagram goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dropped {
    /// The port carries no stream.
    NoStream,
    /// The stream is not configured yet.
    NotConfigured,
    /// A stranger sent it.
    Refused,
    /// Neither RTP nor RTCP, or its lengths contradict each other.
    Malformed,
    /// A protocol that is not spoken here (STUN, DTLS).
    Foreign,
    /// Its number fits nowhere (RFC 3550 A.1), or belongs to a source that has been left.
    Stray,
    /// The stream's description says that nothing is received now.
    Held,
    /// There is no bridge, or its other end cannot be reached.
    Nowhere,
    /// The other end hears a prompt or digits instead.
    Occupied,
    /// The other end does not know the codec.
    Codec,
}

/// A datagram on its way.
struct Arrived<'p> {
    now: u64,
    socket: Socket,
    from: SocketAddr,
    packet: &'p mut [u8],
}

/// What the receiving side found out about an RTP packet.
struct Counted {
    view: View,
    /// Position in the list of codecs, if it is in it, and what stands there.
    position: Option<usize>,
    codec: Option<(CodecKind, u32)>,
    /// Somebody records it, or listens for keys.
    tapped: bool,
}

/// Where an RTP packet goes.
struct Route {
    view: View,
    key: SourceKey,
    rule: Rule,
    to: PortId,
}

/// A stage's result: go on with a value, or stop.
type Stage<T> = Result<T, Dropped>;

impl Engine {
    /// Takes a datagram that came from `from` to a socket.
    pub fn receive<'p>(
        &mut self,
        now: u64,
        socket: Socket,
        packet: &'p mut [u8],
        from: SocketAddr,
    ) -> Verdict<'p> {
        let arrived = Arrived { now, socket, from, packet };
        match self.classify(arrived) {
            Ok(verdict) => verdict,
            Err(reason) => {
                let drops = &mut self.drops;
                let count = match reason {
                    Dropped::Refused => &mut drops.refused,
                    _ => &mut drops.other,
                };
                *count += 1;
                Verdict::Dropped(reason)
            }
        }
    }

    fn classify<'p>(&mut self, arrived: Arrived<'p>) -> Stage<Verdict<'p>> {
        let stream = self.at(arrived.socket.port).ok_or(Dropped::NoStream)?;
        match stream.protection {
            Protection::Clear => {}
        }
        if stream.kind == StreamKind::Other {
            return self.datagram(arrived);
        }
        match (arrived.socket.channel, Kind::of(arrived.packet)) {
            (_, Kind::Rtcp) => self.control(arrived),
            (Channel::Rtp, Kind::Rtp) => self.media(arrived),
            (_, Kind::Stun | Kind::Dtls) => Err(Dropped::Foreign),
            _ => Err(Dropped::Malformed),
        }
    }

    /// RTP: through all stages.
    fn media<'p>(&mut self, arrived: Arrived<'p>) -> Stage<Verdict<'p>> {
        self.latch(&arrived)?;
        let counted = self.count(&arrived)?;
        self.observe(&arrived, &counted);
        if self.is_for_ear(arrived.socket.port, counted.position) {
            return self.decode(&arrived, &counted);
        }
        let route = self.route(arrived.socket.port, counted)?;
        self.forward(arrived, route)
    }

    fn latch(&mut self, arrived: &Arrived<'_>) -> Stage<()> {
        let stream = self.at(arrived.socket.port).ok_or(Dropped::NoStream)?;
        match stream.latch.admit(arrived.now, arrived.from) {
            Admission::Known => stream.hear(arrived.now),
            Admission::Refused => {
                stream.refused += 1;
                return Err(Dropped::Refused);
            }
            Admission::Latched => {
                let latched = MediaEvent::Latched { stream: stream.id, from: arrived.from };
                stream.hear(arrived.now);
                self.events.push_back(latched);
                self.settle(arrived.now, arrived.socket.port);
            }
        }
        Ok(())
    }

    /// Tells the worker whether the kernel may drop strangers, when that changed.
    pub(super) fn settle(&mut self, now: u64, port: PortId) {
        let Some(stream) = self.at(port) else { return };
        let exclusive = stream.latch.exclusive(now);
        if exclusive == stream.exclusive {
            return;
        }
        stream.exclusive = exclusive;
        let socket = Socket::rtp(port);
        self.requests.push_back(match exclusive {
            Some(to) => Request::Connect { socket, to },
            None => Request::Disconnect { socket },
        });
    }

    /// Reads the header and counts the packet at its receiver.
    fn count(&mut self, arrived: &Arrived<'_>) -> Stage<Counted> {
        let stream = self.at(arrived.socket.port).ok_or(Dropped::NoStream)?;
        let view = View::parse(arrived.packet).map_err(|_| Dropped::Malformed)?;
        let agreed = stream.agreed.as_ref().ok_or(Dropped::NotConfigured)?;
        let position = agreed.codecs.position(view.header.payload_type);
        let codec = position.and_then(|position| agreed.codecs.get(position));
        let codec = codec.map(|codec| (codec.kind, codec.clock_rate));
        stream.count(&view.header).ok_or(Dropped::Stray)?;
        if let Some((kind, clock_rate)) = codec
            && is_audio(kind)
        {
            stream.reception.timed(arrived.now, view.header.timestamp, clock_rate);
            stream.last_codec = position;
        }
        Ok(Counted { view, position, codec, tapped: stream.is_read() })
    }

    /// Lets those look at the payload who read it.
    fn observe(&mut self, arrived: &Arrived<'_>, counted: &Counted) {
        let Some((kind, clock_rate)) = counted.codec else { return };
        let View { header, payload_start, payload_end } = counted.view;
        let port = arrived.socket.port;
        if kind != CodecKind::TelephoneEvent && !counted.tapped {
            return;
        }
        let Some(payload) = arrived.packet.get(payload_start..payload_end) else { return };
        if kind != CodecKind::TelephoneEvent {
            self.hear_tones(arrived.now, port, kind, payload);
            return self.tap(arrived.now, port, (kind, header.timestamp), payload);
        }
        let Some(stream) = self.at(port) else { return };
        let press = stream.hear_event(arrived.now, header.timestamp, clock_rate, payload);
        if let Some(press) = press {
            let id = stream.id;
            self.report_key(id, press);
        }
    }

    /// Hands a packet to what decodes it.
    fn decode<'p>(&mut self, arrived: &Arrived<'_>, counted: &Counted) -> Stage<Verdict<'p>> {
        let stream = self.at(arrived.socket.port).ok_or(Dropped::NoStream)?;
        if !stream.agreed.as_ref().is_some_and(|agreed| agreed.receive) {
            return Err(Dropped::Held);
        }
        let (kind, clock_rate) = counted.codec.ok_or(Dropped::Codec)?;
        let View { header, payload_start, payload_end } = counted.view;
        let payload = arrived.packet.get(payload_start..payload_end).unwrap_or_default();
        let packet = ForEar { header, kind, clock_rate, payload };
        self.feed_ear(arrived.now, arrived.socket.port, packet);
        Ok(Verdict::Consumed)
    }

    /// Finds out where the packet goes, and as what.
    fn route(&mut self, port: PortId, counted: Counted) -> Stage<Route> {
        let stream = self.at(port).ok_or(Dropped::NoStream)?;
        if !stream.agreed.as_ref().is_some_and(|agreed| agreed.receive) {
            return Err(Dropped::Held);
        }
        let to = match stream.role {
            Role::Idle | Role::Mixed => return Err(Dropped::Nowhere),
            Role::Bridged(to) => to,
            Role::Echo => port,
        };
        let view = counted.view;
        let rule = match counted.position {
            Some(position) => stream.rules.get(position).copied().unwrap_or(UNKNOWN),
            None if payload::passes_unnamed(stream.kind) => unnamed(&view.header),
            None => UNKNOWN,
        };
        Ok(Route { view, key: stream.source_key(), rule, to })
    }

    /// Gives the packet the numbers of the stream that it leaves by.
    fn forward<'p>(&mut self, arrived: Arrived<'p>, route: Route) -> Stage<Verdict<'p>> {
        let Route { view, key, rule, to: port } = route;
        let target = self.at(port).ok_or(Dropped::Nowhere)?;
        if target.speech.is_some() {
            return Err(Dropped::Occupied);
        }
        let to = target.target().ok_or(Dropped::Nowhere)?;
        if matches!(rule.action, Action::Drop | Action::Transcode) {
            target.outgoing.skip(key, view.header.sequence);
            return Err(Dropped::Codec);
        }
        let timing = match rule.action {
            Action::Event { .. } => Timing::Event,
            _ => Timing::Shared,
        };
        let header = Header { payload_type: rule.payload_type, ..view.header };
        let header = target
            .outgoing
            .relay(arrived.now, key, header, rule.clock_rate, timing)
            .ok_or(Dropped::Stray)?;
        header.rewrite(arrived.packet);
        if let Some(payload) = arrived.packet.get_mut(view.payload_start..view.payload_end) {
            convert(rule.action, payload);
            target.outgoing.sent(payload.len());
        }
        Ok(Verdict::Forward(Transmit { socket: Socket::rtp(port), to, bytes: arrived.packet }))
    }

    /// A datagram of a stream that is not RTP: relayed untouched.
    fn datagram<'p>(&mut self, arrived: Arrived<'p>) -> Stage<Verdict<'p>> {
        let channel = arrived.socket.channel;
        if channel == Channel::Rtcp {
            return Err(Dropped::Malformed);
        }
        self.latch(&arrived)?;
        let stream = self.at(arrived.socket.port).ok_or(Dropped::NoStream)?;
        stream.datagrams += 1;
        let agreed = stream.agreed.as_ref().ok_or(Dropped::NotConfigured)?;
        if !agreed.receive {
            return Err(Dropped::Held);
        }
        let port = match stream.role {
            Role::Idle | Role::Mixed => return Err(Dropped::Nowhere),
            Role::Bridged(to) => to,
            Role::Echo => arrived.socket.port,
        };
        let target = self.at(port).ok_or(Dropped::Nowhere)?;
        let to = target.target().ok_or(Dropped::Nowhere)?;
        target.outgoing.sent(arrived.packet.len());
        Ok(Verdict::Forward(Transmit { socket: Socket::rtp(port), to, bytes: arrived.packet }))
    }

    /// RTCP ends here: each leg has its own. What video needs from the other side is passed on by
    /// packets of our own.
    fn control<'p>(&mut self, arrived: Arrived<'p>) -> Stage<Verdict<'p>> {
        self.admit_control(arrived.now, arrived.socket, arrived.from)?;
        self.read_control(arrived.now, arrived.socket, arrived.packet)?;
        Ok(Verdict::Consumed)
    }

    fn admit_control(&mut self, now: u64, socket: Socket, from: SocketAddr) -> Stage<()> {
        let stream = self.at(socket.port).ok_or(Dropped::NoStream)?;
        let known = match socket.channel {
            // Multiplexed RTCP may come before the first RTP packet.
            Channel::Rtp => stream.latch.holder().or(stream.latch.target()) == Some(from),
            Channel::Rtcp => stream.admits_control(now, from),
        };
        if known {
            return Ok(());
        }
        stream.refused += 1;
        Err(Dropped::Refused)
    }
}

impl Stream {
    fn hear(&mut self, now: u64) {
        self.heard = now;
        self.silent = false;
    }

    /// RTCP comes from where it was signalled, or from the host that holds the latch.
    fn admits_control(&mut self, now: u64, from: SocketAddr) -> bool {
        let agreed = self.agreed.as_ref();
        let signalled = agreed.and_then(|agreed| agreed.remote_rtcp);
        let host = self.latch.holder().or(agreed.and_then(|agreed| agreed.remote_rtp));
        let trusted = signalled == Some(from) || host.map(|host| host.ip()) == Some(from.ip());
        trusted && self.control.admit(now, from)
    }
}

/// Neither event nor noise.
pub(super) fn is_audio(kind: CodecKind) -> bool {
    !matches!(kind, CodecKind::TelephoneEvent | CodecKind::ComfortNoise)
}

/// What nobody agreed on.
const UNKNOWN: Rule = Rule { action: Action::Drop, payload_type: 0, clock_rate: 8_000 };

fn unnamed(header: &Header) -> Rule {
    Rule { action: Action::Pass, payload_type: header.payload_type, clock_rate: 90_000 }
}

fn convert(action: Action, payload: &mut [u8]) {
    match action {
        Action::Pass | Action::Drop | Action::Transcode => {}
        Action::ToPcmu => g711::convert(payload, &g711::A_TO_MU),
        Action::ToPcma => g711::convert(payload, &g711::MU_TO_A),
        Action::Event { from, to } => {
            dtmf::rescale(payload, from, to);
        }
    }
}
