//! Carrying out what somebody wants to do to a device record, and recording it: the same for every service that may.
//!
//! Who may is asked first, by [`linarite_core::access::may_change`]; the wire of each service has its own place for that.

use linarite_core::device::Device;
use linarite_core::refusal::QueryRefusal;

use super::call::Call;
use super::token::about;
use crate::directory::{DeviceEdit, DirectoryError};
use crate::journal::{Fields, Kind};

/// Characters of a display name at most.
pub const NAME_LENGTH: usize = 256;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Enable, disable or rename.
    Update(DeviceEdit),
    /// Delete; the computer is told nothing (FAQ A7).
    Delete,
    /// Bring a deleted one back; the computer is told nothing of that either.
    Restore,
    /// Delete a deleted one for good.
    Purge,
}

impl Change {
    /// What it is called in the journal.
    pub const fn operation(&self) -> &'static str {
        match self {
            Self::Update(_) => "devices.update",
            Self::Delete => "devices.delete",
            Self::Restore => "deletedItems.restore",
            Self::Purge => "deletedItems.delete",
        }
    }
}

/// Carries out a change of a record that is there, or that is deleted and kept, and records it for this resource.
pub async fn carry_out(
    call: &Call,
    resource: &str,
    device: &Device,
    change: Change,
) -> Result<Result<(), QueryRefusal>, DirectoryError> {
    let operation = change.operation();
    let (directory, settings) = (&call.world.directory, &call.world.tenant.settings);
    let mut particulars = Fields::default();
    let done = match change {
        Change::Update(edit) => {
            if let Some(enabled) = edit.enabled {
                particulars.insert("enabled", enabled);
            }
            if let Some(name) = &edit.display_name {
                particulars.insert("name", name.as_str());
            }
            let done = directory.edit_device(device.object_id, edit, settings, call.now());
            done.await?.map(|_| ())
        }
        Change::Delete => {
            let done = directory.delete_device(device.object_id, settings, call.now());
            done.await?.map(|_| ())
        }
        Change::Restore => {
            directory.restore_device(device.object_id, call.now()).await?.map(|_| ())
        }
        Change::Purge => directory.purge_device(device.object_id, call.now()).await?.map(|_| ()),
    };
    if let Err(refusal) = done {
        return Ok(Err(refusal));
    }
    let mut fields = about(call, resource);
    fields.insert("operation", operation);
    fields.insert("target", format_args!("{}", device.object_id));
    fields.insert("target_device", format_args!("{}", device.device_id));
    fields.extend_from(&particulars);
    call.record(Kind::DirectoryChange, fields);
    Ok(Ok(()))
}
