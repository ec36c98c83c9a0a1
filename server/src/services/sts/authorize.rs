//! The authorization endpoint and the sign-in form behind it (RFC 6749 section 4.1, RFC 7636; sections 7 and 20).
//!
//! A primary refresh token in `x-ms-RefreshTokenCredential` (cookie or header) signs in without a page. One that is not
//! readable or not signed with its session key is ignored; one whose nonce is missing or stale leads back to the same
//! address with a fresh `sso_nonce`; one whose device or user is refused ends on the page that says why, but for
//! one of an older password: there the user signs in by hand.
//! A user of a federated domain is sent to its federation server ([`passive`]).
//! The hybrid response type `code id_token` hands the id token over with the code, by a form only.
//! A policy that asks for a second factor leads to the page for it ([`second_factor`]).
//! Left out: session cookies, consent, other response types.

use linarite_core::refusal::GrantRefusal;
use linarite_core::signin::GrantKind;

use super::claims::{self, client_info};
use super::grants::{
    Asked, Holder, Interaction, check_nonce, in_time, new_code, new_interaction, new_nonce, open,
};
use super::issue::{Issue, about, note_session, signed};
use super::pages;
use super::passive;
use super::prt::{Request, Shown, shown_prt};
use super::refuse::Refused;
use super::request::{Parameters, known_client, tenant_segment, wanted};
use super::second_factor;
use super::token::enter;
use crate::directory::{DeviceEvidence, Purpose, Session, SignIn, UserEvidence};
use crate::journal::Kind;
use crate::keys::jose::Jws;
use crate::services::call::Call;
use crate::services::reply::{Reply, redirect};
use crate::world::apps::App;

const CREDENTIAL: &str = "x-ms-refreshtokencredential";

/// How a request for authorization fails: on a page, or by a redirect to the client.
pub(super) enum Failed {
    Page(Refused),
    Redirect(Box<Asked>, Refused),
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        Self::Page(refused)
    }
}

impl From<GrantRefusal> for Failed {
    fn from(refusal: GrantRefusal) -> Self {
        Self::Page(refusal.into())
    }
}

/// `GET /{tenant}/oauth2[/v2.0]/authorize`.
pub(super) async fn start(call: Call) -> Reply {
    call.note("operation", "authorize");
    match begin(&call).await {
        Ok(reply) => reply,
        Err(failed) => fail(&call, failed),
    }
}

pub(super) fn fail(call: &Call, failed: Failed) -> Reply {
    let (asked, refused) = match failed {
        Failed::Page(refused) => (None, refused),
        Failed::Redirect(asked, refused) => (Some(asked), refused),
    };
    let Some(shown) = refused.shown(call) else { return refused.reply(call) };
    refused.note(call, &shown);
    match asked {
        None if refused.is_of_policy() => pages::blocked(call, &refused, &shown),
        None => pages::refused(call, &shown),
        Some(asked) => {
            let answer = vec![
                ("error".to_owned(), shown.error),
                ("error_description".to_owned(), shown.description),
            ];
            send(&asked, answer)
        }
    }
}

/// Whether an address is one that the client is known by, at an emulated host, as the face of this request prints it.
fn is_own_page(call: &Call, client: &App, address: &str) -> bool {
    let known = client.redirect.iter().filter_map(|known| known.strip_prefix("https://"));
    known.filter_map(|known| known.split_once('/')).any(|(host, path)| {
        call.world.service(host).is_some() && call.url(host, &format!("/{path}")) == address
    })
}

fn asked(call: &Call) -> Result<(Asked, Parameters), Failed> {
    tenant_segment(call)?;
    let parameters = Parameters::of(call.query_pairs());
    let id = parameters.need("client_id")?;
    call.note("client_id", id.chars().take(100).collect::<String>());
    let client = known_client(call, id)?;
    let redirect = parameters.need("redirect_uri")?;
    if !client.may_redirect_to(redirect) && !is_own_page(call, client, redirect) {
        let shown: String = redirect.chars().take(200).collect();
        return Err(Refused::wire("redirect-unknown").with("name", shown).into());
    }
    let mut asked = Asked {
        client: id.to_owned(),
        redirect: redirect.to_owned(),
        v2: call.path.to_ascii_lowercase().contains("/v2.0/"),
        state: parameters.get("state").map(str::to_owned),
        nonce: parameters.get("nonce").map(str::to_owned),
        response_mode: parameters.get("response_mode").map(str::to_owned),
        client_info: parameters.get("client_info") == Some("1"),
        challenge: parameters.get("code_challenge").map(|challenge| {
            let method = parameters.get("code_challenge_method").unwrap_or("plain");
            (method.to_owned(), challenge.to_owned())
        }),
        ..Asked::default()
    };
    let kind = parameters.get("response_type").unwrap_or_default();
    let mut kinds: Vec<&str> = kind.split_whitespace().collect();
    kinds.sort_unstable();
    let by_form =
        asked.response_mode.as_deref().is_some_and(|m| m.eq_ignore_ascii_case("form_post"));
    asked.id_token = kinds == ["code", "id_token"] && by_form && asked.nonce.is_some();
    if kinds != ["code"] && !asked.id_token {
        let shown: String = kind.chars().take(100).collect();
        let refused = Refused::wire("response-type-unsupported").with("name", shown);
        return Err(Failed::Redirect(Box::new(asked), refused));
    }
    let scope = parameters.get("scope").unwrap_or("openid");
    let resource = if asked.v2 { None } else { parameters.get("resource") };
    let resource = resource.or_else(|| (!asked.v2).then_some("https://graph.windows.net"));
    match wanted(call, resource, scope) {
        Ok(wanted) => {
            asked.resource = wanted.resource;
            scope.clone_into(&mut asked.scope);
            Ok((asked, parameters))
        }
        Err(refused) => Err(Failed::Redirect(Box::new(asked), refused)),
    }
}

async fn begin(call: &Call) -> Result<Reply, Failed> {
    let (asked, parameters) = asked(call)?;
    let by_hand = ["login", "select_account"].map(Some).contains(&parameters.get("prompt"));
    let silent = parameters.get("prompt") == Some("none");
    if let Some(credential) = credential(call).filter(|_| !by_hand) {
        match single_sign_on(call, &asked, &credential, !silent).await {
            Ok(Some(reply)) => return Ok(reply),
            Ok(None) => {}
            // Nobody looks at a page of a silent request: its client learns of the policy.
            Err(Failed::Page(refused))
                if silent && (refused.is_of_policy() || refused.asks_second_factor()) =>
            {
                return Err(Failed::Redirect(Box::new(asked), refused));
            }
            Err(failed) => return Err(failed),
        }
    }
    if silent {
        return Err(Failed::Redirect(Box::new(asked), Refused::wire("session-missing")));
    }
    let login = parameters.get("login_hint").unwrap_or_default().to_owned();
    let hint = parameters.get("domain_hint").map(|domain| format!("@{domain}"));
    match passive::away(call, &asked, &login, hint.filter(|_| login.is_empty()).as_deref())? {
        Some(reply) => Ok(reply),
        None => form(call, &asked, &login, None),
    }
}

fn form(
    call: &Call,
    asked: &Asked,
    login: &str,
    refused: Option<&super::refuse::Shown>,
) -> Result<Reply, Failed> {
    let name = known_client(call, &asked.client)?.name.clone();
    let ctx = new_interaction(call, asked.clone(), None)?;
    let tenant = call.segment(0).unwrap_or_default();
    let action = call.url(&call.link.host, &format!("/{tenant}/login"));
    Ok(pages::sign_in(call, &name, &ctx, &action, login, refused))
}

/// `POST /{tenant}/login`: the form.
pub(super) async fn submit(call: Call) -> Reply {
    call.note("operation", "sign-in");
    match submitted(&call).await {
        Ok(reply) => reply,
        Err(failed) => fail(&call, failed),
    }
}

async fn submitted(call: &Call) -> Result<Reply, Failed> {
    tenant_segment(call)?;
    let parameters = Parameters::of(call.form());
    let ctx = parameters.get("ctx").or_else(|| parameters.get("flowtoken"));
    let interaction: Interaction = open(call, ctx.unwrap_or_default())?;
    in_time(call, interaction.until)?;
    if let Some(proved) = interaction.proved {
        call.note("client_id", interaction.asked.client.as_str());
        let typed = parameters.get("otc").unwrap_or_default();
        return second_factor::submitted(call, &interaction.asked, proved, typed).await;
    }
    let upn = parameters.get("login").unwrap_or_default().to_owned();
    call.note("client_id", interaction.asked.client.as_str());
    call.note("user", upn.as_str());
    // Whatever was typed as the password of a federated user is for the domain's own server.
    if let Some(reply) = passive::away(call, &interaction.asked, &upn, None)? {
        return Ok(reply);
    }
    let user = UserEvidence::Password {
        upn: upn.clone(),
        password: parameters.get("passwd").unwrap_or_default().to_owned(),
    };
    let wanted = wanted(call, Some(&interaction.asked.resource), &interaction.asked.scope)?;
    let sign_in = SignIn {
        user,
        device: DeviceEvidence::None,
        once: Vec::new(),
        now: call.now(),
        purpose: wanted.purpose(call, &["pwd".to_owned()]),
    };
    match admit(call, &interaction.asked, sign_in, &["pwd"], true).await {
        Ok(reply) => Ok(reply),
        Err(refused) if refused.is_of_policy() => Err(refused.into()),
        Err(refused) => {
            let refused = refused.with("user", upn.as_str());
            let Some(shown) = refused.shown(call) else { return Err(refused.into()) };
            refused.note(call, &shown);
            form(call, &interaction.asked, &upn, Some(&shown))
        }
    }
}

/// Goes on with a sign-in: back to the client, or to the page for the second factor when that is all that is missing and
/// somebody sits there.
pub(super) async fn admit<S: AsRef<str>>(
    call: &Call,
    asked: &Asked,
    sign_in: SignIn,
    amr: &[S],
    somebody: bool,
) -> Result<Reply, Refused> {
    // Who it is, without asking the policies.
    let bare =
        SignIn { once: Vec::new(), purpose: Purpose::PrimaryRefreshToken, ..sign_in.clone() };
    match enter(call, sign_in).await {
        Ok(session) => {
            let holder = holder(call, &session, asked, amr)?;
            finish(call, &session, holder, asked)
        }
        Err(refused) if refused.asks_second_factor() && somebody => {
            let session = enter(call, bare).await?;
            let proved = holder(call, &session, asked, amr)?;
            let shown = refused.shown(call);
            second_factor::ask(call, asked, proved, &session.user.upn, shown.as_ref(), false)
        }
        Err(refused) => Err(refused),
    }
}

fn holder<S: AsRef<str>>(
    call: &Call,
    session: &Session,
    asked: &Asked,
    amr: &[S],
) -> Result<Holder, Refused> {
    let client = known_client(call, &asked.client)?;
    let amr: Vec<String> = amr.iter().map(|word| word.as_ref().to_owned()).collect();
    let wanted = wanted(call, Some(&asked.resource), &asked.scope)?;
    let issue = Issue {
        session,
        client,
        wanted: &wanted,
        amr: &amr,
        auth_time: call.now().seconds(),
        nonce: None,
        v2: asked.v2,
        client_info: false,
    };
    Ok(issue.holder())
}

/// Sends the client its code.
fn finish(call: &Call, session: &Session, holder: Holder, asked: &Asked) -> Result<Reply, Refused> {
    note_session(call, session);
    let amr = holder.amr.clone();
    let code = new_code(call, holder, asked.clone())?;
    let mut answer = vec![("code".to_owned(), code)];
    if asked.id_token {
        answer.push(("id_token".to_owned(), id_token(call, session, asked, &amr)?));
    }
    if asked.client_info {
        answer.push(("client_info".to_owned(), client_info(call, &session.user)));
    }
    answer.push(("session_state".to_owned(), call.correlation_id.to_string()));
    Ok(send(asked, answer))
}

/// The id token that comes along with a code.
fn id_token(
    call: &Call,
    session: &Session,
    asked: &Asked,
    amr: &[String],
) -> Result<String, Refused> {
    let client = known_client(call, &asked.client)?;
    let claims = claims::id_token(call, session, client, asked.nonce.as_deref(), amr, asked.v2);
    let signed = signed(call, &claims)?;
    record_issued(call, amr);
    Ok(signed)
}

/// Records that an id token was issued without a visit to the token endpoint.
fn record_issued(call: &Call, amr: &[String]) {
    let mut fields = about(call);
    fields.insert("amr", serde_json::Value::from(amr));
    call.record(Kind::TokenIssued, fields);
}

/// Sends an answer to the client, the way that it asked for.
fn send(asked: &Asked, mut answer: Vec<(String, String)>) -> Reply {
    if let Some(state) = &asked.state {
        answer.insert(1.min(answer.len()), ("state".to_owned(), state.clone()));
    }
    let mode = asked.response_mode.as_deref().unwrap_or("query");
    if mode.eq_ignore_ascii_case("form_post") {
        return pages::form_post(&asked.redirect, &answer);
    }
    let encoded: Vec<String> =
        answer.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    let sign = if mode.eq_ignore_ascii_case("fragment") {
        '#'
    } else if asked.redirect.contains('?') {
        '&'
    } else {
        '?'
    };
    redirect(&format!("{}{sign}{}", asked.redirect, encoded.join("&")))
}

fn encode(value: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    percent_encoding::utf8_percent_encode(value, KEPT).to_string()
}

/// The credential of a browser or broker, from the cookie or the header.
fn credential(call: &Call) -> Option<String> {
    if let Some(value) = call.header(CREDENTIAL) {
        return Some(value.to_owned());
    }
    call.header("cookie")?.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case(CREDENTIAL).then(|| value.trim().to_owned())
    })
}

async fn single_sign_on(
    call: &Call,
    asked: &Asked,
    credential: &str,
    somebody: bool,
) -> Result<Option<Reply>, Failed> {
    let Ok(jws) = Jws::parse(credential) else { return Ok(None) };
    let Ok(payload) = jws.payload_json::<Request>() else { return Ok(None) };
    // A credential that is not valid is no error: the user signs in by hand.
    let Ok(Shown { prt, .. }) = shown_prt(call, &jws, &payload) else { return Ok(None) };
    let Ok(mark) = check_nonce(call, payload.request_nonce.as_deref()) else {
        return fresh_nonce(call).map(Some);
    };
    call.note("grant", "x-ms-RefreshTokenCredential");
    let sign_in = SignIn {
        user: prt.holder.user(GrantKind::Session)?,
        device: prt.holder.device()?,
        once: vec![mark],
        now: call.now(),
        purpose: wanted(call, Some(&asked.resource), &asked.scope)?.purpose(call, &prt.holder.amr),
    };
    match admit(call, asked, sign_in, &prt.holder.amr, somebody).await {
        Ok(reply) => Ok(Some(reply)),
        Err(refused) if refused.reason == GrantRefusal::NonceUsed.reason() => {
            fresh_nonce(call).map(Some)
        }
        // The session is over; the user signs in by hand, with the new password.
        Err(refused) if refused.reason == GrantRefusal::SessionPasswordChanged.reason() => {
            if let Some(shown) = refused.shown(call) {
                refused.note(call, &shown);
            }
            Ok(None)
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Sends the browser back with a nonce of now.
fn fresh_nonce(call: &Call) -> Result<Reply, Failed> {
    let nonce = new_nonce(call)?;
    let others: Vec<&str> = call
        .query
        .split('&')
        .filter(|pair| !pair.to_ascii_lowercase().starts_with("sso_nonce="))
        .collect();
    let path = format!("{}?{}&sso_nonce={nonce}", call.path, others.join("&"));
    Ok(redirect(&call.url(&call.link.host, &path)))
}
