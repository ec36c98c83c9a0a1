//! The encrypted answer to a request that was signed with a session key.
//!
//! A compact JWE with an empty key part and the header `{"alg":"dir","enc":"A256GCM","ctx":...}`; its content key is
//! version 1 of the KDF over `ctx`, whatever version the request used (client-roadtx.md section 6.2). Clients tell
//! the cipher by the length of the IV: twelve bytes are AES-256-GCM as the header says, sixteen are AES-256-CBC with
//! PKCS#7 and a tag that nobody checks, which is all that libhimmelblau reads. Left out: the ECDH-ES answers of
//! protocol 4.0.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_256, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use serde_json::Value;

use super::encoding::{from_either, from_url, push_url, to_standard, to_url};
use super::kdf::derive_v1;

/// The longest answer that is read, in characters.
pub const MAX_ANSWER: usize = 1024 * 1024;
const TAG: usize = 16;

/// The crypto library did not encrypt, which valid arguments give it no reason for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the crypto library refused to encrypt")]
pub struct EncryptionFailed;

/// Why an answer could not be decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// Longer than [`MAX_ANSWER`], or not five parts of base64url, or a key part that is not empty.
    #[error("not a compact JWE with a direct key")]
    NotCompact,
    /// The header is not JSON, or has no `ctx` in base64.
    #[error("the JWE header has no readable ctx")]
    NoContext,
    /// The initialization vector has neither twelve nor sixteen bytes.
    #[error("the JWE initialization vector has neither 12 nor 16 bytes")]
    Vector,
    /// Tag or padding do not fit: another key, or damage.
    #[error("the JWE does not decrypt with this session key")]
    Mismatch,
}

/// Encrypts an answer with AES-256-GCM. The context (24 bytes in real answers) and the initialization vector are the
/// caller's and must not repeat together under one session key.
pub fn encrypt(
    session_key: &[u8; 32],
    context: &[u8],
    iv: [u8; 12],
    plain: &[u8],
) -> Result<String, EncryptionFailed> {
    let mut jwe = header(context);
    let content_key = derive_v1(session_key, context);
    let (ciphertext, tag) = gcm_seal(&content_key, iv, jwe.as_bytes(), plain)?;
    push_parts(&mut jwe, &iv, &ciphertext, &tag);
    Ok(jwe)
}

/// Encrypts an answer in the older form: AES-256-CBC under the same header, with a tag of zeroes.
pub fn encrypt_cbc(
    session_key: &[u8; 32],
    context: &[u8],
    iv: [u8; 16],
    plain: &[u8],
) -> Result<String, EncryptionFailed> {
    let mut jwe = header(context);
    let content_key = derive_v1(session_key, context);
    let key = UnboundCipherKey::new(&AES_256, &content_key).map_err(|_| EncryptionFailed)?;
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).map_err(|_| EncryptionFailed)?;
    let mut ciphertext = plain.to_vec();
    key.less_safe_encrypt(&mut ciphertext, EncryptionContext::Iv128(FixedLength::from(iv)))
        .map_err(|_| EncryptionFailed)?;
    push_parts(&mut jwe, &iv, &ciphertext, &[0; TAG]);
    Ok(jwe)
}

/// Decrypts an answer in either form.
pub fn decrypt(session_key: &[u8; 32], jwe: &str) -> Result<Vec<u8>, JweError> {
    if jwe.len() > MAX_ANSWER {
        return Err(JweError::NotCompact);
    }
    let mut parts = jwe.split('.');
    let (Some(head), Some(""), Some(iv), Some(ciphertext), Some(tag), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(JweError::NotCompact);
    };
    let read = |part| from_url(part).ok_or(JweError::NotCompact);
    let (header, iv, ciphertext, tag) = (read(head)?, read(iv)?, read(ciphertext)?, read(tag)?);
    let context = serde_json::from_slice::<Value>(&header)
        .ok()
        .and_then(|header| from_either(header.get("ctx")?.as_str()?))
        .ok_or(JweError::NoContext)?;
    let content_key = derive_v1(session_key, &context);
    if let Ok(iv) = <[u8; 12]>::try_from(iv.as_slice()) {
        return gcm_open(&content_key, iv, head.as_bytes(), &[ciphertext, tag].concat())
            .ok_or(JweError::Mismatch);
    }
    let iv = <[u8; 16]>::try_from(iv.as_slice()).map_err(|_| JweError::Vector)?;
    cbc_open(&content_key, iv, ciphertext).ok_or(JweError::Mismatch)
}

fn header(context: &[u8]) -> String {
    // Base64 has no character that JSON would have to escape.
    to_url(format!(r#"{{"alg":"dir","enc":"A256GCM","ctx":"{}"}}"#, to_standard(context)))
}

fn push_parts(jwe: &mut String, iv: &[u8], ciphertext: &[u8], tag: &[u8]) {
    jwe.push('.');
    for part in [iv, ciphertext, tag] {
        jwe.push('.');
        push_url(jwe, part);
    }
}

/// AES-256-GCM: ciphertext and tag.
pub(crate) fn gcm_seal(
    key: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    plain: &[u8],
) -> Result<(Vec<u8>, [u8; TAG]), EncryptionFailed> {
    let key = UnboundKey::new(&AES_256_GCM, key).map_err(|_| EncryptionFailed)?;
    let mut ciphertext = plain.to_vec();
    let tag = LessSafeKey::new(key)
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(aad),
            &mut ciphertext,
        )
        .map_err(|_| EncryptionFailed)?;
    let tag = tag.as_ref().try_into().map_err(|_| EncryptionFailed)?;
    Ok((ciphertext, tag))
}

/// AES-256-GCM backwards, the tag at the end of the ciphertext.
pub(crate) fn gcm_open(
    key: &[u8; 32],
    nonce: [u8; 12],
    aad: &[u8],
    sealed: &[u8],
) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let mut bytes = sealed.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    let plain = key.open_in_place(nonce, Aad::from(aad), &mut bytes).ok()?.len();
    bytes.truncate(plain);
    Some(bytes)
}

fn cbc_open(key: &[u8; 32], iv: [u8; 16], mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let key = UnboundCipherKey::new(&AES_256, key).ok()?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).ok()?;
    let context = DecryptionContext::Iv128(FixedLength::from(iv));
    let plain = key.decrypt(&mut bytes, context).ok()?.len();
    bytes.truncate(plain);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::tests::golden::{counting, is_changed_by};
    use super::*;
    use proptest::prelude::*;

    // client-roadtx.md section 10; the members of its header stand in the order of ours.
    const GCM: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwiY3R4IjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVgifQ..AAECAwQFBgcICQoL.QyVMOb2MBjsM.0C7_u1l_Zy7LWzYuI1bOzQ";
    const CBC: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwiY3R4IjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVgifQ..AAECAwQFBgcICQoLDA0ODw.o5zpvECIB8VCPIMp-nl7-g.AAAAAAAAAAAAAAAAAAAAAA";
    const PLAIN: &[u8] = br#"{"a":"b"}"#;

    #[test]
    fn the_published_answers_are_written_bit_for_bit() {
        let (session, context) = (counting(), counting::<24>());
        assert_eq!(encrypt(&session, &context, counting(), PLAIN), Ok(GCM.to_owned()));
        assert_eq!(encrypt_cbc(&session, &context, counting(), PLAIN), Ok(CBC.to_owned()));
    }

    #[test]
    fn the_published_answers_decrypt() {
        assert_eq!(decrypt(&counting(), GCM).unwrap(), PLAIN);
        assert_eq!(decrypt(&counting(), CBC).unwrap(), PLAIN);
        assert_eq!(decrypt(&[0; 32], GCM), Err(JweError::Mismatch));
    }

    #[test]
    fn what_is_no_answer_is_refused_by_name() {
        let session = counting();
        assert_eq!(decrypt(&session, ""), Err(JweError::NotCompact));
        assert_eq!(decrypt(&session, "e30.AA.AA.AA.AA"), Err(JweError::NotCompact));
        assert_eq!(decrypt(&session, "e30..AA.AA.AA"), Err(JweError::NoContext));
        assert_eq!(decrypt(&session, &GCM.replace("..AAEC", "..")), Err(JweError::Vector));
    }

    proptest! {
        #[test]
        fn any_answer_comes_back(plain: Vec<u8>, key: [u8; 32], context: [u8; 24], iv: [u8; 16]) {
            let short = iv.first_chunk().copied().unwrap();
            let gcm = encrypt(&key, &context, short, &plain).unwrap();
            prop_assert_eq!(decrypt(&key, &gcm), Ok(plain.clone()));
            let cbc = encrypt_cbc(&key, &context, iv, &plain).unwrap();
            prop_assert_eq!(decrypt(&key, &cbc), Ok(plain));
        }

        #[test]
        fn no_changed_character_is_accepted(at in 0..GCM.len(), value in 0x20_u8..0x7f) {
            if let Some(changed) = is_changed_by(GCM, at, value) {
                prop_assert!(decrypt(&counting(), &changed).is_err());
            }
        }

        #[test]
        fn no_text_panics(text in "[A-Za-z0-9_.=-]{0,80}|.*") {
            let _read = decrypt(&counting(), &text);
        }
    }
}
