//! How devices and users look in Graph: every documented property of v1.0 in its order, null where it is not emulated.
//!
//! Sections 11 and 12 of the device registration notes. Some properties are printed only when they are selected.
//! Left out: management state, extension attributes and physical ids, which are null or empty.

use linarite_core::deletion::DeletedItem;
use linarite_core::device::DeviceKey;
use linarite_core::instant::Instant;
use linarite_core::user::User;
use linarite_core::visibility::DeviceView;
use serde::ser::{Serialize, SerializeMap, Serializer};

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
}

/// An object as it is printed: one of the words of `OData`, if any, and the selected properties.
#[derive(Debug)]
pub(super) struct Shown<'a, T> {
    /// `@odata.context` of an object that stands alone, `@odata.type` of one among others.
    pub(super) first: Option<(&'static str, &'a str)>,
    /// The object.
    pub(super) object: &'a T,
    /// What is printed of it.
    pub(super) selection: &'a Selection,
}

/// Something with properties. Objects are printed straight from their records, because a page holds thousands of values.
pub(super) trait Properties {
    /// Prints one property.
    fn print<M: SerializeMap>(&self, name: &'static str, to: &mut M) -> Result<(), M::Error>;
}

impl<T: Properties> Serialize for Shown<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some((name, value)) = self.first {
            map.serialize_entry(name, value)?;
        }
        for name in &self.selection.wanted {
            self.object.print(name, &mut map)?;
        }
        map.end()
    }
}

/// A list as it is printed.
#[derive(Debug, serde::Serialize)]
pub(super) struct Listing<T> {
    /// `@odata.context`
    #[serde(rename = "@odata.context")]
    pub(super) context: String,
    /// How many there are on all pages, when that was asked.
    #[serde(rename = "@odata.count", skip_serializing_if = "Option::is_none")]
    pub(super) count: Option<u64>,
    /// Where the next page is, when there is one.
    #[serde(rename = "@odata.nextLink", skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
    /// The page.
    pub(super) value: Vec<T>,
}

/// Prints an id without an allocation of its own.
struct Text<T>(T);

impl<T: std::fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

fn time(moment: Option<Instant>) -> Option<String> {
    moment.map(rfc3339)
}

const NULL: Option<bool> = None;

/// `extensionAttribute1` to `15`, none of which has a value.
const EXTENSIONS: [&str; 15] = [
    "extensionAttribute1",
    "extensionAttribute2",
    "extensionAttribute3",
    "extensionAttribute4",
    "extensionAttribute5",
    "extensionAttribute6",
    "extensionAttribute7",
    "extensionAttribute8",
    "extensionAttribute9",
    "extensionAttribute10",
    "extensionAttribute11",
    "extensionAttribute12",
    "extensionAttribute13",
    "extensionAttribute14",
    "extensionAttribute15",
];

struct Extensions;

impl Serialize for Extensions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(EXTENSIONS.iter().map(|name| (name, NULL)))
    }
}

/// A member of `alternativeSecurityIds`.
#[derive(serde::Serialize)]
struct AlternativeSecurityId {
    #[serde(rename = "type")]
    kind: u8,
    #[serde(rename = "identityProvider")]
    identity_provider: Option<&'static str>,
    key: String,
}

impl AlternativeSecurityId {
    /// The text in UTF-16, little-endian, in base64.
    fn new(key: &DeviceKey) -> Self {
        let bytes: Vec<u8> =
            key.alt_security_id.encode_utf16().flat_map(u16::to_le_bytes).collect();
        Self { kind: 2, identity_provider: None, key: to_standard(bytes) }
    }
}

impl Properties for DeviceView<'_> {
    fn print<M: SerializeMap>(&self, name: &'static str, to: &mut M) -> Result<(), M::Error> {
        match name {
            "id" => to.serialize_entry(name, &Text(self.object_id)),
            "accountEnabled" => to.serialize_entry(name, &self.enabled),
            "approximateLastSignInDateTime" => to.serialize_entry(name, &time(self.last_activity)),
            "createdDateTime" => to.serialize_entry(name, &time(Some(self.created))),
            "deviceId" => to.serialize_entry(name, &Text(self.device_id)),
            "deviceVersion" => to.serialize_entry(name, &2),
            "displayName" => to.serialize_entry(name, &self.display_name),
            "onPremisesSecurityIdentifier" => to.serialize_entry(name, &self.sid),
            "onPremisesSyncEnabled" => {
                to.serialize_entry(name, &self.synchronised().then_some(true))
            }
            "isCompliant" => to.serialize_entry(name, &self.compliant),
            "isManaged" => to.serialize_entry(name, &self.managed),
            "operatingSystem" => to.serialize_entry(name, &self.os),
            "operatingSystemVersion" => to.serialize_entry(name, &self.os_version),
            "physicalIds" | "systemLabels" => to.serialize_entry(name, &[NULL; 0]),
            "profileType" => to.serialize_entry(name, "RegisteredDevice"),
            "registrationDateTime" => to.serialize_entry(name, &time(self.registered)),
            "trustType" => to.serialize_entry(name, self.trust.word()),
            "extensionAttributes" => to.serialize_entry(name, &Extensions),
            "alternativeSecurityIds" => {
                let ids: Vec<_> = self.key.into_iter().map(AlternativeSecurityId::new).collect();
                to.serialize_entry(name, &ids)
            }
            _ => to.serialize_entry(name, &NULL),
        }
    }
}

/// A deleted device.
#[derive(Debug)]
pub(super) struct Deleted<'a> {
    view: DeviceView<'a>,
    deleted: Instant,
}

impl<'a> Deleted<'a> {
    pub(super) fn of(item: &'a DeletedItem) -> Self {
        Self { view: DeviceView::of(&item.device), deleted: item.deleted }
    }
}

impl Properties for Deleted<'_> {
    fn print<M: SerializeMap>(&self, name: &'static str, to: &mut M) -> Result<(), M::Error> {
        match name {
            "deletedDateTime" => to.serialize_entry(name, &time(Some(self.deleted))),
            _ => self.view.print(name, to),
        }
    }
}

impl Properties for User {
    fn print<M: SerializeMap>(&self, name: &'static str, to: &mut M) -> Result<(), M::Error> {
        match name {
            "businessPhones" => to.serialize_entry(name, &[NULL; 0]),
            "displayName" => to.serialize_entry(name, &self.name),
            "userPrincipalName" => to.serialize_entry(name, &self.upn),
            "id" => to.serialize_entry(name, &Text(self.id)),
            "accountEnabled" => to.serialize_entry(name, &self.enabled),
            "onPremisesImmutableId" => to.serialize_entry(name, &self.immutable_id),
            "userType" => to.serialize_entry(name, "Member"),
            _ => to.serialize_entry(name, &NULL),
        }
    }
}
