//! The token endpoint: `POST /{tenant}/oauth2[/v2.0]/token`.
//!
//! The body is read as a form whatever its content type says: the nonce request of one client has none.

use http::StatusCode;
use linarite_core::refusal::{DeviceRefusal, GrantRefusal};
use linarite_core::signin::GrantKind;
use serde_json::{Value, json};

use super::application;
use super::computer;
use super::grants::{self, Code, RefreshToken, in_time, open};
use super::issue::{Issue, is_family};
use super::prt;
use super::refuse::Refused;
use super::request::{Parameters, Wanted, client, tenant_segment, wanted};
use super::saml::{self, SAML_1, SAML_2};
use crate::directory::{DeviceEvidence, Purpose, SignIn, UserEvidence};
use crate::keys::saml::SamlVersion;
use crate::services::call::Call;
use crate::services::reply::{Reply, private_json};
use crate::world::apps::App;

pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Grant types of the service that belong to later work.
const LATER: [&str; 2] = ["device_code", "urn:ietf:params:oauth:grant-type:device_code"];

/// What an answer is sent as.
pub(super) enum Answer {
    /// Clear JSON.
    Clear(Value),
    /// Encrypted for the holder of a session key.
    Sealed(String),
}

/// The endpoint.
pub(super) async fn token(call: Call) -> Reply {
    match answer(&call).await {
        Ok(Answer::Clear(body)) => private_json(StatusCode::OK, &body),
        Ok(Answer::Sealed(jwe)) => {
            let mut reply = crate::services::reply::with_body(
                StatusCode::OK,
                "application/jose; charset=utf-8",
                jwe,
            );
            crate::services::reply::uncached(reply.headers_mut());
            reply
        }
        Err(refused) => refused.reply(&call),
    }
}

async fn answer(call: &Call) -> Result<Answer, Refused> {
    tenant_segment(call)?;
    let v2 = call.path.to_ascii_lowercase().ends_with("/v2.0/token");
    let form = Parameters::of(call.form());
    let grant = form.need("grant_type")?;
    call.note("grant", grant.chars().take(100).collect::<String>());
    match grant {
        "srv_challenge" => Ok(Answer::Clear(json!({ "Nonce": grants::new_nonce(call)? }))),
        "password" => password(call, &form, v2).await.map(Answer::Clear),
        "refresh_token" => refresh(call, &form, v2).await.map(Answer::Clear),
        "authorization_code" => code(call, &form, v2).await.map(Answer::Clear),
        SAML_1 => assertion(call, &form, SamlVersion::V1, v2).await.map(Answer::Clear),
        SAML_2 => assertion(call, &form, SamlVersion::V2, v2).await.map(Answer::Clear),
        JWT_BEARER => match form.get("request") {
            Some(request) => prt::exchange(call, &form, request, v2).await,
            None if form.get("assertion").is_some() => {
                Err(Refused::wire("grant-type-not-emulated").with("name", "on-behalf-of"))
            }
            None => Err(Refused::missing("request")),
        },
        "client_credentials" => application::credentials(call, &form, v2).map(Answer::Clear),
        other if LATER.contains(&other) => {
            Err(Refused::wire("grant-type-not-emulated").with("name", other))
        }
        other => {
            let shown: String = other.chars().take(100).collect();
            Err(Refused::wire("grant-type-unsupported").with("name", shown))
        }
    }
}

/// What is wanted, by the parameters of this version; what a grant remembers stands in for what is missing.
fn asked(
    call: &Call,
    form: &Parameters,
    v2: bool,
    remembered: Option<(&str, &str)>,
) -> Result<Wanted, Refused> {
    resource_asked(call, form, v2, remembered)?.with_claims(call, form)
}

fn resource_asked(
    call: &Call,
    form: &Parameters,
    v2: bool,
    remembered: Option<(&str, &str)>,
) -> Result<Wanted, Refused> {
    let (resource, scope) = (form.get("resource"), form.get("scope"));
    if v2 {
        let scope = match (scope, remembered) {
            (Some(scope), _) => scope,
            (None, Some((_, scope))) if !scope.is_empty() => scope,
            (None, Some((resource, _))) => return wanted(call, Some(resource), "openid"),
            (None, None) => return Err(Refused::missing("scope")),
        };
        // Scopes about the sign-in alone leave the resource as it was.
        let other = scope.split_whitespace().any(|w| w.contains('/') || w.contains('.'));
        let resource = if other { None } else { remembered.map(|(resource, _)| resource) };
        wanted(call, resource, scope)
    } else {
        let resource = resource
            .or_else(|| remembered.map(|(resource, _)| resource))
            .unwrap_or("https://graph.windows.net");
        // The first version always answers with an id token.
        wanted(call, Some(resource), scope.unwrap_or("openid"))
            .map(|wanted| Wanted { openid: true, ..wanted })
    }
}

async fn password(call: &Call, form: &Parameters, v2: bool) -> Result<Value, Refused> {
    let client = client(call, form)?;
    let upn = form.need("username")?;
    call.note("user", upn);
    let wanted = asked(call, form, v2, None)?;
    let user = UserEvidence::Password {
        upn: upn.to_owned(),
        password: form.get("password").unwrap_or_default().to_owned(),
    };
    let amr = ["pwd".to_owned()];
    let sign_in = SignIn {
        user,
        device: DeviceEvidence::None,
        once: Vec::new(),
        now: call.now(),
        purpose: wanted.purpose(call, &amr),
    };
    let session = enter(call, sign_in).await.map_err(|r| r.with("user", upn))?;
    Issue {
        session: &session,
        client,
        wanted: &wanted,
        amr: &amr,
        auth_time: call.now().seconds(),
        nonce: None,
        v2,
        client_info: form.get("client_info") == Some("1"),
    }
    .answer(call)
}

async fn assertion(
    call: &Call,
    form: &Parameters,
    version: SamlVersion,
    v2: bool,
) -> Result<Value, Refused> {
    let client = client(call, form)?;
    let text = form.need("assertion")?;
    let wanted = asked(call, form, v2, None)?;
    let saml::Federated { user, amr, upn } = match saml::vouched(call, text, version)? {
        saml::Vouched::User(user) => user,
        saml::Vouched::Computer(computer) => {
            return computer::answer(call, client, &wanted, &computer, v2);
        }
    };
    let sign_in = SignIn {
        user,
        device: DeviceEvidence::None,
        once: Vec::new(),
        now: call.now(),
        purpose: wanted.purpose(call, &amr),
    };
    let session = enter(call, sign_in).await.map_err(|r| r.with("user", upn))?;
    Issue {
        session: &session,
        client,
        wanted: &wanted,
        amr: &amr,
        auth_time: call.now().seconds(),
        nonce: None,
        v2,
        client_info: form.get("client_info") == Some("1"),
    }
    .answer(call)
}

/// Asks the directory; a fault of the machine is shown as a refusal that says nothing about it.
pub(super) async fn enter(
    call: &Call,
    sign_in: SignIn,
) -> Result<crate::directory::Session, Refused> {
    let unseen = call.world.faults.unseen_keys(call.now());
    let (faults, unseen): (Vec<_>, Vec<_>) = unseen.into_iter().unzip();
    match call.world.directory.sign_in(&call.world.tenant, unseen, sign_in).await {
        Ok(decided) => {
            match &decided {
                Ok(session) => super::issue::note_session(call, session),
                Err(denied) if denied.refusal == DeviceRefusal::NotReplicated.into() => {
                    call.note("fault", faults.into_iter().next());
                }
                Err(_) => {}
            }
            Ok(decided?)
        }
        Err(error) => {
            tracing::error!(%error, "a sign-in failed");
            Err(Refused::wire("directory-failed"))
        }
    }
}

async fn refresh(call: &Call, form: &Parameters, v2: bool) -> Result<Value, Refused> {
    let client = client(call, form)?;
    let token: RefreshToken = open(call, form.need("refresh_token")?)?;
    note_holder(call, &token.holder);
    let wanted = asked(call, form, v2, Some((&token.resource, &token.scope)))?;
    let purpose = wanted.purpose(call, &token.holder.amr);
    let session = redeem(call, client, &token, purpose).await?;
    Issue {
        session: &session,
        client,
        wanted: &wanted,
        amr: &token.holder.amr,
        auth_time: token.holder.auth_time,
        nonce: None,
        v2,
        client_info: form.get("client_info") == Some("1"),
    }
    .answer(call)
}

/// Notes whose grant was shown, so that a refusal names its device too.
pub(super) fn note_holder(call: &Call, holder: &grants::Holder) {
    if let Ok(DeviceEvidence::Grant { device, .. }) = holder.device() {
        call.note_device(device);
    }
}

async fn redeem(
    call: &Call,
    client: &App,
    token: &RefreshToken,
    purpose: Purpose,
) -> Result<crate::directory::Session, Refused> {
    in_time(call, token.until)?;
    may_redeem(call, client, token)?;
    let sign_in = SignIn {
        user: token.holder.user(GrantKind::Token)?,
        device: token.holder.device()?,
        once: Vec::new(),
        now: call.now(),
        purpose,
    };
    enter(call, sign_in).await
}

/// Clients of the service redeem each other's refresh tokens; everybody else only its own.
pub(super) fn may_redeem(
    call: &Call,
    client: &App,
    token: &RefreshToken,
) -> Result<(), GrantRefusal> {
    let issued_to = call.world.apps.client(&token.client);
    let own = issued_to.is_some_and(|issued_to| issued_to.id == client.id);
    let family = issued_to.is_some_and(is_family) && is_family(client);
    if own || family { Ok(()) } else { Err(GrantRefusal::OtherClient) }
}

async fn code(call: &Call, form: &Parameters, v2: bool) -> Result<Value, Refused> {
    let client = client(call, form)?;
    let code: Code = open(call, form.need("code")?)?;
    note_holder(call, &code.holder);
    in_time(call, code.until)?;
    if call.world.apps.client(&code.asked.client).is_none_or(|issued_to| issued_to.id != client.id)
    {
        return Err(GrantRefusal::OtherClient.into());
    }
    if form.get("redirect_uri").is_none_or(|uri| !uri.eq_ignore_ascii_case(&code.asked.redirect)) {
        return Err(GrantRefusal::RedirectMismatch.into());
    }
    check_verifier(code.asked.challenge.as_ref(), form.get("code_verifier"))?;
    let wanted = asked(call, form, v2, Some((&code.asked.resource, &code.asked.scope)))?;
    let sign_in = SignIn {
        user: code.holder.user(GrantKind::Token)?,
        device: code.holder.device()?,
        once: vec![code.mark()?],
        now: call.now(),
        purpose: wanted.purpose(call, &code.holder.amr),
    };
    let session = enter(call, sign_in).await?;
    Issue {
        session: &session,
        client,
        wanted: &wanted,
        amr: &code.holder.amr,
        auth_time: code.holder.auth_time,
        nonce: code.asked.nonce.as_deref(),
        v2,
        client_info: code.asked.client_info || form.get("client_info") == Some("1"),
    }
    .answer(call)
}

/// RFC 7636, section 4.6.
fn check_verifier(
    challenge: Option<&(String, String)>,
    verifier: Option<&str>,
) -> Result<(), GrantRefusal> {
    use base64::Engine as _;
    let fits = match (challenge, verifier) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some((method, challenge)), Some(verifier)) => {
            if method.eq_ignore_ascii_case("s256") {
                let hash =
                    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
                base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash) == *challenge
            } else {
                verifier == challenge
            }
        }
    };
    if fits { Ok(()) } else { Err(GrantRefusal::VerifierMismatch) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The pair of RFC 7636, appendix B.
    #[test]
    fn the_published_verifier_fits_its_challenge() {
        let challenge =
            ("S256".to_owned(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned());
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(check_verifier(Some(&challenge), Some(verifier)), Ok(()));
        assert_eq!(
            check_verifier(Some(&challenge), Some("other")),
            Err(GrantRefusal::VerifierMismatch)
        );
        assert_eq!(check_verifier(Some(&challenge), None), Err(GrantRefusal::VerifierMismatch));
        assert_eq!(check_verifier(None, None), Ok(()));
    }
}
