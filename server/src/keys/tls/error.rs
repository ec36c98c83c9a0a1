//! What can go wrong with the CA and the host certificates, said so that it can be mended.

use std::path::PathBuf;

/// Why the CA or a host certificate is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file or folder of the CA cannot be used.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried: "read", "lock", "write".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The stored CA is damaged, or is not one that linarite made.
    #[error(
        "{path} is not a CA of linarite ({reason}); move it away and a new CA is made at the next start",
        path = path.display()
    )]
    Damaged {
        /// The file with key and certificate.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The stored CA may not certify hosts that the world emulates.
    #[error(
        "the CA in {path} may not certify {missing}: it is limited to the domains it was made for; \
         use another state folder, or move the file away and let clients trust the new CA",
        path = path.display()
    )]
    Domains {
        /// The file with key and certificate.
        path: PathBuf,
        /// The domains that the CA does not cover, separated by commas.
        missing: String,
    },
    /// A PEM text is not a CA that [`crate::keys::tls::TlsCa::to_pem`] wrote.
    #[error("not a CA of linarite: {0}")]
    Pem(String),
    /// A name that no certificate can hold.
    #[error("{name:?} is no host name that a certificate can hold: {reason}")]
    Name {
        /// The name as it was given.
        name: String,
        /// Why not.
        reason: String,
    },
    /// The crypto library refused.
    #[error("cannot {action}: {reason}")]
    Crypto {
        /// What was tried.
        action: &'static str,
        /// What the library said.
        reason: String,
    },
}

impl TlsError {
    /// Wraps what the crypto library said about `action`.
    pub(super) fn crypto(action: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Crypto { action, reason: reason.to_string() }
    }
}
