//! Writes and signs an X.509 version 3 certificate (RFC 5280) with an RSA key of the server.
//!
//! Names and extensions come in as ready DER, so that nothing about them is lost on the way. The signature is
//! sha256WithRSAEncryption: equal input gives equal bytes. Left out: any other signature, and revocation lists.

use super::der;
use super::public_key::sha1;
use super::rsa_key::{RsaKey, SigningFailed};

const SHA256_WITH_RSA: [u32; 7] = [1, 2, 840, 113_549, 1, 1, 11];
const COMMON_NAME: [u32; 4] = [2, 5, 4, 3];

/// 2000-01-01T00:00:00Z in seconds since 1970: certificates of the server itself start here, because a world's clock
/// may stand anywhere.
pub const SERVER_NOT_BEFORE: i64 = 946_684_800;
/// 2100-01-01T00:00:00Z in seconds since 1970: they end here.
pub const SERVER_NOT_AFTER: i64 = 4_102_444_800;

/// What a certificate is to say.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    /// The serial number, big-endian and never negative; at most 19 bytes, or 20 with the highest bit clear.
    pub serial: &'a [u8],
    /// The issuer as a DER Name.
    pub issuer: &'a [u8],
    /// The subject as a DER Name.
    pub subject: &'a [u8],
    /// The public key as DER `SubjectPublicKeyInfo`, copied as it is.
    pub spki: &'a [u8],
    /// The first second of validity, since 1970.
    pub not_before: i64,
    /// The last second of validity, since 1970.
    pub not_after: i64,
    /// The extensions in DER, one or several in a piece.
    pub extensions: &'a [&'a [u8]],
}

/// The certificate in DER, signed by `key`.
pub fn issue(statement: &Statement<'_>, key: &RsaKey) -> Result<Vec<u8>, SigningFailed> {
    let algorithm = der::seq(&[&der::oid(&SHA256_WITH_RSA), &der::null()]);
    let validity = der::seq(&[&der::time(statement.not_before), &der::time(statement.not_after)]);
    let extensions = der::context(3, &der::tlv(0x30, &statement.extensions.concat()));
    let signed = der::seq(&[
        &der::context(0, &der::integer(&[2])),
        &der::integer(statement.serial),
        &algorithm,
        statement.issuer,
        &validity,
        statement.subject,
        statement.spki,
        &extensions,
    ]);
    let signature = key.sign(&signed)?;
    Ok(der::seq(&[&signed, &algorithm, &der::bits(&signature)]))
}

/// A self-signed certificate of the server itself, from 2000 to 2100: it follows from the key and its common name alone.
pub fn self_signed(key: &RsaKey, name: &str) -> Result<Vec<u8>, SigningFailed> {
    let subject = common_name(name);
    issue(
        &Statement {
            serial: &own_serial(key),
            issuer: &subject,
            subject: &subject,
            spki: &key.public().to_spki(),
            not_before: SERVER_NOT_BEFORE,
            not_after: SERVER_NOT_AFTER,
            extensions: &[&subject_key(&key_identifier(key))],
        },
        key,
    )
}

/// One attribute of a name: its identifier and its value in DER.
pub(crate) fn attribute(id: &[u32], value: &[u8]) -> Vec<u8> {
    der::seq(&[&der::oid(id), value])
}

/// A Name that consists of one common name.
pub(crate) fn common_name(text: &str) -> Vec<u8> {
    der::seq(&[&der::set(&[&attribute(&COMMON_NAME, &der::printable(text))])])
}

/// A serial number that follows from the key, so that a certificate of the server itself needs no chance. Positive
/// and never zero.
pub(crate) fn own_serial(key: &RsaKey) -> [u8; 16] {
    let [first, rest @ ..] = sha1(&key.public().to_spki());
    let mut serial = [0; 16];
    for (slot, byte) in serial.iter_mut().zip(std::iter::once((first & 0x3f) | 0x40).chain(rest)) {
        *slot = byte;
    }
    serial
}

/// The key identifier of RFC 5280 section 4.2.1.2, method 1: SHA-1 over the key bits.
pub(crate) fn key_identifier(key: &RsaKey) -> [u8; 20] {
    sha1(&key.public().to_pkcs1())
}

/// Extension `AuthorityKeyIdentifier`.
pub(crate) fn authority_key(identifier: &[u8; 20]) -> Vec<u8> {
    der::extension(&[2, 5, 29, 35], false, &der::seq(&[&der::tlv(0x80, identifier)]))
}

/// Extension `SubjectKeyIdentifier`.
pub(crate) fn subject_key(identifier: &[u8; 20]) -> Vec<u8> {
    der::extension(&[2, 5, 29, 14], false, &der::octets(identifier))
}

/// Extension `BasicConstraints`, critical.
pub(crate) fn basic_constraints(ca: bool) -> Vec<u8> {
    let inside = if ca { der::seq(&[&der::boolean(true)]) } else { der::seq(&[]) };
    der::extension(&[2, 5, 29, 19], true, &inside)
}
