//! RTCP packets (RFC 3550 section 6, RFC 4585 section 6): read from a compound, and written into a buffer.
//!
//! By hand, because a relay needs six fields of a report and rewrites feedback word by word.

/// Sender report.
const SR: u8 = 200;
/// Receiver report.
const RR: u8 = 201;
/// Source description.
const SDES: u8 = 202;
/// Goodbye.
const BYE: u8 = 203;
/// Transport layer feedback (RFC 4585).
pub const RTPFB: u8 = 205;
/// Payload-specific feedback (RFC 4585).
pub const PSFB: u8 = 206;

/// Feedback formats: generic NACK (RFC 4585 section 6.2.1).
pub const FMT_NACK: u8 = 1;
/// Temporary bit rate request and notification (RFC 5104 section 4.2).
pub const FMT_TMMBR: u8 = 3;
/// Answer to [`FMT_TMMBR`].
pub const FMT_TMMBN: u8 = 4;
/// Full intra request (RFC 5104 section 4.3.1).
pub const FMT_FIR: u8 = 4;
/// Application layer feedback, REMB among it.
pub const FMT_ALFB: u8 = 15;

/// Why bytes are no RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RtcpError {
    /// Shorter than its own length fields claim.
    Truncated,
    /// The version is not 2.
    Version,
}

/// One packet of a compound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A sender's report.
    Sender {
        /// Whose.
        ssrc: u32,
        /// NTP time of the report, 32.32 bits.
        ntp: u64,
        /// What it heard of others.
        blocks: Blocks<'a>,
    },
    /// A receiver's report.
    Receiver {
        /// Whose.
        ssrc: u32,
        /// What it heard of others.
        blocks: Blocks<'a>,
    },
    /// A source leaves.
    Goodbye,
    /// RFC 4585 feedback.
    Feedback {
        /// [`RTPFB`] or [`PSFB`].
        packet_type: u8,
        /// The format within the type.
        format: u8,
        /// The source that it is about.
        media: u32,
        /// Feedback control information.
        fci: &'a [u8],
    },
    /// Descriptions and all others.
    Other,
}

/// Report blocks in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blocks<'a>(&'a [u8]);

/// What a receiver heard of one source (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// The source.
    pub ssrc: u32,
    /// Loss since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Loss since the beginning, 24 bits, signed.
    pub cumulative_lost: i32,
    /// Highest sequence number with its wraps.
    pub highest: u32,
    /// In clock units.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report, 0 if none.
    pub last_sr: u32,
    /// Since that report came, in 1/65536 s.
    pub delay: u32,
}

impl Iterator for Blocks<'_> {
    type Item = Block;

    fn next(&mut self) -> Option<Block> {
        let (block, rest) = self.0.split_first_chunk::<24>()?;
        self.0 = rest;
        let word = |n: usize| word_at(block, n * 4);
        let lost = word(1);
        Some(Block {
            ssrc: word(0),
            fraction_lost: (lost >> 24) as u8,
            cumulative_lost: (lost << 8).cast_signed() >> 8,
            highest: word(2),
            jitter: word(3),
            last_sr: word(4),
            delay: word(5),
        })
    }
}

/// The packets of a compound, up to the first malformed one.
#[derive(Debug, Clone)]
pub struct Compound<'a>(&'a [u8]);

impl<'a> Compound<'a> {
    /// Reads `datagram` from its start.
    pub fn new(datagram: &'a [u8]) -> Self {
        Self(datagram)
    }

    fn read(&mut self) -> Result<Packet<'a>, RtcpError> {
        let header = self.0.first_chunk::<4>().ok_or(RtcpError::Truncated)?;
        let [first, packet_type, high, low] = *header;
        if first >> 6 != 2 {
            return Err(RtcpError::Version);
        }
        let length = 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        let (packet, rest) = self.0.split_at_checked(length).ok_or(RtcpError::Truncated)?;
        self.0 = rest;
        interpret(first & 0x1f, packet_type, &packet[4..]).ok_or(RtcpError::Truncated)
    }
}

impl<'a> Iterator for Compound<'a> {
    type Item = Result<Packet<'a>, RtcpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let packet = self.read();
        if packet.is_err() {
            self.0 = &[];
        }
        Some(packet)
    }
}

fn interpret(count: u8, packet_type: u8, body: &[u8]) -> Option<Packet<'_>> {
    let blocks = |from: usize| {
        let end = from + usize::from(count) * 24;
        Some(Blocks(body.get(from..end)?))
    };
    Some(match packet_type {
        SR => {
            let fixed = body.get(..24)?;
            let ntp = u64::from(word_at(fixed, 4)) << 32 | u64::from(word_at(fixed, 8));
            Packet::Sender { ssrc: word_at(fixed, 0), ntp, blocks: blocks(24)? }
        }
        RR => Packet::Receiver { ssrc: word_at(body.get(..4)?, 0), blocks: blocks(4)? },
        BYE => Packet::Goodbye,
        RTPFB | PSFB => {
            let fixed = body.get(..8)?;
            let media = word_at(fixed, 4);
            Packet::Feedback { packet_type, format: count, media, fci: &body[8..] }
        }
        _ => Packet::Other,
    })
}

/// The big-endian word at `offset`, 0 beyond the end.
pub fn word_at(bytes: &[u8], offset: usize) -> u32 {
    let word = bytes.get(offset..).and_then(|rest| rest.first_chunk::<4>());
    word.map_or(0, |word| u32::from_be_bytes(*word))
}

/// What a sender says of itself (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy)]
pub struct SenderInfo {
    /// NTP time, 32.32 bits.
    pub ntp: u64,
    /// The same moment on the RTP clock.
    pub timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Payload bytes sent.
    pub octets: u32,
}

/// Appends a report: a sender's if `info` is given, else a receiver's, with at most one block.
pub fn write_report(out: &mut Vec<u8>, ssrc: u32, info: Option<SenderInfo>, block: Option<Block>) {
    let words = 1 + if info.is_some() { 5 } else { 0 } + if block.is_some() { 6 } else { 0 };
    let packet_type = if info.is_some() { SR } else { RR };
    begin(out, u8::from(block.is_some()), packet_type, words);
    put(out, ssrc);
    if let Some(info) = info {
        out.extend_from_slice(&info.ntp.to_be_bytes());
        put(out, info.timestamp);
        put(out, info.packets);
        put(out, info.octets);
    }
    if let Some(block) = block {
        put(out, block.ssrc);
        let lost = block.cumulative_lost.cast_unsigned() & 0x00ff_ffff;
        put(out, u32::from(block.fraction_lost) << 24 | lost);
        put(out, block.highest);
        put(out, block.jitter);
        put(out, block.last_sr);
        put(out, block.delay);
    }
}

/// Appends a source description with the canonical name only; names over 255 bytes are cut.
pub fn write_description(out: &mut Vec<u8>, ssrc: u32, cname: &str) {
    let name = cname.as_bytes();
    let name = name.get(..255).unwrap_or(name);
    // SSRC, item header, name, then one to four zero bytes up to a word boundary.
    let words = (4 + 2 + name.len()) / 4 + 1;
    begin(out, 1, SDES, words);
    let end = out.len() + words * 4;
    put(out, ssrc);
    out.extend_from_slice(&[1, name.len() as u8]);
    out.extend_from_slice(name);
    out.resize(end, 0);
}

/// Appends a goodbye.
pub fn write_goodbye(out: &mut Vec<u8>, ssrc: u32) {
    begin(out, 1, BYE, 1);
    put(out, ssrc);
}

/// Appends feedback; `fci` must be whole words.
pub fn write_feedback(
    out: &mut Vec<u8>,
    packet_type: u8,
    format: u8,
    (sender, media): (u32, u32),
    fci: &[u8],
) {
    begin(out, format, packet_type, 2 + fci.len() / 4);
    put(out, sender);
    put(out, media);
    out.extend_from_slice(fci.get(..fci.len() / 4 * 4).unwrap_or_default());
}

fn begin(out: &mut Vec<u8>, count: u8, packet_type: u8, words: usize) {
    let [high, low] = (words as u16).to_be_bytes();
    out.extend_from_slice(&[0x80 | count, packet_type, high, low]);
}

fn put(out: &mut Vec<u8>, word: u32) {
    out.extend_from_slice(&word.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn block() -> Block {
        Block {
            ssrc: 9,
            fraction_lost: 3,
            cumulative_lost: -5,
            highest: 70_000,
            jitter: 12,
            last_sr: 1,
            delay: 2,
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut out = Vec::new();
        let info = SenderInfo { ntp: 0x1122_3344_5566_7788, timestamp: 5, packets: 6, octets: 7 };
        write_report(&mut out, 1, Some(info), Some(block()));
        write_report(&mut out, 2, None, None);
        write_description(&mut out, 1, "strowger@host");
        write_feedback(&mut out, PSFB, FMT_FIR, (1, 2), &[0, 0, 0, 9, 4, 0, 0, 0]);
        write_goodbye(&mut out, 1);
        let packets: Result<Vec<_>, _> = Compound::new(&out).collect();
        let packets = packets.unwrap();
        let Packet::Sender { ssrc: 1, ntp, mut blocks } = packets[0] else { panic!("{packets:?}") };
        assert_eq!(ntp, info.ntp);
        assert_eq!((blocks.next(), blocks.next()), (Some(block()), None));
        assert!(matches!(packets[1], Packet::Receiver { ssrc: 2, .. }));
        assert_eq!(packets[2], Packet::Other);
        let Packet::Feedback { packet_type: PSFB, format: FMT_FIR, media: 2, fci } = packets[3]
        else {
            panic!("{packets:?}")
        };
        assert_eq!(word_at(fci, 0), 9);
        assert_eq!(packets[4], Packet::Goodbye);
    }

    #[test]
    fn descriptions_end_with_a_zero_on_a_word_boundary() {
        for length in 0..9 {
            let mut out = Vec::new();
            write_description(&mut out, 1, &"x".repeat(length));
            assert_eq!(out.len() % 4, 0);
            assert_eq!(out.last(), Some(&0));
            assert_eq!(out.len(), 4 + 4 * usize::from(out[3]));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_end(datagram in proptest::collection::vec(any::<u8>(), 0..200)) {
            for packet in Compound::new(&datagram).flatten() {
                if let Packet::Sender { blocks, .. } | Packet::Receiver { blocks, .. } = packet {
                    prop_assert!(blocks.count() <= 31);
                }
            }
        }
    }
}
