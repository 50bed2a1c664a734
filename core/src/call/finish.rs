//! The end of a call: every leg is ended, every stream closed, and the record written once all has reported.

use media::order::{Order, StreamReport};
use sip::endpoint::{Reason, ReasonProtocol, Reply};

use crate::vocab::record::{CallEnd, EndCause, EndedBy, Party, Quality, RecordingRecord};
use crate::vocab::{EventKind, Record};

use super::{CALLEE, CALLER, Call, Ctx, Outcome, SECOND, Stage};

/// Workers report a closed stream within milliseconds; a record does not wait longer than this for one.
const REPORT_LIMIT: u64 = 5 * SECOND;

/// A call that is over for its parties.
#[derive(Debug)]
pub(crate) struct Ending {
    /// The record is written then, reports or not.
    pub deadline: u64,
}

impl Call {
    /// Ends the call for a failure before the answer: the caller gets the status.
    pub(crate) fn fail(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome) {
        self.finish(ctx, outcome, EndedBy::Switch);
    }

    /// A leg has ended by itself: the other one follows.
    pub(crate) fn leg_ended(&mut self, ctx: &mut Ctx<'_>, side: usize, cause: EndCause) {
        if let Some(leg) = self.legs.get_mut(side) {
            leg.sip = None;
        }
        let by = match cause {
            EndCause::Normal | EndCause::Cancelled if side == CALLER => EndedBy::Caller,
            EndCause::Normal | EndCause::Cancelled => EndedBy::Callee,
            _ => EndedBy::Switch,
        };
        self.finish(ctx, Outcome::of(cause), by);
    }

    /// Ends whatever is left of the call. Calling it twice does no harm.
    pub(crate) fn finish(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome, by: EndedBy) {
        if !self.is_live() {
            return;
        }
        self.end_forks(ctx, outcome);
        for side in [CALLER, CALLEE] {
            self.end_leg(ctx, side, outcome);
        }
        self.refuse_relays(ctx);
        if let Some(recording) = self.recording {
            ctx.out.media(self.worker, Order::StopRecord { recording });
        }
        for leg in &mut self.legs {
            leg.media.close(ctx, self.worker);
        }
        self.record.end = Some(CallEnd {
            cause: outcome.cause,
            by,
            sip_status: if self.record.answered_at.is_some() { 0 } else { outcome.status },
            q850: outcome.q850,
        });
        self.wish = None;
        self.hops.clear();
        self.record.ended_at = Some(ctx.now.wall.max(self.record.started_at));
        self.stage = Stage::Ending(Ending { deadline: ctx.now.mono + REPORT_LIMIT });
        self.conclude_if_reported(ctx);
    }

    fn end_forks(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome) {
        let Stage::Hunting(hunt) = &mut self.stage else { return };
        for fork in &mut hunt.forks {
            if let Some(leg) = fork.sip.take() {
                ctx.sip.cancel(ctx.now.mono, leg, Some(q850(outcome)));
            }
        }
    }

    fn end_leg(&mut self, ctx: &mut Ctx<'_>, side: usize, outcome: Outcome) {
        let Some(leg) = self.legs.get_mut(side) else { return };
        let Some(sip) = leg.sip.take() else { return };
        if leg.confirmed {
            ctx.sip.bye(ctx.now.mono, sip, Some(q850(outcome)));
        } else {
            let reply = Reply::new(outcome.status).with_header("Reason", q850(outcome).to_string());
            ctx.sip.reject(ctx.now.mono, sip, reply);
        }
    }

    /// A stream has reported for the last time.
    pub(crate) fn stream_closed(&mut self, ctx: &mut Ctx<'_>, side: usize, report: StreamReport) {
        ctx.stock.closed(self.worker);
        if report.packets_received + report.packets_sent + report.packets_refused > 0 {
            self.record.quality.push(Quality { caller: side == CALLER, report });
        }
        self.conclude_if_reported(ctx);
    }

    /// A recording's file is closed.
    pub(crate) fn recording_ended(
        &mut self,
        ctx: &mut Ctx<'_>,
        length_ms: u64,
        bytes: u64,
        error: Option<String>,
    ) {
        self.recording = None;
        if let Some(path) = self.record.recording.clone() {
            ctx.out.persist(Record::RecordingClosed(RecordingRecord {
                call: self.id,
                interaction: self.interaction,
                tenant: self.tenant.clone(),
                path: path.clone(),
                started_at: self.record.answered_at.unwrap_or(self.record.started_at),
                length_ms: Some(length_ms),
                bytes: Some(bytes),
                error: error.clone(),
            }));
            let (call, interaction) = (self.id, self.interaction);
            let kind = EventKind::RecordingEnded { call, interaction, path, length_ms, error };
            ctx.out.publish(ctx.now, Some(&self.tenant), kind);
        }
        self.conclude_if_reported(ctx);
    }

    pub(crate) fn conclude_if_reported(&mut self, ctx: &mut Ctx<'_>) {
        let reported =
            self.recording.is_none() && self.legs.iter().all(|leg| leg.media.closing().is_empty());
        if matches!(self.stage, Stage::Ending(_)) && reported {
            self.conclude(ctx);
        }
    }

    /// Writes the record: once, and last.
    pub(crate) fn conclude(&mut self, ctx: &mut Ctx<'_>) {
        self.stage = Stage::Over;
        let record = Box::new(self.record.clone());
        ctx.out.persist(Record::CallClosed(record.clone()));
        ctx.out.publish(ctx.now, Some(&self.tenant), EventKind::CallEnded { record });
    }

    /// Who is at an end, for events.
    pub(crate) fn party(&self, side: usize) -> Party {
        self.legs.get(side).map_or(Party::Nobody, |leg| leg.party.clone())
    }
}

/// The Reason header (RFC 3326) that goes with an end.
pub(crate) fn q850(outcome: Outcome) -> Reason {
    Reason { protocol: ReasonProtocol::Q850, cause: outcome.q850, text: None }
}

/// The Reason header for phones that lost to another one: they show no missed call (RFC 3326 section 3.1).
pub(crate) fn completed_elsewhere() -> Reason {
    Reason {
        protocol: ReasonProtocol::Sip,
        cause: 200,
        text: Some("Call completed elsewhere".into()),
    }
}
