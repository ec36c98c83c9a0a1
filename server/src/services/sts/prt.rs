//! Primary refresh tokens: request, use, renewal (MS-OAPXBC; section 7; client notes 5 and 6).
//!
//! A request signed with the device key (RS256, `x5c`) asks for one; a request signed with a key derived from its session
//! key (HS256, `ctx`) uses it. The key derivation is chosen by the JWT header, never by the api version. Times in these
//! requests are decoration, are strings with one client, and are not judged; the nonce is what makes a request fresh.
//! A device may also ask for itself ([`device_token`]). Left out: user certificates, protocol 4.0.

use linarite_core::device::{DeviceKey, KnownDevice, ShownCertificate};
use linarite_core::grant::may_derive_the_first_way;
use linarite_core::instant::Instant;
use linarite_core::refusal::{DeviceRefusal, GrantRefusal};
use linarite_core::registration::{FittingClock, span_fits};
use linarite_core::second_factor::is_device;
use linarite_core::signin::GrantKind;
use serde::Deserialize;

use super::claims;
use super::device_token;
use super::grants::{Holder, Prt, RefreshToken, check_nonce, in_time, open, seal};
use super::issue::{Issue, signed};
use super::refuse::Refused;
use super::request::{Parameters, known_client, wanted};
use super::saml::{self, SAML_1, SAML_2};
use super::second_factor;
use super::token::{Answer, JWT_BEARER, enter, may_redeem, note_holder};
use crate::clock::Clock;
use crate::directory::{DeviceEvidence, OnceMark, Purpose, Session, SignIn, UserEvidence, UserKey};
use crate::entropy::Stream;
use crate::json::Members;
use crate::keys::certificate::PeerCertificate;
use crate::keys::encoding::from_either;
use crate::keys::hello::verify_assertion;
use crate::keys::jose::{Jws, deserialize_seconds};
use crate::keys::jwe;
use crate::keys::kdf::KdfVersion;
use crate::keys::saml::SamlVersion;
use crate::keys::transport::TransportKey;
use crate::services::call::Call;

/// The payload of a signed request. Members that only decorate are not read.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Request {
    pub(super) client_id: Option<String>,
    pub(super) request_nonce: Option<String>,
    scope: Option<String>,
    grant_type: Option<String>,
    username: Option<String>,
    password: Option<String>,
    pub(super) refresh_token: Option<String>,
    assertion: Option<String>,
    pub(super) resource: Option<String>,
}

/// Answers a signed request.
pub(super) async fn exchange(
    call: &Call,
    form: &Parameters,
    request: &str,
    v2: bool,
) -> Result<Answer, Refused> {
    let jws = Jws::parse(request).map_err(|_| GrantRefusal::SignatureInvalid)?;
    let payload: Request = jws.payload_json().map_err(|_| Refused::wire("request-malformed"))?;
    if let Some(id) = &payload.client_id {
        call.note("client_id", id.chars().take(100).collect::<String>());
    }
    if jws.header().x5c.is_empty() {
        use_prt(call, &jws, &payload, form, v2).await.map(Answer::Sealed)
    } else {
        let alone = payload.grant_type.as_deref() == Some(device_token::GRANT);
        if alone {
            device_token::answer(call, &jws, &payload).await.map(Answer::Clear)
        } else {
            let client_info = form.get("client_info") == Some("1");
            request_prt(call, &jws, &payload, client_info).await.map(Answer::Clear)
        }
    }
}

/// The certificate that signed a request, once the signature is found right; its device is noted.
pub(super) fn shown_certificate(call: &Call, jws: &Jws) -> Result<ShownCertificate, GrantRefusal> {
    let certificate = signer(jws)?;
    let subject = certificate.device_id();
    if let Some(device) = subject {
        call.note_device(device);
    }
    Ok(ShownCertificate {
        key: DeviceKey {
            thumbprint: certificate.thumbprint,
            alt_security_id: certificate.alt_security_id(),
        },
        not_before: Instant::from_seconds(certificate.not_before),
        not_after: Instant::from_seconds(certificate.not_after),
        subject,
    })
}

fn signer(jws: &Jws) -> Result<PeerCertificate, GrantRefusal> {
    let der = jws.header().x5c.first().ok_or(GrantRefusal::SignatureInvalid)?;
    let certificate = PeerCertificate::from_der(der).map_err(|_| GrantRefusal::SignatureInvalid)?;
    jws.verify(&certificate.key).map_err(|_| GrantRefusal::SignatureInvalid)?;
    Ok(certificate)
}

async fn request_prt(
    call: &Call,
    jws: &Jws,
    payload: &Request,
    client_info: bool,
) -> Result<String, Refused> {
    let shown = shown_certificate(call, jws)?;
    let client = known_client(call, payload.client_id.as_deref().unwrap_or_default())?;
    let mark = check_nonce(call, payload.request_nonce.as_deref())?;
    let Shows { user, mut amr, auth_time, once, name } = user_evidence(call, payload)?;
    let once = std::iter::once(mark).chain(once).collect();
    let sign_in = SignIn {
        user,
        device: DeviceEvidence::Certificate(shown),
        once,
        now: call.now(),
        purpose: Purpose::PrimaryRefreshToken,
    };
    let session = enter(call, sign_in).await.map_err(|refused| refused.with("user", name))?;
    if matches!(session.device.as_deref(), Some(KnownDevice::Present(own)) if is_device(own, session.user.id))
    {
        second_factor::note_in(&mut amr);
    }
    let key = transport_key(&session)?;
    let session_key: [u8; 32] = call.world.entropy.draw(Stream::SessionKey);
    let wrapped =
        key.wrap(&session_key).map_err(|_| Refused::from(GrantRefusal::SessionKeyInvalid))?;
    let asked = wanted(call, None, payload.scope.as_deref().unwrap_or("openid aza"))?;
    let issue = Issue {
        session: &session,
        client,
        wanted: &asked,
        amr: &amr,
        auth_time,
        nonce: None,
        v2: false,
        client_info,
    };
    let prt = new_prt(call, &issue, &session_key)?;
    let id_token = claims::id_token(call, &session, client, None, &amr, false);
    let lifetime = call.world.tenant.settings.prt_lifetime.seconds();
    let mut answer = Members::with_room(6144);
    answer.text("token_type", "Bearer");
    answer.shown("expires_in", lifetime);
    answer.text("ext_expires_in", "0");
    answer.shown("expires_on", call.now().seconds() + lifetime);
    answer.text("refresh_token", &prt);
    answer.number("refresh_token_expires_in", lifetime);
    answer.text("session_key_jwe", &wrapped);
    answer.text("id_token", &signed(call, &id_token)?);
    answer.shown("device_tenant_id", call.world.tenant.id);
    if client_info {
        answer.text("client_info", &claims::client_info(call, &session.user));
    }
    call.note("operation", "prt.request");
    issue.note(call, None);
    Ok(answer.finish())
}

/// What the user shows inside a signed request, and how that counts as a way to sign in.
struct Shows {
    user: UserEvidence,
    amr: Vec<String>,
    /// When the user proved it, in seconds.
    auth_time: i64,
    /// What is used up by it, beside the request's own nonce.
    once: Option<OnceMark>,
    /// What a refusal calls the user; empty when nothing says it.
    name: String,
}

fn user_evidence(call: &Call, payload: &Request) -> Result<Shows, Refused> {
    let words = |amr: &[&str]| amr.iter().map(|&word| word.to_owned()).collect();
    let auth_time = call.now().seconds();
    match payload.grant_type.as_deref() {
        Some("password") => {
            let upn = payload.username.clone().ok_or_else(|| Refused::missing("username"))?;
            call.note("user", upn.as_str());
            let password = payload.password.clone().unwrap_or_default();
            let name = upn.clone();
            let user = UserEvidence::Password { upn, password };
            Ok(Shows { user, amr: words(&["pwd"]), auth_time, once: None, name })
        }
        Some("refresh_token") => {
            let text = payload.refresh_token.as_deref();
            let token: RefreshToken =
                open(call, text.ok_or_else(|| Refused::missing("refresh_token"))?)?;
            in_time(call, token.until)?;
            let id = payload.client_id.as_deref().unwrap_or_default();
            may_redeem(call, known_client(call, id)?, &token)?;
            let user = token.holder.user_and_device()?;
            let Holder { amr, auth_time, .. } = token.holder;
            Ok(Shows { user, amr, auth_time, once: None, name: String::new() })
        }
        Some(JWT_BEARER) => {
            let (user, mark) = hello(call, payload)?;
            let amr = words(&["rsa", "ngcmfa", "mfa"]);
            Ok(Shows { user, amr, auth_time, once: Some(mark), name: String::new() })
        }
        Some(grant @ (SAML_1 | SAML_2)) => {
            let version = if grant == SAML_1 { SamlVersion::V1 } else { SamlVersion::V2 };
            let text = payload.assertion.as_deref();
            let text = text.ok_or_else(|| Refused::missing("assertion"))?;
            let saml::Federated { user, amr, name } = saml::vouched(call, text, version)?.user()?;
            Ok(Shows { user, amr, auth_time, once: None, name })
        }
        Some(other) => {
            let shown: String = other.chars().take(100).collect();
            Err(Refused::wire("grant-type-not-emulated").with("name", shown))
        }
        None => Err(Refused::missing("grant_type")),
    }
}

/// A Windows Hello assertion, signed with a key that was registered for the user. Its times are the client's and fit the
/// world's or the real ones; its nonce is used up like the request's own.
fn hello(call: &Call, payload: &Request) -> Result<(UserEvidence, OnceMark), Refused> {
    #[derive(Deserialize)]
    struct Assertion {
        iss: Option<String>,
        request_nonce: Option<String>,
        #[serde(default, deserialize_with = "deserialize_seconds")]
        iat: Option<i64>,
        #[serde(default, deserialize_with = "deserialize_seconds")]
        exp: Option<i64>,
    }
    let text = payload.assertion.as_deref().ok_or_else(|| Refused::missing("assertion"))?;
    let jws = Jws::parse(text).map_err(|_| GrantRefusal::HelloSignatureInvalid)?;
    let kid = jws.header().kid.as_deref().and_then(from_either);
    let id: [u8; 32] =
        kid.and_then(|kid| kid.try_into().ok()).ok_or(GrantRefusal::HelloKeyUnknown)?;
    let directory = &call.world.directory;
    let found = directory.hello_key(id).ok().flatten();
    let (user, blob) = found.ok_or(GrantRefusal::HelloKeyUnknown)?;
    let key = TransportKey::from_blob(&blob).map_err(|_| GrantRefusal::HelloKeyUnknown)?;
    verify_assertion(&jws, &key).map_err(|_| GrantRefusal::HelloSignatureInvalid)?;
    let said: Assertion = jws.payload_json().map_err(|_| GrantRefusal::HelloSignatureInvalid)?;
    let owner = directory.user(&UserKey::Id(user)).ok().flatten();
    let own = owner.zip(said.iss).is_some_and(|(owner, iss)| owner.upn.eq_ignore_ascii_case(&iss));
    if !own {
        return Err(GrantRefusal::HelloKeyUnknown.into());
    }
    let moment = |seconds: Option<i64>| seconds.map(Instant::from_seconds);
    let tolerance = call.world.tenant.settings.client_clock_tolerance;
    let (Some(from), Some(until)) = (moment(said.iat), moment(said.exp)) else {
        return Err(GrantRefusal::HelloOutdated.into());
    };
    match span_fits(from, until, call.now(), Clock::real(), tolerance) {
        Some(FittingClock::World) => call.note("stamped_by", "world time"),
        Some(FittingClock::Real) => call.note("stamped_by", "real time"),
        None => return Err(GrantRefusal::HelloOutdated.into()),
    }
    let mark = check_nonce(call, said.request_nonce.as_deref())?;
    Ok((UserEvidence::Key { user }, mark))
}

fn transport_key(session: &Session) -> Result<TransportKey, Refused> {
    let kept = session.device.as_ref().and_then(|device| device.transport_key());
    kept.and_then(|blob| TransportKey::from_blob(blob).ok())
        .ok_or_else(|| linarite_core::refusal::SessionRefusal::from(DeviceRefusal::Pending).into())
}

fn new_prt(call: &Call, issue: &Issue<'_>, key: &[u8; 32]) -> Result<String, Refused> {
    let until = call.now() + call.world.tenant.settings.prt_lifetime;
    Ok(seal(call, &Prt::new(issue.holder(), key, until))?)
}

/// A primary refresh token whose request is signed with its session key.
pub(super) struct Shown {
    pub(super) prt: Prt,
    pub(super) key: [u8; 32],
}

/// Opens the primary refresh token of a request and checks the request's signature with its session key.
pub(super) fn shown_prt(call: &Call, jws: &Jws, payload: &Request) -> Result<Shown, Refused> {
    let text = payload.refresh_token.as_deref().ok_or_else(|| Refused::missing("refresh_token"))?;
    let prt: Prt = open(call, text)?;
    note_holder(call, &prt.holder);
    let key = prt.session_key()?;
    if jws.header().kdf_version() == Ok(KdfVersion::V1) {
        may_derive_the_first_way(&call.world.tenant.settings)?;
    }
    jws.verify_with_session_key(&key).map_err(|_| GrantRefusal::SessionKeyInvalid)?;
    in_time(call, prt.until)?;
    Ok(Shown { prt, key })
}

async fn use_prt(
    call: &Call,
    jws: &Jws,
    payload: &Request,
    form: &Parameters,
    v2: bool,
) -> Result<String, Refused> {
    let Shown { prt, key } = shown_prt(call, jws, payload)?;
    let client = known_client(call, payload.client_id.as_deref().unwrap_or_default())?;
    let mark = check_nonce(call, payload.request_nonce.as_deref())?;
    let scope = payload.scope.as_deref().unwrap_or("openid");
    let renewal = scope.split_whitespace().any(|word| word == "aza");
    let resource = payload.resource.as_deref().filter(|resource| !resource.is_empty());
    let resource = resource.filter(|_| !renewal);
    let asked = wanted(call, resource, scope)?.with_claims(call, form)?;
    let sign_in = SignIn {
        user: prt.holder.user(GrantKind::Session)?,
        device: prt.holder.device()?,
        once: vec![mark],
        now: call.now(),
        purpose: if renewal {
            Purpose::PrimaryRefreshToken
        } else {
            asked.purpose(call, &prt.holder.amr)
        },
    };
    let session = enter(call, sign_in).await?;
    let issue = Issue {
        session: &session,
        client,
        wanted: &asked,
        amr: &prt.holder.amr,
        auth_time: prt.holder.auth_time,
        nonce: None,
        v2,
        client_info: form.get("client_info") == Some("1"),
    };
    let answer = if renewal {
        call.note("operation", "prt.renew");
        let lifetime = call.world.tenant.settings.prt_lifetime.seconds();
        issue.note(call, None);
        let id_token = claims::id_token(call, &session, client, None, &prt.holder.amr, false);
        let mut answer = Members::with_room(4096);
        answer.text("id_token", &signed(call, &id_token)?);
        answer.text("token_type", "Bearer");
        answer.shown("expires_in", lifetime);
        answer.text("ext_expires_in", "0");
        answer.shown("expires_on", call.now().seconds() + lifetime);
        answer.text("refresh_token", &new_prt(call, &issue, &key)?);
        answer.number("refresh_token_expires_in", lifetime);
        answer.finish()
    } else {
        call.note("operation", "prt.use");
        issue.answer(call)?
    };
    let context: [u8; 24] = call.world.entropy.draw(Stream::Reply);
    // The client that derives keys the first way reads answers in CBC only; the others read both.
    let sealed = if jws.header().kdf_version() == Ok(KdfVersion::V1) {
        let iv: [u8; 16] = call.world.entropy.draw(Stream::Reply);
        jwe::encrypt_cbc(&key, &context, iv, answer.as_bytes())
    } else {
        let iv: [u8; 12] = call.world.entropy.draw(Stream::Reply);
        jwe::encrypt(&key, &context, iv, answer.as_bytes())
    };
    sealed.map_err(|_| GrantRefusal::SessionKeyInvalid.into())
}
