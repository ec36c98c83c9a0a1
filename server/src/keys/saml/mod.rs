//! SAML assertions 1.1 and 2.0 with an enveloped signature (XML-DSig), as a federation server gives them to the users and
//! computers of its domain, and as the token service takes them.
//!
//! [`xml`] reads what strangers send, [`c14n`] brings it into the one form that signatures are made over, [`spec`] writes
//! assertions that stand in that form already, [`presented`] reads one back together with its seal, and [`signature`] says
//! what a seal is worth, on assertions and on messages. Only what the service and its federation servers use is known: RSA
//! with SHA-256, exclusive canonicalisation, bearer confirmation.
//! Left out: encrypted assertions, holder-of-key, advice, and assertions within assertions. They are refused.

pub mod c14n;
pub mod presented;
pub mod signature;
pub mod spec;
pub mod xml;

#[cfg(test)]
mod tests;

pub use presented::{Assertion, AssertionError, Presented};
pub use signature::{Form, Seal, SealDefect};
pub use spec::{AssertionSpec, AuthnMethod, Claim, Sealing, claims};

/// The version of an assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SamlVersion {
    /// SAML 1.1, which old and new clients ask for.
    V1,
    /// SAML 2.0.
    V2,
}

impl SamlVersion {
    /// The namespace of its assertions.
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::V1 => "urn:oasis:names:tc:SAML:1.0:assertion",
            Self::V2 => "urn:oasis:names:tc:SAML:2.0:assertion",
        }
    }

    /// What WS-Trust calls an assertion of this version in `TokenType`, as AD FS does: the namespace.
    pub const fn token_type(self) -> &'static str {
        self.namespace()
    }

    /// The grant type of the token service that takes it.
    pub const fn grant_type(self) -> &'static str {
        match self {
            Self::V1 => "urn:ietf:params:oauth:grant-type:saml1_1-bearer",
            Self::V2 => "urn:ietf:params:oauth:grant-type:saml2-bearer",
        }
    }

    /// The attribute by which a signature refers to the assertion.
    pub const fn id_attribute(self) -> &'static str {
        match self {
            Self::V1 => "AssertionID",
            Self::V2 => "ID",
        }
    }
}

/// The namespace of signatures.
pub const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const RSA_SHA256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";
const SHA256: &str = "http://www.w3.org/2001/04/xmlenc#sha256";
