//! TLS that goes wrong on purpose: certificates that clients reject, versions that they do not speak,
//! and no resumption.
//!
//! Left out: self-signed and weak certificates, and chains with a part missing.

/// What is wrong with the TLS of a host; the default only resumes no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TlsTrouble {
    /// What is wrong with the certificate.
    pub certificate: Option<WrongCertificate>,
    /// What happens in the place of a handshake.
    pub alert: Option<Alert>,
    /// Only TLS 1.3 is spoken.
    pub only_tls13: bool,
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongCertificate {
    /// A CA made it that nobody was told to trust.
    UntrustedCa,
    /// It counted from 2000 to 2001.
    Expired,
    /// It counts from 2099 on.
    NotYetValid,
    /// It is another host's.
    WrongName,
}

/// What happens in the place of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alert {
    /// The fatal alert `handshake_failure`.
    HandshakeFailure,
    /// The connection closes without a word.
    Close,
}
