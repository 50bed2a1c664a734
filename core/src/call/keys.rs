//! What passes between two legs outside media: keys, and requests within the dialogs.

use media::order::{Order, StreamId};
use sip::Method;
use sip::endpoint::{Body, ClientTx, ExtraHeaders, Reply, RequestFailure, ServerTx};
use sip::message::Message;

use crate::vocab::EventKind;

use super::headers::{digit_in, info_body};
use super::{Call, Ctx, Stage, other};

/// Requests that may be on their way between the legs at a time.
const MAX_RELAYS: usize = 8;
/// Length of a key press that arrived without one, in ms.
const USUAL_DIGIT_MS: u16 = 160;

impl Call {
    /// A leg's peer pressed a key that arrived as an RFC 4733 event. The relay has passed it on where the other end takes events.
    pub(crate) fn key_pressed(
        &mut self,
        ctx: &mut Ctx<'_>,
        stream: StreamId,
        digit: char,
        ms: u16,
    ) {
        let Some(side) = self.side_of_stream(stream) else {
            return self.candidate_key(ctx, |own| own.media.owns(stream), digit);
        };
        self.note_key(ctx, side, digit);
        if self.attended_key(digit) {
            return;
        }
        let Some(peer) = self.legs.get(other(side)) else { return };
        if let (Stage::Talking(_), Some(leg), false) =
            (&self.stage, peer.sip, peer.media.takes_events())
        {
            let body = info_body(digit, ms);
            ctx.sip.leg_request(
                ctx.now.mono,
                leg,
                Method::Info,
                ExtraHeaders::default(),
                Some(body),
            );
        }
    }

    /// Both ends hear of keys as they are pressed, those of codes too: a key that was held back until it is known to begin
    /// no code would come too late for every menu at the other end.
    fn note_key(&mut self, ctx: &mut Ctx<'_>, side: usize, digit: char) {
        self.watch_for_code(ctx, side, digit);
        let (call, interaction, by) = (self.id, self.interaction, self.party(side));
        let kind = EventKind::CallDtmf { call, interaction, by, digit };
        ctx.out.publish(ctx.now, Some(&self.tenant), kind);
    }

    /// A request within a leg's dialog: keys by INFO become events for the other end, the rest of INFO and MESSAGE passes.
    pub(crate) fn leg_requested(
        &mut self,
        ctx: &mut Ctx<'_>,
        side: usize,
        tx: ServerTx,
        message: &Message,
    ) {
        if let Some((digit, ms)) = digit_in(message) {
            ctx.sip.respond(ctx.now.mono, tx, Reply::new(200));
            self.note_key(ctx, side, digit);
            if self.attended_key(digit) {
                return;
            }
            return self.send_key(ctx, other(side), digit, ms.unwrap_or(USUAL_DIGIT_MS));
        }
        let passes = matches!(message.method(), Some(Method::Info | Method::Message));
        let peer = self.legs[other(side)].sip.filter(|_| passes && self.relays.len() < MAX_RELAYS);
        let Some(peer) = peer else {
            let status = if passes { 480 } else { 501 };
            return ctx.sip.respond(ctx.now.mono, tx, Reply::new(status));
        };
        let method = message.method().cloned().unwrap_or(Method::Info);
        let body = message.header(sip::HeaderName::ContentType).map(|kind| Body {
            content_type: kind.to_owned().into(),
            bytes: message.body().to_vec().into(),
        });
        let sent = ctx.sip.leg_request(ctx.now.mono, peer, method, ExtraHeaders::default(), body);
        self.relays.push((sent, tx));
    }

    fn send_key(&mut self, ctx: &mut Ctx<'_>, side: usize, digit: char, duration_ms: u16) {
        let leg = &self.legs[side];
        match (leg.media.audio(), leg.media.takes_events(), leg.sip) {
            (Some(stream), true, _) => {
                let digits = digit.to_string();
                ctx.out.media(self.worker, Order::SendDtmf { stream, digits, duration_ms });
            }
            (_, false, Some(sip)) => {
                let body = info_body(digit, duration_ms);
                ctx.sip.leg_request(
                    ctx.now.mono,
                    sip,
                    Method::Info,
                    ExtraHeaders::default(),
                    Some(body),
                );
            }
            _ => {}
        }
    }

    /// A request that was passed on has its answer.
    pub(crate) fn relayed(
        &mut self,
        ctx: &mut Ctx<'_>,
        tx: ClientTx,
        outcome: &Result<Message, RequestFailure>,
    ) {
        let Some(index) = self.relays.iter().position(|(sent, _)| *sent == tx) else { return };
        let (_, waiting) = self.relays.remove(index);
        let status = match outcome {
            Ok(message) => message.status().unwrap_or(500),
            Err(_) => 408,
        };
        ctx.sip.respond(ctx.now.mono, waiting, Reply::new(status));
    }

    /// Answers the requests that can no longer be passed on.
    pub(crate) fn refuse_relays(&mut self, ctx: &mut Ctx<'_>) {
        for (_, waiting) in self.relays.drain(..) {
            ctx.sip.respond(ctx.now.mono, waiting, Reply::new(481));
        }
    }
}
