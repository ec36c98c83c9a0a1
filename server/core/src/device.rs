//! A device record, as the directory keeps it; [`crate::visibility`] says how it is shown and to whom.
//!
//! Sections 4.4 and 11 of the device registration notes. The record is the directory's view: what the computer itself
//! believes is kept by the computer, which is why a deleted device goes on calling itself registered (FAQ A7).
//! Left out: extension attributes and physical ids.

use crate::ids::{DeviceId, ObjectId, Sid, Thumbprint, UserId};
use crate::instant::Instant;
use crate::revocation::Standing;

/// How a device came into the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrustType {
    /// Joined to the cloud directory.
    AzureAd,
    /// A personal device with a work account.
    Workplace,
    /// Joined to a domain on premises and registered through it.
    ServerAd,
}

impl TrustType {
    /// Every trust type.
    pub const ALL: [Self; 3] = [Self::AzureAd, Self::Workplace, Self::ServerAd];

    /// The word of the directory's projections.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AzureAd => "AzureAd",
            Self::Workplace => "Workplace",
            Self::ServerAd => "ServerAd",
        }
    }

    /// The trust type with this word, in any case.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.word().eq_ignore_ascii_case(word))
    }
}

/// The key that a device proves itself with: its certificate's thumbprint and the text by which the directory finds it
/// (`X509:<SHA1-TP-PUBKEY>...`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceKey {
    /// SHA-1 of the certificate.
    pub thumbprint: Thumbprint,
    /// The alternative security id, without the base64 of its Graph form.
    pub alt_security_id: String,
}

/// The certificate that a device shows, as far as the directory judges it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownCertificate {
    /// Its key.
    pub key: DeviceKey,
    /// The first second of its validity.
    pub not_before: Instant,
    /// The last one.
    pub not_after: Instant,
    /// The device id in its subject. Anybody can write one there; it says which record's certificate this should be.
    pub subject: Option<DeviceId>,
}

impl ShownCertificate {
    /// Whether it is valid at this moment. Both bounds are whole seconds and belong to its time.
    pub const fn is_valid(&self, now: Instant) -> bool {
        let now = now.seconds();
        self.not_before.seconds() <= now && now <= self.not_after.seconds()
    }
}

/// What a synchronised computer object brings along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnPremises {
    /// The computer's security identifier on premises.
    pub sid: Sid,
    /// The self-signed certificate (DER) that the computer wrote to its `userCertificate` attribute.
    pub certificate: Vec<u8>,
}

/// What device management says of a device; `None` as long as nothing was said. A record is managed and compliant when an
/// administrator, or an enrolment, has said so; nothing makes it so by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Management {
    /// Whether it is managed.
    pub managed: Option<bool>,
    /// Whether it meets the rules of its management.
    pub compliant: Option<bool>,
}

/// A device record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The directory object.
    pub object_id: ObjectId,
    /// The id in the device's certificate.
    pub device_id: DeviceId,
    /// Display name; nothing makes it unique, which is where duplicates come from (FAQ A12 to A15).
    pub display_name: String,
    /// Operating system, such as `Windows`.
    pub os: String,
    /// Its version, such as `10.0.19045.2006`.
    pub os_version: String,
    /// How it came here.
    pub trust: TrustType,
    /// The user who joined or registered it. Hybrid computers with Windows 10 or later have none.
    pub owner: Option<UserId>,
    /// When the object was made.
    pub created: Instant,
    /// When registration was completed; `None` is a pending device.
    pub registered: Option<Instant>,
    /// Approximately when it was last seen.
    pub last_activity: Option<Instant>,
    /// Its key, once registered.
    pub key: Option<DeviceKey>,
    /// The key (`RSA1` blob or JWK) that session keys are wrapped to.
    pub transport_key: Option<Vec<u8>>,
    /// The synchronised part of a hybrid device.
    pub on_premises: Option<OnPremises>,
    /// Enabled or not, and from when that counts.
    pub standing: Standing,
    /// Whether it is managed, and compliant.
    pub management: Management,
    /// Whether whoever registered it had proved a second factor. The device then counts as one for its owner.
    pub second_factor: bool,
}

impl Device {
    /// `accountEnabled` in the projections: what an administrator set, whether it bites yet or not.
    pub const fn enabled(&self) -> bool {
        self.standing.disabled.is_none()
    }
}

/// What is left of a deleted device, so that the deletion can count later than it was made and refusals can say why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The directory object that was.
    pub object_id: ObjectId,
    /// The device's id; never given to another device.
    pub device_id: DeviceId,
    /// Its name when it was deleted.
    pub display_name: String,
    /// How it had come here.
    pub trust: TrustType,
    /// Its key, by which a certificate still finds the grave.
    pub key: Option<DeviceKey>,
    /// The key that session keys were wrapped to.
    pub transport_key: Option<Vec<u8>>,
    /// What counts from when, deletion included.
    pub standing: Standing,
}

/// What the directory knows of a device id or a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownDevice {
    /// The record is there.
    Present(Device),
    /// It was, and was deleted.
    Deleted(Tombstone),
}

impl KnownDevice {
    /// The device id.
    pub const fn device_id(&self) -> DeviceId {
        match self {
            Self::Present(device) => device.device_id,
            Self::Deleted(tombstone) => tombstone.device_id,
        }
    }

    /// What counts from when.
    pub const fn standing(&self) -> &Standing {
        match self {
            Self::Present(device) => &device.standing,
            Self::Deleted(tombstone) => &tombstone.standing,
        }
    }

    /// Its registered key.
    pub const fn key(&self) -> Option<&DeviceKey> {
        match self {
            Self::Present(device) => device.key.as_ref(),
            Self::Deleted(tombstone) => tombstone.key.as_ref(),
        }
    }

    /// The key that session keys are wrapped to.
    pub fn transport_key(&self) -> Option<&[u8]> {
        match self {
            Self::Present(device) => device.transport_key.as_deref(),
            Self::Deleted(tombstone) => tombstone.transport_key.as_deref(),
        }
    }
}
