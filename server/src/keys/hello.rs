//! Windows Hello keys ([MS-KPP] section 3.1.5.1) and the assertions signed with them.
//!
//! The key is handed in as a CNG blob (`kngc`) and is known from then on by the hash of that blob, which is the `kid`
//! of every assertion (client-roadtx.md sections 4.4 and 5.2). Left out: attestation, and certificates in place of
//! keys; what an assertion says (user, nonce, times) is judged where the directory is.

use super::encoding::to_standard;
use super::jose::{JoseError, Jws};
use super::public_key::{SignatureAlgorithm, sha256};
use super::transport::TransportKey;

/// The `kid` of the key with this blob: standard base64 of its SHA-256.
pub fn key_id(blob: &[u8]) -> String {
    to_standard(sha256(blob))
}

/// Verifies an assertion with a Hello key: RS256, and a `kid`, when there is one, that is the key's.
pub fn verify_assertion(assertion: &Jws, key: &TransportKey) -> Result<(), JoseError> {
    let named = assertion.header().kid.as_deref();
    if named.is_some_and(|kid| kid != key_id(&key.to_blob())) {
        return Err(JoseError::Signature);
    }
    assertion.expect_algorithm("RS256")?;
    key.public()
        .verify(SignatureAlgorithm::RS256, assertion.signing_input(), assertion.signature())
        .map_err(|_| JoseError::Signature)
}

#[cfg(test)]
mod tests {
    use super::super::encoding::to_url;
    use super::super::pool::TestKey;
    use super::super::public_key::PublicKey;
    use super::super::tests::golden;
    use super::*;

    fn assertion(kid: &str) -> Jws {
        let header = format!(r#"{{"alg":"RS256","typ":"JWT","kid":"{kid}","use":"ngc"}}"#);
        let signed = format!("{}.{}", to_url(header), to_url(r#"{"iss":"ann@contoso.test"}"#));
        let signature = TestKey::pick(3).load().unwrap().sign(signed.as_bytes()).unwrap();
        Jws::parse(&format!("{signed}.{}", to_url(signature))).unwrap()
    }

    fn key(n: usize) -> TransportKey {
        let key = TestKey::pick(n).load().unwrap();
        TransportKey::from_public_key(&PublicKey::Rsa(key.public().clone())).unwrap()
    }

    // The hash was taken with `base64 -d | openssl dgst -sha256 -binary | base64`.
    #[test]
    fn the_key_id_is_the_hash_of_the_blob() {
        let blob = super::super::encoding::from_either(golden::DVRJ_TRANSPORT_KEY).unwrap();
        assert_eq!(key_id(&blob), golden::DVRJ_TRANSPORT_KEY_ID);
    }

    #[test]
    fn an_assertion_verifies_with_its_own_key_only() {
        let own = key_id(&key(3).to_blob());
        assert_eq!(verify_assertion(&assertion(&own), &key(3)), Ok(()));
        assert_eq!(verify_assertion(&assertion(&own), &key(2)), Err(JoseError::Signature));
        let other = key_id(&key(2).to_blob());
        assert_eq!(verify_assertion(&assertion(&other), &key(3)), Err(JoseError::Signature));
    }
}
