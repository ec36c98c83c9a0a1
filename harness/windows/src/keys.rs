//! The RSA keys of the emulated machines: a pool of public test keys, numbers 4 to 23 of `fixtures/keys`.
//!
//! They are public on purpose: making a key costs a tenth of a second and would make runs differ. They never sign TLS for
//! a server. Each registration takes two, as Windows makes two: the device key (in the certificate) and the transport key
//! (which unwraps session keys). Here stands also the public blob of device-registration.md 5.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use serde::{Deserialize, Serialize};
use x509_parser::prelude::FromDer as _;

use crate::surroundings::Chance;

/// The number of the pool's first file.
const FIRST: u8 = 4;

const POOL: [&[u8]; 20] = [
    include_bytes!("../../../fixtures/keys/rsa-04.pk8"),
    include_bytes!("../../../fixtures/keys/rsa-05.pk8"),
    include_bytes!("../../../fixtures/keys/rsa-06.pk8"),
    include_bytes!("../../../fixtures/keys/rsa-07.pk8"),
    include_bytes!("../../../fixtures/keys/rsa-08.pk8"),
    include_bytes!("../../../fixtures/keys/rsa-09.pk8"),
    include_bytes!("../../../fixtures/keys/rsa-10.pk8"),
    include_bytes!("../../../fixtures/keys/rsa-11.pk8"),
    include_bytes!("../../../fixtures/keys/rsa-12.pk8"),
    include_bytes!("../../../fixtures/keys/rsa-13.pk8"),
    include_bytes!("../../../fixtures/keys/rsa-14.pk8"),
    include_bytes!("../../../fixtures/keys/rsa-15.pk8"),
    include_bytes!("../../../fixtures/keys/rsa-16.pk8"),
    include_bytes!("../../../fixtures/keys/rsa-17.pk8"),
    include_bytes!("../../../fixtures/keys/rsa-18.pk8"),
    include_bytes!("../../../fixtures/keys/rsa-19.pk8"),
    include_bytes!("../../../fixtures/keys/rsa-20.pk8"),
    include_bytes!("../../../fixtures/keys/rsa-21.pk8"),
    include_bytes!("../../../fixtures/keys/rsa-22.pk8"),
    include_bytes!("../../../fixtures/keys/rsa-23.pk8"),
];

/// A key of the pool could not do its work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyTrouble {
    /// The state names a key that is not there.
    #[error("the machine's state names test key {0:02}, but the pool holds 04 to 23")]
    NoSuchKey(u8),
    /// The file is not an RSA key in PKCS#8.
    #[error("test key {0:02} is not a usable RSA key")]
    Unusable(u8),
    /// The ciphertext was not made for this key.
    #[error("it was not encrypted to this machine's transport key (RSA-OAEP with SHA-1)")]
    NotForUs,
}

/// One key of the pool, by the number in its file name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct PoolKey(u8);

impl PoolKey {
    /// The whole pool in the order of the file names.
    pub(crate) fn all() -> [Self; 20] {
        let mut number = FIRST;
        [(); 20].map(|()| {
            let key = Self(number);
            number += 1;
            key
        })
    }

    /// The private key as PKCS#8 DER.
    pub(crate) fn pkcs8(self) -> Result<Vec<u8>, KeyTrouble> {
        let pair = self.pair()?;
        let der: Pkcs8V1Der<'_> = AsDer::as_der(&pair).map_err(|_| KeyTrouble::Unusable(self.0))?;
        Ok(der.as_ref().to_vec())
    }

    fn file(self) -> Result<&'static [u8], KeyTrouble> {
        self.0
            .checked_sub(FIRST)
            .and_then(|place| POOL.get(usize::from(place)).copied())
            .ok_or(KeyTrouble::NoSuchKey(self.0))
    }

    fn pair(self) -> Result<KeyPair, KeyTrouble> {
        let file = self.file()?;
        // The files are meant to be PKCS#8, but `openssl genpkey -outform DER` writes PKCS#1: both are welcome.
        KeyPair::from_pkcs8(file)
            .or_else(|_| KeyPair::from_der(file))
            .map_err(|_| KeyTrouble::Unusable(self.0))
    }

    /// The PKCS#1 v1.5 signature over the SHA-256 of `message`.
    pub(crate) fn sign(self, message: &[u8]) -> Result<Vec<u8>, KeyTrouble> {
        let pair = self.pair()?;
        let mut signature = vec![0; pair.public_modulus_len()];
        #[expect(
            clippy::disallowed_methods,
            reason = "the call wants a source of randomness; a PKCS#1 v1.5 signature takes nothing from it"
        )]
        let unused = aws_lc_rs::rand::SystemRandom::new();
        pair.sign(&RSA_PKCS1_SHA256, &unused, message, &mut signature)
            .map_err(|_| KeyTrouble::Unusable(self.0))?;
        Ok(signature)
    }

    /// Undoes RSA-OAEP with SHA-1 and MGF1-SHA-1, no label.
    pub(crate) fn unwrap(self, ciphertext: &[u8]) -> Result<Vec<u8>, KeyTrouble> {
        let unusable = |_| KeyTrouble::Unusable(self.0);
        let key = match PrivateDecryptingKey::from_pkcs8(self.file()?) {
            Ok(key) => key,
            Err(_) => PrivateDecryptingKey::from_pkcs8(&self.pkcs8()?)
                .map_err(|_| KeyTrouble::Unusable(self.0))?,
        };
        let key = OaepPrivateDecryptingKey::new(key).map_err(unusable)?;
        let mut room = vec![0; key.min_output_size()];
        let plain = key
            .decrypt(&OAEP_SHA1_MGF1SHA1, ciphertext, &mut room, None)
            .map_err(|_| KeyTrouble::NotForUs)?;
        Ok(plain.to_vec())
    }

    /// The public key as an X.509 `SubjectPublicKeyInfo`.
    pub(crate) fn subject_public_key_info(self) -> Result<Vec<u8>, KeyTrouble> {
        let pair = self.pair()?;
        let der: PublicKeyX509Der<'_> =
            pair.public_key().as_der().map_err(|_| KeyTrouble::Unusable(self.0))?;
        Ok(der.as_ref().to_vec())
    }

    /// The public key as a `BCRYPT_RSAKEY_BLOB`: `RSA1`, five little-endian numbers (bits, exponent length, modulus
    /// length, 0, 0), exponent and modulus big-endian. 283 bytes for these keys.
    pub(crate) fn public_blob(self) -> Result<Vec<u8>, KeyTrouble> {
        let unusable = || KeyTrouble::Unusable(self.0);
        let pair = self.pair()?;
        let (_, public) =
            x509_parser::public_key::RSAPublicKey::from_der(pair.public_key().as_ref())
                .map_err(|_| unusable())?;
        let without_sign = |bytes: &[u8]| -> Vec<u8> {
            bytes.iter().copied().skip_while(|byte| *byte == 0).collect()
        };
        let (exponent, modulus) = (without_sign(public.exponent), without_sign(public.modulus));
        let number = |value: usize| u32::try_from(value).map_err(|_| unusable());
        let mut blob = b"RSA1".to_vec();
        for value in [modulus.len() * 8, exponent.len(), modulus.len(), 0, 0] {
            blob.extend_from_slice(&number(value)?.to_le_bytes());
        }
        blob.extend_from_slice(&exponent);
        blob.extend_from_slice(&modulus);
        Ok(blob)
    }
}

/// Which keys of the pool one computer room has handed out, so that no key is repeated while another is free.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyBoard {
    taken: Arc<Mutex<[u32; 20]>>,
}

impl KeyBoard {
    /// Hands out one of the keys that were handed out least often, chosen by `stream`.
    pub(crate) fn take(&self, chance: &dyn Chance, stream: &str) -> PoolKey {
        let mut drawn = [0_u8; 8];
        chance.fill(stream, &mut drawn);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let least = taken.iter().copied().min().unwrap_or(0);
        let free = taken.iter().filter(|count| **count == least).count();
        let free = u64::try_from(free).unwrap_or(1).max(1);
        // The remainder is below 20, so it fits.
        let pick = usize::try_from(u64::from_le_bytes(drawn) % free).unwrap_or(0);
        let mut candidates =
            PoolKey::all().into_iter().zip(taken.iter_mut()).filter(|(_, count)| **count == least);
        candidates.nth(pick).map_or(PoolKey(FIRST), |(key, count)| {
            *count = count.saturating_add(1);
            key
        })
    }

    /// Notes that a machine brought back from a snapshot holds `key`.
    pub(crate) fn note(&self, key: PoolKey) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let place = key.0.checked_sub(FIRST).map(usize::from);
        if let Some(count) = place.and_then(|place| taken.get_mut(place)) {
            *count = count.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    struct Bytes(u8);
    impl Chance for Bytes {
        fn fill(&self, _stream: &str, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    #[test]
    fn no_key_is_repeated_while_another_is_free() {
        for byte in [0, 7, 255] {
            let board = KeyBoard::default();
            let first: BTreeSet<PoolKey> =
                (0..20).map(|_| board.take(&Bytes(byte), "keys")).collect();
            assert_eq!(first.len(), 20);
            let second: BTreeSet<PoolKey> =
                (0..20).map(|_| board.take(&Bytes(byte), "keys")).collect();
            assert_eq!(second.len(), 20);
        }
    }

    #[test]
    fn a_noted_key_is_not_handed_out_before_the_free_ones() {
        let board = KeyBoard::default();
        board.note(PoolKey(9));
        let taken: BTreeSet<PoolKey> = (0..19).map(|_| board.take(&Bytes(3), "keys")).collect();
        assert!(!taken.contains(&PoolKey(9)));
        assert_eq!(taken.len(), 19);
    }

    #[test]
    fn the_public_blob_has_the_published_header() {
        for key in PoolKey::all() {
            let blob = key.public_blob().unwrap();
            assert_eq!(blob.len(), 283);
            let header = [
                0x52, 0x53, 0x41, 0x31, 0x00, 0x08, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x01,
                0x00, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x00, 0x01,
            ];
            assert_eq!(blob[..27], header);
        }
    }

    #[test]
    fn what_another_writer_encrypts_is_unwrapped_and_the_wrong_key_is_refused() {
        use aws_lc_rs::rsa::{OaepPublicEncryptingKey, PublicEncryptingKey};
        let [ours, other, ..] = PoolKey::all();
        let public =
            PublicEncryptingKey::from_der(&ours.subject_public_key_info().unwrap()).unwrap();
        let public = OaepPublicEncryptingKey::new(public).unwrap();
        let mut room = vec![0; public.ciphertext_size()];
        let sealed = public.encrypt(&OAEP_SHA1_MGF1SHA1, &[7; 32], &mut room, None).unwrap();
        assert_eq!(ours.unwrap(sealed).unwrap(), vec![7; 32]);
        assert_eq!(other.unwrap(sealed), Err(KeyTrouble::NotForUs));
        assert_eq!(ours.unwrap(&[]), Err(KeyTrouble::NotForUs));
    }

    #[test]
    fn a_state_with_a_key_outside_the_pool_is_told_so() {
        assert_eq!(PoolKey(3).pkcs8(), Err(KeyTrouble::NoSuchKey(3)));
        assert_eq!(PoolKey(24).sign(b"x"), Err(KeyTrouble::NoSuchKey(24)));
    }
}
