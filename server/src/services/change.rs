//! Carrying out what somebody wants to do to a device record, and recording it: the same for every service that may.
//!
//! Who may is asked first, by [`linarite_core::access::may_change`]; the wire of each service has its own place for that.

use linarite_core::device::Device;
use linarite_core::refusal::QueryRefusal;
use serde_json::Map;

use super::call::Call;
use super::token::about;
use crate::directory::{DeviceEdit, DirectoryError};
use crate::journal::Kind;

/// Characters of a display name at most.
pub const NAME_LENGTH: usize = 256;

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Enable, disable or rename.
    Update(DeviceEdit),
    /// Delete; the computer is told nothing (FAQ A7).
    Delete,
}

impl Change {
    /// What it is called in the journal.
    pub const fn operation(&self) -> &'static str {
        match self {
            Self::Update(_) => "devices.update",
            Self::Delete => "devices.delete",
        }
    }
}

/// Carries out a change of a record that is there, and records it for this resource.
pub async fn carry_out(
    call: &Call,
    resource: &str,
    device: &Device,
    change: Change,
) -> Result<Result<(), QueryRefusal>, DirectoryError> {
    let operation = change.operation();
    let (directory, settings) = (&call.world.directory, &call.world.tenant.settings);
    let mut particulars = Map::new();
    let done = match change {
        Change::Update(edit) => {
            if let Some(enabled) = edit.enabled {
                particulars.insert("enabled".to_owned(), enabled.into());
            }
            if let Some(name) = &edit.display_name {
                particulars.insert("name".to_owned(), name.as_str().into());
            }
            let done = directory.edit_device(device.object_id, edit, settings, call.now());
            done.await?.map(|_| ())
        }
        Change::Delete => {
            let done = directory.delete_device(device.object_id, settings, call.now());
            done.await?.map(|_| ())
        }
    };
    if let Err(refusal) = done {
        return Ok(Err(refusal));
    }
    let mut fields = about(call, resource);
    fields.insert("operation".to_owned(), operation.into());
    fields.insert("target".to_owned(), device.object_id.to_string().into());
    fields.insert("target_device".to_owned(), device.device_id.to_string().into());
    fields.append(&mut particulars);
    call.record(Kind::DirectoryChange, fields);
    Ok(Ok(()))
}
