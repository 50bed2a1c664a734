//! Things by a number that is never given twice, so that a stale number finds nothing.

/// Things by number.
#[derive(Debug, Clone)]
pub(super) struct Slab<T> {
    slots: Vec<Option<Box<T>>>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { slots: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub fn insert(&mut self, thing: T) -> u32 {
        self.slots.push(Some(Box::new(thing)));
        u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
    }

    pub fn get(&self, number: u32) -> Option<&T> {
        self.slots.get(number as usize)?.as_deref()
    }

    pub fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.slots.get_mut(number as usize)?.as_deref_mut()
    }

    pub fn remove(&mut self, number: u32) -> Option<T> {
        self.slots.get_mut(number as usize)?.take().map(|thing| *thing)
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(number, slot)| Some((u32::try_from(number).ok()?, slot.as_deref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::Slab;

    #[test]
    fn a_number_is_never_given_twice() {
        let mut slab = Slab::default();
        let first = slab.insert('a');
        assert_eq!(slab.remove(first), Some('a'));
        let second = slab.insert('b');
        assert_ne!(first, second);
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.iter().collect::<Vec<_>>(), [(second, &'b')]);
    }
}
