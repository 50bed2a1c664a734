//! Makes identifiers: from the seed of the process, so that a run can be repeated.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::vocab::{CallId, InteractionId, LegId, MessageId, Now};
use media::order::{MixId, PlayId, RecordingId, StreamId};

/// Streams of the generator that the switch draws from, one per purpose.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// Call ids.
    Calls = 1,
    /// The endpoint's tags, branches and Call-IDs.
    Endpoint = 2,
    /// Digest nonces.
    Nonces = 3,
    /// Trunks' pauses and the choice among DNS targets.
    Trunks = 4,
    /// SDP session ids.
    Sdp = 5,
    /// The distributor's random choices.
    Distributor = 6,
}

/// A generator for one purpose.
pub fn generator(seed: [u8; 32], purpose: Purpose) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::from_seed(seed);
    rng.set_stream(purpose as u64);
    rng
}

/// A seed for a part that keeps a generator of its own.
pub fn seed_for(seed: [u8; 32], purpose: Purpose) -> [u8; 32] {
    let mut out = [0; 32];
    generator(seed, purpose).fill_bytes(&mut out);
    out
}

/// Hands out the ids of calls and of their media.
#[derive(Debug)]
pub struct Ids {
    calls: ChaCha8Rng,
    sdp: ChaCha8Rng,
    legs: u64,
    streams: u64,
    plays: u64,
    mixes: u64,
    recordings: u64,
}

impl Ids {
    /// From the seed of the process.
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            calls: generator(seed, Purpose::Calls),
            sdp: generator(seed, Purpose::Sdp),
            legs: 0,
            streams: 0,
            plays: 0,
            mixes: 0,
            recordings: 0,
        }
    }

    /// A call id that sorts by time: 48 bits of milliseconds, then random.
    pub fn call(&mut self, now: Now) -> CallId {
        CallId(self.timed(now))
    }

    /// Likewise for an interaction.
    pub fn interaction(&mut self, now: Now) -> InteractionId {
        InteractionId(self.timed(now))
    }

    /// Likewise for a message.
    pub fn message(&mut self, now: Now) -> MessageId {
        MessageId(self.timed(now))
    }

    fn timed(&mut self, now: Now) -> u128 {
        let random =
            (u128::from(self.calls.next_u64()) << 16) | u128::from(self.calls.next_u32() as u16);
        (u128::from(now.wall) << 80) | random
    }

    /// An SDP session id; 31 bits, since some phones read it as a signed number.
    pub fn sdp_session(&mut self) -> u64 {
        u64::from(self.sdp.next_u32() >> 1).max(1)
    }

    /// One end of a call.
    pub fn leg(&mut self) -> LegId {
        self.legs += 1;
        LegId(self.legs)
    }

    /// A media stream.
    pub fn stream(&mut self) -> StreamId {
        self.streams += 1;
        StreamId(self.streams)
    }

    /// A prompt's playing.
    pub fn play(&mut self) -> PlayId {
        self.plays += 1;
        PlayId(self.plays)
    }

    /// A mix.
    pub fn mix(&mut self) -> MixId {
        self.mixes += 1;
        MixId(self.mixes)
    }

    /// A recording.
    pub fn recording(&mut self) -> RecordingId {
        self.recordings += 1;
        RecordingId(self.recordings)
    }
}
