//! The media side of a leg: what was described to its peer, what the peer described, and the streams in between.

use std::borrow::Cow;
use std::net::IpAddr;

use bytes::Bytes;
use media::order::{Order, Port, StreamConfig, StreamId, StreamKind};
use media::sdp::{
    AnswerPlan, Capabilities, CodecPolicy, Direction, DtmfPolicy, LegDescriptions, MediaKind,
    NegotiationError, OfferPlan, Sdp, StreamPorts, VersionedOrigin, answer_towards, local_answer,
    local_offer, offer_towards, terminate, understand, with_direction,
};
use smallvec::SmallVec;

use crate::stock::Family;
use crate::vocab::WorkerId;

use super::Ctx;

/// One stream of a leg: a media line's port.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    /// Names it towards the worker.
    pub id: StreamId,
    port: Port,
    kind: StreamKind,
}

/// Descriptions and streams of one leg.
#[derive(Debug, Default)]
pub struct LegMedia {
    /// By media line; `None` where a line carries nothing.
    lines: SmallVec<[Option<Stream>; 1]>,
    closing: SmallVec<[StreamId; 1]>,
    ours: Option<VersionedOrigin>,
    theirs: Option<Sdp>,
    we_offered: bool,
}

/// The kind of stream that a media line needs.
pub(crate) fn kind_of(kind: MediaKind) -> StreamKind {
    match kind {
        MediaKind::Audio => StreamKind::Audio,
        MediaKind::Video => StreamKind::Video,
        _ => StreamKind::Other,
    }
}

impl LegMedia {
    /// All streams that are open.
    pub fn streams(&self) -> impl Iterator<Item = &Stream> {
        self.lines.iter().flatten()
    }

    /// Streams that were closed and have not reported yet.
    pub fn closing(&self) -> &[StreamId] {
        &self.closing
    }

    /// Streams that were closed and have not reported yet: whoever takes them waits for their reports.
    pub fn take_closing(&mut self) -> SmallVec<[StreamId; 1]> {
        std::mem::take(&mut self.closing)
    }

    /// Whether the stream is, or was until just now, one of this leg.
    pub fn owns(&self, stream: StreamId) -> bool {
        self.streams().any(|own| own.id == stream) || self.closing.contains(&stream)
    }

    /// The first stream that carries audio, for prompts, digits and recordings.
    pub fn audio(&self) -> Option<StreamId> {
        self.streams().find(|stream| stream.kind == StreamKind::Audio).map(|stream| stream.id)
    }

    /// The streams that belong together when this leg's peer talks to the other's: line by line, and where the legs
    /// were described apart from each other the first of a kind with the first of that kind.
    pub fn pairs(&self, other: &Self) -> SmallVec<[(StreamId, StreamId); 2]> {
        let mut left: SmallVec<[Option<Stream>; 2]> = other.lines.iter().copied().collect();
        let mut take = |index: usize, kind: StreamKind| {
            let same = |own: &Option<Stream>| own.is_some_and(|own| own.kind == kind);
            let index = match left.get(index) {
                Some(own) if same(own) => Some(index),
                _ => left.iter().position(same),
            };
            left.get_mut(index?)?.take()
        };
        let lines = self.lines.iter().enumerate();
        let streams = lines.filter_map(|(index, line)| Some((index, (*line)?)));
        streams.filter_map(|(index, own)| Some((own.id, take(index, own.kind)?.id))).collect()
    }

    /// Number of media lines that were ever used.
    pub fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// What the peer described last.
    pub fn theirs(&self) -> Option<&Sdp> {
        self.theirs.as_ref()
    }

    /// What was described to the peer last.
    pub fn ours(&self) -> Option<&Sdp> {
        self.ours.as_ref().and_then(VersionedOrigin::last)
    }

    /// What each media line carries; `None` where it carries nothing.
    pub fn kinds(&self) -> Vec<Option<StreamKind>> {
        self.lines.iter().map(|line| line.map(|stream| stream.kind)).collect()
    }

    /// The address family of the ports, once there are any.
    pub fn family(&self) -> Option<Family> {
        self.streams().next().map(|stream| Family::of(stream.port.rtp.ip()))
    }

    /// Opens a stream on each port: the next media lines in order. A line whose kind is `None` gets no port.
    pub fn open(
        &mut self,
        ctx: &mut Ctx<'_>,
        worker: WorkerId,
        kinds: &[Option<StreamKind>],
        ports: &mut impl Iterator<Item = Port>,
    ) {
        for kind in kinds {
            let stream = kind.and_then(|kind| Some((kind, ports.next()?)));
            let line = stream.map(|(kind, port)| {
                let id = ctx.ids.stream();
                ctx.out.media(worker, Order::Open { stream: id, port: port.id, kind });
                Stream { id, port, kind }
            });
            self.lines.push(line);
        }
        let address = self.streams().next().map(|stream| stream.port.rtp.ip());
        if let (None, Some(address)) = (&self.ours, address) {
            let address = shown(address, ctx.policy.external);
            self.ours = Some(VersionedOrigin::new(ctx.ids.sdp_session(), address));
        }
    }

    /// Takes everything that is open, with its descriptions; what is being closed stays. `None` if nothing is open.
    pub fn take_open(&mut self) -> Option<Self> {
        self.streams().next()?;
        let closing = std::mem::take(&mut self.closing);
        Some(std::mem::replace(self, Self { closing, ..Self::default() }))
    }

    /// Closes all streams; each reports once more.
    pub fn close(&mut self, ctx: &mut Ctx<'_>, worker: WorkerId) {
        for stream in self.lines.drain(..).flatten() {
            ctx.out.media(worker, Order::Close { stream: stream.id });
            self.closing.push(stream.id);
        }
        self.ours = None;
        self.theirs = None;
    }

    /// A closed stream has reported. False if it was none of this leg's.
    pub fn closed(&mut self, stream: StreamId) -> bool {
        let before = self.closing.len();
        self.closing.retain(|id| *id != stream);
        self.closing.len() < before
    }

    /// Goes on with ports of another worker, if it has as many: the streams there are new, and the descriptions stay
    /// until the peer was told of the new ports. The streams that were closed; `None` without ports.
    pub fn move_to(
        &mut self,
        ctx: &mut Ctx<'_>,
        from: WorkerId,
        to: WorkerId,
    ) -> Option<SmallVec<[StreamId; 1]>> {
        let families: Vec<Family> =
            self.streams().map(|stream| Family::of(stream.port.rtp.ip())).collect();
        let mut ports = ctx.stock.take_from(to, &families)?.into_iter();
        let mut closed = SmallVec::new();
        for stream in self.lines.iter_mut().flatten() {
            let Some(port) = ports.next() else { break };
            let id = ctx.ids.stream();
            ctx.out.media(from, Order::Close { stream: stream.id });
            ctx.out.media(to, Order::Open { stream: id, port: port.id, kind: stream.kind });
            closed.push(stream.id);
            *stream = Stream { id, port, kind: stream.kind };
        }
        Some(closed)
    }

    fn ports(&self, external: Option<IpAddr>) -> Vec<Option<StreamPorts>> {
        let place = |stream: &Stream| {
            let mut rtp = stream.port.rtp;
            let mut rtcp = stream.port.rtcp;
            rtp.set_ip(shown(rtp.ip(), external));
            rtcp.set_ip(shown(rtcp.ip(), external));
            StreamPorts { rtp, rtcp: Some(rtcp) }
        };
        self.lines.iter().map(|line| line.as_ref().map(place)).collect()
    }

    fn offer_plan(&self, ctx: &Ctx<'_>, codecs: CodecPolicy) -> Option<OfferPlan> {
        let origin = self.ours.as_ref()?.origin();
        let ports = self.ports(ctx.policy.external);
        let transcode = ctx.policy.media.transcode;
        Some(OfferPlan { origin, ports, codecs, rtcp_mux: true, transcode })
    }

    fn answer_plan(&self, ctx: &Ctx<'_>) -> Option<AnswerPlan> {
        let origin = self.ours.as_ref()?.origin();
        Some(AnswerPlan {
            origin,
            ports: self.ports(ctx.policy.external),
            rtcp_mux: true,
            dtmf: DtmfPolicy::Always,
            transcode: ctx.policy.media.transcode,
        })
    }

    /// Remembers a description as sent and gives it its version.
    fn sent(&mut self, sdp: Sdp, we_offered: bool) -> Option<Bytes> {
        self.we_offered = we_offered;
        let stamped = self.ours.as_mut()?.stamp(sdp);
        Some(Bytes::from(stamped.to_bytes()))
    }

    /// Remembers what the peer described.
    pub fn received(&mut self, sdp: Sdp) {
        self.theirs = Some(sdp);
    }

    /// The offer to this leg's peer, made of the other end's description.
    pub fn offer_from(
        &mut self,
        ctx: &Ctx<'_>,
        theirs: &Sdp,
        codecs: CodecPolicy,
    ) -> Option<Bytes> {
        let plan = self.offer_plan(ctx, codecs)?;
        let offer = offer_towards(&unheld(theirs), &plan);
        let offer = match self.ours() {
            Some(previous) => offer.padded_like(previous),
            None => offer,
        };
        self.sent(offer, true)
    }

    /// The answer to this leg's offer, as if the other end had given it. The other end's hold is not this leg's concern.
    pub fn answer_from(&mut self, ctx: &Ctx<'_>, other: &Sdp) -> Result<Bytes, NegotiationError> {
        let (Some(plan), Some(offer)) = (self.answer_plan(ctx), self.theirs.as_ref()) else {
            return Err(NegotiationError::NoUsableStream);
        };
        let answer = answer_towards(offer, &unheld(other), &plan)?;
        self.sent(answer, false).ok_or(NegotiationError::NoUsableStream)
    }

    /// Whether there is an answer to this leg's offer if the other end describes itself so.
    pub fn could_answer(&self, ctx: &Ctx<'_>, other: &Sdp) -> bool {
        let (Some(plan), Some(offer)) = (self.answer_plan(ctx), self.theirs.as_ref()) else {
            return false;
        };
        answer_towards(offer, &unheld(other), &plan).is_ok()
    }

    /// The answer to this leg's offer where the switch itself is the other end.
    pub fn answer_self(&mut self, ctx: &Ctx<'_>) -> Result<Bytes, NegotiationError> {
        let (Some(plan), Some(offer)) = (self.answer_plan(ctx), self.theirs.as_ref()) else {
            return Err(NegotiationError::NoUsableStream);
        };
        let answer = local_answer(offer, &Capabilities::default(), &plan, Direction::SendRecv)?;
        self.sent(answer, false).ok_or(NegotiationError::NoUsableStream)
    }

    /// An offer of the switch's own.
    pub fn offer_self(&mut self, ctx: &Ctx<'_>) -> Option<Bytes> {
        let plan = self.offer_plan(ctx, CodecPolicy::default())?;
        let offer = local_offer(&Capabilities::default(), &plan, Direction::SendRecv);
        self.sent(offer, true)
    }

    /// The last description once more, as an offer: when the peer asks for one.
    pub fn offer_again(&mut self) -> Option<Bytes> {
        let last = with_direction(self.ours()?, Direction::SendRecv, self.ours()?.version());
        self.sent(last, true)
    }

    /// The last description once more, as it is.
    pub fn ours_again(&self) -> Option<Bytes> {
        self.ours().map(|sdp| Bytes::from(sdp.to_bytes()))
    }

    /// What offer and answer settled, by media line.
    pub fn settled(&self) -> Vec<Option<(MediaKind, StreamConfig)>> {
        let (Some(ours), Some(theirs)) = (self.ours(), self.theirs()) else { return Vec::new() };
        terminate(if self.we_offered {
            LegDescriptions::we_offered(ours, theirs)
        } else {
            LegDescriptions::we_answered(ours, theirs)
        })
    }

    /// Whether the worker can relay between this leg's peer and the other's, line by line.
    pub fn understands(&self, other: &Self) -> bool {
        let (own, theirs) = (self.settled(), other.settled());
        own.iter().zip(&theirs).all(|pair| match pair {
            (Some((_, a)), Some((_, b))) => understand(a, b),
            _ => true,
        })
    }

    /// Tells the worker what was settled. `silence_limit` in nanoseconds.
    pub fn configure(&self, ctx: &mut Ctx<'_>, worker: WorkerId, silence_limit: Option<u64>) {
        for (line, settled) in self.lines.iter().zip(self.settled()) {
            if let (Some(stream), Some((kind, mut config))) = (line, settled) {
                config.silence_limit = silence_limit.filter(|_| kind == MediaKind::Audio);
                ctx.out.media(worker, Order::Configure { stream: stream.id, config });
                if ctx.policy.media.inband_dtmf && kind == MediaKind::Audio {
                    ctx.out.media(worker, Order::ReadTones { stream: stream.id, on: true });
                }
            }
        }
    }

    /// Whether the peer takes telephone events.
    pub fn takes_events(&self) -> bool {
        self.settled().iter().flatten().any(|(_, config)| {
            config.codecs.iter().any(|codec| codec.kind == media::order::CodecKind::TelephoneEvent)
        })
    }

    /// Whether the peer has put us on hold: no audio line of its description wants to hear us.
    pub fn is_held_by_peer(&self) -> bool {
        self.theirs.as_ref().is_some_and(is_hold)
    }
}

/// Whether a description puts the other end on hold: it has audio, and wants to hear none.
fn is_hold(sdp: &Sdp) -> bool {
    let streams = sdp.streams();
    let mut audio = streams
        .iter()
        .filter(|line| line.kind == MediaKind::Audio && !line.is_refused())
        .peekable();
    audio.peek().is_some() && !audio.any(|line| line.direction.receives())
}

/// A description as it was before the hold: a hold is between one leg and the switch, and never shown to the other leg.
fn unheld(sdp: &Sdp) -> Cow<'_, Sdp> {
    if is_hold(sdp) {
        Cow::Owned(with_direction(sdp, Direction::SendRecv, sdp.version()))
    } else {
        Cow::Borrowed(sdp)
    }
}

/// The address that goes into SDP.
fn shown(own: IpAddr, external: Option<IpAddr>) -> IpAddr {
    external.filter(|external| external.is_ipv4() == own.is_ipv4()).unwrap_or(own)
}
