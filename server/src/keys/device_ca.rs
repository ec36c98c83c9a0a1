//! The authority that issues device certificates: MS-Organization-Access.
//!
//! The profile is that of device-registration.md section 4.3, the Azure column: one relative distinguished name with
//! four values as issuer, the device id as the only subject, the ids of device, user and tenant and the join type in
//! private extensions. Certificates carry Windows memory order and a long-form length where any encoder of today
//! would not, because that is what real ones carry and what clients read. Left out: the AD FS extensions (.1
//! and .4, the domain controller and the domain) and the region (.8).

use linarite_core::ids::{DeviceId, Guid, TenantId, Thumbprint};

use super::der;
use super::issue::{
    self, SERVER_NOT_AFTER, SERVER_NOT_BEFORE, Statement, attribute, authority_key,
    basic_constraints, common_name, key_identifier, own_serial, subject_key,
};
use super::public_key::{RsaPublicKey, sha1};
use super::rsa_key::{RsaKey, SigningFailed};

const DEVICE: u32 = 2;
const USER: u32 = 3;
const TENANT: u32 = 5;
const JOIN_TYPE: u32 = 7;

const DOMAIN_COMPONENT: [u32; 7] = [0, 9, 2342, 19_200_300, 100, 1, 25];
const DAY: i64 = 86_400;
/// Ten years as the published sample counts them: 3650 days, leap days not added.
const LIFE: i64 = 3650 * DAY;

/// What a device certificate is to say.
#[derive(Clone, Copy, Debug)]
pub struct DeviceCertificateRequest<'a> {
    /// The device: subject and extension .2.
    pub device: DeviceId,
    /// The object id of the registering user, extension .3; a hybrid join repeats the device id here.
    pub user: Guid,
    /// The tenant, extension .5.
    pub tenant: TenantId,
    /// The join type that the client sent: 0 join, 4 register, 6 hybrid join. Extension .7, in decimal.
    pub join_type: u8,
    /// The public key of the certificate request as DER `SubjectPublicKeyInfo`; the CSR reader has checked it.
    pub spki: &'a [u8],
    /// The serial number.
    pub serial: [u8; 16],
    /// The moment of issue in seconds since 1970.
    pub now: i64,
}

/// A device certificate as it was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCertificate {
    /// The certificate.
    pub der: Vec<u8>,
    /// Its SHA-1.
    pub thumbprint: Thumbprint,
    /// The first second of validity, since 1970: a day before the issue, because clients compare with real time.
    pub not_before: i64,
    /// The last second of validity, since 1970: 3650 days after the issue.
    pub not_after: i64,
}

/// What the certificate of an enrolled device is to say.
#[derive(Clone, Copy, Debug)]
pub struct ManagementCertificateRequest<'a> {
    /// The device: the subject.
    pub device: DeviceId,
    /// The public key of the certificate request as DER `SubjectPublicKeyInfo`; the CSR reader has checked it.
    pub spki: &'a [u8],
    /// The serial number.
    pub serial: [u8; 16],
    /// The moment of issue in seconds since 1970.
    pub now: i64,
}

/// What a device gets when it enrols in device management, in DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagementCertificate {
    /// The authority, self-signed.
    pub root: Vec<u8>,
    /// The device's certificate.
    pub der: Vec<u8>,
}

/// The name of the authority of device management.
const MANAGEMENT: &str = "Device Management CA";

/// The issuing authority of one world.
#[derive(Clone, Debug)]
pub struct DeviceCa {
    key: RsaKey,
    name: Vec<u8>,
    /// What every certificate of a device says of its use, in DER: no authority, client authentication, whose key signed.
    uses: Vec<u8>,
    certificate: Vec<u8>,
}

impl DeviceCa {
    /// The authority with this key. Its certificate depends on nothing but the key.
    pub fn new(key: RsaKey) -> Result<Self, SigningFailed> {
        let name = issuer_name();
        let key_identifier = key_identifier(&key);
        // keyCertSign and cRLSign, the last bit that is used being the seventh.
        let key_usage = der::extension(&[2, 5, 29, 15], true, &der::bits_unused(1, &[0x06]));
        let certificate = issue::issue(
            &Statement {
                serial: &own_serial(&key),
                issuer: &name,
                subject: &name,
                spki: &key.public().to_spki(),
                not_before: SERVER_NOT_BEFORE,
                not_after: SERVER_NOT_AFTER,
                extensions: &[&basic_constraints(true), &key_usage, &subject_key(&key_identifier)],
            },
            &key,
        )?;
        let client_auth = der::seq(&[&der::oid(&[1, 3, 6, 1, 5, 5, 7, 3, 2])]);
        let uses = [
            basic_constraints(false),
            der::extension(&[2, 5, 29, 37], true, &client_auth),
            authority_key(&key_identifier),
        ];
        Ok(Self { key, name, uses: uses.concat(), certificate })
    }

    /// The certificate of the authority itself, self-signed, valid from 2000 to 2100.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The public key of the authority.
    pub const fn public(&self) -> &RsaPublicKey {
        self.key.public()
    }

    /// Its name in DER, as it stands in the certificates it issues.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// Issues a device certificate. Equal requests give equal bytes.
    pub fn issue(
        &self,
        request: &DeviceCertificateRequest<'_>,
    ) -> Result<DeviceCertificate, SigningFailed> {
        let not_before = request.now.saturating_sub(DAY);
        let not_after = request.now.saturating_add(LIFE);
        let der = issue::issue(
            &Statement {
                serial: &request.serial,
                issuer: &self.name,
                subject: &common_name(&request.device.to_string()),
                spki: request.spki,
                not_before,
                not_after,
                extensions: &[
                    &self.uses,
                    &private_extension(DEVICE, &request.device.guid().to_bytes_le()),
                    &private_extension(USER, &request.user.to_bytes_le()),
                    &private_extension(TENANT, &request.tenant.guid().to_bytes_le()),
                    &private_extension(JOIN_TYPE, request.join_type.to_string().as_bytes()),
                ],
            },
            &self.key,
        )?;
        let thumbprint = Thumbprint::new(sha1(&der));
        Ok(DeviceCertificate { der, thumbprint, not_before, not_after })
    }

    /// Issues the certificate by which a device would talk to its management, for a year. The authority has the key of this
    /// one and a name of its own. Its profile is assumed.
    pub fn issue_management(
        &self,
        request: &ManagementCertificateRequest<'_>,
    ) -> Result<ManagementCertificate, SigningFailed> {
        let der = issue::issue(
            &Statement {
                serial: &request.serial,
                issuer: &common_name(MANAGEMENT),
                subject: &common_name(&request.device.to_string()),
                spki: request.spki,
                not_before: request.now.saturating_sub(DAY),
                not_after: request.now.saturating_add(365 * DAY),
                extensions: &[&self.uses],
            },
            &self.key,
        )?;
        Ok(ManagementCertificate { root: issue::self_signed(&self.key, MANAGEMENT)?, der })
    }
}

/// An extension below 1.2.840.113556.1.5.284. Its value is an OCTET STRING whose length takes the long form although
/// the short one would do (`04 81 10`): not DER, but what every real device certificate holds. An extension's value
/// is opaque to those who do not know it, so strict readers take it.
fn private_extension(last: u32, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
    let inside = [&[0x04, 0x81, length], value].concat();
    der::extension(&[1, 2, 840, 113_556, 1, 5, 284, last], false, &inside)
}

/// DC=net + DC=windows + CN=MS-Organization-Access + OU=..., all four in one relative distinguished name.
fn issuer_name() -> Vec<u8> {
    der::seq(&[&der::set(&[
        &attribute(&DOMAIN_COMPONENT, &der::ia5("net")),
        &attribute(&DOMAIN_COMPONENT, &der::ia5("windows")),
        &attribute(&[2, 5, 4, 3], &der::printable("MS-Organization-Access")),
        &attribute(&[2, 5, 4, 11], &der::printable("82dbaca4-3e81-46ca-9c73-0950c1eaca97")),
    ])])
}
