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

/// What an application asks of the directory for itself, without a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplicationUse {
    /// Read devices and whose they are.
    ReadDevices,
    /// Read users.
    ReadUsers,
    /// Change device records.
    ChangeDevices,
}

impl ApplicationUse {
    /// The application permissions of Graph, each of which allows it.
    pub const fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::ReadDevices => &[
                "Device.Read.All",
                "Device.ReadWrite.All",
                "Directory.Read.All",
                "Directory.ReadWrite.All",
            ],
            Self::ReadUsers => &[
                "User.Read.All",
                "User.ReadWrite.All",
                "Directory.Read.All",
                "Directory.ReadWrite.All",
            ],
            Self::ChangeDevices => &["Device.ReadWrite.All", "Directory.ReadWrite.All"],
        }
    }
}

/// Whether an application with these permissions may do this for itself.
pub fn application_may<S: AsRef<str>>(
    permissions: &[S],
    wanted: ApplicationUse,
) -> Result<(), AccessRefusal> {
    let allowing = wanted.permissions();
    let allowed = permissions.iter().any(|granted| allowing.contains(&granted.as_ref()));
    if allowed { Ok(()) } else { Err(AccessRefusal::PermissionMissing) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_to_read_devices_is_none_to_change_them_or_to_read_users() {
        let read = ["Device.Read.All"];
        assert_eq!(application_may(&read, ApplicationUse::ReadDevices), Ok(()));
        let missing = Err(AccessRefusal::PermissionMissing);
        assert_eq!(application_may(&read, ApplicationUse::ReadUsers), missing);
        assert_eq!(application_may(&read, ApplicationUse::ChangeDevices), missing);
        let all = ["x", "Directory.ReadWrite.All"];
        for wanted in
            [ApplicationUse::ReadDevices, ApplicationUse::ReadUsers, ApplicationUse::ChangeDevices]
        {
            assert_eq!(application_may(&all, wanted), Ok(()));
            assert_eq!(application_may::<&str>(&[], wanted), missing);
        }
    }
}
