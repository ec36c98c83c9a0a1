//! Public keys of clients, and the verification of what they signed.
//!
//! One reading of a `SubjectPublicKeyInfo` (RFC 5280, RFC 3279, RFC 5480) serves certificates, certificate requests and
//! key blobs: RSA of 2048 to 8192 bits and elliptic curve P-256 are known, everything else is kept as "other" so that
//! a service can say what it got. Left out: private keys (`rsa_key`) and every other curve.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters,
    RsaPssSaltLength, RsaPublicKeyComponents, UnparsedPublicKey,
};
use x509_parser::public_key::RSAPublicKey;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::der;

const RSA_ENCRYPTION: [u32; 7] = [1, 2, 840, 113_549, 1, 1, 1];

/// The smallest RSA modulus that any service accepts, in bits.
pub const RSA_MIN_BITS: usize = 2048;
/// The largest RSA modulus that any service accepts, in bits: verification time grows with its square.
pub const RSA_MAX_BITS: usize = 8192;

/// A hash function inside a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1, still met in certificate requests of old clients.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// How a message was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1(Hash),
    /// RSASSA-PSS with MGF1 over the same hash.
    RsaPss {
        /// The hash of message and mask.
        hash: Hash,
        /// The length of the salt in bytes.
        salt: u16,
    },
    /// ECDSA on P-256 with SHA-256, the signature in DER, as certificates carry it.
    EcdsaDer,
    /// ECDSA on P-256 with SHA-256, the signature as 64 bytes r and s, as JOSE carries it.
    EcdsaFixed,
}

impl SignatureAlgorithm {
    /// JOSE `RS256`.
    pub const RS256: Self = Self::RsaPkcs1(Hash::Sha256);
    /// JOSE `ES256`.
    pub const ES256: Self = Self::EcdsaFixed;

    /// The algorithm of a JOSE `alg` member that a public key can verify: RS, PS and ES256. `None` for any other,
    /// `none` and the HMAC family included.
    pub fn from_jose(alg: &str) -> Option<Self> {
        Some(match alg {
            "RS256" => Self::RsaPkcs1(Hash::Sha256),
            "RS384" => Self::RsaPkcs1(Hash::Sha384),
            "RS512" => Self::RsaPkcs1(Hash::Sha512),
            "PS256" => Self::RsaPss { hash: Hash::Sha256, salt: 32 },
            "PS384" => Self::RsaPss { hash: Hash::Sha384, salt: 48 },
            "PS512" => Self::RsaPss { hash: Hash::Sha512, salt: 64 },
            "ES256" => Self::EcdsaFixed,
            _ => return None,
        })
    }

    /// The algorithm that a certificate or certificate request names, or `None` when it is not one of ours.
    pub fn from_x509(algorithm: &AlgorithmIdentifier<'_>) -> Option<Self> {
        let parameters = algorithm.parameters.as_ref();
        // RFC 4055 section 5: NULL, though some leave it out.
        let pkcs1 = |hash| {
            parameters.is_none_or(|any| any.as_null().is_ok()).then_some(Self::RsaPkcs1(hash))
        };
        Some(match algorithm.algorithm.to_id_string().as_str() {
            "1.2.840.113549.1.1.5" => return pkcs1(Hash::Sha1),
            "1.2.840.113549.1.1.11" => return pkcs1(Hash::Sha256),
            "1.2.840.113549.1.1.12" => return pkcs1(Hash::Sha384),
            "1.2.840.113549.1.1.13" => return pkcs1(Hash::Sha512),
            "1.2.840.113549.1.1.10" => {
                let parameters = RsaSsaPssParams::try_from(parameters?).ok()?;
                let hash = pss_hash(&parameters.hash_algorithm_oid().to_id_string())?;
                let mask = parameters.mask_gen_algorithm().ok()?;
                let usual = mask.mgf.to_id_string() == "1.2.840.113549.1.1.8"
                    && pss_hash(&mask.hash.to_id_string()) == Some(hash)
                    && parameters.trailer_field() == 1;
                let salt = u16::try_from(parameters.salt_length()).ok()?;
                return usual.then_some(Self::RsaPss { hash, salt });
            }
            "1.2.840.10045.4.3.2" if parameters.is_none() => Self::EcdsaDer,
            _ => return None,
        })
    }
}

fn pss_hash(oid: &str) -> Option<Hash> {
    Some(match oid {
        "2.16.840.1.101.3.4.2.1" => Hash::Sha256,
        "2.16.840.1.101.3.4.2.2" => Hash::Sha384,
        "2.16.840.1.101.3.4.2.3" => Hash::Sha512,
        _ => return None,
    })
}

/// Why a signature was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The algorithm does not belong to this kind of key, or the key is of a kind that is not emulated.
    #[error("the signature algorithm does not fit the key")]
    Unsuitable,
    /// The signature is not one of this message by this key.
    #[error("the signature does not verify with the key")]
    Mismatch,
}

/// An RSA public key: modulus and exponent, big-endian without leading zeroes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RsaPublicKey {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl RsaPublicKey {
    /// The key with this modulus and exponent (big-endian, leading zeroes allowed), or `None` when they cannot be an
    /// RSA key: an even or empty modulus, or an exponent that is even, one, or longer than four bytes.
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let trim = |bytes: &[u8]| -> Vec<u8> {
            bytes.iter().copied().skip_while(|byte| *byte == 0).collect()
        };
        let (modulus, exponent) = (trim(modulus), trim(exponent));
        let odd = |bytes: &[u8]| bytes.last().is_some_and(|byte| byte % 2 == 1);
        let sound = odd(&modulus) && odd(&exponent) && exponent.len() <= 4 && exponent != [1];
        sound.then_some(Self { modulus, exponent })
    }

    /// Reads a PKCS#1 `RSAPublicKey`; nothing may follow it.
    pub fn from_pkcs1(bytes: &[u8]) -> Option<Self> {
        use x509_parser::prelude::FromDer as _;
        let (rest, key) = RSAPublicKey::from_der(bytes).ok()?;
        let positive = |number: &[u8]| number.first().is_some_and(|byte| *byte < 0x80);
        (rest.is_empty() && positive(key.modulus) && positive(key.exponent))
            .then(|| Self::new(key.modulus, key.exponent))
            .flatten()
    }

    /// The modulus, big-endian without leading zeroes.
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The exponent, big-endian without leading zeroes.
    pub fn exponent(&self) -> &[u8] {
        &self.exponent
    }

    /// The length of the modulus in bits.
    pub fn bits(&self) -> usize {
        let unused = self.modulus.first().map_or(0, |byte| byte.leading_zeros());
        self.modulus.len() * 8 - usize::try_from(unused).unwrap_or(0)
    }

    /// Whether the modulus has a length that the services accept.
    pub fn is_of_accepted_size(&self) -> bool {
        (RSA_MIN_BITS..=RSA_MAX_BITS).contains(&self.bits())
    }

    /// The key as PKCS#1 `RSAPublicKey`, which is what an alternative security identity hashes.
    pub fn to_pkcs1(&self) -> Vec<u8> {
        der::seq(&[&der::integer(&self.modulus), &der::integer(&self.exponent)])
    }

    /// The key as DER `SubjectPublicKeyInfo`.
    pub fn to_spki(&self) -> Vec<u8> {
        let algorithm = der::seq(&[&der::oid(&RSA_ENCRYPTION), &der::null()]);
        der::seq(&[&algorithm, &der::bits(&self.to_pkcs1())])
    }

    /// Verifies a signature over a message.
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), VerifyError> {
        let parameters: RsaParameters = match algorithm {
            SignatureAlgorithm::RsaPkcs1(hash) => match hash {
                Hash::Sha1 => RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
                Hash::Sha256 => RSA_PKCS1_2048_8192_SHA256,
                Hash::Sha384 => RSA_PKCS1_2048_8192_SHA384,
                Hash::Sha512 => RSA_PKCS1_2048_8192_SHA512,
            },
            SignatureAlgorithm::RsaPss { hash, salt } => {
                let parameters = match hash {
                    Hash::Sha1 => return Err(VerifyError::Unsuitable),
                    Hash::Sha256 => RSA_PSS_2048_8192_SHA256,
                    Hash::Sha384 => RSA_PSS_2048_8192_SHA384,
                    Hash::Sha512 => RSA_PSS_2048_8192_SHA512,
                };
                parameters.with_pss_salt_length(RsaPssSaltLength::Custom(salt))
            }
            SignatureAlgorithm::EcdsaDer | SignatureAlgorithm::EcdsaFixed => {
                return Err(VerifyError::Unsuitable);
            }
        };
        RsaPublicKeyComponents { n: &self.modulus, e: &self.exponent }
            .verify(&parameters, message, signature)
            .map_err(|_| VerifyError::Mismatch)
    }
}

/// The public key of a certificate, a certificate request or a key blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// RSA of any size; the reader decides which sizes it takes.
    Rsa(RsaPublicKey),
    /// Elliptic curve P-256: the uncompressed point, 65 bytes.
    P256(Vec<u8>),
    /// A key that is not emulated.
    Other {
        /// The identifier of its algorithm, dotted.
        algorithm: String,
        /// The bits of the key as they stand in the `SubjectPublicKeyInfo`.
        bits: Vec<u8>,
    },
}

impl PublicKey {
    /// Reads a DER `SubjectPublicKeyInfo`; nothing may follow it.
    pub fn from_spki(bytes: &[u8]) -> Option<Self> {
        use x509_parser::prelude::FromDer as _;
        let (rest, spki) = SubjectPublicKeyInfo::from_der(bytes).ok()?;
        rest.is_empty().then(|| Self::of(&spki))
    }

    pub(crate) fn of(spki: &SubjectPublicKeyInfo<'_>) -> Self {
        let bits = spki.subject_public_key.data.as_ref();
        let algorithm = spki.algorithm.algorithm.to_id_string();
        let curve = || {
            let parameters = spki.algorithm.parameters.as_ref()?;
            parameters.as_oid().ok().map(|oid| oid.to_id_string())
        };
        let known = match algorithm.as_str() {
            "1.2.840.113549.1.1.1" => RsaPublicKey::from_pkcs1(bits).map(Self::Rsa),
            "1.2.840.10045.2.1" => (curve().as_deref() == Some("1.2.840.10045.3.1.7")
                && bits.len() == 65
                && bits.first() == Some(&4))
            .then(|| Self::P256(bits.to_vec())),
            _ => None,
        };
        known.unwrap_or_else(|| Self::Other { algorithm, bits: bits.to_vec() })
    }

    /// The key bits alone: PKCS#1 for RSA, the point for an elliptic curve.
    pub fn key_bits(&self) -> Vec<u8> {
        match self {
            Self::Rsa(key) => key.to_pkcs1(),
            Self::P256(bits) | Self::Other { bits, .. } => bits.clone(),
        }
    }

    /// SHA-256 over the key bits.
    pub fn sha256(&self) -> [u8; 32] {
        sha256(&self.key_bits())
    }

    /// What it is, for a message: `RSA 2048`, `EC P-256`, or the identifier of its algorithm.
    pub fn describe(&self) -> String {
        match self {
            Self::Rsa(key) => format!("RSA {}", key.bits()),
            Self::P256(_) => "EC P-256".to_owned(),
            Self::Other { algorithm, .. } => format!("algorithm {algorithm}"),
        }
    }

    /// Verifies a signature over a message.
    pub fn verify(
        &self,
        algorithm: SignatureAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), VerifyError> {
        match (self, algorithm) {
            (Self::Rsa(key), _) => key.verify(algorithm, message, signature),
            (Self::P256(point), SignatureAlgorithm::EcdsaDer) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
                    .verify(message, signature)
                    .map_err(|_| VerifyError::Mismatch)
            }
            (Self::P256(point), SignatureAlgorithm::EcdsaFixed) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, signature)
                    .map_err(|_| VerifyError::Mismatch)
            }
            (Self::P256(_) | Self::Other { .. }, _) => Err(VerifyError::Unsuitable),
        }
    }
}

/// SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}

/// SHA-1 of some bytes: thumbprints and key identifiers, never a signature of ours.
pub(crate) fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut out = [0; 20];
    out.copy_from_slice(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_that_make_no_rsa_key_are_refused() {
        let modulus = vec![0xff; 256];
        assert!(RsaPublicKey::new(&modulus, &[1, 0, 1]).is_some());
        for exponent in [&[][..], &[0], &[1], &[0, 1], &[2], &[1, 0, 0, 0, 1]] {
            assert_eq!(RsaPublicKey::new(&modulus, exponent), None, "{exponent:?}");
        }
        assert_eq!(RsaPublicKey::new(&[], &[3]), None);
        assert_eq!(RsaPublicKey::new(&[0x80, 0], &[3]), None);
    }

    #[test]
    fn the_size_is_counted_in_bits() {
        let key = |first: u8, length: usize| {
            let mut modulus = vec![0xff; length];
            modulus[0] = first;
            RsaPublicKey::new(&modulus, &[3]).unwrap()
        };
        assert_eq!(key(0x80, 256).bits(), 2048);
        assert!(key(0x80, 256).is_of_accepted_size());
        assert_eq!(key(0x7f, 256).bits(), 2047);
        assert!(!key(0x7f, 256).is_of_accepted_size());
        assert!(key(0x80, 1024).is_of_accepted_size());
        assert!(!key(0x01, 1025).is_of_accepted_size());
    }

    #[test]
    fn an_algorithm_of_another_family_does_not_verify() {
        let rsa = RsaPublicKey::new(&[0xff; 256], &[1, 0, 1]).unwrap();
        let sign = rsa.verify(SignatureAlgorithm::ES256, b"", b"");
        assert_eq!(sign, Err(VerifyError::Unsuitable));
        let point = PublicKey::P256(vec![4; 65]);
        let sign = point.verify(SignatureAlgorithm::RS256, b"", b"");
        assert_eq!(sign, Err(VerifyError::Unsuitable));
        assert_eq!(SignatureAlgorithm::from_jose("none"), None);
        assert_eq!(SignatureAlgorithm::from_jose("HS256"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _key = PublicKey::from_spki(&bytes);
            let _key = RsaPublicKey::from_pkcs1(&bytes);
        }

        #[test]
        fn an_rsa_key_reads_back(bytes in proptest::collection::vec(any::<u8>(), 1..300)) {
            let mut modulus = bytes;
            modulus.push(1);
            let key = RsaPublicKey::new(&modulus, &[1, 0, 1]).unwrap();
            prop_assert_eq!(RsaPublicKey::from_pkcs1(&key.to_pkcs1()), Some(key.clone()));
            prop_assert_eq!(PublicKey::from_spki(&key.to_spki()), Some(PublicKey::Rsa(key)));
        }

        #[test]
        fn no_key_and_signature_panic(modulus: Vec<u8>, exponent: [u8; 3], signature: Vec<u8>) {
            if let Some(key) = RsaPublicKey::new(&modulus, &exponent) {
                prop_assert!(key.verify(SignatureAlgorithm::RS256, b"m", &signature).is_err());
            }
        }
    }
}
