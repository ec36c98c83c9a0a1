//! JWS as unmodified clients send them, and damaged ones.

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PSS_SHA256,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::golden::{self, counting, is_changed_by};
use crate::keys::device_ca::DeviceCa;
use crate::keys::encoding::{from_either, to_standard, to_url};
use crate::keys::jose::{JoseError, Jws, MAX_CHAIN, MAX_JWS, deserialize_seconds, integer};
use crate::keys::kdf::KdfVersion;
use crate::keys::pool::TestKey;
use crate::keys::public_key::PublicKey;

// client-roadtx.md section 10: session key 00..1f, ctx 00..17.
const V2: &str = "eyJhbGciOiJIUzI1NiIsImN0eCI6IkFBRUNBd1FGQmdjSUNRb0xEQTBPRHhBUkVoTVVGUllYIiwia2RmX3ZlciI6MiwidHlwIjoiSldUIn0.eyJhIjoiYiJ9.ZdKjww3fRZFhvdIbPbwSoMmROGwNzTMVgeiWRtcpTRA";
const V1: &str = "eyJhbGciOiJIUzI1NiIsImN0eCI6IkFBRUNBd1FGQmdjSUNRb0xEQTBPRHhBUkVoTVVGUllYIiwidHlwIjoiSldUIn0.eyJhIjoiYiJ9.9WZEsVPc-wHQYvf7OCSV5VXTKTgh-Lrx2kDS1b8KB1s";

fn signed(header: &Value, payload: &str) -> String {
    let input = format!("{}.{}", to_url(header.to_string()), to_url(payload));
    let signature = TestKey::pick(3).load().unwrap().sign(input.as_bytes()).unwrap();
    format!("{input}.{}", to_url(signature))
}

fn key() -> PublicKey {
    PublicKey::Rsa(TestKey::pick(3).load().unwrap().public().clone())
}

fn header(header: &Value) -> Result<Jws, JoseError> {
    Jws::parse(&format!("{}.e30.", to_url(header.to_string())))
}

#[test]
fn the_published_requests_verify_with_their_session_key() {
    for (text, version) in [(V2, KdfVersion::V2), (V1, KdfVersion::V1)] {
        let jws = Jws::parse(text).unwrap();
        assert_eq!(jws.header().kdf_version(), Ok(version));
        assert_eq!(jws.header().ctx, Some(counting::<24>().to_vec()));
        assert_eq!(jws.payload(), br#"{"a":"b"}"#);
        assert_eq!(jws.verify_with_session_key(&counting()), Ok(()));
        assert_eq!(jws.verify_with_session_key(&[0; 32]), Err(JoseError::Signature));
    }
}

#[test]
fn x5c_is_read_as_string_and_as_array_with_line_breaks() {
    let der = from_either(golden::DVRJ_CERTIFICATE).unwrap();
    for x5c in [
        json!(to_standard(&der)),
        json!([to_standard(&der)]),
        json!(golden::DVRJ_CERTIFICATE),
        json!([golden::DVRJ_CERTIFICATE.replace('\n', "\r\n")]),
    ] {
        let jws = Jws::parse(&signed(
            &json!({"alg": "RS256", "kdf_ver": 2, "typ": "JWT", "x5c": x5c}),
            "{}",
        ));
        assert_eq!(jws.unwrap().header().x5c, std::slice::from_ref(&der));
    }
    assert!(header(&json!({"alg": "RS256", "x5c": null})).unwrap().header().x5c.is_empty());
    for x5c in [json!(1), json!(["~"]), json!([1]), json!([""]), json!(vec!["AA"; MAX_CHAIN + 1])] {
        assert_eq!(header(&json!({"alg": "RS256", "x5c": x5c})), Err(JoseError::Member("x5c")));
    }
}

#[test]
fn rs256_verifies_with_its_own_key_only_and_over_what_was_sent() {
    let jws = Jws::parse(&signed(&json!({"alg": "RS256"}), " { \"a\" : 1 } ")).unwrap();
    assert_eq!(jws.payload(), b" { \"a\" : 1 } ");
    assert_eq!(jws.payload_json::<Value>(), Ok(json!({"a": 1})));
    assert_eq!(jws.verify_rs256(&key()), Ok(()));
    assert_eq!(jws.verify(&key()), Ok(()));
    assert_eq!(jws.verify_es256(&key()), Err(JoseError::Algorithm("RS256".to_owned())));
    let other = PublicKey::Rsa(TestKey::pick(2).load().unwrap().public().clone());
    assert_eq!(jws.verify_rs256(&other), Err(JoseError::Signature));
}

#[test]
fn es256_verifies() {
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pair = EcdsaKeyPair::generate(algorithm).unwrap();
    let input = format!("{}.e30", to_url(r#"{"alg":"ES256"}"#));
    let signature = pair.sign(&SystemRandom::default(), input.as_bytes()).unwrap();
    let jws = Jws::parse(&format!("{input}.{}", to_url(signature))).unwrap();
    let key = PublicKey::P256(pair.public_key().as_ref().to_vec());
    assert_eq!(jws.verify_es256(&key), Ok(()));
    assert_eq!(jws.verify(&key), Ok(()));
}

#[test]
fn ps256_of_a_client_assertion_verifies() {
    let der = TestKey::pick(3).der();
    let pair = KeyPair::from_pkcs8(der).or_else(|_| KeyPair::from_der(der)).unwrap();
    let input = format!("{}.e30", to_url(r#"{"alg":"PS256"}"#));
    let mut signature = vec![0; pair.public_modulus_len()];
    let digest = digest::digest(&digest::SHA256, input.as_bytes());
    pair.sign_digest(&RSA_PSS_SHA256, &digest, &mut signature).unwrap();
    let jws = Jws::parse(&format!("{input}.{}", to_url(signature))).unwrap();
    assert_eq!(jws.verify(&key()), Ok(()));
    assert_eq!(jws.verify_rs256(&key()), Err(JoseError::Algorithm("PS256".to_owned())));
}

#[test]
fn a_request_verifies_with_the_certificate_that_it_brings() {
    let ca = DeviceCa::new(TestKey::pick(3).load().unwrap()).unwrap();
    let own = json!({"alg": "RS256", "x5c": to_standard(ca.certificate())});
    let jws = Jws::parse(&signed(&own, "{}")).unwrap();
    assert_eq!(jws.verify_with_own_certificate().unwrap().der, ca.certificate());
    let other = json!({"alg": "RS256", "x5c": golden::DVRJ_CERTIFICATE});
    let jws = Jws::parse(&signed(&other, "{}")).unwrap();
    assert_eq!(jws.verify_with_own_certificate(), Err(JoseError::Signature));
    for x5c in [Value::Null, json!([]), json!("AAEC")] {
        let jws = Jws::parse(&signed(&json!({"alg": "RS256", "x5c": x5c}), "{}")).unwrap();
        assert_eq!(jws.verify_with_own_certificate(), Err(JoseError::Member("x5c")));
    }
}

#[test]
fn no_other_algorithm_passes_for_a_signature() {
    for alg in ["none", "HS256", "RS1", "rs256", ""] {
        let jws = Jws::parse(&signed(&json!({ "alg": alg }), "{}")).unwrap();
        assert_eq!(jws.verify(&key()), Err(JoseError::Algorithm(alg.to_owned())));
        assert_eq!(jws.verify_rs256(&key()), Err(JoseError::Algorithm(alg.to_owned())));
    }
    let unsigned = header(&json!({"alg": "none"})).unwrap();
    assert_eq!(unsigned.verify_hs256(&[0; 32]), Err(JoseError::Algorithm("none".to_owned())));
    let es = Jws::parse(&signed(&json!({"alg": "ES256"}), "{}")).unwrap();
    assert_eq!(es.verify(&key()), Err(JoseError::Algorithm("ES256".to_owned())), "an RSA key");
}

#[test]
fn unknown_members_and_nulls_are_ignored_and_wrong_types_are_named() {
    let known =
        json!({"alg": "RS256", "kid": null, "use": "ngc", "nope": {"a": []}, "x5t": "AAEC=="});
    let known = header(&json!({"x": 1, "y": known})).unwrap_err();
    assert_eq!(known, JoseError::Member("alg"));
    let read =
        header(&json!({"alg": "RS256", "kid": null, "use": "ngc", "nope": {}, "x5t": "AAEC"}));
    let read = read.unwrap();
    assert_eq!(read.header().kid, None);
    assert_eq!(read.header().key_use.as_deref(), Some("ngc"));
    assert_eq!(read.header().x5t, Some(vec![0, 1, 2]));
    for name in ["typ", "kid", "use", "x5t", "x5t#S256", "ctx"] {
        let wrong = header(&json!({"alg": "RS256", name: 1}));
        assert_eq!(wrong, Err(JoseError::Member(name)));
    }
}

#[test]
fn the_kdf_version_is_a_number_or_a_string_and_one_or_two() {
    let version = |value: Value| {
        header(&json!({"alg": "HS256", "kdf_ver": value})).unwrap().header().kdf_version()
    };
    assert_eq!(version(Value::Null), Ok(KdfVersion::V1));
    assert_eq!(version(json!(1)), Ok(KdfVersion::V1));
    assert_eq!(version(json!("2")), Ok(KdfVersion::V2));
    assert_eq!(version(json!(3)), Err(JoseError::KdfVersion(3)));
    assert_eq!(version(json!(0)), Err(JoseError::KdfVersion(0)));
    let wrong = header(&json!({"alg": "HS256", "kdf_ver": []}));
    assert_eq!(wrong, Err(JoseError::Member("kdf_ver")));
}

#[test]
fn times_come_as_numbers_or_strings() {
    #[derive(serde::Deserialize)]
    struct Times {
        #[serde(default, deserialize_with = "deserialize_seconds")]
        iat: Option<i64>,
    }
    let iat = |json: &str| serde_json::from_str::<Times>(json).map(|times| times.iat).ok();
    assert_eq!(iat("{}"), Some(None));
    assert_eq!(iat(r#"{"iat":null}"#), Some(None));
    assert_eq!(iat(r#"{"iat":17}"#), Some(Some(17)));
    assert_eq!(iat(r#"{"iat":"17"}"#), Some(Some(17)));
    assert_eq!(iat(r#"{"iat":17.9}"#), Some(Some(17)));
    assert_eq!(iat(r#"{"iat":"17.9"}"#), Some(Some(17)));
    assert_eq!(iat(r#"{"iat":"soon"}"#), None);
    assert_eq!(iat(r#"{"iat":true}"#), None);
    assert_eq!(integer(&json!("NaN")), None);
    assert_eq!(integer(&json!(1e300)), None);
    assert_eq!(integer(&json!(u64::MAX)), None);
}

#[test]
fn what_is_no_jws_is_refused_by_name() {
    assert_eq!(Jws::parse(""), Err(JoseError::NotCompact));
    assert_eq!(Jws::parse("a.b"), Err(JoseError::NotCompact));
    assert_eq!(Jws::parse("e30.e30.e30.e30"), Err(JoseError::NotCompact));
    assert_eq!(Jws::parse("e30=.e30.AA"), Err(JoseError::Member("alg")));
    assert_eq!(Jws::parse("AAAA.e30.AA"), Err(JoseError::Header));
    assert_eq!(Jws::parse(&"a".repeat(MAX_JWS + 1)), Err(JoseError::TooLong));
    let no_json = Jws::parse(&signed(&json!({"alg": "RS256"}), "no")).unwrap();
    assert!(matches!(no_json.payload_json::<Value>(), Err(JoseError::Payload(_))));
}

proptest! {
    #[test]
    fn no_changed_character_is_accepted(at in 0..V2.len(), value in 0x21_u8..0x7f) {
        if let Some(changed) = is_changed_by(V2, at, value) {
            let read = Jws::parse(&changed).and_then(|jws| jws.verify_with_session_key(&counting()));
            prop_assert!(read.is_err(), "{}", changed);
        }
    }

    #[test]
    fn no_changed_character_of_an_rs256_signature_is_accepted(at in 0_usize..385, value in 0x21_u8..0x7f) {
        let text = signed(&json!({"alg": "RS256", "typ": "JWT"}), "{}");
        if let Some(changed) = is_changed_by(&text, at, value) {
            let read = Jws::parse(&changed).and_then(|jws| jws.verify_rs256(&key()));
            prop_assert!(read.is_err(), "{}", changed);
        }
    }

    #[test]
    fn no_text_panics(text in "[A-Za-z0-9_.=-]{0,80}|.*") {
        let _read = Jws::parse(&text);
    }

    #[test]
    fn no_header_panics(json in "[\\[\\]{}:,\"a-z0-9.]{0,60}", name in "alg|x5c|ctx|kdf_ver") {
        let _read = Jws::parse(&format!("{}.e30.AA", to_url(&json)));
        let _read = Jws::parse(&format!("{}.e30.AA", to_url(format!(r#"{{"alg":"x","{name}":{json}}}"#))));
    }
}
