//! Which worlds the control API can reach, and what it keeps for each: its snapshots and where it is served.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use super::snapshots::Snapshots;
use crate::world::World;

/// The place of a world in the control API.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) world: Arc<World>,
    /// The proxy that clients reach it by, when that is known.
    pub(super) proxy: Option<String>,
    pub(super) snapshots: Snapshots,
    /// Becomes true when the world is removed: streams of its journal end.
    pub(super) closed: watch::Sender<bool>,
}

/// The worlds that the control API can reach; cheap to clone, all clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Worlds(Arc<RwLock<BTreeMap<String, Arc<Seat>>>>);

impl Worlds {
    /// Adds a world under its id, in place of one that had it before.
    pub fn register(&self, world: Arc<World>) {
        self.add(world, None);
    }

    /// Adds a world whose clients go through the proxy at this URL.
    pub fn register_behind(&self, world: Arc<World>, proxy: impl Into<String>) {
        self.add(world, Some(proxy.into()));
    }

    /// Takes a world out; its snapshots go with it. Returns whether it was there.
    pub fn remove(&self, id: &str) -> bool {
        let removed = self.0.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        close(removed.as_deref());
        removed.is_some()
    }

    fn add(&self, world: Arc<World>, proxy: Option<String>) {
        let id = world.id.clone();
        let closed = watch::Sender::new(false);
        let seat = Arc::new(Seat { world, proxy, snapshots: Snapshots::default(), closed });
        let before = self.0.write().unwrap_or_else(PoisonError::into_inner).insert(id, seat);
        close(before.as_deref());
    }

    pub(super) fn seat(&self, id: &str) -> Option<Arc<Seat>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// All of them, in the order of their ids.
    pub(super) fn seats(&self) -> Vec<Arc<Seat>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

fn close(seat: Option<&Seat>) {
    if let Some(seat) = seat {
        seat.closed.send_replace(true);
    }
}
