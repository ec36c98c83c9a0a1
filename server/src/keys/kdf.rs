//! Derives the one-time keys of a session key: SP 800-108 in counter mode with HMAC-SHA-256.
//!
//! [MS-OAPXBC] section 3.1.5.1.3 and device-registration.md section 7: label `AzureAD-SecureConversation`, one block
//! of 256 bits. Version 1 takes the `ctx` of the JOSE header as context, version 2 the SHA-256 of `ctx` and the
//! payload exactly as it was sent. Requests say which by `kdf_ver`; replies always use version 1. Left out: any other
//! length.

use aws_lc_rs::hmac;

use super::public_key::sha256;

/// The version that a JOSE header asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KdfVersion {
    /// No `kdf_ver`, or 1: the context is `ctx`.
    V1,
    /// `kdf_ver` 2: the context binds the payload.
    V2,
}

/// Version 1: the key for this context.
pub fn derive_v1(session_key: &[u8], context: &[u8]) -> [u8; 32] {
    let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, session_key));
    mac.update(&1_u32.to_be_bytes());
    mac.update(b"AzureAD-SecureConversation");
    mac.update(&[0]);
    mac.update(context);
    mac.update(&256_u32.to_be_bytes());
    let mut key = [0; 32];
    key.copy_from_slice(mac.sign().as_ref());
    key
}

/// Version 2: the key for this context and these payload bytes.
pub fn derive_v2(session_key: &[u8], context: &[u8], payload: &[u8]) -> [u8; 32] {
    derive_v1(session_key, &sha256(&[context, payload].concat()))
}

/// The key of a request: by its version, its `ctx` and its payload as sent.
pub fn derive(version: KdfVersion, session_key: &[u8], context: &[u8], payload: &[u8]) -> [u8; 32] {
    match version {
        KdfVersion::V1 => derive_v1(session_key, context),
        KdfVersion::V2 => derive_v2(session_key, context, payload),
    }
}

#[cfg(test)]
mod tests {
    use super::super::encoding::to_hex;
    use super::super::tests::golden::{counting, counting_from};
    use super::*;

    // device-registration.md section 14, number 1.
    #[test]
    fn the_first_published_vector_holds() {
        let context: [u8; 24] = counting_from(0x64);
        let session: [u8; 32] = counting();
        assert_eq!(
            to_hex(derive_v1(&session, &context)),
            "fd86b1821bd2effa68009dee12e23d90b6889712dc9ec3a625075817ca47f47a"
        );
        assert_eq!(
            to_hex(derive_v2(&session, &context, br#"{"a":1}"#)),
            "85bfc059e2dfb0a2245530ebe8db6d448d86e43c84f97f53294f6e3180958f93"
        );
    }

    // client-roadtx.md section 10.
    #[test]
    fn the_vector_of_an_unmodified_client_holds() {
        let context: [u8; 24] = counting();
        let session: [u8; 32] = counting();
        let payload = br#"{"a":"b"}"#;
        assert_eq!(
            to_hex(derive(KdfVersion::V1, &session, &context, payload)),
            "70296b4334bf08f7bc6953575e6b6c18959dbcad6adb263fb625939d099456b3"
        );
        assert_eq!(
            to_hex(derive(KdfVersion::V2, &session, &context, payload)),
            "de2a6c8ddae2965cd78f04e8d30317843472d5ce9969e16ce7ad0d5cd79cc666"
        );
    }
}
