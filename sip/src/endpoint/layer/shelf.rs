//! Memory for responses that are kept until their transaction ends, and by nobody for longer.
//!
//! Those of about the same time share one piece of memory and give it back together; one by one they would lie between
//! what stays. A piece is used again when nothing in it is kept any more, so that a steady load touches no fresh memory.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Bytes of one piece: large enough that the system's allocator takes it from the system and gives it back.
const PIECE: usize = 128 * 1024;

/// The pieces.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// The one that is being filled.
    open: BytesMut,
    /// Those that are full, the oldest first.
    full: VecDeque<BytesMut>,
}

impl Shelf {
    /// Keeps a copy of a response.
    pub fn keep(&mut self, response: &[u8]) -> Bytes {
        if response.len() > PIECE / 16 {
            return Bytes::copy_from_slice(response);
        }
        if self.open.capacity() < response.len() {
            let next = self.next();
            let full = std::mem::replace(&mut self.open, next);
            // Without any room it is the very first, which never was a piece, or one that is filled to its last byte.
            if full.capacity() > 0 {
                self.full.push_back(full);
            }
        }
        self.open.extend_from_slice(response);
        self.open.split().freeze()
    }

    /// A piece to fill: the oldest, where nothing in it is kept; of two such one is given back, as the load has fallen.
    fn next(&mut self) -> BytesMut {
        let Some(oldest) = self.take_free() else { return BytesMut::with_capacity(PIECE) };
        self.take_free();
        oldest
    }

    fn take_free(&mut self) -> Option<BytesMut> {
        if self.full.front_mut()?.try_reclaim(PIECE) { self.full.pop_front() } else { None }
    }

    /// Nothing is kept any more: all pieces but one are given back.
    pub fn shrink(&mut self) {
        self.full = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: [u8; 400] = [7; 400];
    const IN_A_PIECE: usize = PIECE / RESPONSE.len();

    #[test]
    fn a_steady_load_uses_the_same_pieces_again() {
        let mut shelf = Shelf::default();
        let mut kept: VecDeque<Bytes> = VecDeque::new();
        let mut pieces = std::collections::BTreeSet::new();
        for n in 0..100 * IN_A_PIECE {
            let response = shelf.keep(&RESPONSE);
            pieces.insert(response.as_ptr() as usize / (4 * PIECE));
            kept.push_back(response);
            if n > 3 * IN_A_PIECE {
                kept.pop_front();
            }
        }
        assert!(kept.iter().all(|response| **response == RESPONSE));
        assert!(shelf.full.len() <= 5, "{} pieces", shelf.full.len());
        assert!(pieces.len() <= 6, "{pieces:?}");
    }

    #[test]
    fn after_a_burst_memory_is_given_back() {
        let mut shelf = Shelf::default();
        let burst: Vec<Bytes> = (0..50 * IN_A_PIECE).map(|_| shelf.keep(&RESPONSE)).collect();
        assert!(shelf.full.len() >= 45);
        drop(burst);
        for _ in 0..60 * IN_A_PIECE {
            shelf.keep(&RESPONSE);
        }
        assert!(shelf.full.len() <= 2, "{} pieces", shelf.full.len());
    }

    #[test]
    fn a_piece_serves_many_responses_that_are_kept_one_at_a_time() {
        let mut shelf = Shelf::default();
        let first = shelf.keep(&RESPONSE).as_ptr() as usize;
        for n in 1..IN_A_PIECE {
            shelf.shrink();
            let at = shelf.keep(&RESPONSE).as_ptr() as usize;
            assert_eq!(at, first + n * RESPONSE.len());
        }
        assert!(shelf.full.is_empty());
    }

    #[test]
    fn what_is_kept_stays_as_it_is() {
        let mut shelf = Shelf::default();
        let first = shelf.keep(b"first");
        let all: Vec<Bytes> = (0..3 * IN_A_PIECE).map(|_| shelf.keep(&RESPONSE)).collect();
        drop(all);
        (0..9 * IN_A_PIECE).for_each(|_| drop(shelf.keep(&RESPONSE)));
        let large = shelf.keep(&[9; PIECE]);
        assert_eq!((&*first, large.len()), (&b"first"[..], PIECE));
    }
}
