//! The token endpoint: `POST /{tenant}/oauth2[/v2.0]/token`.
//!
//! The body is read as a form whatever its content type says: the nonce request of one client has none.

use aws_lc_rs::digest::{SHA256, digest};
use http::StatusCode;
use linarite_core::grant::{self, CodeTerms, CodeUse, Verifier, may_redeem_code};
use linarite_core::instant::Instant;
use linarite_core::refusal::{DeviceRefusal, GrantRefusal};
use linarite_core::signin::GrantKind;
use serde_json::json;

use super::application;
use super::computer;
use super::grants::{self, Code, RefreshToken, in_time, open};
use super::issue::{Issue, is_family};
use super::prt;
use super::refuse::Refused;
use super::request::{Parameters, Wanted, client, tenant_segment, wanted};
use super::saml::{self, SAML_1, SAML_2};
use crate::directory::{DeviceEvidence, OnceMark, SignIn, UserEvidence};
use crate::json::printed;
use crate::keys::encoding::to_url;
use crate::keys::saml::SamlVersion;
use crate::services::call::Call;
use crate::services::reply::{Reply, private_printed};
use crate::world::apps::App;

pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Grant types of the service that belong to later work.
const LATER: [&str; 2] = ["device_code", "urn:ietf:params:oauth:grant-type:device_code"];

/// What an answer is sent as.
pub(super) enum Answer {
    /// Clear JSON.
    Clear(String),
    /// Encrypted for the holder of a session key.
    Sealed(String),
}

/// The endpoint.
pub(super) async fn token(call: Call) -> Reply {
    match answer(&call).await {
        Ok(Answer::Clear(body)) => private_printed(StatusCode::OK, body),
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
        "srv_challenge" => {
            Ok(Answer::Clear(printed(&json!({ "Nonce": grants::new_nonce(call)? }))))
        }
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

/// How a user signs in at this endpoint, or goes on with a grant.
struct Shown<'a> {
    user: UserEvidence,
    device: DeviceEvidence,
    /// What is used up by it.
    once: Option<OnceMark>,
    /// The ways in which the user proved who it is.
    amr: &'a [String],
    /// When it did, in seconds.
    auth_time: i64,
    /// The nonce of the authorization request.
    nonce: Option<&'a str>,
    /// Whether the client asked for `client_info` before.
    client_info: bool,
}

impl<'a> Shown<'a> {
    /// A user who proves who it is here and now, without a device.
    fn fresh(call: &Call, user: UserEvidence, amr: &'a [String]) -> Self {
        let auth_time = call.now().seconds();
        let device = DeviceEvidence::None;
        Self { user, device, once: None, amr, auth_time, nonce: None, client_info: false }
    }

    /// The holder of a grant.
    fn holder(holder: &'a grants::Holder) -> Result<Self, GrantRefusal> {
        Ok(Self {
            user: holder.user(GrantKind::Token)?,
            device: holder.device()?,
            once: None,
            amr: &holder.amr,
            auth_time: holder.auth_time,
            nonce: None,
            client_info: false,
        })
    }
}

/// Signs in, and answers with tokens for what is wanted.
async fn tokens(
    call: &Call,
    form: &Parameters,
    client: &App,
    wanted: &Wanted,
    v2: bool,
    shown: Shown<'_>,
) -> Result<String, Refused> {
    let sign_in = SignIn {
        user: shown.user,
        device: shown.device,
        once: shown.once.into_iter().collect(),
        now: call.now(),
        purpose: wanted.purpose(call, shown.amr),
    };
    let session = enter(call, sign_in).await?;
    Issue {
        session: &session,
        client,
        wanted,
        amr: shown.amr,
        auth_time: shown.auth_time,
        nonce: shown.nonce,
        v2,
        client_info: shown.client_info || form.get("client_info") == Some("1"),
    }
    .answer(call)
}

async fn password(call: &Call, form: &Parameters, v2: bool) -> Result<String, Refused> {
    let client = client(call, form)?;
    let upn = form.need("username")?;
    call.note("user", upn);
    let wanted = asked(call, form, v2, None)?;
    let password = form.get("password").unwrap_or_default().to_owned();
    let user = UserEvidence::Password { upn: upn.to_owned(), password };
    let amr = ["pwd".to_owned()];
    let shown = Shown::fresh(call, user, &amr);
    let answer = tokens(call, form, client, &wanted, v2, shown).await;
    answer.map_err(|refused| refused.with("user", upn))
}

async fn assertion(
    call: &Call,
    form: &Parameters,
    version: SamlVersion,
    v2: bool,
) -> Result<String, Refused> {
    let client = client(call, form)?;
    let text = form.need("assertion")?;
    let wanted = asked(call, form, v2, None)?;
    let saml::Federated { user, amr, name } = match saml::vouched(call, text, version)? {
        saml::Vouched::User(user) => user,
        saml::Vouched::Computer(computer) => {
            return computer::answer(call, client, &wanted, &computer, v2);
        }
    };
    let shown = Shown::fresh(call, user, &amr);
    let answer = tokens(call, form, client, &wanted, v2, shown).await;
    answer.map_err(|refused| refused.with("user", name))
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

async fn refresh(call: &Call, form: &Parameters, v2: bool) -> Result<String, Refused> {
    let client = client(call, form)?;
    let token: RefreshToken = open(call, form.need("refresh_token")?)?;
    note_holder(call, &token.holder);
    let wanted = asked(call, form, v2, Some((&token.resource, &token.scope)))?;
    in_time(call, token.until)?;
    may_redeem(call, client, &token)?;
    tokens(call, form, client, &wanted, v2, Shown::holder(&token.holder)?).await
}

/// Notes whose grant was shown, so that a refusal names its device too.
pub(super) fn note_holder(call: &Call, holder: &grants::Holder) {
    if let Ok(DeviceEvidence::Grant { device, .. }) = holder.device() {
        call.note_device(device);
    }
}

/// Whether this client may redeem that refresh token.
pub(super) fn may_redeem(
    call: &Call,
    client: &App,
    token: &RefreshToken,
) -> Result<(), GrantRefusal> {
    let known = |app: &App| grant::Client { id: app.id, family: is_family(app) };
    grant::may_redeem(call.world.apps.client(&token.client).map(known), known(client))
}

async fn code(call: &Call, form: &Parameters, v2: bool) -> Result<String, Refused> {
    let client = client(call, form)?;
    let code: Code = open(call, form.need("code")?)?;
    note_holder(call, &code.holder);
    let asked_with = &code.asked;
    let terms = CodeTerms {
        until: Instant::from_millis(code.until),
        issued_to: call.world.apps.client(&asked_with.client).map(|app| app.id),
        redirect: &asked_with.redirect,
        challenge: asked_with.challenge.as_ref().map(|(method, value)| (&**method, &**value)),
    };
    let text = form.get("code_verifier");
    let s256 = text.map(|text| to_url(digest(&SHA256, text.as_bytes()))).unwrap_or_default();
    let shown = CodeUse {
        now: call.now(),
        client: client.id,
        redirect: form.get("redirect_uri"),
        verifier: text.map(|text| Verifier { text, s256: &s256 }),
    };
    may_redeem_code(&terms, &shown)?;
    let wanted = asked(call, form, v2, Some((&asked_with.resource, &asked_with.scope)))?;
    let shown = Shown {
        once: Some(code.mark()?),
        nonce: asked_with.nonce.as_deref(),
        client_info: asked_with.client_info,
        ..Shown::holder(&code.holder)?
    };
    tokens(call, form, client, &wanted, v2, shown).await
}
