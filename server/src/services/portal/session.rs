//! Who is signed in to the portal: a sealed cookie, and the token that every form must bring back.
//!
//! A session ends after eight hours of world time, or when everything granted to its user is taken back. No page changes
//! anything without the token, which other origins cannot read; browsers that say where a request comes from are believed.

use linarite_core::ids::UserId;
use linarite_core::signin::session_goes_on;
use serde::{Deserialize, Serialize};

use super::Visitor;
use super::page::Refused;
use crate::directory::UserKey;
use crate::edge::Face;
use crate::entropy::Stream;
use crate::keys::encoding::to_url;
use crate::services::call::Call;
use crate::services::sealed;

/// How long a session lasts, in milliseconds.
const LIFETIME: i64 = 8 * 60 * 60 * 1000;
/// How long a sign-in may take, in milliseconds.
const SIGN_IN: i64 = 60 * 60 * 1000;
/// The cookie of a session.
const SESSION: &str = "portal_session";
/// The cookie of a sign-in on its way.
const PENDING: &str = "portal_sign_in";

/// A session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Session {
    user: String,
    epoch: u32,
    until: i64,
    /// What every form must bring back.
    pub(super) token: String,
}

/// A sign-in on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Pending {
    /// The nonce that the id token must hold.
    pub(super) nonce: String,
    /// Where the browser wanted to go.
    pub(super) target: String,
    until: i64,
}

fn seal(call: &Call, kind: &'static str, value: &impl Serialize) -> Result<String, Refused> {
    let failed = || Refused::new("directory-failed", "the session could not be sealed");
    sealed::seal(call, kind, value).ok_or_else(failed)
}

fn cookie(call: &Call, wanted: &str) -> Option<String> {
    call.headers.get_all("cookie").iter().find_map(|header| {
        header.to_str().ok()?.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            (name.trim() == wanted).then(|| value.trim().to_owned())
        })
    })
}

/// The line that sets a cookie. `across`: it must come along when another site posts here.
fn set(call: &Call, name: &str, value: &str, across: bool) -> String {
    let rest = match (call.link.secure, across) {
        (true, true) => "; Secure; SameSite=None",
        (true, false) => "; Secure; SameSite=Lax",
        // All hosts are one site there, and a browser keeps no secure cookie.
        (false, _) => "; SameSite=Lax",
    };
    let path = match call.link.face {
        Face::Prefix => format!("/{}/", call.link.host),
        Face::Proxy | Face::Direct => "/".to_owned(),
    };
    let end = if value.is_empty() { "; Max-Age=0" } else { "" };
    format!("{name}={value}; Path={path}; HttpOnly{rest}{end}")
}

/// The line that ends a session.
pub(super) fn ended(call: &Call) -> String {
    set(call, SESSION, "", false)
}

/// The lines that begin a session in the place of a sign-in.
pub(super) fn begun(call: &Call, user: UserId, epoch: u32) -> Result<[String; 2], Refused> {
    let session = Session {
        user: user.to_string(),
        epoch,
        until: call.now().millis() + LIFETIME,
        token: to_url(call.world.entropy.draw::<16>(Stream::Once)),
    };
    let sealed = seal(call, "portal", &session)?;
    Ok([set(call, SESSION, &sealed, false), set(call, PENDING, "", true)])
}

/// A new sign-in, and the line that remembers it.
pub(super) fn pending(call: &Call, target: &str) -> Result<(Pending, String), Refused> {
    let pending = Pending {
        nonce: to_url(call.world.entropy.draw::<16>(Stream::Once)),
        target: target.to_owned(),
        until: call.now().millis() + SIGN_IN,
    };
    let sealed = seal(call, "portalsignin", &pending)?;
    let line = set(call, PENDING, &sealed, true);
    Ok((pending, line))
}

/// The sign-in that this browser began.
pub(super) fn remembered(call: &Call) -> Option<Pending> {
    let pending: Pending = sealed::open(call, "portalsignin", &cookie(call, PENDING)?)?;
    (call.now().millis() < pending.until).then_some(pending)
}

/// Who is signed in.
pub(super) fn visitor(call: &Call) -> Result<Option<Visitor>, Refused> {
    let session: Option<Session> =
        cookie(call, SESSION).and_then(|text| sealed::open(call, "portal", &text));
    let Some(session) = session.filter(|session| call.now().millis() < session.until) else {
        return Ok(None);
    };
    let Ok(id) = session.user.parse::<UserId>() else { return Ok(None) };
    let user = call.world.directory.user(&UserKey::Id(id))?;
    let user = user.filter(|user| session_goes_on(user, session.epoch));
    let Some(user) = user else { return Ok(None) };
    call.note("user", user.upn.as_str());
    Ok(Some(Visitor { user, session }))
}

/// Who posts a form, and its fields: only from a page of this session.
pub(super) fn posting(call: &Call) -> Result<(Visitor, Vec<(String, String)>), Refused> {
    let visitor = visitor(call)?.ok_or_else(|| Refused::new("session-missing", ""))?;
    let own = call.url(&call.link.host, "/");
    let same_origin =
        |origin: &str| own.strip_prefix(origin).is_some_and(|rest| rest.starts_with('/'));
    let site = call.header("sec-fetch-site");
    let foreign = call.header("origin").is_some_and(|origin| !same_origin(origin))
        || site.is_some_and(|site| !["same-origin", "none"].contains(&site));
    let form = call.form();
    let token = form.iter().find(|(name, _)| name == "token").map(|(_, value)| value);
    if foreign || token != Some(&visitor.session.token) {
        return Err(Refused::new("request-forged", ""));
    }
    Ok((visitor, form))
}
