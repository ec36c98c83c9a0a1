//! The claims of access tokens and id tokens.
//!
//! Access tokens are of the first version's form, as those of the resources emulated here are; id tokens follow the
//! endpoint. `deviceid` is there when the grant is bound to a device; resources go by it. `xms_cc` is there when resources
//! go on asking about the user.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use linarite_core::access::Evaluation;
use linarite_core::instant::Instant;
use linarite_core::user::User;
use serde::Serialize;

use super::request::Wanted;
use crate::directory::Session;
use crate::entropy::Stream;
use crate::json::Members;
use crate::services::call::Call;
use crate::services::token::CLIENT_CAPABILITY;
use crate::world::apps::App;
use crate::world::{ENROLLMENT_HOST, MANAGEMENT_PORTAL};

/// The subject of a user towards an application: the same each time, another for each application.
fn pairwise(call: &Call, user: &User, client: &App) -> String {
    let text = format!("{} {} {}", call.world.tenant.id, user.id, client.id);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

pub(super) fn unique(call: &Call) -> String {
    URL_SAFE_NO_PAD.encode(call.world.entropy.draw::<16>(Stream::Token))
}

/// The claims of an access token that ends at this moment, in the order of the service.
pub(super) fn access_token(
    call: &Call,
    session: &Session,
    client: &App,
    wanted: &Wanted,
    amr: &[String],
    until: Instant,
) -> String {
    let (user, tenant, now) = (&session.user, call.world.tenant.id, call.now().seconds());
    let mut claims = Members::with_room(2048);
    claims.text("aud", &wanted.resource);
    claims.shown("iss", format_args!("https://sts.windows.net/{tenant}/"));
    claims.number("iat", now);
    claims.number("nbf", now);
    claims.number("exp", until.seconds());
    claims.text("acr", "1");
    claims.texts("amr", amr);
    claims.text("app_displayname", &client.name);
    claims.shown("appid", client.id);
    claims.text("appidacr", if client.secret.is_some() { "1" } else { "0" });
    if let Some(device) = &session.device {
        claims.shown("deviceid", device.device_id());
    }
    claims.text("idtyp", "user");
    claims.text("ipaddr", "127.0.0.1");
    claims.text("name", &user.name);
    claims.shown("oid", user.id);
    claims.text("scp", &wanted.permissions);
    claims.text("sub", &pairwise(call, user, client));
    claims.shown("tid", tenant);
    claims.text("unique_name", &user.upn);
    claims.text("upn", &user.upn);
    claims.text("uti", &unique(call));
    claims.text("ver", "1.0");
    claims.texts("wids", user.roles.iter().map(|role| role.template_id()));
    match wanted.evaluation {
        Evaluation::Continuous => claims.texts("xms_cc", [CLIENT_CAPABILITY]),
        Evaluation::AtIssue => {}
    }
    claims.finish()
}

/// The claims of the access token of an application for itself.
#[derive(Serialize)]
pub(super) struct ApplicationToken<'a> {
    aud: &'a str,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    app_displayname: &'a str,
    appid: String,
    appidacr: &'static str,
    idp: String,
    idtyp: &'static str,
    oid: String,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    roles: &'a [String],
    sub: String,
    tid: String,
    uti: String,
    ver: &'static str,
}

/// The claims of an access token for an application that showed its secret, which ends at this moment.
pub(super) fn application_token<'a>(
    call: &Call,
    app: &'a App,
    resource: &'a str,
    roles: &'a [String],
    until: Instant,
) -> ApplicationToken<'a> {
    let (tenant, now) = (call.world.tenant.id, call.now().seconds());
    let principal = app.service_principal(tenant).to_string();
    ApplicationToken {
        aud: resource,
        iss: format!("https://sts.windows.net/{tenant}/"),
        iat: now,
        nbf: now,
        exp: until.seconds(),
        app_displayname: &app.name,
        appid: app.id.to_string(),
        appidacr: "1",
        idp: format!("https://sts.windows.net/{tenant}/"),
        idtyp: "app",
        oid: principal.clone(),
        roles,
        sub: principal,
        tid: tenant.to_string(),
        uti: unique(call),
        ver: "1.0",
    }
}

/// The claims of an id token; the first version says more of the user.
pub(super) fn id_token(
    call: &Call,
    session: &Session,
    client: &App,
    nonce: Option<&str>,
    amr: &[String],
    v2: bool,
) -> String {
    let (user, tenant, now) = (&session.user, call.world.tenant.id, call.now());
    let until = now + call.world.tenant.settings.access_token_lifetime;
    let mut claims = Members::with_room(2048);
    claims.shown("aud", client.id);
    if v2 {
        claims.shown("iss", format_args!("https://login.microsoftonline.com/{tenant}/v2.0"));
    } else {
        claims.shown("iss", format_args!("https://sts.windows.net/{tenant}/"));
    }
    claims.number("iat", now.seconds());
    claims.number("nbf", now.seconds());
    claims.number("exp", until.seconds());
    claims.text("name", &user.name);
    claims.shown("oid", user.id);
    claims.text("preferred_username", &user.upn);
    claims.text("sub", &pairwise(call, user, client));
    claims.shown("tid", tenant);
    claims.text("uti", &unique(call));
    claims.text("ver", if v2 { "2.0" } else { "1.0" });
    if let Some(nonce) = nonce {
        claims.text("nonce", nonce);
    }
    if !v2 {
        claims.texts("amr", amr);
        claims.text("unique_name", &user.upn);
        claims.text("upn", &user.upn);
        management(call, user, &mut claims);
    }
    claims.finish()
}

/// Where the devices of a user are enrolled (section 13.1; the names of the claims are unconfirmed). Nothing, for a user
/// whose devices are not.
fn management(call: &Call, user: &User, claims: &mut Members) {
    let mdm = call.world.mdm();
    if !mdm.has_in_scope(user.id) {
        return;
    }
    let portal = |path: &str| call.url(MANAGEMENT_PORTAL, path);
    claims
        .text("mdm_enrollment_url", &call.url(ENROLLMENT_HOST, "/enrollmentserver/discovery.svc"));
    let terms = mdm.asks_for_terms(user.id).then(|| portal("/TermsofUse.aspx"));
    claims.text("mdm_tou_url", &terms.unwrap_or_default());
    claims.text("mdm_compliance_url", &portal("/?portalAction=Compliance"));
}

/// `client_info`: which account of which tenant, as clients key their caches.
pub(super) fn client_info(call: &Call, user: &User) -> String {
    let mut info = Members::with_room(128);
    info.shown("uid", user.id);
    info.shown("utid", call.world.tenant.id);
    URL_SAFE_NO_PAD.encode(info.finish())
}
