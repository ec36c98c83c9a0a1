//! Device certificates, judged by `openssl`, a strict reader and a TLS server.

use std::sync::Arc;
use std::time::Duration;

use linarite_core::ids::{DeviceId, Guid, TenantId};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, crypto};
use x509_parser::certificate::X509CertificateParser;
use x509_parser::nom::Parser as _;

use super::golden;
use super::openssl::OpenSsl;
use crate::keys::certificate::PeerCertificate;
use crate::keys::csr::Csr;
use crate::keys::device_ca::{DeviceCa, DeviceCertificate, DeviceCertificateRequest};
use crate::keys::encoding::to_hex;
use crate::keys::pool::TestKey;
use crate::keys::public_key::sha256;

/// 2017-06-23T10:00:00Z.
const NOW: i64 = 1_498_212_000;
const DEVICE: &str = "e20c2341-c3f0-467e-a17a-e8d6b9c12f98";

fn ca() -> DeviceCa {
    DeviceCa::new(TestKey::pick(1).load().unwrap()).unwrap()
}

fn issued(spki: &[u8], now: i64) -> DeviceCertificate {
    ca().issue(&DeviceCertificateRequest {
        device: DEVICE.parse::<DeviceId>().unwrap(),
        user: Guid::from_bytes([0x22; 16]),
        tenant: TenantId::new(Guid::from_bytes(golden::counting())),
        join_type: 4,
        spki,
        serial: golden::counting_from(0xe0),
        now,
    })
    .unwrap()
}

fn sample() -> DeviceCertificate {
    issued(&Csr::from_base64(golden::DVRJ_REQUEST).unwrap().spki, NOW)
}

#[test]
fn equal_requests_give_equal_bytes() {
    assert_eq!(sample(), sample());
    // The same bytes were put together by hand in another language and signed by `openssl dgst`.
    assert_eq!(
        to_hex(sha256(&sample().der)),
        "c0547fab005b56a587a7b24b2140269f20899fec6ca684985868a786ec5919af"
    );
    assert_eq!(
        to_hex(sha256(ca().certificate())),
        "5399c0de366ce84a533fb8301e4529715e6899c227a363dd743d1963b599a19b"
    );
}

#[test]
fn a_device_certificate_reads_back_and_is_ours() {
    let sample = sample();
    let read = PeerCertificate::from_der(&sample.der).unwrap();
    assert_eq!(read.device_id().unwrap().to_string(), DEVICE);
    assert_eq!(read.thumbprint, sample.thumbprint);
    assert_eq!((read.not_before, read.not_after), (NOW - 86_400, NOW + 3650 * 86_400));
    assert!(read.issued_by(&ca()));
    assert_eq!(
        read.issuer,
        "DC=net + DC=windows + CN=MS-Organization-Access + OU=82dbaca4-3e81-46ca-9c73-0950c1eaca97"
    );
}

#[test]
fn every_flipped_bit_under_the_signature_breaks_the_issue() {
    let (ca, der) = (ca(), sample().der);
    let mut missed: Vec<(usize, u8)> = Vec::new();
    for (at, bit) in golden::signed_bits(&der) {
        let mut changed = der.clone();
        changed[at] ^= bit;
        if PeerCertificate::from_der(&changed).is_ok_and(|read| read.issued_by(&ca)) {
            missed.push((at, bit));
        }
    }
    assert_eq!(missed, []);
}

#[test]
fn a_strict_reader_takes_every_extension() {
    let der = sample().der;
    let (rest, read) =
        X509CertificateParser::new().with_deep_parse_extensions(true).parse(&der).unwrap();
    assert!(rest.is_empty());
    let extensions: Vec<_> = read
        .extensions()
        .iter()
        .map(|extension| {
            (extension.oid.to_id_string(), extension.critical, to_hex(extension.value))
        })
        .collect();
    let own = |last: u32, value: &str| {
        (format!("1.2.840.113556.1.5.284.{last}"), false, value.to_owned())
    };
    assert_eq!(extensions[0], ("2.5.29.19".to_owned(), true, "3000".to_owned()));
    assert_eq!(
        extensions[1],
        ("2.5.29.37".to_owned(), true, "300a06082b06010505070302".to_owned())
    );
    assert_eq!(extensions[2].0, "2.5.29.35");
    assert_eq!(
        extensions[3..],
        [
            own(2, "04811041230ce2f0c37e46a17ae8d6b9c12f98"),
            own(3, "04811022222222222222222222222222222222"),
            own(5, "0481100302010005040706 08090a0b0c0d0e0f".replace(' ', "").as_str()),
            own(7, "04810134"),
        ]
    );
}

// The private extensions have the very bytes of the published certificate around other values.
#[test]
fn private_extensions_are_built_as_the_published_ones() {
    let hex = to_hex(sample().der);
    let published = to_hex(crate::keys::encoding::from_either(golden::DVRJ_CERTIFICATE).unwrap());
    for frame in
        ["3022060b2a864886f7140105821c020413048110", "3013060b2a864886f7140105821c070404048101"]
    {
        assert!(published.contains(frame), "{frame}");
        assert!(hex.contains(frame), "{frame}");
    }
}

#[test]
fn openssl_verifies_it_strictly_and_prints_the_profile() {
    let Some(openssl) = OpenSsl::new() else { return };
    openssl.write("ca.der", ca().certificate());
    openssl.write("device.der", &sample().der);
    openssl.text("x509 -inform DER -in ca.der -out ca.pem");
    openssl.text("x509 -inform DER -in device.der -out device.pem");
    let verify = format!("verify -x509_strict -purpose sslclient -attime {NOW} -CAfile ca.pem");
    openssl.text(&format!("{verify} device.pem"));
    openssl.text(&format!("verify -x509_strict -attime {NOW} -CAfile ca.pem ca.pem"));
    let late = verify.replace(&NOW.to_string(), &(NOW + 3651 * 86_400).to_string());
    assert!(!openssl.run(&format!("{late} device.pem")).status.success(), "it expires");
    let text = openssl.text("x509 -in device.pem -noout -text -fingerprint -sha1");
    for part in [
        "Issuer: DC = net + DC = windows + CN = MS-Organization-Access + OU = 82dbaca4-3e81-46ca-9c73-0950c1eaca97",
        "Subject: CN = e20c2341-c3f0-467e-a17a-e8d6b9c12f98\n",
        "Serial Number:\n            e0:e1:e2:e3:e4:e5:e6:e7:e8:e9:ea:eb:ec:ed:ee:ef\n",
        "Not Before: Jun 22 10:00:00 2017 GMT",
        "Not After : Jun 21 10:00:00 2027 GMT",
        "Signature Algorithm: sha256WithRSAEncryption",
        "X509v3 Basic Constraints: critical\n                CA:FALSE",
        "X509v3 Extended Key Usage: critical\n                TLS Web Client Authentication",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let plain = sample().thumbprint.to_string();
    assert!(text.replace(':', "").contains(&plain), "{plain}\n{text}");
}

#[test]
fn a_tls_server_takes_it_as_client_certificate() {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(ca().certificate().to_vec())).unwrap();
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let certificate = CertificateDer::from(sample().der);
    let at = |seconds: i64| {
        let time = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(seconds).unwrap()));
        verifier.verify_client_cert(&certificate, &[], time)
    };
    assert!(at(NOW - 86_400).is_ok());
    assert!(at(NOW - 86_401).is_err());
    assert!(at(NOW + 3650 * 86_400).is_ok());
    assert!(at(NOW + 3650 * 86_400 + 1).is_err());
}

#[test]
fn a_certificate_beyond_2049_is_still_read() {
    let spki = Csr::from_base64(golden::DVRJ_REQUEST).unwrap().spki;
    let late = issued(&spki, 2_524_608_000);
    let read = PeerCertificate::from_der(&late.der).unwrap();
    assert_eq!((read.not_before, read.not_after), (late.not_before, late.not_after));
}
