//! Sign-in with the assertion of a federation server (SAML bearer, versions 1.1 and 2.0; client-msal.md 3.6), by a grant
//! or by a browser.
//!
//! The assertion comes in base64 of either alphabet, padded or not, with white space about it. It is parsed and its seal is
//! compared with the keys of the domains that have its issuer; what follows from that is decided in core.
//! One about a domain computer (account type `DJ`) gets a token for device registration ([`super::computer`]) and signs
//! nobody in.

use linarite_core::assertion::{Seal, Shown, accept, accept_computer};
use linarite_core::refusal::AssertionRefusal;
use linarite_core::vouched::ACCOUNT_TYPE;

use super::refuse::Refused;
use crate::directory::UserEvidence;
use crate::keys::encoding::from_either;
use crate::keys::saml::{Assertion, AuthnMethod, Presented, SamlVersion, SealDefect, claims};
use crate::services::call::Call;
use crate::world::Federation;
use crate::world::federation::CLOUD_AUDIENCE;

// Written out, although `SamlVersion::grant_type` says the same: a pattern in an async function whose constant is worked
// out by a function ends in a cycle of the optimising compiler (rustc 1.95).
/// The grant type of SAML 1.1.
pub(super) const SAML_1: &str = "urn:ietf:params:oauth:grant-type:saml1_1-bearer";
/// The grant type of SAML 2.0.
pub(super) const SAML_2: &str = "urn:ietf:params:oauth:grant-type:saml2-bearer";
const _: () = assert!(SAML_1.len() == SamlVersion::V1.grant_type().len());
const _: () = assert!(SAML_2.len() == SamlVersion::V2.grant_type().len());

/// Whom an accepted assertion speaks for.
pub(super) enum Vouched {
    /// A user.
    User(Federated),
    /// A domain computer.
    Computer(Computer),
}

impl Vouched {
    /// The user; a computer is none.
    pub(super) fn user(self) -> Result<Federated, Refused> {
        match self {
            Self::User(user) => Ok(user),
            Self::Computer(computer) => {
                let named = computer.object.or(computer.sid).unwrap_or_default();
                Err(Refused::from(AssertionRefusal::ImmutableIdUnknown).with("user", named))
            }
        }
    }
}

/// A domain computer, as its assertion names it.
pub(super) struct Computer {
    /// The id of its object on premises, base64 of its bytes.
    pub(super) object: Option<String>,
    /// Its security identifier.
    pub(super) sid: Option<String>,
    /// How it signed in.
    pub(super) amr: Vec<String>,
}

/// A user that an accepted assertion signs in.
pub(super) struct Federated {
    /// Who is to be signed in.
    pub(super) user: UserEvidence,
    /// How the user proved who it is.
    pub(super) amr: Vec<String>,
    /// The name that the assertion gives the user, else its immutable id, for a refusal.
    pub(super) name: String,
}

/// Reads and judges the assertion of a grant of this type.
pub(super) fn vouched(call: &Call, text: &str, version: SamlVersion) -> Result<Vouched, Refused> {
    let Some(bytes) = from_either(text) else {
        return Err(unreadable(call, "the assertion is not base64"));
    };
    judged(call, &bytes, version)
}

/// Reads and judges an assertion.
pub(super) fn judged(call: &Call, bytes: &[u8], version: SamlVersion) -> Result<Vouched, Refused> {
    let presented = read(call, bytes, version)?;
    let said = presented.unproven();
    let issuer: String = said.issuer.chars().take(200).collect();
    let upn: String = said.claim(claims::UPN).unwrap_or_default().chars().take(200).collect();
    call.note("issuer", issuer.as_str());
    if !upn.is_empty() {
        call.note("user", upn.as_str());
    }
    let same = |one: &str| one.trim_end_matches('/') == said.issuer.trim_end_matches('/');
    let name = if upn.is_empty() {
        said.immutable_id().unwrap_or("without a name").chars().take(200).collect()
    } else {
        upn
    };
    let realms: Vec<&Federation> =
        call.world.federations().iter().filter(|realm| same(&realm.issuer)).collect();
    // Several domains may have one server and one issuer, each with a key of its own.
    let judged: Vec<(&Federation, Result<&Assertion, SealDefect>)> =
        realms.iter().map(|realm| (*realm, presented.signed_by(realm.signer.public()))).collect();
    let domains: Vec<String> = judged
        .iter()
        .filter(|(_, seal)| seal.is_ok())
        .map(|(realm, _)| realm.domain.clone())
        .collect();
    let defect = judged.first().and_then(|(_, seal)| seal.as_ref().err());
    if let (true, Some(defect)) = (domains.is_empty(), defect) {
        call.note("assertion", defect.to_string());
    }
    let shown = Shown {
        issuer_known: !realms.is_empty(),
        seal: match defect {
            _ if !domains.is_empty() => Seal::Good,
            Some(SealDefect::Unsigned) => Seal::Missing,
            Some(SealDefect::Changed | SealDefect::Form(_)) => Seal::Damaged,
            Some(SealDefect::OtherKey) | None => Seal::OtherKey,
        },
        for_this_cloud: said.audiences.iter().any(|audience| audience == CLOUD_AUDIENCE),
        not_before: said.not_before,
        not_on_or_after: said.not_on_or_after,
        immutable_id: said.immutable_id(),
    };
    let refuse = |refusal: AssertionRefusal| {
        Refused::from(refusal).with("issuer", issuer.as_str()).with("user", name.as_str())
    };
    if said.claim(claims::ACCOUNT_TYPE) == Some(ACCOUNT_TYPE) {
        let (object, sid) =
            (said.claim(claims::ON_PREM_OBJECT_GUID), said.claim(claims::PRIMARY_SID));
        // The name of a subject is no immutable id of a computer: issuers write what they like there.
        let shown = Shown { immutable_id: said.claim(claims::IMMUTABLE_ID), ..shown };
        accept_computer(&shown, object, call.now()).map_err(refuse)?;
        let own = |text: Option<&str>| text.map(str::to_owned);
        let computer = Computer { object: own(object), sid: own(sid), amr: amr(said) };
        return Ok(Vouched::Computer(computer));
    }
    let immutable_id = accept(&shown, call.now()).map_err(refuse)?.to_owned();
    let user = UserEvidence::Assertion { immutable_id, domains };
    Ok(Vouched::User(Federated { user, amr: amr(said), name }))
}

/// An assertion that cannot be read, and why.
pub(super) fn unreadable(call: &Call, why: impl Into<String>) -> Refused {
    call.note("assertion", why.into());
    AssertionRefusal::Unreadable.into()
}

fn read(call: &Call, bytes: &[u8], version: SamlVersion) -> Result<Presented, Refused> {
    let presented = Presented::read(bytes).map_err(|error| unreadable(call, error.to_string()))?;
    if presented.unproven().version == version {
        Ok(presented)
    } else {
        Err(unreadable(call, "the assertion is of another version than the grant type"))
    }
}

/// How the sign-in at the federation server counts here.
fn amr(assertion: &Assertion) -> Vec<String> {
    let first = match assertion.method() {
        Some(AuthnMethod::Password) => "pwd",
        Some(AuthnMethod::Windows) => "wia",
        Some(AuthnMethod::Certificate) => "rsa",
        None => "fed",
    };
    let second = assertion.multiple_authn().then_some("mfa");
    std::iter::once(first).chain(second).map(str::to_owned).collect()
}
