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
use serde_json::json;

use super::request::Wanted;
use crate::directory::Session;
use crate::entropy::Stream;
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

/// The claims of an access token, in the order of the service.
#[derive(Serialize)]
pub(super) struct AccessToken<'a> {
    aud: &'a str,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    acr: &'static str,
    amr: &'a [String],
    app_displayname: &'a str,
    appid: String,
    appidacr: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deviceid: Option<String>,
    idtyp: &'static str,
    ipaddr: &'static str,
    name: &'a str,
    oid: String,
    scp: &'a str,
    sub: String,
    tid: String,
    unique_name: &'a str,
    upn: &'a str,
    uti: String,
    ver: &'static str,
    wids: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xms_cc: Option<[&'static str; 1]>,
}

/// The claims of an access token that ends at this moment.
pub(super) fn access_token<'a>(
    call: &Call,
    session: &'a Session,
    client: &'a App,
    wanted: &'a Wanted,
    amr: &'a [String],
    until: Instant,
) -> AccessToken<'a> {
    let (user, tenant, now) =
        (&session.user, call.world.tenant.id.to_string(), call.now().seconds());
    AccessToken {
        aud: &wanted.resource,
        iss: format!("https://sts.windows.net/{tenant}/"),
        iat: now,
        nbf: now,
        exp: until.seconds(),
        acr: "1",
        amr,
        app_displayname: &client.name,
        appid: client.id.to_string(),
        appidacr: if client.secret.is_some() { "1" } else { "0" },
        deviceid: session.device.as_ref().map(|device| device.device_id().to_string()),
        idtyp: "user",
        ipaddr: "127.0.0.1",
        name: &user.name,
        oid: user.id.to_string(),
        scp: &wanted.permissions,
        sub: pairwise(call, user, client),
        tid: tenant,
        unique_name: &user.upn,
        upn: &user.upn,
        uti: unique(call),
        ver: "1.0",
        wids: user.roles.iter().map(|role| role.template_id()).collect(),
        xms_cc: match wanted.evaluation {
            Evaluation::Continuous => Some([CLIENT_CAPABILITY]),
            Evaluation::AtIssue => None,
        },
    }
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

/// The claims of an id token.
#[derive(Serialize)]
pub(super) struct IdToken<'a> {
    aud: String,
    iss: String,
    iat: i64,
    nbf: i64,
    exp: i64,
    name: &'a str,
    oid: String,
    preferred_username: &'a str,
    sub: String,
    tid: String,
    uti: String,
    ver: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amr: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upn: Option<&'a str>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    management: Option<ManagementUrls>,
}

/// Where the devices of a user are enrolled (section 13.1; the names of the claims are unconfirmed).
#[derive(Serialize)]
struct ManagementUrls {
    mdm_enrollment_url: String,
    mdm_tou_url: String,
    mdm_compliance_url: String,
}

/// Nothing, for a user whose devices are not.
fn management(call: &Call, user: &User) -> Option<ManagementUrls> {
    let mdm = call.world.mdm();
    let portal = |path: &str| call.url(MANAGEMENT_PORTAL, path);
    mdm.has_in_scope(user.id).then(|| ManagementUrls {
        mdm_enrollment_url: call.url(ENROLLMENT_HOST, "/enrollmentserver/discovery.svc"),
        mdm_tou_url: if mdm.asks_for_terms(user.id) {
            portal("/TermsofUse.aspx")
        } else {
            String::new()
        },
        mdm_compliance_url: portal("/?portalAction=Compliance"),
    })
}

/// The claims of an id token; the first version says more of the user.
pub(super) fn id_token<'a>(
    call: &Call,
    session: &'a Session,
    client: &App,
    nonce: Option<&'a str>,
    amr: &'a [String],
    v2: bool,
) -> IdToken<'a> {
    let (user, tenant, now) = (&session.user, call.world.tenant.id.to_string(), call.now());
    let until = now + call.world.tenant.settings.access_token_lifetime;
    IdToken {
        aud: client.id.to_string(),
        iss: if v2 {
            format!("https://login.microsoftonline.com/{tenant}/v2.0")
        } else {
            format!("https://sts.windows.net/{tenant}/")
        },
        iat: now.seconds(),
        nbf: now.seconds(),
        exp: until.seconds(),
        name: &user.name,
        oid: user.id.to_string(),
        preferred_username: &user.upn,
        sub: pairwise(call, user, client),
        tid: tenant,
        uti: unique(call),
        ver: if v2 { "2.0" } else { "1.0" },
        nonce,
        amr: (!v2).then_some(amr),
        unique_name: (!v2).then_some(&*user.upn),
        upn: (!v2).then_some(&*user.upn),
        management: (!v2).then(|| management(call, user)).flatten(),
    }
}

/// `client_info`: which account of which tenant, as clients key their caches.
pub(super) fn client_info(call: &Call, user: &User) -> String {
    let info = json!({ "uid": user.id.to_string(), "utid": call.world.tenant.id.to_string() });
    URL_SAFE_NO_PAD.encode(info.to_string())
}
