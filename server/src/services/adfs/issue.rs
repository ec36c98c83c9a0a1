//! Assertions, and the answers that carry them (WS-Trust 1.3 and 2005).
//!
//! Times are the server's own: world time and the offset of its clock. An answer holds one response and one token type,
//! because known clients cut both out of the text with greedy patterns, and the assertion declares every namespace that
//! it uses. Left out: references to the assertion, which none reads, and keys.

use linarite_core::ids::UserId;
use linarite_core::instant::Instant;
use linarite_core::user::User;

use super::fault::Refused;
use super::integrated::Computer;
use super::names::{ADDRESSING, CLOUD, POLICY, SECURITY, UTILITY};
use crate::clock::format;
use crate::entropy::Stream;
use crate::faults::SignatureDefect;
use crate::journal::Kind;
use crate::keys::encoding::to_standard;
use crate::keys::saml::{AssertionSpec, AuthnMethod, Claim, SamlVersion, Sealing, claims};
use crate::services::call::Call;
use crate::services::reply::escape;
use crate::services::soap;
use crate::world::Federation;
use crate::world::federation_settings::TrustVersion;

/// The types of token in the token profile of WS-Security, which mean the same as SAML's own names.
const PROFILE: &str = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV";

/// Who an assertion is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'a> {
    /// A user.
    User(&'a User),
    /// A computer.
    Computer(&'a Computer),
}

/// An assertion with what an answer says of it.
#[derive(Clone, Debug)]
pub(super) struct Issued {
    assertion: String,
    token_type: String,
    /// When the server's clock says that it was made.
    issued: Instant,
    not_before: Instant,
    not_on_or_after: Instant,
}

/// The version of SAML that a request names by a type of token; 1.1 when it names none.
pub(super) fn version_of(token_type: Option<&str>) -> Result<SamlVersion, Refused> {
    let Some(token_type) = token_type.filter(|t| !t.is_empty()) else { return Ok(SamlVersion::V1) };
    let found = [(SamlVersion::V1, "1.1"), (SamlVersion::V2, "2.0")].into_iter().find(
        |(version, number)| {
            token_type == version.token_type() || token_type.strip_prefix(PROFILE) == Some(*number)
        },
    );
    match found {
        Some((version, _)) => Ok(version),
        None => {
            Err(Refused::wire("trust-request-unsupported").with(format!("token type {token_type}")))
        }
    }
}

/// The relying party, when the server knows it.
pub(super) fn relying_party(name: &str) -> Result<&'static str, Refused> {
    if name == CLOUD { Ok(CLOUD) } else { Err(Refused::wire("trust-realm-unknown").with(name)) }
}

/// The federation of the domain behind a user principal name.
pub(super) fn federation_of<'a>(call: &'a Call, domain: &str) -> Option<&'a Federation> {
    call.world.federation(domain).filter(|federation| federation.host == call.link.host)
}

/// Issues an assertion for the cloud directory. `asked` is the type of token as it was asked for.
pub(super) fn issue(
    call: &Call,
    federation: &Federation,
    subject: Subject<'_>,
    asked: Option<&str>,
    authn_method: AuthnMethod,
) -> Result<Issued, Refused> {
    let version = version_of(asked)?;
    let defects = call.world.faults.federation(&federation.domain, call.now());
    if defects.spoils_assertions() {
        call.note("fault", defects.fault.clone());
    }
    let now = call.now() + federation.settings.clock_offset + defects.clock_offset;
    let issuer = defects.issuer.unwrap_or_else(|| federation.issuer.clone());
    let (upn, immutable_id, mut claims) = match subject {
        Subject::User(user) => (Some(user.upn.clone()), user.immutable_id.clone(), Vec::new()),
        Subject::Computer(computer) => {
            let guid = to_standard(computer.object_guid.to_bytes_le());
            let own = vec![
                Claim::new(claims::ACCOUNT_TYPE, "DJ"),
                Claim::new(claims::ON_PREM_OBJECT_GUID, guid.as_str()),
                Claim::new(claims::PRIMARY_SID, computer.sid.as_str()),
            ];
            (None, Some(guid), own)
        }
    };
    let immutable_id = defects.immutable_id.or(immutable_id);
    if call.world.federations().iter().filter(|f| f.host == federation.host).count() > 1 {
        claims.push(Claim::new(claims::ISSUER_ID, issuer.as_str()));
    }
    if authn_method == AuthnMethod::Windows {
        claims.push(Claim::new(claims::INSIDE_CORPORATE_NETWORK, "true"));
    }
    let spec = AssertionSpec {
        version,
        id: format!("_{}", call.world.entropy.guid(Stream::Token)),
        issuer,
        audience: defects.audience.unwrap_or_else(|| CLOUD.to_owned()),
        not_before: defects.not_before.map_or(now, |offset| now + offset),
        not_on_or_after: match defects.not_on_or_after {
            Some(offset) => now + offset,
            None => now + federation.settings.token_lifetime,
        },
        issue_instant: now,
        name_id: immutable_id.clone(),
        upn,
        immutable_id,
        authn_method,
        claims,
        recipient: Some("https://login.microsoftonline.com/login.srf".to_owned()),
    };
    let sealing = match defects.signature {
        None => Sealing::Good,
        Some(SignatureDefect::None) => Sealing::None,
        Some(SignatureDefect::WrongKey) => Sealing::WrongKey(&federation.stranger),
        Some(SignatureDefect::Corrupt) => Sealing::WrongDigest,
    };
    let assertion = spec
        .write(&federation.signer, &federation.certificate, sealing)
        .map_err(|_| Refused::wire("federation-failed").with("the key did not sign"))?;
    note(call, subject, &spec);
    Ok(Issued {
        assertion,
        token_type: asked.unwrap_or_else(|| version.token_type()).to_owned(),
        issued: now,
        not_before: spec.not_before,
        not_on_or_after: spec.not_on_or_after,
    })
}

fn note(call: &Call, subject: Subject<'_>, spec: &AssertionSpec) {
    let told = ["operation", "endpoint", "user", "computer", "certificate", "stamped_by"];
    let mut fields = call.chosen_facts(&told);
    let user_id: Option<UserId> = match subject {
        Subject::User(user) => Some(user.id),
        Subject::Computer(_) => None,
    };
    fields.insert("user_id", user_id.map(|id| id.to_string()));
    fields.insert("audience", spec.audience.as_str());
    fields.insert("issuer", spec.issuer.as_str());
    fields.insert("not_before", crate::clock::rfc3339(spec.not_before));
    fields.insert("not_on_or_after", crate::clock::rfc3339(spec.not_on_or_after));
    call.record(Kind::FederationIssued, fields);
}

fn print(moment: Instant) -> String {
    format(moment, "%Y-%m-%dT%H:%M:%S%.3fZ")
}

impl Issued {
    /// The response alone, as sign-in by a browser hands it on.
    pub(super) fn response(&self, version: TrustVersion) -> String {
        let prefix = match version {
            TrustVersion::V13 => "trust",
            TrustVersion::V2005 => "t",
        };
        let namespace = version.namespace();
        let element =
            |name: &str, content: &str| format!("<{prefix}:{name}>{content}</{prefix}:{name}>");
        let lifetime = format!(
            "<wsu:Created xmlns:wsu=\"{UTILITY}\">{}</wsu:Created><wsu:Expires xmlns:wsu=\"{UTILITY}\">{}</wsu:Expires>",
            print(self.not_before),
            print(self.not_on_or_after)
        );
        format!(
            "<{prefix}:RequestSecurityTokenResponse xmlns:{prefix}=\"{namespace}\">{lifetime}<wsp:AppliesTo xmlns:wsp=\"{POLICY}\"><wsa:EndpointReference xmlns:wsa=\"{ADDRESSING}\"><wsa:Address>{CLOUD}</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>{token}{kind}{request}{key}</{prefix}:RequestSecurityTokenResponse>",
            lifetime = element("Lifetime", &lifetime),
            token = element("RequestedSecurityToken", &self.assertion),
            kind = element("TokenType", &escape(&self.token_type)),
            request = element("RequestType", version.issue()),
            key = element("KeyType", version.bearer()),
        )
    }

    /// The whole answer to a message with this id.
    pub(super) fn envelope(&self, version: TrustVersion, relates_to: Option<&str>) -> String {
        let response = self.response(version);
        let body = match version {
            TrustVersion::V13 => format!(
                "<trust:RequestSecurityTokenResponseCollection xmlns:trust=\"{}\">{response}</trust:RequestSecurityTokenResponseCollection>",
                version.namespace()
            ),
            TrustVersion::V2005 => response,
        };
        let until = self.issued + linarite_core::instant::Span::from_minutes(5);
        let security = format!(
            "<o:Security s:mustUnderstand=\"1\" xmlns:o=\"{SECURITY}\" xmlns:u=\"{UTILITY}\"><u:Timestamp u:Id=\"_0\"><u:Created>{}</u:Created><u:Expires>{}</u:Expires></u:Timestamp></o:Security>",
            print(self.issued),
            print(until),
        );
        soap::envelope(version.response_action(), relates_to, &security, &body)
    }
}
