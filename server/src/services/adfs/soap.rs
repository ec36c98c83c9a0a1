//! Reading a request for a security token (SOAP 1.2, WS-Addressing, WS-Security `UsernameToken`, WS-Trust 1.3 and 2005).
//!
//! What it says is taken from the places where it belongs, in the namespaces where it belongs; each part may be there
//! once. A signature is read where a certificate signs in ([`super::certificate`]), and is nothing elsewhere, where the
//! transport protects the message. Left out: keys, which bearer tokens have none of.

use linarite_core::instant::Instant;
use roxmltree::Node;

use super::certificate::{Proof, proof};
use super::fault::Refused;
use super::names::{ADDRESSING, POLICY, SECURITY, UTILITY};
use crate::clock::from_rfc3339;
use crate::services::soap::{self, Message, need, one, text, whole_text};
use crate::world::federation_settings::{TrustKind, TrustVersion};

/// A request for a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TokenRequest {
    /// The id of the message.
    pub(super) message_id: Option<String>,
    /// Where it is addressed to.
    pub(super) to: Option<String>,
    /// From when to when the message counts, as its sender says.
    pub(super) stamp: Option<(Instant, Instant)>,
    /// User name and password.
    pub(super) credential: Option<(String, String)>,
    /// A certificate and what its holder signed, at an endpoint that takes one.
    pub(super) proof: Option<Proof>,
    /// Whom the token is for.
    pub(super) applies_to: String,
    /// The type of token that is wanted, when one is named.
    pub(super) token_type: Option<String>,
}

/// Reads a message that came to an endpoint of this version and kind.
pub(super) fn read(
    body: &[u8],
    version: TrustVersion,
    kind: TrustKind,
) -> Result<TokenRequest, Refused> {
    let document = soap::read(body)?;
    let message = Message::of(&document)?;
    let mut request = token_request(message.body, version)?;
    addressed(&message, version, &mut request)?;
    if let Some(header) = message.header
        && let Some(security) = one(header, SECURITY, "Security")?
    {
        request.stamp = stamp(security)?;
        request.credential = credential(security)?;
        if kind == TrustKind::Certificate {
            request.proof = proof(&document, header, security)?;
        }
    }
    Ok(request)
}

fn token_request(body: Node<'_, '_>, version: TrustVersion) -> Result<TokenRequest, Refused> {
    let trust = version.namespace();
    let request = need(body, trust, "RequestSecurityToken")?;
    let wanted = text(need(request, trust, "RequestType")?)?;
    if wanted != version.issue() {
        return Err(Refused::wire("trust-request-unsupported").with(wanted));
    }
    if let Some(key) = one(request, trust, "KeyType")? {
        let key = text(key)?;
        if key != version.bearer() {
            return Err(Refused::wire("trust-request-unsupported").with(key));
        }
    }
    let reference = need(need(request, POLICY, "AppliesTo")?, ADDRESSING, "EndpointReference")?;
    Ok(TokenRequest {
        message_id: None,
        to: None,
        stamp: None,
        credential: None,
        proof: None,
        applies_to: text(need(reference, ADDRESSING, "Address")?)?,
        token_type: one(request, trust, "TokenType")?.map(text).transpose()?,
    })
}

fn addressed(
    message: &Message<'_, '_>,
    version: TrustVersion,
    request: &mut TokenRequest,
) -> Result<(), Refused> {
    if let Some(action) = &message.action
        && action != version.request_action()
    {
        return Err(Refused::wire("message-addressed-wrong").with(format!("action {action}")));
    }
    request.message_id.clone_from(&message.id);
    if let Some(header) = message.header {
        request.to = one(header, ADDRESSING, "To")?.map(text).transpose()?;
    }
    Ok(())
}

fn stamp(security: Node<'_, '_>) -> Result<Option<(Instant, Instant)>, Refused> {
    let Some(stamp) = one(security, UTILITY, "Timestamp")? else { return Ok(None) };
    let time = |name: &str| {
        let written = text(need(stamp, UTILITY, name)?)?;
        from_rfc3339(&written).ok_or_else(|| Refused::malformed(format!("{name} is not a time")))
    };
    Ok(Some((time("Created")?, time("Expires")?)))
}

fn credential(security: Node<'_, '_>) -> Result<Option<(String, String)>, Refused> {
    let Some(token) = one(security, SECURITY, "UsernameToken")? else { return Ok(None) };
    let name = text(need(token, SECURITY, "Username")?)?;
    let element = need(token, SECURITY, "Password")?;
    if element.attribute("Type").is_some_and(|kind| !kind.ends_with("#PasswordText")) {
        return Err(Refused::malformed("its password is not in clear text"));
    }
    // A password keeps its spaces.
    Ok(Some((name, whole_text(element)?)))
}
