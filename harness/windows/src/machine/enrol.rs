//! What joining and registering share: discovery, the user's realm, a token for the registration service (from a federated
//! user by way of [`federation`]), and the request for a device certificate (device-registration.md 2.2, 4.1 to 4.3, 9).
//!
//! The answer is not believed: the certificate must parse, name one device, and hold the very key that asked for it.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::authorize::by_code;
use super::federation::{self, Caller};
use super::mdm::{self, Agreed, Terms};
use super::realm::{Federation, Realm, realm};
use super::second_factor::{SecondFactor, is_asked};
use super::state::{DeviceAuth, Management, Registration, ServiceEntry, Tenant};
use super::token::{Flow, TokenRequest};
use crate::answers::{member, text};
use crate::der;
use crate::hresult;
use crate::jose::base64_lenient;
use crate::keys::{KeyTrouble, PoolKey};
use crate::outcome::{Failure, Tokens};
use crate::surroundings::hex_upper;
use crate::wire::{Ask, Line, Speaker, escaped};

/// The Microsoft Authentication Broker, which asks on behalf of Windows.
pub(crate) const BROKER: &str = "29d9ed98-a469-4536-ade2-f981bc1d605e";

/// The registration service as a resource.
pub(super) const REGISTRATION_RESOURCE: &str = "urn:ms-drs:enterpriseregistration.windows.net";

/// Where the sign-in page of a join leads.
const JOIN_REDIRECT: &str = "ms-aadj-redir://auth/drs";

/// `JoinType` of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JoinType {
    /// Azure AD join.
    Join = 0,
    /// Add Work or School Account.
    Register = 4,
    /// Hybrid join of a computer of a domain.
    Hybrid = 6,
}

/// What an enrolment that worked gives.
#[derive(Debug)]
pub(super) struct Enrolled {
    pub(super) registration: Registration,
    pub(super) tokens: Tokens,
    pub(super) realm: Realm,
    /// What was agreed with the user's device management.
    pub(super) agreed: Agreed,
}

/// An enrolment that failed, and in which of `dsregcmd`'s phases.
#[derive(Debug)]
pub(super) struct EnrolFailure {
    pub(super) phase: &'static str,
    pub(super) failure: Failure,
}

pub(super) fn in_phase(phase: &'static str) -> impl FnOnce(Failure) -> EnrolFailure {
    move |failure| EnrolFailure { phase, failure }
}

/// Who joins or registers, and what it answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signer<'a> {
    pub(super) upn: &'a str,
    pub(super) password: &'a str,
    pub(super) second_factor: Option<&'a SecondFactor>,
}

/// Registers the machine (or one user's account on it) from beginning to end.
pub(super) async fn enrol(
    line: &Line,
    name: &str,
    join_type: JoinType,
    user: Signer<'_>,
    terms: Terms,
) -> Result<Enrolled, EnrolFailure> {
    let Signer { upn, password, .. } = user;
    let domain = domain_of(upn).map_err(in_phase("pre-check"))?;
    let tenant = discover(line, domain).await.map_err(in_phase("discover"))?;
    let realm = realm(line, upn, Speaker::Registration).await.map_err(in_phase("discover"))?;
    let tokens = match &realm {
        Realm::Managed => match registration_token(line, &tenant, upn, password).await {
            Err(failure) if user.second_factor.is_some() && is_asked(failure.info.aadsts) => {
                token_by_page(line, &tenant, user).await
            }
            asked => asked,
        },
        Realm::Federated(federation) => {
            federated_token(line, &tenant, federation, Caller::User { upn, password }).await
        }
    };
    let tokens = tokens.map_err(in_phase("auth"))?;
    let agreed = mdm::agree(line, &tokens, terms).await.map_err(in_phase("auth"))?;
    let who = Newcomer { name, domain, upn };
    let mut registration = request_certificate(line, who, join_type, tenant, &tokens)
        .await
        .map_err(in_phase("join"))?;
    registration.management = agreed.urls.clone();
    Ok(Enrolled { registration, tokens, realm, agreed })
}

/// A token for the registration service by way of a federation server.
pub(super) async fn federated_token(
    line: &Line,
    tenant: &Tenant,
    federation: &Federation,
    caller: Caller<'_>,
) -> Result<Tokens, Failure> {
    let assertion = federation::assertion(line, federation, caller).await?;
    federation::swap(line, tenant, &assertion).await
}

/// The domain of a user principal name.
pub(super) fn domain_of(upn: &str) -> Result<&str, Failure> {
    match upn.split_once('@') {
        Some((user, domain)) if !user.is_empty() && !domain.is_empty() => Ok(domain),
        _ => Err(Failure::new(
            hresult::INVALID_ARGUMENT,
            format!("`{upn}` is no user principal name: it must look like someone@contoso.test"),
        )),
    }
}

pub(super) async fn discover(line: &Line, domain: &str) -> Result<Tenant, Failure> {
    let url = line.registration(&format!("/{}/Discover?api-version=1.9", escaped(domain)));
    let ask = Ask::get(url).header("accept", "application/json").like_dsreg(&line.os_version);
    let answer = line.send(ask).await.map_err(|fault| fault.into_failure(Speaker::Registration))?;
    match answer.status {
        200..=299 => {}
        300..=399 => {
            let target = answer.location.clone().unwrap_or_default();
            let message = format!("{}: discovery was redirected to `{target}`", answer.exchange);
            return Err(answer.failure(hresult::DSREG_REDIRECTION_NOT_TRUSTED, message));
        }
        400 | 404 => {
            return Err(answer
                .registration_error()
                .with_hresult(hresult::DSREG_TENANT_NOT_FOUND)
                .during("discovery found no tenant"));
        }
        503 => return Err(answer.registration_error().during("discovery")),
        _ => {
            let failure = answer.registration_error().with_hresult(hresult::DSREG_DISCOVERY_FAILED);
            return Err(failure.during("discovery"));
        }
    }
    let Some(json) = answer.json() else {
        return Err(answer.unexpected(hresult::INVALID_DATA, "a discovery document in JSON"));
    };
    let tenant = tenant(&json);
    if tenant.join.url.is_empty() {
        let due = "a discovery document that names DeviceJoinService.JoinEndpoint";
        return Err(answer.unexpected(hresult::DSREG_DISCOVERY_BAD_MESSAGE, due));
    }
    Ok(tenant)
}

/// The tenant's details in a discovery document; what is missing stays empty.
fn tenant(json: &Value) -> Tenant {
    let get = |path: &[&str]| text(json, path).unwrap_or_default();
    let service = |name: &str, version: &str, url: &str, id: &str| ServiceEntry {
        version: get(&[name, version]),
        url: get(&[name, url]),
        id: get(&[name, id]),
    };
    Tenant {
        id: get(&["TenantInfo", "TenantId"]),
        name: get(&["TenantInfo", "TenantName"]),
        display_name: get(&["TenantInfo", "DisplayName"]),
        auth_code_url: get(&["AuthenticationService", "OAuth2", "AuthCodeEndpoint"]),
        access_token_url: get(&["AuthenticationService", "OAuth2", "TokenEndpoint"]),
        join: service("DeviceJoinService", "ServiceVersion", "JoinEndpoint", "JoinResourceId"),
        enrolment: service(
            "DeviceRegistrationService",
            "ServiceVersion",
            "RegistrationEndpoint",
            "RegistrationResourceId",
        ),
        key: service(
            "KeyProvisioningService",
            "ServiceVersion",
            "KeyProvisionEndpoint",
            "KeyProvisionResourceId",
        ),
        web_authn: service(
            "WebAuthNService",
            "ServiceVersion",
            "WebAuthNEndpoint",
            "WebAuthNResourceId",
        ),
        management: service(
            "DeviceManagementService",
            "ServiceVersion",
            "DeviceManagementEndpoint",
            "DeviceManagementResourceId",
        ),
    }
}

pub(super) async fn registration_token(
    line: &Line,
    tenant: &Tenant,
    upn: &str,
    password: &str,
) -> Result<Tokens, Failure> {
    let resource = registration_resource(tenant);
    let fields = [
        ("client_id", BROKER),
        ("grant_type", "password"),
        ("resource", resource),
        ("username", upn),
        ("password", password),
        ("scope", "openid"),
    ];
    let ask = Ask::form(token_url(line, tenant), &fields);
    let answer = line.send(ask).await.map_err(|fault| fault.into_failure(Speaker::Tokens))?;
    if !answer.is_success() {
        return Err(answer.token_error());
    }
    let Some(json) = answer.json() else {
        return Err(answer.unexpected(hresult::INVALID_DATA, "a token in JSON"));
    };
    answer.tokens(&json)
}

/// The resource that discovery names.
fn registration_resource(tenant: &Tenant) -> &str {
    if tenant.join.id.is_empty() { REGISTRATION_RESOURCE } else { tenant.join.id.as_str() }
}

/// The same token by the sign-in page, where the user can answer more than a password.
async fn token_by_page(line: &Line, tenant: &Tenant, user: Signer<'_>) -> Result<Tokens, Failure> {
    let request = TokenRequest {
        client: BROKER.to_owned(),
        resource: Some(registration_resource(tenant).to_owned()),
        flow: Flow::AuthCode,
        upn: Some(user.upn.to_owned()),
        password: Some(user.password.to_owned()),
        redirect_uri: Some(JOIN_REDIRECT.to_owned()),
        second_factor: user.second_factor.cloned(),
        ..TokenRequest::default()
    };
    by_code(line, BROKER, &request, Vec::new()).await
}

/// The token endpoint that discovery named, else the well-known one.
pub(super) fn token_url(line: &Line, tenant: &Tenant) -> String {
    if tenant.access_token_url.is_empty() {
        let id = if tenant.id.is_empty() { "common" } else { &tenant.id };
        line.login(&format!("/{}/oauth2/token", escaped(id)))
    } else {
        line.relocate(&tenant.access_token_url)
    }
}

pub(super) fn key_failure(trouble: &KeyTrouble) -> Failure {
    Failure::new(hresult::UNKNOWN, trouble.to_string())
}

/// Who asks for a device certificate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newcomer<'a> {
    /// The computer name.
    pub(super) name: &'a str,
    /// The domain that stands for the tenant when discovery named none.
    pub(super) domain: &'a str,
    /// The user, or nothing for a computer of a domain.
    pub(super) upn: &'a str,
}

/// The keys of one registration and what goes on the wire of them.
pub(super) struct Keys {
    device: PoolKey,
    transport: PoolKey,
    /// Whether they are in a TPM.
    tpm: bool,
    /// The member `CertificateRequest`.
    pub(super) request: Value,
    /// The member `TransportKey`.
    pub(super) blob: String,
}

impl Keys {
    /// Takes two keys from the board and signs a request with the first.
    pub(super) fn take(line: &Line) -> Result<Self, Failure> {
        let tpm = line.tpm.keeps_keys()?;
        let stream = format!("{}/keys", line.machine);
        let device = line.wire.keys().take(line.wire.chance(), &stream);
        let transport = line.wire.keys().take(line.wire.chance(), &stream);
        let request = der::certificate_request(device).map_err(|trouble| key_failure(&trouble))?;
        let blob = transport.public_blob().map_err(|trouble| key_failure(&trouble))?;
        let request = json!({ "Type": "pkcs10", "Data": STANDARD.encode(request) });
        Ok(Self { device, transport, tpm, request, blob: STANDARD.encode(blob) })
    }
}

/// Asks with a token.
pub(super) async fn request_certificate(
    line: &Line,
    who: Newcomer<'_>,
    join_type: JoinType,
    tenant: Tenant,
    tokens: &Tokens,
) -> Result<Registration, Failure> {
    let keys = Keys::take(line)?;
    let body = json!({
        "CertificateRequest": keys.request,
        "TransportKey": keys.blob,
        "TargetDomain": if tenant.name.is_empty() { who.domain } else { &tenant.name },
        "DeviceType": "Windows",
        "OSVersion": line.os_version,
        "DeviceDisplayName": who.name,
        "JoinType": join_type as u8,
        "attributes": { "ReuseDevice": "true", "ReturnClientSid": "true" },
    });
    let endpoint = line.relocate(&tenant.join.url);
    let mark = if endpoint.contains('?') { '&' } else { '?' };
    let ask = Ask::json(format!("{endpoint}{mark}api-version=2.0"), &body)
        .header("authorization", format!("Bearer {}", tokens.access_token));
    certified(line, ask, &keys, who.upn, tenant).await
}

/// Sends a request for a certificate and reads the answer.
pub(super) async fn certified(
    line: &Line,
    ask: Ask<'_>,
    keys: &Keys,
    upn: &str,
    tenant: Tenant,
) -> Result<Registration, Failure> {
    let (device_key, transport_key) = (keys.device, keys.transport);
    let ask = ask.header("accept", "application/json").like_dsreg(&line.os_version);
    let answer = line.send(ask).await.map_err(|fault| fault.into_failure(Speaker::Registration))?;
    let json = answer.json().filter(|json| {
        answer.is_success() && member(json, "Certificate").is_some_and(Value::is_object)
    });
    let Some(json) = json else {
        return Err(answer.registration_error());
    };
    let der = text(&json, &["Certificate", "RawBody"]).and_then(|raw| base64_lenient(&raw));
    let Some(der) = der else {
        return Err(answer.unexpected(hresult::INVALID_DATA, "Certificate.RawBody in base64"));
    };
    let seen = read_certificate(&der, device_key).map_err(|reason| {
        answer.failure(
            hresult::INVALID_DATA,
            format!("the device certificate is not usable: {reason}"),
        )
    })?;
    Ok(Registration {
        device_id: seen.device_id,
        thumbprint: hex_upper(digest(&SHA1_FOR_LEGACY_USE_ONLY, &der).as_ref()),
        certificate: STANDARD.encode(&der),
        not_before_ms: seen.not_before_ms,
        not_after_ms: seen.not_after_ms,
        device_key,
        transport_key,
        key_container: line.guid("key-container"),
        tpm: keys.tpm,
        upn: text(&json, &["User", "Upn"])
            .filter(|upn| !upn.is_empty())
            .unwrap_or_else(|| upn.to_owned()),
        tenant,
        device_auth: DeviceAuth::Success,
        management: Management::default(),
    })
}

pub(super) struct Seen {
    pub(super) device_id: String,
    pub(super) not_before_ms: i64,
    pub(super) not_after_ms: i64,
}

/// Checks a device certificate against the key that asked for it.
pub(super) fn read_certificate(der: &[u8], key: PoolKey) -> Result<Seen, String> {
    let Ok((rest, certificate)) = X509Certificate::from_der(der) else {
        return Err("it is not an X.509 certificate".to_owned());
    };
    if !rest.is_empty() {
        return Err(format!("{} bytes follow it", rest.len()));
    }
    let ours = key.subject_public_key_info().map_err(|trouble| trouble.to_string())?;
    if certificate.public_key().raw != ours {
        return Err("it holds another key than the one that was sent".to_owned());
    }
    let mut attributes = certificate.subject().iter_attributes();
    let only = attributes.next().filter(|_| attributes.next().is_none());
    let device_id = only
        .filter(|attribute| {
            *attribute.attr_type() == x509_parser::oid_registry::OID_X509_COMMON_NAME
        })
        .and_then(|attribute| attribute.as_str().ok())
        .filter(|id| is_guid(id));
    let Some(device_id) = device_id else {
        let subject = certificate.subject().to_string();
        return Err(format!("its subject is `{subject}`, not the common name of one device id"));
    };
    let validity = certificate.validity();
    Ok(Seen {
        device_id: device_id.to_owned(),
        not_before_ms: validity.not_before.timestamp().saturating_mul(1000),
        not_after_ms: validity.not_after.timestamp().saturating_mul(1000),
    })
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(place, letter)| match place {
            8 | 13 | 18 | 23 => letter == '-',
            _ => letter.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_name_with_both_halves_has_a_domain() {
        assert_eq!(domain_of("alice@contoso.test").unwrap(), "contoso.test");
        for bad in ["alice", "@contoso.test", "alice@", ""] {
            assert_eq!(domain_of(bad).unwrap_err().hresult, hresult::INVALID_ARGUMENT, "{bad}");
        }
    }

    #[test]
    fn a_guid_is_36_letters_with_dashes_in_place() {
        assert!(is_guid("6babcaad-604b-40ac-a9d7-9fd97c0b779f"));
        assert!(!is_guid("6babcaad604b-40ac-a9d7-9fd97c0b779f-"));
        assert!(!is_guid("6babcaad-604b-40ac-a9d7-9fd97c0b779"));
    }

    proptest! {
        #[test]
        fn reading_a_certificate_never_panics(der in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(read_certificate(&der, PoolKey::all()[0]).is_err());
        }
    }
}
