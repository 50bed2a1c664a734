//! Chance for the simulation, from a seed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};

pub struct Chance(ChaCha8Rng);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64() % bound.max(1)
    }

    pub fn permille(&mut self, permille: u64) -> bool {
        self.below(1_000) < permille
    }

    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    /// Exponentially distributed, with this mean.
    pub fn exponential(&mut self, mean: u64) -> u64 {
        let unit = (self.below(1 << 52) + 1) as f64 / (1_u64 << 52) as f64;
        (-unit.ln() * mean as f64) as u64
    }
}
