//! The signed requests and sealed replies of the primary refresh token (device-registration.md 7, client-roadtx.md 5, 6).
//!
//! Requests signed by the device key carry its certificate as one base64 string in `x5c`; requests signed by the session
//! key use the second derivation (`kdf_ver` 2), which binds the payload bytes. Replies use the first derivation. Headers of
//! replies are read for `ctx` only, as real clients do.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_256, AES_CBC_IV_LEN, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Value, json};

use crate::keys::{KeyTrouble, PoolKey};

/// The length of a session key in bytes.
pub(crate) const SESSION_KEY: usize = 32;

const LABEL: &[u8] = b"AzureAD-SecureConversation";

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Why a sealed reply or a wrapped key could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Sealed {
    /// Not five parts with dots between them.
    #[error("it is not a compact JWE: it has {0} parts, not 5")]
    Parts(usize),
    /// A part is not base64url.
    #[error("its {0} is not base64url")]
    Base64(&'static str),
    /// The header is not JSON or has no usable `ctx`.
    #[error("its header has no ctx")]
    NoContext,
    /// The cipher refused.
    #[error("it does not open with this session key")]
    WrongKey,
    /// The session key has another length than 32 bytes.
    #[error("the session key inside has {0} bytes, not 32")]
    KeyLength(usize),
    /// Our private key refused.
    #[error(transparent)]
    Key(#[from] KeyTrouble),
}

/// Decodes base64 in either alphabet, with or without padding and line breaks.
pub(crate) fn base64_lenient(text: &str) -> Option<Vec<u8>> {
    let plain: String = text
        .chars()
        .filter(|letter| !letter.is_ascii_whitespace())
        .map(|letter| match letter {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    LENIENT.decode(plain).ok()
}

/// SP 800-108 in counter mode with HMAC-SHA256, one block: the key for one message.
pub(crate) fn derive(session_key: &[u8], context: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, session_key);
    let mut signer = hmac::Context::with_key(&key);
    for part in [&1_u32.to_be_bytes()[..], LABEL, &[0], context, &256_u32.to_be_bytes()] {
        signer.update(part);
    }
    signer.sign().as_ref().to_vec()
}

/// The context of the second derivation: the SHA-256 of `ctx` followed by the payload bytes exactly as sent.
pub(crate) fn second_context(ctx: &[u8], payload: &[u8]) -> Vec<u8> {
    digest(&SHA256, &[ctx, payload].concat()).as_ref().to_vec()
}

fn signing_input(header: &Value, payload: &[u8]) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(payload))
}

/// A request signed by the session key: HS256 with `ctx` (24 random bytes) and `kdf_ver` 2.
pub(crate) fn signed_by_session(session_key: &[u8], ctx: &[u8], payload: &Value) -> String {
    let header = json!({ "alg": "HS256", "ctx": STANDARD.encode(ctx), "kdf_ver": 2, "typ": "JWT" });
    let payload = payload.to_string();
    let input = signing_input(&header, payload.as_bytes());
    let key = derive(session_key, &second_context(ctx, payload.as_bytes()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// A request signed by the device key: RS256, the certificate (DER) as one base64 string in `x5c`.
pub(crate) fn signed_by_device(
    key: PoolKey,
    certificate: &[u8],
    payload: &Value,
) -> Result<String, KeyTrouble> {
    let header = json!({
        "alg": "RS256", "kdf_ver": 2, "typ": "JWT", "x5c": STANDARD.encode(certificate),
    });
    let input = signing_input(&header, payload.to_string().as_bytes());
    let signature = key.sign(input.as_bytes())?;
    Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

fn five_parts(text: &str) -> Result<[&str; 5], Sealed> {
    let parts: Vec<&str> = text.trim().split('.').collect();
    <[&str; 5]>::try_from(parts).map_err(|parts| Sealed::Parts(parts.len()))
}

/// Unwraps the session key of a primary refresh token: only the encrypted-key part of `session_key_jwe` counts.
pub(crate) fn session_key(jwe: &str, transport_key: PoolKey) -> Result<Vec<u8>, Sealed> {
    let [_, wrapped, ..] = five_parts(jwe)?;
    let wrapped = base64_lenient(wrapped).ok_or(Sealed::Base64("encrypted key"))?;
    let key = transport_key.unwrap(&wrapped)?;
    if key.len() == SESSION_KEY { Ok(key) } else { Err(Sealed::KeyLength(key.len())) }
}

/// Opens a reply sealed with the session key. An initialisation vector of 12 bytes means AES-256-GCM, any other
/// AES-256-CBC whose tag nobody checks.
pub(crate) fn open_reply(jwe: &str, session_key: &[u8]) -> Result<Vec<u8>, Sealed> {
    let [header, _, iv, ciphertext, tag] = five_parts(jwe)?;
    let fields = base64_lenient(header).ok_or(Sealed::Base64("header"))?;
    let fields: Value = serde_json::from_slice(&fields).map_err(|_| Sealed::NoContext)?;
    let ctx = fields.get("ctx").and_then(Value::as_str).and_then(base64_lenient);
    let key = derive(session_key, &ctx.ok_or(Sealed::NoContext)?);
    let iv = base64_lenient(iv).ok_or(Sealed::Base64("initialisation vector"))?;
    let mut text = base64_lenient(ciphertext).ok_or(Sealed::Base64("ciphertext"))?;
    if let Ok(nonce) = Nonce::try_assume_unique_for_key(&iv) {
        text.extend(base64_lenient(tag).ok_or(Sealed::Base64("tag"))?);
        let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| Sealed::WrongKey)?;
        let plain = LessSafeKey::new(key)
            .open_in_place(nonce, Aad::from(header.as_bytes()), &mut text)
            .map_err(|_| Sealed::WrongKey)?;
        return Ok(plain.to_vec());
    }
    let iv = <[u8; AES_CBC_IV_LEN]>::try_from(iv).map_err(|_| Sealed::WrongKey)?;
    let key = UnboundCipherKey::new(&AES_256, &key).map_err(|_| Sealed::WrongKey)?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(|_| Sealed::WrongKey)?;
    let plain = key
        .decrypt(&mut text, DecryptionContext::Iv128(iv.into()))
        .map_err(|_| Sealed::WrongKey)?;
    Ok(plain.to_vec())
}

/// The claims of a token, unverified: a client may look into its own tokens but has no say in them.
pub(crate) fn claims(token: &str) -> Option<Value> {
    let payload = base64_lenient(token.split('.').nth(1)?)?;
    serde_json::from_slice::<Value>(&payload).ok().filter(Value::is_object)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::surroundings::hex_upper;

    fn counting(length: u8) -> Vec<u8> {
        (0..length).collect()
    }

    // device-registration.md section 14 and client-roadtx.md section 10: made by other implementations.
    #[test]
    fn derivations_equal_the_published_vectors() {
        let key = counting(32);
        let ctx: Vec<u8> = (0x64..=0x7b).collect();
        assert_eq!(
            hex_upper(&derive(&key, &ctx)).to_lowercase(),
            "fd86b1821bd2effa68009dee12e23d90b6889712dc9ec3a625075817ca47f47a"
        );
        let second = second_context(&ctx, br#"{"a":1}"#);
        assert_eq!(
            hex_upper(&second).to_lowercase(),
            "4ebe39411fd8e4352dc14f073478c42afb773648e0101ce68ecb67e7f164ef48"
        );
        assert_eq!(
            hex_upper(&derive(&key, &second)).to_lowercase(),
            "85bfc059e2dfb0a2245530ebe8db6d448d86e43c84f97f53294f6e3180958f93"
        );
        assert_eq!(
            hex_upper(&derive(&key, &counting(24))).to_lowercase(),
            "70296b4334bf08f7bc6953575e6b6c18959dbcad6adb263fb625939d099456b3"
        );
        assert_eq!(
            hex_upper(&derive(&key, &second_context(&counting(24), br#"{"a":"b"}"#)))
                .to_lowercase(),
            "de2a6c8ddae2965cd78f04e8d30317843472d5ce9969e16ce7ad0d5cd79cc666"
        );
    }

    #[test]
    fn a_request_signed_by_the_session_equals_the_published_one() {
        assert_eq!(
            signed_by_session(&counting(32), &counting(24), &json!({ "a": "b" })),
            "eyJhbGciOiJIUzI1NiIsImN0eCI6IkFBRUNBd1FGQmdjSUNRb0xEQTBPRHhBUkVoTVVGUllYIiwia2RmX3ZlciI6MiwidHlwIjoiSldUIn0.eyJhIjoiYiJ9.ZdKjww3fRZFhvdIbPbwSoMmROGwNzTMVgeiWRtcpTRA"
        );
    }

    const HEADER: &str = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwiY3R4IjoiQUFFQ0F3UUZCZ2NJQ1FvTERBME9EeEFSRWhNVUZSWVgifQ";

    #[test]
    fn published_replies_open_with_both_ciphers() {
        let cbc = format!(
            "{HEADER}..AAECAwQFBgcICQoLDA0ODw.o5zpvECIB8VCPIMp-nl7-g.AAAAAAAAAAAAAAAAAAAAAA"
        );
        let gcm = format!("{HEADER}..AAECAwQFBgcICQoL.QyVMOb2MBjsM.0C7_u1l_Zy7LWzYuI1bOzQ");
        for reply in [cbc, gcm] {
            assert_eq!(open_reply(&reply, &counting(32)).unwrap(), br#"{"a":"b"}"#);
        }
    }

    #[test]
    fn a_sealed_reply_that_was_touched_does_not_open() {
        let touched = format!("{HEADER}..AAECAwQFBgcICQoL.QyVMOb2MBjsN.0C7_u1l_Zy7LWzYuI1bOzQ");
        assert_eq!(open_reply(&touched, &counting(32)), Err(Sealed::WrongKey));
        assert_eq!(open_reply("a.b", &[]), Err(Sealed::Parts(2)));
        assert_eq!(open_reply("e30....", &[]), Err(Sealed::NoContext));
        let short_iv = format!("{HEADER}..AAEC.QyVMOb2MBjsN.");
        assert_eq!(open_reply(&short_iv, &counting(32)), Err(Sealed::WrongKey));
    }

    #[test]
    fn a_request_signed_by_the_device_verifies_with_the_public_key() {
        use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
        let key = PoolKey::all()[1];
        let token = signed_by_device(key, b"certificate", &json!({ "a": "b" })).unwrap();
        let (input, signature) = token.rsplit_once('.').unwrap();
        let spki = key.subject_public_key_info().unwrap();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, spki)
            .verify(input.as_bytes(), &base64_lenient(signature).unwrap())
            .unwrap();
        let header = base64_lenient(input.split('.').next().unwrap()).unwrap();
        assert_eq!(
            String::from_utf8(header).unwrap(),
            r#"{"alg":"RS256","kdf_ver":2,"typ":"JWT","x5c":"Y2VydGlmaWNhdGU="}"#
        );
    }

    proptest! {
        #[test]
        fn opening_never_panics(text in ".{0,200}", parts in proptest::collection::vec("[A-Za-z0-9_-]{0,40}", 0..7)) {
            drop(open_reply(&text, &counting(32)));
            drop(open_reply(&parts.join("."), &counting(32)));
            drop(open_reply(&format!("{HEADER}.{}", parts.join(".")), &counting(32)));
            drop(session_key(&parts.join("."), PoolKey::all()[0]));
            drop(claims(&text));
            drop(claims(&parts.join(".")));
        }
    }
}
