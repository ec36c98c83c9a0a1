//! What the control API and the expectations of scenarios see of a record: one JSON object each.
//!
//! The names are those of Graph where Graph has one. Unlike Graph, the projection has `revocation`, which says from when a
//! disable counts (FAQ A16), so that a test can ask for the reason instead of waiting for the effect. A property that a
//! record does not have is `null`, never absent, so that conditions on it are the same for every record.
//! Left out: passwords, keys, and deleted records.

use std::collections::BTreeMap;

use linarite_core::device::{Device, Tombstone};
use linarite_core::ids::UserId;
use linarite_core::revocation::Revocation;
use linarite_core::user::{Role, User};
use linarite_core::visibility;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::clock::rfc3339;
use crate::directory::{Cursor, DeviceQuery, DirectoryError, KeyedUser, Page, ROW_BUDGET, UserKey};
use crate::world::World;

/// Records that are read at a time when all of them are asked for.
const PAGE: usize = 1000;

/// From when a disable counts.
#[derive(Clone, Debug, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RevocationView {
    /// When it was made, RFC 3339.
    pub disabled_at: String,
    /// From when no grant bound to the device is issued or honoured.
    pub tokens_from: String,
    /// From when resources refuse the device's access tokens.
    pub resources_from: String,
}

impl From<Revocation> for RevocationView {
    fn from(revocation: Revocation) -> Self {
        Self {
            disabled_at: rfc3339(revocation.made),
            tokens_from: rfc3339(revocation.tokens),
            resources_from: rfc3339(revocation.resources),
        }
    }
}

/// A device record.
#[derive(Clone, Debug, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Device")]
pub struct DeviceView {
    /// The directory object.
    pub id: String,
    /// The id in the device's certificate.
    pub device_id: String,
    /// Display name; several devices may have the same.
    pub display_name: String,
    /// Operating system, such as `Windows`.
    pub operating_system: String,
    /// Its version.
    pub operating_system_version: String,
    /// `AzureAd`, `Workplace` or `ServerAd`.
    pub trust_type: String,
    /// `Authenticated`, `Managed` or `Compliant`.
    pub trust_level: String,
    /// Whether it waits for its registration to be completed.
    pub pending: bool,
    /// What an administrator set, whether it counts yet or not.
    pub account_enabled: bool,
    /// Whether device management has it; null when that was never said.
    pub is_managed: Option<bool>,
    /// Whether it meets the rules of device management; null when that was never said.
    pub is_compliant: Option<bool>,
    /// User principal name of the owner; empty for a hybrid computer and when the owner was deleted.
    pub registered_owners: Vec<String>,
    /// The same user, as the service shows it.
    pub registered_users: Vec<String>,
    /// Approximately when it was last seen, RFC 3339.
    pub approximate_last_sign_in_date_time: Option<String>,
    /// When its registration was completed; null for a pending one.
    pub registration_date_time: Option<String>,
    /// When the object was made.
    pub created_date_time: String,
    /// SHA-1 of its certificate in upper-case hexadecimal; null before it registered.
    pub thumbprint: Option<String>,
    /// From when its disable counts; null while it is enabled.
    pub revocation: Option<RevocationView>,
}

impl DeviceView {
    fn new(device: &Device, owner: Option<String>) -> Self {
        let owners: Vec<String> = owner.into_iter().collect();
        let view = visibility::DeviceView::of(device);
        Self {
            id: view.object_id.to_string(),
            device_id: view.device_id.to_string(),
            display_name: view.display_name.to_owned(),
            operating_system: view.os.to_owned(),
            operating_system_version: view.os_version.to_owned(),
            trust_type: view.trust.word().to_owned(),
            trust_level: view.level.word().to_owned(),
            pending: view.pending,
            account_enabled: view.enabled,
            is_managed: view.managed,
            is_compliant: view.compliant,
            registered_users: owners.clone(),
            registered_owners: owners,
            approximate_last_sign_in_date_time: view.last_activity.map(rfc3339),
            registration_date_time: view.registered.map(rfc3339),
            created_date_time: rfc3339(view.created),
            thumbprint: view.key.map(|key| key.thumbprint.to_string()),
            revocation: device.standing.disabled.map(RevocationView::from),
        }
    }

    /// The view of one record.
    pub fn of(world: &World, device: &Device) -> Result<Self, DirectoryError> {
        Ok(Self::new(device, Owners::default().upn(world, device)?))
    }
}

/// What is left of a deleted device.
#[derive(Clone, Debug, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "DeletedDevice")]
pub struct DeletedDeviceView {
    /// The directory object that was.
    pub id: String,
    /// The device's id; never given to another device.
    pub device_id: String,
    /// Its name when it was deleted.
    pub display_name: String,
    /// From when its deletion counts: no grant bound to the device is issued or honoured.
    pub tokens_from: Option<String>,
    /// From when its deletion counts for resources.
    pub resources_from: Option<String>,
}

impl From<&Tombstone> for DeletedDeviceView {
    fn from(grave: &Tombstone) -> Self {
        let deleted = grave.standing.deleted;
        Self {
            id: grave.object_id.to_string(),
            device_id: grave.device_id.to_string(),
            display_name: grave.display_name.clone(),
            tokens_from: deleted.map(|d| rfc3339(d.tokens)),
            resources_from: deleted.map(|d| rfc3339(d.resources)),
        }
    }
}

/// A user.
#[derive(Clone, Debug, Serialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "User")]
pub struct UserView {
    /// Object id, `oid` in tokens.
    pub id: String,
    /// Key in the world file; null for a user made without one.
    pub key: Option<String>,
    /// User principal name.
    pub upn: String,
    /// Display name.
    pub display_name: String,
    /// Whether sign-in is allowed.
    pub account_enabled: bool,
    /// Directory roles, by the words of world files.
    pub roles: Vec<String>,
    /// How many joined and registered devices the user owns.
    pub owned_devices: u32,
}

impl UserView {
    /// The view of one user, by the key it has in the world file.
    pub fn new(key: Option<String>, user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            key,
            upn: user.upn.clone(),
            display_name: user.name.clone(),
            account_enabled: user.enabled,
            roles: user.roles.iter().map(|role: &Role| role.word().to_owned()).collect(),
            owned_devices: user.devices,
        }
    }
}

impl From<KeyedUser> for UserView {
    fn from((key, user): KeyedUser) -> Self {
        Self::new(key, &user)
    }
}

/// Names of owners that were looked up already.
#[derive(Debug, Default)]
struct Owners(BTreeMap<UserId, Option<String>>);

impl Owners {
    fn upn(&mut self, world: &World, device: &Device) -> Result<Option<String>, DirectoryError> {
        let Some(owner) = visibility::DeviceView::of(device).owner else { return Ok(None) };
        if let Some(known) = self.0.get(&owner) {
            return Ok(known.clone());
        }
        let upn = world.directory.user(&UserKey::Id(owner))?.map(|user| user.upn);
        self.0.insert(owner, upn.clone());
        Ok(upn)
    }
}

/// The views of a page of devices.
pub fn page(world: &World, page: &Page) -> Result<Vec<DeviceView>, DirectoryError> {
    let mut owners = Owners::default();
    page.items
        .iter()
        .map(|device| Ok(DeviceView::new(device, owners.upn(world, device)?)))
        .collect()
}

/// Every device of the directory in the order of object ids, as JSON.
pub async fn devices(world: &World) -> Result<Vec<Value>, DirectoryError> {
    let mut all = Vec::new();
    let mut owners = Owners::default();
    let mut after: Option<Cursor> = None;
    loop {
        let query = DeviceQuery { after, top: PAGE, budget: ROW_BUDGET, ..DeviceQuery::default() };
        // A walk by object id with a cursor of its own is never refused.
        let Ok(page) = world.directory.list_devices(query).await? else { return Ok(all) };
        for device in &page.items {
            all.push(json(&DeviceView::new(device, owners.upn(world, device)?)));
        }
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}

/// Every user of the directory in the order of user principal names, as JSON.
pub async fn users(world: &World) -> Result<Vec<Value>, DirectoryError> {
    let users = world.directory.users().await?;
    Ok(users.into_iter().map(|keyed| json(&UserView::from(keyed))).collect())
}

/// A view as a JSON value. Views are plain records, which always print.
pub(super) fn json(view: &impl Serialize) -> Value {
    serde_json::to_value(view).unwrap_or_default()
}
