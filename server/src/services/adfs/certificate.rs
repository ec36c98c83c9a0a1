//! Sign-in with a certificate (`certificatemixed`): WS-Security's X.509 token profile under WS-Trust 1.3 and 2005.
//!
//! The security header carries a certificate, and a signature of its holder over the message's `Timestamp`; the `To` of
//! WS-Addressing may be signed as well. The signature is verified for real, with exclusive canonical XML and RSA with
//! SHA-256, or with SHA-1, which `Basic256` of the announced policy stands for. What is a stand-in is the account store:
//! the user is the one whose user principal name the certificate holds as an alternative name, and the one authority that
//! counts is the `certificate_authority` of the world file (a domain controller would ask its store of trusted authorities
//! and the mappings of the account). A certificate is judged in world time; a message may be shown again while its
//! timestamp counts, which is all that the real service asks for under TLS, as far as is known (assumed).
//! Left out: chains, revocation lists, extended key usages, certificates named by issuer and serial number, signed bodies.

use linarite_core::federation::{UserCertificate, with_user_certificate};
use linarite_core::instant::Instant;
use linarite_core::refusal::FederationRefusal;
use roxmltree::{Document, Node};

use super::fault::Refused;
use super::issue::Issued;
use super::names::{ADDRESSING, SECURITY, THUMBPRINT, UTILITY, X509};
use super::soap::TokenRequest;
use super::trust::{account, issue_to_user};
use crate::keys::certificate::PeerCertificate;
use crate::keys::encoding::from_either;
use crate::keys::public_key::PublicKey;
use crate::keys::saml::signature::same_id;
use crate::keys::saml::{AuthnMethod, DSIG, Form, Seal, SealDefect};
use crate::services::call::Call;
use crate::services::soap::{need, one, text};

/// A certificate, and what its holder signed of the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proof {
    certificate: PeerCertificate,
    /// The signature, whose digests fit the message.
    seal: Result<Seal, SealDefect>,
}

/// Reads certificate and signature of a security header; `None`: it has no certificate.
pub(super) fn proof(
    document: &Document<'_>,
    header: Node<'_, '_>,
    security: Node<'_, '_>,
) -> Result<Option<Proof>, Refused> {
    let Some(token) = one(security, SECURITY, "BinarySecurityToken")? else { return Ok(None) };
    if let Some(id) = same_id(document) {
        return Err(Refused::malformed(format!("the id {id} stands twice")));
    }
    if one(security, SECURITY, "UsernameToken")?.is_some() {
        return Err(Refused::malformed("it has a user name beside its certificate"));
    }
    match token.attribute("ValueType") {
        Some(X509) => {}
        Some(other) => return Err(Refused::malformed(format!("a token of the type {other}"))),
        None => return Err(Refused::malformed("its token has no ValueType")),
    }
    let certificate = PeerCertificate::from_base64(&text(token)?)
        .map_err(|error| Refused::malformed(error.to_string()))?;
    let seal = match one(security, DSIG, "Signature")? {
        None => Err(SealDefect::Unsigned),
        Some(signature) => {
            let stamp = one(security, UTILITY, "Timestamp")?;
            let to = one(header, ADDRESSING, "To")?;
            if refers_to(signature, token, &certificate)? {
                sealed(signature, stamp, to)
            } else {
                Err(SealDefect::Form("another key than that of the certificate beside it"))
            }
        }
    };
    Ok(Some(Proof { certificate, seal }))
}

/// What a signature over the timestamp, and perhaps over the address, is worth.
fn sealed(
    signature: Node<'_, '_>,
    stamp: Option<Node<'_, '_>>,
    to: Option<Node<'_, '_>>,
) -> Result<Seal, SealDefect> {
    let stamp = named(stamp).ok_or(SealDefect::Form("no reference to what it has to cover"))?;
    let parts: Vec<_> = std::iter::once(stamp).chain(named(to)).collect();
    Seal::read(signature, &parts, Form::Beside)
}

/// A part with the id that it can be referred to by.
fn named<'a, 'i>(part: Option<Node<'a, 'i>>) -> Option<(&'a str, Node<'a, 'i>)> {
    let part = part?;
    let id = part.attribute((UTILITY, "Id")).filter(|id| !id.is_empty())?;
    Some((id, part))
}

/// Whether a signature says that it was made with the key of this token: by the token's id or the certificate's SHA-1.
fn refers_to(
    signature: Node<'_, '_>,
    token: Node<'_, '_>,
    certificate: &PeerCertificate,
) -> Result<bool, Refused> {
    let info = need(signature, DSIG, "KeyInfo")?;
    let reference = need(info, SECURITY, "SecurityTokenReference")?;
    if let Some(direct) = one(reference, SECURITY, "Reference")? {
        let id = direct.attribute("URI").and_then(|uri| uri.strip_prefix('#'));
        return Ok(id.is_some() && id == token.attribute((UTILITY, "Id")));
    }
    let by_hash = need(reference, SECURITY, "KeyIdentifier")?;
    if by_hash.attribute("ValueType") != Some(THUMBPRINT) {
        return Err(Refused::malformed("its key is named by something else than a thumbprint"));
    }
    Ok(from_either(&text(by_hash)?).as_deref() == Some(certificate.thumbprint.as_bytes()))
}

/// Signs in whom a certificate names, and issues the assertion.
pub(super) fn with_certificate(call: &Call, request: &TokenRequest) -> Result<Issued, Refused> {
    let missing = || Refused::wire("message-security-missing");
    let proof =
        request.proof.as_ref().ok_or_else(|| missing().with("it has no BinarySecurityToken"))?;
    let certificate = &proof.certificate;
    call.note("certificate", certificate.thumbprint.to_string());
    let broken = |defect: SealDefect| {
        Refused::from(FederationRefusal::SignatureWrong).with(defect.to_string())
    };
    match (&proof.seal, &certificate.key) {
        (Err(SealDefect::Unsigned), _) => return Err(missing().with("it has no Signature")),
        (Err(defect), _) => return Err(broken(*defect)),
        (Ok(seal), PublicKey::Rsa(key)) => seal.made_by(key).map_err(broken)?,
        (Ok(_), PublicKey::P256(_) | PublicKey::Other { .. }) => {
            return Err(broken(SealDefect::Form("a key that is not RSA")));
        }
    }
    let upn = certificate.upn();
    if let Some(upn) = &upn {
        call.note("user", upn.chars().take(200).collect::<String>());
    }
    let authorities = call.world.federations().iter().filter(|f| f.host == call.link.host);
    let trusted = authorities
        .filter_map(|federation| federation.settings.certificate_authority.as_ref())
        .any(|authority| certificate.issued_under(authority));
    let user = match &upn {
        Some(upn) => account(call, upn)?,
        None => None,
    };
    let shown = UserCertificate {
        trusted,
        upn: upn.as_deref(),
        first: Instant::from_seconds(certificate.not_before),
        last: Instant::from_seconds(certificate.not_after),
    };
    let tenant = &call.world.tenant;
    with_user_certificate(tenant, &call.link.host, shown, user.as_ref(), call.now())
        .map_err(|refusal| Refused::from(refusal).with(&certificate.subject))?;
    let (token_type, upn) = (request.token_type.as_deref(), upn.unwrap_or_default());
    issue_to_user(call, &upn, user.as_ref(), token_type, AuthnMethod::Certificate)
}
