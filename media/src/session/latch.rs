//! Which source address a stream listens to (symmetric RTP with latching).
//!
//! The peer is believed to send from where its description says; behind a NAT it sends from elsewhere,
//! so the first source seen is taken instead. Whoever holds the latch keeps it:
//!
//! - a source that was first but is not the signalled one is on probation for [`PROBATION`]: should the
//!   signalled address speak within it, that one takes over;
//! - after that only the holder passes. Another source may take over when the holder has been silent for
//!   [`RELATCH_AFTER`] while packets were expected, and goes on probation, during which the former holder
//!   may come back;
//! - a new signalled address opens the latch: the holder still passes until another source speaks.

use std::net::SocketAddr;

/// How long the signalled address (or a former holder) may reclaim the latch from a first-seen source, ns.
pub const PROBATION: u64 = 3_000_000_000;
/// How long a holder must be silent before another source may take over, ns.
pub const RELATCH_AFTER: u64 = 5_000_000_000;

/// What the latch says of a packet's source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The holder: let the packet pass.
    Known,
    /// The source has just become the holder: let the packet pass and report it.
    Latched,
    /// A stranger: drop the packet.
    Refused,
}

/// The latch of one socket.
#[derive(Debug, Clone, Default)]
pub struct Latch {
    signalled: Option<SocketAddr>,
    holder: Option<Holder>,
    /// The signalled address changed: any source may take over.
    open: bool,
    /// Packets are expected; while not, silence proves nothing.
    expecting: bool,
}

#[derive(Debug, Clone, Copy)]
struct Holder {
    source: SocketAddr,
    heard: u64,
    /// Until when `rival` may reclaim the latch.
    probation: Option<u64>,
    rival: Option<SocketAddr>,
}

impl Latch {
    /// Takes what the peer's description says. A changed address opens the latch.
    pub fn signal(&mut self, now: u64, remote: Option<SocketAddr>, expecting: bool) {
        // Time spent on hold does not count as silence.
        if let Some(holder) = self.holder.as_mut().filter(|_| expecting && !self.expecting) {
            holder.heard = now;
        }
        self.expecting = expecting;
        if remote == self.signalled || remote.is_none() {
            return;
        }
        let first_description = self.signalled.is_none();
        self.signalled = remote;
        match &mut self.holder {
            Some(holder) if Some(holder.source) == remote => {
                holder.probation = None;
                self.open = false;
            }
            // Learnt before the answer: the answer's address gets its chance.
            Some(holder) if first_description => {
                holder.probation = Some(now + PROBATION);
                holder.rival = remote;
            }
            Some(_) => self.open = true,
            None => {}
        }
    }

    /// Judges the source of a packet.
    pub fn admit(&mut self, now: u64, from: SocketAddr) -> Admission {
        if let Some(holder) = &mut self.holder
            && holder.source == from
            && !self.open
        {
            holder.heard = now;
            return Admission::Known;
        }
        self.admit_other(now, from)
    }

    fn admit_other(&mut self, now: u64, from: SocketAddr) -> Admission {
        let Some(holder) = &mut self.holder else {
            self.take(now, from, self.signalled);
            return Admission::Latched;
        };
        if holder.source == from {
            holder.heard = now;
            return Admission::Known;
        }
        let reclaims = holder.rival == Some(from) && holder.probation.is_some_and(|end| now < end);
        if self.open || reclaims {
            self.take(now, from, self.signalled);
            return Admission::Latched;
        }
        let silent = self.expecting && now.saturating_sub(holder.heard) >= RELATCH_AFTER;
        if silent {
            let former = holder.source;
            self.take(now, from, Some(former));
            return Admission::Latched;
        }
        Admission::Refused
    }

    fn take(&mut self, now: u64, source: SocketAddr, rival: Option<SocketAddr>) {
        self.open = false;
        let sure = self.signalled == Some(source) || rival.is_none();
        let probation = (!sure).then_some(now + PROBATION);
        self.holder = Some(Holder { source, heard: now, probation, rival });
    }

    /// Where packets for the peer go: back to the holder, or to the new signalled address once it
    /// changed, or to the signalled one while nobody has spoken.
    pub fn target(&self) -> Option<SocketAddr> {
        match &self.holder {
            Some(holder) if !self.open => Some(holder.source),
            holder => self.signalled.or(holder.map(|holder| holder.source)),
        }
    }

    /// The only source that can pass now: the kernel may drop all others.
    pub fn exclusive(&self, now: u64) -> Option<SocketAddr> {
        self.signalled?;
        let holder = self.holder.as_ref().filter(|_| !self.open)?;
        let settled = holder.probation.is_none_or(|end| now >= end);
        let silent = self.expecting && now.saturating_sub(holder.heard) >= RELATCH_AFTER;
        (settled && !silent).then_some(holder.source)
    }

    /// Who holds the latch.
    pub fn holder(&self) -> Option<SocketAddr> {
        self.holder.as_ref().map(|holder| holder.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn latch(signalled: u16) -> Latch {
        let mut latch = Latch::default();
        latch.signal(0, Some(addr(signalled)), true);
        latch
    }

    #[test]
    fn the_signalled_source_holds_at_once_and_nobody_steals_it() {
        let mut latch = latch(1);
        assert_eq!(latch.target(), Some(addr(1)));
        assert_eq!(latch.admit(0, addr(1)), Admission::Latched);
        assert_eq!(latch.exclusive(0), Some(addr(1)));
        for at in 0..100 {
            assert_eq!(latch.admit(at * S / 50, addr(2)), Admission::Refused);
            assert_eq!(latch.admit(at * S / 50, addr(1)), Admission::Known);
        }
    }

    #[test]
    fn behind_a_nat_the_first_source_holds_unless_the_signalled_one_speaks_soon() {
        let mut latch = latch(1);
        assert_eq!(latch.admit(0, addr(2)), Admission::Latched);
        assert_eq!(latch.exclusive(S), None);
        assert_eq!(latch.admit(S, addr(3)), Admission::Refused);
        assert_eq!(latch.admit(S, addr(1)), Admission::Latched);
        assert_eq!(latch.admit(S, addr(2)), Admission::Refused);

        let mut late = self::latch(1);
        late.admit(0, addr(2));
        assert_eq!(late.admit(PROBATION, addr(1)), Admission::Refused);
        assert_eq!(late.admit(PROBATION, addr(2)), Admission::Known);
        assert_eq!(late.exclusive(PROBATION), Some(addr(2)));
    }

    #[test]
    fn after_silence_another_may_take_over_and_the_former_may_come_back() {
        let mut latch = latch(1);
        latch.admit(0, addr(1));
        assert_eq!(latch.admit(RELATCH_AFTER - 1, addr(2)), Admission::Refused);
        assert_eq!(latch.exclusive(RELATCH_AFTER), None);
        assert_eq!(latch.admit(RELATCH_AFTER, addr(2)), Admission::Latched);
        assert_eq!(latch.admit(RELATCH_AFTER + S, addr(1)), Admission::Latched);
    }

    #[test]
    fn silence_on_hold_opens_nothing() {
        let mut latch = latch(1);
        latch.admit(0, addr(1));
        latch.signal(S, Some(addr(1)), false);
        assert_eq!(latch.admit(60 * S, addr(2)), Admission::Refused);
        latch.signal(61 * S, Some(addr(1)), true);
        assert_eq!(latch.admit(62 * S, addr(2)), Admission::Refused);
        assert_eq!(latch.admit(67 * S, addr(2)), Admission::Latched);
    }

    #[test]
    fn a_new_description_moves_the_latch() {
        let mut latch = latch(1);
        latch.admit(0, addr(1));
        latch.signal(S, Some(addr(7)), true);
        assert_eq!(latch.target(), Some(addr(7)));
        assert_eq!(latch.exclusive(S), None);
        assert_eq!(latch.admit(S, addr(1)), Admission::Known);
        assert_eq!(latch.admit(S, addr(7)), Admission::Latched);
        assert_eq!(latch.admit(S, addr(1)), Admission::Refused);
    }

    #[test]
    fn a_source_learnt_before_the_answer_yields_to_it() {
        let mut latch = Latch::default();
        assert_eq!(latch.admit(0, addr(9)), Admission::Latched);
        latch.signal(S, Some(addr(1)), true);
        assert_eq!(latch.exclusive(S), None);
        assert_eq!(latch.admit(S, addr(1)), Admission::Latched);
        assert_eq!(latch.admit(S, addr(9)), Admission::Refused);
    }
}
