//! A sorted set that knows the rank of what it holds: positions in a line, and a uniform choice.
//!
//! Short sorted runs one after the other. Finding, adding and removing is logarithmic plus moving at most one run; a rank
//! adds up the lengths of the runs before.

/// A run is split when it grows beyond twice this.
const RUN: usize = 64;

/// A sorted set.
#[derive(Debug, Clone)]
pub(super) struct Ordered<K> {
    runs: Vec<Vec<K>>,
    len: usize,
}

impl<K> Default for Ordered<K> {
    fn default() -> Self {
        Self { runs: Vec::new(), len: 0 }
    }
}

impl<K: Ord + Copy> Ordered<K> {
    /// The run in which `key` is or would be, if it is not beyond the end.
    fn run_of(&self, key: &K) -> usize {
        self.runs.partition_point(|run| run.last().is_some_and(|last| last < key))
    }

    /// False if it was in already.
    pub fn insert(&mut self, key: K) -> bool {
        let at = self.run_of(&key).min(self.runs.len().saturating_sub(1));
        let Some(run) = self.runs.get_mut(at) else {
            self.runs.push(vec![key]);
            self.len += 1;
            return true;
        };
        let Err(place) = run.binary_search(&key) else { return false };
        run.insert(place, key);
        if run.len() > 2 * RUN {
            let tail = run.split_off(RUN);
            self.runs.insert(at + 1, tail);
        }
        self.len += 1;
        true
    }

    /// False if it was not in.
    pub fn remove(&mut self, key: &K) -> bool {
        let at = self.run_of(key);
        let Some(run) = self.runs.get_mut(at) else { return false };
        let Ok(place) = run.binary_search(key) else { return false };
        run.remove(place);
        if run.is_empty() {
            self.runs.remove(at);
        }
        self.len -= 1;
        true
    }

    pub fn contains(&self, key: &K) -> bool {
        self.runs.get(self.run_of(key)).is_some_and(|run| run.binary_search(key).is_ok())
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn first(&self) -> Option<K> {
        self.runs.first().and_then(|run| run.first()).copied()
    }

    /// The first that is not less than `key`.
    pub fn at_or_after(&self, key: &K) -> Option<K> {
        let run = self.runs.get(self.run_of(key))?;
        run.get(run.partition_point(|held| held < key)).copied()
    }

    /// How many are less than `key`.
    pub fn rank(&self, key: &K) -> usize {
        let at = self.run_of(key);
        let before: usize = self.runs.iter().take(at).map(Vec::len).sum();
        before + self.runs.get(at).map_or(0, |run| run.partition_point(|held| held < key))
    }

    /// The one with this rank.
    pub fn nth(&self, rank: usize) -> Option<K> {
        let mut left = rank;
        for run in &self.runs {
            if left < run.len() {
                return run.get(left).copied();
            }
            left -= run.len();
        }
        None
    }

    pub fn iter(&self) -> impl Iterator<Item = K> + '_ {
        self.runs.iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Ordered;

    #[test]
    fn agrees_with_a_tree() {
        let mut ordered = Ordered::default();
        let mut tree = BTreeSet::new();
        let mut x = 7_u32;
        for step in 0..4_000 {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let key = (x >> 8) % 700;
            if step % 3 == 2 {
                assert_eq!(ordered.remove(&key), tree.remove(&key));
            } else {
                assert_eq!(ordered.insert(key), tree.insert(key));
            }
            assert_eq!(ordered.len(), tree.len());
            assert_eq!(ordered.rank(&key), tree.range(..key).count());
            assert_eq!(ordered.at_or_after(&key), tree.range(key..).next().copied());
            assert_eq!(ordered.contains(&key), tree.contains(&key));
            assert_eq!(ordered.nth(step % 50), tree.iter().nth(step % 50).copied());
        }
        assert!(ordered.iter().eq(tree.iter().copied()));
        assert_eq!(ordered.first(), tree.first().copied());
    }
}
