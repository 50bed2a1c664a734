//! Audio that more than two take part in: a conversation whose two voices are members of a mix, and an attended caller
//! who is one.
//!
//! A conversation is bridged as long as nobody else takes part. Whatever is settled anew while it is mixed, a hold or
//! other media, leaves it mixed: lines are connected in one place only, [`Call::connect_lines`]. Video and other lines
//! stay bridged.

use media::order::{MixId, Order, PlayId, Voices};

use crate::vocab::record::EndCause;
use crate::vocab::{LegId, WorkerId};

use super::{CALLEE, CALLER, Call, Ctx, Outcome, Stage};

/// What a member of a mix says, and which voices it hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voicing {
    /// Its own voice.
    pub speaks: Voices,
    /// Whom it hears.
    pub hears: Voices,
}

/// A conversation's mix, with the places of caller and callee in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mixed {
    pub(crate) mix: MixId,
    places: [Voicing; 2],
}

impl Call {
    /// Makes the conversation a mix, if it is none yet. `None` where there is no conversation whose media is settled.
    pub fn mix(&mut self, ctx: &mut Ctx<'_>, places: [Voicing; 2]) -> Option<MixId> {
        let audio = |side: usize| self.legs[side].media.audio().is_some();
        if !audio(CALLER) || !audio(CALLEE) {
            return None;
        }
        let Stage::Talking(talk) = &mut self.stage else { return None };
        if !talk.is_settled() {
            return None;
        }
        if let Some(mixed) = talk.mixed {
            return Some(mixed.mix);
        }
        let mix = ctx.ids.mix();
        talk.mixed = Some(Mixed { mix, places });
        self.connect_lines(ctx);
        Some(mix)
    }

    /// Bridges the conversation again.
    pub fn unmix(&mut self, ctx: &mut Ctx<'_>) {
        if self.mixed().is_some() {
            // Those who are kept apart are bridged to nobody.
            self.end_mix(ctx);
            self.connect_lines(ctx);
        }
    }

    /// The mix of the conversation.
    pub fn mixed(&self) -> Option<MixId> {
        match &self.stage {
            Stage::Talking(talk) => talk.mixed.map(|mixed| mixed.mix),
            _ => None,
        }
    }

    /// Whether somebody in this call is a member of a mix.
    pub fn is_in(&self, mix: MixId) -> bool {
        match &self.stage {
            Stage::Attending(attend) => attend.mix == Some(mix),
            _ => self.mixed() == Some(mix),
        }
    }

    /// The conversation is over for one of its ends: what stays open of it leaves the mix.
    pub(crate) fn end_mix(&mut self, ctx: &mut Ctx<'_>) {
        let Stage::Talking(talk) = &mut self.stage else { return };
        if talk.mixed.take().is_none() {
            return;
        }
        for stream in self.legs.iter().filter_map(|leg| leg.media.audio()) {
            ctx.out.media(self.worker, Order::Unmix { stream });
        }
    }

    /// Connects both legs line by line: the voices in the mix, where there is one, all else by bridges. Whoever holds by
    /// order does not hear the other one, nor is heard; supervisors hear both.
    pub(crate) fn connect_lines(&self, ctx: &mut Ctx<'_>) {
        let mixed = match &self.stage {
            Stage::Talking(talk) => talk.mixed,
            _ => None,
        };
        let apart = self.legs.iter().any(|leg| leg.told_to_hold);
        if mixed.is_none() && apart {
            for stream in self.legs[CALLER].media.streams() {
                ctx.out.media(self.worker, Order::Unbridge { stream: stream.id });
            }
            return;
        }
        let [caller, callee] = &self.legs;
        let voices = (caller.media.audio(), callee.media.audio());
        for (a, b) in caller.media.pairs(&callee.media) {
            match mixed.filter(|_| voices == (Some(a), Some(b))) {
                Some(Mixed { mix, places: [first, second] }) => {
                    let ends = [(a, first, second), (b, second, first)];
                    for (stream, Voicing { speaks, hears }, opposite) in ends {
                        let hears = if apart { hears.without(opposite.speaks) } else { hears };
                        ctx.out.media(self.worker, Order::Mix { stream, mix, speaks, hears });
                    }
                }
                None => ctx.out.media(self.worker, Order::Bridge { a, b }),
            }
        }
    }

    /// An attended caller becomes a member of a mix of its worker, or changes its place there. False where it cannot be
    /// heard.
    pub fn join_mix(&mut self, ctx: &mut Ctx<'_>, mix: MixId, place: Voicing) -> bool {
        let stream = self.legs[CALLER].media.audio();
        let (true, Some(stream)) = (self.hears_caller(), stream) else { return false };
        let Stage::Attending(attend) = &mut self.stage else { return false };
        attend.mix = Some(mix);
        let Voicing { speaks, hears } = place;
        ctx.out.media(self.worker, Order::Mix { stream, mix, speaks, hears });
        true
    }

    /// Brings an attended caller to another worker, since all members of a mix are on one; it is told by re-INVITE. False
    /// where it cannot be.
    pub fn bring_to(&mut self, ctx: &mut Ctx<'_>, worker: WorkerId) -> bool {
        if self.worker == worker {
            return true;
        }
        let Stage::Attending(attend) = &self.stage else { return false };
        let busy = !attend.candidates.is_empty() || !self.recordings.is_empty();
        if busy || !self.hears_caller() {
            return false;
        }
        self.leave_mix(ctx);
        let from = self.worker;
        let Some(closed) = self.legs[CALLER].media.move_to(ctx, from, worker) else { return false };
        let confirmed = self.legs[CALLER].confirmed;
        self.retire_callee(ctx);
        self.note_departed(closed, from, confirmed);
        self.worker = worker;
        self.legs[CALLER].moving = confirmed;
        self.tell_new_ports(ctx, CALLER);
        true
    }

    /// An attended caller leaves the mix that it is in.
    pub fn leave_mix(&mut self, ctx: &mut Ctx<'_>) {
        let Stage::Attending(attend) = &mut self.stage else { return };
        if attend.mix.take().is_none() {
            return;
        }
        if let Some(stream) = self.legs[CALLER].media.audio() {
            ctx.out.media(self.worker, Order::Unmix { stream });
        }
    }

    /// Plays prompts into the conversation's mix, for whoever hears these voices.
    pub fn say_in_mix(
        &mut self,
        ctx: &mut Ctx<'_>,
        prompts: Vec<String>,
        heard_by: Voices,
    ) -> Option<PlayId> {
        let mix = self.mixed()?;
        let play = ctx.ids.play();
        ctx.out.media(self.worker, Order::PlayInMix { mix, play, prompts, heard_by });
        Some(play)
    }

    /// Whether both ends talk, or one is on hold.
    pub fn is_talking(&self) -> bool {
        matches!(self.stage, Stage::Talking(_))
    }

    /// Whether the caller is in attendance and can be heard.
    pub fn is_attended(&self) -> bool {
        self.hears_caller()
    }

    /// Whether somebody is on hold.
    pub fn is_held(&self) -> bool {
        self.legs.iter().any(|leg| leg.holds)
    }

    /// Whether a side holds the other one, by its phone or by order.
    pub fn is_held_by(&self, side: usize) -> bool {
        self.legs.get(side).is_some_and(|leg| leg.holds)
    }

    /// Names whoever is at an end now.
    pub fn leg_id(&self, side: usize) -> LegId {
        self.legs.get(side).map(|leg| leg.id).unwrap_or_default()
    }

    /// Ends the callee's leg; the caller stays where it is to stay then, else the call ends.
    pub fn release_callee(&mut self, ctx: &mut Ctx<'_>, cause: EndCause) {
        if self.keeps_caller() {
            return self.drop_callee(ctx, Outcome::of(cause));
        }
        self.hang_up(ctx, cause);
    }

    /// The worker that has the call's streams.
    pub fn worker(&self) -> WorkerId {
        self.worker
    }
}
