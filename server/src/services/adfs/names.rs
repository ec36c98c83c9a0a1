//! The names of WS-Trust, WS-Security and their kin, and the words of each version.

use crate::world::federation_settings::TrustVersion;

pub(super) use crate::services::soap::{ADDRESSING, SECURITY};
pub(super) const POLICY: &str = "http://schemas.xmlsoap.org/ws/2004/09/policy";
pub(super) const UTILITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

/// The token profile for certificates.
pub(super) const X509: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";
/// A certificate that is named by its SHA-1.
pub(super) const THUMBPRINT: &str =
    "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1#ThumbprintSHA1";

/// The relying party that assertions for the cloud directory are made for.
pub(super) const CLOUD: &str = "urn:federation:MicrosoftOnline";

/// The names that a version of WS-Trust has for things.
impl TrustVersion {
    /// Its XML namespace.
    pub(super) const fn namespace(self) -> &'static str {
        match self {
            Self::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512",
            Self::V2005 => "http://schemas.xmlsoap.org/ws/2005/02/trust",
        }
    }

    /// The action of a request.
    pub(super) const fn request_action(self) -> &'static str {
        match self {
            Self::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue",
            Self::V2005 => "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue",
        }
    }

    /// The action of an answer.
    pub(super) const fn response_action(self) -> &'static str {
        match self {
            Self::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RSTRC/IssueFinal",
            Self::V2005 => "http://schemas.xmlsoap.org/ws/2005/02/trust/RSTR/Issue",
        }
    }

    /// The type of a request for a new token.
    pub(super) const fn issue(self) -> &'static str {
        match self {
            Self::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Issue",
            Self::V2005 => "http://schemas.xmlsoap.org/ws/2005/02/trust/Issue",
        }
    }

    /// The type of key of a token that whoever has it may use.
    pub(super) const fn bearer(self) -> &'static str {
        match self {
            Self::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Bearer",
            Self::V2005 => "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey",
        }
    }

    /// The namespace of its security policies.
    pub(super) const fn security_policy(self) -> &'static str {
        match self {
            Self::V13 => "http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702",
            Self::V2005 => "http://schemas.xmlsoap.org/ws/2005/07/securitypolicy",
        }
    }
}
