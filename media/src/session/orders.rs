//! What the switch orders, applied.

use super::record::Limits;
use super::stream::{Agreed, Role, Stream};
use super::{Engine, Forwarding, Request, Socket};
use crate::order::{
    CodecKind, MediaEvent, Order, PortId, StreamConfig, StreamId, StreamKind, StreamReport,
};
use crate::session::control::Control;
use crate::session::outgoing::Outgoing;
use crate::session::payload::{self, Action, Rule, Rules};

impl Engine {
    /// Applies an order. Orders for streams that are gone do nothing where that is normal (their closing
    /// crossed the order), and come back as the event that ends what was ordered otherwise.
    pub fn apply(&mut self, now: u64, order: Order) {
        match order {
            Order::Open { stream, port, kind } => self.open(now, stream, port, kind),
            Order::Configure { stream, config } => self.configure(now, stream, config),
            Order::Bridge { a, b } => self.bridge(a, b),
            Order::Unbridge { stream } => self.unbridge(stream),
            Order::Echo { stream } => self.echo(stream),
            Order::Close { stream } => self.close(now, stream),
            Order::Mix { stream, mix, speaks, hears } => {
                self.mix(now, stream, mix, (speaks, hears));
            }
            Order::Unmix { stream } => self.unmix(stream),
            Order::ConnectLine { mix, speaks, hears } => self.connect_line(mix, (speaks, hears)),
            Order::PlayInMix { mix, play, prompts, heard_by } => {
                self.play_in_mix(mix, (play, prompts), heard_by);
            }
            Order::RecordMix { recording, mix, path, voices } => {
                self.record_mix(recording, mix, (path, voices));
            }
            Order::Play { stream, play, prompts, repeat } => {
                self.play(now, stream, (play, prompts, repeat));
            }
            Order::StopPlay { stream } => self.stop_play(stream),
            Order::SendDtmf { stream, digits, duration_ms } => {
                self.send_dtmf(now, stream, &digits, duration_ms);
            }
            Order::Record { recording, left, right, path } => {
                self.record(now, recording, [left, right], path);
            }
            Order::RecordVoice { recording, stream, path, max_ms, silence_ms } => {
                self.record_voice(now, (recording, stream, path), Limits { max_ms, silence_ms });
            }
            Order::RemoveRecording { path } => {
                self.requests.push_back(Request::RemoveRecording { path });
            }
            Order::ReadTones { stream, on } => self.read_tones(stream, on),
            Order::PauseRecord { recording } => self.recordings.pause(recording, true),
            Order::ResumeRecord { recording } => self.recordings.pause(recording, false),
            Order::StopRecord { recording } => self.stop_record(now, recording),
        }
    }

    fn open(&mut self, now: u64, id: StreamId, port: PortId, kind: StreamKind) {
        let slot = port.0 as usize;
        if self.streams.len() <= slot {
            self.streams.resize_with(slot + 1, || None);
        }
        let taken = self.streams.get(slot).is_none_or(Option::is_some);
        if taken || self.ports.contains_key(&id) {
            let report = StreamReport::default();
            self.events.push_back(MediaEvent::Closed { stream: id, report });
            return;
        }
        let (ssrc, numbers, timestamp) = (self.random_u32(), self.random_u32(), self.random_u32());
        let outgoing = Outgoing::new(ssrc, numbers as u16, timestamp);
        let control = Control::new(now, numbers >> 16);
        if let Some(entry) = self.streams.get_mut(slot) {
            *entry = Some(Box::new(Stream::new(id, kind, outgoing, control)));
        }
        self.ports.insert(id, port);
        self.join_recordings(id);
        if self.ports.len() == 1 {
            self.begin_sweeps(now);
        }
    }

    fn configure(&mut self, now: u64, id: StreamId, config: StreamConfig) {
        let Some((port, stream)) = self.find_mut(id) else { return };
        let expected_before = stream.agreed.as_ref().is_some_and(Agreed::expects);
        stream.latch.signal(now, config.remote_rtp, config.receive);
        let agreed = Agreed::new(config);
        if agreed.expects() && !expected_before {
            stream.heard = now;
            stream.silent = false;
        }
        // What came last keeps its name on the record, if it is still in the list.
        let last = stream.heard_codec().map(|codec| codec.receive_pt);
        stream.last_codec = last.and_then(|pt| agreed.codecs.position(pt));
        stream.agreed = Some(agreed);
        self.settle(now, port);
        self.rebuild_rules(port);
        self.mix_changed(port);
        self.supply_prompts(now, port);
    }

    fn bridge(&mut self, a: StreamId, b: StreamId) {
        let (Some((port_a, _)), Some((port_b, _))) = (self.find(a), self.find(b)) else { return };
        if port_a == port_b {
            return;
        }
        self.unbridge(a);
        self.unbridge(b);
        for port in [port_a, port_b] {
            if let Some(stream) = self.at(port) {
                stream.ear = None;
            }
        }
        self.set_role(port_a, Role::Bridged(port_b));
        self.set_role(port_b, Role::Bridged(port_a));
        self.rebuild_rules(port_a);
    }

    pub(super) fn unbridge(&mut self, id: StreamId) {
        let Some((port, stream)) = self.find_mut(id) else { return };
        let role = std::mem::replace(&mut stream.role, Role::Idle);
        self.leave_mix(port);
        match role {
            Role::Bridged(peer) => self.set_role(peer, Role::Idle),
            Role::Echo | Role::Mixed | Role::Idle => self.set_role(port, Role::Idle),
        }
    }

    fn echo(&mut self, id: StreamId) {
        self.unbridge(id);
        let Some((port, _)) = self.find(id) else { return };
        self.set_role(port, Role::Echo);
        self.rebuild_rules(port);
    }

    fn close(&mut self, now: u64, id: StreamId) {
        self.unbridge(id);
        self.leave_recordings(now, id);
        self.say_goodbye(now, id);
        let Some(port) = self.ports.remove(&id) else {
            let report = StreamReport::default();
            self.events.push_back(MediaEvent::Closed { stream: id, report });
            return;
        };
        let entry = self.streams.get_mut(port.0 as usize).and_then(Option::take);
        if let Some(stream) = entry {
            if stream.exclusive.is_some() {
                self.requests.push_back(Request::Disconnect { socket: Socket::rtp(port) });
            }
            self.requests.push_back(Request::Release { port });
            self.events.push_back(MediaEvent::Closed { stream: id, report: stream.report() });
        }
    }

    fn set_role(&mut self, port: PortId, role: Role) {
        if let Some(stream) = self.at(port) {
            stream.role = role;
        }
    }

    /// Builds anew what passes from a stream to its peer and back.
    fn rebuild_rules(&mut self, port: PortId) {
        let Some(stream) = self.at(port) else { return };
        match stream.role {
            Role::Idle | Role::Mixed => {}
            Role::Echo => self.rebuild_one_way(port, port),
            Role::Bridged(peer) => {
                self.rebuild_one_way(port, peer);
                self.rebuild_one_way(peer, port);
                if !self.needs_decoding(port) && !self.needs_decoding(peer) {
                    self.leave_mix(port);
                }
            }
        }
    }

    /// Whether the peer of a stream does not take something that it may send.
    fn needs_decoding(&mut self, port: PortId) -> bool {
        let decoded = |rule: &Rule| rule.action == Action::Transcode;
        self.at(port).is_some_and(|stream| stream.rules.iter().any(decoded))
    }

    fn rebuild_one_way(&mut self, from: PortId, to: PortId) {
        let rules = self.rules_between(from, to);
        if let Some(stream) = self.at(from) {
            stream.rules = rules;
        }
    }

    fn rules_between(&mut self, from: PortId, to: PortId) -> Rules {
        let codecs = |port: PortId| {
            let stream = self.streams.get(port.0 as usize)?.as_deref()?;
            Some(&stream.agreed.as_ref()?.codecs)
        };
        match (codecs(from), codecs(to)) {
            (Some(from), Some(to)) => payload::rules(from, to),
            _ => Rules::new(),
        }
    }

    /// The rule that relays a stream's packets, when nobody needs to see them.
    pub(super) fn forwarding(&self, now: u64, id: StreamId) -> Option<Forwarding> {
        let (_, stream) = self.find(id)?;
        let Role::Bridged(peer) = stream.role else { return None };
        let target = self.streams.get(peer.0 as usize)?.as_deref()?;
        let agreed = stream.agreed.as_ref()?;
        if target.speech.is_some() || !agreed.receive || stream.is_read() {
            return None;
        }
        let mut payload_types = Vec::new();
        for (codec, rule) in agreed.codecs.iter().zip(&stream.rules) {
            // Events are read and laws converted here only.
            if rule.action == Action::Pass && codec.kind != CodecKind::TelephoneEvent {
                payload_types.push((codec.receive_pt, rule.payload_type));
            }
        }
        let (sequence_offset, timestamp_offset) = target.outgoing.offsets(stream.source_key())?;
        Some(Forwarding {
            from: stream.latch.exclusive(now)?,
            socket: Socket::rtp(peer),
            to: target.target()?,
            ssrc: target.outgoing.ssrc(),
            sequence_offset,
            timestamp_offset,
            payload_types,
        })
    }
}
