//! A synchronisation cycle of a domain on premises, as Azure AD Connect runs it; section 19 of the device registration
//! notes. Left out: users, groups, and what is deleted on premises.

use linarite_core::device::{Device, OnPremises};
use linarite_core::ids::Sid;
use linarite_core::registration::{Computer, Synced};

use super::{Admin, AdminError, check_name};
use crate::world::operating_system;
use linarite_core::replication::Made;

/// A computer of the domain that wrote its certificate there.
#[derive(Clone, Debug)]
pub struct SyncedComputer {
    /// Its name.
    pub name: String,
    /// The name of its operating system in world files, such as `windows-10`.
    pub os: String,
    /// `objectGUID`, which becomes the device id.
    pub object_guid: String,
    /// `objectSid`.
    pub sid: String,
    /// `userCertificate`, DER.
    pub certificate: Vec<u8>,
}

impl Admin<'_> {
    /// Brings one computer, or what has changed of it. A record that was disabled here alone is enabled.
    pub async fn synchronise(
        &self,
        computer: SyncedComputer,
    ) -> Result<(Device, Synced), AdminError> {
        let invalid = |what: String| AdminError::Invalid(what);
        check_name("the computer's name", &computer.name)?;
        let (os, os_version) = operating_system(&computer.os)
            .ok_or_else(|| invalid(format!("no operating system is called `{}`", computer.os)))?;
        let device_id = computer
            .object_guid
            .parse()
            .map_err(|_| invalid(format!("`{}` is not a GUID", computer.object_guid)))?;
        let sid = Sid::parse(&computer.sid)
            .ok_or_else(|| invalid(format!("`{}` is not a security identifier", computer.sid)))?;
        let world = self.world();
        let computer = Computer {
            device_id,
            display_name: computer.name,
            os: os.to_owned(),
            os_version: os_version.to_owned(),
            on_premises: OnPremises { sid, certificate: computer.certificate },
        };
        let (device, synced) =
            world.directory.synchronise(computer, world.entropy.seed(), world.clock.now()).await?;
        let change = match synced {
            Synced::Created => {
                world.faults.made(device.device_id, Made::Record, device.created);
                Some("create")
            }
            Synced::Enabled => Some("enable"),
            Synced::Updated => Some("update"),
            Synced::Unchanged => None,
        };
        if change.is_some() {
            self.note_device("synchronise", change, &device, Vec::new());
        }
        Ok((device, synced))
    }
}
