//! The transport key of a device, to which session keys are wrapped, and the forms it comes in.
//!
//! Windows sends a CNG public key blob (`RSA1`), Apple and Android clients a JWK (device-registration.md section 5,
//! client-roadtx.md section 4.1); both arrive as base64. A session key travels as the encrypted key of a compact JWE,
//! RSA-OAEP with SHA-1 ([MS-OAPXBC] section 3.2.5.1.2). Left out: elliptic curve transport keys of api-version 3.0.

use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use serde_json::{Value, json};

use super::encoding::{from_either, push_url, to_standard, to_url};
use super::jwe::{EncryptionFailed, gcm_seal};
use super::public_key::{PublicKey, RSA_MAX_BITS, RSA_MIN_BITS, RsaPublicKey};

/// The longest transport key that is read, in characters of base64.
pub const MAX_KEY: usize = 16 * 1024;
const BLOB_HEADER: usize = 24;

/// Why a transport key was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportKeyError {
    /// Longer than [`MAX_KEY`] characters, or not base64.
    #[error("the key is not base64 of at most {MAX_KEY} characters")]
    NotBase64,
    /// Neither a blob that begins with `RSA1` nor a JSON object.
    #[error("the key is neither an RSA1 blob nor a JWK")]
    UnknownForm,
    /// The blob's length is not what its header adds up to.
    #[error("the RSA1 blob has {actual} bytes, its header says {expected}")]
    BlobLength {
        /// The length that the header adds up to.
        expected: u64,
        /// The length that it has.
        actual: usize,
    },
    /// The blob holds primes, and so a private key.
    #[error("the RSA1 blob holds primes: a private key must not leave the device")]
    PrivateKey,
    /// The bit length in the header is not that of the modulus.
    #[error("the RSA1 blob says {stated} bits, its modulus has {actual}")]
    BlobBits {
        /// What the header says.
        stated: u32,
        /// What the modulus has.
        actual: usize,
    },
    /// A member of the JWK is missing or unreadable.
    #[error("the JWK has no readable `{0}`")]
    Jwk(&'static str),
    /// The numbers are not those of an RSA key.
    #[error("modulus and exponent make no RSA key")]
    NotRsa,
    /// The modulus is too short or too long.
    #[error("the RSA key has {0} bits, {RSA_MIN_BITS} to {RSA_MAX_BITS} are accepted")]
    Size(usize),
}

/// An RSA public key as a device hands it in: a transport key or a Windows Hello key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportKey {
    key: RsaPublicKey,
}

impl TransportKey {
    /// Reads the member `TransportKey` (or `kngc`) of a request: base64 of a blob or of a JWK, white space tolerated.
    pub fn from_base64(text: &str) -> Result<Self, TransportKeyError> {
        if text.len() > MAX_KEY {
            return Err(TransportKeyError::NotBase64);
        }
        let bytes = from_either(text).ok_or(TransportKeyError::NotBase64)?;
        if bytes.starts_with(b"RSA1") {
            return Self::from_blob(&bytes);
        }
        match serde_json::from_slice(&bytes) {
            Ok(jwk @ Value::Object(_)) => Self::from_jwk(&jwk),
            _ => Err(TransportKeyError::UnknownForm),
        }
    }

    /// Reads a CNG public key blob: six little-endian numbers (magic, bits, lengths of exponent, modulus and two
    /// primes), then exponent and modulus, big-endian.
    pub fn from_blob(blob: &[u8]) -> Result<Self, TransportKeyError> {
        let body = blob.strip_prefix(b"RSA1").ok_or(TransportKeyError::UnknownForm)?;
        let short = || TransportKeyError::BlobLength {
            expected: u64::try_from(BLOB_HEADER).unwrap_or(u64::MAX),
            actual: blob.len(),
        };
        let (header, body) = body.split_first_chunk::<20>().ok_or_else(short)?;
        let mut numbers = header.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
        let mut number = || numbers.next().unwrap_or(0);
        let (bits, exponent, modulus) = (number(), number(), number());
        if number() != 0 || number() != 0 {
            return Err(TransportKeyError::PrivateKey);
        }
        let body_length = u64::try_from(body.len()).unwrap_or(u64::MAX);
        if u64::from(exponent) + u64::from(modulus) != body_length {
            return Err(TransportKeyError::BlobLength {
                expected: 24 + u64::from(exponent) + u64::from(modulus),
                actual: blob.len(),
            });
        }
        let split = usize::try_from(exponent).map_err(|_| short())?;
        let (exponent, modulus) = body.split_at_checked(split).ok_or_else(short)?;
        let key = Self::checked(modulus, exponent)?;
        let actual = key.key.bits();
        if usize::try_from(bits) != Ok(actual) {
            return Err(TransportKeyError::BlobBits { stated: bits, actual });
        }
        Ok(key)
    }

    /// Reads an RSA JWK; `n` and `e` in base64 of either alphabet, padded or not.
    pub fn from_jwk(jwk: &Value) -> Result<Self, TransportKeyError> {
        if jwk.get("kty").and_then(Value::as_str) != Some("RSA") {
            return Err(TransportKeyError::Jwk("kty"));
        }
        let member = |name: &'static str| {
            jwk.get(name)
                .and_then(Value::as_str)
                .filter(|text| text.len() <= MAX_KEY)
                .and_then(from_either)
                .ok_or(TransportKeyError::Jwk(name))
        };
        Self::checked(&member("n")?, &member("e")?)
    }

    fn checked(modulus: &[u8], exponent: &[u8]) -> Result<Self, TransportKeyError> {
        let key = RsaPublicKey::new(modulus, exponent).ok_or(TransportKeyError::NotRsa)?;
        if key.is_of_accepted_size() {
            Ok(Self { key })
        } else {
            Err(TransportKeyError::Size(key.bits()))
        }
    }

    /// The transport key that is the same key as that of a certificate or request, when it is RSA of an accepted
    /// size.
    pub fn from_public_key(key: &PublicKey) -> Option<Self> {
        match key {
            PublicKey::Rsa(key) if key.is_of_accepted_size() => Some(Self { key: key.clone() }),
            PublicKey::Rsa(_) | PublicKey::P256(_) | PublicKey::Other { .. } => None,
        }
    }

    /// The key itself.
    pub const fn public(&self) -> &RsaPublicKey {
        &self.key
    }

    /// The key as a CNG public key blob.
    pub fn to_blob(&self) -> Vec<u8> {
        let (modulus, exponent) = (self.key.modulus(), self.key.exponent());
        let mut blob = b"RSA1".to_vec();
        for number in [self.key.bits(), exponent.len(), modulus.len(), 0, 0] {
            // No accepted key comes near four billion bits.
            blob.extend(u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
        }
        blob.extend_from_slice(exponent);
        blob.extend_from_slice(modulus);
        blob
    }

    /// The key as a JWK with base64url members.
    pub fn to_jwk(&self) -> Value {
        json!({ "kty": "RSA", "n": to_url(self.key.modulus()), "e": to_url(self.key.exponent()) })
    }

    /// The JWK in the form in which clients send it and the directory keeps it: `n` and `e` in standard base64, the
    /// JSON in base64 again.
    pub fn to_base64_jwk(&self, kid: &str) -> String {
        let jwk = json!({
            "kty": "RSA",
            "n": to_standard(self.key.modulus()),
            "e": to_standard(self.key.exponent()),
            "alg": "RS256",
            "kid": kid,
        });
        to_standard(jwk.to_string())
    }

    /// Wraps a session key: `session_key_jwe`, a compact JWE whose content encryption key is the session key. Clients
    /// take that from the second part and never look at the rest, which is a sealed empty text. Its initialization
    /// vector is all zeroes: no key encrypts a second such text. The padding is random, so no two results are alike.
    pub fn wrap(&self, session_key: &[u8; 32]) -> Result<String, EncryptionFailed> {
        let public =
            PublicEncryptingKey::from_der(&self.key.to_spki()).map_err(|_| EncryptionFailed)?;
        let public = OaepPublicEncryptingKey::new(public).map_err(|_| EncryptionFailed)?;
        let mut wrapped = vec![0; public.ciphertext_size()];
        let wrapped = public
            .encrypt(&OAEP_SHA1_MGF1SHA1, session_key, &mut wrapped, None)
            .map_err(|_| EncryptionFailed)?;
        let iv = [0; 12];
        let mut jwe = to_url(r#"{"enc":"A256GCM","alg":"RSA-OAEP"}"#);
        let (ciphertext, tag) = gcm_seal(session_key, iv, jwe.as_bytes(), &[])?;
        for part in [&*wrapped, &iv, &ciphertext, &tag] {
            jwe.push('.');
            push_url(&mut jwe, part);
        }
        Ok(jwe)
    }
}

#[cfg(test)]
mod tests {
    use super::super::encoding::{from_url, to_hex};
    use super::super::jwe::gcm_open;
    use super::super::pool::TestKey;
    use super::super::tests::golden::{self, counting};
    use super::super::tests::openssl::OpenSsl;
    use super::*;
    use proptest::prelude::*;

    fn key() -> TransportKey {
        let key = TestKey::pick(3).load().unwrap();
        TransportKey { key: key.public().clone() }
    }

    #[test]
    fn the_published_blob_reads_and_writes_back() {
        let key = TransportKey::from_base64(golden::DVRJ_TRANSPORT_KEY).unwrap();
        assert_eq!(key.public().bits(), 2048);
        let blob = key.to_blob();
        assert_eq!(Some(&blob), from_either(golden::DVRJ_TRANSPORT_KEY).as_ref());
        assert_eq!(blob.len(), 283);
        // client-roadtx.md section 4.1.
        assert_eq!(to_hex(&blob[..27]), "525341310008000003000000000100000000000000000000010001");
    }

    #[test]
    fn a_jwk_reads_in_every_alphabet() {
        let key = key();
        assert_eq!(TransportKey::from_jwk(&key.to_jwk()), Ok(key.clone()));
        assert_eq!(TransportKey::from_base64(&key.to_base64_jwk("KID")), Ok(key.clone()));
        let padded = json!({
            "kty": "RSA",
            "e": "AQAB",
            "n": format!("{}==", to_url(key.public().modulus())),
        });
        assert_eq!(TransportKey::from_jwk(&padded), Ok(key));
    }

    #[test]
    fn a_blob_that_does_not_add_up_is_refused_by_name() {
        let blob = key().to_blob();
        let changed = |at: usize, value: u8| {
            let mut blob = blob.clone();
            blob[at] = value;
            TransportKey::from_blob(&blob).unwrap_err()
        };
        assert_eq!(changed(0, b'X'), TransportKeyError::UnknownForm);
        assert_eq!(changed(5, 9), TransportKeyError::BlobBits { stated: 2304, actual: 2048 });
        assert_eq!(changed(16, 1), TransportKeyError::PrivateKey);
        assert_eq!(changed(20, 1), TransportKeyError::PrivateKey);
        assert_eq!(changed(26, 0), TransportKeyError::NotRsa);
        let length = |expected, actual| TransportKeyError::BlobLength { expected, actual };
        assert_eq!(changed(8, 4), length(284, 283));
        let short = &blob[..282];
        assert_eq!(TransportKey::from_blob(short), Err(length(283, 282)));
        let long = [&blob[..], &[0]].concat();
        assert_eq!(TransportKey::from_blob(&long), Err(length(283, 284)));
        assert_eq!(TransportKey::from_blob(b"RSA1"), Err(length(24, 4)));
    }

    #[test]
    fn a_jwk_that_is_no_rsa_key_is_refused_by_name() {
        let refused = |jwk: Value| TransportKey::from_jwk(&jwk).unwrap_err();
        assert_eq!(refused(json!({})), TransportKeyError::Jwk("kty"));
        assert_eq!(refused(json!({"kty": "EC"})), TransportKeyError::Jwk("kty"));
        assert_eq!(refused(json!({"kty": "RSA", "e": "AQAB"})), TransportKeyError::Jwk("n"));
        assert_eq!(
            refused(json!({"kty": "RSA", "n": "AQAB", "e": 1})),
            TransportKeyError::Jwk("e")
        );
        let small = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"});
        assert_eq!(refused(small), TransportKeyError::Size(17));
        let scalar = to_standard("3");
        assert_eq!(TransportKey::from_base64(&scalar), Err(TransportKeyError::UnknownForm));
        assert_eq!(TransportKey::from_base64("~"), Err(TransportKeyError::NotBase64));
    }

    #[test]
    fn openssl_unwraps_a_session_key_with_the_private_key() {
        let Some(openssl) = OpenSsl::new() else { return };
        let jwe = key().wrap(&counting()).unwrap();
        openssl.write("key", TestKey::pick(3).der());
        openssl.write("wrapped", &from_url(jwe.split('.').nth(1).unwrap()).unwrap());
        let padding = "-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha1";
        openssl.text(&format!(
            "pkeyutl -decrypt -inkey key -keyform DER {padding} -in wrapped -out session"
        ));
        assert_eq!(openssl.read("session"), counting::<32>());
    }

    #[test]
    fn a_wrapped_session_key_is_a_sound_jwe() {
        let session: [u8; 32] = counting();
        let jwe = key().wrap(&session).unwrap();
        assert_ne!(jwe, key().wrap(&session).unwrap());
        let parts: Vec<_> = jwe.split('.').collect();
        assert_eq!(parts.len(), 5);
        assert_eq!(from_url(parts[0]).unwrap(), br#"{"enc":"A256GCM","alg":"RSA-OAEP"}"#);
        let body = [from_url(parts[3]).unwrap(), from_url(parts[4]).unwrap()].concat();
        let iv = from_url(parts[2]).unwrap().try_into().unwrap();
        assert_eq!(gcm_open(&session, iv, parts[0].as_bytes(), &body), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn no_blob_panics(bytes: Vec<u8>, head: bool) {
            let blob = if head { [b"RSA1", &bytes[..]].concat() } else { bytes };
            let _read = TransportKey::from_blob(&blob);
            let _read = TransportKey::from_base64(&to_standard(&blob));
        }

        #[test]
        fn no_damaged_blob_panics(at in 0_usize..283, value: u8) {
            let mut blob = key().to_blob();
            blob[at] = value;
            if let Ok(read) = TransportKey::from_blob(&blob) {
                prop_assert_eq!(read.to_blob(), blob);
                let _wrapped = read.wrap(&[0; 32]);
            }
        }

        #[test]
        fn no_text_panics(text in ".*") {
            let _read = TransportKey::from_base64(&text);
        }
    }
}
