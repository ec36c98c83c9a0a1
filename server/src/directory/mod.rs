//! The directory: a set of named operations over one SQLite database. The only SQL in the house is in this folder.
//!
//! Each operation loads what a rule of core needs, lets core decide, and writes what changed, in one transaction; it may
//! be run again. A world without a state folder has one connection in memory behind a mutex and no thread; a state
//! folder has one writer thread that commits together what is waiting together, and a few reading connections.
//! Left out: a second database behind the same operations.

mod deletions;
mod devices;
mod inventory;
mod management;
mod meta;
mod policies;
mod queries;
mod registrations;
mod remembered;
mod rows;
mod schema;
mod sessions;
mod store;
mod sync;
#[cfg(test)]
mod tests;
mod users;

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;

use remembered::Remembered;
use rusqlite::Connection;
use store::Store;

pub use deletions::DeletedPage;
pub use devices::{DeviceEdit, NewDevice};
pub use inventory::KeyedUser;
pub use management::Enrol;
pub use meta::{Identity, Snapshot};
pub use queries::{
    Cursor, DeviceQuery, Filter, Order, Page, ROW_BUDGET, SortBy, SortKey, Test, TextTest,
    TimeTest, UserPage,
};
pub use registrations::{Hybrid, Join, Joined, SynchronisedComputer, VouchedJoin};
pub use sessions::{Denied, DeviceEvidence, OnceMark, Purpose, Session, SignIn, UserEvidence};
pub use users::{NewUser, UserKey};

/// The directory could not answer: not a refusal, a fault of the machine or of this program.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// SQLite says no.
    #[error("the directory's database failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// The state folder cannot be used.
    #[error("the state folder {folder} cannot be used: {cause}")]
    Folder {
        /// Which folder.
        folder: String,
        /// Why.
        cause: String,
    },
    /// Another server has the state folder.
    #[error(
        "the state folder {folder} is in use by another linarite: stop that one first, or give this one a folder of its own (--state DIR)"
    )]
    InUse {
        /// Which folder.
        folder: String,
    },
    /// An operation of this program panicked.
    #[error(
        "an operation of the directory broke off ({0}) and nothing of it was kept; this is a mistake in linarite, please report it"
    )]
    Panicked(String),
    /// What belongs to a record could not be made, so that the record was not made either.
    #[error("the certificate of a device could not be issued: {0}")]
    NotIssued(String),
    /// The writer has stopped.
    #[error("the directory is closed")]
    Closed,
}

/// The directory of one world.
#[derive(Debug)]
pub struct Directory {
    store: Store,
    remembered: Arc<Remembered>,
    /// Held as long as the store is open, and given up after it.
    _lock: Option<File>,
}

impl Directory {
    /// An empty directory in memory.
    pub fn in_memory() -> Result<Self, DirectoryError> {
        let connection = Connection::open_in_memory()?;
        schema::prepare(&connection)?;
        let store = Store::memory(connection);
        Ok(Self { store, remembered: Arc::default(), _lock: None })
    }

    /// The directory in a state folder, made when there is none yet. [`DirectoryError::InUse`] while another has it open.
    pub fn in_folder(folder: &Path) -> Result<Self, DirectoryError> {
        let lock = locked(folder)?;
        let store = Store::folder(&folder.join("directory.sqlite"))?;
        Ok(Self { store, remembered: Arc::default(), _lock: Some(lock) })
    }
}

/// The lock of a state folder, which ends with the file's last handle, and so with a killed process too.
fn locked(folder: &Path) -> Result<File, DirectoryError> {
    let path = folder.join("linarite.lock");
    let failed = |cause: std::io::Error| DirectoryError::Folder {
        folder: folder.display().to_string(),
        cause: format!("{} cannot be locked: {cause}", path.display()),
    };
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(DirectoryError::InUse { folder: folder.display().to_string() })
        }
        Err(TryLockError::Error(cause)) => Err(failed(cause)),
    }
}
