//! What an administrator can do to a world, as plain functions: the control API's routes and the steps of scenarios call
//! the same ones.
//!
//! Each does the change, keeps what has to be kept, and journals it: `admin` with the action, its target and the actor's
//! name, `directory.change` beside it when a record changed, and `clock.advance` when the clock moved. An action that is
//! refused changes nothing and is not journaled. Left out: groups, licences, and application registrations.

mod clock;
mod devices;
mod faults;
mod mdm;
mod policies;
mod sync;
mod users;

use serde_json::{Map, Value};

use crate::directory::DirectoryError;
use crate::faults::FaultError;
use crate::journal::Kind;
use crate::world::World;

pub use clock::Moved;
pub use devices::{CreateDevice, Trust};
pub use sync::SyncedComputer;
pub use users::{CreateUser, GENERATED, Reset};

/// Why an administrator's action is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// No device has this id or name.
    #[error(
        "no device has the device id, object id or display name `{0}`; list the devices to see which there are"
    )]
    DeviceUnknown(String),
    /// No deleted device that is kept has this id.
    #[error(
        "no deleted device that is kept has the device id or object id `{0}`: it was never deleted, its time is over, it was a hybrid one, or the world keeps none (the setting `soft_delete`, such as `30d`)"
    )]
    NotKept(String),
    /// Several devices have this name.
    #[error("{count} devices are called `{name}`; name one by its device id: {}", ids.join(", "))]
    DeviceAmbiguous {
        /// The name.
        name: String,
        /// How many have it.
        count: u64,
        /// Their device ids, or the first of them.
        ids: Vec<String>,
    },
    /// No user has this id, name or key.
    #[error(
        "no user has the id, user principal name or key `{0}`; list the users to see which there are"
    )]
    UserUnknown(String),
    /// No policy has this name.
    #[error("no policy is called `{0}`; list the policies to see which there are")]
    PolicyUnknown(String),
    /// Another record has this id or name.
    #[error("{0}")]
    Conflict(String),
    /// A value makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The clock was to go back without that being allowed.
    #[error(
        "the clock stands at {now} and would go back to {to}; say that this is meant (`backwards: true`)"
    )]
    Backwards {
        /// Where the clock stands.
        now: String,
        /// Where it should go.
        to: String,
    },
    /// A fault cannot be started or stopped.
    #[error(transparent)]
    Fault(#[from] FaultError),
    /// The directory failed.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// An administrator of a world: whose actions bear this name in the journal.
#[derive(Clone, Copy, Debug)]
pub struct Admin<'a> {
    world: &'a World,
    actor: &'a str,
}

impl<'a> Admin<'a> {
    /// The administrator of this name, such as `control`, or the name of a scenario's step.
    pub const fn new(world: &'a World, actor: &'a str) -> Self {
        Self { world, actor }
    }

    /// The world.
    pub const fn world(&self) -> &'a World {
        self.world
    }

    /// Journals an action: what, on what, and its particulars.
    pub(super) fn journal(&self, action: &str, target: &str, particulars: Vec<(&str, Value)>) {
        let mut fields = Map::new();
        fields.insert("action".to_owned(), action.into());
        fields.insert("target".to_owned(), target.into());
        fields.insert("actor".to_owned(), self.actor.into());
        fields.extend(particulars.into_iter().map(|(key, value)| (key.to_owned(), value)));
        self.world.journal.record(&self.world.clock, Kind::Admin, None, fields, None);
    }

    /// Journals that a record changed: `object` is `device`, `user`, `policy` or `mdm`.
    fn changed(&self, change: &str, object: &str, particulars: Vec<(&str, Value)>) {
        let mut fields = Map::new();
        fields.insert("change".to_owned(), change.into());
        fields.insert("object".to_owned(), object.into());
        fields.insert("actor".to_owned(), self.actor.into());
        fields.extend(particulars.into_iter().map(|(key, value)| (key.to_owned(), value)));
        self.world.journal.record(&self.world.clock, Kind::DirectoryChange, None, fields, None);
    }
}

/// Whether a text can be a name: not blank, not too long, and without control characters.
fn check_name(what: &str, name: &str) -> Result<(), AdminError> {
    /// As many characters as the directory takes for a display name.
    const LONGEST: usize = 256;
    if name.trim().is_empty() {
        return Err(AdminError::Invalid(format!("{what} is empty")));
    }
    if name.chars().count() > LONGEST || name.chars().any(char::is_control) {
        return Err(AdminError::Invalid(format!(
            "{what} has to be at most {LONGEST} characters and without control characters"
        )));
    }
    Ok(())
}
