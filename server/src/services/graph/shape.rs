//! How devices and users look in Graph: every documented property of v1.0 in its order, null where it is not emulated.
//!
//! Sections 11 and 12 of the device registration notes. Some properties are printed only when they are selected.
//! Left out: management state, extension attributes and physical ids, which are null or empty.

use linarite_core::device::Device;
use linarite_core::instant::Instant;
use linarite_core::user::User;
use serde_json::{Map, Value, json};

use super::answer::Refused;
use crate::clock::rfc3339;
use crate::keys::encoding::to_standard;

/// A type of Graph: its name, its properties, and those of them that must be selected.
#[derive(Debug)]
pub(super) struct Shape {
    name: &'static str,
    on_request: &'static [&'static str],
    properties: &'static [&'static str],
}

/// `microsoft.graph.device`
pub(super) const DEVICE: Shape = Shape {
    name: "microsoft.graph.device",
    on_request: &["isManagementRestricted", "onPremisesSecurityIdentifier"],
    properties: &[
        "id",
        "deletedDateTime",
        "accountEnabled",
        "approximateLastSignInDateTime",
        "complianceExpirationDateTime",
        "createdDateTime",
        "deviceCategory",
        "deviceId",
        "deviceMetadata",
        "deviceOwnership",
        "deviceVersion",
        "displayName",
        "domainName",
        "enrollmentProfileName",
        "enrollmentType",
        "externalSourceName",
        "isCompliant",
        "isManaged",
        "isManagementRestricted",
        "isRooted",
        "managementType",
        "manufacturer",
        "mdmAppId",
        "model",
        "onPremisesLastSyncDateTime",
        "onPremisesSecurityIdentifier",
        "onPremisesSyncEnabled",
        "operatingSystem",
        "operatingSystemVersion",
        "physicalIds",
        "profileType",
        "registrationDateTime",
        "sourceType",
        "systemLabels",
        "trustType",
        "extensionAttributes",
        "alternativeSecurityIds",
    ],
};

/// `microsoft.graph.user`
pub(super) const USER: Shape = Shape {
    name: "microsoft.graph.user",
    on_request: &["accountEnabled", "onPremisesImmutableId", "userType"],
    properties: &[
        "businessPhones",
        "displayName",
        "givenName",
        "jobTitle",
        "mail",
        "mobilePhone",
        "officeLocation",
        "preferredLanguage",
        "surname",
        "userPrincipalName",
        "id",
        "accountEnabled",
        "onPremisesImmutableId",
        "userType",
    ],
};

/// The properties that a request wants, in the order of the documents.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    wanted: Vec<&'static str>,
    chosen: bool,
}

impl Shape {
    /// Its name, as in `@odata.type` without the `#`.
    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    /// The property with this name, in any case.
    pub(super) fn property(&self, name: &str) -> Option<&'static str> {
        self.properties.iter().copied().find(|known| known.eq_ignore_ascii_case(name))
    }

    /// What `$select` asks for; what the type shows by itself when there is none.
    pub(super) fn select(&self, names: Option<&[String]>) -> Result<Selection, Refused> {
        let Some(names) = names else {
            let shown = self.properties.iter().filter(|name| !self.on_request.contains(name));
            return Ok(Selection { wanted: shown.copied().collect(), chosen: false });
        };
        let unknown = |name: &str| {
            Refused::malformed(format!(
                "$select: '{name}' is not a property of {}, or not emulated.",
                self.name
            ))
        };
        let asked = names
            .iter()
            .map(|name| self.property(name).ok_or_else(|| unknown(name)))
            .collect::<Result<Vec<_>, _>>()?;
        let wanted = self.properties.iter().copied().filter(|name| asked.contains(name)).collect();
        Ok(Selection { wanted, chosen: true })
    }
}

impl Selection {
    /// What stands behind the name of the collection in `@odata.context`.
    pub(super) fn in_context(&self) -> String {
        if self.chosen { format!("({})", self.wanted.join(",")) } else { String::new() }
    }

    fn apply(&self, value: impl Fn(&str) -> Value) -> Map<String, Value> {
        self.wanted.iter().map(|name| ((*name).to_owned(), value(name))).collect()
    }
}

/// A moment to the second, as the directory keeps its times.
fn time(moment: Option<Instant>) -> Value {
    moment.map_or(Value::Null, |at| rfc3339(Instant::from_seconds(at.seconds())).into())
}

/// A device in Graph.
pub(super) fn device_json(device: &Device, selection: &Selection) -> Map<String, Value> {
    selection.apply(|name| match name {
        "id" => device.object_id.to_string().into(),
        "accountEnabled" => device.enabled().into(),
        "approximateLastSignInDateTime" => time(device.last_activity),
        "createdDateTime" => time(Some(device.created)),
        "deviceId" => device.device_id.to_string().into(),
        "deviceVersion" => 2.into(),
        "displayName" => device.display_name.as_str().into(),
        "onPremisesSecurityIdentifier" => {
            device.on_premises.as_ref().map_or(Value::Null, |on| on.sid.as_str().into())
        }
        "onPremisesSyncEnabled" => device.on_premises.as_ref().map_or(Value::Null, |_| true.into()),
        "operatingSystem" => device.os.as_str().into(),
        "operatingSystemVersion" => device.os_version.as_str().into(),
        "physicalIds" | "systemLabels" => Value::Array(Vec::new()),
        "profileType" => "RegisteredDevice".into(),
        "registrationDateTime" => time(device.registered),
        "trustType" => device.trust.word().into(),
        "extensionAttributes" => {
            (1..=15).map(|n| (format!("extensionAttribute{n}"), Value::Null)).collect()
        }
        "alternativeSecurityIds" => {
            device.key.iter().map(|k| key_json(&k.alt_security_id)).collect()
        }
        _ => Value::Null,
    })
}

/// An alternative security id: the text in UTF-16, little-endian.
fn key_json(alt_security_id: &str) -> Value {
    let bytes: Vec<u8> = alt_security_id.encode_utf16().flat_map(u16::to_le_bytes).collect();
    json!({ "type": 2, "identityProvider": null, "key": to_standard(bytes) })
}

/// A user in Graph.
pub(super) fn user_json(user: &User, selection: &Selection) -> Map<String, Value> {
    selection.apply(|name| match name {
        "businessPhones" => Value::Array(Vec::new()),
        "displayName" => user.name.as_str().into(),
        "userPrincipalName" => user.upn.as_str().into(),
        "id" => user.id.to_string().into(),
        "accountEnabled" => user.enabled.into(),
        "onPremisesImmutableId" => user.immutable_id.as_deref().into(),
        "userType" => "Member".into(),
        _ => Value::Null,
    })
}
