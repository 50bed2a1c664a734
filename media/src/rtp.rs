//! The RTP header (RFC 3550 section 5.1): read without copying, rewritten where it lies.

/// Length of the fixed header in bytes.
pub const HEADER_LEN: usize = 12;

/// The fields of the fixed header that a relay reads or replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Marks the first packet of a talk spurt (audio) or the last of a frame (video).
    pub marker: bool,
    /// 0 to 127.
    pub payload_type: u8,
    /// Grows by one a packet, modulo 2^16.
    pub sequence: u16,
    /// In units of the payload type's clock, modulo 2^32.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
}

/// A packet's header and where its payload lies. Holds no reference, so the packet may be rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// The fixed header.
    pub header: Header,
    /// Offset of the first payload byte, behind contributing sources and header extension.
    pub payload_start: usize,
    /// Offset behind the last payload byte, before the padding.
    pub payload_end: usize,
}

/// Why bytes are no RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RtpError {
    /// Shorter than its own fields claim.
    Truncated,
    /// The version is not 2.
    Version,
    /// The padding count is zero or longer than the packet.
    Padding,
}

impl View {
    /// Reads the header of `packet`.
    ///
    /// # Errors
    /// When lengths or version contradict RFC 3550 section 5.1 and appendix A.1.
    pub fn parse(packet: &[u8]) -> Result<Self, RtpError> {
        let fixed = packet.first_chunk::<HEADER_LEN>().ok_or(RtpError::Truncated)?;
        let [first, second, q0, q1, t0, t1, t2, t3, s0, s1, s2, s3] = *fixed;
        if first >> 6 != 2 {
            return Err(RtpError::Version);
        }
        let mut start = HEADER_LEN + 4 * usize::from(first & 0x0f);
        if first & 0x10 != 0 {
            let extension = packet.get(start..start + 4).ok_or(RtpError::Truncated)?;
            let words = u16::from_be_bytes([extension[2], extension[3]]);
            start += 4 + 4 * usize::from(words);
        }
        let mut end = packet.len();
        if first & 0x20 != 0 {
            let padding = usize::from(packet[end - 1]);
            if padding == 0 || padding > end - HEADER_LEN {
                return Err(RtpError::Padding);
            }
            end -= padding;
        }
        if start > end {
            return Err(RtpError::Truncated);
        }
        let header = Header {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([q0, q1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
        };
        Ok(Self { header, payload_start: start, payload_end: end })
    }
}

impl Header {
    /// Replaces the header's fields in `packet`; version, padding, extension and contributing
    /// sources stay. Does nothing when the packet is shorter than a header.
    pub fn rewrite(&self, packet: &mut [u8]) {
        if let Some(fixed) = packet.first_chunk_mut::<HEADER_LEN>() {
            let first = fixed[0];
            *fixed = self.bytes();
            fixed[0] = first;
        }
    }

    /// The header of a packet without padding, extension and contributing sources.
    pub fn bytes(&self) -> [u8; HEADER_LEN] {
        let [q0, q1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [s0, s1, s2, s3] = self.ssrc.to_be_bytes();
        let second = u8::from(self.marker) << 7 | (self.payload_type & 0x7f);
        [0x80, second, q0, q1, t0, t1, t2, t3, s0, s1, s2, s3]
    }
}

/// What a datagram on a media port is, told by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An RTP packet.
    Rtp,
    /// An RTCP packet (RFC 5761 section 4: packet types 192 to 223).
    Rtcp,
    /// A STUN message.
    Stun,
    /// A DTLS record.
    Dtls,
    /// None of these.
    Unknown,
}

impl Kind {
    /// Demultiplexes by the first byte (RFC 7983 section 7) and, for RTP and RTCP on one port, by the
    /// second (RFC 5761 section 4).
    pub fn of(packet: &[u8]) -> Self {
        match packet {
            [128..=191, 192..=223, ..] => Self::Rtcp,
            [128..=191, _, ..] => Self::Rtp,
            [0..=3, ..] => Self::Stun,
            [20..=63, ..] => Self::Dtls,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> Header {
        Header { marker: true, payload_type: 8, sequence: 65_535, timestamp: 7, ssrc: 0xdead_beef }
    }

    #[test]
    fn sources_extension_and_padding_are_left_out_of_the_payload() {
        let mut packet = header().bytes().to_vec();
        packet[0] |= 0x20 | 0x10 | 2;
        packet.extend([0; 8]);
        packet.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]);
        packet.extend(*b"voice");
        packet.extend([0, 0, 3]);
        let view = View::parse(&packet).unwrap();
        assert_eq!(&packet[view.payload_start..view.payload_end], b"voice");
        assert_eq!(view.header, header());
    }

    #[test]
    fn contradictory_lengths_are_refused() {
        let mut packet = header().bytes().to_vec();
        assert!(View::parse(&packet).is_ok());
        assert_eq!(View::parse(&packet[..11]), Err(RtpError::Truncated));
        packet[0] = 0x80 | 1;
        assert_eq!(View::parse(&packet), Err(RtpError::Truncated));
        packet[0] = 0x90;
        assert_eq!(View::parse(&packet), Err(RtpError::Truncated));
        packet[0] = 0xa0;
        packet[11] = 1;
        assert_eq!(View::parse(&packet), Err(RtpError::Padding));
        packet[0] = 0x40;
        assert_eq!(View::parse(&packet), Err(RtpError::Version));
    }

    #[test]
    fn kinds_share_a_port() {
        let kinds = [
            (&[0x80, 0][..], Kind::Rtp),
            (&[0x80, 0x80 | 100], Kind::Rtp),
            (&[0x80, 0x80], Kind::Rtp),
            (&[0x81, 200], Kind::Rtcp),
            (&[0, 1], Kind::Stun),
            (&[22, 254], Kind::Dtls),
            (&[70], Kind::Unknown),
            (&[], Kind::Unknown),
        ];
        for (packet, kind) in kinds {
            assert_eq!(Kind::of(packet), kind, "{packet:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_fail_within_bounds(packet in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(view) = View::parse(&packet) {
                prop_assert!(packet.get(view.payload_start..view.payload_end).is_some());
            }
        }

        #[test]
        fn rewriting_keeps_everything_else(mut packet in proptest::collection::vec(any::<u8>(), 12..80)) {
            packet[0] = 0x80 | packet[0] & 0x3f;
            let before = packet.clone();
            header().rewrite(&mut packet);
            prop_assert_eq!(packet[0], before[0]);
            prop_assert_eq!(&packet[12..], &before[12..]);
            if let Ok(view) = View::parse(&packet) {
                prop_assert_eq!(view.header, header());
            }
        }
    }
}
