//! Certificate requests of every kind that was met, made by `openssl`, and the published one.

use proptest::prelude::*;

use super::golden;
use super::openssl::OpenSsl;
use crate::keys::csr::{Csr, CsrError, MAX_REQUEST};
use crate::keys::encoding::{from_either, to_standard};
use crate::keys::public_key::PublicKey;

const KEY_RSA: &str = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key";
const KEY_P256: &str = "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key";
const SUBJECT: &str = "-subj /CN=7E980AD9-B86D-4306-9425-9AC066FB014A";

/// Makes a key and a request with the rest of these arguments; the request in DER.
fn made(openssl: &OpenSsl, key: &str, rest: &str) -> Vec<u8> {
    openssl.text(key);
    openssl.text(&format!("req -new -key key -outform DER -out csr {rest}"));
    openssl.read("csr")
}

#[test]
fn the_published_request_is_read_and_holds_the_key_of_its_certificate() {
    let csr = Csr::from_base64(golden::DVRJ_REQUEST).unwrap();
    assert_eq!(csr.common_name.as_deref(), Some("7E980AD9-B86D-4306-9425-9AC066FB014A"));
    let certificate =
        crate::keys::certificate::PeerCertificate::from_base64(golden::DVRJ_CERTIFICATE).unwrap();
    assert_eq!(csr.spki, certificate.spki);
    assert_eq!(csr.key, certificate.key);
}

#[test]
fn an_rsa_request_gives_the_key_bytes_as_they_came() {
    let Some(openssl) = OpenSsl::new() else { return };
    let der = made(&openssl, KEY_RSA, &format!("-sha256 {SUBJECT}"));
    openssl.text("pkey -in key -pubout -outform DER -out spki");
    let csr = Csr::from_der(&der).unwrap();
    assert_eq!(csr.spki, openssl.read("spki"));
    assert_eq!(csr.common_name.as_deref(), Some("7E980AD9-B86D-4306-9425-9AC066FB014A"));
    let pem = String::from_utf8(openssl.run("req -in csr -inform DER").stdout).unwrap();
    assert_eq!(Csr::from_base64(&pem), Ok(csr), "PEM armour and line breaks do not matter");
}

#[test]
fn every_accepted_signature_verifies() {
    let Some(openssl) = OpenSsl::new() else { return };
    openssl.text(KEY_RSA);
    let pss = "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:";
    for signature in [
        "-sha1",
        "-sha256",
        "-sha384",
        "-sha512",
        &format!("{pss}32"),
        &format!("{pss}222"),
        &format!("{pss}20"),
    ] {
        openssl.text(&format!("req -new -key key -outform DER -out csr {signature} {SUBJECT}"));
        let der = openssl.read("csr");
        assert!(Csr::from_der(&der).is_ok(), "{signature}: {:?}", Csr::from_der(&der));
    }
}

#[test]
fn a_request_for_p256_is_accepted_even_without_a_subject() {
    let Some(openssl) = OpenSsl::new() else { return };
    let csr = Csr::from_der(&made(&openssl, KEY_P256, "-sha256 -subj /")).unwrap();
    assert!(matches!(csr.key, PublicKey::P256(_)));
    assert_eq!(csr.common_name, None);
}

#[test]
fn extensions_and_attributes_are_ignored() {
    let Some(openssl) = OpenSsl::new() else { return };
    openssl.write(
        "config",
        b"[req]\nprompt=no\ndistinguished_name=dn\nreq_extensions=ext\nattributes=att\n\
          [dn]\n0.DC=contoso\n1.DC=test\nCN=machine\n[att]\n1.3.6.1.4.1.311.13.2.3=10.0.19041.2\n\
          [ext]\nsubjectKeyIdentifier=hash\n1.3.6.1.4.1.311.21.10=DER:300c300a06082b06010505070302\n",
    );
    let csr = Csr::from_der(&made(&openssl, KEY_RSA, "-config config")).unwrap();
    assert_eq!(csr.common_name.as_deref(), Some("machine"));
}

#[test]
fn a_key_that_is_not_accepted_is_refused_by_name() {
    let Some(openssl) = OpenSsl::new() else { return };
    let refused = |key: &str| Csr::from_der(&made(&openssl, key, SUBJECT)).unwrap_err();
    let short = KEY_RSA.replace("2048", "2047");
    assert_eq!(refused(&short), CsrError::KeySize { bits: 2047 });
    let curve = KEY_P256.replace("P-256", "P-384");
    assert_eq!(refused(&curve), CsrError::Key("algorithm 1.2.840.10045.2.1".to_owned()));
    let edwards = "genpkey -algorithm ED25519 -out key";
    assert_eq!(refused(edwards), CsrError::Key("algorithm 1.3.101.112".to_owned()));
}

#[test]
fn an_algorithm_that_is_not_accepted_is_refused_by_name() {
    let Some(openssl) = OpenSsl::new() else { return };
    let der = made(&openssl, KEY_RSA, &format!("-sha224 {SUBJECT}"));
    let error = CsrError::Algorithm("1.2.840.113549.1.1.14".to_owned());
    assert_eq!(Csr::from_der(&der), Err(error));
}

#[test]
fn what_is_no_request_is_refused_by_name() {
    assert_eq!(Csr::from_base64("%"), Err(CsrError::NotBase64));
    assert_eq!(Csr::from_base64(""), Err(CsrError::NotPkcs10));
    assert_eq!(Csr::from_base64(golden::DVRJ_CERTIFICATE), Err(CsrError::NotPkcs10));
    assert_eq!(Csr::from_der(&vec![0; MAX_REQUEST + 1]), Err(CsrError::TooLong));
    let mut der = from_either(golden::DVRJ_REQUEST).unwrap();
    der.push(0);
    assert_eq!(Csr::from_der(&der), Err(CsrError::NotPkcs10), "something follows");
}

#[test]
fn every_flipped_bit_under_the_signature_is_noticed() {
    let der = from_either(golden::DVRJ_REQUEST).unwrap();
    let mut missed: Vec<(usize, u8)> = Vec::new();
    for (at, bit) in golden::signed_bits(&der) {
        let mut changed = der.clone();
        changed[at] ^= bit;
        if Csr::from_base64(&to_standard(&changed)).is_ok() {
            missed.push((at, bit));
        }
    }
    assert_eq!(missed, []);
    let mut changed = der;
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(Csr::from_der(&changed), Err(CsrError::Signature));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        prop_assert!(Csr::from_der(&bytes).is_err());
    }
}
