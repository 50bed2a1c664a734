//! A table whose handles never mean something else after their entry is gone.

/// Names an entry of a [`Slab`]: an index and the generation of its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Handle(u64);

impl Handle {
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    pub const fn raw(self) -> u64 {
        self.0
    }

    const fn new(index: u32, generation: u32) -> Self {
        Self(((generation as u64) << 32) | index as u64)
    }

    const fn index(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }

    const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

/// Values by handle. Freed slots are used again, the latest first.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    /// The generation that slots begin with; raised when the table is given back.
    base: u32,
}

/// An empty table larger than this gives its memory back.
pub(crate) const KEEP: usize = 256;

impl<T> Slab<T> {
    pub const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), base: 1 }
    }

    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn insert(&mut self, value: T) -> Handle {
        let handle = self.reserve();
        self.fill(handle, value);
        handle
    }

    /// A handle for a value that is to be filled in at once.
    pub fn reserve(&mut self) -> Handle {
        if let Some(index) = self.free.pop()
            && let Some(slot) = self.slots.get(index as usize)
        {
            return Handle::new(index, slot.generation);
        }
        let index = self.slots.len() as u32;
        self.slots.push(Slot { generation: self.base, value: None });
        Handle::new(index, self.base)
    }

    /// Fills in a reserved value.
    pub fn fill(&mut self, handle: Handle, value: T) {
        if let Some(slot) = self.slots.get_mut(handle.index()) {
            slot.value = Some(value);
        }
    }

    pub fn get(&self, handle: Handle) -> Option<&T> {
        let slot = self.slots.get(handle.index())?;
        if slot.generation == handle.generation() { slot.value.as_ref() } else { None }
    }

    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut T> {
        let slot = self.slots.get_mut(handle.index())?;
        if slot.generation == handle.generation() { slot.value.as_mut() } else { None }
    }

    pub fn remove(&mut self, handle: Handle) -> Option<T> {
        let slot = self.slots.get_mut(handle.index())?;
        if slot.generation != handle.generation() {
            return None;
        }
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1).max(1);
        self.free.push(handle.index() as u32);
        if self.free.len() == self.slots.len() && self.slots.len() > KEEP {
            self.give_back();
        }
        Some(value)
    }

    fn give_back(&mut self) {
        let highest = self.slots.iter().map(|slot| slot.generation).max().unwrap_or(self.base);
        self.base = highest.wrapping_add(1).max(1);
        self.slots = Vec::new();
        self.free = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_means_one_entry_only() {
        let mut slab = Slab::new();
        let first = slab.insert("first");
        assert_eq!((slab.get(first), slab.len()), (Some(&"first"), 1));
        assert_eq!(slab.remove(first), Some("first"));
        let second = slab.insert("second");
        assert_eq!(second.index(), first.index());
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get_mut(second), Some(&mut "second"));
        assert_eq!(Handle::from_raw(second.raw()), second);
    }

    #[test]
    fn an_empty_table_gives_its_memory_back_and_forgets_no_generation() {
        let mut slab = Slab::new();
        let handles: Vec<_> = (0..KEEP + 1).map(|n| slab.insert(n)).collect();
        for handle in &handles {
            slab.remove(*handle);
        }
        assert_eq!((slab.len(), slab.slots.capacity()), (0, 0));
        let again = slab.insert(7);
        assert!(!handles.contains(&again));
        assert!(handles.iter().all(|handle| slab.get(*handle).is_none()));
        assert_eq!(slab.len(), 1);
    }
}
