//! Signing in to the portal and out of it (`OpenID` Connect, hybrid flow, form post).
//!
//! The id token must be one of this world, for the portal, of now, and hold the nonce that this browser was given.
//! Left out: the code that comes along, which the real portal redeems for tokens of other services.

use http::StatusCode;
use http::header::{HeaderValue, SET_COOKIE};
use linarite_core::ids::UserId;
use linarite_core::signin::session_goes_on;
use serde_json::Value;

use super::page::Refused;
use super::{CLIENT, session};
use crate::directory::UserKey;
use crate::services::call::Call;
use crate::services::reply::{Reply, redirect};

/// Where the sign-in service sends its answer.
const ANSWER: &str = "/signin/index/";

fn with_cookies(mut reply: Reply, lines: &[String]) -> Reply {
    for line in lines {
        if let Ok(value) = HeaderValue::from_str(line) {
            reply.headers_mut().append(SET_COOKIE, value);
        }
    }
    reply
}

/// An answer to a form leads on to a page, which is fetched anew.
pub(super) fn see_other(to: &str) -> Reply {
    let mut reply = redirect(to);
    *reply.status_mut() = StatusCode::SEE_OTHER;
    reply
}

fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Sends the browser to the sign-in service; afterwards it comes to `target`.
pub(super) fn begin(call: &Call, target: &str) -> Result<Reply, Refused> {
    call.note("operation", "sign-in");
    // A doubled slash or a backslash would lead to another host.
    let own = target.starts_with('/') && !target.contains('\\') && target.len() <= 512;
    let (pending, line) = session::pending(call, if own { target } else { "/" })?;
    let answer = call.url(&call.link.host, ANSWER);
    let path = format!(
        "/{}/oauth2/v2.0/authorize?client_id={CLIENT}&response_type={}&response_mode=form_post&redirect_uri={}&scope={}&nonce={}&prompt=select_account",
        "organizations",
        escaped("code id_token"),
        escaped(&answer),
        escaped("openid profile"),
        pending.nonce,
    );
    let to = call.url("login.microsoftonline.com", &path);
    Ok(with_cookies(redirect(&to), &[line]))
}

/// The answer of the sign-in service.
pub(super) fn finish(call: &Call) -> Result<Reply, Refused> {
    call.note("operation", "sign-in");
    let form = call.form();
    let field = |wanted: &str| {
        form.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    };
    let forged = || Refused::new("sign-in-forged", "");
    let pending = session::remembered(call).ok_or_else(forged)?;
    if let Some(error) = field("error_description").or_else(|| field("error")) {
        let shown: String = error.chars().take(300).collect();
        return Err(Refused::new("sign-in-refused", shown));
    }
    let token = field("id_token").ok_or_else(forged)?;
    let claims = call.world.keys.tokens.verify(token).map_err(|_| forged())?;
    let is = |name: &str, wanted: &str| {
        claims.get(name).and_then(Value::as_str).is_some_and(|is| is.eq_ignore_ascii_case(wanted))
    };
    let in_time =
        claims.get("exp").and_then(Value::as_i64).is_some_and(|end| call.now().seconds() < end);
    let fits = in_time
        && is("aud", CLIENT)
        && is("tid", &call.world.tenant.id.to_string())
        && claims.get("nonce").and_then(Value::as_str) == Some(pending.nonce.as_str());
    let id = claims.get("oid").and_then(Value::as_str).and_then(|id| id.parse::<UserId>().ok());
    let id = id.filter(|_| fits).ok_or_else(forged)?;
    let user = call.world.directory.user(&UserKey::Id(id))?;
    let user = user.filter(|user| session_goes_on(user, user.epoch));
    let user = user.ok_or_else(|| Refused::new("session-missing", ""))?;
    call.note("user", user.upn.as_str());
    let lines = session::begun(call, user.id, user.epoch)?;
    let to = call.url(&call.link.host, &pending.target);
    Ok(with_cookies(see_other(&to), &lines))
}

/// Ends the session.
pub(super) fn end(call: &Call) -> Result<Reply, Refused> {
    call.note("operation", "sign-out");
    session::posting(call)?;
    let to = call.url(&call.link.host, "/signedout");
    Ok(with_cookies(see_other(&to), &[session::ended(call)]))
}
