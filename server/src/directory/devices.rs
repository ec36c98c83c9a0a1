//! Device records: looking them up, enabling, disabling, renaming, deleting, and those an administrator makes.
//!
//! FAQ A7 and A16: neither a deletion nor a disable tells the computer anything.

use linarite_core::deletion::DeletedItem;
use linarite_core::device::{Device, KnownDevice, Management, OnPremises, Tombstone, TrustType};
use linarite_core::ids::{DeviceId, ObjectId, UserId};
use linarite_core::instant::{Instant, Span};
use linarite_core::refusal::QueryRefusal;
use linarite_core::revocation::Standing;
use linarite_core::tenant::{RevokeDelay, Settings};
use linarite_core::visibility::comes_by_synchronisation;
use rusqlite::{Connection, OptionalExtension as _};

use super::deletions::keep;
use super::{Directory, DirectoryError, rows};
use crate::entropy::object_guid;

/// A change of a record; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceEdit {
    /// Enable or disable.
    pub enabled: Option<bool>,
    /// Rename.
    pub display_name: Option<String>,
    /// Say that it is managed, or not.
    pub managed: Option<bool>,
    /// Say that it is compliant, or not.
    pub compliant: Option<bool>,
}

/// A record that an administrator makes, or that synchronisation brings.
#[derive(Clone, Debug)]
pub struct NewDevice {
    /// Display name.
    pub display_name: String,
    /// Operating system.
    pub os: String,
    /// Its version.
    pub os_version: String,
    /// Trust type.
    pub trust: TrustType,
    /// Owner; hybrid computers with Windows 10 or later have none.
    pub owner: Option<UserId>,
    /// Its id; drawn from the seed when absent.
    pub device_id: Option<DeviceId>,
    /// What synchronisation brings along.
    pub on_premises: Option<OnPremises>,
}

/// What a world's settings say of a deletion.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deletion {
    delay: RevokeDelay,
    kept_for: Span,
}

impl Deletion {
    pub(super) const fn of(settings: &Settings) -> Self {
        Self { delay: settings.revoke_deleted, kept_for: settings.soft_delete }
    }
}

pub(super) fn delete(
    c: &Connection,
    device: &Device,
    now: Instant,
    rule: Deletion,
) -> Result<Tombstone, DirectoryError> {
    let mut standing = device.standing;
    standing.delete(now, rule.delay);
    let grave = Tombstone {
        object_id: device.object_id,
        device_id: device.device_id,
        display_name: device.display_name.clone(),
        trust: device.trust,
        key: device.key.clone(),
        transport_key: device.transport_key.clone(),
        standing,
    };
    rows::put_tombstone(c, &grave)?;
    keep(c, device, DeletedItem::of(device, rule.kept_for, now), now)?;
    c.prepare_cached("DELETE FROM devices WHERE object_id = ?1")?
        .execute([rows::id(device.object_id.guid())])?;
    rows::count_device(c, device, -1)?;
    Ok(grave)
}

pub(super) fn known(
    c: &Connection,
    device_id: DeviceId,
) -> Result<Option<KnownDevice>, DirectoryError> {
    if let Some(device) = rows::device_by_device_id(c, device_id)? {
        return Ok(Some(KnownDevice::Present(device)));
    }
    let sql = format!("SELECT {} FROM tombstones WHERE device_id = ?1", rows::TOMBSTONE);
    let grave = c
        .prepare_cached(&sql)?
        .query_row([rows::id(device_id.guid())], rows::tombstone)
        .optional()?;
    Ok(grave.map(KnownDevice::Deleted))
}

/// Draws the ids of a new device, by the count of those made so far.
pub(super) fn draw_ids(c: &Connection, seed: u64) -> Result<(ObjectId, DeviceId), DirectoryError> {
    let number = rows::count(c, "made:device", 1)?.to_string();
    Ok((
        ObjectId::new(object_guid(seed, "made device object", &number)),
        DeviceId::new(object_guid(seed, "made device", &number)),
    ))
}

impl Directory {
    /// The record with this object id.
    pub fn device_by_object_id(&self, id: ObjectId) -> Result<Option<Device>, DirectoryError> {
        self.store.point(|c| rows::device_by_object_id(c, id))
    }

    /// The record with this device id.
    pub fn device_by_device_id(&self, id: DeviceId) -> Result<Option<Device>, DirectoryError> {
        self.store.point(|c| rows::device_by_device_id(c, id))
    }

    /// What is known of this device id, a deleted record included.
    pub fn known_device(&self, id: DeviceId) -> Result<Option<KnownDevice>, DirectoryError> {
        self.store.point(|c| known(c, id))
    }

    /// Makes a record without a join. `Conflict` when the device id is taken.
    pub async fn create_device(
        &self,
        new: NewDevice,
        seed: u64,
        now: Instant,
    ) -> Result<Result<Device, QueryRefusal>, DirectoryError> {
        self.store
            .write(move |c| {
                let (object_id, drawn) = draw_ids(c, seed)?;
                let device_id = new.device_id.unwrap_or(drawn);
                if known(c, device_id)?.is_some() {
                    return Ok(Err(QueryRefusal::Conflict));
                }
                let synchronised = comes_by_synchronisation(new.trust, &new.os, &new.os_version);
                let device = Device {
                    object_id,
                    device_id,
                    display_name: new.display_name,
                    os: new.os,
                    os_version: new.os_version,
                    trust: new.trust,
                    owner: new.owner.filter(|_| !synchronised),
                    created: now,
                    registered: (!synchronised).then_some(now),
                    last_activity: (!synchronised).then_some(now),
                    key: None,
                    transport_key: None,
                    on_premises: new.on_premises,
                    standing: Standing::default(),
                    management: Management::default(),
                    second_factor: false,
                };
                rows::put_device(c, &device)?;
                rows::count_device(c, &device, 1)?;
                Ok(Ok(device))
            })
            .await
    }

    /// Changes a record and returns it as it is then.
    pub async fn edit_device(
        &self,
        id: ObjectId,
        edit: DeviceEdit,
        settings: &Settings,
        now: Instant,
    ) -> Result<Result<Device, QueryRefusal>, DirectoryError> {
        let delay = settings.revoke;
        self.store
            .write(move |c| {
                let Some(mut device) = rows::device_by_object_id(c, id)? else {
                    return Ok(Err(QueryRefusal::NotFound));
                };
                match edit.enabled {
                    Some(true) => {
                        device.standing.enable(now);
                    }
                    Some(false) => {
                        device.standing.disable(now, delay);
                    }
                    None => {}
                }
                if let Some(name) = edit.display_name {
                    device.display_name = name;
                }
                let before = device.management;
                device.management = Management {
                    managed: edit.managed.or(before.managed),
                    compliant: edit.compliant.or(before.compliant),
                };
                rows::put_device(c, &device)?;
                Ok(Ok(device))
            })
            .await
    }

    /// Deletes a record; a tombstone stays.
    pub async fn delete_device(
        &self,
        id: ObjectId,
        settings: &Settings,
        now: Instant,
    ) -> Result<Result<Tombstone, QueryRefusal>, DirectoryError> {
        let rule = Deletion::of(settings);
        self.store
            .write(move |c| match rows::device_by_object_id(c, id)? {
                Some(device) => Ok(Ok(delete(c, &device, now, rule)?)),
                None => Ok(Err(QueryRefusal::NotFound)),
            })
            .await
    }
}
