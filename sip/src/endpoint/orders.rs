//! Orders for legs. An order for a leg that is gone, or that its state does not allow, does
//! nothing: the leg's end may be on its way to the owner.

use super::layer::Purpose;
use super::slab::Handle;
use super::{Body, ClientTx, Endpoint, Event, ExtraHeaders, LegId, OutInvite, Reason, Reply};
use crate::invite::{Cx, InDialog, Leg};
use crate::{Flow, Method};

impl Endpoint {
    /// Calls. Without a body the peer is asked for an offer, which is answered by
    /// [`Endpoint::ack`]. Where there is no room the leg fails with 503.
    pub fn invite(&mut self, now: u64, flow: Flow, invite: OutInvite) -> LegId {
        if self.legs.len() >= self.layer.settings.limits.legs {
            // A handle of generation 0 is never given out.
            let leg = LegId(self.layer.ticket() & 0xffff_ffff);
            self.layer.emit(Event::Failed { leg, status: 503, message: None });
            return leg;
        }
        self.add_leg(now, |handle, cx| Leg::call(handle, cx, flow, invite))
    }

    /// Rings: 101 to 199 to a call of theirs; reliably where `reply.reliable` is set and the
    /// peer supports it, or where the peer insists. One waits for the PRACK of the one before.
    pub fn provisional(&mut self, now: u64, leg: LegId, reply: Reply) {
        self.order(now, leg, |leg, cx| leg.ring(cx, reply));
    }

    /// Answers a call of theirs with a 2xx, whose body answers their offer or makes ours.
    pub fn accept(&mut self, now: u64, leg: LegId, reply: Reply) {
        self.order(now, leg, |leg, cx| leg.accept(cx, reply));
    }

    /// Refuses a call of theirs with 300 or above. The leg is gone.
    pub fn reject(&mut self, now: u64, leg: LegId, reply: Reply) {
        self.order(now, leg, |leg, cx| leg.reject(cx, &reply));
    }

    /// Cancels a call of ours. Its end comes as `Failed`, or as `Ended` where a 2xx crossed the
    /// CANCEL; the endpoint then acknowledges and ends it.
    pub fn cancel(&mut self, now: u64, leg: LegId, reason: Option<Reason>) {
        self.order(now, leg, |leg, cx| leg.cancel(cx, reason));
    }

    /// Answers the offer that came in the 2xx to an INVITE of ours without one.
    pub fn ack(&mut self, now: u64, leg: LegId, body: Option<Body>) {
        self.order(now, leg, |leg, cx| leg.answer_in_ack(cx, body));
    }

    /// Ends a call: BYE when it is answered, else CANCEL for ours and 480 for theirs.
    pub fn bye(&mut self, now: u64, leg: LegId, reason: Option<Reason>) {
        self.order(now, leg, |leg, cx| leg.bye(cx, reason));
    }

    /// Offers anew: by re-INVITE, or by UPDATE before the call is answered where the peer takes
    /// it. It waits while another offer is under way. `None` asks the peer for an offer. Leads
    /// to `OfferAnswered` or `OfferRefused`, unless the leg ends.
    pub fn reoffer(&mut self, now: u64, leg: LegId, body: Option<Body>) {
        self.order(now, leg, |leg, cx| leg.reoffer(cx, body));
    }

    /// Answers `Event::Offer`; with our offer, where a re-INVITE asked for one.
    pub fn answer_offer(&mut self, now: u64, leg: LegId, body: Option<Body>) {
        self.order(now, leg, |leg, cx| leg.answer_offer(cx, body));
    }

    /// Refuses `Event::Offer` with a status of 400 or above. An offer in a provisional response
    /// cannot be refused; the call is cancelled.
    pub fn refuse_offer(&mut self, now: u64, leg: LegId, status: u16) {
        self.order(now, leg, |leg, cx| leg.refuse_offer(cx, status));
    }

    /// Sends INFO, MESSAGE, REFER, NOTIFY or the like in the dialog; its final response comes
    /// as `Event::Response`, at once as a failure of transport where there is no dialog yet.
    pub fn leg_request(
        &mut self,
        now: u64,
        leg: LegId,
        method: Method,
        headers: ExtraHeaders,
        body: Option<Body>,
    ) -> ClientTx {
        let ticket = self.layer.ticket();
        let sent = self.order(now, leg, |leg, cx| {
            let request = InDialog {
                ticket,
                headers: &headers,
                body: body.as_ref(),
                ..InDialog::new(method, Purpose::Request)
            };
            leg.send(cx, 0, &request).is_some()
        });
        let tx = ClientTx(ticket);
        if sent != Some(true) {
            self.layer.refuse_to_send(tx);
        }
        tx
    }

    /// The peer is reached over another flow from now on: it has connected anew.
    pub fn redirect_leg(&mut self, leg: LegId, flow: Flow) {
        if let Some(leg) = self.legs.get_mut(Handle::from_raw(leg.0)) {
            leg.flow = flow;
        }
    }

    fn order<R>(
        &mut self,
        now: u64,
        leg: LegId,
        act: impl FnOnce(&mut Leg, &mut Cx<'_>) -> R,
    ) -> Option<R> {
        let handle = Handle::from_raw(leg.0);
        if !self.legs.get(handle)?.is_live() {
            return None;
        }
        self.with_leg(now, handle, act)
    }

    /// Makes a leg with a handle of its own.
    pub(super) fn add_leg(
        &mut self,
        now: u64,
        make: impl FnOnce(Handle, &mut Cx<'_>) -> Leg,
    ) -> LegId {
        let handle = self.legs.reserve();
        let leg = make(handle, &mut Cx { layer: &mut self.layer, now });
        let key = self.layer.ids.leg_key(&leg.call_id, &leg.local_tag);
        self.by_leg_key.insert(key, handle);
        self.legs.fill(handle, Box::new(leg));
        LegId(handle.raw())
    }
}
