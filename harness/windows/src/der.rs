//! A writer of the little DER that the client needs: the certificate request of [MS-DVRJ] (device-registration.md 4.1), and
//! the self-signed certificate of a computer of a domain (section 19).
//!
//! The request is PKCS#10 version 1: the constant subject `CN=7E980AD9-B86D-4306-9425-9AC066FB014A`, an RSA-2048 key, no
//! attributes, signed with SHA-256. The service takes nothing but the public key from it.

use crate::keys::{KeyTrouble, PoolKey};

/// The subject that Windows writes into every device certificate request.
pub(crate) const REQUEST_SUBJECT: &str = "7E980AD9-B86D-4306-9425-9AC066FB014A";

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;
const UTF8: u8 = 0x0c;
const ATTRIBUTES: u8 = 0xa0;

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The tag of a certificate's version.
const VERSION: u8 = 0xa0;

/// How long a self-signed certificate is good for: ten years of 365 days.
const TEN_YEARS_MS: i64 = 10 * 365 * 24 * 60 * 60 * 1000;
/// By how much it is dated back: a day.
const BACK_MS: i64 = 24 * 60 * 60 * 1000;

/// 2.5.4.3
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
/// 1.2.840.113549.1.1.11 with its NULL parameters, as the content of an `AlgorithmIdentifier`.
const SHA256_WITH_RSA: [u8; 13] =
    [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00];

/// One element: tag, length in the shortest form, content.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    out.push(tag);
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let length = content.len().to_be_bytes();
            let significant: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
            // A usize has at most eight bytes, so the count fits its seven bits.
            out.push(0x80 | u8::try_from(significant.len()).unwrap_or(8));
            out.extend_from_slice(&significant);
        }
    }
    out.extend_from_slice(content);
    out
}

/// The DER of a name that is one common name.
fn common_name(text: &str) -> Vec<u8> {
    let attribute = [element(OBJECT_ID, &COMMON_NAME), element(UTF8, text.as_bytes())].concat();
    element(SEQUENCE, &element(SET, &element(SEQUENCE, &attribute)))
}

/// What was signed, the algorithm, the signature.
fn signed(content: Vec<u8>, key: PoolKey) -> Result<Vec<u8>, KeyTrouble> {
    let mut signature = vec![0_u8]; // no unused bits
    signature.extend_from_slice(&key.sign(&content)?);
    Ok(element(
        SEQUENCE,
        &[content, element(SEQUENCE, &SHA256_WITH_RSA), element(BIT_STRING, &signature)].concat(),
    ))
}

/// A moment in the form that X.509 asks for: two digits of the year until 2049, four from then on.
fn time(ms: i64) -> Vec<u8> {
    let moment = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    let text = moment.strftime("%Y%m%d%H%M%SZ").to_string();
    match text.get(..4).and_then(|year| year.parse::<u16>().ok()) {
        Some(1950..=2049) => element(UTC_TIME, text.get(2..).unwrap_or_default().as_bytes()),
        _ => element(GENERALIZED_TIME, text.as_bytes()),
    }
}

/// The DER of a self-signed certificate of `key` whose subject is the common name `name`: what a computer of a domain
/// writes into its `userCertificate`. It holds no extensions; the service takes its key and its subject.
pub(crate) fn self_signed(
    key: PoolKey,
    name: &str,
    serial: [u8; 16],
    now_ms: i64,
) -> Result<Vec<u8>, KeyTrouble> {
    // A positive number without leading zeros.
    let mut number = serial;
    if let Some(first) = number.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    let start = now_ms.saturating_sub(BACK_MS);
    let validity = [time(start), time(start.saturating_add(TEN_YEARS_MS))].concat();
    let content = [
        element(VERSION, &element(INTEGER, &[2])),
        element(INTEGER, &number),
        element(SEQUENCE, &SHA256_WITH_RSA),
        common_name(name),
        element(SEQUENCE, &validity),
        common_name(name),
        key.subject_public_key_info()?,
    ]
    .concat();
    signed(element(SEQUENCE, &content), key)
}

/// The DER of a certificate request for `key`, signed by it.
pub(crate) fn certificate_request(key: PoolKey) -> Result<Vec<u8>, KeyTrouble> {
    let info = element(
        SEQUENCE,
        &[
            element(INTEGER, &[0]),
            common_name(REQUEST_SUBJECT),
            key.subject_public_key_info()?,
            element(ATTRIBUTES, &[]),
        ]
        .concat(),
    );
    signed(info, key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_the_shortest_form_at_every_border() {
        assert_eq!(element(4, &[0; 127])[..2], [4, 127]);
        assert_eq!(element(4, &[0; 128])[..3], [4, 0x81, 128]);
        assert_eq!(element(4, &[0; 255])[..3], [4, 0x81, 255]);
        assert_eq!(element(4, &[0; 256])[..4], [4, 0x82, 1, 0]);
        assert_eq!(element(4, &vec![0; 65536])[..5], [4, 0x83, 1, 0, 0]);
    }

    #[test]
    fn the_request_verifies_in_another_parser() {
        use x509_parser::prelude::FromDer as _;
        let der = certificate_request(PoolKey::all()[0]).unwrap();
        let (rest, request) =
            x509_parser::certification_request::X509CertificationRequest::from_der(&der).unwrap();
        assert!(rest.is_empty());
        request.verify_signature().unwrap();
        let subject = request.certification_request_info.subject.to_string();
        assert_eq!(subject, format!("CN={REQUEST_SUBJECT}"));
    }

    #[test]
    fn openssl_accepts_the_request() {
        use std::io::Write as _;
        use std::process::{Command, Stdio};
        let der = certificate_request(PoolKey::all()[3]).unwrap();
        let child = Command::new("openssl")
            .args(["req", "-inform", "DER", "-verify", "-noout", "-subject", "-text"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            eprintln!("SKIPPED: no `openssl` command here, the request was not checked with it");
            return;
        };
        child.stdin.take().unwrap().write_all(&der).unwrap();
        let output = child.wait_with_output().unwrap();
        let text =
            String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap();
        assert!(output.status.success(), "{text}");
        assert!(text.contains("verify OK"), "{text}");
        assert!(text.contains(REQUEST_SUBJECT), "{text}");
        assert!(text.contains("2048 bit"), "{text}");
        assert!(text.contains("sha256WithRSAEncryption"), "{text}");
    }
}
