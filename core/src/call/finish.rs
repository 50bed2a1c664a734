//! The end of a call: every leg is ended, every stream closed, and the record written once all has reported.

use media::order::{StreamId, StreamReport};
use sip::endpoint::{Reason, ReasonProtocol, Reply};

use crate::vocab::record::{CallEnd, EndCause, EndedBy, Party, Quality};
use crate::vocab::{EventKind, Record, WorkerId};

use super::attend::Note;
use super::{CALLEE, CALLER, Call, Ctx, Leg, LegMedia, Outcome, SECOND, Stage};

/// Workers report a closed stream within milliseconds; a record does not wait longer than this for one.
const REPORT_LIMIT: u64 = 5 * SECOND;

/// A stream of a leg that has left the call and has not reported yet.
#[derive(Debug)]
pub(crate) struct Departed {
    pub stream: StreamId,
    pub worker: WorkerId,
    /// It belonged to a conversation: its figures go into the record.
    pub talked: bool,
}

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
            EndCause::Normal | EndCause::Cancelled if self.is_first(side) => EndedBy::Caller,
            EndCause::Normal | EndCause::Cancelled => EndedBy::Callee,
            _ => EndedBy::Switch,
        };
        if side == CALLEE && self.keeps_caller() {
            return self.callee_left(ctx);
        }
        let cause = match (cause, self.parting) {
            (EndCause::Normal, Some(parting)) => parting,
            (cause, _) => cause,
        };
        self.finish(ctx, Outcome::of(cause), by);
    }

    /// Ends the callee's leg; the caller stays.
    pub(crate) fn drop_callee(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome) {
        self.end_leg(ctx, CALLEE, outcome);
        self.callee_left(ctx);
    }

    /// The callee's end becomes nobody's; its streams report as they would have.
    pub(crate) fn retire_callee(&mut self, ctx: &mut Ctx<'_>) {
        let talked = self.legs[CALLEE].confirmed;
        let fresh = Leg::new(ctx.ids.leg(), Party::Nobody, LegMedia::default());
        let mut gone = std::mem::replace(&mut self.legs[CALLEE], fresh);
        gone.media.close(ctx, self.worker);
        self.note_departed(gone.media.take_closing(), self.worker, talked);
    }

    /// Closes the streams of somebody who never talked.
    pub(crate) fn retire(&mut self, ctx: &mut Ctx<'_>, mut media: LegMedia) {
        media.close(ctx, self.worker);
        self.note_departed(media.take_closing(), self.worker, false);
    }

    /// Streams that are being closed and belong to no leg of the call any more.
    pub(crate) fn note_departed(
        &mut self,
        streams: impl IntoIterator<Item = StreamId>,
        worker: WorkerId,
        talked: bool,
    ) {
        let departed = streams.into_iter().map(|stream| Departed { stream, worker, talked });
        self.departed.extend(departed);
    }

    /// Ends whatever is left of the call. Calling it twice does no harm.
    pub(crate) fn finish(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome, by: EndedBy) {
        if !self.is_live() {
            return;
        }
        self.end_forks(ctx, outcome);
        self.end_candidates(ctx, &q850(outcome));
        for side in [CALLER, CALLEE] {
            self.end_leg(ctx, side, outcome);
        }
        self.refuse_relays(ctx);
        self.stop_recordings(ctx);
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
        if self.attended {
            self.notes.push(Note::CallerGone);
        }
        self.conclude_if_reported(ctx);
    }

    fn end_forks(&mut self, ctx: &mut Ctx<'_>, outcome: Outcome) {
        let Stage::Hunting(hunt) = &mut self.stage else { return };
        hunt.search.cancel(ctx, &q850(outcome));
    }

    pub(crate) fn end_leg(&mut self, ctx: &mut Ctx<'_>, side: usize, outcome: Outcome) {
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
    pub(crate) fn stream_closed(
        &mut self,
        ctx: &mut Ctx<'_>,
        stream: StreamId,
        report: StreamReport,
    ) {
        let side = self.legs.iter_mut().position(|leg| leg.media.closed(stream));
        let gone = self.departed.iter().position(|gone| gone.stream == stream);
        let departed = gone.map(|index| self.departed.remove(index));
        if side.is_none() && departed.is_none() {
            return;
        }
        let worker = departed.as_ref().map_or(self.worker, |gone| gone.worker);
        ctx.stock.closed(worker);
        let talked = departed.is_none_or(|gone| gone.talked);
        if talked && report.packets_received + report.packets_sent + report.packets_refused > 0 {
            let caller = side.is_some_and(|side| self.is_first(side));
            self.record.quality.push(Quality { caller, report });
        }
        self.conclude_if_reported(ctx);
    }

    pub(crate) fn conclude_if_reported(&mut self, ctx: &mut Ctx<'_>) {
        let reported = self.recordings.is_empty()
            && self.departed.is_empty()
            && self.legs.iter().all(|leg| leg.media.closing().is_empty());
        if matches!(self.stage, Stage::Ending(_)) && reported {
            self.conclude(ctx);
        }
    }

    /// Writes the record: once, and last.
    pub(crate) fn conclude(&mut self, ctx: &mut Ctx<'_>) {
        self.give_recordings_up();
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
