//! Snapshots of a world: its records with everything that was revoked, its clock, how far its chance has counted,
//! and the faults that run with their counts.
//! Its keys follow from the seed, so grants issued before a snapshot are honoured again after a restore.
//!
//! The journal is history and goes on: a restore is one more event in it. Only a world in memory has snapshots; a state
//! folder is copied as files while nothing runs on it. A restore is not atomic for requests that are being answered.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use linarite_core::instant::Instant;
use schemars::JsonSchema;
use serde::Serialize;

use super::admin::{Admin, Moved};
use crate::clock::{ClockMode, rfc3339};
use crate::directory::{DirectoryError, Snapshot as Records};
use crate::faults::FaultsSnapshot;

/// Snapshots that a world keeps at most.
pub const KEPT: usize = 16;

/// Why there is no snapshot, or no way back to it.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The world has a state folder.
    #[error(
        "this world keeps its state in {0}, and only a world in memory has snapshots; stop it and copy the folder instead"
    )]
    Folder(String),
    /// As many as may be are kept already.
    #[error("{KEPT} snapshots of a world are kept at most; delete one first")]
    Full,
    /// No snapshot has this id.
    #[error("no snapshot is called `{id}`; kept are: {kept}")]
    Unknown {
        /// The id.
        id: String,
        /// Those that there are.
        kept: String,
    },
    /// The directory failed.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// A snapshot, as it is listed.
#[derive(Clone, Debug, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Snapshot")]
pub struct SnapshotView {
    /// Its id, for a restore.
    pub id: String,
    /// World time when it was taken, RFC 3339.
    pub time: String,
    /// Number of the newest event of the journal then.
    pub journal: u64,
}

#[derive(Debug)]
struct Kept {
    records: Records,
    mode: ClockMode,
    at: Instant,
    counters: Vec<u64>,
    faults: FaultsSnapshot,
    journal: u64,
}

#[derive(Debug, Default)]
struct Shelf {
    taken: u64,
    kept: BTreeMap<u64, Kept>,
}

/// The snapshots of one world.
#[derive(Debug, Default)]
pub struct Snapshots(Mutex<Shelf>);

impl Snapshots {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a snapshot.
    pub fn take(&self, admin: &Admin<'_>) -> Result<SnapshotView, SnapshotError> {
        let world = admin.world();
        in_memory(admin)?;
        let view = {
            let mut shelf = self.shelf();
            if shelf.kept.len() >= KEPT {
                return Err(SnapshotError::Full);
            }
            let kept = Kept {
                records: world.directory.snapshot()?,
                mode: world.clock.mode(),
                at: world.clock.now(),
                counters: world.entropy.counters(),
                faults: world.faults.snapshot(),
                journal: world.journal.last(),
            };
            shelf.taken += 1;
            let view = view(shelf.taken, &kept);
            let number = shelf.taken;
            shelf.kept.insert(number, kept);
            view
        };
        admin.journal("take_snapshot", &view.id, Vec::new());
        Ok(view)
    }

    /// The snapshots that are kept, oldest first.
    pub fn list(&self) -> Vec<SnapshotView> {
        self.shelf().kept.iter().map(|(number, kept)| view(*number, kept)).collect()
    }

    /// Puts the world back to a snapshot, which stays.
    pub async fn restore(
        &self,
        admin: &Admin<'_>,
        id: &str,
    ) -> Result<SnapshotView, SnapshotError> {
        let world = admin.world();
        in_memory(admin)?;
        let from = world.clock.now();
        let view = {
            let shelf = self.shelf();
            let (number, kept) = number(id)
                .and_then(|n| shelf.kept.get_key_value(&n))
                .ok_or_else(|| unknown(id, &shelf))?;
            world.directory.restore(&kept.records)?;
            world.recall_mdm()?;
            world.clock.set_mode(kept.mode);
            // Going back is what a restore is for.
            let _allowed = world.clock.set(kept.at, true);
            world.entropy.restore(&kept.counters);
            world.faults.restore(&kept.faults);
            view(*number, kept)
        };
        admin.journal("restore_snapshot", &view.id, vec![("journal", view.journal.into())]);
        let moved = Moved { from, to: world.clock.now() };
        admin.moved("restore_snapshot", moved).await?;
        Ok(view)
    }

    /// Deletes a snapshot.
    pub fn remove(&self, admin: &Admin<'_>, id: &str) -> Result<(), SnapshotError> {
        {
            let mut shelf = self.shelf();
            if number(id).and_then(|n| shelf.kept.remove(&n)).is_none() {
                return Err(unknown(id, &shelf));
            }
        }
        admin.journal("delete_snapshot", id, Vec::new());
        Ok(())
    }
}

fn in_memory(admin: &Admin<'_>) -> Result<(), SnapshotError> {
    match &admin.world().state {
        None => Ok(()),
        Some(folder) => Err(SnapshotError::Folder(folder.display().to_string())),
    }
}

fn view(number: u64, kept: &Kept) -> SnapshotView {
    SnapshotView { id: format!("s{number}"), time: rfc3339(kept.at), journal: kept.journal }
}

fn number(id: &str) -> Option<u64> {
    id.strip_prefix('s')?.parse().ok().filter(|number| format!("s{number}") == id)
}

fn unknown(id: &str, shelf: &Shelf) -> SnapshotError {
    let kept: Vec<String> = shelf.kept.keys().map(|number| format!("s{number}")).collect();
    let kept = if kept.is_empty() { "none".to_owned() } else { kept.join(", ") };
    SnapshotError::Unknown { id: id.to_owned(), kept }
}
