//! What time brings: silence, latches that settle, reports.

use super::Engine;
use crate::order::{MediaEvent, PortId};

/// How often all streams are looked at for deadlines that may be coarse, ns.
const SWEEP: u64 = 250_000_000;

impl Engine {
    /// When [`Engine::tick`] is due; `None` while no stream is open.
    pub fn next_deadline(&self) -> Option<u64> {
        let sweep = (!self.ports.is_empty()).then_some(self.next_sweep);
        let works = [self.schedule.next(), self.recordings.next(), self.mixes.next()];
        works.into_iter().chain([sweep]).flatten().min()
    }

    /// Does what is due.
    pub fn tick(&mut self, now: u64) {
        self.speak(now);
        self.run_mixes(now);
        self.cut_blocks(now);
        if now >= self.next_sweep {
            self.next_sweep = now + SWEEP;
            self.sweep(now);
        }
    }

    pub(super) fn begin_sweeps(&mut self, now: u64) {
        self.next_sweep = now + SWEEP;
    }

    fn sweep(&mut self, now: u64) {
        for slot in 0..self.streams.len() {
            let port = PortId(slot as u32);
            if self.at(port).is_none() {
                continue;
            }
            self.notice_silence(now, port);
            self.settle(now, port);
            self.report_if_due(now, port);
            self.end_keys(now, port);
        }
    }

    fn notice_silence(&mut self, now: u64, port: PortId) {
        let Some(stream) = self.at(port) else { return };
        let agreed = stream.agreed.as_ref().filter(|agreed| agreed.receive);
        let limit = agreed.and_then(|agreed| agreed.silence_limit);
        let Some(limit) = limit.filter(|_| !stream.silent) else { return };
        if now.saturating_sub(stream.heard) >= limit {
            stream.silent = true;
            let id = stream.id;
            self.events.push_back(MediaEvent::Silent { stream: id });
        }
    }
}
