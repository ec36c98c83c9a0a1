//! A private RSA key of the server, parsed once and kept.
//!
//! Parsing and checking an RSA key costs twice what a signature costs, so whoever signs holds one of these for as long
//! as its world lives; clones share it. Signatures are PKCS#1 v1.5 and therefore the same each time, which is what
//! makes certificates and tokens of a seeded world repeatable. Left out: making keys, which needs chance.

use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};

use super::public_key::RsaPublicKey;

/// The bytes are not a private RSA key of 2048 to 8192 bits in unencrypted PKCS#8 or PKCS#1 DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a private RSA key of 2048 to 8192 bits in PKCS#8 or PKCS#1 DER")]
pub struct NotAKey;

/// The crypto library did not sign, which a key that was parsed gives it no reason for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the crypto library refused to sign")]
pub struct SigningFailed;

/// A private RSA key and its public half.
#[derive(Clone)]
pub struct RsaKey {
    pair: Arc<KeyPair>,
    public: RsaPublicKey,
}

impl std::fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RsaKey").field("bits", &self.public.bits()).finish_non_exhaustive()
    }
}

impl RsaKey {
    /// Reads an unencrypted PKCS#8 `PrivateKeyInfo` or a PKCS#1 `RSAPrivateKey`; tools write either, often under the
    /// same file name.
    pub fn from_der(der: &[u8]) -> Result<Self, NotAKey> {
        let pair =
            KeyPair::from_pkcs8(der).or_else(|_| KeyPair::from_der(der)).map_err(|_| NotAKey)?;
        let public = RsaPublicKey::from_pkcs1(pair.public_key().as_ref()).ok_or(NotAKey)?;
        Ok(Self { pair: Arc::new(pair), public })
    }

    /// Its public half.
    pub const fn public(&self) -> &RsaPublicKey {
        &self.public
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 over a message. The same message always gives the same bytes.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        let digest = digest::digest(&digest::SHA256, message);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign_digest(&RSA_PKCS1_SHA256, &digest, &mut signature)
            .map_err(|_| SigningFailed)?;
        Ok(signature)
    }
}

#[cfg(test)]
mod tests {
    use super::super::pool::TestKey;
    use super::super::public_key::SignatureAlgorithm;
    use super::super::tests::openssl::OpenSsl;
    use super::*;

    #[test]
    fn a_signature_is_the_same_each_time_and_verifies() {
        let key = TestKey::pick(0).load().unwrap();
        let signature = key.sign(b"message").unwrap();
        assert_eq!(signature, key.sign(b"message").unwrap());
        assert_eq!(key.public().verify(SignatureAlgorithm::RS256, b"message", &signature), Ok(()));
        assert!(key.public().verify(SignatureAlgorithm::RS256, b"massage", &signature).is_err());
    }

    #[test]
    fn both_forms_of_a_private_key_are_read() {
        let Some(openssl) = OpenSsl::new() else { return };
        openssl.write("key", TestKey::pick(0).der());
        openssl.text("pkcs8 -topk8 -nocrypt -in key -inform DER -out pkcs8 -outform DER");
        openssl.text("rsa -traditional -in key -inform DER -out pkcs1 -outform DER");
        let [one, other] = ["pkcs8", "pkcs1"].map(|form| openssl.read(form));
        assert_ne!(one, other);
        let [one, other] = [one, other].map(|der| RsaKey::from_der(&der).unwrap());
        assert_eq!(one.public(), other.public());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert_eq!(RsaKey::from_der(b"").unwrap_err(), NotAKey);
        assert_eq!(RsaKey::from_der(&[0x30, 0x80]).unwrap_err(), NotAKey);
    }
}
