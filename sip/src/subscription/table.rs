//! All subscriptions, by handle, by dialog and by whose they are.

use std::collections::{BTreeMap, VecDeque};

use super::Subscription;
use crate::endpoint::ids::{Key, KeyMap};
use crate::endpoint::slab::{Handle, Slab};

/// The table. Each peer's subscriptions stand in order of age, so that the oldest can make room.
pub(crate) struct Subscriptions {
    all: Slab<Box<Subscription>>,
    by_dialog: KeyMap,
    by_peer: BTreeMap<Box<str>, VecDeque<Handle>>,
}

impl Subscriptions {
    pub fn new() -> Self {
        let (by_dialog, by_peer) = (KeyMap::default(), BTreeMap::new());
        Self { all: Slab::new(), by_dialog, by_peer }
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn get(&self, handle: Handle) -> Option<&Subscription> {
        self.all.get(handle).map(|own| &**own)
    }

    pub fn get_mut(&mut self, handle: Handle) -> Option<&mut Subscription> {
        self.all.get_mut(handle).map(|own| &mut **own)
    }

    pub fn by_dialog(&self, key: Key) -> Option<Handle> {
        self.by_dialog.get(&key).copied()
    }

    /// The oldest of a peer's subscriptions, where it has `limit` or more.
    pub fn oldest_beyond(&self, peer: &str, limit: usize) -> Option<Handle> {
        let own = self.by_peer.get(peer)?;
        if own.len() < limit { None } else { own.front().copied() }
    }

    pub fn reserve(&mut self) -> Handle {
        self.all.reserve()
    }

    pub fn add(&mut self, key: Key, subscription: Subscription) {
        let handle = subscription.handle;
        self.by_dialog.insert(key, handle);
        self.by_peer.entry(subscription.peer.clone()).or_default().push_back(handle);
        self.all.fill(handle, Box::new(subscription));
    }

    pub fn remove(&mut self, key: Key, handle: Handle) {
        self.by_dialog.remove(&key);
        let Some(gone) = self.all.remove(handle) else { return };
        if let Some(own) = self.by_peer.get_mut(&gone.peer) {
            own.retain(|other| *other != handle);
            if own.is_empty() {
                self.by_peer.remove(&gone.peer);
            }
        }
    }
}
