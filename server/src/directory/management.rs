//! Enrolment in device management, in one transaction: whether it may be, and what the record says from then on.

use linarite_core::device::Device;
use linarite_core::ids::{DeviceId, UserId};
use linarite_core::management::{Mdm, enrolled, may_enrol};
use linarite_core::refusal::EnrolRefusal;
use rusqlite::Connection;

use super::{Directory, DirectoryError, rows};

/// An enrolment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enrol {
    /// The user of the token.
    pub user: UserId,
    /// The device that the token is bound to.
    pub device: Option<DeviceId>,
    /// Whether the terms of use were agreed to.
    pub agreed: bool,
}

impl Directory {
    /// Enrols a device: its record is managed from then on. Gives the record.
    pub async fn enrol(
        &self,
        mdm: &Mdm,
        enrol: Enrol,
    ) -> Result<Result<Device, EnrolRefusal>, DirectoryError> {
        let mdm = mdm.clone();
        self.store
            .write(move |c| {
                let Some(user) = rows::user_by_id(c, enrol.user)? else {
                    return Ok(Err(EnrolRefusal::AuthenticationRefused));
                };
                let device = match enrol.device {
                    Some(id) => rows::device_by_device_id(c, id)?,
                    None => None,
                };
                let managed = others_managed(c, enrol.user, enrol.device)?;
                let device = match may_enrol(&mdm, &user, device.as_ref(), managed, enrol.agreed) {
                    Err(refusal) => return Ok(Err(refusal)),
                    Ok(()) => device,
                };
                let Some(device) = device else { return Ok(Err(EnrolRefusal::DeviceUnknown)) };
                let device = enrolled(device);
                rows::put_device(c, &device)?;
                Ok(Ok(device))
            })
            .await
    }
}

/// How many managed devices a user owns beside this one. The index by owner bounds the work.
fn others_managed(
    c: &Connection,
    owner: UserId,
    but: Option<DeviceId>,
) -> Result<u32, DirectoryError> {
    let but = but.map(|id| rows::id(id.guid()).to_vec()).unwrap_or_default();
    let count = c
        .prepare_cached(
            "SELECT COUNT(*) FROM devices WHERE owner = ?1 AND managed = 1 AND device_id <> ?2",
        )?
        .query_row(rusqlite::params![rows::id(owner.guid()), but], |row| row.get(0))?;
    Ok(count)
}
