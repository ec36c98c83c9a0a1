//! Reads the certificate of a peer: from the TLS handshake, an `x5c` member, or the synchronised `userCertificate`.
//!
//! What the directory looks a device up by stands here: thumbprint, subject, public key and the alternative security
//! identity of device-registration.md section 4.4. Whether the certificate was issued by the world's own authority is
//! answered by verifying the signature, not by comparing names. Certificates of users, which federation servers take, have
//! an authority of their own and name their holder. Left out: chains of more than one link, revocation lists and validity
//! times, which the rules judge in world time.

use linarite_core::ids::{DeviceId, Thumbprint};
use x509_parser::asn1_rs::{Error, TaggedExplicit, Utf8String};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::X509Name;

use super::device_ca::DeviceCa;
use super::encoding::{from_either, to_standard};
use super::public_key::{PublicKey, SignatureAlgorithm, VerifyError, sha1};

/// The longest certificate that is read, in bytes of DER.
pub const MAX_CERTIFICATE: usize = 16 * 1024;

/// The kind of name that Windows writes user principal names as.
const UPN: &str = "1.3.6.1.4.1.311.20.2.3";

/// Why a certificate could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// More than [`MAX_CERTIFICATE`] bytes.
    #[error("the certificate is longer than {MAX_CERTIFICATE} bytes")]
    TooLong,
    /// Not base64.
    #[error("the certificate is not base64")]
    NotBase64,
    /// Not an X.509 certificate in DER, or followed by something.
    #[error("not an X.509 certificate in DER")]
    NotDer,
}

/// A certificate that somebody showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    /// The certificate as it came.
    pub der: Vec<u8>,
    /// Its SHA-1.
    pub thumbprint: Thumbprint,
    /// The subject, as text for a log.
    pub subject: String,
    /// The issuer, as text for a log.
    pub issuer: String,
    /// The last common name of the subject: the device id, when it is a device certificate.
    pub common_name: Option<String>,
    /// The public key as DER `SubjectPublicKeyInfo`.
    pub spki: Vec<u8>,
    /// The public key.
    pub key: PublicKey,
    /// The first second of validity, since 1970.
    pub not_before: i64,
    /// The last second of validity, since 1970.
    pub not_after: i64,
    issuer_name: Vec<u8>,
    signed: Vec<u8>,
    algorithm: Option<SignatureAlgorithm>,
    signature: Vec<u8>,
}

impl PeerCertificate {
    /// Reads a certificate in DER.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > MAX_CERTIFICATE {
            return Err(CertificateError::TooLong);
        }
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_| CertificateError::NotDer)?;
        // RFC 5280 section 4.1.1.2: the algorithm stands there twice, and a signature is whole bytes.
        let sound = rest.is_empty()
            && certificate.signature_algorithm == certificate.tbs_certificate.signature
            && certificate.signature_value.unused_bits == 0;
        if !sound {
            return Err(CertificateError::NotDer);
        }
        let subject = certificate.subject();
        let spki = certificate.public_key();
        Ok(Self {
            der: der.to_vec(),
            thumbprint: Thumbprint::new(sha1(der)),
            subject: subject.to_string(),
            issuer: certificate.issuer().to_string(),
            common_name: last_common_name(subject),
            spki: spki.raw.to_vec(),
            key: PublicKey::of(spki),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            issuer_name: certificate.issuer().as_raw().to_vec(),
            signed: certificate.tbs_certificate.as_ref().to_vec(),
            algorithm: SignatureAlgorithm::from_x509(&certificate.signature_algorithm),
            signature: certificate.signature_value.data.to_vec(),
        })
    }

    /// Reads a certificate in base64 of either alphabet, line breaks tolerated.
    pub fn from_base64(text: &str) -> Result<Self, CertificateError> {
        if text.len() > MAX_CERTIFICATE * 2 {
            return Err(CertificateError::TooLong);
        }
        Self::from_der(&from_either(text).ok_or(CertificateError::NotBase64)?)
    }

    /// The device id that the subject names, when it is one.
    pub fn device_id(&self) -> Option<DeviceId> {
        self.common_name.as_deref()?.parse().ok()
    }

    /// Whether this authority issued it: same name, and the signature verifies with the authority's key.
    pub fn issued_by(&self, ca: &DeviceCa) -> bool {
        self.issuer_name == ca.name()
            && self.algorithm.is_some_and(|algorithm| {
                ca.public().verify(algorithm, &self.signed, &self.signature).is_ok()
            })
    }

    /// Whether this is the certificate of an authority.
    pub fn is_authority(&self) -> bool {
        let Ok((_, certificate)) = X509Certificate::from_der(&self.der) else { return false };
        matches!(certificate.basic_constraints(), Ok(Some(constraints)) if constraints.value.ca)
    }

    /// Whether the authority with this certificate issued it: same name, and the signature verifies with its key.
    pub fn issued_under(&self, authority: &Self) -> bool {
        let Ok((_, parent)) = X509Certificate::from_der(&authority.der) else { return false };
        self.issuer_name == parent.subject().as_raw()
            && self.algorithm.is_some_and(|algorithm| {
                authority.verify(algorithm, &self.signed, &self.signature).is_ok()
            })
    }

    /// The user principal name among the alternative names of its subject, when there is exactly one.
    pub fn upn(&self) -> Option<String> {
        let (_, certificate) = X509Certificate::from_der(&self.der).ok()?;
        let names = certificate.subject_alternative_name().ok()??;
        let mut upns = names.value.general_names.iter().filter_map(|name| {
            let GeneralName::OtherName(kind, value) = name else { return None };
            (kind.to_id_string() == UPN).then_some(*value)
        });
        let (only, None) = (upns.next()?, upns.next()) else { return None };
        let (rest, text) = TaggedExplicit::<Utf8String<'_>, Error, 0>::from_der(only).ok()?;
        rest.is_empty().then(|| text.into_inner().string())
    }

    /// The alternative security identity as the directory keeps it: [`alt_security_id`].
    pub fn alt_security_id(&self) -> String {
        alt_security_id(self.thumbprint, &self.key.sha256())
    }

    /// Verifies a signature over a message with the certificate's key.
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), VerifyError> {
        self.key.verify(algorithm, message, signature)
    }
}

/// `X509:<SHA1-TP-PUBKEY>`, the thumbprint in upper-case hexadecimal, and base64 of the SHA-256 over the key bits
/// (PKCS#1 for RSA), with nothing between them.
pub fn alt_security_id(thumbprint: Thumbprint, key_hash: &[u8; 32]) -> String {
    format!("X509:<SHA1-TP-PUBKEY>{thumbprint}{}", to_standard(key_hash))
}

/// An alternative security identity as Graph prints it in `alternativeSecurityIds[].key`: base64 of its UTF-16,
/// little-endian.
pub fn graph_key(identity: &str) -> String {
    to_standard(identity.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>())
}

/// The last common name of a name. Old Windows clients end it with a NUL, which is dropped.
pub(crate) fn last_common_name(name: &X509Name<'_>) -> Option<String> {
    let value = name.iter_common_name().last()?;
    let text = std::str::from_utf8(value.as_slice()).ok()?;
    Some(text.trim_end_matches('\0').to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::encoding::from_either;
    use super::super::pool::TestKey;
    use super::super::tests::golden;
    use super::*;
    use proptest::prelude::*;

    fn sample() -> PeerCertificate {
        PeerCertificate::from_base64(golden::DVRJ_CERTIFICATE).unwrap()
    }

    #[test]
    fn the_published_certificate_has_its_published_thumbprint_and_device() {
        let sample = sample();
        assert_eq!(sample.thumbprint.to_string(), golden::DVRJ_THUMBPRINT);
        let device = sample.device_id().unwrap();
        assert_eq!(device.to_string(), "9d53c6fa-b38e-4509-8fb1-51dedb421aac");
        assert_eq!(sample.key.describe(), "RSA 2048");
        assert_eq!(sample.not_after - sample.not_before, 3650 * 86_400 + 600);
        for part in ["DC=net", "DC=mim", "CN=MS-Organization-Access"] {
            assert!(sample.issuer.contains(part), "{}", sample.issuer);
        }
    }

    #[test]
    fn the_published_certificate_has_the_alternative_security_identity_that_was_worked_out() {
        assert_eq!(sample().alt_security_id(), golden::DVRJ_ALT_SECURITY_ID);
        let key = graph_key(golden::DVRJ_ALT_SECURITY_ID);
        assert!(key.starts_with("WAA1ADAAOQA6ADwAUwBIAEEAMQAtAFQAUAAtAFAAVQBCAEsARQBZAD4A"));
    }

    #[test]
    fn a_certificate_of_another_authority_is_not_ours() {
        let ca = DeviceCa::new(TestKey::pick(1).load().unwrap()).unwrap();
        assert!(!sample().issued_by(&ca));
        let own = PeerCertificate::from_der(ca.certificate()).unwrap();
        assert!(own.issued_by(&ca));
        let other = DeviceCa::new(TestKey::pick(2).load().unwrap()).unwrap();
        assert!(!own.issued_by(&other), "the name is the same, the key is not");
    }

    #[test]
    fn what_is_no_certificate_is_refused_by_name() {
        let der = from_either(golden::DVRJ_CERTIFICATE).unwrap();
        let longer = [&der[..], &[0]].concat();
        assert_eq!(PeerCertificate::from_der(&longer), Err(CertificateError::NotDer));
        let shorter = &der[..der.len() - 1];
        assert_eq!(PeerCertificate::from_der(shorter), Err(CertificateError::NotDer));
        assert_eq!(PeerCertificate::from_base64("?"), Err(CertificateError::NotBase64));
        let long = vec![0; MAX_CERTIFICATE + 1];
        assert_eq!(PeerCertificate::from_der(&long), Err(CertificateError::TooLong));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _read = PeerCertificate::from_der(&bytes);
        }

        #[test]
        fn no_damage_panics(at in 0_usize..1025, value: u8) {
            let mut der = from_either(golden::DVRJ_CERTIFICATE).unwrap();
            der[at] = value;
            if let Ok(read) = PeerCertificate::from_der(&der) {
                let _text = (read.alt_security_id(), read.device_id());
            }
        }
    }
}
