//! How devices and users look in Azure AD Graph: the properties that tools read, null or empty where they are not emulated.
//!
//! Sections 11 and 12.1 of the device registration notes. Left out: keys of the device, Windows Hello keys and attributes
//! of other products.

use linarite_core::device::DeviceKey;
use linarite_core::instant::Instant;
use linarite_core::user::User;
use linarite_core::visibility::DeviceView;
use serde_json::{Value, json};

use crate::clock::rfc3339;
use crate::keys::encoding::to_standard;

fn time(moment: Option<Instant>) -> Option<String> {
    moment.map(rfc3339)
}

/// The text in UTF-16, little-endian, in base64.
fn security_id(key: &DeviceKey) -> Value {
    let bytes: Vec<u8> = key.alt_security_id.encode_utf16().flat_map(u16::to_le_bytes).collect();
    json!({ "type": 2, "identityProvider": null, "key": to_standard(bytes) })
}

/// A device, as one object among others.
pub(super) fn device(view: &DeviceView<'_>) -> Value {
    json!({
        "odata.type": "Microsoft.DirectoryServices.Device",
        "objectType": "Device",
        "objectId": view.object_id.to_string(),
        "deletionTimestamp": null,
        "accountEnabled": view.enabled,
        "alternativeSecurityIds": view.key.into_iter().map(security_id).collect::<Vec<_>>(),
        "approximateLastLogonTimestamp": time(view.last_activity),
        "complianceExpiryTime": null,
        "deviceCategory": null,
        "deviceId": view.device_id.to_string(),
        "deviceManagementAppId": null,
        "deviceManufacturer": null,
        "deviceMetadata": null,
        "deviceModel": null,
        "deviceObjectVersion": 2,
        "deviceOSType": view.os,
        "deviceOSVersion": view.os_version,
        "deviceOwnership": null,
        "devicePhysicalIds": [],
        "deviceTrustType": view.trust.word(),
        "dirSyncEnabled": view.synchronised().then_some(true),
        "displayName": view.display_name,
        "domainName": null,
        "enrollmentType": null,
        "isCompliant": view.compliant,
        "isManaged": view.managed,
        "lastDirSyncTime": null,
        "onPremisesSecurityIdentifier": view.sid,
        "profileType": "RegisteredDevice",
        "systemLabels": [],
    })
}

/// A user, as one object among others.
pub(super) fn user(user: &User) -> Value {
    json!({
        "odata.type": "Microsoft.DirectoryServices.User",
        "objectType": "User",
        "objectId": user.id.to_string(),
        "deletionTimestamp": null,
        "accountEnabled": user.enabled,
        "displayName": user.name,
        "immutableId": user.immutable_id,
        "mail": null,
        "otherMails": [],
        "userPrincipalName": user.upn,
        "userType": "Member",
    })
}
