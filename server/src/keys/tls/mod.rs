//! The keys of the wire: a private certificate authority, and the certificates of the emulated hosts.
//!
//! [`TlsCa`] is the root that a client is told to trust; it is name-constrained, so that trusting it
//! costs nobody anything. [`TlsHosts`] mints a leaf for a host when it is first asked for and hands
//! out ready TLS settings, one set for hosts that ask for a client certificate and one for hosts
//! that do not. Certificates are strict enough for `openssl verify -x509_strict` and for Python 3.13
//! (RFC 5280 section 4.2: key identifiers, critical basic constraints and key usage).
//!
//! Left out: the CA that issues device certificates (another one, elsewhere in `keys/`), revocation
//! lists and OCSP (no client of the emulated hosts asks for them), and every judgement of client
//! certificates: the handshake only proves that the client holds the key.

mod ca;
mod client_cert;
mod error;
mod hosts;
mod store;
#[cfg(test)]
mod tests;
mod trouble;

pub use ca::TlsCa;
pub use error::TlsError;
pub use hosts::TlsHosts;
pub use trouble::{Alert, TlsTrouble, WrongCertificate};
