//! Reads the PKCS#10 certificate request of a join, a registration or an enrolment (RFC 2986).
//!
//! What counts is the public key and the proof that the sender holds its private half; the subject is a constant that
//! clients make up (`CN=7E980AD9-...`) and the extensions asked for are ignored. SHA-1 and unknown extensions are
//! taken because real clients send them, which is why the usual strict reader is not used. Left out: keys other than
//! RSA of 2048 bits and more and P-256, which [MS-DVRJ] section 3.1.5.1.1.1 does not know.

use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;

use super::certificate::last_common_name;
use super::encoding::from_either;
use super::public_key::{PublicKey, RSA_MAX_BITS, RSA_MIN_BITS, SignatureAlgorithm, VerifyError};

/// The longest certificate request that is read, in bytes of DER.
pub const MAX_REQUEST: usize = 16 * 1024;

/// Why a certificate request was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CsrError {
    /// More than [`MAX_REQUEST`] bytes.
    #[error("the certificate request is longer than {MAX_REQUEST} bytes")]
    TooLong,
    /// Not base64.
    #[error("the certificate request is not base64")]
    NotBase64,
    /// Not a PKCS#10 request in DER, or followed by something.
    #[error("not a PKCS#10 certificate request in DER")]
    NotPkcs10,
    /// The key is neither RSA nor P-256.
    #[error("the key of the certificate request is of a kind that is not accepted: {0}")]
    Key(String),
    /// The RSA key is too short or too long.
    #[error(
        "the RSA key of the certificate request has {bits} bits, {RSA_MIN_BITS} to {RSA_MAX_BITS} are accepted"
    )]
    KeySize {
        /// The bits of its modulus.
        bits: usize,
    },
    /// The signature algorithm is not one of those read, or does not fit the key.
    #[error("the certificate request is signed with an algorithm that is not accepted: {0}")]
    Algorithm(String),
    /// The signature does not verify with the key inside.
    #[error("the signature of the certificate request does not verify with its own key")]
    Signature,
}

/// A certificate request whose signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Csr {
    /// The public key as DER `SubjectPublicKeyInfo`, as it came.
    pub spki: Vec<u8>,
    /// The public key.
    pub key: PublicKey,
    /// The last common name of the subject.
    pub common_name: Option<String>,
}

impl Csr {
    /// Reads and verifies a request in base64 of either alphabet. Line breaks and PEM armour are tolerated.
    pub fn from_base64(text: &str) -> Result<Self, CsrError> {
        if text.len() > MAX_REQUEST * 2 {
            return Err(CsrError::TooLong);
        }
        let body: String =
            text.lines().filter(|line| !line.trim_start().starts_with("-----")).collect();
        Self::from_der(&from_either(&body).ok_or(CsrError::NotBase64)?)
    }

    /// Reads and verifies a request in DER.
    pub fn from_der(der: &[u8]) -> Result<Self, CsrError> {
        if der.len() > MAX_REQUEST {
            return Err(CsrError::TooLong);
        }
        let (rest, request) =
            X509CertificationRequest::from_der(der).map_err(|_| CsrError::NotPkcs10)?;
        if !rest.is_empty() || request.signature_value.unused_bits != 0 {
            return Err(CsrError::NotPkcs10);
        }
        let info = &request.certification_request_info;
        let key = PublicKey::of(&info.subject_pki);
        match &key {
            PublicKey::Rsa(rsa) if rsa.is_of_accepted_size() => {}
            PublicKey::Rsa(rsa) => return Err(CsrError::KeySize { bits: rsa.bits() }),
            PublicKey::P256(_) => {}
            PublicKey::Other { .. } => return Err(CsrError::Key(key.describe())),
        }
        let named = || request.signature_algorithm.algorithm.to_id_string();
        let algorithm = SignatureAlgorithm::from_x509(&request.signature_algorithm)
            .ok_or_else(|| CsrError::Algorithm(named()))?;
        key.verify(algorithm, info.raw, &request.signature_value.data).map_err(
            |error| match error {
                VerifyError::Unsuitable => CsrError::Algorithm(named()),
                VerifyError::Mismatch => CsrError::Signature,
            },
        )?;
        Ok(Self {
            spki: info.subject_pki.raw.to_vec(),
            common_name: last_common_name(&info.subject),
            key,
        })
    }
}
