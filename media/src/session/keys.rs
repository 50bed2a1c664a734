//! Keys that peers press: telephone events become events for the switch.

use super::Engine;
use super::stream::Stream;
use crate::dtmf::{KeyPress, Receiver};
use crate::order::{MediaEvent, PortId, StreamId};

/// The event receiver of a stream, and what it listens to.
#[derive(Debug)]
pub(super) struct Keys {
    receiver: Receiver,
    clock_rate: u32,
    epoch: u32,
}

impl Stream {
    /// Reads an event packet.
    pub fn hear_event(
        &mut self,
        now: u64,
        timestamp: u32,
        clock_rate: u32,
        payload: &[u8],
    ) -> Option<KeyPress> {
        let epoch = self.epoch;
        let same = |keys: &&mut Box<Keys>| keys.clock_rate == clock_rate && keys.epoch == epoch;
        if let Some(keys) = self.keys.as_mut().filter(same) {
            return keys.receiver.receive(now, timestamp, payload);
        }
        // Another clock or source: what was going on there has ended.
        let unfinished = self.keys.take().and_then(|mut keys| keys.receiver.poll(u64::MAX));
        let mut receiver = Receiver::new(clock_rate);
        let pressed = receiver.receive(now, timestamp, payload);
        self.keys = Some(Box::new(Keys { receiver, clock_rate, epoch }));
        unfinished.or(pressed)
    }
}

impl Engine {
    /// Reports a key press.
    pub(super) fn report_key(&mut self, stream: StreamId, press: KeyPress) {
        let KeyPress { digit, duration_ms } = press;
        self.events.push_back(MediaEvent::Dtmf { stream, digit, duration_ms });
    }

    /// Ends key presses whose end packets got lost.
    pub(super) fn end_keys(&mut self, now: u64, port: PortId) {
        let Some(stream) = self.at(port) else { return };
        let Some(keys) = &mut stream.keys else { return };
        if let Some(press) = keys.receiver.poll(now) {
            let id = stream.id;
            self.report_key(id, press);
        }
    }
}
