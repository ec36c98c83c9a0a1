//! The cryptography room: token keys, device certificates, session keys, and the containers that carry them.
//!
//! Everything that signs, seals, wraps or verifies for the emulated services stands here and rests on one library,
//! aws-lc-rs. The formats follow [MS-DVRJ], [MS-KPP] and [MS-OAPXBC] and what real clients were seen to send; each
//! module names its section. Nothing here reads a clock or draws a number: times, serials, nonces and session keys
//! are arguments, and only the padding of RSA-OAEP comes from the library itself. Nothing is kept in the process
//! either: a world owns its signers, and they keep their parsed keys.
//!
//! Left out: certificates that expire in hours (`MS-Organization-P2P-Access`), keys in hardware and their
//! attestation, and the PRT protocol 4.0 with its elliptic curve key agreement. They are not emulated.

pub mod certificate;
pub mod csr;
pub mod der;
pub mod device_ca;
pub mod encoding;
pub mod hello;
pub mod issue;
pub mod jose;
pub mod jwe;
pub mod kdf;
pub mod pool;
pub mod public_key;
pub mod rsa_key;
pub mod saml;
pub mod seal;
pub mod signer;
pub mod tls;
pub mod totp;
pub mod transport;

#[cfg(test)]
mod tests;
