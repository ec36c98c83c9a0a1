//! Whether a resource accepts an access token, and who may change devices in the directory.
//!
//! The token's signature, audience and time are the wire's business; what is decided here is what the directory knows of
//! its user and its device (FAQ A8, A16). Left out: conditional access, which is asked when a token is issued.

use crate::device::KnownDevice;
use crate::instant::Instant;
use crate::refusal::{AccessRefusal, DeviceRefusal};
use crate::user::{Role, User};

/// The device that a token or a grant names, as the directory finds it.
#[derive(Clone, Copy, Debug)]
pub enum TokenDevice<'a> {
    /// The token is not bound to a device.
    None,
    /// It is, and this is what the directory knows of the device.
    Bound(Option<&'a KnownDevice>),
}

/// Checks the user and the device of an otherwise valid access token.
pub fn with_token(
    user: Option<&User>,
    device: TokenDevice<'_>,
    now: Instant,
) -> Result<(), AccessRefusal> {
    let user = user.ok_or(AccessRefusal::UserUnknown)?;
    if !user.enabled {
        return Err(AccessRefusal::UserDisabled);
    }
    match device {
        TokenDevice::None => Ok(()),
        TokenDevice::Bound(None) => Err(DeviceRefusal::Unknown.into()),
        TokenDevice::Bound(Some(known)) => known.standing().may_access(now).map_err(Into::into),
    }
}

/// What somebody wants to do to a device record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceChange {
    /// Enable, disable or rename it.
    Update,
    /// Delete it.
    Delete,
}

/// Whether the roles of a user allow a change.
pub fn may_change(user: &User, change: DeviceChange) -> Result<(), AccessRefusal> {
    let roles: &[Role] = match change {
        DeviceChange::Update => &[Role::GlobalAdministrator, Role::CloudDeviceAdministrator],
        DeviceChange::Delete => {
            &[Role::GlobalAdministrator, Role::CloudDeviceAdministrator, Role::IntuneAdministrator]
        }
    };
    if user.has_any(roles) { Ok(()) } else { Err(AccessRefusal::RoleMissing) }
}
