//! Hands what happens to the part of the call that is concerned.

use media::order::{MediaEvent, StreamId};
use sip::endpoint::{EndCause as SipEnd, Event};

use crate::vocab::record::{EndCause, EndedBy};

use super::headers::sdp_in;
use super::record::RecordingEnd;
use super::{CALLEE, CALLER, Call, Ctx, Outcome, Stage};

impl Call {
    /// Something happened on one of the call's INVITE usages.
    pub fn on_sip(&mut self, ctx: &mut Ctx<'_>, event: Event) {
        match event {
            Event::Provisional { leg, message, .. } => self.fork_progress(ctx, leg, &message),
            Event::Answered { leg, message, .. } => self.fork_answered(ctx, leg, &message),
            Event::Failed { leg, status, message } => {
                self.fork_failed(ctx, leg, status, message.as_ref());
            }
            Event::Cancelled { leg, .. } => {
                if let Some(side) = self.side_of(leg) {
                    self.leg_ended(ctx, side, EndCause::Cancelled);
                }
            }
            Event::Ended { leg, cause } => self.on_leg_end(ctx, leg, &cause),
            Event::Acked { leg, body } => {
                let body = body.as_ref().and_then(sdp_in);
                match self.side_of(leg) {
                    Some(side) => self.acked(ctx, side, body),
                    None => self.candidate_acked(ctx, leg, body),
                }
            }
            Event::Offer { leg, message, by } => match self.side_of(leg) {
                Some(side) => self.offered(ctx, side, &message, by),
                None => self.candidate_offered(ctx, leg, &message, by),
            },
            Event::OfferAnswered { leg, message } => {
                if let Some(side) = self.side_of(leg) {
                    self.offer_answered(ctx, side, &message);
                }
            }
            Event::OfferRefused { leg, status } => {
                if let Some(side) = self.side_of(leg) {
                    self.offer_refused(ctx, side, status);
                }
            }
            Event::LegRequest { leg, tx, message } => match self.side_of(leg) {
                Some(side) => self.leg_requested(ctx, side, tx, &message),
                None => self.candidate_requested(ctx, leg, tx, &message),
            },
            Event::OfferWithdrawn { .. }
            | Event::Request { .. }
            | Event::Response { .. }
            | Event::Invite { .. }
            | Event::Subscribe { .. }
            | Event::StateWanted { .. }
            | Event::SubscriptionChanged { .. }
            | Event::SubscriptionEnded { .. }
            | Event::StreamWanted { .. }
            | Event::StreamSilent { .. } => {}
        }
    }

    fn on_leg_end(&mut self, ctx: &mut Ctx<'_>, leg: sip::LegId, cause: &SipEnd) {
        let Some(side) = self.side_of(leg) else {
            if !self.candidate_ended(ctx, leg) {
                self.fork_failed(ctx, leg, 408, None);
            }
            return;
        };
        let cause = match cause {
            SipEnd::Bye(_) | SipEnd::Crossed => EndCause::Normal,
            SipEnd::SessionExpired => EndCause::SessionExpired,
            SipEnd::NoAck | SipEnd::NoPrack | SipEnd::TransportLost | SipEnd::Gone(_) => {
                EndCause::Unreachable
            }
        };
        self.leg_ended(ctx, side, cause);
    }

    /// A media worker reports about one of the call's streams or its recording.
    pub fn on_media(&mut self, ctx: &mut Ctx<'_>, event: MediaEvent) {
        match event {
            MediaEvent::Dtmf { stream, digit, duration_ms } => {
                if self.is_live() {
                    self.key_pressed(ctx, stream, digit, duration_ms);
                }
            }
            MediaEvent::PlayEnded { play, error, .. } => {
                self.play_ended(ctx, play);
                self.attended_play_ended(ctx, play, error.is_none());
            }
            MediaEvent::Silent { stream } => self.silent(ctx, stream),
            // A mix is no call's: whoever made it hears of it.
            MediaEvent::Latched { .. } | MediaEvent::MixPlayEnded { .. } => {}
            MediaEvent::Closed { stream, report } => self.stream_closed(ctx, stream, report),
            MediaEvent::RecordingEnded { recording, length_ms, bytes, error, voice } => {
                let end = RecordingEnd { recording, length_ms, bytes, error, voice };
                self.recording_ended(ctx, recording, end);
            }
        }
    }

    /// A party sends nothing any more: the call is dead, unless somebody is on hold.
    fn silent(&mut self, ctx: &mut Ctx<'_>, stream: StreamId) {
        if self.legs.iter().any(|leg| leg.holds) {
            return;
        }
        if self.keeps_caller() && self.side_of_stream(stream) == Some(CALLEE) {
            return self.drop_callee(ctx, Outcome::of(EndCause::MediaTimeout));
        }
        let kept =
            matches!(self.stage, Stage::Talking(_) | Stage::Serving(_) | Stage::Attending(_));
        if kept && self.side_of_stream(stream).is_some() {
            self.finish(ctx, Outcome::of(EndCause::MediaTimeout), EndedBy::Switch);
        }
    }

    /// The call's deadline has come; a stale tick changes nothing.
    pub fn on_tick(&mut self, ctx: &mut Ctx<'_>) {
        if self.deadline().is_none_or(|deadline| deadline > ctx.now.mono) {
            return;
        }
        match &self.stage {
            Stage::AwaitingPorts { .. } => self.ports_missing(ctx),
            Stage::Hunting(_) => self.hunt_timeout(ctx),
            Stage::Serving(_) => self.service_timeout(ctx),
            Stage::Attending(_) => self.attend_timeout(ctx),
            Stage::Talking(_) => {
                self.finish(ctx, Outcome::of(EndCause::TooLong), EndedBy::Switch);
            }
            Stage::Ending(_) => self.conclude(ctx),
            Stage::Routing | Stage::Over => {}
        }
    }

    /// Somebody with the right to do so ends the call.
    pub fn hang_up(&mut self, ctx: &mut Ctx<'_>, cause: EndCause) {
        self.finish(ctx, Outcome::of(cause), EndedBy::Switch);
    }

    /// The caller's INVITE usage, while it exists.
    pub fn caller_leg(&self) -> Option<sip::LegId> {
        self.legs[CALLER].sip
    }
}
