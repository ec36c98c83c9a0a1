//! Making, disabling, enabling, renaming and deleting device records.

use linarite_core::device::{Device, KnownDevice, OnPremises, Tombstone, TrustType};
use linarite_core::ids::{DeviceId, ObjectId, Sid};
use linarite_core::refusal::QueryRefusal;
use linarite_core::replication::Made;
use linarite_core::visibility::comes_by_synchronisation;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Admin, AdminError, check_name};
use crate::clock::rfc3339;
use crate::directory::{DeviceEdit, DeviceQuery, Filter, NewDevice, Test, TextTest};
use crate::keys::encoding::from_either;
use crate::world::operating_system;

/// How many devices of one name an error lists.
const LISTED: usize = 20;

/// How a device came into the directory.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// Joined to the cloud directory.
    #[serde(alias = "AzureAd")]
    AzureAd,
    /// Registered.
    #[serde(alias = "Workplace")]
    Workplace,
    /// Synchronised from a domain on premises.
    #[serde(alias = "ServerAd")]
    ServerAd,
}

impl From<Trust> for TrustType {
    fn from(trust: Trust) -> Self {
        match trust {
            Trust::AzureAd => Self::AzureAd,
            Trust::Workplace => Self::Workplace,
            Trust::ServerAd => Self::ServerAd,
        }
    }
}

/// A device record to be made, with the words of world files.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateDevice {
    /// Display name.
    pub name: String,
    /// `windows-10`, `windows-11`, `windows-7`, `windows-8.1`, `linux`, `macos`, `ios` or `android`.
    pub os: String,
    /// `azure-ad`, `workplace` or `server-ad`.
    pub trust: Trust,
    /// The owner's id, user principal name or key; a hybrid computer with Windows 10 or later has none.
    pub owner: Option<String>,
    /// The device id, a GUID; drawn from the seed when absent.
    pub device_id: Option<String>,
    /// Security identifier on premises, for a synchronised computer.
    pub sid: Option<String>,
    /// The certificate that the computer wrote to its `userCertificate` attribute: base64 of its DER.
    pub certificate: Option<String>,
}

impl Admin<'_> {
    /// The device with this device id, object id, or display name when only one has it.
    pub async fn device(&self, name: &str) -> Result<Device, AdminError> {
        let directory = &self.world().directory;
        if let Ok(id) = name.parse::<DeviceId>()
            && let Some(device) = directory.device_by_device_id(id)?
        {
            return Ok(device);
        }
        if let Ok(id) = name.parse::<ObjectId>()
            && let Some(device) = directory.device_by_object_id(id)?
        {
            return Ok(device);
        }
        let called = Filter::Is(Test::Name(TextTest::Equals(name.to_owned())));
        let query = DeviceQuery {
            filter: Some(called),
            top: LISTED,
            count: true,
            ..DeviceQuery::default()
        };
        let unknown = || AdminError::DeviceUnknown(name.to_owned());
        let mut found = directory.list_devices(query).await?.map_err(|_| unknown())?;
        let count = found.count.unwrap_or_default();
        if count > 1 {
            let ids = found.items.iter().map(|device| device.device_id.to_string()).collect();
            return Err(AdminError::DeviceAmbiguous { name: name.to_owned(), count, ids });
        }
        found.items.pop().ok_or_else(unknown)
    }

    /// Makes a record without a join.
    pub async fn create_device(&self, new: CreateDevice) -> Result<Device, AdminError> {
        check_name("the display name", &new.name)?;
        let (os, os_version) = operating_system(&new.os).ok_or_else(|| {
            AdminError::Invalid(format!(
                "no operating system is called `{}`; known are windows-10, windows-11, windows-7, windows-8.1, linux, macos, ios, android",
                new.os
            ))
        })?;
        let trust = TrustType::from(new.trust);
        let on_premises = on_premises(&new)?;
        let owner = match &new.owner {
            None => None,
            Some(_) if comes_by_synchronisation(trust, os, os_version) => {
                return Err(AdminError::Invalid(
                    "a hybrid computer with Windows 10 or later has no owner; leave `owner` out"
                        .to_owned(),
                ));
            }
            Some(name) => Some(self.user(name)?.1.id),
        };
        let device_id = match &new.device_id {
            None => None,
            Some(text) => Some(text.parse::<DeviceId>().map_err(|_| {
                AdminError::Invalid(format!("`device_id` has to be a GUID, and `{text}` is none"))
            })?),
        };
        let made = NewDevice {
            display_name: new.name,
            os: os.to_owned(),
            os_version: os_version.to_owned(),
            trust,
            owner,
            device_id,
            on_premises,
        };
        let world = self.world();
        let hidden = if trust == TrustType::ServerAd { Made::Record } else { Made::RecordAndKey };
        let device = world
            .directory
            .create_device(made, world.entropy.seed(), world.clock.now())
            .await?
            .map_err(|_| {
                AdminError::Conflict(
                    "a device has this device id, or had it before it was deleted; ids are never given again: choose another one"
                        .to_owned(),
                )
            })?;
        world.faults.made(device.device_id, hidden, device.created);
        self.note_device("create_device", Some("create"), &device, Vec::new());
        Ok(device)
    }

    /// Disables a device. Disabling a disabled one changes nothing: its hour does not start again.
    pub async fn disable_device(&self, name: &str) -> Result<Device, AdminError> {
        let edit = DeviceEdit { enabled: Some(false), ..DeviceEdit::default() };
        let (device, changed) = self.edit(name, edit).await?;
        let counts = device.standing.disabled.map_or_else(Vec::new, |revocation| {
            vec![
                ("tokens_from", rfc3339(revocation.tokens).into()),
                ("resources_from", rfc3339(revocation.resources).into()),
            ]
        });
        self.note_device("disable_device", changed.then_some("disable"), &device, counts);
        Ok(device)
    }

    /// Enables a device.
    pub async fn enable_device(&self, name: &str) -> Result<Device, AdminError> {
        let edit = DeviceEdit { enabled: Some(true), ..DeviceEdit::default() };
        let (device, changed) = self.edit(name, edit).await?;
        self.note_device("enable_device", changed.then_some("enable"), &device, Vec::new());
        Ok(device)
    }

    /// Says that a device is managed or compliant, or not; what is `None` stays.
    pub async fn manage_device(
        &self,
        name: &str,
        managed: Option<bool>,
        compliant: Option<bool>,
    ) -> Result<Device, AdminError> {
        let edit = DeviceEdit { managed, compliant, ..DeviceEdit::default() };
        let (device, changed) = self.edit(name, edit).await?;
        let says = vec![
            ("managed", device.management.managed.into()),
            ("compliant", device.management.compliant.into()),
        ];
        self.note_device("manage_device", changed.then_some("manage"), &device, says);
        Ok(device)
    }

    /// Renames a record. The computer does not learn of it.
    pub async fn rename_device(
        &self,
        name: &str,
        display_name: &str,
    ) -> Result<Device, AdminError> {
        check_name("the display name", display_name)?;
        let edit =
            DeviceEdit { display_name: Some(display_name.to_owned()), ..DeviceEdit::default() };
        let (device, changed) = self.edit(name, edit).await?;
        self.note_device("rename_device", changed.then_some("rename"), &device, Vec::new());
        Ok(device)
    }

    /// Deletes a record; a tombstone stays. The computer does not learn of it.
    pub async fn delete_device(&self, name: &str) -> Result<Tombstone, AdminError> {
        let device = self.device(name).await?;
        let world = self.world();
        let grave = world
            .directory
            .delete_device(device.object_id, &world.tenant.settings, world.clock.now())
            .await?
            .map_err(|_| AdminError::DeviceUnknown(name.to_owned()))?;
        let counts = grave.standing.deleted.map_or_else(Vec::new, |revocation| {
            vec![
                ("tokens_from", rfc3339(revocation.tokens).into()),
                ("resources_from", rfc3339(revocation.resources).into()),
            ]
        });
        self.note_device("delete_device", Some("delete"), &device, counts);
        Ok(grave)
    }

    /// Brings a deleted record back while it is kept. Named by its device id or object id: its name may be another's by now.
    pub async fn restore_device(&self, name: &str) -> Result<Device, AdminError> {
        let world = self.world();
        let now = world.clock.now();
        let unknown = || AdminError::NotKept(name.to_owned());
        let device_id = match name.parse::<DeviceId>() {
            Ok(id) => world.directory.known_device(id)?,
            Err(_) => None,
        };
        let object_id = match device_id {
            Some(KnownDevice::Deleted(grave)) => grave.object_id,
            Some(KnownDevice::Present(_)) | None => name.parse().map_err(|_| unknown())?,
        };
        let restored = world.directory.restore_device(object_id, now).await?;
        let device = restored.map_err(|refusal| match refusal {
            QueryRefusal::Conflict => AdminError::Conflict(format!(
                "another device has the device id of the deleted `{name}` by now"
            )),
            QueryRefusal::NotFound
            | QueryRefusal::Malformed
            | QueryRefusal::Unsupported
            | QueryRefusal::CursorInvalid
            | QueryRefusal::TooExpensive => unknown(),
        })?;
        self.note_device("restore_device", Some("restore"), &device, Vec::new());
        Ok(device)
    }

    /// Changes a record; says what it is then, and whether it was another one before.
    async fn edit(&self, name: &str, edit: DeviceEdit) -> Result<(Device, bool), AdminError> {
        let before = self.device(name).await?;
        let world = self.world();
        let after = world
            .directory
            .edit_device(before.object_id, edit, &world.tenant.settings, world.clock.now())
            .await?
            .map_err(|_| AdminError::DeviceUnknown(name.to_owned()))?;
        let changed = after != before;
        Ok((after, changed))
    }

    pub(super) fn note_device(
        &self,
        action: &str,
        change: Option<&str>,
        device: &Device,
        counts: Vec<(&'static str, Value)>,
    ) {
        let id = device.device_id.to_string();
        let mut particulars =
            vec![("device", id.as_str().into()), ("name", device.display_name.as_str().into())];
        particulars.extend(counts);
        self.journal(action, &id, particulars.clone());
        if let Some(change) = change {
            particulars.push(("id", device.object_id.to_string().into()));
            particulars.push(("trust", device.trust.word().into()));
            self.changed(change, "device", particulars);
        }
    }
}

fn on_premises(new: &CreateDevice) -> Result<Option<OnPremises>, AdminError> {
    let invalid = |message: String| Err(AdminError::Invalid(message));
    match (&new.sid, &new.certificate) {
        (None, None) => Ok(None),
        (Some(_), _) | (_, Some(_)) if new.trust != Trust::ServerAd => invalid(
            "`sid` and `certificate` belong to a synchronised computer: its trust is `server-ad`"
                .to_owned(),
        ),
        (Some(sid), Some(certificate)) => {
            let Some(sid) = Sid::parse(sid) else {
                return invalid(format!("`{sid}` is not a security identifier"));
            };
            match from_either(certificate) {
                Some(certificate) if !certificate.is_empty() => {
                    Ok(Some(OnPremises { sid, certificate }))
                }
                _ => invalid("`certificate` has to be base64 of a certificate's DER".to_owned()),
            }
        }
        _ => invalid("a synchronised computer needs both `sid` and `certificate`".to_owned()),
    }
}
