//! Seals small values that the server hands out and gets back: refresh tokens, codes, nonces, sign-in steps.
//!
//! A sealed value replaces a row: whoever holds the world's key can read it, nobody else can make or change it
//! (AES-256-GCM). Its text is fit for every place that clients put it, a PRT's above all: base64url and dots only,
//! with a dot in it (client-roadtx.md section 0, number 7). The kind is bound to the value, so that a code never passes
//! for a refresh token. Left out: expiry and one-time use, which the value and the directory know.

use super::encoding::{from_url, push_url};
use super::jwe::{EncryptionFailed, gcm_open, gcm_seal};

/// The longest sealed text that is opened, in characters.
pub const MAX_SEALED: usize = 64 * 1024;
const NONCE: usize = 12;

/// The sealing key of one world.
#[derive(Clone)]
pub struct Sealer {
    key: [u8; 32],
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    /// The sealer with this key.
    pub const fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// Seals a value. The text is `1.A`, the kind, a dot, and base64url of nonce, ciphertext and tag. The kind is a
    /// fixed word of letters and digits; a nonce serves one value only.
    pub fn seal(
        &self,
        kind: &'static str,
        nonce: [u8; 12],
        plain: &[u8],
    ) -> Result<String, EncryptionFailed> {
        let mut text = prefix(kind);
        let (ciphertext, tag) = gcm_seal(&self.key, nonce, text.as_bytes(), plain)?;
        push_url(&mut text, [&nonce[..], &ciphertext, &tag].concat());
        Ok(text)
    }

    /// The value behind a text of this kind, or `None` when this key did not seal it as that.
    pub fn open(&self, kind: &'static str, text: &str) -> Option<Vec<u8>> {
        let prefix = prefix(kind);
        let body = text.strip_prefix(&prefix)?;
        if text.len() > MAX_SEALED || body.ends_with('=') {
            return None;
        }
        let bytes = from_url(body)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE>()?;
        gcm_open(&self.key, *nonce, prefix.as_bytes(), sealed)
    }
}

/// Begins like the real ones, of which clients look at the first characters only.
fn prefix(kind: &str) -> String {
    format!("1.A{kind}.")
}

#[cfg(test)]
mod tests {
    use super::super::tests::golden::is_changed_by;
    use super::*;
    use proptest::prelude::*;

    const SEALER: Sealer = Sealer::new([7; 32]);

    #[test]
    fn a_sealed_value_opens_as_its_own_kind_only() {
        let text = SEALER.seal("prt", [1; 12], b"value").unwrap();
        assert_eq!(SEALER.open("prt", &text), Some(b"value".to_vec()));
        assert_eq!(SEALER.open("code", &text), None);
        assert_eq!(SEALER.open("code", &text.replace("1.Aprt.", "1.Acode.")), None);
        assert_eq!(Sealer::new([8; 32]).open("prt", &text), None);
    }

    #[test]
    fn the_text_suits_every_place_that_clients_put_it() {
        let text = SEALER.seal("prt", [0xff; 12], &[0xfb; 100]).unwrap();
        assert!(text.starts_with("1.Aprt."));
        let fit = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        assert!(text.chars().all(fit), "{text}");
    }

    #[test]
    fn what_is_too_long_is_not_opened() {
        let plain = vec![0; MAX_SEALED];
        let text = SEALER.seal("prt", [1; 12], &plain).unwrap();
        assert_eq!(SEALER.open("prt", &text), None);
    }

    proptest! {
        #[test]
        fn any_value_comes_back(plain: Vec<u8>, key: [u8; 32], nonce: [u8; 12]) {
            let sealer = Sealer::new(key);
            let text = sealer.seal("refresh", nonce, &plain).unwrap();
            prop_assert_eq!(sealer.open("refresh", &text), Some(plain));
        }

        #[test]
        fn no_changed_character_is_accepted(plain: [u8; 17], at in 0_usize..67, value in 0x20_u8..0x7f) {
            let text = SEALER.seal("code", [3; 12], &plain).unwrap();
            if let Some(changed) = is_changed_by(&text, at, value) {
                prop_assert_eq!(SEALER.open("code", &changed), None);
            }
        }

        #[test]
        fn no_text_panics(text in "(1\\.Acode\\.)?[A-Za-z0-9_=-]{0,80}|.*") {
            prop_assert_eq!(SEALER.open("code", &text), None);
        }
    }
}
