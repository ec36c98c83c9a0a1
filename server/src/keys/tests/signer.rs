//! Tokens, read back by their signer and by an independent reader.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::golden::is_changed_by;
use super::openssl::OpenSsl;
use crate::keys::encoding::{from_either, from_url, to_url};
use crate::keys::pool::TestKey;
use crate::keys::signer::{TokenError, TokenSigner};

const NAME: &str = "accounts.accesscontrol.windows.net";

fn signer(n: usize) -> TokenSigner {
    TokenSigner::new(TestKey::pick(n).load().unwrap(), NAME).unwrap()
}

#[test]
fn a_token_that_is_shown_again_reads_the_same_and_a_changed_one_is_refused_all_the_same() {
    let signer = signer(0);
    for n in 0..200 {
        let token = signer.sign_jwt(&json!({ "n": n })).unwrap();
        for _ in 0..2 {
            assert_eq!(signer.verify(&token).unwrap()["n"], n);
        }
        let changed = token.replacen("eyJuI", "eyJtI", 1);
        assert_ne!(changed, token);
        assert_eq!(signer.verify(&changed), Err(TokenError::Signature));
    }
}

#[test]
fn a_token_reads_back_with_its_claims_in_order() {
    let signer = signer(0);
    let claims = json!({"tid": "b", "aud": "a", "amr": ["pwd"], "exp": 1});
    for token in [signer.sign_jwt(&claims).unwrap(), signer.sign_jwt_v1(&claims).unwrap()] {
        assert_eq!(Value::Object(signer.verify(&token).unwrap().as_ref().clone()), claims);
    }
    assert_eq!(signer.sign_jwt(&claims).unwrap(), signer.sign_jwt(&claims).unwrap());
}

#[test]
fn the_header_has_the_members_of_its_version() {
    let signer = signer(0);
    let header = |token: String| -> Map<String, Value> {
        serde_json::from_slice(&from_url(token.split('.').next().unwrap()).unwrap()).unwrap()
    };
    let kid = signer.kid();
    let v2 = header(signer.sign_jwt(&json!({})).unwrap());
    assert_eq!(Value::Object(v2), json!({"typ": "JWT", "alg": "RS256", "kid": kid}));
    let v1 = header(signer.sign_jwt_v1(&json!({})).unwrap());
    assert_eq!(Value::Object(v1), json!({"typ": "JWT", "alg": "RS256", "x5t": kid, "kid": kid}));
}

#[test]
fn an_independent_reader_verifies_a_token_by_the_published_key() {
    let signer = signer(0);
    let keys: JwkSet = serde_json::from_value(json!({"keys": [signer.jwk()]})).unwrap();
    let token = signer.sign_jwt(&json!({"aud": "a", "exp": 4_000_000_000_i64})).unwrap();
    let kid = decode_header(&token).unwrap().kid.unwrap();
    let key = DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap();
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_audience(&["a"]);
    let claims = decode::<Value>(&token, &key, &rules).unwrap().claims;
    assert_eq!(claims["aud"], "a");
}

#[test]
fn openssl_reads_the_certificate_and_its_thumbprint_is_the_key_id() {
    let Some(openssl) = OpenSsl::new() else { return };
    let signer = signer(0);
    let jwk = signer.jwk();
    let certificate = from_either(jwk["x5c"][0].as_str().unwrap()).unwrap();
    assert_eq!(certificate, signer.certificate());
    openssl.write("cert", &certificate);
    let text = openssl.text("x509 -inform DER -in cert -noout -subject -fingerprint -sha1");
    assert!(text.contains(&format!("CN = {NAME}")), "{text}");
    assert!(text.replace(':', "").contains(&signer.thumbprint().to_string()), "{text}");
    assert_eq!(signer.kid(), to_url(signer.thumbprint().as_bytes()));
    openssl.text("x509 -inform DER -in cert -out pem");
    openssl.text("verify -check_ss_sig -CAfile pem pem");
}

#[test]
fn a_token_of_anybody_else_is_refused_by_name() {
    let token = signer(2).sign_jwt(&json!({})).unwrap();
    let other = signer(2).kid().to_owned();
    assert_eq!(signer(0).verify(&token), Err(TokenError::UnknownKey(other)));
    let crafted = |header: &str| {
        let input = format!("{}.e30", to_url(header));
        let signature = signer(2).sign(input.as_bytes()).unwrap();
        signer(0).verify(&format!("{input}.{}", to_url(signature))).unwrap_err()
    };
    assert_eq!(crafted(r#"{"alg":"RS256"}"#), TokenError::Signature);
    assert_eq!(crafted(r#"{"alg":"none"}"#), TokenError::Algorithm("none".to_owned()));
    assert_eq!(crafted(r#"{"alg":"HS256"}"#), TokenError::Algorithm("HS256".to_owned()));
    assert_eq!(crafted("{}"), TokenError::Header);
    assert_eq!(crafted("7"), TokenError::Header);
}

#[test]
fn what_is_no_token_is_refused_by_name() {
    for text in ["", "a", "a.b", "~.~.~"] {
        assert_eq!(signer(0).verify(text), Err(TokenError::NotCompact), "{text}");
    }
    let no_object = signer(0).sign_jwt(&json!(7)).unwrap();
    assert_eq!(signer(0).verify(&no_object), Err(TokenError::Payload));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_changed_character_is_accepted(at in 0_usize..440, value in 0x21_u8..0x7f) {
        let signer = signer(0);
        let token = signer.sign_jwt(&json!({"aud": "a"})).unwrap();
        if let Some(changed) = is_changed_by(&token, at, value) {
            prop_assert!(signer.verify(&changed).is_err(), "{}", changed);
        }
    }

    #[test]
    fn no_text_panics(text in "[A-Za-z0-9_.=-]{0,80}|.*") {
        prop_assert!(signer(0).verify(&text).is_err());
    }
}
