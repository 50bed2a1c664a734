//! INVITEs on their way to one place: to all phones of an extension at once, or to one carrier address after the other.
//!
//! Both the search for a callee ([`super::hunt`]) and the ringing of an agent beside a waiting caller
//! ([`super::candidates`]) are such a search; they differ in what its events mean for the caller.

use bytes::Bytes;
use media::sdp::Sdp;
use sip::endpoint::Reason;
use sip::message::Message;
use sip::{Flow, resolve};
use smallvec::SmallVec;

use crate::vocab::record::EndCause;
use crate::vocab::{ConnectId, TrunkKey};

use super::headers::{BodyError, out_invite, sdp_of};
use super::{Ctx, Diversions, Finding, Line, Outcome, Place, Reach, Target};

/// What all INVITEs of a call have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Common<'a> {
    /// Max-Forwards of the caller's INVITE.
    pub(crate) max_forwards: u8,
    /// Who has sent the call on so far.
    pub(crate) diversions: &'a Diversions,
}

/// INVITEs to one place.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) place: Box<Place>,
    pub(crate) forks: SmallVec<[Fork; 2]>,
    /// What the INVITEs describe; `None`: they ask for an offer.
    pub(crate) offer: Option<Bytes>,
    silence_deadline: Option<u64>,
}

/// One INVITE on its way.
#[derive(Debug)]
pub(crate) struct Fork {
    pub(crate) sip: Option<sip::LegId>,
    pub(crate) target: Target,
    /// The newest description in its provisional responses: a 200 after a reliable one has none (RFC 3262 section 5).
    early: Option<Box<Sdp>>,
}

/// A fork that ended without an answer.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) fork: Fork,
    pub(crate) outcome: Outcome,
    pub(crate) finding: Option<Found>,
}

/// What a fork says about a carrier's address.
pub(crate) type Found = (TrunkKey, resolve::Target, Finding);

impl Search {
    /// Sends the first INVITEs. Without targets there are no forks afterwards.
    pub(crate) fn begin(
        ctx: &mut Ctx<'_>,
        common: Common<'_>,
        mut place: Box<Place>,
        offer: Option<Bytes>,
    ) -> Self {
        let count = if place.sequential { 1 } else { place.targets.len() };
        let first: SmallVec<[Target; 2]> =
            place.targets.drain(..count.min(place.targets.len())).collect();
        let mut search = Self { place, forks: SmallVec::new(), offer, silence_deadline: None };
        for target in first {
            search.launch(ctx, common, target);
        }
        search
    }

    fn launch(&mut self, ctx: &mut Ctx<'_>, common: Common<'_>, target: Target) {
        let sip = match target.via {
            Reach::Flow(flow) => {
                let invite = out_invite(common, &self.place, &target, self.offer.clone());
                Some(ctx.sip.invite(ctx.now.mono, flow, invite))
            }
            Reach::Connecting(_) => None,
        };
        self.forks.push(Fork { sip, target, early: None });
        self.silence_deadline = self.place.silence.map(|limit| ctx.now.mono + limit);
    }

    /// A connection cannot be had: what that says about the carrier's address.
    pub(crate) fn unreached(&self, id: ConnectId) -> impl Iterator<Item = Found> {
        let forks = self.forks.iter().filter(move |fork| fork.waits_for(id));
        let found = forks.filter_map(|fork| self.place.about(&fork.target, Finding::Silent));
        found.chain(self.place.unreached(id))
    }

    /// A connection that forks wait for, or targets that come later, is open or cannot be had. False if a fork was lost by
    /// that.
    pub(crate) fn connected(
        &mut self,
        ctx: &mut Ctx<'_>,
        common: Common<'_>,
        id: ConnectId,
        flow: Option<Flow>,
    ) -> bool {
        self.place.connected(id, flow);
        while let Some(index) = self.forks.iter().position(|fork| fork.waits_for(id)) {
            let fork = self.forks.remove(index);
            match flow {
                Some(flow) => {
                    self.launch(ctx, common, Target { via: Reach::Flow(flow), ..fork.target });
                }
                None => return false,
            }
        }
        true
    }

    /// The fork of an INVITE usage.
    pub(crate) fn has(&self, leg: sip::LegId) -> bool {
        self.forks.iter().any(|fork| fork.sip == Some(leg))
    }

    /// A provisional response arrived: somebody is there. `None` if it belongs to no fork.
    pub(crate) fn progress(&mut self, leg: sip::LegId, message: &Message) -> Option<()> {
        let fork = self.forks.iter_mut().find(|fork| fork.sip == Some(leg))?;
        if let Ok(Some(sdp)) = sdp_of(message) {
            fork.early = Some(Box::new(sdp));
        }
        self.silence_deadline = None;
        Some(())
    }

    /// A fork answered: the others are cancelled. What it describes in its answer, or did before.
    ///
    /// # Errors
    /// The answer's body is no description.
    pub(crate) fn won(
        &mut self,
        ctx: &mut Ctx<'_>,
        leg: sip::LegId,
        message: &Message,
    ) -> Result<Option<Sdp>, BodyError> {
        let mut early = None;
        for fork in self.forks.drain(..) {
            if fork.sip == Some(leg) {
                early = fork.early.map(|sdp| *sdp);
            } else if let Some(loser) = fork.sip {
                ctx.sip.cancel(ctx.now.mono, loser, Some(super::finish::completed_elsewhere()));
            }
        }
        sdp_of(message).map(|sdp| sdp.or(early))
    }

    /// A fork ended without an answer; it is none any more.
    pub(crate) fn failed(
        &mut self,
        leg: sip::LegId,
        status: u16,
        message: Option<&Message>,
    ) -> Option<Failure> {
        let index = self.forks.iter().position(|fork| fork.sip == Some(leg))?;
        let finding = self.finding(
            leg,
            match message {
                Some(message) if status == 503 => Finding::Overloaded(message.retry_after()),
                Some(_) => Finding::Heard,
                None => Finding::Silent,
            },
        );
        let fork = self.forks.remove(index);
        let outcome = match status {
            408 | 503 if message.is_none() => Outcome::of(EndCause::Unreachable),
            status => Outcome::from_status(status),
        };
        Some(Failure { fork, outcome, finding })
    }

    /// Tries the next target if nobody rings any more and the failure was not the number's. False if there is none.
    pub(crate) fn fail_over(
        &mut self,
        ctx: &mut Ctx<'_>,
        common: Common<'_>,
        outcome: Outcome,
    ) -> bool {
        let next = match outcome.may_fail_over() && self.forks.is_empty() {
            true => self.place.targets.pop_front(),
            false => None,
        };
        match next {
            Some(next) => {
                self.launch(ctx, common, next);
                true
            }
            None => false,
        }
    }

    /// What a fork says about the carrier's address that it was sent to.
    pub(crate) fn finding(&self, leg: sip::LegId, finding: Finding) -> Option<Found> {
        let fork = self.forks.iter().find(|fork| fork.sip == Some(leg))?;
        self.place.about(&fork.target, finding)
    }

    /// Cancels all forks, and forgets further targets.
    pub(crate) fn cancel(&mut self, ctx: &mut Ctx<'_>, reason: &Reason) {
        self.place.targets.clear();
        self.cancel_forks(ctx, reason);
    }

    fn cancel_forks(&mut self, ctx: &mut Ctx<'_>, reason: &Reason) {
        for leg in self.forks.drain(..).filter_map(|fork| fork.sip) {
            ctx.sip.cancel(ctx.now.mono, leg, Some(reason.clone()));
        }
    }

    /// Nothing at all was heard of the forks in time: they are cancelled. What that says about the addresses;
    /// `None` before the time.
    pub(crate) fn silent(&mut self, ctx: &mut Ctx<'_>, reason: &Reason) -> Option<Vec<Found>> {
        self.silence_deadline.filter(|at| *at <= ctx.now.mono)?;
        self.silence_deadline = None;
        let forks = self.forks.iter();
        let found = forks.filter_map(|fork| self.place.about(&fork.target, Finding::Silent));
        let found = found.collect();
        self.cancel_forks(ctx, reason);
        Some(found)
    }

    /// When [`Search::silent`] is due.
    pub(crate) fn deadline(&self) -> Option<u64> {
        self.silence_deadline
    }

    /// The connections that are awaited.
    pub(crate) fn connecting(&self) -> impl Iterator<Item = ConnectId> {
        let forks = self.forks.iter().filter_map(|fork| match fork.target.via {
            Reach::Connecting(id) if fork.sip.is_none() => Some(id),
            _ => None,
        });
        forks.chain(self.place.connecting())
    }

    /// The INVITE usages under way.
    pub(crate) fn legs(&self) -> impl Iterator<Item = sip::LegId> {
        self.forks.iter().filter_map(|fork| fork.sip)
    }
}

impl Place {
    /// The connections that its targets need and that are being opened.
    pub(crate) fn connecting(&self) -> impl Iterator<Item = ConnectId> {
        self.targets.iter().filter_map(|target| match target.via {
            Reach::Connecting(id) => Some(id),
            Reach::Flow(_) => None,
        })
    }

    fn about(&self, target: &Target, finding: Finding) -> Option<Found> {
        match &self.line {
            Line::Trunk(trunk) => Some((trunk.clone(), target.place?, finding)),
            Line::Extension(_) => None,
        }
    }

    /// A connection cannot be had: what that says about the carrier's address.
    pub(crate) fn unreached(&self, id: ConnectId) -> impl Iterator<Item = Found> {
        let targets = self.targets.iter().filter(move |own| own.via == Reach::Connecting(id));
        targets.filter_map(|target| self.about(target, Finding::Silent))
    }

    /// A connection is open, or cannot be had: nobody tells again when the turn of its target has come.
    pub(crate) fn connected(&mut self, id: ConnectId, flow: Option<Flow>) {
        self.targets.retain_mut(|target| {
            if target.via != Reach::Connecting(id) {
                return true;
            }
            flow.inspect(|flow| target.via = Reach::Flow(*flow)).is_some()
        });
    }
}

impl Fork {
    fn waits_for(&self, id: ConnectId) -> bool {
        self.sip.is_none() && self.target.via == Reach::Connecting(id)
    }
}
